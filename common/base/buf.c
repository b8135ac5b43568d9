/* buf.c - see buf.h. */
#include "common/base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *b)
{
	memset(b, 0, sizeof(*b));
}

void buf_free(struct buf *b)
{
	if (!b->grow)
		free(b->data);
	memset(b, 0, sizeof(*b));
}

bool buf_grow(struct buf *b, size_t need)
{
	if (b->failed)
		return false;
	if (b->grow) {
		if (b->grow(b, need) != 0 || b->cap - b->len < need) {
			b->failed = true;
			return false;
		}
		return true;
	}
	size_t cap = b->cap ? b->cap : 256;
	while (cap - b->len < need) {
		if (cap > SIZE_MAX / 2) {
			b->failed = true;
			return false;
		}
		cap *= 2;
	}
	if (b->limit && cap > b->limit)
		cap = b->limit;
	uint8_t *data = cap - b->len < need ? NULL : realloc(b->data, cap);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	uint8_t *p = n < 0 ? NULL : buf_room(b, (size_t)n + 1);
	if (!p) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf((char *)p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

const char *buf_cstr(struct buf *b)
{
	uint8_t *p = buf_room(b, 1);
	if (!p)
		return "";
	*p = 0;
	return (const char *)b->data;
}
