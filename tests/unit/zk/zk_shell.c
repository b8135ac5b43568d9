/*
 * zk_shell.c - drives a ZooKeeper session from standard input, for tests against real
 * servers (tests/integration/test_zk.py). One answer a command ("ok …" or "error ERRNO
 * CODE: text"), and a line "event …" for what is told in between.
 *
 *   zk_shell OPTION=VALUE…   servers= timeout=MS role=core|server|monitor auth=
 *                            core= server= monitor= (identities) wait=MS budget=BYTES
 *   get PATH                 ok VERSION LEN DATA
 *   set PATH VERSION DATA    ok VERSION
 *   fill PATH BYTES          sets a document of that size, any version
 *   create KIND PATH DATA    KIND: p ps e es, with + behind it: parents; ok PATH CZXID
 *   private PATH DATA        creates with zk_acl_private
 *   delete PATH VERSION | children PATH | exists PATH | sync PATH
 *   multi CHECK CHECKVERSION SET SETVERSION DATA    ok VERSION
 *   id TYPE                  of /ids
 *   ids TYPE COUNT           that many, from four threads
 *   data PATH | names PATH   watches: event watch PATH …
 *   unwatch PATH
 *   elect FOLDER NAME | leave
 *   act | session | fds | identity AUTH
 *   storm PATH COUNT         sets it COUNT times, not waiting between
 */
#include "common/os/log.h"
#include "common/zk/election.h"
#include "common/zk/naming.h"
#include "common/zk/watch.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WATCHES_MAX = 64, WORDS_MAX = 6, LINE_BYTES = 1 << 16 };

