/*
 * kafka_transaction_test.c - the transactional face of the Kafka pipe against librdkafka's mock
 * cluster: what is read after what was committed, and injected errors of every transactional
 * request. The mock knows neither DescribeConfigs nor control records: that aborted messages
 * are not seen is tests/integration/test_exactly_once.py's.
 */
#include "core/pipe/transaction.h"
#include "tests/unit/pipe/kafka_mock.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <threads.h>
#include <unistd.h>

enum { INIT_PRODUCER_ID = 22, ADD_PARTITIONS = 24, END_TXN = 26 };

static const char positions[] = "__mr_positions.c.task";

struct side {
	struct pipe_takeover t;
	struct buf position;
};

static int up(void **state)
{
	int rc = mock_up(state);
	struct mock *m = *state;
	rd_kafka_mock_topic_create(m->cluster, positions, 1, 1);
	return rc;
}

static void side_open(struct mock *m, struct side *s, const char *owner)
{
	struct pipe_options opt = options(m);
	opt.transaction.id = "mr.c.task";
	opt.transaction.positions = positions;
	buf_init(&s->position);
	s->t = (struct pipe_takeover){.owner = owner, .position = &s->position};
	env_open(m->env, &opt);
}

static int take_over(struct mock *m, struct side *s)
{
	return pipe_takeover(m->env->pipe, &s->t, &m->env->err);
}

static int commit(struct mock *m, struct side *s, const char *text)
{
	return pipe_commit(m->env->pipe, &s->t, text, strlen(text), &m->env->err);
}

/* The pipe goes; what it had acknowledged is forgotten. */
static void side_close(struct mock *m, struct side *s)
{
	buf_free(&s->position);
	env_close(m->env);
	m->env = env_new();
}

static void put(struct mock *m, const char *text)
{
	unsigned before = m->env->acked;
	uint32_t topic = env_topic(m->env, "t");
	assert_int_equal(env_put(m->env, env_text(m->env, topic, "k", text)), 0);
	assert_int_equal(env_wait(m->env, before + 1, 10000), 0);
}

static void test_a_successor_reads_what_was_committed(void **state)
{
	struct mock *m = *state;
	struct side s;
	side_open(m, &s, "u 0");
	assert_int_equal(take_over(m, &s), 0);
	assert_int_equal(s.position.len, 0);
	assert_string_not_equal(s.t.cluster, "");
	assert_int_equal(commit(m, &s, "claim"), 0);
	put(m, "row");
	assert_int_equal(commit(m, &s, "behind the row"), 0);
	side_close(m, &s);
	side_open(m, &s, "u 0");
	assert_int_equal(take_over(m, &s), 0);
	assert_string_equal(buf_cstr(&s.position), "behind the row");
	side_close(m, &s);
}

static void test_nothing_is_committed_before_it_is_acknowledged(void **state)
{
	struct mock *m = *state;
	struct side s;
	side_open(m, &s, "u 0");
	assert_int_equal(take_over(m, &s), 0);
	put(m, "opens the topic");
	rd_kafka_mock_broker_set_rtt(m->cluster, 1, 300);
	assert_int_equal(env_put(m->env, env_text(m->env, env_topic(m->env, "t"), "k", "row")), 0);
	assert_int_equal(commit(m, &s, "too early"), -EBUSY);
	assert_int_equal(env_wait(m->env, 2, 10000), 0);
	assert_int_equal(commit(m, &s, "now"), 0);
	side_close(m, &s);
}

