/*
 * notify.h - what we are doing, told to the service manager (sd_notify protocol).
 *
 * A datagram of KEY=VALUE lines to the socket named by NOTIFY_SOCKET; without it all of
 * this does nothing. Written out here (it is a dozen lines) so that the daemons need no
 * libsystemd. Failures are not reported: nothing could be done about them. Any thread.
 */
#ifndef MR_OS_NOTIFY_H
#define MR_OS_NOTIFY_H

#include "common/base/clock.h"
#include "common/base/err.h"

#include <stdbool.h>

bool notify_wanted(void);
void notify_ready(void);
void notify_stopping(void);
void notify_reloading(void);
void notify_watchdog(void);
/* One line for `systemctl status`; control characters become spaces. */
void notify_status(const char *fmt, ...) MR_PRINTF(1, 2);
/* How often notify_watchdog() is due (half of WATCHDOG_USEC); 0: no watchdog. */
usec_t notify_watchdog_every(void);

#endif
