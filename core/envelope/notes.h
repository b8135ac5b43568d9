/*
 * notes.h - the header `__mr.values`: what a value's place in a message cannot hold.
 *
 *   {"before":{"a":{"bytes":"<base64>"}},"after":{"a":{"bytes":"…"},"doc":{"diff":[…]}}}
 *
 *   bytes   text that is ill-formed in its character set: the message has U+FFFD for what
 *           cannot be converted, this the column's bytes as they are stored
 *   diff    a partial JSON update whose document is not in the row image (VALUE_JSON_DIFF):
 *           the message has what stands for an absent column, this the changes in order
 *
 * `before` is there for values of row->before, `after` for those of row->after, each with
 * the columns concerned only. Without any there is no header.
 *
 * A writer of values that meets such a value calls notes_flag(). A dialect clears
 * `noted` before it writes a message's value, and when it is set behind the value calls
 * notes_put_header(), which looks for the values again: this is rare, and costs rows
 * without such values one test.
 *
 * Pure; nothing is allocated.
 */
#ifndef MR_ENVELOPE_NOTES_H
#define MR_ENVELOPE_NOTES_H

#include "core/envelope/envelope_priv.h"

#define NOTES_HEADER "__mr.values"

static inline void notes_flag(const struct plan_column *c)
{
	*c->noted = true;
}

/*
 * A message's value is complete at the end of `b`: puts the header where the headers end,
 * at `at`, and moves the value behind it. Either image may be NULL. Returns the header's
 * length, which the headers grow by; 0 when there is nothing to note. Like all writers it
 * leaves it to the caller to ask whether the buffer failed.
 */
size_t notes_put_header(struct envelope *e, struct buf *b, size_t at, const struct value *before,
			const struct value *after) __attribute__((cold));

/* The members of one column's object, as notes_put_header() writes them. */
void notes_bytes(struct buf *b, const struct value *v);
void notes_diff(struct buf *b, const struct value *v);

#endif
