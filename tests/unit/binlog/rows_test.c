/* rows_test.c - rows events: images of all kinds, and what does not fit (binlog.md 6-8). */
#include "tests/unit/binlog/vectors.h"

#include "common/base/arena.h"
#include "common/contract/errors.h"
#include "core/binlog/rows.h"
#include "core/binlog/table_map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 64, TABLES_MAX = 4 };

static uint16_t last_flags; /* of the last rows event of rows_as_text() */

/* --- rows as text ------------------------------------------------------------------- */

static void put_image(struct buf *b, const struct table *t, const struct value *v)
{
	buf_putc(b, '(');
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		if (i)
			buf_putc(b, ',');
		switch (v[i].kind) {
		case VALUE_ABSENT:
			buf_putc(b, '-');
			break;
		case VALUE_NULL:
			buf_puts(b, "NULL");
			break;
		case VALUE_INT:
			buf_printf(b, "%" PRId64, v[i].i);
			break;
		case VALUE_STRING:
	case VALUE_JSON:
			buf_put(b, v[i].p, v[i].len);
			break;
		default:
			buf_puts(b, "?");
		}
	}
	buf_putc(b, ')');
}

/* The table of that id, or a place for it. */
static struct table *table_by_id(struct table *known, uint64_t id)
{
	for (int i = 0; i < TABLES_MAX; i++)
		if (!known[i].table_id || known[i].table_id == id)
			return &known[i];
	fail_msg("too many tables");
	return NULL;
}

/*
 * All rows of a dump: "I(1,x) U(1,x)>(1,y) D(1,y)". Whatever goes on, rows_skip() must see
 * the same images as rows_next().
 */
static void rows_as_text(const char *server, const char *scenario, struct buf *out,
			 struct err *ret_err)
{
	struct feed f = feed_open(server, scenario);
	struct arena tables, values;
	struct table known[TABLES_MAX] = {0}, *t;
	arena_init(&tables);
	arena_init(&values);
	while (feed_next(&f)) {
		struct rows_reader r, s;
		struct value before[COLUMNS_MAX], after[COLUMNS_MAX];
		struct span image, skipped;
		int rc;
		if (f.step.kind == STEP_TABLE_MAP) {
			struct table_map map;
			assert_int_equal(table_map_parse(&f.stream.format, &f.step.event, &tables,
							 &map, ret_err),
					 0);
			t = table_by_id(known, map.table_id);
			assert_int_equal(table_map_describe(&map, &f.stream.format, &tables, t,
							    ret_err),
					 0);
		}
		if (f.step.kind != STEP_ROWS)
			continue;
		assert_int_equal(rows_open(&r, &f.stream.format, &f.step.event, ret_err), 0);
		t = table_by_id(known, r.table_id);
		assert_int_equal(t->table_id, r.table_id);
		last_flags = r.flags;
		s = r;
		while ((rc = rows_next(&r, t, &values, before, after, &image, ret_err)) > 0) {
			if (out->len)
				buf_putc(out, ' ');
			buf_putc(out, r.op == ROW_INSERT ? 'I' : r.op == ROW_UPDATE ? 'U' : 'D');
			if (r.op != ROW_INSERT)
				put_image(out, t, before);
			if (r.op == ROW_UPDATE)
				buf_putc(out, '>');
			if (r.op != ROW_DELETE)
				put_image(out, t, after);
			assert_int_equal(rows_skip(&s, t, &skipped, ret_err), 1);
			assert_ptr_equal(skipped.p, image.p);
			assert_int_equal(skipped.len, image.len);
			assert_int_equal(s.nrows, r.nrows);
		}
		if (rc < 0)
			break;
		assert_int_equal(rows_skip(&s, t, &skipped, ret_err), 0);
	}
	arena_free(&tables);
	arena_free(&values);
	feed_close(&f);
}

static void expect_rows(const char *server, const char *scenario, const char *expected)
{
	struct buf b;
	struct err err = {0};
	buf_init(&b);
	rows_as_text(server, scenario, &b, &err);
	assert_true(last_flags & ROWS_FLAG_STMT_END);
	if (err.kind || strcmp(buf_cstr(&b), expected) != 0)
		fail_msg("%s %s:\n%s\nis not\n%s\n%s", server, scenario, buf_cstr(&b), expected,
			 err.text);
	buf_free(&b);
}

