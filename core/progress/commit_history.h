/*
 * commit_history.h - the bytes of schema_store.h's log in ZooKeeper: children of the task's
 * schema node, each at most 256 KiB, named GENERATION-NUMBER (ten and five digits).
 *
 *   more behind it   the last chunk is replaced by itself and more; then others are made
 *   all of it anew   as the next generation, chunk 0 last: until that one is there the
 *                    former generation counts, and its chunks are deleted behind it
 *
 * Each write is one multi with a check that our instance's node is there: one who was
 * replaced writes nothing (protocol.md, rule 9). A log whose end was not written, by a crash
 * between two chunks, ends inside a line; schema_store_parse() knows.
 *
 * Delivering thread only.
 */
#ifndef MR_PROGRESS_COMMIT_HISTORY_H
#define MR_PROGRESS_COMMIT_HISTORY_H

#include "common/base/buf.h"
#include "common/contract/paths.h"
#include "common/zk/zk.h"

enum { COMMIT_HISTORY_GONE = -1000 }; /* our instance's node is not there */

struct commit_history {
	struct zk *zk;
	const struct zk_acl *acl;
	const char *instance_path; /* borrowed */
	char task_path[PATHS_SIZE];
	char path[PATHS_SIZE];
	uint32_t generation; /* 0: there is none */
	uint32_t chunks;
	struct buf last; /* of the chunks, the last one's bytes */
};

int commit_history_init(struct commit_history *h, struct zk *zk, const char *task_path,
			const char *instance_path, const struct zk_acl *acl,
			struct err *err) MR_MUST_CHECK;
void commit_history_fini(struct commit_history *h);
/* All of it, behind what is in `out`. Failures as of zk.h. */
int commit_history_read(struct commit_history *h, usec_t timeout, struct buf *out,
			struct err *err) MR_MUST_CHECK;
/* Failures as of zk.h, or COMMIT_HISTORY_GONE. After one, only `anew` may follow. */
int commit_history_write(struct commit_history *h, usec_t timeout, const void *text, size_t len,
			 bool anew, struct err *err) MR_MUST_CHECK;

#endif
