/*
 * gtid.c - see gtid.h: the sets themselves. Text and wire forms are in gtid_text.c.
 *
 * Pure. A set is used by one thread at a time.
 */
#include "core/model/gtid_priv.h"

#include <errno.h>
#include <stdlib.h>

struct gtid_set *gtid_set_new(enum flavor flavor)
{
	struct gtid_set *s = calloc(1, sizeof(*s));
	if (s)
		s->flavor = flavor;
	return s;
}

/* Frees the contents, not the set. */
static void set_clear(struct gtid_set *s)
{
	if (s->sources)
		for (size_t i = 0; i < s->n; i++)
			free(s->sources[i].intervals);
	free(s->sources);
	free(s->domains);
	*s = (struct gtid_set){.flavor = s->flavor};
}

void gtid_set_free(struct gtid_set *s)
{
	if (!s)
		return;
	set_clear(s);
	free(s);
}

enum flavor gtid_set_flavor(const struct gtid_set *s)
{
	return s->flavor;
}

bool gtid_set_empty(const struct gtid_set *s)
{
	return s->n == 0;
}

bool gtid_equal(const struct gtid *a, const struct gtid *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case GTID_NONE:
		return true;
	case GTID_MYSQL:
		return a->my.gno == b->my.gno && memcmp(a->my.uuid, b->my.uuid, 16) == 0 &&
		       strcmp(a->my.tag, b->my.tag) == 0;
	case GTID_MARIADB:
		return a->maria.seq == b->maria.seq && a->maria.domain == b->maria.domain &&
		       a->maria.server == b->maria.server;
	}
	return false;
}

/* Makes room for one more element of `size` bytes behind the n of *array. 0 or -ENOMEM. */
static int array_grow(void *array, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return 0;
	size_t more = *cap ? *cap * 2 : 4;
	void *old, *p;
	memcpy(&old, array, sizeof(old));
	if (more > SIZE_MAX / size || !(p = realloc(old, more * size)))
		return -ENOMEM;
	memcpy(array, &p, sizeof(p));
	*cap = more;
	return 0;
}

static int source_compare(const struct source *a, const uint8_t uuid[16], const char *tag)
{
	int c = memcmp(a->uuid, uuid, 16);
	return c ? c : strcmp(a->tag, tag);
}

