/* metrics.c - families and values in Prometheus' text format. See metrics.h. */
#include "common/metrics/metrics.h"

#include "common/base/json.h"

#include <stdarg.h>

void metrics_begin(struct metrics *m, struct buf *out)
{
	*m = (struct metrics){.out = out, .name = ""};
}

void metrics_family(struct metrics *m, const char *name, enum metrics_type type, const char *help)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};
	m->name = name;
	buf_printf(m->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

/*
 * A label's value in quotes. The format knows the escapes \\, \" and \n, which JSON spells
 * alike, and no other: so other control characters become spaces first.
 */
static void put_label(struct buf *out, const char *value)
{
	struct buf text;
	buf_init(&text);
	for (const char *p = value; *p; p++)
		buf_putc(&text, *p != '\n' && ((unsigned char)*p < 0x20 || *p == 0x7f) ? ' ' : *p);
	size_t len = text.len;
	json_put_string(out, buf_cstr(&text), len);
	out->failed |= text.failed;
	buf_free(&text);
}

static void put_labels(struct metrics *m, va_list labels)
{
	bool any = false;
	for (const char *name; (name = va_arg(labels, const char *)) != NULL;) {
		buf_printf(m->out, "%c%s=", any ? ',' : '{', name);
		put_label(m->out, va_arg(labels, const char *));
		any = true;
	}
	if (any)
		buf_putc(m->out, '}');
}

/* Not json_put_double() alone: there NaN and infinities are null, and 3 is 3.0. */
static void put_double(struct buf *out, double v)
{
	if (__builtin_isnan(v))
		buf_lit(out, "NaN");
	else if (__builtin_isinf(v))
		buf_puts(out, v < 0 ? "-Inf" : "+Inf");
	else if (v > -1e15 && v < 1e15 && v == (double)(int64_t)v)
		json_put_i64(out, (int64_t)v);
	else
		json_put_double(out, v);
}

void metrics_value(struct metrics *m, double value, ...)
{
	va_list labels;
	va_start(labels, value);
	buf_puts(m->out, m->name);
	put_labels(m, labels);
	va_end(labels);
	buf_putc(m->out, ' ');
	put_double(m->out, value);
	buf_putc(m->out, '\n');
}

void metrics_count(struct metrics *m, uint64_t value, ...)
{
	va_list labels;
	va_start(labels, value);
	buf_puts(m->out, m->name);
	put_labels(m, labels);
	va_end(labels);
	buf_putc(m->out, ' ');
	json_put_u64(m->out, value);
	buf_putc(m->out, '\n');
}

void metrics_gauge(struct metrics *m, const char *name, const char *help, double value)
{
	metrics_family(m, name, METRICS_GAUGE, help);
	metrics_value(m, value, NULL);
}

void metrics_counter(struct metrics *m, const char *name, const char *help, uint64_t value)
{
	metrics_family(m, name, METRICS_COUNTER, help);
	metrics_count(m, value, NULL);
}

void metrics_observe(struct metrics_histogram *h, usec_t duration)
{
	double seconds = (double)duration / (double)USEC_PER_SEC;
	size_t i = 0;
	while (i < h->n && seconds > h->bounds[i])
		i++;
	atomic_fetch_add_explicit(&h->counts[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->sum_usec, (uint64_t)(duration > 0 ? duration : 0),
				  memory_order_relaxed);
}

void metrics_histogram(struct metrics *m, const struct metrics_histogram *h, const char *label,
		       const char *value)
{
	struct buf own; /* the label, with a comma behind it */
	uint64_t total = 0;
	buf_init(&own);
	if (label) {
		buf_printf(&own, "%s=", label);
		put_label(&own, value);
	}
	const char *text = buf_cstr(&own);
	for (size_t i = 0; i <= h->n; i++) {
		total += atomic_load_explicit(&h->counts[i], memory_order_relaxed);
		buf_printf(m->out, "%s_bucket{%s%sle=\"", m->name, text, label ? "," : "");
		if (i < h->n)
			put_double(m->out, h->bounds[i]);
		else
			buf_lit(m->out, "+Inf");
		buf_printf(m->out, "\"} %llu\n", (unsigned long long)total);
	}
	const char *open = label ? "{" : "", *close = label ? "}" : "";
	uint64_t sum = atomic_load_explicit(&h->sum_usec, memory_order_relaxed);
	buf_printf(m->out, "%s_sum%s%s%s ", m->name, open, text, close);
	put_double(m->out, (double)sum / (double)USEC_PER_SEC);
	/* The count is that of the buckets above, so that a page never contradicts itself. */
	buf_printf(m->out, "\n%s_count%s%s%s %llu\n", m->name, open, text, close,
		   (unsigned long long)total);
	m->out->failed |= own.failed;
	buf_free(&own);
}
