/* maxwell.h - what the files of format maxwell share. */
#ifndef MR_ENVELOPE_MAXWELL_H
#define MR_ENVELOPE_MAXWELL_H

#include "core/envelope/dialect.h"

put_value *maxwell_writer(const struct plan_column *c, uint8_t kind);

/* Under t->own: what messages of a table have besides its columns. */
struct maxwell_table {
	struct span key_start;	    /* `{"database":…,"table":…` or `["db","table",[` */
	struct span *key_heads;	    /* of each key column: `,"pk.id":` or `{"id":` */
	struct span pk_columns;	    /* `,"primary_key_columns":[…]`, when asked for; else empty */
};

int maxwell_table_open(struct envelope *e, const struct table *table, struct envelope_table *t,
		       struct err *err);
/*
 * The key of the row `index` of the event: its primary key, out of `values`, or out of `other`
 * (may be NULL) where they do not have it; a UUID where the table has none.
 */
enum put_status maxwell_put_key(struct buf *b, const struct envelope *e, uint32_t index,
				const struct value *values, const struct value *other,
				const struct plan_column **ret_at);

#endif
