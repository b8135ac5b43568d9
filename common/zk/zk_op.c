/*
 * zk_op.c - one operation: handed to the library, its answer copied, given to who waits
 * for it or to the queue of the owner.
 *
 * Every way of waiting or not goes through the library's asynchronous calls: its waiting
 * ones have no timeout, and its zoo_get() cuts a document to the buffer without a word.
 */
#include "common/zk/zk_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *op_name(enum zk_op_type type)
{
	static const char *const names[] = {
		[ZK_OP_GET] = "get",	   [ZK_OP_SET] = "set",
		[ZK_OP_CREATE] = "create", [ZK_OP_DELETE] = "delete",
		[ZK_OP_CHILDREN] = "list", [ZK_OP_EXISTS] = "exists",
		[ZK_OP_SYNC] = "sync",	   [ZK_OP_MULTI] = "multi",
	};
	return names[type];
}

static bool op_writes(const struct zk_op *op)
{
	return op->type == ZK_OP_SET || op->type == ZK_OP_CREATE || op->type == ZK_OP_DELETE ||
	       op->type == ZK_OP_MULTI;
}

void zk_names_free(struct zk_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
	*names = (struct zk_names){0};
}

struct zk_op *zk_op_new(struct zk *zk, const struct zk_request *request)
{
	struct zk_op *op = calloc(1, sizeof(*op));
	if (!op)
		return NULL;
	op->zk = zk;
	op->type = request->type;
	op->path = strdup(request->n ? request->steps[0].path : request->path);
	op->failed = SIZE_MAX;
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&op->cond, &attr);
	pthread_condattr_destroy(&attr);
	if (request->n) {
		op->n = request->n;
		op->zops = calloc(op->n, sizeof(*op->zops));
		op->zresults = calloc(op->n, sizeof(*op->zresults));
		op->zstats = calloc(op->n, sizeof(*op->zstats));
	}
	if (!op->path || (op->n && (!op->zops || !op->zresults || !op->zstats))) {
		zk_op_free(op);
		return NULL;
	}
	return op;
}

void zk_op_free(struct zk_op *op)
{
	if (!op)
		return;
	pthread_cond_destroy(&op->cond);
	zk_names_free(&op->names);
	free(op->zops);
	free(op->zresults);
	free(op->zstats);
	free(op->data);
	free(op->made);
	free(op->path);
	free(op);
}

void zk_queue_put(struct zk_queue *q, struct zk_op *op)
{
	op->next = NULL;
	op->prev = q->tail;
	*(q->tail ? &q->tail->next : &q->head) = op;
	q->tail = op;
	q->n++;
}

void zk_queue_remove(struct zk_queue *q, struct zk_op *op)
{
	*(op->prev ? &op->prev->next : &q->head) = op->next;
	*(op->next ? &op->next->prev : &q->tail) = op->prev;
	op->prev = op->next = NULL;
	q->n--;
}

void zk_op_end_locked(struct zk_op *op)
{
	op->done = true;
	if (op->abandoned) {
		zk_op_free(op);
	} else if (op->waited) {
		pthread_cond_signal(&op->cond);
	} else {
		zk_queue_put(&op->zk->queue, op);
		zk_wake(op->zk);
	}
}

/* The answers. L calls all of them; op is nobody else's until op->done. */

static void answered(struct zk_op *op, int zrc)
{
	struct zk *zk = op->zk;
	if (op->rc == 0)
		op->rc = zk_error(zrc, op_writes(op), op_name(op->type), op->path, &op->err);
	pthread_mutex_lock(&zk->lock);
	if (op->prev)
		op->prev->next = op->next;
	else
		op->handle->ops = op->next;
	if (op->next)
		op->next->prev = op->prev;
	op->handle = NULL;
	zk_op_end_locked(op);
	pthread_mutex_unlock(&zk->lock);
}

void zk_stat_from(const struct Stat *stat, struct zk_stat *ret)
{
	*ret = (struct zk_stat){
		.czxid = stat->czxid,
		.mzxid = stat->mzxid,
		.pzxid = stat->pzxid,
		.owner = stat->ephemeralOwner,
		.created = stat->ctime * USEC_PER_MSEC,
		.modified = stat->mtime * USEC_PER_MSEC,
		.version = stat->version,
		.children_version = stat->cversion,
		.children = stat->numChildren,
		.len = stat->dataLength,
	};
}

static void put_stat(struct zk_op *op, const struct Stat *stat)
{
	op->has_stat = true;
	zk_stat_from(stat, &op->stat);
}

