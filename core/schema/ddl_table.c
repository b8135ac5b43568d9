/*
 * ddl_table.c - a definition that can be altered, and how keys come out of it. Pure.
 *
 * Keys are named after their first column where the statement does not name them, and
 * stand in the server's order: PRIMARY, UNIQUE without NULLs, other UNIQUE, those kept as a
 * hash, the rest, FULLTEXT; within these as they were declared. The key of rows is the first that is
 * unique, without NULLs and without prefixes.
 */
#include "core/schema/ddl_priv.h"

#include <errno.h>
#include <stdlib.h>

/* ------------------------------------------------------- lists */

/* Room for one more of `n`; false: no memory. */
static bool room(struct ddl *d, void **list, uint32_t n, uint32_t *cap, size_t size)
{
	if (n < *cap)
		return true;
	uint32_t more = *cap ? *cap * 2 : 8;
	void *p = ddl_alloc(d, more * size);
	if (!p)
		return false;
	if (n)
		memcpy(p, *list, n * size);
	*list = p;
	*cap = more;
	return true;
}

void ddl_def_insert(struct ddl *d, struct ddl_def *t, struct ddl_column *c, uint32_t at)
{
	void *list = t->columns;
	if (!room(d, &list, t->ncolumns, &t->ccap, sizeof(struct ddl_column *)))
		return;
	t->columns = list;
	if (at > t->ncolumns)
		at = t->ncolumns;
	memmove(&t->columns[at + 1], &t->columns[at],
		(t->ncolumns - at) * sizeof(struct ddl_column *));
	t->columns[at] = c;
	t->ncolumns++;
}

void ddl_def_add_key(struct ddl *d, struct ddl_def *t, struct ddl_key *k)
{
	void *list = t->keys;
	if (!room(d, &list, t->nkeys, &t->kcap, sizeof(struct ddl_key *)))
		return;
	t->keys = list;
	t->keys[t->nkeys++] = k;
}

void ddl_key_add_part(struct ddl *d, struct ddl_key *k, struct ddl_part part)
{
	void *list = k->parts;
	if (!room(d, &list, k->nparts, &k->cap, sizeof(part)))
		return;
	k->parts = list;
	k->parts[k->nparts++] = part;
}

uint32_t ddl_def_find(const struct ddl_def *t, struct span name)
{
	for (uint32_t i = 0; i < t->ncolumns; i++)
		if (ddl_same(t->columns[i]->c.name, name))
			return i;
	return UINT32_MAX;
}

struct ddl_key *ddl_def_find_key(const struct ddl_def *t, struct span name)
{
	for (uint32_t i = 0; i < t->nkeys; i++)
		if (ddl_same(t->keys[i]->name, name))
			return t->keys[i];
	return NULL;
}

/* ------------------------------------------------------- in */

struct ddl_def *ddl_def_new(struct ddl *d, struct span db, struct span name)
{
	struct ddl_def *t = ddl_alloc(d, sizeof(*t));
	if (t)
		*t = (struct ddl_def){.db = db, .name = name, .keys_known = true};
	return t;
}

static struct ddl_column *column_of(struct ddl *d, const struct catalog_column *from)
{
	struct ddl_column *c = ddl_alloc(d, sizeof(*c));
	if (!c)
		return NULL;
	c->c = *from;
	c->c.name = ddl_keep(d, from->name);
	c->c.data_type = ddl_keep(d, from->data_type);
	c->c.column_type = ddl_keep(d, from->column_type);
	c->c.charset = ddl_keep(d, from->charset);
	c->c.collation = ddl_keep(d, from->collation);
	if (!from->labels)
		return c;
	c->c.labels = ddl_alloc(d, (from->nlabels + 1) * sizeof(*c->c.labels));
	for (uint32_t i = 0; !d->rc && i < from->nlabels; i++)
		c->c.labels[i] = ddl_keep(d, from->labels[i]);
	return c;
}

