/* publish.c - see publish.h. */
#include "core/pipeline/publish.h"

#include "common/base/crc.h"
#include "common/base/hash.h"
#include "common/contract/errors.h"
#include "core/binlog/rows.h"
#include "core/binlog/table_map.h"

#include <errno.h>
#include <stdlib.h>

/* Blocks of the arena of values that are worth keeping for the next row. */
enum { VALUES_KEEP = 256 * 1024 };

/* A table as its last TABLE_MAP described it. */
struct publish_target {
	uint64_t id;
	bool listed; /* in by_id */
	const char *name; /* "db\0table", the key of by_name; of publish_name */
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

/* A table's name. It outlives definitions: messages that are not ended yet refer to it. */
struct publish_name {
	UT_hash_handle hh;
	char text[];
};

/* The table that a topic was first used for. */
struct publish_topic {
	uint32_t topic;
	struct span db;
	struct span table;
	UT_hash_handle hh;
	uint8_t name[]; /* what the two point into */
};

int publish_init(struct publish *p)
{
	arena_init(&p->values);
	/* The first block, so that values_start is where every row begins. */
	if (!arena_alloc(&p->values, 8))
		return -ENOMEM;
	arena_reset(&p->values, VALUES_KEEP);
	p->values_start = p->values.p;
	return 0;
}

static void target_unlist(struct publish *p, struct publish_target *t)
{
	if (t->listed)
		HASH_DELETE(hh_id, p->by_id, t);
	t->listed = false;
}

/* Forgets what is known of the table; the name stays. */
static void target_clear(struct publish *p, struct publish_target *t)
{
	target_unlist(p, t);
	envelope_table_close(t->plan);
	rules_table_close(t->rules);
	t->plan = NULL;
	t->rules = NULL;
	t->table = NULL;
	arena_reset(&t->arena, 64 * 1024);
}

static void target_free(struct publish *p, struct publish_target *t)
{
	target_clear(p, t);
	HASH_DELETE(hh_name, p->by_name, t);
	arena_free(&t->arena);
	free(t);
}

void publish_forget_tables(struct publish *p)
{
	struct publish_target *t, *next;
	HASH_ITER (hh_name, p->by_name, t, next)
		target_free(p, t);
	schema_invalidate(p->schema, (struct span){0}, (struct span){0});
}

void publish_fini(struct publish *p)
{
	struct publish_target *t, *next;
	HASH_ITER (hh_name, p->by_name, t, next)
		target_free(p, t);
	struct publish_topic *topic, *following;
	HASH_ITER (hh, p->topics, topic, following) {
		HASH_DEL(p->topics, topic);
		free(topic);
	}
	struct publish_name *name, *another;
	HASH_ITER (hh, p->names, name, another) {
		HASH_DEL(p->names, name);
		free(name);
	}
	arena_free(&p->values);
	free(p->before);
	free(p->after);
	p->before = p->after = NULL;
	p->nvalues = 0;
}

/* ---------------------------------------------------------------- table maps */

static const char *name_of(struct publish *p, const char *text, size_t len)
{
	struct publish_name *n;
	HASH_FIND(hh, p->names, text, len, n);
	if (n)
		return n->text;
	n = calloc(1, sizeof(*n) + len);
	if (!n)
		return NULL;
	memcpy(n->text, text, len);
	HASH_ADD_KEYPTR(hh, p->names, n->text, len, n);
	if (!HASH_IS_IN(n, hh)) {
		free(n);
		return NULL;
	}
	return n->text;
}

static struct publish_target *target_of(struct publish *p, struct span db, struct span table)
{
	struct publish_target *t;
	size_t len = db.len + 1 + table.len;
	char name[2 * 256 + 2];
	if (len >= sizeof(name))
		return NULL;
	memcpy(name, db.p, db.len);
	name[db.len] = 0;
	memcpy(name + db.len + 1, table.p, table.len);
	HASH_FIND(hh_name, p->by_name, name, len, t);
	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	const char *copy = name_of(p, name, len);
	if (!t || !copy) {
		free(t);
		return NULL;
	}
	t->name = copy;
	t->name_len = (unsigned)len;
	arena_init(&t->arena);
	HASH_ADD_KEYPTR(hh_name, p->by_name, t->name, t->name_len, t);
	if (!HASH_IS_IN(t, hh_name)) {
		free(t);
		return NULL;
	}
	return t;
}

static int room_for_values(struct publish *p, uint32_t n)
{
	if (n <= p->nvalues)
		return 0;
	struct value *before = realloc(p->before, n * sizeof(*before));
	if (before)
		p->before = before;
	struct value *after = realloc(p->after, n * sizeof(*after));
	if (after)
		p->after = after;
	if (!before || !after)
		return -ENOMEM;
	p->nvalues = n;
	return 0;
}

/*
 * Two tables whose names differ only in what Kafka does not allow are refused, not mixed.
 * The first table of each topic is remembered over DDL, as the pipe remembers its topics.
 */
static int claim_topic(struct publish *p, const struct publish_target *t, struct err *err)
{
	const struct table_map *map = &t->map;
	struct publish_topic *first;
	HASH_FIND(hh, p->topics, &t->topic, sizeof(t->topic), first);
	if (!first) {
		first = calloc(1, sizeof(*first) + t->name_len);
		if (!first)
			return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a topic");
		first->topic = t->topic;
		memcpy(first->name, t->name, t->name_len);
		first->db = (struct span){first->name, map->db.len};
		first->table = (struct span){first->name + map->db.len + 1, map->name.len};
		HASH_ADD(hh, p->topics, topic, sizeof(first->topic), first);
		if (!HASH_IS_IN(first, hh)) {
			free(first);
			return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a topic");
		}
	}
	if (task_topic_shared(p->task, first->db, first->table, map->db, map->name))
		return 0;
	return err_set(err, -EEXIST, ERR_TASK_INVALID,
		       "tables %.*s.%.*s and %.*s.%.*s would share topic %s: give pipe.topic a "
		       "template that keeps them apart, or exclude one",
		       (int)first->db.len, (const char *)first->db.p, (int)first->table.len,
		       (const char *)first->table.p, (int)map->db.len, (const char *)map->db.p,
		       (int)map->name.len, (const char *)map->name.p,
		       pipe_topic_name(p->pipe, t->topic));
}

/* The definition that messages are made by. */
static const struct table *shape_of(const struct publish_target *t)
{
	return t->rules ? rules_table_shape(t->rules) : t->table;
}

/* The definition that rows are read by stays the schema's; the plan's copy has more. */
static int plan_open(struct publish *p, struct publish_target *t, struct err *err)
{
	const struct table *shape = shape_of(t);
	if (!p->defaults || !shape->ncolumns)
		return envelope_table_open(p->envelope, shape, &t->plan, err);
	struct arena arena;
	arena_init(&arena);
	struct table more = *shape;
	size_t size = more.ncolumns * sizeof(*more.columns);
	more.columns = arena_alloc(&arena, size + sizeof(*more.columns));
	int rc = more.columns ? 0 : err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table");
	if (rc == 0) {
		memcpy(more.columns, shape->columns, size);
		rc = p->defaults(p->defaults_ctx, &more, &arena, err);
	}
	if (rc == 0)
		rc = envelope_table_open(p->envelope, &more, &t->plan, err);
	arena_free(&arena);
	return rc;
}

/* Everything a wanted table needs beside its definition: topic, rules, plan. */
static int target_open(struct publish *p, struct publish_target *t, struct err *err)
{
	char topic[TASK_TOPIC_MAX + 1];
	int rc = task_topic(p->task, t->map.db, t->map.name, topic, err);
	if (rc == 0)
		rc = pipe_topic(p->pipe, topic, &t->topic, err);
	if (rc == 0)
		rc = claim_topic(p, t, err);
	/* One that is only truncated may stand here without its columns. */
	if (rc == 0 && t->table->ncolumns)
		rc = rules_table_open(p->rules, t->table, &t->rules, err);
	if (rc == 0)
		rc = plan_open(p, t, err);
	return rc;
}

static int publish_table_map(struct publish *p, const struct stream *s, const struct event *e,
			     struct err *err)
{
	uint64_t id;
	int rc = table_map_id(&s->format, e, &id, err);
	if (rc < 0)
		return rc;
	struct publish_target *t;
	HASH_FIND(hh_id, p->by_id, &id, sizeof(id), t);
	if (t && table_map_same(&t->map, e))
		return 0;

