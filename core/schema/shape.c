/* shape.c - see schema_priv.h: a map as bytes to compare, and as text for a person. Pure. */
#include "core/schema/schema_priv.h"

static void put_u32(struct buf *out, uint32_t v)
{
	buf_put(out, &v, sizeof(v));
}

static void put_span(struct buf *out, struct span s)
{
	put_u32(out, (uint32_t)s.len);
	if (s.len)
		buf_put(out, s.p, s.len);
}

void shape_put(const struct table *map, struct buf *out)
{
	put_u32(out, map->ncolumns);
	put_u32(out,
		(uint32_t)(map->names_known | map->signs_known << 1 | map->charsets_known << 2 |
			   map->labels_known << 3 | map->key_known << 4));
	for (uint32_t i = 0; i < map->ncolumns; i++) {
		const struct column *c = &map->columns[i];
		put_u32(out, (uint32_t)c->type | (uint32_t)c->meta << 8 |
				     (uint32_t)c->is_unsigned << 24 | (uint32_t)c->nullable << 25 |
				     (uint32_t)c->hidden << 26);
		put_u32(out, c->max_bytes);
		put_u32(out, c->collation);
		put_u32(out, (uint32_t)c->charset | (uint32_t)c->precision << 8 |
				     (uint32_t)c->scale << 16 | (uint32_t)c->bits << 24);
		put_span(out, c->name);
		put_u32(out, c->nlabels);
		for (uint32_t k = 0; k < c->nlabels; k++)
			put_span(out, c->labels[k]);
	}
	put_u32(out, map->nkey);
	for (uint32_t i = 0; i < map->nkey; i++)
		put_u32(out, map->key[i]);
}

static const char *type_name(uint8_t type)
{
	switch ((enum column_type)type) {
	case COLUMN_DECIMAL_OLD:
	case COLUMN_NEWDECIMAL:
		return "decimal";
	case COLUMN_TINY:
		return "tinyint";
	case COLUMN_SHORT:
		return "smallint";
	case COLUMN_LONG:
		return "int";
	case COLUMN_FLOAT:
		return "float";
	case COLUMN_DOUBLE:
		return "double";
	case COLUMN_NULL:
		return "null";
	case COLUMN_TIMESTAMP:
	case COLUMN_TIMESTAMP2:
		return "timestamp";
	case COLUMN_LONGLONG:
		return "bigint";
	case COLUMN_INT24:
		return "mediumint";
	case COLUMN_DATE:
	case COLUMN_NEWDATE:
		return "date";
	case COLUMN_TIME:
	case COLUMN_TIME2:
		return "time";
	case COLUMN_DATETIME:
	case COLUMN_DATETIME2:
		return "datetime";
	case COLUMN_YEAR:
		return "year";
	case COLUMN_VARCHAR:
	case COLUMN_VAR_STRING:
	case COLUMN_VARCHAR_COMPRESSED:
		return "varchar/varbinary";
	case COLUMN_BIT:
		return "bit";
	case COLUMN_TYPED_ARRAY:
		return "array";
	case COLUMN_VECTOR:
		return "vector";
	case COLUMN_JSON:
		return "json";
	case COLUMN_ENUM:
		return "enum";
	case COLUMN_SET:
		return "set";
	case COLUMN_TINY_BLOB:
	case COLUMN_MEDIUM_BLOB:
	case COLUMN_LONG_BLOB:
	case COLUMN_BLOB:
	case COLUMN_BLOB_COMPRESSED:
		return "text/blob";
	case COLUMN_STRING:
		return "char/binary";
	case COLUMN_GEOMETRY:
		return "geometry";
	}
	return "unknown";
}

/* Puts a comma in front of all but the first; false when the text is long enough. */
static bool put_next(struct buf *out, size_t from, uint32_t i, size_t limit)
{
	if (out->len - from >= limit) {
		buf_lit(out, ", ...");
		return false;
	}
	if (i)
		buf_lit(out, ", ");
	return true;
}

void shape_describe_map(const struct table *map, size_t limit, struct buf *out)
{
	size_t from = out->len;
	for (uint32_t i = 0; i < map->ncolumns && put_next(out, from, i, limit); i++) {
		const struct column *c = &map->columns[i];
		if (map->names_known) {
			buf_put(out, c->name.p, c->name.len);
			buf_putc(out, ' ');
		}
		buf_puts(out, type_name(c->type));
	}
}

void shape_describe_catalog(const struct catalog_table *cat, size_t limit, struct buf *out)
{
	size_t from = out->len;
	for (uint32_t i = 0; i < cat->ncolumns && put_next(out, from, i, limit); i++) {
		const struct catalog_column *c = &cat->columns[i];
		buf_put(out, c->name.p, c->name.len);
		buf_putc(out, ' ');
		buf_put(out, c->data_type.p, c->data_type.len);
	}
}
