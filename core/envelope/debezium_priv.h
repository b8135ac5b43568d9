/*
 * debezium_priv.h - what the files of format debezium share.
 *
 * debezium.c              a row -> its messages
 * debezium_default.c      a column's DEFAULT as a value
 * debezium_header.c       the other key of a row whose key changed, as a header's text
 * debezium_names.c        names that Avro allows
 * debezium_schema.c       a table -> the schemas before its keys and values
 * debezium_transaction.c  where transactions begin and end; a row's place in one
 * event.c                 what the messages of one rows event share
 */
#ifndef MR_ENVELOPE_DEBEZIUM_PRIV_H
#define MR_ENVELOPE_DEBEZIUM_PRIV_H

#include "core/envelope/dialect.h"

/* envelope_table.own */
struct debezium_table {
	/*
	 * {"schema":…,"payload": of keys and values; empty without schemas. The value's is made
	 * with the first event, which knows the flavor: before that its two parts are here.
	 */
	struct span key_start;
	struct span value_start;
	struct span value_parts[2]; /* around the name of "source" */
	put_value **header_put;     /* for each column of the key; NULL: the column's own */
	struct debezium_collection *collection; /* NULL without provide.transaction.metadata */
};

/*
 * A table in the eyes of transactions. It outlives the table's plans, of which a group may see
 * several: it is the envelope's, and found by its name.
 */
struct debezium_collection {
	struct span name; /* "db.table", quoted */
	uint64_t group;   /* that `order` is of */
	uint64_t order;   /* messages in it, of this table */
	struct debezium_collection *next_changed;
	struct debezium_collection *next;
};

/* envelope.own */
struct debezium {
	uint64_t group; /* groups begun so far */
	uint64_t order; /* messages of the group */
	bool begun;     /* BEGIN is written */
	bool passed;    /* or was before a restart: the group's rows so far are delivered */
	struct debezium_collection *changed; /* by the group, the newest first */
	struct debezium_collection *collections;
	usec_t time;    /* of the group's newest event */
};

static inline struct debezium_table *debezium_table_of(const struct envelope_table *t)
{
	return t->own;
}

/* A name as schemas or fields have it; the result needs no quotes but may need escapes. */
void debezium_put_name(struct buf *b, struct span name, enum envelope_names how, bool is_field);

/* own->key_start and value_parts. 0 or -errno. */
int debezium_schema_make(struct envelope *e, const struct table *table, struct envelope_table *t,
			 struct err *err);
/* own->value_start, once the flavor is known. */
int debezium_schema_flavor(struct envelope_table *t, enum flavor flavor, struct err *err);

/* The columns' fallback; with compat exact their null_text as well. 0 or -ENOMEM. */
int debezium_default_make(struct envelope_table *t, const struct table *table, struct err *err);

/* own->header_put. */
int debezium_header_make(struct envelope_table *t, struct err *err);
/* {"id":1} as Connect's SimpleHeaderConverter writes a struct. */
enum put_status debezium_header_put(struct buf *b, const struct envelope_table *t,
				    const struct value *values, const struct value *other,
				    const struct plan_column **ret_at);

/* The group's id as JSON text, quoted. */
void debezium_put_group_id(struct buf *b, const struct row_group *g);
/* BEGIN, before the group's first message. */
int debezium_transaction_begin(struct envelope *e, struct envelope_sink *sink, struct err *err);
/* END. */
int debezium_transaction_end(struct envelope *e, struct envelope_sink *sink, struct err *err);
/* A message of this table's follows: its numbers. Nothing without a group. */
void debezium_transaction_count(struct envelope *e, struct debezium_collection *c);
/* own->collection. */
int debezium_transaction_table(struct envelope *e, struct envelope_table *t, struct err *err);

#endif
