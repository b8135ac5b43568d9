/*
 * leases.c - see leases.h.
 *
 * What the process has is in a list, for three reasons: two of its tasks have one session, so
 * that the node's owner does not tell them apart; a reconnect must not wait for ZooKeeper; and a
 * node that could not be deleted is deleted later, or is another task's in this process.
 */
#include "core/leases.h"

#include "common/contract/errors.h"
#include "common/contract/paths.h"
#include "common/daemon/acl.h"
#include "common/os/log.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TAKE_MS = 3000,
	DROP_MS = 1000,
	TRIES = 3,
};

enum use {
	TAKEN,
	MOVING, /* a thread is creating or deleting its node */
	LEFT,   /* nobody's any more, and its node perhaps still there */
};

struct lease {
	char path[PATHS_SIZE];
	char task[TASK_NAME_MAX + 1];
	int64_t session;
	enum use use;
	struct lease *next;
};

struct leases {
	struct zk *zk;
	char *host;
	pthread_mutex_t lock; /* of the list; never held over a call to ZooKeeper */
	struct lease *list;
};

int leases_open(struct zk *zk, const char *host, struct leases **ret, struct err *err)
{
	struct leases *l = calloc(1, sizeof(*l));
	if (l)
		l->host = strdup(host);
	if (!l || !l->host) {
		free(l);
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for leases of server_ids");
	}
	l->zk = zk;
	pthread_mutex_init(&l->lock, NULL);
	*ret = l;
	return 0;
}

void leases_close(struct leases *l)
{
	if (!l)
		return;
	for (struct lease *next, *e = l->list; e; e = next) {
		next = e->next;
		free(e);
	}
	pthread_mutex_destroy(&l->lock);
	free(l->host);
	free(l);
}

/* ---------------------------------------------------------------- the list; under its lock */

static struct lease *find(struct leases *l, const char *path)
{
	struct lease *e = l->list;
	while (e && strcmp(e->path, path) != 0)
		e = e->next;
	return e;
}

static struct lease *add(struct leases *l, const char *path)
{
	struct lease *e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	snprintf(e->path, sizeof(e->path), "%s", path);
	e->next = l->list;
	l->list = e;
	return e;
}

static void forget(struct leases *l, struct lease *e)
{
	struct lease **at = &l->list;
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	free(e);
}

/* ---------------------------------------------------------------- nodes */

static int taken_by(struct err *err, const char *task, const char *host)
{
	return err_set(err, -EEXIST, ERR_ZK_CONFLICT, "task %.100s on %.100s has it", task, host);
}

static int whose(struct err *err, const struct buf *data)
{
	const char *task = NULL, *host = NULL;
	json_t *doc = json_loadb((const char *)data->data, data->len, 0, NULL);
	if (json_unpack(doc, "{s:s,s:s}", "task", &task, "host", &host) < 0)
		task = host = "(unknown)";
	int rc = taken_by(err, task, host);
	json_decref(doc);
	return rc;
}

/* A node that is there already: ours after all (0), another's, or gone (-ENOENT). */
static int look(struct leases *l, const char *path, int64_t *ret_session, struct err *err)
{
	struct buf data;
	struct zk_stat stat;
	buf_init(&data);
	int rc = zk_get(l->zk, path, TAKE_MS * USEC_PER_MSEC, &data, &stat, err);
	if (rc == 0 && stat.owner == zk_session_id(l->zk))
		*ret_session = stat.owner;
	else if (rc == 0)
		rc = whose(err, &data);
	buf_free(&data);
	return rc;
}

static int create(struct leases *l, const char *path, const char *task, int64_t *ret_session,
		  struct err *err)
{
	char text[TASK_NAME_MAX + PATHS_HOST_MAX + 64];
	int len = snprintf(text, sizeof(text), "{\"task\":\"%s\",\"host\":\"%s\"}", task, l->host);
	const struct zk_create c = {.path = path,
				    .data = text,
				    .len = (size_t)len,
				    .kind = ZK_EPHEMERAL,
				    .acl = &acl_core,
				    .parents = true};
	struct zk_stat stat;
	int rc = -ENOENT;
	for (int i = 0; rc == -ENOENT && i < TRIES; i++) {
		rc = zk_create(l->zk, &c, TAKE_MS * USEC_PER_MSEC, NULL, &stat, err);
		if (rc == 0)
			*ret_session = stat.owner;
		if (rc != -EEXIST)
			continue;
		rc = look(l, path, ret_session, err);
		/* A former task's of this process, perhaps: now it is this one's. */
		if (rc == 0)
			rc = zk_set(l->zk, path, text, (size_t)len, ZK_ANY_VERSION,
				    TAKE_MS * USEC_PER_MSEC, NULL, err);
	}
	return rc;
}

