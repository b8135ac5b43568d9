/*
 * kafka_positions.c - the topic of positions: made, checked, read to its end; and whether
 * every partition still has what the position covers. See transaction.h for its records.
 *
 * Runs inside pipe_takeover(), behind the fencing: no transaction of a predecessor is open
 * any more, so the last stable offset reaches the end of the log, and what is read up to
 * there is all that was ever committed. Whatever cannot be asked is an error.
 *
 * The reader is the library's simple consumer: it needs no consumer group and no right to
 * one. Deliver thread only.
 */
#include "core/pipe/kafka_priv.h"

#include "common/base/hash.h"
#include "common/contract/errors.h"
#include "common/os/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ASK_MS = 2000,       /* one question to a broker */
	STEP_MS = 100,       /* between two looks */
	TRIES_S = 60,        /* for everything here, while brokers are up */
	SEGMENT_BYTES = 16 << 20, /* what is compacted is closed segments: read at a takeover */
};

/* What was read: the last offset of a partition that the position covers. */
struct covered {
	UT_hash_handle hh;
	int64_t offset;
	int32_t partition;
	bool found; /* the partition is that long */
	char *topic;
	char key[]; /* the record's, then the topic */
};

struct reading {
	struct kafka *k;
	struct pipe_takeover *t;
	usec_t deadline;
	struct covered *covered; /* by the record's key */
};

int kafka_wait(struct kafka *k, const struct pipe_takeover *t, struct err *err)
{
	int n = kafka_serve_now(k, err);
	if (n < 0)
		return n;
	return t->stop && t->stop(t->ctx) ? -ECANCELED : 0;
}

/* Again after a while, or that was too long. An outage does not count. */
static int later(struct reading *r, const char *why, struct err *err)
{
	int rc = kafka_wait(r->k, r->t, err);
	if (rc < 0)
		return rc;
	usec_t now = clock_boot();
	if (atomic_load(&r->k->brokers_up) == 0)
		r->deadline = now + TRIES_S * USEC_PER_SEC;
	if (now >= r->deadline)
		return err_set(err, -ECONNRESET, ERR_PIPE_FATAL,
			       "topic %s, the task's position: %s", r->k->positions, why);
	usleep(STEP_MS * 1000);
	return 0;
}

/* ---------------------------------------------------------------- the topic */

static int refused(const struct kafka *k, struct err *err, const char *why)
{
	return err_set(err, -EACCES, ERR_PIPE_REFUSED, "topic %s, the task's position: %s",
		       k->positions, why);
}

/* The event of an admin request, served until it comes; NULL: stopped or failed. */
static rd_kafka_event_t *answer(struct reading *r, rd_kafka_queue_t *queue, struct err *err,
				int *ret_rc)
{
	for (;;) {
		rd_kafka_event_t *ev = rd_kafka_queue_poll(queue, STEP_MS);
		*ret_rc = ev ? 0 : kafka_wait(r->k, r->t, err);
		if (ev || *ret_rc < 0)
			return ev;
	}
}

/*
 * Copies as the data has. Small segments, compacted early: the topic is read from its start
 * at each takeover.
 */
static rd_kafka_NewTopic_t *new_topic(struct kafka *k, char *text, size_t size)
{
	char bytes[16];
	rd_kafka_NewTopic_t *nt = rd_kafka_NewTopic_new(
		k->positions, 1, k->replication_factor > 0 ? k->replication_factor : -1, text, size);
	if (!nt)
		return NULL;
	snprintf(bytes, sizeof(bytes), "%d", SEGMENT_BYTES);
	(void)rd_kafka_NewTopic_set_config(nt, "cleanup.policy", "compact");
	(void)rd_kafka_NewTopic_set_config(nt, "segment.bytes", bytes);
	(void)rd_kafka_NewTopic_set_config(nt, "min.cleanable.dirty.ratio", "0.1");
	/* The brokers' clock: by ours, an hour or more ahead, they would refuse the record. */
	(void)rd_kafka_NewTopic_set_config(nt, "message.timestamp.type", "LogAppendTime");
	for (size_t i = 0; i < k->nconfig; i++)
		if (strcmp(k->config[i].name, "min.insync.replicas") == 0)
			(void)rd_kafka_NewTopic_set_config(nt, k->config[i].name,
							   k->config[i].value);
	return nt;
}

