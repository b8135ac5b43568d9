/*
 * ring.c - see ring.h.
 *
 * Offsets are 64-bit and only grow; the place of offset v is v modulo the capacity.
 * Every entry has an 8-byte header: its payload's size, rounded up to 8, and whether
 * it is padding. Padding fills the rest up to the end of the mapping when an entry
 * would not be contiguous; both sides skip it.
 *
 *   freed <= read <= published <= committed,   committed - freed <= capacity
 *
 * Sleeping is the usual handshake: the sleeper raises its flag, then looks once more;
 * the other side changes the state, then looks at the flag; both in sequentially
 * consistent order, so at least one of them sees the other.
 */
#include "common/os/ring.h"


#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

struct entry {
	uint32_t size; /* of the payload, a multiple of 8 */
	uint32_t pad;  /* 1: nothing but padding */
};

enum { HEADER = sizeof(struct entry), CACHE_LINE = 64 };

struct ring {
	uint8_t *base;
	size_t capacity;
	int consumer_fd;
	int producer_fd;
	atomic_bool closed;

	/* The producer's own line. */
	uint64_t committed __attribute__((aligned(CACHE_LINE)));
	uint64_t reserved;     /* offset of the reserved entry's header */
	size_t reserved_size;  /* its payload's room; 0: nothing reserved */
	uint64_t freed_seen;   /* a former value of freed: often enough */

	/* Written by one side, read by the other. */
	_Atomic uint64_t published __attribute__((aligned(CACHE_LINE)));
	atomic_bool consumer_sleeps;
	_Atomic uint64_t freed __attribute__((aligned(CACHE_LINE)));
	_Atomic uint64_t producer_wants; /* wake the producer at this `freed`; 0: it is awake */

	/* The consumer's own line. */
	uint64_t read __attribute__((aligned(CACHE_LINE)));
	uint64_t published_seen;
};

int ring_new(size_t capacity, struct ring **ret)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	if (capacity < page || capacity > SIZE_MAX / 2)
		return -EINVAL;
	capacity = (capacity + page - 1) / page * page;
	struct ring *r = aligned_alloc(CACHE_LINE, sizeof(*r));
	if (!r)
		return -ENOMEM;
	memset(r, 0, sizeof(*r));
	r->capacity = capacity;
	r->consumer_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->producer_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->base = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r->base == MAP_FAILED || r->consumer_fd < 0 || r->producer_fd < 0) {
		int rc = -errno;
		if (r->base == MAP_FAILED)
			r->base = NULL;
		ring_free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	if (r->base)
		munmap(r->base, r->capacity);
	if (r->consumer_fd >= 0)
		close(r->consumer_fd);
	if (r->producer_fd >= 0)
		close(r->producer_fd);
	free(r);
}

size_t ring_capacity(const struct ring *r)
{
	return r->capacity;
}

size_t ring_entry_max(const struct ring *r)
{
	return r->capacity / 4;
}

static inline struct entry *entry_at(const struct ring *r, uint64_t offset)
{
	return (struct entry *)(r->base + offset % r->capacity);
}

static inline size_t round8(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static void signal_fd(int fd)
{
	uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));
	(void)n; /* EAGAIN: it is already signalled */
}

static void empty_fd(int fd)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));
	(void)n;
}

/* ------------------------------------------------------------------ producer */

/* Sleeps until `freed` is at least `target` (at most `committed`). False: closed. */
static bool wait_freed(struct ring *r, uint64_t target)
{
	while (!atomic_load(&r->closed)) {
		r->freed_seen = atomic_load(&r->freed);
		if (r->freed_seen >= target)
			return true;
		atomic_store(&r->producer_wants, target);
		if (atomic_load(&r->freed) < target && !atomic_load(&r->closed)) {
			struct pollfd pfd = {.fd = r->producer_fd, .events = POLLIN};
			poll(&pfd, 1, -1);
			empty_fd(r->producer_fd);
		}
		atomic_store(&r->producer_wants, 0);
	}
	return false;
}

/* Makes sure that `total` bytes from `committed` on are free. */
static bool wait_room(struct ring *r, size_t total)
{
	if (r->committed + total - r->freed_seen <= r->capacity)
		return !atomic_load_explicit(&r->closed, memory_order_relaxed);
	if (atomic_load(&r->closed))
		return false;
	r->freed_seen = atomic_load_explicit(&r->freed, memory_order_acquire);
	if (r->committed + total - r->freed_seen <= r->capacity)
		return true;
	ring_publish(r); /* what we wait for may be what nobody has seen yet */
	/* Woken for an eighth of the ring more than we need: fewer, longer sleeps. */
	uint64_t target = r->committed + total - r->capacity + r->capacity / 8;
	if (target > r->committed)
		target = r->committed;
	return wait_freed(r, target);
}

/* Bytes from `committed` to the end of the mapping if n more would not fit there, else 0. */
static size_t padding_before(const struct ring *r, size_t n)
{
	size_t to_end = r->capacity - r->committed % r->capacity;
	return to_end < n ? to_end : 0;
}

