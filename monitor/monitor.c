/*
 * monitor.c - see monitor.h: the loop's callbacks.
 *
 * Every TICK: who alerts (the monitor with the smallest node), the zookeeper rule, what is to
 * be written and told. Every `interval`: a round over all tasks (watch.h), and at its end the
 * rules. After an outage of ZooKeeper rules wait for as long as it lasted, SETTLE at most:
 * tasks and machines come back in their own time.
 */
#include "monitor/monitor.h"

#include "common/contract/errors.h"
#include "monitor/monitor_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define TICK	  (USEC_PER_SEC / 5)
#define SETTLE	  (15 * USEC_PER_SEC)
#define STOP_TIME (5 * USEC_PER_SEC)
/* A process that connects later than this found ZooKeeper away. */
#define LATE_START (5 * USEC_PER_SEC)

/* ---------------------------------------------------------------- ZooKeeper */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * The ensemble's name in the key of its alert: the servers sorted, so that every monitor and
 * every restart says the same, and no word of a cluster that cannot be asked.
 */
static void name_servers(const char *servers, char out[512])
{
	char text[512], *list[32], *save = NULL;
	size_t n = 0, at = 0;
	snprintf(text, sizeof(text), "%s", servers);
	char *chroot = strchr(text, '/');
	const char *tail = "";
	if (chroot) {
		tail = servers + (chroot - text);
		*chroot = 0;
	}
	for (char *p = strtok_r(text, ", ", &save); p && n < 32; p = strtok_r(NULL, ", ", &save))
		list[n++] = p;
	qsort(list, n, sizeof(*list), by_text);
	out[0] = 0;
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, 512 - at, "%s%s", i ? "," : "", list[i]);
	snprintf(out + at, 512 - at, "%s", tail);
}

static void zookeeper_rule(struct monitor *m)
{
	const struct rule_setting *setting = &m->config->rules[RULE_ZOOKEEPER];
	usec_t boot = clock_boot();
	struct verdict verdict = {.state = VERDICT_CLEAR};
	const struct zookeeper_facts facts = {.monitor = m->config->hostname,
					      .servers = m->servers,
					      .connected = m->connected,
					      .away_for = boot - m->away_since};
	if (setting->enabled)
		rules_zookeeper(&facts, &verdict);
	alerts_report(m->alerts, RULE_ZOOKEEPER, m->servers, setting, &verdict, boot);
}

static void set_lead(struct monitor *m, bool lead)
{
	if (lead != m->lead)
		log_info(lead ? "the alerting monitor now" : "another monitor alerts, or none can");
	m->lead = lead;
	alerts_lead(m->alerts, lead);
	machines_lead(m->machines, lead);
	orders_lead(m->orders, lead);
}

static void session_changed(void *ctx, enum zk_state state)
{
	struct monitor *m = ctx;
	bool connected = state == ZK_CONNECTED || state == ZK_NEW_SESSION;
	usec_t boot = clock_boot();
	if (connected && !m->connected) {
		usec_t away = boot - m->away_since;
		m->settle_until = boot + (away < SETTLE ? away : SETTLE);
		if (!m->ever_connected && away > LATE_START)
			m->late_start = true;
		m->ever_connected = true;
	} else if (!connected && m->connected) {
		m->away_since = boot;
		watch_abandon(m->watch);
		m->round = false;
	}
	m->connected = connected;
	/* Another may have alerted meanwhile: not before /alerts is read again. */
	if (m->lead && (state == ZK_EXPIRED || state == ZK_NEW_SESSION))
		set_lead(m, false);
}

static void ready(void *ctx, bool new_session)
{
	struct monitor *m = ctx;
	m->new_session |= new_session;
	/* An earlier life may have told of this outage, and cannot tell that it is over. */
	if (m->late_start && m->config->rules[RULE_ZOOKEEPER].enabled)
		alerts_resolve_local(m->alerts, RULE_ZOOKEEPER, m->servers,
				     m->config->rules[RULE_ZOOKEEPER].severity);
	m->late_start = false;
}

/* ---------------------------------------------------------------- who alerts */

static void look_lead(struct monitor *m)
{
	bool first = daemon_first(m->daemon);
	/* While only the connection is away, nobody else can know better. */
	bool lead = m->connected ? daemon_connected(m->daemon) && first : m->lead && first;
	if (lead != m->lead || (lead && m->new_session))
		set_lead(m, lead);
	m->new_session = false;
}

static const char *cluster(void *ctx)
{
	return daemon_cluster(((struct monitor *)ctx)->daemon);
}

static const char *node(void *ctx)
{
	return daemon_node(((struct monitor *)ctx)->daemon);
}

static void led(void *ctx)
{
	struct monitor *m = ctx;
	m->next_round = 0;
}

