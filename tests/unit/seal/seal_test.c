/* seal_test.c - sealing and opening: vectors, what it is bound to, damage, several keys. */
#include "common/contract/errors.h"
#include "common/os/file.h"
#include "common/seal/seal_priv.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEY_1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_2 "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define CANARY "canary-In-The-Mine"

static const struct secret_use password = {.uid = "uid-1",
					   .field = "source.password",
					   .host = "db1:3306",
					   .user = "repl"};

static struct seal_ring *ring_of(const char *text)
{
	struct seal_ring *ring;
	struct err err = {0};
	if (seal_ring_parse("ring", text, strlen(text), &ring, &err) != 0)
		fail_msg("%s", err.text);
	return ring;
}

static char *seal(const struct seal_ring *ring, const char *text)
{
	char *sealed;
	struct err err = {0};
	if (seal_secret(ring, "cluster-1", &password, text, strlen(text), &sealed, &err) != 0)
		fail_msg("%s", err.text);
	return sealed;
}

/* Opens it and compares, or wants `rc` and no secret in the error. */
static void try_open(const struct seal_ring *ring, const char *cluster,
		     const struct secret_use *use, const char *sealed, int rc, struct err *err)
{
	char *text = NULL;
	size_t len = 77;
	*err = (struct err){0};
	assert_int_equal(seal_open(ring, cluster, use, sealed, &text, &len, err), rc);
	if (rc == 0) {
		assert_int_equal(len, strlen(CANARY));
		assert_string_equal(text, CANARY);
		file_free_wiped(text, len);
		return;
	}
	assert_null(text);
	assert_int_equal(len, 77);
	assert_ptr_equal(err->kind, ERR_SECRET_SEALED);
	assert_string_equal(err->where, use->field);
	assert_non_null(strstr(err->text, use->field));
	assert_null(strstr(err->text, "canary"));
	assert_null(strstr(err->text, strrchr(sealed, ':') + 1));
}

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;
	for (size_t i = 0; i < n; i++) {
		unsigned byte;
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return n;
}

/* Test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)". */
static void test_gcm_vector(void **state)
{
	(void)state;
	uint8_t key[32], nonce[12], data[64], text[64], want[128], out[128], back[64];
	struct buf aad;
	buf_init(&aad);
	unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key);
	size_t n = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", data);
	buf_put(&aad, data, n);
	unhex("cafebabefacedbaddecaf888", nonce);
	size_t len = unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			   "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
			   text);
	unhex("cafebabefacedbaddecaf888", want);
	unhex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
	      "76fc6ece0f4e1768cddf8853bb2d551b",
	      want + 12);
	assert_int_equal(seal_gcm_encrypt(key, nonce, &aad, text, len, out), 0);
	assert_memory_equal(out, want, 12 + len + 16);
	assert_int_equal(seal_gcm_decrypt(key, &aad, out, 12 + len + 16, back), 0);
	assert_memory_equal(back, text, len);
	/* One bit of the tag: nothing of the text is left. */
	out[12 + len + 15] ^= 1;
	memset(back, 0x55, sizeof(back));
	assert_int_equal(seal_gcm_decrypt(key, &aad, out, 12 + len + 16, back), -EBADMSG);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(back[i], 0);
	assert_int_equal(seal_gcm_decrypt(key, &aad, out, 27, back), -EBADMSG);
	buf_free(&aad);
}

/* Sealed by another implementation (Python's cryptography): pins the form for good. */
static void test_form_vector(void **state)
{
	(void)state;
	struct seal_ring *ring = ring_of("k1 " KEY_1 "\n");
	struct err err = {0};
	char *text;
	size_t len;
	assert_int_equal(
		seal_open(ring, "cluster-1", &password,
			  "sealed:v1:k1:ZGVmZ2hpamtsbW5vK3qwBwuQ8IC2eLOFY9kwQ8/pP2NByQ==", &text,
			  &len, &err),
		0);
	assert_int_equal(len, 6);
	assert_string_equal(text, "canary");
	file_free_wiped(text, len);
	seal_ring_free(ring);
}

