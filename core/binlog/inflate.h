/*
 * inflate.h - what MariaDB compresses: parts of events (log_bin_compress) and values of
 * COMPRESSED columns.
 *
 * A header byte, the uncompressed length, then deflate's bytes (see inflate.c). Lengths that
 * no deflate stream of that size can have are refused before anything is allocated. Not
 * MySQL's payloads: payload.h.
 */
#ifndef MR_BINLOG_INFLATE_H
#define MR_BINLOG_INFLATE_H

#include "common/base/arena.h"
#include "core/binlog/event.h"

struct libdeflate_decompressor;

/* All zero is ready for use. Owns its memory; one thread. */
struct inflater {
	struct libdeflate_decompressor *zlib; /* made when first needed */
	uint8_t *bytes;
	size_t capacity;
};

void inflater_free(struct inflater *z);

/*
 * A QUERY or rows event that MariaDB has compressed becomes what it would have been without:
 * its type and body; nothing is done to others. The body is good until the next call. 0,
 * -EBADMSG (ERR_EVENT_CORRUPT) or -ENOMEM.
 */
int inflate_event(struct inflater *z, const struct binlog_format *f, struct event *e,
		  struct err *err) MR_MUST_CHECK;

/* A value of a COMPRESSED column; *ret lies in the arena, or in `in` when it is not
 * compressed. 0, -EBADMSG or -ENOMEM. */
int inflate_value(struct inflater *z, struct span in, struct arena *arena,
		  struct span *ret) MR_MUST_CHECK;

#endif
