/*
 * instance.c - see instance.h: what is followed, and carrying out what standby/decide.h says.
 *
 * Every fact that changes ends in instance_step(), which asks for the step and does what is
 * missing of it. Nothing is done in two places.
 */
#include "core/instance_priv.h"

#include "common/contract/errors.h"
#include "common/daemon/acl.h"
#include "common/os/log.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct standby_numbers instance_numbers(const struct instance *i)
{
	return (struct standby_numbers){i->control.revision, i->control.restart, i->control.reset};
}

/* ---------------------------------------------------------------- the document */

/* Parsed, with its secrets opened, or NULL. */
static struct task *open_task(struct instance *i, struct err *err)
{
	const struct secret_places places = {
		.secrets_dir = i->c->secrets_dir,
		.open = i->c->opener->ring ? seal_open_for : NULL,
		.open_ctx = i->c->opener,
	};
	struct task *task;
	if (task_parse(i->text, i->text_len, &task, err) < 0)
		return NULL;
	int rc = 0;
	if (strcmp(task->name, i->name) != 0 || strcmp(task->group, i->group) != 0)
		rc = err_set_at(err, -EINVAL, ERR_TASK_INVALID, "name",
				"the document at %s is that of task '%.100s'%s%.100s", i->path,
				task->name, task->group[0] ? " of group " : "", task->group);
	else if (!task->uid[0])
		rc = err_set_at(err, -EINVAL, ERR_TASK_INVALID, "uid",
				"the document has no uid: tasks are made by mr-server");
	if (rc == 0)
		rc = task_resolve_secrets(task, &places, err);
	if (rc < 0) {
		task_free(task);
		return NULL;
	}
	return task;
}

/* Whether two documents differ in nothing that concerns a capture. */
static bool runs_the_same(const char *a, const char *b)
{
	json_t *x = json_loads(a, 0, NULL), *y = json_loads(b, 0, NULL);
	if (x && y) {
		json_object_del(x, "alerts");
		json_object_del(y, "alerts");
	}
	bool equal = x && y && json_equal(x, y);
	json_decref(x);
	json_decref(y);
	return equal;
}

static void take_document(struct instance *i, const char *text, size_t len)
{
	i->secrets_bad = false;
	free(i->text);
	i->text = len ? strndup(text, len) : NULL;
	i->text_len = i->text ? len : 0;
	err_clear(&i->document_err);
	i->document = i->text ? STANDBY_DOCUMENT_GOOD : STANDBY_DOCUMENT_NONE;
	struct task *task = NULL;
	if (i->text && task_parse(i->text, i->text_len, &task, &i->document_err) < 0)
		i->document = STANDBY_DOCUMENT_BAD;
	task_free(task);
	/* What only mr-monitor heeds changes nothing here. */
	struct standby_numbers now = instance_numbers(i);
	if (i->document == STANDBY_DOCUMENT_GOOD && i->runner && i->runs_text &&
	    now.restart == i->runs_under.restart && now.reset == i->runs_under.reset &&
	    runs_the_same(i->text, i->runs_text))
		i->runs_under = now;
}

static void read_document(struct instance *i);

static void document_read(void *ctx, const struct zk_reply *r)
{
	struct instance *i = ctx;
	i->document_op = NULL;
	if (i->document_again) {
		i->document_again = false;
		read_document(i);
		return;
	}
	if (r->rc == 0 || r->rc == -ENOENT) {
		take_document(i, r->rc == 0 ? r->data : NULL, r->rc == 0 ? r->len : 0);
		if (i->document == STANDBY_DOCUMENT_BAD)
			log_err(LOG_LEVEL_ERROR, i->name, &i->document_err);
	} else if (r->rc == -EFBIG || r->rc == -EACCES) {
		i->document = STANDBY_DOCUMENT_BAD;
		i->document_err = *r->err;
		log_err(LOG_LEVEL_ERROR, i->name, r->err);
	} else {
		i->document_retry = clock_boot() + DOCUMENT_AGAIN_MS * USEC_PER_MSEC;
	}
	instance_step(i);
}

static void read_document(struct instance *i)
{
	i->document = STANDBY_DOCUMENT_READING;
	i->document_retry = 0;
	if (i->document_op) {
		i->document_again = true;
		return;
	}
	i->document_op = zk_get_async(i->zk, i->path, document_read, i);
	if (!i->document_op)
		i->document_retry = clock_boot() + DOCUMENT_AGAIN_MS * USEC_PER_MSEC;
}

