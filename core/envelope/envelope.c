/*
 * envelope.c - see envelope.h: opening and closing; the options; events, rows and groups,
 * as far as they are every dialect's.
 *
 * Plans are plan.c's, messages the dialects'.
 */
#include "core/envelope/dialect.h"

#include "common/base/json.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <stdlib.h>

/* One entry, `column,column` or `db.table:column,column`, which it cuts into pieces. */
static int rule_parse(struct envelope *e, char *entry, struct key_rule *rule, struct err *err)
{
	char *colon = strchr(entry, ':');
	char *columns = entry;
	if (colon) {
		*colon = 0;
		rule->table = entry;
		columns = colon + 1;
	}
	uint32_t n = 1;
	for (const char *p = columns; *p; p++)
		n += *p == ',';
	rule->columns = arena_alloc(&e->arena, n * sizeof(*rule->columns));
	if (!rule->columns)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the key's columns");
	rule->ncolumns = n;
	for (uint32_t i = 0; i < n; i++) {
		char *column = strsep(&columns, ",");
		if (!*column)
			return err_set(err, -EINVAL, ERR_TASK_INVALID,
				       "pipe.key: a column's name is empty in \"columns:%s\"",
				       e->options.key_columns);
		rule->columns[i] = column;
	}
	if (rule->table && !*rule->table)
		return err_set(err, -EINVAL, ERR_TASK_INVALID,
			       "pipe.key: a table's name is empty in \"columns:%s\"",
			       e->options.key_columns);
	return 0;
}

static int rules_parse(struct envelope *e, struct err *err)
{
	const char *text = e->options.key_columns;
	if (!text || !*text)
		return err_set(err, -EINVAL, ERR_TASK_INVALID, "pipe.key names no columns");
	uint32_t n = 1;
	for (const char *p = text; *p; p++)
		n += *p == ';';
	char *copy = arena_strndup(&e->arena, text, strlen(text));
	e->rules = arena_zalloc(&e->arena, n * sizeof(*e->rules));
	if (!copy || !e->rules)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the key's columns");
	for (uint32_t i = 0; i < n; i++) {
		int rc = rule_parse(e, strsep(&copy, ";"), &e->rules[i], err);
		if (rc < 0)
			return rc;
	}
	e->nrules = n;
	return 0;
}

static int open_in(struct envelope *e, const struct envelope_options *o, struct err *err)
{
	const char *name = o->name ? o->name : "";
	e->options = *o;
	e->options.name = arena_strndup(&e->arena, name, strlen(name));
	if (o->key_columns)
		e->options.key_columns =
		    arena_strndup(&e->arena, o->key_columns, strlen(o->key_columns));
	const char *unavailable = o->unavailable ? o->unavailable : "__debezium_unavailable_value";
	e->options.unavailable = arena_strndup(&e->arena, unavailable, strlen(unavailable));
	json_put_string(&e->shared, name, strlen(name));
	const char *quoted =
	    e->shared.failed ? NULL : arena_strndup(&e->arena, e->shared.data, e->shared.len);
	if (!quoted || !e->options.name || !e->options.unavailable ||
	    (o->key_columns && !e->options.key_columns))
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for an envelope");
	e->name_json = (struct span){(const uint8_t *)quoted, e->shared.len};
	buf_clear(&e->shared);
	int rc = o->key == ENVELOPE_KEY_COLUMNS ? rules_parse(e, err) : 0;
	if (rc == 0 && e->dialect->start)
		rc = e->dialect->start(e, err);
	return rc;
}

static const struct dialect *dialect_of(enum envelope_format format)
{
	switch (format) {
	case ENVELOPE_MAXWELL:
		return &dialect_maxwell;
	case ENVELOPE_CANAL:
		return &dialect_canal;
	case ENVELOPE_DEBEZIUM:
		break;
	}
	return &dialect_debezium;
}

int envelope_open(const struct envelope_options *o, struct envelope **ret, struct err *err)
{
	struct envelope *e = calloc(1, sizeof(*e));
	if (!e)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for an envelope");
	arena_init(&e->arena);
	buf_init(&e->shared);
	e->dialect = dialect_of(o->format);
	int rc = open_in(e, o, err);
	if (rc < 0) {
		envelope_close(e);
		return rc;
	}
	*ret = e;
	return 0;
}

bool envelope_wants_defaults(const struct envelope_options *o)
{
	return o->format == ENVELOPE_DEBEZIUM &&
	       (o->compat == ENVELOPE_EXACT || o->key_schemas || o->value_schemas);
}

bool envelope_wants_spelling(const struct envelope_options *o)
{
	return o->format == ENVELOPE_CANAL;
}

void envelope_close(struct envelope *e)
{
	if (!e)
		return;
	if (e->dialect->stop)
		e->dialect->stop(e);
	buf_free(&e->shared);
	arena_free(&e->arena);
	free(e);
}

int envelope_group_begin(struct envelope *e, const struct row_group *group, struct err *err)
{
	envelope_group_drop(e);
	e->group = group;
	return e->dialect->group_begin ? e->dialect->group_begin(e, err) : 0;
}

int envelope_group_end(struct envelope *e, struct envelope_sink *sink, struct err *err)
{
	int rc = e->dialect->group_end ? e->dialect->group_end(e, sink, err) : 0;
	e->group = NULL;
	return rc;
}

int envelope_settle(struct envelope *e, struct envelope_sink *sink, struct err *err)
{
	return e->dialect->settle ? e->dialect->settle(e, sink, err) : 0;
}

void envelope_group_drop(struct envelope *e)
{
	if (e->dialect->drop)
		e->dialect->drop(e);
	e->group = NULL;
}

int envelope_event_begin(struct envelope *e, struct envelope_table *t,
			 const struct row_event *event, struct err *err)
{
	e->table = t;
	e->event = event;
	int rc = e->dialect->event_begin(e, err);
	if (rc < 0)
		e->event = NULL;
	return rc;
}

static bool row_fits(const struct envelope *e, const struct row *row)
{
	if (!e->event || row->table->ncolumns != e->table->nvalues)
		return false;
	switch (row->op) {
	case ROW_INSERT:
	case ROW_SNAPSHOT:
		return row->after;
	case ROW_UPDATE:
		return row->before && row->after;
	case ROW_DELETE:
		return row->before;
	}
	return false;
}

int envelope_row(struct envelope *e, const struct row *row, struct envelope_sink *sink,
		 struct err *err)
{
	if (!row_fits(e, row))
		return err_set(err, -EINVAL, ERR_INTERNAL,
			       "a row that is not of the envelope's event");
	return e->dialect->row(e, row, sink, err);
}

bool envelope_tells_truncate(const struct envelope_options *o)
{
	return dialect_of(o->format)->truncate && !o->skip_truncate;
}

bool envelope_truncate_needs_columns(const struct envelope_options *o)
{
	return o->value_schemas;
}

int envelope_truncate(struct envelope *e, struct envelope_sink *sink, struct err *err)
{
	if (!e->event || !e->dialect->truncate)
		return err_set(err, -EINVAL, ERR_INTERNAL, "a TRUNCATE that has no form");
	return e->dialect->truncate(e, sink, err);
}

void envelope_pass(struct envelope *e)
{
	if (e->dialect->pass)
		e->dialect->pass(e);
}