static void test_errors_that_pass(void **state)
{
	struct mock *m = *state;
	struct side s;
	side_open(m, &s, "u 0");
	rd_kafka_mock_push_request_errors(m->cluster, INIT_PRODUCER_ID, 2,
					  RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
					  RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
	assert_int_equal(take_over(m, &s), 0);
	rd_kafka_mock_push_request_errors(m->cluster, ADD_PARTITIONS, 2,
					  RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
					  RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
	put(m, "row");
	rd_kafka_mock_push_request_errors(m->cluster, END_TXN, 2,
					  RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
					  RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
	assert_int_equal(commit(m, &s, "behind the row"), 0);
	put(m, "another");
	assert_int_equal(commit(m, &s, "behind both"), 0);
	side_close(m, &s);
}

/* The next takeover says what happened: here, nothing. */
static void fails(struct mock *m, struct side *s, int16_t key, rd_kafka_resp_err_t code,
		  const struct err_kind *kind)
{
	side_open(m, s, "u 0");
	if (key == INIT_PRODUCER_ID)
		rd_kafka_mock_push_request_errors(m->cluster, key, 1, code);
	int rc = take_over(m, s);
	if (key == END_TXN && rc == 0) {
		put(m, "row");
		rd_kafka_mock_push_request_errors(m->cluster, key, 1, code);
		rc = commit(m, s, "lost");
	}
	assert_true(rc < 0);
	if (m->env->err.kind != kind)
		fail_msg("%s: %s", m->env->err.kind->code, m->env->err.text);
	/* It stays so: whoever asks again gets the same. */
	assert_int_equal(pipe_serve(m->env->pipe, 0, &m->env->err), rc);
	side_close(m, s);
	side_open(m, s, "u 0");
	assert_int_equal(take_over(m, s), 0);
	side_close(m, s);
}

static void test_errors_that_end_it(void **state)
{
	struct mock *m = *state;
	struct side s;
	fails(m, &s, INIT_PRODUCER_ID, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
	      ERR_PIPE_REFUSED);
	fails(m, &s, INIT_PRODUCER_ID, RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
	      ERR_PIPE_REFUSED);
	fails(m, &s, END_TXN, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, ERR_PIPE_FENCED);
	fails(m, &s, END_TXN, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, ERR_PIPE_FENCED);
	fails(m, &s, END_TXN, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, ERR_PIPE_FATAL);
}

static void test_a_partition_that_is_refused(void **state)
{
	struct mock *m = *state;
	struct side s;
	side_open(m, &s, "u 0");
	assert_int_equal(take_over(m, &s), 0);
	put(m, "row");
	assert_int_equal(commit(m, &s, "behind the row"), 0);
	rd_kafka_mock_push_request_errors(m->cluster, ADD_PARTITIONS, 1,
					  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	int rc = env_put(m->env, env_text(m->env, env_topic(m->env, "t"), "k", "refused"));
	if (rc == 0)
		rc = env_wait(m->env, 2, 10000);
	assert_true(rc < 0);
	assert_kind(m->env, ERR_PIPE_REFUSED);
	assert_int_equal(m->env->acked, 1);
	side_close(m, &s);
	side_open(m, &s, "u 0");
	assert_int_equal(take_over(m, &s), 0);
	assert_string_equal(buf_cstr(&s.position), "behind the row");
	side_close(m, &s);
}

/* As if somebody had deleted the topic and it was made anew. */
static void test_what_is_covered_must_be_there(void **state)
{
	struct mock *m = *state;
	struct side s;
	char text[256];
	side_open(m, &s, "u 0");
	assert_int_equal(take_over(m, &s), 0);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", m->brokers, NULL, 0);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(positions), RD_KAFKA_V_KEY("t/0", 3),
			  RD_KAFKA_V_VALUE("u 0\n5", 5), RD_KAFKA_V_END);
	assert_int_equal(rd_kafka_flush(rk, 10000), 0);
	rd_kafka_destroy(rk);
	side_close(m, &s);
	side_open(m, &s, "u 0");
	assert_true(take_over(m, &s) < 0);
	assert_ptr_equal(m->env->err.kind, ERR_PIPE_TOPIC_LOST);
	side_close(m, &s);
	/* A person has set the position since, or another task has the name: not theirs. */
	side_open(m, &s, "u 1");
	assert_int_equal(take_over(m, &s), 0);
	side_close(m, &s);
}

enum { TOPICS = 4, PARTITIONS = 150 };

static void produce_offset(rd_kafka_t *rk, int topic, int partition, const char *value)
{
	char key[32];
	int n = snprintf(key, sizeof(key), "many%d/%d", topic, partition);
	assert_int_equal(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(positions),
					   RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
					   RD_KAFKA_V_KEY(key, (size_t)n),
					   RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)),
					   RD_KAFKA_V_END),
			 0);
}

/* Of each partition the last record counts, whatever other partitions' lie between. */
static void test_many_partitions_are_covered(void **state)
{
	struct mock *m = *state;
	struct side s;
	char text[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", m->brokers, NULL, 0);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	for (int i = 0; i < TOPICS; i++) {
		snprintf(text, sizeof(text), "many%d", i);
		rd_kafka_mock_topic_create(m->cluster, text, PARTITIONS, 1);
	}
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < TOPICS * PARTITIONS; i++)
			produce_offset(rk, i % TOPICS, i / TOPICS, round == 0 ? "u 0\n5" : "u 0\n-1");
	assert_int_equal(rd_kafka_flush(rk, 10000), 0);
	side_open(m, &s, "u 0");
	assert_int_equal(take_over(m, &s), 0);
	side_close(m, &s);
	produce_offset(rk, 2, PARTITIONS / 2, "u 0\n7");
	assert_int_equal(rd_kafka_flush(rk, 10000), 0);
	rd_kafka_destroy(rk);
	side_open(m, &s, "u 0");
	assert_true(take_over(m, &s) < 0);
	assert_ptr_equal(m->env->err.kind, ERR_PIPE_TOPIC_LOST);
	assert_non_null(strstr(m->env->err.text, "many2, partition 75,"));
	side_close(m, &s);
}

