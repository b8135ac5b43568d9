/*
 * zk_session.c - the session: a handle of the library, replaced when its session is over;
 * the probes of the courtesy clock; what the owner is told.
 *
 * K, our thread, makes and closes handles, because both may take seconds. L tells the state.
 * O learns of it by comparing what it was told last with what is so now: nothing piles up
 * while it does not dispatch.
 */
#include "common/zk/zk_priv.h"

#include "common/contract/errors.h"
#include "common/os/log.h"
#include "common/zk/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SETTLE (USEC_PER_SEC / 4) /* for answers that are on their way when we close */

enum {
	PROBES = 6, /* a session timeout: rule 10 */
	TICK_MAX_MS = 2000,
};

static const usec_t init_retry = USEC_PER_SEC;
static const usec_t auth_retry = 5 * USEC_PER_SEC;

void zk_wake(struct zk *zk)
{
	uint64_t one = 1;
	ssize_t n = write(zk->fd, &one, sizeof(one));
	(void)n; /* it can only fail when the counter is full, and then it is readable */
}

bool zk_connected_locked(const struct zk *zk)
{
	return zk->handle && zk->handle->zh && zk->handle->state == ZOO_CONNECTED_STATE &&
	       !zk->stopping;
}

enum zk_state zk_state_locked(const struct zk *zk)
{
	if (zk->handle && zk->handle->state == ZOO_AUTH_FAILED_STATE)
		return ZK_AUTH_FAILED;
	return zk_connected_locked(zk) ? ZK_CONNECTED : ZK_CONNECTING;
}

/* Lock held: everyone who may care. */
static void changed_locked(struct zk *zk)
{
	pthread_cond_broadcast(&zk->changed);
	pthread_cond_signal(&zk->keeper_wake);
	zk_wake(zk);
}

static void session_over_locked(struct zk_handle *h)
{
	if (h->gen > h->zk->gen_over)
		h->zk->gen_over = h->gen;
	atomic_store(&h->zk->act_until, 0);
}

/* L: the library's events of the session. h outlives its handle. */
static void on_session_event(zhandle_t *zh, int type, int state, const char *path, void *ctx)
{
	struct zk_handle *h = ctx;
	struct zk *zk = h->zk;
	(void)path;
	if (type != ZOO_SESSION_EVENT)
		return;
	pthread_mutex_lock(&zk->lock);
	h->state = state;
	if (state == ZOO_CONNECTED_STATE) {
		h->session = zoo_client_id(zh)->client_id;
		zk->timeout = zoo_recv_timeout(zh) * USEC_PER_MSEC;
		zk->connects++;
		if (!h->gen)
			h->gen = ++zk->gens;
		zk->gen = h->gen;
	} else if (state == ZOO_EXPIRED_SESSION_STATE || state == ZOO_AUTH_FAILED_STATE) {
		session_over_locked(h);
	}
	changed_locked(zk);
	pthread_mutex_unlock(&zk->lock);
}

/* The keeper. */

/* L. A probe that K sent while the handle was another one proves nothing for this one. */
static void on_probe(int zrc, const char *value, const void *data)
{
	struct zk_handle *h = (struct zk_handle *)data;
	struct zk *zk = h->zk;
	(void)value;
	pthread_mutex_lock(&zk->lock);
	h->probing = false;
	if (zrc == ZOK && h == zk->handle && h->state == ZOO_CONNECTED_STATE)
		atomic_store(&zk->act_until, h->probe_sent + zk->timeout * 2 / 3);
	pthread_mutex_unlock(&zk->lock);
}

/*
 * A sync, not a read: a follower that lost its leader still answers reads, while the leader
 * lets our session expire. The leader checks the session before it answers a sync.
 */
static void probe_locked(struct zk_handle *h)
{
	h->probe_sent = clock_boot();
	h->probing = zoo_async(h->zh, "/", on_probe, h) == ZOK;
}

