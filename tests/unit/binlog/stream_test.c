/*
 * stream_test.c - groups, and what ends them, on dumps of real servers (binlog.md 1-4,
 * 11-17; protocol rule 7).
 */
#include "tests/unit/binlog/vectors.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GROUP "BEGIN TABLE_MAP ROWS COMMIT! "
#define DDL "BEGIN DDL! "
#define START "ROTATE "

enum { M10 = 1, M11 = 2, S57 = 4, S80 = 8, S97 = 16 };

#define MARIA (M10 | M11)
#define MYSQL (S57 | S80 | S97)
#define ALL (MARIA | MYSQL)

/* What each scenario must come to, on each of its servers. */
static const struct {
	const char *scenario;
	unsigned servers;
	const char *steps;
} cases[] = {
	{"transactions", ALL,
	 START GROUP "BEGIN TABLE_MAP ROWS SAVEPOINT(s1) TABLE_MAP ROWS SAVEPOINT(odd `name) "
		     "TABLE_MAP ROWS COMMIT! " GROUP},
	{"undone", MARIA,
	 START "BEGIN TABLE_MAP ROWS ROLLBACK! " GROUP "BEGIN TABLE_MAP ROWS SAVEPOINT(s1) "
	       "TABLE_MAP ROWS TABLE_MAP ROWS UNDO(S1) TABLE_MAP ROWS COMMIT! "},
	{"undone", MYSQL, START "BEGIN TABLE_MAP ROWS SAVEPOINT(s1) TABLE_MAP ROWS COMMIT! "},
	{"xa", ALL, START GROUP},
	{"xa_two_phase", ALL, START "BEGIN TABLE_MAP ROWS XA_PREPARE! BEGIN XA_COMMIT! "},
	{"xa_rollback", ALL, START "BEGIN TABLE_MAP ROWS XA_PREPARE! BEGIN XA_ROLLBACK! "},
	{"ctas", MARIA | S97, START "BEGIN DDL TABLE_MAP ROWS COMMIT! "},
	{"ddl", ALL,
	 START DDL GROUP DDL DDL DDL DDL DDL DDL DDL DDL DDL DDL DDL DDL DDL DDL DDL DDL DDL},
	{"two_phase_alter", MARIA,
	 START "BEGIN COMMIT! " DDL GROUP GROUP "BEGIN COMMIT! BEGIN COMMIT! " GROUP},
	{"statement_insert", ALL, START "BEGIN ERROR event_statement "},
	{"statement_intvar", ALL, START "BEGIN ERROR event_statement "},
	{"statement_myisam", ALL, START "BEGIN ERROR event_statement "},
	{"statement_ctas", ALL, START "BEGIN ERROR event_statement "},
	{"statement_function", ALL, START "BEGIN ERROR event_statement "},
	{"statement_load", ALL, START "BEGIN ERROR event_statement "},
	{"rows_query", ALL, START GROUP GROUP},
	{"rows_query_not_asked", MARIA, START "BEGIN TABLE_MAP ROWS TABLE_MAP ROWS COMMIT! " GROUP},
	{"compressed", MARIA | S97, START GROUP},
	{"compressed_query", MARIA, START DDL},
	{"partial_json", S80 | S97, START GROUP},
	{"tagged", S97, START GROUP GROUP GROUP},
	{"anonymous", S57, START GROUP DDL GROUP DDL},
	{"anonymous", S80, START GROUP DDL GROUP},
	{"anonymous", S97, START GROUP "BEGIN DDL TABLE_MAP ROWS COMMIT! "},
	{"no_checksum", ALL, START GROUP},
	{"rotations", ALL,
	 START GROUP "ROTATE ROTATE " GROUP "ROTATE ROTATE " GROUP "ROTATE ROTATE " GROUP},
	{"restarted", MARIA | S97, START GROUP GROUP "ROTATE " DDL GROUP},
	{"restarted", S57 | S80, START GROUP GROUP "ROTATE BEGIN ERROR event_statement "},
	{"middle", ALL, START GROUP GROUP},
	{"inside", ALL, START "ERROR source_position "},
	{"heartbeats", ALL, START "HEARTBEAT HEARTBEAT "},
	{"heartbeats_v1", S97, START "HEARTBEAT HEARTBEAT "},
	{"by_gtid", MARIA, START GROUP "ROTATE ROTATE " GROUP},
	{"by_gtid", S57 | S80,
	 START "HEARTBEAT HEARTBEAT HEARTBEAT HEARTBEAT HEARTBEAT HEARTBEAT HEARTBEAT HEARTBEAT "
	       "HEARTBEAT HEARTBEAT " GROUP "ROTATE ROTATE " GROUP},
	{"by_gtid", S97, START "HEARTBEAT " GROUP "ROTATE ROTATE " GROUP},
	{"cascade", MARIA, START "BEGIN TABLE_MAP TABLE_MAP ROWS COMMIT! "},
	{"cascade", S57 | S80, START GROUP},
	{"cascade", S97, START "BEGIN TABLE_MAP TABLE_MAP ROWS ROWS COMMIT! "},
	{"versioned", MARIA,
	 START DDL GROUP "BEGIN TABLE_MAP ROWS ROWS COMMIT! " GROUP DDL GROUP},
};

