/*
 * view_list.c - copies out of the view (view.h): for any thread, under the lock.
 *
 * Everything of a copy lies in its arena. The lock is held while entries are copied: for
 * thousands of tasks that is a millisecond or two.
 */
#include "common/view/view_priv.h"

#include <errno.h>
#include <string.h>

static const char *keep(struct arena *a, const char *text)
{
	return text ? arena_strndup(a, text, strlen(text)) : "";
}

static int copy(const struct entry *e, struct arena *a, struct view_task *t)
{
	const char **nodes = arena_zalloc(a, (e->nnodes + 1) * sizeof(*nodes));
	*t = (struct view_task){
	    .name = keep(a, e->name),
	    .group = keep(a, e->group),
	    .path = keep(a, e->path),
	    .has_document = e->has_document,
	    .control_state = e->control_state,
	    .control_error = keep(a, e->control_error),
	    .desired = e->desired,
	    .revision = e->revision,
	    .restart = e->restart,
	    .reset = e->reset,
	    .control_mzxid = e->control_mzxid,
	    .control_version = e->control_version,
	    .nodes = nodes,
	    .nnodes = e->nnodes,
	};
	if (!nodes || !t->name || !t->group || !t->path || !t->control_error)
		return -ENOMEM;
	for (size_t i = 0; i < e->nnodes; i++) {
		nodes[i] = keep(a, e->nodes[i]);
		if (!nodes[i])
			return -ENOMEM;
	}
	return 0;
}

static bool wanted(const struct entry *e, const struct view_query *q)
{
	return e->visible && (!q->group || strcmp(e->group, q->group) == 0) &&
	       (q->desired < 0 ||
		(e->control_state == VIEW_CONTROL_THERE && e->desired == q->desired)) &&
	       (!q->text || !q->text[0] || strcasestr(e->name, q->text));
}

/* How many match, and how many of these stand behind `after`. */
static void count(const struct view *v, const struct view_query *q, size_t from, size_t *ret_total,
		  size_t *ret_behind)
{
	*ret_total = *ret_behind = 0;
	for (size_t i = 0; i < v->n; i++) {
		if (!wanted(v->entries[i], q))
			continue;
		++*ret_total;
		if (i >= from)
			++*ret_behind;
	}
}

int view_list(struct view *v, const struct view_query *query, struct view_tasks *ret)
{
	static const struct view_query all = {.desired = -1};
	const struct view_query *q = query ? query : &all;
	struct view_tasks list = {0};
	size_t behind, from = 0;
	int rc = 0;
	arena_init(&list.arena);
	pthread_mutex_lock(&v->lock);
	if (q->after && q->after[0]) {
		from = view_find(v, q->after);
		if (from < v->n && strcmp(v->entries[from]->name, q->after) == 0)
			from++;
	}
	count(v, q, from, &list.total, &behind);
	size_t n = q->limit && q->limit < behind ? q->limit : behind;
	list.more = n < behind;
	list.v = arena_zalloc(&list.arena, (n + 1) * sizeof(*list.v));
	if (!list.v)
		rc = -ENOMEM;
	for (size_t i = from; rc == 0 && list.n < n; i++)
		if (wanted(v->entries[i], q))
			rc = copy(v->entries[i], &list.arena, &list.v[list.n++]);
	pthread_mutex_unlock(&v->lock);
	if (rc < 0)
		view_tasks_free(&list);
	else
		*ret = list;
	return rc;
}

int view_get(struct view *v, const char *name, struct view_tasks *ret)
{
	struct view_tasks one = {.n = 1, .total = 1};
	int rc = -ENOENT;
	arena_init(&one.arena);
	pthread_mutex_lock(&v->lock);
	size_t at = view_find(v, name);
	if (at < v->n && strcmp(v->entries[at]->name, name) == 0 && v->entries[at]->visible) {
		one.v = arena_zalloc(&one.arena, sizeof(*one.v));
		rc = one.v ? copy(v->entries[at], &one.arena, one.v) : -ENOMEM;
	}
	pthread_mutex_unlock(&v->lock);
	if (rc < 0)
		view_tasks_free(&one);
	else
		*ret = one;
	return rc;
}

bool view_filled(struct view *v)
{
	pthread_mutex_lock(&v->lock);
	bool filled = v->filled;
	pthread_mutex_unlock(&v->lock);
	return filled;
}

size_t view_count(struct view *v)
{
	size_t n = 0;
	pthread_mutex_lock(&v->lock);
	for (size_t i = 0; i < v->n; i++)
		n += v->entries[i]->visible;
	pthread_mutex_unlock(&v->lock);
	return n;
}

void view_tasks_free(struct view_tasks *tasks)
{
	arena_free(&tasks->arena);
	*tasks = (struct view_tasks){0};
}
