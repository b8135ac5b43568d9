/*
 * catalog.c - see catalog.h. Three statements a table: columns, keys, kind of table.
 *
 * A definition read while the table is altered may mix two states: the schema's check
 * against TABLE_MAP finds what matters, and it asks again.
 */
#include "core/mysql/catalog.h"
#include "common/contract/errors.h"
#include "core/mysql/query.h"
#include "core/mysql/query_error.h"
#include "core/mysql/source_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool same(struct span a, struct span b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

static bool contains(struct span text, const char *part)
{
	return text.len && memmem(text.p, text.len, part, strlen(part));
}

/* A copy in the arena; an empty one for NULL. *ok is cleared when memory is short. */
static struct span keep(struct arena *a, struct span s, bool *ok)
{
	if (!s.len)
		return (struct span){.p = (const uint8_t *)"", .len = 0};
	char *copy = arena_strndup(a, s.p, s.len);
	if (!copy)
		*ok = false;
	return (struct span){.p = (const uint8_t *)copy, .len = copy ? s.len : 0};
}

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table definition");
}

/* Runs a statement on a view of information_schema for one table. */
static int open_for(struct source *s, struct query *q, struct err *err, const char *select,
		    struct span db, struct span table, const char *tail)
{
	struct buf sql;
	buf_init(&sql);
	buf_puts(&sql, select);
	buf_puts(&sql, " WHERE TABLE_SCHEMA=");
	query_put_literal(s, &sql, db);
	buf_puts(&sql, " AND TABLE_NAME=");
	query_put_literal(s, &sql, table);
	buf_puts(&sql, tail);
	buf_cstr(&sql);
	int rc = sql.failed ? no_memory(err) : query_open(s, q, err, "%s", (const char *)sql.data);
	buf_free(&sql);
	return rc;
}

/* ------------------------------------------------------- columns */

enum {
	C_SCHEMA,
	C_TABLE,
	C_NAME,
	C_DATA_TYPE,
	C_COLUMN_TYPE,
	C_CHARSET,
	C_COLLATION,
	C_NULLABLE,
	C_EXTRA,
	C_OCTETS,
	C_PRECISION,
	C_SCALE,
	C_FRACTION,
	C_ORDINAL,
	C_EXPRESSION,
};

static const char columns_sql[] =
	"SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, "
	"CHARACTER_SET_NAME, COLLATION_NAME, IS_NULLABLE, EXTRA, CHARACTER_OCTET_LENGTH, "
	"NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, ORDINAL_POSITION, "
	"GENERATION_EXPRESSION "
	"FROM information_schema.COLUMNS";
static const char columns_order[] = " ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION";

static int take_column(const struct query *q, struct arena *arena, struct catalog_column *c)
{
	bool ok = true;
	struct span extra = query_span(q, C_EXTRA);
	*c = (struct catalog_column){
		.name = keep(arena, query_span(q, C_NAME), &ok),
		.place = (uint32_t)query_u64(q, C_ORDINAL) - 1,
		.data_type = keep(arena, query_span(q, C_DATA_TYPE), &ok),
		.column_type = keep(arena, query_span(q, C_COLUMN_TYPE), &ok),
		.charset = keep(arena, query_span(q, C_CHARSET), &ok),
		.collation = keep(arena, query_span(q, C_COLLATION), &ok),
		.nullable = contains(query_span(q, C_NULLABLE), "YES"),
		.generated = contains(extra, "GENERATED") && !contains(extra, "DEFAULT_GENERATED"),
		.invisible = contains(extra, "INVISIBLE"),
		.row_end = same(query_span(q, C_EXPRESSION),
				(struct span){(const uint8_t *)"ROW END", 7}),
		.max_bytes = query_u64(q, C_OCTETS),
		.precision = (uint8_t)query_u64(q, C_PRECISION),
		.scale = (uint8_t)(query_text(q, C_FRACTION) ? query_u64(q, C_FRACTION)
							     : query_u64(q, C_SCALE)),
	};
	/* Both come behind the type; an ENUM's labels may hold any word. */
	bool listed = same(c->data_type, (struct span){(const uint8_t *)"enum", 4}) ||
		      same(c->data_type, (struct span){(const uint8_t *)"set", 3});
	c->is_unsigned = !listed && contains(c->column_type, "unsigned");
	if (ok && listed)
		ok = catalog_parse_labels(c->column_type, arena, &c->labels, &c->nlabels) !=
		     -ENOMEM;
	return ok ? 0 : -ENOMEM;
}

