/* sender_test.c - queues, bounds, retries and results, against a receiver in this process. */
#include "monitor/notify/sender.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A receiver: answers each request with the next of `answers`, then with the last. */
struct receiver {
	int fd;
	unsigned port;
	pthread_t thread;
	const char *const *answers;
	_Atomic(int) requests;
	char keys[64][64]; /* X-MR-Key of each */
	char bodies[64][64];
};

static void answer_one(struct receiver *r, int fd, int number)
{
	char request[4096];
	size_t n = 0;
	const char *body = NULL;
	while (n < sizeof(request) - 1) {
		ssize_t got = read(fd, request + n, sizeof(request) - 1 - n);
		if (got <= 0)
			return;
		n += (size_t)got;
		request[n] = 0;
		body = strstr(request, "\r\n\r\n");
		const char *length = strcasestr(request, "Content-Length: ");
		if (body && length && strlen(body + 4) >= (size_t)atoi(length + 16))
			break;
	}
	const char *key = strcasestr(request, "X-MR-Key: ");
	if (number < 64 && key && body) {
		snprintf(r->keys[number], 64, "%.*s", (int)strcspn(key + 10, "\r\n"), key + 10);
		snprintf(r->bodies[number], 64, "%.60s", body + 4);
	}
	int at = 0;
	while (at < number && r->answers[at + 1])
		at++;
	dprintf(fd, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		r->answers[at]);
}

static void *receive(void *arg)
{
	struct receiver *r = arg;
	for (;;) {
		int fd = accept(r->fd, NULL, NULL);
		if (fd < 0)
			return NULL;
		answer_one(r, fd, atomic_load(&r->requests));
		atomic_fetch_add(&r->requests, 1);
		close(fd);
	}
}

static void receiver_open(struct receiver *r, const char *const *answers)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	memset(r, 0, sizeof(*r));
	r->answers = answers;
	r->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(r->fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(r->fd, 16), 0);
	assert_int_equal(getsockname(r->fd, (struct sockaddr *)&a, &len), 0);
	r->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&r->thread, NULL, receive, r), 0);
}

static void receiver_close(struct receiver *r)
{
	shutdown(r->fd, SHUT_RDWR);
	pthread_join(r->thread, NULL);
	close(r->fd);
}

struct results {
	size_t n;
	struct sender_result v[32];
};

static void on_result(void *ctx, const struct sender_result *result)
{
	struct results *r = ctx;
	if (r->n < 32)
		r->v[r->n++] = *result;
}

static struct sender *open_one(const char *url, usec_t retry_for, struct results *results)
{
	const struct sender_channel channel = {
	    .name = "c", .url = url, .timeout = 2 * USEC_PER_SEC, .retry_for = retry_for};
	struct sender *s;
	struct err err = {0};
	memset(results, 0, sizeof(*results));
	assert_int_equal(sender_open(&channel, 1, on_result, results, &s, &err), 0);
	return s;
}

static void wait_results(struct sender *s, struct results *r, size_t n)
{
	for (int i = 0; i < 1000 && r->n < n; i++) {
		struct pollfd fd = {.fd = sender_fd(s), .events = POLLIN};
		poll(&fd, 1, 20);
		sender_dispatch(s);
	}
	assert_int_equal(r->n, n);
}

static uint64_t submit(struct sender *s, const char *key, bool once)
{
	const struct sender_notification n = {
	    .channel = 0, .key = key, .event = key, .body = "{}", .len = 2, .once = once};
	return sender_submit(s, &n);
}

static const char *url_of(const struct receiver *r, char out[64])
{
	snprintf(out, 64, "http://127.0.0.1:%u/x", r->port);
	return out;
}

static void taken_after_failures(void **state)
{
	(void)state;
	static const char *const answers[] = {"503 Busy", "200 OK", NULL};
	struct receiver r;
	struct results results;
	char url[64];
	receiver_open(&r, answers);
	struct sender *s = open_one(url_of(&r, url), 3600 * USEC_PER_SEC, &results);
	uint64_t id = submit(s, "lag:a\r\nX-Evil: 1", false);
	assert_true(id != 0);
	wait_results(s, &results, 1);
	assert_int_equal(results.v[0].id, id);
	assert_true(results.v[0].taken);
	struct sender_counts counts = sender_counts(s, 0);
	assert_int_equal(counts.taken, 1);
	assert_int_equal(counts.tries_failed, 1);
	assert_int_equal(counts.queued, 0);
	assert_false(counts.failing);
	sender_close(s, 0);
	receiver_close(&r);
	/* No header comes out of a key. */
	assert_string_equal(r.keys[1], "lag:a__X-Evil: 1");
	assert_string_equal(r.bodies[1], "{}");
}

