/*
 * ddl_test.c - what DDL statements make of definitions. The expected definitions are what
 * the servers' information_schema said (tests/integration/test_ddl_tracker.py asks them
 * for many more); here stands what needs no server: sessions that tests cannot have,
 * names, what is asked, what is answered when something is not known.
 *
 * A definition in short: name type[ charset][ !null][ gen][ inv], …; key 1,2
 */
#include "common/base/buf.h"
#include "core/schema/ddl.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { MYSQL_57, MYSQL_80, MYSQL_97, MARIADB };

static const struct ddl_session sessions[] = {
	[MYSQL_57] = {.flavor = FLAVOR_MYSQL, .version = 50722, .explicit_timestamp = DDL_OFF},
	[MYSQL_80] = {.flavor = FLAVOR_MYSQL, .version = 80015, .explicit_timestamp = DDL_ON},
	[MYSQL_97] = {.flavor = FLAVOR_MYSQL, .version = 90704, .explicit_timestamp = DDL_ON},
	[MARIADB] = {.flavor = FLAVOR_MARIADB, .version = 101119, .explicit_timestamp = DDL_ON},
};

struct world {
	struct arena arena;
	struct ddl_session session;
	const struct catalog_table *table; /* what look-ups find; NULL: `absent` */
	int absent;
	bool charset_known;
	unsigned asked;
	struct ddl_changes changes;
	struct buf text;
};

static struct span span(const char *s)
{
	return (struct span){(const uint8_t *)s, strlen(s)};
}

static int find_table(void *ctx, struct span db, struct span name, const struct catalog_table **ret)
{
	struct world *w = ctx;
	(void)db;
	(void)name;
	w->asked++;
	*ret = w->table;
	return w->table ? 0 : w->absent;
}

static int find_database(void *ctx, struct span db, struct span *ret_charset,
			 struct span *ret_collation)
{
	const struct world *w = ctx;
	(void)db;
	if (!w->charset_known)
		return -EAGAIN;
	*ret_charset = span("latin1");
	*ret_collation = span("latin1_swedish_ci");
	return 0;
}

static void put_definition(struct buf *b, const struct catalog_table *t)
{
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		const struct catalog_column *c = &t->columns[i];
		buf_printf(b, "%s%.*s %.*s", i ? ", " : "", (int)c->name.len,
			   (const char *)c->name.p, (int)c->column_type.len,
			   (const char *)c->column_type.p);
		if (c->charset.len)
			buf_printf(b, " %.*s", (int)c->charset.len, (const char *)c->charset.p);
		buf_puts(b, c->nullable ? "" : " !null");
		buf_puts(b, c->generated ? " gen" : "");
		buf_puts(b, c->invisible ? " inv" : "");
	}
	for (uint32_t i = 0; i < t->nkey; i++)
		buf_printf(b, "%s%u", i ? "," : "; key ", t->key[i]);
}

static void put_name(struct buf *b, struct span db, struct span name)
{
	buf_printf(b, " %.*s.%.*s", (int)db.len, (const char *)db.p, (int)name.len,
		   (const char *)name.p);
}

/* Changes as text: "CREATED d.t (…) | DROPPED d.u". */
static const char *put_changes(struct world *w)
{
	static const char *const kinds[] = {
		"CREATED",	     "ALTERED",		  "RENAMED",
		"DROPPED",	     "TRUNCATED",	  "UNKNOWN",
		"DATABASE_CREATED", "DATABASE_ALTERED", "DATABASE_DROPPED"};
	buf_clear(&w->text);
	for (uint32_t i = 0; i < w->changes.n; i++) {
		const struct ddl_change *c = &w->changes.list[i];
		buf_printf(&w->text, "%s%s", i ? " | " : "", kinds[c->kind]);
		put_name(&w->text, c->db, c->name);
		if (c->kind == DDL_RENAMED) {
			buf_puts(&w->text, " from");
			put_name(&w->text, c->from_db, c->from_name);
		}
		if (c->charset.len)
			buf_printf(&w->text, " %.*s", (int)c->charset.len,
				   (const char *)c->charset.p);
		if (!c->table)
			continue;
		buf_puts(&w->text, " (");
		put_definition(&w->text, c->table);
		buf_puts(&w->text, ")");
	}
	return buf_cstr(&w->text);
}

