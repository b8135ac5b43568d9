/* request_test.c - paths, queries, headers as clients write them; the table of routes. */
#include "common/contract/errors.h"
#include "server/http/route.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static void paths(void **state)
{
	struct request_path p;
	struct err err = {0};
	(void)state;
	assert_int_equal(request_path_parse("/api/v1/tasks/copy%5Fitem", &p, &err), 0);
	assert_int_equal(p.n, 4);
	assert_string_equal(p.v[3], "copy_item");
	assert_int_equal(request_path_parse("/tasks/", &p, &err), 0);
	assert_int_equal(p.n, 1);
	assert_int_equal(request_path_parse("/", &p, &err), 0);
	assert_int_equal(p.n, 0);
	assert_int_equal(request_path_parse("/caf%C3%A9/%f0%9f%90%98", &p, &err), 0);
	static const char *const bad[] = {
		"",	    "x",	 "//",	     "/a//b",	   "/.",	 "/..",
		"/a/../b",  "/%2e%2e",	 "/%2E",     "/a%2fb",	   "/a%5cb",	 "/%00",
		"/a%00",    "/%0a",	 "/%7f",     "/%",	   "/%1",	 "/%zz",
		"/%ff",	    "/%c0%ae",	 "/%c1%bf",  "/%ed%a0%80", "/%f4%90%80%80", "/%e2%82",
		"/%e0%80%80", "/%f0%80%80%80", "/a/b/c/d/e/f/g/h/i",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err = (struct err){0};
		if (request_path_parse(bad[i], &p, &err) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_ptr_equal(err.kind, ERR_NAME_INVALID);
	}
	char longest[REQUEST_SEGMENT_MAX + 3] = "/";
	memset(longest + 1, 'a', REQUEST_SEGMENT_MAX);
	assert_int_equal(request_path_parse(longest, &p, &err), 0);
	longest[REQUEST_SEGMENT_MAX + 1] = 'a';
	assert_int_equal(request_path_parse(longest, &p, &err), -EINVAL);
}

static void queries(void **state)
{
	struct request_query q;
	struct err err = {0};
	uint64_t v;
	bool flag;
	(void)state;
	assert_int_equal(request_query_parse("limit=10&q=a%20b+c&&after=", "limit,after,q", &q, &err),
			 0);
	assert_string_equal(request_query_get(&q, "q"), "a b c");
	assert_string_equal(request_query_get(&q, "after"), "");
	assert_null(request_query_get(&q, "state"));
	assert_int_equal(request_query_number(&q, "limit", 1, 10, 5, &v, &err), 0);
	assert_int_equal(v, 10);
	assert_int_equal(request_query_number(&q, "limit", 1, 9, 5, &v, &err), -EINVAL);
	assert_string_equal(err.where, "limit");
	assert_int_equal(request_query_number(&q, "none", 1, 9, 5, &v, &err), 0);
	assert_int_equal(v, 5);
	assert_int_equal(request_query_parse("force", "force", &q, &err), 0);
	assert_int_equal(request_query_flag(&q, "force", &flag, &err), 0);
	assert_true(flag);
	assert_int_equal(request_query_parse("force=yes", "force", &q, &err), 0);
	assert_int_equal(request_query_flag(&q, "force", &flag, &err), -EINVAL);
	static const char *const bad[] = {"x=1", "limit=%", "limit=%0", "limit=%00", "limit=1&limit=2",
					  "%zz=1", "lim=1", "=1", "limit=%ff", "Limit=1"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (request_query_parse(bad[i], "limit", &q, &err) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(request_query_parse("x=1", NULL, &q, &err), -EINVAL);
	assert_int_equal(request_query_parse("", NULL, &q, &err), 0);
}

static void numbers(void **state)
{
	uint64_t v = 7;
	(void)state;
	assert_int_equal(request_number("9223372036854775807", &v), 0);
	assert_true(v == INT64_MAX);
	static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1e3",
					  "9223372036854775808", "99999999999999999999"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(request_number(bad[i], &v), -EINVAL);
}

static void headers(void **state)
{
	uint64_t v;
	struct err err = {0};
	(void)state;
	static const char *const sevens[] = {"\"7\"", "W/\"7\"", "7", " \"7\" "};
	for (size_t i = 0; i < 4; i++) {
		v = 0;
		assert_int_equal(request_if_match(sevens[i], &v, &err), 0);
		assert_int_equal(v, 7);
	}
	assert_int_equal(request_if_match("*", &v, &err), 0);
	assert_true(v == REQUEST_ANY_REVISION);
	assert_int_equal(request_if_match(NULL, &v, &err), -ENOENT);
	assert_ptr_equal(err.kind, ERR_REVISION_MISSING);
	static const char *const bad[] = {"", "\"", "\"\"", "\"7", "7\"", "\"7\", \"8\"", "-1", "W/",
					  "**", "\"99999999999999999999999999999999999\""};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (request_if_match(bad[i], &v, &err) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	assert_string_equal(request_bearer("Bearer abc"), "abc");
	assert_string_equal(request_bearer("bEARER   abc"), "abc");
	static const char *const none[] = {"", "Bearer", "Bearer ", "Bearerabc", "Basic abc",
					   "Bearer a b", "Bearer a,b", "Bearer\tabc"};
	assert_null(request_bearer(NULL));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (request_bearer(none[i]))
			fail_msg("'%s' was taken", none[i]);
	assert_true(request_is_json(NULL) && request_is_json("") &&
		    request_is_json("Application/JSON") &&
		    request_is_json("application/json ; charset=utf-8"));
	assert_false(request_is_json("application/jsonp") || request_is_json("text/plain"));
}

static const struct route routes[] = {
	{"GET", "/tasks", ROLE_VIEWER, NULL, "limit", BODY_NONE, "L.", "200"},
	{"POST", "/tasks", ROLE_OPERATOR, NULL, NULL, BODY_JSON, "C.", "201"},
	{"GET", "/tasks/{name}", ROLE_VIEWER, NULL, NULL, BODY_NONE, "S.", "200"},
	{"GET", "/tasks/{name}/commands/{id}", ROLE_VIEWER, NULL, NULL, BODY_NONE, "O.", "200"},
};

static int find(const char *method, const char *text, struct route_match *m)
{
	static struct request_path p;
	struct err err;
	assert_int_equal(request_path_parse(text, &p, &err), 0);
	return route_find(routes, 4, method, &p, 0, m);
}

static void finding(void **state)
{
	struct route_match m;
	(void)state;
	assert_int_equal(find("HEAD", "/tasks", &m), 0);
	assert_ptr_equal(m.route, &routes[0]);
	assert_int_equal(find("GET", "/tasks/a/commands/7", &m), 0);
	assert_int_equal(m.nargs, 2);
	assert_string_equal(m.args[0], "a");
	assert_string_equal(m.args[1], "7");
	assert_int_equal(find("PUT", "/tasks", &m), -EPERM);
	assert_string_equal(m.allow, "GET, POST");
	assert_int_equal(find("GET", "/task", &m), -ENOENT);
	assert_int_equal(find("GET", "/tasks/a/b", &m), -ENOENT);
	assert_int_equal(find("GET", "/", &m), -ENOENT);
	assert_int_equal(find("GET", "/tasksx", &m), -ENOENT);
	enum role role;
	assert_int_equal(role_parse("admin", &role), 0);
	assert_int_equal(role, ROLE_ADMIN);
	assert_int_equal(role_parse("none", &role), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),   cmocka_unit_test(queries), cmocka_unit_test(numbers),
		cmocka_unit_test(headers), cmocka_unit_test(finding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
