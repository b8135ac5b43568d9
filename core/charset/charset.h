/*
 * charset.h - text in any character set that the servers have -> UTF-8.
 *
 * As SELECT CONVERT(… USING utf8mb4) of MySQL 5.7, 8.0, 9.7 and MariaDB 10.11, 11.8 shows
 * it: the tables were made from these servers (tests/vectors/charsets.py), which agree.
 * Only what cannot be converted differs: U+FFFD here, a '?' there.
 *
 * Not here: utf8mb4 and utf8mb3, which are UTF-8 already.
 *
 * Pure; tables are constant and shared, nothing is allocated.
 */
#ifndef MR_CHARSET_CHARSET_H
#define MR_CHARSET_CHARSET_H

#include "common/base/bytes.h"

#include <stdbool.h>

struct charset_set; /* opaque */

/* The set of this name, whatever its case; NULL: not one of those. Valid for ever. */
const struct charset_set *charset_find(struct span name);

/* The name of the set that a collation is of, by the servers' id; empty: not known. */
struct span charset_of_collation(uint32_t id);

/* Does a byte below 0x80, at the start of a character, mean what it does in ASCII? */
bool charset_has_ascii(const struct charset_set *set);

/* No byte of 0x80 or more. Such text of a set that has ASCII is UTF-8. */
bool charset_is_ascii(const uint8_t *p, size_t len);

enum {
	/* UTF-8 bytes that one byte of a set takes at most. */
	CHARSET_UTF8_MAX = 3,
	/* `room` for charset_to_utf8() to get on. */
	CHARSET_ROOM_MIN = 4,
};

/*
 * Converts from *p on, whole characters, until `end` or until `room` bytes of `out` do not
 * surely hold another one; moves *p. Returns the bytes written. *bad is set, never
 * cleared, when something was written as U+FFFD.
 */
size_t charset_to_utf8(const struct charset_set *set, const uint8_t **p, const uint8_t *end,
		       uint8_t *out, size_t room, bool *bad);

#endif
