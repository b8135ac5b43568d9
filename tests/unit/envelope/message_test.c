/* message_test.c - a row's messages: what they are, their keys, headers and order. */
#include "tests/unit/envelope/collect.h"

/* The members that are the same in all of these tests' messages, around row and op. */
#define SOURCE_(connector, ts, snapshot, gtid, pos)                                                \
	"\"source\":{\"version\":\"" MR_VERSION "\",\"connector\":\"" connector                    \
	"\",\"name\":\"p\",\"ts_ms\":" ts ",\"snapshot\":\"" snapshot                              \
	"\",\"db\":\"d\",\"sequence\":null,\"ts_us\":" ts "000,\"ts_ns\":" ts                      \
	"000000,\"table\":\"t\",\"server_id\":1,\"gtid\":" gtid                                    \
	",\"file\":\"mysql-bin.000003\",\"pos\":" pos ",\"row\":"
#define SOURCE SOURCE_("mysql", "1596684883000", "false", "null", "154")
#define REST(op)                                                                                   \
	",\"thread\":7,\"query\":null},\"transaction\":null,\"op\":\"" op                          \
	"\",\"ts_ms\":1596684883100,\"ts_us\":1596684883100123,\"ts_ns\":1596684883100123000}"

/* Table t (id BIGINT PRIMARY KEY, name VARCHAR). */
struct fixture {
	struct column columns[2];
	uint32_t key;
	struct table table;
	struct envelope *e;
	struct envelope_table *t;
	struct row_event event;
	struct collector sink;
	struct err err;
};

static const struct envelope_options with_tombstones = {.name = "p", .tombstones = true};

static void open_fixture(struct fixture *f, const struct envelope_options *o)
{
	memset(f, 0, sizeof(*f));
	f->columns[0] = (struct column){NAME("id"), .type = COLUMN_LONGLONG};
	f->columns[1] = (struct column){NAME("name"), .type = COLUMN_VARCHAR,
					.charset = CHARSET_UTF8, .nullable = true};
	f->table = table_of(f->columns, 2, &f->key, 1);
	f->event = sample_event;
	collector_init(&f->sink);
	assert_int_equal(envelope_open(o, &f->e, &f->err), 0);
	assert_int_equal(envelope_table_open(f->e, &f->table, &f->t, &f->err), 0);
	assert_int_equal(envelope_event_begin(f->e, f->t, &f->event, &f->err), 0);
}

static void close_fixture(struct fixture *f)
{
	collector_free(&f->sink);
	envelope_table_close(f->t);
	envelope_close(f->e);
}

static int put_row(struct fixture *f, enum row_op op, uint32_t index, const struct value *before,
		   const struct value *after)
{
	struct row row = {
	    .op = op,
	    .table = &f->table,
	    .event = &f->event,
	    .index = index,
	    .before = before,
	    .after = after,
	};
	return envelope_row(f->e, &row, &f->sink.sink, &f->err);
}

/* The only header of a message: its name and value. */
static void assert_header(const struct collected *m, const char *name, const char *value)
{
	const uint8_t *p = m->bytes + m->key_len;
	uint16_t name_len;
	uint32_t value_len;
	if (!name) {
		assert_int_equal(m->headers_len, 0);
		return;
	}
	assert_int_equal(m->headers_len, 2 + strlen(name) + 4 + strlen(value));
	memcpy(&name_len, p, 2);
	assert_int_equal(name_len, strlen(name));
	assert_memory_equal(p + 2, name, name_len);
	memcpy(&value_len, p + 2 + name_len, 4);
	assert_int_equal(value_len, strlen(value));
	assert_memory_equal(p + 2 + name_len + 4, value, value_len);
}

