/*
 * charset.c - see charset.h.
 *
 * tables.bin holds 16-bit code points, little-endian, and tables.def says where a set's
 * parts begin, one behind the other:
 *
 *   256      codes of one byte; LEAD: a longer one begins here
 *   rows     codes of two: a row for each first byte, a place for each second (where the
 *            set has any)
 *   94 * 94  codes of three, 8F A1 A1 to 8F FE FE (ujis, eucjpms)
 *   39420    codes of four, numbered as gb18030 counts them: 81 30 81 30 is 0, and the
 *            bytes have 126, 10, 126 and 10 values
 *
 * Everywhere NONE is no character. gb18030's codes from number 189000 on are U+10000 and
 * what follows, without a table. The sets of Unicode need none:
 *
 *   ucs2 utf16 utf32   big-endian; utf16le is not. ucs2 has no surrogates.
 */
#include "core/charset/charset.h"

#include <string.h>
#include <strings.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tables.bin is for little-endian machines"
#endif

enum { NONE = 0xfffd, LEAD = 0xffff, EUC_THREE = 0x8f, EUC_ROW = 94 };
enum { GB_BMP = 39420, GB_BEYOND = 189000, GB_END = GB_BEYOND + 0x100000 };

__asm__(".section .rodata\n"
	".balign 2\n"
	"charset_tables:\n"
	".incbin \"" CHARSET_TABLES "\"\n"
	".previous\n");
extern const uint16_t charset_tables[] __attribute__((visibility("hidden")));

enum shape { SHAPE_TABLE, SHAPE_UCS2, SHAPE_UTF16, SHAPE_UTF16LE, SHAPE_UTF32 };

struct charset_set {
	const char *name;
	uint32_t at; /* in charset_tables */
	uint8_t shape;
	bool ascii;
	uint8_t first, last; /* of codes of two bytes; 0: none */
	uint8_t low, high;   /* their second byte */
	bool three, four;
};

static const struct charset_set sets[] = {
#define SET(name, at, ascii, first, last, low, high, three, four)                                  \
	{#name, at, SHAPE_TABLE, ascii, first, last, low, high, three, four},
#include "core/charset/tables.def"
#undef SET
	{.name = "ucs2", .shape = SHAPE_UCS2},
	{.name = "utf16", .shape = SHAPE_UTF16},
	{.name = "utf16le", .shape = SHAPE_UTF16LE},
	{.name = "utf32", .shape = SHAPE_UTF32},
};

static const struct {
	uint16_t first, last;
	const char *name;
} collations[] = {
#define COLLATIONS(first, last, name) {first, last, #name},
#include "core/charset/collations.def"
#undef COLLATIONS
};

const struct charset_set *charset_find(struct span name)
{
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (strlen(sets[i].name) == name.len &&
		    strncasecmp(sets[i].name, (const char *)name.p, name.len) == 0)
			return &sets[i];
	return NULL;
}

struct span charset_of_collation(uint32_t id)
{
	size_t low = 0, high = sizeof(collations) / sizeof(collations[0]);
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (id < collations[mid].first)
			high = mid;
		else if (id > collations[mid].last)
			low = mid + 1;
		else
			return (struct span){(const uint8_t *)collations[mid].name,
					     strlen(collations[mid].name)};
	}
	return (struct span){NULL, 0};
}

bool charset_has_ascii(const struct charset_set *set)
{
	return set->ascii;
}

bool charset_is_ascii(const uint8_t *p, size_t len)
{
	for (; len >= 8; p += 8, len -= 8)
		if (load_le64(p) & 0x8080808080808080u)
			return false;
	for (; len; p++, len--)
		if (*p & 0x80)
			return false;
	return true;
}

/* ---------------------------------------------------------------- one character */

/* The place of a set's codes of three or four bytes: behind those of one and two. */
static const uint16_t *long_codes(const struct charset_set *set)
{
	size_t two = set->first ? ((size_t)set->last - set->first + 1) *
					  ((size_t)set->high - set->low + 1)
				: 0;
	return charset_tables + set->at + 256 + two;
}

static bool is_in(uint8_t byte, uint8_t first, uint8_t last)
{
	return byte >= first && byte <= last;
}

/* 0: the bytes are no code of three. */
static size_t take_three(const struct charset_set *set, const uint8_t *p, size_t len,
			 uint32_t *ret)
{
	if (len < 3 || !is_in(p[1], 0xa1, 0xfe) || !is_in(p[2], 0xa1, 0xfe))
		return 0;
	*ret = long_codes(set)[(p[1] - 0xa1) * EUC_ROW + (p[2] - 0xa1)];
	return 3;
}

