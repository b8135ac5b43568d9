/*
 * task_read.c - a task read as a whole.
 *
 * One round trip for a hot task: its path is guessed while /names is asked. The control is
 * read before and after the document; when it was written in between, all is read again,
 * because document and control.revision change together (in one multi).
 */
#include "server/store/store_priv.h"

#include "common/contract/errors.h"
#include "common/daemon/acl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const enum paths_part store_parts[STORE_PARTS] = {PATHS_CONTROL, PATHS_INSTANCES, PATHS_LAST_COMMIT,
						  PATHS_STATUS, PATHS_COMMANDS};

const struct zk_acl *store_part_acl(enum paths_part part)
{
	return part == PATHS_CONTROL ? &acl_control : &acl_core;
}

enum slot { NAME, CONTROL, DOCUMENT, STATUS, LAST_COMMIT, INSTANCES, CONTROL_AGAIN, SLOTS };

struct reading {
	struct zk_read reads[SLOTS];
	char paths[SLOTS][PATHS_SIZE];
};

void store_task_clear(struct store_task *t)
{
	free(t->document);
	free(t->status);
	free(t->last_commit);
	control_doc_clear(&t->control);
	zk_names_free(&t->instances);
	*t = (struct store_task){0};
}

static int set_paths(struct reading *r, const char *name, const char *task_path, struct err *err)
{
	static const enum paths_part parts[SLOTS] = {[CONTROL] = PATHS_CONTROL,
						     [STATUS] = PATHS_STATUS,
						     [LAST_COMMIT] = PATHS_LAST_COMMIT,
						     [INSTANCES] = PATHS_INSTANCES,
						     [CONTROL_AGAIN] = PATHS_CONTROL};
	int rc = paths_child(PATHS_NAMES, name, r->paths[NAME], err);
	for (int i = CONTROL; rc == 0 && i < SLOTS; i++) {
		if (i == DOCUMENT)
			snprintf(r->paths[i], PATHS_SIZE, "%s", task_path);
		else
			rc = paths_part(task_path, parts[i], r->paths[i], err);
	}
	for (int i = 0; i < SLOTS; i++)
		r->reads[i] = (struct zk_read){.path = r->paths[i], .children = i == INSTANCES};
	return rc;
}

/* What /names says, checked: nobody but us writes there, and yet. */
static int named_path(const struct zk_read *name_read, const char *name, char path[PATHS_SIZE],
		      struct err *err)
{
	struct paths_parsed parsed;
	if (!name_read->data || name_read->len >= PATHS_SIZE)
		return err_set(err, -EINVAL, ERR_DOCUMENT_INVALID, "%s names no task's path",
			       name_read->path);
	char text[PATHS_SIZE];
	memcpy(text, name_read->data, name_read->len);
	text[name_read->len] = 0;
	if (strlen(text) != name_read->len || paths_parse(text, &parsed) < 0 ||
	    parsed.kind != PATHS_OF_TASK || strcmp(parsed.task, name) != 0)
		return err_set(err, -EINVAL, ERR_DOCUMENT_INVALID, "%s names no path of its task",
			       name_read->path);
	snprintf(path, PATHS_SIZE, "%s", text);
	return 0;
}

static char *take_text(struct zk_read *read, size_t *ret_len)
{
	char *text = read->rc == 0 && read->data ? read->data : calloc(1, 1);
	if (read->rc == 0 && read->data) {
		*ret_len = read->len;
		read->data = NULL;
	} else {
		*ret_len = 0;
	}
	return text;
}

/* A node that cannot be read for another reason than that it is not there. */
static int refused(const struct reading *r, struct err *err)
{
	for (int i = 0; i < SLOTS; i++)
		if (r->reads[i].rc < 0 && r->reads[i].rc != -ENOENT)
			return err_set(err, r->reads[i].rc,
				       r->reads[i].rc == -EACCES ? ERR_ZK_AUTH : ERR_ZK_REFUSED,
				       "%s cannot be read: %s", r->paths[i],
				       strerror(-r->reads[i].rc));
	return 0;
}

static bool torn(const struct reading *r)
{
	const struct zk_read *a = &r->reads[CONTROL], *b = &r->reads[CONTROL_AGAIN];
	return a->rc != b->rc || (a->rc == 0 && a->stat.mzxid != b->stat.mzxid);
}

static int take_control(struct reading *r, struct store_task *t, struct err *err)
{
	const struct zk_read *control = &r->reads[CONTROL];
	if (control->rc == 0)
		t->control_stat = control->stat;
	if (control->rc < 0 || control->len == 0) {
		/* An empty one is as none, but for its version. */
		return control_doc_init(&t->control) < 0 ? store_no_memory(err) : 0;
	}
	int rc = control_doc_parse(control->data, control->len, &t->control, err);
	if (rc < 0) {
		err_prefix(err, "%s", control->path);
		(void)!control_doc_init(&t->control);
		return rc;
	}
	t->has_control = true;
	return 0;
}

