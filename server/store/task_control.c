/* task_control.c - the control document changed by compare-and-set. */
#include "server/store/store_priv.h"

#include "common/contract/errors.h"
#include "common/daemon/acl.h"
#include "common/os/random.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Puts back a name that was deleted by hand, so that the lists show the task again. */
static void mend_name(struct store *s, const struct store_task *t)
{
	char path[PATHS_SIZE];
	if (t->named || paths_child(PATHS_NAMES, t->name, path, NULL) < 0)
		return;
	const struct zk_create create = {.path = path,
					 .data = t->path,
					 .len = strlen(t->path),
					 .kind = ZK_PERSISTENT,
					 .acl = &acl_task};
	(void)!zk_create(s->zk, &create, s->timeout, NULL, NULL, NULL);
}

/*
 * desired=deleted and the node that whoever removes the task deletes with it (task_reap.c),
 * in one multi. Versions begin anew with each task of a name; the mark is one task's alone.
 */
static int mark_deleted(struct store *s, const struct store_task *t, const char *control_path,
			const struct buf *text, struct err *err)
{
	char mark[PATHS_SIZE + 64], id[17];
	random_hex(id, 8);
	snprintf(mark, sizeof(mark), "%s/" STORE_DELETING "%s", t->path, id);
	const struct zk_step steps[] = {
		{.type = ZK_STEP_SET, .path = control_path, .data = text->data, .len = text->len,
		 .version = t->control_stat.version},
		{.type = ZK_STEP_CREATE, .path = mark, .kind = ZK_PERSISTENT, .acl = &acl_control},
	};
	return zk_multi(s->zk, steps, 2, s->timeout, NULL, NULL, err);
}

static int write_control(struct store *s, const struct store_task *t, bool deleting,
			 const struct buf *text, struct err *err)
{
	char path[PATHS_SIZE];
	int rc = paths_part(t->path, PATHS_CONTROL, path, err);
	if (rc < 0)
		return rc;
	if (deleting && t->control_stat.czxid)
		return mark_deleted(s, t, path, text, err);
	if (t->control_stat.czxid)
		return zk_set(s->zk, path, text->data, text->len, t->control_stat.version,
			      s->timeout, NULL, err);
	const struct zk_create create = {.path = path,
					 .data = text->data,
					 .len = text->len,
					 .kind = ZK_PERSISTENT,
					 .acl = &acl_control};
	return zk_create(s->zk, &create, s->timeout, NULL, NULL, err);
}

/* After a lost answer: whether what is there is what we wrote. */
static bool was_written(struct store *s, const struct store_task *t, const struct buf *text)
{
	char path[PATHS_SIZE];
	struct buf now;
	struct zk_stat stat;
	buf_init(&now);
	bool same = paths_part(t->path, PATHS_CONTROL, path, NULL) == 0 &&
		    zk_sync(s->zk, path, s->timeout, NULL) == 0 &&
		    store_get(s, path, &now, &stat, NULL) == 0 && now.len == text->len &&
		    memcmp(now.data, text->data, text->len) == 0 &&
		    (t->control_stat.czxid == 0 || stat.version == t->control_stat.version + 1);
	buf_free(&now);
	return same;
}

/* 1: done, 0: again. */
static int try_change(struct store *s, const char *name, store_change_fn *fn, void *ctx,
		      struct control_doc *ret, struct err *err)
{
	struct store_task t;
	struct buf text;
	int rc = store_task_get(s, name, &t, err);
	if (rc < 0)
		return rc;
	buf_init(&text);
	if (!t.has_control && t.document_len)
		rc = store_next_revision(s, &t, &t.control.revision, err);
	bool was_deleted = t.has_control && t.control.desired == CONTROL_DELETED;
	if (rc == 0)
		rc = fn(ctx, &t, &t.control, err);
	bool deleting = !was_deleted && t.control.desired == CONTROL_DELETED;
	if (rc == 0) {
		control_doc_print(&t.control, &text);
		rc = text.failed ? store_no_memory(err) : write_control(s, &t, deleting, &text, err);
	}
	if (rc == -EINPROGRESS && was_written(s, &t, &text))
		rc = 0;
	if (rc == 0) {
		mend_name(s, &t);
		if (ret) {
			*ret = t.control;
			t.control = (struct control_doc){0};
		}
		rc = 1;
	} else if ((rc == -ESTALE && err->kind == ERR_ZK_CONFLICT) || rc == -EEXIST ||
		   rc == -EINPROGRESS || (rc == -ENOENT && err->kind == ERR_ZK_GONE)) {
		rc = 0;
	}
	buf_free(&text);
	store_task_clear(&t);
	return rc;
}

int store_control_change(struct store *s, const char *name, store_change_fn *fn, void *ctx,
			 struct control_doc *ret, struct err *err)
{
	struct err own;
	struct err *e = err ? err : &own;
	for (int attempt = 0; attempt < STORE_TRIES; attempt++) {
		if (attempt)
			store_back_off(attempt);
		int rc = try_change(s, name, fn, ctx, ret, e);
		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
	return -ESTALE; /* err is of the last try */
}
