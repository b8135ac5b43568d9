/*
 * commit_shell.c - drives a checkpoint in lastCommit from standard input, for tests against
 * a real ZooKeeper (tests/integration/test_last_commit.py). One answer a command ("ok …"
 * or "error ERRNO CODE: text"), and a line "event state …" for the session.
 *
 *   commit_shell OPTION=VALUE…   servers= timeout=MS
 *   node FOLDER NAME             makes our instance's node: ok PATH CZXID
 *   rewrite TEXT                 sets its data
 *   open TASKPATH UID CONTROL    a checkpoint of our node; CONTROL: a control document
 *   claim                        ok found|anew ordered|kept SEQ
 *   load                         ok FILE POS GTIDS ROWS (of partial)
 *   save FILE POS GTIDS          GTIDS "-": none
 *   tick FILE POS GTIDS          the same in passing: for as long as delivery may wait
 *   act                          ok 0|1
 *   lost                         ok 0|1
 *   fill GTIDS-INTERVALS         saves a GTID set of that many intervals
 *   close | session
 */
#include "common/os/log.h"
#include "common/zk/zk.h"
#include "core/progress/checkpoint_priv.h"
#include "core/progress/last_commit.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORDS_MAX = 6, LINE_BYTES = 1 << 16 };

struct shell {
	struct zk *zk;
	struct zk_listener listener;
	struct checkpoint *checkpoint;
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

static int cmd_rewrite(struct shell *s, char **w)
{
	struct err err = {0};
	int rc = zk_set(s->zk, s->node, w[1], strlen(w[1]), ZK_ANY_VERSION, 10 * USEC_PER_SEC,
			NULL, &err);
	return rc < 0 ? fail(rc, &err) : printf("ok\n");
}

static int cmd_open(struct shell *s, char **w)
{
	struct control_doc control;
	struct err err = {0};
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
		.interval = 0,
	};
	checkpoint_close(s->checkpoint);
	s->checkpoint = NULL;
	rc = last_commit_new(&o, &s->checkpoint, &err);
	control_doc_clear(&control);
	return rc < 0 ? fail(rc, &err) : printf("ok\n");
}

static int cmd_claim(struct shell *s, char **w)
{
	(void)w;
	struct err err = {0};
	int rc = checkpoint_claim(s->checkpoint, &err);
	if (rc < 0)
		return fail(rc, &err);
	return printf("ok %s %s %" PRIu64 "\n", checkpoint_found(s->checkpoint) ? "found" : "anew",
		      checkpoint_ordered(s->checkpoint) ? "ordered" : "kept",
		      s->checkpoint->doc.seq);
}

static int cmd_load(struct shell *s, char **w)
{
	(void)w;
	struct position p;
	struct buf gtids;
	struct err err = {0};
	position_init(&p, FLAVOR_MYSQL);
	buf_init(&gtids);
	int rc = checkpoint_load(s->checkpoint, &p, &err);
	if (rc == 0 && p.gtids)
		gtid_set_format(p.gtids, &gtids);
	if (rc < 0)
		fail(rc, &err);
	else
		printf("ok %s %" PRIu64 " %s %" PRIu64 "\n", p.at.file, p.at.pos,
		       gtids.len ? buf_cstr(&gtids) : "-", p.partial.rows);
	buf_free(&gtids);
	position_clear(&p);
	return rc;
}

static int save(struct shell *s, char **w, bool passing)
{
	struct position p;
	struct err err = {0};
	int rc = 0;
	position_init(&p, FLAVOR_MYSQL);
	snprintf(p.at.file, sizeof(p.at.file), "%s", w[1]);
	p.at.pos = strtoull(w[2], NULL, 10);
	if (strcmp(w[3], "-") != 0) {
		p.gtids = gtid_set_new(FLAVOR_MYSQL);
		rc = gtid_set_parse(p.gtids, w[3], &err);
	}
	s->checkpoint->passing = passing;
	if (rc == 0)
		rc = checkpoint_save(s->checkpoint, &p, &err);
	s->checkpoint->passing = false;
	position_clear(&p);
	return rc < 0 ? fail(rc, &err) : printf("ok %" PRIu64 "\n", s->checkpoint->doc.seq);
}

static int cmd_save(struct shell *s, char **w)
{
	return save(s, w, false);
}

static int cmd_tick(struct shell *s, char **w)
{
	return save(s, w, true);
}

static int cmd_fill(struct shell *s, char **w)
{
	struct buf text;
	buf_init(&text);
	buf_lit(&text, "3e11fa47-71ca-11e1-9e33-c80aa9429562");
	for (long i = 0, n = atol(w[1]); i < n; i++)
		buf_printf(&text, ":%ld", 1000000 + 2 * i);
	char position[3][32] = {"", "binlog.000001", "4"};
	char *words[] = {position[0], position[1], position[2], (char *)(uintptr_t)buf_cstr(&text)};
	int rc = save(s, words, false);
	buf_free(&text);
	return rc;
}

static int cmd_act(struct shell *s, char **w)
{
	(void)w;
	struct err err = {0};
	int rc = checkpoint_may_act(s->checkpoint, &err);
	return rc < 0 ? fail(rc, &err) : printf("ok %d\n", rc);
}

static int cmd_lost(struct shell *s, char **w)
{
	(void)w;
	return printf("ok %d\n", checkpoint_is_lost(s->checkpoint));
}

static int cmd_close(struct shell *s, char **w)
{
	(void)w;
	checkpoint_close(s->checkpoint);
	s->checkpoint = NULL;
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
	bool open; /* it needs a checkpoint */
	int (*run)(struct shell *s, char **words);
} commands[] = {
	{"node", 3, false, cmd_node},   {"rewrite", 2, false, cmd_rewrite},
	{"open", 4, false, cmd_open},   {"claim", 1, true, cmd_claim},
	{"load", 1, true, cmd_load},    {"save", 4, true, cmd_save},
	{"tick", 4, true, cmd_tick},    {"fill", 2, true, cmd_fill},
	{"act", 1, true, cmd_act},      {"lost", 1, true, cmd_lost},
	{"close", 1, false, cmd_close}, {"session", 1, false, cmd_session},
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
		    (s->checkpoint || !commands[i].open)) {
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

int main(int argc, char **argv)
{
	struct shell s = {0};
	struct zk_options o = {.session_timeout = 10 * USEC_PER_SEC, .role = ZK_ROLE_CORE};
	struct err err = {0};
	setvbuf(stdout, NULL, _IOLBF, 0);
	log_open(LOG_LEVEL_DEBUG);
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "servers=", 8) == 0)
			o.servers = argv[i] + 8;
		else if (strncmp(argv[i], "timeout=", 8) == 0)
			o.session_timeout = atoll(argv[i] + 8) * USEC_PER_MSEC;
		else
			return 2;
	}
	int rc = o.servers ? zk_open(&o, &s.zk, &err) : -EINVAL;
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
	checkpoint_close(s.checkpoint);
	zk_close(s.zk);
	return 0;
}