/* What is refused by itself does not hold up the others. */
static void one_that_is_refused_stands_back(void **state)
{
	(void)state;
	static const char *const answers[] = {"400 Bad", "200 OK", NULL};
	struct receiver r;
	struct results results;
	char url[64];
	receiver_open(&r, answers);
	struct sender *s = open_one(url_of(&r, url), 3600 * USEC_PER_SEC, &results);
	uint64_t first = submit(s, "a", false);
	for (int i = 0; i < 200 && sender_counts(s, 0).tries_failed == 0; i++)
		usleep(10000);
	uint64_t second = submit(s, "b", false);
	wait_results(s, &results, 2);
	assert_int_equal(results.v[0].id, second);
	assert_int_equal(results.v[1].id, first);
	assert_true(results.v[1].taken);
	sender_close(s, 0);
	receiver_close(&r);
}

static void given_up(void **state)
{
	(void)state;
	static const char *const answers[] = {"302 Found", NULL};
	struct receiver r;
	struct results results;
	char url[64];
	receiver_open(&r, answers);
	struct sender *s = open_one(url_of(&r, url), 0, &results);
	submit(s, "a", false);
	submit(s, "b", true);
	wait_results(s, &results, 2);
	assert_false(results.v[0].taken);
	assert_string_equal(results.v[0].reason, "HTTP 302");
	assert_int_equal(sender_counts(s, 0).given_up, 1); /* the other was for one try */
	sender_close(s, 0);
	receiver_close(&r);
	assert_int_equal(atomic_load(&r.requests), 2);
}

static bool may(void *ctx)
{
	return atomic_load((atomic_bool *)ctx);
}

/* It waits for as long, and others pass it; what was there before is not given more time. */
static void what_may_not_be_sent_waits(void **state)
{
	(void)state;
	static const char *const answers[] = {"200 OK", "503 Busy", NULL};
	struct receiver r;
	struct results results;
	char url[64];
	atomic_bool allowed = false;
	receiver_open(&r, answers);
	struct sender *s = open_one(url_of(&r, url), 60 * USEC_PER_SEC, &results);
	const struct sender_notification n = {.key = "a",
					      .event = "a",
					      .body = "{}",
					      .len = 2,
					      .since = clock_boot() - 61 * USEC_PER_SEC,
					      .may = may,
					      .ctx = &allowed};
	uint64_t first = sender_submit(s, &n), second = submit(s, "b", false);
	wait_results(s, &results, 1);
	assert_int_equal(results.v[0].id, second);
	usleep(500000);
	assert_int_equal(atomic_load(&r.requests), 1);
	atomic_store(&allowed, true);
	wait_results(s, &results, 2);
	assert_int_equal(results.v[1].id, first);
	assert_false(results.v[1].taken);
	assert_int_equal(sender_counts(s, 0).given_up, 1);
	sender_close(s, 0);
	receiver_close(&r);
}

static void bounds_and_cancelling(void **state)
{
	(void)state;
	struct results results;
	/* Nobody listens at port 1. */
	struct sender *s =
	    open_one("http://user:CANARY@127.0.0.1:1/CANARY", 3600 * USEC_PER_SEC, &results);
	uint64_t ids[SENDER_QUEUE_MAX + 8];
	size_t n = 0;
	assert_true(submit(s, "a", true) != 0);
	wait_results(s, &results, 1);
	assert_false(results.v[0].taken);
	assert_null(strstr(results.v[0].reason, "CANARY"));
	assert_true(sender_counts(s, 0).failing);
	for (size_t i = 0; i < SENDER_QUEUE_MAX + 8; i++) {
		ids[n] = submit(s, "a", false);
		n += ids[n] != 0;
	}
	assert_in_range(n, SENDER_QUEUE_MAX - 1, SENDER_QUEUE_MAX + 2);
	assert_false(sender_has_room(s, 0));
	assert_true(sender_cancel(s, ids[n - 1]));
	assert_false(sender_cancel(s, ids[n - 1]));
	assert_true(sender_cancel(s, ids[n / 2]));
	assert_true(sender_has_room(s, 0));
	assert_true(submit(s, "b", false) != 0);
	sender_close(s, 0);
	sender_close(NULL, 0);
}

static void backoff(void **state)
{
	(void)state;
	static const int seconds[] = {0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
	for (unsigned i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		assert_int_equal(sender_backoff(i), seconds[i] * USEC_PER_SEC);
	assert_int_equal(sender_backoff(100000), 300 * USEC_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(taken_after_failures),
	    cmocka_unit_test(one_that_is_refused_stands_back),
	    cmocka_unit_test(given_up),
	    cmocka_unit_test(what_may_not_be_sent_waits),
	    cmocka_unit_test(bounds_and_cancelling),
	    cmocka_unit_test(backoff),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
