/*
 * last_commit.c - see last_commit.h.
 *
 * What becomes of the position when something here is wrong: two instances write it in
 * turn and rows are lost with the one that is behind, or a write that happened is taken
 * for another's and the task stops. Hence each decision reads first and writes by
 * compare-and-set, and what cannot be told apart from an edit by hand stops the task.
 */
#include "core/progress/last_commit.h"

#include "common/base/clock.h"
#include "common/contract/document.h"
#include "common/contract/errors.h"
#include "common/contract/paths.h"
#include "common/os/log.h"
#include "core/progress/checkpoint_priv.h"
#include "core/progress/commit_history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	TRIES = 8,                /* of one save, when our own node is rewritten meanwhile */
	TICK_MS = 1000,           /* a save in passing: the pipe wants to be served */
	PATIENT_MS = 10 * 1000,   /* any other */
};

struct last_commit {
	struct checkpoint base;
	struct zk *zk;
	const struct zk_acl *acl;
	int64_t session; /* in which our node was made */
	char instance_path[PATHS_SIZE];
	char control_path[PATHS_SIZE];
	int32_t instance_version;
	bool instance_read;
	/* lastCommit as we know it, and the seq that is in it then. */
	bool exists;
	bool made_with_task;
	int32_t version;
	uint64_t seq;
	int64_t mzxid;  /* of the write that was read last */
	bool unknown;   /* a write of ours may have happened: read before the next one */
	struct buf buf; /* what was read */
	struct commit_history history; /* where it is kept */
	struct err why; /* base.lost: the error, and what may_act returns */
	int why_rc;
};

static struct last_commit *of(struct checkpoint *c)
{
	return (struct last_commit *)c;
}

/* The end of it: nothing is saved from here on. `err` is filled by the caller. */
static int lose(struct last_commit *l, int rc, const struct err *err)
{
	l->base.lost = true;
	l->why = *err;
	l->why_rc = rc;
	return rc;
}

static int lose_because(struct last_commit *l, int rc, const struct err_kind *kind,
			struct err *err, const char *text)
{
	struct err why = {0};
	err_set_at(&why, rc, kind, l->base.path, "%s: %s", l->instance_path, text);
	if (err)
		*err = why;
	return lose(l, rc, &why);
}

static int gone(struct last_commit *l, struct err *err, const char *text)
{
	return lose_because(l, -EIDRM, ERR_ZK_GONE, err, text);
}

static int expired(struct last_commit *l, struct err *err)
{
	return lose_because(l, -ENOLINK, ERR_ZK_EXPIRED, err,
			    "the session that this instance's node belonged to is over");
}

/* The courtesy clock has run out, or there is no connection to try with. */
static int away(struct last_commit *l, struct err *err)
{
	return err_set_at(err, -EAGAIN, ERR_ZK_UNREACHABLE, l->base.path,
			  "ZooKeeper does not answer this instance in time: nothing is handed over "
			  "or saved until it does");
}

static int may_act(struct checkpoint *c, struct err *err)
{
	struct last_commit *l = of(c);
	if (c->lost) {
		if (err)
			*err = l->why;
		return l->why_rc;
	}
	if (zk_session_id(l->zk) != l->session)
		return expired(l, err);
	if (zk_may_act(l->zk))
		return 1;
	away(l, err);
	return 0;
}

/* How long an operation may wait: never beyond the time that we may act. */
static usec_t time_left(const struct last_commit *l)
{
	usec_t most = (l->base.passing ? TICK_MS : PATIENT_MS) * USEC_PER_MSEC;
	usec_t left = zk_may_act_until(l->zk) - clock_boot();
	if (left < USEC_PER_MSEC)
		left = USEC_PER_MSEC;
	return left < most ? left : most;
}

/* May we write, and is there somebody to write to? 0, -EAGAIN, or lost. */
static int ready(struct last_commit *l, struct err *err)
{
	int rc = may_act(&l->base, err);
	if (rc < 0)
		return rc;
	enum zk_state state = zk_state(l->zk);
	bool connected = state == ZK_CONNECTED || state == ZK_NEW_SESSION;
	if (rc == 0 || (l->base.passing && !connected))
		return away(l, err);
	return 0;
}

