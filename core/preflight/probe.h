/*
 * probe.h - how far a task's source is, and for how long it keeps what the task has not
 * read: for source_head and binlog_hours_left of the instance document.
 *
 * A connection of its own, a handful of statements, no effect. Blocks for at most the
 * budget. Any thread.
 */
#ifndef MR_PREFLIGHT_PROBE_H
#define MR_PREFLIGHT_PROBE_H

#include "common/base/clock.h"
#include "common/contract/report.h"
#include "common/contract/task.h"
#include "core/preflight/guard.h"

enum { PROBE_BUDGET_S = 10 };

/* Owns its strings. */
struct probe {
	struct report_position head; /* end of the binlog: file, pos, executed set */
	/*
	 * Hours until the source may purge what follows the position; 0: it has done so
	 * already. Negative: not known, or it never purges by itself.
	 */
	double hours_left;
};

int probe_init(struct probe *p) MR_MUST_CHECK;
void probe_clear(struct probe *p);

/*
 * Asks the first of the task's hosts that answers. `task` has its secrets resolved. `at`
 * (may be NULL, or empty: then hours_left is not known) is where the task stands; its file
 * counts when it is one of this server's, else its GTID set. `guard` may be NULL. On
 * failure *ret is as before.
 */
int probe_source(const struct task *task, const struct report_position *at, usec_t budget,
		 struct guard *guard, struct probe *ret, struct err *err) MR_MUST_CHECK;

#endif
