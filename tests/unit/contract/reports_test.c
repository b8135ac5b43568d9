/* reports_test.c - instance, status and machine documents: both ways, bounds, tolerance. */
#include "common/contract/errors.h"
#include "common/contract/instance.h"
#include "common/contract/machine.h"
#include "common/contract/status.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define INSTANCE                                                                                   \
	"{\"state\":\"RUNNING\",\"hostname\":\"h1\",\"pid\":77,\"version\":\"0.1.0\","             \
	"\"since_ms\":1700000000000,\"run\":\"run-job-0000000001\","                               \
	"\"position\":{\"file\":\"binlog.000002\",\"pos\":1234,\"gtid\":\"0-1-5\"},"               \
	"\"source_head\":{\"file\":\"binlog.000002\",\"pos\":9999,\"gtid\":\"\"},"                 \
	"\"lag_ms\":17,\"rows\":9223372036854775807,\"rows_per_s\":12.5,\"bytes\":4,"              \
	"\"transactions\":5,\"in_flight\":6,\"last_event_ms\":7,\"last_heartbeat_ms\":8,"          \
	"\"binlog_hours_left\":71.25,\"pipe_errors\":9,\"dead_letters\":10,\"rss_bytes\":11,"      \
	"\"memory_limit\":12,\"snapshot\":{\"table\":\"a.b\",\"done\":[1,2]},"                     \
	"\"error\":{\"code\":\"source_lost\",\"message\":\"gone\",\"position\":null}}"

#define STATUS                                                                                     \
	"{\"version\":1,\"state\":\"FAILED\",\"previous\":\"RUNNING\",\"since_ms\":5,"             \
	"\"instance\":\"h1-0000000003\",\"run\":\"run-job-0000000001\",\"revision\":4,"            \
	"\"restart\":2,\"reset\":1,\"positioned\":\"u-1\",\"error_ms\":6,\"error\":{\"code\":\"event_corrupt\",\"message\":\"m\","                  \
	"\"position\":{\"file\":\"b.1\",\"pos\":4,\"gtid\":\"0-1-5\"}},"                           \
	"\"failures\":[{\"position\":{\"file\":\"b.1\",\"pos\":4,\"gtid\":\"0-1-5\"},"             \
	"\"code\":\"event_corrupt\",\"instance\":\"h1-0000000003\",\"count\":2,\"first_ms\":1,"    \
	"\"last_ms\":6}]}"

#define MACHINE                                                                                    \
	"{\"program\":\"mr-core\",\"hostname\":\"h1\",\"pid\":77,\"version\":\"0.1.0\","           \
	"\"format_min\":1,\"format_max\":2,\"started_ms\":3,\"heartbeat_ms\":4,"                   \
	"\"listen\":\"127.0.0.1:9231\",\"cpus\":2,\"load\":0.5,\"cpu_percent\":null,"              \
	"\"rss_bytes\":5,\"memory_limit\":0,\"draining\":true,\"stopping\":false,\"max_tasks\":1000,\"cold\":1,\"held\":2,"      \
	"\"running\":1,\"groups\":[\"g1\"],\"tasks\":[\"a\",\"b\"]}"

/* The three kinds behind one face, so that each test runs over all. */
union any {
	struct instance_doc instance;
	struct status_doc status;
	struct machine_doc machine;
};

static int parse_instance(const char *text, size_t len, union any *ret, struct err *err)
{
	return instance_doc_parse(text, len, &ret->instance, err);
}
static void print_instance(const union any *d, struct buf *out)
{
	instance_doc_print(&d->instance, out);
}
static void clear_instance(union any *d)
{
	instance_doc_clear(&d->instance);
}
static int init_instance(union any *d)
{
	return instance_doc_init(&d->instance);
}
static int parse_status(const char *text, size_t len, union any *ret, struct err *err)
{
	return status_doc_parse(text, len, &ret->status, err);
}
static void print_status(const union any *d, struct buf *out)
{
	status_doc_print(&d->status, out);
}
static void clear_status(union any *d)
{
	status_doc_clear(&d->status);
}
static int init_status(union any *d)
{
	return status_doc_init(&d->status);
}
static int parse_machine(const char *text, size_t len, union any *ret, struct err *err)
{
	return machine_doc_parse(text, len, &ret->machine, err);
}
static void print_machine(const union any *d, struct buf *out)
{
	machine_doc_print(&d->machine, out);
}
static void clear_machine(union any *d)
{
	machine_doc_clear(&d->machine);
}
static int init_machine(union any *d)
{
	return machine_doc_init(&d->machine);
}