/* What every operation's failure means; those with a meaning of their own come before. */
static int failed(struct last_commit *l, int rc, struct err *err)
{
	switch (rc) {
	case -ENOTCONN:
	case -ETIMEDOUT:
		return -EAGAIN; /* later: nothing is lost */
	case -EINPROGRESS:
		l->unknown = true;
		return -EAGAIN;
	case -ENOLINK:
		return expired(l, err);
	default:
		return rc;
	}
}

/* Our node: it must be the one that we registered, in the session that we did it in. */
static int read_instance(struct last_commit *l, struct err *err)
{
	struct zk_stat stat;
	bool exists;
	int rc = zk_exists(l->zk, l->instance_path, time_left(l), &exists, &stat, err);
	if (rc < 0)
		return failed(l, rc, err);
	if (!exists)
		return gone(l, err, "this instance's node was deleted");
	if ((uint64_t)stat.czxid != l->base.epoch || stat.owner != l->session)
		return gone(l, err, "another instance's node is there under the same name");
	l->instance_version = stat.version;
	l->instance_read = true;
	return 0;
}

/* lastCommit into l->buf; `exists` and *ret_version say what was there. */
static int read_text(struct last_commit *l, bool *ret_exists, int32_t *ret_version,
		     struct err *err)
{
	struct zk_stat stat;
	struct err why = {0};
	buf_clear(&l->buf);
	int rc = zk_get(l->zk, l->base.path, time_left(l), &l->buf, &stat, &why);
	if (rc == -ENOENT) {
		*ret_exists = false;
		*ret_version = 0;
		return 0;
	}
	if (rc < 0) {
		if (err)
			*err = why;
		return failed(l, rc, err);
	}
	*ret_exists = true;
	*ret_version = stat.version;
	l->mzxid = stat.mzxid;
	return 0;
}

/* ---------------------------------------------------------------- claiming */

/*
 * A document that this version cannot read. One who sets the position anew does not need
 * it; so its reset is looked for all the same.
 */
static int unreadable(struct last_commit *l, const struct err *why, struct err *err)
{
	struct checkpoint *c = &l->base;
	struct err ignored;
	json_t *tree = document_parse((const char *)l->buf.data, l->buf.len, POSITION_DOCUMENT_MAX,
				      c->path, ERR_STATE_INVALID, &ignored);
	const json_t *reset = tree ? json_object_get(tree, "reset") : NULL;
	bool overruled = json_is_integer(reset) && json_integer_value(reset) >= 0 &&
			 c->control.reset > (uint64_t)json_integer_value(reset) &&
			 c->control.position.start != CONTROL_KEEP;
	json_decref(tree);
	if (overruled) {
		log_warn("%s cannot be read (%s); the position set by hand replaces it", c->path,
			 why->text);
		c->ordered = true;
		return 0;
	}
	if (err) {
		*err = *why;
		err_prefix(err, "%s", c->path);
	}
	return -EINVAL;
}

/*
 * A reset above that of control as it is now, or an epoch above everything that this
 * ensemble has counted: no instance of this tree wrote that. The tree was restored or
 * copied, and nobody here will ever be later.
 */
static int check_origin(struct last_commit *l, const struct position_doc *d, struct err *err)
{
	struct checkpoint *c = &l->base;
	struct control_doc control;
	struct buf text;
	uint64_t reset = 0;
	buf_init(&text);
	int rc = zk_get(l->zk, l->control_path, time_left(l), &text, NULL, err);
	if (rc == 0 && control_doc_parse((const char *)text.data, text.len, &control, NULL) == 0) {
		reset = control.reset;
		control_doc_clear(&control);
	}
	buf_free(&text);
	if (rc < 0 && rc != -ENOENT)
		return failed(l, rc, err);
	bool foreign = d->reset == c->control.reset && d->epoch > (uint64_t)l->mzxid;
	if (d->reset <= reset && !foreign)
		return 0;
	char why[300];
	snprintf(why, sizeof(why),
		 foreign ? "lastCommit was written in another ensemble (epoch %llu): set the "
			   "position to take it over"
			 : "lastCommit has seen reset %llu, which control has not: set the position "
			   "anew",
		 (unsigned long long)(foreign ? d->epoch : d->reset));
	return lose_because(l, -EEXIST, ERR_POSITION_CONFLICT, err, why);
}

