/* server_config.c - see server_config.h. */
#include "server/server_config.h"

#include "common/contract/errors.h"
#include "common/daemon/daemon.h"

#include <errno.h>

static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

const struct config_key server_config_keys[] = {
	DAEMON_CONFIG_KEYS,
	{"secrets", "key_ring", CONFIG_STRING, "/etc/mysql-replicator/keys", 0, 0, "path", true,
	 "The keys that secrets are sealed with; the file is read anew at SIGHUP.", NULL},
	{"secrets", "secrets_dir", CONFIG_STRING, "/etc/mysql-replicator/secrets", 0, 0, "path", false,
	 "Where file:NAME references of this file are looked up.", NULL},
	{"server", "hostname", CONFIG_STRING, NULL, 0, 200, "name", false,
	 "What this server is called; default: the machine's name.", NULL},
	{"server", "listen", CONFIG_STRING, "127.0.0.1:8230", 0, 0, "address:port", false,
	 "Where the API is served.", NULL},
	{"server", "threads", CONFIG_INT, "16", 2, 256, "threads", false,
	 "Requests that are worked on at a time. Checks of documents, which may take long, have "
	 "half of them at most.",
	 NULL},
	{"server", "max_connections", CONFIG_INT, "256", 1, 10000, "connections", false,
	 "Clients that may be connected at a time. A further one takes the place of one that has no "
	 "request at hand.",
	 NULL},
	{"server", "max_connections_per_address", CONFIG_INT, "64", 1, 10000, "connections", false,
	 "How many of them may come from one address (IPv6: one /64). Behind a proxy all do: give "
	 "max_connections there.",
	 NULL},
	{"server", "preflight_timeout", CONFIG_DURATION, "60s", USEC_PER_SEC, 600 * USEC_PER_SEC, NULL,
	 false, "How long a core may take to check a document.", NULL},
	{"server", "tls_cert", CONFIG_STRING, NULL, 0, 0, "path", false,
	 "HTTPS: the certificate, PEM. Without it the API is plain HTTP, for loopback or behind a "
	 "proxy.",
	 NULL},
	{"server", "tls_key", CONFIG_STRING, NULL, 0, 0, "path", false, "HTTPS: its key, PEM.", NULL},
	{"server", "log_level", CONFIG_ENUM, "info", 0, 0, NULL, true, "How much is logged.",
	 log_levels},
};
const size_t server_config_nkeys = sizeof(server_config_keys) / sizeof(server_config_keys[0]);

static const enum log_level level_of[] = {LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
					  LOG_LEVEL_DEBUG};

int server_config_load(const char *path, struct server_config *ret, struct err *err)
{
	struct config *file;
	int rc = path ? config_load(path, server_config_keys, server_config_nkeys, &file, err)
		      : config_defaults(server_config_keys, server_config_nkeys, &file, err);
	if (rc < 0)
		return rc;
	*ret = (struct server_config){
		.file = file,
		.path = path,
		.hostname = config_string(file, "server", "hostname"),
		.listen = config_string(file, "server", "listen"),
		.threads = (unsigned)config_int(file, "server", "threads"),
		.max_connections = (unsigned)config_int(file, "server", "max_connections"),
		.max_per_address =
			(unsigned)config_int(file, "server", "max_connections_per_address"),
		.preflight_timeout = config_duration(file, "server", "preflight_timeout"),
		.tls_cert = config_string(file, "server", "tls_cert"),
		.tls_key = config_string(file, "server", "tls_key"),
		.key_ring = config_string(file, "secrets", "key_ring"),
		.secrets_dir = config_string(file, "secrets", "secrets_dir"),
		.log_level = level_of[config_enum(file, "server", "log_level")],
	};
	if (!ret->tls_cert[0] != !ret->tls_key[0]) {
		server_config_free(ret);
		return err_set_at(err, -EINVAL, ERR_CONFIG_INVALID, "server.tls_cert",
				  "server.tls_cert and server.tls_key are given together or not at "
				  "all");
	}
	if (!ret->hostname[0]) {
		process_hostname(ret->own_hostname);
		ret->hostname = ret->own_hostname;
	}
	return 0;
}

void server_config_free(struct server_config *c)
{
	config_free(c->file);
	*c = (struct server_config){0};
}
