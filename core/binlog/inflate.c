/*
 * inflate.c - see inflate.h.
 *
 * Part of an event (sql/log_event.cc, binlog_buf_uncompress; tried on 10.11 and 11.8):
 *   1   0x80 | algorithm << 4 | n; algorithm 0 is zlib
 *   n   uncompressed length, big-endian, n from 1 to 4
 *   …   zlib stream
 *
 * A value (sql/field_comp.cc; tried likewise):
 *   1   0: what follows is not compressed; else algorithm << 4 | bare << 3 | n; algorithm 8
 *       is zlib
 *   n   uncompressed length, big-endian
 *   …   deflate stream, when not bare with zlib's header and checksum
 */
#include "core/binlog/inflate.h"

#include "common/base/cursor.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>

/* A deflate stream makes at most 1032 bytes of each of its own. */
enum { RATIO_MAX = 1032, LENGTH_BYTES_MAX = 4 };

void inflater_free(struct inflater *z)
{
	if (z->zlib)
		libdeflate_free_decompressor(z->zlib);
	free(z->bytes);
	*z = (struct inflater){0};
}

/* Header and length, which are stepped over. */
static int take_length(struct span *in, size_t *ret)
{
	size_t n = in->p[0] & 7;
	if (n == 0 || n > LENGTH_BYTES_MAX || in->len < 1 + n)
		return -EBADMSG;
	size_t len = 0;
	for (size_t i = 1; i <= n; i++)
		len = len << 8 | in->p[i];
	*in = (struct span){in->p + 1 + n, in->len - 1 - n};
	if (len / RATIO_MAX > in->len)
		return -EBADMSG;
	*ret = len;
	return 0;
}

static int decompress(struct inflater *z, struct span in, bool wrapped, uint8_t *out, size_t len)
{
	if (!z->zlib)
		z->zlib = libdeflate_alloc_decompressor();
	if (!z->zlib)
		return -ENOMEM;
	/* Without a place for the length it must be exactly `len`. */
	enum libdeflate_result rc =
		wrapped ? libdeflate_zlib_decompress(z->zlib, in.p, in.len, out, len, NULL)
			: libdeflate_deflate_decompress(z->zlib, in.p, in.len, out, len, NULL);
	return rc == LIBDEFLATE_SUCCESS ? 0 : -EBADMSG;
}

/* The bytes of the body that are not compressed; 0: it is too short for its own lengths. */
static size_t plain_prefix(const struct binlog_format *f, const struct event *e)
{
	struct cursor c = cursor_of(e->body.p, e->body.len);
	if (e->type == EVENT_MARIA_QUERY_COMPRESSED) {
		cursor_skip(&c, 8); /* thread, time */
		size_t db = cursor_u8(&c);
		cursor_skip(&c, 2); /* error */
		size_t status = cursor_le16(&c);
		uint8_t post = f->post_header_len[e->type];
		if (post > 13)
			cursor_skip(&c, (size_t)post - 13);
		cursor_skip(&c, status);
		cursor_skip(&c, db + 1);
	} else {
		cursor_skip(&c, f->post_header_len[e->type] == 6 ? 6 : 8);
		if (e->type >= EVENT_MARIA_WRITE_ROWS_COMPRESSED_V2) {
			size_t extra = cursor_le16(&c);
			cursor_skip(&c, extra < 2 ? SIZE_MAX : extra - 2);
		}
		uint64_t columns = cursor_lenenc(&c);
		size_t bitmap = columns > 65535 ? SIZE_MAX : (size_t)(columns + 7) / 8;
		cursor_skip(&c, bitmap);
		if (e->type == EVENT_MARIA_UPDATE_ROWS_COMPRESSED_V1 ||
		    e->type == EVENT_MARIA_UPDATE_ROWS_COMPRESSED_V2)
			cursor_skip(&c, bitmap);
	}
	return c.failed ? 0 : (size_t)(c.p - e->body.p);
}

/* The type that a compressed one stands for, or 0. */
static uint8_t plain_type(uint8_t type)
{
	if (type == EVENT_MARIA_QUERY_COMPRESSED)
		return EVENT_QUERY;
	if (type >= EVENT_MARIA_WRITE_ROWS_COMPRESSED_V1 &&
	    type <= EVENT_MARIA_DELETE_ROWS_COMPRESSED_V1)
		return (uint8_t)(type - EVENT_MARIA_WRITE_ROWS_COMPRESSED_V1 + EVENT_WRITE_ROWS_V1);
	if (type >= EVENT_MARIA_WRITE_ROWS_COMPRESSED_V2 &&
	    type <= EVENT_MARIA_DELETE_ROWS_COMPRESSED_V2)
		return (uint8_t)(type - EVENT_MARIA_WRITE_ROWS_COMPRESSED_V2 + EVENT_WRITE_ROWS_V2);
	return 0;
}

int inflate_event(struct inflater *z, const struct binlog_format *f, struct event *e,
		  struct err *err)
{
	uint8_t type = plain_type(e->type);
	if (!type)
		return 0;
	size_t prefix = plain_prefix(f, e), len;
	struct span in = {e->body.p + prefix, e->body.len - prefix};
	int rc = -EBADMSG;
	if (prefix == 0 || in.len < 2 || (in.p[0] & 0xf0) != 0x80 || take_length(&in, &len) < 0)
		goto fail;
	if (prefix + len > z->capacity) {
		uint8_t *bytes = realloc(z->bytes, prefix + len);
		rc = -ENOMEM;
		if (!bytes)
			goto fail;
		z->bytes = bytes;
		z->capacity = prefix + len;
	}
	memcpy(z->bytes, e->body.p, prefix);
	rc = decompress(z, in, true, z->bytes + prefix, len);
	if (rc < 0)
		goto fail;
	e->type = type;
	e->body = (struct span){z->bytes, prefix + len};
	return 0;
fail:
	if (rc == -ENOMEM)
		return err_set(err, rc, ERR_MEMORY, "no memory for a compressed event");
	return err_set(err, rc, ERR_EVENT_CORRUPT,
		       "%s event (type %u) of %zu bytes: what is compressed in it cannot be read",
		       event_type_name(e->type), e->type, e->body.len);
}

int inflate_value(struct inflater *z, struct span in, struct arena *arena, struct span *ret)
{
	size_t len;
	if (in.len == 0) {
		*ret = in;
		return 0;
	}
	uint8_t header = in.p[0];
	if (header == 0) {
		*ret = (struct span){in.p + 1, in.len - 1};
		return 0;
	}
	if (header >> 4 != 8 || take_length(&in, &len) < 0)
		return -EBADMSG;
	uint8_t *out = arena_alloc(arena, len + 1);
	if (!out)
		return -ENOMEM;
	int rc = decompress(z, in, (header & 8) == 0, out, len);
	if (rc == 0)
		*ret = (struct span){out, len};
	return rc;
}
