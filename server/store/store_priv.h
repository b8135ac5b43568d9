/* store_priv.h - what the files of server/store share. */
#ifndef MR_SERVER_STORE_STORE_PRIV_H
#define MR_SERVER_STORE_STORE_PRIV_H

#include "server/store/store.h"

/* The parts of a task, in the order in which they are made; each is made empty. */
enum { STORE_PARTS = 5 };
extern const enum paths_part store_parts[STORE_PARTS];
const struct zk_acl *store_part_acl(enum paths_part part);

int store_no_memory(struct err *err);

#endif
