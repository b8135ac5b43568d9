/*
 * server.c - see server.h: what the server is and where its binlog's head stands.
 */
#include "core/mysql/server.h"
#include "common/contract/errors.h"
#include "core/mysql/server_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned server_parse_version(const char *text)
{
	unsigned part[3] = {0, 0, 0};
	for (size_t i = 0; i < 3; i++) {
		char *end;
		part[i] = (unsigned)strtoul(text, &end, 10);
		if (end == text || *end != '.')
			break;
		text = end + 1;
	}
	return part[0] * 10000 + part[1] * 100 + part[2];
}

static bool is(const char *a, const char *b)
{
	return !strcasecmp(a, b);
}

/* One line of SHOW GLOBAL VARIABLES into the place it belongs to. */
static void take_variable(struct server_info *i, const char *name, const char *value)
{
	const struct {
		const char *name;
		char *text;
		size_t size;
	} texts[] = {
		{"version", i->version_text, sizeof(i->version_text)},
		{"server_uuid", i->identity, sizeof(i->identity)},
		{"binlog_row_image", i->row_image, sizeof(i->row_image)},
		{"binlog_row_metadata", i->row_metadata, sizeof(i->row_metadata)},
		{"time_zone", i->time_zone, sizeof(i->time_zone)},
	};
	for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++)
		if (is(name, texts[n].name))
			snprintf(texts[n].text, texts[n].size, "%s", value);
	if (is(name, "server_id"))
		i->server_id = (uint32_t)strtoul(value, NULL, 10);
	else if (is(name, "gtid_domain_id"))
		i->gtid_domain = (uint32_t)strtoul(value, NULL, 10);
	else if (is(name, "gtid_mode"))
		i->gtids = is(value, "ON");
	else if (is(name, "log_bin"))
		i->log_bin = is(value, "ON") || is(value, "1");
	else if (is(name, "binlog_format"))
		i->row_format = is(value, "ROW");
	else if (is(name, "binlog_row_metadata"))
		i->row_metadata_full = is(value, "FULL");
	else if (is(name, "binlog_checksum"))
		i->checksums = !is(value, "NONE");
	else if (is(name, "version_comment") && strcasestr(value, "mariadb"))
		i->flavor = FLAVOR_MARIADB;
}

/* What tells a MariaDB from any other one. */
struct names {
	char uid[48]; /* of the network card and port: machines that were copied share it */
	char port[8];
	char host[64];
};

static bool take_name(struct names *n, const char *name, const char *value)
{
	if (is(name, "server_uid"))
		snprintf(n->uid, sizeof(n->uid), "%s", value);
	else if (is(name, "port"))
		snprintf(n->port, sizeof(n->port), "%s", value);
	else if (is(name, "hostname"))
		snprintf(n->host, sizeof(n->host), "%s", value);
	else
		return false;
	return true;
}

static void name_place(struct server_info *i, const struct names *n)
{
	if (i->flavor == FLAVOR_MYSQL)
		snprintf(i->place, sizeof(i->place), "%s", i->identity);
	else
		snprintf(i->place, sizeof(i->place), "mariadb:%s:%s:%s", n->uid, n->port, n->host);
	for (char *c = i->place; *c; c++)
		if (!(*c >= 'a' && *c <= 'z') && !(*c >= 'A' && *c <= 'Z') &&
		    !(*c >= '0' && *c <= '9') && !strchr("-_.:", *c))
			*c = '_';
}

int server_identify(struct source *s, struct server_info *ret, struct err *err)
{
	struct server_info info = {.flavor = FLAVOR_MYSQL};
	struct names names = {0};
	char zone[sizeof(info.time_zone)] = "UTC";
	struct query q;
	int rc = query_open(
		s, &q, err,
		"SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version','version_comment',"
		"'server_id','server_uuid','gtid_domain_id','gtid_mode','log_bin',"
		"'binlog_format','binlog_row_image','binlog_row_metadata','binlog_checksum',"
		"'time_zone','system_time_zone','server_uid','port','hostname')");
	if (rc)
		return rc;
	while ((rc = query_next(&q, err)) > 0) {
		const char *name = query_text(&q, 0), *value = query_text(&q, 1);
		if (!name || !value)
			continue;
		if (is(name, "system_time_zone"))
			snprintf(zone, sizeof(zone), "%s", value);
		else if (!take_name(&names, name, value))
			take_variable(&info, name, value);
	}
	query_end(&q);
	if (rc < 0)
		return rc;
	if (strcasestr(info.version_text, "mariadb"))
		info.flavor = FLAVOR_MARIADB;
	info.version = server_parse_version(info.version_text);
	if (!info.version)
		return err_set(err, -EPROTO, ERR_SOURCE_QUERY,
			       "%s does not tell its version (it says \"%s\")", source_name(s),
			       info.version_text);
	info.row_image_full = is(info.row_image, "FULL");
	if (is(info.time_zone, "SYSTEM"))
		memcpy(info.time_zone, zone, sizeof(zone));
	if (info.flavor == FLAVOR_MARIADB) {
		info.gtids = true;
		snprintf(info.identity, sizeof(info.identity), "%u-%u", info.server_id,
			 info.gtid_domain);
	}
	name_place(&info, &names);
	*ret = info;
	return 0;
}

