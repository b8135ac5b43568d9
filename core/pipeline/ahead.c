/*
 * ahead.c - see ahead.h.
 *
 * Only FORMAT_DESCRIPTION, ROTATE and QUERY events are looked into; of the others the header
 * says where they end. Payloads of compressed transactions are passed over: a statement
 * inside one (CREATE TABLE … SELECT) can only make a table that another statement, outside,
 * has dropped or renamed before.
 */
#include "core/pipeline/ahead.h"

#include "common/contract/errors.h"
#include "common/os/log.h"
#include "common/os/process.h"
#include "common/os/random.h"
#include "core/binlog/inflate.h"
#include "core/binlog/query.h"
#include "core/pipeline/connections.h"
#include "core/pipeline/ddl_session.h"
#include "core/pipeline/setup.h"
#include "core/pipeline/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	TOUCHES_MAX = 100000, /* more of them become one that touches everything */
	HEARTBEAT_S = 2,
	TELL_S = 10,
};

struct reading {
	struct ahead *a;
	struct source_thread *t;
	struct source *dump;
	/* Its own, even where the task's is fixed: the main dump stays as it is. */
	struct dump_id id;
	struct binlog_format format;
	struct inflater inflater;
	struct arena scratch;
	struct ddl_session base;
	bool inside; /* the group at hand is the one we come from */
	unsigned gtids; /* met since the start */
	usec_t told;
};

void ahead_free(struct ahead *a)
{
	arena_free(&a->names);
	free(a->list);
	*a = (struct ahead){0};
}

static void start_at(struct ahead *a, const char *source, const struct binlog_pos *from)
{
	if (!a->some)
		arena_init(&a->names);
	arena_reset(&a->names, 64 * 1024);
	a->some = true;
	a->n = 0;
	a->from = a->to = *from;
	snprintf(a->source, sizeof(a->source), "%s", source);
}

bool ahead_has(const struct ahead *a, const char *source, const struct binlog_pos *from)
{
	if (!a->some || strcmp(a->source, source) != 0)
		return false;
	int low = binlog_pos_compare(&a->from, from), high = binlog_pos_compare(from, &a->to);
	return (low == 0 || low == -1) && (high == 0 || high == -1);
}

/* ---------------------------------------------------------------- what is touched */

static bool keep(struct arena *a, struct span *s)
{
	s->p = (const uint8_t *)arena_strndup(a, s->p ? (const char *)s->p : "", s->len);
	return s->p != NULL;
}

static int add(struct ahead *a, struct ahead_touch touch)
{
	touch.at = a->to;
	if (a->n == TOUCHES_MAX) {
		touch.db = touch.name = (struct span){0};
		a->n = 0;
		arena_reset(&a->names, 64 * 1024);
	}
	if (a->n == a->room) {
		size_t room = a->room ? 2 * a->room : 16;
		struct ahead_touch *more = realloc(a->list, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		a->list = more;
		a->room = room;
	}
	if (!keep(&a->names, &touch.db) || !keep(&a->names, &touch.name))
		return -ENOMEM;
	a->list[a->n++] = touch;
	return 0;
}

static int add_change(struct ahead *a, const struct ddl_change *c)
{
	struct ahead_touch touch = {.db = c->db, .name = c->name};
	int rc = 0;
	switch (c->kind) {
	case DDL_TRUNCATED:
		return 0;
	case DDL_RENAMED:
		rc = add(a, (struct ahead_touch){.db = c->from_db, .name = c->from_name});
		break;
	case DDL_DATABASE_ALTERED:
		touch.tables_stay = true;
		touch.database = true;
		break;
	case DDL_DATABASE_CREATED:
	case DDL_DATABASE_DROPPED:
		touch.database = true;
		break;
	case DDL_CREATED:
	case DDL_ALTERED:
	case DDL_DROPPED:
	case DDL_UNKNOWN:
		break;
	}
	return rc < 0 ? rc : add(a, touch);
}

static bool same(struct span a, struct span b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

static bool concerns(const struct ahead_touch *touch, struct span db, struct span name)
{
	if (!touch->db.len)
		return true;
	if (!same(touch->db, db))
		return false;
	if (!name.len)
		return touch->database || !touch->name.len;
	return !touch->tables_stay && (!touch->name.len || same(touch->name, name));
}

const struct ahead_touch *ahead_find(const struct ahead *a, struct span db, struct span name,
				     const struct binlog_pos *from, const struct binlog_pos *to)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct ahead_touch *touch = &a->list[i];
		if (binlog_pos_compare(&touch->at, from) != 1)
			continue;
		if (to && binlog_pos_compare(&touch->at, to) == 1)
			return NULL;
		if (concerns(touch, db, name))
			return touch;
	}
	return NULL;
}

