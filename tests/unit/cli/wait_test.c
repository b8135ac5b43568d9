/* wait_test.c - whether what was ordered has happened, from answers of GET /tasks/{name}. */
#include "server/cli/wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define I(node, state, since, run)                                                                 \
	"{\"node\":\"" node "\",\"hostname\":\"h\",\"state\":\"" state "\",\"since_ms\":" since    \
	",\"run\":\"" run "\",\"error\":null}"
#define TASK(desired, instances)                                                                   \
	"{\"control\":{\"desired\":\"" desired "\",\"revision\":3},\"status\":{\"revision\":2},"   \
	"\"lastCommit\":{\"reset\":1},\"instances\":[" instances "]}"

static json_t *load(const char *text)
{
	json_error_t error;
	json_t *tree = json_loads(text, 0, &error);
	if (!tree)
		fail_msg("%s\n%s", error.text, text);
	return tree;
}

static const char *const names[] = {"not yet", "done", "never"};

static void test_verdicts(void **state)
{
	(void)state;
	static const struct {
		enum wait_goal goal;
		enum wait_verdict verdict;
		const char *before, *task;
	} cases[] = {
	    /* Started, from nothing. */
	    {WAIT_RUNNING, WAIT_NOT_YET, TASK("stopped", ""), TASK("running", "")},
	    {WAIT_RUNNING, WAIT_NOT_YET, TASK("stopped", I("a", "STOPPED", "1", "")),
	     TASK("running", I("a", "STARTING", "2", "r1"))},
	    {WAIT_RUNNING, WAIT_DONE, TASK("stopped", I("a", "STOPPED", "1", "")),
	     TASK("running", I("b", "STANDBY", "1", "") "," I("a", "RUNNING", "3", "r1"))},
	    {WAIT_RUNNING, WAIT_DONE, TASK("stopped", ""),
	     TASK("running", I("a", "SNAPSHOT", "3", "r"))},
	    {WAIT_RUNNING, WAIT_NOT_YET, TASK("stopped", ""),
	     TASK("running", I("a", "RETRYING", "3", "r"))},
	    /* It was FAILED before: only a newer failure counts. */
	    {WAIT_RUNNING, WAIT_NOT_YET, TASK("running", I("a", "FAILED", "5", "r1")),
	     TASK("running", I("a", "FAILED", "5", "r1"))},
	    {WAIT_RUNNING, WAIT_NEVER, TASK("running", I("a", "FAILED", "5", "r1")),
	     TASK("running", I("a", "FAILED", "9", "r2"))},
	    {WAIT_RUNNING, WAIT_NEVER, TASK("running", I("a", "FAILED", "5", "r1")),
	     TASK("running", I("b", "FAILED", "5", "r2"))},
	    {WAIT_RUNNING, WAIT_NEVER, TASK("stopped", ""),
	     TASK("running", I("a", "FAILED", "5", "r1"))},
	    /* Somebody else has other plans. */
	    {WAIT_RUNNING, WAIT_NEVER, TASK("stopped", ""),
	     TASK("stopped", I("a", "STOPPED", "5", ""))},
	    {WAIT_STOPPED, WAIT_NEVER, TASK("running", ""),
	     TASK("running", I("a", "RUNNING", "5", ""))},
	    {WAIT_GONE, WAIT_NEVER, TASK("running", ""),
	     TASK("running", I("a", "RUNNING", "5", ""))},
	    /* Told to stop and at once to start: the report of before says nothing yet. */
	    {WAIT_RUNNING, WAIT_NOT_YET, TASK("stopped", I("a", "RUNNING", "5", "r1")),
	     TASK("running", I("a", "RUNNING", "5", "r1"))},
	    {WAIT_RUNNING, WAIT_DONE, TASK("stopped", I("a", "RUNNING", "5", "r1")),
	     TASK("running", I("a", "RUNNING", "7", "r2"))},
	    {WAIT_STOPPED, WAIT_NOT_YET, TASK("running", I("a", "STOPPED", "5", "")),
	     TASK("stopped", I("a", "STOPPED", "5", ""))},
	    {WAIT_STOPPED, WAIT_DONE, TASK("stopped", I("a", "STOPPED", "5", "")),
	     TASK("stopped", I("a", "STOPPED", "5", ""))},
	    {WAIT_RUNNING, WAIT_DONE, TASK("running", I("a", "RUNNING", "5", "r1")),
	     TASK("running", I("a", "RUNNING", "5", "r1"))},
	    /* Restarted: the same run is not it. */
	    {WAIT_NEW_RUN, WAIT_NOT_YET, TASK("running", I("a", "RUNNING", "1", "r1")),
	     TASK("running", I("a", "RUNNING", "1", "r1"))},
	    {WAIT_NEW_RUN, WAIT_DONE, TASK("running", I("a", "RUNNING", "1", "r1")),
	     TASK("running", I("a", "RUNNING", "2", "r2"))},
	    /* Handed over: the same node is not it. */
	    {WAIT_OTHER_NODE, WAIT_NOT_YET, TASK("running", I("a", "RUNNING", "1", "r1")),
	     TASK("running", I("a", "RUNNING", "1", "r1") "," I("b", "STANDBY", "1", ""))},
	    {WAIT_OTHER_NODE, WAIT_DONE, TASK("running", I("a", "RUNNING", "1", "r1")),
	     TASK("running", I("b", "RUNNING", "2", "r2") "," I("c", "STANDBY", "3", ""))},
	    /* Paused and stopped. */
	    {WAIT_PAUSED, WAIT_NOT_YET, TASK("running", ""), TASK("paused", "")},
	    {WAIT_PAUSED, WAIT_DONE, TASK("running", ""),
	     TASK("paused", I("a", "PAUSED", "2", ""))},
	    {WAIT_STOPPED, WAIT_DONE, TASK("running", ""), TASK("stopped", "")},
	    {WAIT_STOPPED, WAIT_NOT_YET, TASK("running", ""),
	     TASK("stopped", I("a", "RUNNING", "2", "r"))},
	    {WAIT_STOPPED, WAIT_NOT_YET, TASK("running", ""),
	     TASK("stopped", I("a", "FAILED", "2", "r"))},
	    {WAIT_STOPPED, WAIT_DONE, TASK("running", ""),
	     TASK("stopped", I("a", "STOPPED", "2", "") "," I("b", "STANDBY", "2", ""))},
	    {WAIT_STOPPED, WAIT_NOT_YET, TASK("running", ""),
	     TASK("stopped", I("b", "STANDBY", "2", ""))},
	    /* Revision 3 was ordered, the instance acts on 2. */
	    {WAIT_REVISION, WAIT_NOT_YET, TASK("running", I("a", "RUNNING", "2", "r")),
	     TASK("running", I("a", "RUNNING", "2", "r"))},
	    {WAIT_REVISION, WAIT_DONE, TASK("running", I("a", "RUNNING", "2", "r")),
	     TASK("running", I("a", "RUNNING", "2", "r2"))},
	    {WAIT_POSITION, WAIT_NOT_YET, TASK("running", ""),
	     TASK("running", I("a", "RUNNING", "2", "r"))},
	    {WAIT_GONE, WAIT_NOT_YET, TASK("running", ""),
	     TASK("deleted", I("a", "RUNNING", "5", ""))},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wait_order order = {
		    .goal = cases[i].goal, .task = "t", .revision = 3, .reset = 2};
		struct wait_sight sight;
		json_t *before = load(cases[i].before), *task = load(cases[i].task);
		wait_remember(before, &order.before);
		wait_look(&order, task, &sight);
		if (sight.verdict != cases[i].verdict)
			fail_msg("case %zu: %s, not %s\n%s\n%s", i, names[sight.verdict],
				 names[cases[i].verdict], cases[i].before, cases[i].task);
		json_decref(before);
		json_decref(task);
	}
}