static void begin(struct world *w, int server)
{
	*w = (struct world){.session = sessions[server], .absent = -EAGAIN, .charset_known = true};
	w->session.db = span("d");
	arena_init(&w->arena);
	buf_init(&w->text);
}

static void end(struct world *w)
{
	arena_free(&w->arena);
	buf_free(&w->text);
}

static const char *run(struct world *w, const char *statement)
{
	struct ddl_lookup look = {w, find_table, find_database};
	assert_int_equal(ddl_apply(span(statement), &w->session, &look, &w->arena, &w->changes), 0);
	for (uint32_t i = 0; i < w->changes.n; i++)
		if (w->changes.list[i].table)
			w->table = w->changes.list[i].table;
	return put_changes(w);
}

struct vector {
	int server;
	const char *statement;
	const char *want;
};

/* Each in a world of its own; "" is no change. */
static void check(const struct vector *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct world w;
		begin(&w, v[i].server);
		assert_string_equal(run(&w, v[i].statement), v[i].want);
		end(&w);
	}
}

#define CHECK(list) check(list, sizeof(list) / sizeof((list)[0]))

/* ------------------------------------------------------- types */

static void test_types(void **state)
{
	(void)state;
	static const struct vector list[] = {
		{MYSQL_57, "CREATE TABLE t (a INT, b INT(5) UNSIGNED, c BOOL, d YEAR, e SERIAL)",
		 "CREATED d.t (a int(11), b int(5) unsigned, c tinyint(1), d year(4), "
		 "e bigint(20) unsigned !null; key 4)"},
		{MYSQL_97,
		 "CREATE TABLE t (a INT, b INT(5) UNSIGNED, c BOOL, d YEAR, e TINYINT(1) UNSIGNED, "
		 "f SMALLINT ZEROFILL)",
		 "CREATED d.t (a int, b int unsigned, c tinyint(1), d year, e tinyint unsigned, "
		 "f smallint(5) unsigned zerofill)"},
		{MARIADB, "CREATE TABLE t (a MIDDLEINT, b INT8, c FIXED(5), d REAL, e FLOAT(30))",
		 "CREATED d.t (a mediumint(9), b bigint(20), c decimal(5,0), d double, e double)"},
		{MARIADB,
		 "CREATE TABLE t (a NATIONAL CHARACTER VARYING(4), b LONG VARCHAR, c CHAR BYTE, "
		 "d TEXT(100), e JSON, f VARCHAR(9) COMPRESSED)",
		 "CREATED d.t (a varchar(4) utf8mb3, b mediumtext latin1, c binary(1), "
		 "d tinytext latin1, e longtext utf8mb4, "
		 "f varchar(9) /*M!100301 COMPRESSED*/ latin1)"},
		{MYSQL_80, "CREATE TABLE t (a VARCHAR(9) CHARSET utf8mb3, b TEXT, c JSON) "
			   "COLLATE utf8mb4_bin",
		 "CREATED d.t (a varchar(9) utf8, b text utf8mb4, c json)"},
		{MYSQL_57, "CREATE TABLE t (a ENUM('it''s','a\\nb','x  '), b SET(\"q\"))",
		 "CREATED d.t (a enum('it''s','a\\nb','x') latin1, b set('q') latin1)"},
		{MYSQL_57, "CREATE TABLE t (a VARCHAR(20000) CHARSET utf8mb4, b VARBINARY(70000))",
		 "CREATED d.t (a mediumtext utf8mb4, b mediumblob)"},
		{MYSQL_57, "CREATE TABLE t (a TIMESTAMP, b TIMESTAMP NULL)",
		 "CREATED d.t (a timestamp !null, b timestamp)"},
		{MYSQL_97, "CREATE TABLE t (a NOSUCHTYPE(3), b INT)", "CREATED d.t"},
		{MYSQL_97, "CREATE TABLE t (a VARCHAR(3) CHARACTER SET klingon)", "CREATED d.t"},
		{MYSQL_97, "CREATE TABLE t (a ENUM(x'e9'))", "CREATED d.t"},
	};
	CHECK(list);
}

/* ------------------------------------------------------- text */

