/* naming.c - see naming.h. */
#include "common/zk/naming.h"

#include "common/contract/errors.h"
#include "common/zk/zk_call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool zk_type_valid(const char *type)
{
	size_t n = strspn(type, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
	return n > 0 && n <= ZK_TYPE_MAX && type[n] == 0;
}

/* Without a parent, `<folder>/<type>` is made for good: its counter must not start again. */
static int make_counter(struct zk *zk, const char *counter, usec_t timeout, struct err *err)
{
	struct zk_create create = {.path = counter, .kind = ZK_PERSISTENT, .parents = true};
	int rc = zk_create(zk, &create, timeout, NULL, NULL, err);
	return rc == -EEXIST || rc == -EINPROGRESS ? 0 : rc;
}

/*
 * One number. Not zk_create(): it would adopt the node of another thread of this session
 * after a lost answer, and give its number twice.
 */
static int next_number(struct zk *zk, const char *prefix, usec_t deadline, char made[ZK_PATH_MAX],
		       struct err *err)
{
	struct zk_op *op = NULL;
	struct zk_request request = {
		.type = ZK_OP_CREATE, .path = prefix, .kind = ZK_EPHEMERAL_SEQUENTIAL};
	int rc;
	do {
		rc = zk_call(zk, &request, deadline, &op, err);
		if (rc == 0)
			snprintf(made, ZK_PATH_MAX, "%s", op->made);
		zk_op_free(op);
		op = NULL;
		/* A number whose answer got lost is skipped. */
	} while ((rc == -EINPROGRESS || rc == -ENOTCONN || rc == -ENOLINK) && zk_now() < deadline);
	return rc;
}

int zk_next_id(struct zk *zk, const char *folder, const char *type, usec_t timeout,
	       char ret_id[ZK_ID_MAX], struct err *err)
{
	char counter[ZK_PATH_MAX - 32], prefix[ZK_PATH_MAX], made[ZK_PATH_MAX];
	usec_t deadline = zk_now() + timeout;
	if (!zk_type_valid(type) || strlen(folder) + strlen(type) + 2 > sizeof(counter))
		return err_set(err, -EINVAL, ERR_TASK_INVALID,
			       "\"%.80s\" is no type of an id: letters, digits, '_' and '-'", type);
	snprintf(counter, sizeof(counter), "%s/%s", folder, type);
	snprintf(prefix, sizeof(prefix), "%s/job-", counter);
	int rc = next_number(zk, prefix, deadline, made, err);
	if (rc == -ENOENT) {
		rc = make_counter(zk, counter, timeout, err);
		if (rc == 0)
			rc = next_number(zk, prefix, deadline, made, err);
	}
	if (rc < 0)
		return rc;
	const char *digits = made + strlen(prefix);
	if (strlen(digits) != 10 || strspn(digits, "0123456789") != 10)
		return err_set(err, -EPROTO, ERR_ZK_REFUSED, "%s: the counter has run over", counter);
	snprintf(ret_id, ZK_ID_MAX, "%s-job-%s", type, digits);
	/* Reaped; if that fails, by the end of the session. The id is given all the same. */
	(void)!zk_delete(zk, made, ZK_ANY_VERSION, deadline - zk_now(), NULL);
	return 0;
}
