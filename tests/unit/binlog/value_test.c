/*
 * value_test.c - single values from bytes made by hand: what servers do not write, and
 * what types_test.c's vectors do not reach.
 */
#include "tests/unit/binlog/vectors.h"

#include "common/base/arena.h"
#include "common/contract/errors.h"
#include "core/binlog/decimal.h"
#include "core/binlog/latin1.h"
#include "core/binlog/temporal.h"
#include "core/binlog/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Reads from memory of exactly the given size. */
static int read_value(const struct column *col, const void *bytes, size_t len, struct arena *arena,
		      struct value *ret, size_t *ret_used, struct err *err)
{
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, bytes, len);
	struct cursor c = cursor_of(copy, len);
	int rc = value_read(&c, col, arena, ret, err);
	*ret_used = (size_t)(c.p - copy);
	/* Stepping over it comes out at the same place. */
	struct cursor s = cursor_of(copy, len);
	struct err ignored = {0};
	if (rc == 0) {
		assert_int_equal(value_skip(&s, col, &ignored), 0);
		assert_ptr_equal(s.p, c.p);
	}
	free(copy);
	return rc;
}

static const struct column every_type[] = {
	{.type = COLUMN_TINY},
	{.type = COLUMN_SHORT},
	{.type = COLUMN_INT24},
	{.type = COLUMN_LONG},
	{.type = COLUMN_LONGLONG},
	{.type = COLUMN_FLOAT},
	{.type = COLUMN_DOUBLE},
	{.type = COLUMN_NEWDECIMAL, .precision = 20, .scale = 3},
	{.type = COLUMN_BIT, .bits = 17},
	{.type = COLUMN_YEAR},
	{.type = COLUMN_DATE},
	{.type = COLUMN_TIME2, .scale = 6},
	{.type = COLUMN_DATETIME2, .scale = 3},
	{.type = COLUMN_TIMESTAMP2, .scale = 1},
	{.type = COLUMN_STRING, .max_bytes = 5, .charset = CHARSET_BINARY},
	{.type = COLUMN_STRING, .max_bytes = 1020},
	{.type = COLUMN_VARCHAR, .max_bytes = 255},
	{.type = COLUMN_VARCHAR, .max_bytes = 256},
	{.type = COLUMN_ENUM, .max_bytes = 2},
	{.type = COLUMN_SET, .max_bytes = 8},
	{.type = COLUMN_BLOB, .max_bytes = 1},
	{.type = COLUMN_TIME, .scale = 6},
	{.type = COLUMN_DATETIME, .scale = 6},
	{.type = COLUMN_TIMESTAMP, .scale = 6},
	{.type = COLUMN_BLOB, .max_bytes = 4},
	{.type = COLUMN_JSON, .max_bytes = 4},
	{.type = COLUMN_GEOMETRY, .max_bytes = 4},
	{.type = COLUMN_VECTOR, .max_bytes = 4},
};

/* Bytes that end inside the value: an error, for every type and at every place. */
static void short_values(void **state)
{
	(void)state;
	static const uint8_t bytes[16] = {2, 0, 0, 0, 4, 0}; /* JSON: the literal null */
	for (size_t i = 0; i < sizeof(every_type) / sizeof(every_type[0]); i++) {
		struct arena arena;
		size_t n, used = 0;
		bool read = false;
		arena_init(&arena);
		for (n = 0; n <= sizeof(bytes) && !read; n++) {
			struct value v;
			struct err err = {0};
			int rc = read_value(&every_type[i], bytes, n, &arena, &v, &used, &err);
			read = rc == 0 || err.kind == ERR_VALUE_INVALID;
			if (!read) {
				assert_int_equal(rc, -EBADMSG);
				assert_ptr_equal(err.kind, ERR_EVENT_CORRUPT);
			}
		}
		assert_true(read && used == n - 1 && used > 0);
		arena_free(&arena);
	}
}

static void unknown_types(void **state)
{
	(void)state;
	static const uint8_t types[] = {COLUMN_DECIMAL_OLD, COLUMN_NULL, COLUMN_NEWDATE,
					COLUMN_TYPED_ARRAY, 99};
	uint8_t bytes[16] = {0};
	for (size_t i = 0; i < sizeof(types); i++) {
		struct column col = {.type = types[i], .max_bytes = 2};
		struct arena arena;
		struct value v;
		struct err err = {0};
		struct cursor c = cursor_of(bytes, sizeof(bytes));
		arena_init(&arena);
		assert_int_equal(value_read(&c, &col, &arena, &v, &err), -ENOTSUP);
		assert_ptr_equal(err.kind, ERR_TYPE_UNSUPPORTED);
		arena_free(&arena);
	}
}

