/* schema_entry.c - see schema_entry.h. */
#include "core/progress/schema_entry.h"

#include "common/base/json.h"
#include "common/contract/document.h"
#include "common/contract/errors.h"

#include <errno.h>

enum {
	COLUMN_UNSIGNED = 1,
	COLUMN_NULLABLE = 2,
	COLUMN_GENERATED = 4,
	COLUMN_INVISIBLE = 8,
	COLUMN_ROW_END = 16,
	KEY_UNIQUE = 1,
	KEY_HASH = 2,
	LINE_MAX_BYTES = 64 * 1024 * 1024,
	COLUMNS_MAX = 1 << 16,
};

/* ------------------------------------------------------- to text */

/* json_put_string() replaces what is no UTF-8: another name would come back. */
static bool put_span(struct buf *b, struct span s)
{
	json_t *text = json_stringn(s.p ? (const char *)s.p : "", s.len);
	if (!text)
		return false;
	json_decref(text);
	json_put_string(b, s.p ? (const char *)s.p : "", s.len);
	return true;
}

static bool print_column(struct buf *b, const struct catalog_column *c)
{
	unsigned flags = (c->is_unsigned ? COLUMN_UNSIGNED : 0) |
			 (c->nullable ? COLUMN_NULLABLE : 0) |
			 (c->generated ? COLUMN_GENERATED : 0) |
			 (c->invisible ? COLUMN_INVISIBLE : 0) |
			 (c->row_end ? COLUMN_ROW_END : 0);
	const struct span texts[] = {c->name, c->data_type, c->column_type, c->charset,
				     c->collation};
	buf_lit(b, "[");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!put_span(b, texts[i]))
			return false;
		buf_lit(b, ",");
	}
	buf_printf(b, "%u,%u,%u,%llu,%u,%u,", c->place, flags, c->key_seq,
		   (unsigned long long)c->max_bytes, c->precision, c->scale);
	if (!c->labels) {
		buf_lit(b, "null]");
		return true;
	}
	buf_lit(b, "[");
	for (uint32_t i = 0; i < c->nlabels; i++) {
		if (i)
			buf_lit(b, ",");
		if (!put_span(b, c->labels[i]))
			return false;
	}
	buf_lit(b, "]]");
	return true;
}

static bool print_key(struct buf *b, const struct catalog_key *k)
{
	buf_lit(b, "[");
	if (!put_span(b, k->name))
		return false;
	buf_printf(b, ",%u,[", (k->unique ? KEY_UNIQUE : 0u) | (k->hash ? KEY_HASH : 0u));
	for (uint32_t i = 0; i < k->nparts; i++)
		buf_printf(b, "%s[%u,%u]", i ? "," : "", k->parts[i].column, k->parts[i].prefix);
	buf_lit(b, "]]");
	return true;
}

static bool print_definition(struct buf *b, const struct catalog_table *t)
{
	buf_lit(b, "{\"charset\":");
	bool ok = put_span(b, t->charset);
	buf_lit(b, ",\"collation\":");
	ok = ok && put_span(b, t->collation);
	buf_printf(b, ",\"hidden\":%u,\"versioned\":%s,\"keys_known\":%s,\"columns\":[",
		   t->hidden_by_keys, t->versioned ? "true" : "false",
		   t->keys_known ? "true" : "false");
	for (uint32_t i = 0; ok && i < t->ncolumns; i++) {
		if (i)
			buf_lit(b, ",");
		ok = print_column(b, &t->columns[i]);
	}
	buf_lit(b, "],\"key\":[");
	for (uint32_t i = 0; i < t->nkey; i++)
		buf_printf(b, "%s%u", i ? "," : "", t->key[i]);
	buf_lit(b, "],\"keys\":[");
	for (uint32_t i = 0; ok && i < t->nkeys; i++) {
		if (i)
			buf_lit(b, ",");
		ok = print_key(b, &t->keys[i]);
	}
	buf_lit(b, "]}");
	return ok;
}

