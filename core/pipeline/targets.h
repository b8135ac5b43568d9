/*
 * targets.h - the tables of the stream: which topic a table's rows go to, and how.
 *
 * Job: for each TABLE_MAP know the table, its definition, its rules, its topic and its
 * envelope plan, from the first event that names it to the DDL that makes it void. What is
 * done with rows is not here: publish.c. Source thread only; owns the targets, which live
 * until targets_forget().
 */
#ifndef MR_PIPELINE_TARGETS_H
#define MR_PIPELINE_TARGETS_H

#include "common/base/hash.h"
#include "common/contract/task.h"
#include "core/binlog/stream.h"
#include "core/binlog/table_map.h"
#include "core/envelope/envelope.h"
#include "core/pipe/pipe.h"
#include "core/rules/rules.h"
#include "core/schema/schema.h"

/* A table as its last TABLE_MAP described it. */
struct target {
	uint64_t id;
	bool listed; /* in by_id */
	const char *name; /* "db\0table", the key of by_name */
	unsigned name_len;
	bool excluded;
	struct arena arena; /* map and described */
	struct table_map map;
	struct table described;
	const struct table *table;   /* for the rows reader: the schema's, or `described` */
	struct rules_table *rules;   /* NULL: none concern it */
	struct envelope_table *plan; /* NULL while excluded */
	uint32_t topic;
	UT_hash_handle hh_name;
	UT_hash_handle hh_id;
};

struct target_name;
struct target_topic;

struct targets {
	/* Borrowed. */
	const struct task *task;
	struct schema *schema;
	struct rules *rules;
	struct envelope *envelope;
	struct pipe *pipe;

	/* Where the format writes columns' defaults: fills them in. NULL: it does not. */
	int (*defaults)(void *ctx, struct table *t, struct arena *arena, struct err *err);
	void *defaults_ctx;
	/*
	 * The definition that a table has at this place of the stream, for TRUNCATE; NULL: its
	 * message needs none.
	 */
	int (*definition)(void *ctx, struct span db, struct span name, struct arena *arena,
			  const struct table **ret, struct err *err);
	void *definition_ctx;

	struct target *by_name;      /* hash: every table met, excluded ones too */
	struct target *by_id;        /* hash: those by their current table_id */
	struct target_name *names;   /* hash: of every table met */
	struct target_topic *topics; /* hash: by the pipe's number */
};

/* Zeroed memory is an empty set of targets. */
void targets_fini(struct targets *s);

/* The table of a TABLE_MAP, opened if it is wanted (see `excluded`). */
int targets_meet(struct targets *s, const struct stream *stream, const struct event *e,
		 struct target **ret, struct err *err) MR_MUST_CHECK;
/* The table of a rows event; NULL: its TABLE_MAP was not met. */
struct target *targets_by_id(struct targets *s, uint64_t id);
/* A wanted table that a statement names: opened, with its columns only if `definition` is set. */
int targets_by_name(struct targets *s, struct span db, struct span name, struct target **ret,
		    struct err *err) MR_MUST_CHECK;
/* A DDL statement: definitions may have changed. */
void targets_forget(struct targets *s);

/* The definition that messages are made by. */
static inline const struct table *target_shape(const struct target *t)
{
	return t->rules ? rules_table_shape(t->rules) : t->table;
}

#endif
