/* preflight.c - documents checked by a live core. */
#include "server/api/api_priv.h"

#include "common/contract/errors.h"

#include <errno.h>

static bool given_up(void *ctx)
{
	return http_closing(ctx);
}

static bool enter(struct api *a)
{
	unsigned now = atomic_load(&a->preflights);
	while (now < a->o.preflights)
		if (atomic_compare_exchange_weak(&a->preflights, &now, now + 1))
			return true;
	return false;
}

int api_preflight(struct call *call, const struct task *t, const struct buf *text, int type,
		  struct preflight_doc *ret, struct err *err)
{
	struct api *a = api_of(call);
	struct store_cores cores;
	int rc = store_cores(store_of(call), t->group, &cores, err);
	if (rc < 0)
		return rc;
	if (cores.n == 0)
		return err_set_at(err, -EHOSTDOWN, ERR_NO_CORE, t->group[0] ? "group" : NULL,
				  "there is no live mr-core%s%s to check the task",
				  t->group[0] ? " of group " : "", t->group);
	if (!enter(a))
		return err_set(err, -EBUSY, ERR_HTTP_BUSY,
			       "%u checks are being made already, which is as many as may be",
			       a->o.preflights);
	struct buf document; /* with a zero byte */
	buf_init(&document);
	buf_put(&document, text->data, text->len);
	const struct store_preflight order = {.type = type,
					      .group = t->group,
					      .by = call->who,
					      .document = buf_cstr(&document),
					      .timeout = a->o.preflight_timeout,
					      .given_up = given_up,
					      .ctx = http_of(call->request)};
	rc = document.failed ? err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a check")
			     : store_preflight(store_of(call), &order, ret, err);
	buf_free(&document);
	atomic_fetch_sub(&a->preflights, 1);
	return rc;
}

static json_t *source_tree(const struct preflight_doc *d)
{
	if (!d->has_source)
		return json_null();
	json_t *source = json_object();
	api_put(source, "flavor", d->source.flavor);
	api_put(source, "version", d->source.version);
	json_object_set_new(source, "gtids", json_boolean(d->source.gtids));
	api_put(source, "row_metadata", d->source.row_metadata);
	api_put_number(source, "server_id", d->source.server_id);
	return source;
}

static json_t *tables_tree(const struct preflight_doc *d)
{
	json_t *tables = json_array();
	for (size_t i = 0; i < d->ntables; i++) {
		json_t *table = json_object();
		api_put(table, "db", d->tables[i].db);
		api_put(table, "table", d->tables[i].table);
		json_array_append_new(tables, table);
	}
	return tables;
}

static void answer(struct call *call, const struct preflight_doc *d, int type)
{
	json_t *body = json_object();
	json_object_set_new(body, "valid", json_boolean(!preflight_doc_failed(d)));
	api_put_checks(body, d);
	json_object_set_new(body, "source", source_tree(d));
	if (type == PREFLIGHT_TABLES) {
		json_object_set_new(body, "tables", tables_tree(d));
		json_object_set_new(body, "truncated", json_boolean(d->truncated));
	}
	call_json(call, 200, body);
}

static int read_type(struct call *call, int *ret, struct err *err)
{
	const char *type = request_query_get(&call->query, "type");
	*ret = type && strcmp(type, "tables") == 0 ? PREFLIGHT_TABLES : PREFLIGHT_CHECK;
	if (type && *ret == PREFLIGHT_CHECK && strcmp(type, "check") != 0)
		return err_set_at(err, -EINVAL, ERR_API_QUERY, "type",
				  "parameter 'type' must be check or tables");
	return 0;
}

/*
 * Secrets that are left out are those of the task of this name, if there is one: then a
 * change can be tried before it is made.
 */
static int load_stored(struct call *call, json_t *body, struct task **ret, struct err *err)
{
	struct store_task t;
	const char *name = json_string_value(json_object_get(body, "name"));
	*ret = NULL;
	if (!name || paths_name_check(PATHS_NAME_TASK, name, NULL) < 0)
		return 0; /* the parser says so */
	int rc = store_task_read(store_of(call), name, &t, err);
	if (rc < 0)
		return rc;
	/* One that cannot be read has no secrets for us. */
	if (t.document_len && task_parse(t.document, t.document_len, ret, NULL) < 0)
		*ret = NULL;
	store_task_clear(&t);
	return 0;
}

void api_validate(struct call *call)
{
	struct err err = {0};
	struct task *t = NULL, *stored = NULL;
	struct buf text;
	struct preflight_doc d;
	int type;
	if (read_type(call, &type, &err) < 0) {
		call_fail(call, &err);
		return;
	}
	json_t *body = call_body(call);
	if (!body)
		return;
	buf_init(&text);
	int rc = load_stored(call, body, &stored, &err);
	if (rc == 0 && stored && json_object_get(body, "uid") &&
	    strcmp(stored->uid, json_string_value(json_object_get(body, "uid"))
				       ? json_string_value(json_object_get(body, "uid"))
				       : "") != 0)
		json_object_del(body, "uid"); /* of another installation */
	if (rc == 0)
		rc = api_task_from_body(call, stored, body, &t, &err);
	if (rc == 0)
		rc = api_task_text(store_of(call), t, &text, &err);
	if (rc == 0)
		rc = api_preflight(call, t, &text, type, &d, &err);
	if (rc < 0) {
		call_fail(call, &err);
	} else {
		answer(call, &d, type);
		preflight_doc_clear(&d);
	}
	buf_free(&text);
	task_free(t);
	task_free(stored);
	json_decref(body);
}
