/*
 * checkpoint.c - see checkpoint.h.
 *
 * A save that fails leaves the old file: what was delivered since is delivered again
 * after a restart. A position is never written that the ledger did not give.
 */
#include "core/progress/checkpoint.h"

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/contract/document.h"
#include "common/contract/errors.h"
#include "common/os/file.h"
#include "common/os/random.h"
#include "core/progress/position_doc.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
	STATE_VERSION = 1,
	STATE_MAX = 16 * 1024,
	FILE_MODE = 0640,
};

struct checkpoint {
	char *task;
	char *cluster;
	uint64_t epoch;
	usec_t interval;
	int lock;
	bool found; /* doc came from a file, or has been saved */
	char state_path[PATH_MAX];
	char path[PATH_MAX];
	/* What was written last, or is about to be; its uid, delivery, … are ours. */
	struct position_doc doc;
	struct position work; /* the ledger's position, while it is saved */
	bool failed;          /* the last save did: doc is not what the file has */
	uint64_t moves;       /* of the ledger, at the last save */
	usec_t last;          /* the last attempt */
	uint64_t saves;
};

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a position");
}

/* A text member of state.json, which must be there. */
static int state_text(const struct checkpoint *c, json_t *tree, const char *name, char **ret,
		      struct err *err)
{
	const char *text = json_string_value(json_object_get(tree, name));
	if (!text || !text[0])
		return err_set_at(err, -EINVAL, ERR_STATE_INVALID, name,
				  "%s: '%s' is missing or not a string", c->state_path, name);
	return position_doc_set(ret, text) < 0 ? no_memory(err) : 0;
}

