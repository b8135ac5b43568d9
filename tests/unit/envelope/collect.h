/*
 * collect.h - what the envelope's tests share: a sink that keeps messages, and tables and
 * rows made in a line or two.
 */
#ifndef MR_TESTS_ENVELOPE_COLLECT_H
#define MR_TESTS_ENVELOPE_COLLECT_H

#include "tests/unit/base/check.h"

#include "common/contract/errors.h"
#include "core/envelope/envelope.h"

#include <jansson.h>

enum { MESSAGES_MAX = 16, KEY_MAX = 8 };

struct collected {
	uint8_t *bytes;
	uint32_t key_len, headers_len, value_len;
	uint8_t flags;
};

/*
 * Each message is written into a buffer that gives exactly what is asked for. Growth
 * number `fail_grow`, begin() number `fail_begin` and end() number `fail_end` fail
 * (from 1; 0: none does).
 */
struct collector {
	struct envelope_sink sink;
	struct foreign f;
	unsigned grows, begins, ends;
	unsigned fail_grow, fail_begin, fail_end;
	unsigned asked_why;
	struct collected messages[MESSAGES_MAX];
	unsigned n;
};

static inline int collector_grow(struct buf *b, size_t need)
{
	struct collector *c = (struct collector *)((char *)b - offsetof(struct collector, f.buf));
	return ++c->grows == c->fail_grow ? -ENOBUFS : foreign_grow(b, need);
}

static inline struct buf *collector_begin(struct envelope_sink *s)
{
	struct collector *c = (struct collector *)s;
	if (++c->begins == c->fail_begin)
		return NULL;
	foreign_free(&c->f);
	foreign_init(&c->f, SIZE_MAX / 2);
	c->f.buf.grow = collector_grow;
	return &c->f.buf;
}

static inline int collector_end(struct envelope_sink *s, uint32_t key_len, uint32_t headers_len,
				uint32_t value_len, uint8_t flags)
{
	struct collector *c = (struct collector *)s;
	const struct buf *b = &c->f.buf;
	if (++c->ends == c->fail_end)
		return -EIO;
	assert_false(b->failed);
	assert_int_equal(b->len, (size_t)key_len + headers_len + value_len);
	assert_true(c->n < MESSAGES_MAX);
	uint8_t *bytes = malloc(b->len ? b->len : 1);
	assert_non_null(bytes);
	if (b->len)
		memcpy(bytes, b->data, b->len);
	c->messages[c->n++] = (struct collected){bytes, key_len, headers_len, value_len, flags};
	return 0;
}

static inline int collector_why(struct envelope_sink *s, struct err *err)
{
	((struct collector *)s)->asked_why++;
	return err_set(err, -ENOSPC, ERR_MEMORY, "the sink is full");
}

static inline void collector_init(struct collector *c)
{
	memset(c, 0, sizeof(*c));
	c->sink = (struct envelope_sink){
	    .begin = collector_begin, .end = collector_end, .why = collector_why};
}

static inline void collector_free(struct collector *c)
{
	foreign_free(&c->f);
	for (unsigned i = 0; i < c->n; i++)
		free(c->messages[i].bytes);
	memset(c, 0, sizeof(*c));
}

static inline void assert_key(const struct collected *m, const char *want)
{
	if (!want) {
		assert_true(m->flags & RECORD_NO_KEY);
		assert_int_equal(m->key_len, 0);
		return;
	}
	assert_false(m->flags & RECORD_NO_KEY);
	assert_int_equal(m->key_len, strlen(want));
	assert_memory_equal(m->bytes, want, m->key_len);
}

static inline const char *value_of(const struct collected *m)
{
	return (const char *)m->bytes + m->key_len + m->headers_len;
}

static inline void assert_value(const struct collected *m, const char *want)
{
	if (m->value_len != strlen(want) || memcmp(value_of(m), want, m->value_len) != 0)
		fail_msg("got  %.*s\nwant %s", (int)m->value_len, value_of(m), want);
}

/* jansson has no integers over 2^63-1: messages with one are parsed with reals instead. */
static inline json_t *parse_value(const struct collected *m)
{
	json_error_t error;
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
	json_t *root = json_loadb(value_of(m), m->value_len, flags, &error);
	if (!root && json_error_code(&error) == json_error_numeric_overflow)
		root =
		    json_loadb(value_of(m), m->value_len, flags | JSON_DECODE_INT_AS_REAL, &error);
	if (!root)
		fail_msg("%s: %.*s", error.text, (int)m->value_len, value_of(m));
	return root;
}

