/*
 * election.h - hot standby: the smallest of a folder's ephemeral sequential nodes is first.
 *
 * A candidate registers `<name>-<ten digits>` and watches the folder. It is first when no
 * other node has a smaller number (protocol.md, rule 2a; names sort by host, so only the
 * last ten digits count). Being first is a view, no lock: rule 2 b to e makes it safe.
 *
 * It steps down when its node is gone (rule 9) or its session expired, tells so, and
 * registers again, at the end of the line, unless zk_election_stop() was called. A lost
 * connection changes nothing here: zk_may_act() is the clock for that.
 *
 * The decision itself is pure: election_rule.h. Only the owning thread of the session.
 */
#ifndef MR_ZK_ELECTION_H
#define MR_ZK_ELECTION_H

#include "common/zk/zk.h"

struct zk_election;

enum zk_election_role {
	ZK_ELECTION_OUT,    /* no node of ours is known to be there */
	ZK_ELECTION_BEHIND, /* registered, another is first */
	ZK_ELECTION_FIRST,
};

/* Gone when the callback returns. */
struct zk_election_view {
	enum zk_election_role role;
	int rc; /* why we are OUT: 0 (not yet), -ENOLINK, -ENOENT (the node was deleted), … */
	const struct err *err; /* with rc */
	const char *node;      /* our node's name; "" while OUT */
	int64_t epoch;         /* its czxid; 0 while OUT */
	const char *first;     /* name of the node that is first; "" when there is none */
	size_t nodes;          /* in the folder, ours included */
};

/* Whenever anything of the view changes. */
typedef void zk_election_fn(void *ctx, const struct zk_election_view *view);

struct zk_election_options {
	const char *folder; /* made when it is missing and its parent is there */
	const char *name;   /* of the host: no '/' in it */
	const void *data;   /* what the node begins with */
	size_t len;
	const struct zk_acl *acl; /* copied; NULL: zk_acl_shared */
};

/* All is copied. NULL: no memory. The callback never runs within this call. */
struct zk_election *zk_election_start(struct zk *zk, const struct zk_election_options *options,
				      zk_election_fn *fn, void *ctx);
/* What a node begins with when it registers again. 0 or -ENOMEM. */
int zk_election_set_data(struct zk_election *e, const void *data, size_t len) MR_MUST_CHECK;
/*
 * No callback any more; the node is deleted as soon as ZooKeeper can be reached (before
 * zk_close() returns at the latest), for as long as zk_dispatch() is called. `e` is gone
 * for the caller. From within the callback too. NULL is nothing.
 */
void zk_election_stop(struct zk_election *e);

/* The view as last told. */
enum zk_election_role zk_election_role(const struct zk_election *e);
int64_t zk_election_epoch(const struct zk_election *e);
/* "" while OUT; valid until the next dispatch. */
const char *zk_election_node(const struct zk_election *e);
const char *zk_election_path(const struct zk_election *e);
const char *zk_election_first(const struct zk_election *e);

#endif
