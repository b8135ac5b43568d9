/*
 * capture.c - see capture.h. The path of a row, on one screen:
 *
 *   source thread                                         capture_run()'s thread
 *   mysql/dump    socket -> event bytes
 *   binlog/stream event bytes -> steps, groups
 *   groups.c      hold a group until it is decided
 *   publish.c     table map -> schema/, envelope plan
 *   binlog/rows   row images -> values
 *   envelope/     values -> message bytes, in place  --->  deliver.c: queue -> pipe/
 *   queue.c       the ring: one bound in bytes       <---  progress/ledger: acknowledged,
 *                                                          in order -> safe position
 *                                                          progress/checkpoint: saved
 *
 * An episode is one life of the ring, the pipe and the source's thread. A producer that
 * cannot go on ends the episode; the next one starts at the safe position.
 */
#include "core/pipeline/capture.h"

#include "common/contract/errors.h"
#include "common/os/log.h"
#include "common/os/random.h"
#include "core/pipeline/deliver.h"
#include "core/pipeline/setup.h"
#include "core/pipeline/source.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	PATIENCE_S = 10, /* for acknowledgements after the last record */
	REBUILD_FIRST_MS = 200,
	REBUILD_MAX_MS = 10000,
};

struct capture {
	struct capture_options o;
	struct source_stop stop;
	atomic_bool hurry;
	struct source_stats source;
	_Atomic(int) state; /* enum capture_state, but for RETRYING, which is derived */
	atomic_bool pipe_away;

	/* What outlives episodes. */
	struct position safe; /* between episodes; within one the ledger has it */
	size_t batch_bytes; /* what the broker was found to take; 0: the default */
	unsigned rebuilds;  /* in a row */
	bool rebuild;       /* the episode ended with a producer that could not go on */

	/* The episode at hand; the lock lets capture_status() look at it. */
	pthread_mutex_t lock;
	struct ring *ring;
	struct pipe *pipe;
	struct ledger ledger;
	bool ledger_live;
	struct capture_status past; /* sums of ended episodes */
	_Atomic int64_t last_ack;   /* boot clock; 0: nothing yet */
};

const char *capture_state_name(enum capture_state state)
{
	static const char *const names[] = {"STARTING", "RUNNING", "RETRYING", "FAILED", "STOPPED"};
	return names[state];
}

int capture_new(const struct capture_options *o, struct capture **ret, struct err *err)
{
	struct capture *c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a task");
	c->o = *o;
	c->stop.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&c->stop.lock, NULL);
	pthread_mutex_init(&c->lock, NULL);
	position_init(&c->safe, FLAVOR_MYSQL);
	if (c->stop.fd < 0) {
		int rc = -errno;
		capture_free(c);
		return err_set(err, rc, ERR_INTERNAL, "eventfd: no file descriptors left");
	}
	*ret = c;
	return 0;
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	position_clear(&c->safe);
	if (c->stop.fd >= 0)
		close(c->stop.fd);
	pthread_mutex_destroy(&c->stop.lock);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void capture_stop(struct capture *c, bool hurry)
{
	if (hurry)
		atomic_store(&c->hurry, true);
	pthread_mutex_lock(&c->stop.lock);
	atomic_store(&c->stop.stopping, true);
	if (c->stop.active)
		source_interrupt(c->stop.active);
	if (c->stop.catalog)
		source_interrupt(c->stop.catalog);
	pthread_mutex_unlock(&c->stop.lock);
	uint64_t one = 1;
	ssize_t n = write(c->stop.fd, &one, sizeof(one));
	(void)n;
	pthread_mutex_lock(&c->lock);
	if (c->ring)
		ring_kick(c->ring);
	pthread_mutex_unlock(&c->lock);
}

/* ---------------------------------------------------------------- status */

/* Age of what the source has and the pipe has not, by the source's clock. */
static usec_t lag_of(const struct capture *c, uint64_t delivered, usec_t commit_time)
{
	usec_t now = clock_wall();
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
	    (atomic_load(&c->source.away) || atomic_load(&c->pipe_away)))
		ret->state = CAPTURE_RETRYING;
	if (ret->state == CAPTURE_STARTING && atomic_load(&c->source.away))
		ret->state = CAPTURE_RETRYING;
}

static void pipe_state_changed(void *ctx, enum pipe_state state, const char *reason)
{
	struct capture *c = ((struct deliver *)ctx)->owner;
	atomic_store(&c->pipe_away, state == PIPE_AWAY);
	if (state == PIPE_AWAY)
		log_warn("the pipe is away, waiting for it: %s", reason);
	else
		log_info("the pipe is back");
}

