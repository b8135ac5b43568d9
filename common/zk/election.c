/*
 * election.c - see election.h.
 *
 *   AWAY      no connection, or a failure told: until connected, or the next tick
 *   CREATING  our node is asked for (FOLDER: its folder first)
 *   SYNCING, LISTING, CHECKING
 *             the answer got lost: whose nodes are there with our name? One of our session is
 *             adopted, others of it are deleted, none: CREATING (rule 9; zk_create.c says
 *             why a sync comes first)
 *   IN        our node is there as far as we know; the folder's names decide
 *
 * The folder is watched throughout. Its list may be older than our node: only a list whose
 * pzxid is not below our czxid can say that our node is gone.
 */
#include "common/zk/election.h"

#include "common/contract/errors.h"
#include "common/zk/election_rule.h"
#include "common/zk/watch.h"
#include "common/zk/zk_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum state { AWAY, FOLDER, CREATING, SYNCING, LISTING, CHECKING, IN };

enum { NODE_MAX = 272 };

struct zk_election {
	struct zk *zk;
	struct zk_election *next;
	char *folder;
	char *prefix; /* folder/name- */
	char *data;
	size_t len;
	struct zk_acl acl;
	zk_election_fn *fn;
	void *ctx;
	enum state state;
	bool stopping;	  /* for the caller it is gone */
	bool dead;	  /* nothing left to do: zk_election_reap() */
	bool lost_answer; /* a second node of ours may turn up */
	struct zk_op *op;
	struct zk_watch *watch;
	/* Our node. */
	char node[NODE_MAX]; /* "": none */
	char path[ZK_PATH_MAX];
	int64_t epoch;
	/* The folder as last read. */
	struct zk_names names;
	int64_t names_pzxid;
	bool names_known;
	/* CHECKING: names with our prefix, from a list of its own. */
	struct zk_names mine;
	size_t checked;
	size_t stray_at; /* of names: looked at up to here */
	/* As told. */
	enum zk_election_role role;
	char first[NODE_MAX];
	size_t nodes;
	bool told;
	int told_rc;
	/* Why we are OUT. */
	int why_rc;
	struct err why;
};

static void step(struct zk_election *e);

static const char *name_prefix(const struct zk_election *e)
{
	return e->prefix + strlen(e->folder) + 1;
}

/* A name that our create could have made. */
static bool has_our_name(const struct zk_election *e, const char *node)
{
	uint64_t number;
	size_t name_len;
	const char *prefix = name_prefix(e);
	return election_parse(node, &number, &name_len) && name_len + 1 == strlen(prefix) &&
	       strncmp(node, prefix, name_len + 1) == 0;
}

/* Telling. */

static void tell(struct zk_election *e, enum zk_election_role role, const char *first, size_t nodes,
		 int rc)
{
	if (e->stopping || (e->told && e->role == role && strcmp(e->first, first) == 0 &&
			    e->nodes == nodes && e->told_rc == rc))
		return;
	e->told = true;
	e->role = role;
	snprintf(e->first, sizeof(e->first), "%s", first);
	e->nodes = nodes;
	e->told_rc = rc;
	struct zk_election_view view = {
		.role = role,
		.rc = rc,
		.err = rc < 0 ? &e->why : NULL,
		.node = e->node,
		.epoch = e->epoch,
		.first = e->first,
		.nodes = nodes,
	};
	e->fn(e->ctx, &view);
}

static void forget_node(struct zk_election *e)
{
	e->node[0] = e->path[0] = 0;
	e->epoch = 0;
}

/* OUT, for the reason in e->why; the folder's first as far as we know it. */
static void tell_out(struct zk_election *e)
{
	struct election_result r = election_decide(e->names.v, e->names.n, NULL);
	tell(e, ZK_ELECTION_OUT, r.first ? r.first : "", r.nodes, e->why_rc);
}

static void out(struct zk_election *e, int rc, const struct err *err)
{
	e->why_rc = rc;
	e->why = *err;
	tell_out(e);
}

static void delete_stray(struct zk_election *e);

