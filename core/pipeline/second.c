/*
 * second.c - see second.h.
 *
 * Where the group is looked for, in this order:
 *
 *   by file and offset    it must be the group that begins there, with its GTID: fails on
 *                         another server than the one it was read from, and when purged
 *   MySQL, by GTID        the executed set without this group's: the server sends just it
 *   MariaDB, by GTID      what was executed in front of it, with all domains
 *
 * Up to memory.group_bytes of it are held until its XA PREPARE is there; a larger one is
 * read to its end, which says what savepoints undid, and then once more.
 */
#include "core/pipeline/second.h"

#include "common/contract/errors.h"
#include "common/os/log.h"
#include "common/os/random.h"
#include "core/pipeline/connections.h"
#include "core/pipeline/xa.h"

#include <errno.h>

/* What a reading found, beside errors. */
enum { FOUND = 0, TOO_LARGE = 1 };

struct second {
	struct source_thread *t;
	const struct prepared *entry;
	bool strict; /* the first group must be it; else others of other domains may come before */
	enum group_mode mode;
	bool ours;     /* the group at hand is the one */
	uint64_t event;
	struct binlog_pos start; /* of the group, on this server */
	struct stream stream;
	struct steps steps;
	struct dump_id own; /* unless the task's is fixed */
};

static int not_found(const struct second *x, struct err *err)
{
	return err_set(err, -ENOENT, ERR_SOURCE_DIVERGED, "%s has another transaction there",
		       source_name(x->t->second));
}

static bool is_entry(const struct prepared *entry, const struct group *g)
{
	if (entry->gtid.kind != GTID_NONE)
		return gtid_equal(&entry->gtid, &g->gtid);
	return entry->start.pos == g->start.pos && strcmp(entry->start.file, g->start.file) == 0;
}

static int begin(struct second *x, struct err *err)
{
	const struct group *g = &x->stream.group;
	x->ours = is_entry(x->entry, g);
	x->event = 0;
	x->start = g->start;
	if (x->ours || (!x->strict && g->gtid.kind == GTID_MARIADB &&
			g->gtid.maria.domain != x->entry->gtid.maria.domain))
		return 0;
	return not_found(x, err);
}

static int publish_one(struct second *x, enum step_kind kind, const struct event *e, uint64_t pos,
		       uint64_t n, struct err *err)
{
	/* Committed when the group at hand was. */
	x->stream.group.commit_time = x->t->stream.group.commit_time;
	return publish_event(&x->t->publish, &x->stream, kind, e, pos,
			     verdict_is_undone(&x->t->verdict, n), err);
}

static int row_event(struct second *x, const struct step *step, struct err *err)
{
	uint64_t n = x->event++;
	if (x->mode == GROUP_STREAM)
		return publish_one(x, step->kind, &step->event, step->pos, n, err);
	while (x->mode == GROUP_HOLD && !hold_add(&x->t->hold, step->kind, step->pos, &step->event))
		if (!xa_make_room(x->t)) {
			x->mode = GROUP_SCAN;
			hold_clear(&x->t->hold);
		}
	return 0;
}

/* Its end. FOUND: all its rows are published. */
static int end(struct second *x, const struct step *step, struct err *err)
{
	if (step->kind != STEP_XA_PREPARE || !xid_equal(&x->stream.xid, &x->entry->xid))
		return not_found(x, err);
	if (x->mode == GROUP_SCAN)
		return TOO_LARGE;
	uint64_t n = 0;
	for (const struct held *h = NULL; (h = hold_next(&x->t->hold, h)); n++) {
		struct event e = hold_event(h);
		int rc = publish_one(x, h->kind, &e, h->pos, n, err);
		if (rc < 0)
			return rc;
	}
	return FOUND;
}

/* One step; *ret_done: the group was read to its end. */
static int step_of(struct second *x, const struct step *step, bool *ret_done, struct err *err)
{
	if (step->kind == STEP_BEGIN)
		return begin(x, err);
	if (step->ends_group && x->ours) {
		*ret_done = true;
		return end(x, step, err);
	}
	if (!x->ours)
		return 0;
	bool first = x->mode != GROUP_STREAM;
	switch (step->kind) {
	case STEP_TABLE_MAP:
	case STEP_ROWS:
		return row_event(x, step, err);
	case STEP_SAVEPOINT:
		return first ? verdict_savepoint(&x->t->verdict, step->text, x->event, err) : 0;
	case STEP_UNDO:
		return first ? verdict_undo(&x->t->verdict, step->text, x->event, err) : 0;
	default:
		return 0;
	}
}

