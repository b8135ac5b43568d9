/*
 * transfer.c - the sender's thread: takes what is due, sends it, decides what follows
 * (sender.h). Holds the lock only between transfers.
 *
 *   queued --due--> sending --2xx--> told
 *                   sending --else, time left--> queued (the channel, or this one, waits)
 *                   sending --else, no time left or `once`--> told as not taken
 */
#include "common/contract/errors.h"
#include "common/os/log.h"
#include "common/os/random.h"
#include "monitor/notify/sender_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDLE (10 * USEC_PER_SEC)
/* What may not be sent is looked at again after this. */
#define MAY_NOT (USEC_PER_SEC / 5)

/* Half of it and a random part of the other half, so that monitors do not march in step. */
static usec_t jittered(usec_t wait)
{
	return wait / 2 + (usec_t)random_below((uint64_t)(wait / 2) + 1);
}

/* Lock held. */
static void tell(struct sender *s, const struct job *job, bool taken, const char *reason)
{
	uint64_t one = 1;
	struct outcome *o = calloc(1, sizeof(*o));
	if (!o)
		return; /* the alert stays unmarked, and is sent again by the next process */
	o->result.id = job->id;
	o->result.channel = job->channel;
	o->result.taken = taken;
	snprintf(o->result.reason, sizeof(o->result.reason), "%s", reason);
	if (s->outcomes)
		s->outcomes_tail->next = o;
	else
		s->outcomes = o;
	s->outcomes_tail = o;
	ssize_t n = write(s->fd, &one, sizeof(one));
	(void)n;
}

static size_t take_answer(char *bytes, size_t size, size_t n, void *arg)
{
	struct job *job = arg;
	(void)bytes;
	job->answered += size * n;
	return job->answered > ANSWER_MAX ? 0 : size * n;
}

static void add_header(struct job *job, const char *name, const char *value)
{
	char line[SENDER_KEY_MAX + 64];
	int n = snprintf(line, sizeof(line), "%s: %s", name, value);
	for (int i = 0; i < n && line[i]; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = '_';
	job->headers = curl_slist_append(job->headers, line);
}

static bool set_up(struct sender *s, struct job *job)
{
	const struct channel *c = &s->channels[job->channel];
	CURL *curl = job->curl = curl_easy_init();
	if (!curl)
		return false;
	add_header(job, "Content-Type", "application/json");
	add_header(job, "Expect", "");
	add_header(job, "X-MR-Key", job->key);
	add_header(job, "X-MR-Event-Id", job->event);
	job->answered = 0;
	curl_easy_setopt(curl, CURLOPT_PRIVATE, job);
	curl_easy_setopt(curl, CURLOPT_URL, c->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(c->timeout / USEC_PER_MSEC));
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(c->timeout / USEC_PER_MSEC));
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (c->ca[0])
		curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca);
	curl_easy_setopt(curl, CURLOPT_PROXY,
			 c->proxy); /* "": none, whatever the environment says */
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, job->headers);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "mysql-replicator/" MR_VERSION);
	if (c->token[0]) {
		/* Not a header line of ours: curl keeps it off a redirect and a proxy. */
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, c->token);
	}
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)job->len);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, job->body);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, job);
	return curl_multi_add_handle(s->multi, curl) == CURLM_OK;
}

static void take_down(struct sender *s, struct job *job)
{
	if (job->curl) {
		curl_multi_remove_handle(s->multi, job->curl);
		curl_easy_cleanup(job->curl);
	}
	curl_slist_free_all(job->headers);
	job->curl = NULL;
	job->headers = NULL;
}

/* The first of the channel's queue that is due, taken out. Lock held. */
static struct job *due_job(struct channel *c, usec_t now)
{
	struct job *previous = NULL;
	for (struct job *job = c->queue; job; previous = job, job = job->next) {
		if (job->not_before > now)
			continue;
		if (job->may && !job->may(job->ctx)) {
			job->not_before = now + MAY_NOT;
			continue;
		}
		if (previous)
			previous->next = job->next;
		else
			c->queue = job->next;
		if (c->tail == job)
			c->tail = previous;
		c->queued--;
		return job;
	}
	return NULL;
}

static void forget_sending(struct sender *s, struct job *job)
{
	struct job **at = &s->sending;
	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
}

/* What a channel is waiting for is nearer than `until`. Lock held. */
static usec_t sooner(const struct channel *c, usec_t until)
{
	for (const struct job *job = c->queue; job; job = job->next) {
		usec_t at = job->not_before > c->next_try ? job->not_before : c->next_try;
		if (at < until)
			until = at;
	}
	return until;
}

