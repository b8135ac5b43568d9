/* config_test.c - configuration files: values, bounds, what is refused and where. */
#include "common/config/config.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const severities[] = {"page", "ticket", NULL};
static const struct config_key keys[] = {
	{"zookeeper", "servers", CONFIG_STRING, NULL, 0, 0, NULL, false, "The ensemble.", NULL},
	{"zookeeper", "session_timeout", CONFIG_DURATION, "10s", 1000000, 120000000, NULL, false,
	 "Silence.", NULL},
	{"core", "tasks", CONFIG_LIST, "*", 0, 0, NULL, true, "Tasks.", NULL},
	{"core", "max_tasks", CONFIG_INT, "1000", 1, 5000, "tasks", true, "Most.", NULL},
	{"core", "buffer", CONFIG_BYTES, "16M", 4096, 1 << 30, NULL, false, "Size.", NULL},
	{"core", "fast", CONFIG_BOOL, "no", 0, 0, NULL, false, "Speed.", NULL},
	{"core", "state_dir", CONFIG_STRING, "/var/lib/x", 1, 100, "path", false, "Folder.", NULL},
	{"rule.*", "threshold", CONFIG_DURATION, "30s", 0, 0, NULL, true, "When.", NULL},
	{"rule.*", "severity", CONFIG_ENUM, "page", 0, 0, NULL, true, "How bad.", severities},
};
enum { N = sizeof(keys) / sizeof(keys[0]) };

static struct config *parse(const char *text)
{
	struct config *c = NULL;
	struct err err = {0};
	if (config_parse("f.conf", text, strlen(text), keys, N, &c, &err) != 0)
		fail_msg("%s at %s", err.text, err.where);
	return c;
}

static void assert_refused(const char *text, const char *where, const char *part)
{
	struct config *c = NULL;
	struct err err = {0};
	if (config_parse("f.conf", text, strlen(text), keys, N, &c, &err) == 0)
		fail_msg("accepted:\n%s", text);
	assert_null(c);
	assert_ptr_equal(err.kind, ERR_CONFIG_INVALID);
	if (strcmp(err.where, where) != 0 || !strstr(err.text, part))
		fail_msg("%s\n'%s' at '%s'", text, err.text, err.where);
}

static void test_defaults(void **state)
{
	(void)state;
	struct config *c;
	struct err err;
	size_t n;
	assert_int_equal(config_defaults(keys, N, &c, &err), 0);
	assert_string_equal(config_string(c, "zookeeper", "servers"), "");
	assert_int_equal(config_duration(c, "zookeeper", "session_timeout"), 10000000);
	assert_string_equal(config_list(c, "core", "tasks", &n)[0], "*");
	assert_int_equal(n, 1);
	assert_int_equal(config_int(c, "core", "max_tasks"), 1000);
	assert_int_equal(config_bytes(c, "core", "buffer"), 16 << 20);
	assert_false(config_bool(c, "core", "fast"));
	assert_false(config_given(c, "core", "fast"));
	assert_int_equal(config_duration(c, "rule.any", "threshold"), 30000000);
	assert_null(config_section(c, "rule.", 0));
	config_free(c);
}

static void test_values(void **state)
{
	(void)state;
	struct config *c = parse("\xef\xbb\xbf; a comment\r\n"
				 "[zookeeper]                   ; all three\r\n"
				 "servers = zk1:2181,zk2:2181/chroot\r\n"
				 "\tsession_timeout=1m # a minute\r\n"
				 "\n[core]\n"
				 "tasks = a, b ,, c-1\n"
				 "max_tasks =      ; the default\n"
				 "buffer = 64k\n"
				 "fast = Yes\n"
				 "state_dir = \"/a;b \\\"c\\\\\" ; quoted\n"
				 "[rule.lag]\nthreshold = 500ms\n"
				 "[rule.gone]\nseverity = ticket");
	size_t n;
	assert_string_equal(config_string(c, "zookeeper", "servers"), "zk1:2181,zk2:2181/chroot");
	assert_int_equal(config_duration(c, "zookeeper", "session_timeout"), 60000000);
	const char *const *tasks = config_list(c, "core", "tasks", &n);
	assert_int_equal(n, 3);
	assert_string_equal(tasks[0], "a");
	assert_string_equal(tasks[1], "b");
	assert_string_equal(tasks[2], "c-1");
	assert_null(tasks[3]);
	assert_int_equal(config_int(c, "core", "max_tasks"), 1000);
	assert_false(config_given(c, "core", "max_tasks"));
	assert_int_equal(config_bytes(c, "core", "buffer"), 65536);
	assert_true(config_bool(c, "core", "fast"));
	assert_true(config_given(c, "core", "fast"));
	assert_string_equal(config_string(c, "core", "state_dir"), "/a;b \"c\\");
	assert_string_equal(config_section(c, "rule.", 0), "rule.lag");
	assert_string_equal(config_section(c, "rule.", 1), "rule.gone");
	assert_null(config_section(c, "rule.", 2));
	assert_int_equal(config_duration(c, "rule.lag", "threshold"), 500000);
	assert_int_equal(config_duration(c, "rule.gone", "threshold"), 30000000);
	assert_int_equal(config_enum(c, "rule.lag", "severity"), 0);
	assert_int_equal(config_enum(c, "rule.gone", "severity"), 1);
	config_free(c);

	c = parse("[core]\ntasks =\n");
	config_list(c, "core", "tasks", &n);
	assert_int_equal(n, 0);
	assert_true(config_given(c, "core", "tasks"));
	config_free(c);
	c = parse("[core]\nstate_dir = /a;b\n");
	assert_string_equal(config_string(c, "core", "state_dir"), "/a;b");
	config_free(c);
}

