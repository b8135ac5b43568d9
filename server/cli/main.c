/* main.c - mrctl: what the command line asks for, found and run. */
#include "server/cli/cli.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

static int print_page(const char *name)
{
	struct buf out;
	buf_init(&out);
	if (strcmp(name, "reference") == 0) {
		command_put_reference(&out);
	} else if (strcmp(name, "completion") == 0) {
		command_put_completion(&out);
	} else {
		buf_free(&out);
		cli_complain("there is no page '%s': reference, completion", name);
		return CLI_USAGE;
	}
	return cli_print(&out);
}

/* What needs no server; -1: the command is to be run. */
static int run_alone(const struct arguments *a)
{
	struct buf out;
	if (arguments_has(a, OPT_VERSION)) {
		printf("mrctl %s\n", MR_VERSION);
		return CLI_DONE;
	}
	if (a->values[OPT_PRINT])
		return print_page(a->values[OPT_PRINT]);
	if (!arguments_has(a, OPT_HELP))
		return -1;
	buf_init(&out);
	command_put_help(a->group, a->command, &out);
	return cli_print(&out);
}

static int run(const struct arguments *a)
{
	struct cli cli = {
	    .json = a->values[OPT_OUTPUT] && strcmp(a->values[OPT_OUTPUT], "json") == 0,
	    .wait = arguments_has(a, OPT_WAIT),
	    .timeout = arguments_duration(a, OPT_TIMEOUT, 60 * USEC_PER_SEC),
	};
	struct err err = {0};
	int status;
	if (settings_read(a, &cli.settings, &err) < 0) {
		cli_complain("%s%s%s%s", err.text, err.where[0] ? " (" : "", err.where,
			     err.where[0] ? ")" : "");
		return CLI_USAGE;
	}
	/* No longer than it takes is the token on the list of processes. */
	if (a->values[OPT_TOKEN])
		memset((char *)a->values[OPT_TOKEN], 'x', strlen(a->values[OPT_TOKEN]));
	if (client_open(&cli.settings, &cli.client, &err) < 0) {
		cli_complain("%s", err.text);
		status = CLI_FAILED;
	} else {
		status = a->command->run(&cli, a);
	}
	client_close(cli.client);
	settings_clear(&cli.settings);
	return status;
}

int main(int argc, char **argv)
{
	struct arguments a;
	struct err err = {0};
	setlocale(LC_CTYPE, "C.UTF-8");
#ifndef __SANITIZE_ADDRESS__ /* whose search for leaks needs what this forbids */
	/* It holds the token, and documents with secrets: no core dump. */
	prctl(PR_SET_DUMPABLE, 0);
#endif
	if (arguments_parse(argc, argv, &a, &err) < 0) {
		cli_complain("%s", err.text);
		return CLI_USAGE;
	}
	int status = run_alone(&a);
	if (status < 0)
		status = run(&a);
	arguments_clear(&a);
	return status;
}
