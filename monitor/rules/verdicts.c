/*
 * verdicts.c - each rule by itself (rules.h). Pure.
 *
 * A message is one sentence that a person understands who was asleep a minute ago: which
 * task, what is wrong, since when, where. The next step is what to type or look at.
 */
#include "monitor/rules/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What holds, told; the value is set before. */
static void holds(struct verdict *v, const char *fmt, ...) MR_PRINTF(2, 3);
static void holds(struct verdict *v, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(v->message, sizeof(v->message), fmt, ap);
	va_end(ap);
	v->state = VERDICT_HOLDS;
}

static void next_step(struct verdict *v, const char *fmt, ...) MR_PRINTF(2, 3);
static void next_step(struct verdict *v, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(v->next_step, sizeof(v->next_step), fmt, ap);
	va_end(ap);
}

static void value(struct verdict *v, const char *text)
{
	snprintf(v->value, sizeof(v->value), "%s", text);
}

/* It is wanted to run, as far as anybody can tell. */
static bool should_run(const struct task_facts *f)
{
	return f->has_document && f->desired == CONTROL_RUNNING;
}

static bool is_running(const struct task_facts *f)
{
	return f->read && (f->state == REPORT_RUNNING || f->state == REPORT_SNAPSHOT);
}

static void no_running(const struct task_facts *f, struct verdict *v)
{
	char span[RULES_SPAN_MAX];
	if (f->control_error[0]) {
		value(v, "control");
		holds(v,
		      "What task %s should do is not known: its control document cannot be "
		      "read (%.300s).",
		      f->name, f->control_error);
		next_step(v,
			  "mrctl task start %s writes it anew; mrctl task show %s says what is "
			  "there",
			  f->name, f->name);
		return;
	}
	if (!should_run(f))
		return;
	if (f->instances == 0) {
		value(v, "no instance");
		holds(v,
		      "Task %s should run and no mr-core has it: its changes are copied by "
		      "nobody.",
		      f->name);
		next_step(v,
			  "mrctl machine list: is an mr-core alive that has this task (`tasks`, "
			  "`groups`) and does not drain? mrctl task why %s",
			  f->name);
		return;
	}
	if (!f->read) {
		v->state = VERDICT_UNKNOWN; /* the node went just now */
		if (f->broken[0]) {
			value(v, "no report");
			holds(v,
			      "Task %s should run; whether it does is not known, for the report "
			      "of %s cannot be read (%.300s).",
			      f->name, f->node, f->broken);
			next_step(v,
				  "mrctl machine list: does this mr-core have another version? "
				  "mrctl task restart %s",
				  f->name);
		}
		return;
	}
	/* FAILED has a rule of its own. */
	if (is_running(f) || f->state == REPORT_FAILED)
		return;
	value(v, report_state_name((enum report_state)f->state));
	holds(v, "Task %s should run and has been %s for %s on %s%s%.400s.", f->name,
	      report_state_name((enum report_state)f->state), rules_span(f->state_for, span),
	      f->hostname, f->error_code[0] ? ": " : "", f->error_message);
	next_step(v, "mrctl task why %s", f->name);
}

static void failed(const struct task_facts *f, struct verdict *v)
{
	if (!should_run(f))
		return;
	if (f->instances > 0 && !f->read) {
		v->state = VERDICT_UNKNOWN;
		return;
	}
	if (f->instances == 0 || f->state != REPORT_FAILED)
		return;
	value(v, f->error_code[0] ? f->error_code : "FAILED");
	holds(v, "Task %s gave up on %s%s%.600s.", f->name, f->hostname,
	      f->error_message[0] ? ": " : "", f->error_message);
	next_step(v, "mrctl task why %s; once the cause is mended: mrctl task restart %s", f->name,
		  f->name);
}

static void lag(const struct task_facts *f, const struct rule_setting *s, bool firing,
		struct verdict *v)
{
	char span[RULES_SPAN_MAX], bound[RULES_SPAN_MAX];
	if (!should_run(f) || f->instances == 0)
		return;
	if (!f->read || f->lag < 0) {
		v->state = f->read && !is_running(f) ? VERDICT_CLEAR : VERDICT_UNKNOWN;
		return;
	}
	if (!is_running(f) && f->state != REPORT_RETRYING)
		return;
	if (f->lag <= (firing ? s->threshold / 4 * 3 : s->threshold))
		return;
	value(v, rules_span(f->lag, span));
	holds(v, "Task %s is %s behind its source (more than %s) on %s.", f->name, span,
	      rules_span(s->threshold, bound), f->hostname);
	next_step(v, "mrctl task why %s: a large transaction, a slow pipe, or a broken one?",
		  f->name);
}

static void stuck(const struct task_facts *f, const struct rule_setting *s, struct verdict *v)
{
	char span[RULES_SPAN_MAX], behind[RULES_SPAN_MAX];
	if (!should_run(f) || f->instances == 0)
		return;
	if (!f->read) {
		v->state = VERDICT_UNKNOWN;
		return;
	}
	if (f->silent_for >= s->threshold) {
		value(v, rules_span(f->silent_for, span));
		holds(v,
		      "The mr-core %s has reported nothing of task %s for %s although it is "
		      "connected to ZooKeeper: it hangs.",
		      f->hostname, f->name, span);
		next_step(v, "On %s: systemctl restart mr-core; a standby goes on at once",
			  f->hostname);
		return;
	}
	if (!is_running(f) || f->stood_for < s->threshold || f->at_head)
		return;
	rules_span(f->stood_for, span);
	const char *at = f->position[0] ? f->position : "its position";
	if (f->head_for >= s->threshold) {
		value(v, span);
		holds(v, "Task %s has stood at %s for %s on %s while its source went on to %s.",
		      f->name, at, span, f->hostname, f->source_head);
	} else if (f->lag >= s->threshold) {
		value(v, span);
		holds(v, "Task %s has stood at %s for %s on %s and is %s behind its source.",
		      f->name, at, span, f->hostname, rules_span(f->lag, behind));
	} else {
		return;
	}
	next_step(v, "mrctl task why %s; mrctl task handover %s lets another mr-core try", f->name,
		  f->name);
}

