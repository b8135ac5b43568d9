/* acl.c - see acl.h. The order within `may`: core, server, monitor. */
#include "common/daemon/acl.h"

#define R ZK_READ
#define ALL (ZK_READ | ZK_WRITE | ZK_CREATE | ZK_DELETE)

/* mr-core deletes below a task: instances that it adopted twice. The document is the
 * server's: an mr-core that registers a task leaves it empty. */
const struct zk_acl acl_task = {.may = {R | ZK_CREATE | ZK_DELETE, ALL, R}};
const struct zk_acl acl_control = {.may = {R, ALL, R}};
const struct zk_acl acl_core = {.may = {ALL, ALL, R}};
const struct zk_acl acl_server = {.may = {0, ALL, 0}};
const struct zk_acl acl_alerts = {.may = {R, ALL, ALL}};
const struct zk_acl acl_folder = {.may = {R | ZK_CREATE | ZK_DELETE, ALL,
					  R | ZK_CREATE | ZK_DELETE}};
