/*
 * zk.h - a session with ZooKeeper: it lives on over lost connections and is made anew
 * after it expired; reads and writes with it, waiting (zk_get) or not (zk_get_async).
 *
 * Not here: what the nodes mean (common/contract), watches (watch.h), who is first
 * (election.h), names (naming.h).
 *
 * Threads: one thread owns the session (opens, dispatches, closes it; its callbacks run
 * there and nowhere else). What waits (zk_get … zk_multi, zk_wait_connected), zk_may_act()
 * and the questions about the session may be called from any thread that ends before
 * zk_close(). The library's two threads and our own one run no code of the user's.
 *
 * Poll zk_fd() for reading and call zk_dispatch() when it is readable. Nothing depends on
 * how soon: connecting, the new session after an expiry and the probes of the courtesy
 * clock are the work of a thread inside.
 *
 * How a failed operation ends, besides the struct err:
 *   -ENOTCONN     there is no connection: certainly not done
 *   -ETIMEDOUT    no connection within the timeout (certainly not done), or a read whose
 *                 answer did not come
 *   -ENOLINK      the session expired before it was done: certainly not done
 *   -EINPROGRESS  a write whose answer got lost: done or not, nobody knows; read again
 *   -ENOENT -EEXIST -ENOTEMPTY   as the words say
 *   -ESTALE       the node is at another version
 *   -EACCES       our identity may not
 *   -EFBIG        a document over ZK_DOCUMENT_MAX; a write of one is not sent
 *   -EINVAL -ENOMEM -EPROTO
 *
 * A path begins with '/'; the chroot of the connect string is put in front of it here.
 */
#ifndef MR_ZK_ZK_H
#define MR_ZK_ZK_H

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	ZK_DOCUMENT_MAX = 512 * 1024,
	ZK_PATH_MAX = 1024, /* with the chroot and the zero byte */
	ZK_MULTI_MAX = 16,
	ZK_IDENTITY_MAX = 192,
};

struct zk;
struct zk_op;

enum zk_role { ZK_ROLE_CORE, ZK_ROLE_SERVER, ZK_ROLE_MONITOR, ZK_ROLES };

/* Files in PEM; all of them must be there. */
struct zk_tls {
	const char *ca;
	const char *cert;
	const char *key;
	const char *key_password; /* "" without one */
};

struct zk_options {
	const char *servers; /* "zk1:2181,zk2:2181/chroot" */
	usec_t session_timeout;
	enum zk_role role;
	/* "user:password"; NULL: an open tree. Copied, wiped at the end, never logged. */
	const char *auth;
	/* Digest identities (zk_identity) of the other roles; NULL: they use our `auth`. */
	const char *identities[ZK_ROLES];
	const struct zk_tls *tls; /* NULL: none */
};

/*
 * Starts to connect and returns; a ZooKeeper that cannot be reached is no failure here.
 * -EINVAL: an option is wrong. -ENOTSUP: TLS is asked for and the library has none.
 */
int zk_open(const struct zk_options *options, struct zk **ret, struct err *err) MR_MUST_CHECK;
/*
 * Ends the session, so that its ephemeral nodes go at once (when ZooKeeper cannot be
 * reached: after the session timeout; waits for up to 5 s). Callbacks that were due are
 * not called; watches and elections end too. Not from a callback.
 */
void zk_close(struct zk *zk);

/* "user:password" -> "user:base64 of SHA-1", as ACLs name it. -EINVAL without a colon. */
int zk_identity(const char *auth, char ret_identity[ZK_IDENTITY_MAX], struct err *err) MR_MUST_CHECK;

/* The events. */

enum zk_state {
	ZK_CONNECTING,  /* no connection; the session may still live */
	ZK_CONNECTED,   /* the session of before is connected again */
	ZK_NEW_SESSION, /* connected with a session that has no ephemeral nodes yet */
	ZK_EXPIRED,     /* the session is over, its ephemeral nodes are gone; a new one follows */
	ZK_AUTH_FAILED, /* the server will not have us; tried again every few seconds */
};

