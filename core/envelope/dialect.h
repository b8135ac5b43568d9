/*
 * dialect.h - what a format of messages is made of: one table of functions for each.
 *
 * envelope.c checks and dispatches; plan.c, image.c and event.c serve every dialect; the
 * dialect's own files (debezium*.c, maxwell*.c, canal*.c) write the messages and choose
 * the writers of values. For users of the envelope: envelope.h. What the files of this
 * folder share: envelope_priv.h.
 *
 * All calls come from the thread that uses the envelope. Nothing here allocates per row.
 */
#ifndef MR_ENVELOPE_DIALECT_H
#define MR_ENVELOPE_DIALECT_H

#include "core/envelope/envelope_priv.h"

struct dialect {
	const char *name; /* of pipe.format */

	/* Once a task, when the options are copied; memory is e->arena's. NULL: nothing. */
	int (*start)(struct envelope *e, struct err *err);
	void (*stop)(struct envelope *e);

	/* The writer for values of this kind in this column; NULL: it cannot have any. */
	put_value *(*writer)(const struct plan_column *c, uint8_t kind);
	/*
	 * What stands for a column that is not in the row image. With ABSENT_PLACEHOLDER,
	 * *ret_text is what the column's own writer writes then.
	 */
	enum absent_form (*absent)(const struct envelope *e, const struct column *c,
				   const char **ret_text);
	/*
	 * The plan is made, its columns and key too; `table` is still there. What the dialect
	 * adds goes into t->arena, under t->own. NULL: nothing.
	 */
	int (*table_open)(struct envelope *e, const struct table *table, struct envelope_table *t,
			  struct err *err);

	/* e->table and e->event are set. 0, or -errno: then there is no current event. */
	int (*event_begin)(struct envelope *e, struct err *err);
	/* One row of the current event, which fits its table. */
	int (*row)(struct envelope *e, const struct row *row, struct envelope_sink *sink,
		   struct err *err);
	/* TRUNCATE of the current event's table. NULL: there is no message for it. */
	int (*truncate)(struct envelope *e, struct envelope_sink *sink, struct err *err);
	/* A row of the current event that was delivered before. NULL: nothing to count. */
	void (*pass)(struct envelope *e);

	/* e->group is set; before the first row. NULL: nothing. */
	int (*group_begin)(struct envelope *e, struct err *err);
	/* Every row of e->group was given: what was kept back goes out. NULL: nothing. */
	int (*group_end)(struct envelope *e, struct envelope_sink *sink, struct err *err);
	/* What was kept back goes out, and more rows may follow. NULL: nothing is kept. */
	int (*settle)(struct envelope *e, struct envelope_sink *sink, struct err *err);
	/* What was kept back is forgotten: its group will be read again. NULL likewise. */
	void (*drop)(struct envelope *e);
};

extern const struct dialect dialect_debezium;
extern const struct dialect dialect_maxwell;
extern const struct dialect dialect_canal;

#endif