static void insert_update_delete(void **state)
{
	(void)state;
	struct fixture f;
	struct value a[] = {value_int(1004), value_text("a")};
	struct value b[] = {value_int(1004), value_text("b")};
	open_fixture(&f, &with_tombstones);
	assert_int_equal(put_row(&f, ROW_INSERT, 0, NULL, a), 0);
	assert_int_equal(put_row(&f, ROW_UPDATE, 1, a, b), 0);
	assert_int_equal(put_row(&f, ROW_DELETE, 4000000000, b, NULL), 0);
	assert_int_equal(f.sink.n, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_key(&f.sink.messages[i], "{\"id\":1004}");
		assert_header(&f.sink.messages[i], NULL, NULL);
	}
	assert_value(&f.sink.messages[0],
		     "{\"before\":null,\"after\":{\"id\":1004,\"name\":\"a\"}," SOURCE
		     "0" REST("c"));
	assert_value(&f.sink.messages[1],
		     "{\"before\":{\"id\":1004,\"name\":\"a\"},\"after\":{\"id\":1004,"
		     "\"name\":\"b\"}," SOURCE "1" REST("u"));
	assert_value(&f.sink.messages[2], "{\"before\":{\"id\":1004,\"name\":\"b\"},"
					  "\"after\":null," SOURCE "4000000000" REST("d"));
	assert_value(&f.sink.messages[3], "");
	assert_int_equal(f.sink.messages[0].flags, RECORD_ROW_END);
	assert_int_equal(f.sink.messages[1].flags, RECORD_ROW_END);
	assert_int_equal(f.sink.messages[2].flags, 0);
	assert_int_equal(f.sink.messages[3].flags, RECORD_TOMBSTONE | RECORD_ROW_END);
	for (unsigned i = 0; i < 3; i++)
		json_decref(parse_value(&f.sink.messages[i]));
	close_fixture(&f);
}

static void no_tombstone_unless_asked_for(void **state)
{
	(void)state;
	struct fixture f;
	struct envelope_options o = {.name = "p"};
	struct value a[] = {value_int(1), value_null()};
	open_fixture(&f, &o);
	assert_int_equal(put_row(&f, ROW_DELETE, 0, a, NULL), 0);
	assert_int_equal(f.sink.n, 1);
	assert_int_equal(f.sink.messages[0].flags, RECORD_ROW_END);
	close_fixture(&f);
}

static void key_change(void **state)
{
	(void)state;
	struct fixture f;
	struct value a[] = {value_int(1004), value_text("a")};
	struct value b[] = {value_int(1005), value_text("a")};
	open_fixture(&f, &with_tombstones);
	assert_int_equal(put_row(&f, ROW_UPDATE, 0, a, b), 0);
	assert_int_equal(f.sink.n, 3);
	const struct collected *m = f.sink.messages;
	assert_key(&m[0], "{\"id\":1004}");
	assert_header(&m[0], "__debezium.newkey", "{\"id\":1005}");
	assert_value(&m[0], "{\"before\":{\"id\":1004,\"name\":\"a\"},\"after\":null," SOURCE
			    "0" REST("d"));
	assert_int_equal(m[0].flags, 0);
	assert_key(&m[1], "{\"id\":1004}");
	assert_header(&m[1], "__debezium.newkey", "{\"id\":1005}");
	assert_value(&m[1], "");
	assert_int_equal(m[1].flags, RECORD_TOMBSTONE);
	assert_key(&m[2], "{\"id\":1005}");
	assert_header(&m[2], "__debezium.oldkey", "{\"id\":1004}");
	assert_value(&m[2], "{\"before\":null,\"after\":{\"id\":1005,\"name\":\"a\"}," SOURCE
			    "0" REST("c"));
	assert_int_equal(m[2].flags, RECORD_ROW_END);
	close_fixture(&f);

	struct envelope_options o = {.name = "p"};
	open_fixture(&f, &o);
	assert_int_equal(put_row(&f, ROW_UPDATE, 0, a, b), 0);
	assert_int_equal(f.sink.n, 2);
	assert_int_equal(f.sink.messages[0].flags, 0);
	assert_int_equal(f.sink.messages[1].flags, RECORD_ROW_END);
	close_fixture(&f);
}

