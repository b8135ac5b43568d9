/*
 * json.h - MySQL's binary JSON -> JSON text.
 *
 * Pure. (Writing JSON values as such is common/base/json.h's.)
 */
#ifndef MR_BINLOG_JSON_H
#define MR_BINLOG_JSON_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/bytes.h"

enum { JSON_DEPTH_MAX = 100 }; /* the server's own limit */

/*
 * The text of a document, compact, members in stored order. Opaque values are printed as
 * MySQL prints them: decimals as numbers, dates and times as strings, all else as
 * "base64:type<n>:<bytes>", in lines of 76 characters. An empty document is null, as the server reads it. 0, or
 * -EBADMSG when the bytes are no document. Failures of `out` are the caller's to see.
 */
int json_binary_put(struct span doc, struct buf *out);

/* The same into the arena: NULL with *ret_rc -EBADMSG or -ENOMEM on failure. */
const uint8_t *json_binary_text(struct span doc, struct arena *arena, uint32_t *ret_len,
				int *ret_rc);

#endif
