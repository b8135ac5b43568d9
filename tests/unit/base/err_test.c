/* err_test.c - common/base/err.h and nearest.h. */
#include "tests/unit/base/check.h"

#include "common/base/err.h"
#include "common/base/nearest.h"

static const struct err_kind kind = {"a_code", ERR_CLASS_DATA, "A meaning.", "A remedy."};
static const struct err_kind other = {"other", ERR_CLASS_RETRY, "", ""};

static void set_returns_what_it_is_given(void **state)
{
	(void)state;
	struct err err = {0};
	assert_int_equal(err_set(&err, -EINVAL, &kind, "%s is %d", "x", 7), -EINVAL);
	assert_ptr_equal(err.kind, &kind);
	assert_string_equal(err.text, "x is 7");
	assert_string_equal(err.where, "");
	assert_int_equal(err_set_at(&err, -EIO, &other, "here:4", "%s", "y"), -EIO);
	assert_ptr_equal(err.kind, &other);
	assert_string_equal(err.text, "y");
	assert_string_equal(err.where, "here:4");
	assert_int_equal(err_set_at(&err, -EIO, &other, NULL, "z"), -EIO);
	assert_string_equal(err.where, "");
	assert_int_equal(err_set(NULL, -ENOMEM, &kind, "nobody reads this"), -ENOMEM);
	err_clear(&err);
	assert_null(err.kind);
	assert_string_equal(err.text, "");
	err_clear(NULL);
}

static void context_is_added_in_front(void **state)
{
	(void)state;
	struct err err = {0};
	err_prefix(&err, "nothing happened yet");
	err_locate(&err, "nowhere");
	assert_string_equal(err.text, "");
	assert_string_equal(err.where, "");
	err_set(&err, -1, &kind, "inner");
	err_prefix(&err, "outer %d", 1);
	assert_string_equal(err.text, "outer 1: inner");
	err_locate(&err, "file:%d", 4);
	err_locate(&err, "not again");
	assert_string_equal(err.where, "file:4");
	/* Its own text as an argument. */
	err_set_at(&err, -1, &kind, err.where, "again: %s", err.text);
	assert_string_equal(err.text, "again: outer 1: inner");
	assert_string_equal(err.where, "file:4");
}

static void long_text_is_cut(void **state)
{
	(void)state;
	struct err err = {0};
	char text[5000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	err_set_at(&err, -1, &kind, text, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(strlen(err.where), sizeof(err.where) - 1);
	err_prefix(&err, "front");
	assert_memory_equal(err.text, "front: xxx", 10);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	err_prefix(&err, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void classes_have_names(void **state)
{
	(void)state;
	assert_string_equal(err_class_name(ERR_CLASS_RETRY), "retry");
	assert_string_equal(err_class_name(ERR_CLASS_OPERATOR), "operator");
	assert_string_equal(err_class_name(ERR_CLASS_DATA), "data");
	assert_string_equal(err_class_name(ERR_CLASS_INTERNAL), "internal");
}

static const char *nearest(const char *given)
{
	static const char *const names[] = {"port", "host", "password", "server_id", "start"};
	struct nearest n = nearest_of(given);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		nearest_try(&n, names[i]);
	return nearest_best(&n);
}

static void nearest_name(void **state)
{
	(void)state;
	assert_string_equal(nearest("prot"), "port");
	assert_string_equal(nearest("pasword"), "password");
	assert_string_equal(nearest("Server_ID"), "server_id");
	assert_string_equal(nearest("serverid"), "server_id");
	assert_null(nearest("completely different"));
	assert_int_equal(nearest_distance("abc", "acb", 3), 1);
	assert_int_equal(nearest_distance("abc", "", 5), 3);
	assert_int_equal(nearest_distance("abcdef", "uvwxyz", 2), 3);
	assert_int_equal(nearest_distance("same", "same", 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(set_returns_what_it_is_given),
	    cmocka_unit_test(context_is_added_in_front),
	    cmocka_unit_test(long_text_is_cut),
	    cmocka_unit_test(classes_have_names),
	    cmocka_unit_test(nearest_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
