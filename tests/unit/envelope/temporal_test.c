/* temporal_test.c - DATE, TIME, DATETIME, TIMESTAMP in each time.precision.mode. */
#include "tests/unit/envelope/collect.h"

#include <inttypes.h>
#include <stdio.h>

#define MODES 6

static struct envelope_options options(enum envelope_time mode, enum envelope_compat compat)
{
	return (struct envelope_options){.name = "p", .time = mode, .compat = compat};
}

static struct value value_date(unsigned year, unsigned month, unsigned day)
{
	struct civil c = {.year = year, .month = month, .day = day};
	return value_civil(VALUE_DATE, 0, c);
}

/* The same in every mode that is NULL in `want`, which then takes the text before it. */
static void check_modes(struct column c, struct value v, const char *const want[MODES])
{
	const char *text = NULL;
	for (int mode = 0; mode < MODES; mode++) {
		if (want[mode])
			text = want[mode];
		struct envelope_options o = options((enum envelope_time)mode, ENVELOPE_LOSSLESS);
		check_value(&o, c, v, text);
		o.compat = ENVELOPE_EXACT;
		check_value(&o, c, v, text);
	}
}

/* adaptive_time_microseconds, adaptive, connect, isostring, microseconds, nanoseconds */

static void dates(void **state)
{
	(void)state;
	struct column c = {.type = COLUMN_DATE};
	check_modes(c, value_date(2026, 11, 22),
		    (const char *const[MODES]){"20779", NULL, NULL, "\"2026-11-22Z\"", "20779"});
	check_modes(c, value_date(1970, 1, 1),
		    (const char *const[MODES]){"0", NULL, NULL, "\"1970-01-01Z\"", "0"});
	check_modes(
	    c, value_date(1000, 1, 1),
	    (const char *const[MODES]){"-354285", NULL, NULL, "\"1000-01-01Z\"", "-354285"});
	check_modes(
	    c, value_date(9999, 12, 31),
	    (const char *const[MODES]){"2932896", NULL, NULL, "\"9999-12-31Z\"", "2932896"});
	check_modes(c, value_date(2000, 2, 29),
		    (const char *const[MODES]){"11016", NULL, NULL, "\"2000-02-29Z\"", "11016"});
}

static void datetimes(void **state)
{
	(void)state;
	struct column c = {.type = COLUMN_DATETIME2, .scale = 6};
	struct value v =
	    value_civil(VALUE_DATETIME, 6, (struct civil){2026, 11, 22, 10, 30, 15, 123456});
	check_modes(c, v,
		    (const char *const[MODES]){"1795343415123456", NULL, "1795343415123",
					       "\"2026-11-22T10:30:15.123456Z\"",
					       "1795343415123456", "1795343415123456000"});
	c.scale = 3;
	v = value_civil(VALUE_DATETIME, 3, (struct civil){2026, 11, 22, 10, 30, 15, 120000});
	check_modes(c, v,
		    (const char *const[MODES]){"1795343415120", NULL, NULL,
					       "\"2026-11-22T10:30:15.12Z\"", "1795343415120000",
					       "1795343415120000000"});
	c.scale = 0;
	v = value_civil(VALUE_DATETIME, 0, (struct civil){2026, 11, 22, 10, 30, 0, 0});
	check_modes(c, v,
		    (const char *const[MODES]){"1795343400000", NULL, NULL,
					       "\"2026-11-22T10:30:00Z\"", "1795343400000000",
					       "1795343400000000000"});
	c.scale = 4;
	v = value_civil(VALUE_DATETIME, 4, (struct civil){1969, 12, 31, 23, 59, 59, 999900});
	check_modes(c, v,
		    (const char *const[MODES]){"-100", NULL, "-1", "\"1969-12-31T23:59:59.9999Z\"",
					       "-100", "-100000"});
	v = value_civil(VALUE_DATETIME, 4, (struct civil){1970, 1, 1, 0, 0, 0, 0});
	check_modes(c, v,
		    (const char *const[MODES]){"0", NULL, NULL, "\"1970-01-01T00:00:00Z\"", "0"});
	c.scale = 6;
	v = value_civil(VALUE_DATETIME, 6, (struct civil){2262, 4, 11, 23, 47, 16, 854775});
	check_modes(c, v,
		    (const char *const[MODES]){"9223372036854775", NULL, "9223372036854",
					       "\"2262-04-11T23:47:16.854775Z\"",
					       "9223372036854775", "9223372036854775000"});
	/* Beyond what 64 bits of nanoseconds hold. */
	struct envelope_options o = options(ENVELOPE_TIME_NANOSECONDS, ENVELOPE_LOSSLESS);
	struct envelope_options exact = options(ENVELOPE_TIME_NANOSECONDS, ENVELOPE_EXACT);
	v = value_civil(VALUE_DATETIME, 6, (struct civil){9999, 12, 31, 23, 59, 59, 999999});
	check_value(&o, c, v, "253402300799999999000");
	check_value(&exact, c, v, NULL);
	c.nullable = true;
	check_value(&exact, c, v, "null");
	v = value_civil(VALUE_DATETIME, 6, (struct civil){1000, 1, 1, 0, 0, 0, 0});
	check_value(&o, c, v, "-30610224000000000000");
	check_value(&exact, c, v, "null");
	o.time = ENVELOPE_TIME_MICROSECONDS;
	check_value(&o, c, v, "-30610224000000000");
}

