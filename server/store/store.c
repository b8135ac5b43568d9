/* store.c - the store's life, the key ring, folders with their documents, drains. */
#include "server/store/store_priv.h"

#include "common/base/json.h"
#include "common/contract/errors.h"
#include "common/contract/machine.h"
#include "common/daemon/acl.h"
#include "common/os/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void store_init(struct store *s, struct zk *zk, usec_t timeout)
{
	*s = (struct store){.zk = zk, .timeout = timeout};
	pthread_rwlock_init(&s->ring_lock, NULL);
	err_set(&s->ring_err, -ENOENT, ERR_KEY_RING, "no key ring was read");
}

void store_clear(struct store *s)
{
	seal_ring_free(s->ring);
	pthread_rwlock_destroy(&s->ring_lock);
	s->ring = NULL;
}

int store_no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for an answer");
}

int store_ring_load(struct store *s, const char *path, struct err *err)
{
	struct seal_ring *ring, *former;
	int rc = seal_ring_load(path, &ring, err);
	pthread_rwlock_wrlock(&s->ring_lock);
	former = NULL;
	if (rc == 0) {
		former = s->ring;
		s->ring = ring;
	} else if (err) {
		s->ring_err = *err;
	}
	pthread_rwlock_unlock(&s->ring_lock);
	seal_ring_free(former);
	return rc;
}

static int no_ring(struct store *s, struct err *err)
{
	if (err)
		*err = s->ring_err;
	return -ENOKEY;
}

struct plain_search {
	bool found;
};

static int find_unsealed(void *ctx, struct secret *secret, const struct secret_use *use)
{
	struct plain_search *search = ctx;
	(void)use;
	search->found |= secret->given && secret->given[0] && !secret_is_reference(secret->given);
	return 0;
}

int store_seal(struct store *s, struct task *t, struct err *err)
{
	struct plain_search search = {false};
	size_t changed;
	int rc = task_each_secret(t, find_unsealed, &search, err);
	if (rc < 0 || !search.found) /* a document without secrets needs no ring */
		return rc;
	pthread_rwlock_rdlock(&s->ring_lock);
	rc = s->ring ? seal_task(s->ring, s->cluster, t, &changed, err) : no_ring(s, err);
	pthread_rwlock_unlock(&s->ring_lock);
	return rc;
}

int store_open(struct store *s, const struct secret_use *use, const char *sealed, char **ret_text,
	       size_t *ret_len, struct err *err)
{
	pthread_rwlock_rdlock(&s->ring_lock);
	int rc = s->ring ? seal_open(s->ring, s->cluster, use, sealed, ret_text, ret_len, err)
			 : no_ring(s, err);
	pthread_rwlock_unlock(&s->ring_lock);
	return rc;
}

int store_get(struct store *s, const char *path, struct buf *out, struct zk_stat *ret_stat,
	      struct err *err)
{
	buf_clear(out);
	return zk_get(s->zk, path, s->timeout, out, ret_stat, err);
}

void store_back_off(int attempt)
{
	usec_t most = (attempt < 6 ? 1 << attempt : 64) * USEC_PER_MSEC;
	usec_t pause = 1 + (usec_t)random_below((uint64_t)most);
	struct timespec ts = {pause / USEC_PER_SEC, pause % USEC_PER_SEC * 1000};
	nanosleep(&ts, NULL);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void store_list_free(struct store_list *list)
{
	if (list->reads)
		zk_reads_free(list->reads, list->n);
	free(list->reads);
	free(list->paths);
	zk_names_free(&list->names);
	*list = (struct store_list){0};
}

int store_list_read(struct store *s, const char *folder, struct store_list *ret, struct err *err)
{
	struct store_list list = {0};
	int rc = zk_children(s->zk, folder, s->timeout, &list.names, NULL, err);
	if (rc == -ENOENT)
		rc = 0; /* a folder that nobody has made yet is empty */
	list.n = list.names.n;
	if (rc == 0 && list.n) {
		qsort(list.names.v, list.n, sizeof(*list.names.v), by_name);
		list.reads = calloc(list.n, sizeof(*list.reads));
		list.paths = calloc(list.n, ZK_PATH_MAX);
		if (!list.reads || !list.paths)
			rc = store_no_memory(err);
	}
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		char *path = list.paths + i * ZK_PATH_MAX;
		snprintf(path, ZK_PATH_MAX, "%s/%s", folder, list.names.v[i]);
		list.reads[i].path = path;
	}
	if (rc == 0)
		rc = zk_read_many(s->zk, list.reads, list.n, s->timeout, err);
	if (rc < 0)
		store_list_free(&list);
	else
		*ret = list;
	return rc;
}

