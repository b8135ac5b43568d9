/*
 * value.h - one column's value, as the binlog reader hands it to an envelope.
 *
 * Plain bits: text and bytes point into the event or into the reader's arena and live
 * until the next row is read. The column (table.h) says how to read it: character
 * set, labels, precision.
 */
#ifndef MR_MODEL_VALUE_H
#define MR_MODEL_VALUE_H

#include "common/base/bytes.h"
#include "common/base/clock.h"

#include <stdbool.h>

enum value_kind {
	VALUE_ABSENT, /* not in this row image (binlog_row_image=MINIMAL, NOBLOB) */
	VALUE_JSON_DIFF, /* .p, len: as good as absent: a JSON document that changed, of which
			    only the changes are known; JSON text: an array of them, in order */
	VALUE_NULL,
	VALUE_INT,       /* .i: every signed integer type */
	VALUE_UINT,      /* .u: every unsigned integer type */
	VALUE_YEAR,      /* .u: 0 or 1901..2155 */
	VALUE_FLOAT,     /* .f */
	VALUE_DOUBLE,    /* .d */
	VALUE_DECIMAL,   /* .i: the unscaled number; aux: digits behind the point */
	VALUE_DECIMAL_TEXT, /* .p, len: the unscaled number's ASCII digits, '-' before them
			       when negative, no leading zeros (for more than 18 digits) */
	VALUE_STRING,    /* .p, len: in the column's charset */
	VALUE_BYTES,     /* .p, len: BINARY (padding restored), VARBINARY, BLOB */
	VALUE_ENUM,      /* .u: index from 1; 0 is the empty "invalid" label */
	VALUE_SET,       /* .u: bit i set: label i */
	VALUE_BIT,       /* .u: the number; the column's bits says how many bits */
	VALUE_DATE,      /* .u: struct civil, time part zero; zero dates kept */
	VALUE_TIME,      /* .i: microseconds, signed, -838:59:59.999999 .. */
	VALUE_DATETIME,  /* .u: struct civil; no time zone; zero dates kept */
	VALUE_TIMESTAMP, /* .i: microseconds since 1970, UTC; 0 is '0000-00-00 00:00:00' */
	VALUE_JSON,      /* .p, len: UTF-8 JSON text, compact (no space behind ',' and ':') */
	VALUE_GEOMETRY,  /* .p, len: SRID (4 bytes little-endian), then WKB */
	VALUE_VECTOR,    /* .p, len: IEEE floats, little-endian */
};

struct value {
	uint8_t kind; /* enum value_kind */
	uint8_t aux;  /* decimals: scale; temporals: digits of the fraction 0..6 */
	uint16_t unused;
	uint32_t len;
	union {
		int64_t i;
		uint64_t u;
		float f;
		double d;
		const uint8_t *p;
	};
};

/* The column's value is not known. */
static inline bool value_is_absent(const struct value *v)
{
	return v->kind <= VALUE_JSON_DIFF;
}

/* A broken-down date and time packed into value.u, most significant first. */
struct civil {
	unsigned year;  /* 0..9999 */
	unsigned month; /* 0..12 */
	unsigned day;   /* 0..31 */
	unsigned hour, minute, second;
	unsigned usec;
};

static inline uint64_t civil_pack(const struct civil *c)
{
	return (uint64_t)c->year << 46 | (uint64_t)c->month << 42 | (uint64_t)c->day << 37 |
	       (uint64_t)c->hour << 32 | (uint64_t)c->minute << 26 | (uint64_t)c->second << 20 |
	       (uint64_t)c->usec;
}

static inline struct civil civil_unpack(uint64_t v)
{
	return (struct civil){
		.year = (unsigned)(v >> 46),
		.month = (unsigned)(v >> 42) & 15,
		.day = (unsigned)(v >> 37) & 31,
		.hour = (unsigned)(v >> 32) & 31,
		.minute = (unsigned)(v >> 26) & 63,
		.second = (unsigned)(v >> 20) & 63,
		.usec = (unsigned)v & 0xfffff,
	};
}

#endif
