/* hold.c - see hold.h. */
#include "core/pipeline/hold.h"

#include <errno.h>
#include <sys/mman.h>

/* A group larger than this gives its pages back when it is done. */
enum { KEEP = 1 << 20 };

int hold_init(struct hold *h, size_t capacity)
{
	void *base = mmap(NULL, capacity, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	*h = (struct hold){.base = base, .capacity = capacity};
	return 0;
}

void hold_free(struct hold *h)
{
	if (h->base)
		munmap(h->base, h->capacity);
	*h = (struct hold){0};
}

static size_t held_size(size_t body)
{
	return (sizeof(struct held) + body + 7) & ~(size_t)7;
}

bool hold_add(struct hold *h, uint32_t kind, uint64_t pos, const struct event *e)
{
	if (h->capacity - h->used < held_size(e->body.len))
		return false;
	struct held *held = (struct held *)(h->base + h->used);
	*held = (struct held){.pos = pos, .event = *e, .kind = kind};
	memcpy(held->body, e->body.p, e->body.len);
	h->used += held_size(e->body.len);
	return true;
}

void hold_clear(struct hold *h)
{
	if (h->used > KEEP)
		madvise(h->base + KEEP, h->capacity - KEEP, MADV_DONTNEED);
	h->used = 0;
}

const struct held *hold_next(const struct hold *h, const struct held *prev)
{
	size_t at = 0;
	if (prev)
		at = (size_t)((const uint8_t *)prev - h->base) + held_size(prev->event.body.len);
	return at < h->used ? (const struct held *)(h->base + at) : NULL;
}

struct event hold_event(const struct held *held)
{
	struct event e = held->event;
	e.body.p = held->body;
	return e;
}
