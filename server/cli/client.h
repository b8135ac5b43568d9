/*
 * client.h - one request to mr-server at a time; the only includer of curl.h here.
 *
 * Main thread; blocks for at most the request's timeout. An answer is what came with any
 * status, whole and at most CLIENT_ANSWER_MAX bytes; what did not come whole is an error.
 * The token goes to the configured address alone: no redirect is followed, no proxy used,
 * certificates and the host's name are checked.
 */
#ifndef MR_CLI_CLIENT_H
#define MR_CLI_CLIENT_H

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "server/cli/settings.h"

enum { CLIENT_ANSWER_MAX = 32 * 1024 * 1024, CLIENT_ETAG_MAX = 64 };

struct client;

struct client_request {
	const char *method;
	const char *path; /* behind /api/v1, encoded: path_put() */
	const char *body; /* JSON; NULL: none */
	size_t body_len;
	const char *if_match; /* a revision, without quotes; NULL: none */
	usec_t timeout;
	bool may_be_null; /* `null` is an answer too: what is asked for is not there yet */
};

struct client_answer {
	long status;
	struct buf body;
	char etag[CLIENT_ETAG_MAX]; /* without quotes; "" when there is none */
	char type[64];		    /* "application/json" */
	long retry_after;	    /* seconds; -1: not said */
};

/* The settings stay. ERR_INTERNAL when the library does not start. */
int client_open(const struct settings *settings, struct client **ret,
		struct err *err) MR_MUST_CHECK;
void client_close(struct client *c);
/*
 * 0 with an answer of any status, for client_answer_clear(); else ERR_SERVER_UNREACHABLE
 * or ERR_SERVER_ANSWER and nothing to clear.
 */
int client_call(struct client *c, const struct client_request *request, struct client_answer *ret,
		struct err *err) MR_MUST_CHECK;
void client_answer_clear(struct client_answer *a);

/* "/" and the name, with every byte encoded that a path gives a meaning to. Pure. */
void client_put_name(struct buf *path, const char *name);
/* The same of a query's value, without the "/". Pure. */
void client_put_value(struct buf *path, const char *value);

#endif