static void put_padding(struct ring *r, size_t pad)
{
	if (pad == 0)
		return;
	*entry_at(r, r->committed) = (struct entry){.size = (uint32_t)(pad - HEADER), .pad = 1};
	r->committed += pad;
}

void *ring_reserve(struct ring *r, size_t n)
{
	if (n == 0 || n > ring_entry_max(r))
		return NULL;
	size_t need = HEADER + round8(n);
	size_t pad = padding_before(r, need);
	if (!wait_room(r, pad + need))
		return NULL;
	put_padding(r, pad);
	r->reserved = r->committed;
	r->reserved_size = need - HEADER;
	return entry_at(r, r->reserved) + 1;
}

void *ring_extend(struct ring *r, size_t n, size_t used)
{
	assert(r->reserved_size > 0 && used <= r->reserved_size);
	if (n > ring_entry_max(r))
		return NULL;
	if (n <= r->reserved_size)
		return entry_at(r, r->reserved) + 1;
	size_t need = HEADER + round8(n);
	size_t pad = padding_before(r, need);
	if (!wait_room(r, pad + need))
		return NULL;
	if (pad) {
		/* The start of the ring is free up to the entry's size: the two do not overlap. */
		const void *old = entry_at(r, r->reserved) + 1;
		memcpy(r->base + HEADER, old, used);
		put_padding(r, pad);
		r->reserved = r->committed;
	}
	r->reserved_size = need - HEADER;
	return entry_at(r, r->reserved) + 1;
}

void ring_commit(struct ring *r, size_t n)
{
	assert(r->reserved_size > 0 && n > 0 && n <= r->reserved_size);
	size_t size = round8(n);
	*entry_at(r, r->reserved) = (struct entry){.size = (uint32_t)size, .pad = 0};
	r->committed = r->reserved + HEADER + size;
	r->reserved_size = 0;
}

void ring_publish(struct ring *r)
{
	if (atomic_load_explicit(&r->published, memory_order_relaxed) == r->committed)
		return;
	atomic_store(&r->published, r->committed);
	if (atomic_load(&r->consumer_sleeps) && atomic_exchange(&r->consumer_sleeps, false))
		signal_fd(r->consumer_fd);
}

bool ring_drain(struct ring *r)
{
	ring_publish(r);
	/* A last padding is released with nothing behind it only by ring_oldest(). */
	return wait_freed(r, r->committed);
}

/* ------------------------------------------------------------------ consumer */

void *ring_next(struct ring *r, size_t *ret_size)
{
	for (;;) {
		if (r->read == r->published_seen) {
			r->published_seen =
				atomic_load_explicit(&r->published, memory_order_acquire);
			if (r->read == r->published_seen)
				return NULL;
		}
		struct entry *e = entry_at(r, r->read);
		r->read += HEADER + e->size;
		if (e->pad)
			continue;
		/* Written by another core, and wanted when this one is dealt with. */
		const uint8_t *after = (const uint8_t *)entry_at(r, r->read);
		__builtin_prefetch(after);
		__builtin_prefetch(after + CACHE_LINE);
		if (ret_size)
			*ret_size = e->size;
		return e + 1;
	}
}

static void free_bytes(struct ring *r, size_t n)
{
	uint64_t freed = atomic_load_explicit(&r->freed, memory_order_relaxed) + n;
	atomic_store(&r->freed, freed);
	uint64_t wants = atomic_load(&r->producer_wants);
	if (wants && freed >= wants && atomic_exchange(&r->producer_wants, 0))
		signal_fd(r->producer_fd);
}

void *ring_oldest(struct ring *r)
{
	for (;;) {
		uint64_t freed = atomic_load_explicit(&r->freed, memory_order_relaxed);
		if (freed == r->read)
			return NULL;
		struct entry *e = entry_at(r, freed);
		if (!e->pad)
			return e + 1;
		free_bytes(r, HEADER + e->size);
	}
}

void ring_release(struct ring *r)
{
	uint64_t freed = atomic_load_explicit(&r->freed, memory_order_relaxed);
	assert(freed < r->read);
	free_bytes(r, HEADER + entry_at(r, freed)->size);
}

int ring_fd(const struct ring *r)
{
	return r->consumer_fd;
}

bool ring_sleep(struct ring *r)
{
	atomic_store(&r->consumer_sleeps, true);
	if (atomic_load(&r->published) != r->read || atomic_load(&r->closed)) {
		atomic_store(&r->consumer_sleeps, false);
		return false;
	}
	return true;
}

void ring_wake(struct ring *r)
{
	atomic_store(&r->consumer_sleeps, false);
	empty_fd(r->consumer_fd);
}

void ring_kick(struct ring *r)
{
	signal_fd(r->consumer_fd);
}

void ring_close(struct ring *r)
{
	atomic_store(&r->closed, true);
	signal_fd(r->consumer_fd);
	signal_fd(r->producer_fd);
}

bool ring_closed(const struct ring *r)
{
	return atomic_load(&r->closed);
}

size_t ring_used(const struct ring *r)
{
	uint64_t freed = atomic_load(&r->freed);
	uint64_t published = atomic_load(&r->published);
	return published > freed ? (size_t)(published - freed) : 0;
}
