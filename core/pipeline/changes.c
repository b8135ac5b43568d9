/* changes.c - see changes.h. */
#include "core/pipeline/changes.h"

#include "common/contract/errors.h"
#include "core/envelope/schema_change.h"

#include <errno.h>

int changes_open(struct source_thread *t, struct err *err)
{
	char topic[TASK_TOPIC_MAX + 1];
	const char *template = task_schema_changes(t->task);
	t->tells_changes = template[0] != 0;
	if (!t->tells_changes)
		return 0;
	int rc = task_side_topic(t->task, "schema_changes", template, topic, err);
	return rc < 0 ? rc : pipe_topic(t->pipe, topic, &t->changes_topic, err);
}

/* Is a table of this database copied? Of databases there are no patterns: by any table. */
static bool database_included(const struct task *task, struct span db)
{
	static const struct span any = {(const uint8_t *)"%", 1};
	bool included = task_matches(task, db, any);
	for (size_t i = 0; !included && i < task->tables.ninclude; i++) {
		/* The pattern's own table, if its database's part matches. */
		const char *dot = strrchr(task->tables.include[i], '.');
		if (dot && dot[1])
			included = task_matches(
				task, db,
				(struct span){(const uint8_t *)dot + 1, strlen(dot + 1)});
	}
	return included;
}

static bool concerns_us(const struct task *task, const struct ddl_change *c)
{
	switch (c->kind) {
	case DDL_DATABASE_CREATED:
	case DDL_DATABASE_ALTERED:
	case DDL_DATABASE_DROPPED:
		return database_included(task, c->db);
	case DDL_RENAMED:
		return task_matches(task, c->db, c->name) ||
		       task_matches(task, c->from_db, c->from_name);
	case DDL_UNKNOWN:
	case DDL_CREATED:
	case DDL_ALTERED:
	case DDL_DROPPED:
	case DDL_TRUNCATED: /* no definition changes, but not every format tells it otherwise */
		break;
	}
	return c->name.len && task_matches(task, c->db, c->name);
}

/* One change of the statement to those of the message. */
static void add(struct source_thread *t, const struct ddl_change *c, struct arena *arena,
		struct schema_change *m, struct schema_table_change *list)
{
	struct schema_table_change change = {.db = c->db, .name = c->name};
	struct catalog_table *table;
	switch (c->kind) {
	case DDL_DROPPED:
		change.type = SCHEMA_DROP;
		list[m->nchanges++] = change;
		return;
	case DDL_CREATED:
		change.type = SCHEMA_CREATE;
		break;
	case DDL_ALTERED:
	case DDL_RENAMED:
		change.type = SCHEMA_ALTER;
		break;
	default:
		return;
	}
	table = arena_alloc(arena, sizeof(*table));
	if (table && definitions_behind(t->definitions, c, arena, table)) {
		change.table = table;
		list[m->nchanges++] = change;
	}
}

static void describe(const struct source_thread *t, const struct step *step, struct row_event *ret)
{
	const struct group *g = &t->stream.group;
	*ret = (struct row_event){
		.flavor = t->stream.format.flavor,
		.file = t->stream.at.file,
		.pos = step->pos,
		.server_id = step->event.server_id,
		.gtid = g->gtid,
		.thread_id = g->thread_id,
		.has_thread = g->has_thread,
		.source_time = (usec_t)step->event.timestamp * USEC_PER_SEC,
		.commit_time = g->commit_time,
		.read_time = clock_wall(),
	};
	gtid_format(&g->gtid, ret->gtid_text);
}

void changes_drop(struct source_thread *t)
{
	if (!t->held_change.set)
		return;
	buf_free(&t->held_change.key);
	buf_free(&t->held_change.value);
	t->held_change.set = false;
}

int changes_release(struct source_thread *t, struct err *err)
{
	struct held_change *h = &t->held_change;
	if (!h->set)
		return 0;
	const struct publish_message m = {
		.topic = t->changes_topic,
		.timestamp = h->timestamp,
		.key = {h->key.data, h->key.len},
		.value = {h->value.data, h->value.len},
	};
	int rc = publish_side(&t->publish, &m, err);
	changes_drop(t);
	return rc;
}

static int send(struct source_thread *t, const struct schema_change *c, bool now, struct err *err)
{
	struct held_change *h = &t->held_change;
	changes_drop(t);
	*h = (struct held_change){.set = true, .timestamp = c->event->source_time};
	buf_init(&h->key);
	buf_init(&h->value);
	schema_change_write(c, &h->key, &h->value);
	if (h->key.failed || h->value.failed) {
		changes_drop(t);
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a schema change");
	}
	return now ? changes_release(t, err) : 0;
}

int changes_publish(struct source_thread *t, const struct step *step,
		    const struct ddl_changes *changes, struct err *err)
{
	struct row_event event;
	struct arena arena;
	uint32_t ours = 0;
	if (!t->tells_changes)
		return 0;
	describe(t, step, &event);
	struct schema_change m = {.task = t->task->name, .event = &event, .ddl = step->text};
	arena_init(&arena);
	struct schema_table_change *list =
		arena_alloc(&arena, (changes->n + 1) * sizeof(*list));
	for (uint32_t i = 0; list && i < changes->n; i++) {
		const struct ddl_change *c = &changes->list[i];
		if (!concerns_us(t->task, c))
			continue;
		if (!ours++) {
			m.db = c->db;
			m.table = c->name;
		} else {
			m.table = (struct span){0};
		}
		add(t, c, &arena, &m, list);
	}
	m.changes = list;
	int rc = !list ? err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a schema change")
		 : ours && !schema_change_has_secret(step->text)
			 ? send(t, &m, step->ends_group || t->mode == GROUP_STREAM, err)
			 : 0;
	arena_free(&arena);
	return rc;
}
