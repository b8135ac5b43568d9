/*
 * ddl_alter.c - ALTER TABLE's list, onto a definition. Pure.
 *
 * As the servers do it: first the old columns in their order, without those dropped, each
 * in its new form if it has one and no new place; then, as the list has them, what is
 * added or has a new place. Names after AFTER are new names. Then keys: the old ones less
 * what was dropped, behind them the new.
 *
 * The list is read twice: a character set anywhere in it is the default of the columns
 * that it adds or changes.
 */
#include "core/schema/ddl_priv.h"

#include <errno.h>

enum item_kind { ITEM_ADD, ITEM_DROP, ITEM_CHANGE, ITEM_RENAME, ITEM_VISIBLE, ITEM_INVISIBLE };

struct item {
	enum item_kind kind;
	bool if_exists; /* ADD: if it does not */
	struct span old;
	struct span name; /* RENAME: the new one */
	struct ddl_column *column;
	bool first;
	struct span after; /* empty: where it is, or behind all */
	uint32_t keys_from, keys_to; /* fresh keys that came with it */
};

struct renamed_key {
	struct span old;
	struct span name;
};

/* What the list says. */
struct list {
	struct item *items;
	uint32_t n, cap;
	struct span *dropped; /* keys */
	bool *dropped_if;     /* may be absent */
	bool *constraint;     /* may be of another kind */
	uint32_t ndropped, dcap;
	struct ddl_def *fresh; /* its keys are the new ones */
	struct renamed_key *renamed;
	uint32_t nrenamed, rcap;
	struct span charset, collation; /* the default's */
	bool has_default;
	bool convert;
	bool sets_default; /* DEFAULT CHARACTER SET, COLLATE */
	bool ended; /* what follows is of partitions */
	enum ddl_tristate versioned;
	struct ddl_altered *result;
};

static bool grow(struct ddl *d, void **list, uint32_t n, uint32_t *cap, size_t size)
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

static struct item *add_item(struct ddl *d, struct list *l, enum item_kind kind)
{
	void *list = l->items;
	if (!grow(d, &list, l->n, &l->cap, sizeof(struct item)))
		return NULL;
	l->items = list;
	l->items[l->n] = (struct item){.kind = kind};
	return &l->items[l->n++];
}

static void drop_key(struct ddl *d, struct list *l, struct span name, bool if_exists,
		     bool constraint)
{
	if (l->ndropped == l->dcap) {
		uint32_t cap = l->dcap ? l->dcap * 2 : 8;
		struct span *names = ddl_alloc(d, cap * sizeof(*names));
		bool *ifs = ddl_alloc(d, cap), *cons = ddl_alloc(d, cap);
		if (!names || !ifs || !cons)
			return;
		if (l->ndropped) {
			memcpy(names, l->dropped, l->ndropped * sizeof(*names));
			memcpy(ifs, l->dropped_if, l->ndropped);
			memcpy(cons, l->constraint, l->ndropped);
		}
		l->dropped = names;
		l->dropped_if = ifs;
		l->constraint = cons;
		l->dcap = cap;
	}
	l->dropped[l->ndropped] = name;
	l->constraint[l->ndropped] = constraint;
	l->dropped_if[l->ndropped++] = if_exists;
}

/* ------------------------------------------------------- options */

bool ddl_take_default_charset(struct ddl *d, struct span *charset, struct span *collation)
{
	struct ddl before = *d;
	(void)ddl_take(d, "DEFAULT");
	if (ddl_take_charset_words(d)) {
		(void)ddl_take_char(d, '=');
		if (!ddl_take_charset_name(d, charset))
			d->doubt = true;
		return true;
	}
	if (ddl_take(d, "COLLATE")) {
		(void)ddl_take_char(d, '=');
		if (!ddl_take_charset_name(d, collation))
			d->doubt = true;
		return true;
	}
	d->t = before.t;
	d->lexer = before.lexer;
	return false;
}

static void take_engine(struct ddl *d, struct ddl_def *t, bool format)
{
	(void)ddl_take_char(d, '=');
	struct span value = {0};
	if (!ddl_take_charset_name(d, &value)) /* a word or a string, too */
		d->doubt = true;
	else if (!format)
		t->engine = value;
	else
		t->small_keys = !ddl_span_is(value, "DYNAMIC") && !ddl_span_is(value, "DEFAULT");
}

