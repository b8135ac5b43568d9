/* preflight.c - see preflight.h. Pure. */
#include "common/contract/preflight.h"

#include "common/base/json.h"
#include "common/contract/errors.h"
#include "common/contract/members.h"
#include "common/contract/task.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

const char *const preflight_names[] = {
    "source.reachable",
    "source.login",
    "source.log_bin",
    "source.format",
    "source.row_image",
    "source.row_metadata",
    "source.grants",
    "source.retention",
    "source.server_id",
    "source.gtid",
    "source.position",
    "tables.match",
    "tables.rules",
    "pipe.reachable",
    "pipe.topics",
    "pipe.transaction_timeout",
    NULL,
};

static const char *const types[] = {"check", "tables", NULL};
static const char *const states[] = {"pending", "taken", "done", NULL};
static const char *const results[] = {"ok", "warning", "failed", "skipped", NULL};

#define AT(name)     #name, .offset = offsetof(struct preflight_doc, name)
#define CHECK(name)  #name, .offset = offsetof(struct preflight_check, name)
#define SOURCE(name) #name, .offset = offsetof(struct preflight_source, name)
#define TABLE(name)  #name, .offset = offsetof(struct preflight_table, name)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* clang-format off */
static const struct member list[] = {
	{AT(type), .type = MEMBER_CHOICE, .choices = types},
	{AT(group), .type = MEMBER_TEXT, .max = TASK_NAME_MAX, .optional = true},
	{AT(by), .type = MEMBER_TEXT, .max = REPORT_NODE_MAX, .optional = true},
	{AT(created_ms), .type = MEMBER_U64, .optional = true},
	{AT(document), .type = MEMBER_JSON, .max = PREFLIGHT_TASK_MAX, .optional = true},
	{AT(state), .type = MEMBER_CHOICE, .choices = states},
	{AT(node), .type = MEMBER_TEXT, .max = REPORT_NODE_MAX, .optional = true},
	{AT(taken_ms), .type = MEMBER_U64, .optional = true},
	{AT(done_ms), .type = MEMBER_U64, .optional = true},
};
static const struct member check_list[] = {
	{CHECK(name), .type = MEMBER_TEXT, .max = 64},
	{CHECK(result), .type = MEMBER_CHOICE, .choices = results},
	{CHECK(field), .type = MEMBER_MESSAGE, .max = 256},
	{CHECK(code), .type = MEMBER_TEXT, .max = REPORT_CODE_MAX},
	{CHECK(message), .type = MEMBER_MESSAGE, .max = PREFLIGHT_TEXT_MAX},
	{CHECK(remedy), .type = MEMBER_MESSAGE, .max = PREFLIGHT_TEXT_MAX},
};
static const struct member source_list[] = {
	{SOURCE(flavor), .type = MEMBER_TEXT, .max = 32},
	{SOURCE(version), .type = MEMBER_MESSAGE, .max = 256},
	{SOURCE(gtids), .type = MEMBER_BOOL},
	{SOURCE(row_metadata), .type = MEMBER_TEXT, .max = 32},
	{SOURCE(server_id), .type = MEMBER_U32},
};
static const struct member table_list[] = {
	{TABLE(db), .type = MEMBER_MESSAGE, .max = 1024},
	{TABLE(table), .type = MEMBER_MESSAGE, .max = 1024},
};
/* clang-format on */
#define WHAT "preflight document"
static const struct members members = {WHAT, list, COUNT(list), false};
static const struct members check_members = {WHAT, check_list, COUNT(check_list), false};
static const struct members source_members = {WHAT, source_list, COUNT(source_list), false};
static const struct members table_members = {WHAT, table_list, COUNT(table_list), false};
static const struct members_list checks_list = {
    "checks", &check_members, sizeof(struct preflight_check), PREFLIGHT_CHECKS_MAX};
/* A table takes at least 20 bytes of the document. */
static const struct members_list tables_list = {
    "tables", &table_members, sizeof(struct preflight_table), PREFLIGHT_DOCUMENT_MAX / 20};

const char *preflight_result_name(enum preflight_result result)
{
	return results[result];
}

const char *preflight_state_name(enum preflight_state state)
{
	return states[state];
}

int preflight_doc_init(struct preflight_doc *d)
{
	*d = (struct preflight_doc){.type = PREFLIGHT_CHECK};
	int rc = members_init(d, &members);
	if (rc == 0 && (rc = members_init(&d->source, &source_members)) < 0)
		members_clear(d, &members);
	return rc;
}

void preflight_doc_clear(struct preflight_doc *d)
{
	/* Of an installation without a key ring it has secrets. */
	if (d->document)
		explicit_bzero(d->document, strlen(d->document));
	members_clear(d, &members);
	members_clear(&d->source, &source_members);
	void *checks = d->checks, *tables = d->tables;
	members_list_clear(&checks_list, &checks, &d->nchecks);
	members_list_clear(&tables_list, &tables, &d->ntables);
	d->checks = NULL;
	d->tables = NULL;
}

static size_t printed_size(const char *db, const char *table)
{
	struct buf b;
	buf_init(&b);
	buf_lit(&b, "{\"db\":,\"table\":},");
	json_put_string(&b, db, strlen(db));
	json_put_string(&b, table, strlen(table));
	size_t n = b.failed ? PREFLIGHT_TABLES_MAX : b.len;
	buf_free(&b);
	return n;
}

