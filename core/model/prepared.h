/*
 * prepared.h - XA transactions whose rows were logged and of which nobody knows yet
 * whether they happened.
 *
 * An entry is made once and never changes; positions share it by counting, so that a copy
 * of a position costs a pointer for each. Entries may be shared between threads, a set may
 * not. Pure but for its memory.
 */
#ifndef MR_MODEL_PREPARED_H
#define MR_MODEL_PREPARED_H

#include "core/model/gtid.h"
#include "core/model/binlog_pos.h"
#include "core/model/xid.h"

#include <stdatomic.h>

/*
 * More of them at a time stop the task: each costs up to 500 bytes of the position
 * document, which has 512 KiB.
 */
enum { PREPARED_MAX = 1000 };

struct prepared {
	_Atomic unsigned refs;
	struct xid xid;
	struct gtid gtid;        /* of the group that was prepared; GTID_NONE: anonymous */
	struct binlog_pos start; /* of its first event */
	/*
	 * The GTIDs executed in front of it, as text. "" without GTIDs; and where a MySQL
	 * server's set is long, since its dumps find the group without it.
	 */
	char before[];
};

/* One reference, the caller's; NULL when there is no memory. */
struct prepared *prepared_new(const struct xid *xid, const struct gtid *gtid,
			      const struct binlog_pos *start, const char *before);
struct prepared *prepared_ref(struct prepared *p);
void prepared_unref(struct prepared *p); /* p may be NULL */

/* In the order they were prepared. All zeros is an empty one. Owns a reference of each. */
struct prepared_set {
	struct prepared **list;
	size_t n;
	size_t room;
};

/* The entry, borrowed, or NULL. */
struct prepared *prepared_find(const struct prepared_set *s, const struct xid *xid);
/* Room for one more, so that prepared_add() cannot fail. 0 or -ENOMEM. */
int prepared_reserve(struct prepared_set *s) MR_MUST_CHECK;
/* Takes the caller's reference. One of the same xid is replaced. */
void prepared_add(struct prepared_set *s, struct prepared *p);
/* False: there was none. */
bool prepared_remove(struct prepared_set *s, const struct xid *xid);
/* dst's former entries go. 0 or -ENOMEM, dst then unchanged. */
int prepared_copy(struct prepared_set *dst, const struct prepared_set *src) MR_MUST_CHECK;
void prepared_clear(struct prepared_set *s);

#endif
