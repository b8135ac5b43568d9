/* control_test.c - the control document: every form of its position, and strictness. */
#include "common/contract/control.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEAD "{\"desired\":\"running\",\"revision\":3,\"restart\":2,\"reset\":1,\"position\":"

static void test_forms(void **state)
{
	(void)state;
	static const struct {
		const char *position;
		enum control_start start;
	} forms[] = {
		{"null", CONTROL_KEEP},
		{"\"latest\"", CONTROL_LATEST},
		{"\"earliest\"", CONTROL_EARLIEST},
		{"{\"file\":\"binlog.000002\",\"pos\":4}", CONTROL_FILE},
		{"{\"file\":\"b\",\"pos\":1234,\"gtid\":\"0-1-5\"}", CONTROL_FILE},
		{"{\"gtid\":\"0-1-5,1-2-3\"}", CONTROL_GTID},
		{"{\"gtid\":\"\"}", CONTROL_GTID}, /* from the first transaction there is */
		{"{\"time\":\"2026-11-22T10:00:00Z\"}", CONTROL_TIME},
	};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct control_doc d;
		struct err err = {0};
		struct buf b;
		char text[200];
		snprintf(text, sizeof(text), HEAD "%s}", forms[i].position);
		if (control_doc_parse(text, strlen(text), &d, &err) != 0)
			fail_msg("%s: %s", text, err.text);
		assert_int_equal(d.position.start, forms[i].start);
		assert_int_equal(d.desired, CONTROL_RUNNING);
		assert_int_equal(d.revision, 3);
		assert_int_equal(d.restart, 2);
		assert_int_equal(d.reset, 1);
		buf_init(&b);
		control_doc_print(&d, &b);
		assert_string_equal(buf_cstr(&b), text);
		control_doc_clear(&d);
		buf_free(&b);
	}
}

/* Members that may be missing, and what a created task has. */
static void test_short(void **state)
{
	(void)state;
	static const char text[] = "{\"desired\":\"deleted\",\"revision\":7}";
	struct control_doc d;
	struct err err;
	struct buf b;
	assert_int_equal(control_doc_parse(text, strlen(text), &d, &err), 0);
	assert_string_equal(control_desired_name((enum control_desired)d.desired), "deleted");
	assert_int_equal(d.revision, 7);
	assert_int_equal(d.reset, 0);
	assert_int_equal(d.position.start, CONTROL_KEEP);
	assert_string_equal(d.position.gtid, "");
	control_doc_clear(&d);
	assert_int_equal(control_doc_init(&d), 0);
	buf_init(&b);
	control_doc_print(&d, &b);
	assert_string_equal(buf_cstr(&b), "{\"desired\":\"stopped\",\"revision\":0,\"restart\":0,"
					  "\"reset\":0,\"position\":null}");
	control_doc_clear(&d);
	buf_free(&b);
}

static void test_strict(void **state)
{
	(void)state;
	static const struct {
		const char *text, *where, *part;
	} bad[] = {
		{"", "", "not valid JSON"},
		{"[]", "", "must be an object"},
		{"{}", "desired", "missing"},
		{"{\"desired\":\"running\"}", "revision", "missing"},
		{"{\"desired\":\"started\",\"revision\":1}", "desired", "none of the words"},
		{"{\"desired\":\"running\",\"revision\":-1}", "revision", "out of bounds"},
		{"{\"desired\":\"running\",\"revision\":1,\"extra\":1}", "extra", "not known"},
		{"{\"desired\":\"running\",\"revision\":1,\"restart\":null}", "restart",
		 "an integer, not null"},
		{HEAD "7}", "position", "not an integer"},
		{HEAD "\"now\"}", "position", "\"latest\" or"},
		{HEAD "{}}", "position", "names no place"},
		{HEAD "{\"file\":\"b\"}}", "position", "without the other"},
		{HEAD "{\"pos\":4}}", "position", "without the other"},
		{HEAD "{\"pos\":4,\"gtid\":\"x\"}}", "position", "without the other"},
		{HEAD "{\"file\":\"b\",\"pos\":3}}", "position", "below 4"},
		{HEAD "{\"file\":\"\",\"pos\":4}}", "position", "empty file"},
		{HEAD "{\"file\":\"b\",\"pos\":\"4\"}}", "position.pos", "an integer"},
		{HEAD "{\"time\":\"yesterday\"}}", "position.time", "not a time"},
		{HEAD "{\"time\":\"2026-11-22T10:00:00Z\",\"gtid\":\"x\"}}", "position",
		 "a time and another"},
		{HEAD "{\"gtid\":\"x\",\"Gtid\":\"y\"}}", "position.Gtid", "not known"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct control_doc d;
		struct err err = {0};
		if (control_doc_parse(bad[i].text, strlen(bad[i].text), &d, &err) != -EINVAL)
			fail_msg("accepted %s", bad[i].text);
		assert_ptr_equal(err.kind, ERR_DOCUMENT_INVALID);
		if (strncmp(err.where, bad[i].where, strlen(bad[i].where)) != 0 ||
		    !strstr(err.text, bad[i].part))
			fail_msg("%s\n'%s' at '%s'", bad[i].text, err.text, err.where);
	}
}

/* An executed set of any size that fits: here nothing is summarised. */
static void test_large_set(void **state)
{
	(void)state;
	struct control_doc d, again;
	struct err err = {0};
	struct buf b;
	size_t n = CONTROL_DOCUMENT_MAX - 8192;
	char *gtid = malloc(n + 1);
	memset(gtid, '1', n);
	gtid[n] = 0;
	assert_int_equal(control_doc_init(&d), 0);
	free(d.position.gtid);
	d.position.gtid = gtid;
	d.position.start = CONTROL_GTID;
	buf_init(&b);
	control_doc_print(&d, &b);
	if (control_doc_parse(buf_cstr(&b), b.len, &again, &err) != 0)
		fail_msg("%s", err.text);
	assert_string_equal(again.position.gtid, gtid);
	control_doc_clear(&d);
	control_doc_clear(&again);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_large_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
