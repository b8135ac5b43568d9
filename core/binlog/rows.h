/*
 * rows.h - rows events, versions 1 and 2, and partial updates: row images -> values.
 *
 * Job: walk the rows of one event, one call a row. Single values are value.h's.
 *
 *   struct rows_reader r;
 *   rc = rows_open(&r, &format, &step.event, err);
 *   table = the definition for r.table_id
 *   while ((rc = rows_next(&r, table, &arena, before, after, &image, err)) > 0) {
 *           …
 *           arena_reset(&arena, keep);
 *   }
 *
 * Pure: no log, no clock, no blocking, no heap but the arena's blocks. Thread: whichever
 * reads the source. Memory: values point into the event's bytes and the arena, so they
 * live until the event's bytes or the arena are reused.
 */
#ifndef MR_BINLOG_ROWS_H
#define MR_BINLOG_ROWS_H

#include "common/base/arena.h"
#include "common/base/cursor.h"
#include "core/binlog/event.h"
#include "core/model/row.h"
#include "core/model/table.h"
#include "core/model/value.h"

enum {
	ROWS_FLAG_STMT_END = 0x0001, /* the last rows event of a statement */
};

struct rows_reader {
	enum row_op op; /* ROW_INSERT, ROW_UPDATE or ROW_DELETE */
	uint64_t table_id;
	uint16_t flags;
	uint32_t ncolumns;
	uint32_t nrows; /* rows read so far */

	/* The rest is rows.c's. */
	struct cursor cur;
	const uint8_t *present[2]; /* bit i: column i is in the before, after image */
	uint32_t npresent[2];
	uint8_t type; /* of the event */
	/*
	 * PARTIAL_UPDATE_ROWS, the row at hand: bit i: the after image has the i-th JSON column
	 * of the table as diffs. NULL: none.
	 */
	const uint8_t *partial;
};

/* 0, or -EBADMSG (ERR_EVENT_CORRUPT). */
int rows_open(struct rows_reader *r, const struct binlog_format *f, const struct event *e,
	      struct err *err) MR_MUST_CHECK;

/*
 * The next row. 1: one was read; 0: there are no more; or -errno (ERR_EVENT_CORRUPT,
 * ERR_SCHEMA_MISMATCH when the table's column count is another, ERR_TYPE_UNSUPPORTED,
 * ERR_VALUE_INVALID, ERR_MEMORY). `before` and `after` have room for table->ncolumns
 * values; an insert leaves `before` alone, a delete `after`. ret_image is the row's bytes
 * in the event, both images: what struct partial's crc runs over. (No bytes for an insert
 * of defaults only under binlog_row_image=MINIMAL, whose values are all VALUE_ABSENT.)
 */
int rows_next(struct rows_reader *r, const struct table *t, struct arena *arena,
	      struct value *before, struct value *after, struct span *ret_image, struct err *err)
	MR_MUST_CHECK;

/*
 * The next row's bytes alone, for tables that nobody wants: no value is made, so that
 * JSON costs nothing and bytes that are no value do no harm. Otherwise as rows_next(); the
 * table may be a table_map_describe()d one that nobody completed.
 */
int rows_skip(struct rows_reader *r, const struct table *t, struct span *ret_image,
	      struct err *err) MR_MUST_CHECK;

#endif
