/*
 * http_test.c - the HTTP server spoken to over real sockets, with workers and on a loop of
 * the caller's: bounds, slow clients, a full queue, a clean end.
 */
#include "common/contract/errors.h"
#include "common/http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
// clang-format off
#include <cmocka.h>
// clang-format on

struct fixture {
	struct http *http;
	atomic_int calls;
	atomic_bool hold; /* handlers wait while it is set */
};

/* Says what arrived: "METHOD path ?query [x-test] body". */
static void handle(void *ctx, const struct http_request *r, struct http_answer *a)
{
	struct fixture *f = ctx;
	size_t len;
	const char *body = http_body(r, &len), *header = http_header(r, "x-test");
	atomic_fetch_add(&f->calls, 1);
	while (atomic_load(&f->hold))
		usleep(1000);
	buf_printf(&a->body, "%s %s ?%s [%s] %.*s", http_method(r), http_path(r), http_query(r),
		   header ? header : "-", (int)len, body);
	a->content_type = "text/plain";
	http_answer_header(a, "X-One", "%s", "1");
	http_answer_header(a, "X-Split", "a\r\nX-Evil: 1");
	if (strcmp(http_path(r), "/teapot") == 0)
		a->status = 418;
}

static void open_server(struct fixture *f, unsigned threads, unsigned queue, usec_t timeout)
{
	struct err err = {0};
	const struct http_options o = {.listen = "127.0.0.1:0",
				       .threads = threads,
				       .queue = queue,
				       .max_body = 1000,
				       .timeout = timeout,
				       .handler = handle,
				       .ctx = f};
	if (http_open(&o, &f->http, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(http_port(f->http) > 0);
}

static int dial(const struct fixture *f)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)http_port(f->http)),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct timeval limit = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* Until the end of the stream, or `want` has arrived; pumps a server without threads. */
static const char *hear(struct fixture *f, int fd, const char *want, bool pump)
{
	static char text[65536];
	size_t n = 0;
	for (int i = 0; i < 5000 && n < sizeof(text) - 1; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (pump)
			(void)http_dispatch(f->http);
		if (poll(&p, 1, pump ? 2 : 5000) == 0)
			continue;
		ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
		text[n] = 0;
		if (want && strstr(text, want))
			break;
	}
	text[n] = 0;
	return text;
}

static const char *ask(struct fixture *f, const char *request, const char *want, bool pump)
{
	int fd = dial(f);
	say(fd, request);
	const char *text = hear(f, fd, want, pump);
	close(fd);
	return text;
}

