/*
 * many.h - many reads at once: all are sent before the first answer is waited for, so a
 * page of a hundred documents costs one round trip and not a hundred.
 *
 * Waits; any thread. The reads are done in order by one server, each as of its own moment:
 * what must be read together is read again where its versions differ.
 */
#ifndef MR_ZK_MANY_H
#define MR_ZK_MANY_H

#include "common/zk/zk.h"

struct zk_read {
	const char *path;
	bool children; /* names rather than data */
	/* The outcome. */
	int rc;     /* 0, -ENOENT, -EACCES, -EFBIG …: of this node alone */
	char *data; /* a zero byte follows; NULL unless rc is 0 */
	size_t len;
	struct zk_names names;
	struct zk_stat stat;
};

/*
 * Fails (with all outcomes empty) only as a whole: no connection, no time, no memory.
 * zk_reads_free() in any case.
 */
int zk_read_many(struct zk *zk, struct zk_read *reads, size_t n, usec_t timeout,
		 struct err *err) MR_MUST_CHECK;
/* What the outcomes hold; the array is the caller's. */
void zk_reads_free(struct zk_read *reads, size_t n);

#endif
