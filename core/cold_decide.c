/*
 * cold_decide.c - what follows from a look at a group: facts for standby/spread.h, and its
 * verdicts carried out.
 *
 * What a look alone does not show is remembered here from one to the next: since when nobody
 * has a task, which one failed here, which one we gave back and whether anybody took it.
 */
#include "core/cold_priv.h"

#include "common/os/log.h"
#include "core/standby/spread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- memory */

struct cold_memory *cold_remember(struct cold *c, const char *task)
{
	struct cold_memory *m;
	HASH_FIND_STR(c->memories, task, m);
	if (m)
		return m;
	m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	snprintf(m->task, sizeof(m->task), "%s", task);
	HASH_ADD_STR(c->memories, task, m);
	if (!HASH_IS_IN(m, hh)) {
		free(m);
		return NULL;
	}
	return m;
}

void cold_forget_all(struct cold *c)
{
	struct cold_memory *m, *next;
	HASH_ITER (hh, c->memories, m, next) {
		HASH_DEL(c->memories, m);
		free(m);
	}
}

static usec_t avoided_for(const struct cold *c)
{
	usec_t twice = 2 * c->cb.interval(c->cb.ctx), least = 10 * USEC_PER_SEC;
	return twice > least ? twice : least;
}

void cold_avoid(struct cold *c, const char *task)
{
	struct cold_memory *m = cold_remember(c, task);
	if (m)
		m->avoided_at = clock_boot();
}

/* Alone, a core tries again after a second: nobody else could do better. */
static bool is_avoided(const struct cold *c, const struct cold_group *g,
		       const struct cold_memory *m, usec_t now)
{
	usec_t how_long = g->others > 0 ? avoided_for(c) : USEC_PER_SEC;
	return m->avoided_at && now - m->avoided_at < how_long;
}

/* What this look did not touch is of no use: tasks that are held again, or gone. */
static void forget(struct cold *c, const struct cold_group *g, usec_t now)
{
	struct cold_memory *m, *next;
	HASH_ITER (hh, c->memories, m, next) {
		bool other = m->group[0] && strcmp(m->group, g->name) != 0;
		if (!other && !m->seen)
			m->unheld_since = 0;
		if (!m->unheld_since && (!m->avoided_at || now - m->avoided_at >= avoided_for(c))) {
			HASH_DEL(c->memories, m);
			free(m);
		}
	}
}

/* ---------------------------------------------------------------- facts: the cores */

static bool has(const struct zk_names *names, const char *name)
{
	for (size_t k = 0; k < names->n; k++)
		if (strcmp(names->v[k], name) == 0)
			return true;
	return false;
}

static bool takes(const struct cold *c, const struct cold_group *g, const struct machine_doc *d)
{
	if (d->draining || d->stopping || has(&c->drains, d->hostname))
		return false;
	for (size_t k = 0; k < d->groups.n; k++)
		if (strcmp(d->groups.list[k], g->name) == 0)
			return true;
	return false;
}

static int index_of(const struct spread *s, const char *host)
{
	for (size_t k = 0; k < s->ncores; k++)
		if (strcmp(s->cores[k].host, host) == 0)
			return (int)k;
	return SPREAD_ANOTHER;
}

/* Its own two times: that clocks differ between hosts does not matter. */
static bool is_steady(const struct cold *c, const struct machine_doc *d)
{
	usec_t interval = c->cb.interval(c->cb.ctx), most = STEADY_MAX_S * USEC_PER_SEC;
	uint64_t ms = (uint64_t)((interval < most ? interval : most) / USEC_PER_MSEC);
	return d->heartbeat_ms >= d->started_ms && d->heartbeat_ms - d->started_ms >= ms;
}

/* Tasks of this group that the host has, by their instances. */
static size_t has_here(const struct survey_result *r, const char *host)
{
	size_t n = 0;
	for (size_t k = 0; k < r->ntasks; k++)
		n += r->tasks[k].held && strcmp(r->tasks[k].holder, host) == 0;
	return n;
}

