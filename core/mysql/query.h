/*
 * query.h - statements on a source: run, fetch, errors mapped to kinds.
 *
 * Every value is text in utf8mb4. A result is streamed or not at the caller's choice;
 * while a streamed one is open the connection runs nothing else. Server errors become
 * kinds: 1044, 1045, 1142, 1143, 1227 … -> ERR_SOURCE_GRANT with the GRANT spelled out,
 * 2006, 2013, 1053, 1927 -> ERR_SOURCE_LOST, a read timeout -> ERR_SOURCE_SILENT, the
 * rest -> ERR_SOURCE_QUERY with the statement's head. Used by the source's thread.
 */
#ifndef MR_MYSQL_QUERY_H
#define MR_MYSQL_QUERY_H

#include "common/base/buf.h"
#include "common/base/bytes.h"
#include "core/mysql/connect.h"

struct query {
	struct source *source;
	void *result; /* the library's */
	void *row;    /* the library's current row */
	unsigned long *lengths;
	unsigned columns;
};

/* Runs a statement without a result, or drops its result. */
int query_exec(struct source *s, struct err *err, const char *fmt, ...)
	MR_PRINTF(3, 4) MR_MUST_CHECK;
/* Runs a statement and keeps all its rows in memory. query_end() must follow a success. */
int query_open(struct source *s, struct query *ret, struct err *err, const char *fmt, ...)
	MR_PRINTF(4, 5) MR_MUST_CHECK;
/* The same, but rows come from the socket one by one. */
int query_stream(struct source *s, struct query *ret, struct err *err, const char *fmt, ...)
	MR_PRINTF(4, 5) MR_MUST_CHECK;
/* 1: a row, 0: no more, -errno. */
int query_next(struct query *q, struct err *err) MR_MUST_CHECK;
void query_end(struct query *q);

/* Column i of the current row; p is NULL for NULL. Until the next query_next(). */
struct span query_span(const struct query *q, unsigned i);
/* The same with a zero byte; NULL for NULL. */
const char *query_text(const struct query *q, unsigned i);
uint64_t query_u64(const struct query *q, unsigned i); /* 0 for NULL */

/*
 * First column of the first row into `out` (cleared first; zero-terminated by buf_cstr).
 * 1: there is a value, 0: no row or NULL, -errno.
 */
int query_value(struct source *s, struct buf *out, struct err *err, const char *fmt, ...)
	MR_PRINTF(4, 5) MR_MUST_CHECK;

/* Appends a string literal with its quotes ('it''s'), whatever the bytes. */
void query_put_literal(struct source *s, struct buf *out, struct span text);
/* Appends a quoted name (`a``b`). */
void query_put_name(struct buf *out, struct span name);

#endif
