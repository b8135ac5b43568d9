/* number.c - exact comparison of decimal numbers of any length. See rules_priv.h. Pure. */
#include "core/rules/rules_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int number_parse(struct span text, struct arena *arena, struct number *ret)
{
	const char *p = (const char *)text.p, *end = p + text.len;
	struct number n = {0};
	if (p < end && (*p == '-' || *p == '+'))
		n.negative = *p++ == '-';
	char *digits = arena_alloc(arena, text.len + 1);
	if (!digits)
		return -ENOMEM;
	size_t count = 0, given = 0;
	for (; p < end && *p >= '0' && *p <= '9'; p++, given++)
		if (count > 0 || *p != '0')
			digits[count++] = *p;
	n.nint = (uint32_t)count;
	if (p < end && *p == '.')
		for (p++; p < end && *p >= '0' && *p <= '9'; p++, given++)
			digits[count++] = *p;
	n.nfrac = (uint32_t)count - n.nint;
	if (p != end || given == 0)
		return -EINVAL;
	n.digits = digits;
	*ret = n;
	return 0;
}

/* Unscaled digits, `scale` of which stand behind the point. */
static void from_digits(const char *digits, uint32_t len, uint32_t scale, struct number *ret)
{
	ret->nint = len > scale ? len - scale : 0;
	ret->nfrac = len > scale ? scale : len;
	ret->digits = digits;
	/* 0.05 of scale 2 has the digit 5: the zeros in front of it are not stored. */
	if (len < scale)
		ret->nfrac = scale;
}

bool number_of(const struct value *v, char scratch[NUMBER_TEXT_MAX], struct number *ret)
{
	struct number n = {0};
	uint64_t magnitude = v->u;
	switch ((enum value_kind)v->kind) {
	case VALUE_DECIMAL_TEXT: {
		const char *p = (const char *)v->p;
		uint32_t len = v->len;
		if (len > 0 && *p == '-') {
			n.negative = true;
			p++;
			len--;
		}
		if (len < v->aux)
			return false; /* over 18 digits there are never fewer than the scale's */
		from_digits(p, len, v->aux, &n);
		*ret = n;
		return true;
	}
	case VALUE_INT:
	case VALUE_DECIMAL:
		n.negative = v->i < 0;
		magnitude = n.negative ? -(uint64_t)v->i : (uint64_t)v->i;
		break;
	case VALUE_UINT:
	case VALUE_YEAR:
	case VALUE_BIT:
		break;
	default:
		return false;
	}
	unsigned scale = v->kind == VALUE_DECIMAL ? v->aux : 0;
	/* At least as many digits as the scale has; none for a whole zero. */
	char *p = scratch + NUMBER_TEXT_MAX;
	uint32_t len = 0;
	for (; magnitude || len < scale; magnitude /= 10, len++)
		*--p = (char)('0' + magnitude % 10);
	from_digits(p, len, scale, &n);
	*ret = n;
	return true;
}

static bool is_zero(const struct number *n)
{
	for (uint32_t i = 0; i < n->nint + n->nfrac; i++)
		if (n->digits[i] != '0')
			return false;
	return true;
}

/* Of the magnitudes. */
static int compare_digits(const struct number *a, const struct number *b)
{
	if (a->nint != b->nint)
		return a->nint < b->nint ? -1 : 1;
	int order = memcmp(a->digits, b->digits, a->nint);
	if (order)
		return order;
	uint32_t n = a->nfrac > b->nfrac ? a->nfrac : b->nfrac;
	for (uint32_t i = 0; i < n; i++) {
		char x = i < a->nfrac ? a->digits[a->nint + i] : '0';
		char y = i < b->nfrac ? b->digits[b->nint + i] : '0';
		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

int number_compare(const struct number *a, const struct number *b)
{
	bool minus_a = a->negative && !is_zero(a), minus_b = b->negative && !is_zero(b);
	if (minus_a != minus_b)
		return minus_a ? -1 : 1;
	int order = compare_digits(a, b);
	return minus_a ? -order : order;
}

double number_double(const struct value *v)
{
	char scratch[NUMBER_TEXT_MAX], text[128];
	struct number n;
	if (v->kind == VALUE_DOUBLE)
		return v->d;
	if (v->kind == VALUE_FLOAT)
		return (double)v->f;
	if (!number_of(v, scratch, &n))
		return 0;
	snprintf(text, sizeof(text), "%s%.*s.%.*s", n.negative ? "-" : "", (int)n.nint, n.digits,
		 (int)n.nfrac, n.digits + n.nint);
	return strtod(text, NULL);
}
