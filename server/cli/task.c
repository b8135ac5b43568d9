/* task.c - the commands that read tasks: list, show, revisions, why, validate; see cli.h. */
#include "server/cli/cli.h"
#include "server/cli/text.h"
#include "server/cli/wait.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAGE = 1000 };

static int64_t now_ms(void)
{
	return clock_wall() / USEC_PER_MSEC;
}

static void put_query(struct buf *path, const char *name, const char *value)
{
	if (!value)
		return;
	buf_printf(path, "&%s=", name);
	client_put_value(path, value);
}

/*
 * Reads every page; the tasks of all are in *ret_tasks, a new reference. A page that does
 * not go on after the last name would go on for ever: it ends the list.
 */
static int read_list(struct cli *cli, const struct arguments *a, json_t **ret_tasks)
{
	json_t *tasks = json_array();
	char after[256] = "";
	int status = tasks ? CLI_DONE : CLI_FAILED;
	for (bool more = true; more && status == CLI_DONE;) {
		struct cli_answer answer;
		struct buf path;
		buf_init(&path);
		buf_printf(&path, "/tasks?limit=%d", PAGE);
		put_query(&path, "group", a->values[OPT_GROUP]);
		put_query(&path, "state", a->values[OPT_STATE]);
		put_query(&path, "desired", a->values[OPT_DESIRED]);
		put_query(&path, "q", a->values[OPT_SEARCH]);
		put_query(&path, "after", after[0] ? after : NULL);
		status = cli_get(cli, buf_cstr(&path), &answer);
		if (status == CLI_DONE) {
			const char *next = cli_text(answer.tree, "next");
			more = next[0] && strcmp(next, after) > 0;
			snprintf(after, sizeof(after), "%s", next);
			json_array_extend(tasks, json_object_get(answer.tree, "tasks"));
		}
		cli_answer_clear(&answer);
		buf_free(&path);
	}
	if (status != CLI_DONE)
		json_decref(tasks);
	else
		*ret_tasks = tasks;
	return status;
}

static void put_number_cell(struct table *t, int64_t value)
{
	if (value < 0)
		table_cell(t, "");
	else
		table_cellf(t, "%" PRId64, value);
}

static void list_row(struct table *t, const json_t *task)
{
	const json_t *error = json_object_get(task, "error");
	table_cell(t, cli_text(task, "name"));
	table_cell(t, cli_text(task, "group"));
	table_cell(t, cli_text(task, "desired"));
	table_cell(t, cli_text(task, "state"));
	table_cell(t, cli_text(task, "hostname"));
	text_put_duration(&t->scratch, cli_number_or_none(task, "lag_ms"));
	table_cell_scratch(t);
	put_number_cell(t, cli_number_or_none(task, "rows"));
	if (json_is_number(json_object_get(task, "rows_per_s")))
		table_cellf(t, "%.1f", cli_real(task, "rows_per_s"));
	else
		table_cell(t, "");
	text_put_age(&t->scratch, cli_number(task, "since_ms"), now_ms());
	table_cell_scratch(t);
	put_number_cell(t, cli_number_or_none(task, "instances"));
	table_cell(t, cli_text(error, "message"));
}

int cli_task_list(struct cli *cli, const struct arguments *a)
{
	json_t *tasks, *task;
	size_t i;
	int status = read_list(cli, a, &tasks);
	if (status != CLI_DONE)
		return status;
	if (cli->json) {
		json_t *whole = json_pack("{s:O,s:n,s:I}", "tasks", tasks, "next", "total",
					  (json_int_t)json_array_size(tasks));
		status = cli_print_tree(whole);
		json_decref(whole);
	} else if (arguments_has(a, OPT_NAMES)) {
		struct buf out;
		buf_init(&out);
		json_array_foreach (tasks, i, task) {
			text_put_clean(&out, cli_text(task, "name"));
			buf_putc(&out, '\n');
		}
		status = cli_print(&out);
	} else {
		struct table t;
		table_init(&t, 11,
			   "NAME|GROUP|DESIRED|STATE|HOST|>LAG|>ROWS|>ROWS/S|>SINCE|>NODES|ERROR");
		json_array_foreach (tasks, i, task)
			list_row(&t, task);
		status = cli_print_table(&t, "no tasks");
	}
	json_decref(tasks);
	return status;
}

