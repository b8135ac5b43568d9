/*
 * fetch.h - many nodes read at once, a bounded number at a time. Main thread.
 */
#ifndef MR_MONITOR_FETCH_H
#define MR_MONITOR_FETCH_H

#include "common/zk/zk.h"

enum { FETCH_AT_ONCE = 128 };

struct fetch;

struct fetch_callbacks {
	void *ctx;
	/* The path of the i-th; NULL: nothing to read for it. */
	const char *(*path)(void *ctx, size_t i);
	/* Its answer, an absent node's too; in any order. */
	void (*each)(void *ctx, size_t i, const struct zk_reply *reply);
	/*
	 * 0: all were read. Else the connection went, and each() was not called for the rest.
	 * The fetch is gone when it returns. Never within fetch_start().
	 */
	void (*done)(void *ctx, int rc);
};

/* NULL: no memory. n may be 0: done() comes from the next dispatch all the same. */
struct fetch *fetch_start(struct zk *zk, size_t n, const struct fetch_callbacks *callbacks);
/* No callback any more. NULL is nothing. */
void fetch_cancel(struct fetch *f);

#endif