static void test_refused(void **state)
{
	(void)state;
	assert_refused("[zookeper]\n", "f.conf:1", "did you mean [zookeeper]?");
	assert_refused("\n\n[core]\nmax_task = 1\n", "f.conf:4", "did you mean 'max_tasks'?");
	assert_refused("[core]\nservers = x\n", "f.conf:2", "it belongs in [zookeeper]");
	assert_refused("[core]\nzzzzz = x\n", "f.conf:2", "[core] has no key 'zzzzz'");
	assert_refused("max_tasks = 1\n", "f.conf:1", "no [section]");
	assert_refused("[core\nmax_tasks = 1\n", "f.conf:1", "'[name]'");
	assert_refused("[core] x\n", "f.conf:1", "'[name]'");
	assert_refused("[rule.]\n", "f.conf:1", "no section [rule.]");
	assert_refused("[core]\nmax_tasks\n", "f.conf:2", "expected 'key = value'");
	assert_refused("[core]\nmax_tasks = 1\nmax_tasks = 2\n", "f.conf:3", "first in line 2");
	assert_refused("[core]\n[core]\n", "f.conf:2", "first in line 1");
	assert_refused("[core]\nmax_tasks = 0\n", "f.conf:2", "must be from 1 to 5000");
	assert_refused("[core]\nmax_tasks = 5k\n", "f.conf:2", "whole number");
	assert_refused("[core]\nmax_tasks = 99999999999999999999\n", "f.conf:2", "too large");
	assert_refused("[zookeeper]\nsession_timeout = 10\n", "f.conf:2", "with its unit");
	assert_refused("[zookeeper]\nsession_timeout = 1.5s\n", "f.conf:2", "with its unit");
	assert_refused("[zookeeper]\nsession_timeout = 500ms\n", "f.conf:2", "from 1s to 2m");
	assert_refused("[zookeeper]\nsession_timeout = 9999999999999d\n", "f.conf:2", "too large");
	assert_refused("[core]\nbuffer = 2G\n", "f.conf:2", "from 4K to 1G");
	assert_refused("[core]\nbuffer = -1\n", "f.conf:2", "must be a size");
	assert_refused("[core]\nfast = maybe\n", "f.conf:2", "yes or no");
	assert_refused("[core]\nstate_dir =\n", "f.conf:2", "characters from 1 to 100");
	assert_refused("[core]\nstate_dir = \"x\n", "f.conf:2", "closing quote");
	assert_refused("[core]\nstate_dir = \"x\" y\n", "f.conf:2", "behind the closing quote");
	assert_refused("[core]\nstate_dir = \"\\n\"\n", "f.conf:2", "'\\'");
	assert_refused("[rule.x]\nseverity = urgent\n", "f.conf:2", "one of page, ticket");
	assert_refused("[core]\nstate_dir = a\x01\n", "f.conf:2", "control character");
}

static void test_missing_file(void **state)
{
	(void)state;
	struct config *c;
	struct err err = {0};
	assert_int_equal(config_load("/nowhere/x.conf", keys, N, &c, &err), -ENOENT);
	assert_ptr_equal(err.kind, ERR_CONFIG_INVALID);
	assert_string_equal(err.text, "cannot open /nowhere/x.conf: No such file or directory");
}

static void test_bad_default_shows(void **state)
{
	(void)state;
	static const struct config_key bad[] = {
		{"a", "b", CONFIG_INT, "7", 1, 5, NULL, false, "m", NULL}};
	struct config *c;
	struct err err = {0};
	assert_true(config_defaults(bad, 1, &c, &err) < 0);
	assert_non_null(strstr(err.text, "the default of [a] b: must be from 1 to 5"));
}

/* The sample, with every ';' in front of a key removed, is a file that means the defaults. */
static void test_sample_is_a_file(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b);
	config_print_sample(keys, N, "mr-test", &b);
	char *text = strdup(buf_cstr(&b));
	assert_non_null(strstr(text, "\n; Silence. (1s .. 2m)\n;session_timeout = 10s\n"));
	assert_non_null(strstr(text, "\n;[rule.name]\n"));
	struct config *c = parse(text);
	config_free(c);
	for (char *p = text; (p = strstr(p, "\n;")); p++)
		if (p[2] != ' ')
			p[1] = ' ';
	c = parse(text);
	assert_true(config_given(c, "core", "buffer"));
	assert_int_equal(config_bytes(c, "core", "buffer"), 16 << 20);
	assert_true(config_given(c, "rule.name", "severity"));
	config_free(c);
	free(text);
	buf_clear(&b);
	config_print_reference(keys, N, "mr-test", &b);
	assert_non_null(strstr(buf_cstr(&b), "| `buffer` | 4K .. 1G | `16M` | no | Size. |"));
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),          cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),           cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_bad_default_shows), cmocka_unit_test(test_sample_is_a_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
