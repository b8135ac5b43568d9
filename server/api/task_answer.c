/* task_answer.c - a task as GET shows it, and the list of tasks. */
#include "server/api/api_priv.h"

#include "common/contract/errors.h"
#include "common/contract/instance.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

enum { LIMIT = 100, LIMIT_MAX = 1000, SCAN = 250 };

/* Without secrets; one that cannot be read is null, and says why. */
static void put_document(json_t *body, const struct store_task *t)
{
	struct task *task;
	struct buf text;
	struct err err = {0};
	json_object_set_new(body, "document", json_null());
	if (!t->document_len)
		return;
	if (task_parse(t->document, t->document_len, &task, &err) < 0) {
		api_put(body, "document_error", err.text);
		return;
	}
	buf_init(&text);
	task_to_json(task, &text);
	task_free(task);
	json_object_set_new(body, "document", api_printed(&text));
	buf_free(&text);
}

static json_t *instances_tree(const struct store_instance *list, size_t n)
{
	json_t *array = json_array();
	for (size_t i = 0; i < n; i++) {
		json_t *tree = json_object(), *doc;
		if (!list[i].text) {
			json_decref(tree);
			continue; /* it went meanwhile */
		}
		api_put(tree, "node", list[i].node);
		doc = api_tree(list[i].text, list[i].len);
		if (json_is_object(doc))
			json_object_update(tree, doc);
		json_decref(doc);
		json_array_append_new(array, tree);
	}
	return array;
}

static json_t *task_tree(const struct store_task *t, const struct store_instance *list, size_t n)
{
	json_t *body = json_object();
	api_put(body, "name", t->name);
	api_put(body, "path", t->path);
	api_put_number(body, "revision", t->control.revision);
	put_document(body, t);
	json_object_set_new(body, "control",
			    t->has_control ? api_control_tree(&t->control) : json_null());
	json_object_set_new(body, "status", api_tree(t->status, strlen(t->status)));
	json_object_set_new(body, "lastCommit", api_tree(t->last_commit, strlen(t->last_commit)));
	json_object_set_new(body, "instances", instances_tree(list, n));
	return body;
}

static int take_written(struct store_task *t, const struct api_written *w, struct err *err)
{
	char *copy = malloc(w->text->len + 1);
	if (!copy)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for an answer");
	memcpy(copy, w->text->data, w->text->len);
	copy[w->text->len] = 0;
	free(t->document);
	t->document = copy;
	t->document_len = w->text->len;
	t->control.revision = w->revision;
	return 0;
}

void api_answer_task(struct call *call, const char *name, int status,
		     const struct api_written *written)
{
	struct store_task t;
	struct store_instance *list;
	size_t n;
	struct err err = {0};
	int rc = store_task_get(store_of(call), name, &t, &err);
	if (rc < 0) {
		call_fail(call, &err);
		return;
	}
	rc = store_instances_read(store_of(call), &t, &list, &n, &err);
	if (rc == 0 && written && written->revision) {
		rc = take_written(&t, written, &err);
		if (rc < 0)
			store_instances_free(list, n);
	}
	if (rc < 0) {
		call_fail(call, &err);
	} else {
		json_t *body = task_tree(&t, list, n);
		if (written && written->checks)
			api_put_checks(body, written->checks);
		call_etag(call, t.control.revision);
		call_json(call, status, body);
		store_instances_free(list, n);
	}
	store_task_clear(&t);
}

void api_task_show(struct call *call)
{
	api_answer_task(call, call->args[0], 200, NULL);
}

/* ---------------------------------------------------------------- the list */

struct list_query {
	struct view_query view;
	const char *state; /* NULL: any */
	size_t limit;
};

static int read_desired(const char *text, int *ret, struct err *err)
{
	*ret = -1;
	if (!text || !text[0])
		return 0;
	for (int i = CONTROL_RUNNING; i <= CONTROL_DELETED; i++) {
		if (strcmp(control_desired_name((enum control_desired)i), text) == 0) {
			*ret = i;
			return 0;
		}
	}
	return err_set_at(err, -EINVAL, ERR_API_QUERY, "desired",
			  "parameter 'desired' must be running, paused, stopped or deleted");
}

static int read_state(const char *text, const char **ret, struct err *err)
{
	*ret = NULL;
	if (!text || !text[0])
		return 0;
	for (int i = 0; report_states[i]; i++) {
		if (strcasecmp(report_states[i], text) == 0) {
			*ret = report_states[i];
			return 0;
		}
	}
	return err_set_at(err, -EINVAL, ERR_API_QUERY, "state",
			  "parameter 'state' must be a state of an instance, such as RUNNING");
}

static int read_query(struct call *call, struct list_query *q, struct err *err)
{
	uint64_t limit;
	const struct request_query *given = &call->query;
	int rc = request_query_number(given, "limit", 1, LIMIT_MAX, LIMIT, &limit, err);
	if (rc == 0)
		rc = read_desired(request_query_get(given, "desired"), &q->view.desired, err);
	if (rc == 0)
		rc = read_state(request_query_get(given, "state"), &q->state, err);
	q->view.after = request_query_get(given, "after");
	q->view.group = request_query_get(given, "group");
	q->view.text = request_query_get(given, "q");
	q->limit = (size_t)limit;
	if (rc == 0 && q->view.group && q->view.group[0])
		rc = paths_name_check(PATHS_NAME_GROUP, q->view.group, err);
	return rc;
}