static void test_text(void **state)
{
	(void)state;
	static const struct vector list[] = {
		{MYSQL_97, "/* a */ create -- b\n table # c\n `x``y`.`t t` (`a``b` INT) ; ",
		 "CREATED x`y.t t (a`b int)"},
		{MYSQL_97, "CREATE TABLE t (a INT DEFAULT (1 + (2)) CHECK (a > ')'), b INT)",
		 "CREATED d.t (a int, b int)"},
		{MYSQL_57, "CREATE TABLE t (a INT /*!50700 , b INT */ /*!80000 , c INT */)",
		 "CREATED d.t (a int(11), b int(11))"},
		{MARIADB, "CREATE TABLE t (a INT /*!50600 , b INT */ /*!50700 , c INT */ "
			  "/*M!100100 , d INT */ /*M!110000 , e INT */)",
		 "CREATED d.t (a int(11), b int(11), d int(11))"},
		{MYSQL_97, "CREATE TABLE t (a INT /*M!100100 , d INT */)", "CREATED d.t (a int)"},
		{MYSQL_97, "CREATE TABLE t (a INT /*! UNSIGNED /* in */ NOT NULL */)",
		 "CREATED d.t (a int unsigned !null)"},
		{MYSQL_97, "CREATE TABLE t (a INT /*!99999 /* in */ NOT NULL */)",
		 "CREATED d.t (a int)"},
		{MARIADB, "SET STATEMENT max_statement_time=1, x='FOR' FOR DROP TABLE t",
		 "DROPPED d.t"},
		{MYSQL_97, "CREATE TABLE t (a INT", "CREATED d.t"},
		{MYSQL_97, "CREATE TABLE t (a INT COMMENT 'x", "CREATED d.t"},
		{MYSQL_97, "CREATE TABLE t (a INT /* x", "CREATED d.t"},
		{MYSQL_97, "CREATE TABLE `t", "CREATED d.t"},
		{MYSQL_97, "CREATE TABLE", "UNKNOWN ."},
		{MYSQL_97, "CREATE NOVELTY x", "UNKNOWN ."},
		{MYSQL_97, "", ""},
		{MYSQL_97, "INSERT INTO t VALUES (1)", ""},
		{MYSQL_97, "CREATE DEFINER=`a`@`%` TRIGGER x AFTER INSERT ON t FOR EACH ROW BEGIN "
			   "DROP TABLE u; END",
		 ""},
		{MYSQL_97, "CREATE TEMPORARY TABLE t (a INT)", ""},
		{MYSQL_97, "DROP TABLE a; DROP TABLE b", "DROPPED d.a | UNKNOWN ."},
	};
	CHECK(list);
}

static void test_sql_modes(void **state)
{
	(void)state;
	struct world w;
	begin(&w, MYSQL_57);
	w.session.sql_mode = 0x4 | 0x100000 | 0x1;
	assert_string_equal(run(&w, "CREATE TABLE \"t\"\"u\" (\"a\" ENUM('\\'), b REAL)"),
			    "CREATED d.t\"u (a enum('\\\\') latin1, b float)");
	w.session.sql_mode = 0;
	assert_string_equal(run(&w, "CREATE TABLE t (a ENUM('\\'', \"b\"\"c\"))"),
			    "CREATED d.t (a enum('''','b\"c') latin1)");
	end(&w);
	begin(&w, MARIADB);
	w.session.sql_mode = 0x200; /* ORACLE: a DATE has a time of day */
	assert_string_equal(run(&w, "CREATE TABLE t (a DATE)"), "CREATED d.t");
	end(&w);
}

/* Two columns with labels of two-byte sets: MySQL 5.7 cuts them. */
static void test_labels_that_are_cut(void **state)
{
	(void)state;
	static const char one[] = "CREATE TABLE t (a ENUM('x') CHARACTER SET utf16)";
	static const char two[] =
		"CREATE TABLE t (a ENUM('x') CHARACTER SET utf16, b SET('x') CHARACTER SET ucs2)";
	struct world w;
	begin(&w, MYSQL_57);
	assert_string_equal(run(&w, one), "CREATED d.t (a enum('x') utf16)");
	assert_string_equal(run(&w, two), "CREATED d.t");
	end(&w);
	begin(&w, MARIADB);
	assert_string_equal(run(&w, two), "CREATED d.t (a enum('x') utf16, b set('x') ucs2)");
	end(&w);
}

