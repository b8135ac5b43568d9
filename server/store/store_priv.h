/* store_priv.h - what the files of server/store share. */
#ifndef MR_SERVER_STORE_STORE_PRIV_H
#define MR_SERVER_STORE_STORE_PRIV_H

#include "server/store/store.h"

/* The parts of a task, in the order in which they are made; each is made empty. */
enum { STORE_PARTS = 5 };
extern const enum paths_part store_parts[STORE_PARTS];
const struct zk_acl *store_part_acl(enum paths_part part);

int store_no_memory(struct err *err);

/* Before the random part of the name of the node that marks a task as deleted. */
#define STORE_DELETING "deleting-"

/*
 * Creates, and after a lost answer looks whether it is there: for names that are ours alone
 * (-EEXIST is the caller's to judge). Never 0 for what may not be there.
 */
int store_create_surely(struct store *s, const struct zk_create *create,
			struct err *err) MR_MUST_CHECK;

#endif
