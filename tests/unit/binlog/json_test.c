/*
 * json_test.c - binary JSON made by hand: damaged documents, depth, sizes. (Documents of
 * real servers, every kind of value in them, are types_test.c's.)
 */
#include "tests/unit/binlog/vectors.h"

#include "common/base/arena.h"
#include "core/binlog/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int put(const void *bytes, size_t len, struct buf *out)
{
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, bytes, len);
	buf_init(out);
	int rc = json_binary_put((struct span){copy, len}, out);
	free(copy);
	return rc;
}

static void expect(const char *text, const void *bytes, size_t len)
{
	struct buf b;
	int rc = put(bytes, len, &b);
	if (!text)
		assert_int_equal(rc, -EBADMSG);
	else
		assert_string_equal(buf_cstr(&b), text);
	buf_free(&b);
}

#define BYTES(s) s, sizeof(s) - 1

static void documents(void **state)
{
	(void)state;
	expect("null", "", 0);
	expect("null", BYTES("\x04\0"));
	expect("true", BYTES("\x04\1"));
	expect("-2", BYTES("\x05\xfe\xff"));
	expect("65534", BYTES("\x06\xfe\xff"));
	expect("-2", BYTES("\x07\xfe\xff\xff\xff"));
	expect("4294967294", BYTES("\x08\xfe\xff\xff\xff"));
	expect("-2", BYTES("\x09\xfe\xff\xff\xff\xff\xff\xff\xff"));
	expect("18446744073709551614", BYTES("\x0a\xfe\xff\xff\xff\xff\xff\xff\xff"));
	expect("1.5", BYTES("\x0b\0\0\0\0\0\0\xf8\x3f"));
	expect("\"abc\"", BYTES("\x0c\3abc"));
	expect("\"a\\\"b\"", BYTES("\x0c\3a\"b"));
	expect("{}", BYTES("\0\0\0\4\0"));
	expect("[]", BYTES("\2\0\0\4\0"));
	expect("[]", BYTES("\3\0\0\0\0\x08\0\0\0"));
	expect("[true,-1]", BYTES("\2\2\0\x0a\0\4\1\0\5\xff\xff"));
	expect("{\"a\":7}", BYTES("\0\1\0\x0c\0\x0b\0\1\0\5\7\0a"));
	/* Large: numbers of 32 bits stand inlined too. */
	expect("[-5]", BYTES("\3\1\0\0\0\x0d\0\0\0\x07\xfb\xff\xff\xff"));
}

static void opaque(void **state)
{
	(void)state;
	expect("\"base64:type252:/wA=\"", BYTES("\x0f\xfc\2\xff\0"));
	expect("1.5", BYTES("\x0f\xf6\4\2\1\x81\5"));
	expect("\"2026-11-22\"", BYTES("\x0f\x0a\x08\0\0\0\0\0\x6c\xbb\x19"));
	/* Too short, too long, of digits that are none. */
	expect(NULL, BYTES("\x0f\x0a\7\0\0\0\0\x6c\xbb\x19"));
	expect(NULL, BYTES("\x0f\xf6\1\2"));
	expect(NULL, BYTES("\x0f\xf6\2\2\1"));
	expect(NULL, BYTES("\x0f\xf6\4\2\1\xff\5"));
}

/*
 * CAST('-99999999999999999999999999999999999.999999999999999999999999999999' AS
 * DECIMAL(65,30)) in a document of MySQL 9.7 says precision 66, with a zero for its first
 * digit; CAST(REPEAT('9', 65) AS DECIMAL(65,0)) says 72.
 */
static void decimal_of_whole_groups(void **state)
{
	(void)state;
	expect("-99999999999999999999999999999999999.999999999999999999999999999999",
	       BYTES("\x0f\xf6\x20\x42\x1e\x7a\x0a\x1f\0\xc4\x65\x36\0\xc4\x65\x36\0\xc4\x65\x36"
		     "\0\xc4\x65\x36\0\xc4\x65\x36\0\xc4\x65\x36\0\xfc\x18"));
	expect("99999999999999999999999999999999999999999999999999999999999999999",
	       BYTES("\x0f\xf6\x22\x48\0\x80\0\0\x63\x3b\x9a\xc9\xff\x3b\x9a\xc9\xff\x3b\x9a\xc9"
		     "\xff\x3b\x9a\xc9\xff\x3b\x9a\xc9\xff\x3b\x9a\xc9\xff\x3b\x9a\xc9\xff"));
	/* 81 digits are the most; 82 would be. */
	uint8_t most[3 + 2 + 36] = {0x0f, 0xf6, 38, 81, 0, 0x80};
	uint8_t more[3 + 2 + 37] = {0x0f, 0xf6, 39, 82, 0, 0x80};
	expect("0", most, sizeof(most));
	expect(NULL, more, sizeof(more));
}

