/*
 * envelope_priv.h - what the files of this folder share: the envelope, the plan of a
 * table, the writers of values. For users of the envelope: envelope.h.
 *
 * dialect.h     what a format is made of
 * envelope.c    open and close, dispatch
 * plan.c        struct table -> struct envelope_table
 * value.c       the writer for a column and a kind of value; numbers, text, bytes
 * decimal.c     its writers for DECIMAL
 * temporal.c    its writers for dates and times
 * civil.h       dates and clocks
 * printed.c     dates and times as the server prints them
 * wkt.c         geometries as text
 * image.c       row image and key -> JSON objects
 * event.c       rows event -> what its messages share
 * notes.c       what a value's place cannot hold -> a header
 * debezium.c    row -> messages of format debezium; its other files: debezium_priv.h
 */
#ifndef MR_ENVELOPE_ENVELOPE_PRIV_H
#define MR_ENVELOPE_ENVELOPE_PRIV_H

#include "common/base/arena.h"
#include "core/charset/charset.h"
#include "core/envelope/envelope.h"

struct plan_column;
struct dialect;

/* Why a value could not be written. */
enum put_status {
	PUT_OK,
	PUT_BAD_LABEL,    /* ENUM or SET: a number for which there is no label */
	PUT_BAD_DATE,     /* compat exact: a day that no calendar has */
	PUT_BAD_RANGE,    /* compat exact: beyond what time.precision.mode holds */
	PUT_BAD_GEOMETRY, /* shorter than its own head */
	PUT_BAD_VECTOR,   /* not a whole number of floats */
	PUT_BAD_KIND,     /* not a kind of value that the column can have */
	PUT_MISSING,      /* not in the row image, and there is no form for that */
};

/*
 * Appends a value of the kind that it was chosen for: never NULL, never absent. A buffer
 * that could not grow is not its concern: that is asked for once a message.
 */
typedef enum put_status put_value(struct buf *b, const struct plan_column *c,
				  const struct value *v);

/* What stands for a column that is not in the row image. */
enum absent_form {
	ABSENT_OMITTED,     /* nothing: the object has no such member */
	ABSENT_PLACEHOLDER, /* Debezium's text for "unavailable" */
	ABSENT_NULL,
	ABSENT_REFUSED, /* the row fails */
};

enum {
	/* Heads are copied in blocks: see put_head(). */
	HEAD_BLOCK = 16,
};

struct plan_column {
	put_value *put; /* for values of `kind` */
	uint8_t kind;   /* enum value_kind that is expected */
	uint8_t absent; /* enum absent_form */
	bool nullable;
	bool wide_float;     /* FLOAT(M,D) and compat exact */
	bool point;          /* declared POINT */
	uint32_t index;      /* in the row's values */
	const uint8_t *head; /* `,"name":`, padded with zeros to whole blocks */
	uint32_t head_len;
	uint32_t nlabels;
	const struct span *labels; /* ENUM: quoted; SET: escaped, without quotes */
	struct span placeholder;
	bool *noted; /* the envelope's */
	const struct charset_set *charset; /* CHARSET_OTHER: of its text; NULL: unknown */
	struct span null_text; /* what is written for NULL: null, or exact's default */
	struct span fallback;  /* debezium: the column's default as its value; empty: none */
	const struct envelope_options *options;
	const struct dialect *dialect;
	struct column column; /* as given, but for its spans: name and charset_name only */
};

/* One table's plan. Owns everything in it through its arena. */
struct envelope_table {
	struct arena arena;
	struct span db; /* for messages to people */
	struct span name;
	struct span db_json; /* quoted and escaped */
	struct span name_json;
	uint32_t nvalues;  /* what a row image has, hidden columns included */
	uint32_t ncolumns; /* published */
	struct plan_column *columns;
	uint32_t nkey;
	struct plan_column *key;
	struct span fixed_key; /* keys table and database; empty otherwise */
	bool has_key;
	bool tombstones;
	void *own; /* the dialect's; in the arena */
};

