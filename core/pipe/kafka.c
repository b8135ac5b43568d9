/*
 * kafka.c - the Kafka pipe: the producer and its delivery reports.
 *
 * Idempotent, acks=all, five requests in flight a broker: what is put arrives once and
 * in order within its partition as long as this producer lives. What it cannot promise
 * is that nobody else writes the same rows: see the delivery modes in docs/.
 *
 * The deliver thread runs everything here. Messages are produced without a copy:
 * librdkafka's threads read the record's bytes until its delivery report was served, or
 * until rd_kafka_destroy() has joined them; so records must stay until ack() or
 * pipe_close(). Keys and headers are copied by the library.
 *
 * One producer may follow another inside one pipe: when batches have to become smaller
 * (kafka_topic.c) and nothing is in flight. The descriptors stay the same.
 */
#include "core/pipe/kafka_priv.h"

#include "common/contract/errors.h"
#include "common/os/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	/* A dead producer's reason comes in a report behind the news, or not at all. */
	FATAL_REASON_MS = 500,
	/* The state is looked at this often at least. */
	CLOCK_MS = 500,
};

void kafka_fail(struct kafka *k, int rc, const struct err_kind *kind, struct record *r,
		const char *fmt, ...)
{
	if (k->failure_rc)
		return;
	char text[sizeof(k->failure.text)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	k->failure_rc = err_set(&k->failure, rc, kind, "%s", text);
	k->base.failed_record = r;
}

/* NULL when it has none. */
static inline const uint8_t *record_kafka_key(const struct record *r)
{
	return r->flags & RECORD_NO_KEY ? NULL : record_key(r);
}

/* A partition's offsets only rise: one that went back was made anew or lost data. */
static inline bool offset_rises(struct kafka_topic *t, int32_t partition, int64_t offset)
{
	if (partition >= t->npartitions || offset < 0)
		return true; /* added since, or a repeat whose offset is not told */
	if (offset <= t->last[partition])
		return false;
	t->last[partition] = offset;
	return true;
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct kafka *k = opaque;
	struct record *r = m->_private;
	(void)rk;
	if (__builtin_expect(m->err != RD_KAFKA_RESP_ERR_NO_ERROR, 0)) {
		pipe_count(&k->base.errors, 1);
		k->aborted |= k->in_transaction && (m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
						    m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT);
		if (r)
			kafka_error_report(k, m);
		else
			kafka_position_refused(k, m);
		return;
	}
	if (!r)
		return; /* of the position topic */
	struct kafka_topic *t = &k->topics[r->topic];
	if (__builtin_expect(r == k->alone, 0))
		k->alone = NULL;
	if (__builtin_expect(!offset_rises(t, m->partition, m->offset), 0)) {
		kafka_fail(k, -ENOENT, ERR_PIPE_TOPIC_LOST, r,
			   "topic %s, partition %d: a message got offset %lld, but offset %lld was "
			   "acknowledged before: the topic was made anew or lost data",
			   t->name, (int)m->partition, (long long)m->offset,
			   (long long)t->last[m->partition]);
		return;
	}
	if (__builtin_expect(t->unproven > 0, 0))
		kafka_topic_acked(t, record_kafka_key(r), (size_t)r->key_len);
	if (k->in_transaction)
		kafka_touch(k, r->topic, m->partition);
	if (__builtin_expect(k->failure_rc == 0, 1))
		pipe_ack(&k->base, r);
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	(void)rk;
	kafka_error_event(opaque, (rd_kafka_resp_err_t)code, reason);
}

static void on_throttle(rd_kafka_t *rk, const char *name, int32_t id, int ms, void *opaque)
{
	struct kafka *k = opaque;
	(void)rk, (void)name, (void)id;
	pipe_count(&k->base.throttle_ms, ms > 0 ? (uint64_t)ms : 0);
}

/* The library repeats itself at each retry; what matters reaches the task as an error. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk, (void)level;
	log_debug("librdkafka %s: %s", facility, text);
}

static int producer_start(struct kafka *k, struct err *err)
{
	char text[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_dup(k->conf);
	if (k->next_batch) {
		snprintf(text, sizeof(text), "%zu", k->next_batch);
		(void)rd_kafka_conf_set(conf, "batch.size", text, NULL, 0);
		k->next_batch = 0;
	}
	k->batch_bytes = kafka_conf_size(conf, "batch.size");
	atomic_store_explicit(&k->base.batch_bytes, k->batch_bytes, memory_order_relaxed);
	rd_kafka_conf_set_opaque(conf, k);
	rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_throttle_cb(conf, on_throttle);
	rd_kafka_conf_set_log_cb(conf, on_log);
	/* Interceptors are the one thing that rd_kafka_conf_dup() leaves out. */
	(void)rd_kafka_conf_interceptor_add_on_new(conf, "state", kafka_state_on_new, k);

	k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	/*
	 * librdkafka 2.0.2 has freed the interceptors when it fails, so that destroying
	 * conf would free them again: it is left alone. kafka_conf.c tried the settings,
	 * what remains is a system out of threads or memory.
	 */
	if (!k->rk)
		return err_set(err, -ENOMEM, ERR_MEMORY, "the Kafka producer cannot be made: %s",
			       text);
	rd_kafka_set_log_queue(k->rk, NULL);
	static const uint64_t one = 1;
	k->mainq = rd_kafka_queue_get_main(k->rk);
	rd_kafka_queue_io_event_enable(k->mainq, k->events, &one, sizeof(one));
	k->adminq = rd_kafka_queue_new(k->rk);
	rd_kafka_queue_io_event_enable(k->adminq, k->events, &one, sizeof(one));
	k->down_since = k->progress_at = clock_boot();
	return 0;
}

