/*
 * definitions.h - table definitions as of where we are in the stream, for binlogs that do
 * not carry them (binlog_row_metadata not FULL, MySQL 5.7).
 *
 * A definition is known for a place of the stream when
 *
 *   the catalogue has it now, and no statement between here and the end of the binlog
 *     touches the table (ahead.h)
 *   or it was known before, and the DDL tracker followed every statement since (ddl.h)
 *   or it was known at a later place, on an earlier way through the binlog, and no statement
 *     in between touches the table
 *
 * in this order: the catalogue is asked again after each statement that touched the table, so
 * what the tracker made is compared with the truth whenever there is one. Else nothing is
 * known, and the task stops: equal numbers and types of columns prove nothing, as a RENAME
 * COLUMN or a swap of tables leaves them as they are.
 *
 * Everything learned is added to the history (progress/schema_store.h) with the place from
 * which it holds. With full metadata nothing of this is asked for. Source thread only.
 */
#ifndef MR_PIPELINE_DEFINITIONS_H
#define MR_PIPELINE_DEFINITIONS_H

#include "core/binlog/stream.h"
#include "core/progress/schema_store.h"
#include "core/schema/ddl.h"
#include "core/schema/schema.h"

struct definitions;
struct source_thread;

/* What `store` has for the position that reading begins at. NULL: no memory. */
struct definitions *definitions_new(struct source_thread *t, struct schema_store *store);
void definitions_free(struct definitions *d);
/* Is there a reason to follow DDL: were definitions asked for, or are any known? */
bool definitions_wanted(const struct definitions *d);

/* For schema_source.table. */
int definitions_get(struct definitions *d, struct span db, struct span name, enum schema_want want,
		    struct arena *arena, struct catalog_table *ret, struct err *err) MR_MUST_CHECK;
/*
 * A statement that was met in the stream: what it changes, in the arena, and if `follow`, it
 * is changed here too. A statement that is no DDL changes nothing. *ret_text is the statement
 * in UTF-8, where that can be had; the step's or in the arena.
 */
int definitions_statement(struct definitions *d, const struct step *step, bool follow,
			  struct arena *arena, struct ddl_changes *ret, struct span *ret_text,
			  struct err *err) MR_MUST_CHECK;
/*
 * The definition behind a statement just met, for those who want to tell it: known, or the
 * catalogue's if nothing touches the table behind. False: neither.
 */
bool definitions_behind(struct definitions *d, const struct ddl_change *c, struct arena *arena,
			struct catalog_table *ret);

#endif