static void test_foreign_text(void **state)
{
	(void)state;
	struct world w;
	begin(&w, MYSQL_57);
	w.session.foreign_text = true;
	assert_string_equal(run(&w, "DROP TABLE t"), "DROPPED d.t");
	assert_string_equal(run(&w, "DROP TABLE t\xe9"), "UNKNOWN .");
	assert_string_equal(run(&w, "INSERT INTO t\xe9 VALUES (1)"), "");
	end(&w);
}

static void test_lower_case_names(void **state)
{
	(void)state;
	struct world w;
	begin(&w, MYSQL_57);
	w.session.db = span("Db");
	w.session.lower_case_names = 1;
	assert_string_equal(run(&w, "DROP TABLE Tab, X.`\xc3\x84\xce\xa3\xd0\x96`"),
			    "DROPPED db.tab | DROPPED x.\xc3\xa4\xcf\x83\xd0\xb6");
	w.session.lower_case_names = 2;
	assert_string_equal(run(&w, "DROP TABLE Tab"), "DROPPED Db.Tab");
	end(&w);
}

/* ------------------------------------------------------- keys */

static void test_key_of_rows(void **state)
{
	(void)state;
	static const struct vector list[] = {
		{MYSQL_57, "CREATE TABLE t (a INT, b INT, PRIMARY KEY (b, a))",
		 "CREATED d.t (a int(11) !null, b int(11) !null; key 1,0)"},
		{MYSQL_57, "CREATE TABLE t (a INT, b INT NOT NULL, UNIQUE (a), UNIQUE (b))",
		 "CREATED d.t (a int(11), b int(11) !null; key 1)"},
		{MYSQL_57, "CREATE TABLE t (a VARCHAR(9) NOT NULL, UNIQUE (a(3)))",
		 "CREATED d.t (a varchar(9) latin1 !null)"},
		{MYSQL_57, "CREATE TABLE t (a VARCHAR(9) NOT NULL, UNIQUE (a(9)))",
		 "CREATED d.t (a varchar(9) latin1 !null; key 0)"},
		{MYSQL_57, "CREATE TABLE t (a INT AUTO_INCREMENT UNIQUE)",
		 "CREATED d.t (a int(11) !null; key 0)"},
	};
	CHECK(list);
}

static void test_hidden_columns(void **state)
{
	(void)state;
	struct world w;
	begin(&w, MARIADB);
	run(&w, "CREATE TABLE t (a TEXT NOT NULL, UNIQUE (a)) WITH SYSTEM VERSIONING");
	assert_non_null(w.table);
	assert_int_equal(w.table->hidden_by_keys, 1);
	assert_true(w.table->versioned);
	run(&w, "ALTER TABLE t MODIFY a VARCHAR(20) NOT NULL, DROP SYSTEM VERSIONING");
	assert_int_equal(w.table->hidden_by_keys, 0);
	assert_false(w.table->versioned);
	end(&w);
	begin(&w, MYSQL_97);
	run(&w, "CREATE TABLE t (a INT, b INT, KEY ((a + b), a, (a * 2)))");
	assert_int_equal(w.table->hidden_by_keys, 2);
	end(&w);
}

/* ------------------------------------------------------- ALTER TABLE */

