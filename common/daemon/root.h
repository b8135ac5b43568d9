/*
 * root.h - the root of the tree and its folders: found, or made by the first daemon.
 *
 * The root's data, {"cluster":"9f3c…","format":1}, is made once and never changed here. A
 * cluster id enters the names of other systems' things (transactional ids, sealed
 * secrets), so a process that has seen one never goes on under another.
 *
 * Runs on a thread of its own, because it waits: ZooKeeper may be away for hours.
 */
#ifndef MR_DAEMON_ROOT_H
#define MR_DAEMON_ROOT_H

#include "common/zk/zk.h"

enum {
	/* The feature levels of documents that this software reads; it writes the highest that
	 * the root says. */
	ROOT_FORMAT_MIN = 1,
	ROOT_FORMAT_MAX = 1,
	ROOT_CLUSTER_MAX = 64,
};

struct root {
	char cluster[ROOT_CLUSTER_MAX + 1]; /* in: the one that must be there, or "" */
	unsigned format;
};

/*
 * Waits for a session and sees to it that the root and the folders are there. *stop is
 * looked at a few times a second: -ECANCELED. ZooKeeper being away or in error is waited
 * for, and logged now and then. Fails only with what waiting does not mend:
 * ERR_DOCUMENT_INVALID (the root's data), ERR_ZK_CONFLICT (another cluster than *io says).
 */
int root_find(struct zk *zk, enum zk_role role, const _Atomic(bool) *stop, struct root *io,
	      struct err *err) MR_MUST_CHECK;

/* The root's data taken apart, for tests and mr-server. ERR_DOCUMENT_INVALID. */
int root_parse(const char *text, size_t len, struct root *ret, struct err *err) MR_MUST_CHECK;

#endif
