/*
 * value.c - see value.h.
 *
 * What stands in a row image (MySQL sql/rpl_utility, Field::unpack), by column type:
 *
 *   TINY SHORT INT24 LONG LONGLONG   1 2 3 4 8 bytes, little-endian
 *   FLOAT DOUBLE                     4, 8 bytes, IEEE, little-endian
 *   NEWDECIMAL                       decimal.c
 *   BIT                              (bits + 7) / 8 bytes, big-endian
 *   YEAR                             1 byte: 0, or year - 1900
 *   DATE TIME2 DATETIME2 TIMESTAMP2  temporal.c
 *   STRING (CHAR, BINARY)            length (1 byte; 2 where the column holds over 255
 *                                    bytes), bytes without trailing spaces or zeros
 *   VARCHAR                          likewise
 *   ENUM                             1 or 2 bytes, little-endian: index
 *   SET                              1..8 bytes, little-endian: bits
 *   BLOB JSON GEOMETRY VECTOR        length of max_bytes (1..4) bytes, bytes
 */
#include "core/binlog/value.h"

#include "common/contract/errors.h"
#include "core/binlog/decimal.h"
#include "core/binlog/inflate.h"
#include "core/binlog/json.h"
#include "core/binlog/shown.h"
#include "core/binlog/temporal.h"

#include <errno.h>

static const char *type_name(unsigned type)
{
	switch (type) {
	case COLUMN_DECIMAL_OLD:
		return "DECIMAL of the format before MySQL 5.0";
	case COLUMN_BLOB_COMPRESSED:
		return "compressed BLOB";
	case COLUMN_VARCHAR_COMPRESSED:
		return "compressed VARCHAR";
	case COLUMN_TYPED_ARRAY:
		return "array of a multi-valued index";
	default:
		return "type unknown to this version";
	}
}

static __attribute__((cold, noinline)) int value_short(struct err *err)
{
	return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT, "the row image ends inside the value");
}

static __attribute__((cold, noinline)) int value_failed(int rc, const struct column *col,
							struct err *err)
{
	if (rc == -ENOMEM)
		return err_set(err, rc, ERR_MEMORY, "no memory for the value");
	if (rc == -EFBIG)
		return err_set(err, rc, ERR_VALUE_INVALID, "the JSON text is over 4 GB");
	return err_set(err, rc, ERR_VALUE_INVALID, "the bytes are no value of column type %u",
		       col->type);
}

static __attribute__((cold, noinline)) int value_too_long(size_t len, const struct column *col,
							  struct err *err)
{
	return err_set(err, -EBADMSG, ERR_VALUE_INVALID,
		       "%zu bytes in a column that holds %u (type %u)", len, col->max_bytes,
		       col->type);
}

static inline int value_int(const uint8_t *p, unsigned bytes, bool is_unsigned, struct value *ret)
{
	if (!p)
		return -EBADMSG;
	uint64_t v = load_le(p, bytes);
	unsigned unused = 64 - 8 * bytes;
	ret->kind = is_unsigned ? VALUE_UINT : VALUE_INT;
	if (is_unsigned)
		ret->u = v;
	else
		ret->i = (int64_t)(v << unused) >> unused;
	return 0;
}

/* Bytes that SELECT shows otherwise; zeros at their end are missing. */
static int value_shown(const uint8_t *p, size_t len, const struct column *col,
		       struct arena *arena, struct value *ret, struct err *err)
{
	uint8_t bytes[16] = {0};
	size_t size = shown_size(col->shown);
	if (size == 0) { /* SHOWN_VECTOR */
		ret->kind = VALUE_VECTOR;
		ret->p = p;
		ret->len = (uint32_t)len;
		return 0;
	}
	if (len > size)
		return value_too_long(len, col, err);
	char *text = arena_alloc(arena, SHOWN_TEXT_MAX);
	if (!text)
		return value_failed(-ENOMEM, col, err);
	memcpy(bytes, p, len);
	ret->kind = VALUE_STRING;
	ret->len = (uint32_t)shown_text(col->shown, bytes, text);
	ret->p = (const uint8_t *)text;
	return 0;
}