/* ---------------------------------------------------------------- episodes */

/* Adds what an episode delivered to the sums, and remembers the safe position. */
static int close_books(struct capture *c)
{
	pthread_mutex_lock(&c->lock);
	struct ledger_stats l = ledger_stats_read(&c->ledger);
	atomic_store(&c->source.groups, c->past.transactions + l.groups);
	c->past.rows += l.rows;
	c->past.messages += l.messages;
	c->past.bytes += l.bytes;
	c->past.transactions += l.groups;
	struct pipe_stats p;
	pipe_stats(c->pipe, &p);
	c->past.pipe_errors += p.errors;
	c->batch_bytes = p.batch_bytes;
	c->ledger_live = false;
	pthread_mutex_unlock(&c->lock);
	int rc = ledger_position(&c->ledger, &c->safe);
	if (l.moves)
		c->rebuilds = 0;
	return rc;
}

static int open_pipe(struct capture *c, struct deliver *d, struct err *err)
{
	struct setup_pipe setup;
	if (setup_pipe_options(c->o.task, c->o.with_keys, &setup) < 0)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a pipe");
	setup.options.batch_bytes = c->batch_bytes;
	struct pipe_callbacks callbacks = {
		.ctx = d, .ack = deliver_ack, .state = pipe_state_changed};
	struct pipe *pipe;
	int rc = pipe_open(&setup.options, &callbacks, &pipe, err);
	setup_pipe_free(&setup);
	if (rc < 0)
		return rc;
	atomic_store(&c->pipe_away, false); /* as the new one says, until it knows better */
	pthread_mutex_lock(&c->lock);
	c->pipe = pipe;
	pthread_mutex_unlock(&c->lock);
	return 0;
}

/* The source's thread runs beside deliver_run(); both have ended when this returns. */
static int run_threads(struct capture *c, struct deliver *d, struct source_thread *source,
		       struct err *err)
{
	pthread_t thread;
	int rc = -pthread_create(&thread, NULL, source_thread_main, source);
	if (rc < 0)
		return err_set(err, rc, ERR_INTERNAL, "no thread for the source");
	atomic_store(&c->state, CAPTURE_RUNNING);
	rc = deliver_run(d, err);
	c->rebuild = rc < 0 && err->kind && err->kind->class == ERR_CLASS_RETRY;
	/* When delivering failed, the source is still reading: end it. */
	ring_close(c->ring);
	pthread_mutex_lock(&c->stop.lock);
	atomic_store(&c->stop.quit, true);
	if (c->stop.active)
		source_interrupt(c->stop.active);
	if (c->stop.catalog)
		source_interrupt(c->stop.catalog);
	pthread_mutex_unlock(&c->stop.lock);
	uint64_t one = 1;
	ssize_t n = write(c->stop.fd, &one, sizeof(one));
	(void)n;
	pthread_join(thread, NULL);
	if (rc == -ETIMEDOUT) {
		log_warn("stopping with messages that nobody acknowledged: they will be sent again");
		rc = 0;
	}
	/* What the pipe says comes first; else why the source's thread ended. */
	if (rc == 0 && source->rc < 0) {
		rc = source->rc;
		*err = source->err;
	}
	return rc;
}