struct shell {
	struct zk *zk;
	usec_t wait;
	struct zk_listener listener;
	struct {
		char *path;
		struct zk_watch *watch;
	} watches[WATCHES_MAX];
	struct zk_election *election;
	int storm_left;
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

static void on_watch(void *ctx, const struct zk_watch_event *ev)
{
	(void)ctx;
	printf("event watch %s", ev->path);
	if (ev->rc < 0)
		printf(" %s", strerrorname_np(-ev->rc));
	else if (!ev->exists)
		printf(" absent");
	else if (ev->names)
		printf(" names %zu", ev->names->n);
	else
		printf(" version %d %.80s", ev->stat->version, (const char *)ev->data);
	for (size_t i = 0; ev->names && i < ev->names->n && i < 20; i++)
		printf(" %s", ev->names->v[i]);
	printf("\n");
}

static void on_election(void *ctx, const struct zk_election_view *view)
{
	static const char *const roles[] = {"out", "behind", "first"};
	(void)ctx;
	printf("event election %s node=%s epoch=%" PRId64 " first=%s nodes=%zu rc=%s\n",
	       roles[view->role], view->node, view->epoch, view->first, view->nodes,
	       view->rc ? strerrorname_np(-view->rc) : "0");
}

static int cmd_get(struct shell *s, char **w)
{
	struct buf out;
	struct zk_stat stat;
	struct err err = {0};
	buf_init(&out);
	int rc = zk_get(s->zk, w[1], s->wait, &out, &stat, &err);
	if (rc < 0)
		fail(rc, &err);
	else
		printf("ok %d %zu %.200s\n", stat.version, out.len, buf_cstr(&out));
	buf_free(&out);
	return rc;
}

static int cmd_set(struct shell *s, char **w)
{
	struct zk_stat stat;
	struct err err = {0};
	int rc = zk_set(s->zk, w[1], w[3], strlen(w[3]), atoi(w[2]), s->wait, &stat, &err);
	return rc < 0 ? fail(rc, &err) : printf("ok %d\n", stat.version);
}

static int cmd_fill(struct shell *s, char **w)
{
	struct err err = {0};
	size_t n = strtoull(w[2], NULL, 10);
	char *data = calloc(1, n + 1);
	memset(data, 'x', n);
	int rc = zk_set(s->zk, w[1], data, n, ZK_ANY_VERSION, s->wait, NULL, &err);
	free(data);
	return rc < 0 ? fail(rc, &err) : printf("ok\n");
}

static int create(struct shell *s, const struct zk_create *c)
{
	char path[ZK_PATH_MAX];
	struct zk_stat stat;
	struct err err = {0};
	int rc = zk_create(s->zk, c, s->wait, path, &stat, &err);
	return rc < 0 ? fail(rc, &err) : printf("ok %s %" PRId64 "\n", path, stat.czxid);
}

static int cmd_create(struct shell *s, char **w)
{
	struct zk_create c = {.path = w[2], .data = w[3], .len = strlen(w[3])};
	c.kind = w[1][0] == 'e' ? ZK_EPHEMERAL : ZK_PERSISTENT;
	if (w[1][1] == 's')
		c.kind = w[1][0] == 'e' ? ZK_EPHEMERAL_SEQUENTIAL : ZK_PERSISTENT_SEQUENTIAL;
	c.parents = strchr(w[1], '+') != NULL;
	return create(s, &c);
}

static int cmd_private(struct shell *s, char **w)
{
	return create(s, &(struct zk_create){.path = w[1],
					     .data = w[2],
					     .len = strlen(w[2]),
					     .acl = &zk_acl_private});
}

static int cmd_delete(struct shell *s, char **w)
{
	struct err err = {0};
	int rc = zk_delete(s->zk, w[1], atoi(w[2]), s->wait, &err);
	return rc < 0 ? fail(rc, &err) : printf("ok\n");
}

static int cmd_children(struct shell *s, char **w)
{
	struct zk_names names;
	struct err err = {0};
	int rc = zk_children(s->zk, w[1], s->wait, &names, NULL, &err);
	if (rc < 0)
		return fail(rc, &err);
	printf("ok %zu", names.n);
	for (size_t i = 0; i < names.n && i < 100; i++)
		printf(" %s", names.v[i]);
	printf("\n");
	zk_names_free(&names);
	return 0;
}

static int cmd_exists(struct shell *s, char **w)
{
	bool exists;
	struct zk_stat stat = {0};
	struct err err = {0};
	int rc = zk_exists(s->zk, w[1], s->wait, &exists, &stat, &err);
	return rc < 0 ? fail(rc, &err)
		      : printf("ok %d %" PRIx64 "\n", exists, (uint64_t)stat.owner);
}

static int cmd_sync(struct shell *s, char **w)
{
	struct err err = {0};
	int rc = zk_sync(s->zk, w[1], s->wait, &err);
	return rc < 0 ? fail(rc, &err) : printf("ok\n");
}

static int cmd_multi(struct shell *s, char **w)
{
	struct err err = {0};
	struct zk_stat stats[2];
	size_t failed = 99;
	struct zk_step steps[] = {
		{.type = ZK_STEP_CHECK, .path = w[1], .version = atoi(w[2])},
		{.type = ZK_STEP_SET,
		 .path = w[3],
		 .version = atoi(w[4]),
		 .data = w[5],
		 .len = strlen(w[5])},
	};
	int rc = zk_multi(s->zk, steps, 2, s->wait, &failed, stats, &err);
	if (rc < 0)
		printf("error %s %zu %s\n", strerrorname_np(-rc), failed, err.kind->code);
	else
		printf("ok %d\n", stats[1].version);
	return rc;
}

static int cmd_id(struct shell *s, char **w)
{
	char id[ZK_ID_MAX];
	struct err err = {0};
	int rc = zk_next_id(s->zk, "/ids", w[1], s->wait, id, &err);
	return rc < 0 ? fail(rc, &err) : printf("ok %s\n", id);
}

struct taker {
	struct shell *s;
	const char *type;
	int count;
	struct buf out;
};

static void *take_ids(void *arg)
{
	struct taker *t = arg;
	char id[ZK_ID_MAX];
	for (int i = 0; i < t->count; i++) {
		if (zk_next_id(t->s->zk, "/ids", t->type, t->s->wait, id, NULL) == 0)
			buf_printf(&t->out, " %s", id);
	}
	return NULL;
}

static int cmd_ids(struct shell *s, char **w)
{
	struct taker takers[4];
	pthread_t threads[4];
	for (int i = 0; i < 4; i++) {
		takers[i] = (struct taker){.s = s, .type = w[1], .count = atoi(w[2]) / 4};
		buf_init(&takers[i].out);
		pthread_create(&threads[i], NULL, take_ids, &takers[i]);
	}
	printf("ok");
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		printf("%s", buf_cstr(&takers[i].out));
		buf_free(&takers[i].out);
	}
	return printf("\n");
}

static int watch(struct shell *s, const char *path, bool children)
{
	for (int i = 0; i < WATCHES_MAX; i++) {
		if (s->watches[i].watch)
			continue;
		s->watches[i].path = strdup(path);
		s->watches[i].watch = children ? zk_watch_children(s->zk, path, on_watch, s)
					       : zk_watch_data(s->zk, path, on_watch, s);
		return printf("ok\n");
	}
	return printf("error too many\n");
}

static int cmd_data(struct shell *s, char **w)
{
	return watch(s, w[1], false);
}

static int cmd_names(struct shell *s, char **w)
{
	return watch(s, w[1], true);
}

static int cmd_unwatch(struct shell *s, char **w)
{
	for (int i = 0; i < WATCHES_MAX; i++) {
		if (!s->watches[i].watch || strcmp(s->watches[i].path, w[1]) != 0)
			continue;
		zk_watch_stop(s->watches[i].watch);
		free(s->watches[i].path);
		s->watches[i].watch = NULL;
	}
	return printf("ok\n");
}

static int cmd_elect(struct shell *s, char **w)
{
	s->election = zk_election_start(
		s->zk, &(struct zk_election_options){.folder = w[1], .name = w[2], .data = "{}", .len = 2},
		on_election, s);
	return printf("ok\n");
}

static int cmd_leave(struct shell *s, char **w)
{
	(void)w;
	zk_election_stop(s->election);
	s->election = NULL;
	return printf("ok\n");
}

