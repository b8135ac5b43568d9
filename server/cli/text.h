/*
 * text.h - text for a terminal: what came from the server is cleaned, and measured.
 *
 * Pure; any thread. Bytes that are not UTF-8, control characters, and characters that
 * change the direction of what follows become U+FFFD: an answer can neither move the
 * cursor nor look like another. main() sets LC_CTYPE to a UTF-8 locale, by which wcwidth()
 * counts columns.
 */
#ifndef MR_CLI_TEXT_H
#define MR_CLI_TEXT_H

#include "common/base/buf.h"
#include "common/base/clock.h"

/* On one line: newlines and tabs become blanks. */
void text_put_clean(struct buf *out, const char *text);
/* Lines and tabs stay as they are. */
void text_put_clean_lines(struct buf *out, const char *text);
/* Columns that clean text takes. */
size_t text_width(const char *clean);

/*
 * JSON text as it is, but for characters that a terminal acts on: they can only stand in
 * strings and become their \u escape, so that it means the same.
 */
void text_put_json(struct buf *out, const char *json, size_t len);

/* "850 ms", "12 s", "3 m 20 s", "5 h 3 m", "12 d 4 h"; "-" when negative. */
void text_put_duration(struct buf *out, int64_t ms);
/* Since `ms` (milliseconds since 1970), as a duration; "-" when it is 0. */
void text_put_age(struct buf *out, int64_t ms, int64_t now_ms);
/* "2026-11-22 10:00:00 UTC"; "-" when it is 0. */
void text_put_time(struct buf *out, int64_t ms);
/* "12.5 MiB" */
void text_put_bytes(struct buf *out, int64_t bytes);

#endif
