/*
 * messages.h - what the envelope's fuzz targets share: one row of one value through any
 * dialect with any options, and what must hold of the messages.
 *
 * A message's key and value, and our own headers, are JSON (Debezium's are the text of a key,
 * which need not be). A row that has no form says why and leaves no message.
 */
#ifndef MR_TESTS_FUZZ_MESSAGES_H
#define MR_TESTS_FUZZ_MESSAGES_H

#include "common/base/bytes.h"
#include "core/envelope/envelope.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static inline void must(bool holds)
{
	if (!holds)
		abort();
}

/* jansson takes no zero byte in a name: JSON columns may have one. */
static inline void must_be_json(const uint8_t *p, size_t len)
{
	json_error_t error;
	if (memmem(p, len, "\\u0000", 6))
		return;
	json_t *json = json_loadb((const char *)p, len, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL,
				  &error);
	must(json != NULL);
	json_decref(json);
}

struct checked_sink {
	struct envelope_sink sink;
	struct buf buf;
	unsigned messages;
};

static inline struct buf *checked_begin(struct envelope_sink *s)
{
	struct checked_sink *c = (struct checked_sink *)s;
	buf_clear(&c->buf);
	return &c->buf;
}

static inline void check_headers(const uint8_t *p, size_t len)
{
	while (len) {
		uint16_t name;
		uint32_t value;
		must(len >= sizeof(name));
		memcpy(&name, p, sizeof(name));
		must(len - sizeof(name) >= name + sizeof(value));
		memcpy(&value, p + sizeof(name) + name, sizeof(value));
		size_t head = sizeof(name) + name + sizeof(value);
		must(len - head >= value);
		if (name > 4 && memcmp(p + sizeof(name), "__mr", 4) == 0)
			must_be_json(p + head, value);
		p += head + value;
		len -= head + value;
	}
}

static inline int checked_end(struct envelope_sink *s, uint32_t key_len, uint32_t headers_len,
			      uint32_t value_len, uint8_t flags)
{
	struct checked_sink *c = (struct checked_sink *)s;
	must(!c->buf.failed && (size_t)key_len + headers_len + value_len == c->buf.len);
	if (flags & RECORD_NO_KEY)
		must(key_len == 0);
	else
		must_be_json(c->buf.data, key_len);
	check_headers(c->buf.data + key_len, headers_len);
	if (flags & RECORD_TOMBSTONE)
		must(value_len == 0);
	else
		must_be_json(c->buf.data + key_len + headers_len, value_len);
	c->messages++;
	return 0;
}

static inline int checked_why(struct envelope_sink *s, struct err *err)
{
	(void)s;
	(void)err;
	abort();
}

/* Of three bytes, whatever they are. */
static inline struct envelope_options options_of(const uint8_t *p)
{
	return (struct envelope_options){
		.name = "task",
		.format = (enum envelope_format)(p[0] % 3),
		.compat = (enum envelope_compat)(p[0] >> 2 & 1),
		.tombstones = p[0] >> 3 & 1,
		.key = p[0] >> 4 & 1 ? ENVELOPE_KEY_COLUMNS : ENVELOPE_KEY_NONE,
		.key_columns = "v",
		.value_schemas = p[0] >> 5 & 1,
		.key_schemas = p[0] >> 5 & 1,
		.years_as_they_are = p[0] >> 6 & 1,
		.maxwell = {.null_zerodates = p[0] >> 7, .key_array = p[0] >> 6 & 1},
		.decimal = (enum envelope_decimal)(p[1] % 3),
		.bigint = (enum envelope_bigint)(p[1] >> 2 & 1),
		.binary = (enum envelope_binary)(p[1] >> 3 & 3),
		.time = (enum envelope_time)(p[2] % 6),
	};
}

/*
 * The row is an insert, an update of the value to itself or to NULL, or a delete (op).
 * Closes all it has opened; the column and the value are borrowed.
 */
static inline void write_messages(const struct envelope_options *o, struct column *column,
				  const struct value *v, unsigned op)
{
	static const struct row_event event = {.flavor = FLAVOR_MYSQL, .file = "f", .pos = 4};
	const struct value null = {.kind = VALUE_NULL};
	struct checked_sink c = {
		.sink = {.begin = checked_begin, .end = checked_end, .why = checked_why}};
	struct table table = {.db = {(const uint8_t *)"d", 1},
			      .name = {(const uint8_t *)"t", 1},
			      .ncolumns = 1,
			      .columns = column,
			      .names_known = true};
	struct row row = {.table = &table, .event = &event};
	struct envelope *e;
	struct envelope_table *t;
	struct err err = {0};
	row.op = op % 4 == 3 ? ROW_DELETE : op % 4 ? ROW_UPDATE : ROW_INSERT;
	row.before = row.op == ROW_INSERT ? NULL : v;
	row.after = row.op == ROW_DELETE ? NULL : op % 4 == 2 ? &null : v;
	column->name = (struct span){(const uint8_t *)"v", 1};
	buf_init(&c.buf);
	must(envelope_open(o, &e, &err) == 0);
	if (envelope_table_open(e, &table, &t, &err) == 0) {
		must(envelope_event_begin(e, t, &event, &err) == 0);
		int rc = envelope_row(e, &row, &c.sink, &err);
		must(rc == 0 ? c.messages > 0 : c.messages == 0 && err.kind && err.text[0]);
		envelope_table_close(t);
	} else {
		must(err.kind != NULL);
	}
	envelope_close(e);
	buf_free(&c.buf);
}

#endif
