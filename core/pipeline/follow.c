/*
 * follow.c - DDL met in the stream, made to definitions. See definitions.h.
 *
 * The tracker (core/schema/ddl.h) says what a statement changes; what it cannot say is
 * asked of the catalogue when rows need it. All changes of one statement are noted with the
 * place behind it.
 */
#include "common/contract/errors.h"
#include "common/os/log.h"
#include "core/mysql/catalog.h"
#include "core/pipeline/connections.h"
#include "core/pipeline/ddl_session.h"
#include "core/pipeline/definitions_priv.h"
#include "core/pipeline/source.h"

#include <errno.h>
#include <stdlib.h>

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table definition");
}

/* ---------------------------------------------------------------- databases */

static struct database *database_find(const struct definitions *d, struct span db)
{
	struct database *b;
	HASH_FIND(hh, d->databases, db.p, db.len, b);
	return b;
}

static struct database *database_need(struct definitions *d, struct span db)
{
	struct database *b = database_find(d, db);
	if (b || !db.len)
		return b;
	b = calloc(1, sizeof(*b));
	if (b)
		b->name = strndup((const char *)db.p, db.len);
	if (b && b->name)
		HASH_ADD_KEYPTR(hh, d->databases, b->name, db.len, b);
	if (b && HASH_IS_IN(b, hh))
		return b;
	if (b)
		free(b->name);
	free(b);
	return NULL;
}

void definitions_forget_databases(struct definitions *d)
{
	struct database *b, *next;
	HASH_ITER (hh, d->databases, b, next) {
		HASH_DEL(d->databases, b);
		free(b->name);
		free(b);
	}
}

static int database_set(struct definitions *d, struct span db, struct span charset,
			struct span collation)
{
	struct database *b = database_need(d, db);
	if (!b)
		return -ENOMEM;
	b->known = charset.len && collation.len;
	if (!b->known)
		return 0;
	b->charset.p = (const uint8_t *)arena_strndup(&d->names, charset.p, charset.len);
	b->charset.len = charset.len;
	b->collation.p = (const uint8_t *)arena_strndup(&d->names, collation.p, collation.len);
	b->collation.len = collation.len;
	return b->charset.p && b->collation.p ? 0 : -ENOMEM;
}

/* ---------------------------------------------------------------- what the tracker asks */

struct asking {
	struct definitions *d;
	struct err *err;
};

static int lookup_table(void *ctx, struct span db, struct span name,
			const struct catalog_table **ret)
{
	struct asking *a = ctx;
	const struct known *k = known_find(a->d, db, name);
	const struct database *b = database_find(a->d, db);
	if (!k)
		return b && b->complete ? -ENOENT : -EAGAIN;
	if (k->state == KNOWN_GONE)
		return -ENOENT;
	if (k->state == KNOWN_UNKNOWN)
		return -EAGAIN;
	*ret = &k->table;
	return 0;
}

/* As it was made or altered in the stream; else as it is now, if no statement is ahead. */
static int lookup_database(void *ctx, struct span db, struct span *ret_charset,
			   struct span *ret_collation)
{
	struct asking *a = ctx;
	struct definitions *d = a->d;
	struct database *b = database_find(d, db);
	if (!b || !b->known) {
		struct source *s;
		struct span charset, collation;
		struct err why = {0};
		int rc = source_thread_catalog(d->t, &s, &why);
		if (rc == 0)
			rc = catalog_database(s, db, &d->names, &charset, &collation, &why);
		if (rc == -ENOENT)
			return -EAGAIN;
		if (rc == 0)
			rc = definitions_look(d, &why);
		if (rc < 0) {
			*a->err = why;
			return rc;
		}
		if (definitions_touch(d, db, (struct span){0}))
			return -EAGAIN;
		if (database_set(d, db, charset, collation) < 0)
			return -ENOMEM;
		b = database_find(d, db);
	}
	if (!b || !b->known)
		return -EAGAIN;
	*ret_charset = b->charset;
	*ret_collation = b->collation;
	return 0;
}

/* An id that the server does not know: both empty. */
static int name_collation(struct definitions *d, uint32_t id, struct span *ret_charset,
			  struct span *ret_collation, struct err *err)
{
	enum { REMEMBERED = sizeof(d->collations) / sizeof(d->collations[0]) };
	struct source *s;
	struct span charset = {0}, collation = {0};
	struct err why = {0};
	size_t at = 0;
	if (!id)
		return 0;
	while (at < d->ncollations && d->collations[at].id != id)
		at++;
	if (at == d->ncollations) {
		int rc = source_thread_catalog(d->t, &s, err);
		if (rc < 0)
			return rc;
		rc = catalog_collation(s, id, &d->names, &collation, &why);
		if (rc == 0)
			rc = catalog_charset(s, &d->t->server, id, &d->names, &charset, &why);
		if (rc < 0 && rc != -ENOENT) {
			*err = why;
			return rc;
		}
		at = d->ncollations < REMEMBERED ? d->ncollations++ : id % REMEMBERED;
		d->collations[at].id = id;
		d->collations[at].charset = rc == 0 ? charset : (struct span){0};
		d->collations[at].collation = rc == 0 ? collation : (struct span){0};
	}
	*ret_charset = d->collations[at].charset;
	*ret_collation = d->collations[at].collation;
	return 0;
}