int schema_entry_print(const struct schema_entry *e, struct buf *out)
{
	size_t start = out->len;
	char gtid[GTID_TEXT_MAX] = "";
	gtid_format(&e->gtid, gtid);
	buf_puts(out, e->hint ? "{\"hint\": true,\"db\":" : "{\"hint\":false,\"db\":");
	bool ok = put_span(out, e->db);
	buf_lit(out, ",\"table\":");
	ok = ok && put_span(out, e->name);
	buf_lit(out, ",\"gtid\":");
	json_put_string(out, gtid, strlen(gtid));
	buf_lit(out, ",\"file\":");
	json_put_string(out, e->at.file, strlen(e->at.file));
	buf_printf(out, ",\"pos\":%llu,\"source\":", (unsigned long long)e->at.pos);
	ok = ok && put_span(out, e->source);
	buf_lit(out, ",\"definition\":");
	if (e->table)
		ok = ok && print_definition(out, e->table);
	else
		buf_lit(out, "null");
	buf_lit(out, "}\n");
	if (ok && !out->failed)
		return 0;
	out->len = start;
	return ok ? -ENOMEM : -EINVAL;
}

/* ------------------------------------------------------- from text */

struct reader {
	struct arena *arena;
	int rc; /* sticky */
};

static void *need(struct reader *r, size_t n)
{
	void *p = arena_zalloc(r->arena, n);
	if (!p && !r->rc)
		r->rc = -ENOMEM;
	return p;
}

static void wrong(struct reader *r)
{
	if (!r->rc)
		r->rc = -EINVAL;
}

static struct span text_of(struct reader *r, const json_t *value)
{
	if (!json_is_string(value)) {
		wrong(r);
		return (struct span){0};
	}
	size_t len = json_string_length(value);
	char *copy = arena_strndup(r->arena, json_string_value(value), len);
	if (!copy && !r->rc)
		r->rc = -ENOMEM;
	return (struct span){(const uint8_t *)copy, copy ? len : 0};
}

static uint64_t number_of(struct reader *r, const json_t *value, uint64_t max)
{
	json_int_t n = json_integer_value(value);
	if (json_is_integer(value) && n >= 0 && (uint64_t)n <= max)
		return (uint64_t)n;
	wrong(r);
	return 0;
}

static uint32_t size_of(struct reader *r, const json_t *array)
{
	if (json_is_array(array) && json_array_size(array) < COLUMNS_MAX)
		return (uint32_t)json_array_size(array);
	wrong(r);
	return 0;
}

static void read_column(struct reader *r, const json_t *from, struct catalog_column *c)
{
	if (size_of(r, from) != 12) {
		wrong(r);
		return;
	}
	struct span *texts[] = {&c->name, &c->data_type, &c->column_type, &c->charset,
				&c->collation};
	for (size_t i = 0; i < 5; i++)
		*texts[i] = text_of(r, json_array_get(from, i));
	c->place = (uint32_t)number_of(r, json_array_get(from, 5), COLUMNS_MAX);
	uint64_t flags = number_of(r, json_array_get(from, 6), 31);
	c->is_unsigned = flags & COLUMN_UNSIGNED;
	c->nullable = flags & COLUMN_NULLABLE;
	c->generated = flags & COLUMN_GENERATED;
	c->invisible = flags & COLUMN_INVISIBLE;
	c->row_end = flags & COLUMN_ROW_END;
	c->key_seq = (uint32_t)number_of(r, json_array_get(from, 7), COLUMNS_MAX);
	c->max_bytes = number_of(r, json_array_get(from, 8), INT64_MAX);
	c->precision = (uint8_t)number_of(r, json_array_get(from, 9), 255);
	c->scale = (uint8_t)number_of(r, json_array_get(from, 10), 255);
	const json_t *labels = json_array_get(from, 11);
	if (json_is_null(labels))
		return;
	c->nlabels = size_of(r, labels);
	c->labels = need(r, (c->nlabels + 1) * sizeof(*c->labels));
	for (uint32_t i = 0; !r->rc && i < c->nlabels; i++)
		c->labels[i] = text_of(r, json_array_get(labels, i));
}

