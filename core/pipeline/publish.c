/* publish.c - see publish.h. */
#include "core/pipeline/publish.h"

#include "common/base/crc.h"
#include "common/contract/errors.h"
#include "core/binlog/rows.h"

#include <errno.h>
#include <stdlib.h>

/* Blocks of the arena of values that are worth keeping for the next row. */
enum { VALUES_KEEP = 256 * 1024 };

int publish_init(struct publish *p)
{
	arena_init(&p->values);
	/* The first block, so that values_start is where every row begins. */
	if (!arena_alloc(&p->values, 8))
		return -ENOMEM;
	arena_reset(&p->values, VALUES_KEEP);
	p->values_start = p->values.p;
	return 0;
}

void publish_forget_tables(struct publish *p)
{
	targets_forget(&p->targets);
}

void publish_fini(struct publish *p)
{
	targets_fini(&p->targets);
	arena_free(&p->values);
	free(p->before);
	free(p->after);
	p->before = p->after = NULL;
	p->nvalues = 0;
}

static int room_for_values(struct publish *p, uint32_t n)
{
	if (n <= p->nvalues)
		return 0;
	struct value *before = realloc(p->before, n * sizeof(*before));
	if (before)
		p->before = before;
	struct value *after = realloc(p->after, n * sizeof(*after));
	if (after)
		p->after = after;
	if (!before || !after)
		return -ENOMEM;
	p->nvalues = n;
	return 0;
}

static int publish_table_map(struct publish *p, const struct stream *s, const struct event *e,
			     struct err *err)
{
	struct target *t;
	int rc = targets_meet(&p->targets, s, e, &t, err);
	if (rc == 0 && room_for_values(p, t->map.ncolumns) < 0)
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a row of %u columns",
			     t->map.ncolumns);
	return rc;
}

/* ---------------------------------------------------------------- rows */

static int put_record_once(struct publish *p)
{
	const struct record_group g = {.gtid = p->gtid, .start = p->start};
	int rc = p->record_put ? 0 : queue_put_group(p->queue, &g);
	p->record_put = rc == 0;
	return rc;
}

static int put_group_once(struct publish *p, const struct stream *s, struct err *err)
{
	if (p->group_put)
		return 0;
	int rc = put_record_once(p);
	if (rc < 0)
		return rc;
	p->gtid_text[0] = 0;
	gtid_format(&p->gtid, p->gtid_text);
	p->group = (struct row_group){
		.gtid = &p->gtid,
		.gtid_text = p->gtid_text,
		.start = &p->start,
		.xid = p->xid,
		.has_xid = p->has_xid,
		.thread_id = s->group.thread_id,
		.has_thread = s->group.has_thread,
		.server_id = s->group.server_id,
		.commit_time = s->group.commit_time,
	};
	rc = envelope_group_begin(p->envelope, &p->group, err);
	p->group_put = rc == 0;
	return rc;
}

static void describe_event(struct publish *p, const struct stream *s, const struct event *e,
			   uint64_t pos, struct row_event *ret)
{
	*ret = (struct row_event){
		.flavor = s->format.flavor,
		.file = s->at.file,
		.pos = pos,
		.server_id = e->server_id,
		.gtid = p->gtid,
		.thread_id = s->group.thread_id,
		.has_thread = s->group.has_thread,
		.source_time = (usec_t)e->timestamp * USEC_PER_SEC,
		.commit_time = s->group.commit_time,
		.read_time = clock_wall(),
	};
	gtid_format(&p->gtid, ret->gtid_text);
}

/* At the last row that is in the pipe already the crc must be the saved one. */
static int count_row(struct publish *p, struct span image, struct err *err)
{
	p->rows++;
	p->crc = crc32_update(p->crc, image.p, image.len);
	if (p->rows == p->skip_rows && p->crc != p->skip_crc)
		return err_set(err, -ESTALE, ERR_PARTIAL_MISMATCH,
			       "the first %llu rows of the transaction are not those that were "
			       "delivered before",
			       (unsigned long long)p->skip_rows);
	return 0;
}

static struct queue_about about(const struct target *t, enum row_op op, uint64_t pos)
{
	const uint8_t *name = (const uint8_t *)t->name;
	size_t db = strlen(t->name);
	return (struct queue_about){
		.db = {name, db},
		.table = {name + db + 1, t->name_len - db - 1},
		.op = op,
		.pos = pos,
	};
}

