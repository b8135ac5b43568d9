/*
 * paths_fuzz.c - any text as a path and as a name: a path of a task is made of its parts
 * again, and no name leads out of its folder.
 */
#include "common/contract/paths.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void try_path(const char *text)
{
	char task[PATHS_SIZE], path[PATHS_SIZE];
	struct paths_parsed p;
	struct err err = {0};
	int rc = 0;
	if (paths_parse(text, &p) < 0)
		return;
	check(strlen(text) < PATHS_SIZE);
	check(paths_task(p.group, p.task, task, &err) == 0);
	switch (p.kind) {
	case PATHS_OF_TASK:
		memcpy(path, task, sizeof(path));
		break;
	case PATHS_OF_INSTANCES:
		rc = paths_part(task, PATHS_INSTANCES, path, &err);
		break;
	case PATHS_OF_INSTANCE:
		rc = paths_instance(task, p.child, path, &err);
		break;
	case PATHS_OF_LAST_COMMIT:
		rc = paths_part(task, PATHS_LAST_COMMIT, path, &err);
		break;
	case PATHS_OF_CONTROL:
		rc = paths_part(task, PATHS_CONTROL, path, &err);
		break;
	case PATHS_OF_STATUS:
		rc = paths_part(task, PATHS_STATUS, path, &err);
		break;
	case PATHS_OF_COMMANDS:
		rc = paths_part(task, PATHS_COMMANDS, path, &err);
		break;
	case PATHS_OF_COMMAND:
		rc = paths_command(task, p.child, path, &err);
		break;
	case PATHS_OF_SCHEMA:
		rc = paths_part(task, PATHS_SCHEMA, path, &err);
		break;
	case PATHS_OF_SCHEMA_CHUNK:
		rc = paths_schema_chunk(task, p.child, path, &err);
		break;
	}
	check(rc == 0 && strcmp(path, text) == 0);
}

static void try_name(const char *text)
{
	for (int f = 0; f < PATHS_FOLDERS; f++) {
		char path[PATHS_SIZE];
		struct err err = {0};
		if (paths_child((enum paths_folder)f, text, path, &err) < 0) {
			check(err.kind != NULL && err.where[0]);
			continue;
		}
		const char *slash = strrchr(path, '/');
		check(strcmp(slash + 1, text) == 0 && text[0] && text[0] != '.');
		check((size_t)(slash - path) == strlen(paths_folder((enum paths_folder)f)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	check(text != NULL);
	memcpy(text, data, size);
	text[size] = 0;
	try_path(text);
	try_name(text);
	free(text);
	return 0;
}
