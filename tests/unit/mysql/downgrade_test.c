/*
 * downgrade_test.c - servers that try to get at the password: none may.
 *
 * Each script is what someone between us and the real server could send. Looked at is
 * every byte that left us.
 */
#include "common/contract/errors.h"
#include "core/mysql/auth.h"
#include "core/mysql/query.h"
#include "fake_server.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define PASSWORD "correct-horse-battery"
#define USER	 "repl"

/* trusted: the server's own certificate is given as `ca`. */
static int attempt_host(struct fake *f, enum source_tls_mode mode, const char *host, bool trusted,
			struct err *err)
{
	struct source_options o = {
		.host = host,
		.user = USER,
		.password = PASSWORD,
		.tls.mode = mode,
		.connect_timeout = 3 * USEC_PER_SEC,
		.read_timeout = 3 * USEC_PER_SEC,
	};
	struct source *s;
	fake_start(f);
	o.port = f->port;
	o.tls.ca = trusted ? f->certificate : NULL;
	assert_int_equal(source_new(&o, &s, err), 0);
	int rc = source_connect(s, err);
	source_free(s);
	fake_stop(f);
	return rc;
}

static int attempt(struct fake *f, enum source_tls_mode mode, struct err *err)
{
	return attempt_host(f, mode, "127.0.0.1", false, err);
}

static void assert_no_secret(const struct fake *f, const struct err *err)
{
	unsigned char proof[AUTH_SHA2_PROOF];
	assert_false(fake_has(f, PASSWORD, strlen(PASSWORD)));
	assert_null(strstr(err->text, PASSWORD));
	assert_int_equal(auth_native_proof(PASSWORD, FAKE_NONCE, proof), 0);
	assert_false(fake_has(f, proof, AUTH_NATIVE_PROOF));
	assert_int_equal(auth_sha2_proof(PASSWORD, FAKE_NONCE, proof), 0);
	assert_false(fake_has(f, proof, AUTH_SHA2_PROOF));
}

static void assert_kind(const struct err *err, const struct err_kind *kind)
{
	if (err->kind != kind)
		fail_msg("expected %s, got %s: %s", kind->code,
			 err->kind ? err->kind->code : "(none)", err->text);
}

/* ------------------------------------------------------- no TLS offered */

static void silent(struct fake *f)
{
	fake_drain(f);
}

static void greet_and_wait(struct fake *f)
{
	fake_greet(f);
	fake_receive(f);
}

/* Asks for f->plugin, and again with each answer. */
static void greet_and_switch(struct fake *f)
{
	fake_greet(f);
	if (!fake_receive(f))
		return;
	fake_switch(f, f->plugin);
	fake_receive(f);
}

static void required_without_tls_sends_nothing(void **state)
{
	(void)state;
	const enum source_tls_mode modes[] = {SOURCE_TLS_REQUIRED, SOURCE_TLS_VERIFY_IDENTITY};
	const unsigned capabilities[] = {FAKE_USUAL, FAKE_USUAL & ~(unsigned)FAKE_PLUGIN_AUTH};
	for (size_t i = 0; i < 4; i++) {
		struct fake f = {.script = greet_and_wait,
				 .capabilities = capabilities[i / 2],
				 .greeting_plugin = "mysql_native_password"};
		struct err err = {0};
		assert_true(attempt(&f, modes[i % 2], &err) < 0);
		assert_int_equal(f.received.len, 0);
		assert_kind(&err, i / 2 ? ERR_SOURCE_AUTH_PLUGIN : ERR_SOURCE_TLS);
		fake_free(&f);
	}
}

static void clear_password_is_refused(void **state)
{
	(void)state;
	const enum source_tls_mode modes[] = {SOURCE_TLS_DISABLED, SOURCE_TLS_PREFERRED,
					      SOURCE_TLS_REQUIRED};
	for (size_t i = 0; i < 3; i++) {
		struct fake f = {.script = greet_and_switch,
				 .capabilities = FAKE_USUAL,
				 .greeting_plugin = "mysql_native_password",
				 .plugin = "mysql_clear_password"};
		struct err err = {0};
		assert_true(attempt(&f, modes[i], &err) < 0);
		assert_no_secret(&f, &err);
		assert_kind(&err, i == 2 ? ERR_SOURCE_TLS : ERR_SOURCE_AUTH_PLUGIN);
		if (i != 2)
			assert_non_null(strstr(err.text, "mysql_clear_password"));
		/* The user's name is all that an unsafe mode tells. */
		assert_int_equal(fake_has(&f, USER, strlen(USER)), i != 2);
		fake_free(&f);
	}
}

