/* orders_test.c - command, preflight and alert documents: both ways, bounds, strictness. */
#include "common/contract/alert.h"
#include "common/contract/command.h"
#include "common/contract/errors.h"
#include "common/contract/order.h"
#include "common/contract/preflight.h"
#include "common/contract/task.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COMMAND                                                                                    \
	"{\"version\":1,\"type\":\"handover\",\"by\":\"t1\",\"created_ms\":5,"                     \
	"\"state\":\"failed\",\"node\":\"h1-0000000003\",\"finished_ms\":6,"                       \
	"\"error\":{\"code\":\"no_standby\",\"message\":\"m\",\"position\":null}}"

#define PREFLIGHT                                                                                  \
	"{\"version\":1,\"type\":\"tables\",\"group\":\"g1\",\"by\":\"t1\",\"created_ms\":5,"      \
	"\"document\":null,\"state\":\"done\",\"node\":\"h1-0000000003\",\"taken_ms\":6,"          \
	"\"done_ms\":7,\"checks\":[{\"name\":\"source.grants\",\"result\":\"failed\","             \
	"\"field\":\"source.user\",\"code\":\"source_grant\",\"message\":\"m\","                   \
	"\"remedy\":\"GRANT\"},{\"name\":\"tables.match\",\"result\":\"skipped\",\"field\":\"\","  \
	"\"code\":\"\",\"message\":\"\",\"remedy\":\"\"}],"                                        \
	"\"source\":{\"flavor\":\"mariadb\",\"version\":\"10.11.6-MariaDB\",\"gtids\":true,"       \
	"\"row_metadata\":\"MINIMAL\",\"server_id\":4294967295},"                                  \
	"\"tables\":[{\"db\":\"shop\",\"table\":\"item\"},{\"db\":\"shop\",\"table\":\"user\"}],"  \
	"\"truncated\":true}"

#define ALERT                                                                                      \
	"{\"version\":1,\"rule\":\"lag\",\"subject\":\"machine\",\"name\":\"h1\","                 \
	"\"severity\":\"ticket\",\"state\":\"firing\",\"since_ms\":1,\"firing_ms\":2,"             \
	"\"resolved_ms\":0,\"flaps\":2,\"value\":\"41 s\",\"message\":\"m\","                      \
	"\"next_step\":\"n\","                                                                     \
	"\"notified\":[{\"channel\":\"oncall\",\"state\":\"firing\",\"at_ms\":3}]}"

#define ORDER                                                                                      \
	"{\"version\":1,\"type\":\"test_alert\",\"by\":\"t1\",\"created_ms\":5,"                   \
	"\"channel\":\"oncall\",\"state\":\"failed\",\"node\":\"m1-0000000003\","                  \
	"\"finished_ms\":6,\"error\":{\"code\":\"channel\",\"message\":\"m\",\"position\":null}}"

/* The kinds behind one face, so that each test runs over all. */
union any {
	struct command_doc command;
	struct preflight_doc preflight;
	struct alert_doc alert;
	struct order_doc order;
};

#define FACE(noun)                                                                                 \
	static int parse_##noun(const char *text, size_t len, union any *ret, struct err *err)     \
	{                                                                                          \
		return noun##_doc_parse(text, len, &ret->noun, err);                               \
	}                                                                                          \
	static void print_##noun(const union any *d, struct buf *out)                              \
	{                                                                                          \
		noun##_doc_print(&d->noun, out);                                                   \
	}                                                                                          \
	static void clear_##noun(union any *d)                                                     \
	{                                                                                          \
		noun##_doc_clear(&d->noun);                                                        \
	}                                                                                          \
	static int init_##noun(union any *d)                                                       \
	{                                                                                          \
		return noun##_doc_init(&d->noun);                                                  \
	}

FACE(command)
FACE(preflight)
FACE(alert)
FACE(order)

static const struct kind {
	const char *full;
	int (*parse)(const char *text, size_t len, union any *ret, struct err *err);
	void (*print)(const union any *d, struct buf *out);
	void (*clear)(union any *d);
	int (*init)(union any *d);
	size_t max;
} kinds[] = {
    {COMMAND, parse_command, print_command, clear_command, init_command, COMMAND_DOCUMENT_MAX},
    {PREFLIGHT, parse_preflight, print_preflight, clear_preflight, init_preflight,
     PREFLIGHT_DOCUMENT_MAX},
    {ALERT, parse_alert, print_alert, clear_alert, init_alert, ALERT_DOCUMENT_MAX},
    {ORDER, parse_order, print_order, clear_order, init_order, ORDER_DOCUMENT_MAX},
};
enum { KINDS = 4 };

