/*
 * commit_test.c - what is committed together with which position: commit.c over a real queue and
 * a real ledger, a pipe that only counts, and a clock of our own. Whatever a run ends with, what
 * it had not committed is aborted, and the next one begins at the position committed last: in
 * the end each message must have been committed once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/contract/errors.h"
#include "core/pipeline/capture_priv.h"
#include "core/pipeline/commit.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define UUID "3e11fa47-71ca-11e1-9e33-c80aa9429562"

enum { GROUPS = 12, ROWS_MAX = 6, MESSAGES_MAX = 4, FLIGHT_MAX = 4096 };

/* What the source has: of each row some messages, the last of which ends it. */
struct source {
	unsigned rows[GROUPS];
	unsigned messages[GROUPS][ROWS_MAX];
	bool side[GROUPS]; /* a message that is no row's, in front of the first row */
};

static struct world {
	struct capture capture;
	struct task task;
	struct deliver d;
	struct ledger ledger;
	struct ring *ring;
	atomic_bool done, stopping, hurry;
	bool reached;
	_Atomic int64_t last_ack;
	struct position committed;
	/* Times that a message was committed; row 0 is the side message's. */
	unsigned count[GROUPS][ROWS_MAX + 1][MESSAGES_MAX];
	/* Put, by place in count; `acked` of them acknowledged; none of them committed. */
	unsigned *flight[FLIGHT_MAX];
	struct record *record[FLIGHT_MAX];
	unsigned nflight, acked;
	unsigned commits;
	unsigned beats; /* times that a heartbeat was committed */
	bool beating;   /* there is one behind each group */
	int fail_in; /* serves until the pipe fails; negative: never */
	bool fence;  /* how it does */
	unsigned refuse; /* of 100 */
	unsigned puts, block_at; /* 0: never; else the put that is refused for 40 s */
	usec_t partial_at; /* `ahead` at the first commit inside of a group */
	usec_t put_us;   /* that a pipe_put takes */
	usec_t ahead;    /* of the clock */
	unsigned random;
	char said[512];  /* by the last run that failed */
} w;

static unsigned below(unsigned n)
{
	w.random = w.random * 1103515245u + 12345u;
	return (w.random >> 16) % n;
}

/* ---------------------------------------------------------------- in place of the real ones */

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_pipe_put(struct pipe *p, struct record *r, struct err *err);
int __wrap_pipe_serve(struct pipe *p, int timeout_ms, struct err *err);
void __wrap_pipe_hasten(struct pipe *p);
int __wrap_pipe_fd(const struct pipe *p);
int __wrap_deliver_may_act(struct deliver *d, struct err *err);
int __wrap_checkpoint_copy(struct checkpoint *c, struct err *err);
int __wrap_checkpoint_copy_tick(struct checkpoint *c, usec_t now, struct err *err);
usec_t __wrap_checkpoint_due(const struct checkpoint *c);
int __wrap_capture_commit(struct capture *c, const struct position *p, struct err *err);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int rc = __real_clock_gettime(id, ts);
	if (id == CLOCK_BOOTTIME) {
		usec_t t = ts->tv_sec * USEC_PER_SEC + ts->tv_nsec / 1000 + w.ahead;
		ts->tv_sec = t / USEC_PER_SEC;
		ts->tv_nsec = t % USEC_PER_SEC * 1000;
	}
	return rc;
}

/* Nobody wakes us: the time passes. */
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms)
{
	(void)fds, (void)n;
	w.ahead += ms * USEC_PER_MSEC;
	return 0;
}

int __wrap_pipe_put(struct pipe *p, struct record *r, struct err *err)
{
	(void)p, (void)err;
	if (below(100) < w.refuse)
		return -EAGAIN;
	if (w.block_at && w.puts == w.block_at && w.ahead < 40 * USEC_PER_SEC)
		return -EAGAIN;
	w.puts++;
	assert_true(w.nflight < FLIGHT_MAX);
	memcpy(&w.flight[w.nflight], record_value(r), sizeof(w.flight[0]));
	w.record[w.nflight++] = r;
	w.ahead += w.put_us;
	return 0;
}

