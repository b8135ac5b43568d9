/*
 * naming.h - the naming service: unique ids for runs, snapshots and commands.
 *
 * An id is `<type>-job-<ten digits>`. The digits are those of a sequential node `job-`
 * under `<folder>/<type>`, which is deleted at once: ZooKeeper counts creations, so a
 * number never comes back as long as `<folder>/<type>` (plain persistent) is not deleted.
 * The `job-` node is ephemeral, so that one whose deletion got lost ends with the session.
 */
#ifndef MR_ZK_NAMING_H
#define MR_ZK_NAMING_H

#include "common/zk/zk.h"

enum {
	ZK_TYPE_MAX = 64, /* characters of a type: letters, digits, '_', '-' */
	ZK_ID_MAX = 96,
};

bool zk_type_valid(const char *type);
/*
 * Waits; any thread, several at once too. `folder` ("/mysql_replicator/ids") is made when
 * it is missing. An answer that got lost costs a number, never gives one twice.
 */
int zk_next_id(struct zk *zk, const char *folder, const char *type, usec_t timeout,
	       char ret_id[ZK_ID_MAX], struct err *err) MR_MUST_CHECK;

#endif
