/*
 * command.h - the commands of mrctl: one table, which the parser of the command line, the
 * help, the reference page and the shell's completion are made from.
 *
 * Does not belong here: what a command does (task.c, task_change.c, machine.c, access.c).
 */
#ifndef MR_CLI_COMMAND_H
#define MR_CLI_COMMAND_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct cli;
struct arguments;

enum {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
};

enum command_option {
	/* Of every command. */
	OPT_SERVER,
	OPT_TOKEN,
	OPT_CA,
	OPT_CONFIG,
	OPT_OUTPUT,
	OPT_REQUEST_TIMEOUT,
	OPT_HELP,
	OPT_VERSION,
	OPT_PRINT,
	OPT_OF_COMMANDS, /* from here on only of those that name them */
	OPT_WAIT = OPT_OF_COMMANDS,
	OPT_TIMEOUT,
	OPT_START,
	OPT_SKIP_PREFLIGHT,
	OPT_GROUP,
	OPT_STATE,
	OPT_DESIRED,
	OPT_SEARCH,
	OPT_NAMES,
	OPT_WATCH,
	OPT_REVISION,
	OPT_YES,
	OPT_FORCE,
	OPT_SET,
	OPT_ROLE,
	OPT_NAME,
	OPT_EXPIRES,
	OPT_CHANNEL,
	OPT_TABLES,
	OPT_COUNT,
};

enum option_type { OPTION_FLAG, OPTION_TEXT, OPTION_CHOICE, OPTION_DURATION, OPTION_NUMBER };

struct option_row {
	const char *name;
	char letter; /* 0: none */
	enum option_type type;
	const char *value; /* its placeholder in help; NULL of a flag */
	const char *const *choices;
	const char *meaning;
};

extern const struct option_row option_rows[OPT_COUNT];

#define COMMAND_OPTION(id) (UINT64_C(1) << (id))

struct command {
	const char *group;
	const char *name;
	const char *operands; /* "NAME FILE" */
	unsigned least, most; /* operands; most 0: any number */
	uint64_t options;     /* COMMAND_OPTION() of those beside the ones of every command */
	const char *role;     /* that the token needs */
	int (*run)(struct cli *cli, const struct arguments *a);
	const char *summary; /* one line, no full stop */
	const char *text;    /* more, sentences; NULL: none */
	const char *examples[5];
};

extern const struct command commands[]; /* group NULL at the end */

struct command_group {
	const char *name;
	const char *summary;
};

extern const struct command_group command_groups[]; /* name NULL at the end */

/* A command, or NULL. */
const struct command *command_find(const char *group, const char *name);
/* "mrctl task create FILE [--start] …" */
void command_put_usage(const struct command *c, struct buf *out);
/* What --help says; group NULL: of mrctl, name NULL: of the group. */
void command_put_help(const char *group, const struct command *c, struct buf *out);
/* docs/reference-mrctl.md */
void command_put_reference(struct buf *out);
/* The completion file for bash. */
void command_put_completion(struct buf *out);

#endif
