/* kept.c - see kept.h. */
#include "core/pipeline/kept.h"

#include <errno.h>
#include <stdlib.h>

static size_t place_of(const struct kept_list *k, const struct xid *xid)
{
	size_t i = 0;
	while (i < k->n && !xid_equal(&k->list[i]->entry->xid, xid))
		i++;
	return i;
}

static void drop_at(struct kept_list *k, size_t i)
{
	struct kept *e = k->list[i];
	k->bytes -= e->events.size;
	hold_free(&e->events);
	verdict_free(&e->verdict);
	prepared_unref(e->entry);
	free(e);
	k->n--;
	memmove(k->list + i, k->list + i + 1, (k->n - i) * sizeof(struct kept *));
}

int kept_take(struct kept_list *k, struct prepared *entry, const struct stream *s, struct hold *h,
	      struct verdict *v)
{
	if (k->n == k->room) {
		size_t room = k->room ? 2 * k->room : 8;
		struct kept **list = realloc(k->list, room * sizeof(struct kept *));
		if (!list)
			return -ENOMEM;
		k->list = list;
		k->room = room;
	}
	struct kept *e = calloc(1, sizeof(*e));
	if (!e || hold_split(h, &e->events) < 0) {
		free(e);
		return -ENOMEM;
	}
	kept_drop(k, &entry->xid);
	e->entry = prepared_ref(entry);
	e->format = s->format;
	e->group = s->group;
	e->verdict = *v;
	verdict_init(v);
	k->bytes += e->events.size;
	k->list[k->n++] = e;
	return 0;
}

struct kept *kept_find(const struct kept_list *k, const struct xid *xid)
{
	size_t i = place_of(k, xid);
	return i < k->n ? k->list[i] : NULL;
}

void kept_drop(struct kept_list *k, const struct xid *xid)
{
	size_t i = place_of(k, xid);
	if (i < k->n)
		drop_at(k, i);
}

bool kept_evict(struct kept_list *k)
{
	size_t largest = 0;
	if (k->n == 0)
		return false;
	for (size_t i = 1; i < k->n; i++)
		if (k->list[i]->events.size > k->list[largest]->events.size)
			largest = i;
	drop_at(k, largest);
	return true;
}

void kept_clear(struct kept_list *k)
{
	while (k->n)
		drop_at(k, k->n - 1);
	free(k->list);
	*k = (struct kept_list){0};
}
