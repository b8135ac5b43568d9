/*
 * server_start.c - from `start` to a position: see the table in server.h.
 */
#include "common/contract/errors.h"
#include "core/mysql/dump.h"
#include "core/mysql/server_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_START = 4 /* behind the magic number */ };

int server_first_file(struct source *s, struct binlog_pos *ret, struct err *err)
{
	struct query q;
	int rc = query_open(s, &q, err, "SHOW BINARY LOGS");
	if (rc)
		return rc;
	rc = query_next(&q, err);
	if (rc > 0 && query_text(&q, 0)) {
		*ret = (struct binlog_pos){.pos = FILE_START};
		snprintf(ret->file, sizeof(ret->file), "%s", query_text(&q, 0));
		rc = 0;
	} else if (rc >= 0) {
		rc = err_set(err, -ENOENT, ERR_SOURCE_SETTING, "%s has no binlog", source_name(s));
	}
	query_end(&q);
	return rc;
}

/* MySQL: the second event of a file tells the set in front of it. */
static int previous_gtids(struct source *s, const struct binlog_pos *at, struct gtid_set **ret,
			  struct err *err)
{
	struct buf sql;
	struct query q;
	buf_init(&sql);
	buf_puts(&sql, "SHOW BINLOG EVENTS IN ");
	query_put_literal(s, &sql, (struct span){(const uint8_t *)at->file, strlen(at->file)});
	buf_puts(&sql, " LIMIT 3");
	int rc = query_open(s, &q, err, "%s", buf_cstr(&sql));
	buf_free(&sql);
	if (rc)
		return rc;
	struct gtid_set *set = NULL;
	while ((rc = query_next(&q, err)) > 0) {
		const char *type = query_text(&q, 2), *info = query_text(&q, 5);
		if (set || !type || strcmp(type, "Previous_gtids") != 0)
			continue;
		set = gtid_set_new(FLAVOR_MYSQL);
		rc = set ? gtid_set_parse(set, info ? info : "", err)
			 : err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a GTID set");
		if (rc)
			break;
	}
	query_end(&q);
	if (rc < 0) {
		gtid_set_free(set);
		return rc;
	}
	*ret = set;
	return 0;
}

int server_gtids_before(struct source *s, const struct server_info *info,
			const struct binlog_pos *at, struct gtid_set **ret, struct err *err)
{
	if (info->flavor == FLAVOR_MYSQL)
		return previous_gtids(s, at, ret, err);
	struct buf sql;
	buf_init(&sql);
	buf_puts(&sql, "SELECT BINLOG_GTID_POS(");
	query_put_literal(s, &sql, (struct span){(const uint8_t *)at->file, strlen(at->file)});
	buf_printf(&sql, ", %llu)", (unsigned long long)at->pos);
	int rc = server_gtids(s, info, ret, err, buf_cstr(&sql));
	buf_free(&sql);
	return rc;
}

/* Events that stand inside a group: a start in front of one would lose what precedes. */
static bool inside_group(const char *type)
{
	static const char *const inner[] = {
		"Query",
		"Xid",
		"Table_map",
		"Write_rows",
		"Update_rows",
		"Delete_rows",
		"Rows_query",
		"Annotate",
		"Intvar",
		"RAND",
		"User var",
		"XA_prepare",
		"Transaction_payload",
	};
	for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++)
		if (!strncasecmp(type, inner[i], strlen(inner[i])))
			return true;
	return false;
}

/* What the server says behind "Error when executing command SHOW BINLOG EVENTS: ". */
static const char *last_words(const char *text)
{
	const char *p = strstr(text, "BINLOG EVENTS: ");
	return p ? p + strlen("BINLOG EVENTS: ") : text;
}