static void test_alter(void **state)
{
	(void)state;
	static const struct {
		const char *statement;
		const char *want;
	} list[] = {
		{"CREATE TABLE t (a INT, b INT, c INT)",
		 "CREATED d.t (a int(11), b int(11), c int(11))"},
		{"ALTER TABLE t ADD x INT AFTER a, ADD y INT FIRST, ADD (z INT, UNIQUE u (x))",
		 "ALTERED d.t (y int(11), a int(11), x int(11), b int(11), c int(11), z int(11))"},
		{"ALTER TABLE t DROP y, DROP COLUMN z, MODIFY x BIGINT NOT NULL AFTER c, CHANGE b bb TEXT",
		 "ALTERED d.t (a int(11), bb text latin1, c int(11), x bigint(20) !null; key 3)"},
		{"ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4, ADD v VARCHAR(3)",
		 "ALTERED d.t (a int(11), bb mediumtext utf8mb4, c int(11), x bigint(20) !null, "
		 "v varchar(3) utf8mb4; key 3)"},
		{"ALTER TABLE t ADD PRIMARY KEY (a), RENAME TO e.u, ALGORITHM=INPLACE",
		 "RENAMED e.u from d.t (a int(11) !null, bb mediumtext utf8mb4, c int(11), "
		 "x bigint(20) !null, v varchar(3) utf8mb4; key 0)"},
		{"ALTER TABLE e.u DROP PRIMARY KEY, DROP INDEX u, DROP bb, DROP v, DROP x",
		 "ALTERED e.u (a int(11) !null, c int(11))"},
		{"ALTER TABLE e.u RENAME COLUMN a TO c, RENAME COLUMN c TO a",
		 "ALTERED e.u (c int(11) !null, a int(11))"},
		{"ALTER TABLE e.u DROP nothere", "ALTERED e.u"},
		{"ALTER TABLE e.u DROP INDEX nothere", "ALTERED e.u"},
		{"ALTER TABLE e.u NOVELTY 5 (x), RENAME v", "RENAMED e.u"},
		{"ALTER TABLE e.u FORCE, ENGINE=InnoDB, ORDER BY a, c",
		 "ALTERED e.u (c int(11) !null, a int(11))"},
		{"ALTER TABLE e.u ADD PARTITION (PARTITION p VALUES IN (1))",
		 "ALTERED e.u (c int(11) !null, a int(11))"},
		{"CREATE UNIQUE INDEX i ON e.u (c)", "ALTERED e.u (c int(11) !null, a int(11); key 0)"},
		{"DROP INDEX i ON e.u", "ALTERED e.u (c int(11) !null, a int(11))"},
		{"CREATE TABLE w LIKE e.u", "CREATED d.w (c int(11) !null, a int(11))"},
		{"CREATE TABLE IF NOT EXISTS w (q INT)", ""},
	};
	struct world w;
	begin(&w, MYSQL_57);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (strstr(list[i].statement, "NOVELTY")) { /* others may be concerned */
			run(&w, list[i].statement);
			assert_int_equal(w.changes.list[0].kind, DDL_UNKNOWN);
			assert_int_equal(w.changes.list[0].name.len, 0);
			continue;
		}
		assert_string_equal(run(&w, list[i].statement), list[i].want);
	}
	end(&w);
}

static void test_not_known_before(void **state)
{
	(void)state;
	static const struct vector list[] = {
		{MYSQL_57, "ALTER TABLE t ADD a INT", "ALTERED d.t"},
		{MYSQL_57, "ALTER TABLE t ADD a INT, RENAME u", "RENAMED d.u from d.t"},
		{MYSQL_57, "CREATE TABLE t LIKE u", "CREATED d.t"},
		{MYSQL_57, "CREATE TABLE IF NOT EXISTS t (a INT)", "UNKNOWN d.t"},
		{MYSQL_57, "CREATE TABLE t AS SELECT 1", "CREATED d.t"},
		{MYSQL_57, "CREATE TABLE t (a INT) SELECT 1 AS b", "CREATED d.t"},
		{MARIADB, "CREATE SEQUENCE s", "CREATED d.s"},
		{MARIADB, "RENAME TABLE IF EXISTS a TO b", "UNKNOWN d.a | UNKNOWN d.b"},
		{MARIADB, "ALTER TABLE a CONVERT PARTITION p TO TABLE e.b",
		 "ALTERED d.a | CREATED e.b"},
		{MARIADB, "ALTER TABLE a CONVERT TABLE b TO PARTITION p VALUES IN (1)",
		 "ALTERED d.a | DROPPED d.b"},
	};
	CHECK(list);
}

/* Nothing is guessed: not the charset of a database, nor what a TIMESTAMP may hold. */
static void test_defaults_not_known(void **state)
{
	(void)state;
	struct world w;
	begin(&w, MYSQL_57);
	w.charset_known = false;
	assert_string_equal(run(&w, "CREATE TABLE t (a VARCHAR(3))"), "CREATED d.t");
	assert_string_equal(run(&w, "CREATE TABLE t (a VARCHAR(3) CHARSET ascii, b INT)"),
			    "CREATED d.t (a varchar(3) ascii, b int(11))");
	assert_string_equal(run(&w, "ALTER TABLE t ADD c INT"),
			    "ALTERED d.t (a varchar(3) ascii, b int(11), c int(11))");
	assert_string_equal(run(&w, "ALTER TABLE t ADD c TEXT"), "ALTERED d.t");
	w.session.explicit_timestamp = DDL_NOT_KNOWN;
	assert_string_equal(run(&w, "CREATE TABLE t (a TIMESTAMP)"), "CREATED d.t");
	assert_string_equal(run(&w, "CREATE TABLE t (a TIMESTAMP NULL)"),
			    "CREATED d.t (a timestamp)");
	end(&w);
}