/* A line of what stands in the scratch buffer; none when that is empty. */
static void line(struct table *t, const char *name)
{
	if (t->scratch.len == 0)
		return;
	table_cell(t, name);
	table_cell_scratch(t);
}

static void show_holder(struct table *t, const json_t *holder)
{
	const json_t *error = json_object_get(holder, "error");
	struct buf *s = &t->scratch;
	double hours = json_is_number(json_object_get(holder, "binlog_hours_left"))
			   ? cli_real(holder, "binlog_hours_left")
			   : -1;
	cli_put_position(s, json_object_get(holder, "position"));
	line(t, "position");
	cli_put_position(s, json_object_get(holder, "source_head"));
	line(t, "source's head");
	text_put_duration(s, cli_number_or_none(holder, "lag_ms"));
	line(t, "lag");
	buf_printf(s, "%" PRId64 " (%.1f/s), ", cli_number(holder, "rows"),
		   cli_real(holder, "rows_per_s"));
	text_put_bytes(s, cli_number(holder, "bytes"));
	buf_printf(s, ", %" PRId64 " transactions, %" PRId64 " in flight",
		   cli_number(holder, "transactions"), cli_number(holder, "in_flight"));
	line(t, "rows");
	if (cli_number(holder, "last_event_ms") > 0) {
		text_put_age(s, cli_number(holder, "last_event_ms"), now_ms());
		buf_lit(s, " ago");
	}
	line(t, "last event");
	if (hours >= 0)
		buf_printf(s, "%.1f h, then the source purges what is not copied", hours);
	line(t, "binlog kept");
	if (cli_text(error, "message")[0]) {
		buf_printf(s, "%s: %s", cli_text(error, "code"), cli_text(error, "message"));
		line(t, "error");
		cli_put_position(s, json_object_get(error, "position"));
		line(t, "error at");
	}
}

static void show_summary(const json_t *task, struct buf *out)
{
	const json_t *control = json_object_get(task, "control");
	const json_t *holder = wait_holder(task), *commit = json_object_get(task, "lastCommit");
	const json_t *failed = json_object_get(json_object_get(task, "status"), "error");
	struct table t;
	table_init(&t, 2, "");
	struct buf *s = &t.scratch;
	buf_puts(s, cli_text(task, "name"));
	line(&t, "task");
	buf_printf(s, "%s, revision %" PRId64,
		   cli_text(control, "desired")[0] ? cli_text(control, "desired") : "nothing",
		   cli_number(control, "revision"));
	line(&t, "desired");
	if (holder) {
		buf_printf(s, "%s on %s, since ", cli_text(holder, "state"),
			   cli_text(holder, "hostname"));
		text_put_age(s, cli_number(holder, "since_ms"), now_ms());
	} else {
		buf_lit(s, "no mr-core has it");
	}
	line(&t, "state");
	if (holder && strcmp(cli_text(holder, "state"), "STANDBY") != 0)
		show_holder(&t, holder);
	if (json_is_object(commit)) {
		cli_put_position(s, commit);
		line(&t, "last commit");
		text_put_age(s, cli_number(commit, "ts_ms"), now_ms());
		buf_lit(s, " ago");
		line(&t, "saved");
	}
	if (cli_text(failed, "message")[0]) {
		text_put_time(s, cli_number(json_object_get(task, "status"), "error_ms"));
		buf_printf(s, " %s: %s", cli_text(failed, "code"), cli_text(failed, "message"));
		line(&t, "last error");
	}
	table_print(&t, 0, out);
	table_clear(&t);
}

static void show_instances(const json_t *task, struct buf *out)
{
	const json_t *instances = json_object_get(task, "instances"), *i;
	size_t n;
	struct table t;
	if (json_array_size(instances) == 0)
		return;
	table_init(&t, 6, "INSTANCE|STATE|>SINCE|RUN|VERSION|>PID");
	json_array_foreach (instances, n, i) {
		table_cell(&t, cli_text(i, "node"));
		table_cell(&t, cli_text(i, "state"));
		text_put_age(&t.scratch, cli_number(i, "since_ms"), now_ms());
		table_cell_scratch(&t);
		table_cell(&t, cli_text(i, "run"));
		table_cell(&t, cli_text(i, "version"));
		put_number_cell(&t, cli_number_or_none(i, "pid"));
	}
	buf_putc(out, '\n');
	table_print(&t, 0, out);
	table_clear(&t);
}