bool ddl_take_option(struct ddl *d, struct ddl_def *t, struct span *charset,
		     struct span *collation)
{
	if (ddl_take_default_charset(d, charset, collation))
		return true;
	if (d->t.kind != TOKEN_WORD && d->t.kind != TOKEN_NAME)
		return false;
	if (ddl_take(d, "ENGINE")) {
		take_engine(d, t, false);
		return true;
	}
	if (ddl_take(d, "ROW_FORMAT")) {
		take_engine(d, t, true);
		return true;
	}
	if (ddl_take(d, "WITH")) { /* SYSTEM VERSIONING */
		if (!ddl_take(d, "SYSTEM") || !ddl_take(d, "VERSIONING"))
			d->doubt = true;
		t->versioned = true;
		return true;
	}
	ddl_next(d);
	(void)ddl_take(d, "DIRECTORY");
	(void)ddl_take_char(d, '=');
	if (!ddl_at_end(d) && !ddl_at_char(d, ',') && !ddl_at_char(d, ')'))
		ddl_skip(d); /* its value */
	return true;
}

/* ------------------------------------------------------- columns in the list */

static void take_place(struct ddl *d, struct item *i)
{
	if (ddl_take(d, "FIRST"))
		i->first = true;
	else if (ddl_take(d, "AFTER") && !ddl_take_name(d, &i->after))
		d->doubt = true;
}

/* At a column's new name. */
static void take_column(struct ddl *d, struct list *l, struct item *i)
{
	i->column = ddl_alloc(d, sizeof(*i->column));
	if (!i->column)
		return;
	if (!ddl_take_name(d, &i->column->c.name)) {
		d->doubt = true;
		return;
	}
	i->keys_from = l->fresh->nkeys;
	ddl_parse_column(d, l->fresh, i->column);
	i->keys_to = l->fresh->nkeys;
	take_place(d, i);
}

static void add_in_parentheses(struct ddl *d, struct list *l, bool if_not_exists)
{
	ddl_next(d);
	do {
		if (ddl_at_constraint(d)) {
			ddl_parse_constraint(d, l->fresh);
			continue;
		}
		struct item *i = add_item(d, l, ITEM_ADD);
		if (!i)
			return;
		i->if_exists = if_not_exists;
		take_column(d, l, i);
	} while (!d->doubt && !d->rc && ddl_take_char(d, ','));
	if (!ddl_take_char(d, ')'))
		d->doubt = true;
}

static void parse_add(struct ddl *d, struct list *l)
{
	struct token second = ddl_peek(d);
	if (ddl_at(d, "PARTITION")) {
		l->ended = true;
		return;
	}
	if (ddl_at(d, "SYSTEM") && ddl_token_is(&second, "VERSIONING")) {
		ddl_next(d);
		ddl_next(d);
		l->versioned = DDL_ON;
		return;
	}
	if (ddl_at_constraint(d)) {
		ddl_parse_constraint(d, l->fresh);
		return;
	}
	(void)ddl_take(d, "COLUMN");
	bool absent = ddl_take_if(d, false);
	if (ddl_at_char(d, '(')) {
		add_in_parentheses(d, l, absent);
		return;
	}
	struct item *i = add_item(d, l, ITEM_ADD);
	if (!i)
		return;
	i->if_exists = absent;
	take_column(d, l, i);
}

