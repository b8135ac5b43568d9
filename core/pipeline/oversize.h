/*
 * oversize.h - messages that the pipe found too large: on_error.oversize_row.
 *
 * Only the broker knows what is too large for it: it looks at batches as they are compressed.
 * So a message is known by having been refused, which ends the producer; capture.c notes here
 * which one it was and reads again from the safe position. When the row comes by again, the
 * judge knows it in front of the queue: the task fails there, naming table and key, or a dead
 * letter takes the message's place, in its transaction and order.
 *
 * A message is known by its group (GTID, or where it begins), its row's number there, and its
 * number among the row's messages. docs/decisions/0029-dead-letters.md has the reasons.
 *
 * Does not belong here: what the pipe says of sizes, when a capture begins anew.
 * The list is the delivering thread's between episodes and read by the source's thread during
 * one; the judge is the source's thread's.
 */
#ifndef MR_PIPELINE_OVERSIZE_H
#define MR_PIPELINE_OVERSIZE_H

#include "common/base/buf.h"
#include "common/contract/task.h"
#include "core/model/position.h"
#include "core/pipe/pipe.h"
#include "core/pipeline/queue.h"

struct oversize {
	struct gtid gtid;
	struct binlog_pos start;
	uint64_t row;
	unsigned part;
	struct pipe_oversize size;
};

struct oversize_list {
	struct oversize *list;
	size_t n;
	size_t cap;
};

/* How many a capture remembers; each took a producer's life to find out. */
enum { OVERSIZE_MAX = 4096 };

/*
 * 0; -EEXIST: it was noted before, so noting it does not help; -E2BIG: no more can be noted;
 * -ENOMEM. `safe`: what lies in front of it is done with, when room is needed.
 */
int oversize_note(struct oversize_list *l, const struct oversize *o,
		  const struct binlog_pos *safe) MR_MUST_CHECK;
void oversize_free(struct oversize_list *l);
/* Is one of this group among them? */
bool oversize_of_group(const struct oversize_list *l, const struct gtid *gtid,
		       const struct binlog_pos *start);

struct publish;

/* What the judge needs; all borrowed. Zeroed, then oversize_judge_init(). */
struct oversize_judge {
	const struct task *task;
	const struct publish *publish;
	const struct oversize_list *known;
	struct pipe *pipe;
	bool letters;   /* dead letters are written; else the task ends */
	uint32_t topic; /* for them */
	struct buf value;
	struct err refusal;
};

/* Sets the queue's judge too. */
int oversize_judge_init(struct oversize_judge *j, struct queue *queue,
			struct err *err) MR_MUST_CHECK;
void oversize_judge_fini(struct oversize_judge *j);

#endif
