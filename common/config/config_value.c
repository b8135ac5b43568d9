/*
 * config_value.c - values: from text, within bounds; and handed out, typed.
 */
#include "common/config/config_priv.h"

#include "common/base/duration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit sizes[] = {
	{"", 1},
	{"K", INT64_C(1) << 10},
	{"M", INT64_C(1) << 20},
	{"G", INT64_C(1) << 30},
	{"T", INT64_C(1) << 40},
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Digits, then one of the units. */
static int parse_united(const char *text, const struct unit *units, size_t n, int64_t *ret)
{
	char *end;
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (errno)
		return -ERANGE;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(end, units[i].name) == 0)
			return __builtin_mul_overflow(v, units[i].factor, ret) ? -ERANGE : 0;
	return -EINVAL;
}

int config_parse_duration(const char *text, usec_t *ret)
{
	return duration_parse(text, ret);
}

int config_parse_bytes(const char *text, uint64_t *ret)
{
	int64_t v;
	int rc = parse_united(text, sizes, COUNT(sizes), &v);
	if (rc == 0)
		*ret = (uint64_t)v;
	return rc;
}

/* The largest unit that leaves a whole number. */
static void format_united(int64_t v, const struct unit *units, size_t n, const char *zero,
			  char out[CONFIG_NUMBER_TEXT])
{
	if (v == 0) {
		snprintf(out, CONFIG_NUMBER_TEXT, "%s", zero);
		return;
	}
	while (n > 1 && v % units[n - 1].factor != 0)
		n--;
	snprintf(out, CONFIG_NUMBER_TEXT, "%" PRId64 "%s", v / units[n - 1].factor,
		 units[n - 1].name);
}

void config_format_duration(usec_t v, char out[CONFIG_NUMBER_TEXT])
{
	_Static_assert((int)CONFIG_NUMBER_TEXT >= (int)DURATION_TEXT, "a duration's text fits");
	duration_format(v, out);
}

void config_format_bytes(int64_t v, char out[CONFIG_NUMBER_TEXT])
{
	format_united(v, sizes, COUNT(sizes), "0", out);
}

