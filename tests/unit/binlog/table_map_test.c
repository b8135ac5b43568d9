/* table_map_test.c - definitions from TABLE_MAP events (binlog.md 5, 6). */
#include "tests/unit/binlog/vectors.h"

#include "common/base/arena.h"
#include "common/contract/errors.h"
#include "core/binlog/rows.h"
#include "core/binlog/table_map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The definition of the first table of that name in a dump. */
struct found {
	struct arena arena;
	struct binlog_format format;
	struct table_map map;
	struct table table;
};

static void find_map(struct found *f, const char *server, const char *scenario, const char *name)
{
	struct feed feed = feed_open(server, scenario);
	struct err err = {0};
	arena_init(&f->arena);
	do {
		feed_until(&feed, STEP_TABLE_MAP);
		assert_int_equal(table_map_parse(&feed.stream.format, &feed.step.event, &f->arena,
						 &f->map, &err),
				 0);
	} while (f->map.name.len != strlen(name) ||
		 memcmp(f->map.name.p, name, f->map.name.len) != 0);
	f->format = feed.stream.format;
	feed_close(&feed);
}

static void describe(struct found *f)
{
	struct err err = {0};
	if (table_map_describe(&f->map, &f->format, &f->arena, &f->table, &err) < 0)
		fail_msg("%s", err.text);
}

static void find(struct found *f, const char *server, const char *scenario, const char *name)
{
	find_map(f, server, scenario, name);
	describe(f);
}

/* '+' unsigned, '-' signed; "" when the table's signs are not known */
static void expect_signs(struct found *f, const char *signs)
{
	assert_int_equal(f->table.signs_known, signs[0] != 0);
	for (uint32_t i = 0; signs[i]; i++)
		assert_int_equal(f->table.columns[i].is_unsigned, signs[i] == '+');
}

/*
 * YEAR has a bit among the signs on MariaDB and MySQL 9.7, none on 8.0.15. The tables:
 * y1 (id +, y, a +, b -), y2 (id, y, a, b: all -), y3 (id -, y, s0..s5 -, z +), y4 (id -).
 */
static void year_counts(void **state)
{
	(void)state;
	static const char *const servers[] = {"mariadb-10.11", "mariadb-11.8", "mysql-8.0",
					      "mysql-9.7"};
	for (size_t i = 0; i < 4; i++) {
		struct found f;
		find(&f, servers[i], "year_between", "y1");
		expect_signs(&f, "+-+-");
		arena_free(&f.arena);
		find(&f, servers[i], "year_between", "y2");
		expect_signs(&f, "----");
		arena_free(&f.arena);
		find(&f, servers[i], "year_between", "y3");
		expect_signs(&f, "--------+");
		arena_free(&f.arena);
		find(&f, servers[i], "year_between", "y4");
		expect_signs(&f, "---");
		arena_free(&f.arena);
	}
}

/*
 * Between 8.0.15 and 8.0.29 nobody knows: only where the field's length decides (y3) or
 * both readings agree (y2 as 8.0.15 wrote it) are the signs known.
 */
static void year_undecided(void **state)
{
	(void)state;
	static const char *const servers[] = {"mysql-8.0", "mysql-9.7"};
	for (size_t i = 0; i < 2; i++) {
		struct found f;
		find_map(&f, servers[i], "year_between", "y1");
		f.format.version = 80020;
		describe(&f);
		expect_signs(&f, "");
		arena_free(&f.arena);
		find_map(&f, servers[i], "year_between", "y2");
		f.format.version = 80020;
		describe(&f);
		expect_signs(&f, i == 0 ? "----" : ""); /* 9.7 sets YEAR's bit */
		arena_free(&f.arena);
		find_map(&f, servers[i], "year_between", "y3");
		f.format.version = 80020;
		describe(&f);
		expect_signs(&f, "--------+");
		arena_free(&f.arena);
	}
}

/* A field whose length does not fit the version's rule is not used. */
static void year_misfit(void **state)
{
	(void)state;
	struct found f;
	find_map(&f, "mysql-8.0", "year_between", "y3"); /* 8 numbers: 1 byte */
	f.format.version = 90000;                        /* which would count 9 */
	describe(&f);
	expect_signs(&f, "");
	arena_free(&f.arena);
}

static bool name_is(const struct column *col, const char *name)
{
	return col->name.len == strlen(name) && memcmp(col->name.p, name, col->name.len) == 0;
}