static void scenarios(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned k = 0; all_servers[k]; k++) {
			struct buf b;
			struct err err = {0};
			if (!(cases[i].servers & 1u << k))
				continue;
			buf_init(&b);
			trace(all_servers[k], cases[i].scenario, &b, &err);
			buf_putc(&b, ' ');
			if (strcmp(buf_cstr(&b), cases[i].steps) != 0)
				fail_msg("%s %s:\n%s\nis not\n%s\n%s", all_servers[k],
					 cases[i].scenario, buf_cstr(&b), cases[i].steps, err.text);
			buf_free(&b);
		}
	}
}

/* --- positions --------------------------------------------------------------------- */

/*
 * Positions come from terminators, whatever stands inside the group: MariaDB 11.8 writes 0
 * there, and the dump leaves out ANNOTATE_ROWS when it was not asked for. The end of a
 * group is where the next one begins.
 */
static void positions(void **state)
{
	(void)state;
	static const char *const names[] = {"transactions", "rows_query_not_asked", "rotations",
					    "middle", "ddl"};
	for (const char *const *server = all_servers; *server; server++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (!dump_exists(*server, names[i]))
				continue;
			struct feed f = feed_open(*server, names[i]);
			uint64_t end = 0;
			unsigned groups = 0;
			while (feed_next(&f)) {
				if (f.step.kind == STEP_ROTATE)
					end = 0;
				if (f.step.kind == STEP_BEGIN) {
					assert_string_equal(f.stream.group.start.file,
							    f.stream.at.file);
					if (end)
						assert_int_equal(f.stream.group.start.pos, end);
				}
				if (f.step.kind == STEP_ROWS) /* for messages: near enough */
					assert_in_range(f.step.pos, f.stream.group.start.pos,
							f.stream.at.pos);
				if (f.step.ends_group) {
					end = f.stream.at.pos;
					assert_int_equal(end, f.step.event.log_pos);
					assert_false(f.stream.in_group);
					groups++;
				}
				/* MariaDB writes checkpoints between groups. */
				if (!f.stream.in_group && end && f.step.kind == STEP_SKIP)
					end = f.stream.at.pos;
			}
			assert_true(groups >= 2);
			feed_close(&f);
		}
	}
}

/* A dump that begins in the middle of a file: FORMAT_DESCRIPTION without a position. */
static void middle(void **state)
{
	(void)state;
	for (const char *const *server = all_servers; *server; server++) {
		struct feed f = feed_open(*server, "middle");
		feed_until(&f, STEP_ROTATE);
		uint64_t start = f.stream.at.pos;
		assert_true(start > 200);
		assert_true(f.step.artificial);
		feed_until(&f, STEP_BEGIN);
		assert_int_equal(f.stream.group.start.pos, start);
		assert_true(f.stream.format.known);
		feed_close(&f);
	}
}

