/*
 * instance_report.c - the instance document: what it says, and when it is written; the
 * probe of the source that gives it source_head and binlog_hours_left.
 *
 * Written at once when the state changes, every 2 s while a capture runs, every 10 s
 * otherwise; one write at a time, of the newest.
 */
#include "core/instance_priv.h"

#include "common/contract/errors.h"
#include "common/contract/position.h"
#include "common/os/log.h"
#include "common/os/process.h"
#include "common/os/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the document */

int report_stands(struct instance *i, struct report_position *out)
{
	struct position p;
	if (!i->runner)
		return report_position_set(out, i->stands.file, i->stands.pos, i->stands.gtid);
	position_init(&p, FLAVOR_MYSQL);
	int rc = capture_position(runner_capture(i->runner), &p);
	if (rc == 0) {
		struct buf gtids;
		buf_init(&gtids);
		if (p.gtids)
			gtid_set_format(p.gtids, &gtids);
		rc = gtids.failed ? -ENOMEM
				  : report_position_set(out, p.at.file, p.at.pos, buf_cstr(&gtids));
		buf_free(&gtids);
	} else if (rc == -ENOENT) {
		rc = report_position_set(out, i->stands.file, i->stands.pos, i->stands.gtid);
	}
	position_clear(&p);
	return rc;
}

static uint64_t ms_of(usec_t t)
{
	return t > 0 ? (uint64_t)(t / USEC_PER_MSEC) : 0;
}

/* The counters of a capture, and its rate since the last document. */
static void fill_counters(struct instance *i, struct instance_doc *d)
{
	struct capture_status s;
	capture_status(runner_capture(i->runner), &s);
	usec_t now = clock_boot();
	if (i->last_rows_at && now > i->last_rows_at + USEC_PER_SEC / 2) {
		i->rows_per_s = (double)(s.rows - i->last_rows) * (double)USEC_PER_SEC /
				(double)(now - i->last_rows_at);
		i->last_rows = s.rows;
		i->last_rows_at = now;
	} else if (!i->last_rows_at) {
		i->last_rows = s.rows;
		i->last_rows_at = now;
	}
	d->rows = s.rows;
	d->rows_per_s = i->rows_per_s;
	d->bytes = s.bytes;
	d->transactions = s.transactions;
	d->in_flight = s.in_flight;
	d->pipe_errors = s.pipe_errors;
	d->dead_letters = s.dead_letters;
	d->lag_ms = s.lag < 0 ? -1 : s.lag / USEC_PER_MSEC;
	d->last_event_ms = ms_of(s.last_event);
	d->last_heartbeat_ms = ms_of(s.last_heartbeat);
}

static int fill(struct instance *i, struct instance_doc *d)
{
	char run[ZK_ID_MAX] = "";
	if (i->runner)
		runner_id(i->runner, run, sizeof(run));
	d->state = (int)i->state;
	d->pid = (uint32_t)getpid();
	d->since_ms = ms_of(i->state_since);
	d->lag_ms = -1;
	d->binlog_hours_left = i->probed ? i->probe.hours_left : -1;
	d->rss_bytes = process_rss();
	d->memory_limit = process_memory_limit();
	if (i->runner)
		fill_counters(i, d);
	int rc = report_set(&d->hostname, i->c->hostname);
	if (rc == 0)
		rc = report_set(&d->version, MR_VERSION);
	if (rc == 0)
		rc = report_set(&d->run, run);
	if (rc == 0 && i->role == ZK_ELECTION_FIRST)
		rc = report_stands(i, &d->position);
	if (rc == 0 && i->probed)
		rc = report_position_set(&d->source_head, i->probe.head.file, i->probe.head.pos,
					 i->probe.head.gtid);
	if (rc == 0)
		rc = report_error_set(&d->error, &i->shown);
	if (rc == 0 && i->shown.kind)
		rc = report_position_set(&d->error.position, i->shown_at.file, i->shown_at.pos,
					 i->shown_at.gtid);
	return rc;
}

bool report_print(struct instance *i, struct buf *out)
{
	struct instance_doc d;
	if (instance_doc_init(&d) < 0)
		return false;
	bool ok = fill(i, &d) == 0;
	if (ok)
		instance_doc_print(&d, out);
	instance_doc_clear(&d);
	return ok && !out->failed;
}

/* ---------------------------------------------------------------- writing it */

