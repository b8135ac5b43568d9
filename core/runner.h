/*
 * runner.h - one capture on a thread of its own, under the supervisor.
 *
 * Made and ended by the main thread; what it is doing may be asked at any time. When it
 * ends by itself, or after runner_stop(), a count is written to the supervisor's eventfd
 * and runner_ended() says so; the main thread then takes what became of it and frees it.
 */
#ifndef MR_CORE_RUNNER_H
#define MR_CORE_RUNNER_H

#include "common/contract/control.h"
#include "common/zk/zk.h"
#include "core/leases.h"
#include "core/pipeline/capture.h"

struct runner;

struct runner_options {
	struct zk *zk;
	struct leases *leases;     /* of the process */
	const char *task_path;
	const char *cluster;       /* daemon_cluster() */
	const char *instance_path; /* of our node */
	const char *instance;      /* its name */
	int64_t epoch;             /* its creation */
	const char *positioned;    /* of the status document */
	const struct control_doc *control;
	int ended_fd; /* an eventfd */
};

/* Takes the task (secrets resolved) in any case, and frees it with the runner. */
int runner_start(const struct runner_options *o, struct task *task, struct runner **ret,
		 struct err *err) MR_MUST_CHECK;
/* Cleanly; `hurry`: without waiting for the pipe. May be called again. */
void runner_stop(struct runner *r, bool hurry);
bool runner_ended(const struct runner *r);
/*
 * After runner_ended(): 0 after a stop, else why it failed. `failure` (file "" when it is
 * about no transaction) is where. Waits for the thread, which has nothing left to do.
 */
int runner_result(struct runner *r, struct err *ret_err, struct capture_failure *failure);
/* After runner_ended(), or with a thread that is then waited for. NULL is nothing. */
void runner_free(struct runner *r);

struct capture *runner_capture(struct runner *r);
/* The task's. */
const char *runner_uid(const struct runner *r);
/* "run-job-0000000001", or "" while there is none yet. Copied out. */
void runner_id(struct runner *r, char *out, size_t size);

#endif
