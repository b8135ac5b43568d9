/*
 * merge.c - what TABLE_MAP says and what the catalogue says, made into one definition.
 * Pure.
 *
 * The event is the truth about its rows: whatever it tells is kept, and the catalogue,
 * which may be of a later time, only fills what is missing. They must agree on the
 * number of columns and on each column's kind; lengths may differ (a VARCHAR widened
 * since), as the rows are read by the event's.
 *
 * Hidden columns are in the event and not in the catalogue:
 *   MariaDB  behind all others, first row_start and row_end (timestamp(6), or bigint
 *            unsigned for transaction ids) of a table WITH SYSTEM VERSIONING, then
 *            DB_ROW_HASH_n (bigint unsigned) of UNIQUE keys over long columns. The
 *            event's key has row_end in it.
 *   MySQL    the expression of a functional index, of any type, named by 32 hexadecimal
 *            digits (8.0.15) or "!hidden!..."; in 8.0.15 anywhere, but then
 *            ORDINAL_POSITION counts it; in 9.7 no longer in the event.
 */
#include "core/schema/schema_priv.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

bool span_is(struct span s, const char *text)
{
	return s.len == strlen(text) && !strncasecmp((const char *)s.p, text, s.len);
}

enum charset merge_charset(struct span name)
{
	static const char *const utf8[] = {"utf8mb4", "utf8mb3", "utf8", "ascii"};
	if (!name.len)
		return CHARSET_NONE;
	for (size_t i = 0; i < sizeof(utf8) / sizeof(utf8[0]); i++)
		if (span_is(name, utf8[i]))
			return CHARSET_UTF8;
	if (span_is(name, "latin1"))
		return CHARSET_LATIN1;
	return span_is(name, "binary") ? CHARSET_BINARY : CHARSET_OTHER;
}

/* ------------------------------------------------------- what is missing */

static bool is_text(const struct column *c)
{
	switch (c->type) {
	case COLUMN_STRING:
	case COLUMN_VARCHAR:
	case COLUMN_VAR_STRING:
	case COLUMN_VARCHAR_COMPRESSED:
	case COLUMN_BLOB:
	case COLUMN_TINY_BLOB:
	case COLUMN_MEDIUM_BLOB:
	case COLUMN_LONG_BLOB:
	case COLUMN_BLOB_COMPRESSED:
	case COLUMN_ENUM:
	case COLUMN_SET:
		return true;
	default:
		return false;
	}
}

/* These types' events do not tell how many digits of a second follow. */
static bool is_old_temporal(const struct column *c)
{
	return c->type == COLUMN_TIMESTAMP || c->type == COLUMN_TIME || c->type == COLUMN_DATETIME;
}

static bool is_version_name(struct span name)
{
	return span_is(name, "row_start") || span_is(name, "row_end");
}

static bool is_expression_name(struct span name)
{
	size_t hex = 0;
	while (hex < name.len && name.p[hex] < 0x80 && isxdigit(name.p[hex]))
		hex++;
	return name.len == 32 && hex == 32;
}

/* A name that hidden columns have and a user's own may have as well. */
static bool is_doubtful_name(struct span name)
{
	return is_version_name(name) || is_expression_name(name);
}

/* Its values are numbers of labels that the event does not tell. */
static bool lacks_labels(const struct table *map, const struct column *c)
{
	return (c->type == COLUMN_ENUM || c->type == COLUMN_SET) && !map->labels_known &&
	       !c->labels;
}

/* Is something needed of the column that its event does not tell? */
static bool needs_catalog(const struct table *map, const struct column *c)
{
	return !map->names_known || !map->signs_known || is_old_temporal(c) ||
	       (is_text(c) && !map->charsets_known && !c->collation) || lacks_labels(map, c);
}

/*
 * Two columns that may be the start and end of rows in a table WITH SYSTEM VERSIONING, under
 * names of the user's: times with all their digits, or numbers the latter of which is the
 * last of the key. Only the catalogue tells.
 */
