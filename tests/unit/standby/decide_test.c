/*
 * decide_test.c - what an instance does next: a table of situations, and rules that must
 * hold in every one there is.
 */
#include "core/standby/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define FIRST .role = ZK_ELECTION_FIRST
#define BEHIND .role = ZK_ELECTION_BEHIND
#define OUT .role = ZK_ELECTION_OUT
#define WANTED(d) .has_control = true, .desired = CONTROL_##d
#define GOOD .document = STANDBY_DOCUMENT_GOOD
#define KNOWN .status_known = true

static const struct {
	const char *what;
	struct standby_facts facts;
	struct standby_step step;
} cases[] = {
	{"registered, nobody has created the task",
	 {FIRST, KNOWN, .document = STANDBY_DOCUMENT_NONE},
	 {.node = true, .state = REPORT_STOPPED}},
	{"not elected yet", {OUT, WANTED(RUNNING), GOOD}, {.node = true, .state = REPORT_STANDBY}},
	{"behind", {BEHIND, WANTED(RUNNING), GOOD, KNOWN}, {.node = true, .state = REPORT_STANDBY}},
	{"behind a stopped one", {BEHIND, WANTED(STOPPED), GOOD}, {.node = true, .state = REPORT_STANDBY}},
	{"first and wanted",
	 {FIRST, WANTED(RUNNING), GOOD, KNOWN},
	 {.node = true, .run = true, .state = REPORT_STARTING}},
	{"what became of it before is not known yet",
	 {FIRST, WANTED(RUNNING), GOOD},
	 {.node = true, .state = REPORT_STARTING}},
	{"the document is being read",
	 {FIRST, WANTED(RUNNING), KNOWN, .document = STANDBY_DOCUMENT_READING},
	 {.node = true, .state = REPORT_STARTING}},
	{"the document is bad",
	 {FIRST, WANTED(RUNNING), KNOWN, .document = STANDBY_DOCUMENT_BAD},
	 {.node = true, .state = REPORT_FAILED}},
	{"a bad document of a stopped task",
	 {FIRST, WANTED(STOPPED), KNOWN, .document = STANDBY_DOCUMENT_BAD},
	 {.node = true, .state = REPORT_STOPPED}},
	{"paused", {FIRST, WANTED(PAUSED), GOOD, KNOWN}, {.node = true, .state = REPORT_PAUSED}},
	{"stopped", {FIRST, WANTED(STOPPED), GOOD, KNOWN}, {.node = true, .state = REPORT_STOPPED}},
	{"deleted", {FIRST, WANTED(DELETED), GOOD, KNOWN}, {.state = REPORT_STOPPED}},
	{"deleted, behind", {BEHIND, WANTED(DELETED), GOOD}, {.state = REPORT_STANDBY}},
	{"drained", {FIRST, WANTED(RUNNING), GOOD, KNOWN, .leaving = true}, {.state = REPORT_STARTING}},
	{"backing off",
	 {FIRST, WANTED(RUNNING), GOOD, KNOWN, .backing_off = true},
	 {.node = true, .state = REPORT_RETRYING}},
	{"failed before",
	 {FIRST, WANTED(RUNNING), GOOD, KNOWN, .failed = true},
	 {.node = true, .state = REPORT_FAILED}},
	{"failed under an older document",
	 {FIRST, WANTED(RUNNING), GOOD, KNOWN, .failed = true, .control = {2, 0, 0},
	  .failed_under = {1, 0, 0}},
	 {.node = true, .run = true, .state = REPORT_STARTING}},
	{"failed before a restart",
	 {FIRST, WANTED(RUNNING), GOOD, KNOWN, .failed = true, .control = {1, 1, 0},
	  .failed_under = {1, 0, 0}},
	 {.node = true, .run = true, .state = REPORT_STARTING}},
	{"failed before another position",
	 {FIRST, WANTED(RUNNING), GOOD, KNOWN, .failed = true, .control = {1, 0, 1},
	  .failed_under = {1, 0, 0}},
	 {.node = true, .run = true, .state = REPORT_STARTING}},
	{"a control that went back forgives nothing",
	 {FIRST, WANTED(RUNNING), GOOD, KNOWN, .failed = true, .control = {1, 0, 0},
	  .failed_under = {2, 0, 0}},
	 {.node = true, .state = REPORT_FAILED}},
	{"running", {FIRST, WANTED(RUNNING), GOOD, KNOWN, .runs = true},
	 {.node = true, .run = true, .state = REPORT_STARTING}},
	{"running, a newer document is being read",
	 {FIRST, WANTED(RUNNING), KNOWN, .runs = true, .control = {2, 0, 0}, .runs_under = {1, 0, 0},
	  .document = STANDBY_DOCUMENT_READING},
	 {.node = true, .run = true, .state = REPORT_STARTING}},
	{"running, a newer document was read",
	 {FIRST, WANTED(RUNNING), GOOD, KNOWN, .runs = true, .control = {2, 0, 0},
	  .runs_under = {1, 0, 0}},
	 {.node = true, .stop = true, .state = REPORT_STARTING}},
	{"running, the newer document is bad",
	 {FIRST, WANTED(RUNNING), KNOWN, .runs = true, .control = {2, 0, 0}, .runs_under = {1, 0, 0},
	  .document = STANDBY_DOCUMENT_BAD},
	 {.node = true, .stop = true, .state = REPORT_FAILED}},
	{"running, to be restarted",
	 {FIRST, WANTED(RUNNING), GOOD, KNOWN, .runs = true, .control = {1, 1, 0},
	  .runs_under = {1, 0, 0}},
	 {.node = true, .stop = true, .state = REPORT_STARTING}},
	{"running, to be stopped", {FIRST, WANTED(STOPPED), GOOD, KNOWN, .runs = true},
	 {.node = true, .stop = true, .state = REPORT_STOPPED}},
	{"running, deleted", {FIRST, WANTED(DELETED), GOOD, KNOWN, .runs = true},
	 {.stop = true, .state = REPORT_STOPPED}},
	{"running, handing over",
	 {FIRST, WANTED(RUNNING), GOOD, KNOWN, .runs = true, .leaving = true},
	 {.stop = true, .state = REPORT_STARTING}},
	{"running, and not the first any more",
	 {BEHIND, WANTED(RUNNING), GOOD, KNOWN, .runs = true},
	 {.node = true, .stop = true, .hurry = true, .state = REPORT_STANDBY}},
	{"running, and the node is gone",
	 {OUT, WANTED(RUNNING), GOOD, .runs = true},
	 {.node = true, .stop = true, .hurry = true, .state = REPORT_STANDBY}},
	{"running, control was deleted by hand",
	 {FIRST, GOOD, KNOWN, .runs = true},
	 {.node = true, .stop = true, .state = REPORT_STOPPED}},
};

