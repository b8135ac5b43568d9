/* monitor_config.c - see monitor_config.h. */
#include "monitor/monitor_config.h"

#include "common/base/nearest.h"
#include "common/contract/errors.h"
#include "common/daemon/daemon.h"
#include "common/os/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const channel_types[] = {"webhook", NULL};

#define SECOND USEC_PER_SEC
#define DAY    (86400 * SECOND)

/* clang-format off */
const struct config_key monitor_config_keys[] = {
	DAEMON_CONFIG_KEYS,
	{"secrets", "secrets_dir", CONFIG_STRING, "/etc/mysql-replicator/secrets", 0, 0, "path",
	 false, "Where file:NAME references are looked up.", NULL},
	{"monitor", "hostname", CONFIG_STRING, NULL, 0, 200, "name", false,
	 "What this monitor is called; default: the machine's name. Two monitors on one host need "
	 "two names.", NULL},
	{"monitor", "metrics_listen", CONFIG_STRING, "127.0.0.1:9232", 0, 0, "address:port", false,
	 "Where /metrics, /healthz and /readyz are served; empty: nowhere.", NULL},
	{"monitor", "interval", CONFIG_DURATION, "5s", SECOND / 10, 300 * SECOND, NULL, false,
	 "How often every task is looked at.", NULL},
	{"monitor", "log_level", CONFIG_ENUM, "info", 0, 0, NULL, false, "How much is logged.",
	 log_levels},
	{"channel.*", "type", CONFIG_ENUM, "webhook", 0, 0, NULL, false,
	 "How the channel is told: webhook, a POST of JSON.", channel_types},
	{"channel.*", "url", CONFIG_STRING, NULL, 0, 4000, "URL or a reference", false,
	 "Where to; only its host is ever logged.", NULL},
	{"channel.*", "token", CONFIG_STRING, NULL, 0, 4000, "text or a reference", false,
	 "Sent as Authorization: Bearer.", NULL},
	{"channel.*", "severities", CONFIG_LIST, "page, ticket, info", 0, 0, "page, ticket, info",
	 false, "What the channel is told; empty: only heartbeats and tests.", NULL},
	{"channel.*", "heartbeat", CONFIG_DURATION, "0", 0, DAY, NULL, false,
	 "How often the channel is told that all tasks are being watched, so that it can alert "
	 "when that stops; 0: never.", NULL},
	{"channel.*", "timeout", CONFIG_DURATION, "10s", SECOND / 10, 120 * SECOND, NULL, false,
	 "Of one try.", NULL},
	{"channel.*", "retry_for", CONFIG_DURATION, "24h", 0, 30 * DAY, NULL, false,
	 "How long one notification is tried, with pauses of up to 5 minutes.", NULL},
	{"channel.*", "ca", CONFIG_STRING, NULL, 0, 4000, "path", false,
	 "Authorities that the certificate must be signed by, PEM; default: the system's.", NULL},
	{"channel.*", "proxy", CONFIG_STRING, NULL, 0, 4000, "URL", false,
	 "A proxy on the way; default: none, whatever the environment says.", NULL},
	{"rule.*", "enabled", CONFIG_BOOL, NULL, 0, 0, NULL, false,
	 "Whether the rule alerts; defaults of all rules: docs/reference-rules.md.", NULL},
	{"rule.*", "threshold", CONFIG_DURATION, NULL, 0, 365 * DAY, NULL, false,
	 "From where on it holds, of rules that have one.", NULL},
	{"rule.*", "for", CONFIG_DURATION, NULL, 0, 7 * DAY, NULL, false,
	 "How long it must hold before it is told.", NULL},
	{"rule.*", "resolve_after", CONFIG_DURATION, NULL, 0, 7 * DAY, NULL, false,
	 "How long it must not hold before it is over; default: as `for`.", NULL},
	{"rule.*", "severity", CONFIG_ENUM, NULL, 0, 0, NULL, false,
	 "How urgent it is: channels choose by it.", alert_severities},
};
/* clang-format on */
const size_t monitor_config_nkeys = sizeof(monitor_config_keys) / sizeof(monitor_config_keys[0]);

static const enum log_level level_of[] = {LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
					  LOG_LEVEL_DEBUG};

static int invalid(const char *section, const char *key, struct err *err, const char *fmt,
		   const char *what)
{
	char where[320], text[512];
	snprintf(where, sizeof(where), "%.200s%s%s", section, key ? "." : "", key ? key : "");
	snprintf(text, sizeof(text), fmt, what);
	return err_set_at(err, -EINVAL, ERR_CONFIG_INVALID, where, "%s %s", where, text);
}

/* ---------------------------------------------------------------- rules */

static int read_rule(const struct config *c, const char *section, struct rule_setting *settings,
		     struct err *err)
{
	const char *name = section + strlen("rule.");
	int i = rules_find(name);
	if (i < 0) {
		struct nearest near = nearest_of(name);
		for (size_t r = 0; r < RULES; r++)
			nearest_try(&near, rules[r].name);
		const char *best = nearest_best(&near);
		return best
			   ? invalid(section, NULL, err, "is no rule (did you mean rule.%s?)", best)
			   : invalid(section, NULL, err, "is no rule%s", "");
	}
	struct rule_setting *s = &settings[i];
	if (config_given(c, section, "enabled"))
		s->enabled = config_bool(c, section, "enabled");
	if (config_given(c, section, "threshold")) {
		if (!rules[i].threshold)
			return invalid(section, "threshold", err, "%s", "is not of this rule");
		s->threshold = config_duration(c, section, "threshold");
	}
	if (config_given(c, section, "for")) {
		s->wait = config_duration(c, section, "for");
		s->hold = s->wait;
	}
	if (config_given(c, section, "resolve_after"))
		s->hold = config_duration(c, section, "resolve_after");
	if (config_given(c, section, "severity"))
		s->severity = config_enum(c, section, "severity");
	return 0;
}

