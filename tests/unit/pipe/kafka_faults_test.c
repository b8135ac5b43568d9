/*
 * kafka_faults_test.c - every request of the transactional Kafka pipe answered with every kind of
 * error, before the takeover and in each of the transactions behind it, against librdkafka's
 * mock cluster. One verdict for all: what was committed has each message once and in order, the
 * position says exactly how far it goes, and who fails says why.
 *
 * The mock shows what was aborted, too: which transactions were committed is noted here, and a
 * reader of positions or rows sees those alone. Where EndTxn was refused both outcomes are
 * tried: a broker may have committed without having been able to say so. Cases run in several
 * processes, since most of their time they wait.
 */
#include "common/os/log.h"
#include "core/pipe/transaction.h"
#include "tests/unit/pipe/kafka_mock.h"

#include <signal.h>
#include <sys/wait.h>

enum { FETCH = 1, LIST_OFFSETS = 2, FIND_COORDINATOR = 10, INIT_PRODUCER_ID = 22,
       ADD_PARTITIONS = 24, END_TXN = 26 };

enum { WORKERS = 48, TRANSACTIONS = 4, ROWS = 2, ATTEMPTS = 8, CASE_S = 30, FATES_MAX = 64 };

static const char positions[] = "__mr_positions.c.task";

static const int16_t requests[] = {INIT_PRODUCER_ID, FIND_COORDINATOR, ADD_PARTITIONS, PRODUCE,
				   END_TXN,          METADATA,         LIST_OFFSETS,   FETCH};
static const rd_kafka_resp_err_t errors[] = {
	/* what passes */
	RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
	RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
	RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
	RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
	RD_KAFKA_RESP_ERR__TRANSPORT, /* the connection is closed */
	/* what ends the transaction, or the producer */
	RD_KAFKA_RESP_ERR_INVALID_TXN_STATE,
	RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
	RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
	RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
	/* what is refused */
	RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
	RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
};
enum { NREQUESTS = sizeof(requests) / sizeof(requests[0]),
       NERRORS = sizeof(errors) / sizeof(errors[0]) };

struct fault {
	int16_t request;
	rd_kafka_resp_err_t code;
	unsigned when;  /* 0: the takeover; else the transaction, 1 is the claim */
	unsigned times; /* in a row */
	bool happened;  /* an EndTxn that failed had committed all the same */
	bool down;      /* instead: the broker, for a while */
	bool damaged;   /* instead: the position is not readable when it is read next */
};

/* Fates of transactions, by their number. */
static bool is_committed[FATES_MAX];
static bool damage;

/* ---------------------------------------------------------------- in place of the library's */

rd_kafka_t *__real_rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *text, size_t n);
rd_kafka_t *__wrap_rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *text, size_t n);
rd_kafka_message_t *__real_rd_kafka_consume(rd_kafka_topic_t *t, int32_t partition, int ms);
rd_kafka_message_t *__wrap_rd_kafka_consume(rd_kafka_topic_t *t, int32_t partition, int ms);

/* The mock does not look at sequence numbers: see kafka_order_test.c. */
rd_kafka_t *__wrap_rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *text, size_t n)
{
	if (type == RD_KAFKA_PRODUCER)
		rd_kafka_conf_set(conf, "max.in.flight.requests.per.connection", "1", NULL, 0);
	return __real_rd_kafka_new(type, conf, text, n);
}

/* "<number> <transaction>" */
static void numbers(const rd_kafka_message_t *m, unsigned *ret_number, unsigned *ret_transaction)
{
	char text[40] = "";
	memcpy(text, m->payload, m->len < sizeof(text) ? m->len : sizeof(text) - 1);
	if (sscanf(text, "%u %u", ret_number, ret_transaction) != 2)
		*ret_number = *ret_transaction = FATES_MAX;
}

static bool is_position(const rd_kafka_message_t *m)
{
	return !m->err && m->payload && m->key_len == 8 && memcmp(m->key, "position", 8) == 0;
}

rd_kafka_message_t *__wrap_rd_kafka_consume(rd_kafka_topic_t *t, int32_t partition, int ms)
{
	for (;;) {
		unsigned number, transaction;
		rd_kafka_message_t *m = __real_rd_kafka_consume(t, partition, ms);
		if (!m || !is_position(m))
			return m;
		numbers(m, &number, &transaction);
		if (transaction < FATES_MAX && is_committed[transaction]) {
			if (damage) /* the library tells of it, and passes over it */
				m->err = RD_KAFKA_RESP_ERR__BAD_MSG;
			return m;
		}
		rd_kafka_message_destroy(m);
	}
}

/* ---------------------------------------------------------------- one case */

static void fault_name(const struct fault *f, char *text, size_t size)
{
	snprintf(text, size, "request %d, %s x%u, at %u%s%s%s", f->request,
		 rd_kafka_err2name(f->code), f->times, f->when, f->happened ? ", happened" : "",
		 f->down ? ", broker down" : "", f->damaged ? ", damaged" : "");
}

