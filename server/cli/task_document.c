/* task_document.c - the commands with a document: create, update, revert, diff; see cli.h. */
#include "common/contract/document.h"
#include "common/contract/errors.h"
#include "common/contract/task.h"
#include "server/cli/cli.h"
#include "server/cli/diff.h"
#include "server/cli/text.h"
#include "server/cli/wait.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A document from a file, and its JSON. */
struct file {
	char *text;
	size_t len;
	json_t *tree;
};

static void file_clear(struct file *f)
{
	json_decref(f->tree);
	if (f->text)
		cli_file_free(f->text, f->len);
	*f = (struct file){0};
}

static int read_document(const char *path, struct file *ret)
{
	struct file f = {0};
	struct err err = {0};
	int status = cli_read_file(path, &f.text, &f.len);
	if (status != CLI_DONE)
		return status;
	f.tree = document_parse(f.text, f.len, TASK_DOCUMENT_MAX, "the task document",
				ERR_TASK_INVALID, &err);
	if (!f.tree) {
		cli_complain("%s: %s%s%s%s", path, err.text, err.where[0] ? " (" : "", err.where,
			     err.where[0] ? ")" : "");
		file_clear(&f);
		return CLI_FAILED;
	}
	*ret = f;
	return CLI_DONE;
}

/* The name in the document, or told and a status other than CLI_DONE. */
static int name_of(const struct file *f, const char *path, const char **ret)
{
	const char *name = cli_text(f->tree, "name");
	if (!name[0]) {
		cli_complain("%s: the document has no \"name\"", path);
		return CLI_FAILED;
	}
	*ret = name;
	return cli_check_task(name) == CLI_DONE ? CLI_DONE : CLI_FAILED;
}

/* Warnings of the preflight, which passed. */
static void tell_warnings(const struct cli *cli, const json_t *checks)
{
	struct buf out;
	if (cli->json)
		return;
	buf_init(&out);
	cli_put_checks(checks, false, &out);
	(void)cli_print(&out);
}

int cli_task_create(struct cli *cli, const struct arguments *a)
{
	struct file f;
	const char *name;
	bool start = arguments_has(a, OPT_START);
	int status = read_document(a->operands[0], &f);
	if (status != CLI_DONE)
		return status;
	status = name_of(&f, a->operands[0], &name);
	struct cli_answer answer = {0};
	if (status == CLI_DONE) {
		bool skip = arguments_has(a, OPT_SKIP_PREFLIGHT);
		char path[64];
		snprintf(path, sizeof(path), "/tasks%s%s%s%s", skip || start ? "?" : "",
			 skip ? "preflight=skip" : "", skip && start ? "&" : "",
			 start ? "start=true" : "");
		const struct client_request r = {.method = "POST",
						 .path = path,
						 .body = f.text,
						 .body_len = f.len,
						 .timeout = CLI_PREFLIGHT_SECONDS * USEC_PER_SEC};
		status = cli_call(cli, &r, &answer);
	}
	if (status == CLI_DONE) {
		tell_warnings(cli, json_object_get(answer.tree, "checks"));
		cli_say(cli, "task %s: created%s", name,
			start ? " and told to start" : ", stopped");
	}
	if (status == CLI_DONE && start && cli->wait) {
		const struct wait_order wait = {.goal = WAIT_RUNNING, .task = name};
		status = wait_until(cli, &wait);
		if (status == CLI_DONE)
			cli_say(cli, "task %s: RUNNING", name);
	} else if (status == CLI_DONE && cli->json) {
		status = cli_print_json(&answer);
	}
	cli_answer_clear(&answer);
	file_clear(&f);
	return status;
}

