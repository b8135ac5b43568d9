/*
 * connections.c - see connections.h.
 *
 * What becomes of the rows when something here is wrong: a definition of another server's is
 * taken for this one's, and values go under wrong names. Hence a connection whose answer failed
 * is closed, and source.c closes the catalogue's with every dump.
 */
#include "core/pipeline/connections.h"

#include "common/contract/errors.h"
#include "common/os/log.h"
#include "common/os/process.h"
#include "core/mysql/catalog.h"
#include "core/pipeline/setup.h"

#include <errno.h>

enum {
	HEARTBEAT_MS = 2000,
	HEARTBEAT_UNTIL_MS = 500, /* a heartbeat may be what shows that the end is reached */
};

int connection_open(const struct task *task, size_t host, struct source_stop *stop,
		    struct source **slot, struct source **ret, struct err *err)
{
	struct source_options o;
	setup_source_options(task, host, &o);
	struct source *s;
	int rc = source_new(&o, &s, err);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&stop->lock);
	*slot = s;
	if (atomic_load(&stop->stopping) || atomic_load(&stop->quit))
		source_interrupt(s);
	pthread_mutex_unlock(&stop->lock);
	*ret = s;
	return source_connect(s, err);
}

void connection_close(struct source_stop *stop, struct source **slot, struct source **s)
{
	pthread_mutex_lock(&stop->lock);
	*slot = NULL;
	pthread_mutex_unlock(&stop->lock);
	source_free(*s);
	*s = NULL;
}

bool source_thread_stopping(const struct source_thread *t)
{
	return atomic_load_explicit(&t->stop->stopping, memory_order_relaxed) ||
	       atomic_load_explicit(&t->stop->quit, memory_order_relaxed);
}

/* A connection for table definitions, kept for the next ones, which may be days away. */
static int open_catalog(struct source_thread *t, struct err *err)
{
	if (t->catalog && source_answers(t->catalog))
		return 0;
	if (t->catalog)
		connection_close(t->stop, &t->stop->catalog, &t->catalog);
	return connection_open(t->task, t->host, t->stop, &t->stop->catalog, &t->catalog, err);
}

int source_thread_catalog(struct source_thread *t, struct source **ret, struct err *err)
{
	int rc = open_catalog(t, err);
	if (rc == 0)
		*ret = t->catalog;
	return rc;
}

int source_thread_ddl_session(struct source_thread *t, struct ddl_session *ret, struct err *err)
{
	if (!t->globals_known) {
		int rc = open_catalog(t, err);
		if (rc == 0)
			rc = catalog_globals(t->catalog, &t->explicit_timestamp,
					     &t->lower_case_names, err);
		if (rc < 0) {
			if (t->catalog)
				connection_close(t->stop, &t->stop->catalog, &t->catalog);
			return rc;
		}
		t->globals_known = true;
	}
	*ret = (struct ddl_session){
		.explicit_timestamp = t->explicit_timestamp ? DDL_ON : DDL_OFF,
		.lower_case_names = t->lower_case_names,
	};
	return 0;
}

int connection_definition(void *ctx, struct span db, struct span name, enum schema_want want,
		      struct arena *arena, struct catalog_table *ret, struct err *err)
{
	struct source_thread *t = ctx;
	int rc = definitions_get(t->definitions, db, name, want, arena, ret, err);
	if (rc < 0 && rc != -ENOENT && t->catalog)
		connection_close(t->stop, &t->stop->catalog, &t->catalog);
	return rc;
}

int connection_charset(void *ctx, uint32_t collation, struct arena *arena, struct span *ret,
		      struct err *err)
{
	struct source_thread *t = ctx;
	int rc = open_catalog(t, err);
	if (rc < 0)
		return rc;
	rc = catalog_charset(t->catalog, &t->server, collation, arena, ret, err);
	if (rc < 0 && rc != -ENOENT)
		connection_close(t->stop, &t->stop->catalog, &t->catalog);
	return rc;
}

int connection_table(void *ctx, struct span db, struct span name, struct arena *arena,
			 const struct table **ret, struct err *err)
{
	struct catalog_table cat;
	int rc = connection_definition(ctx, db, name, SCHEMA_EXACT, arena, &cat, err);
	if (rc == -ENOENT)
		return err_set(err, rc, ERR_SCHEMA_MISSING, "its definition is not known any more");
	if (rc == 0 && (rc = schema_table_now(&cat, arena, ret)) < 0)
		return err_set(err, rc, rc == -ENOMEM ? ERR_MEMORY : ERR_SCHEMA_MISMATCH,
			       "its definition cannot be read");
	return rc;
}

int connection_defaults(void *ctx, struct table *table, struct arena *arena, struct err *err)
{
	struct source_thread *t = ctx;
	int rc = open_catalog(t, err);
	if (rc < 0)
		return rc;
	rc = catalog_defaults(t->catalog, &t->server, table, arena, err);
	if (rc < 0)
		connection_close(t->stop, &t->stop->catalog, &t->catalog);
	return rc;
}

int source_thread_open(struct source_thread *t, struct source **slot, struct source **ret,
		       struct err *err)
{
	return connection_open(t->task, t->host, t->stop, slot, ret, err);
}

void source_thread_close(struct source_thread *t, struct source **slot, struct source **s)
{
	connection_close(t->stop, slot, s);
}

int source_thread_dump(struct source_thread *t, struct source *s, struct stream *stream,
		       struct steps *steps, const struct position *from, struct dump_id *id,
		       const char *uuid, bool to_end, struct err *err)
{
	char hostname[PROCESS_HOSTNAME_MAX], shown[SETUP_REPLICA_NAME_MAX];
	process_hostname(hostname);
	setup_replica_name(t->task, hostname, shown);
	bool bounded = t->until->kind != UNTIL_STOPPED;
	struct dump_options o = {
		.server = &t->server,
		.from = from,
		.id = id,
		.uuid = uuid,
		.hostname = shown,
		.heartbeat = heartbeat_period(
			&t->heartbeat,
			(bounded ? HEARTBEAT_UNTIL_MS : HEARTBEAT_MS) * USEC_PER_MSEC),
		.stop_at_end = to_end,
	};
	int rc = dump_start(s, &o, NULL, err);
	if (rc < 0)
		return rc;
	bool by_gtid = from->gtids && t->server.gtids;
	stream_start(stream, by_gtid ? NULL : from->at.file, by_gtid ? 0 : from->at.pos);
	steps_restart(steps);
	log_info("reading %s (%s) as replica %u from %s%s%s:%llu", source_name(s),
		 t->server.version_text, id->id, by_gtid ? "its GTID position" : "",
		 from->at.file[0] ? (by_gtid ? ", behind " : "") : "",
		 from->at.file[0] ? from->at.file : "", (unsigned long long)from->at.pos);
	return 0;
}