/* Only our own: while we did not look, the session may have ended and another have taken it. */
static int remove_node(struct leases *l, const char *path)
{
	struct zk_stat stat;
	bool exists;
	enum zk_state state = zk_state(l->zk);
	if (state != ZK_CONNECTED && state != ZK_NEW_SESSION)
		return -ENOTCONN;
	int rc = zk_exists(l->zk, path, DROP_MS * USEC_PER_MSEC, &exists, &stat, NULL);
	if (rc < 0 || !exists || stat.owner != zk_session_id(l->zk))
		return rc;
	return zk_delete(l->zk, path, ZK_ANY_VERSION, DROP_MS * USEC_PER_MSEC, NULL);
}

/* What could not be deleted when it was dropped. */
static void sweep(struct leases *l)
{
	char path[PATHS_SIZE] = "";
	int64_t session = zk_session_id(l->zk);
	pthread_mutex_lock(&l->lock);
	for (struct lease *next, *e = l->list; e; e = next) {
		next = e->next;
		if (e->use != LEFT)
			continue;
		if (e->session != session) {
			forget(l, e); /* it went with its session */
		} else if (!path[0]) {
			e->use = MOVING;
			snprintf(path, sizeof(path), "%s", e->path);
		}
	}
	pthread_mutex_unlock(&l->lock);
	if (!path[0])
		return;
	int rc = remove_node(l, path);
	pthread_mutex_lock(&l->lock);
	struct lease *e = find(l, path);
	if (rc == 0 || rc == -ENOENT)
		forget(l, e);
	else
		e->use = LEFT;
	pthread_mutex_unlock(&l->lock);
}

/* ---------------------------------------------------------------- what a reader calls */

/* From the list alone: 0, it is ours; -EEXIST; or 1, the node is ours to create: e is MOVING. */
static int reserve(struct leases *l, const char *path, const char *task, struct err *err)
{
	int64_t session = zk_session_id(l->zk);
	int rc = 1;
	pthread_mutex_lock(&l->lock);
	struct lease *e = find(l, path);
	if (e && e->use != LEFT && strcmp(e->task, task) != 0)
		rc = taken_by(err, e->task, l->host);
	else if (e && e->use == TAKEN && session && e->session == session)
		rc = 0;
	else if (e && e->use == MOVING)
		rc = err_set(err, -EAGAIN, ERR_ZK_CONFLICT, "%s is just being given up", path);
	else if (!e && !(e = add(l, path)))
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a lease");
	if (rc == 1) {
		e->use = MOVING;
		snprintf(e->task, sizeof(e->task), "%s", task);
	}
	pthread_mutex_unlock(&l->lock);
	return rc;
}

static int take(void *ctx, const char *place, uint32_t id, struct err *err)
{
	const struct lease_taker *t = ctx;
	struct leases *l = t->leases;
	char path[PATHS_SIZE];
	int64_t session = 0;
	sweep(l);
	int rc = paths_server_id(place, id, path, err);
	if (rc == 0)
		rc = reserve(l, path, t->task, err);
	if (rc <= 0)
		return rc;
	rc = create(l, path, t->task, &session, err);
	pthread_mutex_lock(&l->lock);
	struct lease *e = find(l, path);
	/* Of an unknown outcome: it may be there, to be deleted. */
	e->session = rc == 0 ? session : zk_session_id(l->zk);
	e->use = rc == 0 ? TAKEN : LEFT;
	if (rc == -EEXIST)
		forget(l, e);
	pthread_mutex_unlock(&l->lock);
	return rc;
}

static bool holds(void *ctx, const char *place, uint32_t id)
{
	const struct lease_taker *t = ctx;
	char path[PATHS_SIZE];
	int64_t owner = 0;
	struct err ignored;
	return paths_server_id(place, id, path, &ignored) == 0 &&
	       zk_sync(t->leases->zk, path, TAKE_MS * USEC_PER_MSEC, &ignored) == 0 &&
	       look(t->leases, path, &owner, &ignored) == 0;
}

static void drop(void *ctx, const char *place, uint32_t id)
{
	const struct lease_taker *t = ctx;
	struct leases *l = t->leases;
	char path[PATHS_SIZE];
	if (paths_server_id(place, id, path, NULL) < 0)
		return;
	pthread_mutex_lock(&l->lock);
	struct lease *e = find(l, path);
	if (e && e->use == TAKEN && strcmp(e->task, t->task) == 0)
		e->use = LEFT;
	pthread_mutex_unlock(&l->lock);
	sweep(l);
}

void lease_callbacks(struct lease_taker *taker, struct dump_leases *ret)
{
	*ret = (struct dump_leases){.take = take, .holds = holds, .drop = drop, .ctx = taker};
}
