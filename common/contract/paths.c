/* paths.c - see paths.h. Pure. */
#include "common/contract/paths.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 10, TYPE_MAX = 64 };

/* The longest path is that of a cold task's instance. */
_Static_assert(sizeof(PATHS_ROOT "/task-groups//") + 2 * TASK_NAME_MAX + sizeof("/instances/") +
			       PATHS_NODE_MAX <
		       PATHS_SIZE,
	       "a path does not fit");

static const struct {
	const char *path;
	enum paths_name child;
} folders[PATHS_FOLDERS] = {
	[PATHS_TASKS] = {PATHS_ROOT "/tasks", PATHS_NAME_TASK},
	[PATHS_TASK_GROUPS] = {PATHS_ROOT "/task-groups", PATHS_NAME_GROUP},
	[PATHS_NAMES] = {PATHS_ROOT "/names", PATHS_NAME_TASK},
	[PATHS_PREFLIGHT] = {PATHS_ROOT "/preflight", PATHS_NAME_ID},
	[PATHS_DRAINS] = {PATHS_ROOT "/drains", PATHS_NAME_HOST},
	[PATHS_ORDERS] = {PATHS_ROOT "/orders", PATHS_NAME_ID},
	[PATHS_MACHINES] = {PATHS_ROOT "/machines", PATHS_NAME_NODE},
	[PATHS_SERVERS] = {PATHS_ROOT "/servers", PATHS_NAME_NODE},
	[PATHS_MONITORS] = {PATHS_ROOT "/monitors", PATHS_NAME_NODE},
	[PATHS_IDS] = {PATHS_ROOT "/ids", PATHS_NAME_TYPE},
	[PATHS_SERVER_IDS] = {PATHS_ROOT "/server-ids", PATHS_NAME_ID},
	[PATHS_OFFERS] = {PATHS_ROOT "/offers", PATHS_NAME_GROUP},
	[PATHS_ALERTS] = {PATHS_ROOT "/alerts", PATHS_NAME_ID},
	[PATHS_SILENCES] = {PATHS_ROOT "/silences", PATHS_NAME_ID},
	[PATHS_RULES] = {PATHS_ROOT "/rules", PATHS_NAME_ID},
	[PATHS_AUDIT] = {PATHS_ROOT "/audit", PATHS_NAME_DAY},
	[PATHS_USERS] = {PATHS_ROOT "/users", PATHS_NAME_ID},
	[PATHS_TOKENS] = {PATHS_ROOT "/tokens", PATHS_NAME_ID},
	[PATHS_REVISIONS] = {PATHS_ROOT "/revisions", PATHS_NAME_TASK},
};

static const char *const parts[] = {
	[PATHS_INSTANCES] = "instances", [PATHS_LAST_COMMIT] = "lastCommit",
	[PATHS_CONTROL] = "control",     [PATHS_STATUS] = "status",
	[PATHS_COMMANDS] = "commands",   [PATHS_SCHEMA] = "schema",
};

