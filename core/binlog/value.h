/*
 * value.h - one column's value in a row image.
 *
 * Job: bytes at a cursor -> struct value, by the column's type. Strings and blobs are not
 * copied; what has to be made (a padded BINARY, long decimals, JSON text) lies in the
 * arena. Character sets are not converted here.
 *
 * Pure, like everything in this folder.
 */
#ifndef MR_BINLOG_VALUE_H
#define MR_BINLOG_VALUE_H

#include "common/base/arena.h"
#include "common/base/cursor.h"
#include "common/base/err.h"
#include "core/model/table.h"
#include "core/model/value.h"

/*
 * A value that is present and not NULL. 0, or -errno with an error that names the column:
 * -EBADMSG (ERR_EVENT_CORRUPT or ERR_VALUE_INVALID), -ENOTSUP (ERR_TYPE_UNSUPPORTED),
 * -ENOMEM.
 */
int value_read(struct cursor *c, const struct column *col, struct arena *arena, struct value *ret,
	       struct err *err) MR_MUST_CHECK;

/*
 * Steps over such a value without looking at it: compressed columns too. 0, or -errno as
 * above (-ENOTSUP where the column's metadata does not tell the value's size).
 */
int value_skip(struct cursor *c, const struct column *col, struct err *err) MR_MUST_CHECK;

#endif