/*
 * We, then each other host once: of two processes that share a name one is dead and not
 * expired yet, or they were configured so, and count as one.
 */
static void fill_cores(struct cold *c, const struct survey_result *r, struct spread *s)
{
	s->cores[0] = (struct spread_core){.host = c->cb.hostname, .steady = true};
	s->ncores = 1;
	s->me = 0;
	for (size_t k = 0; k < r->nmachines; k++) {
		const struct machine_doc *d = &r->machines[k];
		if (!takes(c, c->at, d) || index_of(s, d->hostname) >= 0)
			continue;
		size_t here = has_here(r, d->hostname), max = d->max_tasks;
		size_t elsewhere = d->cold > here ? d->cold - here : 0;
		s->cores[s->ncores++] = (struct spread_core){
			.host = d->hostname,
			.room = max > elsewhere ? max - elsewhere : 0,
			.steady = is_steady(c, d)};
	}
}

/* Whether the others are others now: what was in vain before may be of use. */
static void notice_others(struct cold_group *g, const struct spread *s)
{
	uint64_t who = 0;
	for (size_t k = 1; k < s->ncores; k++)
		who += spread_score(g->name, s->cores[k].host);
	if (who != g->who)
		g->give_pause = g->give_after = 0;
	g->who = who;
	g->others = s->ncores - 1;
}

/* Whether it is too early to take anything: others are on their way perhaps. */
static bool gathers(const struct cold *c, const struct spread *s, usec_t now)
{
	if (now >= c->gather_until)
		return false;
	for (size_t k = 1; k < s->ncores && !c->gather_always; k++)
		if (s->cores[k].steady)
			return false;
	return true;
}

/* ---------------------------------------------------------------- facts: the tasks */

static void fill_task(struct cold *c, const struct survey_task *from, struct spread *s, usec_t now,
		      bool early, size_t *ours)
{
	struct spread_task *t = &s->tasks[s->ntasks++];
	enum cold_ours mine = c->cb.ours(c->cb.ctx, from->name);
	struct cold_memory *m = NULL;
	*t = (struct spread_task){.name = from->name, .holder = SPREAD_NOBODY, .wanted = from->wanted};
	if (mine != COLD_NOT_OURS) {
		t->mine = true;
		t->caught_up = mine == COLD_OURS_CAUGHT_UP;
		t->holder = (int)s->me;
		++*ours;
	} else if (from->held) {
		/* A namesake's, or one that we have just put back, is not ours. */
		t->holder = index_of(s, from->holder);
		if (t->holder == (int)s->me)
			t->holder = SPREAD_ANOTHER;
	} else {
		m = cold_remember(c, from->name);
	}
	if (!m)
		return;
	snprintf(m->group, sizeof(m->group), "%s", c->at->name);
	if (!m->unheld_since || early)
		m->unheld_since = now; /* while nobody may take anything, nobody is late */
	m->seen = true;
	t->late = now - m->unheld_since >= LATE_MS * USEC_PER_MSEC;
	t->overdue = now - m->unheld_since >= OVERDUE_MS * USEC_PER_MSEC;
	t->avoided = is_avoided(c, c->at, m, now);
}

/* ---------------------------------------------------------------- giving back */

/* What became of the one that we gave back. Whether another may follow. */
static bool may_give(struct cold *c, const struct spread *s, usec_t now)
{
	struct cold_group *g = c->at;
	const struct spread_task *given = NULL;
	for (size_t k = 0; g->given[0] && k < s->ntasks; k++)
		if (strcmp(s->tasks[k].name, g->given) == 0)
			given = &s->tasks[k];
	/*
	 * In vain is what even those did not take that it is not meant for. They wait until it is
	 * late, and look for it some time after that.
	 */
	if (given && !given->mine && (given->holder == SPREAD_ANOTHER ||
				      (given->holder == SPREAD_NOBODY && !given->overdue))) {
		c->waiting = true;
		return false;
	}
	if (given && (given->mine || given->holder == SPREAD_NOBODY)) {
		usec_t first = GIVEN_IN_VAIN_S * USEC_PER_SEC,
		       most = GIVEN_IN_VAIN_MAX_S * USEC_PER_SEC;
		g->give_pause = !g->give_pause ? first
				: 2 * g->give_pause < most ? 2 * g->give_pause
							   : most;
		g->give_after = now + g->give_pause;
		log_info("group %s: nobody took %s, that we gave back", g->name, g->given);
	} else if (given) {
		g->give_pause = 0;
	}
	g->given[0] = 0;
	c->waiting |= now < g->give_after && !g->give_pause; /* the next one is soon due */
	return now >= g->give_after;
}

