/*
 * commands.c - see commands.h.
 *
 * Tokens are made in the tree, with a session of the command's own, so that the first one
 * needs no server: who may read the configuration may make a token. What is to be used
 * (the token, the key, the identity) stands alone on the last line of standard output.
 */
#include "server/commands.h"

#include "common/contract/errors.h"
#include "common/daemon/daemon.h"
#include "common/daemon/root.h"
#include "common/os/log.h"
#include "server/server_config.h"
#include "server/store/tokens.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, LINE_SIZE = 512 };

#define TIMEOUT (10 * USEC_PER_SEC)

const char commands_usage[] =
	"       mr-server --config FILE token create --role viewer|operator|admin [--name NAME]\n"
	"                                            [--expires 90d]\n"
	"       mr-server --config FILE token list\n"
	"       mr-server --config FILE token delete ID\n"
	"       mr-server key generate [--id ID]\n"
	"       mr-server identity < file with user:password\n";

bool commands_known(const char *word)
{
	return strcmp(word, "token") == 0 || strcmp(word, "key") == 0 ||
	       strcmp(word, "identity") == 0;
}

static int bad_usage(const char *what)
{
	fprintf(stderr, "mr-server: %s\n\nusage: %s", what, commands_usage + strlen("       "));
	return EXIT_USAGE;
}

static int fail(const char *what, const struct err *err)
{
	log_err(LOG_LEVEL_ERROR, what, err);
	return EXIT_FAILURE;
}

/* A session with the root of the tree there; the first daemon or command makes it. */
static int open_tree(const char *config_path, struct server_config *config, struct zk **ret,
		     struct err *err)
{
	const _Atomic(bool) never = false;
	struct root root = {0};
	int rc = server_config_load(config_path, config, err);
	if (rc < 0)
		return rc;
	log_set_level(LOG_LEVEL_ERROR);
	rc = daemon_zk_open(config->file, ZK_ROLE_SERVER, config->secrets_dir, ret, err);
	if (rc == 0) {
		rc = zk_wait_connected(*ret, TIMEOUT, err);
		if (rc == 0)
			rc = root_find(*ret, ZK_ROLE_SERVER, &never, &root, err);
		if (rc < 0)
			zk_close(*ret);
	}
	if (rc < 0)
		server_config_free(config);
	return rc;
}

struct token_options {
	const char *role, *name, *expires;
};

static int fill_token(const struct token_options *o, struct token_doc *d, struct err *err)
{
	usec_t expires = 0;
	if (token_role_parse(o->role, &d->role) < 0)
		return err_set(err, -EINVAL, ERR_USAGE, "--role takes viewer, operator or admin");
	if (o->name && (strlen(o->name) > TOKEN_NAME_MAX ||
			paths_name_check(PATHS_NAME_ID, o->name, NULL) < 0))
		return err_set(err, -EINVAL, ERR_USAGE,
			       "--name takes letters, digits, '-', '_', '.', ':' and '@'");
	if (o->expires &&
	    (config_parse_duration(o->expires, &expires) < 0 || expires < USEC_PER_SEC))
		return err_set(err, -EINVAL, ERR_USAGE, "--expires takes a time such as 90d or 12h");
	if (expires)
		d->expires_ms = (uint64_t)((clock_wall() + expires) / USEC_PER_MSEC);
	if (report_set(&d->name, o->name ? o->name : "") < 0 || report_set(&d->by, "host") < 0)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a token");
	return 0;
}

static int token_create(struct store *s, const struct token_options *o, struct err *err)
{
	struct token_doc d;
	char text[TOKEN_TEXT_SIZE];
	if (token_doc_init(&d) < 0)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a token");
	int rc = fill_token(o, &d, err);
	if (rc == 0)
		rc = tokens_create(s, &d, text, err);
	if (rc == 0) {
		printf("token %s, role %s; it is shown this once:\n%s\n", d.id,
		       token_roles[d.role], text);
		explicit_bzero(text, sizeof(text));
	}
	token_doc_clear(&d);
	return rc;
}

