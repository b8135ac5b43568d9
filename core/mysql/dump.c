/*
 * dump.c - see dump.h. Memory: an event's bytes are the library's read buffer, which
 * grows to the largest event of the connection and is given back with it.
 *
 * The dump commands (bodies behind the command byte; little-endian):
 *
 *   COM_BINLOG_DUMP (0x12)          COM_BINLOG_DUMP_GTID (0x1e, MySQL)
 *     4  offset                       2  flags: 1 end at the head, 4 by GTID
 *     2  flags: 1 end at the head,    4  our server_id
 *        2 annotate (MariaDB)         4  length of the file name, n
 *     4  our server_id                n  file name: empty, a name would override the set
 *     n  file name                    8  offset: 4
 *                                     4  length of the set, m
 *                                     m  the set: see gtid_set_encode()
 *
 * MariaDB by GTID: COM_BINLOG_DUMP with an empty name, the set in the session variable
 * @slave_connect_state. Each answer packet is 0x00 and an event, 0xfe (the end), or
 * 0xff and an error.
 */
#include "core/mysql/dump.h"
#include "common/contract/errors.h"
#include "core/mysql/dump_priv.h"
#include "core/mysql/query.h"
#include "core/mysql/source_priv.h"

#include <errno.h>
#include <string.h>

enum {
	COM_BINLOG_DUMP_GTID = 0x1e,
	DUMP_NON_BLOCK = 1,
	DUMP_ANNOTATE = 2,
	DUMP_BY_GTID = 4,
	FILE_START = 4,
	HEARTBEATS = 3, /* missed before the source counts as silent */
	/* A stalled pipe must not make the server hang up: a day. */
	WRITE_TIMEOUT_S = 86400,
};

static const usec_t HEARTBEAT = 10 * USEC_PER_SEC;

/* What the dump reads out of the session. Each server ignores the other names. */
static int set_session(struct source *s, const struct dump_options *o, bool by_gtid,
		       struct err *err)
{
	struct buf sql;
	buf_init(&sql);
	unsigned long long period = (unsigned long long)s->heartbeat * 1000; /* ns */
	buf_printf(&sql,
		   "SET @master_binlog_checksum='CRC32', @source_binlog_checksum='CRC32', "
		   "@master_heartbeat_period=%llu, @source_heartbeat_period=%llu, "
		   "SESSION net_write_timeout=%d",
		   period, period, WRITE_TIMEOUT_S);
	if (o->uuid && o->uuid[0]) {
		struct span uuid = {(const uint8_t *)o->uuid, strlen(o->uuid)};
		buf_puts(&sql, ", @slave_uuid=");
		query_put_literal(s, &sql, uuid);
		buf_puts(&sql, ", @replica_uuid=");
		query_put_literal(s, &sql, uuid);
	}
	if (o->server->flavor == FLAVOR_MARIADB) {
		buf_puts(&sql, ", @mariadb_slave_capability=4, @slave_gtid_strict_mode=0, "
			       "@slave_gtid_ignore_duplicates=0");
		if (by_gtid) {
			buf_puts(&sql, ", @slave_connect_state='");
			gtid_set_format(o->from->gtids, &sql);
			buf_puts(&sql, "'");
		}
	}
	buf_cstr(&sql);
	int rc = sql.failed ? err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a statement")
			    : query_exec(s, err, "%s", (const char *)sql.data);
	buf_free(&sql);
	return rc;
}

static int put_dump(const struct dump_options *o, bool by_gtid, uint32_t id, struct buf *out,
		    struct source *s, struct err *err)
{
	const struct binlog_pos *at = &o->from->at;
	uint64_t pos = by_gtid || at->pos < FILE_START ? FILE_START : at->pos;
	bool mariadb = o->server->flavor == FLAVOR_MARIADB;
	if (pos > UINT32_MAX)
		return err_set(
			err, -ERANGE, ERR_SOURCE_POSITION,
			"%s: offset %llu of %s is over 4 GiB, which only a start by GTID can "
			"reach",
			source_name(s), (unsigned long long)pos, at->file);
	unsigned flags = (o->stop_at_end ? DUMP_NON_BLOCK : 0) |
			 (o->annotate && mariadb ? DUMP_ANNOTATE : 0);
	uint8_t head[10];
	store_le32(head, (uint32_t)pos);
	store_le16(head + 4, (uint16_t)flags);
	store_le32(head + 6, id);
	buf_put(out, head, sizeof(head));
	if (!by_gtid)
		buf_puts(out, at->file);
	return 0;
}

