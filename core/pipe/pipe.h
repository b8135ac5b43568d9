/*
 * pipe.h - where messages go: Kafka, a file, standard output, or nowhere.
 *
 * One code path for all kinds. Records (core/model/record.h) are handed over without a
 * copy: the pipe refers to their bytes, wherever they lie, until it acknowledges them.
 * An acknowledgement means that the message is safe as far as its pipe can say (Kafka:
 * all in-sync replicas have it; file, stdout: the write succeeded). Acknowledgements
 * come in any order, from inside pipe_put, pipe_serve and pipe_flush. A failure is
 * final: nothing is acknowledged behind it, each later call returns it again, and what
 * was not acknowledged may or may not have arrived.
 *
 * Threads: one thread (the pipeline's "deliver" thread) calls everything but pipe_topic
 * and pipe_stats, which any thread may call between pipe_open and pipe_close.
 * Memory: options are read during pipe_open only; records and the bytes they refer to
 * stay where they are until acknowledged or until pipe_close returns.
 *
 * The deliver thread's loop:
 *
 *   for each record:
 *       while ((rc = pipe_put(p, r, err)) == -EAGAIN)
 *           pipe_serve(p, some ms, err)
 *       every few hundred records: pipe_serve(p, 0, err)
 *   nothing left:
 *       pipe_serve(p, 0, err)       (also writes out what file and stdout buffer)
 *       poll on ring_fd() and pipe_fd(), at most a second; again
 *
 * Does not belong here: what the bytes mean (envelope/), whether a position may
 * advance (progress/), what follows from a failure (pipeline/).
 */
#ifndef MR_PIPE_PIPE_H
#define MR_PIPE_PIPE_H

#include "common/base/clock.h"
#include "common/base/err.h"
#include "core/model/record.h"

#include <stdbool.h>
#include <stdint.h>

struct pipe;

enum pipe_type {
	PIPE_NONE,   /* takes everything, keeps nothing */
	PIPE_STDOUT, /* a message a line */
	PIPE_FILE,   /* the same, appended to `path` */
	PIPE_KAFKA,
};

enum pipe_tls {
	PIPE_TLS_DISABLED,
	PIPE_TLS_REQUIRED,        /* encrypted; the chain is checked if `ca` is given */
	PIPE_TLS_VERIFY_CA,       /* the chain is checked, the broker's name is not */
	PIPE_TLS_VERIFY_IDENTITY, /* chain and name */
};

struct pipe_pair {
	const char *name;
	const char *value;
};

/* Strings may be NULL where "optional" stands; numbers may be 0 for the default. */
struct pipe_options {
	enum pipe_type type;
	const char *path; /* PIPE_FILE */
	bool with_keys;   /* PIPE_STDOUT, PIPE_FILE: key and headers in front of the value */

	/* the rest: PIPE_KAFKA */
	const char *brokers;   /* host:port,… */
	const char *client_id; /* optional */
	struct {
		bool create;                /* topics that do not exist are created */
		int32_t partitions;         /* of created topics; 0: the broker's default */
		int16_t replication_factor; /* likewise */
		const struct pipe_pair *config;
		size_t nconfig;
	} topics;
	const struct pipe_pair *properties; /* librdkafka's; allowlisted by the document */
	size_t nproperties;
	struct {
		enum pipe_tls mode;
		const char *ca; /* PEM text, as the next two; optional: the system's CAs */
		const char *cert;
		const char *key;
	} tls;
	struct {
		const char *mechanism; /* optional; PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 */
		const char *user;
		const char *password;
	} sasl;
	/* A message over this is refused here; 0: 100,000,000 (see kafka_conf.c). */
	size_t max_message_bytes;
	/* Largest batch; 0: the default. See pipe_stats.batch_bytes. */
	size_t batch_bytes;
	/* See transaction.h; id optional: without it there are no transactions. */
	struct {
		const char *id;        /* transactional.id */
		const char *positions; /* the topic of positions */
	} transaction;
};

enum pipe_state {
	PIPE_UP,   /* also before the first contact */
	PIPE_AWAY, /* no broker answers, or nothing is acknowledged for long: waiting */
};

struct pipe_callbacks {
	void *ctx;
	/* The pipe is done with r: it is safe, and its bytes may be released. */
	void (*ack)(void *ctx, struct record *r);
	/* Optional: the state changed; once a change, not once a retry. */
	void (*state)(void *ctx, enum pipe_state state, const char *reason);
};

