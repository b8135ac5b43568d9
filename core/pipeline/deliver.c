/* deliver.c - see deliver.h. */
#include "core/pipeline/deliver.h"

#include "common/contract/errors.h"
#include "common/os/log.h"
#include "core/pipeline/capture_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

enum {
	BATCH = 512,          /* records between two looks at acknowledgements */
	NAP_MS = 1000,        /* the pipe wants to be served once a second */
	NAP_REFUSED_MS = 100, /* while the pipe takes nothing */
	GRACE_MS = 300,       /* for the source's thread to finish the group it publishes */
	SHOW_MS = 100,        /* between copies of the position for other threads */
};

void deliver_ack(void *ctx, struct record *r)
{
	struct deliver *d = ctx;
	ledger_acked(d->ledger, r);
}

/* Hands over up to BATCH records. Returns how many, or a failure. */
static int hand_over(struct deliver *d, struct err *err)
{
	int n = 0;
	for (; n < BATCH; n++) {
		if (!d->pending)
			d->pending = ring_next(d->ring, NULL);
		struct record *r = d->pending;
		if (!r)
			break;
		if (r->kind == RECORD_MESSAGE) {
			int rc = pipe_put(d->pipe, r, err);
			if (rc == -EAGAIN)
				break;
			if (rc < 0)
				return rc;
		}
		ledger_taken(d->ledger, r);
		d->pending = NULL;
	}
	return n;
}

int deliver_may_act(struct deliver *d, struct err *err)
{
	struct err why = {0};
	int rc = checkpoint_may_act(d->checkpoint, &why);
	if (rc >= 0) {
		capture_hold(d->owner, rc == 0 ? &why : NULL);
		return rc;
	}
	d->unsaved = true;
	*err = why;
	return rc;
}

/* Saves what is safe, if it is time (or `now_or_never`). */
static int save(struct deliver *d, bool now_or_never, struct err *err)
{
	if (!now_or_never && clock_boot() < checkpoint_due(d->checkpoint))
		return 0;
	int rc = pipe_sync(d->pipe, err);
	if (rc < 0)
		return rc;
	rc = now_or_never ? checkpoint_flush(d->checkpoint, d->ledger, err)
			  : checkpoint_tick(d->checkpoint, d->ledger, clock_boot(), err);
	if (rc == -EAGAIN && !now_or_never) {
		if (!d->late)
			log_err(LOG_LEVEL_WARN, "the position is saved later", err);
		d->late = true;
		err_clear(err);
		return 0;
	}
	if (rc > 0 && d->late) {
		log_info("the position is saved again");
		d->late = false;
	}
	d->unsaved = rc < 0;
	return rc < 0 ? rc : 0;
}

/* Lets other threads see the position, not more often than they look. */
static void show(struct deliver *d, bool moved)
{
	d->stale |= moved;
	usec_t now = d->stale ? clock_boot() : 0;
	if (!d->stale || now - d->shown < SHOW_MS * USEC_PER_MSEC)
		return;
	d->shown = now;
	d->stale = false;
	capture_show_position(d->owner, &d->ledger->safe);
}

void deliver_nap(struct deliver *d, usec_t now, bool refused)
{
	usec_t wait = checkpoint_due(d->checkpoint) - now;
	int most = refused || atomic_load(d->stopping) ? NAP_REFUSED_MS : NAP_MS;
	int ms = wait > 0 && wait / 1000 < most ? (int)(wait / 1000) + 1 : most;
	struct pollfd fds[2] = {
		{.fd = pipe_fd(d->pipe), .events = POLLIN},
		{.fd = ring_fd(d->ring), .events = POLLIN},
	};
	/* With a record pending, or no more to come, only the pipe can bring anything. */
	if (refused || ring_closed(d->ring)) {
		poll(fds, 1, ms < NAP_REFUSED_MS ? ms : NAP_REFUSED_MS);
		return;
	}
	if (!ring_sleep(d->ring))
		return;
	poll(fds, 2, ms);
	ring_wake(d->ring);
}