static void put_dump_gtid(const struct dump_options *o, uint32_t id, struct buf *out)
{
	uint8_t head[22];
	store_le16(head, (uint16_t)((o->stop_at_end ? DUMP_NON_BLOCK : 0) | DUMP_BY_GTID));
	store_le32(head + 2, id);
	store_le32(head + 6, 0);
	store_le64(head + 10, FILE_START);
	store_le32(head + 18, 0);
	buf_put(out, head, sizeof(head));
	gtid_set_encode(o->from->gtids, out);
	if (!out->failed)
		store_le32(out->data + 18, (uint32_t)(out->len - sizeof(head)));
}

static int send_dump(struct source *s, const struct dump_options *o, bool by_gtid, uint32_t id,
		     struct err *err)
{
	struct buf body;
	buf_init(&body);
	int rc = 0, command = COM_BINLOG_DUMP;
	if (by_gtid && o->server->flavor == FLAVOR_MYSQL) {
		command = COM_BINLOG_DUMP_GTID;
		put_dump_gtid(o, id, &body);
	} else {
		rc = put_dump(o, by_gtid, id, &body, s, err);
	}
	if (!rc && body.failed)
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the dump command");
	if (!rc) {
		source_enter(s, 0, s->options.read_timeout);
		if (s->mysql->methods->db_command(s->mysql, (enum enum_server_command)command,
						  (const char *)body.data, body.len, 1, NULL))
			rc = dump_fail(s, true, err);
	}
	buf_free(&body);
	return rc;
}

int dump_start(struct source *s, const struct dump_options *o, uint32_t *ret_server_id,
	       struct err *err)
{
	bool by_gtid = o->from->gtids && o->server->gtids;
	if (!by_gtid && !o->from->at.file[0])
		return err_set(err, -EINVAL, ERR_SOURCE_POSITION,
			       "%s: the position has neither a file nor GTIDs the server could use",
			       source_name(s));
	s->heartbeat = o->heartbeat > 0 ? o->heartbeat : HEARTBEAT;
	struct dump_id alone = {0};
	struct dump_options with = *o;
	if (!with.id)
		with.id = &alone;
	int rc = dump_id_take(s, &with, err);
	uint32_t id = with.id->id;
	if (!rc)
		rc = set_session(s, o, by_gtid, err);
	if (!rc)
		rc = dump_register(s, o, id, err);
	if (!rc)
		rc = send_dump(s, o, by_gtid, id, err);
	if (rc)
		return rc;
	s->dumping = true;
	s->dump_events = 0;
	if (ret_server_id)
		*ret_server_id = id;
	return 0;
}

/* What a dump begins with: made up by the server, or from the head of the file. */
static bool is_preamble(uint8_t type)
{
	enum {
		ROTATE = 4,
		FORMAT_DESCRIPTION = 15,
		PREVIOUS_GTIDS = 35,
		MARIA_BINLOG_CHECKPOINT = 161,
		MARIA_GTID_LIST = 163,
		MARIA_START_ENCRYPTION = 164,
	};
	return type == ROTATE || type == FORMAT_DESCRIPTION || type == PREVIOUS_GTIDS ||
	       type == MARIA_BINLOG_CHECKPOINT || type == MARIA_GTID_LIST ||
	       type == MARIA_START_ENCRYPTION;
}

int dump_next(struct source *s, struct span *ret_event, struct err *err)
{
	enum { TYPE = 4 };
	if (!s->dumping)
		return err_set(err, -ENOTCONN, ERR_SOURCE_LOST, "%s: no dump is open", s->name);
	/*
	 * Until the first transaction the server may be passing over gigabytes of those before
	 * the position; MariaDB sends no heartbeats meanwhile.
	 */
	usec_t patience = HEARTBEATS * s->heartbeat;
	if (!s->dump_events && patience < s->options.read_timeout)
		patience = s->options.read_timeout;
	source_enter(s, 0, patience);
	/* Its error value is an unsigned int, whatever the declared type: never compare
	 * with (unsigned long)-1. */
	unsigned long n = mysql_net_read_packet(s->mysql);
	if (n == packet_error)
		return dump_fail(s, !s->dump_events, err);
	const uint8_t *p = s->mysql->net.read_pos;
	if (p[0] == 0xfe && n < 9) {
		s->dumping = false;
		return 0;
	}
	if (p[0] != 0)
		return err_set(err, -EPROTO, ERR_SOURCE_LOST,
			       "%s: a packet that is no event (first byte %u)", s->name, p[0]);
	if (n > 1 + TYPE && !is_preamble(p[1 + TYPE]))
		s->dump_events++;
	*ret_event = (struct span){.p = p + 1, .len = n - 1};
	return 1;
}