/* ---------------------------------------------------------------- events */

static bool says(struct span text, const char *word)
{
	return text.len == strlen(word) && memcmp(text.p, word, text.len) == 0;
}

static bool begins(struct span text, const char *words)
{
	size_t n = strlen(words);
	return text.len >= n && strncasecmp((const char *)text.p, words, n) == 0;
}

static int statement(struct reading *r, const struct event *e, struct err *err)
{
	struct query q;
	int rc = query_read(&r->format, e, &q, err);
	if (rc < 0)
		return rc;
	if (says(q.text, "BEGIN"))
		return 0;
	if (says(q.text, "COMMIT") || says(q.text, "ROLLBACK")) {
		r->inside = false;
		return 0;
	}
	if (r->inside)
		return 0;
	struct ddl_session session = r->base;
	const struct ddl_lookup nothing = {0};
	struct ddl_changes changes = {0};
	ddl_session_of(&q, e, &r->format, &session);
	arena_reset(&r->scratch, 64 * 1024);
	struct span text;
	rc = ddl_session_text(&q, q.text, false, &r->scratch, &session, &text);
	/* What is no text of the session's set, the server has written: CREATE … SELECT. */
	if (rc == 0 && session.foreign_text && begins(q.text, "CREATE TABLE"))
		rc = ddl_session_text(&q, q.text, true, &r->scratch, &session, &text);
	if (rc == 0)
		rc = ddl_apply(text, &session, &nothing, &r->scratch, &changes);
	for (uint32_t i = 0; rc == 0 && i < changes.n; i++)
		rc = add_change(r->a, &changes.list[i]);
	return rc < 0 ? err_set(err, rc, ERR_MEMORY, "no memory for what statements change") : 0;
}

/* Only for what is looked into. */
static int look_into(struct reading *r, struct span bytes, struct err *err)
{
	struct event e;
	int rc = event_parse(&r->format, bytes.p, bytes.len, &e, err);
	if (rc < 0)
		return rc;
	if (e.type == EVENT_FORMAT_DESCRIPTION)
		return binlog_format_read(&r->format, &e, err);
	if (e.type == EVENT_ROTATE) {
		size_t len = e.body.len > 8 ? strnlen((const char *)e.body.p + 8, e.body.len - 8)
					    : 0;
		if (len == 0 || len >= sizeof(r->a->to.file))
			return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT,
				       "ROTATE event: no file name of a usable length");
		memcpy(r->a->to.file, e.body.p + 8, len);
		r->a->to.file[len] = 0;
		r->a->to.pos = load_le64(e.body.p);
		return 0;
	}
	rc = inflate_event(&r->inflater, &r->format, &e, err);
	return rc < 0 ? rc : statement(r, &e, err);
}

/* log_pos has 32 bits, files may have more; 0 inside MariaDB 11's groups. */
static void move(struct ahead *a, uint32_t log_pos)
{
	const uint64_t period = UINT64_C(1) << 32;
	uint64_t end = (a->to.pos & ~(period - 1)) | log_pos;
	if (!log_pos)
		return;
	if (end < a->to.pos && a->to.pos - end > period / 2)
		end += period;
	if (end > a->to.pos)
		a->to.pos = end;
}

static int event(struct reading *r, struct span bytes, struct err *err)
{
	if (bytes.len < EVENT_HEADER_LEN)
		return err_set(err, -EBADMSG, ERR_EVENT_CORRUPT, "an event of %zu bytes",
			       bytes.len);
	uint8_t type = bytes.p[4];
	uint16_t flags = load_le16(bytes.p + 17);
	bool made_up = (flags & EVENT_FLAG_ARTIFICIAL) || load_le32(bytes.p) == 0;
	if (!made_up && type != EVENT_FORMAT_DESCRIPTION && type != EVENT_ROTATE)
		move(r->a, load_le32(bytes.p + 13));
	switch (type) {
	case EVENT_FORMAT_DESCRIPTION:
	case EVENT_ROTATE:
	case EVENT_QUERY:
	case EVENT_MARIA_QUERY_COMPRESSED:
		return look_into(r, bytes, err);
	case EVENT_GTID:
	case EVENT_ANONYMOUS_GTID:
	case EVENT_GTID_TAGGED:
	case EVENT_MARIA_GTID:
		r->inside = r->inside && r->gtids++ == 0;
		return 0;
	case EVENT_XID:
	case EVENT_XA_PREPARE:
	case EVENT_TRANSACTION_PAYLOAD:
		r->inside = false;
		return 0;
	default:
		return 0;
	}
}

