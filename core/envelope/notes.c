/*
 * notes.c - see notes.h.
 *
 * The header is written behind the value, where there is room, and then changes places
 * with it: no memory of its own is needed.
 */
#include "core/envelope/notes.h"

#include "common/base/json.h"

void notes_bytes(struct buf *b, const struct value *v)
{
	buf_lit(b, "\"bytes\":");
	json_put_base64(b, v->p, v->len);
}

void notes_diff(struct buf *b, const struct value *v)
{
	buf_lit(b, "\"diff\":");
	buf_put(b, v->p, v->len);
}

/* Would the column's writer flag the value? It is written on trial. */
static bool is_noted(struct envelope *e, struct buf *b, const struct plan_column *c,
		     const struct value *v)
{
	size_t len = b->len;
	if (v->kind != VALUE_STRING && v->kind != VALUE_JSON)
		return false;
	e->noted = false;
	image_put_value(b, c, v);
	b->len = len;
	return e->noted;
}

/* `"after":{…},`, nothing when no value of the image is concerned. */
static void put_image(struct envelope *e, struct buf *b, const char *name,
		      const struct value *values)
{
	const struct envelope_table *t = e->table;
	size_t start = b->len;
	bool any = false;
	buf_puts(b, name);
	for (const struct plan_column *c = t->columns, *end = c + t->ncolumns; c < end; c++) {
		const struct value *v = &values[c->index];
		bool diff = v->kind == VALUE_JSON_DIFF;
		if (!diff && !is_noted(e, b, c, v))
			continue;
		/* A head begins with the comma that parts it from the member before. */
		buf_put(b, c->head + !any, c->head_len - !any);
		buf_putc(b, '{');
		if (diff)
			notes_diff(b, v);
		else
			notes_bytes(b, v);
		buf_putc(b, '}');
		any = true;
	}
	if (any)
		buf_lit(b, "},");
	else
		b->len = start;
}

static void reverse(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uint8_t kept = p[i];
		p[i] = p[n - 1 - i];
		p[n - 1 - i] = kept;
	}
}

/* What stands from `at` on: its last `n` bytes come first. */
static void move_before(struct buf *b, size_t at, size_t n)
{
	reverse(b->data + at, b->len - at);
	reverse(b->data + at, n);
	reverse(b->data + at + n, b->len - at - n);
}

size_t notes_put_header(struct envelope *e, struct buf *b, size_t at, const struct value *before,
			const struct value *after)
{
	const uint16_t name_len = sizeof(NOTES_HEADER) - 1;
	uint32_t value_len = 0;
	size_t start = b->len;
	/* Layout: record.h. */
	buf_put(b, &name_len, sizeof(name_len));
	buf_put(b, NOTES_HEADER, name_len);
	buf_put(b, &value_len, sizeof(value_len));
	size_t text = b->len;
	buf_putc(b, '{');
	if (before)
		put_image(e, b, "\"before\":{", before);
	if (after)
		put_image(e, b, "\"after\":{", after);
	e->noted = false;
	if (b->failed)
		return 0;
	if (b->len == text + 1) {
		b->len = start;
		return 0;
	}
	b->data[b->len - 1] = '}'; /* the last comma */
	value_len = (uint32_t)(b->len - text);
	memcpy(b->data + text - sizeof(value_len), &value_len, sizeof(value_len));
	size_t len = b->len - start;
	move_before(b, at, len);
	return len;
}
