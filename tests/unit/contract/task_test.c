/* task_test.c - the task document: defaults, every refusal with its place, secrets. */
#include "common/contract/alert.h"
#include "common/contract/errors.h"
#include "common/contract/task.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD  "\"name\":\"t\",\"source\":{\"host\":\"db1\",\"user\":\"repl\"}"
#define KAFKA "\"pipe\":{\"brokers\":\"k1:9092\"}"

static struct span span(const char *s)
{
	return (struct span){(const uint8_t *)s, strlen(s)};
}

static struct task *parse(const char *text)
{
	struct task *t = NULL;
	struct err err = {0};
	if (task_parse(text, strlen(text), &t, &err) != 0)
		fail_msg("%s\n%s at %s", text, err.text, err.where);
	return t;
}

static void assert_refused(const char *text, const char *where, const char *part)
{
	struct task *t = NULL;
	struct err err = {0};
	if (task_parse(text, strlen(text), &t, &err) == 0) {
		task_free(t);
		fail_msg("accepted: %s", text);
	}
	assert_null(t);
	assert_ptr_equal(err.kind, ERR_TASK_INVALID);
	if (strcmp(err.where, where) != 0 || !strstr(err.text, part))
		fail_msg("%s\nsaid '%s' at '%s'\nwanted '%s' at '%s'", text, err.text, err.where,
			 part, where);
}

static void test_defaults(void **state)
{
	(void)state;
	struct task *t = parse("{" HEAD "," KAFKA "}");
	assert_int_equal(t->version, 1);
	assert_string_equal(t->name, "t");
	assert_string_equal(t->uid, "");
	assert_string_equal(t->group, "");
	assert_int_equal(t->source.nhosts, 1);
	assert_string_equal(t->source.hosts[0].host, "db1");
	assert_int_equal(t->source.hosts[0].port, 3306);
	assert_int_equal(t->source.tls.mode, TASK_TLS_PREFERRED);
	assert_int_equal(t->source.start, TASK_START_LATEST);
	assert_int_equal(t->source.server_id, 0);
	assert_null(t->source.password.given);
	assert_int_equal(t->pipe.type, TASK_PIPE_KAFKA);
	assert_string_equal(t->pipe.topic, "{task}.{db}.{table}");
	assert_true(t->pipe.topics.create);
	assert_int_equal(t->pipe.topics.partitions, 1);
	assert_int_equal(t->pipe.security.tls.mode, TASK_TLS_DISABLED);
	assert_int_equal(t->pipe.key, TASK_KEY_PRIMARY);
	assert_string_equal(t->pipe.key_columns, "");
	assert_int_equal(t->pipe.delivery, TASK_EXACTLY_ONCE);
	assert_true(t->pipe.tombstones);
	assert_int_equal(t->pipe.options.compat, TASK_COMPAT_LOSSLESS);
	assert_int_equal(t->memory.queue_bytes, 16777216);
	assert_int_equal(t->memory.group_bytes, 16777216);
	assert_int_equal(t->commit_interval_ms, 500);
	task_free(t);
}

