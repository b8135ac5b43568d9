/*
 * debezium.c - rows event and row -> messages in Debezium's form, schemas disabled:
 *
 *   {"before":…,"after":…,"source":{…},"transaction":null,"op":"c","ts_ms":…,…}
 *
 * The order of members, and what stands in "source", are those of Debezium 3's MySQL and
 * MariaDB connectors. What all rows of an event share is written once an event; a row
 * adds its images, its index and its operation. Nothing is allocated per row.
 *
 * Runs on the thread that calls; logs nothing, reads no clock.
 */
#include "core/envelope/envelope_priv.h"

#include "common/base/json.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define NEW_KEY_HEADER "__debezium.newkey"
#define OLD_KEY_HEADER "__debezium.oldkey"

/* One message to be written. */
struct message {
	char op;                    /* of the envelope; 0: a tombstone */
	const struct value *key;    /* the row image that the key is taken from */
	const struct value *before; /* NULL: null */
	const struct value *after;
	const char *header;         /* its name; NULL: none. It holds another row's key */
	const struct value *header_key;
};

static void put_usec_as_nsec(struct buf *b, usec_t t)
{
	json_put_i64(b, t);
	if (t)
		buf_lit(b, "000");
}

static void put_span(struct buf *b, struct span s)
{
	buf_put(b, s.p, s.len);
}

/* What stands between the row images and the row's index. */
static void put_source_start(struct envelope *e)
{
	struct buf *b = &e->shared;
	const struct row_event *event = e->event;
	usec_t time = event->commit_time ? event->commit_time : event->source_time;
	buf_lit(b, ",\"source\":{\"version\":\"" MR_VERSION "\",\"connector\":");
	if (event->flavor == FLAVOR_MARIADB)
		buf_lit(b, "\"mariadb\",\"name\":");
	else
		buf_lit(b, "\"mysql\",\"name\":");
	put_span(b, e->name_json);
	buf_lit(b, ",\"ts_ms\":");
	json_put_i64(b, time / USEC_PER_MSEC);
	if (e->snapshot)
		buf_lit(b, ",\"snapshot\":\"true\",\"db\":");
	else
		buf_lit(b, ",\"snapshot\":\"false\",\"db\":");
	put_span(b, e->table->db_json);
	buf_lit(b, ",\"sequence\":null,\"ts_us\":");
	json_put_i64(b, time);
	buf_lit(b, ",\"ts_ns\":");
	put_usec_as_nsec(b, time);
	buf_lit(b, ",\"table\":");
	put_span(b, e->table->name_json);
	buf_lit(b, ",\"server_id\":");
	json_put_u64(b, event->server_id);
	buf_lit(b, ",\"gtid\":");
	if (event->gtid_text[0])
		json_put_string(b, event->gtid_text, strlen(event->gtid_text));
	else
		buf_lit(b, "null");
	buf_lit(b, ",\"file\":");
	json_put_string(b, event->file, strlen(event->file));
	buf_lit(b, ",\"pos\":");
	json_put_u64(b, event->pos);
	buf_lit(b, ",\"row\":");
}

/* What stands between the row's index and the operation. */
static void put_source_end(struct envelope *e)
{
	struct buf *b = &e->shared;
	const struct row_event *event = e->event;
	if (event->has_thread) {
		buf_lit(b, ",\"thread\":");
		json_put_u64(b, event->thread_id);
	} else {
		buf_lit(b, ",\"thread\":null");
	}
	/* A statement may hold bytes of any character set: what is not UTF-8 is replaced. */
	if (e->options.include_query && event->query.len) {
		buf_lit(b, ",\"query\":");
		json_put_string(b, event->query.p, event->query.len);
	} else {
		buf_lit(b, ",\"query\":null");
	}
	buf_lit(b, "},\"transaction\":null,\"op\":\"");
}

static void put_times(struct envelope *e)
{
	struct buf *b = &e->shared;
	usec_t time = e->event->read_time;
	buf_lit(b, "\",\"ts_ms\":");
	json_put_i64(b, time / USEC_PER_MSEC);
	buf_lit(b, ",\"ts_us\":");
	json_put_i64(b, time);
	buf_lit(b, ",\"ts_ns\":");
	put_usec_as_nsec(b, time);
	buf_putc(b, '}');
}

static int make_shared(struct envelope *e, bool snapshot, struct err *err)
{
	e->snapshot = snapshot;
	buf_clear(&e->shared);
	put_source_start(e);
	e->row_at = e->shared.len;
	put_source_end(e);
	e->op_at = e->shared.len;
	put_times(e);
	if (!e->shared.failed)
		return 0;
	e->event = NULL;
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for what an event's messages share");
}

int envelope_event_begin(struct envelope *e, struct envelope_table *t,
			 const struct row_event *event, struct err *err)
{
	e->table = t;
	e->event = event;
	return make_shared(e, false, err);
}

