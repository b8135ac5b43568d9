/*
 * rules.h - what becomes of rows before they are messages: those of history are left out,
 * then come row filters (tables.rows) and column rules (tables.columns).
 *
 * Stands between the reader of rows and the envelope: enters a table's definition, leaves
 * the definition that the envelope is to see; enters a row, leaves whether it is wanted,
 * and its values as the rules want them. So no dialect knows of rules, and nothing that a
 * rule takes away reaches one.
 *
 * MariaDB's tables WITH SYSTEM VERSIONING keep history: an UPDATE is logged with an insert of
 * the old row, a DELETE as an update of its end. What comes out here is what SELECT shows.
 *
 * A filter is applied to both images of an update. A row that comes into the filter is
 * published as an insert, one that leaves it as a delete: consumers have exactly the rows
 * that meet it. Unknown (a comparison with NULL) is not met, as in SQL.
 *
 * Pure: no log, no clock, no I/O. Used by the source's thread alone. A table without rules
 * costs nothing per row. Owns its memory; values that are made lie in the arena given.
 */
#ifndef MR_RULES_RULES_H
#define MR_RULES_RULES_H

#include "common/contract/task.h"
#include "core/model/row.h"

struct rules;       /* of a task */
struct rules_table; /* what they mean for one definition of one table */

/* `task` is borrowed, with its secrets resolved. -ENOMEM, or -EINVAL (ERR_TASK_INVALID). */
int rules_open(const struct task *task, struct rules **ret, struct err *err) MR_MUST_CHECK;
/* Its tables are closed before it. NULL is fine. */
void rules_close(struct rules *r);

/*
 * *ret is NULL when no rule concerns the table. ERR_TASK_INVALID, naming rule and column:
 * a column that the table does not have, a comparison that its type does not take, a key
 * column that a rule would make ambiguous.
 */
int rules_table_open(struct rules *r, const struct table *table, struct rules_table **ret,
		     struct err *err) MR_MUST_CHECK;
void rules_table_close(struct rules_table *t);

/* The definition that the envelope is to see; lives as long as `t`. */
const struct table *rules_table_shape(const struct rules_table *t);

/*
 * One row, whose images are `before` and `after` (row->before and row->after, writable).
 * *ret_wanted: it is to be published; then row->op, its images and their values are
 * as the rules want them. Values that are made live in `arena` until it is reset. Fails
 * with ERR_VALUE_INVALID when the row image lacks a column that a filter needs.
 */
int rules_row(struct rules_table *t, struct row *row, struct value *before, struct value *after,
	      struct arena *arena, bool *ret_wanted, struct err *err) MR_MUST_CHECK;

#endif
