/*
 * supervisor.h - mr-core as a daemon: many tasks in one process, under ZooKeeper.
 *
 * Decides which tasks this core has (core.tasks, core.groups, drains), keeps an instance
 * (instance.h) for each, carries out preflight orders, and announces itself. Main thread.
 */
#ifndef MR_CORE_SUPERVISOR_H
#define MR_CORE_SUPERVISOR_H

#include "core/core_config.h"

/*
 * Until SIGTERM. Takes the config (a reload replaces it) and frees it. `path` is what it
 * was read from, for the reload. Returns the exit status; what failed was logged.
 */
int supervisor_run(struct core_config *config, const char *path);

#endif
