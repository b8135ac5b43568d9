/*
 * nearest.h - "did you mean …?": the known name closest to one that is not known.
 *
 * Feed the candidates one by one; the best is offered only when it is near enough to
 * be a slip of the fingers. Pure; owns nothing: the names must outlive it.
 */
#ifndef MR_BASE_NEAREST_H
#define MR_BASE_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *given;
	const char *best;
	size_t distance; /* of best; edits that are allowed at most, while there is none */
};

struct nearest nearest_of(const char *given);
void nearest_try(struct nearest *n, const char *candidate);
/* The closest candidate, or NULL when none is close. */
const char *nearest_best(const struct nearest *n);

/*
 * Edits (insert, delete, replace, swap of neighbours; letter case is free) that turn a
 * into b; `limit` + 1 as soon as it is sure to be over limit. Names over 64 bytes are
 * only compared for equality.
 */
size_t nearest_distance(const char *a, const char *b, size_t limit);

#endif
