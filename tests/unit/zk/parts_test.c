/* parts_test.c - connect strings, paths, access lists, error codes; opening without a server. */
#include "common/zk/zk_priv.h"

#include "common/contract/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>

static void test_servers(void **state)
{
	char hosts[ZK_ADDRESS_MAX], chroot[ZK_PATH_MAX];
	struct err err;
	static const char *const wrong[] = {
		"",	   "zk1",	 "zk1:",      "zk1:0",	 "zk1:65536", "zk1:2181,",
		",zk1:1",  "zk1:2181,,", ":2181",     "zk 1:21", "zk1:21x1",  "zk1:2181//a",
		"zk1:1/a/", "zk1:1/../x", "/a",	      "::1:2181", "zk1:1/a/./b",
	};
	(void)state;
	assert_int_equal(zk_servers_parse("zk1:2181", hosts, chroot, &err), 0);
	assert_string_equal(hosts, "zk1:2181");
	assert_string_equal(chroot, "");
	assert_int_equal(zk_servers_parse("a:1,[::1]:2181,c:65535/x/y", hosts, chroot, &err), 0);
	assert_string_equal(hosts, "a:1,[::1]:2181,c:65535");
	assert_string_equal(chroot, "/x/y");
	assert_int_equal(zk_servers_parse("a:1/", hosts, chroot, &err), 0);
	assert_string_equal(chroot, "");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		err_clear(&err);
		assert_int_equal(zk_servers_parse(wrong[i], hosts, chroot, &err), -EINVAL);
		assert_ptr_equal(err.kind, ERR_CONFIG_INVALID);
	}
}

