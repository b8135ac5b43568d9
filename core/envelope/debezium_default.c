/*
 * debezium_default.c - a column's DEFAULT as a value in Debezium's form: "default" in schemas,
 * and in compat exact what is written for NULL and for a zero date.
 *
 * (Connect's Struct gives a field's default where its value is null, so a NULL in a column that
 * has a default leaves Debezium as that default.)
 *
 * The text is information_schema's. What it cannot be read as is no default. Made once a
 * definition. Pure.
 */
#include "core/envelope/debezium_priv.h"

#include "common/base/json.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <stdlib.h>

enum { DIGITS_MAX = 80 };

/* b'101' */
static bool read_bits(const char *text, struct value *v)
{
	if (strncasecmp(text, "b'", 2) != 0)
		return false;
	for (text += 2; *text == '0' || *text == '1'; text++)
		v->u = v->u << 1 | (uint64_t)(*text - '0');
	return *text == '\'';
}

/* 1.50 with the column's scale: the unscaled number's digits, into `digits`. */
static bool read_decimal(const char *text, const struct column *c, char digits[DIGITS_MAX + 2],
			 struct value *v)
{
	bool negative = *text == '-', point = false;
	unsigned n = 0, behind = 0;
	for (text += negative; *text; text++) {
		if (*text == '.' && !point) {
			point = true;
			continue;
		}
		if (*text < '0' || *text > '9' || n >= DIGITS_MAX)
			return false;
		if (n == 0 && *text == '0' && !point)
			continue;
		digits[1 + n++] = *text;
		behind += point;
	}
	for (; behind < c->scale && n < DIGITS_MAX; behind++)
		digits[1 + n++] = '0';
	/* Zeros in front, of 0.05. */
	char *p = digits + 1;
	for (; n > 1 && *p == '0'; n--)
		p++;
	if (n == 0) {
		*p = '0';
		n = 1;
	}
	if (negative) {
		*--p = '-';
		n++;
	}
	p[n] = 0;
	v->aux = c->scale;
	if (v->kind == VALUE_DECIMAL) {
		v->i = strtoll(p, NULL, 10);
	} else {
		v->p = (const uint8_t *)p;
		v->len = n;
	}
	return behind == c->scale;
}

static bool read_number(const char **p, unsigned *ret)
{
	char *end;
	if (**p < '0' || **p > '9')
		return false;
	*ret = (unsigned)strtoul(*p, &end, 10);
	*p = end;
	return true;
}

