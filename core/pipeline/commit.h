/*
 * commit.h - deliver.h for a transactional pipe: queue -> pipe -> ledger -> commit.
 *
 * Job: hand messages over, decide when and where a transaction of the pipe ends, commit it
 * with the position behind what it holds, and let the checkpoint keep copies of that.
 * Runs on the thread that called capture_run(). Borrows everything.
 */
#ifndef MR_PIPELINE_COMMIT_H
#define MR_PIPELINE_COMMIT_H

#include "core/pipeline/deliver.h"

/* As deliver_run(), but what is not committed when it ends will be sent again. */
int commit_run(struct deliver *d, struct err *err) MR_MUST_CHECK;

#endif
