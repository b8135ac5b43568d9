/*
 * spread_test.c - who takes which task of a group: single situations, and a simulation of
 * many cores that look one after the other, each at what is there, in a random order.
 */
#include "core/standby/spread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CORES = 12, TASKS = 400 };

/* ---------------------------------------------------------------- a group */

/* What is so, as against what a core sees of it. */
struct world {
	struct {
		char host[16];
		size_t room;
		bool live, draining;
	} cores[CORES];
	size_t ncores;
	struct {
		char name[24];
		int holder; /* index of a core, -1 */
		bool wanted, behind; /* behind: has not caught up */
		int failed_on; /* avoided by that core; -1 */
		unsigned unheld; /* looks at it since it was last held */
		unsigned moves;  /* times it was taken */
	} tasks[TASKS];
	size_t ntasks;
	uint64_t seed;
};

static uint64_t below(struct world *w, uint64_t n)
{
	w->seed = w->seed * 6364136223846793005U + 1442695040888963407U;
	return (w->seed >> 33) % n;
}

static void make(struct world *w, size_t ncores, size_t ntasks, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->ncores = ncores;
	w->ntasks = ntasks;
	w->seed = seed;
	for (size_t k = 0; k < ncores; k++) {
		snprintf(w->cores[k].host, sizeof(w->cores[k].host), "c%zu", k + 1);
		w->cores[k].room = 1000;
		w->cores[k].live = true;
	}
	for (size_t k = 0; k < ntasks; k++) {
		snprintf(w->tasks[k].name, sizeof(w->tasks[k].name), "copy_%zu", k);
		w->tasks[k].holder = -1;
		w->tasks[k].wanted = true;
		w->tasks[k].failed_on = -1;
	}
}

static size_t holds(const struct world *w, size_t core, bool wanted)
{
	size_t n = 0;
	for (size_t k = 0; k < w->ntasks; k++)
		n += w->tasks[k].holder == (int)core && w->tasks[k].wanted == wanted;
	return n;
}

static size_t unheld(const struct world *w, bool wanted)
{
	size_t n = 0;
	for (size_t k = 0; k < w->ntasks; k++)
		n += w->tasks[k].holder < 0 && w->tasks[k].wanted == wanted;
	return n;
}

/* What core `me` sees and decides. `blind`: a core that it does not see, or -1. */
struct look {
	struct spread s;
	struct spread_core cores[CORES];
	struct spread_task tasks[TASKS];
	size_t task_of[TASKS]; /* by name, after sorting */
};

static size_t index_of(const struct world *w, const char *name)
{
	size_t k = (size_t)atoi(name + strlen("copy_"));
	assert_string_equal(w->tasks[k].name, name);
	return k;
}

static void decide(const struct world *w, size_t me, int blind, struct look *l)
{
	int at[CORES];
	memset(l, 0, sizeof(*l));
	l->s = (struct spread){.cores = l->cores, .tasks = l->tasks, .may_give = true};
	for (size_t k = 0; k < w->ncores; k++) {
		at[k] = SPREAD_ANOTHER;
		if (k != me && (!w->cores[k].live || w->cores[k].draining || (int)k == blind))
			continue;
		at[k] = (int)l->s.ncores;
		if (k == me)
			l->s.me = l->s.ncores;
		l->cores[l->s.ncores++] = (struct spread_core){
			.host = w->cores[k].host, .room = w->cores[k].room, .steady = true};
	}
	for (size_t k = 0; k < w->ntasks; k++) {
		bool mine = w->tasks[k].holder == (int)me;
		l->tasks[l->s.ntasks++] = (struct spread_task){
			.name = w->tasks[k].name,
			.holder = w->tasks[k].holder < 0 ? SPREAD_NOBODY : at[w->tasks[k].holder],
			.wanted = w->tasks[k].wanted,
			.mine = mine,
			.caught_up = mine && !w->tasks[k].behind,
			.late = w->tasks[k].unheld > 3 * w->ncores,
			.overdue = w->tasks[k].unheld > 8 * w->ncores,
			.avoided = w->tasks[k].failed_on == (int)me};
	}
	size_t have = holds(w, me, true) + holds(w, me, false);
	l->s.room = w->cores[me].room > have ? w->cores[me].room - have : 0;
	spread_decide(&l->s);
}

