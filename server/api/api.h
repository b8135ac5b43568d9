/*
 * api.h - the API of mr-server: what each request does.
 *
 * Handlers run on the HTTP server's workers and wait for ZooKeeper, each call bounded by
 * the store's timeout; nothing here is owned by one request but its struct call. Who may
 * call them, and with which parameters, is the table's (routes.c).
 */
#ifndef MR_SERVER_API_API_H
#define MR_SERVER_API_API_H

#include "common/http/http.h"
#include "common/metrics/metrics.h"
#include "common/view/view.h"
#include "server/api/report_cache.h"
#include "server/http/call.h"
#include "server/store/store.h"
#include "server/store/tokens.h"

enum { API_ROUTES_MAX = 64, API_STATUSES = 20 };

struct api_options {
	struct store *store;
	struct tokens *tokens;
	struct view *view;
	usec_t preflight_timeout;
	unsigned preflights; /* at most at a time: each holds a worker */
	const char *hostname;
};

struct api {
	struct api_options o;
	struct report_cache *reports; /* NULL: none */
	_Atomic unsigned preflights;
	_Atomic uint64_t requests[API_ROUTES_MAX + 1][API_STATUSES]; /* [last]: no route */
	struct metrics_histogram latency;
};

extern const struct route api_routes[];
extern const size_t api_nroutes;

void api_init(struct api *a, const struct api_options *o);
void api_clear(struct api *a);
/* An http_handler_fn; ctx is the struct api. */
void api_handle(void *ctx, const struct http_request *request, struct http_answer *answer);
/*
 * An http_admit_fn: whether a body is worth keeping. Without a token, or for a path that
 * needs none, it is not. Whether the token is known is for api_handle().
 */
bool api_admit(void *ctx, const struct http_request *request, struct http_answer *answer);

#endif
