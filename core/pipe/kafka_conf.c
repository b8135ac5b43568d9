/*
 * kafka_conf.c - pipe_options to librdkafka's configuration: our defaults, the user's
 * properties over them, and over those what the bus cannot do without.
 *
 * Runs on the thread that opens the pipe. The configuration made here is a pattern that
 * kafka.c duplicates for each producer; it holds the secrets, nobody else does.
 *
 * Sizes, and who decides them. A row of 2 MB must not fail because of a default of
 * ours: the topic's max.message.bytes decides. The broker applies that limit to a whole
 * batch as it arrives (compressed), so
 *   batch.size         bounds what is put together, 1,000,000 bytes before compression:
 *                      under the brokers' default limit of 1,048,588. A larger message
 *                      travels alone. Topics with a smaller limit: see kafka_topic.c.
 *   message.max.bytes  is the bound of one message. Ours is 100,000,000: brokers close
 *                      the connection on a request over socket.request.max.bytes
 *                      (104,857,600), which looks like an outage and would be retried
 *                      for ever; so what cannot pass by default is refused here, with
 *                      words, and who raises the brokers' limits raises this one too.
 * The queue of librdkafka has no limit of its own: the ring in front of it is the limit.
 *
 * Waiting. message.timeout.ms=0 and retries without end: no message ever fails because
 * time passed. An outage costs waiting, and at most reconnect.backoff.max.ms on top.
 */
#include "core/pipe/kafka_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX_DEFAULT = 100000000 };

/* Measured with tests/unit/pipe/bench_kafka.c; the figures: docs/decisions/0009-kafka-pipe.md. */
static const struct pipe_pair defaults[] = {
	{"client.id", "mysql-replicator"},
	{"compression.type", "lz4"},
	{"linger.ms", "2"},
	{"batch.size", "1000000"},
	{"batch.num.messages", "10000"},
	{"partitioner", "murmur2_random"}, /* as Java clients do */
	{"socket.keepalive.enable", "true"},
	{"socket.nagle.disable", "true"},
	{"socket.timeout.ms", "30000"},
	{"socket.connection.setup.timeout.ms", "10000"},
	{"reconnect.backoff.ms", "100"},
	{"reconnect.backoff.max.ms", "3000"},
};

/* Not negotiable; the task document's allowlist refuses them before we are asked. */
static const struct pipe_pair invariants[] = {
	{"enable.idempotence", "true"},
	{"enable.gapless.guarantee", "true"}, /* after a lost batch, nothing more is sent */
	{"acks", "all"},
	{"max.in.flight.requests.per.connection", "5"},
	{"message.timeout.ms", "0"},
	{"message.send.max.retries", "2147483647"},
	{"queue.buffering.max.messages", "0"},
	{"queue.buffering.max.kbytes", "2147483647"},
	{"queuing.strategy", "fifo"},
	{"allow.auto.create.topics", "false"}, /* topics are made by us, or not at all */
	{"log.queue", "true"},                 /* no line from a thread without a task */
};

static int set(rd_kafka_conf_t *conf, const char *name, const char *value,
	       const struct err_kind *kind, const char *field, struct err *err)
{
	char text[512];
	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
		return 0;
	return err_set(err, -EINVAL, kind, "%s: %s", field, text);
}

static int set_size(rd_kafka_conf_t *conf, const char *name, size_t value, struct err *err)
{
	char text[24];
	snprintf(text, sizeof(text), "%zu", value);
	return set(conf, name, text, ERR_TASK_INVALID, name, err);
}

size_t kafka_conf_size(const rd_kafka_conf_t *conf, const char *name)
{
	char text[32];
	size_t size = sizeof(text);
	if (rd_kafka_conf_get(conf, name, text, &size) != RD_KAFKA_CONF_OK)
		return 0;
	return (size_t)strtoull(text, NULL, 10);
}

static int set_tls(rd_kafka_conf_t *conf, const struct pipe_options *opt, struct err *err)
{
	const struct pipe_pair pem[] = {
		{"ssl.ca.pem", opt->tls.ca},
		{"ssl.certificate.pem", opt->tls.cert},
		{"ssl.key.pem", opt->tls.key},
	};
	for (size_t i = 0; i < sizeof(pem) / sizeof(pem[0]); i++) {
		if (!pem[i].value)
			continue;
		/* The library's text could quote the key: it is not passed on. */
		if (rd_kafka_conf_set(conf, pem[i].name, pem[i].value, NULL, 0) != RD_KAFKA_CONF_OK)
			return err_set(err, -EINVAL, ERR_PIPE_SECURITY,
				       "pipe.security.tls: %s is not PEM text", pem[i].name);
	}
	bool verify = opt->tls.mode != PIPE_TLS_REQUIRED || opt->tls.ca;
	bool name = opt->tls.mode == PIPE_TLS_VERIFY_IDENTITY;
	int rc = set(conf, "enable.ssl.certificate.verification", verify ? "true" : "false",
		     ERR_PIPE_SECURITY, "pipe.security.tls", err);
	if (rc == 0)
		rc = set(conf, "ssl.endpoint.identification.algorithm", name ? "https" : "none",
			 ERR_PIPE_SECURITY, "pipe.security.tls", err);
	return rc;
}

