/*
 * stream.h - from events to steps: where groups begin and end, and whether their rows
 * happened at all.
 *
 * Job: one event's bytes in, one step out. The stream knows file and position, the
 * group (transaction, or standalone statement) it is in, and what its terminator means.
 * It refuses whatever might carry rows that it does not read. It keeps no rows, looks
 * into no table map and no row image, and decides nothing about publishing: the pipeline
 * holds a group's rows until the step that ends it.
 *
 *   BEGIN { SKIP | ROWS_QUERY | TABLE_MAP | ROWS | SAVEPOINT | UNDO | DDL }… COMMIT
 *   BEGIN { … }… ROLLBACK          the rows did not happen, the GTID did
 *   BEGIN { … }… XA_PREPARE        whether the rows happen is decided by a later group
 *   BEGIN XA_COMMIT, XA_ROLLBACK   that group; it has no rows of its own
 *   BEGIN { … }… TORN              the source crashed: neither rows nor GTID happened
 *   BEGIN DDL(ends_group)          a standalone statement
 *   DDL(ends_group)                the same of a source without GTID events
 *   ROTATE, HEARTBEAT, SKIP        anywhere
 *
 * After a step with ends_group, `at` is the end of the group: the only kind of position
 * that a dump may start from.
 *
 * Pure: no log, no clock, no blocking. Thread: whichever reads the source.
 * Memory: a step borrows from the event's bytes and from the stream, until the next
 * call; the stream owns a buffer once it has met a compressed event. After a failure the stream is unusable until stream_start().
 */
#ifndef MR_BINLOG_STREAM_H
#define MR_BINLOG_STREAM_H

#include "core/binlog/event.h"
#include "core/binlog/inflate.h"
#include "core/model/position.h"
#include "core/model/xid.h"

enum step_kind {
	STEP_SKIP,       /* nothing for us; step.event says what it was */
	STEP_HEARTBEAT,  /* the source is alive and has read up to step.file, step.file_pos */
	STEP_ROTATE,     /* stream.at is the start of another (or again the same) file */
	STEP_BEGIN,      /* a group begins: stream.group is filled */
	STEP_TABLE_MAP,  /* table_map_parse(step.event) */
	STEP_ROWS,       /* rows_open(step.event) */
	STEP_ROWS_QUERY, /* step.text: the statement behind the rows that follow */
	STEP_SAVEPOINT,  /* step.text: its name; an older one of that name is gone */
	STEP_UNDO,       /* ROLLBACK TO step.text: the rows since that savepoint did not
			    happen, savepoints set after it are gone, it stays */
	STEP_COMMIT,     /* ends the group: its rows (but for undone ones) happened */
	STEP_ROLLBACK,   /* ends the group: no row of it happened */
	STEP_TORN,       /* ends the group, which the source lost in a crash: no row of it
			    happened, and its GTID did not either (it will be used again) */
	STEP_XA_PREPARE, /* ends the group: stream.xid's COMMIT or ROLLBACK decides its rows */
	STEP_XA_COMMIT,  /* ends the group: the rows prepared under stream.xid happened */
	STEP_XA_ROLLBACK, /* ends the group: they did not */
	STEP_DDL,        /* step.text, step.db: a statement other than a row change */
	STEP_PAYLOAD,    /* payload_open(step.event); each event in it to stream_feed_inner(),
			    then stream_payload_end() */
};

const char *step_kind_name(enum step_kind kind);

struct step {
	enum step_kind kind;
	bool ends_group;     /* COMMIT, ROLLBACK, TORN, XA_…; DDL that is a group of its own */
	bool artificial;     /* ROTATE: made by the dump, not in the file */
	bool has_sql_mode;   /* DDL: sql_mode is known */
	uint16_t collation;  /* DDL: id of the statement's character_set_client; 0: unknown */
	uint64_t sql_mode;   /* DDL: of the session that ran it */
	uint64_t pos;        /* where the event starts in its file (for messages and rows) */
	struct event event;
	struct span text;
	struct span db;      /* DDL: the session's default database; may be empty */
	struct span file;    /* HEARTBEAT */
	uint64_t file_pos;   /* HEARTBEAT: may lie inside a group that was not sent */
};

/* The group that the stream is in, or was in last. */
struct group {
	struct gtid gtid;
	struct binlog_pos start;   /* of its first event */
	uint32_t server_id;        /* of the server that wrote it first */
	bool has_thread;
	uint32_t thread_id;        /* of the session: BEGIN's (MariaDB: 11.5's GTID event) */
	usec_t commit_time;        /* immediate_commit_timestamp (MySQL 8); 0: not logged */
	usec_t original_commit_time; /* on the server that wrote it first; 0: not logged */
	uint64_t length;           /* bytes of all its events (MySQL 8); 0: not logged */
	bool has_xid;              /* its XID event was met: with the step that ends it */
	uint64_t xid;
	bool standalone;           /* MariaDB says: one statement, no terminator */
	bool ddl;                  /* MariaDB says: a DDL statement */
};

struct stream {
	struct binlog_format format;
	struct binlog_pos at; /* end of the last event; exact outside groups */
	bool in_group;
	struct group group;
	struct xid xid; /* of the last XA_… step */

	/* The rest is stream.c's. */
	uint8_t state;         /* enum group_state */
	bool checksum_asked;
	bool alter_undecided;  /* MariaDB's two-phase ALTER: this group changes no table */
	bool file_changed;     /* a ROTATE inside a group: only a crash explains it */
	bool in_payload;       /* what is fed comes out of a TRANSACTION_PAYLOAD */
	uint64_t payload_pos;  /* where that starts */
	char name[520];        /* a savepoint's, unquoted */
	struct inflater inflater;
};

/* checksum_asked: see binlog_format_init(). */
void stream_init(struct stream *s, enum flavor flavor, bool checksum_asked);
/* Frees what compressed events needed. */
void stream_free(struct stream *s);

/*
 * A new dump begins: forgets format and group. `file` ("" or NULL: unknown until the
 * first ROTATE) and `pos` are where it was asked to start.
 */
void stream_start(struct stream *s, const char *file, uint64_t pos);

/*
 * The next event's bytes, as the dump sends them behind the OK byte. 0 and a step, or
 * -errno with an error located at "file:pos (gtid …)":
 *   ERR_EVENT_CORRUPT      length, CRC or structure are wrong
 *   ERR_EVENT_UNSUPPORTED  it may carry rows and is of a type that we do not read
 *   ERR_EVENT_STATEMENT    a change logged as a statement
 *   ERR_EVENT_INCIDENT     the source says that it lost events
 *   ERR_SOURCE_POSITION    rows without the beginning of their group
 */
int stream_feed(struct stream *s, const void *bytes, size_t len, struct step *ret, struct err *err)
	MR_MUST_CHECK;

/*
 * An event out of the payload that the last step named. The same errors; positions are the
 * payload's: where it starts is where its events do, where it ends is where the group does.
 */
int stream_feed_inner(struct stream *s, const void *bytes, size_t len, struct step *ret,
		      struct err *err) MR_MUST_CHECK;
/* The payload has no more events: the group must have ended with its last. */
int stream_payload_end(struct stream *s, struct err *err) MR_MUST_CHECK;

/* "file:pos (gtid …)" of the event that starts at pos, for err_locate(); returns out. */
const char *stream_where(const struct stream *s, uint64_t pos, char *out, size_t size);

/* Do two savepoint names mean the same savepoint? (The servers ignore case.) */
bool stream_savepoint_equal(struct span a, struct span b);

#endif
