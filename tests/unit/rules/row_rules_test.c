/*
 * row_rules_test.c - row filters and column rules over one table that has a column of each kind.
 *
 * What SQL says of a condition is the measure: the expected truth values were read from
 * `SELECT … WHERE` on MySQL, but for texts, which are compared by their characters here and
 * by a collation there.
 */
#include "common/contract/errors.h"
#include "core/rules/rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ID, PRICE, RATIO, NAME, STATE, FLAGS, DAY, AT, STAMP, LASTS, RAW, DOC, BIG, COLUMNS };

static struct span text(const char *s)
{
	return (struct span){(const uint8_t *)s, strlen(s)};
}

static struct span states[3], flags[2];
static uint32_t key[1] = {ID};
static struct column columns[COLUMNS];
static struct table table;

static void define(uint32_t i, const char *name, uint8_t type, uint8_t charset)
{
	columns[i] = (struct column){
		.name = text(name), .type = type, .charset = charset, .nullable = i != ID};
}

static int setup(void **state)
{
	(void)state;
	define(ID, "id", COLUMN_LONGLONG, CHARSET_NONE);
	define(PRICE, "price", COLUMN_NEWDECIMAL, CHARSET_NONE);
	define(RATIO, "ratio", COLUMN_DOUBLE, CHARSET_NONE);
	define(NAME, "name", COLUMN_VARCHAR, CHARSET_UTF8);
	define(STATE, "state", COLUMN_ENUM, CHARSET_UTF8);
	define(FLAGS, "flags", COLUMN_SET, CHARSET_UTF8);
	define(DAY, "day", COLUMN_DATE, CHARSET_NONE);
	define(AT, "at", COLUMN_DATETIME2, CHARSET_NONE);
	define(STAMP, "stamp", COLUMN_TIMESTAMP2, CHARSET_NONE);
	define(LASTS, "lasts", COLUMN_TIME2, CHARSET_NONE);
	define(RAW, "raw", COLUMN_BLOB, CHARSET_BINARY);
	define(DOC, "doc", COLUMN_JSON, CHARSET_NONE);
	define(BIG, "big", COLUMN_LONGLONG, CHARSET_NONE);
	states[0] = text("new");
	states[1] = text("paid");
	states[2] = text("sent");
	flags[0] = text("a");
	flags[1] = text("b");
	columns[STATE].labels = states;
	columns[STATE].nlabels = 3;
	columns[FLAGS].labels = flags;
	columns[FLAGS].nlabels = 2;
	table = (struct table){.db = text("shop"),
			       .name = text("item"),
			       .ncolumns = COLUMNS,
			       .columns = columns,
			       .nkey = 1,
			       .key = key};
	return 0;
}

/* id 7, price 12.50, ratio 0.5, … */
static void fill(struct value *v)
{
	const struct civil day = {.year = 2026, .month = 11, .day = 22};
	const struct civil at = {.year = 2026, .month = 11, .day = 22, .hour = 10, .usec = 500000};
	for (int i = 0; i < COLUMNS; i++)
		v[i] = (struct value){.kind = VALUE_NULL};
	v[ID] = (struct value){.kind = VALUE_INT, .i = 7};
	v[PRICE] = (struct value){.kind = VALUE_DECIMAL, .aux = 2, .i = 1250};
	v[RATIO] = (struct value){.kind = VALUE_DOUBLE, .d = 0.5};
	v[NAME] = (struct value){.kind = VALUE_STRING, .p = (const uint8_t *)"größe", .len = 7};
	v[STATE] = (struct value){.kind = VALUE_ENUM, .u = 2};
	v[FLAGS] = (struct value){.kind = VALUE_SET, .u = 3};
	v[DAY] = (struct value){.kind = VALUE_DATE, .u = civil_pack(&day)};
	v[AT] = (struct value){.kind = VALUE_DATETIME, .aux = 1, .u = civil_pack(&at)};
	v[STAMP] = (struct value){.kind = VALUE_TIMESTAMP, .i = 1795341600 * USEC_PER_SEC};
	v[LASTS] = (struct value){.kind = VALUE_TIME, .i = -3600 * USEC_PER_SEC};
	v[RAW] = (struct value){.kind = VALUE_BYTES, .p = (const uint8_t *)"\x01\x02", .len = 2};
	v[DOC] = (struct value){.kind = VALUE_JSON, .p = (const uint8_t *)"{}", .len = 2};
	v[BIG] = (struct value){.kind = VALUE_UINT, .u = UINT64_MAX};
}

