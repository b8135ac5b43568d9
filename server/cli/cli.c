/* cli.c - requests and what is told of their failures; see cli.h. */
#include "server/cli/cli.h"

#include "common/contract/document.h"
#include "common/contract/errors.h"
#include "common/contract/task.h"
#include "common/os/file.h"
#include "server/cli/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void cli_complain(const char *fmt, ...)
{
	struct buf clean;
	char text[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_init(&clean);
	text_put_clean(&clean, text);
	fprintf(stderr, "mrctl: %s\n", buf_cstr(&clean));
	buf_free(&clean);
}

/* A further line of a complaint: "  field: source.port". */
static void add(const char *name, const char *text)
{
	struct buf clean;
	if (!text[0])
		return;
	buf_init(&clean);
	text_put_clean(&clean, text);
	fprintf(stderr, "  %s: %s\n", name, buf_cstr(&clean));
	buf_free(&clean);
}

const char *cli_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

int64_t cli_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

int64_t cli_number_or_none(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return json_is_integer(value) ? json_integer_value(value) : -1;
}

double cli_real(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

void cli_answer_clear(struct cli_answer *a)
{
	json_decref(a->tree);
	client_answer_clear(&a->http);
	*a = (struct cli_answer){0};
}

/* The error of an answer that has one: the sentence of the API, which knows best. */
static int answer_error(const struct cli *cli, const struct cli_answer *a, struct err *err)
{
	const json_t *error = json_object_get(a->tree, "error");
	const char *message = cli_text(error, "message");
	if (a->http.status >= 300 && a->http.status < 400)
		return err_set(err, -EPROTO, ERR_SERVER_ANSWER,
			       "%s answers with a redirect (HTTP %ld), which is not followed",
			       cli->settings.server, a->http.status);
	if (!message[0])
		return err_set(err, -EPROTO, ERR_SERVER_ANSWER,
			       "the answer of %s is not mr-server's (HTTP %ld, %s)",
			       cli->settings.server, a->http.status,
			       a->http.type[0] ? a->http.type : "of no type");
	return err_set(err, -EIO, ERR_SERVER_ANSWER, "%s", message);
}

int cli_try(struct cli *cli, const struct client_request *r, struct cli_answer *ret,
	    struct err *err)
{
	*ret = (struct cli_answer){0};
	int rc = client_call(cli->client, r, &ret->http, err);
	if (rc < 0)
		return rc;
	bool good = ret->http.status >= 200 && ret->http.status < 300;
	struct buf *body = &ret->http.body;
	if (r->may_be_null && good && body->len >= 4 && memcmp(body->data, "null", 4) == 0)
		return 0;
	if (body->len > 0 || (good && ret->http.status != 204)) {
		struct err why = {0};
		ret->tree = document_parse(buf_cstr(body), body->len, CLIENT_ANSWER_MAX,
					   "the answer", ERR_SERVER_ANSWER, &why);
		if (!ret->tree && good)
			return err_set(err, -EPROTO, ERR_SERVER_ANSWER,
				       "the answer of %s is not mr-server's (HTTP %ld, %s): %s",
				       cli->settings.server, ret->http.status,
				       ret->http.type[0] ? ret->http.type : "of no type", why.text);
	}
	return good ? 0 : answer_error(cli, ret, err);
}

static void tell_token(const struct cli *cli)
{
	if (cli->settings.token[0])
		add("remedy", "the token is unknown, deleted or expired: MR_TOKEN, --token or "
			      "~/.config/mrctl must hold another");
	else
		add("remedy",
		    "no token was given: set MR_TOKEN or ~/.config/mrctl. The first one is "
		    "made on the server's host: mr-server --config FILE token create "
		    "--role admin");
}

void cli_tell(const struct cli *cli, const struct cli_answer *a, const struct err *err)
{
	const json_t *error = json_object_get(a->tree, "error");
	const json_t *checks = json_object_get(a->tree, "checks");
	cli_complain("%s", err->text);
	if (!cli_text(error, "message")[0]) {
		add("at", err->where);
		add("remedy", err->kind->remedy);
		return;
	}
	add("field", cli_text(error, "field"));
	if (a->http.status == 401)
		tell_token(cli);
	else
		add("remedy", cli_text(error, "remedy"));
	add("code", cli_text(error, "code"));
	if (json_array_size(checks) > 0) {
		struct buf out;
		buf_init(&out);
		cli_put_checks(checks, false, &out);
		fprintf(stderr, "%s", buf_cstr(&out));
		buf_free(&out);
	}
	if (cli->json)
		(void)cli_print_json(a);
}

int cli_call(struct cli *cli, const struct client_request *r, struct cli_answer *ret)
{
	struct err err = {0};
	if (cli_try(cli, r, ret, &err) == 0)
		return CLI_DONE;
	cli_tell(cli, ret, &err);
	return CLI_FAILED;
}

int cli_get(struct cli *cli, const char *path, struct cli_answer *ret)
{
	const struct client_request r = {
	    .method = "GET", .path = path, .timeout = CLI_REQUEST_SECONDS * USEC_PER_SEC};
	return cli_call(cli, &r, ret);
}

void cli_task_path(struct buf *path, const char *name, const char *more)
{
	buf_clear(path);
	buf_lit(path, "/tasks");
	client_put_name(path, name);
	buf_puts(path, more);
}

int cli_get_task(struct cli *cli, const char *name, struct cli_answer *ret)
{
	struct buf path;
	buf_init(&path);
	cli_task_path(&path, name, "");
	int status = cli_get(cli, buf_cstr(&path), ret);
	buf_free(&path);
	return status;
}

int cli_check_task(const char *name)
{
	const char *reason;
	if (task_name_check(name, &reason) == 0)
		return CLI_DONE;
	cli_complain("'%.120s' is no name of a task: %s", name, reason);
	return CLI_USAGE;
}

/* By its descriptor: /dev/stdin is not ours to open once core dumps are off (main.c). */
static int read_stdin(char **ret_text, size_t *ret_len)
{
	size_t len = 0, cap = TASK_DOCUMENT_MAX + 1;
	char *text = malloc(cap + 1);
	ssize_t n = text ? 1 : -1;
	while (n > 0 && len < cap) {
		n = read(STDIN_FILENO, text + len, cap - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	if (n < 0 || len == cap) {
		cli_complain("standard input: %s",
			     n < 0 ? strerror(errno) : "larger than a document may be");
		if (text)
			cli_file_free(text, len);
		return CLI_FAILED;
	}
	text[len] = 0;
	*ret_text = text;
	*ret_len = len;
	return CLI_DONE;
}

int cli_read_file(const char *path, char **ret_text, size_t *ret_len)
{
	struct err err = {0};
	if (strcmp(path, "-") == 0)
		return read_stdin(ret_text, ret_len);
	if (file_read(path, TASK_DOCUMENT_MAX, ERR_TASK_INVALID, ret_text, ret_len, &err) == 0)
		return CLI_DONE;
	cli_complain("%s", err.text);
	return CLI_FAILED;
}

void cli_file_free(char *text, size_t len)
{
	file_free_wiped(text, len);
}
