/*
 * instance.h - this process's instance of one task: its node, what it follows, what it runs.
 *
 * Follows `control` and the document, takes part in the election, runs a capture while it
 * is first and wanted, and reports: the instance document, the status document, answers
 * to commands. What follows from what is standby/decide.h's; this carries it out.
 *
 * Main thread. All that waits is elsewhere: the capture on its threads (runner.h), probes
 * among the jobs. Errors of a task are reported in its documents and logged here, never
 * returned.
 */
#ifndef MR_CORE_INSTANCE_H
#define MR_CORE_INSTANCE_H

#include "common/daemon/daemon.h"
#include "common/metrics/metrics.h"
#include "common/seal/seal.h"
#include "core/jobs.h"
#include "core/leases.h"

#include <stdbool.h>

struct instance;

/* What all instances share; the supervisor's, and it outlives them. */
struct instance_context {
	struct daemon *daemon;
	struct jobs *jobs;
	struct leases *leases;
	int ended_fd;         /* runners write to it */
	const char *hostname;
	const char *secrets_dir;
	struct seal_opener *opener; /* ring NULL: there is no key ring */
	/* Told when an instance that was released has put everything away: free it. */
	void (*gone)(void *ctx, struct instance *i);
	/* Whether another core of a cold task's group could have it. */
	bool (*others)(void *ctx, const char *group);
	void *ctx;
};

/*
 * The task at `path` ("/mysql_replicator/tasks/a"). NULL: no memory. One of a group (a cold
 * task) releases itself when another is the first (instance_lost()), and where a hot one goes
 * to the end of the line (instance_failed()): others have their turn.
 */
struct instance *instance_new(const struct instance_context *c, const char *name,
			      const char *group, const char *path);
/* Its runner may have ended. */
void instance_look(struct instance *i);
/* Whether it should give up its node and take none: a drain. */
void instance_leave(struct instance *i, bool leave);
/* For good: stops, gives up the node, then gone() is called. `hurry`: does not wait for the pipe. */
void instance_release(struct instance *i, bool hurry);
/* After gone(), or to drop it as it is when the process ends anyway. */
void instance_free(struct instance *i);

const char *instance_name(const struct instance *i);
const char *instance_group(const struct instance *i); /* "" of a hot task */
bool instance_holds(const struct instance *i);   /* a node of ours is there */
bool instance_runs(const struct instance *i);    /* a capture is */
bool instance_released(const struct instance *i);
bool instance_lost(const struct instance *i);
bool instance_failed(const struct instance *i);
/* Whether it could end here and go on elsewhere at once: RUNNING, and close to its source. */
bool instance_caught_up(const struct instance *i);

/* The families of all instances together: call each function with every instance in turn. */
typedef void instance_metrics_fn(struct metrics *m, struct instance *i);
struct instance_family {
	const char *name;
	enum metrics_type type;
	const char *help;
	instance_metrics_fn *fn;
};
extern const struct instance_family instance_families[]; /* name NULL at the end */

#endif
