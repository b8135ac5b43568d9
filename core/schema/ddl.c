/* ddl.c - see ddl.h: which statement it is, and the changes it makes. Pure. */
#include "core/schema/ddl_priv.h"

#include <errno.h>

enum {
	MODE_ANSI_QUOTES = 0x4,
	MODE_ORACLE = 0x200,
	MODE_MAXDB = 0x1000,
	MODE_NO_BACKSLASH_ESCAPES = 0x100000,
};

static void emit(struct ddl *d, struct ddl_change change)
{
	if (d->changes.n == d->cap) {
		uint32_t cap = d->cap ? d->cap * 2 : 4;
		struct ddl_change *more = ddl_alloc(d, cap * sizeof(*more));
		if (!more)
			return;
		if (d->changes.n)
			memcpy(more, d->changes.list, d->changes.n * sizeof(*more));
		d->changes.list = more;
		d->cap = cap;
	}
	d->changes.list[d->changes.n++] = change;
}

static void emit_unknown(struct ddl *d)
{
	emit(d, (struct ddl_change){.kind = DDL_UNKNOWN});
}

/* Nothing may follow. */
static void finish(struct ddl *d)
{
	while (ddl_take_char(d, ';'))
		continue;
	if (!ddl_at_end(d))
		emit_unknown(d);
}

/* WAIT n, NOWAIT: MariaDB's, behind a table's name. */
static void skip_wait(struct ddl *d)
{
	struct token second = ddl_peek(d);
	bool number = second.kind == TOKEN_WORD && second.text.p[0] >= '0' &&
		      second.text.p[0] <= '9';
	if (ddl_take(d, "NOWAIT"))
		return;
	if (ddl_at(d, "WAIT") && number) {
		ddl_next(d);
		ddl_next(d);
	}
}

/* 0, -ENOENT, -EAGAIN; another failure becomes rc. */
static int lookup(struct ddl *d, struct span db, struct span name,
		  const struct catalog_table **ret)
{
	int rc = d->lookup->table ? d->lookup->table(d->lookup->ctx, db, name, ret) : -EAGAIN;
	if (rc && rc != -ENOENT && rc != -EAGAIN)
		d->rc = rc;
	return rc;
}

/* ------------------------------------------------------- CREATE TABLE */

/* Columns and keys, in parentheses. */
static void parse_definitions(struct ddl *d, struct ddl_def *t)
{
	ddl_next(d);
	do {
		if (ddl_at_constraint(d)) {
			ddl_parse_constraint(d, t);
			continue;
		}
		struct ddl_column *c = ddl_alloc(d, sizeof(*c));
		if (!c)
			return;
		if (!ddl_take_name(d, &c->c.name)) {
			d->doubt = true;
			return;
		}
		ddl_def_insert(d, t, c, UINT32_MAX);
		ddl_parse_column(d, t, c);
	} while (!d->doubt && !d->rc && ddl_take_char(d, ','));
	if (!ddl_take_char(d, ')'))
		d->doubt = true;
}

/* A query fills the table, and adds its columns. */
static bool at_query(const struct ddl *d)
{
	return ddl_at(d, "SELECT") || ddl_at(d, "AS") || ddl_at(d, "IGNORE") ||
	       ddl_at(d, "REPLACE") || ddl_at(d, "VALUES") || ddl_at(d, "TABLE") ||
	       ddl_at_char(d, '(');
}

static void parse_options(struct ddl *d, struct ddl_def *t, struct span *charset,
			  struct span *collation)
{
	while (!ddl_at_end(d) && !ddl_at_char(d, ';') && !d->doubt && !d->rc) {
		struct token second = ddl_peek(d);
		if (ddl_take_char(d, ','))
			continue;
		if (ddl_at(d, "PARTITION")) {
			while (!ddl_at_end(d) && !ddl_at(d, "SELECT"))
				ddl_skip(d);
			if (!ddl_at_end(d))
				d->doubt = true;
			return;
		}
		bool with = ddl_at(d, "WITH") && !ddl_token_is(&second, "SYSTEM");
		if (with || at_query(d) || !ddl_take_option(d, t, charset, collation))
			d->doubt = true;
	}
}

