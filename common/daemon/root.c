/* root.c - see root.h. */
#include "common/daemon/root.h"

#include "common/base/json.h"
#include "common/contract/document.h"
#include "common/contract/errors.h"
#include "common/contract/paths.h"
#include "common/daemon/acl.h"
#include "common/os/log.h"
#include "common/os/random.h"

#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum {
	CALL_TIMEOUT_MS = 5000,
	WAIT_MS = 250, /* between two looks at `stop` */
	SAY_EVERY_S = 30,
	ROOT_DOCUMENT_MAX = 4096,
};

/*
 * Which daemon makes which folder. The maker may do everything with a node, whatever its
 * access list says; so what is mr-server's alone is made by mr-server alone.
 */
enum { CORE = 1 << ZK_ROLE_CORE, SERVER = 1 << ZK_ROLE_SERVER, MONITOR = 1 << ZK_ROLE_MONITOR };

static const struct folder {
	enum paths_folder folder;
	unsigned makers;
	const struct zk_acl *acl;
} folders[] = {
	{PATHS_TASKS, CORE | SERVER, &acl_folder},
	{PATHS_TASK_GROUPS, CORE | SERVER, &acl_folder},
	{PATHS_NAMES, CORE | SERVER, &acl_folder},
	{PATHS_PREFLIGHT, CORE | SERVER, &acl_folder},
	{PATHS_DRAINS, CORE | SERVER, &acl_folder},
	{PATHS_MACHINES, CORE | SERVER | MONITOR, &acl_folder},
	{PATHS_SERVERS, SERVER, &acl_folder},
	{PATHS_MONITORS, MONITOR | SERVER, &acl_folder},
	{PATHS_IDS, CORE | SERVER | MONITOR, &acl_folder},
	{PATHS_SERVER_IDS, CORE | SERVER, &acl_folder},
	{PATHS_OFFERS, CORE | SERVER, &acl_folder},
	{PATHS_ORDERS, SERVER | MONITOR, &acl_alerts},
	{PATHS_ALERTS, SERVER | MONITOR, &acl_alerts},
	{PATHS_SILENCES, SERVER | MONITOR, &acl_alerts},
	{PATHS_RULES, SERVER | MONITOR, &acl_alerts},
	{PATHS_AUDIT, SERVER, &acl_server},
	{PATHS_USERS, SERVER, &acl_server},
	{PATHS_TOKENS, SERVER, &acl_server},
	{PATHS_REVISIONS, SERVER, &acl_server},
};
_Static_assert(sizeof(folders) / sizeof(folders[0]) == PATHS_FOLDERS, "each folder has its maker");

