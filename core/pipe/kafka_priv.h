/*
 * kafka_priv.h - what the files of the Kafka pipe share. They alone in core include
 * rdkafka.h: kafka.c (producer and reports), kafka_state.c (is the cluster there),
 * kafka_conf.c (options to the library's configuration), kafka_topic.c and kafka_admin.c
 * (finding, making and describing topics), kafka_error.c (what an error of the library
 * or a broker means for the task), kafka_transaction.c (fencing and committing),
 * kafka_positions.c (the topic of positions).
 *
 * Everything runs on the deliver thread, except on_broker_state(), which the library's
 * threads call.
 */
#ifndef MR_PIPE_KAFKA_PRIV_H
#define MR_PIPE_KAFKA_PRIV_H

#include "core/pipe/pipe_priv.h"

#include <librdkafka/rdkafka.h>

enum topic_state {
	TOPIC_NEW,        /* to be looked up, at retry_at */
	TOPIC_CREATING,   /* CreateTopics is under way */
	TOPIC_DESCRIBING, /* DescribeConfigs is under way */
	TOPIC_READY,
	TOPIC_FAILED, /* failure says why; told when a record for it comes */
};

struct kafka_topic {
	enum topic_state state;
	const char *name; /* the registry's */
	rd_kafka_topic_t *rkt;
	usec_t retry_at;
	usec_t give_up_at; /* 0: no attempt has failed yet */
	unsigned attempts; /* that failed */
	bool created;      /* by us */
	size_t max_bytes;  /* its max.message.bytes; 0: not known */
	int32_t npartitions;
	int64_t *last; /* last acknowledged offset by partition, -1: none */
	/*
	 * By partition: whether the broker has acknowledged anything of this producer yet, and
	 * how many partitions it has not. See kafka_topic_admits().
	 */
	unsigned char *proof;
	int32_t unproven;
	unsigned char *touched; /* by partition: the open transaction has written to it */
	struct err *failure;
	int failure_rc;
};

/* A partition that the open transaction has written to. */
struct kafka_touched {
	uint32_t topic;
	int32_t partition;
};

struct kafka {
	struct pipe base;
	rd_kafka_conf_t *conf; /* pattern for producers: one may follow another */
	rd_kafka_t *rk;
	rd_kafka_queue_t *mainq;
	rd_kafka_queue_t *adminq; /* results of CreateTopics and DescribeConfigs */
	int events;               /* eventfd: the library has something for us */
	int alarm;                /* timerfd: something is due */
	usec_t alarm_at;          /* 0: it is off */
	/*
	 * On its way, and maybe too large for its topic: it goes alone, so that its refusal
	 * takes nothing with it. NULL: none.
	 */
	const struct record *alone;
	bool refused;             /* the last pipe_put got -EAGAIN, for refused_topic */
	uint32_t refused_topic;

	/* How topics are made. */
	bool create;
	int32_t partitions;
	int16_t replication_factor;
	struct pipe_pair *config; /* owned, with its strings */
	size_t nconfig;

	bool scram; /* SASL with SCRAM is asked for */
	size_t batch_bytes; /* of rk */
	size_t next_batch;  /* not 0: a producer with this follows as soon as nothing flies */

	struct kafka_topic *topics; /* by number */
	uint32_t ntopics;
	uint32_t opening;    /* topics neither READY nor FAILED */
	int32_t answered_by; /* the broker that told metadata last */

	_Atomic int brokers_up; /* connections past their handshake and authentication */
	bool was_up;
	usec_t up_since;       /* while brokers_up is not 0 */
	usec_t down_since;     /* while it is 0 */
	usec_t progress_at;    /* last time something was acknowledged, or nothing waited */
	uint64_t progress_ack; /* acked, then */
	char last_error[256];  /* what the library said last about a connection */
	usec_t auth_failed_at; /* first refusal since a broker was up; 0: none */
	usec_t tls_failed_at;

	/* Transactions; `transactional` is NULL without them. Both owned. */
	char *transactional;
	char *positions;
	rd_kafka_topic_t *positions_rkt;
	bool in_transaction;
	usec_t committed;     /* the last transaction; clock_boot(), 0: none yet */
	bool aborted; /* the library gave up what was in it; it tells why when asked */
	struct kafka_touched *touched;
	size_t ntouched, touched_cap;

	/* The failure, as soon as there is one. */
	int failure_rc;
	struct err failure;
	/* The producer is dead, but the reason may be in a report that still comes. */
	usec_t fatal_at;
	/* A report says that this topic is gone: to be verified outside the callback. */
	bool lost;
	uint32_t lost_topic;
	struct record *lost_record;
};

/* kafka_conf.c */
int kafka_conf_make(const struct pipe_options *opt, rd_kafka_conf_t **ret, struct err *err);
/* Turns the configuration into that of a transactional producer. */
int kafka_conf_transactional(rd_kafka_conf_t *conf, const char *id, struct err *err);
size_t kafka_conf_size(const rd_kafka_conf_t *conf, const char *name);

