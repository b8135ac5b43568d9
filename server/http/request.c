/* request.c - see request.h. Pure. */
#include "server/http/request.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * Whether the bytes are UTF-8: shortest forms, no surrogates, nothing over U+10FFFF
 * (Unicode 15, table 3-7). Control characters are none of ours.
 */
static bool utf8_text(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	while (p < end) {
		if (*p < 0x80) {
			if (*p < 0x20 || *p == 0x7f)
				return false;
			p++;
			continue;
		}
		int more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
		unsigned char low = 0x80, high = 0xbf;
		if (*p < 0xc2 || *p > 0xf4 || end - p <= more)
			return false;
		if (*p == 0xe0)
			low = 0xa0;
		else if (*p == 0xed)
			high = 0x9f;
		else if (*p == 0xf0)
			low = 0x90;
		else if (*p == 0xf4)
			high = 0x8f;
		if (p[1] < low || p[1] > high)
			return false;
		for (int i = 2; i <= more; i++)
			if (p[i] < 0x80 || p[i] > 0xbf)
				return false;
		p += 1 + more;
	}
	return true;
}

/* Escapes decoded into out with a zero byte. NULL, or what is wrong. */
static const char *decode(const char *text, size_t len, bool plus, char *out, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (c == '%') {
			if (len - i < 3 || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0)
				return "an escape is not % and two hexadecimal digits";
			c = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (n + 1 >= size)
			return "it is too long";
		out[n++] = c;
	}
	out[n] = 0;
	return utf8_text(out, n) ? NULL : "it has a control character or bytes that are not UTF-8";
}

static const char *segment_fault(const char *segment)
{
	if (!segment[0])
		return "it is empty";
	if (strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0)
		return "it would walk the path up";
	if (strpbrk(segment, "/\\"))
		return "it has a slash in it";
	return NULL;
}

int request_path_parse(const char *text, struct request_path *ret, struct err *err)
{
	ret->n = 0;
	if (*text != '/')
		return err_set(err, -EINVAL, ERR_NAME_INVALID, "the path does not begin with '/'");
	for (const char *p = text + 1; *p;) {
		size_t len = strcspn(p, "/");
		if (ret->n == REQUEST_SEGMENTS_MAX)
			return err_set(err, -EINVAL, ERR_NAME_INVALID,
				       "the path has more than %d parts", REQUEST_SEGMENTS_MAX);
		const char *fault = decode(p, len, false, ret->v[ret->n], sizeof(ret->v[0]));
		if (!fault)
			fault = segment_fault(ret->v[ret->n]);
		if (fault)
			return err_set(err, -EINVAL, ERR_NAME_INVALID, "part %zu of the path: %s",
				       ret->n + 1, fault);
		ret->n++;
		p += len;
		if (*p == '/')
			p++;
	}
	return 0;
}

/* Whether a comma separated list has the word. */
static bool listed(const char *list, const char *word)
{
	size_t len = strlen(word);
	for (const char *p = list; p && *p;) {
		size_t n = strcspn(p, ",");
		if (n == len && memcmp(p, word, n) == 0)
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

static int parse_parameter(const char *text, size_t len, const char *allowed,
			   struct request_query *q, struct err *err)
{
	const char *equals = memchr(text, '=', len);
	size_t n = equals ? (size_t)(equals - text) : len;
	char *name = q->v[q->n].name, *value = q->v[q->n].value;
	if (decode(text, n, true, name, sizeof(q->v[0].name)))
		return err_set(err, -EINVAL, ERR_API_QUERY,
			       "the name of parameter %zu cannot be read", q->n + 1);
	const char *fault = decode(equals ? equals + 1 : "", equals ? len - n - 1 : 0, true, value,
				   sizeof(q->v[0].value));
	if (!listed(allowed, name))
		return err_set_at(err, -EINVAL, ERR_API_QUERY, name,
				  "there is no parameter '%s' here%s%s", name,
				  allowed && allowed[0] ? ", only " : "", allowed ? allowed : "");
	if (!fault && request_query_get(q, name))
		fault = "it is given twice";
	if (fault)
		return err_set_at(err, -EINVAL, ERR_API_QUERY, name, "parameter '%s': %s", name,
				  fault);
	q->n++;
	return 0;
}

int request_query_parse(const char *text, const char *allowed, struct request_query *ret,
			struct err *err)
{
	ret->n = 0;
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "&");
		if (ret->n == REQUEST_PARAMETERS_MAX)
			return err_set(err, -EINVAL, ERR_API_QUERY, "more than %d parameters",
				       REQUEST_PARAMETERS_MAX);
		int rc = len ? parse_parameter(p, len, allowed, ret, err) : 0;
		if (rc < 0)
			return rc;
		p += len + (p[len] == '&');
	}
	return 0;
}

