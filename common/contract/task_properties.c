/*
 * task_properties.c - which of librdkafka's properties a document may set.
 *
 * An allowlist: whoever may write a task must not be able to load code, read files of the
 * core's machine, or undo what delivery relies on. Names, bounds and meanings are
 * librdkafka's (CONFIGURATION.md of 2.0.2). Pure.
 */
#include "common/base/nearest.h"
#include "common/contract/task_priv.h"

#include <errno.h>
#include <stdlib.h>

struct property {
	const char *name;
	int64_t min, max;   /* of a number; both 0: see values */
	const char *values; /* "a, b, c"; NULL: any text */
};

static const char booleans[] = "true, false";
static const char codecs[] = "none, gzip, snappy, lz4, zstd";
/* "random" is missing: the changes of one row would lose their order. */
static const char partitioners[] =
	"consistent, consistent_random, murmur2, murmur2_random, fnv1a, fnv1a_random";

static const struct property allowed[] = {
	{"batch.num.messages", 1, 1000000, NULL},
	{"batch.size", 1, INT32_MAX, NULL},
	{"broker.address.family", 0, 0, "any, v4, v6"},
	{"broker.address.ttl", 0, 86400000, NULL},
	{"client.id", 0, 0, NULL},
	{"client.rack", 0, 0, NULL},
	{"compression.codec", 0, 0, codecs},
	{"compression.level", -1, 12, NULL},
	{"compression.type", 0, 0, codecs},
	{"connections.max.idle.ms", 0, INT32_MAX, NULL},
	{"linger.ms", 0, 900000, NULL},
	{"log.connection.close", 0, 0, booleans},
	{"message.max.bytes", 1000, 1000000000, NULL},
	{"metadata.max.age.ms", 1, 86400000, NULL},
	{"partitioner", 0, 0, partitioners},
	{"queue.buffering.max.ms", 0, 900000, NULL},
	{"receive.message.max.bytes", 1000, INT32_MAX, NULL},
	{"reconnect.backoff.max.ms", 0, 3600000, NULL},
	{"reconnect.backoff.ms", 0, 3600000, NULL},
	{"retry.backoff.ms", 1, 300000, NULL},
	{"socket.connection.setup.timeout.ms", 1000, INT32_MAX, NULL},
	{"socket.keepalive.enable", 0, 0, booleans},
	{"socket.max.fails", 0, 1000000, NULL},
	{"socket.nagle.disable", 0, 0, booleans},
	{"socket.receive.buffer.bytes", 0, 100000000, NULL},
	{"socket.send.buffer.bytes", 0, 100000000, NULL},
	{"socket.timeout.ms", 10, 300000, NULL},
	{"sticky.partitioning.linger.ms", 0, 900000, NULL},
	{"topic.metadata.propagation.max.ms", 0, 3600000, NULL},
	{"topic.metadata.refresh.fast.interval.ms", 1, 60000, NULL},
	{"topic.metadata.refresh.interval.ms", -1, 3600000, NULL},
	{"topic.metadata.refresh.sparse", 0, 0, booleans},
};

static const char by_bus[] = "the bus sets it itself: delivery depends on it";
static const char by_security[] = "it is set by pipe.security";
static const char loads_code[] = "it would load code or run a command on the core's machine";
static const char reads_files[] = "it would read a file on the core's machine: give the text in "
				  "pipe.security instead";
static const char not_a_setting[] = "it is no setting for a document";

