/*
 * bench_kafka.c - what the Kafka pipe costs: 700-byte messages through a ring, put
 * without a copy, against a plain rd_kafka_producev() loop that copies. Not a test:
 * run by hand against a real broker (and by tests/bench).
 *
 *   pipe_bench BROKERS TOPIC pipe|plain COUNT [PROPERTY=VALUE]…
 *   pipe_bench BROKERS TOPIC latency COUNT [PROPERTY=VALUE]…     one at a time, 5 ms apart
 */
#include "common/os/ring.h"
#include "core/pipe/pipe.h"

#include <errno.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { RING_BYTES = 16 << 20, SERVE_EVERY = 256 };

struct bench {
	struct ring *ring;
	struct pipe *pipe;
	uint32_t topic;
	uint64_t count;
	uint64_t acked;
};

/* A Debezium update of a row of eleven columns, about 700 bytes, the ids differ. */
static unsigned message_make(char *out, size_t size, uint64_t i)
{
	int n = snprintf(
		out, size,
		"{\"before\":null,\"after\":{\"id\":%" PRIu64
		",\"name\":\"item number %" PRIu64
		"\",\"price\":\"%u.%02u\",\"stock\":%u,\"flags\":%u,\"weight\":%u.%u,"
		"\"created\":1700000%06u000,\"updated\":\"2026-01-02T03:%02u:%02uZ\",\"note\":"
		"\"%08x%08x some text that a row may have\",\"category\":\"tools\",\"code\":"
		"\"%08X\"},\"source\":{\"version\":\"0.1.0\",\"connector\":\"mysql\",\"name\":"
		"\"copy_item\",\"ts_ms\":1700000000000,\"snapshot\":\"false\",\"db\":\"shop\","
		"\"sequence\":null,\"ts_us\":1700000000000000,\"ts_ns\":1700000000000000000,"
		"\"table\":\"item\",\"server_id\":1,\"gtid\":\"0-1-%" PRIu64
		"\",\"file\":\"mysql-bin.000003\",\"pos\":%" PRIu64
		",\"row\":%u,\"thread\":7,\"query\":null},\"transaction\":null,\"op\":\"c\","
		"\"ts_ms\":1700000000100,\"ts_us\":1700000000100123,"
		"\"ts_ns\":1700000000100123456}",
		i, i, (unsigned)(i % 1000), (unsigned)(i % 100), (unsigned)(i * 7 % 5000),
		(unsigned)(i % 16), (unsigned)(i % 90), (unsigned)(i % 10), (unsigned)(i % 1000000),
		(unsigned)(i / 60 % 60), (unsigned)(i % 60), (unsigned)(i * 2654435761u),
		(unsigned)(i * 40503u), (unsigned)(i * 97u), i / 1000, 154 + i * 120,
		(unsigned)(i % 20));
	return (unsigned)n;
}

static void *source(void *arg)
{
	struct bench *b = arg;
	char text[64][1024];
	unsigned len[64];
	for (unsigned i = 0; i < 64; i++)
		len[i] = message_make(text[i], sizeof(text[i]), i * 7919);
	for (uint64_t i = 0; i < b->count; i++) {
		char key[32];
		unsigned key_len = (unsigned)snprintf(key, sizeof(key), "{\"id\":%" PRIu64 "}", i);
		size_t n = sizeof(struct record) + key_len + len[i % 64];
		struct record *r = ring_reserve(b->ring, n);
		if (!r)
			break;
		memset(r, 0, sizeof(*r));
		r->topic = b->topic;
		r->key_len = key_len;
		r->value_len = len[i % 64];
		memcpy(r + 1, key, key_len);
		memcpy((uint8_t *)(r + 1) + key_len, text[i % 64], len[i % 64]);
		/* differ a little, as rows do */
		memcpy((uint8_t *)(r + 1) + key_len + 32, key + 6, key_len - 7);
		ring_commit(b->ring, n);
		if (i % 64 == 63)
			ring_publish(b->ring);
	}
	ring_publish(b->ring);
	return NULL;
}

static void ack(void *ctx, struct record *r)
{
	struct bench *b = ctx;
	r->acked = 1;
	b->acked++;
	for (struct record *o; b->ring && (o = ring_oldest(b->ring)) && o->acked;)
		ring_release(b->ring);
}

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "%s: %s (%s)\n", what, err->text, err->kind ? err->kind->code : "?");
	exit(1);
}

static void deliver(struct bench *b)
{
	struct err err;
	unsigned since = 0;
	while (b->acked < b->count) {
		struct record *r = ring_next(b->ring, NULL);
		if (!r) {
			if (pipe_serve(b->pipe, 0, &err) < 0)
				die("serve", &err);
			if (b->acked == b->count || !ring_sleep(b->ring))
				continue;
			struct pollfd fds[2] = {{.fd = ring_fd(b->ring), .events = POLLIN},
						{.fd = pipe_fd(b->pipe), .events = POLLIN}};
			(void)poll(fds, 2, 1000);
			ring_wake(b->ring);
			continue;
		}
		int rc;
		while ((rc = pipe_put(b->pipe, r, &err)) == -EAGAIN)
			if (pipe_serve(b->pipe, 100, &err) < 0)
				die("serve", &err);
		if (rc < 0)
			die("put", &err);
		if (++since == SERVE_EVERY) {
			since = 0;
			if (pipe_serve(b->pipe, 0, &err) < 0)
				die("serve", &err);
		}
	}
}

