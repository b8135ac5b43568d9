/*
 * kafka_error.c - what an error of librdkafka or of a broker means for the task.
 *
 * Errors come from three sides: a delivery report (this message was refused for good:
 * what the library retries never gets here), an event (a connection or the cluster has
 * a problem and the library goes on trying), and the producer's death. Only the first
 * and the last end a pipe, and refused credentials. Runs on the deliver thread.
 */
#include "core/pipe/kafka_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	/* A handshake may also break because its broker is just starting. */
	TLS_PATIENCE_MS = 10000,
	/* Once connected, credentials were right: a broker that restarts may lack them a while. */
	WAS_UP_PATIENCE_MS = 60000,
	/* A topic is gone when every broker that we ask says so this many times. */
	VERDICT_TRIES = 5,
	VERDICT_PAUSE_MS = 300,
	VERDICT_TIMEOUT_MS = 2000,
};

/* What a refused message means; NULL: it is a consequence of something else. */
static const struct err_kind *report_kind(rd_kafka_resp_err_t code, int *ret_rc)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE: /* larger than a segment of the topic */
		*ret_rc = -EMSGSIZE;
		return ERR_PIPE_OVERSIZE;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
		*ret_rc = -ENOENT;
		return ERR_PIPE_TOPIC_LOST;
	/* The producer's numbering and the broker's do not agree any more. */
	case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
	case RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER:
	case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID:
	case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
	case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING:
	case RD_KAFKA_RESP_ERR_INVALID_TXN_STATE:
	case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
	case RD_KAFKA_RESP_ERR__INCONSISTENT:
	/* The broker asked the transaction's coordinator, in vain for now. */
	case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
	/* Damaged on the way, or the library says that it gave up: send again. */
	case RD_KAFKA_RESP_ERR_INVALID_MSG:
	case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
	case RD_KAFKA_RESP_ERR__BAD_MSG:
	case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
		*ret_rc = -ECONNRESET;
		return ERR_PIPE_FATAL;
	case RD_KAFKA_RESP_ERR__FATAL:
	case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
	case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
	case RD_KAFKA_RESP_ERR__DESTROY:
	case RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE:
	case RD_KAFKA_RESP_ERR__FENCED:
	case RD_KAFKA_RESP_ERR__STATE:
		return NULL;
	default:
		*ret_rc = -EACCES;
		return ERR_PIPE_REFUSED;
	}
}

/* The way out of a refusal, where the broker's words do not show it. */
static const char *refusal_hint(rd_kafka_resp_err_t code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		return "; grant our user Describe and Write on the topic";
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		return "; grant our user IdempotentWrite on the cluster";
	case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
		return "; grant our user Write and Describe on the transactional id (prefix \"mr.\")";
	case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
		return "; the topic's message.timestamp.* settings exclude our messages' time";
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
		return "; a compacted topic takes no message without a key";
	default:
		return "";
	}
}

/*
 * A batch was too large. If it was put together, its messages may fit one by one: the
 * producer is rebuilt with smaller batches. A message over batch.size travels alone.
 */
static void oversize(struct kafka *k, const rd_kafka_message_t *m, struct record *r,
		     const struct kafka_topic *t)
{
	size_t size = (size_t)r->key_len + r->headers_len + r->value_len;
	size_t limit = t->max_bytes;
	char text[80];
	if (limit)
		snprintf(text, sizeof(text), "which takes %zu bytes (max.message.bytes)", limit);
	else
		snprintf(text, sizeof(text), "whose max.message.bytes we may not read");
	size_t floor = size + size / 2 + 1024; /* batches smaller than one message gain nothing */
	if (size < k->batch_bytes && (limit == 0 || size < limit) && k->batch_bytes > floor) {
		size_t next = limit && limit < k->batch_bytes ? limit : k->batch_bytes / 4;
		next = next > floor ? next : floor;
		atomic_store_explicit(&k->base.batch_bytes, next, memory_order_relaxed);
		kafka_fail(k, -ECONNRESET, ERR_PIPE_FATAL, NULL,
			   "batches of %zu bytes are too large for topic %s, %s: going on with %zu",
			   k->batch_bytes, t->name, text, next);
		return;
	}
	k->base.oversize = (struct pipe_oversize){.bytes = size, .limit = limit};
	kafka_fail(k, -EMSGSIZE, ERR_PIPE_OVERSIZE, r,
		   "a message of %zu bytes is too large for topic %s, %s: %s", size,
		   t->name, text, rd_kafka_err2str(m->err));
}

