/*
 * capture_shell.c - drives a capture whose position is in ZooKeeper from standard input, as
 * a supervisor would, for tests against real servers (tests/integration/
 * test_last_commit_capture.py). One answer a command ("ok …" or "error ERRNO CODE: text"), and
 * lines "event …" for what happens by itself.
 *
 *   capture_shell OPTION=VALUE…  servers= timeout=MS task=FILE.json
 *   node FOLDER NAME             makes our instance's node: ok PATH CZXID
 *   run TASKPATH UID CONTROL     event ended 0, or ERRNO CODE CLASS: text
 *   status                       ok STATE ROWS IN_FLIGHT LAG_MS WAITING-CODE|-
 *   position                     ok FILE POS GTIDS
 *   failure                      ok FILE POS GTID|- | ok none
 *   stop | hurry | session
 */
#include "common/os/log.h"
#include "common/zk/zk.h"
#include "core/pipeline/capture.h"
#include "core/progress/last_commit.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORDS_MAX = 6, LINE_BYTES = 1 << 16 };

struct shell {
	struct zk *zk;
	struct zk_listener listener;
	struct task *task;
	struct checkpoint *checkpoint;
	struct capture *capture;
	pthread_t thread;
	char node[ZK_PATH_MAX];
	int64_t epoch;
	char line[LINE_BYTES];
	size_t len;
};

static int fail(int rc, const struct err *err)
{
	printf("error %s %s: %s\n", strerrorname_np(-rc), err->kind ? err->kind->code : "?",
	       err->text);
	return rc;
}

static void on_state(void *ctx, enum zk_state state)
{
	struct shell *s = ctx;
	printf("event state %s %" PRIx64 "\n", zk_state_name(state), (uint64_t)zk_session_id(s->zk));
}

static int cmd_node(struct shell *s, char **w)
{
	char path[ZK_PATH_MAX];
	struct zk_stat stat;
	struct err err = {0};
	snprintf(path, sizeof(path), "%s/%s-", w[1], w[2]);
	const struct zk_create create = {
		.path = path, .data = "{}", .len = 2, .kind = ZK_EPHEMERAL_SEQUENTIAL};
	int rc = zk_create(s->zk, &create, 10 * USEC_PER_SEC, s->node, &stat, &err);
	if (rc < 0)
		return fail(rc, &err);
	s->epoch = stat.czxid;
	return printf("ok %s %" PRId64 "\n", s->node, s->epoch);
}

static void *run_capture(void *arg)
{
	struct shell *s = arg;
	struct err err = {0};
	int rc = capture_run(s->capture, NULL, &err);
	if (rc < 0)
		printf("event ended %s %s %s: %s\n", strerrorname_np(-rc),
		       err.kind ? err.kind->code : "?",
		       err.kind ? err_class_name(err.kind->class) : "?", err.text);
	else
		printf("event ended 0\n");
	return NULL;
}

/* The run of before, which has ended. */
static void end_run(struct shell *s)
{
	if (!s->capture)
		return;
	pthread_join(s->thread, NULL);
	capture_free(s->capture);
	checkpoint_close(s->checkpoint);
	s->capture = NULL;
}

static int cmd_run(struct shell *s, char **w)
{
	struct control_doc control;
	struct err err = {0};
	end_run(s);
	int rc = control_doc_parse(w[3], strlen(w[3]), &control, &err);
	if (rc < 0)
		return fail(rc, &err);
	const struct last_commit_options o = {
		.zk = s->zk,
		.task_path = w[1],
		.instance_path = s->node,
		.epoch = s->epoch,
		.instance = strrchr(s->node, '/') + 1,
		.uid = w[2],
		.delivery = "at_least_once",
		.control = &control,
		.interval = s->task->commit_interval_ms * USEC_PER_MSEC,
	};
	rc = last_commit_new(&o, &s->checkpoint, &err);
	control_doc_clear(&control);
	if (rc < 0)
		return fail(rc, &err);
	const struct capture_options c = {.task = s->task, .checkpoint = s->checkpoint};
	rc = capture_new(&c, &s->capture, &err);
	if (rc < 0)
		return fail(rc, &err);
	pthread_create(&s->thread, NULL, run_capture, s);
	return printf("ok\n");
}

static int cmd_status(struct shell *s, char **w)
{
	(void)w;
	struct capture_status status;
	struct err why = {0};
	capture_status(s->capture, &status);
	bool waiting = capture_waiting(s->capture, &why);
	return printf("ok %s %" PRIu64 " %" PRIu64 " %" PRId64 " %s\n",
		      capture_state_name(status.state), status.rows, status.in_flight,
		      status.lag / USEC_PER_MSEC, waiting && why.kind ? why.kind->code : "-");
}