static const char *const name_words[] = {
	[PATHS_NAME_TASK] = "task", [PATHS_NAME_GROUP] = "group", [PATHS_NAME_HOST] = "host",
	[PATHS_NAME_NODE] = "node", [PATHS_NAME_ID] = "id",       [PATHS_NAME_TYPE] = "type",
	[PATHS_NAME_DAY] = "day",
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

/* Letters, digits and `others`, 1 to max of them. NULL or what is wrong. */
static const char *word_fault(const char *name, size_t len, size_t max, const char *others)
{
	if (len == 0)
		return "is empty";
	if (len > max)
		return "is too long";
	for (size_t i = 0; i < len; i++)
		if (!is_word(name[i]) && (!name[i] || !strchr(others, name[i])))
			return "has a character that is not allowed";
	return NULL;
}

static const char *host_fault(const char *name, size_t len)
{
	const char *fault = word_fault(name, len, PATHS_HOST_MAX, "-_.");
	return !fault && !is_word(name[0]) ? "must begin with a letter or digit" : fault;
}

static const char *id_fault(const char *name)
{
	const char *fault = word_fault(name, strlen(name), PATHS_ID_MAX, "-_.:@");
	return !fault && (name[0] == '.' || name[0] == '-') ? "begins with '.' or '-'" : fault;
}

/* A time of that day is a time that there is. */
static const char *day_fault(const char *name)
{
	char text[32];
	usec_t time;
	size_t len = strlen(name);
	snprintf(text, sizeof(text), "%.10sT00:00:00Z", name);
	return len == 10 && task_parse_time(text, &time) == 0 ? NULL
							      : "is not a day like 2026-11-22";
}

static const char *name_fault(enum paths_name kind, const char *name)
{
	const char *fault = NULL;
	switch (kind) {
	case PATHS_NAME_TASK:
	case PATHS_NAME_GROUP:
		(void)task_name_check(name, &fault);
		return fault;
	case PATHS_NAME_HOST:
		return host_fault(name, strlen(name));
	case PATHS_NAME_NODE:
		return paths_node_parse(name, NULL, NULL) < 0 ? "is not a host, '-' and ten digits"
							      : NULL;
	case PATHS_NAME_ID:
		return id_fault(name);
	case PATHS_NAME_TYPE:
		return word_fault(name, strlen(name), TYPE_MAX, "-_");
	case PATHS_NAME_DAY:
		return day_fault(name);
	}
	return "is of no known kind";
}

int paths_name_check(enum paths_name kind, const char *name, struct err *err)
{
	const char *fault = name_fault(kind, name);
	/* The name may be anything, of any length: it is not repeated. */
	return !fault ? 0
		      : err_set_at(err, -EINVAL, ERR_NAME_INVALID, name_words[kind],
				   "the name of the %s %s", name_words[kind], fault);
}

int paths_node_parse(const char *node, char ret_host[PATHS_HOST_MAX + 1], uint64_t *ret_sequence)
{
	size_t len = strlen(node);
	if (len < DIGITS + 2 || node[len - DIGITS - 1] != '-')
		return -EINVAL;
	size_t host = len - DIGITS - 1;
	uint64_t sequence = 0;
	for (size_t i = host + 1; i < len; i++) {
		if (!is_digit(node[i]))
			return -EINVAL;
		sequence = sequence * 10 + (uint64_t)(node[i] - '0');
	}
	if (host_fault(node, host))
		return -EINVAL;
	if (ret_host) {
		memcpy(ret_host, node, host);
		ret_host[host] = 0;
	}
	if (ret_sequence)
		*ret_sequence = sequence;
	return 0;
}

const char *paths_folder(enum paths_folder folder)
{
	return folders[folder].path;
}

int paths_child(enum paths_folder folder, const char *name, char ret_path[PATHS_SIZE],
		struct err *err)
{
	int rc = paths_name_check(folders[folder].child, name, err);
	if (rc < 0)
		return rc;
	snprintf(ret_path, PATHS_SIZE, "%s/%s", folders[folder].path, name);
	return 0;
}

int paths_task(const char *group, const char *name, char ret_path[PATHS_SIZE], struct err *err)
{
	if (!group || !group[0])
		return paths_child(PATHS_TASKS, name, ret_path, err);
	int rc = paths_name_check(PATHS_NAME_GROUP, group, err);
	if (rc == 0)
		rc = paths_name_check(PATHS_NAME_TASK, name, err);
	if (rc < 0)
		return rc;
	snprintf(ret_path, PATHS_SIZE, "%s/%s/%s", folders[PATHS_TASK_GROUPS].path, group, name);
	return 0;
}

int paths_server_id(const char *source, uint32_t server_id, char ret_path[PATHS_SIZE],
		    struct err *err)
{
	int rc = paths_name_check(PATHS_NAME_ID, source, err);
	if (rc < 0)
		return rc;
	snprintf(ret_path, PATHS_SIZE, "%s/%s/%lu", folders[PATHS_SERVER_IDS].path, source,
		 (unsigned long)server_id);
	return 0;
}

int paths_revision(const char *task, uint32_t revision, char ret_path[PATHS_SIZE], struct err *err)
{
	int rc = paths_name_check(PATHS_NAME_TASK, task, err);
	if (rc < 0)
		return rc;
	snprintf(ret_path, PATHS_SIZE, "%s/%s/%010lu", folders[PATHS_REVISIONS].path, task,
		 (unsigned long)revision);
	return 0;
}

/* "<task_path>/<part>" or "<task_path>/<part>/<child>". */
static int in_task(const char *task_path, enum paths_part part, const char *child,
		   char ret_path[PATHS_SIZE], struct err *err)
{
	struct paths_parsed parsed;
	char path[PATHS_SIZE];
	if (paths_parse(task_path, &parsed) < 0 || parsed.kind != PATHS_OF_TASK)
		return err_set_at(err, -EINVAL, ERR_NAME_INVALID, "task",
				  "that is not the path of a task");
	snprintf(path, sizeof(path), "%s/%s%s%s", task_path, parts[part], child ? "/" : "",
		 child ? child : "");
	memcpy(ret_path, path, strlen(path) + 1);
	return 0;
}

int paths_part(const char *task_path, enum paths_part part, char ret_path[PATHS_SIZE],
	       struct err *err)
{
	return in_task(task_path, part, NULL, ret_path, err);
}

int paths_instance(const char *task_path, const char *node, char ret_path[PATHS_SIZE],
		   struct err *err)
{
	int rc = paths_name_check(PATHS_NAME_NODE, node, err);
	return rc < 0 ? rc : in_task(task_path, PATHS_INSTANCES, node, ret_path, err);
}

int paths_command(const char *task_path, const char *id, char ret_path[PATHS_SIZE],
		  struct err *err)
{
	int rc = paths_name_check(PATHS_NAME_ID, id, err);
	return rc < 0 ? rc : in_task(task_path, PATHS_COMMANDS, id, ret_path, err);
}

int paths_schema_chunk(const char *task_path, const char *chunk, char ret_path[PATHS_SIZE],
		       struct err *err)
{
	int rc = paths_name_check(PATHS_NAME_ID, chunk, err);
	return rc < 0 ? rc : in_task(task_path, PATHS_SCHEMA, chunk, ret_path, err);
}

/* What stands behind "FOLDER/", or NULL. */
static const char *behind_folder(const char *path, enum paths_folder folder)
{
	size_t len = strlen(folders[folder].path);
	return strncmp(path, folders[folder].path, len) == 0 && path[len] == '/' ? path + len + 1
										 : NULL;
}

/* The text up to '/' or the end, if it has room in out[size]. What follows, or NULL. */
static const char *take(const char *text, char *out, size_t size)
{
	size_t len = strcspn(text, "/");
	if (len >= size)
		return NULL;
	memcpy(out, text, len);
	out[len] = 0;
	return text + len;
}

static bool is_named(enum paths_name kind, const char *name)
{
	return name_fault(kind, name) == NULL;
}

/* `rest` is "" or "/part" or "/part/child". */
static int parse_rest(const char *rest, struct paths_parsed *p)
{
	static const struct {
		enum paths_kind itself;
		int child; /* enum paths_kind, or -1: it has no children */
		enum paths_name name;
	} kinds[] = {
		[PATHS_INSTANCES] = {PATHS_OF_INSTANCES, PATHS_OF_INSTANCE, PATHS_NAME_NODE},
		[PATHS_LAST_COMMIT] = {PATHS_OF_LAST_COMMIT, -1, PATHS_NAME_ID},
		[PATHS_CONTROL] = {PATHS_OF_CONTROL, -1, PATHS_NAME_ID},
		[PATHS_STATUS] = {PATHS_OF_STATUS, -1, PATHS_NAME_ID},
		[PATHS_COMMANDS] = {PATHS_OF_COMMANDS, PATHS_OF_COMMAND, PATHS_NAME_ID},
		[PATHS_SCHEMA] = {PATHS_OF_SCHEMA, PATHS_OF_SCHEMA_CHUNK, PATHS_NAME_ID},
	};
	if (!*rest) {
		p->kind = PATHS_OF_TASK;
		return 0;
	}
	char name[16];
	rest = take(rest + 1, name, sizeof(name));
	for (size_t i = 0; rest && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(name, parts[i]) != 0)
			continue;
		p->kind = kinds[i].itself;
		if (!*rest)
			return 0;
		rest = take(rest + 1, p->child, sizeof(p->child));
		if (kinds[i].child < 0 || !rest || *rest || !is_named(kinds[i].name, p->child))
			return -EINVAL;
		p->kind = (enum paths_kind)kinds[i].child;
		return 0;
	}
	return -EINVAL;
}

int paths_parse(const char *path, struct paths_parsed *ret)
{
	struct paths_parsed p = {0};
	const char *rest = behind_folder(path, PATHS_TASKS);
	if (!rest) {
		rest = behind_folder(path, PATHS_TASK_GROUPS);
		if (rest)
			rest = take(rest, p.group, sizeof(p.group));
		if (!rest || *rest != '/' || !is_named(PATHS_NAME_GROUP, p.group))
			return -EINVAL;
		rest++;
	}
	rest = take(rest, p.task, sizeof(p.task));
	if (!rest || !is_named(PATHS_NAME_TASK, p.task))
		return -EINVAL;
	int rc = parse_rest(rest, &p);
	if (rc == 0)
		*ret = p;
	return rc;
}
