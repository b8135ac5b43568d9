/*
 * canal.c - a row -> its message in Canal's flat form, members in alphabetical order:
 *
 *   {"data":[{"id":"1","v":"b"}],"database":"d","es":1596684893000,"gtid":"","id":154,
 *    "isDdl":false,"mysqlType":{"id":"int(11)","v":"text"},"old":[{"v":"a"}],
 *    "pkNames":["id"],"sql":"","sqlType":{"id":4,"v":2005},"table":"t","ts":…,
 *    "type":"UPDATE"}
 *
 * `data` is the row after the change (a delete's: before it), `old` what an update's changed
 * columns had. One row a message: so all rows of a key are in its partition, which an array
 * of rows with several keys could not promise.
 *
 * Values are canal_value.c's, types canal_type.c's. Runs on the thread that calls; logs
 * nothing, reads no clock; nothing is allocated per row.
 */
#include "core/envelope/canal.h"
#include "core/envelope/notes.h"

#include "common/base/json.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <stdlib.h>

/* Under t->own. */
struct canal_table {
	struct span mysql_types; /* {"id":"int(11)",…} of all columns */
	struct span sql_types;	 /* {"id":4,…} of ordinary values */
	struct span pk_names;	 /* ["id"] or null */
	struct span *types;	 /* each column's mysqlType, quoted */
	bool *text;		 /* which columns are text */
	bool *in_key;
	uint32_t *varying; /* columns whose sqlType depends on the value */
	uint32_t nvarying;
	struct value *merged; /* lossless: of one update, by the columns' indexes */
};

/*
 * What an event's values share, in e->shared:
 *   [0, table_at)    ,"database":…,"es":…,"gtid":"","id":…,"isDdl":false,"mysqlType":
 *   [table_at, len)  ,"table":…,"ts":…,"type":"
 */
struct canal {
	size_t table_at;
};

static int start(struct envelope *e, struct err *err)
{
	e->own = calloc(1, sizeof(struct canal));
	return e->own ? 0 : err_set(err, -ENOMEM, ERR_MEMORY, "no memory for an envelope");
}

static void stop(struct envelope *e)
{
	free(e->own);
}

static enum absent_form absent(const struct envelope *e, const struct column *c,
			       const char **ret_text)
{
	(void)e;
	(void)c;
	(void)ret_text;
	return ABSENT_OMITTED;
}

/* ---------------------------------------------------------------- the table */

static int no_memory(const struct envelope_table *t, struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for table %.*s.%.*s", (int)t->db.len,
		       (const char *)t->db.p, (int)t->name.len, (const char *)t->name.p);
}

static int keep(struct envelope_table *t, struct buf *text, struct span *ret, struct err *err)
{
	char *copy = text->failed ? NULL : arena_strndup(&t->arena, text->data, text->len);
	if (!copy)
		return no_memory(t, err);
	*ret = (struct span){(const uint8_t *)copy, text->len};
	buf_clear(text);
	return 0;
}

/* `,"name":` of a column; the first comma of an object becomes its brace. */
static void put_name(struct buf *b, const struct plan_column *c)
{
	buf_put(b, c->head, c->head_len);
}

static void close_object(struct buf *b, size_t start)
{
	if (b->failed)
		return;
	if (b->len == start)
		buf_putc(b, '{');
	else
		b->data[start] = '{';
	buf_putc(b, '}');
}

static int make_types(const struct table *table, struct envelope_table *t, struct canal_table *k,
		      struct buf *text, struct err *err)
{
	struct buf type;
	int rc = 0;
	buf_init(&type);
	for (uint32_t i = 0; rc == 0 && i < t->ncolumns; i++) {
		const struct column *c = &table->columns[t->columns[i].index];
		k->text[i] = c->charset != CHARSET_BINARY && c->charset != CHARSET_NONE;
		buf_clear(&type);
		canal_put_mysql_type(&type, c);
		json_put_string(text, type.data ? (const void *)type.data : "", type.len);
		text->failed |= type.failed;
		rc = keep(t, text, &k->types[i], err);
		if (canal_type_varies(&t->columns[i]))
			k->varying[k->nvarying++] = i;
	}
	buf_free(&type);
	return rc;
}

static int make_texts(struct envelope_table *t, struct canal_table *k, struct buf *text,
		      struct err *err)
{
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		put_name(text, &t->columns[i]);
		put_span(text, k->types[i]);
	}
	close_object(text, 0);
	int rc = keep(t, text, &k->mysql_types, err);
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		put_name(text, &t->columns[i]);
		json_put_i64(text, canal_sql_type(&t->columns[i], k->text[i], NULL));
	}
	close_object(text, 0);
	return rc < 0 ? rc : keep(t, text, &k->sql_types, err);
}

