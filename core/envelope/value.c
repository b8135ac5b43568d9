/*
 * value.c - one value -> JSON, in the form Debezium gives it: which writer, and the
 * writers of numbers, text and bytes. Decimals are decimal.c's, dates temporal.c's.
 *
 * The writer is chosen once a table, from the column and the options; docs/envelope.md
 * lists the forms. Pure.
 */
#include "core/envelope/notes.h"

#include "common/base/json.h"

static enum put_status put_int(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	json_put_i64(b, v->i);
	return PUT_OK;
}

static enum put_status put_uint(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	json_put_u64(b, v->u);
	return PUT_OK;
}

/* BIGINT UNSIGNED as Java's signed long: numbers over 2^63-1 come out negative. */
static enum put_status put_uint_wrapped(struct buf *b, const struct plan_column *c,
					const struct value *v)
{
	(void)c;
	json_put_i64(b, (int64_t)v->u);
	return PUT_OK;
}

/* The year 0000 is byte 0 in the binlog, where 1 is 1901: Debezium adds 1900 to both. */
static enum put_status put_year_exact(struct buf *b, const struct plan_column *c,
				      const struct value *v)
{
	(void)c;
	json_put_u64(b, v->u ? v->u : 1900);
	return PUT_OK;
}

static enum put_status put_float(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	json_put_float(b, v->f);
	return PUT_OK;
}

static enum put_status put_float_wide(struct buf *b, const struct plan_column *c,
				      const struct value *v)
{
	(void)c;
	json_put_double(b, (double)v->f);
	return PUT_OK;
}

static enum put_status put_double(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	json_put_double(b, v->d);
	return PUT_OK;
}

/* What is not UTF-8 is U+FFFD, one for each ill-formed sequence, as in Java. */
static enum put_status put_text(struct buf *b, const struct plan_column *c, const struct value *v)
{
	if (__builtin_expect(!json_put_string(b, v->p, v->len), 0))
		notes_flag(c);
	return PUT_OK;
}

/* Of another set: what is ASCII needs no conversion, and most text is. */
static enum put_status put_converted(struct buf *b, const struct plan_column *c,
				     const struct value *v)
{
	uint8_t chunk[1024];
	const uint8_t *p = v->p, *end = p + v->len;
	bool bad = false;
	if (charset_has_ascii(c->charset) && charset_is_ascii(p, v->len))
		return put_text(b, c, v);
	buf_putc(b, '"');
	while (p < end) {
		size_t n = charset_to_utf8(c->charset, &p, end, chunk, sizeof(chunk), &bad);
		json_put_escaped(b, chunk, n);
	}
	buf_putc(b, '"');
	if (bad)
		notes_flag(c);
	return PUT_OK;
}

static enum put_status put_latin1(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	json_put_latin1(b, v->p, v->len);
	return PUT_OK;
}

static enum put_status put_base64(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	json_put_base64(b, v->p, v->len);
	return PUT_OK;
}

static enum put_status put_base64url(struct buf *b, const struct plan_column *c,
				     const struct value *v)
{
	(void)c;
	json_put_base64url(b, v->p, v->len);
	return PUT_OK;
}

static enum put_status put_hex(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	json_put_hex(b, v->p, v->len);
	return PUT_OK;
}

static enum put_status put_bool(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	if (v->u)
		buf_lit(b, "true");
	else
		buf_lit(b, "false");
	return PUT_OK;
}

/* BIT(n), n over 1: the bytes that hold n bits, the lowest first. */
static enum put_status put_bits(struct buf *b, const struct plan_column *c, const struct value *v)
{
	uint8_t bytes[8];
	store_le64(bytes, v->u);
	json_put_base64(b, bytes, ((size_t)c->column.bits + 7) / 8);
	return PUT_OK;
}

