/*
 * describe.c - what a TABLE_MAP means, as a struct table: see table_map.h.
 *
 * The optional metadata (MySQL 8.0.1, MariaDB 10.5) is a list of fields, each for the
 * columns of one class in order:
 *
 *   SIGNEDNESS            a bit for each numeric column, most significant first
 *   DEFAULT_CHARSET       collation, then (index in the class, collation) for others
 *   COLUMN_CHARSET        a collation for each character column
 *   ENUM_AND_SET_…        both likewise for ENUM and SET columns
 *   COLUMN_NAME           length and name for each column
 *   SET_STR_VALUE         for each SET column a count, then length and bytes of each label
 *   ENUM_STR_VALUE        likewise
 *   GEOMETRY_TYPE         for each geometry column 0 (any), 1 point .. 7 collection
 *   SIMPLE_PRIMARY_KEY    column indexes
 *   PRIMARY_KEY_WITH_PREFIX  (column index, prefix length; 0: the whole column)
 *
 * All numbers are length-encoded. Servers disagree about which columns belong to a class
 * (below): a field whose length does not fit our idea of it is not used, and what
 * it would have told stays unknown.
 *
 * With binlog_row_metadata=MINIMAL only the first three are there; with FULL all.
 */
#include "core/binlog/table_map.h"

#include "common/base/cursor.h"
#include "common/contract/errors.h"
#include "core/binlog/decimal.h"
#include "core/binlog/latin1.h"
#include "core/charset/charset.h"

#include <errno.h>

struct describer {
	const struct table_map *map;
	const struct binlog_format *format;
	struct arena *arena;
	struct table *t;
	bool no_memory;
};

/* A field that is not there reads as an empty one. */
static struct cursor field_cursor(struct span field)
{
	return field.p ? cursor_of(field.p, field.len) : cursor_of("", 0);
}

/* --- types ------------------------------------------------------------------------ */

/*
 * STRING's two metadata bytes: the real type and the length in bytes (ENUM, SET: of a
 * value). A CHAR can be longer than 255 bytes: then the two missing bits of its length
 * stand, inverted, in the bits of the type that all three types have in common.
 */
static void describe_string(struct column *col, uint16_t meta)
{
	unsigned high = meta >> 8, low = meta & 0xff;
	unsigned missing = (high & 0x30) ^ 0x30;
	col->type = (uint8_t)(high | 0x30);
	col->max_bytes = low | missing << 4;
}

/* False: no server writes such metadata. */
static bool describe_type(struct column *col, const struct table_map_column *in)
{
	col->type = in->type;
	col->meta = in->meta;
	switch (in->type) {
	case COLUMN_STRING:
	case COLUMN_ENUM:
	case COLUMN_SET:
		describe_string(col, in->meta);
		if (col->type == COLUMN_ENUM)
			return col->max_bytes == 1 || col->max_bytes == 2;
		if (col->type == COLUMN_SET)
			return col->max_bytes >= 1 && col->max_bytes <= 8;
		return col->type == COLUMN_STRING;
	case COLUMN_VARCHAR:
	case COLUMN_VARCHAR_COMPRESSED:
		col->max_bytes = in->meta;
		return true;
	case COLUMN_TINY_BLOB:
	case COLUMN_MEDIUM_BLOB:
	case COLUMN_LONG_BLOB:
	case COLUMN_BLOB:
		col->type = COLUMN_BLOB; /* max_bytes tells them apart */
		__attribute__((fallthrough));
	case COLUMN_BLOB_COMPRESSED:
	case COLUMN_JSON:
	case COLUMN_GEOMETRY:
	case COLUMN_VECTOR:
		col->max_bytes = in->meta;
		return in->meta >= 1 && in->meta <= 4;
	case COLUMN_NEWDECIMAL:
		col->precision = (uint8_t)(in->meta >> 8);
		col->scale = (uint8_t)(in->meta & 0xff);
		return col->precision >= 1 && col->precision <= DECIMAL_MAX_PRECISION &&
		       col->scale <= col->precision;
	case COLUMN_BIT: {
		unsigned bits = (in->meta & 0xffu) + 8u * (in->meta >> 8);
		col->bits = (uint8_t)bits;
		return bits >= 1 && bits <= 64;
	}
	case COLUMN_TIME2:
	case COLUMN_DATETIME2:
	case COLUMN_TIMESTAMP2:
		col->scale = (uint8_t)in->meta;
		return in->meta <= 6;
	default:
		return true;
	}
}