/* Each kind of key value: equal is equal by content, not by address. */
static void keys_are_compared_by_content(void **state)
{
	(void)state;
	static const char one[] = "same";
	static const char two[] = "same";
	char three[5];
	memcpy(three, one, 5);
	struct {
		struct column c;
		struct value a, b, other;
	} cases[] = {
	    {{.type = COLUMN_VARCHAR, .charset = CHARSET_UTF8},
	     value_text(two),
	     value_text(three),
	     value_text("Same")},
	    {{.type = COLUMN_VARCHAR, .charset = CHARSET_BINARY},
	     value_bytes(VALUE_BYTES, one, 4),
	     value_bytes(VALUE_BYTES, three, 4),
	     value_bytes(VALUE_BYTES, one, 3)},
	    {{.type = COLUMN_NEWDECIMAL, .precision = 30},
	     value_bytes(VALUE_DECIMAL_TEXT, "12", 2),
	     value_bytes(VALUE_DECIMAL_TEXT, "12", 2),
	     value_bytes(VALUE_DECIMAL_TEXT, "13", 2)},
	    {{.type = COLUMN_NEWDECIMAL, .precision = 9},
	     value_decimal(12, 1),
	     value_decimal(12, 1),
	     value_decimal(-12, 1)},
	    {{.type = COLUMN_FLOAT},
	     {.kind = VALUE_FLOAT, .f = 1.5f},
	     {.kind = VALUE_FLOAT, .f = 1.5f},
	     {.kind = VALUE_FLOAT, .f = 1.25f}},
	    {{.type = COLUMN_DOUBLE},
	     {.kind = VALUE_DOUBLE, .d = 1.5},
	     {.kind = VALUE_DOUBLE, .d = 1.5},
	     {.kind = VALUE_DOUBLE, .d = 1.25}},
	    {{.type = COLUMN_LONGLONG, .is_unsigned = true},
	     value_uint(5),
	     value_uint(5),
	     value_uint(6)},
	    {{.type = COLUMN_LONG, .nullable = true}, value_null(), value_null(), value_int(0)},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		uint32_t key = 0;
		struct row row = {.op = ROW_UPDATE, .table = &f.table, .event = &f.event};
		memset(&f, 0, sizeof(f));
		cases[i].c.name = span_of("k");
		f.table = table_of(&cases[i].c, 1, &key, 1);
		f.event = sample_event;
		collector_init(&f.sink);
		assert_int_equal(envelope_open(&with_tombstones, &f.e, NULL), 0);
		assert_int_equal(envelope_table_open(f.e, &f.table, &f.t, NULL), 0);
		assert_int_equal(envelope_event_begin(f.e, f.t, &f.event, NULL), 0);
		row.before = &cases[i].a;
		row.after = &cases[i].b;
		assert_int_equal(envelope_row(f.e, &row, &f.sink.sink, NULL), 0);
		assert_int_equal(f.sink.n, 1);
		row.after = &cases[i].other;
		assert_int_equal(envelope_row(f.e, &row, &f.sink.sink, NULL), 0);
		assert_int_equal(f.sink.n, 4);
		close_fixture(&f);
	}
}

static void source_of_mariadb(void **state)
{
	(void)state;
	struct fixture f;
	struct value a[] = {value_int(1), value_null()};
	open_fixture(&f, &with_tombstones);
	f.event.flavor = FLAVOR_MARIADB;
	f.event.has_thread = false;
	f.event.pos = UINT64_MAX;
	f.event.query = span_of("INSERT INTO t …");
	snprintf(f.event.gtid_text, sizeof(f.event.gtid_text), "0-1-77");
	assert_int_equal(envelope_event_begin(f.e, f.t, &f.event, NULL), 0);
	assert_int_equal(put_row(&f, ROW_INSERT, 0, NULL, a), 0);
	assert_value(&f.sink.messages[0],
		     "{\"before\":null,\"after\":{\"id\":1,\"name\":null}," SOURCE_(
			 "mariadb", "1596684883000", "false", "\"0-1-77\"",
			 "18446744073709551615") "0,\"thread\":null,\"query\":null},"
						 "\"transaction\":null,\"op\":\"c\",\"ts_ms\":"
						 "1596684883100,\"ts_us\":1596684883100123,"
						 "\"ts_ns\":1596684883100123000}");
	close_fixture(&f);
}

