/*
 * paths.h - the znodes of the tree (design.md, section 2): names to paths and back.
 *
 * Every path of the project is made here, and every name that becomes a part of one is
 * checked here first: no '/', no '.' or '..', no character that ZooKeeper or a terminal
 * takes for something else. A chroot is common/zk's to put in front.
 *
 * Functions return 0, or -EINVAL and ERR_NAME_INVALID (err.where is what the name is for:
 * "task", "group"), and leave the output untouched then. Pure; nothing is kept.
 */
#ifndef MR_CONTRACT_PATHS_H
#define MR_CONTRACT_PATHS_H

#include "common/base/err.h"
#include "common/contract/task.h"

#include <stdbool.h>
#include <stdint.h>

#define PATHS_ROOT "/mysql_replicator"

enum {
	PATHS_SIZE = 512,     /* of a path with its zero byte: the longest one fits */
	PATHS_HOST_MAX = 253, /* of a host's name: `<host>-<ten digits>` is a PATHS_NODE_MAX */
	PATHS_NODE_MAX = PATHS_HOST_MAX + 11,
	PATHS_ID_MAX = 128,   /* of ids of commands, orders, silences, rules, tokens, sources */
};

/* What a name is for; each has its characters and length. */
enum paths_name {
	PATHS_NAME_TASK,  /* task_name_check() */
	PATHS_NAME_GROUP, /* the same */
	PATHS_NAME_HOST,  /* letters, digits, '-', '_', '.'; begins with a letter or digit */
	PATHS_NAME_NODE,  /* `<host>-<ten digits>` */
	PATHS_NAME_ID,    /* letters, digits, '-', '_', '.', ':', '@'; begins with no '.' or '-' */
	PATHS_NAME_TYPE,  /* of the naming service: letters, digits, '_', '-', at most 64 */
	PATHS_NAME_DAY,   /* 2026-11-22, a day that there is */
};

int paths_name_check(enum paths_name kind, const char *name, struct err *err) MR_MUST_CHECK;

/* The folders under the root. */
enum paths_folder {
	PATHS_TASKS,       /* task */
	PATHS_TASK_GROUPS, /* group */
	PATHS_NAMES,       /* task */
	PATHS_PREFLIGHT,   /* id */
	PATHS_DRAINS,      /* host */
	PATHS_ORDERS,      /* id */
	PATHS_MACHINES,    /* node */
	PATHS_SERVERS,     /* node */
	PATHS_MONITORS,    /* node */
	PATHS_IDS,         /* type */
	PATHS_SERVER_IDS,  /* id: of the source's topology */
	PATHS_OFFERS,      /* group */
	PATHS_ALERTS,      /* id */
	PATHS_SILENCES,    /* id */
	PATHS_RULES,       /* id */
	PATHS_AUDIT,       /* day */
	PATHS_USERS,       /* id */
	PATHS_TOKENS,      /* id */
	PATHS_REVISIONS,   /* task */
	PATHS_FOLDERS,     /* how many there are */
};

/* "/mysql_replicator/machines": a constant. */
const char *paths_folder(enum paths_folder folder);
/* "/mysql_replicator/names/<name>": a node of the folder, by the kind of name given above. */
int paths_child(enum paths_folder folder, const char *name, char ret_path[PATHS_SIZE],
		struct err *err) MR_MUST_CHECK;

/* A task: hot when group is NULL or "", else cold. */
int paths_task(const char *group, const char *name, char ret_path[PATHS_SIZE],
	       struct err *err) MR_MUST_CHECK;
/* "…/server-ids/<source>/<server_id>": the lease of one id. */
int paths_server_id(const char *source, uint32_t server_id, char ret_path[PATHS_SIZE],
		    struct err *err) MR_MUST_CHECK;
/* "…/revisions/<task>/<ten digits>": they sort by number. */
int paths_revision(const char *task, uint32_t revision, char ret_path[PATHS_SIZE],
		   struct err *err) MR_MUST_CHECK;

/* What lies in a task. */
enum paths_part {
	PATHS_INSTANCES,
	PATHS_LAST_COMMIT,
	PATHS_CONTROL,
	PATHS_STATUS,
	PATHS_COMMANDS,
	PATHS_SCHEMA, /* the history of table definitions: core/progress/schema_store.h */
};

/* A part of the task at task_path, which must be one (-EINVAL otherwise). */
int paths_part(const char *task_path, enum paths_part part, char ret_path[PATHS_SIZE],
	       struct err *err) MR_MUST_CHECK;
/* "…/instances/<node>" of an existing node. */
int paths_instance(const char *task_path, const char *node, char ret_path[PATHS_SIZE],
		   struct err *err) MR_MUST_CHECK;
int paths_command(const char *task_path, const char *id, char ret_path[PATHS_SIZE],
		  struct err *err) MR_MUST_CHECK;
int paths_schema_chunk(const char *task_path, const char *chunk, char ret_path[PATHS_SIZE],
		       struct err *err) MR_MUST_CHECK;

enum paths_kind {
	PATHS_OF_TASK,
	PATHS_OF_INSTANCES,
	PATHS_OF_INSTANCE, /* child: the node */
	PATHS_OF_LAST_COMMIT,
	PATHS_OF_CONTROL,
	PATHS_OF_STATUS,
	PATHS_OF_COMMANDS,
	PATHS_OF_COMMAND, /* child: its id */
	PATHS_OF_SCHEMA,
	PATHS_OF_SCHEMA_CHUNK, /* child: its name */
};

struct paths_parsed {
	enum paths_kind kind;
	char group[TASK_NAME_MAX + 1]; /* "" of a hot task */
	char task[TASK_NAME_MAX + 1];
	char child[PATHS_NODE_MAX + 1];
};

/* A path of a task or of what lies in it. -EINVAL: it is none; no error is told. */
int paths_parse(const char *path, struct paths_parsed *ret) MR_MUST_CHECK;

/* "<host>-<ten digits>" taken apart. -EINVAL: it is none. Either output may be NULL. */
int paths_node_parse(const char *node, char ret_host[PATHS_HOST_MAX + 1],
		     uint64_t *ret_sequence) MR_MUST_CHECK;

#endif
