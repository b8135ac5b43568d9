/* cluster.c - machines, alerts, ids, tokens, and the installation itself. */
#include "server/api/api_priv.h"

#include "common/contract/errors.h"
#include "common/contract/order.h"
#include "common/zk/naming.h"

#include <errno.h>

/* A folder's documents, each with its name as `key`. */
static int folder_tree(struct call *call, enum paths_folder folder, const char *key, json_t **ret,
		       struct err *err)
{
	struct store_list list;
	int rc = store_list_read(store_of(call), paths_folder(folder), &list, err);
	if (rc < 0)
		return rc;
	json_t *array = json_array();
	for (size_t i = 0; i < list.n; i++) {
		if (list.reads[i].rc < 0)
			continue; /* it went meanwhile */
		json_t *tree = json_object(), *doc = api_tree(list.reads[i].data, list.reads[i].len);
		api_put(tree, key, list.names.v[i]);
		if (json_is_object(doc))
			json_object_update(tree, doc);
		json_decref(doc);
		json_array_append_new(array, tree);
	}
	store_list_free(&list);
	*ret = array;
	return 0;
}

/* Marks the machines whose hostname is to be emptied. */
static int mark_drains(struct call *call, json_t *machines, struct err *err)
{
	struct store_list drains;
	size_t i;
	json_t *machine;
	int rc = store_list_read(store_of(call), paths_folder(PATHS_DRAINS), &drains, err);
	if (rc < 0)
		return rc;
	json_array_foreach(machines, i, machine)
	{
		const char *host = json_string_value(json_object_get(machine, "hostname"));
		bool drain = false;
		for (size_t k = 0; host && k < drains.n; k++)
			drain |= strcmp(drains.names.v[k], host) == 0;
		json_object_set_new(machine, "drain", json_boolean(drain));
	}
	store_list_free(&drains);
	return 0;
}

void api_machines(struct call *call)
{
	static const struct {
		const char *name;
		enum paths_folder folder;
	} folders[] = {{"machines", PATHS_MACHINES},
		       {"servers", PATHS_SERVERS},
		       {"monitors", PATHS_MONITORS}};
	struct err err = {0};
	json_t *body = json_object();
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < 3; i++) {
		json_t *array;
		rc = folder_tree(call, folders[i].folder, "node", &array, &err);
		if (rc == 0)
			json_object_set_new(body, folders[i].name, array);
	}
	if (rc == 0)
		rc = mark_drains(call, json_object_get(body, "machines"), &err);
	if (rc < 0) {
		json_decref(body);
		call_fail(call, &err);
	} else {
		call_json(call, 200, body);
	}
}

/* Whether a core of that hostname is there, or is drained already. */
static int find_host(struct call *call, const char *host, bool *ret_found, struct err *err)
{
	struct store_list list;
	char path[PATHS_SIZE], name[PATHS_HOST_MAX + 1];
	bool found = false;
	int rc = paths_name_check(PATHS_NAME_HOST, host, err);
	if (rc == 0)
		rc = paths_child(PATHS_DRAINS, host, path, err);
	if (rc == 0)
		rc = zk_exists(store_of(call)->zk, path, store_of(call)->timeout, &found, NULL, err);
	if (rc == 0 && !found)
		rc = store_list_read(store_of(call), paths_folder(PATHS_MACHINES), &list, err);
	else if (rc == 0)
		list = (struct store_list){0};
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < list.n; i++)
		found |= paths_node_parse(list.names.v[i], name, NULL) == 0 &&
			 strcmp(name, host) == 0;
	store_list_free(&list);
	*ret_found = found;
	return 0;
}

static void drain(struct call *call, bool wanted)
{
	struct err err = {0};
	const char *host = call->args[0];
	bool found = false;
	int rc = find_host(call, host, &found, &err);
	if (rc == 0 && !found)
		rc = err_set(&err, -ENOENT, ERR_API_NOT_FOUND, "there is no mr-core of hostname '%s'",
			     host);
	if (rc == 0)
		rc = store_drain(store_of(call), host, wanted, call->who, &err);
	if (rc < 0) {
		call_fail(call, &err);
		return;
	}
	api_log(call, "machine %s %s", host, wanted ? "to be drained" : "no longer drained");
	json_t *body = json_object();
	api_put(body, "hostname", host);
	json_object_set_new(body, "drain", json_boolean(wanted));
	call_json(call, 200, body);
}

