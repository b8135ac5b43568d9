/*
 * schema_test.c - definitions out of a map, a catalogue, or both: what is asked, what is
 * kept, what is refused.
 *
 * The catalogue is a table of the test's; shapes of hidden columns are those that
 * MariaDB 10.11, MySQL 8.0.15 and 9.7 sent.
 */
#include "common/contract/errors.h"
#include "core/schema/schema.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MAX 16

static struct span text(const char *s)
{
	return (struct span){(const uint8_t *)s, strlen(s)};
}

static void assert_span(struct span got, const char *want)
{
	if (got.len != strlen(want) ||
	    memcmp(got.p ? got.p : (const uint8_t *)"", want, got.len) != 0)
		fail_msg("\"%.*s\" is not \"%s\"", (int)got.len, (const char *)got.p, want);
}

/* ------------------------------------------------------- a catalogue */

struct server {
	struct catalog_column columns[MAX];
	uint32_t ncolumns;
	uint32_t key[MAX];
	uint32_t nkey;
	bool versioned;
	uint32_t hidden_by_keys;
	bool gone;
	int fail;	       /* the connection's error */
	struct server *second; /* what a second question finds */
	unsigned asked;
	unsigned charsets_asked;
	struct schema *schema;
};

static int server_table(void *ctx, struct span db, struct span name, enum schema_want want,
			struct arena *arena, struct catalog_table *ret, struct err *err)
{
	(void)want;
	struct server *s = ctx;
	struct server *now = s->second && s->asked ? s->second : s;
	s->asked++;
	if (now->fail)
		return err_set(err, now->fail, ERR_SOURCE_LOST, "lost");
	if (now->gone)
		return err_set(err, -ENOENT, ERR_SCHEMA_MISSING, "shows no columns");
	/* In the arena, so that a result which points there is found out. */
	struct catalog_column *c = arena_alloc(arena, sizeof(now->columns));
	uint32_t *key = arena_alloc(arena, sizeof(now->key));
	memcpy(c, now->columns, sizeof(now->columns));
	memcpy(key, now->key, sizeof(now->key));
	for (uint32_t i = 0; i < now->ncolumns; i++) {
		c[i].name.p = (uint8_t *)arena_strndup(arena, c[i].name.p, c[i].name.len);
		c[i].column_type.p =
			(uint8_t *)arena_strndup(arena, c[i].column_type.p, c[i].column_type.len);
	}
	*ret = (struct catalog_table){
		.db = db,
		.name = name,
		.ncolumns = now->ncolumns,
		.columns = c,
		.nkey = now->nkey,
		.key = key,
		.versioned = now->versioned,
		.hidden_by_keys = now->hidden_by_keys,
	};
	return 0;
}

static int server_charset(void *ctx, uint32_t collation, struct arena *arena, struct span *ret,
			  struct err *err)
{
	struct server *s = ctx;
	s->charsets_asked++;
	const char *name = collation == 28 ? "gbk" : collation == 2304 ? "utf8mb4" : NULL;
	if (!name)
		return err_set(err, -ENOENT, ERR_TYPE_UNSUPPORTED, "no collation %u", collation);
	*ret = (struct span){(uint8_t *)arena_strndup(arena, name, strlen(name)), strlen(name)};
	return 0;
}

static struct catalog_column *add(struct server *s, const char *name, const char *data_type,
				  const char *column_type)
{
	struct catalog_column *c = &s->columns[s->ncolumns];
	*c = (struct catalog_column){
		.name = text(name),
		.place = s->ncolumns++,
		.data_type = text(data_type),
		.column_type = text(column_type),
		.is_unsigned = strstr(column_type, "unsigned"),
		.charset = text(""),
	};
	return c;
}

static struct schema *schema_of(struct server *s)
{
	const struct schema_source source = {
		.ctx = s, .table = server_table, .charset = server_charset};
	s->schema = schema_new(&source);
	assert_non_null(s->schema);
	return s->schema;
}

/* ------------------------------------------------------- a map */

struct map {
	struct table table;
	struct column columns[MAX];
	uint32_t key[MAX];
};