const char *request_query_get(const struct request_query *q, const char *name)
{
	for (size_t i = 0; i < q->n; i++)
		if (strcmp(q->v[i].name, name) == 0)
			return q->v[i].value;
	return NULL;
}

int request_number(const char *text, uint64_t *ret)
{
	uint64_t v = 0;
	size_t len = strlen(text);
	if (len == 0 || len > 19 || strspn(text, "0123456789") != len)
		return -EINVAL;
	for (const char *p = text; *p; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	if (v > INT64_MAX)
		return -EINVAL;
	*ret = v;
	return 0;
}

int request_query_number(const struct request_query *q, const char *name, uint64_t min,
			 uint64_t max, uint64_t fallback, uint64_t *ret, struct err *err)
{
	const char *text = request_query_get(q, name);
	uint64_t v = fallback;
	if (text && (request_number(text, &v) < 0 || v < min || v > max))
		return err_set_at(err, -EINVAL, ERR_API_QUERY, name,
				  "parameter '%s' must be a number from %llu to %llu", name,
				  (unsigned long long)min, (unsigned long long)max);
	*ret = v;
	return 0;
}

int request_query_flag(const struct request_query *q, const char *name, bool *ret, struct err *err)
{
	const char *text = request_query_get(q, name);
	if (!text || strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
		*ret = false;
	else if (!text[0] || strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
		*ret = true;
	else
		return err_set_at(err, -EINVAL, ERR_API_QUERY, name,
				  "parameter '%s' must be true or false", name);
	return 0;
}

int request_if_match(const char *header, uint64_t *ret_revision, struct err *err)
{
	char text[32];
	if (!header)
		return err_set(err, -ENOENT, ERR_REVISION_MISSING,
			       "the header If-Match is missing: the revision that was read");
	const char *p = header + strspn(header, " \t");
	size_t len = strlen(p);
	while (len && strchr(" \t", p[len - 1]))
		len--;
	if (len == 1 && *p == '*') {
		*ret_revision = REQUEST_ANY_REVISION;
		return 0;
	}
	if (len > 2 && strncmp(p, "W/", 2) == 0) {
		p += 2;
		len -= 2;
	}
	if (len >= 2 && p[0] == '"' && p[len - 1] == '"') {
		p++;
		len -= 2;
	}
	if (len < sizeof(text)) {
		memcpy(text, p, len);
		text[len] = 0;
		if (request_number(text, ret_revision) == 0)
			return 0;
	}
	return err_set(err, -EINVAL, ERR_API_QUERY, "If-Match must be one revision, as \"7\"");
}

const char *request_bearer(const char *header)
{
	static const char scheme[] = "Bearer";
	if (!header || strncasecmp(header, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	const char *token = header + sizeof(scheme) - 1;
	if (*token != ' ')
		return NULL;
	token += strspn(token, " ");
	return *token && !strpbrk(token, " \t,") ? token : NULL;
}

bool request_is_json(const char *content_type)
{
	static const char json[] = "application/json";
	size_t len = sizeof(json) - 1;
	if (!content_type || !content_type[0])
		return true;
	if (strncasecmp(content_type, json, len) != 0)
		return false;
	content_type += len;
	content_type += strspn(content_type, " \t");
	return !*content_type || *content_type == ';';
}