	/* A table not met yet, or changed, or opened again under another id. */
	struct arena scratch;
	struct table_map map;
	arena_init(&scratch);
	rc = table_map_parse(&s->format, e, &scratch, &map, err);
	if (rc == 0 && !(t = target_of(p, map.db, map.name)))
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table");
	arena_free(&scratch);
	if (rc < 0)
		return rc;
	target_clear(p, t);
	rc = table_map_parse(&s->format, e, &t->arena, &t->map, err);
	if (rc == 0)
		rc = table_map_describe(&t->map, &s->format, &t->arena, &t->described, err);
	if (rc == 0 && room_for_values(p, t->map.ncolumns) < 0)
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a row of %u columns",
			     t->map.ncolumns);
	if (rc < 0)
		return rc;
	t->excluded = !task_matches(p->task, t->map.db, t->map.name);
	t->table = &t->described;
	if (!t->excluded)
		rc = schema_resolve(p->schema, &t->described, &t->table, err);
	if (rc == 0 && !t->excluded)
		rc = target_open(p, t, err);
	if (rc < 0)
		return rc;
	/* Another table may have had this id in a former life of the server. */
	struct publish_target *old;
	HASH_FIND(hh_id, p->by_id, &id, sizeof(id), old);
	if (old)
		target_unlist(p, old);
	t->id = id;
	HASH_ADD(hh_id, p->by_id, id, sizeof(t->id), t);
	t->listed = HASH_IS_IN(t, hh_id);
	return t->listed ? 0 : err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table");
}

