/* instance.c - see instance.h. Pure. */
#include "common/contract/instance.h"

#include "common/contract/members.h"

#include <stddef.h>

#define AT(name) #name, .offset = offsetof(struct instance_doc, name)

/* clang-format off */
static const struct member list[] = {
	{AT(state), .type = MEMBER_CHOICE, .choices = report_states},
	{AT(hostname), .type = MEMBER_TEXT, .max = REPORT_NODE_MAX},
	{AT(pid), .type = MEMBER_U32},
	{AT(version), .type = MEMBER_TEXT, .max = 64},
	{AT(since_ms), .type = MEMBER_U64},
	{AT(run), .type = MEMBER_TEXT, .max = 128},
	{AT(position), .type = MEMBER_POSITION},
	{AT(source_head), .type = MEMBER_POSITION},
	{AT(lag_ms), .type = MEMBER_I64_OR_NULL},
	{AT(rows), .type = MEMBER_U64},
	{AT(rows_per_s), .type = MEMBER_REAL},
	{AT(bytes), .type = MEMBER_U64},
	{AT(transactions), .type = MEMBER_U64},
	{AT(in_flight), .type = MEMBER_U64},
	{AT(last_event_ms), .type = MEMBER_U64},
	{AT(last_heartbeat_ms), .type = MEMBER_U64},
	{AT(binlog_hours_left), .type = MEMBER_REAL_OR_NULL},
	{AT(pipe_errors), .type = MEMBER_U64},
	{AT(dead_letters), .type = MEMBER_U64},
	{AT(rss_bytes), .type = MEMBER_U64},
	{AT(memory_limit), .type = MEMBER_U64},
	{AT(snapshot), .type = MEMBER_JSON, .max = INSTANCE_SNAPSHOT_MAX},
	{AT(error), .type = MEMBER_ERROR},
};
/* clang-format on */
static const struct members members = {"instance document", list, sizeof(list) / sizeof(list[0]),
				       false};

int instance_doc_init(struct instance_doc *d)
{
	*d = (struct instance_doc){0};
	return members_init(d, &members);
}

void instance_doc_clear(struct instance_doc *d)
{
	members_clear(d, &members);
}

int instance_doc_parse(const char *text, size_t len, struct instance_doc *ret, struct err *err)
{
	return members_parse(text, len, INSTANCE_DOCUMENT_MAX, &members, ret, sizeof(*ret), err);
}

void instance_doc_print(const struct instance_doc *d, struct buf *out)
{
	buf_putc(out, '{');
	members_print(d, &members, out);
	buf_putc(out, '}');
}
