/*
 * position.h - where we are in a source's stream of transactions.
 *
 * A position always names the end of a group (a transaction, or a standalone
 * statement): no other offset is safe to start a dump from.
 */
#ifndef MR_MODEL_POSITION_H
#define MR_MODEL_POSITION_H

#include "common/base/clock.h"
#include "core/model/binlog_pos.h"
#include "core/model/gtid.h"
#include "core/model/prepared.h"

/*
 * How far inside the group after the position rows are already in the pipe. `rows`
 * counts row changes as the source wrote them, before any filter, rolled-back ones
 * included; `crc` runs over the bytes of their row images (IEEE CRC-32, in order). Of an XA
 * transaction it names the group that decides it (XA COMMIT), not the one with the rows.
 */
struct partial {
	bool set;
	struct gtid gtid;        /* of the group; GTID_NONE for an anonymous one */
	struct binlog_pos start; /* of the group's first event */
	uint64_t rows;
	uint32_t crc;
};

enum { POSITION_SOURCE_MAX = 64 };

/*
 * The last group wholly acknowledged, and what of the next one is too. Owns `gtids` and
 * `prepared`.
 */
struct position {
	enum flavor flavor;
	/* Whose file `at` is in: MySQL's UUID, MariaDB's "server_id-domain"; "": not known. */
	char source[POSITION_SOURCE_MAX];
	struct binlog_pos at;
	struct gtid_set *gtids; /* executed set; may be NULL when the source has no GTIDs */
	struct partial partial;
	struct prepared_set prepared; /* XA groups passed and not decided by then */
	usec_t commit_time; /* of the last group, by the source's clock; 0: unknown */
	bool before_start;  /* start: time - its first transaction has not been met yet */
};

void position_init(struct position *p, enum flavor flavor);
/* dst must have been initialised. 0 or -ENOMEM, dst then unchanged. */
int position_copy(struct position *dst, const struct position *src) MR_MUST_CHECK;
/* Frees what it owns; it is then as after position_init(). */
void position_clear(struct position *p);

#endif