void api_drain(struct call *call)
{
	drain(call, true);
}

void api_undrain(struct call *call)
{
	drain(call, false);
}

void api_alerts(struct call *call)
{
	struct err err = {0};
	json_t *array;
	if (folder_tree(call, PATHS_ALERTS, "id", &array, &err) < 0) {
		call_fail(call, &err);
		return;
	}
	json_t *body = json_object();
	json_object_set_new(body, "alerts", array);
	call_json(call, 200, body);
}

void api_alert_test(struct call *call)
{
	struct err err = {0};
	char id[96];
	const char *channel = request_query_get(&call->query, "channel");
	if (channel && channel[0] && paths_name_check(PATHS_NAME_ID, channel, &err) < 0) {
		call_fail(call, &err);
		return;
	}
	struct order_doc d;
	struct buf text;
	buf_init(&text);
	int rc = order_doc_init(&d);
	if (rc == 0) {
		rc = order_doc_test(&d, channel ? channel : "", call->who,
				    (uint64_t)(clock_wall() / USEC_PER_MSEC));
		order_doc_print(&d, &text);
		order_doc_clear(&d);
	}
	rc = rc < 0 ? err_set(&err, -ENOMEM, ERR_MEMORY, "no memory for an order")
		    : store_order_give(store_of(call), buf_cstr(&text), text.len, id, &err);
	buf_free(&text);
	if (rc < 0) {
		call_fail(call, &err);
		return;
	}
	api_log(call, "test of alerts ordered (%s)", id);
	json_t *body = json_object();
	api_put(body, "order", id);
	call_json(call, 202, body);
}

void api_next_id(struct call *call)
{
	struct err err = {0};
	struct store *s = store_of(call);
	char id[ZK_ID_MAX];
	int rc = paths_name_check(PATHS_NAME_TYPE, call->args[0], &err);
	if (rc == 0)
		rc = zk_next_id(s->zk, paths_folder(PATHS_IDS), call->args[0], s->timeout, id, &err);
	if (rc < 0) {
		call_fail(call, &err);
		return;
	}
	api_log(call, "id %s given out", id);
	json_t *body = json_object();
	api_put(body, "id", id);
	call_json(call, 200, body);
}

static int count_children(struct call *call, enum paths_folder folder, json_t *body,
			  const char *name, struct err *err)
{
	struct zk_names names = {0};
	struct store *s = store_of(call);
	int rc = zk_children(s->zk, paths_folder(folder), s->timeout, &names, NULL, err);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	api_put_number(body, name, names.n);
	zk_names_free(&names);
	return 0;
}

void api_cluster(struct call *call)
{
	struct err err = {0};
	struct store *s = store_of(call);
	struct buf root;
	json_t *body = json_object(), *session = json_object();
	buf_init(&root);
	int rc = store_get(s, PATHS_ROOT, &root, NULL, &err);
	json_t *tree = rc == 0 ? api_tree((const char *)root.data, root.len) : NULL;
	api_put(body, "cluster", s->cluster);
	json_object_set(body, "format", json_object_get(tree, "format"));
	api_put(body, "version", MR_VERSION);
	api_put(body, "hostname", api_of(call)->o.hostname);
	api_put(session, "state", zk_state_name(zk_state(s->zk)));
	api_put_number(session, "session_timeout_ms",
		       (uint64_t)(zk_session_timeout(s->zk) / USEC_PER_MSEC));
	json_object_set_new(body, "zookeeper", session);
	json_decref(tree);
	buf_free(&root);
	if (rc == 0)
		rc = count_children(call, PATHS_NAMES, body, "tasks", &err);
	if (rc == 0)
		rc = count_children(call, PATHS_MACHINES, body, "machines", &err);
	if (rc == 0)
		rc = count_children(call, PATHS_SERVERS, body, "servers", &err);
	if (rc == 0)
		rc = count_children(call, PATHS_MONITORS, body, "monitors", &err);
	if (rc < 0) {
		json_decref(body);
		call_fail(call, &err);
	} else {
		call_json(call, 200, body);
	}
}