static void test_everything(void **state)
{
	(void)state;
	struct task *t = parse(
		"{\"version\":1,\"name\":\"copy_hot.item-1\",\"uid\":\"u1\",\"group\":\"g1\","
		"\"source\":{\"host\":\"db1\",\"port\":3307,\"user\":\"repl\",\"password\":\"pw\","
		" \"hosts\":[\"db2:3308\",\"db3\",\"[::1]:3309\",\"fe80::1\"],"
		" \"tls\":{\"mode\":\"verify_identity\",\"ca\":\"file:ca\"},"
		" \"start\":{\"file\":\"binlog.000002\",\"pos\":1234},\"server_id\":4294967295,"
		" \"time_zone\":\"auto\"},"
		"\"tables\":{\"include\":[\"shop.*\"],\"exclude\":[\"*.tmp_*\"],\"columns\":[],"
		"\"rows\":[]},"
		"\"pipe\":{\"type\":\"kafka\",\"brokers\":\"k1:9092, k2\",\"topic\":\"x-{table}\","
		" \"topics\":{\"create\":false,\"partitions\":3,\"replication_factor\":2,"
		"  \"config\":{\"retention.ms\":1000,\"cleanup.policy\":\"compact\",\"x\":true},"
		"  "
		"\"dead_letter\":null,\"heartbeat\":\"\",\"transaction\":\"\",\"schema_changes\":"
		"\"\"}"
		","
		" \"security\":{\"tls\":{\"mode\":\"required\"},"
		"  "
		"\"sasl\":{\"mechanism\":\"SCRAM-SHA-512\",\"user\":\"u\",\"password\":\"env:MR_"
		"SECRET_"
		"K\"}},"
		" \"key\":\"columns:id,shop\",\"format\":\"debezium\",\"delivery\":\"at_least_"
		"once\","
		" \"tombstones\":false,"
		" \"options\":{\"compat\":\"exact\",\"decimal.handling.mode\":\"string\","
		"  "
		"\"bigint.unsigned.handling.mode\":\"precise\",\"time.precision.mode\":\"connect\","
		"  \"binary.handling.mode\":\"base64-url-safe\"},"
		" \"properties\":{\"compression.type\":\"lz4\",\"linger.ms\":50,\"socket.keepalive."
		"enable\":true}},"
		"\"snapshot\":{\"mode\":\"never\",\"chunk_rows\":0,\"parallel\":1},\"consumers\":[]"
		","
		"\"on_error\":{\"oversize_row\":\"stop\",\"bad_row\":\"stop\"},"
		"\"memory\":{\"queue_bytes\":1048576,\"group_bytes\":65536},"
		"\"commit_interval_ms\":100,\"alerts\":{}}");
	assert_string_equal(t->group, "g1");
	assert_int_equal(t->source.nhosts, 5);
	assert_int_equal(t->source.hosts[0].port, 3307);
	assert_string_equal(t->source.hosts[1].host, "db2");
	assert_int_equal(t->source.hosts[1].port, 3308);
	assert_int_equal(t->source.hosts[2].port, 3307);
	assert_string_equal(t->source.hosts[3].host, "::1");
	assert_int_equal(t->source.hosts[3].port, 3309);
	assert_string_equal(t->source.hosts[4].host, "fe80::1");
	assert_int_equal(t->source.start, TASK_START_FILE);
	assert_string_equal(t->source.start_file, "binlog.000002");
	assert_int_equal(t->source.start_pos, 1234);
	assert_string_equal(t->source.start_text, "binlog.000002:1234");
	assert_int_equal(t->source.server_id, 4294967295);
	assert_int_equal(t->pipe.topics.nconfig, 3);
	assert_string_equal(t->pipe.topics.config[0].value, "1000");
	assert_int_equal(t->pipe.key, TASK_KEY_COLUMNS);
	assert_string_equal(t->pipe.key_columns, "id,shop");
	assert_int_equal(t->pipe.options.time_precision, TASK_TIME_CONNECT);
	assert_string_equal(task_option(t, "binary.handling.mode"), "base64-url-safe");
	assert_string_equal(task_option(t, "compat"), "exact");
	assert_null(task_option(t, "nope"));
	assert_int_equal(t->pipe.nproperties, 3);
	assert_string_equal(t->pipe.properties[2].value, "true");
	assert_int_equal(t->pipe.security.sasl.mechanism, TASK_SASL_SCRAM_512);
	task_free(t);
}

/* What is printed reads back to the same: no key is forgotten by either side. */
static void test_round_trip(void **state)
{
	(void)state;
	struct task *t = parse("{" HEAD
			       ",\"pipe\":{\"brokers\":\"k\",\"properties\":{\"linger.ms\":7}},"
			       "\"tables\":{\"include\":[\"a.b\",\"c.\\\"d\"]}}");
	struct buf first, second;
	buf_init(&first);
	buf_init(&second);
	task_to_json(t, &first);
	struct task *again = parse(buf_cstr(&first));
	task_to_json(again, &second);
	assert_string_equal(buf_cstr(&first), buf_cstr(&second));
	assert_non_null(strstr(buf_cstr(&first), "\"port\": 3306"));
	assert_non_null(strstr(buf_cstr(&first), "\"commit_interval_ms\": 500"));
	assert_non_null(strstr(buf_cstr(&first), "\"linger.ms\": \"7\""));
	assert_non_null(strstr(buf_cstr(&first), "\"uid\": null"));
	buf_free(&first);
	buf_free(&second);
	task_free(t);
	task_free(again);
}

static void test_unknown_keys(void **state)
{
	(void)state;
	assert_refused("{\"name\":\"t\",\"source\":{\"host\":\"h\",\"prot\":3306}}", "source.prot",
		       "did you mean 'port'?");
	assert_refused("{\"nmae\":\"t\"}", "nmae", "did you mean 'name'?");
	assert_refused("{" HEAD ",\"pipe\":{\"options\":{\"decimal.handling.mod\":\"string\"}}}",
		       "pipe.options.decimal.handling.mod",
		       "did you mean 'decimal.handling.mode'?");
	assert_refused("{\"host\":\"h\"}", "host", "did you mean 'source.host'?");
	assert_refused("{\"mechanism\":\"PLAIN\"}", "mechanism",
		       "did you mean 'pipe.security.sasl.mechanism'?");
	assert_refused("{\"zzzzzzzz\":1}", "zzzzzzzz", "'zzzzzzzz' is not known");
	assert_refused("{" HEAD ",\"pipe\":{\"properties\":{\"linger.mss\":1},\"brokers\":\"k\"}}",
		       "pipe.properties.linger.mss", "did you mean 'linger.ms'?");
	assert_refused("{\"name\":\"t\",\"source\":{\"start\":{\"fiel\":\"b\",\"pos\":4}}}",
		       "source.start.fiel", "did you mean 'file'?");
}

