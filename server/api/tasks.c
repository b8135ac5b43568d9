/* tasks.c - tasks made, replaced and deleted. */
#include "server/api/api_priv.h"

#include "common/contract/errors.h"

#include <errno.h>

/* preflight=skip leaves the check out. */
static int read_skip(struct call *call, bool *ret, struct err *err)
{
	const char *text = request_query_get(&call->query, "preflight");
	*ret = text && strcmp(text, "skip") == 0;
	if (text && !*ret && strcmp(text, "run") != 0)
		return err_set_at(err, -EINVAL, ERR_API_QUERY, "preflight",
				  "parameter 'preflight' must be run or skip");
	return 0;
}

/* A change on its way: what is cleared at the end. */
struct change {
	struct task *task;
	struct buf text; /* as it is stored */
	bool checked;
	struct preflight_doc checks;
};

static void change_clear(struct change *c)
{
	task_free(c->task);
	buf_free(&c->text);
	if (c->checked)
		preflight_doc_clear(&c->checks);
}

/* Seals, and unless skipped has it checked. A failed check is told with all checks. */
static int prepare(struct call *call, struct change *c, bool skip, struct err *err)
{
	int rc = api_task_text(store_of(call), c->task, &c->text, err);
	if (rc < 0 || skip)
		return rc;
	rc = api_preflight(call, c->task, &c->text, PREFLIGHT_CHECK, &c->checks, err);
	if (rc < 0)
		return rc;
	c->checked = true;
	const struct preflight_check *failed = preflight_doc_failed(&c->checks);
	if (!failed)
		return 0;
	return err_set_at(err, -EINVAL, ERR_PREFLIGHT_FAILED, failed->field, "%s: %s", failed->name,
			  failed->message);
}

static void fail_change(struct call *call, const struct change *c, const struct err *err)
{
	json_t *extra = NULL;
	if (err->kind == ERR_PREFLIGHT_FAILED && c->checked) {
		extra = json_object();
		api_put_checks(extra, &c->checks);
	}
	call_fail_with(call, call_status_of(err), err, extra);
}

/* Before a core is troubled: that the name is free. */
static int check_free(struct call *call, const struct task *t, struct err *err)
{
	struct store_task was;
	int rc = store_task_read(store_of(call), t->name, &was, err);
	if (rc < 0)
		return rc;
	if (was.exists && was.has_control && was.control.desired == CONTROL_DELETED)
		rc = err_set_at(err, -EEXIST, ERR_TASK_DELETING, "name",
				"task '%s' is still being deleted", t->name);
	else if (was.exists && was.document_len)
		rc = err_set_at(err, -EEXIST, ERR_TASK_EXISTS, "name",
				"there is a task '%s' already", t->name);
	store_task_clear(&was);
	return rc;
}

void api_tasks_create(struct call *call)
{
	struct err err = {0};
	struct change c = {0};
	bool skip, start;
	json_t *body = call_body(call);
	if (!body)
		return;
	buf_init(&c.text);
	int rc = read_skip(call, &skip, &err);
	if (rc == 0)
		rc = request_query_flag(&call->query, "start", &start, &err);
	if (rc == 0)
		rc = api_task_from_body(call, NULL, body, &c.task, &err);
	if (rc == 0 && !skip) /* else the creation itself says so */
		rc = check_free(call, c.task, &err);
	if (rc == 0)
		rc = prepare(call, &c, skip, &err);
	if (rc == 0)
		rc = store_task_create(store_of(call), c.task, (const char *)c.text.data,
				       c.text.len, start, &err);
	if (rc < 0) {
		fail_change(call, &c, &err);
	} else {
		api_log(call, "task %s created%s%s%s", c.task->name, start ? ", started" : "",
			skip ? ", not checked" : "", c.task->group[0] ? ", cold" : "");
		http_answer_header(call->answer, "Location", "/api/v1/tasks/%s", c.task->name);
		api_answer_task(call, c.task->name, 201,
				&(struct api_written){.checks = c.checked ? &c.checks : NULL});
	}
	change_clear(&c);
	json_decref(body);
}

