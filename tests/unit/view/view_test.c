/* view_test.c - what is copied out of a view: order, pages, filters. Filling it needs a
 * ZooKeeper: tests/integration/test_view.py. */
#include "common/view/view_priv.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { TASKS = 10 };

static struct entry entries[TASKS];
static struct entry *sorted[TASKS];
static struct view view;

/* t0 … t9: even ones hot, odd ones of g1; t0 to t4 shall run; t7 is not read yet. */
static int set_up(void **state)
{
	static char names[TASKS][8], paths[TASKS][64];
	static char *nodes[] = {(char *)(uintptr_t) "h1-0000000001",
				(char *)(uintptr_t) "h2-0000000002"};
	(void)state;
	for (size_t i = 0; i < TASKS; i++) {
		snprintf(names[i], sizeof(names[i]), "t%zu", i);
		snprintf(paths[i], sizeof(paths[i]), "/mysql_replicator/tasks/t%zu", i);
		entries[i] =
		    (struct entry){.name = names[i],
				   .path = paths[i],
				   .visible = i != 7,
				   .control_state = i == 5 ? VIEW_CONTROL_BAD : VIEW_CONTROL_THERE,
				   .control_error = i == 5 ? names[i] : NULL,
				   .desired = i < 5 ? CONTROL_RUNNING : CONTROL_STOPPED,
				   .revision = i,
				   .nodes = nodes,
				   .nnodes = i == 0 ? 2 : 0};
		strcpy(entries[i].group, i % 2 ? "g1" : "");
		sorted[i] = &entries[i];
	}
	view = (struct view){.entries = sorted, .n = TASKS};
	pthread_mutex_init(&view.lock, NULL);
	return 0;
}

static void expect(const struct view_query *q, const char *names, size_t total, bool more)
{
	struct view_tasks list;
	char got[128] = "";
	assert_int_equal(view_list(&view, q, &list), 0);
	for (size_t i = 0; i < list.n; i++) {
		strcat(got, list.v[i].name);
		strcat(got, " ");
	}
	assert_string_equal(got, names);
	assert_int_equal(list.total, total);
	assert_int_equal(list.more, more);
	view_tasks_free(&list);
}

static void pages_and_filters(void **state)
{
	(void)state;
	expect(NULL, "t0 t1 t2 t3 t4 t5 t6 t8 t9 ", 9, false);
	expect(&(struct view_query){.limit = 3, .desired = -1}, "t0 t1 t2 ", 9, true);
	expect(&(struct view_query){.after = "t6", .limit = 2, .desired = -1}, "t8 t9 ", 9, false);
	expect(&(struct view_query){.after = "t6x", .limit = 1, .desired = -1}, "t8 ", 9, true);
	expect(&(struct view_query){.after = "zz", .desired = -1}, "", 9, false);
	expect(&(struct view_query){.group = "", .desired = -1}, "t0 t2 t4 t6 t8 ", 5, false);
	expect(&(struct view_query){.group = "g1", .limit = 2, .desired = -1}, "t1 t3 ", 4, true);
	expect(&(struct view_query){.desired = CONTROL_RUNNING}, "t0 t1 t2 t3 t4 ", 5, false);
	/* Of one whose control cannot be read nothing is known. */
	expect(&(struct view_query){.desired = CONTROL_STOPPED}, "t6 t8 t9 ", 3, false);
	expect(&(struct view_query){.text = "T8", .desired = -1}, "t8 ", 1, false);
}

static void one_task(void **state)
{
	(void)state;
	struct view_tasks one;
	assert_int_equal(view_get(&view, "t0", &one), 0);
	assert_int_equal(one.n, 1);
	assert_string_equal(one.v[0].nodes[1], "h2-0000000002");
	assert_string_equal(one.v[0].control_error, "");
	assert_int_equal(one.v[0].nnodes, 2);
	view_tasks_free(&one);
	assert_int_equal(view_get(&view, "t5", &one), 0);
	assert_int_equal(one.v[0].control_state, VIEW_CONTROL_BAD);
	assert_string_equal(one.v[0].control_error, "t5");
	view_tasks_free(&one);
	assert_int_equal(view_get(&view, "t7", &one), -ENOENT);
	assert_int_equal(view_get(&view, "t", &one), -ENOENT);
	assert_int_equal(view_count(&view), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pages_and_filters),
	    cmocka_unit_test(one_task),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
