/* arguments.c - see arguments.h. Pure. */
#include "server/cli/arguments.h"

#include "common/base/nearest.h"
#include "common/config/config.h"
#include "common/contract/errors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int usage(struct err *err, const char *fmt, ...) MR_PRINTF(2, 3);

static int usage(struct err *err, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(err, -EINVAL, ERR_USAGE, "%s", text);
}

/* " (did you mean 'x'?)", or "" */
static const char *hint(const struct nearest *near, char out[80])
{
	const char *best = nearest_best(near);
	out[0] = 0;
	if (best)
		snprintf(out, 80, " (did you mean '%s'?)", best);
	return out;
}

static int unknown_option(const struct arguments *a, const char *given, struct err *err)
{
	char text[80], name[64], best[72];
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(given, "="), given);
	struct nearest near = nearest_of(name);
	for (int i = 0; i < OPT_COUNT; i++)
		if (i < OPT_OF_COMMANDS || !a->command || a->command->options & COMMAND_OPTION(i))
			nearest_try(&near, option_rows[i].name);
	if (nearest_best(&near)) {
		snprintf(best, sizeof(best), "--%s", nearest_best(&near));
		near.best = best;
	}
	return usage(err, "there is no option '--%s'%s", name, hint(&near, text));
}

static int option_by_name(const char *name, size_t len)
{
	for (int i = 0; i < OPT_COUNT; i++)
		if (strlen(option_rows[i].name) == len &&
		    strncmp(option_rows[i].name, name, len) == 0)
			return i;
	return -1;
}

static int option_by_letter(char letter)
{
	for (int i = 0; i < OPT_COUNT; i++)
		if (letter && option_rows[i].letter == letter)
			return i;
	return -1;
}

static int check_choice(const char *name, const char *const *choices, const char *value,
			struct err *err)
{
	char text[80];
	struct nearest near = nearest_of(value);
	for (size_t i = 0; choices[i]; i++) {
		if (strcmp(choices[i], value) == 0)
			return 0;
		nearest_try(&near, choices[i]);
	}
	return usage(err, "--%s cannot be '%.60s'%s", name, value, hint(&near, text));
}

static int check_value(const struct option_row *row, const char *value, struct err *err)
{
	usec_t duration;
	switch (row->type) {
	case OPTION_FLAG:
	case OPTION_TEXT:
		return 0;
	case OPTION_CHOICE:
		return check_choice(row->name, row->choices, value, err);
	case OPTION_DURATION:
		if (config_parse_duration(value, &duration) < 0 || duration <= 0)
			return usage(
			    err, "--%s takes a duration as 500ms, 10s, 1m, 2h or 7d, not '%.60s'",
			    row->name, value);
		return 0;
	case OPTION_NUMBER:
		if (!value[0] || strspn(value, "0123456789") != strlen(value) || strlen(value) > 18)
			return usage(err, "--%s takes a number, not '%.60s'", row->name, value);
		return 0;
	}
	return 0;
}

/* `value` is what stands behind '=' or the letter, or NULL; *i moves on when it is the next. */
static int take_option(struct arguments *a, int id, const char *value, int argc, char **argv,
		       int *i, struct err *err)
{
	const struct option_row *row = &option_rows[id];
	if (row->type == OPTION_FLAG && value)
		return usage(err, "--%s takes no value", row->name);
	if (row->type != OPTION_FLAG && !value) {
		if (*i + 1 >= argc)
			return usage(err, "--%s needs a value: %s", row->name, row->value);
		value = argv[++*i];
	}
	if (a->values[id] && row->type != OPTION_FLAG)
		return usage(err, "--%s is given twice", row->name);
	a->values[id] = value ? value : "";
	return check_value(row, a->values[id], err);
}

static int unknown_group(const char *word, struct err *err)
{
	char text[80];
	/* `mrctl start x`, without the group. */
	for (const struct command *c = commands; c->group; c++)
		if (strcmp(c->name, word) == 0)
			return usage(err,
				     "there is no command '%.60s' (did you mean 'mrctl %s %s'?)",
				     word, c->group, c->name);
	struct nearest near = nearest_of(word);
	for (const struct command_group *g = command_groups; g->name; g++)
		nearest_try(&near, g->name);
	return usage(err, "there is no command '%.60s'%s", word, hint(&near, text));
}

