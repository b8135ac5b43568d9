/*
 * secret.h - passwords and keys: plain or by reference, resolved late, wiped on free.
 *
 * A reference names where the secret lies on this machine:
 *   file:NAME        a file under the daemon's secrets_dir (NAME has no path in it)
 *   env:MR_SECRET_X  an environment variable of that prefix
 *   credential:NAME  a file under CREDENTIALS_DIRECTORY (systemd's LoadCredential)
 * One newline at the end of a file is not part of the secret. Anything else is the
 * secret itself.
 *
 * No function here puts a secret's text into an error or a log.
 */
#ifndef MR_CONTRACT_SECRET_H
#define MR_CONTRACT_SECRET_H

#include "common/base/err.h"

#include <stdbool.h>

enum { SECRET_MAX = 64 * 1024 };

/* Owns its memory. All zero: not set. */
struct secret {
	char *given; /* as the document has it: a reference, or the secret itself */
	char *text;  /* resolved; NULL before secret_resolve() and when not set */
	size_t len;
	char *path;  /* the file it came from, for libraries that want one; else NULL */
};

/* Where references are looked up. */
struct secret_places {
	const char *secrets_dir; /* NULL or "": file: references are refused */
	bool paths;              /* a value that begins with '/' is a path to read (TLS
				    material in standalone mode) */
};

/* Copies `given`. 0 or -ENOMEM. */
int secret_set(struct secret *s, const char *given) MR_MUST_CHECK;
bool secret_is_reference(const char *given);
/* Fills text; ERR_SECRET_MISSING names what is to be created. Not set: nothing to do. */
int secret_resolve(struct secret *s, const struct secret_places *places,
		   struct err *err) MR_MUST_CHECK;
/* What may be shown: the reference, "***" for a plain one, "" when not set. */
const char *secret_shown(const struct secret *s);
/* Overwrites and frees. */
void secret_clear(struct secret *s);
/*
 * Makes jansson overwrite what it frees: documents hold secrets, and its parser leaves
 * copies of each token. Process-wide, idempotent, any thread; document parsers call it.
 */
void secret_guard_json(void);

#endif
