/*
 * task_check.c - what a table of keys cannot say: the forms of texts, and which keys go
 * together. Pure.
 */
#include "common/base/nearest.h"
#include "common/contract/task_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int task_name_check(const char *name, const char **ret_reason)
{
	size_t len = strlen(name);
	*ret_reason = NULL;
	if (len == 0)
		*ret_reason = "is empty";
	else if (len > TASK_NAME_MAX)
		*ret_reason = "is longer than 100 characters";
	else if (name[0] == '.' || name[0] == '-')
		*ret_reason = "begins with '.' or '-'";
	for (const char *p = name; *p && !*ret_reason; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		      (*p >= '0' && *p <= '9') || *p == '_' || *p == '.' || *p == '-'))
			*ret_reason = "may only have letters, digits, '_', '.' and '-'";
	return *ret_reason ? -EINVAL : 0;
}

bool task_is_transactional(const struct task *t)
{
	return t->pipe.delivery == TASK_EXACTLY_ONCE && t->pipe.type == TASK_PIPE_KAFKA;
}

/* Digits, exactly `n` of them. */
static bool digits(const char **p, int n, int *ret)
{
	int v = 0;
	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		v = v * 10 + (**p - '0');
	}
	*ret = v;
	return true;
}

static bool literal(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

int task_parse_time(const char *text, usec_t *ret)
{
	const char *p = text;
	struct tm tm = {0};
	int hours, minutes;
	if (!digits(&p, 4, &tm.tm_year) || !literal(&p, '-') || !digits(&p, 2, &tm.tm_mon) ||
	    !literal(&p, '-') || !digits(&p, 2, &tm.tm_mday) ||
	    (*p != 'T' && *p != 't' && *p != ' ') || !*p++ || !digits(&p, 2, &tm.tm_hour) ||
	    !literal(&p, ':') || !digits(&p, 2, &tm.tm_min) || !literal(&p, ':') ||
	    !digits(&p, 2, &tm.tm_sec))
		return -EINVAL;
	usec_t fraction = 0;
	if (*p == '.') {
		p++;
		usec_t unit = USEC_PER_SEC / 10;
		if (*p < '0' || *p > '9')
			return -EINVAL;
		for (; *p >= '0' && *p <= '9'; p++, unit /= 10)
			fraction += (*p - '0') * unit;
	}
	usec_t zone = 0;
	if (*p == 'Z' || *p == 'z') {
		p++;
	} else if (*p == '+' || *p == '-') {
		int sign = *p++ == '-' ? -1 : 1;
		if (!digits(&p, 2, &hours) || !literal(&p, ':') || !digits(&p, 2, &minutes) ||
		    hours > 14 || minutes > 59)
			return -EINVAL;
		zone = (usec_t)sign * (hours * 3600 + minutes * 60) * USEC_PER_SEC;
	} else {
		return -EINVAL;
	}
	struct tm given = tm;
	if (*p || tm.tm_year < 1970 || tm.tm_sec > 59)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	time_t seconds = timegm(&tm);
	/* timegm makes February 30 a day in March: that is a slip, not a time. */
	if (tm.tm_mon + 1 != given.tm_mon || tm.tm_mday != given.tm_mday ||
	    tm.tm_hour != given.tm_hour || tm.tm_min != given.tm_min)
		return -EINVAL;
	*ret = (usec_t)seconds * USEC_PER_SEC + fraction - zone;
	return 0;
}

/* Characters of host names and addresses. */
static bool host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-' || c == '_' || c == '%' || c == ':' || (c & 0x80);
}

int task_parse_host(struct arena *a, const char *text, size_t len, struct task_host *ret)
{
	const char *end = text + len, *host = text, *host_end = NULL, *port = NULL;
	if (len > 0 && *text == '[') {
		host++;
		host_end = memchr(text, ']', len);
		if (!host_end || (host_end + 1 < end && host_end[1] != ':'))
			return -EINVAL;
		port = host_end + 1 < end ? host_end + 2 : NULL;
	} else {
		const char *colon = memchr(text, ':', len);
		/* A second colon: an IPv6 address without brackets, so without a port. */
		if (colon && memchr(colon + 1, ':', (size_t)(end - colon - 1)))
			colon = NULL;
		host_end = colon ? colon : end;
		port = colon ? colon + 1 : NULL;
	}
	if (host_end == host || host_end - host > 255)
		return -EINVAL;
	for (const char *p = host; p < host_end; p++)
		if (!host_char(*p))
			return -EINVAL;
	unsigned number = 0;
	if (port) {
		if (port == end || end - port > 5)
			return -EINVAL;
		for (const char *p = port; p < end; p++) {
			if (*p < '0' || *p > '9')
				return -EINVAL;
			number = number * 10 + (unsigned)(*p - '0');
		}
		if (number == 0 || number > 65535)
			return -EINVAL;
	}
	ret->host = arena_strndup(a, host, (size_t)(host_end - host));
	ret->port = (uint16_t)number;
	return ret->host ? 0 : -ENOMEM;
}

