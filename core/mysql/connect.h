/*
 * connect.h - one connection to a source server, and nothing sent before it is as
 * safe as asked.
 *
 * The connection is made through libmariadb; how secrets are kept from a server that
 * downgrades is told in auth.h. One thread uses a source at a time; only
 * source_interrupt() may come from another. A source owns copies of its options and
 * clears the password's memory when it is freed.
 */
#ifndef MR_MYSQL_CONNECT_H
#define MR_MYSQL_CONNECT_H

#include "common/base/clock.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum source_tls_mode {
	SOURCE_TLS_DISABLED,  /* plaintext, knowingly */
	SOURCE_TLS_PREFERRED, /* TLS where the server offers it; no certificate check */
	SOURCE_TLS_REQUIRED,  /* TLS or nothing; the certificate is checked if `ca` is given */
	SOURCE_TLS_VERIFY_IDENTITY, /* TLS, and the certificate is valid and names the host */
};

struct source_tls {
	enum source_tls_mode mode;
	/* PEM text (it has "-----BEGIN") or a file's path; NULL or "": none. */
	const char *ca;
	const char *cert;
	const char *key;
};

struct source_options {
	const char *host; /* name or address, one only */
	uint16_t port;
	const char *user;
	const char *password; /* NULL or "": none */
	struct source_tls tls;
	usec_t connect_timeout; /* for the whole handshake; 0: 10 s */
	usec_t read_timeout;	/* for each wait while a statement runs; 0: 60 s */
};

struct source;

/* Copies the options; no I/O. Fails with ERR_MEMORY, or ERR_TASK_INVALID for a host
 * that is empty or a list. */
int source_new(const struct source_options *o, struct source **ret, struct err *err) MR_MUST_CHECK;
/* Disconnects. NULL is allowed. */
void source_free(struct source *s);

/*
 * Connects and authenticates; may be called again after source_disconnect(). Fails with
 * ERR_SOURCE_UNREACHABLE (unknown host, refused, no answer, too many connections),
 * ERR_SOURCE_AUTH (user, password, or host not allowed), ERR_SOURCE_AUTH_PLUGIN,
 * ERR_SOURCE_TLS, ERR_SECRET_MISSING (a file of tls cannot be read), or -EINTR.
 */
int source_connect(struct source *s, struct err *err) MR_MUST_CHECK;
void source_disconnect(struct source *s);
bool source_connected(const struct source *s);
/*
 * Asks the server for a sign of life: servers close connections that were idle for long
 * (wait_timeout). Waits at most options.read_timeout. False while a dump runs.
 */
bool source_answers(struct source *s);
/* From here on no wait lasts beyond this time of clock_boot(), whatever the options say; 0: none. */
void source_limit(struct source *s, usec_t until);

/*
 * From any thread and for good: the wait at hand and every later one fails at once with
 * -EINTR (kind ERR_SOURCE_LOST). Only source_free() makes sense afterwards.
 */
void source_interrupt(struct source *s);

/* "user@host:port", for messages. */
const char *source_name(const struct source *s);
const struct source_options *source_get_options(const struct source *s);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384", or "" for plaintext. While connected. */
const char *source_cipher(const struct source *s);

#endif