static int publish_rows(struct publish *p, const struct stream *s, const struct event *e,
			uint64_t pos, bool undone, struct err *err)
{
	struct rows_reader r;
	int rc = rows_open(&r, &s->format, e, err);
	if (rc < 0)
		return rc;
	struct target *t = targets_by_id(&p->targets, r.table_id);
	if (!t)
		return err_set(err, -EBADMSG, ERR_SOURCE_POSITION,
			       "rows of table id %llu without its TABLE_MAP: the position the dump "
			       "started from was not the end of a transaction",
			       (unsigned long long)r.table_id);
	struct row_event event;
	bool wanted = !undone && !t->excluded;
	if (wanted) {
		describe_event(p, s, e, pos, &event);
		rc = put_group_once(p, s, err);
		if (rc == 0)
			rc = envelope_event_begin(p->envelope, t->plan, &event, err);
		p->queue->topic = t->topic;
		p->queue->timestamp = event.source_time;
		p->queue->about = about(t, r.op, pos);
	}
	struct row row = {.op = r.op, .table = target_shape(t), .event = &event};
	row.before = r.op == ROW_INSERT ? NULL : p->before;
	row.after = r.op == ROW_DELETE ? NULL : p->after;
	while (rc >= 0) {
		/* Rows that are not written are counted all the same: see struct partial. */
		bool write = wanted && p->rows >= p->skip_rows;
		struct span image;
		rc = write ? rows_next(&r, t->table, &p->values, p->before, p->after, &image, err)
			   : rows_skip(&r, t->table, &image, err);
		if (rc <= 0)
			break;
		rc = count_row(p, image, err);
		if (rc == 0 && wanted && !write)
			envelope_pass(p->envelope);
		if (rc == 0 && write && t->rules) {
			row.op = r.op;
			row.before = r.op == ROW_INSERT ? NULL : p->before;
			row.after = r.op == ROW_DELETE ? NULL : p->after;
			rc = rules_row(t->rules, &row, p->before, p->after, &p->values, &write, err);
		}
		if (rc == 0 && write) {
			p->queue->row = p->rows;
			p->queue->crc = p->crc;
			row.index = r.nrows - 1;
			rc = envelope_row(p->envelope, &row, &p->queue->sink, err);
		}
		if (p->values.p != p->values_start) {
			arena_reset(&p->values, VALUES_KEEP);
			p->values_start = p->values.p;
		}
	}
	p->queue->about = (struct queue_about){.db = {0}};
	if (rc == -ENOTSUP && t->excluded) {
		/* Nobody wants this table's values: what is left of the event counts as one row. */
		err_clear(err);
		rc = count_row(p, e->body, err);
	}
	/* A message that was refused may have been kept back from another table's row. */
	if (rc < 0 && rc != -ECANCELED && !p->queue->refusal)
		err_prefix(err, "table %.*s.%.*s", (int)t->map.db.len, t->map.db.p,
			   (int)t->map.name.len, t->map.name.p);
	return rc < 0 ? rc : 0;
}

/* ---------------------------------------------------------------- TRUNCATE */

static int truncate_target(struct publish *p, const struct stream *s, const struct event *e,
			   uint64_t pos, struct target *t, struct err *err)
{
	struct row_event event;
	describe_event(p, s, e, pos, &event);
	event.has_thread = false; /* as Debezium: null */
	int rc = put_group_once(p, s, err);
	if (rc == 0)
		rc = envelope_event_begin(p->envelope, t->plan, &event, err);
	p->queue->topic = t->topic;
	p->queue->timestamp = event.source_time;
	p->queue->row = p->rows;
	p->queue->crc = p->crc;
	return rc < 0 ? rc : envelope_truncate(p->envelope, &p->queue->sink, err);
}

