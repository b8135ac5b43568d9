/*
 * daemon.h - what the three daemons do alike: one loop, a session with ZooKeeper, the
 * root of the tree, the announcement of this process, signals, the service manager.
 *
 * The loop is libsystemd's sd_event; everything here runs on the main thread, in
 * daemon_run(). Does not belong here: what a daemon is for.
 *
 * Order of a daemon's life: daemon_open() -> callbacks from daemon_run(): ready() once
 * the root of the tree is known (again after each new session) -> stop() at SIGTERM ->
 * daemon_quit() when everything is put away -> daemon_close().
 */
#ifndef MR_DAEMON_DAEMON_H
#define MR_DAEMON_DAEMON_H

#include "common/config/config.h"
#include "common/contract/machine.h"
#include "common/contract/paths.h"
#include "common/contract/secret.h"
#include "common/zk/zk.h"

#include <systemd/sd-event.h>

/*
 * Rows of every daemon's key table: the sections [zookeeper] and [log]. Put them first in
 * the table and give the struct config to daemon_open().
 */
#define DAEMON_CONFIG_KEYS                                                                         \
	{"zookeeper", "servers", CONFIG_STRING, NULL, 0, 0, "host:port,host:port/chroot", false,   \
	 "The ensemble.", NULL},                                                                   \
	{"zookeeper", "session_timeout", CONFIG_DURATION, "10s", USEC_PER_SEC,                     \
	 120 * USEC_PER_SEC, NULL, false,                                                          \
	 "How long the ensemble waits for a daemon that fell silent.", NULL},                      \
	{"zookeeper", "auth", CONFIG_STRING, NULL, 0, 0, "user:password or a reference", false,    \
	 "For the digest ACLs; absent: the tree is open, which is said loudly at start.", NULL},   \
	{"zookeeper", "core_identity", CONFIG_STRING, NULL, 0, 0, "user:digest", false,            \
	 "The identity of mr-core where each daemon has its own auth; `mr-server identity` "       \
	 "prints it. Absent: that of auth.", NULL},                                                \
	{"zookeeper", "server_identity", CONFIG_STRING, NULL, 0, 0, "user:digest", false,          \
	 "Likewise of mr-server.", NULL},                                                          \
	{"zookeeper", "monitor_identity", CONFIG_STRING, NULL, 0, 0, "user:digest", false,         \
	 "Likewise of mr-monitor.", NULL},                                                         \
	{"zookeeper", "tls_ca", CONFIG_STRING, NULL, 0, 0, "path", false,                          \
	 "TLS to ZooKeeper: certificates of the authorities, PEM. All three or none; refused "     \
	 "at start where the ZooKeeper library was built without TLS.", NULL},                     \
	{"zookeeper", "tls_cert", CONFIG_STRING, NULL, 0, 0, "path", false,                        \
	 "TLS to ZooKeeper: our certificate, PEM.", NULL},                                         \
	{"zookeeper", "tls_key", CONFIG_STRING, NULL, 0, 0, "path", false,                         \
	 "TLS to ZooKeeper: its key, PEM.", NULL}

struct daemon;

struct daemon_callbacks {
	void *ctx;
	/*
	 * There is a session (a new one after an expiry: ephemeral nodes of ours that are not
	 * an election's are gone) and the root and its folders are there.
	 */
	void (*ready)(void *ctx, bool new_session);
	/* NULL or told of every change of the session's state. */
	void (*session)(void *ctx, enum zk_state state);
	/* SIGTERM or SIGINT; `hurry` at the second one. Call daemon_quit() when done. */
	void (*stop)(void *ctx, bool hurry);
	/* SIGHUP; NULL: ignored. */
	void (*reload)(void *ctx);
	/*
	 * What this process says of itself (every 2 s and at daemon_announce_now()):
	 * program, hostname, pid, version, formats, times, rss, cpu and load are filled in
	 * already. NULL: no more to say.
	 */
	void (*describe)(void *ctx, struct machine_doc *doc);
};

struct daemon_options {
	const char *program; /* "mr-core" */
	enum zk_role role;
	enum paths_folder folder; /* PATHS_MACHINES, PATHS_SERVERS, PATHS_MONITORS */
	const char *hostname;     /* the node's name before its number */
	const char *secrets_dir;  /* for references in `auth`; NULL: none */
	const struct config *config; /* with DAEMON_CONFIG_KEYS; stays */
	struct daemon_callbacks callbacks;
};

/* Opens the loop, the signals and the session, and waits for nothing. */
int daemon_open(const struct daemon_options *o, struct daemon **ret, struct err *err) MR_MUST_CHECK;
/*
 * The session alone, as [zookeeper] says, for commands that end at once: nothing is
 * announced. zk_close() it.
 */
int daemon_zk_open(const struct config *config, enum zk_role role, const char *secrets_dir,
		   struct zk **ret, struct err *err) MR_MUST_CHECK;
/* Runs the loop until daemon_quit(). 0 or -errno of the loop itself. */
int daemon_run(struct daemon *d) MR_MUST_CHECK;
/* Ends daemon_run() after the callback at hand. */
void daemon_quit(struct daemon *d);
/* Takes back the announcement, ends the session. NULL is nothing. */
void daemon_close(struct daemon *d);

sd_event *daemon_loop(struct daemon *d);
struct zk *daemon_zk(struct daemon *d);
/* Main thread. The cluster's id; "" before the first ready(). */
const char *daemon_cluster(const struct daemon *d);
/* Whether ready() was called and the session is connected. */
bool daemon_connected(const struct daemon *d);
/* "host-0000000012" of our announcement; "" while it is not there. */
const char *daemon_node(const struct daemon *d);
/* Whether our announcement has the smallest number of its folder: the lowest monitor alerts. */
bool daemon_first(const struct daemon *d);
/* Writes the announcement now: something of it changed. */
void daemon_announce_now(struct daemon *d);

/*
 * A repeating or single timer on the loop, without sd_event's ceremony. `fn` returns when
 * to be called next, microseconds from now; 0: not again until daemon_timer_set().
 */
struct daemon_timer;
typedef usec_t daemon_timer_fn(void *ctx);
/* Due at once the first time. NULL: no memory. */
struct daemon_timer *daemon_timer_new(struct daemon *d, usec_t in, daemon_timer_fn *fn, void *ctx);
void daemon_timer_set(struct daemon_timer *t, usec_t in);
void daemon_timer_free(struct daemon_timer *t);

#endif
