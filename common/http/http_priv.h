/*
 * http_priv.h - what the files of common/http share.
 *
 * h->lock guards the queue, the lists and the counts. It is never held while a handler or
 * a function of the library runs, except the ones that only shut a socket down.
 */
#ifndef MR_HTTP_HTTP_PRIV_H
#define MR_HTTP_HTTP_PRIV_H

#include "common/http/http.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
	HTTP_THREADS_MAX = 256,
	HTTP_PEER_MAX = 64,
	HTTP_SPARE = 16, /* connections over the bound, while the ones they displace are closed */
};

#define HTTP_IDLE (60 * USEC_PER_SEC) /* between requests, while there is room for others */
#define HTTP_CROWDED 5 /* by this the time to begin a request is divided when there is little */

/* What a connection is at, and since when: each has its own limit (http_worker.c). */
enum http_phase { HTTP_IDLING, HTTP_READING, HTTP_HANDLED, HTTP_ANSWERING };

/* One connection; lives from the library's STARTED to its CLOSED. */
struct http_connection {
	struct http_connection *next, *prev;
	int fd;
	enum http_phase phase;
	bool fresh; /* no request has begun on it yet */
	usec_t since;
	bool admitted;        /* the body of its request is being kept */
	bool displaced;       /* shut down for another's sake */
	uint8_t address[16];  /* IPv4: as IPv6; IPv6: the first 64 bits */
	char peer[HTTP_PEER_MAX];
};

enum http_step {
	HTTP_BEGUN,   /* its first line was read */
	HTTP_BODY,    /* its head was read */
	HTTP_REFUSED, /* the answer is set already; the rest of the body is thrown away */
	HTTP_WAITING, /* in the queue or in the handler */
	HTTP_READY,   /* answered by the handler */
	HTTP_SENT,    /* in the library's hands */
};

struct http_request {
	struct http *http;
	struct MHD_Connection *mhd;
	struct http_connection *connection;
	struct http_request *next; /* in the queue */
	/* What a worker wrote before READY is seen by the library's thread after it. */
	_Atomic enum http_step step;
	char *path;  /* the request target up to the '?' */
	char *query; /* in the same memory */
	const char *target_end; /* in the library's buffer; only to be compared */
	const char *method;
	struct buf body;
	size_t received; /* of the body, kept or not */
	usec_t arrived;
	struct http_answer answer;
};

struct http {
	struct http_options o;
	struct MHD_Daemon *mhd;
	int listen_fd; /* ours until the library has it */
	unsigned port;
	char *cert, *key;
	atomic_bool closing;

	pthread_mutex_t lock;
	pthread_cond_t work;  /* the queue is not empty, or workers shall end */
	pthread_cond_t quiet; /* `active` fell */
	pthread_cond_t tick;  /* ends the keeper's sleep */
	bool ending;
	struct http_request *head, *tail;
	unsigned queued;
	unsigned active;
	uint64_t refused;
	struct http_connection *connections;
	unsigned nconnections;
	usec_t swept;
	pthread_t workers[HTTP_THREADS_MAX];
	unsigned nworkers;
	pthread_t keeper;
	bool has_keeper;
};

/* Opens h->listen_fd and sets h->port. */
int http_listen(struct http *h, struct err *err) MR_MUST_CHECK;

/* http_worker.c: */

/* Workers and the keeper; none when threads is 0. */
int http_workers_start(struct http *h, struct err *err) MR_MUST_CHECK;
/* What waits in the queue is answered 503; waits for what is in a handler. */
void http_workers_end(struct http *h);
/*
 * The library's thread: hands the request to a worker, who may have answered it when this
 * returns; or sets the answer 503 and returns false.
 */
bool http_workers_take(struct http_request *r);
/* Shuts down the connections that take too long; at most twice a second. */
void http_sweep(struct http *h);
void http_phase_set(struct http_request *r, enum http_phase phase);

/* http_connection.c: */

/* An MHD_NotifyConnectionCallback; ctx is the struct http. */
void http_on_connection(void *ctx, struct MHD_Connection *mhd, void **slot,
			enum MHD_ConnectionNotificationCode code);

/* http_head.c: */

/* Whether where the request ends is beyond doubt, and whether a body follows. */
bool http_head_valid(const struct http_request *r, const char *version, bool *ret_has_body);

/* http_answer.c: */

/* {"error":{…}} with the kind's meaning and remedy. */
void http_answer_kind(struct http_answer *a, int status, const struct err_kind *kind);
/* Hands the answer to the library. The answer is empty afterwards. */
enum MHD_Result http_send(struct http_request *r);
void http_answer_clear(struct http_answer *a);

#endif
