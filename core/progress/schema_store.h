/*
 * schema_store.h - the history of table definitions, kept beside the position.
 *
 * A log of entries, each with the place from which it holds. The source's thread adds
 * entries as it learns definitions and passes DDL; the delivering thread writes what was
 * added in front of each save of a position, so no position is ever saved that needs a
 * definition which is not kept. What is kept is lines of JSON:
 *
 *   {"version":1,"uid":…}
 *   {"db":…,"table":…,"gtid":…,"file":…,"pos":…,"source":…,"hint":false,"definition":{…}|null}
 *
 * In the state folder the file schema.jsonl; in ZooKeeper the children of the task's
 * schema node, which are the same bytes cut in pieces. Lines whose table has a newer one
 * that the saved position has passed are dropped when the log has grown.
 *
 * Any thread: a lock guards it. Owns its memory; what is listed lives until
 * schema_store_free().
 */
#ifndef MR_PROGRESS_SCHEMA_STORE_H
#define MR_PROGRESS_SCHEMA_STORE_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "core/model/catalog.h"
#include "core/model/position.h"

struct schema_store;

struct schema_entry {
	/*
	 * It holds at its place. Whether it also holds behind it, up to the table's next
	 * entry: not for hints, which were read on another way through the binlog.
	 */
	bool hint;
	struct span db; /* empty: all tables */
	struct span name; /* empty: all tables of db */
	struct gtid gtid; /* of the group it was learned in */
	struct binlog_pos at;
	struct span source; /* whose file that is: server_info.identity */
	const struct catalog_table *table; /* NULL: nothing is known from here on */
};

/* NULL: no memory. */
struct schema_store *schema_store_new(const char *uid);
void schema_store_free(struct schema_store *s);

/*
 * What is kept, as it was read (nothing: len 0), in place of what was here. Lines that
 * cannot be read are dropped, a log of another uid or version is: definitions are then
 * learned again. 0 or -ENOMEM.
 */
int schema_store_parse(struct schema_store *s, const void *text, size_t len) MR_MUST_CHECK;
/*
 * Reading begins at `p`, of the server `source`. Entries that p has not passed become hints;
 * unless `on` (p follows or lies before what was read until now), all do. 0 or -ENOMEM.
 */
int schema_store_begin(struct schema_store *s, const struct position *p, const char *source,
		       bool on) MR_MUST_CHECK;
/* Before the source's thread starts: entries in order, into list of *ret_n. */
const struct schema_entry *schema_store_list(const struct schema_store *s, size_t *ret_n);

/* Source thread. 0 or -ENOMEM. */
int schema_store_add(struct schema_store *s, const struct schema_entry *e) MR_MUST_CHECK;

/* How a place writes: the whole log anew, or what was added behind it. */
struct schema_sink {
	int (*write)(void *ctx, const void *text, size_t len, bool anew, struct err *err);
	void *ctx;
};
/*
 * Delivering thread, in front of saving `p`: writes what is not written. On failure it is
 * written with the next one.
 */
int schema_store_flush(struct schema_store *s, const struct position *p, const char *source,
		       const struct schema_sink *sink, struct err *err) MR_MUST_CHECK;

#endif