void instance_document_again(struct instance *i)
{
	read_document(i);
}

/* ---------------------------------------------------------------- control */

/* A control that cannot be read is not followed: what we knew goes on, and is said. */
static void control_told(void *ctx, const struct zk_watch_event *e)
{
	struct instance *i = ctx;
	struct control_doc control;
	if (e->rc < 0) {
		i->control_err = *e->err;
		log_err(LOG_LEVEL_ERROR, i->name, e->err);
		instance_step(i);
		return;
	}
	err_clear(&i->control_err);
	if (!e->exists || e->len == 0) {
		/* Not created yet; or deleted, with the task or by hand. */
		if (i->has_control && i->control.desired == CONTROL_DELETED)
			i->released = true;
		i->has_control = false;
		i->control_czxid = 0;
		read_document(i);
		instance_step(i);
		return;
	}
	if (control_doc_parse(e->data, e->len, &control, &i->control_err) < 0) {
		log_err(LOG_LEVEL_ERROR, i->name, &i->control_err);
		instance_step(i);
		return;
	}
	/* A restart reads it again too: what made it unreadable may be mended, as a secret's file. */
	bool newer = !i->has_control || i->control_czxid != e->stat->czxid ||
		     i->control.revision != control.revision ||
		     i->control.restart != control.restart;
	control_doc_clear(&i->control);
	i->control = control;
	i->has_control = true;
	i->control_czxid = e->stat->czxid;
	if (newer)
		read_document(i);
	instance_step(i);
}

/* ---------------------------------------------------------------- the election */

static void elected(void *ctx, const struct zk_election_view *view)
{
	struct instance *i = ctx;
	bool was_first = i->role == ZK_ELECTION_FIRST;
	bool same = strcmp(i->node, view->node) == 0;
	i->role = view->role;
	i->nodes = view->nodes;
	snprintf(i->node, sizeof(i->node), "%s", view->node);
	if (view->role == ZK_ELECTION_OUT && view->rc < 0 && view->rc != -ENOLINK && view->err &&
	    !i->released)
		log_err(view->rc == -ENOENT ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, i->name, view->err);
	if (was_first && (view->role != ZK_ELECTION_FIRST || !same)) {
		log_info("%s: not the first any more", i->name);
		status_stop(i);
		commands_stop(i);
	}
	if (view->role == ZK_ELECTION_FIRST && (!was_first || !same)) {
		log_info("%s: first of %zu, as %s", i->name, i->nodes, i->node);
		status_start(i);
		commands_start(i);
		report_read_commit(i);
	}
	/* Cold: only the first keeps a node. */
	if (view->role == ZK_ELECTION_BEHIND && i->group[0] && !i->released) {
		log_info("%s: another core has it", i->name);
		i->released = i->lost = true;
	}
	/* A node that was lost and registered again: what runs is fenced from its lastCommit. */
	if (i->runner && !same && !i->stopping) {
		i->stopping = true;
		runner_stop(i->runner, true);
	}
	instance_step(i);
}

static void register_node(struct instance *i)
{
	struct buf b;
	buf_init(&b);
	if (i->secrets_bad) { /* they are tried anew when it is our turn again */
		i->secrets_bad = false;
		i->document = STANDBY_DOCUMENT_GOOD;
	}
	i->state = REPORT_STANDBY;
	i->state_since = clock_wall();
	if (report_print(i, &b)) {
		const struct zk_election_options o = {.folder = i->instances_path,
						      .name = i->c->hostname,
						      .data = b.data,
						      .len = b.len,
						      .acl = &acl_core};
		i->election = zk_election_start(i->zk, &o, elected, i);
	}
	buf_free(&b);
	if (!i->election) {
		log_error("%s: no memory to take part in the election", i->name);
		i->back_off_until = clock_boot() + BACK_OFF_MAX_MS * USEC_PER_MSEC;
	}
}

static void give_up_node(struct instance *i)
{
	status_stop(i);
	commands_stop(i);
	if (i->report_op)
		zk_op_cancel(i->report_op);
	i->report_op = NULL;
	i->report_again = false;
	zk_election_stop(i->election);
	i->election = NULL;
	i->role = ZK_ELECTION_OUT;
	i->node[0] = 0;
}

/* ---------------------------------------------------------------- the capture */

