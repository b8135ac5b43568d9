/* cold.c - see cold.h. */
#include "core/cold.h"

#include "common/contract/errors.h"
#include "common/os/log.h"
#include "common/os/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	AT_ONCE = 32,     /* reads under way */
	BREATH_MS = 5,    /* between two rounds of them */
};

/* One task that is looked at. */
struct look {
	struct cold *cold;
	struct zk_op *op; /* NULL: free */
	char *group, *task;
};

struct cold {
	struct zk *zk;
	struct cold_callbacks cb;
	struct daemon_timer *timer;
	struct zk_op *list_op;
	char **groups; /* of this scan */
	size_t ngroups, next_group;
	struct zk_names tasks; /* of groups[next_group - 1], not looked at yet */
	struct look looks[AT_ONCE];
	unsigned under_way;
	bool scanning, again;
};

static void go_on(struct cold *c);

static void free_groups(struct cold *c)
{
	for (size_t k = 0; k < c->ngroups; k++)
		free(c->groups[k]);
	free(c->groups);
	c->groups = NULL;
	c->ngroups = c->next_group = 0;
}

static void instances_read(void *ctx, const struct zk_reply *r)
{
	struct look *l = ctx;
	struct cold *c = l->cold;
	char *group = l->group, *task = l->task;
	*l = (struct look){.cold = c};
	c->under_way--;
	/* A folder that is not there: the first instance makes it. */
	bool nobody = r->rc == -ENOENT || (r->rc == 0 && r->names->n == 0);
	if (nobody && c->cb.wants(c->cb.ctx, group, task))
		c->cb.found(c->cb.ctx, group, task);
	free(group);
	free(task);
	go_on(c);
}

/* False: no free look, or no memory. */
static bool look_at(struct cold *c, const char *group, const char *task)
{
	char path[PATHS_SIZE], instances[PATHS_SIZE];
	struct look *l = NULL;
	for (size_t k = 0; !l && k < AT_ONCE; k++)
		if (!c->looks[k].op)
			l = &c->looks[k];
	if (!l || paths_task(group, task, path, NULL) < 0 ||
	    paths_part(path, PATHS_INSTANCES, instances, NULL) < 0)
		return false;
	l->cold = c;
	l->group = strdup(group);
	l->task = strdup(task);
	if (l->group && l->task)
		l->op = zk_children_async(c->zk, instances, instances_read, l);
	if (!l->op) {
		free(l->group);
		free(l->task);
		*l = (struct look){.cold = c};
		return false;
	}
	c->under_way++;
	return true;
}

static void group_listed(void *ctx, const struct zk_reply *r)
{
	struct cold *c = ctx;
	c->list_op = NULL;
	zk_names_free(&c->tasks);
	c->tasks = (struct zk_names){0};
	const struct zk_names none = {0};
	const struct zk_names *names = r->rc == 0 ? r->names : &none;
	if (r->rc == 0 || r->rc == -ENOENT) {
		c->cb.listed(c->cb.ctx, c->groups[c->next_group - 1], names);
		c->tasks.v = calloc(names->n + 1, sizeof(char *));
		for (size_t k = 0; c->tasks.v && k < names->n; k++) {
			char *name = strdup(names->v[k]);
			if (name)
				c->tasks.v[c->tasks.n++] = name;
		}
		/* In another order each time: two cores that scan at once share what there is. */
		for (size_t k = c->tasks.n; k > 1; k--) {
			size_t other = (size_t)random_below(k);
			char *name = c->tasks.v[k - 1];
			c->tasks.v[k - 1] = c->tasks.v[other];
			c->tasks.v[other] = name;
		}
	} else if (r->rc != -ENOTCONN && r->rc != -ENOLINK) {
		log_err(LOG_LEVEL_WARN, "a group of tasks", r->err);
	}
	go_on(c);
}

/* The next reads of this scan, or its end. */
static void go_on(struct cold *c)
{
	while (c->scanning && !c->list_op) {
		if (c->tasks.n > 0) {
			if (c->under_way == AT_ONCE)
				return;
			char *task = c->tasks.v[--c->tasks.n];
			const char *group = c->groups[c->next_group - 1];
			if (c->cb.wants(c->cb.ctx, group, task))
				(void)!look_at(c, group, task);
			free(task);
			continue;
		}
		if (c->next_group < c->ngroups) {
			char path[PATHS_SIZE];
			const char *group = c->groups[c->next_group++];
			struct err err = {0};
			if (paths_child(PATHS_TASK_GROUPS, group, path, &err) < 0)
				log_err(LOG_LEVEL_ERROR, "core.groups", &err);
			else
				c->list_op = zk_children_async(c->zk, path, group_listed, c);
			continue;
		}
		if (c->under_way)
			return;
		c->scanning = false;
		free_groups(c);
		if (c->again)
			daemon_timer_set(c->timer, BREATH_MS * USEC_PER_MSEC);
	}
}

static usec_t scan(void *ctx)
{
	struct cold *c = ctx;
	usec_t every = c->cb.interval(c->cb.ctx);
	/* Spread: cores that were started together do not scan together. */
	usec_t next = every / 2 + (usec_t)random_below((uint64_t)every);
	if (c->scanning)
		return next;
	size_t n;
	const char *const *groups = c->cb.groups(c->cb.ctx, &n);
	c->again = false;
	c->groups = calloc(n + 1, sizeof(char *));
	for (size_t k = 0; c->groups && k < n; k++) {
		c->groups[c->ngroups] = strdup(groups[k]);
		c->ngroups += c->groups[c->ngroups] != NULL;
	}
	c->scanning = true;
	go_on(c);
	return next;
}

struct cold *cold_open(struct daemon *d, const struct cold_callbacks *callbacks)
{
	struct cold *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->zk = daemon_zk(d);
	c->cb = *callbacks;
	c->timer = daemon_timer_new(d, 0, scan, c);
	if (!c->timer) {
		free(c);
		return NULL;
	}
	return c;
}

void cold_scan(struct cold *c)
{
	if (c->scanning)
		c->again = true;
	else
		daemon_timer_set(c->timer, 1);
}

void cold_close(struct cold *c)
{
	if (!c)
		return;
	c->scanning = false;
	daemon_timer_free(c->timer);
	if (c->list_op)
		zk_op_cancel(c->list_op);
	for (size_t k = 0; k < AT_ONCE; k++) {
		if (c->looks[k].op)
			zk_op_cancel(c->looks[k].op);
		free(c->looks[k].group);
		free(c->looks[k].task);
	}
	zk_names_free(&c->tasks);
	free_groups(c);
	free(c);
}
