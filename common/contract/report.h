/*
 * report.h - what the reports of the tree (instance, status, machine) are made of.
 *
 * A report is read by daemons of another version: members that are not known are left
 * out on reading, never an error. Orders (control) and positions are strict. Strings in
 * the documents' structs are owned by the struct and never NULL after its _init() or
 * _parse(); report_set() replaces one.
 */
#ifndef MR_CONTRACT_REPORT_H
#define MR_CONTRACT_REPORT_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	REPORT_GTID_MAX = 4096, /* bytes of a GTID set; a longer one is summarised */
	REPORT_FILE_MAX = 512,
	REPORT_NODE_MAX = 264, /* `<host>-<ten digits>` */
	REPORT_CODE_MAX = 64,
	REPORT_MESSAGE_MAX = 2048, /* longer ones are cut, between characters */
};

/* The states of a task's instance. */
enum report_state {
	REPORT_STANDBY,
	REPORT_STARTING,
	REPORT_SNAPSHOT,
	REPORT_RUNNING,
	REPORT_RETRYING,
	REPORT_PAUSED,
	REPORT_FAILED,
	REPORT_STOPPED,
};

extern const char *const report_states[]; /* NULL at the end */
const char *report_state_name(enum report_state state);

/* A place in the binlog. All empty: not known, null in the document. */
struct report_position {
	char *file;
	uint64_t pos;
	char *gtid; /* a set, or of an error the one GTID; printed in at most REPORT_GTID_MAX */
};

/* An error as it is shown. code "": none, null in the document. */
struct report_error {
	char *code;
	char *message;
	struct report_position position;
};

/* Strings that are owned; list is NULL while n is 0. */
struct report_texts {
	char **list;
	size_t n;
};

/* Replaces a member string by a copy. 0 or -ENOMEM, the member then unchanged. */
int report_set(char **member, const char *text) MR_MUST_CHECK;
int report_add(struct report_texts *texts, const char *text) MR_MUST_CHECK;
void report_texts_clear(struct report_texts *texts);
int report_position_set(struct report_position *p, const char *file, uint64_t pos,
			const char *gtid) MR_MUST_CHECK;
bool report_position_known(const struct report_position *p);
/* Code and text of err, or none when err->kind is NULL. The position stays as it is. */
int report_error_set(struct report_error *e, const struct err *err) MR_MUST_CHECK;

/*
 * A GTID set as it is, or when it is longer than REPORT_GTID_MAX: its beginning up to the
 * end of an interval and "... (N bytes in all)", which no reader takes for a set.
 */
void report_put_gtid(struct buf *out, const char *gtid);

#endif
