/*
 * queue_test.c - messages encoded in place: growth, the move to the heap and its bound,
 * messages that are begun and dropped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/contract/errors.h"
#include "core/pipeline/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { CAPACITY = 64 * 1024 };

/* Appends `len` bytes of value behind a key of 3, a piece at a time. */
static int write_message(struct queue *q, size_t len, uint8_t fill)
{
	struct buf *b = q->sink.begin(&q->sink);
	if (!b)
		return -1;
	buf_lit(b, "key");
	for (size_t i = 0; i < len; i += 100) {
		uint8_t piece[100];
		memset(piece, fill, sizeof(piece));
		buf_put(b, piece, len - i < 100 ? len - i : 100);
	}
	if (b->failed)
		return -1;
	return q->sink.end(&q->sink, 3, 0, (uint32_t)len, RECORD_ROW_END);
}

static void check(const struct record *r, size_t len, uint8_t fill)
{
	assert_int_equal(r->kind, RECORD_MESSAGE);
	assert_int_equal(r->key_len, 3);
	assert_int_equal(r->value_len, len);
	assert_memory_equal(record_key(r), "key", 3);
	const uint8_t *v = record_value(r);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(v[i], fill);
}

static void test_sizes(void **state)
{
	(void)state;
	struct ring *ring;
	struct queue q;
	assert_int_equal(ring_new(CAPACITY, &ring), 0);
	queue_init(&q, ring, "");
	static const size_t sizes[] = {0,    1,     500,   1000,  5000,  15000,
				       16000, 16384, 20000, 63000, 300000, 100};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		q.row = i + 1;
		assert_int_equal(write_message(&q, sizes[i], (uint8_t)('a' + i)), 0);
		queue_publish(&q);
		struct record *r = ring_next(ring, NULL);
		assert_non_null(r);
		assert_int_equal(r->row, i + 1);
		check(r, sizes[i], (uint8_t)('a' + i));
		assert_int_equal(!!(r->flags & RECORD_OUTSIDE),
				 sizeof(*r) + 3 + sizes[i] > ring_entry_max(ring));
		assert_ptr_equal(ring_oldest(ring), r);
		if (r->flags & RECORD_OUTSIDE)
			free(r->outside);
		ring_release(ring);
	}
	queue_fini(&q);
	ring_free(ring);
}

static void test_a_dropped_message_leaves_nothing(void **state)
{
	(void)state;
	struct ring *ring;
	struct queue q;
	assert_int_equal(ring_new(CAPACITY, &ring), 0);
	queue_init(&q, ring, "");
	struct buf *b = q.sink.begin(&q.sink);
	buf_lit(b, "half of a message");
	b = q.sink.begin(&q.sink); /* and one that had left the ring */
	for (int i = 0; i < CAPACITY / 16; i++)
		buf_lit(b, "0123456789abcdef");
	assert_non_null(q.outside);
	assert_int_equal(write_message(&q, 10, 'x'), 0);
	queue_publish(&q);
	check(ring_next(ring, NULL), 10, 'x');
	assert_null(ring_next(ring, NULL));
	queue_fini(&q);
	ring_free(ring);
}

struct consumer {
	struct ring *ring;
	size_t most; /* bytes outside the ring at once */
	int seen;
};

static void *consume(void *arg)
{
	struct consumer *c = arg;
	size_t outside = 0;
	while (c->seen < 40) {
		struct record *r = ring_next(c->ring, NULL);
		if (r) {
			outside += r->value_len;
			if (outside > c->most)
				c->most = outside;
			c->seen++;
			continue;
		}
		usleep(200);
		while ((r = ring_oldest(c->ring))) {
			outside -= r->value_len;
			free(r->outside);
			ring_release(c->ring);
		}
	}
	usleep(1000);
	for (struct record *r; (r = ring_oldest(c->ring)); ring_release(c->ring))
		free(r->outside);
	return NULL;
}

/* Messages of half the ring each: never much more than a ring's worth on the heap. */
static void test_the_heap_is_bounded(void **state)
{
	(void)state;
	struct ring *ring;
	struct queue q;
	assert_int_equal(ring_new(CAPACITY, &ring), 0);
	queue_init(&q, ring, "");
	struct consumer c = {.ring = ring};
	pthread_t t;
	assert_int_equal(pthread_create(&t, NULL, consume, &c), 0);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(write_message(&q, CAPACITY / 2, (uint8_t)i), 0);
		queue_publish(&q);
	}
	pthread_join(t, NULL);
	assert_int_equal(c.seen, 40);
	assert_true(c.most <= 2 * CAPACITY);
	queue_fini(&q);
	ring_free(ring);
}

static void test_a_closed_ring_is_not_an_error_to_tell(void **state)
{
	(void)state;
	struct ring *ring;
	struct queue q;
	struct err err = {0};
	assert_int_equal(ring_new(CAPACITY, &ring), 0);
	queue_init(&q, ring, "");
	ring_close(ring);
	assert_null(q.sink.begin(&q.sink));
	assert_int_equal(q.sink.why(&q.sink, &err), -ECANCELED);
	assert_null(err.kind);
	queue_fini(&q);
	ring_free(ring);
}

/* A tombstone behind a message that was kept back while the next row, of another table, came. */
static void test_one_more_message_of_the_row_before(void **state)
{
	(void)state;
	struct ring *ring;
	struct queue q;
	assert_int_equal(ring_new(CAPACITY, &ring), 0);
	queue_init(&q, ring, "");
	q.about.db.p = (const uint8_t *)"d";
	q.topic = 1;
	q.row = 7;
	q.crc = 70;
	assert_non_null(q.sink.begin(&q.sink));
	q.topic = 2;
	q.row = 8;
	q.crc = 80;
	assert_int_equal(q.sink.end(&q.sink, 0, 0, 0, 0), 0);
	assert_non_null(q.sink.begin_more(&q.sink));
	assert_int_equal(q.sink.end(&q.sink, 0, 0, 0, RECORD_TOMBSTONE | RECORD_ROW_END), 0);
	assert_int_equal(q.done_row, 7);
	assert_non_null(q.sink.begin(&q.sink));
	assert_int_equal(q.sink.end(&q.sink, 0, 0, 0, RECORD_ROW_END), 0);
	queue_publish(&q);
	static const struct {
		uint32_t topic, crc;
		uint64_t row;
		uint8_t part;
	} wanted[] = {{1, 70, 7, 1}, {1, 70, 7, 2}, {2, 80, 8, 1}};
	for (size_t i = 0; i < 3; i++) {
		const struct record *r = ring_next(ring, NULL);
		assert_non_null(r);
		assert_int_equal(r->topic, wanted[i].topic);
		assert_int_equal(r->crc, wanted[i].crc);
		assert_int_equal(r->row, wanted[i].row);
		assert_int_equal(r->part, wanted[i].part);
	}
	queue_fini(&q);
	ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_a_dropped_message_leaves_nothing),
		cmocka_unit_test(test_the_heap_is_bounded),
		cmocka_unit_test(test_a_closed_ring_is_not_an_error_to_tell),
		cmocka_unit_test(test_one_more_message_of_the_row_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