static zhandle_t *library_open(struct zk *zk, struct zk_handle *h)
{
	int timeout = (int)(zk->asked_timeout / USEC_PER_MSEC);
#ifdef MR_ZK_TLS
	if (zk->tls_cert) {
		zhandle_t *zh = zookeeper_init_ssl(zk->hosts, zk->tls_cert, on_session_event,
						   timeout, NULL, h, ZOO_NO_LOG_CLIENTENV);
		if (zh)
			zoo_set_log_callback(zh, zk_log_message);
		return zh;
	}
#endif
	return zookeeper_init2(zk->hosts, on_session_event, timeout, NULL, h,
			       ZOO_NO_LOG_CLIENTENV, zk_log_message);
}

/* Lock held, given up while the library resolves names. */
static void open_locked(struct zk *zk)
{
	struct zk_handle *h = calloc(1, sizeof(*h));
	if (!h) {
		snprintf(zk->trouble, sizeof(zk->trouble), "out of memory");
		return;
	}
	h->zk = zk;
	zk->handle = h;
	pthread_mutex_unlock(&zk->lock);
	zhandle_t *zh = library_open(zk, h);
	int failure = errno;
	if (zh && zk->auth &&
	    zoo_add_auth(zh, "digest", zk->auth, (int)zk->auth_len, NULL, NULL) != ZOK) {
		zookeeper_close(zh);
		zh = NULL;
	}
	pthread_mutex_lock(&zk->lock);
	if (!zh) {
		zk->handle = NULL;
		free(h);
		snprintf(zk->trouble, sizeof(zk->trouble), "cannot resolve the names: %s",
			 strerror(failure));
		return;
	}
	zk->trouble[0] = 0;
	h->zh = zh; /* the state may have been told already */
	changed_locked(zk);
}

/*
 * Lock held, given up in between. Gives the answers that are on their way a moment: what
 * the library's completion thread does not come to when it closes it never frees.
 */
static void settle_locked(struct zk *zk, struct zk_handle *h)
{
	usec_t until = zk_now() + SETTLE;
	while (h->state == ZOO_CONNECTED_STATE && (h->ops || h->probing) && zk_now() < until) {
		pthread_mutex_unlock(&zk->lock);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		pthread_mutex_lock(&zk->lock);
	}
}

/*
 * Lock held, given up while the library closes. Operations that the library did not come
 * to answer (its completion thread ends without emptying its queue) are answered here.
 */
static void close_locked(struct zk *zk)
{
	struct zk_handle *h = zk->handle;
	zhandle_t *zh = h->zh;
	settle_locked(zk, h);
	h->zh = NULL;
	session_over_locked(h);
	zk->handle = NULL;
	pthread_mutex_unlock(&zk->lock);
	zookeeper_close(zh);
	pthread_mutex_lock(&zk->lock);
	while (h->ops) {
		struct zk_op *op = h->ops;
		h->ops = op->next;
		if (op->next)
			op->next->prev = NULL;
		bool write = op->type != ZK_OP_GET && op->type != ZK_OP_CHILDREN &&
			     op->type != ZK_OP_EXISTS && op->type != ZK_OP_SYNC;
		op->handle = NULL;
		op->rc = zk_error(ZCLOSING, write, "request", op->path, &op->err);
		zk_op_end_locked(op);
	}
	free(h);
	changed_locked(zk);
}

static void keeper_wait_locked(struct zk *zk, usec_t until)
{
	struct timespec at = zk_timespec(until);
	pthread_cond_timedwait(&zk->keeper_wake, &zk->lock, &at);
}

/* Waits even if woken: a name server or an ACL does not change within the second. */
static void keeper_pause_locked(struct zk *zk, usec_t time)
{
	usec_t until = zk_now() + time;
	while (!zk->stopping && zk_now() < until)
		keeper_wait_locked(zk, until);
}

