/*
 * task_secrets.c - the secrets of a task document: freed, resolved, and what each is for.
 *
 * The use of a secret names whom it is sent to: for `source` its servers in their order,
 * with ports, and the user; for `pipe` the brokers as written and the SASL user. A seal is
 * bound to these texts, so they must not depend on anything but the document.
 */
#include "common/contract/task_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef int walk_fn(void *ctx, struct secret *s, const struct task_field *f,
		    const struct task_path *path);

/* Calls `each` for every secret of the document; stops at the first failure. */
static int walk(struct task *t, const struct task_field *fields, struct task_path *path,
		walk_fn *each, void *ctx)
{
	for (const struct task_field *f = fields; f->name; f++) {
		int rc = 0;
		size_t back = task_path_push(path, f->name);
		if (f->type == FIELD_SECRET || f->type == FIELD_PEM)
			rc = each(ctx, task_member(t, f->offset), f, path);
		else if (f->type == FIELD_OBJECT)
			rc = walk(t, f->fields, path, each, ctx);
		if (rc < 0)
			return rc;
		task_path_pop(path, back);
	}
	return 0;
}

static int clear_one(void *ctx, struct secret *s, const struct task_field *f,
		     const struct task_path *path)
{
	(void)ctx;
	(void)f;
	(void)path;
	secret_clear(s);
	return 0;
}

void task_free(struct task *t)
{
	if (!t)
		return;
	struct task_path path = {.len = 0};
	(void)walk(t, task_fields, &path, clear_one, NULL);
	arena_free(&t->arena);
	free(t);
}

struct each {
	const struct task *task;
	const char *servers; /* "db1:3306,db2:3306" */
	task_secret_fn *fn;
	void *ctx;
};

static int each_one(void *ctx, struct secret *s, const struct task_field *f,
		    const struct task_path *path)
{
	struct each *e = ctx;
	bool of_source = strncmp(path->text, "source.", strlen("source.")) == 0;
	bool of_tables = strncmp(path->text, "tables.", strlen("tables.")) == 0; /* sent nowhere */
	const struct secret_use use = {
		.uid = e->task->uid,
		.field = path->text,
		.host = of_source ? e->servers : of_tables ? "" : e->task->pipe.brokers,
		.user = of_source   ? e->task->source.user
			: of_tables ? ""
				    : e->task->pipe.security.sasl.user,
		.pem = f->type == FIELD_PEM,
	};
	return e->fn(e->ctx, s, &use);
}

int task_each_secret(struct task *t, task_secret_fn *fn, void *ctx, struct err *err)
{
	struct task_path path = {.len = 0};
	struct buf servers;
	buf_init(&servers);
	for (size_t i = 0; i < t->source.nhosts; i++)
		buf_printf(&servers, "%s%s:%u", i ? "," : "", t->source.hosts[i].host,
			   (unsigned)t->source.hosts[i].port);
	struct each e = {t, buf_cstr(&servers), fn, ctx};
	int rc = servers.failed ? task_no_memory(err)
				: walk(t, task_fields, &path, each_one, &e);
	buf_free(&servers);
	return rc;
}

struct resolve {
	const struct secret_places *places;
	struct err *err;
};

static int resolve_one(void *ctx, struct secret *s, const struct secret_use *use)
{
	struct resolve *r = ctx;
	struct secret_places places = *r->places;
	/* A password may begin with '/' too: it is none, and must not stand in an error. */
	places.paths &= use->pem;
	int rc = secret_resolve(s, use, &places, r->err);
	if (rc == 0 && use->pem && s->text && s->text[0] && !strstr(s->text, "-----BEGIN "))
		rc = err_set(r->err, -EINVAL, ERR_SECRET_MISSING, "%s is not PEM text%s",
			     s->path ? s->path : secret_shown(s),
			     s->text[0] == '/'
				     ? ": paths are for standalone mode, else use file:NAME"
				     : "");
	if (rc < 0)
		err_locate(r->err, "%s", use->field);
	return rc;
}

int task_resolve_secrets(struct task *t, const struct secret_places *places, struct err *err)
{
	struct resolve r = {places, err};
	return task_each_secret(t, resolve_one, &r, err);
}
