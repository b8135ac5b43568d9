/* root_test.c - the root's data: what is taken and what is refused, with the reason. */
#include "common/contract/errors.h"
#include "common/daemon/root.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void takes_cluster_and_format(void **state)
{
	struct root r = {0};
	struct err err = {0};
	(void)state;
	const char *text = "{\"cluster\":\"9f3c-A_1\",\"format\":1,\"finalized\":true}";
	assert_int_equal(root_parse(text, strlen(text), &r, &err), 0);
	assert_string_equal(r.cluster, "9f3c-A_1");
	assert_int_equal(r.format, 1);
}

static void refuses_what_it_cannot_serve(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{"", "root"},
		{"[]", "object"},
		{"{\"format\":1}", "'cluster'"},
		{"{\"cluster\":\"\",\"format\":1}", "'cluster'"},
		{"{\"cluster\":\"a b\",\"format\":1}", "'cluster'"},
		{"{\"cluster\":\"a/../b\",\"format\":1}", "'cluster'"},
		{"{\"cluster\":\"01234567890123456789012345678901234567890123456789012345678901234\","
		 "\"format\":1}",
		 "'cluster'"},
		{"{\"cluster\":\"a\"}", "format 0"},
		{"{\"cluster\":\"a\",\"format\":\"1\"}", "format"},
		{"{\"cluster\":\"a\",\"format\":2}", "format 2"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct root r = {.cluster = "untouched", .format = 7};
		struct err err = {0};
		assert_int_equal(root_parse(cases[i].text, strlen(cases[i].text), &r, &err), -EINVAL);
		assert_ptr_equal(err.kind, ERR_DOCUMENT_INVALID);
		if (i > 0 && !strstr(err.text, cases[i].says))
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_string_equal(r.cluster, "untouched");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_cluster_and_format),
		cmocka_unit_test(refuses_what_it_cannot_serve),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
