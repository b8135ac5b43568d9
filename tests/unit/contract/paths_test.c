/* paths_test.c - names to znode paths and back, and names that want out of their folder. */
#include "common/contract/errors.h"
#include "common/contract/paths.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROOT "/mysql_replicator"

static void test_folders(void **state)
{
	(void)state;
	static const struct {
		enum paths_folder folder;
		const char *child, *path;
	} all[] = {
		{PATHS_TASKS, "t", ROOT "/tasks/t"},
		{PATHS_TASK_GROUPS, "g1", ROOT "/task-groups/g1"},
		{PATHS_NAMES, "t", ROOT "/names/t"},
		{PATHS_PREFLIGHT, "preflight-job-0000000001",
		 ROOT "/preflight/preflight-job-0000000001"},
		{PATHS_DRAINS, "db-host.example.org", ROOT "/drains/db-host.example.org"},
		{PATHS_ORDERS, "7", ROOT "/orders/7"},
		{PATHS_MACHINES, "h-0000000007", ROOT "/machines/h-0000000007"},
		{PATHS_SERVERS, "h-0000000007", ROOT "/servers/h-0000000007"},
		{PATHS_MONITORS, "h-0000000007", ROOT "/monitors/h-0000000007"},
		{PATHS_IDS, "run", ROOT "/ids/run"},
		{PATHS_SERVER_IDS, "3e11fa47-71ca-11e1-9e33-c80aa9429562",
		 ROOT "/server-ids/3e11fa47-71ca-11e1-9e33-c80aa9429562"},
		{PATHS_OFFERS, "g1", ROOT "/offers/g1"},
		{PATHS_ALERTS, "lag:t", ROOT "/alerts/lag:t"},
		{PATHS_SILENCES, "s", ROOT "/silences/s"},
		{PATHS_RULES, "lag", ROOT "/rules/lag"},
		{PATHS_AUDIT, "2026-11-22", ROOT "/audit/2026-11-22"},
		{PATHS_USERS, "ann@example.org", ROOT "/users/ann@example.org"},
		{PATHS_TOKENS, "abc", ROOT "/tokens/abc"},
		{PATHS_REVISIONS, "t", ROOT "/revisions/t"},
	};
	assert_int_equal(sizeof(all) / sizeof(all[0]), PATHS_FOLDERS);
	for (size_t i = 0; i < PATHS_FOLDERS; i++) {
		char path[PATHS_SIZE];
		struct err err = {0};
		size_t folder = strlen(paths_folder(all[i].folder));
		if (paths_child(all[i].folder, all[i].child, path, &err) != 0)
			fail_msg("%s: %s", all[i].child, err.text);
		assert_string_equal(path, all[i].path);
		assert_memory_equal(path, paths_folder(all[i].folder), folder);
		assert_int_equal(path[folder], '/');
	}
}

