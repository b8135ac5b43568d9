/* reaper.c - see reaper.h. */
#include "server/reaper.h"

#include "common/os/log.h"

#include <stdlib.h>

#define ROUND (USEC_PER_SEC / 2)
#define SWEEP_EVERY (600 * USEC_PER_SEC)

struct reaper {
	struct store *store;
	struct view *view;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool stop;
	usec_t sweep_due;
	bool told; /* a failure was logged, until one succeeds */
};

static bool connected(const struct store *s)
{
	enum zk_state state = zk_state(s->zk);
	return atomic_load(&s->ready) && (state == ZK_CONNECTED || state == ZK_NEW_SESSION);
}

static bool stopping(struct reaper *r)
{
	pthread_mutex_lock(&r->lock);
	bool stop = r->stop;
	pthread_mutex_unlock(&r->lock);
	return stop;
}

static void reap(struct reaper *r)
{
	const struct view_query query = {.desired = CONTROL_DELETED};
	struct view_tasks tasks;
	struct err err = {0};
	if (!connected(r->store) || view_list(r->view, &query, &tasks) < 0)
		return;
	for (size_t i = 0; i < tasks.n && !stopping(r); i++) {
		bool gone = false;
		int rc = tasks.v[i].nnodes
				 ? 0
				 : store_task_reap(r->store, tasks.v[i].name, false, &gone, &err);
		if (gone)
			log_info("task %s is gone", tasks.v[i].name);
		if (rc < 0 && !r->told && connected(r->store)) {
			err_prefix(&err, "task %s", tasks.v[i].name);
			log_err(LOG_LEVEL_WARN, "a deleted task cannot be removed yet", &err);
		}
		r->told = rc < 0;
	}
	view_tasks_free(&tasks);
}

/* What servers that were killed in the middle of a removal left, at the start and then seldom. */
static void sweep(struct reaper *r)
{
	struct err err = {0};
	if (!connected(r->store) || clock_boot() < r->sweep_due)
		return;
	r->sweep_due = clock_boot() + SWEEP_EVERY;
	if (store_revisions_sweep(r->store, &err) < 0 && connected(r->store))
		log_err(LOG_LEVEL_WARN, "former revisions of deleted tasks stay for now", &err);
}

static void *run(void *arg)
{
	struct reaper *r = arg;
	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		pthread_mutex_unlock(&r->lock);
		reap(r);
		sweep(r);
		pthread_mutex_lock(&r->lock);
		usec_t at = clock_read_usec(CLOCK_MONOTONIC) + ROUND;
		struct timespec ts = {at / USEC_PER_SEC, at % USEC_PER_SEC * 1000};
		if (!r->stop)
			pthread_cond_timedwait(&r->cond, &r->lock, &ts);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

struct reaper *reaper_start(struct store *s, struct view *v)
{
	struct reaper *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;
	if (!r)
		return NULL;
	r->store = s;
	r->view = v;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->cond, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&r->thread, NULL, run, r) != 0) {
		pthread_mutex_destroy(&r->lock);
		pthread_cond_destroy(&r->cond);
		free(r);
		return NULL;
	}
	return r;
}

void reaper_stop(struct reaper *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->cond);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->cond);
	free(r);
}