/* `text` reads, and prints as `want`. */
static void must_print(const struct kind *k, const char *text, const char *want)
{
	union any d;
	struct err err = {0};
	struct buf b;
	buf_init(&b);
	if (k->parse(text, strlen(text), &d, &err) != 0)
		fail_msg("%s at %s\n%s", err.text, err.where, text);
	k->print(&d, &b);
	assert_string_equal(buf_cstr(&b), want);
	k->clear(&d);
	buf_free(&b);
}

static char *with(const char *full, const char *from, const char *to)
{
	const char *at = strstr(full, from);
	char *text;
	if (!at)
		fail_msg("no %s in %s", from, full);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(at - full), full, to, at + strlen(from)) > 0);
	return text;
}

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		must_print(&kinds[i], kinds[i].full, kinds[i].full);
		/* What a fresh one prints is read, and is the same again. */
		union any d;
		struct buf b;
		buf_init(&b);
		assert_int_equal(kinds[i].init(&d), 0);
		kinds[i].print(&d, &b);
		kinds[i].clear(&d);
		must_print(&kinds[i], buf_cstr(&b), buf_cstr(&b));
		buf_free(&b);
	}
}

/* Orders as a person would write them by hand. */
static void test_short(void **state)
{
	(void)state;
	must_print(&kinds[0], "{\"version\":1,\"type\":\"handover\"}",
		   "{\"version\":1,\"type\":\"handover\",\"by\":\"\",\"created_ms\":0,"
		   "\"state\":\"pending\",\"node\":\"\",\"finished_ms\":0,\"error\":null}");
	must_print(&kinds[0],
		   "{\"version\":1,\"type\":\"t\",\"error\":{\"code\":\"c\",\"message\":\"m\"}}",
		   "{\"version\":1,\"type\":\"t\",\"by\":\"\",\"created_ms\":0,"
		   "\"state\":\"pending\",\"node\":\"\",\"finished_ms\":0,"
		   "\"error\":{\"code\":\"c\",\"message\":\"m\",\"position\":null}}");
	must_print(&kinds[1],
		   "{\"version\":1,\"type\":\"check\",\"state\":\"pending\","
		   "\"document\":{\"a\":1}}",
		   "{\"version\":1,\"type\":\"check\",\"group\":\"\",\"by\":\"\",\"created_ms\":0,"
		   "\"document\":{\"a\":1},\"state\":\"pending\",\"node\":\"\",\"taken_ms\":0,"
		   "\"done_ms\":0,\"checks\":[],\"source\":null,\"tables\":[],"
		   "\"truncated\":false}");
}

