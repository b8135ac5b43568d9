/* arena.c - see arena.h. */
#include "common/base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK = 16 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t size;
	uint8_t bytes[] __attribute__((aligned(8)));
};

void arena_init(struct arena *a)
{
	*a = (struct arena){0};
}

void arena_free(struct arena *a)
{
	for (struct arena_block *b = a->head, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){0};
}

void arena_reset(struct arena *a, size_t keep)
{
	struct arena_block *best = NULL;
	for (struct arena_block *b = a->head, *next; b; b = next) {
		next = b->next;
		if (b->size <= keep && (!best || b->size > best->size)) {
			free(best);
			best = b;
		} else {
			free(b);
		}
	}
	*a = (struct arena){.head = best};
	if (best) {
		best->next = NULL;
		a->p = best->bytes;
		a->end = best->bytes + best->size;
	}
}

void *arena_alloc_slow(struct arena *a, size_t n)
{
	size_t size = ARENA_BLOCK;
	while (size < n) {
		if (size > SIZE_MAX / 4)
			return NULL;
		size *= 2;
	}
	struct arena_block *b = malloc(sizeof(*b) + size);
	if (!b)
		return NULL;
	b->size = size;
	b->next = a->head;
	a->head = b;
	a->p = b->bytes + n;
	a->end = b->bytes + size;
	return b->bytes;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);
	if (p)
		memset(p, 0, n);
	return p;
}

char *arena_strndup(struct arena *a, const void *s, size_t n)
{
	char *p = n == SIZE_MAX ? NULL : arena_alloc(a, n + 1);
	if (p) {
		if (n)
			memcpy(p, s, n);
		p[n] = 0;
	}
	return p;
}
