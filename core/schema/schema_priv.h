/* schema_priv.h - what the files of core/schema share. */
#ifndef MR_SCHEMA_PRIV_H
#define MR_SCHEMA_PRIV_H

#include "common/base/buf.h"
#include "core/schema/schema.h"

/* ------------------------------------------------------- shape.c */

/*
 * Everything a map says but its table_id, as bytes: two maps with equal bytes get the
 * same definition.
 */
void shape_put(const struct table *map, struct buf *out);
/* "int, varchar, …" and "id int, name varchar(20), …" for messages; cut at `limit` bytes. */
void shape_describe_map(const struct table *map, size_t limit, struct buf *out);
void shape_describe_catalog(const struct catalog_table *cat, size_t limit, struct buf *out);

/* ------------------------------------------------------- merge.c */

/* Is there all that rows need, so that the catalogue need not be asked? */
enum merge_need {
	MERGE_NOTHING,
	MERGE_IF_THERE, /* it would tell whether columns are hidden, how bytes are shown, or more */
	MERGE_CATALOG,
};
enum merge_need merge_need(const struct table *map);
/* A definition out of the map alone, copied into `arena`. NULL: no memory. */
struct table *merge_map(const struct table *map, struct arena *arena);
/*
 * A definition out of both. 0, -ENOMEM, or -ESTALE when they do not describe the same
 * table: then *ret_column is the column that differs, or UINT32_MAX when the number does.
 */
int merge_catalog(const struct table *map, const struct catalog_table *cat, struct arena *arena,
		  struct table **ret, uint32_t *ret_column);
/*
 * A label that only the catalogue tells and that it may not tell truly; NULL: there is
 * none. The map and the catalogue fit.
 */
const struct span *merge_doubtful_label(const struct table *map, const struct catalog_table *cat,
					uint32_t *ret_column);
/* The type that rows have of such a DATA_TYPE in tables of today; COLUMN_NULL: not known. */
uint8_t merge_type(struct span data_type);
/* How a character set's bytes become UTF-8, by its name. */
enum charset merge_charset(struct span name);
bool span_is(struct span s, const char *text);

#endif
