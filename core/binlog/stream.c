/*
 * stream.c - see stream.h.
 *
 * The states, and what leads from one to the next:
 *
 *   OUTSIDE     GTID (MySQL, anonymous too)          -> OPENED
 *               MariaDB GTID without FL_STANDALONE   -> INSIDE
 *               MariaDB GTID with FL_STANDALONE      -> STANDALONE
 *               Query BEGIN (no GTID events)         -> INSIDE
 *               other Query (no GTID events)         -> OUTSIDE, a group of its own
 *   OPENED      Query BEGIN, XA START                -> INSIDE
 *               Query CREATE … START TRANSACTION     -> INSIDE
 *               other Query                          -> OUTSIDE, the group's only statement
 *   STANDALONE  Query                                -> OUTSIDE
 *   OPENED      TRANSACTION_PAYLOAD, which holds all from BEGIN to the terminator
 *   INSIDE      XID, Query COMMIT or ROLLBACK, XA_PREPARE -> OUTSIDE
 *   any         Query XA COMMIT, XA ROLLBACK         -> OUTSIDE
 */
#include "core/binlog/stream_priv.h"

#include "common/base/cursor.h"
#include "common/contract/errors.h"
#include "core/binlog/gtid_event.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const step_names[] = {
	[STEP_SKIP] = "SKIP",
	[STEP_HEARTBEAT] = "HEARTBEAT",
	[STEP_ROTATE] = "ROTATE",
	[STEP_BEGIN] = "BEGIN",
	[STEP_TABLE_MAP] = "TABLE_MAP",
	[STEP_ROWS] = "ROWS",
	[STEP_ROWS_QUERY] = "ROWS_QUERY",
	[STEP_SAVEPOINT] = "SAVEPOINT",
	[STEP_UNDO] = "UNDO",
	[STEP_COMMIT] = "COMMIT",
	[STEP_ROLLBACK] = "ROLLBACK",
	[STEP_TORN] = "TORN",
	[STEP_XA_PREPARE] = "XA_PREPARE",
	[STEP_XA_COMMIT] = "XA_COMMIT",
	[STEP_XA_ROLLBACK] = "XA_ROLLBACK",
	[STEP_DDL] = "DDL",
	[STEP_PAYLOAD] = "PAYLOAD",
};

const char *step_kind_name(enum step_kind kind)
{
	return kind < sizeof(step_names) / sizeof(step_names[0]) ? step_names[kind] : "unknown";
}

void stream_init(struct stream *s, enum flavor flavor, bool checksum_asked)
{
	*s = (struct stream){.checksum_asked = checksum_asked};
	s->format.flavor = flavor;
	stream_start(s, NULL, 0);
}

void stream_free(struct stream *s)
{
	inflater_free(&s->inflater);
}

void stream_start(struct stream *s, const char *file, uint64_t pos)
{
	binlog_format_init(&s->format, s->format.flavor, s->checksum_asked);
	snprintf(s->at.file, sizeof(s->at.file), "%s", file ? file : "");
	s->at.pos = pos;
	s->state = OUTSIDE;
	s->in_group = false;
	s->alter_undecided = false;
	s->file_changed = false;
	s->in_payload = false;
	s->group = (struct group){0};
}

const char *stream_where(const struct stream *s, uint64_t pos, char *out, size_t size)
{
	char gtid[GTID_TEXT_MAX] = "";
	if (s->in_group)
		gtid_format(&s->group.gtid, gtid);
	snprintf(out, size, gtid[0] ? "%s:%llu (gtid %s)" : "%s:%llu",
		 s->at.file[0] ? s->at.file : "(first file)", (unsigned long long)pos, gtid);
	return out;
}

/*
 * The servers compare names without regard to case. Beyond ASCII this compares bytes: a
 * ROLLBACK TO that then finds no savepoint is an error of the caller's, not a guess.
 */
bool stream_savepoint_equal(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		uint8_t x = a.p[i], y = b.p[i];
		if (x >= 'A' && x <= 'Z')
			x = (uint8_t)(x + 32);
		if (y >= 'A' && y <= 'Z')
			y = (uint8_t)(y + 32);
		if (x != y)
			return false;
	}
	return true;
}

int stream_corrupt(struct err *err, const struct event *e, const char *what)
{
	return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT, "%s event (type %u): %s",
		       event_type_name(e->type), e->type, what);
}

int stream_outside(struct err *err, const struct event *e)
{
	return err_set(err, -EINVAL, ERR_SOURCE_POSITION,
		       "%s event (type %u) without the beginning of its transaction: the position "
		       "that the dump started from is inside it",
		       event_type_name(e->type), e->type);
}

