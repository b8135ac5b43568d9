/*
 * arguments_test.c - the command line, the table behind it, and that every example of the
 * help and of the guide parses.
 */
#include "server/cli/arguments.h"

#include "common/contract/errors.h"
#include "common/os/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { WORDS_MAX = 32 };

/* The words of a line, as a shell without quotes splits it; up to a '#' or what a shell acts on. */
static int split(char *line, char *argv[WORDS_MAX])
{
	int argc = 0;
	char *save = NULL;
	for (char *word = strtok_r(line, " \n", &save); word && argc < WORDS_MAX - 1;
	     word = strtok_r(NULL, " \n", &save)) {
		if (strchr("#|>&;", word[0]))
			break;
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	return argc;
}

static int parse(const char *line, struct arguments *ret, struct err *err, char **ret_copy)
{
	char *argv[WORDS_MAX];
	*ret_copy = strdup(line);
	return arguments_parse(split(*ret_copy, argv), argv, ret, err);
}

static void must_parse(const char *line)
{
	struct arguments a;
	struct err err = {0};
	char *copy;
	if (parse(line, &a, &err, &copy) != 0)
		fail_msg("%s: %s", line, err.text);
	assert_non_null(a.command);
	arguments_clear(&a);
	free(copy);
}

static void test_forms(void **state)
{
	(void)state;
	struct arguments a;
	struct err err = {0};
	char *copy;
	assert_int_equal(
	    parse("mrctl --server=http://a -o json task --wait start x --timeout 5s -- -y", &a,
		  &err, &copy),
	    0);
	assert_string_equal(a.command->name, "start");
	assert_string_equal(a.values[OPT_SERVER], "http://a");
	assert_string_equal(a.values[OPT_OUTPUT], "json");
	assert_true(arguments_has(&a, OPT_WAIT));
	assert_false(arguments_has(&a, OPT_YES));
	assert_int_equal(arguments_duration(&a, OPT_TIMEOUT, 1), 5 * USEC_PER_SEC);
	assert_int_equal(arguments_duration(&a, OPT_REQUEST_TIMEOUT, 7), 7);
	assert_int_equal(a.n, 2);
	assert_string_equal(a.operands[0], "x");
	assert_string_equal(a.operands[1], "-y");
	arguments_clear(&a);
	free(copy);
	/* A letter with its value at it, "-" as a file, an empty value. */
	assert_int_equal(parse("mrctl task list -qshop -ojson --group=", &a, &err, &copy), 0);
	assert_string_equal(a.values[OPT_SEARCH], "shop");
	assert_string_equal(a.values[OPT_GROUP], "");
	arguments_clear(&a);
	free(copy);
	assert_int_equal(parse("mrctl task create -", &a, &err, &copy), 0);
	assert_string_equal(a.operands[0], "-");
	arguments_clear(&a);
	free(copy);
}

static void test_help(void **state)
{
	(void)state;
	static const struct {
		const char *line, *group, *command;
	} cases[] = {
	    {"mrctl --help", NULL, NULL},
	    {"mrctl help", NULL, NULL},
	    {"mrctl help task", "task", NULL},
	    {"mrctl task -h", "task", NULL},
	    {"mrctl task start --help", "task", "start"},
	    {"mrctl help task start", "task", "start"},
	    {"mrctl task create --wait -h", "task", "create"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arguments a;
		struct err err = {0};
		char *copy;
		assert_int_equal(parse(cases[i].line, &a, &err, &copy), 0);
		assert_true(arguments_has(&a, OPT_HELP));
		if (cases[i].group)
			assert_string_equal(a.group, cases[i].group);
		else
			assert_null(a.group);
		if (cases[i].command)
			assert_string_equal(a.command->name, cases[i].command);
		else
			assert_null(a.command);
		arguments_clear(&a);
		free(copy);
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *line, *part;
	} cases[] = {
	    {"mrctl", "what shall be done"},
	    {"mrctl task", "mrctl task what"},
	    {"mrctl tsak list", "did you mean 'task'"},
	    {"mrctl start x", "did you mean 'mrctl task start'"},
	    {"mrctl drain x", "did you mean 'mrctl machine drain'"},
	    {"mrctl task strat x", "did you mean 'start'"},
	    {"mrctl task qqqqqq x", "no command 'mrctl task qqqqqq'"},
	    {"mrctl task list --desird running", "did you mean '--desired'"},
	    {"mrctl task list --state RUNING", "did you mean 'RUNNING'"},
	    {"mrctl alert list --state RUNNING", "--state cannot be 'RUNNING'"},
	    {"mrctl task list --output xml", "--output cannot be 'xml'"},
	    {"mrctl task list -x", "no option '-x'"},
	    {"mrctl task list --wait", "has no --wait"},
	    {"mrctl task list extra", "'extra' is too much"},
	    {"mrctl task start", "something is missing: mrctl task start NAME..."},
	    {"mrctl task show a b", "'b' is too much"},
	    {"mrctl task diff a", "something is missing"},
	    {"mrctl task start a --timeout", "--timeout needs a value"},
	    {"mrctl task start a --timeout soon", "takes a duration"},
	    {"mrctl task start a --timeout 0s", "takes a duration"},
	    {"mrctl task start a --wait=yes", "takes no value"},
	    {"mrctl task update f --revision 3x", "takes a number"},
	    {"mrctl task update f --revision -3", "takes a number"},
	    {"mrctl task update f --revision 9999999999999999999", "takes a number"},
	    {"mrctl task list --group a --group b", "given twice"},
	    {"mrctl token create --role root", "--role cannot be 'root'"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arguments a;
		struct err err = {0};
		char *copy;
		memset(&a, 0x5a, sizeof(a));
		if (parse(cases[i].line, &a, &err, &copy) != -EINVAL)
			fail_msg("accepted %s", cases[i].line);
		assert_ptr_equal(err.kind, ERR_USAGE);
		if (!strstr(err.text, cases[i].part))
			fail_msg("%s: '%s' has no '%s'", cases[i].line, err.text, cases[i].part);
		for (size_t n = 0; n < sizeof(a); n++)
			assert_int_equal(((const unsigned char *)&a)[n], 0x5a);
		free(copy);
	}
}

/* What the help and the reference say can be typed. */
static void test_table_examples(void **state)
{
	(void)state;
	for (const struct command *c = commands; c->group; c++) {
		char prefix[64];
		snprintf(prefix, sizeof(prefix), "mrctl %s %s", c->group, c->name);
		assert_ptr_equal(command_find(c->group, c->name), c);
		assert_non_null(c->examples[0]);
		for (size_t i = 0; i < 5 && c->examples[i]; i++) {
			must_parse(c->examples[i]);
			if (strncmp(c->examples[i], prefix, strlen(prefix)) != 0)
				fail_msg("'%s' is no example of %s", c->examples[i], prefix);
		}
		bool known = false;
		for (const struct command_group *g = command_groups; g->name; g++)
			known |= strcmp(g->name, c->group) == 0;
		assert_true(known);
		/* --timeout is that of --wait. */
		if (c->options & COMMAND_OPTION(OPT_WAIT))
			assert_true(c->options & COMMAND_OPTION(OPT_TIMEOUT));
		assert_true(c->summary[0] >= 'a' && c->summary[0] <= 'z');
	}
	for (int i = 0; i < OPT_COUNT; i++) {
		const struct option_row *row = &option_rows[i];
		assert_non_null(row->name);
		assert_non_null(row->meaning);
		assert_int_equal(row->type == OPTION_FLAG, row->value == NULL);
		for (int k = 0; k < i; k++) {
			assert_string_not_equal(row->name, option_rows[k].name);
			assert_true(!row->letter || row->letter != option_rows[k].letter);
		}
	}
}

/* A command as a page has it, unless it is about help, or no more than a name. */
static size_t check_example(const char *command)
{
	if (strstr(command, "--print") || strstr(command, "--help") || strstr(command, "…"))
		return 0;
	must_parse(command);
	return 1;
}

/* The spans of a line in backquotes that begin with "mrctl ". */
static size_t check_spans(const char *line)
{
	size_t n = 0;
	for (const char *p = line; (p = strstr(p, "`mrctl ")); p++) {
		char group[32], name[32], more[32];
		char *span = strndup(p + 1, strcspn(p + 1, "`"));
		/* A command that is only named, without what it is done to. */
		if (sscanf(span, "mrctl %31[a-z] %31[a-z] %31s", group, name, more) == 2)
			assert_non_null(command_find(group, name));
		else
			n += check_example(span);
		free(span);
	}
	return n;
}

/*
 * Every line of a page's shell blocks that begins with "mrctl " or "$ mrctl ", and every
 * span in its text, parses.
 */
static void check_page(const char *path, size_t at_least)
{
	char *text, *next;
	size_t len, n = 0;
	struct err err = {0};
	bool block = false, shell = false;
	if (file_read(path, 1 << 20, ERR_USAGE, &text, &len, &err) < 0)
		fail_msg("%s", err.text);
	for (char *line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (strncmp(line, "```", 3) == 0) {
			block = !block;
			shell = strcmp(line, "```sh") == 0 || strcmp(line, "```console") == 0;
		} else if (!block) {
			n += check_spans(line);
		} else if (shell) {
			const char *command = line + (strncmp(line, "$ ", 2) == 0 ? 2 : 0);
			if (strncmp(command, "mrctl ", 6) == 0)
				n += check_example(command);
		}
	}
	if (n < at_least)
		fail_msg("%s has %zu examples", path, n);
	free(text);
}

static void test_pages(void **state)
{
	(void)state;
	check_page(MR_DOCS "/reference-mrctl.md", 40);
	check_page(MR_DOCS "/mrctl.md", 35);
	check_page(MR_DOCS "/operations.md", 10);
	check_page(MR_DOCS "/alerts.md", 1);
	check_page(MR_DOCS "/preflight.md", 1);
	check_page(MR_DOCS "/../README.md", 4);
}

/* Help, reference and completion name every command and option. */
static void test_printed(void **state)
{
	(void)state;
	struct buf help, reference, completion, one;
	buf_init(&help);
	buf_init(&reference);
	buf_init(&completion);
	command_put_help(NULL, NULL, &help);
	command_put_reference(&reference);
	command_put_completion(&completion);
	assert_false(help.failed || reference.failed || completion.failed);
	for (const struct command *c = commands; c->group; c++) {
		char text[80];
		snprintf(text, sizeof(text), "mrctl %s %s", c->group, c->name);
		assert_non_null(strstr(buf_cstr(&help), text));
		assert_non_null(strstr(buf_cstr(&reference), text));
		snprintf(text, sizeof(text), "\"%s %s\")", c->group, c->name);
		assert_non_null(strstr(buf_cstr(&completion), text));
		buf_init(&one);
		command_put_help(c->group, c, &one);
		for (int i = OPT_OF_COMMANDS; i < OPT_COUNT; i++) {
			const struct option_row *row = &option_rows[i];
			char letter[8] = "";
			bool has = c->options & COMMAND_OPTION(i);
			if (row->letter)
				snprintf(letter, sizeof(letter), "-%c, ", row->letter);
			snprintf(text, sizeof(text), "\n  %s--%s%s", letter, row->name,
				 row->value ? " " : "\n");
			assert_int_equal(has, strstr(buf_cstr(&one), text) != NULL);
		}
		buf_free(&one);
	}
	buf_free(&help);
	buf_free(&reference);
	buf_free(&completion);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forms),   cmocka_unit_test(test_help),
	    cmocka_unit_test(test_refused), cmocka_unit_test(test_table_examples),
	    cmocka_unit_test(test_pages),   cmocka_unit_test(test_printed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