static struct ddl_key *key_of(struct ddl *d, const struct ddl_def *t,
			      const struct catalog_key *from)
{
	struct ddl_key *k = ddl_alloc(d, sizeof(*k));
	if (!k)
		return NULL;
	k->name = ddl_keep(d, from->name);
	k->unique = from->unique;
	k->hash = from->hash;
	k->primary = ddl_span_is(from->name, "PRIMARY");
	for (uint32_t i = 0; i < from->nparts && !d->rc; i++) {
		struct ddl_part part = {.prefix = from->parts[i].prefix};
		if (from->parts[i].column < t->ncolumns)
			part.column = t->columns[from->parts[i].column];
		ddl_key_add_part(d, k, part);
	}
	return k;
}

struct ddl_def *ddl_def_of(struct ddl *d, const struct catalog_table *from)
{
	struct ddl_def *t = ddl_def_new(d, ddl_keep(d, from->db), ddl_keep(d, from->name));
	if (!t)
		return NULL;
	t->charset = ddl_keep(d, from->charset);
	t->collation = ddl_keep(d, from->collation);
	t->versioned = from->versioned;
	t->keys_known = from->keys_known;
	for (uint32_t i = 0; i < from->ncolumns && !d->rc; i++)
		ddl_def_insert(d, t, column_of(d, &from->columns[i]), UINT32_MAX);
	for (uint32_t i = 0; i < from->nkeys && !d->rc; i++)
		ddl_def_add_key(d, t, key_of(d, t, &from->keys[i]));
	return d->rc ? NULL : t;
}

/* ------------------------------------------------------- keys */

/* Bytes of a part in a key. */
static uint64_t part_bytes(const struct ddl_part *p)
{
	static const struct {
		const char *type;
		uint8_t bytes;
	} sizes[] = {{"tinyint", 1}, {"smallint", 2}, {"mediumint", 3}, {"int", 4}, {"float", 4}};
	const struct catalog_column *c = &p->column->c;
	uint64_t width = c->charset.len ? ddl_charset_width(c->charset) : 1;
	if (p->prefix)
		return p->prefix * width;
	if (c->max_bytes && !c->labels)
		return c->max_bytes;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (ddl_span_is(c->data_type, sizes[i].type))
			return sizes[i].bytes;
	return ddl_span_is(c->data_type, "decimal") ? 30 : 8;
}

static bool is_memory(struct span engine)
{
	return ddl_span_is(engine, "MEMORY") || ddl_span_is(engine, "HEAP");
}

