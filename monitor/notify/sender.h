/*
 * sender.h - delivers notifications to channels (webhooks): one thread, bounded queues,
 * retries with back-off for hours. The only includer of curl.h in mr-monitor.
 *
 * A notification belongs to its channel's queue until a result is handed out. What a
 * channel refuses by connection, time-out, 429 or 5xx puts the channel into back-off (1 s
 * doubling to 5 min, half of it random; Retry-After is heeded) and one notification at a time
 * tries it; any other answer but 2xx puts that notification behind the others. Redirects are
 * answers like that: never followed. TLS is always verified. Neither the URL behind the host
 * nor the token is ever logged or told. Does not belong here: what is worth telling
 * (alerts.c), what was told before (/alerts).
 *
 * Threads: one of its own does all HTTP; every function here is for one other thread, the
 * one that opened it. Poll sender_fd() and call sender_dispatch().
 */
#ifndef MR_MONITOR_NOTIFY_SENDER_H
#define MR_MONITOR_NOTIFY_SENDER_H

#include "common/base/clock.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sender;

enum {
	SENDER_QUEUE_MAX = 512, /* notifications a channel */
	SENDER_KEY_MAX = 160,
	SENDER_REASON_MAX = 160,
};

/* All is copied. "" or NULL: none. */
struct sender_channel {
	const char *name;
	const char *url;
	const char *token; /* sent as Authorization: Bearer */
	const char *ca;	   /* a file with further authorities, PEM */
	const char *proxy;
	usec_t timeout;	  /* of one try */
	usec_t retry_for; /* then it is given up */
};

struct sender_result {
	uint64_t id;
	size_t channel;
	bool taken;			/* the channel answered 2xx */
	char reason[SENDER_REASON_MAX]; /* why not: "HTTP 503", "connection refused" */
};

/* Called by sender_dispatch(). */
typedef void sender_result_fn(void *ctx, const struct sender_result *result);

int sender_open(const struct sender_channel *channels, size_t n, sender_result_fn *fn, void *ctx,
		struct sender **ret, struct err *err) MR_MUST_CHECK;
/*
 * Waits up to `grace` for what is being sent at this moment, tells its results, and drops
 * what waits. NULL is nothing.
 */
void sender_close(struct sender *s, usec_t grace);
int sender_fd(const struct sender *s);
void sender_dispatch(struct sender *s);

struct sender_notification {
	size_t channel;
	const char *key;   /* X-MR-Key: the same for all that is told of one alert */
	const char *event; /* X-MR-Event-Id: the same for each try of this notification */
	const void *body;  /* JSON, copied */
	size_t len;
	bool once; /* one try */
	usec_t since; /* clock_boot, from when retry_for counts; 0: now */
	/*
	 * Asked by the sender's thread right before each try, under its lock: whether it may
	 * still be sent. While not, it waits in the queue. NULL: always.
	 */
	bool (*may)(void *ctx);
	void *ctx;
};

/* Whether the channel's queue takes one more: ask before a notification is composed. */
bool sender_has_room(struct sender *s, size_t channel);
/* The id (never 0) that a result will name, or 0: the queue is full, or no memory. */
uint64_t sender_submit(struct sender *s, const struct sender_notification *n);
/*
 * Takes it back: true, and there will be no result. False: it is being sent at this moment,
 * or was; a result follows.
 */
bool sender_cancel(struct sender *s, uint64_t id);

struct sender_counts {
	size_t queued;
	uint64_t taken, tries_failed, given_up;
	bool failing; /* the last try failed */
};
struct sender_counts sender_counts(struct sender *s, size_t channel);

/* Seconds as the n-th failure in a row has the channel wait, before the random part. Pure. */
usec_t sender_backoff(unsigned failures);

#endif
