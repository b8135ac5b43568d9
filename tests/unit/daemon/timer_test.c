/*
 * timer_test.c - the loop's timers, and a daemon that no ZooKeeper answers: it runs, waits
 * and ends when it is told to.
 */
#include "common/contract/errors.h"
#include "common/daemon/daemon.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

static const struct config_key keys[] = {DAEMON_CONFIG_KEYS};

struct world {
	struct daemon *daemon;
	struct config *config;
	struct daemon_timer *timer, *other;
	int fired;
	bool stopped, ready;
};

static void on_ready(void *ctx, bool new_session)
{
	((struct world *)ctx)->ready = true;
	(void)new_session;
}

static void on_stop(void *ctx, bool hurry)
{
	struct world *w = ctx;
	(void)hurry;
	w->stopped = true;
	daemon_quit(w->daemon);
}

static int open_world(struct world *w, const char *text, const char *hostname, struct err *err)
{
	assert_int_equal(config_parse("test.conf", text, strlen(text), keys,
				      sizeof(keys) / sizeof(keys[0]), &w->config, err),
			 0);
	const struct daemon_options o = {
		.program = "test",
		.role = ZK_ROLE_CORE,
		.folder = PATHS_MACHINES,
		.hostname = hostname,
		.config = w->config,
		.callbacks = {.ctx = w, .ready = on_ready, .stop = on_stop},
	};
	return daemon_open(&o, &w->daemon, err);
}

static void close_world(struct world *w)
{
	daemon_close(w->daemon);
	config_free(w->config);
}

static usec_t fire(void *ctx)
{
	struct world *w = ctx;
	w->fired++;
	if (w->fired == 3) {
		/* Frees itself and another from within, and ends the daemon by its signal. */
		daemon_timer_free(w->timer);
		daemon_timer_free(w->other);
		kill(getpid(), SIGTERM);
		return 0;
	}
	if (w->fired == 2) {
		daemon_timer_set(w->timer, 1000);
		return 0;
	}
	return 1000;
}

static usec_t never(void *ctx)
{
	(void)ctx;
	fail_msg("a timer that was freed has fired");
	return 0;
}

static void runs_and_stops_without_zookeeper(void **state)
{
	struct world w = {0};
	struct err err = {0};
	(void)state;
	/* Port 1: nobody listens. */
	assert_int_equal(open_world(&w, "[zookeeper]\nservers = 127.0.0.1:1\n", "host-a", &err), 0);
	w.timer = daemon_timer_new(w.daemon, 0, fire, &w);
	w.other = daemon_timer_new(w.daemon, 60 * USEC_PER_SEC, never, &w);
	assert_non_null(w.timer);
	assert_int_equal(daemon_run(w.daemon), 0);
	assert_int_equal(w.fired, 3);
	assert_true(w.stopped);
	assert_false(w.ready);
	assert_false(daemon_connected(w.daemon));
	assert_string_equal(daemon_cluster(w.daemon), "");
	assert_string_equal(daemon_node(w.daemon), "");
	assert_false(daemon_first(w.daemon));
	close_world(&w);
}

/* What a daemon holds in memory is in no core dump, and no other user's debugger sees it. */
static void is_not_dumped(void **state)
{
	struct world w = {0};
	struct err err = {0};
	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip(); /* its search for leaks needs what this forbids */
#endif
	assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
	/* Before anything is read: also where it fails. */
	assert_true(open_world(&w, "", "h", &err) < 0);
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
	config_free(w.config);
}

static void refuses_bad_options(void **state)
{
	static const struct {
		const char *config, *hostname, *says;
	} cases[] = {
		{"", "h", "zookeeper.servers is missing"},
		{"[zookeeper]\nservers = 127.0.0.1:1\n", "a/b", "hostname"},
		{"[zookeeper]\nservers = 127.0.0.1:1\nauth = file:no-such\n", "h", "no-such"},
		{"[zookeeper]\nservers = 127.0.0.1:1\nauth = nocolon\n", "h", "user:password"},
		{"[zookeeper]\nservers = 127.0.0.1:1\ntls_ca = /x\n", "h", "together"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w = {0};
		struct err err = {0};
		assert_true(open_world(&w, cases[i].config, cases[i].hostname, &err) < 0);
		assert_non_null(err.kind);
		if (!strstr(err.text, cases[i].says))
			fail_msg("case %zu: %s", i, err.text);
		assert_null(strstr(err.text, "nocolon"));
		config_free(w.config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_not_dumped),
		cmocka_unit_test(runs_and_stops_without_zookeeper),
		cmocka_unit_test(refuses_bad_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
