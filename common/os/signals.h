/*
 * signals.h - SIGTERM, SIGINT and SIGHUP as flags and a file descriptor to poll.
 *
 * One per process. SIGPIPE is ignored: a broken pipe is an error of write().
 */
#ifndef MR_OS_SIGNALS_H
#define MR_OS_SIGNALS_H

#include "common/base/err.h"

#include <stdbool.h>

enum {
	SIGNALS_STOP = 1,   /* SIGTERM or SIGINT */
	SIGNALS_RELOAD = 2, /* SIGHUP */
};

/* Installs the handlers; before any thread starts. 0 or -errno. */
int signals_open(void) MR_MUST_CHECK;
/* Back to the default actions; for tests. */
void signals_close(void);
/* Readable after a signal, until signals_take(). */
int signals_fd(void);
/* What arrived since the last call, as bits; empties the descriptor. Main thread. */
unsigned signals_take(void);
/* Any thread: SIGTERM or SIGINT has arrived at some time. */
bool signals_stopping(void);
/* How many times: a second one means that the operator will not wait. */
unsigned signals_stops(void);

#endif