static void times_of_the_source(void **state)
{
	(void)state;
	struct fixture f;
	struct value a[] = {value_int(1), value_null()};
	open_fixture(&f, &with_tombstones);
	/* MySQL's commit time, in microseconds, goes before the header's seconds. */
	f.event.commit_time = 1596684883777888;
	f.event.read_time = 0;
	assert_int_equal(envelope_event_begin(f.e, f.t, &f.event, NULL), 0);
	assert_int_equal(put_row(&f, ROW_INSERT, 0, NULL, a), 0);
	json_t *root = parse_value(&f.sink.messages[0]);
	json_t *source = json_object_get(root, "source");
	assert_int_equal(json_integer_value(json_object_get(source, "ts_ms")), 1596684883777);
	assert_int_equal(json_integer_value(json_object_get(source, "ts_us")), 1596684883777888);
	assert_int_equal(json_integer_value(json_object_get(source, "ts_ns")), 1596684883777888000);
	assert_int_equal(json_integer_value(json_object_get(root, "ts_ns")), 0);
	json_decref(root);
	close_fixture(&f);
}

static void query_when_included(void **state)
{
	(void)state;
	struct fixture f;
	struct envelope_options o = {.name = "a \"task\"", .include_query = true};
	struct value a[] = {value_int(1), value_null()};
	open_fixture(&f, &o);
	f.event.query = span_of("INSERT \"x\" \xff");
	assert_int_equal(envelope_event_begin(f.e, f.t, &f.event, NULL), 0);
	assert_int_equal(put_row(&f, ROW_INSERT, 0, NULL, a), 0);
	json_t *root = parse_value(&f.sink.messages[0]);
	json_t *source = json_object_get(root, "source");
	assert_string_equal(json_string_value(json_object_get(source, "query")),
			    "INSERT \"x\" \xef\xbf\xbd");
	assert_string_equal(json_string_value(json_object_get(source, "name")), "a \"task\"");
	json_decref(root);
	close_fixture(&f);
}

static void snapshot_rows(void **state)
{
	(void)state;
	struct fixture f;
	struct value a[] = {value_int(1), value_null()};
	open_fixture(&f, &with_tombstones);
	assert_int_equal(put_row(&f, ROW_SNAPSHOT, 0, NULL, a), 0);
	assert_int_equal(put_row(&f, ROW_INSERT, 0, NULL, a), 0);
	assert_value(&f.sink.messages[0],
		     "{\"before\":null,\"after\":{\"id\":1,\"name\":null}," SOURCE_(
			 "mysql", "1596684883000", "true", "null", "154") "0" REST("r"));
	assert_value(&f.sink.messages[1],
		     "{\"before\":null,\"after\":{\"id\":1,\"name\":null}," SOURCE "0" REST("c"));
	close_fixture(&f);
}

