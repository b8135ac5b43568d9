/* rules_priv.h - what the files of core/rules share. */
#ifndef MR_RULES_RULES_PRIV_H
#define MR_RULES_RULES_PRIV_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/contract/where.h"
#include "core/rules/rules.h"

/* ------------------------------------------------------- versioned.c */

/*
 * A row of a table WITH SYSTEM VERSIONING whose column `end` says until when it was valid:
 * what it means for the rows that SELECT shows. 1: row->op and its images say so; 0: nothing,
 * it is one of history; or -errno (ERR_VALUE_INVALID).
 */
int versioned_row(const struct table *table, uint32_t end, struct row *row,
		  const struct value *before, const struct value *after,
		  struct err *err) MR_MUST_CHECK;

/* ------------------------------------------------------- text.c */

/*
 * A value's text as SELECT shows it (a TIMESTAMP in UTC), appended: UTF-8 for what is text,
 * the bytes themselves for what is bytes. Not for NULL and absent ones. -EBADMSG: text that
 * its character set does not have.
 */
int text_put(struct buf *b, const struct column *c, const struct value *v) MR_MUST_CHECK;
/* Text or bytes of a STRING or BYTES value in UTF-8; from `arena` when converted. */
int text_utf8(const struct column *c, const struct value *v, struct arena *arena,
	      struct span *ret) MR_MUST_CHECK;
/* Bytes that the first n characters have; all when there are fewer. */
size_t text_prefix(struct span utf8, uint64_t n);

/* ------------------------------------------------------- number.c */

/*
 * A decimal number as its digits: exact, whatever its size. `digits` has nint digits (no
 * zeros in front), then nfrac.
 */
struct number {
	bool negative;
	const char *digits;
	uint32_t nint;
	uint32_t nfrac;
};

enum { NUMBER_TEXT_MAX = 24 };

/* From text [-+]digits[.digits]; `digits` is made in the arena. -EINVAL: it is none. */
int number_parse(struct span text, struct arena *arena, struct number *ret) MR_MUST_CHECK;
/* Of an integer, BIT, YEAR or DECIMAL value; `scratch` holds what has to be made. */
bool number_of(const struct value *v, char scratch[NUMBER_TEXT_MAX], struct number *ret);
/* < 0, 0, > 0 */
int number_compare(const struct number *a, const struct number *b);
double number_double(const struct value *v);

/* ------------------------------------------------------- filter_bind.c, filter.c */

/* What values of a column are compared as. */
enum filter_class {
	FILTER_NONE, /* only IS NULL */
	FILTER_NUMBER,
	FILTER_DOUBLE,
	FILTER_TEXT,
	FILTER_BYTES,
	FILTER_CIVIL,  /* DATE, DATETIME: civil_pack()ed */
	FILTER_MOMENT, /* TIMESTAMP: microseconds since 1970, UTC */
	FILTER_TIME,   /* microseconds */
};

struct filter_operand {
	bool is_column;
	bool null;
	uint32_t column;
	struct span text; /* TEXT, BYTES */
	struct number number;
	double real;
	uint64_t u; /* CIVIL */
	int64_t i;  /* MOMENT, TIME */
};

struct filter_node {
	enum where_kind kind;
	bool negated;
	enum filter_class class;
	struct filter_node *left, *right;
	struct filter_operand a, b;
	struct filter_operand *list;
	uint32_t nlist;
};

/*
 * The condition over the columns of a table, in `arena`. -EINVAL (ERR_TASK_INVALID,
 * without a place) or -ENOMEM.
 */
int filter_bind(const struct where_node *where, const struct table *table, struct arena *arena,
		struct filter_node **ret, struct err *err) MR_MUST_CHECK;
enum filter_class filter_class_of(const struct column *c);

/*
 * Does the row image meet it? A column that `values` lacks is taken from `other` (may be
 * NULL). 1, 0 (not, or unknown), or -errno.
 */
int filter_met(const struct filter_node *f, const struct table *table, const struct value *values,
	       const struct value *other, struct arena *arena, struct err *err) MR_MUST_CHECK;

/* ------------------------------------------------------- columns.c */

struct hmac; /* keyed once a task */
struct hmac *hmac_new(const char *key, size_t len);
void hmac_free(struct hmac *h);

struct column_rule {
	uint32_t index;
	const struct task_column_rule *rule;
};

struct columns {
	struct column_rule *rules;
	uint32_t nrules;
};

/*
 * Which rules concern the columns of a table, in `arena`, and the definition they make of
 * it. ret->nrules 0: none, and *ret_table is untouched.
 */
int columns_bind(const struct task *task, const struct table *table, struct arena *arena,
		 struct columns *ret, struct table *ret_table, struct err *err) MR_MUST_CHECK;
/* table: the definition that the values are of, not the one that was made. */
int columns_apply(const struct columns *c, struct hmac *hmac, struct buf *scratch,
		  const struct table *table, struct value *values, struct arena *arena,
		  struct err *err) MR_MUST_CHECK;

#endif
