/* gtid_event.c - see gtid_event.h. */
#include "core/binlog/gtid_event.h"

#include "common/base/cursor.h"
#include "common/contract/errors.h"

#include <errno.h>

/*
 * GTID and ANONYMOUS_GTID (MySQL). Each row was added by a later version; an event may
 * end in front of any of them:
 *
 *   size
 *     1   flags
 *    16   uuid of the source; zeros when anonymous
 *     8   transaction number
 *   (5.7) 1 byte 2, 8 last_committed, 8 sequence_number
 *   (8.0.1) 7 immediate commit time in microseconds; bit 55: 7 more, the original one
 *   (8.0.2) length-encoded: bytes of the whole transaction
 *   (8.0.14) server versions
 */
enum { TIMESTAMP_LEN = 7, TIMESTAMP_BITS = 55 };

static void gtid_read_untagged(struct cursor *c, bool anonymous, struct gtid_event *g)
{
	cursor_skip(c, 1);
	const uint8_t *uuid = cursor_take(c, 16);
	uint64_t gno = cursor_le64(c);
	if (c->failed)
		return;
	if (!anonymous) {
		g->gtid.kind = GTID_MYSQL;
		memcpy(g->gtid.my.uuid, uuid, 16);
		g->gtid.my.gno = gno;
	}
	if (cursor_left(c) == 0 || cursor_u8(c) != 2)
		return;
	cursor_skip(c, 16);
	if (cursor_left(c) == 0)
		return;
	uint64_t time = cursor_le(c, TIMESTAMP_LEN);
	g->commit_time = (usec_t)(time & ((UINT64_C(1) << TIMESTAMP_BITS) - 1));
	g->original_commit_time = g->commit_time;
	if (time >> TIMESTAMP_BITS)
		g->original_commit_time = (usec_t)cursor_le(c, TIMESTAMP_LEN);
	if (cursor_left(c) > 0)
		g->length = cursor_lenenc(c);
}

/*
 * The number format of MySQL's serialization library (libs/mysql/serialization): the
 * trailing one bits of the first byte say how many bytes follow it, the value is
 * the rest of all bits, little-endian. Signed numbers carry their sign in bit 0.
 */
static uint64_t cursor_varlen(struct cursor *c)
{
	const uint8_t *first = cursor_take(c, 1);
	if (!first)
		return 0;
	if (*first == 0xff)
		return cursor_le64(c);
	unsigned more = (unsigned)__builtin_ctz(~(unsigned)*first);
	uint64_t high = more ? cursor_le(c, more) : 0;
	/* first: `more` ones, a zero, then 7 - more bits of the value. */
	return (uint64_t)*first >> (more + 1) | high << (7 - more);
}