static const struct kind {
	const char *full;
	int (*parse)(const char *text, size_t len, union any *ret, struct err *err);
	void (*print)(const union any *d, struct buf *out);
	void (*clear)(union any *d);
	int (*init)(union any *d);
	size_t max;
} kinds[] = {
	{INSTANCE, parse_instance, print_instance, clear_instance, init_instance,
	 INSTANCE_DOCUMENT_MAX},
	{STATUS, parse_status, print_status, clear_status, init_status, STATUS_DOCUMENT_MAX},
	{MACHINE, parse_machine, print_machine, clear_machine, init_machine, MACHINE_DOCUMENT_MAX},
};
enum { KINDS = 3 };

static void must_parse(const struct kind *k, const char *text, union any *ret)
{
	struct err err = {0};
	if (k->parse(text, strlen(text), ret, &err) != 0)
		fail_msg("%s at %s\n%s", err.text, err.where, text);
}

/* `text` reads, and prints as `want`. */
static void must_print(const struct kind *k, const char *text, const char *want)
{
	union any d;
	struct buf b;
	buf_init(&b);
	must_parse(k, text, &d);
	k->print(&d, &b);
	assert_string_equal(buf_cstr(&b), want);
	k->clear(&d);
	buf_free(&b);
}

static char *with(const char *full, const char *from, const char *to)
{
	const char *at = strstr(full, from);
	char *text;
	if (!at)
		fail_msg("no %s in %s", from, full);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(at - full), full, to, at + strlen(from)) > 0);
	return text;
}

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		must_print(&kinds[i], kinds[i].full, kinds[i].full);
		/* What a fresh one prints is read, and is the same again. */
		union any d;
		struct buf b;
		buf_init(&b);
		assert_int_equal(kinds[i].init(&d), 0);
		kinds[i].print(&d, &b);
		kinds[i].clear(&d);
		must_print(&kinds[i], buf_cstr(&b), buf_cstr(&b));
		buf_free(&b);
	}
}

static void test_values(void **state)
{
	(void)state;
	union any d;
	must_parse(&kinds[0], INSTANCE, &d);
	assert_int_equal(d.instance.state, REPORT_RUNNING);
	assert_int_equal(d.instance.lag_ms, 17);
	assert_true(d.instance.rows == INT64_MAX);
	assert_true(d.instance.binlog_hours_left == 71.25);
	assert_string_equal(d.instance.error.code, "source_lost");
	assert_false(report_position_known(&d.instance.error.position));
	assert_string_equal(d.instance.snapshot, "{\"table\":\"a.b\",\"done\":[1,2]}");
	kinds[0].clear(&d);
	char *text = with(INSTANCE, "\"lag_ms\":17", "\"lag_ms\":null");
	must_parse(&kinds[0], text, &d);
	assert_int_equal(d.instance.lag_ms, -1);
	kinds[0].clear(&d);
	free(text);
	must_parse(&kinds[2], MACHINE, &d);
	assert_true(d.machine.draining);
	assert_int_equal(d.machine.tasks.n, 2);
	assert_string_equal(d.machine.tasks.list[1], "b");
	assert_true(d.machine.cpu_percent < 0);
	kinds[2].clear(&d);
}

/* Of a newer version: left out, wherever they stand. */
static void test_unknown_members(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		char *text = with(kinds[i].full, "{", "{\"new\":{\"a\":[1]},");
		must_print(&kinds[i], text, kinds[i].full);
		free(text);
	}
	char *text = with(INSTANCE, "\"pos\":1234", "\"new\":null,\"pos\":1234");
	must_print(&kinds[0], text, INSTANCE);
	free(text);
	text = with(STATUS, "\"count\":2", "\"new\":7,\"count\":2");
	must_print(&kinds[1], text, STATUS);
	free(text);
}

