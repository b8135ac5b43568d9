/*
 * payload.h - TRANSACTION_PAYLOAD: a whole transaction's events in one, compressed.
 *
 * Job: the event's body -> the events in it, one at a time. They are whole events with
 * headers, but without a CRC (the outer event has one) and with log_pos 0; stream.h's
 * stream_feed_inner() takes them.
 *
 *   rc = payload_open(p, &step.event, err);
 *   while (rc >= 0 && (rc = payload_next(p, &bytes, err)) > 0)
 *           rc = stream_feed_inner(&stream, bytes.p, bytes.len, &step, err);
 *
 * Memory: the decompressor's window (2 MiB as the source compresses by default, at most
 * 128 MiB at zstd's highest levels) and a buffer as large as the largest inner event; never
 * the transaction. A length that lies is not allocated for: the buffer grows as bytes come.
 * Pure but for its own heap; one thread. The event's bytes are borrowed until the end.
 */
#ifndef MR_BINLOG_PAYLOAD_H
#define MR_BINLOG_PAYLOAD_H

#include "core/binlog/event.h"

struct payload;

/* NULL when there is no memory. */
struct payload *payload_new(void);
void payload_free(struct payload *p);

/* 0, -EBADMSG (ERR_EVENT_CORRUPT), -ENOTSUP (a compression that we do not know). */
int payload_open(struct payload *p, const struct event *e, struct err *err) MR_MUST_CHECK;

/*
 * 1 and the next event's bytes, good until the next call; 0: there are no more; or -errno
 * (ERR_EVENT_CORRUPT, ERR_MEMORY).
 */
int payload_next(struct payload *p, struct span *ret, struct err *err) MR_MUST_CHECK;

#endif
