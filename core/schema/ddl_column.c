/*
 * ddl_column.c - a column, a key, a constraint, as CREATE TABLE and ALTER TABLE have them.
 * Pure.
 *
 * What does not show in a definition (defaults, comments, checks, references) is passed
 * over by its form, so that expressions of any kind do no harm.
 */
#include "core/schema/ddl_priv.h"

/* What decides whether a column may be NULL. */
struct attributes {
	bool null;
	bool not_null;
	bool done; /* the column's definition ends here */
};

/* ------------------------------------------------------- expressions */

static bool at_string(const struct ddl *d)
{
	return d->t.kind == TOKEN_STRING || d->t.kind == TOKEN_BYTES;
}

static void skip_case(struct ddl *d)
{
	uint32_t depth = 0;
	do {
		if (ddl_at(d, "CASE"))
			depth++;
		else if (ddl_at(d, "END"))
			depth--;
		ddl_skip(d);
	} while (depth && !ddl_at_end(d));
}

/* name[.name…] [(…)], DATE'…', _utf8'…', NEXT VALUE FOR name */
static void skip_term(struct ddl *d)
{
	if (ddl_at(d, "CASE")) {
		skip_case(d);
		return;
	}
	if (ddl_take(d, "NEXT")) {
		(void)ddl_take(d, "VALUE");
		(void)ddl_take(d, "FOR");
	}
	if (at_string(d)) {
		while (at_string(d)) /* 'a' 'b' is one */
			ddl_next(d);
		return;
	}
	bool parenthesis = ddl_at_char(d, '(');
	ddl_skip(d);
	while (!parenthesis && ddl_take_char(d, '.'))
		ddl_next(d);
	while (!parenthesis && at_string(d))
		ddl_next(d);
	if (!parenthesis && ddl_at_char(d, '('))
		ddl_skip(d);
}

/* A default: terms joined by operators. */
static void skip_expression(struct ddl *d)
{
	for (;;) {
		while (ddl_at_char(d, '-') || ddl_at_char(d, '+') || ddl_at_char(d, '~') ||
		       ddl_at_char(d, '!') || ddl_at_char(d, '@') || ddl_at_char(d, '.'))
			ddl_next(d);
		if (ddl_at_end(d) || ddl_at_char(d, ',') || ddl_at_char(d, ')'))
			return;
		skip_term(d);
		bool more = false;
		while (d->t.kind == TOKEN_CHAR && !ddl_at_char(d, ',') && !ddl_at_char(d, ')') &&
		       !ddl_at_char(d, '(')) {
			more = true;
			ddl_next(d);
		}
		if (!more)
			return;
	}
}

/* table [(columns)] [MATCH w] [ON DELETE …] [ON UPDATE …] */
static void skip_references(struct ddl *d)
{
	struct span db, name;
	if (!ddl_take_table(d, &db, &name))
		d->doubt = true;
	if (ddl_at_char(d, '('))
		ddl_skip(d);
	if (ddl_take(d, "MATCH"))
		ddl_next(d);
	while (ddl_take(d, "ON")) {
		ddl_next(d); /* DELETE, UPDATE */
		if (ddl_take(d, "SET") || ddl_take(d, "NO"))
			ddl_next(d);
		else
			ddl_next(d); /* CASCADE, RESTRICT */
	}
}

/* ------------------------------------------------------- keys */

static struct ddl_key *new_key(struct ddl *d)
{
	struct ddl_key *k = ddl_alloc(d, sizeof(*k));
	if (k)
		k->fresh = true;
	return k;
}

/* A key that a column declares for itself. */
static void add_own_key(struct ddl *d, struct ddl_def *t, struct ddl_column *c, bool primary)
{
	struct ddl_key *k = new_key(d);
	if (!k)
		return;
	k->unique = true;
	k->primary = primary;
	ddl_key_add_part(d, k, (struct ddl_part){.column = c, .name = c->c.name});
	ddl_def_add_key(d, t, k);
}

