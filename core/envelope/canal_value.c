/*
 * canal_value.c - one value -> JSON, in the form Canal gives it: always a string.
 *
 * Numbers are their digits (floating ones as Java prints them), dates and times as the server
 * prints them (TIMESTAMP in UTC), ENUM the label's number, SET and BIT the bits as a number.
 * Each byte of binary columns and geometries is the character of that number (ISO 8859-1).
 * JSON documents are a string with Canal's blanks. docs/canal.md lists what differs. Pure.
 */
#include "core/envelope/canal.h"
#include "core/envelope/notes.h"

#include "common/base/json.h"

#include <stdlib.h>

static enum put_status put_int(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	buf_putc(b, '"');
	json_put_i64(b, v->i);
	buf_putc(b, '"');
	return PUT_OK;
}

static enum put_status put_uint(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	buf_putc(b, '"');
	json_put_u64(b, v->u);
	buf_putc(b, '"');
	return PUT_OK;
}

static enum put_status put_year(struct buf *b, const struct plan_column *c, const struct value *v)
{
	if (v->u)
		return put_uint(b, c, v);
	buf_lit(b, "\"0000\"");
	return PUT_OK;
}

/*
 * A floating number's text, "-1.5e+22" at `text` -> Java's "-1.5E22". From 0.001 to below
 * 10000000 Java has no exponent; there is a digit on either side of the point, always.
 */
static void put_java(struct buf *b, const char *text, size_t len)
{
	char digits[32] = "0";
	int n = 0, point = -1, exponent = 0;
	const char *end = text + len;
	if (text < end && *text == '-') {
		buf_putc(b, '-');
		text++;
	}
	for (; text < end && *text != 'e' && n < (int)sizeof(digits); text++) {
		if (*text == '.')
			point = n;
		else
			digits[n++] = *text;
	}
	if (text < end && *text == 'e')
		exponent = atoi(text + 1);
	point = (point < 0 ? n : point) + exponent; /* digits before the point */
	int first = 0;
	while (first < n - 1 && digits[first] == '0') {
		first++;
		point--;
	}
	while (n > first + 1 && digits[n - 1] == '0')
		n--;
	if (digits[first] == '0') {
		buf_lit(b, "0.0");
		return;
	}
	bool plain = point > -3 && point <= 7;
	int before = plain ? point : 1;
	if (before <= 0)
		buf_lit(b, "0.");
	for (int i = before; i < 0; i++)
		buf_putc(b, '0');
	for (int i = 0; i < n - first || i < before; i++) {
		if (i == before && i > 0)
			buf_putc(b, '.');
		buf_putc(b, first + i < n ? digits[first + i] : '0');
	}
	if (n - first <= before)
		buf_lit(b, ".0");
	if (!plain)
		buf_printf(b, "E%d", point - 1);
}

/* What stands behind `start` in the buffer is the number's shortest text. */
static enum put_status java_number(struct buf *b, size_t start)
{
	char text[40] = "";
	if (b->failed)
		return PUT_OK;
	size_t len = b->len - start;
	if (len > sizeof(text))
		return PUT_BAD_KIND;
	memcpy(text, b->data + start, len);
	b->len = start;
	buf_putc(b, '"');
	put_java(b, text, len);
	buf_putc(b, '"');
	return PUT_OK;
}

static enum put_status put_float(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	size_t start = b->len;
	json_put_float(b, v->f);
	return java_number(b, start);
}

static enum put_status put_double(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	/* Java prints two digits at least, and takes the nearest of two. */
	if (v->d == 5e-324 || v->d == -5e-324) {
		buf_puts(b, v->d < 0 ? "\"-4.9E-324\"" : "\"4.9E-324\"");
		return PUT_OK;
	}
	size_t start = b->len;
	json_put_double(b, v->d);
	return java_number(b, start);
}

/*
 * Of the digits behind the point Canal leaves out those beyond the last nine whole ones when
 * they are all zeros; one remains.
 */
static enum put_status put_decimal_exact(struct buf *b, const struct plan_column *c,
					 const struct value *v)
{
	buf_putc(b, '"');
	put_decimal_digits(b, c, v);
	uint32_t rest = v->aux % 9u, zeros = 0;
	while (!b->failed && zeros < rest && b->data[b->len - 1 - zeros] == '0')
		zeros++;
	if (!b->failed && rest && zeros == rest)
		b->len -= v->aux == rest ? rest - 1 : rest;
	buf_putc(b, '"');
	return PUT_OK;
}