/* --- signedness ------------------------------------------------------------------- */

static bool is_numeric(const struct column *col, bool year_counts)
{
	switch (col->type) {
	case COLUMN_DECIMAL_OLD:
	case COLUMN_TINY:
	case COLUMN_SHORT:
	case COLUMN_INT24:
	case COLUMN_LONG:
	case COLUMN_LONGLONG:
	case COLUMN_NEWDECIMAL:
	case COLUMN_FLOAT:
	case COLUMN_DOUBLE:
		return true;
	case COLUMN_YEAR:
		return year_counts;
	default:
		return false;
	}
}

static bool is_unsigned_bit(struct span field, unsigned i)
{
	return field.p[i / 8] >> (7 - i % 8) & 1;
}

static bool signs_fit(const struct describer *d, bool year_counts)
{
	unsigned n = 0;
	for (uint32_t i = 0; i < d->t->ncolumns; i++)
		n += is_numeric(&d->t->columns[i], year_counts);
	return d->map->opt.signedness.len == (n + 7) / 8;
}

/* Do both readings say the same? Then it does not matter which one is right. */
static bool signs_agree(const struct describer *d)
{
	struct span field = d->map->opt.signedness;
	unsigned with = 0, without = 0;
	for (uint32_t i = 0; i < d->t->ncolumns; i++) {
		const struct column *col = &d->t->columns[i];
		if (is_numeric(col, false) &&
		    is_unsigned_bit(field, with) != is_unsigned_bit(field, without))
			return false;
		with += is_numeric(col, true);
		without += is_numeric(col, false);
	}
	return true;
}

/*
 * Whether YEAR has a bit: yes in MariaDB and in MySQL from 8.0.29, no in 8.0.15; between
 * these two it is not known to us, unless the field's length or its content decides.
 * Wrong would mean that the columns behind a YEAR change their sign.
 */
static bool signs_year_counts(const struct describer *d, bool *ret)
{
	bool with = signs_fit(d, true), without = signs_fit(d, false);
	if (!with && !without)
		return false;
	if (d->format->flavor == FLAVOR_MARIADB || d->format->version >= 80029) {
		*ret = true;
		return with;
	}
	if (d->format->version <= 80015 && d->format->version != 0) {
		*ret = false;
		return without;
	}
	*ret = with;
	return with != without || signs_agree(d);
}

static void describe_signs(struct describer *d)
{
	struct table *t = d->t;
	struct span field = d->map->opt.signedness;
	bool year_counts = true;
	unsigned bit = 0;
	t->signs_known = signs_fit(d, false) && field.len == 0; /* no column has a sign */
	if (!field.p || !signs_year_counts(d, &year_counts))
		return;
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		struct column *col = &t->columns[i];
		if (!is_numeric(col, year_counts))
			continue;
		bool is_unsigned = is_unsigned_bit(field, bit++);
		if (col->type != COLUMN_YEAR) /* whose bit differs between servers */
			col->is_unsigned = is_unsigned;
	}
	t->signs_known = true;
}

/* --- character sets --------------------------------------------------------------- */

/* MariaDB counts GEOMETRY among the character columns, MySQL does not, but VECTOR. */
static bool is_character(const struct column *col, enum flavor flavor)
{
	switch (col->type) {
	case COLUMN_STRING:
	case COLUMN_VARCHAR:
	case COLUMN_BLOB:
	case COLUMN_VARCHAR_COMPRESSED:
	case COLUMN_BLOB_COMPRESSED:
	case COLUMN_VECTOR:
		return true;
	case COLUMN_GEOMETRY:
		return flavor == FLAVOR_MARIADB;
	default:
		return false;
	}
}

