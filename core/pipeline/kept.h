/*
 * kept.h - the events of prepared XA groups, until their COMMIT or ROLLBACK.
 *
 * Job: take over what hold.h has of a group that ended in XA PREPARE, together with what
 * is needed to publish it much later: the format of its file, whose session it was, what
 * savepoints undid. The bound is the caller's: memory.group_bytes for all of these and
 * the group at hand. An evicted group is read again from the source when it is committed.
 * Source thread only. Pure but for its own memory.
 */
#ifndef MR_PIPELINE_KEPT_H
#define MR_PIPELINE_KEPT_H

#include "core/binlog/stream.h"
#include "core/pipeline/hold.h"
#include "core/pipeline/verdict.h"

struct kept {
	struct prepared *entry; /* a reference */
	struct binlog_format format;
	struct group group;
	struct hold events;
	struct verdict verdict;
};

/* All zeros is an empty one. In the order they were prepared. */
struct kept_list {
	struct kept **list;
	size_t n;
	size_t room;
	size_t bytes; /* of memory that their events take */
};

/*
 * The group that `s` has just ended; `h` and `v` are then empty. One of the same name is
 * dropped. 0 or -ENOMEM: nothing was kept, and both are as before.
 */
int kept_take(struct kept_list *k, struct prepared *entry, const struct stream *s, struct hold *h,
	      struct verdict *v) MR_MUST_CHECK;
struct kept *kept_find(const struct kept_list *k, const struct xid *xid);
void kept_drop(struct kept_list *k, const struct xid *xid);
/* Drops the largest, of several the oldest. False: there is none. */
bool kept_evict(struct kept_list *k);
void kept_clear(struct kept_list *k);

#endif
