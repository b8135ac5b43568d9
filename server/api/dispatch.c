/*
 * dispatch.c - a request finds its handler: path, method, parameters, token, role, body.
 *
 * In that order, so that who has no token learns nothing but the table, which is public.
 */
#include "server/api/api_priv.h"

#include "common/contract/errors.h"
#include "common/os/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const int counted_statuses[API_STATUSES - 1] = {200, 201, 202, 400, 401, 403, 404, 405, 409,
						       412, 413, 415, 422, 428, 500, 503, 504};
static const double bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1,
				0.25,  0.5,    1,     2.5,  5,    10,   30};

void api_init(struct api *a, const struct api_options *o)
{
	*a = (struct api){.o = *o};
	a->latency.bounds = bounds;
	a->latency.n = sizeof(bounds) / sizeof(bounds[0]);
	a->reports = report_cache_new();
}

void api_clear(struct api *a)
{
	report_cache_free(a->reports);
	a->reports = NULL;
}

bool api_connected(const struct api *a)
{
	enum zk_state state = zk_state(a->o.store->zk);
	return atomic_load(&a->o.store->ready) && (state == ZK_CONNECTED || state == ZK_NEW_SESSION);
}

/* Index in counted_statuses; the last for any other. */
static size_t status_index(int status)
{
	size_t i = 0;
	while (i < API_STATUSES - 1 && counted_statuses[i] != status)
		i++;
	return i;
}

static void count(struct api *a, const struct route *route, const struct http_request *request,
		  int status)
{
	size_t i = route ? (size_t)(route - api_routes) : API_ROUTES_MAX;
	atomic_fetch_add_explicit(&a->requests[i][status_index(status)], 1, memory_order_relaxed);
	metrics_observe(&a->latency, clock_boot() - http_arrived(request));
}

static int find_route(struct call *call, struct request_path *path, struct err *err)
{
	struct route_match m;
	size_t from = 2;
	int rc = request_path_parse(http_path(call->request), path, err);
	if (rc < 0)
		return rc;
	bool api = path->n >= 2 && strcmp(path->v[0], "api") == 0 && strcmp(path->v[1], "v1") == 0;
	if (!api && path->n == 1) /* /healthz and its like */
		from = 0;
	rc = api || path->n == 1
		     ? route_find(api_routes, api_nroutes, http_method(call->request), path, from, &m)
		     : -ENOENT;
	if (rc == 0 && !api && m.route->role != ROLE_NONE)
		rc = -ENOENT;
	if (rc == -EPERM && api) {
		http_answer_header(call->answer, "Allow", "%s", m.allow);
		return err_set(err, rc, ERR_API_METHOD, "%s is not for this path, but %s",
			       http_method(call->request), m.allow);
	}
	if (rc < 0)
		return err_set(err, -ENOENT, ERR_API_NOT_FOUND, "there is no such path");
	call->route = m.route;
	for (size_t i = 0; i < m.nargs; i++)
		call->args[i] = m.args[i];
	return 0;
}

static int unauthorized(struct call *call, struct err *err)
{
	http_answer_header(call->answer, "WWW-Authenticate", "Bearer");
	return err_set(err, -EACCES, ERR_API_UNAUTHORIZED, "a token is needed, and one that is valid");
}

/* All that can be told without looking for the token. */
static int read_token(struct call *call, const char **ret_token, struct err *err)
{
	char id[TOKEN_ID_LEN + 1];
	const char *secret;
	if (!api_connected(call->api))
		return err_set(err, -ENOTCONN, ERR_ZK_UNREACHABLE,
			       "mr-server has no connection to ZooKeeper");
	*ret_token = request_bearer(http_header(call->request, "Authorization"));
	if (!*ret_token || !token_split(*ret_token, id, &secret))
		return unauthorized(call, err);
	return 0;
}

static int authorize(struct call *call, struct err *err)
{
	struct api *a = call->api;
	struct tokens_found found;
	const char *token;
	if (call->route->role == ROLE_NONE)
		return 0;
	int rc = read_token(call, &token, err);
	if (rc < 0)
		return rc;
	rc = tokens_check(a->o.tokens, token, &found, err);
	if (rc == -EACCES)
		return unauthorized(call, err);
	if (rc < 0)
		return rc;
	call->role = (enum role)(found.role + 1);
	if (found.name[0])
		snprintf(call->who, sizeof(call->who), "%s (%s)", found.id, found.name);
	else
		snprintf(call->who, sizeof(call->who), "%s", found.id);
	if (call->role < call->route->role)
		return err_set(err, -EPERM, ERR_API_FORBIDDEN, "this needs the role %s, and the token's "
			       "is %s", role_names[call->route->role], role_names[call->role]);
	return 0;
}

