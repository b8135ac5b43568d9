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

int position_to_doc(const struct position *p, uint64_t revision, struct position_doc *d,
		    struct err *err)
{
	const struct partial *part = &p->partial;
	char gtid[GTID_TEXT_MAX] = "";
	if (part->set)
		gtid_format(&part->gtid, gtid);
	if (position_doc_set(&d->flavor, flavor_name(p->flavor)) < 0 ||
	    position_doc_set(&d->file, p->at.file) < 0 || set_gtids(p, d) < 0 ||
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

static int read_document(const struct position_doc *d, struct position *p, struct err *err)
{
	if (d->nprepared)
		return invalid("prepared",
			       "it has prepared XA transactions, which this version does not read",
			       err);
	if (d->snapshot[0])
		return invalid("snapshot",
			       "a snapshot is under way in it, which this version does not read",
			       err);
	if (!file_copy(p->at.file, d->file))
		return invalid("file", "'file' is not a binlog's name", err);
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
	return read_partial(d, p, err);
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
