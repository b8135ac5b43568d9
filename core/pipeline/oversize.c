/*
 * oversize.c - see oversize.h. A dead letter:
 *
 *   key      the message's own, if it has at most KEY_MAX bytes; else none
 *   headers  __mr.error "pipe_oversize", __mr.topic: where the message should have gone
 *   value    {"task":…,"database":…,"table":…,"topic":…,"type":"insert|update|delete",
 *             "error":"pipe_oversize","message":…,"bytes":…,"limit":…|null,
 *             "key":"…"|null,"key_bytes":…,"gtid":"…","file":…,"pos":…,"row":…,"part":…}
 *
 * The same text whenever and wherever the row is met on one server: no clock, no host. Nothing
 * of the row's values but its key, so that it fits where the row did not.
 */
#include "core/pipeline/oversize.h"

#include "common/base/json.h"
#include "common/contract/errors.h"
#include "core/pipeline/publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_MAX = 4096,
	KEY_SHOWN = 200, /* in an error's text */
};

/* ---------------------------------------------------------------- what is known */

static bool same_group(const struct oversize *o, const struct gtid *gtid,
		       const struct binlog_pos *start)
{
	if (o->gtid.kind != GTID_NONE)
		return gtid_equal(&o->gtid, gtid);
	return gtid->kind == GTID_NONE && o->start.pos == start->pos &&
	       strcmp(o->start.file, start->file) == 0;
}

static const struct oversize *find(const struct oversize_list *l, const struct gtid *gtid,
				   const struct binlog_pos *start, uint64_t row, unsigned part)
{
	for (size_t i = 0; l && i < l->n; i++)
		if (l->list[i].row == row && l->list[i].part == part &&
		    same_group(&l->list[i], gtid, start))
			return &l->list[i];
	return NULL;
}

bool oversize_of_group(const struct oversize_list *l, const struct gtid *gtid,
		       const struct binlog_pos *start)
{
	for (size_t i = 0; l && i < l->n; i++)
		if (same_group(&l->list[i], gtid, start))
			return true;
	return false;
}

static void drop_passed(struct oversize_list *l, const struct binlog_pos *safe)
{
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++)
		if (binlog_pos_compare(&l->list[i].start, safe) != -1)
			l->list[n++] = l->list[i];
	l->n = n;
}

int oversize_note(struct oversize_list *l, const struct oversize *o, const struct binlog_pos *safe)
{
	if (find(l, &o->gtid, &o->start, o->row, o->part))
		return -EEXIST;
	if (l->n == OVERSIZE_MAX)
		drop_passed(l, safe);
	if (l->n == OVERSIZE_MAX)
		return -E2BIG;
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 4;
		struct oversize *list = realloc(l->list, cap * sizeof(*list));
		if (!list)
			return -ENOMEM;
		l->list = list;
		l->cap = cap;
	}
	l->list[l->n++] = *o;
	return 0;
}

void oversize_free(struct oversize_list *l)
{
	free(l->list);
	*l = (struct oversize_list){0};
}

/* ---------------------------------------------------------------- judging */

/* "a message of 7 bytes is too large for topic t, which takes 5 bytes (max.message.bytes)" */
static void size_text(const struct oversize_judge *j, const struct queue *q,
		      const struct pipe_oversize *size, char out[420])
{
	const char *topic = pipe_topic_name(j->pipe, q->begun.topic);
	int n = snprintf(out, 420, "a message of %zu bytes ", size->bytes);
	if (size->ours)
		snprintf(out + n, 420 - (size_t)n,
			 "for topic %.250s is over our own limit of %zu bytes (pipe.properties "
			 "message.max.bytes)",
			 topic, size->limit);
	else if (size->limit)
		snprintf(out + n, 420 - (size_t)n,
			 "is too large for topic %.250s, which takes %zu bytes (max.message.bytes)",
			 topic, size->limit);
	else
		snprintf(out + n, 420 - (size_t)n,
			 "is too large for topic %.250s, whose max.message.bytes we may not read",
			 topic);
}

static int refuse(struct oversize_judge *j, struct queue *q, const struct pipe_oversize *size,
		  struct span key)
{
	const struct queue_about *a = &q->begun.about;
	char text[420], gtid[GTID_TEXT_MAX] = "";
	size_text(j, q, size, text);
	gtid_format(&j->publish->gtid, gtid);
	bool cut = key.len > KEY_SHOWN;
	int rc = err_set(&j->refusal, -EMSGSIZE, ERR_PIPE_OVERSIZE, "table %.*s.%.*s, %s%.*s%s: %s",
			 (int)a->db.len, (const char *)a->db.p, (int)a->table.len,
			 (const char *)a->table.p, key.len ? "key " : "without a key",
			 (int)(cut ? KEY_SHOWN : key.len), (const char *)key.p, cut ? "…" : "",
			 text);
	err_locate(&j->refusal, "row change %llu of the transaction that begins at %.120s:%llu%s%s",
		   (unsigned long long)q->begun.row, j->publish->start.file,
		   (unsigned long long)j->publish->start.pos, gtid[0] ? ", GTID " : "", gtid);
	q->refusal = &j->refusal;
	return rc;
}

