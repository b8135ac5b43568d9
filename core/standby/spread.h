/*
 * spread.h - which tasks of a group this core takes, and whether it gives one back.
 *
 * Pure: no clock, no I/O, nothing kept. Every core of the group decides for itself from what
 * it has read; cores that have read the same come to decisions that fit together, so that
 * there is nothing to argue about. Where views differ for a moment the election decides
 * (the smallest instance runs, the others go on), and the next look corrects the rest.
 *
 * The rule (protocol.md, rule 13; decisions/0027). Tasks that are to run are shared evenly:
 * each core has a quota, fair = ceil(tasks / cores) or one less, never more than it has room
 * for, and the quotas together are the tasks. A core takes only below its quota, first those
 * that rendezvous hashing gives it: the same tasks come back to the same host. Above its quota
 * it gives back one task that has caught up, if another core has a place for it.
 *
 * Tasks that are not to run are kept by someone too (binlog_hours_left is refreshed by who
 * holds them). They are shared in the same way, but have no weight: they are taken last, are
 * never given back to even out, and make room for tasks that are to run.
 */
#ifndef MR_STANDBY_SPREAD_H
#define MR_STANDBY_SPREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A core of the group that takes tasks: live, neither draining nor ending. */
struct spread_core {
	const char *host; /* no two alike */
	size_t room;      /* tasks of this group that it may have at most */
	bool steady;      /* has been up for long enough to have something given to it */
	/* spread_decide()'s own, of the tasks at hand: */
	size_t place, held, quota, left;
	uint64_t key;
};

enum spread_holder {
	SPREAD_NOBODY = -1,
	SPREAD_ANOTHER = -2, /* one that is not among the cores: it drains, ends, or is gone */
};

enum spread_verdict { SPREAD_LEAVE, SPREAD_TAKE, SPREAD_GIVE };

struct spread_task {
	const char *name;
	int holder;     /* index of a core, or enum spread_holder */
	bool wanted;    /* control wants it to run */
	bool mine;      /* held by an instance of this process, not by a namesake of it */
	bool caught_up; /* mine, RUNNING and close behind its source */
	bool late;      /* nobody has taken it for a while: the one it was for does not come */
	bool overdue;   /* for longer: whoever has room */
	bool avoided;   /* it failed here, and others may do better */
	/* Filled by spread_decide(): */
	enum spread_verdict verdict;
	uint64_t key;
};

struct spread {
	struct spread_core *cores;
	size_t ncores;
	size_t me; /* index in cores */
	struct spread_task *tasks; /* spread_decide() changes their order */
	size_t ntasks;
	size_t room; /* tasks that we may take now, of any group */
	bool may_give;
	/* Filled by spread_decide(): */
	size_t wanted; /* tasks that are to run */
	size_t unheld; /* of them, that nobody has */
	size_t fair;   /* the largest quota */
	bool waiting;  /* some nobody has, though there is a place: look again soon */
};

/*
 * Verdicts on all tasks: TAKE at most `room`, GIVE at most one that is to run, and as many
 * that are not as must make room. ncores is at least 1.
 */
void spread_decide(struct spread *s);
/* Whom of two hosts rendezvous hashing gives the task: the one with the larger score. */
uint64_t spread_score(const char *task, const char *host);

#endif
