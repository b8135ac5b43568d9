/*
 * daemon.c - see daemon.h.
 *
 * The session's events come through zk_fd() and zk_dispatch(); signals through
 * signals_fd(); the root is found by a thread (root.h), which ends through an eventfd.
 * The root is looked for again with each new session, and read every few seconds: a
 * person, or a restored ensemble, may have taken it away or put another in its place.
 */
#include "common/daemon/daemon.h"

#include "common/contract/errors.h"
#include "common/daemon/announce.h"
#include "common/daemon/root.h"
#include "common/os/file.h"
#include "common/os/log.h"
#include "common/os/notify.h"
#include "common/os/signals.h"
#include "common/zk/watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
	ANNOUNCE_EVERY_MS = 2000,
	ROOT_LOOK_EVERY_S = 5,
	FAREWELL_MS = 150,
	AWAY_SAY_S = 1, /* a connection that is back within this is not worth a line */
};

struct daemon {
	struct daemon_options o;
	sd_event *loop;
	sd_event_source *zk_source, *signal_source, *root_source;
	struct zk *zk;
	struct zk_listener listener;
	enum zk_state state;
	usec_t away_since; /* boot clock; 0: connected */
	struct daemon_timer *announce_timer, *root_timer, *away_timer;
	struct announce *announce;
	struct zk_op *look;

	/* The thread that finds the root. */
	pthread_t thread;
	bool finding;
	bool find_again; /* the session changed meanwhile */
	_Atomic(bool) stop;
	int found_fd;
	struct root root, found;
	int found_rc;
	struct err found_err;

	bool ready;
	usec_t farewell_at; /* boot clock; 0: none was said */
	int exit;
};

/* ---------------------------------------------------------------- the root */

static void *find_root(void *arg)
{
	struct daemon *d = arg;
	d->found = d->root;
	d->found_rc = root_find(d->zk, d->o.role, &d->stop, &d->found, &d->found_err);
	uint64_t one = 1;
	ssize_t n = write(d->found_fd, &one, sizeof(one));
	(void)n;
	return NULL;
}

static void start_finding(struct daemon *d)
{
	if (d->finding) {
		d->find_again = true;
		return;
	}
	d->find_again = false;
	d->finding = pthread_create(&d->thread, NULL, find_root, d) == 0;
	if (!d->finding) {
		d->find_again = true; /* at the root timer's next turn */
		log_error("no thread to look for the tree's root with");
	}
}