static int unknown_command(const char *group, const char *word, struct err *err)
{
	char text[80];
	struct nearest near = nearest_of(word);
	for (const struct command *c = commands; c->group; c++)
		if (strcmp(c->group, group) == 0)
			nearest_try(&near, c->name);
	return usage(err, "there is no command 'mrctl %s %.60s'%s", group, word, hint(&near, text));
}

/* The first words are the group and the command; "help" in front is --help. */
static int take_word(struct arguments *a, const char *word, struct err *err)
{
	if (a->command) {
		a->operands[a->n++] = word;
		return 0;
	}
	if (!a->group && !a->values[OPT_HELP] && strcmp(word, "help") == 0) {
		a->values[OPT_HELP] = "";
		return 0;
	}
	if (!a->group) {
		for (const struct command_group *g = command_groups; g->name; g++)
			if (strcmp(g->name, word) == 0)
				a->group = g->name;
		return a->group ? 0 : unknown_group(word, err);
	}
	a->command = command_find(a->group, word);
	return a->command ? 0 : unknown_command(a->group, word, err);
}

static int check_operands(const struct arguments *a, struct err *err)
{
	const struct command *c = a->command;
	char usage_line[256];
	snprintf(usage_line, sizeof(usage_line), "mrctl %s %s%s%s", c->group, c->name,
		 c->operands[0] ? " " : "", c->operands);
	if (a->n < c->least)
		return usage(err, "something is missing: %s", usage_line);
	if (c->most && a->n > c->most)
		return usage(err, "'%.60s' is too much: %s", a->operands[c->most], usage_line);
	if (!c->least && !c->most && a->n)
		return usage(err, "'%.60s' is too much: %s", a->operands[0], usage_line);
	return 0;
}

static int check_command(const struct arguments *a, struct err *err)
{
	const struct command *c = a->command;
	for (int i = OPT_OF_COMMANDS; i < OPT_COUNT; i++)
		if (a->values[i] && !(c->options & COMMAND_OPTION(i)))
			return usage(err, "mrctl %s %s has no --%s", c->group, c->name,
				     option_rows[i].name);
	if (a->values[OPT_STATE]) {
		int rc = check_choice("state", command_states(c), a->values[OPT_STATE], err);
		if (rc < 0)
			return rc;
	}
	return check_operands(a, err);
}

static int take(struct arguments *a, int argc, char **argv, struct err *err)
{
	bool only_words = false;
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];
		int id, rc;
		if (only_words || arg[0] != '-' || !arg[1]) {
			rc = take_word(a, arg, err);
		} else if (strcmp(arg, "--") == 0) {
			only_words = true;
			rc = 0;
		} else if (arg[1] == '-') {
			size_t len = strcspn(arg + 2, "=");
			id = option_by_name(arg + 2, len);
			rc = id < 0 ? unknown_option(a, arg + 2, err)
				    : take_option(a, id, arg[2 + len] ? arg + 3 + len : NULL, argc,
						  argv, &i, err);
		} else {
			id = option_by_letter(arg[1]);
			rc = id < 0
				 ? usage(err, "there is no option '-%c'", arg[1])
				 : take_option(a, id, arg[2] ? arg + 2 : NULL, argc, argv, &i, err);
		}
		if (rc < 0)
			return rc;
	}
	if (a->values[OPT_HELP] || a->values[OPT_VERSION] || a->values[OPT_PRINT])
		return 0;
	if (!a->command && a->group)
		return usage(err, "mrctl %s what? See mrctl %s --help", a->group, a->group);
	if (!a->command)
		return usage(err, "what shall be done? See mrctl --help");
	return check_command(a, err);
}

int arguments_parse(int argc, char **argv, struct arguments *ret, struct err *err)
{
	struct arguments a = {0};
	a.operands = calloc((size_t)argc + 1, sizeof(*a.operands));
	if (!a.operands)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the command line");
	int rc = take(&a, argc, argv, err);
	if (rc < 0)
		arguments_clear(&a);
	else
		*ret = a;
	return rc;
}

void arguments_clear(struct arguments *a)
{
	free(a->operands);
	*a = (struct arguments){0};
}

bool arguments_has(const struct arguments *a, enum command_option option)
{
	return a->values[option] != NULL;
}

usec_t arguments_duration(const struct arguments *a, enum command_option option, usec_t otherwise)
{
	usec_t duration;
	if (!a->values[option] || config_parse_duration(a->values[option], &duration) < 0)
		return otherwise;
	return duration;
}
