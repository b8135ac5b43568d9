/* report_cache.c - see report_cache.h. */
#include "server/api/report_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 16384, TEXT_MAX = 16 * 1024 };

#define FRESH USEC_PER_SEC

struct slot {
	char *path;
	char *text;
	size_t len;
	usec_t at;
};

struct report_cache {
	pthread_mutex_t lock;
	struct slot slots[SLOTS];
};

struct report_cache *report_cache_new(void)
{
	struct report_cache *c = calloc(1, sizeof(*c));
	if (c)
		pthread_mutex_init(&c->lock, NULL);
	return c;
}

static void slot_clear(struct slot *s)
{
	free(s->path);
	free(s->text);
	*s = (struct slot){0};
}

void report_cache_free(struct report_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		slot_clear(&c->slots[i]);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* FNV-1a; a clash costs a read, nothing else. */
static struct slot *slot_of(struct report_cache *c, const char *path)
{
	uint64_t h = 14695981039346656037u;
	for (const char *p = path; *p; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211u;
	return &c->slots[(h ^ h >> 32) % SLOTS];
}

static char *copy_of(const char *text, size_t len)
{
	char *copy = malloc(len + 1);
	if (copy) {
		memcpy(copy, text, len);
		copy[len] = 0;
	}
	return copy;
}

bool report_cache_get(struct report_cache *c, const char *path, struct zk_read *ret)
{
	bool found = false;
	if (!c)
		return false;
	pthread_mutex_lock(&c->lock);
	const struct slot *s = slot_of(c, path);
	if (s->path && clock_boot() - s->at < FRESH && strcmp(s->path, path) == 0) {
		char *text = copy_of(s->text, s->len);
		found = text != NULL;
		if (found)
			*ret = (struct zk_read){.data = text, .len = s->len};
	}
	pthread_mutex_unlock(&c->lock);
	return found;
}

void report_cache_put(struct report_cache *c, const char *path, const struct zk_read *read)
{
	if (!c || read->rc < 0 || !read->data || read->len > TEXT_MAX)
		return;
	struct slot fresh = {.path = strdup(path),
			     .text = copy_of(read->data, read->len),
			     .len = read->len,
			     .at = clock_boot()};
	if (!fresh.path || !fresh.text) {
		slot_clear(&fresh);
		return;
	}
	pthread_mutex_lock(&c->lock);
	struct slot *s = slot_of(c, path), former = *s;
	*s = fresh;
	pthread_mutex_unlock(&c->lock);
	slot_clear(&former);
}
