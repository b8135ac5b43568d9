/* spread.c - see spread.h. Pure. */
#include "core/standby/spread.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- hashing */

/* FNV-1a of the text, then the finalizer of splitmix64: alike names come out far apart. */
static uint64_t mix(uint64_t h)
{
	h ^= h >> 30;
	h *= 0xbf58476d1ce4e5b9U;
	h ^= h >> 27;
	h *= 0x94d049bb133111ebU;
	return h ^ h >> 31;
}

static uint64_t hash_of(const char *text)
{
	uint64_t h = 0xcbf29ce484222325U;
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		h = (h ^ *p) * 0x100000001b3U;
	return mix(h);
}

static uint64_t score_of(uint64_t task, uint64_t host)
{
	return mix(task ^ mix(host + 0x9e3779b97f4a7c15U));
}

uint64_t spread_score(const char *task, const char *host)
{
	return score_of(hash_of(task), hash_of(host));
}

/* The same order on every core. */
static int by_key(const void *a, const void *b)
{
	const struct spread_task *x = a, *y = b;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* ---------------------------------------------------------------- quotas */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t places(const struct spread *s, size_t level)
{
	size_t sum = 0;
	for (size_t k = 0; k < s->ncores; k++)
		sum += least(s->cores[k].place, level);
	return sum;
}

/* The lowest level at which `n` tasks find a place; n when there are too few at any. */
static size_t level_for(const struct spread *s, size_t n)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (places(s, middle) >= n)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Whether `a` rather than `b` has one task less than the level: who has fewer already. */
static bool is_lower(const struct spread_core *a, const struct spread_core *b)
{
	if (a->held != b->held)
		return a->held < b->held;
	return strcmp(a->host, b->host) > 0;
}

/*
 * Each core's share of `n` tasks. What the level has too many is taken from those that have
 * least, one each: so nobody has to give a task back for the sake of the remainder.
 */
static void set_quotas(struct spread *s, size_t n)
{
	size_t level = level_for(s, n), sum = places(s, level);
	for (size_t k = 0; k < s->ncores; k++)
		s->cores[k].quota = least(s->cores[k].place, level);
	for (size_t spare = sum > n ? sum - n : 0; spare > 0; spare--) {
		struct spread_core *lowest = NULL;
		for (size_t k = 0; k < s->ncores; k++) {
			struct spread_core *c = &s->cores[k];
			if (c->quota == level && (!lowest || is_lower(c, lowest)))
				lowest = c;
		}
		if (!lowest)
			return;
		lowest->quota--;
	}
}

/* ---------------------------------------------------------------- dealing out */

static size_t count(struct spread *s, bool wanted)
{
	size_t n = 0;
	for (size_t k = 0; k < s->ncores; k++)
		s->cores[k].held = 0;
	for (size_t k = 0; k < s->ntasks; k++) {
		const struct spread_task *t = &s->tasks[k];
		if (t->wanted != wanted)
			continue;
		n++;
		if (t->holder >= 0)
			s->cores[t->holder].held++;
	}
	return n;
}

/* The core with a place whose score is the highest; NULL: there is none. */
static struct spread_core *place_for(struct spread *s, const struct spread_task *t)
{
	struct spread_core *best = NULL;
	uint64_t best_score = 0;
	for (size_t k = 0; k < s->ncores; k++) {
		struct spread_core *c = &s->cores[k];
		if (!c->left)
			continue;
		uint64_t score = score_of(t->key, c->key);
		if (!best || score > best_score ||
		    (score == best_score && strcmp(c->host, best->host) < 0)) {
			best = c;
			best_score = score;
		}
	}
	return best;
}

/*
 * The tasks that nobody has, each to its core; ours are marked, up to *room. What a core does
 * not take for a while any other below its quota takes, and at last whoever has room.
 */
static void deal(struct spread *s, bool wanted, size_t *room, size_t *ret_lacking)
{
	struct spread_core *me = &s->cores[s->me];
	size_t below = me->quota > me->held ? me->quota - me->held : 0, taken = 0;
	for (size_t k = 0; k < s->ncores; k++) {
		struct spread_core *c = &s->cores[k];
		c->left = c->quota > c->held ? c->quota - c->held : 0;
	}
	for (size_t k = 0; k < s->ntasks; k++) {
		struct spread_task *t = &s->tasks[k];
		if (t->wanted != wanted || t->holder != SPREAD_NOBODY)
			continue;
		struct spread_core *c = place_for(s, t);
		if (c) {
			c->left--;
			s->waiting |= wanted;
		}
		bool ours = ((c == me || t->late) && taken < below) ||
			    (t->overdue && me->held + taken < me->place);
		if (!ours || t->avoided)
			continue;
		if (*room == 0) {
			++*ret_lacking;
			continue;
		}
		t->verdict = SPREAD_TAKE;
		taken++;
		--*room;
	}
}

/* ---------------------------------------------------------------- giving back */

/* How well the task would do on the core: the best core of all, better than ours, any. */
static int fitness(const struct spread *s, const struct spread_task *t, const struct spread_core *c)
{
	uint64_t score = score_of(t->key, c->key);
	for (size_t k = 0; k < s->ncores; k++)
		if (score_of(t->key, s->cores[k].key) > score)
			return score > score_of(t->key, s->cores[s->me].key);
	return 2;
}

/*
 * One that has caught up, and of those the one that belongs on a core with a place. One that
 * is FAILED, RETRYING, starting or behind stays: moving it helps nobody, and would hide where
 * it failed. One at a time in the whole group: while nobody has some task, none is added.
 */
static void give_one(struct spread *s)
{
	const struct spread_core *me = &s->cores[s->me];
	struct spread_task *best = NULL;
	int best_fitness = -1;
	if (!s->may_give || me->held <= me->quota || s->unheld > 0)
		return;
	for (size_t k = 0; k < s->ntasks; k++) {
		struct spread_task *t = &s->tasks[k];
		if (!t->wanted || !t->mine || !t->caught_up)
			continue;
		for (size_t n = 0; n < s->ncores; n++) {
			const struct spread_core *c = &s->cores[n];
			int is = c->steady && c->quota > c->held ? fitness(s, t, c) : -1;
			if (is > best_fitness) {
				best = t;
				best_fitness = is;
			}
		}
	}
	if (best)
		best->verdict = SPREAD_GIVE;
}

/* What is not to run makes room for what is. */
static void make_room(struct spread *s, size_t lacking)
{
	for (size_t k = 0; k < s->ntasks && lacking > 0; k++) {
		struct spread_task *t = &s->tasks[k];
		if (t->wanted || !t->mine)
			continue;
		t->verdict = SPREAD_GIVE;
		lacking--;
	}
}

void spread_decide(struct spread *s)
{
	size_t room = s->room, lacking = 0, ignored = 0;
	for (size_t k = 0; k < s->ncores; k++) {
		s->cores[k].key = hash_of(s->cores[k].host);
		s->cores[k].place = s->cores[k].room;
	}
	for (size_t k = 0; k < s->ntasks; k++) {
		s->tasks[k].key = hash_of(s->tasks[k].name);
		s->tasks[k].verdict = SPREAD_LEAVE;
	}
	qsort(s->tasks, s->ntasks, sizeof(*s->tasks), by_key);
	s->waiting = false;
	s->unheld = 0;
	for (size_t k = 0; k < s->ntasks; k++)
		s->unheld += s->tasks[k].wanted && s->tasks[k].holder == SPREAD_NOBODY;
	s->wanted = count(s, true);
	set_quotas(s, s->wanted);
	s->fair = 0;
	for (size_t k = 0; k < s->ncores; k++)
		if (s->cores[k].quota > s->fair)
			s->fair = s->cores[k].quota;
	deal(s, true, &room, &lacking);
	give_one(s);
	if (lacking > 0 || s->unheld > 0) {
		make_room(s, lacking);
		return;
	}
	/* The rest, into what room those leave. */
	for (size_t k = 0; k < s->ncores; k++)
		s->cores[k].place -= least(s->cores[k].place, s->cores[k].held);
	set_quotas(s, count(s, false));
	deal(s, false, &room, &ignored);
}
