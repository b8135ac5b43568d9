/*
 * buf.h - an append-only byte buffer, inline on the fast path, sticky on failure.
 *
 * Two kinds share the code: a heap buffer (buf_init .. buf_free), which grows by
 * doubling, and a buffer over foreign memory whose owner supplies `grow` (the
 * queue between source and pipe does: messages are encoded in place). A failed
 * growth sets `failed`, and everything appended afterwards is dropped: writers
 * check `failed` once, at the end. `limit` bounds a heap buffer (0: none).
 */
#ifndef MR_BASE_BUF_H
#define MR_BASE_BUF_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t limit;
	bool failed;
	/*
	 * Makes room for at least `need` more bytes (data may move) and returns 0, or
	 * -errno. NULL means a heap buffer.
	 */
	int (*grow)(struct buf *b, size_t need);
	void *owner; /* grow's */
};

void buf_init(struct buf *b);
void buf_free(struct buf *b);
/* Slow path of buf_room; not for callers. */
bool buf_grow(struct buf *b, size_t need);
void buf_printf(struct buf *b, const char *fmt, ...) MR_PRINTF(2, 3);
/* Terminates with a zero byte that does not count in len; "" after a failure. */
const char *buf_cstr(struct buf *b);

/* A pointer to at least n writable bytes (n > 0) at the end, or NULL after a failure. */
static inline uint8_t *buf_room(struct buf *b, size_t n)
{
	if (__builtin_expect(b->cap - b->len < n, 0) && !buf_grow(b, n))
		return NULL;
	return b->data + b->len;
}

static inline void buf_put(struct buf *b, const void *bytes, size_t n)
{
	/* Nothing may come as NULL, and memcpy() may not be given that. */
	uint8_t *p = n ? buf_room(b, n) : NULL;
	if (p) {
		memcpy(p, bytes, n);
		b->len += n;
	}
}

static inline void buf_putc(struct buf *b, char c)
{
	uint8_t *p = buf_room(b, 1);
	if (p) {
		*p = (uint8_t)c;
		b->len++;
	}
}

static inline void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

/* A string literal: its length is known at compile time. */
#define buf_lit(b, s) buf_put((b), "" s, sizeof(s) - 1)

static inline void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

#endif