int __wrap_pipe_serve(struct pipe *p, int timeout_ms, struct err *err)
{
	(void)p, (void)timeout_ms;
	if (w.fail_in == 0)
		return err_set(err, w.fence ? -EIDRM : -ECONNRESET,
			       w.fence ? ERR_PIPE_FENCED : ERR_PIPE_FATAL, "as asked for");
	if (w.fail_in > 0)
		w.fail_in--;
	for (unsigned n = below(40); n > 0 && w.acked < w.nflight; n--)
		ledger_acked(&w.ledger, w.record[w.acked++]);
	return 0;
}

void __wrap_pipe_hasten(struct pipe *p)
{
	(void)p;
}

int __wrap_pipe_fd(const struct pipe *p)
{
	(void)p;
	return -1;
}

int __wrap_deliver_may_act(struct deliver *d, struct err *err)
{
	(void)d, (void)err;
	return 1;
}

int __wrap_checkpoint_copy(struct checkpoint *c, struct err *err)
{
	(void)c, (void)err;
	return 0;
}

int __wrap_checkpoint_copy_tick(struct checkpoint *c, usec_t now, struct err *err)
{
	(void)c, (void)now, (void)err;
	return 0;
}

usec_t __wrap_checkpoint_due(const struct checkpoint *c)
{
	(void)c;
	return 0;
}

int __wrap_capture_commit(struct capture *c, const struct position *p, struct err *err)
{
	(void)c, (void)err;
	assert_int_equal(w.acked, w.nflight);
	for (unsigned i = 0; i < w.nflight; i++)
		(*w.flight[i])++;
	w.nflight = w.acked = 0;
	w.commits++;
	if (p->partial.set && !w.partial_at)
		w.partial_at = w.ahead;
	assert_int_equal(position_copy(&w.committed, p), 0);
	return 0;
}

/* ---------------------------------------------------------------- the source's half */

static struct gtid gtid_of(unsigned group)
{
	struct gtid g;
	assert_int_equal(gtid_parse(FLAVOR_MYSQL, UUID ":1", &g), 0);
	g.my.gno = group + 1;
	return g;
}

static struct binlog_pos at(uint64_t pos)
{
	struct binlog_pos p = {.pos = pos};
	strcpy(p.file, "binlog.000001");
	return p;
}

static struct record *put(enum record_kind kind, const void *body, size_t size)
{
	struct record *r = ring_reserve(w.ring, sizeof(*r) + size);
	assert_non_null(r);
	*r = (struct record){.kind = (uint8_t)kind};
	memcpy(r + 1, body, size);
	ring_commit(w.ring, sizeof(*r) + size);
	ring_publish(w.ring);
	return r;
}

/* `row` counts from 1; 0: no row's. */
static void put_message(unsigned group, unsigned row, unsigned message, bool row_end)
{
	unsigned *count = &w.count[group][row][message];
	struct record *r = put(RECORD_MESSAGE, &count, sizeof(count));
	r->value_len = sizeof(count);
	r->row = row ? row : 1;
	r->flags = row_end ? RECORD_ROW_END : 0;
}

/* Between groups, as heartbeat.c puts it. */
static void put_beat(unsigned *count)
{
	struct record *r = put(RECORD_MESSAGE, &count, sizeof(count));
	r->value_len = sizeof(count);
	r->flags = RECORD_APART;
}

static bool is_executed(unsigned group)
{
	struct gtid g = gtid_of(group);
	struct gtid_set *one = gtid_set_new(FLAVOR_MYSQL);
	assert_non_null(one);
	assert_int_equal(gtid_set_add(one, &g), 0);
	bool is = gtid_set_covers(w.committed.gtids, one);
	gtid_set_free(one);
	return is;
}

