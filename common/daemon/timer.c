/* timer.c - the timers of daemon.h, on sd_event. */
#include "common/daemon/daemon.h"

#include <stdlib.h>

enum { ACCURACY_US = 5000 };

struct daemon_timer {
	sd_event_source *source;
	daemon_timer_fn *fn;
	void *ctx;
	bool set;   /* set anew, or freed, by the function that runs */
	bool inside;
	bool freed;
};

static int fire(sd_event_source *source, uint64_t usec, void *arg)
{
	struct daemon_timer *t = arg;
	(void)source;
	(void)usec;
	t->set = false;
	t->inside = true;
	usec_t in = t->fn(t->ctx);
	t->inside = false;
	if (t->freed)
		daemon_timer_free(t);
	else if (in > 0 && !t->set)
		daemon_timer_set(t, in);
	return 0;
}

struct daemon_timer *daemon_timer_new(struct daemon *d, usec_t in, daemon_timer_fn *fn, void *ctx)
{
	struct daemon_timer *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->fn = fn;
	t->ctx = ctx;
	if (sd_event_add_time_relative(daemon_loop(d), &t->source, CLOCK_BOOTTIME, (uint64_t)in,
				       ACCURACY_US, fire, t) < 0) {
		free(t);
		return NULL;
	}
	return t;
}

void daemon_timer_set(struct daemon_timer *t, usec_t in)
{
	t->set = true;
	if (sd_event_source_set_time_relative(t->source, (uint64_t)in) >= 0)
		sd_event_source_set_enabled(t->source, SD_EVENT_ONESHOT);
}

void daemon_timer_free(struct daemon_timer *t)
{
	if (!t)
		return;
	if (t->inside) {
		t->freed = true;
		return;
	}
	sd_event_source_disable_unref(t->source);
	free(t);
}
