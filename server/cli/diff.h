/*
 * diff.h - what differs between two JSON documents, member by member. Pure.
 */
#ifndef MR_CLI_DIFF_H
#define MR_CLI_DIFF_H

#include "common/base/buf.h"

#include <jansson.h>

/*
 * Calls `each` for every path whose value differs, in the order of `a`, then what only `b`
 * has. A value is NULL where there is none. Objects are compared member by member, lists
 * and all else as a whole. Stops when `each` returns other than 0, and returns that; a
 * path longer than 1000 bytes is cut.
 */
typedef int diff_fn(void *ctx, const char *path, const json_t *a, const json_t *b);
int diff_json(const json_t *a, const json_t *b, diff_fn *each, void *ctx);
/* The value at a path that diff_json() has told, or NULL. */
const json_t *diff_at(const json_t *tree, const char *path);

#endif
