/* source.c - see source.h: dumps, where they go on, and when to end. */
#include "core/pipeline/source.h"

#include "common/contract/errors.h"
#include "common/os/log.h"
#include "common/os/random.h"
#include "core/pipeline/changes.h"
#include "core/pipeline/connections.h"
#include "core/pipeline/groups.h"
#include "core/pipeline/hosts.h"
#include "core/pipeline/setup.h"
#include "core/pipeline/xa.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	HISTORY_MS = 1000, /* for a server to have what was read from it or another */
	/* Longer than semi-synchronous replication waits for its replica, 10 s. */
	HISTORY_ALONE_MS = 12000,
	STOOD_MS = 1000,    /* see moves_on() */
};

/* ------------------------------------------------------- until */

/* What `until` means on this server, once a capture. */
static int find_target(struct source_thread *t, struct err *err)
{
	if (t->target_known || t->until->kind == UNTIL_STOPPED)
		return 0;
	int rc = 0;
	if (t->until->kind == UNTIL_HEAD) {
		rc = server_head(t->dump, &t->server, &t->target, &t->target_gtids, err);
	} else if (t->until->kind == UNTIL_FILE) {
		t->target = t->until->at;
	} else {
		t->target_gtids = gtid_set_new(t->server.flavor);
		rc = t->target_gtids ? gtid_set_parse(t->target_gtids, t->until->gtid, err)
				     : err_set(err, -ENOMEM, ERR_MEMORY, "no memory for --until");
		if (rc < 0)
			err_prefix(err, "--until");
	}
	t->target_known = rc == 0;
	return rc;
}

/* Has everything up to the target been put in the queue? */
static bool target_reached(const struct source_thread *t, const struct binlog_pos *at, bool sets)
{
	if (!t->target_known)
		return false;
	if (t->target.file[0] && at->file[0] && binlog_pos_compare(at, &t->target) >= 0)
		return true;
	/* Comparing sets costs: when the stream is idle, or when there is nothing else. */
	return (sets || !t->target.file[0]) && t->target_gtids && t->read.gtids &&
	       gtid_set_covers(t->read.gtids, t->target_gtids);
}

/* ------------------------------------------------------- one connection */

static int start_dump(struct source_thread *t, const struct position *from, struct err *err)
{
	t->opened = clock_boot();
	return source_thread_dump(t, t->dump, &t->stream, &t->steps, from, &t->id, t->uuid, false,
				  err);
}

/* A file and an offset mean something on the server they are of, and nowhere else. */
static int check_identity(const struct source_thread *t, struct err *err)
{
	if ((t->read.gtids && t->server.gtids) || !t->read.source[0] ||
	    strcmp(t->read.source, t->server.identity) == 0)
		return 0;
	return err_set(err, -EINVAL, ERR_SOURCE_DIVERGED,
		       "the position %.120s:%llu is of server %s, but %s is %s; without GTIDs it "
		       "means nothing there",
		       t->read.at.file, (unsigned long long)t->read.at.pos, t->read.source,
		       source_name(t->dump), t->server.identity);
}

/* With GTIDs: does the server's history go on from what we have read, wherever that was? */
static int check_history(struct source_thread *t, struct err *err)
{
	/* Among several hosts this one gets its turn again; a single one is given up. */
	bool several = t->task->source.nhosts > 1;
	usec_t patience = (several ? HISTORY_MS : HISTORY_ALONE_MS) * USEC_PER_MSEC;
	if (!t->read.gtids || !t->server.gtids)
		return 0;
	int rc = server_check_history(t->dump, &t->server, t->read.gtids, patience, err);
	if (rc == 0 && t->read.source[0] && strcmp(t->read.source, t->server.identity) != 0)
		rc = server_check_own(t->dump, &t->server, t->read.gtids, err);
	/* There is none to wait for: as where a server itself refuses the position. */
	if (rc < 0 && !several && err->kind == ERR_SOURCE_BEHIND)
		err->kind = ERR_SOURCE_DIVERGED;
	return rc;
}

static int note_clock(struct source_thread *t, struct err *err)
{
	usec_t clock;
	int rc = server_clock(t->dump, &clock, err);
	if (rc == 0)
		atomic_store_explicit(&t->stats->clock, clock, memory_order_relaxed);
	return rc;
}

