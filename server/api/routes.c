/* routes.c - the table of the API. docs/reference-api.md is printed from it. */
#include "server/api/api_priv.h"

#define LIST "limit,after,group,desired,state,q"

/* clang-format off */
const struct route api_routes[] = {
	{"GET", "/tasks", ROLE_VIEWER, api_tasks_list, LIST, BODY_NONE,
	 "The tasks in the order of their names, a page of `limit` (100, at most 1000) behind `after`. "
	 "`q` is a part of the name; `group=` (empty): hot tasks only; `state` is that of the first "
	 "instance, and makes every task's be read.",
	 "200 `{\"tasks\":[{\"name\",\"group\",\"desired\",\"revision\",\"state\",\"hostname\",\"node\","
	 "\"lag_ms\",\"rows\",\"rows_per_s\",\"since_ms\",\"instances\",\"error\"}],\"next\",\"total\"}`"},
	{"POST", "/tasks", ROLE_OPERATOR, api_tasks_create, "preflight,start", BODY_JSON,
	 "Makes a task of the document. A live core checks it first, unless `preflight=skip`; it is "
	 "stopped, unless `start=true`.",
	 "201 as GET, with `checks`, `Location` and `ETag`; 409 task_exists, no_core; 422 task_invalid, "
	 "preflight_failed with `checks`"},
	{"GET", "/tasks/{name}", ROLE_VIEWER, api_task_show, NULL, BODY_NONE,
	 "All there is of a task.",
	 "200 `{\"name\",\"path\",\"revision\",\"document\",\"control\",\"status\",\"lastCommit\","
	 "\"instances\":[{\"node\",…}]}`, `ETag`; 404 task_unknown"},
	{"PUT", "/tasks/{name}", ROLE_OPERATOR, api_task_replace, "preflight", BODY_JSON,
	 "Replaces the document of the revision in `If-Match`. Secrets left out or `***` keep the "
	 "stored ones, unless host, user, brokers or TLS change. Name, uid and group stay.",
	 "200 as GET; 412 revision_stale, 428 revision_required; 422 task_invalid, secret_needed, "
	 "preflight_failed"},
	{"DELETE", "/tasks/{name}", ROLE_OPERATOR, api_task_delete, "force", BODY_NONE,
	 "Stops the task everywhere and removes it; `force=true` does not wait for cores.",
	 "202 `{\"state\":\"deleting\"}`; then GET is 404"},
	{"POST", "/tasks/{name}/start", ROLE_OPERATOR, api_task_start, NULL, BODY_OPTIONAL,
	 "Has the task run; one that failed begins anew.",
	 "200 `{\"control\"}`; 409 no_document, task_deleting"},
	{"POST", "/tasks/{name}/stop", ROLE_OPERATOR, api_task_stop, NULL, BODY_OPTIONAL,
	 "Has the task end; its position stays.", "200 `{\"control\"}`"},
	{"POST", "/tasks/{name}/pause", ROLE_OPERATOR, api_task_pause, NULL, BODY_OPTIONAL,
	 "Has the task wait; what its source keeps for it is still watched.",
	 "200 `{\"control\"}`"},
	{"POST", "/tasks/{name}/resume", ROLE_OPERATOR, api_task_resume, NULL, BODY_OPTIONAL,
	 "As start.", "200 `{\"control\"}`"},
	{"POST", "/tasks/{name}/restart", ROLE_OPERATOR, api_task_restart, NULL, BODY_OPTIONAL,
	 "Stops and starts the task, and forgives its failures.", "200 `{\"control\"}`"},
	{"POST", "/tasks/{name}/handover", ROLE_OPERATOR, api_task_handover, NULL, BODY_OPTIONAL,
	 "Has the running instance give way to a standby.",
	 "202 `{\"command\":\"command-job-…\"}`; 409 not_running"},
	{"GET", "/tasks/{name}/commands/{id}", ROLE_VIEWER, api_task_command, NULL, BODY_NONE,
	 "What became of an order; kept for an hour.", "200 the command document"},
	{"GET", "/tasks/{name}/position", ROLE_VIEWER, api_task_position, NULL, BODY_NONE,
	 "Where a successor would resume.", "200 the position document or `null`"},
	{"PUT", "/tasks/{name}/position", ROLE_OPERATOR, api_task_set_position, NULL, BODY_JSON,
	 "`{\"start\": …}`, as source.start in the document: goes on there, running or not.",
	 "200 `{\"control\"}`; 422 task_invalid"},
	{"GET", "/tasks/{name}/revisions", ROLE_VIEWER, api_task_revisions, NULL, BODY_NONE,
	 "The revisions that are kept: the present one and up to 20 before it.",
	 "200 `{\"revisions\":[{\"revision\",\"current\",\"written_ms\"}]}`"},
	{"GET", "/tasks/{name}/revisions/{n}", ROLE_VIEWER, api_task_revision, NULL, BODY_NONE,
	 "A former document, without secrets.", "200 `{\"revision\",\"document\"}`"},
	{"GET", "/tasks/{name}/why", ROLE_VIEWER, api_task_why, NULL, BODY_NONE,
	 "What the task's state means and what to do next, in a sentence each.",
	 "200 `{\"state\",\"sentence\",\"next_step\"}`"},
	{"POST", "/validate", ROLE_OPERATOR, api_validate, "type", BODY_JSON,
	 "Has a live core check a document, and keeps nothing of it. `type=tables` lists the "
	 "source's tables too.",
	 "200 `{\"valid\",\"checks\",\"source\",\"tables\"?,\"truncated\"?}`; 409 no_core; 422 "
	 "task_invalid"},
	{"GET", "/machines", ROLE_VIEWER, api_machines, NULL, BODY_NONE,
	 "The processes that are there.",
	 "200 `{\"machines\":[{\"node\",\"drain\",…}],\"servers\":[…],\"monitors\":[…]}`"},
	{"POST", "/machines/{host}/drain", ROLE_OPERATOR, api_drain, NULL, BODY_OPTIONAL,
	 "Has the mr-core of that hostname give up its tasks and take none.",
	 "200 `{\"hostname\",\"drain\":true}`; 404"},
	{"DELETE", "/machines/{host}/drain", ROLE_OPERATOR, api_undrain, NULL, BODY_NONE,
	 "Takes that back.", "200 `{\"hostname\",\"drain\":false}`"},
	{"GET", "/alerts", ROLE_VIEWER, api_alerts, NULL, BODY_NONE,
	 "The alerts, those that were resolved lately included.", "200 `{\"alerts\":[{\"id\",…}]}`"},
	{"POST", "/alerts/test", ROLE_OPERATOR, api_alert_test, "channel", BODY_OPTIONAL,
	 "Has the alerting monitor send a test through `channel` (all, without one).",
	 "202 `{\"order\":\"order-job-…\"}`"},
	{"GET", "/orders/{id}", ROLE_VIEWER, api_order, NULL, BODY_NONE,
	 "What became of a test of alerts.", "200 the order document"},
	{"POST", "/ids/{type}", ROLE_OPERATOR, api_next_id, NULL, BODY_OPTIONAL,
	 "The next id of the naming service.", "200 `{\"id\":\"<type>-job-0000000001\"}`"},
	{"GET", "/cluster", ROLE_VIEWER, api_cluster, NULL, BODY_NONE,
	 "The installation.",
	 "200 `{\"cluster\",\"format\",\"version\",\"zookeeper\",\"tasks\",\"machines\",\"servers\",\"monitors\"}`"},
	{"GET", "/tokens", ROLE_ADMIN, api_tokens_list, NULL, BODY_NONE,
	 "The tokens, without what would let one in.",
	 "200 `{\"tokens\":[{\"id\",\"name\",\"role\",\"created_ms\",\"expires_ms\",\"by\"}]}`"},
	{"POST", "/tokens", ROLE_ADMIN, api_tokens_create, NULL, BODY_JSON,
	 "`{\"role\",\"name\"?,\"expires_ms\"?}`: makes a token, which is shown this once.",
	 "201 `{\"id\",\"token\",\"role\",\"name\",\"expires_ms\"}`"},
	{"DELETE", "/tokens/{id}", ROLE_ADMIN, api_tokens_delete, NULL, BODY_NONE,
	 "Takes a token away; it stops at once.", "200 `{\"id\"}`; 404"},
	{"GET", "/healthz", ROLE_NONE, api_healthz, NULL, BODY_NONE, "Whether the process answers.",
	 "200"},
	{"GET", "/readyz", ROLE_NONE, api_readyz, NULL, BODY_NONE,
	 "Whether it has a session with ZooKeeper and knows the tree.", "200, 503"},
	{"GET", "/metrics", ROLE_NONE, api_metrics, NULL, BODY_NONE, "Prometheus' text format.", "200"},
};
/* clang-format on */
const size_t api_nroutes = sizeof(api_routes) / sizeof(api_routes[0]);
_Static_assert(sizeof(api_routes) / sizeof(api_routes[0]) <= API_ROUTES_MAX, "counters for each");
