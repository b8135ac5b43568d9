/* text_test.c - what reaches the terminal: cleaned, measured, in columns. */
#include "server/cli/table.h"
#include "server/cli/text.h"

#include <jansson.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FFFD "\xef\xbf\xbd"

static void test_clean(void **state)
{
	(void)state;
	static const struct {
		const char *text, *clean;
	} cases[] = {
	    {"plain", "plain"},
	    {"caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x90\xac",
	     "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x90\xac"},
	    {"a\x1b[31mred", "a" FFFD "[31mred"},
	    {"a\nb\tc", "a b c"},
	    {"a\rb\bc\x7f", "a" FFFD "b" FFFD "c" FFFD},
	    /* C1: CSI and OSC of one character. */
	    {"x\xc2\x9b"
	     "31m\xc2\x9d",
	     "x" FFFD "31m" FFFD},
	    /* Overrides of the direction, line separators, a byte order mark. */
	    {"a\xe2\x80\xae"
	     "b\xe2\x81\xa6"
	     "c\xe2\x80\xa8\xef\xbb\xbf\xd8\x9c",
	     "a" FFFD "b" FFFD "c" FFFD FFFD FFFD},
	    /* Not UTF-8: a lone byte, an overlong form, a surrogate, too large, cut. */
	    {"\xff", FFFD},
	    {"\xc0\x9b", FFFD FFFD},
	    {"\xe0\x82\x9b", FFFD FFFD FFFD},
	    {"\xed\xa0\x80", FFFD FFFD FFFD},
	    {"\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD},
	    {"a\xe2\x82", "a" FFFD FFFD},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;
		buf_init(&b);
		text_put_clean(&b, cases[i].text);
		assert_string_equal(buf_cstr(&b), cases[i].clean);
		buf_free(&b);
	}
	struct buf b;
	buf_init(&b);
	text_put_clean_lines(&b, "a\n\tb\x1b");
	assert_string_equal(buf_cstr(&b), "a\n\tb" FFFD);
	buf_free(&b);
}

/* Whatever bytes: only printable ASCII, newlines where allowed, and whole UTF-8 come out. */
static void test_clean_all_bytes(void **state)
{
	(void)state;
	for (unsigned a = 1; a < 256; a++)
		for (unsigned c = 1; c < 256; c++) {
			const char text[] = {(char)a, (char)c, 0};
			struct buf b;
			buf_init(&b);
			text_put_clean(&b, text);
			for (const char *p = buf_cstr(&b); *p; p++)
				assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
			json_t *made = json_string(buf_cstr(&b));
			assert_non_null(made);
			json_decref(made);
			assert_null(strstr(buf_cstr(&b), "\xc2\x9b"));
			buf_free(&b);
		}
}

/* The JSON still means the same. */
static void test_json(void **state)
{
	(void)state;
	static const char text[] = "{\n\t\"a\": \"x\x7f\xc2\x9b\xe2\x80\xae\xf0\x9f\x90\xac\"}";
	struct buf b;
	buf_init(&b);
	text_put_json(&b, text, sizeof(text) - 1);
	assert_string_equal(buf_cstr(&b),
			    "{\n\t\"a\": \"x\\u007f\\u009b\\u202e\xf0\x9f\x90\xac\"}");
	json_t *before = json_loads(text, 0, NULL), *after = json_loads(buf_cstr(&b), 0, NULL);
	assert_non_null(before);
	assert_true(json_equal(before, after));
	json_decref(before);
	json_decref(after);
	buf_free(&b);
}

/* jansson passes over a NUL, so that one stands in what it has accepted. */
static void test_json_nul(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b);
	text_put_json(&b, "{\"a\":7\0}", 8);
	assert_string_equal(buf_cstr(&b), "{\"a\":7}");
	buf_free(&b);
}

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(text_width(""), 0);
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("caf\xc3\xa9"), 4);
	assert_int_equal(text_width("\xe6\x97\xa5\xe6\x9c\xac"), 4);
	/* A combining accent takes no column. */
	assert_int_equal(text_width("e\xcc\x81"), 1);
}

static void check(void (*put)(struct buf *, int64_t), int64_t value, const char *want)
{
	struct buf b;
	buf_init(&b);
	put(&b, value);
	assert_string_equal(buf_cstr(&b), want);
	buf_free(&b);
}

static void test_numbers(void **state)
{
	(void)state;
	check(text_put_duration, -1, "-");
	check(text_put_duration, 0, "0 ms");
	check(text_put_duration, 999, "999 ms");
	check(text_put_duration, 59999, "59 s");
	check(text_put_duration, 60000, "1 m 0 s");
	check(text_put_duration, 3599999, "59 m 59 s");
	check(text_put_duration, 5 * 3600000 + 180000, "5 h 3 m");
	check(text_put_duration, 86400000LL * 12 + 4 * 3600000, "12 d 4 h");
	check(text_put_time, 0, "-");
	check(text_put_time, 1700000000999, "2023-11-14 22:13:20 UTC");
	check(text_put_bytes, 0, "0 B");
	check(text_put_bytes, 1023, "1023 B");
	check(text_put_bytes, 1536, "1.5 KiB");
	check(text_put_bytes, 12LL << 30, "12.0 GiB");
	struct buf b;
	buf_init(&b);
	text_put_age(&b, 0, 5);
	buf_putc(&b, '|');
	text_put_age(&b, 1000, 3000);
	buf_putc(&b, '|');
	text_put_age(&b, 3000, 1000);
	assert_string_equal(buf_cstr(&b), "-|2 s|0 ms");
	buf_free(&b);
}

static void test_table(void **state)
{
	(void)state;
	struct table t;
	struct buf b;
	buf_init(&b);
	table_init(&t, 3, "NAME|>ROWS|ERROR");
	assert_int_equal(table_rows(&t), 0);
	table_cell(&t, "caf\xc3\xa9");
	table_cellf(&t, "%d", 12345);
	table_cell(&t, "");
	table_cell(&t, "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5");
	table_cell(&t, "7");
	table_cell(&t, "a\x1b[2J\nb");
	assert_int_equal(table_rows(&t), 2);
	table_print(&t, 1, &b);
	assert_string_equal(buf_cstr(&b),
			    " NAME     ROWS  ERROR\n"
			    " caf\xc3\xa9    12345  -\n"
			    " \xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5      7  a" FFFD "[2J b\n");
	table_clear(&t);
	buf_clear(&b);
	table_init(&t, 2, "");
	table_cell(&t, "a");
	table_cell(&t, "1");
	table_cell(&t, "bcd");
	table_end_row(&t);
	buf_puts(&t.scratch, "e");
	table_cell_scratch(&t);
	buf_puts(&t.scratch, "2");
	table_cell_scratch(&t);
	assert_int_equal(table_rows(&t), 3);
	table_print(&t, 0, &b);
	assert_string_equal(buf_cstr(&b), "a    1\nbcd  \ne    2\n");
	table_clear(&t);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clean), cmocka_unit_test(test_clean_all_bytes),
	    cmocka_unit_test(test_json),  cmocka_unit_test(test_json_nul),
	    cmocka_unit_test(test_width), cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_table),
	};
	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
