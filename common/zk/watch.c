/*
 * watch.c - see watch.h.
 *
 * Reading arms: each read leaves a watch at the server, in the same step, so a change is
 * either in the value read or fires. A node that is not there is watched by an exists; if
 * it was made in between, it is read again. A fired watch is read again; one that fires
 * while a read is in flight, after that. All watches of a session share one function and
 * context (zk_watch_fire, zk), so the library keeps one object a path whatever comes and
 * goes, and L finds who is meant by the path.
 *
 *   reading --value--> armed --fires--> reading
 *   reading --connection lost--> waiting --connected--> reading
 *   reading --other failure--> (told) waiting --tick--> reading
 */
#include "common/zk/watch.h"

#include "common/base/crc.h"
#include "common/zk/zk_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum waiting { WAIT_NOTHING, WAIT_CONNECTION, WAIT_TICK };

struct zk_watch {
	struct zk *zk;
	struct zk_watch *next; /* of the bucket */
	struct zk_watch *next_fired;
	char *path;
	char *full; /* with the chroot: what the library calls it */
	bool children;
	bool fired; /* in zk->fired; lock */
	zk_watch_fn *fn;
	void *ctx;
	struct zk_op *op;
	bool dirty; /* fired while op was in flight */
	enum waiting waiting;
	bool counted;	     /* its path is in zk->watch_bytes */
	bool polled;	     /* no watch at ZooKeeper: read every few ticks */
	uint64_t due_ticks;  /* of a polled one */
	bool told;	     /* something */
	int told_rc;
	bool told_exists;
	int64_t told_czxid, told_change; /* mzxid or pzxid */
	int32_t told_version;
	bool *stopped; /* set when stopped within its callback */
};

static struct zk_watch **bucket_of(struct zk *zk, const char *full)
{
	return &zk->buckets[crc32_update(0, full, strlen(full)) % ZK_WATCH_BUCKETS];
}

/* Telling. False: the callback stopped it, and it is gone. */

static bool tell(struct zk_watch *w, const struct zk_watch_event *event)
{
	bool stopped = false;
	w->told = true;
	w->stopped = &stopped;
	w->fn(w->ctx, event);
	if (!stopped)
		w->stopped = NULL;
	return !stopped;
}

static bool tell_value(struct zk_watch *w, const struct zk_reply *r)
{
	const struct zk_stat *s = r->stat;
	int64_t change = !s ? 0 : w->children ? s->pzxid : s->mzxid;
	int32_t version = !s ? 0 : w->children ? s->children_version : s->version;
	if (w->told && w->told_rc == 0 && w->told_exists == (s != NULL) &&
	    (!s || (w->told_czxid == s->czxid && w->told_change == change &&
		    w->told_version == version)))
		return true;
	w->told_rc = 0;
	w->told_exists = s != NULL;
	w->told_czxid = s ? s->czxid : 0;
	w->told_change = change;
	w->told_version = version;
	return tell(w, &(struct zk_watch_event){.path = w->path,
						.exists = s != NULL,
						.data = s && !w->children ? r->data : NULL,
						.len = s && !w->children ? r->len : 0,
						.names = s && w->children ? r->names : NULL,
						.stat = s});
}

static bool tell_failure(struct zk_watch *w, const struct zk_reply *r)
{
	if (w->told && w->told_rc == r->rc)
		return true;
	w->told_rc = r->rc;
	return tell(w, &(struct zk_watch_event){.path = w->path, .rc = r->rc, .err = r->err});
}

/* Reading. */

static void on_exists(void *ctx, const struct zk_reply *r);
static void on_value(void *ctx, const struct zk_reply *r);

static void wait_for(struct zk_watch *w, enum waiting what)
{
	w->waiting = what;
	if (what == WAIT_TICK)
		zk_want_tick(w->zk);
}

static void start(struct zk_watch *w, enum zk_op_type type, zk_reply_fn *fn)
{
	struct zk_request request = {.type = type, .path = w->path, .watch = !w->polled};
	w->waiting = WAIT_NOTHING;
	w->dirty = false;
	w->op = zk_start(w->zk, &request, fn, w);
	if (!w->op)
		wait_for(w, WAIT_TICK); /* no memory */
}

static void read_again(struct zk_watch *w)
{
	start(w, w->children ? ZK_OP_CHILDREN : ZK_OP_GET, on_value);
}