static void test_strict(void **state)
{
	(void)state;
	static const struct {
		int kind;
		const char *from, *to, *where, *part;
	} cases[] = {
		{0, "\"pid\":77,", "", "pid", "missing"},
		{0, "\"state\":\"RUNNING\"", "\"state\":\"running\"", "state", "none of the words"},
		{0, "\"state\":\"RUNNING\"", "\"state\":3", "state", "must be a string"},
		{0, "\"pid\":77", "\"pid\":4294967296", "pid", "out of bounds"},
		{0, "\"pid\":77", "\"pid\":-1", "pid", "out of bounds"},
		{0, "\"pid\":77", "\"pid\":null", "pid", "must be an integer, not null"},
		{0, "\"lag_ms\":17", "\"lag_ms\":-1", "lag_ms", "out of bounds"},
		{0, "\"lag_ms\":17", "\"lag_ms\":1.5", "lag_ms", "must be an integer"},
		{0, "\"rows_per_s\":12.5", "\"rows_per_s\":-0.5", "rows_per_s", "out of bounds"},
		{0, "\"rows_per_s\":12.5", "\"rows_per_s\":null", "rows_per_s", "a number"},
		{0, "\"binlog_hours_left\":71.25", "\"binlog_hours_left\":\"x\"",
		 "binlog_hours_left", "a number"},
		{0, "\"pos\":1234", "\"pos\":\"1234\"", "position.pos", "an integer"},
		{0, "\"pos\":1234,", "", "position.pos", "missing"},
		{0, "\"position\":{\"file\"", "\"position\":7,\"x\":{\"file\"", "position",
		 "null or an object"},
		{0, "\"code\":\"source_lost\",", "", "error.code", "missing"},
		{0, "\"position\":null}", "\"position\":[]}", "error.position",
		 "null or an object"},
		{0, "\"snapshot\":{", "\"snapshot\":7,\"x\":{", "snapshot", "null or an object"},
		{0, "\"pid\":77", "\"pid\":77,\"pid\":78", "line 1, column ", "duplicate"},
		{1, "\"version\":1", "\"version\":2", "version", "must be 1"},
		{1, "\"version\":1,", "", "version", "must be 1"},
		{1, "\"failures\":[", "\"failures\":[7,", "failures[0]", "must be an object"},
		{1, "\"failures\":[", "\"failures\":7,\"x\":[", "failures", "must be a list"},
		{1, "\"count\":2,", "", "failures[0].count", "missing"},
		{1, "\"failures\":", "\"failure\":", "failures", "missing"},
		{2, "\"draining\":true", "\"draining\":1", "draining", "true or false"},
		{2, "[\"g1\"]", "[7]", "groups", "a list of strings"},
		{2, "[\"g1\"]", "{}", "groups", "a list"},
		{2, "\"format_min\":1", "\"format_min\":3", "format_min", "above format_max"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct kind *k = &kinds[cases[i].kind];
		char *text = with(k->full, cases[i].from, cases[i].to);
		union any d;
		struct err err = {0};
		memset(&d, 0x5a, sizeof(d));
		if (k->parse(text, strlen(text), &d, &err) != -EINVAL)
			fail_msg("accepted %s", text);
		assert_ptr_equal(err.kind, ERR_DOCUMENT_INVALID);
		if (strncmp(err.where, cases[i].where, strlen(cases[i].where)) != 0 ||
		    !strstr(err.text, cases[i].part))
			fail_msg("%s\n'%s' at '%s'", text, err.text, err.where);
		for (size_t n = 0; n < sizeof(d); n++)
			assert_int_equal(((const uint8_t *)&d)[n], 0x5a);
		free(text);
	}
}

static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++)
		for (size_t n = 0; n < strlen(kinds[i].full); n++) {
			union any d;
			struct err err = {0};
			if (kinds[i].parse(kinds[i].full, n, &d, &err) == 0)
				fail_msg("accepted the first %zu bytes", n);
		}
}

/* Sets of over 4 KiB: no reader takes the summary for a set. */
static void test_gtid_summary(void **state)
{
	(void)state;
	struct instance_doc d, again;
	struct buf set, b;
	struct err err = {0};
	buf_init(&set);
	buf_init(&b);
	assert_int_equal(instance_doc_init(&d), 0);
	while (set.len <= REPORT_GTID_MAX)
		buf_printf(&set, "%s3e11fa47-71ca-11e1-9e33-%012zu:1-%zu:9000-9001",
			   set.len ? "," : "", set.len, set.len + 1);
	for (size_t len = REPORT_GTID_MAX - 1; len <= set.len; len++) {
		char *gtid = strndup((const char *)set.data, len);
		assert_int_equal(report_set(&d.position.gtid, gtid), 0);
		buf_clear(&b);
		instance_doc_print(&d, &b);
		assert_int_equal(instance_doc_parse(buf_cstr(&b), b.len, &again, &err), 0);
		const char *got = again.position.gtid;
		assert_true(strlen(got) <= REPORT_GTID_MAX);
		if (len <= REPORT_GTID_MAX) {
			assert_string_equal(got, gtid);
		} else {
			char tail[64];
			const char *dots = strstr(got, "...");
			assert_non_null(dots);
			snprintf(tail, sizeof(tail), "... (%zu bytes in all)", len);
			assert_string_equal(dots, tail);
			assert_memory_equal(got, gtid, (size_t)(dots - got));
			/* Whole intervals, and most of what fits. */
			assert_true(gtid[dots - got] == ',' || gtid[dots - got] == ':');
			assert_true(dots - got > REPORT_GTID_MAX - 128);
		}
		instance_doc_clear(&again);
		free(gtid);
	}
	/* One text without an end of an interval. */
	char *solid = malloc(10001);
	memset(solid, '7', 10000);
	solid[10000] = 0;
	buf_clear(&b);
	report_put_gtid(&b, solid);
	assert_string_equal(buf_cstr(&b), "\"... (10000 bytes in all)\"");
	free(solid);
	instance_doc_clear(&d);
	buf_free(&set);
	buf_free(&b);
}