/* One look of one core, carried out at once. How many tasks changed hands. */
static size_t look(struct world *w, size_t me, int blind)
{
	static struct look l;
	size_t changed = 0, given = 0;
	if (!w->cores[me].live || w->cores[me].draining)
		return 0;
	decide(w, me, blind, &l);
	for (size_t k = 0; k < w->ntasks; k++) {
		size_t t = index_of(w, l.tasks[k].name);
		if (l.tasks[k].verdict == SPREAD_TAKE) {
			assert_int_equal(w->tasks[t].holder, -1);
			w->tasks[t].holder = (int)me;
			w->tasks[t].moves++;
			w->tasks[t].unheld = 0;
			changed++;
		} else if (l.tasks[k].verdict == SPREAD_GIVE) {
			assert_int_equal(w->tasks[t].holder, (int)me);
			given += w->tasks[t].wanted;
			if (w->tasks[t].wanted)
				assert_false(w->tasks[t].behind);
			w->tasks[t].holder = -1;
			changed++;
		}
	}
	assert_true(given <= 1);
	assert_true(holds(w, me, true) + holds(w, me, false) <= w->cores[me].room);
	for (size_t k = 0; k < w->ntasks; k++)
		w->tasks[k].unheld += w->tasks[k].holder < 0;
	return changed;
}

/* All look, in a random order each round, until a round changes nothing. The rounds. */
static size_t settle(struct world *w, size_t limit)
{
	for (size_t round = 1; round <= limit; round++) {
		size_t changed = 0, order[CORES];
		for (size_t k = 0; k < w->ncores; k++)
			order[k] = k;
		for (size_t k = w->ncores; k > 1; k--) {
			size_t other = (size_t)below(w, k), was = order[k - 1];
			order[k - 1] = order[other];
			order[other] = was;
		}
		for (size_t k = 0; k < w->ncores; k++)
			changed += look(w, order[k], -1);
		if (!changed)
			return round;
	}
	fail_msg("still moving after %zu rounds", limit);
	return limit;
}

