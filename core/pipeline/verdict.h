/*
 * verdict.h - which rows of one group happened: the savepoints it set and undid.
 *
 * Job: remember, while a group's events pass, the ranges that a ROLLBACK TO took back.
 * Events are numbered from 0 in the order the source sent them, the same in a first
 * reading and in a second one, so the ranges found by scanning a group hold when it is
 * read again. Does not look into events and knows nothing of how the group ends.
 * Source thread only. Pure but for its own memory, which is bounded.
 */
#ifndef MR_PIPELINE_VERDICT_H
#define MR_PIPELINE_VERDICT_H

#include "common/base/bytes.h"
#include "common/base/err.h"

#include <stdbool.h>

/* Events first..end-1 did not happen. */
struct undone {
	uint64_t first;
	uint64_t end;
};

struct savepoint {
	char name[256];
	uint64_t event;
};

struct verdict {
	struct savepoint *savepoints; /* in the order they were set */
	size_t nsavepoints;
	struct undone *undone; /* sorted, disjoint */
	size_t nundone;
};

void verdict_init(struct verdict *v);
void verdict_free(struct verdict *v);
/* A new group begins. */
void verdict_clear(struct verdict *v);
/* SAVEPOINT name, with `event` the number of the next event. Names compare without case. */
int verdict_savepoint(struct verdict *v, struct span name, uint64_t event,
		      struct err *err) MR_MUST_CHECK;
/* ROLLBACK TO name: what came since is undone. An unknown name is an error, not a guess. */
int verdict_undo(struct verdict *v, struct span name, uint64_t event,
		 struct err *err) MR_MUST_CHECK;
bool verdict_is_undone(const struct verdict *v, uint64_t event);

#endif
