/*
 * decimal.c - the writers for DECIMAL, in the three forms of decimal.handling.mode, and
 * for BIGINT UNSIGNED as Connect's Decimal.
 *
 * A decimal arrives as its unscaled number (an int64_t, or digits when it is longer) and
 * the count of digits behind the point. Pure.
 */
#include "core/envelope/envelope_priv.h"

#include "common/base/json.h"

#include <stdlib.h>

enum {
	DIGITS_MAX = 81,    /* DECIMAL has at most 65, and 38 behind the point */
	MAGNITUDE_MAX = 36, /* bytes that DIGITS_MAX digits need, rounded up */
};

/* The digits of a value's unscaled number, without sign. */
struct digits {
	uint8_t text[24];
	const uint8_t *p; /* text, or the value's own bytes */
	uint32_t len;
	bool negative;
};

static void digits_of(const struct value *v, struct digits *d)
{
	if (v->kind == VALUE_DECIMAL_TEXT) {
		d->p = v->p;
		d->len = v->len;
		d->negative = d->len > 0 && *d->p == '-';
		d->p += d->negative;
		d->len -= d->negative;
		return;
	}
	d->negative = v->i < 0;
	d->len = dec_put_u64(d->text, d->negative ? -(uint64_t)v->i : (uint64_t)v->i);
	d->p = d->text;
}

/* -0.05: sign, digits, the scale kept; no exponent. */
enum put_status put_decimal_digits(struct buf *b, const struct plan_column *c,
				   const struct value *v)
{
	(void)c;
	struct digits d;
	digits_of(v, &d);
	uint32_t scale = v->aux;
	uint8_t *start = buf_room(b, (size_t)d.len + scale + 3);
	if (!start)
		return PUT_OK;
	uint8_t *p = start;
	if (d.negative)
		*p++ = '-';
	uint32_t whole = d.len > scale ? d.len - scale : 0;
	if (whole == 0)
		*p++ = '0';
	memcpy(p, d.p, whole);
	p += whole;
	if (scale > 0) {
		*p++ = '.';
		for (uint32_t i = d.len; i < scale; i++)
			*p++ = '0';
		memcpy(p, d.p + whole, d.len - whole);
		p += d.len - whole;
	}
	b->len += (size_t)(p - start);
	return PUT_OK;
}

enum put_status put_decimal_string(struct buf *b, const struct plan_column *c,
				   const struct value *v)
{
	buf_putc(b, '"');
	put_decimal_digits(b, c, v);
	buf_putc(b, '"');
	return PUT_OK;
}

/* The double nearest to the number. */
static enum put_status put_double(struct buf *b, const struct plan_column *c, const struct value *v)
{
	(void)c;
	struct digits d;
	digits_of(v, &d);
	if (d.len > DIGITS_MAX)
		return PUT_BAD_KIND;
	/* Without a decimal point strtod() is the same in every locale. */
	char text[DIGITS_MAX + 8];
	size_t n = 0;
	if (d.negative)
		text[n++] = '-';
	memcpy(text + n, d.p, d.len);
	n += d.len;
	text[n++] = 'e';
	text[n++] = '-';
	n += dec_put_u64((uint8_t *)text + n, v->aux);
	text[n] = 0;
	json_put_double(b, strtod(text, NULL));
	return PUT_OK;
}

/*
 * Base64 of the shortest big-endian two's complement of a magnitude of n bytes. One byte
 * before the magnitude is writable.
 */
static void put_twos_complement(struct buf *b, uint8_t *magnitude, size_t n, bool negative)
{
	uint8_t *p = magnitude - 1;
	*p = 0; /* room for the sign */
	n++;
	if (negative) {
		unsigned carry = 1;
		for (size_t i = n; i-- > 0;) {
			unsigned byte = (p[i] ^ 0xffu) + carry;
			p[i] = (uint8_t)byte;
			carry = byte >> 8;
		}
	}
	/* A first byte that only repeats the sign of the next is not needed. */
	while (n > 1 && ((p[0] == 0 && p[1] < 0x80) || (p[0] == 0xff && p[1] >= 0x80))) {
		p++;
		n--;
	}
	json_put_base64(b, p, n);
}

static void put_int_precise(struct buf *b, uint64_t magnitude, bool negative)
{
	uint8_t bytes[9];
	uint64_t big = htobe64(magnitude);
	memcpy(bytes + 1, &big, 8);
	put_twos_complement(b, bytes + 1, 8, negative);
}

enum put_status put_unsigned_precise(struct buf *b, const struct plan_column *c,
				     const struct value *v)
{
	(void)c;
	put_int_precise(b, v->u, false);
	return PUT_OK;
}

static enum put_status put_precise(struct buf *b, const struct plan_column *c,
				   const struct value *v)
{
	(void)c;
	if (v->kind == VALUE_DECIMAL) {
		put_int_precise(b, v->i < 0 ? -(uint64_t)v->i : (uint64_t)v->i, v->i < 0);
		return PUT_OK;
	}
	struct digits d;
	digits_of(v, &d);
	if (d.len > DIGITS_MAX)
		return PUT_BAD_KIND;
	/* Base 10^9 into base 2^32, most significant word first; 9 words hold 81 digits. */
	uint32_t words[MAGNITUDE_MAX / 4] = {0};
	for (uint32_t i = 0; i < d.len;) {
		uint32_t chunk = 0, unit = 1;
		do {
			chunk = chunk * 10 + (uint32_t)(d.p[i] - '0');
			unit *= 10;
		} while (++i < d.len && unit < 1000000000);
		uint64_t carry = chunk;
		for (size_t w = MAGNITUDE_MAX / 4; w-- > 0;) {
			carry += (uint64_t)words[w] * unit;
			words[w] = (uint32_t)carry;
			carry >>= 32;
		}
	}
	uint8_t bytes[1 + MAGNITUDE_MAX];
	for (size_t w = 0; w < MAGNITUDE_MAX / 4; w++) {
		uint32_t big = htobe32(words[w]);
		memcpy(bytes + 1 + 4 * w, &big, 4);
	}
	put_twos_complement(b, bytes + 1, MAGNITUDE_MAX, d.negative);
	return PUT_OK;
}

put_value *decimal_writer(const struct plan_column *c, uint8_t kind)
{
	(void)kind;
	switch (c->options->decimal) {
	case ENVELOPE_DECIMAL_DOUBLE:
		return put_double;
	case ENVELOPE_DECIMAL_STRING:
		return put_decimal_string;
	case ENVELOPE_DECIMAL_PRECISE:
		break;
	}
	return put_precise;
}
