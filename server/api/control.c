/* control.c - what a task shall do: started, stopped, handed over, set to a position. */
#include "server/api/api_priv.h"

#include "common/contract/errors.h"
#include "common/contract/instance.h"

#include <errno.h>
#include <stdlib.h>

static int check_there(const struct store_task *t, struct err *err)
{
	if (t->has_control && t->control.desired == CONTROL_DELETED)
		return err_set(err, -EBUSY, ERR_TASK_DELETING, "task '%s' is being deleted",
			       t->name);
	if (!t->document_len)
		return err_set(err, -ENODATA, ERR_TASK_NO_DOCUMENT,
			       "task '%s' has no document yet", t->name);
	return 0;
}

static bool failed(const struct store_task *t)
{
	struct status_doc status;
	if (!t->status[0] || status_doc_parse(t->status, strlen(t->status), &status, NULL) < 0)
		return false;
	bool is = status.state == REPORT_FAILED;
	status_doc_clear(&status);
	return is;
}

struct wish {
	int desired;
	bool restart;     /* in any case */
	bool if_failed;   /* when it is FAILED */
};

static int apply(void *ctx, const struct store_task *t, struct control_doc *d, struct err *err)
{
	const struct wish *wish = ctx;
	int rc = check_there(t, err);
	if (rc < 0)
		return rc;
	d->desired = wish->desired;
	if (wish->restart || (wish->if_failed && failed(t)))
		d->restart++;
	return 0;
}

static void answer_control(struct call *call, struct control_doc *d)
{
	json_t *body = json_object();
	json_object_set_new(body, "control", api_control_tree(d));
	control_doc_clear(d);
	call_json(call, 200, body);
}

static void change(struct call *call, const char *verb, struct wish wish)
{
	struct err err = {0};
	struct control_doc d;
	if (store_control_change(store_of(call), call->args[0], apply, &wish, &d, &err) < 0) {
		call_fail(call, &err);
		return;
	}
	api_log(call, "task %s %s", call->args[0], verb);
	answer_control(call, &d);
}

void api_task_start(struct call *call)
{
	change(call, "started", (struct wish){.desired = CONTROL_RUNNING, .if_failed = true});
}

void api_task_stop(struct call *call)
{
	change(call, "stopped", (struct wish){.desired = CONTROL_STOPPED});
}

void api_task_pause(struct call *call)
{
	change(call, "paused", (struct wish){.desired = CONTROL_PAUSED});
}

void api_task_resume(struct call *call)
{
	change(call, "resumed", (struct wish){.desired = CONTROL_RUNNING, .if_failed = true});
}

void api_task_restart(struct call *call)
{
	change(call, "restarted", (struct wish){.desired = CONTROL_RUNNING, .restart = true});
}

void api_task_handover(struct call *call)
{
	struct err err = {0};
	struct store_task t;
	char id[96];
	int rc = store_task_get(store_of(call), call->args[0], &t, &err);
	if (rc < 0) {
		call_fail(call, &err);
		return;
	}
	rc = check_there(&t, &err);
	if (rc == 0 && (t.control.desired != CONTROL_RUNNING || t.instances.n == 0))
		rc = err_set(&err, -EBUSY, ERR_TASK_NOT_RUNNING, "task '%s' %s", t.name,
			     t.instances.n ? "is not to run" : "has no mr-core");
	if (rc == 0)
		rc = store_command_give(store_of(call), t.path, COMMAND_HANDOVER, call->who, id,
					&err);
	store_task_clear(&t);
	if (rc < 0) {
		call_fail(call, &err);
		return;
	}
	api_log(call, "task %s to be handed over (%s)", call->args[0], id);
	json_t *body = json_object();
	api_put(body, "command", id);
	call_json(call, 202, body);
}

/* A document of the tree as the whole answer. */
static void answer_node(struct call *call, const char *path, const char *what)
{
	struct err err = {0};
	struct buf text;
	buf_init(&text);
	int rc = store_get(store_of(call), path, &text, NULL, &err);
	if (rc == -ENOENT)
		err_set(&err, rc, ERR_API_NOT_FOUND, "there is no %s '%s'", what,
			call->args[call->args[1] ? 1 : 0]);
	if (rc < 0)
		call_fail(call, &err);
	else
		call_json(call, 200, api_printed(&text));
	buf_free(&text);
}

