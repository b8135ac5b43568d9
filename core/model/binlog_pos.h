/* binlog_pos.h - an offset in a binlog file. Pure. */
#ifndef MR_MODEL_BINLOG_POS_H
#define MR_MODEL_BINLOG_POS_H

#include <stdint.h>

enum { BINLOG_FILE_MAX = 256 };

struct binlog_pos {
	char file[BINLOG_FILE_MAX]; /* "" when unknown: then the GTID set alone counts */
	uint64_t pos;               /* bytes from the file's start */
};

/*
 * Orders two places of one server, file names by their number, then offsets: -1, 0, 1.
 * BINLOG_POS_UNRELATED when the names are not of one row of files.
 */
enum { BINLOG_POS_UNRELATED = -2 };
int binlog_pos_compare(const struct binlog_pos *a, const struct binlog_pos *b);

#endif
