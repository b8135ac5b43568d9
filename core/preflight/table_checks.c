/*
 * table_checks.c - which tables a task would copy, what to know about them, and where
 * their rows would go. Also the list of all tables, for who writes a document.
 */
#include "core/preflight/preflight_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TABLES_MAX = 20000, /* that are looked at */
	EXAMPLES = 5,       /* names in a message */
};

static int add_matched(void *ctx, const struct inspect_table *t)
{
	struct preflight *p = ctx;
	static const char *const transactional[] = {"InnoDB", "ROCKSDB", "TokuDB", "XtraDB",
						    "ndbcluster"};
	if (!task_matches(p->task, t->db, t->name))
		return 0;
	if (p->ntables == TABLES_MAX) {
		p->more_tables = true;
		return 0;
	}
	if (p->ntables == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 256;
		void *tables = realloc(p->tables, cap * sizeof(*p->tables));
		if (!tables)
			return -ENOMEM;
		p->tables = tables;
		p->cap = cap;
	}
	struct matched *m = &p->tables[p->ntables];
	*m = (struct matched){.db = arena_strndup(&p->arena, t->db.p, t->db.len),
			      .name = arena_strndup(&p->arena, t->name.p, t->name.len)};
	if (!m->db || !m->name)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(transactional) / sizeof(transactional[0]); i++)
		m->transactional |= t->engine.len == strlen(transactional[i]) &&
				    strncasecmp((const char *)t->engine.p, transactional[i],
						t->engine.len) == 0;
	p->ntables++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct matched *x = a, *y = b;
	int db = strcmp(x->db, y->db);
	return db ? db : strcmp(x->name, y->name);
}

/* The matched table of that name, or NULL. */
static struct matched *find(struct preflight *p, const struct inspect_table *t)
{
	char db[512], name[512];
	if (t->db.len >= sizeof(db) || t->name.len >= sizeof(name) || !p->ntables)
		return NULL;
	memcpy(db, t->db.p, t->db.len);
	memcpy(name, t->name.p, t->name.len);
	db[t->db.len] = name[t->name.len] = 0;
	const struct matched key = {.db = db, .name = name};
	return bsearch(&key, p->tables, p->ntables, sizeof(key), by_name);
}

static int note_keyed(void *ctx, const struct inspect_table *t)
{
	struct matched *m = find(ctx, t);
	if (m)
		m->keyed = true;
	return 0;
}

/* Which of them have a primary key. A server with very many tables may not tell in time. */
static void find_keys(struct preflight *p, struct finding *f)
{
	struct err e = {0};
	if (p->ntables == 0 || inspect_keyed_tables(p->source, note_keyed, p, &e) == 0)
		return;
	finding_err(f, PREFLIGHT_WARNING, &e);
	for (size_t i = 0; i < p->ntables; i++)
		p->tables[i].keyed = true; /* not known: nothing is said of it */
}

/* Names for a message: the first few, and how many there are. */
struct names {
	struct buf text;
	size_t n;
};

static void names_add(struct names *names, const char *db, const char *name)
{
	if (names->n++ < EXAMPLES)
		buf_printf(&names->text, "%s%.64s.%.64s", names->n > 1 ? ", " : "", db, name);
}

static void names_note(struct names *names, struct finding *f, const char *what,
		       const char *remedy)
{
	size_t n = names->n;
	if (n > 0)
		finding_note(f, PREFLIGHT_WARNING, NULL, remedy, "%zu table%s %s: %s%s", n,
			     n == 1 ? "" : "s", what, buf_cstr(&names->text),
			     n > EXAMPLES ? ", …" : "");
	buf_free(&names->text);
}

struct cascades {
	struct preflight *p;
	struct names names;
};

static int note_cascade(void *ctx, const struct inspect_table *t)
{
	struct cascades *c = ctx;
	struct matched *m = find(c->p, t);
	if (m)
		names_add(&c->names, m->db, m->name);
	return 0;
}

static void note_names(struct preflight *p, struct finding *f)
{
	struct names unkeyed = {.n = 0}, loose = {.n = 0};
	struct cascades cascades = {.p = p};
	struct err e = {0};
	buf_init(&unkeyed.text);
	buf_init(&loose.text);
	buf_init(&cascades.names.text);
	for (size_t i = 0; i < p->ntables; i++) {
		const struct matched *m = &p->tables[i];
		if (!m->keyed)
			names_add(&unkeyed, m->db, m->name);
		if (!m->transactional)
			names_add(&loose, m->db, m->name);
	}
	if (inspect_cascades(p->source, &p->server, note_cascade, &cascades, &e) < 0)
		finding_err(f, PREFLIGHT_WARNING, &e);
	names_note(&unkeyed, f, "without a primary key",
		   "Give the tables a primary key: without one their messages have no key, so that "
		   "the changes of a row may lie in several partitions and out of order.");
	names_note(&loose, f, "of an engine without transactions",
		   "Change the tables to InnoDB: a statement that fails half-way leaves rows that "
		   "are logged and were not meant.");
	names_note(&cascades.names, f, "whose rows a foreign key changes without logging it",
		   "Do in the application what ON DELETE and ON UPDATE do, or know that those "
		   "changes are not in the binlog.");
}

static void check_match(struct preflight *p, struct finding *f)
{
	if (p->ntables == 0) {
		finding_note(f, PREFLIGHT_WARNING, NULL,
			     "Correct tables.include and tables.exclude, create the tables, or "
			     "grant SELECT on them: without it they are not shown.",
			     "no table that the user can see matches");
		return;
	}
	finding_note(f, PREFLIGHT_OK, NULL, NULL, "%zu%s table%s match%s", p->ntables,
		     p->more_tables ? " and more" : "", p->ntables == 1 ? "" : "s",
		     p->ntables == 1 ? "es" : "");
	note_names(p, f);
}

void table_checks(struct preflight *p)
{
	struct finding f;
	struct err e = {0};
	finding_init(&f, "tables.include");
	/* Patterns may name tables of the servers' own databases. */
	int rc = inspect_tables(p->source, p->task->tables.ninclude > 0, add_matched, p, &e);
	if (rc == -ENOMEM)
		p->oom = true;
	if (rc < 0) {
		finding_err(&f, PREFLIGHT_WARNING, &e);
		p->ntables = 0;
	} else {
		p->tables_known = true;
		if (p->ntables)
			qsort(p->tables, p->ntables, sizeof(*p->tables), by_name);
		find_keys(p, &f);
		check_match(p, &f);
	}
	finding_put(p, "tables.match", &f);
}

static int list_table(void *ctx, const struct inspect_table *t)
{
	struct preflight *p = ctx;
	char db[512], name[512];
	if (t->db.len >= sizeof(db) || t->name.len >= sizeof(name))
		return 0;
	memcpy(db, t->db.p, t->db.len);
	memcpy(name, t->name.p, t->name.len);
	db[t->db.len] = name[t->name.len] = 0;
	return preflight_doc_add_table(p->doc, db, name);
}

void table_list(struct preflight *p)
{
	struct err e = {0};
	int rc = inspect_tables(p->source, false, list_table, p, &e);
	if (rc == -ENOMEM)
		p->oom = true;
	else if (rc < 0)
		p->doc->truncated = true; /* the connection broke: there may be more */
}

void table_checks_free(struct preflight *p)
{
	free(p->tables);
	arena_free(&p->arena);
}
