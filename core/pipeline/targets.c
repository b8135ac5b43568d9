/* targets.c - see targets.h. */
#include "core/pipeline/targets.h"

#include "common/base/hash.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_KEEP = 64 * 1024 };

/* A table's name. It outlives definitions: messages that are not ended yet refer to it. */
struct target_name {
	UT_hash_handle hh;
	char text[];
};

/* The table that a topic was first used for. */
struct target_topic {
	uint32_t topic;
	struct span db;
	struct span table;
	UT_hash_handle hh;
	uint8_t name[]; /* what the two point into */
};

static void target_unlist(struct targets *s, struct target *t)
{
	if (t->listed)
		HASH_DELETE(hh_id, s->by_id, t);
	t->listed = false;
}

/* Forgets what is known of the table; the name stays. */
static void target_clear(struct targets *s, struct target *t)
{
	target_unlist(s, t);
	envelope_table_close(t->plan);
	rules_table_close(t->rules);
	t->plan = NULL;
	t->rules = NULL;
	t->table = NULL;
	arena_reset(&t->arena, ARENA_KEEP);
}

static void target_free(struct targets *s, struct target *t)
{
	target_clear(s, t);
	HASH_DELETE(hh_name, s->by_name, t);
	arena_free(&t->arena);
	free(t);
}

void targets_forget(struct targets *s)
{
	struct target *t, *next;
	HASH_ITER (hh_name, s->by_name, t, next)
		target_free(s, t);
	schema_invalidate(s->schema, (struct span){0}, (struct span){0});
}

void targets_fini(struct targets *s)
{
	struct target *t, *next;
	HASH_ITER (hh_name, s->by_name, t, next)
		target_free(s, t);
	struct target_topic *topic, *following;
	HASH_ITER (hh, s->topics, topic, following) {
		HASH_DEL(s->topics, topic);
		free(topic);
	}
	struct target_name *name, *another;
	HASH_ITER (hh, s->names, name, another) {
		HASH_DEL(s->names, name);
		free(name);
	}
}

/* ---------------------------------------------------------------- by name */

static const char *name_of(struct targets *s, const char *text, size_t len)
{
	struct target_name *n;
	HASH_FIND(hh, s->names, text, len, n);
	if (n)
		return n->text;
	n = calloc(1, sizeof(*n) + len);
	if (!n)
		return NULL;
	memcpy(n->text, text, len);
	HASH_ADD_KEYPTR(hh, s->names, n->text, len, n);
	if (!HASH_IS_IN(n, hh)) {
		free(n);
		return NULL;
	}
	return n->text;
}

static struct target *target_of(struct targets *s, struct span db, struct span table)
{
	struct target *t;
	size_t len = db.len + 1 + table.len;
	char name[2 * 256 + 2];
	if (len >= sizeof(name))
		return NULL;
	memcpy(name, db.p, db.len);
	name[db.len] = 0;
	memcpy(name + db.len + 1, table.p, table.len);
	HASH_FIND(hh_name, s->by_name, name, len, t);
	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	const char *copy = name_of(s, name, len);
	if (!t || !copy) {
		free(t);
		return NULL;
	}
	t->name = copy;
	t->name_len = (unsigned)len;
	arena_init(&t->arena);
	HASH_ADD_KEYPTR(hh_name, s->by_name, t->name, t->name_len, t);
	if (!HASH_IS_IN(t, hh_name)) {
		free(t);
		return NULL;
	}
	return t;
}

/* ---------------------------------------------------------------- opening */

/*
 * Two tables whose names differ only in what Kafka does not allow are refused, not mixed.
 * The first table of each topic is remembered over DDL, as the pipe remembers its topics.
 */
static int claim_topic(struct targets *s, const struct target *t, struct err *err)
{
	const struct table_map *map = &t->map;
	struct target_topic *first;
	HASH_FIND(hh, s->topics, &t->topic, sizeof(t->topic), first);
	if (!first) {
		first = calloc(1, sizeof(*first) + t->name_len);
		if (!first)
			return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a topic");
		first->topic = t->topic;
		memcpy(first->name, t->name, t->name_len);
		first->db = (struct span){first->name, map->db.len};
		first->table = (struct span){first->name + map->db.len + 1, map->name.len};
		HASH_ADD(hh, s->topics, topic, sizeof(first->topic), first);
		if (!HASH_IS_IN(first, hh)) {
			free(first);
			return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a topic");
		}
	}
	if (task_topic_shared(s->task, first->db, first->table, map->db, map->name))
		return 0;
	return err_set(err, -EEXIST, ERR_TASK_INVALID,
		       "tables %.*s.%.*s and %.*s.%.*s would share topic %s: give pipe.topic a "
		       "template that keeps them apart, or exclude one",
		       (int)first->db.len, (const char *)first->db.p, (int)first->table.len,
		       (const char *)first->table.p, (int)map->db.len, (const char *)map->db.p,
		       (int)map->name.len, (const char *)map->name.p,
		       pipe_topic_name(s->pipe, t->topic));
}