static int take(struct reading *r, const char *name, struct store_task *ret, struct err *err)
{
	struct store_task t = {0};
	struct paths_parsed parsed;
	size_t ignored;
	snprintf(t.name, sizeof(t.name), "%s", name);
	snprintf(t.path, sizeof(t.path), "%s", r->paths[DOCUMENT]);
	if (paths_parse(t.path, &parsed) == 0)
		snprintf(t.group, sizeof(t.group), "%s", parsed.group);
	t.named = r->reads[NAME].rc == 0;
	t.name_stat = r->reads[NAME].stat;
	t.exists = r->reads[DOCUMENT].rc == 0;
	t.document_stat = r->reads[DOCUMENT].stat;
	t.document = take_text(&r->reads[DOCUMENT], &t.document_len);
	t.status = take_text(&r->reads[STATUS], &ignored);
	t.last_commit = take_text(&r->reads[LAST_COMMIT], &ignored);
	t.instances = r->reads[INSTANCES].names;
	r->reads[INSTANCES].names = (struct zk_names){0};
	int rc = take_control(r, &t, err);
	if (rc == 0 && (!t.document || !t.status || !t.last_commit))
		rc = store_no_memory(err);
	if (rc < 0)
		store_task_clear(&t);
	else
		*ret = t;
	return rc;
}

int store_task_read(struct store *s, const char *name, struct store_task *ret, struct err *err)
{
	struct reading r;
	char path[PATHS_SIZE], named[PATHS_SIZE];
	int rc = paths_task(NULL, name, path, err);
	for (int attempt = 0; rc == 0 && attempt < STORE_TRIES; attempt++) {
		rc = set_paths(&r, name, path, err);
		if (rc == 0)
			rc = zk_read_many(s->zk, r.reads, SLOTS, s->timeout, err);
		if (rc < 0)
			return rc;
		rc = refused(&r, err);
		bool again = rc == 0 && torn(&r);
		if (rc == 0 && r.reads[NAME].rc == 0) {
			rc = named_path(&r.reads[NAME], name, named, err);
			if (rc == 0 && strcmp(named, path) != 0) {
				snprintf(path, sizeof(path), "%s", named);
				again = true;
			}
		}
		if (rc == 0 && !again) {
			rc = take(&r, name, ret, err);
			zk_reads_free(r.reads, SLOTS);
			return rc;
		}
		zk_reads_free(r.reads, SLOTS);
	}
	return rc < 0 ? rc
		      : err_set(err, -ESTALE, ERR_ZK_CONFLICT,
				"task %s is changed faster than it can be read", name);
}

int store_task_get(struct store *s, const char *name, struct store_task *ret, struct err *err)
{
	struct store_task t;
	int rc = store_task_read(s, name, &t, err);
	if (rc < 0)
		return rc;
	if (!t.exists) {
		store_task_clear(&t);
		return err_set(err, -ENOENT, ERR_TASK_UNKNOWN, "there is no task '%s'", name);
	}
	*ret = t;
	return 0;
}

static int by_sequence(const void *a, const void *b)
{
	uint64_t x = 0, y = 0;
	const struct store_instance *p = a, *q = b;
	if (paths_node_parse(p->node, NULL, &x) < 0 || paths_node_parse(q->node, NULL, &y) < 0)
		return strcmp(p->node, q->node);
	return x < y ? -1 : x > y;
}

void store_instances_free(struct store_instance *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].text);
	free(list);
}

int store_instances_read(struct store *s, const struct store_task *t, struct store_instance **ret,
			 size_t *ret_n, struct err *err)
{
	size_t n = 0, most = t->instances.n;
	struct store_instance *list = calloc(most + 1, sizeof(*list));
	struct zk_read *reads = calloc(most + 1, sizeof(*reads));
	char(*paths)[PATHS_SIZE] = calloc(most + 1, PATHS_SIZE);
	int rc = list && reads && paths ? 0 : store_no_memory(err);
	for (size_t i = 0; rc == 0 && i < most; i++) {
		/* A node of another name is not an instance: somebody's hand made it. */
		if (paths_instance(t->path, t->instances.v[i], paths[n], NULL) < 0)
			continue;
		snprintf(list[n].node, sizeof(list[n].node), "%s", t->instances.v[i]);
		reads[n].path = paths[n];
		n++;
	}
	if (rc == 0)
		rc = zk_read_many(s->zk, reads, n, s->timeout, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		list[i].text = reads[i].data;
		list[i].len = reads[i].len;
		reads[i].data = NULL;
	}
	if (rc == 0) {
		zk_reads_free(reads, n);
		qsort(list, n, sizeof(*list), by_sequence);
		*ret = list;
		*ret_n = n;
	} else {
		store_instances_free(list, 0);
	}
	free(reads);
	free(paths);
	return rc;
}