static void test_types_and_bounds(void **state)
{
	(void)state;
	assert_refused("{\"name\":7}", "name", "must be a string, not an integer");
	assert_refused("{\"name\":\"\"}", "name", "must have 1 to 100 characters");
	assert_refused("{" KAFKA "}", "name", "is missing");
	assert_refused("{\"name\":\"a/b\"}", "name", "may only have letters");
	assert_refused("{\"name\":\"..\"}", "name", "begins with");
	assert_refused("{\"name\":\"t\",\"version\":2}", "version", "must be 1, not 2");
	assert_refused("{\"name\":\"t\",\"source\":{\"port\":65536}}", "source.port",
		       "must be from 1 to 65535, not 65536");
	assert_refused("{\"name\":\"t\",\"source\":{\"port\":\"3306\"}}", "source.port",
		       "must be an integer, not a string");
	assert_refused("{\"name\":\"t\",\"source\":{\"port\":3306.5}}", "source.port",
		       "must be an integer, not a fraction");
	assert_refused("{\"name\":\"t\",\"source\":[]}", "source", "must be an object, not a list");
	assert_refused("{\"name\":\"t\",\"tables\":{\"include\":\"a.b\"}}", "tables.include",
		       "must be a list of strings, not a string");
	assert_refused("{\"name\":\"t\",\"tables\":{\"include\":[\"a.b\",7]}}", "tables.include[1]",
		       "must be a string, not an integer");
	assert_refused("{\"name\":\"t\",\"pipe\":{\"tombstones\":1}}", "pipe.tombstones",
		       "must be true or false");
	assert_refused("{\"name\":\"t\",\"pipe\":{\"type\":\"kafak\"}}", "pipe.type",
		       "must be one of kafka, file, stdout, none (did you mean 'kafka'?)");
	assert_refused("{\"name\":\"t\",\"memory\":{\"queue_bytes\":1}}", "memory.queue_bytes",
		       "must be from 262144");
	assert_refused("{\"name\":\"t\",\"source\":{\"host\":\"a\\u0001\"}}", "source.host",
		       "control character");
}

static void test_forms(void **state)
{
	(void)state;
	assert_refused("{\"name\":\"t\",\"source\":{\"user\":\"u\"}}", "source.host", "is missing");
	assert_refused("{\"name\":\"t\",\"source\":{\"host\":\"h\"}}", "source.user", "is missing");
	assert_refused("{\"name\":\"t\",\"source\":{\"host\":\"a:1\",\"user\":\"u\"}}",
		       "source.host", "its port is source.port");
	assert_refused("{\"name\":\"t\",\"source\":{\"host\":\"a,b\",\"user\":\"u\"}}",
		       "source.host", "must be a name");
	assert_refused("{\"name\":\"t\",\"source\":{\"hosts\":[\"a:0\"],\"user\":\"u\"}}",
		       "source.hosts[0]", "must be \"host\"");
	assert_refused("{" HEAD "}", "pipe.brokers", "is missing");
	assert_refused("{" HEAD ",\"pipe\":{\"brokers\":\"a:b\"}}", "pipe.brokers", "host:port");
	assert_refused("{" HEAD ",\"pipe\":{\"brokers\":\"a:1,,b:1\"}}", "pipe.brokers",
		       "host:port");
	assert_refused("{" HEAD ",\"pipe\":{\"type\":\"file\"}}", "pipe.path", "is missing");
	assert_refused("{" HEAD ",\"pipe\":{\"type\":\"none\",\"topic\":\"{tabel}\"}}",
		       "pipe.topic", "{task}, {db} and {table}");
	assert_refused("{" HEAD ",\"pipe\":{\"type\":\"none\",\"topic\":\"a b\"}}", "pipe.topic",
		       "placeholders");
	assert_refused("{" HEAD ",\"pipe\":{\"type\":\"none\",\"key\":\"primary\"}}", "pipe.key",
		       "primary_key, table");
	assert_refused("{" HEAD ",\"pipe\":{\"type\":\"none\",\"key\":\"columns:\"}}", "pipe.key",
		       "columns:");
	assert_refused("{" HEAD "," KAFKA ",\"tables\":{\"include\":[\"item\"]}}",
		       "tables.include[0]", "no dot");
	assert_refused("{" HEAD "," KAFKA ",\"tables\":{\"exclude\":[\"a.b\",\"shop.\"]}}",
		       "tables.exclude[1]", "no table behind");
	assert_refused("{" HEAD
		       ",\"pipe\":{\"brokers\":\"k\",\"security\":{\"sasl\":{\"user\":\"u\"}}}}",
		       "pipe.security.sasl", "no mechanism");
	assert_refused("{" HEAD ",\"pipe\":{\"brokers\":\"k\",\"security\":{\"sasl\":"
		       "{\"mechanism\":\"PLAIN\",\"user\":\"u\"}}}}",
		       "pipe.security.sasl", "user and password");
	assert_refused("{" HEAD
		       ",\"pipe\":{\"brokers\":\"k\",\"security\":{\"tls\":{\"ca\":\"file:x\"}}}}",
		       "pipe.security.tls", "would not be used");
	assert_refused("{" HEAD
		       ",\"pipe\":{\"brokers\":\"k\",\"security\":{\"tls\":{\"mode\":\"required\","
		       "\"cert\":\"file:x\"}}}}",
		       "pipe.security.tls", "cert and key together");
	assert_refused("{\"name\":\"t\",\"source\":{\"host\":\"h\",\"tls\":{\"ca\":\"ca.pem\"}}}",
		       "source.tls.ca", "PEM text");
}

