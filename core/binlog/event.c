/* event.c - see event.h. */
#include "core/binlog/event.h"

#include "common/base/cursor.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The common header of version 4 (MySQL internals, "Binlog Event Header"):
 *
 *   offset size
 *     0     4   timestamp
 *     4     1   type
 *     5     4   server_id
 *     9     4   size of the whole event
 *    13     4   log_pos: offset of the next event in the file; 0 where not known
 *    17     2   flags
 *    19         body
 *    size-4 4   CRC-32 (IEEE) of all before it, if the file has checksums
 *
 * FORMAT_DESCRIPTION's body:
 *
 *     0     2   version of the binlog, 4
 *     2    50   server version, padded with zeros
 *    52     4   when the file was created; 0 but for the first after a server start
 *    56     1   length of the common header, 19
 *    57     n   length of the post-header of event types 1..n
 *    57+n   1   checksum algorithm: 0 none, 1 CRC-32
 *    58+n   4   CRC, always there; only meaningful with algorithm 1
 */
enum {
	FDE_FIXED = 57,
	FDE_TRAILER = 1 + EVENT_CRC_LEN,
	FDE_ALGORITHM_NONE = 0,
	FDE_ALGORITHM_CRC32 = 1,
	/* MySQL has about 42 types; MariaDB's own start at 160. */
	MARIADB_TYPES_MIN = 160,
};

static const char *const names[] = {
	[EVENT_UNKNOWN] = "UNKNOWN",
	[EVENT_START_V3] = "START_V3",
	[EVENT_QUERY] = "QUERY",
	[EVENT_STOP] = "STOP",
	[EVENT_ROTATE] = "ROTATE",
	[EVENT_INTVAR] = "INTVAR",
	[EVENT_LOAD] = "LOAD",
	[EVENT_SLAVE] = "SLAVE",
	[EVENT_CREATE_FILE] = "CREATE_FILE",
	[EVENT_APPEND_BLOCK] = "APPEND_BLOCK",
	[EVENT_EXEC_LOAD] = "EXEC_LOAD",
	[EVENT_DELETE_FILE] = "DELETE_FILE",
	[EVENT_NEW_LOAD] = "NEW_LOAD",
	[EVENT_RAND] = "RAND",
	[EVENT_USER_VAR] = "USER_VAR",
	[EVENT_FORMAT_DESCRIPTION] = "FORMAT_DESCRIPTION",
	[EVENT_XID] = "XID",
	[EVENT_BEGIN_LOAD_QUERY] = "BEGIN_LOAD_QUERY",
	[EVENT_EXECUTE_LOAD_QUERY] = "EXECUTE_LOAD_QUERY",
	[EVENT_TABLE_MAP] = "TABLE_MAP",
	[EVENT_WRITE_ROWS_V0] = "WRITE_ROWS_V0",
	[EVENT_UPDATE_ROWS_V0] = "UPDATE_ROWS_V0",
	[EVENT_DELETE_ROWS_V0] = "DELETE_ROWS_V0",
	[EVENT_WRITE_ROWS_V1] = "WRITE_ROWS_V1",
	[EVENT_UPDATE_ROWS_V1] = "UPDATE_ROWS_V1",
	[EVENT_DELETE_ROWS_V1] = "DELETE_ROWS_V1",
	[EVENT_INCIDENT] = "INCIDENT",
	[EVENT_HEARTBEAT] = "HEARTBEAT",
	[EVENT_IGNORABLE] = "IGNORABLE",
	[EVENT_ROWS_QUERY] = "ROWS_QUERY",
	[EVENT_WRITE_ROWS_V2] = "WRITE_ROWS_V2",
	[EVENT_UPDATE_ROWS_V2] = "UPDATE_ROWS_V2",
	[EVENT_DELETE_ROWS_V2] = "DELETE_ROWS_V2",
	[EVENT_GTID] = "GTID",
	[EVENT_ANONYMOUS_GTID] = "ANONYMOUS_GTID",
	[EVENT_PREVIOUS_GTIDS] = "PREVIOUS_GTIDS",
	[EVENT_TRANSACTION_CONTEXT] = "TRANSACTION_CONTEXT",
	[EVENT_VIEW_CHANGE] = "VIEW_CHANGE",
	[EVENT_XA_PREPARE] = "XA_PREPARE",
	[EVENT_PARTIAL_UPDATE_ROWS] = "PARTIAL_UPDATE_ROWS",
	[EVENT_TRANSACTION_PAYLOAD] = "TRANSACTION_PAYLOAD",
	[EVENT_HEARTBEAT_V2] = "HEARTBEAT_V2",
	[EVENT_GTID_TAGGED] = "GTID_TAGGED",
	[EVENT_MARIA_ANNOTATE_ROWS] = "ANNOTATE_ROWS",
	[EVENT_MARIA_BINLOG_CHECKPOINT] = "BINLOG_CHECKPOINT",
	[EVENT_MARIA_GTID] = "MARIADB_GTID",
	[EVENT_MARIA_GTID_LIST] = "GTID_LIST",
	[EVENT_MARIA_START_ENCRYPTION] = "START_ENCRYPTION",
	[EVENT_MARIA_QUERY_COMPRESSED] = "QUERY_COMPRESSED",
	[EVENT_MARIA_WRITE_ROWS_COMPRESSED_V1] = "WRITE_ROWS_COMPRESSED_V1",
	[EVENT_MARIA_UPDATE_ROWS_COMPRESSED_V1] = "UPDATE_ROWS_COMPRESSED_V1",
	[EVENT_MARIA_DELETE_ROWS_COMPRESSED_V1] = "DELETE_ROWS_COMPRESSED_V1",
	[EVENT_MARIA_WRITE_ROWS_COMPRESSED_V2] = "WRITE_ROWS_COMPRESSED_V2",
	[EVENT_MARIA_UPDATE_ROWS_COMPRESSED_V2] = "UPDATE_ROWS_COMPRESSED_V2",
	[EVENT_MARIA_DELETE_ROWS_COMPRESSED_V2] = "DELETE_ROWS_COMPRESSED_V2",
};

