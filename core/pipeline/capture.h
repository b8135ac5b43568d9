/*
 * capture.h - one task at work: source -> pipe, until it is stopped or fails.
 *
 * Two threads a capture: the source's (reads, decodes, encodes into the queue) and the
 * one that calls capture_run() (delivers, keeps the ledger, claims and saves the position:
 * it waits for ZooKeeper where the checkpoint is there). capture_stop(), capture_status(),
 * capture_position(), capture_waiting() and capture_failure() may be called from any thread.
 */
#ifndef MR_PIPELINE_CAPTURE_H
#define MR_PIPELINE_CAPTURE_H

#include "common/contract/task.h"
#include "core/model/position.h"
#include "core/mysql/dump.h"
#include "core/progress/checkpoint.h"

struct capture;

enum until_kind {
	UNTIL_STOPPED,
	UNTIL_HEAD, /* what the source had when the capture started */
	UNTIL_FILE,
	UNTIL_GTID,
};

struct until {
	enum until_kind kind;
	struct binlog_pos at; /* UNTIL_FILE */
	const char *gtid;     /* UNTIL_GTID: a set as text */
};

struct capture_options {
	const struct task *task;       /* secrets resolved; outlives the capture */
	/* Open and not claimed; outlives the capture. It also says whether we may act. */
	struct checkpoint *checkpoint;
	/* Who gives out server_ids; outlives the capture. NULL: nobody, one is chosen by chance. */
	const struct dump_leases *leases;
	/* The installation's id: in names of a transactional task; outlives the capture. */
	const char *cluster;
	struct until until;
	bool with_keys; /* pipes stdout and file: key and headers too */
	/*
	 * A source that cannot be reached at the first attempt ends the capture instead of
	 * being waited for: whoever typed the address is still there.
	 */
	bool fail_fast;
};

enum capture_state {
	CAPTURE_STARTING,
	CAPTURE_RUNNING,
	CAPTURE_RETRYING, /* source, pipe or ZooKeeper are away: waiting, nothing is lost */
	CAPTURE_FAILED,
	CAPTURE_STOPPED,
};

const char *capture_state_name(enum capture_state state); /* "RUNNING", … */

struct capture_status {
	enum capture_state state;
	uint64_t rows;         /* row changes acknowledged */
	uint64_t messages;     /* acknowledged */
	uint64_t bytes;        /* of keys and values acknowledged */
	uint64_t transactions; /* wholly acknowledged */
	uint64_t in_flight;    /* messages handed to the pipe and not acknowledged */
	uint64_t pipe_errors;
	uint64_t dead_letters; /* acknowledged; transactional: committed */
	usec_t lag;            /* age of what is not delivered; 0 when idle; -1: not known yet */
	usec_t last_event;     /* wall clock of the last event and heartbeat; 0: none yet */
	usec_t last_heartbeat;
	usec_t busy;           /* from the first event to the last acknowledgement */
};

int capture_new(const struct capture_options *o, struct capture **ret, struct err *err) MR_MUST_CHECK;
void capture_free(struct capture *c);

/*
 * Works until `until` is reached or capture_stop() (0), or the task fails (-errno, with
 * what a person needs). The safe position is saved in every case but these; *ret_position
 * (may be NULL; initialised by the caller) receives it.
 *
 * ERR_ZK_EXPIRED, ERR_ZK_GONE: we are not first any more, or may not be: no failure of the
 * task, nothing was saved since we knew. ERR_POSITION_CONFLICT: lastCommit was edited by
 * hand; only a person can say which position is right.
 * A clean stop while ZooKeeper is away: ERR_ZK_UNREACHABLE or ERR_ZK_UNKNOWN; what was
 * delivered since the last save will be delivered again.
 */
int capture_run(struct capture *c, struct position *ret_position, struct err *err) MR_MUST_CHECK;
/* Ends the capture cleanly: what was decided is delivered and saved. A second call
 * (hurry) does not wait for the pipe any more. */
void capture_stop(struct capture *c, bool hurry);
void capture_status(struct capture *c, struct capture_status *ret);
/*
 * The safe position, at most a second old, into an initialised struct position. 0,
 * -ENOENT: not known yet, or -ENOMEM.
 */
int capture_position(struct capture *c, struct position *ret) MR_MUST_CHECK;
/* While CAPTURE_RETRYING: what is waited for and why. False: nothing is. */
bool capture_waiting(struct capture *c, struct err *ret);

/* Where a failure happened: the transaction that could not be processed. */
struct capture_failure {
	struct binlog_pos at; /* of its first event; file "" when not known */
	char gtid[GTID_TEXT_MAX]; /* "" when it has none */
};

/*
 * After capture_run() has failed. False: the failure is not about a transaction, but
 * about where the task stands (capture_position()).
 */
bool capture_failure(struct capture *c, struct capture_failure *ret);

#endif