/* A failure that is nobody's: tried again, later and later. */
static void back_off(struct instance *i)
{
	unsigned n = i->failures < 5 ? i->failures : 5;
	int64_t ms = (int64_t)BACK_OFF_FIRST_MS << n;
	i->failures++;
	i->back_off_until = clock_boot() +
			    (ms < BACK_OFF_MAX_MS ? ms : BACK_OFF_MAX_MS) * USEC_PER_MSEC;
}

/* Written down and decided upon; `at` may be empty. */
static void account(struct instance *i, const struct err *err, const char *file, uint64_t pos,
		    const char *gtid)
{
	struct accounting *a = &i->accounting;
	a->err = *err;
	if (!a->err.kind)
		a->err.kind = ERR_INTERNAL;
	a->under = i->runs_under;
	if (report_position_set(&a->at, file, pos, gtid) < 0)
		log_error("%s: no memory for a position", i->name);
	a->pending = true;
	status_account(i);
}

/* A machine out of memory, threads or descriptors for a moment is no failure of the task. */
static bool passes_by_itself(int rc, const struct err *err)
{
	return (err->kind && err->kind->class == ERR_CLASS_RETRY) || err->kind == ERR_MEMORY ||
	       rc == -ENOMEM || rc == -EAGAIN || rc == -EMFILE || rc == -ENFILE;
}

/* Tried again later, or written down and decided upon; the place may be empty. */
static void fail(struct instance *i, int rc, const struct err *err, const char *file, uint64_t pos,
		 const char *gtid)
{
	if (passes_by_itself(rc, err)) {
		back_off(i);
		i->shown = *err;
	} else {
		account(i, err, file, pos, gtid);
	}
}

static void start_runner(struct instance *i)
{
	struct err err = {0};
	struct task *task = open_task(i, &err);
	i->runs_under = instance_numbers(i);
	if (!task) {
		log_err(LOG_LEVEL_ERROR, i->name, &err);
		i->document = STANDBY_DOCUMENT_BAD;
		i->document_err = err;
		/* A secret that is missing here may be there on another host. */
		i->secrets_bad = err.kind != ERR_TASK_INVALID;
		i->secrets_bad_at = clock_boot();
		return;
	}
	const struct runner_options o = {
		.zk = i->zk,
		.leases = i->c->leases,
		.task_path = i->path,
		.cluster = daemon_cluster(i->c->daemon),
		.instance_path = zk_election_path(i->election),
		.instance = i->node,
		.epoch = zk_election_epoch(i->election),
		.positioned = i->status.positioned,
		.control = &i->control,
		.ended_fd = i->c->ended_fd,
	};
	i->stopping = false;
	free(i->runs_text);
	i->runs_text = strdup(i->text);
	int rc = runner_start(&o, task, &i->runner, &err);
	if (rc < 0) {
		i->runner = NULL;
		log_err(LOG_LEVEL_ERROR, i->name, &err);
		fail(i, rc, &err, "", 0, "");
		return;
	}
	i->started = clock_boot();
	i->last_rows = 0;
	i->last_rows_at = 0;
	i->rows_per_s = 0;
	log_info("%s: starting, epoch %lld", i->name, (long long)o.epoch);
	/* A new run is told, and under which numbers, even if it is RUNNING a moment later. */
	report_state_set(i, REPORT_STARTING, NULL, NULL);
}

/* Not the first any more, or lastCommit is another's: no failure of the task. */
static bool is_step_down(const struct err *err)
{
	return err->kind == ERR_ZK_EXPIRED || err->kind == ERR_ZK_GONE;
}

static void runner_has_ended(struct instance *i)
{
	struct err err;
	struct capture_failure where;
	struct report_position stands = {0};
	bool stands_known = report_position_set(&stands, "", 0, "") == 0 &&
			    report_stands(i, &stands) == 0;
	int rc = runner_result(i->runner, &err, &where);
	runner_free(i->runner);
	i->runner = NULL;
	bool ran_long = clock_boot() - i->started > BACK_OFF_MAX_MS * USEC_PER_MSEC;
	if (ran_long)
		i->failures = 0;
	if (stands_known && report_position_known(&stands) &&
	    report_position_set(&i->stands, stands.file, stands.pos, stands.gtid) < 0)
		log_error("%s: no memory for a position", i->name);
	if (rc < 0 && err.kind)
		log_err(is_step_down(&err) ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, i->name, &err);
	else
		log_info("%s: stopped behind %s:%llu", i->name,
			 stands_known ? stands.file : "?", (unsigned long long)stands.pos);
	if (i->handover[0])
		commands_handed_over(i, rc, &err);
	if (rc < 0 && is_step_down(&err)) {
		/* Our node may still be the smallest: a successor was there, so to the end. */
		back_off(i);
		i->line_end = i->election != NULL && i->role == ZK_ELECTION_FIRST;
	} else if (rc < 0 && i->role == ZK_ELECTION_FIRST) {
		if (where.at.file[0] || where.gtid[0])
			fail(i, rc, &err, where.at.file, where.at.pos, where.gtid);
		else
			fail(i, rc, &err, stands_known ? stands.file : "",
			     stands_known ? stands.pos : 0, stands_known ? stands.gtid : "");
	} else if (rc < 0 && passes_by_itself(rc, &err)) {
		back_off(i);
	}
	free(stands.file);
	free(stands.gtid);
	instance_step(i);
}

