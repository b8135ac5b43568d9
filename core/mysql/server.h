/*
 * server.h - what kind of server a source is, whether it can be replicated from, and
 * where its binlog stands.
 *
 * Everything here runs statements on a connected source, in the source's thread.
 */
#ifndef MR_MYSQL_SERVER_H
#define MR_MYSQL_SERVER_H

#include "core/model/position.h"
#include "core/mysql/connect.h"

enum { SERVER_PLACE_MAX = 129 };

struct server_info {
	enum flavor flavor;
	unsigned version;      /* major * 10000 + minor * 100 + patch: 101106, 80015, 90700 */
	char version_text[64]; /* as the server says it */
	/* What a position is bound to: MySQL @@server_uuid; MariaDB "server_id-domain". */
	char identity[64];
	/*
	 * The one server that this is, however it is reached: MySQL @@server_uuid; MariaDB,
	 * which has none, @@server_uid, port and host name. Letters, digits, '-', '_', '.', ':'.
	 */
	char place[SERVER_PLACE_MAX];
	uint32_t server_id;
	uint32_t gtid_domain; /* MariaDB */
	/* MySQL: gtid_mode=ON. MariaDB: always. Then positions are GTID sets. */
	bool gtids;
	bool log_bin;
	bool row_format;	/* binlog_format=ROW, global */
	bool row_metadata_full; /* binlog_row_metadata=FULL: no catalogue needed */
	char row_metadata[16];	/* "" where the server has no such variable */
	bool row_image_full;	/* binlog_row_image=FULL (FULL_NODUP counts as not) */
	char row_image[16];
	bool checksums;	    /* binlog_checksum=CRC32 */
	char time_zone[64]; /* @@global.time_zone; SYSTEM replaced by @@system_time_zone */
};

/* Asks the server what it is. */
int server_identify(struct source *s, struct server_info *ret, struct err *err) MR_MUST_CHECK;

/*
 * The server's wall clock less our CLOCK_BOOTTIME: clock_boot() plus it is the time there, by
 * which its events are stamped, whatever our own wall clock says.
 */
int server_clock(struct source *s, usec_t *ret, struct err *err) MR_MUST_CHECK;

/*
 * Whether rows can be replicated: log_bin on, binlog_format ROW (ERR_SOURCE_SETTING with
 * the statement that mends it) and the grants (ERR_SOURCE_GRANT with the GRANT).
 * need_catalog: also that the user may read table definitions, which needs SELECT (on
 * something) since a missing SELECT shows no rows in information_schema, and no error.
 * The first problem found is the error.
 */
int server_check(struct source *s, const struct server_info *info, bool need_catalog,
		 struct err *err) MR_MUST_CHECK;

/*
 * The head of the binlog: file and offset behind the last event, and, if ret_gtids is
 * not NULL and the server has GTIDs, the executed set (the caller frees it). On MySQL
 * file and set may disagree by some transactions: for a start only the set counts, for
 * "have we read all that was there" either does.
 */
int server_head(struct source *s, const struct server_info *info, struct binlog_pos *ret,
		struct gtid_set **ret_gtids, struct err *err) MR_MUST_CHECK;

enum start_kind {
	START_LATEST,
	START_EARLIEST,
	START_FILE,
	START_GTID,
	START_TIME,
};

struct server_start {
	enum start_kind kind;
	struct binlog_pos at; /* START_FILE */
	/* START_GTID: a set as text. START_FILE: "" or NULL, or what was executed there: it
	 * counts, and not the file, where the server has GTIDs. */
	const char *gtid;
	usec_t time;	      /* START_TIME: since 1970 */
};

/*
 * Makes a position of `start`. ret_position->gtids is the caller's to free.
 *
 *            with GTIDs (info->gtids)                    without
 * latest     executed set, file ""                       head of the last file
 * earliest   MySQL: gtid_purged, file "";                first file, offset 4
 *            MariaDB: first file, offset 4, set before it
 * file/pos   file and pos, set NULL on MySQL,            file and pos
 *            BINLOG_GTID_POS() of them on MariaDB
 * gtid       the set, file ""                            ERR_SOURCE_SETTING
 * time       last file begun before the time, offset 4,  likewise
 *            and the set before it
 *
 * START_TIME gives a place at or before the time: the caller leaves out groups whose
 * commit time is under start->time (the header timestamp where there is none). A time
 * before the oldest file's is ERR_SOURCE_PURGED, unless that is number 000001. A dump
 * starts by file where `file` is set and `gtids` is NULL, else by GTID: see dump.h.
 */
int server_resolve_start(struct source *s, const struct server_info *info,
			 const struct server_start *start, struct position *ret_position,
			 struct err *err) MR_MUST_CHECK;

/*
 * Whether the server still has what follows the position: ERR_SOURCE_PURGED,
 * ERR_SOURCE_DIVERGED or ERR_SOURCE_POSITION if not. dump_next() says it too, later.
 */
int server_check_position(struct source *s, const struct server_info *info,
			  const struct position *position, struct err *err) MR_MUST_CHECK;

/*
 * Whether the server has all transactions of `ours`: ERR_SOURCE_BEHIND, naming those that it
 * lacks, when it has not got them after `patience` either.
 */
int server_check_history(struct source *s, const struct server_info *info,
			 const struct gtid_set *ours, usec_t patience,
			 struct err *err) MR_MUST_CHECK;
/*
 * For another server than the one that `ours` was read from: while it is read-only it must
 * have begun no transaction itself that is not in `ours` (ERR_SOURCE_BEHIND, naming it). One
 * that may be written to was promoted: then they are the history that we are to follow.
 */
int server_check_own(struct source *s, const struct server_info *info, const struct gtid_set *ours,
		     struct err *err) MR_MUST_CHECK;

#endif
