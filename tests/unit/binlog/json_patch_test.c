/*
 * json_patch_test.c - JSON diffs on the text of documents. The documents and paths are those
 * that MySQL 8.0 and 9.7 wrote; tests/integration/test_events.py compares with SELECT.
 */
#include "core/binlog/json_patch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct made {
	uint8_t bytes[400];
	size_t len;
};

/* Operation 0 replace, 1 insert, 2 remove; the value is a short string. */
static void add(struct made *m, int op, const char *path, const char *value)
{
	uint8_t *p = m->bytes + m->len;
	*p++ = (uint8_t)op;
	*p++ = (uint8_t)strlen(path);
	memcpy(p, path, strlen(path));
	p += strlen(path);
	if (op != 2) {
		*p++ = (uint8_t)(2 + strlen(value));
		*p++ = 0x0c;
		*p++ = (uint8_t)strlen(value);
		memcpy(p, value, strlen(value));
		p += strlen(value);
	}
	m->len = (size_t)(p - m->bytes);
}

static int patch(const char *document, const struct made *m, char out[400])
{
	struct arena arena;
	struct span text;
	arena_init(&arena);
	int rc = json_patch((struct span){(const uint8_t *)document, strlen(document)},
			    (struct span){m->bytes, m->len}, &arena, &text);
	if (rc == 0)
		snprintf(out, 400, "%.*s", (int)text.len, (const char *)text.p);
	arena_free(&arena);
	return rc;
}

static void one(const char *document, int op, const char *path, const char *want)
{
	struct made m = {.len = 0};
	char out[400];
	add(&m, op, path, "v");
	int rc = patch(document, &m, out);
	if (rc < 0)
		fail_msg("%s on %s: %d", path, document, rc);
	assert_string_equal(out, want);
}

static void refused(const char *document, int op, const char *path, int want)
{
	struct made m = {.len = 0};
	char out[400];
	add(&m, op, path, "v");
	int rc = patch(document, &m, out);
	if (rc != want)
		fail_msg("%s on %s: %d, not %d", path, document, rc, want);
}

enum { REPLACE, INSERT, REMOVE };

static void replaces(void **state)
{
	(void)state;
	one("{\"a\":1}", REPLACE, "$.a", "{\"a\":\"v\"}");
	one("{\"a\":1,\"b\":[1,{\"c\":2}],\"d\":0}", REPLACE, "$.b[1].c",
	    "{\"a\":1,\"b\":[1,{\"c\":\"v\"}],\"d\":0}");
	one("[1,2,3]", REPLACE, "$[2]", "[1,2,\"v\"]");
	one("{\"a\":{\"}\":\"]\"},\"bb\":1}", REPLACE, "$.bb", "{\"a\":{\"}\":\"]\"},\"bb\":\"v\"}");
	one("{\"o\\\"k\":1}", REPLACE, "$.\"o\\\"k\"", "{\"o\\\"k\":\"v\"}");
	one("1", REPLACE, "$", "\"v\"");
	refused("{\"a\":1}", REPLACE, "$.b", -ENOENT);
	refused("{\"a\":1}", REPLACE, "$[0]", -ENOENT);
	refused("[1]", REPLACE, "$[1]", -ENOENT);
}

/* Keys stand in the server's order: shorter ones first, then by their bytes. */
static void inserts(void **state)
{
	(void)state;
	one("{}", INSERT, "$.a", "{\"a\":\"v\"}");
	one("{\"b\":1}", INSERT, "$.a", "{\"a\":\"v\",\"b\":1}");
	one("{\"b\":1,\"d\":2}", INSERT, "$.c", "{\"b\":1,\"c\":\"v\",\"d\":2}");
	one("{\"b\":1}", INSERT, "$.c", "{\"b\":1,\"c\":\"v\"}");
	one("{\"bb\":1}", INSERT, "$.c", "{\"c\":\"v\",\"bb\":1}");
	one("{\"b\":1}", INSERT, "$.aa", "{\"b\":1,\"aa\":\"v\"}");
	one("[]", INSERT, "$[0]", "[\"v\"]");
	one("[1,2]", INSERT, "$[0]", "[\"v\",1,2]");
	one("[1,2]", INSERT, "$[1]", "[1,\"v\",2]");
	one("[1,2]", INSERT, "$[2]", "[1,2,\"v\"]");
	one("{\"a\":[{\"x\":{}}]}", INSERT, "$.a[0].x.y", "{\"a\":[{\"x\":{\"y\":\"v\"}}]}");
	refused("{\"a\":1}", INSERT, "$.a", -ENOENT);
	refused("{\"a\":1}", INSERT, "$.b.c", -ENOENT);
	refused("1", INSERT, "$", -ENOENT);
}

static void removes(void **state)
{
	(void)state;
	one("{\"a\":1}", REMOVE, "$.a", "{}");
	one("{\"a\":1,\"b\":2,\"c\":3}", REMOVE, "$.a", "{\"b\":2,\"c\":3}");
	one("{\"a\":1,\"b\":2,\"c\":3}", REMOVE, "$.b", "{\"a\":1,\"c\":3}");
	one("{\"a\":1,\"b\":2,\"c\":3}", REMOVE, "$.c", "{\"a\":1,\"b\":2}");
	one("[[1],[2]]", REMOVE, "$[0][0]", "[[],[2]]");
	one("[1,2]", REMOVE, "$[1]", "[1]");
	refused("{}", REMOVE, "$.a", -ENOENT);
	refused("1", REMOVE, "$", -ENOENT);
}

static void several(void **state)
{
	(void)state;
	struct made m = {.len = 0};
	char out[400];
	add(&m, REMOVE, "$.a", "");
	add(&m, INSERT, "$.z", "last");
	add(&m, REPLACE, "$.z", "zz");
	assert_int_equal(patch("{\"a\":1,\"b\":2}", &m, out), 0);
	assert_string_equal(out, "{\"b\":2,\"z\":\"zz\"}");
	struct arena arena;
	struct span text;
	arena_init(&arena);
	assert_int_equal(json_diff_text((struct span){m.bytes, m.len}, &arena, &text), 0);
	static const char want[] = "[{\"op\":\"remove\",\"path\":\"$.a\"},{\"op\":\"insert\",\"path\":"
				   "\"$.z\",\"value\":\"last\"},{\"op\":\"replace\",\"path\":\"$.z\","
				   "\"value\":\"zz\"}]";
	assert_int_equal(text.len, strlen(want));
	assert_memory_equal(text.p, want, text.len);
	for (size_t cut = 1; cut < m.len; cut++) {
		int rc = json_diff_text((struct span){m.bytes, cut}, &arena, &text);
		assert_true(rc == 0 || rc == -EBADMSG);
	}
	arena_free(&arena);
	m.len = 0;
	assert_int_equal(patch("{\"a\":1}", &m, out), 0);
	assert_string_equal(out, "{\"a\":1}");
}

static void damaged_paths(void **state)
{
	(void)state;
	static const char *const paths[] = {"a",     "$a",	"$.\"a",	"$[",	  "$[]",
					    "$[1",   "$[x]",	"$.\"\\u12\"", "$.\"\\ud800\\u0020\""};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		refused("[1]", REPLACE, paths[i], -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces), cmocka_unit_test(inserts),
		cmocka_unit_test(removes),  cmocka_unit_test(several),
		cmocka_unit_test(damaged_paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
