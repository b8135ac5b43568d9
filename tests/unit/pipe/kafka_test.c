/*
 * kafka_test.c - the Kafka pipe against librdkafka's mock cluster: what arrives, what is waited for,
 * and what each refusal becomes. Order: kafka_order_test.c.
 * Creation, limits and credentials are tried on a real broker (tests/integration).
 */
#include "tests/unit/pipe/kafka_mock.h"

#include <poll.h>

static void all_parts_of_a_message_arrive(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	struct pipe_options opt = options(m);
	const char *const headers[] = {"__debezium.newkey", "{\"id\":2}", "empty", "", NULL};
	rd_kafka_message_t *got[5];
	env_open(e, &opt);
	uint32_t topic = env_topic(e, "t");
	struct record *r = env_record(e, topic, "{\"id\":1}", headers, "{\"v\":1}", 7);
	r->timestamp = 1700000000123456;
	assert_int_equal(env_put(e, r), 0);
	assert_int_equal(env_put(e, env_text(e, topic, "{\"id\":1}", NULL)), 0);
	assert_int_equal(env_put(e, env_text(e, topic, NULL, "")), 0);
	assert_int_equal(env_put(e, env_text(e, topic, "", "x")), 0);
	assert_int_equal(pipe_flush(e->pipe, 10000, &e->err), 0);
	assert_int_equal(e->acked, 4);

	consume(m, "t", 1, 4, got);
	rd_kafka_timestamp_type_t type;
	assert_memory_equal(got[0]->key, "{\"id\":1}", 8);
	assert_int_equal(got[0]->len, 7);
	assert_memory_equal(got[0]->payload, "{\"v\":1}", 7);
	assert_int_equal(rd_kafka_message_timestamp(got[0], &type), 1700000000123);
	rd_kafka_headers_t *h;
	const char *name;
	const void *value;
	size_t size;
	assert_int_equal(rd_kafka_message_headers(got[0], &h), 0);
	assert_int_equal(rd_kafka_header_cnt(h), 2);
	assert_int_equal(rd_kafka_header_get_all(h, 0, &name, &value, &size), 0);
	assert_string_equal(name, "__debezium.newkey");
	assert_int_equal(size, 8);
	assert_memory_equal(value, "{\"id\":2}", 8);
	assert_int_equal(rd_kafka_header_get_all(h, 1, &name, &value, &size), 0);
	assert_string_equal(name, "empty");
	assert_int_equal(size, 0);
	assert_null(got[1]->payload); /* a tombstone is null, an empty value is not */
	assert_non_null(got[2]->payload);
	assert_int_equal(got[2]->len, 0);
	assert_null(got[2]->key);
	assert_non_null(got[3]->key);
	assert_int_equal(got[3]->key_len, 0);
	consumed_free(got, 4);

	struct pipe_stats stats;
	pipe_stats(e->pipe, &stats);
	assert_int_equal(stats.produced, 4);
	assert_int_equal(stats.acked, 4);
	assert_int_equal(stats.topics, 1);
	assert_int_equal(stats.errors, 0);
	assert_int_equal(stats.bytes, 8 + 7 + 8 + 1);
}

/*
 * Kafka's Java client (UtilsTest.testMurmur2) has murmur2("21") = -973932308,
 * "foobar" = -790332482, "a-little-bit-long-string" = -985981536,
 * "a-little-bit-longer-string" = -1486304829, "abc" = 479470107; a key's partition is
 * (hash & 0x7fffffff) modulo the partitions.
 */
