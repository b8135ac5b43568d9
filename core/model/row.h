/*
 * row.h - one row change, between the binlog reader and the envelope.
 */
#ifndef MR_MODEL_ROW_H
#define MR_MODEL_ROW_H

#include "core/model/position.h"
#include "core/model/table.h"
#include "core/model/value.h"

enum row_op {
	ROW_INSERT,
	ROW_UPDATE,
	ROW_DELETE,
	ROW_SNAPSHOT, /* read by a snapshot, not from the binlog */
};

/*
 * What all rows of one group share, known before its first row is published: a group is
 * published only when it is decided. Borrowed for the group.
 */
struct row_group {
	const struct gtid *gtid;
	const char *gtid_text; /* "" when the source has none */
	const struct binlog_pos *start;
	uint64_t xid; /* the storage engine's number, when has_xid: not of MyISAM's, DDL's */
	bool has_xid;
	uint64_t thread_id; /* of the session, when has_thread */
	bool has_thread;
	uint32_t server_id; /* that wrote it first */
	usec_t commit_time; /* 0: not logged */
};

/* What all rows of one rows event share. Borrowed for the event. */
struct row_event {
	enum flavor flavor;
	const char *file;     /* binlog file */
	uint64_t pos;         /* where the rows event starts */
	uint32_t server_id;   /* that wrote it first */
	struct gtid gtid;     /* of its group */
	char gtid_text[GTID_TEXT_MAX];
	uint64_t thread_id;   /* of the session, when has_thread */
	bool has_thread;
	usec_t source_time;   /* header timestamp, seconds resolution, as microseconds */
	usec_t commit_time;   /* immediate commit time where the server logs it; else 0 */
	usec_t read_time;     /* wall clock when we met the event */
	struct span query;    /* ROWS_QUERY / ANNOTATE text; empty when none */
};

struct row {
	enum row_op op;
	const struct table *table;
	const struct row_event *event;
	uint32_t index;               /* in its rows event, from 0 */
	const struct value *before;   /* table->ncolumns values; NULL for an insert */
	const struct value *after;    /* NULL for a delete */
};

#endif
