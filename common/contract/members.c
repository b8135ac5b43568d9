/* members.c - see members.h. Pure. */
#include "common/contract/members.h"

#include "common/base/json.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_SIZE = 160 };

/* clang-format off */
#define POSITION(name) #name, .offset = offsetof(struct report_position, name)
#define ERROR(name) #name, .offset = offsetof(struct report_error, name)
static const struct member position_list[] = {
	{POSITION(file), .type = MEMBER_TEXT, .max = REPORT_FILE_MAX},
	{POSITION(pos), .type = MEMBER_U64},
	{POSITION(gtid), .type = MEMBER_GTID},
};
static const struct member error_list[] = {
	{ERROR(code), .type = MEMBER_TEXT, .max = REPORT_CODE_MAX},
	{ERROR(message), .type = MEMBER_MESSAGE, .max = REPORT_MESSAGE_MAX},
	{ERROR(position), .type = MEMBER_POSITION, .optional = true},
};
/* clang-format on */
static const struct members position_members = {"document", position_list, 3, false};
static const struct members error_members = {"document", error_list, 3, false};

static void *at(void *base, const struct member *m)
{
	return (char *)base + m->offset;
}

static const void *at_const(const void *base, const struct member *m)
{
	return (const char *)base + m->offset;
}

static bool is_text(enum member_type type)
{
	return type == MEMBER_TEXT || type == MEMBER_MESSAGE || type == MEMBER_GTID ||
	       type == MEMBER_JSON;
}

/* The table of a member that is an object, or NULL. */
static const struct members *table_of(enum member_type type)
{
	return type == MEMBER_POSITION ? &position_members
	       : type == MEMBER_ERROR  ? &error_members
				       : NULL;
}

static int init_list(void *base, const struct members *table)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct member *m = &table->list[i];
		int rc = 0;
		if (is_text(m->type))
			rc = report_set(at(base, m), "");
		else if (table_of(m->type))
			rc = init_list(at(base, m), table_of(m->type));
		else if (m->type == MEMBER_I64_OR_NULL)
			*(int64_t *)at(base, m) = -1;
		else if (m->type == MEMBER_REAL_OR_NULL)
			*(double *)at(base, m) = -1;
		if (rc < 0)
			return rc;
	}
	return 0;
}

int members_init(void *base, const struct members *table)
{
	int rc = init_list(base, table);
	if (rc < 0)
		members_clear(base, table);
	return rc;
}

void members_clear(void *base, const struct members *table)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct member *m = &table->list[i];
		if (is_text(m->type)) {
			free(*(char **)at(base, m));
			*(char **)at(base, m) = NULL;
		} else if (m->type == MEMBER_TEXTS) {
			report_texts_clear(at(base, m));
		} else if (table_of(m->type)) {
			members_clear(at(base, m), table_of(m->type));
		}
	}
}

int members_fault(const struct members *table, const char *path, struct err *err, const char *fmt,
		  ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set_at(err, -EINVAL, ERR_DOCUMENT_INVALID, path, "%s: '%s' %s", table->what,
			  path, text);
}

int members_no_memory(const struct members *table, struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a %s", table->what);
}

/* What is being read, for messages and bounds. */
struct place {
	const struct members *table; /* the document's */
	const struct member *member;
	const char *path;
	struct err *err;
};

static int wrong_type(const struct place *p, const char *wanted, const json_t *value)
{
	return members_fault(p->table, p->path, p->err, "must be %s, not %s", wanted,
			     document_type_name(value));
}

