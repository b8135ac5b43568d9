/*
 * guard.h - ends what a worker thread waits for, from another thread.
 *
 * One for each job (a preflight, a probe) of a process that may have to stop in the
 * middle: guard_interrupt() makes the job's connections fail at once, now and later.
 */
#ifndef MR_PREFLIGHT_GUARD_H
#define MR_PREFLIGHT_GUARD_H

#include <pthread.h>
#include <stdbool.h>

struct source;

struct guard {
	pthread_mutex_t lock;
	struct source *source; /* the connection at work */
	bool interrupted;
};

void guard_init(struct guard *g);
void guard_fini(struct guard *g);
/* Any thread, for good. */
void guard_interrupt(struct guard *g);
/* The worker's: from now on `source` is what an interrupt ends (NULL: nothing). g may be NULL. */
void guard_watch(struct guard *g, struct source *source);
bool guard_interrupted(struct guard *g);

#endif
