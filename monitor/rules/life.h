/*
 * life.h - how long a condition must hold, and not hold, before a person is told. Pure.
 *
 *   nothing --holds--> pending --for `wait`--> firing --clear for `hold`--> nothing
 *   pending --clear--> nothing, told to nobody
 *
 * Hysteresis: firing again within LIFE_FLAP_WINDOW of having been resolved doubles `hold`,
 * up to LIFE_HOLD_MAX, so that what flaps is told once and stays firing until it is quiet.
 * Times are of the monitor's own clock, which stands still while it cannot look.
 */
#ifndef MR_MONITOR_RULES_LIFE_H
#define MR_MONITOR_RULES_LIFE_H

#include "monitor/rules/rules.h"

#define LIFE_FLAP_WINDOW (3600 * USEC_PER_SEC)
#define LIFE_HOLD_MAX	 (3600 * USEC_PER_SEC)

enum life_state { LIFE_NOTHING, LIFE_PENDING, LIFE_FIRING };

/* All zero: nothing, never anything. */
struct life {
	int state;	    /* enum life_state */
	usec_t since;	    /* the condition holds */
	bool clear;	    /* firing, and it does not hold now … */
	usec_t clear_since; /* … since */
	bool resolved;	    /* it was, once … */
	usec_t resolved_at;
	unsigned flaps; /* times it came back within the window */
};

enum life_event {
	LIFE_SAME,
	LIFE_BEGAN,   /* pending */
	LIFE_DROPPED, /* was pending */
	LIFE_FIRED,
	LIFE_RESOLVED, /* was firing */
};

enum life_event life_step(struct life *l, enum verdict_state verdict, usec_t now,
			  const struct rule_setting *setting);
/* The `hold` in force. */
usec_t life_hold(const struct life *l, const struct rule_setting *setting);

#endif
