/*
 * last_commit.h - a checkpoint in ZooKeeper: the task's lastCommit, written by the
 * instance that is first and by no other (protocol.md, rules 2a, 2d, 6, 9, 10; delivery
 * at_least_once, where lastCommit alone holds the position).
 *
 * Each write is one multi: a check of our instance's node at its known data version, and
 * lastCommit set (or made) at its known version. So nothing is written when our node is
 * gone, or when somebody else has written meanwhile.
 *
 *   the check fails      the node is read again: of our session and creation, it is only
 *                        newer (the supervisor rewrites it), else we are not first any more
 *   the set fails        lastCommit is read again: ours (epoch and seq), a write whose
 *                        answer got lost has happened; a later reset or epoch, another has
 *                        taken over; neither, somebody edited it by hand
 *   the answer is lost   before the next write it is read again, as above
 *   lastCommit is gone   it is made again: what we know is what it held
 *   it was never here    a reset that control has not, or an epoch above this ensemble's
 *                        zxids: the tree was restored or copied; a person sets the position
 *
 * last_commit_new() asks nothing of ZooKeeper and may be called from the session's thread;
 * all else is the delivering thread's.
 */
#ifndef MR_PROGRESS_LAST_COMMIT_H
#define MR_PROGRESS_LAST_COMMIT_H

#include "common/zk/zk.h"
#include "core/progress/checkpoint.h"

struct last_commit_options {
	struct zk *zk;                     /* outlives the checkpoint */
	const char *task_path;             /* "/mysql_replicator/tasks/a" */
	const char *instance_path;         /* of our node: zk_election_path() */
	int64_t epoch;                     /* its creation: zk_election_epoch() */
	const char *instance;              /* its name: who writes */
	const char *uid;                   /* the task document's */
	const char *delivery;              /* "at_least_once" */
	const struct control_doc *control; /* as it is now; copied */
	/*
	 * The task has run: without a position it must not begin anew, somebody has deleted it.
	 * Delivery exactly_once: nor without the pipe's.
	 */
	bool had_position;
	/* The node is made with the task, empty: where it is not, it had a position too. */
	bool made_with_task;
	usec_t interval;                   /* between saves of a moving position */
	const struct zk_acl *acl;          /* of lastCommit where it has to be made; stays */
};

int last_commit_new(const struct last_commit_options *o, struct checkpoint **ret,
		    struct err *err) MR_MUST_CHECK;

#endif
