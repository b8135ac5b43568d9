/* inspect.c - see inspect.h. */
#include "core/mysql/inspect.h"

#include "common/contract/errors.h"
#include "core/mysql/server_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	int rc = query_open(s, &q, err, "%s", server_sql_replicas(info));
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

int inspect_prepared(struct source *s, uint64_t *ret_n, char ret_xid[256], struct err *err)
{
	struct query q;
	uint64_t n = 0;
	/* formatID, gtrid_length, bqual_length, data */
	int rc = query_open(s, &q, err, "XA RECOVER");
	if (rc)
		return rc;
	while ((rc = query_next(&q, err)) > 0) {
		if (n++ == 0)
			snprintf(ret_xid, 256, "%s", query_text(&q, 3) ? query_text(&q, 3) : "");
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
			  "SELECT TABLE_SCHEMA, TABLE_NAME, '' FROM "
			  "information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_TYPE='PRIMARY KEY'");
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

int inspect_cascades(struct source *s, const struct server_info *info, inspect_table_fn *each,
		     void *ctx, struct err *err)
{
	bool logged;
	int rc = cascades_are_logged(s, info, &logged, err);
	if (rc < 0 || logged)
		return rc;
	return each_table(s, each, ctx, err,
			  "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, '' FROM "
			  "information_schema.REFERENTIAL_CONSTRAINTS WHERE "
			  "UPDATE_RULE IN ('CASCADE','SET NULL','SET DEFAULT') OR "
			  "DELETE_RULE IN ('CASCADE','SET NULL','SET DEFAULT')");
}
