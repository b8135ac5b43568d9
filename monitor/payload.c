/*
 * payload.c - the body of a notification. Pure.
 *
 *   {"version":1,"event":"firing","key":"lag:copy_item","rule":"lag","severity":"page",
 *    "subject":"task","name":"copy_item","message":"Task copy_item is …","next_step":"…",
 *    "value":"41 s","since_ms":N,"firing_ms":N,"resolved_ms":0,"cluster":"9f3c…",
 *    "monitor":"m1","text":"[page] Task copy_item is … Next: …"}
 *
 * `text` is all of it in one line: what Slack, Mattermost and their like show.
 */
#include "common/base/json.h"
#include "monitor/alerts.h"

#include <string.h>

static void put(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	json_put_string(out, text, strlen(text));
}

static void put_text(struct buf *out, const struct payload *p)
{
	const struct alert_doc *d = p->doc;
	struct buf b;
	buf_init(&b);
	if (d->state == ALERT_RESOLVED) {
		char span[RULES_SPAN_MAX];
		/* The clock may have been set meanwhile. */
		uint64_t took = d->resolved_ms > d->since_ms ? d->resolved_ms - d->since_ms : 0;
		buf_printf(&b, "[resolved] Over after %s: %s",
			   rules_span((usec_t)took * USEC_PER_MSEC, span),
			   d->message);
	} else {
		buf_printf(&b, "[%s] %s", alert_severity_name((enum alert_severity)d->severity),
			   d->message);
		if (d->next_step[0])
			buf_printf(&b, " Next: %s", d->next_step);
	}
	put(out, "text", buf_cstr(&b));
	buf_free(&b);
}

void alerts_payload(const struct payload *p, struct buf *out)
{
	const struct alert_doc *d = p->doc;
	buf_lit(out, "{\"version\":1");
	put(out, "event", p->event);
	put(out, "key", p->key);
	put(out, "rule", d->rule);
	put(out, "severity", alert_severity_name((enum alert_severity)d->severity));
	put(out, "subject", alert_subject_name((enum alert_subject)d->subject));
	put(out, "name", d->name);
	put(out, "message", d->message);
	put(out, "next_step", d->state == ALERT_RESOLVED ? "" : d->next_step);
	put(out, "value", d->value);
	buf_printf(out, ",\"since_ms\":%llu,\"firing_ms\":%llu,\"resolved_ms\":%llu",
		   (unsigned long long)d->since_ms, (unsigned long long)d->firing_ms,
		   (unsigned long long)d->resolved_ms);
	put(out, "cluster", p->cluster);
	put(out, "monitor", p->monitor);
	put_text(out, p);
	buf_putc(out, '}');
}