static bool may_be_versioned(const struct table *map)
{
	uint32_t times = 0, numbers = 0;
	for (uint32_t i = 0; i < map->ncolumns; i++) {
		const struct column *c = &map->columns[i];
		times += c->type == COLUMN_TIMESTAMP2 && c->scale == 6 && !c->nullable;
		numbers += c->type == COLUMN_LONGLONG && !c->nullable;
	}
	return times >= 2 || (numbers >= 2 && map->nkey >= 2 &&
			      map->columns[map->key[map->nkey - 1]].type == COLUMN_LONGLONG);
}

enum merge_need merge_need(const struct table *map)
{
	enum merge_need need = map->key_known ? MERGE_NOTHING : MERGE_CATALOG;
	for (uint32_t i = 0; i < map->ncolumns; i++) {
		if (needs_catalog(map, &map->columns[i]))
			return MERGE_CATALOG;
		if (need == MERGE_NOTHING && (is_doubtful_name(map->columns[i].name) ||
					      map->columns[i].shown == SHOWN_DOUBTFUL))
			need = MERGE_IF_THERE;
	}
	if (need == MERGE_NOTHING && may_be_versioned(map))
		need = MERGE_IF_THERE;
	return need;
}

/* ------------------------------------------------------- do they fit? */

/* Which event types a DATA_TYPE may have. No event has the type NULL: it fills up. */
enum { NONE = COLUMN_NULL };

static const struct {
	const char *name;
	uint8_t types[4];
} kinds[] = {
	{"tinyint", {COLUMN_TINY, NONE}},
	{"smallint", {COLUMN_SHORT, NONE}},
	{"mediumint", {COLUMN_INT24, NONE}},
	{"int", {COLUMN_LONG, NONE}},
	{"bigint", {COLUMN_LONGLONG, NONE}},
	{"float", {COLUMN_FLOAT, NONE}},
	{"double", {COLUMN_DOUBLE, NONE}},
	{"decimal", {COLUMN_NEWDECIMAL, COLUMN_DECIMAL_OLD, NONE}},
	{"bit", {COLUMN_BIT, NONE}},
	{"year", {COLUMN_YEAR, NONE}},
	{"date", {COLUMN_DATE, COLUMN_NEWDATE, NONE}},
	{"time", {COLUMN_TIME2, COLUMN_TIME, NONE}},
	{"datetime", {COLUMN_DATETIME2, COLUMN_DATETIME, NONE}},
	{"timestamp", {COLUMN_TIMESTAMP2, COLUMN_TIMESTAMP, NONE}},
	{"char", {COLUMN_STRING, NONE}},
	{"binary", {COLUMN_STRING, NONE}},
	{"varchar", {COLUMN_VARCHAR, COLUMN_VAR_STRING, COLUMN_VARCHAR_COMPRESSED, NONE}},
	{"varbinary", {COLUMN_VARCHAR, COLUMN_VAR_STRING, COLUMN_VARCHAR_COMPRESSED, NONE}},
	{"tinytext", {COLUMN_BLOB, COLUMN_TINY_BLOB, COLUMN_BLOB_COMPRESSED, NONE}},
	{"text", {COLUMN_BLOB, COLUMN_BLOB_COMPRESSED, NONE}},
	{"mediumtext", {COLUMN_BLOB, COLUMN_MEDIUM_BLOB, COLUMN_BLOB_COMPRESSED, NONE}},
	{"longtext", {COLUMN_BLOB, COLUMN_LONG_BLOB, COLUMN_BLOB_COMPRESSED, NONE}},
	{"tinyblob", {COLUMN_BLOB, COLUMN_TINY_BLOB, COLUMN_BLOB_COMPRESSED, NONE}},
	{"blob", {COLUMN_BLOB, COLUMN_BLOB_COMPRESSED, NONE}},
	{"mediumblob", {COLUMN_BLOB, COLUMN_MEDIUM_BLOB, COLUMN_BLOB_COMPRESSED, NONE}},
	{"longblob", {COLUMN_BLOB, COLUMN_LONG_BLOB, COLUMN_BLOB_COMPRESSED, NONE}},
	{"json", {COLUMN_JSON, COLUMN_BLOB, NONE}},
	{"enum", {COLUMN_ENUM, NONE}},
	{"set", {COLUMN_SET, NONE}},
	{"vector", {COLUMN_VECTOR, COLUMN_VARCHAR, NONE}},
	{"geometry", {COLUMN_GEOMETRY, NONE}},
	{"point", {COLUMN_GEOMETRY, NONE}},
	{"linestring", {COLUMN_GEOMETRY, NONE}},
	{"polygon", {COLUMN_GEOMETRY, NONE}},
	{"multipoint", {COLUMN_GEOMETRY, NONE}},
	{"multilinestring", {COLUMN_GEOMETRY, NONE}},
	{"multipolygon", {COLUMN_GEOMETRY, NONE}},
	{"geometrycollection", {COLUMN_GEOMETRY, NONE}},
	{"geomcollection", {COLUMN_GEOMETRY, NONE}},
	{"uuid", {COLUMN_STRING, NONE}},
	{"inet4", {COLUMN_STRING, NONE}},
	{"inet6", {COLUMN_STRING, NONE}},
};