static void give(struct cold *c, const struct spread *s, const struct spread_task *t, usec_t now)
{
	struct cold_group *g = c->at;
	if (t->wanted) {
		usec_t interval = c->cb.interval(c->cb.ctx), pace = GIVE_EVERY_MS * USEC_PER_MSEC;
		snprintf(g->given, sizeof(g->given), "%s", t->name);
		g->give_after = now + (interval < pace ? interval : pace);
		c->waiting = true;
		log_info("%s: given back: %zu tasks of group %s are to run on %zu cores, %zu each",
			 t->name, s->wanted, g->name, s->ncores, s->fair);
	} else {
		log_info("%s: given back: it is not to run, and others of group %s are", t->name,
			 g->name);
	}
	c->cb.give(c->cb.ctx, t->name);
}

/* ---------------------------------------------------------------- deciding */

static void carry_out(struct cold *c, struct spread *s, usec_t now, bool early)
{
	size_t taken = 0;
	for (size_t k = 0; k < s->ntasks; k++) {
		const struct spread_task *t = &s->tasks[k];
		if (t->verdict == SPREAD_TAKE && early)
			c->waiting = true;
		else if (t->verdict == SPREAD_TAKE && ++taken)
			c->cb.take(c->cb.ctx, c->at->name, t->name);
		else if (t->verdict == SPREAD_GIVE && !early)
			give(c, s, t, now);
		/* A core that drains or ends puts it back soon. */
		c->waiting |= t->wanted && t->holder == SPREAD_ANOTHER;
	}
	c->waiting |= s->waiting;
	if (taken > 0)
		log_info("group %s: %zu tasks are to run on %zu cores, %zu each; nobody has %zu, "
			 "taking %zu",
			 c->at->name, s->wanted, s->ncores, s->fair, s->unheld, taken);
}

void cold_decide(struct cold *c, const struct survey_result *r)
{
	usec_t now = clock_boot();
	size_t max = c->cb.max_tasks(c->cb.ctx), held = c->cb.held(c->cb.ctx), ours = 0;
	struct cold_memory *m, *next;
	struct spread s = {.room = max > held ? max - held : 0};
	/* A drain or the end may have come while the look was under way: whatever were taken
	 * now, nobody would put back. */
	if (!c->cb.takes(c->cb.ctx))
		return;
	s.cores = calloc(r->nmachines + 1, sizeof(*s.cores));
	s.tasks = calloc(r->ntasks + 1, sizeof(*s.tasks));
	if (!s.cores || !s.tasks) {
		log_error("no memory to look at group %s", c->at->name);
		goto out;
	}
	HASH_ITER (hh, c->memories, m, next)
		m->seen = false;
	fill_cores(c, r, &s);
	notice_others(c->at, &s);
	bool early = gathers(c, &s, now);
	for (size_t k = 0; k < r->ntasks; k++)
		if (!r->tasks[k].gone)
			fill_task(c, &r->tasks[k], &s, now, early, &ours);
	s.cores[0].room = max > held - ours ? max - (held - ours) : 0;
	forget(c, c->at, now);
	s.may_give = may_give(c, &s, now);
	spread_decide(&s);
	carry_out(c, &s, now, early);
out:
	free(s.cores);
	free(s.tasks);
}
