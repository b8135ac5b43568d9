/*
 * zk_priv.h - what the files of this room share. Nobody else includes it.
 *
 * One lock, zk->lock, guards everything that more than one thread touches: the handle and
 * its state, the operations in flight, the queue to the owner, the marks of fired watches.
 * It is never held while the library's zookeeper_init() or zookeeper_close() runs (they
 * resolve names and join threads whose callbacks take the lock), nor while user code runs.
 *
 * Threads: O the owner; K our keeper (opens and closes handles, sends probes); L the
 * library's completion thread; W those that wait in zk_get() and the like.
 */
#ifndef MR_ZK_ZK_PRIV_H
#define MR_ZK_ZK_PRIV_H

#include "common/zk/zk.h"

#include <pthread.h>
#include <stdatomic.h>
#ifdef MR_ZK_TLS
#define HAVE_OPENSSL_H 1 /* zookeeper.h declares zookeeper_init_ssl() only then */
#endif
#define THREADED
#include <zookeeper/zookeeper.h>

enum { ZK_ADDRESS_MAX = 1024, ZK_WATCH_BUCKETS = 1024 };

struct zk_watch;
struct zk_election;

/* One zhandle_t: one session, from its creation to its expiry. */
struct zk_handle {
	struct zk *zk;
	zhandle_t *zh; /* NULL until it is ready for operations */
	int state;     /* ZOO_*_STATE as last told by the library */
	uint64_t gen;  /* 0 until the session exists; then unique and rising */
	int64_t session;
	bool probing;
	usec_t probe_sent; /* CLOCK_BOOTTIME */
	struct zk_op *ops; /* in the library's hands */
};

enum zk_op_type {
	ZK_OP_GET,
	ZK_OP_SET,
	ZK_OP_CREATE,
	ZK_OP_DELETE,
	ZK_OP_CHILDREN,
	ZK_OP_EXISTS,
	ZK_OP_SYNC,
	ZK_OP_MULTI,
};

/* What is asked for; all borrowed until the operation is submitted. */
struct zk_request {
	enum zk_op_type type;
	const char *path;
	const void *data;
	size_t len;
	int32_t version;
	enum zk_kind kind;
	const struct zk_acl *acl;
	const struct zk_step *steps;
	size_t n;
	bool watch;    /* get, exists, children: leave a watch, see watch.c */
	bool absolute; /* the path has the chroot already */
};

/*
 * An operation. Belongs to its waiter or, when not waited for, to the queue; while the
 * library has it and nobody wants it any more it is `abandoned`, and L frees it.
 */
struct zk_op {
	struct zk *zk;
	struct zk_handle *handle; /* while in handle->ops */
	struct zk_op *prev, *next;
	enum zk_op_type type;
	char *path;
	int64_t session;
	bool submitted;
	bool done;
	bool abandoned;
	bool waited; /* by W: pthread_cond instead of the queue */
	pthread_cond_t cond;
	zk_reply_fn *fn;
	void *ctx;
	/* The outcome. */
	int rc; /* -errno */
	struct err err;
	struct zk_stat stat;
	bool has_stat;
	char *data;
	size_t len;
	struct zk_names names;
	char *made; /* path, without the chroot */
	/* multi: the library writes here until it is done */
	size_t n;
	zoo_op_t *zops;
	zoo_op_result_t *zresults;
	struct Stat *zstats;
	size_t failed;
};

struct zk_queue {
	struct zk_op *head, *tail;
	size_t n;
};

struct zk {
	/* Set once. */
	char hosts[ZK_ADDRESS_MAX];
	char chroot[ZK_PATH_MAX]; /* "" without one */
	usec_t asked_timeout;
	enum zk_role role;
	char *auth; /* NULL: open tree */
	size_t auth_len;
	char identities[ZK_ROLES][ZK_IDENTITY_MAX]; /* "": ours */
	char *tls_cert;				    /* "ca,cert,key,password" */
	pthread_t keeper;
	int fd;

	_Atomic int64_t act_until; /* CLOCK_BOOTTIME */
	_Atomic int64_t server_clock; /* less CLOCK_BOOTTIME; 0: not known yet */

