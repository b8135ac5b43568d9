/* position_doc.c - see position_doc.h. Pure. */
#include "core/progress/position_doc.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a position");
}

static int set_gtids(const struct position *p, struct position_doc *d)
{
	struct buf text;
	buf_init(&text);
	if (p->gtids)
		gtid_set_format(p->gtids, &text);
	const char *s = buf_cstr(&text);
	int rc = text.failed ? -ENOMEM : position_doc_set(&d->gtid, s);
	buf_free(&text);
	return rc;
}

static void clear_prepared(struct position_doc *d)
{
	for (size_t i = 0; i < d->nprepared; i++)
		position_prepared_clear(&d->prepared[i]);
	free(d->prepared);
	d->prepared = NULL;
	d->nprepared = 0;
}

static int set_prepared(const struct position *p, struct position_doc *d)
{
	clear_prepared(d);
	if (p->prepared.n == 0)
		return 0;
	d->prepared = calloc(p->prepared.n, sizeof(*d->prepared));
	if (!d->prepared)
		return -ENOMEM;
	while (d->nprepared < p->prepared.n) {
		const struct prepared *from = p->prepared.list[d->nprepared];
		struct position_prepared *to = &d->prepared[d->nprepared++];
		char xid[XID_TEXT_MAX], gtid[GTID_TEXT_MAX];
		xid_format(&from->xid, xid);
		gtid_format(&from->gtid, gtid);
		if (position_doc_set(&to->xid, xid) < 0 || position_doc_set(&to->gtid, gtid) < 0 ||
		    position_doc_set(&to->before, from->before) < 0 ||
		    position_doc_set(&to->file, from->start.file) < 0)
			return -ENOMEM;
		to->pos = from->start.pos;
	}
	return 0;
}

int position_to_doc(const struct position *p, uint64_t revision, struct position_doc *d,
		    struct err *err)
{
	const struct partial *part = &p->partial;
	char gtid[GTID_TEXT_MAX] = "";
	if (part->set)
		gtid_format(&part->gtid, gtid);
	if (position_doc_set(&d->flavor, flavor_name(p->flavor)) < 0 ||
	    position_doc_set(&d->source, p->source) < 0 ||
	    position_doc_set(&d->file, p->at.file) < 0 || set_gtids(p, d) < 0 ||
	    set_prepared(p, d) < 0 ||
	    position_doc_set(&d->partial.gtid, gtid) < 0 ||
	    position_doc_set(&d->partial.file, part->set ? part->start.file : "") < 0)
		return no_memory(err);
	d->pos = p->at.pos;
	d->before_start = p->before_start;
	d->has_partial = part->set;
	d->partial.pos = part->set ? part->start.pos : 0;
	d->partial.rows = part->set ? part->rows : 0;
	d->partial.crc = part->set ? part->crc : 0;
	d->partial.revision = part->set ? revision : 0;
	return 0;
}

static int invalid(const char *where, const char *why, struct err *err)
{
	return err_set_at(err, -EINVAL, ERR_STATE_INVALID, where, "position document: %s", why);
}

/* A file name as the servers make them: no folder, not over the bound. */
static bool file_copy(char out[BINLOG_FILE_MAX], const char *file)
{
	size_t len = strlen(file);
	if (len >= BINLOG_FILE_MAX || strchr(file, '/'))
		return false;
	memcpy(out, file, len + 1);
	return true;
}

static int read_partial(const struct position_doc *d, struct position *p, struct err *err)
{
	struct partial *part = &p->partial;
	if (!d->has_partial)
		return 0;
	part->set = true;
	part->start.pos = d->partial.pos;
	part->rows = d->partial.rows;
	part->crc = d->partial.crc;
	if (!file_copy(part->start.file, d->partial.file))
		return invalid("partial.file", "'partial.file' is not a binlog's name", err);
	if (d->partial.gtid[0] && gtid_parse(p->flavor, d->partial.gtid, &part->gtid) < 0)
		return invalid("partial.gtid", "'partial.gtid' is not a GTID", err);
	if (part->rows == 0)
		return invalid("partial.rows", "'partial.rows' is 0: nothing would be partial",
			       err);
	if (!d->partial.gtid[0] && (!part->start.file[0] || !part->start.pos))
		return invalid("partial", "'partial' names neither a GTID nor a place", err);
	return 0;
}