/* The default of the table, of its options and of its database. */
static void settle_default(struct ddl *d, struct ddl_def *t, struct span charset,
			   struct span collation)
{
	struct span db_charset = {0}, db_collation = {0};
	(void)ddl_database_charset(d, t->db, &db_charset, &db_collation);
	db_charset = ddl_keep(d, db_charset);
	db_collation = ddl_keep(d, db_collation);
	if (ddl_span_is(charset, "DEFAULT"))
		charset.len = 0;
	if (ddl_charset_complete(d, &charset, &collation, db_charset, db_collation)) {
		t->charset = charset;
		t->collation = collation;
	}
}

static const struct catalog_table *define(struct ddl *d, struct span db, struct span name)
{
	struct ddl_def *t = ddl_def_new(d, db, name);
	struct token second = ddl_peek(d);
	if (!t || !ddl_at_char(d, '(') || ddl_token_is(&second, "SELECT") ||
	    ddl_token_is(&second, "WITH") || ddl_token_is(&second, "VALUES") ||
	    ddl_token_is(&second, "TABLE"))
		return NULL;
	/* The options first: they hold the columns' default. */
	struct ddl at = *d;
	struct span charset = {0}, collation = {0};
	ddl_skip(d);
	parse_options(d, t, &charset, &collation);
	settle_default(d, t, charset, collation);
	if (d->doubt || d->rc)
		return NULL;
	d->t = at.t;
	d->lexer = at.lexer;
	parse_definitions(d, t);
	return ddl_def_finish(d, t);
}

/* At the source's name. */
static const struct catalog_table *define_like(struct ddl *d, struct span db, struct span name)
{
	struct span from_db, from;
	const struct catalog_table *source;
	if (!ddl_take_table(d, &from_db, &from) || lookup(d, from_db, from, &source))
		return NULL;
	struct ddl_def *t = ddl_def_of(d, source);
	if (!t)
		return NULL;
	t->db = db;
	t->name = name;
	return ddl_def_finish(d, t);
}

static void create_table(struct ddl *d)
{
	bool absent = ddl_take_if(d, false);
	struct span db, name;
	if (!ddl_take_table(d, &db, &name)) {
		emit_unknown(d);
		return;
	}
	struct ddl_change change = {.kind = DDL_CREATED, .db = db, .name = name};
	if (absent) {
		const struct catalog_table *there;
		int rc = lookup(d, db, name, &there);
		if (rc == 0 || d->rc)
			return;
		if (rc == -EAGAIN) {
			change.kind = DDL_UNKNOWN;
			emit(d, change);
			return;
		}
	}
	struct token second = ddl_peek(d);
	bool like = ddl_at_char(d, '(') && ddl_token_is(&second, "LIKE");
	if (like)
		ddl_next(d);
	if (ddl_take(d, "LIKE"))
		change.table = define_like(d, db, name);
	else
		change.table = define(d, db, name);
	emit(d, change);
}

/* ------------------------------------------------------- ALTER TABLE and indexes */

/* A definition to be altered; NULL: not known. */
static struct ddl_def *definition(struct ddl *d, struct span db, struct span name, int *ret_found)
{
	const struct catalog_table *t;
	*ret_found = d->session->temporary ? -EAGAIN : lookup(d, db, name, &t);
	return *ret_found ? NULL : ddl_def_of(d, t);
}

/* Renamed, and nothing else that shows? */
static bool only_renamed(struct ddl *d)
{
	struct ddl ahead = *d;
	struct span db, name;
	if (!ddl_take(&ahead, "RENAME") || ddl_at(&ahead, "COLUMN") || ddl_at(&ahead, "INDEX") ||
	    ddl_at(&ahead, "KEY"))
		return false;
	if (!ddl_take(&ahead, "TO") && !ddl_take(&ahead, "AS"))
		(void)ddl_take_char(&ahead, '=');
	return ddl_take_table(&ahead, &db, &name) && ddl_at_end(&ahead);
}

