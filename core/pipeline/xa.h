/*
 * xa.h - XA transactions: rows that were prepared, and the groups that decide about them.
 *
 * Job: keep a prepared group's events (kept.h) and its entry in the position; at XA COMMIT
 * publish them, from memory or by a second reading (second.h), as rows of the group that
 * commits them; at XA ROLLBACK forget them. Called by groups.c. Source thread only.
 */
#ifndef MR_PIPELINE_XA_H
#define MR_PIPELINE_XA_H

#include "core/pipeline/source.h"

/*
 * The group that just ended in XA PREPARE: its events, if they are in t->hold, are kept,
 * and what the position will say is in t->xa.
 */
int xa_prepare(struct source_thread *t, struct err *err) MR_MUST_CHECK;
/*
 * The group that just ended was XA COMMIT or XA ROLLBACK. `wanted`: its rows are to be
 * published, now. May close t->dump, when the source allows us one connection only; the
 * caller opens it again behind this group.
 */
int xa_decide(struct source_thread *t, bool wanted, struct err *err) MR_MUST_CHECK;
/* The group's mark is in the queue, with t->xa: our own position follows. */
void xa_settle(struct source_thread *t);
/* The group at hand will be read again, or was another. */
void xa_forget(struct source_thread *t);
/* Gives memory of kept events back to t->hold; false: there are none. */
bool xa_make_room(struct source_thread *t);

#endif
