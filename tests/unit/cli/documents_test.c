/* documents_test.c - differences of documents, positions and addresses of the command line. */
#include "server/cli/client.h"
#include "server/cli/diff.h"
#include "server/cli/position.h"
#include "server/cli/settings.h"

#include "common/contract/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int collect(void *ctx, const char *path, const json_t *a, const json_t *b)
{
	struct buf *out = ctx;
	char *old = a ? json_dumps(a, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	char *new = b ? json_dumps(b, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	buf_printf(out, "%s: %s -> %s\n", path, old ? old : "", new ? new : "");
	free(old);
	free(new);
	return 0;
}

static void test_diff(void **state)
{
	(void)state;
	json_t *a = json_loads("{\"v\":1,\"s\":{\"host\":\"a\",\"port\":1,\"x\":{\"y\":null}},"
			       "\"l\":[1,2],\"p\":{\"lz.4\":\"a\",\"gone\":true}}",
			       0, NULL);
	json_t *b = json_loads("{\"v\":1,\"s\":{\"host\":\"b\",\"port\":1,\"x\":{\"y\":0}},"
			       "\"l\":[2,1],\"p\":{\"lz.4\":\"b\"},\"new\":{\"z\":[]}}",
			       0, NULL);
	struct buf out;
	buf_init(&out);
	assert_int_equal(diff_json(a, a, collect, &out), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(diff_json(a, b, collect, &out), 0);
	assert_string_equal(buf_cstr(&out), "s.host: \"a\" -> \"b\"\n"
					    "s.x.y: null -> 0\n"
					    "l: [1,2] -> [2,1]\n"
					    "p[\"lz.4\"]: \"a\" -> \"b\"\n"
					    "p.gone: true -> \n"
					    "new:  -> {\"z\":[]}\n");
	assert_string_equal(json_string_value(diff_at(b, "p[\"lz.4\"]")), "b");
	assert_string_equal(json_string_value(diff_at(b, "s.host")), "b");
	assert_true(json_is_array(diff_at(b, "new.z")));
	assert_null(diff_at(b, "s.none.x"));
	assert_null(diff_at(b, "p[\"lz"));
	json_decref(a);
	json_decref(b);
	buf_free(&out);
}

/* Deeper than anyone writes: compared as a whole, no stack is used up. */
static void test_diff_deep(void **state)
{
	(void)state;
	json_t *trees[2];
	for (int t = 0; t < 2; t++) {
		trees[t] = json_integer(t);
		for (int i = 0; i < 1000; i++) {
			json_t *outer = json_object();
			json_object_set_new(outer, "a", trees[t]);
			trees[t] = outer;
		}
	}
	struct buf out;
	buf_init(&out);
	assert_int_equal(diff_json(trees[0], trees[1], collect, &out), 0);
	assert_int_equal(memcmp(buf_cstr(&out), "a.a.a", 5), 0);
	buf_free(&out);
	json_decref(trees[0]);
	json_decref(trees[1]);
}

static void test_position(void **state)
{
	(void)state;
	static const struct {
		const char *text, *json; /* NULL: refused */
	} cases[] = {
	    {"latest", "\"latest\""},
	    {"earliest", "\"earliest\""},
	    {"binlog.000002:1234", "{\"file\":\"binlog.000002\",\"pos\":1234}"},
	    {"a:b.1:4", "{\"file\":\"a:b.1\",\"pos\":4}"},
	    {"binlog.000002:1234,gtid=0-1-5,1-2-3",
	     "{\"file\":\"binlog.000002\",\"pos\":1234,\"gtid\":\"0-1-5,1-2-3\"}"},
	    {"gtid=", "{\"gtid\":\"\"}"},
	    {"gtid=3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5",
	     "{\"gtid\":\"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5\"}"},
	    {"time=2026-11-22T10:00:00Z", "{\"time\":\"2026-11-22T10:00:00Z\"}"},
	    {"", NULL},
	    {"Latest", NULL},
	    {"binlog.000002", NULL},
	    {"binlog.000002:", NULL},
	    {"binlog.000002:x", NULL},
	    {"binlog.000002:-4", NULL},
	    {"binlog.000002:3", NULL},
	    {"binlog.000002:9999999999999999999", NULL},
	    {":1234", NULL},
	    {"time=yesterday", NULL},
	    {"bin\xff:1234", NULL},
	    {"gtid=\xff", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};
		json_t *made = position_parse(cases[i].text, &err);
		if (!cases[i].json) {
			if (made)
				fail_msg("accepted '%s'", cases[i].text);
			assert_ptr_equal(err.kind, ERR_USAGE);
			continue;
		}
		if (!made)
			fail_msg("%s: %s", cases[i].text, err.text);
		char *text = json_dumps(made, JSON_COMPACT | JSON_ENCODE_ANY);
		assert_string_equal(text, cases[i].json);
		free(text);
		json_decref(made);
	}
}

static void test_server(void **state)
{
	(void)state;
	static const struct {
		const char *text, *server; /* NULL: refused */
		bool open;
	} cases[] = {
	    {"mr1", "http://mr1", true},
	    {"mr1:8230", "http://mr1:8230", true},
	    {"http://127.0.0.1:8230/", "http://127.0.0.1:8230", false},
	    {"http://127.9.9.9", "http://127.9.9.9", false},
	    {"http://127.evil.example", "http://127.evil.example", true},
	    {"http://localhost/x//", "http://localhost/x", false},
	    {"http://localhost.example", "http://localhost.example", true},
	    {"http://[::1]:8230", "http://[::1]:8230", false},
	    {"https://mr.example.com", "https://mr.example.com", false},
	    {"ftp://a", NULL, false},
	    {"file:///etc/passwd", NULL, false},
	    {"", NULL, false},
	    {"http://", NULL, false},
	    {":8230", NULL, false},
	    {"http://user:secret@mr1", NULL, false},
	    {"http://mr1?x=1", NULL, false},
	    {"http://mr1#x", NULL, false},
	    {"http://mr 1", NULL, false},
	    {"http://mr1\r\nX: y", NULL, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};
		char *server = NULL;
		int rc = settings_server(cases[i].text, &server, &err);
		if (!cases[i].server) {
			if (rc == 0)
				fail_msg("accepted '%s'", cases[i].text);
			assert_null(strstr(err.text, "secret"));
			continue;
		}
		assert_int_equal(rc, 0);
		assert_string_equal(server, cases[i].server);
		if (settings_is_open(server) != cases[i].open)
			fail_msg("%s", server);
		free(server);
	}
}

static void test_encoding(void **state)
{
	(void)state;
	struct buf path;
	buf_init(&path);
	client_put_name(&path, "a.b-C_9~");
	client_put_name(&path, "../x/?y#%&=+ \xc3\xa9");
	assert_string_equal(buf_cstr(&path), "/a.b-C_9~/..%2Fx%2F%3Fy%23%25%26%3D%2B%20%C3%A9");
	buf_free(&path);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

/* Option, environment, file: the first that there is. */
static void test_order(void **state)
{
	(void)state;
	char folder[] = "/tmp/mrctl-test-XXXXXX", file[64], token[64], text[128];
	struct arguments a = {0};
	struct settings s;
	struct err err = {0};
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/mrctl", folder);
	snprintf(token, sizeof(token), "%s/token", folder);
	snprintf(text, sizeof(text), "; mine\nserver = http://127.0.0.1:1\ntoken_file = %s\n",
		 token);
	write_file(file, text, 0600);
	write_file(token, "from-file\n", 0600);
	setenv("XDG_CONFIG_HOME", folder, 1);
	unsetenv("MR_SERVER");
	unsetenv("MR_TOKEN");
	unsetenv("MR_CA");
	unsetenv("MR_CONFIG");
	assert_int_equal(settings_read(&a, &s, &err), 0);
	assert_string_equal(s.server, "http://127.0.0.1:1");
	assert_string_equal(s.token, "from-file");
	settings_clear(&s);
	setenv("MR_SERVER", "http://127.0.0.1:2", 1);
	setenv("MR_TOKEN", "from-environment", 1);
	assert_int_equal(settings_read(&a, &s, &err), 0);
	assert_string_equal(s.server, "http://127.0.0.1:2");
	assert_string_equal(s.token, "from-environment");
	settings_clear(&s);
	a.values[OPT_SERVER] = "http://127.0.0.1:3";
	a.values[OPT_TOKEN] = "from-option";
	assert_int_equal(settings_read(&a, &s, &err), 0);
	assert_string_equal(s.server, "http://127.0.0.1:3");
	assert_string_equal(s.token, "from-option");
	settings_clear(&s);
	a.values[OPT_TOKEN] = "two\r\nX-Header: lines";
	assert_true(settings_read(&a, &s, &err) < 0);
	assert_null(strstr(err.text, "Header"));
	a.values[OPT_TOKEN] = NULL;
	/* A file that is named must be there, and its keys known. */
	a.values[OPT_CONFIG] = "/nonexistent/mrctl";
	assert_true(settings_read(&a, &s, &err) < 0);
	a.values[OPT_CONFIG] = NULL;
	write_file(file, "sever = http://127.0.0.1:1\n", 0600);
	assert_true(settings_read(&a, &s, &err) < 0);
	assert_non_null(strstr(err.text, "did you mean 'server'"));
	/* No file at all: the defaults. */
	unlink(file);
	unlink(token);
	unsetenv("MR_SERVER");
	a.values[OPT_SERVER] = NULL;
	assert_int_equal(settings_read(&a, &s, &err), 0);
	assert_string_equal(s.server, SETTINGS_DEFAULT_SERVER);
	settings_clear(&s);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_diff),     cmocka_unit_test(test_diff_deep),
	    cmocka_unit_test(test_position), cmocka_unit_test(test_server),
	    cmocka_unit_test(test_encoding), cmocka_unit_test(test_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
