/*
 * server_check.c - can rows be replicated from this server, by this user, from this
 * position? Each refusal names the statement that mends it.
 */
#include "common/contract/errors.h"
#include "core/mysql/query.h"
#include "core/mysql/query_error.h"
#include "core/mysql/server_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int check_settings(struct source *s, const struct server_info *info, struct err *err)
{
	const char *name = source_name(s);
	if (!info->log_bin)
		return err_set(err, -EINVAL, ERR_SOURCE_SETTING,
			       "%s has log_bin off: add log_bin to the [mysqld] section of its "
			       "configuration and restart it",
			       name);
	if (!info->row_format)
		return err_set(err, -EINVAL, ERR_SOURCE_SETTING,
			       "%s has a binlog_format other than ROW: run SET GLOBAL "
			       "binlog_format='ROW' there, set it in its configuration, and "
			       "reconnect its clients",
			       name);
	if (!info->server_id)
		return err_set(
			err, -EINVAL, ERR_SOURCE_SETTING,
			"%s has server_id 0 and refuses replicas: run SET GLOBAL server_id=1 "
			"there and set it in its configuration",
			name);
	return 0;
}

/* Is the privilege one of "GRANT a, b (column, column), c"? */
static bool has_privilege(const char *list, const char *end, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = list; p < end;) {
		const char *comma = memmem(p, (size_t)(end - p), ", ", 2);
		const char *stop = comma ? comma : end;
		size_t len = (size_t)(stop - p);
		if (len >= n && !strncmp(p, name, n) && (len == n || !strncmp(p + n, " (", 2)))
			return true;
		p = stop + 2;
	}
	return false;
}

void server_grants_add(struct server_grants *g, const char *line)
{
	/* "GRANT a, b ON object TO account"; "GRANT `role`@`%` TO account" has no ON. */
	const char *on = strstr(line, " ON ");
	if (strncmp(line, "GRANT ", 6) != 0)
		return;
	if (!on) {
		g->roles = true;
		return;
	}
	const char *what = line + 6;
	bool global = !strncmp(on, " ON *.* ", 8);
	bool all = has_privilege(what, on, "ALL PRIVILEGES");
	g->slave |= global && (all || has_privilege(what, on, "REPLICATION SLAVE"));
	g->client |= global && (all || has_privilege(what, on, "REPLICATION CLIENT") ||
				has_privilege(what, on, "BINLOG MONITOR") ||
				has_privilege(what, on, "SUPER"));
	g->select |= all || has_privilege(what, on, "SELECT");
}

static int read_grants(struct source *s, struct server_grants *g, struct err *err, const char *sql)
{
	struct query q;
	int rc = query_open(s, &q, err, "%s", sql);
	if (rc)
		return rc;
	while ((rc = query_next(&q, err)) > 0)
		server_grants_add(g, query_text(&q, 0) ? query_text(&q, 0) : "");
	query_end(&q);
	return rc;
}

/*
 * MySQL lists roles by name alone unless they are named behind USING. MariaDB shows what
 * the active role holds without being asked.
 */
static int role_grants(struct source *s, const struct server_info *info, struct server_grants *g,
		       struct err *err)
{
	if (info->flavor != FLAVOR_MYSQL || info->version < 80000)
		return 0;
	struct buf roles, sql;
	buf_init(&roles);
	buf_init(&sql);
	int rc = query_value(s, &roles, err, "SELECT CURRENT_ROLE()");
	if (rc > 0 && strcmp(buf_cstr(&roles), "NONE") != 0) {
		buf_printf(&sql, "SHOW GRANTS FOR CURRENT_USER() USING %s", buf_cstr(&roles));
		rc = read_grants(s, g, err, buf_cstr(&sql));
	}
	buf_free(&sql);
	buf_free(&roles);
	return rc < 0 ? rc : 0;
}

int inspect_grants(struct source *s, const struct server_info *info, struct server_grants *ret,
		   struct err *err)
{
	struct server_grants g = {0};
	int rc = read_grants(s, &g, err, "SHOW GRANTS");
	if (rc == 0 && g.roles)
		rc = role_grants(s, info, &g, err);
	if (rc == 0)
		*ret = g;
	return rc;
}