static int check_body(struct call *call, struct err *err)
{
	size_t len;
	(void)http_body(call->request, &len);
	if (call->route->body == BODY_NONE || (call->route->body == BODY_OPTIONAL && len == 0))
		return 0;
	if (!request_is_json(http_header(call->request, "Content-Type")))
		return err_set(err, -EINVAL, ERR_API_TYPE, "the Content-Type must be application/json");
	return 0;
}

void api_handle(void *ctx, const struct http_request *request, struct http_answer *answer)
{
	struct api *a = ctx;
	struct request_path path;
	struct call call = {.api = a, .request = request, .answer = answer};
	struct err err = {0};
	int rc = find_route(&call, &path, &err);
	if (rc == 0)
		rc = request_query_parse(http_query(request), call.route->query, &call.query, &err);
	if (rc == 0)
		rc = authorize(&call, &err);
	if (rc == 0)
		rc = check_body(&call, &err);
	if (rc < 0)
		call_fail(&call, &err);
	else
		call.route->fn(&call);
	count(a, call.route, request, answer->status ? answer->status : 200);
	if (answer->status == 500)
		log_error("%s %s: answered 500: %.500s", http_method(request),
			  call.route ? call.route->path : "?",
			  answer->body.failed ? "no memory" : buf_cstr(&answer->body));
	log_debug("%s %s %s: %d", http_peer(request), http_method(request), http_path(request),
		  answer->status ? answer->status : 200);
}

bool api_admit(void *ctx, const struct http_request *request, struct http_answer *answer)
{
	struct request_path path;
	struct call call = {.api = ctx, .request = request, .answer = answer};
	struct err err = {0};
	const char *token;
	int rc = find_route(&call, &path, &err);
	if (rc == 0 && call.route->role == ROLE_NONE)
		rc = err_set(&err, -EFBIG, ERR_HTTP_TOO_LARGE, "this path takes no body");
	else if (rc == 0)
		rc = read_token(&call, &token, &err);
	if (rc == 0)
		return true;
	call_fail(&call, &err);
	count(ctx, call.route, request, answer->status);
	return false;
}

void api_log(struct call *call, const char *fmt, ...)
{
	char text[512];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_info("%s by token %s from %s", text, call->who, http_peer(call->request));
}

static void put_requests(struct api *a, struct metrics *m, size_t route, const char *label)
{
	char status[16];
	for (size_t i = 0; i < API_STATUSES; i++) {
		uint64_t n = atomic_load_explicit(&a->requests[route][i], memory_order_relaxed);
		if (!n)
			continue;
		if (i < API_STATUSES - 1 && counted_statuses[i])
			snprintf(status, sizeof(status), "%d", counted_statuses[i]);
		else
			snprintf(status, sizeof(status), "other");
		metrics_count(m, n, "method", route < api_nroutes ? api_routes[route].method : "",
			      "route", label, "status", status, NULL);
	}
}

void api_metrics(struct call *call)
{
	struct api *a = api_of(call);
	struct metrics m;
	struct http_counts counts = http_counts(http_of(call->request));
	call->answer->content_type = METRICS_CONTENT_TYPE;
	metrics_begin(&m, &call->answer->body);
	metrics_standard(&m, "mr-server", api_connected(a));
	metrics_family(&m, "mr_server_requests_total", METRICS_COUNTER,
		       "Requests that were answered, by route and status.");
	for (size_t i = 0; i < api_nroutes; i++)
		put_requests(a, &m, i, api_routes[i].path);
	put_requests(a, &m, API_ROUTES_MAX, "none");
	metrics_family(&m, "mr_server_request_seconds", METRICS_HISTOGRAM,
		       "From the end of a request to its answer.");
	metrics_histogram(&m, &a->latency, NULL, NULL);
	metrics_gauge(&m, "mr_server_connections", "Open HTTP connections.", counts.connections);
	metrics_gauge(&m, "mr_server_requests_active", "Requests that are being answered.",
		      counts.active);
	metrics_counter(&m, "mr_server_requests_refused_total",
			"Requests refused because too many were at hand.", counts.refused);
	metrics_gauge(&m, "mr_server_preflights_active", "Checks that are waited for.",
		      atomic_load(&a->preflights));
	metrics_gauge(&m, "mr_tasks", "Tasks in the tree.", (double)view_count(a->o.view));
}

void api_healthz(struct call *call)
{
	http_answer_text(call->answer, 200, "alive");
}

void api_readyz(struct call *call)
{
	bool ready = api_connected(api_of(call)) && view_filled(api_of(call)->o.view);
	http_answer_text(call->answer, ready ? 200 : 503,
			 ready ? "ready" : "waiting for ZooKeeper");
}
