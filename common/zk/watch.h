/*
 * watch.h - a subscription to a node's data, or to the names of its children.
 *
 * The callback gets the value as it is, then each newer one: values that were replaced
 * before they could be read are skipped, the newest is never missed, and none is told
 * twice. It holds over lost connections and new sessions. At most ZK_WATCH_PATHS_MAX
 * bytes of paths are watched at ZooKeeper (the library sends all of them in one packet
 * when it connects again, and a packet over 1 MB is refused for ever); what is beyond
 * that is read every few seconds instead.
 *
 * Only the owning thread of the session; callbacks run in zk_dispatch().
 */
#ifndef MR_ZK_WATCH_H
#define MR_ZK_WATCH_H

#include "common/zk/zk.h"

enum { ZK_WATCH_PATHS_MAX = 640 * 1024 };

struct zk_watch;

/* Gone when the callback returns. */
struct zk_watch_event {
	/*
	 * 0, or why it cannot be read: -EACCES, -EFBIG, -EPROTO (told once; tried again until
	 * it can). A lost connection is none.
	 */
	int rc;
	const struct err *err;
	const char *path;
	bool exists; /* a node that is not there (any more, yet) is a value too */
	const void *data; /* a zero byte follows */
	size_t len;
	const struct zk_names *names;
	const struct zk_stat *stat; /* NULL when it does not exist */
};

typedef void zk_watch_fn(void *ctx, const struct zk_watch_event *event);

/* NULL: no memory. The callback never runs within this call. */
struct zk_watch *zk_watch_data(struct zk *zk, const char *path, zk_watch_fn *fn, void *ctx);
struct zk_watch *zk_watch_children(struct zk *zk, const char *path, zk_watch_fn *fn, void *ctx);
/* From within the callback too. NULL is nothing. */
void zk_watch_stop(struct zk_watch *watch);
/*
 * The session ends soon: zk_watch_stop() no longer has the server forget what nobody watches.
 * For thousands of watches that would be thousands of requests, whose answers the library,
 * when it is closed meanwhile, may lose along with their memory.
 */
void zk_watch_leave(struct zk *zk);
/* Other than ZK_WATCH_PATHS_MAX, for subscriptions to come; tests reach it sooner. */
void zk_watch_budget(struct zk *zk, size_t bytes);

#endif