/* The worst that fits into the struct's bounds still fits into the document's. */
static void test_bounds(void **state)
{
	(void)state;
	union any d;
	struct buf b;
	char *wide = malloc(20001), *file = malloc(REPORT_FILE_MAX + 1);
	/* Three bytes each: not to be cut between. */
	for (int i = 0; i < 20000; i++)
		wide[i] = "\xe2\x82\xac"[i % 3];
	wide[20000] = 0;
	memset(file, 'f', REPORT_FILE_MAX);
	file[REPORT_FILE_MAX] = 0;
	buf_init(&b);
	assert_int_equal(instance_doc_init(&d.instance), 0);
	struct err failure = {.kind = ERR_SOURCE_LOST};
	memset(failure.text, '\x01', sizeof(failure.text) - 1);
	assert_int_equal(report_error_set(&d.instance.error, &failure), 0);
	assert_int_equal(report_position_set(&d.instance.position, file, INT64_MAX, wide), 0);
	assert_int_equal(report_position_set(&d.instance.source_head, file, 1, wide), 0);
	assert_int_equal(report_position_set(&d.instance.error.position, file, 1, wide), 0);
	instance_doc_print(&d.instance, &b);
	assert_true(b.len < INSTANCE_DOCUMENT_MAX - INSTANCE_SNAPSHOT_MAX);
	instance_doc_clear(&d.instance);

	assert_int_equal(instance_doc_init(&d.instance), 0);
	assert_int_equal(report_set(&d.instance.error.code, "x"), 0);
	assert_int_equal(report_set(&d.instance.error.message, wide), 0);
	buf_clear(&b);
	instance_doc_print(&d.instance, &b);
	instance_doc_clear(&d.instance);
	must_parse(&kinds[0], buf_cstr(&b), &d);
	assert_int_equal(strlen(d.instance.error.message), REPORT_MESSAGE_MAX / 3 * 3);
	instance_doc_clear(&d.instance);

	/* A list that is too long prints as far as it may. */
	assert_int_equal(machine_doc_init(&d.machine), 0);
	char name[128];
	for (int i = 0; i < MACHINE_TASKS_MAX + 1; i++) {
		snprintf(name, sizeof(name), "%0100d", i);
		assert_int_equal(report_add(&d.machine.tasks, name), 0);
	}
	buf_clear(&b);
	machine_doc_print(&d.machine, &b);
	assert_true(b.len < MACHINE_DOCUMENT_MAX - 64 * 1024);
	machine_doc_clear(&d.machine);
	must_parse(&kinds[2], buf_cstr(&b), &d);
	assert_int_equal(d.machine.tasks.n, MACHINE_TASKS_MAX);
	machine_doc_clear(&d.machine);

	/* Over the size of a document. */
	for (size_t i = 0; i < KINDS; i++) {
		struct err err = {0};
		buf_clear(&b);
		buf_puts(&b, kinds[i].full);
		while (b.len <= kinds[i].max)
			buf_putc(&b, ' ');
		assert_int_equal(kinds[i].parse(buf_cstr(&b), b.len, &d, &err), -EINVAL);
		assert_non_null(strstr(err.text, "larger than"));
	}
	free(wide);
	free(file);
	buf_free(&b);
}

static void test_error(void **state)
{
	(void)state;
	struct report_error e = {0};
	struct err err = {.kind = ERR_SOURCE_LOST, .text = "gone"};
	assert_int_equal(report_error_set(&e, &err), 0);
	assert_string_equal(e.code, "source_lost");
	assert_string_equal(e.message, "gone");
	err.kind = NULL;
	assert_int_equal(report_error_set(&e, &err), 0);
	assert_string_equal(e.code, "");
	assert_string_equal(e.message, "");
	free(e.code);
	free(e.message);
}