static void failed(struct zk_watch *w, const struct zk_reply *r)
{
	switch (r->rc) {
	case -ENOTCONN:
	case -ETIMEDOUT:
	case -ENOLINK:
		/* The connection may be back already, told before this answer was taken. */
		wait_for(w, WAIT_CONNECTION);
		zk_want_tick(w->zk);
		return;
	case -ENOMEM:
		wait_for(w, WAIT_TICK);
		return;
	default:
		if (tell_failure(w, r))
			wait_for(w, WAIT_TICK);
	}
}

/* The value is told, a watch is armed (or it is polled). */
static void settled(struct zk_watch *w)
{
	if (w->dirty) {
		read_again(w);
	} else if (w->polled) {
		w->due_ticks = w->zk->ticks + 1 + w->zk->watches_polled / 500;
		wait_for(w, WAIT_TICK);
	}
}

static void on_value(void *ctx, const struct zk_reply *r)
{
	struct zk_watch *w = ctx;
	w->op = NULL;
	if (r->rc == -ENOENT && !w->polled) {
		/* Left no watch. A mark made until now is for a value before this. */
		start(w, ZK_OP_EXISTS, on_exists);
		return;
	}
	if (r->rc < 0 && r->rc != -ENOENT) {
		failed(w, r);
		return;
	}
	if (tell_value(w, r))
		settled(w);
}

static void on_exists(void *ctx, const struct zk_reply *r)
{
	struct zk_watch *w = ctx;
	w->op = NULL;
	if (r->rc < 0)
		failed(w, r);
	else if (r->exists)
		read_again(w);
	else if (tell_value(w, r))
		settled(w);
}

/* What starts a read. */

/* L. Session events go to every watcher of the library: nothing changed by them. */
void zk_watch_fire(zhandle_t *zh, int type, int state, const char *path, void *ctx)
{
	struct zk *zk = ctx;
	(void)zh;
	(void)state;
	if (type == ZOO_SESSION_EVENT || !path)
		return;
	pthread_mutex_lock(&zk->lock);
	for (struct zk_watch *w = *bucket_of(zk, path); w; w = w->next) {
		bool meant = type == ZOO_CHANGED_EVENT ? !w->children
			     : type == ZOO_CHILD_EVENT ? w->children
						       : true;
		if (w->fired || !meant || strcmp(w->full, path) != 0)
			continue;
		w->fired = true;
		w->next_fired = zk->fired;
		zk->fired = w;
		zk_wake(zk);
	}
	pthread_mutex_unlock(&zk->lock);
}

void zk_watch_dispatch(struct zk *zk)
{
	pthread_mutex_lock(&zk->lock);
	for (struct zk_watch *w; (w = zk->fired);) {
		zk->fired = w->next_fired;
		w->fired = false;
		pthread_mutex_unlock(&zk->lock);
		if (w->op)
			w->dirty = true;
		else
			read_again(w);
		pthread_mutex_lock(&zk->lock);
	}
	pthread_mutex_unlock(&zk->lock);
}

/* Reading runs no callback, so the table does not change under the loop. */
static void read_all(struct zk *zk, bool (*wanted)(const struct zk_watch *w))
{
	for (size_t i = 0; i < ZK_WATCH_BUCKETS; i++)
		for (struct zk_watch *w = zk->buckets[i]; w; w = w->next)
			if (!w->op && wanted(w))
				read_again(w);
}

static bool any_watch(const struct zk_watch *w)
{
	(void)w;
	return true;
}

static bool waits_for_connection(const struct zk_watch *w)
{
	return w->waiting == WAIT_CONNECTION;
}

static bool is_due(const struct zk_watch *w)
{
	if (w->waiting == WAIT_CONNECTION)
		return true;
	return w->waiting == WAIT_TICK && (!w->polled || w->zk->ticks >= w->due_ticks);
}

static bool waits_for_tick(const struct zk_watch *w)
{
	return w->waiting != WAIT_NOTHING;
}

void zk_watch_on_state(struct zk *zk, enum zk_state state)
{
	if (state == ZK_NEW_SESSION)
		read_all(zk, any_watch); /* the server's watches ended with the old one */
	else if (state == ZK_CONNECTED)
		read_all(zk, waits_for_connection);
}

