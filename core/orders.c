/* orders.c - see orders.h. */
#include "core/orders.h"

#include "common/contract/errors.h"
#include "common/contract/preflight.h"
#include "common/contract/task.h"
#include "common/os/log.h"
#include "common/zk/watch.h"
#include "core/preflight/preflight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TAKEN_FOR_S = 60, /* then whoever took it is dead */
	KEEP_S = 3600,
	LOOK_EVERY_S = 20,        /* for orders whose core died, and old ones */
	AT_ONCE = 2,              /* orders under way: the probes need the other threads */
};

/* One order that this core looks at. */
struct order {
	struct job job;
	struct orders *orders;
	struct order *next;
	char path[PATHS_SIZE];
	struct zk_op *op;
	int32_t version;
	struct preflight_doc doc;
	bool working;
	const char *secrets_dir; /* as it was then: a reload replaces it */
	struct seal_opener opener;
	struct guard guard;
	struct err err;
	int rc;
};

struct orders {
	struct orders_context c;
	struct zk *zk;
	struct zk_watch *watch;
	struct daemon_timer *timer;
	struct zk_names names; /* there now */
	struct order *list;
	size_t n;
	bool closed;
};

static void look(struct orders *o);

/* For people: what is old is told by ZooKeeper's clock, for ours may differ from others'. */
static uint64_t now_ms(void)
{
	return (uint64_t)(clock_wall() / USEC_PER_MSEC);
}

static void forget(struct order *order)
{
	struct orders *o = order->orders;
	for (struct order **p = &o->list; *p; p = &(*p)->next)
		if (*p == order) {
			*p = order->next;
			o->n--;
			break;
		}
	if (order->op)
		zk_op_cancel(order->op);
	preflight_doc_clear(&order->doc);
	guard_fini(&order->guard);
	free(order);
	if (!o->closed)
		look(o);
}

static void answered(void *ctx, const struct zk_reply *r)
{
	struct order *order = ctx;
	order->op = NULL;
	/* Not there any more: whoever asked has given up. */
	if (r->rc < 0 && r->rc != -ENOENT)
		log_err(LOG_LEVEL_WARN, "answering a preflight order", r->err);
	forget(order);
}

static bool write_doc(struct order *order, zk_reply_fn *fn)
{
	struct buf b;
	buf_init(&b);
	preflight_doc_print(&order->doc, &b);
	if (!b.failed)
		order->op = zk_set_async(order->orders->zk, order->path, b.data, b.len,
					 order->version, fn, order);
	if (b.data)
		explicit_bzero(b.data, b.len);
	buf_free(&b);
	return order->op != NULL;
}

/* ---------------------------------------------------------------- the check */

/* A worker's thread. */
static void work(struct job *job)
{
	struct order *order = (struct order *)job;
	const struct secret_places places = {
		.secrets_dir = order->secrets_dir,
		.open = order->opener.ring ? seal_open_for : NULL,
		.open_ctx = &order->opener,
	};
	struct preflight_doc *d = &order->doc;
	struct task *task = NULL;
	struct err why = {0};
	int rc = task_parse(d->document, strlen(d->document), &task, &why);
	if (rc == 0)
		rc = task_resolve_secrets(task, &places, &why);
	if (rc == 0)
		order->rc = preflight_run(task, PREFLIGHT_BUDGET_S * USEC_PER_SEC, &order->guard,
					  d, &order->err);
	else
		order->rc = preflight_refuse(&why, d, &order->err);
	task_free(task);
}

static void done(struct job *job, bool ran)
{
	struct order *order = (struct order *)job;
	order->working = false;
	if (order->orders->closed || !ran) {
		forget(order);
		return;
	}
	if (order->rc < 0)
		log_err(LOG_LEVEL_ERROR, "a preflight check", &order->err);
	order->doc.state = PREFLIGHT_DONE;
	order->doc.done_ms = now_ms();
	if (order->rc < 0 || !write_doc(order, answered))
		forget(order);
}

static void interrupt(struct job *job)
{
	guard_interrupt(&((struct order *)job)->guard);
}

/* ---------------------------------------------------------------- taking one */

static void taken(void *ctx, const struct zk_reply *r)
{
	struct order *order = ctx;
	order->op = NULL;
	if (r->rc < 0) { /* another core was first, or it is gone */
		forget(order);
		return;
	}
	order->version = r->stat->version;
	order->working = true;
	order->secrets_dir = *order->orders->c.secrets_dir;
	order->opener = *order->orders->c.opener;
	log_info("preflight %s: checking for %s", strrchr(order->path, '/') + 1, order->doc.by);
	jobs_add(order->orders->c.jobs, &order->job);
}

