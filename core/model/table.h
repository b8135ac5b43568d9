/*
 * table.h - a table's definition as of a position: what names and types its rows.
 *
 * Made and owned by schema/ (one arena a table; freed when replaced); everyone else
 * borrows it for the event at hand. Column i is the binlog's column i: columns that
 * information_schema does not show are in it too, marked hidden.
 */
#ifndef MR_MODEL_TABLE_H
#define MR_MODEL_TABLE_H

#include "common/base/bytes.h"

#include <stdbool.h>

/* How text bytes become UTF-8. */
enum charset {
	CHARSET_NONE,   /* not text */
	CHARSET_BINARY, /* bytes */
	CHARSET_UTF8,   /* utf8mb4, utf8mb3, ascii: already UTF-8 */
	CHARSET_LATIN1, /* MySQL's latin1, which is cp1252 */
	CHARSET_OTHER,  /* by name, through a converter */
};

/* The column types of TABLE_MAP events (the server's enum_field_types). */
enum column_type {
	COLUMN_DECIMAL_OLD = 0,
	COLUMN_TINY = 1,
	COLUMN_SHORT = 2,
	COLUMN_LONG = 3,
	COLUMN_FLOAT = 4,
	COLUMN_DOUBLE = 5,
	COLUMN_NULL = 6,
	COLUMN_TIMESTAMP = 7,
	COLUMN_LONGLONG = 8,
	COLUMN_INT24 = 9,
	COLUMN_DATE = 10,
	COLUMN_TIME = 11,
	COLUMN_DATETIME = 12,
	COLUMN_YEAR = 13,
	COLUMN_NEWDATE = 14,
	COLUMN_VARCHAR = 15,
	COLUMN_BIT = 16,
	COLUMN_TIMESTAMP2 = 17,
	COLUMN_DATETIME2 = 18,
	COLUMN_TIME2 = 19,
	COLUMN_TYPED_ARRAY = 20,
	COLUMN_BLOB_COMPRESSED = 140,
	COLUMN_VARCHAR_COMPRESSED = 141,
	COLUMN_VECTOR = 242,
	COLUMN_JSON = 245,
	COLUMN_NEWDECIMAL = 246,
	COLUMN_ENUM = 247,
	COLUMN_SET = 248,
	COLUMN_TINY_BLOB = 249,
	COLUMN_MEDIUM_BLOB = 250,
	COLUMN_LONG_BLOB = 251,
	COLUMN_BLOB = 252,
	COLUMN_VAR_STRING = 253,
	COLUMN_STRING = 254,
	COLUMN_GEOMETRY = 255,
};

/*
 * MariaDB keeps some types as bytes, and its events do not tell them from BINARY and VARBINARY:
 * what SELECT shows of such bytes.
 */
enum column_shown {
	SHOWN_BYTES,
	SHOWN_DOUBTFUL, /* perhaps one of these: only the catalogue can tell */
	SHOWN_UUID,
	SHOWN_INET4,
	SHOWN_INET6,
	SHOWN_VECTOR,
};

/* What is known of a column's DEFAULT. */
enum column_default {
	DEFAULT_NOT_KNOWN, /* not asked for; or there is none, or an expression */
	DEFAULT_LITERAL,
	DEFAULT_NOW, /* CURRENT_TIMESTAMP */
};

struct column {
	struct span name;        /* UTF-8 */
	uint8_t type;            /* enum column_type, the real one (ENUM and SET resolved) */
	uint16_t meta;           /* TABLE_MAP's metadata, as read for the type */
	bool is_unsigned;
	bool nullable;
	bool hidden;             /* in the rows, but no user sees it: never published */
	bool row_end;            /* MariaDB, WITH SYSTEM VERSIONING: until when a row was valid */
	bool boolean;            /* declared TINYINT(1) or BOOL; false when not known */
	uint8_t charset;         /* enum charset */
	uint8_t shown;           /* enum column_shown, of BINARY and VARBINARY */
	uint32_t collation;      /* the server's id; 0: unknown */
	struct span charset_name; /* for CHARSET_OTHER and messages; may be empty */
	uint32_t max_bytes;      /* STRING: bytes a CHAR/BINARY holds; BLOB: 1..4 length bytes */
	uint8_t precision;       /* NEWDECIMAL */
	uint8_t scale;           /* NEWDECIMAL digits behind the point; temporals' fraction */
	uint8_t bits;            /* BIT: 1..64 */
	struct span *labels;     /* ENUM, SET: UTF-8; NULL when not known */
	uint32_t nlabels;
	struct span column_type; /* as information_schema spells it; empty when not asked */
	uint8_t default_kind;    /* enum column_default */
	struct span default_text; /* DEFAULT_LITERAL: as information_schema has it, unquoted */
};

struct table {
	struct span db;
	struct span name;
	uint64_t table_id; /* of the TABLE_MAP it was last checked against */
	uint32_t ncolumns;
	struct column *columns;
	uint32_t nkey;  /* primary key's columns, 0: none */
	uint32_t *key;  /* their indexes, in key order */
	/*
	 * What is known, and not a default: binlog/table_map.c says what the event told,
	 * schema/ completes the rest. signs: is_unsigned; charsets: charset and collation
	 * of text, ENUM and SET; labels: of ENUM and SET; key: nkey and key.
	 */
	bool names_known;
	bool signs_known;
	bool charsets_known;
	bool labels_known;
	bool key_known;
};

#endif
