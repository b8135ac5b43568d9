/*
 * filter_bind.c - a condition's tree over one table's columns: names become indexes, values
 * are read once as what the columns are compared as. See rules_priv.h. Pure.
 */
#include "core/rules/rules_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

struct bind {
	const struct table *table;
	struct arena *arena;
	struct err *err;
};

static int no_memory(const struct bind *b)
{
	return err_set(b->err, -ENOMEM, ERR_MEMORY, "no memory for a row filter");
}

enum filter_class filter_class_of(const struct column *c)
{
	if (c->shown == SHOWN_VECTOR)
		return FILTER_NONE;
	switch ((enum column_type)c->type) {
	case COLUMN_TINY:
	case COLUMN_SHORT:
	case COLUMN_INT24:
	case COLUMN_LONG:
	case COLUMN_LONGLONG:
	case COLUMN_YEAR:
	case COLUMN_BIT:
	case COLUMN_NEWDECIMAL:
		return FILTER_NUMBER;
	case COLUMN_FLOAT:
	case COLUMN_DOUBLE:
		return FILTER_DOUBLE;
	case COLUMN_ENUM:
	case COLUMN_SET:
		return FILTER_TEXT;
	case COLUMN_STRING:
	case COLUMN_VARCHAR:
	case COLUMN_VAR_STRING:
	case COLUMN_TINY_BLOB:
	case COLUMN_MEDIUM_BLOB:
	case COLUMN_LONG_BLOB:
	case COLUMN_BLOB:
	case COLUMN_VARCHAR_COMPRESSED:
	case COLUMN_BLOB_COMPRESSED:
		return c->charset == CHARSET_BINARY ? FILTER_BYTES : FILTER_TEXT;
	case COLUMN_DATE:
	case COLUMN_NEWDATE:
	case COLUMN_DATETIME:
	case COLUMN_DATETIME2:
		return FILTER_CIVIL;
	case COLUMN_TIMESTAMP:
	case COLUMN_TIMESTAMP2:
		return FILTER_MOMENT;
	case COLUMN_TIME:
	case COLUMN_TIME2:
		return FILTER_TIME;
	default:
		return FILTER_NONE;
	}
}

static const char *class_name(enum filter_class class)
{
	static const char *const names[] = {
		[FILTER_NONE] = "a type that cannot be compared",
		[FILTER_NUMBER] = "a number",
		[FILTER_DOUBLE] = "a number",
		[FILTER_TEXT] = "a text",
		[FILTER_BYTES] = "bytes",
		[FILTER_CIVIL] = "a date",
		[FILTER_MOMENT] = "a date and time",
		[FILTER_TIME] = "a time",
	};
	return names[class];
}

static int find_column(const struct bind *b, struct span name, uint32_t *ret)
{
	for (uint32_t i = 0; i < b->table->ncolumns; i++) {
		const struct column *c = &b->table->columns[i];
		if (!c->hidden && c->name.len == name.len &&
		    strncasecmp((const char *)c->name.p, (const char *)name.p, name.len) == 0) {
			*ret = i;
			return 0;
		}
	}
	return err_set(b->err, -EINVAL, ERR_TASK_INVALID, "the table has no column %.*s",
		       (int)name.len, (const char *)name.p);
}

/* ---------------------------------------------------------------- values */

static bool take_digits(struct span *s, unsigned n, unsigned *ret)
{
	unsigned v = 0;
	if (s->len < n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s->p[i] - '0');
	}
	s->p += n;
	s->len -= n;
	*ret = v;
	return true;
}

static bool take(struct span *s, char c)
{
	if (s->len == 0 || s->p[0] != (uint8_t)c)
		return false;
	s->p++;
	s->len--;
	return true;
}

/* Up to six digits behind a point; none is 0. */
static bool take_fraction(struct span *s, unsigned *ret)
{
	unsigned unit = 100000, digit;
	*ret = 0;
	if (!take(s, '.'))
		return true;
	if (s->len == 0)
		return false;
	for (; s->len && unit; unit /= 10) {
		if (!take_digits(s, 1, &digit))
			return false;
		*ret += digit * unit;
	}
	return true;
}

/* "2026-11-22", "2026-11-22 10:00:00[.fraction]" (T too). */
static bool read_civil(struct span s, struct civil *ret)
{
	struct civil t = {0};
	bool ok = take_digits(&s, 4, &t.year) && take(&s, '-') && take_digits(&s, 2, &t.month) &&
		  take(&s, '-') && take_digits(&s, 2, &t.day) && t.month <= 12 && t.day <= 31;
	if (ok && s.len)
		ok = (take(&s, ' ') || take(&s, 'T')) && take_digits(&s, 2, &t.hour) &&
		     take(&s, ':') && take_digits(&s, 2, &t.minute) && take(&s, ':') &&
		     take_digits(&s, 2, &t.second) && t.hour <= 23 && t.minute <= 59 &&
		     t.second <= 59 && take_fraction(&s, &t.usec) && s.len == 0;
	*ret = t;
	return ok;
}

