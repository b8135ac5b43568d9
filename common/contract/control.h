/*
 * control.h - the control document: what a task shall do (design.md, section 2).
 *
 * Written by mr-server alone, by compare-and-set. An order: a member that is not known is
 * an error, because half an order is another order. `desired` and `revision` must be
 * there; the others are 0 and null when they are missing.
 */
#ifndef MR_CONTRACT_CONTROL_H
#define MR_CONTRACT_CONTROL_H

#include "common/base/buf.h"

#include <stdint.h>

enum { CONTROL_DOCUMENT_MAX = 512 * 1024 };

enum control_desired { CONTROL_RUNNING, CONTROL_PAUSED, CONTROL_STOPPED, CONTROL_DELETED };

/* Where to go on; the forms and words are those of source.start in the task document. */
enum control_start {
	CONTROL_KEEP,     /* null: where lastCommit is */
	CONTROL_LATEST,   /* "latest" */
	CONTROL_EARLIEST, /* "earliest" */
	CONTROL_FILE,     /* {"file","pos"}, with or without the "gtid" executed there */
	CONTROL_GTID,     /* {"gtid"}: the set already executed */
	CONTROL_TIME,     /* {"time"} */
};

struct control_doc {
	int desired;       /* enum control_desired */
	uint64_t revision; /* of the task document; a higher one also forgives failures */
	uint64_t restart;  /* raised to have the task restarted */
	uint64_t reset;    /* raised with each `position`, and without one by a restore */
	struct {
		int start;  /* enum control_start */
		char *file; /* "" where the form has none, as gtid and time */
		uint64_t pos;
		char *gtid;
		char *time; /* "2026-11-22T10:00:00Z" */
	} position;
};

/* Stopped, zeros, no position: what a created task has. 0 or -ENOMEM. */
int control_doc_init(struct control_doc *d) MR_MUST_CHECK;
void control_doc_clear(struct control_doc *d);
int control_doc_parse(const char *text, size_t len, struct control_doc *ret,
		      struct err *err) MR_MUST_CHECK;
/* One line. Check out->failed. */
void control_doc_print(const struct control_doc *d, struct buf *out);
const char *control_desired_name(enum control_desired desired);

#endif
