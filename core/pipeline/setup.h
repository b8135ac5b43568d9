/*
 * setup.h - a task document in the terms of the stages: their options, filled from it.
 *
 * The stages know nothing of the document and the document nothing of them; only the
 * pipeline sees both. Strings are borrowed from the task. Pure.
 */
#ifndef MR_PIPELINE_SETUP_H
#define MR_PIPELINE_SETUP_H

#include "common/contract/task.h"
#include "core/envelope/envelope.h"
#include "core/pipe/pipe.h"

void setup_envelope_options(const struct task *task, struct envelope_options *ret);

/* The arrays that pipe options point to. */
struct setup_pipe {
	struct pipe_options options;
	struct pipe_pair *pairs;
};

/* 0 or -ENOMEM; setup_pipe_free() afterwards, once pipe_open() has read them. */
int setup_pipe_options(const struct task *task, bool with_keys, struct setup_pipe *ret) MR_MUST_CHECK;
void setup_pipe_free(struct setup_pipe *s);

#endif