uint8_t merge_type(struct span data_type)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (span_is(data_type, kinds[i].name))
			return kinds[i].types[0];
	return COLUMN_NULL;
}

/* A DATA_TYPE we have not heard of says nothing against the event's type. */
static bool kind_fits(struct span data_type, uint8_t type)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!span_is(data_type, kinds[i].name))
			continue;
		for (size_t k = 0; k < sizeof(kinds[i].types) && kinds[i].types[k] != NONE; k++)
			if (kinds[i].types[k] == type)
				return true;
		return false;
	}
	return true;
}

/*
 * The catalogue's column for the event's column i; NULL: it has none. By name where the
 * event tells names, as then the catalogue may be of another time; else by place.
 */
static const struct catalog_column *find_column(const struct table *map,
						const struct catalog_table *cat, uint32_t i)
{
	struct span name = map->columns[i].name;
	if (!map->names_known && map->ncolumns == cat->ncolumns)
		return &cat->columns[i];
	for (uint32_t k = 0; k < cat->ncolumns; k++) {
		const struct catalog_column *c = &cat->columns[k];
		if (!map->names_known && c->place == i)
			return c;
		if (map->names_known && c->name.len == name.len &&
		    !memcmp(c->name.p, name.p, name.len))
			return c;
	}
	return NULL;
}

/* With names unknown: does the number of columns leave no doubt which are hidden? */
static bool number_fits(const struct table *map, const struct catalog_table *cat)
{
	uint32_t last = cat->ncolumns ? cat->columns[cat->ncolumns - 1].place : 0;
	if (map->ncolumns == cat->ncolumns)
		return true;
	if (map->ncolumns < cat->ncolumns || last >= map->ncolumns)
		return false;
	uint32_t hidden = map->ncolumns - cat->ncolumns;
	return hidden == cat->hidden_by_keys ||
	       (cat->versioned && (hidden == 2 || hidden == 2 + cat->hidden_by_keys));
}

/*
 * The event's column has no match in the catalogue. Hidden, or gone since? By place
 * number_fits() has decided; by name the table must have what brings such columns.
 */
static bool is_hidden(const struct table *map, const struct catalog_table *cat,
		      const struct column *c)
{
	return c->hidden || !map->names_known || (cat->versioned && is_version_name(c->name)) ||
	       (cat->hidden_by_keys && is_expression_name(c->name));
}

/* -1: they fit; else as merge_catalog()'s *ret_column. */
static int64_t first_difference(const struct table *map, const struct catalog_table *cat)
{
	if (!map->names_known && !number_fits(map, cat))
		return UINT32_MAX;
	for (uint32_t i = 0; i < map->ncolumns; i++) {
		const struct column *c = &map->columns[i];
		const struct catalog_column *from = find_column(map, cat, i);
		/* What the event tells whole, a later catalogue cannot contradict. */
		if (map->names_known && !needs_catalog(map, c))
			continue;
		if (from ? !kind_fits(from->data_type, c->type) : !is_hidden(map, cat, c))
			return i;
	}
	return -1;
}

