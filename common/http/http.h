/*
 * http.h - an HTTP server for the daemons: whole requests in, whole answers out.
 *
 * The only includer of microhttpd.h. Every request is bounded: head (32 KiB, else 431),
 * body (max_body, else 413), time to send it (timeout), time to take the answer. Does not
 * belong here: routes, tokens, JSON (server/http); what /metrics says (common/metrics).
 *
 * Threads. With threads = 0 everything runs on the caller's loop: poll http_fd() for
 * reading, call http_dispatch() when it is readable or its last answer's time has passed;
 * the handler must not wait. With more, one thread inside reads and writes and that many
 * workers run the handler, which may wait; http_fd() is -1 then. A request that finds all
 * workers busy and `queue` others waiting is answered 503 at once.
 *
 * Memory: a request belongs to us and is gone when the handler returns; the answer's
 * buffer is ours from then on.
 */
#ifndef MR_HTTP_HTTP_H
#define MR_HTTP_HTTP_H

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	HTTP_HEAD_MAX = 32 * 1024, /* request line and headers */
	HTTP_HEADERS_MAX = 8,      /* that an answer may add */
	HTTP_VALUE_MAX = 256,
};

struct http;
struct http_request;

/* What the handler fills in; all zero: 200 without a body. */
struct http_answer {
	int status;
	struct buf body;          /* a heap buffer */
	const char *content_type; /* a constant; NULL: application/json */
	size_t nheaders;
	struct {
		const char *name; /* a constant */
		char value[HTTP_VALUE_MAX];
	} headers[HTTP_HEADERS_MAX];
};

typedef void http_handler_fn(void *ctx, const struct http_request *request,
			     struct http_answer *answer);

/*
 * Asked when the head of a request with a body was read, before any of the body is kept:
 * false, and the answer filled in, refuses it. Runs on the thread that reads and writes:
 * it must not wait.
 */
typedef bool http_admit_fn(void *ctx, const struct http_request *request,
			   struct http_answer *answer);

struct http_options {
	const char *listen; /* "127.0.0.1:8230", "[::1]:8230", "localhost:0" */
	unsigned threads;
	unsigned queue;           /* 0: 8 for each thread */
	unsigned max_connections; /* 0: 128; a further one takes the place of one without a request */
	unsigned max_per_address; /* likewise, of one address (IPv6: one /64); 0: no bound */
	size_t max_body;          /* 0: no request may have a body */
	usec_t timeout;           /* 0: 10 s; to send a request, to take an answer, to stay idle */
	const char *tls_cert;     /* PEM files; NULL or "": plain HTTP */
	const char *tls_key;
	http_handler_fn *handler;
	http_admit_fn *admit; /* NULL: bodies are kept for the handler, whoever sends them */
	void *ctx;
};

/* -EADDRINUSE and the like: ERR_HTTP_LISTEN. -ENOTSUP: TLS, and the library has none. */
int http_open(const struct http_options *o, struct http **ret, struct err *err) MR_MUST_CHECK;
/*
 * Takes no new requests; returns when those at hand are answered or `grace` is over
 * (with threads: then still waits for the handlers that run, which see
 * http_closing()). NULL is nothing.
 */
void http_close(struct http *h, usec_t grace);
int http_fd(const struct http *h);
/* threads = 0. When to be called again at the latest, from now; -1: only when readable. */
usec_t http_dispatch(struct http *h);
/* The port, also when `listen` asked for port 0. */
unsigned http_port(const struct http *h);
/* Whether http_close() was called: for handlers that wait. Any thread. */
bool http_closing(const struct http *h);

struct http_counts {
	unsigned connections; /* open now */
	unsigned active;      /* requests in a handler or waiting for one */
	uint64_t refused;     /* 503 because the queue was full, since the start */
};
/* Any thread. */
struct http_counts http_counts(struct http *h);

/* The request. Any string is "" rather than NULL, except where said. */

/* The server that has it. */
struct http *http_of(const struct http_request *r);
const char *http_method(const struct http_request *r);
/* As it was sent, escapes and all, without the query. */
const char *http_path(const struct http_request *r);
/* Behind the '?', as it was sent; "" when there is none. */
const char *http_query(const struct http_request *r);
/* NULL when it is not there. */
const char *http_header(const struct http_request *r, const char *name);
const void *http_body(const struct http_request *r, size_t *ret_len);
/* "127.0.0.1:40112": for the log. */
const char *http_peer(const struct http_request *r);
/* When it had arrived whole, and in an http_admit_fn when its head had (clock_boot). */
usec_t http_arrived(const struct http_request *r);

/* Adds a header to the answer; the value is cut at HTTP_VALUE_MAX - 1 bytes. */
void http_answer_header(struct http_answer *a, const char *name, const char *fmt, ...)
	MR_PRINTF(3, 4);
/* A text of one line. */
void http_answer_text(struct http_answer *a, int status, const char *text);

#endif
