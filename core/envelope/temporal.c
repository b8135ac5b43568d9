/*
 * temporal.c - the writers for DATE, TIME, DATETIME and TIMESTAMP, in the forms of
 * time.precision.mode.
 *
 * DATE and DATETIME have no time zone: they are counted as if they were UTC, as Debezium
 * does. A TIMESTAMP is a moment and always written as text. Pure.
 *
 * What a server stores and no calendar has ('0000-00-00', '2026-02-00', '2026-02-31') is
 * written as the server prints it, a string, when lossless; docs/decisions tells why.
 * With compat exact it is what Debezium makes of it: null or, where the column is NOT
 * NULL, the epoch; a day that exceeds its month stops it, and us.
 */
#include "core/envelope/civil.h"
#include "core/envelope/envelope_priv.h"

#include "common/base/json.h"

enum {
	MSEC_PER_DAY = 86400000,
	YEAR_MAX = 9999,
};
#define USEC_PER_DAY (86400 * USEC_PER_SEC)
/* 2106-02-07: MariaDB 11 counts the seconds in 32 bits without sign. */
#define TIMESTAMP_MAX ((int64_t)UINT32_MAX * USEC_PER_SEC + USEC_PER_SEC - 1)

static bool is_exact(const struct plan_column *c)
{
	return c->options->compat == ENVELOPE_EXACT;
}

static bool has_zero_part(const struct civil *t)
{
	return t->year == 0 || t->month == 0 || t->day == 0;
}

static bool in_calendar(const struct civil *t)
{
	static const uint8_t days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	if (has_zero_part(t) || t->year > YEAR_MAX || t->month > 12 || t->hour > 23 ||
	    t->minute > 59 || t->second > 59 || t->usec > 999999)
		return false;
	bool leap = t->year % 4 == 0 && (t->year % 100 != 0 || t->year % 400 == 0);
	return t->day <= days[t->month] + (leap && t->month == 2 ? 1u : 0u);
}

/* Debezium's enable.time.adjuster, on by default: years of two digits get their century. */
static void adjust_year(struct civil *t)
{
	if (t->year <= 69)
		t->year += 2000;
	else if (t->year <= 99)
		t->year += 1900;
}

static void put_room(struct buf *b, const uint8_t *text, const uint8_t *end)
{
	buf_put(b, text, (size_t)(end - text));
}

/* A date, with a time of day or not, as the server prints it. */
static void put_as_printed(struct buf *b, const struct civil *t, bool with_clock, unsigned digits)
{
	uint8_t text[40], *p = text;
	*p++ = '"';
	p = put_date_text(p, t);
	if (with_clock) {
		*p++ = ' ';
		p = put_clock_text(p, t->hour, t->minute, t->second);
		p = put_fraction(p, t->usec, digits);
	}
	*p++ = '"';
	put_room(b, text, p);
}

/*
 * What is written for a date no calendar has. `epoch` is the fallback of exact for columns
 * that are NOT NULL.
 */
static enum put_status put_no_date(struct buf *b, const struct plan_column *c,
				   const struct value *v, const struct civil *t, const char *epoch)
{
	if (t->year > YEAR_MAX)
		return PUT_BAD_DATE;
	if (!is_exact(c)) {
		put_as_printed(b, t, v->kind != VALUE_DATE, v->aux);
		return PUT_OK;
	}
	if (!has_zero_part(t))
		return PUT_BAD_DATE;
	if (c->fallback.len || c->nullable)
		put_span(b, c->null_text);
	else
		buf_puts(b, epoch);
	return PUT_OK;
}

/* Unpacks; false when no calendar has the date, which is then written already. */
static bool read_civil(struct buf *b, const struct plan_column *c, const struct value *v,
		       const char *epoch, struct civil *ret, enum put_status *ret_status)
{
	*ret = civil_unpack(v->u);
	if (__builtin_expect(!in_calendar(ret), 0)) {
		*ret_status = put_no_date(b, c, v, ret, epoch);
		return false;
	}
	if (__builtin_expect(ret->year <= 99, 0) && is_exact(c) &&
	    !c->options->years_as_they_are)
		adjust_year(ret);
	return true;
}

static enum put_status put_date_days(struct buf *b, const struct plan_column *c,
				     const struct value *v)
{
	struct civil t;
	enum put_status status;
	if (!read_civil(b, c, v, "0", &t, &status))
		return status;
	json_put_i64(b, days_of(&t));
	return PUT_OK;
}