static void parse_drop(struct ddl *d, struct list *l)
{
	struct token second = ddl_peek(d);
	struct span name = {0};
	if (ddl_at(d, "PARTITION")) {
		l->ended = true;
	} else if (ddl_at(d, "SYSTEM") && ddl_token_is(&second, "VERSIONING")) {
		ddl_next(d);
		ddl_next(d);
		l->versioned = DDL_OFF;
	} else if (ddl_at(d, "PERIOD") && ddl_token_is(&second, "FOR")) {
		d->doubt = true;
	} else if (ddl_take(d, "PRIMARY")) {
		if (!ddl_take(d, "KEY"))
			d->doubt = true;
		drop_key(d, l, (struct span){(const uint8_t *)"PRIMARY", 7}, false, false);
	} else if (ddl_take(d, "FOREIGN")) {
		ddl_skip_item(d);
	} else if (ddl_take(d, "CHECK")) {
		ddl_skip_item(d);
	} else if (ddl_at(d, "INDEX") || ddl_at(d, "KEY") || ddl_at(d, "CONSTRAINT")) {
		bool constraint = ddl_at(d, "CONSTRAINT");
		ddl_next(d);
		bool present = ddl_take_if(d, true);
		if (ddl_take_name(d, &name))
			drop_key(d, l, name, present, constraint);
		else
			d->doubt = true;
	} else {
		(void)ddl_take(d, "COLUMN");
		bool present = ddl_take_if(d, true);
		struct item *i = add_item(d, l, ITEM_DROP);
		if (!i)
			return;
		i->if_exists = present;
		if (!ddl_take_name(d, &i->old))
			d->doubt = true;
		if (!ddl_take(d, "RESTRICT"))
			(void)ddl_take(d, "CASCADE");
	}
}

static void parse_change(struct ddl *d, struct list *l, bool renames)
{
	(void)ddl_take(d, "COLUMN");
	bool present = ddl_take_if(d, true);
	struct item *i = add_item(d, l, ITEM_CHANGE);
	if (!i)
		return;
	i->if_exists = present;
	struct ddl before = *d;
	if (!ddl_take_name(d, &i->old)) {
		d->doubt = true;
		return;
	}
	if (!renames) { /* MODIFY: the name is both */
		d->t = before.t;
		d->lexer = before.lexer;
	}
	take_column(d, l, i);
}

/* ALTER [COLUMN] name SET DEFAULT … | DROP DEFAULT | SET [IN]VISIBLE; ALTER INDEX … */
static void parse_alter_column(struct ddl *d, struct list *l)
{
	struct item i = {0};
	struct token second = ddl_peek(d);
	bool other = ddl_at(d, "INDEX") || ddl_at(d, "KEY") || ddl_at(d, "CHECK") ||
		     ddl_at(d, "CONSTRAINT");
	if (other && !ddl_token_is(&second, "SET") && !ddl_token_is(&second, "DROP")) {
		ddl_skip_item(d);
		return;
	}
	(void)ddl_take(d, "COLUMN");
	i.if_exists = ddl_take_if(d, true);
	if (!ddl_take_name(d, &i.old))
		d->doubt = true;
	if (ddl_take(d, "SET") && (ddl_at(d, "VISIBLE") || ddl_at(d, "INVISIBLE"))) {
		struct item *made = add_item(d, l, ddl_at(d, "VISIBLE") ? ITEM_VISIBLE
									  : ITEM_INVISIBLE);
		if (!made)
			return;
		made->old = i.old;
		made->if_exists = i.if_exists;
	}
	ddl_skip_item(d);
}

static void parse_rename(struct ddl *d, struct list *l)
{
	struct span old = {0}, name = {0};
	bool column = ddl_at(d, "COLUMN");
	if (column || ddl_at(d, "INDEX") || ddl_at(d, "KEY")) {
		ddl_next(d);
		bool present = ddl_take_if(d, true);
		if (!ddl_take_name(d, &old) || !ddl_take(d, "TO") || !ddl_take_name(d, &name)) {
			d->doubt = true;
			return;
		}
		if (column) {
			struct item *i = add_item(d, l, ITEM_RENAME);
			if (i) {
				i->if_exists = present;
				i->old = old;
				i->name = name;
			}
			return;
		}
		void *list = l->renamed;
		if (!grow(d, &list, l->nrenamed, &l->rcap, sizeof(struct renamed_key)))
			return;
		l->renamed = list;
		l->renamed[l->nrenamed++] = (struct renamed_key){old, name};
		return;
	}
	if (!ddl_take(d, "TO") && !ddl_take(d, "AS"))
		(void)ddl_take_char(d, '=');
	if (!ddl_take_table(d, &l->result->db, &l->result->name))
		d->doubt = true;
}

