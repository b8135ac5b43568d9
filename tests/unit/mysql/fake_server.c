/* fake_server.c - see fake_server.h. */
#include "fake_server.h"

#include "common/base/bytes.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

const unsigned char FAKE_NONCE[21] = "ABCDEFGHIJKLMNOPQRST";

enum { PATIENCE_MS = 5000 };

static void *fake_main(void *arg)
{
	struct fake *f = arg;
	f->fd = accept(f->listen_fd, NULL, NULL);
	if (f->fd >= 0) {
		f->script(f);
		shutdown(f->fd, SHUT_WR);
		fake_drain(f);
		SSL_free(f->ssl);
		f->ssl = NULL;
		close(f->fd);
	}
	return NULL;
}

static X509 *make_certificate(EVP_PKEY *key, const char *name)
{
	X509 *x = X509_new();
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_sign(x, key, EVP_sha256());
	return x;
}

static void prepare_tls(struct fake *f)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	X509 *x = make_certificate(key, f->tls_name);
	f->ctx = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(f->ctx, x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(f->ctx, key), 1);
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_X509(bio, x), 1);
	assert_true(BIO_read(bio, f->certificate, sizeof(f->certificate) - 1) > 0);
	BIO_free(bio);
	X509_free(x);
	EVP_PKEY_free(key);
}

void fake_start(struct fake *f)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	buf_init(&f->received);
	buf_init(&f->packet);
	if (f->tls_name)
		prepare_tls(f);
	f->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(f->listen_fd >= 0);
	assert_int_equal(bind(f->listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(f->listen_fd, 1), 0);
	assert_int_equal(getsockname(f->listen_fd, (struct sockaddr *)&a, &n), 0);
	f->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&f->thread, NULL, fake_main, f), 0);
}

void fake_stop(struct fake *f)
{
	shutdown(f->listen_fd, SHUT_RDWR); /* ends an accept that nobody answered */
	pthread_join(f->thread, NULL);
	close(f->listen_fd);
}

void fake_free(struct fake *f)
{
	SSL_CTX_free(f->ctx);
	buf_free(&f->received);
	buf_free(&f->packet);
}

static bool read_exactly(struct fake *f, void *to, size_t n)
{
	uint8_t *p = to;
	while (n) {
		struct pollfd pfd = {.fd = f->fd, .events = POLLIN};
		if (!(f->ssl && SSL_pending(f->ssl)) && poll(&pfd, 1, PATIENCE_MS) <= 0)
			return false;
		ssize_t got = f->ssl ? SSL_read(f->ssl, p, (int)n) : read(f->fd, p, n);
		if (got <= 0)
			return false;
		buf_put(&f->received, p, (size_t)got);
		p += got;
		n -= (size_t)got;
	}
	return true;
}

bool fake_receive(struct fake *f)
{
	uint8_t head[4];
	if (!read_exactly(f, head, sizeof(head)))
		return false;
	size_t n = load_le24(head);
	f->seq = (uint8_t)(head[3] + 1);
	buf_clear(&f->packet);
	uint8_t *room = buf_room(&f->packet, n + 1);
	assert_non_null(room);
	if (!read_exactly(f, room, n))
		return false;
	f->packet.len = n;
	f->packets++;
	return true;
}

void fake_drain(struct fake *f)
{
	uint8_t byte;
	while (read_exactly(f, &byte, 1))
		;
}

void fake_send(struct fake *f, const void *payload, size_t n)
{
	struct buf b;
	buf_init(&b);
	uint8_t head[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), f->seq++};
	buf_put(&b, head, sizeof(head));
	buf_put(&b, payload, n);
	ssize_t sent = f->ssl ? SSL_write(f->ssl, b.data, (int)b.len)
			      : send(f->fd, b.data, b.len, MSG_NOSIGNAL);
	(void)sent;
	buf_free(&b);
}

void fake_greet(struct fake *f)
{
	struct buf b;
	buf_init(&b);
	unsigned c = f->capabilities;
	uint8_t low[] = {(uint8_t)c,
			 (uint8_t)(c >> 8),
			 45,
			 2,
			 0,
			 (uint8_t)(c >> 16),
			 (uint8_t)(c >> 24),
			 c & FAKE_PLUGIN_AUTH ? 21 : 0};
	uint8_t zero[10] = {0};
	buf_put(&b,
		"\x0a"
		"8.0.99\0"
		"\x01\0\0\0",
		1 + 7 + 4);
	buf_put(&b, FAKE_NONCE, 8);
	buf_putc(&b, 0);
	buf_put(&b, low, sizeof(low));
	buf_put(&b, zero, sizeof(zero));
	buf_put(&b, FAKE_NONCE + 8, 13);
	if (c & FAKE_PLUGIN_AUTH)
		buf_put(&b, f->greeting_plugin, strlen(f->greeting_plugin) + 1);
	f->seq = 0;
	fake_send(f, b.data, b.len);
	buf_free(&b);
}

void fake_switch(struct fake *f, const char *plugin)
{
	struct buf b;
	buf_init(&b);
	buf_putc(&b, (char)0xfe);
	buf_put(&b, plugin, strlen(plugin) + 1);
	buf_put(&b, FAKE_NONCE, sizeof(FAKE_NONCE));
	fake_send(f, b.data, b.len);
	buf_free(&b);
}

void fake_ok(struct fake *f)
{
	fake_send(f, "\0\0\0\2\0\0\0", 7);
}

bool fake_tls(struct fake *f)
{
	SSL *ssl = SSL_new(f->ctx);
	SSL_set_fd(ssl, f->fd);
	if (SSL_accept(ssl) != 1) {
		SSL_free(ssl);
		f->tls_failed = true;
		return false;
	}
	f->ssl = ssl;
	return true;
}

bool fake_has(const struct fake *f, const void *text, size_t n)
{
	return f->received.len && memmem(f->received.data, f->received.len, text, n);
}
