/*
 * schema.c - see schema.h: definitions by name, asked for when a shape is new.
 *
 * Memory: one arena a definition, freed when it is replaced, forgotten, or with the
 * schema; one arena for the names of character sets.
 */
#include "core/schema/schema.h"
#include "common/base/hash.h"
#include "common/contract/errors.h"
#include "core/schema/schema_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct definition {
	UT_hash_handle hh;
	struct arena arena; /* of everything below, and of the key */
	struct span name;   /* db, zero, table: the hash's key */
	struct span shape;  /* of the map it was made for: see shape_put() */
	struct table *table;
};

struct collation {
	UT_hash_handle hh;
	uint32_t id;
	struct span charset; /* in schema.names; empty: the server does not know the id */
};

struct schema {
	struct schema_source source;
	struct definition *definitions;
	struct collation *collations;
	struct arena names;
	struct buf scratch;
};

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table definition");
}

struct schema *schema_new(const struct schema_source *source)
{
	struct schema *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->source = *source;
	arena_init(&s->names);
	buf_init(&s->scratch);
	return s;
}

static void definition_free(struct definition *d)
{
	arena_free(&d->arena);
	free(d);
}

static void forget(struct schema *s, struct definition *d)
{
	HASH_DEL(s->definitions, d);
	definition_free(d);
}

void schema_free(struct schema *s)
{
	if (!s)
		return;
	schema_invalidate(s, (struct span){0}, (struct span){0});
	struct collation *c, *next;
	HASH_ITER(hh, s->collations, c, next)
	{
		HASH_DEL(s->collations, c);
		free(c);
	}
	arena_free(&s->names);
	buf_free(&s->scratch);
	free(s);
}

static bool span_same(struct span a, struct span b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

void schema_invalidate(struct schema *s, struct span db, struct span name)
{
	struct definition *d, *next;
	HASH_ITER(hh, s->definitions, d, next)
	if ((!db.len || span_same(d->table->db, db)) &&
	    (!name.len || span_same(d->table->name, name)))
		forget(s, d);
}

/* ------------------------------------------------------- character sets */

static int charset_of(struct schema *s, uint32_t id, struct span *ret, struct err *err)
{
	struct collation *c;
	HASH_FIND(hh, s->collations, &id, sizeof(id), c);
	if (!c) {
		struct span name = {0};
		int rc = s->source.charset
				 ? s->source.charset(s->source.ctx, id, &s->names, &name, err)
				 : -ENOENT;
		if (rc && rc != -ENOENT)
			return rc;
		c = calloc(1, sizeof(*c));
		if (!c)
			return no_memory(err);
		c->id = id;
		c->charset = rc ? (struct span){0} : name;
		HASH_ADD(hh, s->collations, id, sizeof(c->id), c);
		if (!HASH_IS_IN(c, hh)) {
			free(c);
			return no_memory(err);
		}
	}
	*ret = c->charset;
	return 0;
}

/*
 * Names the sets of columns whose collation id the binlog reader does not know. One the
 * server does not know either stays CHARSET_OTHER without a name, and is refused when a
 * value is read, if one is.
 */
static int name_charsets(struct schema *s, struct table *t, struct err *err)
{
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		struct column *c = &t->columns[i];
		if (c->charset != CHARSET_OTHER || c->charset_name.len || !c->collation)
			continue;
		struct span name;
		int rc = charset_of(s, c->collation, &name, err);
		if (rc)
			return rc;
		c->charset_name = name;
		if (name.len)
			c->charset = (uint8_t)merge_charset(name);
	}
	return 0;
}

/* ------------------------------------------------------- definitions */

static int say_mismatch(struct schema *s, const struct table *map, const struct catalog_table *cat,
			uint32_t column, struct err *err)
{
	enum { LIMIT = 240 };
	struct buf *b = &s->scratch;
	buf_clear(b);
	buf_printf(b, "the rows of %.*s.%.*s do not fit its definition on the server: ",
		   (int)map->db.len, (const char *)map->db.p, (int)map->name.len,
		   (const char *)map->name.p);
	if (column < map->ncolumns)
		buf_printf(b, "column %u differs; ", column + 1);
	else if (map->ncolumns > cat->ncolumns)
		buf_lit(b, "the user may not see all columns, or some were dropped since; ");
	buf_printf(b, "the binlog has %u columns (", map->ncolumns);
	shape_describe_map(map, LIMIT, b);
	buf_printf(b, "), the server now %u (", cat->ncolumns);
	shape_describe_catalog(cat, LIMIT, b);
	buf_lit(b, "); the table was altered after these rows were written, and the binlog does "
		   "not carry its definition: set binlog_row_metadata=FULL on the source for what "
		   "follows, and for these rows restore the old definition until they are read, "
		   "set the position behind them, or exclude the table");
	return err_set(err, -ESTALE, ERR_SCHEMA_MISMATCH, "%s", buf_cstr(b));
}