void kafka_error_report(struct kafka *k, const rd_kafka_message_t *m)
{
	struct record *r = m->_private;
	const struct kafka_topic *t = &k->topics[r->topic];
	int rc;
	const struct err_kind *kind = report_kind(m->err, &rc);
	if (!kind || k->failure_rc || k->lost)
		return;
	if (kind == ERR_PIPE_OVERSIZE) {
		oversize(k, m, r, t);
	} else if (kind == ERR_PIPE_TOPIC_LOST) {
		k->lost = true;
		k->lost_topic = r->topic;
		k->lost_record = r;
	} else {
		kafka_fail(k, rc, kind, kind == ERR_PIPE_REFUSED ? r : NULL,
			   "topic %s, partition %d: %s%s", t->name, (int)m->partition,
			   rd_kafka_err2str(m->err), refusal_hint(m->err));
	}
}

int kafka_error_put(struct kafka *k, struct record *r, rd_kafka_resp_err_t code, struct err *err)
{
	const struct kafka_topic *t = &k->topics[r->topic];
	size_t size = (size_t)r->key_len + r->headers_len + r->value_len;
	switch (code) {
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
		return -EAGAIN;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		k->base.oversize = (struct pipe_oversize){
			.bytes = size, .limit = k->base.message_max, .ours = true};
		return err_set(err, -EMSGSIZE, ERR_PIPE_OVERSIZE,
			       "a message of %zu bytes for topic %s is over our own limit of %zu "
			       "bytes (pipe.properties message.max.bytes); raise it together with "
			       "the topic's max.message.bytes and the brokers' "
			       "socket.request.max.bytes",
			       size, t->name, k->base.message_max);
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		k->lost = true;
		k->lost_topic = r->topic;
		k->lost_record = r;
		return -EAGAIN; /* the next pipe_serve gives the verdict */
	case RD_KAFKA_RESP_ERR__FATAL:
	case RD_KAFKA_RESP_ERR__FENCED:
		return -EAGAIN; /* likewise */
	case RD_KAFKA_RESP_ERR__STATE:
		return err_set(err, -ECONNRESET, ERR_PIPE_FATAL,
			       "the transaction cannot go on, topic %s: %s", t->name,
			       rd_kafka_err2str(code));
	default:
		return err_set(err, -EACCES, ERR_PIPE_REFUSED, "topic %s: %s%s", t->name,
			       rd_kafka_err2str(code), refusal_hint(code));
	}
}

void kafka_error_fatal(struct kafka *k)
{
	char text[512];
	rd_kafka_resp_err_t code = rd_kafka_fatal_error(k->rk, text, sizeof(text));
	switch (code) {
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
		kafka_fail(k, -EACCES, ERR_PIPE_REFUSED, NULL, "%s%s", text, refusal_hint(code));
		return;
	case RD_KAFKA_RESP_ERR__FENCED:
	case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
	case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
		kafka_fail(k, -EIDRM, ERR_PIPE_FENCED, NULL, "%s", text);
		return;
	default:
		kafka_fail(k, -ECONNRESET, ERR_PIPE_FATAL, NULL, "%s", text);
	}
}

void kafka_error_event(struct kafka *k, rd_kafka_resp_err_t code, const char *reason)
{
	pipe_count(&k->base.errors, 1);
	usec_t now = clock_boot();
	switch (code) {
	case RD_KAFKA_RESP_ERR__FATAL:
		if (!k->fatal_at)
			k->fatal_at = now;
		return;
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		if (k->last_error[0])
			return; /* a broker's own words say more */
		break;
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
	case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
	case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
		if (!k->auth_failed_at)
			k->auth_failed_at = now;
		break;
	default:
		/* A broker that refuses our certificate says so on a connection that stood. */
		if ((code == RD_KAFKA_RESP_ERR__SSL || strstr(reason, "SSL alert number")) &&
		    !k->tls_failed_at)
			k->tls_failed_at = now;
		break;
	}
	snprintf(k->last_error, sizeof(k->last_error), "%s", reason);
}

