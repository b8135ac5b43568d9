/* position.c - `task position`: shown and set; see position.h and cli.h. */
#include "server/cli/position.h"

#include "common/contract/errors.h"
#include "common/contract/task.h"
#include "server/cli/cli.h"
#include "server/cli/text.h"
#include "server/cli/wait.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *bad(const char *text, const char *why, struct err *err)
{
	err_set(err, -EINVAL, ERR_USAGE, "--set '%.200s' %s", text, why);
	return NULL;
}

/* FILE:POS; `len` of it are the place. */
static json_t *parse_file(const char *text, size_t len, const char *gtid, struct err *err)
{
	char *place = strndup(text, len), *colon = place ? strrchr(place, ':') : NULL;
	json_t *made = NULL;
	const char *digits = colon ? colon + 1 : "";
	size_t n = strlen(digits);
	if (!colon || colon == place || !n || n > 18 || strspn(digits, "0123456789") != n) {
		bad(text, "is none of latest, earliest, FILE:POS, gtid=SET, time=…", err);
	} else if (strtoll(digits, NULL, 10) < 4) {
		bad(text, "is in front of the first event, which is at 4", err);
	} else {
		made = json_pack("{s:s#,s:I}", "file", place, (int)(colon - place), "pos",
				 (json_int_t)strtoll(digits, NULL, 10));
		if (made && gtid)
			json_object_set_new(made, "gtid", json_string(gtid));
		if (!made)
			bad(text, "is not UTF-8", err);
	}
	free(place);
	return made;
}

json_t *position_parse(const char *text, struct err *err)
{
	usec_t time;
	if (strcmp(text, "latest") == 0 || strcmp(text, "earliest") == 0)
		return json_string(text);
	if (strncmp(text, "gtid=", 5) == 0) {
		json_t *made = json_pack("{s:s}", "gtid", text + 5);
		return made ? made : bad(text, "is not UTF-8", err);
	}
	if (strncmp(text, "time=", 5) == 0) {
		if (task_parse_time(text + 5, &time) < 0)
			return bad(text, "is not a time like time=2026-11-22T10:00:00Z", err);
		return json_pack("{s:s}", "time", text + 5);
	}
	const char *gtid = strstr(text, ",gtid=");
	return parse_file(text, gtid ? (size_t)(gtid - text) : strlen(text), gtid ? gtid + 6 : NULL,
			  err);
}

static void put_row(struct table *t, const char *name, const char *text)
{
	table_cell(t, name);
	table_cell(t, text);
}

/* The whole position: GTID sets are not cut, so that they can be set again. */
static int print_position(const json_t *p)
{
	struct table t;
	table_init(&t, 2, "");
	put_row(&t, "file", cli_text(p, "file"));
	table_cell(&t, "pos");
	table_cellf(&t, "%" PRId64, cli_number(p, "pos"));
	table_cell(&t, "gtid");
	buf_puts(&t.scratch, cli_text(p, "gtid"));
	table_cell_scratch(&t);
	put_row(&t, "source", cli_text(p, "source"));
	table_cell(&t, "saved");
	text_put_time(&t.scratch, cli_number(p, "ts_ms"));
	table_cell_scratch(&t);
	put_row(&t, "by", cli_text(p, "instance"));
	table_cell(&t, "seq, reset");
	table_cellf(&t, "%" PRId64 ", %" PRId64, cli_number(p, "seq"), cli_number(p, "reset"));
	if (json_is_object(json_object_get(p, "partial")))
		put_row(&t, "partial", "inside a transaction: see -o json");
	return cli_print_table(&t, NULL);
}

