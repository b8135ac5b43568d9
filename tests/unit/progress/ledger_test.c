/*
 * ledger_test.c - the safe position against a model, whatever the order of
 * acknowledgements; partial groups; resuming inside one.
 */
#include "core/progress/ledger.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define UUID "3e11fa47-71ca-11e1-9e33-c80aa9429562"

struct world {
	struct ring *ring;
	struct ledger ledger;
};

static struct gtid gtid_of(uint64_t gno)
{
	struct gtid g;
	assert_int_equal(gtid_parse(FLAVOR_MYSQL, UUID ":1", &g), 0);
	g.my.gno = gno;
	return g;
}

static struct binlog_pos at(uint64_t pos)
{
	struct binlog_pos p = {.pos = pos};
	strcpy(p.file, "binlog.000001");
	return p;
}

static void world_start(struct world *w, const struct position *start)
{
	assert_int_equal(ring_new(1 << 20, &w->ring), 0);
	assert_int_equal(ledger_init(&w->ledger, start), 0);
}

static void world_new(struct world *w, const char *gtids)
{
	struct position start;
	struct err err;
	position_init(&start, FLAVOR_MYSQL);
	start.at = at(4);
	if (gtids) {
		start.gtids = gtid_set_new(FLAVOR_MYSQL);
		assert_int_equal(gtid_set_parse(start.gtids, gtids, &err), 0);
	}
	world_start(w, &start);
	position_clear(&start);
}

static void world_end(struct world *w)
{
	ledger_free(&w->ledger);
	ring_free(w->ring);
}

static void *put(struct world *w, enum record_kind kind, size_t extra)
{
	size_t size = sizeof(struct record) + extra;
	struct record *r = ring_reserve(w->ring, size);
	assert_non_null(r);
	memset(r, 0, size);
	r->kind = (uint8_t)kind;
	ring_commit(w->ring, size);
	ring_publish(w->ring);
	return r;
}

static void put_group(struct world *w, struct gtid gtid, uint64_t start)
{
	struct record *r = put(w, RECORD_GROUP, sizeof(struct record_group));
	*(struct record_group *)(r + 1) = (struct record_group){.gtid = gtid, .start = at(start)};
}

static void put_mark(struct world *w, struct gtid gtid, uint64_t end, usec_t time)
{
	struct record *r = put(w, RECORD_MARK, sizeof(struct record_mark));
	*(struct record_mark *)(r + 1) = (struct record_mark){
		.gtid = gtid, .end = at(end), .commit_time = time};
}

static void put_message(struct world *w, uint64_t row, uint32_t crc, int flags)
{
	struct record *r = put(w, RECORD_MESSAGE, flags & RECORD_OUTSIDE ? 0 : 10);
	r->flags = (uint8_t)flags;
	r->key_len = 3;
	r->value_len = 7;
	r->row = row;
	r->crc = crc;
	if (flags & RECORD_OUTSIDE)
		r->outside = malloc(10); /* freed by the ledger, or a leak is reported */
}

/* Takes the next record, as a delivering thread does. */
static struct record *take(struct world *w)
{
	struct record *r = ring_next(w->ring, NULL);
	if (r)
		ledger_taken(&w->ledger, r);
	return r;
}

static void assert_at(struct world *w, uint64_t pos, const char *gtids)
{
	struct position p;
	struct buf b;
	buf_init(&b);
	position_init(&p, FLAVOR_MYSQL);
	assert_int_equal(ledger_position(&w->ledger, &p), 0);
	assert_int_equal(p.at.pos, pos);
	if (gtids) {
		gtid_set_format(p.gtids, &b);
		assert_string_equal(buf_cstr(&b), gtids);
	} else {
		assert_null(p.gtids);
	}
	position_clear(&p);
	buf_free(&b);
}

static void assert_partial(struct world *w, uint64_t rows, uint32_t crc, uint64_t start)
{
	const struct partial *p = &w->ledger.safe.partial;
	assert_int_equal(p->set, rows > 0);
	assert_int_equal(p->rows, rows);
	assert_int_equal(p->crc, crc);
	assert_int_equal(p->start.pos, start);
}