/* "2026-11-22Z" */
static enum put_status put_date_iso(struct buf *b, const struct plan_column *c,
				    const struct value *v)
{
	struct civil t;
	enum put_status status;
	if (!read_civil(b, c, v, "\"1970-01-01Z\"", &t, &status))
		return status;
	uint8_t text[16], *p = text;
	*p++ = '"';
	p = put_date_text(p, &t);
	*p++ = 'Z';
	*p++ = '"';
	put_room(b, text, p);
	return PUT_OK;
}

static int64_t usec_of(const struct civil *t)
{
	return days_of(t) * USEC_PER_DAY +
	       ((int64_t)(t->hour * 3600 + t->minute * 60 + t->second)) * USEC_PER_SEC + t->usec;
}

static enum put_status put_datetime_msec(struct buf *b, const struct plan_column *c,
					 const struct value *v)
{
	struct civil t;
	enum put_status status;
	if (!read_civil(b, c, v, "0", &t, &status))
		return status;
	int64_t seconds = t.hour * 3600 + t.minute * 60 + t.second;
	json_put_i64(b, days_of(&t) * MSEC_PER_DAY + seconds * 1000 + t.usec / 1000);
	return PUT_OK;
}

static enum put_status put_datetime_usec(struct buf *b, const struct plan_column *c,
					 const struct value *v)
{
	struct civil t;
	enum put_status status;
	if (!read_civil(b, c, v, "0", &t, &status))
		return status;
	json_put_i64(b, usec_of(&t));
	return PUT_OK;
}

/*
 * A value beyond what its form holds: Debezium makes it null and logs that, or, where the
 * column is NOT NULL, stops.
 */
static enum put_status put_out_of_range(struct buf *b, const struct plan_column *c)
{
	if (!c->nullable)
		return PUT_BAD_RANGE;
	put_span(b, c->null_text);
	return PUT_OK;
}

/* Nanoseconds. The number is right beyond 64 bits too (before 1677, after 2262). */
static void put_nsec(struct buf *b, int64_t usec)
{
	json_put_i64(b, usec);
	if (usec)
		buf_lit(b, "000");
}

static enum put_status put_datetime_nsec(struct buf *b, const struct plan_column *c,
					 const struct value *v)
{
	struct civil t;
	enum put_status status;
	if (!read_civil(b, c, v, "0", &t, &status))
		return status;
	int64_t usec = usec_of(&t);
	if (is_exact(c) && (usec < INT64_MIN / 1000 || usec > INT64_MAX / 1000))
		return put_out_of_range(b, c);
	put_nsec(b, usec);
	return PUT_OK;
}

/* "2026-11-22T10:00:00.5Z", with as many digits of the fraction as there are. */
static enum put_status put_datetime_iso(struct buf *b, const struct plan_column *c,
					const struct value *v)
{
	struct civil t;
	enum put_status status;
	if (!read_civil(b, c, v, "\"1970-01-01T00:00:00Z\"", &t, &status))
		return status;
	uint8_t text[40], *p = text;
	*p++ = '"';
	p = put_date_text(p, &t);
	*p++ = 'T';
	p = put_clock_text(p, t.hour, t.minute, t.second);
	p = put_fraction(p, t.usec, fraction_digits(t.usec));
	*p++ = 'Z';
	*p++ = '"';
	put_room(b, text, p);
	return PUT_OK;
}

/* "2018-06-20T13:37:03.120Z": exactly as many digits as the column has. */
static enum put_status put_timestamp(struct buf *b, const struct plan_column *c,
				     const struct value *v)
{
	if (v->i == 0) {
		struct civil zero = {0};
		return put_no_date(b, c, v, &zero, "\"1970-01-01T00:00:00Z\"");
	}
	if (v->i < 0 || v->i > TIMESTAMP_MAX)
		return PUT_BAD_DATE;
	struct civil t;
	uint64_t seconds = (uint64_t)v->i / (uint64_t)USEC_PER_SEC;
	unsigned usec = (unsigned)((uint64_t)v->i % (uint64_t)USEC_PER_SEC);
	unsigned of_day = (unsigned)(seconds % 86400);
	date_of((int64_t)(seconds / 86400), &t);
	uint8_t *start = buf_room(b, 40);
	if (!start)
		return PUT_OK;
	uint8_t *p = start;
	*p++ = '"';
	p = put_date_text(p, &t);
	*p++ = 'T';
	p = put_clock_text(p, of_day / 3600, of_day / 60 % 60, of_day % 60);
	p = put_fraction(p, usec, v->aux);
	*p++ = 'Z';
	*p++ = '"';
	b->len += (size_t)(p - start);
	return PUT_OK;
}

