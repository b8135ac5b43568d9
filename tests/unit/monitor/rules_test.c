/* rules_test.c - each rule as a table: facts in, verdict out, and what a person reads. */
#include "monitor/rules/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND USEC_PER_SEC
#define HOUR   (3600 * SECOND)

/* A task that runs as it should. */
static struct task_facts well(void)
{
	return (struct task_facts){.name = "copy",
				   .hot = true,
				   .has_document = true,
				   .control_error = "",
				   .desired = CONTROL_RUNNING,
				   .instances = 2,
				   .node = "h1-0000000001",
				   .read = true,
				   .broken = "",
				   .state = REPORT_RUNNING,
				   .hostname = "h1",
				   .state_for = 65 * SECOND,
				   .lag = 0,
				   .binlog_hours_left = 100,
				   .letters_for = -1,
				   .error_code = "",
				   .error_message = "",
				   .position = "b.000001:4",
				   .source_head = "b.000001:9"};
}

static void ask(enum rule_id rule, const struct task_facts *f, bool firing, struct verdict *v)
{
	rules_task(rule, f, &rules[rule].fallback, firing, v);
	if (v->state == VERDICT_HOLDS) {
		assert_true(v->message[0] && v->value[0] && v->next_step[0]);
		/* One sentence that names the task. */
		assert_non_null(strstr(v->message, f->name));
		assert_int_equal(v->message[strlen(v->message) - 1], '.');
	}
}

static int state_of(enum rule_id rule, const struct task_facts *f, bool firing)
{
	struct verdict v;
	ask(rule, f, firing, &v);
	return v.state;
}

static void a_task_that_is_well_raises_nothing(void **state)
{
	(void)state;
	const struct task_facts f = well();
	for (int r = 0; r < (int)TASK_ALERTS; r++)
		assert_int_equal(state_of((enum rule_id)r, &f, true), VERDICT_CLEAR);
}

static void nothing_of_tasks_that_shall_not_run(void **state)
{
	(void)state;
	static const int desired[] = {CONTROL_PAUSED, CONTROL_STOPPED, CONTROL_DELETED};
	for (size_t i = 0; i < 3; i++) {
		struct task_facts f = well();
		f.desired = desired[i];
		f.state = REPORT_FAILED;
		f.instances = 1;
		f.lag = HOUR;
		f.stood_for = f.head_for = f.silent_for = HOUR;
		f.binlog_hours_left = 1;
		f.dead_letters = 1;
		f.letters_for = 0;
		for (int r = 0; r < (int)TASK_ALERTS; r++) {
			bool purge = r == RULE_BINLOG_HOURS_LEFT && desired[i] == CONTROL_PAUSED;
			assert_int_equal(state_of((enum rule_id)r, &f, false),
					 purge ? VERDICT_HOLDS : VERDICT_CLEAR);
		}
		f.desired = CONTROL_RUNNING;
		f.has_document = false;
		for (int r = 0; r < (int)TASK_ALERTS; r++)
			assert_int_equal(state_of((enum rule_id)r, &f, false), VERDICT_CLEAR);
	}
}

static void a_rule_that_is_off_says_nothing(void **state)
{
	(void)state;
	struct task_facts f = well();
	f.instances = 0;
	f.control_error = "bad";
	for (int r = 0; r < (int)TASK_ALERTS; r++) {
		struct rule_setting setting = rules[r].fallback;
		struct verdict v;
		setting.enabled = false;
		rules_task((enum rule_id)r, &f, &setting, true, &v);
		assert_int_equal(v.state, VERDICT_CLEAR);
	}
}

static void no_running_by_state(void **state)
{
	(void)state;
	static const struct {
		int state, verdict;
	} cases[] = {
	    {REPORT_STANDBY, VERDICT_HOLDS},  {REPORT_STARTING, VERDICT_HOLDS},
	    {REPORT_SNAPSHOT, VERDICT_CLEAR}, {REPORT_RUNNING, VERDICT_CLEAR},
	    {REPORT_RETRYING, VERDICT_HOLDS}, {REPORT_PAUSED, VERDICT_HOLDS},
	    {REPORT_FAILED, VERDICT_CLEAR}, /* has a rule of its own */
	    {REPORT_STOPPED, VERDICT_HOLDS},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct task_facts f = well();
		f.state = cases[i].state;
		assert_int_equal(state_of(RULE_NO_RUNNING, &f, false), cases[i].verdict);
	}
	struct verdict v;
	struct task_facts f = well();
	f.state = REPORT_RETRYING;
	f.error_code = "source_unreachable";
	f.error_message = "db1:3306 refuses";
	ask(RULE_NO_RUNNING, &f, false, &v);
	assert_string_equal(v.message,
			    "Task copy should run and has been RETRYING for 1 min 5 s on h1: "
			    "db1:3306 refuses.");
	assert_string_equal(v.value, "RETRYING");
	assert_string_equal(v.next_step, "mrctl task why copy");
}