static int root_found(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct daemon *d = arg;
	uint64_t count;
	(void)source;
	(void)revents;
	if (!d->finding || read(fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
		return 0;
	pthread_join(d->thread, NULL);
	d->finding = false;
	if (d->found_rc == -ECANCELED)
		return 0;
	if (d->found_rc < 0) {
		log_err(LOG_LEVEL_ERROR, "the tree cannot be used", &d->found_err);
		d->exit = d->found_rc;
		daemon_quit(d);
		return 0;
	}
	if (d->find_again) {
		start_finding(d);
		return 0;
	}
	d->root = d->found;
	if (!d->announce)
		d->announce = announce_start(d->zk, &d->o);
	if (!d->ready)
		log_info("%s %s in cluster %s", d->o.program, MR_VERSION, d->root.cluster);
	d->ready = true;
	notify_status("cluster %s", d->root.cluster);
	d->o.callbacks.ready(d->o.callbacks.ctx, true);
	return 0;
}

static void root_looked_at(void *ctx, const struct zk_reply *reply)
{
	struct daemon *d = ctx;
	struct root now;
	d->look = NULL;
	if (reply->rc == -ENOENT)
		log_warn("the tree's root %s is gone: making it anew for cluster %s", PATHS_ROOT,
			 d->root.cluster);
	else if (reply->rc < 0 || (root_parse(reply->data, reply->len, &now, NULL) == 0 &&
				   strcmp(now.cluster, d->root.cluster) == 0))
		return;
	/* It fails where the root is another's, and the process ends with the reason. */
	start_finding(d);
}

static usec_t look_at_root(void *ctx)
{
	struct daemon *d = ctx;
	if (d->find_again && !d->finding)
		start_finding(d);
	if (d->ready && !d->finding && !d->look && d->state != ZK_EXPIRED)
		d->look = zk_get_async(d->zk, PATHS_ROOT, root_looked_at, d);
	return ROOT_LOOK_EVERY_S * USEC_PER_SEC;
}

/* ---------------------------------------------------------------- the session */

static usec_t still_away(void *ctx)
{
	struct daemon *d = ctx;
	if (d->away_since) {
		log_warn("ZooKeeper cannot be reached: waiting for it");
		notify_status("waiting for ZooKeeper");
	}
	return 0;
}

static void session_changed(void *ctx, enum zk_state state)
{
	struct daemon *d = ctx;
	d->state = state;
	if (state == ZK_CONNECTED || state == ZK_NEW_SESSION) {
		if (d->away_since && clock_boot() - d->away_since > AWAY_SAY_S * USEC_PER_SEC)
			log_info("connected to ZooKeeper again");
		d->away_since = 0;
		if (d->ready)
			notify_status("cluster %s", d->root.cluster);
	} else if (!d->away_since) {
		d->away_since = clock_boot();
		daemon_timer_set(d->away_timer, AWAY_SAY_S * USEC_PER_SEC);
	}
	if (state == ZK_EXPIRED)
		log_warn("the session with ZooKeeper expired: a new one follows");
	else if (state == ZK_AUTH_FAILED)
		log_error("ZooKeeper refuses our identity: correct zookeeper.auth");
	if (state == ZK_NEW_SESSION)
		start_finding(d);
	if (d->o.callbacks.session)
		d->o.callbacks.session(d->o.callbacks.ctx, state);
}

static int zk_readable(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct daemon *d = arg;
	(void)source;
	(void)fd;
	(void)revents;
	zk_dispatch(d->zk);
	return 0;
}

static int signal_arrived(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct daemon *d = arg;
	unsigned bits = signals_take();
	(void)source;
	(void)fd;
	(void)revents;
	if (bits & SIGNALS_STOP) {
		bool hurry = signals_stops() > 1;
		log_info(hurry ? "stopping now" : "stopping");
		notify_stopping();
		if (d->announce && !hurry) {
			announce_stopping(d->announce);
			d->farewell_at = clock_boot();
		}
		d->o.callbacks.stop(d->o.callbacks.ctx, hurry);
	} else if (bits & SIGNALS_RELOAD && d->o.callbacks.reload) {
		notify_reloading();
		d->o.callbacks.reload(d->o.callbacks.ctx);
		notify_ready();
	}
	return 0;
}

static usec_t announce_due(void *ctx)
{
	struct daemon *d = ctx;
	if (d->announce)
		announce_write(d->announce);
	return ANNOUNCE_EVERY_MS * USEC_PER_MSEC;
}

/* ---------------------------------------------------------------- opening and closing */

/* "" as NULL. */
static const char *given(const struct config *c, const char *name)
{
	const char *text = config_string(c, "zookeeper", name);
	return text[0] ? text : NULL;
}

static int tls_options(const struct config *c, struct zk_tls *tls, bool *ret_wanted, struct err *err)
{
	*tls = (struct zk_tls){.ca = given(c, "tls_ca"), .cert = given(c, "tls_cert"),
			       .key = given(c, "tls_key"), .key_password = ""};
	*ret_wanted = tls->ca || tls->cert || tls->key;
	if (*ret_wanted && !(tls->ca && tls->cert && tls->key))
		return err_set_at(err, -EINVAL, ERR_CONFIG_INVALID, "zookeeper.tls_ca",
				  "zookeeper.tls_ca, tls_cert and tls_key are given together or "
				  "not at all");
	return 0;
}

int daemon_zk_open(const struct config *c, enum zk_role role, const char *secrets_dir,
		   struct zk **ret, struct err *err)
{
	struct secret auth = {0};
	struct zk_tls tls;
	bool with_tls;
	if (!given(c, "servers"))
		return err_set_at(err, -EINVAL, ERR_CONFIG_INVALID, "zookeeper.servers",
				  "zookeeper.servers is missing: the ensemble to work with, "
				  "host:port,host:port/chroot");
	int rc = tls_options(c, &tls, &with_tls, err);
	if (rc == 0 && given(c, "auth")) {
		const struct secret_places places = {.secrets_dir = secrets_dir};
		rc = secret_set(&auth, given(c, "auth"));
		if (rc == 0 && secret_is_reference(auth.given))
			rc = secret_reserve(auth.given);
		if (rc < 0)
			err_set(err, rc, ERR_MEMORY, "no memory for zookeeper.auth");
		else
			rc = secret_resolve(&auth, NULL, &places, err);
		if (rc < 0)
			err_locate(err, "zookeeper.auth");
	}
	if (rc == 0) {
		struct zk_options options = {
			.servers = given(c, "servers"),
			.session_timeout = config_duration(c, "zookeeper", "session_timeout"),
			.role = role,
			.auth = auth.text,
			.identities = {[ZK_ROLE_CORE] = given(c, "core_identity"),
				       [ZK_ROLE_SERVER] = given(c, "server_identity"),
				       [ZK_ROLE_MONITOR] = given(c, "monitor_identity")},
			.tls = with_tls ? &tls : NULL,
		};
		rc = zk_open(&options, ret, err);
	}
	secret_clear(&auth);
	return rc;
}

static int add_io(struct daemon *d, int fd, sd_event_io_handler_t fn, sd_event_source **ret)
{
	return sd_event_add_io(d->loop, ret, fd, EPOLLIN, fn, d);
}

static int open_loop(struct daemon *d, struct err *err)
{
	int rc = sd_event_new(&d->loop);
	if (rc >= 0)
		rc = sd_event_set_watchdog(d->loop, true);
	d->found_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (rc >= 0 && d->found_fd < 0)
		rc = -errno;
	if (rc >= 0)
		rc = signals_open();
	if (rc >= 0)
		rc = add_io(d, signals_fd(), signal_arrived, &d->signal_source);
	if (rc >= 0)
		rc = add_io(d, d->found_fd, root_found, &d->root_source);
	if (rc < 0)
		return err_set(err, rc, ERR_INTERNAL, "the event loop: %s", strerror(-rc));
	d->announce_timer = daemon_timer_new(d, ANNOUNCE_EVERY_MS * USEC_PER_MSEC, announce_due, d);
	d->root_timer = daemon_timer_new(d, ROOT_LOOK_EVERY_S * USEC_PER_SEC, look_at_root, d);
	d->away_since = clock_boot();
	d->away_timer = daemon_timer_new(d, AWAY_SAY_S * USEC_PER_SEC, still_away, d);
	if (!d->announce_timer || !d->root_timer || !d->away_timer)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for timers");
	return 0;
}

int daemon_open(const struct daemon_options *o, struct daemon **ret, struct err *err)
{
#ifndef __SANITIZE_ADDRESS__ /* whose search for leaks needs what this forbids */
	/* Keys, passwords and rows are in memory: no core dump, and no other user's debugger. */
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
	int rc = paths_name_check(PATHS_NAME_HOST, o->hostname, err);
	if (rc < 0) {
		err_prefix(err, "the hostname '%.100s'", o->hostname);
		return rc;
	}
	struct daemon *d = calloc(1, sizeof(*d));
	if (!d)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a daemon");
	d->o = *o;
	d->found_fd = -1;
	d->state = ZK_CONNECTING;
	rc = open_loop(d, err);
	if (rc == 0)
		rc = daemon_zk_open(d->o.config, d->o.role, d->o.secrets_dir, &d->zk, err);
	if (rc == 0) {
		d->listener = (struct zk_listener){.fn = session_changed, .ctx = d};
		zk_listen(d->zk, &d->listener);
		rc = add_io(d, zk_fd(d->zk), zk_readable, &d->zk_source);
		if (rc < 0)
			err_set(err, rc, ERR_INTERNAL, "the event loop: %s", strerror(-rc));
	}
	if (rc < 0) {
		daemon_close(d);
		return rc;
	}
	*ret = d;
	return 0;
}

int daemon_run(struct daemon *d)
{
	notify_ready();
	int rc = sd_event_loop(d->loop);
	return rc < 0 ? rc : d->exit;
}

void daemon_quit(struct daemon *d)
{
	if (d->zk)
		zk_watch_leave(d->zk);
	sd_event_exit(d->loop, 0);
}

void daemon_close(struct daemon *d)
{
	if (!d)
		return;
	atomic_store(&d->stop, true);
	if (d->finding)
		pthread_join(d->thread, NULL);
	if (d->look)
		zk_op_cancel(d->look);
	/*
	 * Who watches our announcement reads that we stop before it is gone, or it would take
	 * the clean end for a death (mr-monitor). The session's threads need no dispatch.
	 */
	usec_t left = d->farewell_at ? d->farewell_at + FAREWELL_MS * USEC_PER_MSEC - clock_boot() : 0;
	if (left > 0 && daemon_connected(d))
		usleep((useconds_t)left);
	announce_stop(d->announce);
	sd_event_source_disable_unref(d->zk_source);
	sd_event_source_disable_unref(d->signal_source);
	sd_event_source_disable_unref(d->root_source);
	daemon_timer_free(d->announce_timer);
	daemon_timer_free(d->root_timer);
	daemon_timer_free(d->away_timer);
	if (d->zk)
		zk_close(d->zk);
	if (d->found_fd >= 0)
		close(d->found_fd);
	sd_event_unref(d->loop);
	free(d);
}

sd_event *daemon_loop(struct daemon *d)
{
	return d->loop;
}

struct zk *daemon_zk(struct daemon *d)
{
	return d->zk;
}

const char *daemon_cluster(const struct daemon *d)
{
	return d->root.cluster;
}

bool daemon_connected(const struct daemon *d)
{
	return d->ready && (d->state == ZK_CONNECTED || d->state == ZK_NEW_SESSION);
}

const char *daemon_node(const struct daemon *d)
{
	return d->announce ? announce_node(d->announce) : "";
}

bool daemon_first(const struct daemon *d)
{
	return d->announce && announce_first(d->announce);
}

void daemon_announce_now(struct daemon *d)
{
	if (d->announce)
		announce_write(d->announce);
}
