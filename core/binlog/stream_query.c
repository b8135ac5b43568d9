/*
 * stream_query.c - QUERY events in the stream: statements that begin and end groups, that
 * define tables, and those that must not be there. See stream.h.
 */
#include "core/binlog/stream_priv.h"

#include "common/contract/errors.h"
#include "core/binlog/query.h"
#include "core/binlog/statement.h"

#include <errno.h>

enum { SQL_MODE_NO_BACKSLASH_ESCAPES = 1 << 20 };

/* A change that the source logged as a statement. Its text may hold data: the verb only. */
static int statement_change(struct err *err, const struct query *q, const struct statement *st)
{
	if (st->kind == STATEMENT_EMPTIED)
		return err_set(err, -EINVAL, ERR_EVENT_STATEMENT,
			       "%.*s was logged as a statement: either by a session that had "
			       "binlog_format=STATEMENT or MIXED, or by the server itself, which "
			       "found this MEMORY table empty after a restart",
			       (int)(q->text.len < 300 ? q->text.len : 300),
			       (const char *)q->text.p);
	return err_set(err, -EINVAL, ERR_EVENT_STATEMENT,
		       "%.*s statement (default database '%.*s') was logged as a statement: the "
		       "session that ran it had binlog_format=STATEMENT or MIXED",
		       (int)(st->verb.len < 32 ? st->verb.len : 32), (const char *)st->verb.p,
		       (int)q->db.len, (const char *)q->db.p);
}

static int feed_savepoint(struct stream *s, const struct statement *st, struct step *step,
			  struct err *err)
{
	int len = statement_unquote(st->name, s->name, sizeof(s->name));
	if (len <= 0)
		return stream_corrupt(err, &step->event, "no savepoint name of a usable length");
	step->kind = st->kind == STATEMENT_SAVEPOINT ? STEP_SAVEPOINT : STEP_UNDO;
	step->text = (struct span){(const uint8_t *)s->name, (size_t)len};
	return 0;
}

/* A statement that changes no rows by itself. */
static int feed_definition(struct stream *s, const struct query *q, const struct statement *st,
			   struct step *step, struct err *err)
{
	if (s->state == OUTSIDE) {
		stream_group_open(s, &step->event, step->pos, OPENED);
		s->group.has_thread = true;
		s->group.thread_id = q->thread_id;
	}
	step->kind = STEP_DDL;
	step->text = q->text;
	step->db = q->db;
	step->collation = q->collation;
	step->has_sql_mode = q->has_sql_mode;
	step->sql_mode = q->sql_mode;
	if (s->state == INSIDE)
		return 0;
	if (st->kind == STATEMENT_DEFINITION_OPENS) {
		s->state = INSIDE;
		return 0;
	}
	/* MariaDB's START ALTER and ROLLBACK ALTER repeat the statement without effect. */
	enum step_kind kind = s->alter_undecided ? STEP_COMMIT : STEP_DDL;
	return stream_group_close(s, &step->event, kind, step, err);
}

/*
 * XA statements. COMMIT and ROLLBACK decide about rows of an earlier group; as a group of
 * its own, or, without GTID events, outside any.
 */
static int feed_xa(struct stream *s, const struct statement *st, struct step *step,
		   struct err *err)
{
	switch (st->kind) {
	case STATEMENT_XA_START:
		if (s->state == OUTSIDE) {
			stream_group_open(s, &step->event, step->pos, INSIDE);
			step->kind = STEP_BEGIN;
		}
		s->state = INSIDE;
		return 0;
	case STATEMENT_XA_END:
		return s->state == INSIDE ? 0 : stream_outside(err, &step->event);
	default:
		if (xid_parse(st->name, &s->xid) < 0)
			return stream_corrupt(err, &step->event,
					      "an XA transaction's name of a form that no server "
					      "writes");
		if (s->state == OUTSIDE)
			stream_group_open(s, &step->event, step->pos, OPENED);
		return stream_group_close(
			s, &step->event,
			st->kind == STATEMENT_XA_COMMIT ? STEP_XA_COMMIT : STEP_XA_ROLLBACK, step,
			err);
	}
}

int stream_query(struct stream *s, struct step *step, struct err *err)
{
	const struct event *e = &step->event;
	struct query q;
	int rc = query_read(&s->format, e, &q, err);
	if (rc < 0)
		return rc;
	if (s->in_group && !s->group.has_thread) {
		s->group.has_thread = true;
		s->group.thread_id = q.thread_id;
	}
	bool escapes = !(q.has_sql_mode && (q.sql_mode & SQL_MODE_NO_BACKSLASH_ESCAPES));
	struct statement st = statement_classify(q.text, escapes);
	switch (st.kind) {
	case STATEMENT_BEGIN:
		if (s->state == OUTSIDE) {
			stream_group_open(s, e, step->pos, INSIDE);
			s->group.has_thread = true;
			s->group.thread_id = q.thread_id;
			step->kind = STEP_BEGIN;
		} else if (s->state == INSIDE && s->format.flavor == FLAVOR_MYSQL) {
			return stream_corrupt(err, e, "a transaction begins inside another");
		}
		s->state = INSIDE;
		return 0;
	case STATEMENT_COMMIT:
	case STATEMENT_ROLLBACK:
		if (s->state == OUTSIDE)
			return stream_outside(err, e);
		return stream_group_close(
			s, e, st.kind == STATEMENT_COMMIT ? STEP_COMMIT : STEP_ROLLBACK, step, err);
	case STATEMENT_SAVEPOINT:
	case STATEMENT_ROLLBACK_TO:
		if (s->state != INSIDE)
			return stream_outside(err, e);
		return feed_savepoint(s, &st, step, err);
	case STATEMENT_RELEASE:
		return s->state == INSIDE ? 0 : stream_outside(err, e);
	case STATEMENT_XA_START:
	case STATEMENT_XA_END:
	case STATEMENT_XA_COMMIT:
	case STATEMENT_XA_ROLLBACK:
		return feed_xa(s, &st, step, err);
	case STATEMENT_EMPTY:
		return s->state == INSIDE ? 0 : feed_definition(s, &q, &st, step, err);
	case STATEMENT_DEFINITION:
	case STATEMENT_DEFINITION_OPENS:
		return feed_definition(s, &q, &st, step, err);
	case STATEMENT_OTHER: /* SET PASSWORD and the like; in a group it may be anything */
		if (s->state != INSIDE)
			return feed_definition(s, &q, &st, step, err);
		break;
	case STATEMENT_EMPTIED:
	case STATEMENT_CHANGE:
		break;
	}
	return statement_change(err, &q, &st);
}
