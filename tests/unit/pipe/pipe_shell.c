/*
 * pipe_shell.c - drives a pipe from standard input, for tests against real brokers that
 * start, stop and reconfigure them at the same time. Prints one line an answer.
 *
 *   pipe_shell OPTION=VALUE…
 *     type=kafka|file|stdout|none brokers= path= create=1 partitions= rf= config:NAME=
 *     prop:NAME= tls=required|verify_ca|verify_identity ca=FILE cert=FILE key=FILE
 *     mechanism= user= password= max=BYTES batch=BYTES client=
 *
 *   put TOPIC COUNT SIZE [KEYS]   puts COUNT messages of SIZE bytes, over KEYS keys (7);
 *                                 values begin with a number that rises from 0
 *   wait MS                       serves until everything is acknowledged, or MS passed
 *   stats                         counters
 *   reopen                        closes and opens again, with what the pipe learned
 * Answers: "ok …", "timeout …", "error CODE: text"; "state UP|AWAY reason" on a change.
 */
#include "core/pipe/pipe.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS_MAX = 32 };

/* A record and its place in the list of those not acknowledged. */
struct node {
	struct node *next, **link;
	struct record r; /* key and value follow */
};

struct shell {
	struct pipe_options opt;
	struct pipe_pair config[PAIRS_MAX];
	struct pipe_pair properties[PAIRS_MAX];
	struct pipe *pipe;
	struct node *unacked;
	uint64_t next;
	uint64_t put;
	uint64_t acked;
};

static void drop(struct node *n)
{
	*n->link = n->next;
	if (n->next)
		n->next->link = n->link;
	free(n);
}

static void on_ack(void *ctx, struct record *r)
{
	struct shell *s = ctx;
	s->acked++;
	drop((struct node *)((char *)r - offsetof(struct node, r)));
}

static void close_pipe(struct shell *s)
{
	pipe_close(s->pipe);
	while (s->unacked)
		drop(s->unacked);
}

static void on_state(void *ctx, enum pipe_state state, const char *reason)
{
	(void)ctx;
	printf("state %s %s\n", state == PIPE_UP ? "UP" : "AWAY", reason);
	fflush(stdout);
}

static char *read_all(const char *path)
{
	FILE *f = fopen(path, "r");
	static char text[1 << 16];
	if (!f) {
		perror(path);
		exit(2);
	}
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	fclose(f);
	char *copy = strdup(text);
	if (!copy)
		exit(2);
	return copy;
}

static enum pipe_tls tls_mode(const char *v)
{
	if (strcmp(v, "required") == 0)
		return PIPE_TLS_REQUIRED;
	return strcmp(v, "verify_ca") == 0 ? PIPE_TLS_VERIFY_CA : PIPE_TLS_VERIFY_IDENTITY;
}

static enum pipe_type pipe_type(const char *v)
{
	if (strcmp(v, "file") == 0)
		return PIPE_FILE;
	if (strcmp(v, "stdout") == 0)
		return PIPE_STDOUT;
	return strcmp(v, "none") == 0 ? PIPE_NONE : PIPE_KAFKA;
}

static void option(struct shell *s, char *arg)
{
	char *v = strchr(arg, '=');
	struct pipe_options *o = &s->opt;
	if (!v) {
		fprintf(stderr, "%s has no value\n", arg);
		exit(2);
	}
	*v++ = 0;
	if (strcmp(arg, "type") == 0)
		o->type = pipe_type(v);
	else if (strcmp(arg, "brokers") == 0)
		o->brokers = v;
	else if (strcmp(arg, "path") == 0)
		o->path = v;
	else if (strcmp(arg, "create") == 0)
		o->topics.create = *v == '1';
	else if (strcmp(arg, "partitions") == 0)
		o->topics.partitions = atoi(v);
	else if (strcmp(arg, "rf") == 0)
		o->topics.replication_factor = (int16_t)atoi(v);
	else if (strncmp(arg, "config:", 7) == 0)
		s->config[o->topics.nconfig++] = (struct pipe_pair){arg + 7, v};
	else if (strncmp(arg, "prop:", 5) == 0)
		s->properties[o->nproperties++] = (struct pipe_pair){arg + 5, v};
	else if (strcmp(arg, "tls") == 0)
		o->tls.mode = tls_mode(v);
	else if (strcmp(arg, "ca") == 0)
		o->tls.ca = read_all(v);
	else if (strcmp(arg, "cert") == 0)
		o->tls.cert = read_all(v);
	else if (strcmp(arg, "key") == 0)
		o->tls.key = read_all(v);
	else if (strcmp(arg, "mechanism") == 0)
		o->sasl.mechanism = v;
	else if (strcmp(arg, "user") == 0)
		o->sasl.user = v;
	else if (strcmp(arg, "password") == 0)
		o->sasl.password = v;
	else if (strcmp(arg, "max") == 0)
		o->max_message_bytes = strtoull(v, NULL, 10);
	else if (strcmp(arg, "batch") == 0)
		o->batch_bytes = strtoull(v, NULL, 10);
	else if (strcmp(arg, "client") == 0)
		o->client_id = v;
	else {
		fprintf(stderr, "unknown option %s\n", arg);
		exit(2);
	}
}