/* 0: made, or somebody has; else looked at again, or a failure. */
static int create(struct reading *r, rd_kafka_queue_t *queue, struct err *err)
{
	char text[256] = "";
	int rc;
	size_t n = 0;
	rd_kafka_NewTopic_t *nt = new_topic(r->k, text, sizeof(text));
	if (!nt)
		return refused(r->k, err, text);
	rd_kafka_CreateTopics(r->k->rk, &nt, 1, NULL, queue);
	rd_kafka_NewTopic_destroy(nt);
	rd_kafka_event_t *ev = answer(r, queue, err, &rc);
	if (!ev)
		return rc;
	rd_kafka_resp_err_t code = rd_kafka_event_error(ev);
	const rd_kafka_topic_result_t **res =
		code ? NULL
		     : rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev),
							   &n);
	if (n > 0) {
		code = rd_kafka_topic_result_error(res[0]);
		const char *words = rd_kafka_topic_result_error_string(res[0]);
		snprintf(text, sizeof(text), "%.200s", words ? words : rd_kafka_err2str(code));
	} else {
		snprintf(text, sizeof(text), "%.200s", rd_kafka_err2str(code));
	}
	rd_kafka_event_destroy(ev);
	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		log_info("created topic %s", r->k->positions);
		return 0;
	case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
		return 0;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
	case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
	case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
		return err_set(err, -EACCES, ERR_PIPE_REFUSED,
			       "topic %s, the task's position, does not exist and cannot be made "
			       "(%s): create it with one partition and cleanup.policy=compact, or "
			       "grant our user Create, Describe, Read and Write on it",
			       r->k->positions, text);
	default:
		return later(r, text, err);
	}
}

/* 1: it is compacted; who may not ask is believed to know. 0: ask again. */
static int check_policy(struct reading *r, rd_kafka_queue_t *queue, struct err *err)
{
	int rc;
	size_t n = 0, nentries = 0;
	char wrong[300] = "";
	rd_kafka_ConfigResource_t *res =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, r->k->positions);
	char text[128];
	rd_kafka_AdminOptions_t *o =
		rd_kafka_AdminOptions_new(r->k->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	(void)rd_kafka_AdminOptions_set_request_timeout(o, ASK_MS, text, sizeof(text));
	/* Any broker can tell; by default the library would wait to know the controller. */
	(void)rd_kafka_AdminOptions_set_broker(o, r->k->answered_by, text, sizeof(text));
	rd_kafka_DescribeConfigs(r->k->rk, &res, 1, o, queue);
	rd_kafka_AdminOptions_destroy(o);
	rd_kafka_ConfigResource_destroy(res);
	rd_kafka_event_t *ev = answer(r, queue, err, &rc);
	if (!ev)
		return rc;
	rd_kafka_resp_err_t code = rd_kafka_event_error(ev);
	if (code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT) {
		rd_kafka_event_destroy(ev);
		return later(r, rd_kafka_err2str(code), err);
	}
	const rd_kafka_ConfigResource_t **found = NULL;
	if (!rd_kafka_event_error(ev))
		found = rd_kafka_DescribeConfigs_result_resources(
			rd_kafka_event_DescribeConfigs_result(ev), &n);
	const rd_kafka_ConfigEntry_t **e =
		n ? rd_kafka_ConfigResource_configs(found[0], &nentries) : NULL;
	for (size_t i = 0; i < nentries; i++) {
		const char *value = rd_kafka_ConfigEntry_value(e[i]);
		if (value && strcmp(rd_kafka_ConfigEntry_name(e[i]), "cleanup.policy") == 0 &&
		    strcmp(value, "compact") != 0)
			snprintf(wrong, sizeof(wrong),
				 "its cleanup.policy is %.60s, so that the position would be deleted "
				 "one day: set it to compact",
				 value);
	}
	if (nentries == 0)
		log_warn("topic %s: whether it is compacted is not told (%s)", r->k->positions,
			 rd_kafka_err2str(rd_kafka_event_error(ev)));
	rd_kafka_event_destroy(ev);
	return wrong[0] ? refused(r->k, err, wrong) : 1;
}