/* Puts a group as publish.c does, but for what `left` leaves; false: it was cut off. */
static bool put_group(const struct source *s, unsigned group, unsigned *left)
{
	const struct partial *p = &w.committed.partial;
	struct gtid gtid = gtid_of(group);
	uint64_t skip = p->set && gtid_equal(&p->gtid, &gtid) ? p->rows : 0;
	struct record_group begin = {.gtid = gtid, .start = at(1000 * group + 10)};
	put(RECORD_GROUP, &begin, sizeof(begin));
	if (s->side[group] && skip == 0) {
		if (*left == 0)
			return false;
		--*left;
		put_message(group, 0, 0, false);
	}
	for (unsigned row = 1; row <= s->rows[group]; row++)
		for (unsigned m = 0; row > skip && m < s->messages[group][row - 1]; m++) {
			if (*left == 0)
				return false;
			--*left;
			put_message(group, row, m, m + 1 == s->messages[group][row - 1]);
		}
	struct record_mark end = {.gtid = gtid, .end = at(1000 * group + 900)};
	put(RECORD_MARK, &end, sizeof(end));
	return true;
}

/* ---------------------------------------------------------------- runs */

static void world_start(void)
{
	memset(&w, 0, sizeof(w));
	w.fail_in = -1;
	w.random = 1;
	w.task.memory.group_bytes = 1 << 24;
	w.capture.o.task = &w.task;
	position_init(&w.committed, FLAVOR_MYSQL);
	w.committed.gtids = gtid_set_new(FLAVOR_MYSQL);
	w.committed.at = at(4);
	assert_non_null(w.committed.gtids);
}

static void world_end(void)
{
	position_clear(&w.committed);
}

/* A run over what `left` messages of the groups in this order are, from what is committed. */
static int run(const struct source *s, const unsigned order[GROUPS], unsigned left)
{
	struct err err = {0};
	assert_int_equal(ring_new(1 << 20, &w.ring), 0);
	assert_int_equal(ledger_init(&w.ledger, &w.committed), 0);
	w.d = (struct deliver){.owner = &w.capture, .ring = w.ring, .ledger = &w.ledger,
			       .source_done = &w.done, .stopping = &w.stopping, .hurry = &w.hurry,
			       .patience = 60 * USEC_PER_SEC, .reached = &w.reached,
			       .last_ack = &w.last_ack};
	for (unsigned i = 0; i < GROUPS; i++)
		if (!is_executed(order[i])) {
			if (!put_group(s, order[i], &left))
				break;
			if (w.beating)
				put_beat(&w.beats);
		}
	atomic_store(&w.done, true);
	ring_close(w.ring);
	int rc = commit_run(&w.d, &err);
	snprintf(w.said, sizeof(w.said), "%s", err.text);
	w.nflight = w.acked = 0; /* aborted */
	ledger_free(&w.ledger);
	ring_free(w.ring);
	return rc;
}