/* Index of the source, or where it belongs. */
static size_t find_source(const struct gtid_set *s, const uint8_t uuid[16], const char *tag,
			  bool *ret_found)
{
	size_t low = 0, high = s->n;
	*ret_found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = source_compare(&s->sources[mid], uuid, tag);
		if (c == 0) {
			*ret_found = true;
			return mid;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t gtid_set_find_domain(const struct gtid_set *s, uint32_t domain, bool *ret_found)
{
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->domains[mid].domain < domain)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_found = low < s->n && s->domains[low].domain == domain;
	return low;
}

/* Index of the first interval whose last is at or beyond gno; n when there is none. */
static size_t find_interval(const struct source *e, uint64_t gno)
{
	size_t low = 0, high = e->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (e->intervals[mid].last < gno)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int source_add(struct source *e, uint64_t first, uint64_t last)
{
	/* Every interval that overlaps or touches [first, last] is in [from, to). */
	size_t from = find_interval(e, first > 1 ? first - 1 : first);
	size_t to = from;
	while (to < e->n && e->intervals[to].first <= last + 1)
		to++;
	if (from == to) {
		int rc = array_grow(&e->intervals, e->n, &e->cap, sizeof(*e->intervals));
		if (rc < 0)
			return rc;
		memmove(e->intervals + from + 1, e->intervals + from,
			(e->n - from) * sizeof(*e->intervals));
		e->intervals[from] = (struct interval){first, last};
		e->n++;
		return 0;
	}
	struct interval *merged = &e->intervals[from];
	if (first < merged->first)
		merged->first = first;
	if (e->intervals[to - 1].last > last)
		last = e->intervals[to - 1].last;
	merged->last = last;
	memmove(merged + 1, e->intervals + to, (e->n - to) * sizeof(*e->intervals));
	e->n -= to - from - 1;
	return 0;
}

int gtid_set_add_interval(struct gtid_set *s, const uint8_t uuid[16], const char *tag,
			  uint64_t first, uint64_t last)
{
	bool found = s->recent < s->n && source_compare(&s->sources[s->recent], uuid, tag) == 0;
	if (!found)
		s->recent = find_source(s, uuid, tag, &found);
	if (found)
		return source_add(&s->sources[s->recent], first, last);

	int rc = array_grow(&s->sources, s->n, &s->cap, sizeof(*s->sources));
	if (rc < 0)
		return rc;
	struct source e = {0};
	memcpy(e.uuid, uuid, sizeof(e.uuid));
	memcpy(e.tag, tag, strnlen(tag, GTID_TAG_MAX));
	rc = source_add(&e, first, last);
	if (rc < 0)
		return rc;
	memmove(s->sources + s->recent + 1, s->sources + s->recent,
		(s->n - s->recent) * sizeof(*s->sources));
	s->sources[s->recent] = e;
	s->n++;
	return 0;
}

static int add_maria(struct gtid_set *s, const struct gtid *g)
{
	struct domain d = {g->maria.domain, g->maria.server, g->maria.seq};
	if (s->recent < s->n && s->domains[s->recent].domain == d.domain) {
		s->domains[s->recent] = d;
		return 0;
	}
	bool found;
	size_t at = gtid_set_find_domain(s, d.domain, &found);
	if (!found) {
		int rc = array_grow(&s->domains, s->n, &s->cap, sizeof(*s->domains));
		if (rc < 0)
			return rc;
		memmove(s->domains + at + 1, s->domains + at, (s->n - at) * sizeof(*s->domains));
		s->n++;
	}
	s->domains[at] = d;
	s->recent = at;
	return 0;
}

int gtid_set_add(struct gtid_set *s, const struct gtid *g)
{
	if (g->kind == GTID_NONE)
		return 0;
	if (g->kind == GTID_MARIADB)
		return s->flavor == FLAVOR_MARIADB ? add_maria(s, g) : -EINVAL;
	uint64_t gno = g->my.gno;
	if (s->flavor != FLAVOR_MYSQL || gno == 0 || gno > GNO_MAX)
		return -EINVAL;
	/* The common case: the successor of the last id of the source seen last. */
	if (s->recent < s->n) {
		struct source *e = &s->sources[s->recent];
		struct interval *end = &e->intervals[e->n - 1];
		if (end->last + 1 == gno && source_compare(e, g->my.uuid, g->my.tag) == 0) {
			end->last = gno;
			return 0;
		}
	}
	return gtid_set_add_interval(s, g->my.uuid, g->my.tag, gno, gno);
}

static int source_remove(struct source *e, uint64_t gno)
{
	size_t i = find_interval(e, gno);
	if (i == e->n || e->intervals[i].first > gno)
		return 0;
	struct interval *at = &e->intervals[i];
	if (at->first == gno && at->last == gno) {
		memmove(at, at + 1, (e->n - i - 1) * sizeof(*at));
		e->n--;
	} else if (at->first == gno) {
		at->first++;
	} else if (at->last == gno) {
		at->last--;
	} else {
		int rc = array_grow(&e->intervals, e->n, &e->cap, sizeof(*e->intervals));
		if (rc < 0)
			return rc;
		at = &e->intervals[i];
		memmove(at + 1, at, (e->n - i) * sizeof(*at));
		at[0].last = gno - 1;
		at[1].first = gno + 1;
		e->n++;
	}
	return 0;
}

int gtid_set_remove(struct gtid_set *s, const struct gtid *g)
{
	bool found;
	if (!gtid_set_has(s, g))
		return 0;
	s->recent = 0;
	if (s->flavor == FLAVOR_MARIADB) {
		size_t at = gtid_set_find_domain(s, g->maria.domain, &found);
		s->n--;
		memmove(s->domains + at, s->domains + at + 1, (s->n - at) * sizeof(*s->domains));
		return 0;
	}
	size_t at = find_source(s, g->my.uuid, g->my.tag, &found);
	int rc = source_remove(&s->sources[at], g->my.gno);
	if (rc < 0 || s->sources[at].n > 0)
		return rc;
	free(s->sources[at].intervals);
	s->n--;
	memmove(s->sources + at, s->sources + at + 1, (s->n - at) * sizeof(*s->sources));
	return 0;
}

bool gtid_set_has(const struct gtid_set *s, const struct gtid *g)
{
	bool found;
	switch (g->kind) {
	case GTID_NONE:
		return false;
	case GTID_MARIADB: {
		if (s->flavor != FLAVOR_MARIADB)
			return false;
		size_t at = gtid_set_find_domain(s, g->maria.domain, &found);
		return found && s->domains[at].seq >= g->maria.seq;
	}
	case GTID_MYSQL: {
		if (s->flavor != FLAVOR_MYSQL)
			return false;
		size_t at = find_source(s, g->my.uuid, g->my.tag, &found);
		if (!found)
			return false;
		const struct source *e = &s->sources[at];
		size_t i = find_interval(e, g->my.gno);
		return i < e->n && e->intervals[i].first <= g->my.gno;
	}
	}
	return false;
}

static bool source_covers(const struct source *e, const struct source *sub)
{
	for (size_t i = 0; i < sub->n; i++) {
		/* Intervals do not touch, so one of ours must hold the whole of it. */
		size_t at = find_interval(e, sub->intervals[i].last);
		if (at == e->n || e->intervals[at].first > sub->intervals[i].first)
			return false;
	}
	return true;
}

bool gtid_set_covers(const struct gtid_set *s, const struct gtid_set *sub)
{
	if (s->flavor != sub->flavor)
		return sub->n == 0;
	for (size_t i = 0; i < sub->n; i++) {
		bool found;
		if (s->flavor == FLAVOR_MARIADB) {
			size_t at = gtid_set_find_domain(s, sub->domains[i].domain, &found);
			if (!found || s->domains[at].seq < sub->domains[i].seq)
				return false;
		} else {
			const struct source *e = &sub->sources[i];
			size_t at = find_source(s, e->uuid, e->tag, &found);
			if (!found || !source_covers(&s->sources[at], e))
				return false;
		}
	}
	return true;
}

/* Fills the empty set `to`. */
static int copy_into(struct gtid_set *to, const struct gtid_set *src)
{
	if (src->n == 0)
		return 0;
	if (src->flavor == FLAVOR_MARIADB) {
		to->domains = malloc(src->n * sizeof(*to->domains));
		if (!to->domains)
			return -ENOMEM;
		memcpy(to->domains, src->domains, src->n * sizeof(*to->domains));
		to->n = to->cap = src->n;
		return 0;
	}
	to->sources = calloc(src->n, sizeof(*to->sources));
	if (!to->sources)
		return -ENOMEM;
	to->cap = src->n;
	for (; to->n < src->n; to->n++) {
		const struct source *from = &src->sources[to->n];
		struct source *e = &to->sources[to->n];
		*e = *from;
		e->cap = from->n;
		e->intervals = malloc(from->n * sizeof(*e->intervals));
		if (!e->intervals)
			return -ENOMEM;
		memcpy(e->intervals, from->intervals, from->n * sizeof(*e->intervals));
	}
	return 0;
}

int gtid_set_copy(struct gtid_set *dst, const struct gtid_set *src)
{
	if (dst == src)
		return 0;
	struct gtid_set copy = {.flavor = src->flavor, .recent = src->recent};
	int rc = copy_into(&copy, src);
	if (rc < 0) {
		set_clear(&copy);
		return rc;
	}
	set_clear(dst);
	*dst = copy;
	return 0;
}
