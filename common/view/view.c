/*
 * view.c - see view.h: filling it.
 *
 * A task's life in the view:
 *   in /names -> queued -> path read -> two watches, node looked at -> visible
 *   control made anew, or gone -> queued again: the name may stand for another path now
 *   no longer in /names -> freed
 * At most VIEW_LOADING tasks are between `queued` and `visible`, so that the first fill of
 * thousands neither floods the connection nor waits for one answer at a time.
 */
#include "common/view/view.h"

#include "common/os/log.h"
#include "common/view/view_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void load_more(struct view *v);

static bool connection_lost(int rc)
{
	return rc == -ENOTCONN || rc == -ETIMEDOUT || rc == -ENOLINK;
}

/* The connection may be back already, told before a failed answer was taken. */
static bool connected(struct view *v)
{
	enum zk_state state = zk_state(v->o.zk);
	return state == ZK_CONNECTED || state == ZK_NEW_SESSION;
}

static void tell(struct entry *e)
{
	if (e->visible && e->v->o.changed)
		e->v->o.changed(e->v->o.ctx, e->name, false);
}

/* ---------------------------------------------------------------- loading */

static void enqueue(struct entry *e)
{
	struct view *v = e->v;
	if (e->queued || e->path_op)
		return;
	e->queued = true;
	e->next_queued = NULL;
	if (v->queue)
		v->queue_tail->next_queued = e;
	else
		v->queue = e;
	v->queue_tail = e;
}

static void dequeue(struct entry *e)
{
	struct view *v = e->v;
	struct entry **at = &v->queue;
	struct entry *previous = NULL;
	if (!e->queued)
		return;
	while (*at != e) {
		previous = *at;
		at = &previous->next_queued;
	}
	*at = e->next_queued;
	if (v->queue_tail == e)
		v->queue_tail = previous;
	e->queued = false;
}

static void look_filled(struct view *v)
{
	if (v->filled || !v->names_told || v->queue || v->loading)
		return;
	pthread_mutex_lock(&v->lock);
	v->filled = true;
	pthread_mutex_unlock(&v->lock);
}

static void stop_loading(struct entry *e)
{
	if (!e->loading)
		return;
	e->loading = false;
	e->v->loading--;
}

/* Everything of the task was read once. */
static void look_loaded(struct entry *e)
{
	if (!e->control_told || !e->instances_told || !e->document_told)
		return;
	if (!e->visible) {
		pthread_mutex_lock(&e->v->lock);
		e->visible = true;
		pthread_mutex_unlock(&e->v->lock);
		tell(e);
	}
	if (e->loading) {
		stop_loading(e);
		load_more(e->v);
	}
}

/* ---------------------------------------------------------------- the task's node */

static void on_document(void *ctx, const struct zk_reply *r);

static void look_at_document(struct entry *e)
{
	struct zk *zk = e->v->o.zk;
	if (e->document_op) {
		e->document_again = true;
		return;
	}
	e->document_owed = e->document_again = false;
	e->document_op = e->v->o.document ? zk_get_async(zk, e->path, on_document, e)
					  : zk_exists_async(zk, e->path, on_document, e);
	e->document_owed = !e->document_op;
}

static void on_document(void *ctx, const struct zk_reply *r)
{
	struct entry *e = ctx;
	struct view *v = e->v;
	e->document_op = NULL;
	if (connection_lost(r->rc)) {
		e->document_owed = true;
		if (connected(v))
			look_at_document(e);
		return;
	}
	/* What is too large to be read, or not ours to read, is there nevertheless. */
	bool there = r->rc == 0 ? r->stat && r->stat->len > 0 : r->rc != -ENOENT;
	pthread_mutex_lock(&v->lock);
	e->has_document = there;
	pthread_mutex_unlock(&v->lock);
	e->document_told = true;
	if (v->o.document)
		v->o.document(v->o.ctx, e->name, r->rc == 0 && there ? r->data : NULL,
			      r->rc == 0 && there ? r->len : 0);
	tell(e);
	if (e->document_again)
		look_at_document(e);
	look_loaded(e);
}

