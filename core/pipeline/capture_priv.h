/* capture_priv.h - a capture, for capture.c (its life) and capture_status.c (what is told). */
#ifndef MR_PIPELINE_CAPTURE_PRIV_H
#define MR_PIPELINE_CAPTURE_PRIV_H

#include "core/pipeline/capture.h"
#include "core/pipeline/deliver.h"
#include "core/pipeline/source.h"
#include "core/pipe/transaction.h"

struct capture {
	struct capture_options o;
	struct source_stop stop;
	atomic_bool hurry;
	struct source_stats source;
	_Atomic(int) state; /* enum capture_state, but for RETRYING, which is derived */
	atomic_bool pipe_away;
	atomic_bool held; /* by the courtesy clock: nothing is handed over */

	/* What outlives episodes. */
	struct position safe; /* between episodes; within one the ledger has it */
	bool claimed;         /* the checkpoint is ours */
	usec_t start_time;    /* what `start` by time means; 0: no such start */
	size_t batch_bytes; /* what the broker was found to take; 0: the default */
	unsigned rebuilds;  /* in a row */
	bool rebuild;       /* the episode ended with a producer or a queue that cannot go on */
	bool again;         /* or with a message that is known now: see oversize.h */
	struct oversize_list oversize;

	/* Delivery exactly_once; delivering thread. */
	bool transactional;
	bool fenced;                   /* this pipe has taken over */
	bool pipe_failed;              /* while it took over */
	struct pipe_takeover takeover; /* with `text` and `owner` */
	struct buf text;
	char owner[120];

	/* The episode at hand; the lock lets other threads look at it. */
	pthread_mutex_t lock;
	struct ring *ring;
	struct pipe *pipe;
	struct ledger ledger;
	bool ledger_live;
	struct capture_status past; /* sums of ended episodes */
	uint64_t dead_letters;      /* transactional: committed in this episode */
	_Atomic int64_t last_ack;   /* boot clock; 0: nothing yet */

	/* Under the lock: what is shown to other threads. */
	struct position shown;
	bool has_shown;
	struct err pipe_why; /* with pipe_away */
	struct err held_why; /* with held */
	struct capture_failure failure;
};

/*
 * start.c: makes the position ours and learns it, into c->safe; as often as the source,
 * ZooKeeper or (transactional: c->pipe is open) Kafka are away. 0; -ECANCELED: stopped
 * meanwhile; or why the capture ends, c->pipe_failed: this episode.
 */
int capture_find_start(struct capture *c, struct err *err);
/* Composes *p, commits it with what was put, and lets it be seen. */
int capture_commit(struct capture *c, const struct position *p, struct err *err);

/* Delivering thread: the safe position moved. */
void capture_show_position(struct capture *c, const struct position *safe);
/* The transaction that the capture failed at. */
void capture_note_failure(struct capture *c, const struct capture_failure *f);
/* pipe_callbacks.state; ctx is the struct deliver. */
void capture_pipe_state(void *ctx, enum pipe_state state, const char *reason);
/* Delivering thread: the courtesy clock holds delivery (why not NULL), or lets it go on. */
void capture_hold(struct capture *c, const struct err *why);

#endif
