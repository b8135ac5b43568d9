/*
 * cold.h - cold standby: groups are looked through for tasks that nobody has.
 *
 * Every core.scan_interval each task of each group of ours is looked at; one whose
 * `instances` is empty is taken (design.md, section 2): the smallest of those who try runs,
 * the others give their node up again. Main thread; finding, not running, which is the
 * supervisor's and instance.h's.
 */
#ifndef MR_CORE_COLD_H
#define MR_CORE_COLD_H

#include "common/daemon/daemon.h"

struct cold;

struct cold_callbacks {
	void *ctx;
	/* The groups now, n of them; valid until the next call. */
	const char *const *(*groups)(void *ctx, size_t *ret_n);
	usec_t (*interval)(void *ctx);
	/* Whether the task is to be looked at: not one that is held already, and there is room. */
	bool (*wants)(void *ctx, const char *group, const char *task);
	/* Nobody has the task. */
	void (*found)(void *ctx, const char *group, const char *task);
	/* Each task of a group was listed, or the group is empty: those that are not among
	 * them are gone. `names` are in no order. */
	void (*listed)(void *ctx, const char *group, const struct zk_names *names);
};

/* NULL: no memory. Scans at once, then every interval. */
struct cold *cold_open(struct daemon *d, const struct cold_callbacks *callbacks);
/* Scans now: something changed. */
void cold_scan(struct cold *c);
/* NULL is nothing. */
void cold_close(struct cold *c);

#endif