static void test_round_trip(void **state)
{
	(void)state;
	struct seal_ring *ring = ring_of("k1 " KEY_1 "\n");
	struct err err;
	char *a = seal(ring, CANARY), *b = seal(ring, CANARY);
	assert_memory_equal(a, "sealed:v1:k1:", 13);
	assert_true(secret_is_sealed(a));
	assert_string_not_equal(a, b); /* the nonce is new each time */
	try_open(ring, "cluster-1", &password, a, 0, &err);
	try_open(ring, "cluster-1", &password, b, 0, &err);
	free(a);
	free(b);
	/* The smallest and the largest. */
	char *big = malloc(SECRET_MAX + 1), *text;
	size_t len;
	memset(big, 'x', SECRET_MAX);
	for (size_t n = 0; n <= SECRET_MAX; n += SECRET_MAX) {
		char *sealed;
		assert_int_equal(seal_secret(ring, "c", &password, big, n, &sealed, &err), 0);
		assert_true(strlen(sealed) <= SECRET_SEALED_MAX);
		assert_int_equal(seal_open(ring, "c", &password, sealed, &text, &len, &err), 0);
		assert_int_equal(len, n);
		assert_memory_equal(text, big, n);
		assert_int_equal(text[n], 0);
		file_free_wiped(text, len);
		free(sealed);
	}
	text = NULL;
	assert_int_equal(seal_secret(ring, "c", &password, big, SECRET_MAX + 1, &text, &err),
			 -EFBIG);
	assert_null(text);
	free(big);
	seal_ring_free(ring);
}

/* Each part of what it is for, changed alone, and bytes moved from one to the next. */
static void test_bound(void **state)
{
	(void)state;
	struct seal_ring *ring = ring_of("k1 " KEY_1 "\n");
	struct err err;
	char *sealed = seal(ring, CANARY);
	const struct {
		const char *cluster;
		struct secret_use use;
	} others[] = {
		{"cluster-2", password},
		{"", password},
		{"cluster-1", {"uid-2", "source.password", "db1:3306", "repl", false}},
		{"cluster-1", {"uid-1", "source.tls.key", "db1:3306", "repl", false}},
		{"cluster-1", {"uid-1", "source.password", "db2:3306", "repl", false}},
		{"cluster-1", {"uid-1", "source.password", "db1:3306", "root", false}},
		{"cluster-1", {"uid-1", "source.password", "db1:3306", "", false}},
		{"cluster-1", {"uid-1", "source.password", NULL, "repl", false}},
		{"cluster-1", {"uid-1", "source.password", "db1:3306r", "epl", false}},
		{"cluster-1u", {"id-1", "source.password", "db1:3306", "repl", false}},
		{"cluster-1", {"uid-1s", "ource.password", "db1:3306", "repl", false}},
		{"cluster-1", {"uid-1", "source.password", "repl", "db1:3306", false}},
	};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		try_open(ring, others[i].cluster, &others[i].use, sealed, -EBADMSG, &err);
	assert_non_null(strstr(err.text, "'k1'"));
	/* Whether it is PEM is for those who resolve it, and no part of the seal. */
	struct secret_use pem = password;
	pem.pem = true;
	try_open(ring, "cluster-1", &pem, sealed, 0, &err);
	free(sealed);
	seal_ring_free(ring);
}

static void test_unbound_is_refused(void **state)
{
	(void)state;
	struct seal_ring *ring = ring_of("k1 " KEY_1 "\n");
	struct err err;
	char *sealed = NULL;
	struct secret_use no_uid = password, no_field = password;
	no_uid.uid = "";
	no_field.field = NULL;
	assert_int_equal(seal_secret(ring, "", &password, "x", 1, &sealed, &err), -EINVAL);
	assert_int_equal(seal_secret(ring, "c", &no_uid, "x", 1, &sealed, &err), -EINVAL);
	assert_int_equal(seal_secret(ring, "c", &no_field, "x", 1, &sealed, &err), -EINVAL);
	assert_null(sealed);
	seal_ring_free(ring);
}

