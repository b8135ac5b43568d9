/*
 * status.h - the status document: what became of a task, kept beyond the instance that
 * wrote it (design.md, section 2; protocol.md, rule 12).
 *
 * It holds the last transition, the last error, and how often the event at a position
 * made an instance fail. Only failures that the event causes are counted; a second one
 * at the same position, of any instance, makes the task FAILED until `revision`, `restart`
 * or `reset` of the control document is above the one kept here.
 *
 * A report: members that are not known are left out on reading (report.h), and so lost
 * when it is written back by an older daemon. Everything named here must be there.
 */
#ifndef MR_CONTRACT_STATUS_H
#define MR_CONTRACT_STATUS_H

#include "common/contract/report.h"

enum {
	STATUS_VERSION = 1,
	STATUS_DOCUMENT_MAX = 128 * 1024,
	STATUS_FAILURES_MAX = 16, /* positions that are kept; then the oldest goes */
};

/* One position and how often it failed. */
struct status_failure {
	struct report_position position; /* gtid: of the transaction that failed, or "" */
	char *code;                      /* of the last failure there */
	char *instance;                  /* that had the last failure: `<host>-<ten digits>` */
	uint64_t count;
	uint64_t first_ms; /* milliseconds since 1970 */
	uint64_t last_ms;
};

struct status_doc {
	int state;         /* enum report_state */
	int previous;      /* the state before */
	uint64_t since_ms; /* when `state` began */
	char *instance;    /* that wrote it */
	char *run;
	uint64_t revision; /* control.revision, restart and reset that it acted on: FAILED holds */
	uint64_t restart;  /* until one of them rises */
	uint64_t reset;
	char *positioned;  /* uid of the task that has run: it has a position; "": none has */
	uint64_t error_ms; /* when `error` happened; 0: never */
	struct report_error error; /* the last one, kept when the task runs again */
	struct status_failure *failures;
	size_t nfailures;
};

/* STOPPED, nothing known. 0 or -ENOMEM. */
int status_doc_init(struct status_doc *d) MR_MUST_CHECK;
void status_doc_clear(struct status_doc *d);
int status_doc_parse(const char *text, size_t len, struct status_doc *ret,
		     struct err *err) MR_MUST_CHECK;
/* One line. Check out->failed. */
void status_doc_print(const struct status_doc *d, struct buf *out);

/*
 * Counts a failure of the event at a position. Two positions are one when both name a
 * GTID and it is the same, else when file and pos are. *ret_count: how often it failed
 * now. 0 or -ENOMEM, the document then unchanged.
 */
int status_doc_count(struct status_doc *d, const struct report_position *position,
		     const char *code, const char *instance, uint64_t now_ms,
		     uint64_t *ret_count) MR_MUST_CHECK;
/* How often the position failed; 0 when it did not. */
uint64_t status_doc_count_of(const struct status_doc *d, const struct report_position *position);
/* Forgets all failures: a person changed something. */
void status_doc_forgive(struct status_doc *d);

#endif