/* --- images -------------------------------------------------------------------------- */

static const char inserted[] = "I(1,10,one,text one,5) I(2,20,two,NULL,5) ";

static void full_images(void **state)
{
	(void)state;
	char text[600];
	snprintf(text, sizeof(text), "%s%s", inserted,
		 "U(1,10,one,text one,5)>(1,11,one,text one,5) "
		 "U(2,20,two,NULL,5)>(2,21,two,NULL,5) "
		 "U(2,21,two,NULL,5)>(2,21,NULL,new,5) U(2,21,NULL,new,5)>(3,21,NULL,new,5) "
		 "D(1,11,one,text one,5) D(3,21,NULL,new,5) "
		 "I(NULL,NULL) I(1,2) U(1,2)>(1,3) D(NULL,NULL) D(1,3)");
	for (const char *const *server = all_servers; *server; server++)
		expect_rows(*server, "image_full", text);
}

/*
 * MINIMAL: the key before, what was changed after. An INSERT names what the statement
 * named; on MySQL one of defaults only has no bytes at all, and is still one row.
 */
static void minimal_images(void **state)
{
	(void)state;
	static const char updates[] = "U(1,-,-,-,-)>(-,11,-,-,-) U(2,-,-,-,-)>(-,21,-,-,-) "
				      "U(2,-,-,-,-)>(-,-,NULL,new,-) U(2,-,-,-,-)>(3,-,-,-,-) "
				      "D(1,-,-,-,-) D(3,-,-,-,-) ";
	char text[600];
	for (const char *const *server = all_servers; *server; server++) {
		bool maria = server_flavor(*server) == FLAVOR_MARIADB;
		snprintf(text, sizeof(text), "%s%s%s",
			 "I(1,10,one,text one,-) I(2,20,two,NULL,-) ", updates,
			 maria ? "I(NULL,NULL) I(1,2) U(1,2)>(1,3) D(NULL,NULL) D(1,3)"
			       : "I(-,-) I(1,2) U(1,2)>(-,3) D(NULL,NULL) D(1,3)");
		expect_rows(*server, "image_minimal", text);
	}
}

/* NOBLOB: MINIMAL's idea for columns of BLOB and TEXT only. */
static void noblob_images(void **state)
{
	(void)state;
	char text[600];
	snprintf(text, sizeof(text), "%s%s", inserted,
		 "U(1,10,one,-,5)>(1,11,one,-,5) U(2,20,two,-,5)>(2,21,two,-,5) "
		 "U(2,21,two,-,5)>(2,21,NULL,new,5) U(2,21,NULL,-,5)>(3,21,NULL,-,5) "
		 "D(1,11,one,-,5) D(3,21,NULL,-,5) "
		 "I(NULL,NULL) I(1,2) U(1,2)>(1,3) D(NULL,NULL) D(1,3)");
	for (const char *const *server = all_servers; *server; server++)
		expect_rows(*server, "image_noblob", text);
}

/* MariaDB 11.8's FULL_NODUP: after images hold what changed, if there is a primary key. */
static void nodup_images(void **state)
{
	(void)state;
	char text[600];
	snprintf(text, sizeof(text), "%s%s", inserted,
		 "U(1,10,one,text one,5)>(-,11,-,-,-) U(2,20,two,NULL,5)>(-,21,-,-,-) "
		 "U(2,21,two,NULL,5)>(-,-,NULL,new,-) U(2,21,NULL,new,5)>(3,-,-,-,-) "
		 "D(1,11,one,text one,5) D(3,21,NULL,new,5) "
		 "I(NULL,NULL) I(1,2) U(1,2)>(1,3) D(NULL,NULL) D(1,3)");
	expect_rows("mariadb-11.8", "image_nodup", text);
}

