/* main.c - mr-monitor: the command line, and nothing else. What runs is monitor.c's. */
#include "common/contract/errors.h"
#include "monitor/monitor.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static const char usage[] =
    "usage: mr-monitor --config FILE [--log-level LEVEL]\n"
    "       mr-monitor --check-config --config FILE\n"
    "       mr-monitor --print sample-config|reference-config|reference-rules\n"
    "       mr-monitor --version | --help\n"
    "\n"
    "  --config FILE      the configuration file\n"
    "  --check-config     read and check it, references to secrets too, and do nothing else\n"
    "  --log-level LEVEL  error, warn, info (default) or debug\n";

enum option_code {
	OPT_CONFIG = 256,
	OPT_CHECK_CONFIG,
	OPT_LOG_LEVEL,
	OPT_PRINT,
	OPT_VERSION,
	OPT_HELP,
};

static const struct option options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"check-config", no_argument, NULL, OPT_CHECK_CONFIG},
    {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
    {"print", required_argument, NULL, OPT_PRINT},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

struct arguments {
	const char *config, *print, *log_level;
	bool check_config;
};

static int bad_usage(const char *what, const char *value)
{
	fprintf(stderr, "mr-monitor: %s%s%s\n\n%s", what, value ? ": " : "", value ? value : "",
		usage);
	return EXIT_USAGE;
}

/* The pages come from the tables that the code itself reads. */
static int print_page(const char *name)
{
	struct buf out;
	buf_init(&out);
	if (strcmp(name, "sample-config") == 0) {
		config_print_sample(monitor_config_keys, monitor_config_nkeys, "mr-monitor", &out);
	} else if (strcmp(name, "reference-config") == 0) {
		config_print_reference(monitor_config_keys, monitor_config_nkeys, "mr-monitor",
				       &out);
	} else if (strcmp(name, "reference-rules") == 0) {
		rules_print_reference(&out);
	} else {
		buf_free(&out);
		return bad_usage("there is no such page", name);
	}
	bool ok =
	    !out.failed && fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
	buf_free(&out);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* -1: go on; else the exit status. */
static int parse_arguments(int argc, char **argv, struct arguments *a)
{
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
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
			printf("mr-monitor %s\n", MR_VERSION);
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
	if (!a->print && !a->config)
		return bad_usage("--config is missing", NULL);
	return -1;
}

int main(int argc, char **argv)
{
	struct arguments a = {0};
	struct monitor_config config;
	struct err err = {0};
	int status = parse_arguments(argc, argv, &a);
	if (status >= 0)
		return status;
	if (a.print)
		return print_page(a.print);
	log_open(LOG_LEVEL_INFO);
	if (monitor_config_load(a.config, &config, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "the configuration is not valid", &err);
		return EXIT_USAGE;
	}
	enum log_level level = config.log_level;
	if (a.log_level && log_level_parse(a.log_level, &level) < 0) {
		monitor_config_free(&config);
		return bad_usage("--log-level takes error, warn, info or debug", a.log_level);
	}
	log_set_level(level);
	if (a.check_config)
		printf("%s: the configuration is valid\n", a.config);
	else
		status = monitor_run(&config);
	monitor_config_free(&config);
	return a.check_config ? EXIT_SUCCESS : status;
}
