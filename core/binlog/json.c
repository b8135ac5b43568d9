/*
 * json.c - see json.h.
 *
 * Format (MySQL sql-common/json_binary.h). A value is a type byte and its data:
 *
 *   0x00 object, small   0x04 literal   0x08 uint32   0x0c string
 *   0x01 object, large   0x05 int16     0x09 int64    0x0f opaque
 *   0x02 array, small    0x06 uint16    0x0a uint64
 *   0x03 array, large    0x07 int32     0x0b double
 *
 * Object and array, w = 2 bytes (small) or 4 (large), all little-endian:
 *
 *   w            number of elements
 *   w            size in bytes of the object or array, from here - w
 *   n * (w + 2)  objects only: offset and length (2 bytes) of each key
 *   n * (1 + w)  type of each value, and its offset; or, inlined, the value: literals and
 *                16-bit numbers, in the large form 32-bit numbers too
 *   keys, values
 *
 * Offsets count from the first byte of the object or array. Literal: 0 null, 1 true,
 * 2 false. String: length, bytes. Opaque: column type (1 byte), length, bytes. Length: 7
 * bits a byte, low ones first, the top bit says that another byte follows, at most 5.
 *
 * Damaged offsets could make elements share bytes, and a small document a gigantic text.
 * No two elements of a real one do, so each byte is paid for from a budget: the document's
 * size.
 */
#include "core/binlog/json.h"

#include "common/base/cursor.h"
#include "common/base/json.h"
#include "core/binlog/decimal.h"
#include "core/binlog/temporal.h"
#include "core/model/table.h"

#include <errno.h>

enum json_type {
	JSON_OBJECT_SMALL = 0x00,
	JSON_OBJECT_LARGE = 0x01,
	JSON_ARRAY_SMALL = 0x02,
	JSON_ARRAY_LARGE = 0x03,
	JSON_LITERAL = 0x04,
	JSON_INT16 = 0x05,
	JSON_UINT16 = 0x06,
	JSON_INT32 = 0x07,
	JSON_UINT32 = 0x08,
	JSON_INT64 = 0x09,
	JSON_UINT64 = 0x0a,
	JSON_DOUBLE = 0x0b,
	JSON_STRING = 0x0c,
	JSON_OPAQUE = 0x0f,
};

struct printer {
	struct buf *out;
	size_t budget;
	unsigned depth;
};

static bool pay(struct printer *pr, size_t bytes)
{
	if (pr->budget < bytes)
		return false;
	pr->budget -= bytes;
	return true;
}

static size_t read_length(struct cursor *c)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < 5; i++) {
		uint8_t byte = cursor_u8(c);
		v |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80))
			return (size_t)v;
	}
	c->failed = true;
	return 0;
}

static int put_literal(unsigned literal, struct buf *out)
{
	switch (literal) {
	case 0:
		buf_lit(out, "null");
		return 0;
	case 1:
		buf_lit(out, "true");
		return 0;
	case 2:
		buf_lit(out, "false");
		return 0;
	default:
		return -EBADMSG;
	}
}

static int put_opaque_decimal(struct span data, struct buf *out)
{
	if (data.len < 2)
		return -EBADMSG;
	unsigned precision = data.p[0], scale = data.p[1];
	if (precision == 0 || precision > DECIMAL_MAX_DIGITS || scale > precision ||
	    data.len - 2 < decimal_size(precision, scale))
		return -EBADMSG;
	return decimal_put_text(data.p + 2, precision, scale, out);
}

/* Base64 as the server has it: a newline, which JSON escapes, between lines of 76. */
static void put_base64_lines(struct span data, struct buf *out)
{
	enum { LINE = 76 / 4 * 3 };
	for (size_t i = 0; i < data.len && !out->failed; i += LINE) {
		if (i)
			buf_lit(out, "\\n");
		size_t at = out->len;
		json_put_base64(out, data.p + i, data.len - i < LINE ? data.len - i : LINE);
		if (out->failed)
			return;
		out->len -= 2; /* without the quotes around it */
		memmove(out->data + at, out->data + at + 1, out->len - at);
	}
}

static int put_opaque(struct span data, unsigned type, struct buf *out)
{
	int64_t packed = data.len == 8 ? (int64_t)load_le64(data.p) : 0;
	int rc;
	switch (type) {
	case COLUMN_NEWDECIMAL:
		return put_opaque_decimal(data, out);
	case COLUMN_DATE:
	case COLUMN_TIME:
	case COLUMN_DATETIME:
	case COLUMN_TIMESTAMP:
		if (data.len != 8)
			return -EBADMSG;
		buf_putc(out, '"');
		if (type == COLUMN_DATE)
			rc = packed_date_put(packed, out);
		else if (type == COLUMN_TIME)
			rc = packed_time_put(packed, out);
		else
			rc = packed_datetime_put(packed, out);
		buf_putc(out, '"');
		return rc;
	default:
		buf_printf(out, "\"base64:type%u:", type);
		put_base64_lines(data, out);
		buf_putc(out, '"');
		return 0;
	}
}

static int put_value(struct printer *pr, unsigned type, struct cursor c);

