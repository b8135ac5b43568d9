/* rows.c - see rows.h. */
#include "core/binlog/rows.h"

#include "common/contract/errors.h"
#include "core/binlog/json_patch.h"
#include "core/binlog/value.h"

#include <errno.h>

/*
 * WRITE, UPDATE and DELETE_ROWS:
 *
 *   size
 *     6     table id (4 where the format says that the post-header has 6 bytes)
 *     2     flags
 *     2     version 2 only: length of the extra data, these 2 bytes included
 *     x     extra data
 *    1..9   number of columns (n), length-encoded
 *  (n+7)/8  bitmap: columns present in the image (UPDATE: before)
 *  (n+7)/8  UPDATE only: columns present in the after image
 *    rows   each: null bitmap of the columns present, (present+7)/8 bytes, then the
 *           values that are not null (value.c); UPDATE: before, then after
 *
 * PARTIAL_UPDATE_ROWS is UPDATE version 2, but for its after images, which begin with
 *
 *   1..9    options, length-encoded; bit 0: the bitmap follows
 *  (j+7)/8  bitmap: which of the table's j JSON columns are diffs (json_patch.h), those that
 *           are not in the image counted too
 */
enum { COLUMNS_MAX = 65535 };

static bool is_version2(uint8_t type)
{
	return (type >= EVENT_WRITE_ROWS_V2 && type <= EVENT_DELETE_ROWS_V2) ||
	       type == EVENT_PARTIAL_UPDATE_ROWS;
}

static inline bool bit_get(const uint8_t *bits, uint32_t i)
{
	return bits[i >> 3] >> (i & 7) & 1;
}

/* Of the first n bits. */
static uint32_t bits_count(const uint8_t *bits, uint32_t n)
{
	uint32_t count = 0, whole = n / 8;
	for (uint32_t i = 0; i < whole; i++)
		count += (uint32_t)__builtin_popcount(bits[i]);
	if (n % 8)
		count += (uint32_t)__builtin_popcount(bits[whole] & ((1u << n % 8) - 1));
	return count;
}

static int rows_op(uint8_t type, enum row_op *ret)
{
	switch (type) {
	case EVENT_WRITE_ROWS_V1:
	case EVENT_WRITE_ROWS_V2:
		*ret = ROW_INSERT;
		return 0;
	case EVENT_UPDATE_ROWS_V1:
	case EVENT_UPDATE_ROWS_V2:
	case EVENT_PARTIAL_UPDATE_ROWS:
		*ret = ROW_UPDATE;
		return 0;
	case EVENT_DELETE_ROWS_V1:
	case EVENT_DELETE_ROWS_V2:
		*ret = ROW_DELETE;
		return 0;
	default:
		return -EINVAL;
	}
}

int rows_open(struct rows_reader *r, const struct binlog_format *f, const struct event *e,
	      struct err *err)
{
	struct rows_reader n = {.type = e->type};
	struct cursor c = cursor_of(e->body.p, e->body.len);
	if (rows_op(e->type, &n.op) < 0)
		return err_set(err, -EINVAL, ERR_INTERNAL, "%s event (type %u) is no rows event",
			       event_type_name(e->type), e->type);
	n.table_id = f->post_header_len[e->type] == 6 ? cursor_le32(&c) : cursor_le48(&c);
	n.flags = cursor_le16(&c);
	if (is_version2(e->type)) {
		uint16_t extra = cursor_le16(&c);
		if (extra < 2)
			c.failed = true;
		else
			cursor_skip(&c, extra - 2u);
	}
	uint64_t columns = cursor_lenenc(&c);
	if (columns > COLUMNS_MAX)
		c.failed = true;
	n.ncolumns = c.failed ? 0 : (uint32_t)columns;
	size_t bitmap = (n.ncolumns + 7) / 8;
	const uint8_t *first = cursor_take(&c, bitmap);
	const uint8_t *second = n.op == ROW_UPDATE ? cursor_take(&c, bitmap) : first;
	if (c.failed)
		return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
			       "%s event of %zu bytes is too short for its own lengths",
			       event_type_name(e->type), e->body.len);
	n.present[0] = first;
	n.present[1] = second;
	n.npresent[0] = bits_count(first, n.ncolumns);
	n.npresent[1] = bits_count(second, n.ncolumns);
	n.cur = c;
	*r = n;
	return 0;
}

