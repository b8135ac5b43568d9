/*
 * schema.h - complete table definitions for the rows at hand.
 *
 * Enters: what a TABLE_MAP event says (struct table, from the binlog reader). Leaves:
 * a const struct table with names, signedness, character sets, labels and key. Where
 * the event itself has all that (binlog_row_metadata=FULL) nothing is asked, unless messages
 * show more than that; else the pipeline's callback brings the server's catalogue, once a
 * table and shape.
 *
 * No mysql and no binlog code here, no I/O but the callback, no log, no clock. Used by
 * the source's thread alone. Never guesses: what cannot be made to fit is an error.
 */
#ifndef MR_SCHEMA_SCHEMA_H
#define MR_SCHEMA_SCHEMA_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "core/model/catalog.h"
#include "core/model/table.h"

struct schema;

/* How good a definition has to be. */
enum schema_want {
	SCHEMA_ANY,   /* of any time: the event has the names, only what it lacks is taken */
	SCHEMA_EXACT, /* the one the rows were written by */
	SCHEMA_AGAIN, /* the same, and the one given last does not fit */
};

/* The pipeline's way to the server; called in the thread that calls schema_resolve(). */
struct schema_source {
	void *ctx;
	/*
	 * The table's definition, allocated from `arena`. -ENOENT: no such table, or not
	 * visible. Any other failure (connection, not known) is passed on as it is.
	 */
	int (*table)(void *ctx, struct span db, struct span name, enum schema_want want,
		     struct arena *arena, struct catalog_table *ret, struct err *err);
	/* Name of a collation's character set, allocated from `arena`. -ENOENT: unknown. */
	int (*charset)(void *ctx, uint32_t collation, struct arena *arena, struct span *ret,
		       struct err *err);
	/* Messages show types as the catalogue spells them: it is asked for every table. */
	bool spelled;
};

/* NULL when there is no memory. `source` is copied. */
struct schema *schema_new(const struct schema_source *source);
void schema_free(struct schema *s);

/*
 * The complete definition for the rows of `map`, whose db, name, table_id, columns'
 * types and metadata are set. *ret is owned by the schema and stays as it is until
 * schema_invalidate() of its name, schema_free(), or a schema_resolve() of the same
 * name with another shape: keep it no longer than until the next of these.
 *
 * A table with a known shape (name, columns' types, metadata and optional metadata all
 * equal) costs a lookup, whatever its table_id. A mismatch asks the catalogue afresh
 * once. Fails with ERR_SCHEMA_MISMATCH, ERR_SCHEMA_MISSING, ERR_MEMORY, or the
 * callback's error.
 */
int schema_resolve(struct schema *s, const struct table *map, const struct table **ret,
		   struct err *err) MR_MUST_CHECK;

/*
 * DDL: forgets one table, all tables of a database (empty name), or all (empty db). The
 * next schema_resolve() asks the catalogue.
 */
void schema_invalidate(struct schema *s, struct span db, struct span name);

/*
 * The definition that rows written now would have, as far as the catalogue tells: for checks
 * without rows. Allocated from `arena`; borrows nothing. 0, -ENOMEM, or -ESTALE when the
 * catalogue contradicts itself.
 */
int schema_table_now(const struct catalog_table *cat, struct arena *arena,
		     const struct table **ret) MR_MUST_CHECK;

#endif
