/* groups.c - see groups.h. */
#include "core/pipeline/groups.h"

#include "common/contract/errors.h"
#include "common/os/log.h"
#include "core/pipeline/changes.h"
#include "core/pipeline/xa.h"

#include <errno.h>
#include <stdio.h>

/* ---------------------------------------------------------------- a group begins */

/*
 * Is this the group that a former reading stopped inside? By GTID where there is one,
 * else by where it starts.
 */
static bool is_partial_group(const struct partial *partial, const struct group *g)
{
	if (partial->gtid.kind != GTID_NONE)
		return gtid_equal(&partial->gtid, &g->gtid);
	return partial->start.pos == g->start.pos && strcmp(partial->start.file, g->start.file) == 0;
}

/*
 * A group that follows the position we stopped behind, but is not the one we stopped in.
 * With GTIDs another server may send others first; from the same domain or without GTIDs
 * it means that the history is another one.
 */
static int check_not_partial(const struct source_thread *t, struct err *err)
{
	const struct partial *p = &t->read.partial;
	const struct group *g = &t->stream.group;
	bool other_order = p->gtid.kind == GTID_MYSQL ||
			   (p->gtid.kind == GTID_MARIADB && g->gtid.kind == GTID_MARIADB &&
			    p->gtid.maria.domain != g->gtid.maria.domain);
	if (other_order)
		return 0;
	char where[320];
	return err_set_at(err, -ESTALE, ERR_PARTIAL_MISMATCH,
			  stream_where(&t->stream, g->start.pos, where, sizeof(where)),
			  "%llu rows of the transaction at %.120s:%llu were delivered before, but "
			  "the source has another transaction there",
			  (unsigned long long)p->rows, p->start.file,
			  (unsigned long long)p->start.pos);
}

static int begin(struct source_thread *t, struct err *err)
{
	const struct group *g = &t->stream.group;
	t->event = 0;
	changes_drop(t);
	const struct partial *skip = NULL;
	if (t->read.partial.set) {
		if (is_partial_group(&t->read.partial, g)) {
			skip = &t->read.partial;
		} else {
			int rc = check_not_partial(t, err);
			if (rc < 0)
				return rc;
		}
	}
	if (t->reread) {
		t->reread = false;
		if (!gtid_equal(&t->again.gtid, &g->gtid) || t->again.start.pos != g->start.pos)
			return err_set(err, -EPROTO, ERR_SOURCE_LOST,
				       "the source sent another transaction when one was read a second "
				       "time");
		t->mode = GROUP_STREAM;
	} else {
		t->mode = GROUP_HOLD;
		hold_clear(&t->hold);
		verdict_clear(&t->verdict);
	}
	publish_group(&t->publish, g, skip);
	if (t->mode == GROUP_STREAM && t->again_has_xid)
		publish_xid(&t->publish, t->again_xid);
	return 0;
}

/* ---------------------------------------------------------------- its events */

static int row_event(struct source_thread *t, const struct step *step, struct err *err)
{
	uint64_t n = t->event++;
	switch (t->mode) {
	case GROUP_HOLD:
		do {
			if (hold_add(&t->hold, step->kind, step->pos, &step->event))
				return 0;
		} while (xa_make_room(t));
		t->mode = GROUP_SCAN;
		hold_clear(&t->hold);
		return 0;
	case GROUP_SCAN:
		return 0;
	case GROUP_STREAM:
		return publish_event(&t->publish, &t->stream, step->kind, &step->event, step->pos,
				     verdict_is_undone(&t->verdict, n), err);
	}
	return 0;
}

