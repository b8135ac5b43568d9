/*
 * verdict_test.c - savepoints and what they undo, by cases and against a model that
 * keeps a flag for each event.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/contract/errors.h"
#include "core/pipeline/verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct span text(const char *s)
{
	return (struct span){.p = (const uint8_t *)s, .len = strlen(s)};
}

static void set(struct verdict *v, const char *name, uint64_t event)
{
	assert_int_equal(verdict_savepoint(v, text(name), event, NULL), 0);
}

static void undo(struct verdict *v, const char *name, uint64_t event)
{
	assert_int_equal(verdict_undo(v, text(name), event, NULL), 0);
}

static void test_ranges(void **state)
{
	(void)state;
	struct verdict v;
	verdict_init(&v);
	set(&v, "a", 2);
	set(&v, "b", 5);
	undo(&v, "B", 7); /* names compare without case */
	assert_false(verdict_is_undone(&v, 4));
	assert_true(verdict_is_undone(&v, 5));
	assert_true(verdict_is_undone(&v, 6));
	assert_false(verdict_is_undone(&v, 7));
	undo(&v, "a", 9); /* swallows the range inside it */
	assert_int_equal(v.nundone, 1);
	assert_false(verdict_is_undone(&v, 1));
	for (uint64_t e = 2; e < 9; e++)
		assert_true(verdict_is_undone(&v, e));
	assert_false(verdict_is_undone(&v, 9));
	verdict_free(&v);
}

static void test_a_name_set_again_moves(void **state)
{
	(void)state;
	struct verdict v;
	verdict_init(&v);
	set(&v, "a", 1);
	set(&v, "a", 4);
	undo(&v, "a", 6);
	assert_false(verdict_is_undone(&v, 3));
	assert_true(verdict_is_undone(&v, 4));
	verdict_free(&v);
}

/* Servers compare names in a collation to which e and \u00c9 are one: never guessed. */
static void test_names_that_may_be_one_to_the_server(void **state)
{
	(void)state;
	struct verdict v;
	struct err err = {0};
	verdict_init(&v);
	set(&v, "e", 2);
	set(&v, "\xc3\x89", 5);
	assert_int_equal(verdict_undo(&v, text("e"), 7, &err), -ENOTSUP);
	assert_ptr_equal(err.kind, ERR_EVENT_UNSUPPORTED);
	assert_string_equal(err.text, "ROLLBACK TO e: to the server this may be savepoint \xc3\x89");
	verdict_clear(&v);
	/* Set by one name, undone by another. */
	set(&v, "caf\xc3\xa9", 2);
	assert_int_equal(verdict_undo(&v, text("CAF\xc3\x89"), 7, NULL), -ENOTSUP);
	verdict_clear(&v);
	/* The last one of its own name; and names that differ in a letter beside. */
	set(&v, "\xc3\xa9" "1", 2);
	set(&v, "\xc3\xa9" "2", 4);
	undo(&v, "\xc3\xa9" "1", 7);
	assert_true(verdict_is_undone(&v, 2));
	verdict_free(&v);
}

static void test_an_unknown_savepoint_is_an_error(void **state)
{
	(void)state;
	struct verdict v;
	struct err err = {0};
	verdict_init(&v);
	set(&v, "a", 0);
	set(&v, "b", 1);
	undo(&v, "a", 2); /* forgets b */
	assert_true(verdict_undo(&v, text("b"), 3, &err) < 0);
	assert_ptr_equal(err.kind, ERR_EVENT_UNSUPPORTED);
	verdict_free(&v);
}

/* Twenty names, random statements; the model is an array of flags. */
static void test_against_a_model(void **state)
{
	(void)state;
	enum { EVENTS = 3000, NAMES = 20 };
	static bool undone[EVENTS];
	for (unsigned seed = 1; seed <= 50; seed++) {
		struct verdict v;
		long where[NAMES]; /* event of the savepoint; -1: not set */
		srand(seed);
		verdict_init(&v);
		memset(undone, 0, sizeof(undone));
		for (int i = 0; i < NAMES; i++)
			where[i] = -1;
		unsigned order[NAMES] = {0}, clock = 1;
		for (int e = 0; e < EVENTS; e++) {
			int n = rand() % NAMES;
			char name[8] = {'s', (char)('a' + n), 0};
			if (rand() % 5 == 0) {
				set(&v, name, (uint64_t)e);
				where[n] = e;
				order[n] = clock++;
			} else if (rand() % 9 == 0) {
				int rc = verdict_undo(&v, text(name), (uint64_t)e, NULL);
				assert_int_equal(rc == 0, where[n] >= 0);
				for (int i = 0; rc == 0 && i < NAMES; i++)
					if (order[i] > order[n])
						where[i] = -1;
				for (long i = where[n]; rc == 0 && i < e; i++)
					undone[i] = true;
			}
		}
		for (int e = 0; e < EVENTS; e++)
			assert_int_equal(verdict_is_undone(&v, (uint64_t)e), undone[e]);
		verdict_free(&v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_a_name_set_again_moves),
		cmocka_unit_test(test_names_that_may_be_one_to_the_server),
		cmocka_unit_test(test_an_unknown_savepoint_is_an_error),
		cmocka_unit_test(test_against_a_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