/* What the folder's list means for us. */
static void decide(struct zk_election *e)
{
	if (e->state != IN) {
		if (e->told)
			tell_out(e); /* another is first, or more are there */
		return;
	}
	if (!e->names_known || e->names_pzxid < e->epoch)
		return; /* a newer list is on its way: our node's creation fired the watch */
	struct election_result r = election_decide(e->names.v, e->names.n, e->node);
	if (!r.mine_is_there) {
		struct err err;
		err_set(&err, -ENOENT, ERR_ZK_GONE, "%s: our node was deleted by another", e->path);
		forget_node(e);
		e->state = AWAY;
		/* A folder that was deleted and made again may have told of what was before our
		 * node: then it is still there, and a second of ours once we register anew. */
		e->lost_answer = true;
		out(e, -ENOENT, &err);
		step(e);
		return;
	}
	tell(e, r.mine_is_first ? ZK_ELECTION_FIRST : ZK_ELECTION_BEHIND, r.first, r.nodes, 0);
	if (e->lost_answer && !e->stopping)
		delete_stray(e);
}

static void on_folder(void *ctx, const struct zk_watch_event *event)
{
	struct zk_election *e = ctx;
	if (event->rc < 0) {
		if (e->state != IN)
			out(e, event->rc, event->err);
		return;
	}
	struct zk_names copy = {0};
	size_t n = event->names ? event->names->n : 0;
	copy.v = calloc(n + 1, sizeof(char *));
	for (size_t i = 0; copy.v && i < n; i++) {
		copy.v[i] = strdup(event->names->v[i]);
		if (!copy.v[i])
			break;
		copy.n++;
	}
	if (!copy.v || copy.n < n) {
		/* An incomplete list could make us first: better none, until the next change. */
		zk_names_free(&copy);
		e->names_known = false;
		return;
	}
	zk_names_free(&e->names);
	e->names = copy;
	e->names_known = true;
	e->stray_at = 0;
	/*
	 * No folder has no time. Answers come in the order of the requests: if our node is
	 * known, this was read after it was made.
	 */
	e->names_pzxid = event->exists ? event->stat->pzxid : e->state == IN ? INT64_MAX : 0;
	decide(e);
}

/* Registering. */

/* A step's request failed. True: it was dealt with. */
static bool failed(struct zk_election *e, const struct zk_reply *r, bool write)
{
	if (r->rc == 0)
		return false;
	if (write && r->rc == -EINPROGRESS) {
		e->lost_answer = true;
		e->state = SYNCING;
		zk_want_tick(e->zk);
	} else if (r->rc == -ENOTCONN || r->rc == -ETIMEDOUT || r->rc == -ENOLINK ||
		   r->rc == -ENOMEM) {
		/* The state stays: the same step again. A session that is over is told as such. */
		zk_want_tick(e->zk);
	} else {
		e->state = AWAY;
		zk_want_tick(e->zk);
		out(e, r->rc, r->err);
	}
	return true;
}

static void joined(struct zk_election *e, const char *path, const struct zk_stat *stat)
{
	const char *node = strrchr(path, '/') + 1;
	snprintf(e->path, sizeof(e->path), "%s", path);
	snprintf(e->node, sizeof(e->node), "%s", node);
	e->epoch = stat->czxid;
	e->state = IN;
	if (e->stopping)
		step(e);
	else
		decide(e);
}

static void on_created(void *ctx, const struct zk_reply *r)
{
	struct zk_election *e = ctx;
	e->op = NULL;
	if (r->rc == -ENOENT) {
		e->state = FOLDER;
		step(e);
	} else if (!failed(e, r, true)) {
		joined(e, r->path, r->stat);
	} else if (e->state == SYNCING) {
		step(e);
	}
}

static void on_folder_made(void *ctx, const struct zk_reply *r)
{
	struct zk_election *e = ctx;
	e->op = NULL;
	/* Lost: making our node will show whether it is there. */
	if (r->rc == 0 || r->rc == -EEXIST || r->rc == -EINPROGRESS) {
		e->state = CREATING;
		step(e);
	} else {
		failed(e, r, false);
	}
}

static void on_synced(void *ctx, const struct zk_reply *r)
{
	struct zk_election *e = ctx;
	e->op = NULL;
	if (failed(e, r, false))
		return;
	e->state = LISTING;
	step(e);
}