static void put_instance(json_t *row, const struct instance_doc *d)
{
	api_put(row, "state", report_state_name((enum report_state)d->state));
	api_put(row, "hostname", d->hostname);
	json_object_set_new(row, "lag_ms", d->lag_ms < 0 ? json_null() : json_integer(d->lag_ms));
	api_put_number(row, "rows", d->rows);
	json_object_set_new(row, "rows_per_s", json_real(d->rows_per_s));
	api_put_number(row, "since_ms", d->since_ms);
	if (d->error.code[0]) {
		json_t *error = json_object();
		api_put(error, "code", d->error.code);
		api_put(error, "message", d->error.message);
		json_object_set_new(row, "error", error);
	}
}

static json_t *row_tree(const struct view_task *t, const struct zk_read *read)
{
	static const char *const nothing[] = {"state", "hostname", "lag_ms", "rows",
					      "rows_per_s", "since_ms", "error"};
	struct instance_doc d;
	json_t *row = json_object();
	api_put(row, "name", t->name);
	api_put(row, "group", t->group[0] ? t->group : NULL);
	api_put(row, "desired", t->control_state == VIEW_CONTROL_THERE
					? control_desired_name((enum control_desired)t->desired)
					: NULL);
	api_put_number(row, "revision", t->revision);
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		json_object_set_new(row, nothing[i], json_null());
	api_put(row, "node", t->nnodes ? t->nodes[0] : NULL);
	api_put_number(row, "instances", t->nnodes);
	if (read && read->rc == 0 && read->data &&
	    instance_doc_parse(read->data, read->len, &d, NULL) == 0) {
		put_instance(row, &d);
		instance_doc_clear(&d);
	}
	return row;
}

/* The first instances' documents of a page, in one round trip at most. */
static int read_first(struct call *call, const struct view_tasks *page, struct zk_read **ret,
		      struct err *err)
{
	struct store *s = store_of(call);
	struct report_cache *cache = api_of(call)->reports;
	struct zk_read *reads = calloc(page->n + 1, sizeof(*reads));
	char(*paths)[PATHS_SIZE] = calloc(page->n + 1, PATHS_SIZE);
	size_t *of = calloc(page->n + 1, sizeof(*of)), n = 0;
	struct zk_read *packed = calloc(page->n + 1, sizeof(*packed));
	int rc = reads && paths && of && packed
			 ? 0
			 : err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a list");
	for (size_t i = 0; rc == 0 && i < page->n; i++) {
		const struct view_task *t = &page->v[i];
		reads[i].rc = -ENOENT;
		if (!t->nnodes || paths_instance(t->path, t->nodes[0], paths[n], NULL) < 0)
			continue;
		if (report_cache_get(cache, paths[n], &reads[i]))
			continue;
		packed[n].path = paths[n];
		of[n++] = i;
	}
	if (rc == 0)
		rc = zk_read_many(s->zk, packed, n, s->timeout, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		report_cache_put(cache, packed[i].path, &packed[i]);
		reads[of[i]] = packed[i];
		reads[of[i]].path = NULL;
	}
	free(packed);
	free(of);
	free(paths);
	if (rc < 0 && reads)
		zk_reads_free(reads, page->n); /* those from the cache */
	if (rc < 0)
		free(reads);
	else
		*ret = reads;
	return rc;
}

/* Appends a page's rows that have the state. */
static void add_rows(const struct view_tasks *page, const struct zk_read *reads,
		     const struct list_query *q, json_t *rows, size_t *matched)
{
	for (size_t i = 0; i < page->n; i++) {
		json_t *row = row_tree(&page->v[i], &reads[i]);
		const char *state = json_string_value(json_object_get(row, "state"));
		if (q->state && (!state || strcmp(state, q->state) != 0)) {
			json_decref(row);
			continue;
		}
		++*matched;
		if (json_array_size(rows) < q->limit)
			json_array_append_new(rows, row);
		else
			json_decref(row);
	}
}

/*
 * A page, or with a state all tasks in portions: only their instances know it. *ret_more:
 * whether one more matches behind the last row.
 */
static int collect(struct call *call, struct list_query *q, json_t *rows, size_t *ret_total,
		   bool *ret_more, struct err *err)
{
	char after[TASK_NAME_MAX + 1];
	size_t matched = 0;
	bool more = true;
	q->view.limit = q->state ? SCAN : q->limit;
	while (more) {
		struct view_tasks page;
		struct zk_read *reads;
		if (view_list(api_of(call)->o.view, &q->view, &page) < 0)
			return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a list");
		int rc = read_first(call, &page, &reads, err);
		if (rc == 0) {
			add_rows(&page, reads, q, rows, &matched);
			zk_reads_free(reads, page.n);
			free(reads);
			more = page.more && page.n;
			*ret_total = page.total;
			*ret_more = more;
			if (more) {
				snprintf(after, sizeof(after), "%s", page.v[page.n - 1].name);
				q->view.after = after;
			}
		}
		view_tasks_free(&page);
		if (rc < 0 || !q->state)
			return rc;
	}
	*ret_more = matched > json_array_size(rows);
	*ret_total = matched;
	return 0;
}

void api_tasks_list(struct call *call)
{
	struct list_query q = {0};
	struct err err = {0};
	size_t total = 0;
	bool more = false;
	if (read_query(call, &q, &err) < 0) {
		call_fail(call, &err);
		return;
	}
	json_t *body = json_object(), *rows = json_array();
	if (collect(call, &q, rows, &total, &more, &err) < 0) {
		json_decref(body);
		json_decref(rows);
		call_fail(call, &err);
		return;
	}
	size_t n = json_array_size(rows);
	const char *last = n ? json_string_value(json_object_get(json_array_get(rows, n - 1),
								 "name"))
			     : NULL;
	json_object_set_new(body, "next", more && last ? json_string(last) : json_null());
	json_object_set_new(body, "tasks", rows);
	api_put_number(body, "total", total);
	call_json(call, 200, body);
}
