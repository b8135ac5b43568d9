/*
 * catalog.h - one table's definition out of information_schema, in three statements
 * whatever the number of tables the server has.
 *
 * Runs on a source of its own or between dumps, not on one that streams: a dump
 * occupies its connection. Used by the source's thread.
 */
#ifndef MR_MYSQL_CATALOG_H
#define MR_MYSQL_CATALOG_H

#include "common/base/arena.h"
#include "core/model/catalog.h"
#include "core/model/table.h"
#include "core/mysql/server.h"

/*
 * Fills *ret out of `arena`. A table that is not there, or not visible to the user:
 * -ENOENT with ERR_SCHEMA_MISSING, which names the grant it may need.
 */
int catalog_load(struct source *s, const struct server_info *info, struct span db,
		 struct span table, struct arena *arena, struct catalog_table *ret,
		 struct err *err) MR_MUST_CHECK;

/*
 * Name of the character set a collation id belongs to, as a span in `arena`.
 * -ENOENT when the server does not know the id.
 */
int catalog_charset(struct source *s, const struct server_info *info, uint32_t collation,
		    struct arena *arena, struct span *ret, struct err *err) MR_MUST_CHECK;

/* The name of a collation, likewise. -ENOENT when the server does not know the id. */
int catalog_collation(struct source *s, uint32_t collation, struct arena *arena, struct span *ret,
		      struct err *err) MR_MUST_CHECK;
/* A database's default character set and collation as of now. -ENOENT: there is none. */
int catalog_database(struct source *s, struct span db, struct arena *arena,
		     struct span *ret_charset, struct span *ret_collation,
		     struct err *err) MR_MUST_CHECK;
/* What DDL statements depend on and the binlog does not always say. */
int catalog_globals(struct source *s, bool *ret_explicit_timestamp, uint8_t *ret_lower_case_names,
		    struct err *err) MR_MUST_CHECK;

/*
 * Labels of an ENUM or SET out of its COLUMN_TYPE text ("enum('a','it''s')"). Pure.
 * 0, -EINVAL for other text, -ENOMEM.
 */
int catalog_parse_labels(struct span column_type, struct arena *arena, struct span **ret_labels,
			 uint32_t *ret_n);

/*
 * What messages with schemas say besides the rows' definition: fills the defaults, and the
 * types where they are empty, of the table's columns (by name) from the catalogue of now.
 * Texts are allocated from `arena`. A table that is not there has none.
 */
int catalog_defaults(struct source *s, const struct server_info *info, struct table *t,
		     struct arena *arena, struct err *err) MR_MUST_CHECK;

#endif