static int advance(struct world *w)
{
	return ledger_advance(&w->ledger, w->ring);
}

/* The position is of the server whose group it is behind, not of the one that is read. */
static void test_another_server(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, UUID ":1-9");
	assert_string_equal(w.ledger.safe.source, "");
	put_group(&w, gtid_of(10), 100);
	put_message(&w, 1, 11, RECORD_ROW_END);
	struct record *r = put(&w, RECORD_SERVER, POSITION_SOURCE_MAX);
	strcpy((char *)(r + 1), "another");
	put_mark(&w, gtid_of(10), 500, 77);
	take(&w);
	struct record *message = take(&w);
	assert_int_equal(take(&w)->kind, RECORD_SERVER);
	assert_int_equal(take(&w)->kind, RECORD_MARK);
	assert_int_equal(advance(&w), 0);
	assert_string_equal(w.ledger.safe.source, "");
	ledger_acked(&w.ledger, message);
	assert_int_equal(advance(&w), 1);
	assert_at(&w, 500, UUID ":1-10");
	assert_string_equal(w.ledger.safe.source, "another");
	world_end(&w);
}

static void test_one_group(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, UUID ":1-9");
	put_group(&w, gtid_of(10), 100);
	put_message(&w, 1, 11, RECORD_ROW_END);
	put_message(&w, 2, 22, 0);
	put_message(&w, 2, 22, RECORD_ROW_END | RECORD_OUTSIDE);
	put_mark(&w, gtid_of(10), 500, 77);
	assert_int_equal(advance(&w), 0);

	assert_int_equal(take(&w)->kind, RECORD_GROUP);
	struct record *first = take(&w), *second = take(&w), *third = take(&w);
	assert_int_equal(take(&w)->kind, RECORD_MARK);
	assert_null(take(&w));
	struct ledger_stats s = ledger_stats_read(&w.ledger);
	assert_int_equal(s.in_flight, 3);
	assert_int_equal(s.in_flight_bytes, 30);
	assert_int_equal(advance(&w), 0);
	assert_at(&w, 4, UUID ":1-9");

	/* The last first: nothing moves, though the MARK is there. */
	ledger_acked(&w.ledger, third);
	assert_int_equal(advance(&w), 0);
	assert_partial(&w, 0, 0, 0);
	ledger_acked(&w.ledger, first);
	assert_int_equal(advance(&w), 1);
	assert_at(&w, 4, UUID ":1-9");
	assert_partial(&w, 1, 11, 100);
	ledger_acked(&w.ledger, second);
	ledger_acked(&w.ledger, second); /* told twice: counted once */
	assert_int_equal(advance(&w), 1);
	assert_at(&w, 500, UUID ":1-10");
	assert_partial(&w, 0, 0, 0);
	assert_int_equal(advance(&w), 0);

	s = ledger_stats_read(&w.ledger);
	assert_int_equal(s.in_flight, 0);
	assert_int_equal(s.in_flight_bytes, 0);
	assert_int_equal(s.messages, 3);
	assert_int_equal(s.bytes, 30);
	assert_int_equal(s.rows, 2);
	assert_int_equal(s.groups, 1);
	assert_int_equal(s.commit_time, 77);
	assert_int_equal(s.moves, 2);
	assert_int_equal(ring_used(w.ring), 0);
	world_end(&w);
}

/* A group's own rows may be acknowledged in part: a row counts with its last message. */
static void test_row_needs_all_its_messages(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, NULL);
	struct gtid none = {.kind = GTID_NONE};
	put_group(&w, none, 100);
	put_message(&w, 1, 5, 0);
	put_message(&w, 1, 5, RECORD_ROW_END);
	take(&w);
	ledger_acked(&w.ledger, take(&w));
	struct record *last = take(&w);
	assert_int_equal(advance(&w), 0);
	assert_partial(&w, 0, 0, 0);
	ledger_acked(&w.ledger, last);
	assert_int_equal(advance(&w), 1);
	assert_partial(&w, 1, 5, 100);
	assert_at(&w, 4, NULL);
	put_mark(&w, gtid_of(3), 300, 0);
	take(&w);
	assert_int_equal(advance(&w), 1);
	/* No set at the start: none is begun, it would claim to be whole. */
	assert_at(&w, 300, NULL);
	world_end(&w);
}

