/* client.c - see client.h. */
#include "server/cli/client.h"

#include "common/contract/errors.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { CONNECT_TIMEOUT_MS = 5000, HEADERS_MAX = 64 * 1024 };

struct client {
	CURL *curl;
	const struct settings *settings;
	char reason[CURL_ERROR_SIZE];
	/* Of the request under way. */
	struct client_answer *answer;
	size_t header_bytes;
	bool too_large;
};

int client_open(const struct settings *settings, struct client **ret, struct err *err)
{
	struct client *c = calloc(1, sizeof(*c));
	if (!c || curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(c->curl = curl_easy_init())) {
		free(c);
		return err_set(err, -ENOMEM, ERR_INTERNAL, "the HTTP library does not start");
	}
	c->settings = settings;
	*ret = c;
	return 0;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	curl_global_cleanup();
	free(c);
}

static size_t take_body(char *data, size_t size, size_t n, void *ctx)
{
	struct client *c = ctx;
	size_t len = size * n;
	if (len > CLIENT_ANSWER_MAX - c->answer->body.len) {
		c->too_large = true;
		return CURL_WRITEFUNC_ERROR;
	}
	buf_put(&c->answer->body, data, len);
	return c->answer->body.failed ? CURL_WRITEFUNC_ERROR : len;
}

/* A header's value without blanks at its ends, cut to what `out` holds. */
static void keep(const char *value, size_t len, char *out, size_t size)
{
	while (len && (*value == ' ' || *value == '\t')) {
		value++;
		len--;
	}
	while (len && strchr(" \t\r\n", value[len - 1]))
		len--;
	snprintf(out, size, "%.*s", (int)(len < size ? len : size - 1), value);
}

static size_t take_header(char *data, size_t size, size_t n, void *ctx)
{
	struct client *c = ctx;
	struct client_answer *a = c->answer;
	size_t len = size * n;
	c->header_bytes += len;
	if (c->header_bytes > HEADERS_MAX) {
		c->too_large = true;
		return CURL_WRITEFUNC_ERROR;
	}
	char value[CLIENT_ETAG_MAX + 2];
	if (len > 5 && strncasecmp(data, "etag:", 5) == 0) {
		keep(data + 5, len - 5, value, sizeof(value));
		size_t end = strlen(value);
		bool quoted = end > 1 && value[0] == '"' && value[end - 1] == '"';
		snprintf(a->etag, sizeof(a->etag), "%.*s", (int)(quoted ? end - 2 : end),
			 value + (quoted ? 1 : 0));
	} else if (len > 13 && strncasecmp(data, "content-type:", 13) == 0) {
		keep(data + 13, len - 13, a->type, sizeof(a->type));
		a->type[strcspn(a->type, "; ")] = 0;
	} else if (len > 12 && strncasecmp(data, "retry-after:", 12) == 0) {
		keep(data + 12, len - 12, value, sizeof(value));
		a->retry_after = strtol(value, NULL, 10);
	}
	return len;
}

static bool add_header(struct curl_slist **list, const char *text)
{
	struct curl_slist *more = curl_slist_append(*list, text);
	if (more)
		*list = more;
	return more != NULL;
}

static bool make_headers(const struct client *c, const struct client_request *r,
			 struct curl_slist **list)
{
	struct buf line;
	buf_init(&line);
	bool ok = add_header(list, "Accept: application/json") && add_header(list, "Expect:");
	if (c->settings->token[0]) {
		buf_printf(&line, "Authorization: Bearer %s", c->settings->token);
		ok = ok && add_header(list, buf_cstr(&line));
		explicit_bzero(line.data, line.len);
		buf_clear(&line);
	}
	if (r->body)
		ok = ok && add_header(list, "Content-Type: application/json");
	if (r->if_match) {
		buf_printf(&line, "If-Match: \"%s\"", r->if_match);
		ok = ok && add_header(list, buf_cstr(&line));
	}
	ok = ok && !line.failed;
	buf_free(&line);
	return ok;
}

