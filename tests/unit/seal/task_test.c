/* task_test.c - a task document's secrets: sealed, stored, read again, resolved, rotated. */
#include "common/contract/errors.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define RING_1 "k1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define RING_2 RING_1 "k2 ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

#define PEM "-----BEGIN PRIVATE KEY-----\\nQUJD\\n-----END PRIVATE KEY-----\\n"
#define DOCUMENT                                                                                   \
	"{\"name\":\"t\",\"uid\":\"uid-1\",\"source\":{\"host\":\"db1\",\"user\":\"repl\","        \
	"\"password\":\"canary-1\",\"hosts\":[\"db2:3307\"],\"tls\":{\"mode\":\"required\","       \
	"\"cert\":\"file:cert\",\"key\":\"" PEM "\"}},"                                            \
	"\"pipe\":{\"type\":\"kafka\",\"brokers\":\"k1:9092\",\"security\":{\"sasl\":{"            \
	"\"mechanism\":\"PLAIN\",\"user\":\"bus\",\"password\":\"canary-2\"}}}}"

static struct seal_ring *ring_of(const char *text)
{
	struct seal_ring *ring;
	struct err err = {0};
	if (seal_ring_parse("ring", text, strlen(text), &ring, &err) != 0)
		fail_msg("%s", err.text);
	return ring;
}

static struct task *parse(const char *text)
{
	struct task *t;
	struct err err = {0};
	if (task_parse(text, strlen(text), &t, &err) != 0)
		fail_msg("%s at %s", err.text, err.where);
	return t;
}

/* The document as it is stored, with `from` replaced by `to`; from malloc. */
static char *stored(struct task *t, const char *from, const char *to)
{
	struct buf b;
	struct err err = {0};
	char *text;
	buf_init(&b);
	if (task_to_stored_json(t, &b, &err) != 0)
		fail_msg("%s", err.text);
	const char *all = buf_cstr(&b), *at = strstr(all, from);
	assert_non_null(at);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(at - all), all, to, at + strlen(from)) > 0);
	buf_free(&b);
	return text;
}

static int resolve(struct task *t, struct seal_ring *ring, const char *cluster, struct err *err)
{
	struct seal_opener opener = {ring, cluster};
	struct secret_places places = {.open = seal_open_for, .open_ctx = &opener};
	*err = (struct err){0};
	return task_resolve_secrets(t, &places, err);
}

static void test_life(void **state)
{
	(void)state;
	struct seal_ring *ring = ring_of(RING_1);
	struct err err = {0};
	struct buf b;
	size_t changed = 99;
	struct task *t = parse(DOCUMENT);
	buf_init(&b);
	/* Plain ones never get into the tree by a slip. */
	assert_int_equal(task_to_stored_json(t, &b, &err), -EINVAL);
	assert_string_equal(err.where, "source.password");
	assert_null(strstr(err.text, "canary"));
	assert_int_equal(b.len, 0);
	assert_int_equal(seal_task(ring, "c", t, &changed, &err), 0);
	assert_int_equal(changed, 3);
	char *text = stored(t, "file:cert", "env:MR_SECRET_SEAL_TEST");
	assert_null(strstr(text, "canary"));
	assert_null(strstr(text, "QUJD\\n"));
	/* What the API shows. */
	task_to_json(t, &b);
	assert_null(strstr(buf_cstr(&b), "sealed:"));
	assert_non_null(strstr(buf_cstr(&b), "\"password\": \"***\""));
	/* Once more changes nothing. */
	assert_int_equal(seal_task(ring, "c", t, &changed, &err), 0);
	assert_int_equal(changed, 0);
	task_free(t);

	t = parse(text);
	setenv("MR_SECRET_SEAL_TEST", "-----BEGIN CERTIFICATE-----\n", 1);
	if (resolve(t, ring, "c", &err) != 0)
		fail_msg("%s at %s", err.text, err.where);
	assert_string_equal(t->source.password.text, "canary-1");
	assert_string_equal(t->pipe.security.sasl.password.text, "canary-2");
	assert_memory_equal(t->source.tls.key.text, "-----BEGIN PRIVATE", 18);
	assert_memory_equal(t->source.tls.cert.text, "-----BEGIN CERT", 15);
	task_free(t);
	free(text);
	buf_free(&b);
	seal_ring_free(ring);
}