/*
 * Told of each change of state, in order; changes that came and went between two
 * dispatches may be left out, but a ZK_NEW_SESSION always follows a ZK_EXPIRED. The
 * struct is the caller's and stays until zk_unlisten() or zk_close().
 */
struct zk_listener {
	void (*fn)(void *ctx, enum zk_state state);
	void *ctx;
	struct zk_listener *next; /* ours */
};

void zk_listen(struct zk *zk, struct zk_listener *listener);
void zk_unlisten(struct zk *zk, struct zk_listener *listener);
/* Readable when zk_dispatch() has something to do. */
int zk_fd(const struct zk *zk);
/* Runs the callbacks that are due; never waits. */
void zk_dispatch(struct zk *zk);

/* Any thread: */

enum zk_state zk_state(struct zk *zk); /* as it is now, perhaps not told yet */
const char *zk_state_name(enum zk_state state);
int zk_wait_connected(struct zk *zk, usec_t timeout, struct err *err) MR_MUST_CHECK;
/* As negotiated; before the first connection as asked for. */
usec_t zk_session_timeout(struct zk *zk);
/* What ephemeralOwner says of our nodes; 0 without a session. */
int64_t zk_session_id(struct zk *zk);
/*
 * The courtesy clock (protocol.md, rule 10): whether a probe of ours that was sent less
 * than two thirds of the session timeout ago was answered by the leader. Without a lock:
 * ask before every commit.
 */
bool zk_may_act(const struct zk *zk);
/* CLOCK_BOOTTIME (clock_boot) until which zk_may_act() holds if no probe is answered. */
usec_t zk_may_act_until(const struct zk *zk);

/* Nodes. */

struct zk_stat {
	int64_t czxid; /* of the creation: an instance's epoch */
	int64_t mzxid; /* of the last write */
	int64_t pzxid; /* of the last change of children */
	int64_t owner; /* session of an ephemeral node; 0: persistent */
	usec_t created, modified; /* wall clock of the server */
	int32_t version;
	int32_t children_version;
	int32_t children;
	int32_t len;
};

/*
 * How long ago that was, a moment of a zk_stat, by the ZooKeeper server's own clock: ours may
 * be another machine's hour off. 0 until this client has written something.
 */
usec_t zk_age(const struct zk *zk, usec_t moment);

struct zk_names {
	char **v; /* in no order */
	size_t n;
};

void zk_names_free(struct zk_names *names);

enum { ZK_READ = 1, ZK_WRITE = 2, ZK_CREATE = 4, ZK_DELETE = 8, ZK_ADMIN = 16 };

/*
 * What each role may do with a node (DELETE and CREATE: with its children). Who creates
 * it may do everything. No world entry is ever made, except in an open tree.
 */
struct zk_acl {
	unsigned char may[ZK_ROLES];
};

/* Each daemon reads, writes, creates and deletes: what a NULL pointer stands for. */
extern const struct zk_acl zk_acl_shared;
/* The creator alone. */
extern const struct zk_acl zk_acl_private;

enum zk_kind {
	ZK_PERSISTENT,
	ZK_PERSISTENT_SEQUENTIAL,
	ZK_EPHEMERAL,
	ZK_EPHEMERAL_SEQUENTIAL,
};

enum { ZK_ANY_VERSION = -1 };

/*
 * Waiting. `timeout` bounds the whole call. Outputs may be NULL (ret_path has
 * ZK_PATH_MAX bytes and leaves out the chroot).
 */

int zk_get(struct zk *zk, const char *path, usec_t timeout, struct buf *out,
	   struct zk_stat *ret_stat, struct err *err) MR_MUST_CHECK;
int zk_set(struct zk *zk, const char *path, const void *data, size_t len, int32_t version,
	   usec_t timeout, struct zk_stat *ret_stat, struct err *err) MR_MUST_CHECK;

struct zk_create {
	const char *path; /* a sequential kind puts ten digits behind it */
	const void *data;
	size_t len;
	enum zk_kind kind;
	const struct zk_acl *acl; /* NULL: zk_acl_shared */
	bool parents;             /* make those that are missing, persistent and empty, same ACL */
};