static void partitions_are_javas(void **state)
{
	static const struct {
		const char *key;
		int32_t hash;
	} vectors[] = {
		{"21", -973932308},
		{"foobar", -790332482},
		{"a-little-bit-long-string", -985981536},
		{"a-little-bit-longer-string", -1486304829},
		{"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
		{"abc", 479470107},
	};
	enum { N = sizeof(vectors) / sizeof(vectors[0]) };
	struct mock *m = *state;
	struct env *e = m->env;
	struct pipe_options opt = options(m);
	rd_kafka_message_t *got[N + 1];
	env_open(e, &opt);
	uint32_t topic = env_topic(e, "wide");
	for (size_t i = 0; i < N; i++)
		assert_int_equal(env_put(e, env_text(e, topic, vectors[i].key, vectors[i].key)), 0);
	assert_int_equal(pipe_flush(e->pipe, 10000, &e->err), 0);
	consume(m, "wide", 10, N, got);
	for (size_t i = 0; i < N; i++) {
		size_t v = 0;
		while (strlen(vectors[v].key) != got[i]->key_len ||
		       memcmp(vectors[v].key, got[i]->key, got[i]->key_len) != 0)
			v++;
		assert_int_equal(got[i]->partition, (vectors[v].hash & 0x7fffffff) % 10);
	}
	consumed_free(got, N);
}

static void the_descriptor_tells_of_reports(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	uint32_t topic = open_warm(m);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(env_put(e, env_text(e, topic, "k", "v")), 0);
		struct pollfd pfd = {.fd = pipe_fd(e->pipe), .events = POLLIN};
		while (e->acked < 2 + i) {
			assert_int_equal(poll(&pfd, 1, 5000), 1);
			assert_int_equal(pipe_serve(e->pipe, 0, &e->err), 0);
		}
		assert_int_equal(poll(&pfd, 1, 0), 0); /* served: silent again */
	}
}