static int run_episode(struct capture *c, struct err *err)
{
	const struct task *task = c->o.task;
	struct ring *ring = NULL;
	struct source_thread source = {
		.task = task,
		.stop = &c->stop,
		.stats = &c->source,
		.until = &c->o.until,
		.fail_fast = c->o.fail_fast,
		.identity = checkpoint_source(c->o.checkpoint),
	};
	struct deliver d = {
		.owner = c,
		.ledger = &c->ledger,
		.checkpoint = c->o.checkpoint,
		.source_done = &source.done,
		.reached = &source.reached,
		.stopping = &c->stop.stopping,
		.hurry = &c->hurry,
		.last_ack = &c->last_ack,
		.patience = PATIENCE_S * USEC_PER_SEC,
	};
	int rc = ring_new(task->memory.queue_bytes, &ring);
	if (rc == 0)
		rc = ledger_init(&c->ledger, &c->safe);
	if (rc < 0) {
		ring_free(ring);
		return err_set(err, rc, ERR_MEMORY, "no memory for a queue of %llu bytes",
			       (unsigned long long)task->memory.queue_bytes);
	}
	pthread_mutex_lock(&c->lock);
	c->ring = ring;
	c->ledger_live = true;
	pthread_mutex_unlock(&c->lock);
	source.ring = d.ring = ring;
	atomic_store(&c->stop.quit, false);

	rc = open_pipe(c, &d, err);
	if (rc == 0) {
		source.pipe = d.pipe = c->pipe;
		rc = source_thread_init(&source, &c->safe, err);
		if (rc == 0)
			rc = run_threads(c, &d, &source, err);
		/* The pipe refers to the ring until it is closed. */
		if (close_books(c) < 0 && rc == 0)
			rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the position");
		pthread_mutex_lock(&c->lock);
		struct pipe *pipe = c->pipe;
		c->pipe = NULL;
		pthread_mutex_unlock(&c->lock);
		struct record *failed = rc < 0 ? pipe_failed_record(pipe) : NULL;
		pipe_close(pipe);
		deliver_drop(&d, failed, err);
		source_thread_fini(&source);
	}
	pthread_mutex_lock(&c->lock);
	c->ring = NULL;
	c->ledger_live = false;
	pthread_mutex_unlock(&c->lock);
	ledger_free(&c->ledger);
	ring_free(ring);
	return rc;
}

/* ---------------------------------------------------------------- the capture */

/* Where to begin: the saved position, else what the document says, saved at once. */
static int find_start(struct capture *c, struct err *err)
{
	struct checkpoint *k = c->o.checkpoint;
	if (checkpoint_found(k)) {
		position_clear(&c->safe);
		position_init(&c->safe, checkpoint_flavor(k));
		int rc = checkpoint_load(k, &c->safe, err);
		if (rc == 0)
			log_info("resuming behind %s:%llu", c->safe.at.file,
				 (unsigned long long)c->safe.at.pos);
		return rc;
	}
	for (unsigned attempt = 0;; attempt++) {
		char identity[64];
		int rc = source_find_start(c->o.task, &c->stop, &c->safe, identity, err);
		if (rc == 0 && checkpoint_set_source(k, identity) < 0)
			rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the position");
		/*
		 * Saved before anything is read: a crash before the first commit must not
		 * resolve `latest` again, later.
		 */
		if (rc == 0)
			return checkpoint_save(k, &c->safe, err);
		if (atomic_load(&c->stop.stopping)) {
			err_clear(err);
			return -ECANCELED;
		}
		if (c->o.fail_fast || err->kind->class != ERR_CLASS_RETRY)
			return rc;
		if (!atomic_exchange(&c->source.away, true))
			log_err(LOG_LEVEL_WARN, "the source is away, waiting for it", err);
		int ms = attempt < 7 ? 100 << attempt : 10000;
		struct pollfd pfd = {.fd = c->stop.fd, .events = POLLIN};
		poll(&pfd, 1, ms / 2 + (int)random_below((uint64_t)ms / 2));
	}
}

/* After a producer that could not go on. False: stopped while waiting. */
static bool wait_for_rebuild(struct capture *c, const struct err *err)
{
	int ms = c->rebuilds < 6 ? REBUILD_FIRST_MS << c->rebuilds : REBUILD_MAX_MS;
	c->rebuilds++;
	log_err(LOG_LEVEL_WARN, "the pipe is built anew from the last acknowledged position", err);
	uint64_t count; /* the end of the source's thread was signalled through it */
	ssize_t n = read(c->stop.fd, &count, sizeof(count));
	(void)n;
	if (atomic_load(&c->stop.stopping))
		return false;
	struct pollfd pfd = {.fd = c->stop.fd, .events = POLLIN};
	poll(&pfd, 1, ms);
	return !atomic_load(&c->stop.stopping);
}

int capture_run(struct capture *c, struct position *ret_position, struct err *err)
{
	int rc = find_start(c, err);
	while (rc == 0) {
		rc = run_episode(c, err);
		if (rc == 0 || !err->kind || err->kind->class != ERR_CLASS_RETRY ||
		    !c->rebuild)
			break;
		if (!wait_for_rebuild(c, err)) {
			rc = 0;
			break;
		}
		err_clear(err);
		rc = 0;
	}
	if (rc == -ECANCELED)
		rc = 0;
	if (ret_position && position_copy(ret_position, &c->safe) < 0 && rc == 0)
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the position");
	atomic_store(&c->state, rc < 0 ? CAPTURE_FAILED : CAPTURE_STOPPED);
	return rc;
}
