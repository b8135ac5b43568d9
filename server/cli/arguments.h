/*
 * arguments.h - the command line, by the table of command.h. Pure; what is parsed refers to
 * argv.
 */
#ifndef MR_CLI_ARGUMENTS_H
#define MR_CLI_ARGUMENTS_H

#include "common/base/clock.h"
#include "server/cli/command.h"

struct arguments {
	const struct command *command; /* NULL: --version, --print, or --help of more than one */
	const char *group;	       /* with --help; NULL: of mrctl */
	const char *values[OPT_COUNT]; /* NULL: not given; "" of a flag that is */
	const char **operands;	       /* owned: arguments_clear() */
	size_t n;
};

/*
 * 0, or -EINVAL with a sentence and the nearest known name; -ENOMEM. Options may stand
 * anywhere; "--" ends them. `--name value`, `--name=value`, `-o value`, `-ovalue`.
 */
int arguments_parse(int argc, char **argv, struct arguments *ret, struct err *err) MR_MUST_CHECK;
void arguments_clear(struct arguments *a);

bool arguments_has(const struct arguments *a, enum command_option option);
/* The duration given, or `otherwise`. */
usec_t arguments_duration(const struct arguments *a, enum command_option option, usec_t otherwise);

/* The words that --state may have for this command. NULL at the end. */
const char *const *command_states(const struct command *c);

#endif