static void reported(void *ctx, const struct zk_reply *r)
{
	struct instance *i = ctx;
	i->report_op = NULL;
	/* Gone, away, expired: the election knows what follows. */
	if (r->rc == -EFBIG || r->rc == -EACCES)
		log_err(LOG_LEVEL_ERROR, i->name, r->err);
	if (i->report_again) {
		i->report_again = false;
		report_now(i);
	}
}

void report_now(struct instance *i)
{
	struct buf b;
	if (!i->election || i->role == ZK_ELECTION_OUT)
		return;
	if (i->report_op) {
		i->report_again = true;
		return;
	}
	buf_init(&b);
	if (report_print(i, &b)) {
		i->report_op = zk_set_async(i->zk, zk_election_path(i->election), b.data, b.len,
					    ZK_ANY_VERSION, reported, i);
		/* What a new node begins with is no longer what the first one did. */
		if (zk_election_set_data(i->election, b.data, b.len) < 0)
			log_error("%s: no memory for its report", i->name);
	}
	buf_free(&b);
	i->reported = clock_boot();
}

void report_state_set(struct instance *i, enum report_state state, const struct err *err,
		      const struct report_position *at)
{
	struct err none = {0};
	const struct err *e = err && err->kind ? err : &none;
	bool same_error = i->shown.kind == e->kind && strcmp(i->shown.text, e->text) == 0;
	if (state == i->state && same_error)
		return;
	if (&i->shown != e)
		i->shown = *e;
	if (report_position_set(&i->shown_at, at && at->file ? at->file : "", at ? at->pos : 0,
				at && at->gtid ? at->gtid : "") < 0)
		log_error("%s: no memory for a position", i->name);
	if (state != i->state) {
		i->state_since = clock_wall();
		i->state = state;
		log_info("%s: %s", i->name, report_state_name(state));
		status_changed(i);
	}
	report_now(i);
}

/* ---------------------------------------------------------------- lastCommit */

static void commit_read(void *ctx, const struct zk_reply *r)
{
	struct instance *i = ctx;
	struct position_doc d;
	i->commit_op = NULL;
	if (r->rc < 0 || r->len == 0 || position_doc_parse(r->data, r->len, &d, NULL) < 0)
		return;
	if (report_position_set(&i->stands, d.file, d.pos, d.gtid) < 0 || needs_of_commit(i, &d) < 0)
		log_error("%s: no memory for a position", i->name);
	position_doc_clear(&d);
	if (!i->runner)
		report_now(i);
}

void report_read_commit(struct instance *i)
{
	if (!i->commit_op)
		i->commit_op = zk_get_async(i->zk, i->commit_path, commit_read, i);
}

/* ---------------------------------------------------------------- the probe */

struct probe_job {
	struct job job;
	struct instance *instance; /* NULL: it is gone */
	const char *secrets_dir; /* as it was then: a reload replaces it */
	struct seal_opener opener;
	char *text; /* the document */
	size_t len;
	struct report_position at;
	struct guard guard;
	struct probe result;
	int rc;
	struct err err;
};

/* A worker's thread: the secrets are opened for as long as it takes. */
static void probe_work(struct job *job)
{
	struct probe_job *p = (struct probe_job *)job;
	const struct secret_places places = {
		.secrets_dir = p->secrets_dir,
		.open = p->opener.ring ? seal_open_for : NULL,
		.open_ctx = &p->opener,
	};
	struct task *task;
	p->rc = task_parse(p->text, p->len, &task, &p->err);
	if (p->rc < 0)
		return;
	p->rc = task_resolve_secrets(task, &places, &p->err);
	if (p->rc == 0)
		p->rc = probe_source(task, &p->at, PROBE_BUDGET_S * USEC_PER_SEC, &p->guard,
				     &p->result, &p->err);
	task_free(task);
}

static void probe_free(struct probe_job *p)
{
	guard_fini(&p->guard);
	probe_clear(&p->result);
	free(p->at.file);
	free(p->at.gtid);
	free(p->text);
	free(p);
}

static void probe_done(struct job *job, bool ran)
{
	struct probe_job *p = (struct probe_job *)job;
	struct instance *i = p->instance;
	if (i) {
		i->probe_job = NULL;
		if (ran && p->rc == 0) {
			struct probe was = i->probe;
			i->probe = p->result;
			p->result = was;
			i->probed = true;
		} else if (ran) {
			/* A source that does not answer is asked less often. */
			i->probe_due += 2 * PROBE_EVERY_S * USEC_PER_SEC;
			log_err(LOG_LEVEL_DEBUG, i->name, &p->err);
		}
	}
	probe_free(p);
}

