/* position.c - see position.h. Pure: a document in, a struct out, and back. */
#include "common/contract/position.h"

#include "common/base/json.h"
#include "common/contract/document.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum type { TEXT, U64, U32 };

struct member {
	const char *name;
	enum type type;
	size_t offset;
};

/* clang-format off */
#define DOC(name, type) {#name, type, offsetof(struct position_doc, name)}
#define PARTIAL(name, type) {#name, type, offsetof(struct position_doc, partial.name)}
#define PREPARED(name, type) {#name, type, offsetof(struct position_prepared, name)}
/* clang-format on */

/* In the order they are printed in. "version", "partial", "prepared" and "snapshot" have a
 * shape of their own. */
static const struct member members[] = {
	DOC(uid, TEXT),      DOC(reset, U64),         DOC(seq, U64),     DOC(epoch, U64),
	DOC(delivery, TEXT), DOC(pipe_cluster, TEXT), DOC(flavor, TEXT), DOC(source, TEXT),
	DOC(file, TEXT),     DOC(pos, U64),           DOC(gtid, TEXT),   DOC(ts_ms, U64),
	DOC(instance, TEXT),
};
static const struct member partial_members[] = {
	PARTIAL(gtid, TEXT), PARTIAL(file, TEXT), PARTIAL(pos, U64),
	PARTIAL(rows, U64),  PARTIAL(crc, U32),   PARTIAL(revision, U64),
};
static const struct member prepared_members[] = {
	PREPARED(xid, TEXT),  PREPARED(gtid, TEXT), PREPARED(before, TEXT),
	PREPARED(file, TEXT), PREPARED(pos, U64),
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char **text_at(void *base, size_t offset)
{
	return (char **)(void *)((char *)base + offset);
}

int position_doc_set(char **member, const char *text)
{
	char *copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*member);
	*member = copy;
	return 0;
}

static void clear_members(void *base, const struct member *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].type == TEXT)
			free(*text_at(base, table[i].offset));
}

static int init_members(void *base, const struct member *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].type == TEXT && position_doc_set(text_at(base, table[i].offset), ""))
			return -ENOMEM;
	return 0;
}

int position_doc_init(struct position_doc *d)
{
	*d = (struct position_doc){0};
	if (init_members(d, members, COUNT(members)) == 0 &&
	    init_members(d, partial_members, COUNT(partial_members)) == 0 &&
	    position_doc_set(&d->snapshot, "") == 0)
		return 0;
	position_doc_clear(d);
	return -ENOMEM;
}

void position_prepared_clear(struct position_prepared *p)
{
	clear_members(p, prepared_members, COUNT(prepared_members));
}

void position_doc_clear(struct position_doc *d)
{
	clear_members(d, members, COUNT(members));
	clear_members(d, partial_members, COUNT(partial_members));
	for (size_t i = 0; i < d->nprepared; i++)
		position_prepared_clear(&d->prepared[i]);
	free(d->prepared);
	free(d->snapshot);
	*d = (struct position_doc){0};
}

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a position document");
}

static int wrong_type(const char *path, const char *wanted, const json_t *value, struct err *err)
{
	return err_set_at(err, -EINVAL, ERR_STATE_INVALID, path,
			  "position document: '%s' must be %s, not %s", path, wanted,
			  document_type_name(value));
}

static int read_member(void *base, const struct member *m, const char *path, const json_t *value,
		       struct err *err)
{
	void *at = (char *)base + m->offset;
	if (m->type == TEXT) {
		if (!json_is_string(value))
			return wrong_type(path, "a string", value, err);
		return position_doc_set(at, json_string_value(value)) < 0 ? no_memory(err) : 0;
	}
	if (!json_is_integer(value))
		return wrong_type(path, "an integer", value, err);
	json_int_t v = json_integer_value(value);
	if (v < 0 || (m->type == U32 && v > UINT32_MAX))
		return err_set_at(err, -ERANGE, ERR_STATE_INVALID, path,
				  "position document: '%s' is out of bounds", path);
	if (m->type == U32)
		*(uint32_t *)at = (uint32_t)v;
	else
		*(uint64_t *)at = (uint64_t)v;
	return 0;
}

/*
 * Every member of the table must be in the object, and nothing else but the `others`
 * (NULL at the end), which must be there too. `prefix` is put before names in messages.
 */
static int read_object(void *base, const struct member *table, size_t n, const char *const *others,
		       const char *prefix, json_t *object, struct err *err)
{
	char path[128];
	size_t known = n;
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s%s", prefix, table[i].name);
		const json_t *value = json_object_get(object, table[i].name);
		if (!value)
			return err_set_at(err, -EINVAL, ERR_STATE_INVALID, path,
					  "position document: '%s' is missing", path);
		int rc = read_member(base, &table[i], path, value, err);
		if (rc < 0)
			return rc;
	}
	for (; others && *others; others++, known++)
		if (!json_object_get(object, *others))
			return err_set_at(err, -EINVAL, ERR_STATE_INVALID, *others,
					  "position document: '%s' is missing", *others);
	/* All known ones are there, so a larger object has an unknown one. */
	return json_object_size(object) == known
		       ? 0
		       : err_set(err, -EINVAL, ERR_STATE_INVALID,
				 "position document: there is a key in it that this version does "
				 "not know");
}