/* CONVERT TO CHARACTER SET …; MariaDB's CONVERT PARTITION TO TABLE, TABLE TO PARTITION. */
static void parse_convert(struct ddl *d, struct list *l)
{
	struct span name;
	if (ddl_take(d, "PARTITION")) {
		if (!ddl_take_name(d, &name) || !ddl_take(d, "TO") || !ddl_take(d, "TABLE") ||
		    !ddl_take_table(d, &l->result->made_db, &l->result->made_name))
			d->doubt = true;
		l->ended = true;
	} else if (ddl_take(d, "TABLE")) {
		if (!ddl_take_table(d, &l->result->gone_db, &l->result->gone_name))
			d->doubt = true;
		l->ended = true;
	} else {
		if (!ddl_take(d, "TO") || !ddl_take_charset_words(d) ||
		    !ddl_take_charset_name(d, &l->charset))
			d->doubt = true;
		if (ddl_take(d, "COLLATE") && !ddl_take_charset_name(d, &l->collation))
			d->doubt = true;
		l->convert = l->has_default = true;
	}
}

/* ORDER BY a, b DESC, and what may follow it in the list. */
static void parse_order(struct ddl *d)
{
	static const char *const verbs[] = {"ADD",     "DROP",    "CHANGE", "ALTER",
					    "RENAME", "CONVERT", "FORCE",  "LOCK"};
	(void)ddl_take(d, "BY");
	for (;;) {
		ddl_skip_item(d);
		struct token second = ddl_peek(d);
		for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
			if (ddl_token_is(&second, verbs[i]))
				return;
		if (!ddl_take_char(d, ','))
			return;
	}
}

/* Words with which the part about partitions begins: it ends the list. */
static bool at_partitions(const struct ddl *d)
{
	static const char *const words[] = {"PARTITION", "REORGANIZE", "COALESCE", "ANALYZE",
					    "CHECK",	 "OPTIMIZE",   "REBUILD",  "REPAIR",
					    "TRUNCATE",	 "EXCHANGE",   "REMOVE",   "DISCARD",
					    "IMPORT",	 "UPGRADE",    "SECONDARY_LOAD",
					    "SECONDARY_UNLOAD"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (ddl_at(d, words[i]))
			return true;
	return false;
}

static void parse_item(struct ddl *d, struct list *l)
{
	struct span *charset = &l->charset, *collation = &l->collation;
	if (ddl_take(d, "ADD"))
		parse_add(d, l);
	else if (ddl_take(d, "DROP"))
		parse_drop(d, l);
	else if (ddl_take(d, "MODIFY"))
		parse_change(d, l, false);
	else if (ddl_take(d, "CHANGE"))
		parse_change(d, l, true);
	else if (ddl_take(d, "ALTER"))
		parse_alter_column(d, l);
	else if (ddl_take(d, "RENAME"))
		parse_rename(d, l);
	else if (ddl_take(d, "CONVERT"))
		parse_convert(d, l);
	else if (ddl_take(d, "ORDER"))
		parse_order(d);
	else if (ddl_take(d, "FORCE") || ddl_take(d, "NOWAIT"))
		return;
	else if (ddl_take(d, "WITHOUT")) /* VALIDATION */
		ddl_next(d);
	else if (ddl_at(d, "WITH")) {
		ddl_next(d);
		if (!ddl_take(d, "VALIDATION"))
			d->doubt = true;
	} else if (at_partitions(d))
		l->ended = true;
	else if (ddl_take_default_charset(d, charset, collation))
		l->sets_default = true;
	else if (!ddl_take_option(d, l->fresh, charset, collation))
		d->doubt = true;
	/* Which of them holds differs by server and by place. */
	d->doubt |= l->convert && l->sets_default;
}

/* The rest of a list that is not understood: does it rename the table? */
static void skip_list(struct ddl *d, struct list *l)
{
	while (!ddl_at_end(d)) {
		struct token second = ddl_peek(d);
		bool table = ddl_at(d, "RENAME") && !ddl_token_is(&second, "COLUMN") &&
			     !ddl_token_is(&second, "INDEX") && !ddl_token_is(&second, "KEY");
		bool part = ddl_at(d, "CONVERT") && !ddl_token_is(&second, "TO");
		if (table || part)
			l->result->others = true;
		ddl_skip(d);
	}
}

static void parse_list(struct ddl *d, struct list *l)
{
	while (!ddl_at_end(d) && !ddl_at_char(d, ';') && !d->doubt && !d->rc && !l->ended) {
		parse_item(d, l);
		(void)ddl_take_char(d, ',');
	}
	while (l->ended && !ddl_at_end(d))
		ddl_next(d);
	while (ddl_take_char(d, ';'))
		continue;
	if (!ddl_at_end(d)) {
		d->doubt = true;
		skip_list(d, l);
	}
	l->has_default |= l->charset.len || l->collation.len;
}

/* ------------------------------------------------------- onto the definition */

static void replace_in_keys(struct ddl *d, struct ddl_def *t, const struct ddl_column *old,
			    struct ddl_column *now)
{
	for (uint32_t i = 0; i < t->nkeys; i++) {
		for (uint32_t j = 0; j < t->keys[i]->nparts; j++) {
			struct ddl_part *p = &t->keys[i]->parts[j];
			if (p->column != old)
				continue;
			p->column = now;
			/* MySQL keys as many bytes of the text as the ENUM had. */
			d->doubt |= old->c.labels && !now->c.labels;
		}
	}
}

/* A dropped column's parts; a key without parts goes as well. */
static void remove_from_keys(struct ddl_def *t, const struct ddl_column *old)
{
	uint32_t keys = 0;
	for (uint32_t i = 0; i < t->nkeys; i++) {
		struct ddl_key *k = t->keys[i];
		uint32_t n = 0;
		for (uint32_t j = 0; j < k->nparts; j++)
			if (k->parts[j].column != old)
				k->parts[n++] = k->parts[j];
		k->nparts = n;
		if (n)
			t->keys[keys++] = k;
	}
	t->nkeys = keys;
}

/* The item that is about the old column of that name. */
static struct item *item_of(struct list *l, struct span name, enum item_kind from,
			    enum item_kind to)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->items[i].kind >= from && l->items[i].kind <= to &&
		    ddl_same(l->items[i].old, name))
			return &l->items[i];
	return NULL;
}