/*
 * Groups that the dump leaves out: the first one sent begins where the file says, which
 * heartbeats or MariaDB's artificial GTID_LIST told before.
 */
static void skipped_groups(void **state)
{
	(void)state;
	for (const char *const *server = all_servers; *server; server++) {
		struct feed f = feed_open(*server, "by_gtid");
		uint64_t before = 0;
		do {
			before = f.stream.at.pos;
			assert_true(feed_next(&f));
		} while (f.step.kind != STEP_BEGIN);
		assert_int_equal(f.stream.group.start.pos, before);
		assert_int_equal(before, f.step.event.log_pos - f.step.event.size);
		assert_true(before > 600);
		feed_close(&f);
	}
}

/*
 * MariaDB 11.7 turns a large transaction into a file of its own: its GTID event is padded
 * to fill the file's head. (The vector lacks the rows, which are large.)
 */
static void large_commit(void **state)
{
	(void)state;
	struct feed f = feed_open("mariadb-11.8", "large_commit");
	feed_until(&f, STEP_COMMIT);
	struct gtid before = f.stream.group.gtid;
	feed_until(&f, STEP_BEGIN);
	assert_true(f.step.event.size > 1000);
	assert_int_equal(f.stream.group.gtid.maria.seq, before.maria.seq + 1);
	feed_until(&f, STEP_COMMIT);
	assert_true(f.stream.at.pos > 12000000);
	uint64_t end = f.stream.at.pos;
	feed_until(&f, STEP_BEGIN); /* perhaps behind a checkpoint */
	assert_in_range(f.stream.group.start.pos, end, end + 100);
	assert_int_equal(f.stream.group.gtid.maria.seq, before.maria.seq + 2);
	feed_close(&f);
}

static void heartbeats(void **state)
{
	(void)state;
	for (const char *const *server = all_servers; *server; server++) {
		struct feed f = feed_open(*server, "heartbeats");
		feed_until(&f, STEP_ROTATE);
		uint64_t pos = f.stream.at.pos;
		feed_until(&f, STEP_HEARTBEAT);
		assert_int_equal(f.step.event.type,
				 strcmp(*server, "mysql-9.7") == 0 ? EVENT_HEARTBEAT_V2
								   : EVENT_HEARTBEAT);
		assert_int_equal(f.step.file_pos, pos);
		assert_int_equal(f.step.file.len, strlen(f.stream.at.file));
		assert_memory_equal(f.step.file.p, f.stream.at.file, f.step.file.len);
		assert_int_equal(f.stream.at.pos, pos);
		feed_close(&f);
	}
}

/* log_pos has 32 bits, files may have more. */
static void beyond_4_gib(void **state)
{
	(void)state;
	struct feed f = feed_open("mysql-8.0", "middle");
	feed_until(&f, STEP_COMMIT);
	uint8_t xid[8] = {0}, gtid[25] = {0};
	static const char begin[] = "\1\0\0\0\0\0\0\0\0\0\0\0\0\0BEGIN";
	const uint64_t period = UINT64_C(1) << 32;
	f.stream.at.pos = 3 * period - 100;
	uint32_t pos = (uint32_t)f.stream.at.pos;
	pos += EVENT_HEADER_LEN + 25 + EVENT_CRC_LEN;
	assert_int_equal(feed_made(&f, EVENT_ANONYMOUS_GTID, 0, pos, gtid, sizeof(gtid)), 0);
	assert_int_equal(f.stream.group.start.pos, 3 * period - 100);
	pos += EVENT_HEADER_LEN + sizeof(begin) - 1 + EVENT_CRC_LEN;
	assert_int_equal(feed_made(&f, EVENT_QUERY, 0, pos, begin, sizeof(begin) - 1), 0);
	pos += EVENT_HEADER_LEN + 8 + EVENT_CRC_LEN; /* wraps */
	assert_true(pos < 1000);
	assert_int_equal(feed_made(&f, EVENT_XID, 0, pos, xid, 8), 0);
	assert_int_equal(f.stream.at.pos, 3 * period + pos);
	assert_true(f.step.ends_group);
	feed_close(&f);
}

