/* definitions_priv.h - what definitions.c and follow.c share. See definitions.h. */
#ifndef MR_PIPELINE_DEFINITIONS_PRIV_H
#define MR_PIPELINE_DEFINITIONS_PRIV_H

#include "common/base/hash.h"
#include "core/pipeline/ahead.h"
#include "core/pipeline/definitions.h"

enum { KNOWN_KEY_MAX = 2 * 256 + 2 };

enum known_state {
	KNOWN_UNKNOWN,	/* a statement changed it, nobody knows how */
	KNOWN_GONE,	/* dropped: there certainly is none */
	KNOWN_FOLLOWED, /* by the history and the tracker */
	KNOWN_PROVEN,	/* by the catalogue, nothing touching it behind */
};

struct known {
	UT_hash_handle hh;
	struct arena arena;
	char *key; /* db, zero, table */
	struct span db;
	struct span name;
	enum known_state state;
	struct catalog_table table; /* FOLLOWED, PROVEN */
};

struct database {
	UT_hash_handle hh;
	char *name;
	bool known;    /* its default */
	bool complete; /* made in the stream that we followed: tables not known are none */
	struct span charset; /* in definitions.names */
	struct span collation;
};

struct definitions {
	struct source_thread *t;
	struct schema_store *store;
	const struct schema_entry *history; /* the store's */
	size_t nhistory;
	struct known *tables;
	struct database *databases;
	struct ahead ahead;
	struct arena names; /* of character sets and collations */
	struct { /* asked of the server before */
		uint32_t id;
		struct span charset;
		struct span collation;
	} collations[8];
	size_t ncollations;
	bool asked; /* rows came without names */
};

struct known *known_find(const struct definitions *d, struct span db, struct span name);
/* Those of a database; empty: all. */
void known_forget(struct definitions *d, struct span db);
/* 0 or -ENOMEM, all is then as before. `table` is copied; NULL for states without one. */
int known_put(struct definitions *d, struct span db, struct span name, enum known_state state,
	      const struct catalog_table *table);
/* Into the history, valid from `at`. 0 or -ENOMEM. */
int definitions_note(struct definitions *d, struct span db, struct span name,
		     const struct binlog_pos *at, const struct catalog_table *table);
void definitions_forget_databases(struct definitions *d);
/* Reads the binlog ahead; the first statement there that touches the table. */
int definitions_look(struct definitions *d, struct err *err) MR_MUST_CHECK;
const struct ahead_touch *definitions_touch(const struct definitions *d, struct span db,
					    struct span name);

#endif