static void answer_error(const struct err *err)
{
	printf("error %s: %s\n", err->kind ? err->kind->code : "?", err->text);
}

static bool open_pipe(struct shell *s)
{
	struct err err;
	struct pipe_callbacks cb = {.ctx = s, .ack = on_ack, .state = on_state};
	s->opt.topics.config = s->config;
	s->opt.properties = s->properties;
	s->put = s->acked = 0;
	if (pipe_open(&s->opt, &cb, &s->pipe, &err) < 0) {
		answer_error(&err);
		return false;
	}
	printf("ok open\n");
	return true;
}

static struct record *make(struct shell *s, uint32_t topic, size_t size, unsigned keys)
{
	char key[32];
	char number[32];
	size_t key_len = (size_t)snprintf(key, sizeof(key), "{\"id\":%" PRIu64 "}", s->next % keys);
	size_t len = (size_t)snprintf(number, sizeof(number), "%" PRIu64 " ", s->next);
	size = size < len ? len : size;
	struct node *n = calloc(1, sizeof(*n) + key_len + size);
	if (!n)
		exit(2);
	struct record *r = &n->r;
	n->next = s->unacked;
	n->link = &s->unacked;
	if (n->next)
		n->next->link = &n->next;
	s->unacked = n;
	r->topic = topic;
	r->key_len = (uint32_t)key_len;
	r->value_len = (uint32_t)size;
	uint8_t *p = (uint8_t *)(r + 1);
	memcpy(p, key, key_len);
	uint64_t x = s->next * 0x9e3779b97f4a7c15u + 1;
	for (size_t i = 0; i < size; i++) { /* does not compress: xorshift, as letters */
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[key_len + i] = (uint8_t)('0' + (x >> 32 & 63));
	}
	memcpy(p + key_len, number, len);
	s->next++;
	return r;
}

static void put(struct shell *s, const char *name, unsigned count, size_t size, unsigned keys)
{
	struct err err;
	uint32_t topic;
	if (pipe_topic(s->pipe, name, &topic, &err) < 0) {
		answer_error(&err);
		return;
	}
	usec_t end = clock_boot() + 60 * USEC_PER_SEC;
	for (unsigned i = 0; i < count; i++) {
		struct record *r = make(s, topic, size, keys);
		int rc;
		while ((rc = pipe_put(s->pipe, r, &err)) == -EAGAIN) {
			rc = pipe_serve(s->pipe, 100, &err);
			if (rc < 0)
				break;
			if (clock_boot() > end) {
				printf("timeout put %u\n", i);
				return;
			}
		}
		if (rc < 0) {
			answer_error(&err);
			return;
		}
		s->put++;
	}
	printf("ok put %u\n", count);
}

static void wait_acked(struct shell *s, int ms)
{
	struct err err;
	usec_t start = clock_boot();
	usec_t end = start + ms * USEC_PER_MSEC;
	while (s->acked < s->put && clock_boot() < end)
		if (pipe_serve(s->pipe, 100, &err) < 0) {
			answer_error(&err);
			return;
		}
	printf("%s acked %" PRIu64 " of %" PRIu64 " in %" PRId64 " ms\n",
	       s->acked < s->put ? "timeout" : "ok", s->acked, s->put,
	       (clock_boot() - start) / USEC_PER_MSEC);
}

int main(int argc, char **argv)
{
	static struct shell s = {.opt = {.type = PIPE_KAFKA}};
	char line[512];
	char name[256];
	unsigned count;
	unsigned keys;
	size_t size;
	int ms;
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < argc; i++)
		option(&s, argv[i]);
	bool open = open_pipe(&s);
	fflush(stdout);
	while (open && fgets(line, sizeof(line), stdin)) {
		keys = 7;
		struct pipe_stats st;
		if (sscanf(line, "put %255s %u %zu %u", name, &count, &size, &keys) >= 3) {
			put(&s, name, count, size, keys);
		} else if (sscanf(line, "wait %d", &ms) == 1) {
			wait_acked(&s, ms);
		} else if (strncmp(line, "stats", 5) == 0) {
			pipe_stats(s.pipe, &st);
			printf("ok produced %" PRIu64 " acked %" PRIu64 " errors %" PRIu64
			       " away %" PRIu64 " topics %" PRIu64 " batch %zu\n",
			       st.produced, st.acked, st.errors, st.away, st.topics,
			       st.batch_bytes);
		} else if (strncmp(line, "reopen", 6) == 0) {
			pipe_stats(s.pipe, &st);
			close_pipe(&s);
			s.opt.batch_bytes = st.batch_bytes;
			open = open_pipe(&s);
		} else {
			printf("error shell: %s", line);
		}
		fflush(stdout);
	}
	if (open)
		close_pipe(&s);
	printf("ok closed\n");
	return 0;
}