void ddl_parse_parts(struct ddl *d, struct ddl_key *k)
{
	if (!ddl_take_char(d, '('))
		d->doubt = true;
	while (!d->doubt && !d->rc) {
		struct ddl_part part = {0};
		uint64_t prefix = 0;
		if (ddl_at_char(d, '(')) {
			ddl_skip(d);
		} else if (!ddl_take_name(d, &part.name)) {
			d->doubt = true;
			return;
		} else if (ddl_take_char(d, '(')) {
			if (!ddl_take_number(d, &prefix) || !ddl_take_char(d, ')'))
				d->doubt = true;
		}
		part.prefix = (uint32_t)prefix;
		if (!ddl_take(d, "ASC"))
			(void)ddl_take(d, "DESC");
		if (ddl_take(d, "WITHOUT")) /* OVERLAPS: of a period, which is two columns */
			d->doubt = true;
		ddl_key_add_part(d, k, part);
		if (!ddl_take_char(d, ','))
			break;
	}
	if (!d->rc && !ddl_take_char(d, ')'))
		d->doubt = true;
}

static void take_method(struct ddl *d, struct ddl_key *k)
{
	k->by_hash = ddl_at(d, "HASH");
	k->by_tree = ddl_at(d, "BTREE");
	ddl_next(d);
}

void ddl_parse_key_options(struct ddl *d, struct ddl_key *k)
{
	while (!ddl_at_end(d) && !ddl_at_char(d, ',') && !ddl_at_char(d, ')')) {
		if (ddl_take(d, "USING") || ddl_take(d, "TYPE"))
			take_method(d, k);
		else
			ddl_skip(d);
	}
}

/* [name] [USING BTREE] */
static void take_key_name(struct ddl *d, struct ddl_key *k)
{
	k->if_not_exists |= ddl_take_if(d, false);
	struct token second = ddl_peek(d);
	bool method = ddl_at(d, "USING") ||
		      (ddl_at(d, "TYPE") &&
		       (ddl_token_is(&second, "BTREE") || ddl_token_is(&second, "HASH") ||
			ddl_token_is(&second, "RTREE")));
	if (!method && !ddl_at_char(d, '('))
		(void)ddl_take_name(d, &k->name);
	second = ddl_peek(d);
	if (ddl_at(d, "USING") || ddl_at(d, "TYPE")) {
		ddl_next(d);
		take_method(d, k);
	}
}

/* (columns) REFERENCES …: the server makes a key for it, if none serves. */
static void parse_foreign(struct ddl *d, struct ddl_key *k, struct span symbol)
{
	k->foreign = true;
	take_key_name(d, k);
	if (symbol.len)
		k->name = symbol;
	ddl_parse_parts(d, k);
	if (!ddl_take(d, "REFERENCES"))
		d->doubt = true;
	else
		skip_references(d);
}