/* The first table's rows of a result may be of a name that differs in case only. */
static int count_columns(struct query *q, struct span db, struct span table, bool *ret_exact,
			 uint32_t *ret, struct err *err)
{
	uint32_t exact = 0, all = 0;
	int rc;
	while ((rc = query_next(q, err)) > 0) {
		exact += same(query_span(q, C_SCHEMA), db) && same(query_span(q, C_TABLE), table);
		all++;
	}
	*ret_exact = exact > 0;
	*ret = exact ? exact : all;
	return rc;
}

static int load_columns(struct source *s, struct arena *arena, struct catalog_table *t,
			struct err *err)
{
	struct query q;
	int rc = open_for(s, &q, err, columns_sql, t->db, t->name, columns_order);
	if (rc)
		return rc;
	bool exact;
	uint32_t n;
	rc = count_columns(&q, t->db, t->name, &exact, &n, err);
	mysql_data_seek(q.result, 0);
	if (rc == 0 && n) {
		t->columns = arena_zalloc(arena, n * sizeof(*t->columns));
		rc = t->columns ? 0 : no_memory(err);
	}
	while (rc == 0 && (rc = query_next(&q, err)) > 0) {
		rc = 0;
		if (exact && !(same(query_span(&q, C_SCHEMA), t->db) &&
			       same(query_span(&q, C_TABLE), t->name)))
			continue;
		if (take_column(&q, arena, &t->columns[t->ncolumns++]))
			rc = no_memory(err);
	}
	query_end(&q);
	return rc;
}

/* ------------------------------------------------------- key */

static bool find_column(const struct catalog_table *t, struct span name, uint32_t *ret)
{
	for (uint32_t i = 0; i < t->ncolumns; i++)
		if (same(t->columns[i].name, name)) {
			*ret = i;
			return true;
		}
	return false;
}

/* SHOW INDEX's columns. */
enum { K_NON_UNIQUE = 1, K_KEY, K_SEQ, K_COLUMN, K_SUB_PART = 7, K_TYPE = 10 };

/* One line: a part of a key. `usable`: the key at hand may identify rows. */
struct key_reader {
	struct arena *arena;
	struct catalog_part *parts; /* of the key at hand and those to come */
	bool failed;		    /* no memory */
	uint32_t *key;
	uint32_t n;
	bool usable;
	bool found; /* the key before was usable: it is the one */
};

/* The list of all keys. */
static void list_part(const struct query *q, struct catalog_table *t, struct key_reader *r,
		      bool first)
{
	bool ok = true;
	const char *type = query_text(q, K_TYPE) ? query_text(q, K_TYPE) : "";
	if (first) {
		t->keys[t->nkeys++] = (struct catalog_key){
			.name = keep(r->arena, query_span(q, K_KEY), &ok),
			.unique = !query_u64(q, K_NON_UNIQUE),
			.hash = !strcmp(type, "HASH"),
			.parts = r->parts,
		};
	}
	if (!t->nkeys)
		return;
	struct catalog_part *part = r->parts++;
	part->prefix = query_text(q, K_SUB_PART) ? (uint32_t)query_u64(q, K_SUB_PART) : 0;
	if (!query_text(q, K_COLUMN) || !find_column(t, query_span(q, K_COLUMN), &part->column))
		part->column = CATALOG_EXPRESSION;
	t->keys[t->nkeys - 1].nparts++;
	r->failed |= !ok;
}

/*
 * SHOW INDEX lists the keys in the server's own order, which decides what it takes for
 * the key of rows: PRIMARY, else the first UNIQUE whose columns are all whole and NOT
 * NULL.
 */
static void take_part(const struct query *q, struct catalog_table *t, struct key_reader *r)
{
	const char *name = query_text(q, K_KEY) ? query_text(q, K_KEY) : "";
	const char *type = query_text(q, K_TYPE) ? query_text(q, K_TYPE) : "";
	bool primary = !strcmp(name, "PRIMARY"), first = query_u64(q, K_SEQ) == 1;
	bool unique = !query_u64(q, K_NON_UNIQUE);
	list_part(q, t, r, first);
	t->hidden_by_keys +=
		!query_text(q, K_COLUMN) || (first && unique && !primary && !strcmp(type, "HASH"));
	if (first) {
		r->found |= r->usable && r->n;
		r->usable = !r->found && unique;
		if (!r->found)
			r->n = 0;
	}
	uint32_t column;
	if (!r->usable)
		return;
	if (r->n < t->ncolumns && find_column(t, query_span(q, K_COLUMN), &column) &&
	    (primary || (!query_text(q, K_SUB_PART) && !t->columns[column].nullable)))
		r->key[r->n++] = column;
	else
		r->usable = false;
}

