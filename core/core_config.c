/* core_config.c - see core_config.h. */
#include "core/core_config.h"

#include "common/daemon/daemon.h"
#include "common/os/process.h"

#include <stdio.h>

static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

#define SECOND USEC_PER_SEC

const struct config_key core_config_keys[] = {
	DAEMON_CONFIG_KEYS,
	{"secrets", "key_ring", CONFIG_STRING, "/etc/mysql-replicator/keys", 0, 0, "path", true,
	 "The keys that secrets are sealed with.", NULL},
	{"secrets", "secrets_dir", CONFIG_STRING, "/etc/mysql-replicator/secrets", 0, 0, "path",
	 true, "Where file:NAME references are looked up.", NULL},
	{"core", "hostname", CONFIG_STRING, NULL, 0, 200, "name", false,
	 "What this core is called; default: the machine's name. Two cores on one host need two "
	 "names.",
	 NULL},
	{"core", "tasks", CONFIG_LIST, "*", 0, 0, "names, * or empty", true,
	 "Hot tasks that this core runs or stands by for; * is all there are.", NULL},
	{"core", "groups", CONFIG_LIST, NULL, 0, 0, "names", true,
	 "Groups of cold tasks that this core takes from.", NULL},
	{"core", "max_tasks", CONFIG_INT, "1000", 0, 100000, "tasks", true,
	 "Cold tasks that this core takes at most.", NULL},
	{"core", "scan_interval", CONFIG_DURATION, "10s", SECOND, 3600 * SECOND, NULL, true,
	 "How often groups are looked through for tasks without a core.", NULL},
	{"core", "state_dir", CONFIG_STRING, "/var/lib/mysql-replicator", 1, 4000, "path", false,
	 "Where standalone tasks keep their position.", NULL},
	{"core", "metrics_listen", CONFIG_STRING, "127.0.0.1:9231", 0, 0, "address:port", false,
	 "Where metrics are served.", NULL},
	{"core", "log_level", CONFIG_ENUM, "info", 0, 0, NULL, true, "How much is logged.",
	 log_levels},
};
const size_t core_config_nkeys = sizeof(core_config_keys) / sizeof(core_config_keys[0]);

static const enum log_level level_of[] = {LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
					  LOG_LEVEL_DEBUG};

int core_config_load(const char *path, struct core_config *ret, struct err *err)
{
	struct config *file;
	int rc = path ? config_load(path, core_config_keys, core_config_nkeys, &file, err)
		      : config_defaults(core_config_keys, core_config_nkeys, &file, err);
	if (rc < 0)
		return rc;
	struct core_config c = {
		.file = file,
		.key_ring = config_string(file, "secrets", "key_ring"),
		.secrets_dir = config_string(file, "secrets", "secrets_dir"),
		.hostname = config_string(file, "core", "hostname"),
		.max_tasks = config_int(file, "core", "max_tasks"),
		.scan_interval = config_duration(file, "core", "scan_interval"),
		.state_dir = config_string(file, "core", "state_dir"),
		.metrics_listen = config_string(file, "core", "metrics_listen"),
		.log_level = level_of[config_enum(file, "core", "log_level")],
	};
	c.tasks = config_list(file, "core", "tasks", &c.ntasks);
	c.groups = config_list(file, "core", "groups", &c.ngroups);
	*ret = c;
	if (!ret->hostname[0]) {
		process_hostname(ret->own_hostname);
		ret->hostname = ret->own_hostname;
	}
	return 0;
}

void core_config_free(struct core_config *c)
{
	config_free(c->file);
	*c = (struct core_config){0};
}

void core_config_print_sample(struct buf *out)
{
	config_print_sample(core_config_keys, core_config_nkeys, "mr-core", out);
}

void core_config_print_reference(struct buf *out)
{
	config_print_reference(core_config_keys, core_config_nkeys, "mr-core", out);
}
