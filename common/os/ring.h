/*
 * ring.h - a bounded ring of bytes from one producing thread to one consuming thread,
 * whose entries stay in place until they are released.
 *
 * Three places move through it: `write` (producer), `read` (consumer takes entries in
 * order) and `free` (consumer releases entries in order, later). Entries are
 * contiguous and 8-byte aligned. No lock on the fast path: a thread that finds the
 * ring full or empty sleeps on an eventfd. The memory is mapped once and touched only
 * as far as it is used.
 *
 * producer                              consumer
 *   p = ring_reserve(n)  (may wait)       e = ring_next()      (NULL: nothing new)
 *   p = ring_extend(n)   (may move)       … ring_oldest() / ring_release()
 *   ring_commit(n)                        poll(ring_fd()), ring_sleep()
 *   ring_publish()
 */
#ifndef MR_OS_RING_H
#define MR_OS_RING_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct ring;

/* capacity: bytes, rounded up to a page. 0 or -errno. */
int ring_new(size_t capacity, struct ring **ret);
/* Both threads must have left it. */
void ring_free(struct ring *r);
size_t ring_capacity(const struct ring *r);
/* The largest entry it takes: a quarter of the capacity. */
size_t ring_entry_max(const struct ring *r);

/* Producer: */

/*
 * Room for an entry of n bytes, waiting until the consumer has released enough. NULL
 * after ring_close(), or when n is over ring_entry_max(). Entries committed but not
 * published are published before it waits.
 */
void *ring_reserve(struct ring *r, size_t n);
/*
 * Makes the reserved, uncommitted entry n bytes large; what was written (`used` bytes)
 * stays, at the address returned. NULL as above.
 */
void *ring_extend(struct ring *r, size_t n, size_t used);
/* The reserved entry has its final size (n at most what was reserved). */
void ring_commit(struct ring *r, size_t n);
/* Lets the consumer see all committed entries, and wakes it. */
void ring_publish(struct ring *r);
/* Waits until everything committed has been released (the consumer must ask ring_oldest()
 * once more after its last release, which skips padding), or the ring is closed. False: closed. */
bool ring_drain(struct ring *r);

/* Consumer: */

/* The next published entry, or NULL. ret_size may be NULL. */
void *ring_next(struct ring *r, size_t *ret_size);
/* The oldest entry taken by ring_next and not released yet, or NULL. */
void *ring_oldest(struct ring *r);
/* Gives the oldest entry's bytes back to the producer. */
void ring_release(struct ring *r);
/* Readable when entries were published since ring_sleep() returned true. */
int ring_fd(const struct ring *r);
/* Says that the consumer is about to poll; false: there is something already. */
bool ring_sleep(struct ring *r);
/* Empties the fd after the poll. */
void ring_wake(struct ring *r);

/* Any thread: a consumer that sleeps on ring_fd() wakes. */
void ring_kick(struct ring *r);
/* Any thread: wakes both sides; a waiting or coming reservation fails. */
void ring_close(struct ring *r);
bool ring_closed(const struct ring *r);
/* Bytes committed and not released: a snapshot, from any thread. */
size_t ring_used(const struct ring *r);

#endif
