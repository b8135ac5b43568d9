/*
 * state_folder.c - see state_folder.h.
 *
 * A save that fails leaves the old file: what was delivered since is delivered again
 * after a restart.
 */
#include "core/progress/state_folder.h"

#include "common/base/json.h"
#include "common/contract/document.h"
#include "common/contract/errors.h"
#include "common/os/file.h"
#include "common/os/random.h"
#include "core/progress/checkpoint_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	STATE_VERSION = 1,
	STATE_MAX = 16 * 1024,
	FILE_MODE = 0640,
	HISTORY_MAX = 1 << 30,
};

struct state_folder {
	struct checkpoint base;
	char *task;
	char *cluster;
	int lock;
	char state_path[PATH_MAX];
	char history_path[PATH_MAX];
};

/* A text member of state.json, which must be there. */
static int state_text(const struct state_folder *f, json_t *tree, const char *name, char **ret,
		      struct err *err)
{
	const char *text = json_string_value(json_object_get(tree, name));
	if (!text || !text[0])
		return err_set_at(err, -EINVAL, ERR_STATE_INVALID, name,
				  "%s: '%s' is missing or not a string", f->state_path, name);
	return position_doc_set(ret, text) < 0 ? checkpoint_no_memory(err) : 0;
}

/* Whose folder this is. Fills cluster, epoch (the last one) and *ret_task, *ret_uid. */
static int state_parse(struct state_folder *f, const char *text, size_t len, char **ret_task,
		       char **ret_uid, struct err *err)
{
	json_t *tree = document_parse(text, len, STATE_MAX, f->state_path, ERR_STATE_INVALID, err);
	if (!tree)
		return -EINVAL;
	const json_t *version = json_object_get(tree, "version");
	const json_t *epoch = json_object_get(tree, "epoch");
	int rc = 0;
	if (!json_is_integer(version) || json_integer_value(version) != STATE_VERSION ||
	    json_object_size(tree) != 5)
		rc = err_set(err, -EINVAL, ERR_STATE_INVALID,
			     "%s was written by other software: this one reads version %d",
			     f->state_path, STATE_VERSION);
	else if (!json_is_integer(epoch) || json_integer_value(epoch) < 0 ||
		 json_integer_value(epoch) == INT64_MAX)
		rc = err_set_at(err, -EINVAL, ERR_STATE_INVALID, "epoch",
				"%s: 'epoch' is not a number from 0", f->state_path);
	if (rc == 0) {
		f->base.epoch = (uint64_t)json_integer_value(epoch);
		rc = state_text(f, tree, "cluster", &f->cluster, err);
	}
	if (rc == 0)
		rc = state_text(f, tree, "task", ret_task, err);
	if (rc == 0)
		rc = state_text(f, tree, "uid", ret_uid, err);
	json_decref(tree);
	return rc;
}

static int other_task(const char *path, const char *what, const char *theirs, const char *ours,
		      struct err *err)
{
	return err_set(err, -EEXIST, ERR_STATE_INVALID,
		       "%s belongs to the task with %s '%s', not '%s': give this task a state "
		       "folder of its own, or remove that one if its position is not needed",
		       path, what, theirs, ours);
}

static int state_load(struct state_folder *f, const struct state_folder_options *o, struct err *err)
{
	char *text = NULL, *task = NULL, *uid = NULL;
	size_t len;
	int rc = file_read(f->state_path, STATE_MAX, ERR_STATE_IO, &text, &len, err);
	if (rc < 0)
		return rc;
	rc = state_parse(f, text, len, &task, &uid, err);
	if (rc == 0 && strcmp(task, o->task) != 0)
		rc = other_task(f->state_path, "name", task, o->task, err);
	if (rc == 0 && o->uid[0] && strcmp(uid, o->uid) != 0)
		rc = other_task(f->state_path, "uid", uid, o->uid, err);
	if (rc == 0 && position_doc_set(&f->base.doc.uid, uid) < 0)
		rc = checkpoint_no_memory(err);
	free(text);
	free(task);
	free(uid);
	return rc;
}