static void check_old_names(struct ddl *d, const struct ddl_def *t, struct list *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		struct item *it = &l->items[i];
		bool absent = it->kind != ITEM_ADD && ddl_def_find(t, it->old) == UINT32_MAX;
		if (absent && !it->if_exists)
			d->doubt = true;
		bool there = it->kind == ITEM_ADD && it->if_exists &&
			     ddl_def_find(t, it->column->c.name) != UINT32_MAX;
		if (!there && !(absent && it->kind == ITEM_CHANGE))
			continue;
		/* Nothing of it happens; but the keys it declares are made. */
		for (uint32_t k = it->keys_from; k < it->keys_to; k++)
			l->fresh->keys[k]->parts[0].column = NULL;
		d->doubt |= absent && it->keys_from < it->keys_to;
		it->column = NULL;
	}
}

static void apply_old(struct ddl *d, struct ddl_def *t, struct ddl_def *old, struct list *l)
{
	for (uint32_t i = 0; i < old->ncolumns && !d->rc; i++) {
		struct ddl_column *c = old->columns[i];
		struct item *it = item_of(l, c->c.name, ITEM_DROP, ITEM_RENAME);
		struct item *seen = item_of(l, c->c.name, ITEM_VISIBLE, ITEM_INVISIBLE);
		if (seen)
			c->c.invisible = seen->kind == ITEM_INVISIBLE;
		if (!it) {
			ddl_def_insert(d, t, c, UINT32_MAX);
			continue;
		}
		if (it->kind == ITEM_DROP) {
			remove_from_keys(t, c);
		} else if (it->kind == ITEM_RENAME) {
			c->c.name = it->name;
			ddl_def_insert(d, t, c, UINT32_MAX);
		} else {
			replace_in_keys(d, t, c, it->column);
			if (!it->first && !it->after.len)
				ddl_def_insert(d, t, it->column, UINT32_MAX);
		}
	}
}

static void apply_new(struct ddl *d, struct ddl_def *t, struct list *l)
{
	for (uint32_t i = 0; i < l->n && !d->rc && !d->doubt; i++) {
		struct item *it = &l->items[i];
		bool placed = it->first || it->after.len;
		if (!it->column || !(it->kind == ITEM_ADD || (it->kind == ITEM_CHANGE && placed)))
			continue;
		uint32_t at = it->first ? 0 : UINT32_MAX;
		if (it->after.len) {
			at = ddl_def_find(t, it->after);
			d->doubt |= at == UINT32_MAX;
			at++;
		}
		ddl_def_insert(d, t, it->column, at);
	}
}