/* CHAR, BINARY, VARCHAR, VARBINARY */
static int value_string(struct cursor *c, const struct column *col, struct arena *arena,
			struct value *ret, struct err *err)
{
	size_t len = col->max_bytes > 255 ? cursor_le16(c) : cursor_u8(c);
	const uint8_t *p = cursor_take(c, len);
	if (c->failed)
		return value_short(err);
	if (len > col->max_bytes)
		return value_too_long(len, col, err);
	if (__builtin_expect(col->shown > SHOWN_DOUBTFUL, 0))
		return value_shown(p, len, col, arena, ret, err);
	ret->kind = VALUE_STRING;
	if (col->charset == CHARSET_BINARY) {
		ret->kind = VALUE_BYTES;
		if (col->type == COLUMN_STRING && len < col->max_bytes) {
			uint8_t *padded = arena_zalloc(arena, col->max_bytes);
			if (!padded)
				return value_failed(-ENOMEM, col, err);
			memcpy(padded, p, len);
			p = padded;
			len = col->max_bytes;
		}
	}
	ret->p = p;
	ret->len = (uint32_t)len;
	return 0;
}

static int value_blob(struct cursor *c, const struct column *col, struct arena *arena,
		      struct value *ret, struct err *err)
{
	if (col->max_bytes < 1 || col->max_bytes > 4)
		return value_failed(-EBADMSG, col, err);
	struct span data = cursor_span(c, (size_t)cursor_le(c, col->max_bytes));
	if (c->failed)
		return value_short(err);
	ret->p = data.p;
	ret->len = (uint32_t)data.len;
	switch (col->type) {
	case COLUMN_JSON: {
		int rc = 0;
		ret->kind = VALUE_JSON;
		ret->p = json_binary_text(data, arena, &ret->len, &rc);
		return ret->p ? 0 : value_failed(rc, col, err);
	}
	case COLUMN_GEOMETRY:
		ret->kind = VALUE_GEOMETRY;
		return 0;
	case COLUMN_VECTOR:
		ret->kind = VALUE_VECTOR;
		return 0;
	default:
		ret->kind = col->charset == CHARSET_BINARY ? VALUE_BYTES : VALUE_STRING;
		return 0;
	}
}

static int value_temporal(struct cursor *c, const struct column *col, struct value *ret,
			  struct err *err)
{
	unsigned fraction = temporal_fraction_size(col->scale);
	const uint8_t *p;
	int rc;
	if (col->scale > 6)
		return value_failed(-EBADMSG, col, err);
	switch (col->type) {
	case COLUMN_DATE:
		p = cursor_take(c, 3);
		rc = p ? date_read(p, ret) : 0;
		break;
	case COLUMN_TIME2:
		p = cursor_take(c, 3 + fraction);
		rc = p ? time_read(p, col->scale, ret) : 0;
		break;
	case COLUMN_DATETIME2:
		p = cursor_take(c, 5 + fraction);
		rc = p ? datetime_read(p, col->scale, ret) : 0;
		break;
	case COLUMN_TIME:
		p = cursor_take(c, old_time_size(col->scale));
		rc = p ? old_time_read(p, col->scale, ret) : 0;
		break;
	case COLUMN_DATETIME:
		p = cursor_take(c, old_datetime_size(col->scale));
		rc = p ? old_datetime_read(p, col->scale, ret) : 0;
		break;
	case COLUMN_TIMESTAMP:
		p = cursor_take(c, old_timestamp_size(col->scale));
		rc = p ? old_timestamp_read(p, col->scale, ret) : 0;
		break;
	default: /* COLUMN_TIMESTAMP2 */
		p = cursor_take(c, 4 + fraction);
		rc = p ? timestamp_read(p, col->scale, ret) : 0;
	}
	if (!p)
		return value_short(err);
	return rc < 0 ? value_failed(rc, col, err) : 0;
}

