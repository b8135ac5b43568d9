/*
 * task_change.c - the commands that change what a task shall do: start, stop, pause,
 * resume, restart, handover, delete; see cli.h.
 */
#include "server/cli/cli.h"
#include "server/cli/text.h"
#include "server/cli/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One of the orders that are a word behind the task's path. */
struct verb {
	const char *path; /* "/start" */
	enum wait_goal goal;
	const char *ordered; /* "told to start" */
	const char *done;    /* "RUNNING" */
};

static int post(struct cli *cli, const char *name, const char *verb, struct cli_answer *ret)
{
	struct buf path;
	buf_init(&path);
	cli_task_path(&path, name, verb);
	const struct client_request r = {.method = "POST",
					 .path = buf_cstr(&path),
					 .timeout = CLI_REQUEST_SECONDS * USEC_PER_SEC};
	int status = cli_call(cli, &r, ret);
	buf_free(&path);
	return status;
}

static int order(struct cli *cli, const char *name, const struct verb *verb)
{
	struct wait_order wait = {.goal = verb->goal, .task = name};
	struct cli_answer answer;
	int status = wait_prepare(cli, name, &wait.before);
	if (status != CLI_DONE)
		return status;
	status = post(cli, name, verb->path, &answer);
	if (status == CLI_DONE && cli->wait) {
		status = wait_until(cli, &wait);
		if (status == CLI_DONE)
			cli_say(cli, "task %s: %s", name, verb->done);
	} else if (status == CLI_DONE) {
		cli_say(cli, "task %s: %s", name, verb->ordered);
		status = cli->json ? cli_print_json(&answer) : CLI_DONE;
	}
	cli_answer_clear(&answer);
	return status;
}

/* Every task named, also behind one that failed; the worst status. */
static int each(struct cli *cli, const struct arguments *a, const struct verb *verb)
{
	int worst = CLI_DONE;
	for (size_t i = 0; i < a->n; i++)
		if (cli_check_task(a->operands[i]) != CLI_DONE)
			return CLI_USAGE;
	for (size_t i = 0; i < a->n; i++) {
		int status = order(cli, a->operands[i], verb);
		worst = status > worst ? status : worst;
	}
	return worst;
}

int cli_task_start(struct cli *cli, const struct arguments *a)
{
	static const struct verb verb = {"/start", WAIT_RUNNING, "told to start", "RUNNING"};
	return each(cli, a, &verb);
}

int cli_task_stop(struct cli *cli, const struct arguments *a)
{
	static const struct verb verb = {"/stop", WAIT_STOPPED, "told to stop", "STOPPED"};
	return each(cli, a, &verb);
}

int cli_task_pause(struct cli *cli, const struct arguments *a)
{
	static const struct verb verb = {"/pause", WAIT_PAUSED, "told to pause", "PAUSED"};
	return each(cli, a, &verb);
}

int cli_task_resume(struct cli *cli, const struct arguments *a)
{
	static const struct verb verb = {"/resume", WAIT_RUNNING, "told to go on", "RUNNING"};
	return each(cli, a, &verb);
}

int cli_task_restart(struct cli *cli, const struct arguments *a)
{
	static const struct verb verb = {"/restart", WAIT_NEW_RUN, "told to restart",
					 "RUNNING anew"};
	return each(cli, a, &verb);
}

static int await_command(struct cli *cli, const char *name, const char *id, usec_t end)
{
	struct buf path;
	char what[160];
	buf_init(&path);
	cli_task_path(&path, name, "/commands");
	client_put_name(&path, id);
	snprintf(what, sizeof(what), "the handover of task %s", name);
	int status = wait_order_done(cli, buf_cstr(&path), what, end);
	if (status != CLI_DONE)
		fprintf(stderr, "  remedy: mrctl task why %s\n", name);
	buf_free(&path);
	return status;
}

int cli_task_handover(struct cli *cli, const struct arguments *a)
{
	const char *name = a->operands[0];
	struct wait_order wait = {.goal = WAIT_OTHER_NODE, .task = name};
	struct cli_answer answer;
	int status = cli_check_task(name);
	if (status != CLI_DONE)
		return status;
	status = wait_prepare(cli, name, &wait.before);
	if (status != CLI_DONE)
		return status;
	usec_t end = clock_boot() + cli->timeout;
	status = post(cli, name, "/handover", &answer);
	if (status == CLI_DONE && cli->wait) {
		status = await_command(cli, name, cli_text(answer.tree, "command"), end);
		if (status == CLI_DONE)
			status = wait_until(cli, &wait);
		if (status == CLI_DONE)
			cli_say(cli, "task %s: RUNNING on another instance", name);
	} else if (status == CLI_DONE) {
		cli_say(cli, "task %s: told to hand over (%s)", name,
			cli_text(answer.tree, "command"));
		status = cli->json ? cli_print_json(&answer) : CLI_DONE;
	}
	cli_answer_clear(&answer);
	return status;
}

/* "yes" on a terminal; without one there is nobody to ask. */
static int ask_delete(const struct arguments *a)
{
	char line[16];
	if (arguments_has(a, OPT_YES))
		return CLI_DONE;
	if (!isatty(STDIN_FILENO)) {
		cli_complain("deleting is asked about on a terminal; elsewhere --yes is needed");
		return CLI_USAGE;
	}
	fprintf(stderr, "Delete");
	for (size_t i = 0; i < a->n; i++)
		fprintf(stderr, "%s %s", i ? "," : "", a->operands[i]);
	fprintf(stderr, ", with position and former documents? [yes/no] ");
	if (fgets(line, sizeof(line), stdin) && strcmp(line, "yes\n") == 0)
		return CLI_DONE;
	cli_complain("nothing was deleted");
	return CLI_FAILED;
}

static int delete_one(struct cli *cli, const char *name, bool force)
{
	const struct wait_order wait = {.goal = WAIT_GONE, .task = name};
	struct cli_answer answer;
	struct buf path;
	buf_init(&path);
	cli_task_path(&path, name, force ? "?force=true" : "");
	const struct client_request r = {.method = "DELETE",
					 .path = buf_cstr(&path),
					 .timeout = CLI_REQUEST_SECONDS * USEC_PER_SEC};
	int status = cli_call(cli, &r, &answer);
	if (status == CLI_DONE && cli->wait) {
		status = wait_until(cli, &wait);
		if (status == CLI_DONE)
			cli_say(cli, "task %s: deleted", name);
	} else if (status == CLI_DONE) {
		cli_say(cli, "task %s: is being deleted", name);
	}
	if (status == CLI_DONE && cli->json)
		status = cli_print_json(&answer);
	buf_free(&path);
	cli_answer_clear(&answer);
	return status;
}

int cli_task_delete(struct cli *cli, const struct arguments *a)
{
	int worst = CLI_DONE;
	for (size_t i = 0; i < a->n; i++)
		if (cli_check_task(a->operands[i]) != CLI_DONE)
			return CLI_USAGE;
	int status = ask_delete(a);
	if (status != CLI_DONE)
		return status;
	for (size_t i = 0; i < a->n; i++) {
		status = delete_one(cli, a->operands[i], arguments_has(a, OPT_FORCE));
		worst = status > worst ? status : worst;
	}
	return worst;
}
