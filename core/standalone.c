/*
 * standalone.c - see standalone.h. The main thread waits for signals and for the end,
 * and shows progress on a terminal; the capture runs on a thread of its own.
 */
#include "core/standalone.h"

#include "common/contract/errors.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "common/os/signals.h"
#include "core/progress/state_folder.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct run {
	const struct standalone_options *o;
	struct task *task;
	struct checkpoint *checkpoint;
	struct capture *capture;
	struct position position;
	char throwaway[64]; /* state folder when none was asked for; "" otherwise */
	int ended;          /* eventfd: the capture has ended */
	int rc;
	struct err err;
};

static void *capture_thread(void *arg)
{
	struct run *r = arg;
	log_bind("task=%s", r->task->name);
	r->rc = capture_run(r->capture, &r->position, &r->err);
	uint64_t one = 1;
	ssize_t n = write(r->ended, &one, sizeof(one));
	(void)n;
	return NULL;
}

/* ---------------------------------------------------------------- what is shown */

static void show_progress(struct run *r, usec_t *last, uint64_t *last_rows)
{
	struct capture_status s;
	capture_status(r->capture, &s);
	usec_t now = clock_boot();
	double seconds = (double)(now - *last) / (double)USEC_PER_SEC;
	double rate = seconds > 0 ? (double)(s.rows - *last_rows) / seconds : 0;
	char lag[32] = "?";
	if (s.lag >= 0)
		snprintf(lag, sizeof(lag), "%.3f s", (double)s.lag / (double)USEC_PER_SEC);
	fprintf(stderr, "\r\033[K%s  %llu rows  %.0f rows/s  lag %s  in flight %llu",
		capture_state_name(s.state), (unsigned long long)s.rows, rate, lag,
		(unsigned long long)s.in_flight);
	*last = now;
	*last_rows = s.rows;
}

/* The document that --summary writes: what checks and benchmarks read. */
static int write_summary(struct run *r, struct err *err)
{
	struct capture_status s;
	capture_status(r->capture, &s);
	struct buf gtids;
	buf_init(&gtids);
	if (r->position.gtids)
		gtid_set_format(r->position.gtids, &gtids);
	json_t *position = json_pack("{s:s, s:s, s:I, s:s}", "flavor",
				     flavor_name(r->position.flavor), "file", r->position.at.file,
				     "pos", (json_int_t)r->position.at.pos, "gtid",
				     buf_cstr(&gtids));
	json_t *o = json_pack("{s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:o}", "rows",
			      (json_int_t)s.rows, "messages", (json_int_t)s.messages, "bytes",
			      (json_int_t)s.bytes, "transactions", (json_int_t)s.transactions,
			      "seconds", (double)s.busy / (double)USEC_PER_SEC, "cpu_seconds",
			      (double)process_cpu() / (double)USEC_PER_SEC, "peak_rss_bytes",
			      (json_int_t)process_peak_rss(), "position",
			      position ? position : json_null());
	char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
	json_decref(o);
	buf_free(&gtids);
	if (!text)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the summary");
	size_t len = strlen(text);
	text[len++] = '\n'; /* in place of the zero byte: file_save takes a length */
	int rc = file_save(r->o->summary_path, text, len, 0644, ERR_STATE_IO, err);
	free(text);
	return rc;
}

/* ---------------------------------------------------------------- running */

/* A folder that is gone with the process, for runs that keep nothing. */
static int make_throwaway(struct run *r, struct err *err)
{
	const char *base = getenv("TMPDIR");
	int n = snprintf(r->throwaway, sizeof(r->throwaway), "%s/mr-core.XXXXXX",
			 base && *base ? base : "/tmp");
	if (n < 0 || (size_t)n >= sizeof(r->throwaway))
		snprintf(r->throwaway, sizeof(r->throwaway), "/tmp/mr-core.XXXXXX");
	if (!mkdtemp(r->throwaway)) {
		int rc = -errno;
		r->throwaway[0] = 0;
		return err_set(err, rc, ERR_STATE_IO, "no temporary folder for the position");
	}
	return 0;
}

static void remove_throwaway(const struct run *r)
{
	static const char *const names[] = {"lock", "state.json", "position.json"};
	char path[128];
	if (!r->throwaway[0])
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", r->throwaway, names[i]);
		unlink(path);
	}
	rmdir(r->throwaway);
}

