/*
 * values_fuzz.c - any bytes as a value of any column type, and what every dialect makes of it.
 *
 * What value_read() takes, value_skip() steps over alike. Input: 3 bytes of options
 * (messages.h), a byte for the row, the column's type, its character set and flags, 2 bytes
 * of metadata; then the value.
 */
#include "core/binlog/value.h"
#include "tests/fuzz/envelope/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 8 };

static const uint8_t types[] = {
	COLUMN_NEWDECIMAL, COLUMN_DATE,	     COLUMN_TIME2,
	COLUMN_DATETIME2,  COLUMN_TIMESTAMP2, COLUMN_TIME,
	COLUMN_DATETIME,   COLUMN_TIMESTAMP,  COLUMN_YEAR,
	COLUMN_TINY,	   COLUMN_SHORT,      COLUMN_INT24,
	COLUMN_LONG,	   COLUMN_LONGLONG,   COLUMN_FLOAT,
	COLUMN_DOUBLE,	   COLUMN_BIT,	      COLUMN_ENUM,
	COLUMN_SET,	   COLUMN_STRING,     COLUMN_VARCHAR,
	COLUMN_BLOB,	   COLUMN_JSON,	      COLUMN_GEOMETRY,
	COLUMN_VECTOR,	   COLUMN_VARCHAR_COMPRESSED,
	COLUMN_BLOB_COMPRESSED,
};

/* As schema/ would make it of an event that says so; and what no event could say. */
static struct column column_of(const uint8_t *head, struct span *labels)
{
	static const char *const names[] = {"latin2", "gbk", "utf16", "no such set"};
	unsigned meta = load_le16(head + 6), known = sizeof(types);
	struct column c = {
		.type = head[4] < 0x80 ? types[head[4] % known] : head[4],
		.meta = (uint16_t)meta,
		.charset = head[5] % 5,
		.is_unsigned = head[5] >> 3 & 1,
		.nullable = head[5] >> 4 & 1,
		.max_bytes = meta,
		.shown = head[5] >> 5 & 1 ? (uint8_t)(meta % 6) : (uint8_t)SHOWN_BYTES,
		.precision = (uint8_t)(meta >> 8),
		.scale = (uint8_t)meta,
		.bits = (uint8_t)meta,
	};
	const char *name = names[head[5] >> 6];
	if (c.charset == CHARSET_OTHER)
		c.charset_name = (struct span){(const uint8_t *)name, strlen(name)};
	if (c.type == COLUMN_ENUM || c.type == COLUMN_SET) {
		labels[0] = (struct span){(const uint8_t *)"a,\"b\\", 5};
		labels[1] = (struct span){(const uint8_t *)"", 0};
		labels[2] = (struct span){(const uint8_t *)"\xc3\xa9", 2};
		c.labels = labels;
		c.nlabels = 3;
	}
	if (c.type == COLUMN_GEOMETRY && c.is_unsigned)
		c.column_type = (struct span){(const uint8_t *)"point", 5};
	if (c.type == COLUMN_FLOAT && c.is_unsigned)
		c.column_type = (struct span){(const uint8_t *)"float(7,3)", 10};
	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < HEAD || size > 1 << 16)
		return 0;
	struct envelope_options options = options_of(data);
	struct span labels[3];
	struct column column = column_of(data, labels);
	size_t len = size - HEAD;
	uint8_t *bytes = malloc(len + !len);
	struct value v = {0};
	struct arena arena;
	struct err err = {0}, skip_err = {0};
	must(bytes != NULL);
	memcpy(bytes, data + HEAD, len);
	arena_init(&arena);
	struct cursor c = cursor_of(bytes, len), skipped = c;
	int rc = value_read(&c, &column, &arena, &v, &err);
	int skip = value_skip(&skipped, &column, &skip_err);
	must(rc == 0 || err.kind);
	must(skip == 0 || skip_err.kind);
	if (rc == 0) {
		must(skip == 0 && skipped.p == c.p);
		write_messages(&options, &column, &v, data[3]);
	}
	arena_free(&arena);
	free(bytes);
	return 0;
}
