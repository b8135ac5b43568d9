/*
 * cursor.h - bounds-checked reading of foreign bytes, with sticky failure.
 *
 * Every parser of binlog bytes reads through this. A read past the end returns
 * zero (or NULL), sets `failed` and moves the cursor to its end, so that a parser
 * may read a whole structure and ask `failed` once. It never reads past `end`,
 * whatever the bytes. Owns nothing: the bytes must outlive it.
 */
#ifndef MR_BASE_CURSOR_H
#define MR_BASE_CURSOR_H

#include "common/base/bytes.h"

#include <stdbool.h>

struct cursor {
	const uint8_t *p;
	const uint8_t *end;
	bool failed;
};

static inline struct cursor cursor_of(const void *bytes, size_t len)
{
	return (struct cursor){.p = bytes, .end = (const uint8_t *)bytes + len};
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* The next n bytes, or NULL. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	if (__builtin_expect(cursor_left(c) < n, 0)) {
		c->failed = true;
		c->p = c->end;
		return NULL;
	}
	const uint8_t *p = c->p;
	c->p += n;
	return p;
}

static inline void cursor_skip(struct cursor *c, size_t n)
{
	(void)cursor_take(c, n);
}

static inline struct span cursor_span(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_take(c, n);
	return (struct span){.p = p, .len = p ? n : 0};
}

/* A cursor over the next n bytes only; it fails at once if they are not there. */
static inline struct cursor cursor_sub(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_take(c, n);
	struct cursor sub = {.p = p, .end = p ? p + n : p, .failed = !p};
	return sub;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 1);
	return p ? *p : 0;
}

static inline uint16_t cursor_le16(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 2);
	return p ? load_le16(p) : 0;
}

static inline uint32_t cursor_le24(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 3);
	return p ? load_le24(p) : 0;
}

static inline uint32_t cursor_le32(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 4);
	return p ? load_le32(p) : 0;
}

static inline uint64_t cursor_le48(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 6);
	return p ? load_le48(p) : 0;
}

static inline uint64_t cursor_le64(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 8);
	return p ? load_le64(p) : 0;
}

/* n in 1..8 */
static inline uint64_t cursor_le(struct cursor *c, unsigned n)
{
	const uint8_t *p = cursor_take(c, n);
	return p ? load_le(p, n) : 0;
}

/* n in 0..8 */
static inline uint64_t cursor_be(struct cursor *c, unsigned n)
{
	const uint8_t *p = cursor_take(c, n);
	return p ? load_be(p, n) : 0;
}

/*
 * The client/server protocol's length-encoded integer: one byte under 251, else
 * 0xfc + 2, 0xfd + 3 or 0xfe + 8 bytes, little-endian. 251 (NULL) and 255 fail.
 */
static inline uint64_t cursor_lenenc(struct cursor *c)
{
	uint8_t first = cursor_u8(c);
	if (first < 251)
		return first;
	switch (first) {
	case 252:
		return cursor_le16(c);
	case 253:
		return cursor_le24(c);
	case 254:
		return cursor_le64(c);
	default:
		c->failed = true;
		c->p = c->end;
		return 0;
	}
}

#endif
