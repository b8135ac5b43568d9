/*
 * dump_error.c - what a server's refusal during a dump means. Its number is nearly
 * always 1236, so the text decides.
 */
#include "common/contract/errors.h"
#include "core/mysql/dump.h"
#include "core/mysql/dump_priv.h"
#include "core/mysql/query_error.h"
#include "core/mysql/source_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *part;
	const struct err_kind *kind;
} texts[] = {
	/* MySQL, both spellings ("master has" before 8.0.26, "source" after) */
	{"purged required binary logs", ERR_SOURCE_PURGED},
	{"has purged binary logs containing GTIDs", ERR_SOURCE_PURGED},
	/* Both: the file is not in the index */
	{"Could not find first log file name", ERR_SOURCE_PURGED},
	{"could not find next log", ERR_SOURCE_PURGED},
	{"Could not open log file", ERR_SOURCE_PURGED},
	/* MariaDB */
	{"Could not find GTID state requested by slave", ERR_SOURCE_PURGED},
	{"which is not in the master's binlog", ERR_SOURCE_DIVERGED},
	/* MySQL */
	{"has more GTIDs than the", ERR_SOURCE_DIVERGED},
	{"same server_uuid/server_id", ERR_SOURCE_SERVER_ID},
	{"impossible position", ERR_SOURCE_POSITION},
	{"position > file size", ERR_SOURCE_POSITION},
	{"Cannot replicate anonymous transaction", ERR_SOURCE_POSITION},
	{"AUTO_POSITION mode: this server", ERR_SOURCE_SETTING},
	{"Binary log is not open", ERR_SOURCE_SETTING},
	{"Misconfigured", ERR_SOURCE_SETTING},
	{"is not available in the logs", ERR_SOURCE_PURGED},
	{"exceeded max_allowed_packet", ERR_EVENT_CORRUPT},
	{"truncated in the middle of event", ERR_EVENT_CORRUPT},
	{"bogus data in log event", ERR_EVENT_CORRUPT},
	{"event corruption", ERR_EVENT_CORRUPT},
	{"crc check", ERR_EVENT_CORRUPT},
	{"checksum", ERR_EVENT_CORRUPT},
	{"error reading log entry", ERR_EVENT_CORRUPT},
};

const struct err_kind *dump_error_kind(unsigned code, const char *text)
{
	if (code == SERVER_ERR_SLAVE_SAME_ID)
		return ERR_SOURCE_SERVER_ID;
	if (code != SERVER_ERR_MASTER_FATAL)
		return query_error_kind(code);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcasestr(text, texts[i].part))
			return texts[i].kind;
	return ERR_SOURCE_QUERY;
}

static int kind_errno(const struct err_kind *kind)
{
	if (kind == ERR_SOURCE_GRANT)
		return -EACCES;
	if (kind == ERR_SOURCE_LOST)
		return -ECONNRESET;
	if (kind == ERR_SOURCE_PURGED || kind == ERR_SOURCE_DIVERGED)
		return -ENOENT;
	if (kind == ERR_SOURCE_SERVER_ID)
		return -EADDRINUSE;
	if (kind == ERR_SOURCE_POSITION)
		return -EINVAL;
	if (kind == ERR_MEMORY)
		return -ENOMEM;
	return kind == ERR_EVENT_CORRUPT ? -EBADMSG : -EIO;
}

int dump_fail(struct source *s, bool early, struct err *err)
{
	const char *name = s->name;
	if (source_stopped(s))
		return err_set(err, -EINTR, ERR_SOURCE_LOST, "%s: stopped on request", name);
	if (s->timed_out)
		return err_set(err, -ETIMEDOUT, ERR_SOURCE_SILENT,
			       "%s: neither events nor heartbeats for %.1f s", name,
			       (double)s->patience / USEC_PER_SEC);
	unsigned code = mysql_errno(s->mysql);
	char text[MYSQL_ERRMSG_SIZE];
	snprintf(text, sizeof(text), "%s", mysql_error(s->mysql));
	const struct err_kind *kind = dump_error_kind(code, text);
	/* The user has logged in: this denial is about the binlog. */
	if (kind == ERR_SOURCE_GRANT) {
		char who[300], account[256];
		source_account(s, account, sizeof(account));
		return err_set(err, -EACCES, kind,
			       "%s may not read the binlog: %s (error %u); to mend it: GRANT "
			       "REPLICATION SLAVE ON *.* TO %s",
			       name, text, code, query_quote_account(account, who, sizeof(who)));
	}
	/*
	 * An offset in the middle of an event is read as an event of absurd size: before the
	 * first event came, the position is to blame, not the file.
	 */
	if (kind == ERR_EVENT_CORRUPT && early)
		return err_set(err, -EINVAL, ERR_SOURCE_POSITION,
			       "%s cannot read its binlog at our position, which is probably not "
			       "the start of an event: %s (error %u)",
			       name, text, code);
	if (kind == ERR_SOURCE_LOST)
		return err_set(err, -ECONNRESET, kind, "%s: the stream broke: %s (error %u)", name,
			       text, code);
	return err_set(err, kind_errno(kind), kind, "%s refuses to send its binlog: %s (error %u)",
		       name, text, code);
}