static bool is_labelled(const struct column *col)
{
	return col->type == COLUMN_ENUM || col->type == COLUMN_SET;
}

/* The class's columns; labelled: ENUM and SET, else the character columns. */
static bool in_class(const struct describer *d, const struct column *col, bool labelled)
{
	return labelled ? is_labelled(col) : is_character(col, d->format->flavor);
}

/* They are counted, but are no text. */
static bool is_text(const struct column *col)
{
	return col->type != COLUMN_GEOMETRY && col->type != COLUMN_VECTOR;
}

static void set_collation(struct column *col, uint64_t collation)
{
	col->collation = collation <= UINT32_MAX ? (uint32_t)collation : 0;
	if (is_text(col))
		col->charset = (uint8_t)collation_charset(col->collation);
	if (col->charset == CHARSET_OTHER)
		col->charset_name = charset_of_collation(col->collation);
}

/* COLUMN_CHARSET: one for each. False: their number is not that of the class. */
static bool describe_each_charset(struct describer *d, struct span field, bool labelled)
{
	struct cursor c = field_cursor(field);
	for (uint32_t i = 0; i < d->t->ncolumns; i++)
		if (in_class(d, &d->t->columns[i], labelled))
			set_collation(&d->t->columns[i], cursor_lenenc(&c));
	return !c.failed && cursor_left(&c) == 0;
}

/* DEFAULT_CHARSET: one for all, then the exceptions in the order of the columns. */
static bool describe_default_charset(struct describer *d, struct span field, bool labelled)
{
	struct cursor c = field_cursor(field);
	uint64_t general = cursor_lenenc(&c), in = 0;
	bool more = cursor_left(&c) > 0;
	uint64_t next = more ? cursor_lenenc(&c) : 0, other = more ? cursor_lenenc(&c) : 0;
	for (uint32_t i = 0; i < d->t->ncolumns; i++) {
		if (!in_class(d, &d->t->columns[i], labelled))
			continue;
		bool exception = more && next == in++;
		set_collation(&d->t->columns[i], exception ? other : general);
		if (!exception)
			continue;
		more = cursor_left(&c) > 0;
		next = more ? cursor_lenenc(&c) : 0;
		other = more ? cursor_lenenc(&c) : 0;
	}
	return !c.failed && !more;
}

static bool describe_charsets_of(struct describer *d, struct span general, struct span each,
				 bool labelled)
{
	bool known = true;
	if (general.p)
		known = describe_default_charset(d, general, labelled);
	else if (each.p)
		known = describe_each_charset(d, each, labelled);
	for (uint32_t i = 0; i < d->t->ncolumns; i++) {
		struct column *col = &d->t->columns[i];
		if (!in_class(d, col, labelled))
			continue;
		if (!general.p && !each.p)
			known = known && !is_text(col);
		if (!known) {
			col->collation = 0;
			col->charset = CHARSET_NONE;
		}
	}
	return known;
}

static void describe_charsets(struct describer *d)
{
	const struct table_map_meta *opt = &d->map->opt;
	bool text = describe_charsets_of(d, opt->default_charset, opt->column_charset, false);
	bool labels = describe_charsets_of(d, opt->label_default_charset, opt->label_column_charset,
					   true);
	d->t->charsets_known = text && labels;
}

/* --- what the types do not tell --------------------------------------------------- */

/* MariaDB's UUID and INET are BINARY(16) and (4) here, its VECTOR a VARBINARY of floats. */
static void describe_doubts(struct describer *d)
{
	if (d->format->flavor != FLAVOR_MARIADB)
		return;
	for (uint32_t i = 0; i < d->t->ncolumns; i++) {
		struct column *col = &d->t->columns[i];
		bool fixed = col->type == COLUMN_STRING &&
			     (col->max_bytes == 4 || col->max_bytes == 16);
		bool floats = col->type == COLUMN_VARCHAR && col->max_bytes % 4 == 0;
		bool bytes = col->charset == CHARSET_BINARY || col->charset == CHARSET_NONE;
		if (bytes && (fixed || floats))
			col->shown = SHOWN_DOUBTFUL;
	}
}