static void test_start(void **state)
{
	(void)state;
#define START(s)                                                                                   \
	"{\"name\":\"t\",\"source\":{\"host\":\"h\",\"user\":\"u\",\"start\":" s "}," KAFKA "}"
	struct task *t = parse(START("\"earliest\""));
	assert_int_equal(t->source.start, TASK_START_EARLIEST);
	task_free(t);
	t = parse(START("{\"gtid\":\"0-1-100\"}"));
	assert_int_equal(t->source.start, TASK_START_GTID);
	assert_string_equal(t->source.start_gtid, "0-1-100");
	task_free(t);
	t = parse(START("{\"time\":\"2026-11-22T10:00:00.25+02:00\"}"));
	assert_int_equal(t->source.start, TASK_START_TIME);
	assert_int_equal(t->source.start_time, 1795334400250000);
	task_free(t);
	t = parse(START("{\"time\":\"1970-01-01T00:00:01Z\"}"));
	assert_int_equal(t->source.start_time, 1000000);
	task_free(t);

	assert_refused(START("\"now\""), "source.start", "\"latest\", \"earliest\"");
	assert_refused(START("7"), "source.start", "\"latest\"");
	assert_refused(START("{\"file\":\"b.1\"}"), "source.start", "file and pos");
	assert_refused(START("{\"file\":\"b.1\",\"pos\":4,\"gtid\":\"0-1-1\"}"), "source.start",
		       "gtid alone");
	assert_refused(START("{\"file\":\"../b\",\"pos\":4}"), "source.start.file",
		       "name of a binlog");
	assert_refused(START("{\"file\":\"b.1\",\"pos\":3}"), "source.start.pos", "from 4");
	assert_refused(START("{\"gtid\":\" \"}"), "source.start.gtid", "GTID set");
	static const char *const times[] = {
		"2026-11-22T10:00:00",      "2026-02-30T10:00:00Z", "2026-13-01T00:00:00Z",
		"2026-11-22T24:00:00Z",     "2026-11-22",           "2026-11-22T10:00:60Z",
		"2026-11-22T10:00:00.Z",    "1969-12-31T23:59:59Z", "2026-11-22T10:00:00Zx",
		"2026-11-22T10:00:00+2:00",
	};
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		char text[300];
		snprintf(text, sizeof(text), START("{\"time\":\"%s\"}"), times[i]);
		assert_refused(text, "source.start.time", "a time with its zone");
	}
}

