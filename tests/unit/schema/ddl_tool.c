/*
 * ddl_tool.c - the DDL tracker for tests that talk to real servers: definitions are kept
 * here, statements come in, what became of the definitions goes out.
 *
 * One request a line on stdin, a JSON object; one answer a line on stdout:
 *   {"session": {"flavor", "version", "sql_mode", "db", "explicit", "lower",
 *                "charset", "collation"}}
 *   {"database": "db", "charset": "utf8mb4", "collation": "utf8mb4_bin"}
 *   {"table": {…}}      a definition, in the form that answers have
 *   {"forget": true}    all definitions; an unknown table is then certainly absent
 *   {"apply": "CREATE TABLE …"}   answers {"changes": […], "tables": {those concerned},
 *                                 "names": [all], "unknown": is any not known?}
 */
#include "core/schema/ddl.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *tables, *databases;

static struct span text_of(const json_t *o, const char *member)
{
	const char *s = json_string_value(json_object_get(o, member));
	return (struct span){(const uint8_t *)(s ? s : ""), s ? strlen(s) : 0};
}

static uint64_t number_of(const json_t *o, const char *member)
{
	return (uint64_t)json_integer_value(json_object_get(o, member));
}

static bool flag_of(const json_t *o, const char *member)
{
	return json_is_true(json_object_get(o, member));
}

static void *zalloc(struct arena *a, size_t n)
{
	void *p = arena_zalloc(a, n + 1);
	if (!p)
		abort();
	return p;
}

/* ------------------------------------------------------- in */

static void read_column(struct arena *a, const json_t *o, struct catalog_column *c)
{
	const json_t *labels = json_object_get(o, "labels");
	*c = (struct catalog_column){
		.name = text_of(o, "name"),
		.place = (uint32_t)number_of(o, "place"),
		.data_type = text_of(o, "data_type"),
		.column_type = text_of(o, "column_type"),
		.charset = text_of(o, "charset"),
		.collation = text_of(o, "collation"),
		.is_unsigned = flag_of(o, "unsigned"),
		.nullable = flag_of(o, "nullable"),
		.generated = flag_of(o, "generated"),
		.invisible = flag_of(o, "invisible"),
		.key_seq = (uint32_t)number_of(o, "key_seq"),
		.max_bytes = number_of(o, "max_bytes"),
		.precision = (uint8_t)number_of(o, "precision"),
		.scale = (uint8_t)number_of(o, "scale"),
		.nlabels = (uint32_t)json_array_size(labels),
	};
	if (!json_is_array(labels))
		return;
	c->labels = zalloc(a, c->nlabels * sizeof(*c->labels));
	for (uint32_t i = 0; i < c->nlabels; i++) {
		const json_t *label = json_array_get(labels, i);
		c->labels[i] = (struct span){(const uint8_t *)json_string_value(label),
					     json_string_length(label)};
	}
}

static void read_key(struct arena *a, const json_t *o, struct catalog_key *k)
{
	const json_t *parts = json_object_get(o, "parts");
	*k = (struct catalog_key){
		.name = text_of(o, "name"),
		.unique = flag_of(o, "unique"),
		.hash = flag_of(o, "hash"),
		.nparts = (uint32_t)json_array_size(parts),
		.parts = zalloc(a, json_array_size(parts) * sizeof(*k->parts)),
	};
	for (uint32_t i = 0; i < k->nparts; i++) {
		const json_t *part = json_array_get(parts, i);
		json_int_t column = json_integer_value(json_array_get(part, 0));
		k->parts[i].column = column < 0 ? CATALOG_EXPRESSION : (uint32_t)column;
		k->parts[i].prefix = (uint32_t)json_integer_value(json_array_get(part, 1));
	}
}

static const struct catalog_table *read_table(struct arena *a, const json_t *o)
{
	const json_t *columns = json_object_get(o, "columns"), *keys = json_object_get(o, "keys");
	struct catalog_table *t = zalloc(a, sizeof(*t));
	*t = (struct catalog_table){
		.db = text_of(o, "db"),
		.name = text_of(o, "name"),
		.charset = text_of(o, "charset"),
		.collation = text_of(o, "collation"),
		.versioned = flag_of(o, "versioned"),
		.hidden_by_keys = (uint32_t)number_of(o, "hidden"),
		.keys_known = true,
		.ncolumns = (uint32_t)json_array_size(columns),
		.nkeys = (uint32_t)json_array_size(keys),
	};
	t->columns = zalloc(a, t->ncolumns * sizeof(*t->columns));
	for (uint32_t i = 0; i < t->ncolumns; i++)
		read_column(a, json_array_get(columns, i), &t->columns[i]);
	t->keys = zalloc(a, t->nkeys * sizeof(*t->keys));
	for (uint32_t i = 0; i < t->nkeys; i++)
		read_key(a, json_array_get(keys, i), &t->keys[i]);
	return t;
}

/* ------------------------------------------------------- out */

static json_t *json_of(struct span s)
{
	json_t *text = json_stringn(s.len ? (const char *)s.p : "", s.len);
	return text ? text : json_string("(ill-formed)");
}

