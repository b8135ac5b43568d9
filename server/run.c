/*
 * run.c - mr-server as a daemon: the loop, the view, the tokens, the HTTP server, the
 * reaper; begun in that order and ended in the other.
 *
 * The main thread runs the loop: the session's callbacks, the view's and the tokens'
 * watches. Requests are answered by the HTTP server's workers, deleted tasks removed by
 * the reaper's thread.
 */
#include "server/run.h"

#include "common/daemon/daemon.h"
#include "common/os/log.h"
#include "server/api/api.h"
#include "server/reaper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZK_TIMEOUT (5 * USEC_PER_SEC)
#define STOP_GRACE (5 * USEC_PER_SEC)

struct server {
	struct server_config *config;
	struct daemon *daemon;
	struct store store;
	struct view *view;
	struct tokens *tokens;
	struct api api;
	struct http *http;
	struct reaper *reaper;
};

static void ready(void *ctx, bool new_session)
{
	struct server *s = ctx;
	(void)new_session;
	if (atomic_load(&s->store.ready))
		return; /* a cluster's id never changes under a process */
	snprintf(s->store.cluster, sizeof(s->store.cluster), "%s", daemon_cluster(s->daemon));
	atomic_store(&s->store.ready, true);
}

static void stop(void *ctx, bool hurry)
{
	struct server *s = ctx;
	(void)hurry;
	daemon_quit(s->daemon);
}

static int load_ring(struct server *s, const char *path)
{
	struct err err = {0};
	int rc = store_ring_load(&s->store, path, &err);
	if (rc < 0)
		log_err(LOG_LEVEL_WARN, "secrets cannot be sealed until the key ring is right", &err);
	return rc;
}

/* The key ring and the log's level; the reference says what else takes a restart. */
static void reload(void *ctx)
{
	struct server *s = ctx;
	struct server_config fresh;
	struct err err = {0};
	if (server_config_load(s->config->path, &fresh, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "the configuration stays as it was", &err);
		return;
	}
	log_set_level(fresh.log_level);
	if (load_ring(s, fresh.key_ring) == 0)
		log_info("the key ring was read anew");
	server_config_free(&fresh);
}

static void describe(void *ctx, struct machine_doc *doc)
{
	const struct server *s = ctx;
	(void)!report_set(&doc->listen, s->config->listen);
}

static int open_daemon(struct server *s, struct err *err)
{
	const struct daemon_options options = {
		.program = "mr-server",
		.role = ZK_ROLE_SERVER,
		.folder = PATHS_SERVERS,
		.hostname = s->config->hostname,
		.secrets_dir = s->config->secrets_dir,
		.config = s->config->file,
		.callbacks = {.ctx = s,
			      .ready = ready,
			      .stop = stop,
			      .reload = reload,
			      .describe = describe},
	};
	return daemon_open(&options, &s->daemon, err);
}

static int open_rest(struct server *s, struct err *err)
{
	const struct server_config *c = s->config;
	store_init(&s->store, daemon_zk(s->daemon), ZK_TIMEOUT);
	(void)!load_ring(s, c->key_ring);
	s->view = view_open(&(struct view_options){.zk = s->store.zk});
	s->tokens = tokens_open(&s->store);
	if (!s->view || !s->tokens)
		return -ENOMEM;
	api_init(&s->api, &(struct api_options){.store = &s->store,
						.tokens = s->tokens,
						.view = s->view,
						.preflight_timeout = c->preflight_timeout,
						.preflights = c->threads / 2,
						.hostname = c->hostname});
	const struct http_options http = {.listen = c->listen,
					  .threads = c->threads,
					  .max_connections = c->max_connections,
					  .max_per_address = c->max_per_address,
					  .max_body = TASK_DOCUMENT_MAX,
					  .tls_cert = c->tls_cert,
					  .tls_key = c->tls_key,
					  .handler = api_handle,
					  .admit = api_admit,
					  .ctx = &s->api};
	int rc = http_open(&http, &s->http, err);
	if (rc < 0)
		return rc;
	s->reaper = reaper_start(&s->store, s->view);
	if (!s->reaper)
		return -ENOMEM;
	log_info("the API is served at %s://%s", c->tls_cert[0] ? "https" : "http", c->listen);
	return 0;
}

static void close_all(struct server *s)
{
	http_close(s->http, STOP_GRACE);
	api_clear(&s->api);
	reaper_stop(s->reaper);
	tokens_close(s->tokens);
	view_close(s->view);
	if (s->store.zk)
		store_clear(&s->store);
	daemon_close(s->daemon);
}

int server_run(struct server_config *config)
{
	struct server s = {.config = config};
	struct err err = {0};
	int rc = open_daemon(&s, &err);
	if (rc == 0)
		rc = open_rest(&s, &err);
	if (rc == 0)
		rc = daemon_run(s.daemon);
	if (rc < 0 && err.kind)
		log_err(LOG_LEVEL_ERROR, "mr-server cannot start", &err);
	else if (rc < 0)
		log_error("mr-server ends: %s", strerror(-rc));
	close_all(&s);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