static bool is_of_group(const struct machine_doc *m, const char *group)
{
	if (strcmp(m->program, "mr-core") != 0)
		return false;
	if (!group[0])
		return true;
	for (size_t i = 0; i < m->groups.n; i++)
		if (strcmp(m->groups.list[i], group) == 0)
			return true;
	return false;
}

int store_cores(struct store *s, const char *group, struct store_cores *ret, struct err *err)
{
	struct store_list list;
	struct store_cores c = {0};
	int rc = store_list_read(s, paths_folder(PATHS_MACHINES), &list, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < list.n; i++) {
		struct machine_doc m;
		/* A document of a newer version that cannot be read is no reason to fail. */
		if (list.reads[i].rc == 0 && list.reads[i].data &&
		    machine_doc_parse(list.reads[i].data, list.reads[i].len, &m, NULL) == 0) {
			bool counts = is_of_group(&m, group), leaving = m.draining || m.stopping;
			c.n += counts;
			c.leaving += counts && leaving;
			c.full += counts && !leaving && m.cold >= m.max_tasks;
			machine_doc_clear(&m);
		}
	}
	store_list_free(&list);
	*ret = c;
	return 0;
}

int store_drain(struct store *s, const char *host, bool drain, const char *by, struct err *err)
{
	char path[PATHS_SIZE];
	int rc = paths_name_check(PATHS_NAME_HOST, host, err);
	if (rc == 0)
		rc = paths_child(PATHS_DRAINS, host, path, err);
	if (rc < 0)
		return rc;
	if (!drain) {
		rc = zk_delete(s->zk, path, ZK_ANY_VERSION, s->timeout, err);
		return rc == -ENOENT ? 0 : rc;
	}
	struct buf text;
	buf_init(&text);
	buf_lit(&text, "{\"version\":1,\"by\":");
	json_put_string(&text, by, strlen(by));
	buf_printf(&text, ",\"created_ms\":%lld}", (long long)(clock_wall() / USEC_PER_MSEC));
	struct zk_create create = {.path = path,
				   .data = text.data,
				   .len = text.len,
				   .kind = ZK_PERSISTENT,
				   .acl = &acl_task,
				   .parents = true};
	rc = text.failed ? store_no_memory(err)
			 : store_create_surely(s, &create, err);
	buf_free(&text);
	return rc == -EEXIST ? 0 : rc; /* drained already */
}

int store_create_surely(struct store *s, const struct zk_create *create, struct err *err)
{
	for (int attempt = 0;; attempt++) {
		struct err lost;
		bool there = false;
		int rc = zk_create(s->zk, create, s->timeout, NULL, NULL, &lost);
		if (rc != -EINPROGRESS) {
			if (rc < 0 && err)
				*err = lost;
			return rc;
		}
		if (zk_sync(s->zk, create->path, s->timeout, NULL) == 0 &&
		    zk_exists(s->zk, create->path, s->timeout, &there, NULL, NULL) == 0 && there)
			return 0;
		if (attempt == 1) { /* an answer that is lost twice is an outage */
			if (err)
				*err = lost;
			return rc;
		}
		store_back_off(attempt + 1);
	}
}
