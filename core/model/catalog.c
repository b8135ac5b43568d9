/* catalog.c - see catalog.h: definitions copied and compared. Pure. */
#include "core/model/catalog.h"

#include <errno.h>

static bool keep(struct arena *a, struct span *s)
{
	const char *copy = arena_strndup(a, s->p ? (const char *)s->p : "", s->len);
	s->p = (const uint8_t *)copy;
	return copy != NULL;
}

static bool keep_column(struct arena *a, struct catalog_column *c)
{
	struct span *labels = arena_alloc(a, (c->nlabels + 1) * sizeof(*labels));
	bool ok = labels && keep(a, &c->name) && keep(a, &c->data_type) &&
		  keep(a, &c->column_type) && keep(a, &c->charset) && keep(a, &c->collation);
	for (uint32_t i = 0; ok && i < c->nlabels; i++) {
		labels[i] = c->labels[i];
		ok = keep(a, &labels[i]);
	}
	c->labels = c->labels ? labels : NULL;
	return ok;
}

static bool keep_key(struct arena *a, struct catalog_key *k)
{
	struct catalog_part *parts = arena_alloc(a, (k->nparts + 1) * sizeof(*parts));
	if (!parts || !keep(a, &k->name))
		return false;
	if (k->nparts)
		memcpy(parts, k->parts, k->nparts * sizeof(*parts));
	k->parts = parts;
	return true;
}

int catalog_copy(const struct catalog_table *from, struct arena *arena, struct catalog_table *ret)
{
	struct catalog_table t = *from;
	t.columns = arena_alloc(arena, (t.ncolumns + 1) * sizeof(*t.columns));
	t.key = arena_alloc(arena, (t.nkey + 1) * sizeof(*t.key));
	t.keys = arena_alloc(arena, (t.nkeys + 1) * sizeof(*t.keys));
	bool ok = t.columns && t.key && t.keys && keep(arena, &t.db) && keep(arena, &t.name) &&
		  keep(arena, &t.charset) && keep(arena, &t.collation);
	for (uint32_t i = 0; ok && i < t.ncolumns; i++) {
		t.columns[i] = from->columns[i];
		ok = keep_column(arena, &t.columns[i]);
	}
	for (uint32_t i = 0; ok && i < t.nkeys; i++) {
		t.keys[i] = from->keys[i];
		ok = keep_key(arena, &t.keys[i]);
	}
	if (!ok)
		return -ENOMEM;
	if (t.nkey)
		memcpy(t.key, from->key, t.nkey * sizeof(*t.key));
	*ret = t;
	return 0;
}

static bool same(struct span a, struct span b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

static bool same_column(const struct catalog_column *a, const struct catalog_column *b)
{
	if (!same(a->name, b->name) || !same(a->data_type, b->data_type) ||
	    !same(a->column_type, b->column_type) || !same(a->charset, b->charset) ||
	    a->is_unsigned != b->is_unsigned || a->scale != b->scale || a->place != b->place ||
	    a->nlabels != b->nlabels)
		return false;
	for (uint32_t i = 0; i < a->nlabels; i++)
		if (!same(a->labels[i], b->labels[i]))
			return false;
	return true;
}

bool catalog_same(const struct catalog_table *a, const struct catalog_table *b)
{
	if (a->ncolumns != b->ncolumns || a->nkey != b->nkey || a->versioned != b->versioned ||
	    a->hidden_by_keys != b->hidden_by_keys)
		return false;
	for (uint32_t i = 0; i < a->ncolumns; i++)
		if (!same_column(&a->columns[i], &b->columns[i]))
			return false;
	return !a->nkey || !memcmp(a->key, b->key, a->nkey * sizeof(*a->key));
}
