/* plan_test.c - what a table's definition and the options make of keys and columns. */
#include "tests/unit/envelope/collect.h"

#include <stdio.h>

/* d.t (a INT, hidden INT, b VARCHAR, c TEXT, j JSON), primary key (b, a). */
enum { A, HIDDEN, B, C, J, NCOLUMNS };

struct wide {
	struct column columns[NCOLUMNS];
	uint32_t key[2];
	struct table table;
	struct envelope *e;
	struct envelope_table *t;
	struct collector sink;
	struct err err;
	struct value values[NCOLUMNS];
	struct value changed[NCOLUMNS];
};

static void wide_init(struct wide *w)
{
	memset(w, 0, sizeof(*w));
	w->columns[A] = (struct column){NAME("a"), .type = COLUMN_LONG};
	w->columns[HIDDEN] = (struct column){NAME("h"), .type = COLUMN_LONG, .hidden = true};
	w->columns[B] =
	    (struct column){NAME("b \"x\""), .type = COLUMN_VARCHAR, .charset = CHARSET_UTF8};
	w->columns[C] = (struct column){NAME("a_long_name_of_a_column"), .type = COLUMN_BLOB,
					.charset = CHARSET_UTF8, .nullable = true};
	w->columns[J] = (struct column){NAME("j"), .type = COLUMN_JSON, .nullable = true};
	w->key[0] = B;
	w->key[1] = A;
	w->table = table_of(w->columns, NCOLUMNS, w->key, 2);
	w->values[A] = value_int(1);
	w->values[HIDDEN] = value_int(2);
	w->values[B] = value_text("k");
	w->values[C] = value_text("text");
	w->values[J] = value_bytes(VALUE_JSON, "[]", 2);
	memcpy(w->changed, w->values, sizeof(w->values));
	collector_init(&w->sink);
}

static int wide_open(struct wide *w, const struct envelope_options *o)
{
	int rc = envelope_open(o, &w->e, &w->err);
	if (rc < 0)
		return rc;
	rc = envelope_table_open(w->e, &w->table, &w->t, &w->err);
	if (rc < 0)
		return rc;
	return envelope_event_begin(w->e, w->t, &sample_event, &w->err);
}

static int wide_put(struct wide *w, enum row_op op)
{
	struct row row = {
	    .op = op,
	    .table = &w->table,
	    .event = &sample_event,
	    .before = op == ROW_INSERT ? NULL : w->values,
	    .after = op == ROW_DELETE ? NULL : w->changed,
	};
	return envelope_row(w->e, &row, &w->sink.sink, &w->err);
}

static void wide_close(struct wide *w)
{
	collector_free(&w->sink);
	envelope_table_close(w->t);
	envelope_close(w->e);
}

static void absent(struct value *v)
{
	*v = (struct value){.kind = VALUE_ABSENT};
}

/* The start of a value. */
static void assert_starts(const struct collected *m, const char *want)
{
	size_t n = strlen(want);
	if (m->value_len < n || memcmp(value_of(m), want, n) != 0)
		fail_msg("got  %.*s\nwant %s", (int)m->value_len, value_of(m), want);
	json_decref(parse_value(m));
}

static void hidden_columns_and_key_order(void **state)
{
	(void)state;
	struct wide w;
	struct envelope_options o = {.name = "p"};
	wide_init(&w);
	assert_int_equal(wide_open(&w, &o), 0);
	assert_int_equal(wide_put(&w, ROW_INSERT), 0);
	assert_key(&w.sink.messages[0], "{\"b \\\"x\\\"\":\"k\",\"a\":1}");
	assert_starts(&w.sink.messages[0],
		      "{\"before\":null,\"after\":{\"a\":1,\"b \\\"x\\\"\":\"k\","
		      "\"a_long_name_of_a_column\":\"text\",\"j\":\"[]\"},\"source\":");
	wide_close(&w);
}

/* A plan owns what it needs. */
static void the_definition_may_go_away(void **state)
{
	(void)state;
	struct wide w;
	struct envelope_options o = {.name = "p"};
	char name[] = "column";
	wide_init(&w);
	w.columns[A].name = span_of(name);
	assert_int_equal(wide_open(&w, &o), 0);
	memset(name, '#', sizeof(name));
	memset(w.columns, 0xff, sizeof(w.columns));
	memset(w.key, 0xff, sizeof(w.key));
	assert_int_equal(wide_put(&w, ROW_INSERT), 0);
	assert_key(&w.sink.messages[0], "{\"b \\\"x\\\"\":\"k\",\"column\":1}");
	wide_close(&w);
}

