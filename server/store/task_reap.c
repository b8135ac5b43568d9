/*
 * task_reap.c - a deleted task taken out of the tree, once nothing works on it any more.
 *
 * Any mr-server does it, several at once too. What lies deep (commands, nodes that somebody
 * made by hand) goes first; the task itself, its parts, its name and the mark that came with
 * desired=deleted (task_control.c) go in one multi. A task of the same name that was made
 * meanwhile has no such mark, whatever its versions are, so the multi fails there; an
 * instance that is registered meanwhile makes it fail too: then it is waited for. Former
 * revisions go last, unless the name is taken again.
 */
#include "server/store/store_priv.h"

#include "common/contract/errors.h"
#include "common/daemon/acl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 4 };

struct removal {
	char parts[STORE_PARTS][PATHS_SIZE];
	bool there[STORE_PARTS];
	char name_path[PATHS_SIZE];
	char revisions[PATHS_SIZE];
	char mark[ZK_PATH_MAX]; /* "" where there is none */
};

/* A node and what lies below it. Absent is fine. */
static int delete_tree(struct store *s, const char *path, int depth, struct err *err)
{
	struct zk_names names = {0};
	char child[ZK_PATH_MAX];
	int rc = zk_delete(s->zk, path, ZK_ANY_VERSION, s->timeout, err);
	if (rc == -ENOENT)
		return 0;
	if (rc != -ENOTEMPTY || depth == DEPTH_MAX)
		return rc;
	rc = zk_children(s->zk, path, s->timeout, &names, NULL, err);
	if (rc == -ENOENT)
		rc = 0;
	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		snprintf(child, sizeof(child), "%s/%s", path, names.v[i]);
		rc = delete_tree(s, child, depth + 1, err);
	}
	zk_names_free(&names);
	if (rc == 0)
		rc = zk_delete(s->zk, path, ZK_ANY_VERSION, s->timeout, err);
	return rc == -ENOENT ? 0 : rc;
}

/* What lies in a node, which stays: it goes with the multi. */
static int delete_children(struct store *s, const char *path, struct err *err)
{
	struct zk_names names = {0};
	char child[ZK_PATH_MAX];
	int rc = zk_children(s->zk, path, s->timeout, &names, NULL, err);
	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		snprintf(child, sizeof(child), "%s/%s", path, names.v[i]);
		rc = delete_tree(s, child, 0, err);
	}
	zk_names_free(&names);
	return rc == -ENOENT ? 0 : rc;
}

/* Of a task that is gone; not those of one that has its name by now. */
static int delete_revisions(struct store *s, const struct removal *r, struct err *err)
{
	bool taken = true;
	int rc = zk_exists(s->zk, r->name_path, s->timeout, &taken, NULL, err);
	return rc == 0 && !taken ? delete_tree(s, r->revisions, 0, err) : rc;
}

/* The part's name below the task, "instances". */
static const char *last_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

static int set_paths(const struct store_task *t, struct removal *r, struct err *err)
{
	int rc = paths_child(PATHS_NAMES, t->name, r->name_path, err);
	if (rc == 0)
		rc = paths_child(PATHS_REVISIONS, t->name, r->revisions, err);
	for (int i = 0; rc == 0 && i < STORE_PARTS; i++)
		rc = paths_part(t->path, store_parts[i], r->parts[i], err);
	return rc;
}

/* Everything below the task but its parts, and what lies in the parts but instances. */
static int clear_inside(struct store *s, const struct store_task *t, struct removal *r, bool force,
			struct err *err)
{
	struct zk_names names;
	char path[ZK_PATH_MAX];
	int rc = zk_children(s->zk, t->path, s->timeout, &names, NULL, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		int part = 0;
		while (part < STORE_PARTS && strcmp(last_of(r->parts[part]), names.v[i]) != 0)
			part++;
		snprintf(path, sizeof(path), "%s/%s", t->path, names.v[i]);
		if (part < STORE_PARTS)
			r->there[part] = true;
		if (strncmp(names.v[i], STORE_DELETING, strlen(STORE_DELETING)) == 0 && !r->mark[0]) {
			snprintf(r->mark, sizeof(r->mark), "%s", path);
			continue;
		}
		bool instances = part < STORE_PARTS && store_parts[part] == PATHS_INSTANCES;
		bool commands = part < STORE_PARTS && store_parts[part] == PATHS_COMMANDS;
		if (part == STORE_PARTS)
			rc = delete_tree(s, path, 0, err);
		else if (commands || (instances && force))
			rc = delete_children(s, path, err);
	}
	zk_names_free(&names);
	return rc;
}

static int remove_task(struct store *s, const struct store_task *t, const struct removal *r,
		       struct err *err)
{
	struct zk_step steps[STORE_PARTS + 3];
	size_t n = 0;
	for (int i = 0; i < STORE_PARTS; i++)
		if (r->there[i])
			steps[n++] = (struct zk_step){.type = ZK_STEP_DELETE,
						      .path = r->parts[i],
						      .version = store_parts[i] == PATHS_CONTROL
									 ? t->control_stat.version
									 : ZK_ANY_VERSION};
	if (r->mark[0])
		steps[n++] = (struct zk_step){
			.type = ZK_STEP_DELETE, .path = r->mark, .version = ZK_ANY_VERSION};
	steps[n++] = (struct zk_step){
		.type = ZK_STEP_DELETE, .path = t->path, .version = ZK_ANY_VERSION};
	if (t->named)
		steps[n++] = (struct zk_step){.type = ZK_STEP_DELETE,
					      .path = r->name_path,
					      .version = t->name_stat.version};
	return zk_multi(s->zk, steps, n, s->timeout, NULL, NULL, err);
}