static void on_listed(void *ctx, const struct zk_reply *r)
{
	struct zk_election *e = ctx;
	e->op = NULL;
	if (r->rc == -ENOENT) {
		e->state = FOLDER;
		step(e);
		return;
	}
	if (failed(e, r, false))
		return;
	zk_names_free(&e->mine);
	e->checked = 0;
	e->mine.v = calloc(r->names->n + 1, sizeof(char *));
	for (size_t i = 0; e->mine.v && i < r->names->n; i++) {
		if (!has_our_name(e, r->names->v[i]))
			continue;
		char *name = strdup(r->names->v[i]);
		if (!name) {
			zk_names_free(&e->mine);
			break;
		}
		e->mine.v[e->mine.n++] = name;
	}
	if (!e->mine.v) {
		zk_want_tick(e->zk); /* no memory: list again */
		return;
	}
	e->state = CHECKING;
	step(e);
}

static void on_checked(void *ctx, const struct zk_reply *r)
{
	struct zk_election *e = ctx;
	e->op = NULL;
	if (failed(e, r, false))
		return;
	if (r->exists && r->stat->owner == r->session) {
		joined(e, r->path, r->stat); /* another of ours, if any, is a stray */
		return;
	}
	e->checked++;
	step(e);
}

/* Strays: nodes of our session with our name that are not our node. */

static void on_stray_deleted(void *ctx, const struct zk_reply *r)
{
	struct zk_election *e = ctx;
	e->op = NULL;
	if (r->rc < 0 && r->rc != -ENOENT)
		zk_want_tick(e->zk);
	/* The folder's change, or the tick, looks for more. */
}

static void on_stray_checked(void *ctx, const struct zk_reply *r)
{
	struct zk_election *e = ctx;
	e->op = NULL;
	if (r->rc == 0 && r->exists && r->stat->owner == r->session)
		e->op = zk_delete_async(e->zk, r->path, ZK_ANY_VERSION, on_stray_deleted, e);
	else if (r->rc == 0)
		delete_stray(e); /* another's: the next name */
	if (r->rc < 0) {
		e->stray_at = 0;
		zk_want_tick(e->zk);
	}
}

