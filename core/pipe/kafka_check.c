/*
 * kafka_check.c - see pipe_check.h: brokers, their settings, topics.
 *
 * A client with the task's own configuration, but without idempotence, so that no
 * producer id is taken. Metadata of all topics is one request; a topic that an access list
 * hides is missing there, and CreateTopics with validate_only tells then which it is:
 * "exists already", "not for you", or that it would be made.
 */
#include "core/pipe/kafka_check.h"

#include "common/contract/errors.h"
#include "core/pipe/kafka_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	STEP_MS = 500,
	/* A handshake may break because its broker is just starting, and passes then. */
	REFUSED_MS = 3000,
};

struct check {
	const struct pipe_options *opt;
	usec_t deadline;
	pipe_check_stop *stop;
	void *ctx;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	const rd_kafka_metadata_t *md;
	/* What the library says of connections. */
	char last_error[256];
	bool own_words; /* last_error is a broker's, not "all are down" */
	usec_t refused_at; /* credentials or certificates; 0: never */
};

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct check *c = opaque;
	(void)rk;
	bool all_down = code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
	if (all_down && c->own_words)
		return;
	c->own_words = !all_down;
	snprintf(c->last_error, sizeof(c->last_error), "%s", reason);
	bool refused = code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
		       code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
		       code == RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM ||
		       code == RD_KAFKA_RESP_ERR__SSL || strstr(reason, "SSL alert number");
	if (refused && !c->refused_at)
		c->refused_at = clock_boot();
}

static int ms_left(const struct check *c, int most)
{
	usec_t left = (c->deadline - clock_boot()) / USEC_PER_MSEC;
	return left <= 0 ? 0 : left < most ? (int)left : most;
}

static int make_client(struct check *c, struct err *err)
{
	static const struct pipe_pair changed[] = {
		{"enable.gapless.guarantee", "false"},
		{"enable.idempotence", "false"},
		{"log.queue", "true"},
	};
	char text[512];
	rd_kafka_conf_t *conf;
	int rc = kafka_conf_make(c->opt, &conf, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++)
		(void)rd_kafka_conf_set(conf, changed[i].name, changed[i].value, NULL, 0);
	rd_kafka_conf_set_opaque(conf, c);
	rd_kafka_conf_set_error_cb(conf, on_error);
	c->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!c->rk) {
		rd_kafka_conf_destroy(conf);
		return err_set(err, -EINVAL, ERR_TASK_INVALID, "pipe: %s", text);
	}
	rd_kafka_set_log_queue(c->rk, NULL);
	c->queue = rd_kafka_queue_new(c->rk);
	return 0;
}

/* Waits for a broker that tells the metadata. */
static int find_brokers(struct check *c, struct err *err)
{
	for (;;) {
		int ms = ms_left(c, STEP_MS);
		rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
		if (ms > 0)
			code = rd_kafka_metadata(c->rk, 1, NULL, &c->md, ms);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			return 0;
		rd_kafka_poll(c->rk, 0);
		if (c->stop && c->stop(c->ctx))
			return err_set(err, -EINTR, ERR_PIPE_UNREACHABLE, "stopped on request");
		bool late = ms == 0;
		if (c->refused_at &&
		    (late || clock_boot() - c->refused_at > REFUSED_MS * USEC_PER_MSEC))
			return err_set(err, -EACCES, ERR_PIPE_SECURITY, "%s", c->last_error);
		if (late)
			return err_set(err, -ETIMEDOUT, ERR_PIPE_UNREACHABLE,
				       "no broker of %.300s has answered%s%s", c->opt->brokers,
				       c->last_error[0] ? ": " : "", c->last_error);
	}
}

/* ------------------------------------------------------- requests in the background */

static rd_kafka_AdminOptions_t *admin_options(struct check *c, rd_kafka_admin_op_t op)
{
	char text[128];
	rd_kafka_AdminOptions_t *o = rd_kafka_AdminOptions_new(c->rk, op);
	int ms = ms_left(c, 10000);
	(void)rd_kafka_AdminOptions_set_request_timeout(o, ms ? ms : 1, text, sizeof(text));
	return o;
}

/* The answer to the one request that is under way; NULL: none in time. */
static rd_kafka_event_t *wait_answer(struct check *c)
{
	for (;;) {
		int ms = ms_left(c, STEP_MS);
		rd_kafka_event_t *ev = rd_kafka_queue_poll(c->queue, ms);
		if (ev || ms == 0 || (c->stop && c->stop(c->ctx)))
			return ev;
	}
}

/* Takes a setting's value, if it is told, into what it concerns. */
typedef void take_setting(void *ret, const char *name, const char *value);