/* Connects to the current host and opens a dump behind what is in the queue. */
static int open_dump(struct source_thread *t, struct err *err)
{
	int rc = connection_open(t->task, t->host, t->stop, &t->stop->active, &t->dump, err);
	if (rc == 0)
		rc = server_identify(t->dump, &t->server, err);
	if (rc == 0)
		rc = note_clock(t, err);
	t->globals_known = false;
	if (rc == 0 && t->server.flavor != t->read.flavor)
		rc = err_set(err, -EINVAL, ERR_SOURCE_DIVERGED,
			     "the position is of a %s server, but %s is %s",
			     flavor_name(t->read.flavor), source_name(t->dump),
			     t->server.version_text);
	if (rc == 0)
		rc = check_identity(t, err);
	if (rc == 0)
		rc = server_check(t->dump, &t->server, !t->server.row_metadata_full, err);
	if (rc == 0)
		rc = server_check_position(t->dump, &t->server, &t->read, err);
	if (rc == 0)
		rc = check_history(t, err);
	if (rc == 0)
		rc = find_target(t, err);
	/* With GTIDs, file and offset may be those of another server that we read before. */
	static const struct binlog_pos nowhere;
	bool by_gtid = t->read.gtids && t->server.gtids;
	if (rc == 0 && target_reached(t, by_gtid ? &nowhere : &t->read.at, true)) {
		t->reached = true;
		return 0;
	}
	if (rc == 0)
		rc = start_dump(t, &t->read, err);
	if (rc == 0)
		atomic_store(&t->stats->connected, true);
	return rc;
}

/*
 * A source is back when it sends what is ours, and only what moves us on shortens the next
 * back-off: one that takes connections and breaks each of them, or each at the same event, must
 * not be tried ten times a second, nor fill the log.
 *
 * A heartbeat says that the dump stands, not that it moves: with GTIDs, MySQL begins each dump
 * with one. So it counts behind a while only.
 */
static bool moves_on(const struct source_thread *t, const struct step *step)
{
	return step->ends_group || (step->kind == STEP_HEARTBEAT &&
				    clock_boot() - t->opened >= STOOD_MS * USEC_PER_MSEC);
}

static void note_progress(struct source_thread *t, const struct step *step)
{
	if (step->kind == STEP_SKIP || step->kind == STEP_ROTATE)
		return;
	if (atomic_load_explicit(&t->stats->away, memory_order_relaxed) &&
	    atomic_exchange(&t->stats->away, false)) {
		log_info("the source %s is back", source_name(t->dump));
		hosts_forget(t);
	}
}

/*
 * Opens another dump: at the start of a group that is to be read a second time, or behind
 * what is in the queue.
 */
static int reopen_dump(struct source_thread *t, bool again, struct err *err)
{
	connection_close(t->stop, &t->stop->active, &t->dump);
	int rc = connection_open(t->task, t->host, t->stop, &t->stop->active, &t->dump, err);
	struct server_info now;
	if (rc == 0)
		rc = server_identify(t->dump, &now, err);
	if (rc == 0)
		rc = note_clock(t, err);
	if (rc == 0 && strcmp(now.identity, t->server.identity) != 0)
		rc = err_set(err, -EPROTO, ERR_SOURCE_LOST,
			     "another server answers at %s than a moment ago", source_name(t->dump));
	struct position from = {.flavor = t->read.flavor, .at = t->again.start};
	if (rc == 0)
		rc = start_dump(t, again ? &from : &t->read, err);
	t->reread = rc == 0 && again;
	return rc;
}

static void note_time(struct source_thread *t, const struct step *step)
{
	int64_t now = clock_wall();
	if (step->kind == STEP_HEARTBEAT)
		atomic_store_explicit(&t->stats->last_heartbeat, now, memory_order_relaxed);
	else
		atomic_store_explicit(&t->stats->last_event, now, memory_order_relaxed);
	if (step->kind == STEP_ROWS &&
	    atomic_load_explicit(&t->stats->first_event, memory_order_relaxed) == 0)
		atomic_store_explicit(&t->stats->first_event, clock_boot(), memory_order_relaxed);
}

