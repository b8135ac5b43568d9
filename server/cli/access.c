/* access.c - tokens, and ids of the naming service; see cli.h. */
#include "server/cli/cli.h"
#include "server/cli/text.h"

#include "common/contract/paths.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int check_name(enum paths_name kind, const char *name)
{
	struct err err = {0};
	if (paths_name_check(kind, name, &err) == 0)
		return CLI_DONE;
	cli_complain("%s", err.text);
	return CLI_USAGE;
}

int cli_token_create(struct cli *cli, const struct arguments *a)
{
	const char *role = a->values[OPT_ROLE], *name = a->values[OPT_NAME];
	usec_t expires = arguments_duration(a, OPT_EXPIRES, 0);
	if (!role) {
		cli_complain("--role viewer, operator or admin is needed");
		return CLI_USAGE;
	}
	json_t *body = json_pack("{s:s,s:s*}", "role", role, "name", name);
	if (body && expires)
		json_object_set_new(body, "expires_ms",
				    json_integer((clock_wall() + expires) / USEC_PER_MSEC));
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	if (!text) {
		cli_complain("--name is not UTF-8");
		return CLI_USAGE;
	}
	const struct client_request r = {.method = "POST",
					 .path = "/tokens",
					 .body = text,
					 .body_len = strlen(text),
					 .timeout = CLI_REQUEST_SECONDS * USEC_PER_SEC};
	struct cli_answer answer;
	int status = cli_call(cli, &r, &answer);
	free(text);
	if (status == CLI_DONE && cli->json) {
		status = cli_print_json(&answer);
	} else if (status == CLI_DONE) {
		cli_say(cli,
			"token %s, role %s; it is shown this once:", cli_text(answer.tree, "id"),
			cli_text(answer.tree, "role"));
		cli_say(cli, "%s", cli_text(answer.tree, "token"));
	}
	cli_answer_clear(&answer);
	return status;
}

int cli_token_list(struct cli *cli, const struct arguments *a)
{
	struct cli_answer answer;
	(void)a;
	int status = cli_get(cli, "/tokens", &answer);
	if (status == CLI_DONE && cli->json) {
		status = cli_print_json(&answer);
	} else if (status == CLI_DONE) {
		const json_t *token;
		size_t i;
		struct table t;
		table_init(&t, 6, "ID|NAME|ROLE|MADE|EXPIRES|BY");
		json_array_foreach (json_object_get(answer.tree, "tokens"), i, token) {
			table_cell(&t, cli_text(token, "id"));
			table_cell(&t, cli_text(token, "name"));
			table_cell(&t, cli_text(token, "role"));
			text_put_time(&t.scratch, cli_number(token, "created_ms"));
			table_cell_scratch(&t);
			text_put_time(&t.scratch, cli_number(token, "expires_ms"));
			table_cell_scratch(&t);
			table_cell(&t, cli_text(token, "by"));
		}
		status = cli_print_table(&t, "no tokens");
	}
	cli_answer_clear(&answer);
	return status;
}

int cli_token_delete(struct cli *cli, const struct arguments *a)
{
	struct cli_answer answer;
	struct buf path;
	int status = check_name(PATHS_NAME_ID, a->operands[0]);
	if (status != CLI_DONE)
		return status;
	buf_init(&path);
	buf_lit(&path, "/tokens");
	client_put_name(&path, a->operands[0]);
	const struct client_request r = {.method = "DELETE",
					 .path = buf_cstr(&path),
					 .timeout = CLI_REQUEST_SECONDS * USEC_PER_SEC};
	status = cli_call(cli, &r, &answer);
	buf_free(&path);
	if (status == CLI_DONE)
		cli_say(cli, "token %s: deleted", a->operands[0]);
	if (status == CLI_DONE && cli->json)
		status = cli_print_json(&answer);
	cli_answer_clear(&answer);
	return status;
}

int cli_id_next(struct cli *cli, const struct arguments *a)
{
	struct cli_answer answer;
	struct buf path;
	int status = check_name(PATHS_NAME_TYPE, a->operands[0]);
	if (status != CLI_DONE)
		return status;
	buf_init(&path);
	buf_lit(&path, "/ids");
	client_put_name(&path, a->operands[0]);
	const struct client_request r = {.method = "POST",
					 .path = buf_cstr(&path),
					 .timeout = CLI_REQUEST_SECONDS * USEC_PER_SEC};
	status = cli_call(cli, &r, &answer);
	buf_free(&path);
	if (status == CLI_DONE && cli->json)
		status = cli_print_json(&answer);
	else if (status == CLI_DONE)
		cli_say(cli, "%s", cli_text(answer.tree, "id"));
	cli_answer_clear(&answer);
	return status;
}
