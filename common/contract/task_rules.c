/* task_rules.c - the checks of tables.columns and tables.rows. Pure. */
#include "common/contract/task_priv.h"
#include "common/contract/where.h"

#include <errno.h>
#include <stdio.h>

static int check_column_rule(const struct task_column_rule *r, const char *at, struct err *err)
{
	char where[64];
	const char *fault = task_column_pattern_fault(r->match);
	snprintf(where, sizeof(where), "%s.match", at);
	if (fault)
		return task_invalid_at(where, err, "%s", fault);
	snprintf(where, sizeof(where), "%s.action", at);
	if (r->action < 0)
		return task_invalid_at(where, err,
				       "is missing: hash, mask, truncate, drop or null");
	snprintf(where, sizeof(where), "%s.length", at);
	if (r->action == TASK_COLUMN_TRUNCATE && r->length < 0)
		return task_invalid_at(where, err, "is missing: how many characters stay");
	if (r->action != TASK_COLUMN_TRUNCATE && r->length >= 0)
		return task_invalid_at(where, err, "is for the action truncate only");
	return 0;
}

static int check_row_rule(const struct task_row_rule *r, const char *at, struct err *err)
{
	char where[64];
	const char *fault = task_pattern_fault(r->match);
	snprintf(where, sizeof(where), "%s.match", at);
	if (fault)
		return task_invalid_at(where, err, "%s", fault);
	struct arena scratch;
	struct where_node *tree;
	struct err why = {0};
	arena_init(&scratch);
	int rc = where_parse(r->where, &scratch, &tree, &why);
	arena_free(&scratch);
	snprintf(where, sizeof(where), "%s.where", at);
	if (rc == -ENOMEM)
		return task_no_memory(err);
	return rc < 0 ? task_invalid_at(where, err, "cannot be read: %s", why.text) : 0;
}

int task_check_rules(const struct task *t, struct err *err)
{
	char at[48];
	for (size_t i = 0; i < t->tables.ncolumns; i++) {
		snprintf(at, sizeof(at), "tables.columns[%zu]", i);
		int rc = check_column_rule(&t->tables.columns[i], at, err);
		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < t->tables.nrows; i++) {
		snprintf(at, sizeof(at), "tables.rows[%zu]", i);
		int rc = check_row_rule(&t->tables.rows[i], at, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