static void inject(struct mock *m, const struct fault *f)
{
	rd_kafka_resp_err_t list[4];
	if (f->down) {
		rd_kafka_mock_broker_set_down(m->cluster, 1);
		return;
	}
	for (unsigned i = 0; i < f->times; i++)
		list[i] = f->code;
	rd_kafka_mock_push_request_errors_array(m->cluster, f->request, f->times, list);
}

struct life {
	struct mock *m;
	const struct fault *f;
	bool injected;
	unsigned transaction; /* number of the last one */
	unsigned step;        /* 0: the takeover, 1: the claim, … */
	unsigned position;    /* as read, then as committed */
	unsigned refusals;
	usec_t down_until;
};

/* The fault's time has come; a broker that is down is so for a moment. */
static void reach(struct life *l, unsigned step)
{
	l->step = step;
	if (l->injected || step != l->f->when)
		return;
	l->injected = true;
	inject(l->m, l->f);
	l->down_until = clock_boot() + 300 * USEC_PER_MSEC;
}

/* The pipe asks it several times a second. */
static bool never(void *ctx)
{
	struct life *l = ctx;
	if (l->f->down && l->injected && clock_boot() >= l->down_until)
		rd_kafka_mock_broker_set_up(l->m->cluster, 1);
	return false;
}

static int commit(struct life *l, struct pipe_takeover *t, unsigned position, unsigned rows)
{
	struct env *e = l->m->env;
	char text[40];
	usec_t end = clock_boot() + 20 * USEC_PER_SEC;
	unsigned number = ++l->transaction;
	reach(l, l->step + 1);
	for (unsigned i = 0; i < rows; i++) {
		snprintf(text, sizeof(text), "%u %u", position - rows + i, number);
		struct record *r = env_text(e, env_topic(e, "t"), "k", text);
		int rc;
		while ((rc = pipe_put(e->pipe, r, &e->err)) == -EAGAIN && clock_boot() < end) {
			(void)never(l);
			rc = pipe_serve(e->pipe, 20, &e->err);
			if (rc < 0)
				return rc;
		}
		if (rc < 0)
			return rc;
	}
	while (e->acked < e->n && clock_boot() < end) {
		(void)never(l);
		pipe_hasten(e->pipe);
		int rc = pipe_serve(e->pipe, 20, &e->err);
		if (rc < 0)
			return rc;
	}
	if (e->acked < e->n)
		return err_set(&e->err, -ETIMEDOUT, NULL, "nothing happens");
	snprintf(text, sizeof(text), "%u %u", position, number);
	int rc = pipe_commit(e->pipe, t, text, strlen(text), &e->err);
	is_committed[number] = rc == 0 || (l->f->happened && l->injected && rc != -EBUSY);
	return rc;
}

/* From one takeover to the end or a failure: 0, or the pipe's. */
static int attempt(struct life *l)
{
	struct env *e = l->m->env;
	struct buf text;
	buf_init(&text);
	struct pipe_takeover t = {.owner = "u 0", .position = &text, .stop = never, .ctx = l};
	reach(l, 0);
	int rc = pipe_takeover(e->pipe, &t, &e->err);
	damage = false;
	l->position = rc == 0 && text.len ? (unsigned)atoi(buf_cstr(&text)) : 0;
	if (rc == 0)
		rc = commit(l, &t, l->position, 0);
	while (rc == 0 && l->position < TRANSACTIONS * ROWS) {
		rc = commit(l, &t, l->position + ROWS, ROWS);
		if (rc == 0)
			l->position += ROWS;
		if (rc == 0 && l->f->damaged && !l->injected) {
			l->injected = damage = true;
			rc = err_set(&e->err, -ECONNRESET, ERR_PIPE_FATAL, "read again");
		}
	}
	buf_free(&text);
	return rc;
}

/* Why the case is not as it must be, or NULL. */
static const char *judge(struct mock *m)
{
	static char why[128];
	enum { MOST = FATES_MAX * ROWS };
	char text[256];
	unsigned next = 0;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", m->brokers, NULL, 0);
	rd_kafka_conf_set(conf, "enable.partition.eof", "true", NULL, 0);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	rd_kafka_topic_t *t = rd_kafka_topic_new(rk, "t", NULL);
	rd_kafka_consume_start(t, 0, 0);
	why[0] = 0;
	bool end = false;
	for (usec_t until = clock_boot() + 10 * USEC_PER_SEC; !end && clock_boot() < until;) {
		rd_kafka_message_t *msg = __real_rd_kafka_consume(t, 0, 100);
		unsigned number, transaction;
		end = msg && msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
		if (msg && !msg->err) {
			numbers(msg, &number, &transaction);
			if (transaction < FATES_MAX && is_committed[transaction] && number != next++ &&
			    !why[0])
				snprintf(why, sizeof(why), "row %u stands where %u belongs", number,
					 next - 1);
		}
		if (msg)
			rd_kafka_message_destroy(msg);
	}
	rd_kafka_consume_stop(t, 0);
	rd_kafka_topic_destroy(t);
	rd_kafka_destroy(rk);
	if (!why[0] && (!end || next != TRANSACTIONS * ROWS))
		snprintf(why, sizeof(why), "%u rows of %d", next, TRANSACTIONS * ROWS);
	return why[0] ? why : NULL;
}

