/*
 * envelope.c - see envelope.h: opening and closing; the options.
 *
 * Plans are plan.c's, messages debezium.c's.
 */
#include "core/envelope/envelope_priv.h"

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
	json_put_string(&e->shared, name, strlen(name));
	const char *quoted =
	    e->shared.failed ? NULL : arena_strndup(&e->arena, e->shared.data, e->shared.len);
	if (!quoted || !e->options.name || (o->key_columns && !e->options.key_columns))
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for an envelope");
	e->name_json = (struct span){(const uint8_t *)quoted, e->shared.len};
	buf_clear(&e->shared);
	return o->key == ENVELOPE_KEY_COLUMNS ? rules_parse(e, err) : 0;
}

int envelope_open(const struct envelope_options *o, struct envelope **ret, struct err *err)
{
	struct envelope *e = calloc(1, sizeof(*e));
	if (!e)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for an envelope");
	arena_init(&e->arena);
	buf_init(&e->shared);
	int rc = open_in(e, o, err);
	if (rc < 0) {
		envelope_close(e);
		return rc;
	}
	*ret = e;
	return 0;
}

void envelope_close(struct envelope *e)
{
	if (!e)
		return;
	buf_free(&e->shared);
	arena_free(&e->arena);
	free(e);
}
