/*
 * ahead.h - which tables' definitions the binlog changes between here and its end.
 *
 * Job: the catalogue tells a definition as of now, and rows are of the past. It is right for
 * them when no statement in between touches the table. So the binlog is read from here to its
 * end on a connection of its own, statements only, and what they touch is kept with its place.
 * What was read once is not read again: the next look goes on from where the last one ended.
 *
 * An idle source's end is where we are: then one statement to the server answers. Source
 * thread only.
 */
#ifndef MR_PIPELINE_AHEAD_H
#define MR_PIPELINE_AHEAD_H

#include "common/base/arena.h"
#include "core/model/binlog_pos.h"
#include "core/schema/ddl.h"

struct source_thread;

/* A statement that changes a definition: of a table, a database's tables, or all. */
struct ahead_touch {
	struct span db;
	struct span name;
	bool database; /* CREATE, ALTER or DROP DATABASE */
	bool tables_stay; /* it is an ALTER DATABASE, which is about tables to come */
	struct binlog_pos at; /* its end */
};

/* All zeros: nothing was read yet. */
struct ahead {
	bool some;
	char source[64]; /* of which server `from` and `to` are */
	struct binlog_pos from;
	struct binlog_pos to;
	struct arena names;
	struct ahead_touch *list; /* in order */
	size_t n;
	size_t room;
};

void ahead_free(struct ahead *a);
/*
 * Reads on to the end of the binlog as it is now; `from` is where we are, the start of a group
 * if `inside` is set (which is then passed over), else the end of one.
 */
int ahead_read(struct ahead *a, struct source_thread *t, const struct binlog_pos *from,
	       bool inside, struct err *err) MR_MUST_CHECK;
/* Was the place read already? Then what is known of it holds, as far as it goes. */
bool ahead_has(const struct ahead *a, const char *source, const struct binlog_pos *from);
/*
 * The first statement behind `from`, up to `to` (NULL: the end), that touches the table; with
 * an empty name the database itself. NULL: none.
 */
const struct ahead_touch *ahead_find(const struct ahead *a, struct span db, struct span name,
				     const struct binlog_pos *from, const struct binlog_pos *to);

#endif
