/* commands.h - what mr-server does on the host and then ends: tokens, keys, identities. */
#ifndef MR_SERVER_COMMANDS_H
#define MR_SERVER_COMMANDS_H

#include <stdbool.h>

extern const char commands_usage[];

/* Whether the word begins a command. */
bool commands_known(const char *word);
/* argv[0] is the command's first word. Says what goes wrong; returns the exit status. */
int commands_run(const char *config_path, int argc, char **argv);

#endif