/* kafka.c */
/* Records the first failure; later ones are consequences. */
void kafka_fail(struct kafka *k, int rc, const struct err_kind *kind, struct record *r,
		const char *fmt, ...) MR_PRINTF(5, 6);

/* What there is to do without waiting. Returns how many events that were, or -errno. */
int kafka_serve_now(struct kafka *k, struct err *err);

/* kafka_transaction.c */
int kafka_takeover(struct pipe *p, struct pipe_takeover *t, struct err *err);
int kafka_commit(struct pipe *p, const struct pipe_takeover *t, const void *position, size_t len,
		 struct err *err);
void kafka_hasten(struct pipe *p);
/* Before a message is produced: begins a transaction if none is open. */
int kafka_begin(struct kafka *k, struct err *err);
/* A message was acknowledged, with this offset. */
void kafka_touch(struct kafka *k, uint32_t topic, int32_t partition);
/* The library has dropped messages of the open transaction: notes why. */
void kafka_transaction_aborted(struct kafka *k);
/* A record of ours for the position topic was refused. */
void kafka_position_refused(struct kafka *k, const rd_kafka_message_t *m);
/* The producer is about to go: what is open is aborted, if that is possible. */
void kafka_transaction_end(struct kafka *k);

/* kafka_positions.c */
/* Serves the pipe, and asks whether to stop: 0, -ECANCELED, or the pipe's failure. */
int kafka_wait(struct kafka *k, const struct pipe_takeover *t, struct err *err);
/* Makes or checks the topic, reads it, checks the offsets in it; after the fencing. */
int kafka_positions_read(struct kafka *k, struct pipe_takeover *t, struct err *err);

/* kafka_state.c */
/* The interceptor that rd_kafka_conf_interceptor_add_on_new() takes; opaque: struct kafka. */
rd_kafka_resp_err_t kafka_state_on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
				       char *text, size_t size);
/* Looks at connections and acknowledgements, and tells the task of a change. */
void kafka_state_update(struct kafka *k, usec_t now);

/* kafka_topic.c */
/* 0: ready; -EAGAIN: being opened; otherwise a failure. */
int kafka_topic_open(struct kafka *k, uint32_t number, struct err *err);
/*
 * Whether a message with this key may go now. A broker that does not know a producer for a
 * partition takes any sequence number of it: if the first batch were put off (no leader
 * yet) and a second one taken, the second would stand in front. So the first message to
 * each partition goes alone, until it is acknowledged.
 */
bool kafka_topic_admits(struct kafka_topic *t, const void *key, size_t key_len);
/* The message is on its way, or has been acknowledged. */
void kafka_topic_sent(struct kafka_topic *t, const void *key, size_t key_len);
void kafka_topic_acked(struct kafka_topic *t, const void *key, size_t key_len);
/* Moves the opening of topics on, as far as that needs no waiting. */
void kafka_topics_step(struct kafka *k);
/* When kafka_topics_step has something to do next; 0: nothing planned. */
usec_t kafka_topics_due(const struct kafka *k);
/* The producer goes away: every topic is looked up again when it is needed. */
void kafka_topics_reset(struct kafka *k);
void kafka_topics_free(struct kafka *k);
/* An error that concerns one topic: kept until a record for it comes. */
void kafka_topic_fail(struct kafka *k, struct kafka_topic *t, int rc, const struct err_kind *kind,
		      const char *fmt, ...) MR_PRINTF(5, 6);
/* Not yet: again in a while, unless brokers that are up have said so for too long. */
void kafka_topic_later(struct kafka *k, struct kafka_topic *t, const struct err_kind *kind,
		       const char *why);

/* kafka_admin.c */
enum { TOPICS_BATCH_MAX = 200 }; /* topics in one request */
/* At most TOPICS_BATCH_MAX topics; their states change at once. */
void kafka_topics_create(struct kafka *k, struct kafka_topic **missing, size_t n);
/* Asks for the limits of topics that are TOPIC_DESCRIBING. */
void kafka_topics_describe(struct kafka *k, struct kafka_topic **found, size_t n);
/* Serves adminq. */
void kafka_topics_results(struct kafka *k);

/* kafka_error.c */
/* A message was refused for good: notes what that means. */
void kafka_error_report(struct kafka *k, const rd_kafka_message_t *m);
/* pipe_put was refused locally. */
int kafka_error_put(struct kafka *k, struct record *r, rd_kafka_resp_err_t code, struct err *err);
/* The producer died: notes what that means. */
void kafka_error_fatal(struct kafka *k);
/* Asks the cluster whether a topic that a report calls unknown is really gone; notes it. */
void kafka_error_lost(struct kafka *k);
/* A connection or the cluster has a problem: the library goes on trying. */
void kafka_error_event(struct kafka *k, rd_kafka_resp_err_t code, const char *reason);
/* A person has to do something about credentials: noted if that is certain by now. */
void kafka_error_security(struct kafka *k, usec_t now);

#endif
