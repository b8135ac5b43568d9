/*
 * request.h - what a client writes, taken apart: path, query, If-Match, Authorization.
 *
 * Pure functions over foreign bytes, each with a bound; nothing is trusted and nothing
 * guessed: an escape that is none, a control character, a path that walks up, a parameter
 * given twice are errors. What a name may look like beyond that is common/contract/paths.h's.
 */
#ifndef MR_SERVER_HTTP_REQUEST_H
#define MR_SERVER_HTTP_REQUEST_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	REQUEST_SEGMENTS_MAX = 8,
	REQUEST_SEGMENT_MAX = 300, /* bytes, decoded, without the zero byte */
	REQUEST_PARAMETERS_MAX = 12,
	REQUEST_NAME_MAX = 32,
	REQUEST_VALUE_MAX = 300,
};

struct request_path {
	size_t n;
	char v[REQUEST_SEGMENTS_MAX][REQUEST_SEGMENT_MAX + 1];
};

/*
 * "/api/v1/tasks/copy%5Fitem" -> "api", "v1", "tasks", "copy_item". One '/' at the end is
 * nothing. -EINVAL and ERR_NAME_INVALID: an empty segment, "." or "..", a '/', '\' or
 * control character in one, bytes that are not UTF-8, a wrong escape, too long or too many.
 */
int request_path_parse(const char *text, struct request_path *ret, struct err *err) MR_MUST_CHECK;

struct request_query {
	size_t n;
	struct {
		char name[REQUEST_NAME_MAX + 1];
		char value[REQUEST_VALUE_MAX + 1];
	} v[REQUEST_PARAMETERS_MAX];
};

/*
 * "limit=10&q=a%20b"; '+' is a blank. -EINVAL and ERR_API_QUERY: as above, a name that
 * stands in `allowed` ("limit,after") not at all, or one given twice.
 */
int request_query_parse(const char *text, const char *allowed, struct request_query *ret,
			struct err *err) MR_MUST_CHECK;
/* NULL when it is not given. */
const char *request_query_get(const struct request_query *q, const char *name);
/* A number within min .. max, or `fallback` when it is not given. */
int request_query_number(const struct request_query *q, const char *name, uint64_t min,
			 uint64_t max, uint64_t fallback, uint64_t *ret,
			 struct err *err) MR_MUST_CHECK;
/* "true", "1", "" or "false", "0"; not given: false. */
int request_query_flag(const struct request_query *q, const char *name, bool *ret,
		       struct err *err) MR_MUST_CHECK;

/* All digits, at most 2^63-1. 0 or -EINVAL. */
int request_number(const char *text, uint64_t *ret);

#define REQUEST_ANY_REVISION UINT64_MAX
/*
 * If-Match: "7" (also W/"7" and 7), or '*' for REQUEST_ANY_REVISION. -ENOENT with
 * ERR_REVISION_MISSING when header is NULL, -EINVAL with ERR_API_QUERY for anything else.
 */
int request_if_match(const char *header, uint64_t *ret_revision, struct err *err) MR_MUST_CHECK;

/*
 * "Bearer TOKEN": the token, in the header's memory, or NULL. The scheme's case is free;
 * one or more blanks follow it, none stands in the token.
 */
const char *request_bearer(const char *header);

/* NULL (curl without -H) and application/json with any parameters. */
bool request_is_json(const char *content_type);

#endif
