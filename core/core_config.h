/*
 * core_config.h - the keys of mr-core's configuration file (design.md, section 8).
 *
 * Main thread, at start and at a reload. The struct's strings belong to `file`, which
 * daemon_open() reads the section [zookeeper] from.
 */
#ifndef MR_CORE_CORE_CONFIG_H
#define MR_CORE_CORE_CONFIG_H

#include "common/config/config.h"
#include "common/os/log.h"

struct core_config {
	const char *key_ring;
	const char *secrets_dir;
	const char *hostname; /* never empty */
	const char *const *tasks;
	size_t ntasks;
	const char *const *groups;
	size_t ngroups;
	int64_t max_tasks;
	usec_t scan_interval;
	const char *state_dir;
	const char *metrics_listen; /* "" = none */
	enum log_level log_level;
	struct config *file;
	char own_hostname[256];
};

/* The table. */
extern const struct config_key core_config_keys[];
extern const size_t core_config_nkeys;

/* path NULL: the defaults (standalone mode needs no file). */
int core_config_load(const char *path, struct core_config *ret, struct err *err) MR_MUST_CHECK;
void core_config_free(struct core_config *c);
void core_config_print_sample(struct buf *out);
void core_config_print_reference(struct buf *out);

#endif