static const char *play(struct mock *m, const struct fault *f)
{
	static char why[700];
	struct life l = {.m = m, .f = f};
	memset(is_committed, 0, sizeof(is_committed));
	damage = false;
	int rc = -1;
	for (unsigned n = 0; n < ATTEMPTS && rc < 0; n++) {
		struct pipe_options opt = options(m);
		opt.transaction.id = "mr.c.task";
		opt.transaction.positions = positions;
		env_open(m->env, &opt);
		m->env->err = (struct err){0};
		rc = attempt(&l);
		if (rc < 0 && !m->env->err.kind)
			return "a failure without a name";
		if (rc < 0 && m->env->err.kind->class != ERR_CLASS_RETRY) {
			/* A person is asked for, mends it and starts the task again. */
			rd_kafka_mock_clear_request_errors(m->cluster, f->request);
			l.refusals++;
		}
		if (rc < 0)
			snprintf(why, sizeof(why), "given up after: %s", m->env->err.text);
		if (f->down)
			rd_kafka_mock_broker_set_up(m->cluster, 1);
		env_close(m->env);
		m->env = env_new();
	}
	if (rc < 0)
		return why;
	bool refusal = f->code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
		       f->code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
	if (l.refusals && !refusal)
		return "a person was asked for something that passes";
	rd_kafka_mock_clear_request_errors(m->cluster, f->request);
	return judge(m);
}

static unsigned run_case(const struct fault *f)
{
	char name[200];
	void *state;
	fault_name(f, name, sizeof(name));
	usec_t begun = clock_boot();
	alarm(CASE_S);
	mock_up(&state);
	struct mock *m = state;
	rd_kafka_mock_topic_create(m->cluster, positions, 1, 1);
	const char *why = play(m, f);
	if (why)
		fprintf(stderr, "%s: %s\n", name, why);
	if (getenv("MR_TEST_TIMES"))
		fprintf(stderr, "%s: %d ms\n", name, (int)((clock_boot() - begun) / 1000));
	rd_kafka_mock_clear_request_errors(m->cluster, f->request);
	mock_down(&state);
	alarm(0);
	return why != NULL;
}

/* ---------------------------------------------------------------- all of them */

static void run_all(const struct fault *faults, unsigned n)
{
	pid_t workers[WORKERS];
	for (unsigned k = 0; k < WORKERS; k++) {
		workers[k] = fork();
		if (workers[k])
			continue;
		unsigned failed = 0;
		for (unsigned i = k; i < n; i += WORKERS)
			failed += run_case(&faults[i]);
		_exit(failed > 0);
	}
	unsigned failed = 0;
	for (unsigned k = 0; k < WORKERS; k++) {
		int status = -1;
		assert_true(workers[k] > 0);
		waitpid(workers[k], &status, 0);
		failed += status != 0;
	}
	assert_int_equal(failed, 0);
}

/* Once at the takeover, at the claim, in the first and in a later transaction. */
static void each_error_of_each_request(void **state)
{
	static struct fault faults[NREQUESTS * NERRORS * 4];
	unsigned n = 0;
	(void)state;
	for (unsigned r = 0; r < NREQUESTS; r++)
		for (unsigned e = 0; e < NERRORS; e++)
			for (unsigned when = 0; when < 4; when++)
				faults[n++] = (struct fault){.request = requests[r],
							     .code = errors[e],
							     .when = when,
							     .times = 1 + (r + e + when) % 2};
	run_all(faults, n);
}

static void an_end_that_was_not_told(void **state)
{
	static struct fault faults[NERRORS * 3];
	unsigned n = 0;
	(void)state;
	for (unsigned e = 0; e < NERRORS; e++)
		for (unsigned when = 1; when < 4; when++)
			faults[n++] = (struct fault){.request = END_TXN,
						     .code = errors[e],
						     .when = when,
						     .times = 1,
						     .happened = true};
	run_all(faults, n);
}

static void the_broker_is_away(void **state)
{
	static struct fault faults[4];
	(void)state;
	for (unsigned when = 0; when < 4; when++)
		faults[when] = (struct fault){.when = when, .down = true};
	run_all(faults, 4);
}

/* What cannot be read is an error, never an earlier position. */
static void a_position_that_is_damaged(void **state)
{
	static const struct fault fault = {.damaged = true, .when = FATES_MAX};
	(void)state;
	run_all(&fault, 1);
}

int main(void)
{
	log_set_level(LOG_LEVEL_ERROR); /* the mock has no DescribeConfigs */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_error_of_each_request),
		cmocka_unit_test(an_end_that_was_not_told),
		cmocka_unit_test(the_broker_is_away),
		cmocka_unit_test(a_position_that_is_damaged),
	};
	return cmocka_run_group_tests_name("faults of Kafka", tests, NULL, NULL);
}
