/* canal.h - what the files of format canal share. */
#ifndef MR_ENVELOPE_CANAL_H
#define MR_ENVELOPE_CANAL_H

#include "core/envelope/dialect.h"

/* canal_value.c */
put_value *canal_writer(const struct plan_column *c, uint8_t kind);

/*
 * canal_type.c: java.sql.Types of a column as Canal finds it. `v` NULL: of an ordinary value;
 * an unsigned number over its signed range is of the next larger type, and NULL has another
 * one in a SET or JSON column.
 */
int canal_sql_type(const struct plan_column *c, bool text, const struct value *v);
/* Does the type depend on the value? */
bool canal_type_varies(const struct plan_column *c);
/* The column's type as the catalogue spells it, or as near as the binlog tells: not quoted. */
void canal_put_mysql_type(struct buf *b, const struct column *c);

#endif
