/*
 * checkpoint.h - the safe position, kept beyond the process: when it is saved, what the
 * saved document says, whether we still may. Where it is kept is behind it:
 *
 *   state_folder.h   a folder on this machine (standalone mode)
 *   last_commit.h    the task's lastCommit in ZooKeeper, under our instance's node
 *
 * What cannot be read is an error, never a reason to start anew: only a place without a
 * position does that. Saves block: call them from a thread that may wait, the delivering
 * one; checkpoint_claim() and all that follows it are that thread's. Owns its memory.
 */
#ifndef MR_PROGRESS_CHECKPOINT_H
#define MR_PROGRESS_CHECKPOINT_H

#include "common/base/buf.h"
#include "common/contract/control.h"
#include "core/model/position.h"
#include "core/progress/ledger.h"
#include "core/progress/schema_store.h"

struct checkpoint;

void checkpoint_close(struct checkpoint *c);

const char *checkpoint_uid(const struct checkpoint *c);
uint64_t checkpoint_epoch(const struct checkpoint *c);

/*
 * Makes the position ours, before anything is read: reads what is there and writes our
 * epoch into it (protocol.md, rule 2d). A folder is ours since it was opened. 0, or
 * -errno with a kind as of checkpoint_may_act(), or ERR_STATE_INVALID: what is there cannot
 * be understood.
 */
int checkpoint_claim(struct checkpoint *c, struct err *err) MR_MUST_CHECK;

/*
 * Whether messages may be handed over and positions be saved (rule 10): 1; or 0, not at
 * the moment (err says why): nothing is lost, ask again; or -errno, no more, when another
 * has taken over or may have:
 *   ERR_ZK_EXPIRED        our session is over
 *   ERR_ZK_GONE           our instance's node is gone, or a later epoch or reset has claimed
 *   ERR_POSITION_CONFLICT lastCommit was changed by something that is no instance
 * After it nothing is saved any more. A folder: always 1.
 */
int checkpoint_may_act(struct checkpoint *c, struct err *err) MR_MUST_CHECK;
/* Whether a call has failed with one of those kinds, or a position cannot be saved for good. */
bool checkpoint_is_lost(const struct checkpoint *c);

/* Whether a position was saved before, and its flavour. */
bool checkpoint_found(const struct checkpoint *c);
enum flavor checkpoint_flavor(const struct checkpoint *c);
/*
 * The saved position, into an initialised struct position whose flavour is the source's:
 * a file of the other flavour is ERR_STATE_INVALID. Only when checkpoint_found().
 */
int checkpoint_load(const struct checkpoint *c, struct position *ret,
		    struct err *err) MR_MUST_CHECK;
/*
 * The control document that we act on; NULL in standalone mode. `ordered`: its position is
 * to be resolved like source.start and saved, instead of checkpoint_load(): a person has
 * set it, and nobody has done it yet.
 */
const struct control_doc *checkpoint_control(const struct checkpoint *c);
bool checkpoint_ordered(const struct checkpoint *c);

/*
 * The history of table definitions, kept beside the position; from checkpoint_claim() on.
 * Every save writes what was added to it first.
 */
struct schema_store *checkpoint_history(struct checkpoint *c);

/* What the next saves carry: the pipe's cluster id. */
int checkpoint_set_pipe_cluster(struct checkpoint *c, const char *id) MR_MUST_CHECK;

/*
 * Writes it now, waiting for as long as we may act. On failure the old one stays, or it
 * is not known which of the two is there. -EAGAIN: ZooKeeper is away (ERR_ZK_UNREACHABLE
 * or ERR_ZK_UNKNOWN); later saves put it right.
 */
int checkpoint_save(struct checkpoint *c, const struct position *p, struct err *err) MR_MUST_CHECK;
/*
 * Saves the ledger's position when it is not what was saved last (a first position is
 * saved before it moves) and the interval has passed since the last attempt. 1: saved;
 * 0: nothing to do; -EAGAIN as above; else -errno: called again, it tries again after the
 * interval. `now` is clock_boot().
 */
int checkpoint_tick(struct checkpoint *c, const struct ledger *l, usec_t now,
		    struct err *err) MR_MUST_CHECK;
/* Saves the position if it moved since the last save: at a clean stop. As checkpoint_tick. */
int checkpoint_flush(struct checkpoint *c, const struct ledger *l, struct err *err) MR_MUST_CHECK;
/*
 * Delivery exactly_once: the position is the pipe's, committed there together with the rows,
 * and what is kept here is a copy of it, made afterwards (protocol.md, rules 2 to 6).
 *
 *   checkpoint_confirm()    before any fencing: is it ours to write?
 *   … the pipe fences, and reads what was committed last
 *   checkpoint_claim()      as always; it changes nothing but the epoch of what is kept.
 *                           Again, as long as nothing was committed
 *   checkpoint_reconcile()  which of the two positions counts
 *   checkpoint_compose() … the pipe commits it … checkpoint_committed()
 *   checkpoint_copy()
 */
bool checkpoint_is_transactional(const struct checkpoint *c);
/*
 * Asks now, not from memory, whether our instance's node is still there: then it is also the
 * smallest, as it was when we began. 0, -EAGAIN, or as checkpoint_may_act(). A folder: 0.
 */
int checkpoint_confirm(struct checkpoint *c, struct err *err) MR_MUST_CHECK;
/*
 * Compares what the pipe has (len 0: nothing) with what is kept, and makes the later one what
 * checkpoint_load() gives. Behind checkpoint_claim(), and again whenever the pipe was
 * fenced anew. Errors: ERR_ZK_GONE (another's later claim is in the pipe: lost),
 * ERR_PIPE_LOST_POSITION, ERR_STATE_INVALID, ERR_MEMORY.
 */
int checkpoint_reconcile(struct checkpoint *c, const void *text, size_t len, const char *cluster,
			 struct err *err) MR_MUST_CHECK;
/*
 * The next document, for the pipe, into ret; what it needs of the history is kept first
 * (-EAGAIN: ZooKeeper is away, compose again). Between this and checkpoint_committed()
 * nothing is copied: it is not known whether it counts.
 */
int checkpoint_compose(struct checkpoint *c, const struct position *p, struct buf *ret,
		       struct err *err) MR_MUST_CHECK;
void checkpoint_committed(struct checkpoint *c);
/* Keeps a copy of what was committed, if there is news. As checkpoint_flush() and _tick(). */
int checkpoint_copy(struct checkpoint *c, struct err *err) MR_MUST_CHECK;
int checkpoint_copy_tick(struct checkpoint *c, usec_t now, struct err *err) MR_MUST_CHECK;

/* When checkpoint_tick() could next have something to do, on clock_boot()'s scale. */
usec_t checkpoint_due(const struct checkpoint *c);
/* Saves done since open. */
uint64_t checkpoint_saves(const struct checkpoint *c);

#endif