static void no_running_without_a_report(void **state)
{
	(void)state;
	struct verdict v;
	struct task_facts f = well();
	f.instances = 0;
	f.read = false;
	f.node = "";
	ask(RULE_NO_RUNNING, &f, false, &v);
	assert_int_equal(v.state, VERDICT_HOLDS);
	assert_non_null(strstr(v.message, "no mr-core has it"));
	/* The node went this moment: nothing can be said. */
	f.instances = 1;
	f.node = "h1-0000000001";
	for (int r = 0; r < (int)TASK_ALERTS; r++)
		if (r != RULE_NO_STANDBY)
			assert_int_equal(state_of((enum rule_id)r, &f, true), VERDICT_UNKNOWN);
	/* It is there and makes no sense. */
	f.broken = "'state' is no state";
	ask(RULE_NO_RUNNING, &f, false, &v);
	assert_int_equal(v.state, VERDICT_HOLDS);
	assert_non_null(strstr(v.message, "'state' is no state"));
	assert_int_equal(state_of(RULE_FAILED, &f, true), VERDICT_UNKNOWN);
	/* Control decides first. */
	f.control_error = "line 1: '}' missing";
	f.desired = CONTROL_STOPPED;
	ask(RULE_NO_RUNNING, &f, false, &v);
	assert_non_null(strstr(v.message, "its control document cannot be read"));
}

static void failed(void **state)
{
	(void)state;
	struct verdict v;
	struct task_facts f = well();
	f.state = REPORT_FAILED;
	ask(RULE_FAILED, &f, false, &v);
	assert_string_equal(v.message, "Task copy gave up on h1.");
	f.error_code = "source_purged";
	f.error_message = "binlog.000001 is gone";
	ask(RULE_FAILED, &f, false, &v);
	assert_string_equal(v.message, "Task copy gave up on h1: binlog.000001 is gone.");
	assert_string_equal(v.value, "source_purged");
	assert_non_null(strstr(v.next_step, "mrctl task restart copy"));
}

static void lag_and_its_hysteresis(void **state)
{
	(void)state;
	static const struct {
		usec_t lag;
		bool firing;
		int state, verdict;
	} cases[] = {
	    {30 * SECOND, false, REPORT_RUNNING, VERDICT_CLEAR},
	    {30 * SECOND + 1, false, REPORT_RUNNING, VERDICT_HOLDS},
	    {24 * SECOND, false, REPORT_RUNNING, VERDICT_CLEAR},
	    {24 * SECOND, true, REPORT_RUNNING, VERDICT_HOLDS},
	    {22 * SECOND, true, REPORT_RUNNING, VERDICT_CLEAR},
	    {HOUR, false, REPORT_RETRYING, VERDICT_HOLDS},
	    {HOUR, false, REPORT_STANDBY, VERDICT_CLEAR},
	    {-1, true, REPORT_RUNNING, VERDICT_UNKNOWN},
	    {-1, true, REPORT_FAILED, VERDICT_CLEAR},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct task_facts f = well();
		f.lag = cases[i].lag;
		f.state = cases[i].state;
		if (state_of(RULE_LAG, &f, cases[i].firing) != cases[i].verdict)
			fail_msg("case %zu", i);
	}
}