static void check_key(enum envelope_key mode, const char *columns, const char *want)
{
	struct wide w;
	struct envelope_options o = {
	    .name = "p", .tombstones = true, .key = mode, .key_columns = columns};
	wide_init(&w);
	assert_int_equal(wide_open(&w, &o), 0);
	assert_int_equal(wide_put(&w, ROW_INSERT), 0);
	assert_key(&w.sink.messages[0], want);
	assert_int_equal(wide_put(&w, ROW_DELETE), 0);
	assert_key(&w.sink.messages[1], want);
	/* Where the key is not the row's, a tombstone would bury other rows. */
	bool rows_key = mode == ENVELOPE_KEY_PRIMARY || mode == ENVELOPE_KEY_COLUMNS;
	assert_int_equal(w.sink.n, rows_key ? 3 : 2);
	if (rows_key)
		assert_key(&w.sink.messages[2], want);
	/* A change of the primary key is a change of the key only where that is the key. */
	w.changed[A] = value_int(7);
	unsigned n = w.sink.n;
	assert_int_equal(wide_put(&w, ROW_UPDATE), 0);
	bool has_a = rows_key && want && strstr(want, "\"a\":1");
	assert_int_equal(w.sink.n - n, has_a ? 3 : 1);
	wide_close(&w);
}

static void keys_of_every_mode(void **state)
{
	(void)state;
	check_key(ENVELOPE_KEY_PRIMARY, NULL, "{\"b \\\"x\\\"\":\"k\",\"a\":1}");
	check_key(ENVELOPE_KEY_TABLE, NULL, "{\"db\":\"d\",\"table\":\"t\"}");
	check_key(ENVELOPE_KEY_DATABASE, NULL, "{\"db\":\"d\"}");
	check_key(ENVELOPE_KEY_NONE, NULL, NULL);
	check_key(ENVELOPE_KEY_COLUMNS, "a", "{\"a\":1}");
	check_key(ENVELOPE_KEY_COLUMNS, "j,A", "{\"j\":\"[]\",\"a\":1}");
	check_key(ENVELOPE_KEY_COLUMNS, "d.t:a", "{\"a\":1}");
	check_key(ENVELOPE_KEY_COLUMNS, "d.other:x;d.t:j;a", "{\"j\":\"[]\"}");
	check_key(ENVELOPE_KEY_COLUMNS, "d.other:x;a", "{\"a\":1}");
	check_key(ENVELOPE_KEY_COLUMNS, "d.other:x", "{\"b \\\"x\\\"\":\"k\",\"a\":1}");
}

static void key_columns_that_cannot_be(void **state)
{
	(void)state;
	static const char *const cases[] = {NULL, "",   ",",    "a,",      ";",
					    "a;", ":a", "d.t:", "d.t:a,,b"};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};
		struct envelope *e = NULL;
		struct envelope_options o = {
		    .name = "p", .key = ENVELOPE_KEY_COLUMNS, .key_columns = cases[i]};
		assert_int_equal(envelope_open(&o, &e, &err), -EINVAL);
		assert_ptr_equal(err.kind, ERR_TASK_INVALID);
		assert_null(e);
	}
	struct wide w;
	struct envelope_options o = {
	    .name = "p", .key = ENVELOPE_KEY_COLUMNS, .key_columns = "a,nothing"};
	wide_init(&w);
	assert_int_equal(wide_open(&w, &o), -EINVAL);
	assert_ptr_equal(w.err.kind, ERR_TASK_INVALID);
	assert_non_null(strstr(w.err.text, "d.t has no column nothing"));
	assert_null(w.t);
	wide_close(&w);
	/* A hidden column is none. */
	o.key_columns = "h";
	wide_init(&w);
	assert_int_equal(wide_open(&w, &o), -EINVAL);
	wide_close(&w);
}

