/*
 * task_match.c - which tables a task copies, and what their topics are called.
 *
 * A pattern is "database.table", parted at its first dot that is not escaped. Pure; any
 * thread. Called once a table, not once a row.
 */
#include "common/contract/errors.h"
#include "common/contract/task_priv.h"

#include <stdio.h>

/* Bytes of the UTF-8 character at p, at least 1, never over the end. */
static size_t char_bytes(const uint8_t *p, const uint8_t *end)
{
	size_t n = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : *p >= 0xc0 ? 2 : 1;
	size_t have = 1;
	while (have < n && p + have < end && (p[have] & 0xc0) == 0x80)
		have++;
	return have;
}

/*
 * The last star is the only one ever gone back to: the rest of the pattern either fits
 * somewhere behind it or not at all. So the time is bounded by pattern times text.
 */
static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* fold: letters of ASCII match whatever their case. */
static bool glob(const char *pattern, const char *pattern_end, struct span text, bool fold)
{
	const uint8_t *t = text.p, *end = t + text.len, *retry = NULL;
	const char *p = pattern, *star = NULL;
	while (t < end) {
		if (p < pattern_end && *p == '*') {
			star = ++p;
			retry = t;
			continue;
		}
		if (p < pattern_end && *p == '?') {
			p++;
			t += char_bytes(t, end);
			continue;
		}
		const char *literal = p;
		if (p < pattern_end && *p == '\\' && p + 1 < pattern_end)
			literal++;
		if (literal < pattern_end &&
		    ((uint8_t)*literal == *t ||
		     (fold && lower((uint8_t)*literal) == lower(*t)))) {
			p = literal + 1;
			t++;
			continue;
		}
		if (!star)
			return false;
		p = star;
		t = retry += char_bytes(retry, end);
	}
	while (p < pattern_end && *p == '*')
		p++;
	return p == pattern_end;
}

/* The dot between database and table, or NULL. */
static const char *pattern_dot(const char *pattern)
{
	for (const char *p = pattern; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '.')
			return p;
	}
	return NULL;
}

const char *task_pattern_fault(const char *pattern)
{
	const char *dot = pattern_dot(pattern);
	if (!dot)
		return "must be \"database.table\": there is no dot in it";
	if (dot == pattern)
		return "must be \"database.table\": there is no database in front of the dot";
	if (!dot[1])
		return "must be \"database.table\": there is no table behind the dot (* for all)";
	for (const char *p = pattern; *p; p++)
		if ((unsigned char)*p < ' ')
			return "has a control character in it";
	size_t len = strlen(pattern);
	if (len > 512)
		return "is longer than 512 bytes";
	return NULL;
}

bool task_pattern_matches(const char *pattern, struct span db, struct span table)
{
	const char *dot = pattern_dot(pattern);
	return dot && glob(pattern, dot, db, false) &&
	       glob(dot + 1, dot + 1 + strlen(dot + 1), table, false);
}

const char *task_column_pattern_fault(const char *pattern)
{
	const char *dot = pattern_dot(pattern);
	const char *second = dot ? pattern_dot(dot + 1) : NULL;
	if (!second || dot == pattern || second == dot + 1 || !second[1])
		return "must be \"database.table.column\"";
	for (const char *p = pattern; *p; p++)
		if ((unsigned char)*p < ' ')
			return "has a control character in it";
	return NULL;
}

bool task_column_pattern_table(const char *pattern, struct span db, struct span table)
{
	const char *dot = pattern_dot(pattern);
	const char *second = dot ? pattern_dot(dot + 1) : NULL;
	return second && glob(pattern, dot, db, false) && glob(dot + 1, second, table, false);
}

/* The third part of a pattern. */
static const char *pattern_column(const char *pattern)
{
	const char *dot = pattern_dot(pattern);
	const char *second = dot ? pattern_dot(dot + 1) : NULL;
	return second ? second + 1 : "";
}

bool task_column_pattern_wild(const char *pattern)
{
	for (const char *p = pattern_column(pattern); *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '*' || *p == '?')
			return true;
	}
	return false;
}

bool task_column_pattern_matches(const char *pattern, struct span column)
{
	const char *p = pattern_column(pattern);
	return *p && glob(p, p + strlen(p), column, true);
}

static bool span_is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

static bool is_system(struct span db)
{
	return span_is(db, "mysql") || span_is(db, "information_schema") ||
	       span_is(db, "performance_schema") || span_is(db, "sys");
}

