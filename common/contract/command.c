/* command.c - see command.h. Pure. */
#include "common/contract/command.h"

#include "common/contract/errors.h"
#include "common/contract/members.h"

#include <errno.h>
#include <stddef.h>

static const char *const states[] = {"pending", "done", "failed", NULL};

#define AT(name) #name, .offset = offsetof(struct command_doc, name)

/* clang-format off */
static const struct member list[] = {
	{AT(type), .type = MEMBER_TEXT, .max = 64},
	{AT(by), .type = MEMBER_TEXT, .max = REPORT_NODE_MAX, .optional = true},
	{AT(created_ms), .type = MEMBER_U64, .optional = true},
	{AT(state), .type = MEMBER_CHOICE, .choices = states, .optional = true},
	{AT(node), .type = MEMBER_TEXT, .max = REPORT_NODE_MAX, .optional = true},
	{AT(finished_ms), .type = MEMBER_U64, .optional = true},
	{AT(error), .type = MEMBER_ERROR, .optional = true},
};
/* clang-format on */
static const struct members members = {"command document", list, sizeof(list) / sizeof(list[0]),
				       true};
static const char *const others[] = {"version", NULL};

const char *command_state_name(enum command_state state)
{
	return states[state];
}

int command_doc_init(struct command_doc *d)
{
	*d = (struct command_doc){.state = COMMAND_PENDING};
	return members_init(d, &members);
}

void command_doc_clear(struct command_doc *d)
{
	members_clear(d, &members);
}

int command_doc_parse(const char *text, size_t len, struct command_doc *ret, struct err *err)
{
	struct command_doc d;
	json_t *tree = document_parse(text, len, COMMAND_DOCUMENT_MAX, "the command document",
				      ERR_DOCUMENT_INVALID, err);
	if (!tree)
		return -EINVAL;
	int rc = command_doc_init(&d) < 0 ? members_no_memory(&members, err) : 0;
	if (rc == 0) {
		rc = members_version(&members, tree, COMMAND_VERSION, err);
		if (rc == 0)
			rc = members_read(&d, &members, others, "", tree, err);
		if (rc < 0)
			command_doc_clear(&d);
		else
			*ret = d;
	}
	json_decref(tree);
	return rc;
}

void command_doc_print(const struct command_doc *d, struct buf *out)
{
	buf_printf(out, "{\"version\":%d,", COMMAND_VERSION);
	members_print(d, &members, out);
	buf_putc(out, '}');
}

int command_doc_order(struct command_doc *d, const char *type, const char *by, uint64_t now_ms)
{
	int rc = report_set(&d->type, type);
	if (rc == 0)
		rc = report_set(&d->by, by);
	if (rc == 0)
		d->created_ms = now_ms;
	return rc;
}

int command_doc_answer(struct command_doc *d, const char *node, uint64_t now_ms, const char *code,
		       const char *message)
{
	int rc = report_set(&d->node, node);
	if (rc == 0)
		rc = report_set(&d->error.code, code ? code : "");
	if (rc == 0)
		rc = report_set(&d->error.message, code ? message : "");
	if (rc == 0) {
		d->state = code ? COMMAND_FAILED : COMMAND_DONE;
		d->finished_ms = now_ms;
	}
	return rc;
}