/*
 * A lost answer is resolved within the timeout (rule 9): of an ephemeral kind our session's
 * node at this path, or below the parent with this prefix, is adopted (and a second one
 * deleted), so no two threads may create the same prefix at once; a persistent node that
 * is there afterwards is -EINPROGRESS, for it may be another's; a persistent sequential
 * one always. The path must not end in '/'.
 */
int zk_create(struct zk *zk, const struct zk_create *create, usec_t timeout,
	      char ret_path[ZK_PATH_MAX], struct zk_stat *ret_stat, struct err *err) MR_MUST_CHECK;
int zk_delete(struct zk *zk, const char *path, int32_t version, usec_t timeout,
	      struct err *err) MR_MUST_CHECK;
int zk_children(struct zk *zk, const char *path, usec_t timeout, struct zk_names *ret_names,
		struct zk_stat *ret_stat, struct err *err) MR_MUST_CHECK;
int zk_exists(struct zk *zk, const char *path, usec_t timeout, bool *ret_exists,
	      struct zk_stat *ret_stat, struct err *err) MR_MUST_CHECK;
/* What the leader has committed until now is in the reads that follow. */
int zk_sync(struct zk *zk, const char *path, usec_t timeout, struct err *err) MR_MUST_CHECK;

enum zk_step_type { ZK_STEP_CHECK, ZK_STEP_SET, ZK_STEP_CREATE, ZK_STEP_DELETE };

struct zk_step {
	enum zk_step_type type;
	const char *path;
	int32_t version; /* not of CREATE */
	const void *data;
	size_t len;
	enum zk_kind kind; /* of CREATE */
	const struct zk_acl *acl;
};

/*
 * All of the steps or none. On -ENOENT, -ESTALE, -EEXIST, -ENOTEMPTY, -EACCES *ret_failed
 * is the step's index. ret_stats (n of them) are filled for SET steps.
 */
int zk_multi(struct zk *zk, const struct zk_step *steps, size_t n, usec_t timeout,
	     size_t *ret_failed, struct zk_stat *ret_stats, struct err *err) MR_MUST_CHECK;

/*
 * Not waiting: `fn` is called once by zk_dispatch(), on failure too, and what the reply
 * points to is gone when it returns. NULL: no memory. Only the owning thread. No lost
 * answer is resolved here: -EINPROGRESS.
 */
struct zk_reply {
	int rc; /* 0 or as above */
	const struct err *err;
	const char *path; /* of what was asked for; of a create: of what was made */
	const void *data; /* get; a zero byte follows */
	size_t len;
	const struct zk_stat *stat;   /* get, set, create, children, exists; NULL on failure */
	const struct zk_names *names; /* children */
	bool exists;                  /* exists: absence is no failure */
	size_t failed;                /* multi */
	int64_t session;              /* in which it was sent */
};

typedef void zk_reply_fn(void *ctx, const struct zk_reply *reply);

struct zk_op *zk_get_async(struct zk *zk, const char *path, zk_reply_fn *fn, void *ctx);
struct zk_op *zk_set_async(struct zk *zk, const char *path, const void *data, size_t len,
			   int32_t version, zk_reply_fn *fn, void *ctx);
/* `parents` is not heeded. */
struct zk_op *zk_create_async(struct zk *zk, const struct zk_create *create, zk_reply_fn *fn,
			      void *ctx);
struct zk_op *zk_delete_async(struct zk *zk, const char *path, int32_t version, zk_reply_fn *fn,
			      void *ctx);
struct zk_op *zk_children_async(struct zk *zk, const char *path, zk_reply_fn *fn, void *ctx);
struct zk_op *zk_exists_async(struct zk *zk, const char *path, zk_reply_fn *fn, void *ctx);
struct zk_op *zk_sync_async(struct zk *zk, const char *path, zk_reply_fn *fn, void *ctx);
struct zk_op *zk_multi_async(struct zk *zk, const struct zk_step *steps, size_t n,
			     zk_reply_fn *fn, void *ctx);
/* fn will not be called (what was sent may still happen). Not after or from within fn. */
void zk_op_cancel(struct zk_op *op);

#endif