/* Every character of the text replaced, and every length it can be cut to. */
static void test_damage(void **state)
{
	(void)state;
	struct seal_ring *ring = ring_of("k1 " KEY_1 "\n");
	struct err err;
	char *sealed = seal(ring, CANARY), *text;
	size_t n = strlen(sealed), len;
	for (size_t i = 0; i < n; i++) {
		char kept = sealed[i];
		for (const char *p = "A9/=:. \x80"; *p; p++) {
			if (*p == kept)
				continue;
			sealed[i] = *p;
			if (seal_open(ring, "cluster-1", &password, sealed, &text, &len, &err) == 0)
				fail_msg("'%c' at %zu is not noticed", *p, i);
			assert_ptr_equal(err.kind, ERR_SECRET_SEALED);
		}
		sealed[i] = 0;
		assert_true(seal_open(ring, "cluster-1", &password, sealed, &text, &len, &err) < 0);
		sealed[i] = kept;
	}
	try_open(ring, "cluster-1", &password, sealed, 0, &err);
	free(sealed);
	seal_ring_free(ring);
}

static void test_not_sealed_texts(void **state)
{
	(void)state;
	struct seal_ring *ring = ring_of("k1 " KEY_1 "\n");
	struct err err;
	static const char *const bad[] = {
		"sealed:", "sealed:v1", "sealed:v1:", "sealed:v1:k1", "sealed:v1:k1:",
		"sealed:v1::QUJD", "sealed:v1:k1:QUJD", "sealed:v1:k 1:QUJD", "sealed:w1:k1:QUJD",
		"sealed:v:k1:QUJD", "hunter2:",
		/* 28 bytes with bits left over behind the last, then without its padding */
		"sealed:v1:k1:ZGVmZ2hpamtsbW5vK3qwBwuQ8IC2eLOFY9kwQ8/pP2NByR==",
		"sealed:v1:k1:ZGVmZ2hpamtsbW5vK3qwBwuQ8IC2eLOFY9kwQ8/pP2NByQ",
		"sealed:v1:k1:ZGVmZ2hpamtsbW5vK3qwBwuQ8IC2eLOFY9kwQ8/pP2NByQ==\n",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *text = NULL;
		size_t len;
		err = (struct err){0};
		if (seal_open(ring, "cluster-1", &password, bad[i], &text, &len, &err) != -EINVAL)
			fail_msg("%s", bad[i]);
		assert_non_null(strstr(err.text, "not a sealed secret"));
		assert_false(seal_is_old(ring, bad[i]));
	}
	try_open(ring, "cluster-1", &password, "sealed:v2:k1:QUJD", -ENOTSUP, &err);
	seal_ring_free(ring);
}

static void test_two_keys(void **state)
{
	(void)state;
	struct seal_ring *old = ring_of("k1 " KEY_1 "\n");
	struct seal_ring *both = ring_of("k1 " KEY_1 "\nk2 " KEY_2 "\n");
	struct seal_ring *new = ring_of("k2 " KEY_2 "\n");
	struct seal_ring *wrong = ring_of("k1 " KEY_2 "\n");
	struct err err;
	char *by_1 = seal(old, CANARY), *by_2 = seal(both, CANARY);
	assert_memory_equal(by_2, "sealed:v1:k2:", 13);
	try_open(both, "cluster-1", &password, by_1, 0, &err);
	try_open(both, "cluster-1", &password, by_2, 0, &err);
	try_open(new, "cluster-1", &password, by_2, 0, &err);
	try_open(new, "cluster-1", &password, by_1, -ENOKEY, &err);
	assert_non_null(strstr(err.text, "'k1'"));
	try_open(wrong, "cluster-1", &password, by_1, -EBADMSG, &err);
	assert_false(seal_is_old(old, by_1));
	assert_true(seal_is_old(both, by_1));
	assert_false(seal_is_old(both, by_2));
	assert_true(seal_is_old(new, by_1));
	/* The ID is part of what is sealed: another name for the same key does not open it. */
	struct seal_ring *renamed = ring_of("k3 " KEY_1 "\n");
	by_1[11] = '3';
	try_open(renamed, "cluster-1", &password, by_1, -EBADMSG, &err);
	free(by_1);
	free(by_2);
	seal_ring_free(old);
	seal_ring_free(both);
	seal_ring_free(new);
	seal_ring_free(wrong);
	seal_ring_free(renamed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gcm_vector),
		cmocka_unit_test(test_form_vector),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_unbound_is_refused),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_not_sealed_texts),
		cmocka_unit_test(test_two_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