static enum put_status put_enum(struct buf *b, const struct plan_column *c, const struct value *v)
{
	/* 0 is what the server stores for a label it refused: the empty string. */
	if (v->u == 0) {
		buf_lit(b, "\"\"");
		return PUT_OK;
	}
	if (v->u > c->nlabels)
		return PUT_BAD_LABEL;
	const struct span *label = &c->labels[v->u - 1];
	buf_put(b, label->p, label->len);
	return PUT_OK;
}

static enum put_status put_set(struct buf *b, const struct plan_column *c, const struct value *v)
{
	if (c->nlabels < 64 && v->u >> c->nlabels != 0)
		return PUT_BAD_LABEL;
	buf_putc(b, '"');
	for (uint64_t rest = v->u; rest; rest &= rest - 1) {
		const struct span *label = &c->labels[__builtin_ctzll(rest)];
		if (rest != v->u)
			buf_putc(b, ',');
		buf_put(b, label->p, label->len);
	}
	buf_putc(b, '"');
	return PUT_OK;
}

/*
 * {"wkb":…,"srid":…}; SRID 0 is "none". A column declared POINT has x and y before them:
 *   0  4  SRID                         little-endian
 *   4  1  byte order of the rest       1: little-endian, the server writes no other
 *   5  4  1: a point
 *   9  8  x, then 8 of y               IEEE doubles
 */
static enum put_status put_geometry(struct buf *b, const struct plan_column *c,
				    const struct value *v)
{
	if (v->len < 4 || (c->point && (v->len != 25 || v->p[4] != 1 || load_le32(v->p + 5) != 1)))
		return PUT_BAD_GEOMETRY;
	if (c->point) {
		uint64_t bits[2] = {load_le64(v->p + 9), load_le64(v->p + 17)};
		double xy[2];
		memcpy(xy, bits, sizeof(xy));
		buf_lit(b, "{\"x\":");
		json_put_double(b, xy[0]);
		buf_lit(b, ",\"y\":");
		json_put_double(b, xy[1]);
		buf_putc(b, ',');
	} else {
		buf_putc(b, '{');
	}
	buf_lit(b, "\"wkb\":");
	json_put_base64(b, v->p + 4, v->len - 4);
	buf_lit(b, ",\"srid\":");
	uint32_t srid = load_le32(v->p);
	if (srid)
		json_put_u64(b, srid);
	else
		buf_lit(b, "null");
	buf_putc(b, '}');
	return PUT_OK;
}

static enum put_status put_vector(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	if (v->len % 4)
		return PUT_BAD_VECTOR;
	buf_putc(b, '[');
	for (uint32_t i = 0; i < v->len; i += 4) {
		uint32_t bits = load_le32(v->p + i);
		float f;
		memcpy(&f, &bits, 4);
		if (i)
			buf_putc(b, ',');
		json_put_float(b, f);
	}
	buf_putc(b, ']');
	return PUT_OK;
}

static put_value *bytes_writer(const struct envelope_options *o)
{
	switch (o->binary) {
	case ENVELOPE_BINARY_BASE64URL:
		return put_base64url;
	case ENVELOPE_BINARY_HEX:
		return put_hex;
	case ENVELOPE_BINARY_BYTES:
	case ENVELOPE_BINARY_BASE64:
		break;
	}
	return put_base64;
}

static put_value *text_writer(const struct plan_column *c)
{
	switch ((enum charset)c->column.charset) {
	case CHARSET_LATIN1:
		return put_latin1;
	case CHARSET_BINARY:
		return bytes_writer(c->options);
	case CHARSET_OTHER:
		return c->charset ? put_converted : NULL;
	case CHARSET_UTF8:
	case CHARSET_NONE:
		break;
	}
	return put_text;
}

static put_value *unsigned_writer(const struct plan_column *c)
{
	if (c->column.type != COLUMN_LONGLONG)
		return put_uint;
	if (c->options->bigint == ENVELOPE_BIGINT_PRECISE)
		return put_unsigned_precise;
	return c->options->compat == ENVELOPE_EXACT ? put_uint_wrapped : put_uint;
}