/* ---------------------------------------------------------------- changes */

/* `where` NULL: nothing is followed. */
static int apply(struct definitions *d, const struct ddl_change *c, const struct binlog_pos *at)
{
	const struct known *from;
	struct database *b;
	const struct catalog_table *table = c->table;
	int rc = 0;
	switch (c->kind) {
	case DDL_CREATED:
	case DDL_ALTERED:
		rc = known_put(d, c->db, c->name, table ? KNOWN_FOLLOWED : KNOWN_UNKNOWN, table);
		break;
	case DDL_RENAMED:
		from = known_find(d, c->from_db, c->from_name);
		if (!table && c->same && from &&
		    (from->state == KNOWN_FOLLOWED || from->state == KNOWN_PROVEN))
			table = &from->table;
		rc = known_put(d, c->db, c->name, table ? KNOWN_FOLLOWED : KNOWN_UNKNOWN, table);
		if (rc == 0)
			rc = known_put(d, c->from_db, c->from_name, KNOWN_GONE, NULL);
		if (rc == 0)
			rc = definitions_note(d, c->from_db, c->from_name, at, NULL);
		break;
	case DDL_DROPPED:
		rc = known_put(d, c->db, c->name, KNOWN_GONE, NULL);
		break;
	case DDL_UNKNOWN:
		if (c->name.len) {
			rc = known_put(d, c->db, c->name, KNOWN_UNKNOWN, NULL);
			break;
		}
		known_forget(d, c->db);
		if (!c->db.len)
			definitions_forget_databases(d);
		else if ((b = database_find(d, c->db)))
			b->known = b->complete = false;
		break;
	case DDL_DATABASE_CREATED:
	case DDL_DATABASE_DROPPED:
		known_forget(d, c->db);
		rc = database_set(d, c->db, c->charset, c->collation);
		if (rc == 0 && (b = database_find(d, c->db)))
			b->complete = true;
		break;
	case DDL_DATABASE_ALTERED:
		return database_set(d, c->db, c->charset, c->collation);
	case DDL_TRUNCATED:
		return 0;
	}
	if (rc == 0 && table) {
		const struct known *k = known_find(d, c->db, c->name);
		table = k ? &k->table : table;
	}
	return rc < 0 ? rc : definitions_note(d, c->db, c->name, at, table);
}

int definitions_statement(struct definitions *d, const struct step *step, bool follow,
			  struct arena *arena, struct ddl_changes *ret, struct span *ret_text,
			  struct err *err)
{
	struct source_thread *t = d->t;
	struct ddl_session session = {0};
	struct query q;
	struct span ignored;
	struct ddl_changes changes = {0};
	struct asking asking = {.d = d, .err = err};
	const struct ddl_lookup lookup = {
		.ctx = &asking, .table = lookup_table, .database = lookup_database};
	int rc = query_read(&t->stream.format, &step->event, &q, err);
	if (rc == 0)
		rc = source_thread_ddl_session(t, &session, err);
	if (rc < 0)
		return rc;
	ddl_session_of(&q, &step->event, &t->stream.format, &session);
	if (follow) {
		rc = name_collation(d, q.server_collation, &session.server_charset,
				    &session.server_collation, err);
		if (rc == 0)
			rc = name_collation(d, q.utf8mb4_collation, &ignored,
					    &session.utf8mb4_collation, err);
	}
	if (rc < 0)
		return rc;
	const struct ddl_lookup none = {0};
	struct span text;
	/* The CREATE of CREATE … SELECT has its rows behind it in the same group. */
	if (ddl_session_text(&q, step->text, !step->ends_group, arena, &session, &text) < 0)
		return no_memory(err);
	rc = ddl_apply(text, &session, follow ? &lookup : &none, arena, &changes);
	if (rc < 0)
		return rc == -ENOMEM ? no_memory(err) : rc;
	for (uint32_t i = 0; follow && i < changes.n; i++) {
		const struct ddl_change *c = &changes.list[i];
		if (c->kind == DDL_UNKNOWN)
			log_debug("%.*s.%.*s: what the statement in front of %s:%llu makes of it "
				  "is asked of the server",
				  (int)c->db.len, c->db.p ? (const char *)c->db.p : "",
				  (int)c->name.len, c->name.p ? (const char *)c->name.p : "",
				  t->stream.at.file, (unsigned long long)t->stream.at.pos);
		if (apply(d, c, &t->stream.at) < 0)
			return no_memory(err);
	}
	*ret = changes;
	*ret_text = text;
	return 0;
}
