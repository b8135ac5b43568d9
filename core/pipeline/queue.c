/* queue.c - see queue.h. */
#include "core/pipeline/queue.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	EXPECT_MIN = 512,
	/* Kafka's length fields are 31 bits; a value of this size is refused long before. */
	MESSAGE_MAX = 1 << 30,
};

static void drop_begun(struct queue *q)
{
	free(q->outside);
	q->outside = NULL;
	q->record = NULL; /* a reservation that is never committed costs nothing */
}

/* Gives the message `total` bytes in the ring. */
static int grow_inside(struct queue *q, size_t total)
{
	size_t max = ring_entry_max(q->ring);
	size_t want = total < max / 2 ? 2 * total : max;
	struct record *r = ring_extend(q->ring, want, sizeof(*r) + q->buf.len);
	if (!r) {
		q->why = NULL; /* closed: the task is stopping */
		return -ECANCELED;
	}
	q->record = r;
	q->room = want;
	q->buf.data = (uint8_t *)(r + 1);
	q->buf.cap = want - sizeof(*r);
	return 0;
}

static int grow_outside(struct queue *q, size_t len)
{
	/* Bounded: what is outside already must be gone before the bound is passed. */
	if (!q->outside && q->outside_bytes > 0 &&
	    q->outside_bytes + len > ring_capacity(q->ring)) {
		if (!ring_drain(q->ring)) {
			q->why = NULL;
			return -ECANCELED;
		}
		q->outside_bytes = 0;
	}
	size_t want = len < MESSAGE_MAX / 2 ? len + len / 2 : MESSAGE_MAX;
	uint8_t *p = realloc(q->outside, want);
	if (!p) {
		q->why = ERR_MEMORY;
		return -ENOMEM;
	}
	if (!q->outside)
		memcpy(p, q->buf.data, q->buf.len);
	q->outside = p;
	q->buf.data = p;
	q->buf.cap = want;
	return 0;
}

static int grow(struct buf *b, size_t need)
{
	struct queue *q = b->owner;
	size_t len = b->len + need;
	if (len > MESSAGE_MAX || need > MESSAGE_MAX) {
		q->why = ERR_PIPE_OVERSIZE;
		return -EMSGSIZE;
	}
	if (q->outside || sizeof(struct record) + len > ring_entry_max(q->ring))
		return grow_outside(q, len);
	return grow_inside(q, sizeof(struct record) + len);
}

/* Room for another message; what it is about is as it was. */
static struct buf *open_message(struct queue *q)
{
	drop_begun(q);
	q->why = NULL;
	struct record *r = ring_reserve(q->ring, sizeof(*r) + q->expect);
	if (!r)
		return NULL;
	q->record = r;
	q->room = sizeof(*r) + q->expect;
	q->buf.data = (uint8_t *)(r + 1);
	q->buf.len = 0;
	q->buf.cap = q->expect;
	q->buf.failed = false;
	return &q->buf;
}

static struct buf *begin(struct envelope_sink *s)
{
	struct queue *q = (struct queue *)s;
	bool same = q->begun.row == q->row;
	q->begun.part = q->about.db.p ? (same ? q->begun.part : 0) + 1 : 0;
	q->begun.topic = q->topic;
	q->begun.row = q->row;
	q->begun.crc = q->crc;
	q->begun.timestamp = q->timestamp;
	q->begun.about = q->about;
	return open_message(q);
}

static struct buf *begin_more(struct envelope_sink *s)
{
	struct queue *q = (struct queue *)s;
	if (q->begun.part)
		q->begun.part++;
	return open_message(q);
}

static struct buf *begin_transaction(struct envelope_sink *s)
{
	struct queue *q = (struct queue *)s;
	struct buf *b = begin(s);
	q->begun.topic = q->transactions;
	q->begun.part = 0;
	return b;
}

void queue_set_transactions(struct queue *q, uint32_t topic)
{
	q->transactions = topic;
	q->sink.begin_transaction = begin_transaction;
}

static void put_message(struct queue *q, uint32_t topic, uint32_t key_len, uint32_t headers_len,
			uint32_t value_len, uint8_t flags)
{
	size_t len = q->buf.len;
	*q->record = (struct record){
		.kind = RECORD_MESSAGE,
		.flags = (uint8_t)(flags | (q->outside ? RECORD_OUTSIDE : 0)),
		.part = (uint8_t)q->begun.part,
		.topic = topic,
		.key_len = key_len,
		.headers_len = headers_len,
		.value_len = value_len,
		.crc = q->begun.crc,
		.row = q->begun.row,
		.timestamp = q->begun.timestamp,
		.outside = q->outside,
	};
	ring_commit(q->ring, sizeof(struct record) + (q->outside ? 0 : len));
	if (q->outside) {
		q->outside_bytes += q->buf.cap;
		q->outside = NULL; /* the record's now; released with it */
	} else if (len > q->expect) {
		size_t max = ring_entry_max(q->ring) - sizeof(struct record);
		q->expect = len + len / 4 < max ? len + len / 4 : max;
	} else if (len < q->expect / 4 && q->expect > EXPECT_MIN) {
		q->expect /= 2;
	}
	q->record = NULL;
	q->messages++;
	if (flags & RECORD_ROW_END) {
		q->done_row = q->begun.row;
		q->done_crc = q->begun.crc;
		q->done_messages = q->messages;
	}
	q->bytes += key_len + value_len;
}

