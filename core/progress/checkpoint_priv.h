/* checkpoint_priv.h - a checkpoint, and what each place to keep it does its own way. Private. */
#ifndef MR_PROGRESS_CHECKPOINT_PRIV_H
#define MR_PROGRESS_CHECKPOINT_PRIV_H

#include "common/contract/position.h"
#include "core/progress/checkpoint.h"

struct store {
	/* See checkpoint_claim(), checkpoint_may_act(); NULL: nothing to do, always. */
	int (*claim)(struct checkpoint *c, struct err *err);
	int (*may_act)(struct checkpoint *c, struct err *err);
	/* See checkpoint_confirm(); NULL: it is. */
	int (*confirm)(struct checkpoint *c, struct err *err);
	/* Another has claimed the pipe's position: nothing is saved from here on. */
	int (*lose)(struct checkpoint *c, const char *why, struct err *err);
	/* A folder: the pipe has seen a higher epoch than ours, of a later copy of it. */
	int (*raise)(struct checkpoint *c, uint64_t epoch, struct err *err);
	/* Replaces what is kept by c->doc, printed. */
	int (*save)(struct checkpoint *c, const struct buf *text, struct err *err);
	/* Keeps the history: all of it anew, or more behind what is kept. */
	int (*save_history)(struct checkpoint *c, const void *text, size_t len, bool anew,
			    struct err *err);
	/* Frees what is its own, and the checkpoint's memory. */
	void (*close)(struct checkpoint *c);
};

/* The first member of each place's own struct. */
struct checkpoint {
	const struct store *store;
	char *path; /* of the document, for messages */
	uint64_t epoch;
	uint64_t revision; /* of the task document */
	usec_t interval;
	bool found; /* doc came from there, or has been saved */
	bool ordered;
	bool lost;
	bool passing; /* a save that must not hold up the delivery for long */
	struct control_doc control; /* has_control: of the task */
	bool has_control;
	bool had_position; /* without one the task must not begin anew */
	/* What was written last, or is about to be; its uid, delivery, … are ours. */
	struct position_doc doc;
	struct position work; /* the ledger's position, while it is saved */
	bool failed;          /* the last save did: doc is not what is kept there */
	/* Delivery exactly_once; see checkpoint_transactional.c. */
	bool transactional;
	bool reconciled;
	bool composing;        /* doc may or may not be what the pipe has */
	bool uncopied;         /* doc is what the pipe has, and is not kept yet */
	uint64_t committed;    /* seq that the pipe has, as far as we know */
	uint64_t moves;       /* of the ledger, at the last save */
	usec_t last;          /* the last attempt */
	uint64_t saves;
	struct schema_store *history; /* once claimed */
};

/* Sets up the members above. 0 or -ENOMEM. */
int checkpoint_init(struct checkpoint *c, const struct store *store, usec_t interval,
		    struct err *err) MR_MUST_CHECK;
/* Frees them; for store.close and a failed start. */
void checkpoint_fini(struct checkpoint *c);
int checkpoint_no_memory(struct err *err);
/* The document behind c->doc: p in it, its number raised; history kept first. */
int checkpoint_next(struct checkpoint *c, const struct position *p, struct buf *ret,
		    struct err *err) MR_MUST_CHECK;
/* What is kept of the history; nothing: len 0. */
int checkpoint_take_history(struct checkpoint *c, const void *text, size_t len,
			    struct err *err) MR_MUST_CHECK;

#endif
