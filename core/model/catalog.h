/*
 * catalog.h - a table as information_schema describes it now.
 *
 * Made by mysql/catalog.c in an arena that the caller gives, merged by schema/ with
 * what TABLE_MAP says. It has the columns that information_schema shows, in their
 * order: columns the server hides are missing here and may be present in the rows.
 * Names and labels are UTF-8. All spans live as long as the arena.
 */
#ifndef MR_MODEL_CATALOG_H
#define MR_MODEL_CATALOG_H

#include "common/base/arena.h"
#include "common/base/bytes.h"

#include <stdbool.h>

struct catalog_column {
	struct span name;
	/*
	 * ORDINAL_POSITION - 1. MySQL 8.0.15 counts hidden columns, which may stand before
	 * visible ones; elsewhere this is the index, and hidden columns come last.
	 */
	uint32_t place;
	struct span data_type;	 /* "int", "varchar", … lower case */
	struct span column_type; /* "int(10) unsigned", "enum('a','b')", … */
	struct span charset;	 /* "utf8mb4"; empty when not text */
	struct span collation;	 /* empty when not text */
	bool is_unsigned;
	bool nullable;
	bool generated;	     /* virtual or stored */
	bool invisible;	     /* left out of SELECT *, but in the rows */
	bool row_end;	     /* MariaDB: GENERATED ALWAYS AS ROW END, of a versioned table */
	uint32_t key_seq;    /* place in the primary key from 1; 0: not in it */
	uint64_t max_bytes;  /* CHARACTER_OCTET_LENGTH; 0 when not text or bytes */
	uint8_t precision;   /* NUMERIC_PRECISION, for DECIMAL and BIT */
	uint8_t scale;	     /* NUMERIC_SCALE, or DATETIME_PRECISION of temporals */
	struct span *labels; /* ENUM, SET */
	uint32_t nlabels;
};

/* A part of a key. */
struct catalog_part {
	uint32_t column; /* index into columns; CATALOG_EXPRESSION: not a column */
	uint32_t prefix; /* SUB_PART: the first characters only; 0: the whole column */
};

#define CATALOG_EXPRESSION UINT32_MAX

struct catalog_key {
	struct span name; /* "PRIMARY" is the primary key */
	bool unique;
	bool hash; /* INDEX_TYPE is HASH: over long columns MariaDB adds a hidden one */
	uint32_t nparts;
	struct catalog_part *parts;
};

struct catalog_table {
	struct span db;
	struct span name;
	/* The table's default, for columns to come; empty: not known. */
	struct span charset;
	struct span collation;
	/*
	 * How many hidden columns there may be: one for each functional part of a key (MySQL)
	 * or each key kept as a hash (MariaDB's DB_ROW_HASH_n), and row_start and row_end of
	 * a MariaDB table WITH SYSTEM VERSIONING that does not declare them. More missing
	 * columns than these are such that the user may not see.
	 */
	uint32_t hidden_by_keys;
	bool versioned;
	uint32_t ncolumns;
	struct catalog_column *columns;
	/* The primary key, or where there is none the first UNIQUE key without NULLs. */
	uint32_t nkey;
	uint32_t *key; /* indexes into columns, in key order */
	/* All keys in the server's order, which SHOW INDEX has. */
	bool keys_known;
	uint32_t nkeys;
	struct catalog_key *keys;
};

/* A copy of all of it in the arena. 0 or -ENOMEM. */
int catalog_copy(const struct catalog_table *from, struct arena *arena, struct catalog_table *ret);
/* Whether rows read by the one and by the other give the same messages. */
bool catalog_same(const struct catalog_table *a, const struct catalog_table *b);

#endif
