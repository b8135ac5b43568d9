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
#include "common/contract/errors.h"
#include "common/os/log.h"
#include "core/pipeline/capture_priv.h"
#include "core/pipeline/commit.h"
#include "core/pipeline/setup.h"

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

int capture_new(const struct capture_options *o, struct capture **ret, struct err *err)
{
	struct capture *c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a task");
	c->o = *o;
	c->transactional = checkpoint_is_transactional(o->checkpoint);
	buf_init(&c->text);
	c->stop.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&c->stop.lock, NULL);
	pthread_mutex_init(&c->lock, NULL);
	pthread_mutex_init(&c->source.lock, NULL);
	position_init(&c->safe, FLAVOR_MYSQL);
	position_init(&c->shown, FLAVOR_MYSQL);
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
	position_clear(&c->shown);
	buf_free(&c->text);
	oversize_free(&c->oversize);
	if (c->stop.fd >= 0)
		close(c->stop.fd);
	pthread_mutex_destroy(&c->stop.lock);
	pthread_mutex_destroy(&c->lock);
	pthread_mutex_destroy(&c->source.lock);
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
	if (c->stop.second)
		source_interrupt(c->stop.second);
	if (c->stop.ahead)
		source_interrupt(c->stop.ahead);
	pthread_mutex_unlock(&c->stop.lock);
	uint64_t one = 1;
	ssize_t n = write(c->stop.fd, &one, sizeof(one));
	(void)n;
	pthread_mutex_lock(&c->lock);
	if (c->ring)
		ring_kick(c->ring);
	pthread_mutex_unlock(&c->lock);
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
	c->past.dead_letters += c->transactional ? c->dead_letters : l.dead_letters;
	c->dead_letters = 0;
	struct pipe_stats p;
	pipe_stats(c->pipe, &p);
	c->past.pipe_errors += p.errors;
	c->batch_bytes = p.batch_bytes;
	c->ledger_live = false;
	pthread_mutex_unlock(&c->lock);
	/* Of a transactional pipe only what was committed counts, and that is shown. */
	int rc = c->transactional ? position_copy(&c->safe, &c->shown)
				  : ledger_position(&c->ledger, &c->safe);
	capture_show_position(c, &c->safe);
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
	if (c->transactional)
		setup_transactions(c->o.task, c->o.cluster, &setup);
	c->fenced = c->pipe_failed = false;
	struct pipe_callbacks callbacks = {
		.ctx = d, .ack = deliver_ack, .state = capture_pipe_state};
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

/* Takes over, and starts the ledger at what was found. */
static int take_over(struct capture *c, struct err *err)
{
	int rc = capture_find_start(c, err);
	c->rebuild = rc < 0 && c->pipe_failed && err->kind && err->kind->class == ERR_CLASS_RETRY;
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&c->lock);
	ledger_free(&c->ledger);
	rc = ledger_init(&c->ledger, &c->safe);
	pthread_mutex_unlock(&c->lock);
	return rc < 0 ? err_set(err, rc, ERR_MEMORY, "no memory for the position") : 0;
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
	rc = c->transactional ? commit_run(d, err) : deliver_run(d, err);
	c->rebuild = rc < 0 && !d->unsaved && err->kind && err->kind->class == ERR_CLASS_RETRY;
	/* When delivering failed, the source is still reading: end it. */
	ring_close(c->ring);
	pthread_mutex_lock(&c->stop.lock);
	atomic_store(&c->stop.quit, true);
	if (c->stop.active)
		source_interrupt(c->stop.active);
	if (c->stop.catalog)
		source_interrupt(c->stop.catalog);
	if (c->stop.second)
		source_interrupt(c->stop.second);
	if (c->stop.ahead)
		source_interrupt(c->stop.ahead);
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
		c->rebuild = source->anew;
		if (err->kind && err->kind->class == ERR_CLASS_DATA)
			capture_note_failure(c, &source->failure);
	}
	return rc;
}

/*
 * A message of a row was too large: the next episode knows it when it is met again. What was
 * refused although it was known, or is no row's, ends the task.
 */
static bool note_oversize(struct capture *c, const struct oversize *o, const struct err *err)
{
	if (err->kind != ERR_PIPE_OVERSIZE || !o->part)
		return false;
	int rc = oversize_note(&c->oversize, o, &c->safe.at);
	if (rc == 0)
		log_info("%s, %s: going back to the last acknowledged position to %s", err->text,
			 err->where,
			 c->o.task->on_error.oversize_row == TASK_ON_ERROR_DEAD_LETTER
				 ? "write a dead letter in its place"
				 : "deliver what is in front of it");
	return rc == 0;
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
		.leases = c->o.leases,
		.oversize = &c->oversize,
		.fail_fast = c->o.fail_fast,
		.once = c->transactional,
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
	c->again = false;
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
		if (c->transactional)
			rc = take_over(c, err);
		source.history = checkpoint_history(c->o.checkpoint);
		source.start_time = c->start_time;
		if (rc == 0 &&
		    schema_store_begin(source.history, &c->safe, c->safe.source, true) < 0)
			rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for table definitions");
		bool begun = rc == 0;
		if (begun)
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
		struct capture_failure failure = {0};
		struct oversize oversize = {.size = pipe_oversize(pipe)};
		pipe_close(pipe);
		deliver_drop(&d, failed, &failure, &oversize, err);
		c->again = failed && note_oversize(c, &oversize, err);
		if (failure.at.file[0] && !c->again)
			capture_note_failure(c, &failure);
		if (begun)
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

/* After a producer that could not go on. False: stopped while waiting. */
static bool wait_for_rebuild(struct capture *c, const struct err *err)
{
	int ms = c->rebuilds < 6 ? REBUILD_FIRST_MS << c->rebuilds : REBUILD_MAX_MS;
	if (c->again) { /* something was learned: no reason to wait */
		ms = 0;
	} else {
		c->rebuilds++;
		log_err(LOG_LEVEL_WARN, "the pipe is built anew from the last acknowledged position",
			err);
	}
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
	int rc = c->transactional ? 0 : capture_find_start(c, err);
	while (rc == 0) {
		rc = run_episode(c, err);
		bool anew = c->rebuild && err->kind && err->kind->class == ERR_CLASS_RETRY;
		if (rc == 0 || !(anew || c->again))
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
