/*
 * stream_error_test.c - what stops a task, and a source that crashed inside a group.
 */
#include "tests/unit/binlog/vectors.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void expect_error(const char *server, const char *scenario, const struct err_kind *kind,
			 const char *text)
{
	struct buf b;
	struct err err = {0};
	buf_init(&b);
	trace(server, scenario, &b, &err);
	assert_ptr_equal(err.kind, kind);
	if (!strstr(err.text, text))
		fail_msg("'%s' has no '%s'", err.text, text);
	/* "file:pos (gtid …)" */
	assert_memory_equal(err.where, "binlog.", 7);
	assert_non_null(strchr(err.where, ':'));
	if (kind != ERR_SOURCE_POSITION)
		assert_non_null(strstr(err.where, " (gtid "));
	buf_free(&b);
}

static void errors_name_the_thing(void **state)
{
	(void)state;
	expect_error("mysql-8.0", "statement_insert", ERR_EVENT_STATEMENT, "INSERT");
	expect_error("mysql-8.0", "statement_insert", ERR_EVENT_STATEMENT, "binlog_format");
	expect_error("mysql-8.0", "statement_myisam", ERR_EVENT_STATEMENT, "delete");
	expect_error("mariadb-10.11", "statement_load", ERR_EVENT_STATEMENT, "BEGIN_LOAD_QUERY");
	expect_error("mariadb-10.11", "statement_ctas", ERR_EVENT_STATEMENT, "CREATE");
	expect_error("mysql-8.0", "restarted", ERR_EVENT_STATEMENT, "MEMORY");
	expect_error("mysql-9.7", "inside", ERR_SOURCE_POSITION, "WRITE_ROWS_V2");
}

/* A dump from behind the prepared group: its COMMIT or ROLLBACK is a group without rows. */
static void behind_xa_prepare(void **state)
{
	(void)state;
	for (const char *const *server = all_servers; *server; server++) {
		for (int rollback = 0; rollback < 2; rollback++) {
			const char *scenario = rollback ? "xa_rollback" : "xa_two_phase";
			struct feed f = feed_open(*server, scenario);
			struct span bytes;
			int rc = 0;
			bool skip = false;
			while (rc == 0 && dump_next(&f.dump, &bytes)) {
				uint8_t type = bytes.p[4];
				if (type == EVENT_GTID || type == EVENT_MARIA_GTID)
					skip = !skip; /* the first group; then its verdict */
				if (!skip)
					rc = feed_event(&f, bytes.p, bytes.len);
				if (type == EVENT_XA_PREPARE) /* as if the dump began here */
					f.stream.at.pos = load_le32(bytes.p + 13);
			}
			char xid[XID_TEXT_MAX];
			xid_format(&f.stream.xid, xid);
			assert_int_equal(rc, 0);
			assert_int_equal(f.step.kind,
					 rollback ? STEP_XA_ROLLBACK : STEP_XA_COMMIT);
			assert_true(f.step.ends_group);
			assert_string_equal(xid, rollback ? "X'6e6f',X'',1" : "X'74776f',X'',1");
			feed_close(&f);
		}
	}
}

/* Names that no server writes, in both forms. */
static void bad_xids(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		size_t len;
	} events[] = {
#define BODY(text) {text, sizeof(text) - 1}
		BODY("\0"),
		BODY("\0\1\0\0\0\0\0\0\0\0\0\0\0"), /* no gtrid */
		BODY("\0\1\0\0\0\2\0\0\0\0\0\0\0x"), /* too short */
		BODY("\0\1\0\0\0\1\0\0\0\xff\xff\xff\xffx"),
		BODY("\0\1\0\0\0\101\0\0\0\0\0\0\0"
		     "0123456789012345678901234567890123456789012345678901234567890123456789"),
	};
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct feed f = feed_open("mysql-8.0", "middle");
		feed_until(&f, STEP_ROWS);
		uint32_t pos = (uint32_t)(f.stream.at.pos + EVENT_HEADER_LEN + events[i].len +
					  EVENT_CRC_LEN);
		assert_int_equal(feed_made(&f, EVENT_XA_PREPARE, 0, pos, events[i].body,
					   events[i].len),
				 -EBADMSG);
		assert_ptr_equal(f.err.kind, ERR_EVENT_CORRUPT);
		feed_close(&f);
	}
	static const char text[] = "\1\0\0\0\0\0\0\0\0\0\0\0\0\0XA COMMIT 'x' ONE PHASE";
	struct feed f = feed_open("mysql-8.0", "middle");
	feed_until(&f, STEP_COMMIT);
	uint32_t pos = (uint32_t)(f.stream.at.pos + EVENT_HEADER_LEN + sizeof(text) - 1 +
				  EVENT_CRC_LEN);
	assert_int_equal(feed_made(&f, EVENT_QUERY, 0, pos, text, sizeof(text) - 1), -EBADMSG);
	feed_close(&f);
}

