/*
 * ledger.c - see ledger.h.
 *
 * What becomes of the position when something here is wrong: it runs ahead of the pipe
 * and rows are lost, or it stands still and rows come twice. Hence the order inside
 * apply_mark(): what can fail comes first, and only then is anything changed.
 */
#include "core/progress/ledger.h"

#include <errno.h>
#include <stdlib.h>

/* The delivering thread is the only writer: a load and a store are enough. */
#define STAT_ADD(field, n)                                                                         \
	atomic_store_explicit(&l->stats.field,                                                     \
			      atomic_load_explicit(&l->stats.field, memory_order_relaxed) + (n),   \
			      memory_order_relaxed)

int ledger_init(struct ledger *l, const struct position *start)
{
	memset(l, 0, sizeof(*l));
	position_init(&l->safe, start->flavor);
	int rc = position_copy(&l->safe, start);
	if (rc < 0)
		return rc;
	l->awaits = l->safe.partial.set;
	memcpy(l->server, start->source, sizeof(l->server));
	atomic_store_explicit(&l->stats.commit_time, start->commit_time, memory_order_relaxed);
	return 0;
}

void ledger_free(struct ledger *l)
{
	position_clear(&l->safe);
	prepared_unref(l->xa.entry);
}

static uint64_t record_bytes(const struct record *r)
{
	return (uint64_t)r->key_len + r->headers_len + r->value_len;
}

void ledger_taken(struct ledger *l, const struct record *r)
{
	if (r->kind != RECORD_MESSAGE)
		return;
	STAT_ADD(in_flight, 1);
	STAT_ADD(in_flight_bytes, record_bytes(r));
}

void ledger_acked(struct ledger *l, struct record *r)
{
	if (r->kind != RECORD_MESSAGE || r->acked)
		return;
	r->acked = 1;
	STAT_ADD(in_flight, (uint64_t)-1);
	STAT_ADD(in_flight_bytes, -record_bytes(r));
	STAT_ADD(messages, 1);
	STAT_ADD(bytes, record_bytes(r));
}

/*
 * Whether the group that ends here (its MARK) is the one whose rest we wait for. With a
 * GTID the GTID says so, on any server; an anonymous one can only be met again on its own
 * server, so any end behind its start is its own or a later one's.
 */
static bool mark_is_awaited(const struct partial *p, const struct record_mark *m)
{
	if (p->gtid.kind != GTID_NONE)
		return gtid_equal(&p->gtid, &m->gtid);
	return strcmp(p->start.file, m->end.file) != 0 || m->end.pos > p->start.pos;
}

static bool group_is_awaited(const struct partial *p, const struct record_group *g)
{
	if (p->gtid.kind != GTID_NONE)
		return gtid_equal(&p->gtid, &g->gtid);
	return g->gtid.kind == GTID_NONE && p->start.pos == g->start.pos &&
	       strcmp(p->start.file, g->start.file) == 0;
}

static void apply_group(struct ledger *l, const struct record_group *g)
{
	l->in_group = true;
	l->group_gtid = g->gtid;
	l->group_start = g->start;
	if (!l->safe.partial.set)
		return;
	/* Another one: the rest of the partial group comes later, from another server. */
	l->awaits = !group_is_awaited(&l->safe.partial, g);
	if (!l->awaits)
		l->safe.partial.start = g->start; /* on another server it begins elsewhere */
}

/* Returns whether the position moved. */
static bool apply_message(struct ledger *l, const struct record *r)
{
	if (__builtin_expect(r->flags & RECORD_DEAD_LETTER, 0))
		STAT_ADD(dead_letters, 1);
	if (!(r->flags & RECORD_ROW_END))
		return false;
	STAT_ADD(rows, 1);
	/*
	 * Rows of a group in front of the awaited one are not noted: a restart would publish
	 * them again, but the awaited group's count, which only we know, is kept.
	 */
	if (!l->in_group || l->awaits)
		return false;
	struct partial *p = &l->safe.partial;
	if (!p->set) {
		p->set = true;
		p->gtid = l->group_gtid;
		p->start = l->group_start;
	}
	p->rows = r->row;
	p->crc = r->crc;
	return true;
}

