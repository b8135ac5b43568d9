/*
 * plan.c - a table's definition -> its plan: which writer each column has, the text
 * around the values, the columns of the key.
 *
 * What a plan holds is copied, so that the definition may go away. Everything that can be
 * wrong with a table is found here, not while its rows are written. Pure.
 */
#include "core/envelope/debezium_priv.h"

#include "common/base/json.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <stdlib.h>

/* What is needed while a plan is made. */
struct maker {
	struct envelope *e;
	const struct table *table;
	struct envelope_table *t;
	struct buf text; /* scratch */
	struct err *err;
};

#define SPAN_ARGS(s) (int)(s).len, (const char *)(s).p

static int no_memory(struct maker *m)
{
	return err_set(m->err, -ENOMEM, ERR_MEMORY, "no memory for table %.*s.%.*s",
		       SPAN_ARGS(m->table->db), SPAN_ARGS(m->table->name));
}

static int copy_bytes(struct maker *m, const void *bytes, size_t len, struct span *ret)
{
	char *copy = arena_strndup(&m->t->arena, bytes, len);
	if (!copy)
		return no_memory(m);
	*ret = (struct span){(const uint8_t *)copy, len};
	return 0;
}

static int copy_span(struct maker *m, struct span s, struct span *ret)
{
	return copy_bytes(m, s.p ? (const void *)s.p : "", s.len, ret);
}

/* What stands in m->text, which is emptied. */
static int take_text(struct maker *m, struct span *ret)
{
	if (m->text.failed)
		return no_memory(m);
	int rc = copy_bytes(m, m->text.len ? (const void *)m->text.data : "", m->text.len, ret);
	buf_clear(&m->text);
	return rc;
}

/* A name or label as a JSON string. */
static int quote(struct maker *m, struct span s, const char *what, struct span *ret)
{
	if (!json_put_string(&m->text, s.p, s.len))
		return err_set(m->err, -EBADMSG, ERR_VALUE_INVALID,
			       "table %.*s.%.*s: %s is not valid UTF-8", SPAN_ARGS(m->table->db),
			       SPAN_ARGS(m->table->name), what);
	return take_text(m, ret);
}

static int make_labels(struct maker *m, struct plan_column *p, const struct column *c)
{
	if (!c->labels)
		return 0;
	struct span *labels = arena_zalloc(&m->t->arena, (c->nlabels + 1) * sizeof(*labels));
	if (!labels)
		return no_memory(m);
	for (uint32_t i = 0; i < c->nlabels; i++) {
		int rc = quote(m, c->labels[i], "a label", &labels[i]);
		if (rc < 0)
			return rc;
		if (c->type == COLUMN_SET) {
			labels[i].p++;
			labels[i].len -= 2;
		}
	}
	p->labels = labels;
	p->nlabels = c->nlabels;
	return 0;
}

/* The column's name as messages have it. */
static int field_name(struct maker *m, struct span name, struct span *ret)
{
	*ret = name;
	if (m->e->options.field_names == ENVELOPE_NAMES_NONE)
		return 0;
	debezium_put_name(&m->text, name, m->e->options.field_names, true);
	return take_text(m, ret);
}

/* `,"name":`, in whole blocks. */
static int make_head(struct maker *m, struct plan_column *p)
{
	struct span name, head;
	int rc = field_name(m, p->column.name, &name);
	if (rc < 0)
		return rc;
	buf_putc(&m->text, ',');
	rc = quote(m, name, "a column's name", &head);
	if (rc < 0)
		return rc;
	size_t len = head.len + 1;
	size_t room = (len + HEAD_BLOCK - 1) / HEAD_BLOCK * HEAD_BLOCK;
	uint8_t *padded = arena_zalloc(&m->t->arena, room);
	if (!padded)
		return no_memory(m);
	memcpy(padded, head.p, head.len);
	padded[head.len] = ':';
	p->head = padded;
	p->head_len = (uint32_t)len;
	return 0;
}

static int make_absent(struct maker *m, struct plan_column *p, const struct column *c)
{
	const char *text = NULL;
	p->absent = m->e->dialect->absent(m->e, c, &text);
	if (!text)
		return 0;
	struct value v = {.kind = p->kind, .len = (uint32_t)strlen(text)};
	v.p = (const uint8_t *)text;
	p->put(&m->text, p, &v);
	return take_text(m, &p->placeholder);
}

