/*
 * definitions.c - see definitions.h. What is known, and by what proof.
 *
 * What becomes of the rows when something here is wrong: they get the names of another
 * definition. Hence a definition that is not proven is none.
 */
#include "core/pipeline/definitions.h"

#include "common/contract/errors.h"
#include "common/os/log.h"
#include "core/mysql/catalog.h"
#include "core/pipeline/ahead.h"
#include "core/pipeline/connections.h"
#include "core/pipeline/definitions_priv.h"
#include "core/pipeline/source.h"

#include <errno.h>
#include <stdlib.h>

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table definition");
}

static bool same(struct span a, struct span b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

/* ---------------------------------------------------------------- tables by name */

static size_t key_of(struct span db, struct span name, char *out, size_t size)
{
	size_t len = db.len + 1 + name.len;
	if (len > size)
		return 0;
	if (db.len)
		memcpy(out, db.p, db.len);
	out[db.len] = 0;
	if (name.len)
		memcpy(out + db.len + 1, name.p, name.len);
	return len;
}

struct known *known_find(const struct definitions *d, struct span db, struct span name)
{
	char key[KNOWN_KEY_MAX];
	struct known *k = NULL;
	size_t len = key_of(db, name, key, sizeof(key));
	if (len)
		HASH_FIND(hh, d->tables, key, len, k);
	return k;
}

static void known_drop(struct definitions *d, struct known *k)
{
	HASH_DEL(d->tables, k);
	arena_free(&k->arena);
	free(k);
}

void known_forget(struct definitions *d, struct span db)
{
	struct known *k, *next;
	HASH_ITER (hh, d->tables, k, next)
		if (!db.len || same(k->db, db))
			known_drop(d, k);
}

int known_put(struct definitions *d, struct span db, struct span name, enum known_state state,
	      const struct catalog_table *table)
{
	char key[KNOWN_KEY_MAX];
	size_t len = key_of(db, name, key, sizeof(key));
	if (!len)
		return 0; /* no server has such names */
	struct known *old = known_find(d, db, name), *k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	arena_init(&k->arena);
	k->state = state;
	k->key = arena_strndup(&k->arena, key, len);
	int rc = k->key ? 0 : -ENOMEM;
	/* `table` may be the old one's. */
	if (rc == 0 && table)
		rc = catalog_copy(table, &k->arena, &k->table);
	if (rc < 0) {
		arena_free(&k->arena);
		free(k);
		return rc;
	}
	k->db = (struct span){(const uint8_t *)k->key, db.len};
	k->name = (struct span){(const uint8_t *)k->key + db.len + 1, name.len};
	k->table.db = k->db;
	k->table.name = k->name;
	if (old)
		known_drop(d, old);
	HASH_ADD_KEYPTR(hh, d->tables, k->key, len, k);
	if (HASH_IS_IN(k, hh))
		return 0;
	arena_free(&k->arena);
	free(k);
	return -ENOMEM;
}

/* ---------------------------------------------------------------- the history */

int definitions_note(struct definitions *d, struct span db, struct span name,
		     const struct binlog_pos *at, const struct catalog_table *table)
{
	const struct source_thread *t = d->t;
	const char *identity = t->server.identity;
	const struct schema_entry e = {
		.db = db,
		.name = name,
		.gtid = t->stream.group.gtid,
		.at = *at,
		.source = {(const uint8_t *)identity, strlen(identity)},
		.table = table,
	};
	return schema_store_add(d->store, &e);
}

struct definitions *definitions_new(struct source_thread *t, struct schema_store *store)
{
	struct definitions *d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->t = t;
	d->store = store;
	arena_init(&d->names);
	d->history = schema_store_list(store, &d->nhistory);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < d->nhistory; i++) {
		const struct schema_entry *e = &d->history[i];
		struct known *old = known_find(d, e->db, e->name);
		if (e->hint)
			continue;
		if (!e->name.len)
			known_forget(d, e->db);
		else if (e->table)
			rc = known_put(d, e->db, e->name, KNOWN_FOLLOWED, e->table);
		else if (old)
			known_drop(d, old);
	}
	if (rc < 0) {
		definitions_free(d);
		return NULL;
	}
	return d;
}