static int take_key(struct query *q, struct arena *arena, struct catalog_table *t, struct err *err)
{
	size_t lines = mysql_num_rows(q->result);
	struct key_reader r = {
		.arena = arena,
		.key = arena_alloc(arena, (t->ncolumns + 1) * sizeof(*r.key)),
		.parts = arena_zalloc(arena, (lines + 1) * sizeof(*r.parts)),
	};
	t->keys = arena_zalloc(arena, (lines + 1) * sizeof(*t->keys));
	if (!r.key || !r.parts || !t->keys)
		return no_memory(err);
	int rc;
	while ((rc = query_next(q, err)) > 0)
		take_part(q, t, &r);
	if (r.failed)
		return no_memory(err);
	t->keys_known = rc == 0;
	if (rc < 0 || !(r.found || r.usable))
		return rc;
	t->key = r.key;
	t->nkey = r.n;
	for (uint32_t i = 0; i < r.n; i++)
		t->columns[r.key[i]].key_seq = i + 1;
	return 0;
}

static int load_key(struct source *s, struct arena *arena, struct catalog_table *t, struct err *err)
{
	struct buf sql;
	struct query q;
	buf_init(&sql);
	buf_puts(&sql, "SHOW INDEX FROM ");
	query_put_name(&sql, t->name);
	buf_puts(&sql, " FROM ");
	query_put_name(&sql, t->db);
	buf_cstr(&sql);
	int rc = sql.failed ? no_memory(err) : query_open(s, &q, err, "%s", (const char *)sql.data);
	buf_free(&sql);
	if (rc)
		return rc;
	rc = take_key(&q, arena, t, err);
	query_end(&q);
	return rc;
}

/* ------------------------------------------------------- table */

/* A collation is named after its character set: utf8mb4_bin, binary. */
static struct span charset_of(struct span collation)
{
	const uint8_t *end = collation.len ? memchr(collation.p, '_', collation.len) : NULL;
	return end ? (struct span){collation.p, (size_t)(end - collation.p)} : collation;
}

static int load_kind(struct source *s, struct arena *arena, struct catalog_table *t,
		     struct err *err)
{
	struct query q;
	bool ok = true;
	int rc = open_for(s, &q, err,
			  "SELECT TABLE_TYPE, TABLE_COLLATION FROM information_schema.TABLES",
			  t->db, t->name, "");
	if (rc)
		return rc;
	while ((rc = query_next(&q, err)) > 0) {
		t->versioned |= contains(query_span(&q, 0), "VERSIONED");
		t->collation = keep(arena, query_span(&q, 1), &ok);
		t->charset = charset_of(t->collation);
	}
	query_end(&q);
	return rc == 0 && !ok ? no_memory(err) : rc;
}

static int not_there(struct source *s, struct span db, struct span table, struct err *err)
{
	char account[256], who[300];
	source_account(s, account, sizeof(account));
	return err_set(err, -ENOENT, ERR_SCHEMA_MISSING,
		       "%s shows no columns of %.*s.%.*s: the table is gone, or the user may not "
		       "see it; to mend that: GRANT SELECT ON `%.*s`.* TO %s",
		       source_name(s), (int)db.len, (const char *)db.p, (int)table.len,
		       (const char *)table.p, (int)db.len, (const char *)db.p,
		       query_quote_account(account, who, sizeof(who)));
}

/* MySQL can conceal the primary keys that it has generated, which are columns as others. */
static int conceal_nothing(struct source *s, const struct server_info *info, struct err *err)
{
	if (info->flavor != FLAVOR_MYSQL || info->version < 80030)
		return 0;
	return query_exec(s, err,
			  "SET SESSION show_gipk_in_create_table_and_information_schema=ON");
}

static int load(struct source *s, const struct server_info *info, struct span db,
		struct span table, struct arena *arena, struct catalog_table *ret, struct err *err)
{
	bool ok = true;
	struct catalog_table t = {.db = keep(arena, db, &ok), .name = keep(arena, table, &ok)};
	if (!ok)
		return no_memory(err);
	int rc = conceal_nothing(s, info, err);
	if (rc == 0)
		rc = load_columns(s, arena, &t, err);
	if (rc)
		return rc;
	if (!t.ncolumns)
		return not_there(s, db, table, err);
	struct err why = {0};
	rc = load_key(s, arena, &t, &why);
	if (rc && why.kind == ERR_SOURCE_QUERY) /* dropped or renamed meanwhile */
		return not_there(s, db, table, err);
	if (rc) {
		*err = why;
		return rc;
	}
	rc = load_kind(s, arena, &t, err);
	if (rc)
		return rc;
	*ret = t;
	return 0;
}