bool ddl_at_constraint(const struct ddl *d)
{
	static const char *const words[] = {"PRIMARY",	 "UNIQUE",  "KEY",	  "INDEX",
					    "FULLTEXT",	 "SPATIAL", "CONSTRAINT", "FOREIGN",
					    "CHECK"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (ddl_at(d, words[i]))
			return true;
	struct token second = ddl_peek(d);
	if (ddl_at(d, "PERIOD"))
		return ddl_is_mariadb(d, 100300) && ddl_token_is(&second, "FOR");
	if (ddl_at(d, "VECTOR"))
		return ddl_is_mariadb(d, 110700) &&
		       (ddl_token_is(&second, "KEY") || ddl_token_is(&second, "INDEX"));
	return false;
}

/* PERIOD FOR [SYSTEM_TIME | name] (a, b) */
static void parse_period(struct ddl *d, struct ddl_def *t)
{
	struct span name;
	ddl_next(d);
	ddl_next(d);
	bool system = ddl_at(d, "SYSTEM_TIME");
	if (!ddl_take_name(d, &name) || !ddl_at_char(d, '('))
		d->doubt = true;
	else
		ddl_skip(d);
	t->period |= !system;
}

void ddl_parse_constraint(struct ddl *d, struct ddl_def *t)
{
	struct span symbol = {0};
	if (ddl_at(d, "PERIOD")) {
		parse_period(d, t);
		return;
	}
	if (ddl_take(d, "CONSTRAINT") && !ddl_at(d, "PRIMARY") && !ddl_at(d, "UNIQUE") &&
	    !ddl_at(d, "FOREIGN") && !ddl_at(d, "CHECK")) {
		(void)ddl_take_if(d, false);
		(void)ddl_take_name(d, &symbol);
	}
	if (ddl_take(d, "CHECK")) {
		ddl_skip_item(d);
		return;
	}
	struct ddl_key *k = new_key(d);
	if (!k)
		return;
	if (ddl_take(d, "FOREIGN")) {
		if (!ddl_take(d, "KEY"))
			d->doubt = true;
		parse_foreign(d, k, symbol);
		ddl_skip_item(d);
		ddl_def_add_key(d, t, k);
		return;
	}
	if (ddl_take(d, "PRIMARY"))
		k->primary = k->unique = true;
	else if (ddl_take(d, "UNIQUE"))
		k->unique = true;
	else if (ddl_take(d, "FULLTEXT") || ddl_take(d, "SPATIAL") || ddl_take(d, "VECTOR"))
		k->full_text = true;
	if (!ddl_take(d, "KEY") && !ddl_take(d, "INDEX") && !k->unique && !k->full_text)
		d->doubt = true;
	take_key_name(d, k);
	if (!k->name.len && k->unique)
		k->name = symbol;
	ddl_parse_parts(d, k);
	ddl_parse_key_options(d, k);
	ddl_def_add_key(d, t, k);
}

/* ------------------------------------------------------- attributes */

/* AS (…) [VIRTUAL | STORED | PERSISTENT]; AS ROW START | END */
static void parse_generated(struct ddl *d, struct ddl_column *c, struct attributes *a)
{
	c->c.generated = true;
	if (ddl_take(d, "ROW")) {
		a->not_null = true;
		c->row_end = c->c.row_end = ddl_at(d, "END");
		c->row_start = !c->row_end;
		ddl_next(d);
		return;
	}
	if (!ddl_at_char(d, '(')) {
		d->doubt = true;
		return;
	}
	ddl_skip(d);
	if (!ddl_take(d, "VIRTUAL") && !ddl_take(d, "STORED"))
		(void)ddl_take(d, "PERSISTENT");
}

static bool take_not(struct ddl *d, struct attributes *a)
{
	if (!ddl_take(d, "NOT"))
		return false;
	if (ddl_take(d, "NULL"))
		a->not_null = true;
	else if (!ddl_take(d, "SECONDARY") && !ddl_take(d, "ENFORCED"))
		d->doubt = true;
	return true;
}

static bool take_key(struct ddl *d, struct ddl_def *t, struct ddl_column *c)
{
	if (ddl_take(d, "UNIQUE")) {
		(void)ddl_take(d, "KEY");
		add_own_key(d, t, c, false);
		return true;
	}
	struct token second = ddl_peek(d);
	if (ddl_at(d, "PRIMARY") && ddl_token_is(&second, "KEY"))
		ddl_next(d);
	if (!ddl_take(d, "KEY") && !ddl_take(d, "PRIMARY"))
		return false;
	add_own_key(d, t, c, true);
	return true;
}

/* word [=] value */
static bool take_option(struct ddl *d)
{
	static const char *const words[] = {
		"COMMENT",	   "COLUMN_FORMAT",    "STORAGE", "SRID", "REF_SYSTEM_ID", "COLLATE",
		"ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!ddl_at(d, words[i]))
			continue;
		ddl_next(d);
		(void)ddl_take_char(d, '=');
		ddl_next(d);
		return true;
	}
	/* Options of MariaDB's engines have any name. */
	struct token second = ddl_peek(d);
	if (d->session->flavor != FLAVOR_MARIADB || second.kind != TOKEN_CHAR ||
	    second.text.p[0] != '=')
		return false;
	ddl_next(d);
	ddl_next(d);
	ddl_next(d);
	return true;
}

static bool take_serial(struct ddl *d, struct ddl_def *t, struct ddl_column *c,
			struct attributes *a)
{
	struct token second = ddl_peek(d);
	if (!ddl_at(d, "SERIAL") || !ddl_token_is(&second, "DEFAULT"))
		return false;
	ddl_next(d);
	ddl_next(d);
	ddl_next(d); /* VALUE */
	a->not_null = true;
	add_own_key(d, t, c, false);
	return true;
}

static bool take_foreign(struct ddl *d, struct ddl_def *t, struct ddl_column *c)
{
	if (!ddl_take(d, "REFERENCES"))
		return false;
	skip_references(d);
	/* Elsewhere it is read and forgotten. */
	if (!ddl_is_mariadb(d, 100500) && !ddl_is_mysql(d, 90000))
		return true;
	struct ddl_key *k = new_key(d);
	if (!k)
		return true;
	k->foreign = true;
	ddl_key_add_part(d, k, (struct ddl_part){.column = c, .name = c->c.name});
	ddl_def_add_key(d, t, k);
	return true;
}

/* WITH | WITHOUT SYSTEM VERSIONING */
static bool take_versioning(struct ddl *d, struct ddl_def *t)
{
	bool with = ddl_at(d, "WITH");
	if (!ddl_take(d, "WITH") && !ddl_take(d, "WITHOUT"))
		return false;
	t->versioned |= with; /* one such column makes the table so */
	if (!ddl_take(d, "SYSTEM") || !ddl_take(d, "VERSIONING"))
		d->doubt = true;
	return true;
}

static bool take_check(struct ddl *d)
{
	struct span symbol;
	if (ddl_take(d, "CONSTRAINT") && !ddl_at(d, "CHECK"))
		(void)ddl_take_name(d, &symbol);
	if (!ddl_take(d, "CHECK"))
		return false;
	if (ddl_at_char(d, '('))
		ddl_skip(d);
	(void)ddl_take(d, "ENFORCED");
	return true;
}

static bool take_visibility(struct ddl *d, struct ddl_column *c)
{
	if (ddl_take(d, "VISIBLE"))
		return true;
	return ddl_take(d, "INVISIBLE") && (c->c.invisible = true);
}

/* One attribute; false: the definition ends, or it is not understood. */
static bool take_attribute(struct ddl *d, struct ddl_def *t, struct ddl_column *c,
			   struct attributes *a)
{
	if (ddl_take(d, "NULL"))
		return a->null = true;
	if (take_not(d, a) || take_serial(d, t, c, a) || take_key(d, t, c) ||
	    take_visibility(d, c) || take_foreign(d, t, c) || take_versioning(d, t) || take_check(d))
		return true;
	if (ddl_take(d, "DEFAULT")) {
		skip_expression(d);
		return true;
	}
	if (ddl_take(d, "ON")) {
		ddl_next(d); /* UPDATE */
		skip_expression(d);
		return true;
	}
	if (ddl_take(d, "AUTO_INCREMENT"))
		return a->not_null = true;
	if (ddl_take(d, "GENERATED")) {
		(void)ddl_take(d, "ALWAYS");
		if (!ddl_at(d, "AS"))
			d->doubt = true;
		return true;
	}
	if (ddl_take(d, "AS")) {
		parse_generated(d, c, a);
		return true;
	}
	if (take_option(d))
		return true;
	a->done = ddl_at_end(d) || ddl_at_char(d, ',') || ddl_at_char(d, ')') ||
		  ddl_at(d, "FIRST") || ddl_at(d, "AFTER") || ddl_at(d, "PARTITION") ||
		  ddl_at_char(d, ';');
	return false;
}

void ddl_parse_column(struct ddl *d, struct ddl_def *t, struct ddl_column *c)
{
	struct attributes a = {0};
	struct ddl_key *serial = NULL;
	c->fresh = true;
	c->c.nullable = true;
	ddl_parse_type(d, t, c, &serial);
	if (serial) {
		ddl_key_add_part(d, serial, (struct ddl_part){.column = c, .name = c->c.name});
		ddl_def_add_key(d, t, serial);
		a.not_null = true;
	}
	while (!d->doubt && !d->rc && take_attribute(d, t, c, &a))
		continue;
	if (!a.done)
		d->doubt = true;
	c->c.nullable = !a.not_null;
	/* explicit_defaults_for_timestamp=OFF: NOT NULL unless it says NULL. */
	if (!ddl_span_is(c->c.data_type, "timestamp") || a.null || a.not_null ||
	    (c->c.generated && ddl_is_mariadb(d, 0)))
		return;
	if (d->session->explicit_timestamp == DDL_NOT_KNOWN)
		d->doubt = true;
	c->c.nullable = d->session->explicit_timestamp != DDL_OFF;
}