/* How long nothing will be due. Lock held. */
static usec_t start_due(struct sender *s)
{
	usec_t now = clock_boot(), until = now + IDLE;
	for (struct channel *c = s->channels; c < s->channels + s->n; c++) {
		size_t most = c->failures ? 1 : AT_ONCE;
		struct job *job;
		while (c->active < most && c->next_try <= now && (job = due_job(c, now))) {
			if (!set_up(s, job)) {
				take_down(s, job);
				job->not_before = now + USEC_PER_SEC;
				sender_put(s, job);
				break;
			}
			c->active++;
			job->next = s->sending;
			s->sending = job;
		}
		if (c->active < most)
			until = sooner(c, until);
	}
	return until > now ? until - now : 0;
}

/* "HTTP 503", "could not connect: connection refused"; nothing of the URL. */
static void describe(CURL *curl, CURLcode code, long status, char reason[SENDER_REASON_MAX])
{
	long number = 0;
	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && status)) {
		snprintf(reason, SENDER_REASON_MAX, "HTTP %ld", status);
		return;
	}
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
	snprintf(reason, SENDER_REASON_MAX, "%s%s%s", curl_easy_strerror(code), number ? ": " : "",
		 number ? strerror((int)number) : "");
}

static bool is_channels_fault(CURLcode code, long status)
{
	return code != CURLE_OK || status >= 500 || status == 429 || status == 408 || status == 425;
}

/* Lock held. */
static void failed(struct sender *s, struct job *job, bool channels, usec_t retry_after,
		   const char *reason)
{
	struct channel *c = &s->channels[job->channel];
	usec_t now = clock_boot();
	c->tries_failed++;
	if (!c->failing)
		log_warn("channel %s (%s) does not take notifications: %s; trying again", c->name,
			 c->shown, reason);
	c->failing = true;
	if (channels) {
		usec_t wait = jittered(sender_backoff(++c->failures));
		c->next_try = now + (retry_after > wait ? retry_after : wait);
	}
	if (job->once || now - job->queued_at >= c->retry_for || s->stopping) {
		if (!job->once && !s->stopping) {
			c->given_up++;
			log_error("channel %s (%s): a notification of %s is given up: %s", c->name,
				  c->shown, job->key, reason);
		}
		tell(s, job, false, reason);
		sender_job_free(job);
		return;
	}
	if (!channels)
		job->not_before = now + jittered(sender_backoff(++job->refused));
	sender_put(s, job);
}

static void finished(struct sender *s, struct job *job, CURLcode code)
{
	struct channel *c = &s->channels[job->channel];
	char reason[SENDER_REASON_MAX];
	long status = 0;
	curl_off_t after = 0;
	curl_easy_getinfo(job->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(job->curl, CURLINFO_RETRY_AFTER, &after);
	describe(job->curl, code, status, reason);
	/* An answer that is too long to be read is an answer. */
	if (code == CURLE_WRITE_ERROR && status)
		code = CURLE_OK;
	take_down(s, job);
	pthread_mutex_lock(&s->lock);
	forget_sending(s, job);
	c->active--;
	if (code == CURLE_OK && status >= 200 && status < 300) {
		if (c->failing)
			log_info("channel %s (%s) takes notifications again", c->name, c->shown);
		c->failing = false;
		c->failures = 0;
		c->next_try = 0;
		c->taken++;
		tell(s, job, true, reason);
		sender_job_free(job);
	} else {
		usec_t retry_after = (after > 3600 ? 3600 : (usec_t)after) * USEC_PER_SEC;
		failed(s, job, is_channels_fault(code, status), retry_after, reason);
	}
	pthread_mutex_unlock(&s->lock);
}

static void collect(struct sender *s)
{
	int left;
	for (CURLMsg *m; (m = curl_multi_info_read(s->multi, &left));) {
		struct job *job = NULL;
		if (m->msg != CURLMSG_DONE)
			continue;
		CURLcode code = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &job);
		finished(s, job, code);
	}
}

/* What is being sent when there is no more time. */
static void abandon(struct sender *s)
{
	for (struct job *job; (job = s->sending);) {
		take_down(s, job);
		pthread_mutex_lock(&s->lock);
		s->sending = job->next;
		s->channels[job->channel].active--;
		tell(s, job, false, "stopped");
		sender_job_free(job);
		pthread_mutex_unlock(&s->lock);
	}
}

void *sender_run(void *arg)
{
	struct sender *s = arg;
	log_bind("channels");
	for (;;) {
		int running = 0, events = 0;
		pthread_mutex_lock(&s->lock);
		usec_t wait = s->stopping ? s->stop_at - clock_boot() : start_due(s);
		bool over = s->stopping && (!s->sending || wait <= 0);
		pthread_mutex_unlock(&s->lock);
		if (over)
			break;
		curl_multi_perform(s->multi, &running);
		collect(s);
		/* What just ended may make another one due. */
		pthread_mutex_lock(&s->lock);
		if (!s->stopping)
			wait = start_due(s);
		pthread_mutex_unlock(&s->lock);
		if (wait > IDLE)
			wait = IDLE;
		curl_multi_poll(s->multi, NULL, 0, (int)(wait / USEC_PER_MSEC) + 1, &events);
	}
	abandon(s);
	return NULL;
}