/* As the deliver thread does it: nothing but the descriptor wakes it. */
static void the_descriptor_tells_of_topics(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	struct pipe_options opt = options(m);
	usec_t mend = clock_boot() + 300 * USEC_PER_MSEC;
	rd_kafka_mock_topic_set_error(m->cluster, "t", RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
	env_open(e, &opt);
	struct record *r = env_text(e, env_topic(e, "t"), "k", "v");
	while (pipe_put(e->pipe, r, &e->err) == -EAGAIN) {
		struct pollfd pfd = {.fd = pipe_fd(e->pipe), .events = POLLIN};
		assert_int_equal(pipe_serve(e->pipe, 0, &e->err), 0);
		assert_int_equal(poll(&pfd, 1, 2000), 1);
		if (clock_boot() > mend)
			rd_kafka_mock_topic_set_error(m->cluster, "t", RD_KAFKA_RESP_ERR_NO_ERROR);
		assert_true(clock_boot() < mend + 10 * USEC_PER_SEC);
	}
	assert_int_equal(env_wait(e, 1, 10000), 0);
}

static void a_broker_that_is_away_costs_waiting(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	enum { N = 2000 };
	usec_t since;
	const char *reason;
	uint32_t topic = open_warm(m);
	assert_int_equal(pipe_state(e->pipe, &since, &reason), PIPE_UP);
	assert_string_equal(reason, "");
	rd_kafka_mock_broker_set_down(m->cluster, 1);
	usec_t down = clock_boot();
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(env_put(e, env_text(e, topic, "k", "v")), 0);
	assert_int_equal(env_wait(e, N, 7000), -ETIMEDOUT);
	assert_int_equal(e->acked, 1);
	assert_int_equal(e->away, 1); /* once, not once a retry */
	assert_int_equal(e->up, 0);
	assert_int_equal(pipe_state(e->pipe, &since, &reason), PIPE_AWAY);
	assert_true(since >= down && since < down + 5 * USEC_PER_SEC);
	assert_true(strlen(reason) > 10);
	assert_int_equal(pipe_flush(e->pipe, 100, &e->err), -ETIMEDOUT);

	rd_kafka_mock_broker_set_up(m->cluster, 1);
	assert_int_equal(env_wait(e, N + 1, 15000), 0);
	assert_int_equal(e->up, 1);
	assert_int_equal(e->away, 1);
	assert_int_equal(pipe_state(e->pipe, NULL, NULL), PIPE_UP);
	for (unsigned i = 0; i <= N; i++)
		assert_ptr_equal(e->order[i], e->records[i]);
	struct pipe_stats stats;
	pipe_stats(e->pipe, &stats);
	assert_int_equal(stats.away, 1);
	assert_true(stats.errors > 0);
}

static void a_start_without_a_broker_waits(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	struct pipe_options opt = options(m);
	rd_kafka_mock_broker_set_down(m->cluster, 1);
	env_open(e, &opt);
	struct record *r = env_text(e, env_topic(e, "t"), "k", "v");
	usec_t start = clock_boot();
	while (e->away == 0 && clock_boot() < start + 10 * USEC_PER_SEC) {
		usec_t before = clock_boot();
		assert_int_equal(pipe_put(e->pipe, r, &e->err), -EAGAIN);
		assert_true(clock_boot() - before < 100 * USEC_PER_MSEC);
		assert_int_equal(pipe_serve(e->pipe, 50, &e->err), 0);
	}
	assert_int_equal(e->away, 1);
	assert_true(strstr(e->reason, "127.0.0.1") != NULL);
	rd_kafka_mock_broker_set_up(m->cluster, 1);
	assert_int_equal(env_put(e, r), 0);
	assert_int_equal(env_wait(e, 1, 10000), 0);
	assert_int_equal(e->up, 1);
}

/* What is in flight is given up, and nothing reads the records afterwards (ASan sees). */
static void closing_drops_what_is_in_flight(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	uint32_t topic = open_warm(m);
	rd_kafka_mock_broker_set_rtt(m->cluster, 1, 2000);
	for (unsigned i = 0; i < 3000; i++)
		assert_int_equal(env_put(e, env_text(e, topic, "k", "a value of some length")), 0);
	(void)env_wait(e, 1000, 100);
	usec_t start = clock_boot();
	pipe_close(e->pipe);
	e->pipe = NULL;
	assert_true(clock_boot() - start < 5 * USEC_PER_SEC);
	assert_int_equal(e->acked, 1);
	for (unsigned i = 0; i < e->n; i++)
		memset(e->records[i], 0xee, sizeof(struct record));
	for (unsigned i = 0; i < e->n; i++) {
		free(e->records[i]);
		e->records[i] = NULL;
	}
	e->n = 0;
}

static void our_own_limit(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	struct pipe_options opt = options(m);
	opt.max_message_bytes = 2000;
	char *big = calloc(1, 3000);
	memset(big, 'b', 3000);
	env_open(e, &opt);
	uint32_t topic = env_topic(e, "t");
	assert_int_equal(env_put(e, env_text(e, topic, "k", "fits")), 0);
	struct record *r = env_record(e, topic, "k", NULL, big, 3000);
	assert_int_equal(env_put(e, r), -EMSGSIZE);
	assert_kind(e, ERR_PIPE_OVERSIZE);
	assert_says(e, "topic t");
	assert_says(e, "3001 bytes");
	assert_says(e, "2000");
	assert_ptr_equal(pipe_failed_record(e->pipe), r);
	free(big);
}

/* More than librdkafka's default of 1 MB: only the broker may say no. */
static void a_large_row_is_the_brokers_to_judge(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	size_t len = 3000000;
	char *big = malloc(len);
	for (size_t i = 0; i < len; i++)
		big[i] = (char)(i * 2654435761u >> 13);
	uint32_t topic = open_warm(m);
	assert_int_equal(env_put(e, env_record(e, topic, "k", NULL, big, len)), 0);
	assert_int_equal(env_wait(e, 2, 10000), 0);

	rd_kafka_mock_push_request_errors(m->cluster, PRODUCE, 1,
					  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	struct record *r = env_record(e, topic, "k", NULL, big, len);
	assert_int_equal(env_put(e, r), 0);
	assert_int_equal(env_wait(e, 3, 10000), -EMSGSIZE);
	assert_kind(e, ERR_PIPE_OVERSIZE);
	assert_says(e, "topic t");
	assert_says(e, "3000001 bytes");
	assert_ptr_equal(pipe_failed_record(e->pipe), r);
	/* sticky */
	memset(&e->err, 0, sizeof(e->err));
	assert_int_equal(pipe_serve(e->pipe, 0, &e->err), -EMSGSIZE);
	assert_kind(e, ERR_PIPE_OVERSIZE);
	assert_int_equal(pipe_put(e->pipe, r, &e->err), -EMSGSIZE);
	assert_int_equal(e->acked, 2);
	free(big);
}

/* Small messages are refused for the batch they travel in: smaller batches, no blame. */
static void a_batch_too_large_is_not_a_row_too_large(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	struct pipe_stats stats;
	uint32_t topic = open_warm(m);
	pipe_stats(e->pipe, &stats);
	size_t was = stats.batch_bytes;
	assert_true(was > 100000);
	rd_kafka_mock_push_request_errors(m->cluster, PRODUCE, 1,
					  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(env_put(e, env_text(e, topic, "k", "small")), 0);
	assert_int_equal(env_wait(e, 501, 10000), -ECONNRESET);
	assert_kind(e, ERR_PIPE_FATAL);
	assert_says(e, "topic t");
	assert_int_equal(e->acked, 1); /* none behind it either */
	pipe_stats(e->pipe, &stats);
	assert_true(stats.batch_bytes < was && stats.batch_bytes > 1000);

	/* the pipe that follows goes by it */
	struct pipe_options opt = options(m);
	opt.batch_bytes = stats.batch_bytes;
	struct env *next = env_new();
	env_open(next, &opt);
	struct pipe_stats next_stats;
	pipe_stats(next->pipe, &next_stats);
	assert_int_equal(next_stats.batch_bytes, stats.batch_bytes);
	env_close(next);
}

static void refused(struct mock *m, rd_kafka_resp_err_t code, const struct err_kind *kind,
		    const char *says)
{
	struct env *e = m->env;
	uint32_t topic = open_warm(m);
	rd_kafka_mock_push_request_errors(m->cluster, PRODUCE, 1, code);
	assert_int_equal(env_put(e, env_text(e, topic, "k", "v")), 0);
	assert_true(env_wait(e, 2, 10000) < 0);
	assert_kind(e, kind);
	assert_says(e, says);
	assert_int_equal(e->acked, 1);
}

static void no_right_to_write(void **state)
{
	refused(*state, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERR_PIPE_REFUSED,
		"grant our user");
}

static void a_policy_refuses(void **state)
{
	refused(*state, RD_KAFKA_RESP_ERR_POLICY_VIOLATION, ERR_PIPE_REFUSED, "topic t");
}

static void a_compacted_topic_without_key(void **state)
{
	refused(*state, RD_KAFKA_RESP_ERR_INVALID_RECORD, ERR_PIPE_REFUSED, "without a key");
}

static void the_numbering_is_lost(void **state)
{
	refused(*state, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, ERR_PIPE_FATAL, "");
}

static void the_producer_is_unknown(void **state)
{
	refused(*state, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, ERR_PIPE_FATAL, "");
}

static void no_right_to_see_the_topic(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	struct pipe_options opt = options(m);
	rd_kafka_mock_topic_set_error(m->cluster, "t",
				      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	env_open(e, &opt);
	struct record *r = env_text(e, env_topic(e, "t"), "k", "v");
	assert_int_equal(env_put(e, r), -EACCES);
	assert_kind(e, ERR_PIPE_REFUSED);
	assert_says(e, "topic t");
	assert_says(e, "grant our user");
	assert_ptr_equal(pipe_failed_record(e->pipe), r);
}

/* One topic's trouble is told when its own record comes, not before. */
static void a_topic_is_missing(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	struct pipe_options opt = options(m);
	env_open(e, &opt);
	uint32_t missing = env_topic(e, "missing");
	uint32_t there = env_topic(e, "t");
	rd_kafka_mock_topic_create(m->cluster, "missing", 1, 1);
	rd_kafka_mock_topic_set_error(m->cluster, "missing",
				      RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	assert_int_equal(env_put(e, env_text(e, there, "k", "v")), 0);
	assert_int_equal(env_wait(e, 1, 10000), 0);
	assert_int_equal(env_put(e, env_text(e, missing, "k", "v")), -ENOENT);
	assert_kind(e, ERR_PIPE_REFUSED);
	assert_says(e, "topic missing");
	assert_says(e, "topics.create");
}

static void a_topic_without_leader_is_waited_for(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	struct pipe_options opt = options(m);
	rd_kafka_mock_topic_set_error(m->cluster, "t", RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
	env_open(e, &opt);
	struct record *r = env_text(e, env_topic(e, "t"), "k", "v");
	usec_t end = clock_boot() + USEC_PER_SEC;
	while (clock_boot() < end) {
		assert_int_equal(pipe_put(e->pipe, r, &e->err), -EAGAIN);
		assert_int_equal(pipe_serve(e->pipe, 50, &e->err), 0);
	}
	rd_kafka_mock_topic_set_error(m->cluster, "t", RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(env_put(e, r), 0);
	assert_int_equal(env_wait(e, 1, 10000), 0);
}

static void a_topic_that_vanishes_is_lost(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	uint32_t topic = open_warm(m);
	rd_kafka_mock_topic_set_error(m->cluster, "t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	for (int i = 0; i < 100; i++)
		rd_kafka_mock_push_request_errors(m->cluster, PRODUCE, 1,
						  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	struct record *r = env_text(e, topic, "k", "v");
	assert_int_equal(env_put(e, r), 0);
	assert_int_equal(env_wait(e, 2, 20000), -ENOENT);
	assert_kind(e, ERR_PIPE_TOPIC_LOST);
	assert_says(e, "topic t");
	assert_int_equal(e->acked, 1);
}

/* The broker forgets the topic for a moment, as one that restarts may: not a loss. */
static void a_topic_that_comes_back_is_not_lost(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	uint32_t topic = open_warm(m);
	rd_kafka_mock_push_request_errors(m->cluster, PRODUCE, 1,
					  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	assert_int_equal(env_put(e, env_text(e, topic, "k", "v")), 0);
	int rc = env_wait(e, 2, 10000);
	if (rc < 0)
		assert_kind(e, ERR_PIPE_FATAL);
	else
		assert_int_equal(e->acked, 2);
}

static void names_that_kafka_does_not_take(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	struct pipe_options opt = options(m);
	char longest[252];
	uint32_t number;
	static const char *const bad[] = {"", ".", "..", "a b", "a/b", "t\xc3\xa4"};
	memset(longest, 'n', sizeof(longest));
	longest[249] = 0;
	env_open(e, &opt);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(pipe_topic(e->pipe, bad[i], &number, &e->err), -EINVAL);
		assert_kind(e, ERR_PIPE_REFUSED);
	}
	assert_int_equal(pipe_topic(e->pipe, longest, &number, &e->err), 0);
	longest[249] = 'n';
	longest[250] = 0;
	assert_int_equal(pipe_topic(e->pipe, longest, &number, &e->err), -EINVAL);
	assert_int_equal(pipe_topic(e->pipe, "a.B_c-9", &number, &e->err), 0);
}

static void open_fails(const struct pipe_options *opt, const struct err_kind *kind,
		       const char *says)
{
	struct env *e = env_new();
	assert_true(env_try_open(e, opt) < 0);
	assert_kind(e, kind);
	assert_says(e, says);
	assert_null(e->pipe);
	if (strstr(e->err.text, "very secret"))
		fail_msg("a secret is told: %s", e->err.text);
	env_close(e);
}

static void options_that_are_refused(void **state)
{
	struct mock *m = *state;
	struct pipe_pair unknown = {"compression.typ", "lz4"};
	struct pipe_pair wrong = {"compression.type", "rar"};
	struct pipe_options opt = options(m);
	opt.brokers = "";
	open_fails(&opt, ERR_TASK_INVALID, "pipe.brokers");
	opt = options(m);
	opt.nproperties = 1;
	opt.properties = &unknown;
	open_fails(&opt, ERR_TASK_INVALID, "compression.typ");
	opt.properties = &wrong;
	open_fails(&opt, ERR_TASK_INVALID, "compression.type");
	opt = options(m);
	opt.tls.mode = PIPE_TLS_VERIFY_IDENTITY;
	opt.tls.ca = "this is very secret and no PEM";
	open_fails(&opt, ERR_PIPE_SECURITY, "ssl.ca.pem");
	opt.tls.ca = NULL;
	opt.tls.key = "-----BEGIN PRIVATE KEY-----\nvery secret\n-----END PRIVATE KEY-----\n";
	open_fails(&opt, ERR_PIPE_SECURITY, "ssl.key.pem");
	opt = options(m);
	opt.sasl.mechanism = "PLAIN";
	opt.sasl.user = "u";
	open_fails(&opt, ERR_TASK_INVALID, "password");
	opt.sasl.password = "very secret";
	opt.sasl.mechanism = "ROT13";
	open_fails(&opt, ERR_TASK_INVALID, "ROT13");
}

static void user_properties_and_what_they_may_not_change(void **state)
{
	struct mock *m = *state;
	struct env *e = m->env;
	struct pipe_pair properties[] = {{"compression.type", "zstd"},
					 {"linger.ms", "0"},
					 {"batch.size", "50000"},
					 {"message.timeout.ms", "10"},
					 {"enable.idempotence", "false"}};
	struct pipe_options opt = options(m);
	opt.properties = properties;
	opt.nproperties = 5;
	env_open(e, &opt);
	struct pipe_stats stats;
	pipe_stats(e->pipe, &stats);
	assert_int_equal(stats.batch_bytes, 50000);
	/* a timeout of 10 ms would fail these */
	uint32_t topic = env_topic(e, "t");
	assert_int_equal(env_put(e, env_text(e, topic, "k", "v")), 0);
	assert_int_equal(env_wait(e, 1, 10000), 0);
	rd_kafka_mock_broker_set_down(m->cluster, 1);
	assert_int_equal(env_put(e, env_text(e, topic, "k", "v")), 0);
	assert_int_equal(env_wait(e, 2, 1500), -ETIMEDOUT);
	rd_kafka_mock_broker_set_up(m->cluster, 1);
	assert_int_equal(env_wait(e, 2, 10000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOCK_TEST(all_parts_of_a_message_arrive),
		MOCK_TEST(partitions_are_javas),
		MOCK_TEST(the_descriptor_tells_of_reports),
		MOCK_TEST(the_descriptor_tells_of_topics),
		MOCK_TEST(a_broker_that_is_away_costs_waiting),
		MOCK_TEST(a_start_without_a_broker_waits),
		MOCK_TEST(closing_drops_what_is_in_flight),
		MOCK_TEST(our_own_limit),
		MOCK_TEST(a_large_row_is_the_brokers_to_judge),
		MOCK_TEST(a_batch_too_large_is_not_a_row_too_large),
		MOCK_TEST(no_right_to_write),
		MOCK_TEST(a_policy_refuses),
		MOCK_TEST(a_compacted_topic_without_key),
		MOCK_TEST(the_numbering_is_lost),
		MOCK_TEST(the_producer_is_unknown),
		MOCK_TEST(no_right_to_see_the_topic),
		MOCK_TEST(a_topic_is_missing),
		MOCK_TEST(a_topic_without_leader_is_waited_for),
		MOCK_TEST(a_topic_that_vanishes_is_lost),
		MOCK_TEST(a_topic_that_comes_back_is_not_lost),
		MOCK_TEST(names_that_kafka_does_not_take),
		MOCK_TEST(options_that_are_refused),
		MOCK_TEST(user_properties_and_what_they_may_not_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