/* Lists of objects: what is said of an element, and how it prints. */
static void test_rules(void **state)
{
	(void)state;
	struct task *t = parse(
		"{" HEAD "," KAFKA ",\"tables\":{\"salt\":\"env:MR_SECRET_SALT\",\"columns\":["
		"{\"match\":\"a.b.c\",\"action\":\"truncate\",\"length\":3},"
		"{\"match\":\"a.*.D?\",\"action\":\"mask\"}],"
		"\"rows\":[{\"match\":\"a.b\",\"where\":\"x > 1\"}]}}");
	assert_int_equal(t->tables.ncolumns, 2);
	assert_int_equal(t->tables.columns[0].action, TASK_COLUMN_TRUNCATE);
	assert_int_equal(t->tables.columns[0].length, 3);
	assert_int_equal(t->tables.columns[1].length, -1);
	assert_string_equal(t->tables.columns[1].with, "********");
	assert_string_equal(t->tables.rows[0].where, "x > 1");
	const char *pattern = t->tables.columns[1].match;
	const struct span a = {(const uint8_t *)"a", 1}, dx = {(const uint8_t *)"dX", 2};
	assert_true(task_column_pattern_table(pattern, a, dx));
	assert_true(task_column_pattern_wild(pattern));
	assert_false(task_column_pattern_wild(t->tables.columns[0].match));
	assert_true(task_column_pattern_matches(pattern, dx));
	assert_false(task_column_pattern_matches(pattern, a));
	struct buf text;
	buf_init(&text);
	task_to_json(t, &text);
	struct task *again = parse(buf_cstr(&text));
	assert_int_equal(again->tables.ncolumns, 2);
	assert_string_equal(again->tables.columns[1].match, "a.*.D?");
	task_free(again);
	buf_free(&text);
	task_free(t);
	assert_refused("{" HEAD ",\"tables\":{\"columns\":{}}}", "tables.columns",
		       "a list of objects");
	assert_refused("{" HEAD ",\"tables\":{\"columns\":[1]}}", "tables.columns[0]",
		       "an object");
	assert_refused("{" HEAD ",\"tables\":{\"rows\":[{\"match\":\"a.b\",\"wehre\":\"\"}]}}",
		       "tables.rows[0].wehre", "where");
	assert_refused("{" HEAD ",\"tables\":{\"rows\":[{\"match\":\"a.b\",\"where\":\"a >\"}]}}",
		       "tables.rows[0].where", "at character 4");
}