static int refuse_column(struct maker *m, const struct plan_column *p)
{
	const struct column *c = &p->column;
	const struct table *t = m->table;
	if (c->type == COLUMN_ENUM || c->type == COLUMN_SET)
		return err_set(m->err, -ENODATA, ERR_SCHEMA_MISSING,
			       "column %.*s.%.*s.%.*s: the labels of its %s are not known",
			       SPAN_ARGS(t->db), SPAN_ARGS(t->name), SPAN_ARGS(c->name),
			       c->type == COLUMN_ENUM ? "ENUM" : "SET");
	if (c->charset == CHARSET_OTHER)
		return err_set(m->err, -ENOTSUP, ERR_TYPE_UNSUPPORTED,
			       "column %.*s.%.*s.%.*s: character set %.*s (collation %u) is not "
			       "converted by this version",
			       SPAN_ARGS(t->db), SPAN_ARGS(t->name), SPAN_ARGS(c->name),
			       c->charset_name.len ? (int)c->charset_name.len : 7,
			       c->charset_name.len ? (const char *)c->charset_name.p : "unknown",
			       c->collation);
	return err_set(m->err, -ENOTSUP, ERR_TYPE_UNSUPPORTED,
		       "column %.*s.%.*s.%.*s: columns of type %u have no form in messages",
		       SPAN_ARGS(t->db), SPAN_ARGS(t->name), SPAN_ARGS(c->name), c->type);
}

static bool span_starts(struct span s, const char *with)
{
	size_t n = strlen(with);
	return s.len >= n && strncasecmp((const char *)s.p, with, n) == 0;
}

static int make_column(struct maker *m, uint32_t index, struct plan_column *p)
{
	const struct column *c = &m->table->columns[index];
	bool exact = m->e->options.compat == ENVELOPE_EXACT;
	p->index = index;
	p->null_text = (struct span){(const uint8_t *)"null", 4};
	p->nullable = c->nullable;
	p->options = &m->e->options;
	p->dialect = m->e->dialect;
	p->noted = &m->e->noted;
	p->column = *c;
	p->column.labels = NULL;
	p->column.column_type = (struct span){NULL, 0};
	p->wide_float = exact && span_starts(c->column_type, "float(") &&
			memchr(c->column_type.p, ',', c->column_type.len);
	p->point = c->column_type.len == 5 && span_starts(c->column_type, "point");
	int rc = copy_span(m, c->name, &p->column.name);
	if (rc == 0)
		rc = copy_span(m, c->charset_name, &p->column.charset_name);
	if (rc == 0)
		rc = make_labels(m, p, c);
	if (rc == 0)
		rc = make_head(m, p);
	if (rc < 0)
		return rc;
	p->charset = c->charset == CHARSET_OTHER ? charset_find(c->charset_name) : NULL;
	p->kind = (uint8_t)writer_kind(c);
	p->put = p->dialect->writer(p, p->kind);
	if (!p->put)
		return refuse_column(m, p);
	return make_absent(m, p, c);
}

static int make_columns(struct maker *m)
{
	struct envelope_table *t = m->t;
	t->columns = arena_zalloc(&t->arena, (m->table->ncolumns + 1) * sizeof(*t->columns));
	if (!t->columns)
		return no_memory(m);
	for (uint32_t i = 0; i < m->table->ncolumns; i++) {
		if (m->table->columns[i].hidden)
			continue;
		int rc = make_column(m, i, &t->columns[t->ncolumns]);
		if (rc < 0)
			return rc;
		t->ncolumns++;
	}
	return 0;
}

/* The plan of the column with this index; NULL when it is hidden. */
static const struct plan_column *find_index(const struct envelope_table *t, uint32_t index)
{
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		if (t->columns[i].index == index)
			return &t->columns[i];
	}
	return NULL;
}

static const struct plan_column *find_name(const struct envelope_table *t, const char *name)
{
	size_t len = strlen(name);
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		struct span s = t->columns[i].column.name;
		if (s.len == len && strncasecmp((const char *)s.p, name, len) == 0)
			return &t->columns[i];
	}
	return NULL;
}

static int reserve_key(struct maker *m, uint32_t n)
{
	m->t->key = arena_zalloc(&m->t->arena, (n + 1) * sizeof(*m->t->key));
	return m->t->key ? 0 : no_memory(m);
}

