/* json_number_test.c - numbers of common/base/json.h: text that reads back to the same. */
#include "tests/unit/base/check.h"

#include "common/base/json.h"

#include <float.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

static void assert_text(const struct buf *b, const char *want)
{
	assert_int_equal(b->len, strlen(want));
	assert_memory_equal(b->data, want, b->len);
}

static void check_u64(uint64_t v)
{
	char want[32];
	uint8_t digits[20];
	struct buf b;
	snprintf(want, sizeof(want), "%" PRIu64, v);
	buf_init(&b);
	json_put_u64(&b, v);
	assert_text(&b, want);
	assert_int_equal(dec_put_u64(digits, v), strlen(want));
	assert_memory_equal(digits, want, strlen(want));
	snprintf(want, sizeof(want), "%" PRId64, (int64_t)v);
	buf_clear(&b);
	json_put_i64(&b, (int64_t)v);
	assert_text(&b, want);
	buf_free(&b);
}

static void integers(void **state)
{
	(void)state;
	uint64_t power = 1;
	for (int i = 0; i < 20; i++, power *= 10) {
		for (uint64_t v = power - 2; v != power + 3; v++) {
			check_u64(v);
			check_u64(-v);
		}
		check_u64(power * 9);
		check_u64(power * 5 + power / 2);
	}
	for (unsigned bit = 0; bit < 64; bit++) {
		check_u64((uint64_t)1 << bit);
		check_u64(((uint64_t)1 << bit) - 1);
		check_u64(~(((uint64_t)1 << bit) - 1));
	}
	for (uint64_t v = 0; v < 20000; v++)
		check_u64(v);
	uint64_t seed = 3;
	for (int i = 0; i < 100000; i++)
		check_u64(random_u64(&seed) >> (i % 64));
}

static void known_doubles(void **state)
{
	(void)state;
	static const struct {
		double v;
		const char *text;
	} cases[] = {
	    {0.0, "0.0"},
	    {-0.0, "-0.0"},
	    {1.0, "1.0"},
	    {-1.0, "-1.0"},
	    {0.1, "0.1"},
	    {0.3, "0.3"},
	    {0.1 + 0.2, "0.30000000000000004"},
	    {1.375, "1.375"},
	    {-99.99, "-99.99"},
	    {0.57, "0.57"},
	    {1.005, "1.005"},
	    {123456.7891, "123456.7891"},
	    {1e15, "1000000000000000.0"},
	    {999999999999999.0, "999999999999999.0"},
	    {9007199254740993.0, "9007199254740992.0"},
	    {1e16, "10000000000000000.0"},
	    {1e17, "1e17"},
	    {1e22, "1e22"},
	    {1.5e300, "1.5e300"},
	    {0.0001, "0.0001"},
	    {0.00001, "0.00001"},
	    {1e-7, "0.0000001"},
	    {1e-8, "1e-8"},
	    {5e-324, "5e-324"},
	    {DBL_MAX, "1.7976931348623157e308"},
	    {DBL_MIN, "2.2250738585072014e-308"},
	    {M_PI, "3.141592653589793"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;
		buf_init(&b);
		json_put_double(&b, cases[i].v);
		assert_text(&b, cases[i].text);
		buf_free(&b);
	}
}

static void known_floats(void **state)
{
	(void)state;
	static const struct {
		float v;
		const char *text;
	} cases[] = {
	    {0.0f, "0.0"},
	    {-0.0f, "-0.0"},
	    {1.1f, "1.1"},
	    {0.2f, "0.2"},
	    {3.14159274f, "3.1415927"},
	    {16777216.0f, "16777216.0"},
	    {123456.0f, "123456.0"},
	    {1e10f, "10000000000.0"},
	    {FLT_MAX, "3.4028235e38"},
	    {1e-45f, "1e-45"},
	    {0.0625f, "0.0625"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;
		buf_init(&b);
		json_put_float(&b, cases[i].v);
		assert_text(&b, cases[i].text);
		buf_free(&b);
	}
}

static void not_numbers_are_null(void **state)
{
	(void)state;
	static const double none[] = {NAN, INFINITY, -INFINITY};
	for (size_t i = 0; i < 3; i++) {
		struct buf b;
		buf_init(&b);
		json_put_double(&b, none[i]);
		json_put_float(&b, (float)none[i]);
		assert_text(&b, "nullnull");
		buf_free(&b);
	}
}

/* How many significant digits a number's text has. */
static unsigned significant_digits(const char *text)
{
	unsigned n = 0, zeros = 0;
	for (; *text && *text != 'e'; text++) {
		if (*text < '0' || *text > '9' || (n == 0 && *text == '0'))
			continue;
		zeros = *text == '0' ? zeros + 1 : 0;
		n++;
	}
	return n > zeros ? n - zeros : 1;
}

/* Reads back to the same bits, is JSON, and no fewer digits would do. */
static void check_double(double v)
{
	struct buf b;
	char shorter[64];
	buf_init(&b);
	json_put_double(&b, v);
	const char *text = buf_cstr(&b);
	double back = strtod(text, NULL);
	if (memcmp(&back, &v, sizeof(v)) != 0)
		fail_msg("%.17g was written as %s", v, text);
	json_t *parsed = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(parsed);
	assert_true(json_is_real(parsed));
	assert_true(json_real_value(parsed) == v);
	json_decref(parsed);
	unsigned digits = significant_digits(text);
	if (digits > 1) {
		snprintf(shorter, sizeof(shorter), "%.*e", (int)digits - 2, v);
		if (strtod(shorter, NULL) == v)
			fail_msg("%s has more digits than %s", text, shorter);
	}
	buf_free(&b);
}

static void check_float(float v)
{
	struct buf b;
	char shorter[64];
	buf_init(&b);
	json_put_float(&b, v);
	const char *text = buf_cstr(&b);
	float back = strtof(text, NULL);
	/* Readers that know no float read a double and narrow it. */
	float narrowed = (float)strtod(text, NULL);
	if (memcmp(&back, &v, sizeof(v)) != 0 || memcmp(&narrowed, &v, sizeof(v)) != 0)
		fail_msg("%.9g was written as %s", (double)v, text);
	unsigned digits = significant_digits(text);
	if (digits > 1) {
		snprintf(shorter, sizeof(shorter), "%.*e", (int)digits - 2, (double)v);
		if (strtof(shorter, NULL) == v)
			fail_msg("%s has more digits than %s", text, shorter);
	}
	buf_free(&b);
}

static void random_floats(void **state)
{
	(void)state;
	uint64_t seed = 4;
	for (int i = 0; i < 200000; i++) {
		uint64_t bits = random_u64(&seed);
		double v;
		float f;
		memcpy(&v, &bits, sizeof(v));
		if (isfinite(v))
			check_double(v);
		uint32_t half = (uint32_t)bits;
		memcpy(&f, &half, sizeof(f));
		if (isfinite(f))
			check_float(f);
		/* Decimals as people write them, and their neighbours. */
		static const double units[] = {1, 10, 100, 1000, 10000, 100000};
		double unit = units[i % 6];
		v = (double)(int64_t)(bits >> (14 + i % 40)) / unit;
		check_double(v);
		check_double(-nextafter(v, INFINITY));
		check_double(nextafter(v, 0));
		f = (float)((double)(bits >> (40 + i % 20)) / unit);
		check_float(f);
		check_float(-nextafterf(f, INFINITY));
		check_float(nextafterf(f, 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(integers),      cmocka_unit_test(known_doubles),
	    cmocka_unit_test(known_floats),  cmocka_unit_test(not_numbers_are_null),
	    cmocka_unit_test(random_floats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