void instance_look(struct instance *i)
{
	if (i->runner && runner_ended(i->runner))
		runner_has_ended(i);
}

/* ---------------------------------------------------------------- the step */

static struct standby_facts facts_of(const struct instance *i)
{
	usec_t now = clock_boot();
	return (struct standby_facts){
		.leaving = i->leave || i->released || i->line_end || i->handover[0],
		.has_control = i->has_control,
		.desired = i->control.desired,
		.control = instance_numbers(i),
		.document = i->control_err.kind && !i->runner ? STANDBY_DOCUMENT_BAD : i->document,
		.role = i->role,
		.status_known = i->status_known,
		.failed = i->status.state == REPORT_FAILED,
		.failed_under = {i->status.revision, i->status.restart, i->status.reset},
		.backing_off = now < i->back_off_until || i->accounting.pending,
		.runs = i->runner != NULL,
		.runs_under = i->runs_under,
	};
}

/* What the document says of an instance without a capture. */
static void show(struct instance *i, enum report_state state)
{
	struct report_position none = {0};
	struct err from_status = {0};
	if (state == REPORT_FAILED && i->control_err.kind) {
		report_state_set(i, state, &i->control_err, &none);
	} else if (state == REPORT_FAILED && i->document == STANDBY_DOCUMENT_BAD) {
		report_state_set(i, state, &i->document_err, &none);
	} else if (state == REPORT_FAILED) {
		static const struct err_kind unknown = {.code = "internal"};
		from_status.kind = &unknown;
		for (size_t k = 0; errors_kind(k); k++)
			if (strcmp(errors_kind(k)->code, i->status.error.code) == 0)
				from_status.kind = errors_kind(k);
		snprintf(from_status.text, sizeof(from_status.text), "%s", i->status.error.message);
		report_state_set(i, state, &from_status, &i->status.error.position);
	} else if (state == REPORT_STARTING && !i->status_known && i->status_err.kind) {
		report_state_set(i, REPORT_RETRYING, &i->status_err, &none);
	} else if (state == REPORT_RETRYING) {
		struct err was = i->accounting.pending ? i->accounting.err : i->shown;
		report_state_set(i, state, &was, &none);
	} else {
		report_state_set(i, state, NULL, NULL);
	}
}

/* Everything is put away: the supervisor may free it, after this returns. */
static void tell_gone(struct instance *i)
{
	if (!i->released || i->runner || i->election || i->gone_told)
		return;
	i->gone_told = true;
	i->c->gone(i->c->ctx, i);
}

bool instance_has_others(const struct instance *i)
{
	return i->group[0] ? i->c->others(i->c->ctx, i->group) : i->nodes > 1;
}

/* Shown for a while as FAILED, then others have their turn; no status holds them back. */
static bool lets_others_try(const struct instance *i)
{
	usec_t turn = (i->group[0] ? SECRETS_TURN_COLD_MS : SECRETS_TURN_MS) * USEC_PER_MSEC;
	return i->secrets_bad && i->role == ZK_ELECTION_FIRST && instance_has_others(i) &&
	       !i->line_end && clock_boot() - i->secrets_bad_at >= turn;
}

