/* query_error.c - see query_error.h, and the servers' texts of which it reads:
 *
 *   1227  Access denied; you need (at least one of) the SUPER, REPLICATION CLIENT
 *         privilege(s) for this operation
 *   1045  Access denied for user 'u'@'h' (using password: YES)      (while connected:
 *         MySQL's COM_BINLOG_DUMP without REPLICATION SLAVE says so too)
 *   1142  SELECT command denied to user 'u'@'h' for table 'db'.'t'  (MariaDB: `db`.`t`,
 *         MySQL: 't' alone)
 */
#include "core/mysql/query_error.h"
#include "common/contract/errors.h"
#include "core/mysql/source_priv.h"

#include <errmsg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const struct err_kind *query_error_kind(unsigned code)
{
	switch (code) {
	case SERVER_ERR_DBACCESS_DENIED:
	case SERVER_ERR_ACCESS_DENIED:
	case SERVER_ERR_TABLEACCESS_DENIED:
	case SERVER_ERR_COLUMNACCESS_DENIED:
	case SERVER_ERR_SPECIFIC_ACCESS_DENIED:
	case SERVER_ERR_ACCESS_DENIED_NO_PASSWORD:
		return ERR_SOURCE_GRANT;
	case SERVER_ERR_SHUTDOWN:
	case SERVER_ERR_CONNECTION_KILLED:
	case SERVER_ERR_CLIENT_TIMEOUT:
	case SERVER_ERR_QUERY_INTERRUPTED:
	case SERVER_ERR_OFFLINE_MODE:
	/* The network, as the server saw it. */
	case SERVER_ERR_NET_READ:
	case SERVER_ERR_NET_READ_INTERRUPTED:
	case SERVER_ERR_NET_WRITE:
	case SERVER_ERR_NET_WRITE_INTERRUPTED:
	/* Load that passes. */
	case SERVER_ERR_OUT_OF_MEMORY:
	case SERVER_ERR_OUT_OF_RESOURCES:
	case SERVER_ERR_NO_THREAD:
	case SERVER_ERR_LOCK_WAIT:
	case SERVER_ERR_DEADLOCK:
	case CR_SERVER_GONE_ERROR:
	case CR_SERVER_LOST:
	case CR_SSL_CONNECTION_ERROR: /* TLS broken in the middle */
	case CR_MALFORMED_PACKET:
	case CR_ERR_NET_READ:
	case CR_ERR_NET_WRITE:
		return ERR_SOURCE_LOST;
	case CR_OUT_OF_MEMORY:
		return ERR_MEMORY;
	default:
		return ERR_SOURCE_QUERY;
	}
}

/* Appends `text` between quotes of its own kind, doubling those inside. */
static size_t put_quoted(char *out, size_t size, size_t at, char quote, const char *text, size_t n)
{
	if (at + 1 < size)
		out[at++] = quote;
	for (size_t i = 0; i < n && at + 3 < size; i++) {
		if (text[i] == quote || (text[i] == '\\' && quote == '\''))
			out[at++] = text[i];
		out[at++] = text[i];
	}
	if (at + 1 < size)
		out[at++] = quote;
	out[at] = 0;
	return at;
}

const char *query_quote_account(const char *account, char *out, size_t size)
{
	const char *at = strrchr(account, '@');
	size_t user = at ? (size_t)(at - account) : strlen(account);
	const char *host = at ? at + 1 : "%";
	size_t n = put_quoted(out, size, 0, '\'', account, user);
	if (n + 1 < size)
		out[n++] = '@';
	put_quoted(out, size, n, '\'', host, strlen(host));
	return out;
}

/* The first privilege of "A, B" that is not SUPER, or else the first. */
static size_t privilege(const char *list, size_t n, const char **ret)
{
	const char *p = list, *end = list + n;
	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		size_t len = (size_t)((comma ? comma : end) - p);
		if (len != 5 || strncmp(p, "SUPER", 5) != 0 || !comma) {
			*ret = p;
			return len;
		}
		p = comma + 1 + strspn(comma + 1, " ");
	}
	*ret = list;
	return n;
}

const char *query_error_grant(unsigned code, const char *text, const char *account, char *out,
			      size_t size)
{
	static const char need[] = "(at least one of) the ", behind[] = " privilege(s)";
	char who[256];
	query_quote_account(account, who, sizeof(who));
	out[0] = 0;
	const char *what = NULL, *on = "*.*";
	size_t nwhat = 0, non = 3;
	if (code == SERVER_ERR_SPECIFIC_ACCESS_DENIED) {
		const char *p = strstr(text, need);
		const char *end = p ? strstr(p, behind) : NULL;
		if (end) {
			p += sizeof(need) - 1;
			nwhat = privilege(p, (size_t)(end - p), &what);
		}
	} else if (code == SERVER_ERR_TABLEACCESS_DENIED ||
		   code == SERVER_ERR_COLUMNACCESS_DENIED) {
		const char *end = strstr(text, " command denied");
		const char *p = strstr(text, "for table ");
		if (end) {
			what = text;
			nwhat = (size_t)(end - text);
		}
		if (p && strchr(p, '.')) {
			on = p + strlen("for table ");
			non = strcspn(on, " \n");
		}
	}
	if (what)
		snprintf(out, size, "GRANT %.*s ON %.*s TO %s", (int)nwhat, what, (int)non, on,
			 who);
	return out;
}
