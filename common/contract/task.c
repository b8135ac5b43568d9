/*
 * task.c - see task.h: from a document to a struct task, by the table in task_fields.c.
 *
 * Any thread. The tree that jansson makes is overwritten as it is freed: it has the
 * secrets in it.
 */
#include "common/contract/task.h"

#include "common/base/duration.h"
#include "common/base/nearest.h"
#include "common/contract/document.h"
#include "common/contract/errors.h"
#include "common/contract/task_priv.h"
#include "common/os/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

size_t task_path_push(struct task_path *path, const char *name)
{
	size_t back = path->len, room = sizeof(path->text) - path->len;
	int n = snprintf(path->text + path->len, room, "%s%s", path->len ? "." : "", name);
	path->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
	return back;
}

size_t task_path_push_index(struct task_path *path, size_t index)
{
	size_t back = path->len, room = sizeof(path->text) - path->len;
	int n = snprintf(path->text + path->len, room, "[%zu]", index);
	path->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
	return back;
}

void task_path_pop(struct task_path *path, size_t len)
{
	path->len = len;
	path->text[len] = 0;
}

int task_invalid_at(const char *where, struct err *err, const char *fmt, ...)
{
	char text[700];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set_at(err, -EINVAL, ERR_TASK_INVALID, where, "'%s' %s", where, text);
}

int task_invalid(const struct task_path *path, struct err *err, const char *fmt, ...)
{
	char text[700];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return task_invalid_at(path->text, err, "%s", text);
}

int task_no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a task document");
}

/* What a walk over the document needs. */
struct parse {
	struct task *task;
	void *base; /* what the fields' offsets count from: the task, or an element of a list */
	struct task_path path;
	struct err *err;
};

static int wrong_type(struct parse *p, const char *wanted, const json_t *value)
{
	return task_invalid(&p->path, p->err, "must be %s, not %s", wanted,
			    document_type_name(value));
}

/* A copy in the task's arena, or NULL with err filled. */
static const char *keep_text(struct parse *p, const char *text)
{
	const char *copy = arena_strndup(&p->task->arena, text, strlen(text));
	if (!copy)
		task_no_memory(p->err);
	return copy;
}

static int read_string(struct parse *p, const struct task_field *f, const json_t *value)
{
	if (!json_is_string(value))
		return wrong_type(p, "a string", value);
	const char *text = json_string_value(value);
	size_t len = strlen(text);
	if (len < (size_t)f->min || len > (size_t)f->max)
		return task_invalid(&p->path, p->err, "must have %lld to %lld characters",
				    (long long)f->min, (long long)f->max);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ')
			return task_invalid(&p->path, p->err, "has a control character in it");
	const char *copy = keep_text(p, text);
	if (!copy)
		return -ENOMEM;
	*(const char **)task_member(p->base, f->offset) = copy;
	return 0;
}

static int read_int(struct parse *p, const struct task_field *f, const json_t *value)
{
	if (!json_is_integer(value))
		return wrong_type(p, "an integer", value);
	json_int_t v = json_integer_value(value);
	if (v < f->min || v > f->max) {
		if (f->min == f->max)
			return task_invalid(&p->path, p->err, "must be %lld, not %lld",
					    (long long)f->min, (long long)v);
		return task_invalid(&p->path, p->err, "must be from %lld to %lld, not %lld",
				    (long long)f->min, (long long)f->max, (long long)v);
	}
	*(int64_t *)task_member(p->base, f->offset) = v;
	return 0;
}

static int read_duration(struct parse *p, const struct task_field *f, const json_t *value)
{
	usec_t v;
	char least[DURATION_TEXT], most[DURATION_TEXT];
	if (!json_is_string(value))
		return wrong_type(p, "a duration such as \"30s\"", value);
	if (duration_parse(json_string_value(value), &v) < 0)
		return task_invalid(&p->path, p->err,
				    "must be a number with a unit (ms, s, m, h, d), such as 30s");
	if (v < f->min || v > f->max) {
		duration_format(f->min, least);
		duration_format(f->max, most);
		return task_invalid(&p->path, p->err, "must be from %s to %s", least, most);
	}
	*(usec_t *)task_member(p->base, f->offset) = v;
	return 0;
}