/* What is refused, with the reason; '*' at the beginning or the end is any text. */
static const struct {
	const char *pattern;
	const char *reason;
} refused[] = {
	{"acks", by_bus},
	{"request.required.acks", by_bus},
	{"enable.idempotence", by_bus},
	{"enable.gapless.guarantee", by_bus},
	{"transactional.id", by_bus},
	{"transaction.timeout.ms", by_bus},
	{"delivery.timeout.ms", by_bus},
	{"message.timeout.ms", by_bus},
	{"request.timeout.ms", by_bus},
	{"max.in.flight*", by_bus},
	{"retries", by_bus},
	{"message.send.max.retries", by_bus},
	{"queuing.strategy", by_bus},
	{"delivery.report.only.error", by_bus},
	{"allow.auto.create.topics", "pipe.topics.create decides, and the bus creates topics "
				     "itself"},
	{"queue.buffering.max.messages", "memory.queue_bytes bounds the queue"},
	{"queue.buffering.max.kbytes", "memory.queue_bytes bounds the queue"},
	{"bootstrap.servers", "it is pipe.brokers"},
	{"metadata.broker.list", "it is pipe.brokers"},
	{"plugin.*", loads_code},
	{"ssl.engine*", loads_code},
	{"ssl_engine*", loads_code},
	{"ssl.providers", loads_code},
	{"sasl.kerberos.*", loads_code},
	{"*.location", reads_files},
	{"ssl.ca.certificate.stores", reads_files},
	{"ssl.*", by_security},
	{"ssl_*", by_security},
	{"sasl.*", by_security},
	{"security.protocol", by_security},
	{"enable.ssl.*", by_security},
	{"enable.sasl.*", by_security},
	{"*_cb", not_a_setting},
	{"interceptors", loads_code},
	{"opaque", not_a_setting},
	{"default_topic_conf", not_a_setting},
	{"enabled_events", not_a_setting},
	{"internal.*", not_a_setting},
	{"debug", "its output would fill the log: it is set where the core is started"},
	{"log*", not_a_setting},
	{"statistics.interval.ms", by_bus},
};

static bool pattern_fits(const char *pattern, const char *name)
{
	size_t n = strlen(pattern), len = strlen(name);
	if (pattern[0] == '*')
		return len >= n - 1 && strcmp(name + len - (n - 1), pattern + 1) == 0;
	if (pattern[n - 1] == '*')
		return strncmp(name, pattern, n - 1) == 0;
	return strcmp(name, pattern) == 0;
}

/* Whether `value` is one of "a, b, c". */
static bool listed(const char *values, const char *value)
{
	size_t len = strlen(value);
	for (const char *p = values; *p;) {
		size_t n = strcspn(p, ",");
		if (n == len && memcmp(p, value, n) == 0)
			return true;
		p += n;
		p += strspn(p, ", ");
	}
	return false;
}

static int check_value(const struct task_path *path, const struct property *rule, const char *value,
		       struct err *err)
{
	if (rule->min || rule->max) {
		char *end;
		errno = 0;
		long long v = strtoll(value, &end, 10);
		if (errno || !value[0] || *end || v < rule->min || v > rule->max)
			return task_invalid(path, err, "must be a number from %lld to %lld",
					    (long long)rule->min, (long long)rule->max);
	} else if (rule->values && !listed(rule->values, value)) {
		return task_invalid(path, err, "must be one of %s", rule->values);
	}
	return 0;
}

int task_check_property(const struct task_path *path, const struct task_property *p,
			struct err *err)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (strcmp(allowed[i].name, p->name) == 0)
			return check_value(path, &allowed[i], p->value, err);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (pattern_fits(refused[i].pattern, p->name))
			return task_invalid(path, err, "may not be set: %s", refused[i].reason);
	struct nearest near = nearest_of(p->name);
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		nearest_try(&near, allowed[i].name);
	const char *best = nearest_best(&near);
	return task_invalid(path, err, "is no property that a task may set%s%s%s",
			    best ? " (did you mean '" : "", best ? best : "", best ? "'?)" : "");
}

void task_print_properties(struct buf *out)
{
	buf_lit(out, "| property | values |\n|---|---|\n");
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		const struct property *p = &allowed[i];
		buf_printf(out, "| `%s` | ", p->name);
		if (p->min || p->max)
			buf_printf(out, "%lld .. %lld", (long long)p->min, (long long)p->max);
		else
			buf_puts(out, p->values ? p->values : "text");
		buf_lit(out, " |\n");
	}
	buf_lit(out, "\nRefused, with the reason:\n\n| property | because |\n|---|---|\n");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		buf_printf(out, "| `%s` | %s |\n", refused[i].pattern, refused[i].reason);
}
