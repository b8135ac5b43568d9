/*
 * supervisor.c - see supervisor.h.
 *
 * The hot tasks are the children of /tasks, all of them (`*`) or those that are named; a
 * named one that is not there is registered, empty, with its name. The cold tasks are those
 * that a scan of the groups (cold.h) found without an instance. An instance that is
 * released stays in the list until it has put everything away, and is freed from the loop.
 */
#include "core/supervisor.h"

#include "common/contract/errors.h"
#include "common/daemon/acl.h"
#include "common/daemon/pages.h"
#include "common/os/process.h"
#include "common/zk/watch.h"
#include "core/cold.h"
#include "core/instance.h"
#include "core/orders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { REGISTER_AGAIN_S = 5, TRIM_EVERY_S = 30 };

/* What secrets are opened with, now and before: a worker may hold what is replaced. */
struct secrets {
	struct seal_ring *ring; /* NULL: there was no file */
	char *dir;
	struct secrets *next;
};

struct supervisor {
	struct core_config config;
	const char *config_path;
	struct config *newer; /* what a reload has read: lists and numbers come from it */
	struct daemon *daemon;
	struct zk *zk;
	struct jobs *jobs;
	struct leases *leases;
	struct orders *orders;
	struct cold *cold;
	struct pages *pages;
	struct secrets *secrets;
	struct seal_opener opener;
	struct instance_context context;
	sd_event_source *ended_source;
	int ended_fd;
	struct daemon_timer *sweep_timer; /* frees what is gone; ends the daemon */
	struct daemon_timer *register_timer;
	struct daemon_timer *trim_timer;
	struct zk_watch *tasks_watch, *drain_watch;
	struct zk_names tasks; /* children of /tasks */
	bool tasks_known;
	struct instance **list;
	size_t n, cap;
	struct zk_op *register_op;
	size_t registering; /* index in config.tasks */
	bool drained, stopping, hurry;
};

/* ---------------------------------------------------------------- the instances */

static struct instance *find(const struct supervisor *s, const char *name)
{
	for (size_t k = 0; k < s->n; k++)
		if (strcmp(instance_name(s->list[k]), name) == 0)
			return s->list[k];
	return NULL;
}

static void arrange(struct supervisor *s);

/* A named task that was deleted is not registered again before a restart or a reload. */
static usec_t sweep(void *ctx)
{
	struct supervisor *s = ctx;
	size_t kept = 0;
	bool missing = false;
	for (size_t k = 0; k < s->n; k++) {
		struct instance *i = s->list[k];
		if (instance_released(i) && !instance_holds(i) && !instance_runs(i)) {
			/* Deleted and made again meanwhile: it comes back below. */
			missing = true;
			instance_free(i);
		} else {
			s->list[kept++] = i;
		}
	}
	s->n = kept;
	if (s->stopping && s->n == 0)
		daemon_quit(s->daemon);
	else if (missing)
		arrange(s);
	return 0;
}

static void gone(void *ctx, struct instance *i)
{
	struct supervisor *s = ctx;
	const char *group = instance_group(i);
	if (group[0] && s->cold && instance_failed(i))
		cold_avoid(s->cold, instance_name(i));
	if (group[0] && s->cold && instance_lost(i))
		cold_scan(s->cold); /* what else is there? */
	else if (group[0] && s->cold)
		cold_offer(s->cold, group);
	daemon_timer_set(s->sweep_timer, 1); /* not now: the caller is the instance itself */
}

static void add(struct supervisor *s, const char *name, const char *group)
{
	char path[PATHS_SIZE];
	struct err err = {0};
	if (find(s, name))
		return;
	if (paths_task(group, name, path, &err) < 0) {
		log_err(LOG_LEVEL_WARN, "a name under /tasks that no task can have", &err);
		return;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 16;
		struct instance **more = realloc(s->list, cap * sizeof(*more));
		if (!more) {
			log_error("no memory for task %s", name);
			return;
		}
		s->list = more;
		s->cap = cap;
	}
	struct instance *i = instance_new(&s->context, name, group, path);
	if (!i) {
		log_error("no memory for task %s", name);
		return;
	}
	s->list[s->n++] = i;
	if (s->drained)
		instance_leave(i, true);
}

static bool covers(const struct supervisor *s, const char *name)
{
	for (size_t k = 0; k < s->config.ntasks; k++)
		if (strcmp(s->config.tasks[k], "*") == 0 || strcmp(s->config.tasks[k], name) == 0)
			return true;
	return false;
}

