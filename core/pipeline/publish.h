/*
 * publish.h - the rows of decided groups: event bytes -> rows -> messages in the queue.
 *
 * Job: for each rows event walk the rows, count them, and let the envelope write those that
 * are wanted. Which tables there are is targets.c's. Whether a group happened is not decided here (source.c), nor whether anything was
 * delivered (deliver.c). Source thread only.
 */
#ifndef MR_PIPELINE_PUBLISH_H
#define MR_PIPELINE_PUBLISH_H

#include "core/binlog/stream.h"
#include "core/envelope/envelope.h"
#include "core/pipeline/oversize.h"
#include "core/pipeline/queue.h"
#include "core/pipeline/targets.h"

struct publish {
	struct targets targets;

	/* Borrowed. */
	struct envelope *envelope;
	struct queue *queue;
	const struct oversize_list *oversize; /* messages that the pipe refused before */

	bool tells_truncate; /* the format does: publish_truncate() may be called */

	struct arena values;            /* what values of one row point to; reset per row */
	const uint8_t *values_start;
	struct value *before;
	struct value *after;
	uint32_t nvalues;

	/* The group being published. */
	struct gtid gtid;
	struct binlog_pos start;
	bool open;       /* between publish_group() and publish_end() */
	bool record_put; /* its RECORD_GROUP is in the queue */
	bool group_put;  /* and the envelope knows it */
	char gtid_text[GTID_TEXT_MAX];
	uint64_t xid;    /* when has_xid */
	bool has_xid;
	struct row_group group; /* for the envelope, once group_put */
	uint64_t rows;   /* row changes passed, as the source wrote them */
	uint32_t crc;    /* running over their images */
	/*
	 * Rows of this group that are in the pipe already, from struct partial: passed
	 * over, and their crc compared. 0: none.
	 */
	uint64_t skip_rows;
	uint32_t skip_crc;
};

int publish_init(struct publish *p) MR_MUST_CHECK;
void publish_fini(struct publish *p);

/* The group whose events follow; `skip` (may be NULL) is what of it was published before. */
void publish_group(struct publish *p, const struct group *g, const struct partial *skip);
/* The number of its XID event, which is known before the first of its rows is published. */
void publish_xid(struct publish *p, uint64_t xid);
/*
 * A TABLE_MAP or rows event of the group. `undone`: it did not happen (its rows count,
 * but are not written). Errors are located; -ECANCELED when the queue was closed.
 */
int publish_event(struct publish *p, const struct stream *s, enum step_kind kind,
		  const struct event *e, uint64_t pos, bool undone,
		  struct err *err) MR_MUST_CHECK;
/*
 * TRUNCATE of a wanted table, as a group of its own, which is open: the format's message. `e` is
 * the statement's event.
 */
int publish_truncate(struct publish *p, const struct stream *s, const struct event *e,
		     uint64_t pos, struct span db, struct span name,
		     struct err *err) MR_MUST_CHECK;
/* A message that is no row's: its bytes are copied. */
struct publish_message {
	uint32_t topic; /* of pipe_topic() */
	usec_t timestamp;
	struct span key;     /* empty: a null key */
	struct span headers; /* as record_headers() has them; may be empty */
	struct span value;
};

/*
 * Puts it in the queue behind what was published of the group at hand, which is open: the
 * group's MARK waits for its acknowledgement. After a resume inside the group it is passed
 * over if it stands in front of a row that is in the pipe already. -ECANCELED when the queue
 * was closed.
 */
int publish_side(struct publish *p, const struct publish_message *m,
		 struct err *err) MR_MUST_CHECK;
/*
 * The group is complete: `mark` says where and when; its GTID counts even if its rows did not
 * happen. `xa` (its entry may be NULL: nothing) is what it does to the prepared ones; the
 * entry stays the caller's.
 */
int publish_end(struct publish *p, const struct record_mark *mark, const struct record_xa *xa,
		struct err *err) MR_MUST_CHECK;
/*
 * Whether the queue has messages of the open group behind its last whole row: half a row's, or
 * what stands in front of one.
 */
bool publish_has_loose(const struct publish *p);
/*
 * The group is broken off: how far it is in the queue, into *ret; false when none of it is
 * beyond what was there before.
 */
bool publish_break(struct publish *p, struct partial *ret);
/* A DDL statement: definitions may have changed. */
void publish_forget_tables(struct publish *p);

#endif