int inspect_grants_verdict(struct source *s, const struct server_info *info,
			   const struct server_grants *g, bool need_catalog, struct err *err)
{
	if (g->slave && g->client && (g->select || !need_catalog))
		return 0;

	struct buf account;
	char who[256];
	buf_init(&account);
	int rc = query_value(s, &account, err, "SELECT CURRENT_USER()");
	query_quote_account(buf_cstr(&account), who, sizeof(who));
	buf_free(&account);
	if (rc < 0)
		return rc;
	const char *client = info->flavor == FLAVOR_MARIADB && info->version >= 100500
				     ? "BINLOG MONITOR"
				     : "REPLICATION CLIENT";
	if (!g->slave || !g->client)
		return err_set(err, -EACCES, ERR_SOURCE_GRANT,
			       "%s lacks a privilege for reading the binlog; to mend it: GRANT "
			       "%s%s%s%s ON *.* TO %s",
			       source_name(s), g->slave ? "" : "REPLICATION SLAVE",
			       !g->slave && !g->client ? ", " : "", g->client ? "" : client,
			       need_catalog && !g->select ? ", SELECT" : "", who);
	return err_set(err, -EACCES, ERR_SOURCE_GRANT,
		       "%s may not read any table's definition, and the binlog has no column "
		       "names (binlog_row_metadata is not FULL); to mend it: GRANT SELECT ON *.* "
		       "TO %s (or on the replicated databases alone)",
		       source_name(s), who);
}

static int check_grants(struct source *s, const struct server_info *info, bool need_catalog,
			struct err *err)
{
	struct server_grants g;
	int rc = inspect_grants(s, info, &g, err);
	/* What roles hold is not always told: then the statements themselves tell, later. */
	if (rc < 0 || g.roles)
		return rc;
	return inspect_grants_verdict(s, info, &g, need_catalog, err);
}

int server_check(struct source *s, const struct server_info *info, bool need_catalog,
		 struct err *err)
{
	int rc = check_settings(s, info, err);
	return rc ? rc : check_grants(s, info, need_catalog, err);
}

/* ------------------------------------------------------- positions */

/* The GTID set in front of the oldest binlog: whoever lacks some of it came too late. */
static int oldest_gtids(struct source *s, const struct server_info *info, struct gtid_set **ret,
			struct err *err)
{
	if (info->flavor == FLAVOR_MYSQL)
		return server_gtids(s, info, ret, err, "SELECT @@global.gtid_purged");
	struct binlog_pos first;
	int rc = server_first_file(s, &first, err);
	if (rc)
		return rc;
	return server_gtids_before(s, info, &first, ret, err);
}

/*
 * MySQL serves a position none of whose transactions it knows, by sending all that it has:
 * the whole history of another server. Sharing some is enough, as a replica may lag, and the
 * newest are in the binlog for a moment before they are in gtid_executed. MariaDB refuses
 * by itself.
 */
static int check_history(struct source *s, const struct server_info *info,
			 const struct gtid_set *ours, struct err *err)
{
	if (info->flavor != FLAVOR_MYSQL || gtid_set_empty(ours))
		return 0;
	struct buf text, sql;
	struct gtid_set *unknown = NULL;
	buf_init(&text);
	buf_init(&sql);
	gtid_set_format(ours, &text);
	buf_puts(&sql, "SELECT GTID_SUBTRACT(");
	query_put_literal(s, &sql, (struct span){text.data, text.len});
	buf_puts(&sql, ", @@global.gtid_executed)");
	buf_cstr(&sql);
	int rc = text.failed || sql.failed
			 ? err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a GTID set")
			 : server_gtids(s, info, &unknown, err, (const char *)sql.data);
	if (rc == 0 && gtid_set_covers(unknown, ours))
		rc = err_set(err, -ENOENT, ERR_SOURCE_DIVERGED,
			     "%s has executed none of the transactions of our position, %.300s",
			     source_name(s), buf_cstr(&text));
	gtid_set_free(unknown);
	buf_free(&sql);
	buf_free(&text);
	return rc;
}

static int check_gtids(struct source *s, const struct server_info *info,
		       const struct gtid_set *ours, struct err *err)
{
	int rc = check_history(s, info, ours, err);
	if (rc)
		return rc;
	struct gtid_set *oldest;
	rc = oldest_gtids(s, info, &oldest, err);
	if (rc)
		return rc;
	if (oldest && !gtid_set_covers(ours, oldest)) {
		struct buf text;
		buf_init(&text);
		gtid_set_format(oldest, &text);
		rc = err_set(err, -ENOENT, ERR_SOURCE_PURGED,
			     "%s has purged binlogs with transactions that come after our "
			     "position; what it has begins after %.400s",
			     source_name(s), buf_cstr(&text));
		buf_free(&text);
	}
	gtid_set_free(oldest);
	return rc;
}

/* A position's file among those of the server. */
struct listed {
	bool found;
	uint64_t size;
	char first[BINLOG_FILE_MAX], last[BINLOG_FILE_MAX]; /* of all */
	struct binlog_pos next;				     /* the file behind it; "": none */
};