static int read_partial(struct position_doc *d, json_t *value, struct err *err)
{
	if (json_is_null(value))
		return 0;
	if (!json_is_object(value))
		return wrong_type("partial", "null or an object", value, err);
	d->has_partial = true;
	return read_object(d, partial_members, COUNT(partial_members), NULL, "partial.", value,
			   err);
}

static int read_prepared(struct position_doc *d, json_t *value, struct err *err)
{
	if (!json_is_array(value))
		return wrong_type("prepared", "a list", value, err);
	size_t n = json_array_size(value);
	if (n == 0)
		return 0;
	d->prepared = calloc(n, sizeof(*d->prepared));
	if (!d->prepared)
		return no_memory(err);
	for (; d->nprepared < n;) {
		char prefix[48];
		snprintf(prefix, sizeof(prefix), "prepared[%zu].", d->nprepared);
		json_t *entry = json_array_get(value, d->nprepared);
		if (!json_is_object(entry))
			return wrong_type(prefix, "an object", entry, err);
		/* Counted first: a half-read entry is freed with the rest. */
		int rc = read_object(&d->prepared[d->nprepared++], prepared_members,
				     COUNT(prepared_members), NULL, prefix, entry, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_snapshot(struct position_doc *d, const json_t *value, struct err *err)
{
	if (json_is_null(value))
		return 0;
	if (!json_is_object(value))
		return wrong_type("snapshot", "null or an object", value, err);
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text)
		return no_memory(err);
	int rc = position_doc_set(&d->snapshot, text);
	free(text);
	return rc < 0 ? no_memory(err) : 0;
}

static int read_document(struct position_doc *d, json_t *tree, struct err *err)
{
	static const char *const others[] = {"version", "partial", "prepared", "snapshot", NULL};
	const json_t *version = json_object_get(tree, "version");
	if (!version || !json_is_integer(version))
		return err_set_at(err, -EINVAL, ERR_STATE_INVALID, "version",
				  "position document: 'version' is missing or not an integer");
	if (json_integer_value(version) != POSITION_VERSION)
		return err_set_at(err, -EINVAL, ERR_STATE_INVALID, "version",
				  "position document: version %lld was written by other software; "
				  "this one reads version %d",
				  (long long)json_integer_value(version), POSITION_VERSION);
	const json_t *before = json_object_get(tree, "before_start");
	if (before && !json_is_boolean(before))
		return wrong_type("before_start", "true or false", before, err);
	d->before_start = json_is_true(before);
	json_object_del(tree, "before_start");
	int rc = read_object(d, members, COUNT(members), others, "", tree, err);
	if (rc == 0)
		rc = read_partial(d, json_object_get(tree, "partial"), err);
	if (rc == 0)
		rc = read_prepared(d, json_object_get(tree, "prepared"), err);
	if (rc == 0)
		rc = read_snapshot(d, json_object_get(tree, "snapshot"), err);
	if (rc == 0 && strcmp(d->flavor, "mysql") != 0 && strcmp(d->flavor, "mariadb") != 0)
		rc = err_set_at(err, -EINVAL, ERR_STATE_INVALID, "flavor",
				"position document: 'flavor' must be mysql or mariadb");
	return rc;
}

int position_doc_parse(const char *text, size_t len, struct position_doc *ret, struct err *err)
{
	struct position_doc d;
	json_t *tree = document_parse(text, len, POSITION_DOCUMENT_MAX, "the position document",
				      ERR_STATE_INVALID, err);
	if (!tree)
		return -EINVAL;
	int rc = position_doc_init(&d);
	if (rc < 0) {
		json_decref(tree);
		return no_memory(err);
	}
	rc = read_document(&d, tree, err);
	json_decref(tree);
	if (rc < 0)
		position_doc_clear(&d);
	else
		*ret = d;
	return rc;
}

static void print_members(const void *base, const struct member *table, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		const void *at = (const char *)base + table[i].offset;
		buf_printf(out, "%s\"%s\":", i ? "," : "", table[i].name);
		if (table[i].type == TEXT) {
			const char *text = *(char *const *)at;
			json_put_string(out, text, strlen(text));
		} else {
			json_put_u64(out, table[i].type == U32 ? *(const uint32_t *)at
							       : *(const uint64_t *)at);
		}
	}
}

void position_doc_print(const struct position_doc *d, struct buf *out)
{
	buf_printf(out, "{\"version\":%d,", POSITION_VERSION);
	print_members(d, members, COUNT(members), out);
	if (d->before_start)
		buf_lit(out, ",\"before_start\":true");
	if (d->has_partial) {
		buf_lit(out, ",\"partial\":{");
		print_members(d, partial_members, COUNT(partial_members), out);
		buf_lit(out, "}");
	} else {
		buf_lit(out, ",\"partial\":null");
	}
	buf_lit(out, ",\"prepared\":[");
	for (size_t i = 0; i < d->nprepared; i++) {
		buf_puts(out, i ? ",{" : "{");
		print_members(&d->prepared[i], prepared_members, COUNT(prepared_members), out);
		buf_lit(out, "}");
	}
	buf_lit(out, "],\"snapshot\":");
	buf_puts(out, d->snapshot[0] ? d->snapshot : "null");
	buf_lit(out, "}");
}