static void requests(struct fixture *f, bool pump)
{
	const char *text = ask(f, "GET /a%20b/c?x=%31&y HTTP/1.1\r\nHost: h\r\nX-Test: t\r\n\r\n",
			       "[t]", pump);
	assert_non_null(strstr(text, "HTTP/1.1 200"));
	assert_non_null(strstr(text, "GET /a%20b/c ?x=%31&y [t] ")); /* nothing is decoded */
	assert_non_null(strstr(text, "X-One: 1"));
	assert_null(strstr(text, "X-Evil"));
	assert_non_null(strstr(text, "nosniff"));
	text = ask(f, "POST /teapot HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "hello",
		   pump);
	assert_non_null(strstr(text, "HTTP/1.1 418"));
	text = ask(f,
		   "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		   "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
		   "abcde", pump);
	assert_non_null(strstr(text, "POST / ? [-] abcde"));
	/* Two on one connection. */
	text = ask(f, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
		   "GET /2", pump);
	assert_non_null(strstr(text, "GET /1 "));
	/* A body of exactly the bound, and one more. */
	char request[1200];
	for (int n = 1000; n <= 1001; n++) {
		snprintf(request, sizeof(request),
			 "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%0*d", n, n, 7);
		text = ask(f, request, n == 1000 ? "07" : "}}", pump);
		assert_non_null(strstr(text, n == 1000 ? "HTTP/1.1 200" : "HTTP/1.1 413"));
	}
	assert_non_null(strstr(text, "\"code\":\"too_large\""));
	text = ask(f, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n", NULL, pump);
	assert_non_null(strstr(text, "HTTP/1.1 413"));
	int calls = atomic_load(&f->calls);
	assert_null(strstr(ask(f, "nonsense\r\n\r\n", "\r\n\r\n", pump), "HTTP/1.1 200"));
	assert_int_equal(atomic_load(&f->calls), calls);
}

/*
 * Heads that two parsers may read differently: 400, and what follows on the connection is
 * no request.
 */
static void doubtful_heads(struct fixture *f, bool pump)
{
#define HIDDEN "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"
#define HEAD(headers) "GET / HTTP/1.1\r\nHost: h\r\n" headers "\r\n\r\n"
	static const char nul[] = "GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n";
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
#define BAD(text) {text, sizeof(text) - 1}
		BAD(HEAD("Content-Length: 35\r\nTransfer-Encoding: chunked") "0\r\n\r\n" HIDDEN),
		BAD(HEAD("Transfer-Encoding: chunked\r\nContent-Length: 5") "0\r\n\r\n" HIDDEN),
		BAD(HEAD("Content-Length: 0\r\nContent-Length: 35") HIDDEN),
		BAD(HEAD("Content-Length: 0\r\nContent-Length: 0") HIDDEN),
		BAD(HEAD("Content-Length : 35") HIDDEN),
		BAD(HEAD("Content-Length\t: 35") HIDDEN),
		BAD(HEAD("Content-Length: +5") "abcde" HIDDEN),
		BAD(HEAD("Content-Length: 5,5") "abcde" HIDDEN),
		BAD(HEAD("Transfer-Encoding: xchunked") HIDDEN),
		BAD(HEAD("Transfer-Encoding: gzip, chunked") "0\r\n\r\n" HIDDEN),
		BAD(HEAD("Transfer-Encoding : chunked") "0\r\n\r\n" HIDDEN),
		BAD(HEAD("Authorization: Bearer a\r\nAuthorization: Bearer b") HIDDEN),
		BAD("GET / HTTP/1.1\r\n\r\n" HIDDEN),
		BAD("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" HIDDEN),
		BAD("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN),
		BAD("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 35\r\n\r\n" HIDDEN),
		{nul, sizeof(nul) - 1},
#undef BAD
	};
#undef HEAD
#undef HIDDEN
	int calls = atomic_load(&f->calls);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = dial(f);
		assert_true(send(fd, bad[i].text, bad[i].len, MSG_NOSIGNAL) == (ssize_t)bad[i].len);
		const char *text = hear(f, fd, NULL, pump); /* until the connection is closed */
		if (strncmp(text, "HTTP/1.1 400", 12) != 0 || strstr(text, "HTTP/1.1 2"))
			fail_msg("%s: %s", bad[i].text, text);
		close(fd);
	}
	assert_int_equal(atomic_load(&f->calls), calls);
	/* A blank in the target: the library says nothing, and closes. */
	const char *text = ask(f, "GET /a b HTTP/1.1\r\nHost: h\r\n\r\nGET /c HTTP/1.1\r\nHost: h\r\n\r\n",
			       NULL, pump);
	assert_null(strstr(text, "HTTP/1.1 2"));
	text = ask(f, "GET /old HTTP/1.0\r\n\r\n", NULL, pump);
	assert_non_null(strstr(text, "GET /old ?"));
	text = ask(f, "POST /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: Chunked\r\n\r\n0\r\n\r\n",
		   "POST /x", pump);
	assert_non_null(strstr(text, "HTTP/1.1 200"));
}

static void heads_are_read_in_one_way(void **state)
{
	struct fixture f = {0};
	(void)state;
	open_server(&f, 2, 0, 0);
	doubtful_heads(&f, false);
	http_close(f.http, USEC_PER_SEC);
	open_server(&f, 0, 0, 0);
	doubtful_heads(&f, true);
	http_close(f.http, USEC_PER_SEC);
}

static void with_workers(void **state)
{
	struct fixture f = {0};
	(void)state;
	open_server(&f, 3, 0, 0);
	assert_int_equal(http_fd(f.http), -1);
	requests(&f, false);
	http_close(f.http, USEC_PER_SEC);
}

static void on_a_loop(void **state)
{
	struct fixture f = {0};
	(void)state;
	open_server(&f, 0, 0, 0);
	assert_true(http_fd(f.http) >= 0);
	requests(&f, true);
	http_close(f.http, USEC_PER_SEC);
}

