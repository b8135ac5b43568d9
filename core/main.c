/*
 * main.c - mr-core: the command line, and nothing else. What runs is supervisor.c's, or
 * standalone.c's for a single task without ZooKeeper.
 */
#include "common/contract/errors.h"
#include "common/os/process.h"
#include "common/os/signals.h"
#include "core/standalone.h"
#include "core/supervisor.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

/*
 * librdkafka gets a buffer for each batch, of a megabyte and little more, and frees it with the
 * acknowledgement; the figures: docs/performance.md.
 */
enum { HEAP_KEEP = 24 << 20, HEAP_ALONE = 4 << 20 };

static const char usage[] =
	"usage: mr-core --config FILE\n"
	"       mr-core --task FILE.json --standalone [options]\n"
	"       mr-core --check-config [--config FILE] [--task FILE.json]\n"
	"       mr-core --print sample-config|reference-config|reference-task|reference-errors\n"
	"       mr-core --version | --help\n"
	"\n"
	"  --config FILE      mr-core's configuration file; alone: runs the tasks that\n"
	"                     ZooKeeper has for this core, until SIGTERM\n"
	"  --task FILE        the task document\n"
	"  --standalone       run the task without ZooKeeper\n"
	"  --state DIR        keep the position in DIR and go on from it; without it nothing is\n"
	"                     kept and every run starts at the document's source.start\n"
	"  --until WHERE      end with status 0 once everything up to WHERE was delivered:\n"
	"                     head (what the source has now), FILE:POS, or a GTID set\n"
	"  --summary FILE     write rows, messages, bytes, seconds, cpu_seconds, peak_rss_bytes\n"
	"                     and the position as JSON at the end\n"
	"  --with-keys        pipes stdout and file: the key and headers in front of each message\n"
	"  --check-config     read and check the files named, and do nothing else\n"
	"  --log-level LEVEL  error, warn, info (default) or debug\n";

enum option_code {
	OPT_TASK = 256,
	OPT_STANDALONE,
	OPT_STATE,
	OPT_UNTIL,
	OPT_SUMMARY,
	OPT_WITH_KEYS,
	OPT_CONFIG,
	OPT_CHECK_CONFIG,
	OPT_LOG_LEVEL,
	OPT_PRINT,
	OPT_VERSION,
	OPT_HELP,
};

static const struct option options[] = {
	{"task", required_argument, NULL, OPT_TASK},
	{"standalone", no_argument, NULL, OPT_STANDALONE},
	{"state", required_argument, NULL, OPT_STATE},
	{"until", required_argument, NULL, OPT_UNTIL},
	{"summary", required_argument, NULL, OPT_SUMMARY},
	{"with-keys", no_argument, NULL, OPT_WITH_KEYS},
	{"config", required_argument, NULL, OPT_CONFIG},
	{"check-config", no_argument, NULL, OPT_CHECK_CONFIG},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"print", required_argument, NULL, OPT_PRINT},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

struct arguments {
	struct standalone_options run;
	const char *config;
	const char *print;
	bool standalone;
	bool check_config;
	const char *log_level;
};

static int bad_usage(const char *what, const char *value)
{
	fprintf(stderr, "mr-core: %s%s%s\n\n%s", what, value ? ": " : "", value ? value : "", usage);
	return EXIT_USAGE;
}

/* head, FILE:POS (the part behind the last colon is all digits, the part in front has a
 * dot and a number), or else a GTID set. */
static bool parse_until(const char *text, struct until *ret)
{
	if (strcmp(text, "head") == 0) {
		ret->kind = UNTIL_HEAD;
		return true;
	}
	const char *colon = strrchr(text, ':');
	const char *dot = colon ? memchr(text, '.', (size_t)(colon - text)) : NULL;
	if (dot && !strchr(text, ',')) {
		char *end;
		unsigned long long pos = strtoull(colon + 1, &end, 10);
		size_t len = (size_t)(colon - text);
		if (end == colon + 1 || *end || len == 0 || len >= sizeof(ret->at.file))
			return false;
		ret->kind = UNTIL_FILE;
		memcpy(ret->at.file, text, len);
		ret->at.file[len] = 0;
		ret->at.pos = pos;
		return true;
	}
	ret->kind = UNTIL_GTID;
	ret->gtid = text;
	return *text != 0;
}

