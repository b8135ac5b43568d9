/*
 * envelope.h - row -> message bytes: a row change becomes one to three messages.
 *
 * Enters: struct row (values of one change, the table's definition, the rows event).
 * Leaves: key, headers and value bytes, through struct envelope_sink (sink.h).
 * Insert, update: one message. Delete: the event, then a tombstone if asked for. A change
 * of the key: delete, tombstone, create (headers __debezium.newkey, __debezium.oldkey).
 *
 * Topics, partitions and filters are not known here. Pure: no clock, no log, no I/O; one
 * thread uses an envelope. No memory is allocated per row; per rows event only when a
 * scratch buffer has to grow.
 *
 *   envelope_open                      once a task
 *     envelope_table_open              once a table definition: compiles its plan
 *     envelope_group_begin             once a group (transaction), before its first row
 *       envelope_event_begin           once a rows event: what its rows share
 *         envelope_row                 once a row change, or envelope_truncate
 *     envelope_group_end               when the group has no more rows
 */
#ifndef MR_ENVELOPE_ENVELOPE_H
#define MR_ENVELOPE_ENVELOPE_H

#include "core/envelope/sink.h"
#include "core/model/row.h"

enum envelope_format {
	ENVELOPE_DEBEZIUM, /* "debezium" */
	ENVELOPE_MAXWELL,  /* "maxwell" */
	ENVELOPE_CANAL,    /* "canal": flat messages */
};

/* pipe.key: what a message's key is made of. */
enum envelope_key {
	ENVELOPE_KEY_PRIMARY,  /* "primary_key": null for a table without one */
	ENVELOPE_KEY_TABLE,    /* "table": {"db":…,"table":…}; no tombstones */
	ENVELOPE_KEY_DATABASE, /* "database": {"db":…}; no tombstones */
	ENVELOPE_KEY_NONE,     /* "none": null */
	ENVELOPE_KEY_COLUMNS,  /* "columns:…": see key_columns */
};

/* options.compat */
enum envelope_compat {
	ENVELOPE_LOSSLESS, /* "lossless": differs from the peer only where it loses data */
	ENVELOPE_EXACT,    /* "exact": what the peer writes, its losses included */
};

/* options.decimal.handling.mode */
enum envelope_decimal {
	ENVELOPE_DECIMAL_PRECISE, /* "precise" */
	ENVELOPE_DECIMAL_DOUBLE,  /* "double" */
	ENVELOPE_DECIMAL_STRING,  /* "string" */
};

/* options.bigint.unsigned.handling.mode */
enum envelope_bigint {
	ENVELOPE_BIGINT_LONG,    /* "long" */
	ENVELOPE_BIGINT_PRECISE, /* "precise" */
};

/* options.time.precision.mode */
enum envelope_time {
	ENVELOPE_TIME_ADAPTIVE_MICROSECONDS, /* "adaptive_time_microseconds" */
	ENVELOPE_TIME_ADAPTIVE,              /* "adaptive": TIME(0..3) in milliseconds */
	ENVELOPE_TIME_CONNECT,               /* "connect" */
	ENVELOPE_TIME_ISOSTRING,             /* "isostring" */
	ENVELOPE_TIME_MICROSECONDS,          /* "microseconds" */
	ENVELOPE_TIME_NANOSECONDS,           /* "nanoseconds" */
};

/* options.binary.handling.mode */
enum envelope_binary {
	ENVELOPE_BINARY_BYTES,     /* "bytes": base64 in JSON */
	ENVELOPE_BINARY_BASE64,    /* "base64" */
	ENVELOPE_BINARY_BASE64URL, /* "base64-url-safe" */
	ENVELOPE_BINARY_HEX,       /* "hex" */
};

/* Maxwell's options, by their names; no_…: what is on by default, and is not asked for. */
struct envelope_maxwell {
	bool key_array;		  /* kafka_key_format "array" */
	bool no_commit_info;	  /* output_commit_info */
	bool no_xoffset;	  /* output_xoffset */
	bool no_nulls;		  /* output_nulls */
	bool binlog_position;	  /* output_binlog_position */
	bool gtid_position;	  /* output_gtid_position */
	bool server_id;		  /* output_server_id */
	bool thread_id;		  /* output_thread_id */
	bool row_query;		  /* output_row_query */
	bool primary_keys;	  /* output_primary_keys */
	bool primary_key_columns; /* output_primary_key_columns */
	bool null_zerodates;	  /* output_null_zerodates */
};

/* options.schema.name.adjustment.mode, options.field.name.adjustment.mode */
enum envelope_names {
	ENVELOPE_NAMES_NONE,         /* "none": as they are */
	ENVELOPE_NAMES_AVRO,         /* "avro": what Avro does not allow is '_' */
	ENVELOPE_NAMES_AVRO_UNICODE, /* "avro_unicode": it is _uXXXX */
};