static int read_rules(struct monitor_config *c, struct err *err)
{
	int rc = 0;
	const char *section;
	for (size_t i = 0; i < RULES; i++) {
		c->rules[i] = rules[i].fallback;
		if (c->rules[i].hold < 0)
			c->rules[i].hold = c->rules[i].wait;
	}
	for (size_t i = 0; rc == 0 && (section = config_section(c->file, "rule.", i)); i++)
		rc = read_rule(c->file, section, c->rules, err);
	return rc;
}

/* ---------------------------------------------------------------- channels */

static int read_severities(const struct config *c, const char *section, unsigned *ret,
			   struct err *err)
{
	size_t n;
	const char *const *list = config_list(c, section, "severities", &n);
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned s = 0;
		while (alert_severities[s] && strcasecmp(alert_severities[s], list[i]) != 0)
			s++;
		if (!alert_severities[s])
			return invalid(section, "severities", err,
				       "has '%.64s', which is none of page, ticket, info", list[i]);
		*ret |= 1u << s;
	}
	return 0;
}

/* The reference itself may be shown, what it stands for may not. */
static int resolve(struct secret *s, const struct config *c, const char *section, const char *key,
		   const char *secrets_dir, struct err *err)
{
	const struct secret_places places = {.secrets_dir = secrets_dir};
	const char *given = config_string(c, section, key);
	if (!given[0])
		return 0;
	int rc = secret_set(s, given);
	if (rc < 0)
		return err_set(err, rc, ERR_MEMORY, "no memory for a channel");
	rc = secret_resolve(s, NULL, &places, err);
	if (rc < 0)
		err_prefix(err, "%s.%s", section, key);
	return rc;
}

static int read_channel(struct monitor_config *c, const char *section, struct monitor_channel *ch,
			struct err *err)
{
	const struct config *f = c->file;
	ch->name = section + strlen("channel.");
	if (paths_name_check(PATHS_NAME_ID, ch->name, NULL) < 0)
		return invalid(section, NULL, err,
			       "has a name with other characters than letters, "
			       "digits, '-', '_'%s",
			       "");
	ch->ca = config_string(f, section, "ca");
	ch->proxy = config_string(f, section, "proxy");
	ch->timeout = config_duration(f, section, "timeout");
	ch->retry_for = config_duration(f, section, "retry_for");
	ch->heartbeat = config_duration(f, section, "heartbeat");
	int rc = read_severities(f, section, &ch->severities, err);
	if (rc == 0)
		rc = resolve(&ch->url, f, section, "url", c->secrets_dir, err);
	if (rc == 0)
		rc = resolve(&ch->token, f, section, "token", c->secrets_dir, err);
	if (rc == 0 && (!ch->url.text || (strncmp(ch->url.text, "https://", 8) != 0 &&
					  strncmp(ch->url.text, "http://", 7) != 0)))
		rc = invalid(section, "url", err, "%s",
			     "is missing, or does not begin with https:// "
			     "or http://");
	return rc;
}

static int read_channels(struct monitor_config *c, struct err *err)
{
	size_t n = 0;
	while (config_section(c->file, "channel.", n))
		n++;
	c->channels = calloc(n + 1, sizeof(*c->channels));
	if (!c->channels)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for channels");
	for (; c->nchannels < n; c->nchannels++) {
		struct monitor_channel *ch = &c->channels[c->nchannels];
		int rc =
		    read_channel(c, config_section(c->file, "channel.", c->nchannels), ch, err);
		if (rc < 0) {
			c->nchannels++; /* its secrets are wiped too */
			return rc;
		}
	}
	return 0;
}

int monitor_config_load(const char *path, struct monitor_config *ret, struct err *err)
{
	struct monitor_config c = {0};
	int rc = path ? config_load(path, monitor_config_keys, monitor_config_nkeys, &c.file, err)
		      : config_defaults(monitor_config_keys, monitor_config_nkeys, &c.file, err);
	if (rc < 0)
		return rc;
	c.hostname = config_string(c.file, "monitor", "hostname");
	c.secrets_dir = config_string(c.file, "secrets", "secrets_dir");
	c.metrics_listen = config_string(c.file, "monitor", "metrics_listen");
	c.interval = config_duration(c.file, "monitor", "interval");
	c.log_level = level_of[config_enum(c.file, "monitor", "log_level")];
	rc = read_rules(&c, err);
	if (rc == 0)
		rc = read_channels(&c, err);
	if (rc < 0) {
		monitor_config_free(&c);
		return rc;
	}
	*ret = c;
	if (!ret->hostname[0]) {
		process_hostname(ret->own_hostname);
		ret->hostname = ret->own_hostname;
	}
	return 0;
}

void monitor_config_free(struct monitor_config *c)
{
	for (size_t i = 0; i < c->nchannels; i++) {
		secret_clear(&c->channels[i].url);
		secret_clear(&c->channels[i].token);
	}
	free(c->channels);
	config_free(c->file);
	*c = (struct monitor_config){0};
}
