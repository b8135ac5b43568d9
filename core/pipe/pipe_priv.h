/*
 * pipe_priv.h - for implementers of a pipe: what all kinds share, and what each kind
 * supplies. Users include pipe.h.
 *
 * A kind embeds struct pipe as its first member, allocates itself in its open function
 * and frees itself in ops->close. pipe.c keeps the failure, the names of topics and the
 * counters; a kind acknowledges through pipe_ack only.
 */
#ifndef MR_PIPE_PIPE_PRIV_H
#define MR_PIPE_PIPE_PRIV_H

#include "common/base/cursor.h"
#include "core/pipe/pipe.h"
#include "core/pipe/transaction.h"

#include <pthread.h>
#include <stdatomic.h>

struct pipe_ops {
	/* As pipe_put, pipe_serve, pipe_sync; the first two never after a failure. */
	int (*put)(struct pipe *p, struct record *r, struct err *err);
	int (*serve)(struct pipe *p, int timeout_ms, struct err *err);
	int (*sync)(struct pipe *p, struct err *err); /* NULL: nothing to do */
	void (*close)(struct pipe *p);
	/* See transaction.h; NULL: there are none. */
	int (*takeover)(struct pipe *p, struct pipe_takeover *t, struct err *err);
	int (*commit)(struct pipe *p, const struct pipe_takeover *t, const void *position,
		      size_t len, struct err *err);
	void (*hasten)(struct pipe *p);
	bool topic_names; /* names must be Kafka's */
};

/* Names of topics by number, and back. Grown by any thread, under the lock. */
struct topic_names {
	pthread_mutex_t lock;
	char **names; /* by number */
	uint32_t n;
	uint32_t cap;
	uint32_t *slots; /* open addressing by hash of the name: number + 1, 0 is free */
	uint32_t nslots; /* a power of two, at most half used */
};

struct pipe {
	const struct pipe_ops *ops;
	struct pipe_callbacks cb;
	int fd; /* pipe_fd; the kind's */
	struct topic_names topics;

	struct err failure; /* kind set: this pipe is over */
	int failure_rc;
	struct record *failed_record;
	struct pipe_oversize oversize;
	size_t message_max; /* 0: any */

	enum pipe_state state;
	usec_t state_since;
	char reason[256];

	/* Written by the deliver thread, read by any: relaxed, each by itself. */
	_Atomic uint64_t produced;
	_Atomic uint64_t acked;
	_Atomic uint64_t bytes;
	_Atomic uint64_t errors;
	_Atomic uint64_t away;
	_Atomic uint64_t throttle_ms;
	_Atomic uint64_t opened;
	_Atomic size_t batch_bytes;
};

int none_open(const struct pipe_options *opt, struct pipe **ret, struct err *err);
int lines_open(const struct pipe_options *opt, struct pipe **ret, struct err *err);
int kafka_open(const struct pipe_options *opt, struct pipe **ret, struct err *err);

/* A counter with one writer: no locked instruction is needed. */
static inline void pipe_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline uint64_t pipe_in_flight(const struct pipe *p)
{
	return atomic_load_explicit(&p->produced, memory_order_relaxed) -
	       atomic_load_explicit(&p->acked, memory_order_relaxed);
}

static inline void pipe_ack(struct pipe *p, struct record *r)
{
	pipe_count(&p->acked, 1);
	pipe_count(&p->bytes, (uint64_t)r->key_len + r->value_len);
	p->cb.ack(p->cb.ctx, r);
}

struct message_header {
	struct span name;
	struct span value;
};

/* The next of the headers behind a record's key (record.h tells their form), or false. */
static inline bool message_header_next(struct cursor *c, struct message_header *ret)
{
	uint16_t name_len = 0;
	uint32_t value_len = 0;
	const uint8_t *p = cursor_left(c) ? cursor_take(c, sizeof(name_len)) : NULL;
	if (p)
		memcpy(&name_len, p, sizeof(name_len));
	ret->name = cursor_span(c, name_len);
	p = cursor_left(c) ? cursor_take(c, sizeof(value_len)) : NULL;
	if (!p)
		return false;
	memcpy(&value_len, p, sizeof(value_len));
	ret->value = cursor_span(c, value_len);
	return !c->failed;
}

/* Changes the state, once a change; the first reason of an outage is kept. */
void pipe_set_state(struct pipe *p, enum pipe_state state, const char *reason);

#endif
