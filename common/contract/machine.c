/* machine.c - see machine.h. Pure. */
#include "common/contract/machine.h"

#include "common/contract/members.h"
#include "common/contract/task.h"

#include <stddef.h>

#define AT(name) #name, .offset = offsetof(struct machine_doc, name)

/* clang-format off */
static const struct member list[] = {
	{AT(program), .type = MEMBER_TEXT, .max = 32},
	{AT(hostname), .type = MEMBER_TEXT, .max = REPORT_NODE_MAX},
	{AT(pid), .type = MEMBER_U32},
	{AT(version), .type = MEMBER_TEXT, .max = 64},
	{AT(format_min), .type = MEMBER_U32},
	{AT(format_max), .type = MEMBER_U32},
	{AT(started_ms), .type = MEMBER_U64},
	{AT(heartbeat_ms), .type = MEMBER_U64},
	{AT(listen), .type = MEMBER_TEXT, .max = 300},
	{AT(cpus), .type = MEMBER_U32},
	{AT(load), .type = MEMBER_REAL},
	{AT(cpu_percent), .type = MEMBER_REAL_OR_NULL},
	{AT(rss_bytes), .type = MEMBER_U64},
	{AT(memory_limit), .type = MEMBER_U64},
	{AT(draining), .type = MEMBER_BOOL},
	{AT(stopping), .type = MEMBER_BOOL},
	{AT(max_tasks), .type = MEMBER_U32},
	{AT(cold), .type = MEMBER_U32, .optional = true},
	{AT(held), .type = MEMBER_U32},
	{AT(running), .type = MEMBER_U32},
	{AT(groups), .type = MEMBER_TEXTS, .max = TASK_NAME_MAX, .many = MACHINE_GROUPS_MAX},
	{AT(tasks), .type = MEMBER_TEXTS, .max = TASK_NAME_MAX, .many = MACHINE_TASKS_MAX},
};
/* clang-format on */
static const struct members members = {"machine document", list, sizeof(list) / sizeof(list[0]),
				       false};

int machine_doc_init(struct machine_doc *d)
{
	*d = (struct machine_doc){0};
	return members_init(d, &members);
}

void machine_doc_clear(struct machine_doc *d)
{
	members_clear(d, &members);
}

int machine_doc_parse(const char *text, size_t len, struct machine_doc *ret, struct err *err)
{
	struct machine_doc d;
	int rc = members_parse(text, len, MACHINE_DOCUMENT_MAX, &members, &d, sizeof(d), err);
	if (rc == 0 && d.format_min > d.format_max) {
		machine_doc_clear(&d);
		return members_fault(&members, "format_min", err, "is above format_max");
	}
	if (rc == 0)
		*ret = d;
	return rc;
}

void machine_doc_print(const struct machine_doc *d, struct buf *out)
{
	buf_putc(out, '{');
	members_print(d, &members, out);
	buf_putc(out, '}');
}
