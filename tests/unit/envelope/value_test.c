/* value_test.c - each kind of value but decimals and dates, in each mode, as JSON. */
#include "tests/unit/envelope/collect.h"

#include <math.h>

static const struct envelope_options lossless = {.name = "p"};
static const struct envelope_options exact = {.name = "p", .compat = ENVELOPE_EXACT};

static void integers(void **state)
{
	(void)state;
	static const uint8_t types[] = {COLUMN_TINY, COLUMN_SHORT, COLUMN_INT24, COLUMN_LONG,
					COLUMN_LONGLONG};
	for (size_t i = 0; i < sizeof(types); i++) {
		struct column c = {.type = types[i]};
		check_value(&lossless, c, value_int(0), "0");
		check_value(&lossless, c, value_int(-128), "-128");
		check_value(&lossless, c, value_int(127), "127");
		c.is_unsigned = true;
		check_value(&lossless, c, value_uint(255), "255");
		check_value(&exact, c, value_uint(255), "255");
	}
	check_value(&lossless, (struct column){.type = COLUMN_LONGLONG}, value_int(INT64_MIN),
		    "-9223372036854775808");
	check_value(&lossless, (struct column){.type = COLUMN_LONG, .is_unsigned = true},
		    value_uint(4294967295), "4294967295");
}

static void bool_stays_a_number(void **state)
{
	(void)state;
	struct column c = {.type = COLUMN_TINY, .boolean = true};
	check_value(&lossless, c, value_int(1), "1");
	check_value(&exact, c, value_int(0), "0");
	check_value(&exact, c, value_int(7), "7");
}

static void bigint_unsigned(void **state)
{
	(void)state;
	struct column c = {.type = COLUMN_LONGLONG, .is_unsigned = true};
	struct envelope_options precise = {.name = "p", .bigint = ENVELOPE_BIGINT_PRECISE};
	check_value(&lossless, c, value_uint(UINT64_MAX), "18446744073709551615");
	check_value(&lossless, c, value_uint((uint64_t)INT64_MAX + 1), "9223372036854775808");
	check_value(&exact, c, value_uint(UINT64_MAX), "-1");
	check_value(&exact, c, value_uint((uint64_t)INT64_MAX + 1), "-9223372036854775808");
	check_value(&exact, c, value_uint(INT64_MAX), "9223372036854775807");
	check_value(&precise, c, value_uint(0), "\"AA==\"");
	check_value(&precise, c, value_uint(127), "\"fw==\"");
	check_value(&precise, c, value_uint(128), "\"AIA=\"");
	check_value(&precise, c, value_uint(UINT64_MAX), "\"AP//////////\"");
	/* Smaller types have room in a long: the mode is not for them. */
	c.type = COLUMN_LONG;
	check_value(&precise, c, value_uint(128), "128");
}

static void year(void **state)
{
	(void)state;
	struct column c = {.type = COLUMN_YEAR};
	struct value v = {.kind = VALUE_YEAR, .u = 2026};
	check_value(&lossless, c, v, "2026");
	check_value(&exact, c, v, "2026");
	v.u = 0;
	check_value(&lossless, c, v, "0");
	check_value(&exact, c, v, "1900");
}

static void floating_point(void **state)
{
	(void)state;
	struct value f = {.kind = VALUE_FLOAT, .f = 1.1f};
	struct value d = {.kind = VALUE_DOUBLE, .d = 0.1};
	struct column c = {.type = COLUMN_FLOAT, .column_type = span_of("float")};
	check_value(&lossless, c, f, "1.1");
	check_value(&exact, c, f, "1.1");
	/* FLOAT(M,D) is a double to Debezium. */
	c.column_type = span_of("float(7,3) unsigned");
	check_value(&lossless, c, f, "1.1");
	check_value(&exact, c, f, "1.100000023841858");
	c.column_type = span_of("float(7)");
	check_value(&exact, c, f, "1.1");
	c = (struct column){.type = COLUMN_DOUBLE};
	check_value(&lossless, c, d, "0.1");
	d.d = -1.5e300;
	check_value(&exact, c, d, "-1.5e300");
}