static void emit_altered(struct ddl *d, struct span db, struct span name,
			 const struct ddl_altered *a, const struct catalog_table *table, bool same)
{
	struct ddl_change c = {.kind = DDL_ALTERED, .db = db, .name = name, .table = table};
	if (a->name.len) {
		c.kind = DDL_RENAMED;
		c.from_db = db;
		c.from_name = name;
		c.db = a->db;
		c.name = a->name;
		c.same = same;
	}
	emit(d, c);
	if (a->gone_name.len)
		emit(d, (struct ddl_change){
				.kind = DDL_DROPPED, .db = a->gone_db, .name = a->gone_name});
	if (a->made_name.len)
		emit(d, (struct ddl_change){
				.kind = DDL_CREATED, .db = a->made_db, .name = a->made_name});
}

static void alter_table(struct ddl *d)
{
	bool present = ddl_take_if(d, true);
	struct span db, name;
	if (!ddl_take_table(d, &db, &name)) {
		emit_unknown(d);
		return;
	}
	skip_wait(d);
	int found;
	bool same = only_renamed(d);
	struct ddl_def *t = definition(d, db, name, &found);
	if (d->rc || (present && found == -ENOENT))
		return;
	struct ddl_altered a = {0};
	ddl_parse_alter(d, t, &a);
	if (d->session->temporary) {
		emit(d, (struct ddl_change){.kind = DDL_UNKNOWN, .db = db, .name = name});
		return;
	}
	if (a.others)
		emit_unknown(d);
	if (t && a.name.len) {
		t->db = a.db;
		t->name = a.name;
	}
	const struct catalog_table *table = t && !d->doubt ? ddl_def_finish(d, t) : NULL;
	emit_altered(d, db, name, &a, same ? NULL : table, same);
}

/* [UNIQUE …] INDEX [IF NOT EXISTS] name [USING …] ON table (parts) …; at INDEX */
static void create_index(struct ddl *d, struct ddl_key *k, bool replace)
{
	struct span db, name;
	int found;
	ddl_next(d);
	k->if_not_exists = ddl_take_if(d, false);
	bool named = ddl_take_name(d, &k->name);
	if (ddl_take(d, "USING") || ddl_take(d, "TYPE")) {
		k->by_hash = ddl_at(d, "HASH");
		k->by_tree = ddl_at(d, "BTREE");
		ddl_next(d);
	}
	if (!named || !ddl_take(d, "ON") || !ddl_take_table(d, &db, &name)) {
		emit_unknown(d);
		return;
	}
	skip_wait(d);
	struct ddl_def *t = definition(d, db, name, &found);
	const struct catalog_table *table = NULL;
	ddl_parse_parts(d, k);
	ddl_parse_key_options(d, k);
	if (t && !d->doubt) {
		struct ddl_key *there = ddl_def_find_key(t, k->name);
		uint32_t n = 0;
		for (uint32_t i = 0; i < t->nkeys; i++)
			if (!(replace && t->keys[i] == there))
				t->keys[n++] = t->keys[i];
		t->nkeys = n;
		if (!(there && k->if_not_exists))
			ddl_def_add_key(d, t, k);
		table = ddl_def_finish(d, t);
	}
	emit(d, (struct ddl_change){.kind = d->session->temporary ? DDL_UNKNOWN : DDL_ALTERED,
				    .db = db,
				    .name = name,
				    .table = table});
}

/* [IF EXISTS] name ON table */
static void drop_index(struct ddl *d)
{
	struct span db, name, key;
	int found;
	bool present = ddl_take_if(d, true);
	if (!ddl_take_name(d, &key) || !ddl_take(d, "ON") || !ddl_take_table(d, &db, &name)) {
		emit_unknown(d);
		return;
	}
	struct ddl_def *t = definition(d, db, name, &found);
	const struct catalog_table *table = NULL;
	if (t) {
		uint32_t n = 0;
		for (uint32_t i = 0; i < t->nkeys; i++)
			if (!ddl_same(t->keys[i]->name, key))
				t->keys[n++] = t->keys[i];
		d->doubt |= n == t->nkeys && !present;
		t->nkeys = n;
		table = ddl_def_finish(d, t);
	}
	emit(d, (struct ddl_change){.kind = d->session->temporary ? DDL_UNKNOWN : DDL_ALTERED,
				    .db = db,
				    .name = name,
				    .table = table});
}

