/*
 * store.h - the tree as the API sees it: tasks, their control and revisions, orders,
 * tokens, machines.
 *
 * Every function waits for ZooKeeper, within the store's timeout, and may be called from
 * any thread but the main one (the token cache and its watch are the main thread's:
 * tokens.h). Several mr-servers write at once: each change is made at the version that was
 * read, read and made again when another came first (-ESTALE), and looked for when its
 * answer got lost (-EINPROGRESS). What is changed is at most ZK_DOCUMENT_MAX bytes, and
 * every name has gone through common/contract/paths.h.
 *
 * Not here: HTTP, JSON for clients, who may do what.
 */
#ifndef MR_SERVER_STORE_STORE_H
#define MR_SERVER_STORE_STORE_H

#include "common/contract/command.h"
#include "common/contract/control.h"
#include "common/contract/paths.h"
#include "common/contract/preflight.h"
#include "common/contract/status.h"
#include "common/contract/task.h"
#include "common/seal/seal.h"
#include "common/zk/many.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	STORE_TRIES = 12,     /* of a change that others get in front of */
	STORE_REVISIONS = 20, /* former documents that are kept */
	STORE_CLUSTER_MAX = 64,
};

struct store {
	struct zk *zk;
	usec_t timeout; /* of each call on ZooKeeper */
	/* Set by the main thread before `ready`, never changed afterwards. */
	char cluster[STORE_CLUSTER_MAX + 1];
	atomic_bool ready;
	pthread_rwlock_t ring_lock; /* SIGHUP reads the file anew */
	struct seal_ring *ring;     /* NULL: the file cannot be used, nothing can be sealed */
	struct err ring_err;        /* why */
};

void store_init(struct store *s, struct zk *zk, usec_t timeout);
void store_clear(struct store *s);
/* Main thread. On failure the former ring stays, if there is one. */
int store_ring_load(struct store *s, const char *path, struct err *err) MR_MUST_CHECK;
/* seal_task() under the ring. ERR_KEY_RING, ERR_SECRET_SEALED with the field. */
int store_seal(struct store *s, struct task *t, struct err *err) MR_MUST_CHECK;
/* The plain text of a sealed secret, for comparing; file_free_wiped() it. */
int store_open(struct store *s, const struct secret_use *use, const char *sealed, char **ret_text,
	       size_t *ret_len, struct err *err) MR_MUST_CHECK;

/* A task as it stands: what of it is not there has NULL or zero. */
struct store_task {
	char name[TASK_NAME_MAX + 1];
	char path[PATHS_SIZE];
	char group[TASK_NAME_MAX + 1];
	bool named; /* /names has it */
	struct zk_stat name_stat;
	bool exists; /* its node */
	char *document; /* "" when an mr-core has registered it, or it does not exist */
	size_t document_len;
	struct zk_stat document_stat;
	bool has_control;
	struct control_doc control; /* of document_stat's moment; init() without one */
	struct zk_stat control_stat;
	char *status; /* as it is, "" when absent or empty; likewise the next */
	char *last_commit;
	struct zk_names instances;
};

/*
 * Reads all of it in one or two round trips; document and control belong together. 0 also
 * when there is nothing of the name: `named` and `exists` are false then. Clear it.
 */
int store_task_read(struct store *s, const char *name, struct store_task *ret,
		    struct err *err) MR_MUST_CHECK;
/* The same; -ENOENT and ERR_TASK_UNKNOWN when there is no task. */
int store_task_get(struct store *s, const char *name, struct store_task *ret,
		   struct err *err) MR_MUST_CHECK;
void store_task_clear(struct store_task *t);
/* Reads the instances' documents in one round trip, in the order of their numbers. */
struct store_instance {
	char node[PATHS_NODE_MAX + 1];
	char *text; /* NULL: it went meanwhile */
	size_t len;
};
int store_instances_read(struct store *s, const struct store_task *t, struct store_instance **ret,
			 size_t *ret_n, struct err *err) MR_MUST_CHECK;
void store_instances_free(struct store_instance *list, size_t n);

/*
 * Makes the task of a sealed document whose uid is new, in one multi; `text` is the
 * document as it is stored. Fills in one that an mr-core has registered. ERR_TASK_EXISTS.
 */
int store_task_create(struct store *s, const struct task *t, const char *text, size_t len,
		      bool start, struct err *err) MR_MUST_CHECK;