static int64_t cursor_varlen_signed(struct cursor *c)
{
	uint64_t v = cursor_varlen(c);
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/*
 * GTID_TAGGED: a message of that library: version, size of the message, last field that
 * a reader must not ignore, then fields, each behind its number, absent ones left out:
 *
 *   0 flags, 1 uuid (16 numbers), 2 transaction number (signed), 3 tag (length, bytes),
 *   4 last_committed, 5 sequence_number (signed), 6 immediate commit time, 7 original
 *   commit time (where another), 8 length of the transaction, 9.. server versions
 *
 * Fields have no length of their own, so an unknown one ends the reading.
 */
static int gtid_read_tagged(struct cursor *c, struct gtid_event *g, struct err *err)
{
	enum { VERSION = 1 };
	uint64_t version = cursor_varlen(c);
	cursor_varlen(c);
	uint64_t needed = cursor_varlen(c);
	if (version != VERSION)
		return err_set(err, -ENOTSUP, ERR_EVENT_UNSUPPORTED,
			       "GTID_TAGGED event of version %llu", (unsigned long long)version);
	g->gtid.kind = GTID_MYSQL;
	while (cursor_left(c) > 0) {
		uint64_t field = cursor_varlen(c), n;
		struct span tag;
		switch (field) {
		case 0:
			cursor_varlen(c);
			break;
		case 1:
			for (int i = 0; i < 16; i++)
				g->gtid.my.uuid[i] = (uint8_t)cursor_varlen(c);
			break;
		case 2:
			g->gtid.my.gno = (uint64_t)cursor_varlen_signed(c);
			break;
		case 3:
			n = cursor_varlen(c);
			tag = cursor_span(c, n);
			if (c->failed || n > GTID_TAG_MAX) {
				c->failed = true;
				return 0;
			}
			memcpy(g->gtid.my.tag, tag.p, tag.len);
			g->gtid.my.tag[tag.len] = 0;
			break;
		case 4:
		case 5:
			cursor_varlen(c);
			break;
		case 6:
			g->commit_time = (usec_t)cursor_varlen(c);
			g->original_commit_time = g->commit_time;
			break;
		case 7:
			g->original_commit_time = (usec_t)cursor_varlen(c);
			break;
		case 8:
			g->length = cursor_varlen(c);
			break;
		default:
			if (!c->failed && field <= needed)
				return err_set(err, -ENOTSUP, ERR_EVENT_UNSUPPORTED,
					       "GTID_TAGGED event with field %llu, which must not "
					       "be ignored",
					       (unsigned long long)field);
			c->p = c->end;
		}
	}
	return 0;
}

/*
 * MariaDB's GTID:
 *
 *   size
 *     8   sequence number
 *     4   domain
 *     1   flags (below)
 *     8   id of the group commit, if flags say so
 *    6+n  XID, if flags say prepared or completed XA: 4 format, 1 + 1 lengths, bytes
 *     1   more flags (10.8): 0 in padding; then, as they say,
 *     1   number of further engines
 *     8   sequence number of the START ALTER that is decided here
 *     4   thread id (11.5)
 *
 * padded with zeros to at least 19 bytes. The server id is the event header's.
 */
enum {
	MARIA_STANDALONE = 1,
	MARIA_GROUP_COMMIT_ID = 2,
	MARIA_DDL = 32,
	MARIA_PREPARED_XA = 64,
	MARIA_COMPLETED_XA = 128,

	MARIA_MORE_ENGINES = 1,
	MARIA_MORE_START_ALTER = 2,
	MARIA_MORE_COMMIT_ALTER = 4,
	MARIA_MORE_ROLLBACK_ALTER = 8,
	MARIA_MORE_THREAD = 16,
};

static void gtid_read_maria(struct cursor *c, uint32_t server_id, struct gtid_event *g)
{
	g->gtid.kind = GTID_MARIADB;
	g->gtid.maria.seq = cursor_le64(c);
	g->gtid.maria.domain = cursor_le32(c);
	g->gtid.maria.server = server_id;
	uint8_t flags = cursor_u8(c);
	g->standalone = flags & MARIA_STANDALONE;
	g->ddl = flags & MARIA_DDL;
	if (flags & MARIA_GROUP_COMMIT_ID)
		cursor_skip(c, 8);
	if (flags & (MARIA_PREPARED_XA | MARIA_COMPLETED_XA)) {
		cursor_skip(c, 4);
		size_t gtrid = cursor_u8(c), bqual = cursor_u8(c);
		cursor_skip(c, gtrid + bqual);
	}
	if (cursor_left(c) == 0)
		return;
	uint8_t more = cursor_u8(c);
	if (more & MARIA_MORE_ENGINES)
		cursor_skip(c, 1);
	if (more & (MARIA_MORE_COMMIT_ALTER | MARIA_MORE_ROLLBACK_ALTER))
		cursor_skip(c, 8);
	g->alter_undecided = more & (MARIA_MORE_START_ALTER | MARIA_MORE_ROLLBACK_ALTER);
	if (more & MARIA_MORE_THREAD) {
		g->has_thread = true;
		g->thread_id = cursor_le32(c);
	}
}

int gtid_event_read(const struct event *e, struct gtid_event *ret, struct err *err)
{
	struct cursor c = cursor_of(e->body.p, e->body.len);
	struct gtid_event g = {0};
	int rc = 0;
	if (e->type == EVENT_MARIA_GTID)
		gtid_read_maria(&c, e->server_id, &g);
	else if (e->type == EVENT_GTID_TAGGED)
		rc = gtid_read_tagged(&c, &g, err);
	else
		gtid_read_untagged(&c, e->type == EVENT_ANONYMOUS_GTID, &g);
	if (rc < 0)
		return rc;
	if (c.failed)
		return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
			       "%s event of %zu bytes is too short", event_type_name(e->type),
			       e->body.len);
	*ret = g;
	return 0;
}