/*
 * The servers keep the text of a type in utf8mb3, in which a character behind U+FFFF is a
 * '?' (SHOW CREATE TABLE has it too). So in a label of a character set that has such
 * characters a '?' may be one of them.
 */
static bool is_doubtful_label(const struct catalog_column *c, struct span label)
{
	static const char *const sets[] = {"utf8mb4", "utf16", "utf16le", "utf32", "gb18030"};
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (span_is(c->charset, sets[i]))
			return label.len && memchr(label.p, '?', label.len);
	return false;
}

const struct span *merge_doubtful_label(const struct table *map, const struct catalog_table *cat,
					uint32_t *ret_column)
{
	for (uint32_t i = 0; i < map->ncolumns; i++) {
		const struct column *c = &map->columns[i];
		const struct catalog_column *from = find_column(map, cat, i);
		if (!from || !from->labels || !lacks_labels(map, c))
			continue;
		for (uint32_t k = 0; k < from->nlabels; k++) {
			if (!is_doubtful_label(from, from->labels[k]))
				continue;
			*ret_column = i;
			return &from->labels[k];
		}
	}
	return NULL;
}

/* ------------------------------------------------------- copies */

static bool copy_span(struct arena *a, struct span *s)
{
	char *p = arena_strndup(a, s->p, s->len);
	if (!p)
		return false;
	s->p = (const uint8_t *)p;
	return true;
}

static bool copy_labels(struct arena *a, struct span **labels, uint32_t n)
{
	struct span *copy = arena_alloc(a, (n ? n : 1) * sizeof(*copy));
	if (!copy)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		copy[i] = (*labels)[i];
		if (!copy_span(a, &copy[i]))
			return false;
	}
	*labels = copy;
	return true;
}

struct table *merge_map(const struct table *map, struct arena *arena)
{
	struct table *t = arena_alloc(arena, sizeof(*t));
	if (!t)
		return NULL;
	*t = *map;
	t->nkey = 0;
	t->columns = arena_alloc(arena, (map->ncolumns + 1) * sizeof(*t->columns));
	t->key = arena_alloc(arena, (map->nkey + 1) * sizeof(*t->key));
	if (!t->columns || !t->key || !copy_span(arena, &t->db) || !copy_span(arena, &t->name))
		return NULL;
	/* What is never published is no key, nor is the time that versioning adds to one. */
	for (uint32_t i = 0; i < map->nkey; i++)
		if (!map->columns[map->key[i]].hidden && !map->columns[map->key[i]].row_end)
			t->key[t->nkey++] = map->key[i];
	for (uint32_t i = 0; i < map->ncolumns; i++) {
		struct column *c = &t->columns[i];
		*c = map->columns[i];
		if (!copy_span(arena, &c->name) || !copy_span(arena, &c->charset_name) ||
		    !copy_span(arena, &c->column_type) ||
		    (c->labels && !copy_labels(arena, &c->labels, c->nlabels)))
			return NULL;
	}
	return t;
}

/* ------------------------------------------------------- both */

/* What SELECT shows of a column's bytes. */
static void fill_shown(const struct catalog_column *from, struct column *c)
{
	bool fixed = c->type == COLUMN_STRING;
	c->shown = SHOWN_BYTES;
	if (fixed && c->max_bytes == 16 && span_is(from->data_type, "uuid"))
		c->shown = SHOWN_UUID;
	else if (fixed && c->max_bytes == 16 && span_is(from->data_type, "inet6"))
		c->shown = SHOWN_INET6;
	else if (fixed && c->max_bytes == 4 && span_is(from->data_type, "inet4"))
		c->shown = SHOWN_INET4;
	else if (!fixed && span_is(from->data_type, "vector"))
		c->shown = SHOWN_VECTOR;
	if (fixed && c->shown) /* of which a text is made, in UTF-8 */
		c->charset = CHARSET_UTF8;
}

