/*
 * maxwell_value.c - one value -> JSON, in the form Maxwell gives it.
 *
 * Numbers are numbers (DECIMAL with all its digits), dates and times text as the server
 * prints them (TIMESTAMP in UTC), bytes base64, a SET an array, JSON stands in the message
 * as it is, a geometry is well-known text. With compat exact a value is what Maxwell
 * 1.22.6 makes of it, losses included; docs/maxwell.md lists them. Pure.
 */
#include "core/envelope/civil.h"
#include "core/envelope/maxwell.h"

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

/* The year 0000 is byte 0 in the binlog, where 1 is 1901. */
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

static enum put_status put_double(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	json_put_double(b, v->d);
	return PUT_OK;
}

/* A BINARY's zeros at the end are not in the binlog, and Maxwell does not put them back. */
static enum put_status put_binary_exact(struct buf *b, const struct plan_column *c,
					const struct value *v)
{
	(void)c;
	uint32_t len = v->len;
	while (len > 0 && v->p[len - 1] == 0)
		len--;
	json_put_base64(b, v->p, len);
	return PUT_OK;
}

static enum put_status put_base64(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	json_put_base64(b, v->p, v->len);
	return PUT_OK;
}

/*
 * Maxwell adds up the bytes, each shifted as a Java int: by 8 times its place modulo 32,
 * and with the sign of bit 31. Only 64 bits of which the highest is set are right again.
 */
static enum put_status put_bits_exact(struct buf *b, const struct plan_column *c,
				      const struct value *v)
{
	(void)c;
	if (v->u >> 63) {
		json_put_u64(b, v->u);
		return PUT_OK;
	}
	int64_t sum = 0;
	for (unsigned i = 0; i < 8; i++) {
		uint32_t byte = (uint32_t)(v->u >> (8 * i)) & 0xff;
		sum += (int32_t)(byte << (8 * i % 32));
	}
	json_put_i64(b, sum);
	return PUT_OK;
}

static enum put_status put_enum(struct buf *b, const struct plan_column *c, const struct value *v)
{
	if (v->u == 0) {
		/* What the server stores for a label it refused. */
		if (c->options->compat == ENVELOPE_EXACT)
			buf_lit(b, "null");
		else
			buf_lit(b, "\"\"");
		return PUT_OK;
	}
	if (v->u > c->nlabels)
		return PUT_BAD_LABEL;
	put_span(b, c->labels[v->u - 1]);
	return PUT_OK;
}

static enum put_status put_set(struct buf *b, const struct plan_column *c, const struct value *v)
{
	if (c->nlabels < 64 && v->u >> c->nlabels != 0)
		return PUT_BAD_LABEL;
	buf_putc(b, '[');
	for (uint64_t rest = v->u; rest; rest &= rest - 1) {
		if (rest != v->u)
			buf_putc(b, ',');
		buf_putc(b, '"');
		put_span(b, c->labels[__builtin_ctzll(rest)]);
		buf_putc(b, '"');
	}
	buf_putc(b, ']');
	return PUT_OK;
}

/* JSON text, which the reader made: it is valid and has no line break. */
static enum put_status put_json(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	if (v->len == 0)
		buf_lit(b, "null");
	buf_put(b, v->p, v->len);
	return PUT_OK;
}

static enum put_status put_geometry(struct buf *b, const struct plan_column *c,
				    const struct value *v)
{
	buf_putc(b, '"');
	enum put_status status = put_wkt(b, v, c->options->compat != ENVELOPE_EXACT);
	buf_putc(b, '"');
	return status;
}

/* ---------------------------------------------------------------- dates and times */

/* "0000-00-00", or null with output_null_zerodates. */
static void put_zero(struct buf *b, const struct plan_column *c, const struct value *v)
{
	static const char zeros[] = "0000-00-00 00:00:00.000000";
	size_t len = 10;
	if (c->options->maxwell.null_zerodates) {
		buf_lit(b, "null");
		return;
	}
	if (v->kind != VALUE_DATE)
		len = v->aux ? 20 + (size_t)v->aux : 19;
	buf_putc(b, '"');
	buf_put(b, zeros, len);
	buf_putc(b, '"');
}

/*
 * A date with a month or a day of zero is all zeros in Maxwell, and exact; lossless only
 * what is all zeros.
 */
static bool is_zero_date(const struct plan_column *c, uint64_t packed)
{
	struct civil t = civil_unpack(packed);
	if (c->options->compat == ENVELOPE_EXACT)
		return t.year == 0 || t.month == 0 || t.day == 0;
	return packed == 0; /* there are times of day on a zero date */
}

/*
 * A day that is in no calendar, as Java's has it: beyond its month it is one of the next, and
 * the ten that were left out in 1582 are ten later.
 */