static int by_value(const void *a, const void *b)
{
	usec_t x = *(const usec_t *)a;
	usec_t y = *(const usec_t *)b;
	return (x > y) - (x < y);
}

static void latency(struct bench *b)
{
	struct err err;
	char text[1024];
	usec_t *took = calloc(b->count, sizeof(*took));
	for (uint64_t i = 0; i < b->count; i++) {
		unsigned len = message_make(text, sizeof(text), i);
		struct record *r = calloc(1, sizeof(*r) + len);
		r->flags = RECORD_NO_KEY;
		r->topic = b->topic;
		r->value_len = len;
		memcpy(r + 1, text, len);
		usec_t start = clock_boot();
		int rc;
		while ((rc = pipe_put(b->pipe, r, &err)) == -EAGAIN)
			if (pipe_serve(b->pipe, 100, &err) < 0)
				die("serve", &err);
		if (rc < 0)
			die("put", &err);
		while (b->acked <= i)
			if (pipe_serve(b->pipe, 1000, &err) < 0)
				die("serve", &err);
		took[i] = clock_boot() - start;
		free(r);
		usleep(5000);
	}
	qsort(took, b->count, sizeof(*took), by_value);
	printf("latency: p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, max %.2f ms\n",
	       (double)took[b->count / 2] / 1000, (double)took[b->count * 9 / 10] / 1000,
	       (double)took[b->count * 99 / 100] / 1000, (double)took[b->count - 1] / 1000);
	free(took);
}

static uint64_t plain_acked;

static void plain_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	(void)rk, (void)opaque;
	plain_acked += m->err == 0;
}

static void plain(const char *brokers, const char *topic, uint64_t count, char **props, int n)
{
	char text[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0);
	rd_kafka_conf_set(conf, "enable.idempotence", "true", NULL, 0);
	rd_kafka_conf_set(conf, "partitioner", "murmur2_random", NULL, 0);
	rd_kafka_conf_set(conf, "queue.buffering.max.messages", "20000", NULL, 0);
	rd_kafka_conf_set(conf, "compression.type", "lz4", NULL, 0);
	for (int i = 0; i < n; i++) {
		char *eq = strchr(props[i], '=');
		*eq = 0;
		rd_kafka_conf_set(conf, props[i], eq + 1, NULL, 0);
	}
	rd_kafka_conf_set_dr_msg_cb(conf, plain_report);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
	char value[64][1024];
	unsigned len[64];
	for (unsigned i = 0; i < 64; i++)
		len[i] = message_make(value[i], sizeof(value[i]), i * 7919);
	for (uint64_t i = 0; i < count; i++) {
		char key[32];
		int key_len = snprintf(key, sizeof(key), "{\"id\":%" PRIu64 "}", i);
		memcpy(value[i % 64] + 32, key + 6, (size_t)key_len - 7);
		while (rd_kafka_produce(rkt, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
					value[i % 64], len[i % 64], key, (size_t)key_len, NULL) < 0)
			rd_kafka_poll(rk, 10);
		if (i % SERVE_EVERY == 0)
			rd_kafka_poll(rk, 0);
	}
	while (plain_acked < count)
		rd_kafka_poll(rk, 100);
	rd_kafka_topic_destroy(rkt);
	rd_kafka_destroy(rk);
}

static double cpu_seconds(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr,
			"usage: pipe_bench BROKERS TOPIC pipe|plain|latency COUNT [P=V]…\n");
		return 2;
	}
	struct bench b = {.count = strtoull(argv[4], NULL, 10)};
	bool through_pipe = strcmp(argv[3], "plain") != 0;
	struct pipe_pair props[32];
	size_t n = 0;
	struct err err;
	if (through_pipe) {
		for (int i = 5; i < argc && n < 32; i++, n++) {
			char *eq = strchr(argv[i], '=');
			*eq = 0;
			props[n] = (struct pipe_pair){argv[i], eq + 1};
		}
		struct pipe_options opt = {.type = strcmp(argv[1], "none") ? PIPE_KAFKA : PIPE_NONE,
					   .brokers = argv[1],
					   .topics = {.create = true},
					   .properties = props,
					   .nproperties = n};
		struct pipe_callbacks cb = {.ctx = &b, .ack = ack};
		if (pipe_open(&opt, &cb, &b.pipe, &err) < 0 ||
		    pipe_topic(b.pipe, argv[2], &b.topic, &err) < 0)
			die("open", &err);
	}
	usec_t start = clock_boot();
	double cpu = cpu_seconds();
	if (strcmp(argv[3], "latency") == 0) {
		latency(&b);
	} else if (through_pipe) {
		pthread_t thread;
		if (ring_new(RING_BYTES, &b.ring) < 0)
			return 1;
		pthread_create(&thread, NULL, source, &b);
		deliver(&b);
		pthread_join(thread, NULL);
	} else {
		plain(argv[1], argv[2], b.count, argv + 5, argc - 5);
	}
	double seconds = (double)(clock_boot() - start) / 1e6;
	cpu = cpu_seconds() - cpu;
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	printf("%s: %.0f msgs/s, %.2f us CPU a message, peak RSS %ld MB\n", argv[3],
	       (double)b.count / seconds, cpu * 1e6 / (double)b.count, u.ru_maxrss / 1024);
	if (b.pipe)
		pipe_close(b.pipe);
	if (b.ring)
		ring_free(b.ring);
	return 0;
}
