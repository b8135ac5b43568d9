/*
 * debezium.c - a row -> its messages in Debezium's form:
 *
 *   {"before":…,"after":…,"source":{…},"transaction":null,"op":"c","ts_ms":…,…}
 *
 * With schemas {"schema":…,"payload":…} around it: the former is the table's, made once.
 *
 * What all rows of an event share is event.c's; a row adds its images (image.c), its index
 * and its operation. Which messages a row makes, and their headers, are decided here.
 *
 * Runs on the thread that calls; logs nothing, reads no clock.
 */
#include "core/envelope/debezium_priv.h"
#include "core/envelope/notes.h"

#include "common/base/json.h"
#include "common/contract/errors.h"

#include <errno.h>

#define NEW_KEY_HEADER "__debezium.newkey"
#define OLD_KEY_HEADER "__debezium.oldkey"

/* One message to be written. */
struct message {
	char op;                    /* of the envelope; 0: a tombstone */
	const struct value *key;    /* the row image that the key is taken from; NULL: no row's */
	const struct value *before; /* NULL: null */
	const struct value *after;
	const char *header; /* its name; NULL: none. It holds another row's key */
	const struct value *header_key;
};

/* Layout: record.h. The key comes last, so that its length can be filled in. */
static enum put_status put_header(struct buf *b, const struct envelope_table *t,
				  const struct message *m, const struct value *other,
				  const struct plan_column **ret_at)
{
	uint16_t name_len = (uint16_t)strlen(m->header);
	uint32_t value_len = 0;
	buf_put(b, &name_len, sizeof(name_len));
	buf_put(b, m->header, name_len);
	buf_put(b, &value_len, sizeof(value_len));
	size_t start = b->len;
	enum put_status status = debezium_header_put(b, t, m->header_key, other, ret_at);
	if (status == PUT_OK && !b->failed) {
		value_len = (uint32_t)(b->len - start);
		memcpy(b->data + start - sizeof(value_len), &value_len, sizeof(value_len));
	}
	return status;
}

enum {
	/* Room for what a message adds to what its event shares: see put_orders(). */
	SHARED_NUMBERS = 21 + 80,
};

#define ORDER "," "\"data_collection_order\":"
#define OPERATION "},\"op\":\""

/* What stands between "total_order": and the operation. */
static uint8_t *put_orders(uint8_t *p, const struct envelope *e)
{
	const struct debezium *d = e->own;
	p += dec_put_u64(p, d->order);
	memcpy(p, ORDER, sizeof(ORDER) - 1);
	p += sizeof(ORDER) - 1;
	p += dec_put_u64(p, debezium_table_of(e->table)->collection->order);
	memcpy(p, OPERATION, sizeof(OPERATION) - 1);
	return p + sizeof(OPERATION) - 1;
}

static enum put_status put_envelope(struct buf *b, const struct envelope *e,
				    const struct message *m, uint32_t index,
				    const struct plan_column **ret_at)
{
	enum put_status status = PUT_OK;
	if (m->before) {
		buf_lit(b, "{\"before\":");
		status = image_put(b, e->table, m->before, ret_at);
		if (status != PUT_OK)
			return status;
	} else {
		buf_lit(b, "{\"before\":null");
	}
	if (m->after) {
		buf_lit(b, ",\"after\":");
		status = image_put(b, e->table, m->after, ret_at);
		if (status != PUT_OK)
			return status;
	} else {
		buf_lit(b, ",\"after\":null");
	}
	const uint8_t *shared = e->shared.data;
	uint8_t *p = buf_room(b, e->shared.len + SHARED_NUMBERS);
	if (!p)
		return PUT_OK;
	memcpy(p, shared, e->row_at);
	p += e->row_at;
	p += dec_put_u64(p, index);
	memcpy(p, shared + e->row_at, e->op_at - e->row_at);
	p += e->op_at - e->row_at;
	if (__builtin_expect(e->options.transactions, 0) && e->group)
		p = put_orders(p, e);
	*p++ = (uint8_t)m->op;
	memcpy(p, shared + e->op_at, e->shared.len - e->op_at);
	p += e->shared.len - e->op_at;
	b->len = (size_t)(p - b->data);
	return PUT_OK;
}