/* ---------------------------------------------------------------- tasks */

static struct task *task_of(const char *tables, const char *pipe)
{
	char document[20000];
	struct task *t = NULL;
	struct err err = {0};
	snprintf(document, sizeof(document),
		 "{\"name\":\"t\",\"source\":{\"host\":\"h\",\"user\":\"u\"},\"tables\":{%s},"
		 "\"pipe\":{\"type\":\"none\"%s}}",
		 tables, pipe);
	if (task_parse(document, strlen(document), &t, &err) < 0)
		fail_msg("%s: %s", document, err.text);
	const struct secret_places places = {0};
	assert_int_equal(task_resolve_secrets(t, &places, &err), 0);
	return t;
}

static struct task *filter_task(const char *where)
{
	char tables[18000];
	snprintf(tables, sizeof(tables), "\"rows\":[{\"match\":\"shop.item\",\"where\":\"%s\"}]",
		 where);
	return task_of(tables, "");
}

struct opened {
	struct task *task;
	struct rules *rules;
	struct rules_table *table;
	struct arena arena;
};

static void open_rules(struct task *task, struct opened *o)
{
	struct err err = {0};
	o->task = task;
	arena_init(&o->arena);
	assert_int_equal(rules_open(task, &o->rules, &err), 0);
	if (rules_table_open(o->rules, &table, &o->table, &err) < 0)
		fail_msg("%s", err.text);
}

static void close_rules(struct opened *o)
{
	rules_table_close(o->table);
	rules_close(o->rules);
	task_free(o->task);
	arena_free(&o->arena);
}

static bool meets(const char *where, const struct value *values)
{
	struct opened o;
	struct value copy[COLUMNS];
	struct err err = {0};
	bool wanted;
	memcpy(copy, values, sizeof(copy));
	open_rules(filter_task(where), &o);
	struct row row = {.op = ROW_INSERT, .table = &table, .after = copy};
	if (rules_row(o.table, &row, NULL, copy, &o.arena, &wanted, &err) < 0)
		fail_msg("%s: %s", where, err.text);
	close_rules(&o);
	return wanted;
}

static void assert_refused(struct task *task, const char *where, const char *message)
{
	struct rules *rules;
	struct rules_table *t;
	struct err err = {0};
	assert_int_equal(rules_open(task, &rules, &err), 0);
	assert_int_equal(rules_table_open(rules, &table, &t, &err), -EINVAL);
	assert_ptr_equal(err.kind, ERR_TASK_INVALID);
	assert_string_equal(err.where, where);
	assert_string_equal(err.text, message);
	rules_close(rules);
	task_free(task);
}

/* ---------------------------------------------------------------- filters */

static void test_conditions(void **state)
{
	(void)state;
	static const struct {
		const char *where;
		bool met;
	} cases[] = {
		{"id = 7", true},
		{"ID > 7", false},
		{"7 <= id", true},
		{"id <> '7'", false},
		{"price = 12.5", true},
		{"price > 12.49", true},
		{"price < 12.500001", true},
		{"price > -3", true},
		{"price between 12 and 13", true},
		{"price not between 12 and 13", false},
		{"ratio = 0.5", true},
		{"ratio >= 5e-1", true},
		{"ratio < id", true},
		{"big = 18446744073709551615", true},
		{"big > 9223372036854775807", true},
		{"big < 18446744073709551616", true},
		{"name = 'größe'", true},
		{"name = 'GRÖSSE'", false},
		{"name like 'gr__e'", true},
		{"name like '%r\\\\_%'", false},
		{"name like '%ö%e'", true},
		{"name not like 'x%'", true},
		{"state = 'paid'", true},
		{"state in ('new', 'paid')", true},
		{"state not in ('new', 'sent')", true},
		{"flags = 'a,b'", true},
		{"day = '2026-11-22'", true},
		{"day < '2026-12-01'", true},
		{"at > '2026-11-22 10:00:00'", true},
		{"at <= '2026-11-22 10:00:00.5'", true},
		{"stamp = '2026-11-22 10:00:00'", true},
		{"lasts < '00:00:00'", true},
		{"lasts = '-01:00:00'", true},
		{"raw = X'0102'", true},
		{"raw > 'a'", false},
		{"doc is not null", true},
		{"id and price", true},
		{"not id", false},
		{"true", true},
		{"false or id = 7", true},
		{"(id = 1 or id = 7) and not (price = 1 or ratio = 1)", true},
		{"id <=> 7", true},
		{"id <=> null", false},
	};
	struct value v[COLUMNS];
	fill(v);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (meets(cases[i].where, v) != cases[i].met)
			fail_msg("%s is %s", cases[i].where, cases[i].met ? "not met" : "met");
}

