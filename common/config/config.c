/*
 * config.c - see config.h: the file's lines, matched against the table.
 *
 * Our own reader and not libinih: that one (release 55, as packaged) tells its callback no
 * line number, cuts lines at 200 bytes, and takes an indented line for the continuation of
 * a value. Each would turn a slip into a setting that is silently another.
 */
#include "common/config/config_priv.h"

#include "common/base/nearest.h"
#include "common/contract/errors.h"
#include "common/os/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 1024 * 1024 };

/* A run of characters in the file's text. */
struct piece {
	const char *p;
	size_t len;
};

struct reader {
	struct config *config;
	const char *name; /* of the file, for messages */
	int line;
	const char *section; /* NULL before the first */
	struct err *err;
};

static int invalid(const struct reader *r, const char *fmt, ...) MR_PRINTF(2, 3);

static int invalid(const struct reader *r, const char *fmt, ...)
{
	char where[320], text[700];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (r->line)
		snprintf(where, sizeof(where), "%s:%d", r->name, r->line);
	else
		snprintf(where, sizeof(where), "%s", r->name);
	return err_set_at(r->err, -EINVAL, ERR_CONFIG_INVALID, where, "%s", text);
}

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the configuration");
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct piece trim(struct piece s)
{
	while (s.len && is_space(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* Nothing but white space and a comment. */
static bool is_rest_empty(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p == end || *p == ';' || *p == '#';
}

/* "channel.*" takes "channel.x"; else the names are equal. */
bool config_section_fits(const char *pattern, const char *section)
{
	size_t n = strlen(pattern);
	if (n > 2 && strcmp(pattern + n - 2, ".*") == 0)
		return strncmp(pattern, section, n - 1) == 0 && section[n - 1];
	return strcmp(pattern, section) == 0;
}

const struct config_key *config_find_key(const struct config *c, const char *section,
					 const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->keys[i].name, name) == 0 &&
		    config_section_fits(c->keys[i].section, section))
			return &c->keys[i];
	return NULL;
}

static int unknown_section(const struct reader *r, const char *section)
{
	const struct config *c = r->config;
	struct nearest near = nearest_of(section);
	for (size_t i = 0; i < c->n; i++)
		nearest_try(&near, c->keys[i].section);
	const char *best = nearest_best(&near);
	return invalid(r, "there is no section [%.100s]%s%s%s", section,
		       best ? " (did you mean [" : "", best ? best : "", best ? "]?)" : "");
}

static int unknown_key(const struct reader *r, const char *name)
{
	const struct config *c = r->config;
	struct nearest near = nearest_of(name);
	const char *other = NULL;
	for (size_t i = 0; i < c->n; i++) {
		if (config_section_fits(c->keys[i].section, r->section))
			nearest_try(&near, c->keys[i].name);
		else if (strcmp(c->keys[i].name, name) == 0)
			other = c->keys[i].section;
	}
	const char *best = nearest_best(&near);
	if (!r->section[0])
		return invalid(r, "there is no key '%.100s'%s%s%s", name,
			       best ? " (did you mean '" : "", best ? best : "", best ? "'?)" : "");
	if (!best && other)
		return invalid(r, "[%s] has no key '%.100s': it belongs in [%s]", r->section, name,
			       other);
	return invalid(r, "[%s] has no key '%.100s'%s%s%s", r->section, name,
		       best ? " (did you mean '" : "", best ? best : "", best ? "'?)" : "");
}

/* "[name]" and perhaps a comment. */
static int read_section(struct reader *r, struct piece line)
{
	struct config *c = r->config;
	const char *end = line.p + line.len;
	const char *close = memchr(line.p, ']', line.len);
	if (!close || !is_rest_empty(close + 1, end))
		return invalid(r, "a section must be '[name]'");
	struct piece inside = trim((struct piece){line.p + 1, (size_t)(close - line.p) - 1});
	char *name = arena_strndup(&c->arena, inside.p, inside.len);
	if (!name)
		return no_memory(r->err);
	bool known = false;
	for (size_t i = 0; i < c->n; i++)
		known |= config_section_fits(c->keys[i].section, name);
	if (!known)
		return unknown_section(r, name);
	for (struct config_section *s = c->sections; s; s = s->next)
		if (strcmp(s->name, name) == 0)
			return invalid(r, "the section [%s] is there twice: first in line %d", name,
				       s->line);
	struct config_section *s = arena_zalloc(&c->arena, sizeof(*s));
	if (!s)
		return no_memory(r->err);
	s->name = r->section = name;
	s->line = r->line;
	struct config_section **tail = &c->sections;
	while (*tail)
		tail = &(*tail)->next;
	*tail = s;
	return 0;
}

/* "…" with \" and \\ inside; `line` begins at the quote. */
static int read_quoted(struct reader *r, struct piece line, char **ret)
{
	char *out = arena_alloc(&r->config->arena, line.len + 1);
	const char *p = line.p + 1, *end = line.p + line.len;
	size_t n = 0;
	if (!out)
		return no_memory(r->err);
	for (; p < end && *p != '"'; p++) {
		if (*p == '\\') {
			p++;
			if (p == end || (*p != '"' && *p != '\\'))
				return invalid(r, "in quotes a '\\' stands before '\"' or '\\'");
		}
		out[n++] = *p;
	}
	if (p == end)
		return invalid(r, "the closing quote is missing");
	if (!is_rest_empty(p + 1, end))
		return invalid(r, "there is text behind the closing quote");
	out[n] = 0;
	*ret = out;
	return 0;
}

/* The value as text, without its quotes or comment. */
static int read_text(struct reader *r, struct piece value, char **ret)
{
	value = trim(value);
	if (value.len && value.p[0] == '"')
		return read_quoted(r, value, ret);
	for (size_t i = 0; i < value.len; i++)
		if ((value.p[i] == ';' || value.p[i] == '#') &&
		    (i == 0 || is_space(value.p[i - 1])))
			value.len = i;
	value = trim(value);
	*ret = arena_strndup(&r->config->arena, value.p, value.len);
	return *ret ? 0 : no_memory(r->err);
}

static int read_key(struct reader *r, struct piece line)
{
	struct config *c = r->config;
	const char *equals = memchr(line.p, '=', line.len);
	if (!equals)
		return invalid(r, "expected 'key = value', '[section]' or a comment");
	struct piece left = trim((struct piece){line.p, (size_t)(equals - line.p)});
	struct piece right = {equals + 1, line.len - (size_t)(equals - line.p) - 1};
	if (!r->section && c->n > 0 && !c->keys[0].section[0])
		r->section = "";
	if (!r->section)
		return invalid(r, "there is no [section] in front of the first key");
	char *text, *name = arena_strndup(&c->arena, left.p, left.len);
	if (!name)
		return no_memory(r->err);
	const struct config_key *key = config_find_key(c, r->section, name);
	if (!key)
		return unknown_key(r, name);
	for (const struct config_entry *e = c->entries; e; e = e->next)
		if (e->key == key && strcmp(e->section, r->section) == 0)
			return invalid(r, "[%s] has '%s' twice: first in line %d", r->section, name,
				       e->line);
	int rc = read_text(r, right, &text);
	if (rc < 0)
		return rc;
	/* "key =" is an empty text or list; of any other type it leaves the default. */
	if (!text[0] && key->type != CONFIG_STRING && key->type != CONFIG_LIST)
		return 0;
	struct config_entry *e = arena_zalloc(&c->arena, sizeof(*e));
	if (!e)
		return no_memory(r->err);
	e->key = key;
	e->section = r->section;
	e->line = r->line;
	char reason[300];
	rc = config_value_parse(c, key, text, &e->value, reason, sizeof(reason));
	if (rc == -ENOMEM)
		return no_memory(r->err);
	if (rc < 0)
		return invalid(r, "[%s] %s = %.100s: %s", r->section, name, text, reason);
	e->next = c->entries;
	c->entries = e;
	return 0;
}

static int read_line(struct reader *r, struct piece line)
{
	if (line.len && line.p[line.len - 1] == '\r')
		line.len--;
	line = trim(line);
	if (line.len == 0 || line.p[0] == ';' || line.p[0] == '#')
		return 0;
	for (size_t i = 0; i < line.len; i++)
		if ((unsigned char)line.p[i] < ' ' && line.p[i] != '\t')
			return invalid(r, "there is a control character in the line");
	return line.p[0] == '[' ? read_section(r, line) : read_key(r, line);
}

static int read_lines(struct reader *r, const char *text, size_t len)
{
	const char *p = text, *end = text + len;
	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3; /* the byte order mark of some editors */
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline ? newline : end;
		r->line++;
		int rc = read_line(r, (struct piece){p, (size_t)(stop - p)});
		if (rc < 0)
			return rc;
		p = newline ? newline + 1 : end;
	}
	return 0;
}

