/* alerts.c - see alerts.h: conditions to alerts. */
#include "common/os/log.h"
#include "monitor/alerts_priv.h"

#include <stdlib.h>
#include <string.h>

static size_t lower_bound(const struct alerts *a, const char *id)
{
	size_t low = 0, high = a->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(a->v[middle]->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct alert *alerts_find(struct alerts *a, const char *id)
{
	size_t at = lower_bound(a, id);
	return at < a->n && strcmp(a->v[at]->id, id) == 0 ? a->v[at] : NULL;
}

static bool make_room(struct alerts *a)
{
	if (a->n < a->room)
		return true;
	size_t room = a->room ? 2 * a->room : 64;
	struct alert **v = a->n < ALERTS_MAX ? realloc(a->v, room * sizeof(*v)) : NULL;
	if (!v) {
		if (!a->full_said)
			log_error("no room for more than %zu alerts: further ones are not kept",
				  a->n);
		a->full_said = true;
		return false;
	}
	a->v = v;
	a->room = room;
	return true;
}

struct alert *alerts_add(struct alerts *a, const char *id, int rule)
{
	struct alert *alert = make_room(a) ? calloc(1, sizeof(*alert)) : NULL;
	if (!alert)
		return NULL;
	alert->a = a;
	alert->rule = rule;
	alert->local = rule == RULE_ZOOKEEPER;
	strncpy(alert->id, id, sizeof(alert->id) - 1);
	alert->deliveries = calloc(a->o.nchannels + 1, sizeof(*alert->deliveries));
	if (!alert->deliveries || alert_doc_init(&alert->doc) < 0) {
		free(alert->deliveries);
		free(alert);
		return NULL;
	}
	alert_tell_anew(alert);
	size_t at = lower_bound(a, id);
	memmove(a->v + at + 1, a->v + at, (a->n - at) * sizeof(*a->v));
	a->v[at] = alert;
	a->n++;
	return alert;
}

void alert_free(struct alert *alert)
{
	if (alert->op)
		zk_op_cancel(alert->op);
	alert_doc_clear(&alert->doc);
	free(alert->deliveries);
	free(alert);
}

void alert_changed(struct alert *alert)
{
	alert->dirty = true;
	alert->generation++;
}

void alert_tell_anew(struct alert *alert)
{
	for (size_t i = 0; i < alert->a->o.nchannels; i++) {
		alert->deliveries[i].gave_up = -1;
		alert->deliveries[i].since = 0;
	}
}

struct alerts *alerts_open(const struct alerts_options *o)
{
	struct alerts *a = calloc(1, sizeof(*a));
	if (a)
		a->o = *o;
	return a;
}

void alerts_close(struct alerts *a)
{
	if (!a)
		return;
	alerts_store_stop(a);
	for (size_t i = 0; i < a->n; i++)
		alert_free(a->v[i]);
	free(a->v);
	free(a);
}

void alerts_lead(struct alerts *a, bool lead)
{
	alerts_store_stop(a);
	a->lead = lead;
	a->leading = false;
	if (lead) {
		alerts_store_load(a);
		return;
	}
	for (size_t i = 0; i < a->n; i++)
		if (!a->v[i]->local)
			alert_hush(a->v[i]);
}

bool alerts_leading(const struct alerts *a)
{
	return a->leading;
}

void alerts_round_begin(struct alerts *a)
{
	for (size_t i = 0; i < a->n; i++)
		a->v[i]->reported = false;
}

/* The texts as the verdict has them now. */
static void describe(struct alert *alert, const char *name, const struct rule_setting *setting,
		     const struct verdict *v)
{
	struct alert_doc *d = &alert->doc;
	const struct rule *rule = &rules[alert->rule];
	d->subject = rule->subject;
	d->severity = setting->severity;
	if (report_set(&d->rule, rule->name) < 0 || report_set(&d->name, name) < 0 ||
	    report_set(&d->value, v->value) < 0 || report_set(&d->message, v->message) < 0 ||
	    report_set(&d->next_step, v->next_step) < 0)
		log_error("no memory for the text of an alert");
}

static void on_event(struct alert *alert, enum life_event event)
{
	struct alert_doc *d = &alert->doc;
	uint64_t now = alerts_wall_ms();
	switch (event) {
	case LIFE_SAME:
		return;
	case LIFE_BEGAN:
		alert->before_firing_ms = d->state == ALERT_RESOLVED ? d->firing_ms : 0;
		alert->before_resolved_ms = d->state == ALERT_RESOLVED ? d->resolved_ms : 0;
		d->state = ALERT_PENDING;
		d->since_ms = now;
		d->firing_ms = d->resolved_ms = 0;
		break;
	case LIFE_DROPPED:
		d->firing_ms = alert->before_firing_ms;
		d->resolved_ms = alert->before_resolved_ms;
		if (d->resolved_ms)
			d->state = ALERT_RESOLVED;
		else
			alert->drop = true;
		break;
	case LIFE_FIRED:
		if (d->state != ALERT_PENDING)
			d->since_ms = now;
		d->state = ALERT_FIRING;
		d->firing_ms = now;
		d->resolved_ms = 0;
		d->flaps = alert->life.flaps;
		log_warn("%s %s: %s", alert->id,
			 alert_severity_name((enum alert_severity)d->severity), d->message);
		break;
	case LIFE_RESOLVED:
		d->state = ALERT_RESOLVED;
		/* Not before it fired, though the clock was set back: what is told is in order. */
		d->resolved_ms = now > d->firing_ms ? now : d->firing_ms;
		log_info("%s resolved", alert->id);
		break;
	}
	alert_tell_anew(alert);
	alert_changed(alert);
}

void alerts_report(struct alerts *a, enum rule_id rule, const char *name,
		   const struct rule_setting *setting, const struct verdict *verdict, usec_t now)
{
	char id[PATHS_ID_MAX + 1];
	alert_id(rules[rule].name, name, id);
	struct alert *alert = alerts_find(a, id);
	if (!alert) {
		if (verdict->state != VERDICT_HOLDS)
			return;
		alert = alerts_add(a, id, rule);
		if (!alert)
			return;
	}
	alert->reported = true;
	if (!alert->local)
		a->now = now;
	if (verdict->state == VERDICT_HOLDS) {
		alert->drop = false;
		describe(alert, name, setting, verdict);
	}
	on_event(alert, life_step(&alert->life, (enum verdict_state)verdict->state, now, setting));
	if (alert->life.state == LIFE_FIRING && verdict->state == VERDICT_HOLDS &&
	    clock_boot() - alert->refreshed_at > REFRESH_S * USEC_PER_SEC) {
		alert->refreshed_at = clock_boot();
		alert_changed(alert);
	}
}

void alerts_round_end(struct alerts *a, const struct rule_setting settings[RULES], usec_t now)
{
	for (size_t i = 0; i < a->n; i++) {
		struct alert *alert = a->v[i];
		if (alert->reported || alert->local || alert->life.state == LIFE_NOTHING)
			continue;
		/* Its task or machine is no longer there. */
		on_event(alert,
			 life_step(&alert->life, VERDICT_CLEAR, now, &settings[alert->rule]));
	}
}

bool alerts_firing(struct alerts *a, enum rule_id rule, const char *name)
{
	char id[PATHS_ID_MAX + 1];
	alert_id(rules[rule].name, name, id);
	const struct alert *alert = alerts_find(a, id);
	return alert && alert->life.state == LIFE_FIRING;
}

void alerts_resolve_local(struct alerts *a, enum rule_id rule, const char *name, int severity)
{
	char id[PATHS_ID_MAX + 1];
	struct rule_setting setting = {.severity = severity};
	struct verdict v = {
	    .value = "", .next_step = "", .message = "ZooKeeper can be reached again."};
	alert_id(rules[rule].name, name, id);
	struct alert *alert = alerts_find(a, id);
	if (!alert)
		alert = alerts_add(a, id, rule);
	if (!alert || alert->life.state == LIFE_FIRING)
		return;
	describe(alert, name, &setting, &v);
	alert->life.state = LIFE_NOTHING;
	alert->doc.since_ms = alert->doc.firing_ms = alert->doc.resolved_ms = alerts_wall_ms();
	alert->doc.state = ALERT_RESOLVED;
}

/* Nothing more is to be known of it. */
static bool is_over(const struct alert *alert)
{
	const struct alert_doc *d = &alert->doc;
	uint64_t now = alerts_wall_ms();
	return d->state == ALERT_RESOLVED && alert->life.state == LIFE_NOTHING &&
	       now > d->resolved_ms + KEEP_RESOLVED_S * 1000ULL &&
	       (alert_told(alert) || now > d->resolved_ms + KEEP_UNTOLD_S * 1000ULL);
}

void alerts_sync(struct alerts *a, usec_t now)
{
	size_t kept = 0;
	a->now = now;
	if (a->lead && !a->leading)
		alerts_store_load(a);
	for (size_t i = 0; i < a->n; i++) {
		struct alert *alert = a->v[i];
		if (!alert->drop && is_over(alert)) {
			alert->drop = true;
			alert_changed(alert);
		}
		if (alert->drop && !alert->op && (alert->local || !a->leading || !alert->stored)) {
			/* Nothing of it is in /alerts, or that is another's to see to. */
			alert_hush(alert);
			alert->gone = true;
		}
		if (alert->gone && !alert->op) {
			alert_free(alert);
			continue;
		}
		a->v[kept++] = alert;
		if (alert->local) {
			if (!a->closing)
				alert_tell(alert);
			continue;
		}
		bool may = a->leading && zk_may_act(a->o.zk);
		if (a->leading && alert->dirty && !alert->op)
			alert_store(alert);
		/* Another may alert by now, and what waits here would arrive after what it told. */
		if (!may)
			alert_hush(alert);
		else if (!alert->dirty && !a->closing)
			alert_tell(alert);
	}
	a->n = kept;
}

bool alerts_settle(struct alerts *a)
{
	bool busy = a->writes > 0;
	a->closing = true;
	alerts_sync(a, a->now);
	for (size_t i = 0; i < a->n; i++) {
		const struct alert *alert = a->v[i];
		alert_hush(a->v[i]);
		busy |= a->leading && !alert->local && alert->dirty;
		for (size_t c = 0; c < a->o.nchannels; c++)
			busy |= alert->deliveries[c].job != 0;
	}
	return !busy;
}

size_t alerts_count(const struct alerts *a, enum rule_id rule, int severity, int state)
{
	size_t n = 0;
	for (size_t i = 0; i < a->n; i++) {
		const struct alert *alert = a->v[i];
		int is = alert->life.state == LIFE_FIRING    ? ALERT_FIRING
			 : alert->life.state == LIFE_PENDING ? ALERT_PENDING
							     : ALERT_RESOLVED;
		n += alert->rule == (int)rule && alert->doc.severity == severity && is == state;
	}
	return n;
}
