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

/*
 * Labels of an ENUM or SET out of its COLUMN_TYPE text ("enum('a','it''s')"). Pure.
 * 0, -EINVAL for other text, -ENOMEM.
 */
int catalog_parse_labels(struct span column_type, struct arena *arena, struct span **ret_labels,
			 uint32_t *ret_n);

#endif