/* Connects and starts the dump. */
static int open_dump(struct second *x, const struct position *from, struct err *err)
{
	struct source_thread *t = x->t;
	struct server_info now;
	char uuid[37];
	int rc = source_thread_open(t, &t->stop->second, &t->second, err);
	if (rc == 0)
		rc = server_identify(t->second, &now, err);
	if (rc == 0 && strcmp(now.identity, t->server.identity) != 0)
		rc = err_set(err, -EPROTO, ERR_SOURCE_LOST,
			     "another server answers at %s than a moment ago",
			     source_name(t->second));
	random_uuid(uuid);
	/* It ends at the end of the log: what is not there will not come. */
	struct dump_id *id = t->id.fixed ? &t->id : &x->own;
	return rc < 0 ? rc : source_thread_dump(t, t->second, &x->stream, &x->steps, from, id, uuid,
						    true, err);
}

static int read_from(struct second *x, const struct position *from, struct err *err)
{
	struct source_thread *t = x->t;
	bool done = false;
	int rc = open_dump(x, from, err);
	x->ours = false;
	while (rc == 0 && !done) {
		struct step step;
		rc = steps_next(&x->steps, t->second, &x->stream, &step, err);
		if (rc == 0)
			rc = err_set(err, -ENOENT, ERR_SOURCE_DIVERGED,
				     "%s does not have it", source_name(t->second));
		if (rc > 0)
			rc = step_of(x, &step, &done, err);
	}
	source_thread_close(t, &t->stop->second, &t->second);
	return rc;
}

/* From one place: holding what fits; where it does not, once more. */
static int attempt(struct second *x, const struct position *from, struct err *err)
{
	struct source_thread *t = x->t;
	x->mode = GROUP_HOLD;
	hold_clear(&t->hold);
	verdict_clear(&t->verdict);
	int rc = read_from(x, from, err);
	if (rc == TOO_LARGE) {
		const struct position start = {.flavor = from->flavor, .at = x->start};
		x->strict = true;
		x->mode = GROUP_STREAM;
		rc = read_from(x, &start, err);
	}
	hold_clear(&t->hold);
	verdict_clear(&t->verdict);
	return rc;
}

/* The GTID position in front of the group: the caller frees from->gtids. */
static int gtids_before(const struct second *x, struct position *from, struct err *err)
{
	const struct source_thread *t = x->t;
	from->gtids = gtid_set_new(from->flavor);
	if (!from->gtids || gtid_set_copy(from->gtids, t->read.gtids) < 0 ||
	    gtid_set_remove(from->gtids, &x->entry->gtid) < 0)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a GTID set");
	/* Domains that are not in it began later: theirs stay as they are now. */
	return from->flavor == FLAVOR_MARIADB && x->entry->before[0]
		       ? gtid_set_parse(from->gtids, x->entry->before, err)
		       : 0;
}

static int attempt_by_gtid(struct second *x, struct err *err)
{
	struct position from = {.flavor = x->t->read.flavor};
	int rc = gtids_before(x, &from, err);
	x->strict = from.flavor == FLAVOR_MYSQL;
	if (rc == 0)
		rc = attempt(x, &from, err);
	gtid_set_free(from.gtids);
	return rc;
}

/* Whether another way to find it is worth a try: nothing was published, nobody broke off. */
static bool may_look_elsewhere(const struct second *x, int rc, const struct err *why)
{
	const struct source_thread *t = x->t;
	return rc != -ECANCELED && rc != -ENOMEM && why->kind &&
	       why->kind->class != ERR_CLASS_RETRY && !t->publish.rows && t->read.gtids &&
	       t->server.gtids && x->entry->gtid.kind != GTID_NONE;
}

int second_read(struct source_thread *t, const struct prepared *entry, struct err *err)
{
	char xid[XID_TEXT_MAX], gtid[GTID_TEXT_MAX];
	const struct position at = {.flavor = t->read.flavor, .at = entry->start};
	struct second x = {
		.t = t, .entry = entry, .strict = true, .own = {.leases = t->leases}};
	xid_format(&entry->xid, xid);
	gtid_format(&entry->gtid, gtid);
	log_info("the rows of XA transaction %s are read again from %s:%llu%s%s", xid,
		 entry->start.file, (unsigned long long)entry->start.pos, gtid[0] ? ", GTID " : "",
		 gtid);
	stream_init(&x.stream, t->read.flavor, true);
	if (t->id.fixed)
		source_thread_close(t, &t->stop->active, &t->dump);
	struct err why = {0};
	int rc = attempt(&x, &at, &why);
	if (rc < 0 && may_look_elsewhere(&x, rc, &why)) {
		log_debug("not found there: %s", why.text);
		why = (struct err){0};
		rc = attempt_by_gtid(&x, &why);
	}
	dump_id_drop(&x.own);
	steps_free(&x.steps);
	stream_free(&x.stream);
	if (rc < 0 && rc != -ECANCELED) {
		*err = why;
		err_prefix(err, "the rows of XA transaction %s, prepared at %.120s:%llu%s%s", xid,
			   entry->start.file, (unsigned long long)entry->start.pos,
			   gtid[0] ? ", GTID " : "", gtid);
	}
	return rc;
}
