/*
 * pipe_check.h - would a pipe open, and would its topics be there? Nothing is written or
 * made: Kafka is asked for its metadata and settings, and to validate the topics that are
 * missing, without making them.
 *
 * Blocks for at most the budget. Any thread; a client of its own, which is gone on return.
 */
#ifndef MR_PIPE_PIPE_CHECK_H
#define MR_PIPE_PIPE_CHECK_H

#include "core/pipe/pipe.h"

enum pipe_check_state {
	PIPE_CHECK_UNKNOWN,   /* there was no time to ask, or nobody would say */
	PIPE_CHECK_THERE,
	PIPE_CHECK_CREATABLE, /* it is missing, and the brokers would make it */
	PIPE_CHECK_MISSING,   /* and pipe.topics.create is off */
	PIPE_CHECK_REFUSED,   /* it can be neither used nor made: see `why` */
};

/* What a topic, or one that is made without settings of its own, may lose. */
struct pipe_check_safety {
	int min_insync; /* min.insync.replicas: copies that have what was acknowledged; -1: not told */
	int unclean;    /* unclean.leader.election.enable: 1, 0, -1 */
};

struct pipe_check_topic {
	const char *name; /* given by the caller */
	enum pipe_check_state state;
	int32_t replicas;   /* THERE: copies of its first partition */
	int32_t partitions; /* THERE */
	struct pipe_check_safety safety; /* THERE */
	char why[256];
};

struct pipe_check {
	int brokers; /* that are up; 0 of a pipe without brokers */
	char cluster[64];
	int64_t transaction_max_ms;  /* the broker's transaction.max.timeout.ms; -1: not told */
	int64_t default_replication; /* default.replication.factor; -1: not told */
	struct pipe_check_safety safety; /* of topics that are made */
};

/* `stop` (may be NULL) is asked every half second, and ends it with -EINTR. */
typedef bool pipe_check_stop(void *ctx);

/*
 * 0, or why the pipe would not open: the kinds of pipe_open() and pipe_serve(), and
 * ERR_PIPE_UNREACHABLE when no broker has answered within the budget. Topics beyond what
 * one request takes stay PIPE_CHECK_UNKNOWN.
 */
int pipe_check(const struct pipe_options *opt, usec_t budget, pipe_check_stop *stop, void *ctx,
	       struct pipe_check_topic *topics, size_t n, struct pipe_check *ret,
	       struct err *err) MR_MUST_CHECK;

#endif
