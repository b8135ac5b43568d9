/* life.c - see life.h. */
#include "monitor/rules/life.h"

usec_t life_hold(const struct life *l, const struct rule_setting *setting)
{
	usec_t hold = setting->hold;
	for (unsigned i = 0; i < l->flaps && hold < LIFE_HOLD_MAX; i++)
		hold *= 2;
	return hold > LIFE_HOLD_MAX && setting->hold <= LIFE_HOLD_MAX ? LIFE_HOLD_MAX : hold;
}

static enum life_event fire(struct life *l, usec_t now)
{
	bool back = l->resolved && now - l->resolved_at < LIFE_FLAP_WINDOW;
	l->flaps = back ? l->flaps + 1 : 0;
	l->state = LIFE_FIRING;
	l->clear = false;
	return LIFE_FIRED;
}

enum life_event life_step(struct life *l, enum verdict_state verdict, usec_t now,
			  const struct rule_setting *setting)
{
	if (verdict == VERDICT_UNKNOWN)
		return LIFE_SAME;
	bool holds = verdict == VERDICT_HOLDS;
	switch ((enum life_state)l->state) {
	case LIFE_NOTHING:
		if (!holds)
			return LIFE_SAME;
		l->since = now;
		l->state = LIFE_PENDING;
		return setting->wait <= 0 ? fire(l, now) : LIFE_BEGAN;
	case LIFE_PENDING:
		if (!holds) {
			l->state = LIFE_NOTHING;
			return LIFE_DROPPED;
		}
		return now - l->since >= setting->wait ? fire(l, now) : LIFE_SAME;
	case LIFE_FIRING:
		if (holds) {
			l->clear = false;
			return LIFE_SAME;
		}
		if (!l->clear) {
			l->clear = true;
			l->clear_since = now;
		}
		if (now - l->clear_since < life_hold(l, setting))
			return LIFE_SAME;
		l->state = LIFE_NOTHING;
		l->clear = false;
		l->resolved = true;
		l->resolved_at = now;
		return LIFE_RESOLVED;
	}
	return LIFE_SAME;
}
