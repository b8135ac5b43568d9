/*
 * second.h - one prepared XA group read again, from a dump of its own.
 *
 * Needed when its events are not in memory any more (evicted, too large, or prepared
 * before a restart) at the moment it is committed. Source thread only.
 */
#ifndef MR_PIPELINE_SECOND_H
#define MR_PIPELINE_SECOND_H

#include "core/pipeline/source.h"

/*
 * Finds the group and publishes its rows as those of the group at hand, which has none of
 * its own: t->hold and t->verdict are free. While it runs, the main dump waits; with a
 * fixed source.server_id that is closed first (t->dump is then NULL).
 */
int second_read(struct source_thread *t, const struct prepared *entry,
		struct err *err) MR_MUST_CHECK;

#endif