static char *copy_text(struct task *t, const char *text)
{
	return arena_strndup(&t->arena, text, strlen(text));
}

static int start_file(struct task *t, struct task_path *path, json_t *object, struct err *err)
{
	const char *file = json_string_value(json_object_get(object, "file"));
	const json_t *pos = json_object_get(object, "pos");
	size_t back = task_path_push(path, "file");
	if (!file || !file[0] || strlen(file) > 255 || strchr(file, '/'))
		return task_invalid(path, err,
				    "must be the name of a binlog, such as "
				    "\"binlog.000002\"");
	task_path_pop(path, back);
	back = task_path_push(path, "pos");
	if (!json_is_integer(pos) || json_integer_value(pos) < 4)
		return task_invalid(path, err, "must be a number from 4 (the beginning of a file)");
	task_path_pop(path, back);
	t->source.start = TASK_START_FILE;
	t->source.start_pos = (uint64_t)json_integer_value(pos);
	t->source.start_file = copy_text(t, file);
	char text[300];
	snprintf(text, sizeof(text), "%s:%llu", file, (unsigned long long)t->source.start_pos);
	t->source.start_text = copy_text(t, text);
	return t->source.start_file && t->source.start_text ? 0 : task_no_memory(err);
}

static int start_gtid(struct task *t, struct task_path *path, json_t *object, struct err *err)
{
	const char *gtid = json_string_value(json_object_get(object, "gtid"));
	size_t back = task_path_push(path, "gtid");
	if (!gtid || !gtid[strspn(gtid, " \t\r\n")])
		return task_invalid(path, err,
				    "must be a GTID set (\"earliest\" for everything "
				    "that the source has)");
	task_path_pop(path, back);
	t->source.start = TASK_START_GTID;
	t->source.start_gtid = t->source.start_text = copy_text(t, gtid);
	return t->source.start_gtid ? 0 : task_no_memory(err);
}

static int start_time(struct task *t, struct task_path *path, json_t *object, struct err *err)
{
	const char *text = json_string_value(json_object_get(object, "time"));
	size_t back = task_path_push(path, "time");
	if (!text || task_parse_time(text, &t->source.start_time) < 0)
		return task_invalid(
			path, err,
			"must be a time with its zone, such as \"2026-11-22T10:00:00Z\"");
	task_path_pop(path, back);
	t->source.start = TASK_START_TIME;
	t->source.start_text = copy_text(t, text);
	return t->source.start_text ? 0 : task_no_memory(err);
}

static int start_object(struct task *t, struct task_path *path, json_t *object, struct err *err)
{
	static const char *const known[] = {"file", "pos", "gtid", "time"};
	const char *name;
	json_t *value;
	json_object_foreach (object, name, value) {
		struct nearest near = nearest_of(name);
		bool found = false;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			found |= strcmp(name, known[i]) == 0;
			nearest_try(&near, known[i]);
		}
		if (found)
			continue;
		const char *best = nearest_best(&near);
		task_path_push(path, name);
		return task_invalid(path, err, "is not known%s%s%s", best ? " (did you mean '" : "",
				    best ? best : "", best ? "'?)" : "");
	}
	size_t keys = json_object_size(object);
	if (keys == 2 && json_object_get(object, "file") && json_object_get(object, "pos"))
		return start_file(t, path, object, err);
	if (keys == 1 && json_object_get(object, "gtid"))
		return start_gtid(t, path, object, err);
	if (keys == 1 && json_object_get(object, "time"))
		return start_time(t, path, object, err);
	return task_invalid(path, err, "must have file and pos, or gtid alone, or time alone");
}