enum { CLOCK_TRIES = 3 };

int server_clock(struct source *s, usec_t *ret, struct err *err)
{
	usec_t best = INT64_MAX, clock = 0;
	/* The answer is of some moment in between: what is slow is asked again. */
	for (int i = 0; i < CLOCK_TRIES && best > 50 * USEC_PER_MSEC; i++) {
		struct query q;
		usec_t began = clock_boot();
		/* Without a time zone, which has two such moments when summer ends. */
		int rc = query_open(s, &q, err, "SELECT @@timestamp");
		if (rc)
			return rc;
		rc = query_next(&q, err);
		const char *text = rc > 0 ? query_text(&q, 0) : NULL;
		usec_t took = clock_boot() - began;
		if (text && took < best) {
			best = took;
			clock = (usec_t)(strtod(text, NULL) * (double)USEC_PER_SEC) - began - took / 2;
		}
		query_end(&q);
		if (rc < 0)
			return rc;
	}
	if (best == INT64_MAX)
		return err_set(err, -EPROTO, ERR_SOURCE_QUERY, "%s does not tell its time",
			       source_name(s));
	*ret = clock;
	return 0;
}

const char *server_sql_status(const struct server_info *info)
{
	return info->flavor == FLAVOR_MYSQL && info->version >= 80200 ? "SHOW BINARY LOG STATUS"
								      : "SHOW MASTER STATUS";
}

/*
 * MySQL before 8.4: the entry of a reader whose session ended between registration and dump
 * stays, with a pointer to the session, which SHOW SLAVE HOSTS follows. 8.0.15 dies of it.
 */
const char *server_sql_replicas(const struct server_info *info)
{
	if (info->flavor == FLAVOR_MARIADB)
		return "SHOW SLAVE HOSTS";
	return info->version >= 80400 ? "SHOW REPLICAS" : NULL;
}

int server_gtids(struct source *s, const struct server_info *info, struct gtid_set **ret,
		 struct err *err, const char *sql)
{
	struct buf text;
	buf_init(&text);
	int rc = query_value(s, &text, err, "%s", sql);
	struct gtid_set *set = NULL;
	if (rc == 0)
		buf_clear(&text); /* NULL: nothing is known, or nothing was executed */
	if (rc >= 0) {
		set = gtid_set_new(info->flavor);
		rc = set ? gtid_set_parse(set, buf_cstr(&text), err)
			 : err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a GTID set");
		if (rc && set)
			err_prefix(err, "%s: %s", source_name(s), sql);
	}
	buf_free(&text);
	if (rc) {
		gtid_set_free(set);
		return rc;
	}
	*ret = set;
	return 0;
}

static int head_place(struct source *s, const struct server_info *info, struct binlog_pos *ret,
		      struct err *err)
{
	struct query q;
	int rc = query_open(s, &q, err, "%s", server_sql_status(info));
	if (rc)
		return rc;
	rc = query_next(&q, err);
	if (rc > 0 && query_text(&q, 0)) {
		*ret = (struct binlog_pos){.pos = query_u64(&q, 1)};
		snprintf(ret->file, sizeof(ret->file), "%s", query_text(&q, 0));
		rc = 0;
	} else if (rc == 0) {
		rc = err_set(err, -ENOENT, ERR_SOURCE_SETTING,
			     "%s has no binlog (%s is empty): set log_bin and restart it",
			     source_name(s), server_sql_status(info));
	}
	query_end(&q);
	return rc;
}

int server_head(struct source *s, const struct server_info *info, struct binlog_pos *ret,
		struct gtid_set **ret_gtids, struct err *err)
{
	/*
	 * The set first: whoever has read up to file and offset has read the set too, apart
	 * from what MySQL adds to gtid_executed before the status shows it.
	 */
	struct gtid_set *gtids = NULL;
	int rc = 0;
	if (ret_gtids && info->gtids)
		rc = server_gtids(s, info, &gtids, err,
				  info->flavor == FLAVOR_MARIADB ? "SELECT @@global.gtid_binlog_pos"
								 : "SELECT @@global.gtid_executed");
	if (rc == 0)
		rc = head_place(s, info, ret, err);
	if (rc) {
		gtid_set_free(gtids);
		return rc;
	}
	if (ret_gtids)
		*ret_gtids = gtids;
	return 0;
}