static int end(struct envelope_sink *s, uint32_t key_len, uint32_t headers_len,
	       uint32_t value_len, uint8_t flags)
{
	struct queue *q = (struct queue *)s;
	bool judged = q->suspicious || (size_t)key_len + value_len > q->most;
	if (__builtin_expect(judged && q->judge && q->begun.part, 0)) {
		int rc = q->judge(q->judge_ctx, q, key_len, headers_len, value_len, flags);
		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
	put_message(q, q->begun.topic, key_len, headers_len, value_len, flags);
	return 0;
}

int queue_put_instead(struct queue *q, uint32_t topic, struct span key, struct span headers,
		      struct span value, uint8_t flags)
{
	struct buf small;
	buf_init(&small);
	buf_put(&small, key.p, key.len);
	buf_put(&small, headers.p, headers.len);
	buf_put(&small, value.p, value.len);
	struct buf *b = small.failed ? NULL : open_message(q);
	if (b)
		buf_put(b, small.data, small.len);
	else if (small.failed)
		q->why = ERR_MEMORY;
	buf_free(&small);
	if (!b || b->failed)
		return q->why == ERR_MEMORY ? -ENOMEM : -ECANCELED;
	put_message(q, topic, (uint32_t)key.len, (uint32_t)headers.len, (uint32_t)value.len, flags);
	return 0;
}

void queue_begin_group(struct queue *q, bool suspicious)
{
	q->suspicious = suspicious;
	q->done_row = 0;
	q->done_messages = q->messages;
	q->begun.row = 0;
	q->begun.part = 0;
}

static int why(struct envelope_sink *s, struct err *err)
{
	struct queue *q = (struct queue *)s;
	if (q->refusal) {
		if (err)
			*err = *q->refusal;
		return -EMSGSIZE;
	}
	if (q->why == ERR_MEMORY)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a message of %zu bytes",
			       q->buf.len);
	if (q->why == ERR_PIPE_OVERSIZE)
		return err_set(err, -EMSGSIZE, ERR_PIPE_OVERSIZE,
			       "a row makes a message of over %d bytes", MESSAGE_MAX);
	return -ECANCELED; /* the ring is closed: nothing failed */
}

void queue_init(struct queue *q, struct ring *ring, const char *server)
{
	*q = (struct queue){
		.sink = {.begin = begin, .end = end, .why = why, .begin_more = begin_more},
		.ring = ring,
		.most = SIZE_MAX,
		.expect = 1024,
		.buf = {.grow = grow},
	};
	q->buf.owner = q;
	snprintf(q->server, sizeof(q->server), "%s", server);
}

void queue_fini(struct queue *q)
{
	drop_begun(q);
}

static int put(struct queue *q, uint8_t kind, const void *body, size_t size)
{
	struct record *r = ring_reserve(q->ring, sizeof(*r) + size);
	if (!r)
		return -ECANCELED;
	*r = (struct record){.kind = kind};
	memcpy(r + 1, body, size);
	ring_commit(q->ring, sizeof(*r) + size);
	return 0;
}

int queue_put_group(struct queue *q, const struct record_group *g)
{
	return put(q, RECORD_GROUP, g, sizeof(*g));
}

int queue_put_xa(struct queue *q, struct prepared *entry, bool decided)
{
	const struct record_xa xa = {.entry = entry, .decided = decided};
	int rc = put(q, RECORD_XA, &xa, sizeof(xa));
	if (rc < 0)
		prepared_unref(entry);
	return rc;
}

int queue_set_server(struct queue *q, const char *server)
{
	if (strcmp(q->server, server) == 0)
		return 0;
	snprintf(q->server, sizeof(q->server), "%s", server);
	return put(q, RECORD_SERVER, q->server, sizeof(q->server));
}

int queue_put_mark(struct queue *q, const struct record_mark *m)
{
	int rc = put(q, RECORD_MARK, m, sizeof(*m));
	if (rc == 0)
		ring_publish(q->ring);
	return rc;
}

void queue_publish(struct queue *q)
{
	ring_publish(q->ring);
}