static bool is_blob(const struct catalog_column *c)
{
	static const char *const kinds[] = {"text",	"tinytext", "mediumtext", "longtext",
					    "blob",	"tinyblob", "mediumblob", "longblob",
					    "geometry", "json"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (ddl_span_is(c->data_type, kinds[i]))
			return true;
	return false;
}

static bool is_geometry(const struct catalog_column *c)
{
	static const char *const kinds[] = {"geometry",	  "point",	     "linestring",
					    "polygon",	  "multipoint",	     "multilinestring",
					    "multipolygon", "geometrycollection", "geomcollection"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (ddl_span_is(c->data_type, kinds[i]))
			return true;
	return false;
}

/* A prefix as long as the column is the whole of it. */
static void settle_prefix(struct ddl_part *p)
{
	const struct catalog_column *c = &p->column->c;
	uint64_t width = c->charset.len ? ddl_charset_width(c->charset) : 1;
	if (p->prefix && !is_blob(c) && !is_geometry(c) && p->prefix * (width ? width : 1) >= c->max_bytes)
		p->prefix = 0;
}

static bool has_fresh_column(const struct ddl_key *k)
{
	for (uint32_t i = 0; i < k->nparts; i++)
		if (k->parts[i].column && k->parts[i].column->fresh)
			return true;
	return false;
}

/*
 * MariaDB keeps a UNIQUE key that is too long for the engine as a hash, in a hidden
 * column. InnoDB takes 3072 bytes a column, 767 in the older row formats.
 */
static void settle_hash(struct ddl *d, const struct ddl_def *t, struct ddl_key *k)
{
	enum { LEAST = 760, MOST = 3072, SLACK = 64 };
	uint64_t sum = 0, most = 0;
	bool blob = false, memory = is_memory(t->engine);
	if (memory || (t->engine.len && k->hash))
		k->hash = memory && !k->by_tree && k->fresh;
	if (memory && !k->fresh) /* as it was made, which is not kept */
		d->doubt = true;
	if (memory || !k->unique || k->primary || d->session->flavor != FLAVOR_MARIADB ||
	    !(k->fresh || has_fresh_column(k)))
		return;
	for (uint32_t i = 0; i < k->nparts; i++) {
		uint64_t n = part_bytes(&k->parts[i]);
		blob |= is_blob(&k->parts[i].column->c) && !k->parts[i].prefix;
		most = n > most ? n : most;
		sum += n;
	}
	bool other = t->small_keys || (t->engine.len && !ddl_span_is(t->engine, "InnoDB"));
	if (!blob && other && sum > LEAST)
		d->doubt = true;
	if (!blob && sum > MOST - SLACK && sum <= MOST + SLACK)
		d->doubt = true;
	if (k->by_hash && !blob && sum <= MOST)
		d->doubt = true; /* whether the engine takes it, it alone knows */
	k->hash = blob || sum > MOST;
}

/* No server takes these: what seems so was read wrongly. */
static bool is_twice(const struct ddl_key *k, uint32_t at)
{
	for (uint32_t i = 0; i < at; i++)
		if (k->parts[i].column && k->parts[i].column == k->parts[at].column)
			return true;
	return false;
}

static bool has_columns_twice(const struct ddl_def *t)
{
	for (uint32_t i = 0; i < t->ncolumns; i++)
		if (ddl_def_find(t, t->columns[i]->c.name) != i)
			return true;
	return false;
}

/* Columns by name; those of a key dropped with a column are gone already. */
static void bind(struct ddl *d, struct ddl_def *t, struct ddl_key *k)
{
	for (uint32_t i = 0; i < k->nparts; i++) {
		struct ddl_part *p = &k->parts[i];
		if (!p->column && p->name.len) {
			uint32_t at = ddl_def_find(t, p->name);
			if (at == UINT32_MAX) {
				d->doubt = true;
				return;
			}
			p->column = t->columns[at];
		}
		if (!p->column) {
			/* An expression: only MySQL has them; 8.0 counts it among the columns. */
			d->doubt |= !ddl_is_mysql(d, 90000);
			continue;
		}
		d->doubt |= is_twice(k, i);
		if (k->full_text)
			continue;
		settle_prefix(p);
		/* Prefixes that nobody wrote, of a length that the server chooses. */
		bool blob = is_blob(&p->column->c) && !ddl_is_mariadb(d, 0);
		d->doubt |= blob && !p->prefix;
		d->doubt |= is_geometry(&p->column->c);
	}
}

static bool may_be_null(const struct ddl_key *k)
{
	for (uint32_t i = 0; i < k->nparts; i++)
		if (!k->parts[i].column || k->parts[i].column->c.nullable)
			return true;
	return false;
}

/*
 * The columns of the primary key are NOT NULL: from where the server comes to that key, so
 * a UNIQUE key over them that stands before it is ordered as if they might be NULL.
 */
static void settle_nulls(struct ddl_def *t)
{
	for (uint32_t i = 0; i < t->nkeys; i++) {
		struct ddl_key *k = t->keys[i];
		k->may_be_null = may_be_null(k);
		for (uint32_t j = 0; k->primary && j < k->nparts; j++)
			if (k->parts[j].column)
				k->parts[j].column->c.nullable = false;
	}
}

static bool has_expression(const struct ddl_key *k)
{
	for (uint32_t i = 0; i < k->nparts; i++)
		if (!k->parts[i].column)
			return true;
	return false;
}

/* After its first column: a, a_2, a_3; keys before it count. */
static void make_name(struct ddl *d, struct ddl_def *t, uint32_t at)
{
	struct ddl_key *k = t->keys[at];
	struct span base = {0};
	if (k->primary) {
		k->name = (struct span){(const uint8_t *)"PRIMARY", 7};
		return;
	}
	if (k->name.len)
		return;
	if (k->nparts && k->parts[0].column)
		base = k->parts[0].column->c.name;
	else
		base = (struct span){(const uint8_t *)"functional_index", 16};
	for (uint32_t n = 1; n < 100; n++) {
		struct span name = base;
		if (n > 1)
			name = ddl_printf(d, "%.*s_%u", (int)(base.len < 100 ? base.len : 100),
					  (const char *)base.p, n);
		bool taken = ddl_span_is(name, "PRIMARY");
		for (uint32_t i = 0; i < at && !taken; i++)
			taken = ddl_same(t->keys[i]->name, name);
		if (taken)
			continue;
		k->name = name;
		return;
	}
	d->doubt = true;
}

/* Do the parts of `a` begin with those of `b`? Then no key is made for the foreign key b. */
static bool serves(const struct ddl_key *a, const struct ddl_key *b)
{
	if (a == b || a->full_text || a->nparts < b->nparts)
		return false;
	for (uint32_t i = 0; i < b->nparts; i++)
		if (a->parts[i].column != b->parts[i].column || a->parts[i].prefix)
			return false;
	return true;
}

static void drop_served(struct ddl_def *t)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < t->nkeys; i++) {
		struct ddl_key *k = t->keys[i];
		bool served = false;
		for (uint32_t j = 0; k->foreign && j < t->nkeys && !served; j++)
			served = serves(t->keys[j], k) && (!t->keys[j]->foreign || j < i);
		if (!served)
			t->keys[n++] = k;
	}
	t->nkeys = n;
}

