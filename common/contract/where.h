/*
 * where.h - the condition of a row filter (tables.rows[].where) as a tree: text -> nodes.
 *
 *   or    := and { OR and }
 *   and   := not { AND not }
 *   not   := NOT not | '(' or ')' | test
 *   test  := operand ( op operand | [NOT] IN '(' value {',' value} ')'
 *            | [NOT] BETWEEN value AND value | [NOT] LIKE text | IS [NOT] NULL ) | operand
 *   op    := = <=> <> != < <= > >=
 *   operand := column | value
 *   value := number | 'text' | "text" | X'hex' | TRUE | FALSE | NULL
 *   column := name | `name`
 *
 * Words are read without regard to case; && || ! are AND, OR, NOT as MySQL has them:
 * ! stands in front of a column alone, or of parentheses.
 * Grammar only: whether a column exists and its type takes such a value is core/rules'.
 * Pure. Every node lies in the caller's arena, and so does the text it points to.
 */
#ifndef MR_CONTRACT_WHERE_H
#define MR_CONTRACT_WHERE_H

#include "common/base/arena.h"
#include "common/base/bytes.h"
#include "common/base/err.h"

#include <stdbool.h>

enum {
	WHERE_TEXT_MAX = 16 * 1024, /* bytes */
	WHERE_DEPTH_MAX = 64,       /* of parentheses and NOTs */
	WHERE_NODES_MAX = 1000,
};

enum where_operand_kind {
	WHERE_COLUMN, /* text: its name */
	WHERE_NUMBER, /* text: as written: [-+]digits[.digits][e[-+]digits] */
	WHERE_STRING, /* text: UTF-8, escapes resolved */
	WHERE_BYTES,  /* text: the bytes of X'…' */
	WHERE_NULL,
};

struct where_operand {
	enum where_operand_kind kind;
	struct span text;
};

enum where_kind {
	WHERE_AND, /* left, right */
	WHERE_OR,
	WHERE_NOT, /* left */
	WHERE_EQ,  /* a op b */
	WHERE_SAME, /* <=>: NULLs are equal, never unknown */
	WHERE_NE,
	WHERE_LT,
	WHERE_LE,
	WHERE_GT,
	WHERE_GE,
	WHERE_IN,      /* a in list; `negated`: not */
	WHERE_BETWEEN, /* a from list[0] to list[1] */
	WHERE_LIKE,    /* a like b: % is any text, _ one character, \ takes the next as it is */
	WHERE_IS_NULL, /* a */
	WHERE_TRUE,    /* a alone: neither 0 nor NULL */
};

struct where_node {
	enum where_kind kind;
	bool negated; /* IN, BETWEEN, LIKE, IS_NULL */
	struct where_node *left, *right;
	struct where_operand a, b;
	struct where_operand *list;
	uint32_t nlist;
};

/*
 * The tree of a condition. -EINVAL: err's text says what is wrong and at which character,
 * without a kind of its own (the caller knows the field); or -ENOMEM.
 */
int where_parse(const char *text, struct arena *arena, struct where_node **ret,
		struct err *err) MR_MUST_CHECK;

#endif
