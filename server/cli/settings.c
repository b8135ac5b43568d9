/* settings.c - see settings.h. */
#include "server/cli/settings.h"

#include "common/config/config.h"
#include "common/contract/errors.h"
#include "common/os/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { TOKEN_MAX = 4096 };

/* clang-format off */
static const struct config_key keys[] = {
	{"", "server", CONFIG_STRING, NULL, 0, 0, "URL", false, "mr-server's address.", NULL},
	{"", "token", CONFIG_STRING, NULL, 0, 0, "token", false, "The token.", NULL},
	{"", "token_file", CONFIG_STRING, NULL, 0, 0, "path", false, "A file with the token.",
	 NULL},
	{"", "ca", CONFIG_STRING, NULL, 0, 0, "path", false, "The server's authorities, PEM.",
	 NULL},
};
/* clang-format on */
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the settings");
}

static int bad_server(const char *text, const char *why, struct err *err)
{
	return err_set(err, -EINVAL, ERR_CONFIG_INVALID, "the server's address '%.200s' %s", text,
		       why);
}

int settings_server(const char *text, char **ret, struct err *err)
{
	const char *host = text, *scheme = "http://";
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
			return bad_server("", "has a blank or a character that is not ASCII", err);
	const char *colons = strstr(text, "://");
	if (colons) {
		scheme = strncmp(text, "https://", 8) == 0  ? "https://"
			 : strncmp(text, "http://", 7) == 0 ? "http://"
							    : NULL;
		if (!scheme)
			return bad_server(text, "must begin with http:// or https://", err);
		host = colons + 3;
	}
	if (strchr(host, '@'))
		return bad_server("", "has a user in it: give the token by MR_TOKEN", err);
	if (strpbrk(host, "?#"))
		return bad_server(text, "has a query in it", err);
	size_t len = strlen(host);
	while (len && host[len - 1] == '/')
		len--;
	if (len == 0 || host[0] == '/' || host[0] == ':')
		return bad_server(text, "names no host", err);
	char *server;
	if (asprintf(&server, "%s%.*s", scheme, (int)len, host) < 0)
		return no_memory(err);
	*ret = server;
	return 0;
}

bool settings_is_open(const char *server)
{
	static const char *const own[] = {"127.", "localhost", "[::1]"};
	if (strncmp(server, "http://", 7) != 0)
		return false;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		size_t len = strlen(own[i]);
		const char *rest = server + 7 + len;
		if (strncmp(server + 7, own[i], len) == 0 &&
		    (i == 0 ? rest[strspn(rest, "0123456789.")] == 0 ||
				  strchr(":/", rest[strspn(rest, "0123456789.")])
			    : !*rest || strchr(":/", *rest)))
			return false;
	}
	return true;
}

static void warn_readable(const char *path)
{
	struct stat st;
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077))
		fprintf(stderr,
			"mrctl: warning: %s holds a token and others can read it (mode %04o): "
			"chmod 600 it\n",
			path, (unsigned)(st.st_mode & 07777));
}

static int copy(char **member, const char *text, struct err *err)
{
	char *made = strdup(text);
	if (!made)
		return no_memory(err);
	free(*member);
	*member = made;
	return 0;
}

