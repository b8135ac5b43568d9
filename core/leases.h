/*
 * leases.h - server_ids that are ours: ephemeral nodes /server-ids/<place>/<server_id>, so that
 * no two readers of this installation throw each other out at a source.
 *
 * Job: dump_leases of core/mysql/dump.h, on ZooKeeper. Which ids are tried and where is
 * dump_id.c's. A node says whose it is: {"task":…,"host":…}. It goes when its reader ends, and with
 * the session in any case: whoever goes on with a new session takes it again, or another id.
 *
 * While ZooKeeper is away what we have is ours as long as the session may live, and nothing
 * new is given. One for the process; any thread; waits for ZooKeeper for some seconds.
 */
#ifndef MR_CORE_LEASES_H
#define MR_CORE_LEASES_H

#include "common/zk/zk.h"
#include "core/mysql/dump.h"

struct leases;

int leases_open(struct zk *zk, const char *host, struct leases **ret, struct err *err) MR_MUST_CHECK;
/* When no reader is left; what is still there goes with the session. NULL is nothing. */
void leases_close(struct leases *l);

/* Stays where it is as long as the callbacks are used. */
struct lease_taker {
	struct leases *leases;
	const char *task;
};

void lease_callbacks(struct lease_taker *taker, struct dump_leases *ret);

#endif