int catalog_load(struct source *s, const struct server_info *info, struct span db,
		 struct span table, struct arena *arena, struct catalog_table *ret, struct err *err)
{
	struct err why = {0};
	int rc = load(s, info, db, table, arena, ret, &why);
	/* The connection rests between tables: the server may have ended it. Once more. */
	if (rc && why.kind == ERR_SOURCE_LOST && rc != -EINTR) {
		rc = source_connect(s, &why);
		if (!rc)
			rc = load(s, info, db, table, arena, ret, &why);
	}
	if (rc && err)
		*err = why;
	return rc;
}

/* ------------------------------------------------------- character sets */

static int charset_by(struct source *s, const char *view, uint32_t collation, struct buf *name,
		      struct err *err)
{
	return query_value(s, name, err,
			   "SELECT CHARACTER_SET_NAME FROM information_schema.%s WHERE ID=%u", view,
			   collation);
}

int catalog_charset(struct source *s, const struct server_info *info, uint32_t collation,
		    struct arena *arena, struct span *ret, struct err *err)
{
	struct buf name;
	buf_init(&name);
	struct err why = {0};
	int rc = charset_by(s, "COLLATIONS", collation, &name, &why);
	if (rc && why.kind == ERR_SOURCE_LOST && rc != -EINTR) {
		rc = source_connect(s, &why);
		if (!rc)
			rc = charset_by(s, "COLLATIONS", collation, &name, &why);
	}
	/* MariaDB's newer collations belong to several sets; their ids are in the other view. */
	if (rc == 0 && info->flavor == FLAVOR_MARIADB && info->version >= 101000)
		rc = charset_by(s, "COLLATION_CHARACTER_SET_APPLICABILITY", collation, &name, &why);
	if (rc > 0) {
		bool ok = true;
		*ret = keep(arena, (struct span){name.data, name.len}, &ok);
		rc = ok ? 0 : no_memory(&why);
	} else if (rc == 0) {
		rc = err_set(&why, -ENOENT, ERR_TYPE_UNSUPPORTED,
			     "%s does not know a collation with the id %u", source_name(s),
			     collation);
	}
	buf_free(&name);
	if (rc && err)
		*err = why;
	return rc;
}

/* ------------------------------------------------------- what statements depend on */

int catalog_collation(struct source *s, uint32_t collation, struct arena *arena, struct span *ret,
		      struct err *err)
{
	struct buf name;
	buf_init(&name);
	int rc = query_value(s, &name, err,
			     "SELECT COLLATION_NAME FROM information_schema.COLLATIONS "
			     "WHERE ID=%lu",
			     (unsigned long)collation);
	bool ok = true;
	if (rc == 1)
		*ret = keep(arena, (struct span){name.data, name.len}, &ok);
	buf_free(&name);
	return rc < 0 ? rc : rc == 0 ? -ENOENT : ok ? 0 : no_memory(err);
}

int catalog_database(struct source *s, struct span db, struct arena *arena,
		     struct span *ret_charset, struct span *ret_collation, struct err *err)
{
	struct buf sql;
	struct query q;
	bool ok = true;
	buf_init(&sql);
	buf_lit(&sql, "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM "
		      "information_schema.SCHEMATA WHERE SCHEMA_NAME=");
	query_put_literal(s, &sql, db);
	buf_cstr(&sql);
	int rc = sql.failed ? no_memory(err)
			    : query_open(s, &q, err, "%s", (const char *)sql.data);
	buf_free(&sql);
	if (rc < 0)
		return rc;
	rc = query_next(&q, err);
	if (rc == 1) {
		*ret_charset = keep(arena, query_span(&q, 0), &ok);
		*ret_collation = keep(arena, query_span(&q, 1), &ok);
	}
	query_end(&q);
	return rc < 0 ? rc : rc == 0 ? -ENOENT : ok ? 0 : no_memory(err);
}

int catalog_globals(struct source *s, bool *ret_explicit_timestamp, uint8_t *ret_lower_case_names,
		    struct err *err)
{
	struct query q;
	int rc = query_open(s, &q, err,
			    "SELECT @@global.explicit_defaults_for_timestamp, "
			    "@@global.lower_case_table_names");
	if (rc < 0)
		return rc;
	rc = query_next(&q, err);
	if (rc == 1) {
		*ret_explicit_timestamp = query_u64(&q, 0) != 0;
		*ret_lower_case_names = (uint8_t)query_u64(&q, 1);
	}
	query_end(&q);
	return rc < 0 ? rc : rc == 0 ? err_set(err, -EPROTO, ERR_SOURCE_QUERY,
					       "the server does not tell its global variables")
				     : 0;
}