/* Trailing zeros of BINARY are not in the event and come back; text is not padded. */
static void padding(void **state)
{
	(void)state;
	struct column col = {.type = COLUMN_STRING, .max_bytes = 5, .charset = CHARSET_BINARY};
	static const uint8_t bytes[] = {2, 0xaa, 0xbb};
	struct arena arena;
	struct value v;
	size_t used;
	struct err err = {0};
	arena_init(&arena);
	assert_int_equal(read_value(&col, bytes, sizeof(bytes), &arena, &v, &used, &err), 0);
	assert_int_equal(v.kind, VALUE_BYTES);
	assert_int_equal(v.len, 5);
	assert_memory_equal(v.p, "\xaa\xbb\0\0\0", 5);
	col.charset = CHARSET_UTF8;
	struct cursor c = cursor_of(bytes, sizeof(bytes));
	assert_int_equal(value_read(&c, &col, &arena, &v, &err), 0);
	assert_int_equal(v.kind, VALUE_STRING);
	assert_int_equal(v.len, 2);
	assert_ptr_equal(v.p, bytes + 1); /* no copy */
	arena_free(&arena);
}

static void longer_than_the_column(void **state)
{
	(void)state;
	struct column col = {.type = COLUMN_VARCHAR, .max_bytes = 3};
	static const uint8_t bytes[] = {4, 'a', 'b', 'c', 'd'};
	struct arena arena;
	struct value v;
	size_t used;
	struct err err = {0};
	arena_init(&arena);
	assert_int_equal(read_value(&col, bytes, sizeof(bytes), &arena, &v, &used, &err), -EBADMSG);
	assert_ptr_equal(err.kind, ERR_VALUE_INVALID);
	arena_free(&arena);
}

/* --- DECIMAL ------------------------------------------------------------------------- */

static void decimal_sizes(void **state)
{
	(void)state;
	assert_int_equal(decimal_size(1, 0), 1);
	assert_int_equal(decimal_size(10, 0), 5);
	assert_int_equal(decimal_size(18, 9), 8);
	assert_int_equal(decimal_size(65, 30), 30);
	assert_int_equal(decimal_size(9, 9), 4);
}

/* The manual's example: 1234567890.1234 and its negative as DECIMAL(14,4). */
static void decimals(void **state)
{
	(void)state;
	static const uint8_t plus[] = {0x81, 0x0d, 0xfb, 0x38, 0xd2, 0x04, 0xd2};
	static const uint8_t minus[] = {0x7e, 0xf2, 0x04, 0xc7, 0x2d, 0xfb, 0x2d};
	struct arena arena;
	struct value v;
	struct buf b;
	arena_init(&arena);
	buf_init(&b);
	assert_int_equal(decimal_size(14, 4), sizeof(plus));
	assert_int_equal(decimal_read(plus, 14, 4, &arena, &v), 0);
	assert_int_equal(v.kind, VALUE_DECIMAL);
	assert_int_equal(v.aux, 4);
	assert_true(v.i == INT64_C(12345678901234));
	assert_int_equal(decimal_read(minus, 14, 4, &arena, &v), 0);
	assert_true(v.i == -INT64_C(12345678901234));
	assert_int_equal(decimal_put_text(minus, 14, 4, &b), 0);
	assert_string_equal(buf_cstr(&b), "-1234567890.1234");
	buf_free(&b);
	arena_free(&arena);
}

static void decimals_that_are_none(void **state)
{
	(void)state;
	static const uint8_t bytes[] = {0x80 + 100}; /* 100 in two digits */
	static const uint8_t ninth[] = {0xff, 0xff, 0xff, 0xff};
	struct arena arena;
	struct value v;
	struct buf b;
	arena_init(&arena);
	buf_init(&b);
	assert_int_equal(decimal_read(bytes, 2, 0, &arena, &v), -EBADMSG);
	assert_int_equal(decimal_read(ninth, 9, 0, &arena, &v), -EBADMSG);
	assert_int_equal(decimal_put_text(ninth, 9, 9, &b), -EBADMSG);
	buf_free(&b);
	arena_free(&arena);
}

