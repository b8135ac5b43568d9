/* runner.c - see runner.h. */
#include "core/runner.h"

#include "common/contract/errors.h"
#include "common/contract/paths.h"
#include "common/daemon/acl.h"
#include "common/os/log.h"
#include "common/zk/naming.h"
#include "core/progress/last_commit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ID_TIMEOUT_MS = 2000 };

struct runner {
	struct zk *zk;
	struct task *task;
	struct checkpoint *checkpoint;
	struct lease_taker lease_taker;
	struct dump_leases leases;
	struct capture *capture;
	int ended_fd;
	pthread_t thread;
	bool started, joined;
	atomic_bool ended;
	pthread_mutex_t lock; /* of id */
	char id[ZK_ID_MAX];
	char cluster[128]; /* the installation's id */
	int rc;
	struct err err;
};

static void *run(void *arg)
{
	struct runner *r = arg;
	char id[ZK_ID_MAX] = "";
	struct err err = {0};
	log_bind("task=%s", r->task->name);
	/* A run without an id runs all the same. */
	if (zk_next_id(r->zk, paths_folder(PATHS_IDS), "run", ID_TIMEOUT_MS * USEC_PER_MSEC, id,
		       &err) < 0)
		log_err(LOG_LEVEL_DEBUG, "no id for this run", &err);
	pthread_mutex_lock(&r->lock);
	snprintf(r->id, sizeof(r->id), "%s", id);
	pthread_mutex_unlock(&r->lock);
	r->rc = capture_run(r->capture, NULL, &r->err);
	atomic_store(&r->ended, true);
	uint64_t one = 1;
	ssize_t n = write(r->ended_fd, &one, sizeof(one));
	(void)n;
	return NULL;
}

int runner_start(const struct runner_options *o, struct task *task, struct runner **ret,
		 struct err *err)
{
	struct runner *r = calloc(1, sizeof(*r));
	if (!r) {
		task_free(task);
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a task");
	}
	r->zk = o->zk;
	r->task = task;
	r->ended_fd = o->ended_fd;
	snprintf(r->cluster, sizeof(r->cluster), "%s", o->cluster);
	pthread_mutex_init(&r->lock, NULL);
	const struct last_commit_options commit = {
		.zk = o->zk,
		.task_path = o->task_path,
		.instance_path = o->instance_path,
		.epoch = o->epoch,
		.instance = o->instance,
		.uid = task->uid,
		.delivery = task_is_transactional(task) ? "exactly_once" : "at_least_once",
		.control = o->control,
		.had_position = strcmp(o->positioned, task->uid) == 0,
		.made_with_task = true,
		.interval = task->commit_interval_ms * USEC_PER_MSEC,
		.acl = &acl_core,
	};
	int rc = last_commit_new(&commit, &r->checkpoint, err);
	if (rc == 0) {
		const struct capture_options capture = {.task = task,
							.checkpoint = r->checkpoint,
							.leases = &r->leases,
							.cluster = r->cluster};
		r->lease_taker = (struct lease_taker){.leases = o->leases, .task = task->name};
		lease_callbacks(&r->lease_taker, &r->leases);
		rc = capture_new(&capture, &r->capture, err);
	}
	if (rc == 0) {
		rc = -pthread_create(&r->thread, NULL, run, r);
		if (rc < 0)
			err_set(err, rc, ERR_INTERNAL, "no thread for the task");
		r->started = rc == 0;
	}
	if (rc < 0) {
		runner_free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void runner_stop(struct runner *r, bool hurry)
{
	capture_stop(r->capture, hurry);
}

bool runner_ended(const struct runner *r)
{
	return atomic_load(&r->ended);
}

static void join(struct runner *r)
{
	if (r->started && !r->joined)
		pthread_join(r->thread, NULL);
	r->joined = true;
}

int runner_result(struct runner *r, struct err *ret_err, struct capture_failure *failure)
{
	join(r);
	*ret_err = r->err;
	*failure = (struct capture_failure){0};
	if (r->rc < 0 && !capture_failure(r->capture, failure))
		*failure = (struct capture_failure){0};
	return r->rc;
}

void runner_free(struct runner *r)
{
	if (!r)
		return;
	join(r);
	capture_free(r->capture);
	checkpoint_close(r->checkpoint);
	task_free(r->task);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct capture *runner_capture(struct runner *r)
{
	return r->capture;
}

const char *runner_uid(const struct runner *r)
{
	return r->task->uid;
}

void runner_id(struct runner *r, char *out, size_t size)
{
	pthread_mutex_lock(&r->lock);
	snprintf(out, size, "%s", r->id);
	pthread_mutex_unlock(&r->lock);
}
