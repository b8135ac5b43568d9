/*
 * task_create.c - a task made in one multi: its name, its node, its parts.
 *
 * /names/<task> is what makes a name unique over hot and cold tasks, so its creation
 * decides between two servers. An mr-core may have registered a hot task before: then the
 * document and the control are filled in, at the versions that were read.
 */
#include "server/store/store_priv.h"

#include "common/contract/errors.h"
#include "common/daemon/acl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct making {
	struct zk_step steps[ZK_MULTI_MAX];
	size_t n;
	char name_path[PATHS_SIZE];
	char path[PATHS_SIZE];
	char parts[STORE_PARTS][PATHS_SIZE];
	struct buf control;
};

static void add_create(struct making *m, const char *path, const void *data, size_t len,
		       const struct zk_acl *acl)
{
	m->steps[m->n++] = (struct zk_step){.type = ZK_STEP_CREATE,
					    .path = path,
					    .data = data,
					    .len = len,
					    .kind = ZK_PERSISTENT,
					    .acl = acl};
}

static void add_set(struct making *m, const char *path, const void *data, size_t len,
		    int32_t version)
{
	m->steps[m->n++] = (struct zk_step){
		.type = ZK_STEP_SET, .path = path, .data = data, .len = len, .version = version};
}

static int exists(const struct store_task *was, const struct task *t, struct err *err)
{
	if (was->has_control && was->control.desired == CONTROL_DELETED)
		return err_set_at(err, -EEXIST, ERR_TASK_DELETING, "name",
				  "task '%s' is still being deleted", t->name);
	if (was->exists && strcmp(was->group, t->group) != 0)
		return err_set_at(err, -EEXIST, ERR_TASK_EXISTS, "name",
				  "there is a task '%s' already, %s%s%s", t->name,
				  was->group[0] ? "in group " : "a hot one that an mr-core registers",
				  was->group, t->group[0] ? "" : "; this one is hot");
	return err_set_at(err, -EEXIST, ERR_TASK_EXISTS, "name", "there is a task '%s' already",
			  t->name);
}

static int first_control(struct store *s, const struct store_task *was, bool start,
			 struct buf *out, struct err *err)
{
	struct control_doc control;
	uint64_t revision = 1;
	/* One that was there, or what a former task of the name left behind: never back behind it. */
	int rc = store_next_revision(s, was, &revision, err);
	if (rc < 0)
		return rc;
	if (control_doc_init(&control) < 0)
		return store_no_memory(err);
	control.desired = start ? CONTROL_RUNNING : CONTROL_STOPPED;
	control.revision = revision;
	control.restart = was->control.restart;
	control.reset = was->control.reset;
	control_doc_print(&control, out);
	control_doc_clear(&control);
	return out->failed ? store_no_memory(err) : 0;
}

/* Which of a registered task's parts are there. */
static int look_at_parts(struct store *s, const struct making *m, bool there[STORE_PARTS],
			 struct err *err)
{
	struct zk_read reads[STORE_PARTS] = {0};
	for (int i = 0; i < STORE_PARTS; i++)
		reads[i].path = m->parts[i];
	int rc = zk_read_many(s->zk, reads, STORE_PARTS, s->timeout, err);
	for (int i = 0; rc == 0 && i < STORE_PARTS; i++)
		there[i] = reads[i].rc != -ENOENT;
	zk_reads_free(reads, STORE_PARTS);
	return rc;
}

static int plan(struct store *s, const struct store_task *was, const struct task *t,
		const char *text, size_t len, bool start, struct making *m, struct err *err)
{
	bool there[STORE_PARTS] = {false};
	m->n = 0;
	buf_clear(&m->control);
	int rc = paths_child(PATHS_NAMES, t->name, m->name_path, err);
	if (rc == 0)
		rc = paths_task(t->group, t->name, m->path, err);
	for (int i = 0; rc == 0 && i < STORE_PARTS; i++)
		rc = paths_part(m->path, store_parts[i], m->parts[i], err);
	if (rc == 0 && was->exists)
		rc = look_at_parts(s, m, there, err);
	if (rc == 0)
		rc = first_control(s, was, start, &m->control, err);
	if (rc < 0)
		return rc;
	if (!was->named)
		add_create(m, m->name_path, m->path, strlen(m->path), &acl_task);
	else if (!was->exists) /* its node was deleted by hand: the name is free */
		add_set(m, m->name_path, m->path, strlen(m->path), was->name_stat.version);
	if (was->exists)
		add_set(m, m->path, text, len, was->document_stat.version);
	else
		add_create(m, m->path, text, len, &acl_task);
	for (int i = 0; i < STORE_PARTS; i++) {
		bool control = store_parts[i] == PATHS_CONTROL;
		if (control && there[i])
			add_set(m, m->parts[i], m->control.data, m->control.len,
				was->control_stat.version);
		else if (!there[i])
			add_create(m, m->parts[i], control ? m->control.data : NULL,
				   control ? m->control.len : 0, store_part_acl(store_parts[i]));
	}
	return 0;
}

/* The group's folder, which the multi cannot make by the way. */
static int make_group(struct store *s, const char *group, struct err *err)
{
	char path[PATHS_SIZE];
	if (!group[0])
		return 0;
	int rc = paths_child(PATHS_TASK_GROUPS, group, path, err);
	if (rc < 0)
		return rc;
	const struct zk_create create = {.path = path, .acl = &acl_folder, .parents = true};
	rc = zk_create(s->zk, &create, s->timeout, NULL, NULL, err);
	return rc == -EEXIST || rc == -EINPROGRESS ? 0 : rc;
}

/* 1: done; 0: again. */
static int try_create(struct store *s, const struct task *t, const char *text, size_t len,
		      bool start, struct making *m, struct err *err)
{
	struct store_task was;
	size_t failed = 0;
	int rc = store_task_read(s, t->name, &was, err);
	if (rc < 0)
		return rc;
	if (was.exists && was.document_len == len && memcmp(was.document, text, len) == 0)
		rc = 1; /* ours, the answer got lost: its uid is nobody else's */
	else if (was.exists && (was.document_len || strcmp(was.group, t->group) != 0))
		rc = exists(&was, t, err);
	else
		rc = plan(s, &was, t, text, len, start, m, err);
	if (rc == 0) {
		rc = zk_multi(s->zk, m->steps, m->n, s->timeout, &failed, NULL, err);
		if (rc == 0)
			rc = 1;
		else if (rc == -EEXIST || rc == -ESTALE || rc == -ENOENT || rc == -EINPROGRESS)
			rc = 0;
	}
	store_task_clear(&was);
	return rc;
}

int store_task_create(struct store *s, const struct task *t, const char *text, size_t len,
		      bool start, struct err *err)
{
	struct making m;
	buf_init(&m.control);
	int rc = 0, made = 0;
	for (int attempt = 0; rc == 0 && made == 0 && attempt < STORE_TRIES; attempt++) {
		if (attempt)
			store_back_off(attempt);
		rc = make_group(s, t->group, err);
		if (rc == 0)
			made = try_create(s, t, text, len, start, &m, err);
		if (made < 0)
			rc = made;
	}
	buf_free(&m.control);
	if (rc < 0 || made > 0)
		return rc < 0 ? rc : 0;
	return -ESTALE; /* err is of the last try */
}
