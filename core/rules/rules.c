/* rules.c - see rules.h: which rules a table has, and what becomes of a row. */
#include "core/rules/rules_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct rules {
	const struct task *task;
	struct arena arena;       /* the conditions */
	struct where_node **where; /* of tables.rows, in their order */
	struct hmac *hmac;        /* NULL: no rule hashes */
	struct buf scratch;
};

struct rules_table {
	struct rules *rules;
	struct arena arena;
	struct table table; /* as it is, for the rules; in the arena but for labels and names */
	struct table shape; /* as the envelope is to see it */
	bool versioned;
	uint32_t row_end; /* the column of a versioned table that says which rows are history */
	struct filter_node *filter; /* NULL: every row is wanted */
	struct columns columns;
};

static bool hashes(const struct task *task)
{
	for (size_t i = 0; i < task->tables.ncolumns; i++)
		if (task->tables.columns[i].action == TASK_COLUMN_HASH)
			return true;
	return false;
}

int rules_open(const struct task *task, struct rules **ret, struct err *err)
{
	struct rules *r = calloc(1, sizeof(*r));
	int rc = 0;
	if (!r)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a task's rules");
	r->task = task;
	arena_init(&r->arena);
	buf_init(&r->scratch);
	r->where = arena_zalloc(&r->arena, (task->tables.nrows + 1) * sizeof(struct where_node *));
	if (!r->where)
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a task's rules");
	for (size_t i = 0; i < task->tables.nrows && rc == 0; i++)
		rc = where_parse(task->tables.rows[i].where, &r->arena, &r->where[i], err);
	if (rc == 0 && hashes(task)) {
		const struct secret *salt = &task->tables.salt;
		r->hmac = hmac_new(salt->text ? salt->text : "", salt->text ? salt->len : 0);
		if (!r->hmac)
			rc = err_set(err, -EIO, ERR_INTERNAL,
				     "libcrypto has no HMAC with SHA-256 for column rules");
	}
	if (rc < 0)
		rules_close(r);
	else
		*ret = r;
	return rc;
}

void rules_close(struct rules *r)
{
	if (!r)
		return;
	hmac_free(r->hmac);
	arena_free(&r->arena);
	buf_free(&r->scratch);
	free(r);
}

static int bind_filter(struct rules_table *t, struct err *err)
{
	const struct task_tables *rules = &t->rules->task->tables;
	for (size_t i = 0; i < rules->nrows; i++) {
		if (!task_pattern_matches(rules->rows[i].match, t->table.db, t->table.name))
			continue;
		struct err why = {0};
		int rc = filter_bind(t->rules->where[i], &t->table, &t->arena, &t->filter, &why);
		if (rc == -EINVAL) {
			char where[48];
			snprintf(where, sizeof(where), "tables.rows[%zu].where", i);
			return err_set_at(err, rc, ERR_TASK_INVALID, where,
					  "'%s' does not fit table %.*s.%.*s: %s", where,
					  (int)t->table.db.len, (const char *)t->table.db.p,
					  (int)t->table.name.len, (const char *)t->table.name.p,
					  why.text);
		}
		if (rc < 0 && err)
			*err = why;
		return rc;
	}
	return 0;
}

static int copy_span(struct arena *a, struct span *s)
{
	char *p = arena_strndup(a, s->p ? s->p : (const uint8_t *)"", s->len);
	if (!p)
		return -ENOMEM;
	s->p = (const uint8_t *)p;
	return 0;
}

/* The definition may go away while its rows still come: everything is copied. */
static int copy_table(struct arena *a, const struct table *from, struct table *ret)
{
	struct table t = *from;
	t.columns = arena_alloc(a, from->ncolumns * sizeof(*t.columns) + 1);
	t.key = arena_alloc(a, from->nkey * sizeof(*t.key) + 1);
	if (!t.columns || !t.key || copy_span(a, &t.db) < 0 || copy_span(a, &t.name) < 0)
		return -ENOMEM;
	if (from->nkey)
		memcpy(t.key, from->key, from->nkey * sizeof(*t.key));
	for (uint32_t i = 0; i < from->ncolumns; i++) {
		struct column *c = &t.columns[i];
		*c = from->columns[i];
		if (copy_span(a, &c->name) < 0 || copy_span(a, &c->charset_name) < 0 ||
		    copy_span(a, &c->column_type) < 0)
			return -ENOMEM;
		if (!c->labels)
			continue;
		struct span *labels = arena_alloc(a, c->nlabels * sizeof(*labels) + 1);
		if (!labels)
			return -ENOMEM;
		for (uint32_t n = 0; n < c->nlabels; n++) {
			labels[n] = c->labels[n];
			if (copy_span(a, &labels[n]) < 0)
				return -ENOMEM;
		}
		c->labels = labels;
	}
	*ret = t;
	return 0;
}

