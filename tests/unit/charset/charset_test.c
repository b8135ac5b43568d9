/*
 * charset_test.c - text of each kind of set as UTF-8. That every code is what the servers
 * say is tests/integration/test_charsets.py's to show.
 */
#include "tests/unit/base/check.h"

#include "core/charset/charset.h"

#include <stdio.h>

static const struct charset_set *set_of(const char *name)
{
	const struct charset_set *set =
	    charset_find((struct span){(const uint8_t *)name, strlen(name)});
	assert_non_null(set);
	return set;
}

static void check_bytes(const char *name, const void *text, size_t len, const char *want,
			bool want_bad)
{
	const struct charset_set *set = set_of(name);
	/* In one piece, and in the smallest pieces; no byte behind the text is read. */
	for (size_t room = 64; room >= CHARSET_ROOM_MIN; room = room == 64 ? 5 : room - 1) {
		uint8_t *copy = malloc(len + !len), out[256], piece[64];
		const uint8_t *p = copy;
		size_t n = 0;
		bool bad = false;
		assert_non_null(copy);
		memcpy(copy, text, len);
		while (p < copy + len) {
			size_t k = charset_to_utf8(set, &p, copy + len, piece, room, &bad);
			assert_true(k > 0 && k <= room);
			memcpy(out + n, piece, k);
			n += k;
		}
		if (n != strlen(want) || memcmp(out, want, n) != 0)
			fail_msg("%s: got %.*s, want %s", name, (int)n, (char *)out, want);
		assert_int_equal(bad, want_bad);
		free(copy);
	}
}

#define CHECK(name, text, want, bad) check_bytes(name, text, sizeof(text) - 1, want, bad)

static void single_bytes(void **state)
{
	(void)state;
	CHECK("koi8r", "\xd0\xf2\xe9x", "пРИx", false);
	CHECK("CP1251", "\xcf\x98", "П\xef\xbf\xbd", true);
	CHECK("latin1", "\x80\x81\xe9", "€\xc2\x81é", false);
	CHECK("latin2", "\xb1", "ą", false);
	CHECK("swe7", "]{", "Åä", false);
	CHECK("ascii", "a\xc3\xa9", "a\xef\xbf\xbd\xef\xbf\xbd", true);
	CHECK("hebrew", "", "", false);
}

static void many_bytes(void **state)
{
	(void)state;
	CHECK("gbk", "a\xd6\xd0\xce\xc4z", "a中文z", false);
	CHECK("gb2312", "\xd6\xd0", "中", false);
	CHECK("big5", "\xa4\xa4\xa4\xe5", "中文", false);
	CHECK("sjis", "\x83\x5c\x5c\xb1", "ソ\\ｱ", false); /* 5c as a second byte, and itself */
	CHECK("cp932", "\x87\x40", "①", false);
	CHECK("euckr", "\xc7\xd1\x81\x41", "한갂", false);
	CHECK("ujis", "\xc6\xfc\x8e\xb1\x8f\xb0\xa1", "日ｱ丂", false);
	CHECK("eucjpms", "\xad\xa1", "①", false);
	CHECK("gb18030", "\xd6\xd0\x81\x30\x84\x36\x94\x39\xda\x33", "中¥💩", false);
}

static void unicode(void **state)
{
	(void)state;
	CHECK("ucs2", "\x04\x1f\x00z", "Пz", false);
	CHECK("ucs2", "\xd8\x3d\xde\x00", "\xef\xbf\xbd\xef\xbf\xbd", true);
	CHECK("utf16", "\xd8\x3d\xde\x00\x00z", "😀z", false);
	CHECK("utf16", "\xde\x00\xd8\x3d\x00z\xd8", "\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd", true);
	CHECK("utf16le", "\x3d\xd8\x00\xdez\x00", "😀z", false);
	CHECK("utf32", "\x00\x01\xf6\x00\x00\x00\x00z", "😀z", false);
	CHECK("utf32", "\x00\x11\x00\x00\x00\x00\xd8\x00\x00", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
	      true);
}

/* What is cut short or does not go on, and that an ASCII byte behind it is kept. */
static void ill_formed(void **state)
{
	(void)state;
	CHECK("gbk", "a\xd6", "a\xef\xbf\xbd", true);
	CHECK("gbk", "\xd6" "1", "\xef\xbf\xbd" "1", true);
	CHECK("gbk", "\x80z", "\xef\xbf\xbdz", true);
	CHECK("big5", "\xa1\x20", "\xef\xbf\xbd ", true);
	CHECK("ujis", "\x8f\xa1", "\xef\xbf\xbd", true);
	CHECK("gb18030", "\x81\x30\x81", "\xef\xbf\xbd" "0\xef\xbf\xbd", true);
	CHECK("gb18030", "\x85\x30\x81\x30", "\xef\xbf\xbd", true);
	CHECK("gb18030", "\xe3\x32\x9a\x36", "\xef\xbf\xbd", true); /* behind U+10FFFF */
	CHECK("gb18030", "\xe3\x32\x9a\x35", "\xf4\x8f\xbf\xbf", false);
}

static void names(void **state)
{
	(void)state;
	static const char *const none[] = {"utf8mb4", "utf8mb3", "binary", "", "latin", "gbk "};
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_null(charset_find((struct span){(const uint8_t *)none[i], strlen(none[i])}));
	assert_true(charset_has_ascii(set_of("SJIS")));
	assert_false(charset_has_ascii(set_of("swe7")));
	assert_false(charset_has_ascii(set_of("utf16")));
	assert_true(charset_is_ascii((const uint8_t *)"0123456789", 10));
	assert_false(charset_is_ascii((const uint8_t *)"012345678\x80", 10));
	assert_false(charset_is_ascii((const uint8_t *)"0123456\x80" "89", 10));
}

/* Every id of every server's list. */
static void collations(void **state)
{
	(void)state;
	FILE *f = fopen(MR_VECTORS "/binlog/collations.txt", "r");
	char line[128], name[64];
	unsigned id, known = 0;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) && sscanf(line, "%u %63s", &id, name) == 2) {
		struct span is = charset_of_collation(id);
		if (strcmp(name, "utf8") == 0)
			strcpy(name, "utf8mb3");
		if (is.len != strlen(name) || memcmp(is.p, name, is.len) != 0)
			fail_msg("collation %u is of %s", id, name);
		known++;
	}
	fclose(f);
	assert_true(known > 1000);
	assert_int_equal(charset_of_collation(0).len, 0);
	assert_int_equal(charset_of_collation(UINT32_MAX).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(single_bytes), cmocka_unit_test(many_bytes),
	    cmocka_unit_test(unicode),	    cmocka_unit_test(ill_formed),
	    cmocka_unit_test(names),	    cmocka_unit_test(collations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
