/*
 * instance_needs.c - from where on the source's binlog must still be there: for
 * binlog_hours_left. That is where the task stands, or in front of the oldest XA
 * transaction that is prepared and not decided, whose rows are read again when it is
 * committed. Loop's thread.
 */
#include "core/instance_priv.h"

#include "core/progress/position_doc.h"

#include <errno.h>
#include <stdlib.h>

/* In front of the oldest prepared one; all empty: there is none. Changes p. */
static int in_front_of_oldest(struct position *p, struct report_position *out)
{
	if (p->prepared.n == 0)
		return report_position_set(out, "", 0, "");
	const struct prepared *oldest = p->prepared.list[0];
	struct buf gtids;
	buf_init(&gtids);
	int rc = 0;
	if (p->flavor == FLAVOR_MARIADB) {
		buf_puts(&gtids, oldest->before);
	} else if (p->gtids) {
		rc = gtid_set_remove(p->gtids, &oldest->gtid);
		gtid_set_format(p->gtids, &gtids);
	}
	if (rc == 0 && !gtids.failed)
		rc = report_position_set(out, oldest->start.file, oldest->start.pos,
					 buf_cstr(&gtids));
	else
		rc = -ENOMEM;
	buf_free(&gtids);
	return rc;
}

int needs_of_commit(struct instance *i, const struct position_doc *d)
{
	struct position p;
	position_init(&p, FLAVOR_MYSQL);
	int rc = position_from_doc(d, &p, NULL);
	/* One that cannot be read is the next capture's failure, not the probe's. */
	if (rc < 0)
		rc = report_position_set(&i->needs, "", 0, "");
	else
		rc = in_front_of_oldest(&p, &i->needs);
	position_clear(&p);
	return rc;
}

int needs_now(struct instance *i, struct report_position *out)
{
	struct position p;
	int rc = 0;
	position_init(&p, FLAVOR_MYSQL);
	if (i->runner) {
		rc = capture_position(runner_capture(i->runner), &p);
		if (rc == 0)
			rc = in_front_of_oldest(&p, &i->needs);
	}
	position_clear(&p);
	if (rc == -ENOMEM)
		return rc;
	if (report_position_known(&i->needs))
		return report_position_set(out, i->needs.file, i->needs.pos, i->needs.gtid);
	return report_stands(i, out);
}