static void put_document(const json_t *document, struct buf *out)
{
	char *text = json_dumps(document, JSON_INDENT(2) | JSON_ENCODE_ANY);
	if (text) {
		text_put_json(out, text, strlen(text));
		buf_putc(out, '\n');
	} else {
		out->failed = true;
	}
	free(text);
}

/* A line of --watch: what changes while a task runs. */
static void watch_line(const json_t *task, struct buf *out)
{
	const json_t *holder = wait_holder(task);
	const json_t *error = json_object_get(holder, "error");
	struct buf text;
	buf_init(&text);
	text_put_time(&text, now_ms());
	buf_printf(&text, "  %-8s  ", holder ? cli_text(holder, "state") : "-");
	if (holder) {
		buf_printf(&text, "%s  lag ", cli_text(holder, "hostname"));
		text_put_duration(&text, cli_number_or_none(holder, "lag_ms"));
		buf_printf(&text, "  rows %" PRId64 " (%.1f/s)  ", cli_number(holder, "rows"),
			   cli_real(holder, "rows_per_s"));
		cli_put_position(&text, json_object_get(holder, "position"));
	} else {
		buf_lit(&text, "no mr-core has it");
	}
	if (cli_text(error, "message")[0])
		buf_printf(&text, "  %s", cli_text(error, "message"));
	text_put_clean(out, buf_cstr(&text));
	buf_putc(out, '\n');
	buf_free(&text);
}

static int watch(struct cli *cli, const struct arguments *a)
{
	usec_t end = clock_boot() + cli->timeout;
	bool bounded = arguments_has(a, OPT_TIMEOUT);
	for (;;) {
		struct cli_answer answer;
		struct buf out;
		buf_init(&out);
		int status = cli_get_task(cli, a->operands[0], &answer);
		bool gone = answer.http.status == 404;
		if (status == CLI_DONE && cli->json)
			status = cli_print_json(&answer);
		else if (status == CLI_DONE)
			watch_line(answer.tree, &out);
		cli_answer_clear(&answer);
		int printed = cli_print(&out);
		/* A server that is away for a while does not end it. */
		if (gone || printed != CLI_DONE)
			return CLI_FAILED;
		if (bounded && clock_boot() >= end)
			return status;
		sleep(2);
	}
}

int cli_task_show(struct cli *cli, const struct arguments *a)
{
	struct cli_answer answer;
	int status = cli_check_task(a->operands[0]);
	if (status != CLI_DONE)
		return status;
	if (arguments_has(a, OPT_WATCH))
		return watch(cli, a);
	status = cli_get_task(cli, a->operands[0], &answer);
	if (status == CLI_DONE && cli->json) {
		status = cli_print_json(&answer);
	} else if (status == CLI_DONE) {
		struct buf out;
		const json_t *document = json_object_get(answer.tree, "document");
		buf_init(&out);
		show_summary(answer.tree, &out);
		show_instances(answer.tree, &out);
		buf_putc(&out, '\n');
		const char *broken = cli_text(answer.tree, "document_error");
		if (json_is_object(document)) {
			put_document(document, &out);
		} else if (broken[0]) {
			buf_lit(&out, "The document cannot be read: ");
			text_put_clean(&out, broken);
			buf_putc(&out, '\n');
		} else {
			buf_lit(&out,
				"There is no document yet: mrctl task create FILE gives it one.\n");
		}
		status = cli_print(&out);
	}
	cli_answer_clear(&answer);
	return status;
}

/* The source's tables, as patterns of tables.include name them. */
static void put_tables(const json_t *tree, struct buf *out)
{
	const json_t *table;
	size_t i;
	buf_lit(out, "\nTABLES\n");
	json_array_foreach (json_object_get(tree, "tables"), i, table) {
		text_put_clean(out, cli_text(table, "db"));
		buf_putc(out, '.');
		text_put_clean(out, cli_text(table, "table"));
		buf_putc(out, '\n');
	}
	if (json_is_true(json_object_get(tree, "truncated")))
		buf_lit(out, "… and more\n");
}