static void positions_that_go_back(void **state)
{
	(void)state;
	struct feed f = feed_open("mysql-8.0", "middle");
	feed_until(&f, STEP_COMMIT);
	uint8_t gtid[25] = {0};
	assert_int_equal(feed_made(&f, EVENT_ANONYMOUS_GTID, 0, 300, gtid, sizeof(gtid)), -EBADMSG);
	assert_ptr_equal(f.err.kind, ERR_EVENT_CORRUPT);
	feed_close(&f);
}

static void terminator_without_position(void **state)
{
	(void)state;
	struct feed f = feed_open("mysql-8.0", "middle");
	feed_until(&f, STEP_ROWS);
	uint8_t xid[8] = {0};
	assert_int_equal(feed_made(&f, EVENT_XID, 0, 0, xid, 8), -EBADMSG);
	assert_ptr_equal(f.err.kind, ERR_EVENT_CORRUPT);
	feed_close(&f);
}

/* --- what a group says of itself ---------------------------------------------------- */

static void mysql_groups(void **state)
{
	(void)state;
	static const char *const servers[] = {"mysql-5.7", "mysql-8.0", "mysql-9.7"};
	for (size_t i = 0; i < 3; i++) {
		struct feed f = feed_open(servers[i], "middle");
		feed_until(&f, STEP_BEGIN);
		struct group first = f.stream.group;
		assert_int_equal(first.gtid.kind, GTID_MYSQL);
		assert_string_equal(first.gtid.my.tag, "");
		assert_false(first.has_thread); /* BEGIN brings it */
		feed_until(&f, STEP_ROWS);
		assert_true(f.stream.group.has_thread);
		assert_true(f.stream.group.thread_id > 0);
		feed_until(&f, STEP_COMMIT);
		uint64_t end = f.stream.at.pos;
		usec_t header = (usec_t)f.step.event.timestamp * USEC_PER_SEC;
		if (i == 0) { /* 5.7 logs neither time nor length */
			assert_int_equal(first.commit_time, 0);
			assert_int_equal(first.length, 0);
		} else {
			assert_in_range(first.commit_time, header - 5 * USEC_PER_SEC,
					header + 5 * USEC_PER_SEC);
			assert_int_equal(first.original_commit_time, first.commit_time);
			assert_int_equal(first.length, end - first.start.pos);
		}
		feed_until(&f, STEP_BEGIN);
		assert_memory_equal(f.stream.group.gtid.my.uuid, first.gtid.my.uuid, 16);
		assert_int_equal(f.stream.group.gtid.my.gno, first.gtid.my.gno + 1);
		feed_close(&f);
	}
}

static void mariadb_groups(void **state)
{
	(void)state;
	static const char *const servers[] = {"mariadb-10.11", "mariadb-11.8"};
	for (size_t i = 0; i < 2; i++) {
		struct feed f = feed_open(servers[i], "ddl");
		feed_until(&f, STEP_BEGIN);
		struct group first = f.stream.group;
		assert_int_equal(first.gtid.kind, GTID_MARIADB);
		assert_int_equal(first.gtid.maria.domain, 0);
		assert_int_equal(first.gtid.maria.server, f.step.event.server_id);
		assert_int_equal(first.server_id, f.step.event.server_id);
		assert_true(first.standalone && first.ddl);
		assert_int_equal(first.has_thread, i == 1); /* 11.5 and newer */
		feed_until(&f, STEP_DDL);
		assert_true(f.stream.group.has_thread);
		if (i == 1) /* the GTID event's is the same session's */
			assert_int_equal(f.stream.group.thread_id, first.thread_id);
		feed_until(&f, STEP_BEGIN); /* the INSERT */
		assert_false(f.stream.group.standalone || f.stream.group.ddl);
		assert_int_equal(f.stream.group.gtid.maria.seq, first.gtid.maria.seq + 1);
		feed_close(&f);
	}
}