static void test_strict(void **state)
{
	(void)state;
	static const struct {
		int kind;
		const char *from, *to, *where, *part;
	} cases[] = {
	    {0, "\"version\":1", "\"version\":2", "version", "must be 1"},
	    {0, "\"type\":\"handover\",", "", "type", "missing"},
	    {0, "\"by\"", "\"new\":1,\"by\"", "new", "not known"},
	    {0, "\"state\":\"failed\"", "\"state\":\"lost\"", "state", "none of the words"},
	    {0, "\"code\":\"no_standby\",", "", "error.code", "missing"},
	    {1, "\"version\":1", "\"version\":\"1\"", "version", "must be 1"},
	    {1, "\"type\":\"tables\"", "\"type\":\"x\"", "type", "none of the words"},
	    {1, "\"state\":\"done\",", "", "state", "missing"},
	    {1, "\"checks\":[", "\"checks\":[1,", "checks[0]", "must be an object"},
	    {1, "\"checks\":[", "\"checks\":{},\"x\":[", "checks", "must be a list"},
	    {1, "\"result\":\"failed\"", "\"result\":\"bad\"", "checks[0].result", "none of"},
	    {1, "\"source\":{", "\"source\":[],\"x\":{", "source", "null or an object"},
	    {1, "\"gtids\":true,", "", "source.gtids", "missing"},
	    {1, "\"db\":\"shop\",", "", "tables[0].db", "missing"},
	    {1, "\"truncated\":true", "\"truncated\":1", "truncated", "true or false"},
	    {1, "\"document\":null", "\"document\":\"x\"", "document", "null or an object"},
	    {2, "\"version\":1,", "", "version", "must be 1"},
	    {2, "\"severity\":\"ticket\"", "\"severity\":\"low\"", "severity", "none of"},
	    {2, "\"notified\":[", "\"notify\":[", "notified", "missing"},
	    {2, "\"at_ms\":3", "\"at_ms\":-3", "notified[0].at_ms", "out of bounds"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct kind *k = &kinds[cases[i].kind];
		char *text = with(k->full, cases[i].from, cases[i].to);
		union any d;
		struct err err = {0};
		memset(&d, 0x5a, sizeof(d));
		if (k->parse(text, strlen(text), &d, &err) != -EINVAL)
			fail_msg("accepted %s", text);
		assert_ptr_equal(err.kind, ERR_DOCUMENT_INVALID);
		if (strcmp(err.where, cases[i].where) != 0 || !strstr(err.text, cases[i].part))
			fail_msg("%s\n'%s' at '%s'", text, err.text, err.where);
		for (size_t n = 0; n < sizeof(d); n++)
			assert_int_equal(((const uint8_t *)&d)[n], 0x5a);
		free(text);
	}
}

/* Reports of a newer version: what is not known is left out. */
static void test_unknown_members(void **state)
{
	(void)state;
	for (size_t i = 1; i < KINDS; i++) {
		if (kinds[i].parse == parse_order)
			continue; /* an order: strict, as the command is */
		char *text = with(kinds[i].full, "{", "{\"new\":{\"a\":[1]},");
		must_print(&kinds[i], text, kinds[i].full);
		free(text);
	}
}

static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++)
		for (size_t n = 0; n < strlen(kinds[i].full); n++) {
			union any d;
			struct err err = {0};
			if (kinds[i].parse(kinds[i].full, n, &d, &err) == 0)
				fail_msg("accepted the first %zu bytes", n);
		}
}

static void test_command(void **state)
{
	(void)state;
	struct command_doc d;
	assert_int_equal(command_doc_init(&d), 0);
	assert_int_equal(command_doc_order(&d, COMMAND_HANDOVER, "t1", 5), 0);
	assert_int_equal(d.state, COMMAND_PENDING);
	assert_int_equal(command_doc_answer(&d, "h1-0000000003", 6, "no_standby", "m"), 0);
	struct buf b;
	buf_init(&b);
	command_doc_print(&d, &b);
	assert_string_equal(buf_cstr(&b), COMMAND);
	assert_int_equal(command_doc_answer(&d, "h1-0000000003", 7, NULL, NULL), 0);
	assert_int_equal(d.state, COMMAND_DONE);
	assert_string_equal(d.error.code, "");
	assert_string_equal(d.error.message, "");
	command_doc_clear(&d);
	buf_free(&b);
}

/* The answer does not repeat the task document, which may have secrets. */
static void test_answer_has_no_document(void **state)
{
	(void)state;
	struct preflight_doc d;
	struct buf b;
	buf_init(&b);
	assert_int_equal(preflight_doc_init(&d), 0);
	assert_int_equal(report_set(&d.document, "{\"password\":\"canary\"}"), 0);
	preflight_doc_print(&d, &b);
	assert_non_null(strstr(buf_cstr(&b), "canary"));
	d.state = PREFLIGHT_TAKEN;
	buf_clear(&b);
	preflight_doc_print(&d, &b);
	assert_non_null(strstr(buf_cstr(&b), "canary"));
	d.state = PREFLIGHT_DONE;
	buf_clear(&b);
	preflight_doc_print(&d, &b);
	assert_null(strstr(buf_cstr(&b), "canary"));
	preflight_doc_clear(&d);
	buf_free(&b);
}

