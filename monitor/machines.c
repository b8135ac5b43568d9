/* machines.c - see machines.h. */
#include "monitor/machines.h"

#include "common/base/json.h"
#include "common/contract/document.h"
#include "common/contract/errors.h"
#include "common/contract/machine.h"
#include "common/os/log.h"
#include "common/zk/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROSTER_MAX = 256 * 1024, HOSTS_MAX = 1000 };
/*
 * A node that went this soon after its last heartbeat was taken back by its process: that of
 * one that died stays for the session timeout, which is a second at least.
 */
#define TAKEN_BACK (USEC_PER_SEC * 8 / 10)

/* A process's node. */
struct node {
	struct machines *m;
	struct node *next;
	char name[PATHS_NODE_MAX + 1];
	char host[PATHS_HOST_MAX + 1];
	struct zk_watch *watch;
	bool farewell; /* it stops or drains */
	unsigned held;
	usec_t written_at; /* clock_boot; 0: not read yet */
	bool listed;
};

struct host {
	char name[PATHS_HOST_MAX + 1];
	unsigned held;
	bool gone; /* without a farewell; else it is there, or left in peace */
	bool present;
	uint64_t gone_ms; /* as kept; how long it is gone says … */
	usec_t gone_at;	  /* … clock_boot, which no set clock moves */
};

struct machines {
	struct zk *zk;
	struct zk_watch *watch;
	struct node *nodes;
	struct host *hosts;
	size_t nhosts;
	bool listed; /* the folder was read */
	bool lead;
	bool loaded; /* what is kept was read, and `version` is its */
	bool known;  /* it was read once since this monitor leads */
	struct zk_op *op;
	int32_t version;
	bool dirty;
	bool full_said;
};

static uint64_t wall_ms(void)
{
	return (uint64_t)(clock_wall() / USEC_PER_MSEC);
}

/* ---------------------------------------------------------------- hosts */

static struct host *find_host(struct machines *m, const char *name)
{
	for (size_t i = 0; i < m->nhosts; i++)
		if (strcmp(m->hosts[i].name, name) == 0)
			return &m->hosts[i];
	return NULL;
}

/* Those that ended cleanly are known only so long as there is room. */
static bool make_room(struct machines *m)
{
	size_t kept = 0;
	if (m->nhosts < HOSTS_MAX)
		return true;
	for (size_t i = 0; i < m->nhosts; i++)
		if (m->hosts[i].present || m->hosts[i].gone)
			m->hosts[kept++] = m->hosts[i];
	m->nhosts = kept;
	if (kept < HOSTS_MAX)
		return true;
	if (!m->full_said)
		log_error("no room for more than %d machines: further ones are not watched",
			  (int)HOSTS_MAX);
	m->full_said = true;
	return false;
}

static struct host *add_host(struct machines *m, const char *name)
{
	struct host *h = find_host(m, name);
	if (h)
		return h;
	struct host *hosts =
	    make_room(m) ? realloc(m->hosts, (m->nhosts + 1) * sizeof(*hosts)) : NULL;
	if (!hosts)
		return NULL;
	m->hosts = hosts;
	h = &hosts[m->nhosts++];
	*h = (struct host){0};
	strncpy(h->name, name, sizeof(h->name) - 1);
	m->dirty = true;
	return h;
}

static bool has_node(const struct machines *m, const char *host)
{
	for (const struct node *n = m->nodes; n; n = n->next)
		if (strcmp(n->host, host) == 0)
			return true;
	return false;
}

static void appeared(struct machines *m, const char *name)
{
	struct host *h = add_host(m, name);
	if (!h)
		return;
	m->dirty |= !h->present || h->gone;
	if (h->gone)
		log_info("mr-core %s is back", name);
	h->present = true;
	h->gone = false;
	h->gone_ms = 0;
}

/* Its last node went. */
static void vanished(struct machines *m, const struct node *n)
{
	struct host *h = find_host(m, n->host);
	bool clean = n->farewell || (n->written_at && clock_boot() - n->written_at < TAKEN_BACK);
	if (!h || has_node(m, n->host))
		return;
	h->present = false;
	h->gone = !clean;
	h->gone_ms = clean ? 0 : wall_ms();
	h->gone_at = clock_boot();
	h->held = n->held;
	m->dirty = true;
	log_info("mr-core %s %s", n->host, clean ? "ended" : "is gone without a clean stop");
}

