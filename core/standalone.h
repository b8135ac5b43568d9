/*
 * standalone.h - one task without ZooKeeper: for trying it, for one machine, for
 * measuring. The position is kept in a folder.
 */
#ifndef MR_CORE_STANDALONE_H
#define MR_CORE_STANDALONE_H

#include "core/core_config.h"
#include "core/pipeline/capture.h"

struct standalone_options {
	const char *task_path;
	const char *state_dir;    /* NULL: none is kept */
	const char *summary_path; /* NULL: none is written */
	struct until until;
	bool with_keys;
	bool check_only; /* the document is read and checked, nothing is run */
	const struct core_config *config;
};

/* Runs on the main thread. Returns the process's exit status; what failed was logged. */
int standalone_run(const struct standalone_options *o);

#endif