/* A stored document that somebody changed: neither resolved nor sealed again. */
static void test_moved(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to, *where;
	} changes[] = {
		{"\"host\": \"db1\"", "\"host\": \"evil\"", "source."},
		{"\"port\": 3306", "\"port\": 3307", "source."},
		{"\"db2:3307\"", "\"evil:3307\"", "source."},
		{"\"user\": \"repl\"", "\"user\": \"root\"", "source."},
		{"\"uid\": \"uid-1\"", "\"uid\": \"uid-2\"", "source."},
		{"\"k1:9092\"", "\"evil:9092\"", "pipe.security.sasl.password"},
		{"\"user\": \"bus\"", "\"user\": \"other\"", "pipe.security.sasl.password"},
	};
	struct seal_ring *ring = ring_of(RING_1);
	struct err err = {0};
	size_t changed = 99;
	struct task *t = parse(DOCUMENT);
	assert_int_equal(seal_task(ring, "c", t, &changed, &err), 0);
	setenv("MR_SECRET_SEAL_TEST", "-----BEGIN CERTIFICATE-----\n", 1);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char *text = stored(t, changes[i].from, changes[i].to);
		struct task *other = parse(text);
		assert_int_equal(secret_set(&other->source.tls.cert, "env:MR_SECRET_SEAL_TEST"), 0);
		assert_int_equal(resolve(other, ring, "c", &err), -EBADMSG);
		if (strncmp(err.where, changes[i].where, strlen(changes[i].where)) != 0)
			fail_msg("%s: at %s", changes[i].to, err.where);
		changed = 99;
		assert_int_equal(seal_task(ring, "c", other, &changed, &err), -EBADMSG);
		assert_int_equal(changed, 99);
		task_free(other);
		free(text);
	}
	assert_int_equal(secret_set(&t->source.tls.cert, "env:MR_SECRET_SEAL_TEST"), 0);
	assert_int_equal(resolve(t, ring, "another cluster", &err), -EBADMSG);
	assert_int_equal(resolve(t, ring, "c", &err), 0);
	task_free(t);
	seal_ring_free(ring);
}

/* The password of one field in the place of another. */
static void test_swapped(void **state)
{
	(void)state;
	struct seal_ring *ring = ring_of(RING_1);
	struct err err = {0};
	size_t changed;
	struct task *t = parse(DOCUMENT);
	assert_int_equal(seal_task(ring, "c", t, &changed, &err), 0);
	assert_int_equal(secret_set(&t->source.password, t->source.tls.key.given), 0);
	assert_int_equal(secret_set(&t->source.tls.cert, ""), 0);
	assert_int_equal(resolve(t, ring, "c", &err), -EBADMSG);
	assert_string_equal(err.where, "source.password");
	task_free(t);
	seal_ring_free(ring);
}

static void test_rotate(void **state)
{
	(void)state;
	struct seal_ring *old = ring_of(RING_1), *ring = ring_of(RING_2);
	struct err err = {0};
	size_t changed;
	struct task *t = parse(DOCUMENT);
	assert_int_equal(seal_task(old, "c", t, &changed, &err), 0);
	assert_int_equal(seal_task(ring, "c", t, &changed, &err), 0);
	assert_int_equal(changed, 3);
	assert_memory_equal(t->source.password.given, "sealed:v1:k2:", 13);
	assert_string_equal(t->source.tls.cert.given, "file:cert");
	assert_int_equal(seal_task(ring, "c", t, &changed, &err), 0);
	assert_int_equal(changed, 0);
	assert_int_equal(seal_task(old, "c", t, &changed, &err), -ENOKEY);
	task_free(t);
	seal_ring_free(old);
	seal_ring_free(ring);
}

static void test_refusals(void **state)
{
	(void)state;
	struct seal_ring *ring = ring_of(RING_1);
	struct err err = {0};
	struct secret_places none = {0};
	size_t changed = 99;
	struct task *t = parse(DOCUMENT);
	assert_int_equal(seal_task(ring, "c", t, &changed, &err), 0);
	assert_int_equal(secret_set(&t->source.tls.cert, ""), 0);
	assert_int_equal(task_resolve_secrets(t, &none, &err), -ENOKEY);
	assert_non_null(strstr(err.text, "key_ring"));
	assert_ptr_equal(err.kind, ERR_SECRET_SEALED);
	/* No uid, no cluster: the seal would be bound to nothing. */
	assert_int_equal(secret_set(&t->source.password, "plain"), 0);
	assert_int_equal(seal_task(ring, "", t, &changed, &err), -EINVAL);
	assert_string_equal(err.where, "source.password");
	/* A path of this machine is no PEM text to seal. */
	assert_int_equal(secret_set(&t->source.tls.key, "/etc/key.pem"), 0);
	assert_int_equal(seal_task(ring, "c", t, &changed, &err), -EINVAL);
	assert_string_equal(err.where, "source.tls.key");
	task_free(t);
	seal_ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),	 cmocka_unit_test(test_moved),
		cmocka_unit_test(test_swapped),	 cmocka_unit_test(test_rotate),
		cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
