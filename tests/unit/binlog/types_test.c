/*
 * types_test.c - every type with its edge values, from bytes of real servers against
 * what the same server answers to SELECT and information_schema (the .expect files).
 *
 * With binlog_row_metadata=FULL the table map has to say everything; with less, its flags
 * must admit what is missing, and the tests complete the definition from
 * information_schema as schema/ does.
 */
#include "tests/unit/binlog/vectors.h"

#include "common/base/arena.h"
#include "core/binlog/rows.h"
#include "core/binlog/table_map.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { COLUMNS_MAX = 64, KEY_MAX = 8 };

enum level { FULL, MINIMAL, NONE };

/* One column as information_schema has it. */
struct expected_column {
	char *name, *data_type, *column_type, *charset;
	bool nullable;
};

/* The lines of one table; the text is cut in place. */
struct expected {
	char *table;
	unsigned ncolumns, nkey;
	struct expected_column column[COLUMNS_MAX];
	char *key[KEY_MAX];
	char *rows; /* the next R line, or where the next table begins */
};

static unsigned split(char *line, char **field, unsigned max)
{
	unsigned n = 0;
	while (n < max && line)
		field[n++] = strsep(&line, "\t");
	return n;
}

/* Reads T, C and K lines; leaves `rows` at the first R line. False at the end. */
static bool expected_read(char **text, struct expected *x)
{
	char *field[COLUMNS_MAX];
	*x = (struct expected){0};
	while (**text && (*text)[0] != 'R') {
		char *line = strsep(text, "\n");
		unsigned n = split(line, field, COLUMNS_MAX);
		if (field[0][0] == 'T') {
			x->table = field[2];
		} else if (field[0][0] == 'C') {
			assert_int_equal(n, 6);
			x->column[x->ncolumns++] = (struct expected_column){
				.name = field[1],
				.data_type = field[2],
				.column_type = field[3],
				.nullable = strcmp(field[4], "YES") == 0,
				.charset = field[5],
			};
		} else {
			for (unsigned i = 1; i < n; i++)
				x->key[x->nkey++] = field[i];
			break;
		}
	}
	return x->table != NULL;
}

/* --- definitions ------------------------------------------------------------------ */

static bool contains(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static enum charset expected_charset(const struct expected_column *c)
{
	if (contains(c->data_type, "binary") || contains(c->data_type, "blob") ||
	    strcmp(c->data_type, "uuid") == 0 || strncmp(c->data_type, "inet", 4) == 0)
		return CHARSET_BINARY;
	if (strncmp(c->charset, "utf8", 4) == 0 || strcmp(c->charset, "ascii") == 0)
		return CHARSET_UTF8;
	if (strcmp(c->charset, "latin1") == 0)
		return CHARSET_LATIN1;
	return strcmp(c->charset, "~") == 0 ? CHARSET_NONE : CHARSET_OTHER;
}

static bool is_labelled(const struct expected_column *c)
{
	return strcmp(c->data_type, "enum") == 0 || strcmp(c->data_type, "set") == 0;
}

static bool span_is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

/*
 * "enum('a','b')" spelled from the labels must be information_schema's column type, which
 * is utf8mb3 and shows '?' for characters of four bytes: there the event knows better.
 */
static void check_labels(const struct column *col, const struct expected_column *x)
{
	struct buf b;
	buf_init(&b);
	buf_puts(&b, x->data_type);
	for (uint32_t i = 0; i < col->nlabels; i++) {
		buf_puts(&b, i ? ",'" : "('");
		for (size_t k = 0; k < col->labels[i].len; k++) {
			uint8_t c = col->labels[i].p[k];
			if (c == '\'')
				buf_putc(&b, '\'');
			buf_putc(&b, c >= 0xf0 ? '?' : (char)c);
			k += c >= 0xf0 ? 3 : 0;
		}
		buf_putc(&b, '\'');
	}
	buf_putc(&b, ')');
	assert_string_equal(buf_cstr(&b), x->column_type);
	buf_free(&b);
}

static bool is_number(const struct expected_column *x)
{
	return contains(x->data_type, "int") || contains(x->data_type, "decimal") ||
	       contains(x->data_type, "float") || contains(x->data_type, "double");
}

static bool charset_checked(const struct expected_column *x)
{
	return expected_charset(x) != CHARSET_NONE;
}

static void check_full(const struct table *t, const struct expected *x)
{
	assert_true(t->names_known && t->signs_known && t->charsets_known && t->key_known);
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		const struct column *col = &t->columns[i];
		const struct expected_column *c = &x->column[i];
		assert_true(span_is(col->name, c->name));
		assert_false(col->hidden);
		if (is_number(c))
			assert_int_equal(col->is_unsigned, contains(c->column_type, "unsigned"));
		if (charset_checked(c))
			assert_int_equal(col->charset, expected_charset(c));
		if (is_labelled(c))
			check_labels(col, c);
	}
	assert_true(t->labels_known);
	if (x->nkey) {
		assert_int_equal(t->nkey, x->nkey);
		for (uint32_t i = 0; i < t->nkey; i++)
			assert_true(span_is(t->columns[t->key[i]].name, x->key[i]));
	} else if (strcmp(x->table, "key_unique") == 0) {
		/* A UNIQUE key over NOT NULL columns stands in for a primary key. */
		assert_int_equal(t->nkey, 1);
		assert_int_equal(t->key[0], 1);
	} else {
		assert_int_equal(t->nkey, 0);
	}
}