static const unsigned in_order[GROUPS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

static void verify(const struct source *s)
{
	for (unsigned g = 0; g < GROUPS; g++)
		for (unsigned row = 0; row <= s->rows[g]; row++) {
			unsigned n = row ? s->messages[g][row - 1] : s->side[g];
			for (unsigned m = 0; m < n; m++)
				if (w.count[g][row][m] != 1)
					fail_msg("group %u, row %u, message %u: committed %u times",
						 g, row, m, w.count[g][row][m]);
		}
}

/* A DELETE's message is in the queue when the queue is closed, its tombstone is not. */
static void half_a_row_is_not_committed(void **state)
{
	(void)state;
	static const struct source s = {.rows = {2}, .messages = {{1, 2}}};
	world_start();
	(void)run(&s, in_order, 2);
	assert_int_equal(w.count[0][2][0], 0);
	assert_int_equal(run(&s, in_order, UINT32_MAX), 0);
	verify(&s);
	world_end();
}

/* Of a heartbeat no position says anything: the last row is not kept back because of it. */
static void a_heartbeat_keeps_nothing_back(void **state)
{
	(void)state;
	static const struct source s = {.rows = {1}, .messages = {{1}}};
	world_start();
	w.beating = true;
	assert_int_equal(run(&s, in_order, UINT32_MAX), 0);
	verify(&s);
	assert_int_equal(w.beats, GROUPS);
	world_end();
}

/* The first row of a group fails behind the message that says that a transaction begins. */
static void a_message_in_front_of_a_row_is_not_committed_alone(void **state)
{
	(void)state;
	static const struct source s = {.rows = {1}, .messages = {{1}}, .side = {true}};
	world_start();
	(void)run(&s, in_order, 1);
	assert_int_equal(run(&s, in_order, UINT32_MAX), 0);
	verify(&s);
	world_end();
}

/*
 * Another server has groups in front of the one that is committed in part: how far those have
 * come is in no position, so they are committed whole.
 */
static void groups_before_the_partial_one_are_committed_whole(void **state)
{
	(void)state;
	static const struct source s = {.rows = {2, 3}, .messages = {{1, 1}, {1, 1, 1}}};
	static const unsigned other[GROUPS] = {1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
	for (int slow = 0; slow < 2; slow++) {
		world_start();
		assert_int_equal(run(&s, in_order, 1), 0);
		assert_true(w.committed.partial.set);
		w.put_us = slow ? 20 * USEC_PER_SEC : 0;
		(void)run(&s, other, 2);
		w.put_us = 0;
		assert_int_equal(run(&s, other, UINT32_MAX), 0);
		verify(&s);
		world_end();
	}
}

/* The topic of the next row is long in the making: what is open must not grow older than it may. */
static void what_waits_for_a_topic_does_not_outlive_its_time(void **state)
{
	(void)state;
	static const struct source s = {.rows = {3}, .messages = {{1, 1, 1}}};
	world_start();
	w.block_at = 2;
	assert_int_equal(run(&s, in_order, UINT32_MAX), 0);
	assert_in_range(w.partial_at, 1, 20 * USEC_PER_SEC);
	verify(&s);
	world_end();
}

/* Where a transaction cannot end and the brokers do it, they are not called another instance. */
static void one_that_was_open_too_long_is_told(void **state)
{
	(void)state;
	static const struct source s = {.rows = {2, 3}, .messages = {{1, 1}, {1, 1, 1}}};
	static const unsigned other[GROUPS] = {1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
	for (int slow = 0; slow < 2; slow++) {
		world_start();
		assert_int_equal(run(&s, in_order, 1), 0);
		assert_true(w.committed.partial.set);
		w.put_us = slow ? 20 * USEC_PER_SEC : 0;
		w.fail_in = 0;
		w.fence = true;
		assert_int_equal(run(&s, other, UINT32_MAX), -EIDRM);
		assert_int_equal(strstr(w.said, "brokers end one after 30 s") != NULL, slow);
		w.put_us = 0;
		w.fail_in = -1;
		assert_int_equal(run(&s, other, UINT32_MAX), 0);
		verify(&s);
		world_end();
	}
}

/* Whatever a run is cut off by, and wherever; on servers that differ in their order. */
static void each_message_once(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 400; seed++) {
		struct source s = {0};
		world_start();
		w.random = seed;
		for (unsigned g = 0; g < GROUPS; g++) {
			s.rows[g] = below(ROWS_MAX + 1);
			s.side[g] = s.rows[g] > 0 && below(3) == 0;
			for (unsigned r = 0; r < s.rows[g]; r++)
				s.messages[g][r] = 1 + below(3);
		}
		for (unsigned tries = 0; tries < 30; tries++) {
			unsigned order[GROUPS];
			memcpy(order, in_order, sizeof(order));
			for (unsigned i = 0; i + 1 < GROUPS; i++) {
				unsigned k = below(3) ? i : i + 1;
				unsigned was = order[i];
				order[i] = order[k];
				order[k] = was;
			}
			w.put_us = below(2) ? 0 : below(8) * USEC_PER_SEC;
			w.fail_in = below(3) ? -1 : (int)below(8);
			w.refuse = below(4) ? 0 : 30;
			w.beating = below(2);
			(void)run(&s, order, below(60));
		}
		w.put_us = 0;
		w.fail_in = -1;
		w.refuse = 0;
		assert_int_equal(run(&s, in_order, UINT32_MAX), 0);
		verify(&s);
		world_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_a_row_is_not_committed),
		cmocka_unit_test(a_heartbeat_keeps_nothing_back),
		cmocka_unit_test(a_message_in_front_of_a_row_is_not_committed_alone),
		cmocka_unit_test(groups_before_the_partial_one_are_committed_whole),
		cmocka_unit_test(what_waits_for_a_topic_does_not_outlive_its_time),
		cmocka_unit_test(one_that_was_open_too_long_is_told),
		cmocka_unit_test(each_message_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
