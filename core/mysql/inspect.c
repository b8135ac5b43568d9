/* inspect.c - see inspect.h. */
#include "core/mysql/inspect.h"

#include "common/base/arena.h"
#include "common/contract/errors.h"
#include "core/model/xid.h"
#include "core/mysql/server_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFERRING_MAX = 500 }; /* tables with foreign keys that are asked one by one */

/* ------------------------------------------------------- retention */

int inspect_retention(struct source *s, struct inspect_retention *ret, struct err *err)
{
	struct inspect_retention r = {0};
	double seconds = 0, days = 0;
	bool purges = true;
	struct query q;
	int rc = query_open(s, &q, err,
			    "SHOW GLOBAL VARIABLES WHERE Variable_name IN "
			    "('binlog_expire_logs_seconds','expire_logs_days',"
			    "'binlog_expire_logs_auto_purge','max_binlog_total_size')");
	if (rc)
		return rc;
	while ((rc = query_next(&q, err)) > 0) {
		const char *name = query_text(&q, 0), *value = query_text(&q, 1);
		if (!name || !value)
			continue;
		if (strcasecmp(name, "binlog_expire_logs_seconds") == 0)
			seconds = strtod(value, NULL);
		else if (strcasecmp(name, "expire_logs_days") == 0)
			days = strtod(value, NULL);
		else if (strcasecmp(name, "binlog_expire_logs_auto_purge") == 0)
			purges = strcasecmp(value, "OFF") != 0 && strcmp(value, "0") != 0;
		else
			r.bytes = strtoull(value, NULL, 10);
	}
	query_end(&q);
	if (rc < 0)
		return rc;
	/* MariaDB shows one value in both; MySQL counts the days only where the seconds are 0. */
	double keep = seconds > 0 ? seconds : days * 86400;
	if (purges && keep > 0)
		r.expire = (usec_t)(keep * (double)USEC_PER_SEC);
	*ret = r;
	return 0;
}

/* ------------------------------------------------------- files */

static int files_grow(struct inspect_files *f, size_t cap)
{
	void *names = realloc(f->name, cap * sizeof(*f->name));
	if (names)
		f->name = names;
	void *sizes = names ? realloc(f->size, cap * sizeof(*f->size)) : NULL;
	if (sizes)
		f->size = sizes;
	return sizes ? 0 : -ENOMEM;
}

int inspect_files(struct source *s, struct inspect_files *ret, struct err *err)
{
	struct inspect_files f = {0};
	struct query q;
	int rc = query_open(s, &q, err, "SHOW BINARY LOGS");
	if (rc)
		return rc;
	size_t cap = 0;
	while ((rc = query_next(&q, err)) > 0) {
		if (f.n == cap) {
			cap = cap ? cap * 2 : 64;
			if (files_grow(&f, cap) < 0) {
				rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for file names");
				break;
			}
		}
		snprintf(f.name[f.n], BINLOG_FILE_MAX, "%s",
			 query_text(&q, 0) ? query_text(&q, 0) : "");
		f.size[f.n++] = query_u64(&q, 1);
	}
	query_end(&q);
	if (rc == 0 && !f.n)
		rc = err_set(err, -ENOENT, ERR_SOURCE_SETTING, "%s has no binlog", source_name(s));
	if (rc < 0) {
		inspect_files_free(&f);
		return rc;
	}
	*ret = f;
	return 0;
}

void inspect_files_free(struct inspect_files *f)
{
	free(f->name);
	free(f->size);
	*f = (struct inspect_files){0};
}

int inspect_file_behind(struct source *s, const struct server_info *info,
			const struct inspect_files *f, const struct gtid_set *set, size_t *ret,
			struct err *err)
{
	/* Files in [0, low) begin within the set, those from `high` on do not. */
	size_t low = 0, high = f->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		struct binlog_pos at = {.pos = 4};
		struct gtid_set *before = NULL;
		snprintf(at.file, sizeof(at.file), "%s", f->name[mid]);
		int rc = server_gtids_before(s, info, &at, &before, err);
		if (rc < 0)
			return rc;
		if (!before || gtid_set_covers(set, before))
			low = mid + 1;
		else
			high = mid;
		gtid_set_free(before);
	}
	*ret = low ? low - 1 : f->n;
	return 0;
}

/* ------------------------------------------------------- who else */

