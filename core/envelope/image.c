/*
 * image.c - a row image, and the key taken from one, as JSON objects.
 *
 * The hot path: for each column its name, then its value by the writer that the plan
 * chose. Nothing is allocated. Pure.
 */
#include "core/envelope/dialect.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

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
	put_value *put = c->dialect->writer(c, v->kind);
	return put ? put(b, c, v) : PUT_BAD_KIND;
}

/* A value that is there or NULL. */
static inline enum put_status put_present(struct buf *b, const struct plan_column *c,
					  const struct value *v)
{
	if (__builtin_expect(v->kind == c->kind, 1))
		return c->put(b, c, v);
	if (v->kind == VALUE_NULL) {
		put_span(b, c->null_text);
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
 * A document of which only the change is known (it stands in the header of notes). Left out
 * it would be taken for unchanged.
 */
static enum put_status put_unknown(struct buf *b, const struct plan_column *c)
{
	if (!c->placeholder.len)
		return put_absent(b, c);
	put_head(b, c);
	put_span(b, c->placeholder);
	return PUT_OK;
}

/*
 * An object is written with a comma before each member; then the first comma becomes the
 * brace, so that members may be left out freely.
 */
static void close_object(struct buf *b, size_t start)
{
	if (b->len == start) {
		buf_lit(b, "{}");
		return;
	}
	b->data[start] = '{';
	buf_putc(b, '}');
}

enum put_status image_put(struct buf *b, const struct envelope_table *t, const struct value *values,
			  const struct plan_column **ret_at)
{
	size_t start = b->len;
	for (const struct plan_column *c = t->columns, *end = c + t->ncolumns; c < end; c++) {
		const struct value *v = &values[c->index];
		enum put_status status;
		if (__builtin_expect(value_is_absent(v), 0)) {
			*c->noted |= v->kind == VALUE_JSON_DIFF;
			status = v->kind == VALUE_JSON_DIFF ? put_unknown(b, c)
							    : put_absent(b, c);
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

enum put_status image_put_key(struct buf *b, const struct envelope_table *t,
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
		if (value_is_absent(v) && other)
			v = &other[c->index];
		enum put_status status = PUT_MISSING;
		if (!value_is_absent(v)) {
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

enum put_status image_put_member(struct buf *b, const struct plan_column *c, const struct value *v)
{
	put_head(b, c);
	return put_present(b, c, v);
}

enum put_status image_put_value(struct buf *b, const struct plan_column *c, const struct value *v)
{
	return put_present(b, c, v);
}

bool value_equal(const struct value *a, const struct value *b)
{
	if (a->kind != b->kind)
		return false;
	switch ((enum value_kind)a->kind) {
	case VALUE_ABSENT:
	case VALUE_JSON_DIFF:
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

static const char *status_text(const struct envelope *e, enum put_status status)
{
	switch (status) {
	case PUT_BAD_LABEL:
		return "its number has no label in the table's definition";
	case PUT_BAD_DATE:
		return "its date is in no calendar; compat \"lossless\" keeps it as text";
	case PUT_BAD_RANGE:
		return "its value is beyond what this time.precision.mode holds with compat "
		       "\"exact\"";
	case PUT_BAD_GEOMETRY:
		return "its bytes are no geometry";
	case PUT_BAD_VECTOR:
		return "its bytes are no vector";
	case PUT_MISSING:
		if (e->options.compat != ENVELOPE_EXACT)
			return "the row image does not have it (binlog_row_image is not FULL)";
		if (e->event->flavor == FLAVOR_MARIADB)
			return "the row image does not have it: binlog_row_image is not FULL, or "
			       "it is a generated column, which MariaDB 11.8 leaves out of an "
			       "UPDATE's; compat \"lossless\" leaves it out of messages too";
		return "the row image does not have it: binlog_row_image is not FULL; compat "
		       "\"lossless\" leaves it out of messages too";
	case PUT_BAD_KIND:
	case PUT_OK:
		break;
	}
	return "its value is of a kind that its type cannot have";
}

int image_fail(const struct envelope *e, uint32_t index, enum put_status status,
	       const struct plan_column *c, struct err *err)
{
	const struct envelope_table *t = e->table;
	struct span name = c->column.name;
	char where[320];
	snprintf(where, sizeof(where), "%.255s:%" PRIu64, e->event->file, e->event->pos);
	return err_set_at(err, -EBADMSG, ERR_VALUE_INVALID, where,
			  "column %.*s.%.*s.%.*s, row %" PRIu32 " of its event: %s", (int)t->db.len,
			  (const char *)t->db.p, (int)t->name.len, (const char *)t->name.p,
			  (int)name.len, (const char *)name.p, index, status_text(e, status));
}
