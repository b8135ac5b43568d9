/*
 * ddl.h - what a DDL statement makes of table definitions.
 *
 * Enters: a statement as the binlog has it, the session it ran in, and the definitions
 * before it (asked for one by one). Leaves: a list of changes, in the order in which they
 * happened. The definition of a changed table is what information_schema would say of it
 * (catalog.h), or NULL: then only the server's catalogue knows.
 *
 * Nothing is guessed, and no statement is an error: what the tracker does not understand,
 * or what depends on something it was not told (a default character set, the definition
 * before), leaves the table without a definition, whatever the kind of the change. When it
 * cannot even name the tables concerned, there is DDL_UNKNOWN for all.
 *
 * Pure: no I/O but the callbacks, no log, no clock. Everything that leaves lives in the
 * arena; definitions that enter are only read, and nothing refers to them afterwards.
 * Used by the source's thread.
 *
 *   ddl_lex.c      bytes to tokens: quotes, comments, versioned comments
 *   ddl_parse.c    the tokens all statements share: names, balanced parentheses, options
 *   ddl_type.c     a column's type as it is written, to what information_schema shows
 *   ddl_column.c   a column, a key of CREATE and ALTER TABLE
 *   ddl_table.c    a definition that can be altered: columns and keys
 *   ddl_alter.c    ALTER TABLE, CREATE INDEX, DROP INDEX
 *   ddl_charset.c  names, sizes and default collations of character sets
 *   ddl.c          the statement as a whole, and the changes it makes
 */
#ifndef MR_SCHEMA_DDL_H
#define MR_SCHEMA_DDL_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "core/model/catalog.h"
#include "core/model/gtid.h"

#include <stdbool.h>
#include <stdint.h>

enum ddl_tristate {
	DDL_NOT_KNOWN,
	DDL_OFF,
	DDL_ON,
};

/* The session a statement ran in; zero is "not known" throughout. */
struct ddl_session {
	enum flavor flavor;
	uint32_t version; /* major * 10000 + minor * 100 + patch */
	uint64_t sql_mode;
	struct span db; /* for names without one; empty: there is none */
	/*
	 * The statement is not in UTF-8 (nor ASCII): character_set_client of the event is
	 * another one. A statement that has bytes over 0x7f is then not understood.
	 */
	bool foreign_text;
	/* The event has LOG_EVENT_THREAD_SPECIFIC (0x4): it may be about temporary tables. */
	bool temporary;
	/*
	 * explicit_defaults_for_timestamp: decides whether TIMESTAMP columns are NOT NULL.
	 * MySQL 5.7 and later have it in the event (status variable 16), MariaDB in flags2
	 * (variable 0), where 0x01000000 is ON. [seen on all five servers]
	 */
	enum ddl_tristate explicit_timestamp;
	uint8_t lower_case_names; /* lower_case_table_names: 0, 1, 2 */
	/* collation_server of the event, by names: what CREATE DATABASE gives by default. */
	struct span server_charset;
	struct span server_collation;
	/* Default collation of utf8mb4 in this session (status variable 18 of MySQL 8). */
	struct span utf8mb4_collation;
};

struct ddl_lookup {
	void *ctx;
	/*
	 * The definition as it is before the statement. 0: *ret, which stays as it is until
	 * ddl_apply() returns; -ENOENT: certainly there is no such table; -EAGAIN: not known.
	 * Another failure is passed on.
	 */
	int (*table)(void *ctx, struct span db, struct span name, const struct catalog_table **ret);
	/* A database's default character set and collation. 0, -EAGAIN, or a failure. */
	int (*database)(void *ctx, struct span db, struct span *ret_charset,
			struct span *ret_collation);
};

enum ddl_kind {
	DDL_CREATED, /* what was there before under this name is gone */
	DDL_ALTERED,
	DDL_RENAMED, /* from `from_db`.`from_name`, perhaps altered as well */
	DDL_DROPPED,
	DDL_TRUNCATED, /* emptied; the definition stays */
	DDL_UNKNOWN,   /* table; all tables of db (empty name); all tables (empty db too) */
	DDL_DATABASE_CREATED,
	DDL_DATABASE_ALTERED, /* existing tables are as they were */
	DDL_DATABASE_DROPPED,
};

struct ddl_change {
	enum ddl_kind kind;
	/* As written; in lower case with lower_case_table_names=1. */
	struct span db;
	struct span name; /* empty for databases */
	struct span from_db;
	struct span from_name;
	/*
	 * CREATED, ALTERED, RENAMED: the definition afterwards; NULL: ask the catalogue, or,
	 * for RENAMED, what was known of `from` still holds if `same` is set.
	 */
	const struct catalog_table *table;
	bool same; /* RENAMED: nothing but the name */
	/* DATABASE_CREATED, DATABASE_ALTERED: its default; empty: not known. */
	struct span charset;
	struct span collation;
};

struct ddl_changes {
	uint32_t n;
	struct ddl_change *list;
};

/*
 * 0, also for statements that are no DDL (no changes); -ENOMEM; or what a callback
 * failed with. Several statements in one text do not occur in a binlog; what stands
 * behind a ';' makes everything unknown.
 */
int ddl_apply(struct span statement, const struct ddl_session *session,
	      const struct ddl_lookup *lookup, struct arena *arena, struct ddl_changes *ret);

#endif
