/*
 * token.h - a bearer token and its document: made, taken apart, compared. Pure but for the
 * random bytes.
 *
 *   mrt_<id>_<secret>    id: 12 lower-case hexadecimal digits; secret: 32 random bytes as
 *                        43 characters of base64url without padding (RFC 4648 section 5)
 *
 * The tree has only SHA-256 of the secret's text: 32 random bytes need no slow hash. Who
 * may read the tree learns no token.
 */
#ifndef MR_SERVER_STORE_TOKEN_H
#define MR_SERVER_STORE_TOKEN_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	TOKEN_VERSION = 1,
	TOKEN_ID_LEN = 12,
	TOKEN_SECRET_LEN = 43,
	TOKEN_TEXT_SIZE = 4 + TOKEN_ID_LEN + 1 + TOKEN_SECRET_LEN + 1,
	TOKEN_HASH_SIZE = 32,
	TOKEN_NAME_MAX = 100,
	TOKEN_DOCUMENT_MAX = 4096,
};

enum token_role { TOKEN_VIEWER, TOKEN_OPERATOR, TOKEN_ADMIN };

extern const char *const token_roles[]; /* "viewer", …; NULL at the end */
/* 0 or -EINVAL. */
int token_role_parse(const char *name, int *ret);

struct token_doc {
	char *id;
	char *name; /* for people: "ci" */
	int role;   /* enum token_role */
	char *hash; /* "sha256:" and 64 hexadecimal digits */
	uint64_t created_ms; /* times are milliseconds since 1970 */
	uint64_t expires_ms; /* 0: never */
	char *by;            /* who made it */
};

/* 0 or -ENOMEM. */
int token_doc_init(struct token_doc *d) MR_MUST_CHECK;
void token_doc_clear(struct token_doc *d);
/* ERR_TOKEN_INVALID. */
int token_doc_parse(const char *text, size_t len, struct token_doc *ret,
		    struct err *err) MR_MUST_CHECK;
/* One line. Check out->failed. */
void token_doc_print(const struct token_doc *d, struct buf *out);

/* Sets id and hash of d to a new token's; ret_text is shown once and then wiped. */
int token_mint(struct token_doc *d, char ret_text[TOKEN_TEXT_SIZE]) MR_MUST_CHECK;

/* What a client sent: the id, copied, and where the secret begins in `text`. False: no token. */
bool token_split(const char *text, char ret_id[TOKEN_ID_LEN + 1], const char **ret_secret);
/* Whether a string is such an id. */
bool token_id_valid(const char *id);
/* The hash's bytes from a document's text. False: none. */
bool token_hash_parse(const char *hash, unsigned char ret[TOKEN_HASH_SIZE]);
/* Takes the same time whatever differs. */
bool token_matches(const unsigned char hash[TOKEN_HASH_SIZE], const char *secret);

#endif
