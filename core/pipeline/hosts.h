/*
 * hosts.h - which of source.hosts is tried next, how long after a failure, and when it is of no
 * use any more; why each of them is not read.
 *
 * Whether a server will do is source.c's and core/mysql's. Source thread only.
 */
#ifndef MR_PIPELINE_HOSTS_H
#define MR_PIPELINE_HOSTS_H

#include "core/pipeline/source.h"

/*
 * After a failure at t->host. True: try again, behind a hosts_back_off(), at t->host as it is then.
 * False: the task has failed. In both cases *err names every host that was tried since one was
 * read, with its reason. Logs the change to waiting once.
 */
bool hosts_try_again(struct source_thread *t, struct err *err);
/* Waits before the next attempt; false when stopped meanwhile. */
bool hosts_back_off(struct source_thread *t);
/* One is read: why others were not does not matter any more. */
void hosts_forget(struct source_thread *t);

#endif
