/*
 * kafka_topic.c - finding, making and describing topics, when their first record comes.
 *
 *   NEW --metadata--> it exists ----------------> DESCRIBING --> READY
 *     \-------------> it is missing -> CREATING -> NEW again
 *
 * When one topic has to be opened, all others that have a number by then are opened with
 * it: a task that starts on a thousand tables sends a few requests, not thousands.
 * CreateTopics and DescribeConfigs run in the background; metadata has no such call in
 * the library and is asked for in place, only while a broker is up, so that it takes
 * milliseconds; nothing is asked while none is: an outage is waited for.
 *
 * DescribeConfigs tells max.message.bytes, which the broker applies to whole batches. A
 * topic that takes less than our batches would refuse small messages for the company
 * they travel in; then kafka.c lets what flies land and goes on with a producer whose
 * batches fit. Who may not describe a topic does without (see oversize() in
 * kafka_error.c).
 *
 * Deliver thread only. Owns the array of topics; names are the registry's.
 */
#include "core/pipe/kafka_priv.h"

#include "common/contract/errors.h"
#include "common/os/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	METADATA_TIMEOUT_MS = 2000,
	ADMIN_TIMEOUT_MS = 15000,
	/* Between attempts: from the first, doubling to the second. */
	RETRY_MIN_MS = 5,
	RETRY_MAX_MS = 200,
	/* How long a topic may be in the making while brokers are up. */
	PATIENCE_MS = 30000,
	/* One step asks for metadata no longer than this, then acknowledgements are served. */
	STEP_MS = 100,
	BATCH_MAX = 200, /* topics in one admin request */
	VERDICT_TRIES = 5,
	VERDICT_PAUSE_MS = 300,
};

/* An error that concerns one topic: kept until a record for it comes. */
static void topic_fail(struct kafka *k, struct kafka_topic *t, int rc, const struct err_kind *kind,
		       const char *fmt, ...) MR_PRINTF(5, 6);

