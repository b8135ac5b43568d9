/* progress.c - see progress.h. */
#include "monitor/rules/progress.h"

#include "common/base/crc.h"

#include <string.h>

static uint32_t mix(uint32_t crc, const void *bytes, size_t n)
{
	return crc32_update(crc, bytes, n);
}

static uint32_t mix_position(uint32_t crc, const struct report_position *p)
{
	crc = mix(crc, p->file, strlen(p->file) + 1);
	crc = mix(crc, &p->pos, sizeof(p->pos));
	return mix(crc, p->gtid, strlen(p->gtid) + 1);
}

static void count_letters(struct progress *p, uint64_t n, usec_t now)
{
	if (n > p->letters || (n > 0 && n < p->letters)) /* or a new run has some of its own */
		p->letters_at = now;
	p->letters = n;
}

bool progress_same(const struct progress *p, const char *node, int64_t mzxid)
{
	return p->seen && p->mzxid == mzxid && p->node == mix(0, node, strlen(node));
}

void progress_update(struct progress *p, const char *node, int64_t mzxid,
		     const struct instance_doc *doc, usec_t now)
{
	uint32_t who = mix(0, node, strlen(node));
	uint32_t mark = mix_position(0, &doc->position), head = mix_position(0, &doc->source_head);
	/* A transaction larger than memory moves no position for long, but rows. */
	mark = mix(mark, &doc->rows, sizeof(doc->rows));
	mark = mix(mark, &doc->bytes, sizeof(doc->bytes));
	mark = mix(mark, &doc->transactions, sizeof(doc->transactions));
	if (!p->seen || p->node != who) {
		*p = (struct progress){.seen = true,
				       .node = who,
				       .mzxid = mzxid,
				       .mark = mark,
				       .head = head,
				       .written_at = now,
				       .moved_at = now};
		count_letters(p, doc->dead_letters, now);
		return;
	}
	count_letters(p, doc->dead_letters, now);
	if (p->mzxid != mzxid)
		p->written_at = now;
	p->mzxid = mzxid;
	if (p->head != head && p->head_moves < 2) {
		p->head_moves++;
		p->head_moved_at = now;
	}
	p->head = head;
	if (p->mark != mark) {
		p->moved_at = now;
		p->head_moves = 0;
	}
	p->mark = mark;
}