static void stuck(void **state)
{
	(void)state;
	static const struct {
		usec_t stood, head, lag, silent;
		bool at_head;
		int state, verdict;
		const char *says;
	} cases[] = {
	    {119 * SECOND, 119 * SECOND, HOUR, 0, false, REPORT_RUNNING, VERDICT_CLEAR, ""},
	    {HOUR, 0, 0, 0, false, REPORT_RUNNING, VERDICT_CLEAR, ""}, /* the source is idle */
	    {HOUR, 120 * SECOND, 0, 0, false, REPORT_RUNNING, VERDICT_HOLDS,
	     "went on to b.000001:9"},
	    {HOUR, 60 * SECOND, 0, 0, false, REPORT_RUNNING, VERDICT_CLEAR, ""},
	    {HOUR, HOUR, HOUR, 0, true, REPORT_RUNNING, VERDICT_CLEAR, ""},
	    {HOUR, 0, HOUR, 0, false, REPORT_RUNNING, VERDICT_HOLDS, "1 h 0 min behind"},
	    {HOUR, 0, -1, 0, false, REPORT_RUNNING, VERDICT_CLEAR, ""},
	    {HOUR, HOUR, HOUR, 0, false, REPORT_RETRYING, VERDICT_CLEAR, ""},
	    {0, 0, 0, 120 * SECOND, false, REPORT_RUNNING, VERDICT_HOLDS, "it hangs"},
	    {0, 0, 0, 120 * SECOND, false, REPORT_STARTING, VERDICT_HOLDS, "it hangs"},
	    {0, 0, 0, 119 * SECOND, false, REPORT_RUNNING, VERDICT_CLEAR, ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct task_facts f = well();
		struct verdict v;
		f.stood_for = cases[i].stood;
		f.head_for = cases[i].head;
		f.lag = cases[i].lag;
		f.silent_for = cases[i].silent;
		f.at_head = cases[i].at_head;
		f.state = cases[i].state;
		ask(RULE_STUCK, &f, false, &v);
		if (v.state != cases[i].verdict || !strstr(v.message, cases[i].says))
			fail_msg("case %zu: %d %s", i, v.state, v.message);
	}
}

static void no_standby(void **state)
{
	(void)state;
	struct task_facts f = well();
	f.instances = 1;
	assert_int_equal(state_of(RULE_NO_STANDBY, &f, false), VERDICT_HOLDS);
	f.hot = false; /* a cold task has one, by design */
	assert_int_equal(state_of(RULE_NO_STANDBY, &f, false), VERDICT_CLEAR);
	f.hot = true;
	f.instances = 0; /* no_running says it */
	assert_int_equal(state_of(RULE_NO_STANDBY, &f, false), VERDICT_CLEAR);
}

static void binlog_hours_left(void **state)
{
	(void)state;
	static const struct {
		double hours;
		bool firing;
		int verdict;
	} cases[] = {
	    {24.0, false, VERDICT_CLEAR}, {23.9, false, VERDICT_HOLDS}, {24.0, true, VERDICT_HOLDS},
	    {30.1, true, VERDICT_CLEAR},  {-1, true, VERDICT_CLEAR},	{0, false, VERDICT_HOLDS},
	    {1e300, true, VERDICT_CLEAR},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct task_facts f = well();
		f.binlog_hours_left = cases[i].hours;
		f.state = REPORT_FAILED;
		if (state_of(RULE_BINLOG_HOURS_LEFT, &f, cases[i].firing) != cases[i].verdict)
			fail_msg("case %zu", i);
	}
	struct task_facts f = well();
	struct verdict v;
	f.desired = CONTROL_PAUSED;
	f.state = REPORT_PAUSED;
	f.binlog_hours_left = 1.5;
	ask(RULE_BINLOG_HOURS_LEFT, &f, false, &v);
	assert_non_null(strstr(v.message, "In 1 h 30 min the source purges"));
	assert_non_null(strstr(v.next_step, "mrctl task resume copy"));
}

static void dead_letters(void **state)
{
	(void)state;
	struct task_facts f = well();
	struct verdict v;
	f.dead_letters = 2;
	f.letters_for = 59 * 60 * SECOND;
	ask(RULE_DEAD_LETTERS, &f, false, &v);
	assert_int_equal(v.state, VERDICT_HOLDS);
	assert_string_equal(v.value, "2");
	assert_non_null(strstr(v.message, "2 messages that were too large"));
	assert_non_null(strstr(v.next_step, "mrctl task show copy"));
	f.letters_for = HOUR;
	assert_int_equal(state_of(RULE_DEAD_LETTERS, &f, true), VERDICT_CLEAR);
	f.read = false;
	assert_int_equal(state_of(RULE_DEAD_LETTERS, &f, true), VERDICT_UNKNOWN);
}

static void machines(void **state)
{
	(void)state;
	struct rule_setting setting = rules[RULE_MACHINE_GONE].fallback;
	struct machine_facts f = {
	    .hostname = "h1", .gone = true, .gone_for = 90 * SECOND, .held = 7};
	struct verdict v;
	rules_machine(&f, &setting, &v);
	assert_int_equal(v.state, VERDICT_HOLDS);
	assert_string_equal(v.message,
			    "The mr-core h1 has been gone for 1 min 30 s without a clean "
			    "stop; it had 7 tasks, for the standbys to run now.");
	f.held = 0;
	rules_machine(&f, &setting, &v);
	assert_string_equal(v.message,
			    "The mr-core h1 has been gone for 1 min 30 s without a clean "
			    "stop.");
	f.gone_for = setting.threshold + 1;
	rules_machine(&f, &setting, &v);
	assert_int_equal(v.state, VERDICT_CLEAR);
	f = (struct machine_facts){.hostname = "h1"};
	rules_machine(&f, &setting, &v);
	assert_int_equal(v.state, VERDICT_CLEAR);
}

static void zookeeper(void **state)
{
	(void)state;
	struct zookeeper_facts f = {
	    .monitor = "m1", .servers = "zk1:2181", .away_for = 31 * SECOND};
	struct verdict v;
	rules_zookeeper(&f, &v);
	assert_int_equal(v.state, VERDICT_HOLDS);
	assert_non_null(strstr(v.message,
			       "ZooKeeper (zk1:2181) cannot be reached by mr-monitor m1 for "
			       "31 s"));
	f.connected = true;
	rules_zookeeper(&f, &v);
	assert_int_equal(v.state, VERDICT_CLEAR);
}

/* Long names and errors are cut, never overrun. */
static void long_texts(void **state)
{
	(void)state;
	char name[TASK_NAME_MAX + 1], text[3000];
	struct verdict v;
	memset(name, 'n', sizeof(name));
	memset(text, 'e', sizeof(text));
	name[TASK_NAME_MAX] = text[sizeof(text) - 1] = 0;
	struct task_facts f = well();
	f.name = name;
	f.hostname = f.node = f.error_message = f.error_code = f.position = f.source_head = text;
	f.state = REPORT_FAILED;
	rules_task(RULE_FAILED, &f, &rules[RULE_FAILED].fallback, false, &v);
	assert_int_equal(v.state, VERDICT_HOLDS);
	assert_true(strlen(v.message) < sizeof(v.message));
	f.state = REPORT_RUNNING;
	f.stood_for = f.head_for = HOUR;
	rules_task(RULE_STUCK, &f, &rules[RULE_STUCK].fallback, false, &v);
	assert_int_equal(v.state, VERDICT_HOLDS);
}

static void a_tasks_own_settings(void **state)
{
	(void)state;
	const struct rule_setting general = {true, 30 * SECOND, 60 * SECOND, 61 * SECOND,
					     ALERT_PAGE};
	struct task_alert own = {-1, -1, -1, -1};
	struct rule_setting s = rules_setting(&general, &own);
	assert_true(s.enabled);
	assert_int_equal(s.threshold, 30 * SECOND);
	assert_int_equal(s.wait, 60 * SECOND);
	assert_int_equal(s.severity, ALERT_PAGE);
	own = (struct task_alert){0, 0, 5, ALERT_INFO};
	s = rules_setting(&general, &own);
	assert_false(s.enabled);
	assert_int_equal(s.threshold, 0);
	assert_int_equal(s.wait, 5);
	assert_int_equal(s.hold, 61 * SECOND);
	assert_int_equal(s.severity, ALERT_INFO);
}

static void spans(void **state)
{
	(void)state;
	static const struct {
		usec_t span;
		const char *text;
	} cases[] = {
	    {0, "0.0 s"},	   {1500000, "1.5 s"},
	    {41 * SECOND, "41 s"}, {252 * SECOND, "4 min 12 s"},
	    {HOUR, "1 h 0 min"},   {49 * HOUR, "2 d 1 h"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[RULES_SPAN_MAX];
		assert_string_equal(rules_span(cases[i].span, out), cases[i].text);
	}
}

static void the_table(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b);
	rules_print_reference(&b);
	for (int r = 0; r < (int)RULES; r++) {
		char row[80];
		snprintf(row, sizeof(row), "| `%s` |", rules[r].name);
		assert_non_null(strstr(buf_cstr(&b), row));
		assert_int_equal(rules_find(rules[r].name), r);
	}
	assert_int_equal(rules_find("lagg"), -1);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_task_that_is_well_raises_nothing),
	    cmocka_unit_test(nothing_of_tasks_that_shall_not_run),
	    cmocka_unit_test(a_rule_that_is_off_says_nothing),
	    cmocka_unit_test(no_running_by_state),
	    cmocka_unit_test(no_running_without_a_report),
	    cmocka_unit_test(failed),
	    cmocka_unit_test(lag_and_its_hysteresis),
	    cmocka_unit_test(stuck),
	    cmocka_unit_test(no_standby),
	    cmocka_unit_test(binlog_hours_left),
	    cmocka_unit_test(dead_letters),
	    cmocka_unit_test(machines),
	    cmocka_unit_test(zookeeper),
	    cmocka_unit_test(long_texts),
	    cmocka_unit_test(a_tasks_own_settings),
	    cmocka_unit_test(spans),
	    cmocka_unit_test(the_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
