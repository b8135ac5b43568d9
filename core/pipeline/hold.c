/* hold.c - see hold.h. */
#include "core/pipeline/hold.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* A group larger than this gives its pages back when it is done. */
enum { KEEP = 1 << 20 };

int hold_init(struct hold *h, size_t capacity)
{
	void *base = mmap(NULL, capacity, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	*h = (struct hold){.base = base, .size = capacity, .capacity = capacity};
	return 0;
}

void hold_free(struct hold *h)
{
	if (h->base)
		munmap(h->base, h->size);
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
		madvise(h->base + KEEP, h->size - KEEP, MADV_DONTNEED);
	h->used = 0;
}

void hold_reserve(struct hold *h, size_t reserved)
{
	h->capacity = reserved < h->size ? h->size - reserved : 0;
	if (h->capacity < h->used)
		h->capacity = h->used;
}

int hold_split(struct hold *h, struct hold *ret)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = h->used ? (h->used + page - 1) / page * page : page;
	struct hold new;
	if (h->used <= KEEP) {
		int rc = hold_init(&new, size);
		if (rc < 0)
			return rc;
		memcpy(new.base, h->base, h->used);
		new.used = h->used;
		hold_clear(h);
		*ret = new;
		return 0;
	}
	int rc = hold_init(&new, h->size);
	if (rc < 0)
		return rc;
	*ret = *h;
	if (size < h->size) {
		munmap(h->base + size, h->size - size);
		ret->size = ret->capacity = size;
	}
	*h = new;
	return 0;
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