static void test_keys_not_known(void **state)
{
	(void)state;
	struct world w;
	begin(&w, MYSQL_57);
	run(&w, "CREATE TABLE t (a INT)");
	struct catalog_table known = *w.table;
	known.keys_known = false;
	w.table = &known;
	assert_string_equal(run(&w, "ALTER TABLE t ADD b INT"), "ALTERED d.t");
	end(&w);
}

/* ------------------------------------------------------- names */

static void test_rename_and_drop(void **state)
{
	(void)state;
	static const struct vector list[] = {
		{MYSQL_57, "RENAME TABLE t TO _t_del, _t_gho TO t",
		 "RENAMED d._t_del from d.t | RENAMED d.t from d._t_gho"},
		{MYSQL_57, "RENAME TABLE a TO x.b, y.c TO d",
		 "RENAMED x.b from d.a | RENAMED d.d from y.c"},
		{MYSQL_57, "DROP TABLE IF EXISTS `a`,x . b /* generated by server */",
		 "DROPPED d.a | DROPPED x.b"},
		{MARIADB, "DROP TABLE a WAIT 5", "DROPPED d.a"},
		{MYSQL_57, "DROP TEMPORARY TABLE a", ""},
		{MYSQL_57, "TRUNCATE TABLE a", "TRUNCATED d.a"},
		{MYSQL_57, "TRUNCATE x.a", "TRUNCATED x.a"},
		{MYSQL_57, "DROP VIEW a", ""},
		{MYSQL_57, "RENAME USER a TO b", ""},
		{MYSQL_57, "CREATE DATABASE x CHARACTER SET utf8mb4", "DATABASE_CREATED x. utf8mb4"},
		{MYSQL_57, "CREATE SCHEMA x", "DATABASE_CREATED x."},
		{MYSQL_57, "ALTER DATABASE x COLLATE latin1_bin", "DATABASE_ALTERED x. latin1"},
		{MYSQL_57, "ALTER DATABASE CHARSET ascii", "DATABASE_ALTERED d. ascii"},
		{MYSQL_57, "DROP DATABASE IF EXISTS x", "DATABASE_DROPPED x."},
		{MARIADB, "CREATE OR REPLACE DATABASE x CHARSET ascii",
		 "DATABASE_DROPPED x. | DATABASE_CREATED x. ascii"},
	};
	CHECK(list);
}

static void test_temporary_session(void **state)
{
	(void)state;
	struct world w;
	begin(&w, MYSQL_57);
	run(&w, "CREATE TABLE t (a INT)");
	w.session.temporary = true; /* the ALTER may be of a temporary t */
	assert_string_equal(run(&w, "ALTER TABLE t ADD b INT"), "UNKNOWN d.t");
	end(&w);
}

static int lost(void *ctx, struct span db, struct span name, const struct catalog_table **ret)
{
	(void)ctx;
	(void)db;
	(void)name;
	(void)ret;
	return -EIO;
}

static void test_lookup_fails(void **state)
{
	(void)state;
	struct world w;
	begin(&w, MYSQL_57);
	struct ddl_lookup look = {&w, lost, find_database};
	assert_int_equal(ddl_apply(span("ALTER TABLE t ADD a INT"), &w.session, &look, &w.arena,
				   &w.changes),
			 -EIO);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_sql_modes),
		cmocka_unit_test(test_labels_that_are_cut),
		cmocka_unit_test(test_foreign_text),
		cmocka_unit_test(test_lower_case_names),
		cmocka_unit_test(test_key_of_rows),
		cmocka_unit_test(test_hidden_columns),
		cmocka_unit_test(test_alter),
		cmocka_unit_test(test_not_known_before),
		cmocka_unit_test(test_defaults_not_known),
		cmocka_unit_test(test_keys_not_known),
		cmocka_unit_test(test_rename_and_drop),
		cmocka_unit_test(test_temporary_session),
		cmocka_unit_test(test_lookup_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