static struct map *map_of(struct map *m, const uint8_t *types, uint32_t n)
{
	*m = (struct map){.table = {.db = text("shop"), .name = text("item"), .table_id = 100}};
	for (uint32_t i = 0; i < n; i++)
		m->columns[i] = (struct column){.type = types[i], .nullable = true};
	m->table.ncolumns = n;
	m->table.columns = m->columns;
	m->table.key = m->key;
	return m;
}

static void name_columns(struct map *m, const char *const *names)
{
	for (uint32_t i = 0; i < m->table.ncolumns; i++)
		m->columns[i].name = text(names[i]);
	m->table.names_known = m->table.signs_known = m->table.charsets_known = true;
	m->table.labels_known = m->table.key_known = true;
}

static const struct table *resolve(struct server *s, const struct map *m)
{
	struct err err = {0};
	const struct table *t = NULL;
	int rc = schema_resolve(s->schema, &m->table, &t, &err);
	if (rc)
		fail_msg("%d: %s", rc, err.text);
	return t;
}

/* ------------------------------------------------------- tests */

static const uint8_t plain_types[] = {COLUMN_LONG, COLUMN_VARCHAR, COLUMN_NEWDECIMAL, COLUMN_TINY,
				      COLUMN_ENUM};

static struct span colors[] = {{(const uint8_t *)"red", 3}, {(const uint8_t *)"blue", 4}};

static void plain_server(struct server *s)
{
	*s = (struct server){0};
	add(s, "id", "int", "int(10) unsigned");
	add(s, "name", "varchar", "varchar(20)")->charset = text("latin1");
	add(s, "price", "decimal", "decimal(10,2)");
	add(s, "active", "tinyint", "tinyint(1)");
	struct catalog_column *c = add(s, "color", "enum", "enum('red','blue')");
	c->charset = text("utf8mb4");
	c->labels = colors;
	c->nlabels = 2;
	s->nkey = 1;
	s->key[0] = 0;
}

/* binlog_row_metadata=NO_LOG: the map knows types only. */
static void bare_map_is_completed(void **state)
{
	(void)state;
	struct server s;
	struct map m;
	plain_server(&s);
	schema_of(&s);
	const struct table *t = resolve(&s, map_of(&m, plain_types, 5));
	assert_int_equal(s.asked, 1);
	assert_true(t->names_known && t->signs_known && t->charsets_known && t->labels_known &&
		    t->key_known);
	assert_span(t->db, "shop");
	assert_span(t->columns[0].name, "id");
	assert_true(t->columns[0].is_unsigned);
	assert_span(t->columns[1].name, "name");
	assert_int_equal(t->columns[1].charset, CHARSET_LATIN1);
	assert_span(t->columns[2].column_type, "decimal(10,2)");
	assert_int_equal(t->columns[2].charset, CHARSET_NONE);
	assert_true(t->columns[3].boolean);
	assert_false(t->columns[0].boolean);
	assert_int_equal(t->columns[4].charset, CHARSET_UTF8);
	assert_int_equal(t->columns[4].nlabels, 2);
	assert_span(t->columns[4].labels[1], "blue");
	assert_int_equal(t->nkey, 1);
	assert_int_equal(t->key[0], 0);
	schema_free(s.schema);
}

/* MINIMAL: signs and character sets are the event's, though the catalogue differs. */
static void what_the_map_says_is_kept(void **state)
{
	(void)state;
	struct server s;
	struct map m;
	plain_server(&s);
	schema_of(&s);
	map_of(&m, plain_types, 5);
	m.table.signs_known = true; /* id is signed in the event */
	m.columns[1].collation = 45;
	m.columns[1].charset = CHARSET_UTF8;
	const struct table *t = resolve(&s, &m);
	assert_false(t->columns[0].is_unsigned);
	assert_int_equal(t->columns[1].charset, CHARSET_UTF8);
	assert_span(t->columns[1].name, "name");
	schema_free(s.schema);
}

static void full_map_asks_nothing(void **state)
{
	(void)state;
	struct server s;
	struct map m;
	static const char *const names[] = {"a", "b", "c", "d", "e"};
	plain_server(&s);
	s.gone = true;
	schema_of(&s);
	name_columns(map_of(&m, plain_types, 5), names);
	m.columns[4].labels = colors;
	m.columns[4].nlabels = 2;
	m.columns[1].charset = CHARSET_UTF8;
	m.table.nkey = 2;
	m.key[0] = 2;
	m.key[1] = 1;
	const struct table *t = resolve(&s, &m);
	assert_int_equal(s.asked, 0);
	assert_span(t->columns[3].name, "d");
	assert_false(t->columns[3].boolean);
	assert_int_equal(t->nkey, 2);
	assert_int_equal(t->key[0], 2);
	/* A copy: the map's memory may go. */
	memset(&m, 0xee, sizeof(m));
	assert_span(t->columns[4].labels[0], "red");
	assert_int_equal(t->key[1], 1);
	schema_free(s.schema);
}

