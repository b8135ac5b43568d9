/*
 * kafka_transaction.c - see transaction.h: fencing, committing, aborting.
 *
 * What becomes of the rows when something here is wrong: a position is committed without
 * them and they are lost, or they without it and come twice. Hence one rule: the position
 * record is produced inside the transaction, behind everything that it covers, and whatever
 * goes wrong ends this producer. The next one reads from the position topic what happened.
 *
 * After a commit that failed for a while only the commit may be called again: an abort is
 * refused by the library, and would be wrong, because the brokers may have committed.
 * Deliver thread only.
 */
#include "core/pipe/kafka_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SLICE_MS = 500,     /* of waiting, between two looks at whether to stop */
	COMMIT_SLICE_MS = 5000, /* likewise: only who will not wait, or has no place, ends it */
	NAP_MS = 50,        /* see again() */
	SETTLE_MS = 200,    /* see settle() */
	COMMIT_S = 40,      /* by then the brokers have ended it: 30 s, looked at every 10 s */
	ABORT_MS = 2000,    /* a courtesy: a successor's fencing aborts as well */
	HASTEN_MS = 20,
	BREATH_US = 3000,   /* see let_them_end() */
};

/* What an error of the transactional calls means; destroys it. */
static int transaction_failed(struct kafka *k, rd_kafka_error_t *error, const char *what,
			      struct err *err)
{
	rd_kafka_resp_err_t code = rd_kafka_error_code(error);
	char text[512];
	snprintf(text, sizeof(text), "%s", rd_kafka_error_string(error));
	rd_kafka_error_destroy(error);
	/* A report that came during the call says more: which topic, which message. */
	if (k->failure_rc) {
		*err = k->failure;
		return k->failure_rc;
	}
	switch (code) {
	case RD_KAFKA_RESP_ERR__FENCED:
	case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
	case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
		return err_set(err, -EIDRM, ERR_PIPE_FENCED, "%s: %s", what, text);
	case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
		return err_set(err, -EACCES, ERR_PIPE_REFUSED,
			       "%s: %s; grant our user Write and Describe on the transactional id %s",
			       what, text, k->transactional);
	case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
		return err_set(err, -EACCES, ERR_PIPE_REFUSED,
			       "%s: %s; raise transaction.max.timeout.ms on the brokers to 30000",
			       what, text);
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		return err_set(err, -EACCES, ERR_PIPE_REFUSED,
			       "%s: %s; grant our user Describe and Write on all topics of the task, "
			       "and on %s",
			       what, text, k->positions);
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
		return err_set(err, -EACCES, ERR_PIPE_REFUSED, "%s: %s", what, text);
	default:
		return err_set(err, -ECONNRESET, ERR_PIPE_FATAL, "%s: %s", what, text);
	}
}

/*
 * Before a call that ran into its timeout is made again: a request to the library's own thread
 * may be left of it, after a stop of the whole process say, and when it is carried out beside the
 * next call their answers are taken for each other's (the library ends the process then). That
 * thread needs microseconds for it.
 */
static int again(struct kafka *k, const struct pipe_takeover *t, struct err *err)
{
	usleep(NAP_MS * 1000);
	return kafka_wait(k, t, err);
}

/*
 * After a commit that had to be called again: when the brokers' answer came in the same moment as
 * the second call, it was taken for that of the call's first step, and each step's for the next
 * one's. The commit is right, but the library's own thread still carries its last step out, and
 * the begin of the next transaction would take the answer for its own and be over too early:
 * what is then handed over is refused. Left alone, the answer is dropped.
 */
static void settle(bool resumed)
{
	if (resumed)
		usleep(SETTLE_MS * 1000);
}

/* ---------------------------------------------------------------- taking over */

