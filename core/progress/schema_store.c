/*
 * schema_store.c - see schema_store.h.
 *
 * What becomes of a position when something here is wrong: rows behind it are read by
 * another definition than they were written by, and their columns have wrong names. So
 * what is not written is never passed by a saved position, and what cannot be read, or was
 * learned on another way, is never used without another proof (pipeline/definitions.c).
 */
#include "core/progress/schema_store.h"

#include "common/base/json.h"
#include "common/contract/document.h"
#include "common/contract/errors.h"
#include "core/progress/schema_entry.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum {
	VERSION = 1,
	GROWN_MIN = 256 * 1024, /* bytes of the log, from which it is worth rewriting */
	GROWN_FACTOR = 2,	/* and times what it was after the last rewriting */
};

struct line {
	char *text; /* with its newline */
	size_t len;
	struct schema_entry e; /* table only where it was parsed */
	bool empty;            /* definition is null */
};

struct schema_store {
	pthread_mutex_t lock;
	char *uid;
	struct arena arena; /* of the entries that were parsed, and of names */
	struct line *lines;
	size_t n;
	size_t room;
	size_t written; /* so many lines are kept */
	bool anew;	/* but all must be written again */
	size_t bytes;	/* of all lines */
	size_t compact; /* the same, when it was rewritten last */
	struct schema_entry *list;
};

struct schema_store *schema_store_new(const char *uid)
{
	struct schema_store *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->uid = strdup(uid);
	if (!s->uid) {
		free(s);
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	arena_init(&s->arena);
	return s;
}

static void drop_lines(struct schema_store *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->lines[i].text);
	s->n = s->written = s->bytes = s->compact = 0;
}

void schema_store_free(struct schema_store *s)
{
	if (!s)
		return;
	drop_lines(s);
	free(s->lines);
	free(s->list);
	free(s->uid);
	arena_free(&s->arena);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Takes over the text. */
static int push_take(struct schema_store *s, char *text, size_t len, const struct schema_entry *e)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct line *more = realloc(s->lines, room * sizeof(*more));
		if (!more) {
			free(text);
			return -ENOMEM;
		}
		s->lines = more;
		s->room = room;
	}
	s->lines[s->n++] = (struct line){.text = text, .len = len, .e = *e, .empty = !e->table};
	s->bytes += len;
	return 0;
}

/* Is this the log of our task, in our form? */
static bool is_ours(const struct schema_store *s, const char *line, size_t len)
{
	json_t *tree = document_parse(line, len, 4096, "a history of definitions",
				      ERR_STATE_INVALID, NULL);
	const char *uid = json_string_value(json_object_get(tree, "uid"));
	bool ours = tree && uid && strcmp(uid, s->uid) == 0 &&
		    json_integer_value(json_object_get(tree, "version")) == VERSION;
	json_decref(tree);
	return ours;
}

static int parse_line(struct schema_store *s, const char *text, size_t len)
{
	struct schema_entry e;
	int rc = schema_entry_parse(text, len, &s->arena, &e);
	if (rc == -EINVAL) {
		s->anew = true; /* without it */
		return 0;
	}
	char *copy = rc == 0 ? malloc(len + 1) : NULL;
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, len);
	copy[len] = '\n';
	return push_take(s, copy, len + 1, &e);
}

int schema_store_parse(struct schema_store *s, const void *text, size_t len)
{
	const char *p = text, *end = p + len, *line;
	drop_lines(s);
	arena_reset(&s->arena, 64 * 1024);
	s->anew = true;
	const char *first = len ? memchr(p, '\n', len) : NULL;
	if (!first || !is_ours(s, p, (size_t)(first - p)))
		return 0;
	s->anew = false;
	for (p = first + 1; p < end && (line = memchr(p, '\n', (size_t)(end - p))); p = line + 1) {
		int rc = parse_line(s, p, (size_t)(line - p));
		if (rc < 0)
			return rc;
	}
	if (p < end)
		s->anew = true; /* its end was not written: what follows must not join it */
	s->written = s->n;
	s->compact = s->bytes;
	return 0;
}

/* Has the position passed the place of the entry? */
static bool passed(const struct schema_entry *e, const struct position *p, const char *source)
{
	if (p->gtids && e->gtid.kind != GTID_NONE)
		return gtid_set_has(p->gtids, &e->gtid);
	int order = binlog_pos_compare(&e->at, &p->at);
	return p->at.file[0] && e->source.len == strlen(source) &&
	       memcmp(e->source.p, source, e->source.len) == 0 &&
	       (order == 0 || order == -1);
}

int schema_store_begin(struct schema_store *s, const struct position *p, const char *source,
		       bool on)
{
	pthread_mutex_lock(&s->lock);
	free(s->list);
	s->list = calloc(s->n + 1, sizeof(*s->list));
	for (size_t i = 0; s->list && i < s->n; i++) {
		struct line *l = &s->lines[i];
		/* Added by a reading before this one: its definition was the adder's. */
		if (!l->empty && !l->e.table &&
		    schema_entry_parse(l->text, l->len - 1, &s->arena, &l->e) < 0) {
			free(s->list);
			s->list = NULL;
			break;
		}
		if (!l->e.hint && !(on && passed(&l->e, p, source))) {
			l->e.hint = true;
			memcpy(l->text + SCHEMA_HINT_AT, " true", 5);
			s->anew = true;
		}
		s->list[i] = l->e;
	}
	pthread_mutex_unlock(&s->lock);
	return s->list ? 0 : -ENOMEM;
}

const struct schema_entry *schema_store_list(const struct schema_store *s, size_t *ret_n)
{
	*ret_n = s->list ? s->n : 0;
	return s->list;
}