static int cmd_act(struct shell *s, char **w)
{
	(void)w;
	return printf("ok %d %" PRId64 "\n", zk_may_act(s->zk),
		      (zk_may_act_until(s->zk) - clock_boot()) / USEC_PER_MSEC);
}

static int cmd_session(struct shell *s, char **w)
{
	(void)w;
	return printf("ok %" PRIx64 " %" PRId64 " %s\n", (uint64_t)zk_session_id(s->zk),
		      zk_session_timeout(s->zk) / USEC_PER_MSEC, zk_state_name(zk_state(s->zk)));
}

static int cmd_fds(struct shell *s, char **w)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;
	(void)s;
	(void)w;
	while (d && readdir(d))
		n++;
	closedir(d);
	return printf("ok %d\n", n);
}

static int cmd_identity(struct shell *s, char **w)
{
	char identity[ZK_IDENTITY_MAX];
	struct err err = {0};
	(void)s;
	int rc = zk_identity(w[1], identity, &err);
	return rc < 0 ? fail(rc, &err) : printf("ok %s\n", identity);
}

static void on_stormed(void *ctx, const struct zk_reply *reply)
{
	struct shell *s = ctx;
	if (reply->rc < 0)
		printf("event storm %s\n", strerrorname_np(-reply->rc));
	else if (--s->storm_left == 0)
		printf("event storm done %d\n", reply->stat->version);
}

static int cmd_storm(struct shell *s, char **w)
{
	char text[32];
	s->storm_left = atoi(w[2]);
	for (int i = 1, n = s->storm_left; i <= n; i++) {
		int len = snprintf(text, sizeof(text), "%d", i);
		if (!zk_set_async(s->zk, w[1], text, (size_t)len, ZK_ANY_VERSION, on_stormed, s))
			return printf("error memory\n");
	}
	return printf("ok\n");
}

static const struct {
	const char *name;
	int words;
	int (*run)(struct shell *s, char **words);
} commands[] = {
	{"get", 2, cmd_get},	       {"set", 4, cmd_set},	  {"fill", 3, cmd_fill},
	{"create", 4, cmd_create},     {"private", 3, cmd_private}, {"delete", 3, cmd_delete},
	{"children", 2, cmd_children}, {"exists", 2, cmd_exists}, {"sync", 2, cmd_sync},
	{"multi", 6, cmd_multi},       {"id", 2, cmd_id},	  {"ids", 3, cmd_ids},
	{"data", 2, cmd_data},	       {"names", 2, cmd_names},	  {"unwatch", 2, cmd_unwatch},
	{"elect", 3, cmd_elect},       {"leave", 1, cmd_leave},	  {"act", 1, cmd_act},
	{"session", 1, cmd_session},   {"fds", 1, cmd_fds},	  {"identity", 2, cmd_identity},
	{"storm", 3, cmd_storm},
};

static void run_line(struct shell *s, char *line)
{
	char *words[WORDS_MAX] = {0}, *save = NULL;
	int n = 0;
	for (char *w = strtok_r(line, " ", &save); w && n < WORDS_MAX; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	for (size_t i = 0; n && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, words[0]) == 0 && commands[i].words == n) {
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

static bool take_option(struct zk_options *o, usec_t *wait, size_t *budget, char *word)
{
	static const char *const roles[] = {"core", "server", "monitor"};
	char *value = strchr(word, '=');
	if (!value)
		return false;
	*value++ = 0;
	if (strcmp(word, "servers") == 0)
		o->servers = value;
	else if (strcmp(word, "timeout") == 0)
		o->session_timeout = atoll(value) * USEC_PER_MSEC;
	else if (strcmp(word, "auth") == 0)
		o->auth = value;
	else if (strcmp(word, "wait") == 0)
		*wait = atoll(value) * USEC_PER_MSEC;
	else if (strcmp(word, "budget") == 0)
		*budget = strtoull(value, NULL, 10);
	for (int i = 0; i < ZK_ROLES; i++) {
		if (strcmp(word, roles[i]) == 0)
			o->identities[i] = value;
		if (strcmp(word, "role") == 0 && strcmp(value, roles[i]) == 0)
			o->role = (enum zk_role)i;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct shell s = {.wait = 10 * USEC_PER_SEC};
	struct zk_options o = {.session_timeout = 10 * USEC_PER_SEC};
	size_t budget = ZK_WATCH_PATHS_MAX;
	struct err err = {0};
	setvbuf(stdout, NULL, _IOLBF, 0);
	log_open(LOG_LEVEL_DEBUG);
	for (int i = 1; i < argc; i++)
		if (!take_option(&o, &s.wait, &budget, argv[i]))
			return 2;
	int rc = o.servers ? zk_open(&o, &s.zk, &err) : -EINVAL;
	if (rc < 0)
		return fail(rc, &err), 1;
	zk_watch_budget(s.zk, budget);
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
	zk_close(s.zk);
	for (int i = 0; i < WATCHES_MAX; i++)
		if (s.watches[i].watch)
			free(s.watches[i].path);
	printf("closed\n");
	return 0;
}