/* The first start in this folder. */
static int state_make(struct state_folder *f, const struct state_folder_options *o, struct err *err)
{
	char cluster[17], uid[RANDOM_UUID_SIZE];
	random_hex(cluster, 8);
	random_uuid(uid);
	f->base.epoch = 0;
	if (position_doc_set(&f->cluster, cluster) < 0 ||
	    position_doc_set(&f->base.doc.uid, o->uid[0] ? o->uid : uid) < 0)
		return checkpoint_no_memory(err);
	return 0;
}

static int state_save(struct state_folder *f, struct err *err)
{
	struct buf b;
	buf_init(&b);
	buf_printf(&b, "{\"version\":%d,\"cluster\":", STATE_VERSION);
	json_put_string(&b, f->cluster, strlen(f->cluster));
	buf_lit(&b, ",\"task\":");
	json_put_string(&b, f->task, strlen(f->task));
	buf_lit(&b, ",\"uid\":");
	json_put_string(&b, f->base.doc.uid, strlen(f->base.doc.uid));
	buf_printf(&b, ",\"epoch\":%llu}\n", (unsigned long long)f->base.epoch);
	int rc = b.failed ? checkpoint_no_memory(err)
			  : file_save(f->state_path, b.data, b.len, FILE_MODE, ERR_STATE_IO, err);
	buf_free(&b);
	return rc;
}

/* position.json into f->base.doc, if there is one. */
static int position_load(struct state_folder *f, struct err *err)
{
	char *text;
	size_t len;
	struct stat st;
	if (lstat(f->base.path, &st) != 0 && errno == ENOENT)
		return 0;
	int rc = file_read(f->base.path, POSITION_DOCUMENT_MAX, ERR_STATE_IO, &text, &len, err);
	if (rc < 0)
		return rc;
	struct position_doc doc;
	rc = position_doc_parse(text, len, &doc, err);
	free(text);
	if (rc < 0) {
		err_prefix(err, "%s", f->base.path);
		return rc;
	}
	if (strcmp(doc.uid, f->base.doc.uid) != 0) {
		rc = other_task(f->base.path, "uid", doc.uid, f->base.doc.uid, err);
		position_doc_clear(&doc);
		return rc;
	}
	position_doc_clear(&f->base.doc);
	f->base.doc = doc;
	f->base.found = true;
	return 0;
}

/* schema.jsonl, if there is one. */
static int history_load(struct state_folder *f, struct err *err)
{
	char *text = NULL;
	size_t len = 0;
	struct stat st;
	if (lstat(f->history_path, &st) == 0) {
		int rc = file_read(f->history_path, HISTORY_MAX, ERR_STATE_IO, &text, &len, err);
		if (rc < 0)
			return rc;
	} else if (errno != ENOENT) {
		return err_set(err, -errno, ERR_STATE_IO, "cannot read %s: %s", f->history_path,
			       strerror(errno));
	}
	int rc = checkpoint_take_history(&f->base, text, len, err);
	free(text);
	return rc;
}

static int append(const char *path, const void *text, size_t len, struct err *err)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, len);
	int rc = n == (ssize_t)len && fsync(fd) == 0
			 ? 0
			 : err_set(err, n >= 0 && n != (ssize_t)len ? -ENOSPC : -errno,
				   ERR_STATE_IO, "cannot write %s: %s", path,
				   n >= 0 && n != (ssize_t)len ? "no space left" : strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc;
}

static int folder_save_history(struct checkpoint *c, const void *text, size_t len, bool anew,
			       struct err *err)
{
	const struct state_folder *f = (const struct state_folder *)c;
	return anew ? file_save(f->history_path, text, len, FILE_MODE, ERR_STATE_IO, err)
		    : append(f->history_path, text, len, err);
}

