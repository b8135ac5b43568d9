/*
 * debezium_header.c - __debezium.newkey and __debezium.oldkey: the other key, as the text that
 * Kafka Connect's SimpleHeaderConverter makes of it.
 *
 * It differs from the key's JSON in Connect's logical types, which it writes as Java prints
 * them: a DECIMAL is a number (1.50, 1E-8), and with time.precision.mode connect a DATE is
 * 2026-11-22, a TIME 01:02:03.500Z, a DATETIME 2026-11-22T01:02:03.000Z, without quotes.
 * Pure.
 */
#include "core/envelope/civil.h"
#include "core/envelope/debezium_priv.h"

#include "common/base/json.h"
#include "common/contract/errors.h"

#include <errno.h>

/*
 * As BigDecimal.toString(): without an exponent unless the first digit stands behind the sixth
 * place after the point; then d.ddE-n.
 */
static enum put_status put_number(struct buf *b, const struct plan_column *c, const struct value *v)
{
	char text[24];
	const char *p = (const char *)v->p;
	size_t len = v->len;
	if (v->kind == VALUE_DECIMAL) {
		uint64_t magnitude = v->i < 0 ? -(uint64_t)v->i : (uint64_t)v->i;
		text[0] = '-';
		len = dec_put_u64((uint8_t *)text + 1, magnitude) + (v->i < 0);
		p = text + (v->i >= 0);
	}
	bool negative = len && *p == '-';
	size_t digits = len - negative;
	long exponent = (long)digits - 1 - v->aux;
	if (exponent >= -6)
		return put_decimal_digits(b, c, v);
	if (negative)
		buf_putc(b, '-');
	buf_putc(b, p[negative]);
	if (digits > 1) {
		buf_putc(b, '.');
		buf_put(b, p + negative + 1, digits - 1);
	}
	buf_printf(b, "E%ld", exponent);
	return PUT_OK;
}

static enum put_status put_unsigned(struct buf *b, const struct plan_column *c,
				    const struct value *v)
{
	(void)c;
	json_put_u64(b, v->u);
	return PUT_OK;
}

/* What the column's own writer refuses or writes otherwise (a zero date) stays its own. */
static bool is_plain_date(const struct plan_column *c, const struct civil *t)
{
	return t->month && t->day && (t->year > 99 || c->options->compat != ENVELOPE_EXACT);
}

static enum put_status put_date(struct buf *b, const struct plan_column *c, const struct value *v)
{
	struct civil t = civil_unpack(v->u);
	uint8_t text[16];
	if (!is_plain_date(c, &t))
		return c->put(b, c, v);
	buf_put(b, text, (size_t)(put_date_text(text, &t) - text));
	return PUT_OK;
}

static enum put_status put_datetime(struct buf *b, const struct plan_column *c,
				    const struct value *v)
{
	struct civil t = civil_unpack(v->u);
	uint8_t text[40], *p = text;
	if (!is_plain_date(c, &t))
		return c->put(b, c, v);
	p = put_date_text(p, &t);
	*p++ = 'T';
	p = put_clock_text(p, t.hour, t.minute, t.second);
	p = put_fraction(p, t.usec, 3);
	*p++ = 'Z';
	buf_put(b, text, (size_t)(p - text));
	return PUT_OK;
}

static enum put_status put_time(struct buf *b, const struct plan_column *c, const struct value *v)
{
	if (v->i < 0 || v->i >= 86400 * USEC_PER_SEC)
		return c->put(b, c, v);
	unsigned seconds = (unsigned)(v->i / USEC_PER_SEC);
	uint8_t text[24], *p = text;
	p = put_clock_text(p, seconds / 3600, seconds / 60 % 60, seconds % 60);
	p = put_fraction(p, (unsigned)(v->i % USEC_PER_SEC), 3);
	*p++ = 'Z';
	buf_put(b, text, (size_t)(p - text));
	return PUT_OK;
}

static put_value *header_writer(const struct plan_column *c)
{
	bool connect = c->options->time == ENVELOPE_TIME_CONNECT;
	switch ((enum value_kind)c->kind) {
	case VALUE_DECIMAL:
	case VALUE_DECIMAL_TEXT:
		return c->options->decimal == ENVELOPE_DECIMAL_PRECISE ? put_number : NULL;
	case VALUE_UINT:
		return c->column.type == COLUMN_LONGLONG &&
			       c->options->bigint == ENVELOPE_BIGINT_PRECISE
			   ? put_unsigned
			   : NULL;
	case VALUE_DATE:
		return connect ? put_date : NULL;
	case VALUE_DATETIME:
		return connect ? put_datetime : NULL;
	case VALUE_TIME:
		return connect ? put_time : NULL;
	default:
		return NULL;
	}
}

int debezium_header_make(struct envelope_table *t, struct err *err)
{
	struct debezium_table *own = debezium_table_of(t);
	own->header_put = arena_zalloc(&t->arena, (t->nkey + 1) * sizeof(*own->header_put));
	if (!own->header_put)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table's key");
	for (uint32_t i = 0; i < t->nkey; i++)
		own->header_put[i] = header_writer(&t->key[i]);
	return 0;
}

enum put_status debezium_header_put(struct buf *b, const struct envelope_table *t,
				    const struct value *values, const struct value *other,
				    const struct plan_column **ret_at)
{
	const struct debezium_table *own = debezium_table_of(t);
	for (uint32_t i = 0; i < t->nkey; i++) {
		const struct plan_column *c = &t->key[i];
		const struct value *v = &values[c->index];
		if (v->kind == VALUE_ABSENT && other)
			v = &other[c->index];
		enum put_status status = PUT_MISSING;
		/* The brace, or the comma, and the name. */
		buf_putc(b, i ? ',' : '{');
		buf_put(b, c->head + 1, c->head_len - 1);
		if (v->kind == VALUE_NULL) {
			buf_lit(b, "null");
			status = PUT_OK;
		} else if (v->kind != VALUE_ABSENT) {
			put_value *put = own->header_put[i] ? own->header_put[i]
							    : writer_find(c, v->kind);
			status = put ? put(b, c, v) : PUT_BAD_KIND;
		}
		if (status != PUT_OK) {
			*ret_at = c;
			return status;
		}
	}
	buf_putc(b, '}');
	return PUT_OK;
}
