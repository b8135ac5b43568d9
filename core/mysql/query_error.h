/* query_error.h - what a server's error number means outside of connecting. Private. */
#ifndef MR_MYSQL_QUERY_ERROR_H
#define MR_MYSQL_QUERY_ERROR_H

#include "common/base/err.h"

#include <stddef.h>

/* Pure. ERR_SOURCE_GRANT, ERR_SOURCE_LOST, ERR_MEMORY or ERR_SOURCE_QUERY. */
const struct err_kind *query_error_kind(unsigned code);

/*
 * The GRANT that mends the error, made of the server's text: the privilege it names
 * (the first that is not SUPER) and the table, if one. `account` is CURRENT_USER():
 * user@host. Returns out, empty when the text names no privilege. Pure.
 */
const char *query_error_grant(unsigned code, const char *text, const char *account, char *out,
			      size_t size);
/* 'user'@'host' of user@host, quoted. Pure. */
const char *query_quote_account(const char *account, char *out, size_t size);

#endif