void stream_group_open(struct stream *s, const struct event *e, uint64_t start,
		       enum group_state state)
{
	s->group = (struct group){.server_id = e->server_id};
	memcpy(s->group.start.file, s->at.file, strlen(s->at.file) + 1);
	s->group.start.pos = start;
	s->state = (uint8_t)state;
	s->in_group = true;
	s->alter_undecided = false;
	s->file_changed = false;
}

/* The group ends with this event, whose position must be known: it is where we resume. */
int stream_group_close(struct stream *s, const struct event *e, enum step_kind kind,
		       struct step *step, struct err *err)
{
	if (e->log_pos == 0 && !s->in_payload)
		return stream_corrupt(err, e, "it ends a transaction and has no position");
	s->state = OUTSIDE;
	s->in_group = false;
	step->kind = kind;
	step->ends_group = true;
	return 0;
}

/* Events that the dump makes up, or sends out of their place in the file. */
static bool is_in_file(const struct event *e)
{
	switch (e->type) {
	case EVENT_HEARTBEAT:
	case EVENT_HEARTBEAT_V2:
		return false;
	case EVENT_ROTATE:
		return !event_is_artificial(e);
	case EVENT_FORMAT_DESCRIPTION:
		/* A dump that starts inside a file repeats the file's first event. */
		return e->log_pos != 0 && !(e->flags & EVENT_FLAG_ARTIFICIAL);
	default:
		return !(e->flags & EVENT_FLAG_ARTIFICIAL);
	}
}

/*
 * Moves `at` behind the event and says where it starts. log_pos has 32 bits, files may
 * have more; and it is 0 inside MariaDB 11's groups, where sizes are summed up (too low
 * when the dump leaves out ANNOTATE_ROWS: good enough for messages, and the terminator
 * has a position again).
 */
static int stream_move(struct stream *s, const struct event *e, uint64_t *ret_start,
		       struct err *err)
{
	if (!is_in_file(e)) {
		*ret_start = s->at.pos;
		if (e->type == EVENT_MARIA_GTID_LIST && e->log_pos != 0 && !s->in_group)
			s->at.pos = e->log_pos; /* behind the groups that were not sent */
		return 0;
	}
	uint64_t start = s->at.pos, end = start + e->size;
	if (e->log_pos != 0) {
		const uint64_t period = UINT64_C(1) << 32;
		end = (s->at.pos & ~(period - 1)) | e->log_pos;
		if (end < s->at.pos && s->at.pos - end > period / 2)
			end += period;
		if (end < s->at.pos + e->size)
			return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
				       "%s event (type %u) of %u bytes ends at %llu, but the event "
				       "before it at %llu",
				       event_type_name(e->type), e->type, e->size,
				       (unsigned long long)end, (unsigned long long)s->at.pos);
		start = end - e->size;
	}
	s->at.pos = end;
	*ret_start = start;
	return 0;
}

/* FORMAT_DESCRIPTION; its third field is when the file was created (event.c). */
static int feed_format(struct stream *s, struct step *step, struct err *err)
{
	int rc = binlog_format_read(&s->format, &step->event, err);
	if (rc < 0)
		return rc;
	if (!s->in_group)
		return 0;
	/*
	 * Servers never divide a group between files. The creation time is set only in the
	 * first file after a start: so the source died while it wrote the group, and its
	 * recovery rolled it back.
	 */
	if (load_le32(step->event.body.p + 52) == 0)
		return stream_corrupt(err, &step->event, "a file begins inside a transaction");
	s->file_changed = false;
	return stream_group_close(s, &step->event, STEP_TORN, step, err);
}

/* ROTATE: 8 bytes position, then the name of the file. */
/* A binlog's name has no folder; it is logged and saved. */
static bool is_file_name(const uint8_t *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] < ' ' || name[i] == 0x7f || name[i] == '/' || name[i] == '\\')
			return false;
	return true;
}

static int feed_rotate(struct stream *s, struct step *step, struct err *err)
{
	const struct event *e = &step->event;
	struct cursor c = cursor_of(e->body.p, e->body.len);
	uint64_t pos = cursor_le64(&c);
	size_t len = strnlen((const char *)c.p, cursor_left(&c));
	if (c.failed || len == 0 || len >= sizeof(s->at.file))
		return stream_corrupt(err, e, "no file name of a usable length");
	if (!is_file_name(c.p, len))
		return stream_corrupt(err, e, "what is no file name");
	step->artificial = event_is_artificial(e);
	if (s->in_group && !step->artificial)
		return stream_corrupt(err, e, "the file ends inside a transaction");
	s->file_changed = s->in_group;
	memcpy(s->at.file, c.p, len);
	s->at.file[len] = 0;
	s->at.pos = pos;
	step->kind = STEP_ROTATE;
	return 0;
}

