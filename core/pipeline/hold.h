/*
 * hold.h - the row events of one undecided group, up to a bound.
 *
 * Job: keep a group's table maps and rows, as the source sent them, until its terminator
 * says whether they happened. The raw bytes are a fraction of the messages they become,
 * so more groups fit than if encoded rows were held.
 * Does not decide anything. Source thread only. Owns one mapping of group_bytes, touched
 * as far as it was ever used since the last hold_clear() of a large group.
 */
#ifndef MR_PIPELINE_HOLD_H
#define MR_PIPELINE_HOLD_H

#include "core/binlog/event.h"

struct hold {
	uint8_t *base;
	size_t size;     /* of the mapping */
	size_t capacity; /* what may be used of it */
	size_t used;
};

/* One held event: what is needed to process it later as if it had just arrived. */
struct held {
	uint64_t pos;       /* where the event starts in its file */
	struct event event; /* its body.p is not valid here: see hold_event() */
	uint32_t kind;      /* enum step_kind */
	uint8_t body[];
};

/* capacity: bytes. 0 or -errno. */
int hold_init(struct hold *h, size_t capacity);
void hold_free(struct hold *h);
/* Copies an event; false when it does not fit any more. */
bool hold_add(struct hold *h, uint32_t kind, uint64_t pos, const struct event *e);
void hold_clear(struct hold *h);
/* `reserved` bytes of it are in use elsewhere; what is held already stays. */
void hold_reserve(struct hold *h, size_t reserved);
/*
 * What is held goes to an uninitialised *ret, in a mapping not larger than it needs; h is
 * empty then. A large one takes the mapping along, so that there are no two copies. 0 or
 * -errno, h then as before.
 */
int hold_split(struct hold *h, struct hold *ret) MR_MUST_CHECK;
/* The event behind `prev` (NULL: the first), or NULL. */
const struct held *hold_next(const struct hold *h, const struct held *prev);
/* The event, its body borrowed from the hold. */
struct event hold_event(const struct held *e);

#endif
