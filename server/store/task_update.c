/*
 * task_update.c - a task's document replaced, its former ones kept.
 *
 * The former document is written to /revisions before the multi that replaces it, for both
 * together may be more than one packet holds. A revision's text never changes, so two
 * servers that write the same one write the same.
 */
#include "server/store/store_priv.h"

#include "common/contract/errors.h"
#include "common/daemon/acl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int keep_former(struct store *s, const struct store_task *was, struct err *err)
{
	char path[PATHS_SIZE];
	if (!was->document_len || !was->has_control || was->control.revision > UINT32_MAX)
		return 0;
	int rc = paths_revision(was->name, (uint32_t)was->control.revision, path, err);
	if (rc < 0)
		return rc;
	const struct zk_create create = {.path = path,
					 .data = was->document,
					 .len = was->document_len,
					 .kind = ZK_PERSISTENT,
					 .acl = &acl_server,
					 .parents = true};
	rc = store_create_surely(s, &create, err);
	if (rc == -EEXIST) /* perhaps of a task that had the name before */
		rc = zk_set(s->zk, path, was->document, was->document_len, ZK_ANY_VERSION,
			    s->timeout, NULL, err);
	return rc;
}

/* Names under /revisions/<task>, as rising numbers from malloc. */
static int numbers(struct store *s, const char *task, uint32_t **ret, size_t *ret_n,
		   struct err *err)
{
	char folder[PATHS_SIZE];
	struct zk_names names = {0};
	int rc = paths_child(PATHS_REVISIONS, task, folder, err);
	if (rc == 0)
		rc = zk_children(s->zk, folder, s->timeout, &names, NULL, err);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	uint32_t *list = calloc(names.n + 1, sizeof(*list));
	size_t n = 0;
	for (size_t i = 0; list && i < names.n; i++) {
		size_t len = strlen(names.v[i]);
		if (len != 10 || strspn(names.v[i], "0123456789") != len)
			continue;
		uint32_t v = (uint32_t)strtoul(names.v[i], NULL, 10);
		size_t at = n++;
		for (; at > 0 && list[at - 1] > v; at--)
			list[at] = list[at - 1];
		list[at] = v;
	}
	zk_names_free(&names);
	if (!list)
		return store_no_memory(err);
	*ret = list;
	*ret_n = n;
	return 0;
}

/* All but the newest; what fails here is done at the next change. */
static void forget_old(struct store *s, const char *task)
{
	uint32_t *list;
	size_t n;
	char path[PATHS_SIZE];
	if (numbers(s, task, &list, &n, NULL) < 0)
		return;
	for (size_t i = 0; i + STORE_REVISIONS < n; i++)
		if (paths_revision(task, list[i], path, NULL) == 0)
			(void)!zk_delete(s->zk, path, ZK_ANY_VERSION, s->timeout, NULL);
	free(list);
}

int store_next_revision(struct store *s, const struct store_task *t, uint64_t *ret,
			struct err *err)
{
	uint32_t *list;
	size_t n;
	uint64_t last = t->has_control ? t->control.revision : 0;
	struct status_doc status;
	int rc = numbers(s, t->name, &list, &n, err);
	if (rc < 0)
		return rc;
	if (n && list[n - 1] > last)
		last = list[n - 1];
	free(list);
	if (t->status[0] && status_doc_parse(t->status, strlen(t->status), &status, NULL) == 0) {
		if (status.revision > last)
			last = status.revision;
		status_doc_clear(&status);
	}
	*ret = last + 1;
	return 0;
}

static int stale(const struct store_task *now, uint64_t *ret_revision, struct err *err)
{
	*ret_revision = now->control.revision;
	return err_set(err, -ESTALE, ERR_REVISION_STALE, "task '%s' is at revision %llu now",
		       now->name, (unsigned long long)now->control.revision);
}

/*
 * What became of a multi that failed. 1: it was done; 0: repeat it with `was` as it is
 * now (only the control's other members changed).
 */
static int look_again(struct store *s, struct store_task *was, uint64_t revision, const char *text,
		      size_t len, uint64_t *ret_revision, struct err *err)
{
	struct store_task now;
	int rc = store_task_get(s, was->name, &now, err);
	if (rc < 0)
		return rc;
	bool same_text = now.document_len == len && memcmp(now.document, text, len) == 0;
	if (now.control.revision == revision && same_text)
		rc = 1;
	else if (now.has_control && now.control.desired == CONTROL_DELETED)
		rc = err_set(err, -ESTALE, ERR_TASK_DELETING, "task '%s' is being deleted",
			     now.name);
	else if (now.document_stat.version != was->document_stat.version ||
		 now.document_stat.czxid != was->document_stat.czxid)
		rc = stale(&now, ret_revision, err);
	store_task_clear(was);
	*was = now;
	return rc;
}