/* Columns that information_schema does not show (binlog.md 6). */
static void hidden_columns(void **state)
{
	(void)state;
	struct found f;
	find(&f, "mariadb-10.11", "versioned", "lu");
	assert_int_equal(f.table.ncolumns, 3);
	assert_true(name_is(&f.table.columns[2], "DB_ROW_HASH_1"));
	assert_true(f.table.columns[2].hidden);
	assert_false(f.table.columns[1].hidden);
	arena_free(&f.arena);
	find(&f, "mariadb-11.8", "versioned", "sv");
	assert_int_equal(f.table.ncolumns, 4);
	assert_true(name_is(&f.table.columns[2], "row_start"));
	arena_free(&f.arena);
	/* MySQL 9.7 leaves the columns of functional indexes out of the event. */
	find(&f, "mysql-9.7", "functional", "f");
	assert_int_equal(f.table.ncolumns, 3);
	arena_free(&f.arena);
	find(&f, "mysql-8.0", "functional", "f");
	assert_int_equal(f.table.ncolumns, 3); /* id, a, and one without a place in rows */
	arena_free(&f.arena);
}

static void invisible_primary_key(void **state)
{
	(void)state;
	struct found f;
	find(&f, "mysql-9.7", "types_full", "gipk");
	assert_true(name_is(&f.table.columns[0], "my_row_id"));
	assert_int_equal(f.table.nkey, 1);
	assert_int_equal(f.table.key[0], 0);
	assert_true(f.table.columns[0].is_unsigned);
	arena_free(&f.arena);
}

/* CHAR(255) of utf8mb4: `cefc` is a CHAR of 1020 bytes (binlog.md 9). */
static void long_char(void **state)
{
	(void)state;
	struct found f;
	find(&f, "mysql-8.0", "types_full", "strings");
	assert_int_equal(f.map.columns[2].meta, 0xcefc);
	assert_int_equal(f.table.columns[2].type, COLUMN_STRING);
	assert_int_equal(f.table.columns[2].max_bytes, 1020);
	assert_int_equal(f.table.columns[1].max_bytes, 40);
	arena_free(&f.arena);
}

static void labels(void **state)
{
	(void)state;
	struct found f;
	find(&f, "mysql-9.7", "types_full", "labels");
	const struct column *e = &f.table.columns[1], *el = &f.table.columns[2];
	assert_int_equal(e->nlabels, 5);
	assert_memory_equal(e->labels[2].p, "\xf0\x9f\x98\x80", 4);
	assert_int_equal(el->labels[0].len, 2); /* one byte of latin1 */
	assert_memory_equal(el->labels[0].p, "\xc3\xa9", 2);
	assert_int_equal(el->labels[1].len, 3);
	assert_memory_equal(el->labels[1].p, "\xe2\x82\xac", 3);
	assert_int_equal(f.table.columns[3].max_bytes, 2); /* 300 labels */
	assert_int_equal(f.table.columns[6].max_bytes, 8); /* a SET of 64 */
	arena_free(&f.arena);
}

/* Every id of every server's list: right, or CHARSET_OTHER. */
static void collations(void **state)
{
	(void)state;
	char *text = text_load("", "collations.txt"), *rest = text, *line;
	unsigned known = 0;
	while ((line = strsep(&rest, "\n")) && *line) {
		uint32_t id = (uint32_t)strtoul(strsep(&line, "\t"), NULL, 10);
		enum charset is = collation_charset(id), expected = CHARSET_OTHER;
		if (strncmp(line, "utf8", 4) == 0 || strcmp(line, "ascii") == 0)
			expected = CHARSET_UTF8;
		else if (strcmp(line, "latin1") == 0)
			expected = CHARSET_LATIN1;
		else if (strcmp(line, "binary") == 0)
			expected = CHARSET_BINARY;
		if (is != expected)
			fail_msg("collation %u (%s) is taken for %d", id, line, is);
		known++;
	}
	assert_true(known > 1000);
	assert_int_equal(collation_charset(0), CHARSET_OTHER);
	assert_int_equal(collation_charset(UINT32_MAX), CHARSET_OTHER);
	free(text);
}