static void *keeper_main(void *arg)
{
	struct zk *zk = arg;
	usec_t next_probe = 0, next_tick = 0;
	uint64_t probed_connects = 0;
	pthread_mutex_lock(&zk->lock);
	while (!zk->stopping) {
		struct zk_handle *h = zk->handle;
		if (!h) {
			open_locked(zk);
			if (!zk->handle)
				keeper_pause_locked(zk, init_retry);
			continue;
		}
		if (h->state == ZOO_EXPIRED_SESSION_STATE || h->state == ZOO_AUTH_FAILED_STATE) {
			bool refused = h->state == ZOO_AUTH_FAILED_STATE;
			if (refused)
				keeper_pause_locked(zk, auth_retry);
			close_locked(zk);
			continue;
		}
		usec_t now = zk_now();
		usec_t every = zk->timeout / PROBES;
		bool fresh = probed_connects != zk->connects; /* connected again: at once */
		if (zk_connected_locked(zk) && (now >= next_probe || fresh) &&
		    (!h->probing || fresh)) {
			probed_connects = zk->connects;
			next_probe = now + every;
			probe_locked(h);
		}
		if (zk->tick_wanted && now >= next_tick) {
			usec_t most = TICK_MAX_MS * USEC_PER_MSEC;
			next_tick = now + (every < most ? every : most);
			zk->tick_wanted = false;
			zk->tick = true;
			zk_wake(zk);
		}
		if (next_probe <= now)
			next_probe = now + every;
		usec_t next = zk->tick_wanted && next_tick < next_probe ? next_tick : next_probe;
		keeper_wait_locked(zk, next);
	}
	if (zk->handle && zk->handle->zh)
		close_locked(zk);
	pthread_mutex_unlock(&zk->lock);
	return NULL;
}

/* Opening and closing. */

static int options_take(struct zk *zk, const struct zk_options *o, struct err *err)
{
	int rc = zk_servers_parse(o->servers, zk->hosts, zk->chroot, err);
	if (rc < 0)
		return rc;
	if (o->session_timeout < 100 * USEC_PER_MSEC || o->session_timeout > 3600 * USEC_PER_SEC)
		return err_set(err, -EINVAL, ERR_CONFIG_INVALID,
			       "zookeeper.session_timeout is not between 100 ms and an hour");
	zk->asked_timeout = zk->timeout = o->session_timeout;
	zk->role = o->role;
	for (int i = 0; i < ZK_ROLES; i++) {
		const char *identity = o->identities[i] ? o->identities[i] : "";
		if (strlen(identity) >= ZK_IDENTITY_MAX || (identity[0] && !strchr(identity, ':')))
			return err_set(err, -EINVAL, ERR_CONFIG_INVALID,
				       "a ZooKeeper identity is not user:base64 of SHA-1");
		snprintf(zk->identities[i], ZK_IDENTITY_MAX, "%s", identity);
	}
	if (o->auth) {
		char mine[ZK_IDENTITY_MAX];
		rc = zk_identity(o->auth, mine, err); /* only to see that it is well-formed */
		if (rc < 0)
			return rc;
		zk->auth = strdup(o->auth);
		zk->auth_len = strlen(o->auth);
		if (!zk->auth)
			return err_set(err, -ENOMEM, ERR_MEMORY, "out of memory");
	}
	if (!o->tls)
		return 0;
#ifdef MR_ZK_TLS
	if (asprintf(&zk->tls_cert, "%s,%s,%s,%s", o->tls->ca, o->tls->cert, o->tls->key,
		     o->tls->key_password ? o->tls->key_password : "") < 0) {
		zk->tls_cert = NULL;
		return err_set(err, -ENOMEM, ERR_MEMORY, "out of memory");
	}
	return 0;
#else
	return err_set(err, -ENOTSUP, ERR_CONFIG_INVALID,
		       "zookeeper.tls is set, and the ZooKeeper library this program was built "
		       "with has no TLS (Debian's has none)");
#endif
}

