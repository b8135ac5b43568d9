/*
 * payload.c - see payload.h.
 *
 * The body (mysql/libs/mysql/binlog/event/codecs; tried on 9.7): fields of type, length and
 * value, each number length-encoded, then the payload:
 *
 *   0  end of the fields (no length, no value)
 *   1  bytes of the payload
 *   2  compression: 0 zstd, 255 none
 *   3  bytes that it has uncompressed (not always there)
 *
 * Unknown fields are stepped over by their length. The payload may be several zstd frames.
 */
#include "core/binlog/payload.h"

#include "common/base/cursor.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

enum {
	FIELD_END = 0,
	FIELD_SIZE = 1,
	FIELD_COMPRESSION = 2,
	FIELD_UNCOMPRESSED = 3,

	COMPRESSION_ZSTD = 0,
	COMPRESSION_NONE = 255,

	BUFFER_FIRST = 128 * 1024,
};

struct payload {
	ZSTD_DCtx *zstd;
	bool compressed;
	struct span in;  /* what is left of the payload */
	uint8_t *buffer; /* [from, to) is uncompressed and not handed out */
	size_t capacity;
	size_t from, to;
	bool frame_open; /* a zstd frame has begun and not ended */
};

static int corrupt(struct err *err, const char *what)
{
	return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT, "TRANSACTION_PAYLOAD event: %s", what);
}

struct payload *payload_new(void)
{
	struct payload *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->zstd = ZSTD_createDCtx();
	p->buffer = malloc(BUFFER_FIRST);
	p->capacity = BUFFER_FIRST;
	if (!p->zstd || !p->buffer) {
		payload_free(p);
		return NULL;
	}
	return p;
}

void payload_free(struct payload *p)
{
	if (!p)
		return;
	ZSTD_freeDCtx(p->zstd);
	free(p->buffer);
	free(p);
}

int payload_open(struct payload *p, const struct event *e, struct err *err)
{
	struct cursor c = cursor_of(e->body.p, e->body.len);
	uint64_t size = UINT64_MAX, compression = COMPRESSION_NONE;
	for (;;) {
		uint64_t type = cursor_lenenc(&c);
		if (c.failed || type == FIELD_END)
			break;
		uint64_t len = cursor_lenenc(&c);
		struct cursor value = cursor_sub(&c, len);
		if (type == FIELD_SIZE)
			size = cursor_lenenc(&value);
		else if (type == FIELD_COMPRESSION)
			compression = cursor_lenenc(&value);
		c.failed |= value.failed;
	}
	if (c.failed)
		return corrupt(err, "it is too short for its own lengths");
	if (size != UINT64_MAX && size != cursor_left(&c))
		return corrupt(err, "the size it says is not the one it has");
	if (compression != COMPRESSION_ZSTD && compression != COMPRESSION_NONE)
		return err_set(err, -ENOTSUP, ERR_EVENT_UNSUPPORTED,
			       "TRANSACTION_PAYLOAD event with compression %llu, which is not known",
			       (unsigned long long)compression);
	p->compressed = compression == COMPRESSION_ZSTD;
	p->in = (struct span){c.p, cursor_left(&c)};
	p->from = p->to = 0;
	p->frame_open = false;
	ZSTD_DCtx_reset(p->zstd, ZSTD_reset_session_only);
	return 0;
}

/* Room behind `to` for at least one byte, and in the end for `want` bytes from `from` on. */
static int make_room(struct payload *p, size_t want, struct err *err)
{
	if (p->from > 0) {
		memmove(p->buffer, p->buffer + p->from, p->to - p->from);
		p->to -= p->from;
		p->from = 0;
	}
	if (p->to < p->capacity)
		return 0;
	/* Twice of what is there, not what the event says it has: that may be a lie. */
	size_t more = 2 * p->capacity < want ? 2 * p->capacity : want;
	uint8_t *buffer = realloc(p->buffer, more);
	if (!buffer)
		return err_set(err, -ENOMEM, ERR_MEMORY,
			       "no memory for an event of %zu bytes in a transaction payload", want);
	p->buffer = buffer;
	p->capacity = more;
	return 0;
}

/* Uncompresses some more bytes. 1, or 0 when there are none left. */
static int refill(struct payload *p, size_t want, struct err *err)
{
	int rc = make_room(p, want, err);
	if (rc < 0)
		return rc;
	ZSTD_inBuffer in = {.src = p->in.p, .size = p->in.len};
	ZSTD_outBuffer out = {.dst = p->buffer, .size = p->capacity, .pos = p->to};
	while (out.pos == p->to && (in.pos < in.size || p->frame_open)) {
		size_t before = in.pos;
		size_t left = ZSTD_decompressStream(p->zstd, &out, &in);
		if (ZSTD_isError(left))
			return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
				       "TRANSACTION_PAYLOAD event: zstd: %s",
				       ZSTD_getErrorName(left));
		p->frame_open = left != 0;
		if (out.pos == p->to && in.pos == before)
			return corrupt(err, "its compressed data ends in the middle");
	}
	bool got = out.pos > p->to;
	p->to = out.pos;
	p->in = (struct span){p->in.p + in.pos, p->in.len - in.pos};
	return got;
}

/* The next event of a payload that is not compressed. */
static int next_plain(struct payload *p, struct span *ret, struct err *err)
{
	if (p->in.len == 0)
		return 0;
	size_t size = p->in.len < EVENT_HEADER_LEN ? 0 : load_le32(p->in.p + 9);
	if (size < EVENT_HEADER_LEN || size > p->in.len)
		return corrupt(err, "an event in it is longer than what is left");
	*ret = (struct span){p->in.p, size};
	p->in = (struct span){p->in.p + size, p->in.len - size};
	return 1;
}

int payload_next(struct payload *p, struct span *ret, struct err *err)
{
	if (!p->compressed)
		return next_plain(p, ret, err);
	size_t want = EVENT_HEADER_LEN;
	for (;;) {
		size_t have = p->to - p->from;
		if (have >= EVENT_HEADER_LEN) {
			want = load_le32(p->buffer + p->from + 9);
			if (want < EVENT_HEADER_LEN)
				return corrupt(err, "an event in it is shorter than its header");
		}
		if (have >= want) {
			*ret = (struct span){p->buffer + p->from, want};
			p->from += want;
			return 1;
		}
		int rc = refill(p, want, err);
		if (rc < 0)
			return rc;
		if (rc == 0)
			return have == 0 ? 0 : corrupt(err, "it ends inside an event");
	}
}
