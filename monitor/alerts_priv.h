/*
 * alerts_priv.h - one alert, for alerts.c (conditions), alerts_store.c (/alerts) and
 * alerts_tell.c (channels). Main thread.
 */
#ifndef MR_MONITOR_ALERTS_PRIV_H
#define MR_MONITOR_ALERTS_PRIV_H

#include "monitor/alerts.h"
#include "monitor/fetch.h"

enum {
	ALERTS_MAX = 50000, /* kept; further ones are logged */
	WRITES_AT_ONCE = 64,
	REFRESH_S = 60,		   /* of a firing alert's value in /alerts */
	KEEP_RESOLVED_S = 3600,	   /* so that `mrctl alert list` and flapping know it … */
	KEEP_UNTOLD_S = 7 * 86400, /* … and longer while a channel is down */
};

/* To one channel. */
struct delivery {
	uint64_t job;  /* 0: none under way */
	int job_state; /* what it tells */
	int gave_up;   /* this state is not told again; -1 */
	usec_t since;  /* clock_boot: first given to the sender, though taken back since; 0 */
};

struct alert {
	struct alerts *a;
	char id[PATHS_ID_MAX + 1];
	int rule; /* enum rule_id */
	bool local;
	struct alert_doc doc;
	struct life life;
	uint64_t before_firing_ms,
	    before_resolved_ms; /* of what was resolved before this pending */
	bool reported;

	/* In /alerts. */
	bool stored;
	bool dirty;
	bool drop;     /* the node goes, then this */
	bool gone;     /* it went */
	bool deleting; /* what op does */
	int32_t version;
	unsigned generation, written; /* what of dirty is under way */
	struct zk_op *op;
	usec_t refreshed_at; /* clock_boot */

	struct delivery *deliveries; /* one a channel */
};

struct alerts {
	struct alerts_options o;
	struct alert **v; /* sorted by id */
	size_t n, room;
	bool lead, leading, closing;
	usec_t now; /* the monitor's own clock, as last told */
	size_t writes;
	struct zk_op *list_op; /* children of /alerts */
	struct fetch *fetch;
	struct zk_names names;
	char path[PATHS_SIZE]; /* of the fetch */
	bool refused_said, full_said;
};

static inline uint64_t alerts_wall_ms(void)
{
	return (uint64_t)(clock_wall() / USEC_PER_MSEC);
}

/* alerts.c */
struct alert *alerts_find(struct alerts *a, const char *id);
struct alert *alerts_add(struct alerts *a, const char *id, int rule);
void alert_free(struct alert *alert);
void alert_changed(struct alert *alert); /* to be written */
/* There is something new to tell: what was given up before is tried. */
void alert_tell_anew(struct alert *alert);

/* alerts_store.c */
void alerts_store_load(struct alerts *a);
void alerts_store_stop(struct alerts *a);
void alert_store(struct alert *alert);

/* alerts_tell.c */
void alert_tell(struct alert *alert);
bool alert_has_channel(const struct alert *alert, const char *name);
/* Takes back what waits. */
void alert_hush(struct alert *alert);
/* Every channel that ought to know knows, or it was given up. */
bool alert_told(const struct alert *alert);

#endif