static void test_numbers(void **state)
{
	(void)state;
	/* After a while what stands there is what there is. */
	json_t *was = load(TASK("stopped", I("a", "RUNNING", "5", "r1")));
	json_t *is = load(TASK("running", I("a", "RUNNING", "5", "r1")));
	struct wait_order late = {.goal = WAIT_RUNNING, .settled = true};
	struct wait_sight seen;
	wait_remember(was, &late.before);
	wait_look(&late, is, &seen);
	assert_int_equal(seen.verdict, WAIT_DONE);
	json_decref(was);
	json_decref(is);
	json_t *task = load(TASK("running", I("a", "RUNNING", "2", "r")));
	struct wait_sight sight;
	struct wait_order order = {.goal = WAIT_REVISION, .revision = 2};
	wait_look(&order, task, &sight);
	assert_int_equal(sight.verdict, WAIT_DONE);
	order = (struct wait_order){.goal = WAIT_POSITION, .reset = 1};
	wait_look(&order, task, &sight);
	assert_int_equal(sight.verdict, WAIT_DONE);
	json_decref(task);
}

/* Answers that are not what they should be: no crash, and nothing has happened. */
static void test_nonsense(void **state)
{
	(void)state;
	static const char *const texts[] = {
	    "{}",
	    "{\"instances\":7}",
	    "{\"instances\":[null,7,\"x\",{}]}",
	    "{\"instances\":[{\"state\":7}],\"control\":[],\"status\":1,\"lastCommit\":\"\"}",
	    "{\"control\":{\"desired\":\"running\"},\"instances\":[{\"error\":{\"message\":7}}]}",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *task = load(texts[i]);
		for (int goal = WAIT_RUNNING; goal <= WAIT_GONE; goal++) {
			struct wait_order order = {.goal = (enum wait_goal)goal, .task = "t"};
			struct wait_sight sight;
			wait_remember(task, &order.before);
			wait_look(&order, task, &sight);
			if (goal != WAIT_STOPPED)
				assert_int_not_equal(sight.verdict, WAIT_DONE);
		}
		json_decref(task);
	}
}

static void test_sentences(void **state)
{
	(void)state;
	json_t *task = load("{\"control\":{\"desired\":\"running\"},\"instances\":[{\"node\":\"a\","
			    "\"hostname\":\"h1\",\"state\":\"FAILED\",\"since_ms\":2,"
			    "\"error\":{\"code\":\"c\",\"message\":\"no grant\"}}]}");
	struct wait_order order = {.goal = WAIT_RUNNING, .task = "t"};
	struct wait_sight sight;
	wait_look(&order, task, &sight);
	assert_string_equal(sight.now, "FAILED on h1: no grant");
	json_decref(task);
	task = load(TASK("running", ""));
	wait_look(&order, task, &sight);
	assert_string_equal(sight.now, "no mr-core has it (desired: running)");
	json_decref(task);
	task = load(TASK("paused", ""));
	wait_look(&order, task, &sight);
	assert_string_equal(sight.now, "somebody has ordered it to be paused");
	json_decref(task);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verdicts),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_sentences),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
