/*
 * checkpoint.h - the safe position on disk: the state folder of standalone mode.
 *
 *   DIR/lock            flock; held from open to close
 *   DIR/state.json      {"version":1,"cluster":…,"task":…,"uid":…,"epoch":N}: the cluster
 *                       id is made once, the epoch rises with every open
 *   DIR/position.json   the position document, replaced atomically
 *
 * Any of the two that cannot be read is an error, never a reason to start anew: only a
 * folder without position.json does that. It blocks (fsync): call it from a thread that
 * may wait. Not thread-safe; owns its memory.
 */
#ifndef MR_PROGRESS_CHECKPOINT_H
#define MR_PROGRESS_CHECKPOINT_H

#include "core/model/position.h"
#include "core/progress/ledger.h"

struct checkpoint;

struct checkpoint_options {
	const char *dir;      /* made when it does not exist */
	const char *task;     /* the task's name */
	const char *uid;      /* the task's uid; "": the one made at the first start */
	const char *delivery; /* "at_least_once" */
	const char *instance; /* who writes: host and pid */
	usec_t interval;      /* between saves of a moving position */
};

/*
 * Locks the folder, checks that it is this task's, raises the epoch. ERR_STATE_LOCKED,
 * ERR_STATE_INVALID (another task's, or damaged), ERR_STATE_IO.
 */
int checkpoint_open(const struct checkpoint_options *o, struct checkpoint **ret,
		    struct err *err) MR_MUST_CHECK;
/* Releases the lock. Saves nothing: checkpoint_save() is for a clean stop too. */
void checkpoint_close(struct checkpoint *c);

const char *checkpoint_cluster(const struct checkpoint *c);
const char *checkpoint_uid(const struct checkpoint *c);
uint64_t checkpoint_epoch(const struct checkpoint *c);

/* Whether a position was saved before; its flavour and the source it is of ("" if none). */
bool checkpoint_found(const struct checkpoint *c);
enum flavor checkpoint_flavor(const struct checkpoint *c);
const char *checkpoint_source(const struct checkpoint *c);
/*
 * The saved position, into an initialised struct position whose flavour is the source's:
 * a file of the other flavour is ERR_STATE_INVALID. Only when checkpoint_found().
 */
int checkpoint_load(const struct checkpoint *c, struct position *ret,
		    struct err *err) MR_MUST_CHECK;

/* What the next saves carry: the server the position is of; the pipe's cluster id. */
int checkpoint_set_source(struct checkpoint *c, const char *source) MR_MUST_CHECK;
int checkpoint_set_pipe_cluster(struct checkpoint *c, const char *id) MR_MUST_CHECK;

/* Writes it now. ERR_STATE_IO: the old one stays. */
int checkpoint_save(struct checkpoint *c, const struct position *p, struct err *err) MR_MUST_CHECK;
/*
 * Saves the ledger's position when it is not what was saved last (a first position is
 * saved before it moves) and the interval has passed since the last attempt. 1: saved;
 * 0: nothing to do; else -errno: called again, it tries again after the interval. `now`
 * is clock_boot().
 */
int checkpoint_tick(struct checkpoint *c, const struct ledger *l, usec_t now,
		    struct err *err) MR_MUST_CHECK;
/* Saves the position if it moved since the last save: at a clean stop. As checkpoint_tick. */
int checkpoint_flush(struct checkpoint *c, const struct ledger *l, struct err *err) MR_MUST_CHECK;
/* When checkpoint_tick() could next have something to do, on clock_boot()'s scale. */
usec_t checkpoint_due(const struct checkpoint *c);
/* Saves done since open. */
uint64_t checkpoint_saves(const struct checkpoint *c);

#endif
