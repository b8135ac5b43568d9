/*
 * kafka_mock.h - librdkafka's mock cluster with a topic "t" of one partition and "wide" of ten,
 * and a consumer of it, for the tests of the Kafka pipe. The mock has no CreateTopics and
 * DescribeConfigs and does not look at sequence numbers.
 */
#ifndef MR_TESTS_KAFKA_MOCK_H
#define MR_TESTS_KAFKA_MOCK_H

#include "tests/unit/pipe/pipe_env.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

enum { PRODUCE = 0, METADATA = 3 }; /* ApiKeys */

struct mock {
	rd_kafka_t *rk;
	rd_kafka_mock_cluster_t *cluster;
	const char *brokers;
	struct env *env;
};

static inline int mock_start(void **state, int brokers)
{
	char text[256];
	struct mock *m = calloc(1, sizeof(*m));
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "log_level", "3", NULL, 0);
	m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	m->cluster = rd_kafka_mock_cluster_new(m->rk, brokers);
	m->brokers = rd_kafka_mock_cluster_bootstraps(m->cluster);
	m->env = env_new();
	rd_kafka_mock_topic_create(m->cluster, "t", 1, 1);
	rd_kafka_mock_topic_create(m->cluster, "wide", 10, 1);
	*state = m;
	return 0;
}

static inline int mock_up(void **state)
{
	return mock_start(state, 1);
}

static inline int mock_down(void **state)
{
	struct mock *m = *state;
	env_close(m->env);
	rd_kafka_mock_cluster_destroy(m->cluster);
	rd_kafka_destroy(m->rk);
	free(m);
	return 0;
}

static inline struct pipe_options options(const struct mock *m)
{
	return (struct pipe_options){.type = PIPE_KAFKA, .brokers = m->brokers};
}

/* Opens with the defaults; puts one message and waits until it is acknowledged. */
static inline uint32_t open_warm(struct mock *m)
{
	struct pipe_options opt = options(m);
	env_open(m->env, &opt);
	uint32_t topic = env_topic(m->env, "t");
	assert_int_equal(env_put(m->env, env_text(m->env, topic, "k", "first")), 0);
	assert_int_equal(env_wait(m->env, 1, 10000), 0);
	return topic;
}

/* Reads `n` messages of partitions 0..count-1 from their start; the caller frees them. */
static inline void consume(const struct mock *m, const char *topic, int count, unsigned n,
		    rd_kafka_message_t **ret)
{
	char text[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", m->brokers, NULL, 0);
	rd_kafka_conf_set(conf, "group.id", "test", NULL, 0);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	assert_non_null(rk);
	rd_kafka_poll_set_consumer(rk);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
	for (int i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = 0;
	rd_kafka_assign(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	unsigned got = 0;
	for (usec_t end = clock_boot() + 10 * USEC_PER_SEC; got < n && clock_boot() < end;) {
		rd_kafka_message_t *msg = rd_kafka_consumer_poll(rk, 100);
		if (msg && !msg->err)
			ret[got++] = msg;
		else if (msg)
			rd_kafka_message_destroy(msg);
	}
	assert_int_equal(got, n);
	rd_kafka_message_t *more = rd_kafka_consumer_poll(rk, 100);
	assert_true(!more || more->err); /* exactly n */
	if (more)
		rd_kafka_message_destroy(more);
	/* messages refer to their client: it goes when they went, see consumed_free */
	ret[n] = (rd_kafka_message_t *)rk;
}

static inline void consumed_free(rd_kafka_message_t **msgs, unsigned n)
{
	rd_kafka_t *rk = (rd_kafka_t *)msgs[n];
	for (unsigned i = 0; i < n; i++)
		rd_kafka_message_destroy(msgs[i]);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
}

#define MOCK_TEST(f) cmocka_unit_test_setup_teardown(f, mock_up, mock_down)

#endif