static uint64_t java_date(uint64_t packed)
{
	static const uint8_t days[13] = {31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	struct civil t = civil_unpack(packed);
	if (t.year == 1582 && t.month == 10 && t.day > 4 && t.day < 15)
		t.day += 10;
	bool leap = t.year % 4 == 0 && (t.year < 1583 || t.year % 100 != 0 || t.year % 400 == 0);
	unsigned last = t.month <= 12 ? days[t.month] + (leap && t.month == 2 ? 1u : 0u) : 31;
	if (t.day > last) {
		t.day -= last;
		t.month++;
	}
	return civil_pack(&t);
}

static enum put_status put_date(struct buf *b, const struct plan_column *c, const struct value *v)
{
	if (is_zero_date(c, v->u)) {
		put_zero(b, c, v);
		return PUT_OK;
	}
	if (c->options->compat != ENVELOPE_EXACT)
		return put_printed_date(b, c, v);
	struct value java = *v;
	java.u = java_date(v->u);
	return put_printed_date(b, c, &java);
}

static enum put_status put_datetime(struct buf *b, const struct plan_column *c,
				    const struct value *v)
{
	if (is_zero_date(c, v->u)) {
		put_zero(b, c, v);
		return PUT_OK;
	}
	if (c->options->compat != ENVELOPE_EXACT)
		return put_printed_datetime(b, c, v);
	struct value java = *v;
	java.u = java_date(v->u);
	return put_printed_datetime(b, c, &java);
}

static enum put_status put_timestamp(struct buf *b, const struct plan_column *c,
				     const struct value *v)
{
	if (v->i != 0)
		return put_printed_timestamp(b, c, v);
	put_zero(b, c, v);
	return PUT_OK;
}

/*
 * Microseconds that the binlog library which Maxwell uses makes of a TIME. It takes the bits
 * of a negative one (whole: 10 hours, 6 minutes, 6 seconds; then a fraction of 0 to 3 bytes,
 * all one number minus the offset of its sign) for those of a positive one.
 */
static int64_t time_misread(const struct value *v)
{
	if (v->i >= 0)
		return v->i;
	static const int32_t units[7] = {1000000, 10000, 10000, 100, 100, 1, 1};
	uint64_t usec = -(uint64_t)v->i, seconds = usec / 1000000;
	unsigned digits = v->aux <= 6 ? v->aux : 6;
	uint32_t whole = (uint32_t)(seconds / 3600 << 12 | seconds / 60 % 60 << 6 | seconds % 60);
	uint32_t fraction = digits ? (uint32_t)(usec % 1000000) / (uint32_t)units[digits] : 0;
	whole = 0x800000 - whole;
	if (fraction) {
		whole--;
		fraction = (1u << (digits + 1) / 2 * 8) - fraction;
	}
	seconds = (whole >> 12 & 0x3ff) * 3600ull + (whole >> 6 & 63) * 60 + (whole & 63);
	return (int64_t)seconds * 1000000 + (int64_t)fraction * units[digits];
}

/* And through java.sql.Time, which is the clock of a day. */
static enum put_status put_time_exact(struct buf *b, const struct plan_column *c,
				      const struct value *v)
{
	(void)c;
	int64_t usec = time_misread(v);
	unsigned seconds = (unsigned)(usec / USEC_PER_SEC % 86400);
	uint8_t text[40], *p = text;
	*p++ = '"';
	p = put_clock_text(p, seconds / 3600, seconds / 60 % 60, seconds % 60);
	p = put_fraction(p, (unsigned)(usec % USEC_PER_SEC), v->aux);
	*p++ = '"';
	buf_put(b, text, (size_t)(p - text));
	return PUT_OK;
}

/* ---------------------------------------------------------------- which writer */

put_value *maxwell_writer(const struct plan_column *c, uint8_t kind)
{
	bool exact = c->options->compat == ENVELOPE_EXACT;
	switch ((enum value_kind)kind) {
	case VALUE_INT:
		return put_int;
	case VALUE_UINT:
		return put_uint;
	case VALUE_YEAR:
		return exact ? put_year_exact : put_uint;
	case VALUE_FLOAT:
		return put_float;
	case VALUE_DOUBLE:
		return put_double;
	case VALUE_DECIMAL:
	case VALUE_DECIMAL_TEXT:
		return put_decimal_digits;
	case VALUE_BYTES:
		return exact && c->column.type == COLUMN_STRING ? put_binary_exact : put_base64;
	case VALUE_ENUM:
		return c->labels ? put_enum : NULL;
	case VALUE_SET:
		return c->labels ? put_set : NULL;
	case VALUE_BIT:
		return exact ? put_bits_exact : put_uint;
	case VALUE_DATE:
		return put_date;
	case VALUE_TIME:
		return exact ? put_time_exact : put_printed_time;
	case VALUE_DATETIME:
		return put_datetime;
	case VALUE_TIMESTAMP:
		return put_timestamp;
	case VALUE_JSON:
		return put_json;
	case VALUE_GEOMETRY:
		return put_geometry;
	case VALUE_STRING:
	case VALUE_VECTOR:
		return writer_find(c, kind);
	case VALUE_ABSENT:
	case VALUE_JSON_DIFF:
	case VALUE_NULL:
		break;
	}
	return NULL;
}