static json_t *put_column(const struct catalog_column *c)
{
	json_t *o = json_pack("{s:o s:i s:o s:o s:o s:o s:b s:b s:b s:b s:i s:I s:i s:i}", "name",
			      json_of(c->name), "place", (int)c->place, "data_type",
			      json_of(c->data_type), "column_type", json_of(c->column_type),
			      "charset", json_of(c->charset), "collation", json_of(c->collation),
			      "unsigned", c->is_unsigned, "nullable", c->nullable, "generated",
			      c->generated, "invisible", c->invisible, "key_seq", (int)c->key_seq,
			      "max_bytes", (json_int_t)c->max_bytes, "precision",
			      (int)c->precision, "scale", (int)c->scale);
	if (!c->labels)
		return o;
	json_t *labels = json_array();
	for (uint32_t i = 0; i < c->nlabels; i++)
		json_array_append_new(labels, json_of(c->labels[i]));
	json_object_set_new(o, "labels", labels);
	return o;
}

static json_t *put_key(const struct catalog_key *k)
{
	json_t *parts = json_array();
	for (uint32_t i = 0; i < k->nparts; i++) {
		int column = k->parts[i].column == CATALOG_EXPRESSION ? -1
								       : (int)k->parts[i].column;
		json_array_append_new(parts, json_pack("[ii]", column, (int)k->parts[i].prefix));
	}
	return json_pack("{s:o s:b s:b s:o}", "name", json_of(k->name), "unique", k->unique,
			 "hash", k->hash, "parts", parts);
}

static json_t *put_table(const struct catalog_table *t)
{
	json_t *columns = json_array(), *keys = json_array(), *key = json_array();
	for (uint32_t i = 0; i < t->ncolumns; i++)
		json_array_append_new(columns, put_column(&t->columns[i]));
	for (uint32_t i = 0; i < t->nkeys; i++)
		json_array_append_new(keys, put_key(&t->keys[i]));
	for (uint32_t i = 0; i < t->nkey; i++)
		json_array_append_new(key, json_integer(t->key[i]));
	return json_pack("{s:o s:o s:o s:o s:b s:i s:o s:o s:o}", "db", json_of(t->db), "name",
			 json_of(t->name), "charset", json_of(t->charset), "collation",
			 json_of(t->collation), "versioned", t->versioned, "hidden",
			 (int)t->hidden_by_keys, "columns", columns, "keys", keys, "key", key);
}

/* ------------------------------------------------------- state */

static void name_of(struct span db, struct span name, char out[1024])
{
	snprintf(out, 1024, "%.*s.%.*s", (int)db.len, (const char *)db.p, (int)name.len,
		 (const char *)name.p);
}

static int look_up_table(void *ctx, struct span db, struct span name,
			 const struct catalog_table **ret)
{
	char key[1024];
	name_of(db, name, key);
	const json_t *o = json_object_get(tables, key);
	if (!o)
		return -ENOENT;
	if (json_is_null(o))
		return -EAGAIN;
	*ret = read_table(ctx, o);
	return 0;
}

static int look_up_database(void *ctx, struct span db, struct span *ret_charset,
			    struct span *ret_collation)
{
	char key[1024];
	(void)ctx;
	snprintf(key, sizeof(key), "%.*s", (int)db.len, (const char *)db.p);
	const json_t *o = json_object_get(databases, key);
	if (!o)
		return -EAGAIN;
	*ret_charset = text_of(o, "charset");
	*ret_collation = text_of(o, "collation");
	return 0;
}

static const char *const kinds[] = {
	[DDL_CREATED] = "CREATED",
	[DDL_ALTERED] = "ALTERED",
	[DDL_RENAMED] = "RENAMED",
	[DDL_DROPPED] = "DROPPED",
	[DDL_TRUNCATED] = "TRUNCATED",
	[DDL_UNKNOWN] = "UNKNOWN",
	[DDL_DATABASE_CREATED] = "DATABASE_CREATED",
	[DDL_DATABASE_ALTERED] = "DATABASE_ALTERED",
	[DDL_DATABASE_DROPPED] = "DATABASE_DROPPED",
};

static void forget_database(struct span db)
{
	const char *name;
	json_t *o;
	void *next;
	json_object_foreach_safe(tables, next, name, o)
		if (!strncmp(name, (const char *)db.p, db.len) && name[db.len] == '.')
			json_object_del(tables, name);
}

/* What a follower of the changes does. */
static void follow(const struct ddl_change *c)
{
	char key[1024], from[1024];
	name_of(c->db, c->name, key);
	name_of(c->from_db, c->from_name, from);
	json_t *made = c->table ? put_table(c->table) : json_null();
	switch (c->kind) {
	case DDL_RENAMED:
		if (c->same && json_object_get(tables, from)) {
			json_decref(made);
			made = json_deep_copy(json_object_get(tables, from));
			if (json_is_object(made)) {
				json_object_set_new(made, "db", json_of(c->db));
				json_object_set_new(made, "name", json_of(c->name));
			}
		}
		json_object_del(tables, from);
		json_object_set_new(tables, key, made);
		return;
	case DDL_CREATED:
	case DDL_ALTERED:
		json_object_set_new(tables, key, made);
		return;
	case DDL_DROPPED:
		json_object_del(tables, key);
		break;
	case DDL_UNKNOWN:
		if (c->name.len) {
			json_object_set_new(tables, key, made);
			return;
		}
		const char *name;
		json_t *o;
		json_object_foreach(tables, name, o)
			json_object_set_new(tables, name, json_null());
		break;
	case DDL_DATABASE_DROPPED:
		forget_database(c->db);
		break;
	default:
		break;
	}
	json_decref(made);
}

