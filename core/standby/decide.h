/*
 * decide.h - what this process's instance of a task does next: from what is known, a step.
 *
 * Pure: no clock, no I/O, nothing kept. The supervisor tells facts and carries the step
 * out; it asks again whenever a fact changes, so a step says what should be, not what to
 * change.
 *
 * The rules (design.md, section 2; protocol.md, rules 9 and 12): every core that has a task
 * keeps an instance node, unless it is leaving or the task is deleted. Only the first runs,
 * when control wants it to and the document can be read. A task that FAILED stays so, on
 * every host, until a person raises revision, restart or reset above what it failed under.
 */
#ifndef MR_STANDBY_DECIDE_H
#define MR_STANDBY_DECIDE_H

#include "common/contract/control.h"
#include "common/contract/report.h"
#include "common/zk/election.h"

#include <stdbool.h>
#include <stdint.h>

/* What a person raises to have the task do something anew. */
struct standby_numbers {
	uint64_t revision, restart, reset;
};

enum standby_document {
	STANDBY_DOCUMENT_NONE,    /* the node is empty: nobody has created the task yet */
	STANDBY_DOCUMENT_READING, /* control says that there is a newer one */
	STANDBY_DOCUMENT_GOOD,
	STANDBY_DOCUMENT_BAD,     /* it cannot be read, or its secrets not be opened */
};

struct standby_facts {
	bool leaving;    /* the process ends, is drained, or goes to the end of the line */
	bool has_control;
	int desired;     /* enum control_desired */
	struct standby_numbers control;
	enum standby_document document;
	enum zk_election_role role;
	bool status_known; /* what became of the task before was read */
	bool failed;       /* status: FAILED, */
	struct standby_numbers failed_under;
	bool backing_off;  /* a retry is due later, or a failure is being written down */
	bool runs;         /* a capture of ours is there, */
	struct standby_numbers runs_under;
};

struct standby_step {
	bool node;  /* our instance node should be there */
	bool run;   /* a capture should run; one that is there goes on */
	bool stop;  /* the capture that is there should end */
	bool hurry; /* without waiting for the pipe: we are not first any more */
	/* What the instance document says; of a capture that runs, its own state counts. */
	enum report_state state;
};

struct standby_step standby_decide(const struct standby_facts *f);
/* Whether a member of `a` is above that of `b`: a person asked for something since. */
bool standby_raised(const struct standby_numbers *a, const struct standby_numbers *b);

#endif