static void situations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct standby_step s = standby_decide(&cases[i].facts);
		const struct standby_step *e = &cases[i].step;
		if (s.node != e->node || s.run != e->run || s.stop != e->stop ||
		    s.hurry != e->hurry || s.state != e->state)
			fail_msg("%s: node %d run %d stop %d hurry %d %s", cases[i].what, s.node,
				 s.run, s.stop, s.hurry, report_state_name(s.state));
	}
}

/* Every combination of small facts. */
static void rules(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 1U << 14; bits++) {
		struct standby_facts f = {
			.leaving = bits & 1,
			.has_control = bits & 2,
			.desired = (int)(bits >> 2 & 3),
			.document = (enum standby_document)(bits >> 4 & 3),
			.role = (enum zk_election_role)(bits >> 6 & 3),
			.status_known = bits & 256,
			.failed = bits & 512,
			.backing_off = bits & 1024,
			.runs = bits & 2048,
			.control = {1, 0, bits & 4096 ? 1 : 0},
			.runs_under = {1, 0, 0},
			.failed_under = {1, 0, bits & 8192 ? 1 : 0},
		};
		if (f.role > ZK_ELECTION_FIRST)
			continue;
		struct standby_step s = standby_decide(&f);
		/* Nobody but the first runs, nor what is not wanted, nor while leaving. */
		if (s.run) {
			assert_int_equal(f.role, ZK_ELECTION_FIRST);
			assert_int_equal(f.desired, CONTROL_RUNNING);
			assert_true(f.has_control && s.node);
		}
		/* A capture that is there either goes on or ends. */
		assert_int_equal(s.run + s.stop, f.runs ? 1 : s.run);
		assert_false(s.hurry && !s.stop);
		/* One that FAILED is not started anew without a person. */
		if (!f.runs && f.failed && s.run)
			assert_true(standby_raised(&f.control, &f.failed_under));
		/* A node is kept, whatever is wanted, but for these. */
		assert_int_equal(s.node, !f.leaving && !(f.has_control && f.desired == CONTROL_DELETED));
		if (f.role != ZK_ELECTION_FIRST)
			assert_int_equal(s.state, REPORT_STANDBY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(situations), cmocka_unit_test(rules)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
