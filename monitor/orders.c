/* orders.c - see orders.h. */
#include "monitor/orders.h"

#include "common/contract/order.h"
#include "common/os/log.h"
#include "common/zk/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_S = 3600, ORDERS_MAX = 256 };

struct order {
	struct orders *s;
	struct order *next;
	char id[PATHS_ID_MAX + 1];
	bool listed;
	bool read; /* and taken in hand, or nobody's business */
	usec_t since; /* clock_boot; it is that old, or older */
	bool existed; /* before this process looked: how old it is, it says itself */
	struct order_doc doc;
	bool has_doc;
	int32_t version;
	struct zk_op *op;
	uint64_t *jobs; /* one a channel; 0: none, or told */
	bool sending;
	bool answering;
	bool finished;				 /* the node has an answer */
	char code[REPORT_CODE_MAX], reason[256]; /* of what failed; "" */
};

struct orders {
	struct alerts_options o;
	const char *(*node)(void *ctx);
	struct zk_watch *watch;
	struct order *list;
	bool lead;
	bool listed; /* the folder was read */
};

static uint64_t wall_ms(void)
{
	return (uint64_t)(clock_wall() / USEC_PER_MSEC);
}

static int order_path(const struct order *order, char path[PATHS_SIZE])
{
	return paths_child(PATHS_ORDERS, order->id, path, NULL);
}

static void order_free(struct order *order)
{
	if (order->op)
		zk_op_cancel(order->op);
	for (size_t i = 0; i < order->s->o.nchannels; i++)
		if (order->jobs[i])
			sender_cancel(order->s->o.sender, order->jobs[i]);
	if (order->has_doc)
		order_doc_clear(&order->doc);
	free(order->jobs);
	free(order);
}

/* ---------------------------------------------------------------- answering */

static void answered(void *ctx, const struct zk_reply *r)
{
	struct order *order = ctx;
	order->op = NULL;
	/* Lost or overtaken: read again, and answered again if nobody has. */
	order->read = order->finished = r->rc == 0;
	order->answering = false;
	if (r->rc == 0)
		log_info("order %s: test notification %s", order->id,
			 order->code[0] ? order->reason : "taken");
}

static void answer(struct order *order)
{
	struct buf b;
	char path[PATHS_SIZE];
	if (order->op || order_path(order, path) < 0)
		return;
	order->answering = true;
	buf_init(&b);
	if (order_doc_answer(&order->doc, order->s->node(order->s->o.ctx), wall_ms(),
			     order->code[0] ? order->code : NULL, order->reason) == 0) {
		order_doc_print(&order->doc, &b);
		if (!b.failed)
			order->op = zk_set_async(order->s->o.zk, path, b.data, b.len,
						 order->version, answered, order);
	}
	buf_free(&b);
}

static void refuse(struct order *order, const char *code, const char *fmt, const char *what)
{
	snprintf(order->code, sizeof(order->code), "%s", code);
	snprintf(order->reason, sizeof(order->reason), fmt, what);
}

/* ---------------------------------------------------------------- testing */

static bool send_one(struct order *order, size_t channel)
{
	const struct alerts_options *o = &order->s->o;
	char key[SENDER_KEY_MAX], message[256];
	struct alert_doc doc;
	struct buf b;
	if (alert_doc_init(&doc) < 0)
		return false;
	snprintf(key, sizeof(key), "test:%s", order->id);
	snprintf(message, sizeof(message), "This is a test of channel %s, asked for by %.100s.",
		 o->channels[channel].name, order->doc.by[0] ? order->doc.by : "an operator");
	doc.subject = ALERT_CLUSTER;
	doc.severity = ALERT_INFO;
	doc.since_ms = doc.firing_ms = wall_ms();
	bool ok = report_set(&doc.rule, "test") == 0 && report_set(&doc.name, order->id) == 0 &&
		  report_set(&doc.message, message) == 0;
	buf_init(&b);
	if (ok) {
		const struct payload payload = {.event = "test",
						.key = key,
						.cluster = o->cluster(o->ctx),
						.monitor = o->monitor,
						.doc = &doc};
		alerts_payload(&payload, &b);
		const struct sender_notification n = {.channel = channel,
						      .key = key,
						      .event = key,
						      .body = b.data,
						      .len = b.len,
						      .once = true};
		order->jobs[channel] = b.failed ? 0 : sender_submit(o->sender, &n);
	}
	buf_free(&b);
	alert_doc_clear(&doc);
	return order->jobs[channel] != 0;
}

static void carry_out(struct order *order)
{
	const struct alerts_options *o = &order->s->o;
	size_t sent = 0;
	if (strcmp(order->doc.type, ORDER_TEST_ALERT) != 0) {
		refuse(order, "unknown_order", "this version of mr-monitor knows no order %.64s",
		       order->doc.type);
	} else if (clock_boot() - order->since > ORDERS_PATIENCE) {
		refuse(order, "too_late", "no monitor took the order in time%s", "");
	} else {
		for (size_t i = 0; i < o->nchannels; i++) {
			if (order->doc.channel[0] &&
			    strcmp(order->doc.channel, o->channels[i].name) != 0)
				continue;
			sent++;
			if (!send_one(order, i))
				refuse(order, "channel", "%s: its queue is full",
				       o->channels[i].name);
		}
		if (sent == 0 && order->doc.channel[0])
			refuse(order, "no_channel", "the alerting monitor has no channel %.100s",
			       order->doc.channel);
		else if (sent == 0)
			refuse(order, "no_channel",
			       "the alerting monitor has no channel: add a "
			       "section [channel.NAME]%s",
			       "");
	}
	order->sending = true;
}