/*
 * librdkafka before 2.6.1 sends its own nonce twice in SCRAM's last message (its pull
 * request 4895). Brokers of Kafka 4 refuse that as they refuse a wrong password.
 */
static const char *scram_hint(const struct kafka *k)
{
	enum { FIXED = 0x02060100 };
	if (!k->scram || rd_kafka_version() >= FIXED)
		return "";
	return "; if the password is right: SCRAM with Kafka 4 needs librdkafka 2.6.1 or newer, "
	       "until then use PLAIN over TLS or a client certificate";
}

void kafka_error_security(struct kafka *k, usec_t now)
{
	if (atomic_load(&k->brokers_up) > 0) {
		k->auth_failed_at = k->tls_failed_at = 0;
		return;
	}
	usec_t auth = (k->was_up ? WAS_UP_PATIENCE_MS : 0) * USEC_PER_MSEC;
	usec_t tls = (k->was_up ? WAS_UP_PATIENCE_MS : TLS_PATIENCE_MS) * USEC_PER_MSEC;
	if (k->auth_failed_at && now - k->auth_failed_at >= auth)
		kafka_fail(k, -EACCES, ERR_PIPE_SECURITY, NULL, "%s%s", k->last_error,
			   scram_hint(k));
	else if (k->tls_failed_at && now - k->tls_failed_at >= tls)
		kafka_fail(k, -EACCES, ERR_PIPE_SECURITY, NULL, "%s", k->last_error);
}

/*
 * True when each partition still holds the last message that it acknowledged; *ret_gone
 * is the first that does not. When one cannot be asked, they pass.
 */
static bool offsets_hold(struct kafka *k, const struct kafka_topic *t, int *ret_gone)
{
	for (int i = 0; i < t->npartitions; i++) {
		int64_t low;
		int64_t high;
		if (t->last[i] < 0)
			continue;
		if (rd_kafka_query_watermark_offsets(k->rk, t->name, i, &low, &high,
						     VERDICT_TIMEOUT_MS))
			return true;
		if (high <= t->last[i]) {
			*ret_gone = i;
			return false;
		}
	}
	return true;
}

/* Whether the cluster says so each time it is asked; -1: it cannot be asked. */
static int topic_gone(struct kafka *k, const struct kafka_topic *t)
{
	for (int i = 0; i < VERDICT_TRIES; i++) {
		const struct rd_kafka_metadata *md;
		if (i > 0)
			usleep(VERDICT_PAUSE_MS * 1000);
		if (rd_kafka_metadata(k->rk, 0, t->rkt, &md, VERDICT_TIMEOUT_MS))
			return -1;
		bool gone = md->topic_cnt == 1 &&
			    md->topics[0].err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
		rd_kafka_metadata_destroy(md);
		if (!gone)
			return 0;
	}
	return 1;
}

/*
 * A broker that is just starting may not know a topic yet: that is no loss, and the
 * producer is rebuilt. A topic that is gone, or was made anew, is: a person must know.
 */
void kafka_error_lost(struct kafka *k)
{
	struct kafka_topic *t = &k->topics[k->lost_topic];
	int partition = -1;
	int gone = topic_gone(k, t);
	if (gone == 1)
		kafka_fail(k, -ENOENT, ERR_PIPE_TOPIC_LOST, k->lost_record,
			   "topic %s, which this task wrote to, does not exist any more", t->name);
	else if (gone == 0 && !offsets_hold(k, t, &partition))
		kafka_fail(k, -ENOENT, ERR_PIPE_TOPIC_LOST, k->lost_record,
			   "topic %s, partition %d, ends before offset %lld, which was "
			   "acknowledged: it was deleted and made anew, or lost data",
			   t->name, partition, (long long)t->last[partition]);
	else
		kafka_fail(k, -ECONNRESET, ERR_PIPE_FATAL, NULL,
			   "topic %s was unknown to its broker for a while", t->name);
}