static bool is_there(const struct supervisor *s, const char *name)
{
	for (size_t k = 0; k < s->tasks.n; k++)
		if (strcmp(s->tasks.v[k], name) == 0)
			return true;
	return false;
}

/* Instances for what is there and ours; none for what is not. */
static void arrange(struct supervisor *s)
{
	if (s->stopping || !s->tasks_known)
		return;
	for (size_t k = 0; k < s->n; k++) {
		const char *name = instance_name(s->list[k]);
		if (instance_group(s->list[k])[0])
			continue;
		if (!instance_released(s->list[k]) && !(covers(s, name) && is_there(s, name)))
			instance_release(s->list[k], !is_there(s, name));
	}
	for (size_t k = 0; k < s->tasks.n; k++)
		if (covers(s, s->tasks.v[k]))
			add(s, s->tasks.v[k], "");
}

static void tasks_told(void *ctx, const struct zk_watch_event *e)
{
	struct supervisor *s = ctx;
	if (e->rc < 0) {
		log_err(LOG_LEVEL_ERROR, "the tasks", e->err);
		return;
	}
	zk_names_free(&s->tasks);
	size_t n = e->exists ? e->names->n : 0;
	s->tasks = (struct zk_names){.v = calloc(n + 1, sizeof(char *))};
	for (size_t k = 0; s->tasks.v && k < n; k++) {
		char *name = strdup(e->names->v[k]);
		if (name)
			s->tasks.v[s->tasks.n++] = name;
	}
	/* Half a list would give tasks up. */
	bool first = !s->tasks_known;
	s->tasks_known = s->tasks.v && s->tasks.n == n;
	if (first && s->tasks_known)
		daemon_timer_set(s->register_timer, 1);
	arrange(s);
}

/* ---------------------------------------------------------------- cold tasks */

static const char *const *groups(void *ctx, size_t *ret_n)
{
	const struct supervisor *s = ctx;
	*ret_n = s->config.ngroups;
	return s->config.groups;
}

static bool takes_cold(void *ctx)
{
	const struct supervisor *s = ctx;
	return !s->stopping && !s->drained;
}

static usec_t scan_interval(void *ctx)
{
	return ((struct supervisor *)ctx)->config.scan_interval;
}

static size_t max_tasks(void *ctx)
{
	return (size_t)((struct supervisor *)ctx)->config.max_tasks;
}

static size_t cold_held(void *ctx)
{
	const struct supervisor *s = ctx;
	size_t n = 0;
	for (size_t k = 0; k < s->n; k++)
		n += instance_group(s->list[k])[0] && !instance_released(s->list[k]);
	return n;
}

static enum cold_ours cold_ours(void *ctx, const char *task)
{
	const struct instance *i = find(ctx, task);
	if (!i || instance_released(i))
		return COLD_NOT_OURS;
	return instance_caught_up(i) ? COLD_OURS_CAUGHT_UP : COLD_OURS;
}

static void cold_take(void *ctx, const char *group, const char *task)
{
	if (takes_cold(ctx))
		add(ctx, task, group);
}

static void cold_give(void *ctx, const char *task)
{
	struct instance *i = find(ctx, task);
	if (i)
		instance_release(i, false);
}

static bool cold_others(void *ctx, const char *group)
{
	return cold_has_others(((struct supervisor *)ctx)->cold, group);
}

/* Those that are not there any more: deleted, as the hot ones are. */
static void cold_listed(void *ctx, const char *group, const struct zk_names *names)
{
	struct supervisor *s = ctx;
	for (size_t k = 0; k < s->n; k++) {
		bool there = strcmp(instance_group(s->list[k]), group) != 0;
		for (size_t n = 0; !there && n < names->n; n++)
			there = strcmp(names->v[n], instance_name(s->list[k])) == 0;
		if (!there && !instance_released(s->list[k]))
			instance_release(s->list[k], true);
	}
}

/* ---------------------------------------------------------------- registering */

static void register_next(struct supervisor *s);

static void registered(void *ctx, const struct zk_reply *r)
{
	struct supervisor *s = ctx;
	s->register_op = NULL;
	if (r->rc < 0 && r->rc != -EEXIST) {
		if (r->rc != -ENOTCONN && r->rc != -ENOLINK && r->rc != -EINPROGRESS)
			log_err(LOG_LEVEL_WARN, "registering a task", r->err);
		daemon_timer_set(s->register_timer, REGISTER_AGAIN_S * USEC_PER_SEC);
		return;
	}
	s->registering++;
	register_next(s);
}

