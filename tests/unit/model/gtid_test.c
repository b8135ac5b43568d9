/* gtid_test.c - GTIDs and sets: text, arithmetic against a bitmap, the dump's encoding. */
#include "core/model/gtid.h"
#include "core/model/position.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define U1 "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define U2 "a2b2c2d2-0000-11e1-9e33-c80aa9429562"

static struct gtid_set *set_of(enum flavor flavor, const char *text)
{
	struct gtid_set *s = gtid_set_new(flavor);
	struct err err = {0};
	assert_non_null(s);
	if (gtid_set_parse(s, text, &err) != 0)
		fail_msg("%s: %s", text, err.text);
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

static void assert_canonical(enum flavor flavor, const char *text, const char *canonical)
{
	struct gtid_set *s = set_of(flavor, text);
	assert_text(s, canonical);
	struct gtid_set *again = set_of(flavor, canonical);
	assert_true(gtid_set_covers(s, again) && gtid_set_covers(again, s));
	gtid_set_free(again);
	gtid_set_free(s);
}

static void test_single(void **state)
{
	(void)state;
	struct gtid g;
	char text[GTID_TEXT_MAX];
	assert_int_equal(gtid_parse(FLAVOR_MYSQL, "3E11FA47-71CA-11E1-9E33-C80AA9429562:23", &g),
			 0);
	assert_int_equal(g.my.gno, 23);
	assert_int_equal(gtid_format(&g, text), strlen(U1 ":23"));
	assert_string_equal(text, U1 ":23");

	assert_int_equal(gtid_parse(FLAVOR_MYSQL, U1 ":Nightly_1:7", &g), 0);
	gtid_format(&g, text);
	assert_string_equal(text, U1 ":nightly_1:7");

	assert_int_equal(gtid_parse(FLAVOR_MARIADB, "4294967295-1-18446744073709551615", &g), 0);
	gtid_format(&g, text);
	assert_string_equal(text, "4294967295-1-18446744073709551615");

	g.kind = GTID_NONE;
	assert_int_equal(gtid_format(&g, text), 0);
	assert_string_equal(text, "");
}

/* The longest of each kind fits GTID_TEXT_MAX with its zero byte. */
static void test_single_longest(void **state)
{
	(void)state;
	struct gtid g;
	char text[GTID_TEXT_MAX];
	const char *longest = U1 ":abcdefghijklmnopqrstuvwxyz012345:9223372036854775806";
	assert_int_equal(gtid_parse(FLAVOR_MYSQL, longest, &g), 0);
	assert_int_equal(gtid_format(&g, text), strlen(longest));
	assert_string_equal(text, longest);
}

static void test_single_wrong(void **state)
{
	(void)state;
	static const char *const mysql[] = {
		"",
		U1,
		U1 ":",
		U1 ":0",
		U1 ":-1",
		U1 ":1-2",
		U1 ":1x",
		U1 ":tag",
		U1 ":tag:",
		U1 ":9223372036854775807",
		U1 ":1tag:5",
		"3e11fa4771ca11e19e33c80aa9429562:1",
		U1 ":abcdefghijklmnopqrstuvwxyz0123456:1",
		"0-1-1",
		U1 ":1," U1 ":2",
	};
	static const char *const maria[] = {
		"",
		"0",
		"0-1",
		"0-1-",
		"4294967296-1-1",
		"0-4294967296-1",
		"0-1-18446744073709551616",
		"-1-1-1",
		"0-1-1-1",
		"0-1-1,1-1-1",
		U1 ":1",
	};
	struct gtid g = {.kind = GTID_NONE};
	for (size_t i = 0; i < sizeof(mysql) / sizeof(mysql[0]); i++)
		if (gtid_parse(FLAVOR_MYSQL, mysql[i], &g) != -EINVAL || g.kind != GTID_NONE)
			fail_msg("accepted '%s'", mysql[i]);
	for (size_t i = 0; i < sizeof(maria) / sizeof(maria[0]); i++)
		if (gtid_parse(FLAVOR_MARIADB, maria[i], &g) != -EINVAL || g.kind != GTID_NONE)
			fail_msg("accepted '%s'", maria[i]);
}

/* The canonical texts are what MySQL 9.7.4 answers to GTID_SUBTRACT(text, ''), with its
 * newlines removed, and MariaDB 10.11's order of @@gtid_slave_pos. */
static void test_set_text(void **state)
{
	(void)state;
	assert_canonical(FLAVOR_MYSQL, "", "");
	assert_canonical(FLAVOR_MYSQL, " \n", "");
	assert_canonical(FLAVOR_MYSQL, U1 ":1", U1 ":1");
	assert_canonical(FLAVOR_MYSQL, U2 ":5-7:1-2,\n" U1 ":3", U1 ":3," U2 ":1-2:5-7");
	assert_canonical(FLAVOR_MYSQL, U1 ":1-2:3-4", U1 ":1-4");
	assert_canonical(FLAVOR_MYSQL, U1 ":1-10:5-20:2", U1 ":1-20");
	assert_canonical(FLAVOR_MYSQL, U1 ":1," U1 ":3," U1 ":2", U1 ":1-3");
	assert_canonical(FLAVOR_MYSQL, U1 " : 1 - 3 : 9 , " U2 ":1", U1 ":1-3:9," U2 ":1");
	assert_canonical(FLAVOR_MYSQL, U1 ":b:1-2:4:A:9,", U1 ":a:9:b:1-2:4");
	assert_canonical(FLAVOR_MYSQL, U1 ":b:1-2," U1 ":5," U1 ":a:1", U1 ":5:a:1:b:1-2");
	assert_canonical(FLAVOR_MYSQL, U1 ":1,," U1 ":3", U1 ":1:3");
	assert_canonical(FLAVOR_MYSQL, U1 ":1-3:tag:7," U2 ":x:1", U1 ":1-3:tag:7," U2 ":x:1");
	assert_canonical(FLAVOR_MYSQL, U1 ":1-9223372036854775806", U1 ":1-9223372036854775806");
	assert_canonical(FLAVOR_MARIADB, "5-1-9,0-2-100,3-1-7", "0-2-100,3-1-7,5-1-9");
	assert_canonical(FLAVOR_MARIADB, "1-5-100,\n 0-1-7", "0-1-7,1-5-100");
	assert_canonical(FLAVOR_MARIADB, "", "");
}

static void test_set_wrong(void **state)
{
	(void)state;
	static const struct {
		enum flavor flavor;
		const char *text, *part;
	} cases[] = {
		{FLAVOR_MYSQL, U1 ":5-3", "interval's last number at character 40, found '3'"},
		{FLAVOR_MYSQL, U1, "':' and a number"},
		{FLAVOR_MYSQL, U1 ":tag", "':' and a number"},
		{FLAVOR_MYSQL, U1 ":0", "a number from 1"},
		{FLAVOR_MYSQL, U1 ":1 2", "',' or the end at character 40"},
		{FLAVOR_MYSQL, U1 ":1:", "a number or a tag"},
		{FLAVOR_MYSQL, "0-1-100", "a server uuid at character 1, found '0-1-100'"},
		{FLAVOR_MYSQL, U1 ":9223372036854775807", "a number from 1"},
		{FLAVOR_MARIADB, "0-1-5,0-2-6", "a domain not named before at character 7"},
		{FLAVOR_MARIADB, U1 ":1", "domain-server-sequence"},
		{FLAVOR_MARIADB, "0-1-5x", "',' or the end"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *before = cases[i].flavor == FLAVOR_MYSQL ? U2 ":1-3" : "7-7-7";
		struct gtid_set *s = set_of(cases[i].flavor, before);
		struct err err = {0};
		assert_int_equal(gtid_set_parse(s, cases[i].text, &err), -EINVAL);
		if (!strstr(err.text, cases[i].part))
			fail_msg("'%s' lacks '%s'", err.text, cases[i].part);
		assert_text(s, before);
		gtid_set_free(s);
	}
}

static struct gtid my_gtid(const char *text)
{
	struct gtid g;
	assert_int_equal(gtid_parse(FLAVOR_MYSQL, text, &g), 0);
	return g;
}

/* The stream's common case: a thousand successors allocate nothing. */
static void test_add_successor_no_allocation(void **state)
{
	(void)state;
	struct gtid_set *s = set_of(FLAVOR_MYSQL, U1 ":1-5," U2 ":1:3");
	struct gtid g = my_gtid(U1 ":6");
	assert_int_equal(gtid_set_add(s, &g), 0);
	size_t before = mallinfo2().uordblks;
	for (int i = 0; i < 1000; i++) {
		g.my.gno++;
		assert_int_equal(gtid_set_add(s, &g), 0);
	}
	assert_true(mallinfo2().uordblks == before);
	assert_text(s, U1 ":1-1006," U2 ":1:3");
	gtid_set_free(s);
}

/* 64 ids of one source: every add merges or splits exactly as bits in a word do. */
static void test_add_against_bitmap(void **state)
{
	(void)state;
	unsigned seed = 1;
	for (int round = 0; round < 300; round++) {
		struct gtid_set *s = gtid_set_new(FLAVOR_MYSQL);
		struct gtid g = my_gtid(U1 ":1");
		uint64_t bits = 0;
		for (int step = 0; step < 70; step++) {
			unsigned k = (unsigned)rand_r(&seed) % 64;
			g.my.gno = k + 1;
			bool out = rand_r(&seed) % 3 == 0;
			bits |= UINT64_C(1) << k;
			if (out)
				bits ^= UINT64_C(1) << k;
			assert_int_equal(out ? gtid_set_remove(s, &g) : gtid_set_add(s, &g), 0);
		}
		char want[1024];
		size_t n = (size_t)snprintf(want, sizeof(want), "%s", bits ? U1 : "");
		for (unsigned k = 0; k < 64; k++) {
			g.my.gno = k + 1;
			assert_int_equal(gtid_set_has(s, &g), (bits >> k) & 1);
			if (!((bits >> k) & 1))
				continue;
			unsigned last = k;
			while (last < 63 && ((bits >> (last + 1)) & 1))
				last++;
			n += (size_t)snprintf(want + n, sizeof(want) - n,
					      last > k ? ":%u-%u" : ":%u", k + 1, last + 1);
			for (unsigned j = k; j <= last; j++) {
				g.my.gno = j + 1;
				assert_true(gtid_set_has(s, &g));
			}
			k = last;
		}
		assert_text(s, want);
		gtid_set_free(s);
	}
}

static void test_mariadb_add(void **state)
{
	(void)state;
	struct gtid_set *s = set_of(FLAVOR_MARIADB, "0-1-5");
	struct gtid g;
	assert_int_equal(gtid_parse(FLAVOR_MARIADB, "3-2-1", &g), 0);
	assert_int_equal(gtid_set_add(s, &g), 0);
	assert_int_equal(gtid_parse(FLAVOR_MARIADB, "0-9-6", &g), 0);
	assert_int_equal(gtid_set_add(s, &g), 0);
	assert_text(s, "0-9-6,3-2-1");
	assert_true(gtid_set_has(s, &g));
	g.maria.seq = 7;
	assert_false(gtid_set_has(s, &g));
	g = my_gtid(U1 ":1");
	assert_int_equal(gtid_set_add(s, &g), -EINVAL);
	g.kind = GTID_NONE;
	assert_int_equal(gtid_set_add(s, &g), 0);
	assert_text(s, "0-9-6,3-2-1");
	assert_int_equal(gtid_set_remove(s, &g), 0);
	assert_int_equal(gtid_parse(FLAVOR_MARIADB, "0-9-5", &g), 0);
	assert_int_equal(gtid_set_remove(s, &g), 0); /* its whole domain */
	assert_text(s, "3-2-1");
	gtid_set_free(s);
}

static void test_covers(void **state)
{
	(void)state;
	static const struct {
		enum flavor flavor;
		const char *s, *sub;
		bool covers;
	} cases[] = {
		{FLAVOR_MYSQL, U1 ":1-10", U1 ":3-5:7", true},
		{FLAVOR_MYSQL, U1 ":1-10", "", true},
		{FLAVOR_MYSQL, "", U1 ":1", false},
		{FLAVOR_MYSQL, U1 ":1-4:6-10", U1 ":3-7", false},
		{FLAVOR_MYSQL, U1 ":1-10", U1 ":11", false},
		{FLAVOR_MYSQL, U1 ":1-10", U1 ":1-3," U2 ":1", false},
		{FLAVOR_MYSQL, U1 ":1-10:t:1-3", U1 ":t:2", true},
		{FLAVOR_MYSQL, U1 ":1-10", U1 ":t:2", false},
		{FLAVOR_MARIADB, "0-1-10,1-1-5", "0-2-10", true},
		{FLAVOR_MARIADB, "0-1-10", "0-1-11", false},
		{FLAVOR_MARIADB, "0-1-10", "1-1-1", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gtid_set *s = set_of(cases[i].flavor, cases[i].s);
		struct gtid_set *sub = set_of(cases[i].flavor, cases[i].sub);
		if (gtid_set_covers(s, sub) != cases[i].covers)
			fail_msg("'%s' against '%s'", cases[i].s, cases[i].sub);
		gtid_set_free(s);
		gtid_set_free(sub);
	}
}

static void test_copy_is_apart(void **state)
{
	(void)state;
	struct position a, b;
	position_init(&a, FLAVOR_MYSQL);
	position_init(&b, FLAVOR_MYSQL);
	a.gtids = set_of(FLAVOR_MYSQL, U1 ":1-5," U2 ":1");
	a.at.pos = 77;
	assert_int_equal(position_copy(&b, &a), 0);
	struct gtid g = my_gtid(U2 ":9");
	assert_int_equal(gtid_set_add(a.gtids, &g), 0);
	assert_text(b.gtids, U1 ":1-5," U2 ":1");
	assert_int_equal(b.at.pos, 77);
	assert_int_equal(position_copy(&b, &a), 0);
	assert_text(b.gtids, U1 ":1-5," U2 ":1:9");
	position_clear(&a);
	assert_null(a.gtids);
	assert_int_equal(position_copy(&b, &a), 0);
	assert_null(b.gtids);
	position_clear(&b);
}

static void assert_encoded(const char *text, const char *hex)
{
	struct gtid_set *s = set_of(FLAVOR_MYSQL, text);
	struct buf b, got;
	buf_init(&b);
	buf_init(&got);
	gtid_set_encode(s, &b);
	for (size_t i = 0; i < b.len; i++)
		buf_printf(&got, "%02x", b.data[i]);
	assert_string_equal(buf_cstr(&got), hex);
	buf_free(&b);
	buf_free(&got);
	gtid_set_free(s);
}

static void test_encode(void **state)
{
	(void)state;
#define UH "3e11fa4771ca11e19e33c80aa9429562"
	assert_encoded("", "0000000000000000");
	assert_encoded(U1 ":1-5:9", "0100000000000000" UH "0200000000000000"
				    "0100000000000000"
				    "0600000000000000"
				    "0900000000000000"
				    "0a00000000000000");
	assert_encoded(U1 ":2:ab:1", "0102000000000001" UH "00"
				     "0100000000000000"
				     "0200000000000000"
				     "0300000000000000" UH "04"
				     "6162"
				     "0100000000000000"
				     "0100000000000000"
				     "0200000000000000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_single_longest),
		cmocka_unit_test(test_single_wrong),
		cmocka_unit_test(test_set_text),
		cmocka_unit_test(test_set_wrong),
		cmocka_unit_test(test_add_successor_no_allocation),
		cmocka_unit_test(test_add_against_bitmap),
		cmocka_unit_test(test_mariadb_add),
		cmocka_unit_test(test_covers),
		cmocka_unit_test(test_copy_is_apart),
		cmocka_unit_test(test_encode),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