/* Zero is the default everywhere. Strings are copied by envelope_open. */
struct envelope_options {
	const char *name; /* source.name: Debezium's topic.prefix; the task's name */
	enum envelope_format format;
	bool tombstones;
	enum envelope_key key;
	/*
	 * For ENVELOPE_KEY_COLUMNS, the text behind "columns:": entries separated by ';',
	 * each `column,column` (for every table) or `db.table:column,column`. The first
	 * entry for a table counts; a table with none has its primary key.
	 */
	const char *key_columns;
	enum envelope_compat compat;
	enum envelope_decimal decimal;
	enum envelope_bigint bigint;
	enum envelope_time time;
	enum envelope_binary binary;
	struct envelope_maxwell maxwell;
	bool include_query; /* "include.query": source.query has the event's statement */
	bool key_schemas;   /* debezium: {"schema":…,"payload":…} */
	bool value_schemas;
	enum envelope_names schema_names;
	enum envelope_names field_names;
	/* "skipped.operations" of debezium; changes of the key are updates. */
	bool skip_create, skip_update, skip_delete, skip_truncate;
	bool transactions;       /* "provide.transaction.metadata" */
	const char *unavailable; /* "unavailable.value.placeholder"; NULL: Debezium's own */
	bool years_as_they_are;  /* "enable.time.adjuster" is false */
};

struct envelope;       /* opaque */
struct envelope_table; /* opaque: the plan for one definition of one table */

int envelope_open(const struct envelope_options *o, struct envelope **ret,
		  struct err *err) MR_MUST_CHECK;
/* Its tables are closed before it. NULL is fine. */
void envelope_close(struct envelope *e);

/* Do messages depend on the columns' defaults? Then envelope_table_open() needs them. */
bool envelope_wants_defaults(const struct envelope_options *o);

/* Do messages show types as the server's catalogue spells them (column_type)? */
bool envelope_wants_spelling(const struct envelope_options *o);

/*
 * Compiles the plan for a table as it is defined now. Everything is copied: `table` may go
 * away, as long as each row that comes is of the same definition. Fails with
 * ERR_TYPE_UNSUPPORTED for a column that cannot be published (its charset, an ENUM whose
 * labels are not known) and ERR_TASK_INVALID for a key column that does not exist.
 */
int envelope_table_open(struct envelope *e, const struct table *table, struct envelope_table **ret,
			struct err *err) MR_MUST_CHECK;
/* Not while it is the table of the current event, unless no row of it follows. */
void envelope_table_close(struct envelope_table *t);

/*
 * The events that follow are of this group, borrowed until envelope_group_end(). A dialect
 * may keep the newest message begun in the sink, to change it by what comes next: nothing
 * else may use the sink then. Without a group (snapshots, tests) nothing is kept.
 */
int envelope_group_begin(struct envelope *e, const struct row_group *group,
			 struct err *err) MR_MUST_CHECK;
/* The group has no more rows: what was kept goes out. */
int envelope_group_end(struct envelope *e, struct envelope_sink *sink,
		       struct err *err) MR_MUST_CHECK;
/* What was kept goes out, more rows may follow: before another's message in the sink. */
int envelope_settle(struct envelope *e, struct envelope_sink *sink, struct err *err) MR_MUST_CHECK;
/* The group was broken off: what was kept is forgotten. Fine between groups. */
void envelope_group_drop(struct envelope *e);

/*
 * The rows that follow are of this table and event, which are borrowed until the next
 * envelope_event_begin. 0 or -ENOMEM.
 */
int envelope_event_begin(struct envelope *e, struct envelope_table *t,
			 const struct row_event *event, struct err *err) MR_MUST_CHECK;

/*
 * Writes the messages of one row of the current event. Fails with ERR_VALUE_INVALID for a
 * value that has no faithful form (text that is not valid in its character set), naming
 * the column; with what the sink's why() says when the sink fails.
 */
int envelope_row(struct envelope *e, const struct row *row, struct envelope_sink *sink,
		 struct err *err) MR_MUST_CHECK;

/*
 * TRUNCATE of the current event's table: the message of a format that has one for it, not the
 * end of a row. Only where envelope_tells_truncate(). A definition without columns is enough
 * for it, but for envelope_truncate_needs_columns().
 */
int envelope_truncate(struct envelope *e, struct envelope_sink *sink, struct err *err) MR_MUST_CHECK;
bool envelope_tells_truncate(const struct envelope_options *o);
bool envelope_truncate_needs_columns(const struct envelope_options *o);

/* Instead: a row of the current event that was delivered before counts, and is not written. */
void envelope_pass(struct envelope *e);

#endif