static bool has_prefix(const struct ddl_key *k)
{
	for (uint32_t i = 0; i < k->nparts; i++)
		if (k->parts[i].prefix)
			return true;
	return false;
}

static int rank(const struct ddl_key *k)
{
	if (k->primary)
		return 0;
	if (k->unique && k->hash)
		return 5;
	if (k->unique)
		return 1 + 2 * k->may_be_null + has_prefix(k);
	return k->full_text ? 7 : 6;
}

static int compare(const void *a, const void *b)
{
	const struct ddl_key *x = *(struct ddl_key *const *)a, *y = *(struct ddl_key *const *)b;
	int by = rank(x) - rank(y);
	return by ? by : (x->place > y->place) - (x->place < y->place);
}

/*
 * A key of a table WITH SYSTEM VERSIONING has row_end behind its parts; shown only where
 * the table declares that column.
 */
static void add_row_end(struct ddl *d, struct ddl_def *t, struct ddl_key *k)
{
	struct ddl_column *end = NULL;
	bool has = false, older = false;
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		struct ddl_column *c = t->columns[i];
		end = c->row_end ? c : end;
		older |= c->c.generated && !c->fresh;
	}
	for (uint32_t i = 0; i < k->nparts; i++)
		has |= k->parts[i].column && (k->parts[i].column->row_end ||
					      k->parts[i].column->row_start);
	if (!k->unique || has)
		return;
	if (end)
		ddl_key_add_part(d, k, (struct ddl_part){.column = end, .name = end->c.name});
	else if (k->fresh && older)
		d->doubt = true; /* one of these may be it */
}

/* Has sorting moved a key? MariaDB does not always do so when it need not make keys. */
static void check_order(struct ddl *d, const struct ddl_def *t)
{
	bool moved = false, fresh = false;
	for (uint32_t i = 0; i < t->nkeys; i++) {
		moved |= t->keys[i]->place != i;
		fresh |= t->keys[i]->fresh;
	}
	if (moved && !fresh && d->session->flavor == FLAVOR_MARIADB)
		d->doubt = true;
}

static void settle_keys(struct ddl *d, struct ddl_def *t)
{
	for (uint32_t i = 0; i < t->nkeys; i++)
		bind(d, t, t->keys[i]);
	if (d->doubt || d->rc)
		return;
	settle_nulls(t);
	drop_served(t);
	for (uint32_t i = 0; i < t->nkeys && t->versioned; i++)
		add_row_end(d, t, t->keys[i]);
	for (uint32_t i = 0; i < t->nkeys; i++) {
		t->keys[i]->place = i;
		make_name(d, t, i);
		if (!has_expression(t->keys[i]))
			settle_hash(d, t, t->keys[i]);
	}
	if (t->nkeys)
		qsort(t->keys, t->nkeys, sizeof(struct ddl_key *), compare);
	check_order(d, t);
}