/* What MINIMAL metadata says, and what the flags admit that it does not. */
static void check_partly(const struct table *t, const struct expected *x, enum level level)
{
	bool labelled = false, text = false, number = false;
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		const struct expected_column *c = &x->column[i];
		labelled |= is_labelled(c);
		number |= is_number(c);
		text |= !is_labelled(c) && expected_charset(c) != CHARSET_NONE;
		if (level == MINIMAL && t->signs_known && is_number(c))
			assert_int_equal(t->columns[i].is_unsigned,
					 contains(c->column_type, "unsigned"));
		if (level == MINIMAL && !is_labelled(c) && charset_checked(c))
			assert_int_equal(t->columns[i].charset, expected_charset(c));
		assert_int_equal(t->columns[i].name.len, 0);
	}
	assert_false(t->names_known);
	assert_false(t->key_known);
	assert_int_equal(t->labels_known, !labelled);
	assert_int_equal(t->charsets_known, !labelled && (level == MINIMAL || !text));
	assert_int_equal(t->signs_known, level == MINIMAL || !number);
}

/* What schema/ would do. */
static void complete(struct table *t, const struct expected *x)
{
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		t->columns[i].is_unsigned = contains(x->column[i].column_type, "unsigned");
		t->columns[i].charset = (uint8_t)expected_charset(&x->column[i]);
	}
}

/* --- values ----------------------------------------------------------------------- */

static void put_decimal(struct buf *b, const char *digits, unsigned scale)
{
	if (*digits == '-')
		buf_putc(b, *digits++);
	size_t n = strlen(digits);
	if (n <= scale) { /* 1 with three digits behind the point is 0.001 */
		buf_puts(b, "0.");
		for (; n < scale; scale--)
			buf_putc(b, '0');
		buf_puts(b, digits);
		return;
	}
	buf_put(b, digits, n - scale);
	if (scale)
		buf_printf(b, ".%s", digits + n - scale);
}

static void put_fraction(struct buf *b, unsigned usec, unsigned digits)
{
	char text[8];
	snprintf(text, sizeof(text), "%06u", usec);
	if (digits)
		buf_printf(b, ".%.*s", (int)digits, text);
}

static void put_time(struct buf *b, const struct value *v)
{
	uint64_t usec = (uint64_t)llabs(v->i), second = usec / 1000000;
	buf_printf(b, "%s%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, v->i < 0 ? "-" : "",
		   second / 3600, second / 60 % 60, second % 60);
	put_fraction(b, (unsigned)(usec % 1000000), v->aux);
}

