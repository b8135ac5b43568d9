/*
 * preflight_shell.c - one preflight or probe of a task document, printed as JSON, for
 * tests against real servers (tests/integration/test_preflight.py).
 *
 *   preflight_shell check|tables BUDGET-MS TASK.json     the preflight document
 *   preflight_shell probe BUDGET-MS TASK.json [FILE POS GTID]   {"file","pos","gtid","hours"}
 *   preflight_shell interrupt AFTER-MS TASK.json         a check that is interrupted
 *
 * Status 1 and the error's code and text on standard error when it could not be done.
 */
#include "common/base/json.h"
#include "common/os/log.h"
#include "core/preflight/preflight.h"
#include "core/preflight/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail(const struct err *err)
{
	fprintf(stderr, "%s: %s (%s)\n", err->kind ? err->kind->code : "?", err->text, err->where);
	return 1;
}

static int load(const char *path, struct task **ret, struct err *err)
{
	const struct secret_places places = {.paths = true};
	int rc = task_load(path, ret, err);
	return rc < 0 ? rc : task_resolve_secrets(*ret, &places, err);
}

static void print(const struct preflight_doc *doc)
{
	struct buf out;
	buf_init(&out);
	preflight_doc_print(doc, &out);
	puts(buf_cstr(&out));
	buf_free(&out);
}

struct waiter {
	struct guard *guard;
	useconds_t after;
};

static void *interrupt(void *arg)
{
	struct waiter *w = arg;
	usleep(w->after);
	guard_interrupt(w->guard);
	return NULL;
}

static int check(int type, const struct task *task, usec_t budget, struct guard *guard)
{
	struct preflight_doc doc;
	struct err err = {0};
	if (preflight_doc_init(&doc) < 0)
		return 1;
	doc.type = type;
	int rc = preflight_run(task, budget, guard, &doc, &err);
	if (rc == 0) {
		doc.state = PREFLIGHT_DONE;
		print(&doc);
	}
	preflight_doc_clear(&doc);
	return rc < 0 ? fail(&err) : 0;
}

static int probe(const struct task *task, usec_t budget, char **at)
{
	struct report_position position = {.file = at[0], .pos = 0, .gtid = at[0]};
	struct probe found;
	struct err err = {0};
	struct buf out;
	if (at[0] && at[1] && at[2])
		position = (struct report_position){
			.file = at[0], .pos = strtoull(at[1], NULL, 10), .gtid = at[2]};
	if (probe_init(&found) < 0)
		return 1;
	int rc = probe_source(task, at[0] ? &position : NULL, budget, NULL, &found, &err);
	if (rc < 0) {
		probe_clear(&found);
		return fail(&err);
	}
	buf_init(&out);
	buf_printf(&out, "{\"file\":\"%s\",\"pos\":%llu,\"gtid\":", found.head.file,
		   (unsigned long long)found.head.pos);
	json_put_string(&out, found.head.gtid, strlen(found.head.gtid));
	buf_printf(&out, ",\"hours\":%.6f}", found.hours_left);
	puts(buf_cstr(&out));
	buf_free(&out);
	probe_clear(&found);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	struct task *task = NULL;
	struct err err = {0};
	log_open(LOG_LEVEL_DEBUG);
	usec_t ms = atoll(argv[2]) * USEC_PER_MSEC;
	if (load(argv[3], &task, &err) < 0) {
		task_free(task);
		return fail(&err);
	}
	int rc = 2;
	if (strcmp(argv[1], "probe") == 0) {
		char *at[3] = {argv[4], argc > 5 ? argv[5] : NULL, argc > 6 ? argv[6] : NULL};
		rc = probe(task, ms, at);
	} else if (strcmp(argv[1], "interrupt") == 0) {
		struct guard guard;
		guard_init(&guard);
		struct waiter w = {.guard = &guard, .after = (useconds_t)ms};
		pthread_t thread;
		if (pthread_create(&thread, NULL, interrupt, &w) == 0) {
			rc = check(PREFLIGHT_CHECK, task, PREFLIGHT_BUDGET_S * USEC_PER_SEC,
				   &guard);
			pthread_join(thread, NULL);
		}
		guard_fini(&guard);
	} else {
		rc = check(strcmp(argv[1], "tables") == 0 ? PREFLIGHT_TABLES : PREFLIGHT_CHECK, task,
			   ms, NULL);
	}
	task_free(task);
	return rc;
}
