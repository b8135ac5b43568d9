/*
 * commit.c - see commit.h. One transaction of the pipe:
 *
 *   open      the first message was handed over; more follow
 *   closing   a place was found where it can end: nothing more is handed over
 *   settled   all of it is acknowledged, and the ledger has applied it: ledger.safe is the
 *             position behind it
 *   committed with that position; the next message opens the next one
 *
 * It ends behind a MARK (between two groups of the source): at once when the task has caught
 * up, which is when nothing is in the queue and little on its way; by size or time otherwise. Inside a
 * group only when the group is larger than memory.group_bytes, so that readers see it grow
 * and nothing is held back for long, or when brokers are so slow that the transaction would
 * outlive its timeout; the position then has `partial`.
 *
 * What becomes of the position when something here is wrong: it is committed without rows it
 * covers, and they are lost; or with messages that it does not cover, and they come twice.
 * Hence settled() and covered() before every commit, and no other caller.
 */
#include "core/pipeline/commit.h"

#include "common/contract/errors.h"
#include "common/os/log.h"
#include "core/pipeline/capture_priv.h"

#include <errno.h>

enum {
	BATCH = 512,           /* records between two looks at acknowledgements */
	/* Under load; the figures: docs/decisions/0025-exactly-once.md. */
	COMMIT_BYTES = 64 << 20,
	COMMIT_MS = 200,
	/*
	 * Not yet acknowledged, with nothing in the queue: the source has nothing more. With more
	 * than that on its way the pipe is what is behind, not the source, and a commit would
	 * only wait for it with empty hands, again and again.
	 */
	CAUGHT_UP = 256 << 10,
	GROUP_MS = 3000,       /* inside a group over memory.group_bytes */
	SLOW_MS = 15000,       /* inside any group: half of the transaction's timeout */
	POSITION_MS = 10000,   /* a position without rows: what passed was filtered */
	TIMEOUT_MS = 30000,    /* transaction.timeout.ms, see kafka_conf.c */
};

enum place { INSIDE, BEHIND_ROW, BEHIND_GROUP };

struct commit {
	struct deliver *d;
	enum place place;      /* of what was handed over last */
	uint64_t messages;     /* in the open transaction */
	uint64_t bytes;
	uint64_t group_bytes;  /* of the group at hand, over all transactions */
	usec_t opened;
	usec_t last;           /* commit */
	uint64_t moves;        /* of the ledger, at the last commit */
	bool closing;
	usec_t now;
};

/* ---------------------------------------------------------------- where it ends */

static usec_t ms(int n)
{
	return n * USEC_PER_MSEC;
}

/*
 * Whether the position that is settled covers all that was handed over. Not between the
 * messages of a row, nor behind one in front of a group's first row. Nor inside a group that
 * another server has in front of the one that is committed in part: only of that one the
 * position tells how many rows are.
 */
static bool covered(const struct commit *c)
{
	return c->place == BEHIND_GROUP || (c->place == BEHIND_ROW && !c->d->ledger->awaits);
}

/* Whether the open transaction should end here although there may be more. */
static bool is_full(const struct commit *c)
{
	if (c->messages == 0 || !covered(c))
		return false;
	usec_t age = c->now - c->opened;
	if (c->place == BEHIND_GROUP)
		return c->bytes >= COMMIT_BYTES || age >= ms(COMMIT_MS);
	uint64_t large = c->d->owner->o.task->memory.group_bytes;
	return (c->group_bytes > large && age >= ms(GROUP_MS)) || age >= ms(SLOW_MS);
}

static bool has_moved(const struct commit *c)
{
	return ledger_stats_read(c->d->ledger).moves != c->moves;
}

/* Nothing more to hand over: at once, or later if there are no rows to be seen. */
static bool ends_when_empty(const struct commit *c)
{
	if (c->place != BEHIND_GROUP)
		return false;
	if (c->messages == 0)
		return has_moved(c) && c->now - c->last >= ms(POSITION_MS);
	return ring_used(c->d->ring) <= CAUGHT_UP;
}

/* ---------------------------------------------------------------- handing over */

static void note(struct commit *c, const struct record *r)
{
	uint64_t n = (uint64_t)r->key_len + r->headers_len + r->value_len;
	switch (r->kind) {
	case RECORD_MESSAGE:
		if (c->messages++ == 0)
			c->opened = c->now;
		c->bytes += n;
		/* Behind a heartbeat is where it was in front: an idle source sends nothing else. */
		if (r->flags & RECORD_APART)
			break;
		c->group_bytes += n;
		c->place = r->flags & RECORD_ROW_END ? BEHIND_ROW : INSIDE;
		break;
	case RECORD_GROUP: /* nothing of it is handed over yet */
		c->group_bytes = 0;
		break;
	case RECORD_MARK:
		c->place = BEHIND_GROUP;
		break;
	default: /* XA: its MARK follows */
		break;
	}
}

/* Up to BATCH records, or to the transaction's end. Returns how many, or a failure. */
static int hand_over(struct commit *c, struct err *err)
{
	struct deliver *d = c->d;
	int n = 0;
	for (; n < BATCH; n++) {
		/* Also while the pipe refuses the next one: its time passes then, too. */
		if (is_full(c)) {
			c->closing = true;
			break;
		}
		if (!d->pending)
			d->pending = ring_next(d->ring, NULL);
		struct record *r = d->pending;
		if (!r) {
			c->closing = ends_when_empty(c);
			break;
		}
		if (r->kind == RECORD_MESSAGE) {
			int rc = pipe_put(d->pipe, r, err);
			if (rc == -EAGAIN) {
				/* Its topic is being made, say: what is in front need not wait. */
				c->closing = c->messages > 0 && c->place == BEHIND_GROUP;
				break;
			}
			if (rc < 0)
				return rc;
		}
		ledger_taken(d->ledger, r);
		note(c, r);
		d->pending = NULL;
	}
	return n;
}