static void zk_free(struct zk *zk)
{
	if (zk->fd >= 0)
		close(zk->fd);
	if (zk->auth)
		explicit_bzero(zk->auth, zk->auth_len);
	free(zk->auth);
	if (zk->tls_cert)
		explicit_bzero(zk->tls_cert, strlen(zk->tls_cert));
	free(zk->tls_cert);
	pthread_cond_destroy(&zk->changed);
	pthread_cond_destroy(&zk->keeper_wake);
	pthread_mutex_destroy(&zk->lock);
	free(zk);
}

/* No thread of the library or ours takes the process's signals. */
static int keeper_start(struct zk *zk)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int rc = pthread_create(&zk->keeper, NULL, keeper_main, zk);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

int zk_open(const struct zk_options *options, struct zk **ret, struct err *err)
{
	struct zk *zk = calloc(1, sizeof(*zk));
	if (!zk)
		return err_set(err, -ENOMEM, ERR_MEMORY, "out of memory");
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&zk->changed, &attr);
	pthread_cond_init(&zk->keeper_wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&zk->lock, NULL);
	zk->watch_budget = ZK_WATCH_PATHS_MAX;
	zk->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int rc = options_take(zk, options, err);
	if (rc == 0 && zk->fd < 0)
		rc = err_set(err, -errno, ERR_MEMORY, "eventfd: %s", strerror(errno));
	if (rc == 0) {
		zk_log_setup();
		rc = keeper_start(zk);
		if (rc < 0)
			err_set(err, rc, ERR_MEMORY, "cannot start a thread: %s", strerror(-rc));
	}
	if (rc < 0) {
		zk_free(zk);
		return rc;
	}
	if (!zk->auth)
		log_warn("zookeeper.auth is not set: the tree at %s%s is open to everyone",
			 zk->hosts, zk->chroot);
	*ret = zk;
	return 0;
}

void zk_close(struct zk *zk)
{
	if (!zk)
		return;
	pthread_mutex_lock(&zk->lock);
	zk->stopping = true;
	changed_locked(zk);
	pthread_mutex_unlock(&zk->lock);
	pthread_join(zk->keeper, NULL);
	zk_election_free_all(zk);
	zk_watch_free_all(zk);
	while (zk->queue.head) {
		struct zk_op *op = zk->queue.head;
		zk_queue_remove(&zk->queue, op);
		zk_op_free(op);
	}
	zk_free(zk);
}

/* Telling the owner. */

void zk_listen(struct zk *zk, struct zk_listener *listener)
{
	listener->next = zk->listeners;
	zk->listeners = listener;
}

void zk_unlisten(struct zk *zk, struct zk_listener *listener)
{
	if (zk->next_listener == listener)
		zk->next_listener = listener->next;
	for (struct zk_listener **at = &zk->listeners; *at; at = &(*at)->next) {
		if (*at == listener) {
			*at = listener->next;
			return;
		}
	}
}

int zk_fd(const struct zk *zk)
{
	return zk->fd;
}

void zk_want_tick(struct zk *zk)
{
	pthread_mutex_lock(&zk->lock);
	if (!zk->tick_wanted) {
		zk->tick_wanted = true;
		pthread_cond_signal(&zk->keeper_wake);
	}
	pthread_mutex_unlock(&zk->lock);
}

static void tell(struct zk *zk, enum zk_state state)
{
	zk->told = state;
	zk_watch_on_state(zk, state);
	zk_election_on_state(zk, state);
	for (struct zk_listener *l = zk->listeners; l; l = zk->next_listener) {
		zk->next_listener = l->next;
		l->fn(l->ctx, state);
	}
}