bool deliver_all_taken(const struct deliver *d)
{
	return !d->pending && ring_used(d->ring) == 0;
}

bool deliver_is_over(struct deliver *d, bool done, bool moved, bool may)
{
	usec_t now = clock_boot();
	if (!done && atomic_load(d->stopping)) {
		if (!d->stop_since)
			d->stop_since = now;
		if (now - d->stop_since > GRACE_MS * USEC_PER_MSEC)
			ring_close(d->ring);
	}
	if (moved) {
		d->quiet_since = 0;
		atomic_store_explicit(d->last_ack, now, memory_order_relaxed);
	}
	if (!done || (moved && !atomic_load(d->hurry)))
		return false;
	if (!d->quiet_since || (*d->reached && !atomic_load(d->stopping)))
		d->quiet_since = now;
	/* While nothing may be handed over a stop has nothing to wait for. */
	return now - d->quiet_since > d->patience || atomic_load(d->hurry) ||
	       (!may && atomic_load(d->stopping));
}

int deliver_run(struct deliver *d, struct err *err)
{
	for (;;) {
		/* Read before the ring: what was published before it is then seen. */
		bool done = atomic_load(d->source_done);
		int may = deliver_may_act(d, err);
		if (may < 0)
			return may;
		int taken = may ? hand_over(d, err) : 0;
		int rc = taken < 0 ? taken : pipe_serve(d->pipe, 0, err);
		int moved = ledger_advance(d->ledger, d->ring);
		show(d, moved > 0);
		if (rc >= 0 && moved < 0)
			rc = err_set(err, moved, ERR_MEMORY, "no memory for the position");
		bool saving = rc >= 0;
		if (saving && may)
			rc = save(d, false, err);
		if (rc < 0) {
			/* The first failure is the one to tell; what is safe is saved all the same. */
			struct err second = {0};
			if (!saving && save(d, true, &second) < 0) {
				log_err(LOG_LEVEL_ERROR, "saving the position", &second);
				d->unsaved = false; /* not why it ends */
			}
			return rc;
		}
		if (done && deliver_all_taken(d))
			return save(d, true, err);
		bool busy = taken > 0 || moved > 0;
		if (deliver_is_over(d, done, busy, may)) {
			rc = save(d, true, err);
			return rc < 0 ? rc : -ETIMEDOUT;
		}
		if (!busy)
			deliver_nap(d, clock_boot(), d->pending != NULL || !may);
	}
}

/* Which message of which row it is, if it is one's. */
static void identify(const struct record *r, const struct record_group *group,
		     struct oversize *ret)
{
	if (!r->part || r->flags & RECORD_DEAD_LETTER)
		return;
	ret->gtid = group->gtid;
	ret->start = group->start;
	ret->row = r->row;
	ret->part = r->part;
}

void deliver_drop(struct deliver *d, const struct record *failed, struct capture_failure *where,
		  struct oversize *row, struct err *err)
{
	struct record_group group = {.gtid = d->ledger->group_gtid,
				     .start = d->ledger->group_start};
	while (ring_next(d->ring, NULL))
		;
	for (struct record *r; (r = ring_oldest(d->ring)); ring_release(d->ring)) {
		if (r->kind == RECORD_GROUP) {
			group = *record_as_group(r);
		} else if (r->kind == RECORD_XA) {
			prepared_unref(record_as_xa(r)->entry);
		} else if (r->kind == RECORD_MESSAGE) {
			if (r == failed) {
				identify(r, &group, row);
				where->at = group.start;
				gtid_format(&group.gtid, where->gtid);
				err_locate(err,
					   "row change %llu of the transaction that begins at "
					   "%.120s:%llu%s%s",
					   (unsigned long long)r->row, group.start.file,
					   (unsigned long long)group.start.pos,
					   where->gtid[0] ? ", GTID " : "", where->gtid);
			}
			if (r->flags & RECORD_OUTSIDE)
				free(r->outside);
		}
	}
}