static void test_paths(void **state)
{
	char out[ZK_PATH_MAX], longest[ZK_PATH_MAX + 1];
	static const char *const wrong[] = {"",	   "a",	   "/a/",  "//",     "/a//b",
					    "/.",  "/..",  "/a/..", "/a/../b", "/a\nb"};
	(void)state;
	assert_int_equal(zk_path_full("", "/a/b", out, NULL), 0);
	assert_string_equal(out, "/a/b");
	assert_int_equal(zk_path_full("/root", "/a", out, NULL), 0);
	assert_string_equal(out, "/root/a");
	assert_int_equal(zk_path_full("/root", "/", out, NULL), 0);
	assert_string_equal(out, "/root");
	assert_int_equal(zk_path_full("", "/", out, NULL), 0);
	assert_string_equal(out, "/");
	assert_int_equal(zk_path_full("", "/...", out, NULL), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(zk_path_full("/root", wrong[i], out, NULL), -EINVAL);
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[ZK_PATH_MAX] = 0;
	assert_int_equal(zk_path_full("", longest, out, NULL), -EINVAL);
	longest[ZK_PATH_MAX - 1] = 0;
	assert_int_equal(zk_path_full("", longest, out, NULL), 0);
	assert_int_equal(zk_path_full("/r", longest, out, NULL), -EINVAL);
	assert_string_equal(zk_path_client("/root", "/root/a"), "/a");
	assert_string_equal(zk_path_client("/root", "/root"), "/");
	assert_string_equal(zk_path_client("/root", "/rooted/a"), "/rooted/a");
	assert_string_equal(zk_path_client("", "/a"), "/a");
}

/* The pair that ZooKeeper's own manuals show. */
static void test_identity(void **state)
{
	char identity[ZK_IDENTITY_MAX];
	struct err err;
	(void)state;
	assert_int_equal(zk_identity("super:test", identity, &err), 0);
	assert_string_equal(identity, "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
	assert_int_equal(zk_identity("nocolon-canary", identity, &err), -EINVAL);
	assert_null(strstr(err.text, "canary"));
	assert_int_equal(zk_identity(":canary", identity, &err), -EINVAL);
	assert_int_equal(zk_identity("user:", identity, &err), -EINVAL);
}

static void test_acl(void **state)
{
	struct zk zk = {.role = ZK_ROLE_SERVER};
	struct zk_acl_space space;
	char auth[] = "s:p";
	(void)state;
	assert_ptr_equal(zk_acl_build(&zk, NULL, &space), &ZOO_OPEN_ACL_UNSAFE);
	zk.auth = auth;
	/* One identity for all: nobody else has an entry. */
	assert_int_equal(zk_acl_build(&zk, NULL, &space)->count, 1);
	assert_string_equal(space.acls[0].id.scheme, "auth");
	assert_int_equal(space.acls[0].perms, 31);
	strcpy(zk.identities[ZK_ROLE_CORE], "c:hash");
	strcpy(zk.identities[ZK_ROLE_SERVER], "s:hash");
	strcpy(zk.identities[ZK_ROLE_MONITOR], "m:hash");
	struct zk_acl acl = {.may = {ZK_READ, 0, ZK_READ | ZK_WRITE}};
	assert_int_equal(zk_acl_build(&zk, &acl, &space)->count, 3);
	assert_string_equal(space.acls[0].id.scheme, "auth");
	assert_string_equal(space.acls[1].id.scheme, "digest");
	assert_string_equal(space.acls[1].id.id, "c:hash");
	assert_int_equal(space.acls[1].perms, 1);
	assert_string_equal(space.acls[2].id.id, "m:hash");
	assert_int_equal(space.acls[2].perms, 3);
	assert_int_equal(zk_acl_build(&zk, &zk_acl_private, &space)->count, 1);
	assert_int_equal(zk_acl_build(&zk, NULL, &space)->count, 3);
	assert_int_equal(space.acls[1].perms, 15);
}

static void test_errors(void **state)
{
	static const struct {
		int zrc, read, write;
		const struct err_kind *kind;
	} vectors[] = {
		{ZNONODE, -ENOENT, -ENOENT, ERR_ZK_GONE},
		{ZNODEEXISTS, -EEXIST, -EEXIST, ERR_ZK_CONFLICT},
		{ZBADVERSION, -ESTALE, -ESTALE, ERR_ZK_CONFLICT},
		{ZNOTEMPTY, -ENOTEMPTY, -ENOTEMPTY, ERR_ZK_CONFLICT},
		{ZNOAUTH, -EACCES, -EACCES, ERR_ZK_AUTH},
		{ZAUTHFAILED, -EACCES, -EACCES, ERR_ZK_AUTH},
		{ZSESSIONEXPIRED, -ENOLINK, -ENOLINK, ERR_ZK_EXPIRED},
		{ZSESSIONMOVED, -ENOTCONN, -ENOTCONN, ERR_ZK_UNREACHABLE},
		{ZINVALIDSTATE, -ENOTCONN, -ENOTCONN, ERR_ZK_UNREACHABLE},
		{ZRUNTIMEINCONSISTENCY, -EPROTO, -EPROTO, ERR_ZK_REFUSED},
		{ZINVALIDACL, -EPROTO, -EPROTO, ERR_ZK_REFUSED},
	};
	static const int lost[] = {ZCONNECTIONLOSS, ZOPERATIONTIMEOUT, ZCLOSING};
	struct err err;
	(void)state;
	assert_int_equal(zk_error(ZOK, true, "set", "/a", &err), 0);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		assert_int_equal(zk_error(vectors[i].zrc, false, "get", "/a", &err),
				 vectors[i].read);
		assert_ptr_equal(err.kind, vectors[i].kind);
		assert_int_equal(zk_error(vectors[i].zrc, true, "set", "/a", &err),
				 vectors[i].write);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(zk_error(lost[i], false, "get", "/a", &err), -ETIMEDOUT);
		assert_ptr_equal(err.kind, ERR_ZK_UNREACHABLE);
		assert_int_equal(zk_error(lost[i], true, "set", "/a", &err), -EINPROGRESS);
		assert_ptr_equal(err.kind, ERR_ZK_UNKNOWN);
	}
}

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static struct zk_options options(void)
{
	return (struct zk_options){.servers = "127.0.0.1:1",
				   .session_timeout = USEC_PER_SEC,
				   .role = ZK_ROLE_CORE,
				   .auth = "core:canary"};
}

/* Opening waits for nothing, a call waits as long as it says, closing leaves nothing. */
static void test_nobody_there(void **state)
{
	struct zk *zk = NULL;
	struct err err = {0};
	(void)state;
	int before = open_fds();
	struct zk_options o = options();
	assert_int_equal(zk_open(&o, &zk, &err), 0);
	usec_t began = clock_boot();
	assert_int_equal(zk_wait_connected(zk, 150 * USEC_PER_MSEC, &err), -ETIMEDOUT);
	assert_ptr_equal(err.kind, ERR_ZK_UNREACHABLE);
	struct buf out;
	buf_init(&out);
	assert_int_equal(zk_get(zk, "/a", 150 * USEC_PER_MSEC, &out, NULL, &err), -ETIMEDOUT);
	assert_int_equal(zk_set(zk, "/a", "x", 1, 0, 150 * USEC_PER_MSEC, NULL, &err), -ETIMEDOUT);
	assert_in_range(clock_boot() - began, 450 * USEC_PER_MSEC, 5 * USEC_PER_SEC);
	assert_false(zk_may_act(zk));
	assert_int_equal(zk_session_id(zk), 0);
	assert_int_equal(zk_state(zk), ZK_CONNECTING);
	zk_dispatch(zk);
	buf_free(&out);
	zk_close(zk);
	assert_int_equal(open_fds(), before);
}

static void count_call(void *ctx, const struct zk_reply *reply)
{
	(void)reply;
	++*(int *)ctx;
}

static void take_rc(void *ctx, const struct zk_reply *reply)
{
	*(int *)ctx = reply->rc;
}

static void test_async_without_connection(void **state)
{
	struct zk *zk = NULL;
	int rc = 1, calls = 0;
	static char large[ZK_DOCUMENT_MAX + 1];
	(void)state;
	struct zk_options o = options();
	assert_int_equal(zk_open(&o, &zk, NULL), 0);
	assert_non_null(zk_get_async(zk, "/a", take_rc, &rc));
	assert_int_equal(rc, 1); /* never from within the call */
	zk_dispatch(zk);
	assert_int_equal(rc, -ENOTCONN);
	struct zk_op *op = zk_set_async(zk, "/a", large, sizeof(large), 0, count_call, &calls);
	assert_non_null(op);
	zk_op_cancel(op);
	/* Left in the queue when the session closes. */
	assert_non_null(zk_get_async(zk, "/a", count_call, &calls));
	zk_close(zk);
	assert_int_equal(calls, 0);
}

static void test_options(void **state)
{
	struct zk *zk = NULL;
	struct err err = {0};
	struct zk_tls tls = {.ca = "/ca", .cert = "/cert", .key = "/key"};
	(void)state;
	struct zk_options o = options();
	o.session_timeout = 0;
	assert_int_equal(zk_open(&o, &zk, &err), -EINVAL);
	o = options();
	o.auth = "canary";
	assert_int_equal(zk_open(&o, &zk, &err), -EINVAL);
	assert_null(strstr(err.text, "canary"));
	o = options();
	o.identities[ZK_ROLE_MONITOR] = "nothing";
	assert_int_equal(zk_open(&o, &zk, &err), -EINVAL);
	o = options();
	o.servers = "zk";
	assert_int_equal(zk_open(&o, &zk, &err), -EINVAL);
#ifndef MR_ZK_TLS
	o = options();
	o.tls = &tls;
	assert_int_equal(zk_open(&o, &zk, &err), -ENOTSUP);
	assert_ptr_equal(err.kind, ERR_CONFIG_INVALID);
	assert_non_null(strstr(err.text, "TLS"));
#endif
	assert_null(zk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_acl),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_async_without_connection),
		cmocka_unit_test(test_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
