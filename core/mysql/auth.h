/*
 * auth.h - how we prove who we are without giving the password to a server that is
 * not as safe as asked. Private to core/mysql.
 *
 * Connector/C does not enforce TLS: with MYSQL_OPT_SSL_ENFORCE it goes on in plaintext
 * when the greeting lacks the TLS flag, and then obeys a request to send the password
 * by mysql_clear_password. So the library is never given the password. A plugin of our
 * own is its first (MYSQL_DEFAULT_AUTH) and only allowed (MARIADB_OPT_RESTRICTED_AUTH)
 * authentication method. Servers do not know it and answer its empty first packet with
 * a request to switch to the account's method, which the plugin then speaks itself:
 *
 *   greeting (flags) -> [A] -> SSL request, TLS handshake, certificate check by the
 *   library -> handshake response: user, no authentication data -> [B] -> request to
 *   switch: method, nonce -> [C] -> proof -> OK or error
 *
 * [A] TLS required and the greeting does not offer it: nothing at all is sent.
 * [B] TLS required and no cipher in use: nothing more is sent.
 * [C] only mysql_native_password and caching_sha2_password are spoken, each as a proof
 *     bound to the nonce. caching_sha2_password's full authentication sends the
 *     password itself:
 *       over TLS        as the protocol says
 *       mode disabled   encrypted with the RSA key the server sends: safe against
 *                       listeners, not against someone between us; the mode says that
 *                       the operator trusts the network
 *       mode preferred, and the server offers no TLS: refused, as this is what a
 *                       downgrade looks like
 * A greeting without CLIENT_PLUGIN_AUTH makes the library choose its own
 * mysql_native_password, which RESTRICTED_AUTH refuses before anything is sent.
 */
#ifndef MR_MYSQL_AUTH_H
#define MR_MYSQL_AUTH_H

#include "core/mysql/connect.h"

#include <mysql.h>

enum auth_verdict {
	AUTH_NONE,	/* the plugin found nothing wrong, or was never reached */
	AUTH_NO_TLS,	/* TLS is required and not there */
	AUTH_PLUGIN,	/* the account's method is not one of ours: `plugin` */
	AUTH_NEEDS_TLS, /* full caching_sha2 authentication without TLS */
	AUTH_BAD_KEY,	/* the server's RSA key is unusable, or the password too long */
	AUTH_PROTOCOL,	/* the server's packets make no sense */
};

/* One attempt; lives until mysql_real_connect() has returned. */
struct auth {
	const char *password; /* never NULL */
	enum source_tls_mode mode;
	enum auth_verdict verdict; /* out */
	char plugin[64];	   /* out: the method the server asked for; "" if none yet */
};

/* Once per process, in any thread. 0, or -errno when the library refuses. */
int auth_register(void);
/* Sets the options by which `mysql` authenticates through `a`. */
void auth_attach(MYSQL *mysql, struct auth *a);

enum { AUTH_NONCE = 20, AUTH_NATIVE_PROOF = 20, AUTH_SHA2_PROOF = 32 };

/* SHA1(password) xor SHA1(nonce + SHA1(SHA1(password))). */
int auth_native_proof(const char *password, const unsigned char nonce[AUTH_NONCE],
		      unsigned char out[AUTH_NATIVE_PROOF]);
/* SHA256(password) xor SHA256(SHA256(SHA256(password)) + nonce). */
int auth_sha2_proof(const char *password, const unsigned char nonce[AUTH_NONCE],
		    unsigned char out[AUTH_SHA2_PROOF]);

#endif