static void text(void **state)
{
	(void)state;
	struct column c = {.type = COLUMN_VARCHAR, .charset = CHARSET_UTF8};
	check_value(&lossless, c, value_text(""), "\"\"");
	check_value(&lossless, c, value_text("plain"), "\"plain\"");
	check_value(&lossless, c, value_text("\xe2\x82\xac \"q\" \\ \n\t\x01 \xf0\x9f\x98\x80"),
		    "\"\xe2\x82\xac \\\"q\\\" \\\\ \\n\\t\\u0001 \xf0\x9f\x98\x80\"");
	check_value(&lossless, c, value_bytes(VALUE_STRING, "a\0b", 3), "\"a\\u0000b\"");
	static const uint8_t types[] = {COLUMN_STRING,      COLUMN_VAR_STRING, COLUMN_TINY_BLOB,
					COLUMN_MEDIUM_BLOB, COLUMN_LONG_BLOB,  COLUMN_BLOB};
	for (size_t i = 0; i < sizeof(types); i++) {
		c.type = types[i];
		check_value(&exact, c, value_text("x y"), "\"x y\"");
	}
	c.charset = CHARSET_LATIN1;
	check_value(&lossless, c, value_text("\xe9\x80\x81\""),
		    "\"\xc3\xa9\xe2\x82\xac\xc2\x81\\\"\"");
}

static void ill_formed_text(void **state)
{
	(void)state;
	struct column c = {.type = COLUMN_VARCHAR, .charset = CHARSET_UTF8};
	check_value(&lossless, c, value_text("a\xff"), "\"a\xef\xbf\xbd\"");
	check_value(&exact, c, value_text("a\xff"), "\"a\xef\xbf\xbd\"");
	c.type = COLUMN_JSON;
	check_value(&exact, c, value_bytes(VALUE_JSON, "\"\xff\"", 3), "\"\\\"\xef\xbf\xbd\\\"\"");
}

static void binary(void **state)
{
	(void)state;
	static const struct {
		enum envelope_binary mode;
		const char *want;
	} cases[] = {
	    {ENVELOPE_BINARY_BYTES, "\"+/8AAQ==\""},
	    {ENVELOPE_BINARY_BASE64, "\"+/8AAQ==\""},
	    {ENVELOPE_BINARY_BASE64URL, "\"-_8AAQ==\""},
	    {ENVELOPE_BINARY_HEX, "\"fbff0001\""},
	};
	static const uint8_t types[] = {COLUMN_STRING, COLUMN_VARCHAR, COLUMN_BLOB,
					COLUMN_LONG_BLOB};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct envelope_options o = {.name = "p", .binary = cases[i].mode};
		for (size_t k = 0; k < sizeof(types); k++) {
			struct column c = {.type = types[k], .charset = CHARSET_BINARY};
			check_value(&o, c, value_bytes(VALUE_BYTES, "\xfb\xff\0\x01", 4),
				    cases[i].want);
			check_value(&o, c, value_bytes(VALUE_BYTES, NULL, 0), "\"\"");
			/* However the reader calls it. */
			check_value(&o, c, value_bytes(VALUE_STRING, "\xfb\xff\0\x01", 4),
				    cases[i].want);
		}
	}
}

static void bits(void **state)
{
	(void)state;
	struct column c = {.type = COLUMN_BIT, .bits = 1};
	struct value v = {.kind = VALUE_BIT, .u = 1};
	check_value(&lossless, c, v, "true");
	v.u = 0;
	check_value(&exact, c, v, "false");
	c.bits = 2;
	v.u = 2;
	check_value(&lossless, c, v, "\"Ag==\"");
	c.bits = 8;
	v.u = 255;
	check_value(&lossless, c, v, "\"/w==\"");
	c.bits = 9; /* two bytes, the lower first */
	v.u = 0x101;
	check_value(&lossless, c, v, "\"AQE=\"");
	v.u = 0x100;
	check_value(&exact, c, v, "\"AAE=\"");
	c.bits = 64;
	v.u = 0x0102030405060708;
	check_value(&lossless, c, v, "\"CAcGBQQDAgE=\"");
	c.bits = 33;
	v.u = 0x1ffffffff;
	check_value(&lossless, c, v, "\"/////wE=\"");
}

static void enums_and_sets(void **state)
{
	(void)state;
	struct span labels[64];
	static const char *const names[] = {"a", "b\"c", "\xc3\xa9"};
	for (size_t i = 0; i < 64; i++)
		labels[i] = span_of(names[i % 3]);
	struct column c = {.type = COLUMN_ENUM, .labels = labels, .nlabels = 3};
	struct value v = {.kind = VALUE_ENUM, .u = 1};
	check_value(&lossless, c, v, "\"a\"");
	v.u = 2;
	check_value(&exact, c, v, "\"b\\\"c\"");
	v.u = 3;
	check_value(&lossless, c, v, "\"\xc3\xa9\"");
	v.u = 0;
	check_value(&lossless, c, v, "\"\"");
	check_value(&exact, c, v, "\"\"");
	v.u = 4;
	check_value(&lossless, c, v, NULL);
	check_value(&exact, c, v, NULL);

	c.type = COLUMN_SET;
	v = (struct value){.kind = VALUE_SET, .u = 0};
	check_value(&lossless, c, v, "\"\"");
	v.u = 2;
	check_value(&lossless, c, v, "\"b\\\"c\"");
	v.u = 7;
	check_value(&exact, c, v, "\"a,b\\\"c,\xc3\xa9\"");
	v.u = 8;
	check_value(&lossless, c, v, NULL);
	c.nlabels = 64;
	v.u = (uint64_t)1 << 63 | 1;
	check_value(&lossless, c, v, "\"a,a\"");
}