static void other_methods_are_refused(void **state)
{
	(void)state;
	const char *const plugins[] = {"sha256_password",    "dialog",	    "client_ed25519",
				       "mysql_old_password", "mr",	    "",
				       "../../../../tmp/x",  "mysql_native"};
	for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++) {
		struct fake f = {.script = greet_and_switch,
				 .capabilities = FAKE_USUAL,
				 .greeting_plugin = "caching_sha2_password",
				 .plugin = plugins[i]};
		struct err err = {0};
		assert_true(attempt(&f, SOURCE_TLS_PREFERRED, &err) < 0);
		assert_kind(&err, ERR_SOURCE_AUTH_PLUGIN);
		assert_no_secret(&f, &err);
		fake_free(&f);
	}
}

/* The library would hand the greeting's nonce to a plugin the greeting names. */
static void greeting_naming_our_plugin_is_refused(void **state)
{
	(void)state;
	struct fake f = {
		.script = greet_and_wait, .capabilities = FAKE_USUAL, .greeting_plugin = "mr_gate"};
	struct err err = {0};
	assert_true(attempt(&f, SOURCE_TLS_PREFERRED, &err) < 0);
	assert_no_secret(&f, &err);
	fake_free(&f);
}

static void greeting_without_plugins_gets_no_proof(void **state)
{
	(void)state;
	struct fake f = {.script = greet_and_wait,
			 .capabilities = FAKE_USUAL & ~(unsigned)FAKE_PLUGIN_AUTH,
			 .greeting_plugin = ""};
	struct err err = {0};
	assert_true(attempt(&f, SOURCE_TLS_PREFERRED, &err) < 0);
	assert_kind(&err, ERR_SOURCE_AUTH_PLUGIN);
	assert_int_equal(f.received.len, 0);
	fake_free(&f);
}

/* ------------------------------------------------------- native, and after it */

static void native_then(struct fake *f, const char *second)
{
	fake_greet(f);
	if (!fake_receive(f))
		return;
	fake_switch(f, "mysql_native_password");
	if (!fake_receive(f))
		return;
	if (second) {
		fake_switch(f, second);
		fake_receive(f);
	} else {
		fake_ok(f);
	}
}

static void native_ok(struct fake *f)
{
	native_then(f, NULL);
}

static void native_then_clear(struct fake *f)
{
	native_then(f, "mysql_clear_password");
}

static void native_sends_the_proof(void **state)
{
	(void)state;
	struct fake f = {.script = native_ok,
			 .capabilities = FAKE_USUAL,
			 .greeting_plugin = "caching_sha2_password"};
	struct err err = {0};
	unsigned char proof[AUTH_NATIVE_PROOF];
	assert_int_equal(attempt(&f, SOURCE_TLS_PREFERRED, &err), 0);
	assert_int_equal(auth_native_proof(PASSWORD, FAKE_NONCE, proof), 0);
	assert_true(fake_has(&f, proof, sizeof(proof)));
	assert_false(fake_has(&f, PASSWORD, strlen(PASSWORD)));
	fake_free(&f);
}

static void second_switch_gets_nothing(void **state)
{
	(void)state;
	struct fake f = {.script = native_then_clear,
			 .capabilities = FAKE_USUAL,
			 .greeting_plugin = "caching_sha2_password"};
	struct err err = {0};
	assert_true(attempt(&f, SOURCE_TLS_PREFERRED, &err) < 0);
	assert_false(fake_has(&f, PASSWORD, strlen(PASSWORD)));
	assert_int_equal(f.packets, 2); /* the response and the proof */
	fake_free(&f);
}

/* ------------------------------------------------------- caching_sha2_password */

static EVP_PKEY *server_key;
static unsigned char decrypted[512];
static size_t ndecrypted;

static void send_key(struct fake *f)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	PEM_write_bio_PUBKEY(bio, server_key);
	long n = BIO_get_mem_data(bio, &pem);
	struct buf b;
	buf_init(&b);
	buf_putc(&b, 1);
	buf_put(&b, pem, (size_t)n);
	fake_send(f, b.data, b.len);
	buf_free(&b);
	BIO_free(bio);
}

