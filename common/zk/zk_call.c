/*
 * zk_call.c - the operations that wait: get, set, delete, children, exists, sync, multi.
 *
 * W waits first for a connection, then for the answer, both within one deadline; an
 * operation it gives up on stays with the library, which frees it. zk_create.c is the
 * fourth of the writes.
 */
#include "common/zk/zk_call.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdlib.h>

/* Lock held. Waits for a change of state; false: the deadline passed, or it is closing. */
static bool wait_change(struct zk *zk, usec_t deadline)
{
	struct timespec at = zk_timespec(deadline);
	if (zk->stopping)
		return false;
	pthread_cond_timedwait(&zk->changed, &zk->lock, &at);
	return !zk->stopping && zk_now() < deadline;
}

static int unreachable_locked(struct zk *zk, const char *path, struct err *err)
{
	const char *why = zk->stopping			      ? "the session is closing"
			  : zk->trouble[0]		      ? zk->trouble
			  : zk_state_locked(zk) == ZK_AUTH_FAILED ? "it refuses our authentication"
								  : "no connection in time";
	return err_set(err, -ETIMEDOUT, ERR_ZK_UNREACHABLE, "%s: ZooKeeper at %.300s: %s", path,
		       zk->hosts, why);
}

int zk_wait_connected(struct zk *zk, usec_t timeout, struct err *err)
{
	usec_t deadline = zk_now() + timeout;
	int rc = 0;
	pthread_mutex_lock(&zk->lock);
	while (!zk_connected_locked(zk)) {
		if (!wait_change(zk, deadline) && !zk_connected_locked(zk)) {
			rc = unreachable_locked(zk, "connect", err);
			break;
		}
	}
	pthread_mutex_unlock(&zk->lock);
	return rc;
}

/* Until it is done or the deadline passes; lock held. False: it is not ours any more. */
static bool wait_answer(struct zk_op *op, usec_t deadline)
{
	struct timespec at = zk_timespec(deadline);
	while (!op->done) {
		int rc = pthread_cond_timedwait(&op->cond, &op->zk->lock, &at);
		if (rc == ETIMEDOUT && !op->done) {
			op->abandoned = true;
			return false;
		}
	}
	return true;
}

int zk_call(struct zk *zk, const struct zk_request *request, usec_t deadline, struct zk_op **ret,
	    struct err *err)
{
	const char *path = request->n ? request->steps[0].path : request->path;
	struct zk_op *op = zk_op_new(zk, request);
	if (!op)
		return err_set(err, -ENOMEM, ERR_MEMORY, "%s: out of memory", path);
	op->waited = true;
	pthread_mutex_lock(&zk->lock);
	while (zk_op_submit_locked(op, request) < 0) {
		if (!wait_change(zk, deadline) && !zk_connected_locked(zk)) {
			int rc = unreachable_locked(zk, path, err);
			pthread_mutex_unlock(&zk->lock);
			zk_op_free(op);
			return rc;
		}
	}
	bool write = request->type == ZK_OP_SET || request->type == ZK_OP_CREATE ||
		     request->type == ZK_OP_DELETE || request->type == ZK_OP_MULTI;
	bool ours = !op->submitted || wait_answer(op, deadline);
	pthread_mutex_unlock(&zk->lock);
	if (!ours)
		return zk_error(ZOPERATIONTIMEOUT, write, "request", path, err);
	int rc = op->rc;
	if (rc < 0 && err)
		*err = op->err;
	if (ret)
		*ret = op; /* on failure too: a multi tells the step */
	else
		zk_op_free(op);
	return rc;
}

static void take_stat(const struct zk_op *op, struct zk_stat *ret_stat)
{
	if (ret_stat)
		*ret_stat = op->stat;
}

int zk_get(struct zk *zk, const char *path, usec_t timeout, struct buf *out,
	   struct zk_stat *ret_stat, struct err *err)
{
	struct zk_op *op = NULL;
	int rc = zk_call(zk, &(struct zk_request){.type = ZK_OP_GET, .path = path},
			 zk_now() + timeout, &op, err);
	if (rc == 0 && out) {
		buf_clear(out);
		buf_put(out, op->data, op->len);
		(void)buf_cstr(out);
		if (out->failed)
			rc = err_set(err, -ENOMEM, ERR_MEMORY, "%s: out of memory", path);
	}
	if (rc == 0)
		take_stat(op, ret_stat);
	zk_op_free(op);
	return rc;
}

int zk_set(struct zk *zk, const char *path, const void *data, size_t len, int32_t version,
	   usec_t timeout, struct zk_stat *ret_stat, struct err *err)
{
	struct zk_op *op = NULL;
	struct zk_request request = {
		.type = ZK_OP_SET, .path = path, .data = data, .len = len, .version = version};
	int rc = zk_call(zk, &request, zk_now() + timeout, &op, err);
	if (rc == 0)
		take_stat(op, ret_stat);
	zk_op_free(op);
	return rc;
}

int zk_delete(struct zk *zk, const char *path, int32_t version, usec_t timeout, struct err *err)
{
	struct zk_request request = {.type = ZK_OP_DELETE, .path = path, .version = version};
	return zk_call(zk, &request, zk_now() + timeout, NULL, err);
}

int zk_children(struct zk *zk, const char *path, usec_t timeout, struct zk_names *ret_names,
		struct zk_stat *ret_stat, struct err *err)
{
	struct zk_op *op = NULL;
	int rc = zk_call(zk, &(struct zk_request){.type = ZK_OP_CHILDREN, .path = path},
			 zk_now() + timeout, &op, err);
	if (rc == 0) {
		take_stat(op, ret_stat);
		if (ret_names) {
			*ret_names = op->names;
			op->names = (struct zk_names){0};
		}
	}
	zk_op_free(op);
	return rc;
}

int zk_exists(struct zk *zk, const char *path, usec_t timeout, bool *ret_exists,
	      struct zk_stat *ret_stat, struct err *err)
{
	struct zk_op *op = NULL;
	int rc = zk_call(zk, &(struct zk_request){.type = ZK_OP_EXISTS, .path = path},
			 zk_now() + timeout, &op, err);
	if (rc == 0) {
		if (ret_exists)
			*ret_exists = op->has_stat;
		if (op->has_stat)
			take_stat(op, ret_stat);
	}
	zk_op_free(op);
	return rc;
}

int zk_sync(struct zk *zk, const char *path, usec_t timeout, struct err *err)
{
	return zk_call(zk, &(struct zk_request){.type = ZK_OP_SYNC, .path = path},
		       zk_now() + timeout, NULL, err);
}

int zk_multi(struct zk *zk, const struct zk_step *steps, size_t n, usec_t timeout,
	     size_t *ret_failed, struct zk_stat *ret_stats, struct err *err)
{
	if (n == 0 || n > ZK_MULTI_MAX)
		return err_set(err, -EINVAL, ERR_INTERNAL, "a multi of %zu steps", n);
	struct zk_op *op = NULL;
	int rc = zk_call(zk, &(struct zk_request){.type = ZK_OP_MULTI, .steps = steps, .n = n},
			 zk_now() + timeout, &op, err);
	if (rc < 0 && op && op->failed < n) {
		err_prefix(err, "step %zu, %s", op->failed, steps[op->failed].path);
		if (ret_failed)
			*ret_failed = op->failed;
	}
	for (size_t i = 0; rc == 0 && ret_stats && i < n; i++)
		if (steps[i].type == ZK_STEP_SET)
			zk_stat_from(&op->zstats[i], &ret_stats[i]);
	zk_op_free(op);
	return rc;
}