static void a_full_queue_is_said_at_once(void **state)
{
	struct fixture f = {.hold = true};
	int fds[5];
	(void)state;
	open_server(&f, 1, 2, 0);
	/* One in the handler, two that wait, one too many. */
	for (int i = 0; i < 4; i++) {
		fds[i] = dial(&f);
		say(fds[i], "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
		while (http_counts(f.http).active + (unsigned)http_counts(f.http).refused <
		       (unsigned)i + 1)
			usleep(1000);
		while (i == 0 && atomic_load(&f.calls) == 0)
			usleep(1000);
	}
	const char *text = hear(&f, fds[3], "}}", false);
	assert_non_null(strstr(text, "HTTP/1.1 503"));
	assert_non_null(strstr(text, "Retry-After: 1"));
	assert_int_equal(http_counts(f.http).refused, 1);
	atomic_store(&f.hold, false);
	for (int i = 0; i < 3; i++)
		assert_non_null(strstr(hear(&f, fds[i], "GET", false), "HTTP/1.1 200"));
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	http_close(f.http, USEC_PER_SEC);
}

static void slow_clients_are_cut_off(struct fixture *f, bool pump)
{
	int slow = dial(f), silent = dial(f);
	usec_t began = clock_boot();
	/* A byte now and then is no silence: only the whole counts. */
	static const char request[] = "GET /slow HTTP/1.1\r\nHost: hhhhhhhhhhhhhhhhhhhhhhhhhhhhhh";
	bool cut = false;
	for (size_t i = 0; i < sizeof(request) - 1 && !cut; i++) {
		struct pollfd p = {.fd = slow, .events = POLLIN};
		(void)!send(slow, request + i, 1, MSG_NOSIGNAL);
		for (int k = 0; k < 10; k++) {
			if (pump)
				(void)http_dispatch(f->http);
			usleep(10000);
		}
		cut = poll(&p, 1, 0) == 1;
	}
	assert_true(cut);
	assert_true(clock_boot() - began < 5 * USEC_PER_SEC);
	assert_string_equal(hear(f, silent, NULL, pump), "");
	close(slow);
	close(silent);
	assert_non_null(strstr(ask(f, "GET /ok HTTP/1.1\r\nHost: h\r\n\r\n", "GET /ok", pump), "200"));
}

static void slow_clients(void **state)
{
	struct fixture f = {0};
	(void)state;
	open_server(&f, 2, 0, USEC_PER_SEC / 2);
	slow_clients_are_cut_off(&f, false);
	http_close(f.http, USEC_PER_SEC);
	open_server(&f, 0, 0, USEC_PER_SEC / 2);
	slow_clients_are_cut_off(&f, true);
	http_close(f.http, USEC_PER_SEC);
}

static void open_crowded(struct fixture *f, unsigned threads, unsigned all, unsigned one)
{
	struct err err = {0};
	const struct http_options o = {.listen = "127.0.0.1:0",
				       .threads = threads,
				       .max_connections = all,
				       .max_per_address = one,
				       .max_body = 1000,
				       .timeout = 10 * USEC_PER_SEC,
				       .handler = handle,
				       .ctx = f};
	if (http_open(&o, &f->http, &err) < 0)
		fail_msg("%s", err.text);
}

enum { CROWD = 300 };

/* CROWD silent connections, every second one behind half a line. */
static void crowd(struct fixture *f, int fds[CROWD], bool pump)
{
	for (int i = 0; i < CROWD; i++) {
		fds[i] = dial(f);
		if (i % 2)
			(void)!send(fds[i], "GET /", 5, MSG_NOSIGNAL);
		if (pump)
			(void)http_dispatch(f->http);
	}
}

/* Nobody is kept out by connections that say nothing, and what is at hand is not touched. */
static void a_crowd_keeps_nobody_out(struct fixture *f, bool pump, unsigned limit)
{
	int fds[CROWD], busy = dial(f);
	atomic_store(&f->hold, !pump);
	if (!pump) {
		say(busy, "GET /busy HTTP/1.1\r\nHost: h\r\n\r\n");
		while (atomic_load(&f->calls) == 0)
			usleep(1000);
	}
	crowd(f, fds, pump);
	usec_t began = clock_boot();
	atomic_store(&f->hold, false);
	if (!pump)
		assert_non_null(strstr(hear(f, busy, "GET /busy", pump), "HTTP/1.1 200"));
	const char *text = ask(f, "GET /ok HTTP/1.1\r\nHost: h\r\n\r\n", "GET /ok", pump);
	assert_non_null(strstr(text, "HTTP/1.1 200"));
	assert_true(clock_boot() - began < USEC_PER_SEC);
	assert_true(http_counts(f->http).connections <= limit + 2);
	close(busy);
	for (int i = 0; i < CROWD; i++)
		close(fds[i]);
}

static void crowds(void **state)
{
	static const unsigned limits[][3] = {{2, 256, 20}, {2, 30, 0}, {0, 256, 20}, {0, 30, 0}};
	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const unsigned *l = limits[i];
		struct fixture f = {0};
		open_crowded(&f, l[0], l[1], l[2]);
		a_crowd_keeps_nobody_out(&f, l[0] == 0, l[2] ? l[2] : l[1]);
		http_close(f.http, USEC_PER_SEC);
	}
}

