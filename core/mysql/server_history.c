/*
 * server_history.c - whether a server's history goes on from ours: has it all that we have
 * published, and nothing that only it has? Without it a dump by GTID would begin all the same:
 * MySQL compares only the transactions that carry its own uuid.
 *
 *            what the server has executed        newest that it began itself
 * MySQL      @@gtid_executed                     entries of @@server_uuid
 * MariaDB    @@gtid_binlog_state                 entries of its server_id; a domain has one
 *            (the last of each domain and server)     entry for each server that wrote to it
 */
#include "common/contract/errors.h"
#include "core/mysql/server_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAUSE_MS = 100 };

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a GTID set");
}

/* One entry of a MariaDB list; moves *text behind it. False: no more. */
static bool next_entry(const char **text, struct gtid *ret)
{
	char one[GTID_TEXT_MAX];
	*text += strspn(*text, ", \n");
	size_t n = strcspn(*text, ", \n");
	if (!n || n >= sizeof(one))
		return false;
	memcpy(one, *text, n);
	one[n] = 0;
	*text += n;
	return gtid_parse(FLAVOR_MARIADB, one, ret) == 0;
}

static bool state_has(const char *state, const struct gtid *g)
{
	struct gtid e;
	while (next_entry(&state, &e))
		if (e.maria.domain == g->maria.domain && e.maria.server == g->maria.server &&
		    e.maria.seq >= g->maria.seq)
			return true;
	return false;
}

/* Of `ours`, what the server does not have; empty if nothing. */
static int missing(struct source *s, const struct server_info *info, const char *ours,
		   struct buf *out, struct err *err)
{
	int rc;
	if (info->flavor == FLAVOR_MYSQL) {
		rc = query_value(s, out, err, "SELECT GTID_SUBTRACT('%s', @@global.gtid_executed)",
				 ours);
		return rc < 0 ? rc : 0;
	}
	struct buf state;
	struct gtid g;
	char text[GTID_TEXT_MAX];
	buf_init(&state);
	rc = query_value(s, &state, err, "SELECT @@global.gtid_binlog_state");
	buf_clear(out);
	while (rc >= 0 && next_entry(&ours, &g)) {
		if (rc > 0 && state_has(buf_cstr(&state), &g))
			continue;
		gtid_format(&g, text);
		buf_printf(out, "%s%s", out->len ? "," : "", text);
	}
	buf_free(&state);
	return rc < 0 ? rc : 0;
}

/*
 * The newest are sent before they are in gtid_executed: with semi-synchronous replication
 * as long before as a replica takes to answer. So a server gets time to have them.
 */
static int check_missing(struct source *s, const struct server_info *info, const char *ours,
			 usec_t patience, struct err *err)
{
	struct buf lacks;
	int rc;
	buf_init(&lacks);
	if (info->flavor == FLAVOR_MARIADB)
		patience = 0; /* its state is ahead of what it sends */
	for (usec_t waited = 0;; waited += PAUSE_MS * USEC_PER_MSEC) {
		rc = missing(s, info, ours, &lacks, err);
		if (rc < 0 || !lacks.len || waited >= patience)
			break;
		usleep(PAUSE_MS * 1000);
	}
	if (rc == 0 && lacks.failed)
		rc = no_memory(err);
	else if (rc == 0 && lacks.len)
		rc = err_set(err, -ENOENT, ERR_SOURCE_BEHIND,
			     "%s lacks %.300s of our position: it lags, or it has lost what was "
			     "already published",
			     source_name(s), buf_cstr(&lacks));
	buf_free(&lacks);
	return rc;
}

int server_check_history(struct source *s, const struct server_info *info,
			 const struct gtid_set *ours, usec_t patience, struct err *err)
{
	struct buf text;
	buf_init(&text);
	gtid_set_format(ours, &text);
	const char *t = buf_cstr(&text);
	int rc = text.failed ? no_memory(err)
			     : (text.len ? check_missing(s, info, t, patience, err) : 0);
	buf_free(&text);
	return rc;
}

/* The first entry that the server itself began and that is not in ours, into `out`. */
static int own_mysql(struct source *s, const struct server_info *info, const char *ours,
		     struct buf *out, struct err *err)
{
	struct buf more;
	buf_init(&more);
	int rc = query_value(s, &more, err, "SELECT GTID_SUBTRACT(@@global.gtid_executed, '%s')",
			     ours);
	const char *found = rc > 0 ? strcasestr(buf_cstr(&more), info->identity) : NULL;
	if (found)
		buf_printf(out, "%.*s", (int)strcspn(found, ",\n"), found);
	buf_free(&more);
	return rc < 0 ? rc : 0;
}

static int own_mariadb(struct source *s, const struct server_info *info, const char *ours,
		       struct buf *out, struct err *err)
{
	struct buf state;
	struct gtid e, g;
	char text[GTID_TEXT_MAX];
	buf_init(&state);
	int rc = query_value(s, &state, err, "SELECT @@global.gtid_binlog_state");
	const char *p = rc > 0 ? buf_cstr(&state) : "";
	while (!out->len && next_entry(&p, &e)) {
		if (e.maria.server != info->server_id)
			continue;
		bool known = false;
		for (const char *q = ours; next_entry(&q, &g);)
			known |= g.maria.domain == e.maria.domain && g.maria.seq >= e.maria.seq;
		gtid_format(&e, text);
		if (!known)
			buf_puts(out, text);
	}
	buf_free(&state);
	return rc < 0 ? rc : 0;
}

int server_check_own(struct source *s, const struct server_info *info, const struct gtid_set *ours,
		     struct err *err)
{
	struct buf text, own;
	buf_init(&text);
	buf_init(&own);
	int rc = query_value(s, &text, err, "SELECT @@global.read_only + 0");
	bool read_only = rc > 0 && strcmp(buf_cstr(&text), "0") != 0;
	if (rc >= 0 && read_only) {
		buf_clear(&text);
		gtid_set_format(ours, &text);
		const char *t = buf_cstr(&text);
		rc = info->flavor == FLAVOR_MYSQL ? own_mysql(s, info, t, &own, err)
						  : own_mariadb(s, info, t, &own, err);
	}
	if (rc >= 0 && (text.failed || own.failed))
		rc = no_memory(err);
	else if (rc >= 0 && own.len)
		rc = err_set(err, -ENOENT, ERR_SOURCE_BEHIND,
			     "%s is read-only and has transactions of its own, %.200s, which the "
			     "server that we read does not have",
			     source_name(s), buf_cstr(&own));
	buf_free(&own);
	buf_free(&text);
	return rc < 0 ? rc : 0;
}
