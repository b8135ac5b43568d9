/*
 * ddl_fuzz.c - the DDL tracker on any statements: what comes out must be whole, and must
 * not refer to the definition that went in, which is freed before it is looked at.
 *
 * Input: a byte of flags (the server, sql_mode, lower_case_table_names), then statements,
 * each ended by a zero byte. The last definition that was made is known to the next.
 */
#include "core/schema/ddl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void touch(struct span s)
{
	if (s.len && !s.p)
		abort();
	for (size_t i = 0; i < s.len; i++)
		sink ^= s.p[i];
}

static void touch_table(const struct catalog_table *t)
{
	touch(t->db);
	touch(t->name);
	touch(t->charset);
	touch(t->collation);
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		const struct catalog_column *c = &t->columns[i];
		if (c->place != i || !c->data_type.len || !c->column_type.len)
			abort();
		touch(c->name);
		touch(c->data_type);
		touch(c->column_type);
		touch(c->charset);
		touch(c->collation);
		for (uint32_t k = 0; k < c->nlabels; k++)
			touch(c->labels[k]);
	}
	for (uint32_t i = 0; i < t->nkey; i++)
		if (t->key[i] >= t->ncolumns || t->columns[t->key[i]].key_seq != i + 1)
			abort();
	for (uint32_t i = 0; i < t->nkeys; i++) {
		touch(t->keys[i].name);
		for (uint32_t k = 0; k < t->keys[i].nparts; k++)
			if (t->keys[i].parts[k].column >= t->ncolumns &&
			    t->keys[i].parts[k].column != CATALOG_EXPRESSION)
				abort();
	}
}

/* Whatever is asked for: the last definition. */
static int look_up_table(void *ctx, struct span db, struct span name,
			 const struct catalog_table **ret)
{
	touch(db);
	touch(name);
	*ret = *(const struct catalog_table **)ctx;
	return *ret ? 0 : -ENOENT;
}

static int look_up_database(void *ctx, struct span db, struct span *ret_charset,
			    struct span *ret_collation)
{
	(void)ctx;
	if (db.len % 4 == 3)
		return -EAGAIN;
	*ret_charset = (struct span){(const uint8_t *)"utf8mb4", 7};
	*ret_collation = (struct span){(const uint8_t *)"utf8mb4_bin", 11};
	return 0;
}

static void apply(struct span statement, const struct ddl_session *session, struct arena *known,
		  const struct catalog_table **table)
{
	struct arena arena;
	struct ddl_changes changes;
	struct ddl_lookup look = {table, look_up_table, look_up_database};
	/* Of just its size, so that a step behind its end is found. */
	uint8_t *bytes = malloc(statement.len ? statement.len : 1);
	if (!bytes)
		abort();
	if (statement.len)
		memcpy(bytes, statement.p, statement.len);
	arena_init(&arena);
	if (ddl_apply((struct span){bytes, statement.len}, session, &look, &arena, &changes))
		abort();
	free(bytes);
	bool made = false;
	for (uint32_t i = 0; i < changes.n && !made; i++)
		made = changes.list[i].table != NULL;
	if (made) {
		arena_free(known);
		*table = NULL;
	}
	for (uint32_t i = 0; i < changes.n; i++) {
		const struct ddl_change *c = &changes.list[i];
		touch(c->db);
		touch(c->name);
		touch(c->from_db);
		touch(c->from_name);
		touch(c->charset);
		touch(c->collation);
		if (c->table) {
			touch_table(c->table);
			*table = c->table;
		}
	}
	if (made)
		*known = arena;
	else
		arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t versions[] = {50722, 80015, 90700, 80028, 101100, 110800, 100600,
					    110300};
	if (!size)
		return 0;
	uint8_t flags = *data;
	struct ddl_session session = {
		.flavor = flags & 4 ? FLAVOR_MARIADB : FLAVOR_MYSQL,
		.version = versions[flags & 7],
		.sql_mode = (flags & 8 ? 0x4u : 0) | (flags & 16 ? 0x100000u : 0),
		.db = {(const uint8_t *)"d", 1},
		.explicit_timestamp = (enum ddl_tristate)((flags >> 5) % 3),
		.lower_case_names = flags >> 7,
	};
	struct arena known;
	const struct catalog_table *table = NULL;
	arena_init(&known);
	for (size_t at = 1; at < size;) {
		const uint8_t *end = memchr(data + at, 0, size - at);
		size_t n = end ? (size_t)(end - data) - at : size - at;
		apply((struct span){data + at, n}, &session, &known, &table);
		at += n + 1;
	}
	arena_free(&known);
	return 0;
}