static __attribute__((cold, noinline)) int rows_failed(int rc, const struct rows_reader *r,
						       const struct table *t, uint32_t column,
						       struct err *err)
{
	const struct span *name = &t->columns[column].name;
	err_prefix(err, "table %.*s.%.*s, column %u%s%.*s, row %u of the %s event",
		   (int)t->db.len, (const char *)t->db.p, (int)t->name.len,
		   (const char *)t->name.p, column + 1, name->len ? " " : "", (int)name->len,
		   name->len ? (const char *)name->p : "", r->nrows + 1, event_type_name(r->type));
	return rc;
}

static __attribute__((cold, noinline)) int rows_short(const struct rows_reader *r,
						      const struct table *t, struct err *err)
{
	return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
		       "%s event ends inside a row of table %.*s.%.*s", event_type_name(r->type),
		       (int)t->db.len, (const char *)t->db.p, (int)t->name.len,
		       (const char *)t->name.p);
}

/* What stands in front of a partial update's after image. */
static int partial_begin(struct rows_reader *r, const struct table *t, struct err *err)
{
	enum { OPTION_PARTIAL_JSON = 1 };
	uint64_t options = cursor_lenenc(&r->cur);
	uint32_t njson = 0;
	r->partial = NULL;
	if (options & ~(uint64_t)OPTION_PARTIAL_JSON)
		return err_set(err, -ENOTSUP, ERR_EVENT_UNSUPPORTED,
			       "%s event with options %llx, which are not known",
			       event_type_name(r->type), (unsigned long long)options);
	if (options & OPTION_PARTIAL_JSON) {
		for (uint32_t i = 0; i < r->ncolumns; i++)
			njson += t->columns[i].type == COLUMN_JSON;
		r->partial = cursor_take(&r->cur, (njson + 7) / 8);
	}
	return r->cur.failed ? rows_short(r, t, err) : 0;
}

/*
 * A JSON column of the after image that is diffs: to the document of the before image. They
 * stand behind a length of as many bytes as a document's (1..4), so that value_skip() steps
 * over either.
 */
static int partial_value(struct rows_reader *r, const struct value *before, struct arena *arena,
			 unsigned length_bytes, struct value *out, struct err *err)
{
	bool known = length_bytes >= 1 && length_bytes <= 4;
	size_t len = known ? (size_t)cursor_le(&r->cur, length_bytes) : SIZE_MAX;
	struct span diffs = cursor_span(&r->cur, len), text = {0};
	int rc = r->cur.failed ? -EBADMSG : 0;
	out->aux = 0;
	if (rc == 0 && before->kind == VALUE_JSON) {
		out->kind = VALUE_JSON;
		rc = json_patch((struct span){before->p, before->len}, diffs, arena, &text);
	} else if (rc == 0 && before->kind == VALUE_ABSENT) {
		/* binlog_row_image=MINIMAL, NOBLOB: the document stays at home. */
		out->kind = VALUE_JSON_DIFF;
		rc = json_diff_text(diffs, arena, &text);
	} else if (rc == 0) {
		rc = -ENOENT;
	}
	out->p = text.p;
	out->len = (uint32_t)text.len;
	if (rc == -ENOMEM)
		return err_set(err, rc, ERR_MEMORY, "no memory for a JSON document");
	if (rc == -ENOENT)
		return err_set(err, -EBADMSG, ERR_VALUE_INVALID,
			       "a partial update does not fit the document of its before image");
	return rc < 0 ? err_set(err, rc, ERR_EVENT_CORRUPT, "damaged JSON diffs") : 0;
}