/* The reference pages and the sample come from the tables that the code itself reads. */
static int print_page(const char *name)
{
	struct buf out;
	buf_init(&out);
	if (strcmp(name, "sample-config") == 0) {
		core_config_print_sample(&out);
	} else if (strcmp(name, "reference-config") == 0) {
		core_config_print_reference(&out);
	} else if (strcmp(name, "reference-task") == 0) {
		task_print_reference(&out);
	} else if (strcmp(name, "reference-errors") == 0) {
		errors_print_reference(&out);
	} else {
		buf_free(&out);
		return bad_usage("there is no such page", name);
	}
	bool ok = !out.failed && fwrite(out.data, 1, out.len, stdout) == out.len &&
		  fflush(stdout) == 0;
	buf_free(&out);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* -1: go on; else the exit status. */
static int parse_arguments(int argc, char **argv, struct arguments *a)
{
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case OPT_TASK:
			a->run.task_path = optarg;
			break;
		case OPT_STANDALONE:
			a->standalone = true;
			break;
		case OPT_STATE:
			a->run.state_dir = optarg;
			break;
		case OPT_UNTIL:
			if (!parse_until(optarg, &a->run.until))
				return bad_usage("--until takes head, FILE:POS or a GTID set", optarg);
			break;
		case OPT_SUMMARY:
			a->run.summary_path = optarg;
			break;
		case OPT_WITH_KEYS:
			a->run.with_keys = true;
			break;
		case OPT_CONFIG:
			a->config = optarg;
			break;
		case OPT_CHECK_CONFIG:
			a->check_config = true;
			break;
		case OPT_LOG_LEVEL:
			a->log_level = optarg;
			break;
		case OPT_PRINT:
			a->print = optarg;
			break;
		case OPT_VERSION:
			printf("mr-core %s\n", MR_VERSION);
			return EXIT_SUCCESS;
		case OPT_HELP:
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		default: /* getopt has said what is wrong */
			fprintf(stderr, "\n%s", usage);
			return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return bad_usage("an argument that is no option", argv[optind]);
	if (a->print || a->check_config)
		return -1;
	if (!a->standalone && a->run.task_path)
		return bad_usage("--standalone is missing", NULL);
	if (!a->standalone && !a->config)
		return bad_usage("--config is missing", NULL);
	if (!a->standalone)
		return -1;
	if (!a->run.task_path)
		return bad_usage("--task is missing", NULL);
	return -1;
}

int main(int argc, char **argv)
{
	struct arguments a = {0};
	int status = parse_arguments(argc, argv, &a);
	if (status >= 0)
		return status;
	if (a.print)
		return print_page(a.print);

	process_heap_keep(HEAP_KEEP, HEAP_ALONE);
	log_open(LOG_LEVEL_INFO);
	struct core_config config;
	struct err err = {0};
	if (core_config_load(a.config, &config, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "the configuration is not valid", &err);
		return EXIT_USAGE;
	}
	enum log_level level = config.log_level;
	if (a.log_level && log_level_parse(a.log_level, &level) < 0) {
		core_config_free(&config);
		return bad_usage("--log-level takes error, warn, info or debug", a.log_level);
	}
	log_set_level(level);
	if (a.check_config && !a.run.task_path) {
		printf("%s: the configuration is valid\n", a.config ? a.config : "(defaults)");
		core_config_free(&config);
		return EXIT_SUCCESS;
	}
	if (!a.standalone && !a.check_config)
		return supervisor_run(&config, a.config);
	a.run.check_only = a.check_config;
	a.run.config = &config;
	if (signals_open() < 0) {
		log_error("signal handlers cannot be installed");
		status = EXIT_FAILURE;
	} else {
		status = standalone_run(&a.run);
	}
	core_config_free(&config);
	return status;
}
