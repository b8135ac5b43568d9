/*
 * error_test.c - servers' refusals and what they become.
 *
 * The texts were read from the servers named (MariaDB 10.11.19 and 11.8.9, MySQL 5.7.22,
 * 8.0.15 and 9.7.4), by asking each for a dump it must refuse.
 */
#include "common/contract/errors.h"
#include "core/mysql/connect_error.h"
#include "core/mysql/dump.h"
#include "core/mysql/query_error.h"
#include "core/mysql/server_priv.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct dump_case {
	unsigned code;
	const char *text;
	const struct err_kind *kind;
};

static void dump_refusals(void **state)
{
	(void)state;
	const struct dump_case cases[] = {
		/* all three: the file is not (or no longer) in the index */
		{1236, "Could not find first log file name in binary log index file",
		 ERR_SOURCE_PURGED},
		/* MariaDB 10.11 */
		{1236,
		 "Could not find GTID state requested by slave in any binlog files. Probably the "
		 "slave state is too old and required binlog files have been purged.",
		 ERR_SOURCE_PURGED},
		{1236,
		 "Error: connecting slave requested to start from GTID 0-1-30000, which is not in "
		 "the master's binlog",
		 ERR_SOURCE_DIVERGED},
		{1236,
		 "Error: connecting slave requested to start from GTID 0-9-42, which is not in the "
		 "master's binlog. Since the master's binlog contains GTIDs with higher sequence "
		 "numbers, it probably means that the slave has diverged due to executing extra "
		 "erroneous transactions",
		 ERR_SOURCE_DIVERGED},
		{1236,
		 "Client requested master to start replication from impossible position; the first "
		 "event 'b.000002' at 99999999, the last event read from 'b.000002' at 4, the last "
		 "byte read from 'b.000002' at 4.",
		 ERR_SOURCE_POSITION},
		{1236,
		 "bogus data in log event; the first event 'b.000002' at 5, the last event read "
		 "from 'b.000002' at 5, the last byte read from 'b.000002' at 24.",
		 ERR_EVENT_CORRUPT},
		{4052,
		 "A slave with the same server_uuid/server_id is already connected; the first "
		 "event "
		 "'.' at 4, the last event read from 'b.000003' at 549, the last byte read from "
		 "'b.000003' at 580.",
		 ERR_SOURCE_SERVER_ID},
		/* MySQL 8.0.15 */
		{1236,
		 "Cannot replicate because the master purged required binary logs. Replicate the "
		 "missing transactions from elsewhere, or provision a new slave from backup.",
		 ERR_SOURCE_PURGED},
		{1236,
		 "Slave has more GTIDs than the master has, using the master's SERVER_UUID. This "
		 "may "
		 "indicate that the end of the binary log was truncated",
		 ERR_SOURCE_DIVERGED},
		{1236, "Client requested master to start replication from position > file size",
		 ERR_SOURCE_POSITION},
		{1236,
		 "A slave with the same server_uuid/server_id as this slave has connected to the "
		 "master; the first event '' at 4, the last event read from './b.000003' at 470",
		 ERR_SOURCE_SERVER_ID},
		{1236,
		 "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on "
		 "master; the first event 'b.000002' at 5",
		 ERR_EVENT_CORRUPT},
		{1236,
		 "binlog truncated in the middle of event; consider out of disk space on master; "
		 "the "
		 "first event 'b.000002' at 333",
		 ERR_EVENT_CORRUPT},
		{1236, "Binary log is not open", ERR_SOURCE_SETTING},
		/* MySQL 9.7 */
		{1236,
		 "Cannot replicate because the source purged required binary logs. Replicate the "
		 "missing transactions from elsewhere, or provision a new replica from backup.",
		 ERR_SOURCE_PURGED},
		{1236,
		 "Replica has more GTIDs than the source has, using the source's SERVER_UUID. This "
		 "may indicate that the the last binary log file was truncated or lost",
		 ERR_SOURCE_DIVERGED},
		{1236, "Client requested source to start replication from position > file size",
		 ERR_SOURCE_POSITION},
		{1236,
		 "A replica with the same server_uuid/server_id as this replica has connected to "
		 "the source; the first event '' at 4",
		 ERR_SOURCE_SERVER_ID},
		{1236,
		 "Cannot replicate anonymous transaction when AUTO_POSITION = 1, at file "
		 "./b.000012, position 198.; the first event '' at 4",
		 ERR_SOURCE_POSITION},
		{1236,
		 "event read from binlog did not pass crc check; the first event 'b.000015' at 4, "
		 "the last event read from './b.000015' at 399",
		 ERR_EVENT_CORRUPT},
		/* MySQL 5.7.22 */
		{1236,
		 "The slave is connecting using CHANGE MASTER TO MASTER_AUTO_POSITION = 1, but the "
		 "master has purged binary logs containing GTIDs that the slave requires.",
		 ERR_SOURCE_PURGED},
		/* MariaDB 11.8 */
		{4052,
		 "A slave with the same server_id is already connected; the first event '.' at 4",
		 ERR_SOURCE_SERVER_ID},
		{1236, "something nobody has seen yet", ERR_SOURCE_QUERY},
		{1045, "Access denied for user 'noslave'@'%' (using password: YES)",
		 ERR_SOURCE_GRANT},
		{1227,
		 "Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s) for "
		 "this operation",
		 ERR_SOURCE_GRANT},
		{2013, "Lost connection to server during query", ERR_SOURCE_LOST},
		{2026, "TLS/SSL error: unexpected eof while reading", ERR_SOURCE_LOST},
		{1927, "Connection was killed", ERR_SOURCE_LOST},
		{1053, "Server shutdown in progress", ERR_SOURCE_LOST},
		{1205, "Lock wait timeout exceeded; try restarting transaction", ERR_SOURCE_LOST},
		{1213, "Deadlock found when trying to get lock; try restarting transaction",
		 ERR_SOURCE_LOST},
		{1159, "Got timeout reading communication packets", ERR_SOURCE_LOST},
		{1135, "Can't create a new thread (errno 11)", ERR_SOURCE_LOST},
		{3032, "The server is currently in offline mode", ERR_SOURCE_LOST},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct err_kind *kind = dump_error_kind(cases[i].code, cases[i].text);
		if (kind != cases[i].kind)
			fail_msg("%s: is %s, not %s", cases[i].text, kind->code,
				 cases[i].kind->code);
	}
}

