/* nearest_test.c - "did you mean": what is near enough to be offered. */
#include "common/base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_distance(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		size_t distance;
	} cases[] = {
		{"", "", 0},         {"port", "port", 0},
		{"port", "PORT", 0}, {"port", "prot", 1},
		{"port", "por", 1},  {"port", "sport", 1},
		{"port", "part", 1}, {"abc", "cba", 2},
		{"", "abc", 3},      {"kitten", "sitting", 3},
		{"abcd", "badc", 2},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(nearest_distance(cases[i].a, cases[i].b, 10), cases[i].distance);
		assert_int_equal(nearest_distance(cases[i].b, cases[i].a, 10), cases[i].distance);
		/* A limit only changes what is over it. */
		for (size_t limit = 0; limit < 4; limit++)
			assert_int_equal(nearest_distance(cases[i].a, cases[i].b, limit),
					 cases[i].distance <= limit ? cases[i].distance
								    : limit + 1);
	}
	char large[200];
	memset(large, 'a', sizeof(large));
	large[199] = 0;
	assert_int_equal(nearest_distance(large, large, 3), 0);
	assert_int_equal(nearest_distance(large, large + 1, 3), 4);
}

static const char *best_of(const char *given)
{
	static const char *const names[] = {"host",     "hosts",     "port",
					    "password", "time_zone", "tls"};
	struct nearest n = nearest_of(given);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		nearest_try(&n, names[i]);
	return nearest_best(&n);
}

static void test_nearest(void **state)
{
	(void)state;
	assert_string_equal(best_of("prot"), "port");
	assert_string_equal(best_of("pasword"), "password");
	assert_string_equal(best_of("hsots"), "hosts");
	assert_string_equal(best_of("timezone"), "time_zone");
	assert_string_equal(best_of("HOST"), "host");
	assert_null(best_of("brokers"));
	assert_null(best_of("x"));
	assert_null(best_of(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
