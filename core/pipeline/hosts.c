/*
 * hosts.c - see hosts.h. What becomes of the position when something here is wrong: nothing, it
 * is not touched; but a task that could go on is FAILED, or one that never can be waits for ever.
 */
#include "core/pipeline/hosts.h"

#include "common/contract/errors.h"
#include "common/os/log.h"
#include "common/os/random.h"
#include "core/pipeline/connections.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 10000 };

bool source_away(struct source_stats *stats, const char *what, const struct err *why)
{
	pthread_mutex_lock(&stats->lock);
	stats->why = *why;
	pthread_mutex_unlock(&stats->lock);
	if (atomic_exchange(&stats->away, true))
		return false;
	log_err(LOG_LEVEL_WARN, what, why);
	return true;
}

void source_why(struct source_stats *stats, struct err *ret)
{
	pthread_mutex_lock(&stats->lock);
	*ret = stats->why;
	pthread_mutex_unlock(&stats->lock);
}

bool hosts_back_off(struct source_thread *t)
{
	int ms = BACKOFF_FIRST_MS;
	for (unsigned i = 0; i < t->attempts && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	/* Half of it by chance: tasks that lost one server do not come back all at once. */
	ms = ms / 2 + (int)(random_below((uint64_t)(ms / 2)));
	t->attempts++;
	struct pollfd pfd = {.fd = t->stop->fd, .events = POLLIN};
	poll(&pfd, 1, ms);
	return !source_thread_stopping(t);
}

/*
 * Refusals that are one server's: among source.hosts, one that lags, was purged further or does
 * not know our account must not end a task that another can serve, even if that one is away at the
 * moment. One that lacks what was published may get it yet, so that among several it is waited for.
 */
static bool another_may_do(const struct err_kind *kind)
{
	return kind == ERR_SOURCE_DIVERGED || kind == ERR_SOURCE_PURGED ||
	       kind == ERR_SOURCE_POSITION || kind == ERR_SOURCE_SETTING ||
	       kind == ERR_SOURCE_AUTH || kind == ERR_SOURCE_AUTH_PLUGIN ||
	       kind == ERR_SOURCE_GRANT || kind == ERR_SOURCE_TLS;
}

/* Of several hosts all are named, each with its reason: the last one's is not all there is to do. */
static void tell_all(struct source_thread *t, struct err *err)
{
	size_t n = t->task->source.nhosts, told = 0, nth = 0, at = 0;
	t->why[t->host] = *err;
	for (size_t i = 0; i < n; i++)
		told += t->why[i].kind != NULL;
	if (told < 2)
		return;
	/* Bytes are shared alike; what one does not need is not worth the trouble. */
	int share = (int)(sizeof(err->text) / told) - (int)sizeof("(1) ");
	for (size_t i = 0; i < n && at < sizeof(err->text); i++)
		if (t->why[i].kind)
			at += (size_t)snprintf(err->text + at, sizeof(err->text) - at, "%s(%zu) %.*s",
					       at ? " " : "", ++nth, share > 0 ? share : 0,
					       t->why[i].text);
}

bool hosts_try_again(struct source_thread *t, struct err *err)
{
	if (!err->kind)
		return false;
	if (err->kind == ERR_SOURCE_SERVER_ID && dump_id_evicted(&t->id))
		err->kind = ERR_SOURCE_SERVER_ID_TAKEN;
	/* This host says something else than at its last turn. */
	bool news = t->why[t->host].kind != err->kind;
	if (err->kind->class == ERR_CLASS_RETRY || another_may_do(err->kind) ||
	    err->kind == ERR_SOURCE_BEHIND)
		tell_all(t, err);
	bool refused = err->kind->class != ERR_CLASS_RETRY;
	bool behind = err->kind == ERR_SOURCE_BEHIND && t->task->source.nhosts > 1;
	if (refused && !behind &&
	    (!another_may_do(err->kind) || ++t->refusals >= t->task->source.nhosts))
		return false;
	if (!refused || behind)
		t->refusals = 0;
	/*
	 * Each host gets its turn before the first failure counts. A connection that was made
	 * and broke is no typing error: it gets a few more.
	 */
	unsigned first_ones = (unsigned)t->task->source.nhosts;
	if (err->kind == ERR_SOURCE_LOST)
		first_ones += BROKEN_AT_FIRST_MAX;
	if (t->fail_fast && !atomic_load(&t->stats->connected) && t->attempts + 1 >= first_ones)
		return false;
	bool taken = err->kind == ERR_SOURCE_SERVER_ID_TAKEN;
	if (source_away(t->stats,
			taken ? "waiting for a server_id" : "the source is away, waiting for it", err))
		;
	else if (refused && news)
		log_err(LOG_LEVEL_WARN, "this source will not do, another is tried", err);
	else
		log_debug("attempt %u: %s", t->attempts + 1, err->text);
	/* With an id that we choose it is not the host that is to blame. */
	if (!taken || t->id.fixed)
		t->host = (t->host + 1) % t->task->source.nhosts;
	return true;
}

void hosts_forget(struct source_thread *t)
{
	for (size_t i = 0; i < t->task->source.nhosts; i++)
		err_clear(&t->why[i]);
}