/* The defaults go through the same checks as the file: a wrong one in the table shows. */
static int read_defaults(struct reader *r)
{
	struct config *c = r->config;
	for (size_t i = 0; i < c->n; i++) {
		char reason[300];
		if (!c->keys[i].fallback)
			continue;
		int rc = config_value_parse(c, &c->keys[i], c->keys[i].fallback, &c->defaults[i],
					    reason, sizeof(reason));
		if (rc == -ENOMEM)
			return no_memory(r->err);
		if (rc < 0)
			return invalid(r, "the default of [%s] %s: %s", c->keys[i].section,
				       c->keys[i].name, reason);
	}
	return 0;
}

int config_parse(const char *name, const char *text, size_t len, const struct config_key *keys,
		 size_t n, struct config **ret, struct err *err)
{
	struct config *c = calloc(1, sizeof(*c));
	if (!c)
		return no_memory(err);
	arena_init(&c->arena);
	c->keys = keys;
	c->n = n;
	c->defaults = arena_zalloc(&c->arena, (n + 1) * sizeof(*c->defaults));
	struct reader r = {.config = c, .name = name, .err = err};
	int rc = c->defaults ? read_defaults(&r) : no_memory(err);
	if (rc == 0)
		rc = read_lines(&r, text, len);
	if (rc < 0)
		config_free(c);
	else
		*ret = c;
	return rc;
}

int config_load(const char *path, const struct config_key *keys, size_t n, struct config **ret,
		struct err *err)
{
	char *text;
	size_t len;
	int rc = file_read(path, FILE_MAX, ERR_CONFIG_INVALID, &text, &len, err);
	if (rc < 0)
		return rc;
	rc = config_parse(path, text, len, keys, n, ret, err);
	file_free_wiped(text, len);
	return rc;
}

int config_defaults(const struct config_key *keys, size_t n, struct config **ret, struct err *err)
{
	return config_parse("defaults", "", 0, keys, n, ret, err);
}

void config_free(struct config *c)
{
	if (!c)
		return;
	arena_free(&c->arena);
	free(c);
}