static void producer_stop(struct kafka *k)
{
	if (!k->rk)
		return;
	k->alone = NULL;
	if (k->transactional)
		kafka_transaction_end(k);
	kafka_topics_reset(k);
	rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
				      RD_KAFKA_PURGE_F_NON_BLOCKING);
	rd_kafka_queue_io_event_enable(k->adminq, -1, NULL, 0);
	rd_kafka_queue_io_event_enable(k->mainq, -1, NULL, 0);
	rd_kafka_queue_destroy(k->adminq);
	rd_kafka_queue_destroy(k->mainq);
	rd_kafka_destroy(k->rk); /* joins its threads: nothing refers to a record any more */
	k->rk = NULL;
	atomic_store(&k->brokers_up, 0);
}

static rd_kafka_headers_t *message_headers(const struct record *r)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
	struct cursor c = cursor_of(record_headers(r), r->headers_len);
	struct message_header h;
	while (headers && message_header_next(&c, &h))
		rd_kafka_header_add(headers, (const char *)h.name.p, (ssize_t)h.name.len, h.value.p,
				    (ssize_t)h.value.len);
	return headers;
}

/* Whether a message for this topic can be produced now. */
static inline bool takes(const struct kafka *k, uint32_t topic)
{
	return topic < k->ntopics && k->topics[topic].state == TOPIC_READY && !k->next_batch &&
	       !k->fatal_at && !k->lost;
}

/* Only compression lets it pass, if at all. Of a topic that is not told of, a batch of its own. */
static inline bool may_be_oversize(const struct kafka *k, const struct kafka_topic *t,
				   const struct record *r)
{
	size_t size = (size_t)r->key_len + r->headers_len + r->value_len;
	return size > (t->max_bytes ? t->max_bytes : k->batch_bytes);
}

/*
 * A record that is refused ends the pipe, and what flies with it. So that lands first: the
 * next run then begins at this record, and not every run in front of those.
 */
static int refuse(struct kafka *k, struct record *r, int rc, struct err *err)
{
	if (rc == -EAGAIN)
		return rc;
	if (pipe_in_flight(&k->base) > 0) {
		err_clear(err);
		return -EAGAIN;
	}
	k->base.failed_record = r;
	return rc;
}

