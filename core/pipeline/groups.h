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

/*
 * Processes one step. 0: go on; 1: the group that just ended must be read again from
 * t->again (the dump is to be reopened there); -errno otherwise.
 */
int groups_step(struct source_thread *t, const struct step *step, struct err *err) MR_MUST_CHECK;
/* The connection is gone: what is known of the group at hand is worth nothing, except
 * how much of it is in the queue, which the next reading passes over. */
void groups_break(struct source_thread *t);

#endif