/*
 * Copies a column's head in whole blocks, which a short copy of unknown length does
 * not beat; so up to HEAD_BLOCK - 1 bytes behind it are overwritten.
 */
static inline void put_head(struct buf *b, const struct plan_column *c)
{
	uint8_t *p = buf_room(b, (size_t)c->head_len + HEAD_BLOCK);
	if (!p)
		return;
	for (uint32_t i = 0; i < c->head_len; i += HEAD_BLOCK)
		memcpy(p + i, c->head + i, HEAD_BLOCK);
	b->len += c->head_len;
}

/* The writer that the plan did not expect: a DECIMAL of the other size, for instance. */
static __attribute__((noinline)) enum put_status
put_unexpected(struct buf *b, const struct plan_column *c, const struct value *v)
{
	put_value *put = writer_find(c, v->kind);
	return put ? put(b, c, v) : PUT_BAD_KIND;
}

/* A value that is there or NULL. */
static inline enum put_status put_present(struct buf *b, const struct plan_column *c,
					  const struct value *v)
{
	if (__builtin_expect(v->kind == c->kind, 1))
		return c->put(b, c, v);
	if (v->kind == VALUE_NULL) {
		buf_lit(b, "null");
		return PUT_OK;
	}
	return put_unexpected(b, c, v);
}

static enum put_status put_absent(struct buf *b, const struct plan_column *c)
{
	switch ((enum absent_form)c->absent) {
	case ABSENT_OMITTED:
		break;
	case ABSENT_PLACEHOLDER:
		put_head(b, c);
		put_span(b, c->placeholder);
		break;
	case ABSENT_NULL:
		put_head(b, c);
		buf_lit(b, "null");
		break;
	case ABSENT_REFUSED:
		return PUT_MISSING;
	}
	return PUT_OK;
}

/*
 * An object is written with a comma before each member; then the first comma becomes the
 * brace, so that members may be left out freely.
 */
static void close_object(struct buf *b, size_t start)
{
	if (b->failed)
		return;
	if (b->len == start) {
		buf_lit(b, "{}");
		return;
	}
	b->data[start] = '{';
	buf_putc(b, '}');
}

/* *ret_at: the column that failed. */
static enum put_status put_image(struct buf *b, const struct envelope_table *t,
				 const struct value *values, const struct plan_column **ret_at)
{
	size_t start = b->len;
	for (const struct plan_column *c = t->columns, *end = c + t->ncolumns; c < end; c++) {
		const struct value *v = &values[c->index];
		enum put_status status;
		if (__builtin_expect(v->kind == VALUE_ABSENT, 0)) {
			status = put_absent(b, c);
		} else {
			put_head(b, c);
			status = put_present(b, c, v);
		}
		if (__builtin_expect(status != PUT_OK, 0)) {
			*ret_at = c;
			return status;
		}
	}
	close_object(b, start);
	return PUT_OK;
}

/*
 * The key of a row. A column that the after image does not have (MINIMAL) has not changed:
 * `other` is the before image then.
 */
static enum put_status put_key(struct buf *b, const struct envelope_table *t,
			       const struct value *values, const struct value *other,
			       const struct plan_column **ret_at)
{
	if (t->fixed_key.len) {
		put_span(b, t->fixed_key);
		return PUT_OK;
	}
	size_t start = b->len;
	for (const struct plan_column *c = t->key, *end = c + t->nkey; c < end; c++) {
		const struct value *v = &values[c->index];
		if (v->kind == VALUE_ABSENT && other)
			v = &other[c->index];
		enum put_status status = PUT_MISSING;
		if (v->kind != VALUE_ABSENT) {
			put_head(b, c);
			status = put_present(b, c, v);
		}
		if (status != PUT_OK) {
			*ret_at = c;
			return status;
		}
	}
	close_object(b, start);
	return PUT_OK;
}

/* Layout: record.h. The key comes last, so that its length can be filled in. */
static enum put_status put_header(struct buf *b, const struct envelope_table *t,
				  const struct message *m, const struct value *other,
				  const struct plan_column **ret_at)
{
	uint16_t name_len = (uint16_t)strlen(m->header);
	uint32_t value_len = 0;
	buf_put(b, &name_len, sizeof(name_len));
	buf_put(b, m->header, name_len);
	buf_put(b, &value_len, sizeof(value_len));
	size_t start = b->len;
	enum put_status status = put_key(b, t, m->header_key, other, ret_at);
	if (status == PUT_OK && !b->failed) {
		value_len = (uint32_t)(b->len - start);
		memcpy(b->data + start - sizeof(value_len), &value_len, sizeof(value_len));
	}
	return status;
}