/* 1: it is there, with one partition and a leader; 0: ask again. */
static int look(struct reading *r, rd_kafka_queue_t *queue, struct err *err)
{
	struct kafka *k = r->k;
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t code = rd_kafka_metadata(k->rk, 0, k->positions_rkt, &md, ASK_MS);
	if (code)
		return later(r, rd_kafka_err2str(code), err);
	code = md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	int n = md->topic_cnt == 1 ? md->topics[0].partition_cnt : 0;
	k->answered_by = md->orig_broker_id;
	bool led = n > 0 && !md->topics[0].partitions[0].err;
	rd_kafka_metadata_destroy(md);
	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		if (n > 1)
			return refused(k, err, "it has more than one partition");
		return led ? 1 : later(r, "it has no leader", err);
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: {
		int rc = create(r, queue, err);
		return rc < 0 ? rc : later(r, "no broker knows it", err);
	}
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		return refused(k, err,
			       "it is not for us: grant our user Create, Describe, Read and Write "
			       "on it (prefix __mr_positions.)");
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		return refused(k, err, rd_kafka_err2str(code));
	default:
		return later(r, rd_kafka_err2str(code), err);
	}
}

static int find_topic(struct reading *r, struct err *err)
{
	struct kafka *k = r->k;
	if (!k->positions_rkt)
		k->positions_rkt = rd_kafka_topic_new(k->rk, k->positions, NULL);
	if (!k->positions_rkt)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a topic");
	rd_kafka_queue_t *queue = rd_kafka_queue_new(k->rk);
	int rc;
	do
		rc = look(r, queue, err);
	while (rc == 0);
	if (rc > 0)
		do
			rc = check_policy(r, queue, err);
		while (rc == 0);
	rd_kafka_queue_destroy(queue);
	return rc < 0 ? rc : 0;
}

/* ---------------------------------------------------------------- reading */

/* "<topic>/<number>" and "<owner>\n<offset>"; what is not of that form is nobody's. */
static int keep_offset(struct reading *r, const rd_kafka_message_t *m)
{
	char key[300], value[300];
	size_t owner = strlen(r->t->owner);
	if (m->key_len >= sizeof(key) || m->len >= sizeof(value))
		return 0;
	memcpy(key, m->key, m->key_len);
	key[m->key_len] = 0;
	memcpy(value, m->payload, m->len);
	value[m->len] = 0;
	char *slash = strrchr(key, '/');
	if (!slash || strncmp(value, r->t->owner, owner) != 0 || value[owner] != '\n')
		return 0;
	int64_t offset = strtoll(value + owner + 1, NULL, 10);
	struct covered *c;
	HASH_FIND(hh, r->covered, key, m->key_len, c);
	if (c) {
		c->offset = offset;
		return 0;
	}
	c = calloc(1, sizeof(*c) + 2 * (m->key_len + 1));
	if (!c)
		return -ENOMEM;
	c->offset = offset;
	c->partition = (int32_t)strtol(slash + 1, NULL, 10);
	memcpy(c->key, key, m->key_len);
	c->topic = c->key + m->key_len + 1;
	memcpy(c->topic, key, (size_t)(slash - key));
	HASH_ADD_KEYPTR(hh, r->covered, c->key, m->key_len, c);
	if (HASH_IS_IN(c, hh))
		return 0;
	free(c);
	return -ENOMEM;
}