/* ------------------------------------------------------- RENAME, DROP, TRUNCATE */

static void rename_tables(struct ddl *d)
{
	bool present = ddl_take_if(d, true);
	do {
		struct ddl_change c = {.kind = DDL_RENAMED, .same = true};
		bool ok = ddl_take_table(d, &c.from_db, &c.from_name);
		skip_wait(d);
		if (!ok || !ddl_take(d, "TO") || !ddl_take_table(d, &c.db, &c.name)) {
			emit_unknown(d);
			return;
		}
		const struct catalog_table *there;
		int found = present ? lookup(d, c.from_db, c.from_name, &there) : 0;
		if (found == -ENOENT)
			continue;
		if (d->session->temporary || found) {
			emit(d, (struct ddl_change){
					.kind = DDL_UNKNOWN, .db = c.from_db, .name = c.from_name});
			c.kind = DDL_UNKNOWN;
			c.same = false;
		}
		emit(d, c);
	} while (ddl_take_char(d, ',') && !d->rc);
	finish(d);
}

static void drop_tables(struct ddl *d)
{
	(void)ddl_take_if(d, true);
	do {
		struct ddl_change c = {.kind = DDL_DROPPED};
		if (!ddl_take_table(d, &c.db, &c.name)) {
			emit_unknown(d);
			return;
		}
		emit(d, c);
	} while (ddl_take_char(d, ',') && !d->rc);
	skip_wait(d);
	if (!ddl_take(d, "RESTRICT"))
		(void)ddl_take(d, "CASCADE");
	finish(d);
}

static void truncate_table(struct ddl *d)
{
	struct ddl_change c = {.kind = d->session->temporary ? DDL_UNKNOWN : DDL_TRUNCATED};
	(void)ddl_take(d, "TABLE");
	if (!ddl_take_table(d, &c.db, &c.name)) {
		emit_unknown(d);
		return;
	}
	emit(d, c);
	skip_wait(d);
	finish(d);
}

/* ------------------------------------------------------- databases */

static void parse_database_options(struct ddl *d, struct span *charset, struct span *collation)
{
	while (!ddl_at_end(d) && !ddl_at_char(d, ';') && !d->rc)
		if (!ddl_take_default_charset(d, charset, collation))
			ddl_next(d); /* COMMENT, ENCRYPTION, READ ONLY */
}

static void create_database(struct ddl *d, bool replace)
{
	struct span charset = {0}, collation = {0}, was = {0}, order = {0};
	struct ddl_change c = {.kind = DDL_DATABASE_CREATED};
	bool absent = ddl_take_if(d, false), there = false;
	if (!ddl_take_name(d, &c.db)) {
		emit_unknown(d);
		return;
	}
	c.db = ddl_fold(d, c.db);
	if (absent)
		there = ddl_database_charset(d, c.db, &was, &order);
	if (there || d->rc)
		return;
	parse_database_options(d, &charset, &collation);
	if (ddl_span_is(charset, "DEFAULT"))
		charset.len = 0;
	if (!absent && ddl_charset_complete(d, &charset, &collation, d->session->server_charset,
					    d->session->server_collation)) {
		c.charset = ddl_keep(d, charset);
		c.collation = ddl_keep(d, collation);
	}
	if (replace)
		emit(d, (struct ddl_change){.kind = DDL_DATABASE_DROPPED, .db = c.db});
	emit(d, c);
}

