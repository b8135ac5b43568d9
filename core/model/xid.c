/* xid.c - see xid.h. Pure. */
#include "core/model/xid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool xid_equal(const struct xid *a, const struct xid *b)
{
	return a->format == b->format && a->gtrid_len == b->gtrid_len &&
	       a->bqual_len == b->bqual_len && memcmp(a->gtrid, b->gtrid, a->gtrid_len) == 0 &&
	       memcmp(a->bqual, b->bqual, a->bqual_len) == 0;
}

static char *put_hex(char *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	*out++ = 'X';
	*out++ = '\'';
	for (size_t i = 0; i < len; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out++ = '\'';
	*out++ = ',';
	return out;
}

size_t xid_format(const struct xid *x, char *out)
{
	char *p = put_hex(out, x->gtrid, x->gtrid_len);
	p = put_hex(p, x->bqual, x->bqual_len);
	int n = snprintf(p, 11, "%u", x->format);
	return (size_t)(p - out) + (size_t)n;
}

struct reader {
	const uint8_t *p;
	const uint8_t *end;
};

static void skip_spaces(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || (*r->p >= '\t' && *r->p <= '\r')))
		r->p++;
}

static bool take(struct reader *r, char c)
{
	skip_spaces(r);
	if (r->p == r->end || *r->p != (uint8_t)c)
		return false;
	r->p++;
	return true;
}

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits up to the first other character. */
static int read_hex(struct reader *r, uint8_t *out, uint8_t *ret_len)
{
	size_t n = 0;
	while (r->end - r->p >= 2 && digit(r->p[0]) >= 0) {
		if (digit(r->p[1]) < 0 || n == XID_PART_MAX)
			return -EINVAL;
		out[n++] = (uint8_t)(digit(r->p[0]) << 4 | digit(r->p[1]));
		r->p += 2;
	}
	*ret_len = (uint8_t)n;
	return 0;
}

/* Behind its opening quote; a doubled quote stands for one. Escapes are refused. */
static int read_quoted(struct reader *r, uint8_t quote, uint8_t *out, uint8_t *ret_len)
{
	size_t n = 0;
	for (; r->p < r->end; r->p++) {
		if (*r->p == '\\')
			return -EINVAL;
		if (*r->p == quote && (++r->p == r->end || *r->p != quote)) {
			*ret_len = (uint8_t)n;
			return 0;
		}
		if (n == XID_PART_MAX)
			return -EINVAL;
		out[n++] = *r->p;
	}
	return -EINVAL;
}

static int read_part(struct reader *r, uint8_t *out, uint8_t *ret_len)
{
	skip_spaces(r);
	if (r->end - r->p < 2)
		return -EINVAL;
	uint8_t first = r->p[0], second = r->p[1];
	if (first == '\'' || first == '"') {
		r->p++;
		return read_quoted(r, first, out, ret_len);
	}
	r->p += 2;
	if (first == '0' && second == 'x')
		return read_hex(r, out, ret_len);
	if ((first | 0x20) != 'x' || second != '\'' || read_hex(r, out, ret_len) < 0)
		return -EINVAL;
	return take(r, '\'') ? 0 : -EINVAL;
}

int xid_parse(struct span text, struct xid *ret)
{
	struct reader r = {text.p, text.p + text.len};
	struct xid x = {.format = 1};
	if (read_part(&r, x.gtrid, &x.gtrid_len) < 0 || x.gtrid_len == 0)
		return -EINVAL;
	if (take(&r, ',')) {
		if (read_part(&r, x.bqual, &x.bqual_len) < 0)
			return -EINVAL;
		if (take(&r, ',')) {
			skip_spaces(&r);
			size_t digits = 0;
			uint64_t n = 0;
			for (; r.p < r.end && *r.p >= '0' && *r.p <= '9'; r.p++, digits++)
				n = n * 10 + (uint64_t)(*r.p - '0');
			if (digits == 0 || digits > 20)
				return -EINVAL;
			x.format = (uint32_t)n;
		}
	}
	skip_spaces(&r);
	if (r.p != r.end)
		return -EINVAL;
	*ret = x;
	return 0;
}