/* Another's claim that came after ours: nothing of it may be overwritten. */
static int outdated(struct last_commit *l, const struct position_doc *d, struct err *err)
{
	char text[200];
	int rc = check_origin(l, d, err);
	if (rc < 0)
		return rc;
	snprintf(text, sizeof(text),
		 "%s has claimed the position, with reset %llu and epoch %llu; ours are %llu and "
		 "%llu",
		 d->instance[0] ? d->instance : "another instance", (unsigned long long)d->reset,
		 (unsigned long long)d->epoch, (unsigned long long)l->base.control.reset,
		 (unsigned long long)l->base.epoch);
	return gone(l, err, text);
}

static bool is_later(const struct last_commit *l, const struct position_doc *d)
{
	uint64_t reset = l->base.control.reset;
	return d->reset > reset || (d->reset == reset && d->epoch > l->base.epoch);
}

/* What l->buf says: whose position it is, and whether a person has set another. */
static int adopt(struct last_commit *l, struct err *err)
{
	struct checkpoint *c = &l->base;
	const struct control_doc *control = &c->control;
	struct position_doc d;
	struct err why = {0};
	c->found = c->ordered = false;
	if (l->buf.len == 0) {
		c->ordered = control->reset > 0 && control->position.start != CONTROL_KEEP;
		return 0;
	}
	int rc = position_doc_parse((const char *)l->buf.data, l->buf.len, &d, &why);
	if (rc == -ENOMEM)
		return checkpoint_no_memory(err);
	if (rc < 0)
		return unreadable(l, &why, err);
	if (strcmp(d.uid, c->doc.uid) != 0) {
		log_info("%s is a former task's of this name (uid %.64s): beginning anew", c->path,
			 d.uid);
		position_doc_clear(&d);
		c->ordered = control->reset > 0 && control->position.start != CONTROL_KEEP;
		return 0;
	}
	if (is_later(l, &d)) {
		rc = outdated(l, &d, err);
		position_doc_clear(&d);
		return rc;
	}
	/*
	 * Whether a copy of the pipe's is here counts when the two are compared; also when we are
	 * not the ones who do it, and nothing is saved before others are.
	 */
	if (position_doc_set(&d.instance, c->doc.instance) < 0) {
		position_doc_clear(&d);
		return checkpoint_no_memory(err);
	}
	position_doc_clear(&c->doc);
	c->doc = d;
	c->found = true;
	c->ordered = d.reset < control->reset && control->position.start != CONTROL_KEEP;
	return 0;
}

static int try_write(struct last_commit *l, const struct buf *text, struct err *err);

static int too_fast(const struct last_commit *l, struct err *err)
{
	return err_set(err, -EAGAIN, ERR_ZK_CONFLICT,
		       "%s changes faster than it can be checked", l->instance_path);
}

/* Read behind the claim: what an instance before us wrote is all there. */
static int claim_history(struct last_commit *l, struct err *err)
{
	struct buf text;
	buf_init(&text);
	int rc = commit_history_read(&l->history, time_left(l), &text, err);
	rc = rc < 0 ? failed(l, rc, err)
		    : checkpoint_take_history(&l->base, text.data, text.len, err);
	buf_free(&text);
	return rc;
}

/* What is there, with our epoch: from here on no earlier instance's write succeeds. */
static int write_claim(struct last_commit *l, struct err *err)
{
	struct checkpoint *c = &l->base;
	struct buf b;
	uint64_t former = c->doc.epoch;
	c->doc.epoch = c->epoch;
	c->doc.ts_ms = (uint64_t)(clock_wall() / USEC_PER_MSEC);
	/* One that is set by hand counts as done when it is saved. */
	if (!c->ordered && !c->transactional)
		c->doc.reset = c->control.reset;
	buf_init(&b);
	position_doc_print(&c->doc, &b);
	buf_lit(&b, "\n");
	int rc = b.failed ? checkpoint_no_memory(err) : try_write(l, &b, err);
	buf_free(&b);
	if (c->transactional)
		c->doc.epoch = former; /* for the comparison with the pipe's */
	return rc;
}

