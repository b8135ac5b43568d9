/*
 * sink.h - where an envelope writes its messages: in place, one after the other.
 *
 * The pipeline implements it over the queue's memory; tests over a heap buffer. For each
 * message the envelope calls begin(), appends key, headers and value to the buffer in
 * that order, and calls end(). So the bytes are written once, where the pipe sends them
 * from. All calls come from the thread that calls the envelope.
 *
 * A message may stay begun while further rows are on their way: what the sink knows about
 * it besides its bytes (row, topic) is as it was at begin(). A message exists only after
 * end() returned 0. When a row fails in the middle of a
 * message, end() is not called for it: the sink drops what it has begun, at the latest at
 * the next begin(). A row makes up to three messages; the last carries RECORD_ROW_END. A
 * row whose values have no form fails before its first end(); only where the sink itself
 * fails may whole messages of an unfinished row stand before.
 */
#ifndef MR_ENVELOPE_SINK_H
#define MR_ENVELOPE_SINK_H

#include "common/base/buf.h"
#include "core/model/record.h"

struct envelope_sink {
	/*
	 * A buffer for the next message, with len 0 and failed false; valid until end().
	 * data[0] is where the key begins; what stands before it is the sink's. It grows by
	 * its `grow`, which may move it. NULL: no more messages can be taken (why() says).
	 */
	struct buf *(*begin)(struct envelope_sink *s);
	/*
	 * The message is complete: key_len + headers_len + value_len is the buffer's len.
	 * flags: RECORD_TOMBSTONE (value_len is 0: a null value), RECORD_NO_KEY (key_len is
	 * 0: a null key; a tombstone may have it too), RECORD_ROW_END, RECORD_APART. 0 or
	 * -errno (why() says).
	 */
	int (*end)(struct envelope_sink *s, uint32_t key_len, uint32_t headers_len,
		   uint32_t value_len, uint8_t flags);
	/*
	 * Called after begin() gave NULL, end() failed or the buffer could not grow: fills
	 * err with the reason and returns it as -errno.
	 */
	int (*why)(struct envelope_sink *s, struct err *err);
	/*
	 * As begin(), for a message of the task's transaction topic, which is no row's: it is
	 * ended without RECORD_ROW_END. NULL, the member: there is no such topic.
	 */
	struct buf *(*begin_transaction)(struct envelope_sink *s);
	/*
	 * As begin(), for one more message of the row whose message was the last to end: the sink
	 * may know by now of a row behind it. NULL, the member: begin() will do.
	 */
	struct buf *(*begin_more)(struct envelope_sink *s);
};

#endif