int inspect_replicas(struct source *s, const struct server_info *info, inspect_replica_fn *each,
		     void *ctx, struct err *err)
{
	struct query q;
	const char *sql = server_sql_replicas(info);
	if (!sql)
		return err_set(err, -EOPNOTSUPP, ERR_SOURCE_SETTING,
			       "%s: MySQL %s may die when it is asked for its replicas",
			       source_name(s), info->version_text);
	int rc = query_open(s, &q, err, "%s", sql);
	if (rc)
		return rc;
	while ((rc = query_next(&q, err)) > 0) {
		const char *host = query_text(&q, 1);
		rc = each(ctx, (uint32_t)query_u64(&q, 0), host ? host : "");
		if (rc)
			break;
	}
	query_end(&q);
	return rc;
}

/* XA RECOVER's row: formatID, gtrid_length, bqual_length, data. Bytes that are no text in hex. */
static void show_xid(const struct query *q, char out[256])
{
	struct span data = query_span(q, 3);
	size_t gtrid = (size_t)query_u64(q, 1), n = 0;
	for (size_t i = 0; i < data.len; i++)
		n += data.p[i] >= ' ' && data.p[i] <= '~';
	if (n == data.len || gtrid > data.len || gtrid > XID_PART_MAX ||
	    data.len - gtrid > XID_PART_MAX) {
		snprintf(out, 256, "%.*s", n == data.len ? (int)data.len : 0, (const char *)data.p);
		return;
	}
	char text[XID_TEXT_MAX];
	struct xid x = {.format = (uint32_t)query_u64(q, 0)};
	x.gtrid_len = (uint8_t)gtrid;
	x.bqual_len = (uint8_t)(data.len - gtrid);
	memcpy(x.gtrid, data.p, gtrid);
	memcpy(x.bqual, data.p + gtrid, data.len - gtrid);
	xid_format(&x, text);
	snprintf(out, 256, "%s", text);
}

int inspect_prepared(struct source *s, uint64_t *ret_n, char ret_xid[256], struct err *err)
{
	struct query q;
	uint64_t n = 0;
	int rc = query_open(s, &q, err, "XA RECOVER");
	if (rc)
		return rc;
	while ((rc = query_next(&q, err)) > 0) {
		if (n++ == 0)
			show_xid(&q, ret_xid);
	}
	query_end(&q);
	if (rc == 0)
		*ret_n = n;
	return rc;
}

/* ------------------------------------------------------- tables */

static int each_table(struct source *s, inspect_table_fn *each, void *ctx, struct err *err,
		      const char *sql)
{
	struct query q;
	int rc = query_stream(s, &q, err, "%s", sql);
	if (rc)
		return rc;
	while ((rc = query_next(&q, err)) > 0) {
		const struct inspect_table t = {.db = query_span(&q, 0),
						.name = query_span(&q, 1),
						.engine = query_span(&q, 2)};
		rc = each(ctx, &t);
		if (rc)
			break;
	}
	query_end(&q);
	return rc;
}

int inspect_tables(struct source *s, bool system, inspect_table_fn *each, void *ctx,
		   struct err *err)
{
#define TABLES                                                                                     \
	"SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE "            \
	"TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED') AND TABLE_SCHEMA NOT IN "                 \
	"('information_schema','performance_schema'"
	return each_table(s, each, ctx, err, system ? TABLES ")" : TABLES ",'mysql','sys')");
#undef TABLES
}

int inspect_keyed_tables(struct source *s, inspect_table_fn *each, void *ctx, struct err *err)
{
	return each_table(s, each, ctx, err,
			  /* TABLE_CONSTRAINTS would ask for more than SELECT. */
			  "SELECT TABLE_SCHEMA, TABLE_NAME, '' FROM information_schema.STATISTICS "
			  "WHERE INDEX_NAME='PRIMARY' AND SEQ_IN_INDEX=1");
}

/* Whether foreign keys are the SQL layer's work there, which logs what they do. */
static int cascades_are_logged(struct source *s, const struct server_info *info, bool *ret,
			       struct err *err)
{
	*ret = false;
	if (info->flavor != FLAVOR_MYSQL || info->version < 90600)
		return 0;
	struct query q;
	int rc = query_open(s, &q, err, "SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'");
	if (rc)
		return rc;
	while ((rc = query_next(&q, err)) > 0)
		*ret = query_text(&q, 1) && strcasecmp(query_text(&q, 1), "OFF") == 0;
	query_end(&q);
	return rc;
}

