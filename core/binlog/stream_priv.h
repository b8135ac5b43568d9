/* stream_priv.h - what stream.c and stream_query.c share; not for others. */
#ifndef MR_BINLOG_STREAM_PRIV_H
#define MR_BINLOG_STREAM_PRIV_H

#include "core/binlog/stream.h"

enum group_state {
	OUTSIDE,    /* between groups */
	OPENED,     /* behind MySQL's GTID event: a BEGIN, or the group's only statement */
	STANDALONE, /* behind MariaDB's, which says that one statement follows */
	INSIDE,     /* until a terminator */
};

/* A QUERY event. */
int stream_query(struct stream *s, struct step *step, struct err *err) MR_MUST_CHECK;

void stream_group_open(struct stream *s, const struct event *e, uint64_t start,
		       enum group_state state);
/*
 * The group ends with this event, whose position must be known: it is where we resume.
 */
int stream_group_close(struct stream *s, const struct event *e, enum step_kind kind,
		       struct step *step, struct err *err) MR_MUST_CHECK;

/* Errors, as return values. */
int stream_corrupt(struct err *err, const struct event *e, const char *what);
int stream_outside(struct err *err, const struct event *e);

#endif