/* Debezium sends a tombstone after each delete, with or without a key. */
static void no_primary_key(void **state)
{
	(void)state;
	struct wide w;
	struct envelope_options o = {.name = "p", .tombstones = true};
	wide_init(&w);
	w.table.nkey = 0;
	assert_int_equal(wide_open(&w, &o), 0);
	w.changed[A] = value_int(7);
	assert_int_equal(wide_put(&w, ROW_UPDATE), 0);
	assert_int_equal(wide_put(&w, ROW_DELETE), 0);
	assert_int_equal(w.sink.n, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_key(&w.sink.messages[i], NULL);
	assert_int_equal(w.sink.messages[2].flags,
			 RECORD_NO_KEY | RECORD_TOMBSTONE | RECORD_ROW_END);
	wide_close(&w);
}

/* binlog_row_image=MINIMAL: the key before, the changes after. */
static void minimal_row_images(void **state)
{
	(void)state;
	struct wide w;
	struct envelope_options o = {.name = "p", .tombstones = true};
	wide_init(&w);
	assert_int_equal(wide_open(&w, &o), 0);
	absent(&w.values[HIDDEN]);
	absent(&w.values[C]);
	absent(&w.values[J]);
	absent(&w.changed[A]);
	absent(&w.changed[B]);
	absent(&w.changed[HIDDEN]);
	absent(&w.changed[C]);
	assert_int_equal(wide_put(&w, ROW_UPDATE), 0);
	assert_int_equal(w.sink.n, 1);
	assert_key(&w.sink.messages[0], "{\"b \\\"x\\\"\":\"k\",\"a\":1}");
	assert_starts(&w.sink.messages[0],
		      "{\"before\":{\"a\":1,\"b \\\"x\\\"\":\"k\","
		      "\"a_long_name_of_a_column\":\"__debezium_unavailable_value\"},"
		      "\"after\":{\"a_long_name_of_a_column\":\"__debezium_unavailable_value\","
		      "\"j\":\"[]\"},\"source\":");
	/* One column of the key changes: the other is the former one. */
	w.changed[A] = value_int(5);
	assert_int_equal(wide_put(&w, ROW_UPDATE), 0);
	assert_int_equal(w.sink.n, 4);
	assert_key(&w.sink.messages[1], "{\"b \\\"x\\\"\":\"k\",\"a\":1}");
	assert_key(&w.sink.messages[3], "{\"b \\\"x\\\"\":\"k\",\"a\":5}");
	assert_starts(&w.sink.messages[3], "{\"before\":null,\"after\":{\"a\":5,");
	/* Nothing at all is an object too; a key that is nowhere is an error. */
	for (int i = 0; i < NCOLUMNS; i++)
		absent(&w.changed[i]);
	assert_int_equal(wide_put(&w, ROW_INSERT), -EBADMSG);
	assert_ptr_equal(w.err.kind, ERR_VALUE_INVALID);
	wide_close(&w);
}

static void an_image_without_columns(void **state)
{
	(void)state;
	struct wide w;
	struct envelope_options o = {.name = "p", .key = ENVELOPE_KEY_NONE};
	wide_init(&w);
	w.columns[C].hidden = true;
	assert_int_equal(wide_open(&w, &o), 0);
	for (int i = 0; i < NCOLUMNS; i++)
		absent(&w.changed[i]);
	assert_int_equal(wide_put(&w, ROW_INSERT), 0);
	assert_starts(&w.sink.messages[0], "{\"before\":null,\"after\":{},\"source\":");
	wide_close(&w);
}

/* Compat exact: NOBLOB as Debezium has it, MINIMAL refused as Debezium does. */
static void absent_columns_when_exact(void **state)
{
	(void)state;
	struct wide w;
	struct envelope_options o = {.name = "p", .compat = ENVELOPE_EXACT};
	wide_init(&w);
	assert_int_equal(wide_open(&w, &o), 0);
	absent(&w.changed[C]);
	absent(&w.changed[J]);
	assert_int_equal(wide_put(&w, ROW_INSERT), 0);
	assert_starts(&w.sink.messages[0],
		      "{\"before\":null,\"after\":{\"a\":1,\"b \\\"x\\\"\":\"k\","
		      "\"a_long_name_of_a_column\":\"__debezium_unavailable_value\",\"j\":null},");
	absent(&w.changed[A]);
	assert_int_equal(wide_put(&w, ROW_UPDATE), -EBADMSG);
	assert_ptr_equal(w.err.kind, ERR_VALUE_INVALID);
	assert_non_null(strstr(w.err.text, "d.t.a,"));
	assert_non_null(strstr(w.err.text, "binlog_row_image"));
	assert_int_equal(w.sink.n, 1);
	wide_close(&w);
}

static void placeholder_for_bytes(void **state)
{
	(void)state;
	static const struct {
		enum envelope_binary mode;
		const char *text;
	} cases[] = {
	    {ENVELOPE_BINARY_BYTES, "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="},
	    {ENVELOPE_BINARY_HEX, "5f5f646562657a69756d5f756e617661696c61626c655f76616c7565"},
	};
	for (size_t i = 0; i < 2; i++) {
		struct envelope_options o = {.name = "p", .binary = cases[i].mode};
		char want[128];
		snprintf(want, sizeof(want), "\"%s\"", cases[i].text);
		check_value(&o, (struct column){.type = COLUMN_BLOB, .charset = CHARSET_BINARY},
			    (struct value){.kind = VALUE_ABSENT}, want);
	}
}

static void expect_refused(struct column c, const struct err_kind *kind, int rc,
			   const char *mentions)
{
	struct err err = {0};
	struct envelope *e;
	struct envelope_table *t = NULL;
	struct envelope_options o = {.name = "p"};
	if (!c.name.p)
		c.name = span_of("v");
	struct table table = table_of(&c, 1, NULL, 0);
	assert_int_equal(envelope_open(&o, &e, NULL), 0);
	assert_int_equal(envelope_table_open(e, &table, &t, &err), rc);
	assert_null(t);
	assert_ptr_equal(err.kind, kind);
	if (!strstr(err.text, mentions))
		fail_msg("\"%s\" does not mention %s", err.text, mentions);
	assert_non_null(strstr(err.text, "d.t"));
	envelope_close(e);
}

static void columns_that_cannot_be_published(void **state)
{
	(void)state;
	struct span bad = span_of("\xff");
	expect_refused((struct column){.type = COLUMN_VARCHAR,
				       .charset = CHARSET_OTHER,
				       .charset_name = span_of("klingon"),
				       .collation = 7},
		       ERR_TYPE_UNSUPPORTED, -ENOTSUP, "d.t.v: character set klingon");
	expect_refused(
	    (struct column){.type = COLUMN_BLOB, .charset = CHARSET_OTHER, .collation = 2304},
	    ERR_TYPE_UNSUPPORTED, -ENOTSUP, "unknown (collation 2304)");
	expect_refused((struct column){.type = COLUMN_ENUM}, ERR_SCHEMA_MISSING, -ENODATA, "ENUM");
	expect_refused((struct column){.type = COLUMN_SET}, ERR_SCHEMA_MISSING, -ENODATA, "SET");
	expect_refused((struct column){.type = COLUMN_TYPED_ARRAY}, ERR_TYPE_UNSUPPORTED, -ENOTSUP,
		       "type 20");
	expect_refused((struct column){.type = COLUMN_ENUM, .labels = &bad, .nlabels = 1},
		       ERR_VALUE_INVALID, -EBADMSG, "label");
	expect_refused((struct column){.type = COLUMN_LONG, .name = bad}, ERR_VALUE_INVALID,
		       -EBADMSG, "name");
}

/* A column that is hidden may be of any type. */
static void hidden_columns_need_no_form(void **state)
{
	(void)state;
	struct wide w;
	struct envelope_options o = {.name = "p"};
	wide_init(&w);
	w.columns[HIDDEN].type = COLUMN_TYPED_ARRAY;
	assert_int_equal(wide_open(&w, &o), 0);
	wide_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hidden_columns_and_key_order),
	    cmocka_unit_test(the_definition_may_go_away),
	    cmocka_unit_test(keys_of_every_mode),
	    cmocka_unit_test(key_columns_that_cannot_be),
	    cmocka_unit_test(no_primary_key),
	    cmocka_unit_test(minimal_row_images),
	    cmocka_unit_test(an_image_without_columns),
	    cmocka_unit_test(absent_columns_when_exact),
	    cmocka_unit_test(placeholder_for_bytes),
	    cmocka_unit_test(columns_that_cannot_be_published),
	    cmocka_unit_test(hidden_columns_need_no_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
