/*
 * kafka_baseline.c - what librdkafka's own producer needs for messages that are in memory.
 *
 *   kafka_baseline BROKERS TOPIC FILE transactional|idempotent ROWS [PROPERTY=VALUE]…
 *
 * The other half of tests/bench/kafka.py. FILE is what mr-core's pipe `file` wrote with
 * --with-keys; it is mapped, taken apart and touched before the clock starts. A plain loop of
 * rd_kafka_produce(): no copy, reports counted, a commit behind every ROWS messages. The
 * settings are the Kafka pipe's own, made by the same code. Only the queue is bounded
 * here, as in front of the pipe the ring is: by QUEUE_KB unless a PROPERTY says otherwise.
 * Prints one JSON object. Not a test, and no model for a pipe: nothing here survives an
 * error.
 */
#include "common/base/clock.h"
#include "core/pipe/kafka_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SERVE_EVERY = 512, INIT_MS = 30000, COMMIT_MS = 60000, METADATA_MS = 10000 };

#define QUEUE_KB "16384"

struct message {
	const char *key; /* NULL: none */
	const char *headers;
	const char *value;
	uint32_t key_len;
	uint32_t headers_len; /* of the JSON object; 2: there are none */
	uint32_t value_len;
};

static uint64_t acked;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "kafka_baseline: %s: %s\n", what, why);
	exit(1);
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	(void)rk, (void)opaque;
	if (m->err)
		die("a message", rd_kafka_err2str(m->err));
	acked++;
}

/* ---------------------------------------------------------------- the messages */

static const char *map_file(const char *path, size_t *ret_size)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		die(path, "cannot be read");
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		die(path, "cannot be mapped");
	*ret_size = (size_t)st.st_size;
	return p;
}

/* KEY\tHEADERS\tVALUE\n, see core/pipe/lines.c; keys and headers that are no plain text
 * are not for this bench. */
static struct message *take_apart(const char *text, size_t size, size_t *ret_n)
{
	size_t n = 0, cap = 1 << 20;
	struct message *list = malloc(cap * sizeof(*list));
	for (const char *p = text, *end = text + size; p < end; n++) {
		const char *line_end = memchr(p, '\n', (size_t)(end - p));
		const char *tab = line_end ? memchr(p, '\t', (size_t)(line_end - p)) : NULL;
		const char *tab2 = tab ? memchr(tab + 1, '\t', (size_t)(line_end - tab - 1)) : NULL;
		if (!tab2 || *p == '"')
			die("a line", "not of the form expected");
		if (n == cap)
			list = realloc(list, (cap *= 2) * sizeof(*list));
		list[n] = (struct message){.key = *p == '{' ? p : NULL,
					   .key_len = *p == '{' ? (uint32_t)(tab - p) : 0,
					   .headers = tab + 1,
					   .headers_len = (uint32_t)(tab2 - tab - 1),
					   .value = tab2 + 1,
					   .value_len = (uint32_t)(line_end - tab2 - 1)};
		p = line_end + 1;
	}
	*ret_n = n;
	return list;
}

/* {"NAME":VALUE,…} with values that are objects or strings without escapes, flat enough to
 * be told apart by their brackets. */
static rd_kafka_headers_t *headers_of(const struct message *m)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
	const char *p = m->headers + 1, *end = m->headers + m->headers_len - 1;
	while (p < end) {
		const char *name = p + 1, *quote = memchr(name, '"', (size_t)(end - name));
		const char *value = quote + 2;
		int depth = 0;
		bool text = false;
		for (p = value; p < end && (depth > 0 || text || *p != ','); p++) {
			if (*p == '\\')
				die("a header", "has an escape");
			text ^= *p == '"';
			depth += text ? 0 : (*p == '{') - (*p == '}');
		}
		bool quoted = *value == '"';
		rd_kafka_header_add(headers, name, quote - name, value + quoted,
				    p - value - 2 * quoted);
		p++;
	}
	return headers;
}

/* ---------------------------------------------------------------- the producer */