static int set_sasl(rd_kafka_conf_t *conf, const struct pipe_options *opt, struct err *err)
{
	if (!opt->sasl.user || !opt->sasl.password)
		return err_set(err, -EINVAL, ERR_TASK_INVALID,
			       "pipe.security.sasl: %s needs a user and a password",
			       opt->sasl.mechanism);
	int rc = set(conf, "sasl.mechanisms", opt->sasl.mechanism, ERR_TASK_INVALID,
		     "pipe.security.sasl.mechanism", err);
	if (rc == 0)
		rc = set(conf, "sasl.username", opt->sasl.user, ERR_TASK_INVALID,
			 "pipe.security.sasl.user", err);
	if (rc == 0 && rd_kafka_conf_set(conf, "sasl.password", opt->sasl.password, NULL, 0) !=
			       RD_KAFKA_CONF_OK)
		rc = err_set(err, -EINVAL, ERR_TASK_INVALID,
			     "pipe.security.sasl.password is not accepted");
	return rc;
}

static int set_security(rd_kafka_conf_t *conf, const struct pipe_options *opt, struct err *err)
{
	bool tls = opt->tls.mode != PIPE_TLS_DISABLED;
	bool sasl = opt->sasl.mechanism && *opt->sasl.mechanism;
	const char *protocol = tls ? (sasl ? "SASL_SSL" : "SSL")
				   : (sasl ? "SASL_PLAINTEXT" : "PLAINTEXT");
	int rc = set(conf, "security.protocol", protocol, ERR_TASK_INVALID, "pipe.security", err);
	if (rc == 0 && tls)
		rc = set_tls(conf, opt, err);
	if (rc == 0 && sasl)
		rc = set_sasl(conf, opt, err);
	return rc;
}

static int set_properties(rd_kafka_conf_t *conf, const struct pipe_options *opt, struct err *err)
{
	for (size_t i = 0; i < opt->nproperties; i++) {
		const struct pipe_pair *p = &opt->properties[i];
		char field[300];
		snprintf(field, sizeof(field), "pipe.properties[\"%s\"]", p->name);
		int rc = set(conf, p->name, p->value, ERR_TASK_INVALID, field, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int set_all(rd_kafka_conf_t *conf, const struct pipe_options *opt, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < sizeof(defaults) / sizeof(defaults[0]); i++)
		rc = set(conf, defaults[i].name, defaults[i].value, ERR_INTERNAL, defaults[i].name,
			 err);
	if (rc == 0)
		rc = set_size(conf, "message.max.bytes", MESSAGE_MAX_DEFAULT, err);
	if (rc == 0 && opt->client_id)
		rc = set(conf, "client.id", opt->client_id, ERR_TASK_INVALID, "client.id", err);
	if (rc == 0)
		rc = set_properties(conf, opt, err);
	for (size_t i = 0; rc == 0 && i < sizeof(invariants) / sizeof(invariants[0]); i++)
		rc = set(conf, invariants[i].name, invariants[i].value, ERR_INTERNAL,
			 invariants[i].name, err);
	if (rc == 0 && opt->max_message_bytes)
		rc = set_size(conf, "message.max.bytes", opt->max_message_bytes, err);
	if (rc == 0 && opt->batch_bytes && opt->batch_bytes < kafka_conf_size(conf, "batch.size"))
		rc = set_size(conf, "batch.size", opt->batch_bytes, err);
	if (rc == 0)
		rc = set_security(conf, opt, err);
	return rc;
}

/*
 * Makes a producer that knows no broker and drops it: the library looks at certificates,
 * keys and mechanisms only then. The real producer must not be the first to fail, see
 * producer_start() in kafka.c.
 */
static int try_security(const rd_kafka_conf_t *conf, const struct pipe_options *opt,
			struct err *err)
{
	char text[512];
	rd_kafka_conf_t *copy = rd_kafka_conf_dup(conf);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, copy, text, sizeof(text));
	if (rk) {
		rd_kafka_destroy(rk);
		return 0;
	}
	rd_kafka_conf_destroy(copy);
	bool tls = opt->tls.mode != PIPE_TLS_DISABLED && strcasestr(text, "ssl");
	return err_set(err, -EINVAL, tls ? ERR_PIPE_SECURITY : ERR_TASK_INVALID,
		       "pipe.security: %s", text);
}

int kafka_conf_make(const struct pipe_options *opt, rd_kafka_conf_t **ret, struct err *err)
{
	if (!opt->brokers || !*opt->brokers)
		return err_set(err, -EINVAL, ERR_TASK_INVALID,
			       "pipe.brokers is empty: name at least one broker as host:port");
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int rc = set_all(conf, opt, err);
	if (rc == 0 && (opt->tls.mode != PIPE_TLS_DISABLED || opt->sasl.mechanism))
		rc = try_security(conf, opt, err);
	if (rc == 0)
		rc = set(conf, "bootstrap.servers", opt->brokers, ERR_TASK_INVALID, "pipe.brokers",
			 err);
	if (rc < 0) {
		rd_kafka_conf_destroy(conf);
		return rc;
	}
	*ret = conf;
	return 0;
}

int kafka_conf_transactional(rd_kafka_conf_t *conf, const char *id, struct err *err)
{
	/*
	 * A message that is not in the log when the transaction's time is over cannot be part of
	 * it: it fails by then, and everything begins anew from the committed position.
	 */
	static const struct pipe_pair changed[] = {
		{"transaction.timeout.ms", "30000"},
		{"message.timeout.ms", "30000"},
		{"enable.gapless.guarantee", "false"}, /* a gap aborts the transaction */
		{"isolation.level", "read_uncommitted"}, /* ends of partitions, as they are */
	};
	int rc = set(conf, "transactional.id", id, ERR_INTERNAL, "transactional.id", err);
	for (size_t i = 0; rc == 0 && i < sizeof(changed) / sizeof(changed[0]); i++)
		rc = set(conf, changed[i].name, changed[i].value, ERR_INTERNAL, changed[i].name,
			 err);
	return rc;
}
