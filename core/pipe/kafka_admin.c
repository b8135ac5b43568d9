/*
 * kafka_admin.c - CreateTopics and DescribeConfigs: requests that run in the background,
 * and what their results mean for the topics they name. See kafka_topic.c for when they
 * are sent. Deliver thread only.
 */
#include "core/pipe/kafka_priv.h"

#include "common/contract/errors.h"
#include "common/os/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ADMIN_TIMEOUT_MS = 15000 };

static struct kafka_topic *topic_by_name(struct kafka *k, const char *name)
{
	uint32_t number;
	struct err err;
	if (pipe_topic(&k->base, name, &number, &err) < 0 || number >= k->ntopics)
		return NULL;
	return &k->topics[number];
}

static rd_kafka_AdminOptions_t *admin_options(struct kafka *k, rd_kafka_admin_op_t op)
{
	rd_kafka_AdminOptions_t *o = rd_kafka_AdminOptions_new(k->rk, op);
	char text[128];
	(void)rd_kafka_AdminOptions_set_request_timeout(o, ADMIN_TIMEOUT_MS, text, sizeof(text));
	return o;
}

static rd_kafka_NewTopic_t *new_topic(struct kafka *k, struct kafka_topic *t)
{
	char text[256];
	rd_kafka_NewTopic_t *nt = rd_kafka_NewTopic_new(
		t->name, k->partitions > 0 ? k->partitions : -1,
		k->replication_factor > 0 ? k->replication_factor : -1, text, sizeof(text));
	if (!nt) {
		kafka_topic_fail(k, t, -EINVAL, ERR_PIPE_REFUSED, "pipe.topics: %s", text);
		return NULL;
	}
	for (size_t i = 0; i < k->nconfig; i++)
		(void)rd_kafka_NewTopic_set_config(nt, k->config[i].name, k->config[i].value);
	return nt;
}

void kafka_topics_create(struct kafka *k, struct kafka_topic **missing, size_t n)
{
	rd_kafka_NewTopic_t *nts[TOPICS_BATCH_MAX];
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		if ((nts[count] = new_topic(k, missing[i]))) {
			missing[i]->state = TOPIC_CREATING;
			count++;
		}
	if (count == 0)
		return;
	rd_kafka_AdminOptions_t *o = admin_options(k, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	rd_kafka_CreateTopics(k->rk, nts, count, o, k->adminq);
	rd_kafka_AdminOptions_destroy(o);
	rd_kafka_NewTopic_destroy_array(nts, count);
}

void kafka_topics_describe(struct kafka *k, struct kafka_topic **found, size_t n)
{
	rd_kafka_ConfigResource_t *res[TOPICS_BATCH_MAX];
	for (size_t i = 0; i < n; i++)
		res[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, found[i]->name);
	rd_kafka_AdminOptions_t *o = admin_options(k, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	/* Any broker can tell; by default the library would wait to know the controller. */
	char text[128];
	(void)rd_kafka_AdminOptions_set_broker(o, k->answered_by, text, sizeof(text));
	rd_kafka_DescribeConfigs(k->rk, res, n, o, k->adminq);
	rd_kafka_AdminOptions_destroy(o);
	rd_kafka_ConfigResource_destroy_array(res, n);
}

static void topic_created(struct kafka *k, const rd_kafka_topic_result_t *res)
{
	struct kafka_topic *t = topic_by_name(k, rd_kafka_topic_result_name(res));
	if (!t || t->state != TOPIC_CREATING)
		return;
	rd_kafka_resp_err_t code = rd_kafka_topic_result_error(res);
	const char *text = rd_kafka_topic_result_error_string(res);
	if (!text || !*text)
		text = rd_kafka_err2str(code);
	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		log_info("created topic %s", t->name);
		t->created = true;
		t->state = TOPIC_NEW;
		t->retry_at = 0;
		return;
	case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: /* since we looked */
		kafka_topic_later(k, t, ERR_PIPE_REFUSED, text);
		return;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		kafka_topic_fail(k, t, -EACCES, ERR_PIPE_REFUSED,
				 "it does not exist and we may not create it (%s); create it, or "
				 "grant our user Create on the topic or the cluster",
				 text);
		return;
	case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
	case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
	case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
	case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
		kafka_topic_fail(k, t, -EINVAL, ERR_PIPE_REFUSED, "it cannot be created: %s",
				 text);
		return;
	default: /* too few brokers at the moment, another controller, a timeout */
		if (!t->give_up_at)
			log_warn("topic %s cannot be created, trying again: %s", t->name, text);
		kafka_topic_later(k, t, ERR_PIPE_REFUSED, text);
	}
}

static void topic_ready(struct kafka *k, struct kafka_topic *t)
{
	t->state = TOPIC_READY;
	k->opening--;
	pipe_count(&k->base.opened, 1);
	if (t->max_bytes && t->max_bytes < k->batch_bytes &&
	    (!k->next_batch || t->max_bytes < k->next_batch)) {
		k->next_batch = t->max_bytes;
		log_info("topic %s takes at most %zu bytes at once: batches become that small",
			 t->name, t->max_bytes);
	}
}

static void topic_described(struct kafka *k, const rd_kafka_ConfigResource_t *res)
{
	struct kafka_topic *t = topic_by_name(k, rd_kafka_ConfigResource_name(res));
	if (!t || t->state != TOPIC_DESCRIBING)
		return;
	size_t n;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(res, &n);
	for (size_t i = 0; i < n; i++) {
		const char *name = rd_kafka_ConfigEntry_name(entries[i]);
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);
		if (value && strcmp(name, "max.message.bytes") == 0)
			t->max_bytes = (size_t)strtoull(value, NULL, 10);
	}
	topic_ready(k, t); /* without its limit, when we may not read it */
}

