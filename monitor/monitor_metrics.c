/* monitor_metrics.c - the families of mr-monitor's /metrics. Main thread. */
#include "monitor/monitor_priv.h"

static void put_alerts(const struct monitor *mon, struct metrics *m)
{
	metrics_family(m, "mr_alerts", METRICS_GAUGE, "Alerts by rule, severity and state.");
	for (int r = 0; r < (int)RULES; r++) {
		for (int s = ALERT_PAGE; s <= ALERT_INFO; s++) {
			for (int state = ALERT_PENDING; state <= ALERT_FIRING; state++) {
				size_t n = alerts_count(mon->alerts, (enum rule_id)r, s, state);
				/* The rule's usual severity always, so that a graph has a zero. */
				if (n == 0 && s != mon->config->rules[r].severity)
					continue;
				metrics_count(m, n, "rule", rules[r].name, "severity",
					      alert_severity_name((enum alert_severity)s), "state",
					      alert_state_name((enum alert_state)state), NULL);
			}
		}
	}
}

static void put_channels(const struct monitor *mon, struct metrics *m)
{
	static const char *const results[] = {"taken", "failed", "given_up"};
	size_t n = mon->config->nchannels;
	metrics_family(m, "mr_notifications_total", METRICS_COUNTER,
		       "Notifications: taken by the channel, tries that failed, given up.");
	for (size_t i = 0; i < n; i++) {
		struct sender_counts c = sender_counts(mon->sender, i);
		const uint64_t counts[] = {c.taken, c.tries_failed, c.given_up};
		for (size_t r = 0; r < 3; r++)
			metrics_count(m, counts[r], "channel", mon->channels[i].name, "result",
				      results[r], NULL);
	}
	metrics_family(m, "mr_notifications_queued", METRICS_GAUGE,
		       "Notifications that a channel has not taken yet.");
	for (size_t i = 0; i < n; i++)
		metrics_count(m, sender_counts(mon->sender, i).queued, "channel",
			      mon->channels[i].name, NULL);
	metrics_family(m, "mr_channel_failing", METRICS_GAUGE,
		       "Whether the last try of a channel failed.");
	for (size_t i = 0; i < n; i++)
		metrics_count(m, sender_counts(mon->sender, i).failing, "channel",
			      mon->channels[i].name, NULL);
}

static void put_lag(void *ctx, const struct watch_task *t)
{
	if (t->lag >= 0)
		metrics_value(ctx, (double)t->lag / (double)USEC_PER_SEC, "task", t->name, NULL);
}

static void put_running(void *ctx, const struct watch_task *t)
{
	metrics_count(ctx, t->running, "task", t->name, NULL);
}

static void put_desired(void *ctx, const struct watch_task *t)
{
	metrics_count(ctx, t->desired == CONTROL_RUNNING, "task", t->name, NULL);
}

static void put_instances(void *ctx, const struct watch_task *t)
{
	metrics_count(ctx, t->instances, "task", t->name, NULL);
}

static void put_left(void *ctx, const struct watch_task *t)
{
	if (t->binlog_hours_left >= 0)
		metrics_value(ctx, t->binlog_hours_left * 3600, "task", t->name, NULL);
}

static void put_tasks(const struct monitor *mon, struct metrics *m)
{
	static const struct {
		const char *name, *help;
		watch_each_fn *fn;
	} families[] = {
	    {"mr_task_lag_seconds", "How far a task is behind its source.", put_lag},
	    {"mr_task_running", "Whether an instance of the task runs.", put_running},
	    {"mr_task_desired_running", "Whether the task should run.", put_desired},
	    {"mr_task_instances", "Instances of the task, standbys included.", put_instances},
	    {"mr_task_binlog_left_seconds",
	     "How long until the source purges what the task has not read.", put_left},
	};
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		metrics_family(m, families[i].name, METRICS_GAUGE, families[i].help);
		watch_each(mon->watch, families[i].fn, m);
	}
}

void monitor_metrics(void *ctx, struct metrics *m)
{
	const struct monitor *mon = ctx;
	metrics_gauge(m, "mr_monitor_alerting", "Whether this is the monitor that alerts.",
		      alerts_leading(mon->alerts));
	metrics_gauge(m, "mr_monitor_last_evaluation_timestamp_seconds",
		      "When the rules were last asked about every task.",
		      (double)mon->evaluated_wall / (double)USEC_PER_SEC);
	metrics_gauge(m, "mr_monitor_round_seconds", "How long the last look at all tasks took.",
		      (double)mon->took / (double)USEC_PER_SEC);
	metrics_gauge(m, "mr_machines", "Processes of mr-core that are there.",
		      (double)machines_present(mon->machines));
	put_alerts(mon, m);
	put_channels(mon, m);
	put_tasks(mon, m);
}