/* PUT of the document; `before` is the task as it was read. */
static int put(struct cli *cli, const struct arguments *a, const char *name, const char *text,
	       size_t len, const char *revision, const struct wait_before *before)
{
	struct buf path;
	struct cli_answer answer;
	buf_init(&path);
	cli_task_path(&path, name, arguments_has(a, OPT_SKIP_PREFLIGHT) ? "?preflight=skip" : "");
	const struct client_request r = {.method = "PUT",
					 .path = buf_cstr(&path),
					 .body = text,
					 .body_len = len,
					 .if_match = revision,
					 .timeout = CLI_PREFLIGHT_SECONDS * USEC_PER_SEC};
	int status = cli_call(cli, &r, &answer);
	buf_free(&path);
	if (status == CLI_DONE) {
		struct wait_order wait = {.goal = WAIT_REVISION,
					  .task = name,
					  .before = *before,
					  .revision = cli_number(answer.tree, "revision")};
		bool runs = strcmp(cli_text(json_object_get(answer.tree, "control"), "desired"),
				   "running") == 0;
		tell_warnings(cli, json_object_get(answer.tree, "checks"));
		cli_say(cli, "task %s: revision %" PRId64, name, wait.revision);
		if (cli->wait && runs) {
			status = wait_until(cli, &wait);
			if (status == CLI_DONE)
				cli_say(cli, "task %s: RUNNING with it", name);
		} else if (cli->json) {
			status = cli_print_json(&answer);
		}
	}
	cli_answer_clear(&answer);
	return status;
}

/* The revision to change: that of --revision, or the one that is there now. */
static int read_current(struct cli *cli, const struct arguments *a, const char *name,
			char revision[24], struct wait_before *before)
{
	struct cli_answer answer;
	int status = cli_get_task(cli, name, &answer);
	if (status == CLI_DONE) {
		const char *given = a->values[OPT_REVISION];
		if (given)
			snprintf(revision, 24, "%s", given);
		else
			snprintf(revision, 24, "%" PRId64, cli_number(answer.tree, "revision"));
		wait_remember(answer.tree, before);
	}
	cli_answer_clear(&answer);
	return status;
}

int cli_task_update(struct cli *cli, const struct arguments *a)
{
	struct file f;
	const char *name;
	char revision[24];
	struct wait_before before = {0};
	int status = read_document(a->operands[0], &f);
	if (status != CLI_DONE)
		return status;
	status = name_of(&f, a->operands[0], &name);
	if (status == CLI_DONE)
		status = read_current(cli, a, name, revision, &before);
	if (status == CLI_DONE)
		status = put(cli, a, name, f.text, f.len, revision, &before);
	file_clear(&f);
	return status;
}

int cli_task_revert(struct cli *cli, const struct arguments *a)
{
	const char *name = a->operands[0], *wanted = a->operands[1];
	struct cli_answer answer = {0};
	struct wait_before before = {0};
	char revision[24];
	struct buf path;
	int status = cli_check_task(name);
	if (status == CLI_DONE && strspn(wanted, "0123456789") != strlen(wanted)) {
		cli_complain("'%.60s' is no revision: see mrctl task revisions %s", wanted, name);
		status = CLI_USAGE;
	}
	if (status != CLI_DONE)
		return status;
	status = read_current(cli, a, name, revision, &before);
	if (status != CLI_DONE)
		return status;
	buf_init(&path);
	cli_task_path(&path, name, "/revisions");
	client_put_name(&path, wanted);
	status = cli_get(cli, buf_cstr(&path), &answer);
	if (status == CLI_DONE) {
		const json_t *document = json_object_get(answer.tree, "document");
		char *text = json_dumps(document ? document : answer.tree, JSON_COMPACT);
		status =
		    text ? put(cli, a, name, text, strlen(text), revision, &before) : CLI_FAILED;
		free(text);
	}
	buf_free(&path);
	cli_answer_clear(&answer);
	return status;
}

/* With every default; what this version cannot read stays as it is. A new reference. */
static json_t *with_defaults(const char *text, size_t len, json_t *tree, struct err *err)
{
	struct task *task;
	struct buf out;
	if (task_parse(text, len, &task, err) < 0)
		return json_incref(tree);
	buf_init(&out);
	task_to_json(task, &out);
	task_free(task);
	json_t *whole = json_loadb(buf_cstr(&out), out.len, 0, NULL);
	buf_free(&out);
	return whole ? whole : json_incref(tree);
}

struct differences {
	const struct file *file; /* as given, with its secrets */
	struct table table;
	json_t *list;
};