static rd_kafka_t *make_producer(int argc, char **argv, bool transactional)
{
	struct err err = {0};
	char text[512];
	struct pipe_options opt = {.type = PIPE_KAFKA, .brokers = argv[1]};
	rd_kafka_conf_t *conf;
	if (kafka_conf_make(&opt, &conf, &err) < 0 ||
	    (transactional && kafka_conf_transactional(conf, argv[2], &err) < 0))
		die("the settings", err.text);
	(void)rd_kafka_conf_set(conf, "queue.buffering.max.kbytes", QUEUE_KB, NULL, 0);
	(void)rd_kafka_conf_set(conf, "log.queue", "false", NULL, 0);
	for (int i = 6; i < argc; i++) {
		char *eq = strchr(argv[i], '=');
		if (!eq)
			die(argv[i], "not PROPERTY=VALUE");
		*eq = 0;
		if (rd_kafka_conf_set(conf, argv[i], eq + 1, text, sizeof(text)))
			die(argv[i], text);
	}
	rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!rk)
		die("the producer", text);
	if (transactional) {
		rd_kafka_error_t *error = rd_kafka_init_transactions(rk, INIT_MS);
		if (error)
			die("init_transactions", rd_kafka_error_string(error));
	}
	return rk;
}

static void produce(rd_kafka_t *rk, rd_kafka_topic_t *rkt, const struct message *m)
{
	for (;;) {
		rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
		if (m->headers_len > 2)
			code = rd_kafka_producev(
				rk, RD_KAFKA_V_RKT(rkt), RD_KAFKA_V_KEY(m->key, m->key_len),
				RD_KAFKA_V_VALUE((void *)(uintptr_t)m->value, m->value_len),
				RD_KAFKA_V_HEADERS(headers_of(m)), RD_KAFKA_V_END);
		else if (rd_kafka_produce(rkt, RD_KAFKA_PARTITION_UA, 0,
					  (void *)(uintptr_t)m->value, m->value_len, m->key,
					  m->key_len, NULL) < 0)
			code = rd_kafka_last_error();
		if (!code)
			return;
		if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			die("produce", rd_kafka_err2str(code));
		rd_kafka_poll(rk, 10);
	}
}

static void transact(rd_kafka_error_t *error, const char *what)
{
	if (error)
		die(what, rd_kafka_error_string(error));
}

/* Returns how many transactions that were. */
static uint64_t run(rd_kafka_t *rk, rd_kafka_topic_t *rkt, const struct message *list, size_t n,
		    size_t every)
{
	uint64_t commits = 0;
	for (size_t i = 0; i < n; i++) {
		if (every && i % every == 0)
			transact(rd_kafka_begin_transaction(rk), "begin");
		produce(rk, rkt, &list[i]);
		if (i % SERVE_EVERY == 0)
			rd_kafka_poll(rk, 0);
		if (every && (i % every == every - 1 || i == n - 1)) {
			transact(rd_kafka_commit_transaction(rk, COMMIT_MS), "commit");
			commits++;
		}
	}
	while (acked < n)
		rd_kafka_poll(rk, 100);
	return commits;
}

static double cpu_seconds(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Peak of resident bytes: from now on if `fresh`. */
static size_t peak(bool fresh)
{
	char text[128];
	size_t kb = 0;
	FILE *f = fresh ? fopen("/proc/self/clear_refs", "w") : NULL;
	if (f) {
		fputs("5", f);
		fclose(f);
	}
	f = fopen("/proc/self/status", "r");
	while (f && fgets(text, sizeof(text), f))
		if (sscanf(text, "VmHWM: %zu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb * 1024;
}

int main(int argc, char **argv)
{
	if (argc < 6)
		die("usage", "BROKERS TOPIC FILE transactional|idempotent ROWS [P=V]…");
	bool transactional = strcmp(argv[4], "transactional") == 0;
	size_t size, n;
	const char *text = map_file(argv[3], &size);
	struct message *list = take_apart(text, size, &n);
	uint64_t bytes = 0;
	for (size_t i = 0; i < n; i++)
		bytes += list[i].key_len + list[i].value_len;
	size_t before = peak(true);

	rd_kafka_t *rk = make_producer(argc, argv, transactional);
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, argv[2], NULL);
	const struct rd_kafka_metadata *md;
	if (rd_kafka_metadata(rk, 0, rkt, &md, METADATA_MS))
		die(argv[2], "no metadata");
	rd_kafka_metadata_destroy(md);

	double cpu = cpu_seconds();
	usec_t start = clock_boot();
	uint64_t commits = run(rk, rkt, list, n, transactional ? strtoull(argv[5], NULL, 10) : 0);
	double seconds = (double)(clock_boot() - start) / 1e6;
	printf("{\"rows\": %zu, \"bytes\": %llu, \"seconds\": %.6f, \"cpu_seconds\": %.6f, "
	       "\"commits\": %llu, \"peak_rss_bytes\": %zu}\n",
	       n, (unsigned long long)bytes, seconds, cpu_seconds() - cpu,
	       (unsigned long long)commits, peak(false) - before);
	rd_kafka_topic_destroy(rkt);
	rd_kafka_destroy(rk);
	return 0;
}