int task_parse_start(struct task *t, struct task_path *path, const json_t *value, struct err *err)
{
	if (json_is_object(value))
		return start_object(t, path, (json_t *)value, err);
	const char *text = json_is_string(value) ? json_string_value(value) : "";
	if (strcmp(text, "latest") == 0) {
		t->source.start = TASK_START_LATEST;
		t->source.start_text = "latest";
	} else if (strcmp(text, "earliest") == 0) {
		t->source.start = TASK_START_EARLIEST;
		t->source.start_text = "earliest";
	} else {
		return task_invalid(path, err,
				    "must be \"latest\", \"earliest\", {\"file\":…,\"pos\":…}, "
				    "{\"gtid\":…} or {\"time\":…}");
	}
	return 0;
}

/* host and port, then hosts. */
static int check_hosts(struct task *t, struct err *err)
{
	struct task_source *s = &t->source;
	char where[48];
	size_t n = (s->host[0] != 0) + s->ngiven_hosts;
	if (n == 0)
		return task_invalid_at("source.host", err, "is missing: the server to read from");
	s->hosts = arena_zalloc(&t->arena, n * sizeof(*s->hosts));
	if (!s->hosts)
		return task_no_memory(err);
	if (s->host[0]) {
		struct task_host *h = &s->hosts[s->nhosts++];
		int rc = task_parse_host(&t->arena, s->host, strlen(s->host), h);
		if (rc == -ENOMEM)
			return task_no_memory(err);
		if (rc < 0 || h->port)
			return task_invalid_at("source.host", err,
					       "must be a name or an address (its port is "
					       "source.port; several servers are source.hosts)");
		h->port = (uint16_t)s->port;
	}
	for (size_t i = 0; i < s->ngiven_hosts; i++) {
		const char *text = s->given_hosts[i];
		struct task_host *h = &s->hosts[s->nhosts++];
		int rc = task_parse_host(&t->arena, text, strlen(text), h);
		if (rc == -ENOMEM)
			return task_no_memory(err);
		snprintf(where, sizeof(where), "source.hosts[%zu]", i);
		if (rc < 0)
			return task_invalid_at(where, err, "must be \"host\" or \"host:port\"");
		if (!h->port)
			h->port = (uint16_t)s->port;
	}
	return 0;
}

static int check_brokers(struct task *t, struct err *err)
{
	const char *p = t->pipe.brokers;
	if (!p[0])
		return task_invalid_at("pipe.brokers", err,
				       "is missing: a pipe of type kafka needs \"host:port\"");
	for (;;) {
		p += strspn(p, " ");
		size_t n = strcspn(p, ","), len = n;
		while (len > 0 && p[len - 1] == ' ')
			len--;
		struct task_host host;
		int rc = task_parse_host(&t->arena, p, len, &host);
		if (rc == -ENOMEM)
			return task_no_memory(err);
		if (rc < 0)
			return task_invalid_at(
				"pipe.brokers", err,
				"must be \"host:port\", several with commas between");
		if (!p[n])
			return 0;
		p += n + 1;
	}
}

static int check_key(struct task *t, struct err *err)
{
	static const char *const names[] = {
		[TASK_KEY_PRIMARY] = "primary_key",
		[TASK_KEY_TABLE] = "table",
		[TASK_KEY_DATABASE] = "database",
		[TASK_KEY_NONE] = "none",
	};
	static const char prefix[] = "columns:";
	const char *text = t->pipe.key_text;
	t->pipe.key_columns = "";
	for (int i = 0; i < TASK_KEY_COLUMNS; i++) {
		if (strcmp(names[i], text) == 0) {
			t->pipe.key = i;
			return 0;
		}
	}
	if (strncmp(text, prefix, sizeof(prefix) - 1) == 0 && text[sizeof(prefix) - 1]) {
		t->pipe.key = TASK_KEY_COLUMNS;
		t->pipe.key_columns = text + sizeof(prefix) - 1;
		return 0;
	}
	struct nearest near = nearest_of(text);
	for (int i = 0; i < TASK_KEY_COLUMNS; i++)
		nearest_try(&near, names[i]);
	const char *best = nearest_best(&near);
	return task_invalid_at("pipe.key", err,
			       "must be primary_key, table, database, none or "
			       "\"columns:…\"%s%s%s",
			       best ? " (did you mean '" : "", best ? best : "", best ? "'?)" : "");
}

static bool is_set(const struct secret *s)
{
	return s->given && s->given[0];
}

