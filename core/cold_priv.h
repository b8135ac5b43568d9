/* cold_priv.h - what the files of cold.h share. */
#ifndef MR_CORE_COLD_PRIV_H
#define MR_CORE_COLD_PRIV_H

#include "core/cold.h"

#include "common/base/hash.h"
#include "common/contract/paths.h"
#include "common/zk/watch.h"
#include "core/cold_survey.h"

enum {
	STIR_MS = 50,         /* from news to the look at it: more of it may follow at once */
	HASTE_MS = 250,       /* between looks while tasks wait for a core, at first, */
	HASTE_FOR_MS = 1000,
	PATIENT_MS = 1000,    /* then, */
	PATIENT_FOR_MS = 15000, /* and after that at the interval */
	LATE_MS = 2000,       /* nobody's for so long: not only for the one it is meant for; */
	OVERDUE_MS = 5000,    /* for whoever has room, beyond its share too */
	GIVE_EVERY_MS = 1000, /* between two tasks that are given back, at least */
	GIVEN_IN_VAIN_S = 30, /* nobody took it: the next one later, and later */
	GIVEN_IN_VAIN_MAX_S = 600,
	STEADY_MAX_S = 10,    /* up for so long, or one interval: nothing is given to it before */
	GATHER_MS = 2000,     /* after a start nothing is taken before the others are there too; */
	GATHER_MORE_MS = 1500, /* another one came meanwhile; */
	GATHER_MAX_MS = 4000,
};

/* A task that is to be remembered from look to look: nobody has it, or it failed here. */
struct cold_memory {
	char task[TASK_NAME_MAX + 1];
	char group[TASK_NAME_MAX + 1]; /* "": not met since */
	usec_t unheld_since;           /* boot clock; 0: somebody has it */
	usec_t avoided_at;             /* 0: never */
	bool seen;
	UT_hash_handle hh;
};

struct cold_group {
	struct cold *cold;
	char name[TASK_NAME_MAX + 1];
	struct zk_watch *tasks_watch, *offer_watch;
	struct zk_names tasks;
	bool known;       /* tasks were told */
	bool offer_known; /* the first word of /offers/<group> is no news */
	bool wanted;      /* still one of ours: false while groups are compared */
	struct zk_op *offer_op;
	bool offer_again;
	size_t others;     /* cores that could have its tasks too, */
	uint64_t who;      /* and a sum over their names: it differs when they do */
	char given[TASK_NAME_MAX + 1]; /* on its way to another core; "" */
	usec_t give_after, give_pause;
	struct cold_group *next;
};

struct cold {
	struct daemon *daemon;
	struct zk *zk;
	struct cold_callbacks cb;
	struct daemon_timer *timer;
	usec_t due; /* boot clock, of the timer */
	struct zk_watch *machines_watch, *drains_watch;
	struct zk_names machines, drains;
	bool machines_known, drains_known;
	struct cold_group *groups, *at; /* at: the one that is looked at, */
	struct survey *survey;          /* by this */
	bool again;
	usec_t restless_since; /* tasks wait, since; 0: none does */
	bool waiting;          /* in the look at hand */
	usec_t gather_from, gather_until;
	bool gather_always; /* even where others have been there for long */
	struct cold_memory *memories;
};

/* cold_decide.c: what follows from a look at c->at. */
void cold_decide(struct cold *c, const struct survey_result *r);
void cold_forget_all(struct cold *c);
/* NULL: no memory. */
struct cold_memory *cold_remember(struct cold *c, const char *task);

#endif
