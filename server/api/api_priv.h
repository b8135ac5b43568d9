/* api_priv.h - what the handlers share. */
#ifndef MR_SERVER_API_API_PRIV_H
#define MR_SERVER_API_API_PRIV_H

#include "server/api/api.h"

static inline struct api *api_of(struct call *call)
{
	return call->api;
}

static inline struct store *store_of(struct call *call)
{
	return api_of(call)->o.store;
}

/* Whether the session is connected and the tree known. */
bool api_connected(const struct api *a);

/* Documents of the tree as trees: what is no object is null. */
json_t *api_tree(const char *text, size_t len);
json_t *api_control_tree(const struct control_doc *d);
/* A document that control_doc_print() and the like have written. */
json_t *api_printed(const struct buf *text);
void api_put(json_t *object, const char *name, const char *text);
void api_put_number(json_t *object, const char *name, uint64_t v);
/* "checks" of a preflight, into the object. */
void api_put_checks(json_t *object, const struct preflight_doc *d);

/* One line in the log for each change: who, what, which. */
void api_log(struct call *call, const char *fmt, ...) MR_PRINTF(2, 3);

/*
 * task_answer.c: the task as GET shows it, and after a change with the document and the
 * revision that were written, whatever came behind it. Answers in any case.
 */
struct api_written {
	uint64_t revision; /* 0: as it is now */
	const struct buf *text;
	const struct preflight_doc *checks; /* may be NULL */
};
void api_answer_task(struct call *call, const char *name, int status,
		     const struct api_written *written);

/* task_body.c: */

/*
 * The body as a task, with what a PUT leaves out taken from `was` (NULL for a new task):
 * name, uid, group and secrets. Plain secrets are still plain; store_seal() is next. On
 * failure the error is told.
 */
int api_task_from_body(struct call *call, const struct task *was, json_t *body,
		       struct task **ret, struct err *err) MR_MUST_CHECK;
/* A random uid. 0 or -ENOMEM. */
int api_task_new_uid(struct task *t, struct err *err) MR_MUST_CHECK;
/* The document as it is stored; sealed. */
int api_task_text(struct store *s, struct task *t, struct buf *out, struct err *err) MR_MUST_CHECK;

/* preflight.c: has a live core check the document. Fails with NO_CORE and so on. */
int api_preflight(struct call *call, const struct task *t, const struct buf *text, int type,
		  struct preflight_doc *ret, struct err *err) MR_MUST_CHECK;

/* Handlers, named by what they answer. */
route_fn api_tasks_list, api_tasks_create, api_task_show, api_task_replace, api_task_delete;
route_fn api_task_start, api_task_stop, api_task_pause, api_task_resume, api_task_restart;
route_fn api_task_handover, api_task_command, api_task_position, api_task_set_position;
route_fn api_task_revisions, api_task_revision, api_task_why;
route_fn api_validate;
route_fn api_machines, api_drain, api_undrain;
route_fn api_alerts, api_alert_test, api_order;
route_fn api_next_id, api_cluster;
route_fn api_tokens_list, api_tokens_create, api_tokens_delete;
route_fn api_healthz, api_readyz, api_metrics;

#endif
