/* query.c - see query.h. */
#include "core/binlog/query.h"

#include "common/base/cursor.h"
#include "common/contract/errors.h"

#include <errno.h>

/*
 * QUERY's body:
 *
 *   offset size
 *     0     4   thread id
 *     4     4   seconds the statement took
 *     8     1   length of the database name (d)
 *     9     2   error code
 *    11     2   length of the status variables (s)
 *    13         (as far as the post-header is longer: skipped)
 *     h     s   status variables: a code byte, then data whose length the code decides
 *    h+s    d   database name, and a zero byte
 *   h+s+d+1     statement, to the end
 *
 * Status variables are written in the order of a fixed list, flags and sql_mode and the
 * character set early: walking stops at the first code that is not in the table.
 *
 * explicit_defaults_for_timestamp: MySQL 8 has a code for it, MariaDB (10.2 and newer) bit 12
 * of flags2 (OPTION_EXPLICIT_DEF_TIMESTAMP), MySQL 5.7 neither.
 */
enum { QUERY_FIXED = 13 };

enum { FLAGS2_EXPLICIT_TIMESTAMP = 1 << 12, DBS_TOO_MANY = 254 };

enum query_status {
	Q_FLAGS2 = 0,
	Q_SQL_MODE = 1,
	Q_CATALOG = 2,
	Q_CHARSET = 4,
	Q_TIME_ZONE = 5,
	Q_CATALOG_NZ = 6,
	Q_INVOKER = 11,
	Q_UPDATED_DBS = 12,
	Q_EXPLICIT_TIMESTAMP = 16,
	Q_UTF8MB4_COLLATION = 18,
	Q_COLLATIONS = 131, /* MariaDB 11: a count, then ids of 2 + 2 bytes each */
};

/* Data lengths of the codes that have a fixed one; 0: not fixed or not known. */
static const uint8_t fixed_len[256] = {
	[0] = 4,    /* flags2 */
	[1] = 8,    /* sql_mode */
	[3] = 4,    /* auto_increment */
	[4] = 6,    /* character_set_client, collation_connection, collation_server */
	[7] = 2,    /* lc_time_names */
	[8] = 2,    /* collation_database */
	[9] = 8,    /* table map for update */
	[10] = 4,   /* length written by the source of the source */
	[13] = 3,   /* microseconds */
	[16] = 1,   /* explicit_defaults_for_timestamp */
	[17] = 8,   /* XID of a DDL */
	[18] = 2,   /* default collation of utf8mb4 */
	[19] = 1,   /* sql_require_primary_key */
	[20] = 1,   /* default_table_encryption */
	[128] = 3,  /* MariaDB: microseconds */
	[129] = 8,  /* MariaDB: XID of a DDL */
};

/* A count, then names that end in a zero byte; no names when there were too many. */
static void skip_updated_dbs(struct cursor *c)
{
	uint8_t n = cursor_u8(c);
	for (; n != DBS_TOO_MANY && n > 0 && !c->failed; n--)
		while (cursor_left(c) > 0 && cursor_u8(c) != 0)
			continue;
}

static void query_read_status(struct cursor c, enum flavor flavor, struct query *q)
{
	while (cursor_left(&c) > 0) {
		uint8_t code = cursor_u8(&c);
		switch (code) {
		case Q_FLAGS2: {
			uint32_t flags = cursor_le32(&c);
			if (flavor == FLAVOR_MARIADB && !c.failed) {
				q->has_explicit_timestamp = true;
				q->explicit_timestamp = flags & FLAGS2_EXPLICIT_TIMESTAMP;
			}
			break;
		}
		case Q_SQL_MODE:
			q->sql_mode = cursor_le64(&c);
			q->has_sql_mode = !c.failed;
			break;
		case Q_CHARSET:
			q->collation = cursor_le16(&c);
			q->connection_collation = cursor_le16(&c);
			q->server_collation = cursor_le16(&c);
			break;
		case Q_UPDATED_DBS:
			skip_updated_dbs(&c);
			break;
		case Q_EXPLICIT_TIMESTAMP:
			q->explicit_timestamp = cursor_u8(&c) != 0;
			q->has_explicit_timestamp = !c.failed;
			break;
		case Q_UTF8MB4_COLLATION:
			q->utf8mb4_collation = cursor_le16(&c);
			break;
		case Q_COLLATIONS: /* for statements that name a character set */
			cursor_skip(&c, cursor_u8(&c) * (size_t)4);
			break;
		case Q_CATALOG: /* with a zero byte behind it */
			cursor_skip(&c, (size_t)cursor_u8(&c) + 1);
			break;
		case Q_CATALOG_NZ:
		case Q_TIME_ZONE:
			cursor_skip(&c, cursor_u8(&c));
			break;
		case Q_INVOKER:
			cursor_skip(&c, cursor_u8(&c));
			cursor_skip(&c, cursor_u8(&c));
			break;
		default:
			if (!fixed_len[code])
				return;
			cursor_skip(&c, fixed_len[code]);
		}
	}
}

int query_read(const struct binlog_format *f, const struct event *e, struct query *ret,
	       struct err *err)
{
	struct cursor c = cursor_of(e->body.p, e->body.len);
	struct query q = {.thread_id = cursor_le32(&c)};
	cursor_skip(&c, 4);
	size_t db_len = cursor_u8(&c);
	q.error_code = cursor_le16(&c);
	size_t status_len = cursor_le16(&c);
	uint8_t post = f->post_header_len[EVENT_QUERY];
	if (post > QUERY_FIXED)
		cursor_skip(&c, (size_t)post - QUERY_FIXED);
	struct cursor status = cursor_sub(&c, status_len);
	q.db = cursor_span(&c, db_len);
	cursor_skip(&c, 1);
	q.text = (struct span){.p = c.p, .len = cursor_left(&c)};
	if (c.failed)
		return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
			       "QUERY event of %zu bytes is too short for its own lengths",
			       e->body.len);
	query_read_status(status, f->flavor, &q);
	*ret = q;
	return 0;
}
