/*
 * reconcile_test.c - delivery exactly_once: which of two positions counts, Kafka's or the copy
 * kept here, over every order of crashes that makes them differ (protocol.md, rule 6).
 */
#include "common/contract/errors.h"
#include "common/contract/position.h"
#include "core/progress/state_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/mr-state-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static struct checkpoint *reopen(struct checkpoint *old, const char *delivery)
{
	const struct state_folder_options o = {.dir = dir, .task = "t", .uid = "u",
					       .delivery = delivery, .instance = "h:1"};
	struct checkpoint *c = NULL;
	struct err err = {0};
	checkpoint_close(old);
	if (state_folder_open(&o, &c, &err) < 0 || checkpoint_claim(c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static struct position at(uint64_t pos)
{
	struct position p;
	position_init(&p, FLAVOR_MYSQL);
	strcpy(p.at.file, "b.1");
	p.at.pos = pos;
	return p;
}

/* What goes to Kafka; whether it arrives is the caller's to say. */
static void compose(struct checkpoint *c, uint64_t pos, struct buf *ret)
{
	struct position p = at(pos);
	struct err err = {0};
	if (checkpoint_compose(c, &p, ret, &err) < 0)
		fail_msg("%s", err.text);
}

static void commit(struct checkpoint *c, uint64_t pos, struct buf *kafka, bool copied)
{
	struct err err;
	compose(c, pos, kafka);
	checkpoint_committed(c);
	if (copied)
		assert_int_equal(checkpoint_copy(c, &err), 1);
}

static int reconcile(struct checkpoint *c, struct buf *kafka, const char *cluster, struct err *err)
{
	*err = (struct err){0};
	return checkpoint_reconcile(c, kafka->data, kafka->len, cluster, err);
}

/* Where it goes on, or 0: nowhere yet. */
static uint64_t goes_on(struct checkpoint *c, struct buf *kafka, const char *cluster)
{
	struct err err;
	struct position p;
	if (reconcile(c, kafka, cluster, &err) < 0)
		fail_msg("%s", err.text);
	if (!checkpoint_found(c))
		return 0;
	position_init(&p, FLAVOR_MYSQL);
	assert_int_equal(checkpoint_load(c, &p, &err), 0);
	uint64_t pos = p.at.pos;
	position_clear(&p);
	return pos;
}

static void test_the_copy_is_behind(void **state)
{
	(void)state;
	struct buf kafka;
	buf_init(&kafka);
	struct checkpoint *c = reopen(NULL, "exactly_once");
	assert_int_equal(goes_on(c, &kafka, "k"), 0);
	commit(c, 100, &kafka, true);
	commit(c, 200, &kafka, false);
	c = reopen(c, "exactly_once");
	assert_int_equal(goes_on(c, &kafka, "k"), 200);
	checkpoint_close(c);
	buf_free(&kafka);
}

/* Composed and never committed, or committed and not known: Kafka says which. */
static void test_an_unknown_commit(void **state)
{
	(void)state;
	struct buf kafka, next;
	buf_init(&kafka);
	buf_init(&next);
	struct err err;
	struct checkpoint *c = reopen(NULL, "exactly_once");
	/* The first claim: nothing is known to be in Kafka. */
	assert_int_equal(goes_on(c, &kafka, "k"), 0);
	compose(c, 50, &next);
	assert_int_equal(checkpoint_copy(c, &err), 0);
	assert_int_equal(checkpoint_claim(c, &err), 0);
	assert_int_equal(goes_on(c, &kafka, "k"), 0);
	commit(c, 100, &kafka, true);
	compose(c, 200, &next);
	assert_int_equal(checkpoint_copy(c, &err), 0); /* it is not known whether that counts */
	assert_int_equal(goes_on(c, &kafka, "k"), 100);
	commit(c, 100, &kafka, true);
	compose(c, 200, &next);
	assert_int_equal(goes_on(c, &next, "k"), 200);
	checkpoint_close(c);
	buf_free(&kafka);
	buf_free(&next);
}

static void test_kafka_lost_it(void **state)
{
	(void)state;
	struct buf kafka, none, old;
	struct err err;
	buf_init(&kafka);
	buf_init(&none);
	buf_init(&old);
	struct checkpoint *c = reopen(NULL, "exactly_once");
	assert_int_equal(goes_on(c, &none, "k"), 0);
	commit(c, 100, &old, true);
	commit(c, 200, &kafka, true);
	assert_true(reconcile(c, &old, "k", &err) < 0); /* while running */
	assert_ptr_equal(err.kind, ERR_PIPE_LOST_POSITION);
	c = reopen(c, "exactly_once");
	assert_true(reconcile(c, &old, "k", &err) < 0);
	assert_ptr_equal(err.kind, ERR_PIPE_LOST_POSITION);
	assert_true(reconcile(c, &none, "k", &err) < 0);
	assert_ptr_equal(err.kind, ERR_PIPE_LOST_POSITION);
	/* Another Kafka never had it. */
	assert_int_equal(goes_on(c, &none, "k2"), 200);
	checkpoint_close(c);
	buf_free(&kafka);
	buf_free(&none);
	buf_free(&old);
}

/* Many commits, a lagging copy, then few saves: the numbers say the opposite of the truth. */
static void test_at_least_once_in_between(void **state)
{
	(void)state;
	struct buf kafka;
	struct err err;
	buf_init(&kafka);
	struct checkpoint *c = reopen(NULL, "exactly_once");
	assert_int_equal(goes_on(c, &kafka, "k"), 0);
	commit(c, 100, &kafka, true);
	for (uint64_t pos = 110; pos <= 200; pos += 10)
		commit(c, pos, &kafka, pos == 190);
	c = reopen(c, "at_least_once");
	struct position p = at(300);
	assert_int_equal(checkpoint_save(c, &p, &err), 0);
	c = reopen(c, "exactly_once");
	assert_int_equal(goes_on(c, &kafka, "k"), 300);
	/* A claim that was composed and lost changes nothing of that. */
	struct buf lost;
	buf_init(&lost);
	compose(c, 300, &lost);
	c = reopen(c, "exactly_once");
	assert_int_equal(goes_on(c, &kafka, "k"), 300);
	commit(c, 300, &kafka, true);
	commit(c, 400, &kafka, false);
	c = reopen(c, "exactly_once");
	assert_int_equal(goes_on(c, &kafka, "k"), 400);
	checkpoint_close(c);
	buf_free(&lost);
	buf_free(&kafka);
}

/* The folder's copy was taken, and the original went on; then the copy's own successor. */
static void test_an_earlier_copy_of_the_folder(void **state)
{
	(void)state;
	struct buf kafka;
	struct err err;
	char command[200];
	buf_init(&kafka);
	struct checkpoint *c = reopen(NULL, "exactly_once");
	assert_int_equal(goes_on(c, &kafka, "k"), 0);
	commit(c, 100, &kafka, true);
	snprintf(command, sizeof(command), "cp -r '%s' '%s.old'", dir, dir);
	assert_int_equal(system(command), 0);
	for (int i = 0; i < 3; i++) {
		c = reopen(c, "exactly_once");
		assert_true(goes_on(c, &kafka, "k") > 0);
		commit(c, 200, &kafka, true);
	}
	checkpoint_close(c);
	snprintf(command, sizeof(command), "rm -r '%s' && mv '%s.old' '%s'", dir, dir, dir);
	assert_int_equal(system(command), 0);
	c = reopen(NULL, "exactly_once");
	assert_int_equal(goes_on(c, &kafka, "k"), 200);
	assert_true(checkpoint_epoch(c) > 4);
	commit(c, 300, &kafka, true);
	/* Later than it, while it runs: somebody else has the task. */
	struct position_doc d;
	assert_int_equal(position_doc_parse((const char *)kafka.data, kafka.len, &d, &err), 0);
	d.epoch++;
	buf_clear(&kafka);
	position_doc_print(&d, &kafka);
	position_doc_clear(&d);
	assert_true(reconcile(c, &kafka, "k", &err) < 0);
	assert_ptr_equal(err.kind, ERR_ZK_GONE);
	assert_true(checkpoint_is_lost(c));
	checkpoint_close(c);
	buf_free(&kafka);
}

static void test_a_former_task_of_the_name(void **state)
{
	(void)state;
	struct buf kafka;
	struct err err;
	struct position_doc d;
	buf_init(&kafka);
	struct checkpoint *c = reopen(NULL, "exactly_once");
	assert_int_equal(goes_on(c, &kafka, "k"), 0);
	compose(c, 100, &kafka);
	assert_int_equal(position_doc_parse((const char *)kafka.data, kafka.len, &d, &err), 0);
	assert_int_equal(position_doc_set(&d.uid, "former"), 0);
	d.epoch = 1000;
	buf_clear(&kafka);
	position_doc_print(&d, &kafka);
	position_doc_clear(&d);
	assert_int_equal(checkpoint_claim(c, &err), 0);
	assert_int_equal(goes_on(c, &kafka, "k"), 0);
	checkpoint_close(c);
	buf_free(&kafka);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_copy_is_behind),
		TEST(test_an_unknown_commit),
		TEST(test_kafka_lost_it),
		TEST(test_at_least_once_in_between),
		TEST(test_an_earlier_copy_of_the_folder),
		TEST(test_a_former_task_of_the_name),
	};
	return cmocka_run_group_tests_name("reconcile", tests, NULL, NULL);
}