/* GEOMETRY_TYPE: a number for each geometry column, as information_schema names it. */
static bool describe_geometries(struct describer *d)
{
	static const char *const names[] = {"geometry",	  "point",	     "linestring",
					    "polygon",	  "multipoint",	     "multilinestring",
					    "multipolygon", "geometrycollection"};
	struct span field = d->map->opt.geometry_type;
	struct cursor c = field_cursor(field);
	for (uint32_t i = 0; field.p && i < d->t->ncolumns; i++) {
		struct column *col = &d->t->columns[i];
		if (col->type != COLUMN_GEOMETRY)
			continue;
		uint64_t kind = cursor_lenenc(&c);
		if (c.failed || kind >= sizeof(names) / sizeof(names[0]))
			return false;
		const char *name = names[kind];
		if (kind == 7 && d->format->flavor == FLAVOR_MYSQL)
			name = "geomcollection";
		col->column_type = (struct span){(const uint8_t *)name, strlen(name)};
	}
	return cursor_left(&c) == 0;
}

/* --- names, labels, key ----------------------------------------------------------- */

static struct span keep(struct describer *d, struct span s)
{
	uint8_t *p = (uint8_t *)arena_strndup(d->arena, s.p, s.len);
	d->no_memory |= !p;
	return (struct span){p, p ? s.len : 0};
}

/* False: the field does not fit. */
static bool describe_names(struct describer *d)
{
	struct span field = d->map->opt.column_name;
	struct cursor c = field_cursor(field);
	if (!field.p)
		return true;
	for (uint32_t i = 0; i < d->t->ncolumns && !c.failed; i++)
		d->t->columns[i].name = keep(d, cursor_span(&c, cursor_lenenc(&c)));
	if (c.failed || cursor_left(&c) != 0)
		return false;
	d->t->names_known = true;
	return true;
}

/* A label as UTF-8; an empty span with p NULL when its character set is not ours. */
static struct span label_utf8(struct describer *d, const struct column *col, struct span s)
{
	struct span none = {0};
	const struct charset_set *set = NULL;
	if (col->charset == CHARSET_UTF8)
		return keep(d, s);
	if (col->charset == CHARSET_OTHER)
		set = charset_find(col->charset_name);
	if (col->charset != CHARSET_LATIN1 && !set)
		return none;
	size_t room = s.len * LATIN1_UTF8_MAX + CHARSET_ROOM_MIN;
	uint8_t *p = arena_alloc(d->arena, room);
	if (!p) {
		d->no_memory = true;
		return none;
	}
	if (!set)
		return (struct span){p, latin1_to_utf8(s.p, s.len, p)};
	bool bad = false;
	const uint8_t *from = s.p;
	struct span label = {p, charset_to_utf8(set, &from, s.p + s.len, p, room, &bad)};
	return bad ? none : label;
}

/* False: the field does not fit. Labels in other character sets stay unknown. */
static bool describe_labels_of(struct describer *d, struct span field, uint8_t type, bool *known)
{
	struct cursor c = field_cursor(field);
	for (uint32_t i = 0; i < d->t->ncolumns; i++) {
		struct column *col = &d->t->columns[i];
		if (col->type != type)
			continue;
		if (!field.p) {
			*known = false;
			continue;
		}
		uint64_t n = cursor_lenenc(&c);
		if (c.failed || n > cursor_left(&c)) /* each label has its length byte */
			return false;
		struct span *labels = arena_alloc(d->arena, ((size_t)n + 1) * sizeof(*labels));
		bool usable = labels != NULL;
		d->no_memory |= !labels;
		for (uint64_t k = 0; k < n; k++) {
			struct span s = cursor_span(&c, cursor_lenenc(&c));
			if (c.failed)
				return false;
			if (usable)
				labels[k] = label_utf8(d, col, s);
			usable = usable && labels[k].p;
		}
		col->labels = usable ? labels : NULL;
		col->nlabels = usable ? (uint32_t)n : 0;
		*known = *known && usable;
	}
	return cursor_left(&c) == 0;
}