/* The column of a functional index is in the map and in no image. */
static void functional_index(void **state)
{
	(void)state;
	expect_rows("mysql-8.0", "functional", "I(1,2,-) U(1,2,-)>(1,3,-) D(1,3,-)");
}

/* A cascade of MySQL 9: the child's rows first, and only the parent's end the statement. */
static void cascades(void **state)
{
	(void)state;
	expect_rows("mysql-9.7", "cascade", "D(7,1) D(1)");
	expect_rows("mysql-8.0", "cascade", "D(1)");
	expect_rows("mariadb-10.11", "cascade", "D(1)");
}

/* MariaDB 11's full images lack generated columns, stored ones too; INSERT has them. */
static void generated_columns(void **state)
{
	(void)state;
	static const char with[] = "I(1,10,11,12) U(1,10,11,12)>(1,20,21,22) D(1,20,21,22)";
	expect_rows("mariadb-11.8", "generated",
		    "I(1,10,11,12) U(1,10,-,-)>(1,20,-,-) D(1,20,-,-)");
	expect_rows("mariadb-10.11", "generated", with);
	expect_rows("mysql-8.0", "generated", with);
	expect_rows("mysql-9.7", "generated", with);
}

/* System versioning: an UPDATE is an update and an insert of history, a DELETE an update. */
static void system_versioning(void **state)
{
	(void)state;
	static const char *const servers[] = {"mariadb-10.11", "mariadb-11.8"};
	for (size_t i = 0; i < 2; i++) {
		struct buf b;
		struct err err = {0};
		buf_init(&b);
		rows_as_text(servers[i], "versioned", &b, &err);
		assert_null(err.kind);
		assert_memory_equal(buf_cstr(&b), "I(1,2,?,?) U(1,2,?,?)>(1,3,?,?) I(1,2,?,?) "
						  "U(1,3,?,?)>(1,3,?,?) I(1,x,",
				    strlen("I(1,2,?,?) U(1,2,?,?)>(1,3,?,?) I(1,2,?,?) "
					   "U(1,3,?,?)>(1,3,?,?) I(1,x,"));
		buf_free(&b);
	}
}

/* COMPRESSED columns of MariaDB: 200 and 100 times a letter, and what follows them. */
static void compressed_columns(void **state)
{
	(void)state;
	static const char *const servers[] = {"mariadb-10.11", "mariadb-11.8"};
	char want[400], x[201] = "", y[101] = "";
	memset(x, 'x', 200);
	memset(y, 'y', 100);
	snprintf(want, sizeof(want), "I(1,%s,%s,z)", x, y);
	for (size_t i = 0; i < 2; i++)
		expect_rows(servers[i], "compressed_columns", want);
}

/* A partial update has the whole document in both its images. */
static void partial_json(void **state)
{
	(void)state;
	static const char want[] = "U(1,{\"a\":\"aaaaaaaaaaaaaaaaaaaaa\"})>(1,{\"a\":\"b\"})";
	expect_rows("mysql-8.0", "partial_json", want);
	expect_rows("mysql-9.7", "partial_json", want);
}

/* The first rows event of a dump with its table; `event` borrows from the feed. */
struct first {
	struct feed feed;
	struct arena arena;
	struct table table;
	struct event event;
};

static void first_rows(struct first *f, const char *server, const char *scenario)
{
	struct table_map map;
	struct err err = {0};
	f->feed = feed_open(server, scenario);
	arena_init(&f->arena);
	feed_until(&f->feed, STEP_TABLE_MAP);
	assert_int_equal(table_map_parse(&f->feed.stream.format, &f->feed.step.event, &f->arena,
					 &map, &err),
			 0);
	assert_int_equal(
		table_map_describe(&map, &f->feed.stream.format, &f->arena, &f->table, &err), 0);
	feed_until(&f->feed, STEP_ROWS);
	f->event = f->feed.step.event;
}

static void first_close(struct first *f)
{
	arena_free(&f->arena);
	feed_close(&f->feed);
}