static int kafka_put(struct pipe *p, struct record *r, struct err *err)
{
	struct kafka *k = (struct kafka *)p;
	k->refused = false;
	if (__builtin_expect(!takes(k, r->topic), 0)) {
		int rc = kafka_topic_open(k, r->topic, err);
		if (rc == 0 && !takes(k, r->topic))
			rc = -EAGAIN; /* pipe_serve has to act first */
		if (rc == -EAGAIN) {
			k->refused = true;
			k->refused_topic = r->topic;
		}
		if (rc < 0)
			return refuse(k, r, rc, err);
	}

	struct kafka_topic *t = &k->topics[r->topic];
	const uint8_t *key = record_kafka_key(r);
	if (__builtin_expect(t->unproven > 0, 0) &&
	    !kafka_topic_admits(t, key, (size_t)r->key_len))
		return -EAGAIN; /* the report of the one before wakes us */
	bool alone = may_be_oversize(k, t, r);
	if (__builtin_expect(k->alone || (alone && pipe_in_flight(p) > 0), 0))
		return -EAGAIN; /* likewise */
	if (k->transactional && !k->in_transaction) {
		int rc = kafka_begin(k, err);
		if (rc < 0)
			return rc;
	}
	const uint8_t *value = r->flags & RECORD_TOMBSTONE ? NULL : record_value(r);
	rd_kafka_headers_t *headers = r->headers_len ? message_headers(r) : NULL;
	rd_kafka_resp_err_t code = rd_kafka_producev(
		k->rk, RD_KAFKA_V_RKT(t->rkt), RD_KAFKA_V_MSGFLAGS(0),
		RD_KAFKA_V_KEY(key, (size_t)r->key_len),
		RD_KAFKA_V_VALUE((void *)(uintptr_t)value, (size_t)r->value_len),
		RD_KAFKA_V_TIMESTAMP(r->timestamp / USEC_PER_MSEC), RD_KAFKA_V_OPAQUE(r),
		RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
	if (__builtin_expect(code == RD_KAFKA_RESP_ERR_NO_ERROR, 1)) {
		pipe_count(&p->produced, 1);
		if (__builtin_expect(alone, 0))
			k->alone = r;
		if (__builtin_expect(t->unproven > 0, 0))
			kafka_topic_sent(t, key, (size_t)r->key_len);
		return 0;
	}
	if (headers)
		rd_kafka_headers_destroy(headers);
	return refuse(k, r, kafka_error_put(k, r, code, err), err);
}

/* The failure of this round, if there is one by now. */
static int conclude(struct kafka *k, usec_t now, struct err *err)
{
	if (!k->failure_rc && k->lost)
		kafka_error_lost(k);
	if (!k->failure_rc && k->aborted)
		kafka_transaction_aborted(k);
	if (!k->failure_rc && k->fatal_at && now - k->fatal_at >= FATAL_REASON_MS * USEC_PER_MSEC)
		kafka_error_fatal(k);
	if (!k->failure_rc && (k->auth_failed_at || k->tls_failed_at))
		kafka_error_security(k, now);
	if (!k->failure_rc)
		return 0;
	if (err)
		*err = k->failure;
	return k->failure_rc;
}

/* When there will be something to do although nobody sends anything; 0: never. */
static usec_t next_due(const struct kafka *k)
{
	usec_t due = kafka_topics_due(k);
	usec_t fatal = k->fatal_at ? k->fatal_at + FATAL_REASON_MS * USEC_PER_MSEC : 0;
	if (fatal && (!due || fatal < due))
		due = fatal;
	/* What was refused before would be taken, or refused for good, now. */
	bool again = k->refused && (takes(k, k->refused_topic) ||
				    k->topics[k->refused_topic].state == TOPIC_FAILED);
	return again || k->lost ? 1 : due;
}

/* Makes pipe_fd readable at `due`; 0: not. A time that has passed is now. */
static void set_alarm(struct kafka *k, usec_t due)
{
	if (due == k->alarm_at)
		return;
	struct itimerspec when = {.it_value = {.tv_sec = due / USEC_PER_SEC,
					       .tv_nsec = due % USEC_PER_SEC * 1000}};
	(void)timerfd_settime(k->alarm, TFD_TIMER_ABSTIME, &when, NULL);
	k->alarm_at = due;
}

int kafka_serve_now(struct kafka *k, struct err *err)
{
	eventfd_t ignored;
	(void)eventfd_read(k->events, &ignored);
	int n = rd_kafka_poll(k->rk, 0);
	if (k->opening > 0) {
		kafka_topics_results(k);
		usec_t due = kafka_topics_due(k);
		if (due && due <= clock_boot())
			kafka_topics_step(k);
	}
	if (__builtin_expect(k->next_batch && k->transactional, 0)) {
		/* Whoever makes another transactional producer has to take over again. */
		atomic_store_explicit(&k->base.batch_bytes, k->next_batch, memory_order_relaxed);
		kafka_fail(k, -ECONNRESET, ERR_PIPE_FATAL, NULL,
			   "batches of %zu bytes are too large for a topic: going on with %zu",
			   k->batch_bytes, k->next_batch);
	} else if (__builtin_expect(k->next_batch && pipe_in_flight(&k->base) == 0, 0)) {
		producer_stop(k);
		int rc = producer_start(k, err);
		if (rc < 0)
			return rc;
	}
	usec_t now = clock_boot();
	kafka_state_update(k, now);
	set_alarm(k, next_due(k));
	int rc = conclude(k, now, err);
	return rc < 0 ? rc : n;
}

static int kafka_serve(struct pipe *p, int timeout_ms, struct err *err)
{
	struct kafka *k = (struct kafka *)p;
	int n = kafka_serve_now(k, err);
	if (n != 0 || timeout_ms <= 0)
		return n < 0 ? n : 0;
	if (timeout_ms > CLOCK_MS)
		timeout_ms = CLOCK_MS;
	struct pollfd pfd = {.fd = p->fd, .events = POLLIN};
	(void)poll(&pfd, 1, timeout_ms);
	n = kafka_serve_now(k, err);
	return n < 0 ? n : 0;
}

static void kafka_close(struct pipe *p)
{
	struct kafka *k = (struct kafka *)p;
	producer_stop(k);
	kafka_topics_free(k);
	for (size_t i = 0; i < k->nconfig; i++) {
		free((char *)(uintptr_t)k->config[i].name);
		free((char *)(uintptr_t)k->config[i].value);
	}
	free(k->config);
	free(k->transactional);
	free(k->positions);
	free(k->touched);
	if (k->conf)
		rd_kafka_conf_destroy(k->conf);
	const int fds[] = {p->fd, k->events, k->alarm};
	for (size_t i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(k);
}

/* pipe_fd is an epoll descriptor over the library's events and our alarm. */
static int open_descriptors(struct kafka *k)
{
	k->base.fd = epoll_create1(EPOLL_CLOEXEC);
	k->events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	k->alarm = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (k->base.fd < 0 || k->events < 0 || k->alarm < 0)
		return -errno;
	struct epoll_event in = {.events = EPOLLIN};
	if (epoll_ctl(k->base.fd, EPOLL_CTL_ADD, k->events, &in) < 0 ||
	    epoll_ctl(k->base.fd, EPOLL_CTL_ADD, k->alarm, &in) < 0)
		return -errno;
	return 0;
}

static int copy_config(struct kafka *k, const struct pipe_options *opt)
{
	if (opt->topics.nconfig == 0)
		return 0;
	k->config = calloc(opt->topics.nconfig, sizeof(*k->config));
	if (!k->config)
		return -ENOMEM;
	for (; k->nconfig < opt->topics.nconfig; k->nconfig++) {
		struct pipe_pair *c = &k->config[k->nconfig];
		c->name = strdup(opt->topics.config[k->nconfig].name);
		c->value = strdup(opt->topics.config[k->nconfig].value);
		if (!c->name || !c->value) {
			k->nconfig++;
			return -ENOMEM;
		}
	}
	return 0;
}

static const struct pipe_ops kafka_ops = {
	.put = kafka_put,
	.serve = kafka_serve,
	.close = kafka_close,
	.topic_names = true,
};

static const struct pipe_ops transactional_ops = {
	.put = kafka_put,
	.serve = kafka_serve,
	.close = kafka_close,
	.takeover = kafka_takeover,
	.commit = kafka_commit,
	.hasten = kafka_hasten,
	.topic_names = true,
};

static int make_transactional(struct kafka *k, const struct pipe_options *opt, struct err *err)
{
	k->base.ops = &transactional_ops;
	k->transactional = strdup(opt->transaction.id);
	k->positions = strdup(opt->transaction.positions);
	if (!k->transactional || !k->positions)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a pipe");
	return kafka_conf_transactional(k->conf, k->transactional, err);
}

int kafka_open(const struct pipe_options *opt, struct pipe **ret, struct err *err)
{
	struct kafka *k = calloc(1, sizeof(*k));
	if (!k)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a pipe");
	k->base.ops = &kafka_ops;
	k->create = opt->topics.create;
	k->partitions = opt->topics.partitions;
	k->replication_factor = opt->topics.replication_factor;
	k->base.fd = k->events = k->alarm = -1;
	int rc = open_descriptors(k);
	if (rc < 0)
		rc = err_set(err, rc, ERR_MEMORY, "no descriptors for a pipe: %s", strerror(-rc));
	else if (copy_config(k, opt) < 0)
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a pipe");
	else
		rc = kafka_conf_make(opt, &k->conf, err);
	if (rc == 0 && opt->transaction.id)
		rc = make_transactional(k, opt, err);
	if (rc == 0) {
		k->scram = opt->sasl.mechanism && strncmp(opt->sasl.mechanism, "SCRAM", 5) == 0;
		k->base.message_max = kafka_conf_size(k->conf, "message.max.bytes");
		rc = producer_start(k, err);
	}
	if (rc < 0) {
		kafka_close(&k->base);
		return rc;
	}
	*ret = &k->base;
	return 0;
}
