/* route.c - see route.h. Pure. */
#include "server/http/route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *const role_names[] = {"none", "viewer", "operator", "admin", NULL};

int role_parse(const char *name, enum role *ret)
{
	for (int i = ROLE_VIEWER; role_names[i]; i++) {
		if (strcmp(role_names[i], name) == 0) {
			*ret = (enum role)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Segment by segment; {…} takes any one. */
static bool fits(const struct route *route, const struct request_path *path, size_t from,
		 struct route_match *m)
{
	const char *p = route->path;
	m->nargs = 0;
	for (size_t i = from; i < path->n; i++) {
		if (*p++ != '/')
			return false;
		size_t len = strcspn(p, "/");
		if (*p == '{' && m->nargs < ROUTE_ARGS_MAX)
			m->args[m->nargs++] = path->v[i];
		else if (strlen(path->v[i]) != len || memcmp(path->v[i], p, len) != 0)
			return false;
		p += len;
	}
	return !*p;
}

int route_find(const struct route *routes, size_t n, const char *method,
	       const struct request_path *path, size_t from, struct route_match *ret)
{
	size_t used = 0;
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	*ret = (struct route_match){0};
	for (size_t i = 0; i < n; i++) {
		if (!fits(&routes[i], path, from, ret))
			continue;
		if (strcmp(routes[i].method, method) == 0) {
			ret->route = &routes[i];
			return 0;
		}
		if (used < sizeof(ret->allow))
			used += (size_t)snprintf(ret->allow + used, sizeof(ret->allow) - used, "%s%s",
						 used ? ", " : "", routes[i].method);
	}
	return used ? -EPERM : -ENOENT;
}

static void print_row(const struct route *r, struct buf *out)
{
	buf_printf(out, "| `%s /api/v1%s` | %s | ", r->method, r->path,
		   r->role == ROLE_NONE ? "-" : role_names[r->role]);
	for (const char *p = r->query; p && *p;) {
		int len = (int)strcspn(p, ",");
		buf_printf(out, "%s`%.*s`", p == r->query ? "" : ", ", len, p);
		p += len + (p[len] == ',');
	}
	buf_printf(out, " | %s | %s |\n", r->meaning, r->statuses);
}

void route_print_reference(const struct route *routes, size_t n, struct buf *out)
{
	buf_lit(out,
		"# The HTTP API of mr-server\n\n"
		"Printed from the table that finds the handlers. Everything is JSON under "
		"`/api/v1`; a request's body needs `Content-Type: application/json` or none, and is "
		"at most 512 KiB.\n\n"
		"`Authorization: Bearer mrt_<id>_<secret>` names a token; each role may all that the "
		"ones before it may: viewer, operator, admin. No token, an unknown or an expired one "
		"all give 401.\n\n"
		"Errors are `{\"error\":{\"code\",\"message\",\"field\"?,\"remedy\"?}}`; the codes are "
		"those of [reference-errors.md](reference-errors.md). Any request may give 400 (a "
		"path, query or body that cannot be read), 401, 403, 404, 405 with `Allow`, 413, "
		"415, and 503 with `Retry-After` while ZooKeeper cannot be reached or too many "
		"requests are at hand.\n\n"
		"`ETag` and `If-Match` carry a task's revision, as `\"7\"`. Secrets are never in an "
		"answer: `***` stands for one that is stored.\n\n"
		"| request | role | parameters | meaning | answers |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < n; i++)
		print_row(&routes[i], out);
	buf_lit(out, "\n`/healthz`, `/readyz` and `/metrics` are there without `/api/v1` too.\n");
}