static int put_message(struct envelope *e, const struct row *row, const struct message *m,
		       uint8_t flags, struct envelope_sink *sink, struct err *err)
{
	const struct envelope_table *t = e->table;
	const struct debezium_table *own = debezium_table_of(t);
	const struct plan_column *at = NULL;
	const struct value *other = row->after ? row->before : NULL;
	if (m->op && __builtin_expect(e->options.transactions, 0))
		debezium_transaction_count(e, own->collection);
	struct buf *b = sink->begin(sink);
	if (!b)
		return sink->why(sink, err);
	enum put_status status = PUT_OK;
	size_t key_end = 0, headers_end = 0;
	if (t->has_key && (m->key || t->fixed_key.len)) {
		put_span(b, own->key_start);
		status = image_put_key(b, t, m->key, other, &at);
		if (own->key_start.len)
			buf_putc(b, '}');
	} else {
		flags |= RECORD_NO_KEY;
	}
	key_end = b->len;
	if (status == PUT_OK && m->header)
		status = put_header(b, t, m, other, &at);
	headers_end = b->len;
	e->noted = false;
	if (m->op == 0) {
		flags |= RECORD_TOMBSTONE;
	} else if (status == PUT_OK) {
		put_span(b, own->value_start);
		status = put_envelope(b, e, m, row->index, &at);
		if (own->value_start.len)
			buf_putc(b, '}');
	}
	if (__builtin_expect(status != PUT_OK, 0))
		return image_fail(e, row->index, status, at, err);
	if (__builtin_expect(e->noted, 0))
		headers_end += notes_put_header(e, b, headers_end, m->before, m->after);
	if (__builtin_expect(b->failed, 0))
		return sink->why(sink, err);
	if (__builtin_expect(b->len > UINT32_MAX, 0))
		return err_set(err, -EMSGSIZE, ERR_PIPE_OVERSIZE,
			       "a row of %.*s.%.*s makes a message of %zu bytes", (int)t->db.len,
			       (const char *)t->db.p, (int)t->name.len, (const char *)t->name.p,
			       b->len);
	int rc = sink->end(sink, (uint32_t)key_end, (uint32_t)(headers_end - key_end),
			   (uint32_t)(b->len - headers_end), flags);
	return rc < 0 ? sink->why(sink, err) : 0;
}

/* By bytes: 'a' to 'A' is a change of the key, whatever the collation says. */
static bool key_changed(const struct envelope_table *t, const struct row *row)
{
	for (uint32_t i = 0; i < t->nkey; i++) {
		const struct value *before = &row->before[t->key[i].index];
		const struct value *after = &row->after[t->key[i].index];
		if (value_is_absent(before) || value_is_absent(after))
			continue;
		if (!value_equal(before, after))
			return true;
	}
	return false;
}

/* A delete event, and its tombstone: with the same key and headers. */
static int put_delete(struct envelope *e, const struct row *row, const struct message *m,
		      uint8_t last_flags, struct envelope_sink *sink, struct err *err)
{
	if (!e->table->tombstones)
		return put_message(e, row, m, last_flags, sink, err);
	int rc = put_message(e, row, m, 0, sink, err);
	if (rc < 0)
		return rc;
	struct message tombstone = *m;
	tombstone.op = 0;
	return put_message(e, row, &tombstone, last_flags, sink, err);
}

/*
 * The new image is written last, behind two messages that could not be taken back: it is
 * tried on the side first, so that a row with a bad value leaves no message at all. Keys
 * change rarely: here memory may be allocated.
 */
static int try_image(const struct envelope *e, const struct row *row, const struct value *values,
		     struct err *err)
{
	const struct plan_column *at = NULL;
	struct buf trial;
	buf_init(&trial);
	enum put_status status = image_put(&trial, e->table, values, &at);
	bool failed = trial.failed;
	buf_free(&trial);
	if (status != PUT_OK)
		return image_fail(e, row->index, status, at, err);
	if (failed)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a row whose key changed");
	return 0;
}