static unsigned read_fraction(const char **p)
{
	unsigned usec = 0, unit = 100000;
	if (**p != '.')
		return 0;
	for ((*p)++; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		usec += (unsigned)(**p - '0') * unit;
	return usec;
}

static bool read_clock(const char **p, unsigned *hour, unsigned *minute, unsigned *second)
{
	return read_number(p, hour) && *(*p)++ == ':' && read_number(p, minute) &&
	       *(*p)++ == ':' && read_number(p, second);
}

static bool read_civil(const char *p, struct civil *t)
{
	*t = (struct civil){0};
	if (!read_number(&p, &t->year) || *p++ != '-' || !read_number(&p, &t->month) ||
	    *p++ != '-' || !read_number(&p, &t->day))
		return false;
	if (*p == ' ') {
		p++;
		if (!read_clock(&p, &t->hour, &t->minute, &t->second))
			return false;
		t->usec = read_fraction(&p);
	}
	return !*p;
}

static bool read_time(const char *p, struct value *v)
{
	bool negative = *p == '-';
	unsigned hour, minute, second;
	p += negative;
	if (!read_clock(&p, &hour, &minute, &second))
		return false;
	v->i = ((int64_t)hour * 3600 + minute * 60 + second) * USEC_PER_SEC + read_fraction(&p);
	if (negative)
		v->i = -v->i;
	return !*p;
}

static int64_t moment_of(const struct civil *t)
{
	struct tm tm = {.tm_year = (int)t->year - 1900, .tm_mon = (int)t->month - 1,
			.tm_mday = (int)t->day, .tm_hour = (int)t->hour, .tm_min = (int)t->minute,
			.tm_sec = (int)t->second};
	return t->year ? (int64_t)timegm(&tm) * USEC_PER_SEC + t->usec : 0;
}

static bool read_value(const char *text, const struct column *c, char digits[DIGITS_MAX + 2],
		       struct value *v)
{
	struct civil t;
	char *end = NULL;
	switch ((enum value_kind)v->kind) {
	case VALUE_INT:
		v->i = strtoll(text, &end, 10);
		return !*end;
	case VALUE_UINT:
	case VALUE_YEAR:
		v->u = strtoull(text, &end, 10);
		return !*end;
	case VALUE_FLOAT:
		v->f = strtof(text, &end);
		return !*end;
	case VALUE_DOUBLE:
		v->d = strtod(text, &end);
		return !*end;
	case VALUE_DECIMAL:
	case VALUE_DECIMAL_TEXT:
		return read_decimal(text, c, digits, v);
	case VALUE_BIT:
		return read_bits(text, v);
	case VALUE_DATE:
	case VALUE_DATETIME:
		v->aux = c->scale;
		if (c->default_kind == DEFAULT_NOW)
			t = (struct civil){.year = 1970, .month = 1, .day = 1};
		else if (!read_civil(text, &t))
			return false;
		v->u = civil_pack(&t);
		return true;
	case VALUE_TIMESTAMP:
		if (c->default_kind != DEFAULT_NOW && !read_civil(text, &t))
			return false;
		v->i = c->default_kind == DEFAULT_NOW ? 0 : moment_of(&t);
		return true;
	case VALUE_TIME:
		v->aux = c->scale;
		return read_time(text, v);
	default:
		return false;
	}
}

/* 0x616263, or the bytes themselves; BINARY(n) has n of them. */
static void put_bytes(struct buf *b, const struct plan_column *p, struct span text)
{
	struct buf bytes;
	buf_init(&bytes);
	if (text.len >= 2 && text.p[0] == '0' && text.p[1] == 'x') {
		for (size_t i = 2; i + 1 < text.len; i += 2) {
			char pair[3] = {(char)text.p[i], (char)text.p[i + 1], 0};
			buf_putc(&bytes, (char)strtoul(pair, NULL, 16));
		}
	} else {
		buf_put(&bytes, text.p, text.len);
	}
	while (p->column.type == COLUMN_STRING && bytes.len < p->column.max_bytes && !bytes.failed)
		buf_putc(&bytes, 0);
	struct value v = {.kind = p->kind, .len = (uint32_t)bytes.len};
	v.p = bytes.data;
	if (bytes.failed)
		b->failed = true;
	else
		p->put(b, p, &v);
	buf_free(&bytes);
}

/* As SHOW CREATE TABLE has it, from which Debezium takes the text: a quote is two. */
static void put_text(struct buf *b, const struct plan_column *p, struct span text)
{
	bool exact = p->options->compat == ENVELOPE_EXACT;
	buf_putc(b, '"');
	for (size_t i = 0; i < text.len;) {
		const uint8_t *quote = exact ? memchr(text.p + i, '\'', text.len - i) : NULL;
		size_t n = quote ? (size_t)(quote - text.p) - i + 1 : text.len - i;
		json_put_escaped(b, text.p + i, n);
		if (quote)
			buf_putc(b, '\'');
		i += n;
	}
	buf_putc(b, '"');
}

/* The default's JSON; nothing when there is none. */
static void put_default(struct buf *b, const struct plan_column *p, const struct column *c)
{
	char digits[DIGITS_MAX + 2], text[128];
	struct value v = {.kind = p->kind};
	size_t start = b->len;
	switch ((enum value_kind)p->kind) {
	case VALUE_STRING:
	case VALUE_ENUM:
	case VALUE_SET:
	case VALUE_JSON:
		if (c->default_kind == DEFAULT_LITERAL)
			put_text(b, p, c->default_text);
		return;
	case VALUE_BYTES:
		if (c->default_kind == DEFAULT_LITERAL)
			put_bytes(b, p, c->default_text);
		return;
	default:
		break;
	}
	if (c->default_text.len >= sizeof(text))
		return;
	memcpy(text, c->default_text.len ? (const void *)c->default_text.p : "",
	       c->default_text.len);
	text[c->default_text.len] = 0;
	/* Debezium reads it as a number of Java's, which has no more. */
	if (p->kind == VALUE_UINT && c->type == COLUMN_LONGLONG &&
	    p->options->compat == ENVELOPE_EXACT && p->options->bigint == ENVELOPE_BIGINT_LONG &&
	    strtoull(text, NULL, 10) > INT64_MAX) {
		json_put_i64(b, INT64_MAX);
		return;
	}
	if (!read_value(text, c, digits, &v) || p->put(b, p, &v) != PUT_OK)
		b->len = start;
	if (b->len - start == 4 && memcmp(b->data + start, "null", 4) == 0)
		b->len = start;
}

int debezium_default_make(struct envelope_table *t, const struct table *table, struct err *err)
{
	struct buf b;
	int rc = 0;
	buf_init(&b);
	for (uint32_t i = 0; rc == 0 && i < t->ncolumns; i++) {
		struct plan_column *p = &t->columns[i];
		const struct column *c = &table->columns[p->index];
		if (c->default_kind == DEFAULT_NOT_KNOWN)
			continue;
		buf_clear(&b);
		put_default(&b, p, c);
		if (b.len == 0 && !b.failed)
			continue;
		char *copy = b.failed ? NULL : arena_strndup(&t->arena, b.data, b.len);
		if (!copy) {
			rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table's defaults");
			break;
		}
		p->fallback = (struct span){(const uint8_t *)copy, b.len};
		if (p->options->compat == ENVELOPE_EXACT)
			p->null_text = p->fallback;
		for (uint32_t k = 0; k < t->nkey; k++) {
			if (t->key[k].index != p->index)
				continue;
			t->key[k].fallback = p->fallback;
			t->key[k].null_text = p->null_text;
		}
	}
	buf_free(&b);
	return rc;
}