/* ---------------------------------------------------------------- committing */

/* Everything that was handed over is acknowledged and applied. */
static bool settled(const struct commit *c)
{
	return ledger_stats_read(c->d->ledger).in_flight == 0;
}

static int commit(struct commit *c, struct err *err)
{
	struct deliver *d = c->d;
	int rc = capture_commit(d->owner, &d->ledger->safe, err);
	if (rc == -EAGAIN) { /* ZooKeeper: the definitions in front cannot be kept now */
		if (!d->late)
			log_err(LOG_LEVEL_WARN, "committing later", err);
		d->late = true;
		err_clear(err);
		return 0;
	}
	if (rc < 0)
		return rc;
	c->closing = false;
	c->messages = c->bytes = 0;
	c->last = clock_boot();
	c->moves = ledger_stats_read(d->ledger).moves;
	return 1;
}

/* A copy of what is committed, if it is time (or `now_or_never`). */
static int copy(struct commit *c, bool now_or_never, struct err *err)
{
	struct deliver *d = c->d;
	int rc = now_or_never ? checkpoint_copy(d->checkpoint, err)
			      : checkpoint_copy_tick(d->checkpoint, clock_boot(), err);
	if (rc == -EAGAIN) { /* nothing is lost: the pipe has it */
		if (!d->late)
			log_err(LOG_LEVEL_WARN, "the position is copied later", err);
		d->late = true;
		err_clear(err);
		return 0;
	}
	if (rc > 0 && d->late) {
		log_info("the position is copied again");
		d->late = false;
	}
	d->unsaved = rc < 0;
	return rc < 0 ? rc : 0;
}

/* ---------------------------------------------------------------- the loop */

/* One round: what can be done now. Returns whether anything moved, or a failure. */
static int step(struct commit *c, bool may, struct err *err)
{
	struct deliver *d = c->d;
	c->now = clock_boot();
	int taken = may && !c->closing ? hand_over(c, err) : 0;
	int rc = taken < 0 ? taken : pipe_serve(d->pipe, 0, err);
	if (rc >= 0 && c->closing && may && !settled(c)) {
		pipe_hasten(d->pipe);
		rc = pipe_serve(d->pipe, 0, err);
	}
	int moved = ledger_advance(d->ledger, d->ring);
	if (rc >= 0 && moved < 0)
		rc = err_set(err, moved, ERR_MEMORY, "no memory for the position");
	int committed = 0;
	if (c->closing && settled(c) && !covered(c))
		c->closing = false; /* the ledger has met the group since */
	if (rc >= 0 && may && c->closing && settled(c))
		rc = committed = commit(c, err);
	if (rc >= 0 && may)
		rc = copy(c, false, err);
	return rc < 0 ? rc : taken > 0 || moved > 0 || committed > 0;
}

/*
 * All is handed over and acknowledged. Where the source broke off inside a row (the queue was
 * closed, or a value of it has no form) what is open is given up: it comes again.
 */
static int finish(struct commit *c, struct err *err)
{
	if (c->messages > 0 && !covered(c))
		return -ETIMEDOUT;
	int rc = c->messages > 0 || has_moved(c) ? commit(c, err) : 1;
	if (rc == 0)
		return 0; /* the definitions: again */
	if (rc > 0)
		rc = copy(c, true, err);
	return rc < 0 ? rc : 1;
}

/*
 * The brokers end what is open for too long, and this producer with it: it looks as if another one
 * had taken over. It begins again, and where brokers stay so slow, again and again.
 */
static void explain(const struct commit *c, struct err *err)
{
	usec_t age = clock_boot() - c->opened;
	if (c->messages == 0 || age < ms(TIMEOUT_MS))
		return;
	if (err->kind == ERR_PIPE_FENCED || err->kind == ERR_PIPE_FATAL)
		err_prefix(err,
			   "the transaction was open for %lld s with %llu messages, and could not "
			   "end before: brokers end one after %d s",
			   (long long)(age / USEC_PER_SEC), (unsigned long long)c->messages,
			   TIMEOUT_MS / 1000);
}

int commit_run(struct deliver *d, struct err *err)
{
	struct commit c = {.d = d, .place = BEHIND_GROUP, .last = clock_boot()};
	for (;;) {
		/* Read before the ring: what was published before it is then seen. */
		bool done = atomic_load(d->source_done);
		int may = deliver_may_act(d, err);
		if (may < 0)
			return may;
		int rc = step(&c, may > 0, err);
		bool moved = rc > 0;
		if (rc >= 0 && done && deliver_all_taken(d) && may)
			rc = finish(&c, err);
		else if (rc > 0)
			rc = 0;
		if (rc > 0)
			return 0;
		if (rc < 0) {
			struct err second = {0};
			bool unsaved = d->unsaved;
			explain(&c, err);
			if (!unsaved && copy(&c, true, &second) < 0)
				log_err(LOG_LEVEL_ERROR, "copying the position", &second);
			d->unsaved = unsaved; /* not why it ends */
			return rc;
		}
		if (deliver_is_over(d, done, moved, may)) {
			rc = copy(&c, true, err);
			return rc < 0 ? rc : -ETIMEDOUT;
		}
		if (!moved && (!c.closing || !may || d->late))
			deliver_nap(d, c.now, d->pending != NULL || !may || c.closing);
	}
}
