/*
 * instance_status.c - the status document: read when we become first, written at each
 * change of state while we are, by compare-and-set (protocol.md, rule 12).
 *
 * A failure is written down before anything else is tried: a host that dies over a
 * transaction must not let the next one think that it was the first. The second failure
 * at a position makes the task FAILED; after the first one another host has its turn.
 */
#include "core/instance_priv.h"

#include "common/contract/errors.h"
#include "common/daemon/acl.h"
#include "common/os/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FAILURES_ENOUGH = 2 };

static void read_status(struct instance *i);

static uint64_t now_ms(void)
{
	return (uint64_t)(clock_wall() / USEC_PER_MSEC);
}

/* What a person asked for since it failed is a new try for all of it. */
static void forgive(struct instance *i)
{
	struct standby_numbers was = {i->status.revision, i->status.restart, i->status.reset};
	struct standby_numbers now = instance_numbers(i);
	if (standby_raised(&now, &was))
		status_doc_forgive(&i->status);
	i->status.revision = now.revision;
	i->status.restart = now.restart;
	i->status.reset = now.reset;
}

/* Why it cannot be read or written, once for each reason; away and expired are the session's. */
static void status_says(struct instance *i, const struct zk_reply *r)
{
	bool passes = r->rc == -ENOTCONN || r->rc == -ETIMEDOUT || r->rc == -ENOLINK;
	if (passes || i->status_err.kind == r->err->kind)
		return;
	i->status_err = *r->err;
	log_err(LOG_LEVEL_ERROR, i->name, r->err);
}

static void written(void *ctx, const struct zk_reply *r)
{
	struct instance *i = ctx;
	i->status_op = NULL;
	if (r->rc == 0) {
		i->status_version = r->stat->version;
		err_clear(&i->status_err);
		if (i->status_dirty)
			status_changed(i);
	} else if (r->rc == -ESTALE || r->rc == -EINPROGRESS || r->rc == -EEXIST ||
		   r->rc == -ENOENT) {
		/* Somebody else's, or perhaps ours: read, and write what is so now. */
		i->status_dirty = true;
		read_status(i);
		return;
	} else {
		i->status_dirty = true; /* at the next look */
		status_says(i, r);
	}
	instance_step(i);
}

/* The document as it stands in i->status. */
static void write_with(struct instance *i, zk_reply_fn *fn)
{
	struct buf b;
	buf_init(&b);
	status_doc_print(&i->status, &b);
	if (b.failed) {
		log_error("%s: no memory for its status", i->name);
	} else if (i->status_version >= 0) {
		i->status_op = zk_set_async(i->zk, i->status_path, b.data, b.len,
					    i->status_version, fn, i);
	} else {
		const struct zk_create create = {
			.path = i->status_path, .data = b.data, .len = b.len, .kind = ZK_PERSISTENT,
			.acl = &acl_core};
		i->status_op = zk_create_async(i->zk, &create, fn, i);
	}
	buf_free(&b);
}

/* Whose state it is, and since when. False: no memory. */
static bool fill(struct instance *i, enum report_state state)
{
	char run[ZK_ID_MAX] = "";
	if (i->runner)
		runner_id(i->runner, run, sizeof(run));
	if ((int)state != i->status.state) {
		i->status.previous = i->status.state;
		i->status.since_ms = now_ms();
	}
	i->status.state = (int)state;
	/* From now on a position that is not there has been lost: see last_commit.h. */
	if (state == REPORT_RUNNING && i->runner &&
	    report_set(&i->status.positioned, runner_uid(i->runner)) < 0)
		return false;
	return report_set(&i->status.instance, i->node) == 0 &&
	       (!run[0] || report_set(&i->status.run, run) == 0);
}

void status_changed(struct instance *i)
{
	if (i->role != ZK_ELECTION_FIRST)
		return;
	if (i->status_op || i->accounting.pending || !i->status_known) {
		i->status_dirty = true;
		return;
	}
	i->status_dirty = false;
	/*
	 * FAILED is status_account()'s alone to write. What this host cannot read or open is
	 * FAILED in its instance document; written here it would hold for every other host.
	 */
	if (i->state == REPORT_FAILED)
		return;
	forgive(i);
	if (fill(i, i->state))
		write_with(i, written);
}

/* ---------------------------------------------------------------- failures */

/*
 * Another host may do better than the first that failed; not where lastCommit was edited by
 * hand: only a person knows which position is right; nor where another replica has the server_id
 * of the document: it would only be thrown out, and come back.
 */
static bool is_enough(const struct accounting *a, uint64_t count)
{
	return count >= FAILURES_ENOUGH || a->err.kind == ERR_POSITION_CONFLICT ||
	       a->err.kind == ERR_SOURCE_SERVER_ID;
}

