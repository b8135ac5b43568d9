/* token_test.c - tokens made, taken apart and compared; their documents. */
#include "common/contract/errors.h"
#include "common/contract/report.h"
#include "server/store/token.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
// clang-format off
#include <cmocka.h>
// clang-format on

/* printf %s "$secret" | sha256sum */
static const char known[] = "mrt_0123456789ab_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
static const char known_hash[] =
	"sha256:ea866a757e4c38babfa8127cbe9a409d3e1f93a00ff1488ff735fcf917afffd0";

static void a_new_token(void **state)
{
	struct token_doc d, again;
	char text[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE], id[TOKEN_ID_LEN + 1];
	unsigned char hash[TOKEN_HASH_SIZE];
	const char *secret;
	struct err err;
	struct buf out;
	(void)state;
	assert_int_equal(token_doc_init(&d), 0);
	assert_int_equal(token_mint(&d, other), 0);
	assert_int_equal(token_mint(&d, text), 0);
	assert_string_not_equal(text, other);
	assert_true(token_split(text, id, &secret));
	assert_string_equal(id, d.id);
	assert_int_equal(strlen(secret), TOKEN_SECRET_LEN);
	assert_true(token_hash_parse(d.hash, hash));
	assert_true(token_matches(hash, secret));
	assert_false(token_matches(hash, secret + 1));
	assert_false(token_matches(hash, ""));
	assert_false(token_matches(hash, strrchr(other, '_') + 1));
	d.role = TOKEN_OPERATOR;
	d.expires_ms = 5;
	assert_int_equal(report_set(&d.name, "ci"), 0);
	buf_init(&out);
	token_doc_print(&d, &out);
	assert_null(strstr(buf_cstr(&out), secret));
	assert_int_equal(token_doc_parse(buf_cstr(&out), out.len, &again, &err), 0);
	assert_string_equal(again.hash, d.hash);
	assert_string_equal(again.name, "ci");
	assert_int_equal(again.role, TOKEN_OPERATOR);
	assert_int_equal(again.expires_ms, 5);
	token_doc_clear(&again);
	token_doc_clear(&d);
	buf_free(&out);
}

static void texts_that_are_none(void **state)
{
	char id[TOKEN_ID_LEN + 1], text[80];
	const char *secret;
	(void)state;
	assert_true(token_split(known, id, &secret));
	for (size_t n = 0; n < strlen(known); n++) {
		memcpy(text, known, n);
		text[n] = 0;
		assert_false(token_split(text, id, &secret));
	}
	snprintf(text, sizeof(text), "%sA", known);
	assert_false(token_split(text, id, &secret));
	snprintf(text, sizeof(text), "%s", known);
	text[5] = 'G'; /* no hexadecimal digit */
	assert_false(token_split(text, id, &secret));
	text[5] = '/';
	assert_false(token_split(text, id, &secret));
	snprintf(text, sizeof(text), "%s", known);
	text[16] = '-';
	assert_false(token_split(text, id, &secret));
}

static void a_known_hash(void **state)
{
	unsigned char hash[TOKEN_HASH_SIZE];
	const char *secret = strrchr(known, '_') + 1;
	(void)state;
	assert_true(token_hash_parse(known_hash, hash));
	assert_true(token_matches(hash, secret));
	assert_false(token_hash_parse("sha256:00", hash));
	assert_false(token_hash_parse(known_hash + 7, hash));
	char upper[80];
	snprintf(upper, sizeof(upper), "%s", known_hash);
	upper[12] = 'A';
	assert_false(token_hash_parse(upper, hash));
}

static void documents_that_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "{", "[]", "{}",
		"{\"version\":2,\"id\":\"0123456789ab\",\"role\":\"viewer\",\"hash\":\"%s\","
		"\"created_ms\":1}",
		"{\"version\":1,\"id\":\"0123456789ab\",\"role\":\"root\",\"hash\":\"%s\",\"created_ms\":1}",
		"{\"version\":1,\"id\":\"../x\",\"role\":\"viewer\",\"hash\":\"%s\",\"created_ms\":1}",
		"{\"version\":1,\"id\":\"0123456789ab\",\"role\":\"viewer\",\"hash\":\"md5:x\",\"created_ms\":1}",
		"{\"version\":1,\"id\":\"0123456789ab\",\"role\":\"viewer\",\"hash\":\"%s\",\"created_ms\":1,"
		"\"only\":\"x\"}",
	};
	struct token_doc d;
	struct err err;
	char text[512];
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *at = strstr(bad[i], "%s");
		snprintf(text, sizeof(text), "%.*s%s%s", at ? (int)(at - bad[i]) : 1000, bad[i],
			 at ? known_hash : "", at ? at + 2 : "");
		if (token_doc_parse(text, strlen(text), &d, &err) != -EINVAL)
			fail_msg("%s was taken", text);
	}
	snprintf(text, sizeof(text),
		 "{\"version\":1,\"id\":\"0123456789ab\",\"role\":\"viewer\",\"hash\":\"%s\","
		 "\"created_ms\":1}",
		 known_hash);
	assert_int_equal(token_doc_parse(text, strlen(text), &d, &err), 0);
	token_doc_clear(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_token),
		cmocka_unit_test(texts_that_are_none),
		cmocka_unit_test(a_known_hash),
		cmocka_unit_test(documents_that_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