static void test_task_and_back(void **state)
{
	(void)state;
	static const char *const groups[] = {NULL, "", "g1", "instances"};
	static const struct {
		enum paths_part part;
		const char *name;
		enum paths_kind kind;
	} parts[] = {
		{PATHS_INSTANCES, "/instances", PATHS_OF_INSTANCES},
		{PATHS_LAST_COMMIT, "/lastCommit", PATHS_OF_LAST_COMMIT},
		{PATHS_CONTROL, "/control", PATHS_OF_CONTROL},
		{PATHS_STATUS, "/status", PATHS_OF_STATUS},
		{PATHS_COMMANDS, "/commands", PATHS_OF_COMMANDS},
		{PATHS_SCHEMA, "/schema", PATHS_OF_SCHEMA},
	};
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		char task[PATHS_SIZE], path[PATHS_SIZE], want[PATHS_SIZE];
		struct paths_parsed p;
		struct err err;
		bool cold = groups[g] && groups[g][0];
		assert_int_equal(paths_task(groups[g], "copy_hot_item", task, &err), 0);
		snprintf(want, sizeof(want), "%s%s%s/copy_hot_item", ROOT,
			 cold ? "/task-groups/" : "/tasks", cold ? groups[g] : "");
		assert_string_equal(task, want);
		assert_int_equal(paths_parse(task, &p), 0);
		assert_int_equal(p.kind, PATHS_OF_TASK);
		assert_string_equal(p.task, "copy_hot_item");
		assert_string_equal(p.group, cold ? groups[g] : "");
		for (size_t i = 0; i < 5; i++) {
			assert_int_equal(paths_part(task, parts[i].part, path, &err), 0);
			assert_memory_equal(path, task, strlen(task));
			assert_string_equal(path + strlen(task), parts[i].name);
			assert_int_equal(paths_parse(path, &p), 0);
			assert_int_equal(p.kind, parts[i].kind);
			assert_string_equal(p.child, "");
		}
		assert_int_equal(paths_instance(task, "h-x-0000000042", path, &err), 0);
		assert_int_equal(paths_parse(path, &p), 0);
		assert_int_equal(p.kind, PATHS_OF_INSTANCE);
		assert_string_equal(p.child, "h-x-0000000042");
		assert_string_equal(p.task, "copy_hot_item");
		assert_int_equal(paths_command(task, "handover-job-0000000001", path, &err), 0);
		assert_int_equal(paths_parse(path, &p), 0);
		assert_int_equal(p.kind, PATHS_OF_COMMAND);
		assert_string_equal(p.child, "handover-job-0000000001");
	}
}

static void test_numbers(void **state)
{
	(void)state;
	char path[PATHS_SIZE], host[PATHS_HOST_MAX + 1];
	uint64_t sequence;
	struct err err;
	assert_int_equal(paths_server_id("uuid", UINT32_MAX, path, &err), 0);
	assert_string_equal(path, ROOT "/server-ids/uuid/4294967295");
	assert_int_equal(paths_revision("t", 12, path, &err), 0);
	assert_string_equal(path, ROOT "/revisions/t/0000000012");
	assert_int_equal(paths_node_parse("db-1.example-0000000013", host, &sequence), 0);
	assert_string_equal(host, "db-1.example");
	assert_int_equal(sequence, 13);
	static const char *const bad[] = {"",		   "h",		     "-0000000001",
					  "h-000000001",   "h0000000001",    "h-00000000a1",
					  "h/x-0000000001", "..-0000000001", "h-0000000001 "};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (paths_node_parse(bad[i], NULL, NULL) != -EINVAL)
			fail_msg("accepted '%s'", bad[i]);
}

/* As long as names may be: nothing is cut, and it is read back. */
static void test_longest(void **state)
{
	(void)state;
	char name[TASK_NAME_MAX + 2], node[PATHS_NODE_MAX + 2], task[PATHS_SIZE], path[PATHS_SIZE];
	struct paths_parsed p;
	struct err err;
	memset(name, 'n', sizeof(name));
	name[TASK_NAME_MAX] = 0;
	memset(node, 'h', PATHS_HOST_MAX);
	memcpy(node + PATHS_HOST_MAX, "-0123456789", 12);
	assert_int_equal(paths_task(name, name, task, &err), 0);
	assert_int_equal(paths_instance(task, node, path, &err), 0);
	assert_int_equal(paths_parse(path, &p), 0);
	assert_string_equal(p.child, node);
	assert_string_equal(p.group, name);
	name[TASK_NAME_MAX] = 'n';
	name[TASK_NAME_MAX + 1] = 0;
	assert_int_equal(paths_task(NULL, name, task, &err), -EINVAL);
	memset(node, 'h', PATHS_HOST_MAX + 1);
	node[PATHS_HOST_MAX + 1] = 0;
	assert_int_equal(paths_child(PATHS_DRAINS, node, task, &err), -EINVAL);
}