/*
 * HEARTBEAT: the file's name; its position is the header's log_pos. HEARTBEAT_V2: fields
 * of type, length, value (all length-encoded): 1 the name, 2 the position; 0 ends them.
 */
static int feed_heartbeat(struct stream *s, struct step *step, struct err *err)
{
	const struct event *e = &step->event;
	struct cursor c = cursor_of(e->body.p, e->body.len);
	step->kind = STEP_HEARTBEAT;
	step->file_pos = e->log_pos;
	if (e->type == EVENT_HEARTBEAT) {
		step->file = cursor_span(&c, cursor_left(&c));
	} else {
		while (cursor_left(&c) > 0) {
			uint64_t type = cursor_lenenc(&c);
			if (type == 0)
				break;
			uint64_t len = cursor_lenenc(&c);
			struct cursor value = cursor_sub(&c, len);
			if (type == 1)
				step->file = (struct span){value.p, cursor_left(&value)};
			else if (type == 2)
				step->file_pos = cursor_lenenc(&value);
			c.failed |= value.failed;
		}
	}
	if (c.failed)
		return stream_corrupt(err, e, "it is too short for its own lengths");
	/* Groups that we did not ask for lie before it; inside a group nothing does. */
	if (!s->in_group && step->file_pos > s->at.pos && step->file.len > 0 &&
	    step->file.len == strlen(s->at.file) &&
	    memcmp(step->file.p, s->at.file, step->file.len) == 0)
		s->at.pos = step->file_pos;
	return 0;
}

static int feed_gtid(struct stream *s, struct step *step, struct err *err)
{
	const struct event *e = &step->event;
	struct gtid_event g;
	int rc = gtid_event_read(e, &g, err);
	if (rc < 0)
		return rc;
	if (s->in_group)
		return stream_corrupt(err, e, "a transaction begins inside another");
	enum group_state state = OPENED;
	if (e->type == EVENT_MARIA_GTID)
		state = g.standalone ? STANDALONE : INSIDE;
	stream_group_open(s, e, step->pos, state);
	s->group.gtid = g.gtid;
	s->group.has_thread = g.has_thread;
	s->group.thread_id = g.thread_id;
	s->group.commit_time = g.commit_time;
	s->group.original_commit_time = g.original_commit_time;
	s->group.length = g.length;
	s->group.standalone = g.standalone;
	s->group.ddl = g.ddl;
	s->alter_undecided = g.alter_undecided;
	step->kind = STEP_BEGIN;
	return 0;
}

/*
 * XA_PREPARE, of both flavours:
 *
 *   1  0: prepared; 1: committed in one phase (MySQL)
 *   4  format id
 *   4  length of gtrid, n
 *   4  length of bqual, m
 *   n  gtrid
 *   m  bqual
 */
static int feed_xa_prepare(struct stream *s, struct step *step, struct err *err)
{
	const struct event *e = &step->event;
	struct cursor c = cursor_of(e->body.p, e->body.len);
	if (s->state != INSIDE)
		return stream_outside(err, e);
	bool one_phase = cursor_u8(&c) != 0;
	struct xid x = {.format = cursor_le32(&c)};
	uint32_t gtrid_len = cursor_le32(&c), bqual_len = cursor_le32(&c);
	if (c.failed || gtrid_len == 0 || gtrid_len > XID_PART_MAX || bqual_len > XID_PART_MAX ||
	    cursor_left(&c) < gtrid_len + bqual_len)
		return stream_corrupt(err, e, "no transaction's name of a usable length");
	x.gtrid_len = (uint8_t)gtrid_len;
	x.bqual_len = (uint8_t)bqual_len;
	memcpy(x.gtrid, cursor_take(&c, gtrid_len), gtrid_len);
	if (bqual_len)
		memcpy(x.bqual, cursor_take(&c, bqual_len), bqual_len);
	s->xid = x;
	return stream_group_close(s, e, one_phase ? STEP_COMMIT : STEP_XA_PREPARE, step, err);
}