int publish_truncate(struct publish *p, const struct stream *s, const struct event *e,
		     uint64_t pos, struct span db, struct span name, struct err *err)
{
	struct target *t;
	int rc = targets_by_name(&p->targets, db, name, &t, err);
	if (rc == 0)
		rc = truncate_target(p, s, e, pos, t, err);
	if (rc < 0 && rc != -ECANCELED) {
		char where[sizeof(err->where)];
		err_prefix(err,
			   "TRUNCATE of %.*s.%.*s, which pipe.options.skipped.operations \"t\" "
			   "would leave out",
			   (int)db.len, (const char *)db.p, (int)name.len, (const char *)name.p);
		err_locate(err, "%s", stream_where(s, pos, where, sizeof(where)));
	}
	return rc;
}

/* ---------------------------------------------------------------- groups */

void publish_group(struct publish *p, const struct group *g, const struct partial *skip)
{
	p->gtid = g->gtid;
	p->start = g->start;
	p->open = true;
	p->group_put = p->record_put = false;
	p->has_xid = false;
	queue_begin_group(p->queue, oversize_of_group(p->oversize, &g->gtid, &g->start));
	envelope_group_drop(p->envelope);
	p->rows = 0;
	p->crc = 0;
	p->skip_rows = skip ? skip->rows : 0;
	p->skip_crc = skip ? skip->crc : 0;
}

void publish_xid(struct publish *p, uint64_t xid)
{
	p->xid = xid;
	p->has_xid = true;
}

int publish_event(struct publish *p, const struct stream *s, enum step_kind kind,
		  const struct event *e, uint64_t pos, bool undone, struct err *err)
{
	int rc = kind == STEP_TABLE_MAP ? publish_table_map(p, s, e, err)
					: publish_rows(p, s, e, pos, undone, err);
	if (rc < 0 && rc != -ECANCELED && err && !err->where[0]) {
		char where[sizeof(err->where)];
		err_locate(err, "%s", stream_where(s, pos, where, sizeof(where)));
	}
	return rc;
}

int publish_side(struct publish *p, const struct publish_message *m, struct err *err)
{
	struct envelope_sink *sink = &p->queue->sink;
	/* In front of a row that was delivered before: so was this. */
	if (p->rows < p->skip_rows)
		return 0;
	int rc = put_record_once(p);
	if (rc == 0 && p->group_put)
		rc = envelope_settle(p->envelope, sink, err);
	if (rc < 0)
		return rc;
	p->queue->topic = m->topic;
	p->queue->row = p->rows;
	p->queue->crc = p->crc;
	p->queue->timestamp = m->timestamp;
	struct buf *b = sink->begin(sink);
	if (!b)
		return sink->why(sink, err);
	buf_put(b, m->key.p, m->key.len);
	buf_put(b, m->headers.p, m->headers.len);
	buf_put(b, m->value.p, m->value.len);
	/* No end of a row: the ledger waits for it, and counts nothing. */
	if (b->failed || sink->end(sink, (uint32_t)m->key.len, (uint32_t)m->headers.len,
				   (uint32_t)m->value.len, m->key.len ? 0 : RECORD_NO_KEY) < 0)
		return sink->why(sink, err);
	return 0;
}

int publish_end(struct publish *p, const struct record_mark *mark, const struct record_xa *xa,
		struct err *err)
{
	if (p->rows < p->skip_rows)
		return err_set_at(err, -ESTALE, ERR_PARTIAL_MISMATCH, p->start.file,
				  "the transaction has %llu rows, but %llu of it were delivered "
				  "before",
				  (unsigned long long)p->rows, (unsigned long long)p->skip_rows);
	int rc = 0;
	if (p->group_put)
		rc = envelope_group_end(p->envelope, &p->queue->sink, err);
	if (rc == 0 && xa->entry)
		rc = queue_put_xa(p->queue, prepared_ref(xa->entry), xa->decided);
	if (rc == 0)
		rc = queue_put_mark(p->queue, mark);
	if (rc == 0)
		p->open = false;
	return rc;
}

bool publish_has_loose(const struct publish *p)
{
	return p->open && p->queue->messages > p->queue->done_messages;
}

bool publish_break(struct publish *p, struct partial *ret)
{
	bool some = p->open && p->queue->done_row > p->skip_rows;
	if (some)
		*ret = (struct partial){
			.set = true,
			.gtid = p->gtid,
			.start = p->start,
			.rows = p->queue->done_row,
			.crc = p->queue->done_crc,
		};
	/* A message that was kept back is not in the queue: its row is read again. */
	envelope_group_drop(p->envelope);
	p->open = false;
	return some;
}