static enum put_status put_envelope(struct buf *b, const struct envelope *e,
				    const struct message *m, uint32_t index,
				    const struct plan_column **ret_at)
{
	enum put_status status = PUT_OK;
	if (m->before) {
		buf_lit(b, "{\"before\":");
		status = put_image(b, e->table, m->before, ret_at);
		if (status != PUT_OK)
			return status;
	} else {
		buf_lit(b, "{\"before\":null");
	}
	if (m->after) {
		buf_lit(b, ",\"after\":");
		status = put_image(b, e->table, m->after, ret_at);
		if (status != PUT_OK)
			return status;
	} else {
		buf_lit(b, ",\"after\":null");
	}
	const uint8_t *shared = e->shared.data;
	uint8_t *p = buf_room(b, e->shared.len + 21);
	if (!p)
		return PUT_OK;
	memcpy(p, shared, e->row_at);
	p += e->row_at;
	p += dec_put_u64(p, index);
	memcpy(p, shared + e->row_at, e->op_at - e->row_at);
	p += e->op_at - e->row_at;
	*p++ = (uint8_t)m->op;
	memcpy(p, shared + e->op_at, e->shared.len - e->op_at);
	p += e->shared.len - e->op_at;
	b->len = (size_t)(p - b->data);
	return PUT_OK;
}

static const char *status_text(enum put_status status)
{
	switch (status) {
	case PUT_BAD_TEXT:
		return "its bytes are not valid in its character set; compat \"exact\" would "
		       "replace them";
	case PUT_BAD_LABEL:
		return "its number has no label in the table's definition";
	case PUT_BAD_DATE:
		return "its date is in no calendar; compat \"lossless\" keeps it as text";
	case PUT_BAD_TIME:
		return "its TIME is not within a day, as this time.precision.mode and compat "
		       "\"exact\" ask";
	case PUT_BAD_GEOMETRY:
		return "its bytes are no geometry";
	case PUT_BAD_VECTOR:
		return "its bytes are no vector";
	case PUT_MISSING:
		return "the row image does not have it (binlog_row_image is not FULL)";
	case PUT_BAD_KIND:
	case PUT_OK:
		break;
	}
	return "its value is of a kind that its type cannot have";
}

static __attribute__((noinline, cold)) int
fail_value(const struct envelope *e, uint32_t index, enum put_status status,
	   const struct plan_column *c, struct err *err)
{
	const struct envelope_table *t = e->table;
	struct span name = c->column.name;
	char where[320];
	snprintf(where, sizeof(where), "%.255s:%" PRIu64, e->event->file, e->event->pos);
	return err_set_at(err, -EBADMSG, ERR_VALUE_INVALID, where,
			  "column %.*s.%.*s.%.*s, row %" PRIu32 " of its event: %s",
			  (int)t->db.len, (const char *)t->db.p, (int)t->name.len,
			  (const char *)t->name.p, (int)name.len, (const char *)name.p, index,
			  status_text(status));
}

static int put_message(struct envelope *e, const struct row *row, const struct message *m,
		       uint8_t flags, struct envelope_sink *sink, struct err *err)
{
	const struct envelope_table *t = e->table;
	const struct plan_column *at = NULL;
	const struct value *other = row->after ? row->before : NULL;
	struct buf *b = sink->begin(sink);
	if (!b)
		return sink->why(sink, err);
	enum put_status status = PUT_OK;
	size_t key_end = 0, headers_end = 0;
	if (t->has_key)
		status = put_key(b, t, m->key, other, &at);
	else
		flags |= RECORD_NO_KEY;
	key_end = b->len;
	if (status == PUT_OK && m->header)
		status = put_header(b, t, m, other, &at);
	headers_end = b->len;
	if (m->op == 0)
		flags |= RECORD_TOMBSTONE;
	else if (status == PUT_OK)
		status = put_envelope(b, e, m, row->index, &at);
	if (__builtin_expect(status != PUT_OK, 0))
		return fail_value(e, row->index, status, at, err);
	if (__builtin_expect(b->failed, 0))
		return sink->why(sink, err);
	if (__builtin_expect(b->len > UINT32_MAX, 0))
		return err_set(err, -EMSGSIZE, ERR_PIPE_OVERSIZE,
			       "a row of %.*s.%.*s makes a message of %zu bytes",
			       (int)t->db.len, (const char *)t->db.p, (int)t->name.len,
			       (const char *)t->name.p, b->len);
	int rc = sink->end(sink, (uint32_t)key_end, (uint32_t)(headers_end - key_end),
			   (uint32_t)(b->len - headers_end), flags);
	return rc < 0 ? sink->why(sink, err) : 0;
}

