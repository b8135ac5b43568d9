/*
 * fake_server.h - a server that says what a test wants and keeps every byte it gets.
 *
 * One connection, served by a thread on a loopback port. The test's script runs in that
 * thread; what was received is looked at after fake_stop().
 */
#ifndef MR_TEST_FAKE_SERVER_H
#define MR_TEST_FAKE_SERVER_H

#include "common/base/buf.h"

#include <openssl/ssl.h>
#include <pthread.h>

enum {
	FAKE_SSL = 0x800,
	FAKE_SECURE_CONNECTION = 0x8000,
	FAKE_PLUGIN_AUTH = 0x80000,
	/* what every server of the last decade has; no TLS */
	FAKE_USUAL = 0x1 | 0x2 | 0x4 | 0x8 | 0x200 | 0x2000 | FAKE_SECURE_CONNECTION |
		     FAKE_PLUGIN_AUTH | 0x100000 | 0x200000,
};

struct fake {
	void (*script)(struct fake *f);
	unsigned capabilities;
	const char *greeting_plugin;
	const char *plugin; /* for scripts: the method to ask for */
	int listen_fd;
	int fd;
	uint16_t port;
	uint8_t seq;
	const char *tls_name;	/* whom the certificate names; NULL: no TLS */
	char certificate[4096]; /* after fake_start(): PEM, signed by itself */
	SSL_CTX *ctx;
	SSL *ssl; /* after fake_tls() */
	bool tls_failed;
	struct buf received; /* every byte, as it came from the socket (or out of TLS) */
	struct buf packet;   /* the last packet's payload */
	unsigned packets;    /* received */
	pthread_t thread;
};

extern const unsigned char FAKE_NONCE[21]; /* 20 bytes and a zero */

/* Starts the thread; f->script, capabilities and plugins must be set. */
void fake_start(struct fake *f);
/* Waits until the script has ended, and closes. */
void fake_stop(struct fake *f);
void fake_free(struct fake *f);

/* For scripts: */
void fake_greet(struct fake *f);
void fake_send(struct fake *f, const void *payload, size_t n);
/* False: the client is gone. */
bool fake_receive(struct fake *f);
void fake_switch(struct fake *f, const char *plugin);
void fake_ok(struct fake *f);
/* The server's side of the TLS handshake. */
bool fake_tls(struct fake *f);
/* Reads until the client is gone. */
void fake_drain(struct fake *f);

/* Does the text occur in what was received? */
bool fake_has(const struct fake *f, const void *text, size_t n);

#endif