/* Before columns go, as a key goes with the last of its columns. */
static void apply_old_keys(struct ddl *d, struct ddl_def *t, struct list *l)
{
	for (uint32_t i = 0; i < l->ndropped; i++) {
		uint32_t n = 0;
		for (uint32_t j = 0; j < t->nkeys; j++)
			if (!ddl_same(t->keys[j]->name, l->dropped[i]))
				t->keys[n++] = t->keys[j];
		if (n == t->nkeys && !l->dropped_if[i] && !l->constraint[i])
			d->doubt = true;
		t->nkeys = n;
	}
	for (uint32_t i = 0; i < l->nrenamed; i++) {
		struct ddl_key *k = ddl_def_find_key(t, l->renamed[i].old);
		if (k)
			k->name = l->renamed[i].name;
		else
			d->doubt = true;
	}
}

static void apply_new_keys(struct ddl *d, struct ddl_def *t, struct list *l)
{
	for (uint32_t i = 0; i < l->fresh->nkeys; i++) {
		struct ddl_key *k = l->fresh->keys[i];
		if (k->if_not_exists && !k->name.len)
			d->doubt = true;
		bool there = k->if_not_exists && ddl_def_find_key(t, k->name);
		if (k->nparts && !there)
			ddl_def_add_key(d, t, k);
	}
}

static void convert(struct ddl *d, struct ddl_def *t)
{
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		struct ddl_column *c = t->columns[i];
		if (c->fresh)
			d->doubt |= c->own_charset;
		else
			ddl_type_convert(d, c, t->charset, t->collation);
	}
}

/* The table's new default, of the statement's words and the database's. */
static void settle_default(struct ddl *d, struct ddl_def *t, struct list *l)
{
	struct span charset = l->charset, collation = l->collation;
	struct span db_charset = {0}, db_collation = {0};
	if (ddl_span_is(charset, "DEFAULT")) {
		if (!ddl_database_charset(d, t->db, &db_charset, &db_collation))
			d->doubt = true;
		charset = ddl_keep(d, db_charset);
		if (!collation.len)
			collation = ddl_keep(d, db_collation);
	}
	if (!ddl_charset_complete(d, &charset, &collation, t->charset, t->collation)) {
		d->doubt = true;
		return;
	}
	t->charset = charset;
	t->collation = collation;
}

static void apply(struct ddl *d, struct ddl_def *t, struct list *l)
{
	check_old_names(d, t, l);
	apply_old_keys(d, t, l);
	if (d->doubt)
		return;
	struct ddl_def old = *t;
	t->columns = NULL;
	t->ncolumns = t->ccap = 0;
	apply_old(d, t, &old, l);
	apply_new(d, t, l);
	if (d->rc || d->doubt)
		return;
	apply_new_keys(d, t, l);
	if (l->convert)
		convert(d, t);
	if (l->versioned)
		t->versioned = l->versioned == DDL_ON;
	t->period |= l->fresh->period;
	t->versioned |= l->fresh->versioned;
	t->engine = l->fresh->engine;
	t->small_keys = l->fresh->small_keys;
}

void ddl_parse_alter(struct ddl *d, struct ddl_def *t, struct ddl_altered *ret)
{
	struct ddl before = *d;
	struct list first = {.result = ret}, second = {.result = ret};
	first.fresh = ddl_def_new(d, (struct span){0}, (struct span){0});
	if (!first.fresh)
		return;
	if (t) {
		first.fresh->charset = t->charset;
		first.fresh->collation = t->collation;
	}
	parse_list(d, &first);
	if (!t || d->rc)
		return;
	if (first.has_default) {
		d->t = before.t;
		d->lexer = before.lexer;
		d->doubt = before.doubt;
		settle_default(d, t, &first);
		second.fresh = ddl_def_new(d, (struct span){0}, (struct span){0});
		if (!second.fresh)
			return;
		second.fresh->charset = t->charset;
		second.fresh->collation = t->collation;
		parse_list(d, &second);
		first = second;
	}
	if (!d->doubt && !d->rc)
		apply(d, t, &first);
}