static bool describe_labels(struct describer *d)
{
	bool known = true;
	if (!describe_labels_of(d, d->map->opt.set_values, COLUMN_SET, &known) ||
	    !describe_labels_of(d, d->map->opt.enum_values, COLUMN_ENUM, &known))
		return false;
	d->t->labels_known = known;
	return true;
}

/*
 * The key's columns: the primary key or, where the table has none, a UNIQUE key over NOT
 * NULL columns. Only FULL metadata has the fields, and none of them then means no key.
 */
static bool describe_key(struct describer *d)
{
	const struct table_map_meta *opt = &d->map->opt;
	bool prefixes = opt->prefix_key.p != NULL;
	struct span field = prefixes ? opt->prefix_key : opt->simple_key;
	struct cursor c = field_cursor(field);
	struct table *t = d->t;
	t->key_known = t->names_known;
	if (!field.p)
		return true;
	t->key = arena_alloc(d->arena, t->ncolumns * sizeof(*t->key));
	if (!t->key) {
		d->no_memory = true;
		return true;
	}
	while (cursor_left(&c) > 0) {
		uint64_t column = cursor_lenenc(&c);
		if (prefixes)
			(void)cursor_lenenc(&c);
		if (c.failed || column >= t->ncolumns || t->nkey == t->ncolumns)
			return false;
		t->key[t->nkey++] = (uint32_t)column;
	}
	t->key_known = true;
	return true;
}

/*
 * MySQL keeps the expression of a functional index in a column that no user sees and no
 * row image holds; MariaDB the hash of a long UNIQUE key.
 */
static bool is_hidden(struct span name)
{
	static const char mysql[] = "!hidden!", mariadb[] = "DB_ROW_HASH_";
	return (name.len >= sizeof(mysql) - 1 && memcmp(name.p, mysql, sizeof(mysql) - 1) == 0) ||
	       (name.len >= sizeof(mariadb) - 1 &&
		memcmp(name.p, mariadb, sizeof(mariadb) - 1) == 0);
}

/* --- all -------------------------------------------------------------------------- */

static int misfit(const struct table_map *m, const char *what, struct err *err)
{
	return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT, "table %.*s.%.*s: %s", (int)m->db.len,
		       (const char *)m->db.p, (int)m->name.len, (const char *)m->name.p, what);
}

static int describe_columns(struct describer *d, struct err *err)
{
	const struct table_map *m = d->map;
	d->t->columns = arena_zalloc(d->arena, m->ncolumns * sizeof(*d->t->columns));
	if (!d->t->columns) {
		d->no_memory = true;
		return 0;
	}
	d->t->ncolumns = m->ncolumns;
	for (uint32_t i = 0; i < m->ncolumns; i++) {
		struct column *col = &d->t->columns[i];
		if (!describe_type(col, &m->columns[i]))
			return misfit(m, "a column's metadata does not fit its type", err);
		col->nullable = m->nullable[i / 8] >> (i % 8) & 1;
	}
	return 0;
}

int table_map_describe(const struct table_map *map, const struct binlog_format *f,
		       struct arena *arena, struct table *ret, struct err *err)
{
	struct table t = {.table_id = map->table_id};
	struct describer d = {.map = map, .format = f, .arena = arena, .t = &t};
	t.db = keep(&d, map->db);
	t.name = keep(&d, map->name);
	int rc = describe_columns(&d, err);
	if (rc < 0)
		return rc;
	if (!d.no_memory) {
		describe_signs(&d);
		describe_charsets(&d);
		describe_doubts(&d);
		if (!describe_geometries(&d))
			return misfit(map, "the kinds of geometry do not fit the columns", err);
		if (!describe_names(&d))
			return misfit(map, "the column names do not fit the columns", err);
		if (!describe_labels(&d))
			return misfit(map, "the labels do not fit the ENUM and SET columns", err);
		if (!describe_key(&d))
			return misfit(map, "the key does not fit the columns", err);
	}
	if (d.no_memory)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table definition");
	for (uint32_t i = 0; i < t.ncolumns; i++)
		t.columns[i].hidden = is_hidden(t.columns[i].name);
	*ret = t;
	return 0;
}