/* The pipe may acknowledge inside of put, before the record was counted. */
static void test_acked_before_taken(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, NULL);
	put_message(&w, 1, 5, RECORD_ROW_END);
	struct record *r = ring_next(w.ring, NULL);
	ledger_acked(&w.ledger, r);
	assert_int_equal(ledger_stats_read(&w.ledger).in_flight, 0);
	ledger_taken(&w.ledger, r);
	assert_int_equal(ledger_stats_read(&w.ledger).in_flight, 0);
	assert_int_equal(ledger_stats_read(&w.ledger).messages, 1);
	world_end(&w);
}

/* An entry that was not taken yet stays, acknowledged or not. */
static void test_only_what_was_taken(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, UUID ":1");
	put_mark(&w, gtid_of(2), 200, 0);
	put_mark(&w, gtid_of(3), 300, 0);
	take(&w);
	assert_int_equal(advance(&w), 1);
	assert_at(&w, 200, UUID ":1-2");
	assert_int_equal(advance(&w), 0);
	take(&w);
	assert_int_equal(advance(&w), 1);
	assert_at(&w, 300, UUID ":1-3");
	world_end(&w);
}

static void test_wrong_gtid_moves_nothing(void **state)
{
	(void)state;
	struct world w;
	struct gtid g;
	world_new(&w, UUID ":1");
	assert_int_equal(gtid_parse(FLAVOR_MARIADB, "0-1-1", &g), 0);
	put_mark(&w, g, 200, 9);
	take(&w);
	assert_int_equal(advance(&w), -EINVAL);
	assert_at(&w, 4, UUID ":1");
	assert_int_equal(ledger_stats_read(&w.ledger).moves, 0);
	assert_int_equal(ledger_stats_read(&w.ledger).commit_time, 0);
	assert_true(ring_used(w.ring) > 0);
	world_end(&w);
}

static void resume(struct world *w, struct gtid gtid, uint64_t start)
{
	struct position p;
	struct err err;
	position_init(&p, FLAVOR_MYSQL);
	p.at = at(1000);
	p.gtids = gtid_set_new(FLAVOR_MYSQL);
	assert_int_equal(gtid_set_parse(p.gtids, UUID ":1-9", &err), 0);
	p.partial = (struct partial){
		.set = true, .gtid = gtid, .start = at(start), .rows = 7, .crc = 70};
	world_start(w, &p);
	position_clear(&p);
}

static void deliver_all(struct world *w)
{
	for (struct record *r; (r = take(w));)
		ledger_acked(&w->ledger, r);
	assert_int_equal(advance(w), 1);
}

/* The rest of the group we stopped in: its count goes on from where it was. */
static void test_resume_inside(void **state)
{
	(void)state;
	struct world w;
	resume(&w, gtid_of(10), 1000);
	put_group(&w, gtid_of(10), 2000); /* it begins elsewhere: another server */
	take(&w);
	assert_int_equal(advance(&w), 0);
	assert_partial(&w, 7, 70, 2000);
	put_message(&w, 8, 80, RECORD_ROW_END);
	deliver_all(&w);
	assert_partial(&w, 8, 80, 2000);
	put_mark(&w, gtid_of(10), 3000, 0);
	deliver_all(&w);
	assert_partial(&w, 0, 0, 0);
	assert_at(&w, 3000, UUID ":1-10");
	world_end(&w);
}