struct pipe_stats {
	uint64_t produced;   /* messages taken */
	uint64_t acked;      /* messages acknowledged */
	uint64_t bytes;      /* keys and values of those acknowledged */
	uint64_t errors;     /* failures reported by brokers or the system, retried ones too */
	uint64_t away;       /* times the state became PIPE_AWAY */
	uint64_t throttle_ms; /* asked for by brokers (quota), summed */
	uint64_t topics;     /* opened */
	/*
	 * Largest batch that the brokers were found to take. After ERR_PIPE_FATAL hand it
	 * to the next pipe_open in pipe_options.batch_bytes, or the same refusal repeats.
	 */
	size_t batch_bytes;
};

/*
 * Makes a pipe. Kafka: starts the producer and returns without waiting for a broker;
 * wrong credentials come out of pipe_serve. Errors: ERR_TASK_INVALID (an option that
 * the library refuses), ERR_PIPE_IO (path), ERR_PIPE_SECURITY (PEM text that does not
 * parse), ERR_MEMORY. Callbacks are copied.
 */
int pipe_open(const struct pipe_options *opt, const struct pipe_callbacks *cb, struct pipe **ret,
	      struct err *err) MR_MUST_CHECK;

/*
 * The number of the topic `name`, which records carry; the same name has the same
 * number. Any thread. Nothing is asked of a broker: topics are looked up, and made if
 * they are missing, when the first record of one is put, all those that have a number
 * by then together. Errors: ERR_PIPE_REFUSED (not a topic name), ERR_MEMORY.
 */
int pipe_topic(struct pipe *p, const char *name, uint32_t *ret_number,
	       struct err *err) MR_MUST_CHECK;
/* The name behind a number that pipe_topic gave; it lives as long as the pipe. */
const char *pipe_topic_name(struct pipe *p, uint32_t number);

/*
 * Hands r (kind RECORD_MESSAGE) over. Order is kept: within a partition, or in the
 * file. -EAGAIN: not taken, for now (its topic is being opened, a queue is full): serve
 * and put it again; records behind it must wait. Otherwise a failure, as pipe_serve.
 * err is not NULL.
 */
int pipe_put(struct pipe *p, struct record *r, struct err *err) MR_MUST_CHECK;

/*
 * Calls ack for what is safe, writes out what is buffered, and notices errors. Waits at
 * most timeout_ms for something to do (0: not at all). To be called at least once a
 * second: it is also the pipe's clock. 0, or the failure that ends this pipe:
 *   ERR_PIPE_SECURITY    the broker refuses our credentials or we its certificate
 *   ERR_PIPE_REFUSED     topic missing, invalid, or not for us
 *   ERR_PIPE_OVERSIZE    names topic, size and limits; err->where is empty: the caller
 *                        knows the position of pipe_failed_record()
 *   ERR_PIPE_TOPIC_LOST  a topic that had our messages is gone or went back
 *   ERR_PIPE_FATAL       the producer must be rebuilt: close, open, resume
 *   ERR_PIPE_FENCED      likewise, but first: is it still ours to write? (transaction.h)
 *   ERR_PIPE_IO          file or stdout
 */
int pipe_serve(struct pipe *p, int timeout_ms, struct err *err) MR_MUST_CHECK;
/* The record that the failure is about, or NULL when it is about none. */
struct record *pipe_failed_record(const struct pipe *p);
/* After ERR_PIPE_OVERSIZE. */
struct pipe_oversize {
	size_t bytes; /* the message's key, headers and value */
	size_t limit; /* 0: not known */
	bool ours;    /* it is this producer's limit, not the topic's */
};
struct pipe_oversize pipe_oversize(const struct pipe *p);
/* What key and value of a message may have together at most, as known without asking. */
size_t pipe_message_max(const struct pipe *p);

/* Readable when pipe_serve has something to do. For poll; never read from it. */
int pipe_fd(const struct pipe *p);

/*
 * What was acknowledged survives a crash of this machine (file: fdatasync; Kafka: does
 * already). Also after the pipe failed: what came before is safe to save.
 */
int pipe_sync(struct pipe *p, struct err *err) MR_MUST_CHECK;
/* Serves until everything put is acknowledged. -ETIMEDOUT: not within timeout_ms. */
int pipe_flush(struct pipe *p, int timeout_ms, struct err *err) MR_MUST_CHECK;
/* Drops what is not acknowledged. On return nothing refers to any record. */
void pipe_close(struct pipe *p);

/* The state, since when (clock_boot) and why ("" while up). */
enum pipe_state pipe_state(const struct pipe *p, usec_t *ret_since, const char **ret_reason);
void pipe_stats(struct pipe *p, struct pipe_stats *ret);

#endif
