/*
 * debezium_names.c - names of schemas and fields that Avro allows: letters and digits of ASCII,
 * '_', in schemas' names '.', and no digit first.
 *
 *   avro          '_' for every other character; a field that begins with a digit has one before it
 *   avro_unicode  _uXXXX, its UTF-16 code, for every other character and for '_' itself
 *
 * Characters are counted as Java does: one beyond U+FFFF is two. Pure.
 */
#include "core/envelope/debezium_priv.h"

static bool is_letter(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

/* The next character; a byte that is no UTF-8 stands for itself. */
static uint32_t next_of(const uint8_t **p, const uint8_t *end)
{
	uint32_t c = *(*p)++;
	unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
	if (more == 0 || end - *p < (ptrdiff_t)more)
		return c;
	c &= 0x3fu >> more;
	for (; more; more--)
		c = c << 6 | (*(*p)++ & 0x3f);
	return c;
}

static void put_unit(struct buf *b, uint32_t unit, enum envelope_names how)
{
	if (how == ENVELOPE_NAMES_AVRO)
		buf_putc(b, '_');
	else
		buf_printf(b, "_u%04x", unit);
}

void debezium_put_name(struct buf *b, struct span name, enum envelope_names how, bool is_field)
{
	if (how == ENVELOPE_NAMES_NONE) {
		buf_put(b, name.p, name.len);
		return;
	}
	const uint8_t *p = name.p, *end = p + name.len;
	while (p < end) {
		bool first = p == name.p;
		uint32_t c = next_of(&p, end);
		bool plain = is_letter(c) || (c == '.' && !is_field && !first) ||
			     (c == '_' && how == ENVELOPE_NAMES_AVRO);
		if (is_digit(c) && first && how == ENVELOPE_NAMES_AVRO && is_field)
			buf_putc(b, '_');
		if (plain || (is_digit(c) && (!first || (how == ENVELOPE_NAMES_AVRO && is_field)))) {
			buf_putc(b, (char)c);
		} else if (c > 0xffff) {
			put_unit(b, 0xd800 + ((c - 0x10000) >> 10), how);
			put_unit(b, 0xdc00 + ((c - 0x10000) & 0x3ff), how);
		} else {
			put_unit(b, c, how);
		}
	}
}
