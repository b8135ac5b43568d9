/* verdict.c - see verdict.h. */
#include "core/pipeline/verdict.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* More than any program sets; a group beyond it stops the task rather than eat memory. */
enum { SAVEPOINTS_MAX = 4096, UNDONE_MAX = 1 << 20 };

void verdict_init(struct verdict *v)
{
	*v = (struct verdict){0};
}

void verdict_free(struct verdict *v)
{
	free(v->savepoints);
	free(v->undone);
	*v = (struct verdict){0};
}

void verdict_clear(struct verdict *v)
{
	verdict_free(v);
}

/* The index of the savepoint called name, or -1. The last one set counts. */
static long find(const struct verdict *v, struct span name)
{
	for (size_t i = v->nsavepoints; i-- > 0;)
		if (strlen(v->savepoints[i].name) == name.len &&
		    strncasecmp(v->savepoints[i].name, (const char *)name.p, name.len) == 0)
			return (long)i;
	return -1;
}

/*
 * Servers compare names in a collation for which accents are no difference, or more than that,
 * character by character. Could these two be one? Exact for ASCII.
 */
static bool may_be_one(const char *a, struct span name)
{
	const char *b = (const char *)name.p, *end = b + name.len;
	while (*a && b < end) {
		bool plain = !(*a & 0x80) && !(*b & 0x80);
		if (plain && strncasecmp(a, b, 1) != 0)
			return false;
		do
			a++;
		while ((*a & 0xc0) == 0x80);
		do
			b++;
		while (b < end && (*b & 0xc0) == 0x80);
	}
	return !*a && b == end;
}

/* Room for one more element behind n of them: capacities are powers of two. */
static void *room_for_one(void *array, size_t n, size_t size)
{
	if (n & (n - 1))
		return array;
	return realloc(array, (n ? 2 * n : 1) * size);
}

int verdict_savepoint(struct verdict *v, struct span name, uint64_t event, struct err *err)
{
	if (name.len >= sizeof(v->savepoints->name) || v->nsavepoints == SAVEPOINTS_MAX)
		return err_set(err, -E2BIG, ERR_EVENT_UNSUPPORTED,
			       "a group sets more than %d savepoints, or one with a name over 255 "
			       "bytes",
			       SAVEPOINTS_MAX);
	/* Setting a name again forgets the older savepoint of that name. */
	long old = find(v, name);
	if (old >= 0) {
		size_t behind = v->nsavepoints - (size_t)old - 1;
		memmove(v->savepoints + old, v->savepoints + old + 1,
			behind * sizeof(*v->savepoints));
		v->nsavepoints--;
	} else {
		void *grown = room_for_one(v->savepoints, v->nsavepoints, sizeof(*v->savepoints));
		if (!grown)
			return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a savepoint");
		v->savepoints = grown;
	}
	struct savepoint *s = &v->savepoints[v->nsavepoints++];
	memcpy(s->name, name.p, name.len);
	s->name[name.len] = 0;
	s->event = event;
	return 0;
}

int verdict_undo(struct verdict *v, struct span name, uint64_t event, struct err *err)
{
	long at = find(v, name);
	for (size_t i = v->nsavepoints; i-- > (size_t)(at + 1);)
		if (may_be_one(v->savepoints[i].name, name))
			return err_set(err, -ENOTSUP, ERR_EVENT_UNSUPPORTED,
				       "ROLLBACK TO %.*s: to the server this may be savepoint %s",
				       (int)(name.len < 200 ? name.len : 200),
				       (const char *)name.p, v->savepoints[i].name);
	if (at < 0)
		return err_set(err, -EPROTO, ERR_EVENT_UNSUPPORTED,
			       "ROLLBACK TO %.*s, a savepoint that its group did not set",
			       (int)(name.len < 200 ? name.len : 200), (const char *)name.p);
	v->nsavepoints = (size_t)at + 1;
	uint64_t first = v->savepoints[at].event;
	if (first == event)
		return 0;
	/* Ranges inside the new one are part of it. */
	while (v->nundone > 0 && v->undone[v->nundone - 1].first >= first)
		v->nundone--;
	if (v->nundone == UNDONE_MAX)
		return err_set(err, -E2BIG, ERR_EVENT_UNSUPPORTED,
			       "a group with more than %d ROLLBACK TO", UNDONE_MAX);
	void *grown = realloc(v->undone, (v->nundone + 1) * sizeof(*v->undone));
	if (!grown)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a savepoint");
	v->undone = grown;
	v->undone[v->nundone++] = (struct undone){.first = first, .end = event};
	return 0;
}

bool verdict_is_undone(const struct verdict *v, uint64_t event)
{
	size_t low = 0, high = v->nundone;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (event < v->undone[mid].first)
			high = mid;
		else if (event >= v->undone[mid].end)
			low = mid + 1;
		else
			return true;
	}
	return false;
}
