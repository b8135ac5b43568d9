/*
 * query.h - QUERY events: a statement as text, with the session that ran it.
 *
 * Pure. Spans borrow the event's bytes.
 */
#ifndef MR_BINLOG_QUERY_H
#define MR_BINLOG_QUERY_H

#include "core/binlog/event.h"

struct query {
	uint32_t thread_id;
	uint16_t error_code; /* of the statement on the source; 0: it succeeded */
	uint16_t collation;  /* id of character_set_client, the statement's; 0: unknown */
	uint16_t connection_collation; /* id of collation_connection, its literals'; 0: unknown */
	uint16_t server_collation;  /* id of collation_server; 0: unknown */
	uint16_t utf8mb4_collation; /* MySQL 8: id of default_collation_for_utf8mb4; 0: unknown */
	bool has_sql_mode;
	bool has_explicit_timestamp;
	bool explicit_timestamp; /* explicit_defaults_for_timestamp */
	uint64_t sql_mode;
	struct span db;
	struct span text;
};

int query_read(const struct binlog_format *f, const struct event *e, struct query *ret,
	       struct err *err) MR_MUST_CHECK;

#endif
