/*
 * rules.h - the rules of mr-monitor: facts in, verdicts out. Pure.
 *
 * One table (rules.c) gives each rule its name, defaults and meaning; it feeds the
 * configuration, the reference page and the checks. A verdict is about this moment; how long
 * it must hold before anybody is told is life.h's. Does not belong here: where facts come
 * from, who is told, any clock.
 */
#ifndef MR_MONITOR_RULES_RULES_H
#define MR_MONITOR_RULES_RULES_H

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/contract/alert.h"
#include "common/contract/control.h"
#include "common/contract/task.h"

/* Those of a task first, in the order of enum task_alert_rule. */
enum rule_id {
	RULE_NO_RUNNING,
	RULE_FAILED,
	RULE_LAG,
	RULE_STUCK,
	RULE_NO_STANDBY,
	RULE_BINLOG_HOURS_LEFT,
	RULE_DEAD_LETTERS,
	RULE_MACHINE_GONE,
	RULE_ZOOKEEPER,
	RULES,
};

struct rule_setting {
	bool enabled;
	usec_t threshold;
	usec_t wait;  /* "for": how long it must hold */
	usec_t hold;  /* "resolve_after": how long it must not hold to be over */
	int severity; /* enum alert_severity */
};

struct rule {
	const char *name;
	int subject;		      /* enum alert_subject */
	struct rule_setting fallback; /* hold -1: as long as `wait` */
	const char *threshold;	      /* what the threshold is; NULL: there is none */
	const char *meaning;	      /* one sentence, Markdown */
};

extern const struct rule rules[RULES];

/* -1: there is none of this name. */
int rules_find(const char *name);
/* The setting with what a task wants for itself laid over it. */
struct rule_setting rules_setting(const struct rule_setting *general, const struct task_alert *own);
/* The reference page, Markdown. */
void rules_print_reference(struct buf *out);

enum verdict_state {
	VERDICT_CLEAR,
	VERDICT_HOLDS,
	VERDICT_UNKNOWN, /* nothing can be said now: whatever was, stays */
};

enum { VERDICT_VALUE_MAX = 96, VERDICT_MESSAGE_MAX = 900, VERDICT_STEP_MAX = 400 };

/* The texts are for VERDICT_HOLDS: a person at three in the morning reads them. */
struct verdict {
	int state; /* enum verdict_state */
	char value[VERDICT_VALUE_MAX];
	char message[VERDICT_MESSAGE_MAX];
	char next_step[VERDICT_STEP_MAX];
};

/* Durations are as this monitor has seen them: the time that it could not look is left out. */
struct task_facts {
	const char *name;
	bool hot;
	bool has_document;
	const char *control_error; /* "": it can be read, or is not there */
	int desired;		   /* enum control_desired */
	size_t instances;	   /* nodes */
	/* Of the first instance, which runs the task; all below need `read`. */
	const char *node;   /* "" without one */
	bool read;	    /* its document was read; else it is broken or just went */
	const char *broken; /* why it cannot be read; "" */
	int state;	    /* enum report_state */
	const char *hostname;
	usec_t state_for;
	usec_t lag;		  /* -1: not known */
	double binlog_hours_left; /* negative: not known */
	uint64_t dead_letters;	  /* of this run */
	usec_t letters_for;	  /* since their number rose; -1: it did not */
	const char *error_code;	  /* "" without one */
	const char *error_message;
	const char *position; /* for messages: "binlog.000002:1234" or "" */
	const char *source_head;
	usec_t stood_for;  /* since its position or its counters moved */
	usec_t head_for;   /* since the source moved on without it; 0: it did not */
	bool at_head;	   /* its position is the source's head */
	usec_t silent_for; /* since its document was written */
};

/* `firing`: it is; a rule with a threshold then ends a little below it. */
void rules_task(enum rule_id rule, const struct task_facts *facts,
		const struct rule_setting *setting, bool firing, struct verdict *ret);

struct machine_facts {
	const char *hostname;
	bool gone; /* and no clean stop was seen */
	usec_t gone_for;
	unsigned held; /* tasks, as it last said */
};

void rules_machine(const struct machine_facts *facts, const struct rule_setting *setting,
		   struct verdict *ret);

struct zookeeper_facts {
	const char *monitor; /* this process */
	const char *servers;
	bool connected;
	usec_t away_for;
};

void rules_zookeeper(const struct zookeeper_facts *facts, struct verdict *ret);

/* "4 min 12 s", for people. */
enum { RULES_SPAN_MAX = 40 };
const char *rules_span(usec_t span, char out[RULES_SPAN_MAX]);

#endif