/* After a step: is there nothing more to read? */
static bool ended(struct source_thread *t, const struct step *step)
{
	if (!t->target_known)
		return false;
	if (step->ends_group)
		return target_reached(t, &t->stream.at, false);
	if (t->stream.in_group)
		return false;
	if (step->kind == STEP_ROTATE)
		return target_reached(t, &t->stream.at, false);
	if (step->kind == STEP_HEARTBEAT) {
		struct binlog_pos at = {.pos = step->file_pos};
		if (step->file.len < sizeof(at.file))
			memcpy(at.file, step->file.p, step->file.len);
		return target_reached(t, &at, true);
	}
	return false;
}

/* Which transaction could not be processed: the one at hand, or what follows the last. */
static void note_failure(struct source_thread *t, bool in_group)
{
	t->failure = (struct capture_failure){.at = in_group ? t->stream.group.start
							     : t->stream.at};
	if (in_group)
		gtid_format(&t->stream.group.gtid, t->failure.gtid);
}

/* Reads until stopped, until the target (0), or a failure. */
static int read_dump(struct source_thread *t, struct err *err)
{
	while (!source_thread_stopping(t)) {
		struct step step;
		int rc = steps_next(&t->steps, t->dump, &t->stream, &step, err);
		if (rc == 0)
			rc = err_set(err, -EPIPE, ERR_SOURCE_LOST, "%s ended the stream",
				     source_name(t->dump));
		if (rc < 0 && t->steps.bytes_failed)
			note_failure(t, t->stream.in_group);
		if (rc > 0) {
			note_time(t, &step);
			note_progress(t, &step);
			rc = groups_step(t, &step, err);
			if (rc == 0 && heartbeat_wanted(&t->heartbeat) && !t->stream.in_group)
				rc = heartbeat_send(&t->heartbeat, t->task, &t->queue, &t->read,
						    err);
			if (rc < 0)
				note_failure(t, true);
			else if (rc != GROUPS_AGAIN && /* looked at only, not passed */
				 moves_on(t, &step))
				t->attempts = t->refusals = 0;
		}
		if (rc < 0)
			return rc;
		if (rc != GROUPS_AGAIN && ended(t, &step)) {
			t->reached = true;
			return 0;
		}
		if (rc > 0)
			rc = reopen_dump(t, rc == GROUPS_AGAIN, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ------------------------------------------------------- the thread */

static int work(struct source_thread *t)
{
	for (;;) {
		err_clear(&t->err);
		int rc = open_dump(t, &t->err);
		if (rc == 0 && !t->reached)
			rc = read_dump(t, &t->err);
		bool resumable = groups_break(t);
		connection_close(t->stop, &t->stop->active, &t->dump);
		/* Definitions come from the server whose rows are read. */
		if (t->catalog)
			connection_close(t->stop, &t->stop->catalog, &t->catalog);
		/* The queue is closed when the other half has failed or a stop waits no more. */
		if (rc == -ECANCELED || source_thread_stopping(t) || rc == 0) {
			err_clear(&t->err);
			return 0;
		}
		if (!hosts_try_again(t, &t->err))
			return rc;
		/* Nothing of it is committed: the transaction ends inside of the group. */
		if (!resumable && t->once) {
			if (t->err.kind->class != ERR_CLASS_RETRY)
				t->err.kind = ERR_SOURCE_LOST;
			t->anew = true;
			return rc;
		}
		if (!hosts_back_off(t)) {
			err_clear(&t->err);
			return 0;
		}
	}
}

void *source_thread_main(void *arg)
{
	struct source_thread *t = arg;
	log_bind("task=%s", t->task->name);
	t->rc = work(t);
	queue_publish(&t->queue);
	atomic_store(&t->done, true);
	ring_close(t->ring);
	return NULL;
}

/* ------------------------------------------------------- life */

/* pipe.topics.transaction */
static int open_transactions(struct source_thread *t, struct err *err)
{
	const struct task_pipe *p = &t->task->pipe;
	char name[TASK_TOPIC_MAX + 1];
	uint32_t topic;
	if (!p->options.transactions || !p->topics.transaction[0])
		return 0;
	int rc = task_side_topic(t->task, "transaction", p->topics.transaction, name, err);
	if (rc == 0)
		rc = pipe_topic(t->pipe, name, &topic, err);
	if (rc == 0)
		queue_set_transactions(&t->queue, topic);
	return rc;
}

int source_thread_init(struct source_thread *t, const struct position *from, struct err *err)
{
	struct envelope_options options;
	setup_envelope_options(t->task, &options);
	const struct schema_source definitions = {.ctx = t,
						  .table = connection_definition,
						  .charset = connection_charset,
						  .spelled = envelope_wants_spelling(&options)};
	position_init(&t->read, from->flavor);
	verdict_init(&t->verdict);
	queue_init(&t->queue, t->ring, from->source);
	random_uuid(t->uuid);
	t->id = (struct dump_id){.leases = t->leases,
				 .fixed = (uint32_t)t->task->source.server_id};
	stream_init(&t->stream, from->flavor, true);
	t->schema = schema_new(&definitions);
	t->why = calloc(t->task->source.nhosts, sizeof(*t->why));
	if (!t->why || !t->schema || position_copy(&t->read, from) < 0 ||
	    hold_init(&t->hold, t->task->memory.group_bytes) < 0 || publish_init(&t->publish) < 0)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a task");
	int rc = envelope_open(&options, &t->envelope, err);
	if (rc < 0)
		return rc;
	rc = rules_open(t->task, &t->rules, err);
	if (rc < 0)
		return rc;
	t->definitions = definitions_new(t, t->history);
	if (!t->definitions)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for table definitions");
	rc = open_transactions(t, err);
	if (rc < 0)
		return rc;
	rc = heartbeat_init(&t->heartbeat, t->task, t->pipe, err);
	if (rc < 0)
		return rc;
	t->publish.targets.task = t->task;
	t->publish.targets.rules = t->rules;
	t->publish.targets.schema = t->schema;
	t->publish.targets.defaults = envelope_wants_defaults(&options) ? connection_defaults : NULL;
	t->publish.targets.defaults_ctx = t;
	t->publish.tells_truncate = envelope_tells_truncate(&options);
	t->publish.targets.definition = envelope_truncate_needs_columns(&options) ? connection_table : NULL;
	t->publish.targets.definition_ctx = t;
	t->publish.envelope = t->publish.targets.envelope = t->envelope;
	t->publish.targets.pipe = t->pipe;
	t->publish.queue = &t->queue;
	t->publish.oversize = t->oversize;
	t->judge = (struct oversize_judge){.task = t->task,
					   .publish = &t->publish,
					   .known = t->oversize,
					   .pipe = t->pipe};
	rc = oversize_judge_init(&t->judge, &t->queue, err);
	if (rc < 0)
		return rc;
	rc = changes_open(t, err);
	if (rc < 0)
		return rc;
	if (t->read.before_start)
		t->from_time = t->start_time;
	return 0;
}

void source_thread_fini(struct source_thread *t)
{
	if (t->catalog)
		connection_close(t->stop, &t->stop->catalog, &t->catalog);
	dump_id_drop(&t->id);
	publish_fini(&t->publish);
	envelope_close(t->envelope);
	rules_close(t->rules);
	schema_free(t->schema);
	definitions_free(t->definitions);
	changes_drop(t);
	queue_fini(&t->queue);
	oversize_judge_fini(&t->judge);
	xa_forget(t);
	kept_clear(&t->kept);
	hold_free(&t->hold);
	verdict_free(&t->verdict);
	steps_free(&t->steps);
	stream_free(&t->stream);
	gtid_set_free(t->target_gtids);
	position_clear(&t->read);
	free(t->why);
}

int source_find_start(const struct task *task, const struct server_start *start,
		      struct source_stop *stop, struct position *ret, struct err *err)
{
	struct source *s = NULL;
	struct server_info server;
	int rc = -1;
	for (size_t host = 0; host < task->source.nhosts; host++) {
		if (s)
			connection_close(stop, &stop->active, &s);
		rc = connection_open(task, host, stop, &stop->active, &s, err);
		if (rc == 0 || !err->kind || err->kind->class != ERR_CLASS_RETRY)
			break; /* another host does not mend a wrong password */
	}
	if (rc == 0)
		rc = server_identify(s, &server, err);
	if (rc == 0)
		rc = server_check(s, &server, !server.row_metadata_full, err);
	if (rc == 0) {
		position_clear(ret);
		position_init(ret, server.flavor);
		rc = server_resolve_start(s, &server, start, ret, err);
		ret->before_start = start->kind == START_TIME;
	}
	if (rc == 0)
		rc = server_check_position(s, &server, ret, err);
	if (rc == 0)
		memcpy(ret->source, server.identity, sizeof(ret->source));
	if (s)
		connection_close(stop, &stop->active, &s);
	return rc;
}