/* --- dates and times ------------------------------------------------------------------- */

static void times_that_are_none(void **state)
{
	(void)state;
	struct value v;
	/* month 13; 24 hours; 60 minutes; 60 seconds; a fraction of a whole second */
	static const uint8_t date[] = {0xa0, 0xd1, 0x0f};
	assert_int_equal(date_read(date, &v), -EBADMSG);
	static const uint8_t hour[] = {0x99, 0xb8, 0x85, 0x80, 0x00};
	static const uint8_t minute[] = {0x99, 0xb8, 0x84, 0x0f, 0x00};
	static const uint8_t second[] = {0x99, 0xb8, 0x84, 0x00, 0x3c};
	assert_int_equal(datetime_read(hour, 0, &v), -EBADMSG);
	assert_int_equal(datetime_read(minute, 0, &v), -EBADMSG);
	assert_int_equal(datetime_read(second, 0, &v), -EBADMSG);
	static const uint8_t before[] = {0x19, 0xb8, 0x84, 0x00, 0x00}; /* the sign bit clear */
	assert_int_equal(datetime_read(before, 0, &v), -EBADMSG);
	static const uint8_t fraction[] = {0x99, 0xb8, 0x84, 0x00, 0x00, 0x0f, 0x42, 0x40};
	assert_int_equal(datetime_read(fraction, 6, &v), -EBADMSG);
	static const uint8_t stamp[] = {0x60, 0, 0, 0, 0x0f, 0x42, 0x40};
	assert_int_equal(timestamp_read(stamp, 6, &v), -EBADMSG);
	static const uint8_t time[] = {0x80, 0x0f, 0x00};
	assert_int_equal(time_read(time, 0, &v), -EBADMSG);
}

/* MariaDB 11 goes on to 2106: 32 bits without a sign. */
static void late_timestamp(void **state)
{
	(void)state;
	static const uint8_t last[] = {0xff, 0xff, 0xff, 0xff};
	struct value v;
	assert_int_equal(timestamp_read(last, 0, &v), 0);
	assert_true(v.i == INT64_C(4294967295) * 1000000);
}

static void odd_scales(void **state)
{
	(void)state;
	struct column col = {.type = COLUMN_TIME2, .scale = 7};
	uint8_t bytes[16] = {0};
	struct arena arena;
	struct value v;
	size_t used;
	struct err err = {0};
	arena_init(&arena);
	assert_int_equal(read_value(&col, bytes, sizeof(bytes), &arena, &v, &used, &err), -EBADMSG);
	col = (struct column){.type = COLUMN_NEWDECIMAL, .precision = 66};
	assert_int_equal(read_value(&col, bytes, sizeof(bytes), &arena, &v, &used, &err), -EBADMSG);
	col = (struct column){.type = COLUMN_SET, .max_bytes = 9};
	assert_int_equal(read_value(&col, bytes, sizeof(bytes), &arena, &v, &used, &err), -EBADMSG);
	col = (struct column){.type = COLUMN_BLOB, .max_bytes = 5};
	assert_int_equal(read_value(&col, bytes, sizeof(bytes), &arena, &v, &used, &err), -EBADMSG);
	arena_free(&arena);
}

static void latin1(void **state)
{
	(void)state;
	uint8_t all[256], out[256 * LATIN1_UTF8_MAX];
	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	size_t n = latin1_to_utf8(all, 256, out), three = 0;
	for (size_t i = 0; i < n; i++)
		three += out[i] >= 0xe0;
	assert_int_equal(three, 17); /* those of 0x80..0x9f that lie beyond U+07ff */
	assert_int_equal(n, 128 + 2 * (128 - three) + 3 * three);
	assert_int_equal(latin1_to_utf8((const uint8_t *)"\x80\xe9z\x81", 4, out), 3 + 2 + 1 + 2);
	assert_memory_equal(out, "\xe2\x82\xac\xc3\xa9z\xc2\x81", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_values),
		cmocka_unit_test(unknown_types),
		cmocka_unit_test(padding),
		cmocka_unit_test(longer_than_the_column),
		cmocka_unit_test(decimal_sizes),
		cmocka_unit_test(decimals),
		cmocka_unit_test(decimals_that_are_none),
		cmocka_unit_test(times_that_are_none),
		cmocka_unit_test(late_timestamp),
		cmocka_unit_test(odd_scales),
		cmocka_unit_test(latin1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