static void put_timestamp(struct buf *b, const struct value *v)
{
	time_t second = (time_t)(v->i / 1000000);
	struct tm tm;
	gmtime_r(&second, &tm);
	if (v->i == 0)
		buf_puts(b, "0000-00-00 00:00:00");
	else
		buf_printf(b, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
			   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	put_fraction(b, (unsigned)(v->i % 1000000), v->aux);
}

static void put_value(struct buf *b, const struct value *v)
{
	struct civil c;
	char digits[32];
	switch (v->kind) {
	case VALUE_NULL:
		buf_putc(b, '~');
		return;
	case VALUE_INT:
		buf_printf(b, "%" PRId64, v->i);
		return;
	case VALUE_UINT:
	case VALUE_YEAR:
	case VALUE_ENUM:
	case VALUE_SET:
	case VALUE_BIT:
		buf_printf(b, "%" PRIu64, v->u);
		return;
	case VALUE_DECIMAL:
		snprintf(digits, sizeof(digits), "%" PRId64, v->i);
		put_decimal(b, digits, v->aux);
		return;
	case VALUE_DECIMAL_TEXT: {
		char text[128];
		snprintf(text, sizeof(text), "%.*s", (int)v->len, (const char *)v->p);
		assert_true(v->len > 18); /* else it would be a VALUE_DECIMAL */
		put_decimal(b, text, v->aux);
		return;
	}
	case VALUE_STRING:
	case VALUE_BYTES:
	case VALUE_GEOMETRY:
	case VALUE_VECTOR:
		for (uint32_t i = 0; i < v->len; i++)
			buf_printf(b, "%02X", v->p[i]);
		return;
	case VALUE_JSON:
		buf_put(b, v->p, v->len);
		return;
	case VALUE_DATE:
	case VALUE_DATETIME:
		c = civil_unpack(v->u);
		buf_printf(b, "%04u-%02u-%02u", c.year, c.month, c.day);
		if (v->kind == VALUE_DATETIME) {
			buf_printf(b, " %02u:%02u:%02u", c.hour, c.minute, c.second);
			put_fraction(b, c.usec, v->aux);
		}
		return;
	case VALUE_TIME:
		put_time(b, v);
		return;
	case VALUE_TIMESTAMP:
		put_timestamp(b, v);
		return;
	default:
		fail_msg("a value of kind %u", v->kind);
	}
}

static void check_value(const struct value *v, const char *text, const struct expected_column *x)
{
	struct buf b;
	if (v->kind == VALUE_FLOAT || v->kind == VALUE_DOUBLE) {
		double is = v->kind == VALUE_FLOAT ? (double)v->f : v->d;
		if (is != strtod(text, NULL))
			fail_msg("%s: %.17g is not %s", x->name, is, text);
		return;
	}
	buf_init(&b);
	put_value(&b, v);
	if (strcmp(buf_cstr(&b), text) != 0)
		fail_msg("%s: %.2000s is not %.2000s", x->name, buf_cstr(&b), text);
	buf_free(&b);
}

/* --- a whole dump ------------------------------------------------------------------ */

struct run {
	enum level level;
	struct stream stream;
	struct arena tables, values;
	struct table table;
	struct expected expected;
	char *text; /* the rest of the .expect file */
	unsigned rows, ntables;
};

static void run_table_map(struct run *r, const struct event *e)
{
	struct table_map map;
	struct err err = {0};
	assert_int_equal(table_map_parse(&r->stream.format, e, &r->tables, &map, &err), 0);
	assert_true(table_map_same(&map, e));
	assert_true(span_is(map.db, "v"));
	if (r->expected.table && span_is(map.name, r->expected.table)) {
		r->table.table_id = map.table_id;
		return;
	}
	assert_int_not_equal(r->text[0], 'R'); /* the last table had all its rows */
	assert_true(expected_read(&r->text, &r->expected));
	assert_true(span_is(map.name, r->expected.table));
	assert_int_equal(table_map_describe(&map, &r->stream.format, &r->tables, &r->table, &err),
			 0);
	struct table *t = &r->table;
	assert_int_equal(t->ncolumns, r->expected.ncolumns);
	for (uint32_t i = 0; i < t->ncolumns; i++)
		assert_int_equal(t->columns[i].nullable, r->expected.column[i].nullable);
	if (r->level == FULL)
		check_full(t, &r->expected);
	else
		check_partly(t, &r->expected, r->level);
	complete(t, &r->expected);
	r->ntables++;
}

static void run_rows(struct run *r, const struct event *e)
{
	struct rows_reader reader;
	struct value values[COLUMNS_MAX];
	struct span image;
	struct err err = {0};
	int rc;
	assert_int_equal(rows_open(&reader, &r->stream.format, e, &err), 0);
	assert_int_equal(reader.op, ROW_INSERT);
	assert_int_equal(reader.table_id, r->table.table_id);
	while ((rc = rows_next(&reader, &r->table, &r->values, NULL, values, &image, &err)) > 0) {
		char *field[COLUMNS_MAX];
		assert_int_equal(r->text[0], 'R');
		unsigned n = split(strsep(&r->text, "\n"), field, COLUMNS_MAX);
		assert_int_equal(n, r->table.ncolumns + 1);
		for (uint32_t i = 0; i < r->table.ncolumns; i++)
			check_value(&values[i], field[i + 1], &r->expected.column[i]);
		arena_reset(&r->values, 1 << 20);
		r->rows++;
	}
	if (rc < 0)
		fail_msg("%s", err.text);
}

static void run(const char *server, const char *scenario, enum level level, unsigned min_tables)
{
	char name[64];
	snprintf(name, sizeof(name), "%s.expect", scenario);
	char *text = text_load(server, name);
	struct run r = {.level = level, .text = text};
	struct dump d = dump_load(server, scenario);
	struct span bytes;
	stream_init(&r.stream, server_flavor(server), true);
	arena_init(&r.tables);
	arena_init(&r.values);
	while (dump_next(&d, &bytes)) {
		struct step step;
		struct err err = {0};
		if (stream_feed(&r.stream, bytes.p, bytes.len, &step, &err) < 0)
			fail_msg("%s: %s", err.where, err.text);
		if (step.kind == STEP_TABLE_MAP)
			run_table_map(&r, &step.event);
		else if (step.kind == STEP_ROWS)
			run_rows(&r, &step.event);
	}
	assert_string_equal(r.text, ""); /* nothing was left out */
	assert_true(r.ntables >= min_tables);
	assert_true(r.rows >= r.ntables);
	arena_free(&r.tables);
	arena_free(&r.values);
	dump_free(&d);
	free(text);
}

#define TYPES_TEST(name, server, scenario, level, tables)                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		run(server, scenario, level, tables);                                              \
	}

