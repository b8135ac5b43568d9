/*
 * now.c - a definition out of the catalogue alone, for who has no rows. See schema.h. Pure.
 *
 * What only a TABLE_MAP tells (metadata, hidden columns) is missing in it.
 */
#include "core/schema/schema_priv.h"

#include <errno.h>

int schema_table_now(const struct catalog_table *cat, struct arena *arena, const struct table **ret)
{
	struct table map = {.db = cat->db, .name = cat->name, .ncolumns = cat->ncolumns};
	struct table *t;
	uint32_t column;
	map.columns = arena_zalloc(arena, (cat->ncolumns + 1) * sizeof(*map.columns));
	if (!map.columns)
		return -ENOMEM;
	for (uint32_t i = 0; i < cat->ncolumns; i++) {
		const struct catalog_column *from = &cat->columns[i];
		map.columns[i] = (struct column){
			.type = merge_type(from->data_type),
			.nullable = from->nullable,
			.max_bytes = from->max_bytes < UINT32_MAX ? (uint32_t)from->max_bytes
								  : UINT32_MAX,
			.precision = from->precision,
			.scale = from->scale,
			.bits = from->precision,
		};
	}
	int rc = merge_catalog(&map, cat, arena, &t, &column);
	if (rc == 0)
		*ret = t;
	return rc;
}