static bool find_row_end(const struct table *table, uint32_t *ret)
{
	for (uint32_t i = 0; i < table->ncolumns; i++) {
		if (table->columns[i].row_end) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static bool concerns(const struct task *task, const struct table *table)
{
	uint32_t row_end;
	if (find_row_end(table, &row_end))
		return true;
	for (size_t i = 0; i < task->tables.nrows; i++)
		if (task_pattern_matches(task->tables.rows[i].match, table->db, table->name))
			return true;
	for (size_t i = 0; i < task->tables.ncolumns; i++)
		if (task_column_pattern_table(task->tables.columns[i].match, table->db,
					      table->name))
			return true;
	return false;
}

int rules_table_open(struct rules *r, const struct table *table, struct rules_table **ret,
		     struct err *err)
{
	if (!concerns(r->task, table)) {
		*ret = NULL;
		return 0;
	}
	struct rules_table *t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table's rules");
	t->rules = r;
	arena_init(&t->arena);
	int rc = copy_table(&t->arena, table, &t->table);
	if (rc < 0)
		rc = err_set(err, rc, ERR_MEMORY, "no memory for a table's rules");
	t->shape = t->table;
	t->versioned = rc == 0 && find_row_end(&t->table, &t->row_end);
	if (rc == 0)
		rc = bind_filter(t, err);
	if (rc == 0)
		rc = columns_bind(r->task, &t->table, &t->arena, &t->columns, &t->shape, err);
	if (rc < 0)
		rules_table_close(t);
	else
		*ret = t;
	return rc;
}

void rules_table_close(struct rules_table *t)
{
	if (!t)
		return;
	arena_free(&t->arena);
	free(t);
}

const struct table *rules_table_shape(const struct rules_table *t)
{
	return &t->shape;
}

/*
 * An update that crosses the filter's edge. The row that comes in must be whole: what its
 * after image lacks it has in common with the one before. What neither has (MINIMAL and
 * NOBLOB images) a consumer would take for the column's default.
 */
static int cross(const struct rules_table *t, struct row *row, const struct value *before,
		 struct value *after, bool comes, struct err *err)
{
	if (!comes) {
		row->op = ROW_DELETE;
		row->after = NULL;
		return 0;
	}
	row->op = ROW_INSERT;
	row->before = NULL;
	for (uint32_t i = 0; i < t->table.ncolumns; i++) {
		const struct column *c = &t->table.columns[i];
		if (value_is_absent(&after[i]))
			after[i] = before[i];
		if (value_is_absent(&after[i]) && !t->shape.columns[i].hidden)
			return err_set(err, -EBADMSG, ERR_VALUE_INVALID,
				       "an update brings a row into a row filter, but its images lack "
				       "column %.*s: set binlog_row_image=FULL on the source, for all "
				       "sessions; a generated column that the source never logs can be "
				       "dropped in tables.columns",
				       (int)c->name.len, (const char *)c->name.p);
	}
	return 0;
}

static int filter_row(struct rules_table *t, struct row *row, const struct value *before,
		      struct value *after, struct arena *arena, bool *ret_wanted, struct err *err)
{
	int was = 0, is = 0;
	if (row->before)
		was = filter_met(t->filter, &t->table, before, NULL, arena, err);
	if (was >= 0 && row->after)
		is = filter_met(t->filter, &t->table, after, row->before, arena, err);
	if (was < 0 || is < 0)
		return was < 0 ? was : is;
	*ret_wanted = was || is;
	if (*ret_wanted && row->op == ROW_UPDATE && was != is)
		return cross(t, row, before, after, is, err);
	return 0;
}

int rules_row(struct rules_table *t, struct row *row, struct value *before, struct value *after,
	      struct arena *arena, bool *ret_wanted, struct err *err)
{
	bool wanted = true;
	int rc = t->versioned ? versioned_row(&t->table, t->row_end, row, before, after, err) : 1;
	if (rc <= 0) {
		*ret_wanted = false;
		return rc;
	}
	rc = t->filter ? filter_row(t, row, before, after, arena, &wanted, err) : 0;
	if (rc == 0 && wanted && row->before)
		rc = columns_apply(&t->columns, t->rules->hmac, &t->rules->scratch, &t->table,
				   before, arena, err);
	if (rc == 0 && wanted && row->after)
		rc = columns_apply(&t->columns, t->rules->hmac, &t->rules->scratch, &t->table, after,
				   arena, err);
	if (rc == 0)
		*ret_wanted = wanted;
	return rc;
}