static void no_memory(struct zk_op *op)
{
	op->rc = err_set(&op->err, -ENOMEM, ERR_MEMORY, "%s %s: out of memory", op_name(op->type),
			 op->path);
}

static void on_data(int zrc, const char *value, int len, const struct Stat *stat, const void *data)
{
	struct zk_op *op = (struct zk_op *)data;
	if (zrc == ZOK) {
		size_t n = len < 0 ? 0 : (size_t)len; /* -1: NULL data */
		put_stat(op, stat);
		if (stat->dataLength > ZK_DOCUMENT_MAX)
			op->rc = err_set(&op->err, -EFBIG, ERR_ZK_OVERSIZE,
					 "get %s: %d bytes, more than a document may have (%d)",
					 op->path, stat->dataLength, ZK_DOCUMENT_MAX);
		else if (n != (size_t)stat->dataLength)
			op->rc = err_set(&op->err, -EPROTO, ERR_ZK_REFUSED,
					 "get %s: %zu bytes came of a node of %d", op->path, n,
					 stat->dataLength);
		else if (!(op->data = malloc(n + 1)))
			no_memory(op);
		if (op->data) {
			if (n)
				memcpy(op->data, value, n);
			op->data[n] = 0;
			op->len = n;
		}
	}
	answered(op, zrc);
}

static void on_stat(int zrc, const struct Stat *stat, const void *data)
{
	struct zk_op *op = (struct zk_op *)data;
	if (zrc == ZOK)
		put_stat(op, stat);
	if (zrc == ZOK && op->type == ZK_OP_SET) /* written a moment ago */
		atomic_store(&op->zk->server_clock, op->stat.modified - clock_boot());
	if (zrc == ZNONODE && op->type == ZK_OP_EXISTS)
		zrc = ZOK;
	answered(op, zrc);
}

static void on_names(int zrc, const struct String_vector *names, const struct Stat *stat,
		     const void *data)
{
	struct zk_op *op = (struct zk_op *)data;
	if (zrc == ZOK) {
		put_stat(op, stat);
		op->names.v = calloc((size_t)names->count + 1, sizeof(char *));
		for (int i = 0; op->names.v && i < names->count; i++) {
			char *name = strdup(names->data[i]);
			if (!name) {
				zk_names_free(&op->names);
				break;
			}
			op->names.v[op->names.n++] = name;
		}
		if (!op->names.v)
			no_memory(op);
	}
	answered(op, zrc);
}

static void on_made(int zrc, const char *path, const struct Stat *stat, const void *data)
{
	struct zk_op *op = (struct zk_op *)data;
	if (zrc == ZOK) {
		put_stat(op, stat);
		op->made = strdup(zk_path_client(op->zk->chroot, path));
		if (!op->made)
			no_memory(op);
	}
	answered(op, zrc);
}

static void on_void(int zrc, const void *data)
{
	struct zk_op *op = (struct zk_op *)data;
	for (size_t i = 0; zrc != ZOK && i < op->n && op->failed == SIZE_MAX; i++)
		if (op->zresults[i].err == zrc)
			op->failed = i;
	answered(op, zrc);
}

static void on_synced(int zrc, const char *value, const void *data)
{
	(void)value;
	answered((struct zk_op *)data, zrc);
}

/* The requests. */

static int create_flags(enum zk_kind kind)
{
	switch (kind) {
	case ZK_PERSISTENT_SEQUENTIAL:
		return ZOO_PERSISTENT_SEQUENTIAL;
	case ZK_EPHEMERAL:
		return ZOO_EPHEMERAL;
	case ZK_EPHEMERAL_SEQUENTIAL:
		return ZOO_EPHEMERAL_SEQUENTIAL;
	case ZK_PERSISTENT:
		break;
	}
	return ZOO_PERSISTENT;
}

static int too_large(const char *path, size_t len, struct err *err)
{
	return err_set(err, -EFBIG, ERR_ZK_OVERSIZE,
		       "%s: a document of %zu bytes is not sent, the limit is %d", path, len,
		       ZK_DOCUMENT_MAX);
}

/* A packet over 1 MB (jute.maxbuffer) makes the server drop the connection. */
enum { MULTI_BYTES_MAX = 960 * 1024 };

struct multi_space {
	char paths[ZK_MULTI_MAX][ZK_PATH_MAX];
	struct zk_acl_space acls[ZK_MULTI_MAX];
};