TYPES_TEST(full_mariadb_10, "mariadb-10.11", "types_full", FULL, 15)
TYPES_TEST(full_mariadb_11, "mariadb-11.8", "types_full", FULL, 16)
TYPES_TEST(full_mysql_8, "mysql-8.0", "types_full", FULL, 13)
TYPES_TEST(full_mysql_9, "mysql-9.7", "types_full", FULL, 16)
TYPES_TEST(json_mysql_8, "mysql-8.0", "types_json", FULL, 1)
TYPES_TEST(json_mysql_9, "mysql-9.7", "types_json", FULL, 1)
TYPES_TEST(minimal_mariadb_10, "mariadb-10.11", "types_minimal", MINIMAL, 8)
TYPES_TEST(minimal_mariadb_11, "mariadb-11.8", "types_minimal", MINIMAL, 8)
TYPES_TEST(minimal_mysql_8, "mysql-8.0", "types_minimal", MINIMAL, 8)
TYPES_TEST(minimal_mysql_9, "mysql-9.7", "types_minimal", MINIMAL, 8)
TYPES_TEST(no_metadata_mysql_5, "mysql-5.7", "types_minimal", NONE, 8)
TYPES_TEST(no_metadata_mariadb_10, "mariadb-10.11", "types_no_log", NONE, 1)
TYPES_TEST(charsets_mariadb_10, "mariadb-10.11", "charsets", FULL, 4)
TYPES_TEST(charsets_mariadb_11, "mariadb-11.8", "charsets", FULL, 4)
TYPES_TEST(charsets_mysql_8, "mysql-8.0", "charsets", FULL, 4)
TYPES_TEST(charsets_mysql_9, "mysql-9.7", "charsets", FULL, 4)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_mariadb_10),
		cmocka_unit_test(full_mariadb_11),
		cmocka_unit_test(full_mysql_8),
		cmocka_unit_test(full_mysql_9),
		cmocka_unit_test(json_mysql_8),
		cmocka_unit_test(json_mysql_9),
		cmocka_unit_test(minimal_mariadb_10),
		cmocka_unit_test(minimal_mariadb_11),
		cmocka_unit_test(minimal_mysql_8),
		cmocka_unit_test(minimal_mysql_9),
		cmocka_unit_test(no_metadata_mysql_5),
		cmocka_unit_test(no_metadata_mariadb_10),
		cmocka_unit_test(charsets_mariadb_10),
		cmocka_unit_test(charsets_mariadb_11),
		cmocka_unit_test(charsets_mysql_8),
		cmocka_unit_test(charsets_mysql_9),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
