/* why_test.c - the sentence and the next step of every state. */
#include "common/contract/errors.h"
#include "server/api/why.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

struct fixture {
	struct control_doc control;
	struct instance_doc first;
	struct why_input in;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_int_equal(control_doc_init(&f->control), 0);
	assert_int_equal(instance_doc_init(&f->first), 0);
	assert_int_equal(report_set(&f->first.hostname, "c1"), 0);
	f->control.desired = CONTROL_RUNNING;
	f->first.since_ms = 1000;
	f->in = (struct why_input){.name = "t",
				   .group = "",
				   .has_document = true,
				   .document_valid = true,
				   .control = &f->control,
				   .first = &f->first,
				   .node = "c1-0000000001",
				   .instances = 2,
				   .cores = 2,
				   .now_ms = 61000};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	control_doc_clear(&f->control);
	instance_doc_clear(&f->first);
	free(f);
	return 0;
}

static void expect(const struct fixture *f, const char *state, const char *sentence,
		   const char *next_step)
{
	struct why w;
	why_explain(&f->in, &w);
	assert_string_equal(w.state, state);
	if (!strstr(buf_cstr(&w.sentence), sentence))
		fail_msg("not \"%s\" in: %s", sentence, buf_cstr(&w.sentence));
	if (next_step ? !strstr(buf_cstr(&w.next_step), next_step) : w.next_step.len != 0)
		fail_msg("next step: %s", buf_cstr(&w.next_step));
	assert_int_equal(w.sentence.data[w.sentence.len - 1], '.');
	buf_free(&w.sentence);
	buf_free(&w.next_step);
}

static void running(void **state)
{
	struct fixture *f = *state;
	f->first.state = REPORT_RUNNING;
	f->first.lag_ms = 10;
	expect(f, "RUNNING", "runs on c1, for 60 s and is up to date", NULL);
	f->first.lag_ms = 600000;
	expect(f, "RUNNING", "is 10 min behind", "catches up");
	f->in.instances = 1;
	f->first.lag_ms = 0;
	expect(f, "RUNNING", "no standby would take over", "another machine");
	f->first.lag_ms = -1;
	expect(f, "RUNNING", "not known yet", "another machine");
}

static void failing(void **state)
{
	struct fixture *f = *state;
	f->first.state = REPORT_FAILED;
	assert_int_equal(report_set(&f->first.error.code, "source_purged"), 0);
	assert_int_equal(report_set(&f->first.error.message, "binlog.000002 is gone"), 0);
	assert_int_equal(report_set(&f->first.error.position.file, "binlog.000002"), 0);
	expect(f, "FAILED", "waits for a person, for 60 s: binlog.000002 is gone (source_purged) at "
			    "binlog.000002:0",
	       ERR_SOURCE_PURGED->remedy);
	f->first.state = REPORT_RETRYING;
	expect(f, "RETRYING", "tries again by itself", ERR_SOURCE_PURGED->remedy);
	/* A code of a newer version has no remedy here. */
	assert_int_equal(report_set(&f->first.error.code, "of_tomorrow"), 0);
	expect(f, "RETRYING", "(of_tomorrow)", NULL);
}

static void other_states(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; report_states[i]; i++) {
		f->first.state = i;
		struct why w;
		why_explain(&f->in, &w);
		assert_string_equal(w.state, report_states[i]);
		assert_true(w.sentence.len > 10);
		buf_free(&w.sentence);
		buf_free(&w.next_step);
	}
	f->first.state = REPORT_PAUSED;
	f->first.binlog_hours_left = 12.5;
	expect(f, "PAUSED", "what is unread for 12.5 h", "Resume it");
	f->first.state = REPORT_FAILED;
	expect(f, "FAILED", "what is unread for 12.5 h", "Then start the task");
	f->in.first = NULL;
	expect(f, "ABSENT", "c1-0000000001 says of the task cannot be read", "log");
}

static void nobody(void **state)
{
	struct fixture *f = *state;
	f->in.first = NULL;
	f->in.instances = 0;
	expect(f, "ABSENT", "no mr-core has it: 2 are there", "Look at the machines");
	f->in.cores = 0;
	f->in.group = "g1";
	expect(f, "ABSENT", "none of group g1 is there", "Start an mr-core");
	f->control.desired = CONTROL_STOPPED;
	expect(f, "STOPPED", "to be stopped", "Start it");
	f->control.desired = CONTROL_DELETED;
	expect(f, "DELETING", "being deleted", NULL);
	f->in.instances = 1;
	expect(f, "DELETING", "1 instance must end first", "force");
	f->in.control = NULL;
	expect(f, "ABSENT", "control is gone", "makes it anew");
	f->in.document_valid = false;
	expect(f, "ABSENT", "cannot be read by this version", "revision");
	f->in.has_document = false;
	expect(f, "REGISTERED", "no document yet", "Create");
}

/* A cold task: its group's cores, and what keeps each from taking it. */
static void cold(void **state)
{
	struct fixture *f = *state;
	f->in.group = "g1";
	f->in.instances = 1;
	f->in.cores = 3;
	f->first.state = REPORT_RUNNING;
	f->first.lag_ms = 0;
	expect(f, "RUNNING", "up to date; 2 other cores of group g1 would take over", NULL);
	f->in.leaving = 1;
	expect(f, "RUNNING", "up to date; 1 other core of group g1 would take over", NULL);
	f->in.leaving = 2;
	expect(f, "RUNNING", "no standby would take over", "of group g1 on another machine");
	f->in.first = NULL;
	f->in.instances = 0;
	f->in.leaving = 0;
	expect(f, "ABSENT", "3 cores of group g1 are there, and 3 should take it", "Wait");
	f->in.leaving = 1;
	f->in.full = 1;
	expect(f, "ABSENT", "are there, 1 of them draining or ending, 1 with as many tasks as "
			    "core.max_tasks allows, and 1 should take it", "Wait");
	f->in.full = 2;
	expect(f, "ABSENT", "2 with as many tasks as core.max_tasks allows.", "Raise core.max_tasks");
	f->in.cores = f->in.leaving = 1;
	f->in.full = 0;
	expect(f, "ABSENT", "1 core of group g1 is there, 1 of them draining or ending.", "Undrain");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(running, set_up, tear_down),
		cmocka_unit_test_setup_teardown(failing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_states, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cold, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