/* ---------------------------------------------------------------- rows */

static int put_record_once(struct publish *p)
{
	const struct record_group g = {.gtid = p->gtid, .start = p->start};
	int rc = p->record_put ? 0 : queue_put_group(p->queue, &g);
	p->record_put = rc == 0;
	return rc;
}

static int put_group_once(struct publish *p, const struct stream *s, struct err *err)
{
	if (p->group_put)
		return 0;
	int rc = put_record_once(p);
	if (rc < 0)
		return rc;
	p->gtid_text[0] = 0;
	gtid_format(&p->gtid, p->gtid_text);
	p->group = (struct row_group){
		.gtid = &p->gtid,
		.gtid_text = p->gtid_text,
		.start = &p->start,
		.xid = p->xid,
		.has_xid = p->has_xid,
		.thread_id = s->group.thread_id,
		.has_thread = s->group.has_thread,
		.server_id = s->group.server_id,
		.commit_time = s->group.commit_time,
	};
	rc = envelope_group_begin(p->envelope, &p->group, err);
	p->group_put = rc == 0;
	return rc;
}

static void describe_event(struct publish *p, const struct stream *s, const struct event *e,
			   uint64_t pos, struct row_event *ret)
{
	*ret = (struct row_event){
		.flavor = s->format.flavor,
		.file = s->at.file,
		.pos = pos,
		.server_id = e->server_id,
		.gtid = p->gtid,
		.thread_id = s->group.thread_id,
		.has_thread = s->group.has_thread,
		.source_time = (usec_t)e->timestamp * USEC_PER_SEC,
		.commit_time = s->group.commit_time,
		.read_time = clock_wall(),
	};
	gtid_format(&p->gtid, ret->gtid_text);
}

/* At the last row that is in the pipe already the crc must be the saved one. */
static int count_row(struct publish *p, struct span image, struct err *err)
{
	p->rows++;
	p->crc = crc32_update(p->crc, image.p, image.len);
	if (p->rows == p->skip_rows && p->crc != p->skip_crc)
		return err_set(err, -ESTALE, ERR_PARTIAL_MISMATCH,
			       "the first %llu rows of the transaction are not those that were "
			       "delivered before",
			       (unsigned long long)p->skip_rows);
	return 0;
}

static struct queue_about about(const struct publish_target *t, enum row_op op, uint64_t pos)
{
	const uint8_t *name = (const uint8_t *)t->name;
	size_t db = strlen(t->name);
	return (struct queue_about){
		.db = {name, db},
		.table = {name + db + 1, t->name_len - db - 1},
		.op = op,
		.pos = pos,
	};
}

