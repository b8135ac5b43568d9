/*
 * orders.h - preflight orders under /preflight: taken, carried out, answered.
 *
 * Any live core of the order's group may take one, by compare-and-set; one that was taken
 * and not answered for a minute is taken again. Main thread; the checks run among the jobs.
 */
#ifndef MR_CORE_ORDERS_H
#define MR_CORE_ORDERS_H

#include "common/daemon/daemon.h"
#include "common/seal/seal.h"
#include "core/jobs.h"

struct orders;

struct orders_context {
	struct daemon *daemon;
	struct jobs *jobs;
	const char *const *secrets_dir; /* and the opener: as they are when a check begins */
	struct seal_opener *opener;      /* ring NULL: there is no key ring */
	/* Whether this core serves the group. */
	bool (*serves)(void *ctx, const char *group);
	void *ctx;
};

/* Copied. NULL: no memory. */
struct orders *orders_open(const struct orders_context *c);
/* Before jobs_close(): answers of checks that still run are dropped. NULL is nothing. */
void orders_close(struct orders *o);
/* After jobs_close(). */
void orders_free(struct orders *o);

#endif