static int replay_held(struct source_thread *t, struct err *err)
{
	uint64_t n = 0;
	for (const struct held *h = NULL; (h = hold_next(&t->hold, h)); n++) {
		struct event e = hold_event(h);
		int rc = publish_event(&t->publish, &t->stream, h->kind, &e, h->pos,
				       verdict_is_undone(&t->verdict, n), err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---------------------------------------------------------------- it ends */

static usec_t commit_time(const struct source_thread *t, const struct step *step)
{
	if (t->stream.group.commit_time)
		return t->stream.group.commit_time;
	return (usec_t)step->event.timestamp * USEC_PER_SEC;
}

/* The group is in the queue up to its mark: our own position follows. */
static int advance_read(struct source_thread *t, const struct gtid *gtid, usec_t when,
			struct err *err)
{
	if (t->read.gtids && gtid_set_add(t->read.gtids, gtid) < 0)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the GTID set");
	t->read.at = t->stream.at;
	memcpy(t->read.source, t->queue.server, sizeof(t->read.source));
	t->read.commit_time = when;
	t->read.before_start = t->from_time != 0;
	if (is_partial_group(&t->read.partial, &t->stream.group))
		t->read.partial.set = false;
	xa_settle(t);
	return 0;
}

static int end(struct source_thread *t, const struct step *step, bool happened, struct err *err)
{
	usec_t when = commit_time(t, step);
	/*
	 * start: time - what was committed before the first one at that time is left out. Where
	 * the time of commit is not logged there are whole seconds only, and the group may be
	 * of any moment in its own.
	 */
	usec_t from = t->from_time;
	if (!t->stream.group.commit_time)
		from -= from % USEC_PER_SEC;
	if (t->from_time && when < from)
		happened = false;
	else if (happened)
		t->from_time = 0;
	if (happened && t->mode == GROUP_SCAN) {
		t->again = (struct record_group){.gtid = t->stream.group.gtid,
						 .start = t->stream.group.start};
		t->again_has_xid = t->stream.group.has_xid;
		t->again_xid = t->stream.group.xid;
		return GROUPS_AGAIN;
	}
	if (t->stream.group.has_xid)
		publish_xid(&t->publish, t->stream.group.xid);
	int rc = 0;
	if (step->kind == STEP_XA_PREPARE)
		rc = xa_prepare(t, err);
	else if (step->kind == STEP_XA_COMMIT || step->kind == STEP_XA_ROLLBACK)
		rc = xa_decide(t, happened, err);
	else if (happened && t->mode == GROUP_HOLD && (rc = changes_release(t, err)) == 0)
		rc = replay_held(t, err);
	/* A group that did not happen has no rows that could be missing. */
	if (!happened)
		t->publish.skip_rows = 0;
	struct gtid gtid = t->stream.group.gtid;
	if (step->kind == STEP_TORN)
		gtid = (struct gtid){.kind = GTID_NONE};
	const struct record_mark mark = {.gtid = gtid,
					 .end = t->stream.at,
					 .commit_time = when,
					 .before_start = t->from_time != 0};
	if (rc == 0)
		rc = queue_set_server(&t->queue, t->server.identity);
	if (rc == 0)
		rc = publish_end(&t->publish, &mark, &t->xa, err);
	if (rc == 0)
		rc = advance_read(t, &gtid, when, err);
	t->mode = GROUP_HOLD;
	hold_clear(&t->hold);
	verdict_clear(&t->verdict);
	if (rc < 0)
		return rc;
	atomic_fetch_add_explicit(&t->stats->groups, 1, memory_order_relaxed);
	atomic_store_explicit(&t->stats->read_lag, when ? source_time(t->stats) - when : 0,
			      memory_order_relaxed);
	return 0;
}

/* Is there anything in it that makes another definition than there was? */
static bool changes_definitions(const struct ddl_changes *changes)
{
	for (uint32_t i = 0; i < changes->n; i++)
		if (changes->list[i].kind != DDL_TRUNCATED &&
		    changes->list[i].kind != DDL_DATABASE_ALTERED)
			return true;
	return false;
}

/* TRUNCATE changes rows: some formats have a message for it. It is a group of its own. */
static int truncations(struct source_thread *t, const struct step *step,
		       const struct ddl_changes *changes, struct err *err)
{
	int rc = 0;
	for (uint32_t i = 0; rc == 0 && i < changes->n; i++) {
		const struct ddl_change *c = &changes->list[i];
		if (c->kind != DDL_TRUNCATED || !t->publish.tells_truncate ||
		    !task_matches(t->task, c->db, c->name))
			continue;
		rc = step->ends_group
			     ? publish_truncate(&t->publish, &t->stream, &step->event, step->pos,
						c->db, c->name, err)
			     : err_set(err, -EBADMSG, ERR_EVENT_UNSUPPORTED,
				       "TRUNCATE inside of a transaction: skip it with "
				       "pipe.options.skipped.operations \"t\"");
	}
	return rc;
}

static int ddl(struct source_thread *t, const struct step *step, struct err *err)
{
	struct arena arena;
	struct ddl_changes changes = {0};
	struct step told = *step;
	log_debug("statement at %s:%llu: %.*s", t->stream.at.file,
		  (unsigned long long)step->pos, (int)(step->text.len < 200 ? step->text.len : 200),
		  (const char *)step->text.p);
	arena_init(&arena);
	int rc = definitions_statement(t->definitions, step, definitions_wanted(t->definitions),
				       &arena, &changes, &told.text, err);
	if (rc == 0 && changes_definitions(&changes))
		publish_forget_tables(&t->publish);
	/* A group of its own, of a source without GTID events, has had no BEGIN. */
	if (rc == 0 && step->ends_group && !t->publish.open)
		rc = begin(t, err);
	/* What was committed before the time that the task starts at is not told either. */
	bool tells = !t->from_time || commit_time(t, step) >= t->from_time;
	if (rc == 0 && tells)
		rc = changes_publish(t, &told, &changes, err);
	if (rc == 0 && tells)
		rc = truncations(t, step, &changes, err);
	arena_free(&arena);
	return rc == 0 && step->ends_group ? end(t, step, true, err) : rc;
}

/*
 * The source went on to another file. Without GTIDs an idle task must follow, or its
 * position would be purged although nothing was missed.
 */
static int rotate(struct source_thread *t, const struct step *step)
{
	if (step->artificial || t->stream.in_group || t->read.gtids || t->read.partial.set)
		return 0;
	const struct record_mark mark = {.end = t->stream.at,
					 .commit_time = t->read.commit_time,
					 .before_start = t->read.before_start,
					 .between = true};
	int rc = queue_put_mark(&t->queue, &mark);
	if (rc == 0)
		t->read.at = t->stream.at;
	return rc;
}

/* XA COMMIT, XA ROLLBACK: the rows of an earlier group. */
static int decide(struct source_thread *t, const struct step *step, struct err *err)
{
	/* Of a source without GTID events it has had no BEGIN. */
	int rc = t->publish.open ? 0 : begin(t, err);
	if (rc == 0)
		rc = end(t, step, step->kind == STEP_XA_COMMIT, err);
	return rc == 0 && !t->dump ? GROUPS_RESUME : rc;
}

int groups_step(struct source_thread *t, const struct step *step, struct err *err)
{
	switch (step->kind) {
	case STEP_BEGIN:
		return begin(t, err);
	case STEP_TABLE_MAP:
	case STEP_ROWS:
		return row_event(t, step, err);
	case STEP_SAVEPOINT:
		return t->mode == GROUP_STREAM
			       ? 0
			       : verdict_savepoint(&t->verdict, step->text, t->event, err);
	case STEP_UNDO:
		return t->mode == GROUP_STREAM
			       ? 0
			       : verdict_undo(&t->verdict, step->text, t->event, err);
	case STEP_COMMIT:
		return end(t, step, true, err);
	case STEP_ROLLBACK:
	case STEP_TORN:
	case STEP_XA_PREPARE:
		return end(t, step, false, err);
	case STEP_XA_COMMIT:
	case STEP_XA_ROLLBACK:
		return decide(t, step, err);
	case STEP_DDL:
		return ddl(t, step, err);
	case STEP_ROTATE:
		return rotate(t, step);
	case STEP_SKIP:
	case STEP_HEARTBEAT:
	case STEP_ROWS_QUERY:
	case STEP_PAYLOAD: /* steps.c opens it */
		break;
	}
	return 0;
}

bool groups_break(struct source_thread *t)
{
	const struct group g = {.gtid = t->publish.gtid, .start = t->publish.start};
	bool other = t->read.partial.set && !is_partial_group(&t->read.partial, &g);
	bool loose = publish_has_loose(&t->publish);
	struct partial partial;
	bool some = publish_break(&t->publish, &partial);
	/* One of another server that came in front of the group we await is read anew. */
	if (some && !other)
		t->read.partial = partial;
	t->mode = GROUP_HOLD;
	t->reread = false;
	xa_forget(t);
	hold_clear(&t->hold);
	verdict_clear(&t->verdict);
	return !loose && !(some && other);
}