static void fill_column(const struct table *map, const struct catalog_column *from,
			struct column *c)
{
	if (!map->names_known)
		c->name = from->name;
	if (!map->signs_known) /* YEAR has no sign, whatever the servers say of it */
		c->is_unsigned = from->is_unsigned && c->type != COLUMN_YEAR;
	c->boolean = c->type == COLUMN_TINY && from->column_type.len >= 10 &&
		     !strncasecmp((const char *)from->column_type.p, "tinyint(1)", 10);
	if (is_text(c) && !c->collation) {
		c->charset_name = from->charset;
		c->charset = (uint8_t)(from->charset.len ? merge_charset(from->charset)
							 : CHARSET_BINARY);
	} else if (is_text(c) && c->charset == CHARSET_OTHER && !c->charset_name.len) {
		c->charset_name = from->charset;
	}
	if (c->shown == SHOWN_DOUBTFUL)
		fill_shown(from, c);
	if (!c->labels && from->labels) {
		c->labels = from->labels;
		c->nlabels = from->nlabels;
	}
	if (is_old_temporal(c))
		c->scale = from->scale;
	c->column_type = from->column_type;
}

/* False: a key column of the catalogue's is not in the event. */
static bool fill_key(const struct table *map, const struct catalog_table *cat, struct table *t,
		     uint32_t *key)
{
	for (uint32_t i = 0; i < cat->nkey; i++) {
		uint32_t at = map->ncolumns;
		for (uint32_t k = 0; k < map->ncolumns && at == map->ncolumns; k++)
			if (find_column(map, cat, k) == &cat->columns[cat->key[i]])
				at = k;
		if (at == map->ncolumns)
			return false;
		key[i] = at;
	}
	t->key = key;
	t->nkey = cat->nkey;
	return true;
}

/* Column i of the result out of both. */
static void mix_column(const struct table *map, const struct catalog_table *cat, uint32_t i,
		       struct column *c)
{
	const struct catalog_column *from = find_column(map, cat, i);
	if (from) {
		if (kind_fits(from->data_type, c->type)) {
			fill_column(map, from, c);
			c->row_end = from->row_end;
		}
		return;
	}
	c->hidden = is_hidden(map, cat, c);
	/* By name, or the second of those that are hidden. */
	if (c->hidden && cat->versioned)
		c->row_end = map->names_known ? span_is(c->name, "row_end")
					      : i == cat->ncolumns + 1;
	if (is_text(c) && !c->collation)
		c->charset = CHARSET_BINARY;
}

int merge_catalog(const struct table *map, const struct catalog_table *cat, struct arena *arena,
		  struct table **ret, uint32_t *ret_column)
{
	int64_t at = first_difference(map, cat);
	if (at >= 0) {
		*ret_column = (uint32_t)at;
		return -ESTALE;
	}
	/* The copies of the catalogue's texts are made by merge_map() of the result. */
	struct table mixed = *map;
	mixed.columns = arena_alloc(arena, (map->ncolumns + 1) * sizeof(*mixed.columns));
	uint32_t *key = arena_alloc(arena, (cat->nkey + 1) * sizeof(*key));
	if (!mixed.columns || !key)
		return -ENOMEM;
	for (uint32_t i = 0; i < map->ncolumns; i++) {
		mixed.columns[i] = map->columns[i];
		mix_column(map, cat, i, &mixed.columns[i]);
	}
	if (!map->key_known && !fill_key(map, cat, &mixed, key)) {
		*ret_column = UINT32_MAX;
		return -ESTALE;
	}
	mixed.names_known = mixed.signs_known = mixed.charsets_known = true;
	mixed.labels_known = mixed.key_known = true;
	*ret = merge_map(&mixed, arena);
	return *ret ? 0 : -ENOMEM;
}
