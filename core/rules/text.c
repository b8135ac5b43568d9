/* text.c - values as the text that SELECT shows. See rules_priv.h. Pure. */
#include "core/rules/rules_priv.h"

#include "common/base/double.h"
#include "core/charset/charset.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static void put_fraction(struct buf *b, unsigned usec, unsigned digits)
{
	static const unsigned scale[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
	if (digits > 6)
		digits = 6;
	if (digits)
		buf_printf(b, ".%0*u", (int)digits, usec / scale[digits]);
}

static void put_civil(struct buf *b, const struct civil *t, bool clock, unsigned digits)
{
	buf_printf(b, "%04u-%02u-%02u", t->year, t->month, t->day);
	if (clock) {
		buf_printf(b, " %02u:%02u:%02u", t->hour, t->minute, t->second);
		put_fraction(b, t->usec, digits);
	}
}

static void put_moment(struct buf *b, int64_t usec, unsigned digits)
{
	struct civil t = {0};
	if (usec != 0) {
		time_t seconds = (time_t)(usec / USEC_PER_SEC);
		struct tm tm;
		gmtime_r(&seconds, &tm);
		t = (struct civil){.year = (unsigned)tm.tm_year + 1900,
				   .month = (unsigned)tm.tm_mon + 1,
				   .day = (unsigned)tm.tm_mday,
				   .hour = (unsigned)tm.tm_hour,
				   .minute = (unsigned)tm.tm_min,
				   .second = (unsigned)tm.tm_sec,
				   .usec = (unsigned)(usec % USEC_PER_SEC)};
	}
	put_civil(b, &t, true, digits);
}

static void put_time(struct buf *b, int64_t usec, unsigned digits)
{
	uint64_t magnitude = usec < 0 ? -(uint64_t)usec : (uint64_t)usec;
	uint64_t seconds = magnitude / USEC_PER_SEC;
	buf_printf(b, "%s%02llu:%02u:%02u", usec < 0 ? "-" : "",
		   (unsigned long long)(seconds / 3600), (unsigned)(seconds / 60 % 60),
		   (unsigned)(seconds % 60));
	put_fraction(b, (unsigned)(magnitude % USEC_PER_SEC), digits);
}

static void put_number(struct buf *b, const struct value *v)
{
	char scratch[NUMBER_TEXT_MAX];
	struct number n;
	if (!number_of(v, scratch, &n))
		return;
	if (n.negative)
		buf_putc(b, '-');
	if (n.nint == 0)
		buf_putc(b, '0');
	buf_put(b, n.digits, n.nint);
	if (n.nfrac) {
		buf_putc(b, '.');
		buf_put(b, n.digits + n.nint, n.nfrac);
	}
}

static int put_label(struct buf *b, const struct column *c, uint64_t number)
{
	if (number == 0)
		return 0;
	if (number > c->nlabels)
		return -EBADMSG;
	buf_put(b, c->labels[number - 1].p, c->labels[number - 1].len);
	return 0;
}

static int put_set(struct buf *b, const struct column *c, uint64_t bits)
{
	bool first = true;
	for (uint64_t number = 1; bits; bits >>= 1, number++) {
		if (!(bits & 1))
			continue;
		if (!first)
			buf_putc(b, ',');
		first = false;
		int rc = put_label(b, c, number);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int text_put(struct buf *b, const struct column *c, const struct value *v)
{
	uint8_t *p;
	switch ((enum value_kind)v->kind) {
	case VALUE_INT:
	case VALUE_UINT:
	case VALUE_BIT:
	case VALUE_DECIMAL:
	case VALUE_DECIMAL_TEXT:
		put_number(b, v);
		return 0;
	case VALUE_YEAR:
		buf_printf(b, "%04u", (unsigned)v->u);
		return 0;
	case VALUE_FLOAT:
		p = buf_room(b, DOUBLE_TEXT_MAX);
		if (p)
			b->len += float_put_shortest(p, v->f);
		return 0;
	case VALUE_DOUBLE:
		p = buf_room(b, DOUBLE_TEXT_MAX);
		if (p)
			b->len += double_put_shortest(p, v->d);
		return 0;
	case VALUE_STRING: {
		struct arena arena;
		struct span text;
		arena_init(&arena);
		int rc = text_utf8(c, v, &arena, &text);
		if (rc == 0)
			buf_put(b, text.p, text.len);
		arena_free(&arena);
		return rc;
	}
	case VALUE_ENUM:
		return put_label(b, c, v->u);
	case VALUE_SET:
		return put_set(b, c, v->u);
	case VALUE_DATE:
	case VALUE_DATETIME: {
		struct civil t = civil_unpack(v->u);
		put_civil(b, &t, v->kind == VALUE_DATETIME, v->aux);
		return 0;
	}
	case VALUE_TIME:
		put_time(b, v->i, v->aux);
		return 0;
	case VALUE_TIMESTAMP:
		put_moment(b, v->i, v->aux);
		return 0;
	case VALUE_BYTES:
	case VALUE_JSON:
	case VALUE_GEOMETRY:
	case VALUE_VECTOR:
		buf_put(b, v->p, v->len);
		return 0;
	default:
		return -EBADMSG;
	}
}

size_t text_prefix(struct span utf8, uint64_t n)
{
	size_t at = 0;
	for (; at < utf8.len; at++) {
		if ((utf8.p[at] & 0xc0) != 0x80 && n-- == 0)
			break;
	}
	return at;
}

int text_utf8(const struct column *c, const struct value *v, struct arena *arena, struct span *ret)
{
	static const struct span latin1 = {(const uint8_t *)"latin1", 6};
	*ret = (struct span){v->p, v->len};
	if (c->charset == CHARSET_UTF8 || c->charset == CHARSET_BINARY)
		return 0;
	const struct charset_set *set =
	    charset_find(c->charset == CHARSET_LATIN1 ? latin1 : c->charset_name);
	if (!set)
		return -EBADMSG;
	if (charset_has_ascii(set) && charset_is_ascii(v->p, v->len))
		return 0;
	size_t room = (size_t)v->len * CHARSET_UTF8_MAX + CHARSET_ROOM_MIN;
	uint8_t *out = arena_alloc(arena, room);
	if (!out)
		return -ENOMEM;
	const uint8_t *p = v->p;
	bool bad = false; /* then it is U+FFFD, as in the message */
	*ret = (struct span){out, charset_to_utf8(set, &p, p + v->len, out, room, &bad)};
	return 0;
}
