/* commit_history.c - see commit_history.h. */
#include "core/progress/commit_history.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK = 256 * 1024, CHUNKS_MAX = 99999, NAME_SIZE = 17 };

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the table definitions");
}

int commit_history_init(struct commit_history *h, struct zk *zk, const char *task_path,
			const char *instance_path, const struct zk_acl *acl, struct err *err)
{
	h->zk = zk;
	h->acl = acl;
	h->instance_path = instance_path;
	buf_init(&h->last);
	snprintf(h->task_path, sizeof(h->task_path), "%s", task_path);
	return paths_part(task_path, PATHS_SCHEMA, h->path, err);
}

void commit_history_fini(struct commit_history *h)
{
	buf_free(&h->last);
}

static int chunk_path(const struct commit_history *h, uint32_t generation, uint32_t number,
		      char ret[PATHS_SIZE], struct err *err)
{
	char name[32];
	snprintf(name, sizeof(name), "%010lu-%05lu", (unsigned long)generation,
		 (unsigned long)number);
	return paths_schema_chunk(h->task_path, name, ret, err);
}

/* False: it is not a chunk's. */
static bool parse_name(const char *name, uint32_t *ret_generation, uint32_t *ret_number)
{
	unsigned long generation, number;
	char end;
	if (strlen(name) != NAME_SIZE - 1 ||
	    sscanf(name, "%10lu-%5lu%c", &generation, &number, &end) != 2)
		return false;
	*ret_generation = (uint32_t)generation;
	*ret_number = (uint32_t)number;
	return true;
}

/* ------------------------------------------------------- reading */

/* The newest generation that has its chunk 0, and how many chunks follow it in a row. */
static void find_newest(struct commit_history *h, const struct zk_names *names)
{
	uint32_t generation, number;
	h->generation = h->chunks = 0;
	for (size_t i = 0; i < names->n; i++)
		if (parse_name(names->v[i], &generation, &number) && number == 0 &&
		    generation > h->generation)
			h->generation = generation;
	for (bool more = h->generation > 0; more;) {
		more = false;
		for (size_t i = 0; i < names->n; i++)
			if (parse_name(names->v[i], &generation, &number) &&
			    generation == h->generation && number == h->chunks) {
				h->chunks++;
				more = true;
			}
	}
}

int commit_history_read(struct commit_history *h, usec_t timeout, struct buf *out, struct err *err)
{
	struct zk_names names = {0};
	struct err why = {0};
	int rc = zk_children(h->zk, h->path, timeout, &names, NULL, &why);
	h->generation = h->chunks = 0;
	buf_clear(&h->last);
	if (rc == -ENOENT)
		return 0;
	if (rc == 0)
		find_newest(h, &names);
	zk_names_free(&names);
	for (uint32_t i = 0; rc == 0 && i < h->chunks; i++) {
		char path[PATHS_SIZE];
		rc = chunk_path(h, h->generation, i, path, &why);
		buf_clear(&h->last);
		if (rc == 0)
			rc = zk_get(h->zk, path, timeout, &h->last, NULL, &why);
		buf_put(out, h->last.data, h->last.len);
	}
	if (rc == 0 && (out->failed || h->last.failed))
		return no_memory(err);
	if (rc < 0 && err)
		*err = why;
	return rc;
}

/* ------------------------------------------------------- writing */

/* One multi: are we there, and the chunk. */
static int put(struct commit_history *h, enum zk_step_type type, const char *path,
	       const void *data, size_t len, usec_t timeout, struct err *err)
{
	const struct zk_step steps[2] = {
		{.type = ZK_STEP_CHECK, .path = h->instance_path, .version = ZK_ANY_VERSION},
		{.type = type,
		 .path = path,
		 .version = ZK_ANY_VERSION,
		 .data = data,
		 .len = len,
		 .kind = ZK_PERSISTENT,
		 .acl = h->acl},
	};
	struct zk_stat stats[2];
	size_t failed = 2;
	int rc = zk_multi(h->zk, steps, 2, timeout, &failed, stats, err);
	return rc == -ENOENT && failed == 0 ? COMMIT_HISTORY_GONE : rc;
}

/* The schema node itself, of a task that has none yet. */
static int make_parent(struct commit_history *h, usec_t timeout, struct err *err)
{
	struct err why = {0};
	int rc = put(h, ZK_STEP_CREATE, h->path, "", 0, timeout, &why);
	if (rc < 0 && rc != -EEXIST && err)
		*err = why;
	return rc == -EEXIST ? 0 : rc;
}

