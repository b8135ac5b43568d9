/*
 * where_fuzz.c - any text as the condition of a row filter, over any row.
 *
 * A condition is refused with a reason, or has one truth value for a row: it and its NOT are
 * not both met, NOT NOT changes nothing, and neither do parentheses. Input: the text up to a
 * zero byte, then a byte for each column, then what their values are made of.
 */
#include "common/contract/where.h"
#include "core/rules/rules_priv.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ID, PRICE, RATIO, NAME, STATE, FLAGS, DAY, AT, STAMP, LASTS, RAW, DOC, BIG, OLD, COLUMNS };

static const struct {
	const char *name;
	uint8_t type, charset, kind;
} shapes[COLUMNS] = {
	[ID] = {"id", COLUMN_LONGLONG, CHARSET_NONE, VALUE_INT},
	[PRICE] = {"price", COLUMN_NEWDECIMAL, CHARSET_NONE, VALUE_DECIMAL},
	[RATIO] = {"ratio", COLUMN_DOUBLE, CHARSET_NONE, VALUE_DOUBLE},
	[NAME] = {"name", COLUMN_VARCHAR, CHARSET_UTF8, VALUE_STRING},
	[STATE] = {"state", COLUMN_ENUM, CHARSET_UTF8, VALUE_ENUM},
	[FLAGS] = {"flags", COLUMN_SET, CHARSET_UTF8, VALUE_SET},
	[DAY] = {"day", COLUMN_DATE, CHARSET_NONE, VALUE_DATE},
	[AT] = {"at", COLUMN_DATETIME2, CHARSET_NONE, VALUE_DATETIME},
	[STAMP] = {"stamp", COLUMN_TIMESTAMP2, CHARSET_NONE, VALUE_TIMESTAMP},
	[LASTS] = {"lasts", COLUMN_TIME2, CHARSET_NONE, VALUE_TIME},
	[RAW] = {"raw", COLUMN_BLOB, CHARSET_BINARY, VALUE_BYTES},
	[DOC] = {"doc", COLUMN_JSON, CHARSET_NONE, VALUE_JSON},
	[BIG] = {"big", COLUMN_LONGLONG, CHARSET_NONE, VALUE_UINT},
	[OLD] = {"old", COLUMN_VARCHAR, CHARSET_OTHER, VALUE_STRING},
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct span text(const char *s)
{
	return (struct span){(const uint8_t *)s, strlen(s)};
}

static void define(struct column *columns, struct span *labels)
{
	labels[0] = text("new");
	labels[1] = text("paid");
	for (int i = 0; i < COLUMNS; i++) {
		columns[i] = (struct column){.name = text(shapes[i].name),
					     .type = shapes[i].type,
					     .charset = shapes[i].charset,
					     .is_unsigned = i == BIG,
					     .nullable = true};
		if (i == STATE || i == FLAGS) {
			columns[i].labels = labels;
			columns[i].nlabels = 2;
		}
	}
	columns[OLD].charset_name = text("gbk");
}

/* How a column's value is made: 0 NULL, 1 absent, else of the bytes at hand. */
static void fill(struct value *v, int column, unsigned how, const uint8_t *p, size_t left)
{
	uint8_t bytes[8] = {0};
	*v = (struct value){.kind = VALUE_NULL};
	if (how % 8 == 0)
		return;
	v->kind = how % 8 == 1 ? (uint8_t)VALUE_ABSENT : shapes[column].kind;
	memcpy(bytes, p, left < 8 ? left : 8);
	v->u = load_le64(bytes);
	switch (v->kind) {
	case VALUE_STRING:
	case VALUE_BYTES:
	case VALUE_JSON:
		v->p = p;
		v->len = (uint32_t)(left < how / 8 ? left : how / 8);
		break;
	case VALUE_DECIMAL:
		v->aux = (uint8_t)(how / 8 % 19);
		v->i = v->i % 1000000000000000000;
		break;
	case VALUE_ENUM:
		v->u %= 4; /* one more than there are */
		break;
	case VALUE_SET:
		v->u %= 8;
		break;
	default:
		break;
	}
}

static struct where_node *parse(const char *condition, struct arena *arena)
{
	struct where_node *where = NULL;
	struct err err = {0};
	int rc = where_parse(condition, arena, &where, &err);
	must(rc == 0 ? where != NULL : err.text[0] != 0);
	return where;
}

static int met(const struct filter_node *f, const struct table *table, const struct value *values,
	       const struct value *other, struct arena *arena)
{
	struct err err = {0};
	int rc = filter_met(f, table, values, other, arena, &err);
	must(rc <= 1 && (rc >= 0 || err.kind));
	return rc;
}

static void evaluate(const char *condition, struct filter_node *f, const struct table *table,
		     const struct value *values, const struct value *other, struct arena *arena)
{
	struct filter_node not = {.kind = WHERE_NOT, .left = f};
	struct filter_node twice = {.kind = WHERE_NOT, .left = &not};
	int yes = met(f, table, values, other, arena);
	int no = met(&not, table, values, other, arena);
	must(yes < 0 ? no == yes : no >= 0 && !(yes && no));
	must(met(&twice, table, values, other, arena) == yes);
	size_t len = strlen(condition);
	char *inner = malloc(len + 3);
	must(inner != NULL);
	inner[0] = '(';
	memcpy(inner + 1, condition, len);
	memcpy(inner + 1 + len, ")", 2);
	struct where_node *where = parse(inner, arena);
	struct err err = {0};
	if (where) { /* it may be too long or too deep now */
		must(filter_bind(where, table, arena, &f, &err) == 0);
		must(met(f, table, values, other, arena) == yes);
	}
	free(inner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 20000)
		return 0;
	size_t len = strnlen((const char *)data, size);
	size_t left = size - len - (len < size);
	char *condition = malloc(len + 1);
	uint8_t *rest = malloc(left + !left);
	struct column columns[COLUMNS];
	struct span labels[2];
	struct value values[COLUMNS], other[COLUMNS];
	struct table table = {.db = text("d"), .name = text("t"), .ncolumns = COLUMNS,
			      .columns = columns};
	struct arena arena;
	struct err err = {0};
	must(condition && rest);
	memcpy(condition, data, len);
	condition[len] = 0;
	memcpy(rest, data + size - left, left);
	define(columns, labels);
	for (int i = 0; i < COLUMNS; i++) {
		size_t at = left > COLUMNS ? COLUMNS : left, n = (size_t)i * 4;
		n = at + n < left ? at + n : left;
		unsigned how = (size_t)i < left ? rest[i] : 0;
		fill(&values[i], i, how, rest + n, left - n);
		fill(&other[i], i, how >> 1, rest + n, left - n);
	}
	arena_init(&arena);
	struct where_node *where = parse(condition, &arena);
	struct filter_node *f = NULL;
	if (where) {
		if (filter_bind(where, &table, &arena, &f, &err) == 0)
			evaluate(condition, f, &table, values, left & 1 ? other : NULL, &arena);
		else
			must(err.kind && err.text[0]);
	}
	arena_free(&arena);
	free(condition);
	free(rest);
	return 0;
}
