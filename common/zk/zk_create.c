/*
 * zk_create.c - making a node, and finding it again when the answer got lost (rule 9).
 *
 * After a lost answer nothing is made until we know. A sync comes first: the server we are
 * connected to now may be behind the one that took the request. Our connection's move has
 * made the leader refuse what the former server had not handed on yet, so what the sync
 * does not show will not come. An ephemeral node names its session, so it is known for
 * ours; a session that expired meanwhile took its node with it.
 */
#include "common/zk/zk_call.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool kind_ephemeral(enum zk_kind kind)
{
	return kind == ZK_EPHEMERAL || kind == ZK_EPHEMERAL_SEQUENTIAL;
}

static bool kind_sequential(enum zk_kind kind)
{
	return kind == ZK_PERSISTENT_SEQUENTIAL || kind == ZK_EPHEMERAL_SEQUENTIAL;
}

static usec_t left(usec_t deadline)
{
	usec_t now = zk_now();
	return deadline > now ? deadline - now : 0;
}

/* Length of the parent's path; 0 for the root's children. */
static size_t parent_len(const char *path)
{
	return (size_t)(strrchr(path, '/') - path);
}

struct made {
	char path[ZK_PATH_MAX];
	struct zk_stat stat;
};

/*
 * Of the parent's children with our prefix and our session's mark, the one with the
 * smallest name; the others are deleted. 1: found, 0: none.
 */
static int adopt_sequential(struct zk *zk, const char *prefix, usec_t deadline, struct made *ret,
			    struct err *err)
{
	struct zk_names names;
	char parent[ZK_PATH_MAX];
	size_t n = parent_len(prefix), base = strlen(prefix) - n - 1;
	snprintf(parent, sizeof(parent), "%.*s", (int)(n ? n : 1), prefix);
	int rc = zk_children(zk, parent, left(deadline), &names, NULL, err);
	if (rc < 0)
		return rc;
	int64_t session = zk_session_id(zk);
	bool found = false;
	for (size_t i = 0; i < names.n && rc == 0; i++) {
		struct made m;
		bool exists = false;
		if (strncmp(names.v[i], prefix + n + 1, base) != 0 ||
		    strlen(names.v[i]) != base + 10)
			continue;
		snprintf(m.path, sizeof(m.path), "%.*s/%s", (int)n, prefix, names.v[i]);
		rc = zk_exists(zk, m.path, left(deadline), &exists, &m.stat, err);
		if (rc < 0 || !exists || m.stat.owner != session || session == 0)
			continue;
		struct made extra = m;
		if (!found || strcmp(m.path, ret->path) < 0) {
			extra = *ret;
			*ret = m;
		}
		if (found)
			rc = zk_delete(zk, extra.path, ZK_ANY_VERSION, left(deadline), err);
		if (rc == -ENOENT)
			rc = 0;
		found = true;
	}
	zk_names_free(&names);
	return rc < 0 ? rc : found;
}

/* 1: it is there and ours, in ret; 0: it is not there, make it (again); or why not. */
static int find_made(struct zk *zk, const struct zk_create *create, usec_t deadline,
		     struct made *ret, struct err *err)
{
	bool exists = false;
	if (create->kind == ZK_PERSISTENT_SEQUENTIAL)
		return -EINPROGRESS;
	int rc = zk_sync(zk, create->path, left(deadline), err);
	if (rc < 0)
		return rc;
	if (create->kind == ZK_EPHEMERAL_SEQUENTIAL)
		return adopt_sequential(zk, create->path, deadline, ret, err);
	rc = zk_exists(zk, create->path, left(deadline), &exists, &ret->stat, err);
	if (rc < 0 || !exists)
		return rc;
	if (!kind_ephemeral(create->kind))
		return -EINPROGRESS;
	snprintf(ret->path, sizeof(ret->path), "%s", create->path);
	if (ret->stat.owner == zk_session_id(zk))
		return 1;
	return err_set(err, -EEXIST, ERR_ZK_CONFLICT, "create %s: another has it", create->path);
}

static int create_once(struct zk *zk, const struct zk_create *create, usec_t deadline,
		       struct made *ret, struct err *err)
{
	struct zk_request request = {.type = ZK_OP_CREATE,
				     .path = create->path,
				     .data = create->data,
				     .len = create->len,
				     .kind = create->kind,
				     .acl = create->acl};
	struct zk_op *op = NULL;
	int rc = zk_call(zk, &request, deadline, &op, err);
	if (rc == 0) {
		snprintf(ret->path, sizeof(ret->path), "%s", op->made);
		ret->stat = op->stat;
	}
	zk_op_free(op);
	return rc;
}

/* With the parts of the chroot too, which no path of ours names: `full` begins at the root. */
static int create_parents(struct zk *zk, const struct zk_create *create, usec_t deadline,
			  struct err *err)
{
	char full[ZK_PATH_MAX];
	int rc = zk_path_full(zk->chroot, create->path, full, err);
	for (size_t at = 1; rc == 0; at++) {
		at += strcspn(full + at, "/");
		if (!full[at])
			break;
		full[at] = 0;
		struct zk_request request = {.type = ZK_OP_CREATE,
					     .path = full,
					     .acl = create->acl,
					     .absolute = true};
		rc = zk_call(zk, &request, deadline, NULL, err);
		/* A lost answer: the next part's, or the node's, creation shows it. */
		if (rc == -EEXIST || rc == -EINPROGRESS)
			rc = 0;
		full[at] = '/';
	}
	return rc;
}

static bool may_repeat(int rc)
{
	/* Certainly not done, and the reason passes. */
	return rc == -ENOTCONN || rc == -ENOLINK;
}

int zk_create(struct zk *zk, const struct zk_create *create, usec_t timeout,
	      char ret_path[ZK_PATH_MAX], struct zk_stat *ret_stat, struct err *err)
{
	usec_t deadline = zk_now() + timeout;
	struct made made = {0};
	bool parents = create->parents;
	int rc;
	if (strlen(create->path) + 10 >= ZK_PATH_MAX ||
	    (kind_sequential(create->kind) && create->path[strlen(create->path) - 1] == '/'))
		return err_set(err, -EINVAL, ERR_INTERNAL, "create %.200s: no such path",
			       create->path);
	for (;;) {
		rc = create_once(zk, create, deadline, &made, err);
		if (rc == -ENOENT && parents) {
			parents = false;
			rc = create_parents(zk, create, deadline, err);
			if (rc < 0)
				break;
			continue;
		}
		while (rc == -EINPROGRESS && left(deadline) > 0) {
			int found = find_made(zk, create, deadline, &made, err);
			if (found == -EINPROGRESS) /* known to be unknowable */
				break;
			if (found == 0)
				rc = -ENOTCONN; /* it was not made: again */
			else if (found == 1)
				rc = 0;
			else if (found == -EEXIST || found == -EACCES)
				rc = found;
		}
		if (!may_repeat(rc) || left(deadline) == 0)
			break;
	}
	if (rc < 0)
		return rc;
	if (ret_path)
		snprintf(ret_path, ZK_PATH_MAX, "%s", made.path);
	if (ret_stat)
		*ret_stat = made.stat;
	return 0;
}