/* XID: 8 bytes, the storage engine's number of the transaction. */
static int feed_xid(struct stream *s, struct step *step, struct err *err)
{
	const struct event *e = &step->event;
	if (s->state == OUTSIDE)
		return stream_outside(err, e);
	if (s->state != INSIDE)
		return stream_corrupt(err, e, "the end of a transaction that has no BEGIN");
	if (e->body.len < 8)
		return stream_corrupt(err, e, "it is too short for its number");
	s->group.has_xid = true;
	s->group.xid = load_le64(e->body.p);
	return stream_group_close(s, e, STEP_COMMIT, step, err);
}

/* INCIDENT: 2 bytes number, 1 byte length, message. */
static int feed_incident(const struct event *e, struct err *err)
{
	struct cursor c = cursor_of(e->body.p, e->body.len);
	unsigned number = cursor_le16(&c);
	struct span message = cursor_span(&c, cursor_u8(&c));
	return err_set(err, -EBADMSG, ERR_EVENT_INCIDENT, "the source logged incident %u: %.*s",
		       number, (int)message.len, message.p ? (const char *)message.p : "");
}

static int feed_rows_query(struct stream *s, struct step *step, struct err *err)
{
	struct span body = step->event.body;
	if (s->state != INSIDE)
		return stream_outside(err, &step->event);
	/* MySQL's has a length byte in front, too short for long texts and so ignored. */
	if (step->event.type == EVENT_ROWS_QUERY) {
		if (body.len == 0)
			return stream_corrupt(err, &step->event, "it is empty");
		body = (struct span){body.p + 1, body.len - 1};
	}
	step->kind = STEP_ROWS_QUERY;
	step->text = body;
	return 0;
}

static int feed_rows(struct stream *s, struct step *step, struct err *err)
{
	if (s->state == OUTSIDE)
		return stream_outside(err, &step->event);
	if (s->state != INSIDE)
		return stream_corrupt(err, &step->event, "rows in a group that has no BEGIN");
	step->kind = step->event.type == EVENT_TABLE_MAP ? STEP_TABLE_MAP : STEP_ROWS;
	return 0;
}

static int feed_payload(struct stream *s, struct step *step, struct err *err)
{
	if (s->state == OUTSIDE)
		return stream_outside(err, &step->event);
	if (s->state != OPENED)
		return stream_corrupt(err, &step->event, "a transaction inside another");
	s->in_payload = true;
	s->payload_pos = step->pos;
	step->kind = STEP_PAYLOAD;
	return 0;
}

static int feed_unsupported(const struct event *e, struct err *err)
{
	return err_set(err, -ENOTSUP, ERR_EVENT_UNSUPPORTED,
		       "%s event (type %u) is not supported", event_type_name(e->type), e->type);
}

static int feed_body(struct stream *s, struct step *step, struct err *err)
{
	const struct event *e = &step->event;
	switch (e->type) {
	case EVENT_TABLE_MAP:
	case EVENT_WRITE_ROWS_V1:
	case EVENT_UPDATE_ROWS_V1:
	case EVENT_DELETE_ROWS_V1:
	case EVENT_WRITE_ROWS_V2:
	case EVENT_UPDATE_ROWS_V2:
	case EVENT_DELETE_ROWS_V2:
	case EVENT_PARTIAL_UPDATE_ROWS:
		return feed_rows(s, step, err);
	case EVENT_XID:
		return feed_xid(s, step, err);
	case EVENT_QUERY:
		return stream_query(s, step, err);
	case EVENT_GTID:
	case EVENT_ANONYMOUS_GTID:
	case EVENT_GTID_TAGGED:
	case EVENT_MARIA_GTID:
		return feed_gtid(s, step, err);
	case EVENT_ROWS_QUERY:
	case EVENT_MARIA_ANNOTATE_ROWS:
		return feed_rows_query(s, step, err);
	case EVENT_HEARTBEAT:
	case EVENT_HEARTBEAT_V2:
		return feed_heartbeat(s, step, err);
	case EVENT_ROTATE:
		return feed_rotate(s, step, err);
	case EVENT_FORMAT_DESCRIPTION:
		return feed_format(s, step, err);
	case EVENT_TRANSACTION_PAYLOAD:
		return feed_payload(s, step, err);
	case EVENT_XA_PREPARE:
		return feed_xa_prepare(s, step, err);
	case EVENT_INCIDENT:
		return feed_incident(e, err);
	case EVENT_INTVAR:
	case EVENT_RAND:
	case EVENT_USER_VAR:
		/* In front of a DDL statement they carry nothing; the statement decides. */
		if (s->state != INSIDE)
			return 0;
		__attribute__((fallthrough));
	case EVENT_LOAD:
	case EVENT_CREATE_FILE:
	case EVENT_APPEND_BLOCK:
	case EVENT_EXEC_LOAD:
	case EVENT_DELETE_FILE:
	case EVENT_NEW_LOAD:
	case EVENT_BEGIN_LOAD_QUERY:
	case EVENT_EXECUTE_LOAD_QUERY:
		return err_set(err, -EINVAL, ERR_EVENT_STATEMENT,
			       "%s event (type %u): a change was logged as a statement, the "
			       "session that ran it had binlog_format=STATEMENT or MIXED",
			       event_type_name(e->type), e->type);
	case EVENT_STOP:
	case EVENT_SLAVE:
	case EVENT_IGNORABLE:
	case EVENT_PREVIOUS_GTIDS:
	case EVENT_TRANSACTION_CONTEXT:
	case EVENT_VIEW_CHANGE:
	case EVENT_MARIA_BINLOG_CHECKPOINT:
	case EVENT_MARIA_GTID_LIST:
	case EVENT_MARIA_START_ENCRYPTION: /* the dump sends the events decrypted */
		return 0;
	default:
		/* A type we have a name for may carry rows, whatever its flags say. */
		if ((e->flags & EVENT_FLAG_IGNORABLE) &&
		    strcmp(event_type_name(e->type), "unknown") == 0)
			return 0;
		return feed_unsupported(e, err);
	}
}