void api_task_command(struct call *call)
{
	struct err err = {0};
	struct store_task t;
	char path[PATHS_SIZE];
	int rc = store_task_get(store_of(call), call->args[0], &t, &err);
	if (rc == 0) {
		rc = paths_command(t.path, call->args[1], path, &err);
		store_task_clear(&t);
	}
	if (rc < 0)
		call_fail(call, &err);
	else
		answer_node(call, path, "command");
}

void api_order(struct call *call)
{
	struct err err = {0};
	char path[PATHS_SIZE];
	if (paths_child(PATHS_ORDERS, call->args[0], path, &err) < 0)
		call_fail(call, &err);
	else
		answer_node(call, path, "order");
}

void api_task_position(struct call *call)
{
	struct err err = {0};
	struct store_task t;
	if (store_task_get(store_of(call), call->args[0], &t, &err) < 0) {
		call_fail(call, &err);
		return;
	}
	call_json(call, 200, api_tree(t.last_commit, strlen(t.last_commit)));
	store_task_clear(&t);
}

/* {"start": X} as the position of a control document. */
static int parse_start(json_t *body, struct control_doc *ret, struct err *err)
{
	json_t *start = json_object_get(body, "start");
	if (!start || json_is_null(start) || json_object_size(body) != 1)
		return err_set_at(err, -EINVAL, ERR_API_BODY, "start",
				  "the body must be {\"start\": …}, as source.start of a task");
	json_t *tree = json_pack("{s:s, s:i, s:O}", "desired", "stopped", "revision", 0, "position",
				 start);
	char *text = tree ? json_dumps(tree, JSON_COMPACT) : NULL;
	json_decref(tree);
	if (!text)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a position");
	struct err why = {0};
	int rc = control_doc_parse(text, strlen(text), ret, &why);
	free(text);
	if (rc < 0)
		return err_set_at(err, rc, ERR_TASK_INVALID, "start",
				  "the position is not \"latest\", \"earliest\", {\"file\",\"pos\"}, "
				  "{\"gtid\"} or {\"time\"}: %.300s",
				  why.text);
	return 0;
}

/* The reset that lastCommit has seen: in a restored tree it may be above control's. */
static uint64_t committed_reset(const struct store_task *t)
{
	json_t *tree = t->last_commit ? json_loads(t->last_commit, 0, NULL) : NULL;
	json_int_t reset = json_integer_value(json_object_get(tree, "reset"));
	json_decref(tree);
	return reset > 0 ? (uint64_t)reset : 0;
}

static int apply_position(void *ctx, const struct store_task *t, struct control_doc *d,
			  struct err *err)
{
	const struct control_doc *wanted = ctx;
	int rc = check_there(t, err);
	if (rc < 0)
		return rc;
	if (report_set(&d->position.file, wanted->position.file) < 0 ||
	    report_set(&d->position.gtid, wanted->position.gtid) < 0 ||
	    report_set(&d->position.time, wanted->position.time) < 0)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a position");
	d->position.start = wanted->position.start;
	d->position.pos = wanted->position.pos;
	uint64_t seen = committed_reset(t);
	d->reset = (d->reset > seen ? d->reset : seen) + 1;
	return 0;
}

void api_task_set_position(struct call *call)
{
	struct err err = {0};
	struct control_doc wanted, d;
	json_t *body = call_body(call);
	if (!body)
		return;
	int rc = parse_start(body, &wanted, &err);
	json_decref(body);
	if (rc < 0) {
		call_fail(call, &err);
		return;
	}
	rc = store_control_change(store_of(call), call->args[0], apply_position, &wanted, &d, &err);
	control_doc_clear(&wanted);
	if (rc < 0) {
		call_fail(call, &err);
		return;
	}
	api_log(call, "task %s: position set (reset %llu)", call->args[0],
		(unsigned long long)d.reset);
	answer_control(call, &d);
}