static int multi_prepare(struct zk_op *op, const struct zk_request *r, struct multi_space *space)
{
	size_t bytes = 0;
	for (size_t i = 0; i < r->n; i++) {
		const struct zk_step *s = &r->steps[i];
		char *path = space->paths[i];
		int rc = zk_path_full(op->zk->chroot, s->path, path, &op->err);
		if (rc < 0)
			return rc;
		if (s->len > ZK_DOCUMENT_MAX || (bytes += s->len) > MULTI_BYTES_MAX)
			return too_large(s->path, s->len, &op->err);
		const char *data = s->data ? s->data : "";
		switch (s->type) {
		case ZK_STEP_CHECK:
			zoo_check_op_init(&op->zops[i], path, s->version);
			break;
		case ZK_STEP_SET:
			zoo_set_op_init(&op->zops[i], path, data, (int)s->len, s->version,
					&op->zstats[i]);
			break;
		case ZK_STEP_CREATE:
			zoo_create_op_init(&op->zops[i], path, data, (int)s->len,
					   zk_acl_build(op->zk, s->acl, &space->acls[i]),
					   create_flags(s->kind), NULL, 0);
			break;
		case ZK_STEP_DELETE:
			zoo_delete_op_init(&op->zops[i], path, s->version);
			break;
		}
	}
	return 0;
}

static int send_multi(struct zk_op *op, zhandle_t *zh, const struct zk_request *r, int *ret_rc)
{
	struct multi_space *space = malloc(sizeof(*space));
	if (!space) {
		no_memory(op);
		*ret_rc = op->rc;
		return ZOK;
	}
	int zrc = ZOK;
	*ret_rc = multi_prepare(op, r, space);
	if (*ret_rc == 0)
		zrc = zoo_amulti(zh, (int)op->n, op->zops, op->zresults, on_void, op);
	free(space);
	return zrc;
}

/*
 * Hands it to the library, or sets *ret_rc and op->err when it is not even tried. Once it
 * is handed over, L writes the outcome: op->rc is not looked at here.
 */
static int op_send(struct zk_op *op, zhandle_t *zh, const struct zk_request *r, int *ret_rc)
{
	char path[ZK_PATH_MAX];
	struct zk_acl_space space;
	if (r->type == ZK_OP_MULTI)
		return send_multi(op, zh, r, ret_rc);
	*ret_rc = zk_path_full(r->absolute ? "" : op->zk->chroot, r->path, path, &op->err);
	if (*ret_rc < 0)
		return ZOK;
	if (r->len > ZK_DOCUMENT_MAX) {
		*ret_rc = too_large(r->path, r->len, &op->err);
		return ZOK;
	}
	/* One pair of function and context for all: the library keeps one object a path. */
	watcher_fn watcher = r->watch ? zk_watch_fire : NULL;
	void *ctx = r->watch ? op->zk : NULL;
	const char *data = r->data ? r->data : "";
	switch (r->type) {
	case ZK_OP_GET:
		return zoo_awget(zh, path, watcher, ctx, on_data, op);
	case ZK_OP_SET:
		return zoo_aset(zh, path, data, (int)r->len, r->version, on_stat, op);
	case ZK_OP_CREATE:
		return zoo_acreate2(zh, path, data, (int)r->len,
				    zk_acl_build(op->zk, r->acl, &space), create_flags(r->kind),
				    on_made, op);
	case ZK_OP_DELETE:
		return zoo_adelete(zh, path, r->version, on_void, op);
	case ZK_OP_CHILDREN:
		return zoo_awget_children2(zh, path, watcher, ctx, on_names, op);
	case ZK_OP_EXISTS:
		return zoo_awexists(zh, path, watcher, ctx, on_stat, op);
	case ZK_OP_SYNC:
		return zoo_async(zh, path, on_synced, op);
	case ZK_OP_MULTI:
		break;
	}
	return ZBADARGUMENTS;
}

int zk_op_submit_locked(struct zk_op *op, const struct zk_request *request)
{
	struct zk_handle *h = op->zk->handle;
	if (!zk_connected_locked(op->zk))
		return -ENOTCONN;
	/* In the list first: L may answer before op_send() returns, and waits for the lock. */
	op->handle = h;
	op->session = h->session;
	op->prev = NULL;
	op->next = h->ops;
	if (h->ops)
		h->ops->prev = op;
	h->ops = op;
	int rc = 0;
	op->submitted = true;
	int zrc = op_send(op, h->zh, request, &rc);
	if (zrc == ZOK && rc == 0)
		return 0;
	op->submitted = false;
	h->ops = op->next;
	if (op->next)
		op->next->prev = NULL;
	op->handle = NULL;
	op->next = NULL;
	if (rc == 0 && zrc == ZINVALIDSTATE)
		return -ENOTCONN;
	op->rc = rc < 0 ? rc : zk_error(zrc, false, op_name(op->type), op->path, &op->err);
	return 0;
}

