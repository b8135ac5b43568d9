/*
 * table_map_fuzz.c - TABLE_MAP events and the definitions made of them, on any bytes.
 *
 * Input: a byte that picks flavour and version, then the event's body.
 */
#include "core/binlog/table_map.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(struct span s)
{
	volatile uint8_t sum = 0;
	for (size_t i = 0; i < s.len; i++)
		sum = (uint8_t)(sum + s.p[i]);
}

static void check_table(const struct table *t)
{
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		const struct column *col = &t->columns[i];
		touch(col->name);
		for (uint32_t k = 0; k < col->nlabels; k++)
			touch(col->labels[k]);
	}
	for (uint32_t i = 0; i < t->nkey; i++)
		if (t->key[i] >= t->ncolumns)
			abort();
	touch(t->db);
	touch(t->name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t versions[] = {50722, 80015, 80020, 90700};
	if (size == 0)
		return 0;
	struct binlog_format f = {
		.flavor = data[0] & 1 ? FLAVOR_MARIADB : FLAVOR_MYSQL,
		.version = versions[data[0] >> 1 & 3],
		.known = true,
	};
	f.post_header_len[EVENT_TABLE_MAP] = data[0] & 8 ? 6 : 8;
	uint8_t *body = malloc(size);
	if (!body)
		abort();
	memcpy(body, data + 1, size - 1);
	struct event e = {.type = EVENT_TABLE_MAP, .body = {body, size - 1}};
	struct arena maps, tables;
	struct table_map map;
	struct table t;
	struct err err = {0};
	arena_init(&maps);
	arena_init(&tables);
	int rc = table_map_parse(&f, &e, &maps, &map, &err);
	if (rc == 0 && !table_map_same(&map, &e))
		abort();
	free(body); /* the map has its own copy */
	if (rc == 0)
		rc = table_map_describe(&map, &f, &tables, &t, &err);
	arena_free(&maps); /* and the table its own */
	if (rc == 0)
		check_table(&t);
	else if (!err.kind)
		abort();
	arena_free(&tables);
	return 0;
}