	pthread_mutex_t lock;
	pthread_cond_t changed;	    /* W: the state changed */
	pthread_cond_t keeper_wake; /* K */
	bool stopping;
	struct zk_handle *handle;
	uint64_t gens;	   /* given out */
	uint64_t gen;	   /* of the session that was connected last */
	uint64_t gen_over; /* this one and all before are over */
	uint64_t connects;
	usec_t timeout; /* negotiated */
	char trouble[160];
	struct zk_queue queue;
	struct zk_watch *fired; /* watches that fired and were not read again */
	struct zk_watch *buckets[ZK_WATCH_BUCKETS]; /* written by O, read by L */
	bool tick_wanted;
	bool tick;

	/* O only. */
	struct zk_listener *listeners;
	struct zk_listener *next_listener; /* while they are called */
	enum zk_state told;
	uint64_t told_gen;
	uint64_t told_connects;
	struct zk_election *elections;
	size_t watch_bytes; /* of paths watched at ZooKeeper */
	size_t watch_budget;
	size_t watches_polled;
	bool leaving; /* zk_watch_leave() */
	uint64_t ticks;
};

/* zk_path.c, pure */
int zk_servers_parse(const char *servers, char hosts[ZK_ADDRESS_MAX], char chroot[ZK_PATH_MAX],
		     struct err *err) MR_MUST_CHECK;
int zk_path_full(const char *chroot, const char *path, char out[ZK_PATH_MAX],
		 struct err *err) MR_MUST_CHECK;
/* The client's view of a path that the server returned. */
const char *zk_path_client(const char *chroot, const char *full);

/* zk_error.c: the library's code as ours. `write`: a lost answer leaves the outcome open. */
int zk_error(int zrc, bool write, const char *what, const char *path, struct err *err);

/* zk_acl.c */
struct zk_acl_space {
	struct ACL acls[ZK_ROLES + 1];
	struct ACL_vector vector;
};
const struct ACL_vector *zk_acl_build(const struct zk *zk, const struct zk_acl *acl,
				      struct zk_acl_space *space);

/* zk_log.c */
void zk_log_message(const char *message);
void zk_log_setup(void);

/* zk_session.c */
void zk_wake(struct zk *zk);
enum zk_state zk_state_locked(const struct zk *zk);
bool zk_connected_locked(const struct zk *zk);
/* O: zk_dispatch() soon calls the ticks again, connected or not. */
void zk_want_tick(struct zk *zk);

/* zk_op.c */
void zk_stat_from(const struct Stat *stat, struct zk_stat *ret);
struct zk_op *zk_op_new(struct zk *zk, const struct zk_request *request);
void zk_op_free(struct zk_op *op);
/* -ENOTCONN: not sent. Lock held. Anything else: op->rc says it, and op is done or in flight. */
int zk_op_submit_locked(struct zk_op *op, const struct zk_request *request);
/* Gives it its failure; lock held; frees an abandoned one. */
void zk_op_end_locked(struct zk_op *op);
struct zk_op *zk_start(struct zk *zk, const struct zk_request *request, zk_reply_fn *fn,
		       void *ctx);
void zk_queue_put(struct zk_queue *q, struct zk_op *op);
void zk_queue_remove(struct zk_queue *q, struct zk_op *op);
void zk_op_reply(struct zk_op *op);

/* watch.c */
void zk_watch_fire(zhandle_t *zh, int type, int state, const char *path, void *ctx);
void zk_watch_on_state(struct zk *zk, enum zk_state state);
void zk_watch_dispatch(struct zk *zk);
void zk_watch_on_tick(struct zk *zk);
void zk_watch_free_all(struct zk *zk);

/* election.c */
void zk_election_on_state(struct zk *zk, enum zk_state state);
void zk_election_on_tick(struct zk *zk);
/* Frees those that have nothing left to do; not from within a callback. */
void zk_election_reap(struct zk *zk);
void zk_election_free_all(struct zk *zk);

/* CLOCK_MONOTONIC, for conditions. */
static inline usec_t zk_now(void)
{
	return clock_read_usec(CLOCK_MONOTONIC);
}

static inline struct timespec zk_timespec(usec_t at)
{
	return (struct timespec){.tv_sec = (time_t)(at / USEC_PER_SEC),
				 .tv_nsec = (long)(at % USEC_PER_SEC * 1000)};
}

#endif
