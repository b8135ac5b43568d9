/* shown_test.c - UUID, INET4 and INET6 as MariaDB's SELECT shows them. */
#include "core/binlog/shown.h"
#include "core/binlog/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check(unsigned kind, const char *hex, const char *want)
{
	uint8_t row[18] = {0};
	struct column col = {.type = COLUMN_STRING, .charset = CHARSET_UTF8,
			     .max_bytes = (uint32_t)shown_size(kind), .shown = (uint8_t)kind};
	struct value v;
	struct arena arena;
	struct err err = {0};
	size_t n = strlen(hex) / 2;
	row[0] = (uint8_t)n;
	for (size_t i = 0; i < n; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
		row[1 + i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	struct cursor c = cursor_of(row, n + 1);
	arena_init(&arena);
	assert_int_equal(value_read(&c, &col, &arena, &v, &err), 0);
	assert_int_equal(v.kind, VALUE_STRING);
	if (v.len != strlen(want) || memcmp(v.p, want, v.len) != 0)
		fail_msg("%s: %.*s is not %s", hex, (int)v.len, (const char *)v.p, want);
	arena_free(&arena);
}

/* Zeros at the end are not in the row. */
static void uuids(void **state)
{
	(void)state;
	check(SHOWN_UUID, "00112233445566778899aabbccddeeff",
	      "00112233-4455-6677-8899-aabbccddeeff");
	check(SHOWN_UUID, "12345678", "12345678-0000-0000-0000-000000000000");
	check(SHOWN_UUID, "", "00000000-0000-0000-0000-000000000000");
}

static void addresses(void **state)
{
	(void)state;
	check(SHOWN_INET4, "c0a80001", "192.168.0.1");
	check(SHOWN_INET4, "0a", "10.0.0.0");
	check(SHOWN_INET6, "", "::");
	check(SHOWN_INET6, "00000000000000000000000000000001", "::1");
	check(SHOWN_INET6, "2001", "2001::");
	check(SHOWN_INET6, "20010db8000000000000ff0000428329", "2001:db8::ff00:42:8329");
	check(SHOWN_INET6, "00000000000000000000ffffc0000280", "::ffff:192.0.2.128");
	check(SHOWN_INET6, "00000000000000000000000001020304", "::1.2.3.4");
	check(SHOWN_INET6, "00010000000200030004000500060007", "1::2:3:4:5:6:7");
	check(SHOWN_INET6, "00010000000000020000000000030004", "1::2:0:0:3:4");
	check(SHOWN_INET6, "ffffffffffffffffffffffffffffffff",
	      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uuids),
		cmocka_unit_test(addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