/* The request as a whole failed: nobody answered, or no broker knows it. */
static void admin_failed(struct kafka *k, rd_kafka_event_type_t type, rd_kafka_resp_err_t code,
			 const char *text)
{
	enum topic_state state = type == RD_KAFKA_EVENT_CREATETOPICS_RESULT ? TOPIC_CREATING
									    : TOPIC_DESCRIBING;
	bool wait = code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
		    code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
	for (uint32_t i = 0; i < k->ntopics; i++) {
		struct kafka_topic *t = &k->topics[i];
		if (t->state != state)
			continue;
		if (wait)
			kafka_topic_later(k, t, ERR_PIPE_UNREACHABLE, text);
		else if (state == TOPIC_DESCRIBING)
			topic_ready(k, t);
		else
			kafka_topic_fail(k, t, -EACCES, ERR_PIPE_REFUSED,
					 "it cannot be created: %s", text);
	}
}

static void admin_result(struct kafka *k, rd_kafka_event_t *ev)
{
	rd_kafka_event_type_t type = rd_kafka_event_type(ev);
	if (rd_kafka_event_error(ev)) {
		admin_failed(k, type, rd_kafka_event_error(ev), rd_kafka_event_error_string(ev));
		return;
	}
	size_t n = 0;
	if (type == RD_KAFKA_EVENT_CREATETOPICS_RESULT) {
		const rd_kafka_topic_result_t **res = rd_kafka_CreateTopics_result_topics(
			rd_kafka_event_CreateTopics_result(ev), &n);
		for (size_t i = 0; i < n; i++)
			topic_created(k, res[i]);
	} else if (type == RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT) {
		const rd_kafka_ConfigResource_t **res = rd_kafka_DescribeConfigs_result_resources(
			rd_kafka_event_DescribeConfigs_result(ev), &n);
		for (size_t i = 0; i < n; i++)
			topic_described(k, res[i]);
	}
}

void kafka_topics_results(struct kafka *k)
{
	rd_kafka_event_t *ev;
	while ((ev = rd_kafka_queue_poll(k->adminq, 0))) {
		admin_result(k, ev);
		rd_kafka_event_destroy(ev);
	}
}
