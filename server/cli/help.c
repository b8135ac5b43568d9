/* help.c - the help, the reference page and bash's completion, from the table. Pure. */
#include "server/cli/command.h"

#include "common/base/err.h"

#include <stdio.h>

enum { LINE = 88 };

/* Words of `text` in lines of at most LINE columns, each `indent` in; ends with a newline. */
static void put_wrapped(const char *text, int indent, struct buf *out)
{
	size_t column = 0;
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, " ");
		if (column && column + 1 + len > LINE) {
			buf_putc(out, '\n');
			column = 0;
		}
		if (column)
			buf_putc(out, ' ');
		else
			buf_printf(out, "%*s", indent, "");
		column = (column ? column + 1 : (size_t)indent) + len;
		buf_put(out, p, len);
		p += len + (p[len] == ' ');
	}
	buf_putc(out, '\n');
}

static void put_option_name(const struct option_row *row, struct buf *out)
{
	if (row->letter)
		buf_printf(out, "-%c, ", row->letter);
	buf_printf(out, "--%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
}

static void put_options(uint64_t options, struct buf *out)
{
	struct buf name;
	buf_init(&name);
	for (int i = 0; i < OPT_COUNT; i++) {
		if (!(options & COMMAND_OPTION(i)))
			continue;
		buf_clear(&name);
		put_option_name(&option_rows[i], &name);
		buf_printf(out, "  %s\n", buf_cstr(&name));
		put_wrapped(option_rows[i].meaning, 6, out);
	}
	buf_free(&name);
}

enum { GLOBAL_OPTIONS = (1 << OPT_OF_COMMANDS) - 1 };

void command_put_usage(const struct command *c, struct buf *out)
{
	buf_printf(out, "mrctl %s %s%s%s", c->group, c->name, c->operands[0] ? " " : "",
		   c->operands);
	for (int i = OPT_OF_COMMANDS; i < OPT_COUNT; i++)
		if (c->options & COMMAND_OPTION(i)) {
			const struct option_row *row = &option_rows[i];
			bool needed = i == OPT_ROLE;
			buf_puts(out, needed ? " " : " [");
			if (row->letter)
				buf_printf(out, "-%c|", row->letter);
			buf_printf(out, "--%s%s%s%s", row->name, row->value ? " " : "",
				   row->value ? row->value : "", needed ? "" : "]");
		}
}

static void put_command_help(const struct command *c, struct buf *out)
{
	struct buf usage;
	buf_init(&usage);
	command_put_usage(c, &usage);
	buf_lit(out, "usage:\n");
	put_wrapped(buf_cstr(&usage), 2, out);
	buf_free(&usage);
	buf_printf(out, "\n%c%s.\n", c->summary[0] - 'a' + 'A', c->summary + 1);
	if (c->text)
		put_wrapped(c->text, 0, out);
	buf_printf(out, "The token's role: %s.\n", c->role);
	if (c->options) {
		buf_lit(out, "\noptions:\n");
		put_options(c->options, out);
	}
	buf_lit(out, "\nexamples:\n");
	for (size_t i = 0; i < 5 && c->examples[i]; i++)
		buf_printf(out, "  %s\n", c->examples[i]);
	buf_lit(out, "\nOptions of every command: mrctl --help\n");
}

static void put_group_list(const char *group, struct buf *out)
{
	for (const struct command *c = commands; c->group; c++)
		if (strcmp(c->group, group) == 0) {
			char left[64];
			snprintf(left, sizeof(left), "mrctl %s %s %s", c->group, c->name,
				 c->operands);
			buf_printf(out, "  %-36s %s\n", left, c->summary);
		}
}

static void put_exit_statuses(struct buf *out)
{
	buf_lit(out, "The status is 0 only when it happened, 1 when it did not, 2 when the command "
		     "line\nis not understood.\n");
}

void command_put_help(const char *group, const struct command *c, struct buf *out)
{
	if (c) {
		put_command_help(c, out);
		return;
	}
	if (group) {
		buf_printf(out, "usage: mrctl %s COMMAND …\n\n", group);
		put_group_list(group, out);
		buf_printf(out, "\nmrctl %s COMMAND --help explains one.\n", group);
		return;
	}
	buf_lit(out, "usage: mrctl GROUP COMMAND … [options]\n\n"
		     "What operators do, by mr-server's HTTP API.\n");
	for (const struct command_group *g = command_groups; g->name; g++) {
		buf_printf(out, "\n%s\n", g->summary);
		put_group_list(g->name, out);
	}
	buf_lit(out, "\noptions of every command:\n");
	put_options(GLOBAL_OPTIONS, out);
	buf_lit(out, "\nmrctl GROUP COMMAND --help explains one. ");
	put_exit_statuses(out);
}

static void put_option_table(uint64_t options, struct buf *out)
{
	buf_lit(out, "\n| option | meaning |\n|---|---|\n");
	for (int i = 0; i < OPT_COUNT; i++) {
		if (!(options & COMMAND_OPTION(i)))
			continue;
		buf_lit(out, "| `");
		/* '|' would end the cell. */
		struct buf name;
		buf_init(&name);
		put_option_name(&option_rows[i], &name);
		for (const char *p = buf_cstr(&name); *p; p++)
			buf_printf(out, *p == '|' ? "\\|" : "%c", *p);
		buf_free(&name);
		buf_printf(out, "` | %s |\n", option_rows[i].meaning);
	}
}

static void put_command_reference(const struct command *c, struct buf *out)
{
	buf_printf(out, "\n### mrctl %s %s\n\n```\n", c->group, c->name);
	command_put_usage(c, out);
	buf_printf(out, "\n```\n\n%c%s.%s%s Role: %s.\n", c->summary[0] - 'a' + 'A', c->summary + 1,
		   c->text ? " " : "", c->text ? c->text : "", c->role);
	if (c->options)
		put_option_table(c->options, out);
	buf_lit(out, "\n```sh\n");
	for (size_t i = 0; i < 5 && c->examples[i]; i++)
		buf_printf(out, "%s\n", c->examples[i]);
	buf_lit(out, "```\n");
}

static const char intro[] =
    "# mrctl\n\n"
    "Printed from the table that parses the command line (`mrctl --print reference`). mrctl "
    "speaks mr-server's HTTP API and nothing else. How to work with it: [mrctl.md](mrctl.md).\n\n"
    "The status is 0 only when it happened, 1 when it did not, 2 when the command line is not "
    "understood. Without `--wait`, what happened is that the installation took the order; with "
    "it, that the task is so. Errors go to standard error: what is wrong, the field, the way "
    "out. `-o json` prints the API's answer (of an error too) and nothing else on standard "
    "output; several names give several answers, lists are read to their end and are one.\n\n"
    "## Address and token\n\n"
    "From the first of: the options, the environment (`MR_SERVER`, `MR_TOKEN`, `MR_CA`), the "
    "file `~/.config/mrctl` (`$XDG_CONFIG_HOME/mrctl`; `MR_CONFIG` or `--config` name another). "
    "The file has `key = value` lines:\n\n"
    "```ini\n"
    "server = https://mr.example.com:8230\n"
    "token_file = /etc/mrctl.token ; or: token = mrt_…\n"
    "ca = /etc/ssl/mr-ca.pem       ; only when the system does not know it\n"
    "```\n\n"
    "The file with the token should be readable by its owner alone (mode 0600): mrctl warns "
    "otherwise. `--token` shows the token to every user of the machine in `ps`; the other ways "
    "do not. It is sent to the address alone: redirects are not followed, no proxy is used, and "
    "http to another machine is warned of.\n";

void command_put_reference(struct buf *out)
{
	buf_puts(out, intro);
	buf_lit(out, "\n## Options of every command\n");
	put_option_table(GLOBAL_OPTIONS, out);
	for (const struct command_group *g = command_groups; g->name; g++) {
		buf_printf(out, "\n## %s\n", g->summary);
		for (const struct command *c = commands; c->group; c++)
			if (strcmp(c->group, g->name) == 0)
				put_command_reference(c, out);
	}
}

/* The values of options and the names of tasks, for the shell's word list. */
static void put_completion_values(struct buf *out)
{
	buf_lit(out, "\tcase $before in\n");
	for (int i = 0; i < OPT_COUNT; i++) {
		const struct option_row *row = &option_rows[i];
		if (row->type == OPTION_FLAG)
			continue;
		buf_printf(out, "\t--%s", row->name);
		if (row->letter)
			buf_printf(out, "|-%c", row->letter);
		buf_lit(out, ")\n");
		if (row->choices) {
			buf_lit(out, "\t\tCOMPREPLY=($(compgen -W \"");
			for (size_t k = 0; row->choices[k]; k++)
				buf_printf(out, "%s%s", k ? " " : "", row->choices[k]);
			buf_lit(out, "\" -- \"$word\"))\n");
		} else if (row->value && strcmp(row->value, "FILE") == 0) {
			buf_lit(out, "\t\tCOMPREPLY=($(compgen -f -- \"$word\"))\n");
		}
		buf_lit(out, "\t\treturn ;;\n");
	}
	buf_lit(out, "\tesac\n");
}

static void put_option_words(uint64_t options, struct buf *out)
{
	for (int i = 0; i < OPT_COUNT; i++)
		if (options & COMMAND_OPTION(i))
			buf_printf(out, " --%s", option_rows[i].name);
}

/* "--server|--token|-o": what the next word is the value of. */
static void put_valued_options(struct buf *out)
{
	const char *separator = "";
	for (int i = 0; i < OPT_COUNT; i++) {
		const struct option_row *row = &option_rows[i];
		if (row->type == OPTION_FLAG)
			continue;
		buf_printf(out, "%s--%s", separator, row->name);
		separator = "|";
		if (row->letter)
			buf_printf(out, "|-%c", row->letter);
	}
}

void command_put_completion(struct buf *out)
{
	buf_lit(out, "# Completion of mrctl for bash; printed by `mrctl --print completion`.\n"
		     "_mrctl()\n{\n"
		     "\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
		     "\tlocal group= command= options= operands= w\n"
		     "\tCOMPREPLY=()\n"
		     "\tlocal value=\n"
		     "\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
		     "\t\tif [[ -n $value ]]; then value=; continue; fi\n"
		     "\t\tcase $w in ");
	put_valued_options(out);
	buf_lit(out, ") value=1; continue ;; esac\n"
		     "\t\tif [[ $w == -* || $w == help ]]; then continue; fi\n"
		     "\t\tif [[ -z $group ]]; then group=$w\n"
		     "\t\telif [[ -z $command ]]; then command=$w; fi\n"
		     "\tdone\n");
	put_completion_values(out);
	buf_lit(out, "\tcase \"$group $command\" in\n");
	for (const struct command_group *g = command_groups; g->name; g++) {
		buf_printf(out, "\t\"%s \")\n\t\toptions=\"", g->name);
		for (const struct command *c = commands; c->group; c++)
			if (strcmp(c->group, g->name) == 0)
				buf_printf(out, "%s ", c->name);
		buf_lit(out, "\" ;;\n");
	}
	for (const struct command *c = commands; c->group; c++) {
		buf_printf(out, "\t\"%s %s\")\n\t\toperands=\"%s\" options=\"", c->group, c->name,
			   c->operands);
		put_option_words(c->options | GLOBAL_OPTIONS, out);
		buf_lit(out, "\" ;;\n");
	}
	buf_lit(out, "\t\" \")\n\t\toptions=\"");
	for (const struct command_group *g = command_groups; g->name; g++)
		buf_printf(out, "%s ", g->name);
	put_option_words(GLOBAL_OPTIONS, out);
	buf_lit(out,
		"\" ;;\n\tesac\n"
		"\tif [[ $operands == *FILE* && $word != -* ]]; then\n"
		"\t\tCOMPREPLY+=($(compgen -f -- \"$word\"))\n\tfi\n"
		"\tif [[ $group == task && $operands == *NAME* && $word != -* ]]; then\n"
		"\t\tCOMPREPLY+=($(compgen -W \"$(mrctl task list --names --request-timeout 2s "
		"2>/dev/null)\" -- \"$word\"))\n\tfi\n"
		"\tif [[ $word == -* || -z $operands ]]; then\n"
		"\t\tCOMPREPLY+=($(compgen -W \"$options\" -- \"$word\"))\n\tfi\n"
		"}\ncomplete -o filenames -F _mrctl mrctl\n");
}