static void one_question_a_shape(void **state)
{
	(void)state;
	struct server s;
	struct map m;
	plain_server(&s);
	schema_of(&s);
	const struct table *first = resolve(&s, map_of(&m, plain_types, 5));
	m.table.table_id = 101;
	const struct table *again = resolve(&s, &m);
	assert_ptr_equal(first, again);
	assert_int_equal(again->table_id, 101);
	assert_int_equal(s.asked, 1);
	m.table.name = text("other");
	resolve(&s, &m);
	assert_int_equal(s.asked, 2);
	m.table.name = text("item");
	m.columns[1].max_bytes = 80; /* the column was widened */
	resolve(&s, &m);
	assert_int_equal(s.asked, 3);
	m.columns[1].nullable = false;
	resolve(&s, &m);
	assert_int_equal(s.asked, 4);
	schema_free(s.schema);
}

/* "ab" + "c" is not "a" + "bc". */
static void names_do_not_run_together(void **state)
{
	(void)state;
	struct server s;
	struct map m;
	plain_server(&s);
	schema_of(&s);
	map_of(&m, plain_types, 5);
	m.table.db = text("ab");
	m.table.name = text("c");
	const struct table *one = resolve(&s, &m);
	m.table.db = text("a");
	m.table.name = text("bc");
	assert_ptr_not_equal(one, resolve(&s, &m));
	assert_int_equal(s.asked, 2);
	schema_free(s.schema);
}

static void ddl_forgets(void **state)
{
	(void)state;
	struct server s;
	struct map a, b;
	plain_server(&s);
	schema_of(&s);
	map_of(&a, plain_types, 5);
	map_of(&b, plain_types, 5);
	b.table.name = text("order");
	resolve(&s, &a);
	resolve(&s, &b);
	assert_int_equal(s.asked, 2);
	schema_invalidate(s.schema, text("shop"), text("item"));
	resolve(&s, &b);
	assert_int_equal(s.asked, 2);
	resolve(&s, &a);
	assert_int_equal(s.asked, 3);
	schema_invalidate(s.schema, text("elsewhere"), text(""));
	resolve(&s, &a);
	assert_int_equal(s.asked, 3);
	schema_invalidate(s.schema, text("shop"), text(""));
	resolve(&s, &a);
	resolve(&s, &b);
	assert_int_equal(s.asked, 5);
	schema_invalidate(s.schema, text(""), text(""));
	resolve(&s, &a);
	assert_int_equal(s.asked, 6);
	schema_free(s.schema);
}

static void assert_refused(struct server *s, const struct map *m, int rc,
			   const struct err_kind *kind, const char *const *words)
{
	struct err err = {0};
	const struct table *t = (const struct table *)"untouched";
	assert_int_equal(schema_resolve(s->schema, &m->table, &t, &err), rc);
	assert_string_equal((const char *)t, "untouched");
	assert_ptr_equal(err.kind, kind);
	for (; *words; words++)
		if (!strstr(err.text, *words))
			fail_msg("\"%s\" is not in: %s", *words, err.text);
}

static void another_number_of_columns_is_refused(void **state)
{
	(void)state;
	struct server s;
	struct map m;
	static const char *const words[] = {"shop.item", "4 columns (int, varchar/varbinary, ",
					    "5 (id int, name varchar", "binlog_row_metadata=FULL",
					    NULL};
	plain_server(&s);
	schema_of(&s);
	assert_refused(&s, map_of(&m, plain_types, 4), -ESTALE, ERR_SCHEMA_MISMATCH, words);
	assert_int_equal(s.asked, 2);
	/* A user who may see some of the columns only is not shown hidden ones. */
	static const uint8_t more[] = {COLUMN_LONG, COLUMN_VARCHAR, COLUMN_NEWDECIMAL,
				       COLUMN_TINY, COLUMN_ENUM,    COLUMN_TIMESTAMP2};
	static const char *const seen[] = {"may not see all columns", "6 columns", NULL};
	assert_refused(&s, map_of(&m, more, 6), -ESTALE, ERR_SCHEMA_MISMATCH, seen);
	schema_free(s.schema);
}

