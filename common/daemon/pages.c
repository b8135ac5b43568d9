/* pages.c - see pages.h. */
#include "common/daemon/pages.h"

#include "common/contract/errors.h"
#include "common/http/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum {
	CONNECTIONS_MAX = 32,
	LATER_MS = 10000, /* when the library asks for no earlier call */
};

struct pages {
	struct daemon *daemon;
	struct http *http;
	const char *program;
	pages_fn *fn;
	void *ctx;
	sd_event_source *source;
	struct daemon_timer *timer;
};

static void answer(void *ctx, const struct http_request *r, struct http_answer *a)
{
	struct pages *p = ctx;
	const char *path = http_path(r), *method = http_method(r);
	bool ready = daemon_connected(p->daemon);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		http_answer_header(a, "Allow", "GET, HEAD");
		http_answer_text(a, 405, "only GET\n");
	} else if (strcmp(path, "/healthz") == 0) {
		http_answer_text(a, 200, "ok\n");
	} else if (strcmp(path, "/readyz") == 0) {
		http_answer_text(a, ready ? 200 : 503,
				 ready ? "ok\n" : "waiting for ZooKeeper\n");
	} else if (strcmp(path, "/metrics") == 0) {
		struct metrics m;
		metrics_begin(&m, &a->body);
		metrics_standard(&m, p->program, ready);
		if (p->fn)
			p->fn(p->ctx, &m);
		a->content_type = METRICS_CONTENT_TYPE;
		if (a->body.failed)
			http_answer_text(a, 500, "no memory\n");
	} else {
		http_answer_text(a, 404, "here are /metrics, /healthz and /readyz\n");
	}
}

static usec_t dispatch(void *ctx)
{
	struct pages *p = ctx;
	usec_t in = http_dispatch(p->http);
	return in < 0 ? LATER_MS * USEC_PER_MSEC : in > 0 ? in : 1;
}

static int readable(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct pages *p = arg;
	(void)source;
	(void)fd;
	(void)revents;
	daemon_timer_set(p->timer, dispatch(p));
	return 0;
}

int pages_open(struct daemon *d, const char *listen, const char *program, pages_fn *fn, void *ctx,
	       struct pages **ret, struct err *err)
{
	*ret = NULL;
	if (!listen[0])
		return 0;
	struct pages *p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the metrics page");
	*p = (struct pages){.daemon = d, .program = program, .fn = fn, .ctx = ctx};
	const struct http_options options = {.listen = listen,
					     .max_connections = CONNECTIONS_MAX,
					     .handler = answer,
					     .ctx = p};
	int rc = http_open(&options, &p->http, err);
	if (rc == 0) {
		p->timer = daemon_timer_new(d, LATER_MS * USEC_PER_MSEC, dispatch, p);
		rc = p->timer ? sd_event_add_io(daemon_loop(d), &p->source, http_fd(p->http),
						EPOLLIN, readable, p)
			      : -ENOMEM;
		if (rc < 0)
			err_set(err, rc, ERR_INTERNAL, "the metrics page on the loop: %s",
				strerror(-rc));
	}
	if (rc < 0) {
		pages_close(p);
		return rc;
	}
	*ret = p;
	return 0;
}

void pages_close(struct pages *p)
{
	if (!p)
		return;
	sd_event_source_disable_unref(p->source);
	daemon_timer_free(p->timer);
	http_close(p->http, 0);
	free(p);
}