/* Unknown is not met, and neither is its opposite. */
static void test_null(void **state)
{
	(void)state;
	static const struct {
		const char *where;
		bool met;
	} cases[] = {
		{"price = 1", false},	      {"not price = 1", false},
		{"price in (1, 2)", false},   {"price not in (1, 2)", false},
		{"price is null", true},      {"price is not null", false},
		{"price = 1 or id = 7", true}, {"price = 1 and id = 7", false},
		{"not (price = 1 and id = 8)", true}, {"price <=> null", true},
		{"id in (1, null)", false},   {"id not in (1, null)", false},
		{"id in (7, null)", true},    {"name like '%'", false},
		{"price between 1 and 2", false},
	};
	struct value v[COLUMNS];
	fill(v);
	v[PRICE].kind = v[NAME].kind = VALUE_NULL;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (meets(cases[i].where, v) != cases[i].met)
			fail_msg("%s is %s", cases[i].where, cases[i].met ? "not met" : "met");
}

/* Decimals of any length and sign, against text of other scales. */
static void test_decimals(void **state)
{
	(void)state;
	static const char digits[] = "-12345678901234567890123456789012345";
	struct value v[COLUMNS];
	fill(v);
	v[PRICE] = (struct value){.kind = VALUE_DECIMAL_TEXT,
				  .aux = 30,
				  .p = (const uint8_t *)digits,
				  .len = sizeof(digits) - 1};
	assert_true(meets("price = -12345.678901234567890123456789012345", v));
	assert_true(meets("price < -12345.678901234567890123456789012344", v));
	assert_true(meets("price > -12345.6789012345678901234567890123450000001", v));
	v[PRICE] = (struct value){.kind = VALUE_DECIMAL, .aux = 4, .i = -5};
	assert_true(meets("price = -0.0005", v));
	assert_true(meets("price < 0", v));
	v[PRICE] = (struct value){.kind = VALUE_DECIMAL, .aux = 2, .i = 0};
	assert_true(meets("price = -0.0", v));
	v[ID].i = INT64_MIN;
	assert_true(meets("id = -9223372036854775808", v));
}