static void put_text(struct buf *b, const char *name, const void *text, size_t len)
{
	buf_puts(b, name);
	json_put_string(b, text, len);
}

static void put_number(struct buf *b, const char *name, uint64_t number)
{
	buf_puts(b, name);
	json_put_u64(b, number);
}

static void put_value(const struct oversize_judge *j, const struct queue *q,
		      const struct pipe_oversize *size, struct span key, struct buf *b)
{
	static const char *const types[] = {
		[ROW_INSERT] = "insert", [ROW_UPDATE] = "update", [ROW_DELETE] = "delete",
		[ROW_SNAPSHOT] = "insert"};
	const struct queue_about *a = &q->begun.about;
	const char *topic = pipe_topic_name(j->pipe, q->begun.topic);
	const char *file = j->publish->start.file;
	char text[420], gtid[GTID_TEXT_MAX] = "";
	size_text(j, q, size, text);
	gtid_format(&j->publish->gtid, gtid);
	put_text(b, "{\"task\":", j->task->name, strlen(j->task->name));
	put_text(b, ",\"database\":", a->db.p, a->db.len);
	put_text(b, ",\"table\":", a->table.p, a->table.len);
	put_text(b, ",\"topic\":", topic, strlen(topic));
	put_text(b, ",\"type\":", types[a->op], strlen(types[a->op]));
	buf_lit(b, ",\"error\":\"pipe_oversize\"");
	put_text(b, ",\"message\":", text, strlen(text));
	put_number(b, ",\"bytes\":", size->bytes);
	if (size->limit)
		put_number(b, ",\"limit\":", size->limit);
	else
		buf_lit(b, ",\"limit\":null");
	if (key.len && key.len <= KEY_MAX)
		put_text(b, ",\"key\":", key.p, key.len);
	else
		buf_lit(b, ",\"key\":null");
	put_number(b, ",\"key_bytes\":", key.len);
	put_text(b, ",\"gtid\":", gtid, strlen(gtid));
	put_text(b, ",\"file\":", file, strlen(file));
	put_number(b, ",\"pos\":", a->pos);
	put_number(b, ",\"row\":", q->begun.row);
	put_number(b, ",\"part\":", q->begun.part);
	buf_lit(b, "}");
}

/* As record_headers() has them. */
static void put_header(struct buf *b, const char *name, const char *value)
{
	uint16_t name_len = (uint16_t)strlen(name);
	uint32_t value_len = (uint32_t)strlen(value);
	buf_put(b, &name_len, sizeof(name_len));
	buf_put(b, name, name_len);
	buf_put(b, &value_len, sizeof(value_len));
	buf_put(b, value, value_len);
}

static int write_letter(struct oversize_judge *j, struct queue *q,
			const struct pipe_oversize *size, struct span key, uint8_t flags)
{
	struct buf *b = &j->value;
	buf_clear(b);
	put_header(b, "__mr.error", "pipe_oversize");
	put_header(b, "__mr.topic", pipe_topic_name(j->pipe, q->begun.topic));
	size_t headers = b->len;
	put_value(j, q, size, key, b);
	if (b->failed) {
		q->why = ERR_MEMORY;
		return -ENOMEM;
	}
	if (key.len > KEY_MAX || key.len == 0) {
		key.len = 0;
		flags |= RECORD_NO_KEY;
	}
	flags = (uint8_t)((flags & ~RECORD_TOMBSTONE) | RECORD_DEAD_LETTER);
	const struct span heads = {b->data, headers}, value = {b->data + headers, b->len - headers};
	int rc = queue_put_instead(q, j->topic, key, heads, value, flags);
	return rc < 0 ? rc : 1;
}

static int judge(void *ctx, struct queue *q, uint32_t key_len, uint32_t headers_len,
		 uint32_t value_len, uint8_t flags)
{
	struct oversize_judge *j = ctx;
	const struct span key = {q->buf.data, key_len};
	const struct oversize *known = find(j->known, &j->publish->gtid, &j->publish->start,
					    q->begun.row, q->begun.part);
	struct pipe_oversize size = {.bytes = (size_t)key_len + headers_len + value_len,
				     .limit = q->most,
				     .ours = true};
	if (known)
		size = known->size;
	else if ((size_t)key_len + value_len <= q->most)
		return 0;
	return j->letters ? write_letter(j, q, &size, key, flags) : refuse(j, q, &size, key);
}

int oversize_judge_init(struct oversize_judge *j, struct queue *queue, struct err *err)
{
	char topic[TASK_TOPIC_MAX + 1];
	int rc = 0;
	buf_init(&j->value);
	j->letters = j->task->on_error.oversize_row == TASK_ON_ERROR_DEAD_LETTER;
	if (j->letters)
		rc = task_side_topic(j->task, "dead_letter", j->task->pipe.topics.dead_letter, topic,
				     err);
	if (rc == 0 && j->letters)
		rc = pipe_topic(j->pipe, topic, &j->topic, err);
	queue->judge = judge;
	queue->judge_ctx = j;
	queue->most = pipe_message_max(j->pipe);
	return rc;
}

void oversize_judge_fini(struct oversize_judge *j)
{
	buf_free(&j->value);
}
