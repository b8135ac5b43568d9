/*
 * progress.h - whether an instance gets on, from one reading of its document to the next.
 * Pure.
 */
#ifndef MR_MONITOR_RULES_PROGRESS_H
#define MR_MONITOR_RULES_PROGRESS_H

#include "common/base/clock.h"
#include "common/contract/instance.h"

struct progress {
	uint32_t node; /* CRC of the instance's name: another one begins anew */
	int64_t mzxid;
	usec_t written_at; /* the document was seen to change */
	uint32_t mark;	   /* CRC of position and counters */
	usec_t moved_at;
	uint32_t head; /* CRC of the source's head */
	/*
	 * Times the head moved since moved_at. The first may be one that the position has
	 * passed already (the source is asked twice a minute); the second, at head_moved_at,
	 * is news.
	 */
	unsigned head_moves;
	usec_t head_moved_at;
	bool seen;
	uint64_t letters;  /* dead letters of this run */
	usec_t letters_at; /* their number rose, or was not 0 when first read; 0: neither */
};

/* The document is the one of the last update: nothing of it has to be read. */
bool progress_same(const struct progress *p, const char *node, int64_t mzxid);
/* The document as it is now, at its version. */
void progress_update(struct progress *p, const char *node, int64_t mzxid,
		     const struct instance_doc *doc, usec_t now);

#endif