static enum put_status put_bytes(struct buf *b, const uint8_t *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *out = buf_room(b, 6 * len + 2);
	if (!out)
		return PUT_OK;
	*out++ = '"';
	for (const uint8_t *end = p + len; p < end; p++) {
		if (*p >= 0x80) {
			*out++ = (uint8_t)(0xc0 | *p >> 6);
			*out++ = (uint8_t)(0x80 | (*p & 0x3f));
		} else if (*p >= 0x20 && *p != '"' && *p != '\\') {
			*out++ = *p;
		} else {
			memcpy(out, "\\u00", 4);
			out[4] = (uint8_t)digits[*p >> 4];
			out[5] = (uint8_t)digits[*p & 15];
			out += 6;
		}
	}
	*out++ = '"';
	b->len = (size_t)(out - b->data);
	return PUT_OK;
}

static enum put_status put_binary(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	return put_bytes(b, v->p, v->len);
}

/* A BINARY's zeros at the end are not in the binlog, and Canal does not put them back. */
static enum put_status put_binary_exact(struct buf *b, const struct plan_column *c,
					const struct value *v)
{
	(void)c;
	uint32_t len = v->len;
	while (len > 0 && v->p[len - 1] == 0)
		len--;
	return put_bytes(b, v->p, len);
}

/* Canal takes text of every character set for UTF-8. */
static enum put_status put_text_exact(struct buf *b, const struct plan_column *c,
				      const struct value *v)
{
	(void)c;
	json_put_string(b, v->p, v->len);
	return PUT_OK;
}

/* JSON text as a string, with a blank behind each comma and colon. */
static enum put_status put_document(struct buf *b, const struct plan_column *c,
				    const struct value *v)
{
	(void)c;
	bool quoted = false;
	uint32_t done = 0;
	buf_putc(b, '"');
	for (uint32_t i = 0; i < v->len; i++) {
		uint8_t at = v->p[i];
		if (quoted && at == '\\') {
			i++;
		} else if (at == '"') {
			quoted = !quoted;
		} else if (!quoted && (at == ',' || at == ':')) {
			json_put_escaped(b, v->p + done, i + 1 - done);
			buf_putc(b, ' ');
			done = i + 1;
		}
	}
	json_put_escaped(b, v->p + done, v->len - done);
	buf_putc(b, '"');
	return PUT_OK;
}

/* [1,2.5]: Canal knows no vectors. */
static enum put_status put_vector(struct buf *b, const struct plan_column *c, const struct value *v)
{
	buf_putc(b, '"');
	enum put_status status = writer_find(c, VALUE_VECTOR)(b, c, v);
	buf_putc(b, '"');
	return status;
}

put_value *canal_writer(const struct plan_column *c, uint8_t kind)
{
	bool exact = c->options->compat == ENVELOPE_EXACT;
	switch ((enum value_kind)kind) {
	case VALUE_INT:
		return put_int;
	case VALUE_UINT:
	case VALUE_ENUM:
	case VALUE_SET:
	case VALUE_BIT:
		return put_uint;
	case VALUE_YEAR:
		return put_year;
	case VALUE_FLOAT:
		return put_float;
	case VALUE_DOUBLE:
		return put_double;
	case VALUE_DECIMAL:
	case VALUE_DECIMAL_TEXT:
		return exact ? put_decimal_exact : put_decimal_string;
	case VALUE_BYTES:
		return exact && c->column.type == COLUMN_STRING ? put_binary_exact : put_binary;
	case VALUE_DATE:
		return put_printed_date;
	case VALUE_TIME:
		return put_printed_time;
	case VALUE_DATETIME:
		return put_printed_datetime;
	case VALUE_TIMESTAMP:
		return put_printed_timestamp;
	case VALUE_JSON:
		return put_document;
	case VALUE_GEOMETRY:
		return put_binary;
	case VALUE_VECTOR:
		return put_vector;
	case VALUE_STRING:
		if (exact && c->column.charset != CHARSET_UTF8)
			return put_text_exact;
		return writer_find(c, kind);
	case VALUE_ABSENT:
	case VALUE_JSON_DIFF:
	case VALUE_NULL:
		break;
	}
	return NULL;
}