static void test_checks(void **state)
{
	(void)state;
	struct preflight_doc d;
	assert_int_equal(preflight_doc_init(&d), 0);
	assert_null(preflight_doc_failed(&d));
	assert_int_equal(
	    preflight_doc_add(&d, "source.reachable", PREFLIGHT_OK, NULL, NULL, NULL, NULL), 0);
	assert_int_equal(
	    preflight_doc_add(&d, "source.gtid", PREFLIGHT_WARNING, "f", "c", "a\x1b[31mb\n", "r"),
	    0);
	assert_null(preflight_doc_failed(&d));
	assert_string_equal(d.checks[1].message, "a [31mb ");
	struct err err = {0};
	err_set_at(&err, -EINVAL, ERR_SOURCE_GRANT, "source.user", "no REPLICATION SLAVE");
	assert_int_equal(preflight_doc_add_err(&d, "source.grants", PREFLIGHT_FAILED, NULL, &err),
			 0);
	const struct preflight_check *c = preflight_doc_failed(&d);
	assert_non_null(c);
	assert_string_equal(c->name, "source.grants");
	assert_string_equal(c->field, "source.user");
	assert_string_equal(c->code, "source_grant");
	assert_string_equal(c->message, "no REPLICATION SLAVE");
	assert_string_equal(c->remedy, ERR_SOURCE_GRANT->remedy);
	for (size_t i = d.nchecks; i < PREFLIGHT_CHECKS_MAX; i++)
		assert_int_equal(preflight_doc_add(&d, "x", PREFLIGHT_OK, "", "", "", ""), 0);
	assert_int_equal(preflight_doc_add(&d, "x", PREFLIGHT_OK, "", "", "", ""), -ENOSPC);
	assert_int_equal(d.nchecks, PREFLIGHT_CHECKS_MAX);
	preflight_doc_clear(&d);
}

/* The largest answer and the largest order still fit into their bound. */
static void test_preflight_bounds(void **state)
{
	(void)state;
	struct preflight_doc d, again;
	struct err err = {0};
	struct buf b;
	char *wide = malloc(PREFLIGHT_TEXT_MAX + 101), name[64];
	memset(wide, '"', PREFLIGHT_TEXT_MAX + 100);
	wide[PREFLIGHT_TEXT_MAX + 100] = 0;
	buf_init(&b);
	assert_int_equal(preflight_doc_init(&d), 0);
	for (int i = 0; i < PREFLIGHT_CHECKS_MAX; i++)
		assert_int_equal(preflight_doc_add(&d, "source.reachable", PREFLIGHT_FAILED,
						   "source.host", "c", wide, wide),
				 0);
	int added = 0;
	while (!d.truncated) {
		snprintf(name, sizeof(name), "table\x01\"%d", added++);
		assert_int_equal(preflight_doc_add_table(&d, "shop", name), 0);
	}
	assert_int_equal(d.ntables, added - 1);
	assert_true(d.ntables > 5000);
	/* Nothing after the one that did not fit, however short: the list has no gaps. */
	assert_int_equal(preflight_doc_add_table(&d, "s", "t"), 0);
	assert_int_equal(d.ntables, added - 1);
	d.state = PREFLIGHT_DONE;
	preflight_doc_print(&d, &b);
	assert_true(b.len <= PREFLIGHT_DOCUMENT_MAX);
	assert_true(b.len > PREFLIGHT_TABLES_MAX);
	assert_int_equal(preflight_doc_parse(buf_cstr(&b), b.len, &again, &err), 0);
	assert_int_equal(again.ntables, d.ntables);
	assert_int_equal(again.tables_bytes, d.tables_bytes);
	assert_string_equal(again.tables[d.ntables - 1].table, d.tables[d.ntables - 1].table);
	assert_int_equal(strlen(again.checks[0].message), PREFLIGHT_TEXT_MAX);
	preflight_doc_clear(&again);
	preflight_doc_clear(&d);

	assert_int_equal(preflight_doc_init(&d), 0);
	buf_clear(&b);
	buf_lit(&b, "{\"a\":\"");
	while (b.len < PREFLIGHT_TASK_MAX - 2)
		buf_putc(&b, 'x');
	buf_lit(&b, "\"}");
	assert_int_equal(report_set(&d.document, buf_cstr(&b)), 0);
	buf_clear(&b);
	preflight_doc_print(&d, &b);
	assert_true(b.len <= PREFLIGHT_DOCUMENT_MAX);
	assert_int_equal(preflight_doc_parse(buf_cstr(&b), b.len, &again, &err), 0);
	assert_string_equal(again.document, d.document);
	preflight_doc_clear(&again);
	preflight_doc_clear(&d);
	free(wide);
	buf_free(&b);
}

