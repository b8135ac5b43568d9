/* cold_survey.c - see cold_survey.h. */
#include "core/cold_survey.h"

#include "common/contract/control.h"
#include "common/contract/errors.h"
#include "common/os/log.h"
#include "common/zk/election_rule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 64 }; /* reads under way */

/* A read under way; where its answer goes is in `index`. */
struct look {
	struct survey *survey;
	struct zk_op *op; /* NULL: free */
	size_t index;
};

struct survey {
	struct zk *zk;
	char group[TASK_NAME_MAX + 1];
	survey_fn *fn;
	void *ctx;
	struct zk_names nodes; /* of /machines */
	struct machine_doc *machines;
	size_t nmachines;
	struct survey_task *tasks;
	size_t ntasks;
	size_t next; /* the read that is due: all nodes, then two a task */
	struct look looks[AT_ONCE];
	size_t under_way;
	int rc;
	struct err err;
};

static void go_on(struct survey *s);

static void survey_free(struct survey *s)
{
	for (size_t k = 0; k < s->nmachines; k++)
		machine_doc_clear(&s->machines[k]);
	for (size_t k = 0; k < s->ntasks; k++)
		free(s->tasks[k].name);
	zk_names_free(&s->nodes);
	free(s->machines);
	free(s->tasks);
	free(s);
}

/* The end of a read: its place is free. A failure other than absence spoils the survey. */
static struct survey *answered(struct look *l, const struct zk_reply *r, size_t *ret_index)
{
	struct survey *s = l->survey;
	*ret_index = l->index;
	l->op = NULL;
	s->under_way--;
	if (r->rc < 0 && r->rc != -ENOENT && s->rc == 0) {
		s->rc = r->rc;
		s->err = *r->err;
	}
	return s;
}

/* One that cannot be read is not counted on: it neither has a share nor is given anything. */
static void machine_read(void *ctx, const struct zk_reply *r)
{
	size_t index;
	struct survey *s = answered(ctx, r, &index);
	struct err err = {0};
	if (r->rc == 0 && machine_doc_parse(r->data, r->len, &s->machines[s->nmachines], &err) == 0)
		s->nmachines++;
	else if (r->rc == 0)
		log_debug("%s: %s", s->nodes.v[index], err.text);
	go_on(s);
}

/* Without a control nothing is wanted. One that cannot be read somebody must show as FAILED. */
static void control_read(void *ctx, const struct zk_reply *r)
{
	size_t index;
	struct survey *s = answered(ctx, r, &index);
	struct survey_task *t = &s->tasks[index];
	struct control_doc d;
	if (r->rc == 0 && r->len > 0) {
		t->wanted = true;
		if (control_doc_parse(r->data, r->len, &d, NULL) == 0) {
			t->wanted = d.desired == CONTROL_RUNNING;
			t->gone = d.desired == CONTROL_DELETED;
			control_doc_clear(&d);
		}
	}
	go_on(s);
}

/* A folder that is not there: the first instance makes it. */
static void instances_read(void *ctx, const struct zk_reply *r)
{
	size_t index;
	struct survey *s = answered(ctx, r, &index);
	struct survey_task *t = &s->tasks[index];
	uint64_t number;
	size_t len;
	struct election_result first = {0};
	if (r->rc == 0)
		first = election_decide(r->names->v, r->names->n, NULL);
	if (first.first && election_parse(first.first, &number, &len)) {
		t->held = true;
		snprintf(t->holder, sizeof(t->holder), "%.*s",
			 (int)(len < PATHS_HOST_MAX ? len : PATHS_HOST_MAX), first.first);
	}
	go_on(s);
}

/* Asks for the read numbered `next`. False: a name that no node can have, or no memory. */
static bool ask(struct survey *s, struct look *l)
{
	char path[PATHS_SIZE], part[PATHS_SIZE];
	size_t n = s->next;
	if (n < s->nodes.n) {
		l->index = n;
		if (paths_child(PATHS_MACHINES, s->nodes.v[n], path, NULL) == 0)
			l->op = zk_get_async(s->zk, path, machine_read, l);
		return l->op != NULL;
	}
	bool control = (n - s->nodes.n) % 2 == 0;
	l->index = (n - s->nodes.n) / 2;
	if (paths_task(s->group, s->tasks[l->index].name, path, NULL) == 0 &&
	    paths_part(path, control ? PATHS_CONTROL : PATHS_INSTANCES, part, NULL) == 0)
		l->op = control ? zk_get_async(s->zk, part, control_read, l)
				: zk_children_async(s->zk, part, instances_read, l);
	if (!l->op)
		s->tasks[l->index].gone = true;
	return l->op != NULL;
}

/* As many of the next reads as there may be. */
static void ask_on(struct survey *s)
{
	size_t all = s->nodes.n + 2 * s->ntasks;
	for (size_t k = 0; k < AT_ONCE && s->next < all && s->rc == 0; k++) {
		if (s->looks[k].op)
			continue;
		while (s->next < all) {
			bool asked = ask(s, &s->looks[k]);
			s->next++;
			if (asked) {
				s->under_way++;
				break;
			}
		}
	}
}

/* The next reads, or the end. */
static void go_on(struct survey *s)
{
	ask_on(s);
	if (s->under_way > 0)
		return;
	const struct survey_result result = {.rc = s->rc,
					     .err = &s->err,
					     .tasks = s->tasks,
					     .ntasks = s->ntasks,
					     .machines = s->machines,
					     .nmachines = s->nmachines};
	s->fn(s->ctx, &result);
	survey_free(s);
}

static bool copy_names(struct survey *s, const struct zk_names *machines,
		       const struct zk_names *tasks)
{
	s->nodes.v = calloc(machines->n + 1, sizeof(char *));
	s->machines = calloc(machines->n + 1, sizeof(*s->machines));
	s->tasks = calloc(tasks->n + 1, sizeof(*s->tasks));
	if (!s->nodes.v || !s->machines || !s->tasks)
		return false;
	for (; s->nodes.n < machines->n; s->nodes.n++)
		if (!(s->nodes.v[s->nodes.n] = strdup(machines->v[s->nodes.n])))
			return false;
	for (; s->ntasks < tasks->n; s->ntasks++)
		if (!(s->tasks[s->ntasks].name = strdup(tasks->v[s->ntasks])))
			return false;
	return true;
}

struct survey *survey_start(struct zk *zk, const char *group, const struct zk_names *machines,
			    const struct zk_names *tasks, survey_fn *fn, void *ctx)
{
	struct survey *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->zk = zk;
	snprintf(s->group, sizeof(s->group), "%s", group);
	s->fn = fn;
	s->ctx = ctx;
	for (size_t k = 0; k < AT_ONCE; k++)
		s->looks[k].survey = s;
	if (copy_names(s, machines, tasks))
		ask_on(s);
	if (s->under_way > 0)
		return s;
	survey_free(s);
	return NULL;
}

void survey_cancel(struct survey *s)
{
	if (!s)
		return;
	for (size_t k = 0; k < AT_ONCE; k++)
		if (s->looks[k].op)
			zk_op_cancel(s->looks[k].op);
	survey_free(s);
}
