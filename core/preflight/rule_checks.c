/*
 * rule_checks.c - whether row filters and column rules fit the tables that they are for,
 * as these are now. The rules themselves are core/rules'.
 */
#include "core/preflight/preflight_priv.h"

#include "common/contract/errors.h"
#include "core/mysql/catalog.h"
#include "core/rules/rules.h"
#include "core/schema/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A definition costs three queries. */
enum { LOOKED_AT_MAX = 200 };

struct rule_check {
	struct preflight *p;
	struct finding *f;
	struct rules *rules;
	size_t nlooked;
	bool *rows, *columns; /* by rule: it is for some table */
};

/* Marks the rules that are for the table. */
static bool has_rules(struct rule_check *c, const struct matched *m)
{
	const struct task_tables *t = &c->p->task->tables;
	struct span db = {(const uint8_t *)m->db, strlen(m->db)};
	struct span name = {(const uint8_t *)m->name, strlen(m->name)};
	bool any = false;
	for (size_t i = 0; i < t->nrows; i++) {
		bool is = task_pattern_matches(t->rows[i].match, db, name);
		c->rows[i] |= is;
		any |= is;
	}
	for (size_t i = 0; i < t->ncolumns; i++) {
		bool is = task_column_pattern_table(t->columns[i].match, db, name);
		c->columns[i] |= is;
		any |= is;
	}
	return any;
}

/* A field's name as long as the finding needs it. */
static const char *kept(struct preflight *p, const char *field)
{
	const char *copy = arena_strndup(&p->arena, (const uint8_t *)field, strlen(field));
	return copy ? copy : "tables";
}

/* Negative: no further table can be looked at. */
static int check_table(struct rule_check *c, const struct matched *m)
{
	struct span db = {(const uint8_t *)m->db, strlen(m->db)};
	struct span name = {(const uint8_t *)m->name, strlen(m->name)};
	struct catalog_table cat;
	const struct table *table;
	struct rules_table *bound = NULL;
	struct arena arena;
	struct err e = {0};
	arena_init(&arena);
	int rc = catalog_load(c->p->source, &c->p->server, db, name, &arena, &cat, &e);
	if (rc == -ENOENT) { /* gone since; or its columns are not shown to the user */
		rc = 0;
	} else if (rc == 0) {
		rc = schema_table_now(&cat, &arena, &table);
		if (rc == 0)
			rc = rules_table_open(c->rules, table, &bound, &e);
		if (rc == -EINVAL) {
			if (c->f->result != PREFLIGHT_FAILED)
				c->f->field = kept(c->p, e.where);
			finding_err(c->f, PREFLIGHT_FAILED, &e);
		}
		if (rc == -ENOMEM)
			c->p->oom = true;
		else
			rc = 0;
	} else {
		finding_err(c->f, PREFLIGHT_WARNING, &e);
	}
	rules_table_close(bound);
	arena_free(&arena);
	return rc;
}

static void check_tables(struct rule_check *c)
{
	bool more = false;
	for (size_t i = 0; i < c->p->ntables; i++) {
		if (!has_rules(c, &c->p->tables[i]))
			continue;
		if (c->nlooked == LOOKED_AT_MAX) {
			more = true;
			continue;
		}
		c->nlooked++;
		if (check_table(c, &c->p->tables[i]) < 0)
			return;
	}
	if (c->f->result == PREFLIGHT_OK)
		finding_note(c->f, PREFLIGHT_OK, NULL, NULL, "%zu table%s with rules, which fit",
			     c->nlooked, c->nlooked == 1 ? "" : "s");
	if (more)
		finding_note(c->f, PREFLIGHT_WARNING, NULL,
			     "Nothing needs to be done; a rule that does not fit one of the others "
			     "stops the task at its first row.",
			     "more tables have rules than the %d that were looked at",
			     LOOKED_AT_MAX);
}

static void note_idle(struct rule_check *c, const bool *used, const char *list, size_t i,
		      const char *match)
{
	if (!used[i] && !c->p->more_tables)
		finding_note(c->f, PREFLIGHT_WARNING, NULL,
			     "Correct its match, unless its table is still to be made.",
			     "%s[%zu] (%.200s) is for no table that matches", list, i, match);
}

static void check_rules(struct rule_check *c)
{
	const struct task_tables *t = &c->p->task->tables;
	check_tables(c);
	for (size_t i = 0; i < t->nrows; i++)
		note_idle(c, c->rows, "tables.rows", i, t->rows[i].match);
	bool hashes = false;
	for (size_t i = 0; i < t->ncolumns; i++) {
		note_idle(c, c->columns, "tables.columns", i, t->columns[i].match);
		hashes |= t->columns[i].action == TASK_COLUMN_HASH;
	}
	/* FULL_NODUP leaves out only what the image before has. */
	if (t->nrows && c->p->server.row_image[0] && !c->p->server.row_image_full &&
	    strcmp(c->p->server.row_image, "FULL_NODUP") != 0)
		finding_note(c->f, PREFLIGHT_WARNING, NULL,
			     "Set binlog_row_image=FULL on the source, for all sessions.",
			     "binlog_row_image is %s: the task stops where an image lacks a column "
			     "that a filter needs",
			     c->p->server.row_image);
	if (hashes && !(t->salt.text && t->salt.len))
		finding_note(c->f, PREFLIGHT_WARNING, NULL,
			     "Set tables.salt to something secret and long.",
			     "hashes are made without tables.salt: values that can be guessed can be "
			     "found by trying");
}

void rule_checks(struct preflight *p)
{
	const struct task_tables *t = &p->task->tables;
	struct finding f;
	struct rule_check c = {.p = p, .f = &f};
	struct err e = {0};
	if (!t->nrows && !t->ncolumns) {
		preflight_skip_to(p, "pipe.reachable", "the task has no row filter or column rule");
		return;
	}
	if (!p->tables_known) {
		preflight_skip_to(p, "pipe.reachable", "the tables are not known");
		return;
	}
	c.rows = arena_zalloc(&p->arena, t->nrows + 1);
	c.columns = arena_zalloc(&p->arena, t->ncolumns + 1);
	if (!c.rows || !c.columns) {
		p->oom = true;
		return;
	}
	finding_init(&f, t->nrows ? "tables.rows" : "tables.columns");
	if (rules_open(p->task, &c.rules, &e) < 0)
		finding_err(&f, PREFLIGHT_FAILED, &e);
	else
		check_rules(&c);
	rules_close(c.rules);
	finding_put(p, "tables.rules", &f);
}
