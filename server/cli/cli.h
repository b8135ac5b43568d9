/*
 * cli.h - what the commands share: the request and its answer, printing, waiting.
 *
 * Main thread. Functions that end in a status (CLI_DONE, CLI_FAILED, CLI_USAGE) have told
 * the person what was wrong, on standard error; the answers go to standard output.
 */
#ifndef MR_CLI_CLI_H
#define MR_CLI_CLI_H

#include "server/cli/arguments.h"
#include "server/cli/client.h"
#include "server/cli/table.h"

#include <jansson.h>

struct cli {
	struct settings settings;
	struct client *client;
	bool json;
	bool wait;
	usec_t timeout; /* of waiting */
};

/* An answer with its JSON. */
struct cli_answer {
	struct client_answer http;
	json_t *tree; /* an object; NULL of status 204, and of null where that may be */
};

enum {
	CLI_REQUEST_SECONDS = 30,
	CLI_PREFLIGHT_SECONDS = 120, /* of requests that have a preflight made */
};

/*
 * Makes the request. 0 when the status is 2xx; else what was wrong is in err, and an
 * answer that came is in ret all the same (ret->tree with its "error"), or all zeros.
 * cli_answer_clear() always.
 */
int cli_try(struct cli *cli, const struct client_request *r, struct cli_answer *ret,
	    struct err *err) MR_MUST_CHECK;
/* The same; what was wrong is told, with the API's field, remedy and checks. A status. */
int cli_call(struct cli *cli, const struct client_request *r, struct cli_answer *ret) MR_MUST_CHECK;
void cli_answer_clear(struct cli_answer *a);
/* Tells what cli_try() has met. */
void cli_tell(const struct cli *cli, const struct cli_answer *a, const struct err *err);

/* A path like "/tasks/<name>/start"; put into `path`. `more` may be "". */
void cli_task_path(struct buf *path, const char *name, const char *more);
/* CLI_DONE, or told and CLI_USAGE: names are checked before they are sent. */
int cli_check_task(const char *name) MR_MUST_CHECK;
/* GET of the path. */
int cli_get(struct cli *cli, const char *path, struct cli_answer *ret) MR_MUST_CHECK;
int cli_get_task(struct cli *cli, const char *name, struct cli_answer *ret) MR_MUST_CHECK;

/* One line on standard error behind "mrctl: ". Control characters are cleaned. */
void cli_complain(const char *fmt, ...) MR_PRINTF(1, 2);
/* A line on standard output, cleaned; nothing with -o json. */
void cli_say(const struct cli *cli, const char *fmt, ...) MR_PRINTF(2, 3);
/* The buffer to standard output; CLI_FAILED when it cannot be written. Frees it. */
int cli_print(struct buf *out);
/* The answer as it came, a line behind it. A status. */
int cli_print_json(const struct cli_answer *a);
int cli_print_tree(const json_t *tree);
/* Prints and clears it; what there is instead of no rows is said. */
int cli_print_table(struct table *t, const char *none);
/* "checks" as a table with remedies; `all`: those that are ok too. */
void cli_put_checks(const json_t *checks, bool all, struct buf *out);

/* A file, "-" standard input, at most TASK_DOCUMENT_MAX bytes; cli_file_free(). A status. */
int cli_read_file(const char *path, char **ret_text, size_t *ret_len) MR_MUST_CHECK;
void cli_file_free(char *text, size_t len);

/* Members of answers, tolerant: "" or 0 where there is none of that type. */
const char *cli_text(const json_t *object, const char *name);
int64_t cli_number(const json_t *object, const char *name);
/* otherwise: -1 */
int64_t cli_number_or_none(const json_t *object, const char *name);
double cli_real(const json_t *object, const char *name);
/* "binlog.000002:1234 0-1-5" of a position; "" of null. GTID sets over 60 bytes are cut. */
void cli_put_position(struct buf *out, const json_t *position);

int cli_task_create(struct cli *cli, const struct arguments *a);
int cli_task_list(struct cli *cli, const struct arguments *a);
int cli_task_show(struct cli *cli, const struct arguments *a);
int cli_task_update(struct cli *cli, const struct arguments *a);
int cli_task_diff(struct cli *cli, const struct arguments *a);
int cli_task_revert(struct cli *cli, const struct arguments *a);
int cli_task_start(struct cli *cli, const struct arguments *a);
int cli_task_stop(struct cli *cli, const struct arguments *a);
int cli_task_pause(struct cli *cli, const struct arguments *a);
int cli_task_resume(struct cli *cli, const struct arguments *a);
int cli_task_restart(struct cli *cli, const struct arguments *a);
int cli_task_handover(struct cli *cli, const struct arguments *a);
int cli_task_delete(struct cli *cli, const struct arguments *a);
int cli_task_validate(struct cli *cli, const struct arguments *a);
int cli_task_position(struct cli *cli, const struct arguments *a);
int cli_task_revisions(struct cli *cli, const struct arguments *a);
int cli_task_why(struct cli *cli, const struct arguments *a);
int cli_machine_list(struct cli *cli, const struct arguments *a);
int cli_machine_drain(struct cli *cli, const struct arguments *a);
int cli_machine_undrain(struct cli *cli, const struct arguments *a);
int cli_alert_list(struct cli *cli, const struct arguments *a);
int cli_alert_test(struct cli *cli, const struct arguments *a);
int cli_token_create(struct cli *cli, const struct arguments *a);
int cli_token_list(struct cli *cli, const struct arguments *a);
int cli_token_delete(struct cli *cli, const struct arguments *a);
int cli_cluster_show(struct cli *cli, const struct arguments *a);
int cli_id_next(struct cli *cli, const struct arguments *a);

#endif