static void times(void **state)
{
	(void)state;
	struct column c = {.type = COLUMN_TIME2, .scale = 6};
	struct value v = {.kind = VALUE_TIME, .aux = 6, .i = 49023123456};
	check_modes(c, v,
		    (const char *const[MODES]){"49023123456", NULL, "49023123",
					       "\"13:37:03.123456Z\"", "49023123456",
					       "49023123456000"});
	c.scale = 0;
	v.i = 49023000000;
	check_modes(c, v,
		    (const char *const[MODES]){"49023000000", "49023000", "49023000",
					       "\"13:37:03Z\"", "49023000000", "49023000000000"});
	v.i = 0;
	check_modes(c, v, (const char *const[MODES]){"0", NULL, NULL, "\"00:00:00Z\"", "0"});
}

/* TIME is an interval: connect and isostring have no form for it that Debezium knows. */
static void times_beyond_a_day(void **state)
{
	(void)state;
	static const struct {
		int64_t usec;
		const char *want[MODES];
	} cases[] = {
	    {3020399000000,
	     {"3020399000000", "3020399000", "3020399000", "\"838:59:59Z\"", "3020399000000",
	      "3020399000000000"}},
	    {-3020399999999,
	     {"-3020399999999", "-3020399999", "-3020399999", "\"-838:59:59.999999Z\"",
	      "-3020399999999", "-3020399999999000"}},
	    {-500000, {"-500000", "-500", "-500", "\"-00:00:00.5Z\"", "-500000", "-500000000"}},
	    {86400000000,
	     {"86400000000", "86400000", "86400000", "\"24:00:00Z\"", "86400000000",
	      "86400000000000"}},
	};
	struct column c = {.type = COLUMN_TIME2, .scale = 0};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct value v = {.kind = VALUE_TIME, .i = cases[i].usec};
		bool midnight = cases[i].usec == 86400000000;
		for (int mode = 0; mode < MODES; mode++) {
			struct envelope_options o =
			    options((enum envelope_time)mode, ENVELOPE_LOSSLESS);
			const char *want = cases[i].want[mode];
			check_value(&o, c, v, want);
			o.compat = ENVELOPE_EXACT;
			if (mode == ENVELOPE_TIME_CONNECT && !midnight)
				want = NULL;
			if (mode == ENVELOPE_TIME_ISOSTRING)
				want = midnight ? "\"00:00:00Z\"" : NULL;
			check_value(&o, c, v, want);
			if (!want) {
				c.nullable = true;
				check_value(&o, c, v, "null");
				c.nullable = false;
			}
		}
	}
}