/* Protocol, rule 12: the same position on two instances, or twice on one. */
/* A set over REPORT_GTID_MAX is summarised when it is kept, and is still the same place. */
static void test_counting_long_sets(void **state)
{
	struct status_doc d, again;
	struct err err = {0};
	struct buf set, out;
	uint64_t count = 0;
	(void)state;
	buf_init(&set);
	for (int k = 0; k < 200; k++)
		buf_printf(&set, "%s%08x-1111-2222-3333-444444444444:1-%d", k ? "," : "", k, k + 5);
	struct report_position at = {.file = (char *)"binlog.000007", .pos = 4,
				     .gtid = (char *)(uintptr_t)buf_cstr(&set)};
	assert_true(set.len > REPORT_GTID_MAX);
	assert_int_equal(status_doc_init(&d), 0);
	for (uint64_t turn = 1; turn <= 3; turn++) {
		assert_int_equal(status_doc_count(&d, &at, "source_auth", "h-0000000001", 7, &count), 0);
		assert_int_equal(count, turn);
		assert_int_equal(status_doc_count_of(&d, &at), turn);
		buf_init(&out);
		status_doc_print(&d, &out);
		if (status_doc_parse((const char *)out.data, out.len, &again, &err) < 0)
			fail_msg("%s", err.text);
		buf_free(&out);
		status_doc_clear(&d);
		d = again;
	}
	assert_int_equal(d.nfailures, 1);
	status_doc_clear(&d);
	buf_free(&set);
}

static void test_counting(void **state)
{
	(void)state;
	struct status_doc d;
	struct report_position p = {.file = "b.1", .pos = 4, .gtid = "0-1-5"};
	struct report_position elsewhere = {.file = "other.9", .pos = 70, .gtid = "0-1-5"};
	struct report_position no_gtid = {.file = "b.1", .pos = 4, .gtid = ""};
	struct report_position next = {.file = "b.1", .pos = 90, .gtid = "0-1-6"};
	uint64_t n;
	assert_int_equal(status_doc_init(&d), 0);
	assert_int_equal(status_doc_count_of(&d, &p), 0);
	assert_int_equal(status_doc_count(&d, &p, "event_corrupt", "h1-0000000001", 10, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(status_doc_count(&d, &next, "event_corrupt", "h1-0000000001", 11, &n), 0);
	assert_int_equal(n, 1);
	/* The same transaction on another server. */
	assert_int_equal(status_doc_count(&d, &elsewhere, "bad_row", "h2-0000000002", 12, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(d.nfailures, 2);
	assert_int_equal(d.failures[0].first_ms, 10);
	assert_int_equal(d.failures[0].last_ms, 12);
	assert_string_equal(d.failures[0].code, "bad_row");
	assert_string_equal(d.failures[0].instance, "h2-0000000002");
	/* Without a GTID file and pos decide: it is "other.9" now. */
	assert_int_equal(status_doc_count_of(&d, &no_gtid), 0);
	assert_int_equal(status_doc_count(&d, &no_gtid, "x", "i", 13, &n), 0);
	assert_int_equal(n, 1);
	/* The list is bounded: the one longest ago goes. */
	for (uint64_t i = 0; i < 40; i++) {
		struct report_position q = {.file = "c.1", .pos = 100 + i, .gtid = ""};
		assert_int_equal(status_doc_count(&d, &q, "x", "i", 100 + i, &n), 0);
		assert_int_equal(n, 1);
	}
	assert_int_equal(d.nfailures, STATUS_FAILURES_MAX);
	assert_int_equal(status_doc_count_of(&d, &p), 0);
	for (uint64_t i = 40 - STATUS_FAILURES_MAX; i < 40; i++) {
		struct report_position q = {.file = "c.1", .pos = 100 + i, .gtid = ""};
		assert_int_equal(status_doc_count_of(&d, &q), 1);
	}
	struct buf b;
	union any again;
	buf_init(&b);
	status_doc_print(&d, &b);
	must_parse(&kinds[1], buf_cstr(&b), &again);
	assert_int_equal(again.status.nfailures, STATUS_FAILURES_MAX);
	status_doc_forgive(&again.status);
	assert_int_equal(again.status.nfailures, 0);
	status_doc_clear(&again.status);
	status_doc_clear(&d);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_values),
		cmocka_unit_test(test_unknown_members), cmocka_unit_test(test_strict),
		cmocka_unit_test(test_cut),	     cmocka_unit_test(test_gtid_summary),
		cmocka_unit_test(test_bounds),	     cmocka_unit_test(test_error),
		cmocka_unit_test(test_counting),
		cmocka_unit_test(test_counting_long_sets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