static inline struct span span_of(const char *s)
{
	return (struct span){(const uint8_t *)s, strlen(s)};
}

/* {NAME("id"), .type = …} */
#define NAME(s) .name = {(const uint8_t *)(s), sizeof(s) - 1}

static inline struct value value_null(void)
{
	return (struct value){.kind = VALUE_NULL};
}

static inline struct value value_int(int64_t i)
{
	return (struct value){.kind = VALUE_INT, .i = i};
}

static inline struct value value_uint(uint64_t u)
{
	return (struct value){.kind = VALUE_UINT, .u = u};
}

static inline struct value value_bytes(enum value_kind kind, const void *p, size_t len)
{
	return (struct value){.kind = (uint8_t)kind, .len = (uint32_t)len, .p = p};
}

static inline struct value value_text(const char *s)
{
	return value_bytes(VALUE_STRING, s, strlen(s));
}

static inline struct value value_decimal(int64_t unscaled, uint8_t scale)
{
	return (struct value){.kind = VALUE_DECIMAL, .aux = scale, .i = unscaled};
}

static inline struct value value_civil(enum value_kind kind, unsigned digits, struct civil c)
{
	return (struct value){.kind = (uint8_t)kind, .aux = (uint8_t)digits, .u = civil_pack(&c)};
}

static inline struct table table_of(struct column *columns, uint32_t n, uint32_t *key,
				    uint32_t nkey)
{
	return (struct table){
	    .db = span_of("d"),
	    .name = span_of("t"),
	    .ncolumns = n,
	    .columns = columns,
	    .key = key,
	    .nkey = nkey,
	    .names_known = true,
	};
}

/* The event of peers' sample lines. */
static const struct row_event sample_event = {
    .flavor = FLAVOR_MYSQL,
    .file = "mysql-bin.000003",
    .pos = 154,
    .server_id = 1,
    .thread_id = 7,
    .has_thread = true,
    .source_time = 1596684883000000,
    .read_time = 1596684883100123,
};

/*
 * An insert of one value into a table of the one column: the JSON of the value must be
 * `want`, character by character, and the whole message must be JSON. want NULL: the row
 * must fail with ERR_VALUE_INVALID, naming the column, and no message.
 */
static inline void check_value(const struct envelope_options *o, struct column c, struct value v,
			       const char *want)
{
	struct envelope *e;
	struct envelope_table *t;
	struct err err = {0};
	struct collector sink;
	if (!c.name.p)
		c.name = span_of("v");
	struct table table = table_of(&c, 1, NULL, 0);
	struct row row = {.op = ROW_INSERT, .table = &table, .event = &sample_event, .after = &v};
	collector_init(&sink);
	assert_int_equal(envelope_open(o, &e, &err), 0);
	if (envelope_table_open(e, &table, &t, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(envelope_event_begin(e, t, &sample_event, &err), 0);
	int rc = envelope_row(e, &row, &sink.sink, &err);
	if (!want) {
		assert_int_equal(rc, -EBADMSG);
		assert_ptr_equal(err.kind, ERR_VALUE_INVALID);
		assert_non_null(strstr(err.text, "d.t.v"));
		assert_string_equal(err.where, "mysql-bin.000003:154");
		assert_int_equal(sink.n, 0);
	} else {
		static const char head[] = "{\"before\":null,\"after\":{\"v\":";
		static const char tail[] = "},\"source\":{";
		if (rc < 0)
			fail_msg("%s", err.text);
		assert_int_equal(sink.n, 1);
		const struct collected *m = &sink.messages[0];
		size_t n = strlen(want);
		assert_true(m->value_len > sizeof(head) + n + sizeof(tail));
		assert_memory_equal(value_of(m), head, sizeof(head) - 1);
		if (memcmp(value_of(m) + sizeof(head) - 1, want, n) != 0)
			fail_msg("got  %.*s\nwant %s", (int)n + 40, value_of(m) + sizeof(head) - 1,
				 want);
		assert_memory_equal(value_of(m) + sizeof(head) - 1 + n, tail, sizeof(tail) - 1);
		json_decref(parse_value(m));
	}
	collector_free(&sink);
	envelope_table_close(t);
	envelope_close(e);
}

#endif