static void forget(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

/* The file's first line. */
static int read_token_file(const char *path, struct settings *s, struct err *err)
{
	char *text;
	size_t len;
	int rc = file_read(path, TOKEN_MAX, ERR_CONFIG_INVALID, &text, &len, err);
	if (rc < 0)
		return rc;
	warn_readable(path);
	text[strcspn(text, "\r\n")] = 0;
	rc = copy(&s->token, text, err);
	file_free_wiped(text, len);
	return rc;
}

static int read_values(const char *path, const struct config *c, struct settings *s,
		       struct err *err)
{
	const char *token = config_string(c, "", "token");
	const char *token_file = config_string(c, "", "token_file");
	int rc = settings_server(config_string(c, "", "server")[0] ? config_string(c, "", "server")
								   : SETTINGS_DEFAULT_SERVER,
				 &s->server, err);
	if (rc < 0) {
		err_locate(err, "%s", path);
		return rc;
	}
	if (token[0] && token_file[0])
		return err_set(err, -EINVAL, ERR_CONFIG_INVALID,
			       "%s has token and token_file: one of them", path);
	if (token[0])
		warn_readable(path);
	rc = copy(&s->token, token, err);
	if (rc == 0)
		rc = copy(&s->ca, config_string(c, "", "ca"), err);
	return rc;
}

/* A token_file is read only when no other token was given: *ret_token_file, from malloc. */
static int read_file(const char *path, bool must_be, struct settings *s, char **ret_token_file,
		     struct err *err)
{
	struct stat st;
	struct config *c;
	bool there = path && (must_be || stat(path, &st) == 0);
	int rc =
	    there ? config_load(path, keys, KEYS, &c, err) : config_defaults(keys, KEYS, &c, err);
	if (rc < 0)
		return rc;
	rc = read_values(path ? path : "", c, s, err);
	if (rc == 0) {
		*ret_token_file = strdup(config_string(c, "", "token_file"));
		if (!*ret_token_file)
			rc = no_memory(err);
	}
	config_free(c);
	return rc;
}

/* ~/.config/mrctl; NULL when there is no home. From malloc. */
static char *default_path(void)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path = NULL;
	if (xdg && xdg[0] == '/')
		return asprintf(&path, "%s/mrctl", xdg) < 0 ? NULL : path;
	if (home && home[0])
		return asprintf(&path, "%s/.config/mrctl", home) < 0 ? NULL : path;
	return NULL;
}

/* The option, else the environment's; NULL: neither. */
static const char *given(const struct arguments *a, enum command_option option, const char *name)
{
	const char *value = a->values[option];
	if (!value)
		value = getenv(name);
	return value && value[0] ? value : NULL;
}

static int read_all(const struct arguments *a, struct settings *s, char **token_file,
		    struct err *err)
{
	const char *named = given(a, OPT_CONFIG, "MR_CONFIG"), *value;
	char *path = named ? strdup(named) : default_path();
	int rc = read_file(path, named != NULL, s, token_file, err);
	free(path);
	if (rc == 0 && (value = given(a, OPT_SERVER, "MR_SERVER"))) {
		free(s->server);
		s->server = NULL;
		rc = settings_server(value, &s->server, err);
	}
	if (rc == 0 && (value = given(a, OPT_CA, "MR_CA")))
		rc = copy(&s->ca, value, err);
	if (rc == 0 && (value = given(a, OPT_TOKEN, "MR_TOKEN"))) {
		forget(&s->token);
		rc = copy(&s->token, value, err);
	} else if (rc == 0 && (*token_file)[0]) {
		rc = read_token_file(*token_file, s, err);
	}
	return rc;
}

int settings_read(const struct arguments *a, struct settings *ret, struct err *err)
{
	struct settings s = {.request_timeout = arguments_duration(a, OPT_REQUEST_TIMEOUT, 0)};
	char *token_file = NULL;
	int rc = read_all(a, &s, &token_file, err);
	free(token_file);
	/* It becomes a line of the request. */
	for (const char *p = s.token; rc == 0 && *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
			rc = err_set(err, -EINVAL, ERR_CONFIG_INVALID,
				     "the token has a blank or a character that is not ASCII");
	if (rc < 0) {
		settings_clear(&s);
		return rc;
	}
	if (s.token[0] && settings_is_open(s.server))
		fprintf(stderr, "mrctl: warning: the token goes to %s unencrypted\n", s.server);
	*ret = s;
	return 0;
}

void settings_clear(struct settings *s)
{
	free(s->server);
	free(s->ca);
	forget(&s->token);
	*s = (struct settings){0};
}