static int publish_rows(struct publish *p, const struct stream *s, const struct event *e,
			uint64_t pos, bool undone, struct err *err)
{
	struct rows_reader r;
	int rc = rows_open(&r, &s->format, e, err);
	if (rc < 0)
		return rc;
	struct publish_target *t;
	HASH_FIND(hh_id, p->by_id, &r.table_id, sizeof(r.table_id), t);
	if (!t)
		return err_set(err, -EBADMSG, ERR_SOURCE_POSITION,
			       "rows of table id %llu without its TABLE_MAP: the position the dump "
			       "started from was not the end of a transaction",
			       (unsigned long long)r.table_id);
	struct row_event event;
	bool wanted = !undone && !t->excluded;
	if (wanted) {
		describe_event(p, s, e, pos, &event);
		rc = put_group_once(p, s, err);
		if (rc == 0)
			rc = envelope_event_begin(p->envelope, t->plan, &event, err);
		p->queue->topic = t->topic;
		p->queue->timestamp = event.source_time;
		p->queue->about = about(t, r.op, pos);
	}
	struct row row = {.op = r.op, .table = shape_of(t), .event = &event};
	row.before = r.op == ROW_INSERT ? NULL : p->before;
	row.after = r.op == ROW_DELETE ? NULL : p->after;
	while (rc >= 0) {
		/* Rows that are not written are counted all the same: see struct partial. */
		bool write = wanted && p->rows >= p->skip_rows;
		struct span image;
		rc = write ? rows_next(&r, t->table, &p->values, p->before, p->after, &image, err)
			   : rows_skip(&r, t->table, &image, err);
		if (rc <= 0)
			break;
		rc = count_row(p, image, err);
		if (rc == 0 && wanted && !write)
			envelope_pass(p->envelope);
		if (rc == 0 && write && t->rules) {
			row.op = r.op;
			row.before = r.op == ROW_INSERT ? NULL : p->before;
			row.after = r.op == ROW_DELETE ? NULL : p->after;
			rc = rules_row(t->rules, &row, p->before, p->after, &p->values, &write, err);
		}
		if (rc == 0 && write) {
			p->queue->row = p->rows;
			p->queue->crc = p->crc;
			row.index = r.nrows - 1;
			rc = envelope_row(p->envelope, &row, &p->queue->sink, err);
		}
		if (p->values.p != p->values_start) {
			arena_reset(&p->values, VALUES_KEEP);
			p->values_start = p->values.p;
		}
	}
	p->queue->about = (struct queue_about){.db = {0}};
	if (rc == -ENOTSUP && t->excluded) {
		/* Nobody wants this table's values: what is left of the event counts as one row. */
		err_clear(err);
		rc = count_row(p, e->body, err);
	}
	/* A message that was refused may have been kept back from another table's row. */
	if (rc < 0 && rc != -ECANCELED && !p->queue->refusal)
		err_prefix(err, "table %.*s.%.*s", (int)t->map.db.len, t->map.db.p,
			   (int)t->map.name.len, t->map.name.p);
	return rc < 0 ? rc : 0;
}

/* ---------------------------------------------------------------- TRUNCATE */

/*
 * A table of which no row was met since its last DDL. The next TABLE_MAP describes it afresh:
 * no id leads to this one.
 */
static int target_open_unmet(struct publish *p, struct publish_target *t, struct span db,
			     struct err *err)
{
	t->map.db = (struct span){(const uint8_t *)t->name, db.len};
	t->map.name = (struct span){(const uint8_t *)t->name + db.len + 1,
				    t->name_len - db.len - 1};
	t->described = (struct table){.db = t->map.db, .name = t->map.name};
	t->table = &t->described;
	t->excluded = false;
	int rc = 0;
	if (p->definition)
		rc = p->definition(p->definition_ctx, t->map.db, t->map.name, &t->arena, &t->table,
				   err);
	if (rc == 0)
		rc = target_open(p, t, err);
	if (rc < 0)
		target_clear(p, t);
	return rc;
}

static int truncate_target(struct publish *p, const struct stream *s, const struct event *e,
			   uint64_t pos, struct publish_target *t, struct err *err)
{
	struct row_event event;
	describe_event(p, s, e, pos, &event);
	event.has_thread = false; /* as Debezium: null */
	int rc = put_group_once(p, s, err);
	if (rc == 0)
		rc = envelope_event_begin(p->envelope, t->plan, &event, err);
	p->queue->topic = t->topic;
	p->queue->timestamp = event.source_time;
	p->queue->row = p->rows;
	p->queue->crc = p->crc;
	return rc < 0 ? rc : envelope_truncate(p->envelope, &p->queue->sink, err);
}