/* ---------------------------------------------------------------- control and instances */

/* What the event says, as the entry has it; the lock is held. */
static void set_control(struct entry *e, const struct zk_watch_event *event)
{
	struct control_doc d;
	struct err err = {0};
	free(e->control_error);
	e->control_error = NULL;
	e->control_state = VIEW_CONTROL_NONE;
	e->desired = CONTROL_STOPPED;
	e->revision = e->restart = e->reset = 0;
	e->control_mzxid = event->stat ? event->stat->mzxid : 0;
	e->control_version = event->stat ? event->stat->version : 0;
	if (event->rc == 0 && (!event->exists || event->len == 0))
		return;
	if (event->rc < 0 || control_doc_parse(event->data, event->len, &d, &err) < 0) {
		const struct err *why = event->rc < 0 ? event->err : &err;
		e->control_state = VIEW_CONTROL_BAD;
		e->control_error = strdup(why ? why->text : "it cannot be read");
		return;
	}
	e->control_state = VIEW_CONTROL_THERE;
	e->desired = d.desired;
	e->revision = d.revision;
	e->restart = d.restart;
	e->reset = d.reset;
	control_doc_clear(&d);
}

static void on_control(void *ctx, const struct zk_watch_event *event)
{
	struct entry *e = ctx;
	struct view *v = e->v;
	int64_t before = e->control_czxid;
	pthread_mutex_lock(&v->lock);
	set_control(e, event);
	pthread_mutex_unlock(&v->lock);
	if (event->rc == 0)
		e->control_czxid = event->stat ? event->stat->czxid : 0;
	e->control_told = true;
	tell(e);
	look_at_document(e);
	if (before != 0 && before != e->control_czxid) {
		enqueue(e); /* another task of this name, perhaps elsewhere */
		load_more(v);
	}
	look_loaded(e);
}

static int by_sequence(const void *a, const void *b)
{
	const char *left = *(char *const *)a, *right = *(char *const *)b;
	uint64_t l = 0, r = 0;
	/* Only what can be taken apart gets here. */
	if (paths_node_parse(left, NULL, &l) < 0 || paths_node_parse(right, NULL, &r) < 0)
		return 0;
	return l < r ? -1 : l > r;
}

static void free_nodes(char **nodes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(nodes[i]);
	free(nodes);
}

static void on_instances(void *ctx, const struct zk_watch_event *event)
{
	struct entry *e = ctx;
	struct view *v = e->v;
	size_t most = event->rc == 0 && event->names ? event->names->n : 0, n = 0;
	char **nodes = most ? calloc(most, sizeof(*nodes)) : NULL;
	for (size_t i = 0; nodes && i < most; i++) {
		if (paths_node_parse(event->names->v[i], NULL, NULL) < 0)
			continue; /* no instance: somebody's note */
		nodes[n] = strdup(event->names->v[i]);
		if (!nodes[n])
			break;
		n++;
	}
	if (n > 1)
		qsort(nodes, n, sizeof(*nodes), by_sequence);
	if (event->rc < 0)
		log_err(LOG_LEVEL_WARN, "the instances of a task", event->err);
	pthread_mutex_lock(&v->lock);
	free_nodes(e->nodes, e->nnodes);
	e->nodes = nodes;
	e->nnodes = n;
	pthread_mutex_unlock(&v->lock);
	e->instances_told = true;
	tell(e);
	look_loaded(e);
}

static void stop_watches(struct entry *e)
{
	zk_watch_stop(e->control_watch);
	zk_watch_stop(e->instances_watch);
	e->control_watch = e->instances_watch = NULL;
	if (e->document_op)
		zk_op_cancel(e->document_op);
	e->document_op = NULL;
	e->document_again = e->document_owed = false;
}

/* ---------------------------------------------------------------- the path of a name */