/* Sets or makes it, whichever of the two will do. */
static int put_chunk(struct commit_history *h, uint32_t generation, uint32_t number,
		     bool expected, const void *data, size_t len, usec_t timeout, struct err *err)
{
	char path[PATHS_SIZE];
	struct err why = {0};
	enum zk_step_type type = expected ? ZK_STEP_SET : ZK_STEP_CREATE;
	int rc = chunk_path(h, generation, number, path, err);
	if (rc < 0)
		return rc;
	rc = put(h, type, path, data, len, timeout, &why);
	if (rc == -ENOENT && type == ZK_STEP_CREATE) {
		rc = make_parent(h, timeout, &why);
		if (rc == 0)
			rc = put(h, ZK_STEP_CREATE, path, data, len, timeout, &why);
	}
	if (rc == -EEXIST) /* of a write whose answer was lost, or that was broken off */
		rc = put(h, ZK_STEP_SET, path, data, len, timeout, &why);
	if (rc < 0 && err)
		*err = why;
	return rc;
}

static size_t chunk_len(size_t len, uint32_t i)
{
	size_t at = (size_t)i * CHUNK;
	return len - at < CHUNK ? len - at : CHUNK;
}

static int remember_last(struct commit_history *h, const void *data, size_t len, struct err *err)
{
	buf_clear(&h->last);
	buf_put(&h->last, data, len);
	return h->last.failed ? no_memory(err) : 0;
}

/* Deletes other generations: former ones, and what is left of one that was broken off. */
static int sweep(struct commit_history *h, usec_t timeout, struct err *err)
{
	struct zk_names names = {0};
	struct err why = {0};
	uint32_t generation, number;
	char path[PATHS_SIZE];
	int rc = zk_children(h->zk, h->path, timeout, &names, NULL, &why);
	for (size_t i = 0; rc == 0 && i < names.n; i++)
		if (parse_name(names.v[i], &generation, &number) && generation != h->generation &&
		    paths_schema_chunk(h->task_path, names.v[i], path, &why) == 0) {
			rc = put(h, ZK_STEP_DELETE, path, NULL, 0, timeout, &why);
			rc = rc == -ENOENT ? 0 : rc;
		}
	zk_names_free(&names);
	if (rc == -ENOENT)
		return 0;
	if (rc < 0 && err)
		*err = why;
	return rc;
}

static int write_anew(struct commit_history *h, usec_t timeout, const uint8_t *text, size_t len,
		      struct err *err)
{
	uint32_t n = (uint32_t)((len + CHUNK - 1) / CHUNK), generation = h->generation + 1;
	/* Else chunks of a longer one, broken off under this number, would follow ours. */
	int rc = sweep(h, timeout, err);
	for (uint32_t i = n; rc == 0 && i-- > 0;)
		rc = put_chunk(h, generation, i, false, text + (size_t)i * CHUNK, chunk_len(len, i),
			       timeout, err);
	if (rc == 0)
		rc = remember_last(h, text + (size_t)(n - 1) * CHUNK, chunk_len(len, n - 1), err);
	if (rc < 0)
		return rc;
	h->generation = generation;
	h->chunks = n;
	struct err ignored;
	(void)!sweep(h, timeout, &ignored); /* else before the next one */
	return 0;
}

static int write_more(struct commit_history *h, usec_t timeout, const uint8_t *text, size_t len,
		      struct err *err)
{
	size_t before = h->last.len;
	buf_put(&h->last, text, len);
	if (h->last.failed)
		return no_memory(err);
	uint32_t n = (uint32_t)((h->last.len + CHUNK - 1) / CHUNK), first = h->chunks - 1;
	int rc = 0;
	for (uint32_t i = 0; rc == 0 && i < n; i++)
		rc = put_chunk(h, h->generation, first + i, i == 0,
			       h->last.data + (size_t)i * CHUNK, chunk_len(h->last.len, i), timeout,
			       err);
	if (rc < 0) {
		h->last.len = before;
		return rc;
	}
	size_t keep = chunk_len(h->last.len, n - 1);
	memmove(h->last.data, h->last.data + (size_t)(n - 1) * CHUNK, keep);
	h->last.len = keep;
	h->chunks = first + n;
	return 0;
}

int commit_history_write(struct commit_history *h, usec_t timeout, const void *text, size_t len,
			 bool anew, struct err *err)
{
	if (!anew && h->chunks > 0 && h->chunks + len / CHUNK < CHUNKS_MAX)
		return write_more(h, timeout, text, len, err);
	if (!anew || len / CHUNK >= CHUNKS_MAX)
		return err_set(err, -EFBIG, ERR_STATE_INVALID,
			       "the history of table definitions is too large for ZooKeeper");
	return write_anew(h, timeout, text, len, err);
}
