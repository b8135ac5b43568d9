/*
 * view_shell.c - a view driven line by line, for tests/integration/test_view.py.
 *
 *   view_shell servers=HOST:PORT/CHROOT session_ms=N
 *
 * On standard output: "filled N" once everything was read, "changed NAME", "gone NAME" and
 * "document NAME BYTES" as they are told. Commands on standard input, answered in one line:
 *   list AFTER LIMIT GROUP DESIRED TEXT   ('-' for none; GROUP "hot" for hot tasks)
 *                  -> "list N TOTAL MORE NAME…"
 *   get NAME       -> "task NAME GROUP PATH document|none none|there|bad DESIRED REVISION NODE…"
 *                     or "none"
 *   count          -> "count N FILLED"
 *   storm SECONDS  -> reads by two more threads meanwhile; "storm N"
 */
#include "common/os/log.h"
#include "common/view/view.h"
#include "common/zk/watch.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const states[] = {"none", "there", "bad"};

static void on_changed(void *ctx, const char *name, bool gone)
{
	(void)ctx;
	printf("%s %s\n", gone ? "gone" : "changed", name);
}

static void on_document(void *ctx, const char *name, const char *text, size_t len)
{
	(void)ctx;
	printf("document %s %zu\n", name, text ? len : 0);
}

static void put_task(const struct view_task *t)
{
	printf("task %s %s %s %s %s %s %llu", t->name, t->group[0] ? t->group : "-", t->path,
	       t->has_document ? "document" : "none", states[t->control_state],
	       control_desired_name((enum control_desired)t->desired),
	       (unsigned long long)t->revision);
	for (size_t i = 0; i < t->nnodes; i++)
		printf(" %s", t->nodes[i]);
	printf("\n");
}

static void get(struct view *v, const char *name)
{
	struct view_tasks one;
	if (view_get(v, name, &one) < 0) {
		printf("none\n");
		return;
	}
	put_task(&one.v[0]);
	view_tasks_free(&one);
}

static void list(struct view *v, char *words)
{
	char after[128], group[128], text[128];
	size_t limit;
	int desired;
	struct view_tasks found;
	if (sscanf(words, "%127s %zu %127s %d %127s", after, &limit, group, &desired, text) != 5) {
		printf("error\n");
		return;
	}
	const struct view_query q = {
	    .after = strcmp(after, "-") == 0 ? NULL : after,
	    .limit = limit,
	    .group = strcmp(group, "-") == 0	 ? NULL
		     : strcmp(group, "hot") == 0 ? ""
						 : group,
	    .desired = desired,
	    .text = strcmp(text, "-") == 0 ? NULL : text,
	};
	if (view_list(v, &q, &found) < 0) {
		printf("error\n");
		return;
	}
	printf("list %zu %zu %d", found.n, found.total, found.more);
	for (size_t i = 0; i < found.n; i++)
		printf(" %s", found.v[i].name);
	printf("\n");
	view_tasks_free(&found);
}

struct storm {
	struct view *v;
	_Atomic(bool) stop;
	_Atomic(int) reads;
};

static void *read_on(void *arg)
{
	struct storm *s = arg;
	while (!atomic_load(&s->stop)) {
		struct view_tasks all;
		if (view_list(s->v, NULL, &all) == 0) {
			for (size_t i = 0; i < all.n; i++)
				if (strlen(all.v[i].name) == 0 || all.v[i].path[0] != '/')
					abort();
			view_tasks_free(&all);
			atomic_fetch_add(&s->reads, 1);
		}
	}
	return NULL;
}

static void turn(struct zk *zk, int timeout_ms)
{
	struct pollfd fd = {.fd = zk_fd(zk), .events = POLLIN};
	if (poll(&fd, 1, timeout_ms) > 0)
		zk_dispatch(zk);
}

static void storm(struct view *v, struct zk *zk, int seconds)
{
	struct storm s = {.v = v};
	pthread_t threads[2];
	usec_t until = clock_boot() + seconds * USEC_PER_SEC;
	for (size_t i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, read_on, &s) != 0)
			abort();
	while (clock_boot() < until)
		turn(zk, 20);
	atomic_store(&s.stop, true);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("storm %d\n", atomic_load(&s.reads));
}

static void command(struct view *v, struct zk *zk, char *line)
{
	if (strncmp(line, "list ", 5) == 0)
		list(v, line + 5);
	else if (strncmp(line, "get ", 4) == 0)
		get(v, line + 4);
	else if (strncmp(line, "storm ", 6) == 0)
		storm(v, zk, atoi(line + 6));
	else if (strcmp(line, "count") == 0)
		printf("count %zu %d\n", view_count(v), view_filled(v));
	else
		printf("error\n");
}

/* Lines that are there, one after the other; false at the end of the input. */
static bool take_input(struct view *v, struct zk *zk)
{
	static char text[4096];
	static size_t n;
	ssize_t got = read(STDIN_FILENO, text + n, sizeof(text) - 1 - n);
	if (got <= 0)
		return false;
	n += (size_t)got;
	text[n] = 0;
	for (char *end; (end = strchr(text, '\n'));) {
		*end = 0;
		command(v, zk, text);
		n -= (size_t)(end + 1 - text);
		memmove(text, end + 1, n + 1);
	}
	return true;
}

int main(int argc, char **argv)
{
	struct zk_options options = {.role = ZK_ROLE_MONITOR, .session_timeout = 4 * USEC_PER_SEC};
	struct zk *zk;
	struct err err = {0};
	bool filled = false, on = true;
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "servers=", 8) == 0)
			options.servers = argv[i] + 8;
		else if (strncmp(argv[i], "session_ms=", 11) == 0)
			options.session_timeout = atoi(argv[i] + 11) * USEC_PER_MSEC;
	}
	log_open(LOG_LEVEL_INFO);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (zk_open(&options, &zk, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "no session", &err);
		return EXIT_FAILURE;
	}
	const struct view_options o = {.zk = zk, .changed = on_changed, .document = on_document};
	struct view *v = view_open(&o);
	if (!v)
		return EXIT_FAILURE;
	while (on) {
		struct pollfd fds[] = {{.fd = zk_fd(zk), .events = POLLIN},
				       {.fd = STDIN_FILENO, .events = POLLIN}};
		poll(fds, 2, 50);
		if (fds[0].revents)
			zk_dispatch(zk);
		if (!filled && view_filled(v)) {
			filled = true;
			printf("filled %zu\n", view_count(v));
		}
		if (fds[1].revents)
			on = take_input(v, zk);
	}
	zk_watch_leave(zk);
	view_close(v);
	zk_close(zk);
	return EXIT_SUCCESS;
}
