/*
 * statement.h - what kind of statement a text is: just enough to know what it does to
 * the group it stands in. Not a parser of DDL; that is schema/'s.
 *
 * Comments, versioned comments (whose content counts: the servers log those they did not
 * execute as plain comments), spaces and case do not matter. Pure; spans borrow the text.
 */
#ifndef MR_BINLOG_STATEMENT_H
#define MR_BINLOG_STATEMENT_H

#include "common/base/bytes.h"

#include <stdbool.h>

enum statement_kind {
	STATEMENT_EMPTY, /* comments only */
	STATEMENT_BEGIN,
	STATEMENT_COMMIT,
	STATEMENT_ROLLBACK,
	STATEMENT_SAVEPOINT,   /* name */
	STATEMENT_ROLLBACK_TO, /* name */
	STATEMENT_RELEASE,     /* name */
	STATEMENT_XA_START,
	STATEMENT_XA_END,
	STATEMENT_XA_COMMIT,   /* name: all behind the verb */
	STATEMENT_XA_ROLLBACK, /* the same */
	STATEMENT_DEFINITION,       /* CREATE, ALTER, DROP, …: no row change in the text */
	STATEMENT_DEFINITION_OPENS, /* CREATE TABLE … START TRANSACTION: rows follow */
	STATEMENT_CHANGE,  /* row changes, or what may cause them (SELECT f()) */
	STATEMENT_EMPTIED, /* DELETE FROM `db`.`table` and nothing else: what MySQL up to 8.0
			      writes, too, when it finds a MEMORY table empty after a start */
	STATEMENT_OTHER,   /* none of these: what it means depends on where it stands */
};

struct statement {
	enum statement_kind kind;
	struct span verb; /* its first word, as written */
	struct span name; /* of a savepoint, with its quotes if it has any; of XA: xid_parse() */
};

struct statement statement_classify(struct span text, bool backslash_escapes);

/* The name without its quotes into out (zero-terminated); its length, or -1: too long. */
int statement_unquote(struct span name, char *out, size_t size);

#endif