static void test_marks(void **state)
{
	(void)state;
	struct alert_doc d;
	char channel[32];
	assert_int_equal(alert_doc_init(&d), 0);
	assert_int_equal(alert_doc_marked(&d, "oncall"), -1);
	assert_int_equal(alert_doc_mark(&d, "oncall", ALERT_FIRING, 7), 0);
	assert_int_equal(alert_doc_marked(&d, "oncall"), ALERT_FIRING);
	assert_int_equal(alert_doc_mark(&d, "oncall", ALERT_RESOLVED, 9), 0);
	assert_int_equal(alert_doc_marked(&d, "oncall"), ALERT_RESOLVED);
	assert_int_equal(d.nnotified, 1);
	assert_int_equal(d.notified[0].at_ms, 9);
	for (int i = 1; i < ALERT_NOTIFIED_MAX; i++) {
		snprintf(channel, sizeof(channel), "c%d", i);
		assert_int_equal(alert_doc_mark(&d, channel, ALERT_FIRING, 7), 0);
	}
	assert_int_equal(alert_doc_mark(&d, "more", ALERT_FIRING, 7), -ENOSPC);
	assert_int_equal(alert_doc_mark(&d, "oncall", ALERT_FIRING, 11), 0);
	alert_doc_clear(&d);
}

static void test_order(void **state)
{
	(void)state;
	struct order_doc d;
	assert_int_equal(order_doc_init(&d), 0);
	assert_int_equal(order_doc_test(&d, "oncall", "alice", 7), 0);
	assert_string_equal(d.type, ORDER_TEST_ALERT);
	assert_int_equal(d.state, ORDER_PENDING);
	assert_int_equal(order_doc_answer(&d, "m1-0000000001", 9, "channel", "no"), 0);
	assert_int_equal(d.state, ORDER_FAILED);
	assert_string_equal(d.error.code, "channel");
	assert_int_equal(order_doc_answer(&d, "m1-0000000001", 9, NULL, NULL), 0);
	assert_string_equal(order_state_name(d.state), "done");
	assert_string_equal(d.error.code, "");
	order_doc_clear(&d);
}

static void test_alert_id(void **state)
{
	(void)state;
	char id[PATHS_ID_MAX + 1], other[PATHS_ID_MAX + 1], name[400];
	alert_id("lag", "copy_hot-1.x", id);
	assert_string_equal(id, "lag:copy_hot-1.x");
	/* Addresses of ZooKeeper, long host names: different ones stay different. */
	alert_id("zookeeper", "zk1:2181,zk2:2181/a", id);
	alert_id("zookeeper", "zk1:2181,zk2:2181_a", other);
	assert_int_equal(strncmp(id, "zookeeper:zk1:2181_zk2:2181_a-", 30), 0);
	assert_int_equal(paths_name_check(PATHS_NAME_ID, id, NULL), 0);
	assert_string_not_equal(id, other);
	for (size_t n = 90; n < sizeof(name); n++) {
		memset(name, 'h', n - 1);
		name[n - 1] = 0;
		alert_id("machine_gone", name, id);
		assert_int_equal(paths_name_check(PATHS_NAME_ID, id, NULL), 0);
		name[n - 2] = 'i';
		alert_id("machine_gone", name, other);
		assert_string_not_equal(id, other);
	}
}

/* The words of the documents. */
static void test_names(void **state)
{
	(void)state;
	size_t n = 0;
	while (preflight_names[n])
		n++;
	assert_int_equal(n, 16);
	assert_string_equal(command_state_name(COMMAND_DONE), "done");
	assert_string_equal(preflight_result_name(PREFLIGHT_SKIPPED), "skipped");
	assert_string_equal(preflight_state_name(PREFLIGHT_TAKEN), "taken");
	assert_string_equal(alert_state_name(ALERT_RESOLVED), "resolved");
	assert_string_equal(alert_severity_name(ALERT_INFO), "info");
	assert_string_equal(alert_subject_name(ALERT_CLUSTER), "cluster");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_short),
	    cmocka_unit_test(test_strict),
	    cmocka_unit_test(test_unknown_members),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_command),
	    cmocka_unit_test(test_answer_has_no_document),
	    cmocka_unit_test(test_checks),
	    cmocka_unit_test(test_preflight_bounds),
	    cmocka_unit_test(test_marks),
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_alert_id),
	    cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
