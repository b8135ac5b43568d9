/*
 * sender_priv.h - a sender's queues (sender.c) and what its thread does with them
 * (transfer.c). Everything shared is under `lock`.
 */
#ifndef MR_MONITOR_NOTIFY_SENDER_PRIV_H
#define MR_MONITOR_NOTIFY_SENDER_PRIV_H

#include "monitor/notify/sender.h"

#include <curl/curl.h>
#include <pthread.h>

enum {
	AT_ONCE = 2,		/* transfers a channel that works */
	ANSWER_MAX = 64 * 1024, /* of an answer's body, which nobody reads */
};

/* One notification. In the channel's queue, or being sent. */
struct job {
	struct job *next;
	uint64_t id;
	size_t channel;
	bool once;
	usec_t queued_at, not_before; /* clock_boot */
	unsigned refused;	      /* times in a row by an answer that is about itself */
	bool (*may)(void *ctx);	      /* sender_notification */
	void *ctx;
	char key[SENDER_KEY_MAX];
	char event[SENDER_KEY_MAX];
	char *body;
	size_t len;
	/* While it is sent; the thread's alone. */
	CURL *curl;
	struct curl_slist *headers;
	size_t answered;
};

struct channel {
	char *name, *url, *token, *ca, *proxy;
	char shown[160]; /* scheme and host: all of the URL that may be told */
	usec_t timeout, retry_for;
	/* Under the lock. */
	struct job *queue, *tail;
	size_t queued;
	size_t active;
	unsigned failures; /* in a row, of the channel */
	bool failing;
	usec_t next_try;
	uint64_t taken, tries_failed, given_up;
};

struct outcome {
	struct outcome *next;
	struct sender_result result;
};

struct sender {
	struct channel *channels;
	size_t n;
	sender_result_fn *fn;
	void *ctx;
	int fd; /* eventfd: there are outcomes */
	pthread_t thread;
	bool running;
	CURLM *multi;

	pthread_mutex_t lock;
	bool stopping;
	usec_t stop_at; /* then what is being sent is given up too */
	uint64_t ids;
	struct outcome *outcomes, *outcomes_tail;
	struct job *sending; /* all channels' */
};

/* The thread. */
void *sender_run(void *arg);
/* Lock held: at the end of the channel's queue. */
void sender_put(struct sender *s, struct job *job);
void sender_job_free(struct job *job);

#endif
