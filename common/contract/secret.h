/*
 * secret.h - passwords and keys: plain, by reference or sealed, resolved late, wiped on free.
 *
 * A reference names where the secret lies on this machine:
 *   file:NAME        a file under the daemon's secrets_dir (NAME has no path in it)
 *   env:MR_SECRET_X  an environment variable of that prefix
 *   credential:NAME  a file under CREDENTIALS_DIRECTORY (systemd's LoadCredential)
 * One newline at the end of a file is not part of the secret. What begins with "sealed:"
 * is sealed by common/seal, which this folder knows only as a function to call. Anything
 * else is the secret itself.
 *
 * No function here puts a secret's text into an error or a log.
 */
#ifndef MR_CONTRACT_SECRET_H
#define MR_CONTRACT_SECRET_H

#include "common/base/err.h"

#include <stdbool.h>

#define SECRET_SEALED_PREFIX "sealed:"

enum {
	SECRET_MAX = 64 * 1024,
	SECRET_SEALED_MAX = SECRET_MAX / 3 * 4 + 256, /* its sealed text */
};

/* Owns its memory. All zero: not set. */
struct secret {
	char *given; /* as the document has it: a reference, or the secret itself */
	char *text;  /* resolved; NULL before secret_resolve() and when not set */
	size_t len;
	char *path;  /* the file it came from, for libraries that want one; else NULL */
};

/* What a secret is for: a seal is bound to it. Borrowed strings. */
struct secret_use {
	const char *uid;   /* the task's */
	const char *field; /* its path in the document: "source.password" */
	const char *host;  /* whom it is sent to: "db1:3306,db2:3306", brokers */
	const char *user;
	bool pem; /* a certificate or key; not part of the seal */
};

/*
 * Opens a sealed secret. *ret_text is from malloc with a zero byte behind it, and wiped
 * by whoever gets it. Reports to err; see seal_open_for() of common/seal.
 */
typedef int secret_open_fn(void *ctx, const struct secret_use *use, const char *sealed,
			   char **ret_text, size_t *ret_len, struct err *err);

/* Where references are looked up, and who opens what is sealed. */
struct secret_places {
	const char *secrets_dir; /* NULL or "": file: references are refused */
	bool paths;              /* a value that begins with '/' is a path to read (TLS
				    material in standalone mode) */
	secret_open_fn *open;    /* NULL: sealed secrets are refused */
	void *open_ctx;
};

/*
 * References that no task's document may use: whoever may write a task could have them sent
 * to a server of his. Names that begin with "zk-" (variables: MR_SECRET_ZK) are so always;
 * this adds one of the daemon's own configuration. Once, before other threads; copied.
 */
int secret_reserve(const char *reference) MR_MUST_CHECK;
/* Copies `given`. 0 or -ENOMEM. */
int secret_set(struct secret *s, const char *given) MR_MUST_CHECK;
bool secret_is_reference(const char *given);
bool secret_is_sealed(const char *given);
/*
 * Fills text; ERR_SECRET_MISSING names what is to be created. Not set: nothing to do.
 * `use` may be NULL where nothing sealed is accepted: a secret of the daemon itself.
 */
int secret_resolve(struct secret *s, const struct secret_use *use,
		   const struct secret_places *places, struct err *err) MR_MUST_CHECK;
/* What may be shown: the reference, "***" for one that is plain or sealed, "" when not set. */
const char *secret_shown(const struct secret *s);
/* Overwrites and frees. */
void secret_clear(struct secret *s);
/*
 * Makes jansson overwrite what it frees: documents hold secrets, and its parser leaves
 * copies of each token. Process-wide, idempotent, any thread; document parsers call it.
 */
void secret_guard_json(void);

#endif