static void delete_stray(struct zk_election *e)
{
	char path[ZK_PATH_MAX];
	if (e->op)
		return;
	while (e->stray_at < e->names.n) {
		const char *name = e->names.v[e->stray_at++];
		if (!has_our_name(e, name) || strcmp(name, e->node) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", e->folder, name);
		e->op = zk_exists_async(e->zk, path, on_stray_checked, e);
		return;
	}
}

/* Leaving. */

static void election_free(struct zk_election *e)
{
	for (struct zk_election **at = &e->zk->elections; *at; at = &(*at)->next) {
		if (*at == e) {
			*at = e->next;
			break;
		}
	}
	if (e->op)
		zk_op_cancel(e->op);
	zk_watch_stop(e->watch);
	zk_names_free(&e->names);
	zk_names_free(&e->mine);
	free(e->folder);
	free(e->prefix);
	free(e->data);
	free(e);
}

static void on_left(void *ctx, const struct zk_reply *r)
{
	struct zk_election *e = ctx;
	e->op = NULL;
	if (r->rc == 0 || r->rc == -ENOENT) {
		forget_node(e);
		e->state = e->lost_answer ? SYNCING : AWAY; /* a second one may be there */
		step(e);
	} else {
		zk_want_tick(e->zk); /* again, until we know */
	}
}

/* The one request that the state calls for, when none is in flight. */
static void step(struct zk_election *e)
{
	struct zk *zk = e->zk;
	char path[ZK_PATH_MAX];
	if (e->op)
		return;
	if (e->stopping && (e->state == AWAY || e->state == FOLDER || e->state == CREATING)) {
		e->dead = true; /* nothing of ours is there */
		zk_wake(zk);
		return;
	}
	switch (e->state) {
	case AWAY:
	case CREATING:
		e->state = CREATING;
		e->op = zk_create_async(zk,
					&(struct zk_create){.path = e->prefix,
							    .data = e->data,
							    .len = e->len,
							    .kind = ZK_EPHEMERAL_SEQUENTIAL,
							    .acl = &e->acl},
					on_created, e);
		break;
	case FOLDER:
		e->op = zk_create_async(zk,
					&(struct zk_create){.path = e->folder,
							    .kind = ZK_PERSISTENT,
							    .acl = &e->acl},
					on_folder_made, e);
		break;
	case SYNCING:
		e->op = zk_sync_async(zk, e->folder, on_synced, e);
		break;
	case LISTING:
		e->op = zk_children_async(zk, e->folder, on_listed, e);
		break;
	case CHECKING:
		if (e->checked == e->mine.n) {
			zk_names_free(&e->mine);
			e->state = CREATING;
			step(e);
			return;
		}
		snprintf(path, sizeof(path), "%s/%s", e->folder, e->mine.v[e->checked]);
		e->op = zk_exists_async(zk, path, on_checked, e);
		break;
	case IN:
		if (!e->stopping)
			return;
		e->op = zk_delete_async(zk, e->path, ZK_ANY_VERSION, on_left, e);
		break;
	}
	if (!e->op)
		zk_want_tick(zk); /* no memory */
}

/* What comes from the session. */

/*
 * We may be told of a session's end when the next one has begun already, and a request of
 * ours went out in that. So what is there of ours is looked up before anything is made.
 */
static void session_over(struct zk_election *e)
{
	struct err err;
	if (e->op)
		zk_op_cancel(e->op);
	e->op = NULL;
	e->state = SYNCING;
	e->lost_answer = true;
	forget_node(e);
	err_set(&err, -ENOLINK, ERR_ZK_EXPIRED, "%s: our session expired", e->folder);
	out(e, -ENOLINK, &err);
}

/* A callback may start or stop any election: none is freed before zk_election_reap(). */
static void for_each(struct zk *zk, void (*visit)(struct zk_election *e))
{
	for (struct zk_election *e = zk->elections; e; e = e->next)
		if (!e->dead)
			visit(e);
}

static void on_connection(struct zk_election *e)
{
	if (e->state == IN && !e->stopping)
		delete_stray(e);
	else
		step(e);
}

void zk_election_on_state(struct zk *zk, enum zk_state state)
{
	if (state == ZK_EXPIRED || state == ZK_AUTH_FAILED)
		for_each(zk, session_over);
	else if (state == ZK_NEW_SESSION || state == ZK_CONNECTED)
		for_each(zk, on_connection);
}

static void on_tick(struct zk_election *e)
{
	if (!e->op && (e->state != IN || e->stopping || e->lost_answer))
		on_connection(e);
}

void zk_election_on_tick(struct zk *zk)
{
	pthread_mutex_lock(&zk->lock);
	bool connected = zk_connected_locked(zk);
	pthread_mutex_unlock(&zk->lock);
	if (connected)
		for_each(zk, on_tick);
}

void zk_election_reap(struct zk *zk)
{
	for (struct zk_election *e = zk->elections, *next; e; e = next) {
		next = e->next;
		if (e->dead)
			election_free(e);
	}
}

/* Beginning and end. */

struct zk_election *zk_election_start(struct zk *zk, const struct zk_election_options *o,
				      zk_election_fn *fn, void *ctx)
{
	struct zk_election *e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->zk = zk;
	e->acl = o->acl ? *o->acl : zk_acl_shared;
	e->fn = fn;
	e->ctx = ctx;
	e->folder = strdup(o->folder);
	if (asprintf(&e->prefix, "%s/%s-", o->folder, o->name) < 0)
		e->prefix = NULL;
	if (!e->folder || !e->prefix || zk_election_set_data(e, o->data, o->len) < 0 ||
	    !(e->watch = zk_watch_children(zk, o->folder, on_folder, e))) {
		election_free(e);
		return NULL;
	}
	e->next = zk->elections;
	zk->elections = e;
	step(e);
	return e;
}

int zk_election_set_data(struct zk_election *e, const void *data, size_t len)
{
	char *copy = malloc(len + 1);
	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, data, len);
	free(e->data);
	e->data = copy;
	e->len = len;
	return 0;
}

void zk_election_stop(struct zk_election *e)
{
	if (!e)
		return;
	e->stopping = true;
	zk_watch_stop(e->watch);
	e->watch = NULL;
	/* What is in flight says what there is to delete; a stray's check says nothing. */
	if (e->op && e->state == IN) {
		zk_op_cancel(e->op);
		e->op = NULL;
	}
	step(e);
}

void zk_election_free_all(struct zk *zk)
{
	while (zk->elections)
		election_free(zk->elections);
}

enum zk_election_role zk_election_role(const struct zk_election *e)
{
	return e->role;
}

int64_t zk_election_epoch(const struct zk_election *e)
{
	return e->epoch;
}

const char *zk_election_node(const struct zk_election *e)
{
	return e->node;
}

const char *zk_election_path(const struct zk_election *e)
{
	return e->path;
}

const char *zk_election_first(const struct zk_election *e)
{
	return e->first;
}