static int check_tls(const struct task_tls *tls, const char *where, struct err *err)
{
	if (is_set(&tls->cert) != is_set(&tls->key))
		return task_invalid_at(where, err, "needs cert and key together, or neither");
	if (tls->mode == TASK_TLS_DISABLED && (is_set(&tls->ca) || is_set(&tls->cert)))
		return task_invalid_at(where, err,
				       "has certificates, but its mode is disabled: they would not "
				       "be used");
	return 0;
}

static int check_security(const struct task *t, struct err *err)
{
	int rc = check_tls(&t->source.tls, "source.tls", err);
	if (rc == 0)
		rc = check_tls(&t->pipe.security.tls, "pipe.security.tls", err);
	if (rc < 0)
		return rc;
	bool user = t->pipe.security.sasl.user[0] != 0;
	bool password = is_set(&t->pipe.security.sasl.password);
	if (t->pipe.security.sasl.mechanism == TASK_SASL_NONE)
		return user || password
			       ? task_invalid_at("pipe.security.sasl", err,
						 "has a user or password, but no mechanism: PLAIN, "
						 "SCRAM-SHA-256 or SCRAM-SHA-512")
			       : 0;
	return user && password ? 0
				: task_invalid_at("pipe.security.sasl", err,
						  "needs user and password with a mechanism");
}

static int check_patterns(const char **patterns, size_t n, const char *name, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const char *fault = task_pattern_fault(patterns[i]);
		char where[48];
		snprintf(where, sizeof(where), "%s[%zu]", name, i);
		if (fault)
			return task_invalid_at(where, err, "%s", fault);
	}
	return 0;
}

static int check_pipe(struct task *t, struct err *err)
{
	char reason[128];
	const char *fault = task_template_fault(t->pipe.topic, reason);
	if (fault)
		return task_invalid_at("pipe.topic", err, "%s", fault);
	int rc = check_key(t, err);
	if (rc == 0)
		rc = task_check_side_topics(t, err);
	unsigned skipped = 0;
	if (rc == 0 && task_skipped_operations(t->pipe.options.skipped, &skipped) < 0)
		rc = task_invalid_at("pipe.options.skipped.operations", err,
				     "must be of c, u, d and t, comma separated, or none");
	if (rc == 0 && t->pipe.options.include_query)
		rc = task_invalid_at("pipe.options.include.query", err, "is not supported yet");
	if (rc == 0 && t->pipe.options.maxwell.row_query > 0)
		rc = task_invalid_at("pipe.options.output_row_query", err, "is not supported yet");
	if (rc == 0 && t->pipe.type == TASK_PIPE_KAFKA)
		rc = check_brokers(t, err);
	if (rc == 0 && t->pipe.type == TASK_PIPE_FILE && !t->pipe.path[0])
		rc = task_invalid_at("pipe.path", err, "is missing: the file to append to");
	struct task_path path = {.text = "pipe.properties", .len = strlen("pipe.properties")};
	for (size_t i = 0; i < t->pipe.nproperties && rc == 0; i++) {
		size_t back = task_path_push(&path, t->pipe.properties[i].name);
		rc = task_check_property(&path, &t->pipe.properties[i], err);
		task_path_pop(&path, back);
	}
	return rc;
}

int task_check(struct task *t, struct err *err)
{
	const char *reason;
	if (!t->name[0])
		return task_invalid_at("name", err, "is missing: what the task is called");
	if (task_name_check(t->name, &reason) < 0)
		return task_invalid_at("name", err, "%s", reason);
	if (t->group[0] && task_name_check(t->group, &reason) < 0)
		return task_invalid_at("group", err, "%s", reason);
	if (strcmp(t->source.time_zone, "auto") != 0)
		return task_invalid_at("source.time_zone", err,
				       "is not supported yet but for auto: TIMESTAMP columns are "
				       "published in UTC, DATETIME without a zone");
	int rc = check_hosts(t, err);
	if (rc == 0 && !t->source.user[0])
		rc = task_invalid_at("source.user", err, "is missing: the user to read as");
	if (rc == 0)
		rc = check_patterns(t->tables.include, t->tables.ninclude, "tables.include", err);
	if (rc == 0)
		rc = check_patterns(t->tables.exclude, t->tables.nexclude, "tables.exclude", err);
	if (rc == 0)
		rc = task_check_rules(t, err);
	if (rc == 0)
		rc = check_security(t, err);
	return rc == 0 ? check_pipe(t, err) : rc;
}
