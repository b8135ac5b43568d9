/*
 * wait.h - whether what was ordered has happened: decided from the API's answer.
 *
 * wait_look() is pure; wait_until() asks the server four times a second. Instances have
 * their own clocks, so nothing is compared with ours: what counts is that an instance's
 * report is another than it was before the order.
 */
#ifndef MR_CLI_WAIT_H
#define MR_CLI_WAIT_H

#include "server/cli/cli.h"

enum wait_goal {
	WAIT_RUNNING,	 /* an instance is RUNNING, or takes its snapshot */
	WAIT_NEW_RUN,	 /* the same, in another run than before */
	WAIT_OTHER_NODE, /* the same, another instance than before */
	WAIT_REVISION,	 /* the same, in another run or with `revision` of the document */
	WAIT_POSITION,	 /* the same, and lastCommit has `reset` */
	WAIT_PAUSED,
	WAIT_STOPPED,
	WAIT_GONE, /* there is no such task */
};

enum { WAIT_TEXT = 300 };

/* What the instance that had the task said before the order. */
struct wait_before {
	char node[WAIT_TEXT];
	char run[WAIT_TEXT];
	char state[16];
	int64_t since_ms;
	bool unsettled; /* it was another than the order before this one wanted */
};

struct wait_order {
	enum wait_goal goal;
	const char *task;
	struct wait_before before;
	int64_t revision;
	int64_t reset;
	/*
	 * Longer ago than an instance takes to act and report. Until then a report that was
	 * there before counts only if that one was settled: `stop` and at once `start --wait`
	 * must not take the RUNNING of before the stop for its own.
	 */
	bool settled;
};

enum wait_verdict { WAIT_NOT_YET, WAIT_DONE, WAIT_NEVER };

struct wait_sight {
	enum wait_verdict verdict;
	char now[4 * WAIT_TEXT]; /* what there is: "STARTING on host1", the error of a FAILED one */
};

/* The instance that has the task: the one that is not STANDBY, else the first. Or NULL. */
const json_t *wait_holder(const json_t *task);
void wait_remember(const json_t *task, struct wait_before *ret);
/* The same of a task that is asked for, when there is something to wait for. A status. */
int wait_prepare(struct cli *cli, const char *task, struct wait_before *ret) MR_MUST_CHECK;
/* `task` is the answer of GET /tasks/{name}. */
void wait_look(const struct wait_order *order, const json_t *task, struct wait_sight *ret);
/* A status; what was waited for in vain is told. With -o json the last answer is printed. */
int wait_until(struct cli *cli, const struct wait_order *order) MR_MUST_CHECK;

/*
 * Waits until `end` (clock_boot()) for the answer of a command document at the path: "done",
 * or "failed" with an error. A status; told what is not CLI_DONE, with `what` in front.
 */
int wait_order_done(struct cli *cli, const char *path, const char *what, usec_t end) MR_MUST_CHECK;

#endif