const char *event_type_name(unsigned type)
{
	if (type >= sizeof(names) / sizeof(names[0]) || !names[type])
		return "unknown";
	return names[type];
}

void binlog_format_init(struct binlog_format *f, enum flavor flavor, bool checksum_asked)
{
	*f = (struct binlog_format){
		.flavor = flavor,
		.checksum = checksum_asked,
		.header_len = EVENT_HEADER_LEN,
	};
}

/* "10.11.14-MariaDB-…" -> 101114. 0 if it is not of that form. */
static uint32_t version_number(const char *text)
{
	unsigned major, minor, patch;
	if (sscanf(text, "%3u.%2u.%2u", &major, &minor, &patch) != 3)
		return 0;
	return major * 10000 + minor * 100 + patch;
}

int binlog_format_read(struct binlog_format *f, const struct event *e, struct err *err)
{
	if (e->type != EVENT_FORMAT_DESCRIPTION || e->body.len < FDE_FIXED + 1)
		return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
			       "FORMAT_DESCRIPTION event of %zu bytes is too short", e->body.len);
	const uint8_t *p = e->body.p;
	struct binlog_format n = {
		.known = true,
		.header_len = p[56],
		/* event_parse() has cut off the CRC; the algorithm byte is the last. */
		.ntypes = (unsigned)(e->body.len - FDE_FIXED - 1),
	};
	uint8_t algorithm = p[e->body.len - 1];
	unsigned binlog_version = load_le16(p);
	memcpy(n.server_version, p + 2, 50);
	n.version = version_number(n.server_version);
	if (binlog_version != 4 || n.header_len != EVENT_HEADER_LEN)
		return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
			       "binlog of version %u with headers of %u bytes, where 4 and 19 are "
			       "expected",
			       binlog_version, n.header_len);
	if (n.ntypes >= sizeof(n.post_header_len) || n.ntypes < EVENT_TABLE_MAP)
		return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
			       "FORMAT_DESCRIPTION event with %u event types", n.ntypes);
	if (algorithm > FDE_ALGORITHM_CRC32)
		return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
			       "binlog checksum algorithm %u is not known", algorithm);
	n.checksum = algorithm == FDE_ALGORITHM_CRC32;
	n.flavor = n.ntypes >= MARIADB_TYPES_MIN ? FLAVOR_MARIADB : FLAVOR_MYSQL;
	memcpy(n.post_header_len + 1, p + FDE_FIXED, n.ntypes);
	*f = n;
	return 0;
}

/*
 * The server computes FORMAT_DESCRIPTION's CRC before it marks the file as being
 * written, and does not compute it again: the flag counts as clear.
 */
static uint32_t event_crc(const uint8_t *p, size_t len)
{
	uint8_t header[EVENT_HEADER_LEN];
	if (p[4] != EVENT_FORMAT_DESCRIPTION || !(p[17] & EVENT_FLAG_IN_USE))
		return libdeflate_crc32(0, p, len);
	memcpy(header, p, sizeof(header));
	header[17] &= (uint8_t)~EVENT_FLAG_IN_USE;
	uint32_t crc = libdeflate_crc32(0, header, sizeof(header));
	return libdeflate_crc32(crc, p + sizeof(header), len - sizeof(header));
}

int event_parse(const struct binlog_format *f, const void *bytes, size_t len, struct event *ret,
		struct err *err)
{
	const uint8_t *p = bytes;
	if (len < EVENT_HEADER_LEN)
		return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
			       "event of %zu bytes is shorter than an event header", len);
	struct event e = {
		.timestamp = load_le32(p),
		.type = p[4],
		.server_id = load_le32(p + 5),
		.size = load_le32(p + 9),
		.log_pos = load_le32(p + 13),
		.flags = load_le16(p + 17),
	};
	if (e.size != len)
		return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
			       "%s event (type %u) says it has %u bytes and has %zu",
			       event_type_name(e.type), e.type, e.size, len);
	size_t end = len;
	bool checksum = f->checksum;
	if (e.type == EVENT_FORMAT_DESCRIPTION) {
		if (len < EVENT_HEADER_LEN + FDE_FIXED + FDE_TRAILER)
			return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
				       "FORMAT_DESCRIPTION event of %zu bytes is too short", len);
		/* It always has room for a CRC, and says itself whether it is one. */
		checksum = p[len - FDE_TRAILER] == FDE_ALGORITHM_CRC32;
		end -= EVENT_CRC_LEN;
	} else if (checksum) {
		if (len < EVENT_HEADER_LEN + EVENT_CRC_LEN)
			return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
				       "%s event (type %u) of %zu bytes has no room for its CRC",
				       event_type_name(e.type), e.type, len);
		end -= EVENT_CRC_LEN;
	}
	if (checksum) {
		uint32_t said = load_le32(p + end), is = event_crc(p, end);
		if (said != is)
			return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
				       "%s event (type %u, %zu bytes) has CRC %08x and says %08x",
				       event_type_name(e.type), e.type, len, is, said);
	}
	e.body = (struct span){.p = p + EVENT_HEADER_LEN, .len = end - EVENT_HEADER_LEN};
	*ret = e;
	return 0;
}
