/* xa.c - see xa.h. */
#include "core/pipeline/xa.h"

#include "common/contract/errors.h"
#include "common/os/log.h"
#include "core/pipeline/second.h"

#include <errno.h>

/*
 * A MySQL set longer than this is not written into the entry: with many entries the
 * document would grow too large, and a MySQL server finds the group without it.
 */
enum { BEFORE_MAX = 200 };

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a prepared XA transaction");
}

bool xa_make_room(struct source_thread *t)
{
	if (!kept_evict(&t->kept))
		return false;
	hold_reserve(&t->hold, t->kept.bytes);
	return true;
}

void xa_forget(struct source_thread *t)
{
	prepared_unref(t->xa.entry);
	t->xa.entry = NULL;
}

/* The entry of the group at hand. */
static struct prepared *make_entry(const struct source_thread *t)
{
	struct buf before;
	buf_init(&before);
	if (t->read.gtids)
		gtid_set_format(t->read.gtids, &before);
	const char *text = buf_cstr(&before);
	if (t->read.flavor == FLAVOR_MYSQL && before.len > BEFORE_MAX)
		text = "";
	const struct group *g = &t->stream.group;
	struct prepared *entry =
		before.failed ? NULL : prepared_new(&t->stream.xid, &g->gtid, &g->start, text);
	buf_free(&before);
	return entry;
}

/* What cannot be kept is read again when it is committed. */
static void keep_events(struct source_thread *t)
{
	if (t->mode != GROUP_HOLD)
		return;
	if (kept_take(&t->kept, t->xa.entry, &t->stream, &t->hold, &t->verdict) < 0)
		log_debug("no memory to keep a prepared XA transaction");
	while (t->kept.bytes > t->hold.size && kept_evict(&t->kept))
		;
	hold_reserve(&t->hold, t->kept.bytes);
}

int xa_prepare(struct source_thread *t, struct err *err)
{
	char xid[XID_TEXT_MAX], where[320];
	xid_format(&t->stream.xid, xid);
	xa_forget(t);
	if (prepared_find(&t->read.prepared, &t->stream.xid)) {
		/* The server had forgotten it: decided by a session that does not log. */
		log_warn("XA transaction %s is prepared a second time; the rows of the first are "
			 "dropped",
			 xid);
		kept_drop(&t->kept, &t->stream.xid);
	} else if (t->read.prepared.n >= PREPARED_MAX) {
		return err_set_at(err, -E2BIG, ERR_XA_LIMIT,
				  stream_where(&t->stream, t->stream.group.start.pos, where,
					       sizeof(where)),
				  "XA transaction %s is prepared, and %d are already that nobody "
				  "has decided",
				  xid, PREPARED_MAX);
	}
	t->xa.entry = make_entry(t);
	if (!t->xa.entry || prepared_reserve(&t->read.prepared) < 0)
		return no_memory(err);
	t->xa.decided = false;
	keep_events(t);
	return 0;
}

/* The rows, as if they stood in the group that commits them; but in their own place. */
static int publish_kept(struct source_thread *t, const struct kept *k, struct err *err)
{
	struct stream view = t->stream;
	uint64_t n = 0;
	view.format = k->format;
	view.group = k->group;
	view.group.commit_time = t->stream.group.commit_time;
	view.at = k->group.start;
	view.in_group = true;
	for (const struct held *h = NULL; (h = hold_next(&k->events, h)); n++) {
		struct event e = hold_event(h);
		int rc = publish_event(&t->publish, &view, h->kind, &e, h->pos,
				       verdict_is_undone(&k->verdict, n), err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int unknown(const struct source_thread *t, struct err *err)
{
	char xid[XID_TEXT_MAX], where[320];
	xid_format(&t->stream.xid, xid);
	return err_set_at(err, -ENOENT, ERR_XA_UNKNOWN,
			  stream_where(&t->stream, t->stream.group.start.pos, where, sizeof(where)),
			  "XA COMMIT of %s, which was prepared before the position that the task "
			  "began at: its rows were never read",
			  xid);
}

int xa_decide(struct source_thread *t, bool wanted, struct err *err)
{
	struct prepared *entry = prepared_find(&t->read.prepared, &t->stream.xid);
	xa_forget(t);
	if (t->event > 0 && wanted)
		return err_set(err, -ENOTSUP, ERR_EVENT_UNSUPPORTED,
			       "a transaction with rows of its own that ends in XA COMMIT");
	if (!entry)
		return wanted ? unknown(t, err) : 0;
	t->xa.entry = prepared_ref(entry);
	t->xa.decided = true;
	if (!wanted)
		return 0;
	const struct kept *k = kept_find(&t->kept, &entry->xid);
	return k ? publish_kept(t, k, err) : second_read(t, entry, err);
}

void xa_settle(struct source_thread *t)
{
	if (!t->xa.entry)
		return;
	if (t->xa.decided) {
		prepared_remove(&t->read.prepared, &t->xa.entry->xid);
		kept_drop(&t->kept, &t->xa.entry->xid);
		hold_reserve(&t->hold, t->kept.bytes);
	} else {
		prepared_add(&t->read.prepared, prepared_ref(t->xa.entry));
	}
	xa_forget(t);
}
