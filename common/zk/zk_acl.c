/*
 * zk_acl.c - who may do what with a node, as ZooKeeper's access lists.
 *
 * With `auth` our own entry is made by the scheme "auth", which the server replaces by the
 * identity we logged in with: the password is sent, the identity needs no computing. The
 * other roles' entries are digest identities from the configuration. A role without one
 * shares our identity, and has no entry of its own.
 */
#include "common/zk/zk_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { SHARED = ZK_READ | ZK_WRITE | ZK_CREATE | ZK_DELETE };

const struct zk_acl zk_acl_shared = {.may = {SHARED, SHARED, SHARED}};
const struct zk_acl zk_acl_private = {.may = {0, 0, 0}};

/* The server's bits are ours. */
_Static_assert(ZK_READ == 1 && ZK_WRITE == 2 && ZK_CREATE == 4 && ZK_DELETE == 8 && ZK_ADMIN == 16,
	       "ZOO_PERM_*");

const struct ACL_vector *zk_acl_build(const struct zk *zk, const struct zk_acl *acl,
				      struct zk_acl_space *space)
{
	static char scheme_auth[] = "auth", scheme_digest[] = "digest", nobody[] = "";
	if (!zk->auth)
		return &ZOO_OPEN_ACL_UNSAFE;
	if (!acl)
		acl = &zk_acl_shared;
	int n = 0;
	space->acls[n++] = (struct ACL){ZOO_PERM_ALL, {scheme_auth, nobody}};
	for (int role = 0; role < ZK_ROLES; role++) {
		/* The library's structs are not const; it only reads them. */
		char *identity = (char *)zk->identities[role];
		if (role != (int)zk->role && identity[0] && acl->may[role])
			space->acls[n++] =
				(struct ACL){acl->may[role], {scheme_digest, identity}};
	}
	space->vector = (struct ACL_vector){n, space->acls};
	return &space->vector;
}

int zk_identity(const char *auth, char ret_identity[ZK_IDENTITY_MAX], struct err *err)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[64];
	unsigned n;
	const char *colon = strchr(auth, ':');
	size_t user = colon ? (size_t)(colon - auth) : 0;
	if (user == 0 || user > 128 || !colon[1])
		return err_set(err, -EINVAL, ERR_CONFIG_INVALID,
			       "zookeeper.auth is not user:password");
	if (EVP_Digest(auth, strlen(auth), digest, &n, EVP_sha1(), NULL) != 1)
		return err_set(err, -EPROTO, ERR_INTERNAL, "SHA-1 is not to be had");
	EVP_EncodeBlock((unsigned char *)text, digest, (int)n);
	snprintf(ret_identity, ZK_IDENTITY_MAX, "%.*s:%s", (int)user, auth, text);
	return 0;
}
