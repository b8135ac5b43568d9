/*
 * preflight.h - would this task run? Its source and its pipe are tried as the task would
 * use them, and everything that is wrong is told at once, with the way out.
 *
 * Each check of the list in common/contract/preflight.h appears in the answer, always: ok,
 * warning (it would run, and something should be known), failed (it would not run), or
 * skipped (an earlier one failed, or the task does not need it). Nothing is changed
 * anywhere: no topic is made, no replica registers.
 *
 * Blocks for at most the budget. Any thread; nothing is shared.
 */
#ifndef MR_PREFLIGHT_PREFLIGHT_H
#define MR_PREFLIGHT_PREFLIGHT_H

#include "common/base/clock.h"
#include "common/contract/preflight.h"
#include "common/contract/task.h"
#include "core/preflight/guard.h"

enum { PREFLIGHT_BUDGET_S = 15 };

/*
 * Fills checks, source, tables and truncated of *doc (initialised; its type says which:
 * a "tables" order lists the source's tables too). `task` has its secrets resolved.
 * `guard` may be NULL. 0 whatever the checks say; -ENOMEM.
 */
int preflight_run(const struct task *task, usec_t budget, struct guard *guard,
		  struct preflight_doc *doc, struct err *err) MR_MUST_CHECK;

/*
 * The same for a document that could not even be opened (a secret that is missing, a
 * field that is wrong): `why` in the check it belongs to, the others skipped.
 */
int preflight_refuse(const struct err *why, struct preflight_doc *doc,
		     struct err *err) MR_MUST_CHECK;

#endif
