/*
 * printed.c - the writers of dates and times as the server prints them: what Maxwell and
 * Canal write, but for their losses.
 *
 * Dates that no calendar has are printed like any other. Pure.
 */
#include "core/envelope/civil.h"
#include "core/envelope/envelope_priv.h"

#include "common/base/json.h"

enum { YEAR_MAX = 9999, ROOM = 48 };

static void put_civil(struct buf *b, const struct civil *t, bool with_clock, unsigned digits)
{
	uint8_t *start = buf_room(b, ROOM);
	if (!start)
		return;
	uint8_t *p = start;
	*p++ = '"';
	p = put_date_text(p, t);
	if (with_clock) {
		*p++ = ' ';
		p = put_clock_text(p, t->hour, t->minute, t->second);
		p = put_fraction(p, t->usec, digits);
	}
	*p++ = '"';
	b->len += (size_t)(p - start);
}

static enum put_status put_packed(struct buf *b, const struct value *v, bool with_clock)
{
	struct civil t = civil_unpack(v->u);
	if (t.year > YEAR_MAX)
		return PUT_BAD_DATE;
	put_civil(b, &t, with_clock, v->aux);
	return PUT_OK;
}

enum put_status put_printed_date(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	return put_packed(b, v, false);
}

enum put_status put_printed_datetime(struct buf *b, const struct plan_column *c,
				     const struct value *v)
{
	(void)c;
	return put_packed(b, v, true);
}

enum put_status put_printed_timestamp(struct buf *b, const struct plan_column *c,
				      const struct value *v)
{
	(void)c;
	/* MariaDB 11 counts the seconds in 32 bits without sign. */
	if (v->i < 0 || v->i > (int64_t)UINT32_MAX * USEC_PER_SEC + USEC_PER_SEC - 1)
		return PUT_BAD_DATE;
	struct civil t = {0};
	if (v->i)
		t = civil_of_moment(v->i);
	put_civil(b, &t, true, v->aux);
	return PUT_OK;
}

/* "-838:59:59.000000" */
enum put_status put_printed_time(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	uint64_t usec = v->i < 0 ? -(uint64_t)v->i : (uint64_t)v->i;
	uint64_t seconds = usec / (uint64_t)USEC_PER_SEC;
	uint64_t hours = seconds / 3600;
	uint8_t *start = buf_room(b, ROOM);
	if (!start)
		return PUT_OK;
	uint8_t *p = start;
	*p++ = '"';
	if (v->i < 0)
		*p++ = '-';
	if (hours < 10)
		*p++ = '0';
	p += dec_put_u64(p, hours);
	*p++ = ':';
	p = put_2(p, (unsigned)(seconds / 60 % 60));
	*p++ = ':';
	p = put_2(p, (unsigned)(seconds % 60));
	p = put_fraction(p, (unsigned)(usec % (uint64_t)USEC_PER_SEC), v->aux);
	*p++ = '"';
	b->len += (size_t)(p - start);
	return PUT_OK;
}
