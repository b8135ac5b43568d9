/*
 * finding_test.c - a check's result is the worst of what was found; every check appears,
 * once, in order, whatever happened before it.
 */
#include "common/contract/errors.h"
#include "core/preflight/preflight_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct preflight_doc doc;

static int setup(void **state)
{
	(void)state;
	return preflight_doc_init(&doc);
}

static int teardown(void **state)
{
	(void)state;
	preflight_doc_clear(&doc);
	return 0;
}

static void assert_all_in_order(void)
{
	size_t n = 0;
	for (; preflight_names[n]; n++) {
		assert_true(n < doc.nchecks);
		assert_string_equal(doc.checks[n].name, preflight_names[n]);
	}
	assert_int_equal(doc.nchecks, n);
}

static void test_the_worst_counts(void **state)
{
	(void)state;
	struct preflight p = {.doc = &doc};
	struct finding f;
	finding_init(&f, "tables.include");
	finding_note(&f, PREFLIGHT_OK, NULL, NULL, "%d tables", 3);
	finding_note(&f, PREFLIGHT_WARNING, ERR_SOURCE_SETTING, "mend this", "first");
	finding_note(&f, PREFLIGHT_FAILED, ERR_SOURCE_GRANT, NULL, "second");
	finding_note(&f, PREFLIGHT_WARNING, ERR_SOURCE_PURGED, "not this", "third");
	finding_put(&p, "tables.match", &f);
	const struct preflight_check *c = &doc.checks[doc.nchecks - 1];
	assert_string_equal(c->name, "tables.match");
	assert_int_equal(c->result, PREFLIGHT_FAILED);
	assert_string_equal(c->code, "source_grant");
	assert_string_equal(c->remedy, ERR_SOURCE_GRANT->remedy);
	assert_string_equal(c->message, "3 tables; first; second; third");
	assert_string_equal(c->field, "tables.include");
	/* Those in front of it that nobody made. */
	for (size_t i = 0; i + 1 < doc.nchecks; i++)
		assert_int_equal(doc.checks[i].result, PREFLIGHT_SKIPPED);
	preflight_skip_to(&p, NULL, "not asked");
	assert_all_in_order();
	assert_ptr_equal(preflight_doc_failed(&doc), c);
	assert_false(p.oom);
}

static void test_long_messages_are_cut(void **state)
{
	(void)state;
	struct preflight p = {.doc = &doc};
	struct finding f;
	char text[3000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	finding_init(&f, "source.host");
	for (int i = 0; i < 10; i++)
		finding_note(&f, PREFLIGHT_WARNING, NULL, NULL, "%s", text);
	finding_put(&p, "source.reachable", &f);
	struct buf out;
	buf_init(&out);
	preflight_doc_print(&doc, &out);
	assert_true(out.len < 4096);
	struct preflight_doc again;
	struct err err = {0};
	if (preflight_doc_parse(buf_cstr(&out), out.len, &again, &err) < 0)
		fail_msg("%s", err.text);
	preflight_doc_clear(&again);
	buf_free(&out);
}

static void refuse(const char *field, const char *check)
{
	struct err why = {0}, err = {0};
	preflight_doc_clear(&doc);
	assert_int_equal(preflight_doc_init(&doc), 0);
	err_set_at(&why, -1, ERR_SECRET_SEALED, field, "no key");
	assert_int_equal(preflight_refuse(&why, &doc, &err), 0);
	assert_all_in_order();
	const struct preflight_check *failed = preflight_doc_failed(&doc);
	assert_non_null(failed);
	assert_string_equal(failed->name, check);
	assert_string_equal(failed->field, field);
	assert_string_equal(failed->code, "secret_sealed");
}

static void test_a_document_that_cannot_be_opened(void **state)
{
	(void)state;
	refuse("source.password", "source.login");
	refuse("source.tls.key", "source.login");
	refuse("pipe.security.sasl.password", "pipe.reachable");
	refuse("tables.include[3]", "tables.match");
	refuse("tables.columns[0].match", "tables.rules");
	refuse("tables.salt", "tables.rules");
	refuse("name", "source.reachable");
	refuse("", "source.reachable");
}

/* A job that is interrupted before it began must not begin to wait. */
static void test_a_guard_remembers(void **state)
{
	(void)state;
	struct guard g;
	struct source *s;
	struct err err = {0};
	const struct source_options o = {.host = "127.0.0.1", .port = 1, .user = "u"};
	guard_init(&g);
	assert_false(guard_interrupted(&g));
	guard_interrupt(&g);
	assert_true(guard_interrupted(&g));
	assert_int_equal(source_new(&o, &s, &err), 0);
	guard_watch(&g, s);
	assert_true(source_connect(s, &err) < 0);
	assert_ptr_equal(err.kind, ERR_SOURCE_LOST);
	guard_watch(&g, NULL);
	source_free(s);
	guard_watch(NULL, NULL);
	assert_false(guard_interrupted(NULL));
	guard_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_worst_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_messages_are_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_document_that_cannot_be_opened, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_guard_remembers, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
