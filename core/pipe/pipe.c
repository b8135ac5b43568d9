/*
 * pipe.c - what every kind of pipe shares: the failure that sticks, the state, the
 * numbers of topics, the counters. See pipe.h for threads and memory.
 */
#include "core/pipe/pipe_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOPIC_NAME_MAX = 249 }; /* Kafka's */

int pipe_open(const struct pipe_options *opt, const struct pipe_callbacks *cb, struct pipe **ret,
	      struct err *err)
{
	struct pipe *p;
	int rc;
	switch (opt->type) {
	case PIPE_NONE:
		rc = none_open(opt, &p, err);
		break;
	case PIPE_STDOUT:
	case PIPE_FILE:
		rc = lines_open(opt, &p, err);
		break;
	case PIPE_KAFKA:
		rc = kafka_open(opt, &p, err);
		break;
	default:
		return err_set(err, -EINVAL, ERR_INTERNAL, "no such type of pipe: %d", opt->type);
	}
	if (rc < 0)
		return rc;
	p->cb = *cb;
	p->state_since = clock_boot();
	pthread_mutex_init(&p->topics.lock, NULL);
	*ret = p;
	return 0;
}

static void topic_names_free(struct topic_names *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		free(t->names[i]);
	free(t->names);
	free(t->slots);
	pthread_mutex_destroy(&t->lock);
}

void pipe_close(struct pipe *p)
{
	if (!p)
		return;
	struct topic_names topics = p->topics;
	p->ops->close(p);
	topic_names_free(&topics);
}

/* Notes the failure that ends the pipe, and hands the same one out ever after. */
static int pipe_fail(struct pipe *p, int rc, struct err *err)
{
	p->failure_rc = rc;
	if (err)
		p->failure = *err;
	if (!p->failure.kind)
		err_set(&p->failure, rc, ERR_INTERNAL, "the pipe failed: %s", strerror(-rc));
	return rc;
}

static int pipe_failed(const struct pipe *p, struct err *err)
{
	if (err)
		*err = p->failure;
	return p->failure_rc;
}

int pipe_put(struct pipe *p, struct record *r, struct err *err)
{
	if (__builtin_expect(p->failure_rc != 0, 0))
		return pipe_failed(p, err);
	int rc = p->ops->put(p, r, err);
	if (__builtin_expect(rc == 0 || rc == -EAGAIN, 1))
		return rc;
	return pipe_fail(p, rc, err);
}

int pipe_serve(struct pipe *p, int timeout_ms, struct err *err)
{
	if (p->failure_rc != 0)
		return pipe_failed(p, err);
	struct err local = {.kind = NULL};
	struct err *e = err ? err : &local;
	int rc = p->ops->serve(p, timeout_ms, e);
	return rc < 0 ? pipe_fail(p, rc, e) : 0;
}

int pipe_takeover(struct pipe *p, struct pipe_takeover *t, struct err *err)
{
	if (p->failure_rc != 0)
		return pipe_failed(p, err);
	if (!p->ops->takeover)
		return err_set(err, -EINVAL, ERR_INTERNAL, "a pipe without transactions");
	int rc = p->ops->takeover(p, t, err);
	return rc < 0 && rc != -ECANCELED ? pipe_fail(p, rc, err) : rc;
}

int pipe_commit(struct pipe *p, const struct pipe_takeover *t, const void *position, size_t len,
		struct err *err)
{
	if (p->failure_rc != 0)
		return pipe_failed(p, err);
	if (!p->ops->commit)
		return err_set(err, -EINVAL, ERR_INTERNAL, "a pipe without transactions");
	if (pipe_in_flight(p) > 0)
		return -EBUSY;
	int rc = p->ops->commit(p, t, position, len, err);
	return rc < 0 ? pipe_fail(p, rc, err) : 0;
}

void pipe_hasten(struct pipe *p)
{
	if (p->ops->hasten && p->failure_rc == 0)
		p->ops->hasten(p);
}

struct record *pipe_failed_record(const struct pipe *p)
{
	return p->failed_record;
}

struct pipe_oversize pipe_oversize(const struct pipe *p)
{
	return p->oversize;
}

size_t pipe_message_max(const struct pipe *p)
{
	return p->message_max ? p->message_max : SIZE_MAX;
}

int pipe_fd(const struct pipe *p)
{
	return p->fd;
}

int pipe_sync(struct pipe *p, struct err *err)
{
	/* After a failure too: it takes nothing back of what was acknowledged before. */
	if (!p->ops->sync)
		return 0;
	struct err local = {.kind = NULL};
	struct err *e = err ? err : &local;
	int rc = p->ops->sync(p, e);
	if (rc < 0 && p->failure_rc == 0)
		pipe_fail(p, rc, e);
	return rc;
}

