/* zk_many.c - many reads at once. See many.h. */
#include "common/zk/many.h"

#include "common/contract/errors.h"
#include "common/zk/zk_call.h"

#include <errno.h>
#include <stdlib.h>

/* In flight at once: their answers may be documents of half a megabyte. */
enum { WINDOW = 256 };

void zk_reads_free(struct zk_read *reads, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(reads[i].data);
		zk_names_free(&reads[i].names);
		reads[i].data = NULL;
		reads[i].len = 0;
	}
}

/* Lock held. */
static int send_one(struct zk *zk, const struct zk_read *read, struct zk_op **ret)
{
	const struct zk_request request = {.type = read->children ? ZK_OP_CHILDREN : ZK_OP_GET,
					   .path = read->path};
	struct zk_op *op = zk_op_new(zk, &request);
	if (!op)
		return -ENOMEM;
	op->waited = true;
	int rc = zk_op_submit_locked(op, &request);
	if (rc < 0) {
		zk_op_free(op);
		return rc;
	}
	*ret = op;
	return 0;
}

/* Lock held. False: the deadline passed, and it is the library's now. */
static bool wait_one(struct zk_op *op, usec_t deadline)
{
	struct timespec at = zk_timespec(deadline);
	while (op->submitted && !op->done) {
		if (pthread_cond_timedwait(&op->cond, &op->zk->lock, &at) == ETIMEDOUT &&
		    !op->done) {
			op->abandoned = true;
			return false;
		}
	}
	return true;
}

/* Nobody waits for it any more; lock held. */
static void drop_one(struct zk_op *op)
{
	if (op->submitted && !op->done)
		op->abandoned = true;
	else
		zk_op_free(op);
}

static void take_one(struct zk_op *op, struct zk_read *read)
{
	read->rc = op->rc;
	if (op->rc == 0) {
		read->data = op->data;
		read->len = op->len;
		read->names = op->names;
		read->stat = op->stat;
		op->data = NULL;
		op->names = (struct zk_names){0};
	}
	zk_op_free(op);
}

/* Whether the failure is the connection's and not the node's. */
static bool of_connection(int rc)
{
	return rc == -ENOTCONN || rc == -ETIMEDOUT || rc == -ENOLINK || rc == -ENOMEM;
}

static int read_window(struct zk *zk, struct zk_read *reads, size_t n, usec_t deadline,
		       struct err *err)
{
	struct zk_op *ops[WINDOW] = {0};
	size_t sent = 0;
	int rc = 0;
	pthread_mutex_lock(&zk->lock);
	for (; sent < n && rc == 0; sent += rc == 0)
		rc = send_one(zk, &reads[sent], &ops[sent]);
	if (rc < 0)
		rc = err_set(err, rc, rc == -ENOMEM ? ERR_MEMORY : ERR_ZK_UNREACHABLE,
			     rc == -ENOMEM ? "%s: out of memory"
					   : "%s: there is no connection to ZooKeeper",
			     reads[sent].path);
	for (size_t i = 0; i < sent; i++) {
		if (rc < 0) {
			drop_one(ops[i]);
		} else if (!wait_one(ops[i], deadline)) {
			rc = err_set(err, -ETIMEDOUT, ERR_ZK_UNREACHABLE,
				     "%s: ZooKeeper does not answer in time", reads[i].path);
		} else if (of_connection(ops[i]->rc)) {
			rc = ops[i]->rc;
			if (err)
				*err = ops[i]->err;
			zk_op_free(ops[i]);
		} else {
			take_one(ops[i], &reads[i]);
		}
	}
	pthread_mutex_unlock(&zk->lock);
	return rc;
}

int zk_read_many(struct zk *zk, struct zk_read *reads, size_t n, usec_t timeout, struct err *err)
{
	usec_t deadline = zk_now() + timeout;
	int rc = 0;
	for (size_t i = 0; i < n; i++) {
		reads[i].rc = -ENOTCONN;
		reads[i].data = NULL;
		reads[i].len = 0;
		reads[i].names = (struct zk_names){0};
		reads[i].stat = (struct zk_stat){0};
	}
	for (size_t at = 0; at < n && rc == 0; at += WINDOW)
		rc = read_window(zk, reads + at, n - at < WINDOW ? n - at : WINDOW, deadline, err);
	if (rc < 0)
		zk_reads_free(reads, n);
	return rc;
}
