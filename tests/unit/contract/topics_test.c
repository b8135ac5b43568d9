/* topics_test.c - templates of topics: placeholders, collisions, topics that are no table's. */
#include "common/contract/errors.h"
#include "common/contract/task.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HEAD  "\"name\":\"t\",\"source\":{\"host\":\"db1\",\"user\":\"repl\"}"
#define KAFKA "\"pipe\":{\"brokers\":\"k1:9092\"}"

static struct span span(const char *s)
{
	return (struct span){(const uint8_t *)s, strlen(s)};
}

static struct task *parse(const char *text)
{
	struct task *t = NULL;
	struct err err = {0};
	if (task_parse(text, strlen(text), &t, &err) != 0)
		fail_msg("%s\n%s at %s", text, err.text, err.where);
	return t;
}

static void assert_refused(const char *text, const char *where, const char *part)
{
	struct task *t = NULL;
	struct err err = {0};
	if (task_parse(text, strlen(text), &t, &err) == 0) {
		task_free(t);
		fail_msg("accepted: %s", text);
	}
	assert_null(t);
	assert_ptr_equal(err.kind, ERR_TASK_INVALID);
	if (strcmp(err.where, where) != 0 || !strstr(err.text, part))
		fail_msg("%s\nsaid '%s' at '%s'\nwanted '%s' at '%s'", text, err.text, err.where,
			 part, where);
}

static void test_side_topics(void **state)
{
	(void)state;
	struct err err = {0};
	char name[TASK_TOPIC_MAX + 1];
	struct task *t = parse("{" HEAD ",\"pipe\":{\"type\":\"none\",\"topics\":{\"heartbeat\":"
			       "\"{task}.beat\",\"heartbeat_interval\":\"500ms\"}}}");
	assert_int_equal(t->pipe.topics.heartbeat_interval, USEC_PER_SEC / 2);
	assert_int_equal(task_side_topic(t, "heartbeat", t->pipe.topics.heartbeat, name, &err), 0);
	assert_string_equal(name, "t.beat");
	task_free(t);
	t = parse("{" HEAD "," KAFKA "}");
	assert_string_equal(t->pipe.topics.heartbeat, "");
	assert_int_equal(t->pipe.topics.heartbeat_interval, 10 * USEC_PER_SEC);
	task_free(t);
	assert_refused("{" HEAD ",\"pipe\":{\"topics\":{\"heartbeat\":\"{db}.beat\"}}}",
		       "pipe.topics.heartbeat", "{task} only");
	assert_refused("{" HEAD ",\"pipe\":{\"topics\":{\"heartbeat\":\"..\"}}}",
		       "pipe.topics.heartbeat", "Kafka does not allow");
	assert_refused("{" HEAD ",\"pipe\":{\"brokers\":\"k\",\"topics\":{\"heartbeat\":\"x\","
		       "\"schema_changes\":\"x\"}}}",
		       "pipe.topics.schema_changes", "is the topic of pipe.topics.heartbeat too");
	assert_refused("{" HEAD ",\"pipe\":{\"topics\":{\"heartbeat_interval\":\"1ms\"}}}",
		       "pipe.topics.heartbeat_interval", "from 100ms");
}

static void test_topics(void **state)
{
	(void)state;
	char out[TASK_TOPIC_MAX + 1];
	struct err err = {0};
	struct task *t = parse("{" HEAD "," KAFKA "}");
	assert_int_equal(task_topic(t, span("shop"), span("item"), out, &err), 0);
	assert_string_equal(out, "t.shop.item");
	assert_int_equal(task_topic(t, span("my shop"), span("caf\xc3\xa9$1"), out, &err), 0);
	assert_string_equal(out, "t.my_shop.caf__1");
	char longest[TASK_TOPIC_MAX + 1];
	memset(longest, 'x', sizeof(longest));
	struct span table = {(uint8_t *)longest, TASK_TOPIC_MAX - strlen("t.d.")};
	assert_int_equal(task_topic(t, span("d"), table, out, &err), 0);
	assert_int_equal(strlen(out), TASK_TOPIC_MAX);
	table.len++;
	assert_int_equal(task_topic(t, span("d"), table, out, &err), -EINVAL);
	assert_non_null(strstr(err.text, "250 characters"));
	task_free(t);
	t = parse("{" HEAD ",\"pipe\":{\"brokers\":\"k\",\"topic\":\"{table}\"}}");
	assert_int_equal(task_topic(t, span("d"), span(".."), out, &err), -EINVAL);
	task_free(t);
	/* Every placeholder, as often as one likes; what is no placeholder stays. */
	t = parse("{" HEAD ",\"pipe\":{\"brokers\":\"k\","
		  "\"topic\":\"{table}-{db}_{task}.{table}\"}}");
	assert_int_equal(task_topic(t, span("d"), span("x y"), out, &err), 0);
	assert_string_equal(out, "x_y-d_t.x_y");
	assert_true(task_topic_shared(t, span("d"), span("x"), span("d"), span("x")));
	assert_false(task_topic_shared(t, span("d"), span("x y"), span("d"), span("x_y")));
	task_free(t);
	/* Nothing between: a.bc and ab.c have one topic, and were not meant to. */
	t = parse("{" HEAD ",\"pipe\":{\"brokers\":\"k\",\"topic\":\"{db}{table}\"}}");
	assert_false(task_topic_shared(t, span("a"), span("bc"), span("ab"), span("c")));
	task_free(t);
	t = parse("{" HEAD ",\"pipe\":{\"brokers\":\"k\",\"topic\":\"all_of_{db}\"}}");
	assert_true(task_topic_shared(t, span("d"), span("a"), span("d"), span("b")));
	task_free(t);
	/* Rows are in no topic of other messages: here a table is called so. */
	t = parse("{" HEAD ",\"pipe\":{\"brokers\":\"k\",\"topic\":\"{task}.{table}\","
		  "\"topics\":{\"heartbeat\":\"{task}.beat\"}}}");
	assert_int_equal(task_topic(t, span("d"), span("transaction"), out, &err), 0);
	assert_int_equal(task_topic(t, span("d"), span("beat"), out, &err), -EINVAL);
	assert_non_null(strstr(err.text, "d.beat"));
	assert_non_null(strstr(err.text, "pipe.topics.heartbeat"));
	assert_int_equal(task_topic(t, span("d"), span("schema-changes"), out, &err), -EINVAL);
	task_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_side_topics),
		cmocka_unit_test(test_topics),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