static void print_time(uint64_t ms, const char *none)
{
	char text[32];
	struct tm tm;
	time_t t = (time_t)(ms / 1000);
	if (ms && gmtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		printf("  %-20s", text);
	else
		printf("  %-20s", none);
}

static int token_list(struct store *s, struct err *err)
{
	struct store_list list;
	int rc = store_list_read(s, paths_folder(PATHS_TOKENS), &list, err);
	if (rc < 0)
		return rc;
	printf("%-12s  %-8s  %-20s  %-20s  %s\n", "ID", "ROLE", "CREATED", "EXPIRES", "NAME");
	for (size_t i = 0; i < list.n; i++) {
		struct token_doc d;
		if (list.reads[i].rc < 0)
			continue;
		if (token_doc_parse(list.reads[i].data ? list.reads[i].data : "", list.reads[i].len,
				    &d, NULL) < 0) {
			printf("%-12s  (cannot be used)\n", list.names.v[i]);
			continue;
		}
		printf("%-12s  %-8s", d.id, token_roles[d.role]);
		print_time(d.created_ms, "-");
		print_time(d.expires_ms, "never");
		printf("  %s\n", d.name);
		token_doc_clear(&d);
	}
	store_list_free(&list);
	return 0;
}

static int read_token_options(int argc, char **argv, struct token_options *o)
{
	static const struct option options[] = {{"role", required_argument, NULL, 'r'},
						{"name", required_argument, NULL, 'n'},
						{"expires", required_argument, NULL, 'e'},
						{0}};
	optind = 0; /* getopt begins anew: it was at the command's words */
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'r')
			o->role = optarg;
		else if (c == 'n')
			o->name = optarg;
		else if (c == 'e')
			o->expires = optarg;
		else
			return bad_usage("an option that token create does not have");
	}
	if (optind < argc)
		return bad_usage("token create takes options only");
	return o->role ? 0 : bad_usage("--role is missing");
}

static int run_token(const char *config_path, int argc, char **argv)
{
	struct token_options options = {0};
	struct server_config config;
	struct store store;
	struct zk *zk;
	struct err err = {0};
	const char *verb = argc > 1 ? argv[1] : "";
	bool create = strcmp(verb, "create") == 0, list = strcmp(verb, "list") == 0;
	bool delete = strcmp(verb, "delete") == 0;
	if ((!create && !list && !delete) || (list && argc != 2) || (delete && argc != 3))
		return bad_usage("token takes create, list or delete ID");
	int rc = create ? read_token_options(argc - 1, argv + 1, &options) : 0;
	if (rc != 0)
		return rc;
	rc = open_tree(config_path, &config, &zk, &err);
	if (rc < 0)
		return fail("the tree cannot be reached", &err);
	store_init(&store, zk, TIMEOUT);
	if (create)
		rc = token_create(&store, &options, &err);
	else if (list)
		rc = token_list(&store, &err);
	else
		rc = tokens_delete(&store, argv[2], &err);
	store_clear(&store);
	zk_close(zk);
	server_config_free(&config);
	if (rc < 0)
		return err.kind == ERR_USAGE ? bad_usage(err.text) : fail("token", &err);
	if (delete)
		printf("token %s is deleted\n", argv[2]);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_key(int argc, char **argv)
{
	static const struct option options[] = {{"id", required_argument, NULL, 'i'}, {0}};
	char line[SEAL_LINE_SIZE];
	struct err err = {0};
	const char *id = NULL;
	if (argc < 2 || strcmp(argv[1], "generate") != 0)
		return bad_usage("key takes generate");
	optind = 0;
	for (int c; (c = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1;) {
		if (c != 'i')
			return bad_usage("an option that key generate does not have");
		id = optarg;
	}
	if (optind < argc - 1)
		return bad_usage("key generate takes --id only");
	if (seal_key_generate(id, line, &err) < 0)
		return fail("key generate", &err);
	printf("%s\n", line);
	explicit_bzero(line, sizeof(line));
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_identity(int argc)
{
	char auth[LINE_SIZE], identity[ZK_IDENTITY_MAX];
	struct err err = {0};
	if (argc != 1)
		return bad_usage("identity takes no arguments: user:password comes from standard "
				 "input, where no list of processes shows it");
	if (!fgets(auth, sizeof(auth), stdin))
		return bad_usage("identity reads user:password from standard input");
	auth[strcspn(auth, "\r\n")] = 0;
	int rc = zk_identity(auth, identity, &err);
	explicit_bzero(auth, sizeof(auth));
	if (rc < 0)
		return fail("identity", &err);
	printf("%s\n", identity);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int commands_run(const char *config_path, int argc, char **argv)
{
	if (strcmp(argv[0], "token") == 0)
		return run_token(config_path, argc, argv);
	if (strcmp(argv[0], "key") == 0)
		return run_key(argc, argv);
	return run_identity(argc);
}