bool task_matches(const struct task *t, struct span db, struct span table)
{
	bool included = t->tables.ninclude == 0 && !is_system(db);
	for (size_t i = 0; i < t->tables.ninclude && !included; i++)
		included = task_pattern_matches(t->tables.include[i], db, table);
	for (size_t i = 0; i < t->tables.nexclude && included; i++)
		included = !task_pattern_matches(t->tables.exclude[i], db, table);
	return included;
}

static bool topic_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

enum placeholder { NOT_A_PLACEHOLDER, IN_TASK, IN_DB, IN_TABLE };

/* Which placeholder begins at p, and its length. */
static enum placeholder placeholder_at(const char *p, size_t *ret_len)
{
	static const char *const names[] = {
		[IN_TASK] = "{task}", [IN_DB] = "{db}", [IN_TABLE] = "{table}"};
	for (int i = IN_TASK; i <= IN_TABLE; i++) {
		size_t n = strlen(names[i]);
		if (strncmp(p, names[i], n) == 0) {
			*ret_len = n;
			return (enum placeholder)i;
		}
	}
	return NOT_A_PLACEHOLDER;
}

const char *task_template_fault(const char *template, char reason[128])
{
	for (const char *p = template; *p;) {
		size_t n;
		if (placeholder_at(p, &n)) {
			p += n;
			continue;
		}
		if (*p == '{' || *p == '}')
			return "has an unknown placeholder: there are {task}, {db} and {table}";
		if (!topic_char((uint8_t)*p)) {
			if (*p > ' ' && *p <= '~')
				snprintf(
					reason, 128,
					"has '%c' in it: Kafka's topic names have letters, digits, "
					"'.', '_' and '-'",
					*p);
			else
				snprintf(reason, 128,
					 "may only have letters, digits, '.', '_', '-' and the "
					 "placeholders");
			return reason;
		}
		p++;
	}
	return NULL;
}

struct topic_writer {
	char *out;
	size_t len; /* counted over TASK_TOPIC_MAX too */
};

/* One '_' for each character that Kafka does not allow, however many bytes it has. */
static void put_topic(struct topic_writer *w, const uint8_t *p, size_t len)
{
	for (const uint8_t *end = p + len; p < end;) {
		bool ok = topic_char(*p);
		if (w->len < TASK_TOPIC_MAX)
			w->out[w->len] = ok ? (char)*p : '_';
		w->len++;
		p += ok ? 1 : char_bytes(p, end);
	}
}