/*
 * Replaces the document of a task read before, if its revision is still that one; the
 * former goes to /revisions. ERR_REVISION_STALE: *ret_revision is the one there is now.
 */
int store_task_update(struct store *s, const struct store_task *was, const char *text, size_t len,
		      uint64_t *ret_revision, struct err *err) MR_MUST_CHECK;

/*
 * Changes what it is given, or fails. Called again with what is there now when another
 * change came first. `t` has the document, the status and the control as read.
 */
typedef int store_change_fn(void *ctx, const struct store_task *t, struct control_doc *d,
			    struct err *err);
/* *ret (if not NULL) is cleared by the caller. */
int store_control_change(struct store *s, const char *name, store_change_fn *fn, void *ctx,
			 struct control_doc *ret, struct err *err) MR_MUST_CHECK;
/* For the control of a task that lost it: above all that were there. */
int store_next_revision(struct store *s, const struct store_task *t, uint64_t *ret,
			struct err *err) MR_MUST_CHECK;

/*
 * Removes a task whose control says deleted, once it has no instances; `force` deletes
 * these first. *ret_gone: whether it is gone. A task without a node only loses its name.
 */
int store_task_reap(struct store *s, const char *name, bool force, bool *ret_gone,
		    struct err *err) MR_MUST_CHECK;

/*
 * Removes the former revisions of tasks that are gone: what a server that was killed behind
 * the removal of a task left. Other servers may do the same.
 */
int store_revisions_sweep(struct store *s, struct err *err) MR_MUST_CHECK;

/* Numbers of former revisions, rising; from malloc. None is no failure. */
int store_revisions_list(struct store *s, const char *task, struct zk_read **ret, size_t *ret_n,
			 uint32_t **ret_numbers, struct err *err) MR_MUST_CHECK;
/* ERR_API_NOT_FOUND. */
int store_revision_get(struct store *s, const char *task, uint32_t revision, struct buf *out,
		       struct err *err) MR_MUST_CHECK;

/* Orders. */

/* Live cores of a group ("": all that there are), */
struct store_cores {
	size_t n;
	size_t leaving; /* of them, that drain or end */
	size_t full;    /* of the others, that have as many cold tasks as they may */
};
int store_cores(struct store *s, const char *group, struct store_cores *ret,
		struct err *err) MR_MUST_CHECK;

struct store_preflight {
	int type; /* enum preflight_type */
	const char *group;
	const char *by;
	const char *document; /* as it is stored, sealed */
	usec_t timeout;
	bool (*given_up)(void *ctx); /* asked while waiting: the server stops */
	void *ctx;
};
/*
 * Gives the order, waits for the answer, takes the order away. ERR_NO_CORE: nobody took
 * it; ERR_PREFLIGHT_TIMEOUT: who took it did not finish.
 */
int store_preflight(struct store *s, const struct store_preflight *order,
		    struct preflight_doc *ret, struct err *err) MR_MUST_CHECK;

/* …/commands/<id> of the task at `path`; ret_id is the node's name. */
int store_command_give(struct store *s, const char *path, const char *type, const char *by,
		       char ret_id[96], struct err *err) MR_MUST_CHECK;

/* /orders/<id>: `text` to the alerting monitor. */
int store_order_give(struct store *s, const char *text, size_t len, char ret_id[96],
		     struct err *err) MR_MUST_CHECK;

/* A folder's children with their data, sorted by name. store_list_free() them. */
struct store_list {
	size_t n;
	struct zk_names names;
	struct zk_read *reads; /* n; rc is -ENOENT of one that went meanwhile */
	char *paths;
};
int store_list_read(struct store *s, const char *folder, struct store_list *ret,
		    struct err *err) MR_MUST_CHECK;
void store_list_free(struct store_list *list);

/* /drains/<host>: makes it (there already: nothing), or takes it away. */
int store_drain(struct store *s, const char *host, bool drain, const char *by,
		struct err *err) MR_MUST_CHECK;

/* What the files of this room share: reads one node; -ENOENT with *out empty is told. */
int store_get(struct store *s, const char *path, struct buf *out, struct zk_stat *ret_stat,
	      struct err *err) MR_MUST_CHECK;
/* A moment, longer with each try and not the same for two servers. */
void store_back_off(int attempt);

#endif