static void decrypt(const struct buf *packet)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(server_key, NULL);
	ndecrypted = sizeof(decrypted);
	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	assert_int_equal(EVP_PKEY_decrypt(ctx, decrypted, &ndecrypted, packet->data, packet->len),
			 1);
	EVP_PKEY_CTX_free(ctx);
	for (size_t i = 0; i < ndecrypted; i++)
		decrypted[i] ^= FAKE_NONCE[i % AUTH_NONCE];
}

static void sha2_full(struct fake *f)
{
	fake_greet(f);
	if (!fake_receive(f))
		return;
	fake_switch(f, "caching_sha2_password");
	if (!fake_receive(f))
		return;
	fake_send(f, "\1\4", 2);
	if (!fake_receive(f) || f->packet.len != 1 || f->packet.data[0] != 2)
		return;
	send_key(f);
	if (!fake_receive(f))
		return;
	decrypt(&f->packet);
	fake_ok(f);
}

static void preferred_never_encrypts_for_an_unknown_key(void **state)
{
	(void)state;
	struct fake f = {.script = sha2_full,
			 .capabilities = FAKE_USUAL,
			 .greeting_plugin = "caching_sha2_password"};
	struct err err = {0};
	assert_true(attempt(&f, SOURCE_TLS_PREFERRED, &err) < 0);
	assert_kind(&err, ERR_SOURCE_TLS);
	assert_int_equal(f.packets, 2); /* the response and the proof, no request for a key */
	assert_false(fake_has(&f, PASSWORD, strlen(PASSWORD)));
	fake_free(&f);
}

static void disabled_encrypts_with_the_servers_key(void **state)
{
	(void)state;
	struct fake f = {.script = sha2_full,
			 .capabilities = FAKE_USUAL,
			 .greeting_plugin = "caching_sha2_password"};
	struct err err = {0};
	ndecrypted = 0;
	assert_int_equal(attempt(&f, SOURCE_TLS_DISABLED, &err), 0);
	assert_int_equal(ndecrypted, sizeof(PASSWORD));
	assert_string_equal((char *)decrypted, PASSWORD);
	assert_false(fake_has(&f, PASSWORD, strlen(PASSWORD)));
	fake_free(&f);
}

static void sha2_nonsense(struct fake *f)
{
	fake_greet(f);
	fake_receive(f);
	fake_switch(f, "caching_sha2_password");
	fake_receive(f);
	fake_send(f, "\1\4", 2);
	fake_receive(f);
	fake_send(f, "\1-----BEGIN PUBLIC KEY-----\nAAAA\n", 33);
	fake_receive(f);
}

static void unusable_key_is_an_error(void **state)
{
	(void)state;
	struct fake f = {.script = sha2_nonsense,
			 .capabilities = FAKE_USUAL,
			 .greeting_plugin = "caching_sha2_password"};
	struct err err = {0};
	assert_true(attempt(&f, SOURCE_TLS_DISABLED, &err) < 0);
	assert_kind(&err, ERR_SOURCE_AUTH);
	assert_false(fake_has(&f, PASSWORD, strlen(PASSWORD)));
	fake_free(&f);
}

/* ------------------------------------------------------- TLS that is not what it says */

static void ssl_then_plain(struct fake *f)
{
	fake_greet(f);
	if (fake_receive(f)) /* the request for TLS */
		fake_switch(f, "mysql_clear_password");
	fake_receive(f);
}

static void broken_handshake_sends_nothing(void **state)
{
	(void)state;
	for (int mode = SOURCE_TLS_PREFERRED; mode <= SOURCE_TLS_VERIFY_IDENTITY; mode++) {
		struct fake f = {.script = ssl_then_plain,
				 .capabilities = FAKE_USUAL | FAKE_SSL,
				 .greeting_plugin = "mysql_native_password"};
		struct err err = {0};
		assert_true(attempt(&f, (enum source_tls_mode)mode, &err) < 0);
		assert_kind(&err, ERR_SOURCE_TLS);
		assert_no_secret(&f, &err);
		assert_false(fake_has(&f, USER, strlen(USER)));
		fake_free(&f);
	}
}

static void tls_then_switch(struct fake *f)
{
	fake_greet(f);
	if (!fake_receive(f) || !fake_tls(f))
		return;
	if (!fake_receive(f))
		return;
	fake_switch(f, f->plugin);
	fake_receive(f);
}

