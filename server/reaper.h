/*
 * reaper.h - removes deleted tasks once nothing works on them any more, and what is left of
 * tasks whose removal was not finished.
 *
 * A thread, because it waits for ZooKeeper. Every mr-server has one; whichever is first
 * does the work (store_task_reap() decides by versions).
 */
#ifndef MR_SERVER_REAPER_H
#define MR_SERVER_REAPER_H

#include "server/api/api.h"

struct reaper;

/* NULL: no memory or no thread. */
struct reaper *reaper_start(struct store *s, struct view *v);
/* Waits for the call on ZooKeeper at hand. NULL is nothing. */
void reaper_stop(struct reaper *r);

#endif
