/* position_test.c - the position document: strict both ways. */
#include "common/contract/errors.h"
#include "common/contract/position.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FULL                                                                                       \
	"{\"version\":1,\"uid\":\"u\",\"reset\":1,\"seq\":42,\"epoch\":9223372036854775807,"       \
	"\"delivery\":\"at_least_once\",\"pipe_cluster\":\"kc\",\"flavor\":\"mysql\","             \
	"\"source\":\"3e11fa47-71ca-11e1-9e33-c80aa9429562\",\"file\":\"binlog.000002\","          \
	"\"pos\":1234,\"gtid\":\"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5\","                      \
	"\"ts_ms\":1700000000000,\"instance\":\"h:1\",\"partial\":{\"gtid\":\"g\","                \
	"\"file\":\"binlog.000002\",\"pos\":1300,\"rows\":7,\"crc\":4294967295,\"revision\":3},"   \
	"\"prepared\":[{\"xid\":\"x\",\"gtid\":\"g\",\"before\":\"b\",\"file\":\"f\",\"pos\":5}]," \
	"\"snapshot\":{\"table\":\"a.b\",\"chunk\":7,\"done\":[\"c.d\"]}}"

static int parse(const char *text, struct position_doc *d, struct err *err)
{
	*err = (struct err){0};
	return position_doc_parse(text, strlen(text), d, err);
}

static void test_round_trip(void **state)
{
	(void)state;
	struct position_doc d, again;
	struct err err;
	struct buf b, c;
	buf_init(&b);
	buf_init(&c);
	if (parse(FULL, &d, &err) != 0)
		fail_msg("%s at %s", err.text, err.where);
	assert_int_equal(d.seq, 42);
	assert_true(d.epoch == INT64_MAX);
	assert_true(d.has_partial);
	assert_int_equal(d.partial.rows, 7);
	assert_true(d.partial.crc == UINT32_MAX);
	assert_int_equal(d.nprepared, 1);
	assert_string_equal(d.prepared[0].before, "b");
	assert_string_equal(d.snapshot, "{\"table\":\"a.b\",\"chunk\":7,\"done\":[\"c.d\"]}");
	position_doc_print(&d, &b);
	assert_string_equal(buf_cstr(&b), FULL);
	assert_int_equal(parse(buf_cstr(&b), &again, &err), 0);
	position_doc_print(&again, &c);
	assert_string_equal(buf_cstr(&b), buf_cstr(&c));
	position_doc_clear(&d);
	position_doc_clear(&again);
	buf_free(&b);
	buf_free(&c);
}

static void test_init_prints_nulls(void **state)
{
	(void)state;
	struct position_doc d;
	struct buf b;
	buf_init(&b);
	assert_int_equal(position_doc_init(&d), 0);
	assert_int_equal(position_doc_set(&d.file, "a\"b"), 0);
	position_doc_print(&d, &b);
	assert_non_null(strstr(buf_cstr(&b), "\"file\":\"a\\\"b\""));
	assert_non_null(
		strstr(buf_cstr(&b), "\"partial\":null,\"prepared\":[],\"snapshot\":null}"));
	position_doc_clear(&d);
	buf_free(&b);
}

/* FULL with one piece of it replaced. */
static char *with(const char *from, const char *to)
{
	const char *at = strstr(FULL, from);
	char *text;
	assert_non_null(at);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(at - FULL), FULL, to, at + strlen(from)) > 0);
	return text;
}

static void test_strict(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to, *where, *part;
	} cases[] = {
		{"\"uid\":\"u\",", "", "uid", "'uid' is missing"},
		{"\"uid\":\"u\",", "\"uid\":7,", "uid", "must be a string, not an integer"},
		{"\"version\":1", "\"version\":2", "version", "written by other software"},
		{"\"version\":1,", "", "version", "missing"},
		{"\"pos\":1234", "\"pos\":-1", "pos", "out of bounds"},
		{"\"pos\":1234", "\"pos\":1234.0", "pos", "must be an integer, not a fraction"},
		{"\"pos\":1234", "\"pos\":\"1234\"", "pos", "must be an integer, not a string"},
		{"\"pos\":1234", "\"pos\":1234,\"extra\":1", "", "does not know"},
		{"\"pos\":1234", "\"pos\":1,\"pos\":2", "line 1, column ", "duplicate"},
		{"\"crc\":4294967295", "\"crc\":4294967296", "partial.crc", "out of bounds"},
		{"\"rows\":7,", "", "partial.rows", "missing"},
		{"\"rows\":7,", "\"rows\":7,\"row\":1,", "", "does not know"},
		{"\"xid\":\"x\",", "", "prepared[0].xid", "missing"},
		{"\"prepared\":[", "\"prepared\":[7,", "prepared[0].", "must be an object"},
		{"\"flavor\":\"mysql\"", "\"flavor\":\"oracle\"", "flavor", "mysql or mariadb"},
		{",\"snapshot\":{\"table\":\"a.b\",\"chunk\":7,\"done\":[\"c.d\"]}", "", "snapshot",
		 "missing"},
		{"\"epoch\":9223372036854775807", "\"epoch\":9223372036854775808",
		 "line 1, column ", "not valid JSON"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = with(cases[i].from, cases[i].to);
		struct position_doc d;
		struct err err;
		if (parse(text, &d, &err) == 0)
			fail_msg("accepted %s", text);
		assert_ptr_equal(err.kind, ERR_STATE_INVALID);
		if (strncmp(err.where, cases[i].where, strlen(cases[i].where)) != 0 ||
		    !strstr(err.text, cases[i].part))
			fail_msg("%s\n'%s' at '%s'", text, err.text, err.where);
		free(text);
	}
}

/* A file cut anywhere is never taken for a position. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t n = 0; n < strlen(FULL); n++) {
		struct position_doc d;
		struct err err = {0};
		if (position_doc_parse(FULL, n, &d, &err) == 0)
			fail_msg("accepted the first %zu bytes", n);
		assert_ptr_equal(err.kind, ERR_STATE_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_init_prints_nulls),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