/* One entry; what is wrong with it, or NULL (and *ret NULL: no memory). */
static const char *read_entry(const struct position_prepared *e, enum flavor flavor,
			      struct prepared **ret)
{
	struct xid xid;
	struct gtid gtid = {.kind = GTID_NONE};
	struct binlog_pos start = {.pos = e->pos};
	if (xid_parse((struct span){(const uint8_t *)e->xid, strlen(e->xid)}, &xid) < 0)
		return "'xid' is not the name of an XA transaction";
	if (e->gtid[0] && gtid_parse(flavor, e->gtid, &gtid) < 0)
		return "'gtid' is not a GTID";
	if (!file_copy(start.file, e->file) || !start.file[0] || !start.pos)
		return "'file' and 'pos' are not a place in a binlog";
	if (e->before[0]) {
		struct gtid_set *set = gtid_set_new(flavor);
		int rc = set ? gtid_set_parse(set, e->before, NULL) : -ENOMEM;
		gtid_set_free(set);
		if (rc == -EINVAL)
			return "'before' is not a GTID set";
	}
	*ret = prepared_new(&xid, &gtid, &start, e->before);
	return NULL;
}

static int read_prepared(const struct position_doc *d, struct position *p, struct err *err)
{
	if (d->nprepared > PREPARED_MAX)
		return invalid("prepared", "it has more prepared XA transactions than we write",
			       err);
	for (size_t i = 0; i < d->nprepared; i++) {
		struct prepared *entry = NULL;
		char where[48];
		const char *why = read_entry(&d->prepared[i], p->flavor, &entry);
		snprintf(where, sizeof(where), "prepared[%zu]", i);
		if (why)
			return invalid(where, why, err);
		if (entry && prepared_find(&p->prepared, &entry->xid)) {
			prepared_unref(entry);
			return invalid(where, "'xid' is that of another entry, too", err);
		}
		if (!entry || prepared_reserve(&p->prepared) < 0) {
			prepared_unref(entry);
			return no_memory(err);
		}
		prepared_add(&p->prepared, entry);
	}
	return 0;
}

static int read_document(const struct position_doc *d, struct position *p, struct err *err)
{
	if (d->snapshot[0])
		return invalid("snapshot",
			       "a snapshot is under way in it, which this version does not read",
			       err);
	if (!file_copy(p->at.file, d->file))
		return invalid("file", "'file' is not a binlog's name", err);
	if (strlen(d->source) >= sizeof(p->source))
		return invalid("source", "'source' is longer than we write it", err);
	strcpy(p->source, d->source);
	p->at.pos = d->pos;
	p->before_start = d->before_start;
	if (!p->at.file[0] != !p->at.pos)
		return invalid("pos", "'file' and 'pos' go together", err);
	/*
	 * An empty set beside a file means a source without GTIDs. Without a file it says
	 * that nothing was executed yet, when a server was too new to have any.
	 */
	if (d->gtid[0] || !p->at.file[0]) {
		p->gtids = gtid_set_new(p->flavor);
		if (!p->gtids)
			return no_memory(err);
		int rc = gtid_set_parse(p->gtids, d->gtid, err);
		if (rc == -ENOMEM)
			return rc;
		if (rc < 0) {
			char why[300];
			snprintf(why, sizeof(why), "'gtid': %.250s", err ? err->text : "wrong");
			return invalid("gtid", why, err);
		}
	}
	int rc = read_prepared(d, p, err);
	return rc < 0 ? rc : read_partial(d, p, err);
}

int position_from_doc(const struct position_doc *d, struct position *ret, struct err *err)
{
	struct position p;
	position_init(&p, strcmp(d->flavor, flavor_name(FLAVOR_MARIADB)) == 0 ? FLAVOR_MARIADB
									      : FLAVOR_MYSQL);
	int rc = read_document(d, &p, err);
	if (rc < 0) {
		position_clear(&p);
		return rc;
	}
	position_clear(ret);
	*ret = p;
	return 0;
}