/* Microseconds since 1970; the zero date is 0, as a TIMESTAMP has it. */
static bool read_moment(struct span s, int64_t *ret)
{
	struct civil t;
	if (!read_civil(s, &t))
		return false;
	*ret = 0;
	if (t.year == 0 && t.month == 0 && t.day == 0)
		return true;
	if (t.year < 1970 || t.month == 0 || t.day == 0)
		return false;
	struct tm tm = {.tm_year = (int)t.year - 1900,
			.tm_mon = (int)t.month - 1,
			.tm_mday = (int)t.day,
			.tm_hour = (int)t.hour,
			.tm_min = (int)t.minute,
			.tm_sec = (int)t.second};
	*ret = (int64_t)timegm(&tm) * USEC_PER_SEC + (int64_t)t.usec;
	return tm.tm_mday == (int)t.day;
}

/* "[-]hh[h]:mm:ss[.fraction]" */
static bool read_time(struct span s, int64_t *ret)
{
	bool negative = take(&s, '-');
	unsigned hours = 0, digit, minute, second, usec, n = 0;
	for (; n < 3 && take_digits(&s, 1, &digit); n++)
		hours = hours * 10 + digit;
	if (n == 0 || !take(&s, ':') || !take_digits(&s, 2, &minute) || !take(&s, ':') ||
	    !take_digits(&s, 2, &second) || !take_fraction(&s, &usec) || s.len || minute > 59 ||
	    second > 59)
		return false;
	int64_t v = ((int64_t)hours * 3600 + minute * 60 + second) * USEC_PER_SEC + usec;
	*ret = negative ? -v : v;
	return true;
}

static int read_number(const struct bind *b, struct span text, enum filter_class class,
		       struct filter_operand *o)
{
	char copy[128];
	if (text.len >= sizeof(copy) || text.len == 0)
		return -EINVAL;
	memcpy(copy, text.p, text.len);
	copy[text.len] = 0;
	char *end;
	o->real = strtod(copy, &end);
	if (*end || strspn(copy, "+-.0123456789eE") != text.len)
		return -EINVAL;
	if (class == FILTER_DOUBLE)
		return 0;
	return number_parse(text, b->arena, &o->number);
}

/* A value as columns of this class are compared with it. */
static int bind_value(const struct bind *b, const struct where_operand *w,
		      enum filter_class class, struct filter_operand *o)
{
	int rc = 0;
	struct civil civil;
	bool text = w->kind == WHERE_STRING;
	o->text = w->text;
	if (w->kind == WHERE_NULL) {
		o->null = true;
		return 0;
	}
	switch (class) {
	case FILTER_NUMBER:
	case FILTER_DOUBLE:
		rc = w->kind == WHERE_BYTES ? -EINVAL : read_number(b, w->text, class, o);
		break;
	case FILTER_TEXT:
		rc = text ? 0 : -EINVAL;
		break;
	case FILTER_BYTES:
		rc = w->kind == WHERE_NUMBER ? -EINVAL : 0;
		break;
	case FILTER_CIVIL:
		rc = text && read_civil(w->text, &civil) ? 0 : -EINVAL;
		if (rc == 0)
			o->u = civil_pack(&civil);
		break;
	case FILTER_MOMENT:
		rc = text && read_moment(w->text, &o->i) ? 0 : -EINVAL;
		break;
	case FILTER_TIME:
		rc = text && read_time(w->text, &o->i) ? 0 : -EINVAL;
		break;
	case FILTER_NONE:
		return err_set(b->err, -EINVAL, ERR_TASK_INVALID,
			       "its column has a type that cannot be compared: only IS NULL and IS "
			       "NOT NULL can be asked");
	}
	if (rc == -ENOMEM)
		return no_memory(b);
	if (rc == 0)
		return 0;
	static const char *const wanted[] = {
		[FILTER_NUMBER] = "an exact number, such as -12.50",
		[FILTER_DOUBLE] = "a number",
		[FILTER_TEXT] = "a text in quotes",
		[FILTER_BYTES] = "X'…' or a text",
		[FILTER_CIVIL] = "'2026-11-22' or '2026-11-22 10:00:00'",
		[FILTER_MOMENT] = "'2026-11-22 10:00:00' in UTC",
		[FILTER_TIME] = "'10:00:00'",
	};
	return err_set(b->err, -EINVAL, ERR_TASK_INVALID,
		       "%s%.*s%s cannot be compared with %s: %s is needed", text ? "'" : "",
		       (int)w->text.len, (const char *)w->text.p, text ? "'" : "",
		       class_name(class), wanted[class]);
}

/* ---------------------------------------------------------------- nodes */

static int bind_column(const struct bind *b, const struct where_operand *w,
		       struct filter_operand *o, enum filter_class *ret_class)
{
	int rc = find_column(b, w->text, &o->column);
	if (rc < 0)
		return rc;
	o->is_column = true;
	*ret_class = filter_class_of(&b->table->columns[o->column]);
	return 0;
}

