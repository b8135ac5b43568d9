/*
 * cold.c - see cold.h: when to look. What follows from a look is cold_decide.c's.
 *
 * One timer: each look sets it to about an interval, and news bring it forward. The groups
 * are looked at one after the other. An offer is a word to the others that something was put
 * back: without it they would find out an interval later.
 */
#include "core/cold_priv.h"

#include "common/contract/errors.h"
#include "common/daemon/acl.h"
#include "common/os/log.h"
#include "common/os/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static usec_t scan(void *ctx);

/* ---------------------------------------------------------------- time */

static void look_in(struct cold *c, usec_t in)
{
	usec_t at = clock_boot() + in;
	if (c->due && c->due <= at)
		return; /* it comes sooner anyway */
	c->due = at;
	daemon_timer_set(c->timer, in);
}

/* Something happened. Not all cores at the same moment. */
static void stir(struct cold *c)
{
	c->restless_since = 0;
	if (c->survey)
		c->again = true;
	else
		look_in(c, (usec_t)(STIR_MS + random_below(STIR_MS)) * USEC_PER_MSEC);
}

void cold_scan(struct cold *c)
{
	c->restless_since = 0;
	if (c->survey)
		c->again = true;
	else
		look_in(c, 1);
}

/* ---------------------------------------------------------------- what is followed */

/* Half a list is none. */
static bool take_names(struct zk_names *names, const struct zk_watch_event *e)
{
	size_t n = e->exists ? e->names->n : 0;
	zk_names_free(names);
	*names = (struct zk_names){.v = calloc(n + 1, sizeof(char *))};
	for (; names->v && names->n < n; names->n++)
		if (!(names->v[names->n] = strdup(e->names->v[names->n])))
			return false;
	return names->v != NULL;
}

static void machines_told(void *ctx, const struct zk_watch_event *e)
{
	struct cold *c = ctx;
	size_t were = c->machines.n;
	if (e->rc < 0) {
		log_err(LOG_LEVEL_ERROR, "the machines", e->err);
		return;
	}
	c->machines_known = take_names(&c->machines, e);
	usec_t now = clock_boot(), more = now + GATHER_MORE_MS * USEC_PER_MSEC,
	       most = c->gather_from + GATHER_MAX_MS * USEC_PER_MSEC;
	if (now < c->gather_until && c->machines.n > were && more > c->gather_until)
		c->gather_until = more < most ? more : most;
	stir(c);
}

static void drains_told(void *ctx, const struct zk_watch_event *e)
{
	struct cold *c = ctx;
	if (e->rc < 0) {
		log_err(LOG_LEVEL_ERROR, "the drains", e->err);
		return;
	}
	c->drains_known = take_names(&c->drains, e);
	stir(c);
}

static void tasks_told(void *ctx, const struct zk_watch_event *e)
{
	struct cold_group *g = ctx;
	if (e->rc < 0) {
		log_err(LOG_LEVEL_WARN, "a group of tasks", e->err);
		return;
	}
	g->known = take_names(&g->tasks, e);
	if (g->known)
		g->cold->cb.listed(g->cold->cb.ctx, g->name, &g->tasks);
	stir(g->cold);
}

static void offer_told(void *ctx, const struct zk_watch_event *e)
{
	struct cold_group *g = ctx;
	if (e->rc < 0)
		return; /* only a hint */
	if (g->offer_known)
		stir(g->cold);
	g->offer_known = true;
}

/* ---------------------------------------------------------------- the groups */

static void group_free(struct cold_group *g)
{
	zk_watch_stop(g->tasks_watch);
	zk_watch_stop(g->offer_watch);
	if (g->offer_op)
		zk_op_cancel(g->offer_op);
	zk_names_free(&g->tasks);
	free(g);
}

static struct cold_group *find(const struct cold *c, const char *name)
{
	for (struct cold_group *g = c->groups; g; g = g->next)
		if (strcmp(g->name, name) == 0)
			return g;
	return NULL;
}

static void add(struct cold *c, const char *name)
{
	char tasks[PATHS_SIZE], offer[PATHS_SIZE];
	struct err err = {0};
	if (paths_child(PATHS_TASK_GROUPS, name, tasks, &err) < 0 ||
	    paths_child(PATHS_OFFERS, name, offer, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "core.groups", &err);
		return;
	}
	struct cold_group *g = calloc(1, sizeof(*g));
	if (!g)
		return;
	g->cold = c;
	g->wanted = true;
	snprintf(g->name, sizeof(g->name), "%s", name);
	g->tasks_watch = zk_watch_children(c->zk, tasks, tasks_told, g);
	g->offer_watch = zk_watch_data(c->zk, offer, offer_told, g);
	if (!g->tasks_watch || !g->offer_watch) {
		group_free(g); /* again at the next look */
		return;
	}
	g->next = c->groups;
	c->groups = g;
}

/* Those that the supervisor names. Others stay known: what we put back of them is told. */
static void compare_groups(struct cold *c)
{
	size_t n;
	const char *const *names = c->cb.groups(c->cb.ctx, &n);
	for (struct cold_group *g = c->groups; g; g = g->next)
		g->wanted = false;
	for (size_t k = 0; k < n; k++) {
		struct cold_group *g = find(c, names[k]);
		if (g)
			g->wanted = true;
		else
			add(c, names[k]);
	}
}

