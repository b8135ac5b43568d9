/*
 * gtid_event.h - the events that open a group: MySQL's GTID, ANONYMOUS_GTID and
 * GTID_TAGGED, MariaDB's GTID.
 *
 * Pure; plain values.
 */
#ifndef MR_BINLOG_GTID_EVENT_H
#define MR_BINLOG_GTID_EVENT_H

#include "core/binlog/event.h"
#include "core/model/position.h"

struct gtid_event {
	struct gtid gtid; /* GTID_NONE when anonymous */
	bool has_thread;
	uint32_t thread_id;
	usec_t commit_time;
	usec_t original_commit_time;
	uint64_t length; /* of the group, in bytes; 0: not logged */

	/* MariaDB only: */
	bool standalone;  /* one statement follows, and no terminator */
	bool ddl;
	bool alter_undecided; /* START ALTER, or ROLLBACK ALTER: the statement that follows
				 changes nothing by itself */
};

int gtid_event_read(const struct event *e, struct gtid_event *ret, struct err *err) MR_MUST_CHECK;

#endif
