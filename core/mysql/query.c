/*
 * query.c - see query.h. Runs in the source's thread; results are the library's and
 * live until query_end().
 */
#include "core/mysql/query.h"
#include "common/contract/errors.h"
#include "core/mysql/query_error.h"
#include "core/mysql/source_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int kind_errno(const struct err_kind *kind)
{
	if (kind == ERR_SOURCE_GRANT)
		return -EACCES;
	if (kind == ERR_SOURCE_LOST)
		return -ECONNRESET;
	return kind == ERR_MEMORY ? -ENOMEM : -EIO;
}

void source_account(struct source *s, char *out, size_t size)
{
	static const char sql[] = "SELECT CURRENT_USER()";
	snprintf(out, size, "%s@%%", s->options.user);
	source_enter(s, 0, s->options.read_timeout);
	if (mysql_real_query(s->mysql, sql, sizeof(sql) - 1))
		return;
	MYSQL_RES *res = mysql_store_result(s->mysql);
	MYSQL_ROW row = res ? mysql_fetch_row(res) : NULL;
	if (row && row[0])
		snprintf(out, size, "%s", row[0]);
	mysql_free_result(res);
}

int source_fail(struct source *s, struct err *err, const char *doing)
{
	if (source_stopped(s))
		return err_set(err, -EINTR, ERR_SOURCE_LOST, "%s: stopped on request", s->name);
	if (s->timed_out && s->limit && clock_boot() >= s->limit)
		return err_set(err, -ETIMEDOUT, ERR_SOURCE_SILENT,
			       "%s: no answer in the time that there was, while %s", s->name, doing);
	if (s->timed_out)
		return err_set(err, -ETIMEDOUT, ERR_SOURCE_SILENT,
			       "%s: no answer within %.1f s while %s", s->name,
			       (double)s->patience / USEC_PER_SEC, doing);
	unsigned code = mysql_errno(s->mysql);
	char text[512], account[256], grant[512] = "";
	snprintf(text, sizeof(text), "%s", mysql_error(s->mysql));
	const struct err_kind *kind = query_error_kind(code);
	if (kind == ERR_SOURCE_GRANT) {
		source_account(s, account, sizeof(account));
		query_error_grant(code, text, account, grant, sizeof(grant));
	}
	return err_set(err, kind_errno(kind), kind, "%s: %s: %s (error %u)%s%s", s->name, doing,
		       text, code, grant[0] ? "; to mend it: " : "", grant);
}

/* Runs the statement; a result, if there is one, is still to be fetched. */
static int run(struct source *s, struct err *err, const char *fmt, va_list ap)
{
	char *text;
	int n = vasprintf(&text, fmt, ap);
	/* No statement is empty: what buf_cstr() gives of a text without memory is. */
	if (n <= 0) {
		if (n == 0)
			free(text);
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a statement");
	}
	if (!s->mysql || s->dumping) {
		free(text);
		return err_set(err, -ENOTCONN, ERR_SOURCE_LOST, "%s: not connected", s->name);
	}
	source_enter(s, 0, s->options.read_timeout);
	int rc = 0;
	if (mysql_real_query(s->mysql, text, (unsigned long)n)) {
		char doing[128];
		snprintf(doing, sizeof(doing), n < 100 ? "%s" : "%.97s...", text);
		rc = source_fail(s, err, doing);
	}
	free(text);
	return rc;
}

static int open_result(struct source *s, bool stream, struct query *ret, struct err *err,
		       const char *fmt, va_list ap)
{
	int rc = run(s, err, fmt, ap);
	if (rc)
		return rc;
	MYSQL_RES *res = stream ? mysql_use_result(s->mysql) : mysql_store_result(s->mysql);
	if (!res && mysql_errno(s->mysql))
		return source_fail(s, err, "reading a result");
	*ret = (struct query){
		.source = s,
		.result = res,
		.columns = res ? mysql_num_fields(res) : 0,
	};
	return 0;
}

int query_open(struct source *s, struct query *ret, struct err *err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int rc = open_result(s, false, ret, err, fmt, ap);
	va_end(ap);
	return rc;
}

int query_stream(struct source *s, struct query *ret, struct err *err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int rc = open_result(s, true, ret, err, fmt, ap);
	va_end(ap);
	return rc;
}

int query_exec(struct source *s, struct err *err, const char *fmt, ...)
{
	struct query q;
	va_list ap;
	va_start(ap, fmt);
	int rc = open_result(s, false, &q, err, fmt, ap);
	va_end(ap);
	if (!rc)
		query_end(&q);
	return rc;
}

int query_next(struct query *q, struct err *err)
{
	if (!q->result)
		return 0;
	source_enter(q->source, 0, q->source->options.read_timeout);
	MYSQL_ROW row = mysql_fetch_row(q->result);
	q->row = row;
	if (!row)
		return mysql_errno(q->source->mysql)
			       ? source_fail(q->source, err, "reading a result")
			       : 0;
	q->lengths = mysql_fetch_lengths(q->result);
	return 1;
}

void query_end(struct query *q)
{
	if (q->result) {
		/* What a stream still holds is read and dropped, in bounded time. */
		source_enter(q->source, 0, q->source->options.read_timeout);
		mysql_free_result(q->result);
	}
	*q = (struct query){0};
}

const char *query_text(const struct query *q, unsigned i)
{
	return i < q->columns ? ((MYSQL_ROW)q->row)[i] : NULL;
}

struct span query_span(const struct query *q, unsigned i)
{
	const char *text = query_text(q, i);
	return (struct span){.p = (const uint8_t *)text, .len = text ? q->lengths[i] : 0};
}

uint64_t query_u64(const struct query *q, unsigned i)
{
	const char *text = query_text(q, i);
	return text ? strtoull(text, NULL, 10) : 0;
}

int query_value(struct source *s, struct buf *out, struct err *err, const char *fmt, ...)
{
	struct query q;
	va_list ap;
	va_start(ap, fmt);
	int rc = open_result(s, false, &q, err, fmt, ap);
	va_end(ap);
	if (rc)
		return rc;
	buf_clear(out);
	rc = query_next(&q, err);
	if (rc > 0 && !query_text(&q, 0))
		rc = 0;
	if (rc > 0) {
		struct span value = query_span(&q, 0);
		buf_put(out, value.p, value.len);
		buf_cstr(out);
		if (out->failed)
			rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a value");
	}
	query_end(&q);
	return rc;
}

void query_put_literal(struct source *s, struct buf *out, struct span text)
{
	uint8_t *p = text.len < SIZE_MAX / 2 - 3 ? buf_room(out, text.len * 2 + 3) : NULL;
	if (!p)
		return;
	*p = '\'';
	unsigned long n = 0;
	if (text.len)
		n = mysql_real_escape_string(s->mysql, (char *)p + 1, (const char *)text.p,
					     (unsigned long)text.len);
	p[1 + n] = '\'';
	out->len += n + 2;
}

void query_put_name(struct buf *out, struct span name)
{
	buf_putc(out, '`');
	for (size_t i = 0; i < name.len; i++) {
		if (name.p[i] == '`')
			buf_putc(out, '`');
		buf_putc(out, (char)name.p[i]);
	}
	buf_putc(out, '`');
}
