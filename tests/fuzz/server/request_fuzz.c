/*
 * request_fuzz.c - what a client writes, from any bytes: a kind, then the text. What is
 * accepted obeys the rules that the tree relies on.
 */
#include "common/contract/errors.h"
#include "server/api/api.h"
#include "server/http/route.h"
#include "server/store/token.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static bool clean(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

static void fuzz_path(const char *text)
{
	struct request_path path;
	struct route_match match;
	struct err err = {0};
	if (request_path_parse(text, &path, &err) < 0) {
		check(err.kind == ERR_NAME_INVALID && err.text[0]);
		return;
	}
	check(path.n <= REQUEST_SEGMENTS_MAX);
	for (size_t i = 0; i < path.n; i++) {
		check(path.v[i][0] && clean(path.v[i]) && !strpbrk(path.v[i], "/\\"));
		check(strcmp(path.v[i], ".") != 0 && strcmp(path.v[i], "..") != 0);
	}
	for (size_t from = 0; from <= path.n && from < 3; from++)
		if (route_find(api_routes, api_nroutes, "GET", &path, from, &match) == 0)
			check(strcmp(match.route->method, "GET") == 0);
}

static void fuzz_query(const char *text)
{
	struct request_query q;
	struct err err = {0};
	uint64_t v;
	if (request_query_parse(text, "limit,after,q", &q, &err) < 0) {
		check(err.kind == ERR_API_QUERY && err.text[0]);
		return;
	}
	for (size_t i = 0; i < q.n; i++) {
		check(clean(q.v[i].value));
		check(request_query_get(&q, q.v[i].name) == q.v[i].value); /* each once */
	}
	if (request_query_number(&q, "limit", 1, 1000, 100, &v, &err) == 0)
		check(v >= 1 && v <= 1000);
}

static void fuzz_headers(const char *text)
{
	uint64_t revision;
	struct err err = {0};
	char id[TOKEN_ID_LEN + 1];
	const char *secret;
	(void)request_is_json(text);
	if (request_if_match(text, &revision, &err) == 0)
		check(revision <= INT64_MAX || revision == REQUEST_ANY_REVISION);
	const char *token = request_bearer(text);
	check(!token || (token[0] && !strchr(token, ' ')));
	if (token && token_split(token, id, &secret))
		check(token_id_valid(id) && strlen(secret) == TOKEN_SECRET_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	char *text = malloc(size);
	check(text != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = 0;
	if (data[0] == 'p')
		fuzz_path(text);
	else if (data[0] == 'q')
		fuzz_query(text);
	else if (data[0] == 'h')
		fuzz_headers(text);
	else {
		struct token_doc d;
		if (token_doc_parse(text, size - 1, &d, NULL) == 0) {
			check(token_id_valid(d.id));
			token_doc_clear(&d);
		}
	}
	free(text);
	return 0;
}
