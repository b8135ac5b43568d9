/*
 * decimal.h - the servers' packed DECIMAL.
 *
 * Pure. Text that has to be made lies in the arena or buffer given.
 */
#ifndef MR_BINLOG_DECIMAL_H
#define MR_BINLOG_DECIMAL_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "core/model/value.h"

enum { DECIMAL_MAX_PRECISION = 65 };

/* Bytes of a DECIMAL(precision, scale), 1 <= precision <= 65, scale <= precision. */
size_t decimal_size(unsigned precision, unsigned scale);

/* From decimal_size() bytes. 0, -EBADMSG (not decimal digits) or -ENOMEM. */
int decimal_read(const uint8_t *p, unsigned precision, unsigned scale, struct arena *arena,
		 struct value *ret);

/* The same as text with its point: "-12.340". 0 or -EBADMSG. */
int decimal_put_text(const uint8_t *p, unsigned precision, unsigned scale, struct buf *out);

#endif