int publish_truncate(struct publish *p, const struct stream *s, const struct event *e,
		     uint64_t pos, struct span db, struct span name, struct err *err)
{
	struct publish_target *t = target_of(p, db, name);
	int rc = t ? 0 : err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table");
	if (rc == 0 && !t->plan)
		rc = target_open_unmet(p, t, db, err);
	if (rc == 0)
		rc = truncate_target(p, s, e, pos, t, err);
	if (rc < 0 && rc != -ECANCELED) {
		char where[sizeof(err->where)];
		err_prefix(err,
			   "TRUNCATE of %.*s.%.*s, which pipe.options.skipped.operations \"t\" "
			   "would leave out",
			   (int)db.len, (const char *)db.p, (int)name.len, (const char *)name.p);
		err_locate(err, "%s", stream_where(s, pos, where, sizeof(where)));
	}
	return rc;
}

/* ---------------------------------------------------------------- groups */

void publish_group(struct publish *p, const struct group *g, const struct partial *skip)
{
	p->gtid = g->gtid;
	p->start = g->start;
	p->open = true;
	p->group_put = p->record_put = false;
	p->has_xid = false;
	queue_begin_group(p->queue, oversize_of_group(p->oversize, &g->gtid, &g->start));
	envelope_group_drop(p->envelope);
	p->rows = 0;
	p->crc = 0;
	p->skip_rows = skip ? skip->rows : 0;
	p->skip_crc = skip ? skip->crc : 0;
}

void publish_xid(struct publish *p, uint64_t xid)
{
	p->xid = xid;
	p->has_xid = true;
}

int publish_event(struct publish *p, const struct stream *s, enum step_kind kind,
		  const struct event *e, uint64_t pos, bool undone, struct err *err)
{
	int rc = kind == STEP_TABLE_MAP ? publish_table_map(p, s, e, err)
					: publish_rows(p, s, e, pos, undone, err);
	if (rc < 0 && rc != -ECANCELED && err && !err->where[0]) {
		char where[sizeof(err->where)];
		err_locate(err, "%s", stream_where(s, pos, where, sizeof(where)));
	}
	return rc;
}

int publish_side(struct publish *p, const struct publish_message *m, struct err *err)
{
	struct envelope_sink *sink = &p->queue->sink;
	/* In front of a row that was delivered before: so was this. */
	if (p->rows < p->skip_rows)
		return 0;
	int rc = put_record_once(p);
	if (rc == 0 && p->group_put)
		rc = envelope_settle(p->envelope, sink, err);
	if (rc < 0)
		return rc;
	p->queue->topic = m->topic;
	p->queue->row = p->rows;
	p->queue->crc = p->crc;
	p->queue->timestamp = m->timestamp;
	struct buf *b = sink->begin(sink);
	if (!b)
		return sink->why(sink, err);
	buf_put(b, m->key.p, m->key.len);
	buf_put(b, m->headers.p, m->headers.len);
	buf_put(b, m->value.p, m->value.len);
	/* No end of a row: the ledger waits for it, and counts nothing. */
	if (b->failed || sink->end(sink, (uint32_t)m->key.len, (uint32_t)m->headers.len,
				   (uint32_t)m->value.len, m->key.len ? 0 : RECORD_NO_KEY) < 0)
		return sink->why(sink, err);
	return 0;
}

int publish_end(struct publish *p, const struct record_mark *mark, const struct record_xa *xa,
		struct err *err)
{
	if (p->rows < p->skip_rows)
		return err_set_at(err, -ESTALE, ERR_PARTIAL_MISMATCH, p->start.file,
				  "the transaction has %llu rows, but %llu of it were delivered "
				  "before",
				  (unsigned long long)p->rows, (unsigned long long)p->skip_rows);
	int rc = 0;
	if (p->group_put)
		rc = envelope_group_end(p->envelope, &p->queue->sink, err);
	if (rc == 0 && xa->entry)
		rc = queue_put_xa(p->queue, prepared_ref(xa->entry), xa->decided);
	if (rc == 0)
		rc = queue_put_mark(p->queue, mark);
	if (rc == 0)
		p->open = false;
	return rc;
}

bool publish_break(struct publish *p, struct partial *ret)
{
	bool some = p->open && p->queue->done_row > p->skip_rows;
	if (some)
		*ret = (struct partial){
			.set = true,
			.gtid = p->gtid,
			.start = p->start,
			.rows = p->queue->done_row,
			.crc = p->queue->done_crc,
		};
	/* A message that was kept back is not in the queue: its row is read again. */
	envelope_group_drop(p->envelope);
	p->open = false;
	return some;
}