static int keep(struct reading *r, const rd_kafka_message_t *m)
{
	static const char position[] = "position";
	if (!m->key || !m->payload)
		return 0;
	if (m->key_len != sizeof(position) - 1 || memcmp(m->key, position, m->key_len) != 0)
		return keep_offset(r, m);
	buf_clear(r->t->position);
	buf_put(r->t->position, m->payload, m->len);
	return r->t->position->failed ? -ENOMEM : 0;
}

/* The end of the log, and the last stable offset as the reader sees it; 0: not yet. */
static int ends(struct reading *r, rd_kafka_t *reader, int64_t *ret_low, int64_t *ret_end,
		struct err *err)
{
	int64_t low, stable, end;
	rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
		r->k->rk, r->k->positions, 0, &low, &end, ASK_MS);
	if (!code)
		code = rd_kafka_query_watermark_offsets(reader, r->k->positions, 0, ret_low, &stable,
							ASK_MS);
	if (code)
		return later(r, rd_kafka_err2str(code), err);
	*ret_end = end;
	if (stable < end)
		return later(r, "a transaction in it is still open", err);
	return 1;
}

/* The reader tells of these and goes on behind what it could not read. */
static bool is_passed_over(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__BAD_MSG || code == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ||
	       code == RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED || code == RD_KAFKA_RESP_ERR__UNDERFLOW ||
	       code == RD_KAFKA_RESP_ERR_INVALID_MSG || code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
}

