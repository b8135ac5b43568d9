/* alerts_tell.c - alerts to channels (alerts.h). */
#include "common/os/log.h"
#include "monitor/alerts_priv.h"

#include <stdio.h>
#include <string.h>

/* What the channels ought to know, or -1: nothing. */
static int wanted(const struct alert *alert)
{
	if (alert->doc.state == ALERT_FIRING || alert->doc.state == ALERT_RESOLVED)
		return alert->doc.state;
	return alert->before_resolved_ms ? ALERT_RESOLVED : -1;
}

/* Marks from then on are of this time that it fired. */
static uint64_t told_from(const struct alert *alert)
{
	return alert->doc.firing_ms ? alert->doc.firing_ms : alert->before_firing_ms;
}

/* What the channel knows; -1 also when it knows only of an earlier time. */
static int known(const struct alert *alert, const char *channel, int want)
{
	const struct alert_doc *d = &alert->doc;
	for (size_t i = 0; i < d->nnotified; i++) {
		const struct alert_notified *n = &d->notified[i];
		if (strcmp(n->channel, channel) != 0)
			continue;
		if (want == ALERT_RESOLVED && n->state == ALERT_RESOLVED &&
		    n->at_ms < told_from(alert))
			return -1;
		return n->state;
	}
	return -1;
}

/* On the sender's thread. */
static bool may_tell(void *ctx)
{
	return zk_may_act(ctx);
}

static void submit(struct alert *alert, size_t channel, int want)
{
	const struct alerts_options *o = &alert->a->o;
	struct delivery *delivery = &alert->deliveries[channel];
	char event[SENDER_KEY_MAX];
	struct buf b;
	const char *word = alert_state_name((enum alert_state)want);
	struct alert_doc shown = alert->doc; /* borrows */
	if (want == ALERT_RESOLVED && shown.state == ALERT_PENDING) {
		/* It is about to come back; what is told is how it ended before. */
		shown.state = ALERT_RESOLVED;
		shown.since_ms = shown.firing_ms = alert->before_firing_ms;
		shown.resolved_ms = alert->before_resolved_ms;
	}
	const struct payload payload = {.event = word,
					.key = alert->id,
					.cluster = o->cluster(o->ctx),
					.monitor = o->monitor,
					.doc = &shown};
	buf_init(&b);
	alerts_payload(&payload, &b);
	snprintf(event, sizeof(event), "%s:%llu:%s", alert->id, (unsigned long long)shown.firing_ms,
		 word);
	if (!b.failed) {
		const struct sender_notification n = {.channel = channel,
						      .key = alert->id,
						      .event = event,
						      .body = b.data,
						      .len = b.len,
						      .since = delivery->since,
						      .may = alert->local ? NULL : may_tell,
						      .ctx = o->zk};
		/* 0: the queue is full; what is not known is told later. */
		delivery->job = sender_submit(o->sender, &n);
		delivery->job_state = want;
		if (delivery->job && !delivery->since)
			delivery->since = clock_boot();
	}
	buf_free(&b);
}

bool alert_has_channel(const struct alert *alert, const char *name)
{
	for (size_t i = 0; i < alert->a->o.nchannels; i++)
		if (strcmp(alert->a->o.channels[i].name, name) == 0)
			return true;
	return false;
}

static bool concerns(const struct alert *alert, size_t channel)
{
	return alert->a->o.channels[channel].severities & (1u << alert->doc.severity);
}

void alert_tell(struct alert *alert)
{
	const struct alerts_options *o = &alert->a->o;
	int want = wanted(alert);
	for (size_t i = 0; i < o->nchannels; i++) {
		struct delivery *d = &alert->deliveries[i];
		bool tell = concerns(alert, i) && want >= 0 && d->gave_up != want &&
			    known(alert, o->channels[i].name, want) != want;
		if (d->job && (!tell || d->job_state != want) && sender_cancel(o->sender, d->job))
			d->job = 0;
		if (tell && !d->job && sender_has_room(o->sender, i))
			submit(alert, i, want);
	}
}

void alert_hush(struct alert *alert)
{
	for (size_t i = 0; i < alert->a->o.nchannels; i++) {
		struct delivery *d = &alert->deliveries[i];
		if (d->job && sender_cancel(alert->a->o.sender, d->job))
			d->job = 0;
	}
}

bool alert_told(const struct alert *alert)
{
	const struct alerts_options *o = &alert->a->o;
	int want = wanted(alert);
	for (size_t i = 0; i < o->nchannels; i++)
		if (concerns(alert, i) && want >= 0 && alert->deliveries[i].gave_up != want &&
		    known(alert, o->channels[i].name, want) != want)
			return false;
	return true;
}

static struct delivery *find(struct alerts *a, uint64_t id, size_t channel, struct alert **ret)
{
	for (size_t i = 0; i < a->n; i++) {
		if (a->v[i]->deliveries[channel].job != id)
			continue;
		*ret = a->v[i];
		return &a->v[i]->deliveries[channel];
	}
	return NULL;
}

bool alerts_result(struct alerts *a, const struct sender_result *result)
{
	struct alert *alert;
	struct delivery *d = find(a, result->id, result->channel, &alert);
	if (!d)
		return false;
	d->job = 0;
	d->since = 0;
	if (!result->taken) {
		d->gave_up = d->job_state;
		return true;
	}
	/* known() compares them, also after the clock was set back. */
	uint64_t at = alerts_wall_ms(), from = told_from(alert);
	if (alert_doc_mark(&alert->doc, a->o.channels[result->channel].name,
			   (enum alert_state)d->job_state, at > from ? at : from) < 0)
		log_warn("an alert's mark does not fit: %s", alert->id);
	/* While another alerts, the mark is its to make: it sent the same. */
	if (!alert->local)
		alert_changed(alert);
	return true;
}
