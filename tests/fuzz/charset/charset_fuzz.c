/*
 * charset_fuzz.c - any bytes in any set: UTF-8 that is well-formed, the same in pieces of
 * any size, and nothing read behind the text. The first byte chooses the set.
 */
#include "core/charset/charset.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {
    "armscii8", "ascii",   "big5",     "cp1250", "cp1251", "cp1256",  "cp1257", "cp850",
    "cp852",    "cp866",   "cp932",    "dec8",   "eucjpms", "euckr",   "gb18030", "gb2312",
    "gbk",	"geostd8", "greek",    "hebrew", "hp8",	   "keybcs2", "koi8r",	"koi8u",
    "latin1",	"latin2",  "latin5",   "latin7", "macce",  "macroman", "sjis",	"swe7",
    "tis620",	"ucs2",	   "ujis",     "utf16",	 "utf16le", "utf32",
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Bytes of the sequence; it must be one. */
static size_t sequence(const uint8_t *p, size_t left)
{
	size_t n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
	check(n <= left && (*p < 0x80 || (*p >= 0xc2 && *p < 0xf5)));
	for (size_t i = 1; i < n; i++)
		check((p[i] & 0xc0) == 0x80);
	check(*p != 0xe0 || p[1] >= 0xa0);
	check(*p != 0xed || p[1] < 0xa0);
	check(*p != 0xf0 || p[1] >= 0x90);
	check(*p != 0xf4 || p[1] < 0x90);
	return n;
}

static size_t convert(const struct charset_set *set, const uint8_t *text, size_t size,
		      uint8_t *out, size_t room, bool *bad)
{
	const uint8_t *p = text;
	size_t n = 0;
	while (p < text + size) {
		size_t k = charset_to_utf8(set, &p, text + size, out + n, room, bad);
		check(k > 0 && k <= room);
		n += k;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > 4096)
		return 0;
	const char *name = names[data[0] % (sizeof(names) / sizeof(names[0]))];
	const struct charset_set *set =
	    charset_find((struct span){(const uint8_t *)name, strlen(name)});
	size--;
	size_t most = size * CHARSET_UTF8_MAX + CHARSET_ROOM_MIN;
	uint8_t *text = malloc(size + !size), *whole = malloc(most), *pieces = malloc(2 * most);
	bool bad = false, again = false;
	check(set && text && whole && pieces);
	memcpy(text, data + 1, size);
	size_t n = convert(set, text, size, whole, most, &bad);
	check(n <= size * CHARSET_UTF8_MAX);
	for (size_t i = 0; i < n; i += sequence(whole + i, n - i))
		;
	check(convert(set, text, size, pieces, 4, &again) == n && bad == again);
	check(n == 0 || memcmp(whole, pieces, n) == 0);
	if (charset_has_ascii(set) && charset_is_ascii(text, size))
		check(n == size && !bad && (n == 0 || memcmp(text, whole, n) == 0));
	free(text);
	free(whole);
	free(pieces);
	return 0;
}
