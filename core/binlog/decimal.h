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

enum {
	DECIMAL_MAX_PRECISION = 65, /* of a column */
	DECIMAL_MAX_DIGITS = 81,    /* inside JSON, where the server counts zeros before a long
				       number's digits too: its arithmetic has nine groups */
};

/* Bytes of a DECIMAL(precision, scale), 1 <= precision <= 81, scale <= precision. */
size_t decimal_size(unsigned precision, unsigned scale);

/* From decimal_size() bytes, of a column. 0, -EBADMSG (not decimal digits) or -ENOMEM. */
int decimal_read(const uint8_t *p, unsigned precision, unsigned scale, struct arena *arena,
		 struct value *ret);

/* As text with its point: "-12.340"; up to DECIMAL_MAX_DIGITS. 0 or -EBADMSG. */
int decimal_put_text(const uint8_t *p, unsigned precision, unsigned scale, struct buf *out);

#endif
