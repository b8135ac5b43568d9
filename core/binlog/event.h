/*
 * event.h - one binlog event: its header, its checksum, and the format of its file.
 *
 * Job: bytes of one event -> struct event, whose length and CRC are verified. What an
 * event means for a transaction is stream.h's; what its body holds is query.h's,
 * table_map.h's and rows.h's.
 *
 * Pure: no log, no clock, no blocking, no heap. Thread: whichever reads the source.
 * Memory: an event borrows the bytes it was parsed from.
 */
#ifndef MR_BINLOG_EVENT_H
#define MR_BINLOG_EVENT_H

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "core/model/gtid.h"

#include <stdbool.h>

/* Both flavours share one number space; from 160 on the types are MariaDB's. */
enum event_type {
	EVENT_UNKNOWN = 0,
	EVENT_START_V3 = 1,
	EVENT_QUERY = 2,
	EVENT_STOP = 3,
	EVENT_ROTATE = 4,
	EVENT_INTVAR = 5,
	EVENT_LOAD = 6,
	EVENT_SLAVE = 7,
	EVENT_CREATE_FILE = 8,
	EVENT_APPEND_BLOCK = 9,
	EVENT_EXEC_LOAD = 10,
	EVENT_DELETE_FILE = 11,
	EVENT_NEW_LOAD = 12,
	EVENT_RAND = 13,
	EVENT_USER_VAR = 14,
	EVENT_FORMAT_DESCRIPTION = 15,
	EVENT_XID = 16,
	EVENT_BEGIN_LOAD_QUERY = 17,
	EVENT_EXECUTE_LOAD_QUERY = 18,
	EVENT_TABLE_MAP = 19,
	EVENT_WRITE_ROWS_V0 = 20,
	EVENT_UPDATE_ROWS_V0 = 21,
	EVENT_DELETE_ROWS_V0 = 22,
	EVENT_WRITE_ROWS_V1 = 23,
	EVENT_UPDATE_ROWS_V1 = 24,
	EVENT_DELETE_ROWS_V1 = 25,
	EVENT_INCIDENT = 26,
	EVENT_HEARTBEAT = 27,
	EVENT_IGNORABLE = 28,
	EVENT_ROWS_QUERY = 29,
	EVENT_WRITE_ROWS_V2 = 30,
	EVENT_UPDATE_ROWS_V2 = 31,
	EVENT_DELETE_ROWS_V2 = 32,
	EVENT_GTID = 33,
	EVENT_ANONYMOUS_GTID = 34,
	EVENT_PREVIOUS_GTIDS = 35,
	EVENT_TRANSACTION_CONTEXT = 36,
	EVENT_VIEW_CHANGE = 37,
	EVENT_XA_PREPARE = 38,
	EVENT_PARTIAL_UPDATE_ROWS = 39,
	EVENT_TRANSACTION_PAYLOAD = 40,
	EVENT_HEARTBEAT_V2 = 41,
	EVENT_GTID_TAGGED = 42,
	EVENT_MARIA_ANNOTATE_ROWS = 160,
	EVENT_MARIA_BINLOG_CHECKPOINT = 161,
	EVENT_MARIA_GTID = 162,
	EVENT_MARIA_GTID_LIST = 163,
	EVENT_MARIA_START_ENCRYPTION = 164,
	EVENT_MARIA_QUERY_COMPRESSED = 165,
	EVENT_MARIA_WRITE_ROWS_COMPRESSED_V1 = 166,
	EVENT_MARIA_UPDATE_ROWS_COMPRESSED_V1 = 167,
	EVENT_MARIA_DELETE_ROWS_COMPRESSED_V1 = 168,
	EVENT_MARIA_WRITE_ROWS_COMPRESSED_V2 = 169,
	EVENT_MARIA_UPDATE_ROWS_COMPRESSED_V2 = 170,
	EVENT_MARIA_DELETE_ROWS_COMPRESSED_V2 = 171,
};

/* "WRITE_ROWS_V2", …; "unknown" for a number this version has no name for. */
const char *event_type_name(unsigned type);

enum {
	EVENT_HEADER_LEN = 19,
	EVENT_CRC_LEN = 4,

	EVENT_FLAG_IN_USE = 0x0001,     /* FORMAT_DESCRIPTION: the file is being written */
	EVENT_FLAG_ARTIFICIAL = 0x0020, /* made by the dump, not in the file */
	EVENT_FLAG_IGNORABLE = 0x0080,  /* who does not know the type may skip it */
};

/* How the events of a file look; from its FORMAT_DESCRIPTION event. */
struct binlog_format {
	enum flavor flavor;
	bool known;    /* a FORMAT_DESCRIPTION was read */
	bool checksum; /* events end in a CRC-32 */
	uint32_t version;         /* 80015 for 8.0.15, 101114 for 10.11.14; 0 before known */
	char server_version[51];  /* as the server spells it */
	uint8_t header_len;       /* of the common header: 19 */
	unsigned ntypes;          /* event types the server knows: 1..ntypes */
	uint8_t post_header_len[256]; /* by event type; 0 beyond ntypes */
};

struct event {
	uint32_t timestamp; /* seconds since 1970; 0 in artificial events */
	uint8_t type;       /* enum event_type, or a number not in it */
	uint16_t flags;
	uint32_t server_id;
	uint32_t size;      /* whole: header, body, CRC */
	uint32_t log_pos;   /* where it ends in its file, modulo 2^32; 0: not said */
	struct span body;   /* without header and CRC */
};

/*
 * The format before a connection's first FORMAT_DESCRIPTION: its artificial ROTATE ends
 * in a CRC only if the client announced that it understands them (`checksum_asked`).
 */
void binlog_format_init(struct binlog_format *f, enum flavor flavor, bool checksum_asked);

/*
 * Takes the format from a FORMAT_DESCRIPTION event (parsed by event_parse). *f is
 * untouched on failure. Decides the flavour too: a file may have been written by a
 * server of the other one.
 */
int binlog_format_read(struct binlog_format *f, const struct event *e, struct err *err)
	MR_MUST_CHECK;

/*
 * One whole event as the dump sends it (behind the OK byte) or the file holds it. `len`
 * must be the event's own length; the CRC, where the format has one, is verified.
 * 0, or -EBADMSG with ERR_EVENT_CORRUPT.
 */
int event_parse(const struct binlog_format *f, const void *bytes, size_t len, struct event *ret,
		struct err *err) MR_MUST_CHECK;

static inline bool event_is_artificial(const struct event *e)
{
	return (e->flags & EVENT_FLAG_ARTIFICIAL) || e->timestamp == 0;
}

#endif