/* The serialised event of tagged GTIDs, beside untagged ones. */
static void tagged_gtids(void **state)
{
	(void)state;
	struct feed f = feed_open("mysql-9.7", "tagged");
	feed_until(&f, STEP_BEGIN);
	struct group first = f.stream.group;
	assert_int_equal(f.step.event.type, EVENT_GTID_TAGGED);
	assert_string_equal(first.gtid.my.tag, "my_tag");
	assert_int_equal(first.gtid.my.gno, 1);
	feed_until(&f, STEP_COMMIT);
	assert_int_equal(first.length, f.stream.at.pos - first.start.pos);
	usec_t header = (usec_t)f.step.event.timestamp * USEC_PER_SEC;
	assert_in_range(first.commit_time, header - 5 * USEC_PER_SEC, header + 5 * USEC_PER_SEC);
	assert_int_equal(first.original_commit_time, first.commit_time);
	feed_until(&f, STEP_BEGIN);
	assert_int_equal(f.stream.group.gtid.my.gno, 2);
	feed_until(&f, STEP_BEGIN);
	assert_int_equal(f.step.event.type, EVENT_GTID);
	assert_string_equal(f.stream.group.gtid.my.tag, "");
	assert_true(f.stream.group.gtid.my.gno > 2);
	assert_memory_equal(f.stream.group.gtid.my.uuid, first.gtid.my.uuid, 16);
	feed_close(&f);
}

static void anonymous_groups(void **state)
{
	(void)state;
	struct feed f = feed_open("mysql-8.0", "anonymous");
	char where[320];
	feed_until(&f, STEP_BEGIN);
	assert_int_equal(f.stream.group.gtid.kind, GTID_NONE);
	assert_true(f.stream.group.commit_time > 0);
	stream_where(&f.stream, 1234, where, sizeof(where));
	assert_null(strstr(where, "gtid"));
	assert_non_null(strstr(where, ":1234"));
	feed_close(&f);
}

static void rows_queries(void **state)
{
	(void)state;
	char insert[400];
	memset(insert, 0, sizeof(insert));
	strcpy(insert, "INSERT INTO a VALUES (1, '");
	memset(insert + strlen(insert), 'x', 300);
	strcat(insert, "')");
	for (const char *const *server = all_servers; *server; server++) {
		struct feed f = feed_open(*server, "rows_query");
		feed_until(&f, STEP_ROWS_QUERY);
		assert_int_equal(f.step.text.len, strlen(insert));
		assert_memory_equal(f.step.text.p, insert, strlen(insert));
		feed_until(&f, STEP_ROWS_QUERY);
		assert_memory_equal(f.step.text.p, "UPDATE a SET v = NULL /* why not */",
				    f.step.text.len);
		feed_close(&f);
	}
}

static void ddl_statements(void **state)
{
	(void)state;
	for (const char *const *server = all_servers; *server; server++) {
		struct feed f = feed_open(*server, "ddl");
		feed_until(&f, STEP_DDL);
		assert_memory_equal(f.step.text.p, "CREATE TABLE a (id int PRIMARY KEY)",
				    f.step.text.len);
		assert_int_equal(f.step.db.len, 1);
		assert_memory_equal(f.step.db.p, "v", 1);
		assert_true(f.step.has_sql_mode);
		assert_int_equal(f.step.sql_mode, UINT64_C(1) << 30); /* NO_ENGINE_SUBSTITUTION */
		assert_true(f.step.collation == 45 || f.step.collation == 255 ||
			    f.step.collation == 46 || f.step.collation == 2304); /* utf8mb4 */
		feed_until(&f, STEP_DDL);
		assert_memory_equal(f.step.text.p, "/*!40000 ALTER */ /* x */ TABLE a",
				    strlen("/*!40000 ALTER */ /* x */ TABLE a"));
		feed_close(&f);
	}
}