int stream_feed(struct stream *s, const void *bytes, size_t len, struct step *ret, struct err *err)
{
	struct step step = {.kind = STEP_SKIP, .pos = s->at.pos};
	int rc = event_parse(&s->format, bytes, len, &step.event, err);
	if (rc == 0)
		rc = stream_move(s, &step.event, &step.pos, err);
	if (rc == 0 && s->file_changed && step.event.type != EVENT_FORMAT_DESCRIPTION &&
	    step.event.type != EVENT_ROTATE && is_in_file(&step.event))
		rc = stream_corrupt(err, &step.event, "the file changed inside a transaction");
	if (rc == 0 && s->in_payload)
		rc = stream_corrupt(err, &step.event, "inside a TRANSACTION_PAYLOAD");
	if (rc == 0)
		rc = inflate_event(&s->inflater, &s->format, &step.event, err);
	if (rc == 0)
		rc = feed_body(s, &step, err);
	if (rc < 0) {
		char where[sizeof(err->where)];
		err_locate(err, "%s", stream_where(s, step.pos, where, sizeof(where)));
		return rc;
	}
	*ret = step;
	return 0;
}

/* What a transaction's cache holds, and so a payload. */
static bool may_be_inner(uint8_t type)
{
	switch (type) {
	case EVENT_FORMAT_DESCRIPTION:
	case EVENT_ROTATE:
	case EVENT_STOP:
	case EVENT_HEARTBEAT:
	case EVENT_HEARTBEAT_V2:
	case EVENT_GTID:
	case EVENT_GTID_TAGGED:
	case EVENT_ANONYMOUS_GTID:
	case EVENT_PREVIOUS_GTIDS:
	case EVENT_TRANSACTION_PAYLOAD:
		return false;
	default:
		return true;
	}
}

int stream_feed_inner(struct stream *s, const void *bytes, size_t len, struct step *ret,
		      struct err *err)
{
	struct step step = {.kind = STEP_SKIP, .pos = s->payload_pos};
	struct binlog_format plain = s->format;
	plain.checksum = false; /* the payload has one for all */
	int rc = event_parse(&plain, bytes, len, &step.event, err);
	if (rc == 0 && !s->in_group)
		rc = stream_corrupt(err, &step.event, "behind the end of its transaction");
	if (rc == 0 && !may_be_inner(step.event.type))
		rc = stream_corrupt(err, &step.event, "inside a TRANSACTION_PAYLOAD");
	if (rc == 0)
		rc = feed_body(s, &step, err);
	if (rc < 0) {
		char where[sizeof(err->where)];
		err_locate(err, "%s", stream_where(s, step.pos, where, sizeof(where)));
		return rc;
	}
	*ret = step;
	return 0;
}

int stream_payload_end(struct stream *s, struct err *err)
{
	char where[300];
	s->in_payload = false;
	if (!s->in_group)
		return 0;
	return err_set_at(err, -EBADMSG, ERR_EVENT_CORRUPT,
			  stream_where(s, s->payload_pos, where, sizeof(where)),
			  "TRANSACTION_PAYLOAD event: its transaction does not end in it");
}
