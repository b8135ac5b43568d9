/* guard.c - see guard.h. */
#include "core/preflight/guard.h"

#include "core/mysql/connect.h"

void guard_init(struct guard *g)
{
	*g = (struct guard){.source = NULL};
	pthread_mutex_init(&g->lock, NULL);
}

void guard_fini(struct guard *g)
{
	pthread_mutex_destroy(&g->lock);
}

void guard_interrupt(struct guard *g)
{
	pthread_mutex_lock(&g->lock);
	g->interrupted = true;
	if (g->source)
		source_interrupt(g->source);
	pthread_mutex_unlock(&g->lock);
}

void guard_watch(struct guard *g, struct source *source)
{
	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	g->source = source;
	if (source && g->interrupted)
		source_interrupt(source);
	pthread_mutex_unlock(&g->lock);
}

bool guard_interrupted(struct guard *g)
{
	if (!g)
		return false;
	pthread_mutex_lock(&g->lock);
	bool interrupted = g->interrupted;
	pthread_mutex_unlock(&g->lock);
	return interrupted;
}
