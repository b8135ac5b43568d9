/*
 * pipe_checks.c - a task's pipe: brokers, the topics of the tables that match, and what
 * the brokers allow a transaction.
 */
#include "core/preflight/preflight_priv.h"

#include "common/contract/errors.h"
#include "core/pipe/pipe_check.h"
#include "core/pipeline/setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRANSACTION_TIMEOUT_MS = 30000 }; /* what exactly_once asks for */

/* The topics of all tables, each once. */
struct topics {
	struct pipe_check_topic *list;
	const struct matched **of; /* the first table of each */
	size_t n;
};

static int by_topic(const void *a, const void *b)
{
	const struct matched *x = *(const struct matched *const *)a;
	const struct matched *y = *(const struct matched *const *)b;
	int topic = strcmp(x->topic, y->topic);
	return topic ? topic : (x > y) - (x < y);
}

static struct span span_of(const char *text)
{
	return (struct span){(const uint8_t *)text, strlen(text)};
}

/* Names each table's topic; what has none is found. Returns how many have one. */
static size_t name_topics(struct preflight *p, const struct matched **named, struct finding *f)
{
	size_t n = 0, bad = 0;
	for (size_t i = 0; i < p->ntables; i++) {
		struct matched *m = &p->tables[i];
		char topic[TASK_TOPIC_MAX + 1];
		struct err e = {0};
		if (task_topic(p->task, span_of(m->db), span_of(m->name), topic, &e) < 0) {
			if (bad++ == 0)
				finding_err(f, PREFLIGHT_FAILED, &e);
			continue;
		}
		m->topic = arena_strndup(&p->arena, topic, strlen(topic));
		if (!m->topic) {
			p->oom = true;
			return n;
		}
		named[n++] = m;
	}
	return n;
}

/* Two tables whose names differ only in what a topic's may not have. */
static void check_collision(const struct preflight *p, const struct matched *a,
			    const struct matched *b, struct finding *f)
{
	if (f->result == PREFLIGHT_FAILED ||
	    task_topic_shared(p->task, span_of(a->db), span_of(a->name), span_of(b->db),
			      span_of(b->name)))
		return;
	finding_note(f, PREFLIGHT_FAILED, ERR_PIPE_REFUSED,
		     "Exclude one of the tables, or change pipe.topic so that their names differ.",
		     "tables %.64s.%.64s and %.64s.%.64s would share the topic %s, because "
		     "characters that a topic may not have became '_'",
		     a->db, a->name, b->db, b->name, a->topic);
}

static void collect_topics(struct preflight *p, struct topics *t, struct finding *f)
{
	if (p->ntables == 0)
		return;
	const struct matched **named = calloc(p->ntables, sizeof(*named));
	t->list = calloc(p->ntables, sizeof(*t->list));
	t->of = calloc(p->ntables, sizeof(*t->of));
	if (!named || !t->list || !t->of) {
		p->oom = true;
		free(named);
		return;
	}
	size_t n = name_topics(p, named, f);
	qsort(named, n, sizeof(*named), by_topic);
	for (size_t i = 0; i < n; i++) {
		if (t->n > 0 && strcmp(named[i]->topic, t->list[t->n - 1].name) == 0) {
			check_collision(p, t->of[t->n - 1], named[i], f);
			continue;
		}
		t->of[t->n] = named[i];
		t->list[t->n++].name = named[i]->topic;
	}
	free(named);
}

/* ---------------------------------------------------------------- what the brokers say */

/* `made`: all topics that the task makes; else `what` is one that is there. */
static void check_safety(const struct pipe_check *k, int64_t copies, struct pipe_check_safety s,
			 const char *what, bool made, struct finding *f)
{
	if (k->brokers < 2) /* nobody to have a copy */
		return;
	if (copies == 1) {
		finding_note(f, PREFLIGHT_WARNING, NULL,
			     made ? "Set pipe.topics.replication_factor to 3."
				  : "Give the topic more copies (kafka-reassign-partitions).",
			     "%.250s: one copy: a broker that is lost takes acknowledged changes "
			     "with it",
			     what);
		return;
	}
	if (s.min_insync == 1)
		finding_note(f, PREFLIGHT_WARNING, NULL,
			     made ? "Set min.insync.replicas to 2, in pipe.topics.config or on the "
				    "brokers."
				  : "Set the topic's min.insync.replicas to 2.",
			     "%.250s: min.insync.replicas is 1: while the other copies are behind, "
			     "a change counts as acknowledged that only one broker has",
			     what);
	if (s.unclean == 1)
		finding_note(f, PREFLIGHT_WARNING, NULL,
			     "Set unclean.leader.election.enable to false.",
			     "%.250s: unclean.leader.election.enable is true: a copy that lacks "
			     "acknowledged changes may become the leader",
			     what);
}

