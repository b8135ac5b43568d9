/*
 * alerts.h - what is wrong now and was lately, who was told, and telling the rest.
 *
 * Every monitor keeps this; the alerting one (alerts_lead) also keeps it in /alerts. An alert
 * is written there before a channel is told, and marked after the channel took it. So a
 * successor, and this process after a restart, goes on with what /alerts says: it neither
 * repeats nor forgets. (When a process dies between a channel's answer and the mark, that
 * one notification comes twice, with the same X-MR-Event-Id.)
 *
 * What each channel ought to know is the alert's state; what it knows is its mark. One
 * notification for each alert and channel is under way at most, so their order is kept, and
 * a firing that no channel took before it was resolved becomes one `resolved`, which names
 * both times. The zookeeper rule is `local`: told without /alerts, by each monitor itself.
 *
 * Main thread. Does not belong here: conditions (monitor/rules), HTTP (monitor/notify).
 */
#ifndef MR_MONITOR_ALERTS_H
#define MR_MONITOR_ALERTS_H

#include "common/zk/zk.h"
#include "monitor/notify/sender.h"
#include "monitor/rules/life.h"

struct alerts;

struct alerts_channel {
	const char *name;
	unsigned severities; /* bit i: enum alert_severity i is told */
};

struct alerts_options {
	struct zk *zk;
	struct sender *sender;
	const struct alerts_channel *channels; /* as the sender has them; stays */
	size_t nchannels;
	const char *monitor;		   /* this process's hostname; stays */
	const char *(*cluster)(void *ctx); /* "" before it is known */
	/* All of /alerts was read after alerts_lead(): from now on it is written. */
	void (*led)(void *ctx);
	void *ctx;
};

/* NULL: no memory. */
struct alerts *alerts_open(const struct alerts_options *o);
/* Ends operations; nothing is written any more. NULL is nothing. */
void alerts_close(struct alerts *a);

/* Whether this is the alerting monitor. True again: /alerts is read anew (a new session). */
void alerts_lead(struct alerts *a, bool lead);
/* Whether /alerts was read since. */
bool alerts_leading(const struct alerts *a);

/*
 * The times: `now` of the monitor's own clock (life.h). Between begin and end every
 * condition there is gets reported; what is firing and was not reported is over.
 */
void alerts_round_begin(struct alerts *a);
void alerts_report(struct alerts *a, enum rule_id rule, const char *name,
		   const struct rule_setting *setting, const struct verdict *verdict, usec_t now);
void alerts_round_end(struct alerts *a, const struct rule_setting settings[RULES], usec_t now);
/* Whether it is firing: rules with hysteresis want to know. */
bool alerts_firing(struct alerts *a, enum rule_id rule, const char *name);
/* A resolved of the zookeeper rule although this process knows of no firing: an earlier one
 * may have told of it. */
void alerts_resolve_local(struct alerts *a, enum rule_id rule, const char *name, int severity);

/* Writes and tells what is due; call it often. */
void alerts_sync(struct alerts *a, usec_t now);
/* A result of the sender. False: it is of no alert. */
bool alerts_result(struct alerts *a, const struct sender_result *result);
/*
 * The process ends: nothing new is told. True once what was being sent has ended and its
 * marks are in /alerts; call it until then.
 */
bool alerts_settle(struct alerts *a);

/* How many there are: pending and firing. */
size_t alerts_count(const struct alerts *a, enum rule_id rule, int severity, int state);

/*
 * The body of a notification (payload.c, pure): event is "firing", "resolved", "test" or
 * "heartbeat".
 */
struct payload {
	const char *event, *key, *cluster, *monitor;
	const struct alert_doc *doc;
};
void alerts_payload(const struct payload *p, struct buf *out);

#endif
