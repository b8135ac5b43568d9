/*
 * call.h - one request on its way through the API: who asks, what for, and the answer.
 *
 * Made by the dispatcher (server/api/dispatch.c), filled by one handler, gone with the
 * answer. One thread at a time.
 */
#ifndef MR_SERVER_HTTP_CALL_H
#define MR_SERVER_HTTP_CALL_H

#include "common/http/http.h"
#include "server/http/route.h"

#include <jansson.h>

enum { CALL_WHO_MAX = 200 };

struct call {
	void *api; /* struct api: the handlers know it */
	const struct http_request *request;
	struct http_answer *answer;
	const struct route *route;
	const char *args[ROUTE_ARGS_MAX];
	struct request_query query;
	enum role role;
	char who[CALL_WHO_MAX]; /* "3f9c1a2b (ci)": the token's id and name, for log and tree */
};

/* The status of an answer that tells this error. */
int call_status_of(const struct err *err);
/*
 * Answers {"error":{…}} with the status of the error's kind. `extra` (may be NULL) is put
 * into the answer beside "error", and given up. A field is a path in the document.
 */
void call_fail(struct call *call, const struct err *err);
void call_fail_with(struct call *call, int status, const struct err *err, json_t *extra);
/* Answers with the tree, which is given up; NULL: no memory. */
void call_json(struct call *call, int status, json_t *body);
/* The body as an object, or NULL with the error answered already. Wiped when freed. */
json_t *call_body(struct call *call);
/* ETag: "7" */
void call_etag(struct call *call, uint64_t revision);

#endif
