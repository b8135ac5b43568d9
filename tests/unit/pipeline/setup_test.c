/*
 * setup_test.c - where a task begins, by its document and by what a person has set since;
 * what a source shows of us.
 */
#include "core/pipeline/setup.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char *task_name = "t";

#define HEAD                                                                                       \
	"{\"version\":1,\"name\":\"%s\",\"source\":{\"host\":\"h\",\"user\":\"u\",\"start\":"
#define TAIL "},\"tables\":{\"include\":[\"a.*\"]},\"pipe\":{\"type\":\"none\","                   \
	     "\"delivery\":\"at_least_once\"}}"

static struct task *task_with(const char *start)
{
	char text[1024];
	struct task *task;
	struct err err = {0};
	snprintf(text, sizeof(text), HEAD "%s" TAIL, task_name, start);
	if (task_parse(text, strlen(text), &task, &err) < 0)
		fail_msg("%s at %s", err.text, err.where);
	return task;
}

static struct control_doc control_with(unsigned reset, const char *position)
{
	char text[1024];
	struct control_doc c;
	struct err err = {0};
	snprintf(text, sizeof(text), "{\"desired\":\"running\",\"revision\":1,\"reset\":%u,"
				     "\"position\":%s}", reset, position);
	if (control_doc_parse(text, strlen(text), &c, &err) < 0)
		fail_msg("%s at %s", err.text, err.where);
	return c;
}

static struct server_start start_of(const struct task *task, const struct control_doc *control,
				    bool ordered)
{
	struct server_start start;
	struct err err = {0};
	if (setup_start(task, control, ordered, &start, &err) < 0)
		fail_msg("%s", err.text);
	return start;
}

static void test_the_documents_start(void **state)
{
	(void)state;
	struct task *task = task_with("\"latest\"");
	assert_int_equal(start_of(task, NULL, false).kind, START_LATEST);
	task_free(task);
	task = task_with("{\"file\":\"binlog.000007\",\"pos\":1234}");
	struct server_start start = start_of(task, NULL, false);
	assert_int_equal(start.kind, START_FILE);
	assert_string_equal(start.at.file, "binlog.000007");
	assert_int_equal(start.at.pos, 1234);
	task_free(task);
	task = task_with("{\"time\":\"2026-11-22T10:00:00Z\"}");
	start = start_of(task, NULL, false);
	assert_int_equal(start.kind, START_TIME);
	assert_true(start.time == (usec_t)1795341600 * USEC_PER_SEC);
	task_free(task);
}

static void test_a_position_that_was_set(void **state)
{
	(void)state;
	struct task *task = task_with("\"earliest\"");
	struct control_doc c = control_with(
		2, "{\"file\":\"binlog.000009\",\"pos\":77,\"gtid\":\"0-1-5\"}");
	struct server_start start = start_of(task, &c, true);
	assert_int_equal(start.kind, START_FILE);
	assert_string_equal(start.at.file, "binlog.000009");
	assert_int_equal(start.at.pos, 77);
	assert_string_equal(start.gtid, "0-1-5");
	/* Done already: the document's start would count, were there no position. */
	assert_int_equal(start_of(task, &c, false).kind, START_EARLIEST);
	control_doc_clear(&c);
	c = control_with(1, "{\"gtid\":\"0-1-9\"}");
	start = start_of(task, &c, true);
	assert_int_equal(start.kind, START_GTID);
	assert_string_equal(start.gtid, "0-1-9");
	control_doc_clear(&c);
	c = control_with(1, "\"latest\"");
	assert_int_equal(start_of(task, &c, true).kind, START_LATEST);
	control_doc_clear(&c);
	c = control_with(3, "null");
	assert_int_equal(start_of(task, &c, true).kind, START_EARLIEST);
	control_doc_clear(&c);
	task_free(task);
}

static void test_a_time_that_is_still_under_way(void **state)
{
	(void)state;
	struct task *task = task_with("{\"time\":\"2026-11-22T10:00:00Z\"}");
	struct control_doc c = control_with(1, "{\"time\":\"2026-11-22T11:00:00Z\"}");
	usec_t ten = (usec_t)1795341600 * USEC_PER_SEC;
	assert_true(start_of(task, &c, true).time == ten + 3600 * USEC_PER_SEC);
	assert_true(start_of(task, &c, false).time == ten + 3600 * USEC_PER_SEC);
	control_doc_clear(&c);
	c = control_with(0, "null");
	assert_true(start_of(task, &c, false).time == ten);
	control_doc_clear(&c);
	task_free(task);
}

static void test_what_a_source_shows_of_us(void **state)
{
	(void)state;
	char out[SETUP_REPLICA_NAME_MAX], host[101], prefix[SETUP_REPLICA_NAME_MAX];
	struct task *task = task_with("\"latest\"");
	setup_replica_name(task, "db-core-1", out);
	assert_string_equal(out, "t@db-core-1");
	memset(host, 'h', 100);
	host[100] = 0;
	setup_replica_name(task, host, out);
	assert_int_equal(strlen(out), SETUP_REPLICA_NAME_MAX - 1);
	/* How a preflight knows our own among replicas, whatever the host's name. */
	setup_replica_name(task, "", prefix);
	assert_string_equal(prefix, "t@");
	assert_int_equal(strncmp(out, prefix, strlen(prefix)), 0);
	task_free(task);

	char name[101] = {0};
	memset(name, 'n', 100);
	task_name = name;
	task = task_with("\"latest\"");
	task_name = "t";
	setup_replica_name(task, host, out);
	setup_replica_name(task, "", prefix);
	assert_int_equal(strncmp(out, prefix, strlen(prefix)), 0);
	task_free(task);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_documents_start),
		cmocka_unit_test(test_a_position_that_was_set),
		cmocka_unit_test(test_a_time_that_is_still_under_way),
		cmocka_unit_test(test_what_a_source_shows_of_us),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
