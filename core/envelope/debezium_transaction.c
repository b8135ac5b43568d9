/*
 * debezium_transaction.c - provide.transaction.metadata: BEGIN and END in the transaction topic,
 * and which message of its transaction a message is.
 *
 *   key    {"id":"…"}
 *   value  {"status":"BEGIN","id":"…","event_count":null,"data_collections":null,"ts_ms":…}
 *   value  {"status":"END","id":"…","event_count":3,"data_collections":[
 *            {"data_collection":"d.t","event_count":3}],"ts_ms":…}
 *
 * Every message but tombstones is counted: a changed key is two. Pure.
 */
#include "core/envelope/debezium_priv.h"

#include "common/base/json.h"
#include "common/contract/errors.h"

#include <errno.h>

#define FIELD(type, optional, name)                                                                \
	"{\"type\":\"" type "\",\"optional\":" optional ",\"field\":\"" name "\"}"

static const char key_schema[] =
    "{\"schema\":{\"type\":\"struct\",\"fields\":[" FIELD("string", "false", "id")
    "],\"optional\":false,\"name\":\"io.debezium.connector.common.TransactionMetadataKey\","
    "\"version\":1},\"payload\":";
static const char value_schema[] =
    "{\"schema\":{\"type\":\"struct\",\"fields\":["
    FIELD("string", "false", "status") "," FIELD("string", "false", "id") ","
    FIELD("int64", "true", "event_count") ","
    "{\"type\":\"array\",\"items\":{\"type\":\"struct\",\"fields\":["
    FIELD("string", "false", "data_collection") "," FIELD("int64", "false", "event_count")
    "],\"optional\":true,\"name\":\"event.collection\",\"version\":1},\"optional\":true,"
    "\"field\":\"data_collections\"}," FIELD("int64", "false", "ts_ms")
    "],\"optional\":false,\"name\":\"io.debezium.connector.common.TransactionMetadataValue\","
    "\"version\":1},\"payload\":";

void debezium_put_group_id(struct buf *b, const struct row_group *g)
{
	if (g->gtid_text[0]) {
		json_put_string(b, g->gtid_text, strlen(g->gtid_text));
		return;
	}
	buf_lit(b, "\"file=");
	json_put_escaped(b, g->start->file, strlen(g->start->file));
	buf_lit(b, ",pos=");
	json_put_u64(b, g->start->pos);
	buf_putc(b, '"');
}

int debezium_transaction_table(struct envelope *e, struct envelope_table *t, struct err *err)
{
	struct debezium *d = e->own;
	struct debezium_table *own = t->own;
	size_t db = t->db_json.len - 1, len = db + t->name_json.len;
	struct debezium_collection *c = arena_zalloc(&e->arena, sizeof(*c) + len);
	if (!c)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table");
	/* "db" and "table", without the quotes between them. */
	uint8_t *text = (uint8_t *)(c + 1);
	memcpy(text, t->db_json.p, db);
	text[db] = '.';
	memcpy(text + db + 1, t->name_json.p + 1, t->name_json.len - 1);
	c->name = (struct span){text, len};
	for (own->collection = d->collections; own->collection;
	     own->collection = own->collection->next)
		if (own->collection->name.len == len &&
		    memcmp(own->collection->name.p, text, len) == 0)
			return 0;
	c->next = d->collections;
	d->collections = own->collection = c;
	return 0;
}

void debezium_transaction_count(struct envelope *e, struct debezium_collection *c)
{
	struct debezium *d = e->own;
	if (!e->group)
		return;
	if (c->group != d->group) {
		c->group = d->group;
		c->order = 0;
		c->next_changed = d->changed;
		d->changed = c;
	}
	c->order++;
	d->order++;
}

/* In the order in which the group changed them, which is the list's from its end. */
static void put_collections(struct buf *b, struct debezium_collection *newest)
{
	struct debezium_collection *first = NULL;
	for (struct debezium_collection *c = newest, *next; c; c = next) {
		next = c->next_changed;
		c->next_changed = first;
		first = c;
	}
	for (const struct debezium_collection *c = first; c; c = c->next_changed) {
		if (c != first)
			buf_putc(b, ',');
		buf_lit(b, "{\"data_collection\":");
		put_span(b, c->name);
		buf_lit(b, ",\"event_count\":");
		json_put_u64(b, c->order);
		buf_putc(b, '}');
	}
}

static void put_boundary_value(struct buf *b, const struct envelope *e, bool end)
{
	const struct debezium *d = e->own;
	if (end)
		buf_lit(b, "{\"status\":\"END\",\"id\":");
	else
		buf_lit(b, "{\"status\":\"BEGIN\",\"id\":");
	debezium_put_group_id(b, e->group);
	if (end) {
		buf_lit(b, ",\"event_count\":");
		json_put_u64(b, d->order);
		buf_lit(b, ",\"data_collections\":[");
		put_collections(b, d->changed);
		buf_putc(b, ']');
	} else {
		buf_lit(b, ",\"event_count\":null,\"data_collections\":null");
	}
	buf_lit(b, ",\"ts_ms\":");
	json_put_i64(b, d->time / USEC_PER_MSEC);
	buf_putc(b, '}');
}

static int put_boundary(struct envelope *e, bool end, struct envelope_sink *sink, struct err *err)
{
	if (!sink->begin_transaction)
		return 0;
	struct buf *b = sink->begin_transaction(sink);
	if (!b)
		return sink->why(sink, err);
	if (e->options.key_schemas)
		buf_puts(b, key_schema);
	buf_lit(b, "{\"id\":");
	debezium_put_group_id(b, e->group);
	buf_putc(b, '}');
	if (e->options.key_schemas)
		buf_putc(b, '}');
	size_t key = b->len;
	if (e->options.value_schemas)
		buf_puts(b, value_schema);
	put_boundary_value(b, e, end);
	if (e->options.value_schemas)
		buf_putc(b, '}');
	if (b->failed)
		return sink->why(sink, err);
	int rc = sink->end(sink, (uint32_t)key, 0, (uint32_t)(b->len - key), 0);
	return rc < 0 ? sink->why(sink, err) : 0;
}

int debezium_transaction_begin(struct envelope *e, struct envelope_sink *sink, struct err *err)
{
	struct debezium *d = e->own;
	d->begun = true;
	return put_boundary(e, false, sink, err);
}

int debezium_transaction_end(struct envelope *e, struct envelope_sink *sink, struct err *err)
{
	struct debezium *d = e->own;
	/* Where nothing is left of the group behind what was passed, END still is. */
	if (!d->begun && !d->passed)
		return 0;
	return put_boundary(e, true, sink, err);
}
