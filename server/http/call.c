/* call.c - answers and bodies. See call.h. */
#include "server/http/call.h"

#include "common/contract/document.h"
#include "common/contract/errors.h"
#include "common/contract/secret.h"
#include "common/contract/task.h"

#include <errno.h>

/* What an error's kind is to a client. What is not here is 500. */
static const struct {
	const struct err_kind *kind;
	int status;
} statuses[] = {
	{&ERR_API_BODY_KIND, 400},	    {&ERR_API_QUERY_KIND, 400},
	{&ERR_NAME_INVALID_KIND, 400},	    {&ERR_API_UNAUTHORIZED_KIND, 401},
	{&ERR_API_FORBIDDEN_KIND, 403},	    {&ERR_API_NOT_FOUND_KIND, 404},
	{&ERR_TASK_UNKNOWN_KIND, 404},	    {&ERR_API_METHOD_KIND, 405},
	{&ERR_TASK_EXISTS_KIND, 409},	    {&ERR_TASK_DELETING_KIND, 409},
	{&ERR_TASK_NO_DOCUMENT_KIND, 409},  {&ERR_TASK_NOT_RUNNING_KIND, 409},
	{&ERR_NO_CORE_KIND, 409},	    {&ERR_ZK_CONFLICT_KIND, 409},
	{&ERR_ZK_GONE_KIND, 409},	    {&ERR_REVISION_STALE_KIND, 412},
	{&ERR_HTTP_TOO_LARGE_KIND, 413},    {&ERR_ZK_OVERSIZE_KIND, 413},
	{&ERR_API_TYPE_KIND, 415},	    {&ERR_TASK_INVALID_KIND, 422},
	{&ERR_SECRET_SEALED_KIND, 422},	    {&ERR_SECRET_NEEDED_KIND, 422},
	{&ERR_SECRET_MISSING_KIND, 422},    {&ERR_PREFLIGHT_FAILED_KIND, 422},
	{&ERR_REVISION_MISSING_KIND, 428},  {&ERR_ZK_UNREACHABLE_KIND, 503},
	{&ERR_ZK_EXPIRED_KIND, 503},	    {&ERR_ZK_UNKNOWN_KIND, 503},
	{&ERR_HTTP_BUSY_KIND, 503},	    {&ERR_PREFLIGHT_TIMEOUT_KIND, 504},
};

int call_status_of(const struct err *err)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].kind == err->kind)
			return statuses[i].status;
	return 500;
}

static void put(json_t *object, const char *name, const char *text)
{
	json_object_set_new(object, name, json_string(text));
}

void call_fail_with(struct call *call, int status, const struct err *err, json_t *extra)
{
	const struct err_kind *kind = err->kind ? err->kind : ERR_INTERNAL;
	json_t *body = extra ? extra : json_object(), *error = json_object();
	put(error, "code", kind->code);
	put(error, "message", err->text[0] ? err->text : kind->meaning);
	/* A place is a field, unless it is one of the body's text. */
	if (err->where[0] && strncmp(err->where, "line ", 5) != 0)
		put(error, "field", err->where);
	else if (err->where[0])
		put(error, "where", err->where);
	put(error, "remedy", kind->remedy);
	json_object_set_new(body, "error", error);
	if (status == 503)
		http_answer_header(call->answer, "Retry-After", "2");
	call_json(call, status, body);
}

void call_fail(struct call *call, const struct err *err)
{
	call_fail_with(call, call_status_of(err), err, NULL);
}

static int write_body(const char *text, size_t len, void *ctx)
{
	struct buf *out = ctx;
	buf_put(out, text, len);
	return out->failed ? -1 : 0;
}

void call_json(struct call *call, int status, json_t *body)
{
	struct buf *out = &call->answer->body;
	buf_clear(out);
	call->answer->status = status;
	if (!body || json_dump_callback(body, write_body, out, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
		out->failed = true; /* the server answers 500 */
	buf_putc(out, '\n');
	json_decref(body);
}

json_t *call_body(struct call *call)
{
	struct err err = {0};
	size_t len;
	const char *text = http_body(call->request, &len);
	secret_guard_json();
	json_t *body = document_parse(text, len, TASK_DOCUMENT_MAX, "the body", ERR_API_BODY, &err);
	if (!body)
		call_fail(call, &err);
	return body;
}

void call_etag(struct call *call, uint64_t revision)
{
	http_answer_header(call->answer, "ETag", "\"%llu\"", (unsigned long long)revision);
}