static int put_key_change(struct envelope *e, const struct row *row, struct envelope_sink *sink,
			  struct err *err)
{
	struct message removed = {
	    .op = 'd',
	    .key = row->before,
	    .before = row->before,
	    .header = NEW_KEY_HEADER,
	    .header_key = row->after,
	};
	struct message created = {
	    .op = 'c',
	    .key = row->after,
	    .after = row->after,
	    .header = OLD_KEY_HEADER,
	    .header_key = row->before,
	};
	int rc = try_image(e, row, row->after, err);
	if (rc == 0)
		rc = put_delete(e, row, &removed, 0, sink, err);
	return rc < 0 ? rc : put_message(e, row, &created, RECORD_ROW_END, sink, err);
}

static bool is_skipped(const struct envelope_options *o, enum row_op op)
{
	return (op == ROW_INSERT && o->skip_create) || (op == ROW_UPDATE && o->skip_update) ||
	       (op == ROW_DELETE && o->skip_delete);
}

static void note_time(struct envelope *e)
{
	struct debezium *d = e->own;
	d->time = e->event->commit_time ? e->event->commit_time : e->event->source_time;
}

static int begin_transaction(struct envelope *e, struct envelope_sink *sink, struct err *err)
{
	struct debezium *d = e->own;
	note_time(e);
	return d->begun || !e->group ? 0 : debezium_transaction_begin(e, sink, err);
}

static int put_row(struct envelope *e, const struct row *row, struct envelope_sink *sink,
		   struct err *err)
{
	if (__builtin_expect((row->op == ROW_SNAPSHOT) != e->snapshot, 0)) {
		int rc = event_share(e, row->op == ROW_SNAPSHOT, err);
		if (rc < 0)
			return rc;
	}
	if (is_skipped(&e->options, row->op))
		return 0;
	if (__builtin_expect(e->options.transactions, 0)) {
		int rc = begin_transaction(e, sink, err);
		if (rc < 0)
			return rc;
	}
	struct message m = {0};
	switch (row->op) {
	case ROW_UPDATE:
		if (key_changed(e->table, row))
			return put_key_change(e, row, sink, err);
		m.op = 'u';
		m.key = row->after;
		m.before = row->before;
		m.after = row->after;
		break;
	case ROW_DELETE:
		m.op = 'd';
		m.key = row->before;
		m.before = row->before;
		return put_delete(e, row, &m, RECORD_ROW_END, sink, err);
	case ROW_INSERT:
	case ROW_SNAPSHOT:
		m.op = row->op == ROW_INSERT ? 'c' : 'r';
		m.key = row->after;
		m.after = row->after;
		break;
	}
	return put_message(e, row, &m, RECORD_ROW_END, sink, err);
}

/*
 * MySQL's connector has TRUNCATE outside of transactions; MariaDB's has it in one of its own.
 * (Debezium never ends that one: END is written here.)
 */
static int put_truncate(struct envelope *e, struct envelope_sink *sink, struct err *err)
{
	const struct row_group *group = e->group;
	const struct row row = {.event = e->event};
	const struct message m = {.op = 't'};
	if (e->event->flavor != FLAVOR_MARIADB)
		e->group = NULL;
	int rc = event_share(e, false, err);
	if (rc == 0 && e->options.transactions)
		rc = begin_transaction(e, sink, err);
	if (rc == 0)
		rc = put_message(e, &row, &m, 0, sink, err);
	e->group = group;
	return rc;
}

static int start(struct envelope *e, struct err *err)
{
	e->own = arena_zalloc(&e->arena, sizeof(struct debezium));
	return e->own ? 0 : err_set(err, -ENOMEM, ERR_MEMORY, "no memory for an envelope");
}

/*
 * Exact: a comma in an ENUM's label has a backslash before it, as in "allowed" of its schema.
 * Labels are JSON text, in which a backslash is two.
 */
