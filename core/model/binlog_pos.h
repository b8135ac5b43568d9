/* binlog_pos.h - an offset in a binlog file. */
#ifndef MR_MODEL_BINLOG_POS_H
#define MR_MODEL_BINLOG_POS_H

#include <stdint.h>

enum { BINLOG_FILE_MAX = 256 };

struct binlog_pos {
	char file[BINLOG_FILE_MAX]; /* "" when unknown: then the GTID set alone counts */
	uint64_t pos;               /* bytes from the file's start */
};

#endif
