/*
 * ddl_session.h - the session of a statement in the binlog, as core/schema/ddl.h wants it.
 * Pure.
 */
#ifndef MR_PIPELINE_DDL_SESSION_H
#define MR_PIPELINE_DDL_SESSION_H

#include "core/binlog/query.h"
#include "core/schema/ddl.h"

/*
 * What the event says, over what *s has of the server (explicit_timestamp, lower_case_names).
 * The names of collations are the caller's to fill: the event has ids.
 */
void ddl_session_of(const struct query *q, const struct event *e, const struct binlog_format *f,
		    struct ddl_session *s);

#endif
