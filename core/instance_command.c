/*
 * instance_command.c - one-off orders to the task's first instance, under its `commands`.
 *
 * An order is answered in its node, by compare-and-set at the version it was read at, so
 * it is done once however often it is read; answered ones are deleted after an hour. A
 * handover: the capture ends cleanly, the answer is written, and only then the node is
 * given up; a successor never sees an order that was carried out and is still pending.
 */
#include "core/instance_priv.h"

#include "common/contract/errors.h"
#include "common/os/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEEP_S = 3600, /* after the answer, by ZooKeeper's clock */
	LOOK_EVERY_S = 600, /* for those that have become old */
};

static void next_command(struct instance *i);

static uint64_t now_ms(void)
{
	return (uint64_t)(clock_wall() / USEC_PER_MSEC);
}

static void answered(void *ctx, const struct zk_reply *r)
{
	struct instance *i = ctx;
	i->command_op = NULL;
	if (r->rc < 0 && r->rc != -ENOENT && r->rc != -ESTALE)
		log_err(LOG_LEVEL_WARN, i->name, r->err);
	next_command(i);
}

static void answer(struct instance *i, struct command_doc *d, const char *path, int32_t version,
		   const char *code, const char *message)
{
	struct buf b;
	buf_init(&b);
	if (command_doc_answer(d, i->node, now_ms(), code, message) == 0)
		command_doc_print(d, &b);
	else
		b.failed = true;
	if (!b.failed)
		i->command_op = zk_set_async(i->zk, path, b.data, b.len, version, answered, i);
	buf_free(&b);
	log_info("%s: command %s refused: %s", i->name, d->type, code);
}

static void begin_handover(struct instance *i, struct command_doc *d, const char *path,
			   int32_t version)
{
	if (!i->runner || i->stopping) {
		answer(i, d, path, version, "not_running", "the task does not run here");
	} else if (!instance_has_others(i)) {
		answer(i, d, path, version, "no_standby",
		       i->group[0] ? "there is no other core of its group to hand the task over to"
				   : "there is no other instance to hand the task over to");
	} else {
		snprintf(i->handover, sizeof(i->handover), "%s", strrchr(path, '/') + 1);
		command_doc_clear(&i->handover_doc);
		i->handover_doc = *d;
		*d = (struct command_doc){0};
		i->handover_version = version;
		log_info("%s: handing over, by order of %s", i->name, i->handover_doc.by);
		instance_step(i);
	}
}

static void command_read(void *ctx, const struct zk_reply *r)
{
	struct instance *i = ctx;
	struct command_doc d;
	struct err err = {0};
	char path[PATHS_SIZE];
	i->command_op = NULL;
	if (r->rc < 0 || r->len == 0) {
		next_command(i);
		return;
	}
	snprintf(path, sizeof(path), "%s", r->path);
	if (command_doc_parse(r->data, r->len, &d, &err) < 0) {
		err_prefix(&err, "%s", path);
		log_err(LOG_LEVEL_WARN, i->name, &err);
		next_command(i);
		return;
	}
	if (d.state != COMMAND_PENDING &&
	    zk_age(i->zk, r->stat->modified) > KEEP_S * USEC_PER_SEC)
		i->command_op = zk_delete_async(i->zk, path, r->stat->version, answered, i);
	else if (d.state == COMMAND_PENDING && strcmp(d.type, COMMAND_HANDOVER) == 0)
		begin_handover(i, &d, path, r->stat->version);
	else if (d.state == COMMAND_PENDING)
		answer(i, &d, path, r->stat->version, "command_unknown",
		       "this version does not know that command");
	if (d.type)
		command_doc_clear(&d);
	if (!i->command_op)
		next_command(i);
}

static void next_command(struct instance *i)
{
	char path[PATHS_SIZE];
	while (!i->command_op && !i->handover[0] && i->commands.n > 0) {
		char *id = i->commands.v[--i->commands.n];
		if (paths_command(i->path, id, path, NULL) == 0)
			i->command_op = zk_get_async(i->zk, path, command_read, i);
		free(id);
	}
}

static void commands_told(void *ctx, const struct zk_watch_event *e)
{
	struct instance *i = ctx;
	if (e->rc < 0 || !e->exists)
		return;
	zk_names_free(&i->commands);
	i->commands.v = calloc(e->names->n + 1, sizeof(char *));
	for (size_t k = 0; i->commands.v && k < e->names->n; k++) {
		char *id = strdup(e->names->v[k]);
		if (id)
			i->commands.v[i->commands.n++] = id;
	}
	next_command(i);
}

void commands_start(struct instance *i)
{
	commands_stop(i);
	i->commands_due = clock_boot() + LOOK_EVERY_S * USEC_PER_SEC;
	i->commands_watch = zk_watch_children(i->zk, i->commands_path, commands_told, i);
}

void commands_stop(struct instance *i)
{
	zk_watch_stop(i->commands_watch);
	i->commands_watch = NULL;
	if (i->command_op)
		zk_op_cancel(i->command_op);
	i->command_op = NULL;
	zk_names_free(&i->commands);
	i->commands = (struct zk_names){0};
	i->handover[0] = 0;
}

void commands_tick(struct instance *i)
{
	if (i->role == ZK_ELECTION_FIRST && clock_boot() >= i->commands_due && !i->command_op &&
	    !i->handover[0])
		commands_start(i);
}

static void handed_over(void *ctx, const struct zk_reply *r)
{
	struct instance *i = ctx;
	i->command_op = NULL;
	if (r->rc < 0)
		log_err(LOG_LEVEL_WARN, i->name, r->err);
	/* Answered, or nobody knows: out of the line all the same, the capture has ended. */
	i->handover[0] = 0;
	i->line_end = true;
	i->back_off_until = clock_boot() + LINE_END_MS * USEC_PER_MSEC;
	instance_step(i);
}

void commands_handed_over(struct instance *i, int rc, const struct err *err)
{
	char path[PATHS_SIZE];
	struct buf b;
	buf_init(&b);
	const char *code = rc < 0 ? err->kind ? err->kind->code : "internal" : NULL;
	if (paths_command(i->path, i->handover, path, NULL) == 0 &&
	    command_doc_answer(&i->handover_doc, i->node, now_ms(), code,
			       rc < 0 ? err->text : NULL) == 0)
		command_doc_print(&i->handover_doc, &b);
	if (!b.failed && b.len && !i->command_op)
		i->command_op = zk_set_async(i->zk, path, b.data, b.len, i->handover_version,
					     handed_over, i);
	buf_free(&b);
	if (!i->command_op) {
		i->handover[0] = 0;
		i->line_end = true;
		i->back_off_until = clock_boot() + LINE_END_MS * USEC_PER_MSEC;
	}
}
