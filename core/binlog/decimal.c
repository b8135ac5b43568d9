/*
 * decimal.c - see decimal.h.
 *
 * Format (MySQL strings/decimal.c, decimal2bin): the digits before the point and those
 * behind it are each cut into groups of nine, counted from the point; the group at the
 * outer end may be shorter. A group is a big-endian number of as many bytes as its digits
 * need:
 *
 *   digits  1 2 3 4 5 6 7 8 9
 *   bytes   1 1 2 2 3 3 4 4 4
 *
 * The first bit is inverted, so that it is 1 for numbers not below zero; of negative
 * numbers all other bits are inverted too.
 */
#include "core/binlog/decimal.h"

#include "common/base/json.h"

#include <errno.h>

static const uint8_t group_bytes[10] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
static const uint32_t group_limit[10] = {
	1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
};

enum { GROUP = 9, GROUPS_MAX = 10, INT64_DIGITS = 18 };

struct groups {
	bool negative;
	unsigned n;
	uint32_t value[GROUPS_MAX];
	uint8_t digits[GROUPS_MAX];
};

size_t decimal_size(unsigned precision, unsigned scale)
{
	unsigned whole = precision - scale;
	return (size_t)(whole / GROUP * 4 + group_bytes[whole % GROUP] + scale / GROUP * 4 +
			group_bytes[scale % GROUP]);
}

/* The groups in order, most significant first. False: a group has too large a value. */
static inline bool groups_read(const uint8_t *p, unsigned precision, unsigned scale,
			       struct groups *g)
{
	unsigned whole = precision - scale, left[2] = {whole, scale};
	uint32_t invert = *p & 0x80 ? 0 : UINT32_MAX;
	uint32_t flip = 0x80; /* of the first byte */
	g->negative = invert != 0;
	g->n = 0;
	for (unsigned part = 0; part < 2; part++) {
		/* Before the point the short group comes first, behind it last. */
		unsigned digits = part == 0 ? left[0] % GROUP : GROUP;
		while (left[part] > 0) {
			if (digits == 0)
				digits = GROUP;
			if (digits > left[part])
				digits = left[part];
			unsigned bytes = group_bytes[digits];
			uint32_t v = (uint32_t)load_be(p, bytes);
			v ^= flip << (8 * (bytes - 1));
			v ^= invert & (UINT32_MAX >> (32 - 8 * bytes));
			flip = 0;
			if (v >= group_limit[digits])
				return false;
			g->value[g->n] = v;
			g->digits[g->n++] = (uint8_t)digits;
			p += bytes;
			left[part] -= digits;
			digits = GROUP;
		}
	}
	return true;
}

/* v in exactly n digits */
static void put_digits(uint8_t *p, uint32_t v, unsigned n)
{
	while (n-- > 0) {
		p[n] = (uint8_t)('0' + v % 10);
		v /= 10;
	}
}

int decimal_read(const uint8_t *p, unsigned precision, unsigned scale, struct arena *arena,
		 struct value *ret)
{
	struct groups g;
	if (!groups_read(p, precision, scale, &g))
		return -EBADMSG;
	unsigned first = 0, digits = 0;
	while (first < g.n && g.value[first] == 0)
		first++;
	for (unsigned i = first; i < g.n; i++)
		digits += g.digits[i];
	ret->aux = (uint8_t)scale;
	if (digits <= INT64_DIGITS) {
		int64_t v = 0;
		for (unsigned i = first; i < g.n; i++)
			v = v * group_limit[g.digits[i]] + g.value[i];
		ret->kind = VALUE_DECIMAL;
		ret->i = g.negative ? -v : v;
		return 0;
	}
	uint8_t *text = arena_alloc(arena, DECIMAL_MAX_PRECISION + 1), *at = text;
	if (!text)
		return -ENOMEM;
	if (g.negative)
		*at++ = '-';
	at += dec_put_u64(at, g.value[first]);
	for (unsigned i = first + 1; i < g.n; i++) {
		put_digits(at, g.value[i], g.digits[i]);
		at += g.digits[i];
	}
	ret->kind = VALUE_DECIMAL_TEXT;
	ret->p = text;
	ret->len = (uint32_t)(at - text);
	return 0;
}

int decimal_put_text(const uint8_t *p, unsigned precision, unsigned scale, struct buf *out)
{
	struct groups g;
	uint8_t digits[DECIMAL_MAX_DIGITS];
	unsigned n = 0, skip = 0, whole = precision - scale;
	if (!groups_read(p, precision, scale, &g))
		return -EBADMSG;
	for (unsigned i = 0; i < g.n; i++) {
		put_digits(digits + n, g.value[i], g.digits[i]);
		n += g.digits[i];
	}
	while (skip < whole && digits[skip] == '0')
		skip++;
	if (g.negative)
		buf_putc(out, '-');
	if (skip == whole)
		buf_putc(out, '0');
	buf_put(out, digits + skip, whole - skip);
	if (scale) {
		buf_putc(out, '.');
		buf_put(out, digits + whole, scale);
	}
	return 0;
}
