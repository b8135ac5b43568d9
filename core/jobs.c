/* jobs.c - see jobs.h. */
#include "core/jobs.h"

#include "common/contract/errors.h"
#include "common/os/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* In order; `last` is only right while first is not NULL. */
struct queue {
	struct job *first, *last;
};

struct jobs {
	sd_event_source *source;
	int fd; /* eventfd: `ended` has something */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct queue waiting, background, ended;
	struct job *at_work[JOBS_THREADS];
	pthread_t threads[JOBS_THREADS];
	unsigned nthreads, idle;
	unsigned nwaiting, nbackground; /* in the queues */
	unsigned background_at_work;
	bool closing;
};

static void push(struct queue *q, struct job *job)
{
	job->next = NULL;
	if (q->first)
		q->last->next = job;
	else
		q->first = job;
	q->last = job;
}

static struct job *pop(struct queue *q)
{
	struct job *job = q->first;
	if (job)
		q->first = job->next;
	return job;
}

/* What a worker does next, or NULL. With the lock. */
static struct job *take(struct jobs *j)
{
	struct job *job = pop(&j->waiting);
	if (job) {
		j->nwaiting--;
	} else if (j->background_at_work < JOBS_BACKGROUND && (job = pop(&j->background))) {
		j->nbackground--;
		j->background_at_work++;
	}
	return job;
}

struct worker {
	struct jobs *jobs;
	unsigned number;
};

static void *work(void *arg)
{
	struct worker w = *(struct worker *)arg;
	struct jobs *j = w.jobs;
	free(arg);
	pthread_mutex_lock(&j->lock);
	while (!j->closing) {
		struct job *job = take(j);
		if (!job) {
			j->idle++;
			pthread_cond_wait(&j->wake, &j->lock);
			j->idle--;
			continue;
		}
		j->at_work[w.number] = job;
		pthread_mutex_unlock(&j->lock);
		job->work(job);
		log_bind("%s", "");
		pthread_mutex_lock(&j->lock);
		j->at_work[w.number] = NULL;
		j->background_at_work -= job->background;
		push(&j->ended, job);
		uint64_t one = 1;
		ssize_t n = write(j->fd, &one, sizeof(one));
		(void)n;
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

static int ended(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct jobs *j = arg;
	uint64_t count;
	(void)source;
	(void)revents;
	ssize_t n = read(fd, &count, sizeof(count));
	(void)n;
	for (;;) {
		pthread_mutex_lock(&j->lock);
		struct job *job = pop(&j->ended);
		pthread_mutex_unlock(&j->lock);
		if (!job)
			return 0;
		job->done(job, true);
	}
}

int jobs_open(sd_event *loop, struct jobs **ret, struct err *err)
{
	struct jobs *j = calloc(1, sizeof(*j));
	if (!j)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for worker threads");
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->wake, NULL);
	j->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int rc = j->fd < 0 ? -errno : sd_event_add_io(loop, &j->source, j->fd, EPOLLIN, ended, j);
	if (rc < 0) {
		jobs_close(j);
		return err_set(err, rc, ERR_INTERNAL, "worker threads: %s", strerror(-rc));
	}
	*ret = j;
	return 0;
}

/* One more thread, if those that are idle are too few. With the lock. */
static void grow(struct jobs *j)
{
	unsigned room = JOBS_BACKGROUND - j->background_at_work;
	unsigned background = j->nbackground < room ? j->nbackground : room;
	bool enough = j->nwaiting + background <= j->idle || j->nthreads == JOBS_THREADS;
	struct worker *w = enough ? NULL : malloc(sizeof(*w));
	if (!w)
		return;
	*w = (struct worker){j, j->nthreads};
	if (pthread_create(&j->threads[j->nthreads], NULL, work, w) == 0) {
		j->nthreads++;
		return;
	}
	free(w);
	if (!j->nthreads)
		log_error("no thread for probes and checks: they wait");
}

void jobs_add(struct jobs *j, struct job *job)
{
	pthread_mutex_lock(&j->lock);
	push(job->background ? &j->background : &j->waiting, job);
	if (job->background)
		j->nbackground++;
	else
		j->nwaiting++;
	grow(j);
	pthread_cond_signal(&j->wake);
	pthread_mutex_unlock(&j->lock);
}

void jobs_close(struct jobs *j)
{
	if (!j)
		return;
	pthread_mutex_lock(&j->lock);
	j->closing = true;
	for (unsigned i = 0; i < j->nthreads; i++)
		if (j->at_work[i] && j->at_work[i]->interrupt)
			j->at_work[i]->interrupt(j->at_work[i]);
	pthread_cond_broadcast(&j->wake);
	pthread_mutex_unlock(&j->lock);
	for (unsigned i = 0; i < j->nthreads; i++)
		pthread_join(j->threads[i], NULL);
	sd_event_source_disable_unref(j->source);
	for (struct job *job; (job = pop(&j->ended));)
		job->done(job, true);
	for (struct job *job; (job = pop(&j->waiting));)
		job->done(job, false);
	for (struct job *job; (job = pop(&j->background));)
		job->done(job, false);
	if (j->fd >= 0)
		close(j->fd);
	pthread_cond_destroy(&j->wake);
	pthread_mutex_destroy(&j->lock);
	free(j);
}