static int claim(struct checkpoint *c, struct err *err)
{
	struct last_commit *l = of(c);
	for (int i = 0;; i++) {
		int rc = ready(l, err);
		if (rc == 0)
			rc = read_instance(l, err);
		if (rc == 0)
			rc = read_text(l, &l->exists, &l->version, err);
		if (rc == 0) {
			l->unknown = false;
			rc = adopt(l, err);
		}
		if (rc < 0)
			return rc;
		c->had_position |= l->made_with_task && !l->exists;
		if (c->had_position && !c->transactional && !c->found && !c->ordered)
			return lose_because(l, -ENODATA, ERR_POSITION_CONFLICT, err,
					    "lastCommit is gone: somebody deleted it; set the position, "
					    "to where it was or knowing what is left out");
		l->seq = c->doc.seq;
		/* Where there is no position, the first one that is saved claims it. */
		rc = c->found ? write_claim(l, err) : 0;
		/* Nobody else writes it from here on. */
		if (rc == 0)
			return claim_history(l, err);
		if (rc != -ESTALE)
			return rc;
		if (i == TRIES)
			return too_fast(l, err);
	}
}

/* ---------------------------------------------------------------- writing */

/*
 * lastCommit is not what we thought, or may not be: what is it? 0: we know now, and may
 * write; -errno: another has taken over, or it was edited.
 */
static int settle(struct last_commit *l, struct err *err)
{
	struct checkpoint *c = &l->base;
	bool exists;
	int32_t version;
	int rc = zk_sync(l->zk, c->path, time_left(l), err);
	if (rc < 0 && rc != -ENOENT)
		return failed(l, rc, err);
	rc = read_text(l, &exists, &version, err);
	if (rc < 0)
		return rc;
	l->unknown = false;
	if (!exists) {
		if (l->exists)
			log_warn("%s was deleted: it is made again", c->path);
		l->exists = false;
		return 0;
	}
	if (l->exists && version == l->version)
		return 0;
	struct position_doc d;
	bool readable =
		position_doc_parse((const char *)l->buf.data, l->buf.len, &d, NULL) == 0;
	if (readable && strcmp(d.uid, c->doc.uid) == 0 && d.epoch == c->epoch &&
	    d.reset <= c->control.reset && d.seq > l->seq && d.seq <= c->doc.seq) {
		l->exists = true;
		l->version = version;
		l->seq = d.seq; /* it had happened */
	} else if (readable && strcmp(d.uid, c->doc.uid) == 0 && is_later(l, &d)) {
		rc = outdated(l, &d, err);
	} else {
		rc = lose_because(l, -EEXIST, ERR_POSITION_CONFLICT, err,
				  "lastCommit was changed by something that is no instance of the "
				  "task; it is left as it is now");
	}
	if (readable)
		position_doc_clear(&d);
	return rc;
}

/*
 * One try. -ESTALE, without an error: what we knew was not so; it was read again, try again.
 */
static int try_write(struct last_commit *l, const struct buf *text, struct err *err)
{
	struct zk_step steps[2] = {
		{.type = ZK_STEP_CHECK, .path = l->instance_path, .version = l->instance_version},
		{.type = l->exists ? ZK_STEP_SET : ZK_STEP_CREATE,
		 .path = l->base.path,
		 .version = l->version,
		 .data = text->data,
		 .len = text->len,
		 .kind = ZK_PERSISTENT,
		 .acl = l->acl},
	};
	struct zk_stat stats[2];
	struct err why = {0};
	size_t step = 2;
	int rc = zk_multi(l->zk, steps, 2, time_left(l), &step, stats, &why);
	if (rc == 0) {
		l->version = l->exists ? stats[1].version : 0;
		l->exists = true;
		return 0;
	}
	bool moved = rc == -ENOENT || rc == -ESTALE || rc == -EEXIST;
	if (!moved || step > 1) {
		if (err)
			*err = why;
		return failed(l, rc, err);
	}
	if (step == 1 && rc == -ENOENT && !l->exists)
		return gone(l, err, "the task's node was deleted");
	rc = step == 0 ? read_instance(l, err) : settle(l, err);
	return rc < 0 ? rc : -ESTALE;
}

