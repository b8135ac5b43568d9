/* table.c - see table.h. Pure. */
#include "server/cli/table.h"

#include "server/cli/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void add(struct table *t, const char *clean, size_t len)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		const char **more = realloc(t->cells, cap * sizeof(*more));
		if (!more) {
			t->failed = true;
			return;
		}
		t->cells = more;
		t->cap = cap;
	}
	const char *copy = arena_strndup(&t->arena, clean, len);
	t->failed |= !copy;
	if (copy)
		t->cells[t->n++] = copy;
}

void table_init(struct table *t, size_t columns, const char *names)
{
	*t = (struct table){.columns = columns, .headless = !names[0]};
	arena_init(&t->arena);
	buf_init(&t->scratch);
	const char *p = names;
	for (size_t i = 0; i < columns; i++) {
		if (*p == '>') {
			t->right |= UINT32_C(1) << i;
			p++;
		}
		size_t len = strcspn(p, "|");
		add(t, p, len);
		p += len;
		if (*p)
			p++;
	}
}

void table_clear(struct table *t)
{
	free(t->cells);
	arena_free(&t->arena);
	buf_free(&t->scratch);
	*t = (struct table){0};
}

void table_cell(struct table *t, const char *text)
{
	struct buf clean;
	buf_init(&clean);
	text_put_clean(&clean, text && text[0] ? text : t->headless ? "" : "-");
	add(t, buf_cstr(&clean), clean.len);
	t->failed |= clean.failed;
	buf_free(&clean);
}

void table_cellf(struct table *t, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	table_cell(t, text);
}

void table_cell_scratch(struct table *t)
{
	t->failed |= t->scratch.failed;
	table_cell(t, buf_cstr(&t->scratch));
	buf_clear(&t->scratch);
}

void table_end_row(struct table *t)
{
	while (!t->failed && t->n % t->columns)
		table_cell(t, "");
}

size_t table_rows(const struct table *t)
{
	return t->n / t->columns - 1;
}

static void put_blanks(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_putc(out, ' ');
}

void table_print(const struct table *t, int indent, struct buf *out)
{
	size_t widths[TABLE_COLUMNS_MAX] = {0};
	size_t first = t->headless ? t->columns : 0;
	for (size_t i = first; i < t->n; i++) {
		size_t width = text_width(t->cells[i]);
		if (width > widths[i % t->columns])
			widths[i % t->columns] = width;
	}
	for (size_t i = first; i < t->n; i++) {
		size_t column = i % t->columns, pad = widths[column] - text_width(t->cells[i]);
		bool last = column == t->columns - 1, right = t->right >> column & 1;
		put_blanks(out, column ? 2 : (size_t)indent);
		if (right)
			put_blanks(out, pad);
		buf_puts(out, t->cells[i]);
		if (!right && !last)
			put_blanks(out, pad);
		if (last)
			buf_putc(out, '\n');
	}
	if (t->failed)
		out->failed = true;
}
