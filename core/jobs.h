/*
 * jobs.h - work that waits (probes, preflight checks), done beside the main thread.
 *
 * A few threads, started when the first job comes, and a queue. work() runs on one of
 * them, done() on the main thread's loop afterwards. The job's struct is the caller's and
 * is his again when done() is called; each job gets exactly one done().
 */
#ifndef MR_CORE_JOBS_H
#define MR_CORE_JOBS_H

#include "common/base/err.h"

#include <stdbool.h>
#include <systemd/sd-event.h>

struct jobs;

struct job {
	void (*work)(struct job *job);
	/* `ran` is false when jobs_close() came first. */
	void (*done)(struct job *job, bool ran);
	/* Makes work() end soon; any thread, while work() runs. May be NULL. */
	void (*interrupt)(struct job *job);
	/* Nobody waits for it: it gets at most half of the threads. */
	bool background;
	struct job *next; /* ours */
};

enum { JOBS_THREADS = 4, JOBS_BACKGROUND = 2 };

int jobs_open(sd_event *loop, struct jobs **ret, struct err *err) MR_MUST_CHECK;
/* Main thread; the job's functions are set. At most as many as there are tasks: the caller
 * has one of a kind at a time. */
void jobs_add(struct jobs *j, struct job *job);
/* Interrupts, waits for what runs, calls done() for all that are left. NULL is nothing. */
void jobs_close(struct jobs *j);

#endif
