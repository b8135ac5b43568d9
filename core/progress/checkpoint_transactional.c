/*
 * checkpoint_transactional.c - see checkpoint.h, delivery exactly_once: which of two
 * positions counts, and copies of what the pipe has committed.
 *
 * What becomes of the rows when something here is wrong: an older position is taken for the
 * later one and rows come twice, or a position that the pipe has lost is taken for reached
 * and rows are missing. Hence: a document counts by reset and number, and the kept copy can be
 * ahead of the pipe only if the pipe has lost something.
 */
#include "core/progress/checkpoint.h"

#include "common/contract/errors.h"
#include "common/os/log.h"
#include "core/progress/checkpoint_priv.h"
#include "core/progress/position_doc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char exactly_once[] = "exactly_once";

bool checkpoint_is_transactional(const struct checkpoint *c)
{
	return c->transactional;
}

int checkpoint_confirm(struct checkpoint *c, struct err *err)
{
	return c->store->confirm ? c->store->confirm(c, err) : 0;
}

static uint64_t our_reset(const struct checkpoint *c)
{
	return c->has_control ? c->control.reset : c->doc.reset;
}

/* Rule 2c: another's claim is there, later than ours. */
static int check_claim(struct checkpoint *c, const struct position_doc *theirs, struct err *err)
{
	char text[200];
	uint64_t reset = our_reset(c);
	if (theirs->reset < reset || (theirs->reset == reset && theirs->epoch <= c->epoch))
		return 0;
	/* The folder is an earlier copy: who has the later one is fenced by now, or gone. */
	if (c->store->raise && !c->reconciled)
		return c->store->raise(c, theirs->epoch, err);
	snprintf(text, sizeof(text),
		 "%s has claimed the pipe's position, with reset %llu and epoch %llu; ours are %llu "
		 "and %llu",
		 theirs->instance[0] ? theirs->instance : "another instance",
		 (unsigned long long)theirs->reset, (unsigned long long)theirs->epoch,
		 (unsigned long long)reset, (unsigned long long)c->epoch);
	if (c->store->lose)
		return c->store->lose(c, text, err);
	c->lost = true;
	return err_set_at(err, -EIDRM, ERR_ZK_GONE, c->path, "%s", text);
}

static int lost_position(const struct checkpoint *c, const struct position_doc *theirs,
			 uint64_t seq, struct err *err)
{
	char has[64] = "no position";
	if (theirs)
		snprintf(has, sizeof(has), "position %llu", (unsigned long long)theirs->seq);
	return err_set_at(err, -ENODATA, ERR_PIPE_LOST_POSITION, c->path,
			  "Kafka (cluster %s) has %s of this task, but has acknowledged position "
			  "%llu: it has lost data, or the topic of positions was deleted",
			  c->doc.pipe_cluster, has, (unsigned long long)seq);
}

/*
 * Whether the kept position counts, and not the pipe's: 1 or 0, or it should not be so.
 * theirs is NULL when the pipe has none.
 */
static int kept_counts(const struct checkpoint *c, const struct position_doc *theirs,
		       const char *cluster, struct err *err)
{
	if (c->reconciled) {
		/* We have seen it: it cannot be less than what was acknowledged to us. */
		bool less = !theirs || theirs->reset < our_reset(c) || theirs->seq < c->committed;
		return less && c->committed ? lost_position(c, theirs, c->committed, err) : 0;
	}
	if (!c->found)
		return 0;
	bool copy = strcmp(c->doc.delivery, exactly_once) == 0 &&
		    strcmp(c->doc.pipe_cluster, cluster) == 0;
	if (theirs && !copy && strcmp(c->doc.delivery, exactly_once) != 0 &&
	    c->doc.epoch > theirs->epoch)
		return 1; /* delivered at_least_once since */
	bool ahead = !theirs || c->doc.reset > theirs->reset ||
		     (c->doc.reset == theirs->reset && c->doc.seq > theirs->seq);
	if (ahead && copy && !c->ordered)
		return lost_position(c, theirs, c->doc.seq, err);
	return ahead;
}

static int adopt(struct checkpoint *c, struct position_doc *theirs, struct err *err)
{
	if (position_doc_set(&theirs->instance, c->doc.instance) < 0)
		return checkpoint_no_memory(err);
	position_doc_clear(&c->doc);
	c->doc = *theirs;
	*theirs = (struct position_doc){0};
	c->found = true;
	return 0;
}

static int choose(struct checkpoint *c, struct position_doc *theirs, const char *cluster,
		  struct err *err)
{
	uint64_t highest = theirs && theirs->seq > c->doc.seq ? theirs->seq : c->doc.seq;
	int kept = kept_counts(c, theirs, cluster, err);
	if (kept < 0)
		return kept;
	int rc = theirs && !kept ? adopt(c, theirs, err) : 0;
	if (rc < 0)
		return rc;
	c->doc.seq = highest; /* the next one is above both */
	c->ordered = c->has_control && c->control.position.start != CONTROL_KEEP &&
		     (c->found ? c->doc.reset < c->control.reset : c->control.reset > 0);
	if (c->had_position && !c->found && !c->ordered && !c->reconciled)
		return err_set_at(err, -ENODATA, ERR_PIPE_LOST_POSITION, c->path,
				  "neither Kafka (cluster %s) nor lastCommit has a position, "
				  "although there was one: both were deleted",
				  cluster);
	if (position_doc_set(&c->doc.pipe_cluster, cluster) < 0)
		return checkpoint_no_memory(err);
	c->composing = c->uncopied = false;
	return 0;
}

int checkpoint_reconcile(struct checkpoint *c, const void *text, size_t len, const char *cluster,
			 struct err *err)
{
	struct position_doc d;
	if (len == 0)
		return choose(c, NULL, cluster, err);
	int rc = position_doc_parse(text, len, &d, err);
	if (rc < 0) {
		err_prefix(err, "the position in Kafka");
		return rc;
	}
	if (strcmp(d.uid, c->doc.uid) != 0) {
		log_info("the position in Kafka is a former task's of this name (uid %.64s)", d.uid);
		rc = choose(c, NULL, cluster, err);
	} else {
		rc = check_claim(c, &d, err);
		if (rc == 0)
			rc = choose(c, &d, cluster, err);
	}
	position_doc_clear(&d);
	return rc;
}

int checkpoint_compose(struct checkpoint *c, const struct position *p, struct buf *ret,
		       struct err *err)
{
	c->composing = true;
	buf_clear(ret);
	int rc = checkpoint_next(c, p, ret, err);
	if (rc == -EAGAIN)
		c->composing = false; /* the history was not kept: the document is as it was */
	return rc;
}

void checkpoint_committed(struct checkpoint *c)
{
	c->reconciled = true;
	c->composing = false;
	c->uncopied = true;
	c->found = true;
	c->ordered = false;
	c->committed = c->doc.seq;
}

int checkpoint_copy(struct checkpoint *c, struct err *err)
{
	if (!c->uncopied || c->composing)
		return 0;
	struct buf b;
	buf_init(&b);
	position_doc_print(&c->doc, &b);
	buf_lit(&b, "\n");
	int rc = b.failed ? checkpoint_no_memory(err) : c->store->save(c, &b, err);
	buf_free(&b);
	if (rc < 0)
		return rc;
	c->uncopied = false;
	c->saves++;
	return 1;
}

int checkpoint_copy_tick(struct checkpoint *c, usec_t now, struct err *err)
{
	if (now < checkpoint_due(c))
		return 0;
	c->last = now;
	c->passing = true;
	int rc = checkpoint_copy(c, err);
	c->passing = false;
	return rc;
}
