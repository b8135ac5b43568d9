/*
 * ledger.h - which transactions are wholly in the pipe: the only thing that advances a
 * position.
 *
 * The delivering thread takes records from the ring, hands messages to the pipe, and
 * tells the ledger of each acknowledgement, in any order. ledger_advance() then applies
 * the oldest entries, in the source's order, up to the first message that is not
 * acknowledged, and gives their bytes back to the ring. So a MARK applies only after
 * everything before it was acknowledged.
 *
 *   taken   : read from the ring, counted. Call it after the last local step that can
 *             fail (a message counted and never handed over would hold the position
 *             for ever).
 *   acked   : the pipe has it for good.
 *   applied : it and everything before it is acknowledged; its bytes are released.
 *
 * Delivering thread only, ledger_stats_read() excepted. Pure: no clock, no log, no wait.
 * The ring must outlive what lies in it; the ledger owns its position.
 */
#ifndef MR_PROGRESS_LEDGER_H
#define MR_PROGRESS_LEDGER_H

#include "common/os/ring.h"
#include "core/model/position.h"
#include "core/model/record.h"

#include <stdatomic.h>

/* Written by the delivering thread, readable from any. */
struct ledger_stats {
	uint64_t in_flight;       /* messages taken and not acknowledged */
	uint64_t in_flight_bytes; /* of their keys, headers and values */
	uint64_t messages;        /* acknowledged */
	uint64_t bytes;           /* acknowledged */
	uint64_t rows;            /* row changes of which every message was acknowledged */
	uint64_t groups;          /* MARKs applied */
	uint64_t dead_letters;    /* acknowledged, in the place of messages */
	usec_t commit_time;       /* of the last group applied, by the source's clock */
	uint64_t moves;           /* times that the safe position moved */
};

struct ledger {
	struct position safe;
	/*
	 * The group at the front of the ring. `awaits`: safe.partial was given at the start
	 * and its group has not come by yet; groups before it do not overwrite it.
	 */
	bool in_group;
	bool awaits;
	struct gtid group_gtid;
	struct binlog_pos group_start;
	char server[POSITION_SOURCE_MAX]; /* of the MARKs to come */
	struct record_xa xa; /* of the MARK to come; entry NULL: none. The reference is ours */
	struct {
		_Atomic uint64_t in_flight, in_flight_bytes, messages, bytes, rows, groups, moves, dead_letters;
		_Atomic int64_t commit_time;
	} stats;
};

/*
 * Starts at `start` (copied). A position without a GTID set stays without one: the
 * source then resumes by file and offset. 0 or -ENOMEM.
 */
int ledger_init(struct ledger *l, const struct position *start) MR_MUST_CHECK;
void ledger_free(struct ledger *l);

/*
 * A record has left the ring; a MESSAGE now counts as in flight. The pipe may have
 * acknowledged it already.
 */
void ledger_taken(struct ledger *l, const struct record *r);
/* The pipe acknowledged a MESSAGE, once. */
void ledger_acked(struct ledger *l, struct record *r);
/*
 * Applies and releases what it can. 1: the safe position moved; 0: it did not; -ENOMEM:
 * it did not, and nothing is lost: call again.
 */
int ledger_advance(struct ledger *l, struct ring *ring) MR_MUST_CHECK;
/*
 * The safe position, into an initialised struct position. 0 or -ENOMEM.
 */
int ledger_position(const struct ledger *l, struct position *ret) MR_MUST_CHECK;
struct ledger_stats ledger_stats_read(const struct ledger *l);

#endif
