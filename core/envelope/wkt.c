/*
 * wkt.c - a geometry's bytes -> well-known text, spaced as JTS does: "POINT (1 2)",
 * "POLYGON ((0 0, 4 0, 4 4, 0 0))", "MULTIPOINT ((0 0), (1 1))", "GEOMETRYCOLLECTION EMPTY".
 *
 * The bytes (WKB, behind 4 bytes of SRID; all numbers little-endian):
 *   0  1  byte order       1; the server writes no other
 *   1  4  kind             1 point, 2 linestring, 3 polygon, 4 to 6 their multiples,
 *                          7 collection
 *   5     point: x, y (IEEE doubles). linestring: 4 bytes count, points. polygon: 4 bytes
 *         count, rings, each as a linestring. The others: 4 bytes count, geometries, each
 *         from offset 0 on.
 *
 * Numbers are the shortest that read back to the same bits. Pure.
 */
#include "core/envelope/envelope_priv.h"

#include "common/base/cursor.h"
#include "common/base/json.h"

#include <stdlib.h>

enum { DEPTH_MAX = 64 };

enum { POINT = 1, LINESTRING, POLYGON, MULTIPOINT, MULTILINESTRING, MULTIPOLYGON, COLLECTION };

static const char *const names[] = {
    [POINT] = "POINT ",
    [LINESTRING] = "LINESTRING ",
    [POLYGON] = "POLYGON ",
    [MULTIPOINT] = "MULTIPOINT ",
    [MULTILINESTRING] = "MULTILINESTRING ",
    [MULTIPOLYGON] = "MULTIPOLYGON ",
    [COLLECTION] = "GEOMETRYCOLLECTION ",
};

/* "1.5e+20" in text -> 150000000000000000000: WKT's readers need not know exponents. */
static void put_plain(struct buf *b, const char *text, size_t len)
{
	const char *e = memchr(text, 'e', len);
	if (!e) {
		/* A whole number has no ".0" here. */
		if (len > 2 && text[len - 2] == '.' && text[len - 1] == '0')
			len -= 2;
		buf_put(b, text, len);
		return;
	}
	char digits[32];
	int ndigits = 0, point = 0;
	if (*text == '-') {
		buf_putc(b, '-');
		text++;
	}
	for (; text < e && ndigits < (int)sizeof(digits); text++) {
		if (*text == '.')
			continue;
		digits[ndigits++] = *text;
		point += memchr(text, '.', (size_t)(e - text)) != NULL;
	}
	/* So many digits stand before the point: all of them, where there is none. */
	point = (point ? point : ndigits) + atoi(e + 1);
	if (point <= 0)
		buf_lit(b, "0.");
	for (int i = point; i < 0; i++)
		buf_putc(b, '0');
	for (int i = 0; i < ndigits || i < point; i++) {
		if (i == point && i > 0)
			buf_putc(b, '.');
		buf_putc(b, i < ndigits ? digits[i] : '0');
	}
}

static void put_number(struct buf *b, struct cursor *c)
{
	uint64_t bits = cursor_le64(c);
	double d;
	memcpy(&d, &bits, sizeof(d));
	if (d > -1e15 && d < 1e15 && d == (double)(int64_t)d && (bits << 1 != 0 || bits == 0)) {
		json_put_i64(b, (int64_t)d);
		return;
	}
	size_t start = b->len;
	json_put_double(b, d);
	if (b->failed)
		return;
	/* Written once more, in plain digits. */
	char text[40] = "";
	size_t len = b->len - start;
	if (len < sizeof(text)) {
		memcpy(text, b->data + start, len);
		b->len = start;
		put_plain(b, text, len);
	}
}

static void put_position(struct buf *b, struct cursor *c)
{
	put_number(b, c);
	buf_putc(b, ' ');
	put_number(b, c);
}

static bool put_shape(struct buf *b, struct cursor *c, uint32_t kind, int depth);

/* Kind and shape of a member; with its name in a collection only. */
static bool put_member(struct buf *b, struct cursor *c, uint32_t expected, int depth)
{
	uint8_t order = cursor_u8(c);
	uint32_t kind = cursor_le32(c);
	if (c->failed || order != 1 || kind < POINT || kind > COLLECTION || depth > DEPTH_MAX ||
	    (expected && kind != expected))
		return false;
	if (!expected)
		buf_puts(b, names[kind]);
	return put_shape(b, c, kind, depth);
}

/* What stands behind the name, parentheses included. */
static bool put_shape(struct buf *b, struct cursor *c, uint32_t kind, int depth)
{
	if (kind == POINT) {
		buf_putc(b, '(');
		put_position(b, c);
		buf_putc(b, ')');
		return !c->failed;
	}
	uint32_t n = cursor_le32(c);
	if (c->failed)
		return false;
	if (n == 0) {
		buf_lit(b, "EMPTY");
		return true;
	}
	buf_putc(b, '(');
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			buf_lit(b, ", ");
		bool ok = true;
		if (kind == LINESTRING)
			put_position(b, c);
		else if (kind == POLYGON)
			ok = put_shape(b, c, LINESTRING, depth + 1);
		else
			ok = put_member(b, c, kind == COLLECTION ? 0 : kind - MULTIPOINT + POINT,
					depth + 1);
		if (!ok || c->failed)
			return false;
	}
	buf_putc(b, ')');
	return true;
}

enum put_status put_wkt(struct buf *b, const struct value *v, bool with_srid)
{
	struct cursor c = cursor_of(v->p, v->len);
	uint32_t srid = cursor_le32(&c);
	if (c.failed)
		return PUT_BAD_GEOMETRY;
	if (with_srid && srid) {
		buf_lit(b, "SRID=");
		json_put_u64(b, srid);
		buf_putc(b, ';');
	}
	if (!put_member(b, &c, 0, 0) || cursor_left(&c) > 0)
		return PUT_BAD_GEOMETRY;
	return PUT_OK;
}