/* Not over max bytes, and no character is cut in two. */
static size_t cut_at(const char *text, size_t max)
{
	size_t len = strlen(text);
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static int keep(const struct place *p, char **member, const char *text, size_t len)
{
	char *copy = strndup(text, len);
	if (!copy)
		return members_no_memory(p->table, p->err);
	free(*member);
	*member = copy;
	return 0;
}

static int read_text(const struct place *p, char **member, const json_t *value)
{
	if (!json_is_string(value))
		return wrong_type(p, "a string", value);
	const char *text = json_string_value(value);
	const struct member *m = p->member;
	size_t max = m->type == MEMBER_GTID ? REPORT_GTID_MAX : m->max, len = strlen(text);
	if (m->type == MEMBER_MESSAGE)
		len = cut_at(text, max);
	else if (len > max)
		return members_fault(p->table, p->path, p->err, "is longer than %zu bytes", max);
	return keep(p, member, text, len);
}

static int read_choice(const struct place *p, int *member, const json_t *value)
{
	if (!json_is_string(value))
		return wrong_type(p, "a string", value);
	for (int i = 0; p->member->choices[i]; i++)
		if (strcmp(p->member->choices[i], json_string_value(value)) == 0) {
			*member = i;
			return 0;
		}
	return members_fault(p->table, p->path, p->err, "is none of the words it may be");
}

static int read_integer(const struct place *p, void *member, const json_t *value)
{
	enum member_type type = p->member->type;
	if (type == MEMBER_I64_OR_NULL && json_is_null(value)) {
		*(int64_t *)member = -1;
		return 0;
	}
	if (!json_is_integer(value))
		return wrong_type(p, "an integer", value);
	json_int_t v = json_integer_value(value);
	if (v < 0 || (type == MEMBER_U32 && v > UINT32_MAX))
		return members_fault(p->table, p->path, p->err, "is out of bounds");
	if (type == MEMBER_U32)
		*(uint32_t *)member = (uint32_t)v;
	else if (type == MEMBER_U64)
		*(uint64_t *)member = (uint64_t)v;
	else
		*(int64_t *)member = (int64_t)v;
	return 0;
}

static int read_real(const struct place *p, double *member, const json_t *value)
{
	if (p->member->type == MEMBER_REAL_OR_NULL && json_is_null(value)) {
		*member = -1;
		return 0;
	}
	if (!json_is_number(value))
		return wrong_type(p, "a number", value);
	if (json_number_value(value) < 0)
		return members_fault(p->table, p->path, p->err, "is out of bounds");
	*member = json_number_value(value);
	return 0;
}

static int read_texts(const struct place *p, struct report_texts *member, const json_t *value)
{
	if (!json_is_array(value))
		return wrong_type(p, "a list", value);
	size_t n = json_array_size(value);
	if (n > p->member->many)
		return members_fault(p->table, p->path, p->err, "has more than %zu entries",
				     p->member->many);
	for (size_t i = 0; i < n; i++) {
		const json_t *entry = json_array_get(value, i);
		if (!json_is_string(entry))
			return wrong_type(p, "a list of strings", entry);
		if (strlen(json_string_value(entry)) > p->member->max)
			return members_fault(p->table, p->path, p->err,
					     "has an entry longer than %zu bytes", p->member->max);
		if (report_add(member, json_string_value(entry)) < 0)
			return members_no_memory(p->table, p->err);
	}
	return 0;
}

static int read_json(const struct place *p, char **member, const json_t *value)
{
	if (json_is_null(value))
		return 0;
	if (!json_is_object(value))
		return wrong_type(p, "null or an object", value);
	char *text = json_dumps(value, JSON_COMPACT);
	if (!text)
		return members_no_memory(p->table, p->err);
	if (strlen(text) > p->member->max) {
		free(text);
		return members_fault(p->table, p->path, p->err, "is larger than %zu bytes",
				     p->member->max);
	}
	free(*member);
	*member = text;
	return 0;
}

static int read_object(const struct place *p, void *member, json_t *value)
{
	const struct members *inner = table_of(p->member->type);
	char prefix[PATH_SIZE];
	if (json_is_null(value))
		return 0;
	if (!json_is_object(value))
		return wrong_type(p, "null or an object", value);
	const struct members table = {p->table->what, inner->list, inner->n, p->table->strict};
	snprintf(prefix, sizeof(prefix), "%s.", p->path);
	return members_read(member, &table, NULL, prefix, value, p->err);
}

static int read_member(const struct place *p, void *member, json_t *value)
{
	switch (p->member->type) {
	case MEMBER_TEXT:
	case MEMBER_MESSAGE:
	case MEMBER_GTID:
		return read_text(p, member, value);
	case MEMBER_CHOICE:
		return read_choice(p, member, value);
	case MEMBER_BOOL:
		if (!json_is_boolean(value))
			return wrong_type(p, "true or false", value);
		*(bool *)member = json_is_true(value);
		return 0;
	case MEMBER_U64:
	case MEMBER_U32:
	case MEMBER_I64_OR_NULL:
		return read_integer(p, member, value);
	case MEMBER_REAL:
	case MEMBER_REAL_OR_NULL:
		return read_real(p, member, value);
	case MEMBER_TEXTS:
		return read_texts(p, member, value);
	case MEMBER_JSON:
		return read_json(p, member, value);
	case MEMBER_POSITION:
	case MEMBER_ERROR:
		return read_object(p, member, value);
	}
	return -EINVAL;
}

static bool is_known(const struct members *table, const char *const *others, const char *name)
{
	for (size_t i = 0; i < table->n; i++)
		if (strcmp(table->list[i].name, name) == 0)
			return true;
	for (; others && *others; others++)
		if (strcmp(*others, name) == 0)
			return true;
	return false;
}

int members_read(void *base, const struct members *table, const char *const *others,
		 const char *prefix, json_t *object, struct err *err)
{
	char path[PATH_SIZE];
	for (size_t i = 0; i < table->n; i++) {
		const struct member *m = &table->list[i];
		json_t *value = json_object_get(object, m->name);
		snprintf(path, sizeof(path), "%s%s", prefix, m->name);
		if (!value && m->optional)
			continue;
		if (!value)
			return members_fault(table, path, err, "is missing");
		const struct place place = {table, m, path, err};
		int rc = read_member(&place, at(base, m), value);
		if (rc < 0)
			return rc;
	}
	const char *name;
	json_t *value;
	if (table->strict)
		json_object_foreach (object, name, value)
			if (!is_known(table, others, name)) {
				snprintf(path, sizeof(path), "%s%s", prefix, name);
				return members_fault(table, path, err,
						     "is not known to this version");
			}
	return 0;
}

int members_parse(const char *text, size_t len, size_t max, const struct members *table,
		  void *ret, size_t size, struct err *err)
{
	json_t *tree =
		document_parse(text, len, max, table->what, ERR_DOCUMENT_INVALID, err);
	if (!tree)
		return -EINVAL;
	void *doc = calloc(1, size);
	int rc = !doc || members_init(doc, table) < 0 ? members_no_memory(table, err) : 0;
	if (rc == 0) {
		rc = members_read(doc, table, NULL, "", tree, err);
		if (rc < 0)
			members_clear(doc, table);
		else
			memcpy(ret, doc, size);
	}
	free(doc);
	json_decref(tree);
	return rc;
}

static void print_texts(const struct report_texts *texts, size_t many, struct buf *out)
{
	buf_putc(out, '[');
	for (size_t i = 0; i < texts->n && i < many; i++) {
		if (i)
			buf_putc(out, ',');
		json_put_string(out, texts->list[i], strlen(texts->list[i]));
	}
	buf_putc(out, ']');
}

/* null, when there is nothing in it. */
static void print_object(const struct member *m, const void *member, struct buf *out)
{
	bool there = m->type == MEMBER_POSITION
			     ? report_position_known(member)
			     : ((const struct report_error *)member)->code[0] != 0;
	if (!there) {
		buf_lit(out, "null");
		return;
	}
	buf_putc(out, '{');
	members_print(member, table_of(m->type), out);
	buf_putc(out, '}');
}

/* A negative zero reads back as an integer, which has no sign then. */
static void print_real(double v, bool or_null, struct buf *out)
{
	if (v < 0 && or_null)
		buf_lit(out, "null");
	else
		json_put_double(out, v > 0 ? v : 0);
}

static void print_member(const struct member *m, const void *member, struct buf *out)
{
	switch (m->type) {
	case MEMBER_TEXT:
	case MEMBER_MESSAGE: {
		const char *text = *(char *const *)member;
		json_put_string(out, text,
				m->type == MEMBER_TEXT ? strlen(text) : cut_at(text, m->max));
		break;
	}
	case MEMBER_GTID:
		report_put_gtid(out, *(char *const *)member);
		break;
	case MEMBER_CHOICE:
		json_put_string(out, m->choices[*(const int *)member],
				strlen(m->choices[*(const int *)member]));
		break;
	case MEMBER_BOOL:
		buf_puts(out, *(const bool *)member ? "true" : "false");
		break;
	case MEMBER_U64:
		json_put_u64(out, *(const uint64_t *)member);
		break;
	case MEMBER_U32:
		json_put_u64(out, *(const uint32_t *)member);
		break;
	case MEMBER_I64_OR_NULL:
		if (*(const int64_t *)member < 0)
			buf_lit(out, "null");
		else
			json_put_i64(out, *(const int64_t *)member);
		break;
	case MEMBER_REAL:
	case MEMBER_REAL_OR_NULL:
		print_real(*(const double *)member, m->type == MEMBER_REAL_OR_NULL, out);
		break;
	case MEMBER_TEXTS:
		print_texts(member, m->many, out);
		break;
	case MEMBER_JSON: {
		const char *text = *(char *const *)member;
		buf_puts(out, text[0] ? text : "null");
		break;
	}
	case MEMBER_POSITION:
	case MEMBER_ERROR:
		print_object(m, member, out);
		break;
	}
}

void members_print(const void *base, const struct members *table, struct buf *out)
{
	for (size_t i = 0; i < table->n; i++) {
		buf_printf(out, "%s\"%s\":", i ? "," : "", table->list[i].name);
		print_member(&table->list[i], at_const(base, &table->list[i]), out);
	}
}
