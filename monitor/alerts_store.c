/*
 * alerts_store.c - alerts in /alerts (alerts.h): read when this monitor begins to alert,
 * written by compare-and-set, one write an alert at a time.
 *
 * What /alerts says wins over what this process thought while another alerted. A write that
 * meets another version reads the node, takes over its marks and writes again.
 */
#include "common/daemon/acl.h"
#include "common/os/log.h"
#include "monitor/alerts_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool connection_lost(int rc)
{
	return rc == -ENOTCONN || rc == -ETIMEDOUT || rc == -ENOLINK;
}

static int node_path(const char *id, char path[PATHS_SIZE])
{
	return paths_child(PATHS_ALERTS, id, path, NULL);
}

/* ---------------------------------------------------------------- reading */

/* The life that a document tells of, on our clock. */
static struct life life_of(const struct alert_doc *d, usec_t now)
{
	struct life l = {.flaps = d->flaps};
	uint64_t wall = alerts_wall_ms();
	usec_t age = wall > d->since_ms ? (usec_t)(wall - d->since_ms) * USEC_PER_MSEC : 0;
	l.since = now - age;
	if (d->state == ALERT_PENDING)
		l.state = LIFE_PENDING;
	else if (d->state == ALERT_FIRING)
		l.state = LIFE_FIRING;
	if (d->state == ALERT_RESOLVED) {
		l.resolved = true;
		l.resolved_at =
		    now -
		    (wall > d->resolved_ms ? (usec_t)(wall - d->resolved_ms) * USEC_PER_MSEC : 0);
	}
	return l;
}

/* One that the document does not have yet. */
static void take_mark(struct alert *alert, const struct alert_notified *n)
{
	if (alert_doc_marked(&alert->doc, n->channel) == n->state)
		return;
	if (alert_doc_mark(&alert->doc, n->channel, (enum alert_state)n->state, n->at_ms) < 0)
		log_warn("an alert's mark does not fit: %s", alert->id);
	alert_changed(alert);
}

/*
 * A pending alert's channel that was told of a firing: it came to its end since, which the
 * document no longer says, and the channel may not know. When it ended is not known either,
 * but that it was before it began anew.
 */
static void owe_resolved(struct alert *alert)
{
	const struct alert_doc *d = &alert->doc;
	if (d->state != ALERT_PENDING || alert->before_resolved_ms)
		return;
	for (size_t i = 0; i < d->nnotified; i++) {
		const struct alert_notified *n = &d->notified[i];
		if (n->state != ALERT_FIRING || !alert_has_channel(alert, n->channel))
			continue;
		if (!alert->before_resolved_ms || n->at_ms < alert->before_firing_ms)
			alert->before_firing_ms = n->at_ms;
		alert->before_resolved_ms = d->since_ms > n->at_ms ? d->since_ms : n->at_ms;
	}
}

static void take(struct alerts *a, const char *id, const struct zk_reply *r)
{
	struct alert_doc doc;
	struct err err = {0};
	char own[PATHS_ID_MAX + 1];
	if (r->rc < 0 || r->len == 0)
		return; /* went meanwhile, or somebody's note */
	if (alert_doc_parse(r->data, r->len, &doc, &err) < 0) {
		err_prefix(&err, "alert %s", id);
		log_err(LOG_LEVEL_WARN, "an alert that cannot be read is left alone", &err);
		return;
	}
	int rule = rules_find(doc.rule);
	alert_id(doc.rule, doc.name, own);
	if (rule < 0 || strcmp(own, id) != 0) {
		alert_doc_clear(&doc); /* of another version: not ours to judge */
		return;
	}
	struct alert *alert = alerts_find(a, id);
	if (!alert)
		alert = alerts_add(a, id, rule);
	if (!alert) {
		alert_doc_clear(&doc);
		return;
	}
	struct alert_doc marks = alert->doc;
	/* What another went through meanwhile was not told, or given up, by this one. */
	if (marks.state != doc.state || marks.firing_ms != doc.firing_ms ||
	    (doc.state == ALERT_PENDING && marks.since_ms != doc.since_ms)) {
		alert_tell_anew(alert);
		alert->before_firing_ms = alert->before_resolved_ms = 0;
	}
	alert->doc = doc;
	alert->life = life_of(&doc, a->now);
	alert->stored = true;
	alert->version = r->stat->version;
	alert->dirty = alert->drop = false;
	alert->reported = true;
	/* A mark of ours that the lost connection kept from being written. */
	for (size_t i = 0; i < marks.nnotified; i++)
		if (marks.firing_ms == doc.firing_ms && doc.firing_ms &&
		    marks.notified[i].at_ms >= doc.firing_ms)
			take_mark(alert, &marks.notified[i]);
	alert_doc_clear(&marks);
	owe_resolved(alert);
}

/* What this process thought and /alerts does not know: it has not been told to anybody. */
static void settle(struct alert *alert)
{
	if (alert->local || alert->stored)
		return;
	if (alert->life.state == LIFE_FIRING) {
		alert->life.state = LIFE_PENDING;
		alert->doc.state = ALERT_PENDING;
		alert->doc.firing_ms = 0;
	}
	owe_resolved(alert); /* somebody deleted the node */
	if (alert->life.state == LIFE_NOTHING)
		alert->drop = true;
	else
		alert_changed(alert);
}

static const char *path_of(void *ctx, size_t i)
{
	struct alerts *a = ctx;
	return node_path(a->names.v[i], a->path) < 0 ? NULL : a->path;
}

static void fetched(void *ctx, size_t i, const struct zk_reply *r)
{
	struct alerts *a = ctx;
	take(a, a->names.v[i], r);
}

