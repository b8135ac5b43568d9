/*
 * alert.h - the alert document: something a person should know of (`/alerts/<id>`).
 *
 * Written by the one monitor that alerts, before it sends anything, and marked after a
 * channel took it: its successor neither repeats nor forgets. A report: members that are
 * not known are left out on reading (report.h). Everything named here must be there.
 */
#ifndef MR_CONTRACT_ALERT_H
#define MR_CONTRACT_ALERT_H

#include "common/contract/paths.h"
#include "common/contract/report.h"

enum {
	ALERT_VERSION = 1,
	ALERT_DOCUMENT_MAX = 64 * 1024,
	ALERT_NOTIFIED_MAX = 64, /* channels that are kept */
};

enum alert_subject { ALERT_TASK, ALERT_MACHINE, ALERT_CLUSTER };
enum alert_severity { ALERT_PAGE, ALERT_TICKET, ALERT_INFO };
enum alert_state {
	ALERT_PENDING, /* the condition holds, not yet for long enough */
	ALERT_FIRING,
	ALERT_RESOLVED, /* it held for long enough, and no longer does */
};

/* What a channel took last. */
struct alert_notified {
	char *channel;
	int state; /* enum alert_state: firing or resolved */
	uint64_t at_ms;
};

struct alert_doc {
	char *rule;  /* "lag" */
	int subject; /* enum alert_subject: what `name` is a name of */
	char *name;
	int severity;	      /* enum alert_severity */
	int state;	      /* enum alert_state */
	uint64_t since_ms;    /* the condition holds; times are milliseconds since 1970 */
	uint64_t firing_ms;   /* 0 while pending */
	uint64_t resolved_ms; /* 0 until resolved */
	uint32_t flaps;	      /* times it came back soon after it was resolved; optional */
	char *value;	      /* what was measured: "41 s" */
	char *message;
	char *next_step;
	struct alert_notified *notified;
	size_t nnotified;
};

/* Pending, of a task, severity page. 0 or -ENOMEM. */
int alert_doc_init(struct alert_doc *d) MR_MUST_CHECK;
void alert_doc_clear(struct alert_doc *d);
int alert_doc_parse(const char *text, size_t len, struct alert_doc *ret,
		    struct err *err) MR_MUST_CHECK;
/* One line. Check out->failed. */
void alert_doc_print(const struct alert_doc *d, struct buf *out);
const char *alert_subject_name(enum alert_subject subject);
const char *alert_severity_name(enum alert_severity severity);
const char *alert_state_name(enum alert_state state);
/* NULL at the end: for configuration. */
extern const char *const alert_severities[];

/* A channel took this state. 0, -ENOMEM, or -ENOSPC when there are ALERT_NOTIFIED_MAX. */
int alert_doc_mark(struct alert_doc *d, const char *channel, enum alert_state state,
		   uint64_t now_ms) MR_MUST_CHECK;
/* What the channel took last, or -1: nothing yet. */
int alert_doc_marked(const struct alert_doc *d, const char *channel);

/*
 * "<rule>:<name>", the node's name. A name that is no part of an id, or too long for one,
 * is made one, ending in '-' and eight digits of its CRC.
 */
void alert_id(const char *rule, const char *name, char ret_id[PATHS_ID_MAX + 1]);

#endif
