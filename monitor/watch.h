/*
 * watch.h - all tasks as a monitor sees them: one look (a round) reads the document of each
 * task's first instance, and then every rule is asked about every task.
 *
 * Main thread. The names, control and instances are common/view's; what a task wants of the
 * rules for itself is taken from its document. Does not belong here: what follows from a
 * verdict (alerts.c).
 */
#ifndef MR_MONITOR_WATCH_H
#define MR_MONITOR_WATCH_H

#include "common/zk/zk.h"
#include "monitor/alerts.h"

struct watch;

/* Told when a round has ended: whether everything was read. */
typedef void watch_done_fn(void *ctx, bool complete);

struct watch *watch_open(struct zk *zk, const struct rule_setting settings[RULES],
			 watch_done_fn *done, void *ctx);
/* NULL is nothing. */
void watch_close(struct watch *w);

/* Whether there is something to look at: the tree was read once. */
bool watch_filled(struct watch *w);
/* Begins a round, at a time of the monitor's own clock. False: no memory, or one is under way. */
bool watch_round(struct watch *w, usec_t now);
/* The connection went: a round under way ends, incomplete and without being told. */
void watch_abandon(struct watch *w);
/* Asks the rules about all tasks, as the last round found them. */
void watch_evaluate(struct watch *w, struct alerts *alerts, usec_t now);

/* A task as the last round found it, for metrics. */
struct watch_task {
	const char *name;
	int desired;	   /* enum control_desired */
	const char *state; /* of its first instance; "NONE" without one */
	bool running;
	size_t instances;
	usec_t lag;		  /* -1 */
	double binlog_hours_left; /* negative */
};
typedef void watch_each_fn(void *ctx, const struct watch_task *task);
void watch_each(struct watch *w, watch_each_fn *fn, void *ctx);

#endif
