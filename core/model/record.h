/*
 * record.h - what lies in the queue between the source's thread and the pipe's.
 *
 * The queue is one ring of bytes: records are encoded in place, handed over without a
 * copy, referenced by the pipe (librdkafka sends from here) and released in order when
 * the oldest is acknowledged. So one bound in bytes covers queued and in flight.
 *
 * Only decided rows are here: a group is handed over after its terminator is known.
 * Order: GROUP MESSAGE… [SERVER] [XA] MARK. A group without messages has no GROUP; a message
 * that is APART may stand anywhere.
 */
#ifndef MR_MODEL_RECORD_H
#define MR_MODEL_RECORD_H

#include "core/model/position.h"

enum record_kind {
	RECORD_MESSAGE, /* for the pipe: key, headers and value follow */
	RECORD_GROUP,   /* a group begins: struct record_group follows */
	RECORD_MARK,    /* a group is complete: struct record_mark follows */
	RECORD_XA,      /* what the MARK behind it does to the prepared: struct record_xa follows */
	RECORD_SERVER,  /* MARKs from here on are another server's: its identity follows */
};

enum {
	RECORD_TOMBSTONE = 1, /* the value is null */
	RECORD_ROW_END = 2,   /* the last message of its row change */
	RECORD_NO_KEY = 4,    /* the key is null */
	RECORD_OUTSIDE = 8,   /* key and value lie on the heap at `outside` (too large) */
	RECORD_DEAD_LETTER = 16, /* stands for a message that the pipe would not take */
	RECORD_APART = 32,       /* of no group: no position tells whether it was delivered */
};

struct record {
	uint8_t kind;
	uint8_t flags;
	uint8_t acked;       /* written and read by the pipe's thread only */
	uint8_t part;        /* which message of its row, from 1; 0: it is no row's */
	uint32_t topic;      /* the pipe's number for the topic */
	uint32_t key_len;
	uint32_t headers_len;
	uint32_t value_len;
	uint32_t crc;        /* running, behind this row: see struct partial */
	uint64_t row;        /* ordinal of the row change in its group, from 1 */
	usec_t timestamp;    /* Kafka's message timestamp */
	uint8_t *outside;    /* RECORD_OUTSIDE: key, headers, value; freed on release */
	/* then: key, headers, value */
};

struct record_group {
	struct gtid gtid;
	struct binlog_pos start;
};

struct record_mark {
	struct gtid gtid;
	struct binlog_pos end;
	usec_t commit_time;
	bool before_start; /* see struct position */
	bool between;      /* no group ended: the stream has moved on to another file */
};

/* The group was an XA PREPARE, or decided about one. */
struct record_xa {
	struct prepared *entry; /* the record's reference, until it is released */
	bool decided;           /* it leaves the position; else it enters */
};

static inline const uint8_t *record_key(const struct record *r)
{
	return r->flags & RECORD_OUTSIDE ? r->outside : (const uint8_t *)(r + 1);
}

/* Headers: for each, 2-byte name length, name, 4-byte value length, value (host order). */
static inline const uint8_t *record_headers(const struct record *r)
{
	return record_key(r) + r->key_len;
}

static inline const uint8_t *record_value(const struct record *r)
{
	return record_key(r) + r->key_len + r->headers_len;
}

static inline const struct record_group *record_as_group(const struct record *r)
{
	return (const struct record_group *)(r + 1);
}

static inline const struct record_mark *record_as_mark(const struct record *r)
{
	return (const struct record_mark *)(r + 1);
}

static inline struct record_xa *record_as_xa(struct record *r)
{
	return (struct record_xa *)(r + 1);
}

/* As of struct position's source: POSITION_SOURCE_MAX bytes with a zero byte. */
static inline const char *record_as_server(const struct record *r)
{
	return (const char *)(r + 1);
}

#endif
