/*
 * view_priv.h - a task in the view, for view.c (which fills it) and view_list.c (which
 * copies it out).
 *
 * What lies between `lock` and the end of struct entry is written by the owning thread under
 * the lock, and read by it without and by others with it.
 */
#ifndef MR_VIEW_VIEW_PRIV_H
#define MR_VIEW_VIEW_PRIV_H

#include "common/view/view.h"
#include "common/zk/watch.h"

#include <pthread.h>

struct entry {
	struct view *v;
	char *name;

	/* Owning thread only. */
	struct zk_watch *control_watch, *instances_watch;
	struct zk_op *path_op;	   /* reads /names/<name> */
	struct zk_op *document_op; /* looks at the task's node */
	bool document_again;	   /* its control changed meanwhile */
	bool document_owed;	   /* could not be read: no connection */
	bool queued;		   /* its path is to be read */
	bool loading;		   /* counted in v->loading */
	bool control_told, instances_told, document_told;
	int64_t control_czxid; /* 0: no node */
	struct entry *next_queued;

	/* Under the lock. */
	bool visible; /* loaded once, and there */
	char *path;   /* NULL: not known yet */
	char group[TASK_NAME_MAX + 1];
	bool has_document;
	int control_state;
	char *control_error; /* NULL: none */
	int desired;
	uint64_t revision, restart, reset;
	int64_t control_mzxid;
	int32_t control_version;
	char **nodes;
	size_t nnodes;
};

struct view {
	struct view_options o;
	struct zk_listener listener;
	struct zk_watch *names_watch;
	struct entry *queue, *queue_tail;
	size_t loading;
	bool waiting; /* for a connection, with what is queued */
	bool names_told;

	pthread_mutex_t lock;
	struct entry **entries; /* sorted by name */
	size_t n, room;
	bool filled;
};

/* The index of the first entry whose name is not before `name`. */
size_t view_find(const struct view *v, const char *name);

#endif