static int read_to(struct reading *r, rd_kafka_topic_t *rkt, int64_t end, struct err *err)
{
	for (;;) {
		rd_kafka_message_t *m = rd_kafka_consume(rkt, 0, STEP_MS);
		int rc = 0;
		bool done = false;
		const char *why = "it is not read in time";
		if (m && m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			done = m->offset >= end;
		else if (m && m->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
			rc = refused(r->k, err, "grant our user Read on it");
		else if (m && is_passed_over(m->err))
			rc = err_set(err, -ECONNRESET, ERR_PIPE_FATAL,
				     "topic %s, the task's position, cannot be read: %s",
				     r->k->positions, rd_kafka_err2str(m->err));
		else if (m && m->err)
			why = rd_kafka_err2str(m->err);
		else if (m && keep(r, m) < 0)
			rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a position");
		bool idle = !m || m->err;
		if (m)
			rd_kafka_message_destroy(m);
		if (rc < 0 || done)
			return rc;
		rc = idle ? later(r, why, err) : 0;
		if (rc < 0)
			return rc;
	}
}

static rd_kafka_t *open_reader(struct kafka *k, struct err *err)
{
	static const struct pipe_pair changed[] = {
		{"enable.gapless.guarantee", "false"}, {"enable.idempotence", "false"},
		{"isolation.level", "read_committed"}, {"enable.partition.eof", "true"},
		{"fetch.wait.max.ms", "20"},	       {"auto.offset.reset", "error"},
		{"check.crcs", "true"},		       {"fetch.error.backoff.ms", "50"},
	};
	char text[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_dup(k->conf);
	for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++)
		(void)rd_kafka_conf_set(conf, changed[i].name, changed[i].value, NULL, 0);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (!rk) {
		rd_kafka_conf_destroy(conf);
		err_set(err, -ENOMEM, ERR_MEMORY, "the reader of topic %s cannot be made: %s",
			k->positions, text);
		return NULL;
	}
	rd_kafka_set_log_queue(rk, NULL);
	return rk;
}

static int read_topic(struct reading *r, struct err *err)
{
	int64_t low = 0, end = 0;
	rd_kafka_t *reader = open_reader(r->k, err);
	if (!reader)
		return -ENOMEM;
	int rc;
	do
		rc = ends(r, reader, &low, &end, err);
	while (rc == 0);
	if (rc > 0 && low < end) {
		rd_kafka_topic_t *rkt = rd_kafka_topic_new(reader, r->k->positions, NULL);
		rc = rkt && rd_kafka_consume_start(rkt, 0, low) == 0
			     ? read_to(r, rkt, end, err)
			     : err_set(err, -ENOMEM, ERR_MEMORY, "topic %s cannot be read",
				       r->k->positions);
		if (rkt) {
			(void)rd_kafka_consume_stop(rkt, 0);
			rd_kafka_topic_destroy(rkt);
		}
	}
	rd_kafka_destroy(reader);
	return rc < 0 ? rc : 0;
}

/* ---------------------------------------------------------------- what it covers */

/* 1: the partition is that long; 0: ask again. */
static int check_end(struct reading *r, const struct covered *c, struct err *err)
{
	int64_t low, high = 0;
	rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(r->k->rk, c->topic, c->partition,
								    &low, &high, ASK_MS);
	bool gone = code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
		    code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
		    code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	if (code && !gone)
		return later(r, rd_kafka_err2str(code), err);
	if (!gone && high > c->offset)
		return 1;
	/* A broker that has just started may not know all it has. */
	static const usec_t sure = 5 * USEC_PER_SEC;
	if (clock_boot() < r->deadline - TRIES_S * USEC_PER_SEC + sure)
		return later(r, "", err);
	if (gone)
		return err_set(err, -ENOENT, ERR_PIPE_TOPIC_LOST,
			       "topic %s, partition %d, does not exist any more; the task's "
			       "position covers its offset %lld",
			       c->topic, (int)c->partition, (long long)c->offset);
	return err_set(err, -ENOENT, ERR_PIPE_TOPIC_LOST,
		       "topic %s, partition %d, ends at offset %lld, but the task's position "
		       "covers offset %lld: it was deleted and made anew, or lost data",
		       c->topic, (int)c->partition, (long long)high, (long long)c->offset);
}

/*
 * Asks for all ends with one request a broker, and believes only what confirms an offset. What
 * that does not answer is asked again, one by one.
 */
static void find_ends(struct reading *r)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new((int)HASH_COUNT(r->covered));
	struct covered *c;
	for (c = r->covered; c; c = c->hh.next) {
		rd_kafka_topic_partition_t *p =
			rd_kafka_topic_partition_list_add(list, c->topic, c->partition);
		p->offset = RD_KAFKA_OFFSET_END; /* in the place of a time */
		p->opaque = c;
	}
	if (list->cnt > 0)
		(void)rd_kafka_offsets_for_times(r->k->rk, list, ASK_MS);
	for (int i = 0; i < list->cnt; i++) {
		c = list->elems[i].opaque;
		c->found = !list->elems[i].err && list->elems[i].offset > c->offset;
	}
	rd_kafka_topic_partition_list_destroy(list);
}

static int check_ends(struct reading *r, struct err *err)
{
	int rc = 1;
	find_ends(r);
	for (const struct covered *c = r->covered; c && rc > 0; c = c->hh.next) {
		if (c->found)
			continue;
		r->deadline = clock_boot() + TRIES_S * USEC_PER_SEC;
		do
			rc = check_end(r, c, err);
		while (rc == 0);
	}
	return rc < 0 ? rc : 0;
}

int kafka_positions_read(struct kafka *k, struct pipe_takeover *t, struct err *err)
{
	struct reading r = {.k = k, .t = t, .deadline = clock_boot() + TRIES_S * USEC_PER_SEC};
	buf_clear(t->position);
	int rc = find_topic(&r, err);
	if (rc == 0)
		rc = read_topic(&r, err);
	if (rc == 0)
		rc = check_ends(&r, err);
	if (rc == 0) {
		char *id = rd_kafka_clusterid(k->rk, ASK_MS);
		if (id)
			snprintf(t->cluster, sizeof(t->cluster), "%s", id);
		else
			rc = err_set(err, -ECONNRESET, ERR_PIPE_FATAL,
				     "the brokers do not tell their cluster's id");
		rd_kafka_mem_free(k->rk, id);
	}
	struct covered *c, *next;
	HASH_ITER (hh, r.covered, c, next) {
		HASH_DEL(r.covered, c);
		free(c);
	}
	return rc;
}