/* The topics that the task makes: pipe.topics counts, then the brokers' defaults. */
static void check_made(const struct preflight *p, const struct pipe_check *k, struct finding *f)
{
	const struct task_pipe *pipe = &p->task->pipe;
	int64_t asked = pipe->topics.replication_factor;
	struct pipe_check_safety s = k->safety;
	if (!pipe->topics.create)
		return;
	if (asked > k->brokers) {
		finding_note(f, PREFLIGHT_FAILED, ERR_PIPE_REFUSED,
			     "Lower pipe.topics.replication_factor, or start more brokers.",
			     "pipe.topics.replication_factor is %lld, and there are %d brokers",
			     (long long)asked, k->brokers);
		return;
	}
	for (size_t i = 0; i < pipe->topics.nconfig; i++) {
		const char *name = pipe->topics.config[i].name;
		const char *value = pipe->topics.config[i].value;
		if (strcmp(name, "min.insync.replicas") == 0)
			s.min_insync = (int)strtol(value, NULL, 10);
		else if (strcmp(name, "unclean.leader.election.enable") == 0)
			s.unclean = strcmp(value, "true") == 0;
	}
	check_safety(k, asked ? asked : k->default_replication, s, "topics that are made", true, f);
}

/* Of the topics that are there, the first that may lose something. */
static void check_there(const struct pipe_check *k, const struct topics *t, struct finding *f)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct pipe_check_topic *topic = &t->list[i];
		bool safe = topic->state != PIPE_CHECK_THERE ||
			    (topic->replicas != 1 && topic->safety.min_insync != 1 &&
			     topic->safety.unclean != 1);
		if (safe)
			continue;
		check_safety(k, topic->replicas, topic->safety, topic->name, false, f);
		return;
	}
}

/* What one topic's state means; counts it otherwise. */
static void check_topic(const struct pipe_check_topic *t, const struct matched *m, size_t counts[],
			struct finding *f)
{
	if (counts[t->state]++ > 0)
		return; /* one of a kind is named */
	switch (t->state) {
	case PIPE_CHECK_MISSING:
		finding_note(f, PREFLIGHT_FAILED, ERR_PIPE_REFUSED,
			     "Create the topics, or set pipe.topics.create to true.",
			     "topic %s (table %.64s.%.64s) does not exist, and pipe.topics.create "
			     "is false",
			     t->name, m->db, m->name);
		break;
	case PIPE_CHECK_REFUSED:
		finding_note(f, PREFLIGHT_FAILED, ERR_PIPE_REFUSED, NULL,
			     "topic %s (table %.64s.%.64s): %s", t->name, m->db, m->name, t->why);
		break;
	case PIPE_CHECK_UNKNOWN:
		finding_note(f, PREFLIGHT_WARNING, NULL, NULL,
			     "whether topic %s could be made was not asked%s%s", t->name,
			     t->why[0] ? ": " : "", t->why);
		break;
	case PIPE_CHECK_THERE:
	case PIPE_CHECK_CREATABLE:
		break;
	}
	if (t->state == PIPE_CHECK_THERE && t->why[0])
		finding_note(f, PREFLIGHT_WARNING, NULL, NULL, "topic %s: %s", t->name, t->why);
}

static void check_topics(struct preflight *p, const struct pipe_check *k, const struct topics *t,
			 struct finding *f)
{
	size_t counts[PIPE_CHECK_REFUSED + 1] = {0};
	for (size_t i = 0; i < t->n; i++)
		check_topic(&t->list[i], t->of[i], counts, f);
	if (t->n > 0)
		finding_note(f, PREFLIGHT_OK, NULL, NULL,
			     "%zu topic%s: %zu exist, %zu can be made, %zu are missing, %zu refused",
			     t->n, t->n == 1 ? "" : "s", counts[PIPE_CHECK_THERE],
			     counts[PIPE_CHECK_CREATABLE], counts[PIPE_CHECK_MISSING],
			     counts[PIPE_CHECK_REFUSED]);
	else
		finding_note(f, PREFLIGHT_OK, NULL, NULL,
			     p->tables_known ? "no table matches: there is no topic to look for"
					     : "the tables are not known: no topic was looked for");
	check_made(p, k, f);
	check_there(k, t, f);
}

