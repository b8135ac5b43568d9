/*
 * preflight_priv.h - what the files of a preflight share: preflight.c (the order of
 * things), source_checks.c, table_checks.c, rule_checks.c, pipe_checks.c, finding.c (one check's result).
 */
#ifndef MR_PREFLIGHT_PREFLIGHT_PRIV_H
#define MR_PREFLIGHT_PREFLIGHT_PRIV_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "core/mysql/inspect.h"
#include "core/preflight/preflight.h"

/* A table that the task would copy. */
struct matched {
	const char *db, *name;
	const char *topic; /* NULL: it has none */
	bool keyed;
	bool transactional;
};

struct preflight {
	const struct task *task;
	struct guard *guard;
	struct preflight_doc *doc;
	usec_t deadline;
	size_t next; /* of preflight_names: the first that has no result yet */
	bool oom;

	/* source_checks.c */
	struct source *source; /* connected; NULL: no host would have us */
	struct server_info server;
	bool readable; /* log_bin and grants are such that the binlog can be read */

	/* table_checks.c */
	bool tables_known;
	struct arena arena;
	struct matched *tables; /* sorted by database and name */
	size_t ntables, cap;
	bool more_tables; /* than are looked at */
};

/*
 * One check in the making: what was found adds up, and the worst of it is the result.
 */
struct finding {
	enum preflight_result result;
	const char *field;
	const char *code; /* of the worst, its remedy beside it */
	const char *remedy;
	struct buf message;
};

/* `field` of the document; it stays. */
void finding_init(struct finding *f, const char *field);
/* What was found; kind NULL: nothing that has a code. remedy NULL: the kind's. */
void finding_note(struct finding *f, enum preflight_result result, const struct err_kind *kind,
		  const char *remedy, const char *fmt, ...) MR_PRINTF(5, 6);
void finding_err(struct finding *f, enum preflight_result result, const struct err *err);
/*
 * The result of the check `name`; those before it in the list that have none are skipped.
 * Frees the finding.
 */
void finding_put(struct preflight *p, const char *name, struct finding *f);
/* Skips the checks from the next one up to (not with) `name`; NULL: all that are left. */
void preflight_skip_to(struct preflight *p, const char *name, const char *why);

/* Connects; reachable and login. */
void source_check_connection(struct preflight *p);
/* log_bin to position; needs p->source. */
void source_check_server(struct preflight *p);
/* tables.match; needs p->source. */
void table_checks(struct preflight *p);
/* tables.rules, on the tables that table_checks() found; needs p->source. */
void rule_checks(struct preflight *p);
/* The tables of an order of type "tables". */
void table_list(struct preflight *p);
void table_checks_free(struct preflight *p);
/* pipe.*, until `deadline`. */
void pipe_checks(struct preflight *p);

#endif
