/* rule_test.c - who is first: the last ten digits decide, and nothing else. */
#include "common/zk/election_rule.h"
#include "common/zk/naming.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void test_names(void **state)
{
	static const struct {
		const char *node;
		bool valid;
		uint64_t number;
		size_t name_len;
	} vectors[] = {
		{"host-0000000000", true, 0, 4},
		{"host-0000000042", true, 42, 4},
		{"a-2147483647", true, 2147483647, 1},
		{"db-1.example-0000000007", true, 7, 12},
		{"host-1-0000000007", true, 7, 6},
		/* Eleven digits: the last ten, behind something that is no '-'. */
		{"host-00000000001", false, 0, 0},
		{"host0000000001", false, 0, 0},
		{"-0000000001", false, 0, 0},
		{"0000000001", false, 0, 0},
		{"host-000000001", false, 0, 0},
		{"host-00000000x1", false, 0, 0},
		/* The counter of ZooKeeper after 2^31 nodes. */
		{"host--2147483648", true, 2147483648, 5},
		{"host-", false, 0, 0},
		{"", false, 0, 0},
		{"job-0000000001 ", false, 0, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint64_t number = 77;
		size_t name_len = 77;
		assert_int_equal(election_parse(vectors[i].node, &number, &name_len),
				 vectors[i].valid);
		assert_int_equal(number, vectors[i].valid ? vectors[i].number : 77);
		assert_int_equal(name_len, vectors[i].valid ? vectors[i].name_len : 77);
	}
}

struct vector {
	const char *names[6];
	const char *mine;
	const char *first;
	bool there;
	bool is_first;
	size_t nodes;
};

static const struct vector vectors[] = {
	{{0}, NULL, NULL, false, false, 0},
	{{0}, "a-0000000001", NULL, false, false, 0},
	{{"a-0000000001"}, "a-0000000001", "a-0000000001", true, true, 1},
	/* Sorted by name, z would be last. */
	{{"a-0000000002", "z-0000000001"}, "z-0000000001", "z-0000000001", true, true, 2},
	{{"a-0000000002", "z-0000000001"}, "a-0000000002", "z-0000000001", true, false, 2},
	/* More digits in front do not count. */
	{{"9-0000000003", "1-0000000010"}, "1-0000000010", "9-0000000003", true, false, 2},
	/* My node is gone: never first, whoever is there. */
	{{"b-0000000005"}, "a-0000000004", "b-0000000005", false, false, 1},
	/* The same host twice: the node counts, not the host. */
	{{"a-0000000009", "a-0000000008"}, "a-0000000009", "a-0000000008", true, false, 2},
	/* What is no candidate takes no part. */
	{{"lock", "aaa-1", "a-0000000009", "-0000000001"},
	 "a-0000000009",
	 "a-0000000009",
	 true,
	 true,
	 1},
	{{"lock"}, "lock", NULL, false, false, 0},
	{{"b-0000000001", "a-0000000001"}, NULL, "a-0000000001", false, false, 2},
};

static void test_decisions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		char *names[6];
		size_t n = 0;
		while (n < 6 && v->names[n]) {
			names[n] = (char *)v->names[n];
			n++;
		}
		struct election_result r = election_decide(names, n, v->mine);
		if (v->first)
			assert_string_equal(r.first, v->first);
		else
			assert_null(r.first);
		assert_int_equal(r.mine_is_there, v->there);
		assert_int_equal(r.mine_is_first, v->is_first);
		assert_int_equal(r.nodes, v->nodes);
	}
}

/* Whatever the order of the list, exactly one of its nodes holds itself for first. */
static void test_exactly_one(void **state)
{
	char *names[] = {"c-0000000012", "a-0000000030", "b-0000000011", "d-0000000100"};
	(void)state;
	for (size_t turn = 0; turn < 4; turn++) {
		size_t firsts = 0;
		for (size_t i = 0; i < 4; i++)
			firsts += election_decide(names, 4, names[i]).mine_is_first;
		assert_int_equal(firsts, 1);
		char *moved = names[0];
		memmove(names, names + 1, 3 * sizeof(names[0]));
		names[3] = moved;
	}
}

static void test_types(void **state)
{
	char longest[ZK_TYPE_MAX + 2];
	(void)state;
	assert_true(zk_type_valid("run"));
	assert_true(zk_type_valid("Snap_shot-2"));
	assert_false(zk_type_valid(""));
	assert_false(zk_type_valid("a/b"));
	assert_false(zk_type_valid(".."));
	assert_false(zk_type_valid("a b"));
	memset(longest, 'x', sizeof(longest));
	longest[ZK_TYPE_MAX] = 0;
	assert_true(zk_type_valid(longest));
	longest[ZK_TYPE_MAX] = 'x';
	longest[ZK_TYPE_MAX + 1] = 0;
	assert_false(zk_type_valid(longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_exactly_one),
		cmocka_unit_test(test_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