/* Whose folder this is. Fills cluster, epoch (the last one) and *ret_task, *ret_uid. */
static int state_parse(struct checkpoint *c, const char *text, size_t len, char **ret_task,
		       char **ret_uid, struct err *err)
{
	json_t *tree = document_parse(text, len, STATE_MAX, c->state_path, ERR_STATE_INVALID, err);
	if (!tree)
		return -EINVAL;
	const json_t *version = json_object_get(tree, "version");
	const json_t *epoch = json_object_get(tree, "epoch");
	int rc = 0;
	if (!json_is_integer(version) || json_integer_value(version) != STATE_VERSION ||
	    json_object_size(tree) != 5)
		rc = err_set(err, -EINVAL, ERR_STATE_INVALID,
			     "%s was written by other software: this one reads version %d",
			     c->state_path, STATE_VERSION);
	else if (!json_is_integer(epoch) || json_integer_value(epoch) < 0 ||
		 json_integer_value(epoch) == INT64_MAX)
		rc = err_set_at(err, -EINVAL, ERR_STATE_INVALID, "epoch",
				"%s: 'epoch' is not a number from 0", c->state_path);
	if (rc == 0) {
		c->epoch = (uint64_t)json_integer_value(epoch);
		rc = state_text(c, tree, "cluster", &c->cluster, err);
	}
	if (rc == 0)
		rc = state_text(c, tree, "task", ret_task, err);
	if (rc == 0)
		rc = state_text(c, tree, "uid", ret_uid, err);
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

static int state_load(struct checkpoint *c, const struct checkpoint_options *o, struct err *err)
{
	char *text = NULL, *task = NULL, *uid = NULL;
	size_t len;
	int rc = file_read(c->state_path, STATE_MAX, ERR_STATE_IO, &text, &len, err);
	if (rc < 0)
		return rc;
	rc = state_parse(c, text, len, &task, &uid, err);
	if (rc == 0 && strcmp(task, o->task) != 0)
		rc = other_task(c->state_path, "name", task, o->task, err);
	if (rc == 0 && o->uid[0] && strcmp(uid, o->uid) != 0)
		rc = other_task(c->state_path, "uid", uid, o->uid, err);
	if (rc == 0 && position_doc_set(&c->doc.uid, uid) < 0)
		rc = no_memory(err);
	free(text);
	free(task);
	free(uid);
	return rc;
}

/* The first start in this folder. */
static int state_make(struct checkpoint *c, const struct checkpoint_options *o, struct err *err)
{
	char cluster[17], uid[RANDOM_UUID_SIZE];
	random_hex(cluster, 8);
	random_uuid(uid);
	c->epoch = 0;
	if (position_doc_set(&c->cluster, cluster) < 0 ||
	    position_doc_set(&c->doc.uid, o->uid[0] ? o->uid : uid) < 0)
		return no_memory(err);
	return 0;
}

static int state_save(struct checkpoint *c, struct err *err)
{
	struct buf b;
	buf_init(&b);
	buf_printf(&b, "{\"version\":%d,\"cluster\":", STATE_VERSION);
	json_put_string(&b, c->cluster, strlen(c->cluster));
	buf_lit(&b, ",\"task\":");
	json_put_string(&b, c->task, strlen(c->task));
	buf_lit(&b, ",\"uid\":");
	json_put_string(&b, c->doc.uid, strlen(c->doc.uid));
	buf_printf(&b, ",\"epoch\":%llu}\n", (unsigned long long)c->epoch);
	int rc = b.failed ? no_memory(err)
			  : file_save(c->state_path, b.data, b.len, FILE_MODE, ERR_STATE_IO, err);
	buf_free(&b);
	return rc;
}

/* position.json into c->doc, if there is one. */
static int position_load(struct checkpoint *c, struct err *err)
{
	char *text;
	size_t len;
	struct stat st;
	if (lstat(c->path, &st) != 0 && errno == ENOENT)
		return 0;
	int rc = file_read(c->path, POSITION_DOCUMENT_MAX, ERR_STATE_IO, &text, &len, err);
	if (rc < 0)
		return rc;
	struct position_doc doc;
	rc = position_doc_parse(text, len, &doc, err);
	free(text);
	if (rc < 0) {
		err_prefix(err, "%s", c->path);
		return rc;
	}
	if (strcmp(doc.uid, c->doc.uid) != 0) {
		rc = other_task(c->path, "uid", doc.uid, c->doc.uid, err);
		position_doc_clear(&doc);
		return rc;
	}
	position_doc_clear(&c->doc);
	c->doc = doc;
	c->found = true;
	return 0;
}

/* Everything of `open` that needs the lock. */
static int load_all(struct checkpoint *c, const struct checkpoint_options *o, struct err *err)
{
	struct stat st;
	int rc;
	if (lstat(c->state_path, &st) == 0) {
		rc = state_load(c, o, err);
	} else if (errno != ENOENT) {
		rc = err_set(err, -errno, ERR_STATE_IO, "cannot read %s: %s", c->state_path,
			     strerror(errno));
	} else if (lstat(c->path, &st) == 0) {
		rc = err_set(err, -ENOENT, ERR_STATE_INVALID,
			     "%s is there but %s is not, so it cannot be told whose position it "
			     "is: restore the one or remove the other",
			     c->path, c->state_path);
	} else {
		rc = state_make(c, o, err);
	}
	if (rc == 0)
		rc = position_load(c, err);
	if (rc < 0)
		return rc;
	if (position_doc_set(&c->doc.delivery, o->delivery) < 0 ||
	    position_doc_set(&c->doc.instance, o->instance) < 0)
		return no_memory(err);
	/* A position of a higher epoch than the folder's: state.json was restored from an old
	 * copy. The epoch rises over both. */
	if (c->doc.epoch > c->epoch)
		c->epoch = c->doc.epoch;
	c->epoch++;
	return state_save(c, err);
}

static int build_paths(struct checkpoint *c, const char *dir, struct err *err)
{
	int a = snprintf(c->state_path, sizeof(c->state_path), "%s/state.json", dir);
	int b = snprintf(c->path, sizeof(c->path), "%s/position.json", dir);
	/* ".tmp" must fit behind it. */
	if (a < 0 || b < 0 || (size_t)b + 5 > sizeof(c->path))
		return err_set(err, -ENAMETOOLONG, ERR_STATE_IO,
			       "the state folder's path is too long");
	return 0;
}

int checkpoint_open(const struct checkpoint_options *o, struct checkpoint **ret, struct err *err)
{
	struct checkpoint *c = calloc(1, sizeof(*c));
	if (!c)
		return no_memory(err);
	c->lock = -1;
	c->interval = o->interval;
	int rc = position_doc_init(&c->doc);
	if (rc == 0)
		rc = position_doc_set(&c->task, o->task);
	if (rc < 0)
		rc = no_memory(err);
	if (rc == 0)
		rc = build_paths(c, o->dir, err);
	if (rc == 0)
		rc = file_make_folder(o->dir, ERR_STATE_IO, err);
	if (rc == 0)
		rc = file_lock_folder(o->dir, ERR_STATE_LOCKED, ERR_STATE_IO, &c->lock, err);
	if (rc == 0)
		rc = load_all(c, o, err);
	if (rc < 0) {
		checkpoint_close(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void checkpoint_close(struct checkpoint *c)
{
	if (!c)
		return;
	file_unlock(c->lock);
	position_doc_clear(&c->doc);
	position_clear(&c->work);
	free(c->task);
	free(c->cluster);
	free(c);
}

const char *checkpoint_cluster(const struct checkpoint *c)
{
	return c->cluster;
}

const char *checkpoint_uid(const struct checkpoint *c)
{
	return c->doc.uid;
}

uint64_t checkpoint_epoch(const struct checkpoint *c)
{
	return c->epoch;
}

bool checkpoint_found(const struct checkpoint *c)
{
	return c->found;
}

enum flavor checkpoint_flavor(const struct checkpoint *c)
{
	return strcmp(c->doc.flavor, flavor_name(FLAVOR_MARIADB)) == 0 ? FLAVOR_MARIADB
								       : FLAVOR_MYSQL;
}

const char *checkpoint_source(const struct checkpoint *c)
{
	return c->doc.source;
}

int checkpoint_load(const struct checkpoint *c, struct position *ret, struct err *err)
{
	if (!c->found)
		return err_set(err, -ENOENT, ERR_STATE_INVALID, "%s: no position is saved",
			       c->path);
	if (checkpoint_flavor(c) != ret->flavor)
		return err_set(err, -EINVAL, ERR_STATE_INVALID,
			       "%s is a position in a %s server, but the source is %s: give the "
			       "task a new state folder to begin there, or point it back",
			       c->path, c->doc.flavor, flavor_name(ret->flavor));
	int rc = position_from_doc(&c->doc, ret, err);
	if (rc < 0)
		err_prefix(err, "%s", c->path);
	return rc;
}

int checkpoint_set_source(struct checkpoint *c, const char *source)
{
	return position_doc_set(&c->doc.source, source);
}

int checkpoint_set_pipe_cluster(struct checkpoint *c, const char *id)
{
	return position_doc_set(&c->doc.pipe_cluster, id);
}

int checkpoint_save(struct checkpoint *c, const struct position *p, struct err *err)
{
	struct buf b;
	c->failed = true; /* until the file has it */
	int rc = position_to_doc(p, 0, &c->doc, err);
	if (rc < 0)
		return rc;
	/* What the file has now is not known after a failure: its number may be used up. */
	c->doc.seq++;
	c->doc.epoch = c->epoch;
	c->doc.ts_ms = (uint64_t)(clock_wall() / USEC_PER_MSEC);
	buf_init(&b);
	position_doc_print(&c->doc, &b);
	buf_lit(&b, "\n");
	rc = b.failed ? no_memory(err)
	     : b.len > POSITION_DOCUMENT_MAX
		     ? err_set(err, -EFBIG, ERR_STATE_INVALID,
			       "the position document would be larger than %d bytes: the source's "
			       "GTID set has too many gaps",
			       POSITION_DOCUMENT_MAX)
		     : file_save(c->path, b.data, b.len, FILE_MODE, ERR_STATE_IO, err);
	buf_free(&b);
	if (rc < 0)
		return rc;
	c->failed = false;
	c->found = true;
	c->saves++;
	return 0;
}

/*
 * Whether the file says already where the ledger is. The count of moves alone would not
 * do: a capture that starts again has a new ledger, which counts from 0.
 */
static bool is_saved(const struct checkpoint *c, const struct ledger *l, uint64_t moves)
{
	const struct position *p = &l->safe;
	if (!p->at.file[0] && !p->gtids)
		return true; /* it says nothing yet */
	return c->found && !c->failed && moves == c->moves && c->doc.pos == p->at.pos &&
	       strcmp(c->doc.file, p->at.file) == 0 && c->doc.has_partial == p->partial.set &&
	       (!p->partial.set || c->doc.partial.rows == p->partial.rows);
}

int checkpoint_flush(struct checkpoint *c, const struct ledger *l, struct err *err)
{
	uint64_t moves = ledger_stats_read(l).moves;
	if (is_saved(c, l, moves))
		return 0;
	if (ledger_position(l, &c->work) < 0)
		return no_memory(err);
	int rc = checkpoint_save(c, &c->work, err);
	if (rc < 0)
		return rc;
	c->moves = moves;
	return 1;
}

int checkpoint_tick(struct checkpoint *c, const struct ledger *l, usec_t now, struct err *err)
{
	if (now < checkpoint_due(c))
		return 0;
	c->last = now;
	return checkpoint_flush(c, l, err);
}

usec_t checkpoint_due(const struct checkpoint *c)
{
	return c->last + c->interval;
}

uint64_t checkpoint_saves(const struct checkpoint *c)
{
	return c->saves;
}
