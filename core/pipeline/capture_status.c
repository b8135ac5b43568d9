/*
 * capture_status.c - what a capture tells of itself, to any thread: counters, lag, safe
 * position, what it waits for, what it failed at. See capture.h.
 */
#include "common/contract/errors.h"
#include "common/os/log.h"
#include "core/pipeline/capture_priv.h"

#include <errno.h>

const char *capture_state_name(enum capture_state state)
{
	static const char *const names[] = {"STARTING", "RUNNING", "RETRYING", "FAILED", "STOPPED"};
	return names[state];
}

/* Age of what the source has and the pipe has not, by the source's clock. */
static usec_t lag_of(const struct capture *c, uint64_t delivered, usec_t commit_time)
{
	usec_t now = source_time(&c->source);
	uint64_t read = atomic_load(&c->source.groups);
	usec_t event = atomic_load(&c->source.last_event);
	usec_t heartbeat = atomic_load(&c->source.last_heartbeat);
	if (!event && !heartbeat)
		return -1;
	if (delivered < read && commit_time)
		return now > commit_time ? now - commit_time : 0;
	if (atomic_load(&c->source.away))
		return -1; /* what the source has by now, nobody can say */
	/* All that was read is delivered. A heartbeat behind the last event: idle. */
	if (heartbeat > event)
		return 0;
	usec_t lag = atomic_load(&c->source.read_lag);
	return lag > 0 ? lag : 0;
}

void capture_status(struct capture *c, struct capture_status *ret)
{
	pthread_mutex_lock(&c->lock);
	*ret = c->past;
	struct ledger_stats l = {0};
	if (c->ledger_live)
		l = ledger_stats_read(&c->ledger);
	if (c->pipe) {
		struct pipe_stats p;
		pipe_stats(c->pipe, &p);
		ret->pipe_errors += p.errors;
	}
	ret->dead_letters += c->transactional ? c->dead_letters : l.dead_letters;
	pthread_mutex_unlock(&c->lock);
	ret->rows += l.rows;
	ret->messages += l.messages;
	ret->bytes += l.bytes;
	ret->transactions += l.groups;
	ret->in_flight = l.in_flight;
	ret->lag = lag_of(c, ret->transactions, l.commit_time);
	ret->last_event = atomic_load(&c->source.last_event);
	ret->last_heartbeat = atomic_load(&c->source.last_heartbeat);
	usec_t first = atomic_load(&c->source.first_event);
	usec_t last_ack = atomic_load(&c->last_ack);
	if (first)
		ret->busy = (last_ack > first ? last_ack : clock_boot()) - first;
	ret->state = (enum capture_state)atomic_load(&c->state);
	if (ret->state == CAPTURE_RUNNING &&
	    (atomic_load(&c->source.away) || atomic_load(&c->pipe_away) || atomic_load(&c->held)))
		ret->state = CAPTURE_RETRYING;
	if (ret->state == CAPTURE_STARTING &&
	    (atomic_load(&c->source.away) || atomic_load(&c->held)))
		ret->state = CAPTURE_RETRYING;
}

/* ---------------------------------------------------------------- position */

void capture_show_position(struct capture *c, const struct position *safe)
{
	pthread_mutex_lock(&c->lock);
	/* Without memory the one of before is shown. */
	if (position_copy(&c->shown, safe) == 0)
		c->has_shown = true;
	pthread_mutex_unlock(&c->lock);
}

int capture_position(struct capture *c, struct position *ret)
{
	pthread_mutex_lock(&c->lock);
	int rc = c->has_shown ? position_copy(ret, &c->shown) : -ENOENT;
	pthread_mutex_unlock(&c->lock);
	return rc;
}

/* ---------------------------------------------------------------- what is wrong */

void capture_pipe_state(void *ctx, enum pipe_state state, const char *reason)
{
	struct capture *c = ((struct deliver *)ctx)->owner;
	pthread_mutex_lock(&c->lock);
	err_set(&c->pipe_why, 0, ERR_PIPE_UNREACHABLE, "the pipe is away: %s", reason);
	pthread_mutex_unlock(&c->lock);
	atomic_store(&c->pipe_away, state == PIPE_AWAY);
	if (state == PIPE_AWAY)
		log_warn("the pipe is away, waiting for it: %s", reason);
	else
		log_info("the pipe is back");
}

void capture_hold(struct capture *c, const struct err *why)
{
	if (why) {
		pthread_mutex_lock(&c->lock);
		c->held_why = *why;
		pthread_mutex_unlock(&c->lock);
	}
	if (atomic_exchange(&c->held, why != NULL) == (why != NULL))
		return;
	if (why)
		log_err(LOG_LEVEL_WARN, "ZooKeeper is away, waiting for it", why);
	else
		log_info("ZooKeeper is back");
}

bool capture_waiting(struct capture *c, struct err *ret)
{
	bool waiting = true;
	if (atomic_load(&c->held)) {
		pthread_mutex_lock(&c->lock);
		*ret = c->held_why;
		pthread_mutex_unlock(&c->lock);
	} else if (atomic_load(&c->pipe_away)) {
		pthread_mutex_lock(&c->lock);
		*ret = c->pipe_why;
		pthread_mutex_unlock(&c->lock);
	} else if (atomic_load(&c->source.away)) {
		source_why(&c->source, ret);
	} else {
		waiting = false;
	}
	return waiting;
}

void capture_note_failure(struct capture *c, const struct capture_failure *f)
{
	pthread_mutex_lock(&c->lock);
	c->failure = *f;
	pthread_mutex_unlock(&c->lock);
}

bool capture_failure(struct capture *c, struct capture_failure *ret)
{
	pthread_mutex_lock(&c->lock);
	bool known = c->failure.at.file[0] != 0;
	if (known)
		*ret = c->failure;
	pthread_mutex_unlock(&c->lock);
	return known;
}
