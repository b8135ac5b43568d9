/* zk_path.c - connect strings and paths, checked before the library sees them. Pure. */
#include "common/zk/zk_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ZooKeeper's own rules, so that no request is refused (or leaked) inside the library. */
static const char *path_fault(const char *path)
{
	if (path[0] != '/')
		return "does not begin with '/'";
	if (path[1] == 0)
		return NULL;
	for (const char *part = path; *part;) {
		const char *end = part + 1 + strcspn(part + 1, "/");
		size_t n = (size_t)(end - part) - 1;
		if (n == 0)
			return "has an empty part";
		if ((n == 1 && part[1] == '.') || (n == 2 && part[1] == '.' && part[2] == '.'))
			return "has a part '.' or '..'";
		part = end;
	}
	for (const char *c = path; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return "has a control character";
	return NULL;
}

int zk_path_full(const char *chroot, const char *path, char out[ZK_PATH_MAX], struct err *err)
{
	const char *fault = path_fault(path);
	if (fault)
		return err_set(err, -EINVAL, ERR_INTERNAL, "the path %.200s %s", path, fault);
	const char *tail = chroot[0] && path[1] == 0 ? "" : path;
	if (strlen(chroot) + strlen(tail) >= ZK_PATH_MAX)
		return err_set(err, -EINVAL, ERR_INTERNAL, "the path %.200s… is too long", path);
	snprintf(out, ZK_PATH_MAX, "%s%s", chroot, tail);
	return 0;
}

const char *zk_path_client(const char *chroot, const char *full)
{
	size_t n = strlen(chroot);
	if (n == 0 || strncmp(full, chroot, n) != 0)
		return full;
	return full[n] == '/' ? full + n : full[n] == 0 ? "/" : full;
}

/* host:port, [v6]:port */
static bool host_valid(const char *host, size_t len)
{
	const char *colon = memrchr(host, ':', len);
	if (!colon || colon == host)
		return false;
	size_t name = (size_t)(colon - host);
	size_t digits = len - name - 1;
	if (host[0] == '[' ? host[name - 1] != ']' : memchr(host, ':', name) != NULL)
		return false;
	unsigned port = 0;
	for (size_t i = 0; i < digits; i++) {
		char c = colon[1 + i];
		if (c < '0' || c > '9' || i >= 5)
			return false;
		port = port * 10 + (unsigned)(c - '0');
	}
	for (size_t i = 0; i < name; i++)
		if ((unsigned char)host[i] <= ' ' || host[i] == 0x7f)
			return false;
	return port > 0 && port < 65536;
}

int zk_servers_parse(const char *servers, char hosts[ZK_ADDRESS_MAX], char chroot[ZK_PATH_MAX],
		     struct err *err)
{
	size_t len = strcspn(servers, "/");
	if (len == 0 || len >= ZK_ADDRESS_MAX || strlen(servers + len) >= ZK_PATH_MAX / 2)
		return err_set(err, -EINVAL, ERR_CONFIG_INVALID,
			       "zookeeper.servers \"%.200s\" is empty or too long", servers);
	for (size_t at = 0; at <= len;) {
		size_t n = 0;
		while (at + n < len && servers[at + n] != ',')
			n++;
		if (!host_valid(servers + at, n))
			return err_set(err, -EINVAL, ERR_CONFIG_INVALID,
				       "zookeeper.servers: \"%.*s\" is not host:port",
				       (int)(n > 200 ? 200 : n), servers + at);
		at += n + 1;
	}
	const char *root = servers + len;
	const char *fault = root[0] && root[1] ? path_fault(root) : NULL;
	if (fault)
		return err_set(err, -EINVAL, ERR_CONFIG_INVALID,
			       "zookeeper.servers: the chroot \"%.200s\" %s", root, fault);
	memcpy(hosts, servers, len);
	hosts[len] = 0;
	snprintf(chroot, ZK_PATH_MAX, "%s", root[0] && root[1] ? root : "");
	return 0;
}