/* rd_kafka_init_transactions() goes on behind its timeout: it is called until it has ended. */
static int fence(struct kafka *k, struct pipe_takeover *t, struct err *err)
{
	for (;;) {
		rd_kafka_error_t *error = rd_kafka_init_transactions(k->rk, SLICE_MS);
		if (!error)
			return 0;
		int rc = again(k, t, err);
		if (rc == 0 && rd_kafka_error_is_retriable(error)) {
			rd_kafka_error_destroy(error);
			continue;
		}
		if (rc == 0)
			return transaction_failed(k, error, "fencing former producers", err);
		rd_kafka_error_destroy(error);
		return rc;
	}
}

int kafka_takeover(struct pipe *p, struct pipe_takeover *t, struct err *err)
{
	struct kafka *k = (struct kafka *)p;
	int rc = fence(k, t, err);
	return rc < 0 ? rc : kafka_positions_read(k, t, err);
}

/* ---------------------------------------------------------------- committing */

void kafka_touch(struct kafka *k, uint32_t topic, int32_t partition)
{
	struct kafka_topic *t = &k->topics[topic];
	if (partition >= t->npartitions || t->touched[partition])
		return;
	if (k->ntouched == k->touched_cap) {
		size_t cap = k->touched_cap ? 2 * k->touched_cap : 16;
		struct kafka_touched *list = realloc(k->touched, cap * sizeof(*list));
		if (!list) {
			kafka_fail(k, -ENOMEM, ERR_MEMORY, NULL, "no memory for offsets");
			return;
		}
		k->touched = list;
		k->touched_cap = cap;
	}
	t->touched[partition] = 1;
	k->touched[k->ntouched++] = (struct kafka_touched){topic, partition};
}

static void untouch(struct kafka *k)
{
	for (size_t i = 0; i < k->ntouched; i++)
		k->topics[k->touched[i].topic].touched[k->touched[i].partition] = 0;
	k->ntouched = 0;
}

void kafka_position_refused(struct kafka *k, const rd_kafka_message_t *m)
{
	switch (m->err) {
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
		kafka_fail(k, -EACCES, ERR_PIPE_REFUSED, NULL, "topic %s, the task's position: %s",
			   k->positions, rd_kafka_err2str(m->err));
		return;
	case RD_KAFKA_RESP_ERR__FATAL:
	case RD_KAFKA_RESP_ERR__FENCED:
	case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
	case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
	case RD_KAFKA_RESP_ERR__DESTROY:
		return;
	default: /* also when the topic is gone: the next takeover finds that out */
		kafka_fail(k, -ECONNRESET, ERR_PIPE_FATAL, NULL, "topic %s, the task's position: %s",
			   k->positions, rd_kafka_err2str(m->err));
	}
}

static int write_one(struct kafka *k, const char *key, const void *value, size_t len,
		     struct err *err)
{
	rd_kafka_resp_err_t code = rd_kafka_producev(
		k->rk, RD_KAFKA_V_RKT(k->positions_rkt), RD_KAFKA_V_PARTITION(0),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, strlen(key)),
		RD_KAFKA_V_VALUE((void *)(uintptr_t)value, len), RD_KAFKA_V_END);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	return err_set(err, -ECONNRESET, ERR_PIPE_FATAL, "topic %s, the task's position: %s",
		       k->positions, rd_kafka_err2str(code));
}

static int write_position(struct kafka *k, const char *owner, const void *position, size_t len,
			  struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < k->ntouched && rc == 0; i++) {
		const struct kafka_topic *t = &k->topics[k->touched[i].topic];
		char key[280], value[256];
		snprintf(key, sizeof(key), "%s/%d", t->name, (int)k->touched[i].partition);
		int n = snprintf(value, sizeof(value), "%.200s\n%lld", owner,
				 (long long)t->last[k->touched[i].partition]);
		rc = write_one(k, key, value, (size_t)n, err);
	}
	return rc < 0 ? rc : write_one(k, "position", position, len, err);
}