static void look_done(struct order *order)
{
	for (size_t i = 0; i < order->s->o.nchannels; i++)
		if (order->jobs[i])
			return;
	if (order->sending && !order->answering && !order->finished && !order->op)
		answer(order);
}

bool orders_result(struct orders *s, const struct sender_result *result)
{
	for (struct order *order = s->list; order; order = order->next) {
		if (order->jobs[result->channel] != result->id)
			continue;
		order->jobs[result->channel] = 0;
		if (!result->taken) {
			char text[220];
			snprintf(text, sizeof(text), "channel %.40s: %.160s",
				 s->o.channels[result->channel].name, result->reason);
			refuse(order, "channel", "%s", text);
		}
		look_done(order);
		return true;
	}
	return false;
}

/* ---------------------------------------------------------------- reading */

/* Clocks of other machines count only for what was there before this process looked. */
static void age(struct order *order, uint64_t created_ms)
{
	uint64_t wall = wall_ms();
	if (order->existed && wall > created_ms)
		order->since -= (usec_t)(wall - created_ms) * USEC_PER_MSEC;
	order->existed = false;
}

static void on_order(void *ctx, const struct zk_reply *r)
{
	struct order *order = ctx;
	struct err err = {0};
	order->op = NULL;
	if (r->rc < 0)
		return;
	order->version = r->stat->version;
	order->read = true;
	if (order->has_doc)
		order_doc_clear(&order->doc);
	order->has_doc = order_doc_parse(r->data, r->len, &order->doc, &err) == 0;
	if (!order->has_doc) {
		age(order, (uint64_t)(r->stat->created / USEC_PER_MSEC));
		log_warn("order %s cannot be read: %s", order->id, err.text);
		return;
	}
	if (!order->doc.created_ms)
		order->doc.created_ms = (uint64_t)(r->stat->created / USEC_PER_MSEC);
	age(order, order->doc.created_ms);
	order->finished = order->doc.state != ORDER_PENDING;
	if (order->finished)
		return;
	if (!order->sending)
		carry_out(order);
	look_done(order);
}

static void on_deleted(void *ctx, const struct zk_reply *r)
{
	struct order *order = ctx;
	(void)r;
	order->op = NULL;
}

void orders_look(struct orders *s)
{
	for (struct order *order = s->list; s->lead && order; order = order->next) {
		char path[PATHS_SIZE];
		if (order->op || !zk_may_act(s->o.zk) || order_path(order, path) < 0)
			continue;
		if (!order->read)
			order->op = zk_get_async(s->o.zk, path, on_order, order);
		else if (clock_boot() - order->since > KEEP_S * USEC_PER_SEC)
			order->op =
			    zk_delete_async(s->o.zk, path, ZK_ANY_VERSION, on_deleted, order);
		else
			look_done(order);
	}
}

static void add(struct orders *s, const char *id, size_t n)
{
	struct order *order = n < ORDERS_MAX ? calloc(1, sizeof(*order)) : NULL;
	if (!order)
		return;
	order->s = s;
	order->listed = true;
	order->since = clock_boot();
	order->existed = !s->listed;
	order->jobs = calloc(s->o.nchannels + 1, sizeof(*order->jobs));
	if (!order->jobs || paths_name_check(PATHS_NAME_ID, id, NULL) < 0) {
		free(order->jobs);
		free(order);
		return;
	}
	strncpy(order->id, id, sizeof(order->id) - 1);
	order->next = s->list;
	s->list = order;
}

static void on_list(void *ctx, const struct zk_watch_event *event)
{
	struct orders *s = ctx;
	size_t n = 0;
	if (event->rc < 0)
		return; /* the list is not known: nothing went */
	for (struct order *order = s->list; order; order = order->next, n++)
		order->listed = false;
	for (size_t i = 0; event->names && i < event->names->n; i++) {
		struct order *order = s->list;
		while (order && strcmp(order->id, event->names->v[i]) != 0)
			order = order->next;
		if (order)
			order->listed = true;
		else
			add(s, event->names->v[i], n++);
	}
	for (struct order **at = &s->list; *at;) {
		struct order *order = *at;
		if (order->listed) {
			at = &order->next;
			continue;
		}
		*at = order->next;
		order_free(order);
	}
	s->listed = true;
	orders_look(s);
}

struct orders *orders_open(const struct alerts_options *o, const char *(*node)(void *ctx))
{
	struct orders *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->o = *o;
	s->node = node;
	s->watch = zk_watch_children(o->zk, paths_folder(PATHS_ORDERS), on_list, s);
	if (!s->watch) {
		free(s);
		return NULL;
	}
	return s;
}

void orders_close(struct orders *s)
{
	if (!s)
		return;
	zk_watch_stop(s->watch);
	for (struct order *order; (order = s->list);) {
		s->list = order->next;
		order_free(order);
	}
	free(s);
}

void orders_lead(struct orders *s, bool lead)
{
	s->lead = lead;
	for (struct order *order = s->list; order; order = order->next)
		order->read &= order->sending; /* another monitor may have answered */
	orders_look(s);
}