static int parse_bool(const char *text, int64_t *ret)
{
	static const char *const yes[] = {"yes", "true", "on", "1"};
	static const char *const no[] = {"no", "false", "off", "0"};
	for (size_t i = 0; i < COUNT(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
			*ret = strcasecmp(text, yes[i]) == 0;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_int(const char *text, int64_t *ret)
{
	char *end;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (end == text || *end)
		return -EINVAL;
	if (errno)
		return -ERANGE;
	*ret = v;
	return 0;
}

static int parse_list(struct config *c, const char *text, struct config_value *v)
{
	size_t commas = 0;
	for (const char *p = text; *p; p++)
		commas += *p == ',';
	v->list = arena_zalloc(&c->arena, (commas + 2) * sizeof(*v->list));
	if (!v->list)
		return -ENOMEM;
	for (const char *p = text;;) {
		p += strspn(p, " \t");
		size_t n = strcspn(p, ","), len = n;
		while (len && (p[len - 1] == ' ' || p[len - 1] == '\t'))
			len--;
		if (len) {
			v->list[v->nlist] = arena_strndup(&c->arena, p, len);
			if (!v->list[v->nlist++])
				return -ENOMEM;
		}
		if (!p[n])
			return 0;
		p += n + 1;
	}
}

static int parse_enum(const struct config_key *key, const char *text, struct config_value *v,
		      char *reason, size_t size)
{
	size_t n = (size_t)snprintf(reason, size, "must be one of");
	for (int i = 0; key->choices[i]; i++) {
		if (strcmp(key->choices[i], text) == 0) {
			v->number = i;
			return 0;
		}
		if (n < size)
			n += (size_t)snprintf(reason + n, size - n, "%s %s", i ? "," : "",
					      key->choices[i]);
	}
	return -EINVAL;
}

static int check_bounds(const struct config_key *key, int64_t v, char *reason, size_t size)
{
	char low[CONFIG_NUMBER_TEXT], high[CONFIG_NUMBER_TEXT];
	if ((!key->min && !key->max) || (v >= key->min && v <= key->max))
		return 0;
	const char *what = "must be";
	switch (key->type) {
	case CONFIG_DURATION:
		config_format_duration(key->min, low);
		config_format_duration(key->max, high);
		break;
	case CONFIG_BYTES:
		config_format_bytes(key->min, low);
		config_format_bytes(key->max, high);
		break;
	default:
		snprintf(low, sizeof(low), "%" PRId64, key->min);
		snprintf(high, sizeof(high), "%" PRId64, key->max);
		what = key->type == CONFIG_STRING ? "must have characters"
		       : key->type == CONFIG_LIST ? "must have entries"
						  : "must be";
	}
	snprintf(reason, size, "%s from %s to %s", what, low, high);
	return -EINVAL;
}

int config_value_parse(struct config *c, const struct config_key *key, const char *text,
		       struct config_value *ret, char *reason, size_t size)
{
	struct config_value v = {.text = text};
	uint64_t bytes = 0;
	int64_t counted = 0;
	const char *form = "";
	int rc = 0;
	switch (key->type) {
	case CONFIG_STRING:
		counted = (int64_t)strlen(text);
		break;
	case CONFIG_INT:
		rc = parse_int(text, &v.number);
		form = "must be a whole number";
		counted = v.number;
		break;
	case CONFIG_BOOL:
		rc = parse_bool(text, &v.number);
		form = "must be yes or no";
		break;
	case CONFIG_DURATION:
		rc = config_parse_duration(text, &v.number);
		form = "must be a duration with its unit: 500ms, 10s, 1m, 2h, 7d";
		counted = v.number;
		break;
	case CONFIG_BYTES:
		rc = config_parse_bytes(text, &bytes);
		form = "must be a size: 4096, 64K, 16M, 1G";
		counted = v.number = (int64_t)bytes;
		break;
	case CONFIG_LIST:
		rc = parse_list(c, text, &v);
		counted = (int64_t)v.nlist;
		break;
	case CONFIG_ENUM:
		rc = parse_enum(key, text, &v, reason, size);
		if (rc == 0)
			*ret = v;
		return rc;
	}
	if (rc == -ENOMEM)
		return rc;
	if (rc < 0) {
		snprintf(reason, size, "%s", rc == -ERANGE ? "is too large" : form);
		return -EINVAL;
	}
	if (key->type != CONFIG_BOOL)
		rc = check_bounds(key, counted, reason, size);
	if (rc == 0)
		*ret = v;
	return rc;
}

static const struct config_entry *find_entry(const struct config *c, const struct config_key *key,
					     const char *section)
{
	for (const struct config_entry *e = c->entries; e; e = e->next)
		if (e->key == key && strcmp(e->section, section) == 0)
			return e;
	return NULL;
}

/* Asking for what the table does not have is a bug: the first test that loads shows it. */
static const struct config_value *get(const struct config *c, const char *section, const char *name,
				      enum config_type type)
{
	const struct config_key *key = config_find_key(c, section, name);
	if (!key || key->type != type)
		abort();
	const struct config_entry *e = find_entry(c, key, section);
	return e ? &e->value : &c->defaults[key - c->keys];
}

const char *config_string(const struct config *c, const char *section, const char *name)
{
	const char *text = get(c, section, name, CONFIG_STRING)->text;
	return text ? text : "";
}

int64_t config_int(const struct config *c, const char *section, const char *name)
{
	return get(c, section, name, CONFIG_INT)->number;
}

bool config_bool(const struct config *c, const char *section, const char *name)
{
	return get(c, section, name, CONFIG_BOOL)->number != 0;
}

usec_t config_duration(const struct config *c, const char *section, const char *name)
{
	return get(c, section, name, CONFIG_DURATION)->number;
}

uint64_t config_bytes(const struct config *c, const char *section, const char *name)
{
	return (uint64_t)get(c, section, name, CONFIG_BYTES)->number;
}

int config_enum(const struct config *c, const char *section, const char *name)
{
	return (int)get(c, section, name, CONFIG_ENUM)->number;
}

const char *const *config_list(const struct config *c, const char *section, const char *name,
			       size_t *ret_n)
{
	static const char *const none[] = {NULL};
	const struct config_value *v = get(c, section, name, CONFIG_LIST);
	if (ret_n)
		*ret_n = v->nlist;
	return v->list ? v->list : none;
}

bool config_given(const struct config *c, const char *section, const char *name)
{
	const struct config_key *key = config_find_key(c, section, name);
	if (!key)
		abort();
	return find_entry(c, key, section) != NULL;
}

const char *config_section(const struct config *c, const char *prefix, size_t i)
{
	for (const struct config_section *s = c->sections; s; s = s->next)
		if (strncmp(s->name, prefix, strlen(prefix)) == 0 && i-- == 0)
			return s->name;
	return NULL;
}
