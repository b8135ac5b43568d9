/*
 * settings.h - where mr-server is, and the token: from options, environment and file.
 *
 * Main thread. Owns its strings; the token is wiped by settings_clear(). What a person
 * should know of (a file that others can read, a token over plain http) is a warning,
 * told once on standard error.
 */
#ifndef MR_CLI_SETTINGS_H
#define MR_CLI_SETTINGS_H

#include "server/cli/arguments.h"

#define SETTINGS_DEFAULT_SERVER "http://127.0.0.1:8230"

struct settings {
	char *server;		/* "https://host:port", no '/' at the end */
	char *token;		/* "" when there is none */
	char *ca;		/* "": the system's authorities */
	usec_t request_timeout; /* 0: by the request */
};

/* ERR_CONFIG_INVALID or ERR_USAGE. The environment is `getenv`'s. */
int settings_read(const struct arguments *a, struct settings *ret, struct err *err) MR_MUST_CHECK;
void settings_clear(struct settings *s);

/*
 * "host", "host:port", "http://…", "https://…" as an address without a slash at its end.
 * Refused: user and password in it, a query, control characters. From malloc. Pure.
 */
int settings_server(const char *text, char **ret, struct err *err) MR_MUST_CHECK;
/* http to anything but this machine. Pure. */
bool settings_is_open(const char *server);

#endif