int root_parse(const char *text, size_t len, struct root *ret, struct err *err)
{
	json_t *tree = document_parse(text, len, ROOT_DOCUMENT_MAX, PATHS_ROOT,
				      ERR_DOCUMENT_INVALID, err);
	if (!tree)
		return -EINVAL;
	const char *cluster = json_string_value(json_object_get(tree, "cluster"));
	const json_t *format = json_object_get(tree, "format");
	json_int_t level = json_integer_value(format);
	int rc = 0;
	if (!cluster || !cluster[0] || strlen(cluster) > ROOT_CLUSTER_MAX ||
	    cluster[strspn(cluster, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-")])
		rc = err_set_at(err, -EINVAL, ERR_DOCUMENT_INVALID, "cluster",
				"%s: 'cluster' is not a name of letters, digits, '_' and '-'",
				PATHS_ROOT);
	else if (!json_is_integer(format) || level < ROOT_FORMAT_MIN || level > ROOT_FORMAT_MAX)
		rc = err_set_at(err, -EINVAL, ERR_DOCUMENT_INVALID, "format",
				"%s: the installation is at format %lld, and this software reads "
				"%d to %d: run the version that fits",
				PATHS_ROOT, (long long)level, ROOT_FORMAT_MIN, ROOT_FORMAT_MAX);
	if (rc == 0) {
		strcpy(ret->cluster, cluster);
		ret->format = (unsigned)level;
	}
	json_decref(tree);
	return rc;
}

/* The root, made when it is not there; under the cluster id that we know, if we do. */
static int find(struct zk *zk, const char *known, struct root *ret, struct err *err)
{
	struct buf b;
	buf_init(&b);
	int rc = zk_get(zk, PATHS_ROOT, CALL_TIMEOUT_MS * USEC_PER_MSEC, &b, NULL, err);
	if (rc == -ENOENT || (rc == 0 && b.len == 0)) {
		bool there = rc == 0; /* as somebody else's parent, empty */
		char id[17];
		random_hex(id, 8);
		buf_free(&b);
		buf_init(&b);
		buf_lit(&b, "{\"cluster\":");
		json_put_string(&b, known[0] ? known : id, strlen(known[0] ? known : id));
		buf_printf(&b, ",\"format\":%d}", ROOT_FORMAT_MAX);
		const struct zk_create create = {.path = PATHS_ROOT, .data = b.data, .len = b.len,
						 .kind = ZK_PERSISTENT, .acl = &acl_folder,
						 .parents = true};
		rc = b.failed ? err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the root")
		     : there  ? zk_set(zk, PATHS_ROOT, b.data, b.len, 0,
				       CALL_TIMEOUT_MS * USEC_PER_MSEC, NULL, err)
			      : zk_create(zk, &create, CALL_TIMEOUT_MS * USEC_PER_MSEC, NULL, NULL, err);
		buf_free(&b);
		/* Made by us, by another, or nobody knows: what is there counts, next time. */
		return rc == 0 || rc == -EEXIST || rc == -ESTALE ? -EAGAIN : rc;
	}
	struct root found = {0};
	if (rc == 0)
		rc = root_parse(buf_cstr(&b), b.len, &found, err);
	buf_free(&b);
	if (rc == 0 && known[0] && strcmp(known, found.cluster) != 0)
		rc = err_set(err, -EINVAL, ERR_ZK_CONFLICT,
			     "the tree at %s is now that of cluster %s, and this process served "
			     "cluster %s: start it anew if that is meant",
			     PATHS_ROOT, found.cluster, known);
	if (rc == 0)
		*ret = found;
	return rc;
}

static int make_folders(struct zk *zk, enum zk_role role, struct err *err)
{
	struct zk_names names = {0};
	int rc = zk_children(zk, PATHS_ROOT, CALL_TIMEOUT_MS * USEC_PER_MSEC, &names, NULL, err);
	for (size_t i = 0; rc == 0 && i < PATHS_FOLDERS; i++) {
		const char *path = paths_folder(folders[i].folder);
		bool there = !(folders[i].makers & 1U << role);
		for (size_t k = 0; !there && k < names.n; k++)
			there = strcmp(names.v[k], path + strlen(PATHS_ROOT "/")) == 0;
		if (there)
			continue;
		const struct zk_create create = {
			.path = path, .kind = ZK_PERSISTENT, .acl = folders[i].acl};
		rc = zk_create(zk, &create, CALL_TIMEOUT_MS * USEC_PER_MSEC, NULL, NULL, err);
		if (rc == -EEXIST)
			rc = 0;
	}
	zk_names_free(&names);
	return rc;
}

/* Whether another try may end otherwise. */
static bool is_final(int rc, const struct err *err)
{
	return rc == -ENOMEM || (rc == -EINVAL && (err->kind == ERR_DOCUMENT_INVALID ||
						   err->kind == ERR_ZK_CONFLICT));
}

int root_find(struct zk *zk, enum zk_role role, const _Atomic(bool) *stop, struct root *io,
	      struct err *err)
{
	struct root found;
	usec_t said = 0;
	for (;;) {
		if (atomic_load(stop))
			return -ECANCELED;
		err_clear(err);
		int rc = zk_wait_connected(zk, WAIT_MS * USEC_PER_MSEC, err);
		if (rc < 0 && zk_state(zk) != ZK_AUTH_FAILED)
			continue;
		if (rc == 0)
			rc = find(zk, io->cluster, &found, err);
		if (rc == -EAGAIN)
			continue;
		if (rc == 0)
			rc = make_folders(zk, role, err);
		if (rc == 0) {
			*io = found;
			return 0;
		}
		if (is_final(rc, err))
			return rc;
		if (!said || clock_boot() - said > SAY_EVERY_S * USEC_PER_SEC) {
			log_err(LOG_LEVEL_WARN, "the tree's root, trying again", err);
			said = clock_boot();
		}
		nanosleep(&(struct timespec){.tv_nsec = WAIT_MS * 1000000L}, NULL);
	}
}