/* Only these two may be tried again by themselves. */
static void refusals_do_not_retry(void **state)
{
	(void)state;
	assert_int_equal(ERR_SOURCE_SERVER_ID->class, ERR_CLASS_OPERATOR);
	assert_int_equal(ERR_SOURCE_PURGED->class, ERR_CLASS_OPERATOR);
	assert_int_equal(ERR_SOURCE_DIVERGED->class, ERR_CLASS_OPERATOR);
	assert_int_equal(ERR_SOURCE_POSITION->class, ERR_CLASS_OPERATOR);
	assert_int_equal(ERR_SOURCE_LOST->class, ERR_CLASS_RETRY);
	assert_int_equal(ERR_SOURCE_SILENT->class, ERR_CLASS_RETRY);
}

static void connecting(void **state)
{
	(void)state;
	const struct dump_case cases[] = {
		{1045, "Access denied for user 'repl'@'localhost' (using password: YES)",
		 ERR_SOURCE_AUTH},
		{1698, "Access denied for user 'root'@'localhost'", ERR_SOURCE_AUTH},
		{1130, "Host '10.1.1.1' is not allowed to connect to this MySQL server",
		 ERR_SOURCE_AUTH},
		{3118, "Access denied for user 'u'@'h'. Account is locked.", ERR_SOURCE_AUTH},
		{1524, "Plugin 'x' is not loaded", ERR_SOURCE_AUTH_PLUGIN},
		{3159, "Connections using insecure transport are prohibited", ERR_SOURCE_TLS},
		{2026, "TLS/SSL error: self-signed certificate in certificate chain",
		 ERR_SOURCE_TLS},
		/* the server went down inside the handshake */
		{2026, "TLS/SSL error: unexpected eof while reading", ERR_SOURCE_UNREACHABLE},
		{2026, "TLS/SSL error: Connection reset by peer (104)", ERR_SOURCE_UNREACHABLE},
		{2002, "Can't connect to server on '127.0.0.1' (115)", ERR_SOURCE_UNREACHABLE},
		{2005, "Unknown server host", ERR_SOURCE_UNREACHABLE},
		{1040, "Too many connections", ERR_SOURCE_UNREACHABLE},
		{2002,
		 "Received error packet before completion of TLS handshake. The authenticity of "
		 "the "
		 "following error cannot be verified: 1040 - Too many connections",
		 ERR_SOURCE_UNREACHABLE},
		{2002,
		 "Received error packet before completion of TLS handshake. The authenticity of "
		 "the "
		 "following error cannot be verified: 1130 - Host 'x' is not allowed to connect",
		 ERR_SOURCE_AUTH},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct err_kind *kind = connect_error_kind(cases[i].code, cases[i].text);
		if (kind != cases[i].kind)
			fail_msg("%s: is %s, not %s", cases[i].text, kind->code,
				 cases[i].kind->code);
	}
}