static void read_key(struct reader *r, const json_t *from, uint32_t ncolumns,
		     struct catalog_key *k)
{
	if (size_of(r, from) != 3) {
		wrong(r);
		return;
	}
	k->name = text_of(r, json_array_get(from, 0));
	uint64_t flags = number_of(r, json_array_get(from, 1), 3);
	k->unique = flags & KEY_UNIQUE;
	k->hash = flags & KEY_HASH;
	const json_t *parts = json_array_get(from, 2);
	k->nparts = size_of(r, parts);
	k->parts = need(r, (k->nparts + 1) * sizeof(*k->parts));
	for (uint32_t i = 0; !r->rc && i < k->nparts; i++) {
		const json_t *part = json_array_get(parts, i);
		uint64_t column = number_of(r, json_array_get(part, 0), UINT32_MAX);
		if (column >= ncolumns && column != CATALOG_EXPRESSION)
			wrong(r);
		k->parts[i].column = (uint32_t)column;
		k->parts[i].prefix =
			(uint32_t)number_of(r, json_array_get(part, 1), UINT32_MAX);
	}
}

static const struct catalog_table *read_definition(struct reader *r, const json_t *from,
						   const struct schema_entry *e)
{
	struct catalog_table *t = need(r, sizeof(*t));
	if (!t)
		return NULL;
	const json_t *columns = json_object_get(from, "columns"),
		     *key = json_object_get(from, "key"), *keys = json_object_get(from, "keys");
	t->db = e->db;
	t->name = e->name;
	t->charset = text_of(r, json_object_get(from, "charset"));
	t->collation = text_of(r, json_object_get(from, "collation"));
	t->hidden_by_keys =
		(uint32_t)number_of(r, json_object_get(from, "hidden"), COLUMNS_MAX);
	t->versioned = json_is_true(json_object_get(from, "versioned"));
	t->keys_known = json_is_true(json_object_get(from, "keys_known"));
	t->ncolumns = size_of(r, columns);
	t->nkey = size_of(r, key);
	t->nkeys = size_of(r, keys);
	t->columns = need(r, (t->ncolumns + 1) * sizeof(*t->columns));
	t->key = need(r, (t->nkey + 1) * sizeof(*t->key));
	t->keys = need(r, (t->nkeys + 1) * sizeof(*t->keys));
	for (uint32_t i = 0; !r->rc && i < t->ncolumns; i++)
		read_column(r, json_array_get(columns, i), &t->columns[i]);
	for (uint32_t i = 0; !r->rc && i < t->nkey; i++) {
		t->key[i] = (uint32_t)number_of(r, json_array_get(key, i), COLUMNS_MAX);
		if (t->key[i] >= t->ncolumns)
			wrong(r);
	}
	for (uint32_t i = 0; !r->rc && i < t->nkeys; i++)
		read_key(r, json_array_get(keys, i), t->ncolumns, &t->keys[i]);
	return t;
}

int schema_entry_parse(const char *text, size_t len, struct arena *arena, struct schema_entry *ret)
{
	struct reader r = {.arena = arena};
	struct schema_entry e = {0};
	json_t *tree = document_parse(text, len, LINE_MAX_BYTES, "a definition", ERR_STATE_INVALID,
				      NULL);
	if (!tree)
		return -EINVAL;
	e.hint = json_is_true(json_object_get(tree, "hint"));
	e.db = text_of(&r, json_object_get(tree, "db"));
	e.name = text_of(&r, json_object_get(tree, "table"));
	e.source = text_of(&r, json_object_get(tree, "source"));
	struct span gtid = text_of(&r, json_object_get(tree, "gtid"));
	struct span file = text_of(&r, json_object_get(tree, "file"));
	e.at.pos = number_of(&r, json_object_get(tree, "pos"), INT64_MAX);
	if (file.len < sizeof(e.at.file) && file.p)
		memcpy(e.at.file, file.p, file.len);
	else
		wrong(&r);
	if (gtid.len && gtid_parse(FLAVOR_MYSQL, (const char *)gtid.p, &e.gtid) < 0 &&
	    gtid_parse(FLAVOR_MARIADB, (const char *)gtid.p, &e.gtid) < 0)
		wrong(&r);
	const json_t *definition = json_object_get(tree, "definition");
	if (!r.rc && json_is_object(definition))
		e.table = read_definition(&r, definition, &e);
	else if (!json_is_null(definition))
		wrong(&r);
	json_decref(tree);
	if (!r.rc)
		*ret = e;
	return r.rc;
}
