/* xid_test.c - names of XA transactions as the servers write them; the prepared of a position. */
#include "core/model/position.h"
#include "core/model/xid.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct xid *ret)
{
	/* Of its exact size, so that a sanitizer sees a read behind it. */
	size_t len = strlen(text);
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, text, len);
	int rc = xid_parse((struct span){copy, len}, ret);
	free(copy);
	return rc;
}

static struct xid xid_of(const char *text)
{
	struct xid x;
	assert_int_equal(parse(text, &x), 0);
	return x;
}

#define HEX64                                                                                      \
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"                         \
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void forms(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"X'74776f',X'',1", "X'74776f',X'',1"},
		{" X'74776F' , X'00ff' , 7 ", "X'74776f',X'00ff',7"},
		{"x'61'", "X'61',X'',1"},
		{"0x6162,0x00", "X'6162',X'00',1"},
		{"'it''s', \"q\", 0", "X'69742773',X'71',0"},
		{"X'" HEX64 "',X'" HEX64 "',4294967295", "X'" HEX64 "',X'" HEX64 "',4294967295"},
		{"X'61',X'',4294967297", "X'61',X'',1"}, /* the event holds 32 bits of it */
		{"X'61',X'',18446744073709551615", "X'61',X'',4294967295"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[XID_TEXT_MAX];
		struct xid x = xid_of(cases[i][0]);
		assert_int_equal(xid_format(&x, text), strlen(cases[i][1]));
		assert_string_equal(text, cases[i][1]);
		struct xid again = xid_of(text);
		assert_true(xid_equal(&x, &again));
	}
}

static void wrong(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"", " ", "X", "X'", "X''", "X'6'", "X'6g'", "X'61", "X'61',", "X'61',X'',",
		"X'61',X'',-1", "X'61',X'',1 ONE PHASE", "X'61',X'',123456789012345678901", "61",
		"'a", "'a\\'b'", "''", "'", "0x", "0x6", "X'" HEX64 "00'", "'a','b',1,2",
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct xid x;
		if (parse(cases[i], &x) != -EINVAL)
			fail_msg("'%s' was taken", cases[i]);
	}
}

static void equal(void **state)
{
	(void)state;
	struct xid a = xid_of("X'6162',X'',1");
	static const char *const others[] = {"X'61',X'62',1", "X'6162',X'',2", "X'616200',X'',1",
					     "X'6162',X'00',1", "X'6163',X'',1"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct xid b = xid_of(others[i]);
		assert_false(xid_equal(&a, &b));
	}
}

static struct prepared *entry(const char *xid)
{
	struct xid x = xid_of(xid);
	struct gtid none = {.kind = GTID_NONE};
	struct binlog_pos at = {.file = "b.1", .pos = 4};
	return prepared_new(&x, &none, &at, "");
}

static void add(struct position *p, const char *xid)
{
	assert_int_equal(prepared_reserve(&p->prepared), 0);
	prepared_add(&p->prepared, entry(xid));
}

/* Copies are apart, entries are shared; the same name replaces. */
static void sets(void **state)
{
	(void)state;
	struct position a, b;
	position_init(&a, FLAVOR_MYSQL);
	position_init(&b, FLAVOR_MYSQL);
	for (char n = 'a'; n < 'a' + 20; n++) {
		char text[] = "'a'";
		text[1] = n;
		add(&a, text);
	}
	add(&b, "'z'");
	assert_int_equal(position_copy(&b, &a), 0);
	struct xid c = xid_of("'c'"), z = xid_of("'z'");
	assert_true(prepared_remove(&a.prepared, &c));
	assert_false(prepared_remove(&a.prepared, &c));
	assert_null(prepared_find(&a.prepared, &c));
	assert_null(prepared_find(&b.prepared, &z));
	assert_int_equal(a.prepared.n, 19);
	assert_int_equal(b.prepared.n, 20);
	assert_true(xid_equal(&prepared_find(&b.prepared, &c)->xid, &c));
	assert_ptr_equal(a.prepared.list[0], b.prepared.list[0]);
	add(&b, "'a'");
	assert_int_equal(b.prepared.n, 20);
	assert_ptr_not_equal(a.prepared.list[0], b.prepared.list[19]);
	position_clear(&a);
	assert_int_equal(b.prepared.list[0]->xid.gtrid[0], 'b');
	position_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(wrong),
		cmocka_unit_test(equal),
		cmocka_unit_test(sets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