static int make_primary_key(struct maker *m)
{
	struct envelope_table *t = m->t;
	int rc = reserve_key(m, m->table->nkey);
	for (uint32_t i = 0; rc == 0 && i < m->table->nkey; i++) {
		const struct plan_column *p = find_index(t, m->table->key[i]);
		if (p)
			t->key[t->nkey++] = *p;
	}
	return rc;
}

static bool rule_is_for(const struct key_rule *rule, const struct table *t)
{
	if (!rule->table)
		return true;
	size_t len = strlen(rule->table);
	return len == t->db.len + 1 + t->name.len && memcmp(rule->table, t->db.p, t->db.len) == 0 &&
	       rule->table[t->db.len] == '.' &&
	       memcmp(rule->table + t->db.len + 1, t->name.p, t->name.len) == 0;
}

static int make_chosen_key(struct maker *m)
{
	struct envelope_table *t = m->t;
	for (uint32_t r = 0; r < m->e->nrules; r++) {
		const struct key_rule *rule = &m->e->rules[r];
		if (!rule_is_for(rule, m->table))
			continue;
		int rc = reserve_key(m, rule->ncolumns);
		if (rc < 0)
			return rc;
		for (uint32_t i = 0; i < rule->ncolumns; i++) {
			const struct plan_column *p = find_name(t, rule->columns[i]);
			if (!p)
				return err_set(m->err, -EINVAL, ERR_TASK_INVALID,
					       "pipe.key: table %.*s.%.*s has no column %s",
					       SPAN_ARGS(m->table->db), SPAN_ARGS(m->table->name),
					       rule->columns[i]);
			t->key[t->nkey++] = *p;
		}
		return 0;
	}
	return make_primary_key(m);
}

/* {"db":…} or {"db":…,"table":…} */
static int make_fixed_key(struct maker *m, bool with_table)
{
	buf_lit(&m->text, "{\"db\":");
	buf_put(&m->text, m->t->db_json.p, m->t->db_json.len);
	if (with_table) {
		buf_lit(&m->text, ",\"table\":");
		buf_put(&m->text, m->t->name_json.p, m->t->name_json.len);
	}
	buf_putc(&m->text, '}');
	m->t->has_key = true;
	return take_text(m, &m->t->fixed_key);
}

static int make_key(struct maker *m)
{
	int rc;
	switch (m->e->options.key) {
	case ENVELOPE_KEY_NONE:
		return 0;
	case ENVELOPE_KEY_TABLE:
		return make_fixed_key(m, true);
	case ENVELOPE_KEY_DATABASE:
		return make_fixed_key(m, false);
	case ENVELOPE_KEY_COLUMNS:
		/* Without columns there are no rows either: envelope_truncate(). */
		rc = m->table->ncolumns ? make_chosen_key(m) : 0;
		break;
	case ENVELOPE_KEY_PRIMARY:
	default:
		rc = make_primary_key(m);
		break;
	}
	if (rc < 0)
		return rc;
	m->t->has_key = m->t->nkey > 0;
	m->t->tombstones = m->e->options.tombstones;
	return 0;
}

static int make_table(struct maker *m)
{
	struct envelope_table *t = m->t;
	t->nvalues = m->table->ncolumns;
	int rc = copy_span(m, m->table->db, &t->db);
	if (rc == 0)
		rc = copy_span(m, m->table->name, &t->name);
	if (rc == 0)
		rc = quote(m, m->table->db, "the database's name", &t->db_json);
	if (rc == 0)
		rc = quote(m, m->table->name, "its name", &t->name_json);
	if (rc == 0)
		rc = make_columns(m);
	if (rc == 0)
		rc = make_key(m);
	if (rc == 0 && m->e->dialect->table_open)
		rc = m->e->dialect->table_open(m->e, m->table, t, m->err);
	return rc;
}

int envelope_table_open(struct envelope *e, const struct table *table, struct envelope_table **ret,
			struct err *err)
{
	struct maker m = {.e = e, .table = table, .err = err};
	m.t = calloc(1, sizeof(*m.t));
	if (!m.t)
		return no_memory(&m);
	arena_init(&m.t->arena);
	buf_init(&m.text);
	int rc = make_table(&m);
	buf_free(&m.text);
	if (rc < 0) {
		envelope_table_close(m.t);
		return rc;
	}
	*ret = m.t;
	return 0;
}

void envelope_table_close(struct envelope_table *t)
{
	if (!t)
		return;
	arena_free(&t->arena);
	free(t);
}