void instance_step(struct instance *i)
{
	if (lets_others_try(i)) {
		i->line_end = true;
		i->back_off_until = clock_boot() + LINE_END_MS * USEC_PER_MSEC;
	}
	/* Nobody stands in line for a cold task: they come when it is nobody's. */
	if (i->line_end && i->group[0] && !i->released)
		i->released = i->failed = true;
	struct standby_facts facts = facts_of(i);
	struct standby_step step = standby_decide(&facts);
	if (i->runner && step.stop && (!i->stopping || (step.hurry || i->hurry))) {
		i->stopping = true;
		runner_stop(i->runner, step.hurry || i->hurry);
	}
	/* First what is being written; but a process that ends waits for no ZooKeeper. */
	bool writing = (i->accounting.pending || i->handover[0]) && !i->released;
	if (!step.node && i->election && !i->runner && !writing) {
		give_up_node(i);
		if (i->line_end && i->back_off_until < clock_boot() + LINE_END_MS * USEC_PER_MSEC)
			i->back_off_until = clock_boot() + LINE_END_MS * USEC_PER_MSEC;
	}
	if (i->line_end && !i->election && clock_boot() >= i->back_off_until) {
		i->line_end = false;
		i->back_off_until = 0;
		facts = facts_of(i);
		step = standby_decide(&facts);
	}
	if (step.node && !i->election && daemon_cluster(i->c->daemon)[0] &&
	    clock_boot() >= i->back_off_until)
		register_node(i);
	if (step.run && !i->runner) {
		start_runner(i);
		facts = facts_of(i);
		step = standby_decide(&facts);
	}
	if (!i->runner && i->election)
		show(i, step.state);
	if (i->runner)
		daemon_timer_set(i->timer, LOOK_SOON_MS * USEC_PER_MSEC);
	tell_gone(i);
}

/* ---------------------------------------------------------------- its life */

static bool make_paths(struct instance *i, const char *path)
{
	snprintf(i->path, sizeof(i->path), "%s", path);
	return paths_part(path, PATHS_CONTROL, i->control_path, NULL) == 0 &&
	       paths_part(path, PATHS_STATUS, i->status_path, NULL) == 0 &&
	       paths_part(path, PATHS_COMMANDS, i->commands_path, NULL) == 0 &&
	       paths_part(path, PATHS_LAST_COMMIT, i->commit_path, NULL) == 0 &&
	       paths_part(path, PATHS_INSTANCES, i->instances_path, NULL) == 0;
}

struct instance *instance_new(const struct instance_context *c, const char *name,
			      const char *group, const char *path)
{
	struct instance *i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	i->c = c;
	i->zk = daemon_zk(c->daemon);
	i->name = strdup(name);
	i->group = strdup(group);
	i->document = STANDBY_DOCUMENT_READING;
	i->status_version = -1;
	bool ok = i->name && i->group && make_paths(i, path) && report_open(i) &&
		  control_doc_init(&i->control) == 0 && status_doc_init(&i->status) == 0 &&
		  command_doc_init(&i->handover_doc) == 0 &&
		  report_position_set(&i->accounting.at, "", 0, "") == 0;
	if (ok)
		i->control_watch = zk_watch_data(i->zk, i->control_path, control_told, i);
	if (!ok || !i->control_watch) {
		instance_free(i);
		return NULL;
	}
	instance_step(i);
	return i;
}

void instance_leave(struct instance *i, bool leave)
{
	i->leave = leave;
	instance_step(i);
}

void instance_release(struct instance *i, bool hurry)
{
	i->released = true;
	i->hurry = i->hurry || hurry;
	instance_step(i);
}

void instance_free(struct instance *i)
{
	if (!i)
		return;
	if (i->runner) {
		runner_stop(i->runner, true);
		runner_free(i->runner);
	}
	zk_watch_stop(i->control_watch);
	if (i->document_op)
		zk_op_cancel(i->document_op);
	if (i->election)
		give_up_node(i);
	report_close(i);
	control_doc_clear(&i->control);
	status_doc_clear(&i->status);
	command_doc_clear(&i->handover_doc);
	free(i->accounting.at.file);
	free(i->accounting.at.gtid);
	free(i->runs_text);
	free(i->text);
	free(i->name);
	free(i->group);
	free(i);
}

const char *instance_group(const struct instance *i)
{
	return i->group;
}

const char *instance_name(const struct instance *i)
{
	return i->name;
}

bool instance_holds(const struct instance *i)
{
	return i->role != ZK_ELECTION_OUT;
}

bool instance_runs(const struct instance *i)
{
	return i->runner != NULL;
}

bool instance_released(const struct instance *i)
{
	return i->released;
}

bool instance_lost(const struct instance *i)
{
	return i->lost;
}

bool instance_failed(const struct instance *i)
{
	return i->failed;
}