/*
 * A busy machine: the library's own thread is late by LATE_MS each time that it answers a
 * transactional call. The lock that it takes for that is the one under which the call waits. (The
 * library uses libc's threads.h; one that did not would go undelayed.)
 */
enum { LATE_MS = 80 };

static thread_local bool calling;
static _Atomic(mtx_t *) answers;

__attribute__((visibility("default"))) int mtx_lock(mtx_t *lock)
{
	char name[16] = "";
	if (lock == atomic_load(&answers) && !calling) {
		pthread_getname_np(pthread_self(), name, sizeof(name));
		if (strcmp(name, "rdk:main") == 0)
			usleep(LATE_MS * 1000);
	}
	return pthread_mutex_lock((pthread_mutex_t *)lock);
}

__attribute__((visibility("default"))) int cnd_timedwait(cnd_t *restrict cond,
							 mtx_t *restrict lock,
							 const struct timespec *restrict at)
{
	int (*real)(cnd_t *, mtx_t *, const struct timespec *) =
		(int (*)(cnd_t *, mtx_t *, const struct timespec *))(uintptr_t)dlsym(
			RTLD_NEXT, "cnd_timedwait");
	mtx_t *none = NULL;
	if (calling) /* its first wait is for the library's thread */
		atomic_compare_exchange_strong(&answers, &none, lock);
	return real(cond, lock, at);
}

rd_kafka_error_t *__real_rd_kafka_commit_transaction(rd_kafka_t *rk, int timeout_ms);

/* A tenth of the time until the commit is called again. */
rd_kafka_error_t *__wrap_rd_kafka_commit_transaction(rd_kafka_t *rk, int timeout_ms);
rd_kafka_error_t *__wrap_rd_kafka_commit_transaction(rd_kafka_t *rk, int timeout_ms)
{
	return __real_rd_kafka_commit_transaction(rk, timeout_ms / 10);
}

/* The brokers' answer comes when the commit is called again: between that call and the last. */
static void test_an_answer_that_meets_the_call_again(void **state)
{
	struct mock *m = *state;
	struct side s;
	side_open(m, &s, "u 0");
	assert_int_equal(take_over(m, &s), 0);
	put(m, "row");
	calling = true;
	assert_int_equal(commit(m, &s, "finds the lock"), 0);
	/* Sent LATE_MS behind the call, which waits for 500 ms and is made again 50 ms later. */
	for (int early = 0; early < LATE_MS; early += 10) {
		put(m, "another");
		rd_kafka_mock_broker_push_request_error_rtts(m->cluster, 1, END_TXN, 1,
							     RD_KAFKA_RESP_ERR_NO_ERROR,
							     550 - LATE_MS - early);
		assert_int_equal(commit(m, &s, "behind it"), 0);
	}
	put(m, "the last");
	calling = false;
	atomic_store(&answers, NULL);
	side_close(m, &s);
}

static bool at_once(void *ctx)
{
	(*(unsigned *)ctx)++;
	return true;
}

static void test_a_stop_ends_the_wait(void **state)
{
	struct mock *m = *state;
	struct side s;
	unsigned asked = 0;
	rd_kafka_mock_broker_set_down(m->cluster, 1);
	side_open(m, &s, "u 0");
	s.t.stop = at_once;
	s.t.ctx = &asked;
	assert_int_equal(take_over(m, &s), -ECANCELED);
	assert_int_equal(asked, 1);
	side_close(m, &s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_successor_reads_what_was_committed, up,
						mock_down),
		cmocka_unit_test_setup_teardown(
			test_nothing_is_committed_before_it_is_acknowledged, up, mock_down),
		cmocka_unit_test_setup_teardown(test_errors_that_pass, up, mock_down),
		cmocka_unit_test_setup_teardown(test_errors_that_end_it, up, mock_down),
		cmocka_unit_test_setup_teardown(test_a_partition_that_is_refused, up, mock_down),
		cmocka_unit_test_setup_teardown(test_what_is_covered_must_be_there, up, mock_down),
		cmocka_unit_test_setup_teardown(test_many_partitions_are_covered, up, mock_down),
		cmocka_unit_test_setup_teardown(test_an_answer_that_meets_the_call_again, up,
						mock_down),
		cmocka_unit_test_setup_teardown(test_a_stop_ends_the_wait, up, mock_down),
	};
	return cmocka_run_group_tests_name("kafka transactions", tests, NULL, NULL);
}