static void timestamps(void **state)
{
	(void)state;
	struct column c = {.type = COLUMN_TIMESTAMP2};
	struct value v = {.kind = VALUE_TIMESTAMP, .i = 1529501823000000};
	check_modes(c, v, (const char *const[MODES]){"\"2018-06-20T13:37:03Z\""});
	/* As many digits as the column has, no more, no fewer. */
	static const char *const fractions[] = {"",      ".1",     ".12",    ".120",
						".1200", ".12003", ".120034"};
	static const int64_t usec[] = {0, 100000, 120000, 120000, 120000, 120030, 120034};
	for (unsigned digits = 0; digits <= 6; digits++) {
		char want[64];
		c.scale = v.aux = (uint8_t)digits;
		v.i = 1529501823000000 + usec[digits];
		snprintf(want, sizeof(want), "\"2018-06-20T13:37:03%sZ\"", fractions[digits]);
		check_modes(c, v, (const char *const[MODES]){want});
		v.i = 1529501823000000;
		static const char zeros[] = ".000000";
		snprintf(want, sizeof(want), "\"2018-06-20T13:37:03%.*sZ\"",
			 digits ? (int)digits + 1 : 0, zeros);
		check_modes(c, v, (const char *const[MODES]){want});
	}
	v = (struct value){.kind = VALUE_TIMESTAMP, .i = 1000000};
	check_modes(c, v, (const char *const[MODES]){"\"1970-01-01T00:00:01Z\""});
	v.i = 2147483647000000;
	check_modes(c, v, (const char *const[MODES]){"\"2038-01-19T03:14:07Z\""});
	v.i = 4294967295000000;
	check_modes(c, v, (const char *const[MODES]){"\"2106-02-07T06:28:15Z\""});
	struct envelope_options o = options(0, ENVELOPE_LOSSLESS);
	v.i = -1;
	check_value(&o, c, v, NULL);
	v.i = INT64_MAX;
	check_value(&o, c, v, NULL);
}

static void check_zero(struct column c, struct value v, enum envelope_time mode, const char *kept,
		       const char *epoch)
{
	struct envelope_options o = options(mode, ENVELOPE_LOSSLESS);
	c.nullable = false;
	check_value(&o, c, v, kept);
	c.nullable = true;
	check_value(&o, c, v, kept);
	o.compat = ENVELOPE_EXACT;
	check_value(&o, c, v, "null");
	c.nullable = false;
	check_value(&o, c, v, epoch);
}

static void zero_dates(void **state)
{
	(void)state;
	struct column date = {.type = COLUMN_DATE};
	struct column datetime = {.type = COLUMN_DATETIME2};
	struct column timestamp = {.type = COLUMN_TIMESTAMP2};
	struct value zero = value_date(0, 0, 0);
	struct value half = value_date(2015, 0, 7);
	struct value year = value_date(0, 5, 7);
	struct value moment = {.kind = VALUE_TIMESTAMP};
	for (int m = 0; m < MODES; m++) {
		enum envelope_time mode = (enum envelope_time)m;
		bool iso = mode == ENVELOPE_TIME_ISOSTRING;
		const char *day = iso ? "\"1970-01-01Z\"" : "0";
		const char *second = iso ? "\"1970-01-01T00:00:00Z\"" : "0";
		check_zero(date, zero, mode, "\"0000-00-00\"", day);
		check_zero(date, half, mode, "\"2015-00-07\"", day);
		check_zero(date, year, mode, "\"0000-05-07\"", day);
		struct value v = zero;
		v.kind = VALUE_DATETIME;
		check_zero(datetime, v, mode, "\"0000-00-00 00:00:00\"", second);
		v.aux = 3;
		check_zero(datetime, v, mode, "\"0000-00-00 00:00:00.000\"", second);
		v = value_civil(VALUE_DATETIME, 6, (struct civil){2015, 2, 0, 23, 59, 58, 123456});
		check_zero(datetime, v, mode, "\"2015-02-00 23:59:58.123456\"", second);
		moment.aux = 0;
		check_zero(timestamp, moment, mode, "\"0000-00-00 00:00:00\"",
			   "\"1970-01-01T00:00:00Z\"");
		moment.aux = 6;
		check_zero(timestamp, moment, mode, "\"0000-00-00 00:00:00.000000\"",
			   "\"1970-01-01T00:00:00Z\"");
	}
}

/* ALLOW_INVALID_DATES: Debezium stops there, so exact does. */
static void days_no_month_has(void **state)
{
	(void)state;
	struct column c = {.type = COLUMN_DATE, .nullable = true};
	struct envelope_options lossless = options(0, ENVELOPE_LOSSLESS);
	struct envelope_options exact = options(0, ENVELOPE_EXACT);
	struct value v = value_date(2026, 2, 31);
	check_value(&lossless, c, v, "\"2026-02-31\"");
	check_value(&exact, c, v, NULL);
	v = value_date(1900, 2, 29);
	check_value(&lossless, c, v, "\"1900-02-29\"");
	v = value_date(10000, 1, 1);
	check_value(&lossless, c, v, NULL);
	check_value(&exact, c, v, NULL);
}