/* Not waiting. O. */

struct zk_op *zk_start(struct zk *zk, const struct zk_request *request, zk_reply_fn *fn, void *ctx)
{
	struct zk_op *op = zk_op_new(zk, request);
	if (!op)
		return NULL;
	op->fn = fn;
	op->ctx = ctx;
	pthread_mutex_lock(&zk->lock);
	if (zk_op_submit_locked(op, request) < 0)
		op->rc = err_set(&op->err, -ENOTCONN, ERR_ZK_UNREACHABLE,
				 "%s %s: not connected to ZooKeeper at %.300s", op_name(op->type),
				 op->path, zk->hosts);
	if (!op->submitted)
		zk_op_end_locked(op);
	pthread_mutex_unlock(&zk->lock);
	return op;
}

void zk_op_cancel(struct zk_op *op)
{
	struct zk *zk = op->zk;
	pthread_mutex_lock(&zk->lock);
	if (op->done) {
		zk_queue_remove(&zk->queue, op);
		zk_op_free(op);
	} else {
		op->abandoned = true;
	}
	pthread_mutex_unlock(&zk->lock);
}

void zk_op_reply(struct zk_op *op)
{
	struct zk_reply reply = {
		.rc = op->rc,
		.err = &op->err,
		.path = op->made ? op->made : op->path,
		.data = op->data,
		.len = op->len,
		.stat = op->has_stat ? &op->stat : NULL,
		.names = &op->names,
		.exists = op->has_stat,
		.failed = op->failed,
		.session = op->session,
	};
	op->fn(op->ctx, &reply);
	zk_op_free(op);
}

struct zk_op *zk_get_async(struct zk *zk, const char *path, zk_reply_fn *fn, void *ctx)
{
	return zk_start(zk, &(struct zk_request){.type = ZK_OP_GET, .path = path}, fn, ctx);
}

struct zk_op *zk_set_async(struct zk *zk, const char *path, const void *data, size_t len,
			   int32_t version, zk_reply_fn *fn, void *ctx)
{
	return zk_start(zk,
			&(struct zk_request){.type = ZK_OP_SET,
					     .path = path,
					     .data = data,
					     .len = len,
					     .version = version},
			fn, ctx);
}

struct zk_op *zk_create_async(struct zk *zk, const struct zk_create *create, zk_reply_fn *fn,
			      void *ctx)
{
	return zk_start(zk,
			&(struct zk_request){.type = ZK_OP_CREATE,
					     .path = create->path,
					     .data = create->data,
					     .len = create->len,
					     .kind = create->kind,
					     .acl = create->acl},
			fn, ctx);
}

struct zk_op *zk_delete_async(struct zk *zk, const char *path, int32_t version, zk_reply_fn *fn,
			      void *ctx)
{
	return zk_start(
		zk, &(struct zk_request){.type = ZK_OP_DELETE, .path = path, .version = version},
		fn, ctx);
}

struct zk_op *zk_children_async(struct zk *zk, const char *path, zk_reply_fn *fn, void *ctx)
{
	return zk_start(zk, &(struct zk_request){.type = ZK_OP_CHILDREN, .path = path}, fn, ctx);
}

struct zk_op *zk_exists_async(struct zk *zk, const char *path, zk_reply_fn *fn, void *ctx)
{
	return zk_start(zk, &(struct zk_request){.type = ZK_OP_EXISTS, .path = path}, fn, ctx);
}

struct zk_op *zk_sync_async(struct zk *zk, const char *path, zk_reply_fn *fn, void *ctx)
{
	return zk_start(zk, &(struct zk_request){.type = ZK_OP_SYNC, .path = path}, fn, ctx);
}

struct zk_op *zk_multi_async(struct zk *zk, const struct zk_step *steps, size_t n,
			     zk_reply_fn *fn, void *ctx)
{
	if (n == 0 || n > ZK_MULTI_MAX)
		return NULL;
	return zk_start(zk, &(struct zk_request){.type = ZK_OP_MULTI, .steps = steps, .n = n}, fn,
			ctx);
}
