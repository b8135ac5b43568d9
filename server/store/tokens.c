/* tokens.c - see tokens.h. */
#include "server/store/tokens.h"

#include "common/contract/errors.h"
#include "common/daemon/acl.h"
#include "common/os/log.h"
#include "common/zk/watch.h"
#include "server/store/store_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKUPS_PER_SECOND = 20, TOKENS_MAX = 10000 };

/* One of the cache. `known` is false until its document was read. */
struct entry {
	char id[TOKEN_ID_LEN + 1];
	bool known;
	bool seen; /* in the last list of names */
	unsigned char hash[TOKEN_HASH_SIZE];
	char name[TOKEN_NAME_MAX + 1];
	int role;
	usec_t expires; /* wall clock; 0: never */
};

struct tokens {
	struct store *store;
	struct zk_watch *watch;
	struct load *loads; /* reads that are under way */
	pthread_mutex_t lock;
	struct entry *list; /* sorted by id */
	size_t n;
	bool loaded; /* the names were read once */
	usec_t second; /* of the lookups below */
	unsigned lookups;
};

/* One read of a document on the main thread. */
struct load {
	struct load *next;
	struct tokens *tokens;
	struct zk_op *op;
	char id[TOKEN_ID_LEN + 1];
};

static struct entry *find(struct tokens *t, const char *id)
{
	size_t low = 0, high = t->n;
	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = strcmp(t->list[mid].id, id);
		if (order == 0)
			return &t->list[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static bool entry_from(struct entry *e, const char *text, size_t len, struct err *err)
{
	struct token_doc d;
	if (token_doc_parse(text, len, &d, err) < 0)
		return false;
	bool ok = strcmp(d.id, e->id) == 0 && token_hash_parse(d.hash, e->hash);
	if (ok) {
		snprintf(e->name, sizeof(e->name), "%s", d.name);
		e->role = d.role;
		/* One that no clock reaches is as good as none; the product must not overflow. */
		e->expires = d.expires_ms > INT64_MAX / USEC_PER_MSEC
				     ? INT64_MAX
				     : (usec_t)d.expires_ms * USEC_PER_MSEC;
		e->known = true;
	} else {
		err_set(err, -EINVAL, ERR_TOKEN_INVALID, "the document is of another token");
	}
	token_doc_clear(&d);
	return ok;
}

static void loaded(void *ctx, const struct zk_reply *reply)
{
	struct load *load = ctx;
	struct tokens *t = load->tokens;
	struct err err = {0};
	bool broken = false;
	for (struct load **p = &t->loads; *p; p = &(*p)->next) {
		if (*p == load) {
			*p = load->next;
			break;
		}
	}
	if (reply->rc == 0) {
		struct entry fresh = {0};
		memcpy(fresh.id, load->id, sizeof(fresh.id));
		broken = !entry_from(&fresh, reply->data, reply->len, &err);
		pthread_mutex_lock(&t->lock);
		struct entry *e = find(t, load->id);
		fresh.seen = e && e->seen;
		if (e && !broken)
			*e = fresh;
		pthread_mutex_unlock(&t->lock);
	}
	/* A read that failed with the connection: the watch tells the names anew, and until
	 * then the token is looked for when it is used. */
	if (broken)
		log_err(LOG_LEVEL_WARN, "a token cannot be used", &err);
	free(load);
}

static void load_one(struct tokens *t, const char *id)
{
	char path[PATHS_SIZE];
	struct load *load = calloc(1, sizeof(*load));
	if (!load || paths_child(PATHS_TOKENS, id, path, NULL) < 0) {
		free(load);
		return;
	}
	load->tokens = t;
	snprintf(load->id, sizeof(load->id), "%s", id);
	load->op = zk_get_async(t->store->zk, path, loaded, load);
	if (!load->op) {
		free(load);
		return;
	}
	load->next = t->loads;
	t->loads = load;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->id, ((const struct entry *)b)->id);
}

/* The list as the names say; entries that stay keep what is known of them. Lock held. */
static bool take_names(struct tokens *t, const struct zk_names *names)
{
	struct entry *list = calloc((names ? names->n : 0) + 1, sizeof(*list));
	size_t n = 0;
	if (!list)
		return false;
	for (size_t i = 0; names && i < names->n && n < TOKENS_MAX; i++) {
		if (!token_id_valid(names->v[i]))
			continue;
		const struct entry *e = find(t, names->v[i]);
		if (e)
			list[n] = *e;
		else
			snprintf(list[n].id, sizeof(list[n].id), "%s", names->v[i]);
		list[n++].seen = true;
	}
	qsort(list, n, sizeof(*list), by_id);
	free(t->list);
	t->list = list;
	t->n = n;
	t->loaded = true;
	return true;
}

static void names_changed(void *ctx, const struct zk_watch_event *event)
{
	struct tokens *t = ctx;
	if (event->rc < 0) {
		log_err(LOG_LEVEL_ERROR, "the tokens cannot be read", event->err);
		return;
	}
	pthread_mutex_lock(&t->lock);
	bool ok = take_names(t, event->exists ? event->names : NULL);
	if (!ok) /* nobody is let in by a list that may be old */
		t->n = 0;
	size_t n = t->n;
	pthread_mutex_unlock(&t->lock);
	/* Only this thread changes the list. */
	for (size_t i = 0; i < n; i++)
		if (!t->list[i].known)
			load_one(t, t->list[i].id);
}

struct tokens *tokens_open(struct store *s)
{
	struct tokens *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->store = s;
	pthread_mutex_init(&t->lock, NULL);
	t->watch = zk_watch_children(s->zk, paths_folder(PATHS_TOKENS), names_changed, t);
	if (!t->watch) {
		tokens_close(t);
		return NULL;
	}
	return t;
}

void tokens_close(struct tokens *t)
{
	if (!t)
		return;
	zk_watch_stop(t->watch);
	for (struct load *next; t->loads; t->loads = next) {
		next = t->loads->next;
		zk_op_cancel(t->loads->op);
		free(t->loads);
	}
	free(t->list);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* Whether one more may be looked for in the tree now; lock held. */
static bool may_look(struct tokens *t)
{
	usec_t now = clock_boot() / USEC_PER_SEC;
	if (t->second != now) {
		t->second = now;
		t->lookups = 0;
	}
	return t->lookups++ < LOOKUPS_PER_SECOND;
}

/* From the tree into *e. 0, -ENOENT, or why it cannot be told. */
static int look(struct tokens *t, struct entry *e, struct err *err)
{
	char path[PATHS_SIZE];
	struct buf text;
	buf_init(&text);
	int rc = paths_child(PATHS_TOKENS, e->id, path, err);
	/* Our member of the ensemble may lag behind the one that a token was just made at. */
	if (rc == 0)
		rc = zk_sync(t->store->zk, path, t->store->timeout, err);
	if (rc == 0)
		rc = store_get(t->store, path, &text, NULL, err);
	if (rc == 0 && !entry_from(e, (const char *)text.data, text.len, err))
		rc = -ENOENT;
	buf_free(&text);
	return rc;
}

int tokens_check(struct tokens *t, const char *text, struct tokens_found *ret, struct err *err)
{
	struct entry e = {0};
	const char *secret;
	if (!token_split(text, e.id, &secret))
		return -EACCES;
	pthread_mutex_lock(&t->lock);
	const struct entry *cached = find(t, e.id);
	bool ask = !cached || !cached->known;
	if (!ask)
		e = *cached;
	else
		ask = may_look(t);
	pthread_mutex_unlock(&t->lock);
	int rc = ask ? look(t, &e, err) : 0;
	if (rc < 0 && rc != -ENOENT)
		return rc;
	/* Compared even when there is none, so that an id cannot be told by the time. */
	bool same = token_matches(e.hash, secret);
	if (!same || !e.known || (e.expires && clock_wall() >= e.expires))
		return -EACCES;
	memcpy(ret->id, e.id, sizeof(ret->id));
	snprintf(ret->name, sizeof(ret->name), "%s", e.name);
	ret->role = e.role;
	return 0;
}

int tokens_create(struct store *s, struct token_doc *d, char ret_text[TOKEN_TEXT_SIZE],
		  struct err *err)
{
	char path[PATHS_SIZE];
	struct buf text;
	d->created_ms = (uint64_t)(clock_wall() / USEC_PER_MSEC);
	if (token_mint(d, ret_text) < 0)
		return store_no_memory(err);
	int rc = paths_child(PATHS_TOKENS, d->id, path, err);
	if (rc < 0)
		return rc;
	buf_init(&text);
	token_doc_print(d, &text);
	const struct zk_create create = {.path = path,
					 .data = text.data,
					 .len = text.len,
					 .kind = ZK_PERSISTENT,
					 .acl = &acl_server,
					 .parents = true};
	rc = text.failed ? store_no_memory(err)
			 : store_create_surely(s, &create, err);
	buf_free(&text);
	return rc;
}

int tokens_delete(struct store *s, const char *id, struct err *err)
{
	char path[PATHS_SIZE];
	if (!token_id_valid(id))
		return err_set(err, -ENOENT, ERR_API_NOT_FOUND, "there is no token of that id");
	int rc = paths_child(PATHS_TOKENS, id, path, err);
	if (rc == 0)
		rc = zk_delete(s->zk, path, ZK_ANY_VERSION, s->timeout, err);
	if (rc == -EINPROGRESS) { /* gone or not: a second time says */
		rc = zk_delete(s->zk, path, ZK_ANY_VERSION, s->timeout, err);
		return rc == -ENOENT ? 0 : rc;
	}
	if (rc == -ENOENT)
		return err_set(err, rc, ERR_API_NOT_FOUND, "there is no token of that id");
	return rc;
}
