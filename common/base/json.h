/*
 * json.h - writing JSON text into a struct buf: the hot path builds no tree.
 *
 * Parsing, and documents that are read as a whole, are jansson's; json_text_is_object()
 * only looks. These functions write single values; commas, braces and names are the
 * caller's (as literals, for speed). Text must be UTF-8: bytes that are not are replaced
 * by U+FFFD and the function says so, because JSON could not be parsed otherwise.
 */
#ifndef MR_BASE_JSON_H
#define MR_BASE_JSON_H

#include "common/base/buf.h"

/* A quoted string. Returns false if bytes had to be replaced. */
bool json_put_string(struct buf *b, const void *text, size_t len);
/* The same without the quotes, to be continued. */
bool json_put_escaped(struct buf *b, const void *text, size_t len);
/* A quoted string of cp1252 bytes (what MySQL calls latin1), as UTF-8. */
void json_put_latin1(struct buf *b, const void *bytes, size_t len);
void json_put_i64(struct buf *b, int64_t v);
void json_put_u64(struct buf *b, uint64_t v);
/* Shortest text that reads back to the same bits. NaN and infinities become null. */
void json_put_double(struct buf *b, double v);
void json_put_float(struct buf *b, float v);
/* Quoted base64 (RFC 4648 section 4), or the URL-safe alphabet of section 5, padded. */
void json_put_base64(struct buf *b, const void *bytes, size_t len);
void json_put_base64url(struct buf *b, const void *bytes, size_t len);
/* Quoted lower-case hexadecimal digits. */
void json_put_hex(struct buf *b, const void *bytes, size_t len);

/* Is the text, from its first byte '{' to its last, one JSON object? At most 64 deep. */
bool json_text_is_object(const void *text, size_t len);

/* Decimal digits of v at p (20 bytes of room); returns how many. */
unsigned dec_put_u64(uint8_t *p, uint64_t v);

#endif