/* The named tasks, one after the other, where they are not there. */
static void register_next(struct supervisor *s)
{
	static const enum paths_part parts[] = {PATHS_INSTANCES, PATHS_LAST_COMMIT, PATHS_STATUS,
						PATHS_COMMANDS};
	enum { PARTS = sizeof(parts) / sizeof(parts[0]) };
	char path[PATHS_SIZE], name_path[PATHS_SIZE], part_paths[PARTS][PATHS_SIZE];
	for (; !s->stopping && s->registering < s->config.ntasks; s->registering++) {
		const char *name = s->config.tasks[s->registering];
		struct err err = {0};
		if (strcmp(name, "*") == 0 || is_there(s, name))
			continue;
		int rc = paths_task("", name, path, &err);
		if (rc == 0)
			rc = paths_child(PATHS_NAMES, name, name_path, &err);
		for (int k = 0; rc == 0 && k < PARTS; k++)
			rc = paths_part(path, parts[k], part_paths[k], &err);
		if (rc < 0) {
			log_err(LOG_LEVEL_ERROR, "core.tasks", &err);
			continue;
		}
		struct zk_step steps[PARTS + 2] = {
			{.type = ZK_STEP_CREATE, .path = name_path, .data = path,
			 .len = strlen(path), .kind = ZK_PERSISTENT, .acl = &acl_task},
			{.type = ZK_STEP_CREATE, .path = path, .kind = ZK_PERSISTENT,
			 .acl = &acl_task},
		};
		for (int k = 0; k < PARTS; k++)
			steps[2 + k] = (struct zk_step){.type = ZK_STEP_CREATE,
							.path = part_paths[k],
							.kind = ZK_PERSISTENT,
							.acl = &acl_core};
		log_info("registering task %s", name);
		s->register_op = zk_multi_async(s->zk, steps, PARTS + 2, registered, s);
		return;
	}
}

static usec_t register_due(void *ctx)
{
	struct supervisor *s = ctx;
	arrange(s);
	if (s->stopping)
		return 0;
	if (s->register_op || !daemon_cluster(s->daemon)[0] || !s->tasks_known)
		return REGISTER_AGAIN_S * USEC_PER_SEC;
	s->registering = 0;
	register_next(s);
	return 0;
}

/* ---------------------------------------------------------------- drains */

static void drain_told(void *ctx, const struct zk_watch_event *e)
{
	struct supervisor *s = ctx;
	if (e->rc < 0 || s->drained == e->exists)
		return;
	s->drained = e->exists;
	log_info(s->drained ? "drained: giving up all tasks" : "not drained any more");
	for (size_t k = 0; k < s->n; k++) {
		if (instance_group(s->list[k])[0] && s->drained)
			instance_release(s->list[k], false);
		else
			instance_leave(s->list[k], s->drained);
	}
	if (!s->drained && s->cold)
		cold_scan(s->cold);
	daemon_announce_now(s->daemon);
}

/* ---------------------------------------------------------------- the daemon's callbacks */

static bool serves(void *ctx, const char *group)
{
	const struct supervisor *s = ctx;
	if (s->stopping || s->drained)
		return false;
	for (size_t k = 0; k < s->config.ngroups; k++)
		if (strcmp(s->config.groups[k], group) == 0)
			return true;
	return !group[0];
}

static void ready(void *ctx, bool new_session)
{
	struct supervisor *s = ctx;
	if (s->stopping)
		return;
	s->opener.cluster = daemon_cluster(s->daemon);
	if (!s->tasks_watch) {
		char path[PATHS_SIZE];
		s->tasks_watch = zk_watch_children(s->zk, paths_folder(PATHS_TASKS), tasks_told, s);
		if (paths_child(PATHS_DRAINS, s->config.hostname, path, NULL) == 0)
			s->drain_watch = zk_watch_data(s->zk, path, drain_told, s);
		const struct orders_context orders = {.daemon = s->daemon,
						      .jobs = s->jobs,
						      .secrets_dir = &s->context.secrets_dir,
						      .opener = &s->opener,
						      .serves = serves,
						      .ctx = s};
		s->orders = orders_open(&orders);
		const struct cold_callbacks cold = {.ctx = s,
						    .hostname = s->config.hostname,
						    .groups = groups,
						    .takes = takes_cold,
						    .interval = scan_interval,
						    .max_tasks = max_tasks,
						    .held = cold_held,
						    .ours = cold_ours,
						    .take = cold_take,
						    .give = cold_give,
						    .listed = cold_listed};
		s->cold = cold_open(s->daemon, &cold);
		if (!s->orders || !s->cold)
			log_error("no memory for orders and cold tasks");
	} else if (s->cold && new_session) {
		cold_session(s->cold);
	}
	daemon_timer_set(s->register_timer, USEC_PER_SEC / 10);
}

