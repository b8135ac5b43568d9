/*
 * dump.h - the stream of binlog events of a source.
 *
 * dump_start() turns a connected source into a stream; from then on the source serves
 * dump_next() only, until source_disconnect(). Events come as the server sends them:
 * header, body and CRC32 (asked for always; the format description event says whether
 * there is one). Used by the source's thread; source_interrupt() ends a wait.
 */
#ifndef MR_MYSQL_DUMP_H
#define MR_MYSQL_DUMP_H

#include "common/base/bytes.h"
#include "core/mysql/server.h"

/*
 * Who of ours reads under which server_id: two readers of one server with the same id throw
 * each other out for ever. What `place` and what the answers rest on is the giver's business.
 * Called by the source's thread; each call may wait for some seconds.
 */
struct dump_leases {
	/*
	 * 0: the id is ours, now or already; -EEXIST: another's, whom err names; else -errno:
	 * it cannot be said at the moment.
	 */
	int (*take)(void *ctx, const char *place, uint32_t id, struct err *err);
	/* Whether it is certain that we still have it. */
	bool (*holds)(void *ctx, const char *place, uint32_t id);
	void (*drop)(void *ctx, const char *place, uint32_t id);
	void *ctx;
};

/*
 * The server_id of one reader, kept over its connections and from server to server.
 * Begins as {.leases, .fixed}; dump_id_drop() at the end.
 */
struct dump_id {
	const struct dump_leases *leases; /* NULL: there is nobody to ask */
	uint32_t fixed;                   /* source.server_id; 0: one that is free is chosen */
	uint32_t id;                      /* in use; 0: none */
	char place[SERVER_PLACE_MAX];     /* where it is leased; "": nowhere */
};

void dump_id_drop(struct dump_id *id);
/*
 * After ERR_SOURCE_SERVER_ID from a dump: another reader has thrown us out. True: the next
 * dump may be tried, under another id or once the lease is ours again; false: it would only
 * throw the other one out, and so on.
 */
bool dump_id_evicted(struct dump_id *id);

struct dump_options {
	const struct server_info *server;
	/*
	 * Where to start. With `gtids` and server->gtids: by GTID, and `at` is ignored;
	 * else by file and offset. `partial` does not matter here: the group it names is
	 * sent from its start.
	 */
	const struct position *from;
	struct dump_id *id;   /* NULL: one that is free is chosen, for this dump alone */
	const char *uuid;     /* 36 characters, ours alone, for @replica_uuid; NULL: none */
	const char *hostname; /* for SHOW REPLICAS; NULL: none */
	usec_t heartbeat;     /* 0: 10 s */
	bool annotate;	      /* ROWS_QUERY / ANNOTATE events too */
	bool stop_at_end;     /* end (0 from dump_next) instead of waiting at the head */
};

/*
 * Sets up the session and sends the dump command. ret_server_id: the id in use. The
 * server's refusal of the position comes from the first dump_next().
 * ERR_SOURCE_SERVER_ID_TAKEN: a fixed id is another reader's at the moment.
 */
int dump_start(struct source *s, const struct dump_options *o, uint32_t *ret_server_id,
	       struct err *err) MR_MUST_CHECK;

/*
 * Waits for the next event: 1 and its bytes (valid until the next call), 0 at the
 * stream's end, or -errno with
 *   ERR_SOURCE_SILENT     nothing for three heartbeats
 *   ERR_SOURCE_LOST       the connection broke, the server shuts down, or -EINTR
 *   ERR_SOURCE_PURGED     the position is older than the server's oldest binlog
 *   ERR_SOURCE_DIVERGED   the server never had the position's transactions
 *   ERR_SOURCE_POSITION   the offset or file is not one of the server's
 *   ERR_SOURCE_SERVER_ID  another replica took our server_id: see dump_id_evicted()
 *   ERR_EVENT_CORRUPT     the server cannot read its own binlog
 */
int dump_next(struct source *s, struct span *ret_event, struct err *err) MR_MUST_CHECK;

/* Kind of the server's error during a dump: 1236 and 4052 and their texts. Pure. */
const struct err_kind *dump_error_kind(unsigned code, const char *text);

#endif