/* All of its rows were delivered: only the MARK comes. */
static void test_resume_mark_alone(void **state)
{
	(void)state;
	struct world w;
	resume(&w, gtid_of(10), 1000);
	put_mark(&w, gtid_of(10), 3000, 0);
	deliver_all(&w);
	assert_partial(&w, 0, 0, 0);
	assert_at(&w, 3000, UUID ":1-10");
	world_end(&w);

	struct gtid none = {.kind = GTID_NONE};
	resume(&w, none, 1000);
	put_mark(&w, none, 1000, 0); /* ends where the awaited one begins */
	deliver_all(&w);
	assert_partial(&w, 7, 70, 1000);
	put_mark(&w, none, 3000, 0);
	deliver_all(&w);
	assert_partial(&w, 0, 0, 0);
	world_end(&w);
}

/* On another server other groups may come first; the awaited one's count survives them. */
static void test_resume_behind_others(void **state)
{
	(void)state;
	struct world w;
	resume(&w, gtid_of(10), 1000);
	put_group(&w, gtid_of(20), 400);
	put_message(&w, 1, 99, RECORD_ROW_END);
	for (struct record *r; (r = take(&w));)
		ledger_acked(&w.ledger, r);
	assert_int_equal(advance(&w), 0);
	assert_partial(&w, 7, 70, 1000);
	put_mark(&w, gtid_of(20), 500, 0);
	deliver_all(&w);
	assert_partial(&w, 7, 70, 1000);
	assert_at(&w, 500, UUID ":1-9:20");
	put_group(&w, gtid_of(10), 600);
	put_message(&w, 8, 80, RECORD_ROW_END);
	deliver_all(&w);
	assert_partial(&w, 8, 80, 600);
	put_mark(&w, gtid_of(10), 700, 0);
	deliver_all(&w);
	assert_partial(&w, 0, 0, 0);
	assert_at(&w, 700, UUID ":1-10:20");
	world_end(&w);
}

/* The model: what was put, in order, and whether it is acknowledged. */
enum { ENTRIES_MAX = 4000 };

struct entry {
	enum record_kind kind;
	struct record *record; /* NULL: not taken yet */
	bool acked;
	bool row_end;
	uint64_t row, group, start, end;
};

static struct entry model[ENTRIES_MAX];

/* Where the position must be when the first n entries were taken. */
static void assert_model(struct world *w, size_t n)
{
	uint64_t pos = 4, rows = 0, start = 0, group = 0;
	uint64_t last = 0;
	for (size_t i = 0; i < n; i++) {
		const struct entry *e = &model[i];
		if (e->kind == RECORD_MESSAGE && !e->acked)
			break;
		if (e->kind == RECORD_GROUP)
			group = e->start;
		if (e->kind == RECORD_MESSAGE && e->row_end) {
			rows = e->row;
			start = group;
		}
		if (e->kind == RECORD_MARK) {
			pos = e->end;
			rows = start = 0;
			last = e->group;
		}
	}
	char gtids[100];
	snprintf(gtids, sizeof(gtids),
		 last > 1 ? UUID ":1-%u"
		 : last   ? UUID ":%u"
			  : "%.0u",
		 (unsigned)last);
	struct buf b;
	buf_init(&b);
	gtid_set_format(w->ledger.safe.gtids, &b);
	assert_string_equal(buf_cstr(&b), gtids);
	buf_free(&b);
	assert_int_equal(w->ledger.safe.at.pos, pos);
	assert_partial(w, rows, (uint32_t)(rows * 10), start);
}

