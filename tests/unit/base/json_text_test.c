/* json_text_test.c - strings, base64 and hexadecimal digits of common/base/json.h. */
#include "tests/unit/base/check.h"

#include "common/base/json.h"

#include <jansson.h>
#include <stdio.h>

#define FFFD "\xef\xbf\xbd"

/* The text as JSON, byte by byte, by the rules of RFC 8259; for valid UTF-8 only. */
static void plain_escape(struct buf *out, const uint8_t *s, size_t len)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < len; i++) {
		const char *at = s[i] ? strchr("\"\\\b\f\n\r\t", s[i]) : NULL;
		if (at) {
			buf_putc(out, '\\');
			buf_putc(out, "\"\\bfnrt"[at - "\"\\\b\f\n\r\t"]);
		} else if (s[i] < 0x20) {
			buf_printf(out, "\\u%04x", s[i]);
		} else {
			buf_putc(out, (char)s[i]);
		}
	}
	buf_putc(out, '"');
}

/* A copy at the end of its allocation, so that a read too far is seen. */
static uint8_t *exact_copy(const void *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, len);
	return copy;
}

static void assert_parses_to(const struct buf *b, const void *text, size_t len)
{
	json_error_t error;
	json_t *parsed =
	    json_loadb((const char *)b->data, b->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (!parsed)
		fail_msg("%s: %.*s", error.text, (int)b->len, (const char *)b->data);
	assert_int_equal(json_string_length(parsed), len);
	assert_memory_equal(json_string_value(parsed), text, len);
	json_decref(parsed);
}

static void check_string(const void *text, size_t len)
{
	struct buf want, got;
	uint8_t *copy = exact_copy(text, len);
	buf_init(&want);
	buf_init(&got);
	plain_escape(&want, copy, len);
	assert_true(json_put_string(&got, copy, len));
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
	assert_parses_to(&got, text, len);
	buf_clear(&got);
	assert_true(json_put_escaped(&got, copy, len));
	assert_int_equal(got.len, want.len - 2);
	assert_memory_equal(got.data, want.data + 1, want.len - 2);
	buf_free(&want);
	buf_free(&got);
	free(copy);
}

static size_t put_utf8(uint8_t *p, uint32_t c)
{
	if (c < 0x80) {
		p[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		p[0] = (uint8_t)(0xc0 | c >> 6);
		p[1] = (uint8_t)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		p[0] = (uint8_t)(0xe0 | c >> 12);
		p[1] = (uint8_t)(0x80 | (c >> 6 & 63));
		p[2] = (uint8_t)(0x80 | (c & 63));
		return 3;
	}
	p[0] = (uint8_t)(0xf0 | c >> 18);
	p[1] = (uint8_t)(0x80 | (c >> 12 & 63));
	p[2] = (uint8_t)(0x80 | (c >> 6 & 63));
	p[3] = (uint8_t)(0x80 | (c & 63));
	return 4;
}

static void every_ascii_byte_at_every_place(void **state)
{
	(void)state;
	uint8_t text[40];
	check_string("", 0);
	for (size_t len = 1; len <= sizeof(text); len++) {
		for (unsigned c = 0; c<0x80; c += len> 20 ? 7 : 1) {
			memset(text, 'x', sizeof(text));
			text[(c * 7) % len] = (uint8_t)c;
			check_string(text, len);
			text[len - 1] = (uint8_t)c;
			check_string(text, len);
		}
	}
}

static void every_code_point(void **state)
{
	(void)state;
	static uint8_t text[1024];
	size_t len = 0;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		if (c >= 0xd800 && c < 0xe000)
			continue;
		len += put_utf8(text + len, c);
		if (len > sizeof(text) - 4) {
			check_string(text, len);
			len = 0;
		}
	}
	check_string(text, len);
}

static void random_text(void **state)
{
	(void)state;
	uint64_t seed = 1;
	uint8_t text[400];
	for (int round = 0; round < 20000; round++) {
		size_t want = random_u64(&seed) % 96, len = 0;
		unsigned flavour = (unsigned)(random_u64(&seed) % 4);
		while (len < want) {
			uint64_t r = random_u64(&seed);
			uint32_t c = 0x20 + (uint32_t)(r % 95);
			if (flavour == 1 && r >> 60 == 0)
				c = (uint32_t)(r >> 8) % 0x20;
			else if (flavour == 2 && r >> 63)
				c = 0x80 + (uint32_t)(r >> 8) % 0x4000;
			else if (flavour == 3)
				c = (uint32_t)(r >> 8) % 0x110000;
			if (c >= 0xd800 && c < 0xe000)
				c = 0x1f600;
			len += put_utf8(text + len, c);
		}
		check_string(text, len);
	}
}

static void ill_formed_text_is_replaced(void **state)
{
	(void)state;
	/* The first four are tables 3-8 to 3-11 of The Unicode Standard 15. */
	static const struct {
		const char *text, *json;
	} cases[] = {
	    {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41",
	     "\"" FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A\""},
	    {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41",
	     "\"" FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A\""},
	    {"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42",
	     "\"" FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B\""},
	    {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", "\"" FFFD FFFD FFFD FFFD "A\""},
	    {"\x80", "\"" FFFD "\""},
	    {"a\xff", "\"a" FFFD "\""},
	    {"\xc3", "\"" FFFD "\""},
	    {"\xe2\x82", "\"" FFFD "\""},
	    {"\xf0\x9f\x98", "\"" FFFD "\""},
	    {"\xc3\"", "\"" FFFD "\\\"\""},
	    {"0123456789abcde\xe2\x82\xac\xe2\x82", "\"0123456789abcde\xe2\x82\xac" FFFD "\""},
	    {"\xf5\x80\x80\x80", "\"" FFFD FFFD FFFD FFFD "\""},
	    {"\xf4\x90\x80\x80", "\"" FFFD FFFD FFFD FFFD "\""},
	    {"\xe0\x9f\xbf\xc1\xbf", "\"" FFFD FFFD FFFD FFFD FFFD "\""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;
		size_t len = strlen(cases[i].text);
		uint8_t *copy = exact_copy(cases[i].text, len);
		buf_init(&b);
		assert_false(json_put_string(&b, copy, len));
		assert_string_equal(buf_cstr(&b), cases[i].json);
		buf_clear(&b);
		assert_false(json_put_escaped(&b, copy, len));
		assert_int_equal(b.len, strlen(cases[i].json) - 2);
		buf_free(&b);
		free(copy);
	}
}

/* Whatever the bytes, the result is JSON; and "valid" is said exactly when nothing changed. */
static void random_bytes(void **state)
{
	(void)state;
	static const uint8_t leads[] = {0xc2, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0x80, 0xbf, 'a', '"'};
	uint64_t seed = 2;
	uint8_t bytes[64];
	for (int round = 0; round < 50000; round++) {
		size_t len = random_u64(&seed) % sizeof(bytes);
		for (size_t i = 0; i < len; i++) {
			uint64_t r = random_u64(&seed);
			bytes[i] = r & 1 ? leads[(r >> 8) % sizeof(leads)] : (uint8_t)(r >> 8);
		}
		struct buf b;
		uint8_t *copy = exact_copy(bytes, len);
		buf_init(&b);
		bool valid = json_put_string(&b, copy, len);
		json_t *parsed =
		    json_loadb((const char *)b.data, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_non_null(parsed);
		bool same = json_string_length(parsed) == len &&
			    memcmp(json_string_value(parsed), bytes, len) == 0;
		assert_int_equal(valid, same);
		json_decref(parsed);
		buf_free(&b);
		free(copy);
	}
}

/* Microsoft's cp1252 as Python 3 decodes it; its five undefined bytes as MySQL does. */
static void latin1(void **state)
{
	(void)state;
	static const uint16_t high[32] = {
	    0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,  0x2030, 0x160,
	    0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
	    0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178};
	uint8_t all[256], text[1024];
	size_t len = 0;
	for (unsigned c = 0; c < 256; c++) {
		uint8_t one[4];
		uint32_t code = c >= 0x80 && c < 0xa0 ? high[c - 0x80] : c;
		size_t n = put_utf8(one, code);
		struct buf b;
		all[c] = (uint8_t)c;
		memcpy(text + len, one, n);
		len += n;
		buf_init(&b);
		json_put_latin1(&b, &all[c], 1);
		assert_parses_to(&b, one, n);
		buf_free(&b);
	}
	for (size_t from = 0; from < 40; from++) {
		struct buf b;
		size_t skip = from; /* the first 128 take a byte each */
		uint8_t *copy = exact_copy(all + from, 256 - from);
		buf_init(&b);
		json_put_latin1(&b, copy, 256 - from);
		assert_parses_to(&b, text + skip, len - skip);
		buf_free(&b);
		free(copy);
	}
}

static void assert_writes(void (*put)(struct buf *, const void *, size_t), const void *bytes,
			  size_t len, const char *want)
{
	struct buf b;
	uint8_t *copy = exact_copy(bytes, len);
	buf_init(&b);
	put(&b, copy, len);
	assert_string_equal(buf_cstr(&b), want);
	buf_free(&b);
	free(copy);
}

static void base64_and_hex(void **state)
{
	(void)state;
	/* RFC 4648, section 10. */
	assert_writes(json_put_base64, "", 0, "\"\"");
	assert_writes(json_put_base64, "f", 1, "\"Zg==\"");
	assert_writes(json_put_base64, "fo", 2, "\"Zm8=\"");
	assert_writes(json_put_base64, "foo", 3, "\"Zm9v\"");
	assert_writes(json_put_base64, "foob", 4, "\"Zm9vYg==\"");
	assert_writes(json_put_base64, "fooba", 5, "\"Zm9vYmE=\"");
	assert_writes(json_put_base64, "foobar", 6, "\"Zm9vYmFy\"");
	assert_writes(json_put_base64, "\xfb\xff\xfe", 3, "\"+//+\"");
	assert_writes(json_put_base64url, "\xfb\xff\xfe", 3, "\"-__-\"");
	assert_writes(json_put_base64url, "\xff", 1, "\"_w==\"");
	assert_writes(json_put_hex, "", 0, "\"\"");
	assert_writes(json_put_hex, "\x00\x01\xab\xff", 4, "\"0001abff\"");
}

/* Every 6-bit number stands for its digit, at each of the four places. */
static void base64_alphabet(void **state)
{
	(void)state;
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (unsigned place = 0; place < 4; place++) {
		for (unsigned v = 0; v < 64; v++) {
			uint32_t bits = v << (18 - 6 * place);
			uint8_t bytes[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8),
					    (uint8_t)bits};
			char want[] = "\"AAAA\"";
			want[1 + place] = digits[v];
			assert_writes(json_put_base64, bytes, 3, want);
		}
	}
}

/* What each function writes, into buffers of every size: all of it, or a failure. */
typedef void put_any(struct buf *b);

static const char mixed[] = "plain text of some length, \"quoted\"\n\x01 \xe2\x82\xac"
			    "\xf0\x9f\x98\x80 and \xff ill-formed \xe2\x82";

static void any_string(struct buf *b)
{
	json_put_string(b, mixed, sizeof(mixed) - 1);
}
static void any_escaped(struct buf *b)
{
	json_put_escaped(b, mixed, sizeof(mixed) - 1);
}
static void any_latin1(struct buf *b)
{
	json_put_latin1(b, mixed, sizeof(mixed) - 1);
}
static void any_base64(struct buf *b)
{
	json_put_base64(b, mixed, sizeof(mixed) - 1);
}
static void any_hex(struct buf *b)
{
	json_put_hex(b, mixed, sizeof(mixed) - 1);
}
static void any_numbers(struct buf *b)
{
	json_put_i64(b, INT64_MIN);
	json_put_u64(b, UINT64_MAX);
	json_put_double(b, -1.2345678901234567e-300);
	json_put_float(b, 0.5f);
}

static void buffers_of_every_size(void **state)
{
	(void)state;
	static put_any *const puts[] = {any_string, any_escaped, any_latin1,
					any_base64, any_hex,     any_numbers};
	for (size_t i = 0; i < sizeof(puts) / sizeof(puts[0]); i++) {
		struct buf whole;
		buf_init(&whole);
		puts[i](&whole);
		assert_false(whole.failed);
		size_t fits = 0;
		for (size_t max = 0; max < whole.len + 64; max++) {
			struct foreign f;
			foreign_init(&f, max);
			puts[i](&f.buf);
			foreign_check(&f);
			if (!f.buf.failed) {
				assert_int_equal(f.buf.len, whole.len);
				assert_memory_equal(f.buf.data, whole.data, whole.len);
				fits++;
			} else {
				assert_int_equal(fits, 0); /* more room never fails again */
			}
			foreign_free(&f);
		}
		assert_true(fits > 0);
		/* A heap buffer with a limit, and what was there before stays. */
		struct buf heap;
		buf_init(&heap);
		heap.limit = whole.len + 64;
		buf_lit(&heap, "before");
		puts[i](&heap);
		assert_false(heap.failed);
		assert_memory_equal(heap.data, "before", 6);
		assert_memory_equal(heap.data + 6, whole.data, whole.len);
		buf_free(&heap);
		buf_free(&whole);
	}
}

static void objects(void **state)
{
	(void)state;
	static const char *const good[] = {
	    "{}", "{ }", "{\"a\":1}", "{\"a\":[],\"b\":{\"c\":[1,-2.5e+3,0,\"x\"]}}",
	    "{\"\\u00e9\\n\" : null , \"t\":true,\"f\":false}", "{\"a\":1E-8}"};
	static const char *const bad[] = {
	    "", "{", "}", "[]", "1", "{}x", " {}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}",
	    "{\"d\":2026-11-22}", "{\"a\":01}", "{\"a\":.5}", "{\"a\":1.}", "{\"a\":1e}",
	    "{\"a\":-}", "{\"a\":tru}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"}",
	    "{a:1}", "{\"a\":13:37:03.000Z}", "{\"a\":[1,]}", "{\"a\":[1}", "{\"a\":\"\t\"}"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(json_text_is_object(good[i], strlen(good[i])));
		/* Every part of it is none; nothing behind its end is read. */
		for (size_t len = 0; len < strlen(good[i]); len++) {
			char *part = malloc(len + 1);
			assert_non_null(part);
			memcpy(part, good[i], len);
			assert_false(json_text_is_object(part, len));
			free(part);
		}
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (json_text_is_object(bad[i], strlen(bad[i])))
			fail_msg("%s", bad[i]);
	char deep[200];
	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"a\":", 5);
	assert_false(json_text_is_object(deep, sizeof(deep)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_ascii_byte_at_every_place),
	    cmocka_unit_test(every_code_point),
	    cmocka_unit_test(random_text),
	    cmocka_unit_test(ill_formed_text_is_replaced),
	    cmocka_unit_test(random_bytes),
	    cmocka_unit_test(latin1),
	    cmocka_unit_test(base64_and_hex),
	    cmocka_unit_test(base64_alphabet),
	    cmocka_unit_test(buffers_of_every_size),
	    cmocka_unit_test(objects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
