/*
 * http.c - the server's life, and the library's callbacks: requests and their bodies.
 *
 * The library parses the head and calls back; nothing of its is handed on but what was
 * copied or is valid until the request is completed (the method and the headers, which
 * live in the connection's pool). It unescapes nothing and splits no query for us: the
 * target is taken whole (on_uri), so that server/http decodes it under one set of rules.
 */
#include "common/http/http_priv.h"

#include "common/contract/errors.h"
#include "common/os/file.h"
#include "common/os/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEM_MAX = 256 * 1024, DISPATCH_ROUNDS = 16 };

static void on_log(void *ctx, const char *fmt, va_list args)
{
	char text[512];
	(void)ctx;
	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\r\n")] = 0;
	log_debug("http: %s", text);
}

static size_t on_unescape(void *ctx, struct MHD_Connection *mhd, char *s)
{
	(void)ctx;
	(void)mhd;
	return strlen(s);
}

/* The first line was read: a request begins. NULL (no memory) ends it in on_access(). */
static void *on_uri(void *ctx, const char *target, struct MHD_Connection *mhd)
{
	struct http *h = ctx;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct http_request *r = calloc(1, sizeof(*r));
	if (!r || !(r->path = strdup(target))) {
		free(r);
		return NULL;
	}
	r->http = h;
	r->mhd = mhd;
	r->connection = info ? info->socket_context : NULL;
	r->target_end = target + strlen(target);
	r->query = r->path + strcspn(r->path, "?");
	if (*r->query)
		*r->query++ = 0;
	buf_init(&r->body);
	r->body.limit = h->o.max_body + 1;
	pthread_mutex_lock(&h->lock);
	h->active++;
	pthread_mutex_unlock(&h->lock);
	http_phase_set(r, HTTP_READING);
	return r;
}

static void on_completed(void *ctx, struct MHD_Connection *mhd, void **slot,
			 enum MHD_RequestTerminationCode code)
{
	struct http *h = ctx;
	struct http_request *r = *slot;
	(void)mhd;
	(void)code;
	if (!r)
		return;
	http_phase_set(r, HTTP_IDLING);
	pthread_mutex_lock(&h->lock);
	h->active--;
	pthread_cond_broadcast(&h->quiet);
	pthread_mutex_unlock(&h->lock);
	http_answer_clear(&r->answer);
	if (r->body.data)
		explicit_bzero(r->body.data, r->body.cap);
	buf_free(&r->body);
	free(r->path);
	free(r);
	*slot = NULL;
}

/* Nothing behind such a head can be told from the next request. */
static enum MHD_Result refuse_head(struct http_request *r)
{
	http_answer_kind(&r->answer, MHD_HTTP_BAD_REQUEST, ERR_HTTP_REQUEST);
	http_answer_header(&r->answer, MHD_HTTP_HEADER_CONNECTION, "close");
	return http_send(r);
}

static void refuse_body(struct http_request *r)
{
	http_answer_kind(&r->answer, MHD_HTTP_CONTENT_TOO_LARGE, ERR_HTTP_TOO_LARGE);
	http_answer_header(&r->answer, MHD_HTTP_HEADER_CONNECTION, "close");
	buf_free(&r->body);
	r->step = HTTP_REFUSED;
}

/* So much of a body that is refused is read, or clients would not get to read why. */
static size_t patience(const struct http_request *r)
{
	return 16 * r->http->o.max_body + HTTP_HEAD_MAX;
}

static enum MHD_Result head_read(struct http_request *r, const char *version)
{
	const struct http *h = r->http;
	bool has_body;
	if (!http_head_valid(r, version, &has_body))
		return refuse_head(r);
	const char *length = http_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
	r->step = HTTP_BODY;
	r->arrived = clock_boot();
	if (has_body && h->o.admit && !h->o.admit(h->o.ctx, r, &r->answer)) {
		http_answer_header(&r->answer, MHD_HTTP_HEADER_CONNECTION, "close");
		r->step = HTTP_REFUSED;
		return length && strtoull(length, NULL, 10) > patience(r) ? http_send(r) : MHD_YES;
	}
	if (length && strtoull(length, NULL, 10) > h->o.max_body) {
		refuse_body(r);
		return strtoull(length, NULL, 10) > patience(r) ? http_send(r) : MHD_YES;
	}
	if (r->connection)
		r->connection->admitted = has_body;
	/* At its size at once: a buffer that grows leaves parts of a secret behind. */
	if (length)
		(void)buf_room(&r->body, strtoull(length, NULL, 10) + 1);
	return MHD_YES;
}

