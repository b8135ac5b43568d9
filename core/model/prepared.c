/* prepared.c - see prepared.h. */
#include "core/model/prepared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct prepared *prepared_new(const struct xid *xid, const struct gtid *gtid,
			      const struct binlog_pos *start, const char *before)
{
	size_t len = strlen(before);
	struct prepared *p = malloc(sizeof(*p) + len + 1);
	if (!p)
		return NULL;
	atomic_init(&p->refs, 1);
	p->xid = *xid;
	p->gtid = *gtid;
	p->start = *start;
	memcpy(p->before, before, len + 1);
	return p;
}

struct prepared *prepared_ref(struct prepared *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void prepared_unref(struct prepared *p)
{
	if (p && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1)
		free(p);
}

static size_t place_of(const struct prepared_set *s, const struct xid *xid)
{
	size_t i = 0;
	while (i < s->n && !xid_equal(&s->list[i]->xid, xid))
		i++;
	return i;
}

struct prepared *prepared_find(const struct prepared_set *s, const struct xid *xid)
{
	size_t i = place_of(s, xid);
	return i < s->n ? s->list[i] : NULL;
}

int prepared_reserve(struct prepared_set *s)
{
	if (s->n < s->room)
		return 0;
	size_t room = s->room ? 2 * s->room : 8;
	struct prepared **list = realloc(s->list, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	s->list = list;
	s->room = room;
	return 0;
}

void prepared_add(struct prepared_set *s, struct prepared *p)
{
	prepared_remove(s, &p->xid);
	s->list[s->n++] = p;
}

bool prepared_remove(struct prepared_set *s, const struct xid *xid)
{
	size_t i = place_of(s, xid);
	if (i == s->n)
		return false;
	prepared_unref(s->list[i]);
	s->n--;
	memmove(s->list + i, s->list + i + 1, (s->n - i) * sizeof(*s->list));
	return true;
}

int prepared_copy(struct prepared_set *dst, const struct prepared_set *src)
{
	struct prepared_set copy = {0};
	if (src->n) {
		copy.list = malloc(src->n * sizeof(*copy.list));
		if (!copy.list)
			return -ENOMEM;
		copy.room = src->n;
	}
	for (; copy.n < src->n; copy.n++)
		copy.list[copy.n] = prepared_ref(src->list[copy.n]);
	prepared_clear(dst);
	*dst = copy;
	return 0;
}

void prepared_clear(struct prepared_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		prepared_unref(s->list[i]);
	free(s->list);
	*s = (struct prepared_set){0};
}
