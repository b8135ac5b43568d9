/*
 * maxwell.c - a row -> its message in Maxwell's form:
 *
 *   {"database":"d","table":"t","type":"update","ts":1596684893,"xid":7152,"commit":true,
 *    "data":{"id":1,"v":"b"},"old":{"v":"a"}}
 *
 * `data` is the row after the change (a delete's: before it); `old` what changed columns had.
 * The last row of a transaction has `commit`, the others `xoffset`, their number in it. So a
 * group's newest message stays begun in the sink until the next row or the end of the group
 * says which; only those few bytes of it are changed then.
 *
 * Keys are maxwell_key.c's, values maxwell_value.c's. Runs on the thread that calls; logs
 * nothing, reads no clock; nothing is allocated per row.
 */
#include "core/envelope/maxwell.h"
#include "core/envelope/notes.h"

#include "common/base/json.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <stdlib.h>

#define COMMIT ",\"commit\":true"

struct maxwell {
	uint64_t rows; /* of the group, so far */
	/*
	 * What an event's values share, in e->shared:
	 *   [0, type_at)    {"database":…,"table":…[,"query":…],"type":"
	 *   [type_at, xid_at) ","ts":…[,"xid":…]
	 *   [xid_at, len)   [,"position":…][,"gtid":…]… behind commit or xoffset
	 */
	size_t type_at;
	size_t xid_at;
	/* The newest message of the group, which has not ended yet. */
	struct buf *kept;
	size_t kept_at;	 /* where xoffset stands in it, or commit may */
	size_t kept_len; /* of xoffset */
	uint32_t kept_key;
	uint32_t kept_headers;
	bool kept_tombstone; /* one follows */
	struct buf key;	     /* a copy of its key, for the tombstone */
};

static int start(struct envelope *e, struct err *err)
{
	struct maxwell *m = calloc(1, sizeof(*m));
	if (!m)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for an envelope");
	buf_init(&m->key);
	e->own = m;
	return 0;
}

static void stop(struct envelope *e)
{
	struct maxwell *m = e->own;
	if (m)
		buf_free(&m->key);
	free(m);
}

/* Maxwell leaves out what is not in the row image. */
static enum absent_form absent(const struct envelope *e, const struct column *c,
			       const char **ret_text)
{
	(void)e;
	(void)c;
	(void)ret_text;
	return ABSENT_OMITTED;
}

/* ---------------------------------------------------------------- what an event's rows share */

static void put_place(struct buf *b, const struct envelope *e)
{
	const struct envelope_maxwell *o = &e->options.maxwell;
	const struct row_event *event = e->event;
	if (o->binlog_position) {
		buf_lit(b, ",\"position\":\"");
		json_put_escaped(b, event->file, strlen(event->file));
		buf_putc(b, ':');
		json_put_u64(b, event->pos);
		buf_putc(b, '"');
	}
	if (o->gtid_position) {
		buf_lit(b, ",\"gtid\":");
		if (event->gtid_text[0])
			json_put_string(b, event->gtid_text, strlen(event->gtid_text));
		else
			buf_lit(b, "null");
	}
	if (o->server_id) {
		buf_lit(b, ",\"server_id\":");
		json_put_u64(b, event->server_id);
	}
	if (o->thread_id && event->has_thread) {
		buf_lit(b, ",\"thread_id\":");
		json_put_u64(b, event->thread_id);
	}
}

static int begin_event(struct envelope *e, struct err *err)
{
	struct maxwell *m = e->own;
	const struct row_event *event = e->event;
	struct buf *b = &e->shared;
	buf_clear(b);
	buf_lit(b, "{\"database\":");
	put_span(b, e->table->db_json);
	buf_lit(b, ",\"table\":");
	put_span(b, e->table->name_json);
	if (e->options.maxwell.row_query && event->query.len) {
		buf_lit(b, ",\"query\":");
		json_put_string(b, event->query.p, event->query.len);
	}
	buf_lit(b, ",\"type\":\"");
	m->type_at = b->len;
	buf_lit(b, "\",\"ts\":");
	json_put_i64(b, event->source_time / USEC_PER_SEC);
	if (e->group && e->group->has_xid && !e->options.maxwell.no_commit_info) {
		buf_lit(b, ",\"xid\":");
		json_put_u64(b, e->group->xid);
	}
	m->xid_at = b->len;
	put_place(b, e);
	if (b->failed)
		return err_set(err, -ENOMEM, ERR_MEMORY,
			       "no memory for what an event's messages share");
	return 0;
}

/* ---------------------------------------------------------------- the message */