/* The event at the place: it must begin there, and begin a group. */
static int check_event(struct source *s, const struct binlog_pos *at, const struct query *q,
		       struct err *err)
{
	const char *type = query_text(q, 2) ? query_text(q, 2) : "";
	/* MySQL looks for the next event on its own where the offset is in the file's head. */
	if (query_u64(q, 1) != at->pos)
		return err_set(err, -EINVAL, ERR_SOURCE_POSITION,
			       "%s: %s:%llu is not the start of an event; the next is at %llu",
			       source_name(s), at->file, (unsigned long long)at->pos,
			       (unsigned long long)query_u64(q, 1));
	if (inside_group(type))
		return err_set(err, -EINVAL, ERR_SOURCE_POSITION,
			       "%s: %s:%llu is not the end of a transaction: the event there is %s",
			       source_name(s), at->file, (unsigned long long)at->pos, type);
	return 0;
}

/* The place is the end of a group: what comes next begins one, or nothing comes. */
static int check_boundary(struct source *s, const struct binlog_pos *at, struct err *err)
{
	struct buf sql;
	struct query q;
	buf_init(&sql);
	buf_puts(&sql, "SHOW BINLOG EVENTS IN ");
	query_put_literal(s, &sql, (struct span){(const uint8_t *)at->file, strlen(at->file)});
	buf_printf(&sql, " FROM %llu LIMIT 1", (unsigned long long)at->pos);
	struct err why = {0};
	int rc = query_open(s, &q, &why, "%s", buf_cstr(&sql));
	buf_free(&sql);
	if (rc && why.kind == ERR_SOURCE_QUERY)
		return err_set(err, -EINVAL, ERR_SOURCE_POSITION,
			       "%s: %s:%llu is not the start of an event: %s", source_name(s),
			       at->file, (unsigned long long)at->pos, last_words(why.text));
	if (rc) {
		if (err)
			*err = why;
		return rc;
	}
	rc = query_next(&q, err);
	if (rc > 0)
		rc = check_event(s, at, &q, err);
	query_end(&q);
	return rc;
}

/* ------------------------------------------------------- by time */

/* When a file was begun: the header timestamp of its format description event. */
int inspect_file_begun(struct source *s, const struct server_info *info, const char *file,
		       usec_t *ret, struct err *err)
{
	enum { TYPE = 4, HEADER = 19, FORMAT_DESCRIPTION = 15, EVENTS = 8 };
	struct source *other;
	int rc = source_clone(s, &other, err);
	if (rc)
		return rc;
	struct position from = {.flavor = info->flavor, .at.pos = FILE_START};
	snprintf(from.at.file, sizeof(from.at.file), "%s", file);
	struct dump_options o = {.server = info, .from = &from, .stop_at_end = true};
	rc = source_connect(other, err);
	if (!rc)
		rc = dump_start(other, &o, NULL, err);
	bool found = false;
	for (int i = 0; !rc && !found && i < EVENTS; i++) {
		struct span e;
		rc = dump_next(other, &e, err);
		if (rc <= 0)
			break;
		rc = 0;
		found = e.len >= HEADER && e.p[TYPE] == FORMAT_DESCRIPTION;
		if (found)
			*ret = (usec_t)load_le32(e.p) * USEC_PER_SEC;
	}
	source_free(other);
	if (!rc && !found)
		rc = err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
			     "%s: %s does not begin with a format description", source_name(s),
			     file);
	return rc;
}

/* Was the file the first a server (or RESET MASTER) began? Then none was purged. */
static bool is_very_first(const char *file)
{
	const char *dot = strrchr(file, '.');
	return dot && strtoull(dot + 1, NULL, 10) == 1;
}

/*
 * The last file begun before `time`. Files are begun in order, so it is searched by
 * halves: each probe is a connection. Stamps are whole seconds: a file begun in the very
 * second of `time` may follow one with events of that second.
 */
static int find_file(struct source *s, const struct server_info *info, const struct inspect_files *f,
		     usec_t time, size_t *ret, struct err *err)
{
	usec_t begun, second = time - time % USEC_PER_SEC;
	int rc = inspect_file_begun(s, info, f->name[0], &begun, err);
	if (rc)
		return rc;
	if (begun > time && !is_very_first(f->name[0]))
		return err_set(err, -ENOENT, ERR_SOURCE_PURGED,
			       "%s no longer has binlogs of that time: its oldest, %s, was begun "
			       "%lld s later",
			       source_name(s), f->name[0],
			       (long long)((begun - time) / USEC_PER_SEC));
	size_t low = 0, high = f->n; /* low was begun before; high was not, or is none */
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		rc = inspect_file_begun(s, info, f->name[mid], &begun, err);
		if (rc)
			return rc;
		if (begun >= second)
			high = mid;
		else
			low = mid;
	}
	*ret = low;
	return 0;
}