/* Takes over the record's reference; it counts with the MARK behind. */
static void apply_xa(struct ledger *l, struct record_xa *xa)
{
	prepared_unref(l->xa.entry);
	l->xa = *xa;
	xa->entry = NULL;
}

static int apply_mark(struct ledger *l, const struct record_mark *m)
{
	if (l->xa.entry && !l->xa.decided && prepared_reserve(&l->safe.prepared) < 0)
		return -ENOMEM;
	if (l->safe.gtids) {
		int rc = gtid_set_add(l->safe.gtids, &m->gtid);
		if (rc < 0)
			return rc;
	}
	/* Nothing fails from here on. */
	if (l->xa.entry && l->xa.decided) {
		prepared_remove(&l->safe.prepared, &l->xa.entry->xid);
		prepared_unref(l->xa.entry);
	} else if (l->xa.entry) {
		prepared_add(&l->safe.prepared, l->xa.entry);
	}
	l->xa.entry = NULL;
	l->safe.at = m->end;
	memcpy(l->safe.source, l->server, sizeof(l->server));
	l->safe.commit_time = m->commit_time;
	l->safe.before_start = m->before_start;
	if (!l->awaits || mark_is_awaited(&l->safe.partial, m)) {
		l->safe.partial = (struct partial){.set = false};
		l->awaits = false;
	}
	l->in_group = false;
	if (!m->between)
		STAT_ADD(groups, 1);
	atomic_store_explicit(&l->stats.commit_time, m->commit_time, memory_order_relaxed);
	return 0;
}

int ledger_advance(struct ledger *l, struct ring *ring)
{
	bool moved = false;
	int rc = 0;
	for (struct record *r; (r = ring_oldest(ring)); ring_release(ring)) {
		if (r->kind == RECORD_MESSAGE) {
			if (!r->acked)
				break;
			moved |= apply_message(l, r);
			if (r->flags & RECORD_OUTSIDE) {
				free(r->outside);
				r->outside = NULL;
			}
		} else if (r->kind == RECORD_GROUP) {
			apply_group(l, record_as_group(r));
		} else if (r->kind == RECORD_XA) {
			apply_xa(l, record_as_xa(r));
		} else if (r->kind == RECORD_SERVER) {
			memcpy(l->server, record_as_server(r), sizeof(l->server));
		} else if (r->kind == RECORD_MARK) {
			rc = apply_mark(l, record_as_mark(r));
			if (rc < 0)
				break;
			moved = true;
		}
	}
	if (moved)
		STAT_ADD(moves, 1);
	return rc < 0 ? rc : moved;
}

int ledger_position(const struct ledger *l, struct position *ret)
{
	return position_copy(ret, &l->safe);
}

static uint64_t stat_read(const _Atomic uint64_t *stat)
{
	return atomic_load_explicit(stat, memory_order_relaxed);
}

struct ledger_stats ledger_stats_read(const struct ledger *l)
{
	struct ledger_stats s = {
		.in_flight = stat_read(&l->stats.in_flight),
		.in_flight_bytes = stat_read(&l->stats.in_flight_bytes),
		.messages = stat_read(&l->stats.messages),
		.bytes = stat_read(&l->stats.bytes),
		.rows = stat_read(&l->stats.rows),
		.groups = stat_read(&l->stats.groups),
		.dead_letters = stat_read(&l->stats.dead_letters),
		.moves = stat_read(&l->stats.moves),
		.commit_time = atomic_load_explicit(&l->stats.commit_time, memory_order_relaxed),
	};
	/* A pipe may acknowledge before the record is counted: under zero for a moment. */
	if ((int64_t)s.in_flight < 0)
		s.in_flight = 0;
	if ((int64_t)s.in_flight_bytes < 0)
		s.in_flight_bytes = 0;
	return s;
}