static json_t *put_change(const struct ddl_change *c)
{
	json_t *o = json_pack("{s:s s:o s:o}", "kind", kinds[c->kind], "db", json_of(c->db),
			      "name", json_of(c->name));
	if (c->kind == DDL_RENAMED) {
		json_object_set_new(o, "from_db", json_of(c->from_db));
		json_object_set_new(o, "from", json_of(c->from_name));
		json_object_set_new(o, "same", json_boolean(c->same));
	}
	if (c->kind == DDL_DATABASE_CREATED || c->kind == DDL_DATABASE_ALTERED) {
		json_object_set_new(o, "charset", json_of(c->charset));
		json_object_set_new(o, "collation", json_of(c->collation));
	}
	if (c->table)
		json_object_set_new(o, "table", put_table(c->table));
	return o;
}

static json_t *apply(const struct ddl_session *session, const json_t *request)
{
	struct arena arena;
	arena_init(&arena);
	struct ddl_lookup look = {&arena, look_up_table, look_up_database};
	struct ddl_changes changes;
	const json_t *statement = json_object_get(request, "apply");
	/* Of just its size, so that a step behind its end is found. */
	size_t n = json_string_length(statement);
	uint8_t *bytes = malloc(n ? n : 1);
	if (!bytes)
		abort();
	memcpy(bytes, json_string_value(statement), n);
	int rc = ddl_apply((struct span){bytes, n}, session, &look, &arena, &changes);
	json_t *list = json_array(), *touched = json_object(), *names = json_array();
	for (uint32_t i = 0; rc == 0 && i < changes.n; i++) {
		json_array_append_new(list, put_change(&changes.list[i]));
		follow(&changes.list[i]);
	}
	for (uint32_t i = 0; rc == 0 && i < changes.n; i++) {
		char key[1024];
		name_of(changes.list[i].db, changes.list[i].name, key);
		json_t *o = json_object_get(tables, key);
		if (o)
			json_object_set(touched, key, o);
	}
	const char *name;
	json_t *o;
	bool unknown = false;
	json_object_foreach(tables, name, o)
	{
		json_array_append_new(names, json_string(name));
		unknown |= json_is_null(o);
	}
	free(bytes);
	arena_free(&arena);
	return json_pack("{s:i s:o s:o s:o s:b}", "rc", rc, "changes", list, "tables", touched,
			 "names", names, "unknown", unknown);
}

static json_t *session_json;

static void read_session(const json_t *o, struct ddl_session *s)
{
	json_decref(session_json);
	session_json = json_deep_copy(o);
	o = session_json;
	*s = (struct ddl_session){
		.flavor = flag_of(o, "mariadb") ? FLAVOR_MARIADB : FLAVOR_MYSQL,
		.version = (uint32_t)number_of(o, "version"),
		.sql_mode = number_of(o, "sql_mode"),
		.db = text_of(o, "db"),
		.explicit_timestamp = (enum ddl_tristate)number_of(o, "explicit"),
		.lower_case_names = (uint8_t)number_of(o, "lower"),
		.server_charset = text_of(o, "charset"),
		.server_collation = text_of(o, "collation"),
	};
}

static json_t *answer(struct ddl_session *session, json_t *request)
{
	json_t *o;
	if ((o = json_object_get(request, "session"))) {
		read_session(o, session);
	} else if ((o = json_object_get(request, "database"))) {
		json_object_set(databases, json_string_value(o), request);
	} else if ((o = json_object_get(request, "table"))) {
		char key[1024];
		name_of(text_of(o, "db"), text_of(o, "name"), key);
		json_object_set(tables, key, o);
	} else if (json_object_get(request, "forget")) {
		json_object_clear(tables);
	} else if (json_object_get(request, "apply")) {
		return apply(session, request);
	}
	return json_object();
}

int main(void)
{
	struct ddl_session session = {0};
	char *line = NULL;
	size_t cap = 0;
	tables = json_object();
	databases = json_object();
	while (getline(&line, &cap, stdin) > 0) {
		json_t *request = json_loads(line, JSON_ALLOW_NUL, NULL);
		json_t *reply = request ? answer(&session, request) : NULL;
		if (!reply)
			return 1;
		char *out = json_dumps(reply, JSON_COMPACT);
		puts(out ? out : "null");
		fflush(stdout);
		free(out);
		json_decref(reply);
		json_decref(request);
	}
	free(line);
	json_decref(tables);
	json_decref(databases);
	json_decref(session_json);
	return 0;
}
