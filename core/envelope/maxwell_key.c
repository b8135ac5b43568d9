/*
 * maxwell_key.c - a message's key in Maxwell's form.
 *
 *   kafka_key_format "hash"    {"database":"d","table":"t","pk.id":4}
 *                              {"database":"d","table":"t","_uuid":"…"}   no primary key
 *   kafka_key_format "array"   ["d","t",[{"id":4}]]
 *   pipe.key "table", "database"   {"database":"d","table":"t"}, {"database":"d"}
 *
 * Names of columns are in lower case, as Maxwell has them. Its UUID is random; ours is made
 * of where the row stands, so that a row that is delivered twice has the same key. Pure.
 */
#include "core/envelope/maxwell.h"

#include "common/base/json.h"
#include "common/contract/errors.h"

#include <errno.h>

static int keep(struct envelope_table *t, struct buf *text, struct span *ret, struct err *err)
{
	char *copy = text->failed ? NULL : arena_strndup(&t->arena, text->data, text->len);
	if (!copy)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for table %.*s.%.*s",
			       (int)t->db.len, (const char *)t->db.p, (int)t->name.len,
			       (const char *)t->name.p);
	*ret = (struct span){(const uint8_t *)copy, text->len};
	buf_clear(text);
	return 0;
}

/* Java's toLowerCase(), for ASCII only. */
static void put_lower(struct buf *b, struct span name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = (char)name.p[i];
		buf_putc(b, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
	}
}

static int make_heads(struct envelope_table *t, struct maxwell_table *m, bool array,
		      struct buf *text, struct err *err)
{
	struct buf name;
	int rc = 0;
	m->key_heads = arena_zalloc(&t->arena, (t->nkey + 1) * sizeof(*m->key_heads));
	if (!m->key_heads)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table's key");
	buf_init(&name);
	for (uint32_t i = 0; rc == 0 && i < t->nkey; i++) {
		buf_clear(&name);
		if (!array)
			buf_lit(&name, "pk.");
		put_lower(&name, t->key[i].column.name);
		if (array)
			buf_puts(text, i ? ",{" : "{");
		else
			buf_putc(text, ',');
		json_put_string(text, name.data, name.len);
		buf_putc(text, ':');
		text->failed |= name.failed;
		rc = keep(t, text, &m->key_heads[i], err);
	}
	buf_free(&name);
	return rc;
}

static int make_key(struct envelope *e, struct envelope_table *t, struct maxwell_table *m,
		    struct buf *text, struct err *err)
{
	bool array = e->options.maxwell.key_array;
	bool fixed = t->fixed_key.len > 0;
	if (array && !fixed) {
		buf_putc(text, '[');
		put_span(text, t->db_json);
		buf_putc(text, ',');
		put_span(text, t->name_json);
		buf_lit(text, ",[");
	} else {
		buf_lit(text, "{\"database\":");
		put_span(text, t->db_json);
		if (e->options.key != ENVELOPE_KEY_DATABASE) {
			buf_lit(text, ",\"table\":");
			put_span(text, t->name_json);
		}
	}
	if (fixed) {
		buf_putc(text, '}');
		return keep(t, text, &t->fixed_key, err);
	}
	/* A table without a primary key has a key all the same. */
	t->has_key = e->options.key != ENVELOPE_KEY_NONE;
	t->tombstones = e->options.tombstones && t->nkey > 0;
	int rc = keep(t, text, &m->key_start, err);
	return rc < 0 ? rc : make_heads(t, m, array, text, err);
}

static int make_pk_columns(const struct table *table, struct envelope_table *t,
			   struct maxwell_table *m, struct buf *text, struct err *err)
{
	buf_lit(text, ",\"primary_key_columns\":[");
	for (uint32_t i = 0; i < table->nkey; i++) {
		struct span name = table->columns[table->key[i]].name;
		if (i)
			buf_putc(text, ',');
		json_put_string(text, name.p, name.len);
	}
	buf_putc(text, ']');
	return keep(t, text, &m->pk_columns, err);
}

int maxwell_table_open(struct envelope *e, const struct table *table, struct envelope_table *t,
		       struct err *err)
{
	struct maxwell_table *m = arena_zalloc(&t->arena, sizeof(*m));
	if (!m)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table's plan");
	t->own = m;
	struct buf text;
	buf_init(&text);
	int rc = make_key(e, t, m, &text, err);
	if (rc == 0 && e->options.maxwell.primary_key_columns)
		rc = make_pk_columns(table, t, m, &text, err);
	buf_free(&text);
	return rc;
}

/* FNV-1a, with two starts: 128 bits that differ for rows at different places. */
static uint64_t hash_place(uint64_t h, const struct row_event *event, uint32_t index)
{
	uint8_t place[12];
	store_le64(place, event->pos);
	place[8] = (uint8_t)index;
	place[9] = (uint8_t)(index >> 8);
	place[10] = (uint8_t)(index >> 16);
	place[11] = (uint8_t)(index >> 24);
	for (const char *p = event->gtid_text; *p; p++)
		h = (h ^ (uint8_t)*p) * UINT64_C(1099511628211);
	for (const char *p = event->file; *p; p++)
		h = (h ^ (uint8_t)*p) * UINT64_C(1099511628211);
	for (size_t i = 0; i < sizeof(place); i++)
		h = (h ^ place[i]) * UINT64_C(1099511628211);
	/* Neighbours differ in few bits so far: spread them. */
	h ^= h >> 32;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

/* A UUID of version 8 (RFC 9562: made as one likes). */
static void put_uuid(struct buf *b, const struct row_event *event, uint32_t index)
{
	uint8_t bytes[16];
	store_le64(bytes, hash_place(UINT64_C(14695981039346656037), event, index));
	store_le64(bytes + 8, hash_place(UINT64_C(0x6d61787765c6c1a5), event, index));
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x80);
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
	static const char digits[] = "0123456789abcdef";
	buf_putc(b, '"');
	for (size_t i = 0; i < sizeof(bytes); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			buf_putc(b, '-');
		buf_putc(b, digits[bytes[i] >> 4]);
		buf_putc(b, digits[bytes[i] & 15]);
	}
	buf_putc(b, '"');
}

enum put_status maxwell_put_key(struct buf *b, const struct envelope *e, uint32_t index,
				const struct value *values, const struct value *other,
				const struct plan_column **ret_at)
{
	const struct envelope_table *t = e->table;
	const struct maxwell_table *m = t->own;
	if (t->fixed_key.len) {
		put_span(b, t->fixed_key);
		return PUT_OK;
	}
	bool array = e->options.maxwell.key_array;
	put_span(b, m->key_start);
	if (t->nkey == 0 && !array) {
		buf_lit(b, ",\"_uuid\":");
		put_uuid(b, e->event, index);
	}
	for (uint32_t i = 0; i < t->nkey; i++) {
		const struct plan_column *c = &t->key[i];
		const struct value *v = &values[c->index];
		if (value_is_absent(v) && other)
			v = &other[c->index];
		enum put_status status = PUT_MISSING;
		if (!value_is_absent(v)) {
			put_span(b, m->key_heads[i]);
			status = image_put_value(b, c, v);
		}
		if (status != PUT_OK) {
			*ret_at = c;
			return status;
		}
		if (array)
			buf_putc(b, '}');
	}
	if (array)
		buf_lit(b, "]]");
	else
		buf_putc(b, '}');
	return PUT_OK;
}