static int value_decimal(struct cursor *c, const struct column *col, struct arena *arena,
			 struct value *ret, struct err *err)
{
	if (col->precision == 0 || col->precision > DECIMAL_MAX_PRECISION ||
	    col->scale > col->precision)
		return value_failed(-EBADMSG, col, err);
	const uint8_t *p = cursor_take(c, decimal_size(col->precision, col->scale));
	if (!p)
		return value_short(err);
	int rc = decimal_read(p, col->precision, col->scale, arena, ret);
	return rc < 0 ? value_failed(rc, col, err) : 0;
}

/* Numbers of 1..8 bytes whose kind is not a plain integer's. */
static int value_number(struct cursor *c, const struct column *col, struct value *ret,
			struct err *err)
{
	unsigned bytes = col->type == COLUMN_BIT ? (col->bits + 7u) / 8 : col->max_bytes;
	if (bytes < 1 || bytes > 8)
		return value_failed(-EBADMSG, col, err);
	switch (col->type) {
	case COLUMN_BIT:
		ret->kind = VALUE_BIT;
		ret->u = cursor_be(c, bytes);
		break;
	case COLUMN_ENUM:
		ret->kind = VALUE_ENUM;
		ret->u = cursor_le(c, bytes);
		break;
	default: /* COLUMN_SET */
		ret->kind = VALUE_SET;
		ret->u = cursor_le(c, bytes);
	}
	return c->failed ? value_short(err) : 0;
}

static int value_float(struct cursor *c, const struct column *col, struct value *ret,
		       struct err *err)
{
	if (col->type == COLUMN_FLOAT) {
		uint32_t bits = cursor_le32(c);
		ret->kind = VALUE_FLOAT;
		memcpy(&ret->f, &bits, sizeof(ret->f));
	} else {
		uint64_t bits = cursor_le64(c);
		ret->kind = VALUE_DOUBLE;
		memcpy(&ret->d, &bits, sizeof(ret->d));
	}
	return c->failed ? value_short(err) : 0;
}

static int value_year(struct cursor *c, struct value *ret, struct err *err)
{
	uint8_t year = cursor_u8(c);
	ret->kind = VALUE_YEAR;
	ret->u = year ? 1900u + year : 0;
	return c->failed ? value_short(err) : 0;
}

static int value_unsupported(const struct column *col, struct err *err)
{
	return err_set(err, -ENOTSUP, ERR_TYPE_UNSUPPORTED, "%s (type %u) is not supported",
		       type_name(col->type), col->type);
}

/* Bytes of a value of fixed size; 0: it has a length, or is of no type that we know. */
static size_t fixed_size(const struct column *col)
{
	switch (col->type) {
	case COLUMN_TINY:
	case COLUMN_YEAR:
		return 1;
	case COLUMN_SHORT:
		return 2;
	case COLUMN_INT24:
	case COLUMN_DATE:
		return 3;
	case COLUMN_LONG:
	case COLUMN_FLOAT:
		return 4;
	case COLUMN_LONGLONG:
	case COLUMN_DOUBLE:
		return 8;
	case COLUMN_TIME2:
		return 3 + temporal_fraction_size(col->scale);
	case COLUMN_DATETIME2:
		return 5 + temporal_fraction_size(col->scale);
	case COLUMN_TIMESTAMP2:
		return 4 + temporal_fraction_size(col->scale);
	case COLUMN_TIME:
		return old_time_size(col->scale);
	case COLUMN_DATETIME:
		return old_datetime_size(col->scale);
	case COLUMN_TIMESTAMP:
		return old_timestamp_size(col->scale);
	case COLUMN_NEWDECIMAL:
		return decimal_size(col->precision, col->scale);
	case COLUMN_BIT:
		return (col->bits + 7u) / 8;
	case COLUMN_ENUM:
	case COLUMN_SET:
		return col->max_bytes;
	default:
		return 0;
	}
}

