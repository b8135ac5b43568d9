/*
 * memory_test.c - GTID sets and positions when the Nth allocation fails: -ENOMEM, and
 * everything as it was. malloc and its kin are wrapped by the linker.
 */
#include "core/model/position.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define U1 "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define U2 "a2b2c2d2-0000-11e1-9e33-c80aa9429562"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static long countdown = -1; /* allocations until one fails; under 0: none does */
static bool failed;

static bool fails(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

static struct gtid_set *set_of(enum flavor flavor, const char *text)
{
	struct gtid_set *s = gtid_set_new(flavor);
	struct err err;
	assert_non_null(s);
	assert_int_equal(gtid_set_parse(s, text, &err), 0);
	return s;
}

static void assert_text(const struct gtid_set *s, const char *text)
{
	struct buf b;
	buf_init(&b);
	gtid_set_format(s, &b);
	assert_string_equal(buf_cstr(&b), text);
	buf_free(&b);
}

/* Runs `step` with the first, second, … allocation failing, until it does without. */
static void each_failure(int (*step)(struct gtid_set *s), enum flavor flavor, const char *before,
			 const char *after, int least)
{
	int failures = 0;
	for (long n = 0;; n++) {
		struct gtid_set *s = set_of(flavor, before);
		failed = false;
		countdown = n;
		int rc = step(s);
		countdown = -1;
		if (failed) {
			assert_int_equal(rc, -ENOMEM);
			assert_text(s, before);
			failures++;
		} else {
			assert_int_equal(rc, 0);
			assert_text(s, after);
		}
		gtid_set_free(s);
		if (!failed)
			break;
	}
	assert_true(failures >= least);
}

static int parse_more(struct gtid_set *s)
{
	struct err err;
	return gtid_set_parse(s, U2 ":1:3:5:7:9:11," U1 ":t:1", &err);
}

static int parse_more_maria(struct gtid_set *s)
{
	struct err err;
	return gtid_set_parse(s, "1-1-1,2-1-1,3-1-1,4-1-1", &err);
}

static int add_source(struct gtid_set *s)
{
	struct gtid g;
	assert_int_equal(gtid_parse(FLAVOR_MYSQL, U2 ":9", &g), 0);
	return gtid_set_add(s, &g);
}

static int add_interval(struct gtid_set *s)
{
	struct gtid g;
	assert_int_equal(gtid_parse(FLAVOR_MYSQL, U1 ":20", &g), 0);
	return gtid_set_add(s, &g);
}

static int copy_over(struct gtid_set *s)
{
	long n = countdown;
	countdown = -1; /* not for the set that is copied */
	struct gtid_set *from = set_of(FLAVOR_MYSQL, U1 ":5," U2 ":6");
	countdown = n;
	int rc = gtid_set_copy(s, from);
	gtid_set_free(from);
	return rc;
}

static void test_sets(void **state)
{
	(void)state;
	each_failure(parse_more, FLAVOR_MYSQL, U1 ":1-5", U1 ":1-5:t:1," U2 ":1:3:5:7:9:11", 5);
	each_failure(parse_more_maria, FLAVOR_MARIADB, "0-1-1", "0-1-1,1-1-1,2-1-1,3-1-1,4-1-1", 4);
	each_failure(add_source, FLAVOR_MYSQL, U1 ":1", U1 ":1," U2 ":9", 1);
	each_failure(add_interval, FLAVOR_MYSQL, U1 ":1:3:5:7", U1 ":1:3:5:7:20", 1);
	each_failure(copy_over, FLAVOR_MYSQL, U1 ":1-5", U1 ":5," U2 ":6", 3);
}

static void test_position_copy(void **state)
{
	(void)state;
	struct position a = {.flavor = FLAVOR_MYSQL, .at.pos = 9}, b = {.at.pos = 5};
	a.gtids = set_of(FLAVOR_MYSQL, U1 ":1-5");
	b.gtids = set_of(FLAVOR_MYSQL, U2 ":1");
	for (long n = 0;; n++) {
		failed = false;
		countdown = n;
		int rc = position_copy(&b, &a);
		countdown = -1;
		if (!failed) {
			assert_int_equal(rc, 0);
			break;
		}
		assert_int_equal(rc, -ENOMEM);
		assert_int_equal(b.at.pos, 5);
		assert_text(b.gtids, U2 ":1");
	}
	assert_text(b.gtids, U1 ":1-5");
	assert_int_equal(b.at.pos, 9);
	position_clear(&a);
	position_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_position_copy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
