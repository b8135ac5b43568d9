/*
 * check.h - what the tests of common/base share: includes in cmocka's order, buffers over
 * memory of a foreign owner, and random numbers that are the same in every run.
 */
#ifndef MR_TESTS_BASE_CHECK_H
#define MR_TESTS_BASE_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buf.h"

#include <errno.h>

/*
 * A buffer whose owner gives exactly what is asked for, at another address each time and
 * never more than `max` bytes: under the address sanitizer each byte too far is seen. A
 * canary stands behind the block for builds without it.
 */
struct foreign {
	struct buf buf;
	size_t max;
	unsigned grown;
};

enum { CANARY = 0xa5, CANARIES = 16 };

static inline void foreign_check(const struct foreign *f)
{
	for (size_t i = 0; f->buf.data && i < CANARIES; i++)
		assert_int_equal(f->buf.data[f->buf.cap + i], CANARY);
}

static inline int foreign_grow(struct buf *b, size_t need)
{
	struct foreign *f = b->owner;
	size_t cap = b->len + need;
	foreign_check(f);
	if (cap > f->max)
		return -ENOBUFS;
	uint8_t *data = malloc(cap + CANARIES);
	assert_non_null(data);
	memset(data, 0xee, cap);
	memset(data + cap, CANARY, CANARIES);
	if (b->len)
		memcpy(data, b->data, b->len);
	free(b->data);
	b->data = data;
	b->cap = cap;
	f->grown++;
	return 0;
}

static inline void foreign_init(struct foreign *f, size_t max)
{
	memset(f, 0, sizeof(*f));
	f->max = max;
	f->buf.grow = foreign_grow;
	f->buf.owner = f;
}

static inline void foreign_free(struct foreign *f)
{
	foreign_check(f);
	free(f->buf.data);
}

/* splitmix64 */
static inline uint64_t random_u64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

#endif