static const char *shown(const json_t *value, char **owned)
{
	*owned = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	return *owned ? *owned : "";
}

static int take(void *ctx, const char *path, const json_t *stored, const json_t *given)
{
	struct differences *d = ctx;
	char *old, *new;
	/* Made by the server, and kept when a document does not name it. */
	if (strcmp(path, "uid") == 0 && !json_is_string(given))
		return 0;
	table_cell(&d->table, path);
	table_cell(&d->table, shown(stored, &old));
	table_cell(&d->table, shown(given, &new));
	free(old);
	free(new);
	json_array_append_new(
	    d->list, json_pack("{s:s,s:O?,s:O?}", "path", path, "old", stored, "new", given));
	return 0;
}

static bool is_masked(const json_t *value)
{
	return json_is_string(value) && strcmp(json_string_value(value), "***") == 0;
}

/*
 * Secrets are "***" on both sides and so no difference: those that the file gives in the
 * clear are said to be set anew. `at` walks the file as it was given.
 */
static void take_secrets(struct differences *d, const json_t *masked, const json_t *raw, char *path,
			 size_t len)
{
	const char *name;
	json_t *value;
	enum { SIZE = 512 };
	json_object_foreach ((json_t *)masked, name, value) {
		const json_t *given = json_object_get(raw, name);
		size_t more =
		    len + (size_t)snprintf(path + len, SIZE - len, "%s%s", len ? "." : "", name);
		if (more >= SIZE)
			continue;
		if (json_is_object(value)) {
			take_secrets(d, value, given, path, more);
		} else if (is_masked(value) && json_is_string(given) && !is_masked(given)) {
			table_cell(&d->table, path);
			table_cell(&d->table, "(a secret)");
			table_cell(&d->table, "(given anew)");
			json_array_append_new(d->list,
					      json_pack("{s:s,s:s,s:s}", "path", path, "old", "***",
							"new", "(given anew)"));
		}
	}
	path[len] = 0;
}

static int print_differences(const struct cli *cli, struct differences *d, const char *name)
{
	int status;
	if (cli->json)
		status = cli_print_tree(d->list);
	else if (table_rows(&d->table) == 0)
		cli_say(cli, "task %s: the same", name), status = CLI_DONE;
	else
		return cli_print_table(&d->table, NULL);
	table_clear(&d->table);
	return status;
}

static int compare(const struct cli *cli, const char *name, const json_t *stored,
		   const struct file *f)
{
	struct err err = {0};
	char path[512] = "";
	struct differences d = {.file = f, .list = json_array()};
	char *text = json_dumps(stored, JSON_COMPACT);
	if (!text || !d.list) {
		free(text);
		json_decref(d.list);
		cli_complain("no memory");
		return CLI_FAILED;
	}
	json_t *a = with_defaults(text, strlen(text), (json_t *)stored, &err);
	err_clear(&err);
	json_t *b = with_defaults(f->text, f->len, f->tree, &err);
	int status = CLI_FAILED;
	/* A document that cannot be read has its secrets in it still: it is not compared. */
	if (err.kind) {
		cli_complain("%s%s%s", err.text, err.where[0] ? " at " : "", err.where);
		fprintf(stderr, "  remedy: %s\n", err.kind->remedy);
	} else {
		table_init(&d.table, 3, "FIELD|STORED|FILE");
		diff_json(a, b, take, &d);
		take_secrets(&d, b, f->tree, path, 0);
		status = print_differences(cli, &d, name);
	}
	json_decref(a);
	json_decref(b);
	json_decref(d.list);
	free(text);
	return status;
}

int cli_task_diff(struct cli *cli, const struct arguments *a)
{
	const char *name = a->operands[0];
	struct file f;
	struct cli_answer answer;
	int status = cli_check_task(name);
	if (status == CLI_DONE)
		status = read_document(a->operands[1], &f);
	if (status != CLI_DONE)
		return status;
	status = cli_get_task(cli, name, &answer);
	if (status == CLI_DONE)
		status = compare(cli, name, json_object_get(answer.tree, "document"), &f);
	cli_answer_clear(&answer);
	file_clear(&f);
	return status;
}
