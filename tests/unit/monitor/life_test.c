/* life_test.c - pending, firing, resolved, flapping; and whether an instance gets on. */
#include "monitor/rules/life.h"
#include "monitor/rules/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND USEC_PER_SEC

static const struct rule_setting minute = {true, 0, 60 * SECOND, 30 * SECOND, ALERT_PAGE};

/*
 * A time line: at each second what holds ('x'), does not ('.'), or is not known ('?'); `want`
 * has the event: P pending, D dropped, F fired, R resolved, ' ' none.
 */
static void line(const char *holds, const char *want, const struct rule_setting *s)
{
	static const char letters[] = {[LIFE_SAME] = ' ',
				       [LIFE_BEGAN] = 'P',
				       [LIFE_DROPPED] = 'D',
				       [LIFE_FIRED] = 'F',
				       [LIFE_RESOLVED] = 'R'};
	struct life l = {0};
	char got[100] = "";
	for (size_t i = 0; holds[i]; i++) {
		enum verdict_state v = holds[i] == 'x'	 ? VERDICT_HOLDS
				       : holds[i] == '.' ? VERDICT_CLEAR
							 : VERDICT_UNKNOWN;
		got[i] = letters[life_step(&l, v, (usec_t)i * 10 * SECOND, s)];
	}
	assert_string_equal(got, want);
}

static void time_lines(void **state)
{
	(void)state;
	/* Ten seconds a letter; a minute to fire, half a minute to be over. */
	line("..xxxxxxxxx", "  P     F  ", &minute);
	line("xxxxx.xxxxxx.", "P    DP     D", &minute);
	line("xxxxxxx...x.....", "P     F        R",
	     &(struct rule_setting){true, 0, 60 * SECOND, 40 * SECOND, 0});
	line("xxxxxxx..x...xx", "P     F        ", &minute);
	line("xxxxxxx....", "P     F   R", &minute);
	line("x.", "F ", &(struct rule_setting){true, 0, 0, 30 * SECOND, 0});
	line("x.", "FR", &(struct rule_setting){true, 0, 0, 0, 0});
	/* What is not known neither begins, nor ends, nor interrupts. */
	line("????", "    ", &minute);
	line("xx????x?", "P     F ", &minute);
	line("xxxxxxx????.???.", "P     F        R", &minute);
}

static void flapping_needs_more_quiet_each_time(void **state)
{
	(void)state;
	struct life l = {0};
	struct rule_setting s = {true, 0, 0, 30 * SECOND, 0};
	usec_t now = 0;
	for (unsigned round = 0; round < 12; round++) {
		usec_t hold = 30 * SECOND;
		for (unsigned i = 0; i < round && hold < LIFE_HOLD_MAX; i++)
			hold *= 2;
		if (hold > LIFE_HOLD_MAX)
			hold = LIFE_HOLD_MAX;
		assert_int_equal(life_step(&l, VERDICT_HOLDS, now, &s), LIFE_FIRED);
		assert_int_equal(life_hold(&l, &s), hold);
		now += SECOND;
		assert_int_equal(life_step(&l, VERDICT_CLEAR, now, &s), LIFE_SAME);
		assert_int_equal(life_step(&l, VERDICT_CLEAR, now + hold - 1, &s), LIFE_SAME);
		/* Once more: the quiet begins anew. */
		assert_int_equal(life_step(&l, VERDICT_HOLDS, now + hold - 1, &s), LIFE_SAME);
		now += hold;
		assert_int_equal(life_step(&l, VERDICT_CLEAR, now, &s), LIFE_SAME);
		now += hold;
		assert_int_equal(life_step(&l, VERDICT_CLEAR, now, &s), LIFE_RESOLVED);
		now += 60 * SECOND;
	}
	/* After an hour of peace it is as new. */
	now += LIFE_FLAP_WINDOW;
	assert_int_equal(life_step(&l, VERDICT_HOLDS, now, &s), LIFE_FIRED);
	assert_int_equal(life_hold(&l, &s), 30 * SECOND);
	/* A `hold` that a person chose above the bound is kept. */
	s.hold = 2 * LIFE_HOLD_MAX;
	assert_int_equal(life_hold(&l, &s), 2 * LIFE_HOLD_MAX);
}

