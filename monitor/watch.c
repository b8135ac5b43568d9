/*
 * watch.c - see watch.h.
 *
 * Between rounds a task is kept as a struct tracked: what its first instance said last, and
 * since when it stands. A task that is no longer in the view is forgotten.
 */
#include "monitor/watch.h"

#include "common/os/log.h"
#include "common/view/view.h"
#include "monitor/fetch.h"
#include "monitor/rules/progress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tracked {
	char *name;
	bool has_own;
	struct task_alert own[TASK_ALERTS];
	struct progress progress;
	bool read; /* in the last round */
	bool document_broken;
	char *broken; /* why not; NULL */
	/* Of the document; valid while `read`. */
	struct instance_doc doc;
	bool has_doc;
};

struct watch {
	struct zk *zk;
	const struct rule_setting *settings;
	watch_done_fn *done;
	void *ctx;
	struct view *view;
	struct tracked **v; /* sorted by name */
	size_t n, room;
	struct view_tasks tasks; /* of the round */
	bool has_tasks;
	struct fetch *fetch;
	usec_t now;
	char path[PATHS_SIZE];
};

/* ---------------------------------------------------------------- the table */

static size_t lower_bound(const struct watch *w, const char *name)
{
	size_t low = 0, high = w->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(w->v[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct tracked *find(const struct watch *w, const char *name)
{
	size_t at = lower_bound(w, name);
	return at < w->n && strcmp(w->v[at]->name, name) == 0 ? w->v[at] : NULL;
}

static struct tracked *find_or_add(struct watch *w, const char *name)
{
	struct tracked *t = find(w, name);
	if (t)
		return t;
	if (w->n == w->room) {
		size_t room = w->room ? 2 * w->room : 64;
		struct tracked **v = realloc(w->v, room * sizeof(*v));
		if (!v)
			return NULL;
		w->v = v;
		w->room = room;
	}
	t = calloc(1, sizeof(*t));
	if (t)
		t->name = strdup(name);
	if (!t || !t->name) {
		free(t);
		return NULL;
	}
	size_t at = lower_bound(w, name);
	memmove(w->v + at + 1, w->v + at, (w->n - at) * sizeof(*w->v));
	w->v[at] = t;
	w->n++;
	return t;
}

static void forget_document(struct tracked *t)
{
	if (t->has_doc)
		instance_doc_clear(&t->doc);
	t->has_doc = false;
	t->read = false;
}

static void tracked_free(struct tracked *t)
{
	forget_document(t);
	free(t->broken);
	free(t->name);
	free(t);
}

/* ---------------------------------------------------------------- the view */

static void on_changed(void *ctx, const char *name, bool gone)
{
	struct watch *w = ctx;
	size_t at = lower_bound(w, name);
	if (!gone || at == w->n || strcmp(w->v[at]->name, name) != 0)
		return;
	tracked_free(w->v[at]);
	memmove(w->v + at, w->v + at + 1, (w->n - at - 1) * sizeof(*w->v));
	w->n--;
}

/* What the task wants of the rules; a document that this version cannot read wants nothing. */
static void on_document(void *ctx, const char *name, const char *text, size_t len)
{
	struct watch *w = ctx;
	struct task *task = NULL;
	struct err err = {0};
	struct tracked *t = find_or_add(w, name);
	if (!t)
		return;
	t->has_own = false;
	if (!text)
		return;
	if (task_parse(text, len, &task, &err) < 0) {
		if (!t->document_broken)
			log_warn("task %s: its document cannot be read, so its own alert rules are "
				 "not known: %s",
				 name, err.text);
		t->document_broken = true;
		return;
	}
	t->document_broken = false;
	t->has_own = true;
	memcpy(t->own, task->alerts, sizeof(t->own));
	task_free(task);
}

struct watch *watch_open(struct zk *zk, const struct rule_setting settings[RULES],
			 watch_done_fn *done, void *ctx)
{
	struct watch *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->zk = zk;
	w->settings = settings;
	w->done = done;
	w->ctx = ctx;
	const struct view_options options = {
	    .zk = zk, .changed = on_changed, .document = on_document, .ctx = w};
	w->view = view_open(&options);
	if (!w->view) {
		free(w);
		return NULL;
	}
	return w;
}

void watch_close(struct watch *w)
{
	if (!w)
		return;
	watch_abandon(w);
	view_close(w->view);
	for (size_t i = 0; i < w->n; i++)
		tracked_free(w->v[i]);
	free(w->v);
	if (w->has_tasks)
		view_tasks_free(&w->tasks);
	free(w);
}

bool watch_filled(struct watch *w)
{
	return view_filled(w->view);
}

/* ---------------------------------------------------------------- a round */

static const char *path_of(void *ctx, size_t i)
{
	struct watch *w = ctx;
	const struct view_task *task = &w->tasks.v[i];
	if (task->nnodes == 0)
		return NULL;
	return paths_instance(task->path, task->nodes[0], w->path, NULL) < 0 ? NULL : w->path;
}

static void set_broken(struct tracked *t, const char *why)
{
	free(t->broken);
	t->broken = why ? strdup(why) : NULL;
}

static void answered(void *ctx, size_t i, const struct zk_reply *r)
{
	struct watch *w = ctx;
	struct instance_doc doc;
	struct err err = {0};
	struct tracked *t = find(w, w->tasks.v[i].name);
	if (!t)
		return; /* deleted meanwhile */
	bool same = t->has_doc && r->rc == 0 &&
		    progress_same(&t->progress, w->tasks.v[i].nodes[0], r->stat->mzxid);
	set_broken(t, NULL);
	if (same) {
		t->read = true;
		return;
	}
	forget_document(t);
	if (r->rc == -ENOENT || (r->rc == 0 && r->len == 0))
		return; /* it went, or is only just there */
	if (r->rc < 0) {
		set_broken(t, r->err ? r->err->text : "it cannot be read");
		return;
	}
	if (instance_doc_parse(r->data, r->len, &doc, &err) < 0) {
		set_broken(t, err.text);
		return;
	}
	t->doc = doc;
	t->has_doc = t->read = true;
	progress_update(&t->progress, w->tasks.v[i].nodes[0], r->stat->mzxid, &doc, w->now);
}

static void round_over(void *ctx, int rc)
{
	struct watch *w = ctx;
	w->fetch = NULL;
	w->done(w->ctx, rc == 0);
}

bool watch_round(struct watch *w, usec_t now)
{
	const struct fetch_callbacks callbacks = {
	    .ctx = w, .path = path_of, .each = answered, .done = round_over};
	if (w->fetch)
		return false;
	if (w->has_tasks)
		view_tasks_free(&w->tasks);
	w->has_tasks = view_list(w->view, NULL, &w->tasks) == 0;
	if (!w->has_tasks)
		return false;
	w->now = now;
	for (size_t i = 0; i < w->tasks.n; i++) {
		struct tracked *t = find_or_add(w, w->tasks.v[i].name);
		if (t && w->tasks.v[i].nnodes == 0)
			forget_document(t);
	}
	w->fetch = fetch_start(w->zk, w->tasks.n, &callbacks);
	return w->fetch != NULL;
}

void watch_abandon(struct watch *w)
{
	fetch_cancel(w->fetch);
	w->fetch = NULL;
}

/* ---------------------------------------------------------------- facts */

static void show_position(const struct report_position *p, char *out, size_t size)
{
	if (p->file[0])
		snprintf(out, size, "%.100s:%llu", p->file, (unsigned long long)p->pos);
	else
		snprintf(out, size, "%.100s", p->gtid);
}

static bool same_place(const struct report_position *a, const struct report_position *b)
{
	if (a->gtid[0] && b->gtid[0] && strcmp(a->gtid, b->gtid) == 0)
		return true;
	return a->file[0] && strcmp(a->file, b->file) == 0 && a->pos == b->pos;
}

static void instance_facts(const struct tracked *t, usec_t now, struct task_facts *f,
			   char position[128], char head[128])
{
	const struct instance_doc *d = &t->doc;
	uint64_t wall = (uint64_t)(clock_wall() / USEC_PER_MSEC);
	f->read = true;
	f->state = d->state;
	f->hostname = d->hostname;
	f->state_for = wall > d->since_ms ? (usec_t)(wall - d->since_ms) * USEC_PER_MSEC : 0;
	f->lag = d->lag_ms < 0 ? -1 : d->lag_ms * USEC_PER_MSEC;
	f->binlog_hours_left = d->binlog_hours_left;
	f->dead_letters = d->dead_letters;
	f->letters_for = t->progress.letters_at ? now - t->progress.letters_at : -1;
	f->error_code = d->error.code;
	f->error_message = d->error.message;
	show_position(&d->position, position, 128);
	show_position(&d->source_head, head, 128);
	f->position = position;
	f->source_head = head;
	f->at_head = same_place(&d->position, &d->source_head);
	f->stood_for = now - t->progress.moved_at;
	f->head_for = t->progress.head_moves < 2 ? 0 : now - t->progress.head_moved_at;
	f->silent_for = now - t->progress.written_at;
}

static void evaluate_task(struct watch *w, const struct view_task *task, const struct tracked *t,
			  struct alerts *alerts, usec_t now)
{
	char position[128], head[128];
	struct task_facts f = {
	    .name = task->name,
	    .hot = !task->group[0],
	    .has_document = task->has_document,
	    .control_error = task->control_state == VIEW_CONTROL_BAD ? task->control_error : "",
	    .desired = task->desired,
	    .instances = task->nnodes,
	    .node = task->nnodes ? task->nodes[0] : "",
	    .broken = t && t->broken ? t->broken : "",
	    .lag = -1,
	    .binlog_hours_left = -1,
	    .letters_for = -1,
	    .hostname = "",
	    .error_code = "",
	    .error_message = "",
	    .position = "",
	    .source_head = "",
	};
	if (t && t->read && task->nnodes)
		instance_facts(t, now, &f, position, head);
	for (int r = 0; r < (int)TASK_ALERTS; r++) {
		struct verdict verdict;
		const struct rule_setting setting =
		    rules_setting(&w->settings[r], t && t->has_own ? &t->own[r] : NULL);
		bool firing = alerts_firing(alerts, (enum rule_id)r, task->name);
		rules_task((enum rule_id)r, &f, &setting, firing, &verdict);
		alerts_report(alerts, (enum rule_id)r, task->name, &setting, &verdict, now);
	}
}

void watch_evaluate(struct watch *w, struct alerts *alerts, usec_t now)
{
	if (!w->has_tasks)
		return;
	for (size_t i = 0; i < w->tasks.n; i++)
		evaluate_task(w, &w->tasks.v[i], find(w, w->tasks.v[i].name), alerts, now);
}

void watch_each(struct watch *w, watch_each_fn *fn, void *ctx)
{
	for (size_t i = 0; w->has_tasks && i < w->tasks.n; i++) {
		const struct view_task *task = &w->tasks.v[i];
		const struct tracked *t = find(w, task->name);
		bool read = t && t->read;
		const struct watch_task shown = {
		    .name = task->name,
		    .desired = task->desired,
		    .state = read ? report_state_name((enum report_state)t->doc.state) : "NONE",
		    .running =
			read && (t->doc.state == REPORT_RUNNING || t->doc.state == REPORT_SNAPSHOT),
		    .instances = task->nnodes,
		    .lag = read && t->doc.lag_ms >= 0 ? t->doc.lag_ms * USEC_PER_MSEC : -1,
		    .binlog_hours_left = read ? t->doc.binlog_hours_left : -1,
		};
		fn(ctx, &shown);
	}
}
