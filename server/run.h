/* run.h - mr-server as a daemon. */
#ifndef MR_SERVER_RUN_H
#define MR_SERVER_RUN_H

#include "server/server_config.h"

/* Until it is told to stop. Logs what goes wrong; returns the exit status. */
int server_run(struct server_config *config);

#endif
