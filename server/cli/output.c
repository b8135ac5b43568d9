/* output.c - what the commands print on standard output; see cli.h. */
#include "server/cli/cli.h"
#include "server/cli/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int cli_print(struct buf *out)
{
	bool whole = !out->failed;
	bool ok = whole && (out->len == 0 || fwrite(out->data, 1, out->len, stdout) == out->len) &&
		  fflush(stdout) == 0;
	buf_free(out);
	if (ok)
		return CLI_DONE;
	cli_complain("standard output: %s", whole ? strerror(errno) : "no memory");
	return CLI_FAILED;
}

void cli_say(const struct cli *cli, const char *fmt, ...)
{
	struct buf clean;
	char text[2048];
	if (cli->json)
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_init(&clean);
	text_put_clean(&clean, text);
	printf("%s\n", buf_cstr(&clean));
	fflush(stdout);
	buf_free(&clean);
}

int cli_print_json(const struct cli_answer *a)
{
	struct buf out;
	buf_init(&out);
	text_put_json(&out, (const char *)a->http.body.data, a->http.body.len);
	if (out.len && out.data[out.len - 1] != '\n')
		buf_putc(&out, '\n');
	return cli_print(&out);
}

int cli_print_tree(const json_t *tree)
{
	struct buf out;
	buf_init(&out);
	char *text = json_dumps(tree, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text)
		text_put_json(&out, text, strlen(text));
	else
		out.failed = true;
	buf_putc(&out, '\n');
	free(text);
	return cli_print(&out);
}

int cli_print_table(struct table *t, const char *none)
{
	struct buf out;
	buf_init(&out);
	if (!t->failed && table_rows(t) == 0 && none)
		fprintf(stderr, "%s\n", none);
	else
		table_print(t, 0, &out);
	table_clear(t);
	return cli_print(&out);
}

static void check_row(struct table *t, const json_t *check)
{
	table_cell(t, cli_text(check, "name"));
	table_cell(t, cli_text(check, "result"));
	table_cell(t, cli_text(check, "field"));
	table_cell(t, cli_text(check, "message"));
}

void cli_put_checks(const json_t *checks, bool all, struct buf *out)
{
	size_t i;
	json_t *check, *shown = json_array();
	struct table t;
	struct buf rows;
	table_init(&t, 4, "CHECK|RESULT|FIELD|FOUND");
	json_array_foreach (checks, i, check) {
		if (!all && strcmp(cli_text(check, "result"), "ok") == 0)
			continue;
		json_array_append(shown, check);
		check_row(&t, check);
	}
	buf_init(&rows);
	table_print(&t, 0, &rows);
	/* Behind the row of a check that is not well: its way out. */
	const char *line = buf_cstr(&rows);
	for (i = 0; *line && json_array_size(shown); i++) {
		size_t len = strcspn(line, "\n");
		buf_put(out, line, len + (line[len] == '\n'));
		line += len + (line[len] == '\n');
		check = i ? json_array_get(shown, i - 1) : NULL;
		const char *result = cli_text(check, "result"), *remedy = cli_text(check, "remedy");
		if (remedy[0] &&
		    (strcmp(result, "failed") == 0 || strcmp(result, "warning") == 0)) {
			buf_lit(out, "    -> ");
			text_put_clean(out, remedy);
			buf_putc(out, '\n');
		}
	}
	out->failed |= rows.failed;
	buf_free(&rows);
	table_clear(&t);
	json_decref(shown);
}

void cli_put_position(struct buf *out, const json_t *position)
{
	enum { GTID_SHOWN = 60 };
	const char *file = cli_text(position, "file"), *gtid = cli_text(position, "gtid");
	if (file[0])
		buf_printf(out, "%s:%" PRId64, file, cli_number(position, "pos"));
	if (gtid[0])
		buf_printf(out, "%s%.*s%s", file[0] ? "  " : "", GTID_SHOWN, gtid,
			   strlen(gtid) > GTID_SHOWN ? "…" : "");
}