/* ---------------------------------------------------------------- nodes */

static void on_node(void *ctx, const struct zk_watch_event *event)
{
	struct node *n = ctx;
	struct machine_doc d;
	if (event->rc < 0 || !event->exists || event->len == 0)
		return;
	n->written_at = clock_boot();
	if (machine_doc_parse(event->data, event->len, &d, NULL) < 0)
		return; /* of another version */
	n->farewell = d.stopping || d.draining;
	n->held = d.held;
	machine_doc_clear(&d);
}

static void node_free(struct node *n)
{
	zk_watch_stop(n->watch);
	free(n);
}

static void add_node(struct machines *m, const char *name)
{
	char path[PATHS_SIZE];
	struct node *n = calloc(1, sizeof(*n));
	if (!n || paths_node_parse(name, n->host, NULL) < 0 ||
	    paths_child(PATHS_MACHINES, name, path, NULL) < 0) {
		free(n);
		return;
	}
	strncpy(n->name, name, sizeof(n->name) - 1);
	n->m = m;
	n->listed = true;
	n->watch = zk_watch_data(m->zk, path, on_node, n);
	n->next = m->nodes;
	m->nodes = n;
	appeared(m, n->host);
}

static void on_list(void *ctx, const struct zk_watch_event *event)
{
	struct machines *m = ctx;
	if (event->rc < 0) {
		log_err(LOG_LEVEL_WARN, "the list of machines", event->err);
		return;
	}
	for (struct node *n = m->nodes; n; n = n->next)
		n->listed = false;
	for (size_t i = 0; event->names && i < event->names->n; i++) {
		struct node *n = m->nodes;
		while (n && strcmp(n->name, event->names->v[i]) != 0)
			n = n->next;
		if (n)
			n->listed = true;
		else
			add_node(m, event->names->v[i]);
	}
	for (struct node **at = &m->nodes; *at;) {
		struct node *n = *at;
		if (n->listed) {
			at = &n->next;
			continue;
		}
		*at = n->next;
		vanished(m, n);
		node_free(n);
	}
	m->listed = true;
}

struct machines *machines_open(struct zk *zk)
{
	struct machines *m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	m->zk = zk;
	m->watch = zk_watch_children(zk, paths_folder(PATHS_MACHINES), on_list, m);
	if (!m->watch) {
		free(m);
		return NULL;
	}
	return m;
}

void machines_close(struct machines *m)
{
	if (!m)
		return;
	machines_lead(m, false);
	zk_watch_stop(m->watch);
	for (struct node *n; (n = m->nodes);) {
		m->nodes = n->next;
		node_free(n);
	}
	free(m->hosts);
	free(m);
}

/* ---------------------------------------------------------------- kept in /alerts */

static void put(struct machines *m, struct buf *b)
{
	const char *comma = "";
	buf_lit(b, "{\"version\":1,\"machines\":[");
	for (size_t i = 0; i < m->nhosts; i++) {
		const struct host *h = &m->hosts[i];
		if (!h->present && !h->gone)
			continue; /* left in peace */
		buf_printf(b, "%s{\"hostname\":", comma);
		json_put_string(b, h->name, strlen(h->name));
		buf_printf(b, ",\"held\":%u,\"gone_ms\":%llu}", h->held,
			   (unsigned long long)h->gone_ms);
		comma = ",";
	}
	buf_lit(b, "]}");
}

/* A machine that another monitor, or this one in an earlier life, knew. */
static void remember(struct machines *m, const json_t *entry)
{
	const char *name = json_string_value(json_object_get(entry, "hostname"));
	json_int_t gone = json_integer_value(json_object_get(entry, "gone_ms"));
	if (!name || paths_name_check(PATHS_NAME_HOST, name, NULL) < 0)
		return;
	if (find_host(m, name))
		return; /* this monitor saw more of it */
	struct host *h = add_host(m, name);
	if (!h)
		return;
	h->held = (unsigned)json_integer_value(json_object_get(entry, "held"));
	h->gone = true;
	uint64_t wall = wall_ms();
	h->gone_ms = gone > 0 ? (uint64_t)gone : wall;
	h->gone_at = clock_boot();
	if (wall > h->gone_ms)
		h->gone_at -= (usec_t)(wall - h->gone_ms) * USEC_PER_MSEC;
	log_info("mr-core %s went while no monitor watched", name);
}