/* Asks for the settings of topics or of a broker; who may not ask goes without. */
static rd_kafka_event_t *describe(struct check *c, rd_kafka_ConfigResource_t **res, size_t n,
				  int32_t broker)
{
	char text[128];
	rd_kafka_AdminOptions_t *o = admin_options(c, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	if (broker >= 0)
		(void)rd_kafka_AdminOptions_set_broker(o, broker, text, sizeof(text));
	rd_kafka_DescribeConfigs(c->rk, res, n, o, c->queue);
	rd_kafka_event_t *ev = wait_answer(c);
	rd_kafka_AdminOptions_destroy(o);
	return ev;
}

static void take_all(const rd_kafka_ConfigResource_t *res, take_setting *take, void *ret)
{
	size_t n = 0;
	const rd_kafka_ConfigEntry_t **e = rd_kafka_ConfigResource_configs(res, &n);
	for (size_t i = 0; i < n; i++) {
		const char *value = rd_kafka_ConfigEntry_value(e[i]);
		if (value)
			take(ret, rd_kafka_ConfigEntry_name(e[i]), value);
	}
}

static void take_safety(void *ret, const char *name, const char *value)
{
	struct pipe_check_safety *s = ret;
	if (strcmp(name, "min.insync.replicas") == 0)
		s->min_insync = (int)strtol(value, NULL, 10);
	else if (strcmp(name, "unclean.leader.election.enable") == 0)
		s->unclean = strcmp(value, "true") == 0;
}

static void take_brokers(void *ret, const char *name, const char *value)
{
	struct pipe_check *k = ret;
	if (strcmp(name, "transaction.max.timeout.ms") == 0)
		k->transaction_max_ms = strtoll(value, NULL, 10);
	else if (strcmp(name, "default.replication.factor") == 0)
		k->default_replication = strtoll(value, NULL, 10);
	else
		take_safety(&k->safety, name, value);
}

static const rd_kafka_ConfigResource_t **resources(rd_kafka_event_t *ev, size_t *ret_n)
{
	*ret_n = 0;
	if (!ev || rd_kafka_event_error(ev))
		return NULL;
	return rd_kafka_DescribeConfigs_result_resources(
		rd_kafka_event_DescribeConfigs_result(ev), ret_n);
}

/* What a broker is set to. */
static void ask_settings(struct check *c, struct pipe_check *ret)
{
	char id[16];
	size_t n;
	snprintf(id, sizeof(id), "%d", (int)c->md->brokers[0].id);
	rd_kafka_ConfigResource_t *asked =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, id);
	rd_kafka_event_t *ev = describe(c, &asked, 1, c->md->brokers[0].id);
	const rd_kafka_ConfigResource_t **res = resources(ev, &n);
	if (n > 0)
		take_all(res[0], take_brokers, ret);
	if (ev)
		rd_kafka_event_destroy(ev);
	rd_kafka_ConfigResource_destroy(asked);
}

/* ------------------------------------------------------- topics */

static void look_up(const struct check *c, struct pipe_check_topic *t)
{
	t->state = c->opt->topics.create ? PIPE_CHECK_CREATABLE : PIPE_CHECK_MISSING;
	t->why[0] = 0;
	t->safety = (struct pipe_check_safety){-1, -1};
	for (int i = 0; i < c->md->topic_cnt; i++) {
		const rd_kafka_metadata_topic_t *m = &c->md->topics[i];
		if (strcmp(m->topic, t->name) != 0)
			continue;
		if (m->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
			return;
		t->state = PIPE_CHECK_THERE;
		t->partitions = m->partition_cnt;
		t->replicas = m->partition_cnt ? m->partitions[0].replica_cnt : 0;
		if (m->err) {
			t->state = PIPE_CHECK_REFUSED;
			snprintf(t->why, sizeof(t->why), "%s", rd_kafka_err2str(m->err));
		}
		for (int p = 0; p < m->partition_cnt; p++)
			if (m->partitions[p].leader < 0)
				snprintf(t->why, sizeof(t->why),
					 "partition %d has no leader at the moment",
					 (int)m->partitions[p].id);
		return;
	}
}

static struct pipe_check_topic *by_name(struct pipe_check_topic *topics, size_t n,
					const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(topics[i].name, name) == 0)
			return &topics[i];
	return NULL;
}

static void verdict(struct pipe_check_topic *t, const rd_kafka_topic_result_t *res)
{
	rd_kafka_resp_err_t code = rd_kafka_topic_result_error(res);
	const char *text = rd_kafka_topic_result_error_string(res);
	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return;
	case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: /* hidden from us, or made since */
		t->state = PIPE_CHECK_THERE;
		return;
	default:
		t->state = PIPE_CHECK_REFUSED;
		snprintf(t->why, sizeof(t->why), "%s", text && *text ? text : rd_kafka_err2str(code));
	}
}