static void take_body(struct http_request *r, const char *data, size_t *size)
{
	r->received += *size;
	if (r->step == HTTP_BODY && r->received > r->http->o.max_body)
		refuse_body(r);
	else if (r->step == HTTP_BODY)
		buf_put(&r->body, data, *size);
	/* The library's buffer is read from no more, and may have held a secret. */
	explicit_bzero((char *)(uintptr_t)data, *size);
	*size = 0;
}

static enum MHD_Result whole(struct http_request *r)
{
	struct http *h = r->http;
	r->arrived = clock_boot();
	if (r->step == HTTP_REFUSED)
		return http_send(r);
	http_phase_set(r, HTTP_HANDLED);
	if (h->o.threads)
		return http_workers_take(r) ? MHD_YES : http_send(r);
	h->o.handler(h->o.ctx, r, &r->answer);
	return http_send(r);
}

static enum MHD_Result on_access(void *ctx, struct MHD_Connection *mhd, const char *url,
				 const char *method, const char *version, const char *data,
				 size_t *size, void **slot)
{
	struct http_request *r = *slot;
	(void)ctx;
	(void)mhd;
	(void)url;
	if (!r)
		return MHD_NO;
	if (r->step == HTTP_BEGUN) {
		r->method = method;
		return head_read(r, version);
	}
	if (*size) {
		take_body(r, data, size);
		/* A body without a stated length may go on for ever. */
		return r->received > patience(r) ? MHD_NO : MHD_YES;
	}
	if (r->step == HTTP_READY)
		return http_send(r);
	return r->step == HTTP_WAITING ? MHD_YES : whole(r);
}

static int load_tls(struct http *h, struct err *err)
{
	size_t len;
	if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
		return err_set(err, -ENOTSUP, ERR_HTTP_LISTEN,
			       "HTTPS: the HTTP library was built without TLS");
	if (!h->o.tls_key || !h->o.tls_key[0])
		return err_set(err, -EINVAL, ERR_HTTP_LISTEN, "HTTPS: a certificate without a key");
	int rc = file_read(h->o.tls_cert, PEM_MAX, ERR_HTTP_LISTEN, &h->cert, &len, err);
	return rc < 0 ? rc : file_read(h->o.tls_key, PEM_MAX, ERR_HTTP_LISTEN, &h->key, &len, err);
}

static int start(struct http *h, struct err *err)
{
	unsigned flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG;
	if (h->o.threads)
		flags |= MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME;
	if (h->cert)
		flags |= MHD_USE_TLS;
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, h->cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, h->key},
		{MHD_OPTION_END, 0, NULL},
	};
	h->mhd = MHD_start_daemon(
		flags, 0, NULL, NULL, on_access, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, h,
		MHD_OPTION_LISTEN_SOCKET, h->listen_fd, MHD_OPTION_URI_LOG_CALLBACK, on_uri, h,
		MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, h, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, http_on_connection, h,
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_CONNECTION_LIMIT, h->o.max_connections + HTTP_SPARE,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEAD_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(HTTP_IDLE / USEC_PER_SEC),
		MHD_OPTION_ARRAY, h->cert ? tls : &tls[2], MHD_OPTION_END);
	if (!h->mhd)
		return err_set(err, -EINVAL, ERR_HTTP_LISTEN, "%s: the HTTP server does not start%s",
			       h->o.listen, h->cert ? " (is the certificate its key's?)" : "");
	h->listen_fd = -1;
	return 0;
}

static void init_locks(struct http *h)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->work, &attr);
	pthread_cond_init(&h->quiet, &attr);
	pthread_cond_init(&h->tick, &attr);
	pthread_condattr_destroy(&attr);
}

static void http_free(struct http *h)
{
	if (h->listen_fd >= 0)
		close(h->listen_fd);
	file_free_wiped(h->cert, h->cert ? strlen(h->cert) : 0);
	file_free_wiped(h->key, h->key ? strlen(h->key) : 0);
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->work);
	pthread_cond_destroy(&h->quiet);
	pthread_cond_destroy(&h->tick);
	free(h);
}

