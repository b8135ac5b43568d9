/*
 * ring_test.c - the ring between two threads: order, content, padding, growth in
 * place, sleeping and closing, against a model that both sides compute from a seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/os/ring.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENTRIES = 200000 };

struct entry {
	uint32_t size;
	uint32_t number;
	uint8_t bytes[];
};

static uint32_t step(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

static size_t size_of(uint64_t *seed)
{
	uint32_t r = step(seed);
	return sizeof(struct entry) + (r % 100 == 0 ? step(seed) % 4000 : r % 300);
}

static void *produce(void *arg)
{
	struct ring *r = arg;
	uint64_t seed = 7;
	for (uint32_t i = 0; i < ENTRIES; i++) {
		size_t size = size_of(&seed);
		/* Half of them start small and grow, as an encoder does that cannot know. */
		size_t first = i % 2 ? size : sizeof(struct entry);
		struct entry *e = ring_reserve(r, first);
		assert_non_null(e);
		e->number = i;
		if (first < size) {
			e = ring_extend(r, size, sizeof(*e));
			assert_non_null(e);
		}
		assert_int_equal(e->number, i);
		e->size = (uint32_t)size;
		memset(e->bytes, (int)(i & 0xff), size - sizeof(*e));
		ring_commit(r, size);
		if (i % 7 == 0)
			ring_publish(r);
	}
	assert_true(ring_drain(r));
	return NULL;
}

static void test_two_threads(void **state)
{
	(void)state;
	struct ring *r;
	assert_int_equal(ring_new(32768, &r), 0);
	pthread_t t;
	assert_int_equal(pthread_create(&t, NULL, produce, r), 0);
	uint64_t seed = 7, hold = 99;
	uint32_t taken = 0, released = 0;
	while (released < ENTRIES) {
		struct entry *e = ring_next(r, NULL);
		if (e) {
			size_t size = size_of(&seed);
			assert_int_equal(e->number, taken);
			assert_int_equal(e->size, size);
			for (size_t i = 0; i < size - sizeof(*e); i++)
				assert_int_equal(e->bytes[i], taken & 0xff);
			taken++;
		}
		/* Releases lag behind by a random stretch, as acknowledgements do. */
		if (!e || step(&hold) % 20 == 0) {
			struct entry *o;
			while ((o = ring_oldest(r))) {
				assert_int_equal(o->number, released);
				ring_release(r);
				released++;
			}
			if (!e && released < ENTRIES && ring_sleep(r)) {
				struct pollfd pfd = {.fd = ring_fd(r), .events = POLLIN};
				assert_int_equal(poll(&pfd, 1, 10000), 1);
				ring_wake(r);
			}
		}
	}
	assert_null(ring_oldest(r));
	pthread_join(t, NULL);
	assert_int_equal(ring_used(r), 0);
	ring_free(r);
}

static void *close_later(void *arg)
{
	usleep(20000);
	ring_close(arg);
	return NULL;
}

static void test_close_wakes_a_full_producer(void **state)
{
	(void)state;
	struct ring *r;
	assert_int_equal(ring_new(4096, &r), 0);
	pthread_t t;
	assert_int_equal(pthread_create(&t, NULL, close_later, r), 0);
	int n = 0;
	for (; ring_reserve(r, 1000); n++)
		ring_commit(r, 1000);
	assert_in_range(n, 3, 4);
	pthread_join(t, NULL);
	assert_true(ring_closed(r));
	assert_false(ring_drain(r));
	ring_free(r);
}

static void test_too_large_is_refused(void **state)
{
	(void)state;
	struct ring *r;
	assert_int_equal(ring_new(4096, &r), 0);
	assert_null(ring_reserve(r, ring_entry_max(r) + 1));
	assert_non_null(ring_reserve(r, 8));
	assert_null(ring_extend(r, ring_entry_max(r) + 1, 8));
	ring_free(r);
}

static void test_nothing_is_seen_before_publish(void **state)
{
	(void)state;
	struct ring *r;
	assert_int_equal(ring_new(4096, &r), 0);
	assert_non_null(ring_reserve(r, 16));
	ring_commit(r, 16);
	assert_null(ring_next(r, NULL));
	assert_true(ring_sleep(r));
	ring_publish(r);
	struct pollfd pfd = {.fd = ring_fd(r), .events = POLLIN};
	assert_int_equal(poll(&pfd, 1, 0), 1);
	ring_wake(r);
	assert_non_null(ring_next(r, NULL));
	assert_null(ring_next(r, NULL));
	ring_release(r);
	assert_int_equal(ring_used(r), 0);
	ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_threads),
		cmocka_unit_test(test_close_wakes_a_full_producer),
		cmocka_unit_test(test_too_large_is_refused),
		cmocka_unit_test(test_nothing_is_seen_before_publish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