static void check_transactions(struct preflight *p, const struct pipe_check *k)
{
	struct finding f;
	bool needed = p->task->pipe.delivery == TASK_EXACTLY_ONCE;
	finding_init(&f, "pipe.delivery");
	if (k->transaction_max_ms < 0)
		finding_note(&f, needed ? PREFLIGHT_WARNING : PREFLIGHT_OK, NULL, NULL,
			     "the broker does not tell its transaction.max.timeout.ms");
	else if (k->transaction_max_ms < TRANSACTION_TIMEOUT_MS)
		finding_note(&f, needed ? PREFLIGHT_FAILED : PREFLIGHT_OK,
			     needed ? ERR_PIPE_REFUSED : NULL,
			     needed ? "Raise transaction.max.timeout.ms on the brokers to 30000."
				    : NULL,
			     "the brokers' transaction.max.timeout.ms is %lld; exactly_once needs "
			     "%d",
			     (long long)k->transaction_max_ms, TRANSACTION_TIMEOUT_MS);
	else
		finding_note(&f, PREFLIGHT_OK, NULL, NULL,
			     "the brokers' transaction.max.timeout.ms is %lld",
			     (long long)k->transaction_max_ms);
	finding_put(p, "pipe.transaction_timeout", &f);
}

/* ---------------------------------------------------------------- all of it */

static bool stopped(void *ctx)
{
	return guard_interrupted(ctx);
}

static const char *field_of(const struct preflight *p, const struct err *e)
{
	if (p->task->pipe.type != TASK_PIPE_KAFKA)
		return "pipe.path";
	if (e->kind == ERR_PIPE_SECURITY)
		return "pipe.security";
	return e->where[0] ? e->where : "pipe.brokers";
}

static void tell(struct preflight *p, int rc, const struct pipe_check *k, const struct topics *t,
		 const struct err *e, struct finding *topics_found)
{
	struct finding f;
	bool kafka = p->task->pipe.type == TASK_PIPE_KAFKA;
	finding_init(&f, rc < 0 ? field_of(p, e) : kafka ? "pipe.brokers" : "pipe.type");
	if (rc < 0)
		finding_err(&f, PREFLIGHT_FAILED, e);
	else if (kafka)
		finding_note(&f, PREFLIGHT_OK, NULL, NULL, "%d broker%s of cluster %s", k->brokers,
			     k->brokers == 1 ? "" : "s", k->cluster[0] ? k->cluster : "?");
	else
		finding_note(&f, PREFLIGHT_OK, NULL, NULL, "the pipe needs no brokers");
	finding_put(p, "pipe.reachable", &f);
	if (!kafka) {
		preflight_skip_to(p, NULL, "the pipe has no topics");
	} else if (rc == 0) {
		check_topics(p, k, t, topics_found);
		finding_put(p, "pipe.topics", topics_found);
		check_transactions(p, k);
	} else if (topics_found->result == PREFLIGHT_FAILED) {
		finding_put(p, "pipe.topics", topics_found); /* wrong without asking anyone */
	}
	preflight_skip_to(p, NULL, "the brokers could not be asked");
}

void pipe_checks(struct preflight *p)
{
	struct setup_pipe setup;
	struct topics topics = {.n = 0};
	struct pipe_check k = {0};
	struct finding found;
	struct err e = {0};
	if (setup_pipe_options(p->task, false, &setup) < 0) {
		p->oom = true;
		return;
	}
	finding_init(&found, "pipe.topic");
	if (p->task->pipe.type == TASK_PIPE_KAFKA)
		collect_topics(p, &topics, &found);
	usec_t left = p->deadline - clock_boot();
	int rc = pipe_check(&setup.options, left > 0 ? left : 0, p->guard ? stopped : NULL, p->guard,
			    topics.list, topics.n, &k, &e);
	tell(p, rc, &k, &topics, &e, &found);
	buf_free(&found.message);
	free(topics.list);
	free(topics.of);
	setup_pipe_free(&setup);
}
