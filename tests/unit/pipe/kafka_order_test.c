/*
 * kafka_order_test.c - what the Kafka pipe puts arrives in its order and once, whatever is refused
 * and retried and whoever leads, against librdkafka's mock cluster.
 */
#include "tests/unit/pipe/kafka_mock.h"

/*
 * The mock does not look at sequence numbers: with two batches on their way it takes the second
 * one although it refused the first, which no broker does, and the library then rightly holds the
 * first for written. A test that has single requests fail lets only one be on its way; several
 * in flight are tried on a real broker. The linker puts this in front of the library's (--wrap).
 */
static bool one_in_flight;

rd_kafka_t *__real_rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *text, size_t n);
rd_kafka_t *__wrap_rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *text, size_t n);

rd_kafka_t *__wrap_rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *text, size_t n)
{
	if (one_in_flight && type == RD_KAFKA_PRODUCER)
		rd_kafka_conf_set(conf, "max.in.flight.requests.per.connection", "1", NULL, 0);
	return __real_rd_kafka_new(type, conf, text, n);
}

static int mock_up_one_in_flight(void **state)
{
	one_in_flight = true;
	return mock_start(state, 1);
}

static int mock_down_one_in_flight(void **state)
{
	one_in_flight = false;
	return mock_down(state);
}

static int mock_up3(void **state)
{
	return mock_start(state, 3);
}

/* A fails with what the broker said, is retried, and B waits behind it. */
static void what_the_library_retries_keeps_order(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	enum { N = 500 };
	static rd_kafka_message_t *got[N + 2];
	uint32_t topic = open_warm(m);
	rd_kafka_mock_push_request_errors(
		m->cluster, PRODUCE, 7, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
		RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR__TRANSPORT,
		RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
		RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
		RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR);
	for (unsigned i = 0; i < N; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%u", i);
		assert_int_equal(env_put(e, env_text(e, topic, "k", text)), 0);
		if (i % 10 == 0)
			assert_int_equal(pipe_serve(e->pipe, 2, &e->err), 0);
	}
	int rc = env_wait(e, N + 1, 30000);
	if (rc < 0)
		fail_msg("%d acknowledged, %s", e->acked, e->err.text);
	consume(m, "t", 1, N + 1, got);
	for (unsigned i = 0; i < N; i++) {
		char text[16];
		int len = snprintf(text, sizeof(text), "%u", i);
		assert_int_equal(got[i + 1]->len, len);
		assert_memory_equal(got[i + 1]->payload, text, (size_t)len);
	}
	consumed_free(got, N + 1);
	for (unsigned i = 0; i <= N; i++) /* one partition: acknowledged in order too */
		assert_ptr_equal(e->order[i], e->records[i]);
}

/*
 * A broker takes any sequence number from a producer that it does not know for a partition:
 * were a second batch on its way when the first one is put off, it would stand in front.
 */
static void the_first_of_a_producer_is_first(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	enum { N = 200, PARTITIONS = 3 };
	static rd_kafka_message_t *got[N + 1];
	struct pipe_options opt = options(m);
	opt.topics.create = true;
	opt.topics.partitions = PARTITIONS;
	static const struct pipe_pair properties[] = {{"linger.ms", "0"}, {"batch.num.messages", "1"}};
	opt.properties = properties;
	opt.nproperties = 2;
	rd_kafka_mock_topic_create(m->cluster, "fresh", PARTITIONS, 1);
	env_open(e, &opt);
	uint32_t topic = env_topic(e, "fresh");
	rd_kafka_mock_push_request_errors(m->cluster, PRODUCE, 3,
					  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
					  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
					  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	for (unsigned i = 0; i < N; i++) {
		char key[16], text[16];
		snprintf(key, sizeof(key), "%u", i % 7);
		snprintf(text, sizeof(text), "%u", i);
		assert_int_equal(env_put(e, env_text(e, topic, key, text)), 0);
	}
	int rc = env_wait(e, N, 30000);
	if (rc < 0)
		fail_msg("%d acknowledged, %s", e->acked, e->err.text);
	consume(m, "fresh", PARTITIONS, N, got);
	int last[7] = {-1, -1, -1, -1, -1, -1, -1};
	for (unsigned i = 0; i < N; i++) {
		char text[16] = "";
		memcpy(text, got[i]->payload, got[i]->len);
		int number = atoi(text);
		if (number <= last[number % 7])
			fail_msg("of key %d, %d comes behind %d", number % 7, number,
				 last[number % 7]);
		last[number % 7] = number;
	}
	consumed_free(got, N);
}

/* Leaders move and brokers fall, one at a time: order stays, nothing is twice. */
static void leaders_move(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	enum { N = 3000 };
	static rd_kafka_message_t *got[N + 2];
	uint32_t topic = open_warm(m);
	for (unsigned i = 0; i < N; i++) {
		char text[16];
		if (i % 300 == 150) {
			int leader = (int)(i / 300 % 3) + 1;
			rd_kafka_mock_partition_set_leader(m->cluster, "t", 0, leader);
			rd_kafka_mock_broker_set_down(m->cluster, leader % 3 + 1);
			rd_kafka_mock_broker_set_up(m->cluster, leader);
		}
		snprintf(text, sizeof(text), "%u", i);
		assert_int_equal(env_put(e, env_text(e, topic, "k", text)), 0);
		if (i % 10 == 0)
			assert_int_equal(pipe_serve(e->pipe, 3, &e->err), 0);
	}
	rd_kafka_mock_broker_set_up(m->cluster, -1);
	int rc = env_wait(e, N + 1, 30000);
	if (rc < 0)
		fail_msg("%d acknowledged, %s", e->acked, e->err.text);
	for (unsigned i = 0; i <= N; i++)
		assert_ptr_equal(e->order[i], e->records[i]);
	consume(m, "t", 1, N + 1, got);
	for (unsigned i = 0; i < N; i++) {
		char text[16];
		size_t len = (size_t)snprintf(text, sizeof(text), "%u", i);
		assert_int_equal(got[i + 1]->len, len);
		assert_memory_equal(got[i + 1]->payload, text, len);
	}
	consumed_free(got, N + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOCK_TEST(the_first_of_a_producer_is_first),
		cmocka_unit_test_setup_teardown(what_the_library_retries_keeps_order,
						mock_up_one_in_flight, mock_down_one_in_flight),
		cmocka_unit_test_setup_teardown(leaders_move, mock_up3, mock_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
