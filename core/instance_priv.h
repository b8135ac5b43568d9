/* instance_priv.h - what the files of instance.h share. */
#ifndef MR_CORE_INSTANCE_PRIV_H
#define MR_CORE_INSTANCE_PRIV_H

#include "core/instance.h"

#include "common/contract/command.h"
#include "common/contract/instance.h"
#include "common/contract/position.h"
#include "common/contract/status.h"
#include "common/contract/task.h"
#include "common/zk/election.h"
#include "common/zk/naming.h"
#include "common/zk/watch.h"
#include "core/preflight/probe.h"
#include "core/runner.h"
#include "core/standby/decide.h"

enum {
	REPORT_EVERY_MS = 2000,      /* while a capture runs */
	REPORT_IDLE_EVERY_MS = 10000,
	LOOK_EVERY_MS = 1000,        /* at the capture's state */
	LOOK_SOON_MS = 50,           /* while it is starting */
	LOOK_SOON_FOR_MS = 5000,
	PROBE_EVERY_S = 30,
	PROBE_FIRST_MS = 1000,
	BACK_OFF_FIRST_MS = 1000,
	BACK_OFF_MAX_MS = 30000,
	LINE_END_MS = 1000,          /* out of the line before standing at its end */
	DOCUMENT_AGAIN_MS = 2000,
	SECRETS_TURN_MS = 5000,      /* FAILED for want of a secret, before others try */
	SECRETS_TURN_COLD_MS = 30000, /* a cold task's: nobody stands by, so each turn is seen */
	CAUGHT_UP_MS = 2000,         /* lag of a task that may go elsewhere */
};

struct probe_job;

/* A failure that is being written down, before anything else is tried. */
struct accounting {
	bool pending;
	bool transaction; /* caused by the event at `at`, or by where the task stands */
	struct report_position at;
	struct err err;
	struct standby_numbers under;
};

struct instance {
	const struct instance_context *c;
	struct zk *zk;
	char *name, *group;
	char path[PATHS_SIZE];
	char control_path[PATHS_SIZE], status_path[PATHS_SIZE], commands_path[PATHS_SIZE];
	char commit_path[PATHS_SIZE], instances_path[PATHS_SIZE];
	bool leave, released, hurry, gone_told;
	bool lost, failed; /* why it was released: another is first; others shall try */

	/* What is wanted. */
	struct zk_watch *control_watch;
	bool has_control;
	int64_t control_czxid;
	struct control_doc control;
	struct err control_err; /* kind NULL: it can be read */
	struct zk_op *document_op;
	bool document_again;   /* control changed while it was read */
	usec_t document_retry; /* boot clock; 0: no */
	enum standby_document document;
	char *text; /* as stored: secrets sealed; NULL while there is none */
	size_t text_len;
	struct err document_err;
	bool secrets_bad; /* the document is BAD for this host alone, since */
	usec_t secrets_bad_at; /* boot clock */

	/* Who is first. */
	struct zk_election *election;
	enum zk_election_role role;
	size_t nodes;
	char node[PATHS_NODE_MAX + 1];

	/* What runs. */
	struct runner *runner;
	struct standby_numbers runs_under;
	char *runs_text; /* the document it runs under */
	usec_t started;  /* boot clock */
	bool stopping;
	usec_t back_off_until; /* boot clock */
	unsigned failures;     /* in a row, that nobody counts: for the back-off */
	bool line_end;         /* out of the line, to register again at back_off_until */

	/* What became of it: the status document, ours to write while we are first. */
	struct zk_op *status_op;
	bool status_known, status_dirty;
	int32_t status_version; /* -1: there is no node */
	struct status_doc status;
	struct err status_err; /* why it cannot be read or written; kind NULL: it can */
	struct accounting accounting;

	/* What we say. */
	struct daemon_timer *timer;
	struct zk_op *report_op;
	bool report_again;
	usec_t reported; /* boot clock */
	enum report_state state;
	usec_t state_since; /* wall clock */
	struct err shown;   /* the error in the document; kind NULL: none */
	struct report_position shown_at;
	uint64_t last_rows;
	usec_t last_rows_at;
	double rows_per_s;
	struct zk_op *commit_op; /* lastCommit, for where the task stands without a capture */
	struct report_position stands;
	struct report_position needs; /* see needs_now(); empty: the same */
	struct probe probe;
	bool probed;
	struct probe_job *probe_job; /* under way */
	usec_t probe_due;

	/* Orders. */
	struct zk_watch *commands_watch;
	struct zk_op *command_op;
	usec_t commands_due; /* boot clock: looked at again, for old ones */
	struct zk_names commands; /* not looked at yet */
	char handover[PATHS_ID_MAX + 1]; /* the one under way; "" */
	struct command_doc handover_doc;
	int32_t handover_version;
};

/* instance.c: decides anew and carries it out. */
void instance_step(struct instance *i);
/* Reads the document again: the last try found no answer. */
void instance_document_again(struct instance *i);
struct standby_numbers instance_numbers(const struct instance *i);
/* Whether another could go on with the task. */
bool instance_has_others(const struct instance *i);

/* instance_status.c */
void status_start(struct instance *i);  /* we are first: read it */
void status_stop(struct instance *i);   /* we are not */
void status_changed(struct instance *i); /* the state: write it down */
void status_tick(struct instance *i);    /* what could not be done then */
/* Counts the failure, then either FAILED or the end of the line. */
void status_account(struct instance *i);

/* instance_report.c */
bool report_open(struct instance *i);
void report_close(struct instance *i);
/* The document's text as it would be written now. False: no memory. */
bool report_print(struct instance *i, struct buf *out);
void report_now(struct instance *i);
void report_state_set(struct instance *i, enum report_state state, const struct err *err,
		      const struct report_position *at);
/* Where the task stands: the capture's safe position, else lastCommit's. May be unknown. */
int report_stands(struct instance *i, struct report_position *out);
void report_read_commit(struct instance *i);

/* instance_needs.c */

/* From where on the source's binlog must still be there. May be unknown. */
int needs_now(struct instance *i, struct report_position *out);
/* lastCommit was read. */
int needs_of_commit(struct instance *i, const struct position_doc *d);

/* instance_command.c */
void commands_start(struct instance *i);
void commands_stop(struct instance *i);
void commands_tick(struct instance *i); /* old ones are deleted */
/* The capture has ended (rc of it), while a handover is under way. */
void commands_handed_over(struct instance *i, int rc, const struct err *err);

#endif