static bool keep(struct arena *a, struct span *s)
{
	s->p = (const uint8_t *)arena_strndup(a, s->p ? (const char *)s->p : "", s->len);
	return s->p != NULL;
}

int schema_store_add(struct schema_store *s, const struct schema_entry *e)
{
	struct buf b;
	struct schema_entry added = *e;
	buf_init(&b);
	int rc = schema_entry_print(e, &b);
	if (rc == -EINVAL) {
		/* A name that JSON cannot hold: nothing is known of it, which is true. */
		added.table = NULL;
		rc = schema_entry_print(&added, &b);
		if (rc == -EINVAL) {
			added.db = added.name = (struct span){0};
			rc = schema_entry_print(&added, &b);
		}
	}
	pthread_mutex_lock(&s->lock);
	char *text = rc == 0 ? malloc(b.len) : NULL;
	if (rc == 0 && (!text || !keep(&s->arena, &added.db) || !keep(&s->arena, &added.name) ||
			!keep(&s->arena, &added.source))) {
		free(text);
		rc = -ENOMEM;
	}
	if (rc == 0) {
		memcpy(text, b.data, b.len);
		rc = push_take(s, text, b.len, &added);
		if (rc == 0 && added.table)
			s->lines[s->n - 1].e.table = NULL; /* the caller's */
	}
	pthread_mutex_unlock(&s->lock);
	buf_free(&b);
	return rc;
}

/* ------------------------------------------------------- writing */

static bool same(struct span a, struct span b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

/* Does e say something of all that o says something of? */
static bool covers(const struct schema_entry *e, const struct schema_entry *o)
{
	return !e->db.len || (same(e->db, o->db) && (!e->name.len || same(e->name, o->name)));
}

static int by_name(const void *a, const void *b)
{
	const struct line *x = *(struct line *const *)a, *y = *(struct line *const *)b;
	const struct span *ks[2][2] = {{&x->e.db, &x->e.name}, {&y->e.db, &y->e.name}};
	for (int i = 0; i < 2; i++) {
		size_t n = ks[0][i]->len < ks[1][i]->len ? ks[0][i]->len : ks[1][i]->len;
		int order = n ? memcmp(ks[0][i]->p, ks[1][i]->p, n) : 0;
		if (order)
			return order;
		if (ks[0][i]->len != ks[1][i]->len)
			return ks[0][i]->len < ks[1][i]->len ? -1 : 1;
	}
	return x < y ? -1 : x > y;
}

/*
 * Drops what no position from p on needs: hints; and what an entry of the same table
 * follows that p has passed. One that knows nothing is not needed either once it is the
 * first of its table.
 */
static void shrink(struct schema_store *s, const struct position *p, const char *source)
{
	struct line **order = calloc(s->n + 1, sizeof(*order));
	if (!order)
		return; /* another time */
	size_t wide = 0; /* behind the last passed entry of all tables or a database */
	for (size_t i = 0; i < s->n; i++) {
		order[i] = &s->lines[i];
		if (!s->lines[i].e.name.len)
			wide = i + 1;
	}
	qsort(order, s->n, sizeof(struct line *), by_name);
	for (size_t i = 0; i < s->n; i++) {
		struct line *l = order[i], *next = i + 1 < s->n ? order[i + 1] : NULL;
		bool known = passed(&l->e, p, source);
		bool drop = l->e.hint && known;
		if (next && l->e.name.len && covers(&next->e, &l->e) && !next->e.hint &&
		    passed(&next->e, p, source))
			drop = true;
		if (!drop && l->empty && known && l->e.name.len &&
		    (size_t)(l - s->lines) >= wide && i &&
		    (!order[i - 1]->text || !same(order[i - 1]->e.name, l->e.name)))
			drop = true;
		if (drop) {
			free(l->text);
			l->text = NULL;
		}
	}
	free(order);
	size_t n = 0;
	s->bytes = 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->lines[i].text) {
			s->lines[n++] = s->lines[i];
			s->bytes += s->lines[i].len;
		}
	s->n = n;
	s->written = 0;
	s->anew = true;
}

/* What is to be written, copied, so that the source's thread does not wait for it. */
static bool gather(struct schema_store *s, bool anew, struct buf *b)
{
	if (anew) {
		buf_printf(b, "{\"version\":%d,\"uid\":", VERSION);
		json_put_string(b, s->uid, strlen(s->uid));
		buf_lit(b, "}\n");
	}
	for (size_t i = anew ? 0 : s->written; i < s->n; i++)
		buf_put(b, s->lines[i].text, s->lines[i].len);
	return !b->failed;
}

int schema_store_flush(struct schema_store *s, const struct position *p, const char *source,
		       const struct schema_sink *sink, struct err *err)
{
	struct buf b;
	buf_init(&b);
	pthread_mutex_lock(&s->lock);
	bool something = s->n > s->written || (s->anew && s->n > 0);
	if (something && s->bytes > GROWN_MIN && s->bytes > GROWN_FACTOR * s->compact) {
		shrink(s, p, source);
		s->compact = s->bytes;
	}
	bool anew = s->anew;
	size_t n = s->n;
	bool ok = !something || gather(s, anew, &b);
	pthread_mutex_unlock(&s->lock);
	int rc = 0;
	if (!ok)
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the table definitions");
	else if (something)
		rc = sink->write(sink->ctx, b.data, b.len, anew, err);
	if (rc == 0 && something) {
		pthread_mutex_lock(&s->lock);
		s->written = n;
		s->anew = false;
		pthread_mutex_unlock(&s->lock);
	} else if (rc < 0) {
		/* How much of it is there is not known. */
		pthread_mutex_lock(&s->lock);
		s->anew = true;
		pthread_mutex_unlock(&s->lock);
	}
	buf_free(&b);
	return rc;
}