/* Above three quarters the silent go sooner: within 10 s / HTTP_CROWDED, and a sweep. */
static void silence_is_shorter_in_a_crowd(void **state)
{
	struct fixture f = {0};
	int fds[8];
	(void)state;
	open_crowded(&f, 1, 10, 0);
	for (int i = 0; i < 8; i++)
		fds[i] = dial(&f);
	usec_t began = clock_boot();
	assert_string_equal(hear(&f, fds[0], NULL, false), "");
	assert_true(clock_boot() - began < 5 * USEC_PER_SEC);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	http_close(f.http, USEC_PER_SEC);
}

static bool admit(void *ctx, const struct http_request *r, struct http_answer *a)
{
	size_t len;
	(void)ctx;
	(void)http_body(r, &len);
	assert_int_equal(len, 0);
	if (http_header(r, "x-test"))
		return true;
	http_answer_text(a, 401, "no");
	return false;
}

static void bodies_of_strangers(void **state)
{
	struct fixture f = {0};
	struct err err = {0};
	const struct http_options o = {.listen = "127.0.0.1:0",
				       .threads = 1,
				       .max_body = 1000,
				       .handler = handle,
				       .admit = admit,
				       .ctx = &f};
	(void)state;
	assert_int_equal(http_open(&o, &f.http, &err), 0);
	const char *text = ask(&f, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
			       NULL, false);
	assert_non_null(strstr(text, "HTTP/1.1 401"));
	text = ask(&f, "POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		   NULL, false);
	assert_non_null(strstr(text, "HTTP/1.1 401"));
	text = ask(&f, "POST /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n", NULL, false);
	assert_non_null(strstr(text, "HTTP/1.1 401"));
	assert_int_equal(atomic_load(&f.calls), 0);
	text = ask(&f,
		   "POST /4 HTTP/1.1\r\nHost: h\r\nX-Test: t\r\nContent-Length: 5\r\n\r\nhello",
		   "hello", false);
	assert_non_null(strstr(text, "POST /4 ? [t] hello"));
	/* Without a body nobody is asked. */
	text = ask(&f, "POST /5 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "POST /5", false);
	assert_non_null(strstr(text, "HTTP/1.1 200"));
	http_close(f.http, USEC_PER_SEC);
}

static void *let_go(void *arg)
{
	struct fixture *f = arg;
	while (!http_closing(f->http))
		usleep(1000);
	usleep(100000);
	atomic_store(&f->hold, false);
	return NULL;
}

static void the_end_waits_for_what_is_at_hand(void **state)
{
	struct fixture f = {.hold = true};
	pthread_t thread;
	(void)state;
	open_server(&f, 1, 8, 0);
	int first = dial(&f), second = dial(&f);
	say(first, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
	say(second, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
	while (http_counts(f.http).active < 2)
		usleep(1000);
	assert_int_equal(pthread_create(&thread, NULL, let_go, &f), 0);
	http_close(f.http, 5 * USEC_PER_SEC);
	pthread_join(thread, NULL);
	assert_non_null(strstr(hear(&f, first, NULL, false), "HTTP/1.1 200"));
	assert_non_null(strstr(hear(&f, second, NULL, false), "HTTP/1.1 200"));
	close(first);
	close(second);
}

static void addresses(void **state)
{
	static const char *const bad[] = {"",	      "8230",	  ":8230",	 "127.0.0.1",
					  "::1:8230", "[::1]",	  "localhost:x", "localhost:99999",
					  "host:",    "no.such.host.invalid:1"};
	struct fixture f = {0}, g;
	struct err err = {0};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct http_options o = {.listen = bad[i], .handler = handle};
		assert_true(http_open(&o, &g.http, &err) < 0);
		assert_ptr_equal(err.kind, ERR_HTTP_LISTEN);
	}
	open_server(&f, 0, 0, 0);
	char taken[64];
	snprintf(taken, sizeof(taken), "127.0.0.1:%u", http_port(f.http));
	const struct http_options o = {.listen = taken, .handler = handle};
	assert_int_equal(http_open(&o, &g.http, &err), -EADDRINUSE);
	http_close(f.http, 0);
	http_close(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_workers),
		cmocka_unit_test(on_a_loop),
		cmocka_unit_test(heads_are_read_in_one_way),
		cmocka_unit_test(a_full_queue_is_said_at_once),
		cmocka_unit_test(slow_clients),
		cmocka_unit_test(crowds),
		cmocka_unit_test(silence_is_shorter_in_a_crowd),
		cmocka_unit_test(bodies_of_strangers),
		cmocka_unit_test(the_end_waits_for_what_is_at_hand),
		cmocka_unit_test(addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
