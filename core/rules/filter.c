/*
 * filter.c - does a row meet a condition? With SQL's third truth value: a comparison with
 * NULL is unknown, and unknown is not met. See rules_priv.h. Pure; no memory but for text of
 * another character set than UTF-8.
 */
#include "core/rules/rules_priv.h"

#include "common/contract/errors.h"

#include <errno.h>

enum truth { NO, YES, UNKNOWN, FAILED };

struct eval {
	const struct table *table;
	const struct value *values;
	const struct value *other;
	struct arena *arena;
	int rc;
	struct err *err;
};

static enum truth fail(struct eval *e, int rc)
{
	e->rc = rc;
	return FAILED;
}

/* A column's value; NULL: it is in neither image, and the row has failed. */
static const struct value *column_value(struct eval *e, uint32_t column)
{
	const struct value *v = &e->values[column];
	if (value_is_absent(v) && e->other)
		v = &e->other[column];
	if (!value_is_absent(v))
		return v;
	const struct column *c = &e->table->columns[column];
	e->rc = err_set(e->err, -EBADMSG, ERR_VALUE_INVALID,
			"a row filter needs column %.*s, which the row image does not have: set "
			"binlog_row_image=FULL on the source, for all sessions",
			(int)c->name.len, (const char *)c->name.p);
	return NULL;
}

/* An operand as what it is compared as. */
struct item {
	bool null;
	struct span text;
	struct number number;
	double real;
	uint64_t u;
	int64_t i;
	char scratch[NUMBER_TEXT_MAX];
};

/* ENUM and SET as the text of their labels, from the arena. */
static int label_text(struct eval *e, const struct column *c, const struct value *v,
		      struct span *ret)
{
	struct buf b;
	buf_init(&b);
	int rc = text_put(&b, c, v);
	char *copy = rc == 0 && !b.failed ? arena_strndup(e->arena, b.data ? b.data : (void *)"",
							   b.len)
					  : NULL;
	if (copy)
		*ret = (struct span){(const uint8_t *)copy, b.len};
	buf_free(&b);
	return rc < 0 ? rc : copy ? 0 : -ENOMEM;
}

static int unreadable(struct eval *e, const struct column *c, int rc)
{
	if (rc == -ENOMEM)
		return err_set(e->err, rc, ERR_MEMORY, "no memory for a row filter");
	return err_set(e->err, -EBADMSG, ERR_VALUE_INVALID,
		       "a row filter cannot read column %.*s: its value is not valid in its type",
		       (int)c->name.len, (const char *)c->name.p);
}

static int load(struct eval *e, enum filter_class class, const struct filter_operand *o,
		struct item *ret)
{
	if (!o->is_column) {
		ret->null = o->null;
		ret->text = o->text;
		ret->number = o->number;
		ret->real = o->real;
		ret->u = o->u;
		ret->i = o->i;
		return 0;
	}
	const struct value *v = column_value(e, o->column);
	const struct column *c = &e->table->columns[o->column];
	int rc = 0;
	if (!v)
		return e->rc;
	ret->null = v->kind == VALUE_NULL;
	if (ret->null)
		return 0;
	switch (class) {
	case FILTER_NUMBER:
		rc = number_of(v, ret->scratch, &ret->number) ? 0 : -EBADMSG;
		break;
	case FILTER_DOUBLE:
		ret->real = number_double(v);
		break;
	case FILTER_TEXT:
		rc = v->kind == VALUE_STRING ? text_utf8(c, v, e->arena, &ret->text)
					     : label_text(e, c, v, &ret->text);
		break;
	case FILTER_BYTES:
		ret->text = (struct span){v->p, v->len};
		break;
	case FILTER_CIVIL:
		ret->u = v->u;
		break;
	case FILTER_MOMENT:
	case FILTER_TIME:
		ret->i = v->i;
		break;
	case FILTER_NONE:
		rc = -EBADMSG;
		break;
	}
	return rc < 0 ? unreadable(e, c, rc) : 0;
}

#define ORDER(a, b) ((a) < (b) ? -1 : (a) > (b))

static int order_of(enum filter_class class, const struct item *a, const struct item *b)
{
	size_t n;
	int order;
	switch (class) {
	case FILTER_NUMBER:
		return number_compare(&a->number, &b->number);
	case FILTER_DOUBLE:
		return ORDER(a->real, b->real);
	case FILTER_CIVIL:
		return ORDER(a->u, b->u);
	case FILTER_MOMENT:
	case FILTER_TIME:
		return ORDER(a->i, b->i);
	default:
		n = a->text.len < b->text.len ? a->text.len : b->text.len;
		order = n ? memcmp(a->text.p, b->text.p, n) : 0;
		return order ? order : ORDER(a->text.len, b->text.len);
	}
}

static enum truth compare(struct eval *e, const struct filter_node *f)
{
	struct item a, b;
	int rc = load(e, f->class, &f->a, &a);
	if (rc == 0)
		rc = load(e, f->class, &f->b, &b);
	if (rc < 0)
		return fail(e, rc);
	if (f->kind == WHERE_SAME && (a.null || b.null))
		return a.null && b.null ? YES : NO;
	if (a.null || b.null)
		return UNKNOWN;
	int order = order_of(f->class, &a, &b);
	switch (f->kind) {
	case WHERE_EQ:
	case WHERE_SAME:
		return order == 0;
	case WHERE_NE:
		return order != 0;
	case WHERE_LT:
		return order < 0;
	case WHERE_LE:
		return order <= 0;
	case WHERE_GT:
		return order > 0;
	default:
		return order >= 0;
	}
}