static const char *type_of(enum row_op op)
{
	switch (op) {
	case ROW_INSERT:
		return "insert";
	case ROW_UPDATE:
		return "update";
	case ROW_DELETE:
		return "delete";
	case ROW_SNAPSHOT:
		break;
	}
	return "bootstrap-insert";
}

/* Members that are present; without those that are NULL, if so asked. */
static enum put_status put_columns(struct buf *b, struct envelope *e,
				   const struct value *values, const struct value *besides,
				   const struct plan_column **ret_at)
{
	const struct envelope_table *t = e->table;
	bool nulls = !e->options.maxwell.no_nulls;
	for (const struct plan_column *c = t->columns, *end = c + t->ncolumns; c < end; c++) {
		const struct value *v = &values[c->index];
		e->noted |= v->kind == VALUE_JSON_DIFF;
		if (value_is_absent(v) || (v->kind == VALUE_NULL && !nulls) ||
		    (besides && !value_is_absent(&besides[c->index])))
			continue;
		enum put_status status = image_put_member(b, c, v);
		if (status != PUT_OK) {
			*ret_at = c;
			return status;
		}
	}
	return PUT_OK;
}

/* The first comma becomes the brace. */
static void close_object(struct buf *b, size_t start)
{
	if (b->len == start)
		buf_putc(b, '{');
	else
		b->data[start] = '{';
	buf_putc(b, '}');
}

/*
 * What an update's columns had that have another value now. A column that only the before
 * image has (MINIMAL) belongs to `data`: it is how the row was found.
 */
static enum put_status put_old(struct buf *b, const struct envelope *e, const struct row *row,
			       const struct plan_column **ret_at)
{
	const struct envelope_table *t = e->table;
	bool nulls = !e->options.maxwell.no_nulls;
	size_t before = b->len;
	bool any = false;
	buf_lit(b, ",\"old\":");
	size_t start = b->len;
	for (const struct plan_column *c = t->columns, *end = c + t->ncolumns; c < end; c++) {
		const struct value *was = &row->before[c->index], *is = &row->after[c->index];
		if (value_is_absent(was) || value_is_absent(is) || value_equal(was, is))
			continue;
		any = true;
		if (was->kind == VALUE_NULL && !nulls)
			continue;
		enum put_status status = image_put_member(b, c, was);
		if (status != PUT_OK) {
			*ret_at = c;
			return status;
		}
	}
	if (!any) {
		b->len = before;
		return PUT_OK;
	}
	close_object(b, start);
	return PUT_OK;
}

/* The values of the primary key, for output_primary_keys. */
static enum put_status put_primary_key(struct buf *b, const struct envelope *e,
				       const struct value *values, const struct value *other,
				       const struct plan_column **ret_at)
{
	const struct envelope_table *t = e->table;
	buf_lit(b, ",\"primary_key\":[");
	for (uint32_t i = 0; i < t->nkey; i++) {
		const struct plan_column *c = &t->key[i];
		const struct value *v = &values[c->index];
		if (value_is_absent(v) && other)
			v = &other[c->index];
		if (i)
			buf_putc(b, ',');
		enum put_status status = image_put_value(b, c, v);
		if (status != PUT_OK) {
			*ret_at = c;
			return status;
		}
	}
	buf_putc(b, ']');
	return PUT_OK;
}

static enum put_status put_value_of(struct buf *b, struct envelope *e, const struct row *row,
				    const struct plan_column **ret_at)
{
	struct maxwell *m = e->own;
	const struct maxwell_table *own = e->table->own;
	const struct value *values = row->after ? row->after : row->before;
	const struct value *other = row->after ? row->before : NULL;
	const uint8_t *shared = e->shared.data;
	buf_put(b, shared, m->type_at);
	buf_puts(b, type_of(row->op));
	buf_put(b, shared + m->type_at, m->xid_at - m->type_at);
	m->kept_at = b->len;
	if (e->group && !e->options.maxwell.no_commit_info && !e->options.maxwell.no_xoffset) {
		buf_lit(b, ",\"xoffset\":");
		json_put_u64(b, m->rows);
	}
	m->kept_len = b->len - m->kept_at;
	buf_put(b, shared + m->xid_at, e->shared.len - m->xid_at);
	enum put_status status = PUT_OK;
	if (e->options.maxwell.primary_keys)
		status = put_primary_key(b, e, values, other, ret_at);
	put_span(b, own->pk_columns);
	buf_lit(b, ",\"data\":");
	size_t start = b->len;
	if (status == PUT_OK)
		status = put_columns(b, e, values, NULL, ret_at);
	if (status == PUT_OK && other)
		status = put_columns(b, e, other, values, ret_at);
	close_object(b, start);
	if (status == PUT_OK && other)
		status = put_old(b, e, row, ret_at);
	buf_putc(b, '}');
	return status;
}

