/*
 * pipe_env.h - records on the heap and a pipe whose callbacks are counted, for the tests
 * of the pipes. Each record must be acknowledged at most once; its bytes are freed by
 * env_close, after pipe_close, as the ring's are.
 */
#ifndef MR_TESTS_PIPE_ENV_H
#define MR_TESTS_PIPE_ENV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/contract/errors.h"
#include "core/pipe/pipe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENV_RECORDS = 20000 };

struct env {
	struct pipe *pipe;
	struct err err;
	struct record *records[ENV_RECORDS];
	unsigned n;
	unsigned acked;
	struct record *order[ENV_RECORDS]; /* as acknowledged */
	unsigned away, up;                 /* state changes */
	char reason[256];
};

static inline void env_ack(void *ctx, struct record *r)
{
	struct env *e = ctx;
	assert_int_equal(r->acked, 0);
	r->acked = 1;
	e->order[e->acked++] = r;
}

static inline void env_state(void *ctx, enum pipe_state state, const char *reason)
{
	struct env *e = ctx;
	if (state == PIPE_AWAY) {
		e->away++;
		snprintf(e->reason, sizeof(e->reason), "%s", reason);
	} else {
		e->up++;
	}
}

static inline struct env *env_new(void)
{
	struct env *e = calloc(1, sizeof(*e));
	assert_non_null(e);
	return e;
}

static inline int env_try_open(struct env *e, const struct pipe_options *opt)
{
	struct pipe_callbacks cb = {.ctx = e, .ack = env_ack, .state = env_state};
	return pipe_open(opt, &cb, &e->pipe, &e->err);
}

static inline void env_open(struct env *e, const struct pipe_options *opt)
{
	if (env_try_open(e, opt) < 0)
		fail_msg("pipe_open: %s", e->err.text);
}

static inline void env_close(struct env *e)
{
	pipe_close(e->pipe);
	e->pipe = NULL;
	for (unsigned i = 0; i < e->n; i++) {
		if (e->records[i]->flags & RECORD_OUTSIDE)
			free(e->records[i]->outside);
		free(e->records[i]);
	}
	free(e);
}

static inline uint32_t env_topic(struct env *e, const char *name)
{
	uint32_t number;
	if (pipe_topic(e->pipe, name, &number, &e->err) < 0)
		fail_msg("pipe_topic: %s", e->err.text);
	return number;
}

/* key, value: NULL is null. headers: name, value, …, NULL; or NULL for none. */
static inline struct record *env_record(struct env *e, uint32_t topic, const char *key,
					const char *const *headers, const void *value, size_t len)
{
	uint8_t head[512];
	size_t head_len = 0;
	for (size_t i = 0; headers && headers[i]; i += 2) {
		uint16_t name_len = (uint16_t)strlen(headers[i]);
		uint32_t value_len = (uint32_t)strlen(headers[i + 1]);
		memcpy(head + head_len, &name_len, 2);
		memcpy(head + head_len + 2, headers[i], name_len);
		head_len += 2u + name_len;
		memcpy(head + head_len, &value_len, 4);
		memcpy(head + head_len + 4, headers[i + 1], value_len);
		head_len += 4u + value_len;
	}
	size_t key_len = key ? strlen(key) : 0;
	struct record *r = calloc(1, sizeof(*r) + key_len + head_len + len);
	assert_non_null(r);
	assert_true(e->n < ENV_RECORDS);
	r->kind = RECORD_MESSAGE;
	r->flags = (uint8_t)((key ? 0 : RECORD_NO_KEY) | (value ? 0 : RECORD_TOMBSTONE));
	r->topic = topic;
	r->key_len = (uint32_t)key_len;
	r->headers_len = (uint32_t)head_len;
	r->value_len = (uint32_t)(value ? len : 0);
	uint8_t *p = (uint8_t *)(r + 1);
	if (key)
		memcpy(p, key, key_len);
	memcpy(p + key_len, head, head_len);
	if (value)
		memcpy(p + key_len + head_len, value, len);
	e->records[e->n++] = r;
	return r;
}

static inline struct record *env_text(struct env *e, uint32_t topic, const char *key,
				      const char *value)
{
	return env_record(e, topic, key, NULL, value, value ? strlen(value) : 0);
}

/* Puts r, serving while the pipe is not ready, for at most ten seconds. */
static inline int env_put(struct env *e, struct record *r)
{
	usec_t end = clock_boot() + 10 * USEC_PER_SEC;
	int rc;
	while ((rc = pipe_put(e->pipe, r, &e->err)) == -EAGAIN && clock_boot() < end) {
		rc = pipe_serve(e->pipe, 50, &e->err);
		if (rc < 0)
			return rc;
		rc = -EAGAIN;
	}
	return rc;
}

/* Serves until n are acknowledged, the pipe fails, or ms have passed. */
static inline int env_wait(struct env *e, unsigned n, int ms)
{
	usec_t end = clock_boot() + ms * USEC_PER_MSEC;
	while (e->acked < n) {
		if (clock_boot() >= end)
			return -ETIMEDOUT;
		int rc = pipe_serve(e->pipe, 50, &e->err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

#define assert_kind(e, expected)                                                                   \
	do {                                                                                       \
		if ((e)->err.kind != (expected))                                                   \
			fail_msg("%s, not %s: %s",                                                 \
				 (e)->err.kind ? (e)->err.kind->code : "(none)", (expected)->code, \
				 (e)->err.text);                                                   \
	} while (0)

#define assert_says(e, part)                                                                       \
	do {                                                                                       \
		if (!strstr((e)->err.text, (part)))                                                \
			fail_msg("\"%s\" does not say \"%s\"", (e)->err.text, (part));             \
	} while (0)

#endif