static enum put_status put_time_usec(struct buf *b, const struct plan_column *c,
				     const struct value *v)
{
	(void)c;
	json_put_i64(b, v->i);
	return PUT_OK;
}

static enum put_status put_time_nsec(struct buf *b, const struct plan_column *c,
				     const struct value *v)
{
	(void)c;
	put_nsec(b, v->i);
	return PUT_OK;
}

static enum put_status put_time_msec(struct buf *b, const struct plan_column *c,
				     const struct value *v)
{
	(void)c;
	json_put_i64(b, v->i / 1000);
	return PUT_OK;
}

/* A TIME is an interval of up to 838 hours; Connect's Time and ISO's are of one day. */
static bool of_one_day(int64_t usec)
{
	return usec >= 0 && usec <= USEC_PER_DAY;
}

static enum put_status put_time_connect(struct buf *b, const struct plan_column *c,
					const struct value *v)
{
	if (is_exact(c) && !of_one_day(v->i))
		return put_out_of_range(b, c);
	return put_time_msec(b, c, v);
}

/* "13:37:03.5Z"; lossless also "-01:00:00Z", "24:00:00Z" and "838:59:59Z". */
static enum put_status put_time_iso(struct buf *b, const struct plan_column *c,
				    const struct value *v)
{
	if (is_exact(c) && !of_one_day(v->i))
		return put_out_of_range(b, c);
	uint64_t usec = v->i < 0 ? -(uint64_t)v->i : (uint64_t)v->i;
	if (is_exact(c) && usec == (uint64_t)USEC_PER_DAY)
		usec = 0;
	unsigned fraction = (unsigned)(usec % (uint64_t)USEC_PER_SEC);
	uint64_t seconds = usec / (uint64_t)USEC_PER_SEC;
	uint64_t hours = seconds / 3600;
	uint8_t text[48], *p = text;
	*p++ = '"';
	if (v->i < 0)
		*p++ = '-';
	if (hours < 100)
		p = put_2(p, (unsigned)hours);
	else
		p += dec_put_u64(p, hours);
	*p++ = ':';
	p = put_2(p, (unsigned)(seconds / 60 % 60));
	*p++ = ':';
	p = put_2(p, (unsigned)(seconds % 60));
	p = put_fraction(p, fraction, fraction_digits(fraction));
	*p++ = 'Z';
	*p++ = '"';
	put_room(b, text, p);
	return PUT_OK;
}

static put_value *time_writer(const struct plan_column *c)
{
	switch (c->options->time) {
	case ENVELOPE_TIME_ADAPTIVE:
		return c->column.scale <= 3 ? put_time_msec : put_time_usec;
	case ENVELOPE_TIME_CONNECT:
		return put_time_connect;
	case ENVELOPE_TIME_ISOSTRING:
		return put_time_iso;
	case ENVELOPE_TIME_NANOSECONDS:
		return put_time_nsec;
	case ENVELOPE_TIME_ADAPTIVE_MICROSECONDS:
	case ENVELOPE_TIME_MICROSECONDS:
		break;
	}
	return put_time_usec;
}

static put_value *datetime_writer(const struct plan_column *c)
{
	switch (c->options->time) {
	case ENVELOPE_TIME_CONNECT:
		return put_datetime_msec;
	case ENVELOPE_TIME_ISOSTRING:
		return put_datetime_iso;
	case ENVELOPE_TIME_MICROSECONDS:
		return put_datetime_usec;
	case ENVELOPE_TIME_NANOSECONDS:
		return put_datetime_nsec;
	case ENVELOPE_TIME_ADAPTIVE_MICROSECONDS:
	case ENVELOPE_TIME_ADAPTIVE:
		break;
	}
	return c->column.scale <= 3 ? put_datetime_msec : put_datetime_usec;
}

put_value *temporal_writer(const struct plan_column *c, uint8_t kind)
{
	switch (kind) {
	case VALUE_DATE:
		return c->options->time == ENVELOPE_TIME_ISOSTRING ? put_date_iso : put_date_days;
	case VALUE_TIME:
		return time_writer(c);
	case VALUE_DATETIME:
		return datetime_writer(c);
	default:
		return put_timestamp;
	}
}