static void json(void **state)
{
	(void)state;
	struct column c = {.type = COLUMN_JSON, .charset = CHARSET_UTF8};
	check_value(&lossless, c, value_bytes(VALUE_JSON, "{\"a\":[1,\"x\"]}", 13),
		    "\"{\\\"a\\\":[1,\\\"x\\\"]}\"");
}

static void geometries_and_vectors(void **state)
{
	(void)state;
	/* SRID 4326, then POINT(1 2) */
	static const uint8_t point[25] = {0xe6, 0x10, 0,    0,    1, 1, 0, 0, 0, 0, 0, 0,   0,
					  0,    0,    0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0x40};
	static const char wkb[] = "\"AQEAAAAAAAAAAADwPwAAAAAAAABA\"";
	struct column c = {.type = COLUMN_GEOMETRY, .column_type = span_of("geometry")};
	char want[128];
	snprintf(want, sizeof(want), "{\"wkb\":%s,\"srid\":4326}", wkb);
	check_value(&lossless, c, value_bytes(VALUE_GEOMETRY, point, sizeof(point)), want);
	uint8_t no_srid[25];
	memcpy(no_srid, point, sizeof(point));
	memset(no_srid, 0, 4);
	c.column_type = span_of("point");
	snprintf(want, sizeof(want), "{\"x\":1.0,\"y\":2.0,\"wkb\":%s,\"srid\":null}", wkb);
	check_value(&lossless, c, value_bytes(VALUE_GEOMETRY, no_srid, sizeof(no_srid)), want);
	check_value(&lossless, c, value_bytes(VALUE_GEOMETRY, point, 24), NULL);
	check_value(&lossless, c, value_bytes(VALUE_GEOMETRY, point, 3), NULL);

	static const uint8_t floats[] = {0, 0, 0x80, 0x3f, 0xcd, 0xcc, 0x8c, 0xbf};
	c = (struct column){.type = COLUMN_VECTOR};
	check_value(&lossless, c, value_bytes(VALUE_VECTOR, floats, 8), "[1.0,-1.1]");
	check_value(&lossless, c, value_bytes(VALUE_VECTOR, floats, 0), "[]");
	check_value(&lossless, c, value_bytes(VALUE_VECTOR, floats, 7), NULL);
}

static void null_of_every_type(void **state)
{
	(void)state;
	struct span label = span_of("a");
	static const uint8_t types[] = {
	    COLUMN_TINY,       COLUMN_LONGLONG, COLUMN_FLOAT,  COLUMN_DOUBLE,    COLUMN_NEWDECIMAL,
	    COLUMN_YEAR,       COLUMN_DATE,     COLUMN_TIME2,  COLUMN_DATETIME2, COLUMN_BIT,
	    COLUMN_TIMESTAMP2, COLUMN_VARCHAR,  COLUMN_BLOB,   COLUMN_ENUM,      COLUMN_SET,
	    COLUMN_JSON,       COLUMN_GEOMETRY, COLUMN_VECTOR,
	};
	for (size_t i = 0; i < sizeof(types); i++) {
		struct column c = {
		    .type = types[i], .nullable = true, .labels = &label, .nlabels = 1, .bits = 1};
		check_value(&lossless, c, value_null(), "null");
		check_value(&exact, c, value_null(), "null");
	}
}

/* What the reader hands over need not be what the type suggests, but it must make sense. */
static void kinds_that_were_not_expected(void **state)
{
	(void)state;
	struct column c = {.type = COLUMN_LONG};
	check_value(&lossless, c, value_uint(5), "5");
	check_value(&lossless, c, value_text("x"), "\"x\"");
	check_value(&lossless, c, (struct value){.kind = VALUE_ENUM, .u = 1}, NULL);
	check_value(&lossless, c, (struct value){.kind = 200, .u = 1}, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(integers),
	    cmocka_unit_test(bool_stays_a_number),
	    cmocka_unit_test(bigint_unsigned),
	    cmocka_unit_test(year),
	    cmocka_unit_test(floating_point),
	    cmocka_unit_test(text),
	    cmocka_unit_test(ill_formed_text),
	    cmocka_unit_test(binary),
	    cmocka_unit_test(bits),
	    cmocka_unit_test(enums_and_sets),
	    cmocka_unit_test(json),
	    cmocka_unit_test(geometries_and_vectors),
	    cmocka_unit_test(null_of_every_type),
	    cmocka_unit_test(kinds_that_were_not_expected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
