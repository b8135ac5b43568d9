/*
 * versioned.c - rows of MariaDB's tables WITH SYSTEM VERSIONING. See rules_priv.h. Pure.
 *
 * A row is current while its end is the largest that its type has; all others are history,
 * which SELECT shows only when asked for (FOR SYSTEM_TIME). Logged are, with row images:
 *
 *   UPDATE          an update whose start is new, and an insert of the old row with its end
 *   DELETE          an update of the end
 *   DELETE HISTORY  deletes of rows that are no longer current
 *
 * On 10.11 and 11.8 alike; a TIMESTAMP ends in 2038 there, in 11.5 and newer in 2106.
 */
#include "core/rules/rules_priv.h"

#include "common/contract/errors.h"

#include <errno.h>

#define END_2038 ((int64_t)INT32_MAX * USEC_PER_SEC + 999999)
#define END_2106 ((int64_t)UINT32_MAX * USEC_PER_SEC + 999999)

static bool is_current(const struct value *end)
{
	if (end->kind == VALUE_TIMESTAMP)
		return end->i == END_2038 || end->i == END_2106;
	return end->kind == VALUE_UINT && end->u == UINT64_MAX;
}

int versioned_row(const struct table *table, uint32_t end, struct row *row,
		  const struct value *before, const struct value *after, struct err *err)
{
	const struct value *old = row->before ? &before[end] : NULL;
	const struct value *new = row->after ? &after[end] : NULL;
	/* binlog_row_image=MINIMAL: what an update does not change is not in its after image. */
	if (new && new->kind == VALUE_ABSENT && old)
		new = old;
	if ((old && old->kind == VALUE_ABSENT) || (new && new->kind == VALUE_ABSENT))
		return err_set(err, -EBADMSG, ERR_VALUE_INVALID,
			       "the row image lacks column %.*s, which says whether the row is one "
			       "of history: set binlog_row_image=FULL on the source",
			       (int)table->columns[end].name.len,
			       (const char *)table->columns[end].name.p);
	bool was = old && is_current(old), is = new && is_current(new);
	if (!was && !is)
		return 0;
	if (row->op == ROW_UPDATE && !is) {
		row->op = ROW_DELETE;
		row->after = NULL;
	} else if (row->op == ROW_UPDATE && !was) {
		row->op = ROW_INSERT;
		row->before = NULL;
	}
	return 1;
}