/* No key but one that is the table's; a definition without columns is enough. */
static void truncate(void **state)
{
	(void)state;
	static const struct envelope_options keyed = {.name = "p", .key = ENVELOPE_KEY_TABLE};
	static const struct envelope_options columns = {
	    .name = "p", .key = ENVELOPE_KEY_COLUMNS, .key_columns = "no_such"};
	static const struct envelope_options skipped = {.skip_truncate = true};
	static const struct envelope_options maxwell = {.format = ENVELOPE_MAXWELL};
	assert_true(envelope_tells_truncate(&keyed));
	assert_false(envelope_tells_truncate(&skipped));
	assert_false(envelope_tells_truncate(&maxwell));
	struct fixture f;
	open_fixture(&f, &keyed);
	assert_int_equal(envelope_truncate(f.e, &f.sink.sink, &f.err), 0);
	assert_key(&f.sink.messages[0], "{\"db\":\"d\",\"table\":\"t\"}");
	assert_value(&f.sink.messages[0],
		     "{\"before\":null,\"after\":null," SOURCE "0" REST("t"));
	assert_int_equal(f.sink.messages[0].flags, 0);
	close_fixture(&f);

	memset(&f, 0, sizeof(f));
	f.table = table_of(f.columns, 0, &f.key, 0);
	f.event = sample_event;
	collector_init(&f.sink);
	assert_int_equal(envelope_open(&columns, &f.e, &f.err), 0);
	assert_int_equal(envelope_table_open(f.e, &f.table, &f.t, &f.err), 0);
	assert_int_equal(envelope_event_begin(f.e, f.t, &f.event, &f.err), 0);
	assert_int_equal(envelope_truncate(f.e, &f.sink.sink, &f.err), 0);
	assert_key(&f.sink.messages[0], NULL);
	assert_value(&f.sink.messages[0],
		     "{\"before\":null,\"after\":null," SOURCE "0" REST("t"));
	close_fixture(&f);
}

/* What the messages of one event share must not be what those of the last one did. */
static void events_follow_each_other(void **state)
{
	(void)state;
	struct fixture f;
	struct value a[] = {value_int(1), value_null()};
	open_fixture(&f, &with_tombstones);
	for (unsigned i = 0; i < 10; i++) {
		f.event.pos = 1000 * (i + 1);
		assert_int_equal(envelope_event_begin(f.e, f.t, &f.event, NULL), 0);
		assert_int_equal(put_row(&f, ROW_INSERT, i, NULL, a), 0);
		json_t *root = parse_value(&f.sink.messages[i]);
		json_t *source = json_object_get(root, "source");
		assert_int_equal(json_integer_value(json_object_get(source, "pos")),
				 1000 * (i + 1));
		assert_int_equal(json_integer_value(json_object_get(source, "row")), i);
		json_decref(root);
	}
	close_fixture(&f);
}

static void rows_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	struct fixture f;
	struct value a[] = {value_int(1), value_null()};
	open_fixture(&f, &with_tombstones);
	assert_int_equal(put_row(&f, ROW_INSERT, 0, a, NULL), -EINVAL);
	assert_ptr_equal(f.err.kind, ERR_INTERNAL);
	assert_int_equal(put_row(&f, ROW_DELETE, 0, NULL, a), -EINVAL);
	assert_int_equal(put_row(&f, ROW_UPDATE, 0, NULL, a), -EINVAL);
	assert_int_equal(put_row(&f, ROW_UPDATE, 0, a, NULL), -EINVAL);
	assert_int_equal(put_row(&f, 99, 0, a, a), -EINVAL);
	f.table.ncolumns = 1;
	assert_int_equal(put_row(&f, ROW_INSERT, 0, NULL, a), -EINVAL);
	assert_int_equal(f.sink.begins, 0);
	close_fixture(&f);
}

