/* alert.c - see alert.h. Pure. */
#include "common/contract/alert.h"

#include "common/base/crc.h"
#include "common/contract/errors.h"
#include "common/contract/members.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

const char *const alert_severities[] = {"page", "ticket", "info", NULL};
static const char *const subjects[] = {"task", "machine", "cluster", NULL};
static const char *const states[] = {"pending", "firing", "resolved", NULL};

#define AT(name)       #name, .offset = offsetof(struct alert_doc, name)
#define NOTIFIED(name) #name, .offset = offsetof(struct alert_notified, name)
#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))

/* clang-format off */
static const struct member list[] = {
	{AT(rule), .type = MEMBER_TEXT, .max = 64},
	{AT(subject), .type = MEMBER_CHOICE, .choices = subjects},
	{AT(name), .type = MEMBER_TEXT, .max = 1024},
	{AT(severity), .type = MEMBER_CHOICE, .choices = alert_severities},
	{AT(state), .type = MEMBER_CHOICE, .choices = states},
	{AT(since_ms), .type = MEMBER_U64},
	{AT(firing_ms), .type = MEMBER_U64},
	{AT(resolved_ms), .type = MEMBER_U64},
	{AT(flaps), .type = MEMBER_U32, .optional = true},
	{AT(value), .type = MEMBER_MESSAGE, .max = 256},
	{AT(message), .type = MEMBER_MESSAGE, .max = REPORT_MESSAGE_MAX},
	{AT(next_step), .type = MEMBER_MESSAGE, .max = REPORT_MESSAGE_MAX},
};
static const struct member notified_entry[] = {
	{NOTIFIED(channel), .type = MEMBER_TEXT, .max = 128},
	{NOTIFIED(state), .type = MEMBER_CHOICE, .choices = states},
	{NOTIFIED(at_ms), .type = MEMBER_U64},
};
/* clang-format on */
static const struct members members = {"alert document", list, COUNT(list), false};
static const struct members notified_members = {"alert document", notified_entry,
						COUNT(notified_entry), false};
static const struct members_list notified_list = {
    "notified", &notified_members, sizeof(struct alert_notified), ALERT_NOTIFIED_MAX};

const char *alert_subject_name(enum alert_subject subject)
{
	return subjects[subject];
}

const char *alert_severity_name(enum alert_severity severity)
{
	return alert_severities[severity];
}

const char *alert_state_name(enum alert_state state)
{
	return states[state];
}

int alert_doc_init(struct alert_doc *d)
{
	*d = (struct alert_doc){.subject = ALERT_TASK};
	return members_init(d, &members);
}

void alert_doc_clear(struct alert_doc *d)
{
	members_clear(d, &members);
	void *notified = d->notified;
	members_list_clear(&notified_list, &notified, &d->nnotified);
	d->notified = NULL;
}

int alert_doc_parse(const char *text, size_t len, struct alert_doc *ret, struct err *err)
{
	struct alert_doc d;
	json_t *tree = document_parse(text, len, ALERT_DOCUMENT_MAX, "the alert document",
				      ERR_DOCUMENT_INVALID, err);
	if (!tree)
		return -EINVAL;
	int rc = alert_doc_init(&d) < 0 ? members_no_memory(&members, err) : 0;
	if (rc == 0) {
		void *notified = NULL;
		rc = members_version(&members, tree, ALERT_VERSION, err);
		if (rc == 0)
			rc = members_read(&d, &members, NULL, "", tree, err);
		if (rc == 0)
			rc = members_list_read(&notified_list, &notified, &d.nnotified, tree, err);
		d.notified = notified;
		if (rc < 0)
			alert_doc_clear(&d);
		else
			*ret = d;
	}
	json_decref(tree);
	return rc;
}

void alert_doc_print(const struct alert_doc *d, struct buf *out)
{
	buf_printf(out, "{\"version\":%d,", ALERT_VERSION);
	members_print(d, &members, out);
	buf_putc(out, ',');
	members_list_print(&notified_list, d->notified, d->nnotified, out);
	buf_putc(out, '}');
}

static struct alert_notified *find(const struct alert_doc *d, const char *channel)
{
	for (size_t i = 0; i < d->nnotified; i++)
		if (strcmp(d->notified[i].channel, channel) == 0)
			return &d->notified[i];
	return NULL;
}

int alert_doc_mark(struct alert_doc *d, const char *channel, enum alert_state state,
		   uint64_t now_ms)
{
	struct alert_notified *n = find(d, channel);
	if (!n && d->nnotified == ALERT_NOTIFIED_MAX)
		return -ENOSPC;
	if (!n) {
		void *notified = d->notified;
		n = members_list_add(&notified_list, &notified, &d->nnotified);
		d->notified = notified;
		if (!n)
			return -ENOMEM;
		int rc = report_set(&n->channel, channel);
		if (rc < 0)
			return rc;
	}
	n->state = state;
	n->at_ms = now_ms;
	return 0;
}

int alert_doc_marked(const struct alert_doc *d, const char *channel)
{
	const struct alert_notified *n = find(d, channel);
	return n ? n->state : -1;
}

void alert_id(const char *rule, const char *name, char ret_id[PATHS_ID_MAX + 1])
{
	char id[PATHS_ID_MAX + 1];
	int n = snprintf(id, sizeof(id), "%s:%s", rule, name);
	bool whole = n <= PATHS_ID_MAX;
	for (char *p = id; *p; p++) {
		bool fits = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			    (*p >= '0' && *p <= '9') || strchr("-_.:@", *p);
		if (!fits) {
			*p = '_';
			whole = false;
		}
	}
	if (!whole)
		snprintf(id + (strlen(id) < PATHS_ID_MAX - 9 ? strlen(id) : PATHS_ID_MAX - 9), 10,
			 "-%08x", crc32_update(0, name, strlen(name)));
	memcpy(ret_id, id, sizeof(id));
}
