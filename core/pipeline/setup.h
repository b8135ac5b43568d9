/*
 * setup.h - task and control documents in the terms of the stages: their options, filled
 * from them.
 *
 * The stages know nothing of the document and the document nothing of them; only the
 * pipeline sees both. Strings are borrowed from the task. Pure.
 */
#ifndef MR_PIPELINE_SETUP_H
#define MR_PIPELINE_SETUP_H

#include "common/contract/control.h"
#include "common/contract/task.h"
#include "core/envelope/envelope.h"
#include "core/mysql/server.h"
#include "core/pipe/pipe.h"

/* The task's source number `host` as the connection wants it. */
void setup_source_options(const struct task *task, size_t host, struct source_options *ret);

enum { SETUP_REPLICA_NAME_MAX = 60 };
/*
 * "task@hostname", cut at what the servers take: what the source shows of us among its
 * replicas. By what comes before the '@' a preflight tells our own server_id from another's.
 */
void setup_replica_name(const struct task *task, const char *hostname,
			char out[SETUP_REPLICA_NAME_MAX]);

/*
 * Where to begin: source.start, or control's position. `ordered`: it is that which counts;
 * otherwise only its time does, for a start by time that is still under way. control may
 * be NULL. ERR_DOCUMENT_INVALID: control's position is not one.
 */
int setup_start(const struct task *task, const struct control_doc *control, bool ordered,
		struct server_start *ret, struct err *err) MR_MUST_CHECK;

void setup_envelope_options(const struct task *task, struct envelope_options *ret);

enum { SETUP_ID_MAX = 250 }; /* Kafka's bound of a topic's name, and its end */

/* The arrays that pipe options point to. */
struct setup_pipe {
	struct pipe_options options;
	struct pipe_pair *pairs;
	char id[SETUP_ID_MAX], positions[SETUP_ID_MAX];
};

/*
 * The names that a transactional task has in Kafka, in *ret, which stays where it is:
 * mr.<cluster>.<task> and __mr_positions.<cluster>.<task>.
 */
void setup_transactions(const struct task *task, const char *cluster, struct setup_pipe *ret);

/* 0 or -ENOMEM; setup_pipe_free() afterwards, once pipe_open() has read them. */
int setup_pipe_options(const struct task *task, bool with_keys, struct setup_pipe *ret) MR_MUST_CHECK;
void setup_pipe_free(struct setup_pipe *s);

#endif
