/* dialects_test.c - formats maxwell and canal: what the integration tests cannot place. */
#include "tests/unit/envelope/collect.h"

#include "core/envelope/envelope_priv.h"

#include <errno.h>

/* Table t (id BIGINT PRIMARY KEY, name VARCHAR). */
struct fixture {
	struct column columns[2];
	uint32_t key;
	struct table table;
	struct envelope *e;
	struct envelope_table *t;
	struct row_event event;
	struct row_group group;
	struct collector sink;
	struct err err;
};

static void open_fixture(struct fixture *f, const struct envelope_options *o)
{
	memset(f, 0, sizeof(*f));
	f->columns[0] = (struct column){NAME("id"), .type = COLUMN_LONGLONG};
	f->columns[1] = (struct column){NAME("name"), .type = COLUMN_VARCHAR,
					.charset = CHARSET_UTF8, .nullable = true};
	f->table = table_of(f->columns, 2, &f->key, 1);
	f->event = sample_event;
	f->group = (struct row_group){.xid = 7, .has_xid = true};
	collector_init(&f->sink);
	assert_int_equal(envelope_open(o, &f->e, &f->err), 0);
	assert_int_equal(envelope_table_open(f->e, &f->table, &f->t, &f->err), 0);
}

static void close_fixture(struct fixture *f)
{
	collector_free(&f->sink);
	envelope_table_close(f->t);
	envelope_close(f->e);
}

static void begin_group(struct fixture *f)
{
	assert_int_equal(envelope_group_begin(f->e, &f->group, &f->err), 0);
	assert_int_equal(envelope_event_begin(f->e, f->t, &f->event, &f->err), 0);
}

static int put(struct fixture *f, enum row_op op, int64_t id, const char *name)
{
	struct value values[2] = {value_int(id), name ? value_text(name) : value_null()};
	struct row row = {.op = op, .table = &f->table, .event = &f->event};
	if (op == ROW_DELETE)
		row.before = values;
	else
		row.after = values;
	return envelope_row(f->e, &row, &f->sink.sink, &f->err);
}

#define HEAD(type) "{\"database\":\"d\",\"table\":\"t\",\"type\":\"" type "\",\"ts\":1596684883,"

static void test_maxwell_newest_waits(void **state)
{
	(void)state;
	const struct envelope_options o = {.name = "p", .format = ENVELOPE_MAXWELL};
	struct fixture f;
	open_fixture(&f, &o);
	begin_group(&f);
	assert_int_equal(put(&f, ROW_INSERT, 1, "a"), 0);
	assert_int_equal(f.sink.n, 0);
	assert_int_equal(put(&f, ROW_INSERT, 2, NULL), 0);
	assert_int_equal(f.sink.n, 1);
	assert_value(&f.sink.messages[0],
		     HEAD("insert") "\"xid\":7,\"xoffset\":0,\"data\":{\"id\":1,\"name\":\"a\"}}");
	assert_key(&f.sink.messages[0], "{\"database\":\"d\",\"table\":\"t\",\"pk.id\":1}");
	/* Another's message comes in between: it is not the last one. */
	assert_int_equal(envelope_settle(f.e, &f.sink.sink, &f.err), 0);
	assert_int_equal(f.sink.n, 2);
	assert_value(&f.sink.messages[1],
		     HEAD("insert") "\"xid\":7,\"xoffset\":1,\"data\":{\"id\":2,\"name\":null}}");
	assert_int_equal(put(&f, ROW_DELETE, 2, NULL), 0);
	assert_int_equal(envelope_group_end(f.e, &f.sink.sink, &f.err), 0);
	assert_int_equal(f.sink.n, 3);
	assert_value(&f.sink.messages[2],
		     HEAD("delete") "\"xid\":7,\"commit\":true,\"data\":{\"id\":2,\"name\":null}}");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(f.sink.messages[i].flags, RECORD_ROW_END);
	close_fixture(&f);
}