static void loaded(void *ctx, const struct zk_reply *r)
{
	struct machines *m = ctx;
	struct err err = {0};
	m->op = NULL;
	if (r->rc == -ENOTCONN || r->rc == -ETIMEDOUT || r->rc == -ENOLINK || r->rc == -ENOENT)
		return; /* asked again at the next look */
	if (r->rc < 0) {
		if (!m->known)
			log_err(LOG_LEVEL_ERROR, "the list of machines in /alerts", r->err);
		m->known = true; /* better without it than not at all */
		return;
	}
	m->known = true;
	m->version = r->stat->version;
	m->loaded = true;
	m->dirty = true;
	if (r->len == 0)
		return;
	json_t *tree =
	    document_parse(r->data, r->len, ROSTER_MAX, "the list of machines in /alerts",
			   ERR_DOCUMENT_INVALID, &err);
	if (!tree) {
		log_err(LOG_LEVEL_WARN, "the list of machines begins anew", &err);
		return;
	}
	const json_t *list = json_object_get(tree, "machines");
	for (size_t i = 0; i < json_array_size(list); i++)
		remember(m, json_array_get(list, i));
	json_decref(tree);
}

static void written(void *ctx, const struct zk_reply *r)
{
	struct machines *m = ctx;
	m->op = NULL;
	if (r->rc == 0) {
		m->version = r->stat->version;
	} else {
		m->dirty = true;
		m->loaded = r->rc == -ENOTCONN; /* else another version, perhaps: read first */
	}
}

void machines_look(struct machines *m)
{
	struct buf b;
	if (!m->lead || m->op || !m->listed)
		return;
	if (!m->loaded) {
		m->op = zk_get_async(m->zk, paths_folder(PATHS_ALERTS), loaded, m);
		return;
	}
	if (!m->dirty || !zk_may_act(m->zk))
		return;
	buf_init(&b);
	put(m, &b);
	if (!b.failed && b.len <= ROSTER_MAX)
		m->op = zk_set_async(m->zk, paths_folder(PATHS_ALERTS), b.data, b.len, m->version,
				     written, m);
	m->dirty = !m->op;
	buf_free(&b);
}

bool machines_ready(const struct machines *m)
{
	return m->listed && (!m->lead || m->known);
}

void machines_lead(struct machines *m, bool lead)
{
	if (m->op)
		zk_op_cancel(m->op);
	m->op = NULL;
	m->lead = lead;
	m->loaded = m->known = false;
}

void machines_evaluate(struct machines *m, struct alerts *alerts,
		       const struct rule_setting *setting, usec_t now)
{
	usec_t boot = clock_boot();
	for (size_t i = 0; i < m->nhosts; i++) {
		struct host *h = &m->hosts[i];
		usec_t gone = h->gone ? boot - h->gone_at : 0;
		struct verdict verdict;
		const struct machine_facts facts = {
		    .hostname = h->name, .gone = h->gone, .gone_for = gone, .held = h->held};
		rules_machine(&facts, setting, &verdict);
		alerts_report(alerts, RULE_MACHINE_GONE, h->name, setting, &verdict, now);
		if (h->gone && gone > setting->threshold) {
			log_info("mr-core %s is gone for long: forgotten", h->name);
			h->gone = false;
			m->dirty = true;
		}
	}
}

size_t machines_present(const struct machines *m)
{
	size_t n = 0;
	for (size_t i = 0; i < m->nhosts; i++)
		n += m->hosts[i].present;
	return n;
}

size_t machines_gone(const struct machines *m)
{
	size_t n = 0;
	for (size_t i = 0; i < m->nhosts; i++)
		n += m->hosts[i].gone;
	return n;
}