static int show(struct cli *cli, const char *path)
{
	struct cli_answer answer;
	const struct client_request r = {.method = "GET",
					 .path = path,
					 .may_be_null = true,
					 .timeout = CLI_REQUEST_SECONDS * USEC_PER_SEC};
	int status = cli_call(cli, &r, &answer);
	if (status == CLI_DONE && cli->json)
		status = cli_print_json(&answer);
	else if (status == CLI_DONE && cli_text(answer.tree, "file")[0] == 0 &&
		 cli_text(answer.tree, "gtid")[0] == 0)
		cli_say(cli, "nothing was copied yet: there is no position");
	else if (status == CLI_DONE)
		status = print_position(answer.tree);
	cli_answer_clear(&answer);
	return status;
}

/* What to give to --set to go back; when it cannot be read nothing is said. */
static void say_former(struct cli *cli, const char *path)
{
	const struct client_request r = {.method = "GET",
					 .path = path,
					 .may_be_null = true,
					 .timeout = CLI_REQUEST_SECONDS * USEC_PER_SEC};
	struct cli_answer answer;
	struct err err = {0};
	if (cli_try(cli, &r, &answer, &err) == 0) {
		const char *file = cli_text(answer.tree, "file"),
			   *gtid = cli_text(answer.tree, "gtid");
		struct buf text;
		buf_init(&text);
		if (file[0])
			buf_printf(&text, "%s:%" PRId64 "%s%s", file,
				   cli_number(answer.tree, "pos"), gtid[0] ? ",gtid=" : "", gtid);
		else if (gtid[0])
			buf_printf(&text, "gtid=%s", gtid);
		if (text.len && !cli->json) {
			struct buf clean;
			buf_init(&clean);
			buf_lit(&clean, "the position was: ");
			text_put_clean(&clean, buf_cstr(&text));
			buf_putc(&clean, '\n');
			(void)cli_print(&clean);
		}
		buf_free(&text);
	}
	cli_answer_clear(&answer);
}

static int set(struct cli *cli, const struct arguments *a, const char *path)
{
	struct err err = {0};
	json_t *start = position_parse(a->values[OPT_SET], &err);
	if (!start) {
		cli_complain("%s", err.text);
		return CLI_USAGE;
	}
	json_t *body = json_pack("{s:o}", "start", start);
	char *text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	if (!text)
		return CLI_FAILED;
	struct wait_order order = {.goal = WAIT_POSITION, .task = a->operands[0]};
	int status = wait_prepare(cli, order.task, &order.before);
	if (status != CLI_DONE) {
		free(text);
		return status;
	}
	say_former(cli, path);
	const struct client_request r = {.method = "PUT",
					 .path = path,
					 .body = text,
					 .body_len = strlen(text),
					 .timeout = CLI_REQUEST_SECONDS * USEC_PER_SEC};
	struct cli_answer answer;
	status = cli_call(cli, &r, &answer);
	free(text);
	const json_t *control = json_object_get(answer.tree, "control");
	const char *name = a->operands[0];
	if (status == CLI_DONE && strcmp(cli_text(control, "desired"), "running") != 0) {
		cli_say(cli, "task %s: begins at %s when it is started", name, a->values[OPT_SET]);
		status = cli->json ? cli_print_json(&answer) : CLI_DONE;
	} else if (status == CLI_DONE && !cli->wait) {
		cli_say(cli, "task %s: told to go on at %s", name, a->values[OPT_SET]);
		status = cli->json ? cli_print_json(&answer) : CLI_DONE;
	} else if (status == CLI_DONE) {
		order.reset = cli_number(control, "reset");
		status = wait_until(cli, &order);
		if (status == CLI_DONE)
			cli_say(cli, "task %s: RUNNING from %s", name, a->values[OPT_SET]);
	}
	cli_answer_clear(&answer);
	return status;
}

int cli_task_position(struct cli *cli, const struct arguments *a)
{
	struct buf path;
	int status = cli_check_task(a->operands[0]);
	if (status != CLI_DONE)
		return status;
	buf_init(&path);
	cli_task_path(&path, a->operands[0], "/position");
	status =
	    arguments_has(a, OPT_SET) ? set(cli, a, buf_cstr(&path)) : show(cli, buf_cstr(&path));
	buf_free(&path);
	return status;
}
