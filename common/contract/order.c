/* order.c - see order.h. Pure. */
#include "common/contract/order.h"

#include "common/contract/errors.h"
#include "common/contract/members.h"

#include <errno.h>
#include <stddef.h>

static const char *const states[] = {"pending", "done", "failed", NULL};

#define AT(name) #name, .offset = offsetof(struct order_doc, name)

/* clang-format off */
static const struct member list[] = {
	{AT(type), .type = MEMBER_TEXT, .max = 64},
	{AT(by), .type = MEMBER_TEXT, .max = REPORT_NODE_MAX, .optional = true},
	{AT(created_ms), .type = MEMBER_U64, .optional = true},
	{AT(channel), .type = MEMBER_TEXT, .max = 128, .optional = true},
	{AT(state), .type = MEMBER_CHOICE, .choices = states, .optional = true},
	{AT(node), .type = MEMBER_TEXT, .max = REPORT_NODE_MAX, .optional = true},
	{AT(finished_ms), .type = MEMBER_U64, .optional = true},
	{AT(error), .type = MEMBER_ERROR, .optional = true},
};
/* clang-format on */
static const struct members members = {"order document", list, sizeof(list) / sizeof(list[0]),
				       true};
static const char *const others[] = {"version", NULL};

const char *order_state_name(enum order_state state)
{
	return states[state];
}

int order_doc_init(struct order_doc *d)
{
	*d = (struct order_doc){.state = ORDER_PENDING};
	return members_init(d, &members);
}

void order_doc_clear(struct order_doc *d)
{
	members_clear(d, &members);
}

int order_doc_parse(const char *text, size_t len, struct order_doc *ret, struct err *err)
{
	struct order_doc d;
	json_t *tree = document_parse(text, len, ORDER_DOCUMENT_MAX, "the order document",
				      ERR_DOCUMENT_INVALID, err);
	if (!tree)
		return -EINVAL;
	int rc = order_doc_init(&d) < 0 ? members_no_memory(&members, err) : 0;
	if (rc == 0) {
		rc = members_version(&members, tree, ORDER_VERSION, err);
		if (rc == 0)
			rc = members_read(&d, &members, others, "", tree, err);
		if (rc < 0)
			order_doc_clear(&d);
		else
			*ret = d;
	}
	json_decref(tree);
	return rc;
}

void order_doc_print(const struct order_doc *d, struct buf *out)
{
	buf_printf(out, "{\"version\":%d,", ORDER_VERSION);
	members_print(d, &members, out);
	buf_putc(out, '}');
}

int order_doc_test(struct order_doc *d, const char *channel, const char *by, uint64_t now_ms)
{
	int rc = report_set(&d->type, ORDER_TEST_ALERT);
	if (rc == 0)
		rc = report_set(&d->channel, channel);
	if (rc == 0)
		rc = report_set(&d->by, by);
	if (rc == 0)
		d->created_ms = now_ms;
	return rc;
}

int order_doc_answer(struct order_doc *d, const char *node, uint64_t now_ms, const char *code,
		     const char *message)
{
	int rc = report_set(&d->node, node);
	if (rc == 0)
		rc = report_set(&d->error.code, code ? code : "");
	if (rc == 0)
		rc = report_set(&d->error.message, code ? message : "");
	if (rc == 0) {
		d->state = code ? ORDER_FAILED : ORDER_DONE;
		d->finished_ms = now_ms;
	}
	return rc;
}