static void another_type_is_refused(void **state)
{
	(void)state;
	struct server s;
	struct map m;
	static const char *const words[] = {"column 3 differs", "datetime", "price decimal", NULL};
	static const uint8_t types[] = {COLUMN_LONG, COLUMN_VARCHAR, COLUMN_DATETIME2, COLUMN_TINY,
					COLUMN_ENUM};
	plain_server(&s);
	schema_of(&s);
	assert_refused(&s, map_of(&m, types, 5), -ESTALE, ERR_SCHEMA_MISMATCH, words);
	schema_free(s.schema);
}

/* Two catalogue reads: the first while the table was altered. */
static void second_question_may_help(void **state)
{
	(void)state;
	struct server s, later;
	struct map m;
	plain_server(&s);
	plain_server(&later);
	s.ncolumns = 3;
	s.second = &later;
	schema_of(&s);
	assert_span(resolve(&s, map_of(&m, plain_types, 5))->columns[4].name, "color");
	assert_int_equal(s.asked, 2);
	schema_free(s.schema);
}

static void missing_table_and_lost_connection(void **state)
{
	(void)state;
	struct server s;
	struct map m;
	static const char *const missing[] = {"shop.item", "shows no columns", NULL};
	static const char *const lost[] = {"lost", NULL};
	plain_server(&s);
	s.gone = true;
	schema_of(&s);
	map_of(&m, plain_types, 5);
	assert_refused(&s, &m, -ENOENT, ERR_SCHEMA_MISSING, missing);
	s.gone = false;
	s.fail = -ECONNRESET;
	assert_refused(&s, &m, -ECONNRESET, ERR_SOURCE_LOST, lost);
	s.fail = 0;
	resolve(&s, &m); /* nothing of the failures is kept */
	schema_free(s.schema);
}

/* A failed new shape leaves the known one in place. */
static void failure_keeps_what_is_known(void **state)
{
	(void)state;
	struct server s;
	struct map m, other;
	static const char *const none[] = {NULL};
	plain_server(&s);
	schema_of(&s);
	const struct table *t = resolve(&s, map_of(&m, plain_types, 5));
	assert_refused(&s, map_of(&other, plain_types, 4), -ESTALE, ERR_SCHEMA_MISMATCH, none);
	unsigned asked = s.asked;
	assert_ptr_equal(resolve(&s, &m), t);
	assert_int_equal(s.asked, asked);
	schema_free(s.schema);
}

/* ------------------------------------------------------- hidden columns */

static void mariadb_versioned_and_hash(void **state)
{
	(void)state;
	struct server s = {0};
	struct map m;
	static const uint8_t types[] = {COLUMN_LONG,	   COLUMN_BLOB,	      COLUMN_LONG,
					COLUMN_TIMESTAMP2, COLUMN_TIMESTAMP2, COLUMN_LONGLONG};
	add(&s, "id", "int", "int(11)");
	add(&s, "t", "text", "text")->charset = text("latin1");
	add(&s, "w", "int", "int(11)");
	s.nkey = 1;
	s.versioned = true;
	s.hidden_by_keys = 1;
	schema_of(&s);
	const struct table *t = resolve(&s, map_of(&m, types, 6));
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(t->columns[i].hidden, i >= 3);
	assert_int_equal(t->nkey, 1);
	/* The versions alone, and the hash alone. */
	s.hidden_by_keys = 0;
	assert_true(resolve(&s, map_of(&m, types, 5))->columns[4].hidden);
	s.hidden_by_keys = 1;
	s.versioned = false;
	static const uint8_t hashed[] = {COLUMN_LONG, COLUMN_BLOB, COLUMN_LONG, COLUMN_LONGLONG};
	assert_true(resolve(&s, map_of(&m, hashed, 4))->columns[3].hidden);
	schema_free(s.schema);
}

