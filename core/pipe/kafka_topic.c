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

enum {
	METADATA_TIMEOUT_MS = 2000,
	/* Between attempts: from the first, doubling to the second. */
	RETRY_MIN_MS = 5,
	RETRY_MAX_MS = 200,
	/* How long a topic may be in the making while brokers are up. */
	PATIENCE_MS = 30000,
	/* What a partition has of this producer: nothing, a message on its way, one for sure. */
	PROOF_NONE = 0,
	PROOF_ASKED,
	PROOF_GIVEN,
	/* One step asks for metadata no longer than this, then acknowledgements are served. */
	STEP_MS = 100,
};

void kafka_topic_fail(struct kafka *k, struct kafka_topic *t, int rc, const struct err_kind *kind,
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

void kafka_topic_later(struct kafka *k, struct kafka_topic *t, const struct err_kind *kind,
		       const char *why)
{
	usec_t now = clock_boot();
	if (atomic_load(&k->brokers_up) == 0 || kind == ERR_PIPE_UNREACHABLE) {
		t->give_up_at = 0;
	} else if (!t->give_up_at) {
		t->give_up_at = now + PATIENCE_MS * USEC_PER_MSEC;
	} else if (now >= t->give_up_at) {
		kafka_topic_fail(k, t, -EACCES, kind, "it cannot be used: %s", why);
		return;
	}
	t->state = TOPIC_NEW;
	int64_t ms = (int64_t)RETRY_MIN_MS << (t->attempts < 8 ? t->attempts++ : 8);
	t->retry_at = now + (ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS) * USEC_PER_MSEC;
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
	if (!t->failure)
		return err_set(err, t->failure_rc, ERR_MEMORY, "topic %s cannot be used", t->name);
	return t->failure_rc;
}

/* Partitions are as the topic has them; what the document asks for is for new topics. */
static int topic_found(struct kafka *k, struct kafka_topic *t, int n)
{
	if (n <= t->npartitions)
		return 0;
	if (!t->created && t->npartitions == 0 && k->partitions > 0 && k->partitions != n)
		log_info("topic %s exists with %d partitions (new topics get %d)", t->name, n,
			 (int)k->partitions);
	int64_t *last = realloc(t->last, (size_t)n * sizeof(*last));
	if (!last)
		return -ENOMEM;
	t->last = last;
	unsigned char *proof = realloc(t->proof, (size_t)n);
	if (!proof)
		return -ENOMEM;
	t->proof = proof;
	unsigned char *touched = realloc(t->touched, (size_t)n);
	if (!touched)
		return -ENOMEM;
	t->touched = touched;
	for (int i = t->npartitions; i < n; i++) {
		last[i] = -1;
		proof[i] = PROOF_NONE;
		touched[i] = 0;
	}
	t->unproven += n - t->npartitions;
	t->npartitions = n;
	return 0;
}

/*
 * The partition as the default partitioner finds it. With another one, or without a key,
 * it is a bucket like any other: what is sent and what is acknowledged agree on it.
 */
static int32_t bucket(const struct kafka_topic *t, const void *key, size_t len)
{
	return key ? rd_kafka_msg_partitioner_murmur2(t->rkt, key, len, t->npartitions, NULL, NULL)
		   : 0;
}

bool kafka_topic_admits(struct kafka_topic *t, const void *key, size_t key_len)
{
	return t->unproven == 0 || t->proof[bucket(t, key, key_len)] != PROOF_ASKED;
}

void kafka_topic_sent(struct kafka_topic *t, const void *key, size_t key_len)
{
	int32_t b = t->unproven ? bucket(t, key, key_len) : 0;
	if (t->unproven && t->proof[b] == PROOF_NONE)
		t->proof[b] = PROOF_ASKED;
}

void kafka_topic_acked(struct kafka_topic *t, const void *key, size_t key_len)
{
	int32_t b = bucket(t, key, key_len);
	if (t->proof[b] == PROOF_ASKED) {
		t->proof[b] = PROOF_GIVEN;
		t->unproven--;
	}
}

/*
 * Asks the cluster for one topic, in place. Returns whether it is to be created; its
 * state is TOPIC_DESCRIBING when it is there.
 */
static bool topic_lookup(struct kafka *k, struct kafka_topic *t)
{
	if (!t->rkt && !(t->rkt = rd_kafka_topic_new(k->rk, t->name, NULL))) {
		kafka_topic_fail(k, t, -EACCES, ERR_PIPE_REFUSED, "%s",
				 rd_kafka_err2str(rd_kafka_last_error()));
		return false;
	}
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t code = rd_kafka_metadata(k->rk, 0, t->rkt, &md, METADATA_TIMEOUT_MS);
	if (code) {
		kafka_topic_later(k, t, ERR_PIPE_UNREACHABLE, rd_kafka_err2str(code));
		return false;
	}
	code = md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	int n = md->topic_cnt == 1 ? md->topics[0].partition_cnt : 0;
	k->answered_by = md->orig_broker_id;
	rd_kafka_metadata_destroy(md);
	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		if (n == 0)
			kafka_topic_later(k, t, ERR_PIPE_REFUSED, "it has no partitions");
		else if (topic_found(k, t, n) < 0)
			kafka_topic_fail(k, t, -ENOMEM, ERR_MEMORY, "no memory");
		else
			t->state = TOPIC_DESCRIBING;
		return false;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		if (t->created) /* brokers learn of it one after another */
			kafka_topic_later(k, t, ERR_PIPE_TOPIC_LOST,
					  "it was created, and then no broker knew it");
		else if (k->create)
			return true;
		else
			kafka_topic_fail(k, t, -ENOENT, ERR_PIPE_REFUSED,
					 "it does not exist, and pipe.topics.create is false");
		return false;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		kafka_topic_fail(k, t, -EACCES, ERR_PIPE_REFUSED,
				 "%s; grant our user Describe and Write on the topic%s",
				 rd_kafka_err2str(code),
				 k->create ? ", and Create if it is to be made" : "");
		return false;
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		kafka_topic_fail(k, t, -EINVAL, ERR_PIPE_REFUSED, "%s", rd_kafka_err2str(code));
		return false;
	default: /* no leader yet, and the like */
		kafka_topic_later(k, t, ERR_PIPE_REFUSED, rd_kafka_err2str(code));
		return false;
	}
}

void kafka_topics_step(struct kafka *k)
{
	struct kafka_topic *missing[TOPICS_BATCH_MAX];
	struct kafka_topic *found[TOPICS_BATCH_MAX];
	size_t nmissing = 0;
	size_t nfound = 0;
	usec_t now = clock_boot();
	usec_t end = now + STEP_MS * USEC_PER_MSEC;
	if (k->opening == 0 || atomic_load(&k->brokers_up) == 0)
		return;
	for (uint32_t i = 0; i < k->ntopics && nmissing + nfound < TOPICS_BATCH_MAX; i++) {
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
		kafka_topics_create(k, missing, nmissing);
	if (nfound)
		kafka_topics_describe(k, found, nfound);
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

void kafka_topics_reset(struct kafka *k)
{
	for (uint32_t i = 0; i < k->ntopics; i++) {
		struct kafka_topic *t = &k->topics[i];
		if (t->rkt)
			rd_kafka_topic_destroy(t->rkt);
		t->rkt = NULL;
		if (t->proof)
			memset(t->proof, PROOF_NONE, (size_t)t->npartitions);
		t->unproven = t->npartitions;
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
		free(k->topics[i].proof);
		free(k->topics[i].touched);
		free(k->topics[i].failure);
	}
	free(k->topics);
}
