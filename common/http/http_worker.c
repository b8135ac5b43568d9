/*
 * http_worker.c - the threads that run handlers, and the limits on slow clients.
 *
 * A request waits in one queue; while it waits and while its handler runs, its connection
 * is suspended, so that the library's thread never waits for a handler. A slow client is
 * one that is too long at one phase; the library's own timeout only knows silence, so a
 * byte a second would hold a connection for ever.
 */
#include "common/http/http_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <sys/socket.h>

#define SWEEP (USEC_PER_SEC / 2)

void http_phase_set(struct http_request *r, enum http_phase phase)
{
	pthread_mutex_lock(&r->http->lock);
	if (r->connection) {
		r->connection->phase = phase;
		r->connection->fresh = false;
		r->connection->admitted = false;
		r->connection->since = clock_boot();
	}
	pthread_mutex_unlock(&r->http->lock);
}

/* How long the connection may be where it is; 0: for ever. */
static usec_t limit_of(const struct http *h, const struct http_connection *c)
{
	switch (c->phase) {
	case HTTP_IDLING:
		if (h->nconnections * 4 > h->o.max_connections * 3)
			return h->o.timeout / HTTP_CROWDED;
		/* Its first request is due at once; later ones while there is room. */
		return c->fresh ? h->o.timeout : HTTP_IDLE;
	case HTTP_READING:
	case HTTP_ANSWERING:
		return 3 * h->o.timeout;
	case HTTP_HANDLED:
		break;
	}
	return 0;
}

void http_sweep(struct http *h)
{
	usec_t now = clock_boot();
	pthread_mutex_lock(&h->lock);
	if (now - h->swept >= SWEEP) {
		h->swept = now;
		for (struct http_connection *c = h->connections; c; c = c->next) {
			usec_t limit = limit_of(h, c);
			/* The library sees the end of the stream, and closes. */
			if (limit && now - c->since > limit)
				shutdown(c->fd, SHUT_RDWR);
		}
	}
	pthread_mutex_unlock(&h->lock);
}

static struct timespec after(usec_t delay)
{
	usec_t at = clock_read_usec(CLOCK_MONOTONIC) + delay;
	return (struct timespec){.tv_sec = at / USEC_PER_SEC, .tv_nsec = at % USEC_PER_SEC * 1000};
}

static void *keep(void *arg)
{
	struct http *h = arg;
	pthread_mutex_lock(&h->lock);
	while (!h->ending) {
		struct timespec at = after(USEC_PER_SEC);
		pthread_cond_timedwait(&h->tick, &h->lock, &at);
		pthread_mutex_unlock(&h->lock);
		http_sweep(h);
		pthread_mutex_lock(&h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

bool http_workers_take(struct http_request *r)
{
	struct http *h = r->http;
	r->step = HTTP_WAITING;
	pthread_mutex_lock(&h->lock);
	bool taken = h->queued < h->o.queue && !h->ending;
	if (taken) {
		/* Before a worker can resume it. */
		MHD_suspend_connection(r->mhd);
		r->next = NULL;
		*(h->tail ? &h->tail->next : &h->head) = r;
		h->tail = r;
		h->queued++;
		pthread_cond_signal(&h->work);
	} else {
		h->refused++;
	}
	pthread_mutex_unlock(&h->lock);
	if (taken)
		return true;
	http_answer_kind(&r->answer, MHD_HTTP_SERVICE_UNAVAILABLE, ERR_HTTP_BUSY);
	http_answer_header(&r->answer, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	return false;
}

/* The next request; NULL: there is none and there will be none. */
static struct http_request *next_request(struct http *h, bool *ret_ending)
{
	pthread_mutex_lock(&h->lock);
	while (!h->head && !h->ending)
		pthread_cond_wait(&h->work, &h->lock);
	struct http_request *r = h->head;
	if (r) {
		h->head = r->next;
		if (!h->head)
			h->tail = NULL;
		h->queued--;
	}
	*ret_ending = h->ending;
	pthread_mutex_unlock(&h->lock);
	return r;
}

static void *work(void *arg)
{
	struct http *h = arg;
	bool ending;
	for (struct http_request *r; (r = next_request(h, &ending)) != NULL;) {
		if (ending)
			http_answer_kind(&r->answer, MHD_HTTP_SERVICE_UNAVAILABLE, ERR_HTTP_BUSY);
		else
			h->o.handler(h->o.ctx, r, &r->answer);
		struct MHD_Connection *mhd = r->mhd;
		r->step = HTTP_READY;
		/* From here on the request is the library's thread's again. */
		MHD_resume_connection(mhd);
	}
	return NULL;
}

int http_workers_start(struct http *h, struct err *err)
{
	int rc = 0;
	for (unsigned i = 0; i < h->o.threads && rc == 0; i++) {
		rc = pthread_create(&h->workers[i], NULL, work, h);
		h->nworkers += rc == 0;
	}
	if (rc == 0 && h->o.threads) {
		rc = pthread_create(&h->keeper, NULL, keep, h);
		h->has_keeper = rc == 0;
	}
	if (rc == 0)
		return 0;
	http_workers_end(h);
	return err_set(err, -rc, ERR_MEMORY, "threads of the HTTP server: %s", strerror(rc));
}

void http_workers_end(struct http *h)
{
	pthread_mutex_lock(&h->lock);
	h->ending = true;
	pthread_cond_broadcast(&h->work);
	pthread_cond_broadcast(&h->tick);
	pthread_mutex_unlock(&h->lock);
	for (unsigned i = 0; i < h->nworkers; i++)
		pthread_join(h->workers[i], NULL);
	if (h->has_keeper)
		pthread_join(h->keeper, NULL);
	h->nworkers = 0;
	h->has_keeper = false;
}