/* Another path than before: everything is read anew. -ENOMEM leaves it out. */
static int take_path(struct entry *e, const struct paths_parsed *parsed, const char *path)
{
	struct view *v = e->v;
	char control[PATHS_SIZE], instances[PATHS_SIZE];
	char *copy = strdup(path);
	if (!copy || paths_part(path, PATHS_CONTROL, control, NULL) < 0 ||
	    paths_part(path, PATHS_INSTANCES, instances, NULL) < 0) {
		free(copy);
		return -ENOMEM;
	}
	stop_watches(e);
	pthread_mutex_lock(&v->lock);
	free(e->path);
	e->path = copy;
	strcpy(e->group, parsed->group);
	pthread_mutex_unlock(&v->lock);
	e->control_told = e->instances_told = e->document_told = false;
	e->control_czxid = 0;
	e->control_watch = zk_watch_data(v->o.zk, control, on_control, e);
	e->instances_watch = zk_watch_children(v->o.zk, instances, on_instances, e);
	return e->control_watch && e->instances_watch ? 0 : -ENOMEM;
}

/* What /names/<name> holds; when that is no path of this task, the hot task's. */
static int use_path(struct entry *e, const char *text)
{
	struct paths_parsed parsed;
	char path[PATHS_SIZE];
	if (text[0] && paths_parse(text, &parsed) == 0 && parsed.kind == PATHS_OF_TASK &&
	    strcmp(parsed.task, e->name) == 0) {
		if (e->path && strcmp(e->path, text) == 0)
			return 0;
		return take_path(e, &parsed, text);
	}
	if (text[0])
		log_warn("%s/%s holds no path of this task: it is taken for a hot task",
			 paths_folder(PATHS_NAMES), e->name);
	if (paths_task(NULL, e->name, path, NULL) < 0 || paths_parse(path, &parsed) < 0)
		return -EINVAL;
	return e->path && strcmp(e->path, path) == 0 ? 0 : take_path(e, &parsed, path);
}

static void on_path(void *ctx, const struct zk_reply *r)
{
	struct entry *e = ctx;
	struct view *v = e->v;
	e->path_op = NULL;
	if (connection_lost(r->rc)) {
		stop_loading(e);
		enqueue(e);
		v->waiting = !connected(v);
		load_more(v);
		return;
	}
	int rc = r->rc;
	if (rc == 0)
		rc = use_path(e, r->len ? r->data : "");
	else if (rc != -ENOENT) /* gone: /names will say so */
		log_err(LOG_LEVEL_WARN, "the path of a task", r->err);
	if (rc < 0) {
		stop_loading(e);
		load_more(v);
		return;
	}
	look_loaded(e);
}

static void load_more(struct view *v)
{
	while (v->queue && v->loading < VIEW_LOADING && !v->waiting) {
		struct entry *e = v->queue;
		char path[PATHS_SIZE];
		dequeue(e);
		if (paths_child(PATHS_NAMES, e->name, path, NULL) < 0)
			continue;
		if (!e->loading) {
			e->loading = true;
			v->loading++;
		}
		e->path_op = zk_get_async(v->o.zk, path, on_path, e);
		if (!e->path_op) { /* no memory: with the next change of the session */
			stop_loading(e);
			enqueue(e);
			v->waiting = true;
		}
	}
	look_filled(v);
}

/* ---------------------------------------------------------------- the names */