/* The tasks to run lie evenly on those that take them. */
static void assert_even(const struct world *w)
{
	size_t least = TASKS, most = 0;
	assert_int_equal(unheld(w, true), 0);
	for (size_t k = 0; k < w->ncores; k++) {
		if (!w->cores[k].live || w->cores[k].draining)
			continue;
		size_t n = holds(w, k, true);
		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	assert_true(most - least <= 1);
}

/* Its node goes; so do its instances. */
static void lose(struct world *w, size_t core)
{
	for (size_t k = 0; k < w->ntasks; k++)
		if (w->tasks[k].holder == (int)core)
			w->tasks[k].holder = -1;
}

/* ---------------------------------------------------------------- situations */

static void test_all_at_once(void **state)
{
	static struct world w;
	static struct look l[3];
	size_t seen = 0;
	(void)state;
	make(&w, 3, 200, 1);
	/* Three that look at the same moment do not want the same tasks. */
	for (size_t me = 0; me < 3; me++) {
		size_t takes = 0;
		decide(&w, me, -1, &l[me]);
		for (size_t k = 0; k < 200; k++)
			takes += l[me].tasks[k].verdict == SPREAD_TAKE;
		assert_int_equal(l[me].s.fair, 67);
		assert_int_equal(l[me].s.wanted, 200);
		assert_true(takes == 66 || takes == 67);
		seen += takes;
	}
	assert_int_equal(seen, 200);
	for (size_t k = 0; k < 200; k++)
		assert_int_equal((l[0].tasks[k].verdict == SPREAD_TAKE) +
					 (l[1].tasks[k].verdict == SPREAD_TAKE) +
					 (l[2].tasks[k].verdict == SPREAD_TAKE),
				 1);
}

static void test_one_after_the_other(void **state)
{
	static struct world w;
	(void)state;
	make(&w, 3, 200, 2);
	w.cores[1].live = w.cores[2].live = false;
	settle(&w, 10);
	assert_int_equal(holds(&w, 0, true), 200);
	w.cores[1].live = w.cores[2].live = true;
	/* One a look: 133 of them, and then rest. */
	size_t rounds = settle(&w, 400);
	print_message("200/0/0 is even after %zu looks of each\n", rounds);
	assert_even(&w);
	for (size_t k = 0; k < 200; k++)
		assert_true(w.tasks[k].moves <= 2);
}

static void test_a_core_dies_and_returns(void **state)
{
	static struct world w;
	int home[TASKS];
	size_t moved = 0, back = 0, were = 0;
	(void)state;
	make(&w, 3, 200, 3);
	settle(&w, 10);
	for (size_t k = 0; k < 200; k++) {
		home[k] = w.tasks[k].holder;
		w.tasks[k].moves = 0;
	}
	w.cores[0].live = false;
	lose(&w, 0);
	settle(&w, 10);
	assert_even(&w);
	for (size_t k = 0; k < 200; k++) {
		were += home[k] == 0;
		moved += home[k] != 0 && w.tasks[k].moves > 0; /* nobody else's task moves */
	}
	assert_int_equal(moved, 0);
	w.cores[0].live = true;
	settle(&w, 200);
	assert_even(&w);
	for (size_t k = 0; k < 200; k++)
		back += home[k] == 0 && w.tasks[k].holder == 0;
	print_message("%zu of %zu tasks came back to their host\n", back, were);
	assert_true(back * 10 >= were * 8);
}

static void test_nothing_moves_that_has_not_caught_up(void **state)
{
	static struct world w;
	(void)state;
	make(&w, 2, 20, 4);
	w.cores[1].live = false;
	settle(&w, 10);
	w.cores[1].live = true;
	for (size_t k = 0; k < 20; k++)
		w.tasks[k].behind = true; /* FAILED, PAUSED, RETRYING or behind */
	settle(&w, 10);
	assert_int_equal(holds(&w, 0, true), 20);
	for (size_t k = 0; k < 4; k++)
		w.tasks[k].behind = false;
	settle(&w, 50);
	assert_int_equal(holds(&w, 1, true), 4);
}

static void test_room(void **state)
{
	static struct world w;
	(void)state;
	/* One has little: the other has the rest, beyond the half. */
	make(&w, 2, 10, 5);
	w.cores[0].room = 3;
	settle(&w, 10);
	assert_int_equal(holds(&w, 0, true), 3);
	assert_int_equal(holds(&w, 1, true), 7);
	/* All have little: what is left waits, and nothing moves about. */
	make(&w, 3, 10, 6);
	for (size_t k = 0; k < 3; k++)
		w.cores[k].room = 2;
	settle(&w, 100);
	assert_int_equal(unheld(&w, true), 4);
	static struct look l;
	decide(&w, 0, -1, &l);
	assert_false(l.s.waiting); /* no place: no hurry */
	/* None at all. */
	make(&w, 1, 3, 7);
	w.cores[0].room = 0;
	settle(&w, 10);
	assert_int_equal(unheld(&w, true), 3);
}

static void test_tasks_that_are_not_to_run(void **state)
{
	static struct world w;
	(void)state;
	make(&w, 3, 60, 8);
	for (size_t k = 0; k < 30; k++)
		w.tasks[k].wanted = false;
	settle(&w, 20);
	for (size_t k = 0; k < 3; k++) {
		assert_int_equal(holds(&w, k, true), 10);
		assert_int_equal(holds(&w, k, false), 10);
	}
	/* They do not move when there is a new core; those that run do. */
	w.ncores = 4;
	snprintf(w.cores[3].host, sizeof(w.cores[3].host), "c4");
	w.cores[3].room = 1000;
	w.cores[3].live = true;
	settle(&w, 60);
	assert_even(&w);
	assert_int_equal(holds(&w, 3, false), 0);
	/* All are started: it evens out. */
	for (size_t k = 0; k < 30; k++)
		w.tasks[k].wanted = true;
	settle(&w, 60);
	assert_even(&w);
}

static void test_they_make_room(void **state)
{
	static struct world w;
	(void)state;
	make(&w, 2, 20, 9);
	for (size_t k = 0; k < 20; k++)
		w.tasks[k].wanted = k < 4;
	w.cores[0].room = w.cores[1].room = 8;
	settle(&w, 50);
	assert_int_equal(unheld(&w, true), 0);
	assert_int_equal(unheld(&w, false), 4);
	for (size_t k = 0; k < 16; k++)
		w.tasks[k].wanted = true;
	settle(&w, 50);
	assert_int_equal(unheld(&w, true), 0);
	assert_even(&w);
	assert_int_equal(unheld(&w, false), 4);
}

static void test_a_drain(void **state)
{
	static struct world w;
	(void)state;
	make(&w, 3, 90, 10);
	settle(&w, 10);
	w.cores[1].draining = true;
	settle(&w, 10); /* it holds them still: nobody takes what is held */
	assert_int_equal(holds(&w, 1, true), 30);
	lose(&w, 1);
	settle(&w, 10);
	assert_int_equal(holds(&w, 0, true), 45);
	assert_int_equal(holds(&w, 2, true), 45);
	w.cores[1].draining = false;
	settle(&w, 60);
	assert_even(&w);
}

/* It failed on the host that has the place for it: another takes it all the same. */
static void test_a_host_that_failed(void **state)
{
	static struct world w;
	(void)state;
	make(&w, 3, 30, 11);
	settle(&w, 10);
	int bad = w.tasks[7].holder;
	w.tasks[7].failed_on = bad;
	w.tasks[7].holder = -1;
	w.tasks[7].behind = true; /* FAILED there, then */
	for (int k = 0; k < 12; k++)
		for (size_t me = 0; me < 3; me++)
			look(&w, me, -1);
	assert_true(w.tasks[7].holder >= 0 && w.tasks[7].holder != bad);
	settle(&w, 20);
	assert_even(&w);
	assert_true(w.tasks[7].holder != bad);
}

/* A live core that takes nothing: the others take its share, late. */
static void test_a_core_that_hangs(void **state)
{
	static struct world w;
	(void)state;
	make(&w, 3, 30, 12);
	for (int k = 0; k < 40; k++) {
		look(&w, 0, -1);
		look(&w, 1, -1);
		if (k == 1) /* at once their own, and a third waits */
			assert_int_equal(unheld(&w, true), 10);
	}
	/* What they give back on its behalf comes back to them: at most one each is away. */
	assert_true(unheld(&w, true) <= 2);
}

/* ---------------------------------------------------------------- any history */

static void change(struct world *w)
{
	size_t core = (size_t)below(w, w->ncores), task = (size_t)below(w, w->ntasks);
	switch (below(w, 6)) {
	case 0:
		w->cores[core].live = false;
		lose(w, core);
		break;
	case 1:
		w->cores[core].live = true;
		break;
	case 2:
		w->cores[core].draining = !w->cores[core].draining;
		if (w->cores[core].draining)
			lose(w, core);
		break;
	case 3:
		w->tasks[task].wanted = !w->tasks[task].wanted;
		break;
	case 4:
		w->tasks[task].behind = !w->tasks[task].behind;
		break;
	default: /* looks with a core missing in the view */
		look(w, core, (int)below(w, w->ncores));
		break;
	}
	if (below(w, 2))
		look(w, (size_t)below(w, w->ncores), -1);
}

/* Whatever happened: once nothing happens any more it comes to rest, evenly, in bounded time. */
static void test_any_history_settles(void **state)
{
	static struct world w;
	size_t slowest = 0;
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		make(&w, 1 + seed % CORES, 1 + (seed * 37) % 150, seed);
		for (int k = 0; k < 200; k++)
			change(&w);
		w.cores[0].live = true;
		w.cores[0].draining = false;
		for (size_t k = 0; k < w.ntasks; k++)
			w.tasks[k].behind = false;
		size_t rounds = settle(&w, w.ntasks + 60);
		slowest = rounds > slowest ? rounds : slowest;
		assert_even(&w);
		assert_int_equal(unheld(&w, false), 0);
		/* And stays so. */
		for (size_t k = 0; k < w.ntasks; k++)
			w.tasks[k].moves = 0;
		settle(&w, 1);
	}
	print_message("300 histories, at most %zu looks of each core until rest\n", slowest);
}