static int write_update(struct store *s, const struct store_task *was, uint64_t revision,
			const char *text, size_t len, struct err *err)
{
	char control_path[PATHS_SIZE];
	struct buf control;
	struct control_doc next = was->control;
	int rc = paths_part(was->path, PATHS_CONTROL, control_path, err);
	if (rc < 0)
		return rc;
	buf_init(&control);
	next.revision = revision;
	control_doc_print(&next, &control);
	struct zk_step steps[2] = {
		{.type = ZK_STEP_SET,
		 .path = was->path,
		 .version = was->document_stat.version,
		 .data = text,
		 .len = len},
		{.type = was->control_stat.czxid ? ZK_STEP_SET : ZK_STEP_CREATE,
		 .path = control_path,
		 .version = was->control_stat.version,
		 .data = control.data,
		 .len = control.len,
		 .acl = &acl_control},
	};
	rc = control.failed ? store_no_memory(err)
			    : zk_multi(s->zk, steps, 2, s->timeout, NULL, NULL, err);
	buf_free(&control);
	return rc;
}

static int copy_task(struct store *s, const struct store_task *was, struct store_task *ret,
		     uint64_t *ret_revision, struct err *err)
{
	int rc = store_task_get(s, was->name, ret, err);
	if (rc < 0)
		return rc;
	if (ret->document_stat.version == was->document_stat.version &&
	    ret->document_stat.czxid == was->document_stat.czxid)
		return 0;
	rc = stale(ret, ret_revision, err);
	store_task_clear(ret);
	return rc;
}

int store_task_update(struct store *s, const struct store_task *was, const char *text, size_t len,
		      uint64_t *ret_revision, struct err *err)
{
	struct store_task now;
	uint64_t revision = 0;
	int rc = copy_task(s, was, &now, ret_revision, err);
	if (rc < 0)
		return rc;
	int done = 0;
	for (int attempt = 0; rc == 0 && done == 0 && attempt < STORE_TRIES; attempt++) {
		if (now.has_control)
			revision = now.control.revision + 1;
		else
			rc = store_next_revision(s, &now, &revision, err);
		if (rc == 0)
			rc = keep_former(s, &now, err);
		if (rc == 0)
			rc = write_update(s, &now, revision, text, len, err);
		if (rc == 0) {
			done = 1;
		} else if (rc == -ESTALE || rc == -EINPROGRESS || rc == -ENOENT || rc == -EEXIST) {
			store_back_off(attempt);
			done = look_again(s, &now, revision, text, len, ret_revision, err);
			rc = done < 0 ? done : 0;
		}
	}
	store_task_clear(&now);
	if (rc < 0)
		return rc;
	if (!done)
		return -ESTALE; /* err is of the last try */
	*ret_revision = revision;
	forget_old(s, was->name);
	return 0;
}

int store_revisions_list(struct store *s, const char *task, struct zk_read **ret, size_t *ret_n,
			 uint32_t **ret_numbers, struct err *err)
{
	uint32_t *list;
	size_t n;
	int rc = numbers(s, task, &list, &n, err);
	if (rc < 0)
		return rc;
	struct zk_read *reads = calloc(n + 1, sizeof(*reads));
	char(*paths)[PATHS_SIZE] = calloc(n + 1, PATHS_SIZE);
	rc = reads && paths ? 0 : store_no_memory(err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = paths_revision(task, list[i], paths[i], err);
		reads[i].path = paths[i];
	}
	if (rc == 0)
		rc = zk_read_many(s->zk, reads, n, s->timeout, err);
	for (size_t i = 0; reads && i < n; i++)
		reads[i].path = NULL;
	free(paths);
	if (rc < 0) {
		free(reads);
		free(list);
		return rc;
	}
	*ret = reads;
	*ret_n = n;
	*ret_numbers = list;
	return 0;
}

int store_revision_get(struct store *s, const char *task, uint32_t revision, struct buf *out,
		       struct err *err)
{
	char path[PATHS_SIZE];
	int rc = paths_revision(task, revision, path, err);
	if (rc == 0)
		rc = store_get(s, path, out, NULL, err);
	if (rc == -ENOENT)
		return err_set(err, rc, ERR_API_NOT_FOUND,
			       "revision %u of task '%s' is not kept", revision, task);
	return rc;
}