static void no_standby(const struct task_facts *f, struct verdict *v)
{
	/* Without any instance no_running says it. */
	if (!should_run(f) || !f->hot || f->instances != 1)
		return;
	value(v, "1 instance");
	holds(v, "Task %s has no standby: when %s ends, nobody goes on.", f->name, f->node);
	next_step(v, "mrctl machine list; start an mr-core on another machine, or end a drain: "
		     "mrctl machine undrain HOST");
}

static void binlog_hours_left(const struct task_facts *f, const struct rule_setting *s, bool firing,
			      struct verdict *v)
{
	char span[RULES_SPAN_MAX];
	if (!f->has_document || f->instances == 0 ||
	    (f->desired != CONTROL_RUNNING && f->desired != CONTROL_PAUSED))
		return;
	if (!f->read) {
		v->state = VERDICT_UNKNOWN;
		return;
	}
	if (f->binlog_hours_left < 0)
		return;
	usec_t left = f->binlog_hours_left > 1e6
			  ? INT64_MAX
			  : (usec_t)(f->binlog_hours_left * 3600 * (double)USEC_PER_SEC);
	if (left >= (firing ? s->threshold / 4 * 5 : s->threshold))
		return;
	value(v, rules_span(left, span));
	holds(v, "In %s the source purges binlog that task %s has not read; it is %s.", span,
	      f->name, report_state_name((enum report_state)f->state));
	next_step(v,
		  "%s %s, or have the source keep its binlog longer "
		  "(binlog_expire_logs_seconds, expire_logs_days)",
		  f->desired == CONTROL_PAUSED ? "mrctl task resume" : "mrctl task why", f->name);
}

static void dead_letters(const struct task_facts *f, const struct rule_setting *s, struct verdict *v)
{
	char span[RULES_SPAN_MAX];
	if (!should_run(f) || f->instances == 0)
		return;
	if (!f->read) {
		v->state = VERDICT_UNKNOWN;
		return;
	}
	if (f->letters_for < 0 || f->letters_for >= s->threshold)
		return;
	snprintf(v->value, sizeof(v->value), "%llu", (unsigned long long)f->dead_letters);
	holds(v,
	      "Task %s has put %llu message%s that %s too large into its dead letter topic in this "
	      "run, the newest %s ago: its readers do not have these changes.",
	      f->name, (unsigned long long)f->dead_letters, f->dead_letters == 1 ? "" : "s",
	      f->dead_letters == 1 ? "was" : "were", rules_span(f->letters_for, span));
	next_step(v,
		  "Read the topic (pipe.topics.dead_letter of mrctl task show %s): each message names "
		  "table, key and limit; raise max.message.bytes of topic and broker, and let the rows "
		  "be written once more",
		  f->name);
}

void rules_task(enum rule_id rule, const struct task_facts *facts,
		const struct rule_setting *setting, bool firing, struct verdict *ret)
{
	*ret = (struct verdict){.state = VERDICT_CLEAR};
	if (!setting->enabled)
		return;
	switch (rule) {
	case RULE_NO_RUNNING:
		no_running(facts, ret);
		break;
	case RULE_FAILED:
		failed(facts, ret);
		break;
	case RULE_LAG:
		lag(facts, setting, firing, ret);
		break;
	case RULE_STUCK:
		stuck(facts, setting, ret);
		break;
	case RULE_NO_STANDBY:
		no_standby(facts, ret);
		break;
	case RULE_BINLOG_HOURS_LEFT:
		binlog_hours_left(facts, setting, firing, ret);
		break;
	case RULE_DEAD_LETTERS:
		dead_letters(facts, setting, ret);
		break;
	case RULE_MACHINE_GONE:
	case RULE_ZOOKEEPER:
	case RULES:
		break;
	}
}

void rules_machine(const struct machine_facts *facts, const struct rule_setting *setting,
		   struct verdict *ret)
{
	char span[RULES_SPAN_MAX], bound[RULES_SPAN_MAX];
	*ret = (struct verdict){.state = VERDICT_CLEAR};
	if (!setting->enabled || !facts->gone || facts->gone_for > setting->threshold)
		return;
	value(ret, rules_span(facts->gone_for, span));
	char tasks[80] = "";
	if (facts->held > 0)
		snprintf(tasks, sizeof(tasks), "; it had %u task%s, for the standbys to run now",
			 facts->held, facts->held == 1 ? "" : "s");
	holds(ret, "The mr-core %s has been gone for %s without a clean stop%s.", facts->hostname,
	      span, tasks);
	next_step(ret,
		  "Look at the machine, and there at: systemctl status mr-core. If it was taken "
		  "away for good, this ends by itself %s after it went",
		  rules_span(setting->threshold, bound));
}

void rules_zookeeper(const struct zookeeper_facts *facts, struct verdict *ret)
{
	char span[RULES_SPAN_MAX];
	*ret = (struct verdict){.state = VERDICT_CLEAR};
	if (facts->connected)
		return;
	value(ret, rules_span(facts->away_for, span));
	holds(ret,
	      "ZooKeeper (%.300s) cannot be reached by mr-monitor %s for %s: no task is watched, "
	      "and those that cannot reach it either have stopped.",
	      facts->servers, facts->monitor, span);
	next_step(ret, "Look at the ensemble: echo ruok | nc HOST 2181, and the network between; "
		       "tasks and monitors go on by themselves when it is back");
}
