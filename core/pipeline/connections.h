/*
 * connections.h - the connections of a source's thread: for dumps, and one for the catalogue.
 *
 * Job: open and close them so that capture_stop() can interrupt whoever waits on one; open a
 * dump on one; ask the catalogue what schema and publish need. When to connect, to which host
 * and from where to read is source.c's.
 *
 * Source thread only; a connection is its opener's, who closes it. The slots are those of
 * struct source_stop, whose lock a stop takes.
 */
#ifndef MR_PIPELINE_CONNECTIONS_H
#define MR_PIPELINE_CONNECTIONS_H

#include "core/pipeline/source.h"

/* Connects to a host of the task. *slot and *ret are set before anything blocks, and when it fails. */
int connection_open(const struct task *task, size_t host, struct source_stop *stop,
		    struct source **slot, struct source **ret, struct err *err) MR_MUST_CHECK;
void connection_close(struct source_stop *stop, struct source **slot, struct source **s);

/* The same for a thread, at its present host; and a dump on it, under `id`, which ends at the
 * end of the log if `to_end`. */
int source_thread_open(struct source_thread *t, struct source **slot, struct source **ret,
		       struct err *err) MR_MUST_CHECK;
void source_thread_close(struct source_thread *t, struct source **slot, struct source **s);
int source_thread_dump(struct source_thread *t, struct source *s, struct stream *stream,
		       struct steps *steps, const struct position *from, struct dump_id *id,
		       const char *uuid, bool to_end, struct err *err) MR_MUST_CHECK;

bool source_thread_stopping(const struct source_thread *t);
/* The connection for the catalogue, opened when it is not; stays the thread's. */
int source_thread_catalog(struct source_thread *t, struct source **ret,
			  struct err *err) MR_MUST_CHECK;
/* What the server says of the session of every statement. */
int source_thread_ddl_session(struct source_thread *t, struct ddl_session *ret,
			      struct err *err) MR_MUST_CHECK;

/* Callbacks with the thread as ctx: of schema_source, and of publish.targets. */
int connection_definition(void *ctx, struct span db, struct span name, enum schema_want want,
			  struct arena *arena, struct catalog_table *ret,
			  struct err *err) MR_MUST_CHECK;
int connection_charset(void *ctx, uint32_t collation, struct arena *arena, struct span *ret,
		       struct err *err) MR_MUST_CHECK;
int connection_table(void *ctx, struct span db, struct span name, struct arena *arena,
		     const struct table **ret, struct err *err) MR_MUST_CHECK;
int connection_defaults(void *ctx, struct table *table, struct arena *arena,
			struct err *err) MR_MUST_CHECK;

#endif
