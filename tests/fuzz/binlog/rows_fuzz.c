/*
 * rows_fuzz.c - rows events and their values, on any table map and any bytes.
 *
 * Input: a byte (bit 0: MariaDB), a byte for the event's type, 2 bytes length of the table
 * map's body, that body, the rows event's body.
 */
#include "core/binlog/rows.h"
#include "core/binlog/table_map.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(const struct table *t, const struct value *v)
{
	volatile uint8_t sum = 0;
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		if (v[i].kind != VALUE_STRING && v[i].kind != VALUE_BYTES &&
		    v[i].kind != VALUE_JSON && v[i].kind != VALUE_JSON_DIFF &&
		    v[i].kind != VALUE_DECIMAL_TEXT &&
		    v[i].kind != VALUE_GEOMETRY && v[i].kind != VALUE_VECTOR)
			continue;
		for (uint32_t k = 0; k < v[i].len; k++)
			sum = (uint8_t)(sum + v[i].p[k]);
	}
}

/* rows_skip() walks the same images as rows_next(), for as long as that reads values. */
static void read_rows(struct rows_reader r, const struct table *t)
{
	struct rows_reader s = r;
	struct arena arena;
	struct value *before = calloc(t->ncolumns + 1, sizeof(*before));
	struct value *after = calloc(t->ncolumns + 1, sizeof(*after));
	struct span image, skipped;
	struct err err = {0};
	int rc;
	if (!before || !after)
		abort();
	arena_init(&arena);
	while ((rc = rows_next(&r, t, &arena, before, after, &image, &err)) > 0) {
		if (rows_skip(&s, t, &skipped, &err) != 1 || skipped.p != image.p ||
		    skipped.len != image.len)
			abort();
		if (r.op != ROW_INSERT)
			touch(t, before);
		if (r.op != ROW_DELETE)
			touch(t, after);
		arena_reset(&arena, 1 << 16);
	}
	if (rc < 0 && !err.kind)
		abort();
	arena_free(&arena);
	free(before);
	free(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t types[] = {
		EVENT_WRITE_ROWS_V1,  EVENT_UPDATE_ROWS_V1, EVENT_DELETE_ROWS_V1,
		EVENT_WRITE_ROWS_V2,  EVENT_UPDATE_ROWS_V2, EVENT_DELETE_ROWS_V2,
		EVENT_PARTIAL_UPDATE_ROWS,
	};
	if (size < 4 || load_le16(data + 2) > size - 4)
		return 0;
	struct binlog_format f = {
		.flavor = data[0] & 1 ? FLAVOR_MARIADB : FLAVOR_MYSQL,
		.version = 90700,
		.known = true,
	};
	size_t map_len = load_le16(data + 2), rows_len = size - 4 - map_len;
	struct event map_event = {.type = EVENT_TABLE_MAP, .body = {data + 4, map_len}};
	uint8_t *body = malloc(rows_len + 1);
	if (!body)
		abort();
	memcpy(body, data + 4 + map_len, rows_len);
	struct event e = {.type = types[data[1] % sizeof(types)], .body = {body, rows_len}};
	struct arena arena;
	struct table_map map;
	struct table t;
	struct rows_reader r;
	struct err err = {0};
	arena_init(&arena);
	if (table_map_parse(&f, &map_event, &arena, &map, &err) == 0 &&
	    table_map_describe(&map, &f, &arena, &t, &err) == 0 &&
	    rows_open(&r, &f, &e, &err) == 0)
		read_rows(r, &t);
	else if (!err.kind)
		abort();
	arena_free(&arena);
	free(body);
	return 0;
}