static void stop(void *ctx, bool hurry)
{
	struct supervisor *s = ctx;
	s->stopping = true;
	s->hurry = s->hurry || hurry;
	for (size_t k = 0; k < s->n; k++)
		instance_release(s->list[k], s->hurry);
	daemon_timer_set(s->sweep_timer, 1);
}

static void describe(void *ctx, struct machine_doc *d)
{
	struct supervisor *s = ctx;
	uint32_t held = 0, running = 0;
	bool ok = report_set(&d->listen, s->config.metrics_listen) == 0;
	for (size_t k = 0; ok && k < s->config.ngroups; k++)
		ok = report_add(&d->groups, s->config.groups[k]) == 0;
	for (size_t k = 0; ok && k < s->n; k++) {
		if (!instance_holds(s->list[k]))
			continue;
		held++;
		running += instance_runs(s->list[k]);
		ok = report_add(&d->tasks, instance_name(s->list[k])) == 0;
	}
	d->draining = s->drained;
	d->max_tasks = (uint32_t)s->config.max_tasks;
	d->cold = (uint32_t)cold_held(s);
	d->held = held;
	d->running = running;
	if (!ok)
		log_error("no memory for the announcement");
}

static int runner_ended_told(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct supervisor *s = arg;
	uint64_t count;
	(void)source;
	(void)revents;
	ssize_t n = read(fd, &count, sizeof(count));
	(void)n;
	for (size_t k = 0; k < s->n; k++)
		instance_look(s->list[k]);
	return 0;
}

static void metrics(void *ctx, struct metrics *m)
{
	struct supervisor *s = ctx;
	uint64_t held = 0, running = 0;
	for (size_t k = 0; k < s->n; k++) {
		held += instance_holds(s->list[k]);
		running += instance_runs(s->list[k]);
	}
	metrics_gauge(m, "mr_core_tasks_held", "Tasks with an instance of this process.",
		      (double)held);
	metrics_gauge(m, "mr_core_tasks_running", "Tasks that this process runs.", (double)running);
	metrics_gauge(m, "mr_core_draining", "Whether this core gives up its tasks and takes none.",
		      s->drained);
	for (const struct instance_family *f = instance_families; f->name; f++) {
		metrics_family(m, f->name, f->type, f->help);
		for (size_t k = 0; k < s->n; k++)
			f->fn(m, s->list[k]);
	}
}

/* ---------------------------------------------------------------- configuration */

/* No key ring is no failure until something sealed is met; a bad one is. */
static int load_secrets(struct supervisor *s, const struct core_config *config, struct err *err)
{
	struct secrets *new = calloc(1, sizeof(*new));
	int rc = 0;
	if (new)
		new->dir = strdup(config->secrets_dir);
	if (!new || !new->dir)
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the key ring");
	else if (!s->opener.ring && access(config->key_ring, F_OK) != 0 && errno == ENOENT)
		log_warn("there is no key ring %s: tasks with sealed secrets will not run",
			 config->key_ring);
	else
		rc = seal_ring_load(config->key_ring, &new->ring, err);
	if (rc < 0) {
		if (new)
			free(new->dir);
		free(new);
		return rc;
	}
	new->next = s->secrets;
	s->secrets = new;
	s->opener.ring = new->ring;
	s->context.secrets_dir = new->dir;
	return 0;
}

/* The keys that the reference marks as reloadable; the others as they were. */
static void reload(void *ctx)
{
	struct supervisor *s = ctx;
	struct core_config config;
	struct err err = {0};
	int rc = core_config_load(s->config_path, &config, &err);
	if (rc == 0) {
		rc = load_secrets(s, &config, &err);
		if (rc < 0)
			core_config_free(&config);
	}
	if (rc < 0) {
		log_err(LOG_LEVEL_ERROR, "the new configuration is not valid, the old one stays",
			&err);
		return;
	}
	log_set_level(config.log_level);
	/* daemon.c and the instances look into the first one until the end. */
	s->config.tasks = config.tasks;
	s->config.ntasks = config.ntasks;
	s->config.groups = config.groups;
	s->config.ngroups = config.ngroups;
	s->config.max_tasks = config.max_tasks;
	s->config.scan_interval = config.scan_interval;
	s->config.log_level = config.log_level;
	config_free(s->newer);
	s->newer = config.file;
	log_info("configuration read again");
	arrange(s);
	for (size_t k = 0; k < s->n; k++)
		if (instance_group(s->list[k])[0] && !serves(s, instance_group(s->list[k])))
			instance_release(s->list[k], false);
	daemon_timer_set(s->register_timer, 1);
	if (s->cold)
		cold_scan(s->cold);
	daemon_announce_now(s->daemon);
}

