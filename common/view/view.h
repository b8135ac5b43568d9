/*
 * view.h - all tasks of the tree with their control and instances, kept current.
 *
 * Two watches a task (control, children of instances) and one on /names; the path of a task
 * is read from /names/<task>, and whether it has a document whenever its control changes.
 * At most VIEW_LOADING tasks are being read at a time. Does not belong here: what instances
 * say of themselves (their documents change every two seconds), and judging any of it.
 *
 * A task that is deleted and made again is another one, even between two looks; a task whose
 * children are missing, empty or unreadable is listed, and says so. While ZooKeeper is away
 * the view stays as it was; the caller knows that from the session. A write of one's own
 * appears here some milliseconds later.
 *
 * Threads: opened, filled, closed and called back on the owning thread of the session;
 * view_get(), view_list() and the counts may be called by any thread until view_close().
 * What they hand out is a copy that belongs to the caller.
 */
#ifndef MR_VIEW_VIEW_H
#define MR_VIEW_VIEW_H

#include "common/base/arena.h"
#include "common/contract/control.h"
#include "common/contract/paths.h"
#include "common/zk/zk.h"

enum { VIEW_LOADING = 64 };

struct view;

enum view_control_state {
	VIEW_CONTROL_NONE, /* no node, or empty: registered by an mr-core, nothing is wanted yet */
	VIEW_CONTROL_THERE,
	VIEW_CONTROL_BAD, /* there, and cannot be read: control_error says why */
};

struct view_task {
	const char *name;
	const char *group; /* "" of a hot task */
	const char *path;
	bool has_document; /* the task's node is not empty */
	int control_state; /* enum view_control_state */
	const char *control_error;
	int desired; /* enum control_desired; CONTROL_STOPPED unless control is THERE */
	uint64_t revision, restart, reset;
	int64_t control_mzxid; /* 0: no node */
	int32_t control_version;
	/* `<host>-<ten digits>`, the smallest sequence (which runs the task) first. */
	const char *const *nodes;
	size_t nnodes;
};

/* A task that appeared, changed or went (`gone`; its name is then all that is known). */
typedef void view_changed_fn(void *ctx, const char *name, bool gone);
/*
 * The document of a task, each time it may have changed: text NULL when there is none. Gone
 * when the callback returns.
 */
typedef void view_document_fn(void *ctx, const char *name, const char *text, size_t len);

struct view_options {
	struct zk *zk;
	view_changed_fn *changed;   /* NULL: nobody */
	view_document_fn *document; /* NULL: nobody; documents are not read then */
	void *ctx;
};

/*
 * Starts to watch, and waits for nothing: neither for a connection nor for the root of the
 * tree. NULL: no memory. Callbacks never run within this call.
 */
struct view *view_open(const struct view_options *o);
/* No callback any more. Before zk_close(). NULL is nothing. */
void view_close(struct view *v);

/* Any thread: */

/* Whether everything that was there was read once. */
bool view_filled(struct view *v);
/* How many tasks there are. */
size_t view_count(struct view *v);

struct view_query {
	const char *after; /* names behind this one; NULL or "": from the beginning */
	size_t limit;	   /* 0: all */
	const char *group; /* of this group only; "": hot tasks only; NULL: any */
	int desired;	   /* enum control_desired, or -1: any */
	const char *text;  /* names that contain it, case ignored; NULL or "": any */
};

/* Tasks in the order of their names (strcmp). */
struct view_tasks {
	struct view_task *v;
	size_t n;
	size_t total; /* that match, wherever `after` stands */
	bool more;    /* there are further ones behind the last */
	struct arena arena;
};

/* 0 or -ENOMEM. `query` may be NULL: all. */
int view_list(struct view *v, const struct view_query *query, struct view_tasks *ret) MR_MUST_CHECK;
/* One task, as a list of one. 0, -ENOENT or -ENOMEM. */
int view_get(struct view *v, const char *name, struct view_tasks *ret) MR_MUST_CHECK;
void view_tasks_free(struct view_tasks *tasks);

#endif
