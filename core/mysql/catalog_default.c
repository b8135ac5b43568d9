/*
 * catalog_default.c - the DEFAULTs of a table's columns; see catalog.h.
 *
 * How information_schema.COLUMNS.COLUMN_DEFAULT shows them:
 *   MySQL    NULL: none. EXTRA has DEFAULT_GENERATED: an expression (5.7 has none but
 *            CURRENT_TIMESTAMP). Otherwise the text itself: abc, b'101', 0x6162 for BINARY.
 *   MariaDB  NULL or the word NULL: none. 'abc' with quotes, or a number, b'101': a literal;
 *            anything else is an expression.
 */
#include "common/contract/errors.h"
#include "core/mysql/catalog.h"
#include "core/mysql/query.h"
#include "core/mysql/source_priv.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool starts(struct span s, const char *with)
{
	size_t n = strlen(with);
	return s.len >= n && strncasecmp((const char *)s.p, with, n) == 0;
}

static bool contains(struct span text, const char *part)
{
	return text.len && memmem(text.p, text.len, part, strlen(part));
}

static bool is_number(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("0123456789.eE+-", s.p[i]) || !s.p[i])
			return false;
	return s.len > 0;
}

/* 'it''s' in place, which gets shorter; backslashes are themselves here. */
static struct span unquote(uint8_t *p, size_t len)
{
	uint8_t *to = p;
	for (size_t i = 1; i + 1 < len; i++) {
		*to++ = p[i];
		if (p[i] == '\'' && i + 2 < len && p[i + 1] == '\'')
			i++;
	}
	return (struct span){p, (size_t)(to - p)};
}

/* 0 or -ENOMEM. */
static int take(struct column *c, struct span text, struct span extra, bool mariadb,
		struct arena *arena)
{
	if (!text.p || (mariadb && text.len == 4 && starts(text, "NULL")))
		return 0;
	if (starts(text, "CURRENT_TIMESTAMP")) {
		c->default_kind = DEFAULT_NOW;
		return 0;
	}
	bool quoted = text.len >= 2 && text.p[0] == '\'' && text.p[text.len - 1] == '\'';
	if (mariadb ? !quoted && !is_number(text) && !starts(text, "b'")
		    : contains(extra, "DEFAULT_GENERATED"))
		return 0;
	char *copy = arena_strndup(arena, text.p, text.len);
	if (!copy)
		return -ENOMEM;
	c->default_kind = DEFAULT_LITERAL;
	c->default_text = mariadb && quoted ? unquote((uint8_t *)copy, text.len)
					    : (struct span){(uint8_t *)copy, text.len};
	return 0;
}

static int take_row(const struct query *q, struct table *t, bool mariadb, struct arena *arena)
{
	struct span name = query_span(q, 0), type = query_span(q, 3);
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		struct column *c = &t->columns[i];
		if (c->name.len != name.len || memcmp(c->name.p, name.p, name.len) != 0)
			continue;
		if (!c->column_type.len) {
			char *copy = arena_strndup(arena, type.p, type.len);
			if (!copy)
				return -ENOMEM;
			c->column_type = (struct span){(uint8_t *)copy, type.len};
		}
		return take(c, query_span(q, 1), query_span(q, 2), mariadb, arena);
	}
	return 0;
}

int catalog_defaults(struct source *s, const struct server_info *info, struct table *t,
		     struct arena *arena, struct err *err)
{
	struct buf sql;
	struct query q;
	bool mariadb = info->flavor == FLAVOR_MARIADB;
	buf_init(&sql);
	buf_lit(&sql, "SELECT COLUMN_NAME, COLUMN_DEFAULT, EXTRA, COLUMN_TYPE FROM "
		      "information_schema.COLUMNS WHERE TABLE_SCHEMA=");
	query_put_literal(s, &sql, t->db);
	buf_lit(&sql, " AND TABLE_NAME=");
	query_put_literal(s, &sql, t->name);
	buf_cstr(&sql);
	int rc = sql.failed ? err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table's defaults")
			    : query_open(s, &q, err, "%s", (const char *)sql.data);
	buf_free(&sql);
	if (rc < 0)
		return rc;
	while ((rc = query_next(&q, err)) > 0) {
		if (take_row(&q, t, mariadb, arena) == 0)
			continue;
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table's defaults");
		break;
	}
	query_end(&q);
	return rc;
}