void definitions_free(struct definitions *d)
{
	if (!d)
		return;
	known_forget(d, (struct span){0});
	definitions_forget_databases(d);
	ahead_free(&d->ahead);
	arena_free(&d->names);
	free(d);
}

bool definitions_wanted(const struct definitions *d)
{
	return d->asked || d->tables || d->nhistory || !d->t->server.row_metadata_full;
}

/* ---------------------------------------------------------------- proofs */

/* Where we are, and whether that is a group's start, its rows being at hand. */
static const struct binlog_pos *here(const struct source_thread *t, bool *ret_inside)
{
	*ret_inside = t->stream.in_group;
	return t->stream.in_group ? &t->stream.group.start : &t->stream.at;
}

int definitions_look(struct definitions *d, struct err *err)
{
	bool inside;
	const struct binlog_pos *from = here(d->t, &inside);
	return ahead_read(&d->ahead, d->t, from, inside, err);
}

const struct ahead_touch *definitions_touch(const struct definitions *d, struct span db,
					    struct span name)
{
	bool inside;
	return ahead_find(&d->ahead, db, name, here(d->t, &inside), NULL);
}

/*
 * The catalogue's definition, if it is the one of here. 0, -ENOENT: it has none, and nothing
 * behind touches the table; -EAGAIN: something does; or a failure.
 */
static int ask(struct definitions *d, struct span db, struct span name, struct arena *arena,
	       struct catalog_table *ret, struct err *err)
{
	bool inside;
	struct source *s;
	struct err why = {0};
	const struct binlog_pos *from = here(d->t, &inside);
	/* What was read of the binlog before may say no without asking. */
	if (ahead_has(&d->ahead, d->t->server.identity, from) && definitions_touch(d, db, name))
		return -EAGAIN;
	int found = source_thread_catalog(d->t, &s, &why);
	if (found == 0)
		found = catalog_load(s, &d->t->server, db, name, arena, ret, &why);
	if (found < 0 && found != -ENOENT) {
		*err = why;
		return found;
	}
	/* The binlog's end is looked up behind the catalogue: what it had is then in it. */
	int rc = definitions_look(d, err);
	if (rc < 0)
		return rc;
	if (definitions_touch(d, db, name))
		return -EAGAIN;
	if (found < 0)
		*err = why;
	return found;
}

/* A definition that held at a place behind us, with nothing in between. */
static const struct schema_entry *later(const struct definitions *d, struct span db,
					struct span name)
{
	const struct source_thread *t = d->t;
	const struct binlog_pos *from = t->stream.in_group ? &t->stream.group.start
							   : &t->stream.at;
	/* Rows of a group that has ended are published from its end; it began before. */
	const struct binlog_pos *least = &t->stream.group.start;
	for (size_t i = 0; i < d->nhistory; i++) {
		const struct schema_entry *e = &d->history[i];
		if (!e->hint || !e->table || !same(e->db, db) || !same(e->name, name) ||
		    e->source.len != strlen(t->server.identity) ||
		    memcmp(e->source.p, t->server.identity, e->source.len) != 0)
			continue;
		int low = binlog_pos_compare(least, &e->at);
		int high = binlog_pos_compare(&e->at, &d->ahead.to);
		if ((low == 0 || low == -1) && (high == 0 || high == -1) &&
		    !ahead_find(&d->ahead, db, name, from, &e->at))
			return e;
	}
	return NULL;
}

static int say_unknown(struct definitions *d, struct span db, struct span name, struct err *err)
{
	const struct ahead_touch *touch = definitions_touch(d, db, name);
	return err_set(err, -ENODATA, ERR_SCHEMA_MISSING,
		       "the definition that %.*s.%.*s had here is not known: the binlog does not "
		       "carry it, nothing was recorded when it was valid, and the server's is of "
		       "now, while the statement that ends at %.120s:%llu may have changed it "
		       "since. Set binlog_row_metadata=FULL on the source for what follows; for "
		       "these rows, exclude the table, or set the position behind that place, "
		       "knowing that rows before it are missing",
		       (int)db.len, (const char *)db.p, (int)name.len, (const char *)name.p,
		       touch ? touch->at.file : "?",
		       (unsigned long long)(touch ? touch->at.pos : 0));
}

