/*
 * connect_error.c - see connect_error.h. The texts name user, host and port, the
 * server's words, and never the password.
 */
#include "core/mysql/connect_error.h"
#include "common/contract/errors.h"

#include <errmsg.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A connection lost in the middle of TLS's handshake, by a server that is going down, say:
 * nothing that a person would have to correct.
 */
static bool handshake_broke(const char *text)
{
	static const char *const parts[] = {"unexpected eof", "reset by peer", "Broken pipe",
					    "timed out"};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcasestr(text, parts[i]))
			return true;
	return false;
}

const struct err_kind *connect_error_kind(unsigned code, const char *text)
{
	/* With TLS asked for, the library hides errors sent before it in a 2002. */
	const char *hidden = strstr(text, "cannot be verified: ");
	if (code == CR_CONNECTION_ERROR && hidden)
		code = (unsigned)strtoul(hidden + strlen("cannot be verified: "), NULL, 10);
	switch (code) {
	case SERVER_ERR_ACCESS_DENIED:
	case SERVER_ERR_DBACCESS_DENIED:
	case SERVER_ERR_ACCESS_DENIED_NO_PASSWORD:
	case SERVER_ERR_HOST_NOT_PRIVILEGED:
	case SERVER_ERR_MUST_CHANGE_PASSWORD:
	case SERVER_ERR_MUST_CHANGE_PASSWORD_LOGIN:
	case SERVER_ERR_ACCOUNT_LOCKED:
	case SERVER_ERR_MARIADB_LOCKED:
		return ERR_SOURCE_AUTH;
	case SERVER_ERR_NOT_SUPPORTED_AUTH:
	case SERVER_ERR_PLUGIN_NOT_LOADED:
	case CR_AUTH_PLUGIN_CANNOT_LOAD:
	case CR_AUTH_PLUGIN_ERR:
	case CR_PLUGIN_NOT_ALLOWED:
	case CR_SECURE_AUTH:
		return ERR_SOURCE_AUTH_PLUGIN;
	case CR_SSL_CONNECTION_ERROR:
		return handshake_broke(text) ? ERR_SOURCE_UNREACHABLE : ERR_SOURCE_TLS;
	case SERVER_ERR_SECURE_TRANSPORT:
		return ERR_SOURCE_TLS;
	case CR_OUT_OF_MEMORY:
		return ERR_MEMORY;
	default: /* refused, no answer, too many connections, shutting down, blocked, … */
		return ERR_SOURCE_UNREACHABLE;
	}
}

static int kind_errno(const struct err_kind *kind)
{
	if (kind == ERR_SOURCE_UNREACHABLE)
		return -EHOSTUNREACH;
	if (kind == ERR_MEMORY)
		return -ENOMEM;
	return kind == ERR_SOURCE_TLS ? -EPROTO : -EACCES;
}

static int verdict_fail(struct source *s, const struct auth *a, struct err *err)
{
	const char *name = s->name;
	switch (a->verdict) {
	case AUTH_NO_TLS:
		return err_set(
			err, -EPROTO, ERR_SOURCE_TLS,
			"%s: the server offers no TLS, and source.tls.mode is %s; no password "
			"was sent",
			name,
			a->mode == SOURCE_TLS_VERIFY_IDENTITY ? "verify_identity" : "required");
	case AUTH_PLUGIN:
		return err_set(
			err, -EACCES, ERR_SOURCE_AUTH_PLUGIN,
			"%s: the server asks for authentication by %s; allowed are "
			"caching_sha2_password and mysql_native_password (MySQL asks for any "
			       "where there is no such user); no password was sent",
			name, a->plugin);
	case AUTH_NEEDS_TLS:
		return err_set(err, -EPROTO, ERR_SOURCE_TLS,
			       "%s: caching_sha2_password needs TLS for the first login of a user, "
			       "and the "
			       "server offers none; turn TLS on there, or set source.tls.mode to "
			       "disabled if "
			       "the network can be trusted; no password was sent",
			       name);
	case AUTH_BAD_KEY:
		return err_set(err, -EACCES, ERR_SOURCE_AUTH,
			       "%s: the password cannot be encrypted with the server's RSA key",
			       name);
	case AUTH_PROTOCOL:
	case AUTH_NONE:
		break;
	}
	return err_set(err, -EPROTO, ERR_SOURCE_UNREACHABLE,
		       "cannot connect to %s: the server does not speak the protocol of "
		       "authentication",
		       name);
}

int connect_fail(struct source *s, MYSQL *m, const struct auth *a, struct err *err)
{
	if (source_stopped(s))
		return err_set(err, -EINTR, ERR_SOURCE_LOST, "%s: stopped on request", s->name);
	if (a->verdict != AUTH_NONE)
		return verdict_fail(s, a, err);
	if (s->timed_out)
		return err_set(err, -ETIMEDOUT, ERR_SOURCE_UNREACHABLE,
			       "cannot connect to %s: no answer within %.1f s", s->name,
			       (double)s->options.connect_timeout / USEC_PER_SEC);
	unsigned code = mysql_errno(m);
	const char *text = mysql_error(m);
	const struct err_kind *kind = connect_error_kind(code, text);
	/* A plugin the library refused by itself: the greeting knows no plugins. */
	if (code == CR_PLUGIN_NOT_ALLOWED)
		text = "the server is too old: it does not negotiate the authentication method";
	const char *hint = "";
	/* The library tells the errno of the moment, not that of the connection. */
	if (code == CR_CONNECTION_ERROR && strstr(text, "Can't connect"))
		text = "refused, or no way to it";
	if (kind == ERR_SOURCE_AUTH && s->options.tls.mode == SOURCE_TLS_DISABLED)
		hint = " (without TLS; the account may require it)";
	return err_set(err, kind_errno(kind), kind, "cannot connect to %s: %s (error %u)%s",
		       s->name, text, code, hint);
}