static int save(struct checkpoint *c, const struct buf *text, struct err *err)
{
	struct last_commit *l = of(c);
	for (int i = 0; i < TRIES; i++) {
		int rc = ready(l, err);
		if (rc == 0 && !l->instance_read)
			rc = read_instance(l, err);
		if (rc == 0 && l->unknown)
			rc = settle(l, err);
		if (rc == 0)
			rc = try_write(l, text, err);
		if (rc == 0) {
			l->seq = c->doc.seq;
			return 0;
		}
		if (rc != -ESTALE) {
			/* What ZooKeeper refuses for good: its rights, the document's size. */
			if (rc != -EAGAIN && !c->lost && err)
				lose(l, rc, err);
			return rc;
		}
	}
	return too_fast(l, err);
}

static int save_history(struct checkpoint *c, const void *text, size_t len, bool anew,
			struct err *err)
{
	struct last_commit *l = of(c);
	int rc = ready(l, err);
	if (rc < 0)
		return rc;
	rc = commit_history_write(&l->history, time_left(l), text, len, anew, err);
	return rc == COMMIT_HISTORY_GONE ? gone(l, err, "this instance's node was deleted")
	       : rc < 0			 ? failed(l, rc, err)
					 : 0;
}

static int confirm(struct checkpoint *c, struct err *err)
{
	struct last_commit *l = of(c);
	int rc = ready(l, err);
	if (rc == 0) {
		rc = zk_sync(l->zk, l->instance_path, time_left(l), err);
		rc = rc == -ENOENT ? 0 : rc < 0 ? failed(l, rc, err) : 0;
	}
	return rc < 0 ? rc : read_instance(l, err);
}

static int lose_to_another(struct checkpoint *c, const char *why, struct err *err)
{
	return gone(of(c), err, why);
}

/* ---------------------------------------------------------------- life */

static void close_commit(struct checkpoint *c)
{
	struct last_commit *l = of(c);
	checkpoint_fini(c);
	buf_free(&l->buf);
	commit_history_fini(&l->history);
	free(l);
}

static const struct store zookeeper_store = {
	.claim = claim,
	.may_act = may_act,
	.confirm = confirm,
	.lose = lose_to_another,
	.save = save,
	.save_history = save_history,
	.close = close_commit,
};

static int copy_control(struct control_doc *to, const struct control_doc *from)
{
	to->desired = from->desired;
	to->revision = from->revision;
	to->restart = from->restart;
	to->reset = from->reset;
	to->position.start = from->position.start;
	to->position.pos = from->position.pos;
	return position_doc_set(&to->position.file, from->position.file) < 0 ||
			       position_doc_set(&to->position.gtid, from->position.gtid) < 0 ||
			       position_doc_set(&to->position.time, from->position.time) < 0
		       ? -ENOMEM
		       : 0;
}

int last_commit_new(const struct last_commit_options *o, struct checkpoint **ret, struct err *err)
{
	struct last_commit *l = calloc(1, sizeof(*l));
	if (!l)
		return checkpoint_no_memory(err);
	struct checkpoint *c = &l->base;
	char path[PATHS_SIZE];
	l->zk = o->zk;
	l->acl = o->acl;
	l->session = zk_session_id(o->zk);
	buf_init(&l->buf);
	c->epoch = (uint64_t)o->epoch;
	c->has_control = true;
	snprintf(l->instance_path, sizeof(l->instance_path), "%s", o->instance_path);
	int rc = checkpoint_init(c, &zookeeper_store, o->interval, err);
	if (rc == 0)
		rc = paths_part(o->task_path, PATHS_LAST_COMMIT, path, err);
	if (rc == 0)
		rc = paths_part(o->task_path, PATHS_CONTROL, l->control_path, err);
	if (rc == 0 && (position_doc_set(&c->path, path) < 0 ||
			position_doc_set(&c->doc.uid, o->uid) < 0 ||
			position_doc_set(&c->doc.instance, o->instance) < 0 ||
			copy_control(&c->control, o->control) < 0))
		rc = checkpoint_no_memory(err);
	c->revision = c->control.revision;
	c->transactional = strcmp(o->delivery, "exactly_once") == 0;
	c->had_position = o->had_position;
	l->made_with_task = o->made_with_task;
	if (rc == 0)
		rc = commit_history_init(&l->history, o->zk, o->task_path, l->instance_path, o->acl,
					 err);
	if (rc < 0) {
		close_commit(c);
		return rc;
	}
	*ret = c;
	return 0;
}