static void probe_interrupt(struct job *job)
{
	guard_interrupt(&((struct probe_job *)job)->guard);
}

static void start_probe(struct instance *i)
{
	usec_t every = PROBE_EVERY_S * USEC_PER_SEC;
	i->probe_due = clock_boot() + every / 2 + (usec_t)random_below((uint64_t)every);
	if (i->probe_job || !i->text || i->document == STANDBY_DOCUMENT_BAD)
		return;
	struct probe_job *p = calloc(1, sizeof(*p));
	if (!p)
		return;
	p->job = (struct job){.work = probe_work,
			       .done = probe_done,
			       .interrupt = probe_interrupt,
			       .background = true};
	p->secrets_dir = i->c->secrets_dir;
	p->opener = *i->c->opener;
	guard_init(&p->guard);
	p->text = strndup(i->text, i->text_len);
	p->len = i->text_len;
	if (!p->text || probe_init(&p->result) < 0 || report_position_set(&p->at, "", 0, "") < 0 ||
	    needs_now(i, &p->at) < 0) {
		probe_free(p);
		return;
	}
	p->instance = i;
	i->probe_job = p;
	jobs_add(i->c->jobs, &p->job);
}

/* ---------------------------------------------------------------- time */

/* The state of a capture, as the document calls it. */
static void look_at_capture(struct instance *i)
{
	struct capture_status s;
	struct err waiting = {0};
	enum report_state state = REPORT_STARTING;
	capture_status(runner_capture(i->runner), &s);
	if (s.state == CAPTURE_RUNNING)
		state = REPORT_RUNNING;
	else if (s.state == CAPTURE_RETRYING)
		state = REPORT_RETRYING;
	else if (s.state != CAPTURE_STARTING)
		return; /* it is ending: what it says then comes with runner_result() */
	if (state == REPORT_RETRYING && !capture_waiting(runner_capture(i->runner), &waiting))
		err_clear(&waiting);
	report_state_set(i, state, &waiting, NULL);
}

bool instance_caught_up(const struct instance *i)
{
	struct capture_status s;
	if (!i->runner || i->stopping || i->role != ZK_ELECTION_FIRST || i->handover[0] ||
	    i->state != REPORT_RUNNING)
		return false;
	capture_status(runner_capture(i->runner), &s);
	return s.state == CAPTURE_RUNNING && s.lag >= 0 && s.lag < CAUGHT_UP_MS * USEC_PER_MSEC;
}

/* Everything that comes due; the next look's time is what it returns. */
static usec_t tick(void *ctx)
{
	struct instance *i = ctx;
	usec_t now = clock_boot();
	status_tick(i);
	commands_tick(i);
	if (i->document_retry && now >= i->document_retry && !i->document_op) {
		i->document_retry = 0;
		instance_document_again(i);
	}
	if (i->runner)
		look_at_capture(i);
	else
		instance_step(i);
	if (i->gone_told)
		return 0;
	if (i->role == ZK_ELECTION_FIRST && now >= i->probe_due) {
		if (!i->runner)
			report_read_commit(i);
		start_probe(i);
	}
	bool busy = i->runner || i->state == REPORT_RETRYING;
	usec_t every = (busy ? REPORT_EVERY_MS : REPORT_IDLE_EVERY_MS) * USEC_PER_MSEC;
	if (now - i->reported >= every)
		report_now(i);
	if (i->runner && i->state == REPORT_STARTING &&
	    now - i->started < LOOK_SOON_FOR_MS * USEC_PER_MSEC)
		return LOOK_SOON_MS * USEC_PER_MSEC;
	if (i->back_off_until > now && i->back_off_until - now < LOOK_EVERY_MS * USEC_PER_MSEC)
		return i->back_off_until - now + 1000;
	return LOOK_EVERY_MS * USEC_PER_MSEC;
}

bool report_open(struct instance *i)
{
	i->state_since = clock_wall();
	/* Spread: a core that starts with 200 tasks must not probe them all at once. */
	i->probe_due = clock_boot() + PROBE_FIRST_MS * USEC_PER_MSEC +
		       (usec_t)random_below((uint64_t)(2 * USEC_PER_SEC));
	i->timer = daemon_timer_new(i->c->daemon, LOOK_EVERY_MS * USEC_PER_MSEC, tick, i);
	return i->timer && probe_init(&i->probe) == 0 &&
	       report_position_set(&i->stands, "", 0, "") == 0 &&
	       report_position_set(&i->needs, "", 0, "") == 0 &&
	       report_position_set(&i->shown_at, "", 0, "") == 0;
}

