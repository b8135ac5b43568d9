/* monitor.h - mr-monitor as a daemon: wires watching, rules, alerts and channels. */
#ifndef MR_MONITOR_MONITOR_H
#define MR_MONITOR_MONITOR_H

#include "monitor/monitor_config.h"

/* Runs until SIGTERM; the exit status. */
int monitor_run(const struct monitor_config *config);

#endif
