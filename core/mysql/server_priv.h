/* server_priv.h - statements whose spelling depends on the server. Private. */
#ifndef MR_MYSQL_SERVER_PRIV_H
#define MR_MYSQL_SERVER_PRIV_H

#include "core/mysql/inspect.h"
#include "core/mysql/query.h"
#include "core/mysql/server.h"

const char *server_sql_status(const struct server_info *info);	 /* SHOW MASTER STATUS */
/* SHOW SLAVE HOSTS; NULL: the server's list of replicas must be left alone, both ways. */
const char *server_sql_replicas(const struct server_info *info);

/* A set as the server prints it, parsed; the caller frees it. */
int server_gtids(struct source *s, const struct server_info *info, struct gtid_set **ret,
		 struct err *err, const char *sql) MR_MUST_CHECK;

/* Offset 4 of the oldest binlog. */
int server_first_file(struct source *s, struct binlog_pos *ret, struct err *err) MR_MUST_CHECK;
/*
 * The GTID set in front of a place: MariaDB any group's end; MySQL the start of a file
 * only (from its PREVIOUS_GTIDS event). The caller frees it; NULL where there is none.
 */
int server_gtids_before(struct source *s, const struct server_info *info,
			const struct binlog_pos *at, struct gtid_set **ret,
			struct err *err) MR_MUST_CHECK;

/* Version number of a version text: "10.11.6-MariaDB" is 101106. Pure. */
unsigned server_parse_version(const char *text);

/* A connection of its own to the same server, interrupted together with s. */
int source_clone(struct source *s, struct source **ret, struct err *err) MR_MUST_CHECK;

/* One line of SHOW GRANTS. Pure. */
void server_grants_add(struct server_grants *g, const char *line);

#endif