int value_skip(struct cursor *c, const struct column *col, struct err *err)
{
	size_t size = fixed_size(col);
	switch (col->type) {
	case COLUMN_STRING:
	case COLUMN_VARCHAR:
	case COLUMN_VARCHAR_COMPRESSED:
		size = col->max_bytes > 255 ? cursor_le16(c) : cursor_u8(c);
		break;
	case COLUMN_BLOB:
	case COLUMN_BLOB_COMPRESSED:
	case COLUMN_JSON:
	case COLUMN_GEOMETRY:
	case COLUMN_VECTOR:
		if (col->max_bytes < 1 || col->max_bytes > 4)
			return value_failed(-EBADMSG, col, err);
		size = (size_t)cursor_le(c, col->max_bytes);
		break;
	default:
		if (size == 0)
			return value_unsupported(col, err);
	}
	cursor_skip(c, size);
	return c->failed ? value_short(err) : 0;
}

/*
 * A COMPRESSED column's: a decompressor a value, for types that nobody puts where speed
 * counts; the value itself lies in the arena.
 */
static int value_compressed(struct cursor *c, const struct column *col, struct arena *arena,
			    struct value *ret, struct err *err)
{
	struct inflater z = {0};
	size_t len = col->type == COLUMN_BLOB_COMPRESSED ? (size_t)cursor_le(c, col->max_bytes)
		     : col->max_bytes > 255		 ? cursor_le16(c)
							 : cursor_u8(c);
	struct span in = cursor_span(c, len), out;
	if (c->failed)
		return value_short(err);
	int rc = inflate_value(&z, in, arena, &out);
	inflater_free(&z);
	if (rc < 0)
		return value_failed(rc, col, err);
	ret->kind = col->charset == CHARSET_BINARY ? VALUE_BYTES : VALUE_STRING;
	ret->p = out.p;
	ret->len = (uint32_t)out.len;
	return 0;
}

int value_read(struct cursor *c, const struct column *col, struct arena *arena, struct value *ret,
	       struct err *err)
{
	int rc;
	ret->aux = 0;
	ret->len = 0;
	switch (col->type) {
	case COLUMN_TINY:
		rc = value_int(cursor_take(c, 1), 1, col->is_unsigned, ret);
		return rc < 0 ? value_short(err) : 0;
	case COLUMN_SHORT:
		rc = value_int(cursor_take(c, 2), 2, col->is_unsigned, ret);
		return rc < 0 ? value_short(err) : 0;
	case COLUMN_INT24:
		rc = value_int(cursor_take(c, 3), 3, col->is_unsigned, ret);
		return rc < 0 ? value_short(err) : 0;
	case COLUMN_LONG:
		rc = value_int(cursor_take(c, 4), 4, col->is_unsigned, ret);
		return rc < 0 ? value_short(err) : 0;
	case COLUMN_LONGLONG:
		rc = value_int(cursor_take(c, 8), 8, col->is_unsigned, ret);
		return rc < 0 ? value_short(err) : 0;
	case COLUMN_STRING:
	case COLUMN_VARCHAR:
		return value_string(c, col, arena, ret, err);
	case COLUMN_NEWDECIMAL:
		return value_decimal(c, col, arena, ret, err);
	case COLUMN_DATE:
	case COLUMN_TIME2:
	case COLUMN_DATETIME2:
	case COLUMN_TIMESTAMP2:
	case COLUMN_TIME:
	case COLUMN_DATETIME:
	case COLUMN_TIMESTAMP:
		return value_temporal(c, col, ret, err);
	case COLUMN_BLOB:
	case COLUMN_JSON:
	case COLUMN_GEOMETRY:
	case COLUMN_VECTOR:
		return value_blob(c, col, arena, ret, err);
	case COLUMN_VARCHAR_COMPRESSED:
	case COLUMN_BLOB_COMPRESSED:
		if (col->max_bytes < 1 || (col->type == COLUMN_BLOB_COMPRESSED && col->max_bytes > 4))
			return value_failed(-EBADMSG, col, err);
		return value_compressed(c, col, arena, ret, err);
	case COLUMN_BIT:
	case COLUMN_ENUM:
	case COLUMN_SET:
		return value_number(c, col, ret, err);
	case COLUMN_FLOAT:
	case COLUMN_DOUBLE:
		return value_float(c, col, ret, err);
	case COLUMN_YEAR:
		return value_year(c, ret, err);
	default:
		return value_unsupported(col, err);
	}
}