/* The stored document, which must be one and be of the revision. */
static int load_for_change(struct call *call, uint64_t revision, struct store_task *ret,
			   struct task **ret_task, struct err *err)
{
	struct store_task t;
	int rc = store_task_get(store_of(call), call->args[0], &t, err);
	if (rc < 0)
		return rc;
	if (t.has_control && t.control.desired == CONTROL_DELETED)
		rc = err_set(err, -EBUSY, ERR_TASK_DELETING, "task '%s' is being deleted", t.name);
	else if (!t.document_len)
		rc = err_set(err, -ENOENT, ERR_TASK_NO_DOCUMENT, "task '%s' has no document yet",
			     t.name);
	else if (revision != REQUEST_ANY_REVISION && revision != t.control.revision)
		rc = err_set(err, -ESTALE, ERR_REVISION_STALE, "task '%s' is at revision %llu, not %llu",
			     t.name, (unsigned long long)t.control.revision,
			     (unsigned long long)revision);
	if (err->kind == ERR_REVISION_STALE)
		call_etag(call, t.control.revision);
	if (rc == 0)
		rc = task_parse(t.document, t.document_len, ret_task, err);
	if (rc < 0)
		store_task_clear(&t);
	else
		*ret = t;
	return rc;
}

static int replace(struct call *call, json_t *body, struct change *c, uint64_t *ret_revision,
		   struct err *err)
{
	struct store_task t;
	struct task *was;
	uint64_t expected;
	bool skip;
	int rc = read_skip(call, &skip, err);
	if (rc == 0)
		rc = request_if_match(http_header(call->request, "If-Match"), &expected, err);
	if (rc == 0)
		rc = load_for_change(call, expected, &t, &was, err);
	if (rc < 0)
		return rc;
	rc = api_task_from_body(call, was, body, &c->task, err);
	if (rc == 0)
		rc = prepare(call, c, skip, err);
	if (rc == 0) {
		rc = store_task_update(store_of(call), &t, (const char *)c->text.data, c->text.len,
				       ret_revision, err);
		if (rc < 0 && err->kind == ERR_REVISION_STALE)
			call_etag(call, *ret_revision);
	}
	if (rc == 0)
		api_log(call, "task %s changed to revision %llu%s", t.name,
			(unsigned long long)*ret_revision, skip ? ", not checked" : "");
	task_free(was);
	store_task_clear(&t);
	return rc;
}

void api_task_replace(struct call *call)
{
	struct err err = {0};
	struct change c = {0};
	uint64_t revision;
	json_t *body = call_body(call);
	if (!body)
		return;
	buf_init(&c.text);
	if (replace(call, body, &c, &revision, &err) < 0)
		fail_change(call, &c, &err);
	else
		api_answer_task(call, c.task->name, 200,
				&(struct api_written){.revision = revision,
						      .text = &c.text,
						      .checks = c.checked ? &c.checks : NULL});
	change_clear(&c);
	json_decref(body);
}

static int set_deleted(void *ctx, const struct store_task *t, struct control_doc *d,
		       struct err *err)
{
	(void)ctx;
	(void)t;
	(void)err;
	d->desired = CONTROL_DELETED;
	return 0;
}

void api_task_delete(struct call *call)
{
	struct err err = {0};
	struct store_task t;
	bool force, gone = false;
	const char *name = call->args[0];
	int rc = request_query_flag(&call->query, "force", &force, &err);
	if (rc == 0)
		rc = store_task_read(store_of(call), name, &t, &err);
	if (rc < 0) {
		call_fail(call, &err);
		return;
	}
	if (!t.exists && !t.named)
		rc = err_set(&err, -ENOENT, ERR_TASK_UNKNOWN, "there is no task '%s'", name);
	else if (t.exists)
		rc = store_control_change(store_of(call), name, set_deleted, NULL, NULL, &err);
	store_task_clear(&t);
	if (rc < 0) {
		call_fail(call, &err);
		return;
	}
	api_log(call, "task %s deleted%s", name, force ? ", not waiting for its cores" : "");
	/* What cannot be done at once is the reaper's. */
	(void)!store_task_reap(store_of(call), name, force, &gone, NULL);
	json_t *body = json_object();
	api_put(body, "name", name);
	api_put(body, "state", "deleting");
	call_json(call, 202, body);
}