/* A certificate nobody vouches for: verify_identity ends before the user's name. */
static void unverified_certificate_gets_nothing(void **state)
{
	(void)state;
	struct fake f = {.script = tls_then_switch,
			 .tls_name = "127.0.0.1",
			 .capabilities = FAKE_USUAL | FAKE_SSL,
			 .greeting_plugin = "mysql_native_password",
			 .plugin = "mysql_native_password"};
	struct err err = {0};
	assert_true(attempt(&f, SOURCE_TLS_VERIFY_IDENTITY, &err) < 0);
	assert_kind(&err, ERR_SOURCE_TLS);
	assert_no_secret(&f, &err);
	assert_false(fake_has(&f, USER, strlen(USER)));
	fake_free(&f);
}

static void tls_then_native(struct fake *f)
{
	fake_greet(f);
	if (!fake_receive(f) || !fake_tls(f) || !fake_receive(f))
		return;
	fake_switch(f, "mysql_native_password");
	if (fake_receive(f))
		fake_ok(f);
}

/* A certificate that is trusted, but another host's. */
static void identity_is_the_host_name(void **state)
{
	(void)state;
	const struct {
		const char *name;
		enum source_tls_mode mode;
		bool trusted, accepted;
	} cases[] = {
		{"localhost", SOURCE_TLS_VERIFY_IDENTITY, true, true},
		{"another.example", SOURCE_TLS_VERIFY_IDENTITY, true, false},
		{"localhost", SOURCE_TLS_VERIFY_IDENTITY, false, false},
		{"another.example", SOURCE_TLS_REQUIRED, true, true},
		{"another.example", SOURCE_TLS_REQUIRED, false, true},
		{"another.example", SOURCE_TLS_PREFERRED, false, true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake f = {.script = tls_then_native,
				 .tls_name = cases[i].name,
				 .capabilities = FAKE_USUAL | FAKE_SSL,
				 .greeting_plugin = "caching_sha2_password"};
		struct err err = {0};
		int rc = attempt_host(&f, cases[i].mode, "localhost", cases[i].trusted, &err);
		if ((rc == 0) != cases[i].accepted)
			fail_msg("case %zu: %d %s", i, rc, err.text);
		if (!cases[i].accepted) {
			assert_kind(&err, ERR_SOURCE_TLS);
			assert_no_secret(&f, &err);
			assert_false(fake_has(&f, USER, strlen(USER)));
		}
		fake_free(&f);
	}
}

/* `required` given a CA checks the certificate against it. */
static void required_with_another_ca_gets_nothing(void **state)
{
	(void)state;
	struct fake other = {.script = silent, .tls_name = "localhost"};
	struct fake f = {.script = tls_then_native,
			 .tls_name = "localhost",
			 .capabilities = FAKE_USUAL | FAKE_SSL,
			 .greeting_plugin = "caching_sha2_password"};
	fake_start(&other);
	fake_stop(&other);
	struct source_options o = {.host = "localhost",
				   .user = USER,
				   .password = PASSWORD,
				   .tls = {.mode = SOURCE_TLS_REQUIRED, .ca = other.certificate}};
	struct err err = {0};
	struct source *s;
	fake_start(&f);
	o.port = f.port;
	assert_int_equal(source_new(&o, &s, &err), 0);
	assert_true(source_connect(s, &err) < 0);
	source_free(s);
	fake_stop(&f);
	assert_kind(&err, ERR_SOURCE_TLS);
	assert_no_secret(&f, &err);
	assert_false(fake_has(&f, USER, strlen(USER)));
	fake_free(&f);
	fake_free(&other);
}

/* `required` does not know whom it talks to: even inside TLS no method that sends the
 * password as it is. */
static void clear_password_inside_tls_is_refused(void **state)
{
	(void)state;
	struct fake f = {.script = tls_then_switch,
			 .tls_name = "127.0.0.1",
			 .capabilities = FAKE_USUAL | FAKE_SSL,
			 .greeting_plugin = "mysql_native_password",
			 .plugin = "mysql_clear_password"};
	struct err err = {0};
	assert_true(attempt(&f, SOURCE_TLS_REQUIRED, &err) < 0);
	assert_kind(&err, ERR_SOURCE_AUTH_PLUGIN);
	assert_no_secret(&f, &err);
	assert_true(fake_has(&f, USER, strlen(USER))); /* TLS did work */
	fake_free(&f);
}

/* ------------------------------------------------------- after the login */

static void native_then_infile(struct fake *f)
{
	native_then(f, NULL);
	f->seq = 0;
	if (!fake_receive(f))
		return;
	fake_send(f, "\xfb/etc/hostname", 14);
	fake_receive(f);
}

static void server_may_not_ask_for_files(void **state)
{
	(void)state;
	struct fake f = {.script = native_then_infile,
			 .capabilities = FAKE_USUAL | 0x80,
			 .greeting_plugin = "caching_sha2_password"};
	struct source_options o = {.host = "127.0.0.1",
				   .user = USER,
				   .password = PASSWORD,
				   .tls.mode = SOURCE_TLS_PREFERRED,
				   .read_timeout = 2 * USEC_PER_SEC};
	struct err err = {0};
	struct source *s;
	char name[256] = "";
	FILE *file = fopen("/etc/hostname", "r");
	if (!file || !fgets(name, sizeof(name), file) || !name[0])
		skip();
	fclose(file);
	fake_start(&f);
	o.port = f.port;
	assert_int_equal(source_new(&o, &s, &err), 0);
	assert_int_equal(source_connect(s, &err), 0);
	assert_true(query_exec(s, &err, "SELECT 1") < 0);
	source_free(s);
	fake_stop(&f);
	assert_false(fake_has(&f, name, strlen(name)));
	fake_free(&f);
}

static void silent_server_is_unreachable_in_time(void **state)
{
	(void)state;
	struct fake f = {.script = silent};
	struct source_options o = {.host = "127.0.0.1",
				   .user = USER,
				   .password = PASSWORD,
				   .tls.mode = SOURCE_TLS_PREFERRED,
				   .connect_timeout = 300 * USEC_PER_MSEC};
	struct err err = {0};
	struct source *s;
	fake_start(&f);
	o.port = f.port;
	assert_int_equal(source_new(&o, &s, &err), 0);
	usec_t before = clock_boot();
	assert_int_equal(source_connect(s, &err), -ETIMEDOUT);
	assert_true(clock_boot() - before < 2 * USEC_PER_SEC);
	assert_kind(&err, ERR_SOURCE_UNREACHABLE);
	source_free(s);
	fake_stop(&f);
	fake_free(&f);
}

static void *interrupt_soon(void *s)
{
	usleep(100000);
	source_interrupt(s);
	return NULL;
}

static void interrupt_ends_a_connect(void **state)
{
	(void)state;
	struct fake f = {.script = silent};
	struct source_options o = {.host = "127.0.0.1", .user = USER, .password = PASSWORD};
	struct err err = {0};
	struct source *s;
	pthread_t thread;
	fake_start(&f);
	o.port = f.port;
	assert_int_equal(source_new(&o, &s, &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, s), 0);
	usec_t before = clock_boot();
	assert_int_equal(source_connect(s, &err), -EINTR);
	assert_true(clock_boot() - before < 2 * USEC_PER_SEC);
	pthread_join(thread, NULL);
	assert_int_equal(source_connect(s, &err), -EINTR); /* for good */
	source_free(s);
	fake_stop(&f);
	fake_free(&f);
}

int main(void)
{
	server_key = EVP_RSA_gen(2048);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(required_without_tls_sends_nothing),
		cmocka_unit_test(clear_password_is_refused),
		cmocka_unit_test(other_methods_are_refused),
		cmocka_unit_test(greeting_naming_our_plugin_is_refused),
		cmocka_unit_test(greeting_without_plugins_gets_no_proof),
		cmocka_unit_test(native_sends_the_proof),
		cmocka_unit_test(second_switch_gets_nothing),
		cmocka_unit_test(preferred_never_encrypts_for_an_unknown_key),
		cmocka_unit_test(disabled_encrypts_with_the_servers_key),
		cmocka_unit_test(unusable_key_is_an_error),
		cmocka_unit_test(broken_handshake_sends_nothing),
		cmocka_unit_test(unverified_certificate_gets_nothing),
		cmocka_unit_test(identity_is_the_host_name),
		cmocka_unit_test(required_with_another_ca_gets_nothing),
		cmocka_unit_test(clear_password_inside_tls_is_refused),
		cmocka_unit_test(server_may_not_ask_for_files),
		cmocka_unit_test(silent_server_is_unreachable_in_time),
		cmocka_unit_test(interrupt_ends_a_connect),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	EVP_PKEY_free(server_key);
	return rc;
}
