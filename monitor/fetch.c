/* fetch.c - see fetch.h. */
#include "monitor/fetch.h"

#include <errno.h>
#include <stdlib.h>

struct slot {
	struct fetch *f;
	struct zk_op *op; /* NULL: free */
	size_t i;
};

struct fetch {
	struct zk *zk;
	struct fetch_callbacks cb;
	size_t n, next, active;
	int rc;
	struct slot slots[FETCH_AT_ONCE];
};

static void fill(struct fetch *f);

static void finish(struct fetch *f)
{
	struct fetch_callbacks cb = f->cb;
	int rc = f->rc;
	free(f);
	cb.done(cb.ctx, rc);
}

static void answered(void *ctx, const struct zk_reply *r)
{
	struct slot *slot = ctx;
	struct fetch *f = slot->f;
	slot->op = NULL;
	f->active--;
	if (r->rc == -ENOTCONN || r->rc == -ETIMEDOUT || r->rc == -ENOLINK)
		f->rc = r->rc;
	else if (f->rc == 0 && f->n > 0)
		f->cb.each(f->cb.ctx, slot->i, r);
	fill(f);
	if (f->active == 0)
		finish(f);
}

static void fill(struct fetch *f)
{
	for (size_t s = 0; s < FETCH_AT_ONCE && f->rc == 0; s++) {
		const char *path = NULL;
		if (f->slots[s].op)
			continue;
		while (f->next < f->n && !(path = f->cb.path(f->cb.ctx, f->next)))
			f->next++;
		if (f->next == f->n)
			return;
		f->slots[s].i = f->next++;
		f->slots[s].op = zk_get_async(f->zk, path, answered, &f->slots[s]);
		if (!f->slots[s].op)
			f->rc = -ENOMEM;
		else
			f->active++;
	}
}

struct fetch *fetch_start(struct zk *zk, size_t n, const struct fetch_callbacks *callbacks)
{
	struct fetch *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->zk = zk;
	f->cb = *callbacks;
	f->n = n;
	for (size_t s = 0; s < FETCH_AT_ONCE; s++)
		f->slots[s].f = f;
	fill(f);
	if (f->active == 0) {
		/* Nothing to read: any answer does, so that done() comes like always. */
		f->n = f->next = 0;
		f->slots[0].op = zk_exists_async(zk, "/", answered, &f->slots[0]);
		if (!f->slots[0].op) {
			free(f);
			return NULL;
		}
		f->active = 1;
	}
	return f;
}

void fetch_cancel(struct fetch *f)
{
	if (!f)
		return;
	for (size_t s = 0; s < FETCH_AT_ONCE; s++)
		if (f->slots[s].op)
			zk_op_cancel(f->slots[s].op);
	free(f);
}
