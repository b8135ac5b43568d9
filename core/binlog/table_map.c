/*
 * table_map.c - see table_map.h. What the bytes say; describe.c says what it means.
 *
 * TABLE_MAP's body:
 *
 *   size
 *     6    table id (4 where the format says that the post-header has 6 bytes)
 *     2    flags
 *    1+d+1 length of the database's name, name, zero byte
 *    1+t+1 the table's likewise
 *    1..9  number of columns (n), length-encoded
 *     n    type of each column
 *    1..9  length of the metadata, length-encoded
 *          metadata of the columns in order, as many bytes as their types have (below)
 * (n+7)/8  bitmap: the column may be NULL
 *          optional metadata to the end: type (1 byte), length (length-encoded), value
 *
 * Metadata of a column:
 *
 *   FLOAT DOUBLE                     1: bytes of a value
 *   BLOB JSON GEOMETRY VECTOR        1: bytes of a value's length
 *   TIME2 DATETIME2 TIMESTAMP2       1: digits of the fraction
 *   VARCHAR                          2: bytes that it holds
 *   BIT                              1 + 1: bits % 8, bits / 8
 *   NEWDECIMAL                       1 + 1: precision, scale
 *   STRING, and ENUM and SET that pose as STRING
 *                                    1 + 1: real type, length (describe.c)
 *   TYPED_ARRAY                      1: type of the elements, then their metadata
 *                                    (VARCHAR: 3)
 *   others                           none
 */
#include "core/binlog/table_map.h"

#include "common/base/cursor.h"
#include "common/contract/errors.h"

#include <errno.h>

enum { COLUMNS_MAX = 65535 };

static int too_short(const struct event *e, struct err *err)
{
	return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
		       "%s event of %zu bytes is too short for its own lengths",
		       event_type_name(e->type), e->body.len);
}

static uint64_t read_id(struct cursor *c, const struct binlog_format *f, const struct event *e)
{
	return f->post_header_len[e->type] == 6 ? cursor_le32(c) : cursor_le48(c);
}

int table_map_id(const struct binlog_format *f, const struct event *e, uint64_t *ret,
		 struct err *err)
{
	struct cursor c = cursor_of(e->body.p, e->body.len);
	uint64_t id = read_id(&c, f, e);
	if (c.failed)
		return too_short(e, err);
	*ret = id;
	return 0;
}

/* False: the type is unknown, so that nothing behind it can be read. */
static bool read_meta(struct cursor *c, uint8_t type, struct table_map_column *ret)
{
	ret->type = type;
	ret->meta = 0;
	switch (type) {
	case COLUMN_FLOAT:
	case COLUMN_DOUBLE:
	case COLUMN_TINY_BLOB:
	case COLUMN_MEDIUM_BLOB:
	case COLUMN_LONG_BLOB:
	case COLUMN_BLOB:
	case COLUMN_BLOB_COMPRESSED:
	case COLUMN_JSON:
	case COLUMN_GEOMETRY:
	case COLUMN_VECTOR:
	case COLUMN_TIMESTAMP2:
	case COLUMN_DATETIME2:
	case COLUMN_TIME2:
		ret->meta = cursor_u8(c);
		return true;
	case COLUMN_VARCHAR:
	case COLUMN_VARCHAR_COMPRESSED:
	case COLUMN_BIT:
		ret->meta = cursor_le16(c);
		return true;
	case COLUMN_NEWDECIMAL:
	case COLUMN_STRING:
	case COLUMN_ENUM:
	case COLUMN_SET: {
		uint8_t first = cursor_u8(c);
		ret->meta = (uint16_t)(first << 8 | cursor_u8(c));
		return true;
	}
	case COLUMN_TYPED_ARRAY: {
		/* Never in a row image: only multi-valued indexes have such columns. */
		struct table_map_column element;
		uint8_t element_type = cursor_u8(c);
		if (element_type == COLUMN_VARCHAR) {
			cursor_skip(c, 3);
			return true;
		}
		return element_type != COLUMN_TYPED_ARRAY && read_meta(c, element_type, &element);
	}
	case COLUMN_DECIMAL_OLD:
	case COLUMN_TINY:
	case COLUMN_SHORT:
	case COLUMN_LONG:
	case COLUMN_NULL:
	case COLUMN_TIMESTAMP:
	case COLUMN_LONGLONG:
	case COLUMN_INT24:
	case COLUMN_DATE:
	case COLUMN_TIME:
	case COLUMN_DATETIME:
	case COLUMN_YEAR:
	case COLUMN_NEWDATE:
		return true;
	default:
		return false;
	}
}

