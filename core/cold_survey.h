/*
 * cold_survey.h - one look at a group: its tasks with who has them, and the live cores.
 *
 * Two small reads a task (control, instances), many of them under way at a time, and one a
 * core. Nothing is concluded here (standby/spread.h), and nothing is kept: a task's names and
 * wishes are read anew at each look. Main thread.
 */
#ifndef MR_CORE_COLD_SURVEY_H
#define MR_CORE_COLD_SURVEY_H

#include "common/contract/machine.h"
#include "common/contract/paths.h"
#include "common/zk/zk.h"

struct survey;

struct survey_task {
	char *name;
	bool gone;    /* deleted, or to be deleted: nobody's */
	bool wanted;  /* to run */
	bool held;
	char holder[PATHS_HOST_MAX + 1]; /* the host of the smallest instance */
};

/* What was found; gone when the callback returns. */
struct survey_result {
	int rc; /* 0, or why it is not complete: then nothing follows from it */
	const struct err *err;
	const struct survey_task *tasks;
	size_t ntasks;
	const struct machine_doc *machines; /* those that can be read */
	size_t nmachines;
};

typedef void survey_fn(void *ctx, const struct survey_result *result);

/*
 * `machines` are the nodes of /machines and `tasks` those of the group; both are copied.
 * NULL: there is nothing to read, or no memory. `fn` is called once, never within this call.
 */
struct survey *survey_start(struct zk *zk, const char *group, const struct zk_names *machines,
			    const struct zk_names *tasks, survey_fn *fn, void *ctx);
/* `fn` is not called any more. NULL is nothing. */
void survey_cancel(struct survey *s);

#endif