static int put_scalar(unsigned type, struct cursor *c, struct buf *out)
{
	struct span data;
	double d;
	uint64_t bits;
	unsigned column_type = 0;
	int rc = 0;
	switch (type) {
	case JSON_LITERAL:
		rc = put_literal(cursor_u8(c), out);
		break;
	case JSON_INT16:
		json_put_i64(out, (int16_t)cursor_le16(c));
		break;
	case JSON_UINT16:
		json_put_u64(out, cursor_le16(c));
		break;
	case JSON_INT32:
		json_put_i64(out, (int32_t)cursor_le32(c));
		break;
	case JSON_UINT32:
		json_put_u64(out, cursor_le32(c));
		break;
	case JSON_INT64:
		json_put_i64(out, (int64_t)cursor_le64(c));
		break;
	case JSON_UINT64:
		json_put_u64(out, cursor_le64(c));
		break;
	case JSON_DOUBLE:
		bits = cursor_le64(c);
		memcpy(&d, &bits, sizeof(d));
		json_put_double(out, d);
		break;
	case JSON_OPAQUE:
		column_type = cursor_u8(c);
		__attribute__((fallthrough));
	case JSON_STRING:
		data = cursor_span(c, read_length(c));
		if (c->failed)
			return -EBADMSG;
		if (type == JSON_STRING)
			json_put_string(out, data.p, data.len);
		else
			rc = put_opaque(data, column_type, out);
		break;
	default:
		return -EBADMSG;
	}
	return c->failed ? -EBADMSG : rc;
}

static bool is_inlined(unsigned type, bool large)
{
	return type == JSON_LITERAL || type == JSON_INT16 || type == JSON_UINT16 ||
	       (large && (type == JSON_INT32 || type == JSON_UINT32));
}

static int put_key(struct printer *pr, struct cursor *entry, const uint8_t *base, size_t size,
		   unsigned width)
{
	size_t offset = (size_t)cursor_le(entry, width), len = cursor_le16(entry);
	if (offset > size || len > size - offset || !pay(pr, len))
		return -EBADMSG;
	json_put_string(pr->out, base + offset, len);
	buf_putc(pr->out, ':');
	return 0;
}

static int put_element(struct printer *pr, struct cursor *entry, const uint8_t *base, size_t size,
		       unsigned width)
{
	unsigned type = cursor_u8(entry);
	const uint8_t *at = cursor_take(entry, width);
	if (is_inlined(type, width == 4)) {
		struct cursor inlined = cursor_of(at, width); /* paid for with the entry */
		return put_scalar(type, &inlined, pr->out);
	}
	size_t offset = (size_t)load_le(at, width);
	if (offset > size)
		return -EBADMSG;
	return put_value(pr, type, cursor_of(base + offset, size - offset));
}

static int put_container(struct printer *pr, unsigned type, struct cursor c)
{
	bool object = type <= JSON_OBJECT_LARGE;
	unsigned width = type == JSON_OBJECT_LARGE || type == JSON_ARRAY_LARGE ? 4 : 2;
	const uint8_t *base = c.p;
	size_t n = (size_t)cursor_le(&c, width), size = (size_t)cursor_le(&c, width);
	if (c.failed || size > (size_t)(c.end - base) || size < (size_t)(c.p - base))
		return -EBADMSG;
	c.end = base + size;
	struct cursor keys = cursor_sub(&c, object ? n * (width + 2) : 0);
	struct cursor values = cursor_sub(&c, n * (1 + width));
	if (c.failed || !pay(pr, (size_t)(c.p - base)))
		return -EBADMSG;
	if (++pr->depth > JSON_DEPTH_MAX)
		return -EBADMSG;
	buf_putc(pr->out, object ? '{' : '[');
	for (size_t i = 0; i < n; i++) {
		int rc = 0;
		if (i)
			buf_putc(pr->out, ',');
		if (object)
			rc = put_key(pr, &keys, base, size, width);
		if (rc == 0)
			rc = put_element(pr, &values, base, size, width);
		if (rc < 0)
			return rc;
	}
	buf_putc(pr->out, object ? '}' : ']');
	pr->depth--;
	return 0;
}

static int put_value(struct printer *pr, unsigned type, struct cursor c)
{
	if (type <= JSON_ARRAY_LARGE)
		return put_container(pr, type, c);
	const uint8_t *start = c.p;
	int rc = put_scalar(type, &c, pr->out);
	if (rc == 0 && !pay(pr, (size_t)(c.p - start)))
		rc = -EBADMSG;
	return rc;
}

int json_binary_put(struct span doc, struct buf *out)
{
	if (doc.len == 0)
		return put_literal(0, out);
	struct printer pr = {.out = out, .budget = doc.len};
	struct cursor c = cursor_of(doc.p, doc.len);
	unsigned type = cursor_u8(&c);
	return put_value(&pr, type, c);
}

/* A buffer whose memory is the arena's: what it outgrows is lost until the reset. */
static int grow_in_arena(struct buf *b, size_t need)
{
	size_t cap = b->cap * 2;
	if (cap - b->len < need)
		cap = b->len + need;
	uint8_t *p = arena_alloc(b->owner, cap);
	if (!p)
		return -ENOMEM;
	if (b->len)
		memcpy(p, b->data, b->len);
	b->data = p;
	b->cap = cap;
	return 0;
}

const uint8_t *json_binary_text(struct span doc, struct arena *arena, uint32_t *ret_len,
				int *ret_rc)
{
	/* Text is as a rule somewhat longer than the document. */
	size_t cap = doc.len + doc.len / 2 + 64;
	struct buf b = {.data = arena_alloc(arena, cap), .grow = grow_in_arena, .owner = arena};
	b.cap = b.data ? cap : 0;
	int rc = b.data ? json_binary_put(doc, &b) : -ENOMEM;
	if (rc == 0 && b.failed)
		rc = -ENOMEM;
	if (rc == 0 && b.len > UINT32_MAX)
		rc = -EFBIG;
	if (rc < 0) {
		*ret_rc = rc;
		return NULL;
	}
	*ret_len = (uint32_t)b.len;
	return b.data;
}