static bool value_equal(const struct value *a, const struct value *b)
{
	if (a->kind != b->kind)
		return false;
	switch ((enum value_kind)a->kind) {
	case VALUE_ABSENT:
	case VALUE_NULL:
		return true;
	case VALUE_FLOAT:
		return memcmp(&a->f, &b->f, sizeof(a->f)) == 0;
	case VALUE_INT:
	case VALUE_UINT:
	case VALUE_YEAR:
	case VALUE_DOUBLE:
	case VALUE_DECIMAL:
	case VALUE_ENUM:
	case VALUE_SET:
	case VALUE_BIT:
	case VALUE_DATE:
	case VALUE_TIME:
	case VALUE_DATETIME:
	case VALUE_TIMESTAMP:
		return a->u == b->u;
	case VALUE_DECIMAL_TEXT:
	case VALUE_STRING:
	case VALUE_BYTES:
	case VALUE_JSON:
	case VALUE_GEOMETRY:
	case VALUE_VECTOR:
		break;
	}
	return a->len == b->len && (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

/* By bytes: 'a' to 'A' is a change of the key, whatever the collation says. */
static bool key_changed(const struct envelope_table *t, const struct row *row)
{
	for (uint32_t i = 0; i < t->nkey; i++) {
		const struct value *before = &row->before[t->key[i].index];
		const struct value *after = &row->after[t->key[i].index];
		if (before->kind == VALUE_ABSENT || after->kind == VALUE_ABSENT)
			continue;
		if (!value_equal(before, after))
			return true;
	}
	return false;
}

/* A delete event, and its tombstone: with the same key and headers. */
static int put_delete(struct envelope *e, const struct row *row, const struct message *m,
		      uint8_t last_flags, struct envelope_sink *sink, struct err *err)
{
	if (!e->table->tombstones)
		return put_message(e, row, m, last_flags, sink, err);
	int rc = put_message(e, row, m, 0, sink, err);
	if (rc < 0)
		return rc;
	struct message tombstone = *m;
	tombstone.op = 0;
	return put_message(e, row, &tombstone, last_flags, sink, err);
}

/*
 * The new image is written last, behind two messages that could not be taken back: it is
 * tried on the side first, so that a row with a bad value leaves no message at all. Keys
 * change rarely: here memory may be allocated.
 */
static int try_image(const struct envelope *e, const struct row *row, const struct value *values,
		     struct err *err)
{
	const struct plan_column *at = NULL;
	struct buf trial;
	buf_init(&trial);
	enum put_status status = put_image(&trial, e->table, values, &at);
	bool failed = trial.failed;
	buf_free(&trial);
	if (status != PUT_OK)
		return fail_value(e, row->index, status, at, err);
	if (failed)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a row whose key changed");
	return 0;
}

static int put_key_change(struct envelope *e, const struct row *row, struct envelope_sink *sink,
			  struct err *err)
{
	struct message removed = {
		.op = 'd',
		.key = row->before,
		.before = row->before,
		.header = NEW_KEY_HEADER,
		.header_key = row->after,
	};
	struct message created = {
		.op = 'c',
		.key = row->after,
		.after = row->after,
		.header = OLD_KEY_HEADER,
		.header_key = row->before,
	};
	int rc = try_image(e, row, row->after, err);
	if (rc == 0)
		rc = put_delete(e, row, &removed, 0, sink, err);
	return rc < 0 ? rc : put_message(e, row, &created, RECORD_ROW_END, sink, err);
}

static bool row_fits(const struct envelope *e, const struct row *row)
{
	if (!e->event || row->table->ncolumns != e->table->nvalues)
		return false;
	switch (row->op) {
	case ROW_INSERT:
	case ROW_SNAPSHOT:
		return row->after;
	case ROW_UPDATE:
		return row->before && row->after;
	case ROW_DELETE:
		return row->before;
	}
	return false;
}

int envelope_row(struct envelope *e, const struct row *row, struct envelope_sink *sink,
		 struct err *err)
{
	if (!row_fits(e, row))
		return err_set(err, -EINVAL, ERR_INTERNAL,
			       "a row that is not of the envelope's event");
	if (__builtin_expect((row->op == ROW_SNAPSHOT) != e->snapshot, 0)) {
		int rc = make_shared(e, row->op == ROW_SNAPSHOT, err);
		if (rc < 0)
			return rc;
	}
	struct message m = {0};
	switch (row->op) {
	case ROW_UPDATE:
		if (key_changed(e->table, row))
			return put_key_change(e, row, sink, err);
		m.op = 'u';
		m.key = row->after;
		m.before = row->before;
		m.after = row->after;
		break;
	case ROW_DELETE:
		m.op = 'd';
		m.key = row->before;
		m.before = row->before;
		return put_delete(e, row, &m, RECORD_ROW_END, sink, err);
	case ROW_INSERT:
	case ROW_SNAPSHOT:
		m.op = row->op == ROW_INSERT ? 'c' : 'r';
		m.key = row->after;
		m.after = row->after;
		break;
	}
	return put_message(e, row, &m, RECORD_ROW_END, sink, err);
}