size_t view_find(const struct view *v, const char *name)
{
	size_t low = 0, high = v->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(v->entries[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void entry_free(struct entry *e)
{
	stop_watches(e);
	if (e->path_op)
		zk_op_cancel(e->path_op);
	dequeue(e);
	stop_loading(e);
	free_nodes(e->nodes, e->nnodes);
	free(e->control_error);
	free(e->path);
	free(e->name);
	free(e);
}

static struct entry *entry_new(struct view *v, const char *name)
{
	struct entry *e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->v = v;
	e->desired = CONTROL_STOPPED;
	e->name = strdup(name);
	if (!e->name) {
		free(e);
		return NULL;
	}
	return e;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names that can be tasks', sorted; pointers into `names`. NULL: no memory. */
static char **sorted_names(const struct zk_names *names, size_t *ret_n)
{
	char **list = calloc((names ? names->n : 0) + 1, sizeof(*list));
	size_t n = 0;
	const char *reason;
	if (!list)
		return NULL;
	for (size_t i = 0; names && i < names->n; i++) {
		if (task_name_check(names->v[i], &reason) == 0)
			list[n++] = names->v[i];
		else
			log_warn("%s: a name that no task can have is left out: %s",
				 paths_folder(PATHS_NAMES), reason);
	}
	qsort(list, n, sizeof(*list), by_name);
	*ret_n = n;
	return list;
}

/* `list` merged into the entries; those that went are in `gone` afterwards. */
static struct entry **merge(struct view *v, char **list, size_t n, struct entry **gone,
			    size_t *ret_gone)
{
	struct entry **entries = calloc(n + 1, sizeof(*entries));
	size_t at = 0, taken = 0;
	if (!entries)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		while (at < v->n && strcmp(v->entries[at]->name, list[i]) < 0)
			gone[(*ret_gone)++] = v->entries[at++];
		struct entry *e;
		if (at < v->n && strcmp(v->entries[at]->name, list[i]) == 0) {
			e = v->entries[at++];
			if (!e->path)
				enqueue(e); /* was not there when it was read */
		} else {
			e = entry_new(v, list[i]);
			if (e)
				enqueue(e);
		}
		if (e)
			entries[taken++] = e;
	}
	while (at < v->n)
		gone[(*ret_gone)++] = v->entries[at++];
	v->n = taken;
	return entries;
}

static void on_names(void *ctx, const struct zk_watch_event *event)
{
	struct view *v = ctx;
	size_t n, ngone = 0;
	if (event->rc < 0) {
		log_err(LOG_LEVEL_WARN, "the names of tasks", event->err);
		return;
	}
	char **list = sorted_names(event->names, &n);
	struct entry **gone = calloc(v->n + 1, sizeof(*gone)), **entries = NULL;
	if (list && gone) {
		pthread_mutex_lock(&v->lock);
		entries = merge(v, list, n, gone, &ngone);
		if (entries) {
			free(v->entries);
			v->entries = entries;
		}
		pthread_mutex_unlock(&v->lock);
	}
	if (!entries)
		log_error("no memory for the names of tasks: the view is out of date");
	for (size_t i = 0; i < ngone; i++) {
		if (gone[i]->visible && v->o.changed)
			v->o.changed(v->o.ctx, gone[i]->name, true);
		entry_free(gone[i]);
	}
	free(list);
	free(gone);
	v->names_told = true;
	load_more(v);
}

static void on_state(void *ctx, enum zk_state state)
{
	struct view *v = ctx;
	if (state != ZK_CONNECTED && state != ZK_NEW_SESSION)
		return;
	v->waiting = false;
	for (size_t i = 0; i < v->n; i++)
		if (v->entries[i]->document_owed)
			look_at_document(v->entries[i]);
	load_more(v);
}

struct view *view_open(const struct view_options *o)
{
	struct view *v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->o = *o;
	pthread_mutex_init(&v->lock, NULL);
	v->listener = (struct zk_listener){.fn = on_state, .ctx = v};
	zk_listen(o->zk, &v->listener);
	v->names_watch = zk_watch_children(o->zk, paths_folder(PATHS_NAMES), on_names, v);
	if (!v->names_watch) {
		view_close(v);
		return NULL;
	}
	return v;
}

void view_close(struct view *v)
{
	if (!v)
		return;
	zk_watch_stop(v->names_watch);
	zk_unlisten(v->o.zk, &v->listener);
	for (size_t i = 0; i < v->n; i++)
		entry_free(v->entries[i]);
	free(v->entries);
	pthread_mutex_destroy(&v->lock);
	free(v);
}