static int cmd_position(struct shell *s, char **w)
{
	(void)w;
	struct position p;
	struct buf gtids;
	position_init(&p, FLAVOR_MYSQL);
	buf_init(&gtids);
	int rc = capture_position(s->capture, &p);
	if (rc == 0 && p.gtids)
		gtid_set_format(p.gtids, &gtids);
	if (rc < 0)
		printf("error %s none\n", strerrorname_np(-rc));
	else
		printf("ok %s %" PRIu64 " %s\n", p.at.file[0] ? p.at.file : "-", p.at.pos,
		       gtids.len ? buf_cstr(&gtids) : "-");
	buf_free(&gtids);
	position_clear(&p);
	return rc;
}

static int cmd_failure(struct shell *s, char **w)
{
	(void)w;
	struct capture_failure f;
	if (!capture_failure(s->capture, &f))
		return printf("ok none\n");
	return printf("ok %s %" PRIu64 " %s\n", f.at.file, f.at.pos, f.gtid[0] ? f.gtid : "-");
}

static int cmd_stop(struct shell *s, char **w)
{
	capture_stop(s->capture, strcmp(w[0], "hurry") == 0);
	return printf("ok\n");
}

static int cmd_session(struct shell *s, char **w)
{
	(void)w;
	return printf("ok %" PRIx64 " %s\n", (uint64_t)zk_session_id(s->zk),
		      zk_state_name(zk_state(s->zk)));
}

static const struct {
	const char *name;
	int words;
	bool running; /* it needs a capture */
	int (*run)(struct shell *s, char **words);
} commands[] = {
	{"node", 3, false, cmd_node},      {"run", 4, false, cmd_run},
	{"status", 1, true, cmd_status},   {"position", 1, true, cmd_position},
	{"failure", 1, true, cmd_failure}, {"stop", 1, true, cmd_stop},
	{"hurry", 1, true, cmd_stop},      {"session", 1, false, cmd_session},
};

static void run_line(struct shell *s, char *line)
{
	char *words[WORDS_MAX] = {0}, *save_at = NULL;
	int n = 0;
	for (char *w = strtok_r(line, " ", &save_at); w && n < WORDS_MAX;
	     w = strtok_r(NULL, " ", &save_at))
		words[n++] = w;
	for (size_t i = 0; n && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, words[0]) == 0 && commands[i].words == n &&
		    (s->capture || !commands[i].running)) {
			(void)commands[i].run(s, words);
			return;
		}
	}
	printf("error EINVAL usage: no such command\n");
}

/* False at the end of the input. */
static bool read_lines(struct shell *s)
{
	ssize_t got = read(STDIN_FILENO, s->line + s->len, sizeof(s->line) - s->len - 1);
	if (got <= 0)
		return false;
	s->len += (size_t)got;
	s->line[s->len] = 0;
	for (char *end; (end = memchr(s->line, '\n', s->len));) {
		*end = 0;
		run_line(s, s->line);
		s->len -= (size_t)(end + 1 - s->line);
		memmove(s->line, end + 1, s->len + 1);
	}
	return s->len < sizeof(s->line) - 1;
}

static int open_all(struct shell *s, int argc, char **argv, struct err *err)
{
	struct zk_options o = {.session_timeout = 10 * USEC_PER_SEC, .role = ZK_ROLE_CORE};
	const struct secret_places places = {.paths = true};
	const char *task = NULL;
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "servers=", 8) == 0)
			o.servers = argv[i] + 8;
		else if (strncmp(argv[i], "timeout=", 8) == 0)
			o.session_timeout = atoll(argv[i] + 8) * USEC_PER_MSEC;
		else if (strncmp(argv[i], "task=", 5) == 0)
			task = argv[i] + 5;
	}
	if (!o.servers || !task)
		return -EINVAL;
	int rc = task_load(task, &s->task, err);
	if (rc == 0)
		rc = task_resolve_secrets(s->task, &places, err);
	return rc < 0 ? rc : zk_open(&o, &s->zk, err);
}

int main(int argc, char **argv)
{
	struct shell s = {0};
	struct err err = {0};
	setvbuf(stdout, NULL, _IOLBF, 0);
	log_open(LOG_LEVEL_DEBUG);
	int rc = open_all(&s, argc, argv, &err);
	if (rc < 0)
		return fail(rc, &err), 1;
	s.listener = (struct zk_listener){.fn = on_state, .ctx = &s};
	zk_listen(s.zk, &s.listener);
	struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
				{.fd = zk_fd(s.zk), .events = POLLIN}};
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			zk_dispatch(s.zk);
		if (fds[0].revents && !read_lines(&s))
			break;
	}
	if (s.capture)
		capture_stop(s.capture, true);
	end_run(&s);
	zk_close(s.zk);
	task_free(s.task);
	return 0;
}