/* ---------------------------------------------------------------- what schema/ asks */

static int give(const struct catalog_table *from, struct arena *arena, struct catalog_table *ret,
		struct err *err)
{
	return catalog_copy(from, arena, ret) < 0 ? no_memory(err) : 0;
}

/* From here on it is the table's definition. */
static int adopt(struct definitions *d, const struct known *before,
		 const struct catalog_table *table, enum known_state state, struct err *err)
{
	bool news = !before || before->state == KNOWN_UNKNOWN || before->state == KNOWN_GONE ||
		    !catalog_same(&before->table, table);
	if (news && before && before->state == KNOWN_FOLLOWED)
		log_info("%.*s.%.*s: the server's definition is not what its statements made of "
			 "it; the server's counts",
			 (int)table->db.len, (const char *)table->db.p, (int)table->name.len,
			 (const char *)table->name.p);
	/* It holds at the group's start: rows do not change definitions. */
	const struct binlog_pos at = d->t->stream.group.start;
	if ((news && definitions_note(d, table->db, table->name, &at, table) < 0) ||
	    known_put(d, table->db, table->name, state, table) < 0)
		return no_memory(err);
	return 0;
}

/* Of any time: the event has the names, and only wants what is missing. */
static int any(struct definitions *d, struct span db, struct span name, struct arena *arena,
	       struct catalog_table *ret, struct err *err)
{
	const struct known *k = known_find(d, db, name);
	struct source *s;
	if (k && (k->state == KNOWN_PROVEN || k->state == KNOWN_FOLLOWED))
		return give(&k->table, arena, ret, err);
	int rc = source_thread_catalog(d->t, &s, err);
	return rc < 0 ? rc : catalog_load(s, &d->t->server, db, name, arena, ret, err);
}

int definitions_get(struct definitions *d, struct span db, struct span name, enum schema_want want,
		    struct arena *arena, struct catalog_table *ret, struct err *err)
{
	const struct known *k = known_find(d, db, name);
	if (want == SCHEMA_ANY)
		return any(d, db, name, arena, ret, err);
	d->asked = true;
	if (k && k->state == KNOWN_PROVEN && want == SCHEMA_EXACT)
		return give(&k->table, arena, ret, err);
	bool followed = k && (k->state == KNOWN_FOLLOWED || k->state == KNOWN_PROVEN);
	struct err why = {0};
	struct catalog_table now;
	int rc = ask(d, db, name, arena, &now, &why);
	if (rc == 0) {
		rc = adopt(d, k, &now, KNOWN_PROVEN, err);
		if (rc == 0)
			*ret = now;
		return rc;
	}
	if (rc != -EAGAIN && rc != -ENOENT) {
		*err = why;
		return rc;
	}
	if (followed)
		return give(&k->table, arena, ret, err);
	if (rc == -ENOENT) {
		*err = why;
		return rc;
	}
	const struct schema_entry *e = later(d, db, name);
	if (!e)
		return say_unknown(d, db, name, err);
	rc = adopt(d, k, e->table, KNOWN_FOLLOWED, err);
	return rc < 0 ? rc : give(e->table, arena, ret, err);
}

bool definitions_behind(struct definitions *d, const struct ddl_change *c, struct arena *arena,
			struct catalog_table *ret)
{
	struct err ignored = {0};
	const struct known *k = known_find(d, c->db, c->name);
	if (c->table)
		return catalog_copy(c->table, arena, ret) == 0;
	if (k && (k->state == KNOWN_FOLLOWED || k->state == KNOWN_PROVEN))
		return catalog_copy(&k->table, arena, ret) == 0;
	return ask(d, c->db, c->name, arena, ret, &ignored) == 0;
}