static void alter_database(struct ddl *d)
{
	struct span charset = {0}, collation = {0}, was = {0}, order = {0};
	struct ddl_change c = {.kind = DDL_DATABASE_ALTERED, .db = d->session->db};
	struct ddl at = *d;
	/* The name may be missing: then an option follows at once. */
	bool named = !ddl_take_default_charset(d, &charset, &collation);
	*d = at;
	charset = collation = (struct span){0};
	if (named && !ddl_at(d, "READ") && !ddl_at(d, "ENCRYPTION") && !ddl_at(d, "COMMENT") &&
	    !ddl_take_name(d, &c.db)) {
		emit_unknown(d);
		return;
	}
	if (ddl_at(d, "UPGRADE")) { /* DATA DIRECTORY NAME: renames it */
		emit_unknown(d);
		return;
	}
	c.db = ddl_fold(d, c.db);
	parse_database_options(d, &charset, &collation);
	if (!charset.len && !collation.len)
		return;
	if (ddl_span_is(charset, "DEFAULT")) {
		charset = d->session->server_charset;
		if (!collation.len)
			collation = d->session->server_collation;
	}
	(void)ddl_database_charset(d, c.db, &was, &order);
	if (ddl_charset_complete(d, &charset, &collation, was, order)) {
		c.charset = ddl_keep(d, charset);
		c.collation = ddl_keep(d, collation);
	}
	emit(d, c);
}

static void drop_database(struct ddl *d)
{
	struct ddl_change c = {.kind = DDL_DATABASE_DROPPED};
	(void)ddl_take_if(d, true);
	if (!ddl_take_name(d, &c.db)) {
		emit_unknown(d);
		return;
	}
	c.db = ddl_fold(d, c.db);
	emit(d, c);
	finish(d);
}

/* ------------------------------------------------------- sequences */

/* MariaDB's: a table of one row. What it is like, the catalogue tells. */
static void sequence(struct ddl *d, enum ddl_kind kind)
{
	if (!ddl_take_if(d, kind == DDL_DROPPED))
		(void)ddl_take_if(d, true);
	do {
		struct ddl_change c = {.kind = kind};
		if (!ddl_take_table(d, &c.db, &c.name)) {
			emit_unknown(d);
			return;
		}
		emit(d, c);
	} while (kind == DDL_DROPPED && ddl_take_char(d, ','));
}

/* ------------------------------------------------------- verbs */

