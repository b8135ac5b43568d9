/* ddl_session.c - see ddl_session.h. */
#include "core/pipeline/ddl_session.h"

#include "core/binlog/table_map.h"
#include "core/charset/charset.h"

#include <errno.h>

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

static bool is_utf8(struct span charset)
{
	return charset.len >= 4 && memcmp(charset.p, "utf8", 4) == 0;
}

static bool same(struct span a, struct span b)
{
	return a.len == b.len && (!a.len || memcmp(a.p, b.p, a.len) == 0);
}

int ddl_session_text(const struct query *q, struct span text, bool written, struct arena *arena,
		     struct ddl_session *s, struct span *ret)
{
	*ret = text;
	if (!s->foreign_text || charset_is_ascii(text.p, text.len))
		return 0;
	if (written) {
		s->foreign_text = false;
		return 0;
	}
	/* Literals go through the connection's set: what that does not have is lost there. */
	struct span client = charset_of_collation(q->collation);
	struct span connection = charset_of_collation(q->connection_collation);
	const struct charset_set *set = charset_find(client);
	if (!set || !charset_has_ascii(set) || !(is_utf8(connection) || same(client, connection)))
		return 0;
	size_t room = text.len * CHARSET_UTF8_MAX + CHARSET_ROOM_MIN;
	uint8_t *out = arena_alloc(arena, room);
	if (!out)
		return -ENOMEM;
	const uint8_t *p = text.p;
	bool bad = false;
	size_t n = charset_to_utf8(set, &p, text.p + text.len, out, room, &bad);
	if (bad || p != text.p + text.len)
		return 0;
	*ret = (struct span){out, n};
	s->foreign_text = false;
	return 0;
}