static void accounted(struct instance *i, uint64_t count)
{
	struct accounting *a = &i->accounting;
	a->pending = false;
	if (is_enough(a, count)) {
		log_error("%s: failed %llu times at %s:%llu: FAILED until someone changes, restarts "
			  "or repositions it",
			  i->name, (unsigned long long)count, a->at.file,
			  (unsigned long long)a->at.pos);
	} else {
		log_info("%s: to the end of the line", i->name);
		i->line_end = true;
		i->back_off_until = clock_boot() + LINE_END_MS * USEC_PER_MSEC;
	}
	err_clear(&i->shown);
}

static void account_written(void *ctx, const struct zk_reply *r)
{
	struct instance *i = ctx;
	i->status_op = NULL;
	if (r->rc == 0) {
		i->status_version = r->stat->version;
		const struct accounting *a = &i->accounting;
		accounted(i, status_doc_count_of(&i->status, &a->at));
		instance_step(i);
		return;
	}
	/* Whatever is there now is counted upon again; a lost answer may count one too many,
	 * which stops a task that has failed anyway. */
	i->status_known = false;
	if (r->rc == -ESTALE || r->rc == -EEXIST || r->rc == -ENOENT || r->rc == -EINPROGRESS)
		read_status(i);
	else
		status_says(i, r); /* again at the next look */
}

void status_account(struct instance *i)
{
	struct accounting *a = &i->accounting;
	if (i->role != ZK_ELECTION_FIRST) {
		a->pending = false; /* the one that is first now will see for itself */
		return;
	}
	if (i->status_op || !i->status_known)
		return; /* when that is done */
	struct standby_numbers was = {i->status.revision, i->status.restart, i->status.reset};
	if (standby_raised(&a->under, &was))
		status_doc_forgive(&i->status);
	uint64_t count;
	int rc = status_doc_count(&i->status, &a->at, a->err.kind->code, i->node, now_ms(), &count);
	if (rc == 0)
		rc = report_error_set(&i->status.error, &a->err);
	if (rc == 0)
		rc = report_position_set(&i->status.error.position, a->at.file, a->at.pos,
					 a->at.gtid);
	if (rc < 0) {
		log_error("%s: no memory to write down a failure", i->name);
		return;
	}
	i->status.error_ms = now_ms();
	i->status.revision = a->under.revision;
	i->status.restart = a->under.restart;
	i->status.reset = a->under.reset;
	if (fill(i, is_enough(a, count) ? REPORT_FAILED : REPORT_RETRYING))
		write_with(i, account_written);
	if (!i->status_op)
		i->status_known = false; /* what is in memory was counted: read it again */
}

/* ---------------------------------------------------------------- reading */

static void take(struct instance *i, const struct zk_reply *r)
{
	struct status_doc d;
	struct err err = {0};
	i->status_version = r->rc == 0 ? r->stat->version : -1;
	if (r->rc == -ENOENT || r->len == 0) {
		status_doc_clear(&i->status);
		i->status_known = status_doc_init(&i->status) == 0;
		return;
	}
	if (status_doc_parse(r->data, r->len, &d, &err) < 0) {
		/* Only a report: what was in it is lost, the task is not. */
		log_err(LOG_LEVEL_WARN, i->name, &err);
		if (status_doc_init(&d) < 0)
			return;
	}
	status_doc_clear(&i->status);
	i->status = d;
	i->status_known = true;
}

static void status_read(void *ctx, const struct zk_reply *r)
{
	struct instance *i = ctx;
	i->status_op = NULL;
	if (r->rc == 0 || r->rc == -ENOENT)
		take(i, r);
	else
		status_says(i, r);
	if (i->status_known)
		err_clear(&i->status_err);
	if (i->status_known && i->accounting.pending)
		status_account(i);
	/* What was decided without it is decided anew first: it may say FAILED. */
	instance_step(i);
	if (i->status_known && i->status_dirty)
		status_changed(i);
}

static void read_status(struct instance *i)
{
	i->status_known = false;
	if (!i->status_op)
		i->status_op = zk_get_async(i->zk, i->status_path, status_read, i);
}

void status_start(struct instance *i)
{
	status_stop(i);
	read_status(i);
}

void status_stop(struct instance *i)
{
	if (i->status_op)
		zk_op_cancel(i->status_op);
	i->status_op = NULL;
	i->status_known = false;
	i->status_dirty = false;
	i->accounting.pending = false;
}

void status_tick(struct instance *i)
{
	if (i->role != ZK_ELECTION_FIRST || i->status_op)
		return;
	if (!i->status_known)
		read_status(i);
	else if (i->accounting.pending)
		status_account(i);
	else if (i->status_dirty)
		status_changed(i);
}