put_value *writer_find(const struct plan_column *c, uint8_t kind)
{
	switch ((enum value_kind)kind) {
	case VALUE_INT:
		return put_int;
	case VALUE_UINT:
		return unsigned_writer(c);
	case VALUE_YEAR:
		return c->options->compat == ENVELOPE_EXACT ? put_year_exact : put_uint;
	case VALUE_FLOAT:
		return c->wide_float ? put_float_wide : put_float;
	case VALUE_DOUBLE:
		return put_double;
	case VALUE_DECIMAL:
	case VALUE_DECIMAL_TEXT:
		return decimal_writer(c, kind);
	case VALUE_STRING:
		return text_writer(c);
	case VALUE_BYTES:
		return bytes_writer(c->options);
	case VALUE_ENUM:
		return c->labels ? put_enum : NULL;
	case VALUE_SET:
		return c->labels ? put_set : NULL;
	case VALUE_BIT:
		return c->column.bits == 1 ? put_bool : put_bits;
	case VALUE_DATE:
	case VALUE_TIME:
	case VALUE_DATETIME:
	case VALUE_TIMESTAMP:
		return temporal_writer(c, kind);
	case VALUE_JSON:
		return put_text;
	case VALUE_GEOMETRY:
		return put_geometry;
	case VALUE_VECTOR:
		return put_vector;
	case VALUE_ABSENT:
	case VALUE_JSON_DIFF:
	case VALUE_NULL:
		break;
	}
	return NULL;
}

enum value_kind writer_kind(const struct column *c)
{
	if (c->shown == SHOWN_VECTOR)
		return VALUE_VECTOR;
	switch ((enum column_type)c->type) {
	case COLUMN_TINY:
	case COLUMN_SHORT:
	case COLUMN_INT24:
	case COLUMN_LONG:
	case COLUMN_LONGLONG:
		return c->is_unsigned ? VALUE_UINT : VALUE_INT;
	case COLUMN_FLOAT:
		return VALUE_FLOAT;
	case COLUMN_DOUBLE:
		return VALUE_DOUBLE;
	case COLUMN_NEWDECIMAL:
	case COLUMN_DECIMAL_OLD:
		return c->precision > 18 ? VALUE_DECIMAL_TEXT : VALUE_DECIMAL;
	case COLUMN_YEAR:
		return VALUE_YEAR;
	case COLUMN_DATE:
	case COLUMN_NEWDATE:
		return VALUE_DATE;
	case COLUMN_TIME:
	case COLUMN_TIME2:
		return VALUE_TIME;
	case COLUMN_DATETIME:
	case COLUMN_DATETIME2:
		return VALUE_DATETIME;
	case COLUMN_TIMESTAMP:
	case COLUMN_TIMESTAMP2:
		return VALUE_TIMESTAMP;
	case COLUMN_BIT:
		return VALUE_BIT;
	case COLUMN_ENUM:
		return VALUE_ENUM;
	case COLUMN_SET:
		return VALUE_SET;
	case COLUMN_JSON:
		return VALUE_JSON;
	case COLUMN_GEOMETRY:
		return VALUE_GEOMETRY;
	case COLUMN_VECTOR:
		return VALUE_VECTOR;
	case COLUMN_VARCHAR:
	case COLUMN_VARCHAR_COMPRESSED:
	case COLUMN_VAR_STRING:
	case COLUMN_STRING:
	case COLUMN_TINY_BLOB:
	case COLUMN_MEDIUM_BLOB:
	case COLUMN_LONG_BLOB:
	case COLUMN_BLOB:
	case COLUMN_BLOB_COMPRESSED:
		return c->charset == CHARSET_BINARY || c->charset == CHARSET_NONE ? VALUE_BYTES
										  : VALUE_STRING;
	case COLUMN_NULL:
	case COLUMN_TYPED_ARRAY:
		break;
	}
	return VALUE_NULL;
}