int cli_task_validate(struct cli *cli, const struct arguments *a)
{
	char *text;
	size_t len;
	int status = cli_read_file(a->operands[0], &text, &len);
	if (status != CLI_DONE)
		return status;
	bool tables = arguments_has(a, OPT_TABLES);
	const struct client_request r = {.method = "POST",
					 .path = tables ? "/validate?type=tables" : "/validate",
					 .body = text,
					 .body_len = len,
					 .timeout = CLI_PREFLIGHT_SECONDS * USEC_PER_SEC};
	struct cli_answer answer;
	status = cli_call(cli, &r, &answer);
	if (status == CLI_DONE) {
		bool valid = json_is_true(json_object_get(answer.tree, "valid"));
		struct buf out;
		buf_init(&out);
		if (!cli->json)
			cli_put_checks(json_object_get(answer.tree, "checks"), true, &out);
		if (!cli->json && tables)
			put_tables(answer.tree, &out);
		status = cli_print(&out);
		if (cli->json)
			status = cli_print_json(&answer);
		if (!valid) {
			cli_complain("the task would not run: a check failed");
			status = CLI_FAILED;
		}
	}
	cli_answer_clear(&answer);
	cli_file_free(text, len);
	return status;
}

static int show_revision(struct cli *cli, const char *name, const char *revision)
{
	struct cli_answer answer;
	struct buf path, out;
	buf_init(&path);
	buf_init(&out);
	cli_task_path(&path, name, "/revisions");
	client_put_name(&path, revision);
	int status = cli_get(cli, buf_cstr(&path), &answer);
	if (status == CLI_DONE && cli->json) {
		status = cli_print_json(&answer);
	} else if (status == CLI_DONE) {
		const json_t *document = json_object_get(answer.tree, "document");
		put_document(document ? document : answer.tree, &out);
		status = cli_print(&out);
	}
	buf_free(&path);
	cli_answer_clear(&answer);
	return status;
}

int cli_task_revisions(struct cli *cli, const struct arguments *a)
{
	struct cli_answer answer;
	struct buf path;
	int status = cli_check_task(a->operands[0]);
	if (status != CLI_DONE)
		return status;
	if (a->n > 1)
		return show_revision(cli, a->operands[0], a->operands[1]);
	buf_init(&path);
	cli_task_path(&path, a->operands[0], "/revisions");
	status = cli_get(cli, buf_cstr(&path), &answer);
	if (status == CLI_DONE && cli->json) {
		status = cli_print_json(&answer);
	} else if (status == CLI_DONE) {
		const json_t *entry;
		size_t i;
		struct table t;
		table_init(&t, 3, ">REVISION|WRITTEN|");
		json_array_foreach (json_object_get(answer.tree, "revisions"), i, entry) {
			put_number_cell(&t, cli_number(entry, "revision"));
			text_put_time(&t.scratch, cli_number(entry, "written_ms"));
			table_cell_scratch(&t);
			table_cell(&t, json_is_true(json_object_get(entry, "current")) ? "current"
										       : "former");
		}
		status = cli_print_table(&t, "no documents");
	}
	buf_free(&path);
	cli_answer_clear(&answer);
	return status;
}

int cli_task_why(struct cli *cli, const struct arguments *a)
{
	struct cli_answer answer;
	struct buf path;
	int status = cli_check_task(a->operands[0]);
	if (status != CLI_DONE)
		return status;
	buf_init(&path);
	cli_task_path(&path, a->operands[0], "/why");
	status = cli_get(cli, buf_cstr(&path), &answer);
	if (status == CLI_DONE && cli->json) {
		status = cli_print_json(&answer);
	} else if (status == CLI_DONE) {
		const char *next = cli_text(answer.tree, "next_step");
		cli_say(cli, "%s: %s", cli_text(answer.tree, "state"),
			cli_text(answer.tree, "sentence"));
		if (next[0])
			cli_say(cli, "Next: %s", next);
	}
	buf_free(&path);
	cli_answer_clear(&answer);
	return status;
}