/* What nobody wants is stepped over, whatever its type. */
static void skipped_types(void **state)
{
	(void)state;
	struct first f;
	struct rows_reader r;
	struct span image;
	struct err err = {0};
	first_rows(&f, "mariadb-10.11", "compressed_columns");
	assert_int_equal(rows_open(&r, &f.feed.stream.format, &f.event, &err), 0);
	assert_int_equal(rows_skip(&r, &f.table, &image, &err), 1);
	assert_int_equal(rows_skip(&r, &f.table, &image, &err), 0);
	first_close(&f);
	first_rows(&f, "mariadb-10.11", "compressed_columns");
	f.table.columns[1].type = COLUMN_TYPED_ARRAY; /* of unknown size */
	assert_int_equal(rows_open(&r, &f.feed.stream.format, &f.event, &err), 0);
	assert_int_equal(rows_skip(&r, &f.table, &image, &err), -ENOTSUP);
	assert_ptr_equal(err.kind, ERR_TYPE_UNSUPPORTED);
	first_close(&f);
}

/* The formats of MariaDB 5.3, whose digits only the catalogue tells. */
static void old_temporals(void **state)
{
	(void)state;
	struct first f;
	struct rows_reader r;
	struct span image;
	struct arena arena;
	struct value values[COLUMNS_MAX];
	struct err err = {0};
	first_rows(&f, "mariadb-10.11", "old_temporals");
	arena_init(&arena);
	f.table.columns[4].scale = 3;
	assert_int_equal(rows_open(&r, &f.feed.stream.format, &f.event, &err), 0);
	assert_int_equal(rows_next(&r, &f.table, &arena, NULL, values, &image, &err), 1);
	assert_int_equal(values[1].kind, VALUE_TIME);
	assert_int_equal(values[1].i, ((1 * 60 + 2) * 60 + 3) * INT64_C(1000000));
	assert_int_equal(values[4].kind, VALUE_TIME);
	assert_int_equal(values[4].i, 1500000);
	assert_int_equal(rows_next(&r, &f.table, &arena, NULL, values, &image, &err), 0);
	arena_free(&arena);
	first_close(&f);
}

static void another_column_count(void **state)
{
	(void)state;
	struct first f;
	struct rows_reader r;
	struct span image;
	struct value values[COLUMNS_MAX];
	struct err err = {0};
	first_rows(&f, "mysql-8.0", "image_full");
	assert_int_equal(rows_open(&r, &f.feed.stream.format, &f.event, &err), 0);
	f.table.ncolumns--;
	assert_int_equal(rows_next(&r, &f.table, &f.arena, values, values, &image, &err), -EINVAL);
	assert_ptr_equal(err.kind, ERR_SCHEMA_MISMATCH);
	assert_non_null(strstr(err.text, "v.img has 4 columns"));
	first_close(&f);
}

/* Reads all rows of a body that may be damaged; -errno, or how many there were. */
static int read_all(const struct first *f, const uint8_t *body, size_t len, struct err *err)
{
	struct event e = f->event;
	struct rows_reader r;
	struct value before[COLUMNS_MAX], after[COLUMNS_MAX];
	struct arena values;
	struct span image;
	int n = 0, rc;
	e.body = (struct span){body, len};
	rc = rows_open(&r, &f->feed.stream.format, &e, err);
	arena_init(&values);
	while (rc == 0 &&
	       (rc = rows_next(&r, &f->table, &values, before, after, &image, err)) > 0) {
		assert_true(image.p >= body && image.p + image.len <= body + len);
		n++;
		rc = 0;
		if (n > 1000000)
			fail_msg("rows without end");
	}
	arena_free(&values);
	return rc < 0 ? rc : n;
}

/* Cut at any place: fewer rows or an error, and no byte read behind the end. */
static void short_events(void **state)
{
	(void)state;
	for (const char *const *server = all_servers; *server; server++) {
		struct first f;
		first_rows(&f, *server, "image_full");
		int whole = 0, refused = 0;
		for (size_t n = 0; n <= f.event.body.len; n++) {
			uint8_t *copy = malloc(n ? n : 1);
			struct err err = {0};
			memcpy(copy, f.event.body.p, n);
			int rc = read_all(&f, copy, n, &err);
			refused += rc < 0;
			if (rc < 0)
				assert_ptr_equal(err.kind, ERR_EVENT_CORRUPT);
			if (n == f.event.body.len)
				whole = rc;
			free(copy);
		}
		assert_int_equal(whole, 2);
		assert_true(refused > (int)f.event.body.len / 2);
		first_close(&f);
	}
}

