/*
 * state_folder.h - a checkpoint in a folder of this machine: standalone mode.
 *
 *   DIR/lock            flock; held from open to close
 *   DIR/state.json      {"version":1,"cluster":…,"task":…,"uid":…,"epoch":N}: the cluster
 *                       id is made once, the epoch rises with every open
 *   DIR/position.json   the position document, replaced atomically
 *
 * Any of the two that cannot be read is an error; only a folder without position.json
 * starts anew. It blocks (fsync).
 */
#ifndef MR_PROGRESS_STATE_FOLDER_H
#define MR_PROGRESS_STATE_FOLDER_H

#include "core/progress/checkpoint.h"

struct state_folder_options {
	const char *dir;      /* made when it does not exist */
	const char *task;     /* the task's name */
	const char *uid;      /* the task's uid; "": the one made at the first start */
	const char *delivery; /* "at_least_once" */
	const char *instance; /* who writes: host and pid */
	usec_t interval;      /* between saves of a moving position */
};

/*
 * Locks the folder, checks that it is this task's, raises the epoch. ERR_STATE_LOCKED,
 * ERR_STATE_INVALID (another task's, or damaged), ERR_STATE_IO.
 */
int state_folder_open(const struct state_folder_options *o, struct checkpoint **ret,
		      struct err *err) MR_MUST_CHECK;
const char *state_folder_cluster(const struct checkpoint *c);

#endif
