/*
 * table_map.h - TABLE_MAP events: what the rows events that follow are made of.
 *
 * Job: the event's body -> struct table_map (what the bytes say), and from that a
 * struct table (what it means, and what is missing). Completing what is missing is
 * schema/'s, which sees only the struct table.
 *
 * Pure: no log, no clock, no blocking. Thread: whichever reads the source. Memory: all
 * that a map or a table points to lies in the arena given (the body is copied into it).
 */
#ifndef MR_BINLOG_TABLE_MAP_H
#define MR_BINLOG_TABLE_MAP_H

#include "common/base/arena.h"
#include "core/binlog/event.h"
#include "core/model/table.h"

/* A field of the optional metadata; len 0 and p NULL when the event has none. */
struct table_map_meta {
	struct span signedness;
	struct span default_charset;
	struct span column_charset;
	struct span column_name;
	struct span set_values;
	struct span enum_values;
	struct span geometry_type;
	struct span simple_key;
	struct span prefix_key;
	struct span label_default_charset; /* of ENUM and SET columns */
	struct span label_column_charset;
	struct span visibility;
};

struct table_map_column {
	uint8_t type;  /* enum column_type; ENUM and SET resolved from STRING */
	uint16_t meta; /* STRING, ENUM, SET: the two bytes big-endian; NEWDECIMAL: precision
			  << 8 | scale; BIT: bits % 8 | bits / 8 << 8; others: little-endian */
};

struct table_map {
	uint64_t table_id;
	uint16_t flags;
	struct span db;
	struct span name;
	uint32_t ncolumns;
	struct table_map_column *columns;
	const uint8_t *nullable; /* bit i: column i may be NULL */
	struct table_map_meta opt;
	struct span body; /* the event's whole body */
};

/* The table_id of a TABLE_MAP or rows event's body, without looking further. */
int table_map_id(const struct binlog_format *f, const struct event *e, uint64_t *ret,
		 struct err *err) MR_MUST_CHECK;

/* 0, -EBADMSG (ERR_EVENT_CORRUPT), -ENOTSUP (ERR_TYPE_UNSUPPORTED) or -ENOMEM. */
int table_map_parse(const struct binlog_format *f, const struct event *e, struct arena *arena,
		    struct table_map *ret, struct err *err) MR_MUST_CHECK;

/*
 * Does the event say exactly what `map` was parsed from (table_id included)? Then what
 * was made of it still holds: the usual case, and a memcmp.
 */
bool table_map_same(const struct table_map *map, const struct event *e);

/*
 * The definition as far as the map tells: see the *_known flags of struct table. Types,
 * lengths, precisions and nullability are always there. Everything is copied into
 * `arena`, so that the table outlives the map. 0, -EBADMSG or -ENOMEM.
 */
int table_map_describe(const struct table_map *map, const struct binlog_format *f,
		       struct arena *arena, struct table *ret, struct err *err) MR_MUST_CHECK;

/*
 * How a collation id's text becomes UTF-8; CHARSET_OTHER when not known for sure. The
 * flavours give no id two meanings.
 */
enum charset collation_charset(uint32_t collation);

#endif
