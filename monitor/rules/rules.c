/* rules.c - see rules.h: the table, its reference page, settings. */
#include "monitor/rules/rules.h"

#include "common/base/duration.h"

#include <stdio.h>
#include <string.h>

#define SECOND	USEC_PER_SEC
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)
#define AS_WAIT (-1)

/* clang-format off */
const struct rule rules[RULES] = {
	[RULE_NO_RUNNING] = {
		"no_running", ALERT_TASK, {true, 0, MINUTE, AS_WAIT, ALERT_PAGE}, NULL,
		"A task should run, and nobody runs it: no mr-core has it, or it stays STANDBY, "
		"STARTING or RETRYING. Its control document cannot be read."},
	[RULE_FAILED] = {
		"failed", ALERT_TASK, {true, 0, 0, 10 * SECOND, ALERT_PAGE}, NULL,
		"A task that should run gave up: it waits for a person."},
	[RULE_LAG] = {
		"lag", ALERT_TASK, {true, 30 * SECOND, MINUTE, AS_WAIT, ALERT_PAGE},
		"how far behind; it ends at three quarters of it",
		"A running task is behind its source."},
	[RULE_STUCK] = {
		"stuck", ALERT_TASK, {true, 2 * MINUTE, 30 * SECOND, AS_WAIT, ALERT_PAGE},
		"how long without progress",
		"A running task makes no progress while its source does or its lag grows, or the "
		"mr-core that runs it is connected and reports nothing any more."},
	[RULE_NO_STANDBY] = {
		"no_standby", ALERT_TASK, {true, 0, 5 * MINUTE, AS_WAIT, ALERT_TICKET}, NULL,
		"A running hot task has one instance: nobody would take over."},
	[RULE_BINLOG_HOURS_LEFT] = {
		"binlog_hours_left", ALERT_TASK, {true, 24 * HOUR, 5 * MINUTE, AS_WAIT, ALERT_PAGE},
		"how long is left", "The source purges soon what the task has not read; also while "
		"the task is paused. Then only a new snapshot helps."},
	[RULE_DEAD_LETTERS] = {
		"dead_letters", ALERT_TASK, {true, HOUR, 0, MINUTE, ALERT_TICKET},
		"how long after the newest it is over",
		"Messages of a task were too large for their topic: what is told of them is in the "
		"dead letter topic (`on_error.oversize_row`)."},
	[RULE_MACHINE_GONE] = {
		"machine_gone", ALERT_MACHINE, {true, 24 * HOUR, MINUTE, 0, ALERT_TICKET},
		"how long a machine that does not come back is remembered",
		"An mr-core vanished without a clean stop or a drain."},
	[RULE_ZOOKEEPER] = {
		"zookeeper", ALERT_CLUSTER, {true, 0, 30 * SECOND, AS_WAIT, ALERT_PAGE}, NULL,
		"This monitor cannot reach ZooKeeper, so it sees nothing. Every monitor says so by "
		"itself, all under one key."},
};
/* clang-format on */

_Static_assert((int)RULE_NO_RUNNING == (int)TASK_ALERT_NO_RUNNING &&
		   (int)RULE_FAILED == (int)TASK_ALERT_FAILED &&
		   (int)RULE_LAG == (int)TASK_ALERT_LAG &&
		   (int)RULE_STUCK == (int)TASK_ALERT_STUCK &&
		   (int)RULE_NO_STANDBY == (int)TASK_ALERT_NO_STANDBY &&
		   (int)RULE_BINLOG_HOURS_LEFT == (int)TASK_ALERT_BINLOG_HOURS_LEFT &&
		   (int)RULE_DEAD_LETTERS == (int)TASK_ALERT_DEAD_LETTERS &&
		   (int)RULE_MACHINE_GONE == (int)TASK_ALERTS,
	       "a task's rules come first, as its document has them");

int rules_find(const char *name)
{
	for (int i = 0; i < RULES; i++)
		if (strcmp(rules[i].name, name) == 0)
			return i;
	return -1;
}

struct rule_setting rules_setting(const struct rule_setting *general, const struct task_alert *own)
{
	struct rule_setting s = *general;
	if (!own)
		return s;
	if (own->enabled >= 0)
		s.enabled = own->enabled;
	if (own->threshold >= 0)
		s.threshold = own->threshold;
	if (own->wait >= 0)
		s.wait = own->wait;
	if (own->severity >= 0)
		s.severity = own->severity;
	return s;
}

void rules_print_reference(struct buf *out)
{
	buf_lit(out,
		"# The rules of mr-monitor\n\n"
		"Printed from the table that evaluates them. A section `[rule.NAME]` of the "
		"configuration changes one for all tasks (`enabled`, `threshold`, `for`, "
		"`resolve_after`, `severity`), a task's `alerts.NAME` for that task. An alert is "
		"pending while its condition holds, firing once it held for `for`, and resolved "
		"once it did not hold for `resolve_after` (default: as long as `for`). Coming back "
		"within an hour doubles `resolve_after`, up to an hour, so that what flaps is told "
		"once. Tasks that are paused or stopped raise none but `binlog_hours_left` (while "
		"paused).\n\n"
		"| rule | about | threshold | for | resolve_after | severity | meaning |\n"
		"|---|---|---|---|---|---|---|\n");
	for (const struct rule *r = rules; r < rules + RULES; r++) {
		char threshold[DURATION_TEXT], wait[DURATION_TEXT], hold[DURATION_TEXT];
		duration_format(r->fallback.threshold, threshold);
		duration_format(r->fallback.wait, wait);
		duration_format(r->fallback.hold < 0 ? r->fallback.wait : r->fallback.hold, hold);
		buf_printf(out, "| `%s` | %s | ", r->name,
			   alert_subject_name((enum alert_subject)r->subject));
		if (r->threshold)
			buf_printf(out, "`%s`: %s", threshold, r->threshold);
		buf_printf(out, " | `%s` | `%s` | %s | %s |\n", wait, hold,
			   alert_severity_name((enum alert_severity)r->fallback.severity),
			   r->meaning);
	}
}

const char *rules_span(usec_t span, char out[RULES_SPAN_MAX])
{
	long long s = (long long)(span / SECOND);
	if (span < 10 * SECOND)
		snprintf(out, RULES_SPAN_MAX, "%.1f s", (double)span / (double)SECOND);
	else if (s < 60)
		snprintf(out, RULES_SPAN_MAX, "%lld s", s);
	else if (s < 3600)
		snprintf(out, RULES_SPAN_MAX, "%lld min %lld s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, RULES_SPAN_MAX, "%lld h %lld min", s / 3600, s % 3600 / 60);
	else
		snprintf(out, RULES_SPAN_MAX, "%lld d %lld h", s / 86400, s % 86400 / 3600);
	return out;
}