static int read_enum(struct parse *p, const struct task_field *f, const char *text)
{
	struct nearest near = nearest_of(text);
	struct buf all;
	for (int i = 0; f->choices[i]; i++) {
		if (strcmp(f->choices[i], text) == 0) {
			if (f->refused & (1u << i))
				return task_invalid(&p->path, p->err, "%s %s", text, f->refusal);
			*(int *)task_member(p->base, f->offset) = i;
			return 0;
		}
		nearest_try(&near, f->choices[i]);
	}
	buf_init(&all);
	for (int i = 0; f->choices[i]; i++)
		buf_printf(&all, "%s%s", i ? ", " : "", f->choices[i]);
	const char *best = nearest_best(&near);
	int rc = task_invalid(&p->path, p->err, "must be one of %s%s%s%s", buf_cstr(&all),
			      best ? " (did you mean '" : "", best ? best : "", best ? "'?)" : "");
	buf_free(&all);
	return rc;
}

static int read_secret(struct parse *p, const struct task_field *f, const json_t *value)
{
	if (!json_is_string(value))
		return wrong_type(p, "a string", value);
	const char *text = json_string_value(value);
	size_t max = secret_is_sealed(text) ? SECRET_SEALED_MAX : SECRET_MAX;
	if (strlen(text) > max)
		return task_invalid(&p->path, p->err, "is larger than %zu bytes", max);
	if (f->type == FIELD_PEM && text[0] && text[0] != '/' && !secret_is_reference(text) &&
	    !secret_is_sealed(text) && !strstr(text, "-----BEGIN "))
		return task_invalid(&p->path, p->err,
				    "must be PEM text, a reference (file:NAME, env:MR_SECRET_…, "
				    "credential:NAME) or, in standalone mode, an absolute path");
	return secret_set(task_member(p->base, f->offset), text) < 0 ? task_no_memory(p->err) : 0;
}

static int read_strings(struct parse *p, const struct task_field *f, const json_t *value)
{
	if (!json_is_array(value))
		return wrong_type(p, "a list of strings", value);
	size_t n = json_array_size(value);
	if (n > (size_t)f->max)
		return task_invalid(&p->path, p->err, "has more than %lld entries",
				    (long long)f->max);
	const char **list = arena_zalloc(&p->task->arena, (n + 1) * sizeof(*list));
	if (!list)
		return task_no_memory(p->err);
	for (size_t i = 0; i < n; i++) {
		const json_t *entry = json_array_get(value, i);
		size_t back = task_path_push_index(&p->path, i);
		if (!json_is_string(entry))
			return wrong_type(p, "a string", entry);
		list[i] = keep_text(p, json_string_value(entry));
		if (!list[i])
			return -ENOMEM;
		task_path_pop(&p->path, back);
	}
	*(const char ***)task_member(p->base, f->offset) = list;
	*(size_t *)task_member(p->base, f->count) = n;
	return 0;
}

/* A scalar as Kafka's settings spell it, or NULL for what is none. */
static const char *scalar_text(const json_t *value, char number[32])
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		return json_string_value(value);
	case JSON_INTEGER:
		snprintf(number, 32, "%lld", (long long)json_integer_value(value));
		return number;
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	default:
		return NULL;
	}
}

static int read_map(struct parse *p, const struct task_field *f, json_t *value)
{
	if (!json_is_object(value))
		return wrong_type(p, "an object", value);
	size_t n = json_object_size(value), i = 0;
	if (n > (size_t)f->max)
		return task_invalid(&p->path, p->err, "has more than %lld entries",
				    (long long)f->max);
	struct task_property *list = arena_zalloc(&p->task->arena, (n + 1) * sizeof(*list));
	if (!list)
		return task_no_memory(p->err);
	const char *name;
	json_t *entry;
	json_object_foreach (value, name, entry) {
		char number[32];
		const char *text = scalar_text(entry, number);
		size_t back = task_path_push(&p->path, name);
		if (!text)
			return wrong_type(p, "a string, an integer, true or false", entry);
		if (!name[0])
			return task_invalid(&p->path, p->err, "is a setting without a name");
		list[i].name = keep_text(p, name);
		list[i].value = keep_text(p, text);
		if (!list[i].name || !list[i].value)
			return -ENOMEM;
		i++;
		task_path_pop(&p->path, back);
	}
	*(struct task_property **)task_member(p->base, f->offset) = list;
	*(size_t *)task_member(p->base, f->count) = n;
	return 0;
}