/* ---------------------------------------------------------------- tokens */

void api_tokens_list(struct call *call)
{
	struct err err = {0};
	struct store_list list;
	if (store_list_read(store_of(call), paths_folder(PATHS_TOKENS), &list, &err) < 0) {
		call_fail(call, &err);
		return;
	}
	json_t *body = json_object(), *rows = json_array();
	for (size_t i = 0; i < list.n; i++) {
		struct token_doc d;
		if (list.reads[i].rc < 0 ||
		    token_doc_parse(list.reads[i].data ? list.reads[i].data : "",
				    list.reads[i].len, &d, NULL) < 0)
			continue;
		json_t *row = json_object();
		api_put(row, "id", d.id);
		api_put(row, "name", d.name);
		api_put(row, "role", token_roles[d.role]);
		api_put_number(row, "created_ms", d.created_ms);
		api_put_number(row, "expires_ms", d.expires_ms);
		api_put(row, "by", d.by);
		json_array_append_new(rows, row);
		token_doc_clear(&d);
	}
	store_list_free(&list);
	json_object_set_new(body, "tokens", rows);
	call_json(call, 200, body);
}

static int read_token(json_t *body, struct token_doc *d, struct err *err)
{
	const char *name = NULL, *role = NULL;
	json_int_t expires = 0;
	json_error_t error;
	if (json_unpack_ex(body, &error, JSON_STRICT, "{s:s, s?s, s?I}", "role", &role, "name", &name,
			   "expires_ms", &expires) < 0)
		return err_set(err, -EINVAL, ERR_API_BODY,
			       "the body must be {\"role\",\"name\"?,\"expires_ms\"?}: %s",
			       error.text);
	if (token_role_parse(role, &d->role) < 0)
		return err_set_at(err, -EINVAL, ERR_API_BODY, "role",
				  "role must be viewer, operator or admin");
	if (name && (strlen(name) > TOKEN_NAME_MAX ||
		     (name[0] && paths_name_check(PATHS_NAME_ID, name, NULL) < 0)))
		return err_set_at(err, -EINVAL, ERR_API_BODY, "name",
				  "name may have letters, digits, '-', '_', '.', ':' and '@', %d at "
				  "most",
				  TOKEN_NAME_MAX);
	if (expires < 0 || (expires && expires <= clock_wall() / USEC_PER_MSEC))
		return err_set_at(err, -EINVAL, ERR_API_BODY, "expires_ms",
				  "expires_ms must lie ahead, in milliseconds since 1970");
	d->expires_ms = (uint64_t)expires;
	return name && report_set(&d->name, name) < 0
		       ? err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a token")
		       : 0;
}

void api_tokens_create(struct call *call)
{
	struct err err = {0};
	struct token_doc d;
	char text[TOKEN_TEXT_SIZE] = "";
	json_t *body = call_body(call);
	if (!body)
		return;
	int rc = token_doc_init(&d);
	if (rc == 0)
		rc = report_set(&d.by, call->who);
	rc = rc < 0 ? err_set(&err, rc, ERR_MEMORY, "no memory for a token")
		    : read_token(body, &d, &err);
	json_decref(body);
	if (rc == 0)
		rc = tokens_create(store_of(call), &d, text, &err);
	if (rc < 0) {
		call_fail(call, &err);
	} else {
		json_t *answer = json_object();
		api_put(answer, "id", d.id);
		api_put(answer, "token", text);
		api_put(answer, "role", token_roles[d.role]);
		api_put(answer, "name", d.name);
		api_put_number(answer, "expires_ms", d.expires_ms);
		call_json(call, 201, answer);
		api_log(call, "token %s of role %s created", d.id, token_roles[d.role]);
	}
	explicit_bzero(text, sizeof(text));
	token_doc_clear(&d);
}

void api_tokens_delete(struct call *call)
{
	struct err err = {0};
	if (tokens_delete(store_of(call), call->args[0], &err) < 0) {
		call_fail(call, &err);
		return;
	}
	api_log(call, "token %s deleted", call->args[0]);
	json_t *body = json_object();
	api_put(body, "id", call->args[0]);
	call_json(call, 200, body);
}
