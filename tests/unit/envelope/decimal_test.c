/* decimal_test.c - DECIMAL in the three forms of decimal.handling.mode. */
#include "tests/unit/envelope/collect.h"

#include <inttypes.h>
#include <stdio.h>

static const struct envelope_options precise = {.name = "p"};
static const struct envelope_options as_double = {.name = "p", .decimal = ENVELOPE_DECIMAL_DOUBLE};
static const struct envelope_options as_string = {.name = "p", .decimal = ENVELOPE_DECIMAL_STRING};

static const struct column column = {.type = COLUMN_NEWDECIMAL, .precision = 10, .scale = 2};
static const struct column long_column = {.type = COLUMN_NEWDECIMAL, .precision = 65, .scale = 2};

static struct value digits(const char *text, uint8_t scale)
{
	struct value v = value_bytes(VALUE_DECIMAL_TEXT, text, strlen(text));
	v.aux = scale;
	return v;
}

/* Made by Python: int.to_bytes(…, 'big', signed=True), the shortest that holds the number. */
static const struct {
	const char *number, *base64;
} known[] = {
    {"0", "AA=="},
    {"1", "AQ=="},
    {"-1", "/w=="},
    {"127", "fw=="},
    {"128", "AIA="},
    {"-128", "gA=="},
    {"-129", "/38="},
    {"255", "AP8="},
    {"-255", "/wE="},
    {"256", "AQA="},
    {"123450", "AeI6"},
    {"-123450", "/h3G"},
    {"9223372036854775807", "f/////////8="},
    {"-9223372036854775808", "gAAAAAAAAAA="},
    {"9223372036854775808", "AIAAAAAAAAAA"},
    {"18446744073709551615", "AP//////////"},
    {"999999999999999999", "DeC2s6dj//8="},
    {"9999999999999999999", "AIrHIwSJ5///"},
    {"-9999999999999999999", "/3U43Pt2GAAB"},
    {"99999999999999999999999999999999999999999999999999999999999999999",
     "APMWJxx/w5CKi+9GTjlF73olNgn//////////w=="},
    {"-99999999999999999999999999999999999999999999999999999999999999999",
     "/wzp2OOAPG91dBC5sca6EIXayfYAAAAAAAAAAQ=="},
    {"10000000000000000000000000000000000000000000000000000000000000000",
     "GE8D6T/59Nqnl+1uOO1kv2ofAQAAAAAAAAAA"},
    {"-100000000000000000000", "+pQ4odKc8AAA"},
    {"170141183460469231731687303715884105728", "AIAAAAAAAAAAAAAAAAAAAAA="},
    {"-170141183460469231731687303715884105728", "gAAAAAAAAAAAAAAAAAAAAA=="},
    {"340282366920938463463374607431768211456", "AQAAAAAAAAAAAAAAAAAAAAA="},
};

static void precise_is_twos_complement(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char want[80];
		const char *number = known[i].number;
		snprintf(want, sizeof(want), "\"%s\"", known[i].base64);
		check_value(&precise, long_column, digits(number, 0), want);
		check_value(&precise, long_column, digits(number, 30), want);
		errno = 0;
		int64_t small = strtoll(number, NULL, 10);
		if (errno == 0)
			check_value(&precise, column, value_decimal(small, 2), want);
	}
}

/* Both forms of a number say the same, in every mode. */
static void long_and_short_agree(void **state)
{
	(void)state;
	static const int64_t numbers[] = {0,
					  1,
					  -1,
					  9,
					  10,
					  -10,
					  99,
					  12345,
					  -99999,
					  1000000007,
					  999999999999999999,
					  -999999999999999999};
	static const struct envelope_options *const modes[] = {&precise, &as_double, &as_string};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		for (size_t m = 0; m < 3; m++) {
			struct err err = {0};
			struct collector sink;
			struct column columns[] = {column, long_column};
			char text[32];
			struct envelope *e;
			struct envelope_table *t;
			columns[0].name = span_of("short");
			columns[1].name = span_of("long");
			struct table table = table_of(columns, 2, NULL, 0);
			snprintf(text, sizeof(text), "%" PRId64, numbers[i]);
			struct value row_values[] = {value_decimal(numbers[i], 4), digits(text, 4)};
			struct row row = {.op = ROW_INSERT,
					  .table = &table,
					  .event = &sample_event,
					  .after = row_values};
			collector_init(&sink);
			assert_int_equal(envelope_open(modes[m], &e, &err), 0);
			assert_int_equal(envelope_table_open(e, &table, &t, &err), 0);
			assert_int_equal(envelope_event_begin(e, t, &sample_event, &err), 0);
			assert_int_equal(envelope_row(e, &row, &sink.sink, &err), 0);
			json_t *root = parse_value(&sink.messages[0]);
			json_t *after = json_object_get(root, "after");
			assert_true(json_equal(json_object_get(after, "short"),
					       json_object_get(after, "long")));
			json_decref(root);
			collector_free(&sink);
			envelope_table_close(t);
			envelope_close(e);
		}
	}
}

static void string_keeps_the_scale(void **state)
{
	(void)state;
	check_value(&as_string, column, value_decimal(150, 2), "\"1.50\"");
	check_value(&as_string, column, value_decimal(-150, 2), "\"-1.50\"");
	check_value(&as_string, column, value_decimal(5, 2), "\"0.05\"");
	check_value(&as_string, column, value_decimal(-5, 2), "\"-0.05\"");
	check_value(&as_string, column, value_decimal(0, 2), "\"0.00\"");
	check_value(&as_string, column, value_decimal(0, 0), "\"0\"");
	check_value(&as_string, column, value_decimal(42, 0), "\"42\"");
	check_value(&as_string, column, value_decimal(100, 2), "\"1.00\"");
	check_value(&as_string, column, value_decimal(1, 10), "\"0.0000000001\"");
	check_value(&as_string, column, value_decimal(INT64_MIN, 0), "\"-9223372036854775808\"");
	check_value(&as_string, long_column, digits("12345678901234567890123", 3),
		    "\"12345678901234567890.123\"");
	check_value(&as_string, long_column, digits("-1", 30),
		    "\"-0.000000000000000000000000000001\"");
	check_value(&as_string, long_column, digits("0", 30),
		    "\"0.000000000000000000000000000000\"");
}

static void double_is_the_nearest(void **state)
{
	(void)state;
	check_value(&as_double, column, value_decimal(150, 2), "1.5");
	check_value(&as_double, column, value_decimal(-1, 1), "-0.1");
	check_value(&as_double, column, value_decimal(0, 2), "0.0");
	check_value(&as_double, column, value_decimal(314159, 5), "3.14159");
	check_value(&as_double, column, value_decimal(999999999999999999, 2),
		    "10000000000000000.0");
	check_value(&as_double, long_column,
		    digits("99999999999999999999999999999999999999999999999999999999999999999", 0),
		    "1e65");
	check_value(&as_double, long_column, digits("-123", 30), "-1.23e-28");
	check_value(&as_double, long_column, digits("9007199254740993", 0), "9007199254740992.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(precise_is_twos_complement),
	    cmocka_unit_test(long_and_short_agree),
	    cmocka_unit_test(string_keeps_the_scale),
	    cmocka_unit_test(double_is_the_nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
