/*
 * announce.h - this process's node under /machines, /servers or /monitors, kept fresh.
 *
 * The node is a candidate's of common/zk/election.h: it comes back after an expired
 * session, is adopted after a lost answer, and the folder's first is known. Main thread.
 */
#ifndef MR_DAEMON_ANNOUNCE_H
#define MR_DAEMON_ANNOUNCE_H

#include "common/daemon/daemon.h"

struct announce;

/* Copies what it needs of `o`. NULL: no memory. */
struct announce *announce_start(struct zk *zk, const struct daemon_options *o);
/* Fills the document and writes it, if the node is there. */
void announce_write(struct announce *a);
/* From now on the document says that the process was told to end. */
void announce_stopping(struct announce *a);
/* The node goes. NULL is nothing. */
void announce_stop(struct announce *a);

const char *announce_node(const struct announce *a); /* "" while it is not there */
bool announce_first(const struct announce *a);

#endif
