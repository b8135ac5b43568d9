/* sender.c - see sender.h: the queues, as the monitor's main thread sees them. */
#include "monitor/notify/sender_priv.h"

#include "common/contract/errors.h"
#include "common/os/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BACKOFF_FIRST USEC_PER_SEC
#define BACKOFF_MAX   (300 * USEC_PER_SEC)

usec_t sender_backoff(unsigned failures)
{
	usec_t wait = BACKOFF_FIRST;
	for (unsigned i = 1; i < failures && wait < BACKOFF_MAX; i++)
		wait *= 2;
	return failures == 0 ? 0 : wait < BACKOFF_MAX ? wait : BACKOFF_MAX;
}

static char *copy(const char *text)
{
	return strdup(text ? text : "");
}

/* "https://hooks.example.com": what is behind the host, and in front of an '@', is secret. */
static void show_url(const char *url, char out[160])
{
	const char *host = strstr(url, "://");
	host = host ? host + 3 : url;
	size_t scheme = (size_t)(host - url), len = strcspn(host, "/?#");
	for (size_t i = 0; i < len; i++) {
		if (host[i] == '@') {
			host += i + 1;
			len -= i + 1;
			i = (size_t)-1;
		}
	}
	snprintf(out, 160, "%.*s%.*s", (int)scheme, url, (int)len, host);
}

static int channel_init(struct channel *c, const struct sender_channel *from)
{
	c->name = copy(from->name);
	c->url = copy(from->url);
	c->token = copy(from->token);
	c->ca = copy(from->ca);
	c->proxy = copy(from->proxy);
	c->timeout = from->timeout;
	c->retry_for = from->retry_for;
	if (!c->name || !c->url || !c->token || !c->ca || !c->proxy)
		return -ENOMEM;
	show_url(c->url, c->shown);
	return 0;
}

static void wipe(char *secret)
{
	if (secret)
		file_free_wiped(secret, strlen(secret));
}

static void channel_clear(struct channel *c)
{
	for (struct job *job; (job = c->queue);) {
		c->queue = job->next;
		sender_job_free(job);
	}
	free(c->name);
	wipe(c->url);
	wipe(c->token);
	free(c->ca);
	wipe(c->proxy);
}

static void sender_free(struct sender *s)
{
	for (size_t i = 0; i < s->n; i++)
		channel_clear(&s->channels[i]);
	for (struct outcome *o; (o = s->outcomes);) {
		s->outcomes = o->next;
		free(o);
	}
	if (s->multi)
		curl_multi_cleanup(s->multi);
	if (s->fd >= 0)
		close(s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s->channels);
	free(s);
}

int sender_open(const struct sender_channel *channels, size_t n, sender_result_fn *fn, void *ctx,
		struct sender **ret, struct err *err)
{
	struct sender *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for channels");
	int rc = 0;
	pthread_mutex_init(&s->lock, NULL);
	s->fn = fn;
	s->ctx = ctx;
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->channels = calloc(n + 1, sizeof(*s->channels));
	s->n = s->channels ? n : 0;
	for (size_t i = 0; i < s->n && rc == 0; i++)
		rc = channel_init(&s->channels[i], &channels[i]);
	if (rc == 0 && curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		rc = -ENOMEM;
	if (rc == 0)
		s->multi = curl_multi_init();
	if (rc < 0 || !s->channels || !s->multi || s->fd < 0) {
		sender_free(s);
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for channels");
	}
	rc = -pthread_create(&s->thread, NULL, sender_run, s);
	if (rc < 0) {
		sender_free(s);
		return err_set(err, rc, ERR_INTERNAL, "no thread for the channels: %s",
			       strerror(-rc));
	}
	*ret = s;
	return 0;
}

void sender_close(struct sender *s, usec_t grace)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	s->stop_at = clock_boot() + grace;
	pthread_mutex_unlock(&s->lock);
	curl_multi_wakeup(s->multi);
	pthread_join(s->thread, NULL);
	sender_dispatch(s);
	sender_free(s);
}

int sender_fd(const struct sender *s)
{
	return s->fd;
}

void sender_dispatch(struct sender *s)
{
	uint64_t count;
	ssize_t got = read(s->fd, &count, sizeof(count));
	(void)got;
	pthread_mutex_lock(&s->lock);
	struct outcome *list = s->outcomes;
	s->outcomes = s->outcomes_tail = NULL;
	pthread_mutex_unlock(&s->lock);
	while (list) {
		struct outcome *o = list;
		list = o->next;
		s->fn(s->ctx, &o->result);
		free(o);
	}
}

void sender_job_free(struct job *job)
{
	free(job->body);
	free(job);
}

void sender_put(struct sender *s, struct job *job)
{
	struct channel *c = &s->channels[job->channel];
	job->next = NULL;
	if (c->queue)
		c->tail->next = job;
	else
		c->queue = job;
	c->tail = job;
	c->queued++;
}

bool sender_has_room(struct sender *s, size_t channel)
{
	pthread_mutex_lock(&s->lock);
	bool room = !s->stopping && s->channels[channel].queued < SENDER_QUEUE_MAX;
	pthread_mutex_unlock(&s->lock);
	return room;
}

uint64_t sender_submit(struct sender *s, const struct sender_notification *n)
{
	struct job *job = calloc(1, sizeof(*job));
	uint64_t id = 0;
	if (!job)
		return 0;
	job->channel = n->channel;
	job->once = n->once;
	job->queued_at = n->since ? n->since : clock_boot();
	job->may = n->may;
	job->ctx = n->ctx;
	snprintf(job->key, sizeof(job->key), "%s", n->key);
	snprintf(job->event, sizeof(job->event), "%s", n->event);
	job->body = malloc(n->len + 1);
	if (!job->body) {
		sender_job_free(job);
		return 0;
	}
	memcpy(job->body, n->body, n->len);
	job->body[n->len] = 0;
	job->len = n->len;
	pthread_mutex_lock(&s->lock);
	if (!s->stopping && s->channels[n->channel].queued < SENDER_QUEUE_MAX) {
		id = job->id = ++s->ids;
		sender_put(s, job);
	}
	pthread_mutex_unlock(&s->lock);
	if (id)
		curl_multi_wakeup(s->multi);
	else
		sender_job_free(job);
	return id;
}

bool sender_cancel(struct sender *s, uint64_t id)
{
	struct job *found = NULL;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n && !found; i++) {
		struct channel *c = &s->channels[i];
		struct job *previous = NULL;
		for (struct job *job = c->queue; job; previous = job, job = job->next) {
			if (job->id != id)
				continue;
			found = job;
			if (previous)
				previous->next = job->next;
			else
				c->queue = job->next;
			if (c->tail == job)
				c->tail = previous;
			c->queued--;
			break;
		}
	}
	pthread_mutex_unlock(&s->lock);
	if (found)
		sender_job_free(found);
	return found != NULL;
}

struct sender_counts sender_counts(struct sender *s, size_t channel)
{
	pthread_mutex_lock(&s->lock);
	const struct channel *c = &s->channels[channel];
	struct sender_counts counts = {.queued = c->queued + c->active,
				       .taken = c->taken,
				       .tries_failed = c->tries_failed,
				       .given_up = c->given_up,
				       .failing = c->failing};
	pthread_mutex_unlock(&s->lock);
	return counts;
}