static int begin(struct kafka *k, struct err *err)
{
	rd_kafka_error_t *error = rd_kafka_begin_transaction(k->rk);
	if (error)
		return transaction_failed(k, error, "a transaction cannot begin", err);
	k->in_transaction = true;
	return 0;
}

/*
 * A commit is answered when it is written down; the brokers then still have to tell all its
 * partitions, and refuse partitions of the next transaction meanwhile (CONCURRENT_TRANSACTIONS).
 * The library asks again 20 ms later, whatever happens; what came in that time begins the next
 * transaction at once, which is refused as well. The figures: docs/performance.md.
 */
static void let_them_end(const struct kafka *k)
{
	usec_t since = clock_boot() - k->committed;
	if (since < BREATH_US)
		usleep((useconds_t)(BREATH_US - since));
}

/*
 * Makes the position topic's partition a part of the transaction together with that of the
 * first message: asked for when the position is written, behind all acknowledgements, it would
 * cost a round trip of its own. A key without a value leaves nothing behind when compacted.
 */
int kafka_begin(struct kafka *k, struct err *err)
{
	let_them_end(k);
	int rc = begin(k, err);
	return rc < 0 ? rc : write_one(k, "open", NULL, 0, err);
}

/*
 * A partition that may not take part in the transaction, say: the library drops what is in the
 * transaction and waits for its abort; no message's report says why. Nothing can begin now:
 * asked to, the library answers with what it knows.
 */
void kafka_transaction_aborted(struct kafka *k)
{
	struct err err = {0};
	rd_kafka_error_t *error = rd_kafka_begin_transaction(k->rk);
	if (!error) { /* there was none: nothing is lost with this one */
		kafka_fail(k, -ECONNRESET, ERR_PIPE_FATAL, NULL, "the transaction was dropped");
		return;
	}
	int rc = transaction_failed(k, error, "the transaction cannot go on", &err);
	kafka_fail(k, rc, err.kind, NULL, "%s", err.text);
}

int kafka_commit(struct pipe *p, const struct pipe_takeover *t, const void *position, size_t len,
		 struct err *err)
{
	struct kafka *k = (struct kafka *)p;
	if (k->failure_rc) { /* noted since the last pipe_serve */
		*err = k->failure;
		return k->failure_rc;
	}
	int rc = k->in_transaction ? 0 : begin(k, err);
	if (rc == 0)
		rc = write_position(k, t->owner, position, len, err);
	usec_t end = clock_boot() + COMMIT_S * USEC_PER_SEC;
	for (bool resumed = false; rc == 0; resumed = true) {
		rd_kafka_error_t *error = rd_kafka_commit_transaction(k->rk, COMMIT_SLICE_MS);
		if (!error) {
			settle(resumed);
			k->in_transaction = false;
			k->committed = clock_boot();
			untouch(k);
			return 0;
		}
		if (!rd_kafka_error_is_retriable(error))
			return transaction_failed(k, error, "committing", err);
		rc = again(k, t, err);
		if (rc == -ECANCELED || (rc == 0 && clock_boot() >= end))
			return transaction_failed(k, error, "committing", err);
		rd_kafka_error_destroy(error);
	}
	return rc;
}

void kafka_hasten(struct pipe *p)
{
	struct kafka *k = (struct kafka *)p;
	(void)rd_kafka_flush(k->rk, HASTEN_MS); /* serves reports meanwhile */
}

void kafka_transaction_end(struct kafka *k)
{
	if (k->in_transaction && atomic_load(&k->brokers_up) > 0 &&
	    !rd_kafka_fatal_error(k->rk, NULL, 0)) {
		rd_kafka_error_t *error = rd_kafka_abort_transaction(k->rk, ABORT_MS);
		if (error)
			rd_kafka_error_destroy(error);
	}
	k->in_transaction = false;
	untouch(k);
	if (k->positions_rkt)
		rd_kafka_topic_destroy(k->positions_rkt);
	k->positions_rkt = NULL;
}