static size_t char_len(bool utf8, const uint8_t *p, size_t left)
{
	size_t n = 1;
	if (utf8)
		while (n < left && (p[n] & 0xc0) == 0x80)
			n++;
	return n;
}

/*
 * The last % is the only one ever gone back to: what follows it either fits somewhere
 * behind or not at all. So the time is bounded by pattern times text.
 */
static bool like(struct span text, struct span pattern, bool utf8)
{
	size_t t = 0, p = 0, retry = 0, star = SIZE_MAX;
	while (t < text.len) {
		uint8_t c = p < pattern.len ? pattern.p[p] : 0;
		if (p < pattern.len && c == '%') {
			star = ++p;
			retry = t;
			continue;
		}
		if (p < pattern.len && c == '_') {
			p++;
			t += char_len(utf8, text.p + t, text.len - t);
			continue;
		}
		size_t literal = p;
		if (c == '\\' && p + 1 < pattern.len)
			literal++;
		if (literal < pattern.len && pattern.p[literal] == text.p[t]) {
			p = literal + 1;
			t++;
			continue;
		}
		if (star == SIZE_MAX)
			return false;
		p = star;
		t = retry += char_len(utf8, text.p + retry, text.len - retry);
	}
	while (p < pattern.len && pattern.p[p] == '%')
		p++;
	return p == pattern.len;
}

static enum truth not(enum truth t)
{
	return t == YES ? NO : t == NO ? YES : t;
}

static enum truth in_list(struct eval *e, const struct filter_node *f, const struct item *a)
{
	enum truth result = NO;
	for (uint32_t i = 0; i < f->nlist; i++) {
		struct item b;
		int rc = load(e, f->class, &f->list[i], &b);
		if (rc < 0)
			return fail(e, rc);
		if (b.null)
			result = UNKNOWN;
		else if (order_of(f->class, a, &b) == 0)
			return YES;
	}
	return result;
}

static enum truth between(struct eval *e, const struct filter_node *f, const struct item *a)
{
	struct item low, high;
	int rc = load(e, f->class, &f->list[0], &low);
	if (rc == 0)
		rc = load(e, f->class, &f->list[1], &high);
	if (rc < 0)
		return fail(e, rc);
	enum truth above = low.null ? UNKNOWN : order_of(f->class, a, &low) >= 0;
	enum truth below = high.null ? UNKNOWN : order_of(f->class, a, &high) <= 0;
	if (above == NO || below == NO)
		return NO;
	return above == YES && below == YES ? YES : UNKNOWN;
}

/* IN, BETWEEN, LIKE, IS NULL, a number alone. */
static enum truth test(struct eval *e, const struct filter_node *f)
{
	struct item a;
	if (f->kind == WHERE_IS_NULL) {
		const struct value *v = column_value(e, f->a.column);
		return v ? (v->kind == VALUE_NULL) != f->negated : FAILED;
	}
	int rc = load(e, f->class, &f->a, &a);
	if (rc < 0)
		return fail(e, rc);
	if (a.null)
		return UNKNOWN;
	enum truth t;
	if (f->kind == WHERE_TRUE) {
		static const struct number zero = {.digits = ""};
		return f->class == FILTER_NUMBER ? number_compare(&a.number, &zero) != 0
						 : a.real < 0 || a.real > 0;
	}
	if (f->kind == WHERE_LIKE)
		t = f->b.null ? UNKNOWN
			      : (enum truth)like(a.text, f->b.text, f->class == FILTER_TEXT);
	else
		t = f->kind == WHERE_IN ? in_list(e, f, &a) : between(e, f, &a);
	return f->negated ? not(t) : t;
}

static enum truth evaluate(struct eval *e, const struct filter_node *f)
{
	enum truth left, right;
	switch (f->kind) {
	case WHERE_AND:
		left = evaluate(e, f->left);
		if (left == NO || left == FAILED)
			return left;
		right = evaluate(e, f->right);
		return right == YES ? left : right;
	case WHERE_OR:
		left = evaluate(e, f->left);
		if (left == YES || left == FAILED)
			return left;
		right = evaluate(e, f->right);
		return right == NO ? left : right;
	case WHERE_NOT:
		return not(evaluate(e, f->left));
	case WHERE_EQ:
	case WHERE_SAME:
	case WHERE_NE:
	case WHERE_LT:
	case WHERE_LE:
	case WHERE_GT:
	case WHERE_GE:
		return compare(e, f);
	default:
		return test(e, f);
	}
}

int filter_met(const struct filter_node *f, const struct table *table, const struct value *values,
	       const struct value *other, struct arena *arena, struct err *err)
{
	struct eval e = {
		.table = table, .values = values, .other = other, .arena = arena, .err = err};
	enum truth t = evaluate(&e, f);
	return t == FAILED ? e.rc : t == YES;
}
