/* heartbeat.c - see heartbeat.h. */
#include "core/pipeline/heartbeat.h"

#include "common/base/json.h"

#include <string.h>

int heartbeat_init(struct heartbeat *h, const struct task *task, struct pipe *pipe,
		   struct err *err)
{
	char topic[TASK_TOPIC_MAX + 1];
	*h = (struct heartbeat){0};
	if (!task->pipe.topics.heartbeat[0])
		return 0;
	int rc = task_side_topic(task, "heartbeat", task->pipe.topics.heartbeat, topic, err);
	if (rc == 0)
		rc = pipe_topic(pipe, topic, &h->topic, err);
	if (rc < 0)
		return rc;
	h->interval = task->pipe.topics.heartbeat_interval;
	h->exact = task->pipe.options.compat == TASK_COMPAT_EXACT;
	return 0;
}

usec_t heartbeat_period(const struct heartbeat *h, usec_t most)
{
	return h->interval && h->interval < most ? h->interval : most;
}

static void put_text(struct buf *b, const char *text)
{
	json_put_string(b, text, strlen(text));
}

/*
 * Key {"serverName":…} and {"ts_ms":…} are Debezium's; behind them how far the source was
 * read, and when what is there was committed.
 */
static void put_value(struct buf *b, const struct heartbeat *h, const struct task *task,
		      const struct position *read)
{
	buf_lit(b, "{\"ts_ms\":");
	json_put_i64(b, clock_wall() / USEC_PER_MSEC);
	if (!h->exact) {
		buf_lit(b, ",\"task\":");
		put_text(b, task->name);
		buf_lit(b, ",\"file\":");
		put_text(b, read->at.file);
		buf_lit(b, ",\"pos\":");
		json_put_u64(b, read->at.pos);
		buf_lit(b, ",\"commit_ts_ms\":");
		if (read->commit_time)
			json_put_i64(b, read->commit_time / USEC_PER_MSEC);
		else
			buf_lit(b, "null");
	}
	buf_lit(b, "}");
}

int heartbeat_send(struct heartbeat *h, const struct task *task, struct queue *queue,
		   const struct position *read, struct err *err)
{
	usec_t now = clock_boot();
	if (now < h->due)
		return 0;
	h->due = now + h->interval;
	queue->topic = h->topic;
	queue->row = 0;
	queue->crc = 0;
	queue->timestamp = clock_wall();
	struct envelope_sink *sink = &queue->sink;
	struct buf *b = sink->begin(sink);
	if (!b)
		return sink->why(sink, err);
	buf_lit(b, "{\"serverName\":");
	put_text(b, task->name);
	buf_lit(b, "}");
	size_t key = b->len;
	put_value(b, h, task, read);
	/* No end of a row: the ledger waits for it, and counts nothing. */
	if (b->failed ||
	    sink->end(sink, (uint32_t)key, 0, (uint32_t)(b->len - key), RECORD_APART) < 0)
		return sink->why(sink, err);
	queue_publish(queue);
	return 0;
}
