/*
 * start.c - where a capture begins: the position becomes ours, and is learned. Of a
 * transactional task that is all of protocol.md's rule 2: whoever wrote before is fenced,
 * the pipe's position is read and compared with the kept one, and claimed in the pipe.
 *
 * What becomes of the position when something here is wrong: a successor is fenced by its
 * predecessor, or rows between two positions are left out or come twice. Hence the order of
 * take_over(). capture_run()'s thread.
 */
#include "common/contract/errors.h"
#include "common/os/log.h"
#include "common/os/random.h"
#include "core/pipeline/capture_priv.h"
#include "core/pipeline/setup.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

/*
 * Is the new position one that was passed on the way to the saved one? Then what was recorded
 * on that way holds there too.
 */
static bool was_passed(struct checkpoint *k, const struct position *p)
{
	struct position old;
	struct err ignored;
	if (!checkpoint_found(k))
		return false;
	position_init(&old, checkpoint_flavor(k));
	bool passed = false;
	if (old.flavor == p->flavor && checkpoint_load(k, &old, &ignored) == 0) {
		if (old.gtids && p->gtids)
			passed = gtid_set_covers(old.gtids, p->gtids);
		else if (!old.gtids && !p->gtids && strcmp(old.source, p->source) == 0)
			passed = binlog_pos_compare(&p->at, &old.at) == -1;
	}
	position_clear(&old);
	return passed;
}

/* Where a task begins that has no position, or was given another one; saved at once. */
static int resolve_start(struct capture *c, const struct server_start *start, struct err *err)
{
	struct checkpoint *k = c->o.checkpoint;
	int rc = source_find_start(c->o.task, start, &c->stop, &c->safe, err);
	if (rc == 0 && schema_store_begin(checkpoint_history(k), &c->safe, c->safe.source,
					  was_passed(k, &c->safe)) < 0)
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for table definitions");
	/*
	 * Saved before anything is read: a crash before the first commit must not resolve
	 * `latest` again, later. (Transactional: by the claim.)
	 */
	return rc < 0 || c->transactional ? rc : checkpoint_save(k, &c->safe, err);
}

/* The saved position, else what the document says. */
static int learn_position(struct capture *c, struct err *err)
{
	struct checkpoint *k = c->o.checkpoint;
	struct server_start start;
	int rc = setup_start(c->o.task, checkpoint_control(k), checkpoint_ordered(k), &start, err);
	if (rc < 0)
		return rc;
	c->start_time = start.time;
	if (!checkpoint_found(k) || checkpoint_ordered(k))
		return resolve_start(c, &start, err);
	position_clear(&c->safe);
	position_init(&c->safe, checkpoint_flavor(k));
	rc = checkpoint_load(k, &c->safe, err);
	if (rc == 0)
		log_info("resuming behind %s:%llu", c->safe.at.file,
			 (unsigned long long)c->safe.at.pos);
	return rc;
}

static int take_position(struct capture *c, struct err *err)
{
	int rc = c->claimed ? 0 : checkpoint_claim(c->o.checkpoint, err);
	if (rc < 0)
		return rc;
	c->claimed = true;
	return learn_position(c, err);
}

/* ---------------------------------------------------------------- transactional */

static bool is_stopping(void *ctx)
{
	return atomic_load(&((struct capture *)ctx)->stop.stopping);
}

/* While committing: only whoever will not wait ends it, or another's claim. */
static bool gives_up(void *ctx)
{
	struct capture *c = ctx;
	return atomic_load(&c->hurry) || checkpoint_may_act(c->o.checkpoint, NULL) < 0;
}

int capture_commit(struct capture *c, const struct position *p, struct err *err)
{
	struct checkpoint *k = c->o.checkpoint;
	int rc = checkpoint_compose(k, p, &c->text, err);
	if (rc < 0)
		return rc;
	c->takeover.stop = gives_up;
	rc = pipe_commit(c->pipe, &c->takeover, c->text.data, c->text.len, err);
	if (rc < 0) {
		c->pipe_failed = true;
		return rc;
	}
	checkpoint_committed(k);
	pthread_mutex_lock(&c->lock);
	c->dead_letters = ledger_stats_read(&c->ledger).dead_letters;
	pthread_mutex_unlock(&c->lock);
	capture_show_position(c, p);
	return 0;
}