static void incident(void **state)
{
	(void)state;
	struct feed f = feed_open("mysql-8.0", "middle");
	feed_until(&f, STEP_COMMIT);
	uint32_t pos = (uint32_t)f.stream.at.pos + EVENT_HEADER_LEN + 7 + EVENT_CRC_LEN;
	assert_int_equal(feed_made(&f, EVENT_INCIDENT, 0, pos, "\1\0\4lost", 7), -EBADMSG);
	assert_ptr_equal(f.err.kind, ERR_EVENT_INCIDENT);
	assert_non_null(strstr(f.err.text, "incident 1: lost"));
	feed_close(&f);
}

/* A name that would lead out of a folder, or break a line of the log. */
static void rotate_to_no_file(void **state)
{
	(void)state;
	static const char *const names[] = {"/../x", "a\nb.000001", "..\\x", "\177"};
	for (size_t i = 0; i < 4; i++) {
		struct feed f = feed_open("mysql-8.0", "middle");
		char text[8 + 32] = {4};
		size_t len = 8 + strlen(names[i]);
		memcpy(text + 8, names[i], strlen(names[i]));
		feed_until(&f, STEP_COMMIT);
		uint32_t pos = (uint32_t)(f.stream.at.pos + EVENT_HEADER_LEN + len + EVENT_CRC_LEN);
		assert_int_equal(feed_made(&f, EVENT_ROTATE, 0, pos, text, len), -EBADMSG);
		assert_ptr_equal(f.err.kind, ERR_EVENT_CORRUPT);
		feed_close(&f);
	}
}

/* An event of a type that may carry rows never passes, one that may be ignored does. */
static void other_types(void **state)
{
	(void)state;
	static const uint8_t carriers[] = {
		EVENT_WRITE_ROWS_V0, EVENT_UPDATE_ROWS_V0, EVENT_DELETE_ROWS_V0,
		EVENT_START_V3, EVENT_UNKNOWN,
	};
	for (unsigned type = 0; type < 256; type++) {
		bool carrier = memchr(carriers, (int)type, sizeof(carriers)) != NULL;
		bool unknown = strcmp(event_type_name(type), "unknown") == 0;
		if (!carrier && !unknown)
			continue;
		for (int ignorable = 0; ignorable < 2; ignorable++) {
			struct feed f = feed_open("mysql-8.0", "middle");
			feed_until(&f, STEP_ROWS);
			uint32_t pos = (uint32_t)f.stream.at.pos + EVENT_HEADER_LEN + 9 +
				       EVENT_CRC_LEN;
			int rc = feed_made(&f, type, ignorable ? EVENT_FLAG_IGNORABLE : 0, pos,
					   "some data", 9);
			if (unknown && ignorable) {
				assert_int_equal(rc, 0);
				assert_int_equal(f.step.kind, STEP_SKIP);
			} else {
				assert_int_equal(rc, -ENOTSUP);
				assert_ptr_equal(f.err.kind, ERR_EVENT_UNSUPPORTED);
				assert_non_null(strstr(f.err.text, event_type_name(type)));
			}
			feed_close(&f);
		}
	}
}

/* Control statements and rows where no group is open. */
static void outside_groups(void **state)
{
	(void)state;
	static const struct {
		uint8_t type;
		const char *body;
		size_t len;
	} events[] = {
#define QUERY(text) {EVENT_QUERY, "\1\0\0\0\0\0\0\0\0\0\0\0\0\0" text, 14 + sizeof(text) - 1}
		QUERY("COMMIT"),
		QUERY("ROLLBACK"),
		QUERY("SAVEPOINT `a`"),
		QUERY("ROLLBACK TO `a`"),
		QUERY("XA END X'78',X'',1"),
		{EVENT_XID, "12345678", 8},
		{EVENT_XA_PREPARE, "\1", 1},
		{EVENT_ROWS_QUERY, "\1x", 2},
		{EVENT_TABLE_MAP, "xxxxxxxx", 8},
	};
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct feed f = feed_open("mysql-8.0", "middle");
		feed_until(&f, STEP_COMMIT);
		uint32_t pos = (uint32_t)(f.stream.at.pos + EVENT_HEADER_LEN + events[i].len +
					  EVENT_CRC_LEN);
		assert_int_equal(
			feed_made(&f, events[i].type, 0, pos, events[i].body, events[i].len),
			-EINVAL);
		assert_ptr_equal(f.err.kind, ERR_SOURCE_POSITION);
		feed_close(&f);
	}
}

/* --- a source that crashed ---------------------------------------------------------- */

/*
 * The dump of a server that died inside a group: its events, then the next file, which
 * the started server made (its FORMAT_DESCRIPTION has a creation time).
 */
