/*
 * schema_entry.h - one line of the history of definitions, as text and back: see
 * schema_store.h. Pure.
 *
 * A line is an object; its first member is "hint", whose value has always five characters
 * ("false", " true"), so that it can be changed in place. A definition:
 *
 *   {"charset":…,"collation":…,"hidden":N,"versioned":B,"keys_known":B,
 *    "columns":[[name, data_type, column_type, charset, collation, place, flags, key_seq,
 *                max_bytes, precision, scale, [labels]|null]…],
 *    "key":[column…],"keys":[[name, flags, [[column, prefix]…]]…]}
 *
 * flags of a column: 1 unsigned, 2 nullable, 4 generated, 8 invisible; of a key: 1 unique,
 * 2 hash.
 */
#ifndef MR_PROGRESS_SCHEMA_ENTRY_H
#define MR_PROGRESS_SCHEMA_ENTRY_H

#include "common/base/buf.h"
#include "core/progress/schema_store.h"

enum { SCHEMA_HINT_AT = 8 }; /* of the five characters, in a line */

/* With a newline at the end. -EINVAL: a name is no UTF-8; -ENOMEM. */
int schema_entry_print(const struct schema_entry *e, struct buf *out);
/* Without the newline; spans are the arena's. 0, -EINVAL, -ENOMEM. */
int schema_entry_parse(const char *text, size_t len, struct arena *arena,
		       struct schema_entry *ret);

#endif
