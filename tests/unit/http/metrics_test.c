/* metrics_test.c - the text of a page, to the byte. */
#include "common/metrics/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static void values_and_labels(void **state)
{
	struct metrics m;
	struct buf out;
	(void)state;
	buf_init(&out);
	metrics_begin(&m, &out);
	metrics_family(&m, "mr_x_total", METRICS_COUNTER, "What it is.");
	metrics_count(&m, 18446744073709551615u, NULL);
	metrics_value(&m, 0.25, "task", "a\"b\\c\nd\te\x01", "other", "\xff", NULL);
	metrics_value(&m, 1.0 / 0.0, "le", "x", NULL);
	metrics_gauge(&m, "mr_y", "Another.", -3);
	assert_string_equal(buf_cstr(&out),
			    "# HELP mr_x_total What it is.\n"
			    "# TYPE mr_x_total counter\n"
			    "mr_x_total 18446744073709551615\n"
			    "mr_x_total{task=\"a\\\"b\\\\c\\nd e \",other=\"\xef\xbf\xbd\"} 0.25\n"
			    "mr_x_total{le=\"x\"} +Inf\n"
			    "# HELP mr_y Another.\n"
			    "# TYPE mr_y gauge\n"
			    "mr_y -3\n");
	buf_free(&out);
}

static void a_histogram(void **state)
{
	static const double bounds[] = {0.01, 1};
	struct metrics_histogram h = {.bounds = bounds, .n = 2};
	struct metrics m;
	struct buf out;
	(void)state;
	metrics_observe(&h, 10000); /* on the bound: below it */
	metrics_observe(&h, 10001);
	metrics_observe(&h, 5 * USEC_PER_SEC);
	metrics_observe(&h, -5); /* a clock that went back is no duration */
	buf_init(&out);
	metrics_begin(&m, &out);
	metrics_family(&m, "mr_h", METRICS_HISTOGRAM, "H.");
	metrics_histogram(&m, &h, "route", "/x");
	assert_string_equal(buf_cstr(&out), "# HELP mr_h H.\n# TYPE mr_h histogram\n"
					    "mr_h_bucket{route=\"/x\",le=\"0.01\"} 2\n"
					    "mr_h_bucket{route=\"/x\",le=\"1\"} 3\n"
					    "mr_h_bucket{route=\"/x\",le=\"+Inf\"} 4\n"
					    "mr_h_sum{route=\"/x\"} 5.020001\n"
					    "mr_h_count{route=\"/x\"} 4\n");
	buf_clear(&out);
	metrics_histogram(&m, &h, NULL, NULL);
	assert_non_null(strstr(buf_cstr(&out), "mr_h_bucket{le=\"0.01\"} 2\n"));
	assert_non_null(strstr(buf_cstr(&out), "\nmr_h_sum 5.020001\nmr_h_count 4\n"));
	buf_free(&out);
}

static void every_daemons_page(void **state)
{
	struct metrics m;
	struct buf out;
	(void)state;
	buf_init(&out);
	metrics_begin(&m, &out);
	metrics_standard(&m, "mr-test", true);
	const char *text = buf_cstr(&out);
	assert_non_null(strstr(text, "mr_build_info{program=\"mr-test\",version=\"" MR_VERSION "\"} 1\n"));
	assert_non_null(strstr(text, "mr_zookeeper_connected 1\n"));
	const char *start = strstr(text, "\nprocess_start_time_seconds ");
	assert_non_null(start);
	double at = strtod(start + strlen("\nprocess_start_time_seconds "), NULL);
	double now = (double)clock_wall() / 1e6;
	assert_true(at > now - 600 && at < now + 2);
	const char *fds = strstr(text, "\nprocess_open_fds ");
	assert_true(fds && atoi(fds + strlen("\nprocess_open_fds ")) >= 3);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_labels),
		cmocka_unit_test(a_histogram),
		cmocka_unit_test(every_daemons_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