/* The way from what was told to what is so. */
static void tell_states(struct zk *zk)
{
	pthread_mutex_lock(&zk->lock);
	enum zk_state now = zk_state_locked(zk);
	uint64_t gen = zk->gen, over = zk->gen_over, connects = zk->connects;
	pthread_mutex_unlock(&zk->lock);
	if (zk->told_gen && over >= zk->told_gen) {
		zk->told_gen = 0;
		tell(zk, ZK_EXPIRED);
	}
	bool told_connected = zk->told == ZK_CONNECTED || zk->told == ZK_NEW_SESSION;
	if (now == ZK_AUTH_FAILED) {
		if (zk->told != ZK_AUTH_FAILED)
			tell(zk, ZK_AUTH_FAILED);
	} else if (now == ZK_CONNECTING) {
		if (told_connected)
			tell(zk, ZK_CONNECTING);
	} else if (gen != zk->told_gen) {
		if (gen <= over)
			return; /* it is over already: the next one will be told */
		zk->told_gen = gen;
		zk->told_connects = connects;
		tell(zk, ZK_NEW_SESSION);
	} else if (connects != zk->told_connects) {
		if (told_connected)
			tell(zk, ZK_CONNECTING);
		zk->told_connects = connects;
		tell(zk, ZK_CONNECTED);
	}
}

static struct zk_op *queue_take(struct zk *zk)
{
	pthread_mutex_lock(&zk->lock);
	struct zk_op *op = zk->queue.head;
	if (op)
		zk_queue_remove(&zk->queue, op);
	pthread_mutex_unlock(&zk->lock);
	return op;
}

void zk_dispatch(struct zk *zk)
{
	uint64_t count;
	ssize_t got = read(zk->fd, &count, sizeof(count));
	(void)got; /* empty: there may be work all the same */
	tell_states(zk);
	pthread_mutex_lock(&zk->lock);
	size_t n = zk->queue.n;
	bool tick = zk->tick;
	zk->tick = false;
	pthread_mutex_unlock(&zk->lock);
	/* What comes while we are at it has woken the fd again. */
	for (struct zk_op *op; n > 0 && (op = queue_take(zk)); n--)
		zk_op_reply(op);
	zk_watch_dispatch(zk);
	if (tick) {
		zk->ticks++;
		zk_watch_on_tick(zk);
		zk_election_on_tick(zk);
	}
	zk_election_reap(zk);
}

/* Questions. */

enum zk_state zk_state(struct zk *zk)
{
	pthread_mutex_lock(&zk->lock);
	enum zk_state state = zk_state_locked(zk);
	pthread_mutex_unlock(&zk->lock);
	return state;
}

const char *zk_state_name(enum zk_state state)
{
	switch (state) {
	case ZK_CONNECTING:
		return "connecting";
	case ZK_CONNECTED:
		return "connected";
	case ZK_NEW_SESSION:
		return "new session";
	case ZK_EXPIRED:
		return "expired";
	case ZK_AUTH_FAILED:
		return "authentication failed";
	}
	return "?";
}

usec_t zk_session_timeout(struct zk *zk)
{
	pthread_mutex_lock(&zk->lock);
	usec_t timeout = zk->timeout;
	pthread_mutex_unlock(&zk->lock);
	return timeout;
}

int64_t zk_session_id(struct zk *zk)
{
	pthread_mutex_lock(&zk->lock);
	struct zk_handle *h = zk->handle;
	int64_t id = h && h->gen > zk->gen_over ? h->session : 0;
	pthread_mutex_unlock(&zk->lock);
	return id;
}

usec_t zk_may_act_until(const struct zk *zk)
{
	return atomic_load(&zk->act_until);
}

usec_t zk_age(const struct zk *zk, usec_t moment)
{
	usec_t clock = atomic_load(&zk->server_clock);
	usec_t now = clock_boot() + clock;
	return clock && now > moment ? now - moment : 0;
}

bool zk_may_act(const struct zk *zk)
{
	return clock_boot() < zk_may_act_until(zk);
}