/* ------------------------------------------------------- out */

static uint32_t index_of(const struct ddl_def *t, const struct ddl_column *c)
{
	for (uint32_t i = 0; i < t->ncolumns; i++)
		if (t->columns[i] == c)
			return i;
	return CATALOG_EXPRESSION;
}

static void put_keys(struct ddl *d, const struct ddl_def *t, struct catalog_table *out)
{
	out->keys = ddl_alloc(d, (t->nkeys + 1) * sizeof(*out->keys));
	for (uint32_t i = 0; i < t->nkeys && !d->rc; i++) {
		const struct ddl_key *k = t->keys[i];
		struct catalog_part *parts = ddl_alloc(d, (k->nparts + 1) * sizeof(*parts));
		for (uint32_t j = 0; parts && j < k->nparts; j++)
			parts[j] = (struct catalog_part){index_of(t, k->parts[j].column),
							 k->parts[j].prefix};
		out->keys[out->nkeys++] = (struct catalog_key){
			.name = k->name,
			.unique = k->unique,
			.hash = k->hash,
			.nparts = k->nparts,
			.parts = parts,
		};
		out->hidden_by_keys += k->unique && !k->primary && k->hash;
		for (uint32_t j = 0; j < k->nparts; j++)
			out->hidden_by_keys += !k->parts[j].column;
	}
}

static void choose_key(struct ddl *d, const struct ddl_def *t, struct catalog_table *out)
{
	const struct ddl_key *best = NULL;
	for (uint32_t i = 0; i < t->nkeys && !best; i++) {
		const struct ddl_key *k = t->keys[i];
		if (k->unique && k->nparts && !has_expression(k) &&
		    (k->primary || (!may_be_null(k) && !has_prefix(k))))
			best = k;
	}
	if (!best)
		return;
	out->key = ddl_alloc(d, best->nparts * sizeof(*out->key));
	for (uint32_t i = 0; i < best->nparts && !d->rc; i++) {
		out->key[out->nkey++] = index_of(t, best->parts[i].column);
		out->columns[out->key[i]].key_seq = i + 1;
	}
}

/*
 * MySQL 5.7 cuts labels of two-byte sets at their zero bytes when the table has more than one
 * such column: ENUM('a') CHARACTER SET utf16 becomes ENUM(''), SELECT shows it too. Which of
 * them, only the server knows.
 */
static bool may_cut_labels(const struct ddl *d, const struct ddl_def *t)
{
	uint32_t n = 0;
	if (d->session->flavor != FLAVOR_MYSQL || ddl_is_mysql(d, 80000))
		return false;
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		const struct catalog_column *c = &t->columns[i]->c;
		n += c->nlabels > 0 &&
		     (ddl_span_is(c->charset, "ucs2") || ddl_span_is(c->charset, "utf16") ||
		      ddl_span_is(c->charset, "utf16le") || ddl_span_is(c->charset, "utf32"));
	}
	return n > 1;
}

const struct catalog_table *ddl_def_finish(struct ddl *d, struct ddl_def *t)
{
	if (!t || d->rc || d->doubt || !t->keys_known || t->period || !t->ncolumns) {
		d->doubt = true;
		return NULL;
	}
	d->doubt |= has_columns_twice(t) || may_cut_labels(d, t);
	settle_keys(d, t);
	struct catalog_table *out = ddl_alloc(d, sizeof(*out));
	if (!out)
		return NULL;
	*out = (struct catalog_table){
		.db = t->db,
		.name = t->name,
		.charset = t->charset,
		.collation = t->collation,
		.versioned = t->versioned,
		.keys_known = true,
		.ncolumns = t->ncolumns,
		.columns = ddl_alloc(d, t->ncolumns * sizeof(*out->columns)),
	};
	for (uint32_t i = 0; i < t->ncolumns && !d->rc; i++) {
		out->columns[i] = t->columns[i]->c;
		out->columns[i].place = i;
		out->columns[i].key_seq = 0;
	}
	if (!d->rc && !d->doubt)
		put_keys(d, t, out);
	if (!d->rc && !d->doubt)
		choose_key(d, t, out);
	return d->rc || d->doubt ? NULL : out;
}