void zk_watch_on_tick(struct zk *zk)
{
	pthread_mutex_lock(&zk->lock);
	bool connected = zk_connected_locked(zk);
	pthread_mutex_unlock(&zk->lock);
	if (!connected)
		return; /* the state will be told */
	read_all(zk, is_due);
	for (size_t i = 0; i < ZK_WATCH_BUCKETS; i++) {
		for (struct zk_watch *w = zk->buckets[i]; w; w = w->next) {
			if (waits_for_tick(w)) {
				zk_want_tick(zk);
				return;
			}
		}
	}
}

/* Beginning and end. */

static void watch_free(struct zk_watch *w)
{
	free(w->path);
	free(w->full);
	free(w);
}

/* What a path costs in the packet that re-arms all: its bytes and their count. */
static size_t path_bytes(const struct zk_watch *w)
{
	return strlen(w->full) + 4;
}

static struct zk_watch *watch_new(struct zk *zk, const char *path, bool children, zk_watch_fn *fn,
				  void *ctx)
{
	char full[ZK_PATH_MAX];
	struct zk_watch *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	/* A path that is wrong is told as such by its first read. */
	if (zk_path_full(zk->chroot, path, full, NULL) < 0)
		full[0] = 0;
	w->zk = zk;
	w->path = strdup(path);
	w->full = strdup(full);
	w->children = children;
	w->fn = fn;
	w->ctx = ctx;
	if (!w->path || !w->full) {
		watch_free(w);
		return NULL;
	}
	if (zk->watch_bytes + path_bytes(w) <= zk->watch_budget) {
		w->counted = true;
		zk->watch_bytes += path_bytes(w);
	} else {
		w->polled = true;
		zk->watches_polled++;
	}
	pthread_mutex_lock(&zk->lock);
	struct zk_watch **bucket = bucket_of(zk, w->full);
	w->next = *bucket;
	*bucket = w;
	pthread_mutex_unlock(&zk->lock);
	read_again(w);
	return w;
}

struct zk_watch *zk_watch_data(struct zk *zk, const char *path, zk_watch_fn *fn, void *ctx)
{
	return watch_new(zk, path, false, fn, ctx);
}

struct zk_watch *zk_watch_children(struct zk *zk, const char *path, zk_watch_fn *fn, void *ctx)
{
	return watch_new(zk, path, true, fn, ctx);
}

static void on_removed(int zrc, const void *data)
{
	(void)zrc;
	(void)data;
}

/*
 * Nobody subscribes to the path any more: the library and the server forget it, or they
 * would collect every path that was ever watched. That a watch is not there, or cannot be
 * removed now, does not matter. Lock held.
 */
static void forget_locked(struct zk *zk, const char *full)
{
	for (struct zk_watch *w = *bucket_of(zk, full); w; w = w->next)
		if (strcmp(w->full, full) == 0 && !w->polled)
			return;
	/* The parameter's type is a slip of the library's header: it takes the function. */
	if (zk_connected_locked(zk))
		zoo_aremove_all_watches(zk->handle->zh, full, ZWATCHTYPE_ANY, 0,
					(void_completion_t *)(uintptr_t)on_removed, NULL);
}

void zk_watch_stop(struct zk_watch *w)
{
	if (!w)
		return;
	struct zk *zk = w->zk;
	if (w->stopped)
		*w->stopped = true;
	if (w->op)
		zk_op_cancel(w->op);
	pthread_mutex_lock(&zk->lock);
	struct zk_watch **at = bucket_of(zk, w->full);
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (w->fired) {
		at = &zk->fired;
		while (*at != w)
			at = &(*at)->next_fired;
		*at = w->next_fired;
	}
	if (!w->polled && w->full[0] && !zk->leaving)
		forget_locked(zk, w->full);
	pthread_mutex_unlock(&zk->lock);
	if (w->counted)
		zk->watch_bytes -= path_bytes(w);
	else
		zk->watches_polled--;
	watch_free(w);
}

void zk_watch_leave(struct zk *zk)
{
	zk->leaving = true;
}

void zk_watch_budget(struct zk *zk, size_t bytes)
{
	zk->watch_budget = bytes;
}

void zk_watch_free_all(struct zk *zk)
{
	for (size_t i = 0; i < ZK_WATCH_BUCKETS; i++) {
		while (zk->buckets[i]) {
			struct zk_watch *w = zk->buckets[i];
			zk->buckets[i] = w->next;
			if (w->op)
				zk_op_cancel(w->op);
			watch_free(w);
		}
	}
	zk->fired = NULL;
}