/* The tables with foreign keys, kept: asking for each needs the connection. */
struct referring {
	struct arena arena;
	struct inspect_table *list;
	size_t n;
};

static int keep_referring(void *ctx, const struct inspect_table *t)
{
	struct referring *r = ctx;
	if (r->n == REFERRING_MAX)
		return 0;
	char *db = arena_strndup(&r->arena, t->db.p, t->db.len);
	char *name = arena_strndup(&r->arena, t->name.p, t->name.len);
	if (!db || !name)
		return -ENOMEM;
	r->list[r->n++] = (struct inspect_table){.db = {(const uint8_t *)db, t->db.len},
						 .name = {(const uint8_t *)name, t->name.len}};
	return 0;
}

/* "… FOREIGN KEY (`p`) REFERENCES `t` (`id`) ON DELETE CASCADE ON UPDATE SET NULL," */
static bool has_cascade(const char *create)
{
	for (const char *p = create; (p = strstr(p, "\n  CONSTRAINT `"));) {
		const char *end = strchr(++p, '\n');
		size_t n = end ? (size_t)(end - p) : strlen(p);
		static const char *const rules[] = {" CASCADE", " SET NULL", " SET DEFAULT"};
		if (!memmem(p, n, ") REFERENCES `", 14))
			continue;
		for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
			if (memmem(p, n, rules[i], strlen(rules[i])))
				return true;
	}
	return false;
}

static int ask_cascade(struct source *s, const struct inspect_table *t, bool *ret, struct err *err)
{
	struct buf sql;
	struct query q;
	struct err why = {0};
	buf_init(&sql);
	buf_lit(&sql, "SHOW CREATE TABLE ");
	query_put_name(&sql, t->db);
	buf_putc(&sql, '.');
	query_put_name(&sql, t->name);
	int rc = query_open(s, &q, &why, "%s", buf_cstr(&sql));
	buf_free(&sql);
	*ret = false;
	/* Dropped since, or broken: nothing to know of it. */
	if (rc < 0 && (why.kind == ERR_SOURCE_QUERY || why.kind == ERR_SOURCE_GRANT))
		return 0;
	if (rc < 0) {
		if (err)
			*err = why;
		return rc;
	}
	while ((rc = query_next(&q, err)) > 0)
		*ret |= query_text(&q, 1) && has_cascade(query_text(&q, 1));
	query_end(&q);
	return rc;
}

/*
 * MariaDB shows REFERENTIAL_CONSTRAINTS only to who may do more with a table than SELECT:
 * the tables that refer to others are asked one by one.
 */
static int mariadb_cascades(struct source *s, inspect_table_fn *each, void *ctx, struct err *err)
{
	struct referring r = {.n = 0};
	arena_init(&r.arena);
	r.list = calloc(REFERRING_MAX, sizeof(*r.list));
	int rc = r.list ? each_table(s, keep_referring, &r, err,
				     "SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME, '' FROM "
				     "information_schema.KEY_COLUMN_USAGE WHERE "
				     "REFERENCED_TABLE_NAME IS NOT NULL")
			: -ENOMEM;
	for (size_t i = 0; rc == 0 && i < r.n; i++) {
		bool cascade;
		rc = ask_cascade(s, &r.list[i], &cascade, err);
		if (rc == 0 && cascade)
			rc = each(ctx, &r.list[i]);
	}
	if (rc == -ENOMEM)
		err_set(err, rc, ERR_MEMORY, "no memory for names of tables");
	free(r.list);
	arena_free(&r.arena);
	return rc;
}

int inspect_cascades(struct source *s, const struct server_info *info, inspect_table_fn *each,
		     void *ctx, struct err *err)
{
	bool logged;
	if (info->flavor == FLAVOR_MARIADB)
		return mariadb_cascades(s, each, ctx, err);
	int rc = cascades_are_logged(s, info, &logged, err);
	if (rc < 0 || logged)
		return rc;
	return each_table(s, each, ctx, err,
			  "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, '' FROM "
			  "information_schema.REFERENTIAL_CONSTRAINTS WHERE "
			  "UPDATE_RULE IN ('CASCADE','SET NULL','SET DEFAULT') OR "
			  "DELETE_RULE IN ('CASCADE','SET NULL','SET DEFAULT')");
}
