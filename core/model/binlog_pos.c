/* binlog_pos.c - see binlog_pos.h. */
#include "core/model/binlog_pos.h"

#include <stdlib.h>
#include <string.h>

int binlog_pos_compare(const struct binlog_pos *a, const struct binlog_pos *b)
{
	if (strcmp(a->file, b->file) != 0) {
		const char *da = strrchr(a->file, '.'), *db = strrchr(b->file, '.');
		if (!da || !db || da - a->file != db - b->file ||
		    strncmp(a->file, b->file, (size_t)(da - a->file)) != 0)
			return BINLOG_POS_UNRELATED;
		unsigned long long na = strtoull(da + 1, NULL, 10), nb = strtoull(db + 1, NULL, 10);
		return na < nb ? -1 : 1;
	}
	return a->pos < b->pos ? -1 : a->pos > b->pos;
}
