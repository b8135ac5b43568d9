/*
 * deliver.h - queue -> pipe -> ledger -> checkpoint: the second half of a capture.
 *
 * Job: hand messages to the pipe in the queue's order, tell the ledger what was
 * acknowledged, save the safe position on time. Does not know what the bytes mean, nor
 * what follows from a failure: that is capture.c's.
 * Runs on the thread that called capture_run(). Borrows everything.
 */
#ifndef MR_PIPELINE_DELIVER_H
#define MR_PIPELINE_DELIVER_H

#include "common/os/ring.h"
#include "core/pipe/pipe.h"
#include "core/pipeline/capture.h"
#include "core/pipeline/oversize.h"
#include "core/progress/checkpoint.h"
#include "core/progress/ledger.h"

#include <stdatomic.h>

struct deliver {
	struct capture *owner; /* for capture.c's own callbacks */
	struct ring *ring;
	struct pipe *pipe;
	struct ledger *ledger;
	struct checkpoint *checkpoint;
	/* The source's thread has ended: what is in the ring is all there will be. Set
	 * before ring_close(). */
	const atomic_bool *source_done;
	/* The task is to end: the source's thread gets a moment to finish its group. */
	const atomic_bool *stopping;
	/* The operator will not wait: leave as soon as the position is saved. */
	const atomic_bool *hurry;
	/*
	 * After source_done: how long to wait for a pipe that acknowledges nothing. Without
	 * limit when the source's thread ended because it had read all that was asked for
	 * (*reached): whoever asked waits for its delivery.
	 */
	usec_t patience;
	const bool *reached; /* valid after source_done */

	_Atomic int64_t *last_ack; /* boot clock of the last progress */

	struct record *pending; /* taken from the ring, not by the pipe yet */
	usec_t shown;           /* when the position was shown last */
	bool stale;             /* it has moved since */
	bool late;              /* the last save could not be done, and that was logged */
	bool unsaved;           /* deliver_run() ended because of the checkpoint */
	usec_t stop_since;      /* since when it is to end and the source has not; 0: not */
	usec_t quiet_since;     /* since when nothing moved after the source was done; 0: not */
};

/* The ack callback for pipe_open(); ctx is the struct deliver. */
void deliver_ack(void *ctx, struct record *r);

/*
 * Works until the source is done and everything is acknowledged and saved (0), patience
 * ran out (-ETIMEDOUT: what was not acknowledged will be sent again), or the pipe or
 * the checkpoint failed (`unsaved`). In each case the safe position was saved, if that was
 * possible. While the checkpoint says that we may not act, nothing is handed over.
 */
int deliver_run(struct deliver *d, struct err *err) MR_MUST_CHECK;

/* Shared with commit.c: */
/*
 * The courtesy clock: 1, or 0 while nothing may be handed over or saved, or why it never
 * may again.
 */
int deliver_may_act(struct deliver *d, struct err *err) MR_MUST_CHECK;
/*
 * Sleeps until the ring or the pipe has something, or the next save is due; `refused`: until
 * the pipe has, for a record is pending, and not for long.
 */
void deliver_nap(struct deliver *d, usec_t now, bool refused);
/* Nothing is in the ring: all was handed over and acknowledged. */
bool deliver_all_taken(const struct deliver *d);
/*
 * Behind each round. Closes the ring to a source that does not end in time when the task is
 * to; true when it has to end without what is not acknowledged. done: source_done as it was
 * in front of the round; moved: in it; may: as deliver_may_act() said.
 */
bool deliver_is_over(struct deliver *d, bool done, bool moved, bool may);

/*
 * After pipe_close() and the end of the source's thread: frees what the records left in
 * the ring own. If `failed` is one of them, says in err which row of which transaction
 * it was, and fills *where; *row too if it is a message of a row, and no dead letter.
 */
void deliver_drop(struct deliver *d, const struct record *failed, struct capture_failure *where,
		  struct oversize *row, struct err *err);

#endif
