/*
 * labels.c - the labels out of a COLUMN_TYPE text. Pure.
 *
 *   enum('a','it''s')   set('x','y')   followed by anything (a comment)
 *
 * In a label the servers write '' for a quote, and \\ \n \r \0 for these four bytes
 * (seen on MariaDB 10.11, MySQL 8.0.15 and 9.7, whatever the sql_mode).
 */
#include "core/mysql/catalog.h"
#include "common/base/cursor.h"

#include <errno.h>
#include <string.h>

static uint8_t unescape(uint8_t b)
{
	switch (b) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case '0':
		return 0;
	default:
		return b;
	}
}

/* One quoted label into *out, which moves behind it. */
static int take_label(struct cursor *c, uint8_t **out, struct span *ret)
{
	uint8_t *p = *out;
	if (cursor_u8(c) != '\'')
		return -EINVAL;
	for (;;) {
		uint8_t b = cursor_u8(c);
		if (c->failed)
			return -EINVAL;
		if (b == '\\') {
			b = unescape(cursor_u8(c));
		} else if (b == '\'') {
			if (!cursor_left(c) || *c->p != '\'')
				break;
			cursor_skip(c, 1);
		}
		*p++ = b;
	}
	*ret = (struct span){.p = *out, .len = (size_t)(p - *out)};
	*out = p;
	return 0;
}

int catalog_parse_labels(struct span column_type, struct arena *arena, struct span **ret_labels,
			 uint32_t *ret_n)
{
	size_t skip = 0;
	if (column_type.len >= 5 && !strncasecmp((const char *)column_type.p, "enum(", 5))
		skip = 5;
	else if (column_type.len >= 4 && !strncasecmp((const char *)column_type.p, "set(", 4))
		skip = 4;
	if (!skip)
		return -EINVAL;
	/* A label takes two quotes and a comma or parenthesis at least. */
	struct span *labels = arena_alloc(arena, (column_type.len / 3 + 1) * sizeof(*labels));
	uint8_t *bytes = arena_alloc(arena, column_type.len);
	if (!labels || !bytes)
		return -ENOMEM;
	struct cursor c = cursor_of(column_type.p + skip, column_type.len - skip);
	uint32_t n = 0;
	for (;;) {
		int rc = take_label(&c, &bytes, &labels[n]);
		if (rc)
			return rc;
		n++;
		uint8_t b = cursor_u8(&c);
		if (b == ')')
			break;
		if (b != ',')
			return -EINVAL;
	}
	*ret_labels = labels;
	*ret_n = n;
	return 0;
}