void report_close(struct instance *i)
{
	daemon_timer_free(i->timer);
	if (i->report_op)
		zk_op_cancel(i->report_op);
	if (i->commit_op)
		zk_op_cancel(i->commit_op);
	if (i->probe_job) {
		i->probe_job->instance = NULL;
		guard_interrupt(&i->probe_job->guard);
	}
	probe_clear(&i->probe);
	free(i->stands.file);
	free(i->stands.gtid);
	free(i->needs.file);
	free(i->needs.gtid);
	free(i->shown_at.file);
	free(i->shown_at.gtid);
}

/* ---------------------------------------------------------------- metrics */

static void of_state(struct metrics *m, struct instance *i)
{
	for (int s = 0; report_states[s]; s++)
		metrics_value(m, (int)i->state == s, "task", i->name, "state", report_states[s], NULL);
}

/* Of captures alone. */
#define OF_CAPTURE(name, expression)                                                               \
	static void name(struct metrics *m, struct instance *i)                                    \
	{                                                                                          \
		struct capture_status s;                                                           \
		if (!i->runner)                                                                    \
			return;                                                                    \
		capture_status(runner_capture(i->runner), &s);                                     \
		expression;                                                                        \
	}

OF_CAPTURE(of_rows, metrics_count(m, s.rows, "task", i->name, NULL))
OF_CAPTURE(of_messages, metrics_count(m, s.messages, "task", i->name, NULL))
OF_CAPTURE(of_bytes, metrics_count(m, s.bytes, "task", i->name, NULL))
OF_CAPTURE(of_transactions, metrics_count(m, s.transactions, "task", i->name, NULL))
OF_CAPTURE(of_pipe_errors, metrics_count(m, s.pipe_errors, "task", i->name, NULL))
OF_CAPTURE(of_dead_letters, metrics_count(m, s.dead_letters, "task", i->name, NULL))
OF_CAPTURE(of_in_flight, metrics_count(m, s.in_flight, "task", i->name, NULL))
OF_CAPTURE(of_lag, if (s.lag >= 0) metrics_value(m, (double)s.lag / (double)USEC_PER_SEC, "task",
						 i->name, NULL))
OF_CAPTURE(of_last_event,
	   if (s.last_event) metrics_value(m, (double)s.last_event / (double)USEC_PER_SEC, "task",
					   i->name, NULL))

static void of_hours_left(struct metrics *m, struct instance *i)
{
	if (i->probed && i->role == ZK_ELECTION_FIRST && i->probe.hours_left >= 0)
		metrics_value(m, i->probe.hours_left * 3600, "task", i->name, NULL);
}

const struct instance_family instance_families[] = {
	{"mr_task_state", METRICS_GAUGE, "1 for the state that this process's instance of a task is in.",
	 of_state},
	{"mr_task_rows_total", METRICS_COUNTER, "Row changes acknowledged by the pipe in this run.",
	 of_rows},
	{"mr_task_messages_total", METRICS_COUNTER, "Messages acknowledged by the pipe in this run.",
	 of_messages},
	{"mr_task_bytes_total", METRICS_COUNTER, "Bytes of keys and values acknowledged in this run.",
	 of_bytes},
	{"mr_task_transactions_total", METRICS_COUNTER,
	 "Source transactions wholly acknowledged in this run.", of_transactions},
	{"mr_task_pipe_errors_total", METRICS_COUNTER,
	 "Failures that the pipe reported in this run, retried ones too.", of_pipe_errors},
	{"mr_task_dead_letters_total", METRICS_COUNTER,
	 "Messages that were too large in this run, told in the dead letter topic instead.",
	 of_dead_letters},
	{"mr_task_in_flight", METRICS_GAUGE, "Messages that wait for an acknowledgement.",
	 of_in_flight},
	{"mr_task_lag_seconds", METRICS_GAUGE, "Age of the oldest change that is not delivered.",
	 of_lag},
	{"mr_task_last_event_timestamp_seconds", METRICS_GAUGE,
	 "When the last event of the source was read.", of_last_event},
	{"mr_task_binlog_left_seconds", METRICS_GAUGE,
	 "Time until the source may purge what the task has not read.", of_hours_left},
	{0},
};
