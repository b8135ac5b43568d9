/* zk_call.h - one waiting operation, for the files of this room. */
#ifndef MR_ZK_ZK_CALL_H
#define MR_ZK_ZK_CALL_H

#include "common/zk/zk_priv.h"

/*
 * ret may be NULL; else *ret is the operation, for zk_op_free(), on failure too, unless it
 * was not sent or not answered (then *ret is untouched).
 */
int zk_call(struct zk *zk, const struct zk_request *request, usec_t deadline, struct zk_op **ret,
	    struct err *err) MR_MUST_CHECK;

#endif
