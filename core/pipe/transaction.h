/*
 * transaction.h - a Kafka pipe whose messages become visible together with the position
 * that they lead to: the second face of a pipe that was opened with a transactional id.
 *
 *   pipe_open(…, transactional.id, …)
 *   pipe_takeover()    fences and aborts whoever wrote under this id before, makes and checks
 *                      the position topic, reads the position that was committed last
 *   pipe_commit()      a position alone: the claim
 *   pipe_put() …       the first one begins a transaction
 *   pipe_hasten() …    until all of it is acknowledged
 *   pipe_commit()      with the position behind what was put
 *   pipe_close()       aborts what is open
 *
 * The position topic has one partition and is compacted. Its records:
 *
 *   key "position"          value: the caller's bytes
 *   key "<topic>/<number>"  value "<owner>\n<offset>": the last offset of a partition that is
 *                           covered by that position, for partitions the transaction touched.
 *                           The owner is the caller's; another owner's records are ignored.
 *   key "open", no value    the transaction has messages
 *
 * Threads and memory as in pipe.h: the deliver thread, which may be held up here.
 * Does not belong here: what a position says, and which of two is the later one.
 */
#ifndef MR_PIPE_TRANSACTION_H
#define MR_PIPE_TRANSACTION_H

#include "common/base/buf.h"
#include "core/pipe/pipe.h"

enum { PIPE_CLUSTER_MAX = 64 };

struct pipe_takeover {
	/* Asked several times a second; true ends the wait with -ECANCELED. */
	bool (*stop)(void *ctx);
	void *ctx;
	const char *owner;              /* without line ends */
	struct buf *position;           /* filled; empty: the topic has none */
	char cluster[PIPE_CLUSTER_MAX]; /* filled: the id of Kafka's cluster */
};

/*
 * Waits for as long as no broker answers (the pipe is then PIPE_AWAY). What cannot be read
 * is an error, never an empty topic. The kinds of pipe_serve(), and
 *   ERR_PIPE_REFUSED     the position topic is not fit, or not for us; the id is not for us
 *   ERR_PIPE_TOPIC_LOST  a partition ends before an offset that the position covers
 *   ERR_PIPE_FATAL       nothing is known to be wrong: close, open, take over again
 */
int pipe_takeover(struct pipe *p, struct pipe_takeover *t, struct err *err) MR_MUST_CHECK;

/*
 * Commits what was put since the last commit, all of which is acknowledged, and `position`
 * with it. While brokers do not answer it tries again, until `stop` says so or the
 * transaction's time is over; then it is not known whether it happened. -EBUSY: something is
 * not acknowledged yet. Kinds:
 *   ERR_PIPE_FENCED  another has taken over, or the brokers ended our transaction: it took
 *                    longer than its timeout
 *   ERR_PIPE_FATAL   close, open, take over: the position read then says what was committed
 */
int pipe_commit(struct pipe *p, const struct pipe_takeover *t, const void *position, size_t len,
		struct err *err) MR_MUST_CHECK;

/* Sends what waits for company, and waits shortly for acknowledgements. */
void pipe_hasten(struct pipe *p);

#endif
