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

/*
 * The statement's text in UTF-8, itself or converted in `arena`; s->foreign_text is then
 * false. It stays as it is where the session's character sets leave doubts. `written`: the
 * server has put it together (CREATE … SELECT), which it does in UTF-8, whatever the
 * session's character set is. 0 or -ENOMEM.
 */
int ddl_session_text(const struct query *q, struct span text, bool written, struct arena *arena,
		     struct ddl_session *s, struct span *ret) MR_MUST_CHECK;

#endif