/* MySQL 8.0.15 after ALTER TABLE: hidden columns stand between visible ones. */
static void mysql_functional_index_in_the_middle(void **state)
{
	(void)state;
	struct server s = {0};
	struct map m;
	static const uint8_t types[] = {COLUMN_LONG,	COLUMN_LONG, COLUMN_VARCHAR,
					COLUMN_VARCHAR, COLUMN_LONG, COLUMN_LONGLONG,
					COLUMN_LONG};
	static const uint32_t places[] = {0, 1, 2, 4, 6};
	static const char *const names[] = {"q", "id", "v", "w", "z"};
	for (uint32_t i = 0; i < 5; i++) {
		struct catalog_column *c = add(&s, names[i], i == 2 ? "varchar" : "int", "x");
		c->place = places[i];
	}
	s.columns[2].charset = text("utf8mb4");
	s.hidden_by_keys = 2;
	s.nkey = 1;
	s.key[0] = 1;
	schema_of(&s);
	const struct table *t = resolve(&s, map_of(&m, types, 7));
	for (uint32_t i = 0; i < 5; i++) {
		assert_span(t->columns[places[i]].name, names[i]);
		assert_false(t->columns[places[i]].hidden);
	}
	assert_true(t->columns[3].hidden && t->columns[5].hidden);
	assert_int_equal(t->key[0], 1);
	/* 9.7 does not send them, whatever ORDINAL_POSITION says. */
	static const uint8_t sent[] = {COLUMN_LONG, COLUMN_LONG, COLUMN_VARCHAR, COLUMN_LONG,
				       COLUMN_LONG};
	t = resolve(&s, map_of(&m, sent, 5));
	assert_span(t->columns[4].name, "z");
	assert_false(t->columns[3].hidden);
	schema_free(s.schema);
}

/* With names in the event the question is only whether doubtful ones are hidden. */
static void doubtful_names_are_looked_up(void **state)
{
	(void)state;
	struct server s = {0};
	struct map m;
	static const uint8_t types[] = {COLUMN_LONG, COLUMN_TIMESTAMP2, COLUMN_TIMESTAMP2};
	static const char *const names[] = {"id", "row_start", "row_end"};
	add(&s, "id", "int", "int(11)");
	s.versioned = true;
	schema_of(&s);
	name_columns(map_of(&m, types, 3), names);
	m.table.nkey = 2; /* MariaDB's key of a versioned table has row_end in it */
	m.key[0] = 0;
	m.key[1] = 2;
	const struct table *t = resolve(&s, &m);
	assert_true(t->columns[1].hidden && t->columns[2].hidden);
	assert_int_equal(t->nkey, 1);
	/* Declared by the user: shown by the catalogue. */
	add(&s, "row_start", "timestamp", "timestamp(6)");
	add(&s, "row_end", "timestamp", "timestamp(6)");
	schema_invalidate(s.schema, text(""), text(""));
	t = resolve(&s, &m);
	assert_false(t->columns[1].hidden || t->columns[2].hidden);
	assert_int_equal(t->nkey, 2);
	/* Nor is a column that is altered to an ENUM later, with labels that cannot be shown. */
	struct span unshown[] = {text("x?y")};
	struct catalog_column later = s.columns[0];
	s.columns[0].data_type = text("enum");
	s.columns[0].charset = text("utf8mb4");
	s.columns[0].labels = unshown;
	s.columns[0].nlabels = 1;
	schema_invalidate(s.schema, text(""), text(""));
	t = resolve(&s, &m);
	assert_int_equal(t->columns[0].type, COLUMN_LONG);
	assert_null(t->columns[0].labels);
	s.columns[0] = later;
	/* A later ALTER of another column is no contradiction. */
	s.columns[0].data_type = text("varchar");
	schema_invalidate(s.schema, text(""), text(""));
	t = resolve(&s, &m);
	assert_span(t->columns[0].name, "id");
	assert_int_equal(t->columns[0].type, COLUMN_LONG);
	assert_span(t->columns[0].column_type, "");
	/* The user's own columns of a plain table, dropped since: still the user's. */
	s.ncolumns = 1;
	s.versioned = false;
	schema_invalidate(s.schema, text(""), text(""));
	t = resolve(&s, &m);
	assert_false(t->columns[1].hidden || t->columns[2].hidden);
	/* The table is gone: the event says enough. */
	s.gone = true;
	schema_invalidate(s.schema, text(""), text(""));
	assert_span(resolve(&s, &m)->columns[2].name, "row_end");
	schema_free(s.schema);
}

