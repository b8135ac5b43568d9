/* preflight.c - see preflight.h: the order in which things are asked, and the time for it. */
#include "core/preflight/preflight_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <string.h>

/* The pipe is asked too when the source takes its time. */
enum { SOURCE_PART = 6, PARTS = 10 };

static void close_source(struct preflight *p)
{
	guard_watch(p->guard, NULL);
	source_free(p->source);
	p->source = NULL;
}

int preflight_run(const struct task *task, usec_t budget, struct guard *guard,
		  struct preflight_doc *doc, struct err *err)
{
	usec_t began = clock_boot();
	bool list = doc->type == PREFLIGHT_TABLES;
	struct preflight p = {
		.task = task,
		.guard = guard,
		.doc = doc,
		.deadline = began + (list ? budget : budget * SOURCE_PART / PARTS),
	};
	arena_init(&p.arena);
	source_check_connection(&p);
	if (p.source) {
		source_check_server(&p);
		if (list) {
			preflight_skip_to(&p, NULL, "only the source was to be asked");
			table_list(&p);
		} else {
			table_checks(&p);
			rule_checks(&p);
		}
		close_source(&p);
	}
	preflight_skip_to(&p, "pipe.reachable", "the source could not be asked");
	p.deadline = began + budget;
	if (!list)
		pipe_checks(&p);
	preflight_skip_to(&p, NULL, list ? "only the source was to be asked" : "not asked");
	table_checks_free(&p);
	return p.oom ? err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a preflight") : 0;
}

/* The check that a field of the document belongs to. */
static const char *check_of(const char *field)
{
	if (strncmp(field, "pipe", 4) == 0)
		return "pipe.reachable";
	if (strncmp(field, "tables.rows", 11) == 0 || strncmp(field, "tables.columns", 14) == 0 ||
	    strcmp(field, "tables.salt") == 0)
		return "tables.rules";
	if (strncmp(field, "tables", 6) == 0)
		return "tables.match";
	if (strstr(field, "password") || strstr(field, "tls") || strstr(field, "user"))
		return "source.login";
	return "source.reachable";
}

int preflight_refuse(const struct err *why, struct preflight_doc *doc, struct err *err)
{
	struct preflight p = {.doc = doc};
	struct finding f;
	preflight_skip_to(&p, check_of(why->where), "the document could not be opened");
	finding_init(&f, why->where);
	finding_err(&f, PREFLIGHT_FAILED, why);
	finding_put(&p, check_of(why->where), &f);
	preflight_skip_to(&p, NULL, "the document could not be opened");
	return p.oom ? err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a preflight") : 0;
}
