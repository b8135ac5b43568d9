/*
 * queue.h - messages encoded in place in the ring between the source's thread and the
 * pipe's: the envelope's sink over common/os/ring.h.
 *
 * Job: lay out records (core/model/record.h), let a message grow while it is written,
 * and move one that is too large for the ring to the heap. Bounded in bytes: the ring's
 * capacity, plus at most that much again in messages outside it, or one such message
 * whatever its size. Source thread only; the other side is deliver.c.
 */
#ifndef MR_PIPELINE_QUEUE_H
#define MR_PIPELINE_QUEUE_H

#include "common/os/ring.h"
#include "core/envelope/sink.h"
#include "core/model/record.h"
#include "core/model/row.h"

/* The row that a message is of, for those that have to tell of it. */
struct queue_about {
	struct span db; /* NULL: the message is no row's. Both live as long as the publisher */
	struct span table;
	enum row_op op;
	uint64_t pos; /* of the rows event */
};

struct queue;

/*
 * Asked for a message of a row that may be too large, in front of its end. 0: it is not;
 * 1: queue_put_instead() was called; else a failure, which `refusal` tells.
 */
typedef int queue_judge(void *ctx, struct queue *q, uint32_t key_len, uint32_t headers_len,
			uint32_t value_len, uint8_t flags);

struct queue {
	struct envelope_sink sink; /* first: the envelope's view of this queue */
	struct ring *ring;         /* borrowed */

	char server[POSITION_SOURCE_MAX]; /* whose marks are put */
	uint32_t transactions; /* the topic of begin_transaction(), while it is set */

	/* What the publisher says of the row that is about to be written. */
	uint32_t topic;
	uint64_t row;     /* ordinal in its group, from 1 */
	uint32_t crc;     /* running, behind this row */
	usec_t timestamp;
	struct queue_about about;

	/* See oversize.h. */
	queue_judge *judge;
	void *judge_ctx;
	size_t most;       /* key and value of a message together; SIZE_MAX: any */
	bool suspicious;   /* of this group every message is judged */
	const struct err *refusal;

	/* The message being written. */
	struct buf buf;
	struct record *record; /* NULL: none */
	struct {               /* as the publisher said when it began */
		uint32_t topic;
		uint32_t crc;
		uint64_t row;
		usec_t timestamp;
		unsigned part; /* which message of its row, from 1; 0: it is no row's */
		struct queue_about about;
	} begun;
	size_t room;           /* bytes reserved for it in the ring, header included */
	uint8_t *outside;      /* its bytes, once it has left the ring */

	/* The newest row that is in the ring whole; the publisher resets it for a group. */
	uint64_t done_row;
	uint32_t done_crc;
	uint64_t done_messages; /* `messages`, behind it or where the group began */

	size_t expect;         /* what recent messages needed */
	size_t outside_bytes;  /* not known to be released */
	uint64_t messages;     /* committed since the start */
	uint64_t bytes;        /* of key and value */
	const struct err_kind *why;
};

/* `server`: whose the position is that the queue begins behind. */
void queue_init(struct queue *q, struct ring *ring, const char *server);
/* The sink takes messages of where transactions begin and end: into this topic. */
void queue_set_transactions(struct queue *q, uint32_t topic);
/* Drops a message that was begun. The ring is the caller's. */
void queue_fini(struct queue *q);
/* The rows that follow are of another group. */
void queue_begin_group(struct queue *q, bool suspicious);
/*
 * From the judge: this message in the place of the one that is being ended, which is dropped
 * (`key` may point into it). 0 or -errno, as the sink's end().
 */
int queue_put_instead(struct queue *q, uint32_t topic, struct span key, struct span headers,
		      struct span value, uint8_t flags) MR_MUST_CHECK;
/* A group whose first message follows. 0 or -ECANCELED when the ring is closed. */
int queue_put_group(struct queue *q, const struct record_group *g) MR_MUST_CHECK;
/* In front of the mark: takes the reference, also on failure. */
int queue_put_xa(struct queue *q, struct prepared *entry, bool decided) MR_MUST_CHECK;
/* Whose the marks to come are; a record only where it is another server. */
int queue_set_server(struct queue *q, const char *server) MR_MUST_CHECK;
/* A group is complete; published at once. */
int queue_put_mark(struct queue *q, const struct record_mark *m) MR_MUST_CHECK;
/* Lets the pipe's thread see what was written so far. */
void queue_publish(struct queue *q);

#endif
