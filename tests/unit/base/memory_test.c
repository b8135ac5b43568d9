/* memory_test.c - common/base: buf.h, arena.h, bytes.h and cursor.h. */
#include "tests/unit/base/check.h"

#include "common/base/arena.h"
#include "common/base/cursor.h"

static void heap_buffer_grows(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b);
	for (int i = 0; i < 10000; i++) {
		buf_putc(&b, (char)('a' + i % 26));
		assert_int_equal(b.len, i + 1);
	}
	for (int i = 0; i < 10000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	buf_clear(&b);
	buf_printf(&b, "%d-%s", 42, "text");
	buf_lit(&b, "!");
	buf_puts(&b, "?");
	assert_string_equal(buf_cstr(&b), "42-text!?");
	assert_int_equal(b.len, 9);
	buf_free(&b);
	assert_null(b.data);
}

/* No bytes may come as NULL, into a buffer that has none either. */
static void nothing_from_nowhere(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b);
	buf_put(&b, NULL, 0);
	assert_false(b.failed);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void heap_buffer_keeps_its_limit(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b);
	b.limit = 1000;
	for (int i = 0; i < 1000; i++)
		buf_putc(&b, 'x');
	assert_false(b.failed);
	buf_putc(&b, 'x');
	assert_true(b.failed);
	assert_int_equal(b.len, 1000);
	buf_putc(&b, 'x');
	buf_printf(&b, "%d", 1);
	assert_int_equal(b.len, 1000);
	assert_string_equal(buf_cstr(&b), "");
	buf_clear(&b);
	buf_lit(&b, "again");
	assert_false(b.failed);
	assert_string_equal(buf_cstr(&b), "again");
	buf_free(&b);
}

static void foreign_buffer_fails_for_good(void **state)
{
	(void)state;
	struct foreign f;
	foreign_init(&f, 10);
	buf_put(&f.buf, "0123456789", 10);
	assert_false(f.buf.failed);
	assert_int_equal(f.grown, 1);
	buf_putc(&f.buf, 'x');
	assert_true(f.buf.failed);
	f.max = 100;
	buf_put(&f.buf, "0123456789", 10);
	assert_true(f.buf.failed);
	assert_int_equal(f.buf.len, 10);
	assert_int_equal(f.grown, 1);
	foreign_free(&f);
}

static int grow_too_little(struct buf *b, size_t need)
{
	(void)b;
	(void)need;
	return 0;
}

static void a_grow_that_lies_is_a_failure(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b);
	b.grow = grow_too_little;
	buf_putc(&b, 'x');
	assert_true(b.failed);
	assert_int_equal(b.len, 0);
}

static void arena_hands_out_aligned_memory(void **state)
{
	(void)state;
	struct arena a;
	uint64_t seed = 5;
	arena_init(&a);
	for (int round = 0; round < 20; round++) {
		uint8_t *blocks[200];
		size_t sizes[200];
		for (size_t i = 0; i < 200; i++) {
			sizes[i] = random_u64(&seed) % (i % 50 == 0 ? 40000 : 300);
			blocks[i] = arena_alloc(&a, sizes[i]);
			assert_non_null(blocks[i]);
			assert_int_equal((uintptr_t)blocks[i] % 8, 0);
			memset(blocks[i], (int)i, sizes[i]);
		}
		for (size_t i = 0; i < 200; i++) {
			for (size_t k = 0; k < sizes[i]; k++)
				assert_int_equal(blocks[i][k], (uint8_t)i);
		}
		arena_reset(&a, round % 2 ? SIZE_MAX : 0);
	}
	char *copy = arena_strndup(&a, "abcdef", 3);
	assert_string_equal(copy, "abc");
	assert_string_equal(arena_strndup(&a, NULL, 0), "");
	uint8_t *zero = arena_zalloc(&a, 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(zero[i], 0);
	arena_free(&a);
	assert_null(a.head);
}

static void arena_refuses_what_cannot_be(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 8));
	assert_null(arena_strndup(&a, "", SIZE_MAX));
	assert_non_null(arena_alloc(&a, 1));
	arena_free(&a);
}

static void arena_keeps_a_block_over_a_reset(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a);
	uint8_t *first = arena_alloc(&a, 100);
	arena_reset(&a, SIZE_MAX);
	assert_ptr_equal(arena_alloc(&a, 100), first);
	arena_free(&a);
}