/* ---------------------------------------------------------------- looking */

static void begin_round(struct monitor *m)
{
	usec_t boot = clock_boot(), passed = boot - m->round_at;
	usec_t most = 3 * m->config->interval + USEC_PER_SEC;
	m->now += passed < most ? passed : most;
	m->round_at = boot;
	m->next_round = boot + m->config->interval;
	m->round = watch_round(m->watch, m->now);
}

static void round_done(void *ctx, bool complete)
{
	struct monitor *m = ctx;
	usec_t boot = clock_boot();
	m->round = false;
	m->took = boot - m->round_at;
	if (!complete || !m->connected || boot < m->settle_until ||
	    (m->lead && !alerts_leading(m->alerts)) || !machines_ready(m->machines))
		return;
	alerts_round_begin(m->alerts);
	watch_evaluate(m->watch, m->alerts, m->now);
	machines_evaluate(m->machines, m->alerts, &m->config->rules[RULE_MACHINE_GONE], m->now);
	alerts_round_end(m->alerts, m->config->rules, m->now);
	m->evaluated_at = boot;
	m->evaluated_wall = clock_wall();
	alerts_sync(m->alerts, m->now);
}

/* ---------------------------------------------------------------- telling */

static void beat(struct monitor *m, size_t channel)
{
	struct alert_doc doc;
	struct buf b;
	char event[64];
	if (alert_doc_init(&doc) < 0)
		return;
	doc.subject = ALERT_CLUSTER;
	doc.severity = ALERT_INFO;
	doc.since_ms = doc.firing_ms = (uint64_t)(clock_wall() / USEC_PER_MSEC);
	snprintf(event, sizeof(event), "heartbeat:%llu", (unsigned long long)doc.since_ms);
	buf_init(&b);
	if (report_set(&doc.rule, "heartbeat") == 0 &&
	    report_set(&doc.name, daemon_cluster(m->daemon)) == 0 &&
	    report_set(&doc.message, "All tasks are being watched.") == 0) {
		const struct payload payload = {.event = "heartbeat",
						.key = "heartbeat",
						.cluster = daemon_cluster(m->daemon),
						.monitor = m->config->hostname,
						.doc = &doc};
		alerts_payload(&payload, &b);
		const struct sender_notification n = {.channel = channel,
						      .key = "heartbeat",
						      .event = event,
						      .body = b.data,
						      .len = b.len,
						      .once = true};
		if (!b.failed && sender_submit(m->sender, &n) == 0)
			log_warn("channel %s: no room for a heartbeat", m->channels[channel].name);
	}
	buf_free(&b);
	alert_doc_clear(&doc);
}

/* Only while all tasks really are being watched: its absence says that they are not. */
static void heartbeats(struct monitor *m)
{
	usec_t boot = clock_boot();
	if (!m->connected || !alerts_leading(m->alerts) || !m->evaluated_at ||
	    boot - m->evaluated_at > 3 * m->config->interval + 5 * USEC_PER_SEC)
		return;
	for (size_t i = 0; i < m->config->nchannels; i++) {
		usec_t every = m->config->channels[i].heartbeat;
		if (every == 0 || boot < m->heartbeats[i])
			continue;
		m->heartbeats[i] = boot + every;
		beat(m, i);
	}
}

static void on_result(void *ctx, const struct sender_result *result)
{
	struct monitor *m = ctx;
	if (m->alerts && !alerts_result(m->alerts, result))
		orders_result(m->orders, result);
}

static int sender_readable(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct monitor *m = arg;
	(void)source;
	(void)fd;
	(void)revents;
	sender_dispatch(m->sender);
	alerts_sync(m->alerts, m->now);
	return 0;
}

static usec_t tick(void *ctx)
{
	struct monitor *m = ctx;
	if (m->stop_by) {
		if (alerts_settle(m->alerts) || clock_boot() >= m->stop_by)
			daemon_quit(m->daemon);
		return TICK / 4;
	}
	look_lead(m);
	machines_look(m->machines);
	zookeeper_rule(m);
	if (m->connected && !m->round && clock_boot() >= m->next_round && watch_filled(m->watch))
		begin_round(m);
	alerts_sync(m->alerts, m->now);
	orders_look(m->orders);
	heartbeats(m);
	return TICK;
}

/* The only alert that no other process knows of. */
static void warn_untold(const struct monitor *m)
{
	char id[PATHS_ID_MAX + 1];
	alert_id(rules[RULE_ZOOKEEPER].name, m->servers, id);
	log_warn("this process told the channels that ZooKeeper is away (alert %s) and ends before "
		 "that is over: unless mr-monitor is started again while ZooKeeper is away, it does "
		 "not tell them when it is back",
		 id);
}