/* Types that this version has no name for are skipped by their length. */
static void read_optional(struct cursor *c, struct table_map_meta *opt)
{
	struct span *const field[] = {
		NULL,
		&opt->signedness,
		&opt->default_charset,
		&opt->column_charset,
		&opt->column_name,
		&opt->set_values,
		&opt->enum_values,
		&opt->geometry_type,
		&opt->simple_key,
		&opt->prefix_key,
		&opt->label_default_charset,
		&opt->label_column_charset,
		&opt->visibility,
	};
	while (cursor_left(c) > 0) {
		uint8_t type = cursor_u8(c);
		struct span value = cursor_span(c, cursor_lenenc(c));
		if (!c->failed && type < sizeof(field) / sizeof(field[0]) && field[type])
			*field[type] = value;
	}
}

static int read_columns(struct cursor *c, const struct event *e, struct arena *arena,
			struct table_map *m, struct err *err)
{
	uint64_t n = cursor_lenenc(c);
	if (n == 0 || n > COLUMNS_MAX)
		c->failed = true;
	const uint8_t *types = cursor_take(c, c->failed ? 0 : (size_t)n);
	struct cursor meta = cursor_sub(c, cursor_lenenc(c));
	if (c->failed)
		return too_short(e, err);
	m->ncolumns = (uint32_t)n;
	m->columns = arena_alloc(arena, (size_t)n * sizeof(*m->columns));
	if (!m->columns)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table map");
	for (uint32_t i = 0; i < m->ncolumns; i++)
		if (!read_meta(&meta, types[i], &m->columns[i]))
			return err_set(err, -ENOTSUP, ERR_TYPE_UNSUPPORTED,
				       "table %.*s.%.*s: column %u has type %u, which this version "
				       "does not know",
				       (int)m->db.len, (const char *)m->db.p, (int)m->name.len,
				       (const char *)m->name.p, i + 1, types[i]);
	if (meta.failed || cursor_left(&meta) != 0)
		return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
			       "table %.*s.%.*s: the column metadata has another length than its "
			       "types need",
			       (int)m->db.len, (const char *)m->db.p, (int)m->name.len,
			       (const char *)m->name.p);
	m->nullable = cursor_take(c, (m->ncolumns + 7) / 8);
	return 0;
}

int table_map_parse(const struct binlog_format *f, const struct event *e, struct arena *arena,
		    struct table_map *ret, struct err *err)
{
	struct table_map m = {0};
	if (e->body.len == 0)
		return too_short(e, err);
	uint8_t *body = arena_alloc(arena, e->body.len);
	if (!body)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table map");
	memcpy(body, e->body.p, e->body.len);
	m.body = (struct span){body, e->body.len};
	struct cursor c = cursor_of(body, e->body.len);
	m.table_id = read_id(&c, f, e);
	m.flags = cursor_le16(&c);
	m.db = cursor_span(&c, cursor_u8(&c));
	cursor_skip(&c, 1);
	m.name = cursor_span(&c, cursor_u8(&c));
	cursor_skip(&c, 1);
	int rc = read_columns(&c, e, arena, &m, err);
	if (rc < 0)
		return rc;
	if (!c.failed)
		read_optional(&c, &m.opt);
	if (c.failed)
		return too_short(e, err);
	*ret = m;
	return 0;
}

bool table_map_same(const struct table_map *map, const struct event *e)
{
	return map->body.len == e->body.len &&
	       memcmp(map->body.p, e->body.p, e->body.len) == 0;
}
