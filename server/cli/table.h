/*
 * table.h - rows of cells, printed in columns as wide as their widest cell.
 *
 * Cells are cleaned (text.h) when they are added: what the server says never reaches the
 * terminal otherwise. The last column is not padded. Pure; one thread. The table owns its
 * cells until table_clear(). Memory that is missing shows in `failed`, at the end.
 */
#ifndef MR_CLI_TABLE_H
#define MR_CLI_TABLE_H

#include "common/base/arena.h"
#include "common/base/buf.h"

enum { TABLE_COLUMNS_MAX = 16 };

struct table {
	size_t columns;
	uint32_t right; /* bit i: column i is aligned right */
	const char **cells;
	size_t n, cap;
	bool failed;
	bool headless; /* the names of the columns are not printed */
	struct arena arena;
	struct buf scratch;
};

/* `names` separated by '|'; a '>' in front: aligned right. "" as the names: no head. */
void table_init(struct table *t, size_t columns, const char *names);
void table_clear(struct table *t);
/* The next cell; NULL and "" show as "-" but in a table without a head. */
void table_cell(struct table *t, const char *text);
void table_cellf(struct table *t, const char *fmt, ...) MR_PRINTF(2, 3);
/* A cell that the caller has put into t->scratch, which is empty again afterwards. */
void table_cell_scratch(struct table *t);
/* Fills the row that was begun with "-". */
void table_end_row(struct table *t);
/* Rows that are complete, the head not counted. */
size_t table_rows(const struct table *t);
/* Each row with `indent` blanks in front and a newline behind. Check out->failed. */
void table_print(const struct table *t, int indent, struct buf *out);

#endif