/* Nothing present and bytes all the same: it would never end. */
static void rows_without_bytes(void **state)
{
	(void)state;
	struct first f;
	struct err err = {0};
	/* table id, flags, no extra data, 5 columns, none present, 3 bytes */
	static const uint8_t body[] = {1, 0, 0, 0, 0, 0, 1, 0, 2, 0, 5, 0, 9, 9, 9};
	first_rows(&f, "mysql-8.0", "image_full");
	assert_int_equal(read_all(&f, body, sizeof(body), &err), -EBADMSG);
	assert_int_equal(read_all(&f, body, sizeof(body) - 3, &err), 1);
	first_close(&f);
}

static void extra_data(void **state)
{
	(void)state;
	struct first f;
	struct err err = {0};
	first_rows(&f, "mysql-8.0", "image_full");
	size_t len = f.event.body.len;
	uint8_t *body = malloc(len + 5);
	memcpy(body, f.event.body.p, 8);
	store_le16(body + 8, 7); /* its own 2 bytes and 5 more */
	memset(body + 10, 0xee, 5);
	memcpy(body + 15, f.event.body.p + 10, len - 10);
	assert_int_equal(read_all(&f, body, len + 5, &err), 2);
	store_le16(body + 8, 1); /* less than itself */
	assert_int_equal(read_all(&f, body, len + 5, &err), -EBADMSG);
	free(body);
	first_close(&f);
}

/*
 * Diffs stand behind a length of as many bytes as the column's metadata says: all servers
 * say 4, but rows_next() and rows_skip() must go the same way whatever an event says.
 */
static void diffs_of_a_short_length(void **state)
{
	(void)state;
	/* table id, flags, no extra data, 2 columns; before: id; after: both; the row */
	static const uint8_t body[] = {1, 0, 0, 0, 0, 0, 1, 0, 2, 0, 2, 1, 3, 0, 7, 0,
				       0, 0, 1, 1, 0, 7, 0, 0, 0, 5, 0, 2, 3, '$', '.', 'a'};
	struct column columns[2] = {{.type = COLUMN_LONG}, {.type = COLUMN_JSON, .max_bytes = 2}};
	struct table table = {.ncolumns = 2, .columns = columns};
	struct binlog_format f = {.version = 90700, .known = true};
	struct event e = {.type = EVENT_PARTIAL_UPDATE_ROWS, .body = {body, sizeof(body)}};
	struct rows_reader r, s;
	struct value before[2], after[2];
	struct span image, skipped;
	struct arena arena;
	struct err err = {0};
	arena_init(&arena);
	assert_int_equal(rows_open(&r, &f, &e, &err), 0);
	s = r;
	assert_int_equal(rows_next(&r, &table, &arena, before, after, &image, &err), 1);
	assert_int_equal(rows_skip(&s, &table, &skipped, &err), 1);
	assert_ptr_equal(skipped.p, image.p);
	assert_int_equal(skipped.len, image.len);
	assert_int_equal(cursor_left(&r.cur), 0);
	assert_int_equal(after[1].kind, VALUE_JSON_DIFF);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_images),
		cmocka_unit_test(minimal_images),
		cmocka_unit_test(noblob_images),
		cmocka_unit_test(nodup_images),
		cmocka_unit_test(functional_index),
		cmocka_unit_test(cascades),
		cmocka_unit_test(generated_columns),
		cmocka_unit_test(system_versioning),
		cmocka_unit_test(compressed_columns),
		cmocka_unit_test(partial_json),
		cmocka_unit_test(diffs_of_a_short_length),
		cmocka_unit_test(old_temporals),
		cmocka_unit_test(skipped_types),
		cmocka_unit_test(another_column_count),
		cmocka_unit_test(short_events),
		cmocka_unit_test(rows_without_bytes),
		cmocka_unit_test(extra_data),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