/* The sink fails at each place where it can: what ended before is whole, nothing else is. */
static void a_failing_sink_gets_no_half_message(void **state)
{
	(void)state;
	struct value a[] = {value_int(1004), value_text("a \"text\" \xe2\x82\xac\n")};
	struct value b[] = {value_int(1005), value_null()};
	struct fixture whole;
	open_fixture(&whole, &with_tombstones);
	assert_int_equal(put_row(&whole, ROW_UPDATE, 3, a, b), 0);
	assert_int_equal(whole.sink.n, 3);
	enum { GROW, BEGIN, END } what = GROW;
	for (unsigned at = 1, tries = 0;; at++, tries++) {
		struct fixture f;
		assert_true(tries < 1000);
		open_fixture(&f, &with_tombstones);
		f.sink.fail_grow = what == GROW ? at : 0;
		f.sink.fail_begin = what == BEGIN ? at : 0;
		f.sink.fail_end = what == END ? at : 0;
		int rc = put_row(&f, ROW_UPDATE, 3, a, b);
		assert_true(f.sink.n <= 3);
		for (unsigned i = 0; i < f.sink.n; i++) {
			const struct collected *got = &f.sink.messages[i];
			const struct collected *want = &whole.sink.messages[i];
			size_t len = want->key_len + want->headers_len + want->value_len;
			assert_int_equal(got->key_len, want->key_len);
			assert_int_equal(got->headers_len, want->headers_len);
			assert_int_equal(got->value_len, want->value_len);
			assert_int_equal(got->flags, want->flags);
			assert_memory_equal(got->bytes, want->bytes, len);
		}
		if (rc == 0) {
			/* Past the last place of this kind. */
			assert_int_equal(f.sink.n, 3);
			assert_int_equal(f.sink.asked_why, 0);
			assert_true(at > (what == GROW ? 20u : 3u));
			close_fixture(&f);
			if (what == END)
				break;
			what++;
			at = 0;
			continue;
		}
		assert_int_equal(rc, -ENOSPC);
		assert_string_equal(f.err.text, "the sink is full");
		assert_int_equal(f.sink.asked_why, 1);
		assert_true(f.sink.n < 3);
		/* It can go on with the next row. */
		f.sink.fail_grow = f.sink.fail_begin = f.sink.fail_end = 0;
		unsigned before = f.sink.n;
		assert_int_equal(put_row(&f, ROW_UPDATE, 3, a, b), 0);
		assert_int_equal(f.sink.n, before + 3);
		close_fixture(&f);
	}
	close_fixture(&whole);
}

/* A value without a form, wherever it stands: the row has no message at all. */
static void a_bad_value_leaves_no_message(void **state)
{
	(void)state;
	struct value good[] = {value_int(1004), value_text("good")};
	struct value bad[] = {value_int(1004), {.kind = VALUE_ENUM, .u = 1}};
	struct value bad_moved[] = {value_int(1005), {.kind = VALUE_ENUM, .u = 1}};
	struct fixture f;
	open_fixture(&f, &with_tombstones);
	assert_int_equal(put_row(&f, ROW_INSERT, 0, NULL, bad), -EBADMSG);
	assert_int_equal(put_row(&f, ROW_UPDATE, 0, good, bad), -EBADMSG);
	assert_int_equal(put_row(&f, ROW_UPDATE, 0, bad, good), -EBADMSG);
	assert_int_equal(put_row(&f, ROW_DELETE, 0, bad, NULL), -EBADMSG);
	assert_int_equal(put_row(&f, ROW_UPDATE, 0, good, bad_moved), -EBADMSG);
	assert_int_equal(put_row(&f, ROW_UPDATE, 7, bad_moved, good), -EBADMSG);
	assert_ptr_equal(f.err.kind, ERR_VALUE_INVALID);
	assert_non_null(strstr(f.err.text, "column d.t.name, row 7 "));
	assert_string_equal(f.err.where, "mysql-bin.000003:154");
	assert_int_equal(f.sink.n, 0);
	assert_int_equal(f.sink.asked_why, 0);
	assert_int_equal(put_row(&f, ROW_INSERT, 0, NULL, good), 0);
	assert_int_equal(f.sink.n, 1);
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(insert_update_delete),
	    cmocka_unit_test(no_tombstone_unless_asked_for),
	    cmocka_unit_test(key_change),
	    cmocka_unit_test(keys_are_compared_by_content),
	    cmocka_unit_test(source_of_mariadb),
	    cmocka_unit_test(times_of_the_source),
	    cmocka_unit_test(query_when_included),
	    cmocka_unit_test(snapshot_rows),
	    cmocka_unit_test(truncate),
	    cmocka_unit_test(events_follow_each_other),
	    cmocka_unit_test(rows_that_do_not_fit_are_refused),
	    cmocka_unit_test(a_failing_sink_gets_no_half_message),
	    cmocka_unit_test(a_bad_value_leaves_no_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
