/* zk_error.c - the library's return codes as -errno and a struct err. Pure. */
#include "common/zk/zk_priv.h"

#include "common/contract/errors.h"

#include <errno.h>

static int lost(bool write, const char *what, const char *path, struct err *err)
{
	if (write)
		return err_set(err, -EINPROGRESS, ERR_ZK_UNKNOWN,
			       "%s %s: the connection to ZooKeeper broke before the answer", what,
			       path);
	return err_set(err, -ETIMEDOUT, ERR_ZK_UNREACHABLE,
		       "%s %s: the connection to ZooKeeper broke before the answer", what, path);
}

int zk_error(int zrc, bool write, const char *what, const char *path, struct err *err)
{
	switch (zrc) {
	case ZOK:
		return 0;
	case ZNONODE:
		return err_set(err, -ENOENT, ERR_ZK_GONE, "%s %s: no such node", what, path);
	case ZNODEEXISTS:
		return err_set(err, -EEXIST, ERR_ZK_CONFLICT, "%s %s: the node is there already",
			       what, path);
	case ZNOTEMPTY:
		return err_set(err, -ENOTEMPTY, ERR_ZK_CONFLICT, "%s %s: the node has children",
			       what, path);
	case ZBADVERSION:
		return err_set(err, -ESTALE, ERR_ZK_CONFLICT,
			       "%s %s: the node was changed by another", what, path);
	case ZNOAUTH:
	case ZAUTHFAILED:
	case ZSESSIONCLOSEDREQUIRESASLAUTH:
		return err_set(err, -EACCES, ERR_ZK_AUTH, "%s %s: not allowed (%s)", what, path,
			       zerror(zrc));
	/*
	 * The leader checks the session before it executes, and the library answers so only
	 * for what it did not send: what was sent got ZCONNECTIONLOSS when the connection broke.
	 */
	case ZSESSIONEXPIRED:
		return err_set(err, -ENOLINK, ERR_ZK_EXPIRED, "%s %s: our session is over", what,
			       path);
	case ZSESSIONMOVED:
	case ZINVALIDSTATE:
	case ZTHROTTLEDOP:
		return err_set(err, -ENOTCONN, ERR_ZK_UNREACHABLE, "%s %s: not sent (%s)", what,
			       path, zerror(zrc));
	case ZCONNECTIONLOSS:
	case ZOPERATIONTIMEOUT:
	case ZCLOSING:
		return lost(write, what, path, err);
	case ZSYSTEMERROR:
		return err_set(err, -ENOMEM, ERR_MEMORY, "%s %s: out of memory", what, path);
	default:
		return err_set(err, -EPROTO, ERR_ZK_REFUSED, "%s %s: %s (%d)", what, path,
			       zerror(zrc), zrc);
	}
}
