/* control.c - see control.h. Pure. */
#include "common/contract/control.h"

#include "common/base/json.h"
#include "common/contract/errors.h"
#include "common/contract/members.h"
#include "common/contract/task.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* Room for the position's other members and the document's: it is printed in its bound. */
enum { GTID_MAX = CONTROL_DOCUMENT_MAX - 4096 };

static const char *const desired_names[] = {"running", "paused", "stopped", "deleted", NULL};

#define AT(name) #name, .offset = offsetof(struct control_doc, name)

/* clang-format off */
static const struct member list[] = {
	{AT(desired), .type = MEMBER_CHOICE, .choices = desired_names},
	{AT(revision), .type = MEMBER_U64},
	{AT(restart), .type = MEMBER_U64, .optional = true},
	{AT(reset), .type = MEMBER_U64, .optional = true},
};
#define WHERE(name) #name, .offset = offsetof(struct control_doc, position.name), .optional = true
static const struct member where_list[] = {
	{WHERE(file), .type = MEMBER_TEXT, .max = REPORT_FILE_MAX},
	{WHERE(pos), .type = MEMBER_U64},
	{WHERE(gtid), .type = MEMBER_TEXT, .max = GTID_MAX},
	{WHERE(time), .type = MEMBER_TEXT, .max = 64},
};
/* clang-format on */
static const struct members members = {"control document", list, 4, true};
static const struct members where_members = {"control document", where_list, 4, true};

const char *control_desired_name(enum control_desired desired)
{
	return desired_names[desired];
}

int control_doc_init(struct control_doc *d)
{
	*d = (struct control_doc){.desired = CONTROL_STOPPED};
	int rc = members_init(d, &where_members);
	return rc < 0 ? rc : members_init(d, &members);
}

void control_doc_clear(struct control_doc *d)
{
	members_clear(d, &members);
	members_clear(d, &where_members);
}

static bool has(const json_t *object, const char *name)
{
	return json_object_get(object, name) != NULL;
}

/* The members that are there make one of the forms. */
static int check_form(struct control_doc *d, const json_t *object, struct err *err)
{
	bool file = has(object, "file"), pos = has(object, "pos"), gtid = has(object, "gtid");
	usec_t time;
	if (has(object, "time")) {
		if (file || pos || gtid)
			return members_fault(&members, "position", err,
					     "has a time and another place");
		if (task_parse_time(d->position.time, &time) < 0)
			return members_fault(&members, "position.time", err,
					     "is not a time like 2026-11-22T10:00:00Z");
		d->position.start = CONTROL_TIME;
		return 0;
	}
	if (file != pos)
		return members_fault(&members, "position", err,
				     "has one of file and pos without the other");
	if (file && (!d->position.file[0] || d->position.pos < 4))
		return members_fault(&members, "position", err,
				     "has an empty file, or a pos below 4, where no event is");
	if (!file && !gtid)
		return members_fault(&members, "position", err, "names no place");
	d->position.start = file ? CONTROL_FILE : CONTROL_GTID;
	return 0;
}

static int read_position(struct control_doc *d, json_t *value, struct err *err)
{
	if (!value || json_is_null(value))
		return 0;
	if (json_is_string(value)) {
		const char *word = json_string_value(value);
		if (strcmp(word, "latest") == 0)
			d->position.start = CONTROL_LATEST;
		else if (strcmp(word, "earliest") == 0)
			d->position.start = CONTROL_EARLIEST;
		else
			return members_fault(&members, "position", err,
					     "must be an object, \"latest\" or \"earliest\"");
		return 0;
	}
	if (!json_is_object(value))
		return members_fault(&members, "position", err,
				     "must be null, an object or a word, not %s",
				     document_type_name(value));
	int rc = members_read(d, &where_members, NULL, "position.", value, err);
	return rc < 0 ? rc : check_form(d, value, err);
}

int control_doc_parse(const char *text, size_t len, struct control_doc *ret, struct err *err)
{
	static const char *const others[] = {"position", NULL};
	struct control_doc d;
	json_t *tree = document_parse(text, len, CONTROL_DOCUMENT_MAX, "the control document",
				      ERR_DOCUMENT_INVALID, err);
	if (!tree)
		return -EINVAL;
	int rc = control_doc_init(&d) < 0 ? members_no_memory(&members, err) : 0;
	if (rc == 0) {
		rc = members_read(&d, &members, others, "", tree, err);
		if (rc == 0)
			rc = read_position(&d, json_object_get(tree, "position"), err);
		if (rc < 0)
			control_doc_clear(&d);
		else
			*ret = d;
	}
	json_decref(tree);
	return rc;
}

static void put_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, "\"%s\":", name);
	json_put_string(out, text, strlen(text));
}

static void print_position(const struct control_doc *d, struct buf *out)
{
	switch ((enum control_start)d->position.start) {
	case CONTROL_KEEP:
		buf_lit(out, "null");
		break;
	case CONTROL_LATEST:
		buf_lit(out, "\"latest\"");
		break;
	case CONTROL_EARLIEST:
		buf_lit(out, "\"earliest\"");
		break;
	case CONTROL_FILE:
		buf_putc(out, '{');
		put_text(out, "file", d->position.file);
		buf_lit(out, ",\"pos\":");
		json_put_u64(out, d->position.pos);
		if (d->position.gtid[0]) {
			buf_putc(out, ',');
			put_text(out, "gtid", d->position.gtid);
		}
		buf_putc(out, '}');
		break;
	case CONTROL_GTID:
		buf_putc(out, '{');
		put_text(out, "gtid", d->position.gtid);
		buf_putc(out, '}');
		break;
	case CONTROL_TIME:
		buf_putc(out, '{');
		put_text(out, "time", d->position.time);
		buf_putc(out, '}');
		break;
	}
}

void control_doc_print(const struct control_doc *d, struct buf *out)
{
	buf_putc(out, '{');
	members_print(d, &members, out);
	buf_lit(out, ",\"position\":");
	print_position(d, out);
	buf_putc(out, '}');
}