static int find_file(struct source *s, const char *name, struct listed *ret, struct err *err)
{
	struct query q;
	int rc = query_open(s, &q, err, "SHOW BINARY LOGS");
	if (rc)
		return rc;
	*ret = (struct listed){.next = {.pos = 4}};
	while ((rc = query_next(&q, err)) > 0) {
		const char *file = query_text(&q, 0) ? query_text(&q, 0) : "";
		if (!ret->first[0])
			snprintf(ret->first, sizeof(ret->first), "%s", file);
		if (ret->found && !ret->next.file[0])
			snprintf(ret->next.file, sizeof(ret->next.file), "%s", file);
		snprintf(ret->last, sizeof(ret->last), "%s", file);
		if (!strcmp(file, name)) {
			ret->found = true;
			ret->size = query_u64(&q, 1);
		}
	}
	query_end(&q);
	return rc;
}

static int check_place(struct source *s, const struct binlog_pos *at, struct err *err)
{
	struct listed in;
	int rc = find_file(s, at->file, &in, err);
	if (rc < 0)
		return rc;
	const char *name = source_name(s);
	if (in.found && at->pos > in.size)
		return err_set(err, -ERANGE, ERR_SOURCE_POSITION,
			       "%s: offset %llu is behind the end of %s (%llu bytes)", name,
			       (unsigned long long)at->pos, at->file, (unsigned long long)in.size);
	if (in.found)
		return 0;
	/* Names of one server have the same length until the number outgrows six digits. */
	size_t n = strlen(at->file), nfirst = strlen(in.first);
	if (n < nfirst || (n == nfirst && strcmp(at->file, in.first) < 0))
		return err_set(err, -ENOENT, ERR_SOURCE_PURGED,
			       "%s no longer has %s: its oldest binlog is %s", name, at->file,
			       in.first);
	return err_set(err, -ENOENT, ERR_SOURCE_POSITION,
		       "%s has no binlog named %s: it has %s to %s", name, at->file, in.first,
		       in.last);
}

/*
 * All that the server had executed in front of a file; NULL where it does not say. MySQL: what
 * is purged, or came without a binlog, is not named at the head of a file.
 */
static int known_before(struct source *s, const struct server_info *info,
			const struct binlog_pos *file, struct gtid_set **ret, struct err *err)
{
	struct gtid_set *known = NULL;
	struct buf purged;
	buf_init(&purged);
	int rc = server_gtids_before(s, info, file, &known, err);
	if (rc == 0 && known && info->flavor == FLAVOR_MYSQL)
		rc = query_value(s, &purged, err, "SELECT @@global.gtid_purged");
	if (rc > 0)
		rc = gtid_set_parse(known, buf_cstr(&purged), err);
	buf_free(&purged);
	if (rc < 0) {
		gtid_set_free(known);
		return rc;
	}
	*ret = known;
	return 0;
}

/*
 * A server whose host crashed may have lost its binlog's end, which we had read. It numbers on
 * from what it has left, so that the same GTIDs come to stand for other transactions: those
 * would be passed over as known. Its former file shows it: it ends in front of our place, and
 * what is known at the start of the next one lacks some of ours.
 *
 * A file that is shorter alone is no proof: after RESET MASTER names begin anew.
 */
static int check_end(struct source *s, const struct server_info *info,
		     const struct position *position, struct err *err)
{
	const struct binlog_pos *at = &position->at;
	if (!at->file[0] || strcmp(position->source, info->identity) != 0)
		return 0;
	struct listed in;
	int rc = find_file(s, at->file, &in, err);
	if (rc < 0 || !in.found || at->pos <= in.size || !in.next.file[0])
		return rc;
	struct gtid_set *known = NULL;
	rc = known_before(s, info, &in.next, &known, err);
	if (rc == 0 && known && !gtid_set_covers(known, position->gtids))
		rc = err_set(err, -ENOENT, ERR_SOURCE_DIVERGED,
			     "%s has lost the end of %s, which was read to offset %llu and has %llu "
			     "bytes now (a crash with sync_binlog other than 1?): its new "
			     "transactions may have GTIDs of those that were published",
			     source_name(s), at->file, (unsigned long long)at->pos,
			     (unsigned long long)in.size);
	gtid_set_free(known);
	return rc;
}

int server_check_position(struct source *s, const struct server_info *info,
			  const struct position *position, struct err *err)
{
	if (position->gtids && info->gtids) {
		int rc = check_gtids(s, info, position->gtids, err);
		return rc ? rc : check_end(s, info, position, err);
	}
	if (!position->at.file[0])
		return err_set(
			err, -EINVAL, ERR_SOURCE_POSITION,
			"the position has GTIDs only, and %s has gtid_mode off: set file and "
			"offset, or gtid_mode=ON",
			source_name(s));
	return check_place(s, &position->at, err);
}