/* One image, before (0) or after (1). */
static int image_read(struct rows_reader *r, const struct table *t, unsigned which,
		      struct arena *arena, const struct value *before, struct value *out,
		      struct err *err)
{
	uint32_t n = r->ncolumns, bit = 0, json = 0;
	const uint8_t *partial = which == 1 ? r->partial : NULL;
	bool all = r->npresent[which] == n;
	const uint8_t *present = r->present[which];
	const uint8_t *nulls = cursor_take(&r->cur, (r->npresent[which] + 7) / 8);
	if (!nulls)
		return rows_short(r, t, err);
	for (uint32_t i = 0; i < n; i++) {
		bool diffs = false;
		if (__builtin_expect(partial != NULL, 0) && t->columns[i].type == COLUMN_JSON)
			diffs = bit_get(partial, json++);
		if (!all && !bit_get(present, i)) {
			out[i].kind = VALUE_ABSENT;
			continue;
		}
		if (bit_get(nulls, bit++)) {
			out[i].kind = VALUE_NULL;
			continue;
		}
		int rc = __builtin_expect(diffs, 0)
				 ? partial_value(r, &before[i], arena, t->columns[i].max_bytes,
						 &out[i], err)
				 : value_read(&r->cur, &t->columns[i], arena, &out[i], err);
		if (__builtin_expect(rc < 0, 0))
			return rows_failed(rc, r, t, i, err);
	}
	return 0;
}

static int image_skip(struct rows_reader *r, const struct table *t, unsigned which,
		      struct err *err)
{
	uint32_t bit = 0;
	const uint8_t *nulls = cursor_take(&r->cur, (r->npresent[which] + 7) / 8);
	if (!nulls)
		return rows_short(r, t, err);
	for (uint32_t i = 0; i < r->ncolumns; i++) {
		if (!bit_get(r->present[which], i) || bit_get(nulls, bit++))
			continue;
		int rc = value_skip(&r->cur, &t->columns[i], err);
		if (rc < 0)
			return rows_failed(rc, r, t, i, err);
	}
	return 0;
}

/*
 * With binlog_row_image=MINIMAL an INSERT of nothing but defaults leaves an image without
 * columns, hence without bytes. Such an event holds exactly one row: the servers refuse
 * (MySQL, error 1534) or avoid (MariaDB) a second one.
 */
static bool is_empty_row(const struct rows_reader *r)
{
	return r->op == ROW_INSERT && r->npresent[1] == 0 && r->nrows == 0;
}

/* 1: there is a row that fits the table; 0: the event is at its end. */
static int row_begin(const struct rows_reader *r, const struct table *t, struct err *err)
{
	if (cursor_left(&r->cur) == 0 && !is_empty_row(r))
		return 0;
	if (t->ncolumns == r->ncolumns)
		return 1;
	return err_set(err, -EINVAL, ERR_SCHEMA_MISMATCH,
		       "table %.*s.%.*s has %u columns, the %s event %u", (int)t->db.len,
		       (const char *)t->db.p, (int)t->name.len, (const char *)t->name.p,
		       t->ncolumns, event_type_name(r->type), r->ncolumns);
}

static int row_end(struct rows_reader *r, const uint8_t *start, struct span *ret_image,
		   struct err *err)
{
	if (r->cur.p == start && !is_empty_row(r)) /* it would never end */
		return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT, "%s event with rows of no bytes",
			       event_type_name(r->type));
	ret_image->p = start;
	ret_image->len = (size_t)(r->cur.p - start);
	r->nrows++;
	return 1;
}

int rows_next(struct rows_reader *r, const struct table *t, struct arena *arena,
	      struct value *before, struct value *after, struct span *ret_image, struct err *err)
{
	const uint8_t *start = r->cur.p;
	int rc = row_begin(r, t, err);
	if (rc <= 0)
		return rc;
	if (r->op != ROW_INSERT)
		rc = image_read(r, t, 0, arena, NULL, before, err);
	if (rc >= 0 && __builtin_expect(r->type == EVENT_PARTIAL_UPDATE_ROWS, 0))
		rc = partial_begin(r, t, err);
	if (rc >= 0 && r->op != ROW_DELETE)
		rc = image_read(r, t, 1, arena, before, after, err);
	return rc < 0 ? rc : row_end(r, start, ret_image, err);
}

int rows_skip(struct rows_reader *r, const struct table *t, struct span *ret_image,
	      struct err *err)
{
	const uint8_t *start = r->cur.p;
	int rc = row_begin(r, t, err);
	if (rc <= 0)
		return rc;
	if (r->op != ROW_INSERT)
		rc = image_skip(r, t, 0, err);
	if (rc >= 0 && r->type == EVENT_PARTIAL_UPDATE_ROWS)
		rc = partial_begin(r, t, err); /* diffs have the length of a document */
	if (rc >= 0 && r->op != ROW_DELETE)
		rc = image_skip(r, t, 1, err);
	return rc < 0 ? rc : row_end(r, start, ret_image, err);
}