static void topic_fail(struct kafka *k, struct kafka_topic *t, int rc, const struct err_kind *kind,
		       const char *fmt, ...)
{
	char text[sizeof(t->failure->text)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	t->failure = calloc(1, sizeof(*t->failure)); /* NULL: the code alone remains */
	t->failure_rc = err_set(t->failure, rc, kind, "topic %s: %s", t->name, text);
	t->state = TOPIC_FAILED;
	k->opening--;
}

/* Not yet: again in a while, unless brokers that are up have said so for too long. */
static void topic_later(struct kafka *k, struct kafka_topic *t, const struct err_kind *kind,
			const char *why)
{
	usec_t now = clock_boot();
	if (atomic_load(&k->brokers_up) == 0)
		t->give_up_at = 0;
	else if (!t->give_up_at)
		t->give_up_at = now + PATIENCE_MS * USEC_PER_MSEC;
	else if (now >= t->give_up_at) {
		topic_fail(k, t, -EACCES, kind, "it cannot be used: %s", why);
		return;
	}
	t->state = TOPIC_NEW;
	int64_t ms = (int64_t)RETRY_MIN_MS << (t->attempts < 8 ? t->attempts++ : 8);
	t->retry_at = now + (ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS) * USEC_PER_MSEC;
}

static struct kafka_topic *topic_by_name(struct kafka *k, const char *name)
{
	uint32_t number;
	struct err err;
	if (pipe_topic(&k->base, name, &number, &err) < 0 || number >= k->ntopics)
		return NULL;
	return &k->topics[number];
}

/* Entries for every topic that has a number. */
static int topics_grow(struct kafka *k)
{
	pthread_mutex_lock(&k->base.topics.lock);
	uint32_t n = k->base.topics.n;
	if (n > k->ntopics) {
		struct kafka_topic *topics = realloc(k->topics, n * sizeof(*topics));
		if (!topics) {
			pthread_mutex_unlock(&k->base.topics.lock);
			return -ENOMEM;
		}
		k->topics = topics;
		for (uint32_t i = k->ntopics; i < n; i++) {
			topics[i] = (struct kafka_topic){.name = k->base.topics.names[i]};
			k->opening++;
		}
		k->ntopics = n;
	}
	pthread_mutex_unlock(&k->base.topics.lock);
	return 0;
}

int kafka_topic_open(struct kafka *k, uint32_t number, struct err *err)
{
	if (number >= k->ntopics && topics_grow(k) < 0)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for topics");
	if (number >= k->ntopics)
		return err_set(err, -EINVAL, ERR_INTERNAL, "a record names topic number %u of %u",
			       number, k->ntopics);
	struct kafka_topic *t = &k->topics[number];
	if (t->state == TOPIC_NEW)
		kafka_topics_step(k);
	if (t->state == TOPIC_READY)
		return 0;
	if (t->state != TOPIC_FAILED)
		return -EAGAIN;
	if (err && t->failure)
		*err = *t->failure;
	return t->failure ? t->failure_rc : err_set(err, t->failure_rc, ERR_MEMORY, "topic %s", t->name);
}

/* Partitions are as the topic has them; what the document asks for is for new topics. */
static int topic_found(struct kafka *k, struct kafka_topic *t, int n)
{
	if (n > t->npartitions) {
		int64_t *last = realloc(t->last, (size_t)n * sizeof(*last));
		if (!last)
			return -ENOMEM;
		for (int i = t->npartitions; i < n; i++)
			last[i] = -1;
		t->last = last;
		t->npartitions = n;
	}
	if (!t->created && k->partitions > 0 && k->partitions != n)
		log_info("topic %s exists with %d partitions (the document asks for %d in new ones)",
			 t->name, n, (int)k->partitions);
	return 0;
}

/*
 * Asks the cluster for one topic, in place. Returns whether it is to be created; its
 * state is TOPIC_DESCRIBING when it is there.
 */
static bool topic_lookup(struct kafka *k, struct kafka_topic *t)
{
	if (!t->rkt && !(t->rkt = rd_kafka_topic_new(k->rk, t->name, NULL))) {
		topic_fail(k, t, -EACCES, ERR_PIPE_REFUSED, "%s",
			   rd_kafka_err2str(rd_kafka_last_error()));
		return false;
	}
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t code = rd_kafka_metadata(k->rk, 0, t->rkt, &md, METADATA_TIMEOUT_MS);
	if (code) {
		topic_later(k, t, ERR_PIPE_UNREACHABLE, rd_kafka_err2str(code));
		return false;
	}
	code = md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	int n = md->topic_cnt == 1 ? md->topics[0].partition_cnt : 0;
	k->answered_by = md->orig_broker_id;
	rd_kafka_metadata_destroy(md);
	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		if (n == 0)
			topic_later(k, t, ERR_PIPE_REFUSED, "it has no partitions");
		else if (topic_found(k, t, n) < 0)
			topic_fail(k, t, -ENOMEM, ERR_MEMORY, "no memory");
		else
			t->state = TOPIC_DESCRIBING;
		return false;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		if (t->created) /* brokers learn of it one after another */
			topic_later(k, t, ERR_PIPE_TOPIC_LOST,
				    "it was created, and then no broker knew it");
		else if (k->create)
			return true;
		else
			topic_fail(k, t, -ENOENT, ERR_PIPE_REFUSED,
				   "it does not exist, and pipe.topics.create is false");
		return false;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		topic_fail(k, t, -EACCES, ERR_PIPE_REFUSED,
			   "%s; grant our user Describe and Write on the topic%s",
			   rd_kafka_err2str(code), k->create ? ", and Create if it is to be made" : "");
		return false;
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		topic_fail(k, t, -EINVAL, ERR_PIPE_REFUSED, "%s", rd_kafka_err2str(code));
		return false;
	default: /* no leader yet, and the like */
		topic_later(k, t, ERR_PIPE_REFUSED, rd_kafka_err2str(code));
		return false;
	}
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
		topic_fail(k, t, -EINVAL, ERR_PIPE_REFUSED, "pipe.topics: %s", text);
		return NULL;
	}
	for (size_t i = 0; i < k->nconfig; i++)
		(void)rd_kafka_NewTopic_set_config(nt, k->config[i].name, k->config[i].value);
	return nt;
}

