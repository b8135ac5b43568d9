/*
 * shown.h - bytes that MariaDB's SELECT shows as text: UUID, INET4, INET6.
 *
 * They are BINARY in the binlog; that they are not is the catalogue's to know (struct
 * column's `shown`). Pure.
 */
#ifndef MR_BINLOG_SHOWN_H
#define MR_BINLOG_SHOWN_H

#include "common/base/bytes.h"

enum { SHOWN_TEXT_MAX = 46 };

/* How many bytes such a value has; 0: no text is shown of the kind (enum column_shown). */
size_t shown_size(unsigned kind);
/* The text of that many bytes, lower case. Returns its length. */
size_t shown_text(unsigned kind, const uint8_t *p, char out[SHOWN_TEXT_MAX]);

#endif
