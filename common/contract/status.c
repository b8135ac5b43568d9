/* status.c - see status.h. Pure. */
#include "common/contract/status.h"

#include "common/contract/errors.h"
#include "common/contract/members.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define AT(name) #name, .offset = offsetof(struct status_doc, name)
#define FAILURE(name) #name, .offset = offsetof(struct status_failure, name)

/* clang-format off */
static const struct member list[] = {
	{AT(state), .type = MEMBER_CHOICE, .choices = report_states},
	{AT(previous), .type = MEMBER_CHOICE, .choices = report_states},
	{AT(since_ms), .type = MEMBER_U64},
	{AT(instance), .type = MEMBER_TEXT, .max = REPORT_NODE_MAX},
	{AT(run), .type = MEMBER_TEXT, .max = 128},
	{AT(revision), .type = MEMBER_U64},
	{AT(restart), .type = MEMBER_U64, .optional = true},
	{AT(reset), .type = MEMBER_U64, .optional = true},
	{AT(positioned), .type = MEMBER_TEXT, .max = 64, .optional = true},
	{AT(error_ms), .type = MEMBER_U64},
	{AT(error), .type = MEMBER_ERROR},
};
static const struct member failure_list[] = {
	{FAILURE(position), .type = MEMBER_POSITION},
	{FAILURE(code), .type = MEMBER_TEXT, .max = REPORT_CODE_MAX},
	{FAILURE(instance), .type = MEMBER_TEXT, .max = REPORT_NODE_MAX},
	{FAILURE(count), .type = MEMBER_U64},
	{FAILURE(first_ms), .type = MEMBER_U64},
	{FAILURE(last_ms), .type = MEMBER_U64},
};
/* clang-format on */
static const struct members members = {"status document", list, sizeof(list) / sizeof(list[0]),
				       false};
static const struct members failure_members = {
	"status document", failure_list, sizeof(failure_list) / sizeof(failure_list[0]), false};

int status_doc_init(struct status_doc *d)
{
	*d = (struct status_doc){.state = REPORT_STOPPED, .previous = REPORT_STOPPED};
	return members_init(d, &members);
}

void status_doc_forgive(struct status_doc *d)
{
	for (size_t i = 0; i < d->nfailures; i++)
		members_clear(&d->failures[i], &failure_members);
	free(d->failures);
	d->failures = NULL;
	d->nfailures = 0;
}

void status_doc_clear(struct status_doc *d)
{
	members_clear(d, &members);
	status_doc_forgive(d);
}