static int open_task(struct run *r)
{
	const struct secret_places places = {.secrets_dir = r->o->config->secrets_dir,
					     .paths = true};
	int rc = task_load(r->o->task_path, &r->task, &r->err);
	if (rc == 0)
		rc = task_resolve_secrets(r->task, &places, &r->err);
	return rc;
}

static int open_capture(struct run *r)
{
	if (!r->o->state_dir) {
		int rc = make_throwaway(r, &r->err);
		if (rc < 0)
			return rc;
		log_info("no --state: the position is not kept, the next run starts at "
			 "source.start again");
	}
	char host[PROCESS_HOSTNAME_MAX];
	char instance[PROCESS_HOSTNAME_MAX + 16];
	process_hostname(host);
	snprintf(instance, sizeof(instance), "%s-%d", host, (int)getpid());
	const struct state_folder_options co = {
		.dir = r->o->state_dir ? r->o->state_dir : r->throwaway,
		.task = r->task->name,
		.uid = r->task->uid,
		.delivery = task_is_transactional(r->task) ? "exactly_once" : "at_least_once",
		.instance = instance,
		.interval = r->task->commit_interval_ms * USEC_PER_MSEC,
	};
	int rc = state_folder_open(&co, &r->checkpoint, &r->err);
	if (rc < 0)
		return rc;
	const struct capture_options o = {
		.task = r->task,
		.checkpoint = r->checkpoint,
		.cluster = state_folder_cluster(r->checkpoint),
		.until = r->o->until,
		.with_keys = r->o->with_keys,
		.fail_fast = true,
	};
	return capture_new(&o, &r->capture, &r->err);
}

/* Waits for the end of the capture; passes signals on. */
static void attend(struct run *r)
{
	bool terminal = isatty(STDERR_FILENO) && r->task->pipe.type != TASK_PIPE_STDOUT;
	usec_t last = clock_boot();
	uint64_t last_rows = 0;
	for (;;) {
		struct pollfd fds[2] = {{.fd = r->ended, .events = POLLIN},
					{.fd = signals_fd(), .events = POLLIN}};
		poll(fds, 2, terminal ? 1000 : -1);
		if (fds[0].revents)
			break;
		if (fds[1].revents && (signals_take() & SIGNALS_STOP)) {
			bool hurry = signals_stops() > 1;
			log_info(hurry ? "stopping now" : "stopping: what was read is delivered first");
			capture_stop(r->capture, hurry);
		}
		if (terminal)
			show_progress(r, &last, &last_rows);
	}
	if (terminal)
		fputs("\r\033[K", stderr);
}

static int run_capture(struct run *r)
{
	pthread_t thread;
	r->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->ended < 0)
		return err_set(&r->err, -errno, ERR_INTERNAL, "eventfd: no file descriptors left");
	int rc = -pthread_create(&thread, NULL, capture_thread, r);
	if (rc < 0)
		return err_set(&r->err, rc, ERR_INTERNAL, "no thread for the task");
	attend(r);
	pthread_join(thread, NULL);
	struct capture_status s;
	capture_status(r->capture, &s);
	log_info("%s after %llu rows in %llu transactions, behind %s:%llu",
		 r->rc < 0 ? "failed" : "ended", (unsigned long long)s.rows,
		 (unsigned long long)s.transactions, r->position.at.file,
		 (unsigned long long)r->position.at.pos);
	struct err second = {0};
	if (r->o->summary_path && write_summary(r, &second) < 0) {
		log_err(LOG_LEVEL_ERROR, "writing the summary", &second);
		if (r->rc == 0)
			return -EIO;
	}
	return r->rc;
}

int standalone_run(const struct standalone_options *o)
{
	struct run r = {.o = o, .ended = -1};
	position_init(&r.position, FLAVOR_MYSQL);
	int rc = open_task(&r);
	if (rc == 0 && o->check_only) {
		printf("%s: task %s is valid\n", o->task_path, r.task->name);
	} else {
		if (rc == 0) {
			log_bind("task=%s", r.task->name);
			rc = open_capture(&r);
		}
		if (rc == 0)
			rc = run_capture(&r);
	}
	if (rc < 0 && r.err.kind)
		log_err(LOG_LEVEL_ERROR, o->check_only ? "the document is not valid" : "the task failed",
			&r.err);
	capture_free(r.capture);
	checkpoint_close(r.checkpoint);
	remove_throwaway(&r);
	position_clear(&r.position);
	task_free(r.task);
	if (r.ended >= 0)
		close(r.ended);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