/* Puts one whole group; returns the number of entries. */
static size_t put_random_group(struct world *w, size_t n, uint64_t number, unsigned *seed)
{
	size_t first = n;
	uint64_t start = number * 1000, end = start + 900;
	struct gtid g = gtid_of(number);
	unsigned rows = (unsigned)rand_r(seed) % 6;
	if (rows) {
		put_group(w, g, start);
		model[n++] = (struct entry){.kind = RECORD_GROUP, .start = start};
	}
	for (unsigned row = 1; row <= rows; row++) {
		unsigned messages = 1 + (unsigned)rand_r(seed) % 3;
		for (unsigned m = 1; m <= messages; m++) {
			bool row_end = m == messages;
			put_message(w, row, row * 10,
				    (row_end ? RECORD_ROW_END : 0) |
					    (rand_r(seed) % 5 ? 0 : RECORD_OUTSIDE));
			model[n++] = (struct entry){
				.kind = RECORD_MESSAGE, .row = row, .row_end = row_end};
		}
	}
	put_mark(w, g, end, 0);
	model[n++] = (struct entry){.kind = RECORD_MARK, .end = end, .group = number};
	return n - first;
}

static void random_run(unsigned seed)
{
	struct world w;
	struct position start;
	position_init(&start, FLAVOR_MYSQL);
	start.at = at(4);
	start.gtids = gtid_set_new(FLAVOR_MYSQL);
	world_start(&w, &start);
	position_clear(&start);
	size_t put_n = 0, taken = 0, unacked = 0;
	uint64_t group = 0;
	while (group < 60 || taken < put_n || unacked) {
		unsigned what = (unsigned)rand_r(&seed) % 10;
		if (what < 2 && group < 60) {
			put_n += put_random_group(&w, put_n, ++group, &seed);
		} else if (what < 6 && taken < put_n) {
			struct record *r = take(&w);
			assert_non_null(r);
			model[taken].record = r;
			unacked += model[taken++].kind == RECORD_MESSAGE;
		} else if (unacked) {
			/* Any one of those in flight. */
			size_t pick = (size_t)rand_r(&seed) % unacked;
			for (size_t i = 0;; i++) {
				if (model[i].kind != RECORD_MESSAGE || model[i].acked)
					continue;
				if (pick-- == 0) {
					ledger_acked(&w.ledger, model[i].record);
					model[i].acked = true;
					break;
				}
			}
			unacked--;
		}
		struct ledger_stats s = ledger_stats_read(&w.ledger);
		assert_int_equal(s.in_flight, unacked);
		uint64_t before = s.moves;
		struct binlog_pos was = w.ledger.safe.at;
		uint64_t rows = w.ledger.safe.partial.rows;
		int moved = advance(&w);
		assert_true(moved >= 0);
		assert_int_equal(ledger_stats_read(&w.ledger).moves, before + (uint64_t)moved);
		if (!moved)
			assert_true(was.pos == w.ledger.safe.at.pos &&
				    rows == w.ledger.safe.partial.rows);
		assert_model(&w, taken);
	}
	assert_int_equal(ring_used(w.ring), 0);
	assert_int_equal(ledger_stats_read(&w.ledger).groups, 60);
	world_end(&w);
}

static void test_random_order(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 40; seed++)
		random_run(seed);
}

/*
 * A connection breaks inside a group that is published as it streams; the next server has
 * another transaction in front of it. What was noted of the one must not be mixed with the other.
 */
static void test_other_group_inside_partial_one(void **state)
{
	(void)state;
	struct world w;
	struct record *r;
	world_new(&w, UUID ":1-5");
	put_group(&w, gtid_of(7), 100);
	put_message(&w, 1, 0x71, RECORD_ROW_END);
	put_message(&w, 2, 0x72, RECORD_ROW_END);
	put_group(&w, gtid_of(6), 500);
	put_message(&w, 1, 0x61, RECORD_ROW_END);
	while ((r = take(&w)))
		ledger_acked(&w.ledger, r);
	assert_int_equal(ledger_advance(&w.ledger, w.ring), 1);
	const struct partial *p = &w.ledger.safe.partial;
	assert_true(p->set);
	assert_int_equal(p->gtid.my.gno, 7);
	assert_int_equal(p->rows, 2);
	assert_int_equal(p->crc, 0x72);

	put_mark(&w, gtid_of(6), 600, 1);
	put_group(&w, gtid_of(7), 600);
	put_message(&w, 3, 0x73, RECORD_ROW_END);
	while ((r = take(&w)))
		ledger_acked(&w.ledger, r);
	assert_int_equal(ledger_advance(&w.ledger, w.ring), 1);
	assert_true(p->set);
	assert_int_equal(p->gtid.my.gno, 7);
	assert_int_equal(p->start.pos, 600);
	assert_int_equal(p->rows, 3);
	assert_at(&w, 600, UUID ":1-6");

	put_mark(&w, gtid_of(7), 700, 1);
	assert_non_null(take(&w));
	assert_int_equal(ledger_advance(&w.ledger, w.ring), 1);
	assert_false(p->set);
	world_end(&w);
}