/* Nothing is asked for: false, "" or an empty list or object. */
static bool is_nothing(const json_t *value)
{
	return json_is_false(value) || (json_is_string(value) && json_string_length(value) == 0) ||
	       (json_is_array(value) && json_array_size(value) == 0) ||
	       (json_is_object(value) && json_object_size(value) == 0);
}

static int read_fields(struct parse *p, const struct task_field *fields, json_t *object);

static int read_list(struct parse *p, const struct task_field *f, json_t *value)
{
	if (!json_is_array(value))
		return wrong_type(p, "a list of objects", value);
	size_t n = json_array_size(value);
	if (n > (size_t)f->max)
		return task_invalid(&p->path, p->err, "has more than %lld entries",
				    (long long)f->max);
	char *list = arena_zalloc(&p->task->arena, (n + 1) * f->size);
	if (!list)
		return task_no_memory(p->err);
	void *base = p->base;
	for (size_t i = 0; i < n; i++) {
		json_t *entry = json_array_get(value, i);
		size_t back = task_path_push_index(&p->path, i);
		if (!json_is_object(entry))
			return wrong_type(p, "an object", entry);
		p->base = list + i * f->size;
		int rc = read_fields(p, f->fields, entry);
		p->base = base;
		if (rc < 0)
			return rc;
		task_path_pop(&p->path, back);
	}
	*(void **)task_member(p->base, f->offset) = list;
	*(size_t *)task_member(p->base, f->count) = n;
	return 0;
}

static int read_field(struct parse *p, const struct task_field *f, json_t *value)
{
	switch (f->type) {
	case FIELD_STRING:
		return read_string(p, f, value);
	case FIELD_INT:
		return read_int(p, f, value);
	case FIELD_BOOL:
		if (!json_is_boolean(value))
			return wrong_type(p, "true or false", value);
		*(bool *)task_member(p->base, f->offset) = json_is_true(value);
		return 0;
	case FIELD_SWITCH:
		if (!json_is_boolean(value))
			return wrong_type(p, "true or false", value);
		*(int *)task_member(p->base, f->offset) = json_is_true(value);
		return 0;
	case FIELD_DURATION:
		return read_duration(p, f, value);
	case FIELD_ENUM:
		if (!json_is_string(value))
			return wrong_type(p, "a string", value);
		return read_enum(p, f, json_string_value(value));
	case FIELD_SECRET:
	case FIELD_PEM:
		return read_secret(p, f, value);
	case FIELD_STRINGS:
		return read_strings(p, f, value);
	case FIELD_MAP:
		return read_map(p, f, value);
	case FIELD_START:
		return task_parse_start(p->task, &p->path, value, p->err);
	case FIELD_LATER:
		return is_nothing(value) ? 0 : task_invalid(&p->path, p->err, "%s", f->refusal);
	case FIELD_OBJECT:
		if (!json_is_object(value))
			return wrong_type(p, "an object", value);
		return read_fields(p, f->fields, value);
	case FIELD_LIST:
		return read_list(p, f, value);
	}
	return -EINVAL;
}

static int set_default(struct parse *p, const struct task_field *f)
{
	switch (f->type) {
	case FIELD_STRING:
		*(const char **)task_member(p->base, f->offset) = f->fallback ? f->fallback : "";
		return 0;
	case FIELD_INT:
		*(int64_t *)task_member(p->base, f->offset) = f->number;
		return 0;
	case FIELD_BOOL:
		*(bool *)task_member(p->base, f->offset) = f->number != 0;
		return 0;
	case FIELD_SWITCH:
		*(int *)task_member(p->base, f->offset) = -1;
		return 0;
	case FIELD_DURATION:
		*(usec_t *)task_member(p->base, f->offset) = f->fallback ? f->number : -1;
		return 0;
	case FIELD_ENUM:
		if (f->fallback)
			return read_enum(p, f, f->fallback);
		*(int *)task_member(p->base, f->offset) = -1;
		return 0;
	case FIELD_START:
		p->task->source.start = TASK_START_LATEST;
		p->task->source.start_text = "latest";
		return 0;
	case FIELD_OBJECT:
		return read_fields(p, f->fields, NULL);
	case FIELD_SECRET:
	case FIELD_PEM:
	case FIELD_STRINGS:
	case FIELD_MAP:
	case FIELD_LIST:
	case FIELD_LATER:
		return 0; /* zero is their default */
	}
	return -EINVAL;
}

