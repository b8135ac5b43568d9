/*
 * monitor_config.h - mr-monitor's configuration file: its table of keys, typed.
 *
 * Main thread. Channels' URLs and tokens are resolved here (references are read); they are
 * wiped by monitor_config_free().
 */
#ifndef MR_MONITOR_MONITOR_CONFIG_H
#define MR_MONITOR_MONITOR_CONFIG_H

#include "common/config/config.h"
#include "common/contract/secret.h"
#include "common/os/log.h"
#include "monitor/rules/rules.h"

extern const struct config_key monitor_config_keys[];
extern const size_t monitor_config_nkeys;

struct monitor_channel {
	const char *name; /* behind "channel." */
	struct secret url, token;
	const char *ca, *proxy;
	usec_t timeout, retry_for;
	usec_t heartbeat;    /* 0: none */
	unsigned severities; /* bit i: enum alert_severity i is told */
};

struct monitor_config {
	struct config *file;
	const char *hostname;
	char own_hostname[256];
	const char *secrets_dir;
	const char *metrics_listen;
	usec_t interval;
	enum log_level log_level;
	struct rule_setting rules[RULES];
	struct monitor_channel *channels;
	size_t nchannels;
};

/* path NULL: defaults. ERR_CONFIG_INVALID, ERR_SECRET_MISSING. */
int monitor_config_load(const char *path, struct monitor_config *ret,
			struct err *err) MR_MUST_CHECK;
void monitor_config_free(struct monitor_config *c);

#endif