/* ---------------------------------------------------------------- the dump */

static int open_dump(struct reading *r, struct err *err)
{
	struct source_thread *t = r->t;
	struct server_info now;
	char hostname[PROCESS_HOSTNAME_MAX], shown[SETUP_REPLICA_NAME_MAX], uuid[37];
	const struct position from = {.flavor = t->read.flavor, .at = r->a->to};
	int rc = source_thread_open(t, &t->stop->ahead, &r->dump, err);
	if (rc == 0)
		rc = server_identify(r->dump, &now, err);
	if (rc == 0 && strcmp(now.identity, t->server.identity) != 0)
		rc = err_set(err, -EPROTO, ERR_SOURCE_LOST,
			     "another server answers at %s than a moment ago", source_name(r->dump));
	if (rc < 0)
		return rc;
	random_uuid(uuid);
	process_hostname(hostname);
	setup_replica_name(t->task, hostname, shown);
	const struct dump_options o = {
		.server = &t->server,
		.from = &from,
		.id = &r->id,
		.uuid = uuid,
		.hostname = shown,
		.heartbeat = HEARTBEAT_S * USEC_PER_SEC,
		.stop_at_end = true,
	};
	return dump_start(r->dump, &o, NULL, err);
}

static void tell(struct reading *r)
{
	usec_t now = clock_boot();
	if (now - r->told < TELL_S * USEC_PER_SEC)
		return;
	r->told = now;
	log_info("looking for changes of definitions between here and the end of the binlog: at "
		 "%s:%llu",
		 r->a->to.file, (unsigned long long)r->a->to.pos);
}

static int read_to_end(struct reading *r, struct err *err)
{
	enum { LOOK_AT_CLOCK = 4096 };
	for (unsigned n = 1;; n++) {
		struct span bytes;
		int rc = dump_next(r->dump, &bytes, err);
		if (rc > 0)
			rc = event(r, bytes, err);
		else
			return rc;
		if (rc < 0) {
			err_prefix(err, "looking ahead, at %.120s:%llu", r->a->to.file,
				   (unsigned long long)r->a->to.pos);
			return rc;
		}
		if (n % LOOK_AT_CLOCK == 0)
			tell(r);
	}
}

/* Nothing is behind `to` at the moment. */
static bool at_end(struct source_thread *t, const struct binlog_pos *to)
{
	struct binlog_pos head;
	struct err ignored;
	struct source *s;
	return source_thread_catalog(t, &s, &ignored) == 0 &&
	       server_head(s, &t->server, &head, NULL, &ignored) == 0 &&
	       binlog_pos_compare(to, &head) == 0;
}

int ahead_read(struct ahead *a, struct source_thread *t, const struct binlog_pos *from, bool inside,
	       struct err *err)
{
	struct reading r = {
		.a = a, .t = t, .told = clock_boot(), .id = {.leases = t->leases}};
	if (!ahead_has(a, t->server.identity, from)) {
		start_at(a, t->server.identity, from);
		r.inside = inside;
	}
	if (!r.inside && at_end(t, &a->to))
		return 0;
	int rc = source_thread_ddl_session(t, &r.base, err);
	if (rc < 0)
		return rc;
	const struct binlog_pos start = a->to;
	arena_init(&r.scratch);
	binlog_format_init(&r.format, t->read.flavor, true);
	rc = open_dump(&r, err);
	if (rc == 0)
		rc = read_to_end(&r, err);
	source_thread_close(t, &t->stop->ahead, &r.dump);
	dump_id_drop(&r.id);
	arena_free(&r.scratch);
	inflater_free(&r.inflater);
	log_debug("looked ahead from %s:%llu to %s:%llu", start.file, (unsigned long long)start.pos,
		  a->to.file, (unsigned long long)a->to.pos);
	/* Half of it may be known by now, and may end inside a group: not a place to go on. */
	if (rc < 0)
		a->some = false;
	return rc < 0 ? rc : 0;
}