/* An entry of envelope_options.key_columns. */
struct key_rule {
	const char *table; /* "db.table"; NULL: every table */
	uint32_t ncolumns;
	const char **columns;
};

struct envelope {
	struct arena arena; /* options' strings, rules */
	struct envelope_options options;
	struct span name_json;
	uint32_t nrules;
	struct key_rule *rules;
	const struct dialect *dialect;
	bool noted; /* a value of the message at hand needs a note: notes.h */
	void *own;                    /* the dialect's */
	const struct row_group *group; /* NULL: between groups */

	/*
	 * The current event. `shared` holds what each value of its rows ends in, but for
	 * the row's index and the operation:
	 *   [0, row_at)     ,"source":{ … "row":
	 *   [row_at, op_at) ,"thread": … "op":"
	 *   [op_at, len)    ","ts_ms": … }
	 */
	struct envelope_table *table;
	const struct row_event *event;
	struct buf shared;
	size_t row_at;
	size_t op_at;
	bool snapshot; /* `shared` is for rows of a snapshot */
};

static inline void put_span(struct buf *b, struct span s)
{
	if (s.len) /* an empty one may have no bytes */
		buf_put(b, s.p, s.len);
}

/* debezium: fills `shared` for the current event. 0 or -ENOMEM, then there is no current event. */
int event_share(struct envelope *e, bool snapshot, struct err *err);

/* A row image as an object. Not PUT_OK: *ret_at is the column that has no form. */
enum put_status image_put(struct buf *b, const struct envelope_table *t, const struct value *values,
			  const struct plan_column **ret_at);
/*
 * The key of a row. A column that the after image does not have (MINIMAL) has not changed:
 * `other`, which may be NULL, is the before image then.
 */
enum put_status image_put_key(struct buf *b, const struct envelope_table *t,
			      const struct value *values, const struct value *other,
			      const struct plan_column **ret_at);
/* `,"name":` and the value, for objects that a dialect makes itself; not for an absent one. */
enum put_status image_put_member(struct buf *b, const struct plan_column *c, const struct value *v);
/* The value alone. */
enum put_status image_put_value(struct buf *b, const struct plan_column *c, const struct value *v);
/* Are two values the same bytes? */
bool value_equal(const struct value *a, const struct value *b);
/* Makes the error of a row that failed so: -EBADMSG. */
int image_fail(const struct envelope *e, uint32_t index, enum put_status status,
	       const struct plan_column *c, struct err *err) __attribute__((cold));

/* debezium's writer for values of this kind in this column; NULL: it cannot have any. */
put_value *writer_find(const struct plan_column *c, uint8_t kind);
/* The kind that the column's values have as a rule. */
enum value_kind writer_kind(const struct column *c);

/* decimal.c */
enum put_status put_decimal_digits(struct buf *b, const struct plan_column *c,
				   const struct value *v);
/* The same in quotes. */
enum put_status put_decimal_string(struct buf *b, const struct plan_column *c,
				   const struct value *v);
put_value *decimal_writer(const struct plan_column *c, uint8_t kind);
/* Base64 of the number's shortest two's complement, big-endian: Connect's Decimal. */
enum put_status put_unsigned_precise(struct buf *b, const struct plan_column *c,
				     const struct value *v);

/* printed.c: dates and times as the server prints them, in quotes; TIMESTAMP in UTC. */
enum put_status put_printed_date(struct buf *b, const struct plan_column *c, const struct value *v);
enum put_status put_printed_time(struct buf *b, const struct plan_column *c, const struct value *v);
enum put_status put_printed_datetime(struct buf *b, const struct plan_column *c,
				     const struct value *v);
enum put_status put_printed_timestamp(struct buf *b, const struct plan_column *c,
				      const struct value *v);

/* wkt.c: the text of a geometry, unquoted: "POINT (1 2)"; with "SRID=4326;" before it when asked. */
enum put_status put_wkt(struct buf *b, const struct value *v, bool with_srid);

/* temporal.c */
put_value *temporal_writer(const struct plan_column *c, uint8_t kind);

#endif
