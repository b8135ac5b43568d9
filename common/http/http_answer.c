/* http_answer.c - what is told to the client, and how it reaches the library. */
#include "common/http/http_priv.h"

#include "common/base/json.h"

#include <stdio.h>
#include <stdlib.h>

void http_answer_header(struct http_answer *a, const char *name, const char *fmt, ...)
{
	if (a->nheaders == HTTP_HEADERS_MAX)
		return;
	va_list args;
	va_start(args, fmt);
	vsnprintf(a->headers[a->nheaders].value, HTTP_VALUE_MAX, fmt, args);
	va_end(args);
	a->headers[a->nheaders++].name = name;
}

void http_answer_text(struct http_answer *a, int status, const char *text)
{
	a->status = status;
	a->content_type = "text/plain; charset=utf-8";
	buf_puts(&a->body, text);
	buf_putc(&a->body, '\n');
}

void http_answer_clear(struct http_answer *a)
{
	buf_free(&a->body);
	*a = (struct http_answer){0};
}

void http_answer_kind(struct http_answer *a, int status, const struct err_kind *kind)
{
	http_answer_clear(a);
	a->status = status;
	buf_lit(&a->body, "{\"error\":{\"code\":");
	json_put_string(&a->body, kind->code, strlen(kind->code));
	buf_lit(&a->body, ",\"message\":");
	json_put_string(&a->body, kind->meaning, strlen(kind->meaning));
	buf_lit(&a->body, ",\"remedy\":");
	json_put_string(&a->body, kind->remedy, strlen(kind->remedy));
	buf_lit(&a->body, "}}\n");
}

/* Text of one line only: a header with a line's end in it would begin another. */
static bool header_safe(const char *value)
{
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

static void add_headers(struct MHD_Response *response, const struct http_request *r)
{
	const struct http_answer *a = &r->answer;
	const char *type = a->content_type ? a->content_type : "application/json";
	if (a->body.len || a->content_type)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	for (size_t i = 0; i < a->nheaders; i++)
		if (header_safe(a->headers[i].value))
			MHD_add_response_header(response, a->headers[i].name, a->headers[i].value);
	if (http_closing(r->http))
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

enum MHD_Result http_send(struct http_request *r)
{
	struct http_answer *a = &r->answer;
	if (a->body.failed) {
		buf_free(&a->body);
		a->nheaders = 0;
		a->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
	unsigned status = a->status ? (unsigned)a->status : MHD_HTTP_OK;
	struct MHD_Response *response =
		MHD_create_response_from_buffer(a->body.len, a->body.data, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		http_answer_clear(a);
		return MHD_NO;
	}
	add_headers(response, r);
	*a = (struct http_answer){0}; /* the body is the response's now */
	http_phase_set(r, HTTP_ANSWERING);
	r->step = HTTP_SENT;
	enum MHD_Result result = MHD_queue_response(r->mhd, status, response);
	MHD_destroy_response(response);
	return result;
}