/* For every folder; and the output is left alone. */
static void test_tricks(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", ".", "..", "../tasks", "a/b", "/", "/etc", "a/../../names", ".hidden", "-x",
		"a b", "a\tb", "a\n", "a\x01", "a%2fb", "a\\b", "a\x7f", "caf\xc3\xa9", "a\xff",
		"a*", "a?", "a;b", "$(x)", "a'b",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char path[PATHS_SIZE] = "untouched";
		struct err err = {0};
		for (int f = 0; f < PATHS_FOLDERS; f++) {
			err = (struct err){0};
			/* Types of ids may begin with '-', as common/zk has it. */
			if (f == PATHS_IDS && strcmp(bad[i], "-x") == 0)
				continue;
			if (paths_child((enum paths_folder)f, bad[i], path, &err) != -EINVAL)
				fail_msg("folder %d takes '%s': %s", f, bad[i], path);
			assert_ptr_equal(err.kind, ERR_NAME_INVALID);
			assert_true(err.where[0]);
		}
		assert_int_equal(paths_task(NULL, bad[i], path, &err), -EINVAL);
		assert_string_equal(err.where, "task");
		if (bad[i][0]) {
			assert_int_equal(paths_task(bad[i], "t", path, &err), -EINVAL);
			assert_string_equal(err.where, "group");
		}
		assert_int_equal(paths_server_id(bad[i], 1, path, &err), -EINVAL);
		assert_int_equal(paths_revision(bad[i], 1, path, &err), -EINVAL);
		assert_int_equal(paths_command(ROOT "/tasks/t", bad[i], path, &err), -EINVAL);
		assert_int_equal(paths_instance(ROOT "/tasks/t", bad[i], path, &err), -EINVAL);
		assert_int_equal(paths_part(bad[i], PATHS_CONTROL, path, &err), -EINVAL);
		assert_string_equal(path, "untouched");
	}
	static const char *const days[] = {"2026-02-30", "2026-13-01", "2026-1-01",
					   "2026-11-221", "20261122", "1969-01-01"};
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		struct err err;
		if (paths_name_check(PATHS_NAME_DAY, days[i], &err) != -EINVAL)
			fail_msg("accepted the day '%s'", days[i]);
	}
}

static void test_not_of_a_task(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "/", ROOT, ROOT "/tasks", ROOT "/tasks/", "/tasks/t", ROOT "/tasks//t",
		ROOT "/tasks/t/", ROOT "/tasks/../names", ROOT "/tasks/t/nothing",
		ROOT "/tasks/t/control/", ROOT "/tasks/t/control/x", ROOT "/tasks/t/lastCommit/x",
		ROOT "/tasks/t/instances/x", ROOT "/tasks/t/instances/h-0000000001/x",
		ROOT "/tasks/t/instances/../x-0000000001", ROOT "/tasks/t/commands/",
		ROOT "/tasks/t/commands/.x", ROOT "/task-groups/g", ROOT "/task-groups/g/",
		ROOT "/task-groups//t", ROOT "/task-groups/../tasks/t", ROOT "/tasksx/t",
		ROOT "x/tasks/t", ROOT "/names/t", ROOT "/tasks/t/a_part_with_a_long_name",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct paths_parsed p;
		if (paths_parse(bad[i], &p) != -EINVAL)
			fail_msg("took '%s' for a path of kind %d", bad[i], p.kind);
	}
	char path[PATHS_SIZE] = "untouched";
	struct err err;
	assert_int_equal(paths_part(ROOT "/tasks/t/control", PATHS_STATUS, path, &err), -EINVAL);
	assert_string_equal(path, "untouched");
	/* The output may be the input's place. */
	assert_int_equal(paths_task(NULL, "t", path, &err), 0);
	assert_int_equal(paths_part(path, PATHS_STATUS, path, &err), 0);
	assert_string_equal(path, ROOT "/tasks/t/status");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folders),	 cmocka_unit_test(test_task_and_back),
		cmocka_unit_test(test_numbers),	 cmocka_unit_test(test_longest),
		cmocka_unit_test(test_tricks),	 cmocka_unit_test(test_not_of_a_task),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
