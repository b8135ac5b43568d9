/*
 * http_head.c - whether a request's head can be read in one way only. Library's thread.
 *
 * A proxy before us and the library must agree where a request ends, or what one of them
 * takes for a body is a request to the other (RFC 9112 sections 6.1, 6.3 and 11.2). The
 * library takes the first of two lengths, prefers Transfer-Encoding to a length, and cuts
 * strings at a NUL: such heads are refused here, and their connection is closed.
 */
#include "common/http/http_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct head {
	unsigned lengths, encodings, hosts, authorizations;
	bool has_body, wrong;
};

/* tchar of RFC 9110 section 5.6.2: no blank, no control, no delimiter. */
static bool name_valid(const char *name, size_t len)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (c && strchr(others, c))))
			return false;
	}
	return len > 0;
}

static bool length_valid(const char *value)
{
	size_t digits = strspn(value, "0123456789");
	return digits > 0 && digits < 19 && !value[digits];
}

static enum MHD_Result look_at(void *ctx, enum MHD_ValueKind kind, const char *name,
			       size_t name_len, const char *value, size_t value_len)
{
	struct head *head = ctx;
	(void)kind;
	if (!value)
		value = "";
	head->wrong |= !name_valid(name, name_len) || strlen(value) != value_len;
	if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
		head->lengths++;
		head->wrong |= !length_valid(value);
		head->has_body |= strtoull(value, NULL, 10) > 0;
	} else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
		head->encodings++;
		head->wrong |= strcasecmp(value, "chunked") != 0;
		head->has_body = true;
	} else if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0) {
		head->hosts++;
	} else if (strcasecmp(name, MHD_HTTP_HEADER_AUTHORIZATION) == 0) {
		head->authorizations++;
	}
	return MHD_YES;
}

bool http_head_valid(const struct http_request *r, const char *version, bool *ret_has_body)
{
	struct head head = {0};
	bool current = version && strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
	if (!current && (!version || strcmp(version, MHD_HTTP_VERSION_1_0) != 0))
		return false;
	/* One blank between target and version, in one buffer; a NUL would end the target early. */
	if (version != r->target_end + 1)
		return false;
	MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, look_at, &head);
	if (head.wrong || head.lengths + head.encodings > 1 || head.authorizations > 1)
		return false;
	/* RFC 9112 section 3.2; a client of 1.0 knows neither Host nor chunks. */
	if (current ? head.hosts != 1 : head.hosts > 1 || head.encodings)
		return false;
	*ret_has_body = head.has_body;
	return true;
}