static void topics_create(struct kafka *k, struct kafka_topic **missing, size_t n)
{
	rd_kafka_NewTopic_t *nts[BATCH_MAX];
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

static void topics_describe(struct kafka *k, struct kafka_topic **found, size_t n)
{
	rd_kafka_ConfigResource_t *res[BATCH_MAX];
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

void kafka_topics_step(struct kafka *k)
{
	struct kafka_topic *missing[BATCH_MAX];
	struct kafka_topic *found[BATCH_MAX];
	size_t nmissing = 0;
	size_t nfound = 0;
	usec_t now = clock_boot();
	usec_t end = now + STEP_MS * USEC_PER_MSEC;
	if (k->opening == 0 || atomic_load(&k->brokers_up) == 0)
		return;
	for (uint32_t i = 0; i < k->ntopics && nmissing < BATCH_MAX && nfound < BATCH_MAX; i++) {
		struct kafka_topic *t = &k->topics[i];
		if (t->state != TOPIC_NEW || t->retry_at > now)
			continue;
		if (topic_lookup(k, t))
			missing[nmissing++] = t;
		else if (t->state == TOPIC_DESCRIBING)
			found[nfound++] = t;
		if (clock_boot() >= end)
			break;
	}
	if (nmissing)
		topics_create(k, missing, nmissing);
	if (nfound)
		topics_describe(k, found, nfound);
}

usec_t kafka_topics_due(const struct kafka *k)
{
	usec_t due = 0;
	if (k->opening == 0 || atomic_load(&k->brokers_up) == 0)
		return 0;
	for (uint32_t i = 0; i < k->ntopics; i++) {
		const struct kafka_topic *t = &k->topics[i];
		if (t->state == TOPIC_NEW && (due == 0 || t->retry_at < due))
			due = t->retry_at ? t->retry_at : 1;
	}
	return due;
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
		topic_later(k, t, ERR_PIPE_REFUSED, text);
		return;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		topic_fail(k, t, -EACCES, ERR_PIPE_REFUSED,
			   "it does not exist and we may not create it (%s); create it, or grant our "
			   "user Create on the topic or the cluster",
			   text);
		return;
	case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
	case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
	case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
	case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
		topic_fail(k, t, -EINVAL, ERR_PIPE_REFUSED, "it cannot be created: %s", text);
		return;
	default: /* too few brokers at the moment, another controller, a timeout */
		if (!t->give_up_at)
			log_warn("topic %s cannot be created, trying again: %s", t->name, text);
		topic_later(k, t, ERR_PIPE_REFUSED, text);
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
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);
		if (value && strcmp(rd_kafka_ConfigEntry_name(entries[i]), "max.message.bytes") == 0)
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
			topic_later(k, t, ERR_PIPE_UNREACHABLE, text);
		else if (state == TOPIC_DESCRIBING)
			topic_ready(k, t);
		else
			topic_fail(k, t, -EACCES, ERR_PIPE_REFUSED, "it cannot be created: %s", text);
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
		const rd_kafka_topic_result_t **res =
			rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev), &n);
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

void kafka_topics_reset(struct kafka *k)
{
	for (uint32_t i = 0; i < k->ntopics; i++) {
		struct kafka_topic *t = &k->topics[i];
		if (t->rkt)
			rd_kafka_topic_destroy(t->rkt);
		t->rkt = NULL;
		if (t->state == TOPIC_FAILED)
			continue;
		if (t->state == TOPIC_READY) {
			k->opening++;
			pipe_count(&k->base.opened, (uint64_t)-1);
		}
		t->state = TOPIC_NEW;
		t->retry_at = t->give_up_at = 0;
		t->attempts = 0;
	}
}

void kafka_topics_free(struct kafka *k)
{
	for (uint32_t i = 0; i < k->ntopics; i++) {
		free(k->topics[i].last);
		free(k->topics[i].failure);
	}
	free(k->topics);
}

/*
 * True when each partition still holds the last message that it acknowledged; *ret_gone
 * is the first that does not. A partition that cannot be asked passes.
 */
static bool offsets_hold(struct kafka *k, const struct kafka_topic *t, int *ret_gone)
{
	for (int i = 0; i < t->npartitions; i++) {
		int64_t low;
		int64_t high;
		if (t->last[i] < 0 || rd_kafka_query_watermark_offsets(k->rk, t->name, i, &low, &high,
								       METADATA_TIMEOUT_MS))
			continue;
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
		if (rd_kafka_metadata(k->rk, 0, t->rkt, &md, METADATA_TIMEOUT_MS))
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
void kafka_topic_verdict(struct kafka *k)
{
	struct kafka_topic *t = &k->topics[k->lost_topic];
	int partition = -1;
	int gone = topic_gone(k, t);
	if (gone == 1)
		kafka_fail(k, -ENOENT, ERR_PIPE_TOPIC_LOST, k->lost_record,
			   "topic %s, which this task wrote to, does not exist any more", t->name);
	else if (gone == 0 && !offsets_hold(k, t, &partition))
		kafka_fail(k, -ENOENT, ERR_PIPE_TOPIC_LOST, k->lost_record,
			   "topic %s, partition %d, ends before offset %lld, which was acknowledged: "
			   "it was deleted and made anew, or lost data",
			   t->name, partition, (long long)t->last[partition]);
	else
		kafka_fail(k, -ECONNRESET, ERR_PIPE_FATAL, NULL,
			   "topic %s was unknown to its broker for a while", t->name);
}