/* Debezium's adjuster makes 2001 of the year 1, which is not what was stored. */
static void years_of_two_digits(void **state)
{
	(void)state;
	struct column c = {.type = COLUMN_DATE};
	struct envelope_options lossless = options(0, ENVELOPE_LOSSLESS);
	struct envelope_options exact = options(0, ENVELOPE_EXACT);
	struct value v = value_date(1, 1, 1);
	check_value(&lossless, c, v, "-719162");
	check_value(&exact, c, v, "11323"); /* 2001-01-01 */
	v = value_date(70, 1, 1);
	check_value(&exact, c, v, "0");
	v = value_date(100, 1, 1);
	check_value(&lossless, c, v, "-683003");
	check_value(&exact, c, v, "-683003");
}

/* Writes rows of one value fast: the loops below make many. */
struct one_column {
	struct column c;
	struct table table;
	struct envelope *e;
	struct envelope_table *t;
	struct collector sink;
};

static void one_column_open(struct one_column *o, enum column_type type, enum envelope_time mode)
{
	struct envelope_options opt = options(mode, ENVELOPE_LOSSLESS);
	o->c = (struct column){NAME("v"), .type = (uint8_t)type};
	o->table = table_of(&o->c, 1, NULL, 0);
	collector_init(&o->sink);
	assert_int_equal(envelope_open(&opt, &o->e, NULL), 0);
	assert_int_equal(envelope_table_open(o->e, &o->table, &o->t, NULL), 0);
	assert_int_equal(envelope_event_begin(o->e, o->t, &sample_event, NULL), 0);
}

static void one_column_close(struct one_column *o)
{
	collector_free(&o->sink);
	envelope_table_close(o->t);
	envelope_close(o->e);
}

static void one_column_check(struct one_column *o, struct value v, const char *want)
{
	static const char head[] = "{\"before\":null,\"after\":{\"v\":";
	struct row row = {
	    .op = ROW_INSERT, .table = &o->table, .event = &sample_event, .after = &v};
	assert_int_equal(envelope_row(o->e, &row, &o->sink.sink, NULL), 0);
	const char *got = value_of(&o->sink.messages[0]) + sizeof(head) - 1;
	if (memcmp(got, want, strlen(want)) != 0 || got[strlen(want)] != '}')
		fail_msg("got %.40s, want %s", got, want);
	free(o->sink.messages[0].bytes);
	o->sink.n = 0;
}

/* Each first and last day of a month from year 1 to 9999, by counting on. */
static void every_month_counts_on(void **state)
{
	(void)state;
	static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	struct one_column o;
	int64_t days = -719162;
	one_column_open(&o, COLUMN_DATE, ENVELOPE_TIME_ADAPTIVE_MICROSECONDS);
	for (unsigned year = 1; year <= 9999; year++) {
		bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
		for (unsigned month = 1; month <= 12; month++) {
			unsigned length = lengths[month - 1] + (month == 2 && leap);
			char want[32];
			snprintf(want, sizeof(want), "%" PRId64, days);
			one_column_check(&o, value_date(year, month, 1), want);
			snprintf(want, sizeof(want), "%" PRId64, days + length - 1);
			one_column_check(&o, value_date(year, month, length), want);
			days += length;
		}
	}
	assert_int_equal(days, 2932897);
	one_column_close(&o);
}

/* Against the C library: each day from 1970 to 2106, at a moment of its own. */
static void every_timestamp_day(void **state)
{
	(void)state;
	struct one_column o;
	one_column_open(&o, COLUMN_TIMESTAMP2, 0);
	for (int64_t day = 0; day <= UINT32_MAX / 86400; day++) {
		time_t at = (time_t)(day * 86400 + (day * 7919) % 86400);
		struct tm tm;
		char want[64];
		if (at == 0)
			at = 1;
		if (at > UINT32_MAX)
			at = UINT32_MAX;
		assert_non_null(gmtime_r(&at, &tm));
		assert_true(strftime(want, sizeof(want), "\"%Y-%m-%dT%H:%M:%SZ\"", &tm) > 0);
		one_column_check(
		    &o, (struct value){.kind = VALUE_TIMESTAMP, .i = (int64_t)at * USEC_PER_SEC},
		    want);
	}
	one_column_close(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dates),
	    cmocka_unit_test(datetimes),
	    cmocka_unit_test(times),
	    cmocka_unit_test(times_beyond_a_day),
	    cmocka_unit_test(timestamps),
	    cmocka_unit_test(zero_dates),
	    cmocka_unit_test(days_no_month_has),
	    cmocka_unit_test(years_of_two_digits),
	    cmocka_unit_test(every_month_counts_on),
	    cmocka_unit_test(every_timestamp_day),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