static void test_not_yet(void **state)
{
	(void)state;
	static const struct {
		const char *text, *where;
	} cases[] = {
		{"\"consumers\":[{\"type\":\"mysql\"}]", "consumers"},
		{"\"snapshot\":{\"mode\":\"initial\"}", "snapshot.mode"},
		{"\"on_error\":{\"bad_row\":\"dead_letter\"}", "on_error.bad_row"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[400];
		snprintf(text, sizeof(text), "{" HEAD ",%s}", cases[i].text);
		assert_refused(text, cases[i].where, "is not supported yet");
	}
	assert_refused("{\"name\":\"t\",\"source\":{\"host\":\"h\",\"user\":\"u\",\"time_zone\":\"+"
		       "02:00\"}}",
		       "source.time_zone", "not supported yet");
}

/* What is not given stays with the monitor, and is printed as null. */
static void test_alerts(void **state)
{
	(void)state;
	struct task *t = parse("{" HEAD "," KAFKA ",\"alerts\":{\"lag\":{\"threshold\":\"5m\",\"for\":\"0\","
			       "\"severity\":\"ticket\"},\"stuck\":{\"enabled\":false}}}");
	const struct task_alert *lag = &t->alerts[TASK_ALERT_LAG];
	assert_int_equal(lag->enabled, -1);
	assert_int_equal(lag->threshold, 300 * USEC_PER_SEC);
	assert_int_equal(lag->wait, 0);
	assert_int_equal(lag->severity, ALERT_TICKET);
	assert_int_equal(t->alerts[TASK_ALERT_STUCK].enabled, 0);
	for (size_t i = 0; i < TASK_ALERTS; i++) {
		const struct task_alert *a = &t->alerts[i];
		if (i == TASK_ALERT_LAG)
			continue;
		assert_int_equal(a->enabled, i == TASK_ALERT_STUCK ? 0 : -1);
		assert_int_equal(a->threshold, i == TASK_ALERT_NO_RUNNING || i == TASK_ALERT_FAILED ||
						       i == TASK_ALERT_NO_STANDBY
					       ? 0
					       : -1);
		assert_int_equal(a->wait, -1);
		assert_int_equal(a->severity, -1);
	}
	struct buf out;
	buf_init(&out);
	task_to_json(t, &out);
	assert_non_null(strstr(buf_cstr(&out), "\"threshold\": \"5m\""));
	assert_non_null(strstr(buf_cstr(&out), "\"for\": \"0\""));
	assert_non_null(strstr(buf_cstr(&out), "\"severity\": null"));
	assert_non_null(strstr(buf_cstr(&out), "\"enabled\": false"));
	struct task *again = parse(buf_cstr(&out));
	assert_memory_equal(again->alerts, t->alerts, sizeof(t->alerts));
	task_free(again);
	task_free(t);
	buf_free(&out);
#define ALERTS(text) "{" HEAD "," KAFKA ",\"alerts\":{" text "}}"
	assert_refused(ALERTS("\"lga\":{}"), "alerts.lga", "did you mean 'lag'");
	assert_refused(ALERTS("\"lag\":1"), "alerts.lag", "must be an object");
	assert_refused(ALERTS("\"lag\":{\"for\":30}"), "alerts.lag.for", "a duration");
	assert_refused(ALERTS("\"lag\":{\"for\":\"30\"}"), "alerts.lag.for", "with a unit");
	assert_refused(ALERTS("\"lag\":{\"for\":\"30d\"}"), "alerts.lag.for", "from 0 to 7d");
	assert_refused(ALERTS("\"lag\":{\"severity\":\"pag\"}"), "alerts.lag.severity", "'page'");
	assert_refused(ALERTS("\"lag\":{\"enabled\":1}"), "alerts.lag.enabled", "true or false");
	assert_refused(ALERTS("\"failed\":{\"threshold\":\"1m\"}"), "alerts.failed.threshold",
		       "is not known");
#undef ALERTS
}

static void test_properties(void **state)
{
	(void)state;
	static const struct {
		const char *property, *reason;
	} cases[] = {
		{"\"acks\":1", "sets it itself"},
		{"\"enable.idempotence\":false", "sets it itself"},
		{"\"transactional.id\":\"x\"", "sets it itself"},
		{"\"delivery.timeout.ms\":1", "sets it itself"},
		{"\"max.in.flight.requests.per.connection\":9", "sets it itself"},
		{"\"plugin.library.paths\":\"x.so\"", "load code"},
		{"\"ssl.engine.location\":\"x\"", "load code"},
		{"\"sasl.kerberos.kinit.cmd\":\"sh\"", "load code"},
		{"\"ssl.ca.location\":\"/etc/passwd\"", "read a file"},
		{"\"ssl.keystore.location\":\"/etc/passwd\"", "read a file"},
		{"\"ssl.key.pem\":\"x\"", "pipe.security"},
		{"\"security.protocol\":\"ssl\"", "pipe.security"},
		{"\"bootstrap.servers\":\"x\"", "pipe.brokers"},
		{"\"queue.buffering.max.kbytes\":1", "memory.queue_bytes"},
		{"\"dr_msg_cb\":\"x\"", "no setting"},
		{"\"linger.ms\":900001", "a number from 0 to 900000"},
		{"\"linger.ms\":\"5ms\"", "a number from 0"},
		{"\"compression.type\":\"rar\"", "must be one of none, gzip"},
		{"\"partitioner\":\"random\"", "must be one of consistent"},
		{"\"linger.ms\":[1]", "must be a string"},
		{"\"Acks\":1", "no property"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[400], where[100];
		snprintf(text, sizeof(text),
			 "{" HEAD ",\"pipe\":{\"brokers\":\"k\",\"properties\":{%s}}}",
			 cases[i].property);
		snprintf(where, sizeof(where), "pipe.properties.%.*s",
			 (int)strcspn(cases[i].property + 1, "\""), cases[i].property + 1);
		assert_refused(text, where, cases[i].reason);
	}
}

static void test_syntax(void **state)
{
	(void)state;
	assert_refused("", "line 1, column 0", "not valid JSON");
	assert_refused("{\n \"name\": \"t\",\n}", "line 3, column 1", "not valid JSON");
	assert_refused("{\"name\":\"a\",\"name\":\"b\"}", "line 1, column 18", "near '\"name\"'");
	assert_refused("[]", "", "must be an object, not a list");
	assert_refused("{\"name\":\"\xff\"}", "line 1, column 9", "not valid JSON");
	char *large = malloc(TASK_DOCUMENT_MAX + 1);
	struct task *t = NULL;
	struct err err = {0};
	memset(large, ' ', TASK_DOCUMENT_MAX + 1);
	assert_true(task_parse(large, TASK_DOCUMENT_MAX + 1, &t, &err) < 0);
	assert_non_null(strstr(err.text, "larger than 524288"));
	free(large);
}

/* A syntax error right behind a password must not quote it. */
static void test_no_secret_in_errors(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"{\"source\":{\"password\":\"hunter2\" \"x\":1}}",
		"{\"source\":{\"password\":\"hunter2",
		"{\"source\":{\"password\":\"hunter2\nx\"}}",
		"{\"source\":{\"password\":{\"hunter2\":1}}}",
		"{\"source\":{\"password\":[\"hunter2\"]}}",
		"{\"source\":{\"tls\":{\"key\":\"hunter2\"}}}",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct task *t = NULL;
		struct err err = {0};
		assert_true(task_parse(texts[i], strlen(texts[i]), &t, &err) < 0);
		if (strstr(err.text, "hunter2") || strstr(err.where, "hunter2"))
			fail_msg("shown: %s at %s", err.text, err.where);
	}
	struct task *t = parse("{\"name\":\"t\",\"source\":{\"host\":\"h\",\"user\":\"u\","
			       "\"password\":\"hunter2\"}," KAFKA "}");
	struct buf b;
	buf_init(&b);
	task_to_json(t, &b);
	assert_null(strstr(buf_cstr(&b), "hunter2"));
	assert_non_null(strstr(buf_cstr(&b), "\"password\": \"***\""));
	buf_free(&b);
	task_free(t);
}

static void test_patterns(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *db, *table;
		bool matches;
	} cases[] = {
		{"shop.item", "shop", "item", true},
		{"shop.item", "shop", "items", false},
		{"shop.item", "Shop", "item", false},
		{"shop.order_*", "shop", "order_", true},
		{"shop.order_*", "shop", "order_2026", true},
		{"shop.order_*", "shop", "orders", false},
		{"*.tmp_*", "any", "tmp_x", true},
		{"*.*", "a", "b", true},
		{"s?op.*", "shop", "x", true},
		{"s?op.*", "sop", "x", false},
		{"db.?", "db", "\xc3\xa9", true},
		{"db.??", "db", "\xc3\xa9", false},
		{"db.a*b*c", "db", "aXbYbZc", true},
		{"db.a*b*c", "db", "aXbYbZ", false},
		{"db.*a*a*a*a*b", "db", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
		{"db.\\*", "db", "*", true},
		{"db.\\*", "db", "x", false},
		{"a\\.b.c", "a.b", "c", true},
		{"a\\.b.c", "a", "b.c", false},
		{"a.b.c", "a", "b.c", true},
		{"db.x\\", "db", "x\\", true},
		{"*.x", "", "x", true},
		{"db.**", "db", "", true},
		{"nodot", "nodot", "", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (task_pattern_matches(cases[i].pattern, span(cases[i].db),
					 span(cases[i].table)) != cases[i].matches)
			fail_msg("'%s' on %s.%s", cases[i].pattern, cases[i].db, cases[i].table);
}

static void test_matches(void **state)
{
	(void)state;
	struct task *t = parse("{" HEAD "," KAFKA ",\"tables\":{\"exclude\":[\"*.tmp_*\"]}}");
	assert_true(task_matches(t, span("shop"), span("item")));
	assert_false(task_matches(t, span("shop"), span("tmp_1")));
	assert_false(task_matches(t, span("mysql"), span("user")));
	assert_false(task_matches(t, span("sys"), span("x")));
	assert_false(task_matches(t, span("performance_schema"), span("x")));
	assert_false(task_matches(t, span("information_schema"), span("x")));
	assert_true(task_matches(t, span("mysql2"), span("user")));
	task_free(t);
	t = parse("{" HEAD "," KAFKA ",\"tables\":{\"include\":[\"shop.*\",\"mysql.user\"],"
		  "\"exclude\":[\"shop.item\"]}}");
	assert_true(task_matches(t, span("shop"), span("order")));
	assert_false(task_matches(t, span("shop"), span("item")));
	assert_true(task_matches(t, span("mysql"), span("user")));
	assert_false(task_matches(t, span("other"), span("order")));
	task_free(t);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_secrets(void **state)
{
	(void)state;
	char dir[] = "/tmp/mr-secrets-XXXXXX", path[64], text[600];
	struct err err = {0};
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/repl", dir);
	write_file(path, "s3cret\n");
	struct secret_places places = {.secrets_dir = dir};
	setenv("MR_SECRET_K", "from env", 1);

	struct task *t = parse(
		"{\"name\":\"t\",\"source\":{\"host\":\"h\",\"user\":\"u\","
		"\"password\":\"file:repl\"},\"pipe\":{\"brokers\":\"k\",\"security\":"
		"{\"sasl\":{\"mechanism\":\"PLAIN\",\"user\":\"u\","
		"\"password\":\"env:MR_SECRET_K\"}}}}");
	assert_null(t->source.password.text);
	assert_int_equal(task_resolve_secrets(t, &places, &err), 0);
	assert_string_equal(t->source.password.text, "s3cret");
	assert_int_equal(t->source.password.len, 6);
	assert_string_equal(t->source.password.path, path);
	assert_string_equal(t->pipe.security.sasl.password.text, "from env");
	task_free(t);

	static const struct {
		const char *given, *part;
	} missing[] = {
		{"file:nope", "/nope: No such file"},
		{"file:../repl", "no folder"},
		{"file:.hidden", "no folder"},
		{"file:", "no folder"},
		{"env:PATH", "begin with MR_SECRET_"},
		{"env:MR_SECRET_NOPE", "MR_SECRET_NOPE is not set"},
		{"credential:x", "CREDENTIALS_DIRECTORY is not set"},
	};
	unsetenv("CREDENTIALS_DIRECTORY");
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		snprintf(text, sizeof(text),
			 "{\"name\":\"t\",\"source\":{\"host\":\"h\",\"user\":\"u\",\"password\":"
			 "\"%s\"}," KAFKA "}",
			 missing[i].given);
		t = parse(text);
		err_clear(&err);
		assert_true(task_resolve_secrets(t, &places, &err) < 0);
		assert_ptr_equal(err.kind, ERR_SECRET_MISSING);
		assert_string_equal(err.where, "source.password");
		if (!strstr(err.text, missing[i].part))
			fail_msg("'%s' lacks '%s'", err.text, missing[i].part);
		task_free(t);
	}

	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	struct secret s = {0};
	assert_int_equal(secret_set(&s, "credential:repl"), 0);
	assert_int_equal(secret_resolve(&s, NULL, &places, &err), 0);
	assert_string_equal(s.text, "s3cret");
	assert_string_equal(secret_shown(&s), "credential:repl");
	secret_clear(&s);
	assert_null(s.text);

	/* Only TLS material may be a path: a password may begin with '/'. */
	places.paths = true;
	t = parse("{\"name\":\"t\",\"source\":{\"host\":\"h\",\"user\":\"u\","
		  "\"password\":\"/etc/hostname\"}," KAFKA "}");
	assert_int_equal(task_resolve_secrets(t, &places, &err), 0);
	assert_string_equal(t->source.password.text, "/etc/hostname");
	task_free(t);
	places.paths = false;

	/* TLS material: a path only where paths are allowed, and PEM in any case. */
	snprintf(text, sizeof(text),
		 "{\"name\":\"t\",\"source\":{\"host\":\"h\",\"user\":\"u\",\"tls\":{\"ca\":\"%s\"}"
		 "}," KAFKA "}",
		 path);
	t = parse(text);
	assert_true(task_resolve_secrets(t, &places, &err) < 0);
	assert_non_null(strstr(err.text, "standalone"));
	places.paths = true;
	assert_true(task_resolve_secrets(t, &places, &err) < 0);
	assert_non_null(strstr(err.text, "is not PEM text"));
	write_file(path, "-----BEGIN CERTIFICATE-----\nx\n");
	assert_int_equal(task_resolve_secrets(t, &places, &err), 0);
	assert_string_equal(t->source.tls.ca.text, "-----BEGIN CERTIFICATE-----\nx");
	task_free(t);
	unlink(path);
	rmdir(dir);
}

/* After task_free() no copy of a password is left on the heap, jansson's included. */
static void test_secrets_are_wiped(void **state)
{
	(void)state;
#if defined(__SANITIZE_ADDRESS__)
	skip();
#else
	/* Made up here, so that the program's own text does not hold it. */
	enum { LEN = 200 };
	char secret[LEN + 1], text[500];
	for (int i = 0; i < LEN; i++)
		secret[i] = (char)('a' + (i * 7 + i / 26) % 26);
	secret[LEN] = 0;
	snprintf(text, sizeof(text),
		 "{\"name\":\"t\",\"source\":{\"host\":\"h\",\"user\":\"u\",\"password\":\"%s\"}"
		 "," KAFKA "}",
		 secret);
	struct task *t = parse(text);
	struct secret_places places = {0};
	struct err err;
	assert_int_equal(task_resolve_secrets(t, &places, &err), 0);
	task_free(t);
	explicit_bzero(text, sizeof(text));

	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	unsigned long from = 0, to = 0;
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) && !to)
		if (!strstr(line, "[heap]") || sscanf(line, "%lx-%lx", &from, &to) != 2)
			to = 0;
	fclose(maps);
	assert_true(to > from);
	/* A freed chunk has the allocator's pointers in front: look for the middle. */
	assert_null(memmem((void *)from, to - from, secret + 100, 40));
#endif
}

static void test_reference(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b);
	task_print_reference(&b);
	assert_non_null(strstr(buf_cstr(&b), "| `source.tls.mode` | disabled, preferred, required, "
					     "verify_identity | `preferred` |"));
	assert_non_null(strstr(buf_cstr(&b), "| `linger.ms` | 0 .. 900000 |"));
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_unknown_keys),
		cmocka_unit_test(test_types_and_bounds),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_not_yet),
		cmocka_unit_test(test_alerts),
		cmocka_unit_test(test_properties),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_no_secret_in_errors),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_secrets_are_wiped),
		cmocka_unit_test(test_reference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