static void put_xa(struct world *w, struct prepared *entry, bool decided)
{
	struct record *r = put(w, RECORD_XA, sizeof(struct record_xa));
	*record_as_xa(r) = (struct record_xa){.entry = entry, .decided = decided};
}

static struct prepared *prepared_as(const char *xid)
{
	struct xid x;
	struct gtid gtid = gtid_of(6);
	struct binlog_pos start = at(100);
	assert_int_equal(xid_parse((struct span){(const uint8_t *)xid, strlen(xid)}, &x), 0);
	return prepared_new(&x, &gtid, &start, "");
}

static void take_all(struct world *w)
{
	while (take(w))
		;
}

/* An entry enters with the MARK of its group and leaves with that of the decision. */
static void test_prepared(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, UUID ":1-5");
	struct prepared *one = prepared_as("'one'");
	const struct prepared_set *s = &w.ledger.safe.prepared;
	put_xa(&w, prepared_ref(one), false);
	take_all(&w);
	assert_int_equal(advance(&w), 0);
	assert_int_equal(s->n, 0); /* not without its MARK */
	put_mark(&w, gtid_of(6), 200, 1);
	put_xa(&w, prepared_as("'two'"), false);
	put_mark(&w, gtid_of(7), 300, 1);
	take_all(&w);
	assert_int_equal(advance(&w), 1);
	assert_at(&w, 300, UUID ":1-7");
	assert_int_equal(s->n, 2);

	/* Rows of the first: it stays as long as one is not acknowledged. */
	put_group(&w, gtid_of(8), 300);
	put_message(&w, 1, 11, RECORD_ROW_END);
	put_message(&w, 2, 22, RECORD_ROW_END);
	put_xa(&w, prepared_ref(one), true);
	put_mark(&w, gtid_of(8), 400, 1);
	struct record *first = (take(&w), take(&w)), *second = take(&w);
	take_all(&w);
	ledger_acked(&w.ledger, first);
	assert_int_equal(advance(&w), 1);
	assert_partial(&w, 1, 11, 300);
	assert_int_equal(s->n, 2);
	ledger_acked(&w.ledger, second);
	assert_int_equal(advance(&w), 1);
	assert_partial(&w, 0, 0, 0);
	assert_int_equal(s->n, 1);
	assert_null(prepared_find(s, &one->xid));

	/* A group that broke off, and another instead. */
	put_xa(&w, prepared_ref(one), false);
	put_xa(&w, prepared_as("'three'"), false);
	put_mark(&w, gtid_of(9), 500, 1);
	put_xa(&w, prepared_ref(one), false);
	take_all(&w);
	assert_int_equal(advance(&w), 1);
	assert_int_equal(s->n, 2);
	assert_null(prepared_find(s, &one->xid));
	prepared_unref(one);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_group),
		cmocka_unit_test(test_another_server),
		cmocka_unit_test(test_row_needs_all_its_messages),
		cmocka_unit_test(test_acked_before_taken),
		cmocka_unit_test(test_only_what_was_taken),
		cmocka_unit_test(test_wrong_gtid_moves_nothing),
		cmocka_unit_test(test_resume_inside),
		cmocka_unit_test(test_resume_mark_alone),
		cmocka_unit_test(test_resume_behind_others),
		cmocka_unit_test(test_other_group_inside_partial_one),
		cmocka_unit_test(test_prepared),
		cmocka_unit_test(test_random_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
