/*
 * groups.h - what each step of the stream means for the rows: hold, drop, publish.
 *
 * Job: the rule that no row is published before its group's terminator is known
 * (docs/ARCHITECTURE.md). Called by source.c with every step; decides when a group has
 * to be read a second time. Source thread only.
 */
#ifndef MR_PIPELINE_GROUPS_H
#define MR_PIPELINE_GROUPS_H

#include "core/pipeline/source.h"

enum {
	GROUPS_GO_ON = 0,
	/* The group that just ended must be read again: the dump is to be reopened at t->again. */
	GROUPS_AGAIN,
	/* The dump was closed in favour of another: it is to be reopened behind t->read. */
	GROUPS_RESUME,
};

/* Processes one step. What is to be done next, or -errno. */
int groups_step(struct source_thread *t, const struct step *step, struct err *err) MR_MUST_CHECK;
/*
 * The connection is gone: what is known of the group at hand is worth nothing, except
 * how much of it is in the queue, which the next reading passes over. False: that it cannot,
 * and the same queue would have some of it twice.
 */
bool groups_break(struct source_thread *t);

#endif