static void test_maxwell_broken_group(void **state)
{
	(void)state;
	const struct envelope_options o = {.name = "p", .format = ENVELOPE_MAXWELL};
	struct fixture f;
	open_fixture(&f, &o);
	begin_group(&f);
	assert_int_equal(put(&f, ROW_INSERT, 1, "a"), 0);
	assert_int_equal(put(&f, ROW_INSERT, 2, "b"), 0);
	envelope_group_drop(f.e);
	/* It is read again: the first row was delivered, the second was not. */
	begin_group(&f);
	envelope_pass(f.e);
	assert_int_equal(put(&f, ROW_INSERT, 2, "b"), 0);
	assert_int_equal(put(&f, ROW_INSERT, 3, "c"), 0);
	assert_int_equal(envelope_group_end(f.e, &f.sink.sink, &f.err), 0);
	assert_int_equal(f.sink.n, 3);
	assert_non_null(strstr(value_of(&f.sink.messages[1]), "\"xoffset\":1,\"data\":{\"id\":2"));
	assert_non_null(strstr(value_of(&f.sink.messages[2]), "\"commit\":true,\"data\":{\"id\":3"));
	close_fixture(&f);
}

/* All rows of it were delivered before a restart, but its END was not. */
static void test_debezium_end_behind_what_was_delivered(void **state)
{
	(void)state;
	const struct envelope_options o = {
	    .name = "p", .format = ENVELOPE_DEBEZIUM, .transactions = true};
	struct fixture f;
	open_fixture(&f, &o);
	f.group.gtid_text = "0-1-2";
	f.sink.sink.begin_transaction = f.sink.sink.begin;
	begin_group(&f);
	assert_int_equal(envelope_group_end(f.e, &f.sink.sink, &f.err), 0);
	assert_int_equal(f.sink.n, 0);
	begin_group(&f);
	envelope_pass(f.e);
	assert_int_equal(envelope_group_end(f.e, &f.sink.sink, &f.err), 0);
	assert_int_equal(f.sink.n, 1);
	assert_non_null(strstr(value_of(&f.sink.messages[0]), "\"status\":\"END\""));
	close_fixture(&f);
}

static void test_maxwell_tombstone(void **state)
{
	(void)state;
	const struct envelope_options o = {
	    .name = "p", .format = ENVELOPE_MAXWELL, .tombstones = true, .maxwell.key_array = true};
	struct fixture f;
	open_fixture(&f, &o);
	begin_group(&f);
	assert_int_equal(put(&f, ROW_DELETE, 1, "a"), 0);
	assert_int_equal(put(&f, ROW_INSERT, 2, "b"), 0);
	assert_int_equal(envelope_group_end(f.e, &f.sink.sink, &f.err), 0);
	assert_int_equal(f.sink.n, 3);
	assert_int_equal(f.sink.messages[0].flags, 0);
	assert_int_equal(f.sink.messages[1].flags, RECORD_TOMBSTONE | RECORD_ROW_END);
	assert_key(&f.sink.messages[0], "[\"d\",\"t\",[{\"id\":1}]]");
	assert_key(&f.sink.messages[1], "[\"d\",\"t\",[{\"id\":1}]]");
	close_fixture(&f);
}

/* Each failure of the sink reaches the caller, and no message is told twice. */
static void test_failing_sink(void **state)
{
	(void)state;
	const enum envelope_format formats[] = {ENVELOPE_MAXWELL, ENVELOPE_CANAL};
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned n = 1; n < 60; n++) {
			const struct envelope_options o = {
			    .name = "p", .format = formats[i], .tombstones = true};
			struct fixture f;
			open_fixture(&f, &o);
			f.sink.fail_grow = n;
			f.sink.fail_begin = n % 5;
			f.sink.fail_end = n % 7;
			begin_group(&f);
			int rc = put(&f, ROW_INSERT, 1, "a");
			if (rc == 0)
				rc = put(&f, ROW_DELETE, 2, "b");
			if (rc == 0)
				rc = envelope_group_end(f.e, &f.sink.sink, &f.err);
			assert_int_equal(rc < 0, f.sink.asked_why > 0);
			assert_true(f.sink.asked_why <= 1);
			close_fixture(&f);
		}
	}
}

