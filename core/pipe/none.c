/*
 * none.c - the pipe that takes everything and keeps nothing: for benchmarks of what
 * comes before it, and for trying a source. Acknowledges inside pipe_put.
 * Runs on the deliver thread; owns nothing but itself.
 */
#include "core/pipe/pipe_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int none_put(struct pipe *p, struct record *r, struct err *err)
{
	(void)err;
	pipe_count(&p->produced, 1);
	pipe_ack(p, r);
	return 0;
}

static int none_serve(struct pipe *p, int timeout_ms, struct err *err)
{
	(void)p;
	(void)timeout_ms; /* nothing will ever happen here: not worth a wait */
	(void)err;
	return 0;
}

static void none_close(struct pipe *p)
{
	close(p->fd);
	free(p);
}

static const struct pipe_ops none_ops = {
	.put = none_put,
	.serve = none_serve,
	.close = none_close,
};

int none_open(const struct pipe_options *opt, struct pipe **ret, struct err *err)
{
	(void)opt;
	struct pipe *p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a pipe");
	p->ops = &none_ops;
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* never readable */
	if (p->fd < 0) {
		int rc = -errno;
		free(p);
		return err_set(err, rc, ERR_MEMORY, "eventfd: %s", strerror(-rc));
	}
	*ret = p;
	return 0;
}