static void read_order(void *ctx, const struct zk_reply *r)
{
	struct order *order = ctx;
	struct orders *o = order->orders;
	struct preflight_doc d;
	struct err err = {0};
	order->op = NULL;
	if (r->rc < 0 || r->len == 0) {
		forget(order);
		return;
	}
	if (preflight_doc_parse(r->data, r->len, &d, &err) < 0) {
		err_prefix(&err, "%s", order->path);
		log_err(LOG_LEVEL_WARN, "a preflight order", &err);
		forget(order);
		return;
	}
	preflight_doc_clear(&order->doc);
	order->doc = d;
	order->version = r->stat->version;
	if (zk_age(o->zk, r->stat->created) > KEEP_S * USEC_PER_SEC) {
		order->op = zk_delete_async(o->zk, order->path, order->version, answered, order);
		return;
	}
	bool free_to_take = d.state == PREFLIGHT_PENDING ||
			    (d.state == PREFLIGHT_TAKEN &&
			     zk_age(o->zk, r->stat->modified) > TAKEN_FOR_S * USEC_PER_SEC);
	if (!free_to_take || !o->c.serves(o->c.ctx, d.group)) {
		forget(order);
		return;
	}
	order->doc.state = PREFLIGHT_TAKEN;
	order->doc.taken_ms = now_ms();
	if (report_set(&order->doc.node, daemon_node(o->c.daemon)) < 0 || !write_doc(order, taken))
		forget(order);
}

static bool is_known(const struct orders *o, const char *path)
{
	for (const struct order *order = o->list; order; order = order->next)
		if (strcmp(order->path, path) == 0)
			return true;
	return false;
}

/* Takes up what is there and not looked at, a few at a time. */
static void look(struct orders *o)
{
	char path[PATHS_SIZE];
	while (o->n < AT_ONCE && o->names.n > 0) {
		char *id = o->names.v[--o->names.n];
		bool usable = paths_child(PATHS_PREFLIGHT, id, path, NULL) == 0 && !is_known(o, path);
		free(id);
		struct order *order = usable ? calloc(1, sizeof(*order)) : NULL;
		if (!order)
			continue;
		order->orders = o;
		order->job = (struct job){.work = work, .done = done, .interrupt = interrupt};
		snprintf(order->path, sizeof(order->path), "%s", path);
		guard_init(&order->guard);
		order->next = o->list;
		o->list = order;
		o->n++;
		if (preflight_doc_init(&order->doc) == 0)
			order->op = zk_get_async(o->zk, order->path, read_order, order);
		if (!order->op)
			forget(order);
	}
}

static void take_names(struct orders *o, const struct zk_names *names)
{
	zk_names_free(&o->names);
	o->names = (struct zk_names){.v = calloc(names->n + 1, sizeof(char *))};
	for (size_t k = 0; o->names.v && k < names->n; k++) {
		char *id = strdup(names->v[k]);
		if (id)
			o->names.v[o->names.n++] = id;
	}
	look(o);
}

static void told(void *ctx, const struct zk_watch_event *e)
{
	struct orders *o = ctx;
	if (e->rc == 0 && e->exists)
		take_names(o, e->names);
}

/* Subscribed anew, so that what was passed over is looked at again. */
static usec_t look_again(void *ctx)
{
	struct orders *o = ctx;
	zk_watch_stop(o->watch);
	o->watch = zk_watch_children(o->zk, paths_folder(PATHS_PREFLIGHT), told, o);
	return LOOK_EVERY_S * USEC_PER_SEC;
}

struct orders *orders_open(const struct orders_context *c)
{
	struct orders *o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->c = *c;
	o->zk = daemon_zk(c->daemon);
	o->timer = daemon_timer_new(c->daemon, 0, look_again, o);
	if (!o->timer) {
		free(o);
		return NULL;
	}
	return o;
}

void orders_close(struct orders *o)
{
	if (!o)
		return;
	o->closed = true;
	daemon_timer_free(o->timer);
	o->timer = NULL;
	zk_watch_stop(o->watch);
	o->watch = NULL;
	struct order *next;
	for (struct order *order = o->list; order; order = next) {
		next = order->next;
		if (order->working)
			guard_interrupt(&order->guard);
		else
			forget(order);
	}
}

void orders_free(struct orders *o)
{
	if (!o)
		return;
	while (o->list)
		forget(o->list);
	zk_names_free(&o->names);
	free(o);
}