/* The definition that rows are read by stays the schema's; the plan's copy has more. */
static int plan_open(struct targets *s, struct target *t, struct err *err)
{
	const struct table *shape = target_shape(t);
	if (!s->defaults || !shape->ncolumns)
		return envelope_table_open(s->envelope, shape, &t->plan, err);
	struct arena arena;
	arena_init(&arena);
	struct table more = *shape;
	size_t size = more.ncolumns * sizeof(*more.columns);
	more.columns = arena_alloc(&arena, size + sizeof(*more.columns));
	int rc = more.columns ? 0 : err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table");
	if (rc == 0) {
		memcpy(more.columns, shape->columns, size);
		rc = s->defaults(s->defaults_ctx, &more, &arena, err);
	}
	if (rc == 0)
		rc = envelope_table_open(s->envelope, &more, &t->plan, err);
	arena_free(&arena);
	return rc;
}

/* Everything a wanted table needs beside its definition: topic, rules, plan. */
static int target_open(struct targets *s, struct target *t, struct err *err)
{
	char topic[TASK_TOPIC_MAX + 1];
	int rc = task_topic(s->task, t->map.db, t->map.name, topic, err);
	if (rc == 0)
		rc = pipe_topic(s->pipe, topic, &t->topic, err);
	if (rc == 0)
		rc = claim_topic(s, t, err);
	/* One that is only truncated may stand here without its columns. */
	if (rc == 0 && t->table->ncolumns)
		rc = rules_table_open(s->rules, t->table, &t->rules, err);
	if (rc == 0)
		rc = plan_open(s, t, err);
	return rc;
}

/* ---------------------------------------------------------------- by id */

struct target *targets_by_id(struct targets *s, uint64_t id)
{
	struct target *t;
	HASH_FIND(hh_id, s->by_id, &id, sizeof(id), t);
	return t;
}

/* What the event says of the table, and what that makes of it. */
static int target_describe(struct targets *s, struct target *t, const struct stream *stream,
			   const struct event *e, struct err *err)
{
	target_clear(s, t);
	int rc = table_map_parse(&stream->format, e, &t->arena, &t->map, err);
	if (rc == 0)
		rc = table_map_describe(&t->map, &stream->format, &t->arena, &t->described, err);
	if (rc < 0)
		return rc;
	t->excluded = !task_matches(s->task, t->map.db, t->map.name);
	t->table = &t->described;
	if (t->excluded)
		return 0;
	rc = schema_resolve(s->schema, &t->described, &t->table, err);
	return rc < 0 ? rc : target_open(s, t, err);
}

static int target_list(struct targets *s, struct target *t, uint64_t id, struct err *err)
{
	/* Another table may have had this id in a former life of the server. */
	struct target *old = targets_by_id(s, id);
	if (old)
		target_unlist(s, old);
	t->id = id;
	HASH_ADD(hh_id, s->by_id, id, sizeof(t->id), t);
	t->listed = HASH_IS_IN(t, hh_id);
	return t->listed ? 0 : err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table");
}

int targets_meet(struct targets *s, const struct stream *stream, const struct event *e,
		 struct target **ret, struct err *err)
{
	uint64_t id;
	int rc = table_map_id(&stream->format, e, &id, err);
	if (rc < 0)
		return rc;
	*ret = targets_by_id(s, id);
	if (*ret && table_map_same(&(*ret)->map, e))
		return 0;

	/* A table not met yet, or changed, or opened again under another id. */
	struct arena scratch;
	struct table_map map;
	arena_init(&scratch);
	rc = table_map_parse(&stream->format, e, &scratch, &map, err);
	if (rc == 0 && !(*ret = target_of(s, map.db, map.name)))
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table");
	arena_free(&scratch);
	if (rc == 0)
		rc = target_describe(s, *ret, stream, e, err);
	return rc < 0 ? rc : target_list(s, *ret, id, err);
}

/* ---------------------------------------------------------------- TRUNCATE */

/*
 * A table of which no row was met since its last DDL. The next TABLE_MAP describes it afresh:
 * no id leads to this one.
 */
static int target_open_unmet(struct targets *s, struct target *t, struct span db,
			     struct err *err)
{
	t->map.db = (struct span){(const uint8_t *)t->name, db.len};
	t->map.name = (struct span){(const uint8_t *)t->name + db.len + 1,
				    t->name_len - db.len - 1};
	t->described = (struct table){.db = t->map.db, .name = t->map.name};
	t->table = &t->described;
	t->excluded = false;
	int rc = 0;
	if (s->definition)
		rc = s->definition(s->definition_ctx, t->map.db, t->map.name, &t->arena, &t->table,
				   err);
	if (rc == 0)
		rc = target_open(s, t, err);
	if (rc < 0)
		target_clear(s, t);
	return rc;
}

int targets_by_name(struct targets *s, struct span db, struct span name, struct target **ret,
		    struct err *err)
{
	*ret = target_of(s, db, name);
	if (!*ret)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table");
	return (*ret)->plan ? 0 : target_open_unmet(s, *ret, db, err);
}