/* ---------------------------------------------------------------- opening and closing */

/* What a busy time has left in the heap; a busy task has it back in milliseconds. */
static usec_t trim_heap(void *ctx)
{
	(void)ctx;
	process_heap_trim();
	return TRIM_EVERY_S * USEC_PER_SEC;
}

static int open_all(struct supervisor *s, struct err *err)
{
	const struct daemon_options options = {
		.program = "mr-core",
		.role = ZK_ROLE_CORE,
		.folder = PATHS_MACHINES,
		.hostname = s->config.hostname,
		.secrets_dir = s->config.secrets_dir,
		.config = s->config.file,
		.callbacks = {.ctx = s,
			      .ready = ready,
			      .stop = stop,
			      .reload = reload,
			      .describe = describe},
	};
	int rc = load_secrets(s, &s->config, err);
	if (rc == 0)
		rc = daemon_open(&options, &s->daemon, err);
	if (rc < 0)
		return rc;
	s->zk = daemon_zk(s->daemon);
	rc = leases_open(s->zk, s->config.hostname, &s->leases, err);
	if (rc == 0)
		rc = jobs_open(daemon_loop(s->daemon), &s->jobs, err);
	if (rc == 0)
		rc = pages_open(s->daemon, s->config.metrics_listen, "mr-core", metrics, s,
				&s->pages, err);
	if (rc < 0)
		return rc;
	s->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = s->ended_fd < 0 ? -errno
			     : sd_event_add_io(daemon_loop(s->daemon), &s->ended_source, s->ended_fd,
					       EPOLLIN, runner_ended_told, s);
	if (rc < 0)
		return err_set(err, rc, ERR_INTERNAL, "the event loop: %s", strerror(-rc));
	s->sweep_timer = daemon_timer_new(s->daemon, 365 * 86400 * USEC_PER_SEC, sweep, s);
	s->register_timer = daemon_timer_new(s->daemon, 365 * 86400 * USEC_PER_SEC, register_due, s);
	s->trim_timer = daemon_timer_new(s->daemon, TRIM_EVERY_S * USEC_PER_SEC, trim_heap, NULL);
	if (!s->sweep_timer || !s->register_timer || !s->trim_timer)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for timers");
	s->context = (struct instance_context){
		.daemon = s->daemon,
		.jobs = s->jobs,
		.leases = s->leases,
		.ended_fd = s->ended_fd,
		.hostname = s->config.hostname,
		.secrets_dir = s->secrets->dir,
		.opener = &s->opener,
		.gone = gone,
		.others = cold_others,
		.ctx = s,
	};
	return 0;
}

static void close_all(struct supervisor *s)
{
	pages_close(s->pages);
	orders_close(s->orders);
	cold_close(s->cold);
	for (size_t k = 0; k < s->n; k++)
		instance_free(s->list[k]);
	free(s->list);
	jobs_close(s->jobs);
	orders_free(s->orders);
	zk_watch_stop(s->tasks_watch);
	zk_watch_stop(s->drain_watch);
	if (s->register_op)
		zk_op_cancel(s->register_op);
	zk_names_free(&s->tasks);
	daemon_timer_free(s->sweep_timer);
	daemon_timer_free(s->register_timer);
	daemon_timer_free(s->trim_timer);
	sd_event_source_disable_unref(s->ended_source);
	if (s->ended_fd >= 0)
		close(s->ended_fd);
	leases_close(s->leases);
	daemon_close(s->daemon);
	for (struct secrets *next, *e = s->secrets; e; e = next) {
		next = e->next;
		seal_ring_free(e->ring);
		free(e->dir);
		free(e);
	}
	config_free(s->newer);
	core_config_free(&s->config);
}

int supervisor_run(struct core_config *config, const char *path)
{
	struct supervisor s = {.config = *config, .config_path = path, .ended_fd = -1};
	struct err err = {0};
	if (config->hostname == config->own_hostname)
		s.config.hostname = s.config.own_hostname;
	int rc = open_all(&s, &err);
	if (rc < 0)
		log_err(LOG_LEVEL_ERROR, "mr-core cannot start", &err);
	else
		rc = daemon_run(s.daemon);
	close_all(&s);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