static int escape_labels(struct envelope_table *t, struct plan_column *c, struct err *err)
{
	struct span *labels = arena_alloc(&t->arena, (c->nlabels + 1) * sizeof(*labels));
	for (uint32_t i = 0; labels && i < c->nlabels; i++) {
		size_t len = c->labels[i].len;
		uint8_t *text = arena_alloc(&t->arena, 3 * len), *to = text;
		if (!text)
			labels = NULL;
		for (size_t k = 0; labels && k < len; k++) {
			if (c->labels[i].p[k] == ',') {
				*to++ = '\\';
				*to++ = '\\';
			}
			*to++ = c->labels[i].p[k];
		}
		if (labels)
			labels[i] = (struct span){text, (size_t)(to - text)};
	}
	c->labels = labels;
	return labels ? 0 : err_set(err, -ENOMEM, ERR_MEMORY, "no memory for labels");
}

static int open_labels(struct envelope_table *t, struct err *err)
{
	int rc = 0;
	for (uint32_t i = 0; rc == 0 && i < t->ncolumns; i++)
		if (t->columns[i].kind == VALUE_ENUM)
			rc = escape_labels(t, &t->columns[i], err);
	for (uint32_t i = 0; rc == 0 && i < t->nkey; i++)
		if (t->key[i].kind == VALUE_ENUM)
			rc = escape_labels(t, &t->key[i], err);
	return rc;
}

static int open_table(struct envelope *e, const struct table *table, struct envelope_table *t,
		      struct err *err)
{
	t->own = arena_zalloc(&t->arena, sizeof(struct debezium_table));
	if (!t->own)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table");
	int rc = debezium_header_make(t, err);
	if (rc == 0 && e->options.compat == ENVELOPE_EXACT)
		rc = open_labels(t, err);
	if (rc == 0 && e->options.transactions)
		rc = debezium_transaction_table(e, t, err);
	if (rc == 0)
		rc = debezium_default_make(t, table, err);
	if (rc == 0)
		rc = debezium_schema_make(e, table, t, err);
	return rc;
}

static int begin_event(struct envelope *e, struct err *err)
{
	struct debezium_table *own = e->table->own;
	if (own->value_parts[0].len && !own->value_start.len) {
		int rc = debezium_schema_flavor(e->table, e->event->flavor, err);
		if (rc < 0)
			return rc;
	}
	return event_share(e, false, err);
}

static int begin_group(struct envelope *e, struct err *err)
{
	(void)err;
	struct debezium *d = e->own;
	d->group++;
	d->order = 0;
	d->begun = d->passed = false;
	d->changed = NULL;
	return 0;
}

static void pass(struct envelope *e)
{
	struct debezium *d = e->own;
	d->passed = true;
	note_time(e);
}

/*
 * Debezium knows columns that are not in the row image under NOBLOB only: BLOB and TEXT
 * get its placeholder, JSON and geometries are null. Where any other is absent (MINIMAL)
 * it stops. Lossless, what is absent is left out instead.
 */
static enum absent_form absent(const struct envelope *e, const struct column *c,
			       const char **ret_text)
{
	switch ((enum column_type)c->type) {
	case COLUMN_TINY_BLOB:
	case COLUMN_MEDIUM_BLOB:
	case COLUMN_LONG_BLOB:
	case COLUMN_BLOB:
	case COLUMN_BLOB_COMPRESSED:
		*ret_text = e->options.unavailable;
		return ABSENT_PLACEHOLDER;
	default:
		break;
	}
	if (e->options.compat != ENVELOPE_EXACT) {
		/* A document that changed in a way the row image does not tell: image.c */
		if (c->type == COLUMN_JSON)
			*ret_text = e->options.unavailable;
		return ABSENT_OMITTED;
	}
	return c->type == COLUMN_JSON || c->type == COLUMN_GEOMETRY ? ABSENT_NULL : ABSENT_REFUSED;
}

const struct dialect dialect_debezium = {
    .name = "debezium",
    .start = start,
    .writer = writer_find,
    .absent = absent,
    .table_open = open_table,
    .event_begin = begin_event,
    .row = put_row,
    .truncate = put_truncate,
    .pass = pass,
    .group_begin = begin_group,
    .group_end = debezium_transaction_end,
};