int pipe_flush(struct pipe *p, int timeout_ms, struct err *err)
{
	usec_t end = clock_boot() + timeout_ms * USEC_PER_MSEC;
	for (;;) {
		int rc = pipe_serve(p, 0, err);
		if (rc < 0)
			return rc;
		if (pipe_in_flight(p) == 0)
			return 0;
		usec_t left = end - clock_boot();
		if (left <= 0)
			return -ETIMEDOUT;
		rc = pipe_serve(p, (int)((left + USEC_PER_MSEC - 1) / USEC_PER_MSEC), err);
		if (rc < 0)
			return rc;
	}
}

enum pipe_state pipe_state(const struct pipe *p, usec_t *ret_since, const char **ret_reason)
{
	if (ret_since)
		*ret_since = p->state_since;
	if (ret_reason)
		*ret_reason = p->reason;
	return p->state;
}

void pipe_set_state(struct pipe *p, enum pipe_state state, const char *reason)
{
	if (p->state == state)
		return;
	p->state = state;
	p->state_since = clock_boot();
	snprintf(p->reason, sizeof(p->reason), "%s", state == PIPE_UP ? "" : reason);
	if (state == PIPE_AWAY)
		pipe_count(&p->away, 1);
	if (p->cb.state)
		p->cb.state(p->cb.ctx, state, p->reason);
}

void pipe_stats(struct pipe *p, struct pipe_stats *ret)
{
	*ret = (struct pipe_stats){
		.produced = atomic_load_explicit(&p->produced, memory_order_relaxed),
		.acked = atomic_load_explicit(&p->acked, memory_order_relaxed),
		.bytes = atomic_load_explicit(&p->bytes, memory_order_relaxed),
		.errors = atomic_load_explicit(&p->errors, memory_order_relaxed),
		.away = atomic_load_explicit(&p->away, memory_order_relaxed),
		.throttle_ms = atomic_load_explicit(&p->throttle_ms, memory_order_relaxed),
		.topics = atomic_load_explicit(&p->opened, memory_order_relaxed),
		.batch_bytes = atomic_load_explicit(&p->batch_bytes, memory_order_relaxed),
	};
}

/* FNV-1a, 32 bits. */
static uint32_t name_hash(const char *name)
{
	uint32_t h = 2166136261u;
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return h;
}

/* Where name stands in the slots, or the free slot where it belongs. */
static uint32_t name_slot(const struct topic_names *t, const char *name)
{
	uint32_t i = name_hash(name) & (t->nslots - 1);
	while (t->slots[i] && strcmp(t->names[t->slots[i] - 1], name) != 0)
		i = (i + 1) & (t->nslots - 1);
	return i;
}

/* Room for one more name. */
static int topic_names_grow(struct topic_names *t)
{
	if (t->n < t->cap)
		return 0;
	uint32_t cap = t->cap ? t->cap * 2 : 16;
	char **names = realloc(t->names, cap * sizeof(*names));
	if (!names)
		return -ENOMEM;
	t->names = names;
	uint32_t *slots = calloc((size_t)cap * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(t->slots);
	t->slots = slots;
	t->nslots = cap * 2;
	t->cap = cap;
	for (uint32_t i = 0; i < t->n; i++)
		t->slots[name_slot(t, t->names[i])] = i + 1;
	return 0;
}

static int topic_names_number(struct topic_names *t, const char *name, uint32_t *ret)
{
	if (topic_names_grow(t) < 0)
		return -ENOMEM;
	uint32_t slot = name_slot(t, name);
	if (!t->slots[slot]) {
		char *copy = strdup(name);
		if (!copy)
			return -ENOMEM;
		t->names[t->n++] = copy;
		t->slots[slot] = t->n;
	}
	*ret = t->slots[slot] - 1;
	return 0;
}

/* Kafka's rule: [A-Za-z0-9._-]{1,249}, and neither "." nor "..". */
static bool topic_name_valid(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789._-");
	return len > 0 && len <= TOPIC_NAME_MAX && name[len] == 0 && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

int pipe_topic(struct pipe *p, const char *name, uint32_t *ret_number, struct err *err)
{
	if (p->ops->topic_names && !topic_name_valid(name))
		return err_set(err, -EINVAL, ERR_PIPE_REFUSED,
			       "\"%s\" is not a name that a Kafka topic can have (1 to %d of "
			       "letters, digits, '.', '_' and '-')",
			       name, TOPIC_NAME_MAX);
	pthread_mutex_lock(&p->topics.lock);
	int rc = topic_names_number(&p->topics, name, ret_number);
	pthread_mutex_unlock(&p->topics.lock);
	return rc < 0 ? err_set(err, rc, ERR_MEMORY, "no memory for topic %s", name) : 0;
}

const char *pipe_topic_name(struct pipe *p, uint32_t number)
{
	pthread_mutex_lock(&p->topics.lock);
	const char *name = number < p->topics.n ? p->topics.names[number] : NULL;
	pthread_mutex_unlock(&p->topics.lock);
	return name;
}