/* With little room everywhere: at rest too, and nobody above it. */
static void test_any_history_with_little_room(void **state)
{
	static struct world w;
	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		size_t room = 0, wanted = 0;
		make(&w, 1 + seed % 6, 1 + (seed * 13) % 80, seed);
		for (size_t k = 0; k < w.ncores; k++)
			w.cores[k].room = (size_t)below(&w, 25);
		for (int k = 0; k < 100; k++)
			change(&w);
		for (size_t k = 0; k < w.ncores; k++) {
			w.cores[k].live = true;
			w.cores[k].draining = false;
			room += w.cores[k].room;
		}
		for (size_t k = 0; k < w.ntasks; k++) {
			w.tasks[k].behind = false;
			wanted += w.tasks[k].wanted;
		}
		settle(&w, w.ntasks + 60);
		assert_int_equal(unheld(&w, true), wanted > room ? wanted - room : 0);
	}
}

static void test_scores(void **state)
{
	size_t first = 0;
	char task[32];
	(void)state;
	for (int k = 0; k < 3000; k++) {
		snprintf(task, sizeof(task), "copy_%d", k);
		uint64_t a = spread_score(task, "db1"), b = spread_score(task, "db2"),
			 c = spread_score(task, "db3");
		first += a > b && a > c;
	}
	assert_true(first > 850 && first < 1150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_a_core_dies_and_returns),
		cmocka_unit_test(test_nothing_moves_that_has_not_caught_up),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_tasks_that_are_not_to_run),
		cmocka_unit_test(test_they_make_room),
		cmocka_unit_test(test_a_drain),
		cmocka_unit_test(test_a_host_that_failed),
		cmocka_unit_test(test_a_core_that_hangs),
		cmocka_unit_test(test_any_history_settles),
		cmocka_unit_test(test_any_history_with_little_room),
		cmocka_unit_test(test_scores),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