static void mysql_expression_by_name(void **state)
{
	(void)state;
	struct server s = {0};
	struct map m;
	static const uint8_t types[] = {COLUMN_LONG, COLUMN_VARCHAR};
	static const char *const names[] = {"id", "cae8a623cc417d219936676028e26d4f"};
	add(&s, "id", "int", "int(11)");
	s.hidden_by_keys = 1;
	schema_of(&s);
	name_columns(map_of(&m, types, 2), names);
	assert_true(resolve(&s, &m)->columns[1].hidden);
	schema_free(s.schema);
}

/* ------------------------------------------------------- pieces */

static void charsets_by_collation_id(void **state)
{
	(void)state;
	struct server s = {0};
	struct map m;
	static const uint8_t types[] = {COLUMN_VARCHAR, COLUMN_VARCHAR, COLUMN_VARCHAR,
					COLUMN_VARCHAR};
	static const char *const names[] = {"a", "b", "c", "d"};
	static const uint32_t ids[] = {28, 2304, 9999, 28};
	schema_of(&s);
	name_columns(map_of(&m, types, 4), names);
	for (uint32_t i = 0; i < 4; i++) {
		m.columns[i].collation = ids[i];
		m.columns[i].charset = CHARSET_OTHER;
	}
	const struct table *t = resolve(&s, &m);
	assert_int_equal(t->columns[0].charset, CHARSET_OTHER);
	assert_span(t->columns[0].charset_name, "gbk");
	assert_int_equal(t->columns[1].charset, CHARSET_UTF8);
	assert_int_equal(t->columns[2].charset, CHARSET_OTHER);
	assert_span(t->columns[2].charset_name, "");
	assert_int_equal(s.charsets_asked, 3);
	schema_invalidate(s.schema, text(""), text(""));
	resolve(&s, &m);
	assert_int_equal(s.charsets_asked, 3);
	assert_int_equal(s.asked, 0);
	schema_free(s.schema);
}

/* Types 7, 11 and 12 do not say how many digits of a second they have: even with names
 * the catalogue is asked, and found by name. */
static void old_temporals(void **state)
{
	(void)state;
	struct server s = {0};
	struct map m;
	static const uint8_t types[] = {COLUMN_LONG, COLUMN_DATETIME};
	static const char *const names[] = {"id", "at"};
	static const char *const words[] = {"column 2 differs", NULL};
	add(&s, "at", "datetime", "datetime(3) /* mariadb-5.3 */")->scale = 3;
	schema_of(&s);
	name_columns(map_of(&m, types, 2), names);
	const struct table *t = resolve(&s, &m);
	assert_int_equal(t->columns[1].scale, 3);
	assert_span(t->columns[1].column_type, "datetime(3) /* mariadb-5.3 */");
	assert_span(t->columns[0].name, "id");
	s.columns[0].name = text("renamed");
	schema_invalidate(s.schema, text(""), text(""));
	assert_refused(&s, &m, -ESTALE, ERR_SCHEMA_MISMATCH, words);
	schema_free(s.schema);
}

