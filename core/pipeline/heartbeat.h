/*
 * heartbeat.h - messages that say "the way from the source to the pipe works", when nothing
 * else does: pipe.topics.heartbeat.
 *
 * Sent between transactions, whenever the source sends something (its own heartbeats, at
 * least every two seconds, are enough): so consumers that see none know that source, task or
 * pipe is away, and not only idle. They go through the same queue as rows, behind what was
 * read before them, and move no position. Not sent inside a transaction, however long.
 *
 * Source thread only. Owns nothing.
 */
#ifndef MR_PIPELINE_HEARTBEAT_H
#define MR_PIPELINE_HEARTBEAT_H

#include "common/contract/task.h"
#include "core/pipe/pipe.h"
#include "core/pipeline/queue.h"

struct heartbeat {
	usec_t interval; /* 0: none are sent */
	usec_t due;      /* clock_boot() */
	uint32_t topic;
	bool exact;      /* as Debezium writes it: the time alone */
};

/* Asks the pipe for the topic's number. */
int heartbeat_init(struct heartbeat *h, const struct task *task, struct pipe *pipe,
		   struct err *err) MR_MUST_CHECK;
/* How long the source may be silent, so that heartbeats come in time; at most `most`. */
usec_t heartbeat_period(const struct heartbeat *h, usec_t most);

/*
 * Outside of transactions, after something was read: sends one if it is time. `read` is the
 * end of the last transaction. -ECANCELED when the queue was closed.
 */
int heartbeat_send(struct heartbeat *h, const struct task *task, struct queue *queue,
		   const struct position *read, struct err *err) MR_MUST_CHECK;

static inline bool heartbeat_wanted(const struct heartbeat *h)
{
	return h->interval != 0;
}

#endif