/* The next TABLE_MAP of the same table says the same; of another id it does not. */
static void sameness(void **state)
{
	(void)state;
	for (const char *const *server = all_servers; *server; server++) {
		struct feed feed = feed_open(*server, "image_full");
		struct arena arena;
		struct table_map map;
		struct err err = {0};
		uint64_t id;
		arena_init(&arena);
		feed_until(&feed, STEP_TABLE_MAP);
		assert_int_equal(table_map_parse(&feed.stream.format, &feed.step.event, &arena,
						 &map, &err),
				 0);
		assert_int_equal(table_map_id(&feed.stream.format, &feed.step.event, &id, &err), 0);
		assert_int_equal(id, map.table_id);
		feed_until(&feed, STEP_ROWS);
		assert_int_equal(table_map_id(&feed.stream.format, &feed.step.event, &id, &err), 0);
		assert_int_equal(id, map.table_id);
		feed_until(&feed, STEP_TABLE_MAP);
		assert_true(table_map_same(&map, &feed.step.event));
		for (int i = 0; i < 4; i++)
			feed_until(&feed, STEP_TABLE_MAP); /* of the table nokey */
		assert_false(table_map_same(&map, &feed.step.event));
		arena_free(&arena);
		feed_close(&feed);
	}
}

/* --- made by hand ------------------------------------------------------------------- */

static const struct binlog_format mysql9 = {
	.flavor = FLAVOR_MYSQL,
	.known = true,
	.version = 90700,
	.post_header_len = {[EVENT_TABLE_MAP] = 8},
};

/* One TABLE_MAP body in memory of its exact size. */
static int parse_body(const void *body, size_t len, struct arena *arena, struct table_map *ret,
		      struct err *err)
{
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, body, len);
	struct event e = {.type = EVENT_TABLE_MAP, .body = {copy, len}};
	int rc = table_map_parse(&mysql9, &e, arena, ret, err);
	free(copy);
	return rc;
}

#define HEAD "\1\0\0\0\0\0\0\0\1v\0\1t\0"
#define BODY(text) text, sizeof(text) - 1

static void typed_array(void **state)
{
	(void)state;
	struct arena arena;
	struct table_map map;
	struct table t;
	struct err err = {0};
	arena_init(&arena);
	/* INT, array of VARCHAR (3 bytes of metadata), array of DECIMAL (2), VARCHAR(10) */
	assert_int_equal(parse_body(BODY(HEAD "\4\x03\x14\x14\x0f\x09\x0f\xc8\x00\x00\xf6"
						  "\x0a\x02\x0a\x00\x0f"),
				    &arena, &map, &err),
			 0);
	assert_int_equal(table_map_describe(&map, &mysql9, &arena, &t, &err), 0);
	assert_int_equal(t.columns[1].type, COLUMN_TYPED_ARRAY);
	assert_int_equal(t.columns[3].max_bytes, 10);
	arena_free(&arena);
}

static void unknown_type(void **state)
{
	(void)state;
	struct arena arena;
	struct table_map map;
	struct err err = {0};
	arena_init(&arena);
	assert_int_equal(parse_body(BODY(HEAD "\2\x03\xc8\0\0"), &arena, &map, &err), -ENOTSUP);
	assert_ptr_equal(err.kind, ERR_TYPE_UNSUPPORTED);
	assert_non_null(strstr(err.text, "v.t"));
	assert_non_null(strstr(err.text, "column 2"));
	assert_non_null(strstr(err.text, "200"));
	arena_free(&arena);
}

/* Unknown optional fields are stepped over by their length. */
static void unknown_field(void **state)
{
	(void)state;
	struct arena arena;
	struct table_map map;
	struct table t;
	struct err err = {0};
	arena_init(&arena);
	assert_int_equal(parse_body(BODY(HEAD "\1\x03\0\0\xc8\5xxxxx\x01\1\x80\0\2yy\4\2\1a"),
				    &arena, &map, &err),
			 0);
	assert_int_equal(table_map_describe(&map, &mysql9, &arena, &t, &err), 0);
	assert_true(t.names_known && t.signs_known);
	assert_true(t.columns[0].is_unsigned);
	assert_true(name_is(&t.columns[0], "a"));
	arena_free(&arena);
}