/*
 * protocol.md, rule 2, a to c. The instance's node is asked for on both sides of the
 * fencing: before, because a process that slept would fence its successor; behind, because
 * it may have slept in between.
 */
static int fence(struct capture *c, struct err *err)
{
	struct checkpoint *k = c->o.checkpoint;
	const struct control_doc *control = checkpoint_control(k);
	snprintf(c->owner, sizeof(c->owner), "%.64s %llu", checkpoint_uid(k),
		 (unsigned long long)(control ? control->reset : 0));
	c->takeover = (struct pipe_takeover){
		.stop = is_stopping, .ctx = c, .owner = c->owner, .position = &c->text};
	int rc = checkpoint_confirm(k, err);
	if (rc < 0)
		return rc;
	rc = pipe_takeover(c->pipe, &c->takeover, err);
	if (rc < 0) {
		c->pipe_failed = rc != -ECANCELED;
		return rc;
	}
	rc = checkpoint_confirm(k, err);
	if (rc == 0 && !c->claimed)
		rc = checkpoint_claim(k, err);
	if (rc == 0)
		rc = checkpoint_reconcile(k, c->text.data, c->text.len, c->takeover.cluster, err);
	if (rc == 0)
		c->fenced = true;
	else if (rc == -EAGAIN)
		c->pipe_failed = true; /* what was read grows old: all of it again */
	return rc;
}

/* All of rule 2: what is claimed is in the pipe and, as a copy, where the checkpoint is. */
static int take_over(struct capture *c, struct err *err)
{
	int rc = c->fenced ? 0 : fence(c, err);
	if (rc == 0)
		rc = learn_position(c, err);
	if (rc == 0)
		rc = capture_commit(c, &c->safe, err);
	if (rc < 0)
		return rc;
	c->claimed = true;
	/*
	 * At once, not when the interval is over: a copy that still says at_least_once would
	 * count as later than what is committed from here on.
	 */
	rc = checkpoint_copy(c->o.checkpoint, err);
	return rc < 0 ? rc : 0;
}

/* ---------------------------------------------------------------- patience */

/* As often as the source, ZooKeeper or the pipe are away. */
int capture_find_start(struct capture *c, struct err *err)
{
	for (unsigned attempt = 0;; attempt++) {
		int rc = c->transactional ? take_over(c, err) : take_position(c, err);
		if (rc == 0) {
			capture_hold(c, NULL);
			capture_show_position(c, &c->safe);
			return 0;
		}
		if (c->pipe_failed && rc != -EAGAIN)
			return atomic_load(&c->stop.stopping) && err->kind &&
					       err->kind->class == ERR_CLASS_RETRY
				       ? -ECANCELED
				       : rc;
		if (atomic_load(&c->stop.stopping) && rc != -ENOMEM &&
		    !checkpoint_is_lost(c->o.checkpoint)) {
			err_clear(err);
			return -ECANCELED;
		}
		bool broken = err->kind == ERR_SOURCE_LOST && attempt < BROKEN_AT_FIRST_MAX;
		if ((c->o.fail_fast && !broken) || !err->kind || err->kind->class != ERR_CLASS_RETRY ||
		    checkpoint_is_lost(c->o.checkpoint))
			return rc;
		if (rc == -EAGAIN && c->pipe_failed) {
			capture_hold(c, err);
			return rc;
		}
		if (rc == -EAGAIN)
			capture_hold(c, err);
		else
			source_away(&c->source, "the source is away, waiting for it", err);
		int ms = attempt < 7 ? 100 << attempt : 10000;
		struct pollfd pfd = {.fd = c->stop.fd, .events = POLLIN};
		poll(&pfd, 1, ms / 2 + (int)random_below((uint64_t)ms / 2));
		err_clear(err);
	}
}