static void test_canal(void **state)
{
	(void)state;
	const struct envelope_options o = {.name = "p", .format = ENVELOPE_CANAL};
	struct fixture f;
	open_fixture(&f, &o);
	begin_group(&f);
	assert_int_equal(put(&f, ROW_INSERT, 1, "a"), 0);
	assert_int_equal(f.sink.n, 1);
	assert_key(&f.sink.messages[0], "{\"id\":\"1\"}");
	assert_value(&f.sink.messages[0],
		     "{\"data\":[{\"id\":\"1\",\"name\":\"a\"}],\"database\":\"d\","
		     "\"es\":1596684883000,\"gtid\":\"\",\"id\":154,\"isDdl\":false,"
		     "\"mysqlType\":{\"id\":\"bigint\",\"name\":\"varchar\"},\"old\":null,"
		     "\"pkNames\":[\"id\"],\"sql\":\"\",\"sqlType\":{\"id\":-5,\"name\":12},"
		     "\"table\":\"t\",\"ts\":1596684883100,\"type\":\"INSERT\"}");
	close_fixture(&f);
}

/* ---------------------------------------------------------------- geometries as text */

static void check_wkt(const void *bytes, size_t len, enum put_status status, const char *want)
{
	struct value v = {.kind = VALUE_GEOMETRY, .len = (uint32_t)len, .p = bytes};
	struct buf b;
	buf_init(&b);
	assert_int_equal(put_wkt(&b, &v, true), status);
	if (want)
		assert_string_equal(buf_cstr(&b), want);
	buf_free(&b);
}

static void test_wkt(void **state)
{
	(void)state;
	uint8_t point[25] = {0xe6, 0x10, 0, 0, 1, 1};
	double xy[2] = {-0.0000015, 1.5e21};
	memcpy(point + 9, xy, sizeof(xy));
	check_wkt(point, 25, PUT_OK, "SRID=4326;POINT (-0.0000015 1500000000000000000000)");
	xy[0] = -3;
	xy[1] = 12345678901234567.0;
	memcpy(point + 9, xy, sizeof(xy));
	check_wkt(point, 25, PUT_OK, "SRID=4326;POINT (-3 12345678901234568)");
	/* Every byte missing, one too many, another byte order, another kind. */
	for (size_t n = 0; n < 25; n++)
		check_wkt(point, n, PUT_BAD_GEOMETRY, NULL);
	uint8_t longer[26] = {0};
	memcpy(longer, point, 25);
	check_wkt(longer, 26, PUT_BAD_GEOMETRY, NULL);
	point[4] = 0;
	check_wkt(point, 25, PUT_BAD_GEOMETRY, NULL);
	point[4] = 1;
	point[5] = 8;
	check_wkt(point, 25, PUT_BAD_GEOMETRY, NULL);
	/* Collections in collections, too deep. */
	uint8_t deep[4 + 9 * 80] = {0};
	for (size_t i = 0; i < 80; i++) {
		deep[4 + 9 * i] = 1;
		deep[4 + 9 * i + 1] = 7;
		deep[4 + 9 * i + 5] = i < 79;
	}
	check_wkt(deep, sizeof(deep), PUT_BAD_GEOMETRY, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_maxwell_newest_waits),
	    cmocka_unit_test(test_maxwell_broken_group),
	    cmocka_unit_test(test_debezium_end_behind_what_was_delivered),
	    cmocka_unit_test(test_maxwell_tombstone),
	    cmocka_unit_test(test_failing_sink),
	    cmocka_unit_test(test_canal),
	    cmocka_unit_test(test_wkt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