/* What no server writes. */
static void misfits(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		size_t len;
		bool parses;
	} bodies[] = {
		{"", 0, false},
		{BODY(HEAD "\0\0\0"), false},                  /* no columns */
		{BODY(HEAD "\1\x03\1\0\0"), false},             /* metadata left over */
		{BODY(HEAD "\1\xf6\1\x0a\0"), false},           /* too little of it */
		{BODY(HEAD "\1\x03\0\0\4\5\1a"), false},        /* a field beyond the end */
		{BODY(HEAD "\1\x03\0\0\4\3\1ab"), true},        /* two names for one column */
		{BODY(HEAD "\1\x03\0\0\4\2\2a"), true},         /* a name beyond its field */
		{BODY(HEAD "\1\x03\0\0\4\2\1a\x08\1\1"), true}, /* a key column that is not */
		{BODY(HEAD "\1\x03\0\0\4\2\1a\x08\2\0\0"), true}, /* more of them than columns */
		{BODY(HEAD "\1\xf6\2\x42\x02\0"), true},        /* DECIMAL(66,2) */
		{BODY(HEAD "\1\xf6\2\x04\x05\0"), true},        /* DECIMAL(4,5) */
		{BODY(HEAD "\1\xf6\2\0\0\0"), true},            /* DECIMAL(0,0) */
		{BODY(HEAD "\1\x10\2\1\x08\0"), true},          /* BIT(65) */
		{BODY(HEAD "\1\x10\2\0\0\0"), true},            /* BIT(0) */
		{BODY(HEAD "\1\x12\1\7\0"), true},              /* DATETIME(7) */
		{BODY(HEAD "\1\xfc\1\5\0"), true},              /* a BLOB's length of 5 bytes */
		{BODY(HEAD "\1\xfc\1\0\0"), true},
		{BODY(HEAD "\1\xfe\2\xf7\3\0"), true},          /* ENUM of 3 bytes */
		{BODY(HEAD "\1\xfe\2\xf8\x09\0"), true},        /* SET of 9 */
		{BODY(HEAD "\1\xfe\2\xf1\1\0"), true},          /* STRING of some other type */
		{BODY(HEAD "\1\xfe\2\xf7\1\0\6\2\xfa" "a"), true}, /* 250 labels in a byte */
		{BODY(HEAD "\1\xfe\2\xf7\1\0\6\3\1\1a" "\6\1\1"), true},
	};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct arena arena;
		struct table_map map;
		struct table t = {.ncolumns = 77};
		struct err err = {0};
		arena_init(&arena);
		int rc = parse_body(bodies[i].body, bodies[i].len, &arena, &map, &err);
		assert_int_equal(rc, bodies[i].parses ? 0 : -EBADMSG);
		if (rc == 0) {
			if (table_map_describe(&map, &mysql9, &arena, &t, &err) != -EBADMSG)
				fail_msg("body %zu was taken", i);
			assert_int_equal(t.ncolumns, 77); /* untouched on failure */
		}
		assert_ptr_equal(err.kind, ERR_EVENT_CORRUPT);
		arena_free(&arena);
	}
}

/* Every TABLE_MAP of the type vectors, cut at every place: an error or a table, no crash. */
static void short_bodies(void **state)
{
	(void)state;
	unsigned refused = 0;
	for (const char *const *server = all_servers; *server; server++) {
		const char *scenario = dump_exists(*server, "types_full") ? "types_full"
									  : "types_minimal";
		struct dump d = dump_load(*server, scenario);
		struct span bytes;
		uint64_t last = 0;
		while (dump_next(&d, &bytes)) {
			if (bytes.p[4] != EVENT_TABLE_MAP ||
			    load_le48(bytes.p + EVENT_HEADER_LEN) == last)
				continue;
			last = load_le48(bytes.p + EVENT_HEADER_LEN);
			for (size_t n = 0; n < bytes.len - EVENT_HEADER_LEN - EVENT_CRC_LEN; n++) {
				struct arena arena;
				struct table_map map;
				struct table t;
				struct err err = {0};
				arena_init(&arena);
				if (parse_body(bytes.p + EVENT_HEADER_LEN, n, &arena, &map, &err) <
					    0 ||
				    table_map_describe(&map, &mysql9, &arena, &t, &err) < 0)
					refused++;
				arena_free(&arena);
			}
		}
		dump_free(&d);
	}
	assert_true(refused > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(year_counts),    cmocka_unit_test(year_undecided),
		cmocka_unit_test(year_misfit),    cmocka_unit_test(hidden_columns),
		cmocka_unit_test(invisible_primary_key),
		cmocka_unit_test(long_char),      cmocka_unit_test(labels),
		cmocka_unit_test(collations),     cmocka_unit_test(sameness),
		cmocka_unit_test(typed_array),    cmocka_unit_test(unknown_type),
		cmocka_unit_test(unknown_field),  cmocka_unit_test(misfits),
		cmocka_unit_test(short_bodies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