/* In the order of the columns, not of the key. */
static void put_pk_names(struct buf *b, const struct envelope_table *t, const struct value *values)
{
	const struct canal_table *k = t->own;
	bool any = false;
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		if (!k->in_key[i] || (values && value_is_absent(&values[t->columns[i].index])))
			continue;
		buf_putc(b, any ? ',' : '[');
		/* `,"name":` without comma and colon */
		buf_put(b, t->columns[i].head + 1, t->columns[i].head_len - 2);
		any = true;
	}
	if (any)
		buf_putc(b, ']');
	else
		buf_lit(b, "null");
}

static int table_open(struct envelope *e, const struct table *table, struct envelope_table *t,
		      struct err *err)
{
	struct canal_table *k = arena_zalloc(&t->arena, sizeof(*k));
	size_t n = t->ncolumns + 1;
	t->own = k;
	if (!k)
		return no_memory(t, err);
	k->types = arena_zalloc(&t->arena, n * sizeof(*k->types));
	k->text = arena_zalloc(&t->arena, n * sizeof(*k->text));
	k->in_key = arena_zalloc(&t->arena, n * sizeof(*k->in_key));
	k->varying = arena_zalloc(&t->arena, n * sizeof(*k->varying));
	if (e->options.compat != ENVELOPE_EXACT)
		k->merged = arena_zalloc(&t->arena, (table->ncolumns + 1) * sizeof(*k->merged));
	if (!k->types || !k->text || !k->in_key || !k->varying ||
	    (!k->merged && e->options.compat != ENVELOPE_EXACT))
		return no_memory(t, err);
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		for (uint32_t p = 0; p < table->nkey; p++)
			k->in_key[i] |= table->key[p] == t->columns[i].index;
	}
	struct buf text;
	buf_init(&text);
	int rc = make_types(table, t, k, &text, err);
	if (rc == 0)
		rc = make_texts(t, k, &text, err);
	if (rc == 0) {
		put_pk_names(&text, t, NULL);
		rc = keep(t, &text, &k->pk_names, err);
	}
	buf_free(&text);
	return rc;
}

/* ---------------------------------------------------------------- what an event's rows share */

static int begin_event(struct envelope *e, struct err *err)
{
	struct canal *k = e->own;
	const struct row_event *event = e->event;
	struct buf *b = &e->shared;
	buf_clear(b);
	buf_lit(b, ",\"database\":");
	put_span(b, e->table->db_json);
	buf_lit(b, ",\"es\":");
	json_put_i64(b, event->source_time / USEC_PER_MSEC);
	/* Canal's id counts what its server hands out; ours is the event's place in its file. */
	buf_lit(b, ",\"gtid\":\"\",\"id\":");
	json_put_u64(b, event->pos);
	buf_lit(b, ",\"isDdl\":false,\"mysqlType\":");
	k->table_at = b->len;
	buf_lit(b, ",\"table\":");
	put_span(b, e->table->name_json);
	buf_lit(b, ",\"ts\":");
	json_put_i64(b, event->read_time / USEC_PER_MSEC);
	buf_lit(b, ",\"type\":\"");
	if (b->failed)
		return err_set(err, -ENOMEM, ERR_MEMORY,
			       "no memory for what an event's messages share");
	return 0;
}

/* ---------------------------------------------------------------- the message */

/* mysqlType, when the row has all columns or not. */
static void put_mysql_types(struct buf *b, const struct envelope_table *t,
			    const struct value *values, bool whole)
{
	const struct canal_table *k = t->own;
	if (whole) {
		put_span(b, k->mysql_types);
		return;
	}
	size_t start = b->len;
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		if (value_is_absent(&values[t->columns[i].index]))
			continue;
		put_name(b, &t->columns[i]);
		put_span(b, k->types[i]);
	}
	close_object(b, start);
}

static void put_sql_types(struct buf *b, const struct envelope_table *t,
			  const struct value *values, bool whole)
{
	const struct canal_table *k = t->own;
	bool ordinary = whole;
	for (uint32_t i = 0; ordinary && i < k->nvarying; i++) {
		const struct plan_column *c = &t->columns[k->varying[i]];
		ordinary = canal_sql_type(c, false, &values[c->index]) ==
			   canal_sql_type(c, false, NULL);
	}
	if (ordinary) {
		put_span(b, k->sql_types);
		return;
	}
	size_t start = b->len;
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		const struct plan_column *c = &t->columns[i];
		if (value_is_absent(&values[c->index]))
			continue;
		put_name(b, c);
		json_put_i64(b, canal_sql_type(c, k->text[i], &values[c->index]));
	}
	close_object(b, start);
}

/* What the columns that an update changed had; one that the after image lacks has not. */
static enum put_status put_old(struct buf *b, const struct envelope *e, const struct row *row,
			       const struct plan_column **ret_at)
{
	const struct envelope_table *t = e->table;
	if (row->op != ROW_UPDATE) {
		buf_lit(b, "null");
		return PUT_OK;
	}
	buf_putc(b, '[');
	size_t start = b->len;
	for (const struct plan_column *c = t->columns, *end = c + t->ncolumns; c < end; c++) {
		const struct value *was = &row->before[c->index], *is = &row->after[c->index];
		if (value_is_absent(was) || value_is_absent(is) || value_equal(was, is))
			continue;
		enum put_status status = image_put_member(b, c, was);
		if (status != PUT_OK) {
			*ret_at = c;
			return status;
		}
	}
	close_object(b, start);
	buf_putc(b, ']');
	return PUT_OK;
}