/* The path of another object's key of exactly this name: the key may stand too deep or
 * too high. */
static bool find_elsewhere(const struct task_field *fields, const char *name,
			   struct task_path *path)
{
	for (const struct task_field *f = fields; f->name; f++) {
		size_t back = task_path_push(path, f->name);
		if (strcmp(f->name, name) == 0 ||
		    (f->type == FIELD_OBJECT && find_elsewhere(f->fields, name, path)))
			return true;
		task_path_pop(path, back);
	}
	return false;
}

static int unknown_key(struct parse *p, const struct task_field *fields, const char *name)
{
	struct nearest near = nearest_of(name);
	struct task_path elsewhere = {.len = 0};
	for (const struct task_field *f = fields; f->name; f++)
		nearest_try(&near, f->name);
	const char *best = nearest_best(&near);
	task_path_push(&p->path, name);
	const char *ours = task_peer_option(name);
	if (ours)
		return task_invalid(&p->path, p->err, "is not an option here: %s", ours);
	if (best)
		return task_invalid(&p->path, p->err, "is not known (did you mean '%s'?)", best);
	if (find_elsewhere(task_fields, name, &elsewhere))
		return task_invalid(&p->path, p->err, "is not known (did you mean '%s'?)",
				    elsewhere.text);
	return task_invalid(&p->path, p->err, "is not known");
}

/* pipe.format stands before pipe.options in the table: it has been read. */
static bool is_of_format(const struct parse *p, const struct task_field *f)
{
	return f->formats == 0 || (f->formats >> p->task->pipe.format & 1);
}

/* object NULL: all defaults. A key that is null counts as absent. */
static int read_fields(struct parse *p, const struct task_field *fields, json_t *object)
{
	const char *name;
	json_t *value;
	json_object_foreach (object, name, value) {
		const struct task_field *f = fields;
		while (f->name && strcmp(f->name, name) != 0)
			f++;
		if (!f->name)
			return unknown_key(p, fields, name);
	}
	for (const struct task_field *f = fields; f->name; f++) {
		size_t back = task_path_push(&p->path, f->name);
		value = json_object_get(object, f->name);
		if (value && !json_is_null(value) && !is_of_format(p, f))
			return task_invalid(&p->path, p->err,
					    "is no option of pipe.format \"%s\", which the task has",
					    task_format_name(p->task->pipe.format));
		int rc = value && !json_is_null(value) ? read_field(p, f, value)
						       : set_default(p, f);
		if (rc < 0)
			return rc;
		task_path_pop(&p->path, back);
	}
	return 0;
}

int task_parse(const char *text, size_t len, struct task **ret, struct err *err)
{
	json_t *tree = document_parse(text, len, TASK_DOCUMENT_MAX, "the task document",
				      ERR_TASK_INVALID, err);
	if (!tree)
		return -EINVAL;
	int rc = -ENOMEM;
	struct task *t = calloc(1, sizeof(*t));
	if (!t) {
		task_no_memory(err);
		goto out;
	}
	arena_init(&t->arena);
	struct parse p = {.task = t, .base = t, .err = err};
	rc = read_fields(&p, task_fields, tree);
	if (rc == 0)
		rc = task_check(t, err);
	if (rc < 0)
		task_free(t);
	else
		*ret = t;
out:
	json_decref(tree);
	return rc;
}

int task_load(const char *path, struct task **ret, struct err *err)
{
	char *text;
	size_t len;
	int rc = file_read(path, TASK_DOCUMENT_MAX, ERR_TASK_INVALID, &text, &len, err);
	if (rc < 0)
		return rc;
	rc = task_parse(text, len, ret, err);
	file_free_wiped(text, len);
	if (rc < 0)
		err_prefix(err, "%s", path);
	return rc;
}
