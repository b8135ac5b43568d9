/* crc.h - the IEEE CRC-32 (zlib's, the binlog's), by libdeflate at memory speed. */
#ifndef MR_BASE_CRC_H
#define MR_BASE_CRC_H

#include "common/base/bytes.h"

#include <libdeflate.h>

/* The CRC of what came before (0: nothing) and p. */
static inline uint32_t crc32_update(uint32_t crc, const void *p, size_t len)
{
	return libdeflate_crc32(crc, p, len);
}

#endif