static int start_by_time(struct source *s, const struct server_info *info, usec_t time,
			 struct position *p, struct err *err)
{
	struct inspect_files files = {0};
	size_t i = 0;
	int rc = inspect_files(s, &files, err);
	if (!rc)
		rc = find_file(s, info, &files, time, &i, err);
	if (!rc) {
		p->at.pos = FILE_START;
		memcpy(p->at.file, files.name[i], BINLOG_FILE_MAX);
		if (info->gtids)
			rc = server_gtids_before(s, info, &p->at, &p->gtids, err);
	}
	inspect_files_free(&files);
	return rc;
}

/* ------------------------------------------------------- the rest */

static int start_latest(struct source *s, const struct server_info *info, struct position *p,
			struct err *err)
{
	if (!info->gtids)
		return server_head(s, info, &p->at, NULL, err);
	return server_gtids(s, info, &p->gtids, err,
			    info->flavor == FLAVOR_MARIADB ? "SELECT @@global.gtid_binlog_pos"
							   : "SELECT @@global.gtid_executed");
}

static int start_earliest(struct source *s, const struct server_info *info, struct position *p,
			  struct err *err)
{
	if (info->flavor == FLAVOR_MYSQL && info->gtids)
		return server_gtids(s, info, &p->gtids, err, "SELECT @@global.gtid_purged");
	int rc = server_first_file(s, &p->at, err);
	if (!rc && info->gtids)
		rc = server_gtids_before(s, info, &p->at, &p->gtids, err);
	return rc;
}

static int start_by_file(struct source *s, const struct server_info *info,
			 const struct binlog_pos *at, struct position *p, struct err *err)
{
	p->at = *at;
	if (p->at.pos < FILE_START)
		p->at.pos = FILE_START;
	int rc = server_check_position(s, info, p, err);
	if (!rc)
		rc = check_boundary(s, &p->at, err);
	if (!rc && info->flavor == FLAVOR_MARIADB)
		rc = server_gtids_before(s, info, &p->at, &p->gtids, err);
	return rc;
}

static int start_by_gtid(struct source *s, const struct server_info *info, const char *text,
			 struct position *p, struct err *err)
{
	if (!info->gtids)
		return err_set(err, -EINVAL, ERR_SOURCE_SETTING,
			       "source.start names a GTID set, and %s has gtid_mode off: set "
			       "gtid_mode=ON there, or start by file and offset",
			       source_name(s));
	p->gtids = gtid_set_new(info->flavor);
	if (!p->gtids)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a GTID set");
	int rc = gtid_set_parse(p->gtids, text, err);
	if (rc) {
		err_prefix(err, "source.start.gtid");
		return rc;
	}
	return server_check_position(s, info, p, err);
}

int server_resolve_start(struct source *s, const struct server_info *info,
			 const struct server_start *start, struct position *ret_position,
			 struct err *err)
{
	struct position p = {.flavor = info->flavor};
	int rc = -EINVAL;
	switch (start->kind) {
	case START_LATEST:
		rc = start_latest(s, info, &p, err);
		break;
	case START_EARLIEST:
		rc = start_earliest(s, info, &p, err);
		break;
	case START_FILE:
		rc = start->gtid && start->gtid[0] && info->gtids
			     ? start_by_gtid(s, info, start->gtid, &p, err)
			     : start_by_file(s, info, &start->at, &p, err);
		break;
	case START_GTID:
		rc = start_by_gtid(s, info, start->gtid, &p, err);
		break;
	case START_TIME:
		rc = start_by_time(s, info, start->time, &p, err);
		break;
	}
	if (rc) {
		gtid_set_free(p.gtids);
		return rc;
	}
	*ret_position = p;
	return 0;
}
