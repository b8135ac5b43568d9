/*
 * why.h - what the bus would say of a task's state: a sentence, and the next step.
 *
 * Pure: from documents and the time to words. The words are for people; scripts use state
 * and codes.
 */
#ifndef MR_SERVER_API_WHY_H
#define MR_SERVER_API_WHY_H

#include "common/contract/control.h"
#include "common/contract/instance.h"
#include "common/contract/status.h"

struct why_input {
	const char *name;
	const char *group; /* "" of a hot task */
	bool has_document;
	bool document_valid;
	const struct control_doc *control; /* NULL: none */
	const struct status_doc *status;   /* NULL: none */
	const struct instance_doc *first;  /* NULL: there is none, or it cannot be read */
	const char *node;                  /* of the first; "" when there is none */
	size_t instances;
	size_t cores; /* live ones that may have the task: of its group, */
	size_t leaving; /* of them, that drain or end; */
	size_t full;    /* of the others, that have as many cold tasks as they may */
	uint64_t now_ms;
};

struct why {
	const char *state; /* of report_states, or "DELETING", "REGISTERED", "ABSENT" */
	struct buf sentence;
	struct buf next_step; /* empty: nothing is to be done */
};

/* The buffers are the caller's to free. */
void why_explain(const struct why_input *in, struct why *ret);

#endif
