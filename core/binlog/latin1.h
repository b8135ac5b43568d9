/*
 * latin1.h - MySQL's latin1 -> UTF-8. It is Windows' code page 1252, whose five unused
 * bytes stand for the control characters of the same number.
 */
#ifndef MR_BINLOG_LATIN1_H
#define MR_BINLOG_LATIN1_H

#include "common/base/bytes.h"

enum { LATIN1_UTF8_MAX = 3 }; /* bytes of UTF-8 that one byte becomes at most */

/* out has room for len * LATIN1_UTF8_MAX bytes. Returns how many were written. */
size_t latin1_to_utf8(const uint8_t *p, size_t len, uint8_t *out);

#endif