/* ---------------------------------------------------------------- offers */

static void offer(struct cold_group *g);

static void offered(void *ctx, const struct zk_reply *r)
{
	struct cold_group *g = ctx;
	char path[PATHS_SIZE];
	g->offer_op = NULL;
	if (r->rc == -ENOENT && paths_child(PATHS_OFFERS, g->name, path, NULL) == 0) {
		const char *host = g->cold->cb.hostname;
		const struct zk_create create = {.path = path, .data = host, .len = strlen(host),
						 .kind = ZK_PERSISTENT, .acl = &acl_core};
		g->offer_op = zk_create_async(g->cold->zk, &create, offered, g);
	} else if (g->offer_again || r->rc == -EEXIST) {
		g->offer_again = false;
		offer(g);
	}
	/* Any other failure: the others look at their interval. */
}

static void offer(struct cold_group *g)
{
	char path[PATHS_SIZE];
	const char *host = g->cold->cb.hostname;
	if (g->offer_op)
		g->offer_again = true;
	else if (paths_child(PATHS_OFFERS, g->name, path, NULL) == 0)
		g->offer_op = zk_set_async(g->cold->zk, path, host, strlen(host), ZK_ANY_VERSION,
					   offered, g);
}

void cold_offer(struct cold *c, const char *group)
{
	struct cold_group *g = find(c, group);
	if (g)
		offer(g);
}

/* ---------------------------------------------------------------- a look */

static void next_group(struct cold *c);

static void surveyed(void *ctx, const struct survey_result *r)
{
	struct cold *c = ctx;
	c->survey = NULL;
	if (r->rc == 0)
		cold_decide(c, r);
	else if (r->rc != -ENOTCONN && r->rc != -ENOLINK && r->rc != -ETIMEDOUT)
		log_err(LOG_LEVEL_WARN, "a look at a group of tasks", r->err);
	c->at = c->at->next;
	next_group(c);
}

/* When tasks wait for a core: soon, less soon, and at last at the interval. */
static void look_again(struct cold *c)
{
	usec_t now = clock_boot();
	if (c->again) {
		c->again = false;
		look_in(c, STIR_MS * USEC_PER_MSEC);
	}
	if (!c->waiting) {
		c->restless_since = 0;
		return;
	}
	if (!c->restless_since)
		c->restless_since = now;
	usec_t since = now - c->restless_since;
	if (since < HASTE_FOR_MS * USEC_PER_MSEC)
		look_in(c, HASTE_MS * USEC_PER_MSEC);
	else if (since < PATIENT_FOR_MS * USEC_PER_MSEC)
		look_in(c, PATIENT_MS * USEC_PER_MSEC);
}

static void next_group(struct cold *c)
{
	for (; c->at; c->at = c->at->next) {
		struct cold_group *g = c->at;
		if (!g->wanted || !g->known || !c->cb.takes(c->cb.ctx) || !c->machines_known || !c->drains_known)
			continue; /* told of what is missing, we look again */
		c->survey = survey_start(c->zk, g->name, &c->machines, &g->tasks, surveyed, c);
		if (c->survey)
			return;
	}
	look_again(c);
}

static usec_t scan(void *ctx)
{
	struct cold *c = ctx;
	usec_t every = c->cb.interval(c->cb.ctx);
	/* Spread: cores that were started together do not look together. */
	usec_t next = every / 2 + (usec_t)random_below((uint64_t)every);
	c->due = clock_boot() + next;
	daemon_timer_set(c->timer, next);
	if (c->survey)
		return 0;
	compare_groups(c);
	c->at = c->groups;
	c->waiting = false;
	next_group(c);
	return 0;
}

/* ---------------------------------------------------------------- beginning and end */

static void gather(struct cold *c, bool always)
{
	c->gather_from = clock_boot();
	c->gather_until = c->gather_from + GATHER_MS * USEC_PER_MSEC;
	c->gather_always = always;
}

void cold_session(struct cold *c)
{
	gather(c, true);
	stir(c);
}

struct cold *cold_open(struct daemon *d, const struct cold_callbacks *callbacks)
{
	struct cold *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->daemon = d;
	c->zk = daemon_zk(d);
	c->cb = *callbacks;
	gather(c, false);
	c->timer = daemon_timer_new(d, 0, scan, c);
	c->machines_watch = zk_watch_children(c->zk, paths_folder(PATHS_MACHINES), machines_told, c);
	c->drains_watch = zk_watch_children(c->zk, paths_folder(PATHS_DRAINS), drains_told, c);
	if (!c->timer || !c->machines_watch || !c->drains_watch) {
		cold_close(c);
		return NULL;
	}
	return c;
}

bool cold_has_others(const struct cold *c, const char *group)
{
	const struct cold_group *g = c ? find(c, group) : NULL;
	return g && g->others > 0;
}

void cold_close(struct cold *c)
{
	if (!c)
		return;
	survey_cancel(c->survey);
	if (c->timer)
		daemon_timer_free(c->timer);
	zk_watch_stop(c->machines_watch);
	zk_watch_stop(c->drains_watch);
	for (struct cold_group *next, *g = c->groups; g; g = next) {
		next = g->next;
		group_free(g);
	}
	zk_names_free(&c->machines);
	zk_names_free(&c->drains);
	cold_forget_all(c);
	free(c);
}