static void test_misfits(void **state)
{
	(void)state;
	static const struct {
		const char *where;
		const char *message;
	} cases[] = {
		{"prize > 1", "the table has no column prize"},
		{"id = 'seven'", "'seven' cannot be compared with a number: an exact number, such as "
				 "-12.50 is needed"},
		{"name = 7", "7 cannot be compared with a text: a text in quotes is needed"},
		{"day = '22.11.2026'", "'22.11.2026' cannot be compared with a date: '2026-11-22' or "
				       "'2026-11-22 10:00:00' is needed"},
		{"doc = '{}'", "its column has a type that cannot be compared: only IS NULL and IS NOT "
			       "NULL can be asked"},
		{"id = name", "a column that is a number cannot be compared with one that is a text"},
		{"id = null", "a comparison with NULL is never true: use IS NULL or IS NOT NULL"},
		{"id like '7'", "LIKE is for texts, column id is a number"},
		{"name", "column name is not a number: compare it with something"},
		{"1 = 1", "a comparison needs a column on one side"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char message[400];
		snprintf(message, sizeof(message),
			 "'tables.rows[0].where' does not fit table shop.item: %s",
			 cases[i].message);
		assert_refused(filter_task(cases[i].where), "tables.rows[0].where", message);
	}
}

/* Consumers have exactly the rows that meet the filter: updates come in and go out. */
static void test_updates(void **state)
{
	(void)state;
	struct value old[COLUMNS], new[COLUMNS];
	struct opened o;
	struct err err = {0};
	bool wanted;
	open_rules(filter_task("price > 10"), &o);
	struct row row = {.op = ROW_UPDATE, .before = old, .after = new};

	fill(old);
	fill(new);
	assert_int_equal(rules_row(o.table, &row, old, new, &o.arena, &wanted, &err), 0);
	assert_true(wanted && row.op == ROW_UPDATE && row.before && row.after);

	new[PRICE].i = 1;
	assert_int_equal(rules_row(o.table, &row, old, new, &o.arena, &wanted, &err), 0);
	assert_true(wanted && row.op == ROW_DELETE && row.before == old && !row.after);

	row = (struct row){.op = ROW_UPDATE, .before = old, .after = new};
	old[PRICE].i = 1;
	assert_int_equal(rules_row(o.table, &row, old, new, &o.arena, &wanted, &err), 0);
	assert_false(wanted);

	/* What the after image lacks has not changed: the row that comes in is whole. */
	fill(new);
	new[NAME] = (struct value){.kind = VALUE_ABSENT};
	assert_int_equal(rules_row(o.table, &row, old, new, &o.arena, &wanted, &err), 0);
	assert_true(wanted && row.op == ROW_INSERT && !row.before && row.after == new);
	assert_int_equal(new[NAME].kind, VALUE_STRING);

	/* Neither image has it: not guessed. */
	row = (struct row){.op = ROW_UPDATE, .before = old, .after = new};
	old[PRICE] = (struct value){.kind = VALUE_ABSENT};
	assert_int_equal(rules_row(o.table, &row, old, new, &o.arena, &wanted, &err), -EBADMSG);
	assert_ptr_equal(err.kind, ERR_VALUE_INVALID);
	assert_non_null(strstr(err.text, "column price"));
	assert_non_null(strstr(err.text, "binlog_row_image=FULL"));
	close_rules(&o);
}

/* ---------------------------------------------------------------- columns */

static void test_columns(void **state)
{
	(void)state;
	struct opened o;
	struct value v[COLUMNS];
	struct err err = {0};
	bool wanted;
	open_rules(task_of("\"salt\":\"pepper\",\"columns\":["
			   "{\"match\":\"shop.item.NAME\",\"action\":\"truncate\",\"length\":3},"
			   "{\"match\":\"*.*.name\",\"action\":\"drop\"},"
			   "{\"match\":\"shop.item.id\",\"action\":\"hash\"},"
			   "{\"match\":\"shop.item.price\",\"action\":\"hash\"},"
			   "{\"match\":\"shop.item.state\",\"action\":\"mask\",\"with\":\"?\"},"
			   "{\"match\":\"shop.item.d?y\",\"action\":\"null\"},"
			   "{\"match\":\"shop.item.raw\",\"action\":\"truncate\",\"length\":1},"
			   "{\"match\":\"shop.item.doc\",\"action\":\"drop\"}]",
			   ""),
		   &o);
	const struct table *shape = rules_table_shape(o.table);
	assert_int_equal(shape->ncolumns, COLUMNS);
	assert_int_equal(shape->columns[ID].type, COLUMN_VARCHAR);
	assert_int_equal(shape->columns[STATE].type, COLUMN_VARCHAR);
	assert_true(shape->columns[DAY].nullable);
	assert_true(shape->columns[DOC].hidden);
	assert_false(shape->columns[NAME].hidden); /* the first rule counts */
	assert_int_equal(shape->columns[RATIO].type, COLUMN_DOUBLE);

	fill(v);
	v[BIG].kind = VALUE_NULL;
	struct row row = {.op = ROW_INSERT, .after = v};
	if (rules_row(o.table, &row, NULL, v, &o.arena, &wanted, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(wanted);
	assert_int_equal(v[NAME].len, 4); /* three characters */
	assert_memory_equal(v[NAME].p, "grö", 4);
	/* printf 12.50 | openssl dgst -sha256 -hmac pepper */
	assert_int_equal(v[PRICE].kind, VALUE_STRING);
	assert_int_equal(v[PRICE].len, 64);
	assert_memory_equal(v[PRICE].p,
			    "f4c2e54ee05043940a5429a3a5df6858c1152882666358167f4213815617de95", 64);
	assert_memory_equal(v[ID].p,
			    "86693d50efdc246c3c8d898667e7714b2d45096dd20a088aa7fd609d263cdcbd", 64);
	assert_int_equal(v[STATE].kind, VALUE_STRING);
	assert_memory_equal(v[STATE].p, "?", 1);
	assert_int_equal(v[DAY].kind, VALUE_NULL);
	assert_int_equal(v[RAW].len, 1);
	assert_int_equal(v[DOC].kind, VALUE_NULL);
	assert_int_equal(v[BIG].kind, VALUE_NULL);
	close_rules(&o);
}

/* Debezium's form has a column's default in place of NULL, and in its schema. */
static void test_defaults_of_changed_columns(void **state)
{
	(void)state;
	static const struct {
		uint32_t column;
		bool kept;
	} cases[] = {{DAY, false}, {NAME, false}, {RAW, true}};
	struct task *t = task_of("\"columns\":["
				 "{\"match\":\"shop.item.day\",\"action\":\"null\"},"
				 "{\"match\":\"shop.item.name\",\"action\":\"truncate\","
				 "\"length\":2}]",
				 "");
	struct opened o;
	for (size_t i = 0; i < 3; i++) {
		columns[cases[i].column].default_kind = DEFAULT_LITERAL;
		columns[cases[i].column].default_text = text("2026-11-22");
	}
	open_rules(t, &o);
	const struct table *shape = rules_table_shape(o.table);
	for (size_t i = 0; i < 3; i++) {
		const struct column *c = &shape->columns[cases[i].column];
		assert_int_equal(c->default_kind,
				 cases[i].kept ? DEFAULT_LITERAL : DEFAULT_NOT_KNOWN);
		assert_int_equal(c->default_text.len, cases[i].kept ? 10 : 0);
	}
	close_rules(&o);
}

static void test_column_misfits(void **state)
{
	(void)state;
	assert_refused(
		task_of("\"columns\":[{\"match\":\"shop.item.nmae\",\"action\":\"drop\"}]", ""),
		"tables.columns[0].match",
		"'tables.columns[0].match' is shop.item.nmae, but table shop.item has no such column: "
		"correct the rule, or let its column have a * if it may be missing");
	assert_refused(
		task_of("\"columns\":[{\"match\":\"*.*.id\",\"action\":\"mask\"}]", ""),
		"tables.columns[0]",
		"'tables.columns[0]' is for column id of shop.item, which is part of the messages' "
		"key: only hash keeps rows apart there; or set pipe.key");
	assert_refused(
		task_of("\"columns\":[{\"match\":\"*.*.name\",\"action\":\"null\"}]",
			",\"key\":\"columns:shop.item:name\""),
		"tables.columns[0]",
		"'tables.columns[0]' is for column name of shop.item, which is part of the messages' "
		"key: only hash keeps rows apart there; or set pipe.key");
	/* The server's names of columns differ in more than case. */
	assert_refused(
		task_of("\"columns\":[{\"match\":\"*.*.name\",\"action\":\"null\"}]",
			",\"key\":\"columns:NAME\""),
		"tables.columns[0]",
		"'tables.columns[0]' is for column name of shop.item, which is part of the messages' "
		"key: only hash keeps rows apart there; or set pipe.key");
	assert_refused(
		task_of("\"columns\":[{\"match\":\"*.*.price\",\"action\":\"truncate\","
			"\"length\":1}]",
			""),
		"tables.columns[0]",
		"'tables.columns[0]' would truncate column price of shop.item, which is neither text "
		"nor bytes: use mask, hash, null or drop");
}

/* No rule: nothing to pay for. */
static void test_others(void **state)
{
	(void)state;
	struct rules *rules;
	struct rules_table *t;
	struct err err = {0};
	struct task *task = task_of("\"columns\":[{\"match\":\"other.*.id\",\"action\":\"mask\"}],"
				    "\"rows\":[{\"match\":\"shop.items\",\"where\":\"x = 1\"}]",
				    "");
	assert_int_equal(rules_open(task, &rules, &err), 0);
	assert_int_equal(rules_table_open(rules, &table, &t, &err), 0);
	assert_null(t);
	rules_close(rules);
	task_free(task);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_conditions, setup),
		cmocka_unit_test_setup(test_null, setup),
		cmocka_unit_test_setup(test_decimals, setup),
		cmocka_unit_test_setup(test_misfits, setup),
		cmocka_unit_test_setup(test_updates, setup),
		cmocka_unit_test_setup(test_columns, setup),
		cmocka_unit_test_setup(test_defaults_of_changed_columns, setup),
		cmocka_unit_test_setup(test_column_misfits, setup),
		cmocka_unit_test_setup(test_others, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