/* ---------------------------------------------------------------- keeping the newest back */

/* Behind the delete that was kept back: by now the sink may know of the next row. */
static int put_tombstone(struct maxwell *m, struct envelope_sink *sink, struct err *err)
{
	struct buf *b = sink->begin_more ? sink->begin_more(sink) : sink->begin(sink);
	if (!b)
		return sink->why(sink, err);
	buf_put(b, m->key.data, m->key.len);
	if (b->failed || sink->end(sink, (uint32_t)m->key.len, 0, 0,
				   RECORD_TOMBSTONE | RECORD_ROW_END) < 0)
		return sink->why(sink, err);
	return 0;
}

/* The message is what it will be: it ends. */
static int finish(struct envelope *e, struct envelope_sink *sink, struct err *err)
{
	struct maxwell *m = e->own;
	struct buf *b = m->kept;
	if (!b)
		return 0;
	m->kept = NULL;
	if (b->failed)
		return sink->why(sink, err);
	if (b->len > UINT32_MAX)
		return err_set(err, -EMSGSIZE, ERR_PIPE_OVERSIZE, "a message of %zu bytes", b->len);
	uint8_t flags = m->kept_tombstone ? 0 : RECORD_ROW_END;
	if (m->kept_key == 0)
		flags |= RECORD_NO_KEY;
	uint32_t value_at = m->kept_key + m->kept_headers;
	if (sink->end(sink, m->kept_key, m->kept_headers, (uint32_t)b->len - value_at, flags) < 0)
		return sink->why(sink, err);
	return m->kept_tombstone ? put_tombstone(m, sink, err) : 0;
}

static void put_commit(struct maxwell *m)
{
	struct buf *b = m->kept;
	const size_t len = sizeof(COMMIT) - 1;
	if (!buf_room(b, len))
		return;
	uint8_t *at = b->data + m->kept_at;
	memmove(at + len, at + m->kept_len, b->len - m->kept_at - m->kept_len);
	memcpy(at, COMMIT, len);
	b->len = b->len - m->kept_len + len;
}

static int begin_group(struct envelope *e, struct err *err)
{
	struct maxwell *m = e->own;
	(void)err;
	m->rows = 0;
	return 0;
}

static int end_group(struct envelope *e, struct envelope_sink *sink, struct err *err)
{
	struct maxwell *m = e->own;
	if (m->kept && !e->options.maxwell.no_commit_info)
		put_commit(m);
	return finish(e, sink, err);
}

static void pass(struct envelope *e)
{
	struct maxwell *m = e->own;
	m->rows++;
}

static void drop(struct envelope *e)
{
	struct maxwell *m = e->own;
	m->kept = NULL;
}

static int put_row(struct envelope *e, const struct row *row, struct envelope_sink *sink,
		   struct err *err)
{
	struct maxwell *m = e->own;
	const struct envelope_table *t = e->table;
	const struct plan_column *at = NULL;
	const struct value *values = row->after ? row->after : row->before;
	int rc = finish(e, sink, err);
	if (rc < 0)
		return rc;
	struct buf *b = sink->begin(sink);
	if (!b)
		return sink->why(sink, err);
	enum put_status status = PUT_OK;
	if (t->has_key)
		status = maxwell_put_key(b, e, row->index, values, row->after ? row->before : NULL,
					 &at);
	m->kept_key = (uint32_t)b->len;
	m->kept_headers = 0;
	m->kept_tombstone = t->tombstones && row->op == ROW_DELETE;
	if (m->kept_tombstone) {
		buf_clear(&m->key);
		buf_put(&m->key, b->data, b->len);
		if (m->key.failed)
			return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a key");
	}
	e->noted = false;
	if (status == PUT_OK)
		status = put_value_of(b, e, row, &at);
	if (status != PUT_OK)
		return image_fail(e, row->index, status, at, err);
	if (__builtin_expect(e->noted, 0)) {
		m->kept_headers = (uint32_t)notes_put_header(e, b, m->kept_key, row->before,
							     row->after);
		m->kept_at += m->kept_headers;
	}
	if (b->failed)
		return sink->why(sink, err);
	m->rows++;
	m->kept = b;
	return e->group ? 0 : finish(e, sink, err);
}

const struct dialect dialect_maxwell = {
    .name = "maxwell",
    .start = start,
    .stop = stop,
    .writer = maxwell_writer,
    .absent = absent,
    .table_open = maxwell_table_open,
    .event_begin = begin_event,
    .row = put_row,
    .pass = pass,
    .group_begin = begin_group,
    .group_end = end_group,
    .settle = finish,
    .drop = drop,
};