struct reading {
	usec_t at;
	int64_t mzxid;
	uint64_t pos, head, rows;
	const char *node;
};

static void read_one(struct progress *p, const struct reading *r)
{
	struct instance_doc d;
	assert_int_equal(instance_doc_init(&d), 0);
	assert_int_equal(report_position_set(&d.position, "b.1", r->pos, ""), 0);
	assert_int_equal(report_position_set(&d.source_head, "b.1", r->head, ""), 0);
	d.rows = r->rows;
	progress_update(p, r->node ? r->node : "h1-0000000001", r->mzxid, &d, r->at);
	instance_doc_clear(&d);
}

static void progress_is_position_or_rows(void **state)
{
	(void)state;
	struct progress p = {0};
	const struct reading list[] = {
	    {.at = 10, .mzxid = 1, .pos = 4, .head = 4},
	    {.at = 20, .mzxid = 2, .pos = 4, .head = 9},  /* perhaps old news */
	    {.at = 30, .mzxid = 2, .pos = 4, .head = 9},  /* not written */
	    {.at = 40, .mzxid = 3, .pos = 4, .head = 12}, /* it goes on without us */
	    {.at = 50, .mzxid = 4, .pos = 4, .head = 20},
	    {.at = 60, .mzxid = 5, .pos = 4, .head = 20, .rows = 1}, /* a large transaction */
	};
	read_one(&p, &list[0]);
	assert_int_equal(p.moved_at, 10);
	assert_false(progress_same(&p, "h1-0000000001", 2));
	assert_true(progress_same(&p, "h1-0000000001", 1));
	assert_false(progress_same(&p, "h2-0000000002", 1));
	read_one(&p, &list[1]);
	assert_int_equal(p.head_moves, 1);
	assert_int_equal(p.written_at, 20);
	read_one(&p, &list[2]);
	assert_int_equal(p.written_at, 20);
	assert_int_equal(p.moved_at, 10);
	read_one(&p, &list[3]);
	assert_int_equal(p.head_moves, 2);
	assert_int_equal(p.head_moved_at, 40);
	read_one(&p, &list[4]);
	assert_int_equal(p.head_moved_at, 40);
	read_one(&p, &list[5]);
	assert_int_equal(p.moved_at, 60);
	assert_int_equal(p.head_moves, 0);
	/* Another instance: everything anew. */
	const struct reading other = {
	    .at = 99, .mzxid = 9, .pos = 4, .head = 20, .node = "h2-0000000002"};
	read_one(&p, &other);
	assert_int_equal(p.moved_at, 99);
	assert_int_equal(p.written_at, 99);
}

/* Of this run: another node, or a run that began anew, counts from nothing. */
static void dead_letters_are_seen_to_rise(void **state)
{
	(void)state;
	static const struct {
		const char *node;
		uint64_t letters;
		usec_t at;
		usec_t rose;
	} readings[] = {
	    {"h1-0000000001", 0, 1, 0}, {"h1-0000000001", 2, 2, 2}, {"h1-0000000001", 2, 3, 2},
	    {"h1-0000000001", 0, 4, 2}, {"h1-0000000001", 1, 5, 5}, {"h2-0000000002", 0, 6, 0},
	    {"h1-0000000003", 7, 7, 7},
	};
	struct progress p = {0};
	for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
		struct instance_doc d;
		assert_int_equal(instance_doc_init(&d), 0);
		d.dead_letters = readings[i].letters;
		progress_update(&p, readings[i].node, (int64_t)i + 1, &d, readings[i].at);
		assert_int_equal(p.letters_at, readings[i].rose);
		instance_doc_clear(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(time_lines),
	    cmocka_unit_test(flapping_needs_more_quiet_each_time),
	    cmocka_unit_test(progress_is_position_or_rows),
	    cmocka_unit_test(dead_letters_are_seen_to_rise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
