/*
 * checkpoint.c - see checkpoint.h: what is the same wherever the position is kept.
 *
 * A save that fails leaves the old position: what was delivered since is delivered again
 * after a restart. A position is never written that the ledger did not give.
 */
#include "core/progress/checkpoint.h"

#include "common/base/clock.h"
#include "common/contract/errors.h"
#include "core/progress/checkpoint_priv.h"
#include "core/progress/position_doc.h"

#include <errno.h>
#include <stdlib.h>

int checkpoint_no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a position");
}

int checkpoint_init(struct checkpoint *c, const struct store *store, usec_t interval,
		    struct err *err)
{
	c->store = store;
	c->interval = interval;
	return position_doc_init(&c->doc) < 0 || control_doc_init(&c->control) < 0
		       ? checkpoint_no_memory(err)
		       : 0;
}

void checkpoint_fini(struct checkpoint *c)
{
	position_doc_clear(&c->doc);
	control_doc_clear(&c->control);
	position_clear(&c->work);
	schema_store_free(c->history);
	free(c->path);
}

void checkpoint_close(struct checkpoint *c)
{
	if (c)
		c->store->close(c);
}

int checkpoint_claim(struct checkpoint *c, struct err *err)
{
	return c->store->claim ? c->store->claim(c, err) : 0;
}

int checkpoint_may_act(struct checkpoint *c, struct err *err)
{
	return c->store->may_act ? c->store->may_act(c, err) : 1;
}

bool checkpoint_is_lost(const struct checkpoint *c)
{
	return c->lost;
}

const struct control_doc *checkpoint_control(const struct checkpoint *c)
{
	return c->has_control ? &c->control : NULL;
}

bool checkpoint_ordered(const struct checkpoint *c)
{
	return c->ordered;
}

const char *checkpoint_uid(const struct checkpoint *c)
{
	return c->doc.uid;
}

uint64_t checkpoint_epoch(const struct checkpoint *c)
{
	return c->epoch;
}

bool checkpoint_found(const struct checkpoint *c)
{
	return c->found;
}

enum flavor checkpoint_flavor(const struct checkpoint *c)
{
	return strcmp(c->doc.flavor, flavor_name(FLAVOR_MARIADB)) == 0 ? FLAVOR_MARIADB
								       : FLAVOR_MYSQL;
}

int checkpoint_load(const struct checkpoint *c, struct position *ret, struct err *err)
{
	if (!c->found)
		return err_set(err, -ENOENT, ERR_STATE_INVALID, "%s: no position is saved",
			       c->path);
	if (checkpoint_flavor(c) != ret->flavor)
		return err_set(err, -EINVAL, ERR_STATE_INVALID,
			       "%s is a position in a %s server, but the source is %s: give the "
			       "task a new state folder to begin there, or point it back",
			       c->path, c->doc.flavor, flavor_name(ret->flavor));
	int rc = position_from_doc(&c->doc, ret, err);
	if (rc < 0)
		err_prefix(err, "%s", c->path);
	return rc;
}

int checkpoint_set_pipe_cluster(struct checkpoint *c, const char *id)
{
	return position_doc_set(&c->doc.pipe_cluster, id);
}

struct schema_store *checkpoint_history(struct checkpoint *c)
{
	return c->history;
}

int checkpoint_take_history(struct checkpoint *c, const void *text, size_t len, struct err *err)
{
	/* Claimed again, before anything was done with it. */
	schema_store_free(c->history);
	c->history = schema_store_new(c->doc.uid);
	return !c->history || schema_store_parse(c->history, text, len) < 0
		       ? checkpoint_no_memory(err)
		       : 0;
}

static int write_history(void *ctx, const void *text, size_t len, bool anew, struct err *err)
{
	struct checkpoint *c = ctx;
	return c->store->save_history(c, text, len, anew, err);
}

int checkpoint_next(struct checkpoint *c, const struct position *p, struct buf *ret,
		    struct err *err)
{
	/* A position may need definitions that were learned in front of it. */
	const struct schema_sink sink = {.write = write_history, .ctx = c};
	int rc = c->history && c->store->save_history
			 ? schema_store_flush(c->history, p, p->source, &sink, err)
			 : 0;
	if (rc == 0)
		rc = position_to_doc(p, c->revision, &c->doc, err);
	if (rc < 0)
		return rc;
	if (position_doc_set(&c->doc.delivery,
			     c->transactional ? "exactly_once" : "at_least_once") < 0)
		return checkpoint_no_memory(err);
	/* What is kept there now is not known after a failure: its number may be used up. */
	c->doc.seq++;
	c->doc.epoch = c->epoch;
	if (c->has_control)
		c->doc.reset = c->control.reset;
	c->doc.ts_ms = (uint64_t)(clock_wall() / USEC_PER_MSEC);
	position_doc_print(&c->doc, ret);
	buf_lit(ret, "\n");
	return ret->failed ? checkpoint_no_memory(err)
	       : ret->len > POSITION_DOCUMENT_MAX
		       ? err_set(err, -EFBIG, ERR_STATE_INVALID,
				 "the position document would be larger than %d bytes: the source's "
				 "GTID set has too many gaps",
				 POSITION_DOCUMENT_MAX)
		       : 0;
}

int checkpoint_save(struct checkpoint *c, const struct position *p, struct err *err)
{
	struct buf b;
	c->failed = true; /* until it is kept */
	buf_init(&b);
	int rc = checkpoint_next(c, p, &b, err);
	if (rc == 0)
		rc = c->store->save(c, &b, err);
	buf_free(&b);
	if (rc < 0)
		return rc;
	c->failed = false;
	c->found = true;
	c->ordered = false;
	c->saves++;
	return 0;
}

/*
 * Whether it is kept already where the ledger is. The count of moves alone would not
 * do: a capture that starts again has a new ledger, which counts from 0.
 */
static bool is_saved(const struct checkpoint *c, const struct ledger *l, uint64_t moves)
{
	const struct position *p = &l->safe;
	if (!p->at.file[0] && !p->gtids)
		return true; /* it says nothing yet */
	return c->found && !c->failed && moves == c->moves && c->doc.pos == p->at.pos &&
	       strcmp(c->doc.file, p->at.file) == 0 && c->doc.has_partial == p->partial.set &&
	       (!p->partial.set || c->doc.partial.rows == p->partial.rows);
}

int checkpoint_flush(struct checkpoint *c, const struct ledger *l, struct err *err)
{
	uint64_t moves = ledger_stats_read(l).moves;
	if (is_saved(c, l, moves))
		return 0;
	if (ledger_position(l, &c->work) < 0)
		return checkpoint_no_memory(err);
	int rc = checkpoint_save(c, &c->work, err);
	if (rc < 0)
		return rc;
	c->moves = moves;
	return 1;
}

int checkpoint_tick(struct checkpoint *c, const struct ledger *l, usec_t now, struct err *err)
{
	if (now < checkpoint_due(c))
		return 0;
	c->last = now;
	c->passing = true;
	int rc = checkpoint_flush(c, l, err);
	c->passing = false;
	return rc;
}

usec_t checkpoint_due(const struct checkpoint *c)
{
	return c->last + c->interval;
}

uint64_t checkpoint_saves(const struct checkpoint *c)
{
	return c->saves;
}
