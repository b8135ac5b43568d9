/*
 * source.h - the source's thread: dump -> groups -> publish, with reconnects. Its connections:
 * connections.h.
 *
 * Job: keep a dump open at the right position; hold each group until it is decided; read
 * one that is too large for memory a second time; count what has been put in the queue.
 * Its own position (`read`) says what is in the queue, not what is safe: it serves
 * reconnects while the queue lives. Only the ledger knows what is safe.
 */
#ifndef MR_PIPELINE_SOURCE_H
#define MR_PIPELINE_SOURCE_H

#include "core/mysql/dump.h"
#include "core/mysql/server.h"
#include "core/pipeline/capture.h"
#include "core/pipeline/definitions.h"
#include "core/pipeline/heartbeat.h"
#include "core/pipeline/hold.h"
#include "core/pipeline/kept.h"
#include "core/pipeline/publish.h"
#include "core/pipeline/steps.h"
#include "core/pipeline/verdict.h"

#include <pthread.h>
#include <stdatomic.h>

/* What is done with the rows of the group at hand. */
enum group_mode {
	GROUP_HOLD,   /* kept in memory until the terminator */
	GROUP_SCAN,   /* too many: only the verdict is noted */
	GROUP_STREAM, /* read again, verdict known: published as they come */
};

/* The message of a DDL statement inside a group (CREATE TABLE … SELECT). */
struct held_change {
	bool set;
	usec_t timestamp;
	struct buf key;
	struct buf value;
};

/* The connection that a stop must interrupt. */
struct source_stop {
	pthread_mutex_t lock;
	struct source *active;  /* at most these are waited on by the source's thread */
	struct source *catalog;
	struct source *second;
	struct source *ahead;
	atomic_bool stopping; /* the capture is to end */
	atomic_bool quit;     /* this thread is to end: the other half has failed */
	int fd; /* eventfd: readable once one of the two is set */
};

/* Written by the source's thread, read by any. */
struct source_stats {
	_Atomic int64_t last_event;     /* wall clock */
	_Atomic int64_t last_heartbeat; /* wall clock */
	_Atomic int64_t first_event;    /* boot clock: the first row change met */
	_Atomic int64_t clock;          /* the source's, less CLOCK_BOOTTIME; once connected */
	_Atomic int64_t read_lag;       /* of the last group, when it was read */
	_Atomic uint64_t groups;        /* marks put in the queue */
	atomic_bool connected;
	atomic_bool away;
	pthread_mutex_t lock;
	struct err why; /* under the lock: why it is away */
};

/*
 * With fail_fast: how often a connection that was made may break before the first event is
 * there. An address that is wrong shows itself sooner.
 */
enum { BROKEN_AT_FIRST_MAX = 3 };

/* What the source's clock says: the age of its events is told by it. */
static inline usec_t source_time(const struct source_stats *stats)
{
	return clock_boot() + atomic_load_explicit(&stats->clock, memory_order_relaxed);
}

/* The source is away: noted, and logged when that is news. True: it is. */
bool source_away(struct source_stats *stats, const char *what, const struct err *why);
void source_why(struct source_stats *stats, struct err *ret);

struct source_thread {
	/* Set by capture.c before the thread starts; borrowed. */
	const struct task *task;
	struct ring *ring;
	struct pipe *pipe;
	struct source_stop *stop;
	struct source_stats *stats;
	const struct until *until;
	bool fail_fast;
	bool once;            /* delivery exactly_once */
	const struct oversize_list *oversize; /* messages that the pipe refused before */
	const struct dump_leases *leases; /* NULL: none */
	usec_t start_time;    /* of a start by time that is not reached yet */
	struct schema_store *history; /* of definitions; begun at `read` */
	struct position read; /* owned; starts as the safe position */
	atomic_bool done;     /* the thread has put its last record */
	int rc;               /* valid once done: 0, or why it ended */
	struct err err;
	bool anew; /* it ended because what it has put can only be given up as a whole */
	struct capture_failure failure; /* the transaction that `err` is about */

	/* The thread's own. */
	struct source *dump;
	struct source *catalog; /* for definitions; opened when first needed */
	struct source *second;  /* the dump of second.c; only while that works */
	struct dump_id id;      /* of `dump`, over its reconnects */
	struct server_info server;
	struct stream stream;
	struct steps steps;
	struct hold hold;
	struct verdict verdict;
	struct schema *schema;
	struct definitions *definitions;
	bool tells_changes;         /* there is a topic for DDL */
	uint32_t changes_topic;
	struct held_change held_change; /* of the group at hand, until it is decided */
	bool globals_known;         /* the two behind it, of `server` */
	bool explicit_timestamp;
	uint8_t lower_case_names;
	struct heartbeat heartbeat;
	struct rules *rules;
	struct envelope *envelope;
	struct queue queue;
	struct publish publish;
	struct oversize_judge judge;
	struct kept_list kept;      /* of the entries of read.prepared, those in memory */
	struct record_xa xa;        /* what the group at hand does to read.prepared */
	enum group_mode mode;
	uint64_t event;             /* number of the next TABLE_MAP or rows event of the group */
	bool reread;                /* the dump was opened to read `again` a second time */
	struct record_group again;
	bool again_has_xid;         /* its XID event was met */
	uint64_t again_xid;
	size_t host;                /* of task->source.hosts */
	unsigned attempts;          /* failed since the last progress */
	usec_t opened;              /* the dump; clock_boot() */
	unsigned refusals;          /* of them, hosts in a row that will not do */
	struct err *why;            /* of each host, since one was read; kind NULL: nothing */
	bool target_known;
	struct binlog_pos target;   /* until */
	struct gtid_set *target_gtids;
	bool reached;
	usec_t from_time;           /* groups committed before are left out; 0: none */
	char uuid[37];              /* of this replica */
};

int source_thread_init(struct source_thread *t, const struct position *from,
		       struct err *err) MR_MUST_CHECK;
void source_thread_fini(struct source_thread *t);
/* The thread: works until stopped, `until`, or a failure; then sets done and closes the ring. */
void *source_thread_main(void *arg);

/* Where `start` is: connects, checks, resolves it. The position is the end of a group. */
int source_find_start(const struct task *task, const struct server_start *start,
		      struct source_stop *stop, struct position *ret,
		      struct err *err) MR_MUST_CHECK;

#endif