/* Two columns: what both can be compared as. */
static int common_class(const struct bind *b, enum filter_class x, enum filter_class y,
			enum filter_class *ret)
{
	if (x == y && x != FILTER_NONE) {
		*ret = x;
		return 0;
	}
	if ((x == FILTER_NUMBER && y == FILTER_DOUBLE) ||
	    (x == FILTER_DOUBLE && y == FILTER_NUMBER)) {
		*ret = FILTER_DOUBLE;
		return 0;
	}
	return err_set(b->err, -EINVAL, ERR_TASK_INVALID,
		       "a column that is %s cannot be compared with one that is %s", class_name(x),
		       class_name(y));
}

static int bind_comparison(const struct bind *b, const struct where_node *w, struct filter_node *f)
{
	enum filter_class x = FILTER_NONE, y = FILTER_NONE;
	int rc = 0;
	if (w->a.kind != WHERE_COLUMN && w->b.kind != WHERE_COLUMN)
		return err_set(b->err, -EINVAL, ERR_TASK_INVALID,
			       "a comparison needs a column on one side");
	if (f->kind != WHERE_SAME && (w->a.kind == WHERE_NULL || w->b.kind == WHERE_NULL))
		return err_set(b->err, -EINVAL, ERR_TASK_INVALID,
			       "a comparison with NULL is never true: use IS NULL or IS NOT NULL");
	if (w->a.kind == WHERE_COLUMN)
		rc = bind_column(b, &w->a, &f->a, &x);
	if (rc == 0 && w->b.kind == WHERE_COLUMN)
		rc = bind_column(b, &w->b, &f->b, &y);
	if (rc < 0)
		return rc;
	if (f->a.is_column && f->b.is_column)
		return common_class(b, x, y, &f->class);
	f->class = f->a.is_column ? x : y;
	return f->a.is_column ? bind_value(b, &w->b, x, &f->b) : bind_value(b, &w->a, y, &f->a);
}

static int bind_test(const struct bind *b, const struct where_node *w, struct filter_node *f)
{
	if (f->kind == WHERE_TRUE && w->a.kind == WHERE_NUMBER) {
		f->class = FILTER_DOUBLE; /* TRUE, FALSE, 1: the same for every row */
		return bind_value(b, &w->a, FILTER_DOUBLE, &f->a);
	}
	if (w->a.kind != WHERE_COLUMN)
		return err_set(b->err, -EINVAL, ERR_TASK_INVALID, "a condition needs a column");
	int rc = bind_column(b, &w->a, &f->a, &f->class);
	if (rc < 0 || f->kind == WHERE_IS_NULL)
		return rc;
	if (f->kind == WHERE_TRUE)
		return f->class == FILTER_NUMBER || f->class == FILTER_DOUBLE
			       ? 0
			       : err_set(b->err, -EINVAL, ERR_TASK_INVALID,
					 "column %.*s is not a number: compare it with something",
					 (int)w->a.text.len, (const char *)w->a.text.p);
	if (f->kind == WHERE_LIKE) {
		if (f->class != FILTER_TEXT && f->class != FILTER_BYTES)
			return err_set(b->err, -EINVAL, ERR_TASK_INVALID,
				       "LIKE is for texts, column %.*s is %s", (int)w->a.text.len,
				       (const char *)w->a.text.p, class_name(f->class));
		return bind_value(b, &w->b, f->class, &f->b);
	}
	f->nlist = w->nlist;
	f->list = arena_zalloc(b->arena, w->nlist * sizeof(*f->list));
	if (!f->list)
		return no_memory(b);
	for (uint32_t i = 0; i < w->nlist && rc == 0; i++)
		rc = bind_value(b, &w->list[i], f->class, &f->list[i]);
	return rc;
}

static int bind_node(const struct bind *b, const struct where_node *w, struct filter_node **ret)
{
	struct filter_node *f = arena_zalloc(b->arena, sizeof(*f));
	if (!f)
		return no_memory(b);
	f->kind = w->kind;
	f->negated = w->negated;
	*ret = f;
	int rc;
	switch (w->kind) {
	case WHERE_AND:
	case WHERE_OR:
		rc = bind_node(b, w->left, &f->left);
		return rc < 0 ? rc : bind_node(b, w->right, &f->right);
	case WHERE_NOT:
		return bind_node(b, w->left, &f->left);
	case WHERE_EQ:
	case WHERE_SAME:
	case WHERE_NE:
	case WHERE_LT:
	case WHERE_LE:
	case WHERE_GT:
	case WHERE_GE:
		return bind_comparison(b, w, f);
	default:
		return bind_test(b, w, f);
	}
}

int filter_bind(const struct where_node *where, const struct table *table, struct arena *arena,
		struct filter_node **ret, struct err *err)
{
	const struct bind b = {.table = table, .arena = arena, .err = err};
	return bind_node(&b, where, ret);
}