static bool has_all(const struct envelope_table *t, const struct value *values)
{
	for (const struct plan_column *c = t->columns, *end = c + t->ncolumns; c < end; c++) {
		if (value_is_absent(&values[c->index]))
			return false;
	}
	return true;
}

/*
 * The row that an update made: what the image after it lacks (MINIMAL, FULL_NODUP) it has in
 * common with the one before. Canal leaves it out, and the key with it.
 */
static const struct value *merge(const struct envelope_table *t, const struct row *row)
{
	const struct canal_table *k = t->own;
	for (const struct plan_column *c = t->columns, *end = c + t->ncolumns; c < end; c++) {
		const struct value *is = &row->after[c->index], *was = &row->before[c->index];
		k->merged[c->index] = value_is_absent(is) && !value_is_absent(was) ? *was : *is;
	}
	return k->merged;
}

static enum put_status put_value_of(struct buf *b, const struct envelope *e, const struct row *row,
				    const struct plan_column **ret_at)
{
	static const char *const types[] = {[ROW_INSERT] = "INSERT\"}",
					    [ROW_UPDATE] = "UPDATE\"}",
					    [ROW_DELETE] = "DELETE\"}",
					    [ROW_SNAPSHOT] = "INSERT\"}"};
	const struct canal *k = e->own;
	const struct envelope_table *t = e->table;
	const struct canal_table *own = t->own;
	const struct value *values = row->after ? row->after : row->before;
	bool whole = has_all(t, values);
	if (!whole && own->merged && row->op == ROW_UPDATE) {
		values = merge(t, row);
		whole = has_all(t, values);
	}
	buf_lit(b, "{\"data\":[");
	enum put_status status = image_put(b, t, values, ret_at);
	if (status != PUT_OK)
		return status;
	buf_putc(b, ']');
	buf_put(b, e->shared.data, k->table_at);
	put_mysql_types(b, t, values, whole);
	buf_lit(b, ",\"old\":");
	status = put_old(b, e, row, ret_at);
	if (status != PUT_OK)
		return status;
	buf_lit(b, ",\"pkNames\":");
	if (whole)
		put_span(b, own->pk_names);
	else
		put_pk_names(b, t, values);
	buf_lit(b, ",\"sql\":\"\",\"sqlType\":");
	put_sql_types(b, t, values, whole);
	buf_put(b, e->shared.data + k->table_at, e->shared.len - k->table_at);
	buf_puts(b, types[row->op]);
	return PUT_OK;
}

static int put_message(struct envelope *e, const struct row *row, bool tombstone, uint8_t flags,
		       struct envelope_sink *sink, struct err *err)
{
	const struct envelope_table *t = e->table;
	const struct plan_column *at = NULL;
	struct buf *b = sink->begin(sink);
	if (!b)
		return sink->why(sink, err);
	enum put_status status = PUT_OK;
	if (t->has_key)
		status = image_put_key(b, t, row->after ? row->after : row->before,
				       row->after ? row->before : NULL, &at);
	else
		flags |= RECORD_NO_KEY;
	size_t key_end = b->len, headers = 0;
	e->noted = false;
	if (tombstone)
		flags |= RECORD_TOMBSTONE;
	else if (status == PUT_OK)
		status = put_value_of(b, e, row, &at);
	if (status != PUT_OK)
		return image_fail(e, row->index, status, at, err);
	if (__builtin_expect(e->noted, 0))
		headers = notes_put_header(e, b, key_end, row->before, row->after);
	if (b->failed)
		return sink->why(sink, err);
	if (b->len > UINT32_MAX)
		return err_set(err, -EMSGSIZE, ERR_PIPE_OVERSIZE, "a message of %zu bytes", b->len);
	int rc = sink->end(sink, (uint32_t)key_end, (uint32_t)headers,
			   (uint32_t)(b->len - key_end - headers), flags);
	return rc < 0 ? sink->why(sink, err) : 0;
}

static int put_row(struct envelope *e, const struct row *row, struct envelope_sink *sink,
		   struct err *err)
{
	bool buried = row->op == ROW_DELETE && e->table->tombstones;
	int rc = put_message(e, row, false, buried ? 0 : RECORD_ROW_END, sink, err);
	if (rc < 0 || !buried)
		return rc;
	return put_message(e, row, true, RECORD_ROW_END, sink, err);
}

const struct dialect dialect_canal = {
    .name = "canal",
    .start = start,
    .stop = stop,
    .writer = canal_writer,
    .absent = absent,
    .table_open = table_open,
    .event_begin = begin_event,
    .row = put_row,
};