static size_t take_four(const struct charset_set *set, const uint8_t *p, size_t len, uint32_t *ret)
{
	if (len < 4 || !is_in(p[0], 0x81, 0xfe) || !is_in(p[1], 0x30, 0x39) ||
	    !is_in(p[2], 0x81, 0xfe) || !is_in(p[3], 0x30, 0x39))
		return 0;
	uint32_t number = (((p[0] - 0x81u) * 10 + (p[1] - 0x30u)) * 126 + (p[2] - 0x81u)) * 10 +
			  (p[3] - 0x30u);
	if (number < GB_BMP)
		*ret = long_codes(set)[number];
	else
		*ret = number >= GB_BEYOND && number < GB_END ? number - GB_BEYOND + 0x10000 : NONE;
	return 4;
}

/* A code that begins with LEAD; when it does not go on as one, its first byte is NONE. */
static size_t take_long(const struct charset_set *set, const uint8_t *p, size_t len, uint32_t *ret)
{
	size_t taken = 0;
	if (set->three && p[0] == EUC_THREE)
		taken = take_three(set, p, len, ret);
	else if (set->four)
		taken = take_four(set, p, len, ret);
	if (taken)
		return taken;
	if (len >= 2 && is_in(p[0], set->first, set->last) && is_in(p[1], set->low, set->high)) {
		size_t row = (size_t)set->high - set->low + 1;
		const uint16_t *two = charset_tables + set->at + 256;
		*ret = two[(size_t)(p[0] - set->first) * row + (size_t)(p[1] - set->low)];
		/* An ASCII byte is not taken along with what it does not belong to. */
		return *ret == NONE && p[1] < 0x80 ? 1 : 2;
	}
	*ret = NONE;
	return 1;
}

static uint32_t load_16(const uint8_t *p, bool big)
{
	return big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static size_t take_utf16(const struct charset_set *set, const uint8_t *p, size_t len, uint32_t *ret)
{
	bool big = set->shape != SHAPE_UTF16LE;
	*ret = NONE;
	if (len < 2)
		return len;
	uint32_t high = load_16(p, big);
	if (high < 0xd800 || high > 0xdfff) {
		*ret = high;
		return 2;
	}
	if (set->shape == SHAPE_UCS2 || high > 0xdbff || len < 4)
		return 2;
	uint32_t low = load_16(p + 2, big);
	if (low < 0xdc00 || low > 0xdfff)
		return 2;
	*ret = 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
	return 4;
}

static size_t take_utf32(const uint8_t *p, size_t len, uint32_t *ret)
{
	*ret = NONE;
	if (len < 4)
		return len;
	uint32_t point = load_16(p, true) << 16 | load_16(p + 2, true);
	if (point <= 0x10ffff && (point < 0xd800 || point > 0xdfff))
		*ret = point;
	return 4;
}

/* The character at p, len > 0: its code point or NONE, and how many bytes it takes. */
static size_t take_one(const struct charset_set *set, const uint8_t *p, size_t len, uint32_t *ret)
{
	switch ((enum shape)set->shape) {
	case SHAPE_UTF32:
		return take_utf32(p, len, ret);
	case SHAPE_UCS2:
	case SHAPE_UTF16:
	case SHAPE_UTF16LE:
		return take_utf16(set, p, len, ret);
	case SHAPE_TABLE:
		break;
	}
	*ret = charset_tables[set->at + p[0]];
	return *ret == LEAD ? take_long(set, p, len, ret) : 1;
}

static uint8_t *put_utf8(uint8_t *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (uint8_t)c;
		return out;
	}
	if (c < 0x800) {
		*out++ = (uint8_t)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*out++ = (uint8_t)(0xe0 | c >> 12);
		} else {
			*out++ = (uint8_t)(0xf0 | c >> 18);
			*out++ = (uint8_t)(0x80 | (c >> 12 & 63));
		}
		*out++ = (uint8_t)(0x80 | (c >> 6 & 63));
	}
	*out++ = (uint8_t)(0x80 | (c & 63));
	return out;
}

size_t charset_to_utf8(const struct charset_set *set, const uint8_t **p, const uint8_t *end,
		       uint8_t *out, size_t room, bool *bad)
{
	uint8_t *at = out;
	while (*p < end && room - (size_t)(at - out) >= CHARSET_ROOM_MIN) {
		uint32_t point;
		*p += take_one(set, *p, (size_t)(end - *p), &point);
		*bad |= point == NONE;
		at = put_utf8(at, point);
	}
	return (size_t)(at - out);
}