/* What the topics that are there may lose. */
static void ask_safety(struct check *c, struct pipe_check_topic *topics, size_t n)
{
	rd_kafka_ConfigResource_t *asked[TOPICS_BATCH_MAX];
	size_t count = 0, nres;
	for (size_t i = 0; i < n && count < TOPICS_BATCH_MAX; i++)
		if (topics[i].state == PIPE_CHECK_THERE)
			asked[count++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC,
								     topics[i].name);
	if (count == 0)
		return;
	rd_kafka_event_t *ev = describe(c, asked, count, -1);
	const rd_kafka_ConfigResource_t **res = resources(ev, &nres);
	for (size_t i = 0; i < nres; i++) {
		struct pipe_check_topic *t =
			by_name(topics, n, rd_kafka_ConfigResource_name(res[i]));
		if (t && !rd_kafka_ConfigResource_error(res[i]))
			take_all(res[i], take_safety, &t->safety);
	}
	if (ev)
		rd_kafka_event_destroy(ev);
	rd_kafka_ConfigResource_destroy_array(asked, count);
}

/* Asks the controller to look at the topics that are missing, without making them. */
static void validate(struct check *c, struct pipe_check_topic *topics, size_t n)
{
	rd_kafka_NewTopic_t *nts[TOPICS_BATCH_MAX];
	size_t count = 0;
	char text[256];
	const struct pipe_options *opt = c->opt;
	for (size_t i = 0; i < n; i++) {
		struct pipe_check_topic *t = &topics[i];
		if (t->state != PIPE_CHECK_CREATABLE)
			continue;
		if (count == TOPICS_BATCH_MAX) {
			t->state = PIPE_CHECK_UNKNOWN;
			continue;
		}
		rd_kafka_NewTopic_t *nt = rd_kafka_NewTopic_new(
			t->name, opt->topics.partitions > 0 ? opt->topics.partitions : -1,
			opt->topics.replication_factor > 0 ? opt->topics.replication_factor : -1,
			text, sizeof(text));
		if (!nt) {
			t->state = PIPE_CHECK_REFUSED;
			snprintf(t->why, sizeof(t->why), "%.250s", text);
			continue;
		}
		for (size_t k = 0; k < opt->topics.nconfig; k++)
			(void)rd_kafka_NewTopic_set_config(nt, opt->topics.config[k].name,
							   opt->topics.config[k].value);
		nts[count++] = nt;
	}
	if (count == 0)
		return;
	rd_kafka_AdminOptions_t *o = admin_options(c, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	(void)rd_kafka_AdminOptions_set_validate_only(o, 1, text, sizeof(text));
	rd_kafka_CreateTopics(c->rk, nts, count, o, c->queue);
	rd_kafka_event_t *ev = wait_answer(c);
	size_t nres = 0;
	const rd_kafka_topic_result_t **res = NULL;
	if (ev && !rd_kafka_event_error(ev))
		res = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev),
							  &nres);
	for (size_t i = 0; i < n && !res; i++)
		if (topics[i].state == PIPE_CHECK_CREATABLE) {
			topics[i].state = PIPE_CHECK_UNKNOWN;
			snprintf(topics[i].why, sizeof(topics[i].why), "%.250s",
				 ev ? rd_kafka_event_error_string(ev) : "no answer in time");
		}
	for (size_t i = 0; i < nres; i++) {
		struct pipe_check_topic *t =
			by_name(topics, n, rd_kafka_topic_result_name(res[i]));
		if (t)
			verdict(t, res[i]);
	}
	if (ev)
		rd_kafka_event_destroy(ev);
	rd_kafka_AdminOptions_destroy(o);
	rd_kafka_NewTopic_destroy_array(nts, count);
}

int kafka_check(const struct pipe_options *opt, usec_t budget, pipe_check_stop *stop, void *ctx,
		struct pipe_check_topic *topics, size_t n, struct pipe_check *ret, struct err *err)
{
	struct check c = {
		.opt = opt, .deadline = clock_boot() + budget, .stop = stop, .ctx = ctx};
	int rc = make_client(&c, err);
	if (rc < 0)
		return rc;
	rc = find_brokers(&c, err);
	if (rc == 0) {
		ret->brokers = c.md->broker_cnt;
		char *cluster = rd_kafka_clusterid(c.rk, ms_left(&c, STEP_MS));
		snprintf(ret->cluster, sizeof(ret->cluster), "%s", cluster ? cluster : "");
		rd_kafka_mem_free(c.rk, cluster);
		if (c.md->broker_cnt > 0)
			ask_settings(&c, ret);
		for (size_t i = 0; i < n; i++)
			look_up(&c, &topics[i]);
		ask_safety(&c, topics, n);
		validate(&c, topics, n);
		rd_kafka_metadata_destroy(c.md);
	}
	rd_kafka_queue_destroy(c.queue);
	rd_kafka_destroy(c.rk);
	return rc;
}
