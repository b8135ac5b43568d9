/*
 * arena.h - memory that lives until one reset: bump allocation, no free.
 *
 * Used where many small things share a lifetime: the values of one event, one table
 * definition. A reset keeps the largest block, so that the steady state allocates
 * nothing. Alignment is 8 bytes.
 */
#ifndef MR_BASE_ARENA_H
#define MR_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
	struct arena_block *head;
	uint8_t *p;
	uint8_t *end;
};

void arena_init(struct arena *a);
void arena_free(struct arena *a);
/* Everything handed out is gone. Blocks over `keep` bytes are given back. */
void arena_reset(struct arena *a, size_t keep);
/* Slow path of arena_alloc. */
void *arena_alloc_slow(struct arena *a, size_t n);
/* Zeroed memory, or NULL. */
void *arena_zalloc(struct arena *a, size_t n);
/* A copy with a zero byte behind it, or NULL. */
char *arena_strndup(struct arena *a, const void *s, size_t n);

/* n bytes, or NULL when the system has none. */
static inline void *arena_alloc(struct arena *a, size_t n)
{
	if (n > SIZE_MAX - 7)
		return NULL;
	n = (n + 7) & ~(size_t)7;
	if ((size_t)(a->end - a->p) < n)
		return arena_alloc_slow(a, n);
	void *p = a->p;
	a->p += n;
	return p;
}

#endif
