/*
 * pages.h - /metrics, /healthz and /readyz of a daemon, served on its loop.
 *
 * /healthz answers as long as the loop turns; /readyz says 503 while there is no session
 * with ZooKeeper. mr-server has these among its routes and does not need this. Main thread.
 */
#ifndef MR_DAEMON_PAGES_H
#define MR_DAEMON_PAGES_H

#include "common/daemon/daemon.h"
#include "common/metrics/metrics.h"

struct pages;

/* Writes the daemon's own families, behind the standard ones. Must not wait. */
typedef void pages_fn(void *ctx, struct metrics *m);

/* `listen` "": nothing is served, *ret is NULL. ERR_HTTP_LISTEN. */
int pages_open(struct daemon *d, const char *listen, const char *program, pages_fn *fn, void *ctx,
	       struct pages **ret, struct err *err) MR_MUST_CHECK;
/* NULL is nothing. Before daemon_close(). */
void pages_close(struct pages *p);

#endif