static bool same_text(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

bool task_topic_shared(const struct task *t, struct span db_a, struct span table_a,
		       struct span db_b, struct span table_b)
{
	/*
	 * Only what the template uses counts. Names of equal placeholders differing is a
	 * collision whatever stands between them: nobody means a.b_c and a_b.c to be one.
	 */
	for (const char *p = t->pipe.topic; *p;) {
		size_t n = 1;
		switch (placeholder_at(p, &n)) {
		case IN_DB:
			if (!same_text(db_a, db_b))
				return false;
			break;
		case IN_TABLE:
			if (!same_text(table_a, table_b))
				return false;
			break;
		case IN_TASK:
		case NOT_A_PLACEHOLDER:
			break;
		}
		p += n;
	}
	return true;
}

int task_side_topic(const struct task *t, const char *field, const char *template,
		    char out[TASK_TOPIC_MAX + 1], struct err *err)
{
	char where[64], reason[128], name[TASK_TOPIC_MAX + 1];
	struct topic_writer w = {.out = name};
	const char *fault = task_template_fault(template, reason);
	snprintf(where, sizeof(where), "pipe.topics.%s", field);
	for (const char *p = template; *p && !fault;) {
		size_t n = 1;
		enum placeholder which = placeholder_at(p, &n);
		if (which == IN_TASK)
			put_topic(&w, (const uint8_t *)t->name, strlen(t->name));
		else if (which == NOT_A_PLACEHOLDER)
			put_topic(&w, (const uint8_t *)p, 1);
		else
			fault = "may have the placeholder {task} only: it is no table's";
		p += n;
	}
	if (fault)
		return task_invalid_at(where, err, "%s", fault);
	name[w.len < TASK_TOPIC_MAX ? w.len : TASK_TOPIC_MAX] = 0;
	if (w.len == 0 || w.len > TASK_TOPIC_MAX || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return task_invalid_at(where, err,
				       "gives a topic name that Kafka does not allow: 1 to %d "
				       "characters, and not \".\" or \"..\"",
				       TASK_TOPIC_MAX);
	memcpy(out, name, w.len + 1);
	return 0;
}

const char *task_schema_changes(const struct task *t)
{
	if (strcmp(t->pipe.topics.schema_changes, "auto") != 0)
		return t->pipe.topics.schema_changes;
	return t->pipe.type == TASK_PIPE_KAFKA ? "{task}.schema-changes" : "";
}

enum { SIDE_TOPICS = 4 };

/* The templates of pipe.topics; "": there is no such topic. */
static void side_topics(const struct task *t, const char *fields[SIDE_TOPICS],
			const char *templates[SIDE_TOPICS])
{
	fields[0] = "heartbeat";
	templates[0] = t->pipe.topics.heartbeat;
	fields[1] = "transaction";
	templates[1] = t->pipe.options.transactions ? t->pipe.topics.transaction : "";
	fields[2] = "schema_changes";
	templates[2] = task_schema_changes(t);
	fields[3] = "dead_letter";
	templates[3] = t->on_error.oversize_row == TASK_ON_ERROR_DEAD_LETTER
			       ? t->pipe.topics.dead_letter
			       : "";
}

/* Which of the first n of pipe.topics has this name; NULL: none. */
static const char *side_topic_named(const struct task *t, const char *name, size_t n)
{
	const char *fields[SIDE_TOPICS], *templates[SIDE_TOPICS];
	char other[TASK_TOPIC_MAX + 1];
	struct err err = {0};
	side_topics(t, fields, templates);
	for (size_t i = 0; i < n; i++)
		if (templates[i][0] &&
		    task_side_topic(t, fields[i], templates[i], other, &err) == 0 &&
		    strcmp(other, name) == 0)
			return fields[i];
	return NULL;
}

int task_check_side_topics(const struct task *t, struct err *err)
{
	const char *fields[SIDE_TOPICS], *templates[SIDE_TOPICS];
	char name[TASK_TOPIC_MAX + 1], where[64];
	side_topics(t, fields, templates);
	for (size_t i = 0; i < SIDE_TOPICS; i++) {
		if (!templates[i][0])
			continue;
		int rc = task_side_topic(t, fields[i], templates[i], name, err);
		if (rc < 0)
			return rc;
		const char *same = side_topic_named(t, name, i);
		snprintf(where, sizeof(where), "pipe.topics.%s", fields[i]);
		if (same)
			return task_invalid_at(where, err, "is the topic of pipe.topics.%s too",
					       same);
	}
	return 0;
}

int task_topic(const struct task *t, struct span db, struct span table,
	       char out[TASK_TOPIC_MAX + 1], struct err *err)
{
	char name[TASK_TOPIC_MAX + 1];
	struct topic_writer w = {.out = name};
	for (const char *p = t->pipe.topic; *p;) {
		size_t n = 1;
		switch (placeholder_at(p, &n)) {
		case IN_TASK:
			put_topic(&w, (const uint8_t *)t->name, strlen(t->name));
			break;
		case IN_DB:
			put_topic(&w, db.p, db.len);
			break;
		case IN_TABLE:
			put_topic(&w, table.p, table.len);
			break;
		case NOT_A_PLACEHOLDER:
			put_topic(&w, (const uint8_t *)p, 1);
			break;
		}
		p += n;
	}
	if (w.len > TASK_TOPIC_MAX)
		return task_invalid_at(
			"pipe.topic", err,
			"gives table %.*s.%.*s a topic name of %zu characters: Kafka "
			"allows %d",
			(int)db.len, db.p, (int)table.len, table.p, w.len, TASK_TOPIC_MAX);
	name[w.len] = 0;
	const char *side = side_topic_named(t, name, SIDE_TOPICS);
	if (side)
		return task_invalid_at(
			"pipe.topic", err,
			"gives table %.*s.%.*s the topic %s, which is that of pipe.topics.%s: rows "
			"and other messages must not be mixed",
			(int)db.len, db.p, (int)table.len, table.p, name, side);
	if (w.len == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return task_invalid_at(
			"pipe.topic", err,
			"gives table %.*s.%.*s the topic name \"%s\", which Kafka does "
			"not allow",
			(int)db.len, db.p, (int)table.len, table.p, name);
	memcpy(out, name, w.len + 1);
	return 0;
}
