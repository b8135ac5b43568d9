/*
 * cold.h - cold standby: a core takes its share of the tasks of its groups, and no more.
 *
 * Every core.scan_interval each task of each group of ours is looked at (cold_survey.h), and
 * standby/spread.h says which of them are for us and whether one of ours should go to another
 * core. A look comes sooner when something happened: a core came or went, a drain, a new task,
 * a task that was put back (offered, /offers/<group>), a claim that was lost. Safety does not
 * hang on any of it: of those who try one task the smallest instance runs it.
 *
 * Main thread. Deciding and timing; having and running a task is instance.h's.
 */
#ifndef MR_CORE_COLD_H
#define MR_CORE_COLD_H

#include "common/daemon/daemon.h"

struct cold;

/* What this process has of a task. */
enum cold_ours { COLD_NOT_OURS, COLD_OURS, COLD_OURS_CAUGHT_UP };

struct cold_callbacks {
	void *ctx;
	const char *hostname;
	/* The groups now, n of them; valid until the next call. */
	const char *const *(*groups)(void *ctx, size_t *ret_n);
	bool (*takes)(void *ctx); /* not while it drains or ends */
	usec_t (*interval)(void *ctx);
	size_t (*max_tasks)(void *ctx);
	/* Cold tasks that this process has, of all groups. */
	size_t (*held)(void *ctx);
	enum cold_ours (*ours)(void *ctx, const char *task);
	/* Try to have it. */
	void (*take)(void *ctx, const char *group, const char *task);
	/* Put it back, once what was read of it is delivered. */
	void (*give)(void *ctx, const char *task);
	/* The tasks of a group, whenever they change: those that are not among them are gone.
	 * `names` are in no order. */
	void (*listed)(void *ctx, const char *group, const struct zk_names *names);
};

/* NULL: no memory. */
struct cold *cold_open(struct daemon *d, const struct cold_callbacks *callbacks);
/* Looks now: the configuration or a drain changed. */
void cold_scan(struct cold *c);
/* A new session: what seems to be nobody's may be that of cores that are not back yet. */
void cold_session(struct cold *c);
/* We no longer have a task of the group: others should look. Not for one that was lost to another. */
void cold_offer(struct cold *c, const char *group);
/* The task failed here: others have their turn first, if there are any. */
void cold_avoid(struct cold *c, const char *task);
/* Whether another live core of the group could have a task. As of the last look. */
bool cold_has_others(const struct cold *c, const char *group);
/* NULL is nothing. */
void cold_close(struct cold *c);

#endif