static int read_lists(struct preflight_doc *d, json_t *tree, struct err *err)
{
	void *checks = NULL, *tables = NULL;
	int rc = 0;
	if (json_object_get(tree, "checks"))
		rc = members_list_read(&checks_list, &checks, &d->nchecks, tree, err);
	d->checks = checks;
	if (rc == 0 && json_object_get(tree, "tables"))
		rc = members_list_read(&tables_list, &tables, &d->ntables, tree, err);
	d->tables = tables;
	for (size_t i = 0; i < d->ntables; i++)
		d->tables_bytes += printed_size(d->tables[i].db, d->tables[i].table);
	return rc;
}

static int read_document(struct preflight_doc *d, json_t *tree, struct err *err)
{
	int rc = members_version(&members, tree, PREFLIGHT_VERSION, err);
	if (rc == 0)
		rc = members_read(d, &members, NULL, "", tree, err);
	if (rc == 0)
		rc = read_lists(d, tree, err);
	json_t *source = json_object_get(tree, "source");
	if (rc == 0 && source && !json_is_null(source)) {
		if (!json_is_object(source))
			return members_fault(&members, "source", err, "must be null or an object");
		d->has_source = true;
		rc = members_read(&d->source, &source_members, NULL, "source.", source, err);
	}
	json_t *truncated = json_object_get(tree, "truncated");
	if (rc == 0 && truncated) {
		if (!json_is_boolean(truncated))
			return members_fault(&members, "truncated", err, "must be true or false");
		d->truncated = json_is_true(truncated);
	}
	return rc;
}

int preflight_doc_parse(const char *text, size_t len, struct preflight_doc *ret, struct err *err)
{
	struct preflight_doc d;
	json_t *tree = document_parse(text, len, PREFLIGHT_DOCUMENT_MAX, "the " WHAT,
				      ERR_DOCUMENT_INVALID, err);
	if (!tree)
		return -EINVAL;
	int rc = preflight_doc_init(&d) < 0 ? members_no_memory(&members, err) : 0;
	if (rc == 0) {
		rc = read_document(&d, tree, err);
		if (rc < 0)
			preflight_doc_clear(&d);
		else
			*ret = d;
	}
	json_decref(tree);
	return rc;
}

void preflight_doc_print_checks(const struct preflight_doc *d, struct buf *out)
{
	members_list_print(&checks_list, d->checks, d->nchecks, out);
}

void preflight_doc_print(const struct preflight_doc *d, struct buf *out)
{
	struct preflight_doc shown = *d;
	char none[] = "";
	if (d->state == PREFLIGHT_DONE)
		shown.document = none;
	buf_printf(out, "{\"version\":%d,", PREFLIGHT_VERSION);
	members_print(&shown, &members, out);
	buf_putc(out, ',');
	preflight_doc_print_checks(d, out);
	buf_lit(out, ",\"source\":");
	if (d->has_source) {
		buf_putc(out, '{');
		members_print(&d->source, &source_members, out);
		buf_putc(out, '}');
	} else {
		buf_lit(out, "null");
	}
	buf_putc(out, ',');
	members_list_print(&tables_list, d->tables, d->ntables, out);
	buf_printf(out, ",\"truncated\":%s}", d->truncated ? "true" : "false");
}

/* A copy in which a control character is a blank: one byte is never printed as six then. */
static int set_clean(char **member, const char *text)
{
	int rc = report_set(member, text ? text : "");
	for (char *p = *member; rc == 0 && *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	return rc;
}

int preflight_doc_add(struct preflight_doc *d, const char *name, enum preflight_result result,
		      const char *field, const char *code, const char *message, const char *remedy)
{
	if (d->nchecks == PREFLIGHT_CHECKS_MAX)
		return -ENOSPC;
	void *checks = d->checks;
	struct preflight_check *c = members_list_add(&checks_list, &checks, &d->nchecks);
	d->checks = checks;
	if (!c)
		return -ENOMEM;
	c->result = result;
	int rc = set_clean(&c->name, name);
	if (rc == 0)
		rc = set_clean(&c->field, field);
	if (rc == 0)
		rc = set_clean(&c->code, code);
	if (rc == 0)
		rc = set_clean(&c->message, message);
	if (rc == 0)
		rc = set_clean(&c->remedy, remedy);
	return rc;
}

int preflight_doc_add_err(struct preflight_doc *d, const char *name, enum preflight_result result,
			  const char *field, const struct err *err)
{
	return preflight_doc_add(d, name, result, field ? field : err->where, err->kind->code,
				 err->text, err->kind->remedy);
}

int preflight_doc_add_table(struct preflight_doc *d, const char *db, const char *table)
{
	size_t bytes = printed_size(db, table);
	if (d->truncated || d->tables_bytes + bytes > PREFLIGHT_TABLES_MAX) {
		d->truncated = true;
		return 0;
	}
	void *tables = d->tables;
	struct preflight_table *t = members_list_add(&tables_list, &tables, &d->ntables);
	d->tables = tables;
	if (!t)
		return -ENOMEM;
	d->tables_bytes += bytes;
	int rc = report_set(&t->db, db);
	return rc < 0 ? rc : report_set(&t->table, table);
}

const struct preflight_check *preflight_doc_failed(const struct preflight_doc *d)
{
	for (size_t i = 0; i < d->nchecks; i++)
		if (d->checks[i].result == PREFLIGHT_FAILED)
			return &d->checks[i];
	return NULL;
}
