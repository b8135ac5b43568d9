/*
 * xid.h - the name that a client gives an XA transaction: bytes, not text.
 *
 * The servers allow 1 to 64 bytes of gtrid, 0 to 64 of bqual and a format id, and write
 * them in two forms: in an XA_PREPARE event (core/binlog/stream.c) and as literals behind
 * XA COMMIT and XA ROLLBACK. Pure; a plain value.
 */
#ifndef MR_MODEL_XID_H
#define MR_MODEL_XID_H

#include "common/base/bytes.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	XID_PART_MAX = 64,
	/* X'…',X'…',n and a zero, rounded up */
	XID_TEXT_MAX = 2 * 2 * XID_PART_MAX + 32,
};

struct xid {
	uint32_t format; /* 1 when the client gave none */
	uint8_t gtrid_len;
	uint8_t bqual_len;
	uint8_t gtrid[XID_PART_MAX];
	uint8_t bqual[XID_PART_MAX];
};

bool xid_equal(const struct xid *a, const struct xid *b);
/* X'6162',X'',1 with a zero byte into out[XID_TEXT_MAX], as the servers write it. */
size_t xid_format(const struct xid *x, char *out);
/*
 * gtrid [, bqual [, format]]: X'…', 0x… or a quoted string; and nothing behind it but
 * spaces. Format ids keep their low 32 bits, which is all that the event holds. 0 or -EINVAL.
 */
int xid_parse(struct span text, struct xid *ret) MR_MUST_CHECK;

#endif