/* Sources without GTID events (or MariaDB for clients that know none). */
static void groups_without_gtid_events(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t len;
		enum step_kind kind;
		bool ends;
	} statements[] = {
#define TEXT(text) "\7\0\0\0\0\0\0\0\1\0\0\0\0v\0" text, 15 + sizeof(text) - 1
		{TEXT("CREATE TABLE t (a int)"), STEP_DDL, true},
		{TEXT("BEGIN"), STEP_BEGIN, false},
		{TEXT("COMMIT"), STEP_COMMIT, true},
		{TEXT("XA START X'78',X'',1"), STEP_BEGIN, false},
		{TEXT("ROLLBACK"), STEP_ROLLBACK, true},
		{TEXT("XA ROLLBACK X'78',X'',1"), STEP_XA_ROLLBACK, true},
		{TEXT("XA COMMIT X'78',X'',1"), STEP_XA_COMMIT, true},
		{TEXT("DROP TABLE t"), STEP_DDL, true},
	};
	struct feed f = feed_open("mysql-5.7", "middle");
	feed_until(&f, STEP_COMMIT);
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		uint64_t start = f.stream.at.pos;
		uint32_t pos = (uint32_t)(start + EVENT_HEADER_LEN + statements[i].len +
					  EVENT_CRC_LEN);
		assert_int_equal(feed_made(&f, EVENT_QUERY, 0, pos, statements[i].text,
					   statements[i].len),
				 0);
		assert_int_equal(f.step.kind, statements[i].kind);
		assert_int_equal(f.step.ends_group, statements[i].ends);
		if (f.step.kind == STEP_BEGIN || f.step.kind == STEP_DDL) {
			assert_int_equal(f.stream.group.gtid.kind, GTID_NONE);
			assert_int_equal(f.stream.group.start.pos, start);
		}
		if (f.step.kind == STEP_BEGIN && i == 1)
			assert_int_equal(f.stream.group.thread_id, 7);
	}
	feed_close(&f);
}

/* A new dump on the same stream: nothing of the old one is left. */
static void reconnect(void **state)
{
	(void)state;
	struct feed f = feed_open("mysql-8.0", "no_checksum");
	feed_until(&f, STEP_ROWS);
	assert_false(f.stream.format.checksum);
	stream_start(&f.stream, "binlog.000007", 4711);
	assert_false(f.stream.in_group);
	assert_true(f.stream.format.checksum); /* of the first ROTATE */
	assert_string_equal(f.stream.at.file, "binlog.000007");
	assert_int_equal(f.stream.at.pos, 4711);
	f.dump.at = 0;
	feed_until(&f, STEP_COMMIT);
	feed_close(&f);
}

static void savepoint_names(void **state)
{
	(void)state;
	static const struct span a = {(const uint8_t *)"s1", 2}, b = {(const uint8_t *)"S1", 2},
				 c = {(const uint8_t *)"s2", 2}, d = {(const uint8_t *)"s", 1};
	assert_true(stream_savepoint_equal(a, b));
	assert_false(stream_savepoint_equal(a, c));
	assert_false(stream_savepoint_equal(a, d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scenarios),
		cmocka_unit_test(positions),
		cmocka_unit_test(middle),
		cmocka_unit_test(skipped_groups),
		cmocka_unit_test(large_commit),
		cmocka_unit_test(heartbeats),
		cmocka_unit_test(beyond_4_gib),
		cmocka_unit_test(positions_that_go_back),
		cmocka_unit_test(terminator_without_position),
		cmocka_unit_test(mysql_groups),
		cmocka_unit_test(mariadb_groups),
		cmocka_unit_test(tagged_gtids),
		cmocka_unit_test(anonymous_groups),
		cmocka_unit_test(rows_queries),
		cmocka_unit_test(ddl_statements),
		cmocka_unit_test(groups_without_gtid_events),
		cmocka_unit_test(reconnect),
		cmocka_unit_test(savepoint_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
