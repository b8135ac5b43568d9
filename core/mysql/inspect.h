/*
 * inspect.h - what a preflight and a probe ask a server, beyond what replicating needs:
 * who else replicates, what is kept for how long, which tables there are.
 *
 * Each is a statement or two on a connected source that does not stream, and changes
 * nothing there. What the user may not see is ERR_SOURCE_GRANT. Used by a worker thread.
 */
#ifndef MR_MYSQL_INSPECT_H
#define MR_MYSQL_INSPECT_H

#include "core/mysql/server.h"

/* What the lines of SHOW GRANTS allow, as far as they say. */
struct server_grants {
	bool slave;  /* REPLICATION SLAVE */
	bool client; /* REPLICATION CLIENT or BINLOG MONITOR */
	bool select; /* SELECT on anything */
	bool roles;  /* there are roles, whose privileges the lines do not show */
};

/* The user's own, those of roles that are active included where the server tells them. */
int inspect_grants(struct source *s, const struct server_info *info, struct server_grants *ret,
		   struct err *err) MR_MUST_CHECK;
/* What of them replicating lacks: 0, or ERR_SOURCE_GRANT with the GRANT spelled out. */
int inspect_grants_verdict(struct source *s, const struct server_info *info,
			   const struct server_grants *g, bool need_catalog,
			   struct err *err) MR_MUST_CHECK;

/* How long the server keeps binlogs. 0: it never purges by that. */
struct inspect_retention {
	usec_t expire;  /* after the last write to a file */
	uint64_t bytes; /* of all files together (MariaDB 11.4, max_binlog_total_size) */
};

int inspect_retention(struct source *s, struct inspect_retention *ret, struct err *err) MR_MUST_CHECK;

/* The binlog's files, oldest first; `sizes` in bytes. */
struct inspect_files {
	char (*name)[BINLOG_FILE_MAX];
	uint64_t *size;
	size_t n;
};

int inspect_files(struct source *s, struct inspect_files *ret, struct err *err) MR_MUST_CHECK;
void inspect_files_free(struct inspect_files *f);
/*
 * When a file was begun, by its format description event (whole seconds). Opens a dump on
 * a connection of its own, which needs REPLICATION SLAVE.
 */
int inspect_file_begun(struct source *s, const struct server_info *info, const char *file,
		       usec_t *ret, struct err *err) MR_MUST_CHECK;
/*
 * The file in which what follows the set begins: the last one in front of which the server
 * had executed nothing that is not in the set. `f->n` when even the oldest is too new.
 */
int inspect_file_behind(struct source *s, const struct server_info *info,
			const struct inspect_files *f, const struct gtid_set *set, size_t *ret,
			struct err *err) MR_MUST_CHECK;

/*
 * The replicas that are registered. Stops when `each` does not return 0, and returns that.
 * -EOPNOTSUPP: the server must not be asked.
 */
typedef int inspect_replica_fn(void *ctx, uint32_t server_id, const char *host);
int inspect_replicas(struct source *s, const struct server_info *info, inspect_replica_fn *each,
		     void *ctx, struct err *err) MR_MUST_CHECK;

/* How many XA transactions are prepared and not decided; *ret_xid: one of them. */
int inspect_prepared(struct source *s, uint64_t *ret_n, char ret_xid[256],
		     struct err *err) MR_MUST_CHECK;

/* Gone when the callback returns. */
struct inspect_table {
	struct span db, name;
	struct span engine;
};
typedef int inspect_table_fn(void *ctx, const struct inspect_table *table);

/*
 * Base tables that the user may see, those of mysql and sys only if `system`, those of
 * information_schema and performance_schema never: nothing is logged of them. In no order.
 * Rows come from the socket one by one: `each` must not use the source.
 */
int inspect_tables(struct source *s, bool system, inspect_table_fn *each, void *ctx,
		   struct err *err) MR_MUST_CHECK;
/* Those that have a primary key (engine is empty). */
int inspect_keyed_tables(struct source *s, inspect_table_fn *each, void *ctx,
			 struct err *err) MR_MUST_CHECK;
/*
 * Those whose rows change with a parent's by a foreign key, and the binlog does not show it
 * (every server but MySQL from 9.6 on, with innodb_native_foreign_keys off). MariaDB: of
 * the first 500 tables that have foreign keys. `each` must not use the source.
 */
int inspect_cascades(struct source *s, const struct server_info *info, inspect_table_fn *each,
		     void *ctx, struct err *err) MR_MUST_CHECK;

#endif
