/* connect_error.h - why a connection could not be made. Private to core/mysql. */
#ifndef MR_MYSQL_CONNECT_ERROR_H
#define MR_MYSQL_CONNECT_ERROR_H

#include "core/mysql/auth.h"
#include "core/mysql/source_priv.h"

/* Fills err from the attempt's verdict or the library's error, and returns -errno. */
int connect_fail(struct source *s, MYSQL *m, const struct auth *a, struct err *err);

/*
 * Kind of a number the server or the library gave while connecting. `text` may quote
 * the server's number where the library hides it. Pure.
 */
const struct err_kind *connect_error_kind(unsigned code, const char *text);

#endif