static void loads_and_stores(void **state)
{
	(void)state;
	static const uint8_t p[] = {0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 0x88};
	uint8_t out[8];
	assert_int_equal(load_le16(p), 0x8201);
	assert_int_equal(load_le24(p), 0x038201);
	assert_int_equal(load_le32(p), 0x84038201);
	assert_true(load_le48(p) == 0x860584038201);
	assert_true(load_le64(p) == 0x8807860584038201);
	assert_int_equal(load_be16(p), 0x0182);
	assert_int_equal(load_be32(p), 0x01820384);
	for (unsigned n = 0; n <= 8; n++) {
		uint64_t big = 0, little = 0;
		for (unsigned i = 0; i < n; i++) {
			big = big << 8 | p[i];
			little |= (uint64_t)p[i] << (8 * i);
		}
		assert_true(load_be(p, n) == big);
		if (n)
			assert_true(load_le(p, n) == little);
	}
	store_le64(out, 0x8807860584038201);
	assert_memory_equal(out, p, 8);
	store_le32(out, 0x12345678);
	assert_int_equal(load_le32(out), 0x12345678);
	store_le16(out, 0xabcd);
	assert_int_equal(load_le16(out), 0xabcd);
}

static void cursor_stops_at_the_end(void **state)
{
	(void)state;
	static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		uint8_t *copy = malloc(len ? len : 1);
		memcpy(copy, bytes, len);
		struct cursor c = cursor_of(copy, len);
		assert_int_equal(cursor_u8(&c), len >= 1 ? 1 : 0);
		assert_int_equal(cursor_le16(&c), len >= 3 ? 0x0302 : 0);
		assert_int_equal(cursor_le32(&c), len >= 7 ? 0x07060504 : 0);
		assert_true(cursor_le64(&c) == (len >= 15 ? 0x0f0e0d0c0b0a0908 : 0));
		assert_int_equal(c.failed, len < 15);
		free(copy);
	}
	struct cursor c = cursor_of(bytes, sizeof(bytes));
	struct cursor sub = cursor_sub(&c, 4);
	cursor_skip(&sub, 3);
	assert_int_equal(cursor_left(&sub), 1);
	assert_int_equal(cursor_le24(&sub), 0);
	assert_true(sub.failed);
	assert_false(c.failed);
	assert_int_equal(cursor_left(&c), 12);
	assert_int_equal(cursor_be(&c, 2), 0x0506);
	struct span s = cursor_span(&c, 10);
	assert_int_equal(s.len, 10);
	assert_int_equal(cursor_span(&c, 1).len, 0);
	assert_true(c.failed);
	assert_true(cursor_sub(&c, 1).failed);
}

static void length_encoded_integers(void **state)
{
	(void)state;
	static const struct {
		uint8_t bytes[9];
		size_t len;
		uint64_t v;
		bool fails;
	} cases[] = {
	    {{0}, 1, 0, false},
	    {{250}, 1, 250, false},
	    {{251}, 1, 0, true},
	    {{252, 1, 2}, 3, 0x0201, false},
	    {{253, 1, 2, 3}, 4, 0x030201, false},
	    {{254, 1, 2, 3, 4, 5, 6, 7, 8}, 9, 0x0807060504030201, false},
	    {{255, 0, 0}, 3, 0, true},
	    {{252, 1}, 2, 0, true},
	    {{254, 1, 2, 3, 4, 5, 6, 7}, 8, 0, true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cursor c = cursor_of(cases[i].bytes, cases[i].len);
		assert_true(cursor_lenenc(&c) == cases[i].v);
		assert_int_equal(c.failed, cases[i].fails);
		assert_int_equal(cursor_left(&c), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(heap_buffer_grows),
	    cmocka_unit_test(nothing_from_nowhere),
		cmocka_unit_test(heap_buffer_keeps_its_limit),
	    cmocka_unit_test(foreign_buffer_fails_for_good),
	    cmocka_unit_test(a_grow_that_lies_is_a_failure),
	    cmocka_unit_test(arena_hands_out_aligned_memory),
	    cmocka_unit_test(arena_refuses_what_cannot_be),
	    cmocka_unit_test(arena_keeps_a_block_over_a_reset),
	    cmocka_unit_test(loads_and_stores),
	    cmocka_unit_test(cursor_stops_at_the_end),
	    cmocka_unit_test(length_encoded_integers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