int http_open(const struct http_options *o, struct http **ret, struct err *err)
{
	struct http *h = calloc(1, sizeof(*h));
	if (!h)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the HTTP server");
	h->o = *o;
	h->listen_fd = -1;
	if (h->o.threads > HTTP_THREADS_MAX)
		h->o.threads = HTTP_THREADS_MAX;
	if (!h->o.queue)
		h->o.queue = 8 * h->o.threads;
	if (!h->o.max_connections)
		h->o.max_connections = 128;
	if (!h->o.timeout)
		h->o.timeout = 10 * USEC_PER_SEC;
	init_locks(h);
	int rc = http_listen(h, err);
	if (rc == 0 && h->o.tls_cert && h->o.tls_cert[0])
		rc = load_tls(h, err);
	if (rc == 0)
		rc = http_workers_start(h, err);
	if (rc == 0) {
		rc = start(h, err);
		if (rc < 0)
			http_workers_end(h);
	}
	if (rc < 0) {
		http_free(h);
		return rc;
	}
	*ret = h;
	return 0;
}

/* Until no request is at hand, or `until` (CLOCK_BOOTTIME). */
static void wait_quiet(struct http *h, usec_t until)
{
	for (usec_t now; (now = clock_boot()) < until;) {
		usec_t slice = until - now < 20 * USEC_PER_MSEC ? until - now : 20 * USEC_PER_MSEC;
		pthread_mutex_lock(&h->lock);
		unsigned active = h->active;
		if (active && h->o.threads) {
			usec_t at = clock_read_usec(CLOCK_MONOTONIC) + slice;
			struct timespec ts = {at / USEC_PER_SEC, at % USEC_PER_SEC * 1000};
			pthread_cond_timedwait(&h->quiet, &h->lock, &ts);
		}
		pthread_mutex_unlock(&h->lock);
		if (!active)
			return;
		if (!h->o.threads) {
			struct pollfd p = {.fd = http_fd(h), .events = POLLIN};
			(void)poll(&p, 1, (int)(slice / USEC_PER_MSEC) + 1);
			(void)http_dispatch(h);
		}
	}
}

void http_close(struct http *h, usec_t grace)
{
	if (!h)
		return;
	atomic_store(&h->closing, true);
	int fd = MHD_quiesce_daemon(h->mhd);
	if (fd != MHD_INVALID_SOCKET)
		close(fd);
	wait_quiet(h, clock_boot() + grace);
	if (h->o.threads) {
		http_workers_end(h);
		wait_quiet(h, clock_boot() + USEC_PER_SEC / 2); /* what they answered last */
	}
	MHD_stop_daemon(h->mhd);
	http_free(h);
}

int http_fd(const struct http *h)
{
	const union MHD_DaemonInfo *info =
		h->o.threads ? NULL : MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	return info ? info->epoll_fd : -1;
}

usec_t http_dispatch(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms = 0;
	for (int i = 0; i < DISPATCH_ROUNDS; i++) {
		(void)MHD_run(h->mhd);
		if (MHD_get_timeout(h->mhd, &ms) != MHD_YES) {
			ms = UINT32_MAX;
			break;
		}
		if (ms)
			break;
	}
	http_sweep(h);
	pthread_mutex_lock(&h->lock);
	bool any = h->nconnections != 0;
	pthread_mutex_unlock(&h->lock);
	if (any && ms > 1000)
		ms = 1000;
	return ms == UINT32_MAX ? -1 : (usec_t)ms * USEC_PER_MSEC;
}

unsigned http_port(const struct http *h)
{
	return h->port;
}

bool http_closing(const struct http *h)
{
	return atomic_load(&h->closing);
}

struct http_counts http_counts(struct http *h)
{
	pthread_mutex_lock(&h->lock);
	struct http_counts counts = {h->nconnections, h->active, h->refused};
	pthread_mutex_unlock(&h->lock);
	return counts;
}

struct http *http_of(const struct http_request *r)
{
	return r->http;
}

const char *http_method(const struct http_request *r)
{
	return r->method;
}

const char *http_path(const struct http_request *r)
{
	return r->path;
}

const char *http_query(const struct http_request *r)
{
	return r->query;
}

const char *http_header(const struct http_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name);
}

const void *http_body(const struct http_request *r, size_t *ret_len)
{
	*ret_len = r->body.len;
	return r->body.data ? (const void *)r->body.data : "";
}

const char *http_peer(const struct http_request *r)
{
	return r->connection ? r->connection->peer : "unknown";
}

usec_t http_arrived(const struct http_request *r)
{
	return r->arrived;
}