/* As MySQL 9.7 and 8.0.15 print JSON_ARRAY(CAST(REPEAT('a', n) AS BINARY)). */
static void opaque_of_several_lines(void **state)
{
	(void)state;
	uint8_t doc[3 + 58] = {0x0f, 0x0f, 57};
	memset(doc + 3, 'a', 57);
	expect("\"base64:type15:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
	       "YWFhYWFhYWFh\"",
	       doc, 3 + 57);
	doc[2] = 58;
	doc[3 + 57] = 'a';
	expect("\"base64:type15:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
	       "YWFhYWFhYWFh\\nYQ==\"",
	       doc, 3 + 58);
	expect("\"base64:type15:\"", BYTES("\x0f\x0f\0"));
}

static void damaged(void **state)
{
	(void)state;
	expect(NULL, BYTES("\x0d"));                              /* no such type */
	expect(NULL, BYTES("\x04\3"));                            /* no such literal */
	expect(NULL, BYTES("\x04"));
	expect(NULL, BYTES("\x0c\4abc"));                         /* longer than the document */
	expect(NULL, BYTES("\x0c\x80\x80\x80\x80\x80\1"));        /* a length of six bytes */
	expect(NULL, BYTES("\2\1\0\x09\0\4\1\0"));                /* size beyond the end */
	expect(NULL, BYTES("\2\0\0\3\0"));                        /* smaller than its head */
	expect(NULL, BYTES("\2\2\0\7\0\4\1\0"));                  /* entries beyond the size */
	expect(NULL, BYTES("\2\1\0\7\0\x0c\xff\0"));              /* a value beyond the size */
	expect(NULL, BYTES("\0\1\0\x0c\0\x0b\0\2\0\5\7\0a"));     /* a key beyond the size */
}

/* Offsets that make elements share their bytes: each level would double the text. */
static void shared_bytes(void **state)
{
	(void)state;
	uint8_t doc[1 + 40 * 10 + 2];
	size_t at = 1;
	doc[0] = 2;
	for (int level = 0; level < 40; level++) {
		/* an array of two elements that are both the array behind it */
		static const uint8_t array[10] = {2, 0, 0, 0, 2, 10, 0, 2, 10, 0};
		memcpy(doc + at, array, sizeof(array));
		store_le16(doc + at + 2, (uint16_t)(sizeof(doc) - at));
		at += sizeof(array);
	}
	expect(NULL, doc, sizeof(doc));
}

/* n arrays inside one another */
static int nested(unsigned n, struct buf *out)
{
	size_t len = 1 + (size_t)n * 7;
	uint8_t *doc = calloc(1, len);
	doc[0] = 2;
	for (unsigned i = 0; i < n; i++) {
		uint8_t *a = doc + 1 + i * 7;
		bool last = i == n - 1;
		store_le16(a, 1);
		store_le16(a + 2, (uint16_t)(len - (size_t)(a - doc)));
		a[4] = last ? 4 : 2;
		store_le16(a + 5, last ? 0 : 7);
	}
	int rc = put(doc, len, out);
	free(doc);
	return rc;
}

static void depth(void **state)
{
	(void)state;
	struct buf b;
	assert_int_equal(nested(JSON_DEPTH_MAX, &b), 0);
	assert_int_equal(b.len, 2 * JSON_DEPTH_MAX + 4);
	buf_free(&b);
	assert_int_equal(nested(JSON_DEPTH_MAX + 1, &b), -EBADMSG);
	buf_free(&b);
}

/* Text larger than first guessed moves within the arena. */
static void growing_text(void **state)
{
	(void)state;
	struct arena arena;
	uint32_t len = 0;
	int rc = 0;
	uint8_t doc[3 + 1000];
	arena_init(&arena);
	doc[0] = 0x0c;
	doc[1] = 0x80 | (1000 & 0x7f);
	doc[2] = 1000 >> 7;
	memset(doc + 3, 1, 1000); /* each becomes \u0001 */
	const uint8_t *text = json_binary_text((struct span){doc, sizeof(doc)}, &arena, &len, &rc);
	assert_non_null(text);
	assert_int_equal(len, 6002);
	assert_memory_equal(text, "\"\\u0001\\u0001", 13);
	assert_memory_equal(text + 5989, "\\u0001\\u0001\"", 13);
	assert_null(json_binary_text((struct span){doc, 500}, &arena, &len, &rc));
	assert_int_equal(rc, -EBADMSG);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents),
		cmocka_unit_test(opaque),
		cmocka_unit_test(decimal_of_whole_groups),
		cmocka_unit_test(opaque_of_several_lines),
		cmocka_unit_test(damaged),
		cmocka_unit_test(shared_bytes),
		cmocka_unit_test(depth),
		cmocka_unit_test(growing_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