static void fetched_all(void *ctx, int rc)
{
	struct alerts *a = ctx;
	a->fetch = NULL;
	zk_names_free(&a->names);
	a->names = (struct zk_names){0};
	if (rc < 0)
		return; /* alerts_sync() has it begin again */
	for (size_t i = 0; i < a->n; i++)
		settle(a->v[i]);
	a->leading = true;
	log_info("this monitor alerts now; %zu alerts were known", a->n);
	a->o.led(a->o.ctx);
}

static void listed(void *ctx, const struct zk_reply *r)
{
	struct alerts *a = ctx;
	a->list_op = NULL;
	if (r->rc < 0) {
		if (!connection_lost(r->rc) && r->rc != -ENOENT)
			log_err(LOG_LEVEL_ERROR, "reading the alerts", r->err);
		return;
	}
	a->names.v = calloc(r->names->n + 1, sizeof(*a->names.v));
	for (size_t i = 0; a->names.v && i < r->names->n; i++) {
		a->names.v[a->names.n] = strdup(r->names->v[i]);
		if (!a->names.v[a->names.n])
			break;
		a->names.n++;
	}
	for (size_t i = 0; i < a->n; i++)
		a->v[i]->stored = a->v[i]->local;
	static const struct fetch_callbacks callbacks = {
	    .path = path_of, .each = fetched, .done = fetched_all};
	struct fetch_callbacks cb = callbacks;
	cb.ctx = a;
	a->fetch = fetch_start(a->o.zk, a->names.n, &cb);
	if (!a->fetch) {
		zk_names_free(&a->names);
		a->names = (struct zk_names){0};
	}
}

void alerts_store_load(struct alerts *a)
{
	if (!a->list_op && !a->fetch)
		a->list_op = zk_children_async(a->o.zk, paths_folder(PATHS_ALERTS), listed, a);
}

void alerts_store_stop(struct alerts *a)
{
	if (a->list_op)
		zk_op_cancel(a->list_op);
	a->list_op = NULL;
	fetch_cancel(a->fetch);
	a->fetch = NULL;
	zk_names_free(&a->names);
	a->names = (struct zk_names){0};
	for (size_t i = 0; i < a->n; i++) {
		if (!a->v[i]->op)
			continue;
		zk_op_cancel(a->v[i]->op);
		a->v[i]->op = NULL;
		a->writes--;
	}
}

/* ---------------------------------------------------------------- writing */

/* Marks that another monitor made, and the version to write over. */
static void reread(void *ctx, const struct zk_reply *r)
{
	struct alert *alert = ctx;
	struct alert_doc doc;
	alert->op = NULL;
	alert->a->writes--;
	if (connection_lost(r->rc))
		return;
	if (r->rc < 0) {
		alert->stored = false;
		alert->gone = alert->drop && r->rc == -ENOENT;
		return;
	}
	alert->stored = true;
	alert->version = r->stat->version;
	if (alert_doc_parse(r->data, r->len, &doc, NULL) < 0)
		return;
	for (size_t i = 0; i < doc.nnotified; i++) {
		const struct alert_notified *n = &doc.notified[i];
		if (n->at_ms >= alert->doc.firing_ms)
			take_mark(alert, n);
	}
	alert_doc_clear(&doc);
}

static void read_again(struct alert *alert)
{
	char path[PATHS_SIZE];
	if (node_path(alert->id, path) < 0)
		return;
	alert->op = zk_get_async(alert->a->o.zk, path, reread, alert);
	if (alert->op)
		alert->a->writes++;
}

static void written(void *ctx, const struct zk_reply *r)
{
	struct alert *alert = ctx;
	struct alerts *a = alert->a;
	alert->op = NULL;
	a->writes--;
	if (alert->deleting && (r->rc == 0 || r->rc == -ENOENT)) {
		alert->stored = false;
		alert->gone = alert->drop && alert->written == alert->generation;
	} else if (r->rc == 0) {
		alert->stored = true;
		if (r->stat)
			alert->version = r->stat->version;
		alert->dirty = alert->written != alert->generation;
	} else if (r->rc == -ENOENT) {
		alert->stored = false; /* deleted by hand: made again */
	} else if (r->rc == -EEXIST || r->rc == -ESTALE || r->rc == -EINPROGRESS) {
		read_again(alert);
	} else if (!connection_lost(r->rc)) {
		/* Better told twice than not at all. */
		if (!a->refused_said)
			log_err(LOG_LEVEL_ERROR, "alerts cannot be kept, and are told nevertheless",
				r->err);
		a->refused_said = true;
		alert->dirty = alert->written != alert->generation;
		alert->gone = alert->deleting && alert->drop;
	}
}

void alert_store(struct alert *alert)
{
	struct alerts *a = alert->a;
	char path[PATHS_SIZE];
	struct buf b;
	if (a->writes >= WRITES_AT_ONCE || node_path(alert->id, path) < 0)
		return;
	buf_init(&b);
	alert_doc_print(&alert->doc, &b);
	alert->written = alert->generation;
	alert->deleting = alert->drop;
	if (b.failed) {
		buf_free(&b);
		return;
	}
	if (alert->drop) {
		alert->op = zk_delete_async(a->o.zk, path, alert->version, written, alert);
	} else if (alert->stored) {
		alert->op =
		    zk_set_async(a->o.zk, path, b.data, b.len, alert->version, written, alert);
	} else {
		const struct zk_create create = {.path = path,
						 .data = b.data,
						 .len = b.len,
						 .kind = ZK_PERSISTENT,
						 .acl = &acl_alerts};
		alert->op = zk_create_async(a->o.zk, &create, written, alert);
	}
	if (alert->op)
		a->writes++;
	buf_free(&b);
}
