/*
 * steps.h - the next step of a dump: an event of it, or one out of the payload it is in.
 *
 * Job: join mysql/dump, binlog/stream and binlog/payload, for whoever reads a dump. The
 * stream is the caller's: it starts it anew with each dump, and steps_restart() likewise.
 * Source thread only. Owns the decompressor, made when the first payload is met.
 */
#ifndef MR_PIPELINE_STEPS_H
#define MR_PIPELINE_STEPS_H

#include "core/binlog/payload.h"
#include "core/binlog/stream.h"
#include "core/mysql/dump.h"

/* All zero is ready for use. */
struct steps {
	struct payload *payload;
	bool inside; /* the next event comes out of it */
	bool bytes_failed; /* the last failure is one of what was read, not of reading */
};

void steps_free(struct steps *s);
/* Another dump begins. */
void steps_restart(struct steps *s);

/*
 * 1 and a step, which borrows from the dump's last event until the next call; 0: the server
 * has ended the dump; or -errno, as dump_next(), stream_feed() and payload_next() have it.
 */
int steps_next(struct steps *s, struct source *dump, struct stream *stream, struct step *ret,
	       struct err *err) MR_MUST_CHECK;

#endif