static int say_missing(const struct table *map, const struct err *why, struct err *err)
{
	return err_set(err, -ENOENT, ERR_SCHEMA_MISSING,
		       "the columns of %.*s.%.*s cannot be learned: %s", (int)map->db.len,
		       (const char *)map->db.p, (int)map->name.len, (const char *)map->name.p,
		       why->text[0] ? why->text : "the server does not know the table");
}

/* 0, or an error when a label that the rows need is not sure. */
static int check_labels(const struct table *map, const struct catalog_table *cat,
			const struct table *made, struct err *err)
{
	uint32_t i = 0;
	const struct span *label = merge_doubtful_label(map, cat, &i);
	if (!label)
		return 0;
	struct span name = made->columns[i].name;
	return err_set(err, -ENODATA, ERR_SCHEMA_MISSING,
		       "column %.*s.%.*s.%.*s: information_schema shows its label '%.*s', in which "
		       "'?' may stand for a character that it cannot show, and the binlog does not "
		       "carry the labels",
		       (int)map->db.len, (const char *)map->db.p, (int)map->name.len,
		       (const char *)map->name.p, (int)name.len, (const char *)name.p,
		       (int)label->len, (const char *)label->p);
}

/* The catalogue's definition merged into d->table; asked twice when it does not fit. */
static int ask(struct schema *s, const struct table *map, bool must, struct definition *d,
	       struct err *err)
{
	enum { ATTEMPTS = 2 }; /* the first may have been read while the table was altered */
	struct arena arena;
	arena_init(&arena);
	int rc = 0;
	for (int i = 0; i < ATTEMPTS; i++) {
		struct catalog_table cat = {0};
		struct err why = {0};
		uint32_t column = 0;
		arena_reset(&arena, SIZE_MAX);
		enum schema_want want = map->names_known ? SCHEMA_ANY
					: i == 0	 ? SCHEMA_EXACT
							 : SCHEMA_AGAIN;
		rc = s->source.table(s->source.ctx, map->db, map->name, want, &arena, &cat, &why);
		if (rc == -ENOENT) {
			rc = must ? say_missing(map, &why, err) : 0;
			break;
		}
		if (rc) {
			if (err)
				*err = why;
			break;
		}
		rc = merge_catalog(map, &cat, &d->arena, &d->table, &column);
		if (rc == 0)
			rc = check_labels(map, &cat, d->table, err);
		if (rc != -ESTALE)
			break;
		if (i + 1 == ATTEMPTS)
			rc = say_mismatch(s, map, &cat, column, err);
	}
	arena_free(&arena);
	return rc == -ENOMEM ? no_memory(err) : rc;
}

static int define(struct schema *s, const struct table *map, struct definition *d, struct err *err)
{
	enum merge_need need = merge_need(map);
	if (need == MERGE_NOTHING && s->source.spelled)
		need = MERGE_IF_THERE;
	if (need != MERGE_NOTHING) {
		int rc = ask(s, map, need == MERGE_CATALOG, d, err);
		if (rc)
			return rc;
	}
	if (!d->table)
		d->table = merge_map(map, &d->arena);
	return d->table ? name_charsets(s, d->table, err) : no_memory(err);
}

/* db, zero, table; no name of either has a zero byte. */
static void put_name(const struct table *map, struct buf *out)
{
	buf_put(out, map->db.p, map->db.len);
	buf_putc(out, 0);
	buf_put(out, map->name.p, map->name.len);
}

static int definition_new(struct schema *s, const struct table *map, size_t nname,
			  struct definition **ret, struct err *err)
{
	struct definition *d = calloc(1, sizeof(*d));
	if (!d)
		return no_memory(err);
	arena_init(&d->arena);
	size_t nshape = s->scratch.len - nname;
	d->name = (struct span){(uint8_t *)arena_strndup(&d->arena, s->scratch.data, nname), nname};
	d->shape = (struct span){
		(uint8_t *)arena_strndup(&d->arena, s->scratch.data + nname, nshape), nshape};
	int rc = d->name.p && d->shape.p ? define(s, map, d, err) : no_memory(err);
	if (rc) {
		definition_free(d);
		return rc;
	}
	*ret = d;
	return 0;
}

int schema_resolve(struct schema *s, const struct table *map, const struct table **ret,
		   struct err *err)
{
	struct buf *b = &s->scratch;
	buf_clear(b);
	put_name(map, b);
	size_t nname = b->len;
	shape_put(map, b);
	if (b->failed)
		return no_memory(err);
	struct definition *d;
	HASH_FIND(hh, s->definitions, b->data, nname, d);
	if (d && span_same(d->shape, (struct span){b->data + nname, b->len - nname})) {
		d->table->table_id = map->table_id;
		*ret = d->table;
		return 0;
	}
	struct definition *made;
	int rc = definition_new(s, map, nname, &made, err);
	if (rc)
		return rc;
	if (d)
		forget(s, d);
	HASH_ADD_KEYPTR(hh, s->definitions, made->name.p, made->name.len, made);
	if (!HASH_IS_IN(made, hh)) {
		definition_free(made);
		return no_memory(err);
	}
	*ret = made->table;
	return 0;
}
