/*
 * oversize_test.c - the list of messages that a pipe refused: how they are told apart, and its
 * bound. What becomes of them: tests/integration/test_oversize.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/pipeline/oversize.h"

#include <errno.h>
#include <stdio.h>

static struct oversize message(const char *gtid, const char *file, uint64_t pos, uint64_t row,
			       unsigned part)
{
	struct oversize o = {.start.pos = pos, .row = row, .part = part};
	snprintf(o.start.file, sizeof(o.start.file), "%s", file);
	if (gtid)
		assert_int_equal(gtid_parse(FLAVOR_MARIADB, gtid, &o.gtid), 0);
	return o;
}

static void a_group_is_known_by_its_gtid_else_by_its_place(void **state)
{
	(void)state;
	struct oversize_list l = {0};
	struct binlog_pos safe = {.file = "b.000001", .pos = 4};
	struct oversize a = message("0-1-7", "b.000001", 100, 3, 1);
	struct oversize b = message(NULL, "b.000001", 200, 3, 1);
	assert_false(oversize_of_group(NULL, &a.gtid, &a.start));
	assert_false(oversize_of_group(&l, &a.gtid, &a.start));
	assert_int_equal(oversize_note(&l, &a, &safe), 0);
	assert_int_equal(oversize_note(&l, &b, &safe), 0);
	assert_int_equal(oversize_note(&l, &a, &safe), -EEXIST);
	/* On another server it stands elsewhere. */
	struct oversize moved = message("0-1-7", "c.000009", 4, 3, 1);
	assert_true(oversize_of_group(&l, &moved.gtid, &moved.start));
	assert_int_equal(oversize_note(&l, &moved, &safe), -EEXIST);
	struct oversize others[] = {message("0-1-8", "b.000001", 100, 3, 1),
				    message(NULL, "b.000001", 201, 3, 1),
				    message(NULL, "b.000002", 200, 3, 1),
				    message("0-1-9", "b.000001", 200, 3, 1)};
	for (size_t i = 0; i < 4; i++)
		assert_false(oversize_of_group(&l, &others[i].gtid, &others[i].start));
	/* Another message of the row, and of another row. */
	struct oversize part = message("0-1-7", "b.000001", 100, 3, 2);
	struct oversize row = message("0-1-7", "b.000001", 100, 4, 1);
	assert_int_equal(oversize_note(&l, &part, &safe), 0);
	assert_int_equal(oversize_note(&l, &row, &safe), 0);
	oversize_free(&l);
}

static void the_list_has_a_bound(void **state)
{
	(void)state;
	struct oversize_list l = {0};
	struct binlog_pos safe = {.file = "b.000001", .pos = 4};
	for (uint64_t i = 0; i < OVERSIZE_MAX; i++) {
		struct oversize o = message(NULL, "b.000001", 100 + i, 1, 1);
		assert_int_equal(oversize_note(&l, &o, &safe), 0);
	}
	struct oversize next = message(NULL, "b.000001", 100 + OVERSIZE_MAX, 1, 1);
	assert_int_equal(oversize_note(&l, &next, &safe), -E2BIG);
	/* What was passed makes room. */
	safe.pos = 100 + OVERSIZE_MAX - 2;
	assert_int_equal(oversize_note(&l, &next, &safe), 0);
	assert_int_equal(l.n, 3);
	oversize_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_is_known_by_its_gtid_else_by_its_place),
		cmocka_unit_test(the_list_has_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