static void stop(void *ctx, bool hurry)
{
	struct monitor *m = ctx;
	if (!m->stop_by && alerts_firing(m->alerts, RULE_ZOOKEEPER, m->servers))
		warn_untold(m);
	if (hurry) {
		daemon_quit(m->daemon);
		return;
	}
	m->stop_by = clock_boot() + STOP_TIME;
	watch_abandon(m->watch);
	daemon_timer_set(m->tick, 1);
}

/* ---------------------------------------------------------------- beginning and end */

static int open_sender(struct monitor *m, struct err *err)
{
	const struct monitor_config *c = m->config;
	struct sender_channel *list = calloc(c->nchannels + 1, sizeof(*list));
	m->channels = calloc(c->nchannels + 1, sizeof(*m->channels));
	m->heartbeats = calloc(c->nchannels + 1, sizeof(*m->heartbeats));
	int rc = -ENOMEM;
	if (!list || !m->channels || !m->heartbeats) {
		err_set(err, rc, ERR_MEMORY, "no memory for channels");
		goto out;
	}
	for (size_t i = 0; i < c->nchannels; i++) {
		const struct monitor_channel *ch = &c->channels[i];
		list[i] = (struct sender_channel){.name = ch->name,
						  .url = ch->url.text,
						  .token = ch->token.text,
						  .ca = ch->ca,
						  .proxy = ch->proxy,
						  .timeout = ch->timeout,
						  .retry_for = ch->retry_for};
		m->channels[i] = (struct alerts_channel){ch->name, ch->severities};
	}
	rc = sender_open(list, c->nchannels, on_result, m, &m->sender, err);
out:
	free(list);
	return rc;
}

static int open_parts(struct monitor *m, struct err *err)
{
	struct zk *zk = daemon_zk(m->daemon);
	int rc = open_sender(m, err);
	if (rc < 0)
		return rc;
	const struct alerts_options options = {.zk = zk,
					       .sender = m->sender,
					       .channels = m->channels,
					       .nchannels = m->config->nchannels,
					       .monitor = m->config->hostname,
					       .cluster = cluster,
					       .led = led,
					       .ctx = m};
	m->alerts = alerts_open(&options);
	m->orders = orders_open(&options, node);
	m->watch = watch_open(zk, m->config->rules, round_done, m);
	m->machines = machines_open(zk);
	m->tick = daemon_timer_new(m->daemon, TICK, tick, m);
	if (!m->alerts || !m->orders || !m->watch || !m->machines || !m->tick)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the monitor");
	rc = sd_event_add_io(daemon_loop(m->daemon), &m->sender_source, sender_fd(m->sender),
			     EPOLLIN, sender_readable, m);
	if (rc < 0)
		return err_set(err, rc, ERR_INTERNAL, "the event loop: %s", strerror(-rc));
	return pages_open(m->daemon, m->config->metrics_listen, "mr-monitor", monitor_metrics, m,
			  &m->pages, err);
}

static void close_all(struct monitor *m)
{
	pages_close(m->pages);
	sd_event_source_disable_unref(m->sender_source);
	daemon_timer_free(m->tick);
	machines_close(m->machines);
	watch_close(m->watch);
	orders_close(m->orders);
	alerts_close(m->alerts);
	m->alerts = NULL; /* for results that come now */
	sender_close(m->sender, 0);
	daemon_close(m->daemon);
	free(m->channels);
	free(m->heartbeats);
}

static void describe(void *ctx, struct machine_doc *doc)
{
	const struct monitor *m = ctx;
	(void)!report_set(&doc->listen, m->config->metrics_listen);
}

int monitor_run(const struct monitor_config *config)
{
	struct monitor m = {.config = config, .away_since = clock_boot()};
	struct err err = {0};
	const struct daemon_options options = {
	    .program = "mr-monitor",
	    .role = ZK_ROLE_MONITOR,
	    .folder = PATHS_MONITORS,
	    .hostname = config->hostname,
	    .secrets_dir = config->secrets_dir,
	    .config = config->file,
	    .callbacks = {.ctx = &m,
			  .ready = ready,
			  .session = session_changed,
			  .stop = stop,
			  .describe = describe},
	};
	name_servers(config_string(config->file, "zookeeper", "servers"), m.servers);
	m.now = m.round_at = clock_boot();
	if (config->nchannels == 0)
		log_warn("no channel is configured: alerts are only kept in /alerts and shown by "
			 "mrctl alert list and /metrics");
	int rc = daemon_open(&options, &m.daemon, &err);
	if (rc == 0)
		rc = open_parts(&m, &err);
	if (rc < 0)
		log_err(LOG_LEVEL_ERROR, "mr-monitor cannot start", &err);
	else
		rc = daemon_run(m.daemon);
	close_all(&m);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
