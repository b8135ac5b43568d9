/* ddl_session.c - see ddl_session.h. */
#include "core/pipeline/ddl_session.h"

#include "core/binlog/table_map.h"

enum { EVENT_FLAG_THREAD_SPECIFIC = 0x4 }; /* the statement uses temporary tables */

void ddl_session_of(const struct query *q, const struct event *e, const struct binlog_format *f,
		    struct ddl_session *s)
{
	s->flavor = f->flavor;
	s->version = f->version;
	s->sql_mode = q->sql_mode;
	s->db = q->db;
	s->foreign_text = collation_charset(q->collation) != CHARSET_UTF8;
	s->temporary = e->flags & EVENT_FLAG_THREAD_SPECIFIC;
	if (q->has_explicit_timestamp)
		s->explicit_timestamp = q->explicit_timestamp ? DDL_ON : DDL_OFF;
}