/* Everything of `open` that needs the lock. */
static int load_all(struct state_folder *f, const struct state_folder_options *o, struct err *err)
{
	struct stat st;
	int rc;
	if (lstat(f->state_path, &st) == 0) {
		rc = state_load(f, o, err);
	} else if (errno != ENOENT) {
		rc = err_set(err, -errno, ERR_STATE_IO, "cannot read %s: %s", f->state_path,
			     strerror(errno));
	} else if (lstat(f->base.path, &st) == 0) {
		rc = err_set(err, -ENOENT, ERR_STATE_INVALID,
			     "%s is there but %s is not, so it cannot be told whose position it "
			     "is: restore the one or remove the other",
			     f->base.path, f->state_path);
	} else {
		rc = state_make(f, o, err);
	}
	if (rc == 0)
		rc = position_load(f, err);
	if (rc == 0)
		rc = history_load(f, err);
	if (rc < 0)
		return rc;
	f->base.transactional = strcmp(o->delivery, "exactly_once") == 0;
	/* Whether it is a copy of the pipe's counts when the two are compared. */
	if (position_doc_set(&f->base.doc.instance, o->instance) < 0)
		return checkpoint_no_memory(err);
	/* A position of a higher epoch than the folder's: state.json was restored from an old
	 * copy. The epoch rises over both. */
	if (f->base.doc.epoch > f->base.epoch)
		f->base.epoch = f->base.doc.epoch;
	f->base.epoch++;
	return state_save(f, err);
}

static int build_paths(struct state_folder *f, const char *dir, struct err *err)
{
	char path[PATH_MAX];
	int a = snprintf(f->state_path, sizeof(f->state_path), "%s/state.json", dir);
	int b = snprintf(path, sizeof(path), "%s/position.json", dir);
	int h = snprintf(f->history_path, sizeof(f->history_path), "%s/schema.jsonl", dir);
	/* ".tmp" must fit behind it. */
	if (a < 0 || b < 0 || h < 0 || (size_t)b + 5 > sizeof(path))
		return err_set(err, -ENAMETOOLONG, ERR_STATE_IO,
			       "the state folder's path is too long");
	return position_doc_set(&f->base.path, path) < 0 ? checkpoint_no_memory(err) : 0;
}

static int folder_save(struct checkpoint *c, const struct buf *text, struct err *err)
{
	return file_save(c->path, text->data, text->len, FILE_MODE, ERR_STATE_IO, err);
}

static void folder_close(struct checkpoint *c)
{
	struct state_folder *f = (struct state_folder *)c;
	file_unlock(f->lock);
	checkpoint_fini(c);
	free(f->task);
	free(f->cluster);
	free(f);
}

/*
 * What is kept, read again: a first claim that failed in the pipe has left its marks in the
 * document at hand.
 */
static int folder_claim(struct checkpoint *c, struct err *err)
{
	struct position_doc d;
	if (!c->transactional)
		return 0;
	if (position_doc_init(&d) < 0)
		return checkpoint_no_memory(err);
	int rc = position_doc_set(&d.uid, c->doc.uid) < 0 ||
				 position_doc_set(&d.instance, c->doc.instance) < 0
			 ? checkpoint_no_memory(err)
			 : 0;
	if (rc < 0) {
		position_doc_clear(&d);
		return rc;
	}
	position_doc_clear(&c->doc);
	c->doc = d;
	c->found = false;
	return position_load((struct state_folder *)c, err);
}

/* state.json is of an earlier copy of the folder. */
static int folder_raise(struct checkpoint *c, uint64_t epoch, struct err *err)
{
	c->epoch = epoch + 1;
	return state_save((struct state_folder *)c, err);
}

static const struct store folder_store = {
	.claim = folder_claim,
	.raise = folder_raise,
	.save = folder_save,
	.save_history = folder_save_history,
	.close = folder_close,
};

int state_folder_open(const struct state_folder_options *o, struct checkpoint **ret,
		      struct err *err)
{
	struct state_folder *f = calloc(1, sizeof(*f));
	if (!f)
		return checkpoint_no_memory(err);
	f->lock = -1;
	int rc = checkpoint_init(&f->base, &folder_store, o->interval, err);
	if (rc == 0 && position_doc_set(&f->task, o->task) < 0)
		rc = checkpoint_no_memory(err);
	if (rc == 0)
		rc = build_paths(f, o->dir, err);
	if (rc == 0)
		rc = file_make_folder(o->dir, ERR_STATE_IO, err);
	if (rc == 0)
		rc = file_lock_folder(o->dir, ERR_STATE_LOCKED, ERR_STATE_IO, &f->lock, err);
	if (rc == 0)
		rc = load_all(f, o, err);
	if (rc < 0) {
		folder_close(&f->base);
		return rc;
	}
	*ret = &f->base;
	return 0;
}

const char *state_folder_cluster(const struct checkpoint *c)
{
	return ((const struct state_folder *)c)->cluster;
}