static void torn_group(void **state)
{
	(void)state;
	for (const char *const *server = all_servers; *server; server++) {
		struct feed f = feed_open(*server, "restarted");
		struct span bytes;
		feed_until(&f, STEP_ROWS);
		struct gtid gtid = f.stream.group.gtid;
		while (dump_next(&f.dump, &bytes) && bytes.p[4] != EVENT_ROTATE)
			;
		assert_int_equal(feed_event(&f, bytes.p, bytes.len), 0);
		assert_int_equal(f.step.kind, STEP_ROTATE);
		assert_true(f.stream.in_group);
		assert_true(dump_next(&f.dump, &bytes));
		assert_int_equal(feed_event(&f, bytes.p, bytes.len), 0);
		assert_int_equal(f.step.kind, STEP_TORN);
		assert_true(f.step.ends_group);
		assert_false(f.stream.in_group);
		assert_true(gtid_equal(&gtid, &f.stream.group.gtid));
		assert_string_not_equal(f.stream.at.file, f.stream.group.start.file);
		feed_until(&f, STEP_BEGIN);
		feed_close(&f);
	}
}

/* The same without a server start is not a crash but a damaged stream. */
static void divided_group(void **state)
{
	(void)state;
	for (const char *const *server = all_servers; *server; server++) {
		for (int how = 0; how < 3; how++) {
			struct feed f = feed_open(*server, "rotations");
			struct span bytes;
			bool real = how == 0; /* ROTATE as the file has it, or the dump's own */
			feed_until(&f, STEP_ROWS);
			while (dump_next(&f.dump, &bytes))
				if (bytes.p[4] == EVENT_ROTATE &&
				    (load_le32(bytes.p) != 0) == real)
					break;
			int rc = feed_event(&f, bytes.p, bytes.len);
			if (real) {
				assert_int_equal(rc, -EBADMSG);
				feed_close(&f);
				continue;
			}
			assert_int_equal(rc, 0);
			while (dump_next(&f.dump, &bytes))
				if (how == 1 || bytes.p[4] != EVENT_FORMAT_DESCRIPTION)
					break;
			assert_int_equal(feed_event(&f, bytes.p, bytes.len), -EBADMSG);
			assert_ptr_equal(f.err.kind, ERR_EVENT_CORRUPT);
			feed_close(&f);
		}
	}
}

static void group_in_group(void **state)
{
	(void)state;
	for (const char *const *server = all_servers; *server; server++) {
		struct feed f = feed_open(*server, "middle");
		struct span bytes;
		feed_until(&f, STEP_ROWS);
		while (dump_next(&f.dump, &bytes))
			if (bytes.p[4] == EVENT_GTID || bytes.p[4] == EVENT_MARIA_GTID)
				break;
		assert_int_equal(feed_event(&f, bytes.p, bytes.len), -EBADMSG);
		assert_ptr_equal(f.err.kind, ERR_EVENT_CORRUPT);
		feed_close(&f);
	}
}

/* Events cut short anywhere behind their header are errors, never a crash. */
static void short_bodies(void **state)
{
	(void)state;
	static const char *const names[] = {"middle", "ddl", "heartbeats", "tagged", "xa"};
	unsigned refused = 0;
	for (const char *const *server = all_servers; *server; server++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (!dump_exists(*server, names[i]))
				continue;
			struct feed f = feed_open(*server, names[i]);
			struct span bytes;
			while (dump_next(&f.dump, &bytes)) {
				struct stream before = f.stream;
				size_t body = bytes.len - EVENT_HEADER_LEN -
					      (before.format.checksum ? EVENT_CRC_LEN : 0);
				for (size_t n = 0; n < body && n < 80; n++) {
					uint8_t *cut = malloc(EVENT_HEADER_LEN + n + EVENT_CRC_LEN);
					f.stream = before;
					size_t size = event_make(
						cut, bytes.p[4], load_le16(bytes.p + 17),
						load_le32(bytes.p), load_le32(bytes.p + 13),
						bytes.p + EVENT_HEADER_LEN, n,
						before.format.checksum);
					refused += feed_event(&f, cut, size) < 0;
					free(cut);
				}
				f.stream = before;
				assert_int_equal(feed_event(&f, bytes.p, bytes.len), 0);
			}
			feed_close(&f);
		}
	}
	assert_true(refused > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_name_the_thing),
		cmocka_unit_test(behind_xa_prepare),
		cmocka_unit_test(bad_xids),
		cmocka_unit_test(incident),
		cmocka_unit_test(rotate_to_no_file),
		cmocka_unit_test(other_types),
		cmocka_unit_test(outside_groups),
		cmocka_unit_test(torn_group),
		cmocka_unit_test(divided_group),
		cmocka_unit_test(group_in_group),
		cmocka_unit_test(short_bodies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