/* Objects that are no tables and change none. */
static bool at_other_object(const struct ddl *d)
{
	static const char *const words[] = {
		"VIEW",	     "TRIGGER", "PROCEDURE", "FUNCTION",	"AGGREGATE", "EVENT",
		"USER",	     "ROLE",	"SERVER",    "TABLESPACE",	"LOGFILE",   "UNDO",
		"RESOURCE",  "DEFINER", "ALGORITHM", "SQL",		"PACKAGE",   "LIBRARY",
		"INSTANCE",  "PREPARE", "LOADABLE",  "JSON",		"SONAME",    "MASKING"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (ddl_at(d, words[i]))
			return true;
	struct token second = ddl_peek(d);
	return ddl_at(d, "SPATIAL") && ddl_token_is(&second, "REFERENCE");
}

static bool take_database_word(struct ddl *d)
{
	return ddl_take(d, "DATABASE") || ddl_take(d, "SCHEMA");
}

static void parse_create(struct ddl *d)
{
	bool replace = ddl_take(d, "OR") && ddl_take(d, "REPLACE");
	if (ddl_take(d, "TEMPORARY") || at_other_object(d))
		return;
	if (ddl_take(d, "TABLE")) {
		create_table(d);
	} else if (take_database_word(d)) {
		create_database(d, replace);
	} else if (ddl_take(d, "SEQUENCE")) {
		bool absent = ddl_at(d, "IF");
		sequence(d, absent ? DDL_UNKNOWN : DDL_CREATED);
	} else {
		struct ddl_key *k = ddl_alloc(d, sizeof(*k));
		if (!k)
			return;
		k->fresh = true;
		(void)(ddl_take(d, "ONLINE") || ddl_take(d, "OFFLINE"));
		if (ddl_take(d, "UNIQUE"))
			k->unique = true;
		else if (ddl_take(d, "FULLTEXT") || ddl_take(d, "SPATIAL") || ddl_take(d, "VECTOR"))
			k->full_text = true;
		if (ddl_at(d, "INDEX") || ddl_at(d, "KEY"))
			create_index(d, k, replace);
		else
			emit_unknown(d);
	}
}

static void parse_alter(struct ddl *d)
{
	while (ddl_take(d, "ONLINE") || ddl_take(d, "OFFLINE") || ddl_take(d, "IGNORE"))
		continue;
	if (ddl_take(d, "TABLE"))
		alter_table(d);
	else if (take_database_word(d))
		alter_database(d);
	else if (ddl_take(d, "SEQUENCE"))
		sequence(d, DDL_ALTERED);
	else if (!at_other_object(d))
		emit_unknown(d);
}

static void parse_drop(struct ddl *d)
{
	if (ddl_take(d, "TEMPORARY") || at_other_object(d))
		return;
	(void)(ddl_take(d, "ONLINE") || ddl_take(d, "OFFLINE"));
	if (ddl_take(d, "TABLE") || ddl_take(d, "TABLES"))
		drop_tables(d);
	else if (take_database_word(d))
		drop_database(d);
	else if (ddl_take(d, "INDEX") || ddl_take(d, "KEY"))
		drop_index(d);
	else if (ddl_take(d, "SEQUENCE"))
		sequence(d, DDL_DROPPED);
	else
		emit_unknown(d);
}

static void parse_rename(struct ddl *d)
{
	if (ddl_take(d, "TABLE") || ddl_take(d, "TABLES"))
		rename_tables(d);
	else if (!ddl_at(d, "USER"))
		emit_unknown(d);
}

/* SET STATEMENT variable = value, … FOR statement */
static void skip_set_statement(struct ddl *d)
{
	struct token second = ddl_peek(d);
	if (!ddl_at(d, "SET") || !ddl_token_is(&second, "STATEMENT") ||
	    d->session->flavor != FLAVOR_MARIADB)
		return;
	while (!ddl_at_end(d) && !ddl_at(d, "FOR"))
		ddl_skip(d);
	ddl_next(d);
}

static void parse(struct ddl *d)
{
	while (ddl_take_char(d, '(') || ddl_take_char(d, ';'))
		continue;
	skip_set_statement(d);
	if (ddl_take(d, "CREATE"))
		parse_create(d);
	else if (ddl_take(d, "ALTER"))
		parse_alter(d);
	else if (ddl_take(d, "DROP"))
		parse_drop(d);
	else if (ddl_take(d, "RENAME"))
		parse_rename(d);
	else if (ddl_take(d, "TRUNCATE"))
		truncate_table(d);
	else if (ddl_at(d, "IMPORT"))
		emit_unknown(d);
}

/* Can the text be read, and do types mean in it what they mean elsewhere? */
static bool is_readable(struct span text, const struct ddl_session *s)
{
	for (size_t i = 0; s->foreign_text && i < text.len; i++)
		if (text.p[i] >= 0x80)
			return false;
	return true;
}

static bool means_other_types(const struct ddl_session *s)
{
	if (s->flavor == FLAVOR_MARIADB)
		return s->sql_mode & (MODE_ORACLE | MODE_MAXDB);
	return s->version < 80000 && s->sql_mode & MODE_MAXDB;
}

int ddl_apply(struct span statement, const struct ddl_session *session,
	      const struct ddl_lookup *look, struct arena *arena, struct ddl_changes *ret)
{
	struct ddl d = {
		.session = session,
		.lookup = look,
		.arena = arena,
		.doubt = means_other_types(session),
		.lexer = {.p = statement.p,
			  .end = statement.p + statement.len,
			  .ansi_quotes = session->sql_mode & MODE_ANSI_QUOTES,
			  .backslash_escapes = !(session->sql_mode & MODE_NO_BACKSLASH_ESCAPES),
			  .mariadb = session->flavor == FLAVOR_MARIADB,
			  .version = session->version},
	};
	ddl_next(&d);
	parse(&d);
	if (d.changes.n && !is_readable(statement, session)) {
		d.changes.n = 0;
		emit_unknown(&d);
	}
	if (d.rc)
		return d.rc;
	*ret = d.changes;
	return 0;
}