/*
 * No mark: either what was listed is another task of the name by now, or somebody has set
 * desired=deleted by hand. Only then it is made, and all is looked at again: -ESTALE.
 */
static int mark_by_hand(struct store *s, const struct store_task *t, const struct removal *r,
			struct err *err)
{
	struct store_task now;
	char mark[PATHS_SIZE + 64];
	int rc = store_task_read(s, t->name, &now, err);
	if (rc < 0)
		return rc;
	bool same = now.exists && now.has_control && now.control.desired == CONTROL_DELETED &&
		    now.control_stat.czxid == t->control_stat.czxid;
	store_task_clear(&now);
	if (!same)
		return -ESTALE;
	snprintf(mark, sizeof(mark), "%s/" STORE_DELETING "by-hand", t->path);
	const char *control = NULL;
	for (int i = 0; i < STORE_PARTS; i++)
		if (store_parts[i] == PATHS_CONTROL)
			control = r->parts[i];
	const struct zk_step steps[] = {
		{.type = ZK_STEP_CHECK, .path = control, .version = t->control_stat.version},
		{.type = ZK_STEP_CREATE, .path = mark, .kind = ZK_PERSISTENT, .acl = &acl_control},
	};
	rc = zk_multi(s->zk, steps, 2, s->timeout, NULL, NULL, err);
	return rc == 0 ? -ESTALE : rc;
}

static int reap_once(struct store *s, const struct store_task *t, bool force, bool *ret_gone,
		     struct err *err)
{
	struct removal r = {0};
	int rc = set_paths(t, &r, err);
	if (rc < 0)
		return rc;
	if (!t->exists) {
		rc = t->named ? zk_delete(s->zk, r.name_path, t->name_stat.version, s->timeout, err)
			      : 0;
		*ret_gone = rc == 0 || rc == -ENOENT;
		return rc == -ENOENT ? 0 : rc;
	}
	if (!t->has_control || t->control.desired != CONTROL_DELETED ||
	    (t->instances.n && !force)) {
		*ret_gone = false;
		return 0;
	}
	rc = clear_inside(s, t, &r, force, err);
	if (rc == 0 && !r.mark[0])
		return mark_by_hand(s, t, &r, err);
	if (rc == 0)
		rc = remove_task(s, t, &r, err);
	if (rc == 0) {
		*ret_gone = true;
		/* The task is gone whatever becomes of them; the next of its name goes on behind. */
		(void)!delete_revisions(s, &r, err);
	}
	return rc;
}

/* No name, and no node in any group: one whose name was deleted by hand is not gone. */
static int is_gone(struct store *s, const char *name, const struct zk_names *groups, bool *ret,
		   struct err *err)
{
	struct store_task t;
	char path[PATHS_SIZE];
	int rc = store_task_read(s, name, &t, err);
	if (rc < 0)
		return rc;
	bool there = t.named || t.exists;
	store_task_clear(&t);
	for (size_t i = 0; rc == 0 && !there && i < groups->n; i++) {
		rc = paths_task(groups->v[i], name, path, err);
		if (rc == 0)
			rc = zk_exists(s->zk, path, s->timeout, &there, NULL, err);
	}
	*ret = !there;
	return rc;
}

int store_revisions_sweep(struct store *s, struct err *err)
{
	struct zk_names names = {0}, groups = {0};
	int rc = zk_children(s->zk, paths_folder(PATHS_REVISIONS), s->timeout, &names, NULL, err);
	if (rc == 0)
		rc = zk_children(s->zk, paths_folder(PATHS_TASK_GROUPS), s->timeout, &groups, NULL,
				 err);
	if (rc == -ENOENT)
		rc = 0;
	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		struct removal r = {0};
		bool gone = false;
		rc = is_gone(s, names.v[i], &groups, &gone, err);
		if (rc == 0 && gone)
			rc = paths_child(PATHS_NAMES, names.v[i], r.name_path, err);
		if (rc == 0 && gone)
			rc = paths_child(PATHS_REVISIONS, names.v[i], r.revisions, err);
		if (rc == 0 && gone)
			rc = delete_revisions(s, &r, err);
	}
	zk_names_free(&names);
	zk_names_free(&groups);
	return rc;
}

int store_task_reap(struct store *s, const char *name, bool force, bool *ret_gone, struct err *err)
{
	for (int attempt = 0; attempt < STORE_TRIES; attempt++) {
		struct store_task t;
		int rc = store_task_read(s, name, &t, err);
		if (rc < 0)
			return rc;
		rc = reap_once(s, &t, force, ret_gone, err);
		store_task_clear(&t);
		/* Another server, or an instance, came in between: look again. */
		if (rc != -ESTALE && rc != -ENOENT && rc != -ENOTEMPTY && rc != -EINPROGRESS)
			return rc;
		store_back_off(attempt);
	}
	*ret_gone = false;
	return 0; /* instances come and go: the next round */
}