static void forget_headers(struct curl_slist *list)
{
	for (struct curl_slist *l = list; l; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(list);
}

static void set_options(struct client *c, const struct client_request *r, const char *url,
			struct curl_slist *headers)
{
	CURL *h = c->curl;
	/* The connection is kept; every option of the last request is not. */
	curl_easy_reset(h);
	curl_easy_setopt(h, CURLOPT_URL, url);
	curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, r->method);
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
	if (r->body) {
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, r->body);
		curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
	} else if (strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0) {
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, 0L);
	}
	usec_t timeout = c->settings->request_timeout ? c->settings->request_timeout : r->timeout;
	curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)(timeout / USEC_PER_MSEC));
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(h, CURLOPT_PROXY, "");
	curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (c->settings->ca[0])
		curl_easy_setopt(h, CURLOPT_CAINFO, c->settings->ca);
	curl_easy_setopt(h, CURLOPT_USERAGENT, "mrctl/" MR_VERSION);
	curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->reason);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(h, CURLOPT_HEADERDATA, c);
}

/* What a failed transfer means to a person. */
static int explain(const struct client *c, CURLcode code, struct err *err)
{
	const char *server = c->settings->server;
	const char *reason = c->reason[0] ? c->reason : curl_easy_strerror(code);
	switch (code) {
	case CURLE_OUT_OF_MEMORY:
		/* Also of a header line that is too long. */
		return err_set(err, -EPROTO, ERR_SERVER_ANSWER,
			       "the answer of %s has headers without an end, or there is no memory",
			       server);
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(err, -EINVAL, ERR_CONFIG_INVALID, "the authorities' file %s: %s",
			       c->settings->ca, reason);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_ISSUER_ERROR:
		return err_set(err, -EPROTO, ERR_SERVER_UNREACHABLE,
			       "no safe connection to %s: %s (--ca names the authorities)", server,
			       reason);
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_RECV_ERROR:
		return err_set(err, -EPROTO, ERR_SERVER_ANSWER, "the answer of %s broke off: %s",
			       server, reason);
	case CURLE_WRITE_ERROR:
		return err_set(err, -EPROTO, ERR_SERVER_ANSWER, "the answer of %s is %s", server,
			       c->too_large ? "larger than it may be" : "not kept: no memory");
	default:
		return err_set(err, -EIO, ERR_SERVER_UNREACHABLE, "%s: %s", server, reason);
	}
}

int client_call(struct client *c, const struct client_request *request, struct client_answer *ret,
		struct err *err)
{
	struct client_answer answer = {.retry_after = -1};
	struct curl_slist *headers = NULL;
	struct buf url;
	buf_init(&url);
	buf_init(&answer.body);
	buf_printf(&url, "%s/api/v1%s", c->settings->server, request->path);
	bool ok = make_headers(c, request, &headers) && !url.failed;
	int rc = ok ? 0 : err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the request");
	if (rc == 0) {
		c->answer = &answer;
		c->header_bytes = 0;
		c->too_large = false;
		c->reason[0] = 0;
		set_options(c, request, buf_cstr(&url), headers);
		CURLcode code = curl_easy_perform(c->curl);
		curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &answer.status);
		c->answer = NULL;
		if (code != CURLE_OK)
			rc = explain(c, code, err);
	}
	forget_headers(headers);
	buf_free(&url);
	if (rc < 0)
		client_answer_clear(&answer);
	else
		*ret = answer;
	return rc;
}

void client_answer_clear(struct client_answer *a)
{
	/* An answer to `token create` is a secret. */
	if (a->body.data)
		explicit_bzero(a->body.data, a->body.len);
	buf_free(&a->body);
}

void client_put_value(struct buf *path, const char *value)
{
	for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || strchr("-_.~", *p);
		buf_printf(path, plain ? "%c" : "%%%02X", *p);
	}
}

void client_put_name(struct buf *path, const char *name)
{
	buf_putc(path, '/');
	client_put_value(path, name);
}