static void grants_are_spelled_out(void **state)
{
	(void)state;
	const struct {
		unsigned code;
		const char *text, *account, *grant;
	} cases[] = {
		/* MariaDB 10.11, MySQL 8.0.15 and 9.7 */
		{1227,
		 "Access denied; you need (at least one of) the SUPER, REPLICATION CLIENT "
		 "privilege(s) for this operation",
		 "repl@%", "GRANT REPLICATION CLIENT ON *.* TO 'repl'@'%'"},
		{1227,
		 "Access denied; you need (at least one of) the SUPER, BINLOG MONITOR privilege(s) "
		 "for this operation",
		 "repl@10.%", "GRANT BINLOG MONITOR ON *.* TO 'repl'@'10.%'"},
		{1227,
		 "Access denied; you need (at least one of) the SUPER privilege(s) for this "
		 "operation",
		 "r@h", "GRANT SUPER ON *.* TO 'r'@'h'"},
		{1142, "SELECT command denied to user 'poor'@'localhost' for table `k`.`t`",
		 "poor@%", "GRANT SELECT ON `k`.`t` TO 'poor'@'%'"},
		{1142, "SELECT command denied to user 'poor'@'localhost' for table 't'", "poor@%",
		 "GRANT SELECT ON *.* TO 'poor'@'%'"},
		{1045, "Access denied for user 'x'@'y' (using password: YES)", "x@y", ""},
		{1227,
		 "Access denied; you need (at least one of) the X privilege(s) for this operation",
		 "o'neil@a@%", "GRANT X ON *.* TO 'o''neil@a'@'%'"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[256];
		query_error_grant(cases[i].code, cases[i].text, cases[i].account, out, sizeof(out));
		assert_string_equal(out, cases[i].grant);
	}
	char tight[8];
	query_error_grant(cases[0].code, cases[0].text, cases[0].account, tight, sizeof(tight));
	assert_string_equal(tight, "GRANT R");
	assert_string_equal(query_quote_account("aaaaaaaaaaaa@%", tight, sizeof(tight)), "'aaaa'@");
}

static struct server_grants grants_of(const char *line)
{
	struct server_grants g = {0};
	server_grants_add(&g, line);
	return g;
}

static void grants_are_read(void **state)
{
	(void)state;
	struct server_grants g =
		grants_of("GRANT SELECT, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO `repl`@`%` "
			  "IDENTIFIED BY PASSWORD '*14E65567ABDB5135D0CFD9A70B3032C179A49EE7'");
	assert_true(g.slave && g.client && g.select && !g.roles);
	g = grants_of("GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `repl`@`%`");
	assert_true(g.slave && g.client && g.select && !g.roles);
	g = grants_of("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION");
	assert_true(g.slave && g.client && g.select);
	g = grants_of("GRANT USAGE ON *.* TO `poor`@`%`");
	assert_false(g.slave || g.client || g.select || g.roles);
	g = grants_of("GRANT SELECT ON `shop`.* TO `repl`@`%`");
	assert_true(g.select && !g.slave);
	g = grants_of("GRANT ALL PRIVILEGES ON `shop`.* TO `repl`@`%`");
	assert_true(g.select && !g.slave && !g.client);
	g = grants_of("GRANT REPLICATION SLAVE ADMIN, SHOW DATABASES ON *.* TO `repl`@`%`");
	assert_false(g.slave || g.client || g.select);
	g = grants_of("GRANT SELECT (a, b), INSERT ON `shop`.`t` TO `repl`@`%`");
	assert_true(g.select);
	g = grants_of("GRANT `replicator`@`%` TO `repl`@`%`");
	assert_true(g.roles);
	g = grants_of("SET DEFAULT ROLE `r` FOR `repl`@`%`");
	assert_false(g.roles || g.slave);
}

static void versions(void **state)
{
	(void)state;
	assert_int_equal(server_parse_version("10.11.19-MariaDB-0+deb12u1-log"), 101119);
	assert_int_equal(server_parse_version("8.0.15"), 80015);
	assert_int_equal(server_parse_version("9.7.4-2"), 90704);
	assert_int_equal(server_parse_version("5.7.22-log"), 50722);
	assert_int_equal(server_parse_version("11.8"), 110800);
	assert_int_equal(server_parse_version("what"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dump_refusals),   cmocka_unit_test(refusals_do_not_retry),
		cmocka_unit_test(connecting),	   cmocka_unit_test(grants_are_spelled_out),
		cmocka_unit_test(grants_are_read), cmocka_unit_test(versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
