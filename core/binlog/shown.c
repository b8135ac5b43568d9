/*
 * shown.c - see shown.h.
 *
 * The forms are MariaDB's (10.11 and 11.8 agree in all of 3,000 random addresses):
 *
 *   UUID    8-4-4-4-12 digits, in the order of the bytes
 *   INET6   groups without zeros in front; the first of the longest runs of zero groups, one
 *           group alone too, is "::"; where it is the first six groups, or the first five
 *           before ffff, the last four bytes are written as an INET4
 */
#include "core/binlog/shown.h"

#include "core/model/table.h"

#include <stdio.h>

size_t shown_size(unsigned kind)
{
	switch (kind) {
	case SHOWN_UUID:
	case SHOWN_INET6:
		return 16;
	case SHOWN_INET4:
		return 4;
	default:
		return 0;
	}
}

static size_t put_uuid(const uint8_t *p, char *out)
{
	static const char digits[] = "0123456789abcdef";
	char *to = out;
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = digits[p[i] >> 4];
		*to++ = digits[p[i] & 15];
	}
	return (size_t)(to - out);
}

static size_t put_inet4(const uint8_t *p, char *out, size_t room)
{
	return (size_t)snprintf(out, room, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
}

/* The first of the longest runs of zero groups: its length, 0 when there is none. */
static int longest_gap(const unsigned groups[8], int *ret_start)
{
	int longest = 0;
	for (int i = 0; i < 8; i++) {
		int n = 0;
		while (i + n < 8 && groups[i + n] == 0)
			n++;
		if (n > longest) {
			longest = n;
			*ret_start = i;
		}
		i += n;
	}
	return longest;
}

static size_t put_inet6(const uint8_t *p, char *out)
{
	unsigned groups[8];
	int start = -1;
	size_t n = 0;
	for (int i = 0; i < 8; i++)
		groups[i] = (unsigned)p[2 * i] << 8 | p[2 * i + 1];
	int gap = longest_gap(groups, &start);
	for (int i = 0; i < 8;) {
		if (i == start) {
			if (i == 0)
				out[n++] = ':';
			out[n++] = ':';
			i += gap;
			continue;
		}
		if (i == 6 && start == 0 && (gap == 6 || (gap == 5 && groups[5] == 0xffff)))
			return n + put_inet4(p + 12, out + n, SHOWN_TEXT_MAX - n);
		n += (size_t)snprintf(out + n, SHOWN_TEXT_MAX - n, "%x", groups[i]);
		if (++i < 8)
			out[n++] = ':';
	}
	return n;
}

size_t shown_text(unsigned kind, const uint8_t *p, char out[SHOWN_TEXT_MAX])
{
	switch (kind) {
	case SHOWN_UUID:
		return put_uuid(p, out);
	case SHOWN_INET4:
		return put_inet4(p, out, SHOWN_TEXT_MAX);
	case SHOWN_INET6:
		return put_inet6(p, out);
	default:
		return 0;
	}
}
