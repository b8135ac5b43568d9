/*
 * instance.h - the instance document: what one process does with one task (design.md,
 * section 4). RUNNING rewrites it at least every 2 s and at once on a change of state.
 *
 * A report: members that are not known are left out on reading (report.h). Everything
 * named here must be there.
 */
#ifndef MR_CONTRACT_INSTANCE_H
#define MR_CONTRACT_INSTANCE_H

#include "common/contract/report.h"

enum {
	INSTANCE_DOCUMENT_MAX = 64 * 1024,
	INSTANCE_SNAPSHOT_MAX = 16 * 1024,
};

struct instance_doc {
	int state; /* enum report_state */
	char *hostname;
	uint32_t pid;
	char *version;
	uint64_t since_ms; /* when the state began; times are milliseconds since 1970 */
	char *run;         /* "run-job-0000000001"; "" while standby */
	struct report_position position; /* what is wholly acknowledged */
	struct report_position source_head;
	int64_t lag_ms; /* -1: not known, null */
	uint64_t rows;  /* since the run began, as the counters below */
	double rows_per_s;
	uint64_t bytes;
	uint64_t transactions;
	uint64_t in_flight;         /* messages without an acknowledgement */
	uint64_t last_event_ms;     /* 0: none yet */
	uint64_t last_heartbeat_ms; /* 0: none yet */
	double binlog_hours_left;   /* negative: not known, null */
	uint64_t pipe_errors;
	uint64_t dead_letters;
	uint64_t rss_bytes;
	uint64_t memory_limit; /* 0: none */
	char *snapshot;        /* progress, an object's text; "" when there is none */
	struct report_error error;
};

/* STANDBY, with nothing known. 0 or -ENOMEM. */
int instance_doc_init(struct instance_doc *d) MR_MUST_CHECK;
void instance_doc_clear(struct instance_doc *d);
int instance_doc_parse(const char *text, size_t len, struct instance_doc *ret,
		       struct err *err) MR_MUST_CHECK;
/* One line. GTID sets are summarised, messages cut. Check out->failed. */
void instance_doc_print(const struct instance_doc *d, struct buf *out);

#endif
