/*
 * route.h - the table of the API: which method and path does what, for whom.
 *
 * One row a route (server/api/routes.c). The table finds the handler, says which
 * parameters exist and whether a body does, names the routes in /metrics, and prints the
 * reference page. Finding is pure; handlers run on the HTTP server's workers.
 */
#ifndef MR_SERVER_HTTP_ROUTE_H
#define MR_SERVER_HTTP_ROUTE_H

#include "common/base/buf.h"
#include "server/http/request.h"

/* What a token may do; each role may all that the ones before it may. */
enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN };

extern const char *const role_names[]; /* "none", "viewer", …; NULL at the end */
/* 0 or -EINVAL; "none" is not a role to be given. */
int role_parse(const char *name, enum role *ret);

enum { ROUTE_ARGS_MAX = 2 };

struct call;
typedef void route_fn(struct call *call);

enum route_body { BODY_NONE, BODY_JSON, BODY_OPTIONAL };

struct route {
	const char *method;
	const char *path; /* below /api/v1: "/tasks/{task}/start" */
	enum role role;   /* at least; ROLE_NONE: without a token */
	route_fn *fn;
	const char *query; /* "limit,after" or NULL */
	enum route_body body;
	const char *meaning;  /* one sentence or two, for the reference page */
	const char *statuses; /* of success and the usual failures, likewise */
};

struct route_match {
	const struct route *route;
	const char *args[ROUTE_ARGS_MAX]; /* what stood for {…}; in the path */
	size_t nargs;
	char allow[64]; /* methods of the path, when its own is not among them */
};

/*
 * -ENOENT: no route has the path; -EPERM: none has it with the method, `allow` is set.
 * HEAD is GET's. `path` has the segments below /api/v1 from number `from` on.
 */
int route_find(const struct route *routes, size_t n, const char *method,
	       const struct request_path *path, size_t from, struct route_match *ret) MR_MUST_CHECK;
/* docs/reference-api.md */
void route_print_reference(const struct route *routes, size_t n, struct buf *out);

#endif