/* Every DATA_TYPE of the three servers with the event type it was seen with. */
static void kinds_of_types(void **state)
{
	(void)state;
	static const struct {
		const char *data_type;
		uint8_t type;
		bool fits;
	} cases[] = {
		{"tinyint", COLUMN_TINY, true},
		{"smallint", COLUMN_SHORT, true},
		{"mediumint", COLUMN_INT24, true},
		{"int", COLUMN_LONG, true},
		{"bigint", COLUMN_LONGLONG, true},
		{"float", COLUMN_FLOAT, true},
		{"double", COLUMN_DOUBLE, true},
		{"decimal", COLUMN_NEWDECIMAL, true},
		{"decimal", COLUMN_DECIMAL_OLD, true},
		{"bit", COLUMN_BIT, true},
		{"year", COLUMN_YEAR, true},
		{"date", COLUMN_DATE, true},
		{"time", COLUMN_TIME2, true},
		{"time", COLUMN_TIME, true},
		{"datetime", COLUMN_DATETIME2, true},
		{"timestamp", COLUMN_TIMESTAMP2, true},
		{"char", COLUMN_STRING, true},
		{"binary", COLUMN_STRING, true},
		{"varchar", COLUMN_VARCHAR, true},
		{"varchar", COLUMN_VARCHAR_COMPRESSED, true},
		{"longtext", COLUMN_BLOB, true},
		{"blob", COLUMN_BLOB_COMPRESSED, true},
		{"json", COLUMN_JSON, true},
		{"enum", COLUMN_ENUM, true},
		{"set", COLUMN_SET, true},
		{"point", COLUMN_GEOMETRY, true},
		{"geomcollection", COLUMN_GEOMETRY, true},
		{"vector", COLUMN_VECTOR, true},
		{"vector", COLUMN_VARCHAR, true},
		{"uuid", COLUMN_STRING, true},
		{"INT", COLUMN_LONG, true},
		{"brand_new", COLUMN_STRING, true},
		{"int", COLUMN_LONGLONG, false},
		{"int", COLUMN_DECIMAL_OLD, false},
		{"varchar", COLUMN_STRING, false},
		{"char", COLUMN_VARCHAR, false},
		{"enum", COLUMN_SET, false},
		{"bigint", COLUMN_NULL, false},
		{"datetime", COLUMN_TIMESTAMP2, false},
		{"text", COLUMN_JSON, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct server s = {0};
		struct map m;
		struct err err = {0};
		const struct table *t;
		add(&s, "c", cases[i].data_type, cases[i].data_type);
		schema_of(&s);
		map_of(&m, &cases[i].type, 1);
		int rc = schema_resolve(s.schema, &m.table, &t, &err);
		if ((rc == 0) != cases[i].fits)
			fail_msg("%s with event type %u: %d", cases[i].data_type, cases[i].type,
				 rc);
		schema_free(s.schema);
	}
}

static void year_has_no_sign(void **state)
{
	(void)state;
	struct server s = {0};
	struct map m;
	static const uint8_t types[] = {COLUMN_YEAR};
	add(&s, "y", "year", "year(4) unsigned");
	schema_of(&s);
	assert_false(resolve(&s, map_of(&m, types, 1))->columns[0].is_unsigned);
	schema_free(s.schema);
}

/*
 * As all three servers show ENUM('a', 'x<U+1F600>y') of utf8mb4. In latin1 a '?' is a '?';
 * so it is where the event tells the labels.
 */
static void labels_the_catalogue_cannot_show(void **state)
{
	(void)state;
	static struct span shown[] = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"x?y", 3}};
	static const char *const words[] = {"shop.item.color", "'x?y'", NULL};
	struct server s;
	struct map m;
	plain_server(&s);
	s.columns[4].labels = shown;
	schema_of(&s);
	assert_refused(&s, map_of(&m, plain_types, 5), -ENODATA, ERR_SCHEMA_MISSING, words);
	m.columns[4].labels = colors;
	m.columns[4].nlabels = 2;
	assert_span(resolve(&s, &m)->columns[4].labels[0], "red");
	s.columns[4].charset = text("latin1");
	assert_span(resolve(&s, map_of(&m, plain_types, 5))->columns[4].labels[1], "x?y");
	schema_free(s.schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bare_map_is_completed),
		cmocka_unit_test(what_the_map_says_is_kept),
		cmocka_unit_test(full_map_asks_nothing),
		cmocka_unit_test(one_question_a_shape),
		cmocka_unit_test(names_do_not_run_together),
		cmocka_unit_test(ddl_forgets),
		cmocka_unit_test(another_number_of_columns_is_refused),
		cmocka_unit_test(another_type_is_refused),
		cmocka_unit_test(second_question_may_help),
		cmocka_unit_test(missing_table_and_lost_connection),
		cmocka_unit_test(failure_keeps_what_is_known),
		cmocka_unit_test(mariadb_versioned_and_hash),
		cmocka_unit_test(mysql_functional_index_in_the_middle),
		cmocka_unit_test(doubtful_names_are_looked_up),
		cmocka_unit_test(mysql_expression_by_name),
		cmocka_unit_test(charsets_by_collation_id),
		cmocka_unit_test(old_temporals),
		cmocka_unit_test(kinds_of_types),
		cmocka_unit_test(year_has_no_sign),
		cmocka_unit_test(labels_the_catalogue_cannot_show),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