static int read_failures(struct status_doc *d, json_t *value, struct err *err)
{
	char path[48];
	if (!json_is_array(value))
		return members_fault(&members, "failures", err, "must be a list");
	size_t n = json_array_size(value);
	if (n > STATUS_FAILURES_MAX)
		return members_fault(&members, "failures", err, "has more than %d entries",
				     STATUS_FAILURES_MAX);
	if (n == 0)
		return 0;
	d->failures = calloc(n, sizeof(*d->failures));
	if (!d->failures)
		return members_no_memory(&members, err);
	for (size_t i = 0; i < n; i++) {
		json_t *entry = json_array_get(value, i);
		snprintf(path, sizeof(path), "failures[%zu]", i);
		if (!json_is_object(entry))
			return members_fault(&members, path, err, "must be an object");
		if (members_init(&d->failures[i], &failure_members) < 0)
			return members_no_memory(&members, err);
		/* Counted first: a half-read entry is freed with the rest. */
		d->nfailures++;
		snprintf(path, sizeof(path), "failures[%zu].", i);
		int rc = members_read(&d->failures[i], &failure_members, NULL, path, entry, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_document(struct status_doc *d, json_t *tree, struct err *err)
{
	const json_t *version = json_object_get(tree, "version");
	if (!json_is_integer(version) || json_integer_value(version) != STATUS_VERSION)
		return members_fault(&members, "version", err, "must be %d", STATUS_VERSION);
	int rc = members_read(d, &members, NULL, "", tree, err);
	if (rc < 0)
		return rc;
	json_t *failures = json_object_get(tree, "failures");
	return failures ? read_failures(d, failures, err)
			: members_fault(&members, "failures", err, "is missing");
}

int status_doc_parse(const char *text, size_t len, struct status_doc *ret, struct err *err)
{
	struct status_doc d;
	json_t *tree = document_parse(text, len, STATUS_DOCUMENT_MAX, "the status document",
				      ERR_DOCUMENT_INVALID, err);
	if (!tree)
		return -EINVAL;
	int rc = status_doc_init(&d) < 0 ? members_no_memory(&members, err) : 0;
	if (rc == 0) {
		rc = read_document(&d, tree, err);
		if (rc < 0)
			status_doc_clear(&d);
		else
			*ret = d;
	}
	json_decref(tree);
	return rc;
}

void status_doc_print(const struct status_doc *d, struct buf *out)
{
	buf_printf(out, "{\"version\":%d,", STATUS_VERSION);
	members_print(d, &members, out);
	buf_lit(out, ",\"failures\":[");
	for (size_t i = 0; i < d->nfailures; i++) {
		buf_puts(out, i ? ",{" : "{");
		members_print(&d->failures[i], &failure_members, out);
		buf_putc(out, '}');
	}
	buf_lit(out, "]}");
}

/*
 * The position as it is kept: a long GTID set is summarised when it is printed, so one that
 * is compared with what was read back must be as well. `space` holds it; false: no memory.
 */
static bool as_kept(const struct report_position *p, struct buf *space, struct report_position *ret)
{
	buf_init(space);
	*ret = *p;
	if (strlen(p->gtid) <= REPORT_GTID_MAX)
		return true;
	report_put_gtid(space, p->gtid);
	if (space->failed)
		return false;
	space->data[space->len - 1] = 0; /* in place of the second quotation mark */
	ret->gtid = (char *)space->data + 1;
	return true;
}

static bool same_place(const struct report_position *a, const struct report_position *b)
{
	if (a->gtid[0] && b->gtid[0])
		return strcmp(a->gtid, b->gtid) == 0;
	return a->pos == b->pos && strcmp(a->file, b->file) == 0;
}

static struct status_failure *find(const struct status_doc *d, const struct report_position *p)
{
	for (size_t i = 0; i < d->nfailures; i++)
		if (same_place(&d->failures[i].position, p))
			return &d->failures[i];
	return NULL;
}

uint64_t status_doc_count_of(const struct status_doc *d, const struct report_position *position)
{
	struct report_position kept;
	struct buf space;
	const struct status_failure *f = as_kept(position, &space, &kept) ? find(d, &kept) : NULL;
	uint64_t times = f ? f->count : 0;
	buf_free(&space);
	return times;
}

/* Takes `f` into the list; when that is full, in place of the one longest ago. */
static int add(struct status_doc *d, const struct status_failure *f)
{
	if (d->nfailures < STATUS_FAILURES_MAX) {
		struct status_failure *more =
			realloc(d->failures, (d->nfailures + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		d->failures = more;
		d->failures[d->nfailures++] = *f;
		return 0;
	}
	struct status_failure *oldest = &d->failures[0];
	for (size_t i = 1; i < d->nfailures; i++)
		if (d->failures[i].last_ms < oldest->last_ms)
			oldest = &d->failures[i];
	members_clear(oldest, &failure_members);
	*oldest = *f;
	return 0;
}

static int count(struct status_doc *d, const struct report_position *position, const char *code,
		 const char *instance, uint64_t now_ms, uint64_t *ret_count)
{
	struct status_failure *known = find(d, position), f = {0};
	if (members_init(&f, &failure_members) < 0)
		return -ENOMEM;
	f.count = known ? known->count + 1 : 1;
	f.first_ms = known ? known->first_ms : now_ms;
	f.last_ms = now_ms;
	int rc = report_position_set(&f.position, position->file, position->pos, position->gtid);
	if (rc == 0)
		rc = report_set(&f.code, code);
	if (rc == 0)
		rc = report_set(&f.instance, instance);
	if (rc == 0 && known) {
		members_clear(known, &failure_members);
		*known = f;
	} else if (rc == 0) {
		rc = add(d, &f);
	}
	if (rc < 0) {
		members_clear(&f, &failure_members);
		return rc;
	}
	*ret_count = f.count;
	return 0;
}

int status_doc_count(struct status_doc *d, const struct report_position *position,
		     const char *code, const char *instance, uint64_t now_ms, uint64_t *ret_count)
{
	struct report_position kept;
	struct buf space;
	int rc = as_kept(position, &space, &kept)
			 ? count(d, &kept, code, instance, now_ms, ret_count)
			 : -ENOMEM;
	buf_free(&space);
	return rc;
}
